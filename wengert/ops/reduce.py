"""Reductions along axes: sums, products, extremes, and what is made of them."""

from __future__ import annotations

from typing import Any

import numpy as np

# By name: while recording, NumPy's own is answered.
from numpy import add, asarray, generic, ndarray

from wengert.core.forms import Reduce
from wengert.core.operation import (
    Function,
    Operation,
    answers,
    apply,
    constant_of,
    general,
    linear,
)
from wengert.core.types import Recorded, has_class, plain_example
from wengert.ops.axes import axes_of, integer
from wengert.ops.chain import CHAIN_PRODUCT
from wengert.ops.constants import STOP_GRADIENT
from wengert.ops.elements import held, into

Axis = int | tuple[int, ...] | None
UNSET = np._NoValue


# Arguments


def is_set(value: Any) -> bool:
    """Whether an argument that NumPy leaves out by a marker was given."""
    return value is not UNSET


def flag(keepdims: Any) -> bool:
    """Return ``keepdims`` as a bool; left out it is False."""
    return keepdims is not UNSET and bool(keepdims)


def mask_of(where: Any) -> Any:
    """Return the mask that NumPy makes of a ``where`` argument; True leaves none out.

    Numbers and lists become bools; an array has to hold them.
    """
    if where is True or where is UNSET:
        return True
    if not issubclass(type(plain_example(where)), ndarray):
        is_recorded = has_class(where, Recorded)
        return np.not_equal(where, 0) if is_recorded else asarray(where, dtype=bool)
    if where.dtype != np.bool_:
        raise TypeError(
            f"Cannot cast array data from {where.dtype!r} to dtype('bool') according "
            "to the rule 'safe'"
        )
    return where


def as_array(value: Any) -> Any:
    """Return lists and numbers as arrays; recorded and plain arrays as they are."""
    if has_class(value, (Recorded, ndarray)):
        return value
    return asarray(value)


def cast(x: Any, dtype: Any) -> Any:
    """Return an array in a dtype; itself where it has it."""
    return x if x.dtype == dtype else np.astype(x, dtype)


def dtype_of(dtype: Any, out: Any, a: Any) -> Any:
    """Return the dtype in which a reduction is done; None for NumPy's choice."""
    if dtype is not None:
        return np.dtype(dtype)
    if out is None:
        return None
    out = out[0] if isinstance(out, tuple) else out
    return np.promote_types(as_array(a).dtype, out.dtype)


def passes_gradient(dtype: Any) -> bool:
    """Whether a result of this dtype (None: the operand's) has a derivative."""
    return dtype is None or dtype.kind in "fc"


# From results to operands


def repeat_to(g: Any, shape: tuple[int, ...]) -> Any:
    """Return ``np.broadcast_to(g, shape)``, quickly for a plain number."""
    if has_class(g, generic):
        buffer = asarray(g)
        return ndarray(shape, g.dtype, buffer, strides=(0,) * len(shape))
    return np.broadcast_to(g, shape)


def expand(g: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
    """Return what belongs to a reduction's result with the reduced axes kept as 1."""
    if axis is None:
        return np.reshape(g, (1,) * x.ndim)
    if keepdims:
        return g
    kept = tuple(1 if k in axis else n for k, n in enumerate(x.shape))  # type: ignore[operator]
    return np.reshape(g, kept)


def spread(g: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
    """Return a reduction's gradient repeated over the reduced axes of `x`."""
    if axis is not None and not keepdims:
        g = expand(g, x, axis, keepdims)
    return repeat_to(g, x.shape)


# Sums


def sum_transpose(g: Any, x: Any, *, axis: Axis, keepdims: bool, dtype: Any) -> Any:
    """Return the gradient repeated over the summed elements."""
    return spread(g, x, axis, keepdims)


def evaluate_sum(x: Any, *, axis: Axis, keepdims: bool, dtype: Any) -> Any:
    """Return ``np.sum``."""
    return add.reduce(x, axis=axis, keepdims=keepdims, dtype=dtype)  # type: ignore[call-overload]


SUM = linear("sum", evaluate_sum, sum_transpose, form=Reduce("x + y", start=0))


def evaluate_sum_where(
    x: Any, where: Any, initial: Any, *, axis: Axis, keepdims: bool, dtype: Any
) -> Any:
    """Return ``np.sum`` of the elements of a mask, from an initial value on."""
    return np.add.reduce(  # type: ignore[call-overload]
        x, axis=axis, keepdims=keepdims, dtype=dtype, where=where, initial=initial
    )


def sum_where_jvp(
    tangents: Any, result: Any, x: Any, where: Any, initial: Any, **how: Any
) -> Any:
    """Return the tangents' sum over the same mask."""
    x_dot, _, initial_dot = tangents
    if x_dot is None:
        return initial_dot
    return np.sum(
        x_dot, where=where, initial=0 if initial_dot is None else initial_dot, **how
    )


def sum_where_vjp(
    g: Any,
    result: Any,
    x: Any,
    where: Any,
    initial: Any,
    *,
    axis: Axis,
    keepdims: bool,
    dtype: Any,
) -> Any:
    """Return the gradient where the mask selects, zero elsewhere."""
    return np.where(where, spread(g, x, axis, keepdims), 0.0), None, np.sum(g)


SUM_WHERE = general(
    "sum_where",
    evaluate_sum_where,
    form=Reduce("x + y"),
    jvp=sum_where_jvp,
    vjp=sum_where_vjp,
    reads=(False, True, False),
)


@answers(np.sum)
def sum(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = UNSET,
    initial: Any = UNSET,
    where: Any = UNSET,
) -> Any:
    """Answer ``np.sum``."""
    if dtype is None and out is None and initial is UNSET and where is UNSET:
        axis = None if axis is None else axes_of(axis, np.ndim(a))
        return apply(SUM, a, axis=axis, keepdims=flag(keepdims), dtype=None)
    dtype = dtype_of(dtype, out, a)
    how = {
        "axis": axes_of(axis, np.ndim(a)),
        "keepdims": flag(keepdims),
        "dtype": dtype,
    }
    if not passes_gradient(dtype):
        a = apply(STOP_GRADIENT, as_array(a))
    where = mask_of(where)
    if where is True and not is_set(initial):
        return into(out, apply(SUM, a, **how), "unsafe")
    initial = held(out, initial) if is_set(initial) else 0
    return into(out, apply(SUM_WHERE, a, where, initial, **how), "unsafe")


# Products


def join_axes(x: Any, axis: Axis) -> Any:
    """Return `x` with the reduced axes joined into one, the last."""
    if axis is None:
        return np.reshape(x, (-1,))
    kept = [k for k in range(x.ndim) if k not in axis]  # type: ignore[operator]
    shape = tuple(x.shape[k] for k in kept)
    count = int(np.prod([x.shape[k] for k in axis], dtype=np.int64))  # type: ignore[union-attr]
    return np.reshape(np.transpose(x, (*kept, *axis)), (*shape, count))  # type: ignore[misc]


def split_axes(y: Any, shape: tuple[int, ...], axis: Axis) -> Any:
    """Return what `join_axes` made of an array of this shape to where it was."""
    if axis is None:
        return np.reshape(y, shape)
    order = [k for k in range(len(shape)) if k not in axis] + list(axis)  # type: ignore[operator,arg-type]
    y = np.reshape(y, tuple(shape[k] for k in order))
    return np.transpose(y, tuple(order.index(k) for k in range(len(shape))))


def products_before(x: Any) -> Any:
    """Return the products of all elements before each along the last axis."""
    one = np.ones((*x.shape[:-1], 1), x.dtype)
    return np.concatenate([one, np.cumprod(x[..., :-1], axis=-1)], axis=-1)


def products_of_others(x: Any, axis: Axis) -> Any:
    """Return for each element the product of all the others: no division by zero."""
    if x.size == 0:
        return x
    joined = join_axes(x, axis)
    after = products_before(joined[..., ::-1])[..., ::-1]
    return split_axes(products_before(joined) * after, x.shape, axis)


def evaluate_prod(x: Any, *, axis: Axis, keepdims: bool, dtype: Any) -> Any:
    """Return ``np.prod``."""
    return np.multiply.reduce(x, axis=axis, keepdims=keepdims, dtype=dtype)  # type: ignore[call-overload]


def prod_jvp(
    tangents: Any, result: Any, x: Any, *, axis: Axis, keepdims: bool, dtype: Any
) -> Any:
    """Return the sum of each tangent times the other elements."""
    products = apply(CHAIN_PRODUCT, tangents[0], products_of_others(x, axis))
    return np.sum(products, axis=axis, keepdims=keepdims)


def prod_vjp(
    g: Any, result: Any, x: Any, *, axis: Axis, keepdims: bool, dtype: Any
) -> Any:
    """Return the gradient times the other elements."""
    g = spread(g, x, axis, keepdims)
    return apply(CHAIN_PRODUCT, g, products_of_others(x, axis))


PROD = general(
    "prod",
    evaluate_prod,
    form=Reduce("x * y", start=1),
    jvp=prod_jvp,
    vjp=prod_vjp,
    reads=(True,),
)


def evaluate_prod_from(
    x: Any, where: Any, initial: Any, *, axis: Axis, keepdims: bool, dtype: Any
) -> Any:
    """Return ``np.prod`` of the elements of a mask, from an initial value on."""
    return np.multiply.reduce(  # type: ignore[call-overload]
        x, axis=axis, keepdims=keepdims, dtype=dtype, where=where, initial=initial
    )


def prod_where_parts(x: Any, where: Any, axis: Axis, keepdims: bool) -> Any:
    """Return `x` with 1 where the mask leaves it out, and the product of that."""
    filled = np.where(where, x, x.dtype.type(1))
    return filled, np.prod(filled, axis=axis, keepdims=keepdims)


def prod_where_jvp(
    tangents: Any,
    result: Any,
    x: Any,
    where: Any,
    initial: Any,
    *,
    axis: Axis,
    keepdims: bool,
    dtype: Any,
) -> Any:
    """Return the tangent of ``initial * prod(x[where])``."""
    x_dot, _, initial_dot = tangents
    filled, product = prod_where_parts(x, where, axis, keepdims)
    total = 0.0
    if initial_dot is not None:
        total = apply(CHAIN_PRODUCT, initial_dot, product)
    if x_dot is None:
        return total
    x_dot = np.where(where, x_dot, 0.0)
    others = apply(CHAIN_PRODUCT, x_dot, products_of_others(filled, axis))
    others = np.sum(others, axis=axis, keepdims=keepdims)
    return total + apply(CHAIN_PRODUCT, others, initial)


def prod_where_vjp(
    g: Any,
    result: Any,
    x: Any,
    where: Any,
    initial: Any,
    *,
    axis: Axis,
    keepdims: bool,
    dtype: Any,
) -> Any:
    """Return the gradients of ``initial * prod(x[where])``."""
    filled, product = prod_where_parts(x, where, axis, keepdims)
    scaled = spread(apply(CHAIN_PRODUCT, g, initial), x, axis, keepdims)
    others = apply(CHAIN_PRODUCT, scaled, products_of_others(filled, axis))
    by_initial = np.sum(apply(CHAIN_PRODUCT, g, product))
    return np.where(where, others, 0.0), None, by_initial


PROD_WHERE = general(
    "prod_where",
    evaluate_prod_from,
    form=Reduce("x * y"),
    jvp=prod_where_jvp,
    vjp=prod_where_vjp,
    reads=(True, True, True),
)


@answers(np.prod)
def prod(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = UNSET,
    initial: Any = UNSET,
    where: Any = UNSET,
) -> Any:
    """Answer ``np.prod``."""
    dtype = dtype_of(dtype, out, a)
    how = {
        "axis": axes_of(axis, np.ndim(a)),
        "keepdims": flag(keepdims),
        "dtype": dtype,
    }
    if not passes_gradient(dtype):
        a = apply(STOP_GRADIENT, as_array(a))
    where = mask_of(where)
    if where is True and not is_set(initial):
        return into(out, apply(PROD, a, **how), "unsafe")
    initial = held(out, initial) if is_set(initial) else 1
    return into(out, apply(PROD_WHERE, a, where, initial, **how), "unsafe")


# Extremes: ties share the gradient evenly


def attained(x: Any, extreme: Any, skips_nan: bool) -> Any:
    """Return where `x` is the extreme; a NaN is, unless NaNs are skipped."""
    return x == extreme if skips_nan else np.logical_or(x == extreme, x != x)


def count_of(ties: Any, axis: Axis, like: Any) -> Any:
    """Return the number of ties along the axes, kept; 1 where there is none."""
    return np.maximum(np.sum(ties, axis=axis, keepdims=True, dtype=like.dtype), 1)


def extreme_rules(skips_nan: bool) -> tuple[Function, Function]:
    """Return the forward and the reverse rule of a maximum or minimum along axes."""

    def jvp(tangents: Any, result: Any, x: Any, *, axis: Axis, keepdims: bool) -> Any:
        ties = attained(x, expand(result, x, axis, keepdims), skips_nan)
        shares = np.where(ties, tangents[0], 0.0) / count_of(ties, axis, tangents[0])
        return np.sum(shares, axis=axis, keepdims=keepdims)

    def vjp(g: Any, result: Any, x: Any, *, axis: Axis, keepdims: bool) -> Any:
        ties = attained(x, expand(result, x, axis, keepdims), skips_nan)
        shares = expand(g, x, axis, keepdims) / count_of(ties, axis, g)
        return np.where(ties, shares, 0.0)

    return jvp, vjp


def extreme(name: str, ufunc: np.ufunc, skips_nan: bool) -> Operation:
    """State the reduction of a maximum or minimum."""
    jvp, vjp = extreme_rules(skips_nan)

    def evaluate(x: Any, *, axis: Axis, keepdims: bool) -> Any:
        return ufunc.reduce(x, axis=axis, keepdims=keepdims)

    form = Reduce(f"{ufunc.__name__}(x, y)")
    return general(name, evaluate, form=form, jvp=jvp, vjp=vjp, reads=(True,))


MAX = extreme("max", np.maximum, skips_nan=False)
MIN = extreme("min", np.minimum, skips_nan=False)
NANMAX = extreme("nanmax", np.fmax, skips_nan=True)
NANMIN = extreme("nanmin", np.fmin, skips_nan=True)
EXTREMES: dict[np.ufunc, tuple[Operation, float]] = {
    np.maximum: (MAX, -np.inf),
    np.minimum: (MIN, np.inf),
    np.fmax: (NANMAX, np.nan),
    np.fmin: (NANMIN, np.nan),
}


def reduce_extreme(
    ufunc: np.ufunc,
    a: Any,
    axis: Any,
    out: Any,
    keepdims: Any,
    initial: Any,
    where: Any,
) -> Any:
    """Return ``ufunc.reduce`` for a maximum or minimum."""
    operation, filler = EXTREMES[ufunc]
    a = as_array(a)
    a = a if out is None else cast(a, dtype_of(None, out, a))
    initial = as_initial(held(out, initial) if is_set(initial) else initial, a.dtype)
    where = mask_of(where)
    if where is not True:
        if not is_set(initial):
            raise ValueError(
                f"reduction operation '{ufunc.__name__}' does not have an identity, "
                "so to use a where mask one has to specify 'initial'"
            )
        plain_filler = filler if a.dtype.kind in "fc" else initial
        a = np.where(where, a, a.dtype.type(plain_filler))
    axis = axes_of(axis, a.ndim)
    if is_set(initial) and is_empty_along(a, axis):
        zero = sum(a, axis=axis, keepdims=keepdims)
        return into(out, cast(np.add(zero, initial), a.dtype), "unsafe")
    result = apply(operation, a, axis=axis, keepdims=flag(keepdims))
    result = ufunc(result, initial) if is_set(initial) else result
    return into(out, result, "unsafe")


def as_initial(initial: Any, dtype: Any) -> Any:
    """Return ``initial`` in the dtype of a reduction, to which NumPy casts it."""
    if not is_set(initial):
        return initial
    return np.astype(as_array(initial), dtype)[()]


def is_empty_along(a: Any, axis: Axis) -> bool:
    """Whether a reduction over the axes has nothing to reduce."""
    axes = range(a.ndim) if axis is None else axis
    return any(a.shape[k] == 0 for k in axes)  # type: ignore[union-attr]


@answers(np.max, np.amax)
def max(
    a: Any,
    axis: Any = None,
    out: Any = None,
    keepdims: Any = UNSET,
    initial: Any = UNSET,
    where: Any = UNSET,
) -> Any:
    """Answer ``np.max``."""
    return reduce_extreme(np.maximum, a, axis, out, keepdims, initial, where)


@answers(np.min, np.amin)
def min(
    a: Any,
    axis: Any = None,
    out: Any = None,
    keepdims: Any = UNSET,
    initial: Any = UNSET,
    where: Any = UNSET,
) -> Any:
    """Answer ``np.min``."""
    return reduce_extreme(np.minimum, a, axis, out, keepdims, initial, where)


@answers(np.ptp)
def ptp(a: Any, axis: Any = None, out: Any = None, keepdims: Any = UNSET) -> Any:
    """Answer ``np.ptp``."""
    high = max(a, axis, out, keepdims)  # before the minimum, which may read `out`
    return into(out, np.subtract(high, min(a, axis, None, keepdims)))


# Positions, counts and questions: data, not differentiable


def evaluate_argmax(x: Any, *, axis: int | None, keepdims: bool) -> Any:
    """Return ``np.argmax``."""
    return np.argmax(x, axis=axis, keepdims=keepdims)


def evaluate_argmin(x: Any, *, axis: int | None, keepdims: bool) -> Any:
    """Return ``np.argmin``."""
    return np.argmin(x, axis=axis, keepdims=keepdims)


def evaluate_any(x: Any, *, axis: Axis, keepdims: bool) -> Any:
    """Return ``np.any``."""
    ufunc: Any = np.logical_or
    return ufunc.reduce(x, axis=axis, keepdims=keepdims)


def evaluate_all(x: Any, *, axis: Axis, keepdims: bool) -> Any:
    """Return ``np.all``."""
    ufunc: Any = np.logical_and
    return ufunc.reduce(x, axis=axis, keepdims=keepdims)


def evaluate_count_nonzero(x: Any, *, axis: Axis, keepdims: bool) -> Any:
    """Return ``np.count_nonzero``."""
    return np.count_nonzero(x, axis=axis, keepdims=keepdims)


ARGMAX = constant_of(
    "argmax",
    evaluate_argmax,
    form=Reduce("maximum(x, y)", place=True),
    numpy=(),
)
ARGMIN = constant_of(
    "argmin",
    evaluate_argmin,
    form=Reduce("minimum(x, y)", place=True),
    numpy=(),
)
ANY = constant_of("any", evaluate_any, form=Reduce("x or y", start=0), numpy=())
ALL = constant_of("all", evaluate_all, form=Reduce("x and y", start=1), numpy=())
COUNT_NONZERO = constant_of(
    "count_nonzero",
    evaluate_count_nonzero,
    form=Reduce("x + y", start=0, of="x != 0"),
    numpy=(),
)


@answers(np.argmax)
def argmax(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = UNSET) -> Any:
    """Answer ``np.argmax``."""
    axis = None if axis is None else integer(axis)
    return into(out, apply(ARGMAX, a, axis=axis, keepdims=flag(keepdims)), "copy")


@answers(np.argmin)
def argmin(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = UNSET) -> Any:
    """Answer ``np.argmin``."""
    axis = None if axis is None else integer(axis)
    return into(out, apply(ARGMIN, a, axis=axis, keepdims=flag(keepdims)), "copy")


def ask(
    operation: Operation, a: Any, axis: Any, out: Any, keepdims: Any, where: Any
) -> Any:
    """Return ``np.any`` or ``np.all``."""
    how = {"axis": axes_of(axis, np.ndim(a)), "keepdims": flag(keepdims)}
    where = mask_of(where)
    if where is not True:  # elements that are left out decide nothing
        where = np.broadcast_to(where, np.shape(a))
        if operation is ALL:
            a = np.logical_or(a, np.logical_not(where))
        else:
            a = np.logical_and(a, where)
    return into(out, apply(operation, a, **how), "unsafe")


@answers(np.any)
def any_(
    a: Any,
    axis: Any = None,
    out: Any = None,
    keepdims: Any = UNSET,
    *,
    where: Any = UNSET,
) -> Any:
    """Answer ``np.any``."""
    return ask(ANY, a, axis, out, keepdims, where)


@answers(np.all)
def all_(
    a: Any,
    axis: Any = None,
    out: Any = None,
    keepdims: Any = UNSET,
    *,
    where: Any = UNSET,
) -> Any:
    """Answer ``np.all``."""
    return ask(ALL, a, axis, out, keepdims, where)


@answers(np.count_nonzero)
def count_nonzero(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """Answer ``np.count_nonzero``."""
    axis = axes_of(axis, np.ndim(a))
    return apply(COUNT_NONZERO, a, axis=axis, keepdims=bool(keepdims))
