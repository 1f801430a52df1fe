"""A page that runs a LiteRT file in the visitor's browser."""
