"""The records on disk: samples as `tf.train.Example`, and their `dataset.json`."""
