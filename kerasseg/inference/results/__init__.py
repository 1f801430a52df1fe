"""What predict writes: names, labels, probabilities, and the list of all of it."""
