"""Serves an exported model in a process of its own and asks it as a client, before a push."""

# The name under which the process serves the model.
MODEL = "candidate"
