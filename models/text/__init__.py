"""What text tasks share: tokens and vocabularies."""
