"""Value and gradient of a `solve_ivp` under `jit`, beside diffrax.

Run: ``python bench/equations.py``; diffrax is left out where it is not installed.
Hares and lynxes to the time 2, by the same method and tolerance; diffrax's adjoint is
that of its steps, too.  All else is as in `arrays.py`.
"""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy
from scipy.integrate import solve_ivp

from arrays import main


def rates(np: Any, y: Any, p: Any) -> Any:
    """Return how hares and lynxes change."""
    return np.stack((y[0] * (p[0] - p[1] * y[1]), y[1] * (p[1] * y[0] - 1.0)))


def by_scipy(np: Any, method: str, tolerance: float, p: Any) -> Any:
    """The hares at last, by SciPy's solver."""
    found = solve_ivp(
        lambda t, y: rates(np, y, p),
        (0.0, 2.0),
        np.stack((1.0, p[2])),
        method=method,
        rtol=tolerance,
        atol=tolerance,
    )
    return found.y[0, -1]


def by_diffrax(np: Any, method: str, tolerance: float, p: Any) -> Any:
    """The same by diffrax."""
    import diffrax

    solver = {"RK45": diffrax.Dopri5, "DOP853": diffrax.Dopri8}[method]()
    return diffrax.diffeqsolve(
        diffrax.ODETerm(lambda t, y, p: rates(np, y, p)),
        solver,
        *(0.0, 2.0, None, np.stack((1.0, p[2])), p),
        stepsize_controller=diffrax.PIDController(rtol=tolerance, atol=tolerance),
    ).ys[0, 0]


def rows() -> dict[str, Any]:
    """Each row's programs, what they are given before the arguments, and those."""
    programs = {"wengert": by_scipy}
    if importlib.util.find_spec("diffrax"):
        programs["jax"] = by_diffrax
    p = numpy.array([1.0, 0.5, 0.8])
    return {
        f"{method} {tolerance:g}": (programs, (method, tolerance), (p,))
        for method, tolerance in (("RK45", 1e-10), ("DOP853", 1e-12))
    }


if __name__ == "__main__":
    main(rows(), __doc__, ("jax",))
