"""Functions as they were when they were called.

A node runs its function again when the code around it has gone on: a loop variable that
the function closes over has its last value by then, a list has grown, an attribute is
another one.  So what a function holds is noted when it is called; where that changes, a
copy that holds what was noted runs in its place.

Followed are cells, defaults, methods, partials, transformed functions, lists, tuples,
dictionaries, sets, and the attributes of objects of the user's classes.  What is
changed while the function runs is not: a count, a list of calls, a cache.
"""

from __future__ import annotations

import functools
import sys
from collections import deque
from collections.abc import Callable
from contextlib import nullcontext
from functools import cache
from types import CellType, FunctionType, MethodType
from typing import Any, NamedTuple, ParamSpec, TypeVar

import numpy as np

from wengert.capture.answers.leading import copy_of
from wengert.errors import is_library

#: How much is noted of one call.
MOST = 1000
#: What holds nothing, and is met most often.
LEAVES = {bool, int, float, complex, str, bytes, type(None), np.ndarray}
#: Stands for an attribute that is not there.
NOTHING = object()
#: The flag of classes that are made by code in Python.
IN_PYTHON = 1 << 9

P = ParamSpec("P")
R = TypeVar("R")
Parts = tuple[Any, ...]


class Kind(NamedTuple):
    """How values of one kind hold others, and how copies are made.

    Attributes
    ----------
    parts : callable
        ``parts(value)``: what it holds.
    own : callable
        ``own(value)``: what else must be the same where two recordings agree.
    begin : callable or None
        ``begin(value)``: a copy that holds nothing yet; None where it is made at once.
    fill : callable
        ``fill(copy, parts)``, or ``fill(value, parts)``, which returns the copy.
    """

    parts: Callable[[Any], Parts]
    own: Callable[[Any], Any]
    begin: Callable[[Any], Any] | None
    fill: Callable[[Any, Parts], Any]


class AsCalled:
    """Values, functions among them, with what they hold.

    Parameters
    ----------
    *values : anything
    """

    __slots__ = ("copied", "held", "values")

    def __init__(self, *values: Any) -> None:
        self.values = values
        self.held: dict[int, Held] = {}
        #: What had changed when it was last asked, and the values without that.
        self.copied: tuple[set[int], Parts] = set(), values
        todo, count = deque(values), 0
        while todo and count < MOST:
            value = todo.popleft()
            kind = None if id(value) in self.held else kind_of(value)
            if kind is not None:
                held = self.held[id(value)] = Held(self, value, kind)
                todo.extend([p for p in held.parts if type(p) not in LEAVES])
                count += len(held.parts)

    @property
    def compared_by(self) -> list[Any]:
        """What must be the same where two recordings agree."""
        return [self.held.get(id(value), value) for value in self.values]

    @property
    def now(self) -> Parts:
        """The values, or copies of those that hold something else by now."""
        if not self.held:
            return self.values
        return self.without(self.changed())

    def running(self) -> Any:
        """Give the values as they were; leave out what is changed meanwhile."""
        return Running(self) if self.held else nullcontext(self.values)

    def changed(self) -> set[int]:
        """Return which values hold something else by now."""
        return {k for k, held in self.held.items() if held.has_changed()}

    def without(self, changed: set[int]) -> Parts:
        """Return the values without these changes."""
        if not changed:
            return self.values
        before, found = self.copied
        if changed != before:
            held, count, reach = self.held.items(), 0, set(changed)
            while len(reach) > count:
                count = len(reach)
                reach |= {k for k, h in held if not reach.isdisjoint(h.ids)}
            copies = {k: h.value for k, h in held if k not in reach}
            found = tuple([self.copy(value, copies) for value in self.values])
            self.copied = changed, found
        return found

    def leave_out(self, changed: set[int]) -> None:
        """Note no more what is changed while the function runs."""
        self.held = {
            k: held
            for k, held in self.held.items()
            if k not in changed or held.leave_out_attributes()
        }

    def copy(self, value: Any, copies: dict[int, Any]) -> Any:
        """Return a value as it was."""
        place = id(value)
        if place in copies or place not in self.held:
            return copies.get(place, value)
        held = self.held[place]
        begin, fill = held.kind.begin, held.kind.fill
        if begin is not None:  # before its parts: one of them may hold it
            copies[place] = begin(value)
        parts = tuple([self.copy(part, copies) for part in held.parts])
        if begin is not None:
            fill(copies[place], parts)
        elif place not in copies:
            copies[place] = fill(value, parts)
        return copies[place]


class Running:
    """While entered, what is called runs."""

    __slots__ = ("before", "called")

    def __init__(self, called: AsCalled) -> None:
        self.called = called

    def __enter__(self) -> Parts:
        self.before = self.called.changed()
        return self.called.without(self.before)

    def __exit__(self, *error: object) -> None:
        changed = self.called.changed() - self.before
        if changed:
            self.called.leave_out(changed)


class Held:
    """What one value held when it was noted."""

    __slots__ = ("among", "ids", "kind", "own", "parts", "value")

    def __init__(self, among: AsCalled, value: Any, kind: Kind) -> None:
        self.among, self.value, self.kind = among, value, kind
        #: Names of attributes that change while the function runs.
        self.own: set[str] = set()
        self.note()

    @property
    def compared_by(self) -> list[Any]:
        """What must be the same where two recordings agree."""
        held = self.among.held
        parts = [held.get(id(part), part) for part in self.parts]
        return [self.kind.own(self.value), *parts]

    def note(self) -> None:
        """Note what it holds."""
        self.parts = self.look()
        self.ids = tuple(map(id, self.parts))

    def has_changed(self) -> bool:
        """Whether the value holds something else by now."""
        return tuple(map(id, self.look())) != self.ids

    def look(self) -> Parts:
        """Return what it holds now."""
        if not self.own:
            return self.kind.parts(self.value)
        items = attributes(self.value).items()
        return parts_of_dictionary({k: v for k, v in items if k not in self.own})

    def leave_out_attributes(self) -> bool:
        """Leave out the attributes that have changed; say whether it is an object."""
        if self.kind is not OBJECTS:
            return False
        if self.has_changed():
            count = len(self.parts) // 2
            was = dict(zip(self.parts[:count], self.parts[count:], strict=True))
            now = attributes(self.value)
            names = was.keys() | now.keys()
            self.own |= {
                k for k in names if was.get(k, NOTHING) is not now.get(k, NOTHING)
            }
            self.note()
        return True


def kind_of(value: Any) -> Kind | None:
    """Return the kind of a value that is followed."""
    kind = type(value)
    if kind is FunctionType:
        holds = value.__closure__ or value.__defaults__ or value.__kwdefaults__
        return KINDS[kind] if holds else None
    found = KINDS.get(kind)
    if found is not None:
        return None if kind in SIZED and len(value) > MOST else found
    if hasattr(kind, "remade"):
        return TRANSFORMED
    return OBJECTS if is_users(kind) else None  # type: ignore[arg-type]


@cache
def is_users(kind: type) -> bool:
    """Whether objects of a class of the user's hold attributes, and nothing else."""
    classes = [each for each in kind.__mro__ if each is not object]
    if not all(each.__flags__ & IN_PYTHON for each in classes):
        return False
    if any(vars(each).get("__slots__") for each in classes) or not kind.__dictoffset__:
        return False
    file = getattr(sys.modules.get(kind.__module__), "__file__", None)
    return file is None or not is_library(file)


def parts_of_function(value: Any) -> Parts:
    """Return the cells of a function, and its defaults."""
    return *(value.__closure__ or ()), value.__defaults__, value.__kwdefaults__


def function_of(value: Any, parts: Parts) -> Any:
    """Return a function of the same code with other cells and defaults."""
    made = copy_of(value, parts[:-2])
    made.__defaults__, made.__kwdefaults__ = parts[-2:]
    made.__dict__.update(vars(value))
    return made


def contents(cell: CellType) -> Parts:
    """Return what a cell holds."""
    try:
        return (cell.cell_contents,)
    except ValueError:
        return ()


def fill_cell(made: Any, parts: Parts) -> None:
    """Let a cell hold what was noted."""
    if parts:
        made.cell_contents = parts[0]


def parts_of_dictionary(value: Any) -> Parts:
    """Return keys, then values."""
    return *value, *value.values()


def fill_dictionary(made: Any, parts: Parts) -> None:
    """Let a dictionary have these keys and values."""
    count = len(parts) // 2
    made.update(zip(parts[:count], parts[count:], strict=True))


def attributes(value: Any) -> Any:
    """Return the dictionary of an object's attributes."""
    return object.__getattribute__(value, "__dict__")


def begun_object(value: Any) -> Any:
    """Return an object with the same attributes."""
    made = object.__new__(type(value))
    attributes(made).update(attributes(value))
    return made


KINDS: dict[type, Kind] = {
    FunctionType: Kind(parts_of_function, lambda f: f.__code__, None, function_of),
    CellType: Kind(contents, type, lambda _: CellType(), fill_cell),
    MethodType: Kind(
        lambda m: (m.__func__, m.__self__),
        type,
        None,
        lambda _, parts: MethodType(*parts),
    ),
    functools.partial: Kind(
        lambda p: (p.func, p.args, p.keywords),
        type,
        None,
        lambda _, parts: functools.partial(parts[0], *parts[1], **parts[2]),
    ),
    tuple: Kind(tuple, type, None, lambda _, parts: parts),
    list: Kind(tuple, type, lambda _: [], list.extend),
    set: Kind(tuple, type, lambda _: set(), set.update),
    dict: Kind(parts_of_dictionary, type, lambda _: {}, fill_dictionary),
}
SIZED = tuple, list, set, dict
OBJECTS = Kind(
    lambda value: parts_of_dictionary(attributes(value)),
    type,
    begun_object,
    lambda made, parts: fill_dictionary(attributes(made), parts),
)
TRANSFORMED = Kind(
    lambda value: tuple(value.compared_by),
    lambda value: str(type(value)),  # some have a class each
    None,
    lambda value, parts: value.remade(*parts),
)


def as_called(method: Callable[P, R]) -> Callable[P, R]:
    """Let the functions that a node has called hold what they held then."""

    @functools.wraps(method)
    def wrapped(*args: P.args, **settings: P.kwargs) -> R:
        node: Any = args[0]
        with node.called.running():
            return method(*args, **settings)

    return wrapped
