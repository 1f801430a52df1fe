"""Mask files, and the rule by which their pixels become class ids."""
