"""Axes and sizes as NumPy reads them.

Where NumPy's compiled code takes an integer, a bool is none; what NumPy writes in
Python takes one.  Recorded integers are guarded.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from wengert.core.types import has_class


def integer(value: Any, role: str = "") -> int:
    """Return an integer; a bool is none."""
    if type(value) is not int and is_truth(value):
        raise TypeError(f"an integer is required{role}")
    return operator.index(value)


def is_truth(value: Any) -> bool:
    """Whether a value is one truth value, also a recorded one."""
    if has_class(value, (bool, np.bool_)):
        return True
    return np.ndim(value) == 0 and getattr(value, "dtype", None) == np.dtype(bool)


def several(values: Any) -> Any:
    """Return one value as several."""
    return values if isinstance(values, tuple) or np.ndim(values) else (values,)


def integers(values: Any) -> tuple[int, ...]:
    """Return one integer, or several, as a tuple; bools are 0 and 1."""
    return tuple(
        int(bool(value)) if is_truth(value) else operator.index(value)
        for value in several(values)
    )


def sizes_of(values: Any) -> tuple[int, ...]:
    """Return one integer, or several, as a tuple; a bool is none."""
    if type(values) is tuple and all([type(value) is int for value in values]):
        return values
    return tuple(integer(value) for value in several(values))


#: An axis from 0 on; a bool is 0 or 1.
axis_index = normalize_axis_index


def axis_of(axis: Any, ndim: int) -> int:
    """Return an axis from 0 on; a bool is none."""
    return axis_index(integer(axis, " for the axis"), ndim)


def axes_of(axis: Any, ndim: int) -> tuple[int, ...] | None:
    """Return reduction axes in order, from 0 on; None for all of them."""
    if axis is None:
        return None
    if isinstance(axis, tuple):
        axes = tuple(integer(one) for one in axis)
    else:
        axes = (integer(axis),)
        if ndim == 0 and axes[0] in (0, -1):
            return None
    return tuple(sorted(normalize_axis_tuple(axes, ndim)))
