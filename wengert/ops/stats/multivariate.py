"""Distributions of vectors: normal, Dirichlet and multinomial, frozen or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.core.operation import answers_named
from wengert.ops.join import as_array

Function = Callable[..., Any]


def doubled(value: Any) -> Any:
    """Return an argument in double precision."""
    value = as_array(value)
    return value if value.dtype == np.float64 else np.astype(value, np.float64)


def squeezed(value: Any) -> Any:
    """Return a result as SciPy does: without axes of one."""
    value = np.squeeze(value)
    return value[()] if value.ndim == 0 else value


# The normal distribution


def normal_parameters(mean: Any, cov: Any) -> tuple[Any, Any]:
    """Return a vector and a matrix."""
    covariance = getattr(cov, "covariance", cov)
    mean = None if mean is None else np.ravel(np.atleast_1d(doubled(mean)))
    cov = doubled(1.0 if covariance is None else covariance)
    dim = mean.shape[0] if mean is not None else max(cov.shape, default=1)
    if cov.ndim == 0:
        cov = cov * np.eye(dim)
    elif cov.ndim == 1:
        cov = np.diag(cov)
    mean = np.zeros(dim) if mean is None else mean
    if mean.shape != (dim,) or cov.shape != (dim, dim):
        raise ValueError(f"Array 'mean' must be a vector of length {dim}.")
    return mean, cov


def normal_logpdf(x: Any, mean: Any, cov: Any) -> Any:
    """Return the logarithm of the density at vectors along the last axis."""
    dim = mean.shape[0]
    x = doubled(x)
    if x.ndim == 0:
        x = x[None]
    elif x.ndim == 1:
        x = x[:, None] if dim == 1 else x[None, :]
    factor = np.linalg.cholesky(cov)
    difference = np.moveaxis(x - mean, -1, 0)
    shape = difference.shape
    scaled = np.linalg.solve(factor, np.reshape(difference, (dim, -1)))
    square = np.reshape(np.sum(scaled * scaled, axis=0), shape[1:])
    log_det = 2 * np.sum(np.log(np.diagonal(factor)))
    return squeezed(-0.5 * (dim * np.log(2 * np.pi) + log_det + square))


# Dirichlet


def dirichlet_parameters(alpha: Any) -> tuple[Any]:
    """Return the parameters, which must be positive."""
    alpha = as_array(alpha)
    if np.min(alpha) <= 0 or alpha.ndim != 1:
        raise ValueError("All parameters must be greater than 0")
    return (alpha,)


def dirichlet_logpdf(x: Any, alpha: Any) -> Any:
    """Return the logarithm of the density at vectors along the first axis."""
    from scipy import special

    x = as_array(x)
    if x.shape[0] + 1 == alpha.shape[0]:
        last = 1 - np.sum(x, axis=0)
        x = np.concatenate([x, np.reshape(last, (1, *x.shape[1:]))])
    if x.shape[0] != alpha.shape[0] or np.min(x) < 0 or np.max(x) > 1:
        raise ValueError("Each entry in 'x' must be between zero and one.")
    if np.any((x == 0) & (alpha < 1).reshape(-1, *[1] * (x.ndim - 1))):
        raise ValueError("Each entry in 'x' must be greater than zero if alpha is.")
    if np.any(np.abs(np.sum(x, axis=0) - 1.0) > 10e-10):
        raise ValueError("The input vector 'x' must lie within the normal simplex.")
    scale = np.sum(special.gammaln(alpha)) - special.gammaln(np.sum(alpha))
    powers = special.xlogy(np.reshape(alpha - 1, (-1, *[1] * (x.ndim - 1))), x)
    return squeezed(np.sum(powers, axis=0) - scale)


# Multinomial


def multinomial_parameters(n: Any, p: Any) -> tuple[Any, Any]:
    """Return the number of trials, and probabilities; the last is made to be the rest.

    It is left alone where the sum is 1 up to roundings, and has its derivative then.
    """
    tolerance = 10 * np.finfo(np.result_type(as_array(p).dtype, np.float32)).eps
    n, p = as_array(n), doubled(p)
    rest = 1.0 - np.sum(p[..., :-1], axis=-1, keepdims=True)
    is_whole = np.abs(1.0 - np.sum(p, axis=-1, keepdims=True)) <= tolerance
    last = np.where(is_whole, p[..., -1:], rest)
    return n, np.concatenate([p[..., :-1], last], axis=-1)


def multinomial_logpmf(x: Any, n: Any, p: Any) -> Any:
    """Return the logarithm of the probability of numbers along the last axis."""
    from scipy import special

    x = as_array(x)
    is_bad = np.any((p < 0) | (p > 1), axis=-1) | (n < 0)
    is_inside = np.all((x >= 0) & (x == np.floor(x)), axis=-1)
    is_inside = is_inside & (np.sum(x, axis=-1) == n)
    k = np.where(is_inside[..., None], x, 0)
    terms = special.xlogy(k, p) - special.gammaln(k + 1)
    found = special.gammaln(n + 1) + np.sum(terms, axis=-1)
    found = np.where(is_inside, found, -np.inf)
    return np.where(is_bad, np.nan, found)


# Their methods

#: Of a distribution: its parameters, the logarithm, and the names of the method, of the
#: parameters, and of what a frozen one holds.
ROWS: dict[str, tuple[Function, Function, str, tuple[Any, ...], tuple[str, ...]]] = {
    "multivariate_normal": (
        normal_parameters,
        normal_logpdf,
        "pdf",
        (None, 1),
        ("mean", "cov"),
    ),
    "dirichlet": (dirichlet_parameters, dirichlet_logpdf, "pdf", (), ("alpha",)),
    "multinomial": (
        multinomial_parameters,
        multinomial_logpmf,
        "pmf",
        (),
        ("n", "p"),
    ),
}
#: Where a frozen distribution keeps what was recorded.
HELD = "_recorded_parameters"


def held(args: Any) -> Any:
    """Return the parameters of a frozen distribution that was made of recorded ones."""
    return vars(args[0]).get(HELD, ())


def enter(name: str) -> None:
    """Enter the methods of a distribution, and of what is frozen of it."""
    parameters, logarithm, method, defaults, names = ROWS[name]
    home = f"scipy.stats._multivariate:{name}"

    def log_of(self: Any, x: Any, *args: Any, **kwds: Any) -> Any:
        if kwds.pop("allow_singular", False):
            raise ValueError("allow_singular=True")
        given = dict(zip(names, defaults, strict=False))
        given |= dict(zip(names, args, strict=False)) | kwds
        return logarithm(x, *parameters(**given))

    def log_of_frozen(self: Any, x: Any) -> Any:
        kept = vars(self).get(HELD)
        if kept is None:  # it was made outside
            kept = parameters(*(getattr(self, name) for name in names))
        return logarithm(x, *kept)

    def make(self: Any, *args: Any, **kwds: Any) -> None:
        given = dict(zip(names, defaults, strict=False))
        given |= dict(zip(names, args, strict=False))
        given |= {key: value for key, value in kwds.items() if key in names}
        values = parameters(**given)
        vars(self)[HELD] = values

    answers_named(f"{home}_gen.log{method}")(log_of)
    answers_named(f"{home}_gen.{method}")(
        lambda self, x, *args, **kwds: np.exp(log_of(self, x, *args, **kwds))
    )
    answers_named(f"{home}_frozen.__init__")(make)
    answers_named(f"{home}_frozen.log{method}", looks_into=held)(log_of_frozen)
    answers_named(f"{home}_frozen.{method}", looks_into=held)(
        lambda self, x: np.exp(log_of_frozen(self, x))
    )


for _name in ROWS:
    enter(_name)
