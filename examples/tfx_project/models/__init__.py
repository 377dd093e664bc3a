"""The project's models: Transform's and Trainer's functions, found by their import paths."""
