"""Models: what all tasks share, the layers, and one package for each task."""
