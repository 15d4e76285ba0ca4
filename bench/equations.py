"""Value and gradient of a `solve_ivp` under `jit`, beside diffrax.

Run: ``python bench/equations.py``; diffrax is left out where it is not installed.
Hares and lynxes to the time 2, by the same method and tolerance: their last number, and
the squares of all at 21 times, also by `vmap` of 1,000 parameters.  diffrax's adjoint
is that of its steps, too.  All else is as in `arrays.py`.
"""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy
from scipy.integrate import solve_ivp

import wengert as wg
from arrays import main

TIMES = numpy.linspace(0.0, 2.0, 21)


def rates(np: Any, y: Any, p: Any) -> Any:
    """Return how hares and lynxes change."""
    return np.stack((y[0] * (p[0] - p[1] * y[1]), y[1] * (p[1] * y[0] - 1.0)))


def by_scipy(np: Any, method: str, tolerance: float, times: Any, p: Any) -> Any:
    """A number of the solution by SciPy's solver."""
    found = solve_ivp(
        lambda t, y: rates(np, y, p),
        (0.0, 2.0),
        np.stack((1.0, p[2])),
        method=method,
        rtol=tolerance,
        atol=tolerance,
        t_eval=times,
    )
    return found.y[0, -1] if times is None else np.sum(found.y**2)


def by_diffrax(np: Any, method: str, tolerance: float, times: Any, p: Any) -> Any:
    """The same by diffrax."""
    import diffrax

    solver = {"RK45": diffrax.Dopri5, "DOP853": diffrax.Dopri8}[method]()
    found = diffrax.diffeqsolve(
        diffrax.ODETerm(lambda t, y, p: rates(np, y, p)),
        solver,
        *(0.0, 2.0, None, np.stack((1.0, p[2])), p),
        saveat=diffrax.SaveAt(t1=True) if times is None else diffrax.SaveAt(ts=times),
        stepsize_controller=diffrax.PIDController(rtol=tolerance, atol=tolerance),
    ).ys
    return found[0, 0] if times is None else np.sum(found**2)


def many_by_scipy(np: Any, method: str, tolerance: float, times: Any, p: Any) -> Any:
    """The sum of such numbers, for many parameters."""
    return np.sum(wg.vmap(lambda p: by_scipy(np, method, tolerance, times, p))(p))


def many_by_diffrax(np: Any, method: str, tolerance: float, times: Any, p: Any) -> Any:
    """The same by diffrax."""
    import jax

    return np.sum(jax.vmap(lambda p: by_diffrax(np, method, tolerance, times, p))(p))


def rows() -> dict[str, Any]:
    """Each row's programs, what they are given before the arguments, and those."""
    programs, many = {"wengert": by_scipy}, {"wengert": many_by_scipy}
    if importlib.util.find_spec("diffrax"):
        programs["jax"], many["jax"] = by_diffrax, many_by_diffrax
    p = numpy.array([1.0, 0.5, 0.8])
    spread = numpy.random.default_rng(0).uniform(0.7, 1.3, (1000, 3)) * p
    one = {
        f"{method} {tolerance:g}, {where}": (programs, (method, tolerance, times), (p,))
        for method, tolerance in (("RK45", 1e-10), ("DOP853", 1e-12))
        for where, times in (("at last", None), ("21 times", TIMES))
    }
    return one | {"RK45 1e-10, 1,000 rows": (many, ("RK45", 1e-10, TIMES), (spread,))}


if __name__ == "__main__":
    main(rows(), __doc__, ("jax",))
