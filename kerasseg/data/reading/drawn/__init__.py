"""Annotation files of tools: polygons, run lengths and brushes as masks."""
