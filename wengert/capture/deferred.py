"""Large arrays of a recording whose numbers are computed when somebody asks for them.

What a jitted function computes is on its tape: the numbers of one call are wanted of
its results alone, and of what Python decides by.  An operation on large arrays is
appended with the type that its result has; where numbers are asked for, what they are
made of is played at once (`execute.deferred`), natively where that is quicker.

Which type a result has follows from the form of the operation.  Where that is not
known, or NumPy would raise, the operation is evaluated as any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from threading import get_ident
from typing import Any, NamedTuple

import numpy as np

# By name: while recording, NumPy's own is answered.
from numpy import broadcast_shapes, empty, float64, ndarray, ones

from wengert.capture.array import (
    DEFERRED,
    PLAIN,
    RecordedArray,
    RecordedScalar,
    RecordedValue,
    Settings,
    Storage,
    keep,
    line_of,
    place,
    shares_memory,
)
from wengert.core.floating_point import Silent
from wengert.core.forms import Map, Reduce
from wengert.core.operation import Operation
from wengert.core.tape import Tape
from wengert.core.types import FLOAT64, Type, array_type, type_of
from wengert.ops.index import GETITEM, INDEX_ADD, decode, follow
from wengert.ops.shape import BROADCAST_TO, RESHAPE

#: Elements from which results are not computed at once.
LARGE = 1 << 17
#: How often numbers are asked for before nothing is deferred any more: a loop does so
#: in every step.
MOST_ASKED = 8
#: Dtypes of what is deferred, by their characters.
DTYPES = frozenset("d?")
VIEWS = frozenset({BROADCAST_TO, RESHAPE, GETITEM})
#: Settings of reductions whose results have the shape that their axes say.
OF_REDUCTIONS = frozenset({"axis", "keepdims", "dtype"})
#: Where a recorded value has its numbers, if they are there.
NUMBERS = RecordedValue.__dict__["_value"]


class Deferred(NamedTuple):
    """A node whose numbers were not computed when it was appended.

    Attributes
    ----------
    like : Type
    lies : bool or None
        Whether its elements will lie in C order; None of those that repeat.
    is_quiet : bool
        Whether NumPy is not to warn of them.
    is_view : bool
        Whether NumPy makes a view of its operand.
    """

    like: Type
    lies: bool | None
    is_quiet: bool
    is_view: bool = False


class Waiting(RecordedValue):
    """What both kinds of recorded values whose numbers may not be there share."""

    __slots__ = ()

    @property
    def like(self) -> Any:
        """Its type."""
        if is_known(self):
            return type_of(NUMBERS.__get__(self))
        return self._tape.types[self._index]

    def defer(
        self, operation: Operation, operands: tuple[Any, ...], settings: Settings
    ) -> Any:
        """Append an operation without numbers; None where they are to be computed."""
        found = defer(self._tape, operation, operands, settings)
        if found is None:
            compute_together(self._tape, operands)
        return found


class DeferredArray(Waiting, RecordedArray):
    """A recorded array on which operations are deferred, as its numbers may be.

    While it has no numbers, `_chain` is the array of which it is a view, if it is one,
    and `_version` are the views of it.
    """

    __slots__ = ()

    @property
    def _value(self) -> Any:
        return numbers_of(self)

    @_value.setter
    def _value(self, value: Any) -> None:
        NUMBERS.__set__(self, value)

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""
        return self.like.shape  # type: ignore[no-any-return]

    @property
    def ndim(self) -> int:
        """Its number of axes."""
        return self.like.ndim  # type: ignore[no-any-return]

    @property
    def size(self) -> int:
        """Its number of elements."""
        return self.like.size  # type: ignore[no-any-return]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Its dtype."""
        return self.like.dtype  # type: ignore[no-any-return]

    def __len__(self) -> int:
        return self.shape[0]

    def _own_storage(self) -> Storage:
        if self._storage is None and hasattr(self, "_version"):
            whole: Any = self
            while whole._chain is not None:
                whole = whole._chain
            views = whole._version
            whole._storage = None
            del whole._version
            storage = whole._own_storage()
            share(storage, whole, views)
        numbers_of(self)  # the tape keeps them: a write copies them first
        return super()._own_storage()


class DeferredScalar(Waiting, RecordedScalar):
    """A recorded number of NumPy's that is computed when somebody asks for it."""

    __slots__ = ()
    __class__ = float64
    shape = ()
    ndim, size, dtype = 0, 1, FLOAT64.dtype

    def __init__(self, tape: Tape, index: int) -> None:
        self._tape = tape
        self._index = index

    @property
    def _value(self) -> Any:
        return numbers_of(self)


def share(storage: Storage, whole: Any, views: Sequence[Any]) -> None:
    """Make views of an array share its storage, as they do in NumPy."""
    tape = whole._tape
    for view in views:
        below, view._storage = view._version, storage
        name, how = tape.operations[view._index].name, tape.settings[view._index]
        view._chain = (*whole._chain, (name, tuple(how.items())))
        view._version = 0
        NUMBERS.__set__(view, follow(storage.value, view._chain))
        share(storage, view, below)


DEFERRED |= {DeferredArray, DeferredScalar}


def numbers_of(value: Any) -> Any:
    """Return the numbers of a recorded value, computed where they are not there."""
    if not is_known(value):
        tape, index = value._tape, value._index
        if tape.play.outputs[index] is None:
            tape.compute([index])
            tape.asked += 1
            tape.defers &= tape.asked < MOST_ASKED
        NUMBERS.__set__(value, tape.play.outputs[index])
    return NUMBERS.__get__(value)


def compute_together(tape: Tape, operands: tuple[Any, ...]) -> None:
    """Compute the numbers of operands that have none: each asks for its own after."""
    missing = [
        x._index
        for x in operands
        if type(x) in DEFERRED and x._tape is tape and not is_known(x)
    ]
    if len(missing) > 1 and tape.thread == get_ident():
        tape.compute(missing)


def is_known(value: Any) -> bool:
    """Whether the numbers of a deferred value are there."""
    try:
        NUMBERS.__get__(value)
    except AttributeError:
        return False
    return True


def unknown(tape: Tape, index: int) -> Any:
    """Return the recorded value of a deferred node."""
    if not tape.types[index].shape:
        return DeferredScalar(tape, index)
    made: Any = object.__new__(DeferredArray)
    made._tape, made._index, made._storage = tape, index, None
    made._chain, made._version = None, []
    return made


#: What is known of an operand: shape, dtype and how it lies; a number as it is.
Known = tuple[Any, Any, bool | None]


def known_of(tape: Tape, operand: Any) -> Known | None:
    """Return what is known of an operand; None where it is nothing simple."""
    kind = type(operand)
    if kind in DEFERRED and not is_known(operand):
        if operand._tape is not tape:
            return None
        like, lies, *_ = tape.deferred[operand._index]
        return like.shape, like.dtype, lies
    if issubclass(kind, RecordedValue):
        if operand._tape is not tape:
            return None
        operand = operand._current()
    if type(operand) is ndarray:
        lies = bool(operand.flags.c_contiguous) or (
            None if 0 in operand.strides else False
        )
        return operand.shape, operand.dtype, lies
    return (None, operand, True) if type(operand) in PLAIN else None


def defer(
    tape: Tape, operation: Operation, operands: tuple[Any, ...], settings: Settings
) -> Any:
    """Append an operation without its numbers; None where they are to be computed."""
    if not tape.defers or tape.thread != get_ident() or operation.results != 1:
        return None
    are_known = [type(x) not in DEFERRED or is_known(x) for x in operands]
    if all(are_known) and elements_of(operands) < LARGE:
        return None
    errors = np.geterr()  # as it is answered while recording
    is_quiet = set(errors.values()) == {"ignore"}
    if not is_quiet and errors != tape.errors:
        return None
    kinds = [known_of(tape, operand) for operand in operands]
    if None in kinds:
        return None
    found = result_of(operation, kinds, settings, is_quiet)  # type: ignore[arg-type]
    if found is None:
        return None
    if all(are_known) and (found.is_view or found.like.size < LARGE):
        return None
    indices = tuple([place(tape, operand) for operand in operands])
    outputs = tape.play.outputs
    for operand, index, is_there in zip(operands, indices, are_known, strict=True):
        if (
            outputs[index] is None
            and is_there
            and issubclass(type(operand), RecordedValue)
        ):
            keep(operand, operand._current(), outputs, index)
    line = line_of(tape) if tape.keeps_lines else None
    index = tape.append(operation, indices, settings, found.like, None, line)
    tape.deferred[index] = found
    made = unknown(tape, index)
    if found.is_view:
        made._chain = operands[0]
        operands[0]._version.append(made)
    return made


def elements_of(operands: tuple[Any, ...]) -> int:
    """Return of how many elements a result of some operands is at most."""
    shapes = {x.shape for x in operands if type(x) not in PLAIN and hasattr(x, "shape")}
    return prod(prod(shape) or 1 for shape in shapes)


def result_of(
    operation: Operation, kinds: list[Known], settings: Settings, is_quiet: bool
) -> Deferred | None:
    """Return what the result of an operation will be; None where that is not known."""
    try:
        with Silent():
            found = shape_of(operation, kinds, settings)
    except Exception:  # whatever it is, NumPy says
        return None
    if found is None:
        return None
    shape, dtype, lies, is_view = found
    if dtype.char not in DTYPES or not (shape or dtype.char == "d") or 0 in shape:
        return None
    like = array_type(shape, dtype) if shape else FLOAT64
    return Deferred(like, lies, is_quiet, is_view)


#: Shape and dtype of a result, how it lies, and whether it is a view.
Shape = tuple[tuple[int, ...], np.dtype[Any], bool | None, bool]


def shape_of(
    operation: Operation, kinds: list[Known], settings: Settings
) -> Shape | None:
    """Return what the form of an operation says of its result."""
    form = operation.form
    if type(form) is Map and not operation.view:
        return mapped(operation, kinds, settings)
    if type(form) is Reduce and len(kinds) == 1 and settings.keys() <= OF_REDUCTIONS:
        return reduced(operation, kinds[0], settings)
    if operation in VIEWS and len(kinds) == 1:
        return viewed(operation, kinds[0], settings)
    if operation is INDEX_ADD and len(kinds) == 2 and not settings["chain"]:
        return added(kinds, settings)
    return None


def example(known: Known, shape: tuple[int, ...]) -> Any:
    """Return a value of an operand's dtype, of a shape; a number as it is."""
    if known[0] is None:
        return known[1]
    return ones(shape, known[1]) if shape else known[1].type(1)


def mapped(
    operation: Operation, kinds: list[Known], settings: Settings
) -> Shape | None:
    """Return what is known of a result that is computed element by element."""
    if any(known[2] is False for known in kinds):
        return None
    shapes = [known[0] for known in kinds if known[0] is not None]
    given = [example(known, (1,) * len(known[0] or ())) for known in kinds]
    made, shape = operation.function(*given, **settings), broadcast_shapes(*shapes)
    return (shape, made.dtype, True, False) if shape or type(made) is float64 else None


def reduced(operation: Operation, known: Known, settings: Settings) -> Shape | None:
    """Return what is known of a result that is reduced along axes."""
    shape, _, lies = known
    if not (shape and lies):
        return None
    made = operation.function(example(known, (1,) * len(shape)), **settings)
    axes = settings["axis"]
    axes = range(len(shape)) if axes is None else axes
    axes = {k % len(shape) for k in ((axes,) if type(axes) is int else axes)}
    if settings["keepdims"]:
        kept = tuple(1 if k in axes else n for k, n in enumerate(shape))
    else:
        kept = tuple(n for k, n in enumerate(shape) if k not in axes)
    return (kept, made.dtype, True, False) if kept or type(made) is float64 else None


def viewed(operation: Operation, known: Known, settings: Settings) -> Shape | None:
    """Return what is known of what is seen of an array."""
    shape, dtype, lies = known
    if not (shape and lies):
        return None
    whole = empty(shape, dtype)  # never touched
    part = operation.function(whole, **settings)
    if type(part) is float64:
        return (), part.dtype, True, False
    lies = bool(part.flags.c_contiguous) or None
    is_known = shares_memory(part, whole) and (lies or operation is BROADCAST_TO)
    return (part.shape, part.dtype, lies, True) if is_known and part.shape else None


def added(kinds: list[Known], settings: Settings) -> Shape | None:
    """Return what is known of an array to elements of which others are added."""
    (shape, dtype, lies), (given, other, _) = kinds
    if not (shape and lies) or given is None or other != dtype:
        return None
    part = empty(shape, dtype)[decode(settings["key"], ())].shape
    return (
        (shape, dtype, True, False) if broadcast_shapes(given, part) == part else None
    )
