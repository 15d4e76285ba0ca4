"""Piecewise polynomials of `scipy.interpolate`: cubic, monotone and Akima's splines.

A spline that is made of recorded numbers, or called at recorded places, is an object
of SciPy's own class whose methods are recorded.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import cache
from types import MemberDescriptorType
from typing import Any

import numpy as np

from wengert.core.forms import Routine
from wengert.core.operation import (
    Function,
    answers_named,
    apply,
    constant_of,
    general,
)
from wengert.errors import UnsupportedError, explain
from wengert.ops.chain import CHAIN_PRODUCT
from wengert.ops.index import INDEX_ADD, Placeholder, Slice
from wengert.ops.join import as_array
from wengert.ops.linalg.structured import solve_banded
from wengert.ops.numeric import VALUED_AS

WHOLE = Slice(None, None, None)

# A polynomial between every two breakpoints, the highest power first: c[m, i]


def evaluate_ppoly(c: Any, x: Any, at: Any, *, nu: int, extrapolate: bool) -> Any:
    """Return the values of a ``scipy.interpolate.PPoly``, or of a derivative."""
    from scipy import interpolate

    return interpolate.PPoly.construct_fast(c, x, extrapolate)(at, nu)


def pieces_at(x: Any, at: Any) -> Any:
    """Return in which piece places lie; those beyond the ends in the last ones."""
    if x[-1] < x[0]:
        x, at = -x, -at
    place = np.searchsorted(x, at, side="right") - 1
    return np.clip(place, 0, x.shape[0] - 2)


def slopes_at(c: Any, x: Any, at: Any, nu: int, extrapolate: bool) -> Any:
    """Return the next derivative at places."""
    return apply(PPOLY, c, x, at, nu=nu + 1, extrapolate=extrapolate)


def along_rest(a: Any, ndim: int) -> Any:
    """Return an array of places with axes for the rest of a result."""
    return np.reshape(a, (*a.shape, *(1,) * (ndim - a.ndim)))


def ppoly_jvp(
    tangents: Any, y: Any, c: Any, x: Any, at: Any, *, nu: int, extrapolate: bool
) -> Any:
    """Return the moved coefficients' values, and slopes times moved distances."""
    c_dot, x_dot, at_dot = tangents
    parts = []
    if c_dot is not None:
        parts.append(apply(PPOLY, c_dot, x, at, nu=nu, extrapolate=extrapolate))
    if x_dot is not None or at_dot is not None:
        moved: Any = 0.0 if at_dot is None else at_dot
        if x_dot is not None:
            moved = moved - x_dot[pieces_at(x, at)]
        slope = slopes_at(c, x, at, nu, extrapolate)
        parts.append(apply(CHAIN_PRODUCT, along_rest(moved, y.ndim), slope))
    total = sum(parts[1:], parts[0])
    return total if extrapolate else np.where(are_beside(x, at, y.ndim), 0.0, total)


def are_beside(x: Any, at: Any, ndim: int) -> Any:
    """Return which places are beyond the ends; there the value is NaN, and constant."""
    low, high = np.minimum(x[0], x[-1]), np.maximum(x[0], x[-1])
    return along_rest((at < low) | (at > high), ndim)


def ppoly_vjp(
    g: Any, y: Any, c: Any, x: Any, at: Any, *, nu: int, extrapolate: bool
) -> Any:
    """Return gradients put to the pieces: times powers, and times slopes."""
    piece = pieces_at(x, at)
    step = at - x[piece]
    if not extrapolate:
        g = np.where(are_beside(x, at, g.ndim), 0.0, g)
    count = c.shape[0]
    rows = []
    for m in range(count):
        power = count - 1 - m
        factor = float(np.prod(np.arange(power - nu + 1, power + 1)))
        weight = factor * step ** max(power - nu, 0) if power >= nu else step * 0.0
        rows.append(g * along_rest(weight, g.ndim))
    added = np.stack(rows)
    key: Any = (WHOLE, Placeholder(0))
    zeros = np.zeros(c.shape, added.dtype)
    by_c = apply(INDEX_ADD, zeros, added, piece, chain=(), key=key)
    slope = slopes_at(c, x, at, nu, extrapolate)
    product = np.real(apply(CHAIN_PRODUCT, g, slope))
    by_at = np.sum(product, axis=tuple(range(1, g.ndim))) if g.ndim > 1 else product
    none = np.zeros(x.shape, by_at.dtype)
    by_x = apply(INDEX_ADD, none, -by_at, piece, chain=(), key=(Placeholder(0),))
    return by_c, by_x, by_at


PPOLY = general("ppoly", evaluate_ppoly, form=Routine(), jvp=ppoly_jvp, vjp=ppoly_vjp)


def floating(x: Any) -> Any:
    """Return numbers in double precision."""
    return np.astype(x, np.complex128 if x.dtype.kind == "c" else np.float64)


def into_period(at: Any, low: Any, high: Any) -> Any:
    """Return places brought into a period."""
    return low + np.remainder(at - low, high - low)


def in_order(found: Any, count: int, axis: int) -> Any:
    """Return results with the axes of places, in front, where the splines were."""
    if not axis:
        return found
    rest = range(count + axis, found.ndim)
    return np.transpose(found, [*range(count, count + axis), *range(count), *rest])


def values(spline: Any, at: Any, nu: Any, extrapolate: Any) -> Any:
    """Return the values of a piecewise polynomial at places, or of a derivative."""
    at, c, x = as_array(at), spline.c, spline.x
    places = np.reshape(np.astype(at, np.float64), (-1,))
    extrapolate = spline.extrapolate if extrapolate is None else extrapolate
    if extrapolate == "periodic":
        places, extrapolate = into_period(places, x[0], x[-1]), False
    nu = operator.index(nu)
    found = apply(PPOLY, c, x, places, nu=nu, extrapolate=bool(extrapolate))
    found = np.reshape(found, (*at.shape, *c.shape[2:]))
    return in_order(found, at.ndim, spline.axis)


def evaluate_antiderivative(c: Any, x: Any, *, nu: int) -> Any:
    """Return the coefficients of an antiderivative."""
    from scipy import interpolate

    return interpolate.PPoly.construct_fast(c, x).antiderivative(nu).c


ANTIDERIVATIVE = constant_of(
    "ppoly_antiderivative", evaluate_antiderivative, form=Routine(), numpy=()
)


def antiderivative(c: Any, x: Any, nu: int) -> Any:
    """Return the coefficients of an antiderivative that is continuous."""
    value = apply(ANTIDERIVATIVE, c, x, nu=nu)
    steps = x[1:] - x[:-1]
    for _ in range(nu):
        count = c.shape[0]
        c = c / np.reshape(np.arange(count, 0, -1), (-1, *(1,) * (c.ndim - 1)))
        gained: Any = 0.0
        for m in range(count):
            gained = gained + c[m] * along_rest(steps ** (count - m), c.ndim - 1)
        sums = np.cumsum(gained, axis=0)[:-1]
        first = np.zeros((1, *c.shape[2:]), sums.dtype)
        c = np.concatenate([c, np.concatenate([first, sums])[None]])
    return apply(VALUED_AS, c, value)


def evaluate_integral(c: Any, x: Any, a: Any, b: Any, *, extrapolate: Any) -> Any:
    """Return the integral of a piecewise polynomial between two places."""
    from scipy import interpolate

    found = interpolate.PPoly.construct_fast(c, x, extrapolate)
    return found.integrate(float(a), float(b))


INTEGRAL = constant_of("ppoly_integral", evaluate_integral, form=Routine(), numpy=())


@cache
def slot_of(kind: type, name: str) -> Any:
    """Return where objects of a class keep an attribute; None for a dictionary."""
    held = [vars(part).get(key) for part in kind.__mro__ for key in (name, f"_{name}")]
    slots = [slot for slot in held if isinstance(slot, MemberDescriptorType)]
    return slots[0] if slots else None


class Held:
    """An attribute of an object itself, whatever a version of SciPy makes of it."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        slot: Any = slot_of(type(owner), self.name)  # type: ignore[arg-type]
        return vars(owner)[self.name] if slot is None else slot.__get__(owner)

    def __set__(self, owner: Any, value: Any) -> None:
        slot: Any = slot_of(type(owner), self.name)  # type: ignore[arg-type]
        if slot is None:
            vars(owner)[self.name] = value
        else:
            slot.__set__(owner, value)


class RecordedPieces:
    """A piecewise polynomial whose numbers are recorded."""

    c, x, axis, extrapolate = Held(), Held(), Held(), Held()

    def __call__(self, x: Any, nu: Any = 0, extrapolate: Any = None) -> Any:
        """Return the values at places, or those of a derivative."""
        return values(self, x, nu, extrapolate)

    def with_coefficients(self, c: Any, extrapolate: Any) -> Any:
        """Return another polynomial over the same pieces."""
        made = object.__new__(type(self))
        fill(made, c, self.x, extrapolate, self.axis)
        return made

    def derivative(self, nu: int = 1) -> Any:
        """Return the derivative of an order."""
        if nu < 0:
            return self.antiderivative(-nu)
        c = self.c[: self.c.shape[0] - nu] if nu else self.c * 1
        if not c.shape[0]:
            c = np.zeros((1, *self.c.shape[1:]), self.c.dtype)
        powers = np.arange(c.shape[0], 0, -1)
        factor = np.prod([powers + k for k in range(nu)], axis=0) if nu else powers**0
        factor = np.reshape(factor * 1.0, (-1, *(1,) * (c.ndim - 1)))
        return self.with_coefficients(c * factor, self.extrapolate)

    def antiderivative(self, nu: int = 1) -> Any:
        """Return the antiderivative of an order."""
        if nu <= 0:
            return self.derivative(-nu)
        is_periodic = self.extrapolate == "periodic"
        found = antiderivative(self.c, self.x, nu)
        return self.with_coefficients(found, False if is_periodic else self.extrapolate)

    def integrate(self, a: Any, b: Any, extrapolate: Any = None) -> Any:
        """Return the integral between two places."""
        how = self.extrapolate if extrapolate is None else extrapolate
        value = apply(INTEGRAL, self.c, self.x, a, b, extrapolate=how)
        total = self.antiderivative()
        total.axis = 0
        if how != "periodic":
            found = total(b, extrapolate=how) - total(a, extrapolate=how)
            return apply(VALUED_AS, found, value)
        low, high = self.x[0], self.x[-1]
        whole = total(high)
        ends = []
        for place in (as_array(a), as_array(b)):
            turns = np.floor((place - low) / (high - low))
            ends.append(turns * whole + total(into_period(place, low, high)))
        return apply(VALUED_AS, ends[1] - ends[0], value)

    def solve(self, *_: Any, **__: Any) -> Any:
        """Refuse: how many there are is data."""
        raise refused(self, "solve", "the roots of a spline", NEWTON)

    roots = solve

    def extend(self, *_: Any, **__: Any) -> Any:
        """Refuse: it writes into the spline."""
        raise refused(self, "extend", "more pieces", "a spline through all points")


NEWTON = (
    "x = the root for wengert.stop_gradient values and then x - s(x) / s(x, 1), "
    "one step of Newton's, which is recorded"
)


def refused(spline: Any, method: str, what: str, instead: str) -> UnsupportedError:
    """Return the error of a method of a spline of recorded numbers."""
    name = type(spline).__name__
    return UnsupportedError(
        explain(
            f"{name}.{method} of a spline whose numbers are recorded",
            f"{what} are not recorded",
            instead,
        )
    )


def fill(spline: Any, c: Any, x: Any, extrapolate: Any, axis: int) -> None:
    """Give a piecewise polynomial its numbers."""
    spline.c, spline.x, spline.axis, spline.extrapolate = c, x, axis, extrapolate


def recorded(kind: Any, methods: Any = RecordedPieces) -> Any:
    """Return the class of SciPy's objects of a kind whose numbers are recorded."""
    is_recorded = getattr(kind, "recorded_by", None) is methods
    return kind if is_recorded else with_methods(kind, methods)


@cache
def with_methods(kind: Any, methods: Any) -> Any:
    """Return a class of SciPy's with other methods; its objects may change to it.

    Only to a class of the same single base whose objects lie the same.
    """
    own = {key: value for key, value in vars(methods).items() if key not in OF_CLASS}
    names = {"__slots__": (), "__module__": kind.__module__, "recorded_by": methods}
    return type(kind.__name__, (kind,), own | names)


#: What a class has of its own.
OF_CLASS = frozenset(("__dict__", "__weakref__", "__module__", "__qualname__"))


def become(spline: Any, c: Any, x: Any, extrapolate: Any, axis: int) -> None:
    """Make an object that SciPy's constructor was given one of recorded numbers."""
    spline.__class__ = recorded(type(spline))
    if extrapolate is None:
        extrapolate = True
    elif extrapolate != "periodic":
        extrapolate = bool(extrapolate)
    fill(spline, c, x, extrapolate, axis)


# What SciPy's constructors make


def evaluate_coefficients(
    x: Any, y: Any, *more: Any, name: str, settings: tuple[tuple[str, Any], ...]
) -> Any:
    """Return the coefficients of one of SciPy's splines through points."""
    from scipy import interpolate

    how = dict(settings)
    if name == "CubicSpline":
        given = iter(more)
        kinds = how.pop("ends")
        how["bc_type"] = tuple(
            k if isinstance(k, str) else (k, next(given)) for k in kinds
        )
        if kinds[0] == "periodic":
            how["bc_type"] = "periodic"
        more = ()
    return getattr(interpolate, name)(x, y, *more, **how).c


COEFFICIENTS = constant_of(
    "spline_coefficients", evaluate_coefficients, form=Routine(), numpy=()
)


def points(x: Any, y: Any, axis: Any) -> tuple[Any, Any, int]:
    """Return points in double precision, splines along the first axis, and the axis."""
    x, y = floating(as_array(x)), floating(as_array(y))
    axis = operator.index(axis) % y.ndim
    return x, np.moveaxis(y, axis, 0), axis


def through(
    spline: Any,
    x: Any,
    y: Any,
    slopes: Function,
    *more: Any,
    name: str,
    axis: int,
    extrapolate: Any,
    **settings: Any,
) -> None:
    """Make a spline of SciPy's one through recorded points, by its slopes there."""
    how = tuple(settings.items())
    value = apply(COEFFICIENTS, x, y, *more, name=name, settings=how)
    steps = along_rest(x[1:] - x[:-1], y.ndim)
    rises = (y[1:] - y[:-1]) / steps
    d = slopes(x, y, steps, rises)
    bent = (d[:-1] + d[1:] - 2 * rises) / steps
    c = np.stack([bent / steps, (rises - d[:-1]) / steps - bent, d[:-1], y[:-1]])
    become(spline, apply(VALUED_AS, c, value), x, extrapolate, axis)


# The slopes of monotone splines: weighted harmonic means, 0 at turning points


def monotone_slopes(x: Any, y: Any, h: Any, m: Any) -> Any:
    """Return the slopes of Fritsch and Butland's splines at the points."""
    if y.shape[0] == 2:
        return np.concatenate([m, m])
    before, after = m[:-1], m[1:]
    turns = (np.sign(after) != np.sign(before)) | (after == 0) | (before == 0)
    w1, w2 = 2 * h[1:] + h[:-1], h[1:] + 2 * h[:-1]
    shares = w1 / np.where(turns, 1.0, before) + w2 / np.where(turns, 1.0, after)
    inner = np.where(turns, 0.0, (w1 + w2) / np.where(turns, 1.0, shares))
    first = monotone_end(h[0], h[1], m[0], m[1])
    last = monotone_end(h[-1], h[-2], m[-1], m[-2])
    return np.concatenate([first[None], inner, last[None]])


def monotone_end(h0: Any, h1: Any, m0: Any, m1: Any) -> Any:
    """Return the slope at an end, by three points, that keeps the shape."""
    d = ((2 * h0 + h1) * m0 - h0 * m1) / (h0 + h1)
    is_steep = (np.sign(m0) != np.sign(m1)) & (np.abs(d) > 3.0 * np.abs(m0))
    d = np.where(is_steep & (np.sign(d) == np.sign(m0)), 3.0 * m0, d)
    return np.where(np.sign(d) != np.sign(m0), 0.0, d)


def akima_slopes(method: str) -> Callable[..., Any]:
    """Return the slopes of Akima's splines, or of modified ones, at the points."""

    def slopes(x: Any, y: Any, h: Any, m: Any) -> Any:
        if y.shape[0] == 2:
            return np.concatenate([m, m])
        second, last = m[1] if m.shape[0] > 1 else m[0], m[-1]
        left = 2.0 * m[0] - second
        right = 2.0 * last - (m[-2] if m.shape[0] > 1 else last)
        farther = [2.0 * left - m[0], left], [right, 2.0 * right - last]
        m = np.concatenate([np.stack(farther[0]), m, np.stack(farther[1])])
        bend = np.abs(m[1:] - m[:-1])
        f1, f2 = bend[2:], bend[:-2]
        if method == "makima":
            size = np.abs(m[1:] + m[:-1])
            f1, f2 = f1 + 0.5 * size[2:], f2 + 0.5 * size[:-2]
        both = f1 + f2
        is_bent = both > 1e-9 * np.max(both)
        share = f2 / np.where(is_bent, both, 1.0)
        middle = m[1:-2] + share * (m[2:-1] - m[1:-2])
        return np.where(is_bent, middle, 0.5 * (m[3:] + m[:-3]))

    return slopes


# The slopes of cubic splines: a system of three bands


def cubic_slopes(ends: tuple[Any, Any], given: Any) -> Callable[..., Any]:
    """Return the slopes of cubic splines with conditions at the ends."""

    def slopes(x: Any, y: Any, h: Any, m: Any) -> Any:
        n, kinds, at_ends = x.shape[0], list(ends), list(given)
        if n == 2:
            free = ("not-a-knot", "periodic")
            at_ends = [
                m[0] if k in free else v for k, v in zip(kinds, at_ends, strict=True)
            ]
            kinds = [1 if k in free else k for k in kinds]
        if kinds[0] == "periodic":
            return periodic_slopes(h, m)
        steps = x[1:] - x[:-1]
        if n == 3 and kinds == ["not-a-knot", "not-a-knot"]:
            main, beside, right = [1.0, 1.0], [1.0, 1.0], [2 * m[0], 2 * m[1]]
        else:
            left = cubic_end(kinds[0], at_ends[0], steps, h, m, y, 1)
            other = steps[::-1], h[::-1], m[::-1], y[::-1]
            after = cubic_end(kinds[1], at_ends[1], *other, -1)
            main, beside, right = zip(left, after, strict=True)  # type: ignore[assignment]
        zero = np.zeros(1)
        flat = [np.reshape(v, (1,)) for v in (*beside, *main)]
        upper = np.concatenate([zero, flat[0], steps[:-1]])
        lower = np.concatenate([steps[1:], flat[1], zero])
        middle = np.concatenate([flat[2], 2 * (steps[:-1] + steps[1:]), flat[3]])
        inner = 3 * (h[1:] * m[:-1] + h[:-1] * m[1:])
        sides = [np.reshape(v + y[0] * 0, (1, *y.shape[1:])) for v in right]
        b = np.concatenate([sides[0], inner, sides[1]])
        ab = np.stack([upper, middle, lower])
        found = solve_banded((1, 1), ab, np.reshape(b, (n, -1)), check_finite=False)
        return np.reshape(found, b.shape)

    return slopes


def cubic_end(
    kind: Any, given: Any, steps: Any, h: Any, m: Any, y: Any, sign: int
) -> tuple[Any, Any, Any]:
    """Return an equation at an end: the factors of two slopes, and the right side."""
    if kind == "not-a-knot":
        both = steps[0] + steps[1]
        right = ((h[0] + 2 * both) * h[1] * m[0] + h[0] ** 2 * m[1]) / both
        return steps[1], both, right
    if kind == 1:
        return 1.0, 0.0, given
    rise = 3 * (y[1] - y[0]) * sign
    return 2 * steps[0], steps[0], rise - sign * 0.5 * given * steps[0] ** 2


def periodic_slopes(h: Any, m: Any) -> Any:
    """Return the slopes of cubic splines that go on from their end."""
    count = h.shape[0]
    before = np.concatenate([h[-1:], h[:-1]])
    risen = np.concatenate([m[-1:], m[:-1]])
    a, p = np.reshape(h, (-1, 1)), np.reshape(before, (-1, 1))
    eye = np.eye(count)
    matrix = 2 * (p + a) * eye + a * np.roll(eye, -1, 1) + p * np.roll(eye, 1, 1)
    right = 3 * (h * risen + before * m)
    found = np.linalg.solve(matrix, np.reshape(right, (count, -1)))
    found = np.reshape(found, right.shape)
    return np.concatenate([found, found[:1]])


def conditions(bc_type: Any, shape: tuple[int, ...]) -> tuple[list[Any], list[Any]]:
    """Return the conditions at both ends, and the given derivatives."""
    both = [bc_type, bc_type] if isinstance(bc_type, str) else list(bc_type)
    kinds: list[Any] = []
    given: list[Any] = []
    orders = {"clamped": 1, "natural": 2}
    for one in both:
        if isinstance(one, str):
            kinds.append(orders.get(one, one))
            given.append(np.zeros(shape) if one in orders else None)
        else:
            kinds.append(operator.index(one[0]))
            given.append(as_array(one[1]))
    if len(kinds) != 2 or any(k not in (1, 2, "not-a-knot", "periodic") for k in kinds):
        raise ValueError("bc_type is not allowed")
    return kinds, given


@answers_named("scipy.interpolate:CubicSpline.__init__")
def cubic_spline(
    self: Any,
    x: Any,
    y: Any,
    axis: Any = 0,
    bc_type: Any = "not-a-knot",
    extrapolate: Any = None,
) -> None:
    """Answer ``scipy.interpolate.CubicSpline``."""
    x, y, axis = points(x, y, axis)
    kinds, given = conditions(bc_type, y.shape[1:])
    if extrapolate is None and kinds[0] == "periodic":
        extrapolate = "periodic"
    more = [v for v in given if v is not None]
    slopes = cubic_slopes((kinds[0], kinds[1]), given)
    how = {"name": "CubicSpline", "axis": axis, "extrapolate": extrapolate}
    through(self, x, y, slopes, *more, **how, ends=tuple(kinds))


@answers_named("scipy.interpolate:PchipInterpolator.__init__")
def pchip_interpolator(
    self: Any, x: Any, y: Any, axis: Any = 0, extrapolate: Any = None
) -> None:
    """Answer ``scipy.interpolate.PchipInterpolator``."""
    x, y, axis = points(x, y, axis)
    how = {"name": "PchipInterpolator", "axis": axis, "extrapolate": extrapolate}
    through(self, x, y, monotone_slopes, **how)


@answers_named("scipy.interpolate:Akima1DInterpolator.__init__")
def akima_interpolator(
    self: Any,
    x: Any,
    y: Any,
    axis: Any = 0,
    *,
    method: Any = "akima",
    extrapolate: Any = None,
) -> None:
    """Answer ``scipy.interpolate.Akima1DInterpolator``."""
    x, y, axis = points(x, y, axis)
    extrapolate = False if extrapolate is None else extrapolate
    how = {"name": "Akima1DInterpolator", "axis": axis, "extrapolate": extrapolate}
    through(self, x, y, akima_slopes(method), **how, method=method)


@answers_named("scipy.interpolate:CubicHermiteSpline.__init__")
def hermite_spline(
    self: Any, x: Any, y: Any, dydx: Any, axis: Any = 0, extrapolate: Any = None
) -> None:
    """Answer ``scipy.interpolate.CubicHermiteSpline``."""
    x, y, axis = points(x, y, axis)
    d = np.moveaxis(floating(as_array(dydx)), axis, 0)
    how = {"name": "CubicHermiteSpline", "axis": axis, "extrapolate": extrapolate}
    through(self, x, y, lambda *_: d, d, **how)


@answers_named(
    "scipy.interpolate._interpolate:_PPolyBase.__init__",
    "scipy.interpolate._interpolate:PPoly.__init__",  # its own from SciPy 1.18 on
)
def piecewise(
    self: Any, c: Any, x: Any, extrapolate: Any = None, axis: Any = 0
) -> None:
    """Answer ``scipy.interpolate.PPoly``."""
    check_powers(self)
    c, x = floating(as_array(c)), floating(as_array(x))
    if c.ndim < 2 or c.shape[1] != x.shape[0] - 1 or x.shape[0] < 2:
        raise ValueError("number of coefficients != len(x)-1")
    if not 0 <= axis < c.ndim - 1:
        raise ValueError("axis must be between 0 and the number of axes")
    c = np.moveaxis(c, (axis, axis + 1), (0, 1)) if axis else c
    become(self, c, x, extrapolate, axis)


@answers_named(
    "scipy.interpolate._interpolate:_PPolyBase.__call__",
    "scipy.interpolate._interpolate:PPoly.__call__",
)
def piecewise_values(self: Any, x: Any, nu: Any = 0, extrapolate: Any = None) -> Any:
    """Answer a call of one of SciPy's piecewise polynomials at recorded places."""
    check_powers(self)
    return values(self, x, nu, extrapolate)


def check_powers(spline: Any) -> None:
    """Raise where a piecewise polynomial is not one of powers."""
    from scipy import interpolate

    if not isinstance(spline, interpolate.PPoly):
        raise UnsupportedError(
            explain(
                f"a scipy.interpolate.{type(spline).__name__} met a recorded value",
                "polynomials of Bernstein's are not recorded",
                "PPoly.from_bernstein_basis(spline)",
            )
        )


@answers_named("scipy.interpolate._interpolate:PPoly.integrate")
def piecewise_integral(self: Any, a: Any, b: Any, extrapolate: Any = None) -> Any:
    """Answer the integral of one of SciPy's splines between recorded places."""
    made: Any = object.__new__(recorded(type(self)))
    fill(made, self.c, self.x, self.extrapolate, self.axis)
    return made.integrate(a, b, extrapolate)
