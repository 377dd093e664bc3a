"""Language models: the probability of text, and text by its probability."""
