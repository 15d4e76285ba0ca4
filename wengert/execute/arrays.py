"""An array as native code reads it, and what goes in and comes out of a native call."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.types import Type, array_type, dtype_name
from wengert.emit.entry import Parameter, Returned
from wengert.execute.costs import COPIED

#: Scalars that native code takes as they are, by class.
FAST_SCALARS = {float: "float", np.float64: "float64", int: "int"}
#: In place of an array's class, where arguments are written: it is not read-only.
WRITEABLE = "writeable"
#: The same for one that lies in Fortran's order, and is read as it lies: its transpose
#: is recorded, which lies in C's.
TURNED = "turned"


def is_turned(array: Any) -> bool:
    """Whether an array is read through its transpose: a copy in C's order is slow."""
    flags = array.flags
    return (
        array.ndim > 1
        and array.nbytes >= COPIED
        and bool(flags.f_contiguous and flags.aligned and not flags.c_contiguous)
    )


def is_native(array: Any) -> bool:
    """Whether native code can read an array where it lies."""
    flags = array.flags
    return bool(flags.c_contiguous and flags.aligned and array.dtype.isnative)


def native(value: Any) -> Any:
    """Return a value as an array that native code can read, itself where it can."""
    array = np.asarray(value)
    if is_native(array):
        return array
    # `ascontiguousarray` gives what has no axis one.
    return np.ascontiguousarray(array, array.dtype.newbyteorder("=")).reshape(
        array.shape
    )


def argument(leaf: Any) -> Any:
    """Return an argument of a native call: a scalar as it is, all else as an array."""
    return leaf if type(leaf) in FAST_SCALARS else native(leaf)


def parameter(leaf_type: Any) -> Parameter:
    """Return how native code takes a leaf of one type, which is (class, type)."""
    kind, like = leaf_type
    name = FAST_SCALARS.get(kind)
    if name is not None:
        return Parameter(name)
    is_writeable = kind == WRITEABLE
    return Parameter(
        "array", dtype_name(like.dtype), like.shape, is_writeable=is_writeable
    )


def told(leaf_type: Any) -> str:
    """Return what a reader is told of the type of a leaf."""
    kind, like = leaf_type
    if kind != TURNED:
        return str(like)
    return f"{array_type(like.shape[::-1], like.dtype)} in Fortran's order"


def returned(like: Type) -> Returned:
    """Return how native code hands out one output."""
    if like.weak:
        return Returned("python", dtype_name(like.dtype))
    kind = "array" if like.shape else "scalar"
    return Returned(kind, dtype_name(like.dtype), like.shape)
