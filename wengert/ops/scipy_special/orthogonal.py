"""Orthogonal polynomials, of any degree, in their parameters too.

The derivative of such a polynomial is one of a lower degree: DLMF 18.9.15-28.  Where
the degree is no whole number they are hypergeometric functions, and so is that.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special

from wengert.core.forms import Map
from wengert.core.operation import Function, elementwise
from wengert.ops.scipy_special.parameters import parametric, rising


def lowered(function: Any, n: Any, order: int, *operands: Any) -> Any:
    """Return a polynomial of a degree lower by the order; 0 below degree 0."""
    is_below = (n < order) & (n == np.rint(n))
    return np.where(is_below, 0.0, function(n - order, *operands))


# SciPy sums powers of the distance to 1, which cancel: of Legendre's function of degree
# 20.4 at -0.7 it has 3 digits.  The recurrence from low degrees loses none.

#: The most steps that a degree is climbed by.
HIGHEST = 1000


def climbed(function: Any, weights: Function, within: Function) -> Function:
    """Return a function of a degree, by its recurrence where that is stable.

    ``weights(n, *operands)`` are those of the degrees n and n - 1 in the next, and
    ``within(n, *operands)`` is where it is.
    """

    def value(n: Any, *operands: Any) -> Any:
        steps = np.minimum(np.floor(n), HIGHEST) - 1
        steps = np.where((steps > 0) & within(n, *operands), steps, 0).astype(int)
        start = n - steps
        y = np.asarray(function(start, *operands))
        if not np.any(steps):
            return y
        before = function(np.where(steps > 0, start - 1, start), *operands)
        for k in range(np.max(steps)):
            here, last = weights(start + k, *operands)
            above = here * y + last * before
            y, before = np.where(k < steps, (above, y), (y, before))
        return y

    return value


def jacobi_weights(n: Any, a: Any, b: Any, x: Any) -> Any:
    """Return those of Jacobi's recurrence (DLMF 18.9.2)."""
    twice = 2 * n + a + b
    below = 2 * (n + 1) * (n + a + b + 1) * twice
    here = (twice + 1) * (twice * (twice + 2) * x + (a - b) * (a + b)) / below
    return here, -2 * (n + a) * (n + b) * (twice + 2) / below


def gegenbauer_weights(n: Any, a: Any, x: Any) -> Any:
    """Return those of Gegenbauer's (DLMF 18.9.1)."""
    return 2 * (n + a) * x / (n + 1), -(n + 2 * a - 1) / (n + 1)


def laguerre_weights(n: Any, a: Any, x: Any) -> Any:
    """Return those of Laguerre's (DLMF 18.9.1)."""
    return (2 * n + 1 + a - x) / (n + 1), -(n + a) / (n + 1)


def legendre_weights(n: Any, x: Any) -> Any:
    """Return those of Legendre's, one of Gegenbauer's."""
    return gegenbauer_weights(n, 0.5, x)


def chebyshev_weights(n: Any, x: Any) -> Any:
    """Return those of Chebyshev's, T and U."""
    return 2 * x, -1.0


def everywhere(*operands: Any) -> Any:
    """Return where a recurrence is stable that always is."""
    return True


def is_apart(n: Any, a: Any, b: Any, x: Any) -> Any:
    """Whether no degree above 1 is a pole of the weights."""
    return a + b > -1.5


def oscillates(n: Any, a: Any, x: Any) -> Any:
    """Whether Laguerre's function does: beyond, another solution is larger."""
    return np.real(x) < 2 * n


JACOBI = climbed(special.eval_jacobi, jacobi_weights, is_apart)
GEGENBAUER = climbed(special.eval_gegenbauer, gegenbauer_weights, everywhere)
LEGENDRE = climbed(special.eval_legendre, legendre_weights, everywhere)
CHEBYT = climbed(special.eval_chebyt, chebyshev_weights, everywhere)
CHEBYU = climbed(special.eval_chebyu, chebyshev_weights, everywhere)
LAGUERRE = climbed(special.eval_genlaguerre, laguerre_weights, oscillates)


def jacobi(n: Any, a: Any, b: Any, x: Any, order: int) -> Any:
    """Return a derivative of Jacobi's polynomial (DLMF 18.9.15)."""
    factor = rising(n + a + b + 1, order) / 2**order
    return factor * lowered(JACOBI, n, order, a + order, b + order, x)


def shifted_jacobi(n: Any, p: Any, q: Any, x: Any, order: int) -> Any:
    """Return a derivative of Jacobi's polynomial from 0 to 1, led by ``x**n``."""
    lead = special.binom(2 * n + p - 1, n)
    return 2**order * jacobi(n, p - q, q - 1, 2 * x - 1, order) / lead


def gegenbauer(n: Any, a: Any, x: Any, order: int) -> Any:
    """Return a derivative of Gegenbauer's polynomial (DLMF 18.9.19)."""
    factor = 2**order * rising(a, order)
    return factor * lowered(GEGENBAUER, n, order, a + order, x)


def laguerre(n: Any, a: Any, x: Any, order: int) -> Any:
    """Return a derivative of Laguerre's polynomial (DLMF 18.9.23)."""
    return (-1) ** order * lowered(LAGUERRE, n, order, a + order, x)


def legendre(n: Any, x: Any, order: int) -> Any:
    """Return a derivative of Legendre's polynomial, one of Gegenbauer's."""
    return gegenbauer(n, 0.5, x, order) if order else LEGENDRE(n, x)


def first_chebyshev(n: Any, x: Any, order: int) -> Any:
    """Return a derivative of Chebyshev's T: those of U by DLMF 18.9.21."""
    if order == 0:
        return CHEBYT(n, x)
    factor = n * 2 ** (order - 1) * math.factorial(order - 1)
    return factor * lowered(GEGENBAUER, n, order, float(order), x)


def second_chebyshev(n: Any, x: Any, order: int) -> Any:
    """Return a derivative of Chebyshev's U, which is one of Gegenbauer's."""
    return gegenbauer(n, 1.0, x, order) if order else CHEBYU(n, x)


def on(low: float, high: float, by_number: Function) -> Function:
    """Return the derivatives of what is from -1 to 1, moved to another interval."""
    scale = 2 / (high - low)

    def moved(n: Any, x: Any, order: int) -> Any:
        return scale**order * by_number(n, scale * (x - low) - 1, order)

    return moved


def c_chebyshev(n: Any, x: Any, order: int) -> Any:
    """Return a derivative of Chebyshev's C, twice T from -2 to 2."""
    return 2 * on(-2, 2, first_chebyshev)(n, x, order)


def simple_laguerre(n: Any, x: Any, order: int) -> Any:
    """Return a derivative of Laguerre's polynomial without a parameter."""
    return laguerre(n, 0.0, x, order)


INSIDE, SHAPE = (-0.8, 0.8), (0.5, 2.0)
DEGREE = (0.5, 4.5)

for _name, _by_number, _domain in (
    ("legendre", legendre, INSIDE),
    ("chebyt", first_chebyshev, INSIDE),
    ("chebyu", second_chebyshev, INSIDE),
    ("sh_legendre", on(0, 1, legendre), (0.1, 0.9)),
    ("sh_chebyt", on(0, 1, first_chebyshev), (0.1, 0.9)),
    ("sh_chebyu", on(0, 1, second_chebyshev), (0.1, 0.9)),
    ("chebyc", c_chebyshev, (-1.6, 1.6)),
    ("chebys", on(-2, 2, second_chebyshev), (-1.6, 1.6)),
    ("laguerre", simple_laguerre, (0.1, 4.0)),
):
    _function = getattr(special, f"eval_{_name}")
    parametric(f"eval_{_name}", _function, _by_number, (DEGREE, _domain))

# The numbers of the gamma functions in the factors, by each parameter


def laguerre_poles(n: Any, a: Any) -> Any:
    """Return them."""
    return (n + a + 1,), (n + a + 1, a + 1)


def gegenbauer_poles(n: Any, a: Any) -> Any:
    """Return them; twice the parameter stands in one."""
    return (n + 2 * a,), (n / 2 + a, a + 0.5)


def jacobi_poles(n: Any, a: Any, b: Any) -> Any:
    """Return them."""
    return (n + a + 1,), (n + a + 1, a + 1), ()


def shifted_poles(n: Any, p: Any, q: Any) -> Any:
    """Return them."""
    a = p - q
    return (n + 1, n + p, n + a + 1), (n + p, n + a + 1, a + 1), (n + a + 1, a + 1)


for _name, _by_number, _poles, _range in (
    ("genlaguerre", laguerre, laguerre_poles, (SHAPE, (0.1, 4.0))),
    ("gegenbauer", gegenbauer, gegenbauer_poles, (SHAPE, INSIDE)),
    ("jacobi", jacobi, jacobi_poles, (SHAPE, SHAPE, INSIDE)),
    ("sh_jacobi", shifted_jacobi, shifted_poles, ((2.5, 4.0), SHAPE, (0.1, 0.9))),
):
    _function = getattr(special, f"eval_{_name}")
    parametric(f"eval_{_name}", _function, _by_number, (DEGREE, *_range), poles=_poles)

# Of whole degrees alone: Hermite's, DLMF 18.9.25 and 18.9.27

for _name, _factor in (("eval_hermite", 2.0), ("eval_hermitenorm", 1.0)):
    _function = getattr(special, _name)
    elementwise(
        _name,
        _function,
        (
            lambda y, n, x: 0.0,
            lambda y, n, x, f=_function, c=_factor: c * n * f(np.maximum(n - 1, 0), x),
        ),
        form=Map(),
        domain=(),
    )
