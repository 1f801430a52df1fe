"""Data on its way to a network: sources read, records written, batches fed."""
