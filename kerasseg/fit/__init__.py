"""Training: from settings and records to the weights of a network."""
