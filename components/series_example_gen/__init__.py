"""An ExampleGen for time series in the long format: one row per series and time."""
