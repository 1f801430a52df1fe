"""Exports a run to the formats that devices and servers run, and scores each file."""
