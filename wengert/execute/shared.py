"""A problem's value, constraints and all their derivatives, of one recording.

The functions are recorded once and made short; the gradient and one sweep each of the
Jacobian and of the Hessian of the Lagrangian are derived from the short tape.  Parts of
the results are compiled on their own, for what solvers ask for together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np

from wengert.capture.array import plain
from wengert.capture.record import SetAside, active_tape, trace
from wengert.core.tape import Tape
from wengert.derive.again import derived
from wengert.errors import DerivativeError, explain
from wengert.execute.parts import Whole, with_outputs
from wengert.execute.sparse import (
    OutsideError,
    Structure,
    Sweep,
    Sweeps,
    colour,
    given_of,
    joined,
    record_as_jit,
    recorded,
    structure_of,
    sweeps_of,
    unrolled,
    with_slopes,
)
from wengert.execute.stretch import OtherAnswerError, Stretch, node_of, play

Function = Callable[..., Any]
#: The results, by their places.
VALUE, SLOPES, CONSTRAINTS, JACOBIAN, HESSIAN = range(5)


class Shared:
    """The value and the constraints of a problem, and their derivatives by x.

    Parameters
    ----------
    fun : callable
        ``fun(x, *args) -> (number, array of constraints)``.
    is_second : bool
        Whether there is a Hessian.
    first, second : Structure, optional
        Of the Jacobian and of the Hessian; found by the first call if not given.

    Attributes
    ----------
    values, slopes, curves : Part
        Of ``(x, multipliers, weight, *args)``: value and constraints; value, gradient,
        constraints and entries of the Jacobian; entries of the Hessian, if any.
    """

    def __init__(
        self,
        fun: Function,
        is_second: bool,
        first: Structure | None = None,
        second: Structure | None = None,
    ) -> None:
        self.fun, self.is_second = fun, is_second
        self.first, self.second = first, second
        self.stretch: Stretch | None = None
        #: How many solvers have begun.
        self.solved = 0

        def results(*args: Any) -> Any:
            return self.results(*args)

        results.__name__ = getattr(fun, "__name__", "f")
        results.records_itself = True  # type: ignore[attr-defined]
        results.__wrapped__ = fun  # type: ignore[attr-defined]  # what is read is its own
        self.whole = whole = Whole(results)
        self.values = whole.part((VALUE, CONSTRAINTS))
        self.slopes = whole.part((VALUE, SLOPES, CONSTRAINTS, JACOBIAN))
        self.curves = whole.part((HESSIAN,))

    def solve_again(self) -> None:
        """Have native code made once a second solver begins, as more will follow."""
        self.solved += 1
        if self.solved > 1:
            for part in (self.curves, self.slopes, self.values):
                part.submit_all()

    def grown(self, error: OutsideError) -> Shared:
        """Return the same with the structure that a path has left made larger."""
        known = self.second if error.is_second else self.first
        assert known is not None
        pattern = (known.colored.sparsity + error.pattern).astype(bool)
        larger = Structure(colour(pattern, error.is_second), "csr")
        if error.is_second:
            return Shared(self.fun, self.is_second, self.first, larger)
        return Shared(self.fun, self.is_second, larger, self.second)

    def results(self, x: Any, multipliers: Any, weight: Any, *args: Any) -> Any:
        """Return all results, recorded."""
        if active_tape() is None:
            given = x, multipliers, weight, *args
            tape = record_as_jit(self.results, given, (0,))
            return tuple([tape.play.outputs[k] for k in tape.output_indices])
        segment, _ = trace(self.fun, (x, *args), (0,), {}, keeps=True)
        outputs = [node_of(segment.tape, leaf) for leaf in segment.result]
        weights = multipliers, weight
        if self.stretch is not None and self.stretch.is_again(segment, outputs):
            with suppress(OtherAnswerError):
                return self.swept(self.stretch, segment.tape, weights)
        self.stretch = Stretch(segment, segment.inputs, outputs)
        with SetAside(None):
            self.derive(self.stretch, weights)
        return self.swept(self.stretch, segment.tape, weights)

    def derive(self, stretch: Stretch, weights: Sequence[Any]) -> None:
        """Make the gradient and the sweeps of a stretch of tape."""
        short = stretch.short()
        given, number = given_of(short), short.types[short.output_indices[0]]
        if number.size != 1:
            raise DerivativeError(
                explain(
                    f"the function that is minimized gives an array {number.shape}",
                    "a problem has the derivatives of one number",
                    "a function that returns a number",
                )
            )
        self.has_constraints = short.types[short.output_indices[1]].size > 0
        self.down, self.along = list[Sweep](), list[Sweep]()
        if self.is_second:
            weighted = [*given, *map(plain, weights)]
            both = recorded(partial(lagrangian, short), weighted)
            asked = stretch.pattern(both, is_replayed=True)
            curves = asked.part(0)
            self.second = structure_of(curves, True, self.second, "csr", "f")
            alone = partial(play, with_outputs(both, both.output_indices[:1]))
            self.along = sweeps_of(alone, weighted, (0,), True, self.second)
        else:
            asked = stretch.pattern(short, is_replayed=True)
        if self.has_constraints:
            slopes = asked.part(1)
            self.first = structure_of(slopes, False, self.first, "csr", "constraints")
            constraints = with_outputs(short, short.output_indices[1:])
            alone = partial(play, constraints)
            self.down = sweeps_of(alone, given, (0,), False, self.first)
        gradient = recorded(partial(with_gradient, short), given)
        self.sweeps = Sweeps([*self.down, *self.along], gradient)
        self.whole.fun.unrolled = unrolled(self.first, self.second)  # type: ignore[attr-defined]

    def swept(
        self, stretch: Stretch, tape: Tape, weights: Sequence[Any]
    ) -> tuple[Any, ...]:
        """Return the results, recorded behind the stretch on a tape; played again."""

        def derive() -> dict[int, Any]:
            return dict(enumerate(self.played(stretch.operands(tape), weights)))

        return tuple(derived(tape, ("problem", stretch), (), derive).values())

    def played(self, operands: list[Any], weights: Sequence[Any]) -> tuple[Any, ...]:
        """Return the results, recorded at values of what the stretch reads."""
        products, found = self.sweeps.played([*operands, *weights])
        value, slopes, constraints = found
        first = second = np.zeros(0)
        count = len(self.down)
        if self.has_constraints:
            assert self.first is not None
            first = self.first.entries(products[:count])
        if self.is_second:
            assert self.second is not None
            second = self.second.entries(products[count:])
        return value, slopes, constraints, first, second


def with_gradient(short: Tape, *given: Any) -> tuple[Any, Any, Any]:
    """Return the value, its gradient, and the constraints that a short tape gives."""
    value, constraints, *slopes = with_slopes(partial(play, short), (0,), *given)
    return value, joined(slopes), constraints


def lagrangian(short: Tape, *given: Any) -> tuple[Any, Any]:
    """Return the Lagrangian of what a short tape gives, and the constraints."""
    *own, multipliers, weight = given
    value, constraints = play(short, *own)
    if np.shape(multipliers) != np.shape(constraints):
        raise DerivativeError(
            explain(
                f"the multipliers of a Lagrangian have the shape "
                f"{np.shape(multipliers)}",
                f"there is one of each of {np.size(constraints)} constraints",
                f"multipliers of shape {np.shape(constraints)}",
            )
        )
    return weight * value + multipliers @ constraints, constraints
