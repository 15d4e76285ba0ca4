"""Answers to SciPy's functions of arrays, which take arrays without elements too."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import Any

from wengert.core.operation import Function, answers_named
from wengert.core.types import Recorded, is_array, plain_example


def answers_arrays(path: str) -> Callable[[Function], Function]:
    """Say which function of SciPy's the decorated code answers, where there is any.

    What SciPy makes of an array without elements depends on none.
    """

    def register(code: Function) -> Function:
        @wraps(code)
        def answer(*args: Any, **settings: Any) -> Any:
            if any(map(is_empty, args)):
                module, _, name = path.rpartition(".")
                function = getattr(import_module(module), name)
                named = {key: plain(value) for key, value in settings.items()}
                return function(*map(plain, args), **named)
            return code(*args, **settings)

        return answers_named(path)(answer)

    return register


def is_empty(value: Any) -> bool:
    """Whether a value is an array without elements."""
    is_one = isinstance(value, Recorded) or is_array(value)
    return is_one and value.size == 0


def plain(value: Any) -> Any:
    """Return a plain value of the same type."""
    return plain_example(value) if isinstance(value, Recorded) else value
