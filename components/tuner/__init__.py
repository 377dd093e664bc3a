"""TFX's Tuner with the project's training loop."""
