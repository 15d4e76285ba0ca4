"""Whether a result is as uncertain as the last digit of its inputs makes it."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import numpy as np

from tests.programs import gradients
from tests.programs.compare import TOLERANCE


def nudged(args: Any, position: int, path: Any, leaf: Any, random: Any) -> Any:
    """Return arguments with the elements of a leaf moved by a few last digits."""
    array = np.asarray(leaf)
    if array.dtype.kind not in "fc":
        return args
    step = 4 * np.finfo(array.dtype).eps * random.choice([-1, 0, 1], array.shape)
    if isinstance(leaf, np.ndarray):
        if leaf.flags.writeable:
            leaf += (leaf * step).astype(leaf.dtype)
        return args
    new = gradients.replaced(args[position], path, type(leaf)(leaf * (1 + step)))
    return (*args[:position], new, *args[position + 1 :])


def spread(moved: Any, plain: Any, found: Any, limit: float) -> bool:
    """Whether two plain results are about as far apart as ours is from one of them.

    Up to a limit, relative to the result; or ours is the one that was moved.
    """
    one, other = gradients.flat(moved), gradients.flat(plain)
    ours = gradients.flat(found)
    if one.shape != other.shape or ours.shape != other.shape:
        return False
    with np.errstate(all="ignore"):
        noise, error = np.abs(one - other), np.abs(ours - other)
        is_noisy = noise * 100 >= error
        small = error <= limit * (1 + np.abs(other))
    close = {"rtol": TOLERANCE["d"], "atol": TOLERANCE["d"], "equal_nan": True}
    same = np.isclose(ours, other, **close) | np.isclose(ours, one, **close)
    return bool(np.all(same | (is_noisy & small)))


def differ_by(found: Any, expected: Any) -> float:
    """Return how far apart the finite numbers of two results are."""
    ours, plain = gradients.flat(found), gradients.flat(expected)
    finite = np.isfinite(plain)
    if ours.shape != plain.shape or not np.array_equal(finite, np.isfinite(ours)):
        return np.inf
    return float(np.max(np.abs(ours[finite] - plain[finite]), initial=0.0))


@dataclass
class Variables:
    """What the variables of a call have held: how large numbers are, the dtypes."""

    largest: float = 0.0
    smallest: float = 1.0
    has_nan: bool = False
    dtypes: set[str] = field(default_factory=set)


def variables(function: Callable[..., Any], args: tuple[Any, ...]) -> Variables:
    """Run a program, and return what its variables have held."""
    held = Variables()

    def watch(frame: FrameType, event: str, arg: Any) -> Any:
        if frame.f_code.co_filename != function.__code__.co_filename:
            return None
        for value in (*frame.f_locals.values(), arg):
            for _, leaf in gradients.leaves(value):
                held.dtypes.add(getattr(getattr(leaf, "dtype", None), "char", ""))
            numbers = np.abs(gradients.flat(value))
            finite = numbers[np.isfinite(numbers)]
            held.has_nan |= bool(np.isnan(numbers).any())
            held.largest = max(held.largest, float(np.max(finite, initial=0.0)))
            nonzero = finite[finite > 0]
            held.smallest = min(held.smallest, float(np.min(nonzero, initial=1.0)))
        return watch

    before = sys.gettrace()
    sys.settrace(watch)
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            function(*args)
    except Exception:  # what it raises is judged elsewhere
        held.dtypes.discard("")
    finally:
        sys.settrace(before)
    return held
