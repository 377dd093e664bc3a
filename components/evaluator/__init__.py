"""TFX's Evaluator with the task's metrics."""
