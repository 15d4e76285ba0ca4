"""A tape is believed when two recordings agree; what never does runs eagerly."""

from __future__ import annotations

import functools
import itertools
import math
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import wengert as wg
from wengert.capture.reads import walk
from wengert.derive import again, forward, reverse
from wengert.errors import GuardError
from wengert.execute.engine import native_engine


@contextmanager
def runs_of(function: Callable[..., Any]) -> Iterator[list[None]]:
    """Count how often Python runs a function."""
    runs: list[None] = []

    def look(frame: Any, event: str, _: Any) -> None:
        if event == "call" and frame.f_code is function.__code__:
            runs.append(None)

    sys.setprofile(look)
    try:
        yield runs
    finally:
        sys.setprofile(None)


def wave(x: Any) -> Any:
    return np.sum(np.sin(x) * x)


def slope_that_decides(x: Any) -> Any:
    g = wg.grad(wave)(x)
    return np.sum(g) if g[0] > 0.5 else np.sum(g * x)


@wg.rule(vjp=lambda g, result, x: g * np.cos(x), vectorized=True)
def sine(x: Any) -> Any:
    """A function whose derivative is not played, but taken again."""
    return np.sin(x)


def rule_behind(x: Any) -> Any:
    g = wg.grad(wave)(x)
    return np.sum(wg.grad(lambda y: np.sum(sine(wg.grad(wave)(y) * g)))(x) * g)


def steps_that_derive(x: Any) -> Any:
    for _ in range(40):
        g = wg.grad(wave)(x)
        x = x - 0.01 * g if g[0] > 0.1 else x + 0.02 * g * g
    return np.sum(x)


def writes_gradients(x: Any) -> Any:
    g = wg.grad(wave)(x)
    g[0] = g[1] * x[0]
    g *= x
    return np.sum(g) + wg.jvp(lambda y: np.sum(wg.grad(wave)(y) * g), (x,), (g,))[1]


DERIVING = [slope_that_decides, rule_behind, steps_that_derive, writes_gradients]


def bend(x: Any) -> Any:
    return x**2 if x > 0.0 else -3.0 * x


# How often a function runs


@pytest.mark.parametrize("f", DERIVING, ids=lambda f: f.__name__)
@pytest.mark.parametrize("derived", [lambda f: f, wg.grad, wg.hessian])
def test_what_is_derived_is_not_computed_twice_for_one_call(
    f: Any, derived: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, played = np.array([0.5, 0.3, 0.9]), list[int]()
    play = again.play
    monkeypatch.setattr(
        again, "play", lambda tape, stop: played.append(stop) or play(tape, stop)
    )
    jitted = wg.jit(derived(f), wait=True)
    jitted(x)
    assert not played
    for factor in (1.0, 1.1, 0.2):
        np.testing.assert_allclose(
            jitted(factor * x), derived(f)(factor * x), rtol=1e-12, atol=1e-12
        )
    assert "eager" not in str(jitted.report())


def test_the_third_call_is_the_first_that_python_does_not_run() -> None:
    jitted = wg.jit(wave)
    with runs_of(wave) as runs:
        for k in range(5):
            assert jitted(np.array([0.5, k])) == pytest.approx(wave(np.array([0.5, k])))

    assert len(runs) == 2 + 5  # ours, and the five of the test


def test_a_gradient_is_replayed_from_the_third_call_on() -> None:
    slope = wg.jit(wg.grad(wave))
    with runs_of(wave) as runs:
        for k in range(5):
            x = np.array([0.5, k])
            np.testing.assert_allclose(slope(x), np.sin(x) + x * np.cos(x), rtol=1e-14)

    assert len(runs) == 2


def test_a_function_that_waits_is_compiled_by_its_first_call() -> None:
    jitted = wg.jit(wave, wait=True)
    jitted(np.ones(2))
    with runs_of(wave) as runs:
        jitted(np.zeros(2))

    assert runs == []
    (path,) = jitted.paths()
    assert path.is_believed
    assert bool(path.kernels) == native_engine()


def test_every_path_is_recorded_twice() -> None:
    jitted = wg.jit(bend)
    with runs_of(bend) as runs:
        for x in [1.0, -1.0, 2.0, -2.0, 3.0, -3.0, 4.0]:
            jitted(x)

    assert len(runs) == 4
    assert [path.is_believed for path in jitted.paths()] == [True, True]


def test_paths_share_the_nodes_before_they_part() -> None:
    jitted = wg.jit(bend)
    jitted(1.0)
    jitted(-1.0)
    first, second = (path.tape for path in jitted.paths())
    shared = jitted.paths()[1].at

    assert first.operations[shared].name == second.operations[shared].name == "guard"
    assert shared > 1
    for k in range(shared):
        assert first.settings[k] is second.settings[k]


def test_a_while_loop_shares_every_path_with_the_one_before() -> None:
    def steps(x: Any) -> Any:
        while x > 1.0:
            x = x * 0.5
        return x

    jitted = wg.jit(steps)
    for _ in range(3):
        for x in [0.9, 1.9, 3.9, 7.9, 15.0]:
            assert jitted(x) == steps(x)
    assert [path.is_believed for path in jitted.paths()] == [True] * 5


def root_or_less(x: Any) -> Any:
    try:
        return math.sqrt(x)
    except ValueError:
        return -1.0


def quotient_or_more(x: Any) -> Any:
    try:
        return 1.0 / x + math.log(x)
    except (ZeroDivisionError, ValueError):
        return x * 100.0


@pytest.mark.parametrize("fun", [root_or_less, quotient_or_more])
def test_exceptions_are_branches(fun: Any) -> None:
    jitted = wg.jit(fun)
    points = [4.0, -1.0, 0.0, 9.0, -2.0, 0.0, 16.0, -3.0, 0.0, 25.0]
    for x in points:
        assert jitted(x) == fun(x)
    assert all(path.is_believed for path in jitted.paths())
    with runs_of(fun) as runs:
        for x in points:
            jitted(x)
    assert runs == []


def test_refilled_arrays_agree() -> None:
    table = np.ones(2)
    jitted = wg.jit(lambda x: table * x)
    for k in range(4):
        table[:] = [k, 2.0 * k]
        np.testing.assert_array_equal(jitted(3.0), [3.0 * k, 6.0 * k])

    (entry,) = jitted.entries.values()
    assert (entry.recordings, entry.is_eager) == (1, False)


SECOND_ORDER = {
    "grad": lambda x: np.sum(np.cos(wg.grad(wave)(x))),
    "hessian": lambda x: np.sum(wg.hessian(wave)(x) ** 3),
    "jvp": lambda x: wg.jvp(wg.grad(wave), (x,), (2.0 * x,))[1],
    "vjp of jacfwd": lambda x: wg.vjp(wg.jacfwd(wg.grad(wave)), x)[1](np.eye(2))[0],
    "loop of descents": lambda x: descend(x, 3),
    "guard on a slope": slope_that_decides,
    "slope of a write": lambda x: wg.grad(lambda y: np.sum(written(y) ** 3))(x),
    "gradient written into": lambda x: doubled_first(wg.grad(wave)(x)),
}


def descend(x: Any, steps: int) -> Any:
    for _ in range(steps):
        x = x - 0.1 * wg.grad(wave)(x)
    return x


def written(x: Any) -> Any:
    y = np.zeros(3)
    y[1:] = x * x
    y[0] = x[1]
    return y


def doubled_first(g: Any) -> Any:
    g[0] *= 2.0
    return g


@pytest.mark.parametrize("name", SECOND_ORDER)
def test_what_was_derived_is_not_derived_again(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second recording plays what the first one derived, and agrees with it."""
    function = SECOND_ORDER[name]
    jitted, points = wg.jit(function), np.random.default_rng(0).normal(size=(6, 2))
    points[:2] = points[:2] * 0.01 + [0.6, 0.4]
    expected = [function(x) for x in points]

    np.testing.assert_allclose(jitted(points[0]), expected[0], rtol=1e-13)
    sweeps = []
    for part in (forward, reverse):
        sweep = part.sweep
        monkeypatch.setattr(
            part,
            "sweep",
            lambda *a, sweep=sweep, **k: (sweeps.append(1), sweep(*a, **k)),
        )
    np.testing.assert_allclose(jitted(points[1]), expected[1], rtol=1e-13)

    assert sweeps == []
    (path,) = jitted.paths()
    assert path.is_believed
    for x, right in zip(points, expected, strict=True):
        np.testing.assert_allclose(jitted(x), right, rtol=1e-12)


def settling(y: Any) -> Any:
    z = w = y + 1.0
    for _ in range(300):
        w = w * 0.5 + z
    return w


def filled(y: Any) -> Any:
    z = np.zeros(301)
    z[0] = y[0]
    for k in range(300):
        z[k + 1] = 0.9 * z[k] + y[k % 8]
    return z


@pytest.mark.parametrize("linear", [settling, filled])
def test_what_was_derived_of_a_loop_is_derived_once_more(
    linear: Callable[[Any], Any],
) -> None:
    """By a sweep that is done anew: it found no numbers where the loop began."""
    sine = wg.checkpoint(np.sin)
    slope = wg.grad(lambda y: np.sum(linear(y) ** 2))
    jitted = wg.jit(wg.grad(lambda y: np.sum(sine(slope(y)))), wait=True)
    x = np.linspace(0.3, 0.9, 8)
    constant = linear(np.zeros(8))
    matrix = np.stack([linear(row) - constant for row in np.eye(8)], axis=1)
    gradient = 2.0 * matrix.T @ (matrix @ x + constant)
    expected = 2.0 * matrix.T @ matrix @ np.cos(gradient)

    for _ in range(3):
        np.testing.assert_allclose(jitted(x), expected, rtol=1e-9)


def test_another_branch_inside_what_was_derived_is_found() -> None:
    def f(x: Any) -> Any:
        return wg.grad(lambda y: np.max(y) ** 2 * (y[1] if y[0] > 1.0 else 3.0))(x)

    jitted = wg.jit(f)
    for _ in range(3):
        for x in ([0.5, 2.0], [1.5, 2.0], [1.5, 0.5], [0.5, 0.25]):
            np.testing.assert_allclose(jitted(np.array(x)), f(np.array(x)), rtol=1e-14)


def made_by_checkpoint(x: Any) -> Any:
    return wg.checkpoint(lambda y: np.sin(y) * y)(x)


def made_by_rule(x: Any) -> Any:
    cube = wg.rule(lambda y: y**3, vjp=lambda g, y, x: 3 * x**2 * g)
    return cube(x) * 2.0


def made_by_vmap(x: Any) -> Any:
    return np.sum(wg.vmap(lambda y: np.sin(y) * y)(x * np.arange(1.0, 40.0)))


@pytest.mark.parametrize("fun", [made_by_checkpoint, made_by_rule, made_by_vmap])
@pytest.mark.parametrize("order", [0, 1, 2])
def test_nodes_that_are_made_at_every_call_agree(fun: Any, order: int) -> None:
    function = fun
    for _ in range(order):
        function = wg.grad(function)
    jitted = wg.jit(function)
    for x in (0.5, 0.75, 1.25):
        assert jitted(x) == pytest.approx(function(x), rel=1e-12)

    (path,) = jitted.paths()
    assert path.is_believed


@pytest.mark.parametrize("empty", [lambda x: np.empty(3), np.empty_like])
def test_empty_arrays_hold_nothing_by_chance(empty: Any) -> None:
    def fun(x: Any) -> Any:
        y = empty(x)
        y[:2] = x[:2]
        y[2] = x[1]
        return y

    jitted = wg.jit(fun)
    for k in range(4):
        np.full(3, k / 3.0)  # what a block of memory of this size holds next
        x = np.array([1.0, 2.0, k])
        np.testing.assert_array_equal(jitted(x), fun(x))
    (path,) = jitted.paths()
    assert path.is_believed


# Results that are no numbers

MODEL = object()
TEXTS = {
    "a text": lambda x: ("early", x),
    "a text by a branch": lambda x: {"state": "up" if x > 2.0 else "down", "at": x},
    "bytes": lambda x: [b"ab", x * 2.0],
    "an object": lambda x: (MODEL, x),
    "an array of texts": lambda x: (np.array(["a", "b"]), x),
    "no number at all": lambda x: "done",
    "None": lambda x: None,
}


def alike(found: Any, right: Any) -> bool:
    if isinstance(right, np.ndarray):
        return type(found) is np.ndarray and bool(np.array_equal(found, right))
    if isinstance(right, (list, tuple)):
        pairs = zip(found, right, strict=True)
        return type(found) is type(right) and all(alike(a, b) for a, b in pairs)
    return type(found) is type(right) and bool(found == right)


@pytest.mark.parametrize("name", TEXTS)
def test_results_that_are_no_numbers_come_back_as_they_are(name: str) -> None:
    function = TEXTS[name]
    jitted = wg.jit(function)
    for x in (1.0, 3.0, 1.5, 4.0, 1.25, 5.0):
        assert alike(jitted(x), function(x))
    assert all(path.is_believed for path in jitted.paths())
    if native_engine():
        assert all(path.kernels for path in jitted.paths())
    assert alike(wg.record(function, 1.0)(1.5), function(1.5))


def test_an_object_that_is_made_anew_each_time_is_not_replayed() -> None:
    jitted = wg.jit(lambda x: (object(), x))
    with pytest.warns(RuntimeWarning, match="runs eagerly"):
        found = [jitted(1.0)[0] for _ in range(6)]

    assert len(set(found)) == 6


def test_rows_return_numbers() -> None:
    with pytest.raises(TypeError, match="returned a str"):
        wg.vmap(lambda x: (x, "text"))(np.ones(4))


def kept(x: Any) -> Any:
    return x[x > 0.0] * 2.0


def solved(rate: Any, **how: Any) -> Any:
    how = {"method": "LSODA"} | how  # whose steps are not on the tape
    found = solve_ivp(lambda t, y: -rate * y, (0.0, 1.0), np.ones(1), **how)
    return found.y[0, -1]


SHAPED_BY_NUMBERS: dict[str, tuple[Callable[..., Any], list[Any]]] = {
    "solve_ivp": (solved, [1.0, 30.0]),
    "checkpoint": (
        lambda x: np.sum(wg.checkpoint(kept)(x)),
        [np.array([1.0, -1.0]), np.array([1.0, 2.0])],
    ),
    "black_box": (
        lambda x: np.sum(wg.black_box(kept, jacobian="finite-differences")(x)),
        [np.array([1.0, -1.0]), np.array([1.0, 2.0])],
    ),
}

RATE = {"k": 2.0}


def scaled(x: Any) -> Any:
    return x * RATE["k"]


def by_custom_vjp(x: Any) -> Any:
    inner = wg.custom_vjp(scaled)
    inner.defvjp(lambda x: (scaled(x), None), lambda _, g: (g * RATE["k"],))
    return np.sum(inner(x) ** 2)


def by_custom_jvp(x: Any) -> Any:
    inner = wg.custom_jvp(scaled)
    inner.defjvp(lambda given, moved: (scaled(*given), scaled(*moved)))
    return np.sum(inner(x) ** 2)


def by_custom_jvps(x: Any) -> Any:
    inner = wg.custom_jvp(scaled)
    inner.defjvps(lambda moved, y, x: scaled(moved))
    return np.sum(inner(x) ** 2)


def by_a_branch(x: Any) -> Any:
    factor = 2.0 if x[0] > 0.0 else 5.0
    inner = wg.custom_vjp(lambda x: 2.0 * x)
    inner.defvjp(lambda x: (2.0 * x, None), lambda _, g: (g * factor,))
    return np.sum(inner(x) ** 2)


#: Functions with derivatives of their own that are made at every call.
MADE_INSIDE: dict[str, Callable[..., Any]] = {
    "black_box": lambda x: np.sum(wg.black_box(scaled, "finite-differences")(x) ** 2),
    "rule": lambda x: np.sum(wg.rule(vjp=lambda g, y, x: scaled(g))(scaled)(x) ** 2),
    "custom_vjp": by_custom_vjp,
    "custom_jvp": by_custom_jvp,
    "defjvps": by_custom_jvps,
    "by a branch": by_a_branch,
    "checkpoint": lambda x: np.sum(wg.checkpoint(scaled)(x) ** 2),
    "laplace": lambda x: wg.laplace(lambda p, u: np.sum((u - p) ** 2 + u**4))(x, 0 * x),
    "grad": lambda x: np.sum(wg.grad(lambda y: np.sum(scaled(y) ** 3))(x)),
    "vmap": lambda x: np.sum(wg.vmap(scaled)(x) ** 2),
}


@pytest.mark.parametrize("name", SHAPED_BY_NUMBERS)
def test_a_node_whose_shape_numbers_decide_is_told_by_its_shapes(name: str) -> None:
    function, points = SHAPED_BY_NUMBERS[name]
    jitted = wg.jit(function)
    with pytest.warns(RuntimeWarning, match="runs eagerly") as caught:
        found = [jitted(point) for point in points * 4]

    assert found == [function(point) for point in points * 4]
    (message,) = [str(one.message) for one in caught]
    assert re.search(
        name + r"\w* gave float64\[.*\] and then float64\[.*\] at ", message
    )
    assert "instead: have it return arrays of the same shapes" in message


@pytest.mark.parametrize("is_slope", [False, True], ids=["value", "slope"])
@pytest.mark.parametrize("name", MADE_INSIDE)
def test_what_is_made_anew_at_every_call_is_replayed(name: str, is_slope: bool) -> None:
    function = MADE_INSIDE[name]
    if is_slope:
        function = wg.grad(function)
    jitted = wg.jit(function)
    x = np.array([1.0, 2.0])
    points = [x, 2.0 * x, -x, x]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for RATE["k"] in (2.0, 2.0, 3.0, 3.0, 2.0):
            for point in points:
                np.testing.assert_allclose(jitted(point), function(point), rtol=1e-9)
            jitted.wait()

    assert jitted.paths()


def test_a_solution_at_given_times_is_replayed() -> None:
    jitted = wg.jit(functools.partial(solved, t_eval=np.array([0.0, 1.0])))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for rate in (1.0, 30.0) * 4:
            expected = solved(rate, t_eval=np.array([0.0, 1.0]))
            assert jitted(rate) == pytest.approx(expected, rel=1e-12)

    assert len(jitted.paths()) == 1


def test_powers_of_two_kinds_are_a_path_each() -> None:
    def power(n: Any, m: Any) -> Any:
        return [0.5 + n**m, 2.0 * n**m]

    jitted = wg.jit(power)
    for _ in range(3):
        for m in (3, -1):
            assert jitted(2, m) == power(2, m)

    assert len(jitted.paths()) == 2


# What does not agree


@pytest.fixture
def blind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing outside be watched: belief is a net under the watch."""
    monkeypatch.setattr(walk.Walk, "start_at", lambda *_: None)


@pytest.mark.usefixtures("blind")
def test_a_constant_that_differs_each_time_makes_it_eager() -> None:
    stream = itertools.count(1.0)
    jitted = wg.jit(lambda x: x * next(stream))
    with pytest.warns(RuntimeWarning, match=r"test_belief\.py:\d+.*\n.*\n") as caught:
        found = [jitted(10.0) for _ in range(8)]

    assert found == [10.0 * k for k in range(1, 9)]
    assert len(caught) == 1
    assert "something else each time" in str(caught[0].message)


@pytest.mark.usefixtures("blind")
def test_an_operation_that_differs_each_time_makes_it_eager() -> None:
    turns = itertools.cycle([np.sin, np.cos, np.exp])
    plain = itertools.cycle([np.sin, np.cos, np.exp])
    jitted = wg.jit(lambda x: next(turns)(x))
    with pytest.warns(RuntimeWarning, match="recorded, and then"):
        found = [jitted(0.5) for _ in range(6)]

    assert found == [next(plain)(0.5) for _ in range(6)]


@pytest.mark.usefixtures("blind")
def test_more_operations_than_before_are_a_difference() -> None:
    lengths = itertools.count(1)

    def fun(x: Any) -> Any:
        for _ in range(next(lengths)):
            x = x * 2.0
        return x

    jitted = wg.jit(fun)
    with pytest.warns(RuntimeWarning, match="runs eagerly"):
        found = [jitted(1.0) for _ in range(6)]

    assert found == [2.0, 4.0, 8.0, 16.0, 32.0, 64.0]


@pytest.mark.usefixtures("blind")
def test_what_settles_after_three_calls_is_believed() -> None:
    answers = iter([1.0, 2.0, 3.0, *[4.0] * 10])
    jitted = wg.jit(lambda x: x * next(answers))

    assert [jitted(1.0) for _ in range(8)] == [1.0, 2.0, 3.0, 4.0, 4.0, 4.0, 4.0, 4.0]
    (path,) = jitted.paths()
    assert path.is_believed


class Counting:
    """An object whose methods write into it."""

    def __init__(self) -> None:
        self.calls = 0
        self.cache: Any = None

    def counted(self, x: Any) -> Any:
        self.calls += 1
        return x * 2.0

    def lazy(self, x: Any) -> Any:
        if self.cache is None:
            self.cache = np.arange(3.0)
        return np.sum(self.cache * x)


def test_a_function_that_counts_its_calls_runs_eagerly_with_one_warning() -> None:
    model = Counting()
    jitted = wg.jit(model.counted)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert [jitted(3.0) for _ in range(6)] == [6.0] * 6

    assert model.calls == 6
    assert [w.category for w in caught] == [RuntimeWarning]
    assert "calls" in str(caught[0].message)


@pytest.mark.filterwarnings("ignore")
def test_an_eager_function_writes_into_copies_of_its_arguments_as_well() -> None:
    calls = []

    def filled(x: Any, parts: Any) -> Any:
        calls.append(len(calls))
        x[0] = parts["a"][1]
        parts["a"][:] = 7.0
        return x * 2.0

    jitted, x, parts = wg.jit(filled), np.array([1.0, 2.0]), {"a": np.array([3.0, 4.0])}
    for _ in range(5):
        np.testing.assert_array_equal(jitted(x, parts), [8.0, 4.0])

    np.testing.assert_array_equal(x, [1.0, 2.0])
    np.testing.assert_array_equal(parts["a"], [3.0, 4.0])
    assert len(calls) == 5


def test_a_cache_that_is_filled_once_is_no_write() -> None:
    model = Counting()
    jitted = wg.jit(model.lazy)
    for k in range(5):
        assert jitted(float(k)) == 3.0 * k

    (path,) = jitted.paths()
    assert path.is_believed


def test_strict_functions_refuse_the_other_branch_whether_compiled_or_not() -> None:
    for warm in (1, 3):
        jitted = wg.jit(bend).strict()
        for _ in range(warm):
            assert jitted(2.0) == 4.0
        with pytest.raises(GuardError, match=r"test_belief\.py"):
            jitted(-1.0)


# Rows


def test_rows_are_replayed_once_two_of_them_agree() -> None:
    mapped = wg.vmap(wave)
    x = np.random.default_rng(0).normal(size=(50, 3))
    with runs_of(wave) as runs:
        np.testing.assert_allclose(mapped(x), [wave(row) for row in x], rtol=1e-13)

    assert len(runs) == 2 + 50  # ours, and those of the test


def test_a_single_row_is_recorded_again_by_the_next_call() -> None:
    mapped = wg.vmap(wave)
    for k in range(4):
        x = np.full((1, 3), float(k))
        with runs_of(wave) as runs:
            found = mapped(x)
        assert len(runs) == (1 if k < 2 else 0)
        np.testing.assert_allclose(found, [wave(x[0])], rtol=1e-13)


def test_rows_of_many_paths_agree_with_their_own() -> None:
    x = np.random.default_rng(1).normal(size=200)
    mapped = wg.vmap(bend)

    np.testing.assert_allclose(mapped(x), [bend(value) for value in x], rtol=1e-14)


@pytest.mark.usefixtures("blind")
def test_rows_that_read_a_stream_take_its_elements_in_order() -> None:
    stream = itertools.count(1.0)
    mapped = wg.vmap(lambda x: x * next(stream))
    with pytest.warns(RuntimeWarning, match="runs eagerly"):
        found = mapped(np.full(10, 2.0))

    np.testing.assert_array_equal(found, 2.0 * np.arange(1.0, 11.0))


def test_rows_that_count_run_eagerly_once_each() -> None:
    model = Counting()
    mapped = wg.vmap(model.counted)
    with pytest.warns(RuntimeWarning, match="calls"):
        np.testing.assert_array_equal(mapped(np.ones(10)), np.full(10, 2.0))

    assert model.calls == 10
