"""Watched values: what containers, objects and arrays held, as conditions.

A condition is a piece of Python that is true as long as nothing changed.  A value that
a function may use as a whole is watched with everything inside it; what keeps something
that cannot be seen is noted as unresolved.
"""

from __future__ import annotations

import abc
import array
import ctypes
import datetime
import decimal
import functools
import operator
import os
import re
import types
import uuid
from random import Random, SystemRandom
from types import CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from wengert.capture.reads.bytecode import Access
from wengert.capture.reads.frozen import (
    SEQUENCES,
    Contents,
    Frozen,
    freeze,
    is_plain,
)
from wengert.capture.reads.libraries import (
    DESCRIBED,
    LRU_CACHE,
    MISSING,
    QUESTIONS,
    SEEN_BASES,
    has,
    hides_state,
    instance_dict,
    is_harmless,
    is_library_constant,
    is_own,
    is_pure_module,
    is_pure_name,
    is_user_class,
    is_user_function,
    members_of,
    mro_of,
    origin_of,
    plain_members,
)
from wengert.core.tape import CONSTANT, CompNode, Tape
from wengert.core.types import Recorded
from wengert.errors import Line, code_of, describe_line

#: Values in containers and objects that one function may read; beyond: unresolved.
MOST_VALUES = 100_000
#: Containers up to this length are compared by an expression an element.
MOST_WRITTEN_OUT = 8
GENERATORS = (
    np.random.Generator,
    np.random.RandomState,
    np.random.BitGenerator,
    Random,
)
#: Values of these classes do not change and hold nothing of the user's.
SIMPLE = (
    range, slice, np.dtype, CodeType, types.EllipsisType, type(NotImplemented),
    decimal.Decimal, datetime.date, datetime.datetime, datetime.time,
    datetime.timedelta, datetime.timezone, re.Pattern, uuid.UUID,
    operator.attrgetter, operator.itemgetter, operator.methodcaller, np.void,
    *DESCRIBED,
)  # fmt: skip
VIEWS: tuple[type, ...] = (type({}.keys()), type({}.values()), type({}.items()))
BUFFERS = bytearray, array.array, memoryview


class ReadArray(NamedTuple):
    """An array that a function reads, by the path that leads to it."""

    path: str
    array: np.ndarray


class ReadGenerator(NamedTuple):
    """A random generator that a function reaches."""

    path: str
    generator: Any
    line: Line | None


class Unresolved(NamedTuple):
    """Something that a function reads and that cannot be followed.

    `call` is the function of a library that is called there, where that is all;
    `attribute` the name under which an object holds what cannot be followed.
    """

    path: str
    why: str
    line: Line | None
    call: Any = None
    attribute: str | None = None


class Site(NamedTuple):
    """A place in bytecode that reads an array."""

    code: CodeType
    access: Access


class Guard(NamedTuple):
    """A condition that holds as long as nothing changed.

    `test` is an expression that is true when `fetch` surely gives what it gave before;
    where it is false, the value is compared with `frozen`.
    """

    path: str
    test: str
    fetch: str
    frozen: Frozen


class Cursor(NamedTuple):
    """A value on the way: the expression that fetches it, its name, itself."""

    fetch: str
    path: str
    value: Any


class Conditions:
    """The conditions of one walk, and the names by which they reach values."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {**QUESTIONS, "is_": operator.is_}
        self.guards: dict[str, Guard] = {}
        #: Tests that are no reason to ask anything, where there are no others.
        self.free: set[str] = set()
        self.arrays: dict[int, ReadArray] = {}
        self.contents: dict[int, Contents] = {}
        self.generators: dict[int, ReadGenerator] = {}
        self.unresolved: dict[tuple[str, str], Unresolved] = {}
        self.sites: dict[int, list[Site | None]] = {}
        self.line: Line | None = None
        self.site: Site | None = None
        #: The name under which the object that is looked into holds a value.
        self.attribute: str | None = None
        #: Where what a guard watches is read or written, by its path.
        self.lines: dict[str, Line | None] = {}
        #: The code that reads what a test, or an array by its ``id``, is about.
        self.readers: dict[Any, set[CodeType | None]] = {}
        #: How often each expression is to give what it gave.
        self.claims: dict[str, int] = {}
        #: The elements that are read of an array, by its ``id``.
        self.elements: dict[int, list[str]] = {}
        self._bound: dict[int, str] = {}
        self._kept: list[Any] = []

    @property
    def reader(self) -> CodeType | None:
        """The code that is looked at; None at the start."""
        return code_of(self.line)

    def bind(self, value: Any) -> str:
        """Return the name by which guards reach a value."""
        name = self._bound.get(id(value))
        if name is None:
            name = f"v{len(self._bound)}"
            self._bound[id(value)] = name
            self._kept.append(value)
            self.names[name] = value
        return name

    def cursor(self, path: str, value: Any) -> Cursor:
        """Return a cursor at a value that is reached by itself."""
        return Cursor(self.bind(value), path, value)

    def guard(self, path: str, test: str, fetch: str, value: Any) -> None:
        """Add a condition once."""
        self.readers.setdefault(test, set()).add(self.reader)
        self.claims[fetch] = self.claims.get(fetch, 0) + 1
        if test not in self.guards:
            self.lines.setdefault(path.removesuffix("."), self.line)
            self.guards[test] = Guard(path, test, fetch, freeze(value))

    def expect(self, cursor: Cursor) -> None:
        """Guard that a path leads to the same value."""
        if cursor.fetch not in self.names:
            test = f"{cursor.fetch} is {self.bind(cursor.value)}"
            self.guard(cursor.path, test, cursor.fetch, cursor.value)

    def expect_truth(self, path: str, test: str) -> None:
        """Guard that a condition stays true."""
        self.guard(path, test, f"({test})", True)

    def miss(self, path: str, why: str, call: Any = None) -> None:
        """Note what cannot be followed."""
        found = Unresolved(path, why, self.line, call, self.attribute)
        self.unresolved.setdefault((path, describe_line(self.line)), found)

    def key(self, key: Any) -> str:
        """Return an expression for a key."""
        return repr(key) if type(key) in (int, str) else self.bind(key)

    # Containers

    def watch_sequence(self, path: str, value: Any) -> None:
        """Guard the elements of a container."""
        kind = type(value)
        if issubclass(kind, (tuple, frozenset)):
            return
        name = self.bind(value)
        kept = tuple(value)
        test = f"len({name}) == {len(kept)}"
        if kind is list and len(kept) <= MOST_WRITTEN_OUT:
            for k, part in enumerate(kept):
                test += f" and {name}[{k}] is {self.bind(part)}"
        elif kept:
            test += f" and all(map(is_, {name}, {self.bind(kept)}))"
        self.guard(path, test, f"[*{name}]", list(kept))

    def watch_dict(self, path: str, fetch: str, value: Any, mark: str = "") -> None:
        """Guard the keys and values of a dictionary, or the attributes of an object."""
        test = f"len(d := {fetch}) == {len(value)}"
        is_named = all(type(key) in (int, str) for key in value)
        if value and (mark != "." or not is_named):
            test += f" and all(map(is_, d, {self.bind(tuple(value))}))"
        if len(value) <= MOST_WRITTEN_OUT and is_named:
            for key, part in value.items():
                test += f" and d[{self.key(key)}] is {self.bind(part)}"
        else:
            kept = self.bind(tuple(value.values()))
            test += f" and all(map(is_, d.values(), {kept}))"
        self.guard(path + mark, test, f"{{**{fetch}}}", dict(value))

    def watch_class(self, kind: type) -> None:
        """Guard what a class holds: methods, descriptors and values."""
        name = self.bind(kind)
        held = tuple(members_of(kind).values())
        test = (
            f"len(d := {name}.__dict__) == {len(held)} "
            f"and all(map(is_, d.values(), {self.bind(held)}))"
        )
        order = Cursor(f"{name}.__mro__", f"the bases of {kind.__name__}", mro_of(kind))
        self.expect(order)
        fetch = f"plain_members({name})"
        # The mark of what `Snapshot.describe` takes apart.
        self.guard(kind.__name__ + ".", test, f"{{**{fetch}}}", plain_members(kind))
        if issubclass(type(kind), abc.ABCMeta):
            token = f"abc_token() == {abc.get_cache_token()}"
            self.names["abc_token"] = abc.get_cache_token
            self.expect_truth(f"the classes registered with {kind.__name__}", token)

    # Arrays

    def watch_layout(self, path: str, array: np.ndarray) -> None:
        """Guard the shape, the dtype and the strides of an array."""
        name = self.bind(array)
        test = (
            f"{name}.shape == {self.bind(array.shape)} "
            f"and {name}.dtype is {self.bind(array.dtype)} "
            f"and {name}.strides == {self.bind(array.strides)}"
        )
        self.expect_truth(path, test)

    def note_array(self, path: str, array: np.ndarray, site: Site | None) -> None:
        """Note an array and the place that reads it."""
        self.readers.setdefault(id(array), set()).add(self.reader)
        if id(array) not in self.arrays:
            self.arrays[id(array)] = ReadArray(path, array)
            self.contents[id(array)] = Contents(array)
            self.watch_layout(path, array)
        self.sites.setdefault(id(array), []).append(site)

    def note_generator(self, path: str, value: Any) -> None:
        """Note a random generator."""
        self.generators.setdefault(id(value), ReadGenerator(path, value, self.line))


class Values(Conditions):
    """Follows values that are read as a whole, and everything inside them."""

    def __init__(self) -> None:
        super().__init__()
        self.room = MOST_VALUES
        #: Whether a number of decimal digits was met: its context counts.
        self.meets_decimals = False
        self._deep: set[int] = set()
        #: Functions whose parts are followed: one that calls itself is a part of it.
        self._within: set[int] = set()

    def visit(
        self,
        function: FunctionType,
        owner: Cursor | None,
        is_repeated: bool,
        second: Cursor | None = None,
    ) -> None:
        """Follow what a user's function reads; see `Walk`."""
        raise NotImplementedError

    def called(self, cursor: Cursor, is_repeated: bool) -> bool:
        """Follow the ``__call__`` of an object of the user's; see `Lookups`."""
        raise NotImplementedError

    def deep_function(self, cursor: Cursor, is_repeated: bool) -> None:
        """Follow a value that something calls."""
        if not self.called(cursor, is_repeated):
            self.deep(cursor, is_repeated)

    def deep(
        self, cursor: Cursor, is_repeated: bool = True, is_direct: bool = False
    ) -> None:
        """Guard everything inside a value."""
        value, kind = cursor.value, type(cursor.value)
        if issubclass(kind, np.ndarray):
            self.array(cursor, is_direct)
            return
        if is_plain(value) or issubclass(kind, Recorded):
            return
        if kind is FunctionType:
            self.function(cursor, is_repeated)
            return
        if id(value) in self._deep:
            return
        self._deep.add(id(value))
        self._kept.append(value)
        self.room -= 1
        if self.room < 0:
            if self.room == -1:
                self.miss(cursor.path, f"it holds more than {MOST_VALUES} values")
            return
        try:
            self.inside(cursor)
        except RecursionError:
            self.miss(cursor.path, "it nests too deeply")

    def part(self, value: Any, path: str) -> None:
        """Guard one part of a container."""
        if not is_plain(value):
            self.deep(self.cursor(path, value))

    def inside(self, cursor: Cursor) -> None:
        """Guard what a container, an object or a class holds."""
        value, path = cursor.value, cursor.path
        kind = type(value)
        if issubclass(kind, SystemRandom):
            self.miss(path, "it draws from the system, and keeps no state")
        elif issubclass(kind, GENERATORS):
            self.note_generator(path, value)
        elif issubclass(kind, decimal.Decimal):
            self.meets_decimals = True
        elif kind in SIMPLE or issubclass(kind, np.dtype):
            return
        elif issubclass(kind, ModuleType):
            if not is_pure_module(value):
                self.miss(path, "a module is handed on as a whole")
        elif issubclass(kind, type):
            self.class_(cursor)
        elif value is os.environ:
            held = os.environ._data
            self.watch_dict(path, f"{self.bind(held)}", held)
        elif not self.bound(cursor) and not self.collected(cursor):
            self.object(cursor)

    # Containers

    def collected(self, cursor: Cursor) -> bool:
        """Guard the elements of a container; False if it is none."""
        value, path = cursor.value, cursor.path
        kind = type(value)
        if issubclass(kind, dict) or kind is types.MappingProxyType:
            fetch = self.bind(value)
            held = dict(value) if kind is types.MappingProxyType else value
            self.watch_dict(path, fetch, dict.copy(held))
            for key, part in list(dict.items(held)):
                self.part(key, f"a key of {path}")
                self.part(part, f"{path}[{shown(key)}]")
        elif issubclass(kind, SEQUENCES) or kind in VIEWS:
            self.watch_sequence(path, value)
            for k, part in enumerate(list(iterated(value))):
                self.part(part, f"{path}[{k}]")
        elif issubclass(kind, BUFFERS) or is_c_value(kind):
            self.buffer(cursor)
            return True
        elif kind is CellType:
            self.cell(cursor)
            return True
        else:
            return False
        if kind not in (dict, *SEQUENCES, *VIEWS, types.MappingProxyType):
            self.object(cursor)
        return True

    def buffer(self, cursor: Cursor) -> None:
        """Guard the bytes of a buffer that is no array."""
        value, path = cursor.value, cursor.path
        frozen = bytearray(memoryview(value).tobytes())
        if frozen.__eq__(value) is NotImplemented:
            self.miss(path, "its memory lies in pieces")
            return
        self.expect_truth(path, f"{self.bind(frozen)} == {self.bind(value)}")

    def cell(self, cursor: Cursor) -> None:
        """Guard what a cell holds."""
        try:
            value = cursor.value.cell_contents
        except ValueError:
            return
        part = Cursor(f"{self.bind(cursor.value)}.cell_contents", cursor.path, value)
        self.expect(part)
        self.deep(part)

    def array(self, cursor: Cursor, is_direct: bool) -> None:
        """Note an array; watch what one of objects holds, or a subclass adds."""
        value, path = cursor.value, cursor.path
        self.note_array(path, value, self.site if is_direct else None)
        if id(value) in self._deep:
            return
        self._deep.add(id(value))
        if value.dtype.hasobject:
            for k, part in enumerate(np.ndarray.view(value, np.ndarray).flat):
                self.part(part, f"{path}[{k}]")
        # What a file in memory keeps besides its numbers is no one's to change.
        if type(value) is not np.ndarray and not issubclass(type(value), np.memmap):
            self.object(cursor)

    # Functions and classes

    def function(self, cursor: Cursor, is_repeated: bool) -> None:
        """Follow a function that is read: the user's, or what wraps one."""
        value, path = cursor.value, cursor.path
        if not is_user_function(value):
            if (is_own(value) or value.__closure__) and id(value) not in self._within:
                self._within.add(id(value))
                self.wrapped(cursor)
                self._within.remove(id(value))
            if not is_own(value):
                self.judge(value, path)
            registry = (instance_dict(value) or {}).get("registry")
            if registry is not None:  # of `functools.singledispatch`
                self.part(registry, f"{path}.registry")
            return
        self.visit(value, None, is_repeated)
        held = instance_dict(value)
        if held:
            self.watch_dict(path, f"{self.bind(value)}.__dict__", held, ".")
            for name, part in list(held.items()):
                self.part(part, f"{path}.{name}")

    def judge(self, value: Any, path: str) -> None:
        """Note a function of a library that may answer differently every time."""
        if not is_harmless(value):
            why = "what it answers or does need not depend on its arguments alone"
            self.miss(path, why, value)
        elif str(origin_of(value)[0]).lstrip("_") == "decimal":
            self.meets_decimals = True

    def bound(self, cursor: Cursor) -> bool:
        """Follow what stands for a function; False if the value is no such thing."""
        value, path = cursor.value, cursor.path
        kind = type(value)
        if kind is MethodType:
            owner = self.cursor(path, value.__self__)
            function = value.__func__
            if type(function) is FunctionType and is_user_function(function):
                self.visit(function, owner, True)
            elif issubclass(type(value.__self__), type):
                self.judge(value, path)
            else:
                self.deep(owner)
        elif issubclass(kind, functools.partial):
            self.partial(cursor)
        elif issubclass(kind, (types.BuiltinFunctionType, types.MethodWrapperType)):
            source = value.__self__
            if source is None or issubclass(type(source), (ModuleType, type)):
                self.judge(value, path)
            else:
                self.part(source, path)
        elif kind in (property, functools.cached_property, staticmethod, classmethod):
            self.class_part(value, path)
        elif issubclass(kind, np.ufunc) or is_c_function(kind):
            self.judge(value, path)
        elif kind is LRU_CACHE or is_own(value):
            self.wrapped(cursor)
        else:
            return False
        return True

    def partial(self, cursor: Cursor) -> None:
        """Follow a partial: its function and its arguments.

        Python sets them once; that keywords are added later is no reason to ask.
        """
        value, name = cursor.value, self.bind(cursor.value)
        for part in ("func", "args"):
            found = getattr(value, part)
            inner = Cursor(f"{name}.{part}", f"{cursor.path}.{part}", found)
            self.expect(inner)
            if type(value) is functools.partial:
                self.free.add(f"{inner.fetch} is {self.bind(found)}")
            self.deep_function(inner, self.site is not None)
        path = f"{cursor.path}.keywords"
        if type(value) is functools.partial and self.site is None:
            self.free.add(f"len(d := {name}.keywords) == 0")
        self.watch_dict(path, f"{name}.keywords", value.keywords)
        for key, part in value.keywords.items():
            self.part(part, f"{path}[{key!r}]")

    def wrapped(self, cursor: Cursor) -> None:
        """Follow the functions inside what wengert or a library made of them."""
        if type(cursor.value) is Tape:
            self.tape(cursor)
            return
        if issubclass(type(cursor.value), CompNode):
            self.miss(cursor.path, "a node built by hand keeps the numbers of a play")
            return
        for part in wrapped(cursor.value):
            found = self.cursor(cursor.path, part)
            self.deep_function(found, self.site is not None)

    def tape(self, cursor: Cursor) -> None:
        """Guard the constants of a tape that is called."""
        tape, path = cursor.value, cursor.path
        pairs = zip(tape.operations, tape.settings, strict=True)
        places = tuple(k for k, pair in enumerate(pairs) if pair[0] is CONSTANT)
        held = tuple(tape.settings[k] for k in places)
        test = (
            f"len(s := {self.bind(tape)}.settings) == {len(tape)} "
            f"and all(map(is_, map(s.__getitem__, {self.bind(places)}), "
            f"{self.bind(held)}))"
        )
        self.expect_truth(f"the constants of {path}", test)
        for settings in held:
            self.part(settings["value"], f"a constant of {path}")

    def class_(self, cursor: Cursor) -> None:
        """Follow the methods of a class of the user's, and what it holds."""
        kind = cursor.value
        if not is_user_class(kind):
            if not is_own(kind):
                self.judge(kind, cursor.path)
            return
        if is_user_class(type(kind)):
            self.part(type(kind), type(kind).__name__)
        for part in mro_of(kind):
            if not is_user_class(part):
                continue
            self._deep.add(id(part))
            self.watch_class(part)
            for name, held in list(members_of(part).items()):
                if name == "_abc_impl" or (name[:2] == "__" and not callable(held)):
                    continue
                self.class_part(held, f"{part.__name__}.{name}")

    def class_part(self, held: Any, path: str) -> None:
        """Follow one thing that a class holds."""
        kind = type(held)
        if issubclass(kind, property):
            for function in (held.fget, held.fset, held.fdel):
                if function is not None:
                    self.part(function, path)
        elif issubclass(kind, functools.cached_property):
            self.part(held.func, path)
        elif issubclass(kind, (staticmethod, classmethod)):
            self.part(held.__func__, path)
        elif kind is FunctionType:
            if is_user_function(held):
                self.visit(held, None, True)
        elif kind not in DESCRIBED:
            self.part(held, path)

    # Objects

    def object(self, cursor: Cursor) -> None:
        """Guard the attributes of an object, and follow its class."""
        value, path = cursor.value, cursor.path
        kind = type(value)
        if is_library_constant(value, path):
            return
        if hides_state(kind) or not has_known_methods(kind):
            self.miss(path, f"a {kind.__name__} {hidden(kind)}")
            return
        if is_user_class(kind):
            self.expect_truth(path, f"type({self.bind(value)}) is {self.bind(kind)}")
            self.part(kind, kind.__name__)
        outer = self.attribute
        held = instance_dict(value)
        if held is not None:
            self.watch_dict(path, f"{self.bind(value)}.__dict__", held, ".")
            for name, part in list(held.items()):
                if kind is np.vectorize and name == "_ufunc":  # made of `pyfunc`
                    continue
                self.attribute = name if type(name) is str else None
                self.part(part, f"{path}.{name}")
        for name, slot in slots_of(kind):
            self.attribute = name
            self.slot(cursor, name, slot)
        self.attribute = outer
        if issubclass(kind, BaseException):
            self.expect(Cursor(f"{self.bind(value)}.args", f"{path}.args", value.args))
            self.part(value.args, f"{path}.args")

    def slot(self, cursor: Cursor, name: str, slot: Any) -> None:
        """Guard one slot of an object."""
        owner, path = self.bind(cursor.value), f"{cursor.path}.{name}"
        fetch = f"slot({self.bind(slot)}, {owner})"
        self.names["slot"] = slot_value
        part = Cursor(fetch, path, slot_value(slot, cursor.value))
        self.expect(part)
        if part.value is not MISSING:
            self.deep(part)


#: Of Cython, of NumPy, and of the library by which `scipy.fft` asks its backends.
CLASSES_OF_FUNCTIONS = (
    "cython_function_or_method",
    "_ArrayFunctionDispatcher",
    "_Function",
)


def shown(key: Any) -> str:
    """Return a key for a path; no code of the user's writes it."""
    return repr(key) if is_plain(key) else f"<{type(key).__name__}>"


def iterated(value: Any) -> Any:
    """Return an iterator over a container that runs no code of the user's."""
    for kind in SEQUENCES:
        if issubclass(type(value), kind):
            return kind.__iter__(value)
    return iter(value)


def is_c_value(kind: type) -> bool:
    """Whether a class is ctypes' of a number, a character or an array of them."""
    if issubclass(kind, ctypes.Array):
        return is_c_value(kind._type_)  # type: ignore[arg-type]
    if not issubclass(kind, ctypes._SimpleCData):
        return False
    return getattr(kind, "_type_", "O") not in ("O", "P", "z", "Z")


def is_c_function(kind: type) -> bool:
    """Whether values of a class are functions that a library compiled."""
    return kind.__name__ in CLASSES_OF_FUNCTIONS and not is_user_class(kind)


def has_known_methods(kind: type) -> bool:
    """Whether the methods of a class are the user's, or known to be harmless."""
    return all(
        is_user_class(part) or is_pure_name(members_of(part).get("__module__"))
        for part in mro_of(kind)
        if part not in SEEN_BASES and not issubclass(part, BaseException)
    )


def hidden(kind: type) -> str:
    """Return why a value of a class cannot be compared."""
    if has(kind, "__next__"):
        return "hides what it gives next"
    return "keeps what no attribute shows"


def slots_of(kind: type) -> list[tuple[str, Any]]:
    """Return the slots of a class by name."""
    return [
        (name, held)
        for part in mro_of(kind)
        for name, held in members_of(part).items()
        if type(held) is types.MemberDescriptorType and part is not type
    ]


def slot_value(slot: Any, value: Any) -> Any:
    """Return what an object holds in a slot, or MISSING."""
    try:
        return slot.__get__(value)
    except AttributeError:
        return MISSING


def wrapped(value: Any) -> list[Any]:
    """Return the functions inside what wengert or a library made of them."""
    found: list[Any] = []
    kind = type(value)
    if kind is FunctionType:
        for cell in value.__closure__ or ():
            try:
                found.extend((cell.cell_contents, *generators_in(cell.cell_contents)))
            except ValueError:
                continue
    elif is_own(value):
        found.extend((instance_dict(value) or {}).values())
        found.extend(slot_value(slot, value) for _, slot in slots_of(kind))
    if kind is LRU_CACHE or kind is FunctionType:
        found.append((instance_dict(value) or {}).get("__wrapped__"))
    unique = {id(part): part for part in found}
    return [
        part
        for part in unique.values()
        if issubclass(type(part), GENERATORS)
        or (callable(part) and not issubclass(type(part), type))
        or type(part).__module__ == "wengert.structure.custom_rules"
        or issubclass(type(part), CompNode)
    ]


def generators_in(value: Any) -> list[Any]:
    """Return the random generators in a container of arguments."""
    if type(value) not in (tuple, list, dict):
        return []
    parts = value.values() if type(value) is dict else value
    return [part for part in parts if issubclass(type(part), GENERATORS)]
