"""`solve_ivp` under `jit` walks as SciPy does, by loops on the tape.

Counts are SciPy's, values up to a part of what is tolerated, as where steps end is
rounded otherwise; gradients are those of the steps, by steps in the imaginary direction
of SciPy's own run.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import wengert as wg
from wengert.derive.while_loops import WHILE

pytestmark = pytest.mark.filterwarnings("ignore:At least one element of `rtol`")
METHODS = ["RK23", "RK45", "DOP853"]
#: By how much of the tolerance values may differ.
PART = 0.02


def pendulum(t: Any, y: Any, p: Any) -> Any:
    """A pendulum that is driven, with friction."""
    return [y[1], -p[0] * np.sin(y[0]) - p[1] * y[1] + p[2] * np.cos(2.0 * t)]


def ring(t: Any, y: Any, p: Any) -> Any:
    """Neighbours that pull at each other."""
    return p[0] * (np.roll(y, 1) - y) - p[1] * np.tanh(y) + p[2] * np.exp(-t)


def quickly(t: Any, y: Any, p: Any) -> Any:
    """What changes slowly, then quickly: steps are tried again."""
    return p[0] * y * (1.0 + 30.0 * np.exp(-40.0 * (t - 1.0) ** 2)) - p[1] * y**2 + p[2]


EQUATIONS = {"pendulum": (pendulum, 2), "ring": (ring, 5), "quickly": (quickly, 3)}
OPTIONS: list[dict[str, Any]] = [
    {},
    {"rtol": 1e-7, "atol": 1e-9},
    {"rtol": 1e-5, "atol": "each"},
    {"first_step": 0.01},
    {"max_step": 0.1},
    {"rtol": 1e-20},
    {"dense_output": True},
]
SPANS = [(0.0, 2.0), (1.5, 0.5), (0, 1)]
CASES = list(itertools.product(EQUATIONS, METHODS, OPTIONS, SPANS, [True, False]))


class Case:
    """A call of `solve_ivp`, of parameters.

    Parameters
    ----------
    place : int
        Which of the cases.
    """

    def __init__(self, place: int) -> None:
        name, method, options, self.span, has_times = CASES[place]
        self.function, self.count = EQUATIONS[name]
        self.options = {**options, "method": method}
        if options.get("atol") == "each":
            self.options["atol"] = np.logspace(-8, -5, self.count)
        if has_times:
            parts = np.array([0.0, 0.1, 0.15, 0.8, 1.0])
            self.options["t_eval"] = self.span[0] + parts * np.diff(self.span)
        self.p = np.random.default_rng(place).uniform(0.5, 1.5, 4)

    def solved(self, p: Any) -> Any:
        """Return the solution."""
        start = np.linspace(0.3, 0.8, self.count) * p[3]
        return solve_ivp(self.function, self.span, start, args=(p,), **self.options)

    def numbers(self, p: Any) -> Any:
        """Return the numbers of the solution."""
        found = self.solved(p)
        return found.t, found.y, found.nfev, found.status

    def total(self, p: Any) -> Any:
        """Return a number of the solution."""
        y = self.solved(p).y
        return np.sum(np.cos(y[:, -1])) + np.sum(y[0]) * 0.1

    def judge(self, p: Any, numbers: Any, slope: Any) -> None:
        """Compare what was computed with what SciPy does."""
        plain, (t, y, calls, status) = self.solved(p), numbers
        allowed = np.broadcast_to(self.options.get("atol", 1e-6), self.count)[:, None]
        relative = max(self.options.get("rtol", 1e-3), 2.3e-14)
        steps = [self.total(p + 1e-30j * unit).imag / 1e-30 for unit in np.eye(4)]

        assert (calls, status) == (plain.nfev, 0)
        np.testing.assert_allclose(t, plain.t, rtol=1e-6)
        pairs = zip(plain.t, plain.y.T, strict=True)  # at the times that are found
        rates = np.stack([self.function(at, state, p) for at, state in pairs], axis=1)
        expected = plain.y + rates * (t - plain.t)
        apart = np.abs(y - expected) / (allowed + relative * np.abs(plain.y))
        assert np.max(apart) < PART
        part = PART * (relative * np.max(np.abs(steps)) + np.max(allowed))
        np.testing.assert_allclose(slope, steps, rtol=0, atol=part)


@pytest.mark.parametrize("place", range(3, len(CASES), 29))
def test_recorded_it_is_what_scipy_gives(place: int) -> None:
    case = Case(place)
    tape = wg.record(case.numbers, case.p)

    assert WHILE in tape.operations
    case.judge(case.p, tape(case.p), wg.record(wg.grad(case.total), case.p)(case.p))


@pytest.mark.slow
@pytest.mark.parametrize("place", range(len(CASES)))
def test_all_are_what_scipy_gives(place: int) -> None:
    case = Case(place)
    tape = wg.record(case.numbers, case.p)

    assert WHILE in tape.operations
    case.judge(case.p, tape(case.p), wg.record(wg.grad(case.total), case.p)(case.p))


@pytest.mark.parametrize("place", [62, 189, 361])
def test_native_code_does_all_of_it(place: int) -> None:
    case = Case(place)
    numbers = wg.jit(case.numbers, wait=True)
    slope = wg.jit(wg.grad(case.total), wait=True)

    for factor in (1.0, 1.2):
        case.judge(case.p * factor, numbers(case.p * factor), slope(case.p * factor))
    for row in (*numbers.report().rows, *slope.report().rows):
        assert row["nest"]
        assert row["asked of NumPy"] == []


def test_one_path_stands_for_all_numbers_of_steps_where_times_are_given() -> None:
    def solved(k: Any) -> Any:
        return solve_ivp(lambda t, y: -k * y, (0, 2), [1.0, 2.0], t_eval=[2.0]).y[:, 0]

    last = wg.jit(solved, wait=True)
    for k in (1.0, 30.0, 3.0, 100.0, 0.1):
        plain = solve_ivp(lambda t, y, k=k: -k * y, (0, 2), [1.0, 2.0]).y[:, -1]
        np.testing.assert_allclose(last(k), plain, rtol=1e-9)
    assert len(last.report().rows) == 1


def test_times_and_span_may_be_recorded() -> None:
    def f(q: Any) -> Any:
        times = np.stack([q[0], 0.5 * q[1], q[1]])
        y = solve_ivp(ring, (q[0], q[1]), [0.2, q[2]], args=(q,), t_eval=times).y
        return np.sum(y**2 * np.array([1.0, 2.0, 3.0]))

    q = np.array([0.1, 1.5, 0.6])
    jitted = wg.jit(wg.grad(f), wait=True)

    for p in (q, q * 1.1):
        np.testing.assert_allclose(jitted(p), wg.grad(f)(p), rtol=1e-9)
    with pytest.raises(ValueError, match="not within `t_span`"):
        jitted(np.array([2.0, 1.5, 0.6]))


def test_rows_of_vmap_walk_each_its_way() -> None:
    def f(p: Any) -> Any:
        return solve_ivp(pendulum, (0, 2), [0.3, p[3]], args=(p,), t_eval=[1.0, 2.0]).y

    rows = np.random.default_rng(1).uniform(0.5, 4.0, (6, 4))
    expected = [f(row) for row in rows]

    for mapped in (wg.vmap(f), wg.jit(wg.vmap(f), wait=True)):
        np.testing.assert_allclose(mapped(rows), expected, rtol=1e-6)


def test_second_derivatives_are_those_of_the_steps() -> None:
    case = Case(60)
    jitted = wg.jit(wg.hessian(case.total), wait=True)

    np.testing.assert_allclose(jitted(case.p), wg.hessian(case.total)(case.p), 1e-6)


# What is left to SciPy


def branching(t: Any, y: Any, p: Any) -> Any:
    """A right-hand side that decides by the time."""
    return [p[0] * y[0] if t < 0.7 else -p[1] * y[0]]


def test_a_right_hand_side_that_decides_is_left_to_scipy() -> None:
    def f(p: Any) -> Any:
        return solve_ivp(branching, (0, 1), [p[2]], args=(p,), t_eval=[1.0]).y[0, 0]

    p = np.array([0.5, 1.5, 2.0])
    jitted = wg.jit(wg.value_and_grad(f))

    assert WHILE not in wg.record(f, p).operations
    for _ in range(4):
        value, slope = jitted(p)
        assert value == f(p)
        np.testing.assert_allclose(slope, wg.grad(f)(p), rtol=1e-12)


def test_a_step_that_gets_too_small_is_what_scipy_says() -> None:
    @wg.jit
    def found(p: Any) -> Any:
        solution = solve_ivp(lambda t, y: p * y**2, (0, 1), [1.0])
        return solution.status, solution.t[-1]

    for p in (0.5, 1.5, 0.6, 1.5):  # 1 / (1 - p t) has a pole
        plain = solve_ivp(lambda t, y, p=p: p * y**2, (0, 1), [1.0])
        status, end = found(p)
        assert status == plain.status
        assert end == pytest.approx(plain.t[-1], rel=1e-9)


def test_a_right_hand_side_may_add_in_any_order() -> None:
    """Products of matrices are no reason to leave the loop to NumPy."""
    matrix = np.random.default_rng(3).normal(size=(8, 8))

    def f(k: Any) -> Any:
        start = np.ones(8) + 0.0 * k
        y = solve_ivp(lambda t, y: k * (matrix @ y), (0, 1), start, t_eval=[1.0]).y
        return np.sum(y**2)

    jitted = wg.jit(wg.value_and_grad(f), wait=True)

    for k in (0.5, -0.3):
        value, slope = jitted(k)
        assert value == pytest.approx(f(k), rel=1e-6)
        assert slope == pytest.approx(f(k + 1e-30j).imag / 1e-30, rel=1e-6)
    (row,) = jitted.report().rows
    assert "while" in row["nest"]
    assert all("while" not in text for text in row["asked of NumPy"])
