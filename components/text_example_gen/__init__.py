"""An ExampleGen for running text: plain files, and tables with a column of texts."""
