"""Integrals of samples: values and both modes beside SciPy's own plain calls."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import integrate
from scipy.integrate import (
    cumulative_simpson,
    cumulative_trapezoid,
    romb,
    simpson,
    trapezoid,
)

import wengert
from tests.ops.judge import judge

random = np.random.default_rng(3)
Y = random.standard_normal((3, 6))
X = np.cumsum(random.uniform(0.2, 1.0, 6))
V, P = Y[0], X
ODD, EVEN = Y[:, :5], Y

CALLS: dict[str, tuple[Any, ...]] = {
    "trapezoid": (trapezoid, V, P),
    "trapezoid_axis": (lambda y: trapezoid(y, dx=0.3, axis=0), Y),
    "cumulative_trapezoid": (cumulative_trapezoid, V, P),
    "cumulative_trapezoid_initial": (
        lambda y: cumulative_trapezoid(y, dx=0.3, axis=0, initial=0),
        Y,
    ),
    "simpson_odd": (lambda y, x: simpson(y, x[:5]), ODD, P),
    "simpson_even": (lambda y, x: simpson(y, x), EVEN, P),
    "simpson_spacing": (lambda y, h: simpson(y, dx=h), EVEN, np.float64(0.3)),
    "simpson_spacing_odd": (lambda y: simpson(y, dx=0.3, axis=0), Y),
    "simpson_two": (lambda y, x: simpson(y[:2], x[:2]), V, P),
    "simpson_places": (
        lambda x: simpson(Y, x, axis=-1),
        np.broadcast_to(X, Y.shape) + 0,
    ),
    "cumulative_simpson": (lambda y, x: cumulative_simpson(y, x=x), V, P),
    "cumulative_simpson_rows": (
        lambda y, x: cumulative_simpson(y, x=x[:5], initial=1.0),
        ODD,
        P,
    ),
    "cumulative_simpson_spacing": (
        lambda y: cumulative_simpson(y, dx=0.3, axis=0, initial=0.5),
        Y,
    ),
    "cumulative_simpson_two": (lambda y: cumulative_simpson(y[:2], dx=0.2), V),
    "romb": (lambda y, h: romb(y, h), ODD, np.float64(0.4)),
    "romb_axis": (lambda y: romb(y, axis=0), Y),
}


@pytest.mark.parametrize("name", CALLS)
def test_values_and_both_modes(name: str) -> None:
    function, *args = CALLS[name]

    judge(function, args)


def test_a_repeated_place_has_no_width() -> None:
    places = np.array([0.0, 0.5, 0.5, 1.0, 1.5, 1.5])

    found = wengert.vjp(lambda y: simpson(y, x=places), V)

    np.testing.assert_allclose(found[0], integrate.simpson(V, x=places), rtol=1e-13)
    units = np.eye(6)
    expected = [integrate.simpson(unit, x=places) for unit in units]
    np.testing.assert_allclose(found[1](1.0)[0], expected, atol=1e-13)


def test_errors_are_scipys() -> None:
    with pytest.raises(ValueError, match="power of 2"):
        wengert.grad(romb)(V)
    with pytest.raises(ValueError, match="strictly increasing"):
        wengert.grad(lambda y: cumulative_simpson(y, x=-X)[0])(V)
    with pytest.raises(ValueError, match="length of x"):
        wengert.grad(lambda y: simpson(y, x=X[:3]))(V)
