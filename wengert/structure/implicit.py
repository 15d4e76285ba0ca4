"""Implicit functions: a solver's result as one node, differentiated by what it solves.

A solver finds y with ``F(y, *operands) = 0``, on plain numbers and by any means.  The
theorem of implicit functions gives the derivative at the solution from that of F alone:
``dy = -(dF/dy)^-1 dF``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wengert.derive.functions import jvp, linearize, vjp
from wengert.derive.modes import zeros_like_type
from wengert.errors import DerivativeError, explain, warn
from wengert.structure.nested import (
    Nested,
    Remembered,
    any_recorded,
    float_places,
    of_chosen,
    scattered,
    value_type,
)

Function = Callable[..., Any]
#: How close, relatively, a solver may come to a solution of which it cannot tell two.
NEARBY = float(np.sqrt(np.finfo(float).eps))
#: How far, relatively, from a solution its derivative is still worth something.
FAR = 1e-3


class Implicit(Nested):
    """A solver as the operation of one node.

    Its first result is the solution; others (counts, residuals) have no derivative.

    Parameters
    ----------
    *given : what a node has
    residual : callable
        ``residual(y, *operands)``, of the shape of y, and 0 at the solution.
    is_elementwise : bool
        Whether an element of it depends on the same element of y alone.
    """

    def __init__(
        self, *given: Any, residual: Function, is_elementwise: bool = False
    ) -> None:
        super().__init__(*given)
        self.residual, self.is_elementwise = residual, is_elementwise
        self.last = Remembered()

    def push(self, tangents: Any, result: Any, *operands: Any) -> tuple[Any, ...]:
        """Return the tangents of the results."""
        places = [k for k, tangent in enumerate(tangents) if tangent is not None]
        count = len(places)

        def pushed(*given: Any) -> tuple[Any, ...]:
            dots, y, values = given[:count], given[count], given[count + 1 :]
            function = of_chosen(self.at(y), values, places)
            moved = jvp(function, [values[k] for k in places], dots)[1]
            return (-self.solved(self.jacobian(y, values), moved),)

        given = [tangents[k] for k in places]
        dot = self.derivative("jvp", pushed, places, [*given, result[0], *operands])[0]
        return (dot, *map(unknown, result[1:]))

    def pull(self, g: Any, result: Any, *operands: Any) -> tuple[Any, ...]:
        """Return the gradients of the operands."""
        for part, value in zip(g[1:], result[1:], strict=True):
            if part is not None and value_type(value).dtype.kind in "fc":
                raise self.only_the_solution()
        if g[0] is None:
            return (None,) * len(operands)
        places = float_places(operands)

        def pulled(*given: Any) -> tuple[Any, ...]:
            seed, y, values = given[0], given[1], given[2:]
            function = of_chosen(self.at(y), values, places)
            _, back = vjp(function, *[values[k] for k in places])
            slopes = self.jacobian(y, values)
            return tuple(-part for part in back(self.solved(slopes.T, seed)))

        found = self.derivative("vjp", pulled, places, [g[0], result[0], *operands])
        return scattered(found, places, len(operands))

    def at(self, y: Any) -> Function:
        """Return the residual as a function of the operands."""

        def function(*operands: Any) -> Any:
            return self.residual(y, *operands)

        return function

    def jacobian(self, y: Any, values: Sequence[Any]) -> Any:
        """Return the Jacobian of the residual by y; see `slopes`."""
        return self.last.of((y, *values), lambda: self.slopes(y, values))

    def slopes(self, y: Any, values: Sequence[Any]) -> Any:
        """Return the Jacobian of the residual by y; its diagonal where that is all."""
        shape = np.shape(y)
        rest, push = self.linearized(y, values)
        if self.is_elementwise or not shape:
            slopes = push(np.ones(shape)[()])
        else:
            size = int(np.prod(shape))
            units = np.eye(size).reshape(size, *shape)
            columns = [np.reshape(push(unit), (size,)) for unit in units]
            slopes = np.stack(columns, axis=1)
        if np.size(slopes) and not any_recorded((slopes, y)):
            self.check_regular(np.asarray(slopes), y, values)
            self.warn_unless_solved(self.solved(slopes, rest), y)
        return slopes

    def linearized(self, y: Any, values: Sequence[Any]) -> tuple[Any, Function]:
        """Return the residual, and its derivative by y, a function of its tangent."""
        return linearize(lambda y: self.residual(y, *values), (y,), keeps=False)

    def warn_unless_solved(self, step: Any, y: Any) -> None:
        """Warn of a solution that Newton's method would move far."""
        if np.max(np.abs(step)) > FAR * (1 + np.max(np.abs(y))):
            warn(
                explain(
                    f"{self.name} gave no solution: one step of Newton's method moves "
                    f"it by {np.max(np.abs(step)):.1e}",
                    "its derivative is that of a solution of the equations",
                    "other starting values, more iterations, or a smaller tolerance",
                )
            )

    def check_regular(self, slopes: Any, y: Any, values: Sequence[Any]) -> None:
        """Raise where the Jacobian has no inverse, or loses it at the next number.

        A solver comes no closer than that to a double root, where it is singular.
        """
        shape = np.shape(y)
        if np.isfinite(slopes).all():
            if slopes.ndim == 2 and not self.is_elementwise:
                _, sizes, rows = np.linalg.svd(slopes)
                along, before = np.reshape(rows[-1], shape), slopes @ rows[-1]
                size = sizes[-1]
            else:
                along, before, size = np.ones(shape)[()], slopes, np.abs(slopes)
            step = NEARBY * (1 + np.max(np.abs(y)))
            after = self.linearized(y + step * along, values)[1](along)
            change = np.reshape(after, np.shape(before)) - before
            if np.all(np.abs(change) < size / 2):
                return
        raise DerivativeError(
            explain(
                f"the derivative of {self.name} at a solution where the Jacobian of "
                "its equations is singular",
                "there the solution is not a smooth function of what the equations "
                "depend on (a double root, a flat minimum, a fold)",
                "equations whose Jacobian is regular at the solution, or "
                "wengert.stop_gradient on what they depend on",
            )
        )

    def solved(self, slopes: Any, right: Any) -> Any:
        """Return the solution of the linearized equations."""
        if np.ndim(slopes) < 2 or self.is_elementwise:
            return right / slopes
        found = np.linalg.solve(slopes, np.reshape(right, (-1,)))
        return np.reshape(found, np.shape(right))

    def only_the_solution(self) -> DerivativeError:
        """Return the error of a derivative of anything else that a solver gives."""
        return DerivativeError(
            explain(
                f"the derivative of what {self.name} gives besides its solution",
                "the solution is an implicit function of what its equations depend "
                "on; counts, estimates and what a method keeps are not",
                "compute it from the solution: wengert.grad(fun)(result.x)",
            )
        )


def unknown(value: Any) -> Any:
    """Return the tangent of what has no derivative: NaN, or zero of whole numbers."""
    like = value_type(value)
    zero = zeros_like_type(like)
    return zero + np.nan if like.dtype.kind in "fc" else zero
