"""An ``out=`` of another dtype holds the steps on the way too, as NumPy rounds them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from wengert import grad, record

Call = Callable[..., Any]
MASK = np.arange(25).reshape(5, 5) % 4 > 0


def along(name: str, *args: Any, **settings: Any) -> Call:
    """Return a call of a function along the first axis."""
    return lambda x, out: getattr(np, name)(x, *args, axis=0, out=out, **settings)


def reduced(name: str, **settings: Any) -> Call:
    """Return a call of a ufunc's ``reduce``."""
    return lambda x, out: getattr(np, name).reduce(x, out=out, **settings)


def accumulated(name: str) -> Call:
    """Return a call of a ufunc's ``accumulate``."""
    return lambda x, out: getattr(np, name).accumulate(x, out=out)


MEANS = ["mean", "var", "std", "nanmean", "nanvar", "nanstd"]
ROWS: list[Call] = [
    *(along(name) for name in [*MEANS, "sum", "prod", "max", "nanmin", "ptp", "any"]),
    *(along(name) for name in ["median", "nanmedian"]),
    *(along(name, where=MASK) for name in MEANS),
    *(along(name, dtype=np.float32) for name in MEANS),
    *(along(name, initial=0.3) for name in ["sum", "prod", "max", "nansum"]),
    *(along(name, ddof=1) for name in ["var", "nanstd"]),
    *(along(name, 0.7) for name in ["quantile", "percentile", "nanquantile"]),
    along("quantile", 0.4, method="nearest"),
    *(reduced(name) for name in ["add", "subtract", "divide", "hypot", "logaddexp"]),
    *(reduced(name) for name in ["floor_divide", "copysign", "logical_or"]),
    lambda x, out: np.std(x, axis=0, keepdims=True, out=out[None]),
    lambda x, out: np.quantile(x, [0.2], axis=0, out=out[None]),
    lambda x, out: x.mean(axis=0, out=out),
    lambda x, out: x.std(axis=0, out=out),
    lambda x, out: np.var(x, out=out[0, ...]),
    lambda x, out: np.einsum("ij->j", x, out=out),
    lambda x, out: np.choose([0, 1, 0, 1, 0], x[:2], out=out),
]
WHOLE: list[Call] = [
    *(along(name) for name in ["cumsum", "nancumprod", "cumulative_sum"]),
    *(accumulated(name) for name in ["add", "subtract", "hypot", "maximum"]),
    *(accumulated(name) for name in ["floor_divide", "gcd"]),
    lambda x, out: np.add.reduceat(x, [0, 2], out=out[:2]),
    lambda x, out: np.subtract.reduceat(x, [0, 2], out=out[:2]),
    lambda x, out: np.round(x, 2, out=out),
    lambda x, out: x.round(-1, out=out),
    lambda x, out: np.fft.fft(x, norm="ortho", out=out),
    lambda x, out: np.fft.fft2(x, out=out),
    lambda x, out: np.fft.ifft2(x, out=out),
    lambda x, out: np.fft.irfft(x, 5, out=out),
    lambda x, out: np.fft.rfftn(x, (5, 9), axes=(0, 1), out=out),
    lambda x, out: np.einsum("ij,jk", x, x, out=out, casting="unsafe"),
]


def outcome(function: Call, *args: Any) -> Any:
    """Return a result, or the type of NumPy's error."""
    try:
        return function(*args)
    except (TypeError, ValueError) as error:
        return type(error)


def into(call: Call, x: Any, out: Any) -> Any:
    """Return what a call leaves in a copy of ``out``."""
    out = np.copy(out)
    call(x, out)
    return out


@pytest.mark.parametrize("dtypes", ["f8-f4", "f2-f8", "i8-f4", "f8-i8", "c8-c16"])
def test_out_of_another_dtype_holds_every_step(dtypes: str) -> None:
    dtype, other = dtypes.split("-")
    random = np.random.default_rng(4)
    for calls, shape in ((ROWS, (5,)), (WHOLE, (5, 5))):
        for call in calls:
            x = 5 * random.standard_normal((5, 5))
            if dtype.startswith("c"):
                x = x + 1j * random.standard_normal((5, 5))
            given = x.astype(dtype), np.zeros(shape, other)
            function = partial(into, call)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                expected = outcome(function, *given)
                found = outcome(lambda *args: record(function, *args)(*args), *given)  # noqa: B023

            if isinstance(expected, type):
                assert found is expected
            else:
                np.testing.assert_array_equal(found, expected, strict=True)


def test_an_out_that_is_read_is_written_when_numpy_writes_it() -> None:
    x = np.random.default_rng(0).standard_normal((4, 5))

    def ptp(x: Any) -> Any:
        x = x.copy()
        np.ptp(x, axis=0, out=x[1])
        return x

    np.testing.assert_array_equal(record(ptp, x)(x), ptp(x))


@pytest.mark.parametrize(
    "call",
    [
        *(along(name) for name in [*MEANS, "ptp", "median"]),
        along("quantile", 0.7),
        *(reduced("subtract", **how) for how in ({}, {"initial": 0.3})),
        lambda x, out: np.sum(x, axis=0, initial=x[0, 0], out=out),
    ],
)
def test_the_rounding_on_the_way_has_derivative_one(call: Call) -> None:
    random = np.random.default_rng(2)
    x, direction = random.standard_normal((2, 5, 5))
    weights = np.arange(1.0, 6.0)

    def f(x: Any) -> Any:
        return np.sum(weights * into(call, x, np.zeros(5, np.float32)))

    h = 0.01
    difference = (f(x + h * direction) - f(x - h * direction)) / (2 * h)
    slope = np.sum(grad(f)(x) * direction)
    np.testing.assert_allclose(slope, difference, rtol=1e-3)  # h squared, 1e-7 / h
