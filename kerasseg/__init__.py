"""kerasseg: semantic image segmentation on TensorFlow and Keras 3, from raw data to
deployment. Importing this package imports nothing heavy; its modules do."""

__version__ = "0.1.0"
