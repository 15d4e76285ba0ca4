"""A tape becomes a graph of functions over axes, and the graph a nest of loops."""
