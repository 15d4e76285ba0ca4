"""Ufuncs called with ``out=``, ``where=``, ``dtype=``, and their methods."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.capture.advice import explain_out
from wengert.capture.array import (
    RecordedArray,
    RecordedValue,
    call_plain,
    is_active,
    plain,
    record_operation,
)
from wengert.capture.operators import write_whole
from wengert.capture.refusals import unsupported
from wengert.core.operation import Operation, find_answer
from wengert.core.tape import NO_SETTINGS
from wengert.core.types import is_array, plain_example
from wengert.errors import RecordingError, UnsupportedError, explain
from wengert.ops.join import gather
from wengert.ops.reduce import as_array, cast, mask_of
from wengert.ops.shape import lying_as_made

#: Python's numbers take the dtype of what they meet.
WEAK_NUMBERS = (int, float, complex)


def call_ufunc(ufunc: Any, method: str, inputs: Any, settings: dict[str, Any]) -> Any:
    """Answer a ufunc call that `RecordedValue.__array_ufunc__` got."""
    out = settings.pop("out", None)
    if out is not None:
        for target in out:
            if isinstance(target, RecordedArray):
                target.check_writeable()
        out = out[0] if len(out) == 1 else out
    if method != "__call__":
        return call_method(ufunc, method, inputs, out, settings)
    operation = find_answer(ufunc)
    if operation is None:
        return deliver(without_rule(ufunc, inputs, settings), out, True, ufunc)
    where = mask_of(settings.pop("where", True))
    dtype = settings.pop("dtype", None)
    casting = settings.pop("casting", "same_kind")
    order = settings.pop("order", "K")
    settings.pop("subok", None)
    given = inputs
    if dtype is not None:
        inputs = in_loop_of(ufunc, inputs, np.dtype(dtype), casting)
    if isinstance(operation, Operation):
        if settings:
            raise unsupported_setting(ufunc, settings)
        result = record_any(operation, inputs, where)
    else:
        result = operation(*inputs, **settings)
    if out is None and (dtype is not None or order != "K"):
        made = {"order": order, "dtype": dtype, "casting": casting}
        result = lying_as_made(result, ufunc, given, made)
    if ufunc.signature is not None and out is not None:
        check_core(ufunc, inputs, out, result)
    return deliver(result, out, where, ufunc, casting)


def check_core(ufunc: np.ufunc, inputs: Any, out: Any, result: Any) -> None:
    """Raise what NumPy raises for an ``out`` whose core axes are not the result's."""
    if np.shape(out) != np.shape(result):
        other = np.empty(np.shape(out), out.dtype)
        ufunc(*map(plain_example, inputs), out=other, casting="unsafe")


def in_loop_of(
    ufunc: np.ufunc, inputs: Any, dtype: np.dtype[Any], casting: Any
) -> tuple[Any, ...]:
    """Return the operands in the dtypes from which a ufunc computes a result's."""
    operands = [as_array(gather(part)) for part in inputs]
    given: list[Any] = [
        type(part) if type(part) in WEAK_NUMBERS else operand.dtype
        for part, operand in zip(inputs, operands, strict=True)
    ]
    loop = ufunc.resolve_dtypes(
        (*given, *[None] * ufunc.nout),
        signature=(*[None] * ufunc.nin, *[dtype] * ufunc.nout),
        casting=casting,
    )
    return tuple(cast(part, like) for part, like in zip(operands, loop, strict=False))


def without_rule(ufunc: Any, inputs: Any, settings: dict[str, Any]) -> Any:
    """Return what a ufunc without a rule makes of passive arrays: plain NumPy."""
    recorded = [part for part in inputs if isinstance(part, RecordedValue)]
    if not recorded:
        raise unsupported(ufunc)
    return call_plain(ufunc, recorded[0]._tape, inputs, settings)


def record_any(operation: Operation, inputs: Any, where: Any) -> Any:
    """Record an operation; where a mask leaves elements out, NumPy does not warn."""
    recorded = [part for part in inputs if isinstance(part, RecordedValue)]
    if not recorded:  # only `out` or `where` is recorded
        return operation.function(*inputs)
    if where is True:
        return record_operation(operation, inputs, NO_SETTINGS)
    with np.errstate(all="ignore"):
        return record_operation(operation, inputs, NO_SETTINGS)


def deliver(
    result: Any, out: Any, where: Any, ufunc: Any, casting: Any = "same_kind"
) -> Any:
    """Write a result into ``out``, or return it."""
    if isinstance(result, tuple):
        targets = out if isinstance(out, tuple) else (None,) * len(result)
        if isinstance(out, tuple):
            shapes = [
                np.shape(part) for part in (*result, *targets) if part is not None
            ]
            shape = np.broadcast_shapes(*shapes)
            result = tuple(np.broadcast_to(part, shape) for part in result)
        return tuple(
            deliver(part, target, where, ufunc, casting)
            for part, target in zip(result, targets, strict=True)
        )
    if where is not True:
        if out is None:
            raise UnsupportedError(
                explain(
                    f"{ufunc.__name__}(..., where=mask) without out=",
                    "NumPy leaves the other elements uninitialised",
                    f"np.{ufunc.__name__}(..., where=mask, out=np.zeros(...))",
                )
            )
        result = np.where(where, result, out)
    if out is None:
        return result
    if not (isinstance(out, RecordedArray) or is_active(result)):
        np.copyto(out, plain(result), casting=casting)
        return out
    check_out(out, ufunc.__name__)
    write_whole(out, result, ufunc.__name__, casting)
    return out


def check_out(out: Any, name: str) -> None:
    """Raise unless ``out`` is a recorded array; NumPy's own error for a number."""
    if isinstance(out, RecordedArray):
        return
    if not is_array(out):
        raise TypeError("return arrays must be of ArrayType")
    raise RecordingError(
        explain(
            f"{name} was to write a recorded value into a plain array "
            f"({out.dtype}{list(out.shape)})",
            *explain_out(),
        )
    )


def unsupported_setting(ufunc: Any, settings: Any) -> UnsupportedError:
    """Return the error of a keyword that no operation has."""
    names = ", ".join(settings)
    return UnsupportedError(
        explain(
            f"np.{ufunc.__name__} with {names}",
            "this keyword is not recorded",
            f"np.{ufunc.__name__} without {names}",
        )
    )


def call_method(ufunc: Any, method: str, inputs: Any, out: Any, settings: Any) -> Any:
    """Answer ``ufunc.reduce``, ``accumulate``, ``outer``, ``at`` and ``reduceat``."""
    from wengert.capture.ufunc_methods import METHODS

    return METHODS[method](ufunc, inputs, out, settings)
