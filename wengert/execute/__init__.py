"""A tape meets numbers."""
