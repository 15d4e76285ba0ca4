"""Fourier transforms in native code: by their matrix, or by half a spectrum."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.execute.engine import native_engine

pytestmark = pytest.mark.skipif(not native_engine(), reason="the native engine is off")

RANDOM = np.random.default_rng(0)
SHAPES = [(3, 3), (5,), (2, 3, 7), (7, 34), (33, 4), (40, 40), (1, 1), (2, 18, 2)]
NAMES = "fft ifft rfft irfft hfft ihfft".split()


def operands(shape: tuple[int, ...], name: str) -> list[Any]:
    """Return real numbers, and complex ones where a transform takes them."""
    x = RANDOM.standard_normal(shape)
    return [x] if name in ("rfft", "ihfft") else [x, x + 1j * x[::-1]]


def weighted(y: Any) -> Any:
    """Return a number of which no two elements have the same slope."""
    places = np.arange(1.0, y.size + 1).reshape(y.shape)
    return np.sum(np.real(y * np.conj(y)) * np.sin(places) + np.real(y) ** 3)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("n", [None, 5, 36])
def test_a_transform_is_numpys(
    name: str, shape: tuple[int, ...], n: int | None
) -> None:
    for axis, norm in ((-1, None), (0, "ortho"), (-1, "forward")):
        for x in operands(shape, name):

            def f(x: Any, axis: int = axis, norm: Any = norm) -> Any:
                return getattr(np.fft, name)(x, n, axis, norm)

            try:
                expected = f(x)
            except ValueError:  # of one element there is no other half
                continue
            found = wg.jit(f, wait=True)(x)
            assert found.dtype == expected.dtype
            size = np.max(np.abs(expected))
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13 * size)

            def loss(x: Any, f: Any = f) -> Any:
                return weighted(f(x))

            gradient = wg.jit(wg.grad(loss), wait=True)(x)
            direction = RANDOM.standard_normal(shape)
            step = 1e-6 * direction
            numeric = (loss(x + step) - loss(x - step)) / 2e-6
            slope = np.sum(np.real(gradient) * direction)
            assert abs(slope - numeric) < 1e-5 * (1 + np.max(np.abs(gradient)))


@pytest.mark.parametrize(
    ("name", "shape", "asked"),
    [
        ("fft", (300,), ["rfft", "irfft"]),
        ("fft", (4, 16), []),
        ("ifft", (300,), ["ifft", "irfft"]),
        ("rfft", (300,), ["rfft", "irfft"]),
    ],
)
def test_numpy_is_asked_for_half_a_spectrum_of_real_numbers(
    name: str, shape: tuple[int, ...], asked: list[str]
) -> None:
    x = RANDOM.standard_normal(shape)
    jitted = wg.jit(wg.grad(lambda x: weighted(getattr(np.fft, name)(x))), wait=True)
    jitted(x)
    (row,) = jitted.report().rows
    assert [text.split()[0] for text in row["asked of NumPy"]] == asked


@pytest.mark.parametrize("size", [8, 64])
def test_single_precision_stays(size: int) -> None:
    x = RANDOM.standard_normal(size).astype(np.float32)
    found = wg.jit(np.fft.fft, wait=True)(x)
    assert found.dtype == np.fft.fft(x).dtype
    np.testing.assert_allclose(found, np.fft.fft(x), rtol=0, atol=1e-5 * size)


@pytest.mark.parametrize("size", [8, 64])
def test_what_is_not_finite_is_seen(size: int) -> None:
    x = RANDOM.standard_normal(size)
    f = wg.jit(lambda x: np.real(np.fft.fft(x)), wait=True)
    f(x)
    for bad in (np.nan, np.inf):
        x[1] = bad
        with np.errstate(invalid="ignore"):
            expected = np.real(np.fft.fft(x))
        np.testing.assert_array_equal(np.isfinite(f(x)), np.isfinite(expected))
