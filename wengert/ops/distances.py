"""Distances of `scipy.spatial.distance`: of two vectors, and of all pairs of rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.core.operation import answers_named, apply
from wengert.errors import UnsupportedError, explain
from wengert.ops.constants import STOP_GRADIENT
from wengert.ops.join import as_array

Function = Callable[..., Any]

# Metrics: along the last axis of what broadcasts


def weighted(terms: Any, w: Any) -> Any:
    """Return terms times their weights, where there are any."""
    return terms if w is None else terms * w


def minkowski(u: Any, v: Any, *, p: Any = 2, w: Any = None) -> Any:
    """Return the norm of the difference; at 0 its derivative is that of the norm."""
    difference = u - v
    if w is not None:
        root = w if p == 1 else np.sqrt(w) if p == 2 else None
        if root is None:
            root = w != 0 if p == np.inf else np.power(w, 1 / p)
        difference = root * difference
    return np.linalg.norm(difference, ord=p, axis=-1)


def sqeuclidean(u: Any, v: Any, *, w: Any = None) -> Any:
    """Return the sum of the squares of the differences."""
    difference = u - v
    return np.sum(weighted(difference, w) * difference, axis=-1)


def cityblock(u: Any, v: Any, *, w: Any = None) -> Any:
    """Return the sum of the sizes of the differences."""
    return np.sum(weighted(np.abs(u - v), w), axis=-1)


def chebyshev(u: Any, v: Any, *, w: Any = None) -> Any:
    """Return the largest difference; weights say only which count."""
    return np.max(weighted(np.abs(u - v), None if w is None else w > 0), axis=-1)


def correlation(u: Any, v: Any, *, w: Any = None, centered: bool = True) -> Any:
    """Return one less the cosine of the angle, of numbers less their mean."""
    w = None if w is None else w / np.sum(w)
    if centered:
        u, v = (
            x - np.mean(x, axis=-1, keepdims=True)
            if w is None
            else x - np.vecdot(x, w)[..., None]
            for x in (u, v)
        )
    uv = np.vecdot(u, weighted(v, w))
    uu, vv = (np.vecdot(x, weighted(x, w)) for x in (u, v))
    squares = uu * vv
    if squares.dtype.kind not in "fc":  # SciPy takes the root of a Python number
        squares = np.astype(squares, np.float64)
    found = 1.0 - uv / np.sqrt(squares)
    # A rounding is clipped away; it has nothing to do with the derivatives.
    return found + apply(STOP_GRADIENT, np.clip(found, 0.0, 2.0) - found)


def cosine(u: Any, v: Any, *, w: Any = None) -> Any:
    """Return one less the cosine of the angle."""
    return correlation(u, v, w=w, centered=False)


def seuclidean(u: Any, v: Any, *, V: Any) -> Any:
    """Return the distance in units of standard deviations."""
    return minkowski(u, v, w=1 / as_array(V))


def mahalanobis(u: Any, v: Any, *, VI: Any) -> Any:
    """Return the distance in the metric of an inverse covariance."""
    difference = u - v
    moved = np.matmul(difference, as_array(VI))
    return np.sqrt(np.sum(moved * difference, axis=-1))


def braycurtis(u: Any, v: Any, *, w: Any = None) -> Any:
    """Return the sum of the differences over that of the sums."""
    above = np.sum(weighted(np.abs(u - v), w), axis=-1)
    return above / np.sum(weighted(np.abs(u + v), w), axis=-1)


def canberra(u: Any, v: Any, *, w: Any = None) -> Any:
    """Return the sum of the differences over the sums; two zeros count nothing."""
    size = np.abs(u) + np.abs(v)
    is_zero = size == 0
    terms = np.abs(u - v) / np.where(is_zero, 1.0, size)
    return np.sum(weighted(np.where(is_zero, 0.0, terms), w), axis=-1)


def jensenshannon(u: Any, v: Any, *, base: Any = None) -> Any:
    """Return the root of the mean divergence of two distributions from their mean."""
    from scipy import special

    u, v = (x / np.sum(x, axis=-1, keepdims=True) for x in (u, v))
    mean = (u + v) / 2.0
    divergence = special.rel_entr(u, mean) + special.rel_entr(v, mean)
    total = np.sum(divergence, axis=-1)
    total = total if base is None else total / np.log(base)
    return np.sqrt(total / 2.0)


METRICS: dict[str, Function] = {
    "euclidean": minkowski,
    **{
        metric.__name__: metric
        for metric in (
            minkowski,
            sqeuclidean,
            cityblock,
            chebyshev,
            correlation,
            cosine,
            seuclidean,
            mahalanobis,
            braycurtis,
            canberra,
            jensenshannon,
        )
    },
}
# Of two vectors: SciPy's own functions, which are NumPy, are followed where they do not
# compare numbers or ask `math`


def vector(u: Any, dtype: Any = None) -> Any:
    """Return an argument, which must be a vector."""
    u = as_array(u)
    if u.ndim != 1:
        raise ValueError("Input vector should be 1-D.")
    return u if dtype is None or u.dtype == dtype else np.astype(u, dtype)


def weights(w: Any) -> Any:
    """Return weights, which must not be negative, in double precision."""
    w = vector(w, np.float64)
    if np.any(w < 0):
        raise ValueError("Input weights should be all non-negative")
    return w


def of_vectors(metric: Function) -> None:
    """Answer the function of two vectors."""

    def answer(u: Any, v: Any, w: Any = None, **kwds: Any) -> Any:
        u, v = vector(u), vector(v, np.float64 if metric is canberra else None)
        return metric(u, v, w=None if w is None else weights(w), **kwds)

    answers_named(f"scipy.spatial.distance.{metric.__name__}")(answer)


for _metric in (chebyshev, correlation, cosine, canberra):
    of_vectors(_metric)


@answers_named("scipy.spatial.distance.jensenshannon")
def jensenshannon_of_arrays(
    p: Any, q: Any, base: Any = None, *, axis: int = 0, keepdims: bool = False
) -> Any:
    """Answer ``scipy.spatial.distance.jensenshannon``."""
    p, q = (np.moveaxis(as_array(x), axis, -1) for x in (p, q))
    found = jensenshannon(p, q, base=base)
    return np.expand_dims(found, axis) if keepdims else found


# All pairs of rows


def metric_of(metric: Any, caller: str) -> Function:
    """Return a metric by SciPy's name of it, or a user's function of two rows."""
    from scipy.spatial import distance

    known = distance._METRIC_ALIAS
    if callable(metric):
        name = getattr(metric, "__name__", "")
        if getattr(distance, name, None) is not metric or name not in METRICS:
            return lambda u, v, **kwds: by_pairs(metric, u, v, kwds)
    else:
        name = str(metric).lower()
        name = known[name].canonical_name if name in known else name
        if name.removeprefix("test_") not in distance._METRICS:
            raise ValueError(f"Unknown Distance Metric: {name}")
        name = name.removeprefix("test_")
    if name not in METRICS:
        raise UnsupportedError(
            explain(
                f"scipy.spatial.distance.{caller} of recorded values by {name}",
                "it counts how often two vectors agree, which has no derivative",
                "wengert.stop_gradient(x) to leave the tape on purpose",
            )
        )
    return METRICS[name]


def by_pairs(metric: Function, u: Any, v: Any, kwds: dict[str, Any]) -> Any:
    """Return a user's metric of pairs of rows, called for one after the other."""
    u, v = np.broadcast_arrays(u, v)
    shape = u.shape[:-1]
    rows = [metric(u[place], v[place], **kwds) for place in np.ndindex(shape)]
    return np.reshape(np.stack(rows), shape) if rows else np.zeros(shape)


def rows_of(x: Any, name: str) -> Any:
    """Return a matrix of rows in double precision."""
    x = as_array(x)
    if x.ndim != 2:
        raise ValueError(f"{name} must be a 2-dimensional array.")
    return x if x.dtype == np.float64 else np.astype(x, np.float64)


def distances(u: Any, v: Any, everything: Any, how: Function, kwds: Any) -> Any:
    """Return the distances of rows, with parameters estimated from all of them."""
    kwds = {name: value for name, value in kwds.items() if value is not None}
    if "w" in kwds:
        kwds["w"] = weights(kwds["w"])
    if how is seuclidean and "V" not in kwds:
        kwds["V"] = np.var(everything(), axis=0, ddof=1)
    if how is mahalanobis and "VI" not in kwds:
        rows = everything()
        if rows.shape[0] <= rows.shape[1]:
            raise ValueError(
                f"The number of observations ({rows.shape[0]}) is too small; the "
                "covariance matrix is singular."
            )
        kwds["VI"] = np.linalg.inv(np.atleast_2d(np.cov(rows.T))).T
    if how is minkowski and kwds.get("p", 2) <= 0:
        raise ValueError("p must be greater than 0")
    return how(u, v, **kwds)


def check_out(name: str, out: Any) -> None:
    """Raise where a result is to be written into an array."""
    if out is not None:
        raise UnsupportedError(
            explain(
                f"scipy.spatial.distance.{name} with out= of recorded values",
                "SciPy writes there through memory, which a tape does not follow",
                f"out[...] = distance.{name}(...)",
            )
        )


@answers_named("scipy.spatial.distance.cdist")
def cdist(
    XA: Any, XB: Any, metric: Any = "euclidean", *, out: Any = None, **kwargs: Any
) -> Any:
    """Answer ``scipy.spatial.distance.cdist``."""
    check_out("cdist", out)
    a, b = rows_of(XA, "XA"), rows_of(XB, "XB")
    if a.shape[1] != b.shape[1]:
        raise ValueError("XA and XB must have the same number of columns.")
    how = metric_of(metric, "cdist")
    everything = lambda: np.concatenate([a, b])  # noqa: E731
    return distances(a[:, None, :], b[None, :, :], everything, how, kwargs)


@answers_named("scipy.spatial.distance.pdist")
def pdist(X: Any, metric: Any = "euclidean", *, out: Any = None, **kwargs: Any) -> Any:
    """Answer ``scipy.spatial.distance.pdist``."""
    check_out("pdist", out)
    x = rows_of(X, "X")
    i, j = np.triu_indices(x.shape[0], 1)
    return distances(x[i], x[j], lambda: x, metric_of(metric, "pdist"), kwargs)


@answers_named("scipy.spatial.distance.squareform")
def squareform(X: Any, force: str = "no", checks: bool = True) -> Any:
    """Answer ``scipy.spatial.distance.squareform``."""
    x = as_array(X)
    wanted = {"tomatrix": 1, "tovector": 2}.get(force.lower(), x.ndim)
    if x.ndim not in (1, 2) or x.ndim != wanted:
        raise ValueError(f"X has {x.ndim} dimensions")
    if x.ndim == 1:
        n = (1 + math.isqrt(1 + 8 * x.size)) // 2
        if n * (n - 1) != 2 * x.size:
            raise ValueError("Incompatible vector size.")
        places = np.zeros((n, n), np.intp)
        places[np.triu_indices(n, 1)] = 1 + np.arange(x.size)
        return np.concatenate([np.zeros(1, x.dtype), x])[places + places.T]
    if x.shape[0] != x.shape[1]:
        raise ValueError("The matrix argument must be square.")
    if checks and not (np.all(x == x.T) and np.all(np.diagonal(x) == 0)):
        raise ValueError("Distance matrix 'X' must be symmetric, with zeros in it.")
    return x[np.triu_indices(x.shape[0], 1)]
