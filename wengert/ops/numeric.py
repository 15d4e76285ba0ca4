"""Numerical functions made of others: differences, interpolation, ends, covariance.

Each computes as NumPy's own code does, so that values are the same to the last bit.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from wengert.core.forms import Map, Routine
from wengert.core.operation import answers, apply, constant_of, general
from wengert.core.types import WEAK, Recorded, plain_example
from wengert.errors import warn
from wengert.ops.axes import axis_index, axis_of, integers
from wengert.ops.join import as_array
from wengert.ops.reduce import cast
from wengert.ops.select import take
from wengert.ops.shape import along, lying


def second(x: Any, y: Any) -> Any:
    """Return the second of two equal values."""
    return y


def valued_jvp(tangents: Any, result: Any, x: Any, y: Any) -> Any:
    """Return the tangent of the first; zeros where it has none."""
    return np.zeros(y.shape, y.dtype) if tangents[0] is None else tangents[0]


def valued_vjp(g: Any, result: Any, x: Any, y: Any) -> Any:
    """Return the gradient of the first; the second is a constant."""
    return (g,)


#: Where NumPy takes a shorter way for some numbers (evenly spaced, leading zeros), the
#: value `y` is that of the shorter way and the derivative that of the general one, `x`,
#: as the neighbours of these numbers have it.
VALUED_AS = general(
    "valued_as",
    second,
    form=Map("y"),
    jvp=valued_jvp,
    vjp=valued_vjp,
    moves=True,
)

# Differences


@answers(np.diff)
def diff(
    a: Any,
    n: int = 1,
    axis: int = -1,
    prepend: Any = np._NoValue,
    append: Any = np._NoValue,
) -> Any:
    """Answer ``np.diff``."""
    if n < 0:
        raise ValueError(f"order must be non-negative but got {n!r}")
    if n == 0:
        return a
    a = as_array(a)
    if np.ndim(a) == 0:
        raise ValueError("diff requires input that is at least one dimensional")
    axis = axis_index(axis, a.ndim)
    pieces = [a]
    if prepend is not np._NoValue:
        pieces.insert(0, beside(prepend, a, axis))
    if append is not np._NoValue:
        pieces.append(beside(append, a, axis))
    if len(pieces) > 1:
        a = np.concatenate(pieces, axis)
    subtract = np.not_equal if a.dtype == bool else np.subtract
    for _ in range(n):
        a = subtract(along(a, axis, 1, None), along(a, axis, None, -1))
    return a


def beside(value: Any, a: Any, axis: int) -> Any:
    """Return what is put before or after `a` along an axis; a number is repeated."""
    value = as_array(value)
    if np.ndim(value):
        return value
    return np.broadcast_to(value, (*a.shape[:axis], 1, *a.shape[axis + 1 :]))


@answers(np.ediff1d)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """Answer ``np.ediff1d``."""
    ary = np.ravel(as_array(ary))
    pieces = [ary[1:] - ary[:-1]]
    for place, value in ((0, to_begin), (2, to_end)):
        if value is not None:
            value = as_array(value)
            if not np.can_cast(value.dtype, ary.dtype, "same_kind"):
                raise TypeError(
                    "dtype of `to_begin` and `to_end` must be compatible with `ary`"
                )
            pieces.insert(place, np.astype(np.ravel(value), ary.dtype))
    return np.concatenate(pieces) if len(pieces) > 1 else pieces[0]


@answers(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Answer ``np.gradient``."""
    f = as_array(f)
    axes = range(f.ndim) if axis is None else normalize_axis_tuple(axis, f.ndim)
    if edge_order > 2:
        raise ValueError("'edge_order' greater than 2 not supported")
    if f.dtype.kind in "iu":
        f = np.astype(f, np.float64)
    found = []
    for k, dx in zip(axes, spacings(f, axes, varargs), strict=True):
        if f.shape[k] < edge_order + 1:
            raise ValueError(
                "Shape of array too small to calculate a numerical gradient, at least "
                "(edge_order + 1) elements are required."
            )
        result = quotients(f, k, dx, edge_order)
        if are_recorded_steps(dx) and is_even(dx):
            result = apply(VALUED_AS, result, quotients(f, k, dx[0], edge_order))
            result = lying(result, like=f)
        found.append(result)
    return found[0] if len(found) == 1 else tuple(found)


def quotients(f: Any, axis: int, dx: Any, edge_order: int) -> Any:
    """Return the difference quotients of `f` along an axis."""
    line = Line(f, axis, dx)
    edges = line.first_order if edge_order == 1 else line.second_order
    first, last = edges()
    parts = [first, line.interior(), last]
    found = np.astype(np.concatenate(parts, axis=axis), f.dtype, copy=False)
    return lying(found, like=f)


def are_recorded_steps(dx: Any) -> bool:
    """Whether a spacing is an array of recorded steps."""
    return isinstance(dx, Recorded) and np.ndim(dx) > 0  # type: ignore[arg-type]


def is_even(steps: Any) -> bool:
    """Whether places are evenly spaced; the answer is guarded."""
    return bool((steps == steps[0]).all())


def spacings(f: Any, axes: Any, given: Any) -> list[Any]:
    """Return the spacing along every axis: a number, or the differences of places.

    Plain places that are evenly spaced have a number, too.
    """
    if not given:
        return [1.0] * len(axes)
    if len(given) == 1 and np.ndim(given[0]) == 0:
        return [given[0]] * len(axes)
    if len(given) != len(axes):
        raise TypeError("invalid number of arguments")
    found = []
    for k, places in zip(axes, given, strict=True):
        if np.ndim(places) == 0:
            found.append(places)
            continue
        places = as_array(places)
        if places.ndim != 1:
            raise ValueError("distances must be either scalars or 1d")
        if len(places) != f.shape[k]:
            raise ValueError(
                "when 1d, distances must match the length of the "
                "corresponding dimension"
            )
        steps = np.diff(
            np.astype(places, float) if places.dtype.kind in "iu" else places
        )
        is_plain = not isinstance(steps, Recorded)
        found.append(steps[0] if is_plain and is_even(steps) else steps)
    return found


class Line:
    """Difference quotients of `f` along one axis."""

    def __init__(self, f: Any, axis: int, dx: Any) -> None:
        self.f, self.axis, self.dx = f, axis, dx
        self.is_uniform = np.ndim(dx) == 0

    def part(self, start: int | None, stop: int | None) -> Any:
        """Return a stretch along the axis."""
        return along(self.f, self.axis, start, stop)

    def step(self, k: int) -> Any:
        """Return one spacing."""
        return self.dx if self.is_uniform else self.dx[k]

    def interior(self) -> Any:
        """Return central differences, of second order also where the spacing varies."""
        before, here, after = self.part(None, -2), self.part(1, -1), self.part(2, None)
        if self.is_uniform:
            return (after - before) / (2.0 * self.dx)
        left, right = self.dx[:-1], self.dx[1:]
        shape = [1] * self.f.ndim
        shape[self.axis] = -1
        a = np.reshape(-right / (left * (left + right)), shape)
        b = np.reshape((right - left) / (left * right), shape)
        c = np.reshape(left / (right * (left + right)), shape)
        return a * before + b * here + c * after

    def first_order(self) -> tuple[Any, Any]:
        """Return one-sided differences of two points at both ends."""
        n = self.f.shape[self.axis]
        first = (self.part(1, 2) - self.part(0, 1)) / self.step(0)
        last = (self.part(n - 1, n) - self.part(n - 2, n - 1)) / self.step(-1)
        return first, last

    def second_order(self) -> tuple[Any, Any]:
        """Return one-sided differences of three points at both ends."""
        n = self.f.shape[self.axis]
        if self.is_uniform:
            dx = self.dx
            head = (-1.5 / dx, 2.0 / dx, -0.5 / dx)
            tail = (0.5 / dx, -2.0 / dx, 1.5 / dx)
        else:
            h, k = self.dx[0], self.dx[1]
            head = (
                -(2.0 * h + k) / (h * (h + k)),
                (h + k) / (h * k),
                -h / (k * (h + k)),
            )
            h, k = self.dx[-2], self.dx[-1]
            tail = (
                k / (h * (h + k)),
                -(k + h) / (h * k),
                (2.0 * k + h) / (k * (h + k)),
            )
        return self.three(head, 0), self.three(tail, n - 3)

    def three(self, weights: tuple[Any, Any, Any], start: int) -> Any:
        """Return the weighted sum of three neighbours."""
        a, b, c = weights
        x, y, z = (self.part(start + k, start + k + 1) for k in range(3))
        return a * x + b * y + c * z


@answers(np.unwrap)
def unwrap(
    p: Any, discont: Any = None, axis: int = -1, *, period: Any = 2 * np.pi
) -> Any:
    """Answer ``np.unwrap``: jumps are moved by whole periods."""
    p = as_array(p)
    axis = axis_of(axis, p.ndim)
    steps = np.diff(p, axis=axis)
    discont = period / 2 if discont is None else discont
    high = period / 2
    wrapped = np.mod(steps + high, period) - high
    wrapped = np.where((wrapped == -high) & (steps > 0), wrapped + period, wrapped)
    correction = np.where(np.abs(steps) < discont, 0.0, wrapped - steps)
    moved = along(p, axis, 1, None) + np.cumsum(correction, axis=axis)
    first = np.astype(along(p, axis, 0, 1), moved.dtype, copy=False)
    return lying(np.concatenate((first, moved), axis=axis), like=p)


# Interpolation


def evaluate_interval(x: Any, xp: Any) -> Any:
    """Return the interval of `xp` that each `x` lies in; the end is in the last."""
    places = np.searchsorted(xp, x, side="right") - 1
    return np.clip(places, 0, max(len(xp) - 2, 0))


INTERVAL = constant_of("interval", evaluate_interval, form=Routine(each=0), numpy=())


@answers(np.interp)
def interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
) -> Any:
    """Answer ``np.interp``; at a knot the slope is that to its right."""
    x, xp, fp = (np.astype(as_array(v), kind_of(v), copy=False) for v in (x, xp, fp))
    if xp.ndim != 1 or xp.shape != fp.shape:
        raise ValueError("fp and xp are not of the same length.")
    if xp.size == 0:
        raise ValueError("array of sample points is empty")
    if period is not None:
        if period == 0:
            raise ValueError("period must be a non-zero value")
        x, xp, fp = periodic(x, xp, fp, abs(period))
        left = right = None
    left = fp[0] if left is None else left
    right = fp[-1] if right is None else right
    inside = fp[0] + x * 0 if xp.size == 1 else between(x, xp, fp)
    result = np.where(x < xp[0], left, np.where(x > xp[-1], right, inside))
    return result if np.ndim(result) else result[()]


def kind_of(value: Any) -> Any:
    """Return the dtype in which ``np.interp`` computes."""
    return np.complex128 if as_array(value).dtype.kind == "c" else np.float64


def periodic(x: Any, xp: Any, fp: Any, period: Any) -> tuple[Any, Any, Any]:
    """Return the points folded into one period, with a neighbour on either side."""
    x, xp = x % period, xp % period
    order = np.argsort(xp)
    xp, fp = xp[order], fp[order]
    xp = np.concatenate((xp[-1:] - period, xp, xp[:1] + period))
    return x, xp, np.concatenate((fp[-1:], fp, fp[:1]))


def between(x: Any, xp: Any, fp: Any) -> Any:
    """Return the line through the ends of the interval that `x` lies in."""
    j = apply(INTERVAL, x, xp)
    slope = take((fp[1:] - fp[:-1]) / (xp[1:] - xp[:-1]), j)
    value = slope * (x - take(xp, j)) + take(fp, j)
    return np.where(x == xp[-1], slope * (x - xp[-1]) + fp[-1], value)


# What is real, and what is nothing


@answers(np.isreal)
def isreal(x: Any) -> Any:
    """Answer ``np.isreal``."""
    return np.imag(x) == 0


@answers(np.iscomplex)
def iscomplex(x: Any) -> Any:
    """Answer ``np.iscomplex``."""
    return lying(np.not_equal(np.imag(x), 0), "K" if np.iscomplexobj(x) else "C")


@answers(np.real_if_close)
def real_if_close(a: Any, tol: float = 100) -> Any:
    """Answer ``np.real_if_close``; how close it is is guarded."""
    a = np.asarray(a)
    if a.dtype.kind != "c":
        return a
    smallest = np.finfo(a.dtype).eps if tol > 1 else 1.0
    return np.real(a) if np.all(np.absolute(np.imag(a)) < tol * smallest) else a


@answers(np.trim_zeros)
def trim_zeros(filt: Any, trim: str = "fb", axis: Any = None) -> Any:
    """Answer ``np.trim_zeros`` of one axis; where the zeros end is guarded."""
    filt = as_array(filt)
    if filt.ndim != 1:
        raise NotImplementedError("more than one axis")
    trim = trim.lower()
    places = np.nonzero(filt)[0]
    if len(places) == 0:
        return filt[:0]
    start = operator.index(places[0]) if "f" in trim else 0
    stop = operator.index(places[-1]) + 1 if "b" in trim else len(filt)
    return filt[start:stop]


# Makers of arrays whose ends are recorded


@answers(np.linspace)
def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
    *,
    device: Any = None,
) -> Any:
    """Answer ``np.linspace`` between recorded ends."""
    num = operator.index(num)
    kind = np.result_type(*map(example, (start, stop)), 1.0)
    start, stop = as_array(start), as_array(stop)
    parts = div = num - 1 if endpoint else num
    delta = np.astype(stop, kind, copy=False) - np.astype(start, kind, copy=False)
    steps = np.arange(num, dtype=kind).reshape((-1,) + (1,) * np.ndim(delta))
    step = delta / div if parts > 0 else np.nan
    if parts > 0 and not np.any(step == 0):
        y = steps * step
    else:
        y = steps / max(div, 1) * delta
    laid = y
    y = lying(np.astype(y + start, kind, copy=False), like=laid)
    if endpoint and num > 1:
        last = np.reshape(np.broadcast_to(stop, np.shape(delta)), (1, *np.shape(delta)))
        y = np.concatenate((y[:-1], np.astype(last, y.dtype, copy=False)))
        y = lying(y, like=laid)
    y = np.moveaxis(y, 0, axis) if axis != 0 else y
    if dtype is not None:
        whole = np.issubdtype(dtype, np.integer)
        y = np.astype(np.floor(y) if whole else y, dtype, copy=False)
    return (y, step) if retstep else y


def example(end: Any) -> Any:
    """Return a plain value of the dtype of an end; a Python number is a weak one."""
    return plain_example(end if type(end) in WEAK else as_array(end))


@answers(np.logspace)
def logspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    base: Any = 10.0,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """Answer ``np.logspace`` between recorded ends."""
    if np.ndim(base):
        ndim = max(map(np.ndim, (start, stop, base)))
        start, stop = (
            np.reshape(v, (1,) * (ndim - np.ndim(v)) + np.shape(v))
            for v in (as_array(start), as_array(stop))
        )
        base = np.expand_dims(base, axis=axis)
    y = linspace(start, stop, num, endpoint, axis=axis)
    y = np.power(base, y)
    return y if dtype is None else np.astype(y, dtype, copy=False)


@answers(np.geomspace)
def geomspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """Answer ``np.geomspace`` between recorded ends."""
    num = operator.index(num)
    start, stop = as_array(start), as_array(stop)
    if np.any(start == 0) or np.any(stop == 0):
        raise ValueError("Geometric sequence cannot include zero")
    kind = np.result_type(start.dtype, stop.dtype, float)
    start, stop = np.astype(start, kind), np.astype(stop, kind)
    sign = np.sign(start)
    start, stop = start / sign, stop / sign
    y = logspace(np.log10(start), np.log10(stop), num, endpoint, dtype=kind)
    pieces = [y[1 : num - 1 if endpoint else num]]
    if num > 0:
        pieces.insert(0, first_row(start, y))
    if num > 1 and endpoint:
        pieces.append(first_row(stop, y))
    y = np.concatenate(pieces) * sign
    y = np.moveaxis(y, 0, axis) if axis != 0 else y
    return y if dtype is None else np.astype(y, dtype, copy=False)


def first_row(value: Any, y: Any) -> Any:
    """Return a value as one row of `y`."""
    return np.broadcast_to(value, (1, *y.shape[1:]))


# Covariance


@answers(np.cov)
def cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: Any = None,
    aweights: Any = None,
    *,
    dtype: Any = None,
) -> Any:
    """Answer ``np.cov``."""
    m = as_array(m)
    y = None if y is None else as_array(y)
    arrays = [m] if y is None else [m, y]
    if any(np.ndim(a) > 2 for a in arrays):
        raise ValueError("m and y have at most 2 dimensions")
    kind = np.result_type(*(a.dtype for a in arrays), float) if dtype is None else dtype
    X = np.astype(at_least_two(m), kind)
    if not rowvar and np.ndim(m) != 1:
        X = np.transpose(X)
    if X.shape[0] == 0:
        return np.reshape(np.array([]), (0, 0))
    if y is not None:
        y = np.astype(at_least_two(y), kind)
        y = np.transpose(y) if not rowvar and y.shape[0] != 1 else y
        X = np.concatenate((X, y), axis=0)
    ddof = (0 if bias else 1) if ddof is None else ddof
    w = fweights
    if aweights is not None:
        aweights = cast(as_array(aweights), np.dtype(float))
        w = aweights if w is None else np.multiply(w, aweights)
    mean, total = np.average(X, axis=1, weights=w, returned=True)
    total = total[0]
    if w is None:
        factor = max(X.shape[1] - ddof, 0)
    elif ddof == 0:
        factor = total
    elif aweights is None:
        factor = total - ddof
    else:
        factor = total - ddof * np.sum(np.multiply(w, aweights)) / total
    if factor <= 0:  # NumPy's own answer, and its warning
        message = "Degrees of freedom <= 0 for slice"
        warn(message)
        factor = 0.0
    X = X - mean[:, None]
    transposed = np.transpose(X if w is None else X * w)
    conj = np.conjugate(transposed) if X.dtype.kind == "c" else transposed
    c = np.dot(X, conj) * np.true_divide(1, factor)
    return np.squeeze(c)


def at_least_two(a: Any) -> Any:
    """Return an array with two axes."""
    return np.atleast_2d(a)


@answers(np.corrcoef)
def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Any:
    """Answer ``np.corrcoef``."""
    c = np.cov(x, y, rowvar, dtype=dtype)
    if np.ndim(c) == 0:
        return c / c
    deviation = np.sqrt(np.real(np.diagonal(c)))
    c = c / deviation[:, None] / deviation[None, :]
    if c.dtype.kind == "c":
        return np.clip(np.real(c), -1, 1) + 1j * np.clip(np.imag(c), -1, 1)
    return np.clip(c, -1, 1)


# Functions of lines


@answers(np.apply_along_axis)
def apply_along_axis(
    func1d: Any, axis: int, arr: Any, *args: Any, **kwargs: Any
) -> Any:
    """Answer ``np.apply_along_axis``."""
    arr = as_array(arr)
    axis = axis_index(axis, arr.ndim)
    lines = np.moveaxis(arr, axis, -1)
    outside = lines.shape[:-1]
    if 0 in outside:
        raise ValueError("Cannot apply_along_axis when any iteration dimensions are 0")
    found = [as_array(func1d(lines[k], *args, **kwargs)) for k in np.ndindex(outside)]
    inner = np.ndim(found[0])
    result = np.reshape(np.stack(found), (*outside, *np.shape(found[0])))
    result = np.astype(result, found[0].dtype, copy=False)
    ndim = result.ndim
    order = [*range(axis), *range(ndim - inner, ndim), *range(axis, ndim - inner)]
    return np.transpose(result, order)


@answers(np.apply_over_axes)
def apply_over_axes(func: Any, a: Any, axes: Any) -> Any:
    """Answer ``np.apply_over_axes``: an axis that the function drops is kept."""
    result = as_array(a)
    ndim = result.ndim
    for axis in integers(axes):
        axis += ndim if axis < 0 else 0
        found = func(result, axis)
        result = found if found.ndim == ndim else np.expand_dims(found, axis)
        if result.ndim != ndim:
            raise ValueError("function is not returning an array of the correct shape")
    return result
