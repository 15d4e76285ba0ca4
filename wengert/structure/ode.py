"""SciPy's solvers of differential equations while recording: adjoints of two kinds.

SciPy solves with plain numbers.  The *discrete* derivative is that of the steps that
were taken: they are computed once more, recorded, where SciPy put them.  It is for the
explicit methods of Runge and Kutta (RK23, RK45, DOP853), whose solver is on a tape that
is replayed itself (`runge_kutta`).  The *continuous* one is that of all (`continuous`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np

from wengert.capture.array import plain, wrap_passive
from wengert.core.tape import GUARD
from wengert.derive.functions import jvp
from wengert.errors import UnsupportedError, WengertError, explain
from wengert.ops.constants import unmoved
from wengert.ops.join import as_array
from wengert.structure.continuous import IVP, Adjoint, Equation
from wengert.structure.nested import (
    Closed,
    Nested,
    Rerun,
    any_recorded,
    own_leaf,
)
from wengert.structure.runge_kutta import Steps, Tolerances, Walk, Walker
from wengert.structure.solver import (
    Given,
    Problem,
    answers_functions_of,
    given_by_name,
    original_of,
)
from wengert.structure.subtapes import Subtapes
from wengert.structure.while_loop import within_tolerance

Function = Callable[..., Any]
ODEINT = "scipy.integrate.odeint"
EXPLICIT = ("RK23", "RK45", "DOP853")
#: Which derivative is asked for; by default the discrete one where there is one.
ADJOINT: ContextVar[str | None] = ContextVar("wengert_adjoint", default=None)
#: Counts of a solution, which have no derivative.
COUNTS = ("status", "nfev", "njev", "nlu")
#: Steps of Newton's method towards the time of an event: each doubles the orders of
#: derivatives that are right.
CORRECTIONS = 2
#: Steps that a loop has room for at least.
LEAST_ROOM = 128
#: By how much of the largest state others may differ, by rounding.
SAME = 1e-6


@answers_functions_of(IVP)
def solve_ivp(tape: Any, *args: Any, **keywords: Any) -> Any:
    """Answer ``scipy.integrate.solve_ivp``."""
    problem = Problem(IVP, args, keywords, noting_steps)
    closed, given = problem.closed, problem.given
    solution, times = closed.result
    if not any_recorded(closed.operands):
        for name in ("t", "y"):
            solution[name] = wrap_passive(tape, as_array(solution[name]))
        return solution
    name = name_of_method(given["method"])
    is_discrete = (ADJOINT.get() or "discrete") == "discrete" and name in EXPLICIT
    if is_discrete and tape.keeps_guards:
        numbers = walked(given, solution, len(times))
        if numbers is not None:
            return as_solution(solution, numbers, closed)
    first = tuple(own_leaf(leaf, "solve_ivp") for leaf in numbers_of(solution))

    def run(*operands: Any) -> tuple[Any, ...]:
        return tuple(numbers_of(closed(*operands)[0]))

    if is_discrete:

        def again(*operands: Any) -> tuple[Any, ...]:
            args, keywords, captured = closed.call_of(operands)
            with closed.standing_in(captured):
                taken = Closed(noting_steps, (args, keywords), "solve_ivp").result
                return Taken(given_by_name(IVP, args, keywords), *taken).numbers()

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


def noting_steps(*args: Any, **keywords: Any) -> tuple[Any, Any]:
    """Return SciPy's solution, and the times at which its steps ended."""
    given = given_by_name(IVP, args, keywords)
    kind, times = class_of(given["method"]), list[float]()

    class Noting(kind):  # type: ignore[misc,valid-type]
        def step(self) -> Any:
            said = super().step()
            if self.status != "failed":
                times.append(self.t)
            return said

    options = given.pop("options")
    solution = original_of(IVP)(**given | {"method": Noting}, **options)
    return solution, np.array(times)


class Taken:
    """The steps that SciPy took, once more, by what may be recorded."""

    def __init__(self, given: Given, solution: Any, ends: Any) -> None:
        self.given, self.solution, self.ends = given, solution, ends
        first, end = map(as_array, given["t_span"])
        last = end if solution.status == 0 else ends[-1]
        self.steps = Steps.of(
            class_of(given["method"]),
            slope_of(given),
            state_of(given),
            np.concatenate([first[None] * 1.0, ends[:-1], last[None] * 1.0]),
            given["t_eval"] is not None or bool(solution.t_events),
        )

    def at(self, times: Any, ts: Any) -> Any:
        """Return the states at times, which may be recorded: one row each."""
        return self.steps.at(self.places(times), ts)

    def places(self, times: Any) -> Any:
        """Return in which steps times are."""
        start, end = plain(self.given["t_span"])
        direction = direction_of(start, end)
        found = np.searchsorted(direction * self.ends, direction * times)
        return np.minimum(found, len(self.ends) - 1)

    def numbers(self) -> tuple[Any, ...]:
        """Return the numbers of the solution; see `numbers_of`."""
        solution, given, steps = self.solution, self.given, self.steps
        events = solution.t_events or []
        found = [
            [self.event(e, time) for time in times] for e, times in enumerate(events)
        ]
        if given["t_eval"] is not None:
            times = as_array(given["t_eval"])[: len(solution.t)]
            states = self.at(solution.t, times)
        else:
            times, states = steps.times, steps.states
            if solution.status == 1:  # an event has ended it inside of the last step
                ended = dict(zip(flat(map(list, events)), flat(found), strict=True))
                last = ended[solution.t[-1]][None]
                times = np.concatenate([times[:-1], last])
                states = np.concatenate([states[:-1], self.at(solution.t[-1:], last)])
        of_events = [
            self.at(at, np.stack(ts)) if ts else none
            for at, ts, none in zip(events, found, solution.y_events or [], strict=True)
        ]
        return (
            np.transpose(states),
            times * 1.0,
            *(np.stack(ts) if ts else np.zeros(0) for ts in found),
            *of_events,
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
        return as_array(t)


def flat(lists: Any) -> list[Any]:
    """Return what is in lists."""
    return [x for part in lists for x in part]


def class_of(method: Any) -> Any:
    """Return SciPy's class of a method, which may have a name."""
    is_name = isinstance(method, str)
    return original_of(f"scipy.integrate.{method}") if is_name else method


def slope_of(given: Given) -> Callable[[Any, Any], Any]:
    """Return the right-hand side of the equation of a call."""
    function, args = given["fun"], given["args"]

    def slope(t: Any, y: Any) -> Any:
        if given["vectorized"]:
            return np.reshape(as_array(function(t, y[:, None], *args)), y.shape)
        found = as_array(function(t, y, *args))
        return found if found.shape == y.shape else np.broadcast_to(found, y.shape)

    return slope


def state_of(given: Given) -> Any:
    """Return the state at the start."""
    y = as_array(given["y0"])
    return y.astype(np.result_type(y.dtype, np.float64))


def direction_of(start: Any, end: Any) -> float:
    """Return 1.0, or -1.0 where time runs backward."""
    return 1.0 if end >= start else -1.0


def walked(given: Given, solution: Any, count: int) -> tuple[Any, ...] | None:
    """Return the numbers of a solution of so many steps, found by a loop on the tape.

    SciPy has found it, too.  None where it has to: for events, for a right-hand side
    that decides by numbers what it computes, and where it does otherwise than the loop;
    a replay that comes to such leaves its path.
    """
    given = given | {"t_span": tuple(as_array(t) * 1.0 for t in given["t_span"])}
    if solution.status or given["events"] or solution.y.dtype != np.float64:
        return None
    if not solution.y.size or not is_as_checked(given) or is_branching(given):
        return None
    try:
        with np.errstate(all="ignore"):
            found = walk_of(given, count)
    except WengertError:
        return None
    if found is None:
        return None
    walker, walk = found
    if walker.times is not None:
        t, y = walker.times * 1.0, np.transpose(walk.states)
    elif int(walk.taken) == count:
        steps = Taken(given, solution, walk.ends[:count]).steps
        t, y = steps.times, np.transpose(steps.states)
    else:
        return None
    calls = calls_of(given, walker, walk)
    scale = SAME * np.max(np.abs(solution.y))
    is_same = np.allclose(plain(y), solution.y, rtol=0, atol=scale)
    if not is_same or plain(calls) != solution.nfev:
        return None
    return y, t, *[calls if name == "nfev" else solution[name] for name in COUNTS]


def is_branching(given: Given) -> bool:
    """Whether the right-hand side decides by numbers what it computes."""
    at = given["t_span"][0], state_of(given)
    side, slope = Subtapes("the right-hand side", list(map(plain, at))), slope_of(given)

    def slopes(t: Any, y: Any) -> list[Any]:
        return [slope(t, y)]

    try:
        side.run(slopes)
        (tape,), _ = side.record([slopes])
    except WengertError:
        return True
    return GUARD in tape.operations


def walk_of(given: Given, count: int) -> tuple[Walker, Walk] | None:
    """Return a solver, and how it has come to the end; None where it has not.

    With times that are asked for it is one loop, whose derivative is that of its steps.
    Without, it says where steps end: how many there are is the shape of the solution.
    """
    (start, end), times = given["t_span"], given["t_eval"]
    if times is None:
        start, end = unmoved(start), unmoved(end)
    walker = Walker(
        class_of(given["method"]),
        slope_of(given),
        start,
        end,
        direction_of(start, end),
        Tolerances.of(given["options"]),
        times if times is None else as_array(times),
        max(LEAST_ROOM, 2 << count.bit_length()),
    )
    first = walker.begun(state_of(given))
    has_derivative = times is not None
    walk = within_tolerance(walker.goes_on, walker.tried, first, has_derivative)
    return (walker, walk) if walk is not None and walk.t == end else None


def is_as_checked(given: Given) -> bool:
    """Whether recorded arguments are what SciPy takes: asked in every replay."""
    (start, end), times = given["t_span"], given["t_eval"]
    if start == end:
        return False
    if times is None or not any_recorded((times, start, end)):
        return True
    past = (as_array(times) - start) * direction_of(start, end)
    is_within = np.all(past >= 0) and np.all(past <= np.abs(end - start))
    return bool(is_within and np.all(np.diff(past) > 0))


def calls_of(given: Given, walker: Walker, walk: Walk) -> Any:
    """Return how often SciPy calls the right-hand side."""
    kind, first = walker.kind, 1 if walker.may.first is not None else 2
    read = walk.taken if given["dense_output"] else walk.read
    between = len(getattr(kind, "C_EXTRA", ()))
    return first + walk.tries * kind.n_stages + read * between


# The other solver


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
