"""Loads an exported model in a process of its own and checks its answers before it is pushed."""
