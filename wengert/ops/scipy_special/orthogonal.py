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


def falling(n: Any, count: int) -> Any:
    """Return ``n (n - 1) ... (n - count + 1)``."""
    return (-1) ** count * rising(-n, count)


def jacobi(n: Any, a: Any, b: Any, x: Any, order: int) -> Any:
    """Return a derivative of Jacobi's polynomial (DLMF 18.9.15)."""
    factor = rising(n + a + b + 1, order) / 2**order
    return factor * lowered(special.eval_jacobi, n, order, a + order, b + order, x)


def shifted_jacobi(n: Any, p: Any, q: Any, x: Any, order: int) -> Any:
    """Return a derivative of Jacobi's polynomial from 0 to 1, led by ``x**n``."""
    factor = falling(n, order)
    return factor * lowered(
        special.eval_sh_jacobi, n, order, p + 2 * order, q + order, x
    )


def gegenbauer(n: Any, a: Any, x: Any, order: int) -> Any:
    """Return a derivative of Gegenbauer's polynomial (DLMF 18.9.19)."""
    factor = 2**order * rising(a, order)
    return factor * lowered(special.eval_gegenbauer, n, order, a + order, x)


def laguerre(n: Any, a: Any, x: Any, order: int) -> Any:
    """Return a derivative of Laguerre's polynomial (DLMF 18.9.23)."""
    return (-1) ** order * lowered(special.eval_genlaguerre, n, order, a + order, x)


def legendre(n: Any, x: Any, order: int) -> Any:
    """Return a derivative of Legendre's polynomial, one of Gegenbauer's."""
    return gegenbauer(n, 0.5, x, order) if order else special.eval_legendre(n, x)


def first_chebyshev(n: Any, x: Any, order: int) -> Any:
    """Return a derivative of Chebyshev's T: those of U by DLMF 18.9.21."""
    if order == 0:
        return special.eval_chebyt(n, x)
    factor = n * 2 ** (order - 1) * math.factorial(order - 1)
    return factor * lowered(special.eval_gegenbauer, n, order, float(order), x)


def second_chebyshev(n: Any, x: Any, order: int) -> Any:
    """Return a derivative of Chebyshev's U, which is one of Gegenbauer's."""
    return gegenbauer(n, 1.0, x, order) if order else special.eval_chebyu(n, x)


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
