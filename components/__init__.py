"""The TFX components that TFX lacks, and the functions TFX calls by import path."""
