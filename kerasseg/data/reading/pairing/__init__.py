"""Which mask belongs to which image, and which split they are in."""
