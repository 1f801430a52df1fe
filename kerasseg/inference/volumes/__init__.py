"""Runs trained networks on volumes: CT, MRI, stacks of a microscope."""
