"""Rules compute in the precision of the result, whatever that of an operand is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert
from tests.ops.examples import Example, examples
from wengert.core.forms import Map
from wengert.core.operation import REGISTRY
from wengert.core.tape import INPUT


def is_on_elements(example: Example) -> bool:
    operation = REGISTRY.get(example.operation)
    return operation is not None and type(operation.form) is Map


EXAMPLES = [example for example in examples() if is_on_elements(example)]


def doubles(operands: list[Any]) -> list[int]:
    """Return which operands are floats of double precision."""
    return [k for k, x in enumerate(operands) if np.asarray(x).dtype == np.float64]


def lowered(operands: list[Any], k: int, dtype: str) -> tuple[list[Any], list[Any]]:
    """Return operands of which one has a lower precision, and the same as doubles."""
    low, same = list(operands), list(operands)
    low[k] = np.asarray(operands[k]).astype(dtype)[()]
    same[k] = low[k].astype(np.float64)
    return low, same


def computes_in(function: Callable[..., Any], operands: list[Any], dtype: str) -> bool:
    """Whether an example does more than one operation, some of them in a precision."""
    tape = wengert.record(function, *operands)
    return any(
        operation is not INPUT and getattr(like, "dtype", None) == dtype
        for operation, like in zip(tape.operations, tape.types, strict=True)
    )


def of_waves(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a sum over the elements of a result, each with a weight of its own."""

    def total(*operands: Any) -> Any:
        result = function(*operands)
        weights = np.cos(np.arange(np.size(result))).reshape(np.shape(result))
        return np.sum((result * weights).real)

    return total


def with_others(
    function: Callable[..., Any], operands: list[Any], places: tuple[int, ...]
) -> Callable[..., Any]:
    """Return a function of some of its operands."""

    def of_others(*values: Any) -> Any:
        given = list(operands)
        for k, value in zip(places, values, strict=True):
            given[k] = value
        return function(*given)

    return of_others


@pytest.mark.one_in(3)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_an_operand_of_low_precision_leaves_the_others_gradients_exact(
    example: Example, dtype: str
) -> None:
    operands = list(example.operands)
    places = doubles(operands)
    for k in places if len(places) > 1 else []:
        low, same = lowered(operands, k, dtype)
        others = tuple(j for j in places if j != k)
        try:
            results = example.function(*low), example.function(*same)
        except (TypeError, ValueError):  # not of this dtype, or these numbers
            continue
        if len({np.asarray(result).dtype for result in results}) > 1:
            continue
        if computes_in(example.function, low, dtype):
            continue
        total = of_waves(example.function)
        try:
            expected = wengert.grad(total, argnums=others)(*same)
        except wengert.WengertError:
            continue
        seeds = [np.sin(1.0 + np.arange(np.size(low[j]))) for j in others]
        seeds = [
            s.reshape(np.shape(low[j])) for s, j in zip(seeds, others, strict=True)
        ]

        of_others = with_others(total, low, others)
        given = tuple(low[j] for j in others)
        found = wengert.grad(total, argnums=others)(*low)
        tangent = wengert.jvp(of_others, given, tuple(s[()] for s in seeds))[1]

        slope = 0.0
        for one, other, seed in zip(found, expected, seeds, strict=True):
            assert np.asarray(one).dtype == np.asarray(other).dtype
            np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-13)
            slope += np.sum(other * seed)
        np.testing.assert_allclose(tangent, slope, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("wait", [False, True])
def test_a_quotient_by_a_number_of_low_precision(dtype: str, wait: bool) -> None:
    """1 / 3 of half precision is 0.33325."""
    gradient = wengert.grad(lambda x, y: np.sum(x / y))
    gradient = wengert.jit(gradient, wait=True) if wait else gradient

    for _ in range(3):
        found = gradient(np.array([0.1, 0.4]), np.dtype(dtype).type(3))
        np.testing.assert_allclose(found, 1 / 3, rtol=1e-15)
