"""Reads the files that people have, of any kind, without TensorFlow."""
