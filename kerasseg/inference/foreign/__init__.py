"""Networks that kerasseg did not train: what they take and give, found by a look."""
