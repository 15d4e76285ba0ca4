"""SciPy's solvers of differential equations while recording: adjoints of two kinds.

SciPy solves with plain numbers.  The *discrete* derivative is that of the steps that
were taken: they are computed once more, recorded, where SciPy put them.  It is for the
explicit methods of Runge and Kutta (RK23, RK45, DOP853).  The *continuous* one solves
the differential equation of the tangents, or of the adjoint backward in time, with the
method and the tolerances of the solution.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np

from wengert.capture.array import plain, wrap_passive
from wengert.derive.functions import jvp, vjp
from wengert.errors import DerivativeError, UnsupportedError, explain
from wengert.ops.join import as_array
from wengert.structure.implicit import unknown
from wengert.structure.nested import (
    Closed,
    Nested,
    Rerun,
    any_recorded,
    float_places,
    of_chosen,
    own_leaf,
    replaced,
)
from wengert.structure.solver import (
    Given,
    Problem,
    answers_functions_of,
    given_by_name,
    original_of,
)

Function = Callable[..., Any]
IVP, ODEINT = "scipy.integrate.solve_ivp", "scipy.integrate.odeint"
EXPLICIT = ("RK23", "RK45", "DOP853")
#: Which derivative is asked for; by default the discrete one where there is one.
ADJOINT: ContextVar[str | None] = ContextVar("wengert_adjoint", default=None)
#: Counts of a solution, which have no derivative.
COUNTS = ("status", "nfev", "njev", "nlu")
#: Steps of Newton's method towards the time of an event: each doubles the orders of
#: derivatives that are right.
CORRECTIONS = 2
#: Places and weights of a rule of Gauss, by which an adjoint is integrated over a step.
GAUSS = np.polynomial.legendre.leggauss(5)


@answers_functions_of(IVP)
def solve_ivp(tape: Any, *args: Any, **keywords: Any) -> Any:
    """Answer ``scipy.integrate.solve_ivp``."""
    problem = Problem(IVP, args, keywords)
    closed, given = problem.closed, problem.given
    solution = closed.result
    if not any_recorded(closed.operands):
        for name in ("t", "y"):
            solution[name] = wrap_passive(tape, as_array(solution[name]))
        return solution
    name = name_of_method(given["method"])
    is_discrete = (ADJOINT.get() or "discrete") == "discrete" and name in EXPLICIT
    first = tuple(own_leaf(leaf, "solve_ivp") for leaf in numbers_of(solution))

    def run(*operands: Any) -> tuple[Any, ...]:
        return tuple(numbers_of(closed(*operands)))

    if is_discrete:

        def again(*operands: Any) -> tuple[Any, ...]:
            args, keywords, captured = closed.call_of(operands)
            with closed.standing_in(captured):
                taken = Closed(noting_steps, (args, keywords), "solve_ivp").result
                steps = Steps(given_by_name(IVP, args, keywords), *taken)
                return steps.numbers()

        node: Nested = Rerun(
            "solve_ivp",
            run,
            given["fun"],
            closed.parts,
            first,
            again=again,
            takes_rows=False,
        )
    else:
        if given["events"] is not None:
            raise no_events(name)
        equation = Equation(problem, "solve_ivp", name, given["options"])
        node = Adjoint("solve_ivp", run, given["fun"], closed.parts, first)
        node.equation = equation
    found = node.apply(*closed.operands)
    return as_solution(solution, found, closed)


def name_of_method(method: Any) -> str:
    """Return the name of a method, which may be a class."""
    return method if isinstance(method, str) else method.__name__


def numbers_of(solution: Any) -> list[Any]:
    """Return the numbers of a solution: values, times, those of events, counts."""
    events = solution.t_events or [], solution.y_events or []
    counts = [solution[name] for name in COUNTS]
    return [solution.y, solution.t, *events[0], *events[1], *counts]


def as_solution(solution: Any, numbers: Sequence[Any], closed: Closed) -> Any:
    """Return a solution of SciPy's with recorded numbers."""
    count = 0 if solution.t_events is None else len(solution.t_events)
    made = type(solution)(solution)
    made.y, made.t = numbers[:2]
    if solution.t_events is not None:
        made.t_events = list(numbers[2 : 2 + count])
        made.y_events = list(numbers[2 + count : 2 + 2 * count])
    made.update(zip(COUNTS, numbers[2 + 2 * count :], strict=True))
    int(made.status)  # a path each: the message and the success are that status's
    if solution.sol is not None:
        made.sol = Dense(closed)
    return made


class Dense:
    """A solution between its steps; a call solves once more, up to these times."""

    def __init__(self, closed: Closed) -> None:
        self.closed = closed

    def __call__(self, t: Any) -> Any:
        """Return the values at a time, or a column for each of many."""
        times = as_array(t)
        args, keywords, _ = self.closed.call_of(self.closed.operands)
        given = given_by_name(IVP, args, keywords)
        flat = np.reshape(times, (-1,))
        _, first, back = np.unique(plain(flat), return_index=True, return_inverse=True)
        span, options = plain(given["t_span"]), given.pop("options")
        if span[1] < span[0]:
            first, back = first[::-1], len(first) - 1 - back
        given |= {"t_eval": flat[first], "dense_output": False, "events": None}
        y = original_of(IVP)(**given, **options).y[:, back]
        return y if times.ndim else y[:, 0]


# The discrete derivative


def noting_steps(*args: Any, **keywords: Any) -> tuple[Any, list[float]]:
    """Return SciPy's solution, and the times at which its steps ended."""
    given = given_by_name(IVP, args, keywords)
    method, times = given["method"], list[float]()
    kind: Any = (
        original_of(f"scipy.integrate.{method}") if isinstance(method, str) else method
    )

    class Noting(kind):  # type: ignore[misc]
        def step(self) -> Any:
            said = super().step()
            if self.status != "failed":
                times.append(self.t)
            return said

    options = given.pop("options")
    solution = original_of(IVP)(**given | {"method": Noting}, **options)
    return solution, times


class Steps:
    """The steps that were taken, computed once more by what may be recorded."""

    def __init__(self, given: Given, solution: Any, times: list[float]) -> None:
        self.given, self.solution, self.times = given, solution, np.array(times)
        self.name = name_of_method(given["method"])
        self.kind: Any = original_of(f"scipy.integrate.{self.name}")
        self.pieces = self.taken()

    def slope(self, t: Any, y: Any) -> Any:
        """Return the right-hand side."""
        return as_array(self.given["fun"](t, y, *self.given["args"]))

    def taken(self) -> list[Piece]:
        """Return all steps."""
        start, end = self.given["t_span"]
        y = as_array(self.given["y0"]) * 1.0
        slope = self.slope(start, y)
        pieces: list[Piece] = []
        for k, time in enumerate(self.times.tolist()):
            is_last = k == len(self.times) - 1 and self.solution.status == 0
            t = pieces[-1].end if pieces else start
            piece = Piece(self, t, end if is_last else time, y, slope)
            y, slope = piece.y, piece.slopes[-1]
            pieces.append(piece)
        return pieces

    def at(self, time: float, t: Any) -> Any:
        """Return the values at a time, which is recorded or not."""
        forward = self.times if self.is_forward() else -self.times
        k = int(np.searchsorted(forward, time if self.is_forward() else -time))
        return self.pieces[min(k, len(self.pieces) - 1)].between(t)

    def is_forward(self) -> bool:
        """Whether time runs forward."""
        start, end = plain(self.given["t_span"])
        return bool(end >= start)

    def numbers(self) -> tuple[Any, ...]:
        """Return the numbers of the solution; see `numbers_of`."""
        solution, given = self.solution, self.given
        events = solution.t_events or []
        found = [
            [self.event(e, time) for time in times] for e, times in enumerate(events)
        ]
        last = {
            time: t
            for times, ts in zip(events, found, strict=True)
            for time, t in zip(times.tolist(), ts, strict=True)
        }
        if given["t_eval"] is not None:
            times = as_array(given["t_eval"])[: len(solution.t)]
            columns = [self.at(s, times[k]) for k, s in enumerate(solution.t.tolist())]
        else:
            ends = [given["t_span"][0], *(piece.end for piece in self.pieces)]
            columns = [as_array(given["y0"]) * 1.0, *(piece.y for piece in self.pieces)]
            if solution.status == 1:  # an event has ended it inside of the last step
                time = float(solution.t[-1])
                ends[-1], columns[-1] = last[time], self.at(time, last[time])
            times = as_array([as_array(t) * 1.0 for t in ends])
        states = [
            [self.at(s, t) for s, t in zip(times_of.tolist(), ts, strict=True)]
            for times_of, ts in zip(events, found, strict=True)
        ]
        like = solution.y_events or []
        return (
            np.stack(columns, axis=1),
            times * 1.0,
            *(as_array(ts) if ts else np.zeros(0) for ts in found),
            *(
                np.stack(rows) if rows else np.asarray(none)
                for rows, none in zip(states, like, strict=True)
            ),
            *(solution[name] for name in COUNTS),
        )

    def event(self, place: int, time: float) -> Any:
        """Return the time of an event: Newton's method from where SciPy found it."""
        events = self.given["events"]
        event = events if callable(events) else events[place]

        def value(t: Any) -> Any:
            return event(t, self.at(time, t), *self.given["args"])

        t: Any = float(time)
        for _ in range(CORRECTIONS):
            found, slope = jvp(value, (t,), (1.0,))
            t = t - found / slope
        return t


class Piece:
    """One step of a method of Runge and Kutta, as SciPy takes it."""

    def __init__(self, steps: Steps, t: Any, end: Any, y: Any, slope: Any) -> None:
        self.steps, self.t, self.end, self.before = steps, t, end, y
        self.h = h = end - t
        kind = steps.kind
        slopes = [slope]
        for a, c in zip(kind.A[1:], kind.C[1:], strict=True):
            slopes.append(self.stage(slopes, a, c))
        self.y = y + h * (kind.B @ np.stack(slopes))
        slopes.append(steps.slope(end, self.y))
        self.slopes = slopes

    def stage(self, slopes: list[Any], a: Any, c: float) -> Any:
        """Return the slope at one stage."""
        moved = self.before + self.h * (a[: len(slopes)] @ np.stack(slopes))
        return self.steps.slope(self.t + c * self.h, moved)

    def between(self, t: Any) -> Any:
        """Return the values at a time within the step, by SciPy's interpolation."""
        x = (t - self.t) / self.h
        if self.steps.name == "DOP853":
            return self.of_high_order(x)
        weights = self.steps.kind.P
        powers = as_array([x ** (k + 1) for k in range(weights.shape[1])])
        return self.before + self.h * ((weights @ powers) @ np.stack(self.slopes))

    def of_high_order(self, x: Any) -> Any:
        """Return the interpolation of DOP853, which takes more stages."""
        kind, h, slopes = self.steps.kind, self.h, list(self.slopes)
        for a, c in zip(kind.A_EXTRA, kind.C_EXTRA, strict=True):
            slopes.append(self.stage(slopes, a, c))
        change = self.y - self.before
        first, last = self.slopes[0], self.slopes[-1]
        parts = [
            change,
            h * first - change,
            2 * change - h * (last + first),
            *(h * (kind.D @ np.stack(slopes))),
        ]
        found = 0.0
        for k, part in enumerate(reversed(parts)):
            found = (found + part) * (x if k % 2 == 0 else 1 - x)
        return self.before + found


# The continuous derivative


class Equation:
    """What a solution depends on: the equation, its start, and the times asked for."""

    def __init__(
        self, problem: Problem, name: str, method: str, options: Given
    ) -> None:
        self.problem, self.name = problem, name
        kept = ("rtol", "atol", "max_step")
        self.options = {k: options[k] for k in kept if options.get(k) is not None}
        self.options["method"] = method

    def slope(self, t: Any, y: Any, *operands: Any) -> Any:
        """Return the right-hand side at some operands."""
        given, standing_in = self.problem.at(operands)
        is_second = self.name == "odeint" and not given["tfirst"]
        function = given["func" if self.name == "odeint" else "fun"]
        with standing_in:
            found = function(*((y, t) if is_second else (t, y)), *given["args"])
        return as_array(found)

    def start(self, *operands: Any) -> tuple[Any, ...]:
        """Return the first values, the ends of the time, and the times, if given."""
        given, _ = self.problem.at(operands)
        y = as_array(given["y0"]) * 1.0
        if self.name == "odeint":
            times = as_array(given["t"]) * 1.0
            return np.reshape(y, (-1,)), times[0], times[-1], times
        start, end = given["t_span"]
        times = given["t_eval"]
        ends = as_array(start) * 1.0, as_array(end) * 1.0
        return (y, *ends) if times is None else (y, *ends, as_array(times) * 1.0)

    def tolerances(self) -> Given:
        """Return the options of another equation, with one tolerance for all."""
        options = dict(self.options)
        if "atol" in options:
            options["atol"] = float(np.min(options["atol"]))
        return options


class Adjoint(Nested):
    """A solution as one node, whose derivatives solve differential equations."""

    takes_rows = False
    equation: Equation

    def push(self, tangents: Any, result: Any, *operands: Any) -> tuple[Any, ...]:
        """Return the tangents of the results, solved for with the values."""
        places = [k for k, tangent in enumerate(tangents) if tangent is not None]
        equation, count = self.equation, len(places)
        taken = result[1]

        def pushed(*given: Any) -> tuple[Any, ...]:
            dots, values = given[:count], given[count:]
            chosen = [values[k] for k in places]
            at, moved = jvp(of_chosen(equation.start, values, places), chosen, dots)
            y0, start, end = at[:3]
            size = np.shape(y0)[0]

            def together(t: Any, z: Any) -> Any:
                def slope(y: Any, *chosen: Any) -> Any:
                    return equation.slope(t, y, *replaced(values, places, chosen))

                value, dot = jvp(slope, (z[:size], *chosen), (z[size:], *dots))
                return np.concatenate([value, dot])

            first = moved[0] - equation.slope(start, y0, *values) * moved[1]
            times = at[3] if len(at) > 3 else plain(taken)
            is_later = np.append(True, np.diff(plain(times)) != 0)
            found = np.concatenate([y0, first])[:, None]
            if np.any(is_later[1:]):
                found = original_of(IVP)(
                    together,
                    (start, end),
                    found[:, 0],
                    t_eval=times[is_later],
                    **equation.tolerances(),
                ).y
            columns = []
            for k, place in enumerate(np.cumsum(is_later) - 1):
                value, dot = found[:size, place], found[size:, place]
                rate = self.rate_of(k, len(is_later), moved)
                if rate is not None:
                    dot = dot + rate * equation.slope(times[k], value, *values)
                columns.append(dot)
            return (np.stack(columns, axis=1),)

        given = [*[tangents[k] for k in places], *operands]
        (dot,) = self.derivative("jvp", pushed, places, given)
        return (dot, *map(unknown, result[1:]))

    def rate_of(self, k: int, count: int, moved: Sequence[Any]) -> Any:
        """Return by how much time k moves; None where it stays."""
        if len(moved) > 3:
            return moved[3][k]
        return moved[1] if k == 0 else moved[2] if k == count - 1 else None

    def pull(self, g: Any, result: Any, *operands: Any) -> tuple[Any, ...]:
        """Return the gradients of the operands: the adjoint is solved backward."""
        if g[0] is None:
            return (None,) * len(operands)
        places = float_places(operands)
        taken = result[1]

        def pulled(*given: Any) -> tuple[Any, ...]:
            if any_recorded(given):
                raise only_forward(self.name)
            return self.backward(given[0], plain(taken), given[1:], places)

        parts = self.derivative("vjp", pulled, places, [g[0], *operands])
        return tuple(replaced([None] * len(operands), places, parts))

    def backward(
        self, g: Any, taken: Any, values: Sequence[Any], places: Sequence[int]
    ) -> tuple[Any, ...]:
        """Return the gradients of the chosen operands, all values plain."""
        equation, solve = self.equation, original_of(IVP)
        chosen = [values[k] for k in places]
        at, back = vjp(of_chosen(equation.start, values, places), *chosen)
        y0, start, end = at[:3]
        times = at[3] if len(at) > 3 else taken
        options = equation.tolerances()
        path = solve(
            lambda t, y: equation.slope(t, y, *values),
            (float(start), float(end)),
            y0,
            dense_output=True,
            **equation.options,
        ).sol

        def pulled_at(t: float, adjoint: Any) -> tuple[Any, ...]:
            def slope(y: Any, *chosen: Any) -> Any:
                return equation.slope(t, y, *replaced(values, places, chosen))

            return vjp(slope, path(t), *chosen)[1](adjoint)

        def rate(t: float, adjoint: Any) -> Any:
            return -pulled_at(t, adjoint)[0]

        totals = [np.zeros(np.shape(value)) for value in chosen]
        adjoint, of_times = np.zeros(len(y0)), []
        ends = [float(start), *times[:-1].tolist()]
        for k in reversed(range(len(times))):
            now, before = float(times[k]), ends[k]
            of_times.append(g[:, k] @ equation.slope(now, path(now), *values))
            adjoint = adjoint + g[:, k]
            if now == before:
                continue
            leg = solve(rate, (now, before), adjoint, dense_output=True, **options)
            for high, low in zip(leg.sol.ts[:-1], leg.sol.ts[1:], strict=True):
                for x, weight in zip(*GAUSS, strict=True):
                    t = (high + low) / 2 + (high - low) / 2 * x
                    parts = pulled_at(t, leg.sol(t))[1:]
                    for total, part in zip(totals, parts, strict=True):
                        total += part * weight * (high - low) / 2
            adjoint = leg.y[:, -1]
        of_times.reverse()
        of_start = -adjoint @ equation.slope(float(start), y0, *values)
        seeds: list[Any] = [adjoint, of_start, 0.0]
        if len(at) > 3:
            seeds.append(np.array(of_times))
        else:
            seeds[1], seeds[2] = of_start + of_times[0], of_times[-1]
        found = back(tuple(seeds))
        return tuple(total + part for total, part in zip(totals, found, strict=True))


def over_any(*args: Any, **keywords: Any) -> Any:
    """Return ``scipy.integrate.odeint``, which asks the equation in any case.

    Over no time SciPy does not, and what the equation closes over would not be known
    where the times move.
    """
    given = given_by_name(ODEINT, args, keywords)
    start, end = given["t"][0], given["t"][-1]
    if start == end:
        state = np.reshape(np.asarray(given["y0"]) * 1.0, (-1,))
        at = (start, state) if given["tfirst"] else (state, start)
        given["func"](*at, *given["args"])
    return original_of(ODEINT)(*args, **keywords)


@answers_functions_of(ODEINT)
def odeint(tape: Any, *args: Any, **keywords: Any) -> Any:
    """Answer ``scipy.integrate.odeint``."""
    problem = Problem(ODEINT, args, keywords, over_any)
    closed, given = problem.closed, problem.given
    if not any_recorded(closed.operands):
        return wrap_passive(tape, closed.result)
    if given["full_output"]:
        raise UnsupportedError(
            explain(
                "scipy.integrate.odeint with full_output= of a recorded equation",
                "only the solution is recorded",
                "leave full_output= out",
            )
        )
    default = 1.49012e-8
    options = {name: given[name] or default for name in ("rtol", "atol")}

    def run(*operands: Any) -> tuple[Any, ...]:
        y = closed(*operands)
        return y.T, as_array(plain(problem.at(operands)[0]["t"])) * 1.0

    first = (closed.result.T.copy(), as_array(plain(given["t"])) * 1.0)
    node = Adjoint("odeint", run, given["func"], closed.parts, first)
    node.equation = Equation(problem, "odeint", "LSODA", options)
    return np.transpose(node.apply(*closed.operands)[0])


# Refusals


def no_events(method: str) -> Exception:
    """Return the error of events of a method without a discrete derivative."""
    return UnsupportedError(
        explain(
            f"scipy.integrate.solve_ivp with events= and the derivative of {method}",
            "the continuous derivative is that of a solution at given times",
            "method='RK45' or 'DOP853', or the event as an equation for its time: "
            "brentq of the event at the solution",
        )
    )


def only_forward(name: str) -> Exception:
    """Return the error of a gradient of a gradient by the continuous adjoint."""
    return DerivativeError(
        explain(
            f"a derivative of the continuous adjoint of {name}",
            "it reads the solution between its steps, which is not recorded",
            "method='RK45' or 'DOP853', whose steps are recorded, or forward mode "
            "alone: wengert.jacfwd(wengert.jacfwd(f))",
        )
    )
