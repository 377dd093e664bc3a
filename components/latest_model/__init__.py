"""The model that a candidate is compared with."""
