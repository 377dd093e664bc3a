"""Raw sequences to a validated LSTM model behind TensorFlow Serving."""
