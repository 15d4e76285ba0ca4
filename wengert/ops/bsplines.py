"""B-splines of `scipy.interpolate`, by their coefficients, knots and places.

The value is SciPy's; the derivatives are those of the recursion of de Boor and Cox.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from wengert.core.forms import Routine
from wengert.core.operation import (
    answers_named,
    apply,
    constant_of,
)
from wengert.errors import UnsupportedError, explain
from wengert.ops.index import INDEX_ADD, Placeholder
from wengert.ops.join import as_array
from wengert.ops.linalg.structured import solve_banded
from wengert.ops.numeric import VALUED_AS
from wengert.ops.piecewise import (
    Held,
    along_rest,
    floating,
    in_order,
    into_period,
    recorded,
    refused,
)

# The recursion


def spans(t: Any, k: int, at: Any) -> Any:
    """Return between which knots places lie; those beyond the ends at the last ones."""
    n = t.shape[0] - k - 1
    return np.clip(np.searchsorted(t, at, side="right") - 1, k, n - 1)


def basis(t: Any, k: int, at: Any, span: Any) -> list[Any]:
    """Return the B-splines of a degree at places: those of one span each."""
    found = [at * 0.0 + 1.0]
    for d in range(1, k + 1):
        shares = []
        for r in range(d):
            low, high = t[span + (r + 1 - d)], t[span + (r + 1)]
            shares.append(found[r] / (high - low))
        raised = []
        for r in range(d + 1):
            part: Any = 0.0
            if r > 0:
                part = (at - t[span + (r - d)]) * shares[r - 1]
            if r < d:
                part = part + (t[span + (r + 1)] - at) * shares[r]
            raised.append(part)
        found = raised
    return found


def differenced(t: Any, c: Any, k: int) -> tuple[Any, Any]:
    """Return the knots and coefficients of the derivative, of one degree less."""
    n = t.shape[0] - k - 1
    step = t[k + 1 : n + k] - t[1:n]
    is_flat = step == 0
    step = along_rest(np.where(is_flat, 1.0, step), c.ndim)
    change = (c[1:n] - c[: n - 1]) * k / step
    change = np.where(along_rest(is_flat, c.ndim), 0.0, change)
    return t[1:-1], change


def sum_of_splines(t: Any, c: Any, k: int, at: Any, nu: int) -> Any:
    """Return the values of a spline, or those of a derivative of it, at places."""
    if nu > k:
        rest = np.zeros((*at.shape, *c.shape[1:]), c.dtype)
        return rest + along_rest(at * 0.0, rest.ndim)
    for _ in range(nu):
        t, c = differenced(t, c, k)
        k -= 1
    span = spans(t, k, at)
    total: Any = 0.0
    for r, part in enumerate(basis(t, k, at, span)):
        element = c[span + (r - k)]
        total = total + element * along_rest(part, element.ndim)
    return total


def evaluate_bspline(
    t: Any, c: Any, at: Any, *, k: int, nu: int, extrapolate: Any
) -> Any:
    """Return the values of a ``scipy.interpolate.BSpline``, or of a derivative."""
    from scipy import interpolate

    return interpolate.BSpline.construct_fast(t, c, k, extrapolate)(at, nu)


BSPLINE = constant_of("bspline_value", evaluate_bspline, form=Routine(), numpy=())


def values(spline: Any, at: Any, nu: Any, extrapolate: Any) -> Any:
    """Return the values of a B-spline at places, or those of a derivative."""
    at, t, c, k = as_array(at), spline.t, spline.c, spline.k
    how = spline.extrapolate if extrapolate is None else extrapolate
    how = how if how == "periodic" else bool(how)
    places = np.reshape(np.astype(at, np.float64), (-1,))
    nu = operator.index(nu)
    value = apply(BSPLINE, t, c, places, k=k, nu=nu, extrapolate=how)
    low, high = t[k], t[t.shape[0] - k - 1]
    if how == "periodic":
        places = into_period(places, low, high)
    found = sum_of_splines(t, c, k, places, nu)
    if how is False:
        is_beside = along_rest((places < low) | (places > high), found.ndim)
        found = np.where(is_beside, 0.0, found)
    found = apply(VALUED_AS, found, value)
    found = np.reshape(found, (*at.shape, *c.shape[1:]))
    return in_order(found, at.ndim, spline.axis)


# Objects


def evaluate_bspline_integral(
    t: Any, c: Any, a: Any, b: Any, *, k: int, extrapolate: Any
) -> Any:
    """Return the integral of a B-spline between two places."""
    from scipy import interpolate

    found = interpolate.BSpline.construct_fast(t, c, k, extrapolate)
    return np.asarray(found.integrate(float(a), float(b)))


INTEGRAL = constant_of(
    "bspline_integral", evaluate_bspline_integral, form=Routine(), numpy=()
)


class RecordedBSpline:
    """A B-spline whose numbers are recorded."""

    t, c, k, axis, extrapolate = Held(), Held(), Held(), Held(), Held()
    tck = property(lambda self: (self.t, self.c, self.k))

    def __call__(self, x: Any, nu: Any = 0, extrapolate: Any = None) -> Any:
        """Return the values at places, or those of a derivative."""
        return values(self, x, nu, extrapolate)

    def derivative(self, nu: int = 1) -> Any:
        """Return the derivative of an order, with zeros behind its coefficients."""
        if nu < 0:
            return self.antiderivative(-nu)
        t, c, k = self.t, self.c, self.k
        if nu > k:
            raise ValueError(
                f"Order of derivative (n = {nu}) must be <= order of spline"
            )
        for _ in range(nu):
            t, c = differenced(t, c, k)
            k -= 1
        c = behind(c, t.shape[0] - c.shape[0])
        return made(type(self), t, c, k, self.extrapolate, self.axis)

    def antiderivative(self, nu: int = 1) -> Any:
        """Return the antiderivative of an order."""
        if nu < 0:
            return self.derivative(-nu)
        t, c, k = self.t, self.c, self.k
        for _ in range(nu):
            n = t.shape[0] - k - 1
            step = along_rest(t[k + 1 :] - t[:n], c.ndim)
            sums = np.cumsum(c[:n] * step, axis=0) / (k + 1)
            zero = np.zeros((1, *c.shape[1:]), c.dtype)
            c = np.concatenate([zero, sums, *[sums[-1:]] * (k + 2)])
            t = np.concatenate([t[:1], t, t[-1:]])
            k += 1
        how = False if self.extrapolate == "periodic" else self.extrapolate
        return made(type(self), t, c, k, how, self.axis)

    def integrate(self, a: Any, b: Any, extrapolate: Any = None) -> Any:
        """Return the integral between two places."""
        how = self.extrapolate if extrapolate is None else extrapolate
        if how == "periodic":
            raise refused(self, "integrate", "periods", "the integral over each part")
        t, c, k = self.t, self.c, self.k
        value = apply(INTEGRAL, t, c, a, b, k=k, extrapolate=bool(how))
        total = self.antiderivative()
        ends = [np.reshape(as_array(place), (1,)) for place in (a, b)]
        if not how:
            low, high = t[k], t[t.shape[0] - k - 1]
            ends = [np.clip(place, low, high) for place in ends]
        low, high = (
            sum_of_splines(total.t, total.c, k + 1, place, 0)[0] for place in ends
        )
        return apply(VALUED_AS, high - low, value)

    def insert_knot(self, *_: Any, **__: Any) -> Any:
        """Refuse: which knots change is data."""
        raise refused(self, "insert_knot", "more knots", "make_lsq_spline with them")


def behind(c: Any, count: int) -> Any:
    """Return coefficients with so many zeros behind them."""
    if count <= 0:
        return c
    return np.concatenate([c, np.zeros((count, *c.shape[1:]), c.dtype)])


def made(kind: type, t: Any, c: Any, k: int, extrapolate: Any, axis: int) -> Any:
    """Return a B-spline of recorded numbers."""
    spline: Any = object.__new__(recorded(kind, RecordedBSpline))
    spline.t, spline.c, spline.k = t, c, k
    spline.extrapolate, spline.axis = extrapolate, axis
    return spline


@answers_named("scipy.interpolate:BSpline.__init__")
def bspline(
    self: Any, t: Any, c: Any, k: Any, extrapolate: Any = True, axis: Any = 0
) -> None:
    """Answer ``scipy.interpolate.BSpline``."""
    t, c, k = floating(as_array(t)), floating(as_array(c)), operator.index(k)
    axis = operator.index(axis) % c.ndim
    c = np.moveaxis(c, axis, 0) if axis else c
    n = t.shape[0] - k - 1
    is_sorted = not np.any(t[1:] < t[:-1])
    if t.ndim != 1 or k < 0 or n < k + 1 or c.shape[0] < n or not is_sorted:
        raise ValueError("Knots, coefficients and degree are inconsistent.")
    how = extrapolate if extrapolate == "periodic" else bool(extrapolate)
    self.__class__ = recorded(type(self), RecordedBSpline)
    self.t, self.c, self.k = t, c, k
    self.extrapolate, self.axis = how, axis


@answers_named("scipy.interpolate:BSpline.__call__")
def bspline_values(self: Any, x: Any, nu: Any = 0, extrapolate: Any = None) -> Any:
    """Answer a call of one of SciPy's B-splines at recorded places."""
    return values(self, x, nu, extrapolate)


@answers_named("scipy.interpolate:BSpline.integrate")
def bspline_integral_between(self: Any, a: Any, b: Any, extrapolate: Any = None) -> Any:
    """Answer the integral of one of SciPy's B-splines between recorded places."""
    how = (self.extrapolate, self.axis)
    return made(type(self), self.t, self.c, self.k, *how).integrate(a, b, extrapolate)


# Splines through points, and near them


def evaluate_made(
    x: Any, y: Any, *more: Any, name: str, k: int, ends: Any, has: tuple[bool, bool]
) -> Any:
    """Return the coefficients of a spline that SciPy makes of points."""
    from scipy import interpolate

    given = list(more)
    t = given.pop(0) if has[0] else None
    if name == "make_lsq_spline":
        return interpolate.make_lsq_spline(x, y, t, k, w=given[0] if has[1] else None).c
    bc_type = ends
    if isinstance(ends, tuple):
        bc_type = tuple(
            None if side is None else [(order, given.pop(0)) for order in side]
            for side in ends
        )
    return interpolate.make_interp_spline(x, y, k, t, bc_type).c


MADE = constant_of("bspline_coefficients", evaluate_made, form=Routine(), numpy=())


def knots_through(x: Any, k: int, is_free: bool) -> Any:
    """Return the knots that SciPy takes for splines through points."""
    if k == 1:
        return np.concatenate([x[:1], x, x[-1:]])
    if not is_free:
        return np.concatenate([*[x[:1]] * k, x, *[x[-1:]] * k])
    inner = x if k % 2 else (x[1:] + x[:-1]) / 2
    cut = (k + 1) // 2 if k % 2 else k // 2
    inner = inner[cut : inner.shape[0] - cut]
    return np.concatenate([*[x[:1]] * (k + 1), inner, *[x[-1:]] * (k + 1)])


def rows_of(t: Any, k: int, at: Any, order: int) -> tuple[Any, Any]:
    """Return the B-splines, or derivatives, at places: of one span, and which they are.

    A derivative's is the sum of two of one degree less.
    """
    span = spans(t, k, at)
    found = basis(t, k - order, at, span)
    for d in range(k - order + 1, k + 1):
        raised = []
        for r in range(d + 1):
            part: Any = 0.0
            if r > 0:
                part = found[r - 1] / (t[span + r] - t[span + (r - d)])
            if r < d:
                step = t[span + (r + 1)] - t[span + (r + 1 - d)]
                part = part - found[r] / step
            raised.append(d * part)
        found = raised
    places = np.stack([span + (r - k) for r in range(k + 1)], axis=1)
    return np.stack(found, axis=1), places


ALIASES = {"clamped": 1, "natural": 2}


def conditions(side: Any) -> tuple[Any, list[Any]]:
    """Return the orders of the derivatives given at an end, and their values."""
    if side is None:
        return None, []
    if isinstance(side, str):
        return (ALIASES[side],), [0.0]
    return (
        tuple(operator.index(order) for order, _ in side),
        [as_array(value) for _, value in side],
    )


@answers_named("scipy.interpolate.make_interp_spline")
def make_interp_spline(
    x: Any,
    y: Any,
    k: Any = 3,
    t: Any = None,
    bc_type: Any = None,
    axis: Any = 0,
    check_finite: bool = True,
) -> Any:
    """Answer ``scipy.interpolate.make_interp_spline``."""
    from scipy import interpolate

    x, y, k = floating(as_array(x)), floating(as_array(y)), operator.index(k)
    axis = operator.index(axis) % y.ndim
    y = np.moveaxis(y, axis, 0)
    if bc_type == "periodic" or k == 0:
        raise UnsupportedError(
            explain(
                f"scipy.interpolate.make_interp_spline with k={k}, bc_type={bc_type!r}",
                "splines of steps and those that go on from their end are not recorded",
                "CubicSpline(x, y, bc_type='periodic')",
            )
        )
    sides: Any = (None, None)
    if isinstance(bc_type, str):
        sides = (None, None) if bc_type == "not-a-knot" else (bc_type, bc_type)
    elif bc_type is not None:
        sides = tuple(bc_type)
    (left, lefts), (right, rights) = map(conditions, sides)
    shape = y.shape[1:]
    lefts, rights = (
        [np.reshape(v + np.zeros(shape), shape) for v in side]
        for side in (lefts, rights)
    )
    is_free = left is None and right is None
    given = [] if t is None else [floating(as_array(t))]
    t = given[0] if given else knots_through(x, k, is_free)
    ends = None if is_free else (left, right)
    how = {"name": "make_interp_spline", "k": k, "ends": ends}
    more = (*given, *lefts, *rights)
    value = apply(MADE, x, y, *more, has=(bool(given), False), **how)
    parts = [(rows_of(t, k, x[:1], order)) for order in left or ()]
    parts.append(rows_of(t, k, x, 0))
    parts += [rows_of(t, k, x[-1:], order) for order in right or ()]
    sides = [v[None] for v in lefts], [v[None] for v in rights]
    right_side = np.concatenate([*sides[0], y, *sides[1]])
    c = solved(parts, k, right_side)
    found = apply(VALUED_AS, c, value)
    return made(interpolate.BSpline, t, found, k, True, axis)


def solved(parts: list[Any], k: int, right: Any) -> Any:
    """Return the coefficients of which rows of B-splines make the right side."""
    rows = np.concatenate([row for row, _ in parts])
    places = np.concatenate([place for _, place in parts])
    n = right.shape[0]
    below = np.arange(n)[:, None] - places + k
    key: Any = (Placeholder(0), Placeholder(1))
    zeros = np.zeros((2 * k + 1, n), rows.dtype)
    ab = apply(INDEX_ADD, zeros, rows, below, places, chain=(), key=key)
    flat = np.reshape(right, (n, -1))
    return np.reshape(solve_banded((k, k), ab, flat), right.shape)


@answers_named("scipy.interpolate.make_lsq_spline")
def make_lsq_spline(
    x: Any,
    y: Any,
    t: Any,
    k: Any = 3,
    w: Any = None,
    axis: Any = 0,
    check_finite: bool = True,
    *,
    method: Any = "qr",
) -> Any:
    """Answer ``scipy.interpolate.make_lsq_spline``."""
    from scipy import interpolate

    x, y, t = floating(as_array(x)), floating(as_array(y)), floating(as_array(t))
    k, axis = operator.index(k), operator.index(axis) % y.ndim
    y = np.moveaxis(y, axis, 0)
    more = [] if w is None else [as_array(w)]
    how = {"name": "make_lsq_spline", "k": k, "ends": None}
    value = apply(MADE, x, y, t, *more, has=(True, bool(more)), **how)
    rows, places = rows_of(t, k, x, 0)
    n = t.shape[0] - k - 1
    lines = np.arange(x.shape[0])[:, None] + places * 0
    key: Any = (Placeholder(0), Placeholder(1))
    zeros = np.zeros((x.shape[0], n), rows.dtype)
    matrix = apply(INDEX_ADD, zeros, rows, lines, places, chain=(), key=key)
    right = np.reshape(y, (y.shape[0], -1))
    if w is not None:
        weights = np.reshape(more[0], (-1, 1))
        matrix, right = matrix * weights, right * weights
    c = np.linalg.lstsq(matrix, right)[0]
    c = np.reshape(c, (n, *y.shape[1:]))
    found = apply(VALUED_AS, c, value)
    return made(interpolate.BSpline, t, found, k, True, axis)


# FITPACK's splines


def evaluate_splev(at: Any, t: Any, c: Any, *, k: int, der: int, ext: int) -> Any:
    """Return ``scipy.interpolate.splev``."""
    from scipy import interpolate

    return interpolate.splev(at, (t, c, k), der, ext)


SPLEV = constant_of("splev_value", evaluate_splev, form=Routine(), numpy=())


@answers_named("scipy.interpolate.splev")
def splev(x: Any, tck: Any, der: Any = 0, ext: Any = 0) -> Any:
    """Answer ``scipy.interpolate.splev``."""
    from scipy import interpolate

    if isinstance(tck, interpolate.BSpline):
        return tck(x, der, extrapolate=ext == 0)
    t, c, k = tck
    if isinstance(c, (list, tuple)):
        return [splev(x, (t, part, k), der, ext) for part in c]
    at, t, c = as_array(x), floating(as_array(t)), floating(as_array(c))
    der, ext = operator.index(der), operator.index(ext)
    value = apply(SPLEV, at, t, c, k=k, der=der, ext=ext)
    low, high = t[k], t[t.shape[0] - k - 1]
    places = np.clip(at, low, high) if ext == 3 else at
    found = sum_of_splines(t, c, k, np.astype(places, np.float64), der)
    if ext == 1:
        found = np.where((at < low) | (at > high), 0.0, found)
    return apply(VALUED_AS, found, value)


@answers_named("scipy.interpolate:UnivariateSpline.__call__")
def univariate_values(self: Any, x: Any, nu: Any = 0, ext: Any = None) -> Any:
    """Answer a call of one of FITPACK's splines at recorded places."""
    modes = {"extrapolate": 0, "zeros": 1, "raise": 2, "const": 3}
    if not np.size(x):
        return np.array([])
    ext = self.ext if ext is None else modes.get(ext, ext)
    return splev(x, self._eval_args, nu, ext)
