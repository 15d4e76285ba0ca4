"""NumPy's makers of arrays, answered while recording."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from wengert.capture import keys
from wengert.capture.answers.leading import plain
from wengert.capture.answers.table import (
    answered,
    holds,
    is_foreign,
    number,
    passive,
    tape_here,
)
from wengert.capture.tree import contents
from wengert.core.operation import answers
from wengert.core.types import Recorded, is_array, plain_example
from wengert.errors import UnsupportedError, explain
from wengert.ops.axes import is_truth
from wengert.ops.elements import check_elements
from wengert.ops.join import gather
from wengert.ops.shape import in_order, is_number, lying

# Makers of arrays from sizes: passive until a recorded value is written into them

MAKERS = (
    "zeros ones empty eye identity tri indices fromfunction linspace logspace "
    "geomspace zeros_like ones_like empty_like hamming hanning bartlett blackman kaiser"
)
#: What memory holds by chance would be a constant that no second recording repeats.
DEFINED = {np.empty: np.zeros, np.empty_like: np.zeros_like}
#: Makers of places: their results are data.
PLACES = "triu_indices tril_indices diag_indices mask_indices"


def answer_maker(name: str) -> None:
    """Answer a function that makes a fresh array."""
    public = getattr(np, name)
    original, make = plain(public), plain(DEFINED.get(public, public))
    is_like = name.endswith("_like")

    @answered(name)
    def maker(*args: Any, **settings: Any) -> Any:
        tape = tape_here()
        if is_like and args and holds(args[0]):
            return public(gather(args[0]), *args[1:], **settings)
        if tape is None:
            return original(*args, **settings)
        args, settings = whole(args), whole(settings)
        try:
            result = make(*args, **settings)
        except TypeError:
            settings.pop("dtype", None)  # NumPy says why it is none
            keys.check_whole(*args, *settings.values())
            raise
        if make is not original and result.dtype.hasobject:
            result = original(*args, **settings)  # None is no chance
        return passive(tape, result)


def whole(sizes: Any) -> Any:
    """Return sizes with plain numbers in place of recorded ones, which are guarded.

    A truth value is no size.
    """
    if type(sizes) is dict:
        return {name: whole(size) for name, size in sizes.items()}
    if type(sizes) in (tuple, list):
        return type(sizes)(whole(size) for size in sizes)
    if isinstance(sizes, Recorded) and keys.is_integer(sizes):
        return operator.index(sizes)  # type: ignore[arg-type]
    if isinstance(sizes, Recorded) and is_truth(sizes):
        return as_example(bool(sizes), sizes)
    return sizes


def as_example(answer: bool, of: Any) -> Any:
    """Return a truth value as one of the type that a recorded one stands for."""
    kind = type(plain_example(of))
    return kind(answer) if issubclass(kind, (bool, np.bool_)) else np.asarray(answer)


def answer_places(name: str) -> None:
    """Answer a function of a count that may be recorded."""
    original = plain(getattr(np, name))

    @answered(name)
    def places(*args: Any, **settings: Any) -> Any:
        keys.check_whole(*args, *settings.values())
        return original(*whole(args), **whole(settings))


@answered("default_rng", np.random)
def default_rng(seed: Any = None) -> Any:
    """Answer ``np.random.default_rng``: a seed that is recorded is guarded."""
    return np_default_rng(whole(seed))


np_default_rng = default_rng.__wrapped__  # type: ignore[attr-defined]

for _name in MAKERS.split():
    answer_maker(_name)
for _name in PLACES.split():
    answer_places(_name)


def answer_like(name: str) -> None:
    """Answer ``np.zeros_like`` and its relatives of a recorded prototype."""
    original = getattr(np, name)
    make = plain(DEFINED.get(original, original))

    @answers(original)
    def like(prototype: Any, *args: Any, **settings: Any) -> Any:
        if not isinstance(prototype, Recorded):  # only the number to fill with is one
            return filled_like(np_empty_like(prototype, **settings), *args)
        if name == "full_like":
            fill_value, *args = args if args else (settings.pop("fill_value"),)  # type: ignore[assignment]
            if holds(fill_value):
                shape = np_empty_like(prototype._current(), *args, **settings)  # type: ignore[attr-defined]
                return filled_like(shape, fill_value)
            args = (fill_value, *args)
        result = make(prototype._current(), *args, **settings)  # type: ignore[attr-defined]
        return passive(prototype._tape, result)  # type: ignore[attr-defined]


def filled_like(like: Any, value: Any) -> Any:
    """Return one recorded value in the shape and dtype of an array."""
    return lying(filled(like.shape, gather(value), like.dtype), like=like)


np_empty_like = np.empty_like
for _name in ("zeros_like", "ones_like", "empty_like", "full_like"):
    answer_like(_name)


@answered("arange")
def arange(*args: Any, **settings: Any) -> Any:
    """Answer ``np.arange``; bounds may be recorded, the count is guarded."""
    tape = tape_here()
    if tape is None:
        return np_arange(*args, **settings)
    if not any(is_float(part) for part in args):
        return passive(tape, np_arange(*whole(args), **whole(settings)))
    start, stop, step = (0, *args, 1) if len(args) == 1 else (*args, 1)[:3]
    quotient = (stop - start) / step
    parts = [quotient]
    if np.result_type(quotient).kind == "c":
        parts = [np.real(quotient), np.imag(quotient)]
    count = max(min(int(np.ceil(part)) for part in parts), 0)
    expected = np_arange(*(number(part) for part in args), **settings)
    delta = (start + step) - start
    result = start + np_arange(count) * delta
    if not isinstance(result, Recorded):  # only the count was recorded
        return passive(tape, expected)
    return np.astype(result, expected.dtype, copy=False)  # type: ignore[call-overload]


np_arange = np.arange


def is_float(value: Any) -> bool:
    """Whether a value is recorded and no whole number."""
    return isinstance(value, Recorded) and value.dtype.kind in "fc"  # type: ignore[attr-defined]


@answered("full")
def full(shape: Any, fill_value: Any, dtype: Any = None, **settings: Any) -> Any:
    """Answer ``np.full``; the number may be recorded."""
    tape = tape_here()
    if tape is None:
        return np_full(shape, fill_value, dtype, **settings)
    fill_value = gather(fill_value)
    if isinstance(fill_value, Recorded):
        return filled(shape, fill_value, dtype)
    return passive(tape, np_full(whole(shape), fill_value, dtype, **settings))


np_full = plain(np.full)


@answered("full_like")
def full_like(a: Any, fill_value: Any, *args: Any, **settings: Any) -> Any:
    """Answer ``np.full_like``; the number may be recorded."""
    tape = tape_here()
    if tape is None:
        return np_full_like(a, fill_value, *args, **settings)
    fill_value = gather(fill_value)
    if isinstance(fill_value, Recorded):
        return filled_like(np_empty_like(a, *args, **settings), fill_value)
    return passive(tape, np_full_like(a, fill_value, *args, **settings))


np_full_like = plain(np.full_like)


def filled(shape: Any, value: Any, dtype: Any) -> Any:
    """Return an array of one recorded value; floats are cast."""
    if dtype is not None and type(plain_example(value)) is int:
        check_elements(value, np.dtype(dtype))
    result = np.copy(np.broadcast_to(value, shape))
    return result if dtype is None else np.astype(result, dtype, copy=False)


# Makers of arrays from values


@answered("array")
def array(
    object: Any,
    dtype: Any = None,
    *,
    copy: bool | None = True,
    order: Any = "K",
    subok: bool = False,
    ndmin: int = 0,
    like: Any = None,
    **settings: Any,
) -> Any:
    """Answer ``np.array``: lists of recorded values are gathered."""
    tape, object = tape_here(), contents(object)
    recorded = holds(object) and not is_foreign()
    if tape is None and not recorded:
        return np_array(
            object, dtype, copy=copy, order=order, subok=subok, ndmin=ndmin, **settings
        )
    if not recorded:
        result = np_array(
            object, dtype, copy=copy, order=order, ndmin=ndmin, **settings
        )
        return result if shares(result, object) else passive(tape, result)
    if dtype is not None and np.dtype(dtype) == np.dtype(np_object):
        return object_array(object)
    result = laid_out(converted(object, dtype), object, order, copy)
    shape = np.shape(result)
    return (
        result
        if len(shape) >= ndmin
        else np.reshape(result, (1,) * (ndmin - len(shape)) + shape)
    )


np_array = np.array
np_object = object


def shares(result: Any, source: Any) -> bool:
    """Whether a result is the caller's own memory, which stays plain."""
    return result is source or (
        is_array(source) and np.may_share_memory(result, source)
    )


def converted(value: Any, dtype: Any = None) -> Any:
    """Return a recorded value, or a list of them, as a recorded array of a dtype."""
    from wengert.capture.array import RecordedArray

    if dtype is not None and np.dtype(dtype).kind == "V":
        raise UnsupportedError(
            explain(
                "an array of records was to hold a recorded value",
                "a tape holds numbers and arrays of numbers",
                "an array, or an entry of a dictionary, for each field",
            )
        )
    if dtype is not None:
        check_elements(value, np.dtype(dtype), alone=True)
    result = gather(value)
    if not isinstance(result, RecordedArray):
        result = np.reshape(result, ())
    if result.dtype.kind == "O":
        return object_array(value)
    return result if dtype is None else np.astype(result, dtype, copy=False)


def laid_out(result: Any, given: Any, order: Any, copy: bool | None) -> Any:
    """Return a converted value in an order of memory, copied where NumPy would.

    `copy` is NumPy's: always, where needed (None), or never.
    """
    if copy and result is given:
        return np.copy(result, order=order or "K")
    found = in_order(result, order)
    if copy is False and found is not given:
        raise ValueError(
            "Unable to avoid copy while creating an array as requested.\n"
            "If using `np.array(obj, copy=False)` replace it with `np.asarray(obj)` "
            "to allow a copy when needed (no behavior change in NumPy 1.x)."
        )
    return found


class Kept:
    """A recorded number that NumPy is to take for an object."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def kept(value: Any) -> Any:
    """Return lists and recorded arrays as lists of objects of no length."""
    if isinstance(value, Recorded):
        if is_number(value) or value.ndim == 0:  # type: ignore[attr-defined]
            return Kept(value)
        return [kept(value[k]) for k in range(len(value))]  # type: ignore[arg-type,index]
    return [kept(part) for part in value] if type(value) in (list, tuple) else value


def released(value: Any) -> Any:
    """Return what was kept."""
    if type(value) is list:
        return [released(part) for part in value]
    return value.value if type(value) is Kept else value


def object_array(value: Any) -> Any:
    """Return a plain array of Python objects that holds recorded numbers."""
    result = np_array(kept(value), dtype=np_object)
    objects = result.reshape(-1)
    for k in range(objects.size):
        objects[k] = released(objects[k])
    return result


def answer_converter(name: str, fixed: str | None = None) -> None:
    """Answer ``np.asarray`` and its relatives: a recorded value stays itself.

    `fixed` is the order in memory that some of them stand for.
    """
    original = plain(getattr(np, name))

    @answered(name)
    def converter(a: Any, dtype: Any = None, *args: Any, **settings: Any) -> Any:
        tape, a = tape_here(), contents(a)
        if holds(a) and not is_foreign():
            if dtype is not None and np.dtype(dtype) == np.dtype(np_object):
                return object_array(a)
            order, copy = wanted_layout(name, fixed, args, settings)
            result = laid_out(converted(a, dtype), a, order, copy)
            return np.atleast_1d(result) if fixed else result
        result = original(a, dtype, *args, **settings)
        if tape is None or shares(result, a):
            return result
        return passive(tape, result)


def wanted_layout(
    name: str, fixed: str | None, args: tuple[Any, ...], settings: dict[str, Any]
) -> tuple[Any, Any]:
    """Return the order that a converter was asked for, and whether to copy."""
    if name != "require":
        order = args[0] if args else settings.get("order")
        return fixed or order, settings.get("copy")
    asked = (args[0] if args else settings.get("requirements")) or ()
    orders = (part[0].upper() for part in asked if part.upper()[:2] in ORDERS)
    return next(orders, None), None


#: How `np.require` names the orders, shortened: "C", "CONTIGUOUS", "F_CONTIGUOUS" ...
ORDERS = ("C", "C_", "CO", "F", "F_", "FO")


for _name in ("asarray", "asanyarray", "require"):
    answer_converter(_name)
for _name, _order in (("ascontiguousarray", "C"), ("asfortranarray", "F")):
    answer_converter(_name, _order)


@answered("asarray_chkfinite")
def asarray_chkfinite(a: Any, dtype: Any = None, order: Any = None) -> Any:
    """Answer ``np.asarray_chkfinite``."""
    if not holds(a) or is_foreign():
        return np_asarray_chkfinite(a, dtype, order)
    result = laid_out(converted(a, dtype), a, order, None)
    if not np.isfinite(result).all():
        raise ValueError("array must not contain infs or NaNs")
    return result


np_asarray_chkfinite = plain(np.asarray_chkfinite)


@answered("copy")
def copy(a: Any, *args: Any, **settings: Any) -> Any:
    """Answer ``np.copy``: a copy of a plain array may take recorded values."""
    if holds(a):
        return np.copy(gather(a), *args, **settings)
    tape, result = tape_here(), np_copy(a, *args, **settings)
    return result if tape is None else passive(tape, result)


np_copy = plain(np.copy)
