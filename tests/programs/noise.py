"""Whether a result is as uncertain as the last digits of its variables make it."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import numpy as np

from tests.programs import gradients
from tests.programs.compare import SINGLE, TOLERANCE
from wengert.core.tape import Tape

#: Units in the last place of the largest number that a gradient went through.
UNITS = 64
#: How far from 1 sums of products lose all their digits.
FAR = 1e12
Watch = Callable[[FrameType, str, Any], Any]


def nudged(args: Any, position: int, path: Any, leaf: Any, random: Any) -> Any:
    """Return arguments with the elements of a leaf moved by a few last digits."""
    array = np.asarray(leaf)
    if array.dtype.kind not in "fc":
        return args
    steps = digits(array, random)
    if isinstance(leaf, np.ndarray):
        if leaf.flags.writeable:
            leaf += steps
        return args
    new = gradients.replaced(args[position], path, type(leaf)(leaf + steps))
    return (*args[:position], new, *args[position + 1 :])


@contextlib.contextmanager
def watched(path: str, watch: Watch) -> Iterator[None]:
    """Call a function at every line that runs in the functions of a file."""

    def follow(frame: FrameType, event: str, arg: Any) -> Any:
        if frame.f_code.co_filename != path:
            return None
        watch(frame, event, arg)
        return follow

    before = sys.gettrace()
    sys.settrace(follow)
    try:
        yield
    finally:
        sys.settrace(before)


def shaken(
    function: Callable[..., Any], path: str, random: Any, spares_whole: bool
) -> Callable[..., Any]:
    """Return a function whose arrays move by a few last digits where it writes them.

    Those are arrays that variables of the functions of a file hold.  Whole numbers,
    which are often exact, may be spared.
    """
    seen: dict[int, tuple[Any, bytes]] = {}

    def shake(frame: FrameType, event: str, arg: Any) -> None:
        own = (*frame.f_code.co_varnames, *frame.f_code.co_cellvars)
        held = [frame.f_locals[name] for name in own if name in frame.f_locals]
        for array in held:
            if type(array) is not np.ndarray or array.dtype.kind not in "fc":
                continue
            known = seen.get(id(array), (None, b""))[1]
            if array.flags.writeable and known != array.tobytes():
                steps = digits(array, random)
                if spares_whole:
                    steps *= gradients.has_slope(array)
                array += steps
                seen[id(array)] = array, array.tobytes()

    def moving(*args: Any) -> Any:
        seen.clear()
        with watched(path, shake):
            return function(*args)

    return moving


def digits(array: Any, random: Any) -> Any:
    """Return steps of a few last digits for every element that is finite."""
    units = np.finfo(array.dtype).eps / 2 * random.integers(-8, 9, array.shape)
    with np.errstate(all="ignore"):
        steps = np.where(np.isfinite(array), array * units, 0)
    return steps.astype(array.dtype)


def spread(moved: Any, plain: Any, found: Any, is_single: bool) -> bool:
    """Whether two plain results are about as far apart as ours is from one of them.

    Up to a limit, relative to the result; or ours is the one that was moved; or there
    is a pole, which the one hits and the others pass.
    """
    tolerance = (SINGLE if is_single else TOLERANCE)["d"]
    limit = 1e-2 if is_single else 1e-4
    one, other = gradients.flat(moved), gradients.flat(plain)
    ours = gradients.flat(found)
    if one.shape != other.shape or ours.shape != other.shape:
        return False
    with np.errstate(all="ignore"):
        noise, error = np.abs(one - other), np.abs(ours - other)
        is_noisy = noise * 100 >= error
        small = error <= limit * (1 + np.abs(other))
        is_pole = ~np.isfinite(other) & (np.abs(one) > FAR) & (np.abs(ours) > FAR)
    close = {"rtol": tolerance, "atol": tolerance, "equal_nan": True}
    same = np.isclose(ours, other, **close) | np.isclose(ours, one, **close)
    return bool(np.all(same | (is_noisy & small) | is_pole))


def rounding(tape: Tape) -> float:
    """Return what rounding may take of the largest number of a tape's play."""
    arrays = [np.asarray(value) for value in tape.play.outputs if value is not None]
    floats = [array for array in arrays if array.dtype.kind in "fc"]
    largest = max((gradients.size(finite(array)) for array in floats), default=0.0)
    return UNITS * largest * max(np.finfo(array.dtype).eps for array in floats)


def finite(array: Any) -> Any:
    """Return the elements that are finite."""
    return array[np.isfinite(array)]


def differ_by(found: Any, expected: Any) -> float:
    """Return how far apart the finite numbers of two results are."""
    ours, plain = gradients.flat(found), gradients.flat(expected)
    finite = np.isfinite(plain)
    if ours.shape != plain.shape or not np.array_equal(finite, np.isfinite(ours)):
        return np.inf
    return float(np.max(np.abs(ours[finite] - plain[finite]), initial=0.0))


def written_indices(
    function: Callable[..., Any], args: tuple[Any, ...], names: list[tuple[str, str]]
) -> bool:
    """Whether of two variables of a program, of some pairs, one is in the other."""
    found = False

    def watch(frame: FrameType, event: str, arg: Any) -> None:
        nonlocal found
        for pair in names:
            held = [frame.f_locals.get(name) for name in pair]
            if all(isinstance(value, np.ndarray) for value in held):
                found |= np.shares_memory(*held)

    with quietly(function.__code__.co_filename, watch):
        function(*args)
    return found


@contextlib.contextmanager
def quietly(path: str, watch: Watch) -> Iterator[None]:
    """Watch a program; what it raises or warns of is judged elsewhere."""
    with (
        contextlib.suppress(Exception),
        np.errstate(all="ignore"),
        warnings.catch_warnings(),
        watched(path, watch),
    ):
        warnings.simplefilter("ignore")
        yield


@dataclass
class Variables:
    """What the variables of a call have held: how large numbers are, the dtypes."""

    largest: float = 0.0
    smallest: float = 1.0
    has_nan: bool = False
    has_zeros: bool = False
    dtypes: set[str] = field(default_factory=set)


def variables(function: Callable[..., Any], args: tuple[Any, ...]) -> Variables:
    """Run a program, and return what its variables have held."""
    held = Variables()

    def watch(frame: FrameType, event: str, arg: Any) -> None:
        for value in (*frame.f_locals.values(), arg):
            for _, leaf in gradients.leaves(value):
                held.dtypes.add(getattr(getattr(leaf, "dtype", None), "char", ""))
            numbers = np.abs(gradients.flat(value))
            finite = numbers[np.isfinite(numbers)]
            held.has_nan |= bool(np.isnan(numbers).any())
            held.has_zeros |= bool((numbers == 0).any())
            held.largest = max(held.largest, float(np.max(finite, initial=0.0)))
            nonzero = finite[finite > 0]
            held.smallest = min(held.smallest, float(np.min(nonzero, initial=1.0)))

    with quietly(function.__code__.co_filename, watch):
        function(*args)
    return held
