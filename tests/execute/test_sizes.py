"""Every operation's examples at other sizes, along each axis, at several layouts.

Operands get another size along one axis, or a square of theirs along both; what NumPy
refuses then is no question, and neither is what takes it long.
"""

from __future__ import annotations

import time
from collections import Counter
from contextlib import suppress
from typing import Any
from zlib import crc32

import numpy as np
import pytest

import wengert as wg
from tests.execute.test_native_registry import (
    DIFFERENTIABLE,
    EXAMPLES,
    agree,
    is_number,
)
from tests.ops.examples import Example
from wengert.execute.engine import native_engine

pytestmark = [
    pytest.mark.skipif(not native_engine(), reason="the native engine is off"),
    pytest.mark.filterwarnings("ignore"),
]

#: Sizes, and the one before: what an example takes there says what it will take.
SIZES, LARGEST = (7, 64, 1000), 100_000
BEFORE = {64: 7, 1000: 64, LARGEST: 1000}
#: Elements of all operands, and seconds that NumPy takes where time grows as the square
#: of the size, up to which an example is tried.
MOST = {7: 10**5, 64: 10**5, 1000: 10**5, LARGEST: 10**6}
MOST_SECONDS = {7: 0.3, 64: 0.3, 1000: 0.3, LARGEST: 8.0}
#: How much faster than operands a result may grow: a square of them does.
MOST_GROWTH = 3
#: How many times as far as answers of operands that are off by an ulp, where they are
#: sums of so many numbers; what is rounded adds up as the root of their count does.
OF_NEARBY, SUMMED = 64, 1000
#: What takes native code long, where NumPy takes little: recurrences in many steps.
LONG = ("poly", "polydiv", "convolve2d_value")
#: Which axes of operands get another size; the last two, both, of what is square.
FIRST, SECOND, SQUARE = AXES = (0,), (1,), (-2, -1)


def grown(x: Any, n: int, axes: tuple[int, ...]) -> Any:
    """Return an operand of that size along axes that it has, its elements again."""
    if not isinstance(x, np.ndarray) or x.ndim == 0 or x.size == 0:
        return x
    if axes == SQUARE and (x.ndim < 2 or x.shape[-1] != x.shape[-2]):
        return x
    if all(axis >= x.ndim for axis in axes):
        return x
    for axis in axes:
        x = np.take(x, np.arange(n) % x.shape[axis], axis=axis)
    if x.dtype.kind not in "fc":
        return x
    apart = 1 + 1e-3 * np.random.default_rng(x.size).standard_normal(x.shape)
    return (x * apart).astype(x.dtype)


def backwards(x: np.ndarray) -> np.ndarray:
    """Return an array that lies in memory from its end on."""
    return np.ascontiguousarray(x[::-1])[::-1]


def strided(x: np.ndarray) -> np.ndarray:
    """Return an array that is every other element of a larger one."""
    return np.repeat(x, 2, axis=-1)[..., ::2]


LAYOUTS: dict[str, Any] = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "backwards": backwards,
    "strided": strided,
}


def laid(x: Any, layout: str) -> Any:
    """Return an operand that lies otherwise."""
    return LAYOUTS[layout](x) if isinstance(x, np.ndarray) and x.ndim else x


def layout_of(*what: Any) -> str:
    """Return a layout, by lot."""
    return list(LAYOUTS)[crc32(repr(what).encode()) % len(LAYOUTS)]


def operands_of(example: Example, n: int, axes: tuple[int, ...]) -> list[Any] | None:
    """Return an example's operands at a size; None where that is no other question."""
    given = example.operands
    made = [grown(x, n, axes) for x in given]
    is_same = all(x is y for x, y in zip(made, given, strict=True))
    return None if is_same or sum(map(np.size, made)) > MOST[n] else made


def value_of(example: Example, operands: list[Any]) -> Any:
    """Return what NumPy gives; None where it refuses."""
    given = [x.copy() if isinstance(x, np.ndarray) else x for x in operands]
    try:
        return example.function(*given)
    except Exception:  # shapes that do not fit, or places that there are not
        return None


def elements(values: Any) -> int:
    """Return how many numbers there are."""
    if isinstance(values, (tuple, list)):
        return sum(map(elements, values))
    return int(np.size(values))


def takes_long(example: Example, n: int, axes: tuple[int, ...]) -> bool:
    """Whether NumPy would take long, or much memory, by what it takes before."""
    if n not in BEFORE:
        return False
    if example.operation in LONG:
        return True
    before = BEFORE[n]
    if takes_long(example, before, axes):
        return True
    operands = operands_of(example, before, axes)
    if operands is None:
        return False
    started = time.process_time()
    answer = value_of(example, operands)
    seconds = (time.process_time() - started) * (n / before) ** 2
    growth = elements(answer) / max(elements(operands), before)
    return seconds > MOST_SECONDS[n] or growth > MOST_GROWTH


def moved(x: Any) -> Any:
    """Return numbers that are off by half an ulp or one, either way."""
    if not isinstance(x, np.ndarray) or x.dtype.kind not in "fc":
        return x
    signs = np.random.default_rng(1).choice([-1, 1], x.shape)
    return (x * (1 + signs * np.finfo(x.dtype).eps)).astype(x.dtype)


def agree_as_far(found: Any, expected: Any, nearby: Any) -> None:
    """Numbers agree as far as operands decide them: `nearby` is of others, by an ulp.

    Equations of rows that are nearly the same magnify what is rounded.
    """
    if isinstance(expected, (tuple, list)):
        assert len(found) == len(expected)
        for parts in zip(found, expected, nearby, strict=True):
            agree_as_far(*parts)
        return
    try:
        agree(found, expected)
    except AssertionError:
        one, other = np.asarray(expected), np.asarray(nearby)
        if one.dtype.kind not in "fc" or one.shape != other.shape:
            raise
        apart = np.abs(one - other)
        most = float(np.max(apart, where=np.isfinite(apart), initial=0.0))
        most *= OF_NEARBY * max(1.0, one.size / SUMMED) ** 0.5
        np.testing.assert_allclose(found, expected, rtol=0, atol=most)


def asked(example: Example, n: int, axes: tuple[int, ...]) -> tuple[Any, Any] | None:
    """Return operands and what NumPy gives; None where that is no question."""
    operands = operands_of(example, n, axes)
    if operands is None or takes_long(example, n, axes):
        return None
    expected = value_of(example, operands)
    return None if expected is None else (operands, expected)


def judge(example: Example, n: int, axes: tuple[int, ...], layout: str) -> None:
    """Native code gives what NumPy does; a refusal that says why is none."""
    with np.errstate(all="ignore"):
        question = asked(example, n, axes)
        if question is None:
            return
        operands, expected = question
        given = [laid(x, layout) for x in operands]
        if example.label == "as_it_lies":  # it says how operands lie
            expected = example.function(*given)
        function = wg.jit(example.function, wait=True)
        try:
            found = [function(*given) for _ in range(3)]
        except wg.WengertError:
            return
        nearby = value_of(example, [moved(x) for x in operands])
    for one in found:
        agree_as_far(one, expected, nearby)


def weighed(example: Example, value: Any) -> Any:
    """Return a real number of all that an example gives, each element with a weight.

    Sums of plain elements may be the same whatever the operands are.
    """
    parts = value if isinstance(value, (tuple, list)) else [value]
    random = np.random.default_rng(2)
    weights = [random.uniform(0.5, 1.5, np.shape(part)) for part in parts]

    def loss(*operands: Any) -> Any:
        result = example.function(*operands)
        parts = result if isinstance(result, (tuple, list)) else [result]
        total = 0.0
        for part, weight in zip(parts, weights, strict=True):
            if np.result_type(part).kind in "fc":
                total = total + np.sum(np.real(part) * weight)
        return total

    return loss


def gradient_of(example: Example, operands: list[Any], value: Any) -> Any:
    """Return the gradient by all numbers."""
    wanted = tuple(k for k, x in enumerate(operands) if is_number(x))
    return wg.grad(weighed(example, value), wanted)


def sweeps_long(example: Example, axes: tuple[int, ...]) -> bool:
    """Whether a gradient of the largest size would take long."""
    before = BEFORE[LARGEST]
    question = asked(example, before, axes)
    if question is None:
        return True
    started = time.process_time()
    with suppress(wg.WengertError, ValueError, np.linalg.LinAlgError):
        gradient_of(example, *question)(*question[0])
    seconds = (time.process_time() - started) * LARGEST / before
    return seconds > MOST_SECONDS[LARGEST]


def all_finite(values: Any) -> bool:
    """Whether all numbers are finite."""
    if isinstance(values, (tuple, list)):
        return all(map(all_finite, values))
    return bool(np.all(np.isfinite(values)))


def judge_gradient(
    example: Example, n: int, axes: tuple[int, ...], layout: str
) -> None:
    """A native gradient is the interpreter's."""
    with np.errstate(all="ignore"):
        question = asked(example, n, axes)
        if question is None or (n == LARGEST and sweeps_long(example, axes)):
            return
        given = [laid(x, layout) for x in question[0]]
        gradient = gradient_of(example, *question)
        try:
            expected = gradient(*given)
        except (wg.WengertError, ValueError, np.linalg.LinAlgError):
            return
        if n == LARGEST and not all_finite(expected):
            return  # of a product of so many numbers, which overflows in some order
        function = wg.jit(gradient, wait=True)
        found = [function(*given) for _ in range(3)]
        nearby = gradient(*[moved(x) for x in given])
    for one in found:
        agree_as_far(one, expected, nearby)


CASES = [
    pytest.param(n, example, id=f"{example}-{n}") for n in SIZES for example in EXAMPLES
]
OF_GRADIENTS = [
    pytest.param(n, example, id=f"{example}-{n}")
    for n in SIZES
    for example in DIFFERENTIABLE
]


@pytest.mark.one_in(16)
@pytest.mark.parametrize(("n", "example"), CASES)
def test_values_agree(n: int, example: Example) -> None:
    for axes in AXES:
        judge(example, n, axes, layout_of(n, str(example), axes))


@pytest.mark.one_in(40)
@pytest.mark.parametrize(("n", "example"), OF_GRADIENTS)
def test_gradients_agree(n: int, example: Example) -> None:
    for axes in AXES:
        judge_gradient(example, n, axes, layout_of(n, str(example), axes))


def test_numpy_answers_most_of_what_is_asked() -> None:
    """Of the smallest size, which takes NumPy no time."""
    said = Counter[bool]()
    with np.errstate(all="ignore"):
        for example in EXAMPLES:
            for axes in AXES:
                operands = operands_of(example, SIZES[0], axes)
                if operands is not None:
                    said[value_of(example, operands) is not None] += 1

    assert said[True] >= 1200
    assert said[True] > 1.5 * said[False]


@pytest.mark.slow
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("n", "example"), CASES)
def test_values_agree_at_every_layout(n: int, example: Example, layout: str) -> None:
    for axes in AXES:
        judge(example, n, axes, layout)


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_values_of_many_elements_agree(example: Example) -> None:
    judge(example, LARGEST, FIRST, layout_of(str(example)))


@pytest.mark.slow
@pytest.mark.parametrize("example", DIFFERENTIABLE, ids=str)
def test_gradients_of_many_elements_agree(example: Example) -> None:
    judge_gradient(example, LARGEST, FIRST, layout_of(str(example)))
