"""Loops that are found while they are recorded, beside tapes of one node after another.

Both are the same to every reader; the loops found on both are the same ones.
"""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import numpy as np
import pytest

import wengert as wg
from tests.programs.fuzz import judge
from wengert.capture.record import trace
from wengert.core.checked import same
from wengert.core.flags import depends_on, reaching
from wengert.core.repetitions import COLUMNS, RepeatedColumn, first_nodes, since
from wengert.core.tape import Tape
from wengert.derive import called, continued, repeats
from wengert.derive.forgetful import Forgetful
from wengert.derive.repeats import find_loops
from wengert.derive.roll import rolled
from wengert.errors import is_same_place

Function = Callable[..., Any]
X = np.array([0.7, 0.2, 0.9, 0.1, 0.3, 0.4, 0.5])
NEVER = 10**9


@pytest.fixture(autouse=True)
def early(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for loops from a few nodes on, and in few of the steps."""
    monkeypatch.setattr(Tape, "looks_from", 12)
    monkeypatch.setattr(continued, "FEWEST_LEFT_OUT", 1)


def pendulum(x: Any) -> Any:
    y, v = x[0], x[1]
    for k in range(200):
        force = x[2] * np.sin(y) + x[3] * v * x[k % 4] * (k * 0.1)
        y, v = y + 0.01 * v, v - 0.01 * force
    return y * y + v


def recurrence_and_sum(x: Any) -> Any:
    ys = [0.25, x[0] * 1.0, x[1] * 2.0]
    for k in range(3, 150):
        ys.append(0.5 * ys[k - 1] - 0.3 * ys[k - 3] + x[(k * k) % 7] * 0.1)
    s = ys[0]
    for k in range(1, 150):
        s = s + ys[k] * ys[-k]
    return s + np.sum(np.stack(ys[100:]))


def stores(x: Any) -> Any:
    out = np.zeros(200)
    out[0] = x[0]
    for t in range(1, 200):
        out[t] = 0.9 * out[t - 1] + np.sin(x[t % 5])
    return np.sum(out * out)


def heat(x: Any) -> Any:
    u = x * 1.0
    for _ in range(80):
        u[1:-1] = u[1:-1] + 0.2 * (u[2:] - 2 * u[1:-1] + u[:-2])
    return np.sum(u * u)


def time_and_element(x: Any) -> Any:
    y = list(x)
    for t in range(30):
        for k in range(len(y)):
            y[k] = y[k] * 0.9 + np.sin(y[k - 1]) * (0.01 * t)
    return sum(y)


def while_it_holds(x: Any) -> Any:
    y, n = x[0] * 1e6, 0.0
    while y > 0.01:
        y = y * (0.9 + 0.01 * np.sin(x[1] * y))
        if y < 100.0:
            n = n + y * x[2]
    return n


def of_numbers_and_more(x: Any) -> Any:
    """The numbers that are read are Python's for long, and then NumPy's."""
    rows = [0.01 * k for k in range(100)] + [x[0] * k for k in range(100)]
    s = x[1]
    for row in rows:
        s = s * 0.9 + row
    return s


def an_odd_step(x: Any) -> Any:
    s = x[0]
    for k in range(200):
        s = np.sin(s) * x[1] + 0.1
        if k == 120:
            s = np.cos(s)
    return s


def rows_of_a_list(x: Any) -> Any:
    rows = [np.cos(x * k) for k in range(100)]
    s = x * 1.0
    for row in rows:
        s = s * 0.5 + row
    for row in rows[::-1]:
        s = s * 0.25 - row
    return np.sum(s)


def rows_of_a_loop(x: Any) -> Any:
    rows = []
    for k in range(150):
        rows.append(np.sin(x[1] * (0.1 * k)))
    s = x[0]
    for row in rows:
        s = np.cos(s * 0.1) + row
    return s


def of_half_length(x: Any) -> Any:
    y = x.astype(np.float32)
    for t in range(100):
        y = y * 0.9 + np.float32(0.03 * t) * np.sin(y)
    return np.sum(y)


def windows(x: Any) -> Any:
    long = np.concatenate([x] * 20)
    s = x[0]
    for t in range(130):
        s = s * 0.9 + np.sum(long[t : t + 3] * long[t + 2 : t + 5])
    return s


def layers(x: Any) -> Any:
    """A loop of several layers in every step, whose last ones are a loop, too."""
    state, total = [x[k] * 1.0 for k in range(6)], 0.0
    for t in range(160):
        y = x[6] * (t * 0.1)
        for k in range(6):
            y = np.sin(y) * x[k] - 0.2 * np.cos(y) * y + np.exp(-0.1 * y * y)
            y = state[k] * 0.5 + np.tanh(y * x[0] + 0.3 * np.cos(x[1] * y)) * y
            state[k] = y
        total = total + y
    return total


def a_slope_in_every_step(x: Any) -> Any:
    slope, y = wg.grad(lambda z: (z - x[0]) ** 2 * np.cos(z * x[1])), x[2]
    for _ in range(40):
        y = y - 0.05 * slope(y)
    return y


LOOPS: tuple[Function, ...] = (
    pendulum,
    recurrence_and_sum,
    stores,
    heat,
    time_and_element,
    while_it_holds,
    of_numbers_and_more,
    an_odd_step,
    rows_of_a_list,
    rows_of_a_loop,
    of_half_length,
    windows,
    layers,
)


def both(function: Function, x: Any = X) -> tuple[Tape, Tape]:
    """Return a tape whose steps are written once, and one with every node."""
    wg.record(function, x)  # Python is warm then, and places of instructions stay
    once = wg.record(function, x)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Tape, "looks_from", NEVER)
        return once, wg.record(function, x)


def columns(tape: Tape) -> list[Any]:
    """Return the columns of a tape."""
    return [getattr(tape, name) for name in COLUMNS]


def same_node(one: Any, other: Any) -> bool:
    """Whether entries of a column are the same: settings by what they hold."""
    if type(one) is dict:
        return same(one, other)
    return one is other or one == other or is_same_place(one, other)


@pytest.mark.parametrize("function", LOOPS)
def test_every_reader_sees_every_node(function: Function) -> None:
    once, whole = both(function)
    count = len(whole)

    assert type(once.operations) is RepeatedColumn
    assert len(once.operations.plain) < 0.7 * count
    assert len(once) == count
    for column, nodes in zip(columns(once), columns(whole), strict=True):
        ways: list[Iterator[Any]] = [
            iter(column),
            map(column.__getitem__, range(count)),
            map(column.__getitem__, range(-count, 0)),
        ]
        for way in ways:
            assert all(map(same_node, way, nodes))
        for start in range(0, count, 17):
            pairs = zip(islice(since(column, start), 9), nodes[start:], strict=False)
            assert all(same_node(*pair) for pair in pairs)
        assert all(map(same_node, column[5:-3:7], nodes[5:-3:7]))
        with pytest.raises(IndexError):
            column[count]
        with pytest.raises(IndexError):
            column[-count - 1]
    assert once.fingerprint() == whole.fingerprint()
    assert str(once) == str(whole)
    once.verify()
    assert pickle.loads(pickle.dumps(once)).fingerprint() == whole.fingerprint()


@pytest.mark.parametrize("function", LOOPS)
def test_what_follows_a_node_may_be_otherwise(function: Function) -> None:
    once, whole = both(function)
    count = len(whole)
    for stop in [*range(0, 60, 7), *range(60, count, count // 11), count]:
        new = Tape()
        parts, new.repetition = first_nodes(columns(once), stop)
        for name, part in zip(COLUMNS, parts, strict=True):
            assert len(part) == stop
            assert all(map(same_node, part, getattr(whole, name)[:stop]))
            setattr(new, name, part)
        new.play.outputs = [None] * stop
        end = min(stop + 40, count)
        for node in range(stop, end):
            operation, operands, settings, like, line = [
                column[node] for column in columns(whole)
            ]
            new.append(operation, operands, settings, like, None, line)
        for part, nodes in zip(columns(new), columns(whole), strict=True):
            assert all(map(same_node, part, nodes[:end]))
    for part, nodes in zip(columns(once), columns(whole), strict=True):
        assert all(map(same_node, part, nodes))


@pytest.mark.parametrize("function", LOOPS)
def test_flags_spread_as_over_every_node(function: Function) -> None:
    once, whole = both(function)
    count, rng = len(whole), np.random.default_rng(3)
    for _ in range(30):
        start, stop = sorted(rng.integers(0, count + 1, 2).tolist())
        if stop - start < 2:
            start, stop = 0, count
        some = rng.integers(0, stop, rng.integers(1, 4)).tolist()
        few = rng.integers(start, stop, rng.integers(0, 2)).tolist()
        for flags, given in (
            (depends_on, ((some[0] % (start + 1), *few), start, stop)),
            (depends_on, (whole.input_indices, 0, stop)),
            (reaching, (some, start, stop)),
            (reaching, ([stop - 1], 0, stop)),
        ):
            assert flags(once, *given) == flags(whole, *given)


@pytest.mark.parametrize("steps", [6, continued.STEPS])
@pytest.mark.parametrize("function", LOOPS)
def test_loops_are_those_of_every_node(
    function: Function, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(continued, "STEPS", steps)
    once, whole = both(function)
    count = len(whole)
    found = find_loops(once, 0, count)
    expected = find_loops(whole, 0, count)

    most = max(
        sum(loop.grid.rows.size for loop in loops) for loops in (found, expected)
    )
    least = min(
        sum(loop.grid.rows.size for loop in loops) for loops in (found, expected)
    )
    assert least > 0.8 * most
    for loop in found:  # what a loop says of its nodes is so
        assert len(loop.reads) == loop.grid.head.shape[1]
        for k, column in enumerate(loop.grid.rows.T.tolist()):
            assert column == loop.grid.column(k).tolist()
            places = loop.grid.find(np.array(column))
            assert places[0].tolist() == list(range(loop.count))
            assert set(places[1].tolist()) == {k}
            assert len({whole.operations[node] for node in column}) == 1
    short, expected_short = rolled(once)[0], rolled(whole)[0]
    for x in (X, 1.1 * X):
        try:
            wanted = whole(x)
        except wg.GuardError:
            continue
        assert short(x) == expected_short(x) == wanted == function(x)


@pytest.mark.parametrize("function", LOOPS)
def test_derivatives_are_those_of_python(function: Function) -> None:
    rtol = 1e-5 if function is of_half_length else 1e-11
    fast = wg.jit(wg.value_and_grad(function), wait=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Tape, "looks_from", NEVER)
        expected = {
            k: wg.value_and_grad(function)(X * (1 + 0.05 * k)) for k in range(3)
        }
    for _ in range(2):
        for k, (value, slope) in expected.items():
            found, g = fast(X * (1 + 0.05 * k))
            np.testing.assert_allclose(found, value, rtol=rtol)
            np.testing.assert_allclose(g, slope, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("looks_from", [1000, 1070, 1080, 1210, 1340])
def test_a_loop_with_loops_in_it_is_seen_in_its_first_steps(
    looks_from: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Tape, "looks_from", looks_from)
    monkeypatch.setattr(continued, "STEPS", 6)
    monkeypatch.setattr(continued, "FEWEST_LEFT_OUT", 500)
    tape, left = wg.record(layers, X), list[int]()
    monkeypatch.setattr(
        repeats,
        "continued",
        lambda *given: left.append(len(found := continued.continued(*given))) or found,
    )
    found = find_loops(tape, 0, len(tape))

    assert left == [0]
    assert found[-1].count >= 158


def test_steps_with_a_derivative_are_written_where_rules_read_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    once, whole = both(a_slope_in_every_step)
    assert type(once.operations) is RepeatedColumn
    assert once.fingerprint() == whole.fingerprint()

    monkeypatch.setattr(called, "MOST_COMPARED", 0)
    every, _ = both(a_slope_in_every_step)
    assert type(every.operations) is list
    assert every.fingerprint() == whole.fingerprint()


def test_numbers_of_other_types_end_a_loop() -> None:
    once, whole = both(of_numbers_and_more)
    types = [whole.types[k] for k in whole.operands[-1]]
    assert types == [once.types[k] for k in once.operands[-1]]
    assert {like.weak for like in once.types} == {True, False}


def test_a_budget_keeps_no_numbers_of_the_steps() -> None:
    tape = Forgetful()
    trace(pendulum, (X,), (0,), {}, tape=tape)
    kept = sum(value is not None for value in tape.play.outputs)
    assert kept < len(tape) / 4
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Tape, "looks_from", NEVER)
        expected = wg.grad(pendulum)(X)
    found = wg.grad(pendulum, memory="100 MB")(X)
    np.testing.assert_allclose(found, expected, rtol=1e-13)


@pytest.mark.parametrize("seed", range(24))
def test_random_programs_do_not_see_it(seed: int) -> None:
    _, found = judge(7_000_000 + seed, Counter())
    assert found == []
