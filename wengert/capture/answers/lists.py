"""NumPy's functions of arrays, answered of lists of recorded values.

Lists do not dispatch: of `np.sqrt([x, y])` NumPy's protocols see nothing recorded.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from wengert.capture.answers.leading import plain
from wengert.capture.answers.makers import converted, shares
from wengert.capture.answers.table import (
    ANSWERS,
    answered,
    holds,
    passive,
    tape_here,
)
from wengert.capture.array import RecordedArray, with_stand_ins
from wengert.capture.captures import CAPTURES
from wengert.capture.refusals import RAW, as_numpy
from wengert.core.operation import DISPATCH
from wengert.core.types import Recorded, plain_example
from wengert.errors import UnsupportedError, explain
from wengert.ops.join import LISTED, gather, gather_arguments
from wengert.ops.shape import is_number


@answered("broadcast")
def broadcast(*args: Any) -> Any:
    """Answer ``np.broadcast``: of recorded arrays, the shapes alone."""
    if not any(holds(arg) for arg in args):
        return np_broadcast(*args)
    zero = np.zeros(())
    return np_broadcast(*(np.broadcast_to(zero, np.shape(gather(arg))) for arg in args))


np_broadcast = broadcast.__wrapped__  # type: ignore[attr-defined]


@answered("nditer")
def nditer(op: Any, *args: Any, **settings: Any) -> Any:
    """Answer ``np.nditer``: recorded arrays have no memory to walk through."""
    if not holds(op):
        return np_nditer(op, *args, **settings)
    listed = op if type(op) in (list, tuple) else (op,)
    np_nditer([plain_example(part) for part in listed], *args, **settings)
    raise UnsupportedError(
        explain(
            "np.nditer of a recorded array",
            "it walks through the memory of an array, which a tape does not follow",
            "a loop over np.ndindex(x.shape), np.ndenumerate(x) or x.flat",
        )
    )


np_nditer = nditer.__wrapped__  # type: ignore[attr-defined]


@answered("isscalar")
def isscalar(element: Any) -> bool:
    """Answer ``np.isscalar``: a recorded number is one."""
    if isinstance(element, Recorded):
        return is_number(element)
    return np_isscalar(element)  # type: ignore[no-any-return]


np_isscalar = plain(np.isscalar)


@answered("ndenumerate")
class ndenumerate:  # noqa: N801 - NumPy's name
    """Answer ``np.ndenumerate``: pairs of place and element."""

    def __new__(cls, arr: Any) -> Any:
        """Return an iterator; NumPy's own for a plain array."""
        if not holds(arr):
            return np_ndenumerate(arr)
        arr = gather(arr)
        return ((place, arr[place]) for place in np.ndindex(np.shape(arr)))


np_ndenumerate = ndenumerate.__wrapped__  # type: ignore[attr-defined]


class Concatenator:
    """``np.r_`` and ``np.c_`` while recording: keys with recorded parts are joined."""

    def __init__(self, name: str) -> None:
        self.original = getattr(np, name)
        self.is_columns = name == "c_"

    def __getitem__(self, key: Any) -> Any:
        parts = key if isinstance(key, tuple) else (key,)
        if not holds(parts):
            return self.original[key]
        if any(isinstance(part, str) for part in parts):
            raise UnsupportedError(
                explain(
                    "np.r_ with a string directive and recorded arrays",
                    "it is not recorded",
                    "np.concatenate, np.stack or np.column_stack",
                )
            )
        return np.concatenate(
            [self._piece(part) for part in parts], axis=-1 if self.is_columns else 0
        )

    def _piece(self, part: Any) -> Any:
        piece = (
            self.original[part]
            if isinstance(part, slice)
            else np.atleast_1d(gather(part))
        )
        if self.is_columns and np.ndim(piece) == 1:
            return np.reshape(piece, (-1, 1))
        return piece

    def __getattr__(self, name: str) -> Any:
        return getattr(self.original, name)


ANSWERS[np]["r_"] = Concatenator("r_")
ANSWERS[np]["c_"] = Concatenator("c_")


# Functions of arrays, given lists of recorded values: lists do not dispatch

#: Functions that take lists as they are: of arrays, whose shapes may differ, or of
#: numbers that become elements.
SEQUENCES = (
    "concatenate concat stack vstack hstack dstack column_stack block append select "
    "choose lexsort put place putmask insert fill_diagonal histogramdd"
)
#: Functions whose fresh results are often written into: of plain arrays they are
#: passive recorded ones.
MAKING = frozenset(
    (
        "concatenate concat stack vstack hstack dstack column_stack block append diag "
        "diagflat tril triu tile kron where repeat outer pad roll insert delete resize "
        "vander nan_to_num sort cumsum cumprod astype"
    ).split()
)


def answer_lists(name: str, module: ModuleType) -> None:
    """Answer a function whose array arguments may be lists of recorded values."""
    original, numpys = getattr(module, name), plain(getattr(module, name))
    is_making = module is np and name in MAKING
    LISTED.add(original)

    @answered(name, module)
    def of_lists(*args: Any, **settings: Any) -> Any:
        if args and type(args[0]) is RecordedArray:
            # At once what it dispatches to.
            return args[0].__array_function__(original, (), args, settings)
        try:
            found, named = gather_arguments(original, args, settings)
            if found is not args or named is not settings:
                return original(*found, **named)  # it dispatches now
            result = numpys(*args, **settings)
        except RAW as error:
            raise as_numpy(original, args, settings, error) from error.__cause__
        return made(tape_here(), result, args) if is_making else result


def answer_sequence(name: str, module: ModuleType = np) -> None:
    """Answer a function of a sequence of arrays, which may nest lists."""
    original, numpys = getattr(module, name), plain(getattr(module, name))
    answer = DISPATCH[original]
    assert callable(answer)
    is_making = name in MAKING

    @answered(name, module)
    def of_sequence(*args: Any, **settings: Any) -> Any:
        if CAPTURES.get() is not None and any(holds(arg) for arg in args):
            args, settings = with_stand_ins(args, settings)
        if any(holds(arg) for arg in args):
            try:
                return answer(*args, **settings)
            except RAW as error:
                raise as_numpy(original, args, settings, error) from error.__cause__
        result = numpys(*args, **settings)
        return made(tape_here(), result, args) if is_making else result


def made(tape: Any, result: Any, args: tuple[Any, ...]) -> Any:
    """Return a fresh plain array as one that recorded values may be written into."""
    if tape is None or type(result) is not np.ndarray:
        return result
    if any(shares(result, arg) for arg in args):
        return result
    return passive(tape, result)


for _name in SEQUENCES.split():
    answer_sequence(_name)
answer_sequence("multi_dot", np.linalg)
for _module in (np, np.fft, np.linalg):
    _answered = ANSWERS.setdefault(_module, {})
    for _name, _function in vars(_module).items():
        if type(_function) is type(np.sum) and _name not in _answered:
            answer_lists(_name, _module)


@answered("take")
def take(a: Any, indices: Any, *args: Any, **settings: Any) -> Any:
    """Answer ``np.take``, which does not dispatch on its indices."""
    if holds(a) or holds(indices):
        try:
            return DISPATCH[np.take](gather(a), gather(indices), *args, **settings)  # type: ignore[operator]
        except RAW as error:
            args = (a, indices, *args)
            raise as_numpy(np.take, args, settings, error) from error.__cause__
    return np_take(a, indices, *args, **settings)


@answered("fromiter")
def fromiter(iter: Any, dtype: Any, count: int = -1, **settings: Any) -> Any:
    """Answer ``np.fromiter``: what it yields may be recorded."""
    tape = tape_here()
    if tape is None:
        return np_fromiter(iter, dtype, count, **settings)
    values = (
        [value for value, _ in zip(iter, range(count), strict=False)]
        if count >= 0
        else list(iter)
    )
    if holds(values):
        return converted(values, dtype)
    return passive(tape, np_fromiter(values, dtype, count, **settings))


np_fromiter = fromiter.__wrapped__  # type: ignore[attr-defined]
np_take = plain(np.take)
