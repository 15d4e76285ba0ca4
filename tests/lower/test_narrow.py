"""Narrow integers and half precision: read, computed with and written natively."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.execute.engine import native_engine
from wengert.lower.values import NARROW

pytestmark = [
    pytest.mark.skipif(not native_engine(), reason="the native engine is off"),
    pytest.mark.filterwarnings("ignore"),
]


def numbers(type_: str, shape: tuple[int, ...], random: Any) -> np.ndarray:
    """Return numbers of all sizes that a type has."""
    if type_ == "float16":
        return random.normal(scale=3.0, size=shape).astype(type_)
    ends = np.iinfo(type_)
    ends = ends.min, min(ends.max, 2**62)
    return random.integers(*ends, size=shape, endpoint=True).astype(type_)


def stored(a: Any, b: Any) -> Any:
    c = a.copy()
    c[0], c[1] = b[1], 7
    return c


FUNCTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "sum": lambda a, b: a + b,
    "difference": lambda a, b: a - b,
    "product": lambda a, b: a * b,
    "quotient": lambda a, b: a / (np.abs(b.astype(float)) + 1),
    "whole quotient": lambda a, b: a // np.maximum(b, 1),
    "remainder": lambda a, b: a % np.maximum(b, 1),
    "square": lambda a, b: a**2,
    "sign": lambda a, b: -a,
    "abs": lambda a, b: abs(a),
    "order": lambda a, b: a < b,
    "equality": lambda a, b: a == b,
    "choice": lambda a, b: np.where(a > b, a, b),
    "larger": np.maximum,
    "clip": lambda a, b: np.clip(a, 1, 5),
    "a Python number": lambda a, b: a * 2 + 1,
    "a Python float": lambda a, b: a * 0.1 + (a > 0.1),
    "single precision": lambda a, b: a + np.float32(1.5),
    "root": lambda a, b: np.sqrt(np.abs(a)),
    "spacing": lambda a, b: np.spacing(a.astype(np.float16)),
    "to floats": lambda a, b: a.astype(float) * 2,
    "from floats": lambda a, b: (a.astype(float) * 0.5).astype(a.dtype),
    "reversed": lambda a, b: a[::-1] * 1,
    "transposed": lambda a, b: (a.T + b.T) * 2,
    "pieces": lambda a, b: np.concatenate([a, b]),
    "rows": lambda a, b: np.stack([a, b]),
    "stored": stored,
    "indices": lambda a, b: np.arange(300.0)[b.astype(np.uint8)],
    "one": lambda a, b: a[0, 0] * 2,
    "total": lambda a, b: np.sum(a),
    "largest": lambda a, b: np.max(a, axis=0),
    "mean": lambda a, b: np.mean(a),
    "sorted": lambda a, b: np.sort(a, axis=1),
    "totals": lambda a, b: np.cumsum(a, axis=1),
    "matrices": lambda a, b: a @ b.T,
    "branch": lambda a, b: a + 1 if a[0, 0] > b[0, 0] else b,
}
WHOLE: dict[str, Callable[[Any, Any], Any]] = {
    "bits": lambda a, b: (a & b) | 3,
    "turned": lambda a, b: ~a ^ b,
    "shifted": lambda a, b: (a << 2) + (b >> 1),
}
CASES = [
    (type_, name)
    for type_ in NARROW
    for name in (FUNCTIONS if type_ == "float16" else FUNCTIONS | WHOLE)
]


@pytest.mark.one_in(3)
@pytest.mark.parametrize(("type_", "name"), CASES)
def test_narrow_numbers_are_numpys(type_: str, name: str) -> None:
    function, random = (FUNCTIONS | WHOLE)[name], np.random.default_rng(5)
    for shape in ((3, 4), (5, 67)):
        jitted = wg.jit(function, wait=True)
        for _ in range(4):
            a, b = (numbers(type_, shape, random) for _ in range(2))
            found, expected = jitted(a, b), function(a, b)
            assert type(found) is type(expected)
            assert found.dtype == expected.dtype
            loose = {np.float16: 2e-3, np.float32: 1e-5}.get(expected.dtype.type, 1e-13)
            if expected.dtype.kind == "f":
                np.testing.assert_allclose(found, expected, rtol=loose, atol=loose)
            else:
                np.testing.assert_array_equal(found, expected)
        assert all(
            path.kernels or "NumPy takes" in path.reason for path in jitted.paths()
        )


@pytest.mark.parametrize("type_", NARROW)
def test_a_gradient_goes_past_narrow_numbers(type_: str) -> None:
    table = np.arange(1, 7).astype(type_)

    def loss(x: Any, table: Any) -> Any:
        return np.sum(np.sin(x) * table + x ** (table % 3))

    x = np.linspace(0.2, 1.1, 6)
    slope = wg.jit(wg.grad(loss), wait=True)
    expected = np.cos(x) * (table := table.astype(float))
    expected += (table % 3) * x ** (table % 3 - 1)

    for _ in range(3):
        found = slope(x, table.astype(type_))
        np.testing.assert_allclose(found, expected, rtol=1e-6)


#: Floats beyond the range of some integers, and inside that of others.
FAR = [3.2e16, -3.2e16, 300.0, -5.0, 1e10, -1e10, 3e9 + 7, 5e18, 1e19, -1e19, 1e300]
FAR += [np.inf, -np.inf, np.nan, 2.0**31, -(2.0**31), 2.0**32 + 5, 2.0**63, -129.0]
INTO: dict[str, Callable[[Any, str], Any]] = {
    "cast": lambda x, type_: (x * 1).astype(type_),
    "out": lambda x, type_: np.add(
        x, 0, out=np.zeros(x.shape, type_), casting="unsafe"
    ),
}


@pytest.mark.parametrize("way", INTO)
@pytest.mark.parametrize("source", ["float16", "float32", "float64"])
@pytest.mark.parametrize("type_", ["bool", "int32", "int64", *NARROW])
def test_floats_that_do_not_fit_are_cast_as_numpy_casts(
    type_: str, source: str, way: str
) -> None:
    """NumPy's own casts to uint32 differ with the length of an array: no case."""
    x = np.array(FAR).astype(source)
    if type_ == "uint32":
        x = x[(x >= 0) & (x < 2**32)]
    jitted = wg.jit(lambda x: INTO[way](x, type_), wait=True)

    for given in (x, *(x[k : k + 1] for k in range(len(x)))):
        expected = INTO[way](given, type_)
        for _ in range(2):
            np.testing.assert_array_equal(jitted(given), expected)


@pytest.mark.parametrize("type_", ["int32", "int64", *NARROW])
def test_a_negative_integer_wraps_before_it_is_multiplied(type_: str) -> None:
    """Signs leave products of floats, not of integers: -(-128) is -128 in int8."""
    ends = (0, 1) if type_ == "float16" else (np.iinfo(type_).min, np.iinfo(type_).max)
    x = np.array([*ends, 5]).astype(type_)
    products: list[Callable[[Any], Any]] = [
        lambda x: -x / 3.0,
        lambda x: -x * 1.5,
        lambda x: np.sum(-x * 0.5),
        lambda x: np.hypot(-x, 1.0) * -x,
    ]

    for product in products:
        jitted = wg.jit(product, wait=True)
        for _ in range(2):
            np.testing.assert_allclose(jitted(x), product(x), rtol=2e-3)
