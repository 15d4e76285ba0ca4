"""SciPy's special functions that are written in Python, as they are with numbers.

SciPy is imported where one of them is called.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from wengert.core.forms import Map, Reduce, Routine
from wengert.core.operation import answers_named, apply, find_operation, general
from wengert.core.types import exact_value, plain_example
from wengert.errors import UnsupportedError, explain
from wengert.ops.axes import axes_of
from wengert.ops.chain import CHAIN_PRODUCT
from wengert.ops.constants import STOP_GRADIENT
from wengert.ops.elementwise import LOG_OF_SUM
from wengert.ops.join import as_array
from wengert.ops.reduce import Axis, expand

# Sums of exponentials


@np.errstate(divide="ignore", invalid="ignore", over="ignore")
def evaluate_logsumexp(x: Any, *, axis: Axis, keepdims: bool) -> Any:
    """Return SciPy's value: the largest terms stand apart from the others' sum."""
    x = np.asarray(x)
    if not x.size:
        return np.log(np.sum(x, axis=axis, keepdims=keepdims))
    largest = np.max(x, axis=axis, keepdims=True)
    is_largest = x == largest
    count = np.sum(is_largest, axis=axis, keepdims=True, dtype=x.dtype)
    others = np.exp(np.where(is_largest, -np.inf, x) - largest)
    rest = np.sum(others.astype(x.dtype), axis=axis, keepdims=True)
    found = np.log1p(rest / np.where(rest == 0, 1, count)) + np.log(count) + largest
    if not np.isfinite(found).all():
        direct = np.log(np.sum(np.exp(x), axis=axis, keepdims=True))
        found = np.where(np.isfinite(found), found, direct)
    return found if keepdims else np.squeeze(found, axis)[()]


def shares(y: Any, x: Any, axis: Axis) -> Any:
    """Return the share of each term; of an infinite sum the terms as large share."""
    is_finite = np.isfinite(y)
    same = np.where(x == y, x.dtype.type(1), x.dtype.type(0))
    count = np.sum(same, axis=axis, keepdims=True)
    same = same / np.where(is_finite, count.dtype.type(1), count)
    exponent = np.where(is_finite, x - y, 0.0)
    return np.where(is_finite, np.exp(exponent), same)


def logsumexp_jvp(tangents: Any, y: Any, x: Any, *, axis: Axis, keepdims: bool) -> Any:
    """Return the tangents weighted by their shares."""
    weights = shares(expand(y, x, axis, keepdims), x, axis)
    product = apply(CHAIN_PRODUCT, tangents[0], weights)
    return np.sum(product, axis=axis, keepdims=keepdims)


def logsumexp_vjp(g: Any, y: Any, x: Any, *, axis: Axis, keepdims: bool) -> Any:
    """Return the gradient times the shares."""
    weights = shares(expand(y, x, axis, keepdims), x, axis)
    return (apply(CHAIN_PRODUCT, expand(g, x, axis, keepdims), weights),)


LOGSUMEXP = general(
    "logsumexp",
    evaluate_logsumexp,
    form=Reduce(LOG_OF_SUM, start=-np.inf),
    jvp=logsumexp_jvp,
    vjp=logsumexp_vjp,
)


def evaluate_weighted(a: Any, b: Any, *, axis: Axis, keepdims: bool) -> Any:
    """Return the logarithm of a weighted sum of exponentials."""
    from scipy import special

    return special.logsumexp(a, axis, b, keepdims)


def evaluate_signed(a: Any, b: Any, *, axis: Axis, keepdims: bool) -> Any:
    """Return the logarithm of the size of a weighted sum of real exponentials."""
    from scipy import special

    return special.logsumexp(a, axis, b, keepdims, return_sign=True)


def weighted_partials(
    y: Any, sign: Any, a: Any, b: Any, axis: Axis, keepdims: bool
) -> tuple[Any, Any]:
    """Return the derivatives by the exponents and the weights."""
    by_weight = expand(sign, a, axis, keepdims) * np.exp(
        a - expand(y, a, axis, keepdims)
    )
    return apply(CHAIN_PRODUCT, b, by_weight), by_weight


def weighted_tangent(tangents: Any, partials: Any, how: dict[str, Any]) -> Any:
    """Return the sum of the tangents times the derivatives."""
    total: Any = 0.0
    for tangent, partial in zip(tangents, partials, strict=True):
        if tangent is not None:
            total = total + np.sum(apply(CHAIN_PRODUCT, tangent, partial), **how)
    return total


def weighted_jvp(tangents: Any, y: Any, a: Any, b: Any, **how: Any) -> Any:
    """Return the tangent."""
    partials = weighted_partials(y, np.ones_like(y), a, b, **how)
    return weighted_tangent(tangents, partials, how)


def weighted_vjp(g: Any, y: Any, a: Any, b: Any, **how: Any) -> Any:
    """Return the gradients of the exponents and the weights."""
    g = expand(g, a, **how)
    partials = weighted_partials(y, np.ones_like(y), a, b, **how)
    return tuple(apply(CHAIN_PRODUCT, g, partial) for partial in partials)


def signed_jvp(tangents: Any, results: Any, a: Any, b: Any, **how: Any) -> Any:
    """Return the tangent of the logarithm; the sign is constant."""
    y, sign = results
    tangent = weighted_tangent(tangents, weighted_partials(y, sign, a, b, **how), how)
    return tangent, np.zeros_like(sign)


def signed_vjp(g: Any, results: Any, a: Any, b: Any, **how: Any) -> Any:
    """Return the gradients of the exponents and the weights."""
    if g[0] is None:
        return None, None
    y, sign = results
    partials = weighted_partials(y, sign, a, b, **how)
    g = expand(g[0], a, **how)
    return tuple(apply(CHAIN_PRODUCT, g, partial) for partial in partials)


WEIGHTED_LOGSUMEXP = general(
    "weighted_logsumexp",
    evaluate_weighted,
    form=Routine(),
    jvp=weighted_jvp,
    vjp=weighted_vjp,
)
SIGNED_LOGSUMEXP = general(
    "signed_logsumexp",
    evaluate_signed,
    form=Routine(),
    jvp=signed_jvp,
    vjp=signed_vjp,
    results=2,
)


@answers_named("scipy.special.logsumexp")
def logsumexp(
    a: Any,
    axis: Axis = None,
    b: Any = None,
    keepdims: bool = False,
    return_sign: bool = False,
) -> Any:
    """Answer ``scipy.special.logsumexp``."""
    a = as_floats(a)
    is_complex = "c" in (a.dtype.kind, getattr(b, "dtype", a.dtype).kind)
    if b is None and not (return_sign or is_complex):
        return apply(LOGSUMEXP, a, axis=axes_of(axis, a.ndim), keepdims=bool(keepdims))
    b = a.dtype.type(1) if b is None else as_floats(b)
    a, b = np.broadcast_arrays(a, b)
    how = {"axis": axes_of(axis, a.ndim), "keepdims": bool(keepdims)}
    if not return_sign:
        return apply(WEIGHTED_LOGSUMEXP, a, b, **how)
    if is_complex:
        y = apply(WEIGHTED_LOGSUMEXP, a, b, **how)
        return np.real(y), np.exp(1j * np.imag(y))
    return apply(SIGNED_LOGSUMEXP, a, b, **how)


def as_floats(x: Any) -> Any:
    """Return an array of floating-point numbers."""
    x = as_array(x)
    return x if x.dtype.kind in "fc" else np.astype(x, np.float64)


def shifted(x: Any, axis: Axis) -> Any:
    """Return numbers less the largest, which the result does not depend on."""
    largest = apply(STOP_GRADIENT, np.max(x, axis=axis, keepdims=True))
    return x - largest


@answers_named("scipy.special.softmax")
def softmax(x: Any, axis: Axis = None) -> Any:
    """Answer ``scipy.special.softmax``."""
    exponential = np.exp(shifted(as_array(x), axis))
    return exponential / np.sum(exponential, axis=axis, keepdims=True)


@answers_named("scipy.special.log_softmax")
def log_softmax(x: Any, axis: Axis = None) -> Any:
    """Answer ``scipy.special.log_softmax``, where infinite numbers are not shifted."""
    x = as_array(x)
    largest = apply(STOP_GRADIENT, np.max(x, axis=axis, keepdims=True))
    x = x - np.where(np.isfinite(largest), largest, largest.dtype.type(0))
    return x - np.log(np.sum(np.exp(x), axis=axis, keepdims=True))


@answers_named("scipy.special.softplus")
def softplus(x: Any) -> Any:
    """Answer ``scipy.special.softplus``."""
    return np.logaddexp(0, x)


# Gamma functions


@answers_named("scipy.special.polygamma")
def polygamma(n: Any, x: Any) -> Any:
    """Answer ``scipy.special.polygamma``; by the order there is no derivative."""
    from scipy import special

    if np.ndim(n):
        n = np.asarray(n)
        scale = (-1.0) ** (n + 1) * special.gamma(n + 1.0)
        return np.where(n == 0, special.psi(x), scale * special.zeta(n + 1, x))
    order = operator.index(n)
    if order == 0:
        return special.psi(x)
    x = as_floats(x)
    if x.dtype.kind == "f":  # a whole number beside it makes it double precision
        x = np.astype(x, np.float64)
    return apply(find_operation("psi_derivative"), x, orders=(order,))


@answers_named("scipy.special.multigammaln")
def multigammaln(a: Any, d: Any) -> Any:
    """Answer ``scipy.special.multigammaln``."""
    from scipy import special

    if np.any(a <= 0.5 * (d - 1)):
        special.multigammaln(plain_example(a), d)
        raise ValueError("condition a > 0.5 * (d-1) not met")
    terms = np.stack([a - (j - 1.0) / 2 for j in range(1, d + 1)])
    return d * (d - 1) * 0.25 * np.log(np.pi) + np.sum(special.gammaln(terms), axis=0)


@answers_named("scipy.special.comb")
def comb(N: Any, k: Any, *, exact: bool = False, repetition: bool = False) -> Any:
    """Answer ``scipy.special.comb``: 0 outside the triangle."""
    from scipy import special

    if exact:
        raise unsupported("scipy.special.comb with exact=True", "special.comb(N, k)")
    if repetition:
        return comb(N + k - 1, k)
    N, k = as_array(N), as_array(k)
    return inside(N, k, special.binom(N, k))


@answers_named("scipy.special.perm")
def perm(N: Any, k: Any, exact: bool = False) -> Any:
    """Answer ``scipy.special.perm``: 0 outside the triangle."""
    from scipy import special

    if exact:
        raise unsupported("scipy.special.perm with exact=True", "special.perm(N, k)")
    N, k = as_array(N), as_array(k)
    return inside(N, k, special.poch(N - k + 1, k))


@answers_named("scipy.special.factorial")
def factorial(n: Any, exact: bool = False, extend: str = "zero") -> Any:
    """Answer ``scipy.special.factorial``, by the gamma function at 0 and 1 too."""
    from scipy import special

    special.factorial(plain_example(n), exact=exact, extend=extend)  # may refuse them
    if exact:
        return special.factorial(exact_value(n), exact=True, extend=extend)
    if not np.size(n):
        return n
    n = as_floats(n)
    is_outside = n == -1 if extend == "complex" else n < 0
    found = special.gamma(np.where(is_outside, 0.0, n) + 1)
    found = np.where(is_outside, np.nan if extend == "complex" else 0.0, found)
    is_double = n.ndim and extend != "complex"
    return np.astype(found, np.float64) if is_double else found[()]


# Dirichlet's kernel, a mean of waves


def evaluate_diric(x: Any, *, n: int, order: int) -> Any:
    """Return a derivative of the mean of so many waves."""
    from scipy import special

    if order == 0:
        return special.diric(x, n)
    x = np.asarray(x)
    waves = np.arange(n) - 0.5 * (n - 1)
    turned = np.cos(x[..., None] * waves + order * np.pi / 2)
    return (turned @ waves**order / n).astype(x.dtype)[()]


def diric_jvp(tangents: Any, y: Any, x: Any, *, n: int, order: int) -> Any:
    """Return the tangent by the next derivative."""
    return apply(CHAIN_PRODUCT, tangents[0], apply(DIRIC, x, n=n, order=order + 1))


def diric_vjp(g: Any, y: Any, x: Any, *, n: int, order: int) -> Any:
    """Return the gradient by the next derivative."""
    return (apply(CHAIN_PRODUCT, g, apply(DIRIC, x, n=n, order=order + 1)),)


DIRIC = general("diric", evaluate_diric, form=Map(), jvp=diric_jvp, vjp=diric_vjp)


@answers_named("scipy.special.diric")
def diric(x: Any, n: Any) -> Any:
    """Answer ``scipy.special.diric`` of a whole number of waves."""
    return apply(DIRIC, as_floats(x), n=operator.index(n), order=0)


def inside(N: Any, k: Any, values: Any) -> Any:
    """Return values where they are numbers of choices, 0 elsewhere."""
    is_inside = np.logical_and(np.logical_and(k <= N, N >= 0), k >= 0)
    return np.where(is_inside, values, 0.0)[()]


# Legendre functions and spherical harmonics, of whole degrees and orders


def in_orders(operation: Any, operands: Any, diff_n: Any, how: Any) -> Any:
    """Return derivatives up to an order, one after the other."""
    orders = range(operator.index(diff_n) + 1)
    return np.stack([apply(operation, *operands, order=k, **how) for k in orders])


@answers_named("scipy.special._multiufuncs:MultiUFunc.__call__")
def legendre_functions(self: Any, *args: Any, diff_n: Any = 0, **how: Any) -> Any:
    """Answer ``legendre_p``, ``assoc_legendre_p``, ``sph_legendre_p``, ``sph_harm_y``.

    Of numbers they have one or two last arguments; the others are whole.
    """
    name = self.__name__
    count = 1 if name == "legendre_p" else 2
    is_harmonic = name == "sph_harm_y"
    if name.endswith("_all") or (is_harmonic and diff_n):
        raise UnsupportedError(
            explain(
                f"scipy.special.{name} cannot be recorded with these arguments",
                "of this function one degree and order has a rule, and no diff_n",
                "special.legendre_p, sph_legendre_p or sph_harm_y of one degree and "
                "order, stacked by np.stack; wengert.jacobian for derivatives",
            )
        )
    if name == "assoc_legendre_p":
        how = {"branch_cut": 2, "norm": False} | how
    operation = find_operation(name)
    whole = (np.asarray(n, np.int64) for n in args[:count])
    operands = (*whole, *map(as_floats, args[count:]))
    if is_harmonic:
        return apply(operation, *operands, order=0)
    return in_orders(operation, operands, diff_n, how)


# Spherical Bessel functions, of whole orders


def answer_spherical(name: str) -> None:
    """Answer one of ``scipy.special``, and its derivative."""

    @answers_named(f"scipy.special.{name}")
    def answer(n: Any, z: Any, derivative: bool = False) -> Any:
        operation = find_operation(f"{name}_slope" if derivative else name)
        return apply(operation, np.asarray(n, np.int64), as_floats(z))


for _kind in ("jn", "yn", "in", "kn"):
    answer_spherical(f"spherical_{_kind}")


def unsupported(what: str, instead: str) -> UnsupportedError:
    """Return the error of what is not recorded."""
    return UnsupportedError(
        explain(f"{what} of a recorded value", "it is not recorded", instead)
    )
