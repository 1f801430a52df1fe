"""Dense CRF: sharpens a prediction along the edges of its image."""

from kerasseg.crf.mean_field import (
    EXACT_LIMIT,
    MOST_BYTES,
    check_memory,
    dense_crf,
)

__all__ = ["EXACT_LIMIT", "MOST_BYTES", "check_memory", "dense_crf"]
