"""`tidegate compile` and `submit`."""
