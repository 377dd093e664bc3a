"""One module per data set, each holding `DATASET`; `data.registry` finds them by itself."""
