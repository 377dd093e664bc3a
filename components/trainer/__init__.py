"""TFX's Trainer with the project's training loop."""
