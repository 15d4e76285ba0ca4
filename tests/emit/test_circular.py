"""Sines and cosines of vectors, written out, and together where both are asked for."""

from __future__ import annotations

import numpy as np
import pytest

import wengert as wg
from wengert.emit.circular import MOST, is_paired
from wengert.emit.nests import compile_written, written
from wengert.execute.engine import native_engine
from wengert.lower.build import build
from wengert.lower.cut import cut
from wengert.lower.lower import lower

RNG = np.random.default_rng(3)
HALF = np.pi / 2
NUMBERS = {
    "around 0": RNG.uniform(-4.0, 4.0, 20_000),
    "of all sizes": 10.0 ** RNG.uniform(-320.0, 12.0, 20_000) * RNG.choice([-1, 1]),
    "multiples of a quarter turn": np.arange(-9000, 9001) * HALF,
    "large multiples of it": np.rint(RNG.uniform(0.0, 7e11, 20_000)) * HALF,
    "too large": np.r_[0.1, -MOST, MOST, 10.0 ** RNG.uniform(12.0, 308.0, 2000)],
    "edges": np.r_[0.0, -0.0, 5e-324, HALF / 2, np.nextafter(HALF / 2, 0), -HALF],
}


def both(x: np.ndarray, lanes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the sines and cosines that native code computes in so many lanes."""
    tape = wg.record(lambda x: (np.sin(x), np.cos(x)), x)
    nest, constants = build(lower(tape), lanes)
    kernel = compile_written(written(cut(nest), constants, lanes, {}))
    found = np.empty_like(x), np.empty_like(x)
    kernel.call([x], found)
    return found


@pytest.mark.skipif(not native_engine(), reason="the native engine is off")
@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 63, reason="no longer doubles")
@pytest.mark.parametrize("lanes", [2, 4, 8])
@pytest.mark.parametrize("name", NUMBERS)
def test_sines_and_cosines_are_off_by_two_units_at_most(name: str, lanes: int) -> None:
    x = NUMBERS[name]
    for one, function in zip(both(x, lanes), (np.sin, np.cos), strict=True):
        want = function(x.astype(np.longdouble))
        rounded = want.astype(float)
        error = np.abs(one - want) / np.spacing(np.abs(rounded))
        assert error.max() < (1.6 if is_paired(lanes) else 4)
        np.testing.assert_array_equal(np.signbit(one), np.signbit(rounded))


@pytest.mark.skipif(not native_engine(), reason="the native engine is off")
def test_what_is_no_number_has_no_sine() -> None:
    x = np.array([1.0, np.inf, -np.inf, np.nan, 2.0, -0.0, 1e300, 3.0, 4.0])
    with np.errstate(all="ignore"):
        for one, function in zip(both(x, 8), (np.sin, np.cos), strict=True):
            np.testing.assert_allclose(one, function(x), rtol=1e-15)


@pytest.mark.skipif(not native_engine(), reason="the native engine is off")
@pytest.mark.parametrize("count", [1, 7, 8, 9, 64, 1003])
def test_a_gradient_of_a_sine_has_its_cosine(count: int) -> None:
    """In loops, their ends, in masks, and after one another."""
    x = RNG.uniform(-3.0, 3.0, count)

    def f(x: np.ndarray) -> np.ndarray:
        y = np.sin(x) * np.cos(3.0 * x)
        return np.sum(np.where(x > 0.0, y, np.cos(y) * x))

    g = wg.jit(wg.value_and_grad(f), wait=True)
    for at in (x, x, -x):
        value, gradient = wg.value_and_grad(f)(at)
        found = g(at)
        np.testing.assert_allclose(found[0], value, rtol=1e-13, atol=1e-14)
        np.testing.assert_allclose(found[1], gradient, rtol=1e-12, atol=1e-13)


@pytest.mark.skipif(not native_engine(), reason="the native engine is off")
@pytest.mark.parametrize("lanes", [2, 4, 8])
def test_one_alone_has_the_bits_that_it_has_beside_the_other(lanes: int) -> None:
    x = np.concatenate(list(NUMBERS.values()))
    for k, function in enumerate((np.sin, np.cos)):
        found = np.empty_like(x)
        nest, constants = build(lower(wg.record(function, x)), lanes)
        kernel = compile_written(written(cut(nest), constants, lanes, {}))
        kernel.call([x], [found])
        np.testing.assert_array_equal(found, both(x, lanes)[k])


@pytest.mark.skipif(not is_paired(8), reason="the C library is called")
def test_both_are_written_once() -> None:
    x = np.linspace(0.0, 1.0, 64)
    results = []
    for f in (np.sin, lambda x: (np.sin(x), np.cos(x)), lambda x: (np.cos(x), x)):
        nest, constants = build(lower(wg.record(f, x)), 8)
        text = "".join(written(cut(nest), constants, 8, {}).texts)
        results.append(text.count("phi <8 x double>") / text.count(".other:"))
    assert results == [1, 2, 1]
