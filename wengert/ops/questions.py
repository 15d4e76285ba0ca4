"""Questions about shapes and dtypes: answered, not recorded."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.operation import answers
from wengert.core.types import Recorded


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


def plain_example(value: Any) -> Any:
    """Return the plain contents of a recorded value: its dtype is the question."""
    return value._current() if isinstance(value, Recorded) else value  # type: ignore[attr-defined]


def answer_plainly(function: Any) -> None:
    """Answer a question by asking it of the plain contents."""

    @answers(function)
    def answer(*args: Any, **settings: Any) -> Any:
        plain = {name: plain_example(value) for name, value in settings.items()}
        return function(*(plain_example(value) for value in args), **plain)


for _function in (
    np.result_type,
    np.can_cast,
    np.min_scalar_type,
    np.common_type,
    np.iscomplexobj,
    np.isrealobj,
    np.shares_memory,
    np.may_share_memory,
):
    answer_plainly(_function)


def answer_text(function: Any) -> None:
    """Answer with a text of the plain contents, which are guarded."""

    @answers(function)
    def answer(a: Any, *args: Any, **settings: Any) -> str:
        text: str = function(a._exact(), *args, **settings)
        return text


for _text in (np.array_repr, np.array_str, np.array2string):
    answer_text(_text)
