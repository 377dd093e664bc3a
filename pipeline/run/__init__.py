"""`tidegate run`: a pipeline on this machine."""
