"""`scipy.integrate.quad` while recording: Leibniz's rule.

SciPy integrates plain numbers.  The derivative of an integral is the integral of the
derivative of its integrand, by `quad` again and with the same options, and the
integrand at limits that move.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wengert.capture.record import active_tape
from wengert.derive.functions import jvp, vjp
from wengert.errors import DerivativeError, UnsupportedError, explain
from wengert.ops.join import as_array
from wengert.structure.implicit import unknown
from wengert.structure.nested import (
    Nested,
    Remembered,
    any_recorded,
    float_places,
    of_chosen,
    scattered,
)
from wengert.structure.solver import (
    Problem,
    answers_functions_of,
    given_by_name,
    original_of,
)

Function = Callable[..., Any]
QUAD = "scipy.integrate.quad"
#: Up to how many elements a tangent is computed with the gradient.
FEW = 8
#: Arguments of `quad` that a derivative is computed with too.
OPTIONS = "epsabs epsrel limit points weight wvar wopts maxp1 limlst".split()


@answers_functions_of(QUAD)
def quad(tape: Any, *args: Any, **keywords: Any) -> Any:
    """Answer ``scipy.integrate.quad``."""
    problem = Problem(QUAD, args, keywords, over_any)
    closed, given = problem.closed, problem.given
    if not any_recorded(closed.operands):
        return closed.result
    for name in ("full_output", "complex_func"):
        if given[name]:
            raise UnsupportedError(
                explain(
                    f"scipy.integrate.quad with {name}= of a recorded integrand",
                    "only the integral and its error are recorded",
                    f"leave {name}= out"
                    + ("; real and imaginary part as two integrals" * (name[0] == "c")),
                )
            )

    def run(*operands: Any) -> tuple[Any, ...]:
        return tuple(closed(*operands)[:2])

    first = tuple(closed.result[:2])
    node = Integral("quad", run, given["func"], closed.parts, first)
    node.problem = problem
    return node.apply(*closed.operands)


def over_any(*args: Any, **keywords: Any) -> Any:
    """Return ``scipy.integrate.quad``, which asks the integrand in any case.

    Over an empty interval SciPy does not, and what the integrand closes over would not
    be known where the limits move.
    """
    given = given_by_name(QUAD, args, keywords)
    if given["a"] == given["b"]:
        given["func"](given["a"], *given["args"])
    return original_of(QUAD)(*args, **keywords)


class Integral(Nested):
    """An integral, and the estimate of its error, as one node."""

    problem: Problem

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        #: The last gradients, by the operands that they are by.
        self.last: dict[tuple[int, ...], Remembered] = {}

    def integrand(self, x: Any) -> Function:
        """Return the integrand at one place as a function of the operands."""

        def function(*operands: Any) -> Any:
            given, standing_in = self.problem.at(operands)
            with standing_in:
                return given["func"](x, *given["args"])

        return function

    def integral(self, function: Function, operands: Sequence[Any]) -> Any:
        """Return the integral of another function between the same limits."""
        given, _ = self.problem.at(operands)
        options = {name: given[name] for name in OPTIONS}
        return original_of(QUAD)(function, given["a"], given["b"], **options)[0]

    def ends(self, places: Sequence[int]) -> dict[int, float]:
        """Return which of some operands are limits, with their signs."""
        found = {self.problem.place_of("b"): 1.0, self.problem.place_of("a"): -1.0}
        ends = {k: sign for k, sign in found.items() if k is not None and k in places}
        if ends and self.problem.given["weight"] is not None:
            raise DerivativeError(
                explain(
                    "the derivative of quad by a limit with weight=",
                    "the integrand at the limit is that with its weight",
                    "the weight as a factor of the integrand",
                )
            )
        return ends

    def push(self, tangents: Any, result: Any, *operands: Any) -> tuple[Any, ...]:
        """Return the tangents of the results."""
        places = [k for k, tangent in enumerate(tangents) if tangent is not None]
        ends = self.ends(places)
        inner = [k for k in places if k not in ends]

        def pushed(*given: Any) -> tuple[Any, ...]:
            moved = dict(zip(places, given[: len(places)], strict=True))
            values = given[len(places) :]

            def sloped(x: Any) -> Any:
                function = of_chosen(self.integrand(x), values, inner)
                dots = [moved[k] for k in inner]
                return jvp(function, [values[k] for k in inner], dots)[1]

            parts = [
                sign * self.integrand(values[k])(*values) * moved[k]
                for k, sign in ends.items()
            ]
            sizes = [int(np.prod(np.shape(values[k]))) for k in inner]
            if inner and sum(sizes) <= FEW:  # the next direction has it already
                slopes = self.gradient(values, inner)
                dots = [np.reshape(moved[k], (-1,)) for k in inner]
                parts.append(slopes @ np.concatenate(dots))
            elif inner:
                parts.append(self.integral(sloped, values))
            return (sum(parts[1:], parts[0]),)

        dots = [tangents[k] for k in places]
        (dot,) = self.derivative("jvp", pushed, places, [*dots, *operands])
        return (dot, unknown(result[1]))

    def pull(self, g: Any, result: Any, *operands: Any) -> tuple[Any, ...]:
        """Return the gradients of the operands."""
        if g[1] is not None:
            raise DerivativeError(
                explain(
                    "the derivative of the error that quad estimates",
                    "the estimate is no smooth function of the integrand",
                    "wengert.stop_gradient(error)",
                )
            )
        if g[0] is None:
            return (None,) * len(operands)
        places = float_places(operands)
        ends = self.ends(places)
        inner = [k for k in places if k not in ends]

        def pulled(*given: Any) -> tuple[Any, ...]:
            seed, values = given[0], given[1:]
            found: dict[int, Any] = {
                k: sign * seed * self.integrand(values[k])(*values)
                for k, sign in ends.items()
            }
            if inner:
                flat = seed * self.gradient(values, inner)
            for k in inner:
                size = int(np.prod(np.shape(values[k])))
                found[k] = np.reshape(flat[:size], np.shape(values[k]))
                flat = flat[size:]
            return tuple(found[k] for k in places)

        parts = self.derivative("vjp", pulled, places, [g[0], *operands])
        return scattered(parts, places, len(operands))

    def gradient(self, values: Sequence[Any], inner: Sequence[int]) -> Any:
        """Return the integrals of the derivatives by all elements of some operands."""
        last = self.last.setdefault(tuple(inner), Remembered())
        return last.of(values, lambda: self.integrals(values, inner))

    def integrals(self, values: Sequence[Any], inner: Sequence[int]) -> Any:
        """Compute the gradient."""
        size = sum(int(np.prod(np.shape(values[k]))) for k in inner)
        sloped = remembered(self.slopes_at(values, inner))
        parts = [
            self.integral(lambda x, j=j: sloped(x)[j], values) for j in range(size)
        ]
        return as_array(parts)

    def slopes_at(self, values: Sequence[Any], inner: Sequence[int]) -> Function:
        """Return the gradient of the integrand as a function of the place."""

        def sloped(x: Any) -> Any:
            function = of_chosen(self.integrand(x), values, inner)
            value, back = vjp(function, *[values[k] for k in inner])
            parts = back(np.ones(np.shape(value))[()])
            return np.concatenate([np.reshape(part, (-1,)) for part in parts])

        return sloped


def remembered(function: Function) -> Function:
    """Return a function of plain numbers that computes its result once at each.

    The integrals of all elements of a gradient ask at much the same places.
    """
    if active_tape() is not None:
        return function
    known: dict[float, Any] = {}

    def look_up(x: Any) -> Any:
        if active_tape() is not None:
            return function(x)
        if x not in known:
            known[x] = function(x)
        return known[x]

    return look_up


@answers_functions_of("scipy.integrate.fixed_quad")
def fixed_quad(
    _: Any, func: Function, a: Any, b: Any, args: Any = (), n: int = 5
) -> tuple[Any, None]:
    """Answer ``scipy.integrate.fixed_quad``, a sum that is recorded as it is."""
    if np.isinf(a) or np.isinf(b):
        raise ValueError("Gaussian quadrature is only available for finite limits.")
    places, weights = np.polynomial.legendre.leggauss(n)
    y = (b - a) * (places + 1) / 2.0 + a
    return (b - a) / 2.0 * np.sum(weights * func(y, *args), axis=-1), None


@answers_functions_of("scipy.integrate.dblquad")
def dblquad(
    _: Any,
    func: Function,
    a: Any,
    b: Any,
    gfun: Any,
    hfun: Any,
    args: Any = (),
    epsabs: float = 1.49e-8,
    epsrel: float = 1.49e-8,
) -> Any:
    """Answer ``scipy.integrate.dblquad``: an integral of integrals."""
    integrate = original_of(QUAD)
    options = {"epsabs": epsabs, "epsrel": epsrel}

    def inner(x: Any) -> Any:
        low = gfun(x) if callable(gfun) else gfun
        high = hfun(x) if callable(hfun) else hfun
        return integrate(lambda y: func(y, x, *args), low, high, **options)[0]

    return integrate(inner, a, b, **options)
