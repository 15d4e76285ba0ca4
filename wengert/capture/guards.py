"""`strict`: where a branch on a recorded value is an error rather than a guard."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from wengert.core.guards import QUESTIONS
from wengert.errors import GuardError, explain

STRICT: ContextVar[bool] = ContextVar("wengert_strict", default=False)


@contextmanager
def strict() -> Iterator[None]:
    """Make Python's decisions on recorded values an error while the block runs.

    A tape holds the one path that was taken; under `strict` a function is known to have
    no other.

    Raises
    ------
    GuardError
        Where Python asks a recorded value for a truth value or a whole number.

    See Also
    --------
    jit, record

    Examples
    --------
    >>> import numpy as np
    >>> from wengert import grad, strict
    >>> with strict():
    ...     float(grad(lambda x: np.where(x > 0, x, -x))(-2.0))
    -1.0
    """
    token = STRICT.set(True)
    try:
        yield
    finally:
        STRICT.reset(token)


def refused(kind: str) -> GuardError:
    """Return the error of a decision under `strict`."""
    return GuardError(
        explain(
            f"{QUESTIONS[kind].words} on a recorded value inside wengert.strict()",
            "the tape would hold only the path that is taken here",
            "np.where(condition, a, b), np.maximum, np.minimum or np.clip, which "
            "record both sides; or leave strict()",
        )
    )
