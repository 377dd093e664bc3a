"""Pushes a version that is complete before it is visible."""
