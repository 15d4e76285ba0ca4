"""Loops found on a tape, against the same loops in plain Python."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import wengert
from wengert.capture import tree
from wengert.core.tape import Tape
from wengert.core.types import Type
from wengert.derive import repeats
from wengert.derive.loops import SCAN
from wengert.derive.roll import rolled as rolled_with
from wengert.derive.shortened import shortened
from wengert.errors import GuardError
from wengert.execute.engine import native_engine

Function = Callable[..., Any]
RNG = np.random.default_rng(6)
DATA = RNG.normal(size=(20, 3))
ORDER = RNG.permutation(20)


def pendulum(p: Any) -> Any:
    x, v = p[0], p[1]
    for _ in range(20):
        v = v - 0.1 * (np.sin(x) * p[2] + 0.3 * v)
        x = x + 0.1 * v
    return x * x + v


def of_python_numbers(x: Any) -> Any:
    s = 1.0
    for t in range(20):
        s = s * x + t * 0.5 / (1 + s * s)
    return s


def volatility(x: Any) -> Any:
    h, total = x[0] / (1 - 0.1 * x[1]), 0.0
    for t in range(len(x)):
        total = total + np.log(h * h) + x[t] * x[t] / h
        h = x[0] + x[1] * x[t] * x[t] + 0.3 * h
    return total


def heat_in_place(u: Any) -> Any:
    u = u.copy()
    for _ in range(12):
        u[1:-1] = u[1:-1] + 0.2 * (u[2:] - 2 * u[1:-1] + u[:-2])
    return np.sum(u * u)


def memory_cell(x: Any) -> Any:
    hidden, cell, total = [x[:3], x[3:6]], [x[6:9], x[9:12]], 0.0
    for t in range(14):
        y = DATA[t] * x[12]
        for i in range(2):
            gate = 1 / (1 + np.exp(-y * x[13 + i]))
            cell[i] = cell[i] * gate + np.tanh(hidden[i] * x[15])
            hidden[i] = gate * np.tanh(cell[i])
            y = hidden[i]
        total = total + np.sum(DATA[t + 1] * (y - np.log(np.sum(np.exp(y)) + 2)))
    return total


def delay(x: Any) -> Any:
    h = [x[0], x[1], x[2]]
    for _ in range(30):
        h.append(0.5 * h[-1] + np.sin(h[-3]))
    return h[-1] * h[-2] + h[-3]


def delay_that_begins_late(x: Any) -> Any:
    h = [x[0], x[1]]
    for t in range(30):
        h.append(np.sin(h[max(0, t - 3)]) * h[-1] + 1.0)
    return h[-1]


def swap(x: Any) -> Any:
    a, b = x, x * 2
    for _ in range(20):
        a, b = b, a * 0.5 + np.cos(b)
        a[0] = b[1]
    return np.sum(a + b)


def derivative_inside(x: Any) -> Any:
    for _ in range(8):
        x = x - 0.01 * wengert.grad(lambda y: np.sum(np.sin(y) * y * y))(x)
    return np.sum(x)


def stores(x: Any) -> Any:
    y = np.zeros(20)
    for t in range(1, 20):
        y[t] = np.sin(y[t - 1]) * x[1] + 0.1 * x[t]
    return np.sum(y * y)


def two_loops_that_touch(x: Any) -> Any:
    s = x[0]
    for _ in range(20):
        s = np.sin(s) * x[1]
    for _ in range(20):
        s = np.sin(s) * x[2] + s
    for _ in range(20):
        s = np.sin(s) * x[1]
    return s


def second_loop_reads_backwards(x: Any) -> Any:
    a, out, s = x[0], [], 0.0
    for _ in range(20):
        a = np.cos(a) * x[1]
        out.append(a)
    for t in range(20):
        s = s * 0.8 + out[19 - t] * x[2]
    return s + out[3]


def rows_of_matrices(x: Any) -> Any:
    w, h = x.reshape(3, 3), np.zeros(3)
    for t in range(20):
        h = np.tanh(w @ h + DATA[t])
    return np.sum(h)


def columns_of_a_matrix(x: Any) -> Any:
    a, h = x.reshape(2, 20), np.ones(2)
    for t in range(20):
        h = np.tanh(h * 0.5 + a[:, t]) + a[1, t] * a[0, 19 - t]
    return np.sum(h)


def places_in_any_order(x: Any) -> Any:
    s = x[0]
    for k in ORDER:
        s = np.sin(s + x[k]) * x[-1 - k]
    return s


def windows(x: Any) -> Any:
    s = 0.0
    for t in range(16):
        s = s * 0.9 + np.sum(x[t : t + 3] * x[t + 1]) + x[t + 4 : t : -2] @ x[:2]
    return s


def windows_that_are_written(x: Any) -> Any:
    y = np.zeros(25)
    y[:3] = x[:3]
    for t in range(3, 20):
        y[t : t + 2] = np.sin(y[t - 3 : t - 1]) + x[1] * y[t - 1]
        y[t + 2] = y[t] * 0.5
    return np.sum(y * y)


def time_and_element(x: Any) -> Any:
    u = [x[k] for k in range(12)]
    for _ in range(8):
        inner = [u[i] + 0.1 * (u[i + 1] - 2 * u[i] + u[i - 1]) for i in range(1, 11)]
        u = [u[0], *inner, u[11]]
    return sum(u[i] * u[i] for i in range(12))


def neighbours_in_a_ring(x: Any) -> Any:
    q = [x[k] for k in range(6)]
    for _ in range(10):
        q = [q[i] + 0.1 * np.sin(q[(i + 1) % 6] - q[i - 1]) for i in range(6)]
    return q[0] + q[3] * q[5]


def triangle(x: Any) -> Any:
    s = x[0]
    for i in range(8):
        for j in range(i):
            s = s * 0.5 + x[(7 * i + j) % 20] * np.cos(s)
    return s


def counts_with_integers(x: Any) -> Any:
    n, s = 0, x[0]
    for t in range(20):
        s = s * x[1] + n
        n = n + t
    return s


def single_precision(x: Any) -> Any:
    y = x.astype(np.float32)
    for t in range(20):
        y = y * 0.9 + np.float32(0.03 * t) * np.sin(y)
    return np.sum(y)


def complex_numbers(x: Any) -> Any:
    z, c = x[:3] * (1 + 0j), x[1] + 0.3j
    for _ in range(20):
        z = z * z * 0.3 + c
    return np.sum(np.abs(z))


def every_step(x: Any) -> Any:
    h, out = x[:3], []
    for _ in range(20):
        h = np.sin(h) * 1.1 + x[:3] * 0.1
        out.append(h * h)
    return np.sum(np.stack(out) * DATA) + np.sum(np.array([y[0] for y in out]) ** 3)


def pairs_in_turn(x: Any) -> Any:
    return defects(x, 20)


def defects(z: Any, count: int) -> Any:
    """Return the sum of squares of a collocation's defects, element by element."""
    states = [[z[2 * k], z[2 * k + 1]] for k in range(count)]
    slopes = [[b, -np.sin(a) * 0.3 + b * b] for a, b in states]
    found = [0.5]
    for k in range(count - 1):
        for i in range(2):
            step = 0.1 * (slopes[k][i] + slopes[k + 1][i])
            found.append(states[k + 1][i] - states[k][i] - step)
    return np.sum(np.array(found) ** 2)


def columns_in_any_order(x: Any) -> Any:
    up, down = [np.sin(a) * a for a in x], [x[0], x[1]]
    for t in range(18):
        down.append(np.cos(x[t] * 2.0) + x[1])
    mixed = [(up, down)[k % 3 % 2][k] for k in ORDER]
    s = x[0] * 1.0
    for a in mixed:
        s = s * 0.5 + a * a
    return s


LOOPS: tuple[Function, ...] = (
    pendulum,
    of_python_numbers,
    volatility,
    heat_in_place,
    memory_cell,
    delay,
    delay_that_begins_late,
    swap,
    derivative_inside,
    stores,
    two_loops_that_touch,
    second_loop_reads_backwards,
    rows_of_matrices,
    columns_of_a_matrix,
    places_in_any_order,
    windows,
    windows_that_are_written,
    time_and_element,
    neighbours_in_a_ring,
    triangle,
    counts_with_integers,
    single_precision,
    complex_numbers,
    every_step,
    pairs_in_turn,
    columns_in_any_order,
)
#: Those that stand for the others in a short run.
BRIEF = (pendulum, heat_in_place, second_loop_reads_backwards, stores, every_step)
SIZES = {
    columns_of_a_matrix: 40,
    pairs_in_turn: 40,
    rows_of_matrices: 9,
    of_python_numbers: 0,
}


def argument(function: Function, seed: int) -> Any:
    """Return an argument of a loop."""
    size = SIZES.get(function, 20)
    x = np.random.default_rng(seed).uniform(0.2, 0.9, size=size or 1)
    return x if size else float(x[0])


def rolled(tape: Tape) -> Tape:
    """Return a tape with its loops as single nodes."""
    return rolled_with(tape)[0]


def loops_of(tape: Tape) -> list[int]:
    """Return the numbers of steps of a tape's loops."""
    pairs = zip(tape.operations, tape.settings, strict=True)
    return [settings["count"] for operation, settings in pairs if operation is SCAN]


def agree(found: Any, expected: Any, rtol: float) -> None:
    """Assert that two results are the same up to a part of the largest number."""
    scale = float(np.max(np.abs(expected), initial=1e-300))
    np.testing.assert_allclose(found, expected, atol=rtol * scale, rtol=0)


@pytest.mark.parametrize("function", LOOPS)
def test_values_at_other_inputs_are_those_of_plain_python(function: Function) -> None:
    tape = wengert.record(function, argument(function, 0))
    short = rolled(tape)
    short.verify()
    assert loops_of(short)
    assert 2 * len(short) < len(tape)
    for seed in range(3):
        x = argument(function, seed)
        assert short(x) == function(x)


@pytest.mark.parametrize("function", LOOPS)
def test_gradients_are_those_of_the_plain_loop(function: Function) -> None:
    short = rolled(wengert.record(function, argument(function, 0)))
    rtol = 1e-6 if function is single_precision else 1e-14
    x = argument(function, 1)
    v = np.cos(np.arange(np.size(x))).reshape(np.shape(x))[()]
    agree(wengert.grad(short)(x), wengert.grad(function)(x), rtol)
    agree(*[wengert.jvp(f, (x,), (v,))[1] for f in (short, function)], rtol)
    if function in BRIEF:
        agree(*[wengert.hvp(f, (x,), (v,)) for f in (short, function)], 10 * rtol)


# Before deriving


def parts(value: Any) -> Any:
    """Return all numbers of a result in one array."""
    return np.concatenate([np.ravel(leaf) for leaf in tree.flatten(value)[0]])


def derivative_of(function: Function, order: str) -> Function:
    """Return a derivative of a loop."""

    def moved(x: Any) -> Any:
        return np.cos(np.arange(np.size(x))).reshape(np.shape(x))[()]

    def twice(x: Any) -> Any:
        return np.sum(wengert.grad(function)(x) * moved(x))

    return {
        "gradient": wengert.value_and_grad(function),
        "tangent": lambda x: wengert.jvp(function, (x,), (moved(x),)),
        "forward over reverse": lambda x: wengert.hvp(function, (x,), (moved(x),)),
        "reverse over reverse": wengert.grad(twice),
    }[order]


ORDERS = ("gradient", "tangent", "forward over reverse", "reverse over reverse")
DERIVATIVES = [
    pytest.param(
        function,
        order,
        marks=[] if order == "gradient" or function in BRIEF else pytest.mark.slow,
    )
    for function in LOOPS
    for order in ORDERS
]


@pytest.mark.parametrize(("function", "order"), DERIVATIVES)
def test_a_recorded_derivative_is_that_of_the_loop(
    function: Function, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rtol = 1e-6 if function is single_precision else 1e-14
    derivative, x = derivative_of(function, order), argument(function, 1)
    expected = parts(derivative(x))
    monkeypatch.setattr(repeats, "LEAST_STRETCH", 30)
    tape = wengert.record(derivative, argument(function, 0))
    short, _ = shortened(tape, [])
    assert len(short) < len(tape)
    for each in (tape, short):
        each.verify()
        assert loops_of(each)
        agree(parts(each(x)), expected, rtol)


def test_a_loop_over_what_several_loops_give_takes_memory_linear_in_its_steps() -> None:
    sizes = []
    for count in (40, 80):
        x = np.linspace(0.1, 0.9, 2 * count)
        gradient = wengert.grad(partial(defects, count=count))
        short, _ = shortened(wengert.record(gradient, x), [])
        sizes.append(sum(like.size for like in short.types if isinstance(like, Type)))

    assert sizes[1] < 2.1 * sizes[0]


def test_a_second_recording_agrees_with_a_loop_that_was_derived(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(repeats, "LEAST_STRETCH", 30)
    for function in (pendulum, stores, rows_of_matrices):
        gradient = wengert.grad(function)
        fast = wengert.jit(gradient)
        for seed in (0, 1, 2, 1):
            x = argument(function, seed)
            agree(fast(x), gradient(x), 1e-14)
        assert len(fast.paths()) == 1


def test_what_else_is_read_of_the_steps_is_stacked_by_their_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def function(x: Any) -> Any:
        h, seen, ahead = x, [], []
        for _ in range(30):
            ahead.append(np.cos(h))
            h = np.sin(h) * 1.1 + x * 0.1
            seen.append(h)
        return np.sum(h), (np.stack(seen), seen[7] + ahead[3], np.stack(ahead[::-2]))

    monkeypatch.setattr(repeats, "LEAST_STRETCH", 30)
    both = wengert.value_and_grad(function, has_aux=True)
    short, _ = shortened(wengert.record(both, np.full(3, 0.5)), [])
    x = np.array([0.2, -0.4, 0.9])

    assert loops_of(short) == [30, 30]
    assert len(short) < 40
    agree(parts(short(x)), parts(both(x)), 1e-14)


def test_directions_of_a_loop_are_swept_in_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What they carry of the function itself is carried once."""
    monkeypatch.setattr(repeats, "LEAST_STRETCH", 30)
    columns = wengert.jacfwd(pendulum)
    x = np.array([0.3, -0.2, 0.9])
    short, _ = shortened(wengert.record(columns, np.full(3, 0.5)), [])

    assert len(loops_of(short)) == 1
    agree(parts(short(x)), parts(columns(x)), 1e-13)


@pytest.mark.skipif(not native_engine(), reason="the native engine is off")
def test_native_code_is_made_of_the_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats, "LEAST_STRETCH", 30)
    pairs = [(f, "gradient") for f in (heat_in_place, rows_of_matrices, memory_cell)]
    seconds = [
        (f, "reverse over reverse") for f in (delay, second_loop_reads_backwards)
    ]
    for function, order in pairs + seconds:
        derivative = derivative_of(function, order)
        fast = wengert.jit(derivative, wait=True)
        for seed in (0, 1, 2, 1):
            x = argument(function, seed)
            agree(parts(fast(x)), parts(derivative(x)), 1e-13)
        assert fast.paths()[0].kernels


def test_what_is_captured_is_read_at_every_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(repeats, "LEAST_STRETCH", 30)
    weights, steps = np.array([0.3, 0.7]), RNG.normal(size=(12, 2))

    def function(x: Any) -> Any:
        for t in range(12):
            x = np.tanh(weights * x + steps[t])
        return np.sum(x * weights)

    both = wengert.value_and_grad(function)
    fast = wengert.jit(both, wait=True)
    x = np.array([0.2, -0.4])
    for k in range(6):
        weights[k % 2] += 0.1
        steps[k] *= 1.1
        agree(parts(fast(x)), parts(both(x)), 1e-13)


# What leaves the path, what cannot be a loop, and what is kept


def by_branches(x: Any) -> Any:
    s = 0.0
    for t in range(20):
        s = s + x[t] * x[0] if x[t] > 0 else s - x[t]
    return s


def test_a_branch_is_asked_at_every_step() -> None:
    x = argument(by_branches, 0)
    tape = wengert.record(by_branches, x)
    short = rolled(tape)
    (body,) = [s["body"] for s in short.settings if "body" in s]

    assert [op.name for op in body.tape.operations].count("guard") == 1
    assert short(x + 0.1) == by_branches(x + 0.1)
    for t in range(20):
        other = x.copy()
        other[t] = -0.1
        with pytest.raises(GuardError, match="test_roll"):
            short(other)


def the_same_inverse(y: Any, k: Any) -> Any:
    for _ in range(40):
        _ = 1 / k
        y = np.sin(y) * 0.9 + k
    return y


def inverses_of_what_is_carried(y: Any, k: Any) -> Any:
    for _ in range(40):
        _ = 1 / y
        y = y * 0.5 - k
    return y


def inverses_in_a_scan(y: Any, k: Any) -> Any:
    def step(y: Any, x: Any) -> Any:
        _ = 1 / k
        return np.sin(y) * 0.9 + x, y

    y, before = wengert.scan(step, y, np.linspace(0.0, 1.0, 5))
    return y + np.sum(before)


def inverses_in_a_scan_in_a_scan(y: Any, k: Any) -> Any:
    def step(y: Any, x: Any) -> Any:
        return inverses_in_a_scan(y, k) + x, None

    return wengert.scan(step, y, np.linspace(0.0, 1.0, 3))[0]


@pytest.mark.parametrize(
    ("function", "bad"),
    [
        (the_same_inverse, (0.5, 0.0)),
        (inverses_of_what_is_carried, (0.5, 0.25)),
        (inverses_in_a_scan, (0.5, 0.0)),
        (inverses_in_a_scan_in_a_scan, (0.5, 0.0)),
    ],
)
def test_what_a_step_computes_for_nobody_raises_all_the_same(
    function: Function, bad: tuple[float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repeats, "LEAST_STRETCH", 30)

    def pushed(y: Any, k: Any) -> Any:
        return wengert.jvp(function, (y, k), (1.0, 0.5))

    for each in (function, wengert.value_and_grad(function), pushed):
        fast = wengert.jit(each, wait=True)
        short, _ = shortened(wengert.record(each, 0.4, 0.3), [])
        assert loops_of(short)
        for play in (fast, fast, short):
            agree(parts(play(0.5, 0.3)), parts(each(0.5, 0.3)), 1e-13)
        with pytest.raises(ZeroDivisionError):
            fast(*bad)
        with pytest.raises(GuardError):
            short(*bad)


def test_integers_without_limit_are_rows_of_no_array() -> None:
    def growing(x: Any, n: int) -> Any:
        ints = []
        for _ in range(20):
            n = n * 3
            ints.append(n)
        for part in ints:
            x = x * 0.5 + part
        return x

    tape = wengert.record(growing, 0.3, 1)
    short = rolled(tape)
    assert short(0.3, 1) == growing(0.3, 1)
    assert short(0.3, 2**50) == growing(0.3, 2**50)


def test_several_results_of_a_node_are_taken_apart_in_the_same_step() -> None:
    def factors(a: Any) -> Any:
        for _ in range(12):
            q, r = np.linalg.qr(a)
            a = r @ q + 0.1 * np.sum(q)
        return np.sum(a) + q[0, 1]

    a = RNG.normal(size=(3, 3))
    short = rolled(wengert.record(factors, a))
    assert loops_of(short)
    np.testing.assert_array_equal(short(a + 0.1), factors(a + 0.1))


def test_a_step_keeps_its_lines_and_travels() -> None:
    tape = wengert.record(pendulum, argument(pendulum, 0))
    short = rolled(tape)
    (body,) = [s["body"] for s in short.settings if "body" in s]
    lines = {body.tape.line(k) for k in range(len(body.tape))} - {""}
    x = argument(pendulum, 1)

    assert len(lines) == 2
    assert lines <= {tape.line(k) for k in range(len(tape))}
    assert pickle.loads(pickle.dumps(short))(x) == pendulum(x)
    assert rolled(short) is short


def test_what_numpy_warns_of_is_told_at_the_line_of_a_step() -> None:
    def roots(x: Any) -> Any:
        for _ in range(20):
            x = x * 1.0
            x = np.sqrt(x - 0.1)
            x = x + 0.0
        return x

    short = rolled(wengert.record(roots, np.float64(3.0)))
    code = roots.__code__
    with pytest.warns(RuntimeWarning, match="sqrt") as told:
        short(np.float64(0.05))
    assert {warning.lineno for warning in told} == {code.co_firstlineno + 3}


def test_a_tape_without_a_loop_stays_itself() -> None:
    tape = wengert.record(lambda x: np.sum(np.sin(x) * x), RNG.normal(size=3))
    assert rolled(tape) is tape


# Loops of every kind


def draw(rng: np.random.Generator) -> Function:
    """Return a random loop: statements on numbers and arrays that are carried."""
    count, names = int(rng.integers(5, 14)), list("abuv")
    statements = [
        (str(rng.choice(names)), str(rng.choice(names)), int(rng.integers(9)))
        for _ in range(rng.integers(3, 12))
    ]
    start, stride = rng.integers(0, 3), rng.choice([1, 1, 2, -1])
    places = [int((start + stride * t) % 20) for t in range(count + 3)]
    back, begin = int(rng.integers(1, 4)), int(rng.integers(2))

    def step(now: dict[str, Any], x: Any, y: Any, past: list[Any], t: int) -> None:
        for to, of, kind in statements:
            z, k = now[of], places[t]
            if kind == 0:
                z = np.sin(z) * x[1]
            elif kind == 1:
                z = z * x[k] + DATA[k, 0]
            elif kind == 2:
                z = z - 0.1 * past[-back]
            elif kind == 3:
                z = 0.5 * z + t * 0.1
            elif kind == 4:
                y[k] = np.sum(np.tanh(z))
                z = z * 0.5 + y[k - 1]
            elif kind == 5:
                z = np.cos(z + DATA[k] if np.ndim(z) else z)
            elif kind == 6:
                z = z * 0.3 + np.mean(x[max(k - 2, 0) : max(k - 2, 0) + 2])
            elif kind == 7:
                z = np.exp(-np.sum(z * z)) + (now[to] if np.ndim(now[to]) == 0 else z)
            else:
                now[of] = now[to]
            if np.ndim(z) == np.ndim(now[to]):
                now[to] = z
        past.append(now["a"] * 0.9)

    def function(x: Any) -> Any:
        now = {"a": x[0], "b": x[3] * 0.5, "u": x[:3], "v": x[4:7] + 1.0}
        y, past = np.zeros(20), [x[5]] * 3
        for t in range(begin, begin + count):
            step(now, x, y, past, t)
        rest = sum(past) + np.sum(y * x)
        ends = now["a"] + now["b"] + now["u"] * now["v"]
        return np.sum(ends) + np.sum(rest + past[-4])

    return function


SEEDS = [pytest.param(k, marks=[pytest.mark.slow] if k > 12 else []) for k in range(60)]


@pytest.mark.parametrize("seed", SEEDS)
def test_random_loops_are_those_of_plain_python(seed: int) -> None:
    rng = np.random.default_rng(seed)
    function, x = draw(rng), rng.uniform(-1, 1, size=20)
    tape = wengert.record(function, x)
    short = rolled(tape)
    short.verify()
    x = rng.uniform(-1, 1, size=20)
    np.testing.assert_array_equal(short(x), tape(x))
    if seed % 4 == 0:
        agree(wengert.grad(short)(x), wengert.grad(function)(x), 1e-13)


def test_a_step_whose_own_nodes_are_dropped_checks_its_guards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(repeats, "LEAST_STRETCH", 30)
    x = argument(by_branches, 0)
    both = wengert.value_and_grad(by_branches)
    short, _ = shortened(wengert.record(both, x), [])
    assert [operation.name for operation in short.operations].count("guard") == 1
    agree(parts(short(x + 0.1)), parts(both(x + 0.1)), 1e-14)
    x[13] = -0.1
    with pytest.raises(GuardError, match="test_roll"):
        short(x)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 200))
def test_native_derivatives_of_random_loops(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repeats, "LEAST_STRETCH", 30)
    rng = np.random.default_rng(seed)
    function, x = draw(rng), rng.uniform(-1, 1, size=20)
    derivative = derivative_of(function, ORDERS[seed % 4])
    fast = wengert.jit(derivative, wait=True)
    for _ in range(3):
        agree(parts(fast(x)), parts(derivative(x)), 1e-11)
        x = rng.uniform(-1, 1, size=20)


def test_a_short_tape_is_only_passed_over_where_it_can_have_no_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def found(tape: Tape) -> list[tuple[int, ...]]:
        loops = repeats.find_loops(tape, 0, len(tape))
        return [loop.grid.rows.shape for loop in loops]

    def steps(count: int, x: Any) -> Any:
        for _ in range(count):
            x = np.sin(x)
        return x

    tapes = [
        wengert.record(partial(steps, count), np.float64(0.5))
        for count in range(repeats.LEAST_NODES - 4, repeats.LEAST_NODES + 6)
    ]
    short = [found(tape) for tape in tapes]
    monkeypatch.setattr(repeats, "has_room", lambda *_: True)

    assert short == [found(tape) for tape in tapes]
    assert not short[0]
    assert short[-1]
