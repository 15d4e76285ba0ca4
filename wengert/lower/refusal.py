"""What is not lowered, by one exception; and what refuses a play, by number."""

from __future__ import annotations

#: A plain product of the chain rule is not a number, and that would be hidden or
#: handed out.
HIDDEN = 1
#: A loop does more steps than there is room for.
LONG = 2
#: Indices are out of bounds, or a matrix has no inverse, or none in so many digits.
#: Numbers from here on are those of guards.
BOUNDS = 3


class NotLoweredError(Exception):
    """A tape holds something that has no native kernel."""
