"""One module per data set, each holding `DATASET`; `data/registry.py` finds them by itself."""
