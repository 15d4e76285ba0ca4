"""Non-central distribution functions and their inverses, by all their parameters.

They are Poisson's mixtures of central ones: the derivative by the non-centrality is
half the difference to the function of two more degrees of freedom (Johnson, Kotz and
Balakrishnan, Continuous Univariate Distributions 2, chapters 29 and 30).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from wengert.core.forms import Map
from wengert.core.operation import apply, elementwise
from wengert.ops.families import family
from wengert.ops.scipy_special.differences import differentiated
from wengert.ops.scipy_special.distributions import PROBABILITY, Domain, Slope, inverse
from wengert.ops.scipy_special.error import like

_ufuncs = special._ufuncs
#: Operands with more degrees of freedom, and how the number moves with it.
Mixed = Callable[..., tuple[tuple[Any, ...], Any]]


def mixture(
    name: str,
    boost: str,
    number: int,
    steps: Callable[..., tuple[Any, ...]],
    domain: Domain,
    *,
    mixed: Mixed | None = None,
    centrality: int = -1,
) -> tuple[Slope, ...]:
    """State a distribution function; return its derivatives by each operand.

    The derivative by the operand at the place `number` is the density, which has a name
    of Boost's.
    ``mixed(count, *operands)`` are those with so many pairs of degrees of freedom more.
    All other derivatives are by differences over intervals of half-lengths
    ``steps(*operands)``.
    """
    function = getattr(special, name)

    def density(*x: Any) -> Any:
        return getattr(_ufuncs, f"_{boost}_pdf")(
            x[number], *x[:number], *x[number + 1 :]
        )

    @np.errstate(all="ignore")
    def derivative(*operands: Any, orders: tuple[int, ...]) -> Any:
        given = np.result_type(*operands, np.float32)
        values = [np.asarray(v, np.float64) for v in operands]
        left, by_mixing = list(orders), 0
        base = function
        if orders[number]:
            left[number], base = orders[number] - 1, density
        if mixed is not None:
            by_mixing, left[centrality] = orders[centrality], 0

        def value(*moved: Any) -> Any:
            if mixed is None or not by_mixing:
                return base(*moved)
            total: Any = 0.0
            for k in range(by_mixing + 1):
                others, rate = mixed(k, *moved)
                factor = rate if orders[number] else 1.0
                sign = (-1) ** (by_mixing - k) * math.comb(by_mixing, k)
                total = total + sign * factor * base(*others)
            return 0.5**by_mixing * total

        return like(
            differentiated(value, values, tuple(left), [*steps(*values)]), given
        )

    every = family(f"{name}_derivative", derivative)
    places = range(len(domain))

    def slope(*raised: int) -> Slope:
        orders = tuple(map(raised.count, places))
        return lambda *operands: apply(every, *operands, orders=orders)

    slopes = tuple(map(slope, places))
    partials = tuple(lambda z, *x, by=by: by(*x) for by in slopes)
    elementwise(name, function, partials, form=Map(), domain=domain)
    # Boost's density and upper tail have the number first.
    order = [number, *(k for k in places if k != number)]
    own = [order.index(k) for k in places]
    own_domain = tuple(domain[k] for k in order)

    def partial(sign: float, by: Slope) -> Slope:
        return lambda z, *x: sign * by(*(x[k] for k in own))

    for end, sign, by_number in (("pdf", 1.0, [number]), ("sf", -1.0, [])):
        partials = tuple(partial(sign, slope(*by_number, k)) for k in order)
        ufunc = getattr(_ufuncs, f"_{boost}_{end}")
        elementwise(f"_{boost}_{end}", ufunc, partials, form=Map(), domain=own_domain)
    return slopes


def positive(*values: Any) -> tuple[Any, ...]:
    """Return a part of the way to 0, where these functions are not analytic."""
    return tuple(0.3 * np.minimum(v, 3.0) for v in values)


# Chi-squared


def more_freedom(count: int, x: Any, v: Any, c: Any) -> Any:
    """Return the operands with more degrees of freedom."""
    return (x, v + 2 * count, c), 1.0


NEAR = (0.5, 3.0)
CHI2 = mixture(
    "chndtr",
    "ncx2",
    0,
    positive,
    ((1.0, 5.0), (1.0, 4.0), NEAR),
    mixed=more_freedom,
)
inverse("chndtrix", CHI2, 0, (PROBABILITY, (1.0, 4.0), NEAR))
inverse("chndtridf", CHI2, 1, ((3.0, 6.0), (0.3, 0.6), (0.5, 1.5)), bound=np.inf)
inverse("chndtrinc", CHI2, 2, ((4.0, 6.0), NEAR, (0.2, 0.5)), bound=np.inf)

# F


def more_above(count: int, m: Any, n: Any, c: Any, x: Any) -> Any:
    """Return the operands with more degrees of freedom above, at the same odds."""
    rate = m / (m + 2 * count)
    return (m + 2 * count, n, c, rate * x), rate


F_RANGE = ((2.0, 5.0), (2.0, 5.0), NEAR)
F = mixture(
    "ncfdtr", "ncf", 3, positive, (*F_RANGE, NEAR), mixed=more_above, centrality=2
)
inverse("ncfdtri", F, 3, (*F_RANGE, PROBABILITY))

# SciPy's inverses for the parameters, and for Student's non-centrality, have 8 digits
# of a search, and no derivative here.

# Student's t, which is no such mixture, and analytic in the non-centrality


def t_steps(v: Any, c: Any, t: Any) -> tuple[Any, ...]:
    """Return lengths to the poles, at ``v + t t = 0``."""
    distance = np.minimum(0.3 * np.sqrt(v + t * t), 0.5)
    return *positive(v), 0.5 * np.ones_like(c), distance


STUDENT = mixture("nctdtr", "nct", 2, t_steps, ((2.0, 5.0), (-1.0, 2.0), NEAR))
inverse("nctdtrit", STUDENT, 2, ((2.0, 5.0), (-1.0, 2.0), PROBABILITY))
inverse("nctdtridf", STUDENT, 0, ((0.7, 0.82), (0.35, 0.6), (1.35, 1.65)), bound=1e100)
