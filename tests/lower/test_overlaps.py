"""Pieces that are added where they overlap: the slopes of what reads its neighbours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.execute.engine import native_engine


def diffusion(x: Any) -> Any:
    return np.sum((x[1:-1] + 0.2 * (x[2:] - 2 * x[1:-1] + x[:-2])) ** 2)


def differences(x: Any) -> Any:
    return np.sum(np.diff(x) ** 2) + np.sum(x[3:] * x[:-3]) + np.sum(x)


def of_rows(x: Any) -> Any:
    return np.sum((x[2:] + x[:-2] - 3 * x[1:-1]) ** 3)


def of_columns(x: Any) -> Any:
    return np.sum((x[:, 2:] + x[:, :-2] - 3 * x[:, 1:-1]) ** 3)


def both_ways(x: Any) -> Any:
    inner = x[1:-1, 1:-1]
    around = x[2:, 1:-1] + x[:-2, 1:-1] + x[1:-1, 2:] + x[1:-1, :-2]
    return np.sum((around - 4 * inner) ** 2)


def with_ends(x: Any) -> Any:
    return np.sum(x[2:] * x[:-2]) + x[0] * x[-1] - 3 * x[1] + np.sum(x[:-1:2] * x[1::2])


def in_place(x: Any) -> Any:
    u = x + 0.0
    for _ in range(40):
        u[1:-1] = u[1:-1] + 0.2 * (u[2:] - 2 * u[1:-1] + u[:-2])
    return np.sum(u * u)


def averaged(x: Any) -> Any:
    u = x
    for _ in range(40):
        u = np.concatenate(([u[0]], (u[:-2] + u[1:-1] + u[2:]) / 3, [u[-1]]))
    return np.sum(u**3)


VECTORS = [diffusion, differences, with_ends, in_place, averaged]
TABLES = [of_rows, of_columns, both_ways]


@pytest.mark.parametrize("n", [4, 6, 16, 17, 50, 200])
@pytest.mark.parametrize("function", VECTORS)
def test_slopes_of_neighbours_are_those_of_the_interpreter(
    function: Callable[..., Any], n: int
) -> None:
    x = np.random.default_rng(n).standard_normal(n)
    expected = wg.grad(function)(x)

    found = wg.jit(wg.grad(function), wait=True)(x)

    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("shape", [(3, 40), (40, 3), (20, 30)])
@pytest.mark.parametrize("function", TABLES)
def test_slopes_of_neighbours_in_tables(
    function: Callable[..., Any], shape: tuple[int, int]
) -> None:
    x = np.random.default_rng(0).standard_normal(shape)
    expected = wg.grad(function)(x)

    found = wg.jit(wg.grad(function), wait=True)(x)

    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-13)


@pytest.mark.skipif(not native_engine(), reason="the native engine is off")
def test_a_slope_of_neighbours_is_one_loop() -> None:
    slope = wg.jit(wg.grad(diffusion), wait=True)
    slope(np.linspace(0.0, 1.0, 1000))

    (path,) = slope.paths()

    nest = path.kernels[0].nest
    assert "folded by x + y" not in nest
    assert nest.count("loop ") <= 2
