"""The task's schema as an artifact."""
