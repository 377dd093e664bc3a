"""`tidegate predict`."""
