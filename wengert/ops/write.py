"""Writing elements: the array must be a recorded one."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.operation import answers
from wengert.core.types import Recorded, plain_example
from wengert.errors import RecordingError, explain
from wengert.ops.elements import check_elements
from wengert.ops.join import as_array, is_list
from wengert.ops.reduce import mask_of
from wengert.ops.shape import along_axis_key, check_places, is_number


def check_target(a: Any, name: str) -> None:
    """Raise unless the array written to is recorded, and not read-only."""
    if isinstance(a, Recorded):
        a.check_writeable()
        return
    raise RecordingError(
        explain(
            f"{name} was to write a recorded value into a plain array",
            "the array was made outside the recording; the derivative would be lost",
            "make the array inside the function with np.zeros, np.empty or np.array",
        )
    )


@answers(np.put)
def put(a: Any, ind: Any, v: Any, mode: str = "raise") -> None:
    """Answer ``np.put``."""
    check_target(a, "np.put")
    ind = np.ravel(as_array(ind))
    if ind.size and not np.size(a):
        raise IndexError("cannot replace elements of an empty array")
    check_elements(v, a.dtype, alone=True)
    v = as_array(v)
    if np.size(v) == 0 or ind.size == 0:
        return
    size = np.size(a)
    if mode == "raise":
        message = f"index out of bounds for axis 0 with size {size}"
        check_places(ind, -size, size, message)
    ind = np.clip(ind, 0, size - 1) if mode == "clip" else np.remainder(ind, size)
    values = np.resize(v, ind.shape) if np.size(v) > 1 else np.reshape(v, ())
    a[np.unravel_index(ind, a.shape)] = values


@answers(np.putmask)
def putmask(a: Any, mask: Any, values: Any) -> None:
    """Answer ``np.putmask``."""
    mask, values = checked(a, mask, values, "putmask")
    if np.size(values) > 1:
        values = np.resize(values, a.shape)[mask]
    a[mask] = np.reshape(values, ()) if np.size(values) == 1 else values


@answers(np.place)
def place(arr: Any, mask: Any, vals: Any) -> None:
    """Answer ``np.place``."""
    mask, values = checked(arr, mask, vals, "place")
    chosen = np.flatnonzero(mask)
    if chosen.size == 0:
        return
    if np.size(values) == 0:
        raise ValueError("Cannot insert from an empty array!")
    values = np.resize(values, chosen.shape)
    arr[np.unravel_index(chosen, arr.shape)] = values


def checked(a: Any, mask: Any, values: Any, name: str) -> tuple[Any, Any]:
    """Return a mask of an array, and values that become its elements, as arrays."""
    check_target(a, f"np.{name}")
    mask = as_array(mask)
    if mask.size != a.size:
        raise ValueError(f"{name}: mask and data must be the same size")
    check_elements(values, a.dtype, alone=True)
    is_alone = is_list(values) or is_number(values)
    values = as_array(values)
    if not (is_alone or np.can_cast(values.dtype, a.dtype, "safe")):
        raise TypeError(
            f"Cannot cast array data from {values.dtype!r} to {a.dtype!r} according to "
            "the rule 'safe'"
        )
    return np.reshape(np.not_equal(mask, 0), a.shape), values


@answers(np.copyto)
def copyto(dst: Any, src: Any, casting: Any = "same_kind", where: Any = True) -> None:
    """Answer ``np.copyto``."""
    check_target(dst, "np.copyto")
    source = np.result_type(plain_example(src))
    if not np.can_cast(source, dst.dtype, casting):
        raise TypeError(
            f"Cannot cast array data from {source!r} to {dst.dtype!r} according to "
            f"the rule {casting!r}"
        )
    if is_number(src):
        if type(plain_example(src)) is int:
            check_elements(src, dst.dtype)
        src = np.reshape(src, ())  # floats are cast
    where = mask_of(where)
    dst[...] = src if where is True else np.where(where, src, dst)


@answers(np.fill_diagonal)
def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    """Answer ``np.fill_diagonal``."""
    check_target(a, "np.fill_diagonal")
    places = np.zeros(np.shape(a), dtype=bool)
    np.fill_diagonal(places, True, wrap=wrap)
    if places.any():
        check_elements(val, a.dtype, alone=True)
        np.put(a, np.flatnonzero(places), np.ravel(as_array(val)))


@answers(np.put_along_axis)
def put_along_axis(arr: Any, indices: Any, values: Any, axis: int | None) -> None:
    """Answer ``np.put_along_axis``."""
    check_target(arr, "np.put_along_axis")
    if axis is None:
        arr[np.unravel_index(indices, arr.shape)] = values
    else:
        arr[along_axis_key(arr, indices, axis)] = values
