"""Questions about shapes and dtypes: answered, not recorded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.core.operation import answers
from wengert.core.types import Recorded, exact_value, plain_example


@answers(np.shape)
def shape(a: Any) -> tuple[int, ...]:
    """Answer ``np.shape``."""
    return tuple(a.shape)


@answers(np.ndim)
def ndim(a: Any) -> int:
    """Answer ``np.ndim``."""
    return len(a.shape)


@answers(np.size)
def size(a: Any, axis: Any = None) -> int:
    """Answer ``np.size``."""
    if axis is None:
        return int(np.prod(a.shape, dtype=np.int64))
    axes = axis if isinstance(axis, tuple) else (axis,)
    return int(np.prod([a.shape[k] for k in axes], dtype=np.int64))


def own_memory(value: Any) -> Any:
    """Return the buffer of a value: where it lies is asked, not what it holds."""
    return value._current() if isinstance(value, Recorded) else value  # type: ignore[attr-defined]


def answer_of(function: Any, plain: Callable[[Any], Any]) -> None:
    """Answer a question by asking it of what `plain` makes of the arguments."""

    @answers(function)
    def answer(*args: Any, **settings: Any) -> Any:
        keywords = {name: plain(value) for name, value in settings.items()}
        return function(*(plain(value) for value in args), **keywords)


for _plain, _names in {
    plain_example: "result_type can_cast common_type iscomplexobj isrealobj",
    own_memory: "shares_memory may_share_memory",
    exact_value: "array_repr array_str array2string",
}.items():
    for _name in _names.split():
        answer_of(getattr(np, _name), _plain)


@answers(np.min_scalar_type)
def min_scalar_type(a: Any, /) -> np.dtype[Any]:
    """Answer ``np.min_scalar_type``: of a number it depends on the number."""
    return np.min_scalar_type(exact_value(a) if a.shape == () else plain_example(a))
