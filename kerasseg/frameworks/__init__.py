"""What Keras and TensorFlow do not offer in public."""
