"""What `where=` makes of an array, a list or a number: what NumPy makes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert

X = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
MASKS: dict[str, Any] = {
    "bools": np.array([True, False, True]),
    "floats": np.array([1.0, 0.0, 1.0]),
    "integers": np.array([1, 0, 1]),
    "bytes": np.array([1, 0, 1], np.int8),
    "complex": np.array([1j, 0, 1]),
    "a float array without axes": np.array(1.0),
    "a list": [1, 0, 1],
    "a tuple of bools": (True, False, True),
    "one": 1,
    "zero": 0.0,
    "a NumPy integer": np.int64(0),
    "a NumPy bool": np.True_,
}
SUMS = "sum prod mean std var any all nansum nanprod nanmean nanvar nanstd".split()
EXTREMES = "max min nanmax nanmin".split()


def reduced(name: str, **how: Any) -> Callable[[Any, Any], Any]:
    """Return a call of a reduction with a mask."""
    return lambda x, w: getattr(np, name)(x, where=w, **how)


CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "sqrt": lambda x, w: np.sqrt(x, out=x * 0, where=w),
    "add": lambda x, w: np.add(np.ones((2, 3)), 1.0, out=x * 0, where=w),
    "divmod": lambda x, w: np.divmod(x, 1.5, out=(x * 0, x * 0), where=w)[1],
    "isfinite": lambda x, w: np.isfinite(x, out=x > 9, where=w),
    "clip": lambda x, w: np.clip(x, 0, 2, out=x * 1, where=w),
    "copyto": lambda x, w: np.copyto(x * 1, 2.0, where=w),
    "add.reduce": lambda x, w: np.add.reduce(x, where=w),
    "maximum.reduce": lambda x, w: np.maximum.reduce(x, where=w, initial=0.0),
    "logical_and.reduce": lambda x, w: np.logical_and.reduce(x, where=w),
    "x.sum": lambda x, w: x.sum(where=w),
    "x.mean": lambda x, w: x.mean(where=w),
    "x.any": lambda x, w: x.any(where=w),
    **{name: reduced(name, axis=1) for name in SUMS},
    **{name: reduced(name, initial=9.0) for name in EXTREMES},
}


def result(call: Callable[[], Any]) -> Any:
    """Return what a call gives; where it raises, the class of the error."""
    try:
        value = call()
    except Exception as error:
        return type(error)
    return value


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS.keys())
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_masks_are_numpys(call: Callable[[Any, Any], Any], mask: Any) -> None:
    expected = result(lambda: call(X.copy(), mask))

    captured = result(lambda: wengert.jit(lambda x: call(x, mask))(X.copy()))
    found = [captured]
    if isinstance(mask, np.ndarray):
        found.append(result(lambda: wengert.jit(call)(X.copy(), mask)))

    for one in found:
        if isinstance(expected, type):
            assert one is expected
        else:
            np.testing.assert_array_equal(one, expected)


def test_a_recorded_number_is_a_mask_as_its_value_is() -> None:
    function = wengert.jit(lambda x, w: np.sum(x, where=w))

    for w in (1.0, 0.0, 2.5, 1.0, 0.0):
        assert function(X, w) == np.sum(X, where=w)


def test_the_error_is_numpys() -> None:
    with pytest.raises(TypeError, match=r"float64.* to dtype\('bool'\).*'safe'"):
        wengert.jit(lambda x: np.sum(x, where=x))(X)
