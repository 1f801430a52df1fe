"""Files in general: written as a whole, locked, fetched, checked, not trusted."""
