"""Windows that slide along axes: views of an array, of which elements overlap."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.forms import Move
from wengert.core.operation import answers, apply, linear
from wengert.ops.axes import integers
from wengert.ops.index import INDEX_ADD, Placeholder
from wengert.ops.join import as_array

sliding = np.lib.stride_tricks.sliding_window_view
normalize = np.lib.array_utils.normalize_axis_tuple


def evaluate_windows(x: Any, *, window: tuple[int, ...], over: tuple[int, ...]) -> Any:
    """Return ``sliding_window_view``."""
    return sliding(x, window, over)


def windows_transpose(
    g: Any, x: Any, *, window: tuple[int, ...], over: tuple[int, ...]
) -> Any:
    """Return the sums of what every element is in."""
    count = int(np.prod(x.shape))
    places = sliding(np.arange(count).reshape(x.shape), window, over)
    zeros, key = np.zeros(count, g.dtype), (Placeholder(0),)
    found = apply(INDEX_ADD, zeros, g, np.array(places), chain=(), key=key)
    return np.reshape(found, x.shape)


WINDOWS = linear(
    "sliding_window_view", evaluate_windows, windows_transpose, form=Move(), view=True
)


@answers(sliding)
def sliding_window_view(
    x: Any,
    window_shape: Any,
    axis: Any = None,
    *,
    subok: bool = False,
    writeable: Any = False,
) -> Any:
    """Answer ``np.lib.stride_tricks.sliding_window_view``, which stays read-only.

    An element that is in several windows would be written several times.
    """
    x = as_array(x)
    window = integers(window_shape)
    axes = (
        range(x.ndim) if axis is None else normalize(axis, x.ndim, allow_duplicate=True)
    )
    over = tuple(axes)
    if len(over) != len(window) or min(window, default=0) < 0:
        raise ValueError("window_shape and axis must have the same length")
    return apply(WINDOWS, x, window=window, over=over)
