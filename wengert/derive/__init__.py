"""A tape in; a new tape, or a fact about it, out."""
