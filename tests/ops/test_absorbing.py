"""What nothing depends on has a gradient of exactly zero, NaN or not.

Elementwise operations have it from one mechanism; here are all others but sums of
products and routines of whole buffers, which multiply as NumPy does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as wg
from tests.ops.examples import EXAMPLES, Example
from wengert.capture.tree import flatten
from wengert.core.forms import Move, Reduce, Scan
from wengert.core.operation import REGISTRY

FORMS = Reduce, Scan, Move
JUDGED = [
    example
    for name, examples in EXAMPLES.items()
    for example in examples
    if name in REGISTRY and isinstance(REGISTRY[name].form, FORMS) and example.order
]


def unselected(result: Any) -> Any:
    """Return the sum of a selection that took nothing."""
    parts = [p for p in flatten(result)[0] if np.result_type(p).kind in "fc"]
    return sum(np.sum(np.where(np.zeros(p.shape, bool), p, 0.0).real) for p in parts)


def with_nan(operand: Any) -> Any:
    """Return an operand with one element that is not a number."""
    array = np.array(operand)
    if array.dtype != np.float64 or not array.size:
        return operand
    array.flat[array.size // 2] = np.nan
    return array[()]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("example", JUDGED, ids=str)
def test_what_nothing_depends_on_has_a_gradient_of_zero(example: Example) -> None:
    operands = [with_nan(operand) for operand in example.operands]
    moving = [k for k, x in enumerate(operands) if np.result_type(x) == np.float64]

    found = wg.grad(lambda *x: unselected(example.function(*x)), moving)(*operands)

    for gradient in found:
        np.testing.assert_array_equal(gradient, np.zeros(np.shape(gradient)))


def by_hand(x: Any, count: int) -> Any:
    """Return the derivatives of the product of the first elements."""
    return [
        np.prod(np.delete(x[: count + 1], k)) if k <= count else 0.0
        for k in range(len(x))
    ]


X = np.array([2.0, -1.5, 0.5, 3.0])
BAD = {"nan": np.nan, "inf": np.inf, "nan after zero": np.nan}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("count", range(3))
def test_a_cumulative_product_knows_nothing_of_what_comes_later(
    count: int, bad: str
) -> None:
    """In both modes, recorded, compiled, in rows, of one axis and of two."""

    def of_one(x: Any) -> Any:
        return np.cumprod(x)[count]

    def of_two(x: Any) -> Any:
        return np.cumprod(np.stack([x, x + 1.0]), axis=1)[0, count]

    x = X.copy()
    x[count + 1 :] = BAD[bad]
    x[count] = 0.0 if "zero" in bad else x[count]
    expected = by_hand(x, count)
    for function in (of_one, of_two):
        gradient = wg.grad(function)
        compiled = wg.jit(gradient, wait=True)
        line = np.where(np.isfinite(x), 1.0, 0.0)

        for _ in range(3):
            compiled(X)
        found = [gradient(x), compiled(x), wg.vmap(gradient)(np.stack([X, x, X]))[1]]

        for one in found:
            np.testing.assert_allclose(one, expected, rtol=1e-12)
        tangent = wg.jvp(function, (x,), (line,))[1]
        np.testing.assert_allclose(tangent, np.dot(expected, line), rtol=1e-12)
        curved = wg.grad(lambda x, of=function: np.sum(wg.grad(of)(x)[: count + 1]))(x)
        assert not curved[count + 1 :].any()


@pytest.mark.filterwarnings("ignore")
def test_a_product_that_was_not_selected_adds_nothing() -> None:
    x = np.array([[1.0, 2.0], [3.0, np.nan]])
    where = np.array([[True, False], [True, True]])

    for function in (
        lambda x: np.prod(x, axis=1)[0],
        lambda x: np.multiply.reduce(x, axis=1)[0],
        lambda x: np.prod(x, axis=1, where=where, initial=2.0)[0],
    ):
        for gradient in (wg.grad(function)(x), wg.jit(wg.grad(function))(x)):
            assert np.isfinite(gradient).all()
            assert not gradient[1].any()
