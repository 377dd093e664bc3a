"""Keras layers that every task may use, written with `keras.ops` only.

`recurrent`: the LSTM (or GRU) stack. `pooling`: from a sequence to one vector per row. `attention`:
from the steps of one sequence to those of another. `decoding`, in TensorFlow, as it is part of the
served graph: sequences continued token by token.
"""
