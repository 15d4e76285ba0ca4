"""A walk through what a function reads, along the access paths of its bytecode.

It starts at a function, goes through the user's functions, methods and classes that it
names, and collects conditions, arrays and random generators on the way.  Code of
libraries is not entered: see `libraries`.
"""

from __future__ import annotations

import builtins
import decimal
import importlib
from types import CodeType, FunctionType, MethodType
from typing import Any

from numpy._core.printoptions import format_options

from wengert.capture.reads.bytecode import (
    Access,
    Analysis,
    Step,
    analyse,
    inner_codes,
)
from wengert.capture.reads.libraries import (
    is_installed_file,
    is_pure_module,
    is_user_function,
    members,
    mro_of,
    raising,
)
from wengert.capture.reads.lookups import Lookups
from wengert.capture.reads.numbers import (
    LIFTED,
    ReadNumbers,
    is_function_of_numbers,
)
from wengert.capture.reads.watched import Cursor, Site
from wengert.core.floating_point import ERROR_STATE
from wengert.core.types import Recorded, has_class

#: Functions of the user's that one walk follows; beyond: unresolved.
MOST_FUNCTIONS = 2000
#: Functions of installed packages among them.
MOST_INSTALLED = 200
#: Names of code that notices when NumPy raises instead of warning.
HANDLERS = frozenset("FloatingPointError ArithmeticError Exception".split())
#: Names of code that writes numbers as text.
WRITERS = frozenset({"str", "repr", "format", "ascii"})
#: What decides what NumPy does about floating-point errors.
STATES = frozenset({"errstate", "seterr"})
RAISES_ERRORS = "NumPy raises, at numbers that a replay computes without a word"


def makes_numpy_raise(code: CodeType) -> bool:
    """Whether code has what makes NumPy raise instead of warning."""
    return bool(STATES & set(code.co_names)) and any(
        part in ("raise", "call") for part in code.co_consts
    )


class Walk(Lookups):
    """One walk through everything that a function reads.

    Attributes
    ----------
    guards : dict from test to Guard
    names : dict
        What the expressions of the guards call by name.
    arrays, generators, unresolved : what was found
    sites : dict from ``id(array)`` to the places that read it
    free : set of str
        Tests that alone are no reason to test anything.
    """

    def __init__(
        self,
        function: Any,
        given: dict[int | str, Any] | None = None,
        kinds: tuple[type, ...] = (),
    ) -> None:
        super().__init__()
        self.calls: dict[CodeType, list[tuple[CodeType | None, bool]]] = {}
        self.handles_errors = self.writes_text = False
        #: The numbers that each run of code reads, and what it calls, by the place of
        #: the access.
        self.read_numbers: list[tuple[CodeType, ReadNumbers]] = []
        self._builtins: dict[int, tuple[dict[str, Any], set[str]]] = {}
        self._installed = 0
        self._is_at_limit = False
        self._visited: set[tuple[int | None, ...]] = set()
        #: The function's own arguments that are followed, by name.
        self.given: dict[str, Cursor] = {}
        try:
            self.given = self.arguments(function, given or {})
            for kind in kinds:
                self.part(kind, kind.__name__)
            self.start_at(self.cursor("the function", function))
            self.modes()
        except Exception as error:
            self.miss("the function", f"{type(error).__name__} while it was looked at")

    def start_at(self, cursor: Cursor) -> None:
        """Follow the function that is recorded."""
        value: Any = cursor.value
        function = (
            getattr(value, "__func__", None) if type(value) is MethodType else None
        )
        if type(value) is FunctionType and is_user_function(value):
            self.visit(value, None, False)
        elif type(function) is FunctionType and is_user_function(function):
            owner = self.cursor("the function", value.__self__)
            self.visit(function, owner, False)
        else:
            self.deep_function(cursor, False)

    def arguments(
        self, function: Any, given: dict[int | str, Any]
    ) -> dict[str, Cursor]:
        """Return arguments whose access paths are followed; guard the others whole."""
        found: dict[str, Cursor] = {}
        is_plain = type(function) is FunctionType and is_user_function(function)
        code = function.__code__ if is_plain else None
        names = code.co_varnames[: code.co_argcount] if code else ()
        stored = analyse(code).stored if code else frozenset()
        for place, value in given.items():
            name = place
            if has_class(place, int) and place < len(names):
                name = names[place]
            cursor = self.cursor(f"argument {name}", value)
            if name in names and name not in stored:
                found[str(name)] = cursor
            else:
                self.part(value, cursor.path)
        return found

    # Functions

    def visit(
        self,
        function: FunctionType,
        owner: Cursor | None,
        is_repeated: bool,
        second: Cursor | None = None,
    ) -> None:
        """Follow what a user's function reads.

        `owner` is bound to its first name, `second` to the one after.
        """
        call = (None if self.site is None else self.site.code), is_repeated
        calls = self.calls.setdefault(function.__code__, [])
        # A transformation that wraps the function names it more than once.
        if call != (None, False) or call not in calls:
            calls.append(call)
        given = [None if part is None else id(part.value) for part in (owner, second)]
        key = id(function), *given
        if key in self._visited:
            return
        self._visited.add(key)
        is_installed = is_installed_file(function.__code__.co_filename)
        self._installed += is_installed
        is_too_much = is_installed and self._installed > MOST_INSTALLED
        if is_too_much or len(self._visited) > MOST_FUNCTIONS:
            if not self._is_at_limit:  # the first one speaks for those after it
                why = "more functions are called than are followed"
                self.miss(function.__qualname__, why, function)
            self._is_at_limit = True
            return
        outer, self.attribute = self.attribute, None
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
        known = zip(code.co_varnames[: code.co_argcount], (owner, second), strict=False)
        for name, part in known:
            if part is not None and name not in analyse(code).stored:
                names[name] = part._replace(path=name)
        self.read(function, code, names)
        self.attribute = outer

    def guard_function(self, function: FunctionType) -> None:
        """Guard the code and the defaults of a function."""
        name, text = self.bind(function), function.__name__
        for part in ("__code__", "__defaults__", "__kwdefaults__"):
            value = getattr(function, part)
            if value is None and part != "__defaults__":
                continue
            path = "code" if part == "__code__" else "defaults"
            self.expect(Cursor(f"{name}.{part}", f"{path} of {text}", value))
            if self.site is None and (part == "__code__" or value is None):
                self.free.add(f"{name}.{part} is {self.bind(value)}")
        code, line = function.__code__, self.line
        self.line = (code, 0)
        positional = code.co_varnames[: code.co_argcount]
        given = dict(function.__kwdefaults__ or {})
        defaults = function.__defaults__ or ()
        if defaults:
            last = positional[-len(defaults) :]
            given.update(zip(last, defaults, strict=False))
        for key, value in given.items():
            self.deep(self.cursor(f"default {key} of {text}", value))
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
        mentioned = set(code.co_names)
        self.handles_errors |= bool(HANDLERS & mentioned)
        self.writes_text |= bool(WRITERS & mentioned) or analysis.writes_text
        if makes_numpy_raise(code):
            self.line = code, code.co_firstlineno
            self.miss("np.errstate", RAISES_ERRORS)
        names = {**names, **self.imported(function, code)}
        read = ReadNumbers({}, {})
        self.read_numbers.append((code, read))
        for number, access in enumerate(analysis.accesses):
            self.line, self.site = access.line, Site(code, access)
            found = self.resolve(access, function, analysis, names)
            end = None if found is None else self.follow(*found, access)
            if access.is_called:
                called = None if found is None else self.function_of_numbers(*found)
                if called is not None:
                    read.functions[number] = called
            elif end is not None and type(end.value) in LIFTED:
                read.numbers[number] = end
        self.line, self.site = outer
        for part in inner_codes(code):
            self.calls.setdefault(part, []).append((code, True))
            known: dict[str, Cursor] = {}
            for name in part.co_freevars:
                start = self.start(("name", name), function, analysis, names)
                cursor = None if start is None else self.along(*start)
                if cursor is not None:
                    known[name] = cursor
            self.read(function, part, known)

    def function_of_numbers(
        self, cursor: Cursor, steps: tuple[Step, ...]
    ) -> Cursor | None:
        """Return what an access calls if it computes with numbers, and nothing else."""
        value, path = cursor.value, cursor.path
        for kind, name in steps:
            if kind != "attribute" or not is_pure_module(value):
                return None
            value, path = members(value).get(name), f"{path}.{name}"
        if not is_function_of_numbers(value):
            return None
        return Cursor(self.bind(value), path.removeprefix("global "), value)

    def imported(self, function: FunctionType, code: CodeType) -> dict[str, Cursor]:
        """Return what import statements inside a function bind to local names."""
        found: dict[str, Cursor] = {}
        spec = function.__globals__.get("__spec__")  # what Python 3.15 looks at alone
        package = spec.parent if spec else function.__globals__.get("__package__") or ""
        for part in analyse(code).imports:
            try:
                name = "." * part.level + part.module
                module = importlib.import_module(name, package)
            except ImportError:
                continue
            cursor = self.cursor(part.module, module)
            if part.attribute is not None:
                step = self.step(cursor, ("attribute", part.attribute))
                if step is None:
                    continue
                cursor = step
            found[part.name] = cursor
        return found

    # Where access paths start

    def start(
        self,
        root: tuple[str, str],
        function: FunctionType,
        analysis: Analysis,
        names: dict[str, Cursor],
    ) -> tuple[Cursor, tuple[Step, ...]] | None:
        """Return the value that a path starts from, and steps that an alias adds.

        A global whose name no program can write was put there by a tool that rewrote
        the code, as pytest does with assertions, to say what failed: nothing depends
        on it.
        """
        kind, name = root
        if kind == "global" and not name.isidentifier():
            return None
        if kind == "global":
            found = self.global_(function.__globals__, name)
            return None if found is None else (found, ())
        if name in names:
            return names[name], ()
        aliases = dict(analysis.aliases)
        alias = aliases.pop(name, None)
        if alias is None:
            return None
        analysis = analysis._replace(aliases=aliases)
        found_alias = self.start(alias.root, function, analysis, names)
        if found_alias is None:
            return None
        return found_alias[0], found_alias[1] + alias.steps

    def global_(self, module: dict[str, Any], name: str) -> Cursor | None:
        """Return a global, or a builtin whose name no global has."""
        if name in module:
            fetch = f"{self.bind(module)}[{name!r}]"
            return Cursor(fetch, f"global {name}", module[name])
        held = module.get("__builtins__", builtins)
        held = held if type(held) is dict else vars(held)
        if name not in held:
            test = f"{name!r} not in {self.bind(module)}"
            self.expect_truth(f"global {name}", test)
            return None
        self._builtins.setdefault(id(module), (module, set()))[1].add(name)
        return self.cursor(name, held[name])

    def resolve(
        self,
        access: Access,
        function: FunctionType,
        analysis: Analysis,
        names: dict[str, Cursor],
    ) -> tuple[Cursor, tuple[Step, ...]] | None:
        """Return where an access starts and all its steps; None: nothing outside."""
        if access.root[0] == "super":
            self.super_(access, names)
            return None
        found = self.start(access.root, function, analysis, names)
        return None if found is None else (found[0], found[1] + access.steps)

    def super_(self, access: Access, names: dict[str, Cursor]) -> None:
        """Follow ``super().name`` where the object is known."""
        owner, cell = names.get(access.root[1]), names.get("__class__")
        if owner is None or cell is None or issubclass(type(owner.value), Recorded):
            return
        if access.steps:
            self.parent(owner, cell.value, access.steps[0][1])
        else:
            self.deep(owner)

    def along(self, cursor: Cursor, steps: tuple[Step, ...]) -> Cursor | None:
        """Return the end of a path that an inner function reads by a local name."""
        for step in steps:
            following = self.step(cursor, step)
            if following is None:
                self.expect(cursor)
                self.deep(cursor)
                return None
            cursor = following
        return cursor

    # Modes that the whole process shares

    def modes(self) -> None:
        """Guard builtins, NumPy's error state and the context of decimals."""
        for module, found in self._builtins.values():
            test = f"{self.bind(module)}.keys().isdisjoint({self.bind(sorted(found))})"
            self.expect_truth("a builtin", test)
            self.free.add(test)
        found_modes = raising()
        test = f"error_state(None) is {self.bind(ERROR_STATE.get(None))}"
        self.names["error_state"] = ERROR_STATE.get
        self.guard("np.errstate", test, "raising()", found_modes)
        if not (self.handles_errors or found_modes):
            self.free.add(test)
        if self.meets_decimals:
            self.names["decimals"] = decimals
            test = f"decimals() == {self.bind(decimals())}"
            self.expect_truth("the context of decimals", test)
        if self.writes_text and self.arrays:
            options = format_options.get()
            self.names["print_options"] = format_options.get
            test = f"print_options() is {self.bind(options)}"
            self.guard("np.printoptions", test, "print_options()", options)


def decimals() -> tuple[Any, ...]:
    """Return what the present context of decimals says."""
    context = decimal.getcontext()
    return (
        context.prec, context.rounding, context.Emin, context.Emax, context.capitals,
        context.clamp, *context.traps.values(),
    )  # fmt: skip


def kinds_in(structure: Any) -> tuple[type, ...]:
    """Return the classes of the user's in which arguments nest."""
    found: dict[type, None] = {}
    parts = [structure]
    while parts:
        part = parts.pop()
        kind = getattr(part, "kind", None)
        if isinstance(kind, type):
            found.update(dict.fromkeys(k for k in mro_of(kind)[:1]))
        parts.extend(getattr(part, "children", ()))
    return tuple(found)
