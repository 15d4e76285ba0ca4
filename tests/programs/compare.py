"""Whether two results are the same: structure, types, dtypes, shapes, numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

#: What native code may lose against NumPy: it adds and contracts in its own order.
TOLERANCE = {"d": 1e-9, "D": 1e-9, "f": 2e-4, "F": 2e-4, "e": 1e-2, "g": 1e-9}
#: Doubles that were computed from single numbers, or from those of few bits.
SINGLE = TOLERANCE | {"d": 2e-4, "D": 2e-4}
FEW_BITS = "float32 float16 int8 bool".split()
HALF_AND_SINGLE = frozenset("feF")
Tolerance = dict[str, float] | None
#: Of Python's numbers on their own, by the number itself.
RELATIVE = {"d": 1e-13, "D": 1e-13, "least": 0.0}


def difference(found: Any, expected: Any, tolerance: Tolerance = None) -> str | None:
    """Return the first difference as text, "kind: detail"; None where there is none.

    Without a tolerance, floats agree to some units in the last place.
    """
    if type(expected) is np.ndarray and not expected.ndim:
        expected = expected[()]  # a documented limit
        found = found[()] if type(found) is np.ndarray else found
    if named(found) != named(expected):
        kinds = f"{named(found)} for {named(expected)}"
        return f"type: {kinds} ({found!r} for {expected!r})"
    if isinstance(expected, dict):
        if list(found) != list(expected):
            return f"keys: {list(found)} for {list(expected)}"
        return first(zip(found.values(), expected.values(), strict=True), tolerance)
    if isinstance(expected, (list, tuple)):
        if len(found) != len(expected):
            return f"length: {len(found)} for {len(expected)}"
        return first(zip(found, expected, strict=True), tolerance)
    if isinstance(expected, (float, complex, np.ndarray, np.generic)):
        return array_difference(np.asarray(found), np.asarray(expected), tolerance)
    return None if found == expected else f"value: {found!r} for {expected!r}"


def named(value: Any) -> str:
    """Return the name of a value's class: each load makes its classes anew."""
    return f"{type(value).__module__}.{type(value).__name__}"


def first(pairs: Any, tolerance: Tolerance) -> str | None:
    """Return the first difference of several pairs; one of types comes last."""
    texts = [difference(found, expected, tolerance) for found, expected in pairs]
    texts = [text for text in texts if text is not None]
    return min(texts, key=lambda text: text.startswith("type"), default=None)


def array_difference(found: Any, expected: Any, tolerance: Tolerance) -> str | None:
    """Return how two arrays differ."""
    if found.dtype != expected.dtype:
        return f"dtype: {found.dtype} for {expected.dtype}"
    if found.shape != expected.shape:
        return f"shape: {found.shape} for {expected.shape}"
    if found.dtype.kind not in "fc":
        same = np.array_equal(found, expected)
    else:
        same = is_close(found, expected, tolerance)
    return None if same else f"value: {found!r} for {expected!r}"


def is_close(found: Any, expected: Any, tolerance: Tolerance) -> bool:
    """Whether two arrays of floats agree up to rounding, NaN with NaN."""
    if tolerance is None:
        units = 4 * np.finfo(found.dtype).eps
        return bool(np.allclose(found, expected, units, 0.0, equal_nan=True))
    finite = np.isfinite(expected)
    if not np.array_equal(finite, np.isfinite(found)):
        return False
    if not np.array_equal(found[~finite], expected[~finite], equal_nan=True):
        return found.dtype.kind == "c"
    if not finite.any():
        return True
    scale = tolerance.get("least", 1.0) + float(np.max(np.abs(expected[finite])))
    error = float(np.max(np.abs(found[finite] - expected[finite])))
    return not error or error / scale < tolerance[found.dtype.char]
