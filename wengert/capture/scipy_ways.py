"""SciPy's functions that cannot be recorded, and the nearest way that works.

`WAYS` has expressions in the parameters' names, which the tests evaluate: what they
compute, and its derivative, is that of the function.  Other functions have the way of
their module.
"""

from __future__ import annotations

import re
import sys
from types import FrameType
from typing import Any

#: What happened, why it cannot work, and what to write instead.
Parts = tuple[str, str, str]


#: What to write in place of a call, by the call as its documentation writes it.
CALLS: dict[str, str] = {
    "special.legendre_p_all(2, x)": (
        "np.stack([special.legendre_p(k, x) for k in range(3)], 1)"
    ),
}
#: The same by the name of the function: the call, and what to write in its place.
WAYS = {call.partition("(")[0]: (call, way) for call, way in CALLS.items()}

SOLVER = (
    "scipy.optimize.root, brentq, newton, minimize or least_squares, which are "
    "recorded; or a function with @wengert.rule(jvp=...) that calls it on plain "
    "numbers; for a root, x = the root for wengert.stop_gradient values and then "
    "x - f(x) / slope, one step of Newton's, which is recorded"
)
LINEAR = (
    "where it is linear in x, wengert.rule(f, jvp=lambda t, y, x: f(t[0]), "
    "vjp=lambda g, y, x: the transpose of f at g)(x)"
)
RULE = "a function with @wengert.rule(vjp=...) that calls it on plain numbers"
KNOTS = (
    "make_interp_spline(x, y) through the points, or make_lsq_spline(x, y, t) near "
    "them with knots t, of scipy.interpolate, which are recorded"
)
#: By module, or by function: what to write instead of any other function.
MODULES = {
    "scipy.interpolate.UnivariateSpline": KNOTS,
    "scipy.interpolate.InterpolatedUnivariateSpline": KNOTS,
    "scipy.interpolate.LSQUnivariateSpline": KNOTS,
    "scipy.interpolate.griddata": (
        "RegularGridInterpolator of scipy.interpolate for values on a grid, which is "
        "recorded; for others weights of your own, found once by "
        "scipy.spatial.Delaunay, times the values"
    ),
    "scipy.optimize": SOLVER,
    "scipy.integrate": (
        "scipy.integrate.solve_ivp or quad, which are recorded, a loop of fixed steps "
        "(y = y + h * f(t, y)), which is recorded too; or " + RULE
    ),
    "scipy.interpolate": (
        "np.interp(x, xs, ys), which is recorded; for a spline made outside the "
        "function, wengert.rule(spline, jvp=lambda t, y, x: t[0] * spline(x, 1))(x)"
    ),
    "scipy.fft": LINEAR,
    "scipy.signal": LINEAR,
    "scipy.ndimage": LINEAR,
    "scipy.sparse": (
        "wengert.rule(lambda x: S @ x, vjp=lambda g, y, x: S.T @ g)(x) for a sparse S "
        "made outside the function, or a dense array"
    ),
    "scipy.sparse.linalg": (
        "wengert.rule(lambda b: spsolve(S, b), vjp=lambda g, y, b: spsolve(S.T, g))(b)"
        " for a sparse S made outside the function"
    ),
    "scipy.stats": "its formula in NumPy, which is recorded; or " + RULE,
    "scipy.linalg": RULE + ", with SciPy's functions in the rule too",
    "scipy.special": (
        "a function with @wengert.rule(jvp=lambda t, y, x: t[0] * the derivative at x)"
    ),
}


def explained(name: str, found: str) -> Parts:
    """Return the three parts for a recorded value that met a function of SciPy's."""
    return (
        f"{name} met a recorded value: {found}",
        "SciPy computes with plain numbers, and so does what it calls: their "
        "derivatives would be lost",
        f"{nearest_way(name)}; or wengert.stop_gradient(x) to leave the tape on "
        "purpose",
    )


def nearest_way(name: str) -> str | None:
    """Return what to write instead of a function of SciPy's, or of NumPy's of the name.

    None where nothing is known of its module.
    """
    library, _, function = name.partition(".")
    if function in WAYS:
        call, way = WAYS[function]
        if library == "numpy":
            call, way = (re.sub(r"\b(linalg|fft)\.", r"np.\1.", t) for t in (call, way))
        return f"in place of {call}: {way}"
    module = name
    while module and module not in MODULES:
        module = module.rpartition(".")[0]
    return MODULES.get(module, RULE if library == "scipy" else None)


# Which function it was


def is_scipys(frame: FrameType) -> bool:
    """Whether a frame runs a function of SciPy's."""
    return str(frame.f_globals.get("__name__", "")).partition(".")[0] == "scipy"


def called_from(frames: list[FrameType]) -> str | None:
    """Return the public name of SciPy's function among frames, outermost first.

    Wrappers that SciPy puts around its functions are passed over.
    """
    for frame in frames:
        module, code = frame.f_globals["__name__"], frame.f_code
        name = getattr(code, "co_qualname", code.co_name)
        is_wrapper = "._lib." in module or "<" in name
        found = None if is_wrapper else public(module, called_as(frame, name))
        if found is not None:
            return found
    return None


def called_as(frame: FrameType, name: str) -> str:
    """Return what a user calls a method by: ``norm.pdf``, ``CubicSpline``."""
    kind, _, method = name.rpartition(".")
    if not kind:
        return name
    kind = kind.rpartition(".")[2]  # Cython's names have the module
    names = frame.f_locals
    this = names.get("self", next(iter(names.get("args", ())), None))
    this = getattr(this, "dist", this)  # of a distribution with its parameters
    named = getattr(this, "name", None)
    if not isinstance(named, str):
        named = kind if this is None else type(this).__name__.removesuffix("_gen")
    return named if method.startswith("_") else f"{named}.{method}"


def public(module: str, name: str) -> str | None:
    """Return a function's name in the first public module that has it, if one does."""
    parts = module.split(".")
    homes = [".".join(parts[:count]) for count in range(2, len(parts) + 1)]
    first = name.partition(".")[0]
    for home in homes:
        if "._" not in home and hasattr(sys.modules.get(home), first):
            return f"{home}.{name}"
    return None


def name_of(function: Any) -> str | None:
    """Return the public name of one of SciPy's functions; None of any other."""
    module = getattr(function, "__module__", None) or ""
    name = getattr(function, "__qualname__", getattr(function, "__name__", ""))
    is_function = module.startswith("scipy.") and re.fullmatch(r"[A-Za-z]\w*", name)
    return public(module, name) if is_function else None
