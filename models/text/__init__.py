"""What text tasks share: tokens and vocabularies, one way and back."""
