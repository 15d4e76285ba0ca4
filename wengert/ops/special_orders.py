"""Functions that SciPy gives of all orders up to one, with their slopes."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.forms import Routine
from wengert.core.operation import answers_named, apply, constant_of, general
from wengert.ops.axes import integer
from wengert.ops.chain import CHAIN_PRODUCT
from wengert.ops.join import as_array
from wengert.ops.numeric import VALUED_AS

# Legendre functions of the second kind: DLMF 14.2.1


def evaluate_lqn(x: Any, *, n: int) -> Any:
    """Return the functions and their slopes, the orders along a first axis."""
    from scipy import special

    return special.lqn(n, x)


def lqn_slopes(y: Any, x: Any, n: int) -> Any:
    """Return the slopes of both, by the equation.

    Beyond 1.02 SciPy's Q_0 is 0 unless it is asked for higher orders as well.
    """
    if n < 2:
        y = tuple(part[: n + 1] for part in apply(LQN, x, n=2))
    k = np.reshape(np.arange(n + 1.0), (-1, *(1,) * np.ndim(x)))
    return y[1], (2 * x * y[1] - k * (k + 1) * y[0]) / (1 - x * x)


def lqn_jvp(tangents: Any, y: Any, x: Any, *, n: int) -> Any:
    """Return the tangents of both."""
    return tuple(
        apply(CHAIN_PRODUCT, tangents[0], slope) for slope in lqn_slopes(y, x, n)
    )


def lqn_vjp(gradients: Any, y: Any, x: Any, *, n: int) -> Any:
    """Return the gradients of all orders in one sum."""
    total: Any = None
    for g, slope in zip(gradients, lqn_slopes(y, x, n), strict=True):
        if g is not None:
            part = np.sum(apply(CHAIN_PRODUCT, g, slope), axis=0)
            total = part if total is None else total + part
    return (total,)


LQN = general("lqn", evaluate_lqn, form=Routine(), jvp=lqn_jvp, vjp=lqn_vjp, results=2)


@answers_named("scipy.special.lqn")
def lqn(n: Any, z: Any) -> Any:
    """Answer ``scipy.special.lqn``."""
    z = as_array(z)
    z = z if z.dtype.kind in "fc" else np.astype(z, np.float64)
    return apply(LQN, z, n=order_of(n))


def order_of(n: Any) -> int:
    """Return an order; raise as SciPy does where it is none."""
    found = integer(n)
    if found < 0:
        raise ValueError("n must be a non-negative integer.")
    return found


# Riccati and Bessel's functions, x times the spherical ones: DLMF 10.47


def answer_riccati(name: str, spherical: str) -> None:
    """Answer the functions of all orders of one kind."""

    def evaluate(x: Any, *, n: int) -> Any:
        from scipy import special

        return np.stack(getattr(special, name)(n, np.asarray(x)[()]))

    value = constant_of(f"{name}_value", evaluate, form=Routine(), numpy=())

    @answers_named(f"scipy.special.{name}")
    def answer(n: Any, x: Any) -> Any:
        from scipy import special

        if np.ndim(x):
            raise ValueError("arguments must be scalars.")
        n, x = order_of(n), x * 1.0
        orders = np.arange(n + 1)
        function = getattr(special, spherical)
        w, slope = function(orders, x), function(orders, x, True)
        exact = apply(value, x, n=n)
        return tuple(
            apply(VALUED_AS, moving, exact[k])
            for k, moving in enumerate((x * w, w + x * slope))
        )


answer_riccati("riccati_jn", "spherical_jn")
answer_riccati("riccati_yn", "spherical_yn")
