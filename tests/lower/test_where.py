"""Sums to which nothing is added where a mask is false are left out there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as wg
from tests.lower.test_nests import WAYS, check_tape
from wengert.execute.engine import native_engine
from wengert.lower.build import build
from wengert.lower.lower import lower

pytestmark = pytest.mark.skipif(not native_engine(), reason="the native engine is off")

RNG = np.random.default_rng(0)


def nearest(c: Any, x: Any) -> Any:
    """Return what it takes from points to the nearest centres."""
    apart = np.sum((x[:, None] - c) ** 2, axis=2)
    return np.sum(np.sqrt(np.min(apart, axis=1)))


def inside(c: Any, x: Any) -> Any:
    """Return a sum over the points that are on one side, a few numbers each."""
    return np.sum(np.where(x[:, :1] > c[0, 0], np.sin(x * c[1]) / x, 0.0))


def text_of(function: Callable[..., Any], *args: Any) -> str:
    """Return the nest of a gradient as text."""
    return str(build(lower(wg.record(wg.grad(function), *args)), lanes=4)[0])


@pytest.mark.parametrize(
    ("n", "way"), [(1, WAYS[0]), (3, WAYS[1]), (8, WAYS[2]), (29, WAYS[1])]
)
@pytest.mark.parametrize("function", [nearest, inside])
def test_sums_are_those_of_all(function: Any, n: int, way: tuple[int, int]) -> None:
    c, x = RNG.normal(size=(20, 9)), RNG.normal(size=(n, 9))
    c[5], c[6] = x[0], x[0]  # two are as near
    tape = wg.record(wg.value_and_grad(function, argnums=(0, 1)), c + 0.1, x)

    check_tape(tape, way)


def test_only_what_is_selected_is_added() -> None:
    c, x = RNG.normal(size=(20, 9)), RNG.normal(size=(100, 9))

    assert "where v" in text_of(nearest, c, x)
    assert "where v" not in text_of(lambda c, x: np.sum(np.sin(c @ x.T)), c, x)


def test_what_is_not_selected_may_be_infinite() -> None:
    c, x = RNG.normal(size=(20, 9)), RNG.normal(size=(30, 9))
    x[3:7, :] = 0.0  # what is divided by there is not selected
    c[0, 0] = 0.0
    fast = wg.jit(wg.grad(inside), wait=True)
    with np.errstate(all="ignore"):
        for _ in range(3):
            np.testing.assert_allclose(fast(c, x), wg.grad(inside)(c, x), rtol=1e-13)
