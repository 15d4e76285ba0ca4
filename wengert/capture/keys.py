"""Keys of ``x[key]``: from what a user writes to plain data and operands, and back."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from wengert.capture.advice import WHOLE_NUMBERS
from wengert.core.types import Recorded, has_class, is_whole_number
from wengert.errors import RecordingError, explain
from wengert.ops.index import GETITEM, Placeholder, Slice


def read(array: Any, key: Any) -> Any:
    """Record ``array[key]``."""
    encoded, operands = encode(key, array.shape)
    return array.record(GETITEM, (array, *operands), {"key": encoded})


def plain(key: Any) -> Any:
    """Return a key with present plain contents in place of recorded ones."""
    if isinstance(key, tuple):
        return tuple(plain(part) for part in key)
    if isinstance(key, list):
        return [plain(part) for part in key]
    if isinstance(key, slice):
        return slice(*(plain(part) for part in (key.start, key.stop, key.step)))
    return key._current() if isinstance(key, Recorded) else key  # type: ignore[attr-defined]


def encode(key: Any, shape: tuple[int, ...]) -> tuple[tuple[Any, ...], list[Any]]:
    """Return a key as plain data, and the index arrays in it as operands.

    A recorded integer stays data where one element is read or written; where the result
    would be a view, Python needs the number, and `__index__` guards it.
    """
    if type(key) is int:  # the loop over elements
        return (key,), []
    parts = key if isinstance(key, tuple) else (key,)
    one_element = len(parts) == len(shape) and all(is_integer(p) for p in parts)
    operands: list[Any] = []
    encoded: list[Any] = []
    for part in parts:
        if part is None or part is Ellipsis or type(part) is int:
            encoded.append(part)
        elif isinstance(part, slice):
            encoded.append(
                Slice(*(bound(b) for b in (part.start, part.stop, part.step)))
            )
        elif is_integer(part) and not (one_element and isinstance(part, Recorded)):
            encoded.append(operator.index(part))
        else:
            encoded.append(Placeholder(len(operands)))
            operands.append(index_array(part))
    return tuple(encoded), operands


def has_arrays(key: Any) -> bool:
    """Whether index arrays, masks or lists are in a key."""
    parts = key if isinstance(key, tuple) else (key,)
    return any(isinstance(part, list) or np.ndim(part) for part in parts)


def is_integer(part: Any) -> bool:
    """Whether a part of a key is one integer (not a bool), or counts as one."""
    if isinstance(part, Recorded):
        return np.ndim(part) == 0 and part.dtype.kind in "iu"  # type: ignore[attr-defined,arg-type]
    if has_class(part, (bool, np.bool_, np.ndarray)):
        return False
    return is_whole_number(part) or hasattr(type(part), "__index__")


def bound(value: Any) -> int | None:
    """Return a bound of a slice as an int; a recorded one is guarded."""
    return None if value is None else operator.index(value)


def index_array(part: Any) -> Any:
    """Return an index array or mask as an operand; the count of a mask is guarded."""
    if not has_class(part, (Recorded, np.ndarray)):
        part = np.array(part)
        if not part.size:  # a list or a range without numbers says no type
            part = part.astype(np.intp)
    if isinstance(part, Recorded) and part.dtype.kind in "fc":  # type: ignore[attr-defined]
        raise not_whole(part)
    if isinstance(part, Recorded) and part.dtype == bool:  # type: ignore[attr-defined]
        operator.index(np.count_nonzero(part))  # type: ignore[call-overload]
    return part


def check_whole(*sizes: Any) -> None:
    """Raise where a recorded float is, or is among, what should be whole numbers."""
    for size in sizes:
        if isinstance(size, (tuple, list)):
            check_whole(*size)
        elif isinstance(size, Recorded) and size.dtype.kind in "fc":  # type: ignore[attr-defined]
            raise not_whole(size)


def not_whole(like: Any) -> RecordingError:
    """Return the error of a recorded float where Python needs a whole number."""
    return RecordingError(
        explain(
            f"a recorded {like.dtype} is used as an index, a size or a range",
            *WHOLE_NUMBERS,
        )
    )
