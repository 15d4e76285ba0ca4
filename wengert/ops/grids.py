"""Tables of `scipy.interpolate`: `interp1d`, `RegularGridInterpolator` and `interpn`.

The value is SciPy's; the derivatives are those of the same formula written in NumPy.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from wengert.core.forms import Routine
from wengert.core.operation import (
    answers_named,
    apply,
    constant_of,
)
from wengert.core.types import Recorded
from wengert.errors import UnsupportedError, explain
from wengert.ops import bsplines
from wengert.ops.join import as_array
from wengert.ops.numeric import VALUED_AS
from wengert.ops.piecewise import along_rest, in_order, recorded


def inexact(x: Any) -> Any:
    """Return numbers that are no whole ones."""
    return x if x.dtype.kind in "fc" else np.astype(x, np.float64)


# One dimension

ORDERS = {"zero": 0, "quadratic": 2, "cubic": 3}


def evaluate_interp1d(
    x: Any, y: Any, at: Any, *, kind: Any, axis: int, settings: tuple[Any, ...]
) -> Any:
    """Return the values of a ``scipy.interpolate.interp1d``."""
    from scipy import interpolate

    bounds_error, fill, is_sorted = settings
    return interpolate.interp1d(
        x,
        y,
        kind,
        axis,
        bounds_error=bounds_error,
        fill_value=fill,
        assume_sorted=is_sorted,
    )(at)


INTERP1D = constant_of("interp1d_value", evaluate_interp1d, form=Routine(), numpy=())


def between(x: Any, y: Any, at: Any, kind: Any) -> Any:
    """Return the values of a table in order at places, by the kind of a table."""
    count = x.shape[0]
    if kind in ("linear", "slinear", 1):
        high = np.clip(np.searchsorted(x, at), 1, count - 1)
        low = high - 1
        step = along_rest(at - x[low], y.ndim)
        slope = (y[high] - y[low]) / along_rest(x[high] - x[low], y.ndim)
        return slope * step + y[low]
    if kind in ("nearest", "nearest-up"):
        halves = x / 2.0
        side: Any = "left" if kind == "nearest" else "right"
        place = np.searchsorted(halves[1:] + halves[:-1], at, side=side)
    elif kind == "next":
        place = np.searchsorted(x, at, side="left")
    elif kind in ("previous", "zero", 0):
        place = np.searchsorted(x, at, side="right") - 1
    else:
        order = ORDERS.get(kind, kind)
        spline = bsplines.make_interp_spline(x, y, order)
        return bsplines.sum_of_splines(spline.t, spline.c, order, at, 0)
    return y[np.clip(place, 0, count - 1)] + along_rest(at * 0.0, y.ndim)


def number(value: Any) -> Any:
    """Return what fills a table beyond its ends as a plain number."""
    if isinstance(value, Recorded) or np.size(value) != 1:
        raise UnsupportedError(
            explain(
                "scipy.interpolate.interp1d with an array for fill_value",
                "only a number beyond either end is recorded",
                "fill_value='extrapolate', or np.where around the call",
            )
        )
    return np.asarray(value).item()


def filling(value: Any) -> Any:
    """Return `fill_value` as a setting."""
    if isinstance(value, str):
        return value
    if isinstance(value, tuple) and len(value) == 2:
        return tuple(map(number, value))
    return number(value)


def table(
    x: Any,
    y: Any,
    at: Any,
    kind: Any,
    axis: int,
    bounds_error: Any,
    fill: Any,
    is_sorted: bool,
) -> Any:
    """Return the values of a table at places."""
    at = as_array(at)
    how = (bounds_error, fill, bool(is_sorted))
    value = apply(INTERP1D, x, y, at, kind=kind, axis=axis, settings=how)
    y = np.moveaxis(y, axis, 0)
    if not is_sorted:
        order = np.argsort(x, kind="stable")
        x, y = x[order], y[order]
    places = np.reshape(inexact(at), (-1,))
    found = between(x, y, places, kind)
    ends: Any = fill if isinstance(fill, tuple) else (fill, fill)
    if fill == "extrapolate" and kind in ("previous", "next"):
        ends = ("nan", "") if kind == "previous" else ("", "nan")
    for is_beside, end in zip((places < x[0], places > x[-1]), ends, strict=True):
        if end not in ("extrapolate", ""):
            found = np.where(along_rest(is_beside, found.ndim), 0.0, found)
    found = np.reshape(found, (*at.shape, *y.shape[1:]))
    found = in_order(found, at.ndim, axis)
    return apply(VALUED_AS, np.astype(found, value.dtype, copy=False), value)


class RecordedTable:
    """A table whose numbers are recorded."""

    __slots__ = ()
    _table: Any

    def __call__(self, x: Any) -> Any:
        """Return the values at places."""
        (xs, ys), how = self._table
        return table(xs, ys, x, *how)


@answers_named("scipy.interpolate:interp1d.__init__")
def interp1d(
    self: Any,
    x: Any,
    y: Any,
    kind: Any = "linear",
    axis: Any = -1,
    copy: Any = True,
    bounds_error: Any = None,
    fill_value: Any = np.nan,
    assume_sorted: Any = False,
) -> None:
    """Answer ``scipy.interpolate.interp1d``."""
    x, y = as_array(x), inexact(as_array(y))
    if x.ndim != 1 or y.ndim == 0:
        raise ValueError("the x array must have exactly one dimension.")
    axis = axis % y.ndim
    self.__class__ = recorded(type(self), RecordedTable)
    how = (kind, axis, bounds_error, filling(fill_value), bool(assume_sorted))
    self._table = (x, y), how
    self.x, self.y, self.axis = x, y, axis


@answers_named("scipy.interpolate._polyint:_Interpolator1D.__call__")
def table_values(self: Any, x: Any) -> Any:
    """Answer a call of one of SciPy's tables at recorded places."""
    from scipy import interpolate

    if not isinstance(self, interpolate.interp1d):
        raise UnsupportedError(
            explain(
                f"a scipy.interpolate.{type(self).__name__} met a recorded value",
                "polynomials through all points are not recorded",
                "np.polyval, or CubicSpline(x, y)",
            )
        )
    kind = self._spline.k if self._kind == "spline" else self._kind
    fill = "extrapolate" if self._extrapolate else filling(self.fill_value)
    how = (kind, self.axis, self.bounds_error, fill, True)
    return table(as_array(self.x), as_array(self.y), x, *how)


# Grids


def evaluate_on_grid(
    values: Any, at: Any, *points: Any, method: str, bounds_error: bool, fill: Any
) -> Any:
    """Return the values of a ``scipy.interpolate.RegularGridInterpolator``."""
    from scipy import interpolate

    how = {"method": method, "bounds_error": bounds_error, "fill_value": fill}
    return interpolate.RegularGridInterpolator(points, values, **how)(at)


ON_GRID = constant_of("grid_value", evaluate_on_grid, form=Routine(), numpy=())
DEGREES = {"slinear": 1, "cubic": 3, "quintic": 5}


def cells(points: Any, at: Any) -> tuple[list[Any], list[Any]]:
    """Return in which cell of a grid places lie, and how far from its first corner."""
    places, shares = [], []
    for k, p in enumerate(points):
        x = at[:, k]
        low = np.searchsorted(p, x, side="right") - 1
        low = np.clip(low, 0, p.shape[0] - 2)
        places.append(low)
        shares.append((x - p[low]) / (p[low + 1] - p[low]))
    return places, shares


def of_corners(values: Any, at: Any, points: Any) -> Any:
    """Return the linear values between the corners of cells."""
    places, shares = cells(points, at)
    total: Any = 0.0
    for corner in itertools.product((0, 1), repeat=len(points)):
        weight: Any = 1.0
        for is_far, share in zip(corner, shares, strict=True):
            weight = weight * (share if is_far else 1 - share)
        key = tuple(low + far for low, far in zip(places, corner, strict=True))
        element = values[key]
        total = total + element * along_rest(weight, element.ndim)
    return total


def of_nearest(values: Any, at: Any, points: Any) -> Any:
    """Return the values of the nearest corners."""
    places, shares = cells(points, at)
    pairs = zip(places, shares, strict=True)
    return values[tuple(np.where(share <= 0.5, low, low + 1) for low, share in pairs)]


def of_splines(values: Any, at: Any, points: Any, k: int) -> Any:
    """Return the values of products of splines of a degree."""
    c, parts, starts = values, [], []
    for axis, p in enumerate(points):
        spline = bsplines.make_interp_spline(p, c, k, axis=axis)
        c = np.moveaxis(spline.c, 0, axis)
        x = at[:, axis]
        span = bsplines.spans(spline.t, k, x)
        parts.append(bsplines.basis(spline.t, k, x, span))
        starts.append(span - k)
    total: Any = 0.0
    for chosen in itertools.product(range(k + 1), repeat=len(points)):
        weight: Any = 1.0
        for part, j in zip(parts, chosen, strict=True):
            weight = weight * part[j]
        key = tuple(start + j for start, j in zip(starts, chosen, strict=True))
        element = c[key]
        total = total + element * along_rest(weight, element.ndim)
    return total


def as_places(at: Any, count: int) -> Any:
    """Return places on a grid: one a row."""
    if isinstance(at, tuple):
        parts = np.broadcast_arrays(*(as_array(part) for part in at))
        return np.stack(parts, axis=-1)
    at = as_array(at)
    return np.reshape(at, (-1, count)) if at.ndim == 1 else at


def on_grid(
    points: Any,
    values: Any,
    at: Any,
    method: str,
    bounds_error: Any,
    fill: Any,
    called: str = "RegularGridInterpolator",
) -> Any:
    """Return the values of a grid at places."""
    if method not in ("linear", "nearest", *DEGREES):
        raise UnsupportedError(
            explain(
                f"scipy.interpolate.{called} with method={method!r}",
                "only products of splines are recorded",
                "method='cubic'",
            )
        )
    count = len(points)
    at = inexact(as_places(at, count))
    if isinstance(fill, Recorded):
        raise ValueError("fill_value")
    how = {"bounds_error": bool(bounds_error), "fill": fill}
    value = apply(ON_GRID, values, at, *points, method=method, **how)
    for k, p in enumerate(points):
        if p[-1] < p[0]:
            values = np.flip(values, axis=k)
    points = [np.flip(p) if p[-1] < p[0] else p for p in points]
    flat = np.reshape(at, (-1, count))
    if method == "linear":
        found = of_corners(values, flat, points)
    elif method == "nearest":
        found = of_nearest(values, flat, points) + along_rest(
            np.sum(flat, axis=1) * 0.0, values.ndim - count + 1
        )
    else:
        found = of_splines(values, flat, points, DEGREES[method])
    if not bounds_error and fill is not None:
        is_beside: Any = False
        for k, p in enumerate(points):
            is_beside = is_beside | (flat[:, k] < p[0]) | (flat[:, k] > p[-1])
        found = np.where(along_rest(is_beside, found.ndim), 0.0, found)
    found = np.reshape(found, value.shape)
    return apply(VALUED_AS, np.astype(found, value.dtype, copy=False), value)


class RecordedGrid:
    """A grid whose numbers are recorded."""

    _grid: Any
    _values: Any
    method: str
    bounds_error: Any
    fill_value: Any

    grid = property(lambda self: self._grid)
    values = property(lambda self: self._values)

    def __call__(self, xi: Any, method: Any = None, *, nu: Any = None) -> Any:
        """Return the values at places."""
        check_order(nu)
        method = self.method if method is None else method
        how = (method, self.bounds_error, self.fill_value)
        return on_grid(self._grid, self._values, xi, *how)


def check_order(nu: Any) -> None:
    """Raise where derivatives of a grid are asked for."""
    if nu is not None:
        raise UnsupportedError(
            explain(
                "scipy.interpolate.RegularGridInterpolator with nu",
                "its derivatives are not recorded by themselves",
                "wengert.grad or wengert.jvp of the values",
            )
        )


@answers_named("scipy.interpolate:RegularGridInterpolator.__init__")
def regular_grid(
    self: Any,
    points: Any,
    values: Any,
    method: Any = "linear",
    bounds_error: Any = True,
    fill_value: Any = np.nan,
    *,
    solver: Any = None,
    solver_args: Any = None,
) -> None:
    """Answer ``scipy.interpolate.RegularGridInterpolator``."""
    self.__class__ = recorded(type(self), RecordedGrid)
    self._grid = tuple(inexact(as_array(p)) for p in points)
    self._values = inexact(as_array(values))
    if len(self._grid) > self._values.ndim:
        raise ValueError("There are more point arrays than dimensions of values")
    self.method, self.bounds_error = method, bounds_error
    self.fill_value = fill_value


@answers_named("scipy.interpolate:RegularGridInterpolator.__call__")
def grid_values(self: Any, xi: Any, method: Any = None, *, nu: Any = None) -> Any:
    """Answer a call of one of SciPy's grids at recorded places."""
    check_order(nu)
    method = self.method if method is None else method
    points = [as_array(p) for p in self._grid]
    how = (method, self.bounds_error, self.fill_value)
    return on_grid(points, as_array(self._values), xi, *how)


@answers_named("scipy.interpolate.interpn")
def interpn(
    points: Any,
    values: Any,
    xi: Any,
    method: Any = "linear",
    bounds_error: Any = True,
    fill_value: Any = np.nan,
) -> Any:
    """Answer ``scipy.interpolate.interpn``."""
    points = [inexact(as_array(p)) for p in points]
    values = inexact(as_array(values))
    return on_grid(points, values, xi, method, bounds_error, fill_value, "interpn")
