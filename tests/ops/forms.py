"""Calls whose places, masks, counts or settings are decided by the data themselves.

Each is a plain NumPy function of a vector `x` or of a matrix `a`, in one form of its
settings: `where=`, `initial=`, `dtype=`, `out=`, index arrays, masks.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

Function = Callable[..., Any]
#: Forms of a vector of six elements, by their names.
VECTOR: dict[str, Function] = {}
#: Forms of a matrix of three rows and four columns.
MATRIX: dict[str, Function] = {}
#: Forms of a Python float.
NUMBER: dict[str, Function] = {}


def done(change: Callable[[Any, Any], Any]) -> Function:
    """Return what a function that writes into a copy leaves in it."""

    def form(x: Any) -> Any:
        y = x * 1.0
        change(x, y)
        return y

    return form


def written(key: Callable[[Any], Any], value: Callable[[Any], Any]) -> Function:
    """Return ``y[key] = value`` in a copy."""

    def change(x: Any, y: Any) -> None:
        y[key(x)] = value(x)

    return done(change)


def added(key: Callable[[Any], Any], value: Callable[[Any], Any]) -> Function:
    """Return ``np.add.at(y, key, value)`` in a copy."""
    return done(lambda x, y: np.add.at(y, key(x), value(x)))


# Which are the places: orders, places with repeats, masks, single places


def order(x: Any) -> Any:
    """Return the places in the order of the elements."""
    return np.argsort(x)


def repeats(x: Any) -> Any:
    """Return places that repeat."""
    return np.argsort(x) // 2


def mask(x: Any) -> Any:
    """Return where elements are positive."""
    return x > 0.0


def least(x: Any) -> Any:
    """Return the place of the least element."""
    return np.argmin(x)


def count(x: Any) -> Any:
    """Return how many elements are positive."""
    return np.count_nonzero(x > 0.0)


VECTOR |= {
    # reading
    "x[order]": lambda x: x[order(x)],
    "x[repeats]": lambda x: x[repeats(x)],
    "x[mask]": lambda x: x[mask(x)],
    "x[least]": lambda x: x[least(x)],
    "x[-least]": lambda x: x[-least(x)],
    "x[least:]": lambda x: x[least(x) :],
    "x[:, None][order, 0]": lambda x: x[:, None][order(x), 0],
    "plain[order]": lambda x: np.arange(6.0)[order(x)] * x,
    "plain[mask]": lambda x: np.arange(6.0)[mask(x)],
    "x.flat[order]": lambda x: x.flat[order(x)],
    "x.item(least)": lambda x: x.item(least(x)),
    "item of single": lambda x: x.astype(np.float32).item(1),
    "item beside single": lambda x: x.item(1) * x.astype(np.float32),
    "item of a sum": lambda x: np.sum(x).item() * x.astype(np.float32),
    "item of a count": lambda x: count(x).item() * x,
    "take": lambda x: np.take(x, order(x)),
    "take wrap": lambda x: np.take(x, 3 * order(x), mode="wrap"),
    "take clip": lambda x: np.take(x, 3 * order(x) - 4, mode="clip"),
    "take out": done(lambda x, y: np.take(x, order(x), out=y)),
    "take axis": lambda x: np.take(x, repeats(x), axis=0),
    "take_along_axis": lambda x: np.take_along_axis(x, order(x), 0),
    "compress": lambda x: np.compress(mask(x), x),
    "x.compress": lambda x: x.compress(mask(x)),
    "extract": lambda x: np.extract(mask(x), x),
    "choose": lambda x: np.choose(order(x) % 2, (x, -2.0 * x)),
    "choose wrap": lambda x: np.choose(order(x), (x, -2.0 * x), mode="wrap"),
    "choose clip": lambda x: np.choose(order(x), (x, -2.0 * x), mode="clip"),
    "select": lambda x: np.select([x > 1.0, x > 0.0], [x, 2.0 * x], -1.0),
    "piecewise": lambda x: np.piecewise(x, [x > 0.0], [lambda z: z**2, -1.0]),
    "searchsorted": lambda x: np.searchsorted(np.sort(x), x * 0.5),
    "searchsorted sorter": lambda x: np.searchsorted(x, x * 0.5, sorter=order(x)),
    "digitize": lambda x: np.digitize(x, np.sort(x)[::2]),
    "bincount": lambda x: np.bincount(repeats(x), weights=x),
    "bincount minlength": lambda x: np.bincount(repeats(x), minlength=9),
    "nonzero": lambda x: np.nonzero(mask(x)),
    "flatnonzero": lambda x: np.flatnonzero(mask(x)),
    "argwhere": lambda x: np.argwhere(mask(x)),
    "unique": lambda x: np.unique(np.round(x)),
    "unique all": lambda x: np.unique(np.round(x), True, True, True),
    "unravel_index": lambda x: np.unravel_index(order(x), (2, 3)),
    "ravel_multi_index": lambda x: np.ravel_multi_index(
        (order(x) // 3, order(x) % 3), (2, 3)
    ),
    "histogram weights": lambda x: np.histogram(x, 3, weights=np.abs(x)),
    "histogram2d": lambda x: np.histogram2d(x, x[::-1], 2, weights=np.abs(x))[0],
    "quantile place": lambda x: np.quantile(x, 0.5 + 0.1 * np.tanh(x[0])),
    "sliding_window_view": lambda x: np.lib.stride_tricks.sliding_window_view(
        x, 2 + least(x) % 3
    ),
    "interp": lambda x: np.interp(x[:2], np.sort(x), x),
    # writing
    "y[order] = ": written(order, lambda x: 2.0 * x),
    "y[repeats] = ": written(repeats, lambda x: 2.0 * x),
    "y[repeats] = number": written(repeats, lambda x: x[0] * x[1]),
    "y[mask] = number": written(mask, lambda x: x[0] * x[1]),
    "y[mask] = ": written(mask, lambda x: x[mask(x)] * 2.0),
    "y[least] = ": written(least, lambda x: x[0] * 7.0),
    "y[least:] = ": written(lambda x: slice(least(x), None), lambda x: x[0]),
    "y[order] += ": done(lambda x, y: y.__setitem__(order(x), y[order(x)] + x)),
    "add.at": added(repeats, lambda x: x),
    "add.at number": added(repeats, lambda x: x[0]),
    "add.at mask": added(mask, lambda x: x[0]),
    "subtract.at": done(lambda x, y: np.subtract.at(y, repeats(x), x)),
    "multiply.at": done(lambda x, y: np.multiply.at(y, repeats(x), x)),
    "maximum.at": done(lambda x, y: np.maximum.at(y, repeats(x), x)),
    "put": done(lambda x, y: np.put(y, order(x), [1.0, 2.0])),
    "put place": done(lambda x, y: np.put(y, least(x), x[0] * 2.0)),
    "put repeats": done(lambda x, y: np.put(y, repeats(x), x)),
    "put wrap": done(lambda x, y: np.put(y, 5 * order(x), x, mode="wrap")),
    "put clip": done(lambda x, y: np.put(y, 5 * order(x) - 3, x, mode="clip")),
    "y.put": done(lambda x, y: y.put(order(x), 2.0 * x)),
    "put_along_axis": done(
        lambda x, y: np.put_along_axis(y, order(x), np.arange(6.0), 0)
    ),
    "putmask": done(lambda x, y: np.putmask(y, mask(x), [3.0, 4.0])),
    "place": done(lambda x, y: np.place(y, mask(x), [7.0, 8.0])),
    "place recorded": done(lambda x, y: np.place(y, x < 0.0, x[:2])),
    "copyto": done(lambda x, y: np.copyto(y, 2.0, where=mask(x))),
    "y.flat": done(lambda x, y: y.flat.__setitem__(order(x), 2.0 * x)),
    # leaving out and putting in
    "delete place": lambda x: np.delete(x, least(x)),
    "delete last": lambda x: np.delete(x, -1 - least(x)),
    "delete order": lambda x: np.delete(x, order(x)[:2]),
    "delete repeats": lambda x: np.delete(x, repeats(x)[:3]),
    "delete mask": lambda x: np.delete(x, mask(x)),
    "delete slice": lambda x: np.delete(x, slice(least(x), None, 2)),
    "insert place": lambda x: np.insert(x, least(x), x[0] * 2.0),
    "insert last": lambda x: np.insert(x, -least(x), 5.0),
    "insert several": lambda x: np.insert(x, least(x), [1.0, 2.0]),
    "insert order": lambda x: np.insert(x, order(x)[:3], x[:3]),
    "insert repeats": lambda x: np.insert(x, repeats(x), x),
    "insert number": lambda x: np.insert(x, order(x), 0.5),
    "insert mask": lambda x: np.insert(x, mask(x), 0.5),
    "insert found": lambda x: np.insert(
        np.sort(x), np.searchsorted(np.sort(x), 0.3), 0.3
    ),
    # counts and sizes
    "pad": lambda x: np.pad(x, (0, count(x))),
    "pad edge": lambda x: np.pad(x, count(x), mode="edge"),
    "pad array": lambda x: np.pad(x, np.array([1, 0]) + count(x), mode="wrap"),
    "repeat": lambda x: np.repeat(x, count(x)),
    "repeat each": lambda x: np.repeat(x, order(x) % 3),
    "tile": lambda x: np.tile(x, count(x)),
    "roll": lambda x: np.roll(x, least(x)),
    "split": lambda x: np.split(x, [least(x)]),
    "array_split": lambda x: np.array_split(x, 1 + count(x)),
    "partition": lambda x: np.partition(x, least(x)),
    "resize": lambda x: np.resize(x, 3 + least(x)),
    "zeros": lambda x: np.zeros(count(x)),
    "full": lambda x: np.full(2 + count(x), x[0]),
    "eye": lambda x: np.eye(2, k=count(x) % 2) * x[0],
    "arange": lambda x: np.arange(count(x)) * x[0],
    "linspace": lambda x: np.linspace(x[0], x[1], 2 + count(x)),
    "reduceat": lambda x: np.add.reduceat(x, [0, 1 + least(x) % 5]),
    "multiply.reduceat": lambda x: np.multiply.reduceat(x, [0, 1 + least(x) % 5]),
    "diag": lambda x: np.diag(x, count(x) % 2),
    "round": lambda x: np.round(x, count(x)),
    "power of a count": lambda x: x ** count(x),
    # where=
    "all where": lambda x: np.all(x > -1.0, where=mask(x)),
    "any where": lambda x: np.any(x > 1.0, where=x < 0.5),
    "all of numbers where": lambda x: np.all(np.round(x), where=mask(x)),
    "any of numbers where": lambda x: np.any(np.round(x), where=x < 0.5),
    "x.all where": lambda x: (x > -1.0).all(where=mask(x)),
    "logical_and.reduce where": lambda x: np.logical_and.reduce(
        x > -1.0, where=mask(x)
    ),
    "sum where": lambda x: np.sum(x, where=mask(x)),
    **{
        f"{function.__name__} of plain numbers where": (
            lambda x, function=function: function(np.arange(6.0), where=mask(x))
        )
        for function in (np.sum, np.prod, np.all, np.any, np.mean)
    },
    "max of plain numbers where": lambda x: np.max(
        np.arange(6.0), where=mask(x), initial=-1.0
    ),
    "sum of plain numbers initial": lambda x: np.sum(np.arange(6.0), initial=x[0]),
    "sum where initial": lambda x: np.sum(x, where=mask(x), initial=2.5),
    "sum where recorded initial": lambda x: np.sum(x, where=mask(x), initial=x[0]),
    "prod where": lambda x: np.prod(x, where=mask(x)),
    "mean where": lambda x: np.mean(x, where=x < 9.0),
    "var where": lambda x: np.var(x, where=x > np.min(x)),
    "std where": lambda x: np.std(x, where=x > np.min(x), ddof=1),
    "max where": lambda x: np.max(x, where=mask(x), initial=-9.0),
    "min where": lambda x: np.min(x, where=mask(x), initial=x[0]),
    "add.reduce where": lambda x: np.add.reduce(x, where=mask(x)),
    "maximum.reduce where": lambda x: np.maximum.reduce(x, where=mask(x), initial=-1.0),
    "bitwise_or.reduce where": lambda x: np.bitwise_or.reduce(order(x), where=mask(x)),
    "count_nonzero": lambda x: np.count_nonzero(np.round(x)),
    "multiply where": done(
        lambda x, y: np.multiply(x, 3.0, out=y, where=mask(x)),
    ),
    "sqrt where": done(lambda x, y: np.sqrt(x, out=y, where=mask(x))),
    "greater where": lambda x: np.greater(
        x, 0.2, out=np.zeros(6, dtype=bool), where=mask(x)
    ),
    # initial=
    "max initial": lambda x: np.max(x, initial=0.4),
    "max of integers initial": lambda x: np.max(order(x) - 9, initial=2),
    "max of integers float initial": lambda x: np.max(order(x) - 9, initial=2.75),
    "max of integers where float initial": lambda x: np.max(
        order(x), where=mask(x), initial=2.75
    ),
    "min of integers recorded initial": lambda x: np.min(
        order(x) + 3, initial=np.astype(x[0], np.int64)
    ),
    "sum initial": lambda x: np.sum(x, initial=x[1]),
    "sum of integers float initial": lambda x: np.sum(order(x), initial=2.75),
    "prod of integers float initial": lambda x: np.prod(repeats(x), initial=2.75),
    "add.reduce initial": lambda x: np.add.reduce(x, initial=x[1]),
    "max of single initial": lambda x: np.max(x.astype(np.float32), initial=0.1),
    "subtract.reduce initial": lambda x: np.subtract.reduce(x, initial=x[1]),
    "hypot.reduce initial": lambda x: np.hypot.reduce(x, initial=x[1]),
    "logical_and.reduce initial": lambda x: np.logical_and.reduce(mask(x), initial=0),
    "logical_or.reduce initial": lambda x: np.logical_or.reduce(mask(x), initial=1),
    "bitwise_or.reduce initial": lambda x: np.bitwise_or.reduce(order(x), initial=16),
    # dtype=
    **{
        f"{ufunc.__name__}.reduce {np.dtype(dtype)}": (
            lambda x, ufunc=ufunc, dtype=dtype: ufunc.reduce(1e5 * x, dtype=dtype)
        )
        for ufunc in (np.add, np.multiply, np.maximum, np.fmin, np.subtract, np.hypot)
        for dtype in (np.float32, np.float16, np.complex128)
        if not (np.issubdtype(dtype, np.complexfloating) and ufunc is np.hypot)
    },
    **{
        f"{ufunc.__name__}.accumulate {np.dtype(dtype)}": (
            lambda x, ufunc=ufunc, dtype=dtype: ufunc.accumulate(1e5 * x, dtype=dtype)
        )
        for ufunc in (np.add, np.multiply, np.maximum, np.fmin, np.subtract, np.hypot)
        for dtype in (np.float32, np.float16, np.complex128)
        if not (np.issubdtype(dtype, np.complexfloating) and ufunc is np.hypot)
    },
    **{
        f"{ufunc.__name__}.reduceat {np.dtype(dtype)}": (
            lambda x, ufunc=ufunc, dtype=dtype: ufunc.reduceat(
                1e5 * x, [0, 3], dtype=dtype
            )
        )
        for ufunc in (np.add, np.multiply, np.maximum, np.subtract)
        for dtype in (np.float32, np.float16)
    },
    "add dtype": lambda x: np.add(1e5 * x, 1.0, dtype=np.float32),
    "sin dtype": lambda x: np.sin(1e5 * x, dtype=np.float32),
    "less dtype": lambda x: np.less(x, 0.25, dtype=bool),
    "isnan dtype": lambda x: np.isnan(x, dtype=bool),
    "add of integers dtype": lambda x: np.add(order(x), 1, dtype=np.float64),
    "divide dtype": lambda x: np.divide(order(x), 3, dtype=np.float32),
    "bitwise_or.reduce dtype": lambda x: np.bitwise_or.reduce(order(x), dtype=np.int32),
    "gcd.accumulate dtype": lambda x: np.gcd.accumulate(order(x), dtype=np.int32),
    "sum dtype": lambda x: np.sum(1e5 * x, dtype=np.float32),
    "sum to integers": lambda x: np.sum(3.0 * x, dtype=np.int64),
    "prod dtype": lambda x: np.prod(1e5 * x, dtype=np.float32),
    "cumsum dtype": lambda x: np.cumsum(1e5 * x, dtype=np.float32),
    "cumprod dtype": lambda x: np.cumprod(1e5 * x, dtype=np.float32),
    "mean dtype": lambda x: np.mean(1e5 * x, dtype=np.float32),
    "var dtype": lambda x: np.var(x, dtype=np.float32),
    "std dtype": lambda x: np.std(x, dtype=np.float32),
    "trace dtype": lambda x: np.trace(np.outer(x, x), dtype=np.float32),
    "concatenate dtype": lambda x: np.concatenate((x, x), dtype=np.float32),
    "stack dtype": lambda x: np.stack((x, x), dtype=np.float32),
    "einsum dtype": lambda x: np.einsum("i,i", x, x),
    # out=
    "sin out": lambda x: np.sin(x, out=np.zeros(6)),
    "add out single": lambda x: np.add(x, 1.0, out=np.zeros(6, dtype=np.float32)),
    "sum out": lambda x: np.sum(x, out=np.zeros(())),
    "sum out single": lambda x: np.sum(1e5 * x, out=np.zeros((), dtype=np.float32)),
    "max out": lambda x: np.max(x, out=np.zeros(())),
    "max out single": lambda x: np.max(x, out=np.zeros((), dtype=np.float32)),
    "cumsum out": lambda x: np.cumsum(x, out=np.zeros(6)),
    "maximum.accumulate out": lambda x: np.maximum.accumulate(x, out=np.zeros(6)),
    "add.reduce out": lambda x: np.add.reduce(x, out=np.zeros(())),
    "argmax out": lambda x: np.argmax(x, out=np.zeros((), dtype=np.intp)),
    "all out": lambda x: np.all(mask(x), out=np.zeros((), dtype=bool)),
    "clip out": done(lambda x, y: np.clip(x, -0.5, 0.5, out=y)),
    "round out": done(lambda x, y: np.round(x, 1, out=y)),
    "mean out": lambda x: np.mean(x, out=np.zeros(())),
    "divmod out": lambda x: np.divmod(x, 0.3, out=(np.zeros(6), np.zeros(6))),
    "modf out": lambda x: np.modf(x, out=(np.zeros(6), np.zeros(6))),
    "outer out": lambda x: np.multiply.outer(x[:2], x[:2], out=np.zeros((2, 2))),
    "dot out": lambda x: np.dot(
        np.outer(x[:2], x[:2]), np.eye(2), out=np.zeros((2, 2))
    ),
    "concatenate out": lambda x: np.concatenate((x[:2], x[2:]), out=np.zeros(6)),
    "stack out": lambda x: np.stack((x[:2], x[2:4]), out=np.zeros((2, 2))),
    # statistics
    "median": np.median,
    "quantile": lambda x: np.quantile(x, 0.3, method="lower"),
    "percentile out": lambda x: np.percentile(x, 30.0, out=np.zeros(())),
    "histogram": lambda x: np.histogram(x, bins=3, range=(-1.0, 1.0)),
    "nansum": lambda x: np.nansum(np.where(mask(x), x, np.nan)),
    "nanmax": lambda x: np.nanmax(np.where(x > np.min(x), x, np.nan)),
    "nanargmax": lambda x: np.nanargmax(np.where(x > np.min(x), x, np.nan)),
    "trim_zeros": lambda x: np.trim_zeros(np.where(mask(x), x, 0.0)),
    "cov": lambda x: np.cov(x, x[::-1]),
    "cov of nothing": lambda x: np.cov(x[:0]),
    "cov weights": lambda x: np.cov(x, fweights=order(x)),
    "average": lambda x: np.average(x, weights=order(x)),
    "min_scalar_type": lambda x: np.zeros(1, np.min_scalar_type(300 * np.argmin(x))),
    "result_type": lambda x: np.zeros(1, np.result_type(x, np.float32)),
}

MATRIX |= {
    "a[order of a row]": lambda a: a[:, np.argsort(a[0])],
    "a[mask]": lambda a: a[a > 0.0],
    "a[mask of rows]": lambda a: a[a[:, 0] > 0.0],
    "a[places]": lambda a: a[np.argsort(a[:, 0]), np.argsort(a[:, 1])],
    "take axis": lambda a: np.take(a, np.argsort(a[0]), axis=1),
    "take flat": lambda a: np.take(a, np.argsort(np.ravel(a))[:3]),
    "take_along_axis": lambda a: np.take_along_axis(a, np.argsort(a, 1), 1),
    "compress axis": lambda a: np.compress(a[0] > 0.0, a, axis=1),
    "delete axis": lambda a: np.delete(a, np.argmin(a[0]), axis=1),
    "delete flat": lambda a: np.delete(a, np.argmin(a)),
    "delete mask axis": lambda a: np.delete(a, a[:, 0] > 0.0, axis=0),
    "insert axis": lambda a: np.insert(a, np.argmin(a[0]), a[:, 0], axis=1),
    "insert axis several": lambda a: np.insert(
        a, np.argsort(a[0])[:2], a[:, :2], axis=1
    ),
    "insert flat": lambda a: np.insert(a, np.argmin(a), 4.0),
    "y[mask of rows] = ": written(lambda a: a[:, 0] > 0.0, lambda a: a[0]),
    "y[:, repeats] = ": written(
        lambda a: (slice(None), np.argsort(a[0]) // 2), lambda a: 2.0 * a
    ),
    "y.T[repeats] = ": done(
        lambda a, y: y.T.__setitem__(np.argsort(a[0]) // 2, a.T[:4] * 2.0)
    ),
    "y.ravel()[repeats] = ": done(
        lambda a, y: y.reshape(-1).__setitem__(np.argsort(a[0]) // 2, a[1])
    ),
    "put": done(lambda a, y: np.put(y, np.argsort(a[0]), a[1])),
    "put_along_axis": done(
        lambda a, y: np.put_along_axis(y, np.argmax(a, 1)[:, None], 9.0, axis=1)
    ),
    "put_along_axis flat": done(
        lambda a, y: np.put_along_axis(y, np.argsort(np.ravel(a))[:3], 9.0, axis=None)
    ),
    "place": done(lambda a, y: np.place(y, a > 0.0, a[0])),
    "all axis where": lambda a: np.all(a > -1.0, axis=1, where=a > 0.0),
    "any axis where row": lambda a: np.any(a > 1.0, axis=1, where=a[0] > 0.0),
    "any keepdims where": lambda a: np.any(
        a > 1.0, axis=0, keepdims=True, where=a[:, :1] > 0.0
    ),
    "all axis where out": lambda a: np.all(
        a > -1.0, axis=1, where=a > 0.0, out=np.zeros(3, dtype=bool)
    ),
    "sum axis where": lambda a: np.sum(a, axis=1, where=a > 0.0, initial=a[0, 0]),
    "max axis where": lambda a: np.max(
        a, axis=0, where=a > 0.0, initial=-1.0, keepdims=True
    ),
    "bitwise_or.reduce axis where": lambda a: np.bitwise_or.reduce(
        np.argsort(a, 1), axis=1, where=a > 0.0
    ),
    "bitwise_xor.reduce axes": lambda a: np.bitwise_xor.reduce(
        np.argsort(a, 1), axis=(0, 1), keepdims=True
    ),
    "maximum.accumulate axis dtype": lambda a: np.maximum.accumulate(
        1e5 * a, axis=1, dtype=np.float32
    ),
    "maximum.reduce axis dtype": lambda a: np.maximum.reduce(
        1e5 * a, axis=1, dtype=np.float16
    ),
    "tile": lambda a: np.tile(a, (1, np.count_nonzero(a[0] > 0.0))),
    "repeat axis": lambda a: np.repeat(a, np.argsort(a[0]), axis=1),
    "roll axis": lambda a: np.roll(a, np.argmin(a[0]), axis=1),
    "roll axes": lambda a: np.roll(a, (np.argmin(a[0]), 1), axis=(1, 0)),
    "rot90": lambda a: np.rot90(a, np.argmin(a[0])),
    "pad": lambda a: np.pad(a, ((0, 1), (np.argmin(a[0]), 0)), mode="reflect"),
    "split axis": lambda a: np.split(a, [np.argmin(a[0])], axis=1),
    "diagonal": lambda a: np.diagonal(a, np.argmin(a[0]) - 1),
    "tril": lambda a: np.tril(a, np.argmin(a[0]) - 1),
    "lexsort": lambda a: np.lexsort(np.round(a)),
    "sort axis": lambda a: np.sort(a, axis=0),
    "partition axis": lambda a: np.partition(a, np.argmin(a[0]), axis=1),
    "unique axis": lambda a: np.unique(np.round(a), axis=0),
    "fill_diagonal": done(lambda a, y: np.fill_diagonal(y, a[0, 0])),
    "cov of rows": lambda a: np.cov(a, aweights=np.abs(a[0])),
    "cov of single": lambda a: np.cov(
        a.astype(np.float32), aweights=np.abs(a[0].astype(np.float32))
    ),
    "cov of empty rows": lambda a: np.cov(a[:, :0]),
}

NUMBER |= {
    "frexp": lambda x: math.frexp(x),
    "modf": lambda x: math.modf(x),
    "floor": lambda x: x * math.floor(x),
    "ceil": lambda x: x * math.ceil(x),
    "trunc": lambda x: x * math.trunc(x),
    "int": lambda x: x * int(x),
    "round": lambda x: x * round(x),
    "round to digits": lambda x: round(x, 1),
    "divmod": lambda x: divmod(x, 0.7),
    "log base": lambda x: math.log(abs(x) + 1.0, abs(x) + 2.0),
    "remainder": lambda x: math.remainder(x, 0.7),
    "remainder by infinity": lambda x: math.remainder(x, x + math.inf),
    "fmod": lambda x: math.fmod(x, 0.7),
    "ldexp": lambda x: math.ldexp(x, int(x)),
    "isclose": lambda x: x if math.isclose(x, 3.0, rel_tol=0.2) else -x,
    "isfinite": lambda x: x if math.isfinite(x) else 0.0,
    "copysign": lambda x: math.copysign(2.0, x) * x,
    "fsum": lambda x: math.fsum([x, 1e16, -1e16]),
    "prod": lambda x: math.prod([x, x, 2.0]),
    "dist": lambda x: math.dist([x, 1.0], [2.0, x]),
    "hypot": lambda x: math.hypot(x, 2.0, x),
    "gcd": lambda x: x * math.gcd(int(x), 6),
    "comb": lambda x: x * math.comb(5, abs(int(x))),
    "factorial": lambda x: x * math.factorial(abs(int(x))),
    "isqrt": lambda x: x * math.isqrt(abs(int(x))),
    "ulp": lambda x: math.ulp(x),
    "is_integer": lambda x: x if x.is_integer() else -x,
    "text": lambda x: x * len(f"{x:.3g}"),
    "max": lambda x: max(x, 0.5, -x),
    "sorted": lambda x: sorted([x, 0.5, -x]),
    "index of a list": lambda x: [x, 2.0 * x, 3.0 * x][int(abs(x)) % 3],
    "slice of a list": lambda x: [x, 2.0 * x, 3.0 * x][: int(abs(x)) % 3 + 1],
    "range": lambda x: sum(x for _ in range(int(abs(x)))) + x,
    "zeros": lambda x: np.zeros(int(abs(x))) + x,
    "arange": lambda x: np.arange(0.0, abs(x), 0.5) * x,
    "linspace": lambda x: np.linspace(0.0, x, 3),
    "clip": lambda x: np.clip(x, -1.0, 1.0),
    "where": lambda x: np.where(x > 0.0, x, x * x),
    "and": lambda x: x and 2.0 * x,
    "or": lambda x: x or 3.0,
    "chain": lambda x: x if -1.0 < x < 2.0 else -x,
    "equal": lambda x: x if x == 3.0 else -x,
    "in": lambda x: x if x in (3.0, 8.0) else -x,
}
