"""What series tasks share: calendar and season."""
