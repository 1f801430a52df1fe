"""Image files of any format, each with its own bands and type."""
