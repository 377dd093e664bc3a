"""Continuing sequences in the graph: greedy, drawn or searched; with the stock server's ops."""
