"""Recognises which data set a folder holds, by its files: for `prepare auto`."""
