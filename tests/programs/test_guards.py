"""Guards on Python's numbers under `jit`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert
from wengert.execute.engine import native_engine


def by_integer(x: Any) -> Any:
    return x * int(x * 3)


def by_rounding(x: Any) -> Any:
    return x * round(x * 3)


def by_wholeness(x: Any) -> Any:
    y = x * 3
    return y if y.is_integer() else y * y


GUARDED = [by_integer, by_rounding, by_wholeness]


@pytest.mark.parametrize("fun", GUARDED, ids=lambda f: f.__name__)
@pytest.mark.parametrize("kind", [float, np.float64, np.float32])
def test_guards_on_numbers_hold_just_where_python_says(fun: Any, kind: Any) -> None:
    jitted = wengert.jit(fun, wait=True)
    edges = [k / 6 for k in range(-12, 13)]
    one = kind(1)
    points = [kind(edge) for edge in edges]
    points += [kind(np.nextafter(p, p + one)) for p in points]
    points += [kind(np.nextafter(p, p - one)) for p in points]

    for point in points * 2:
        assert jitted(point) == fun(point)
    assert len(jitted.paths()) > 1
    if native_engine():
        assert all(path.kernels for path in jitted.paths())
