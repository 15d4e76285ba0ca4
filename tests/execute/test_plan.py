"""A play computes what is needed: outputs, questions, and what may raise."""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.ops.examples import Example, examples
from tests.ops.test_forms import nodes, tapes
from wengert import Tape, grad, jacobian, jit, record, value_and_grad, vmap
from wengert.core.tape import CONSTANT
from wengert.core.types import is_array
from wengert.execute import all_rows, turn
from wengert.execute import plan as plan_
from wengert.execute.engine import native_engine
from wengert.execute.interpret import as_weak, evaluate_node
from wengert.execute.plan import Left, Plan
from wengert.execute.tier import CALL, PLAY, Tier
from wengert.lower.lower import Lowering
from wengert.ops.leaving import may_leave

X = np.array([0.5, 1.0, 1.5])


def played(tape: Tape) -> list[str]:
    """Return the names of the operations that are played."""
    return [tape.operations[k].name for k in Plan(tape).nodes]


def behind(x: Any) -> Any:
    """Leave nodes behind that nothing reads: products, reads, writes, sums."""
    y = np.zeros(3)
    y[1:] = np.exp(x[:2]) * x[0]
    return np.sum(np.stack([y, x]) @ x)


def test_what_nothing_reads_is_not_played() -> None:
    tape = record(lambda x: (behind(x), np.sin(x))[1], X)

    assert len(tape) > 5
    assert played(tape) == ["sin"]


def test_a_jacobian_does_not_compute_its_function() -> None:
    tape = record(jacobian(lambda x: np.cumsum(3.0 * x)[::2]), X)

    assert "multiply" in [operation.name for operation in tape.operations]
    assert "cumsum" in [operation.name for operation in tape.operations]
    assert "cumsum" not in played(tape)


def test_what_nothing_reads_is_not_played_for_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names, batch = [], all_rows.batch

    def watched(operation: Any, *rest: Any) -> Any:
        names.append(operation.name)
        return batch(operation, *rest)

    monkeypatch.setattr(turn, "native_engine", lambda: False)
    monkeypatch.setattr(all_rows, "batch", watched)
    found = vmap(lambda x: (behind(x), np.sin(x))[1])(np.stack([X, 2 * X]))

    np.testing.assert_array_equal(found, np.sin([X, 2 * X]))
    assert set(names) <= {"sin"}


#: Functions that leave a node behind, where they were recorded, and where they raise.
LEAVING: dict[str, tuple[Callable[..., Any], list[Any], list[Any]]] = {
    "a quotient": (lambda x: (1.0 / x, x * 2.0)[1], [2.0], [0.0]),
    "a power": (lambda x: (x**-1.5, x * 2.0)[1], [2.0], [0.0]),
    "a root": (lambda x: (math.sqrt(x), x * 2.0)[1], [2.0], [-1.0]),
    "an exponential": (lambda x: (math.exp(x), x * 2.0)[1], [2.0], [1000.0]),
    "an element": (lambda x, i: (x[i], x * 2.0)[1], [X, 2], [X, 3]),
    "elements": (
        lambda x, i: (x[i], x * 2.0)[1],
        [X, np.array([2, 0])],
        [X, np.array([3, 0])],
    ),
    "a whole power": (
        lambda x, k: (x**k, x * 2)[1],
        [np.array([2, 3]), np.array([1, 2])],
        [np.array([2, 3]), np.array([-1, 2])],
    ),
    "a large number": (lambda x, k: (x + k, x * 2.0)[1], [X, 3], [X, 10**400]),
}


@pytest.mark.parametrize("name", LEAVING)
def test_what_may_raise_is_played(name: str) -> None:
    function, first, second = LEAVING[name]
    plan = Plan(record(function, *first))

    with pytest.raises((ArithmeticError, LookupError, ValueError, TypeError)):
        function(*second)
    assert isinstance(plan.run(second), Left)
    assert not isinstance(plan.run(first), Left)


def test_what_is_asked_is_played() -> None:
    def asks(x: Any) -> Any:
        return x if np.sum(x * x) > 1.0 else -x

    plan = Plan(record(asks, X))

    assert isinstance(plan.run([0.01 * X]), Left)


EXTREME = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e308, -1e308, 5e-324, -1.0])


def extreme(value: Any, number: int) -> Any:
    """Return an operand with other numbers, as far from usual as there are."""
    if isinstance(value, tuple):
        return tuple(extreme(part, number) for part in value)
    array = np.asarray(value)
    if array.dtype.kind not in "fc":
        return value
    with np.errstate(all="ignore"):
        found = np.resize(np.roll(EXTREME, number), array.shape).astype(array.dtype)
    return found if is_array(value) else found[()]


@pytest.mark.one_in(3)
@pytest.mark.parametrize("example", examples(), ids=str)
def test_what_need_not_be_played_raises_nowhere(example: Example) -> None:
    _, tape = next(tapes(example))
    for index, values, _ in nodes(tape):
        if may_leave(tape, index):
            continue
        operands = tape.operands[index]
        for number in range(len(EXTREME)):
            outputs = {
                k: value
                if tape.operations[k] is CONSTANT
                else as_weak(tape.types[k], extreme(value, number))
                for k, value in zip(operands, values, strict=True)
            }
            with np.errstate(all="ignore"):
                evaluate_node(tape, index, outputs)  # type: ignore[arg-type]


# Products of the chain rule


def of_few(x: Any) -> Any:
    """Take a root where there is one, and a quotient: zeros meet infinite slopes."""
    with np.errstate(all="ignore"):
        return np.sum(np.where(x > 0.0, np.sqrt(x), 0.0) * x[::-1] ** 2)


def careful(plan: Plan, values: list[Any]) -> list[Any]:
    """Return the outputs of a plan whose every product of the chain rule absorbs."""
    plan.hopeful = []
    with np.errstate(all="ignore"):
        return plan.run(values)  # type: ignore[return-value]


def test_products_are_plain_until_one_is_none() -> None:
    tape = record(grad(of_few), X)
    plan, zero = Plan(tape), np.array([0.5, 0.0, 1.5])

    for x, is_hopeful in ((X, True), (zero, False), (X, False)):
        with np.errstate(all="ignore"):
            (found,) = plan.run([x])
        assert bool(plan.hopeful) == is_hopeful
        np.testing.assert_array_equal(found, careful(Plan(tape), [x])[0])
        assert np.isfinite(found).all()


HIDING: dict[str, Callable[..., Any]] = {
    "a comparison": lambda g: np.where(g > 0.0, g, 1.0),
    "a sign": lambda g: np.sign(g) + np.copysign(1.0, g),
    "a number is preferred": lambda g: np.fmax(g, -1.0),
    "a least number": lambda g: np.nanmin(np.stack([g, g + 1.0]), axis=0),
    "an order": lambda g: np.sort(g)[:2],
    "a place": lambda g: g[np.argmax(g)],
    "a whole number": lambda g: g.astype(int) + 1.0,
    "is one": lambda g: np.isnan(g) + 1.0,
}


@pytest.mark.parametrize("name", HIDING)
def test_what_hides_a_product_that_is_none_sees_those_that_absorb(name: str) -> None:
    tape = record(lambda x: HIDING[name](grad(of_few)(x)), X)
    zero = np.array([0.5, 0.0, 1.5])
    plan = Plan(tape)

    with np.errstate(all="ignore"):
        found = plan.run([zero])
    if isinstance(found, Left):  # it asks what was asked of another number
        assert isinstance(careful(Plan(tape), [zero]), Left)
        return
    assert not plan.hopeful
    np.testing.assert_array_equal(found[0], careful(Plan(tape), [zero])[0])


# Results

LONG = np.linspace(0.1, 1.0, 4096)
TABLE = np.arange(4096.0)


def of_two(x: Any) -> Any:
    """Two results of one buffer."""
    y = np.sin(x)
    return y, y[::-1], np.reshape(y, (64, 64))


RESULTS: dict[str, Callable[..., Any]] = {
    "computed": np.sin,
    "the argument": lambda x: x,
    "a view of the argument": lambda x: np.reshape(x, (64, 64)),
    "both": lambda x: (x, np.sin(x)),
    "several of one buffer": of_two,
    "a constant": lambda x: (TABLE, x[0]),
    "a view of a constant": lambda x: TABLE.reshape(64, 64) if x[0] < 1.0 else x,
    "repeated": lambda x: np.broadcast_to(x[:64], (64, 64)),
    "of rows": vmap(lambda row: row),
    "of columns": lambda x: np.sin(np.reshape(x, (64, 64))).T,
}


@pytest.mark.parametrize("way", ["play", "jit"])
@pytest.mark.parametrize("name", RESULTS)
def test_results_are_the_callers_own(name: str, way: str) -> None:
    """Those of a play, and of calls that are recorded, checked and compiled."""
    function, x = RESULTS[name], LONG.copy()
    fast = jit(function) if way == "jit" else None
    plan = Plan(record(function, x))
    expected = function(x)
    expected = expected if isinstance(expected, tuple) else (expected,)

    for _ in range(4):
        found = plan.run([x]) if fast is None else fast(x)
        found = found if isinstance(found, list | tuple) else [found]
        arrays = [part for part in found if is_array(part)]
        for k, part in enumerate(arrays):
            others = [x, TABLE, *arrays[:k], *arrays[k + 1 :]]
            assert not any(np.shares_memory(part, other) for other in others)
        for part, like in zip(found, expected, strict=True):
            np.testing.assert_allclose(part, like, rtol=1e-14)
        for part in arrays:
            part[...] = np.nan

    np.testing.assert_array_equal(x, LONG)


def test_a_path_keeps_no_numbers_but_its_inputs() -> None:
    def chain(x: Any) -> Any:
        for _ in range(20):
            x = np.sin(x) * 1.1
        return np.sum(x)

    x, fast = np.ones(100_000), jit(grad(chain))
    tracemalloc.start()
    try:
        for _ in range(3):
            fast(x)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert kept < 8 * x.nbytes


@pytest.mark.parametrize(
    ("function", "count"),
    [(np.sin, 0), (lambda x: np.reshape(x * 2.0, (64, 64)), 0), (lambda x: x, 1)],
)
def test_results_are_copied_only_where_they_are_shared(
    function: Any, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies = []
    monkeypatch.setattr(plan_, "own", lambda x: copies.append(x) or x.copy())

    Plan(record(function, LONG)).run([LONG])

    assert len(copies) == count


# Which kind of call


def test_the_slower_kind_of_call_is_measured_again() -> None:
    tier = Tier()
    for kind, seconds in ((CALL, 1.0), (PLAY, 2.0)) * 2:
        tier.note(kind, seconds)
    chosen = []
    for _ in range(200):
        chosen.append(tier.choose())
        tier.note(chosen[-1], 1.0 if chosen[-1] == CALL else 2.0)

    assert chosen.count(PLAY) == 6
    tier.note(PLAY, 0.5)
    assert tier.choose() == PLAY


def test_what_was_far_slower_is_not_measured_again() -> None:
    tier = Tier()
    for kind, seconds in ((CALL, 9.0), (PLAY, 1.0)) * 2:
        tier.note(kind, seconds)
    for _ in range(200):
        assert tier.choose() == PLAY
        tier.note(PLAY, 1.0)


# Calls of the function itself


@pytest.mark.parametrize("transform", [grad, jacobian])
def test_a_jitted_derivative_gives_results_of_ones_own(
    transform: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where nothing is copied: the function itself is called."""
    monkeypatch.setenv("WENGERT_COMPILE", "background")
    monkeypatch.setattr(Tier, "choose", lambda *_: CALL)
    x, table = LONG[:64].copy(), TABLE[:64].copy()
    for function in (np.sum, lambda x: table @ x, lambda x: np.reshape(x, -1)[3]):
        fast = jit(transform(function))
        for _ in range(4):
            found = fast(x)
            assert found.flags.writeable
            assert not any(np.shares_memory(found, other) for other in (x, table))
            found[...] = np.nan

        np.testing.assert_allclose(fast(x), transform(function)(LONG[:64]))
        np.testing.assert_array_equal(x, LONG[:64])


def test_a_derivative_never_writes_into_its_arguments(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WENGERT_COMPILE", "background")
    monkeypatch.setattr(Tier, "choose", lambda *_: CALL)

    def writes(x: Any, y: Any) -> Any:
        x[0] = y[1]
        y += x
        return np.sum(x * y)

    x, y = LONG.copy(), TABLE.copy()
    fast = jit(grad(writes, (0, 1)))
    for _ in range(4):
        fast(x, y)

    np.testing.assert_array_equal(x, LONG)
    np.testing.assert_array_equal(y, TABLE)


def swing(x: Any) -> Any:
    """Many nodes on numbers, and a branch."""
    a, v = x[0], x[1]
    for _ in range(30):
        a, v = a + 0.01 * v, v - 0.01 * np.sin(a)
    bent = np.i0(a) + v
    if bent > 1.5:
        bent = bent * v
    return np.cos(bent) + a * x[2]


def test_a_plan_plays_as_the_interpreter() -> None:
    tape = record(value_and_grad(swing), np.array([0.3, 0.2, 0.1]))
    x = np.array([0.31, 0.22, 0.09])

    value, g = Plan(tape).run([x])

    expected = tape(x)
    assert value == expected[0]
    np.testing.assert_array_equal(g, expected[1])


@pytest.mark.parametrize("function", [np.signbit, np.reciprocal, np.sqrt])
def test_no_error_of_the_compiler_is_seen(function: Any) -> None:
    """What has no native form for whole numbers is played with NumPy."""
    jitted = jit(lambda n: function(n) + 0)

    for n in ([1, 2, 3], [1, 2, 3], [5, 1, 1]):
        np.testing.assert_array_equal(jitted(np.array(n)), function(np.array(n)) + 0)


def test_whatever_the_compiler_raises_is_a_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("deep inside")

    monkeypatch.setattr(Lowering, "mapped", broken)
    jitted = jit(lambda x: np.where(x > 0, x, 2.0 * x))
    for _ in range(3):
        np.testing.assert_array_equal(jitted(np.array([1.0, -1.0])), [1.0, -2.0])

    if native_engine():
        assert "ZeroDivisionError of the compiler: deep inside" in str(jitted.report())
