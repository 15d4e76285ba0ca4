"""What is not lowered: one exception, whatever the reason."""

from __future__ import annotations


class NotLoweredError(Exception):
    """A tape holds something that has no native kernel."""
