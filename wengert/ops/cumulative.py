"""Cumulative sums, products and extremes along an axis."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import numpy as np

from wengert.core.forms import Scan
from wengert.core.operation import Operation, answers, apply, general, linear
from wengert.ops.axes import axis_of
from wengert.ops.chain import ABSORBING_PRODUCT, CHAIN_PRODUCT, chain_product
from wengert.ops.constants import STOP_GRADIENT
from wengert.ops.elements import into
from wengert.ops.reduce import (
    as_array,
    dtype_of,
    passes_gradient,
)


def along(axis: int, part: Any) -> tuple[Any, ...]:
    """Return the key that takes a part of one axis and all of those before it."""
    return (*(slice(None),) * axis, part)


def reversed_along(x: Any, axis: int) -> Any:
    """Return `x` with one axis turned round."""
    return x[along(axis, slice(None, None, -1))]


def delayed(x: Any, axis: int, first: float) -> Any:
    """Return `x` moved on by one place along an axis, with `first` in front."""
    if x.shape[axis] == 0:
        return x
    shape = tuple(1 if k == axis else n for k, n in enumerate(x.shape))
    front = np.ones(shape, x.dtype) if first else np.zeros(shape, x.dtype)
    return np.concatenate([front, x[along(axis, slice(None, -1))]], axis=axis)


# Sums


def evaluate_cumsum(x: Any, *, axis: int, dtype: Any) -> Any:
    """Return ``np.cumsum``."""
    return np.add.accumulate(x, axis=axis, dtype=dtype)


def cumsum_transpose(g: Any, x: Any, *, axis: int, dtype: Any) -> Any:
    """Return the sums of the gradients from each place on."""
    return reversed_along(np.cumsum(reversed_along(g, axis), axis=axis), axis)


CUMSUM = linear("cumsum", evaluate_cumsum, cumsum_transpose, form=Scan("x + y"))


# The linear recurrence: cumulative products and extremes have their derivatives by it


def recurrence_of_numbers(a: Any, b: Any, dtype: Any, absorbs: bool) -> Any:
    """Return the recurrence along the only axis: Python's numbers are quicker."""

    def step(h: Any, ab: Any) -> Any:
        return ab[0] * h + ab[1]

    def absorbing_step(h: Any, ab: Any) -> Any:
        return (ab[0] * h if ab[0] and h else 0.0) + ab[1]

    pairs = zip(a.tolist(), b.tolist(), strict=True)
    values = accumulate(pairs, absorbing_step if absorbs else step, initial=0.0)
    next(values)
    return np.fromiter(values, dtype, count=a.size)


def recurrence_of_rows(a: Any, b: Any, dtype: Any, axis: int, absorbs: bool) -> Any:
    """Return the recurrence along one of several axes."""
    product = chain_product if absorbs else np.multiply
    result = np.empty_like(b, dtype=dtype)
    factors, terms = np.moveaxis(a, axis, 0), np.moveaxis(b, axis, 0)
    rows = np.moveaxis(result, axis, 0)
    previous: Any = np.zeros(rows.shape[1:], dtype)
    with np.errstate(invalid="ignore"):
        for k in range(a.shape[axis]):
            rows[k] = previous = product(factors[k], previous) + terms[k]
    return result


def evaluate_recurrence(a: Any, b: Any, *, axis: int) -> Any:
    """Return h with ``h[k] = a[k] * h[k-1] + b[k]`` along an axis, from 0 on.

    Its products are those of the chain rule: a zero absorbs what is not finite.
    """
    dtype = np.result_type(a, b)

    def play(absorbs: bool) -> Any:
        if a.ndim == 1:
            return recurrence_of_numbers(a, b, dtype, absorbs)
        return recurrence_of_rows(a, b, dtype, axis, absorbs)

    result = play(absorbs=False)
    return play(absorbs=True) if np.isnan(result).any() else result


def recurrence_jvp(tangents: Any, h: Any, a: Any, b: Any, *, axis: int) -> Any:
    """Return the same recurrence of the tangents."""
    a_dot, b_dot = tangents
    if a_dot is None:
        return apply(RECURRENCE, a, b_dot, axis=axis)
    total = apply(CHAIN_PRODUCT, a_dot, delayed(h, axis, 0))
    total = total if b_dot is None else total + b_dot
    return apply(RECURRENCE, a, total, axis=axis)


def recurrence_vjp(g: Any, h: Any, a: Any, b: Any, *, axis: int) -> Any:
    """Return the gradients by the recurrence that runs back."""
    factors = delayed(reversed_along(a, axis), axis, 0)
    back = apply(RECURRENCE, factors, reversed_along(g, axis), axis=axis)
    back = reversed_along(back, axis)
    return apply(CHAIN_PRODUCT, back, delayed(h, axis, 0)), back


RECURRENCE = general(
    "recurrence",
    evaluate_recurrence,
    form=Scan(f"{ABSORBING_PRODUCT} + z", start=0),
    jvp=recurrence_jvp,
    vjp=recurrence_vjp,
)


# Products


def evaluate_cumprod(x: Any, *, axis: int, dtype: Any) -> Any:
    """Return ``np.cumprod``."""
    return np.multiply.accumulate(x, axis=axis, dtype=dtype)


def cumprod_jvp(tangents: Any, y: Any, x: Any, *, axis: int, dtype: Any) -> Any:
    """Return ``y'[k] = x[k] * y'[k-1] + y[k-1] * x'[k]``: no division by zero."""
    terms = apply(CHAIN_PRODUCT, tangents[0], delayed(y, axis, 1))
    return apply(RECURRENCE, x, terms, axis=axis)


def cumprod_vjp(g: Any, y: Any, x: Any, *, axis: int, dtype: Any) -> Any:
    """Return the gradients by the recurrence that runs back."""
    factors = delayed(reversed_along(x, axis), axis, 0)
    back = apply(RECURRENCE, factors, reversed_along(g, axis), axis=axis)
    return apply(CHAIN_PRODUCT, reversed_along(back, axis), delayed(y, axis, 1))


CUMPROD = general(
    "cumprod", evaluate_cumprod, form=Scan("x * y"), jvp=cumprod_jvp, vjp=cumprod_vjp
)


# Extremes: the elements that have reached the extreme share the gradient evenly


def running(y: Any, axis: int) -> Any:
    """Return 1 where the extreme is the one before, 0 where a new one begins."""
    here, before = y[along(axis, slice(1, None))], y[along(axis, slice(None, -1))]
    same = np.logical_or(here == before, np.logical_and(here != here, before != before))
    shape = tuple(1 if k == axis else n for k, n in enumerate(y.shape))
    zeros = np.zeros(shape, y.dtype)
    return np.concatenate([zeros, np.astype(same, y.dtype)], axis=axis)


def shares(x: Any, y: Any, axis: int) -> tuple[Any, Any, Any]:
    """Return where elements are the extreme, the ties so far, and where it stays."""
    is_nan = np.logical_and(x != x, y != y)
    ties = np.logical_or(x == y, is_nan)
    stays = running(y, axis)
    count = apply(RECURRENCE, stays, np.astype(ties, y.dtype), axis=axis)
    return ties, count, stays


def cumulative_extreme_jvp(tangents: Any, y: Any, x: Any, *, axis: int) -> Any:
    """Return the mean of the tangents that share the extreme so far."""
    ties, count, stays = shares(x, y, axis)
    terms = np.where(ties, tangents[0], 0.0)
    return apply(RECURRENCE, stays, terms, axis=axis) / count


def cumulative_extreme_vjp(g: Any, y: Any, x: Any, *, axis: int) -> Any:
    """Return the gradients of all places to which an element's value was carried."""
    ties, count, stays = shares(x, y, axis)
    factors = delayed(reversed_along(stays, axis), axis, 0)
    back = apply(RECURRENCE, factors, reversed_along(g / count, axis), axis=axis)
    return (np.where(ties, reversed_along(back, axis), 0.0),)


def cumulative_extreme(name: str, ufunc: np.ufunc) -> Operation:
    """State ``ufunc.accumulate`` of a maximum or minimum."""

    def evaluate(x: Any, *, axis: int) -> Any:
        return ufunc.accumulate(x, axis=axis)

    return general(
        name,
        evaluate,
        form=Scan(f"{ufunc.__name__}(x, y)"),
        jvp=cumulative_extreme_jvp,
        vjp=cumulative_extreme_vjp,
    )


ACCUMULATED_EXTREMES = {
    ufunc: cumulative_extreme(f"{ufunc.__name__}_accumulate", ufunc)
    for ufunc in (np.maximum, np.minimum, np.fmax, np.fmin)
}


# What NumPy calls them


def cumulate(operation: Operation, a: Any, axis: Any, dtype: Any, out: Any) -> Any:
    """Return a cumulative sum or product; of all elements in a row without an axis."""
    a = as_array(a)
    if axis is None or a.ndim == 0:
        a, axis = np.reshape(a, (-1,)), 0
    dtype = dtype_of(dtype, out, a)
    if not passes_gradient(dtype):
        a = apply(STOP_GRADIENT, a)
    axis = axis_of(axis, a.ndim)
    return into(out, apply(operation, a, axis=axis, dtype=dtype), "unsafe")


@answers(np.cumsum)
def cumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """Answer ``np.cumsum``."""
    return cumulate(CUMSUM, a, axis, dtype, out)


@answers(np.cumprod)
def cumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """Answer ``np.cumprod``."""
    return cumulate(CUMPROD, a, axis, dtype, out)


def cumulate_from(
    operation: Operation,
    first: float,
    x: Any,
    axis: Any,
    dtype: Any,
    out: Any,
    include_initial: bool,
) -> Any:
    """Return a cumulative sum or product, the empty one in front if asked for."""
    x = as_array(x)
    if axis is None and x.ndim > 1:
        raise ValueError(
            "For arrays which have more than one dimension ``axis`` argument is "
            "required."
        )
    result = cumulate(operation, x, axis, dtype_of(dtype, out, x), None)
    if include_initial:
        axis = 0 if axis is None else axis_of(axis, result.ndim)
        shape = tuple(1 if k == axis else n for k, n in enumerate(result.shape))
        front = np.ones(shape, result.dtype) * result.dtype.type(first)
        result = np.concatenate([front, result], axis=axis)
    return into(out, result, "unsafe")


@answers(np.cumulative_sum)
def cumulative_sum(
    x: Any,
    /,
    *,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    include_initial: bool = False,
) -> Any:
    """Answer ``np.cumulative_sum``."""
    return cumulate_from(CUMSUM, 0, x, axis, dtype, out, include_initial)


@answers(np.cumulative_prod)
def cumulative_prod(
    x: Any,
    /,
    *,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    include_initial: bool = False,
) -> Any:
    """Answer ``np.cumulative_prod``."""
    return cumulate_from(CUMPROD, 1, x, axis, dtype, out, include_initial)


__all__ = ["ACCUMULATED_EXTREMES", "CUMPROD", "CUMSUM", "RECURRENCE"]
