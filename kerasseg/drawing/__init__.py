"""Pictures, plots and pages for people, without Keras or TensorFlow."""
