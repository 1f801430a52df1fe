"""From data sets to records: classes mapped and joined, train and val divided."""

AND = "+"
"""What stands between the names of several sources."""
