"""Runs trained networks on pictures, videos and maps."""
