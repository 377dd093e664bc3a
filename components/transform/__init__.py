"""The preprocessing function of TFX's Transform."""
