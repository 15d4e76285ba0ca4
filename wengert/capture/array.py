"""Recorded values: what a function receives instead of its plain NumPy arguments.

A `RecordedScalar` stands for a NumPy or Python number and never changes.  A
`RecordedArray` stands for an `ndarray`, with NumPy's storage semantics on a tape that
only grows: a `Storage` knows the node that holds the present contents of a buffer, a
view knows the chain of operations that leads from the buffer to it, and a write appends
a `store` node, after which every view finds its contents again through its chain.

An array that depends on no input yet (`np.zeros` while recording) is *passive*: it has
no node until it meets a value that has one, and is plain NumPy until then.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from numbers import Rational
from operator import attrgetter
from threading import get_ident
from typing import Any, NoReturn
from weakref import ref

import numpy as np

# By name: while recording, NumPy's own is answered.
from numpy import empty_like, errstate, float64, ndarray

from wengert.capture import keys
from wengert.capture.advice import explain_leaving
from wengert.capture.captures import CAPTURES, is_set_aside, stand_in
from wengert.capture.guards import STRICT, refused
from wengert.capture.layout import check_alone, guard_layout, guard_order, note_lying
from wengert.capture.refusals import (
    RAW,
    as_numpy,
    check_mask,
    full_name,
    lent_out,
    mixed_tapes,
    read_only,
    shortly,
    unsupported,
    with_integers,
    write_outside,
)
from wengert.capture.statement import is_writing
from wengert.core.guards import QUESTIONS, strides_of
from wengert.core.operation import DISPATCH, REGISTRY, Operation, apply
from wengert.core.tape import GUARD, NO_SETTINGS, PYTHON_NUMBERS, Tape, strong
from wengert.core.types import (
    FLOAT64,
    WEAK,
    Recorded,
    array_type,
    builtin,
    copy_as_it_lies,
    has_class,
    is_array,
    type_of,
)
from wengert.errors import (
    Line,
    RecordingError,
    UnsupportedError,
    explain,
    user_line,
)
from wengert.ops import join
from wengert.ops.constants import STOP_GRADIENT
from wengert.ops.elements import check_elements
from wengert.ops.index import GETITEM, STORE, Slice, follow
from wengert.ops.rounding import PYTHON_ROUND
from wengert.ops.shape import COPY

PASSIVE = -1
LISTS = frozenset({list, tuple})
PLAIN_BOUNDS = frozenset({int, type(None)})
NUMBERS = (bool, int, float, complex, np.generic)
#: The numbers that are operands as they are.
PLAIN = frozenset({bool, int, float, complex, float64, np.float32, np.int64, np.bool_})
#: Classes of recorded values whose numbers may not be there (`capture.deferred`), and
#: elements from which an array is of them.
DEFERRED: set[type] = set()
MOSTLY = 1 << 9
Settings = dict[str, Any]


class RecordedValue(Recorded):
    """What recorded scalars and recorded arrays share: NumPy's protocols."""

    __slots__ = ("_tape", "_index", "_value")
    __hash__ = None  # type: ignore[assignment]
    __array_priority__ = 1000.0

    _tape: Tape
    _index: int
    _value: Any

    # Recording

    def record(
        self, operation: Operation, operands: tuple[Any, ...], settings: Settings
    ) -> Any:
        """Append an operation to the tape and return its recorded result."""
        if len(operands) == 1:
            return record_unary(operation, self, settings)
        return record_operation(operation, operands, settings)

    def _place(self, tape: Tape) -> int:
        """Return the node with the present contents."""
        raise NotImplementedError

    def _current(self) -> Any:
        """Return the present plain contents."""
        return self._value

    @property
    def is_passive(self) -> bool:
        """Whether it depends on no recorded value yet."""
        return self._index == PASSIVE

    @property
    def _is_captured(self) -> bool:
        """Whether a function that is one node reads it of a recording set aside."""
        return self._tape.thread is None and CAPTURES.get() is not None

    # NumPy's protocols

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, **settings: Any
    ) -> Any:
        if method == "__call__" and not settings:
            operation = DISPATCH.get(ufunc)
            if type(operation) is Operation:
                if len(inputs) == 1:
                    return record_unary(operation, self, NO_SETTINGS)
                return record_operation(operation, inputs, NO_SETTINGS)
        if self._is_captured:
            inputs, settings = with_stand_ins(inputs, settings)
            return getattr(ufunc, method)(*inputs, **settings)
        from wengert.capture.ufuncs import call_ufunc

        try:
            return call_ufunc(ufunc, method, inputs, dict(settings))
        except RAW as error:
            called = getattr(ufunc, method)
            raise as_numpy(called, inputs, settings, error) from error.__cause__

    def __array_function__(
        self, function: Any, types: Any, args: Any, settings: Any
    ) -> Any:
        answer = DISPATCH.get(function)
        if answer is None:
            return call_plain(function, self._tape, args, settings)
        found, named = args, settings
        try:
            for part in (*args, *settings.values()) if settings else args:
                if type(part) in LISTS and function in join.LISTED:
                    found, named = join.gather_arguments(function, args, settings)
                    break
            if isinstance(answer, Operation):
                return record_operation(answer, found, named)
            if self._tape.thread is None and self._is_captured:
                found, named = with_stand_ins(found, named)
                return function(*found, **named)
            return answer(*found, **named)
        except RAW as error:
            of_numpy = as_numpy(function, args, settings, error)
            if of_numpy is not error and isinstance(of_numpy, UnsupportedError):
                for given, words in with_integers(args, settings):
                    with suppress(*RAW):
                        return function(*given, **words)
            raise of_numpy from error.__cause__

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        if not self.is_passive and self._tape.thread is not None:
            shown = shortly(self._value)
            if self.dtype.kind in "biu":
                return self._as_index(dtype)
            self._refuse(
                f"a recorded {shown} was to become a plain array",
                "a function that is not NumPy's own asked for its memory; its "
                "derivative would be lost",
                "a NumPy function that does the same, or wengert.rule around "
                f"this one; {self._way_out()}",
            )
        own = self._present()
        value = np.asarray(own, dtype=dtype)
        if copy:
            return value.copy()
        value = self.lend() if value is own and is_array(own) else value.view()
        value.flags.writeable = False
        return value

    def _as_index(self, dtype: Any) -> Any:
        """Return integers or a mask as a plain array: they carry no derivative.

        So ``labels[x > 0]`` works on a plain array; the contents are guarded.
        """
        contents = np.array(self.exact(), dtype=dtype)
        contents.flags.writeable = False
        return contents

    def lend(self) -> Any:
        """Return its memory as plain NumPy's, for a function that is not recorded."""
        return self._present()

    # Facts, answered and not recorded

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""
        return getattr(self._value, "shape", ())

    @property
    def ndim(self) -> int:
        """Its number of axes."""
        return getattr(self._value, "ndim", 0)

    @property
    def size(self) -> int:
        """Its number of elements."""
        return self._value.size if is_array(self._value) else 1

    @property
    def dtype(self) -> np.dtype[Any]:
        """Its dtype."""
        dtype: np.dtype[Any] = type_of(self._value).dtype
        return dtype

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self.size * self.itemsize

    def layout(self) -> tuple[int, ...]:
        """Return its strides, which are guarded."""
        return strides_of(self.as_it_lies())

    def as_it_lies(self) -> Any:
        """Return the present contents in memory; its layout is guarded."""
        tape = self._tape
        if tape.thread is not None and not self.is_passive:
            guard_layout(tape, [self._place(tape)], line_of(tape))
        return np.asarray(self._present())

    def decided(self, result: Any) -> Any:
        """Note that its layout decided whether a result is a view of it; return it."""
        return result

    def lies_in(self, order: str) -> bool:
        """Whether its elements lie one behind the other in an order; no guard."""
        flags = np.asarray(self._current()).flags
        if order in ("K", "A"):
            return bool(flags.c_contiguous or flags.f_contiguous)
        return bool(flags.f_contiguous if order == "F" else flags.c_contiguous)

    def check_related(self, other: Any) -> None:
        """Raise where no tape knows whether it shares memory with another value."""

    def lying(self, order: str, like: Any = None) -> Any:
        """Return this result laid out in memory as NumPy lays it out; no node.

        Views of it are made of that memory.  A replay may lay it out otherwise: the
        chains of its views say what they are, and the layouts of arguments that
        decided it are guarded where it is asked for.
        """
        return self

    def lying_as_made(self, function: Any, operands: Any, settings: Any) -> Any:
        """Return this result laid out as that of a function of plain operands."""
        return self

    # Leaving the tape

    def _present(self) -> Any:
        """Return the present contents, of the stand-in where it is set aside."""
        if self._tape.thread is None and CAPTURES.get() is not None:
            return stand_in(self)
        return self._current()

    def _ask(self, kind: str) -> Any:
        """Return the answer to a question about the number, which a guard keeps.

        The one place where a number leaves the tape while it is being recorded.
        """
        try:
            answer = QUESTIONS[kind].ask(self._present())
        except (ArithmeticError, ValueError) as error:
            note_raise(error, f"question.{kind}", (self,), NO_SETTINGS)
            raise
        tape = self._tape
        if tape.thread is None or self.is_passive:
            return answer
        if STRICT.get():
            raise refused(kind)
        if tape.keeps_guards:
            index = self._place(tape)
            settings = {"kind": kind, "expected": answer}
            line, like = line_of(tape), type_of(self._value)
            guard_order(tape, index, line)
            tape.append(GUARD, (index,), settings, like, None, line)
        return answer

    def __bool__(self) -> bool:
        return bool(self._ask("bool"))

    def __index__(self) -> int:
        if self.dtype.kind in "fc":
            if self.is_passive:
                return operator.index(self._present())
            raise keys.not_whole(self)
        if self.dtype.kind == "b" or self.shape:
            operator.index(self.example())  # raises what NumPy raises
        return int(self._ask("int"))

    def __int__(self) -> int:
        if self.dtype.kind == "f" and is_writing(sys._getframe(1)):
            left = self._leave("int(x)", "leave int() out: x is a number")
            # NumPy casts an array's elements; of a number it asks for Python's integer.
            return int(left.astype(np.int64) if is_array(left) else left)
        return int(self._ask("int"))

    def __round__(self, digits: int | None = None) -> Any:
        self.check_defined("__round__")
        if digits is None:
            return self._ask("round")
        if type(self._value) in PYTHON_NUMBERS:
            return apply(PYTHON_ROUND, self, decimals=operator.index(digits))
        return np.round(self, digits)

    def __dir__(self) -> list[str]:
        """Return what the plain value has."""
        return dir(type(self._value))

    def check_defined(self, name: str) -> None:
        """Raise as Python does where the plain value has no such method."""
        kind = type(self._value)
        if not hasattr(kind, name):
            raise TypeError(f"type {full_name(kind)} doesn't define {name} method")

    def __float__(self) -> float:
        return float(self._leave("float(x)", "leave float() out: x is a number"))

    def __complex__(self) -> complex:
        way = "write x + 0j, and np.exp(x) and its kin in place of cmath's"
        return complex(self._leave("complex(x)", way))

    def tolist(self) -> Any:
        """Return plain Python numbers; refused while recording."""
        return self._leave("x.tolist()", "list(x) gives recorded numbers").tolist()

    def _leave(self, what: str, instead: str) -> Any:
        if self.is_passive or self._tape.thread is None:
            return self._present()
        return self._refuse(
            f"{what} of a recorded {shortly(self._value)}",
            "a plain Python number carries no derivative: it would be lost silently",
            f"{instead}; {self._way_out()}",
        )

    def _refuse(self, what: str, why: str, instead: str) -> NoReturn:
        """Raise the error of a value that was to leave the tape, and keep it.

        Compiled code may swallow what is raised, and raise another error.
        """
        known = explain_leaving(shortly(self._value))
        self._tape.refusal = RecordingError(explain(*known or (what, why, instead)))
        raise self._tape.refusal

    def _way_out(self) -> str:
        """Return how to leave the tape on purpose, for a message."""
        if self._tape.operations[self._place(self._tape)] is STOP_GRADIENT:
            return "wengert.rule around the code that needs plain numbers"
        return "wengert.stop_gradient(x) leaves the tape on purpose"

    def __repr__(self) -> str:
        if self._tape.thread != get_ident():
            return f"Recorded({self._current()!r})"
        return repr(self.exact())

    def __str__(self) -> str:
        return str(self.exact())

    def __format__(self, spec: str) -> str:
        return format(self.exact(), spec)

    def exact(self) -> Any:
        """Return the plain contents for their text, hash or places; a guard."""
        from wengert.capture.python import exact

        return exact(self)

    def __reduce__(self) -> Any:
        self._leave("pickling", "pickle the result of the function instead")
        return (np.asarray, (self._current(),))

    def __copy__(self) -> Any:
        return np.copy(self)

    def __deepcopy__(self, memo: Any) -> Any:
        return np.copy(self)


class RecordedScalar(RecordedValue):
    """A recorded number; like NumPy's scalars it never changes."""

    __slots__ = ()

    #: As an array that has no storage, so that nobody needs to ask which it is.
    _storage = None
    #: So `isinstance(x, float)` holds where it does for the number.
    __class__ = property(attrgetter("_value.__class__"))
    #: Numbers that depend on no input stay plain.
    is_constant = False

    def __init__(self, tape: Tape, index: int, value: Any) -> None:
        self._tape = tape
        self._index = index
        self._value = value

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: Any) -> Any:
        return self

    def _place(self, tape: Tape) -> int:
        if self._tape is not tape:
            raise mixed_tapes()
        return self._index

    def example(self) -> Any:
        """Return the zero of its class."""
        return type(self._value)()

    def __getitem__(self, key: Any) -> Any:
        if type(self._value) in WEAK:
            kind = type(self._value).__name__
            raise TypeError(f"{kind!r} object is not subscriptable")
        if type(key) is tuple and not key:
            return self
        parts = key if type(key) is tuple else (key,)
        if any(type(part) in (slice, list) or keys.is_integer(part) for part in parts):
            raise IndexError("invalid index to scalar variable.")
        return np.reshape(self, ())[key]

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(self.exact())

    def is_integer(self) -> bool:
        """Whether the number is whole; a guard."""
        return bool(self._ask("is_integer"))


class Storage:
    """One buffer: its present contents, and the node that holds them.

    `shared` says that something else (the caller, a constant, a rule's operand) still
    needs the present buffer, so that the next write copies it first.  `asked` are nodes
    whose layout decided what is a view of the buffer: a write makes that matter.
    `lent` are plain arrays of the same memory, which would not see a recorded write.
    """

    __slots__ = ("index", "value", "version", "shared", "asked", "lent")

    def __init__(self, index: int, value: Any, shared: bool) -> None:
        self.index = index
        self.value = value
        self.version = 0
        self.shared = shared
        self.asked: list[int] | None = None
        self.lent: list[ref[Any]] | None = None

    def is_lent(self) -> bool:
        """Whether a plain array of the same memory is still in use."""
        self.lent = [lent for lent in self.lent or () if lent() is not None]
        return bool(self.lent)

    def place(self, tape: Tape) -> int:
        """Return the node with the buffer's present contents."""
        if self.index == PASSIVE:
            self.index = place_constant(tape, self.value)
            self.shared = True
        return self.index


class RecordedArray(RecordedValue):
    """A recorded `ndarray`, views, writes and `out=` included."""

    __slots__ = ("_storage", "_chain", "_version")
    #: So `isinstance(x, np.ndarray)` holds, as for the array that it stands for.
    __class__ = ndarray  # type: ignore[assignment]

    def __init__(self, tape: Tape, index: int, value: Any) -> None:
        self._tape = tape
        self._index = index
        self._value = value
        #: None until a view is made or a write done; `_chain` and `_version` are only
        #: there with a storage.
        self._storage: Storage | None = None

    def example(self) -> Any:
        """Return zeros of its shape and dtype that take no memory."""
        return np.broadcast_to(np.zeros((), self.dtype), self.shape)

    @property
    def __numpy_dtype__(self) -> Any:
        """Its dtype where it is taken for one (``dtype=x``), since NumPy 2.4."""
        return np.dtype(self.example())  # raises what NumPy raises

    # Storage and views

    def owner(self) -> RecordedArray | None:
        """Return the array whose memory it is a view of; None where it is its own.

        Of an argument it is guarded whether it is a view of something outside.
        """
        storage, tape = self._own_storage(), self._tape
        if self._chain:
            whole = RecordedArray(tape, storage.index, storage.value)
            whole._storage, whole._chain, whole._version = storage, (), storage.version
            return whole
        given = tape.given.get(storage.index, {}).get(storage.index)
        is_view = given is not None and given.base is not None
        if is_view:
            raise RecordingError(
                explain(
                    "x.base of an argument that is a view of another array",
                    "what it is a view of is no argument, and is not recorded",
                    "pass the whole array, and make the view inside the function",
                )
            )
        if given is not None and tape.keeps_guards:
            settings = {"kind": "base", "expected": False}
            like = tape.types[storage.index]
            tape.append(GUARD, (storage.index,), settings, like, None, line_of(tape))
        return None

    def _own_storage(self) -> Storage:
        if self._storage is None:
            shared = self._index != PASSIVE and not is_fresh(self._tape, self._index)
            self._storage = Storage(self._index, self._value, shared)
            self._chain: tuple[Any, ...] = ()
            self._version = 0
        return self._storage

    def lend(self) -> Any:
        value = self._present()
        if not self.is_passive or value.dtype.kind in "mMV":
            return value.view()
        # Views of NumPy's keep alive what they are views of: it is known who looks on.
        lent = np.asarray(memoryview(value))
        storage = self._own_storage()
        storage.lent = [*(storage.lent or ()), ref(lent)]
        return lent

    def _current(self) -> Any:
        storage = self._storage
        if storage is not None and self._version != storage.version:
            self._value = follow(storage.value, self._chain)
            self._version = storage.version
            self._index = storage.index if not self._chain else PASSIVE
        return self._value

    def _place(self, tape: Tape) -> int:
        if self._tape is not tape:
            if self.is_passive:
                return tape.array(self._current())
            raise mixed_tapes()
        storage = self._storage
        if storage is None:
            if self._index == PASSIVE:
                self._index = place_constant(tape, self._value)
            return self._index
        self._current()
        if self._index == PASSIVE:
            self._index = self._place_view(tape, storage)
        return self._index

    def _place_view(self, tape: Tape, storage: Storage) -> int:
        index, value = storage.place(tape), storage.value
        for name, settings in self._chain:
            operation, settings = REGISTRY[name], dict(settings)
            value = operation.function(value, **settings)
            index = tape.append(operation, (index,), settings, type_of(value))
        return index

    def _view(self, value: Any, index: int, operation: Operation, s: Settings) -> Any:
        return self._view_by(value, index, (operation.name, tuple(s.items())))

    def _view_by(self, value: Any, index: int, step: tuple[Any, ...]) -> Any:
        kind = made if self._tape.defers else RecordedArray
        view = kind(self._tape, index, value)
        view._storage = storage = self._storage or self._own_storage()
        view._chain = (*self._chain, step)
        view._version = storage.version
        return view

    def check_related(self, other: Any) -> None:
        if not has_class(other, RecordedArray):
            return
        roots = {self._own_storage().index, other._own_storage().index}
        if len(roots) == 2 and roots <= self._tape.given.keys():
            raise RecordingError(
                explain(
                    "np.shares_memory of two arguments",
                    "recorded arguments are arrays of their own, whatever the caller's "
                    "arrays share",
                    "ask before the call, and pass the answer on as a bool",
                )
            )

    def lying(self, order: str, like: Any = None) -> Any:
        if self._storage is not None and self._chain:  # a view of what it is made of
            return record_operation(COPY, (self,), NO_SETTINGS).lying(order, like)
        value = self._value
        model: Any = value if like is None else plain(like)
        laid = empty_like(model, value.dtype, order, shape=value.shape)  # type: ignore[call-overload]
        if laid.strides != value.strides:
            laid[...] = value
            self._value = laid
            if self._storage is not None:
                self._storage.value = laid
        return self

    def lying_as_made(self, function: Any, operands: Any, settings: Any) -> Any:
        given = plain(operands)
        if settings["order"] == "K" and all([in_c_order(part) for part in given]):
            return self  # as those that were cast
        with errstate(all="ignore"):
            made = function(*given, **settings)
        return self.lying("K", made[0] if isinstance(made, tuple) else made)

    def decided(self, result: Any) -> Any:
        if not self.is_passive and has_class(result, RecordedArray):
            index = self._place(self._tape)
            for storage in {self._own_storage(), result._own_storage()}:
                storage.asked = storage.asked or []
                storage.asked.append(index)
        return result

    @property
    def is_passive(self) -> bool:
        """Whether it depends on no recorded value yet."""
        if self._storage is not None:
            return self._storage.index == PASSIVE
        return self._index == PASSIVE

    @property
    def is_constant(self) -> bool:
        """Whether its present contents depend on no input."""
        index = self._index if self._storage is None else self._storage.index
        return index == PASSIVE or self._tape.operations[index].name == "constant"

    def check_writeable(self) -> None:
        """Raise if NumPy would not write into it."""
        if not self._current().flags.writeable:
            raise read_only(self._current())

    def _write(self, key: Any, value: Any, operation: Operation = STORE) -> None:
        """Write through this array (``self[key] = value``) as a `store` node."""
        if self._tape.thread is None and CAPTURES.get() is not None:
            raise write_outside()
        if isinstance(value, RecordedValue) and value._tape is not self._tape:
            value = stand_in(value)
        self.check_writeable()
        if operation is STORE and self.dtype.kind in "iu":
            try:
                check_elements(value, self.dtype, keys.has_arrays(key))
            except (TypeError, ValueError, OverflowError):
                self._current()[keys.plain(key)]  # a wrong key is found first
                raise
        if join.is_list(value) and operation is STORE and not keys.has_arrays(key):
            value = join.gather_over(value, self._current()[keys.plain(key)])
        elif join.is_list(value) or is_object_array(value):
            value = gather(value)
        storage = self._own_storage()
        target = self._current()
        if storage.index == PASSIVE and not (is_active(value) or is_active(key)):
            operation_on_plain(operation, target, keys.plain(key), plain(value))
            return
        tape, written = self._tape, plain(value)
        if tape.thread != get_ident():
            tape.check_thread()
        if target.dtype.kind not in "fc" and isinstance(value, RecordedValue):
            # What is rounded to an integer has no derivative.
            value = record_operation(REGISTRY["stop_gradient"], (value,), NO_SETTINGS)
        if storage.lent and storage.is_lent():
            raise lent_out()
        if type(key) is RecordedArray and key._storage is storage:
            check_mask(key._current(), target)
        encoded, index_operands = keys.encode(key, target.shape)
        operands: tuple[int, ...] = (storage.place(tape), place(tape, value))
        if index_operands:
            operands += place_indices(tape, index_operands)
        if storage.asked:
            guard_layout(tape, storage.asked, line_of(tape))
            storage.asked = None
        if storage.shared:
            check_alone(tape, storage.index)
            storage.value, storage.shared = copy_as_it_lies(storage.value), False
            target = follow(storage.value, self._chain)
        operation_on_plain(operation, target, keys.plain(key), written)
        settings = {"chain": self._chain, "key": encoded}
        line = line_of(tape) if tape.keeps_lines else None
        storage.index = tape.append(
            operation, operands, settings, type_of(storage.value), None, line
        )
        storage.version += 1
        self._value, self._version = target, storage.version
        self._index = PASSIVE if self._chain else storage.index

    def __setitem__(self, key: Any, value: Any) -> None:
        self._write(key, value)

    def __getitem__(self, key: Any) -> Any:
        kind = type(key)
        if kind is int:
            shape = self._value.shape
            if len(shape) > 1:
                if -shape[0] <= key < shape[0]:
                    return record_view(self, key, row_settings(key))
            elif shape and (self._storage is None or not self._chain):
                return self._element(key)
        elif kind is slice:
            start, stop, step = key.start, key.stop, key.step
            if (
                type(start) in PLAIN_BOUNDS
                and type(stop) in PLAIN_BOUNDS
                and type(step) in PLAIN_BOUNDS
            ):
                return record_view(self, key, slice_settings(start, stop, step))
        return keys.read(self, key)

    def _element(self, key: int) -> Any:
        """Return ``self[key]`` of a one-dimensional owner: the loop over elements."""
        value = self._current()[key]
        if self._index == PASSIVE:
            if self._storage is None or self._storage.index == PASSIVE:
                return value
            self._place(self._tape)
        tape = self._tape
        if tape.thread != get_ident():
            return keys.read(self, key)
        line = line_of(tape) if tape.keeps_lines else None
        is_known = -MOST_KNOWN <= key < MOST_KNOWN
        settings = element_settings(key) if is_known else {"key": (key,)}
        like = FLOAT64 if type(value) is float64 else type_of(value)
        index = tape.append(GETITEM, (self._index,), settings, like, value, line)
        return RecordedScalar(tape, index, value)

    def __len__(self) -> int:
        return len(self._value)

    def __iter__(self) -> Iterator[Any]:
        if self.ndim == 0:
            raise TypeError("iteration over a 0-d array")
        return (self[k] for k in range(len(self._value)))

    def __contains__(self, value: Any) -> bool:
        return bool(np.any(self == value))


# From values to nodes


def told(operation: Operation) -> Any:
    """Return what tells an operation that raised: its name, or code of the user's."""
    return operation.name if operation.is_registered else operation.function


def note_raise(
    error: Exception, of: Any, operands: tuple[Any, ...], settings: Settings
) -> None:
    """Guard that an operation raises, as it did: the function may catch it."""
    from wengert.capture import python

    python.note_raise(error, of, operands, settings)


def line_of(tape: Tape) -> Line | None:
    """Return the user's line of what is being recorded now.

    A derivative that is recorded belongs to the line of the node that it is of.  It is
    asked by a function of ours.
    """
    return tape.line_here or user_line(3)


def is_active(value: Any) -> bool:
    """Whether a value, or a part of a key or list, has a node on a tape."""
    if isinstance(value, RecordedArray):
        return not value.is_passive
    if isinstance(value, RecordedScalar):
        return True
    if isinstance(value, (tuple, list)):
        return any(is_active(part) for part in value)
    if type(value) is slice:
        return any(is_active(part) for part in (value.start, value.stop, value.step))
    return False


def is_fresh(tape: Tape, index: int) -> bool:
    """Whether a node's buffer is its own, and no rule has asked for its contents."""
    operation = tape.operations[index]
    return operation.kind == "elementwise" and tape.play.outputs[index] is None


def plain(value: Any) -> Any:
    """Return the present plain contents of a recorded or plain value."""
    if isinstance(value, RecordedValue):
        return value._current()
    if isinstance(value, (list, tuple)):
        return type(value)(plain(part) for part in value)
    return value


def value_type(value: Any) -> Any:
    """Return the type of a recorded or plain value; nothing is computed for it."""
    return value.like if type(value) in DEFERRED else type_of(plain(value))


def in_c_order(value: Any) -> bool:
    """Whether a value is no array, or one whose elements lie in C order."""
    return not is_array(value) or bool(value.flags.c_contiguous)


def place_constant(tape: Tape, value: Any) -> int:
    """Append a constant node that shares the buffer of `value`."""
    operation = REGISTRY["constant"]
    return tape.append(operation, (), {"value": value}, type_of(value), value)


def check_class(value: Any) -> None:
    """Raise if an array is of a subclass whose arithmetic is not NumPy's.

    A masked array leaves numbers out and ``*`` of a matrix is a product of matrices; an
    `np.memmap` is an array like any other.
    """
    kind = type(value)
    if not is_array(value) or (
        kind.__mul__ is ndarray.__mul__
        and kind.__array_ufunc__ is ndarray.__array_ufunc__
        and kind.__array_function__ is ndarray.__array_function__
    ):
        return
    if has_class(value, np.ma.MaskedArray):
        instead = "x.data and ~np.ma.getmaskarray(x), and np.sum(..., where=...)"
    else:
        instead = "np.asarray(x) outside the function, and @ for products of matrices"
    raise UnsupportedError(
        explain(
            f"a {kind.__name__} met a function that is recorded",
            "its operators are not those of NumPy's arrays, which alone are recorded",
            instead,
        )
    )


def place(tape: Tape, operand: Any) -> int:
    """Return the node of an operand; plain numbers and arrays become constants."""
    if isinstance(operand, RecordedValue):
        return operand._place(tape)
    if is_array(operand):
        if type(operand) is not ndarray:
            check_class(operand)
        check_time(operand)
        return tape.array(operand)
    if has_class(operand, NUMBERS):
        check_time(operand)
        return tape.number(builtin(operand))
    if isinstance(operand, (list, tuple)):
        return place(tape, gather(operand))
    return tape.array(np.asarray(operand))


def check_time(value: Any) -> None:
    """Raise if a date or a span of time meets a recorded value."""
    kind = getattr(value, "dtype", FLOAT64.dtype)
    if kind.kind not in "mM":
        return
    raise RecordingError(
        explain(
            f"a {kind} met a recorded value",
            "dates and spans of time have no derivatives: only numbers have",
            "the span as a number, as t / np.timedelta64(1, 's')",
        )
    )


def place_indices(tape: Tape, indices: list[Any]) -> tuple[int, ...]:
    """Return the nodes of index arrays, whose numbers the rules of a write read."""
    outputs = tape.play.outputs
    nodes = tuple([place(tape, part) for part in indices])
    for part, node in zip(indices, nodes, strict=True):
        if outputs[node] is None:
            save(part, plain(part), tape, node)
    return nodes


def wrap(tape: Tape, index: int, value: Any) -> Any:
    """Return the recorded value of a node."""
    if type(value) is float64:
        return RecordedScalar(tape, index, value)
    if type(value) is ndarray:
        return RecordedArray(tape, index, value)
    if is_array(value):
        return RecordedArray(tape, index, np.asarray(value))
    return RecordedScalar(tape, index, value)


def handle(tape: Tape, index: int, value: Any = None) -> Any:
    """Return a recorded value for a node whose numbers the tape's play kept."""
    value = tape.play.outputs[index] if value is None else value
    if tape.defers and type(value) is ndarray:
        return made(tape, index, value)
    if value is None and index in tape.deferred:
        from wengert.capture.deferred import unknown

        return unknown(tape, index)
    return wrap(tape, index, value)


def made(tape: Tape, index: int, value: Any) -> RecordedArray:
    """Return the recorded array of numbers that are there."""
    if tape.defers and value.size >= MOSTLY and value.dtype.char == "d":
        from wengert.capture.deferred import DeferredArray

        return DeferredArray(tape, index, value)
    return RecordedArray(tape, index, value)


def wrap_passive(tape: Tape, value: Any) -> Any:
    """Return a passive recorded array; numbers stay plain."""
    if is_array(value):
        result = RecordedArray(tape, PASSIVE, value)
        owner: Any = value.base
        if type(getattr(owner, "base", None)) is memoryview:
            result._own_storage().lent = [ref(owner)]
        return result
    if isinstance(value, tuple):
        return with_parts(value, [wrap_passive(tape, part) for part in value])
    return value


def with_parts(value: Any, parts: list[Any]) -> Any:
    """Return a list or a tuple with other parts, its names and attributes kept."""
    if isinstance(value, list):
        return parts
    if not hasattr(value, "_fields"):
        return tuple(parts)
    made = tuple.__new__(type(value), parts)
    if hasattr(value, "__dict__"):  # SciPy's results have more than their fields
        made.__dict__.update(value.__dict__)
    return made


def call_plain(function: Any, tape: Tape, args: Any, settings: Settings) -> Any:
    """Return what a function without a rule makes of passive arrays: plain NumPy."""
    if is_active(args) or is_active(tuple(settings.values())):
        raise unsupported(function)
    settings = {name: lent(value) for name, value in settings.items()}
    return wrap_passive(tape, function(*lent(args), **settings))


def lent(value: Any) -> Any:
    """Return plain contents of passive values in which writes are seen."""
    if isinstance(value, RecordedValue):
        return value.lend()
    if isinstance(value, (list, tuple)):
        return with_parts(value, [lent(part) for part in value])
    return value


def record_operation(
    operation: Operation, operands: tuple[Any, ...], settings: Settings
) -> Any:
    """Evaluate an operation, append it to the operands' tape, return its result."""
    tape: Tape | None = None
    owner, is_mixed, is_tried, values = None, False, False, []
    for k, operand in enumerate(operands):
        kind = type(operand)
        if kind is RecordedArray or kind is RecordedScalar:
            is_mixed |= owner is not None and owner is not operand._tape
            owner = operand._tape
            values.append(operand._current())
            if operand._index != PASSIVE or not operand.is_passive:
                tape = owner
        elif kind in PLAIN or (kind is ndarray and operand.dtype != object):
            values.append(operand)
        elif kind in DEFERRED:
            found = None if is_tried else operand.defer(operation, operands, settings)
            if found is not None:
                return found
            is_tried = True
            is_mixed |= owner is not None and owner is not operand._tape
            owner = operand._tape
            values.append(operand._current())
            if not operand.is_passive:
                tape = owner
        else:
            operand = as_operand(operand)
            operands = (*operands[:k], operand, *operands[k + 1 :])
            is_mixed = True  # it may be
            if is_active(operand):
                tape = operand._tape
            values.append(plain(operand))
    if tape is not None and (
        tape.thread != get_ident()
        or (is_mixed and any([is_elsewhere(o, tape) for o in operands]))
    ):
        return record_with_stand_ins(operation, operands, settings)
    is_apart = tape is None and CAPTURES.get() is not None
    if is_apart and any([is_set_aside(operand) for operand in operands]):
        return record_with_stand_ins(operation, operands, settings)
    try:
        value = operation.function(*values, **settings)
    except Exception as error:
        note_raise(error, told(operation), operands, settings)
        raise
    if tape is None:
        return passive_result(operation, operands, values, value, settings)
    indices = tuple([place(tape, operand) for operand in operands])
    outputs = tape.play.outputs
    for k, index in enumerate(indices):
        if outputs[index] is None and operation.reads_operand(k):
            save(operands[k], values[k], tape, index)
    if not operation.view:
        for operand_value in values:
            if value is operand_value and is_array(value):
                value = value.copy()
    if operation.adds and tape.keeps_guards:
        note_lying(tape, indices, values)
    line = line_of(tape) if tape.keeps_lines else None
    gives_array = type(value) is ndarray
    reads = operation.reads_result and not tape.forgets
    kept = strong(value) if reads or not gives_array else None
    index = tape.append(operation, indices, settings, type_of(value), kept, line)
    if gives_array:
        if operation.view:
            copy = (made if tape.defers else RecordedArray)(tape, index, value)
            return view_or_copy(operands[0], values[0], copy, operation, settings)
        return (made if tape.defers else RecordedArray)(tape, index, value)
    if isinstance(value, tuple):
        return tuple(project(tape, index, value))
    return wrap(tape, index, value)


def view_or_copy(
    source: Any, x: Any, copy: RecordedArray, operation: Operation, settings: Settings
) -> RecordedArray:
    """Return a result as a view of its source where NumPy made one, else as it is."""
    result = copy
    if is_array(source):  # a constant, read at a recorded place
        source = wrap_passive(copy._tape, source)
    if shares_memory(copy._value, x):
        result = source._view(copy._value, copy._index, operation, settings)
    return source.decided(result) if operation.name == "reshape" else result


def as_operand(value: Any) -> Any:
    """Return what NumPy makes of an operand that is no array and no common number."""
    if isinstance(value, (list, tuple)) or is_object_array(value):
        return gather(value)
    if has_class(value, (ndarray, *NUMBERS)):
        return builtin(value)
    if has_class(value, Rational):  # as Python computes with a float
        return float(value)
    return np.asarray(value) if hasattr(type(value), "__array__") else value


def record_unary(operation: Operation, operand: Any, settings: Settings) -> Any:
    """Do what `record_operation` does for one recorded operand, at less cost."""
    tape = operand._tape
    source = operand._index
    storage = operand._storage
    if (
        source == PASSIVE
        or tape.thread != get_ident()
        or (storage is not None and operand._version != storage.version)
        or (tape.defers and type(operand) in DEFERRED)
    ):
        return record_operation(operation, (operand,), settings)
    x = operand._value
    try:
        value = operation.function(x, **settings) if settings else operation.function(x)
    except Exception as error:
        note_raise(error, told(operation), (operand,), settings)
        raise
    if value is x and not operation.view:
        return record_operation(operation, (operand,), settings)
    outputs = tape.play.outputs
    if operation.reads_first and outputs[source] is None:
        save(operand, x, tape, source)
    if operation.adds and tape.keeps_guards:
        note_lying(tape, (source,), (x,))
    line = line_of(tape) if tape.keeps_lines else None
    if type(value) is ndarray:
        like = array_type(value.shape, value.dtype)
        kept = value if operation.reads_result and not tape.forgets else None
        index = tape.append(operation, (source,), settings, like, kept, line)
        if operation.view:
            copy = (made if tape.defers else RecordedArray)(tape, index, value)
            return view_or_copy(operand, x, copy, operation, settings)
        return (made if tape.defers else RecordedArray)(tape, index, value)
    number: Any = value if type(value) is float64 else strong(value)
    index = tape.append(operation, (source,), settings, type_of(value), number, line)
    if isinstance(value, tuple):
        return tuple(project(tape, index, value))
    return wrap(tape, index, value)


#: Elements at the ends of an array whose settings are made once.
MOST_KNOWN = 4096


@lru_cache(maxsize=2 * MOST_KNOWN)
def element_settings(key: int) -> Settings:
    """Return the settings of an element."""
    return {"key": (key,)}


@lru_cache(maxsize=4096)
def slice_settings(*bounds: int | None) -> tuple[Settings, tuple[Any, ...]]:
    """Return the settings of a slice, and its step in the chain of a view."""
    return view_settings((Slice(*bounds),))


@lru_cache(maxsize=2 * MOST_KNOWN)
def row_settings(key: int) -> tuple[Settings, tuple[Any, ...]]:
    """Return the settings of a row, and its step in the chain of a view."""
    return view_settings((key,))


def view_settings(key: tuple[Any, ...]) -> tuple[Settings, tuple[Any, ...]]:
    """Return the settings of a view, and its step in a chain of views."""
    return {"key": key}, ("getitem", (("key", key),))


def record_view(
    operand: RecordedArray, key: Any, known: tuple[Settings, tuple[Any, ...]]
) -> Any:
    """Record ``x[start:stop:step]`` with plain bounds, or ``x[k]`` of several axes."""
    settings, step = known
    tape, source, storage = operand._tape, operand._index, operand._storage
    if (
        source == PASSIVE
        or tape.thread != get_ident()
        or (storage is not None and operand._version != storage.version)
    ):
        return record_operation(GETITEM, (operand,), settings)
    value = operand._value[key]
    line = line_of(tape) if tape.keeps_lines else None
    like = array_type(value.shape, value.dtype)
    index = tape.append(GETITEM, (source,), settings, like, None, line)
    return operand._view_by(value, index, step)


def is_elsewhere(operand: Any, tape: Tape) -> bool:
    """Whether a recorded operand has a node on another tape."""
    return (
        isinstance(operand, RecordedValue)
        and operand._tape is not tape
        and (is_active(operand) or CAPTURES.get() is not None)
    )


def with_stand_ins(args: Any, settings: Any) -> tuple[Any, Any]:
    """Return the arguments of a call with what stands in for captured values."""
    from wengert.capture import tree

    found: tuple[Any, Any] = tree.map_leaves(stand_in, (args, settings))
    return found


def record_with_stand_ins(
    operation: Operation, operands: tuple[Any, ...], settings: Settings
) -> Any:
    """Record an operation that met values of a recording that is set aside."""
    if not any(is_set_aside(operand) for operand in operands):
        raise mixed_tapes()
    return apply(operation, *[stand_in(operand) for operand in operands], **settings)


def passive_result(
    operation: Operation, operands: Any, values: Any, value: Any, s: Settings
) -> Any:
    """Return the result of an operation on passive operands: plain NumPy, no node."""
    tape = next(part._tape for part in operands if isinstance(part, RecordedValue))
    if operation.view and shares_memory(value, values[0]):
        return operands[0]._view(value, PASSIVE, operation, s)
    return wrap_passive(tape, value)


def project(tape: Tape, index: int, value: tuple[Any, ...]) -> Iterator[Any]:
    """Append one projection node a result of a node with several."""
    for k, part in enumerate(value):
        settings = {"result": k}
        item = REGISTRY["item"]
        yield wrap(
            tape, tape.append(item, (index,), settings, type_of(part), part), part
        )


def save(operand: Any, value: Any, tape: Tape, index: int) -> None:
    """Keep an operand's numbers for a rule, unless they are computed again for it."""
    if not (tape.forgets and is_array(value) and value.dtype.kind in "fc"):
        keep(operand, value, tape.play.outputs, index)


def keep(operand: Any, value: Any, outputs: list[Any], index: int) -> None:
    """Keep the numbers of a recorded value, safe from later writes."""
    storage = getattr(operand, "_storage", None)
    if storage is not None:
        if operand._chain and 2 * value.size < storage.value.size:
            value = value.copy()
        else:
            storage.shared = True
    outputs[index] = value if type(value) is ndarray else strong(value)


def shares_memory(value: Any, source: Any) -> bool:
    """Whether NumPy returned a view."""
    if type(value) is not ndarray or type(source) is not ndarray:
        return False
    base = value.base
    if base is not None and type(base) is not ndarray:
        base = getattr(base, "base", base)  # NumPy's stride tricks hold it
    return value is source or (
        base is not None and (base is source or base is source.base)
    )


def is_object_array(value: Any) -> bool:
    """Whether a value is an array of Python objects (explicit ``dtype=object``)."""
    return type(value) is ndarray and value.dtype == object


def gather(value: Any) -> Any:
    """Return a list or object array of recorded numbers as one recorded array."""
    if is_array(value):
        return np.reshape(join.gather(value.ravel().tolist()), value.shape)
    return join.gather(value)


def operation_on_plain(operation: Operation, target: Any, key: Any, value: Any) -> None:
    """Do a write on a plain buffer, with NumPy's own checks."""
    if operation is STORE:
        target[key] = value
    else:
        np.add.at(target, key, value)


def is_stale(value: Any) -> bool:
    """Whether a recorded array must find its contents again after a write."""
    storage = value._storage
    return storage is not None and bool(value._version != storage.version)
