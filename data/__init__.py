"""Data sets: where they come from, how they are checked; imports no other room."""
