"""Selecting: `where`, `select`, `choose`, `clip` and their kin.

What was not selected contributes exactly nothing to a derivative.
"""

from __future__ import annotations

from typing import Any

import numpy as np

# By name: while recording, NumPy's own is answered.
from numpy import array

from wengert.core.forms import Map
from wengert.core.operation import answers, apply, elementwise, general
from wengert.core.types import Recorded, has_class, is_array, plain_example
from wengert.ops.axes import axis_of
from wengert.ops.elements import into
from wengert.ops.elementwise import as_computed
from wengert.ops.index import GETITEM, Placeholder, Slice
from wengert.ops.reduce import as_array, cast
from wengert.ops.shape import as_numpys, lying

UNSET = np._NoValue


def where_jvp(tangents: Any, result: Any, condition: Any, x: Any, y: Any) -> Any:
    """Return each tangent where its operand was selected."""
    _, x_dot, y_dot = tangents
    return np.where(
        condition, 0.0 if x_dot is None else x_dot, 0.0 if y_dot is None else y_dot
    )


def where_vjp(g: Any, result: Any, condition: Any, x: Any, y: Any) -> Any:
    """Return the gradient where the operand was selected, exactly zero elsewhere."""
    return None, np.where(condition, g, 0.0), np.where(condition, 0.0, g)


def evaluate_where(condition: Any, x: Any, y: Any) -> Any:
    """Return ``np.where``."""
    return np.where(condition, x, y)


WHERE = general(
    "where",
    evaluate_where,
    form=Map("select(x, y, z)"),
    jvp=where_jvp,
    vjp=where_vjp,
)


@answers(np.where)
def where(condition: Any, x: Any = None, y: Any = None, /) -> Any:
    """Answer ``np.where``."""
    if x is None and y is None:
        return np.nonzero(condition)
    return apply(WHERE, condition, x, y)


# Several conditions


def as_choice(value: Any) -> Any:
    """Return a choice as an array; a Python number stays one."""
    return value if type(value) in (int, float, complex) else as_array(value)


@answers(np.select)
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """Answer ``np.select``."""
    if len(condlist) != len(choicelist):
        raise ValueError("list of cases must be same length as list of conditions")
    if len(condlist) == 0:
        raise ValueError("select with an empty condition list is not possible")
    choices = [as_choice(choice) for choice in choicelist]
    result = as_choice(default)
    dtype = np.result_type(*choices, result)
    conditions = [as_array(condition) for condition in condlist]
    for k, condition in enumerate(conditions):
        if condition.dtype != bool:
            raise TypeError(f"invalid entry {k} in condlist: should be boolean ndarray")
    for condition, choice in zip(conditions[::-1], choices[::-1], strict=True):
        result = apply(WHERE, condition, choice, result)
    return lying(np.reshape(cast(result, dtype), np.shape(result)), "C")


def chosen_index(index: Any, count: int, mode: str) -> Any:
    """Return which choice each element takes."""
    if mode == "wrap":
        return index % count
    return np.minimum(np.maximum(index, 0), count - 1) if mode == "clip" else index


def evaluate_choose(index: Any, *choices: Any, mode: str) -> Any:
    """Return ``np.choose``."""
    return np.choose(index, choices, mode=mode)  # type: ignore[call-overload]


def choose_jvp(tangents: Any, result: Any, index: Any, *choices: Any, mode: str) -> Any:
    """Return the tangent of the choice that was taken."""
    found = [0.0 if tangent is None else tangent for tangent in tangents[1:]]
    return apply(CHOOSE, index, *found, mode=mode)


def choose_vjp(g: Any, result: Any, index: Any, *choices: Any, mode: str) -> Any:
    """Return the gradient of each choice where it was taken."""
    taken = chosen_index(index, len(choices), mode)
    return None, *(np.where(taken == k, g, 0.0) for k in range(len(choices)))


CHOOSE = general(
    "choose",
    evaluate_choose,
    form=Map(),
    jvp=choose_jvp,
    vjp=choose_vjp,
    reads=(True, False),
)


@answers(np.choose)
def choose(a: Any, choices: Any, out: Any = None, mode: str = "raise") -> Any:
    """Answer ``np.choose``."""
    choices = [as_array(choices[k]) for k in range(len(choices))]
    dtype = np.result_type(*choices)
    choices = [cast(choice, dtype) for choice in choices]
    return into(out, apply(CHOOSE, as_array(a), *choices, mode=mode), "unsafe")


# Elements by place, and by condition


@answers(np.take)
def take(
    a: Any, indices: Any, axis: int | None = None, out: Any = None, mode: str = "raise"
) -> Any:
    """Answer ``np.take``."""
    if axis is None:
        a, axis = np.ravel(a), 0
    axis = axis_of(axis, np.ndim(a))
    n = np.shape(a)[axis]
    if not isinstance(indices, Recorded):
        indices = np.asarray(indices)
        indices = indices.astype(
            np.intp, casting="same_kind" if indices.size else "unsafe"
        )
    elif indices.dtype == bool:  # type: ignore[attr-defined]
        indices = np.astype(indices, np.intp)  # type: ignore[call-overload]
    if mode == "wrap":
        indices = np.remainder(indices, n)
    elif mode == "clip":
        indices = np.clip(indices, 0, n - 1)
    before, after = np.shape(a)[:axis], np.shape(a)[axis + 1 :]
    if n == 0 and 0 in (*before, *after):  # nothing is taken, whatever the indices
        result = np.zeros((*before, *np.shape(indices), *after), a.dtype)
    else:
        key = (Slice(None, None, None),) * axis + (Placeholder(0),)
        result = lying(apply(GETITEM, a, indices, key=key), "C")
    return into(out, result, "copy")


@answers(np.ix_)
def ix_(*args: Any) -> tuple[Any, ...]:
    """Answer ``np.ix_``: vectors, each along an axis of its own."""
    found = []
    for k, x in enumerate(args):
        x = as_index(x)
        if x.ndim != 1:
            raise ValueError("Cross index must be 1 dimensional")
        x = np.nonzero(x)[0] if x.dtype == bool else x
        found.append(np.reshape(x, [-1 if j == k else 1 for j in range(len(args))]))
    return tuple(found)


def as_index(x: Any) -> Any:
    """Return a sequence as an array; one without numbers is of whole numbers."""
    if isinstance(x, Recorded) or is_array(x):
        return x
    x = as_array(x)
    return x if x.size else np.astype(x, np.intp)


@answers(np.compress)
def compress(condition: Any, a: Any, axis: Any = None, out: Any = None) -> Any:
    """Answer ``np.compress``; the number of elements is guarded."""
    condition, a = as_array(condition), as_array(a)
    if condition.ndim != 1:
        raise ValueError("condition must be a 1-d array")
    if axis is None:
        a, axis = np.reshape(a, (-1,)), 0
    axis = axis_of(axis, a.ndim)
    places = np.nonzero(condition)[0]
    return into(out, np.take(a, places, axis=axis), "copy")


@answers(np.extract)
def extract(condition: Any, arr: Any) -> Any:
    """Answer ``np.extract``."""
    places = np.nonzero(np.reshape(as_array(condition), (-1,)))[0]
    return np.reshape(as_array(arr), (-1,))[places]


def is_number(value: Any) -> bool:
    """Whether a value is a number rather than a list or an array."""
    return not isinstance(value, (list, tuple)) and np.ndim(value) == 0


def condition_list(x: Any, condlist: Any, count: int) -> list[Any]:
    """Return the conditions of ``np.piecewise``, the otherwise included."""
    is_sequence = isinstance(condlist, (list, tuple)) or np.ndim(condlist) > 0
    if not is_sequence or (x.ndim > 0 and is_number(condlist[0])):
        condlist = [condlist]
    conditions = [cast(as_array(condlist[k]), np.bool_) for k in range(len(condlist))]
    if len(conditions) == count - 1:
        found = conditions[0]
        for condition in conditions[1:]:
            found = np.logical_or(found, condition)
        conditions.append(np.logical_not(found))
    elif len(conditions) != count:
        n = len(conditions)
        raise ValueError(
            f"with {n} condition(s), either {n} or {n + 1} functions are expected"
        )
    return conditions


@answers(np.piecewise)
def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    """Answer ``np.piecewise``; each function sees its own elements only."""
    x = as_array(x)
    conditions = condition_list(x, condlist, len(funclist))
    result = np.where(x == x, x.dtype.type(0), x.dtype.type(0))
    if x.ndim == 0:
        return piecewise_of_scalar(x, conditions, funclist, args, kw)
    for condition, function in zip(conditions, funclist, strict=True):
        if not callable(function):
            result[condition] = function
            continue
        elements = x[condition]
        if elements.size > 0:
            result[condition] = function(elements, *args, **kw)
    return result


def piecewise_of_scalar(
    x: Any, conditions: list[Any], functions: Any, args: Any, kw: Any
) -> Any:
    """Return ``np.piecewise`` of one number: each condition is a guard."""
    result: Any = x.dtype.type(0)
    for condition, function in zip(conditions, functions, strict=True):
        if condition:
            result = function(x, *args, **kw) if callable(function) else function
    return np.reshape(cast(as_array(result), x.dtype), ())


# Limits


def is_chosen(z: Any, x: Any, other: Any) -> Any:
    """Return 1 where `x` alone is the extreme `z`, 1/2 at a tie, 0 elsewhere."""
    share = np.where(x == other, 0.5, 1.0)
    return np.where(x == z, share, np.where(x != x, 1.0, 0.0))


def clip_by_element(z: Any, x: Any, low: Any, high: Any) -> Any:
    """Return 1 inside the limits, 1/2 on one, 0 outside."""
    x, low, high = as_computed(z, x, low, high)
    raised = np.maximum(x, low)
    return is_chosen(z, raised, high) * is_chosen(raised, x, low)


def clip_by_low(z: Any, x: Any, low: Any, high: Any) -> Any:
    """Return 1 where the lower limit was taken."""
    x, low, high = as_computed(z, x, low, high)
    raised = np.maximum(x, low)
    return is_chosen(z, raised, high) * is_chosen(raised, low, x)


def clip_by_high(z: Any, x: Any, low: Any, high: Any) -> Any:
    """Return 1 where the upper limit was taken."""
    x, low, high = as_computed(z, x, low, high)
    return is_chosen(z, high, np.maximum(x, low))


CLIP_UFUNC = np._core.umath.clip  # type: ignore[attr-defined]
elementwise(
    "clip",
    CLIP_UFUNC,
    (clip_by_element, clip_by_low, clip_by_high),
    form=Map("minimum(maximum(x, y), z)"),
    domain=(),
)


def within_integers(a: Any, low: Any, high: Any) -> tuple[Any, Any]:
    """Return limits without Python ints that an integer dtype cannot exceed."""
    if a.dtype.kind in "iu":
        limits = np.iinfo(a.dtype)
        if type(low) is int and low <= limits.min:
            low = None
        if type(high) is int and high >= limits.max:
            high = None
    return low, high


@answers(np.clip)
def clip(
    a: Any,
    a_min: Any = UNSET,
    a_max: Any = UNSET,
    out: Any = None,
    *,
    min: Any = UNSET,
    max: Any = UNSET,
    **settings: Any,
) -> Any:
    """Answer ``np.clip``."""
    if a_min is UNSET and a_max is UNSET:
        a_min = None if min is UNSET else min
        a_max = None if max is UNSET else max
    elif a_min is UNSET or a_max is UNSET:
        name = "a_min" if a_min is UNSET else "a_max"
        raise TypeError(f"clip() missing 1 required positional argument: '{name}'")
    elif min is not UNSET or max is not UNSET:
        raise ValueError(
            "Passing `min` or `max` keyword argument when `a_min` and `a_max` are "
            "provided is forbidden."
        )
    a = as_array(a)
    low, high = within_integers(a, a_min, a_max)
    if out is not None:
        settings["out"] = out
    if low is None and high is None:
        return np.positive(a, **settings)
    if low is None:
        return np.minimum(a, high, **settings)
    if high is None:
        return np.maximum(a, low, **settings)
    return CLIP_UFUNC(a, low, high, **settings)


# What is not finite


def replace(x: Any, where: Any, value: Any) -> Any:
    """Return `x` with a value in some places, in the dtype of `x`."""
    if has_class(value, (int, float, complex)):
        value = x.dtype.type(value)
    return np.where(where, cast(as_array(value), x.dtype), x)


def finite(x: Any, nan: Any, posinf: Any, neginf: Any) -> Any:
    """Return real numbers with everything that is not finite replaced."""
    limits = np.finfo(x.dtype)
    infinite = np.isinf(x)
    positive = np.logical_and(infinite, x > 0)
    negative = np.logical_and(infinite, x < 0)
    result = replace(x, np.isnan(x), nan)
    result = replace(result, positive, limits.max if posinf is None else posinf)
    return replace(result, negative, limits.min if neginf is None else neginf)


@answers(np.nan_to_num)
def nan_to_num(
    x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None
) -> Any:
    """Answer ``np.nan_to_num``; what was replaced has no derivative."""
    if not copy:
        array(plain_example(x), copy=False)  # NumPy raises for what is no array
    x = as_array(x)
    if x.dtype.kind not in "fc":
        if x.ndim == 0:
            return as_numpys(x)[()]
        return np.copy(x) if copy else x
    if x.dtype.kind == "c":
        parts = [finite(part, nan, posinf, neginf) for part in (np.real(x), np.imag(x))]
        result = np.add(parts[0], np.multiply(parts[1], x.dtype.type(1j)))
    else:
        result = finite(x, nan, posinf, neginf)
    result = lying(result, like=x)
    if x.ndim == 0:
        return result[()]
    return result if copy else into(x, result)


__all__ = ["CHOOSE", "WHERE"]
