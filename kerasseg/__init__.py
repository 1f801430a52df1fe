"""kerasseg: semantic image segmentation on TensorFlow and Keras 3, from raw data to
deployment. Importing this package imports nothing heavy; its modules do."""

__version__ = "0.1.0"


class UserError(ValueError):
    """A wrong input. Its text says what was expected, what came and what to do.

    Commands print it as one line and end with exit code 2; every other error is a
    defect and keeps its traceback.
    """
