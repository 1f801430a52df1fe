"""Legends: files that name the classes of masks."""
