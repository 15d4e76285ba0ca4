"""The tape itself: nodes, operations, types, and what a legal tape is."""
