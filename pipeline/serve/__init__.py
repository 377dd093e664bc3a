"""`tidegate serve` and `rollback`."""
