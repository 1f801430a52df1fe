"""Rasters and polygons with a place on Earth, read window by window."""
