"""Every operation runs jitted and agrees with the interpreter, values and gradients.

Native code may contract and reassociate: it is judged by ``twice the interpreter's
error plus 4 ulp of the largest term`` (docs/explanation).  Its own error is
bounded here by a few ulp a term of the sums that an example has.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

import wengert as wg
from tests.ops.examples import Example, examples
from wengert.execute.engine import native_engine

EXAMPLES = examples()
#: Terms of the longest sum among the examples, times a few ulp a term.
ULPS = 64


def is_number(x: Any) -> bool:
    return np.asarray(x).dtype.kind in "fc"


def scalar_loss(example: Example, weights: list[Any]) -> Any:
    """Return a real number of all float results of an example."""

    def loss(*operands: Any) -> Any:
        result = example.function(*operands)
        parts = result if isinstance(result, (tuple, list)) else [result]
        total = 0.0
        for k, part in enumerate(parts):
            if np.result_type(part).kind in "fc":
                total = total + np.sum(np.real(part) * weights[k % len(weights)])
        return total

    return loss


#: What numbers are small beside: they may be what is left of some of this size.
CANCELLED = 1e-2


def agree(found: Any, expected: Any) -> None:
    if isinstance(expected, (tuple, list)):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            agree(one, other)
        return
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    if not is_number(expected):
        np.testing.assert_array_equal(found, expected)
        return
    finite = expected[np.isfinite(expected)]
    largest = max(np.abs(finite).max(initial=0.0), CANCELLED)
    tolerance = ULPS * np.finfo(expected.dtype).eps
    np.testing.assert_allclose(
        found, expected, rtol=tolerance, atol=tolerance * largest
    )


def other_points(example: Example) -> list[list[Any]]:
    """Return operands near an example's, twice: the recorded path may hold or not."""
    first = example.operands
    points = [first]
    for factor in (1.0 + 2.0**-10, 1.0 - 2.0**-9):
        points.append(
            [
                (x * np.asarray(factor, dtype=np.asarray(x).dtype))[()]
                if isinstance(x, (np.ndarray, np.generic)) and is_number(x)
                else x
                for x in first
            ]
        )
    return points


BY_NAME = {str(example): example for example in EXAMPLES}


@functools.cache
def jitted(name: str) -> Any:
    """Return an example under `jit`, compiled once for the tests that call it."""
    return wg.jit(BY_NAME[name].function, wait=True)


@pytest.mark.one_in(4)
@pytest.mark.parametrize("example", EXAMPLES, ids=str)
@pytest.mark.filterwarnings("ignore")
def test_value_agrees(example: Example) -> None:
    fun = jitted(str(example))

    for operands in other_points(example):
        try:
            expected = example.function(*operands)
        except ValueError:
            continue  # a point outside the operation's domain
        agree(fun(*operands), expected)


DIFFERENTIABLE = [e for e in EXAMPLES if e.order and any(map(is_number, e.operands))]


@pytest.mark.one_in(3)
@pytest.mark.parametrize("example", DIFFERENTIABLE, ids=str)
@pytest.mark.filterwarnings("ignore")
def test_gradient_agrees(example: Example) -> None:
    loss = scalar_loss(example, [1.0, 0.7, -0.3])
    wanted = tuple(k for k, x in enumerate(example.operands) if is_number(x))
    gradient = wg.grad(loss, wanted)
    fun = wg.jit(gradient, wait=True)

    for operands in other_points(example):
        agree(fun(*operands), gradient(*operands))


@pytest.mark.skipif(not native_engine(), reason="the native engine is off")
def test_which_operations_run_natively(record_property: Any) -> None:
    """At least the elementwise ones, small sums, products and data movement do."""
    native, missing = set(), set()
    for example in EXAMPLES:
        operands = example.operands
        if not all(np.asarray(x).dtype.kind in "fib" for x in operands):
            continue
        fun = jitted(str(example))
        try:
            with np.errstate(all="ignore"):
                fun(*operands)
        except (TypeError, ValueError, NotImplementedError):
            continue
        paths = fun.paths()
        (native if all(path.kernels for path in paths) else missing).add(
            example.operation
        )
    record_property("without native kernel", sorted(missing - native))
    print("without a native kernel:", ", ".join(sorted(missing - native)))

    expected = "add multiply divide sin exp power maximum where sum matmul dot reshape "
    expected += "transpose getitem store concatenate stack max min prod einsum cumsum"
    assert set(expected.split()) - native == set()
