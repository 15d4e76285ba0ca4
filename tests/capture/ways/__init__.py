"""Ways in which a function reads what is not among its arguments: a case each.

A way is a program that defines ``f``, and a change of what ``f`` reads.  `observe`
calls the function and its transformed twin side by side, before and after the change.
``python -m tests.capture.ways`` writes the table of `docs/reference/captures.md`.
"""

from tests.capture.ways.way import Way

__all__ = ["Way"]
