"""Numbers, arrays and plain settings as Python source."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.ops.index import Slice

#: Longest array that is written number by number.
LONGEST_ARRAY = 2000


class NotPlainError(Exception):
    """Something that cannot be written as source."""


def number_text(value: Any) -> str:
    """Return a Python number as source."""
    if isinstance(value, complex):
        real, imag = number_text(value.real), number_text(value.imag)
        return f"complex({real}, {imag})"
    if isinstance(value, float) and not np.isfinite(value):
        return "np.nan" if value != value else "-np.inf" if value < 0 else "np.inf"
    return repr(value)


def literal(value: Any) -> str:
    """Return a plain setting as source."""
    if isinstance(value, np.dtype) and value.isnative and value.kind in "biufc":
        return f"np.{value.name}"
    if isinstance(value, np.dtype):
        return f"np.dtype({value.str!r})"
    if isinstance(value, type) and issubclass(value, np.generic):
        return f"np.{value.__name__}"
    if isinstance(value, (Slice, slice)):
        start, stop, step = (
            value if isinstance(value, Slice) else (value.start, value.stop, value.step)
        )
        return f"slice({literal(start)}, {literal(stop)}, {literal(step)})"
    if isinstance(value, tuple):
        parts = ", ".join(literal(part) for part in value)
        return f"({parts}{',' if len(value) == 1 else ''})"
    if isinstance(value, list):
        return f"[{', '.join(literal(part) for part in value)}]"
    if isinstance(value, np.generic):
        return literal(value.item())
    if isinstance(value, (int, float, complex)) and not isinstance(value, bool):
        return number_text(value)
    if value is None or value is Ellipsis or isinstance(value, (bool, str)):
        return repr(value)
    raise NotPlainError(value)


def array_text(value: Any) -> str:
    """Return an array as source: uniform, number by number, or as its bytes."""
    array = np.asarray(value)
    dtype = "" if array.dtype == np.float64 else f", np.{array.dtype.name}"
    shape = array.shape[0] if array.ndim == 1 else array.shape
    first: Any = array.flat[0] if array.size else 0.0
    if array.size and array.tobytes() == array.dtype.type(first).tobytes() * array.size:
        if first == 0 and not np.signbit(np.real(first)):
            return f"np.zeros({shape}{dtype})"
        return f"np.full({shape}, {number_text(first.item())}{dtype})"
    if not array.size:
        return f"np.zeros({shape}{dtype})"
    if array.size <= LONGEST_ARRAY:
        numbers = nested_numbers(array.tolist())
        return f"np.array({numbers}{dtype})"
    data = array.tobytes().hex()
    source = f'np.frombuffer(bytes.fromhex("{data}"), np.{array.dtype.name})'
    return f"{source}.reshape({array.shape}).copy()"


def nested_numbers(value: Any) -> str:
    """Return nested lists of numbers as source."""
    if isinstance(value, list):
        return f"[{', '.join(nested_numbers(part) for part in value)}]"
    return number_text(value)
