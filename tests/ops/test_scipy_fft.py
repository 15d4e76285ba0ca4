"""Transforms of `scipy.fft`: types, sizes, axes, scales, and how they are called."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import fft
from scipy.fft import dct, rfft

import wengert
from tests.ops.judge import judge, judge_refusal, judge_value

R = np.random.default_rng(7)
A = R.standard_normal((2, 5))
COMPLEX = A + 1j * R.standard_normal((2, 5))

WAYS: dict[str, dict[str, Any]] = {
    "all": {},
    "cut off": {"n": 4, "norm": "ortho"},
    "filled up": {"n": 7, "axis": 0, "norm": "forward"},
    "one": {"n": 1},
}
WAYS_OVER: dict[str, dict[str, Any]] = {
    "all": {"norm": "ortho", "workers": 2},
    "sizes": {"s": (3, -1), "axes": (1, 0), "overwrite_x": True},
}
REAL_WAYS: list[dict[str, Any]] = [
    {},
    {"n": 7, "norm": "forward"},
    {"norm": "ortho", "orthogonalize": False},
    {"orthogonalize": True, "axis": 0},
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", "fft ifft rfft irfft hfft ihfft".split())
def test_along_an_axis(name: str, way: str) -> None:
    for x in (A,) if name in ("rfft", "ihfft") else (A, COMPLEX):
        judge(lambda x: getattr(fft, name)(x, **WAYS[way]), [x])


@pytest.mark.parametrize("way", WAYS_OVER)
@pytest.mark.parametrize("name", "fftn ifft2 rfft2 irfftn hfftn ihfft2".split())
def test_over_several_axes(name: str, way: str) -> None:
    judge(lambda x: getattr(fft, name)(x, **WAYS_OVER[way]), [A])


@pytest.mark.parametrize("type_", [1, 2, 3, 4])
@pytest.mark.parametrize("name", ["dct", "idct", "dst", "idst"])
def test_cosine_and_sine_transforms(name: str, type_: int) -> None:
    for way in REAL_WAYS:
        judge(lambda x: getattr(fft, name)(x, type_, **way), [A])  # noqa: B023
        judge_value(lambda x: getattr(fft, name)(x, type_, **way), [COMPLEX])  # noqa: B023
    judge(lambda x: getattr(fft, f"{name}n")(x, type_, (3, 2)), [COMPLEX])


def test_hankel_transforms_with_a_bias() -> None:
    judge(lambda x: fft.fht(x, 0.1, 0.5, 0.2, 0.3), [A])
    judge(lambda x: fft.ifht(x, 0.1, 0.5, 0.2, 0.3), [A])


@pytest.mark.parametrize("name", ["fftshift", "ifftshift"])
def test_shifts(name: str) -> None:
    judge(lambda x: getattr(fft, name)(x, axes=1), [A])


def test_functions_imported_by_name_and_plain_numbers() -> None:
    def function(x: Any) -> Any:
        count = fft.next_fast_len(len(x))
        assert type(count) is int
        assert type(fft.fftfreq(count)) is np.ndarray
        return np.sum(dct(x, n=count) ** 2) + np.sum(np.abs(rfft(x)) ** 2)

    x = A[0]
    found = wengert.grad(function)(x)
    step = 1e-6 * np.eye(5)
    expected = [(function(x + h) - function(x - h)) / 2e-6 for h in step]

    np.testing.assert_allclose(found, expected, rtol=1e-6)
    jitted = wengert.jit(wengert.grad(function))
    for scale in (1.0, 2.0, 3.0):
        np.testing.assert_allclose(jitted(scale * x), scale * found, rtol=1e-12)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: fft.fft(x, 0),
        lambda x: fft.irfft(x, -2),
        lambda x: fft.fft(x, axis=5),
        lambda x: fft.fft(x, norm="other"),
        lambda x: fft.fftn(x, s=(2, 2), axes=(0,)),
        lambda x: fft.rfft(x + 1j),
        lambda x: fft.dct(x, 5),
        lambda x: fft.dct(x[:, :0]),
        lambda x: fft.rfftn(x, axes=()),
        lambda x: fft.fft(x, plan=1),
        lambda x: fft.fftn(x, axes=(0, 0)),
    ],
)
def test_what_scipy_refuses_is_refused(call: Any) -> None:
    judge_refusal(call, A)


def test_a_recorded_parameter_of_a_hankel_transform_is_refused() -> None:
    with pytest.raises(wengert.UnsupportedError, match="a plain number for mu"):
        wengert.record(lambda mu: fft.fht(A, 0.1, mu), 0.5)
