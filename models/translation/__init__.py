"""Translation: texts to texts, by an LSTM encoder and decoder with attention."""
