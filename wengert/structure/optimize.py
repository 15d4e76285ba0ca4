"""SciPy's solvers and minimizers while recording: implicit functions.

SciPy computes the solution on plain numbers.  Its derivative by what the functions that
it was given close over, and by ``args=``, is that of an implicit function
(`structure/implicit`): the equations are those that the solution satisfies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wengert.capture import tree
from wengert.capture.array import plain, wrap_passive
from wengert.core.types import has_class
from wengert.derive.functions import vjp
from wengert.structure.implicit import Implicit
from wengert.structure.nested import any_recorded, own_leaf
from wengert.structure.solver import Given, Problem, answers_functions_of

Function = Callable[..., Any]
#: Methods of `minimize` by what they want besides the value; all others: the gradient.
VALUES = frozenset({"nelder-mead", "powell", "cobyla", "cobyqa"})
PRODUCTS = frozenset({"newton-cg", "trust-ncg", "trust-krylov"})
HESSIANS = frozenset({"dogleg", "trust-exact", "trust-constr"})
#: Methods of `minimize` that take constraints, and those that take bounds, as SciPy's
#: table has them, by their names in lower case.
CONSTRAINED = {
    name.lower(): name for name in ("trust-constr", "SLSQP", "COBYLA", "COBYQA")
}
BOUNDED = CONSTRAINED | {
    name.lower(): name for name in ("L-BFGS-B", "TNC", "Nelder-Mead", "Powell")
}
#: How far, relatively, a constraint may be from a limit that it is said to lie at.
ACTIVE = 1e-5
#: Where a number is in a result.
Path = tuple[Any, ...]


@dataclass(frozen=True)
class Solver:
    """One of SciPy's functions that solve, and the equations of its solution.

    Parameters
    ----------
    name : str
    function : str
        The parameter that is the user's function.
    residual : callable
        ``residual(y, given)``, 0 at the solution.
    key : str
        Under which name a result that has names has the solution.
    is_elementwise : bool
        Whether elements of arrays are solved for one by one.
    value : callable or None
        ``value(y, given)``: what is named ``fun`` in the result, or second in it, at
        the solution.
    """

    name: str
    function: str
    residual: Callable[[Any, Given], Any]
    key: str = "x"
    is_elementwise: bool = False
    value: Callable[[Any, Given], Any] | None = None

    @property
    def path(self) -> str:
        """Where it is in SciPy."""
        return f"scipy.optimize.{self.name}"

    def answer(self, tape: Any, *args: Any, **keywords: Any) -> Any:
        """Return what the function returns, recorded where it depends on an input."""
        problem = Problem(self.path, args, keywords)
        closed, given = problem.closed, problem.given
        shape = Shape(closed.result, self.key)
        if not any_recorded(closed.operands):
            return shape.filled([wrap_passive(tape, v) for v in shape.numbers])

        def run(*operands: Any) -> tuple[Any, ...]:
            return tuple(Shape(closed(*operands), self.key).like(shape))

        def residual(y: Any, *operands: Any) -> Any:
            given, replaced = problem.at(operands)
            with replaced:
                found = self.residual(y, given)
            return np.reshape(found, np.shape(y))

        node = Implicit(
            self.name,
            run,
            given[self.function],
            closed.parts,
            tuple(own_leaf(leaf, self.name) for leaf in shape.numbers),
            residual=residual,
            is_elementwise=self.is_elementwise,
        )
        if given.get("constraints"):  # which of them are active is found at each row
            node.takes_rows = False
        found = list(node.apply(*closed.operands))
        result = shape.filled(found)
        if self.value is None:
            return result
        if isinstance(result, tuple):
            return found[0], self.value(found[0], given), *result[2:]
        if isinstance(result, dict) and "fun" in result:
            result["fun"] = self.value(found[0], given)
        return result


class Shape:
    """What a solver returned: its numbers, the solution first, and how they nest.

    What is neither a number nor a text is left out of a result with names.
    """

    def __init__(self, result: Any, key: str) -> None:
        self.result, self.key = result, key
        found: dict[Path, Any] = dict(self.parts_of(result, ()))
        self.numbers = list(found.values())
        self.paths = list(found)

    def parts_of(self, part: Any, path: Path) -> Iterator[tuple[Path, Any]]:
        """Give the numbers in a part of the result, the solution under its own path."""
        if is_number(part):
            yield path, part
        elif isinstance(part, dict):
            if not path:
                yield (self.key,), part[self.key]
            for name, inner in part.items():
                if name != self.key and is_number(inner):
                    yield (*path, name), inner
        elif isinstance(part, tuple) and not path:
            for k, inner in enumerate(part):
                yield from self.parts_of(inner, (k,))

    def like(self, first: Shape) -> list[Any]:
        """Return the numbers that an earlier result had too."""
        found = dict(zip(self.paths, self.numbers, strict=True))
        pairs = zip(first.paths, first.numbers, strict=True)
        return [found.get(path, number) for path, number in pairs]

    def filled(self, numbers: Sequence[Any]) -> Any:
        """Return the result with other numbers in their places."""
        return self.rebuilt(
            self.result, (), dict(zip(self.paths, numbers, strict=True))
        )

    def rebuilt(self, part: Any, path: Path, numbers: dict[Path, Any]) -> Any:
        """Return a part of the result with other numbers."""
        if path in numbers:
            return numbers[path]
        if isinstance(part, tuple) and not path:
            parts = [self.rebuilt(v, (k,), numbers) for k, v in enumerate(part)]
            return type(part)(*parts) if hasattr(part, "_fields") else tuple(parts)
        if not isinstance(part, dict):
            return part
        made = type(part).__new__(type(part))
        for name, value in part.items():
            if name == self.key:
                made[name] = numbers[self.paths[0]]
            elif (*path, name) in numbers:
                made[name] = numbers[*path, name]
            elif isinstance(value, str):
                made[name] = value
        if "message" in made and "status" in made:
            int(made["status"])  # a path each: the text is that of the status
        return made


def is_number(value: Any) -> bool:
    """Whether a part of a result is a number or an array of numbers."""
    if not has_class(value, tree.NUMERIC):
        return False
    return not hasattr(value, "dtype") or value.dtype.kind in "biufc"


# The equations


def equations(name: str, flag: str | None = None) -> Callable[[Any, Given], Any]:
    """Return the equations of a function that is 0 at the solution.

    With `flag`, the parameter that says that it returns its derivatives too.
    """

    def residual(y: Any, given: Given) -> Any:
        found = given[name](y, *given["args"])
        several = flag is not None and given[flag] is True
        return as_array(found[0] if several else found)

    return residual


def fixed(y: Any, given: Given) -> Any:
    """Return by how much a function moves its fixed point."""
    return as_array(given["func"](y, *given["args"])) - y


def as_array(value: Any) -> Any:
    """Return a list of numbers as an array."""
    return np.array(value) if isinstance(value, (list, tuple)) else value


def stationary(cost: Function, y: Any, lower: Any = None, upper: Any = None) -> Any:
    """Return the gradient of a cost; where a bound is active, the distance from it.

    A bound is active where a step down the gradient would cross it.
    """
    value, back = vjp(cost, y)
    slope = back(np.ones(np.shape(value))[()])[0]
    if lower is None:
        return slope
    moved = y - slope
    inside = np.where(moved >= upper, y - upper, slope)
    return np.where(moved <= lower, y - lower, inside)


def cost_of(given: Given, y: Any) -> Any:
    """Return the function that is minimized."""
    function: Function = given["fun"]
    fed: Function | None = getattr(function, "cost", None)  # `wengert.scipy.optimize`
    if fed is not None:
        return fed(y, *given["args"])
    found = function(y, *given["args"])
    return found[0] if given.get("jac") is True else found


def minimum(y: Any, given: Given) -> Any:
    """Return what is 0 at a minimum, within bounds or without."""

    def cost(y: Any) -> Any:
        return np.sum(cost_of(given, y))

    constraints = listed(given.get("constraints", ()))
    if not constraints:
        return stationary(cost, y, *limits(given["bounds"], y))
    bounds = limits(given["bounds"], y)
    conditions = [*map(condition, constraints), *([(identity, *bounds)] * bool(bounds))]
    return within(conditions, stationary(cost, y), y)


def identity(y: Any) -> Any:
    """Return a value as it is."""
    return y


def listed(constraints: Any) -> list[Any]:
    """Return constraints as a list."""
    several = isinstance(constraints, (list, tuple))
    return list(constraints) if several else [constraints]


def condition(constraint: Any) -> tuple[Function, Any, Any]:
    """Return a constraint as a function and its limits."""
    if isinstance(constraint, dict):
        fun, args = constraint["fun"], constraint.get("args", ())
        upper = 0.0 if constraint["type"].lower() == "eq" else np.inf
        return lambda y: as_array(fun(y, *args)), 0.0, upper
    lower, upper = as_array(constraint.lb), as_array(constraint.ub)
    if hasattr(constraint, "A"):
        return lambda y: as_array(constraint.A) @ y, lower, upper
    return lambda y: as_array(constraint.fun(y)), lower, upper


def within(conditions: Sequence[tuple[Function, Any, Any]], slope: Any, y: Any) -> Any:
    """Return what is 0 at a minimum under constraints.

    Along the active ones it is the gradient, across them how far they are missed.
    """

    def missed(y: Any) -> Any:
        return np.concatenate([active(c(y), low, high) for c, low, high in conditions])

    values, back = vjp(missed, y)
    count = np.shape(values)[0]
    if not count:
        return slope
    across = np.stack([back(unit)[0] for unit in np.eye(count)])
    multipliers = np.linalg.solve(across @ across.T, across @ slope)
    return slope + across.T @ (values - multipliers)


def active(values: Any, lower: Any, upper: Any) -> Any:
    """Return by how much constraints miss the limits that they lie at."""
    values = np.reshape(values, (-1,))
    lower, upper = (np.broadcast_to(limit, values.shape) for limit in (lower, upper))
    now, low, high = plain(values), plain(lower), plain(upper)
    at_low = now - low <= ACTIVE * (1 + np.abs(now))
    at_high = (high - now <= ACTIVE * (1 + np.abs(now))) & ~at_low
    places = np.nonzero(at_low)[0], np.nonzero(at_high)[0]
    return np.concatenate(
        [values[places[0]] - lower[places[0]], values[places[1]] - upper[places[1]]]
    )


def limits(bounds: Any, y: Any) -> tuple[Any, ...]:
    """Return the lower and the upper bounds of a minimum, if there are any."""
    if bounds is None:
        return ()
    if hasattr(bounds, "lb"):
        return bounds.lb, bounds.ub
    if not np.shape(y) or (isinstance(bounds, tuple) and np.ndim(bounds[0])):
        return as_array(bounds[0]), as_array(bounds[1])
    lower = [-np.inf if pair[0] is None else pair[0] for pair in bounds]
    upper = [np.inf if pair[1] is None else pair[1] for pair in bounds]
    return np.array(lower), np.array(upper)


def least(y: Any, given: Given) -> Any:
    """Return what is 0 at a least-squares solution."""

    def cost(y: Any) -> Any:
        r = as_array(given["fun"](y, *given["args"], **(given["kwargs"] or {})))
        return cost_of_residuals(r, given["loss"], given["f_scale"])

    bounds = given["bounds"]
    lower, upper = (
        (bounds.lb, bounds.ub) if hasattr(bounds, "lb") else map(as_array, bounds)
    )
    return stationary(cost, y, lower, upper)


def along_line(y: Any, given: Given) -> Any:
    """Return what is 0 at a minimum of a function of a number."""
    return stationary(
        lambda y: value_on_line(y, given), y, given.get("x1"), given.get("x2")
    )


#: Of squares of residuals, as `least_squares` names them.
LOSSES: dict[str, Function] = {
    "linear": np.positive,
    "soft_l1": lambda z: 2 * (np.sqrt(1 + z) - 1),
    "huber": lambda z: np.where(z <= 1, z, 2 * np.sqrt(np.where(z <= 1, 1.0, z)) - 1),
    "cauchy": np.log1p,
    "arctan": np.arctan,
}


def cost_of_residuals(r: Any, loss: Any, scale: Any) -> Any:
    """Return half the sum of losses of residuals."""
    z = (r / scale) ** 2
    found = loss(z)[0] if callable(loss) else LOSSES[loss](z)
    return np.sum(found) * scale**2 / 2


def fitted(y: Any, given: Given) -> Any:
    """Return what is 0 at the parameters that `curve_fit` finds."""
    x, data, sigma = given["xdata"], as_array(given["ydata"]), given["sigma"]

    def cost(y: Any) -> Any:
        values = (y[k] for k in range(np.shape(y)[0]))
        r = given["f"](as_array(x), *values) - data
        if sigma is not None and np.ndim(sigma) == 2:
            return np.sum(r * np.linalg.solve(sigma, r)) / 2
        scaled = r if sigma is None else r / as_array(sigma)
        others = given.get("kwargs") or {}
        loss, scale = others.get("loss", "linear"), others.get("f_scale", 1.0)
        return cost_of_residuals(scaled, loss, scale)

    bounds = given["bounds"]
    lower, upper = (
        (bounds.lb, bounds.ub) if hasattr(bounds, "lb") else map(as_array, bounds)
    )
    return stationary(cost, y, lower, upper)


# Values at the solution


def value_of_minimum(y: Any, given: Given) -> Any:
    """Return the minimum."""
    return cost_of(given, y)


def value_on_line(y: Any, given: Given) -> Any:
    """Return the function of a number that is minimized."""
    return given["func"](y, *given["args"])


def value_of_equations(y: Any, given: Given) -> Any:
    """Return the equations at the solution."""
    return equations("fun", "jac")(y, given)


def residuals(y: Any, given: Given) -> Any:
    """Return the residuals at a least-squares solution."""
    return as_array(given["fun"](y, *given["args"], **(given["kwargs"] or {})))


SOLVERS = [
    *(
        Solver(name, "f", equations("f"), key="root")
        for name in ("brentq", "brenth", "bisect", "ridder", "toms748")
    ),
    Solver("newton", "func", equations("func"), key="root", is_elementwise=True),
    Solver("root_scalar", "f", equations("f", "fprime"), key="root"),
    Solver("root", "fun", equations("fun", "jac"), value=value_of_equations),
    Solver("fsolve", "func", equations("func")),
    Solver("fixed_point", "func", fixed),
    Solver("minimize", "fun", minimum, value=value_of_minimum),
    Solver("minimize_scalar", "fun", minimum, value=value_of_minimum),
    *(
        Solver(name, "func", along_line, value=value_on_line)
        for name in ("brent", "fminbound", "golden")
    ),
    Solver("least_squares", "fun", least, value=residuals),
    Solver("curve_fit", "f", fitted),
]


for known in SOLVERS:
    answers_functions_of(known.path)(known.answer)
