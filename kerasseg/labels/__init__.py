"""Operations on maps of ids in NumPy and OpenCV, without Keras or TensorFlow."""
