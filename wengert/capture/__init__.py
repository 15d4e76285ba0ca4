"""A Python function is run once on recorded values and written down on a tape."""
