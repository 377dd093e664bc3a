"""What `import tidegate` gives: a run, its outcome and models, called from Python."""
