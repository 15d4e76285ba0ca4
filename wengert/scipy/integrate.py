"""`scipy.integrate` with a choice of derivatives."""

from __future__ import annotations

from inspect import Parameter
from typing import Any

import numpy as np
import scipy.integrate
from scipy.integrate import BDF, Radau

from wengert.api import jacobian
from wengert.errors import ArgumentError, explain
from wengert.scipy.matrices import is_apart, matrix_of
from wengert.scipy.signatures import bound, signed
from wengert.structure.ode import ADJOINT

__all__ = ["solve_ivp"]

CHOICE = Parameter("adjoint", Parameter.KEYWORD_ONLY, default=None)


@signed(scipy.integrate.solve_ivp, [CHOICE])
def solve_ivp(*args: Any, adjoint: str | None = None, **keywords: Any) -> Any:
    """Solve a differential equation; see `scipy.integrate.solve_ivp`.

    Parameters
    ----------
    *args, **keywords
        As SciPy has them.  The methods Radau and BDF get the Jacobian of the right-hand
        side, a sparse one where most entries are zero, unless they are given one.
    adjoint : "discrete" or "continuous", optional
        What a derivative is made of.  The discrete one is that of the steps taken, for
        the explicit methods RK23, RK45 and DOP853, whose default it is: exact for the
        numbers that come out, to any order, events included.  The continuous one solves
        the equation of the tangents, or the adjoint equation backward in time, within
        the same tolerances; it takes the memory of one solution, and is the derivative
        of all other methods.

    Returns
    -------
    OdeResult

    Raises
    ------
    ArgumentError
        If there is no such adjoint.

    See Also
    --------
    wengert.grad

    Notes
    -----
    Cost: Discrete: a step is recorded once, when a derivative is computed; under `jit`
    the solver is native code, one path for all numbers of steps with ``t_eval=``.
    Continuous: another solution, each evaluation of which records one right-hand side.

    Examples
    --------
    >>> import numpy as np
    >>> from wengert import grad
    >>> from wengert.scipy.integrate import solve_ivp
    >>> def at_one(k):
    ...     return solve_ivp(lambda t, y: -k * y, (0, 1), [1.0], rtol=1e-8).y[0, -1]
    >>> round(float(grad(at_one)(2.0)), 6)
    -0.135335
    """
    if adjoint not in (None, "discrete", "continuous"):
        raise ArgumentError(
            explain(
                f"solve_ivp with adjoint={adjoint!r}",
                "there are two",
                '"discrete" or "continuous"',
            )
        )
    token = ADJOINT.set(adjoint)
    try:
        return scipy.integrate.solve_ivp(*args, **with_jacobian(args, keywords))
    finally:
        ADJOINT.reset(token)


#: Methods that solve equations in every step, by name and as a class.
IMPLICIT = {"Radau": Radau, "BDF": BDF}


def is_implicit(method: Any) -> bool:
    """Whether a method, which has a name or is a class, solves equations in a step."""
    kind = IMPLICIT.get(method) if isinstance(method, str) else method
    return isinstance(kind, type) and issubclass(kind, (Radau, BDF))


def with_jacobian(args: Any, keywords: dict[str, Any]) -> dict[str, Any]:
    """Return the keywords of a call, the Jacobian of the right-hand side added."""
    call = bound(solve_ivp, args, keywords).arguments
    options = call.get("options", {})
    if not is_implicit(call.get("method")) or not is_apart() or call.get("vectorized"):
        return keywords
    if any(options.get(name) is not None for name in ("jac", "jac_sparsity")):
        return keywords
    y0, t0 = np.asarray(call["y0"]), float(call["t_span"][0])
    if y0.dtype.kind == "c":
        return keywords
    start = (t0, y0.astype(float), *(call.get("args") or ()))
    return {**keywords, "jac": matrix_of(jacobian, call["fun"], start, 1)}
