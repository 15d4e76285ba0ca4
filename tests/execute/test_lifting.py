"""Numbers from outside that are inputs of a path: a sweep takes few recordings.

The programs are those of the table of captures; what is right is what they give
themselves.
"""

from __future__ import annotations

import copy
import math
import pickle
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wengert as wg
from tests.capture.ways.single import WAYS
from tests.capture.ways.way import Twin, Way
from tests.threads import at_once
from wengert.capture.reads.bytecode import analyse, uses
from wengert.execute.engine import native_engine
from wengert.execute.jit import Jitted
from wengert.execute.keys import MOST_INTEGERS
from wengert.execute.rows import Rows

TAKEN = [way for way in WAYS if way.kind == "A number that operators take"]
READ = [way for way in WAYS if way.kind == "A number that Python code takes too"]
#: Two recordings at the first value, two at the second, one at the third; a branch more
#: takes two more.
MOST_RECORDINGS = 5


@contextmanager
def recordings() -> Iterator[list[None]]:
    """Count how often jitted functions record."""
    found: list[None] = []
    original = Jitted.record_once

    def counted(*args: Any) -> Any:
        found.append(None)
        return original(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Jitted, "record_once", counted)
        yield found


def plainly(function: Any) -> Any:
    return function


def inputs_of(jitted: Any) -> list[str]:
    """Return the numbers from outside that are inputs of the paths."""
    rows = jitted.report().rows
    return sorted({path for row in rows for path in row["inputs from outside"]})


def sweep(
    way: Way, folder: Path, values: Any, transform: Callable[..., Any], times: int = 2
) -> Any:
    """Call a program and its jitted twin while what it reads changes."""
    target = way.change.partition(" = ")[0]
    twins = [Twin(way, folder, plainly), Twin(way, folder, transform)]
    try:
        for value in values:
            for twin in twins:
                twin.execute(f"{target} = {value!r}")
            for x in (1.5, 2.75)[:times]:
                right, found = (twin.call(x) for twin in twins)
                assert type(right) is type(found), (value, x)
                assert found == pytest.approx(right, rel=1e-13, abs=1e-13), (value, x)
    finally:
        for twin in twins:
            twin.close()
    return twins[1].function


@pytest.mark.parametrize("way", TAKEN, ids=str)
def test_a_sweep_of_what_operators_take_is_recorded_a_few_times(
    way: Way, tmp_path: Path
) -> None:
    with recordings() as found:
        jitted = sweep(way, tmp_path, np.linspace(0.5, 4.0, 120).tolist(), wg.jit)

    assert inputs_of(jitted) != []
    assert len(found) <= MOST_RECORDINGS * len(jitted.paths()) + 4


@pytest.mark.parametrize("way", READ, ids=str)
def test_what_python_code_takes_is_compared(way: Way, tmp_path: Path) -> None:
    jitted = sweep(way, tmp_path, np.linspace(0.5, 4.0, 12).tolist(), wg.jit)

    assert inputs_of(jitted) == []


@pytest.mark.parametrize("way", TAKEN, ids=str)
def test_a_sweep_natively(way: Way, tmp_path: Path) -> None:
    def waiting(function: Any) -> Any:
        return wg.jit(function, wait=True)

    with recordings() as found:
        sweep(way, tmp_path, np.linspace(0.5, 4.0, 40).tolist(), waiting)

    assert len(found) <= 20


@pytest.mark.parametrize("way", TAKEN, ids=str)
def test_a_sweep_of_numpy_numbers(way: Way, tmp_path: Path) -> None:
    values = [np.float64(value) for value in np.linspace(0.5, 4.0, 12)]

    jitted = sweep(way, tmp_path, values, wg.jit)

    assert inputs_of(jitted) != []


def test_a_sweep_of_a_thousand_values_records_five_times() -> None:
    way = TAKEN[0]
    with recordings() as found:
        jitted = sweep(way, Path(), np.linspace(0.5, 4.0, 1000).tolist(), wg.jit)

    assert len(found) == MOST_RECORDINGS
    assert inputs_of(jitted) == ["global s.k"]
    assert "inputs from outside: global s.k" in str(jitted.report())


def test_a_value_for_each_call_records_three_times() -> None:
    with recordings() as found:
        sweep(TAKEN[0], Path(), np.linspace(0.5, 4.0, 50).tolist(), wg.jit, times=1)

    assert len(found) == 3


INNER = """
def f(x):
    def inner(y):
        return y * k
    return inner(x)
"""


def test_a_function_that_is_defined_again_has_inputs_too() -> None:
    """The code of its inner function is equal to what was looked at, but another."""
    for _ in range(2):
        names: dict[str, Any] = {}
        exec(INNER, names)
        jitted = wg.jit(names["f"])
        for k in (1.0, 2.0, 3.0, 4.0):
            names["k"] = k
            assert jitted(1.5) == 1.5 * k
        assert inputs_of(jitted) == ["global k"]


class Box:
    """What holds a number."""

    def __init__(self, k: Any) -> None:
        self.k = k

    def scaled(self, x: Any) -> Any:
        return x * self.k


box = Box(2.0)


def scaled(x: Any) -> Any:
    return x * box.k


def powered(x: Any) -> Any:
    return np.sum(x**box.k)


STRANGE = (
    *(2, np.float64(1.75), np.float32(1.5), 2.5, True, 1 + 2j, 3.5, np.int64(3)),
    *(math.nan, math.inf, -math.inf, 0.0, -0.0, 1e308, 5e-324, 2**70, np.float64(2.0)),
    *(np.array([1.0, 2.0]), 2.5, 2, 2.5, 2, 2.5, 2, 2.5, 2, 2.5, 2, 2.5, None, 2.5),
)  # fmt: skip


@pytest.mark.parametrize("waits", [False, True])
def test_a_number_of_another_class_leads_to_another_path(waits: bool) -> None:
    jitted = wg.jit(scaled, wait=waits)
    for value in (1.0, 2.0, 3.0, 4.0):
        box.k = value
        assert jitted(1.5) == 1.5 * value

    for value in STRANGE * 2:
        box.k = value
        if value is None:
            with pytest.raises(TypeError):
                jitted(1.5)
            continue
        right, found = 1.5 * value, jitted(1.5)
        assert type(found) is type(right), value
        np.testing.assert_array_equal(found, right)
        np.testing.assert_array_equal(np.signbit(found.real), np.signbit(right.real))


def test_a_whole_number_is_an_input_after_eight_values() -> None:
    jitted = wg.jit(scaled)
    with recordings() as found:
        for value in range(1, MOST_INTEGERS + 1):
            box.k = value
            assert jitted(1.5) == 1.5 * value
        assert inputs_of(jitted) == []
        for value in (*range(40), -3, 2**40, 2**70, 7):
            box.k = value
            assert jitted(1.5) == 1.5 * value

    assert inputs_of(jitted) == ["global box.k"]
    assert len(found) <= MOST_INTEGERS + 4


@pytest.mark.parametrize("x", [1.5, np.array([0.5, 1.5])], ids=["number", "array"])
def test_derivatives_are_by_the_arguments_alone(x: Any) -> None:
    """Of ``k * x**3``: ``3 * k * x**2`` and ``6 * k * x``."""

    def cube(x: Any) -> Any:
        return np.sum(box.k * x**3)

    slope, bend = wg.jit(wg.grad(cube)), wg.jit(wg.hessian(cube))
    with recordings() as found:
        for value in np.linspace(0.5, 4.0, 30).tolist():
            box.k = value
            np.testing.assert_allclose(slope(x), 3 * value * x**2, rtol=1e-14)
            second = np.diag(6 * value * x) if np.ndim(x) else 6 * value * x
            np.testing.assert_allclose(bend(x), second, rtol=1e-13, atol=1e-13)

    assert inputs_of(slope) == inputs_of(bend) == ["global box.k"]
    assert len(found) == 6


def test_the_derivative_of_a_power_follows_its_exponent() -> None:
    """Of ``x**k``: ``k * x**(k - 1)``, where k is 0, 1 or 2 as well, and x is 0."""
    slope = wg.jit(wg.grad(powered))
    x = np.array([0.0, 0.5, 2.0])
    for value in (1.5, 2.5, 3.5, 2.0, 1.0, 3.0, 4.0, 1.0):
        box.k = value
        np.testing.assert_allclose(slope(x), value * x ** (value - 1), rtol=1e-14)

    assert inputs_of(slope) == ["global box.k"]


@contextmanager
def recorded_rows() -> Iterator[list[None]]:
    """Count how often functions of rows record one."""
    found: list[None] = []
    original = Rows.write

    def counted(*args: Any) -> Any:
        found.append(None)
        return original(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rows, "write", counted)
        yield found


def sweep_rows(way: Way, folder: Path, values: Any) -> Any:
    """Call a program row by row, and as a function of rows, as `sweep` does."""
    target = way.change.partition(" = ")[0]
    twins = [Twin(way, folder, plainly), Twin(way, folder, wg.vmap)]
    x = np.array([0.25, 1.5, 2.75, 3.5, 1.0])
    try:
        for value in values:
            for twin in twins:
                twin.execute(f"{target} = {value!r}")
            right = [twins[0].call(float(part)) for part in x]
            np.testing.assert_allclose(twins[1].call(x), right, rtol=1e-13, atol=1e-13)
    finally:
        for twin in twins:
            twin.close()
    return twins[1].function


@pytest.mark.parametrize("way", TAKEN, ids=str)
def test_rows_are_recorded_a_few_times_in_a_sweep(way: Way, tmp_path: Path) -> None:
    with recorded_rows() as found:
        rows = sweep_rows(way, tmp_path, np.linspace(0.5, 4.0, 60).tolist())

    assert inputs_of(rows) != []
    if len(rows.report().rows) == 1:  # else a few rows at times go a way of their own
        assert len(found) <= 8


#: Rows inside a row are one operation, which looks at the number itself.
READ_BY_ROWS = [way for way in READ if way.name != "a function of rows"]


@pytest.mark.one_in(3)
@pytest.mark.parametrize("way", READ_BY_ROWS, ids=str)
def test_rows_compare_what_python_code_takes(way: Way, tmp_path: Path) -> None:
    rows = sweep_rows(way, tmp_path, np.linspace(0.5, 4.0, 12).tolist())

    assert inputs_of(rows) == []


def test_rows_follow_a_number_of_another_class() -> None:
    rows = wg.vmap(scaled)
    x = np.array([1.0, 2.0, 3.0])
    values = (1.0, 2.0, 3.0, 2, 2.5, np.float64(3.0), True, 4.5, 5.5, 2**40)
    for value in values * 2:
        box.k = value
        np.testing.assert_array_equal(rows(x), x * value)
        assert rows(x[:0]).shape == (0,)


def test_derivatives_of_rows_are_by_their_operands_alone() -> None:
    """Of the sum of ``k * x**2`` over rows: ``2 * k * x``."""

    def total(x: Any) -> Any:
        return np.sum(wg.vmap(square)(x))

    x = np.array([1.0, 2.0, 3.0])
    slopes = wg.grad(total), wg.jit(wg.grad(total)), wg.vmap(wg.grad(square))
    for value in np.linspace(0.5, 4.0, 12).tolist():
        box.k = value
        for slope in slopes:
            np.testing.assert_allclose(slope(x), 2 * value * x, rtol=1e-15)


def square(x: Any) -> Any:
    return box.k * x**2


def test_threads_that_take_turns_with_a_number_get_one_that_was_there() -> None:
    """A call gives the product with one of the numbers that were there meanwhile."""
    jitted, rows = wg.jit(scaled), wg.vmap(scaled)
    x = np.array([1.0, 2.0])
    values = [1.0, 2, 3.0, np.float64(4.0), 5.0, 6.0, 7.0]
    wrong: list[Any] = []

    def change() -> None:
        for k in range(200):
            box.k = values[k % len(values)]

    def call() -> None:
        for _ in range(100):
            if jitted(1.5) / 1.5 not in values:
                wrong.append("jit")
            if not np.isin(rows(x) / x, values).all():
                wrong.append("vmap")

    box.k = 1.0
    at_once(change, call, call)

    assert wrong == []


def test_copies_and_pickles_follow_the_number_too() -> None:
    jitted = MODULE_LEVEL
    for value in (1.0, 2.0, 3.0, 4.0):
        box.k = value
        assert jitted(1.5) == 1.5 * value
    for other in (copy.copy(jitted), copy.deepcopy(jitted)):
        box.k = 7.0
        assert other(1.5) == 1.5 * 7.0
    loaded = pickle.loads(pickle.dumps(jitted))
    for value in (8.0, 9.0, 10.0):
        box.k = value
        assert loaded(1.5) == 1.5 * value


MODULE_LEVEL = wg.jit(scaled)


def test_objects_that_are_arguments_have_numbers_of_their_own() -> None:
    jitted = wg.jit(Box.scaled)
    boxes = Box(1.0), Box(1.0)
    for value in np.linspace(0.5, 4.0, 20).tolist():
        boxes[0].k, boxes[1].k = value, -value
        assert jitted(boxes[0], 1.5) == 1.5 * value
        assert jitted(boxes[1], 1.5) == -1.5 * value


def test_an_object_that_takes_the_place_of_another() -> None:
    global box
    jitted = wg.jit(scaled)
    kept = box
    try:
        for value in np.linspace(0.5, 4.0, 20).tolist():
            box = Box(value)
            assert jitted(1.5) == 1.5 * value
    finally:
        box = kept

    assert inputs_of(jitted) == ["global box.k"]


def test_the_same_number_again_is_no_change() -> None:
    jitted = wg.jit(scaled, wait=True)
    with recordings() as found:
        for value in (2.0, 2.0, float("2.0"), float("nan"), float("nan")):
            box.k = value
            np.testing.assert_equal(jitted(1.5), 1.5 * value)

    assert len(found) == 4


def test_a_program_that_is_traced_gives_the_same_answers() -> None:
    def look(frame: Any, event: str, argument: Any) -> Any:
        return look

    before = sys.gettrace()
    sys.settrace(look)
    try:
        for way in TAKEN:
            sweep(way, Path(), [0.5, 1.5, 2.5, 3.5], wg.jit)
        for way in READ:
            sweep(way, Path(), [0.5, 1.5, 2.5, 3.5], wg.jit)
        assert sys.gettrace() == look
    finally:
        sys.settrace(before)


def test_a_function_that_raises_keeps_its_inputs() -> None:
    def checked(x: Any) -> Any:
        if x < 0.0:
            raise ValueError("x is negative")
        return x * box.k

    jitted = wg.jit(checked)
    for value in (1.0, 2.0, 3.0, 4.0):
        box.k = value
        assert jitted(1.5) == 1.5 * value
    with pytest.raises(ValueError, match="x is negative"):
        jitted(-1.5)
    box.k = 5.0
    with recordings() as found:
        assert jitted(1.5) == 1.5 * 5.0

    assert found == []


def test_a_number_that_the_function_writes_is_no_input() -> None:
    def counted(x: Any) -> Any:
        box.k += 1.0
        return x * box.k

    jitted = wg.jit(counted)
    box.k = 0.0
    with pytest.warns(RuntimeWarning, match="it changes global box.k"):
        found = [jitted(1.5) for _ in range(5)]

    assert found == [1.5, 3.0, 4.5, 6.0, 7.5]


def test_threads_that_set_their_own_objects_meet_their_own_numbers() -> None:
    jitted = wg.jit(Box.scaled, wait=True)
    wrong: list[float] = []

    def work(start: float) -> None:
        own = Box(start)
        for k in range(300):
            own.k = start + k
            if jitted(own, 1.5) != 1.5 * own.k:
                wrong.append(own.k)

    at_once(*[partial(work, k * 1e6) for k in (1, 2, 3)])

    assert wrong == []


def test_a_constant_that_differs_takes_the_inputs_back() -> None:
    """The net under all of this: another recording, at another number, must agree."""
    seen: list[float] = []

    def drifting(x: Any) -> Any:
        return x * box.k + hidden(seen)

    jitted = wg.jit(drifting)
    for value in np.linspace(1.0, 2.0, 12).tolist():
        box.k = value
        seen[:] = [value]
        assert jitted(1.5) == 1.5 * value + value


def hidden(seen: list[float]) -> float:
    return seen[0]


@pytest.mark.skipif(not native_engine(), reason="the native engine is off")
def test_the_compiled_call_reads_the_number_itself() -> None:
    jitted = wg.jit(scaled, wait=True)
    for value in (1.0, 2.0, 3.0):
        box.k = value
        jitted(1.5)
    with recordings() as found:
        entry = next(iter(jitted.entries.values()))
        (path,) = entry.native
        replay = Jitted.replay
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Jitted, "replay", None)
            for value in np.linspace(5.0, 6.0, 50).tolist():
                box.k = value
                assert jitted(1.5) == 1.5 * value
        assert Jitted.replay is replay

    assert found == []
    assert path.unvaried == {}


@pytest.mark.skipif(not native_engine(), reason="the native engine is off")
def test_a_branch_that_was_tried_at_one_number_does_not_hold_up_the_others() -> None:
    def bent(x: Any) -> Any:
        return x * box.k if x > 0.0 else x - box.k

    jitted = wg.jit(bent, wait=True)
    for value in (1.0, 2.0, 3.0):
        box.k = value
        jitted(1.5)
    jitted(-1.5)
    box.k = 4.0
    jitted(1.5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Jitted, "replay", None)
        box.k = 5.0
        assert jitted(1.5) == 1.5 * 5.0
    assert jitted(-1.5) == -1.5 - 5.0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Jitted, "replay", None)
        box.k = 6.0
        assert jitted(1.5) == 1.5 * 6.0
        assert jitted(-1.5) == -1.5 - 6.0


table = np.array([2.0, 1.0])


def by_element(x: Any) -> Any:
    return x * table[0] - table[1]


@pytest.mark.parametrize("waits", [False, True])
def test_an_array_whose_elements_are_inputs_may_be_another_one(waits: bool) -> None:
    global table
    jitted = wg.jit(by_element, wait=waits)
    values = np.linspace(1.0, 3.0, 5)
    first, second, whole = np.array([2.0, 1.0]), np.zeros(3), np.array([4, 5])
    try:
        for table in (first, second, whole, [2.0, 3.0], first):
            for value in values:
                table[0] = value
                right, found = 1.5 * table[0] - table[1], jitted(1.5)
                assert found == pytest.approx(right, rel=1e-15)
                assert type(found) is type(right)
    finally:
        table = first


# What operators take, in the bytecode


def product(x: Any) -> Any:
    return 0.5 * box.k * x - -box.k


def escaping(x: Any) -> Any:
    return x * abs(box.k) + box.k


def chosen(x: Any, flag: bool) -> Any:
    c = box.k if flag else 2.0  # a few instructions fewer, and each way has its own
    return np.sin(x) + np.cos(x) * c


def renamed(x: Any) -> Any:
    c = box.k / 3
    return c * x + (c < x)


def unread(x: Any) -> Any:
    c = box.k / 3  # noqa: F841
    return box.k * x


@pytest.mark.parametrize(
    ("function", "taken", "lost"),
    [
        (product, ["(0.5 * {})", "(-{})"], 0),
        (escaping, ["{}"], 1),
        (chosen, [], 1),
        (renamed, ["({} / 3)", "({} / 3)"], 0),
        (unread, ["{}"], 1),
    ],
)
def test_what_operators_take_is_found_in_bytecode(
    function: Any, taken: list[str], lost: int
) -> None:
    code = function.__code__
    accesses = analyse(code).accesses
    reads = {
        k for k, access in enumerate(accesses) if ("attribute", "k") in access.steps
    }

    found = uses(code, reads, {})

    shown = [use.expression.text for use in found.found]
    for k in reads:
        shown = [text.replace(f"{{r{k}}}", "{}") for text in shown]
    assert shown == taken
    assert len(found.lost) == lost
