"""Folds that depend on no order of sums, and what has no elements, to the bit."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
import pytest

import wengert as wg
from tests.lower.guarded import call_guarded
from tests.lower.test_nests import WAYS, check_tape, compiled, given_to, refused
from wengert.core.forms import Reduce
from wengert.core.operation import Operation, apply
from wengert.execute.engine import native_engine
from wengert.lower.refusal import BOUNDS

pytestmark = [
    pytest.mark.skipif(not native_engine(), reason="the native engine is off"),
    pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for guard pages"),
    pytest.mark.filterwarnings("ignore:.*encountered"),
]
RNG = np.random.default_rng(5)
SHAPES = [(1,), (3,), (40,), (5, 3), (3, 40), (33, 20), (2, 17, 18)]


def numbers(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Return numbers among which are zeros of either sign, infinities and NaN."""
    rng = np.random.default_rng(len(shape))
    x = rng.normal(scale=3.0, size=shape)
    if dtype.startswith("float") and x.size > 1:
        x.flat[:: 1 + x.size // 7] = rng.choice([0.0, -0.0, 1.0], size=())
        x.flat[-1], x.flat[-x.size // 9] = np.nan, np.inf
        x.flat[0] = -0.0
    return x.astype(dtype)


def assert_same(function: Any, x: np.ndarray, way: tuple[int, int]) -> None:
    """A function in loops gives what NumPy does, to the bit."""
    tape = wg.record(function, x)
    kernel = compiled(tape, way)
    assert kernel is not None
    likes = [tape.types[k] for k in tape.output_indices]
    answer, found = call_guarded(kernel, given_to(tape), likes, True)

    assert answer == 0
    expected = np.asarray(function(x))
    assert found[0].dtype == expected.dtype
    is_nan = expected != expected
    np.testing.assert_array_equal(found[0] != found[0], is_nan)
    assert np.where(is_nan, 0, found[0]).tobytes() == (
        np.where(is_nan, 0, expected).tobytes()
    )


@pytest.mark.parametrize("dtype", ["float64", "float32", "int32", "bool"])
@pytest.mark.parametrize("function", [np.argmax, np.argmin])
def test_the_first_of_equal_extremes_is_found(function: Any, dtype: str) -> None:
    for k, shape in enumerate(SHAPES):
        x = np.round(numbers(shape, dtype))
        for axis in (None, *range(-1, len(shape) - 1)):
            for y in (x, np.nan_to_num(x, posinf=2.0)):
                keep = bool(k % 2)
                found = lambda x, a=axis, k=keep: function(x, axis=a, keepdims=k)  # noqa: E731
                assert_same(found, y.astype(dtype), WAYS[k % 3])


def test_an_extreme_is_found_among_what_is_computed_twice() -> None:
    """A product that one loop contracts and the other rounds would be found nowhere."""
    x = np.random.default_rng(0).normal(size=(33, 20))

    for way in WAYS:
        assert_same(lambda x: x[np.argmax(x[:, 3] * x[:, 5] + x[:, 7])], x, way)


def test_a_branch_on_a_place_is_asked() -> None:
    def function(x: Any) -> Any:
        return x * 2.0 if np.argmax(x * x) == 7 else -x

    x = np.where(np.arange(40) == 7, 2.0, 1.0)

    assert refused(function, x, x) == 0
    assert refused(function, x, x[::-1]) > 2


SCANS = {
    "cumsum": np.cumsum,
    "cumprod": np.cumprod,
    "maximum": np.maximum.accumulate,
    "minimum": np.minimum.accumulate,
    "fmax": np.fmax.accumulate,
    "fmin": np.fmin.accumulate,
}


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64"])
@pytest.mark.parametrize("scan", SCANS)
def test_steps_are_numpys(scan: str, dtype: str) -> None:
    accumulate, adds = SCANS[scan], scan.startswith("cum")
    for k, shape in enumerate(SHAPES):
        x = numbers(shape, dtype)
        x = x if adds else x + x.dtype.type(0)  # NumPy's sign of an extreme zero varies
        for axis in range(len(shape)):
            assert_same(lambda x, a=axis: accumulate(x, axis=a), x, WAYS[k % 3])


def test_steps_of_products_are_rounded_twice() -> None:
    x = np.random.default_rng(0).normal(size=(33, 20))

    for way in WAYS:
        assert_same(lambda x: np.cumsum(x[::-1] * x, axis=0)[::-1], x, way)


def test_a_branch_on_steps_is_asked() -> None:
    def function(x: Any) -> Any:
        return x * 2.0 if np.cumsum(x)[-1] > 1.0 else -x

    x = np.full(40, 0.1)

    assert refused(function, x, x) == 0
    assert refused(function, x, -x) > 2


def joined(x: Any) -> Any:
    """Return nothing, joined with what has elements and with what has none."""
    return np.concatenate([x, np.ones((2, 4)) * np.prod(x), x[:0]])


def put(x: Any) -> Any:
    """Return what nothing was written into."""
    y = np.ones((2, 4)) * np.sum(x)
    y[:0] = x
    y[:, 1:1] += 2.0
    y[[]] = 3.0
    return y


OF_NOTHING = {
    "itself": lambda x: np.sin(x) * 2.0,
    "folds": lambda x: np.sum(x, axis=0) + np.prod(x, axis=0),
    "questions": lambda x: (np.all(x > 0), np.any(x > 0), np.count_nonzero(x))[1],
    "products": lambda x: x.T @ x + np.einsum("ij,ij->", x, x),
    "joined": joined,
    "put": put,
    "steps": lambda x: np.cumsum(x, axis=0).sum() + np.cumsum(x.T, axis=0),
    "taken": lambda x: x[np.array([], int)].reshape(2, 0) + np.ones((2, 1)),
    "places": lambda x: np.argmax(np.ones((0, 3)) + x[:, :3], axis=1),
}


@pytest.mark.parametrize("name", OF_NOTHING)
def test_nothing_is_computed_of_nothing(name: str) -> None:
    x = np.ones((0, 4))

    assert_same(OF_NOTHING[name], x, WAYS[0])


@pytest.mark.parametrize("name", ["folds", "products", "joined", "put", "steps"])
def test_gradients_by_nothing(name: str) -> None:
    gradient = wg.grad(lambda x, s: np.sum(OF_NOTHING[name](x * s)) * s, (0, 1))
    tape = wg.record(gradient, np.ones((0, 4)), 3.0)

    check_tape(tape, WAYS[0])


def test_a_branch_on_nothing_is_taken_for_good() -> None:
    x = np.ones((0, 4))

    assert refused(lambda x: x * 2.0 if np.all(x > 0) else x[None], x, x) == 0


COUNTS = [*range(1, 20), 127, 128, 129, 136, 255, 257, 1000, 8193, 99_991]
ROWS = {
    "itself": lambda x: x,
    "turned": lambda x: x[::-1],
    "a column": lambda x: np.stack([x, x * 2.0])[:, None, ::-1].T[..., 1],
    "computed": lambda x: x * x - 0.3 * x,
    "one number": lambda x: np.ones(x.shape, x.dtype) * x[0],
}


@pytest.mark.one_in(3)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ROWS)
def test_sums_that_are_asked_about_are_numpys(name: str, dtype: str) -> None:
    """To the bit: a guard that another total would fail is passed."""
    row = ROWS[name]

    def function(x: Any, limit: Any) -> Any:
        return x if np.sum(row(x)) == limit else -x

    for k, n in enumerate(COUNTS):
        x = np.random.default_rng(n).normal(size=n).astype(dtype)
        exact, near = np.sum(row(x)), np.nextafter(np.sum(row(x)), np.inf)
        assert k % 6 or refused(function, x, exact, x, near) > 2
        assert refused(function, x, exact, x, exact) == 0


TABLES = {
    "itself": lambda x: x,
    "computed": lambda x: x * x - 0.3 * x,
    "a part": lambda x: x[1:] * 1.5,
    "with a row": lambda x: x + x[0],
}


@pytest.mark.parametrize("name", TABLES)
def test_sums_of_tables_in_c_order_are_numpys(name: str) -> None:
    table = TABLES[name]

    def function(x: Any, limit: Any) -> Any:
        return x if np.sum(table(x)) == limit else -x

    for k, shape in enumerate([(3, 4), (2, 9), (40, 7), (5, 1, 6), (4, 3, 31)]):
        x = np.random.default_rng(k).normal(size=shape)
        exact = np.sum(table(x))
        assert refused(function, x, exact, x, np.nextafter(exact, np.inf)) > 2
        assert refused(function, x, exact, x, exact) == 0


def test_a_sum_of_a_table_that_lies_otherwise_is_asked_of_numpy() -> None:
    """It is added in the order of memory."""
    for given in (lambda x: x.T, lambda x: x[:, ::2], lambda x: x[::-1]):
        tape = wg.record(
            lambda x, given=given: x if np.sum(given(x)) > 0 else -x, np.ones((3, 4))
        )

        assert compiled(tape, WAYS[0]) is None


def test_a_sum_over_one_of_several_axes_is_asked_of_numpy() -> None:
    function = lambda x: x if np.sum(x, axis=0)[1] > 0 else -x  # noqa: E731

    assert compiled(wg.record(function, np.ones((3, 4))), WAYS[0]) is None


def test_a_loop_that_asks_about_sums() -> None:
    def function(x: Any) -> Any:
        def step(y: Any, _: Any) -> Any:
            y = y * 0.75 + x
            return (y if np.sum(y) > 0.5 else y + 1.0), None

        return wg.scan(step, x, np.arange(9.0))[0]

    x = np.random.default_rng(0).normal(size=40) + 1.0

    assert refused(function, x, x) == 0
    assert refused(function, x, x - 2.0) == BOUNDS


def test_what_is_asked_behind_a_call_is_numpys() -> None:
    """A total that a guard asks about behind a call of NumPy's."""

    def function(x: Any) -> Any:
        total = np.sum(np.sqrt(np.abs(x)) * x + x)
        total = total + np.i0(x * total)[0] * 0.0
        return total if total > 1.0 else -total

    for seed in range(12):
        x = np.random.default_rng(seed).normal(size=5000)
        jitted = wg.jit(function, wait=True)

        assert [jitted(x), jitted(x)] == [function(x)] * 2
        assert jitted.paths()[0].kernels


def moved(m: Any, w: Any, x: Any) -> Any:
    """Return a sum of products, of which a slope is a sum of products, too."""
    return np.sum(np.sin((x - m) @ w))


def test_a_sum_of_products_is_a_product_of_sums() -> None:
    n, i, j = 400, 30, 20
    m, w, x = (RNG.normal(size=s) for s in ((i,), (i, j), (n, i)))
    slope = wg.jit(wg.grad(moved), wait=True)
    for _ in range(3):
        found = slope(m, w, x)
    np.testing.assert_allclose(found, wg.grad(moved)(m, w, x), rtol=1e-11)

    (row,) = slope.report().rows
    assert row["operations"] < 3 * n * i * j  # two more for another product


@pytest.mark.parametrize("number", [0.0, np.inf, np.nan, 1e308])
def test_a_sum_of_products_of_what_is_large_or_no_number(number: float) -> None:
    def f(m: Any, w: Any, x: Any, scale: Any) -> Any:
        return np.sum((x - m) @ w * scale)

    m, w, x = (RNG.normal(size=s) for s in ((30,), (30, 20), (400, 30)))
    scale = np.ones((400, 20))
    slope = wg.jit(wg.grad(f), wait=True)
    for _ in range(3):
        slope(m, w, x, scale)
    scale[3, 4], scale[7, 4], w[:, 4] = number, number, 1e-3
    for _ in range(3):
        expected = wg.grad(f)(m, w, x, scale)
        np.testing.assert_allclose(slope(m, w, x, scale), expected, rtol=1e-11)


#: What is folded of elements, as stated and as NumPy has it.
OF: dict[str, tuple[Reduce, Any]] = {
    "powers": (
        Reduce("x + y", start=0, of="x * x * x * x"),
        lambda x, **how: np.sum(np.prod([x] * 4, axis=0), **how),
    ),
    "a choice": (
        Reduce("x + y", start=0, of="select(x > 1, x, -x)"),
        lambda x, **how: np.sum(np.where(x > 1, x, -x), **how),
    ),
    "a condition": (
        Reduce("x + y", start=0, of="x > -1 and not x > 1"),
        lambda x, **how: np.sum((x > -1) & ~(x > 1), **how),
    ),
    "the largest size": (
        Reduce("maximum(x, y)", of="select(x < 0, -x, x)"),
        lambda x, **how: np.max(np.abs(x), **how),
    ),
    "where it is": (
        Reduce("maximum(x, y)", of="select(x < 0, -x, x)", place=True),
        lambda x, axis, **how: np.argmax(
            np.abs(x), None if len(axis) > 1 else axis[0], **how
        ),
    ),
    "any": (
        Reduce("x or y", start=0, of="x > 2"),
        lambda x, **how: np.any(x > 2, **how),
    ),
}


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "int32"])
@pytest.mark.parametrize("name", OF)
def test_what_is_folded_of_elements_is_of_the_results_type(
    name: str, dtype: str
) -> None:
    """Unless it is a condition, which is one whatever they are."""
    form, function = OF[name]
    operation = Operation(name.replace(" ", "_"), function, "constant", form=form)
    for shape in ((1,), (5,), (40,), (3, 40), (33, 20)):
        x = RNG.normal(scale=2.0, size=shape).round(2).astype(dtype)
        for axis in (tuple(range(x.ndim)), (x.ndim - 1,)):
            for way in WAYS:
                tape = wg.record(
                    lambda x, axis=axis: apply(operation, x, axis=axis, keepdims=False),
                    x,
                )
                check_tape(tape, way, ulps=4)


@pytest.mark.parametrize("lanes", [1, 2, 4, 8])
def test_sums_of_very_many_numbers_are_as_exact_where_vectors_are_narrow(
    lanes: int,
) -> None:
    x = np.full(4_000_003, 0.1, np.float32)
    x[::7] = 0.7
    tape = wg.record(np.sum, x)
    kernel = compiled(tape, (lanes, 16))
    assert kernel is not None

    _, (found,) = call_guarded(
        kernel, [x], [tape.types[k] for k in tape.output_indices], True
    )
    assert float(found) == pytest.approx(math.fsum(x.tolist()), rel=1e-6)
