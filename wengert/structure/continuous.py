"""The continuous derivative of a differential equation's solution.

The tangents solve an equation of their own, forward in time beside the solution; the
adjoint solves one backward in time.  SciPy solves both, with the method and within the
tolerances of the solution.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wengert.capture.array import plain
from wengert.derive.functions import jvp, vjp
from wengert.errors import DerivativeError, explain
from wengert.ops.join import as_array
from wengert.structure.implicit import unknown
from wengert.structure.nested import (
    Nested,
    any_recorded,
    float_places,
    of_chosen,
    replaced,
)
from wengert.structure.solver import Given, Problem, original_of

IVP = "scipy.integrate.solve_ivp"
#: Places and weights of a rule of Gauss, by which an adjoint is integrated over a step.
GAUSS = np.polynomial.legendre.leggauss(5)


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
