"""``x**n`` is the power that NumPy's operators take for the type of the exponent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import wengert

DTYPES = "bool int8 uint8 int64 float16 float32 float64 complex64 complex128".split()
EXPONENTS = [2, 1, -1, 0, 3, 0.5, 2.0, 1.0, -1.0, 0.0, True, 2j, np.float64(0.5)]
EXPONENTS += [np.float32(2), np.int64(-1), np.int8(2), np.array(0.5), np.array(2)]
EXPONENTS += [[1, 2, 0, 0.5]]


def in_place(x: Any, exponent: Any) -> Any:
    x **= exponent
    return x


WAYS: dict[str, Callable[[Any, Any], Any]] = {
    "operator": lambda x, n: x**n,
    "reflected": lambda x, n: n**x,
    "in place": in_place,
    "function": np.power,
    "out": lambda x, n: np.power(x, n, out=x),
}


def bases(dtype: str) -> Iterator[Any]:
    """Give arrays of some shapes, with zeros and, where there are any, infinities."""
    x = np.array([0, 1, 2, -3]).astype(dtype)
    if x.dtype.kind in "fc":
        x = np.where(x == 1, -np.inf, x).astype(dtype)
    yield from (x, x[2], x.reshape(2, 2), x[:0])


def answer(function: Callable[..., Any], *args: Any) -> Any:
    """Return a result as an array, or the type of an error."""
    try:
        return np.asarray(function(*args))
    except Exception as error:
        return type(error)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_power_is_numpys(dtype: str, way: str) -> None:
    power = WAYS[way]

    def f(x: Any, n: Any) -> Any:
        return power(np.copy(x), n)

    judged = 0
    for x in bases(dtype):
        for n in EXPONENTS:
            expected = answer(f, x, n)
            plays = (
                lambda x=x, n=n: wengert.record(f, x, n)(x, n),
                lambda x=x, n=n: wengert.record(lambda x: f(x, n), x)(x),
            )
            for play in plays:
                found = answer(play)
                judged += 1
                if isinstance(expected, type) or isinstance(found, type):
                    assert found is expected
                    continue
                assert found.dtype == expected.dtype
                assert found.shape == expected.shape
                is_nan = np.isnan(expected)
                np.testing.assert_array_equal(np.isnan(found), is_nan)
                assert found[~is_nan].tobytes() == expected[~is_nan].tobytes()
    assert judged


@pytest.mark.parametrize("n", [0.5, 0.75])
def test_a_recorded_exponent_of_complex_numbers_has_a_derivative(n: float) -> None:
    z = np.array([1.5 + 0.5j, -0.3 + 2.0j])

    def f(n: Any) -> Any:
        return np.sum((z**n).real)

    expected = np.sum((z**n * np.log(z)).real)

    np.testing.assert_allclose(wengert.grad(f)(n), expected, rtol=1e-12)
    np.testing.assert_allclose(wengert.jvp(f, (n,), (1.0,))[1], expected, rtol=1e-12)


@pytest.mark.filterwarnings("ignore")
def test_a_replay_takes_the_root_where_the_exponent_is_a_half() -> None:
    z = np.array([complex(-np.inf), 1j, 4.0])
    call = wengert.jit(lambda z, n: z**n, wait=True)

    for n in (0.75, 0.5, 0.75, 0.5, 2.0, 0.5):
        found = call(z, n)
        np.testing.assert_allclose(found[1:], (z**n)[1:], rtol=1e-14)
        np.testing.assert_array_equal(found[0], (z**n)[0])
