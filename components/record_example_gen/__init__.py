"""An ExampleGen for tables of records: CSV, TSV, JSON lines, Parquet."""
