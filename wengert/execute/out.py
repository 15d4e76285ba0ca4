"""``out=`` of a jitted function: results written into arrays that the caller has."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.capture import tree
from wengert.capture.array import RecordedArray, RecordedValue
from wengert.capture.record import has_own_signature
from wengert.core.types import has_class, is_array, type_of
from wengert.errors import ArgumentError, explain


def has_keyword(function: Callable[..., Any], name: str) -> bool:
    """Whether a function takes a keyword of a name, as far as its signature says."""
    if has_own_signature(function):
        code = function.__code__
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        return name in names or bool(code.co_flags & inspect.CO_VARKEYWORDS)
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # it has none
        return False
    kinds = {parameter.kind for parameter in parameters.values()}
    return name in parameters or inspect.Parameter.VAR_KEYWORD in kinds


def deliver(found: Any, out: Any) -> Any:
    """Write a result into ``out=``, or return it."""
    if out is None:
        return found
    results, structure = tree.flatten(found)
    targets = tree.leaves_like(structure, out, "out")
    for target, result in zip(targets, results, strict=True):
        is_array = has_class(target, (np.ndarray, RecordedArray))
        if not is_array or target.shape != np.shape(result):
            raise ArgumentError(
                explain(
                    f"out has {describe_out(target)} for a result of {type_of(result)}",
                    "results are written into arrays of their own shape",
                    "pass np.empty(...) of the result's shape",
                )
            )
        if isinstance(target, RecordedValue) or isinstance(result, RecordedValue):
            target[...] = result
        else:
            np.copyto(target, result, casting="same_kind")
    return out


def describe_out(target: Any) -> str:
    """Return what a user passed as ``out``."""
    if is_array(target):
        return str(type_of(target))
    return f"a {type(target).__name__}"
