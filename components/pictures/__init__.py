"""Pictures of a trained model: how it learnt, and what the task shows of its answers."""
