"""What native code does not do: one exception, whatever the reason.

A tape that is refused is played with NumPy, and the reason stands in `jit`'s report: no
error of the compiler reaches a user.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from wengert.emit.machine import EngineMissingError
from wengert.lower.check import IllegalError
from wengert.lower.refusal import NotLoweredError

P = ParamSpec("P")
R = TypeVar("R")


def refuses(function: Callable[P, R]) -> Callable[P, R]:
    """Make every error of a function a `NotLoweredError`, but what the tests check."""

    @functools.wraps(function)
    def refusing(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except (NotLoweredError, EngineMissingError, IllegalError):
            raise
        except Exception as error:
            reason = f"{type(error).__name__} of the compiler: {error}"
            raise NotLoweredError(reason) from error

    return refusing


__all__ = ["NotLoweredError", "refuses"]
