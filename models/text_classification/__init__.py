"""Text classification: one label per text."""
