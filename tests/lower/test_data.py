"""What data decide: masks, places that repeat, orders, tables, in loops."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as wg
from tests.lower.test_nests import WAYS, check_tape, refused
from wengert.execute.engine import native_engine
from wengert.lower import schedule

pytestmark = pytest.mark.skipif(not native_engine(), reason="the native engine is off")

SLOW = functools.partial(pytest.param, marks=pytest.mark.slow)

Function = Callable[..., Any]


def check(function: Function, *at: Any) -> None:
    """A function and its gradient are, in loops, what the interpreter makes of them."""
    floats = tuple(k for k, x in enumerate(at) if np.asarray(x).dtype.kind == "f")

    def total(*x: Any) -> Any:
        return np.sum(np.tanh(function(*x)) * 0.7)

    tapes = [wg.record(function, *at)]
    if tapes[0].types[tapes[0].output_indices[0]].dtype.kind == "f":
        tapes.append(wg.record(wg.value_and_grad(total, floats), *at))
    for tape in tapes:  # of so many nodes, in one of the ways
        check_tape(tape, WAYS[len(tape) % len(WAYS)], bool(len(tape) % 2), 1e4)


MASKED: dict[str, Any] = {
    "m": lambda m: m[:, 0],
    "m, :": lambda m: (m[:, 0], slice(None, None, -1)),
    ":, m": lambda m: (slice(None), m[0]),
    "1:, m": lambda m: (slice(1, None), m[0]),
    "m, 1": lambda m: (m[:, 0], 1),
    "0, m": lambda m: (0, m[0]),
    "None, m": lambda m: (None, m[:, 0]),
    "m, None": lambda m: (m[:, 0], None),
    "..., m": lambda m: (..., m[0]),
    "m of all": lambda m: m,
}


@pytest.mark.parametrize("shape", [(5, 3), *map(SLOW, [(2, 1), (1, 9), (3, 17)])])
@pytest.mark.parametrize("key", MASKED.values(), ids=MASKED)
def test_masks_take_and_write_as_numpys(key: Any, shape: Any) -> None:
    rng = np.random.default_rng(sum(shape))
    mask = rng.random(shape) < 0.6
    mask[:, 0] = mask[0] = True
    x = rng.normal(size=(shape[0] + 1, shape[1] + 1))[1:, 1:]
    try:
        is_empty = not x[key(mask)].size
    except IndexError:  # there is no second row or column
        return
    if 1 in shape and is_empty:
        return

    def function(x: Any, y: Any, mask: Any) -> Any:
        where, new = key(mask), np.sin(x)
        new[where] = y * x[where][..., ::-1]
        np.add.at(new, where, np.tanh(x[where]))
        new[where] += y[..., :1] * 0.25
        return np.concatenate([np.ravel(new), np.ravel(new[where] * 2.0)])

    check(function, x, rng.normal(size=x[key(mask)].shape), mask)
    check(lambda x, y: function(x, y, mask), x, rng.normal(size=x[key(mask)].shape))


@pytest.mark.parametrize("shape", [(0,), (0, 7), (40, 0), (0, 0)])
@pytest.mark.parametrize("base", [np.copy, np.exp, lambda x: np.cumsum(x, axis=0)])
def test_a_mask_without_elements_writes_nothing(base: Function, shape: Any) -> None:
    """NumPy lets it be beside dimensions of any length."""

    def function(x: Any, mask: Any) -> Any:
        new = base(x)
        new[mask] *= 2.0
        new[::-1][mask] = x[0, 0]
        np.add.at(new, mask, np.sin(new[mask]))
        return new

    x, mask = np.random.default_rng(0).normal(size=(40, 7)), np.zeros(shape, bool)

    np.testing.assert_array_equal(function(x, mask), base(x))
    check(function, x, mask)
    check(lambda x: function(x, mask), x)


@pytest.mark.parametrize("shape", [(), (4,), (3, 5)])
def test_one_truth_value_is_a_mask(shape: Any) -> None:
    def function(x: Any) -> Any:
        new, flag = np.sin(x) * 1.0, np.any(x < 9)
        if np.ndim(new):
            new[flag] = x[flag] * 2.0
            new[~flag] += 1.0
        return new + np.reshape(x, np.shape(x))[flag]

    check(function, np.random.default_rng(0).normal(size=shape))


def through(view: Function, key: Any) -> Function:
    """Return what is written at places of a view of an array."""

    def function(x: Any, y: Any) -> Any:
        new = np.cos(x)
        view(new)[key] = y
        return new

    return function


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x.T,
        lambda x: x[1:, ::-1],
        lambda x: x[::2],
        lambda x: x[:, :2].T[:, 1:],
        lambda x: x[-1][None],
        lambda x: x.reshape(-1, 1),
    ],
)
@pytest.mark.parametrize("key", [[0, -1, 0], ([0, -1], [0, 0]), np.array([[0, -1]])])
def test_writes_at_indices_of_a_view(view: Function, key: Any) -> None:
    x = np.random.default_rng(1).normal(size=(5, 4))
    y = np.arange(1.0, 1.0 + view(x)[key].size).reshape(view(x)[key].shape)
    check(through(view, key), x, y)


@pytest.mark.parametrize("n", [9, *map(SLOW, [1, 2, 16, 33])])
def test_orders_along_an_axis(n: int) -> None:
    rng = np.random.default_rng(n)
    x = rng.normal(size=n)
    ties = np.round(2 * x)
    gaps = np.where(x > 1, np.nan, x)
    rows = gaps[:, None] * rng.normal(size=3), x * np.ones((9, 1))
    for value in (x, ties, gaps, *rows):
        axis = int(value.shape[0] != n)
        check(lambda x, axis=axis: np.sort(x, axis=axis), value)
        check(lambda x, axis=axis: np.argsort(x, axis=axis, kind="stable"), value)
    check(lambda x: np.cos(x)[np.argsort(x)], x)
    check(np.sort, (4 * x).astype(np.int64))
    check(np.sort, x > 0)


@pytest.mark.parametrize("n", [9, *map(SLOW, [1, 2, 8, 40])])
def test_places_in_a_table(n: int) -> None:
    rng = np.random.default_rng(n)
    x = np.concatenate([rng.normal(size=13), [np.nan, -np.inf, 0.5]]).reshape(4, 4)
    for table in (np.sort(rng.normal(size=n)), np.sort(rng.integers(0, 5, n) * 0.5)):
        for side in ("left", "right"):
            check(lambda t, x, s=side: np.searchsorted(t, x, side=s), table, x)
            check(lambda t, s=side: np.searchsorted(t, t, side=s), table)
        check(lambda t, x: np.digitize(x, t), table, x)
        check(lambda t, x: np.digitize(x, t, right=True), table, x)
    check(lambda t, x, y: np.interp(x, t, y), np.sort(x[0]), x[1], x[2])


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize(
    ("n", "m"), [(1, 5), (9, 2), *itertools.starmap(SLOW, [(1, 1), (5, 5), (33, 9)])]
)
def test_sums_of_places(n: int, m: int, mode: Any) -> None:
    rng = np.random.default_rng(n)
    x, y = rng.normal(size=n), rng.normal(size=m)
    check(lambda x, y: np.convolve(x, y, mode), x, y)
    x[0] = y[-1] = np.inf
    check_tape(wg.record(lambda x, y: np.convolve(x, y, mode), x, y), WAYS[1])


@pytest.mark.parametrize(
    ("function", "other"),
    [
        (lambda x: x[x > 0], np.array([1.0, -1.0, -2.0, 3.0])),
        (lambda x: np.nonzero(x > 0)[0], np.array([-1.0, -1.0, -2.0, 3.0])),
        (lambda x: np.searchsorted(x, x), np.array([1.0, 2.0, 2.5, 0.0])),
        (lambda x: np.digitize(x, x), np.array([1.0, 2.0, np.nan, 3.0])),
        (lambda x: np.argsort(x), np.array([1.0, 2.0, 3.0, 2.0])),
        (lambda x: np.choose(x.astype(int) // 9, [x]), np.array([1.0, 2.0, 9.0, 3.0])),
        (lambda x: {str(x[1]): x}[str(x[1])], np.array([1.0, 5.0, 2.0, 3.0])),
        (lambda x: (f"{x}", x * 2.0)[1], np.array([1.0, 5.0, 2.0, 3.0])),
    ],
)
def test_other_data_than_those_that_were_met_are_refused(
    function: Function, other: Any
) -> None:
    x = np.array([0.0, 1.0, 2.0, 3.0])

    assert refused(function, x, x) == 0
    assert refused(function, x, other) >= 2


@pytest.mark.parametrize(
    "function",
    [
        lambda x, y, p: x[x * y - p >= 0],
        lambda x, y, p: with_reversed(x * 1.0, x * y - p >= 0),
        lambda x, y, p: x[np.nonzero(x * y - p >= 0)[0]],
        lambda x, y, p: x[np.searchsorted(np.array([-1e-30, 0.0]), x * y - p)],
    ],
)
def test_what_decides_is_rounded_as_numpys(function: Function) -> None:
    """A multiply-add, which rounds no product, would not find them equal."""
    x, y = np.random.default_rng(3).uniform(1.1, 1.9, (2, 40))
    tape = wg.record(function, x, y, x * y)
    for way in WAYS:
        check_tape(tape, way, ulps=0)


def with_reversed(x: Any, mask: Any) -> Any:
    """Return an array in which a mask's elements are turned round."""
    x[mask] = x[mask][::-1]
    return x


def test_pieces_that_lie_side_by_side_are_not_compared_two_by_two(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of 1,000 of them that took two of three seconds of compiling."""
    compared: list[Any] = []
    found = schedule.are_apart
    monkeypatch.setattr(
        schedule, "are_apart", lambda *given: compared.append(given) or found(*given)
    )

    def program(x: Any) -> Any:
        values = [np.sin(x) if k % 3 else x * k for k in range(200)]
        table = np.stack(values)
        return np.cumsum(table) * table[::-1]

    x = np.float64(0.3)
    np.testing.assert_allclose(wg.jit(program, wait=True)(x), program(x), rtol=1e-13)
    assert compared == []
