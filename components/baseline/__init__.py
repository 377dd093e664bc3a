"""What a simple model reaches on the same splits."""
