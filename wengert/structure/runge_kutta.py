"""The explicit methods of Runge and Kutta (RK23, RK45, DOP853), step by step as SciPy.

What SciPy computes in plain numbers is stated here by what may be recorded: one step,
its error, the values between its ends, and how long the next one is.

Hairer, Norsett, Wanner, "Solving Ordinary Differential Equations I" (2nd edition,
1993), sections II.4 to II.6.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from wengert.ops.constants import unmoved
from wengert.structure.scan import scan

#: The derivative of a state ``y`` at a time: ``slope(t, y)``.
Slope = Callable[[Any, Any], Any]
#: By how much a step may be longer or shorter than the one before, and how much of
#: what the error allows is taken.
SHORTEST, LONGEST, SAFETY = 0.2, 10.0, 0.9
#: A step is so many spacings of numbers long, at least; below, tolerances are rounding.
LEAST, ROUNDING = 10, 100 * np.finfo(float).eps


def weighted(weights: Sequence[float], slopes: Sequence[Any]) -> Any:
    """Return a weighted sum, term by term: in the same order in native code."""
    pairs = zip(weights, slopes, strict=False)
    terms = [float(weight) * slope for weight, slope in pairs if weight]
    return sum(terms[1:], terms[0]) if terms else 0.0 * slopes[0]


class Step(NamedTuple):
    """One step of a method.

    Attributes
    ----------
    kind : type
        SciPy's class of the method, which has its coefficients.
    slope : callable
    t, h : number
        Where it starts, and how long it is.
    y, after : array of shape (n,)
        The state where it starts, and where it ends.
    slopes : list of arrays of shape (n,)
        Those of its stages, the last one where it ends.
    """

    kind: Any
    slope: Slope
    t: Any
    h: Any
    y: Any
    after: Any
    slopes: list[Any]

    @classmethod
    def of(cls, kind: Any, slope: Slope, t: Any, h: Any, y: Any, first: Any) -> Step:
        """Return the step from a state, where the slope is known."""
        begun = cls(kind, slope, t, h, y, None, [first])
        for weights, c in zip(kind.A[1:], kind.C[1:], strict=True):
            begun.slopes.append(begun.stage(weights, c))
        after = y + h * weighted(kind.B, begun.slopes)
        return begun._replace(after=after, slopes=[*begun.slopes, slope(t + h, after)])

    def stage(self, weights: Sequence[float], c: float) -> Any:
        """Return the slope at one more stage."""
        moved = self.y + self.h * weighted(weights, self.slopes)
        return self.slope(self.t + c * self.h, moved)

    def error(self, absolute: Any, relative: Any) -> Any:
        """Return the norm of the estimated error over that which is tolerated."""
        size = np.maximum(np.abs(self.y), np.abs(self.after))
        scale = absolute + relative * size
        if not is_of_high_order(self.kind):
            return norm(weighted(self.kind.E, self.slopes) * self.h / scale)
        fifth, third = (
            np.sum((weighted(weights, self.slopes) / scale) ** 2)
            for weights in (self.kind.E5, self.kind.E3)
        )
        both = fifth + 0.01 * third
        is_exact = both == 0
        length = np.sqrt(np.where(is_exact, 1.0, both) * len(self.y))
        return np.where(is_exact, 0.0, np.abs(self.h) * fifth / length)

    def polynomial(self) -> list[Any]:
        """Return what `between` makes values within the step of."""
        kind, h, slopes = self.kind, self.h, self.slopes
        if not is_of_high_order(kind):
            return [h * weighted(weights, slopes) for weights in kind.P.T]
        more = self._replace(slopes=list(slopes))
        for weights, c in zip(kind.A_EXTRA, kind.C_EXTRA, strict=True):
            more.slopes.append(more.stage(weights, c))
        change, first, last = self.after - self.y, slopes[0], slopes[-1]
        return [
            change,
            h * first - change,
            2 * change - h * (last + first),
            *[h * weighted(weights, more.slopes) for weights in kind.D],
        ]


def is_of_high_order(kind: Any) -> bool:
    """Whether a method is DOP853, which estimates errors and values otherwise."""
    return hasattr(kind, "E5")


def between(kind: Any, parts: Sequence[Any], x: Any) -> Any:
    """Return by how much the state has changed at a part of the step, 0 to 1."""
    found: Any = 0.0
    for k, part in reversed(list(enumerate(parts))):
        is_falling = is_of_high_order(kind) and k % 2 == 1
        found = (found + part) * (1 - x if is_falling else x)
    return found


def norm(x: Any) -> Any:
    """Return the root of the mean square."""
    return np.sqrt(np.sum(x * x)) / len(x) ** 0.5


class Steps(NamedTuple):
    """Steps from one end to the next.

    Attributes
    ----------
    kind : type
    times : array of shape (m + 1,)
        Where the first one starts, and where each one ends.
    states : array of shape (m + 1, n)
        The states there.
    parts : array of shape (m, order, n) or None
        What the values between are made of.
    """

    kind: Any
    times: Any
    states: Any
    parts: Any

    @classmethod
    def of(
        cls, kind: Any, slope: Slope, start: Any, times: Any, has_parts: bool
    ) -> Steps:
        """Return the steps from a state, `parts` where they are asked for."""

        def step(carried: Any, span: Any) -> Any:
            (y, first), (t, end) = carried, span
            found = Step.of(kind, slope, t, end - t, y, first)
            parts = np.stack(found.polynomial()) if has_parts else ()
            return (found.after, found.slopes[-1]), (found.after, parts)

        carried = start, slope(times[0], start)
        _, (states, parts) = scan(step, carried, (times[:-1], times[1:]))
        states = np.concatenate([start[None], states])
        return cls(kind, times, states, parts if has_parts else None)

    def at(self, k: Any, t: Any) -> Any:
        """Return the states at times within steps, one row each."""
        start, end = self.times[k], self.times[k + 1]
        x = (t - start) / np.where(end == start, 1.0, end - start)
        parts = np.moveaxis(self.parts[k], -2, 0)
        return self.states[k] + between(self.kind, parts, np.asarray(x)[..., None])


# Where steps end


class Tolerances(NamedTuple):
    """What a step may be off by, and how long it may be; scalars or per equation."""

    relative: Any
    absolute: Any
    first: Any
    longest: Any

    @classmethod
    def of(cls, options: dict[str, Any]) -> Tolerances:
        """Return those of the options of ``solve_ivp``, with SciPy's defaults."""
        return cls(
            np.maximum(options.get("rtol", 1e-3), ROUNDING),
            options.get("atol", 1e-6),
            options.get("first_step"),
            options.get("max_step", np.inf),
        )


class Walk(NamedTuple):
    """How far a solver has come.

    Attributes
    ----------
    t, y, slope : where the last step that was taken has ended
    size : number
        Length of the next try.
    is_again : bool
        Whether the last try was not taken.
    tries, taken, read : int
        Steps that were tried, that were taken, and within which a time was asked for.
    ends : array of shape (room,) or ()
        Where each step ended, where no times are asked for.
    states : array of shape (m, n) or ()
        Those at the times that are asked for.
    """

    t: Any
    y: Any
    slope: Any
    size: Any
    is_again: Any
    tries: Any
    taken: Any
    read: Any
    ends: Any
    states: Any


class Walker(NamedTuple):
    """A solver that finds where steps end, as SciPy's does.

    How long steps are has no derivative.

    Attributes
    ----------
    kind : type
    slope : callable
    start, end : number
        Where the first step starts, and the last one ends.
    direction : float
        1.0, or -1.0 where time runs backward.
    may : Tolerances
    times : array of shape (m,) or None
        Those at which states are asked for.
    room : int
        Steps up to which it walks, where none are.
    """

    kind: Any
    slope: Slope
    start: Any
    end: Any
    direction: float
    may: Tolerances
    times: Any
    room: int

    def begun(self, y: Any) -> Walk:
        """Return where it starts, from a state."""
        t, slope, first = self.start, self.slope(self.start, y), self.may.first
        size = self.first_size(t, y, slope) if first is None else first
        ends: Any = np.zeros(self.room) if self.times is None else ()
        states: Any = ()
        if self.times is not None:
            states = np.zeros((*self.times.shape, *y.shape))
        return Walk(t, y, slope, unmoved(size), False, 0, 0, 0, ends, states)

    def first_size(self, t: Any, y: Any, slope: Any) -> Any:
        """Return the length of the first try."""
        scale = self.may.absolute + np.abs(y) * self.may.relative
        whole = np.abs(self.end - t)
        state, moves = norm(y / scale), norm(slope / scale)
        is_small = np.logical_or(state < 1e-5, moves < 1e-5)
        ratio = 0.01 * state / np.where(is_small, 1.0, moves)
        size = np.minimum(np.where(is_small, 1e-6, ratio), whole)
        moved = y + size * self.direction * slope
        later = self.slope(t + size * self.direction, moved)
        bends = norm((later - slope) / scale) / size
        is_straight = np.logical_and(moves <= 1e-15, bends <= 1e-15)
        most = np.where(is_straight, 1.0, np.maximum(moves, bends))
        power = (0.01 / most) ** (1 / (self.kind.error_estimator_order + 1))
        least = np.maximum(1e-6, size * 1e-3)
        best = np.minimum(100 * size, np.where(is_straight, least, power))
        return np.minimum(best, np.minimum(whole, self.may.longest))

    def least(self, t: Any) -> Any:
        """Return how long a step is at least."""
        return LEAST * np.abs(np.nextafter(t, self.direction * np.inf) - t)

    def goes_on(self, walk: Walk) -> Any:
        """Return whether another step is tried."""
        is_on = walk.t != self.end
        if self.times is None:
            is_on = np.logical_and(is_on, walk.taken < self.room)
        is_long = walk.size >= self.least(walk.t)  # what is no number is not
        return np.logical_and(is_on, np.logical_or(is_long, ~walk.is_again))

    def tried(self, walk: Walk) -> Walk:
        """Return where it is after one more try."""
        may, (t, y, *_) = self.may, walk
        size = np.minimum(np.maximum(walk.size, self.least(t)), may.longest)
        size = np.where(walk.is_again, walk.size, size)
        end = unmoved(t + self.direction * size)
        end = np.where(self.direction * (end - self.end) > 0, self.end, end)
        step = Step.of(self.kind, self.slope, t, end - t, y, walk.slope)
        error = unmoved(step.error(may.absolute, may.relative))
        is_taken, factor = error < 1, self.factor(error)
        longer = np.minimum(LONGEST, factor)
        longer = np.where(walk.is_again, np.minimum(1.0, longer), longer)
        shorter = np.fmax(SHORTEST, factor)  # also of what is no number
        factor = np.where(is_taken, longer, shorter)
        states, read, ends = walk.states, walk.read, walk.ends
        if self.times is None:
            ends = np.copy(ends)
            ends[walk.taken] = end
        else:
            is_read = self.is_within(step, end, walk.taken == 0) & is_taken
            states = np.where(is_read[:, None], self.within(step, is_read), states)
            read = read + np.any(is_read)
        return Walk(
            np.where(is_taken, end, t),
            np.where(is_taken, step.after, y),
            np.where(is_taken, step.slopes[-1], walk.slope),
            unmoved(np.abs(step.h)) * factor,
            np.logical_not(is_taken),
            walk.tries + 1,
            walk.taken + is_taken,
            read,
            ends,
            states,
        )

    def is_within(self, step: Step, end: Any, is_first: Any) -> Any:
        """Return which times are within a step, its end with it."""
        past, length = self.times - step.t, end - step.t
        is_past = np.logical_or(self.direction * past > 0, is_first)
        return is_past & (self.direction * (past - length) <= 0)

    def within(self, step: Step, is_read: Any) -> Any:
        """Return the states at times within a step."""
        x = np.where(is_read, (self.times - step.t) / step.h, 0.5)
        return step.y + between(self.kind, step.polynomial(), x[:, None])

    def factor(self, error: Any) -> Any:
        """Return by how much the next try may be longer."""
        exponent = -1 / (self.kind.error_estimator_order + 1)
        is_exact = error == 0
        factor = SAFETY * np.where(is_exact, 1.0, error) ** exponent
        return np.where(is_exact, LONGEST, factor)
