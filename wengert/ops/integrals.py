"""Integrals of samples: `scipy.integrate`'s rules, which are sums with weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.operation import answers_named
from wengert.core.types import has_class
from wengert.ops.axes import integer
from wengert.ops.join import as_array
from wengert.ops.mean import trapezoid

answers_named("scipy.integrate.trapezoid")(trapezoid)


def samples(y: Any, x: Any, dx: Any, axis: int) -> tuple[Any, Any]:
    """Return samples along the last axis, and the spacings between them.

    One that is a Python number stays one, and takes the dtype of the samples.
    """
    y = np.moveaxis(as_array(y), axis, -1)
    if x is None:
        return y, dx if has_class(dx, (int, float)) else as_array(dx)
    x = as_array(x)
    if x.ndim != 1 and x.ndim != y.ndim:
        raise ValueError("If given, shape of x must be 1-D or the same as y.")
    x = x if x.ndim == 1 else np.moveaxis(x, axis, -1)
    if x.shape[-1] != y.shape[-1]:
        raise ValueError("If given, length of x along axis must be the same as y.")
    return y, np.diff(x, axis=-1)


def ratio(a: Any, b: Any) -> Any:
    """Return a quotient, 0 where the divisor is."""
    return np.where(b != 0, a / np.where(b != 0, b, 1.0), 0.0)


@answers_named("scipy.integrate.cumulative_trapezoid")
def cumulative_trapezoid(
    y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1, initial: Any = None
) -> Any:
    """Answer ``scipy.integrate.cumulative_trapezoid``."""
    y, h = samples(y, x, dx, integer(axis))
    found = np.cumsum(h * (y[..., 1:] + y[..., :-1]) / 2.0, axis=-1)
    if initial is not None:
        first = np.broadcast_to(as_array(initial), (*found.shape[:-1], 1))
        found = np.concatenate([first.astype(found.dtype), found], axis=-1)
    return np.moveaxis(found, -1, axis)


@answers_named("scipy.integrate.simpson")
def simpson(y: Any, x: Any = None, *, dx: Any = 1.0, axis: int = -1) -> Any:
    """Answer ``scipy.integrate.simpson``."""
    y, h = samples(y, x, dx, integer(axis))
    count = y.shape[-1]
    if count % 2:
        return parabolas(y, h, x is None)
    first, last = (h, h) if x is None else (h[..., -2:-1], h[..., -1:])
    if count == 2:
        step = h if x is None else h[..., -1]
        return 0.5 * step * (y[..., -1] + y[..., -2])
    if x is not None:
        first, last = first[..., 0], last[..., 0]
    # Cartwright's correction: the last interval from a parabola through three points.
    alpha = ratio(2 * last**2 + 3 * first * last, 6 * (last + first))
    beta = ratio(last**2 + 3.0 * first * last, 6 * first)
    eta = ratio(last**3, 6 * first * (first + last))
    rest = alpha * y[..., -1] + beta * y[..., -2] - eta * y[..., -3]
    inner = h if x is None else h[..., :-1]
    return parabolas(y[..., :-1], inner, x is None) + rest


def parabolas(y: Any, h: Any, is_even: bool) -> Any:
    """Return the sum of integrals of parabolas through three samples each."""
    y0, y1, y2 = y[..., :-2:2], y[..., 1:-1:2], y[..., 2::2]
    if is_even:
        return np.sum(y0 + 4.0 * y1 + y2, axis=-1) * (h / 3.0)
    h0, h1 = h[..., :-1:2], h[..., 1::2]
    whole, quotient = h0 + h1, ratio(h0, h1)
    ends = y0 * (2.0 - ratio(np.ones(()), quotient)) + y2 * (2.0 - quotient)
    middle = y1 * (whole * ratio(whole, h0 * h1))
    return np.sum(whole / 6.0 * (ends + middle), axis=-1)


@answers_named("scipy.integrate.cumulative_simpson")
def cumulative_simpson(
    y: Any, *, x: Any = None, dx: Any = 1.0, axis: int = -1, initial: Any = None
) -> Any:
    """Answer ``scipy.integrate.cumulative_simpson``."""
    if as_array(y).shape[axis] < 3:
        return cumulative_trapezoid(y, x, dx, axis, initial)
    y, h = samples(y, x, dx, integer(axis))
    if x is not None and np.any(h <= 0):
        raise ValueError("Input x must be strictly increasing.")
    count = y.shape[-1] - 1
    if x is None and np.ndim(h):
        h = np.moveaxis(h, axis, -1)
    h = np.broadcast_to(h, (*y.shape[:-1], count))
    ahead = first_of_two(y, h)
    behind = first_of_two(y[..., ::-1], h[..., ::-1])[..., ::-1]
    parts = [(behind if k % 2 else ahead)[..., k - k % 2] for k in range(count - 1)]
    parts.append(behind[..., -1])  # no parabola begins there
    found = np.cumsum(np.stack(parts, axis=-1), axis=-1)
    if initial is not None:
        initial = as_array(initial)
        initial = np.moveaxis(initial, axis, -1) if initial.ndim else initial
        first = np.broadcast_to(initial, (*found.shape[:-1], 1))
        found = np.concatenate([first, found + first], axis=-1)
    return np.moveaxis(found, -1, axis)


def first_of_two(y: Any, h: Any) -> Any:
    """Return the integrals over the first of two intervals under one parabola."""
    h0, h1 = h[..., :-1], h[..., 1:]
    share, quotient = h0 / (h0 + h1), h0 / h1
    both = share * quotient
    y0, y1, y2 = y[..., :-2], y[..., 1:-1], y[..., 2:]
    return h0 / 6 * ((3 - share) * y0 + (3 + both + share) * y1 - both * y2)


@answers_named("scipy.integrate.romb")
def romb(y: Any, dx: Any = 1.0, axis: int = -1, show: bool = False) -> Any:
    """Answer ``scipy.integrate.romb``; the table of `show` is not printed."""
    y = np.moveaxis(as_array(y), integer(axis), -1)
    count = y.shape[-1] - 1
    if count < 1 or count & (count - 1):
        raise ValueError(
            "Number of samples must be one plus a non-negative power of 2."
        )
    h, step = count * as_array(dx), count
    row = [(y[..., 0] + y[..., -1]) / 2.0 * h]
    while step > 1:
        new = [0.5 * (row[0] + h * np.sum(y[..., step // 2 :: step], axis=-1))]
        for j, before in enumerate(row, 1):
            new.append(new[-1] + (new[-1] - before) / (4**j - 1))
        row, step, h = new, step // 2, h / 2.0
    return row[-1]
