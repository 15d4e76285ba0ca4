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


def answer_of(function: Any, plain: Callable[[Any], Any]) -> None:
    """Answer a question by asking it of what `plain` makes of the arguments."""

    @answers(function)
    def answer(*args: Any, **settings: Any) -> Any:
        keywords = {name: plain(value) for name, value in settings.items()}
        return function(*(plain(value) for value in args), **keywords)


def shaped(value: Any) -> Any:
    """Return a plain value of the same shape; a whole number is itself, and guarded."""
    is_whole = isinstance(value, Recorded) and value.dtype.kind in "iu"  # type: ignore[attr-defined]
    return exact_value(value) if is_whole and not value.shape else plain_example(value)


for _plain, _names in {
    plain_example: "result_type can_cast common_type iscomplexobj isrealobj",
    shaped: "diag_indices_from tril_indices_from triu_indices_from einsum_path",
    exact_value: "array_repr array_str array2string",
}.items():
    for _name in _names.split():
        answer_of(getattr(np, _name), _plain)


def answer_of_memory(function: Any) -> None:
    """Answer whether values share memory: where they lie, not what they hold."""

    @answers(function)
    def answer(a: Any, b: Any, /, *args: Any, **settings: Any) -> Any:
        if isinstance(a, Recorded) and isinstance(b, Recorded):
            a.check_related(b)  # type: ignore[attr-defined]
        a, b = (v._current() if isinstance(v, Recorded) else v for v in (a, b))  # type: ignore[attr-defined]
        return function(a, b, *args, **settings)


answer_of_memory(np.shares_memory)
answer_of_memory(np.may_share_memory)


@answers(np.min_scalar_type)
def min_scalar_type(a: Any, /) -> np.dtype[Any]:
    """Answer ``np.min_scalar_type``: of a number it depends on the number."""
    return np.min_scalar_type(exact_value(a) if a.shape == () else plain_example(a))
