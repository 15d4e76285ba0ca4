"""Fourier transforms: sizes, axes, scales, real and complex operands, second orders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.ops.judge import judge, judge_value
from wengert import jit, value_and_grad

R = np.random.default_rng(7)
A = R.standard_normal((3, 6))
COMPLEX = A + 1j * R.standard_normal((3, 6))
CUBE = R.standard_normal((2, 3, 4))

ALONG = "fft ifft rfft irfft hfft ihfft".split()
OVER = "fftn ifftn rfftn irfftn fft2 ifft2 rfft2 irfft2".split()
#: What takes real numbers only.
REAL = {"rfft", "ihfft", "rfftn", "rfft2"}
WAYS: dict[str, dict[str, Any]] = {
    "all": {},
    "cut off": {"n": 4},
    "filled up": {"n": 9, "axis": 0},
    "odd": {"n": 7},
    "one": {"n": 1},
    "ortho": {"n": 8, "norm": "ortho"},
    "forward": {"axis": -2, "norm": "forward"},
}
WAYS_OVER: dict[str, dict[str, Any]] = {
    "all": {},
    "axes": {"axes": (0, 2)},
    "sizes": {"s": (3, 5), "axes": (1, 0)},
    "a size left out": {"s": (-1, 5), "axes": (0, 2)},
    "ortho": {"norm": "ortho"},
}


def operands(name: str) -> list[Any]:
    """Return what a transform along one axis takes."""
    return [A, A.astype(np.float32), *([] if name in REAL else [COMPLEX])]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ALONG)
def test_along_an_axis(name: str, way: str) -> None:
    function = getattr(np.fft, name)
    for x in operands(name):
        judge(lambda x: function(x, **WAYS[way]), [x])


@pytest.mark.parametrize("way", WAYS_OVER)
@pytest.mark.parametrize("name", OVER)
def test_over_several_axes(name: str, way: str) -> None:
    function = getattr(np.fft, name)
    judge(lambda x: function(x, **WAYS_OVER[way]), [CUBE])
    if name not in REAL:
        judge(lambda x: function(x, **WAYS_OVER[way]), [CUBE + 1j])


@pytest.mark.parametrize("axes", [None, 1, (0, -1)])
@pytest.mark.parametrize("name", ["fftshift", "ifftshift"])
def test_shifts(name: str, axes: Any) -> None:
    judge(lambda x: getattr(np.fft, name)(x, axes=axes), [CUBE])


@pytest.mark.parametrize("name", ALONG)
def test_integers_lists_and_out(name: str) -> None:
    function = getattr(np.fft, name)
    like = function(A)

    def into_out(x: Any) -> Any:
        out = np.zeros(like.shape, like.dtype)
        found = function(x, out=out)
        return found * 1 if found is out else None

    judge_value(function, [np.array([[3, 1, 2], [0, 5, 4]])])
    judge_value(
        lambda x, y: getattr(np.fft, name)([x, y, 2.0]),
        [np.float64(0.5), np.float64(2.0)],
    )
    if name != "hfft":  # NumPy's takes `out` and leaves it alone
        judge(into_out, [A])


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.fft.fft(x, 0),
        lambda x: np.fft.irfft(x, -2),
        lambda x: np.fft.fft(x, axis=5),
        lambda x: np.fft.fft(x, norm="other"),
        lambda x: np.fft.fftn(x, s=(2, 2), axes=(0,)),
        lambda x: np.fft.rfft(x + 1j),
        lambda x: np.fft.fft(x[:, :0]),
        lambda x: np.fft.irfft(x[:, :1]),
    ],
)
def test_what_numpy_refuses_is_refused(call: Callable[[Any], Any]) -> None:
    with pytest.raises((ValueError, TypeError, IndexError)) as plain:
        call(A)
    with pytest.raises(plain.type):
        jit(call)(A)


@pytest.mark.parametrize("count", [1, 2, 7, 64, 1000])
def test_a_filter_is_the_same_eager_jitted_and_by_its_formula(count: int) -> None:
    """Parseval's identity: the gradient of the power of a spectrum is 2 n x."""
    x = np.random.default_rng(count).standard_normal(count)

    def power(x: Any) -> Any:
        return np.sum(np.abs(np.fft.fft(x)) ** 2)

    jitted = jit(value_and_grad(power))
    for f in (value_and_grad(power), jitted, jitted, jitted):
        value, gradient = f(x)
        np.testing.assert_allclose(value, count * np.sum(x * x), rtol=1e-12)
        np.testing.assert_allclose(gradient, 2 * count * x, rtol=1e-10, atol=1e-10)
