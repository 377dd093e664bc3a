"""Files of rows, as training and asking read them; imports no other room and no TensorFlow."""
