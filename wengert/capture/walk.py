"""A walk through what a function reads, along the access paths of its bytecode.

It starts at a function, goes through the user's functions, methods and classes that it
names, and collects the guards, arrays and random generators on the way.  Libraries
(NumPy, SciPy, the standard library, wengert, installed packages) are not entered.
"""

from __future__ import annotations

import functools
import importlib
import os
import sys
import sysconfig
import time
import types
from collections import deque
from collections.abc import Iterator
from contextvars import ContextVar
from enum import Enum
from random import Random
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from wengert.capture.bytecode import Access, Analysis, Step, analyse, imports
from wengert.capture.frozen import PLAIN, freeze
from wengert.core.types import Recorded, has_class, is_array
from wengert.errors import Line, describe_line

#: Values in containers and objects that one function may read; beyond: unresolved.
MOST_VALUES = 100_000
GENERATORS = (
    np.random.Generator,
    np.random.RandomState,
    np.random.BitGenerator,
    Random,
)
#: Questions about an array that its contents do not change.
QUESTIONS = frozenset({"shape", "ndim", "size", "dtype"})
#: What answers differently every time it is asked.
IMPURE = (
    time.time, time.perf_counter, time.monotonic, os.getenv, os.environ, sys.modules,
    input, open, eval, exec, globals, importlib.import_module,
)  # fmt: skip
LIBRARY_FOLDERS = tuple(
    os.path.realpath(path) + os.sep
    for path in {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}
)
INSTALLED = f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}"
OWN = "wengert"
CONSTANT_MODULES = frozenset({"numpy", "scipy", "math", OWN})


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
    """Something that a function reads and that cannot be followed."""

    path: str
    why: str
    line: Line | None


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
    frozen: Any


class Cursor(NamedTuple):
    """A value on the way: the expression that fetches it, its name, itself."""

    fetch: str
    path: str
    value: Any


# What belongs to the user


@functools.lru_cache(maxsize=4096)
def is_user_file(filename: str, home: str) -> bool:
    """Whether code of a file is followed: the user's, or of the package at home."""
    if filename.startswith(("<frozen", "<__array_function__")):
        return False
    if filename.startswith("<"):
        return True
    path = os.path.realpath(filename)
    if any(part in path for part in INSTALLED):
        return bool(home) and path.startswith(home)
    return not path.startswith(LIBRARY_FOLDERS)


def home_of(filename: str) -> str:
    """Return the installed package that a file belongs to, or an empty string."""
    path = os.path.realpath(filename)
    for part in INSTALLED:
        before, found, after = path.partition(part)
        if found:
            return before + found + after.split(os.sep)[0]
    return ""


def top_level(name: Any) -> str:
    """Return the first part of a dotted name."""
    return name.partition(".")[0] if isinstance(name, str) else ""


def is_own(value: Any) -> bool:
    """Whether a function or an object is wengert's."""
    module = getattr(value, "__module__", None)
    if not isinstance(value, FunctionType):
        module = type(value).__module__
    return top_level(module) == OWN


def raw_attribute(kind: type, name: str) -> Any:
    """Return an attribute as its class holds it, descriptors not called; or None."""
    for part in kind.__mro__:
        if name in part.__dict__:
            return part.__dict__[name]
    return None


def has_plain_items(value: Any) -> bool:
    """Whether fetching an item runs no code of the user's."""
    return raw_attribute(type(value), "__getitem__") in ITEM_GETTERS


GET_ATTRIBUTE = object.__dict__["__getattribute__"]
ITEM_GETTERS = tuple(kind.__dict__["__getitem__"] for kind in (dict, list, tuple))


class Walk:
    """One walk through everything that a function reads.

    Attributes
    ----------
    guards : list of Guard
    names : dict
        What the expressions of the guards call by name.
    arrays, generators, unresolved : what was found
    sites : dict from ``id(array)`` to the places that read it
    """

    def __init__(
        self, function: Any, given: dict[int | str, Any] | None = None
    ) -> None:
        self.names: dict[str, Any] = {}
        self.guards: dict[str, Guard] = {}
        self.arrays: dict[int, ReadArray] = {}
        self.generators: dict[int, ReadGenerator] = {}
        self.unresolved: dict[tuple[str, str], Unresolved] = {}
        self.sites: dict[int, list[Site | None]] = {}
        self.calls: dict[CodeType, list[tuple[CodeType | None, bool]]] = {}
        self.line: Line | None = None
        self.home = ""
        #: Guards of the code of the function itself.
        self.own: set[str] = set()
        self.room = MOST_VALUES
        self._bound: dict[int, str] = {}
        self._kept: list[Any] = []
        self._deep: set[int] = set()
        self._visited: set[tuple[int, int]] = set()
        code = getattr(function, "__code__", None)
        if isinstance(code, CodeType):
            self.home = home_of(code.co_filename)
        self.site: Site | None = None
        #: The function's own arguments that are followed, by name.
        self.given: dict[str, Cursor] = {}
        self.given = self.arguments(function, given or {})
        self.called(Cursor(self.bind(function), "the function", function), False)

    def arguments(
        self, function: Any, given: dict[int | str, Any]
    ) -> dict[str, Cursor]:
        """Return arguments whose access paths are followed; guard the others whole."""
        found: dict[str, Cursor] = {}
        is_plain = isinstance(function, FunctionType) and self.is_user(function)
        code = function.__code__ if is_plain else None
        names = code.co_varnames[: code.co_argcount] if code else ()
        stored = analyse(code).stored if code else frozenset()
        for place, value in given.items():
            name = place
            if has_class(place, int) and place < len(names):
                name = names[place]
            cursor = Cursor(self.bind(value), f"argument {name}", value)
            if name in names and name not in stored:
                found[str(name)] = cursor
            else:
                self.part(value, cursor.path)
        return found

    # Names for values

    def bind(self, value: Any) -> str:
        """Return the name by which guards reach a value."""
        name = self._bound.get(id(value))
        if name is None:
            name = f"v{len(self._bound)}"
            self._bound[id(value)] = name
            self._kept.append(value)
            self.names[name] = value
        return name

    def guard(self, path: str, test: str, fetch: str, value: Any) -> None:
        """Add a condition once."""
        if test not in self.guards:
            self.guards[test] = Guard(path, test, fetch, freeze(value))

    def expect(self, cursor: Cursor) -> None:
        """Guard that a path leads to the same value."""
        if cursor.fetch not in self.names:
            test = f"{cursor.fetch} is {self.bind(cursor.value)}"
            self.guard(cursor.path, test, cursor.fetch, cursor.value)

    def miss(self, path: str, why: str) -> None:
        """Note what cannot be followed."""
        found = Unresolved(path, why, self.line)
        self.unresolved.setdefault((path, describe_line(self.line)), found)

    # Functions

    def called(self, cursor: Cursor, is_repeated: bool) -> None:
        """Follow a value that is called."""
        value, kind = cursor.value, type(cursor.value)
        call = raw_attribute(kind, "__call__")
        if isinstance(call, FunctionType) and self.is_user(call) and not is_own(value):
            self.visit(call, cursor, is_repeated)
            self.guard_method(kind, "__call__", call)
            return
        self.deep(cursor, is_repeated)

    def is_user(self, function: FunctionType) -> bool:
        """Whether the bytecode of a function is followed."""
        module = function.__globals__.get("__name__", "")
        if top_level(module) in CONSTANT_MODULES:
            return False
        return is_user_file(function.__code__.co_filename, self.home)

    def visit(
        self, function: FunctionType, owner: Cursor | None, is_repeated: bool
    ) -> None:
        """Follow what a user's function reads; `owner` is bound to its first name."""
        call = (None if self.site is None else self.site.code), is_repeated
        calls = self.calls.setdefault(function.__code__, [])
        # A transformation that wraps the function names it more than once.
        if call != (None, False) or call not in calls:
            calls.append(call)
        key = id(function), 0 if owner is None else id(owner.value)
        if key in self._visited:
            return
        self._visited.add(key)
        self.guard_function(function)
        names = self.given if self.site is None else {}
        names, self.given = dict(names), {}
        code = function.__code__
        cells = function.__closure__ or ()
        for name, cell in zip(code.co_freevars, cells, strict=True):
            try:
                value = cell.cell_contents
            except ValueError:
                continue
            fetch = f"{self.bind(cell)}.cell_contents"
            names[name] = Cursor(fetch, f"cell {name}", value)
        if owner is not None and code.co_argcount:
            first = code.co_varnames[0]
            if not analyse(code).stored & {first}:
                names[first] = owner._replace(path=first)
        self.read(function, code, names)

    def guard_function(self, function: FunctionType) -> None:
        """Guard the code and the defaults of a function."""
        name, text = self.bind(function), function.__name__
        for part in ("__code__", "__defaults__", "__kwdefaults__"):
            value = getattr(function, part)
            if value is None:
                continue
            path = "code" if part == "__code__" else "defaults"
            self.expect(Cursor(f"{name}.{part}", f"{path} of {text}", value))
            if self.site is None and part == "__code__":
                self.own.add(f"{name}.{part} is {self.bind(value)}")
        code, line = function.__code__, self.line
        self.line = (code, 0)
        positional = code.co_varnames[: code.co_argcount]
        given = dict(function.__kwdefaults__ or {})
        defaults = function.__defaults__ or ()
        if defaults:
            last = positional[-len(defaults) :]
            given.update(zip(last, defaults, strict=False))
        for key, value in given.items():
            path = f"default {key} of {text}"
            self.deep(Cursor(self.bind(value), path, value), True)
        if function.__kwdefaults__:
            held = function.__kwdefaults__
            self.watch_dict(f"default of {text}", f"{name}.__kwdefaults__", held)
        self.line = line

    def read(
        self, function: FunctionType, code: CodeType, names: dict[str, Cursor]
    ) -> None:
        """Follow the access paths of a code object."""
        analysis = analyse(code)
        outer = self.line, self.site
        names = {**names, **self.imported(function, code)}
        for access in analysis.accesses:
            self.line, self.site = access.line, Site(code, access)
            found = self.resolve(access, function, analysis, names)
            if found is not None:
                self.follow(*found, access)
        self.line, self.site = outer
        for part in analysis.inner:
            self.calls.setdefault(part, []).append((code, True))
            known: dict[str, Cursor] = {}
            for name in part.co_freevars:
                start = self.start(("name", name), function, analysis, names)
                cursor = None if start is None else self.along(*start)
                if cursor is not None:
                    known[name] = cursor
            self.read(function, part, known)

    def imported(self, function: FunctionType, code: CodeType) -> dict[str, Cursor]:
        """Return what import statements inside a function bind to local names."""
        found: dict[str, Cursor] = {}
        for part in imports(code):
            package = function.__globals__.get("__package__") or ""
            try:
                name = "." * part.level + part.module
                module = importlib.import_module(name, package)
            except Exception:
                continue
            cursor = Cursor(self.bind(module), part.module, module)
            if part.attribute is not None:
                step = self.step(cursor, ("attribute", part.attribute))
                if step is None:
                    continue
                cursor = step
            found[part.name] = cursor
        return found

    # Access paths

    def start(
        self,
        root: tuple[str, str],
        function: FunctionType,
        analysis: Analysis,
        names: dict[str, Cursor],
    ) -> tuple[Cursor, tuple[Step, ...]] | None:
        """Return the value that a path starts from, and steps that an alias adds."""
        kind, name = root
        if kind == "global":
            module = function.__globals__
            if name in module:
                fetch = f"{self.bind(module)}[{name!r}]"
                return Cursor(fetch, f"global {name}", module[name]), ()
            builtins = module.get("__builtins__", {})
            members = builtins if isinstance(builtins, dict) else vars(builtins)
            if name not in members:
                return None
            return Cursor(self.bind(members[name]), name, members[name]), ()
        if name in names:
            return names[name], ()
        aliases = dict(analysis.aliases)
        alias = aliases.pop(name, None)
        if alias is None:
            return None
        analysis = analysis._replace(aliases=aliases)
        found = self.start(alias.root, function, analysis, names)
        return None if found is None else (found[0], found[1] + alias.steps)

    def resolve(
        self,
        access: Access,
        function: FunctionType,
        analysis: Analysis,
        names: dict[str, Cursor],
    ) -> tuple[Cursor, tuple[Step, ...]] | None:
        """Return where an access starts and all its steps; None: nothing outside."""
        found = self.start(access.root, function, analysis, names)
        return None if found is None else (found[0], found[1] + access.steps)

    def follow(self, cursor: Cursor, steps: tuple[Step, ...], access: Access) -> None:
        """Go along a path as far as its values are the user's to change."""
        for k, (kind, name) in enumerate(steps):
            value = cursor.value
            if self.is_constant(value):
                self.constant(cursor, steps[k:])
                return
            following = self.step(cursor, (kind, name))
            if following is None:
                is_last = k == len(steps) - 1
                if kind == "attribute" and self.method(cursor, name, access, is_last):
                    return
                self.expect(cursor)
                if is_array(value) and name in QUESTIONS:
                    return
                self.deep(cursor, True)
                return
            cursor = following
        if self.is_constant(cursor.value):
            self.constant(cursor, ())
            return
        self.expect(cursor)
        if access.is_called:
            self.called(cursor, access.is_repeated)
        else:
            self.deep(cursor, True, True)

    def along(self, cursor: Cursor, steps: tuple[Step, ...]) -> Cursor | None:
        """Return the end of a path that an inner function reads by a local name."""
        for step in steps:
            following = self.step(cursor, step)
            if following is None:
                self.expect(cursor)
                self.deep(cursor, True)
                return None
            cursor = following
        return cursor

    def step(self, cursor: Cursor, step: Step) -> Cursor | None:
        """Return one attribute or item; None where the value is not looked into."""
        kind, name = step
        fetch, path, value = cursor
        if kind == "item":
            if not has_plain_items(value):
                return None
            try:
                part = value[name]
            except (LookupError, TypeError):
                return None
            return Cursor(f"{fetch}[{self.key(name)}]", f"{path}[{name!r}]", part)
        if not self.has_plain_attribute(value, name):
            return None
        try:
            part = getattr(value, name)
        except AttributeError:
            return None
        return Cursor(f"{fetch}.{name}", f"{path}.{name}", part)

    def key(self, key: Any) -> str:
        """Return an expression for a constant key."""
        return repr(key) if type(key) in (int, str) else self.bind(key)

    def has_plain_attribute(self, value: Any, name: str) -> bool:
        """Whether fetching an attribute runs no code and gives what is stored."""
        if isinstance(value, ModuleType):
            return name in vars(value)
        if isinstance(value, type):
            held = raw_attribute(value, name)
            return held is not None and not hasattr(type(held), "__get__")
        if has_class(value, (np.ndarray, *GENERATORS, *PLAIN, FunctionType)):
            return False
        if isinstance(value, (list, dict, set, Recorded)) and name not in getattr(
            value, "__dict__", ()
        ):
            return False
        kind = type(value)
        if raw_attribute(kind, "__getattribute__") is not GET_ATTRIBUTE:
            return False
        held = raw_attribute(kind, name)
        if name in getattr(value, "__dict__", ()):
            return not hasattr(type(held), "__set__")
        if isinstance(held, types.MemberDescriptorType):
            return kind.__module__ != "builtins"
        return held is not None and not hasattr(type(held), "__get__")

    def method(self, cursor: Cursor, name: str, access: Access, is_last: bool) -> bool:
        """Follow a method or a property of the user's; False if it is neither."""
        value = cursor.value
        kind = value if isinstance(value, type) else type(value)
        held = raw_attribute(kind, name)
        owner: Cursor | None = cursor
        function = held
        if isinstance(held, property):
            function = held.fget
        elif isinstance(held, functools.cached_property):
            function = held.func
        elif isinstance(held, (staticmethod, classmethod)):
            function, owner = held.__func__, None
            if isinstance(held, classmethod):
                owner = Cursor(self.bind(kind), kind.__name__, kind)
        elif isinstance(value, type):
            owner = None
        if not isinstance(function, FunctionType) or not self.is_user(function):
            return False
        self.expect(cursor)
        self.guard_method(kind, name, held)
        is_repeated = access.is_repeated or not (access.is_called and is_last)
        self.visit(function, owner, is_repeated)
        return True

    def guard_method(self, kind: type, name: str, held: Any) -> None:
        """Guard that a class holds the same method."""
        for part in kind.__mro__:
            if name in part.__dict__:
                fetch = f"{self.bind(part)}.__dict__[{name!r}]"
                self.expect(Cursor(fetch, f"method {part.__name__}.{name}", held))
                return

    # What is taken as constant

    def is_constant(self, value: Any) -> bool:
        """Whether a module, function or class belongs to a library."""
        if isinstance(value, ModuleType):
            if top_level(value.__name__) in CONSTANT_MODULES:
                return True
            origin = getattr(value, "__file__", None)
            if origin is None:
                return top_level(value.__name__) in sys.stdlib_module_names
            is_installed = any(part in origin for part in INSTALLED)
            return not is_installed and not is_user_file(origin, self.home)
        if isinstance(value, type):
            return self.is_constant_class(value)
        if isinstance(value, (np.ufunc, types.BuiltinFunctionType)):
            return True
        if value is os.environ:
            return True
        if isinstance(value, FunctionType) and not is_own(value):
            return not self.is_user(value) and not hasattr(value, "__wrapped__")
        return False

    def is_constant_class(self, kind: type) -> bool:
        """Whether a class is not looked into."""
        module = sys.modules.get(kind.__module__)
        if module is None:
            return top_level(kind.__module__) in sys.stdlib_module_names
        if issubclass(kind, Enum) or self.is_constant(module):
            return True
        origin = getattr(module, "__file__", None)
        return origin is not None and not is_user_file(origin, self.home)

    def constant(self, cursor: Cursor, steps: tuple[Step, ...]) -> None:
        """Look along a path in a library for generators and what is never the same."""
        value, path = cursor.value, cursor.path
        for kind, name in steps:
            if kind == "item" or any(value is part for part in IMPURE):
                break
            owner = value
            try:
                value = getattr(owner, name)
            except Exception:
                return
            path = f"{path}.{name}"
            if not isinstance(value, (ModuleType, type)):
                break
        if any(value is part for part in IMPURE):
            self.miss(path, "it may answer differently every time")
        source = getattr(value, "__self__", None)
        if isinstance(source, GENERATORS):
            self.generator(path.removeprefix("global "), source)
        elif isinstance(value, types.BuiltinMethodType) and not isinstance(
            source, (ModuleType, type, type(None))
        ):
            self.deep(Cursor(self.bind(source), path, source), True)

    # Values that are read as a whole

    def deep(self, cursor: Cursor, is_repeated: bool, is_direct: bool = False) -> None:
        """Guard everything inside a value."""
        value, path = cursor.value, cursor.path
        if is_array(value):
            self.array(cursor, is_direct)
            return
        if has_class(value, PLAIN):
            return
        if isinstance(value, FunctionType):
            self.function(cursor, is_repeated)
            return
        if id(value) in self._deep or isinstance(value, Recorded):
            return
        self._deep.add(id(value))
        self._kept.append(value)
        self.room -= 1
        if self.room < 0:
            if self.room == -1:
                self.miss(path, f"it holds more than {MOST_VALUES} values")
            return
        try:
            self.inside(cursor)
        except RecursionError:
            self.miss(path, "it nests too deeply")

    def inside(self, cursor: Cursor) -> None:
        """Guard what a container, an object or a class holds."""
        value, path = cursor.value, cursor.path
        if isinstance(value, GENERATORS):
            self.generator(path, value)
        elif isinstance(value, (MethodType, functools.partial)):
            self.bound(value, path)
        elif isinstance(value, (ModuleType, type)) or is_own(value):
            self.outer(cursor)
        elif isinstance(value, dict):
            self.watch_dict(path, self.bind(value), value)
            for key, part in value.items():
                self.part(part, f"{path}[{key!r}]")
        elif isinstance(value, (list, tuple, deque, set, frozenset)):
            self.watch_sequence(path, value)
            for k, part in enumerate(value):
                self.part(part, f"{path}[{k}]")
        if isinstance(value, (Iterator, ContextVar)):
            self.miss(path, f"a {type(value).__name__} hides what it gives next")
        elif not has_class(value, (ModuleType, type, *GENERATORS, *SIMPLE)):
            self.state(cursor)

    def part(self, value: Any, path: str) -> None:
        """Guard one part of a container."""
        if not has_class(value, PLAIN):
            self.deep(Cursor(self.bind(value), path, value), True)

    def array(self, cursor: Cursor, is_direct: bool) -> None:
        """Note an array and the place that reads it."""
        value = cursor.value
        self.arrays.setdefault(id(value), ReadArray(cursor.path, value))
        site = self.site if is_direct else None
        self.sites.setdefault(id(value), []).append(site)

    def generator(self, path: str, value: Any) -> None:
        """Note a random generator."""
        self.generators.setdefault(id(value), ReadGenerator(path, value, self.line))

    def function(self, cursor: Cursor, is_repeated: bool) -> None:
        """Follow a function that is read: the user's, or what wraps one."""
        value = cursor.value
        if self.is_user(value):
            self.visit(value, None, is_repeated)
            return
        self.outer(cursor)

    def bound(self, value: Any, path: str) -> None:
        """Follow a bound method or a partial."""
        if isinstance(value, MethodType):
            owner = Cursor(self.bind(value.__self__), path, value.__self__)
            function = value.__func__
            if isinstance(function, FunctionType) and self.is_user(function):
                self.visit(function, owner, self.site is not None)
            else:
                self.deep(owner, True)
            return
        inner = Cursor(self.bind(value.func), f"{path}.func", value.func)
        self.called(inner, self.site is not None)
        self.part(value.args, f"{path}.args")
        self.part(value.keywords, f"{path}.keywords")

    def outer(self, cursor: Cursor) -> None:
        """Follow modules, classes, and what wengert and libraries wrap."""
        value, path = cursor.value, cursor.path
        if isinstance(value, ModuleType):
            if not self.is_constant(value):
                self.miss(path, "a module is handed on as a whole")
        elif isinstance(value, type):
            self.class_(value)
        else:
            for part in wrapped(value):
                self.called(Cursor(self.bind(part), path, part), self.site is not None)

    def class_(self, kind: type) -> None:
        """Follow the methods of a class of the user's, and what it holds."""
        for part in kind.__mro__:
            if self.is_constant(part):
                continue
            for name, held in list(vars(part).items()):
                if name.startswith("__") and not callable(held):
                    continue
                function: Any = getattr(held, "fget", getattr(held, "__func__", held))
                if isinstance(function, FunctionType):
                    if self.is_user(function):
                        self.visit(function, None, True)
                elif not hasattr(type(held), "__get__"):
                    fetch = f"{self.bind(part)}.{name}"
                    cursor = Cursor(fetch, f"{part.__name__}.{name}", held)
                    self.expect(cursor)
                    self.deep(cursor, True)

    def state(self, cursor: Cursor) -> None:
        """Guard the attributes of an object, and follow its class."""
        value, path = cursor.value, cursor.path
        kind = type(value)
        if is_own(value) or kind.__module__.startswith(("scipy.stats", "logging")):
            return
        if isinstance(value, types.BuiltinMethodType):
            self.part(value.__self__, path)
            return
        held = getattr(value, "__dict__", None)
        if isinstance(held, dict) and not isinstance(value, types.MappingProxyType):
            self.watch_dict(path, f"{self.bind(value)}.__dict__", held, ".")
            for name, part in list(held.items()):
                self.part(part, f"{path}.{name}")
        for part_of in kind.__mro__:
            for name, slot in vars(part_of).items():
                is_slot = isinstance(slot, types.MemberDescriptorType)
                if is_slot and not self.is_constant(part_of) and hasattr(value, name):
                    fetch = f"{self.bind(value)}.{name}"
                    cursor = Cursor(fetch, f"{path}.{name}", getattr(value, name))
                    self.expect(cursor)
                    self.deep(cursor, True)
        if not self.is_constant(kind):
            self.deep(Cursor(self.bind(kind), kind.__name__, kind), True)

    # Watching containers

    def watch_sequence(self, path: str, value: Any) -> None:
        """Guard the elements of a container."""
        if isinstance(value, (tuple, frozenset)):
            return
        name = self.bind(value)
        if isinstance(value, set):
            self.guard(path, f"{name} == {self.bind(frozenset(value))}", name, value)
            return
        kept = tuple(value)
        test = f"len({name}) == {len(kept)}"
        if isinstance(value, list) and len(kept) <= MOST_WRITTEN_OUT:
            for k, part in enumerate(kept):
                test += f" and {name}[{k}] is {self.bind(part)}"
        elif kept:
            test += f" and all(map(is_, {name}, {self.bind(kept)}))"
        self.guard(path, test, f"[*{name}]", list(value))

    def watch_dict(
        self, path: str, fetch: str, value: dict[Any, Any], mark: str = ""
    ) -> None:
        """Guard the keys and values of a dictionary, or the attributes of an object."""
        test = f"len(d := {fetch}) == {len(value)}"
        if mark != "." and value:
            test += f" and [*d] == {self.bind(list(value))}"
        if len(value) <= MOST_WRITTEN_OUT:
            for key, part in value.items():
                test += f" and d[{self.key(key)}] is {self.bind(part)}"
        else:
            test += (
                f" and all(map(is_, d.values(), {self.bind(tuple(value.values()))}))"
            )
        self.guard(path + mark, test, f"{{**{fetch}}}", dict(value))


#: Containers up to this length are compared by an expression an element.
MOST_WRITTEN_OUT = 8
#: Values of these types do not change and hold nothing of the user's.
SIMPLE = (range, slice, np.dtype, np.ufunc, CodeType, types.EllipsisType, *PLAIN)


def wrapped(value: Any) -> list[Any]:
    """Return the functions inside what wengert or a library made of them."""
    found: list[Any] = []
    if isinstance(value, FunctionType):
        for cell in value.__closure__ or ():
            try:
                found.extend((cell.cell_contents, *generators_in(cell.cell_contents)))
            except ValueError:
                continue
    elif is_own(value):
        found.extend(getattr(value, name, None) for name in ("fun", "function"))
        found.extend(vars(value).values() if hasattr(value, "__dict__") else ())
    found.append(getattr(value, "__wrapped__", None))
    unique = {id(part): part for part in found}
    return [
        part
        for part in unique.values()
        if isinstance(part, GENERATORS)
        or (callable(part) and not isinstance(part, type))
    ]


def generators_in(value: Any) -> list[Any]:
    """Return the random generators in a container of arguments."""
    parts = value.values() if isinstance(value, dict) else value
    if not isinstance(value, (tuple, list, dict)):
        return []
    return [part for part in parts if isinstance(part, GENERATORS)]
