"""The one training loop: steps, checkpoints, workers."""
