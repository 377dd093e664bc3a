"""What the ExampleGens share."""
