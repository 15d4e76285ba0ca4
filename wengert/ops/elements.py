"""Numbers that become elements, and results written into ``out=``, as NumPy casts."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.types import Recorded, exact_value, has_class, plain_example
from wengert.ops.shape import is_number, lies_in


def check_elements(values: Any, dtype: np.dtype[Any], alone: bool = False) -> None:
    """Raise as NumPy does where a number does not fit among elements.

    NumPy makes whole numbers of Python's numbers by `int`, as it does of its own floats
    that become signed; arrays are cast.  Whether a recorded number fits is guarded.

    Parameters
    ----------
    values : number, array or list of them
    dtype : dtype of the array to be written
    alone : bool
        Whether a single number is made an array first: NumPy's own is cast then.
    """
    if dtype.kind not in "iu":
        return
    if isinstance(values, (list, tuple)):
        for part in values:
            check_elements(part, dtype)
    elif is_number(values):
        kind = type(plain_example(values))
        is_cut_off = issubclass(kind, np.floating) and dtype.kind == "i" and not alone
        if (kind in (float, int) or is_cut_off) and not fits(values, dtype):
            np.ndarray((), dtype)[()] = exact_value(values)


def as_cast(result: Any) -> Any:
    """Return a result as an array: NumPy casts it, and it need not fit as a number."""
    if not is_number(result):
        return result
    is_recorded = has_class(result, Recorded)
    return np.reshape(result, ()) if is_recorded else np.asarray(result)


#: What ``np.dot`` says of an ``out`` that it does not take.
NOT_ACCEPTABLE = (
    "output array is not acceptable (must have the right datatype, number of "
    "dimensions, and be a C-Array)"
)


def into(out: Any, result: Any, casting: Any = "same_kind") -> Any:
    """Return a result, written into ``out`` where one was given, as NumPy checks it.

    Parameters
    ----------
    out : array, a tuple of one, or None
    result : array or number
    casting : str
        How the result's elements may become those of ``out``: NumPy's names; "copy",
        where NumPy works in a copy of ``out``, whose elements have to become the
        result's safely; "exact", where it takes an array of the same dtype alone.
    """
    if out is None:
        return result
    out = out[0] if isinstance(out, tuple) else out
    if np.shape(out) != np.shape(result):
        raise ValueError(
            f"output parameter has shape {np.shape(out)}, "
            f"and the result has shape {np.shape(result)}"
        )
    dtype = np.result_type(plain_example(result))
    if casting == "exact":
        if dtype != out.dtype or not lies_in(out, "C"):
            raise ValueError(NOT_ACCEPTABLE)
    elif casting == "copy":
        if not np.can_cast(out.dtype, dtype, "safe"):
            raise TypeError(
                f"Cannot cast array data from {out.dtype!r} to {dtype!r} according to "
                "the rule 'safe'"
            )
    else:
        check_cast(dtype, out, casting)
    out[...] = as_cast(result)
    return out


def held(out: Any, step: Any, casting: Any = "unsafe") -> Any:
    """Return a step of a computation as NumPy keeps it in ``out``, if one was given."""
    if out is None:
        return step
    out = out[0] if isinstance(out, tuple) else out
    dtype = np.result_type(plain_example(step))
    check_cast(dtype, out, casting)
    return step if dtype == out.dtype else np.astype(as_cast(step), out.dtype)


def check_cast(dtype: np.dtype[Any], out: Any, casting: Any) -> None:
    """Raise where elements of a dtype become those of ``out`` by no such casting."""
    if not np.can_cast(dtype, out.dtype, casting):
        raise TypeError(
            f"Cannot cast output from {dtype!r} to {out.dtype!r} "
            f"with casting rule {casting!r}"
        )


def fits(number: Any, dtype: np.dtype[Any]) -> bool:
    """Whether a number, cut off, lies between the bounds of a type; guarded.

    False where it is doubtful: beside the bounds of 64 bits.
    """
    bounds = np.iinfo(dtype)
    if type(plain_example(number)) is int and bounds.min == np.iinfo(np.int64).min:
        return True
    low, high = np.float64(bounds.min - 1), np.float64(bounds.max + 1)
    return bool(number > low) and bool(number < high)


def conjugate(x: Any) -> Any:
    """Return the conjugate of a complex array, a real array itself."""
    return np.conjugate(x) if x.dtype.kind == "c" else x
