"""What all tasks share: the contract of a task, settings, training, evaluation, export."""
