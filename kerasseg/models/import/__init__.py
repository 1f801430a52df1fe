"""`python -m kerasseg.models.import`; the code is in `kerasseg.models.importing`."""
