"""The SavedModel for TF Serving: signatures with decoding and tiling inside."""
