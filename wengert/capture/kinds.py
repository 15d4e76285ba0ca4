"""``type(x) is float`` and ``f is np.sum`` in a recorded function: what cannot hold.

A recorded value answers `isinstance` as what it stands for, but its type is its own.
So a comparison of ``type(...)`` with a class of numbers or arrays takes the wrong way.
So does one of a function with NumPy's, which is our own while a function is recorded.
Both are found in the bytecode, once a code object, and warned of.
"""

from __future__ import annotations

import builtins
import dis
import inspect
from collections.abc import Iterator
from itertools import chain, islice
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from wengert.capture import tree
from wengert.capture.answers.leading import code_holder
from wengert.capture.answers.table import ANSWERS
from wengert.capture.reads.bytecode import CELL, GLOBAL, LOCAL, SKIPPED
from wengert.capture.reads.libraries import is_installed_file, is_library_file
from wengert.core.types import Recorded
from wengert.errors import Line, explain, is_library, warn

COMPARISONS = "IS_OP", "COMPARE_OP", "CONTAINS_OP"
#: Instructions that fetch the value whose type is asked, or make up a set of classes.
FETCHES = (
    *LOCAL,
    *CELL,
    *GLOBAL,
    "LOAD_ATTR",
    "LOAD_CONST",
    "LOAD_SMALL_INT",
    "BINARY_SUBSCR",
    "BINARY_OP",
    "BUILD_TUPLE",
    "BUILD_LIST",
    "BUILD_SET",
)
PLAIN_CLASSES = (np.ndarray, np.generic, bool, int, float, complex)
#: What is warned of already, and how many code objects are remembered.
WARNED: set[Question | Compared] = set()
MOST_REMEMBERED = 10_000


class Question(NamedTuple):
    """A comparison of ``type(root...)`` with a class of numbers or arrays."""

    root: str
    kind: str
    line: Line

    @property
    def text(self) -> str:
        """The warning."""
        return explain(
            f"type({self.root}) is compared with {self.kind}",
            "while a function is recorded the type of a value is wengert's own, "
            "and the comparison is false",
            f"isinstance({self.root}, {self.kind}), which holds",
            self.line,
        )

    def may_be_wrong(self, function: Any, args: Any) -> bool:
        """Whether a value may be recorded: not a parameter given plain things."""
        given = argument_of(self.root, self.line[0], function, args)
        return given is UNKNOWN or any(
            isinstance(leaf, Recorded) for leaf in tree.flatten(given)[0]
        )


class Compared(NamedTuple):
    """A comparison of a function with one that is another while recording."""

    root: str
    is_root_alone: bool
    name: str
    original: Any
    line: Line

    @property
    def text(self) -> str:
        """The warning."""
        short = self.name.rpartition(".")[2]
        what = self.root if self.is_root_alone else f"a function of {self.root}"
        return explain(
            f"{what} is compared with {self.name}",
            f"while a function is recorded {self.name} is wengert's own, and not the "
            "one that was fetched outside",
            f'compare names, which hold: function.__name__ == "{short}"',
            self.line,
        )

    def may_be_wrong(self, function: Any, args: Any) -> bool:
        """Whether it may be NumPy's own: not a parameter given something else."""
        if not self.is_root_alone:
            return True
        given = argument_of(self.root, self.line[0], function, args)
        return given is UNKNOWN or given is self.original


#: What is not known of a name before the function runs.
UNKNOWN = object()


#: The questions of every function that was recorded, by the id of its code, which is
#: kept so that the id stays its own.
KNOWN: dict[int, tuple[CodeType, tuple[Question | Compared, ...]]] = {}


def warn_of_types(function: Any, args: Any) -> None:
    """Warn, once a line, where a function compares the type of a recorded value."""
    code = getattr(function, "__code__", None)
    if code is None:
        return
    known = KNOWN.get(id(code))
    if known is None:
        if len(KNOWN) >= MOST_REMEMBERED:
            KNOWN.clear()
        known = KNOWN[id(code)] = code, tuple(questions_of(function))
    for question in known[1]:
        if question not in WARNED and question.may_be_wrong(function, args):
            WARNED.add(question)
            warn(question.text, UserWarning)


def argument_of(name: str, code: Any, function: Any, args: Any) -> Any:
    """Return what a function's parameter is given; UNKNOWN for any other name."""
    own = function.__code__
    args = (function.__self__, *args) if type(function) is MethodType else args
    if code is not own or name not in own.co_varnames[: own.co_argcount]:
        return UNKNOWN
    defaults = getattr(function, "__defaults__", None) or ()
    place = own.co_varnames.index(name)
    if place < len(args):
        return args[place]
    place -= own.co_argcount - len(defaults)
    return defaults[place] if 0 <= place < len(defaults) else None


def questions_of(function: Any) -> Iterator[Question | Compared]:
    """Give the questions of a function and of the user's functions that it names."""
    waiting, seen = [function], set()
    while waiting:
        function = waiting.pop()
        if type(function) is MethodType:
            function = function.__func__
        waiting += methods_of(function)
        if type(function) is FunctionType:  # others may run code when they are asked
            function = inspect.unwrap(function)
        if type(function) is not FunctionType or id(function) in seen:
            continue
        seen.add(id(function))
        if is_library(function.__code__.co_filename):
            continue
        names = names_of(function)
        codes = [function.__code__]
        while codes:
            code = codes.pop()
            codes += [part for part in code.co_consts if type(part) is CodeType]
            yield from questions_in(code, names)
            yield from compared_in(code, names)
            waiting += [names[name] for name in code.co_names if name in names]
            waiting += [names[name] for name in code.co_freevars if name in names]


def methods_of(value: Any) -> list[Any]:
    """Return the functions of a user's class, or of the class of an object.

    Those of packages and of the standard library are left out: they are not the
    user's to change, and name all that the package has.
    """
    kind = value if isinstance(value, type) else type(value)
    if kind in (FunctionType, MethodType, ModuleType):
        return []
    parts = [part for part in vars(kind).values() if type(part) is FunctionType]
    return [f for f in parts if is_users_file(f.__code__.co_filename)]


def is_users_file(filename: str) -> bool:
    """Whether code is the user's own."""
    return not (is_library_file(filename) or is_installed_file(filename))


def names_of(function: FunctionType) -> dict[str, Any]:
    """Return what the names in a function stand for, as far as that is known."""
    names = {**vars(builtins), **function.__globals__}
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=False)
    for name, cell in cells:
        try:
            names[name] = cell.cell_contents
        except ValueError:  # nothing is in it yet
            continue
    return names


def questions_in(code: CodeType, names: dict[str, Any]) -> Iterator[Question]:
    """Give the questions in one code object."""
    steps = [s for s in dis.get_instructions(code) if s.opname not in SKIPPED]
    for at, step in enumerate(steps):
        if step.opname not in GLOBAL or step.argval != "type":
            continue
        call = after_fetches(steps, at + 1)
        if call == at + 1 or steps[call].opname != "CALL" or steps[call].arg != 1:
            continue
        end = after_fetches(steps, call + 1)
        if steps[end].opname not in COMPARISONS:
            continue
        others = steps[call + 1 : end] or steps[before_fetches(steps, at) : at]
        kind = plain_class(others, names)
        root = steps[at + 1]
        if kind and root.opname not in GLOBAL:
            yield Question(str(root.argval), kind, (code, step.offset))


def after_fetches(steps: list[dis.Instruction], at: int) -> int:
    """Return the first place from `at` on that does more than fetch."""
    while at < len(steps) - 1 and steps[at].opname in FETCHES:
        at += 1
    return at


def before_fetches(steps: list[dis.Instruction], at: int) -> int:
    """Return where the name begins whose last part is just before `at`."""
    while at > 0 and steps[at - 1].opname == "LOAD_ATTR":
        at -= 1
    return max(at - 1, 0)


def plain_class(steps: list[dis.Instruction], names: dict[str, Any]) -> str | None:
    """Return the name of the first class of numbers or arrays among what is loaded."""
    value: Any = None
    for step in steps:
        if step.opname in (*GLOBAL, *CELL):
            value = names.get(step.argval)
        elif step.opname == "LOAD_ATTR" and isinstance(value, ModuleType):
            # Not `getattr`: NumPy answers while a function is recorded.
            value = vars(value).get(step.argval)
        for part in value if type(value) in (tuple, list, set, frozenset) else (value,):
            if isinstance(part, type) and issubclass(part, PLAIN_CLASSES):
                module = "" if part.__module__ == "builtins" else "np."
                return module + part.__name__
    return None


def compared_in(code: CodeType, names: dict[str, Any]) -> Iterator[Compared]:
    """Give the comparisons with functions that answer while recording."""
    steps = [s for s in dis.get_instructions(code) if s.opname not in SKIPPED]
    for at, step in enumerate(steps):
        if not compares(step):
            continue
        right, begin = operand_before(steps, at)
        left, _ = operand_before(steps, begin)
        for parts, others in ((left, right), (right, left)):
            line = code, step.offset
            found = [compared_with(parts, other, names, line) for other in others]
            yield from islice(chain.from_iterable(found), 1)


def compares(step: dis.Instruction) -> bool:
    """Whether a step asks whether two things are the same."""
    if step.opname == "COMPARE_OP":
        return any(sign in str(step.argval) for sign in ("==", "!="))
    return step.opname in ("IS_OP", "CONTAINS_OP")


#: The steps that fetch a name, and its attributes.
Fetch = list[dis.Instruction]


def operand_before(steps: list[dis.Instruction], end: int) -> tuple[list[Fetch], int]:
    """Return the names that make up the operand before a step, and where it begins.

    None where it is more than a name with attributes, or a tuple of some.
    """
    last = steps[end - 1] if end > 0 else None
    count = 1
    if last is not None and last.opname in ("BUILD_TUPLE", "BUILD_LIST", "BUILD_SET"):
        count, end = last.arg or 0, end - 1
    chains = []
    for _ in range(count):
        begin = before_fetches(steps, end)
        if end <= 0 or steps[begin].opname not in (*LOCAL, *CELL, *GLOBAL):
            return [], 0
        chains.append(steps[begin:end])
        end = begin
    return chains, end


def compared_with(
    parts: list[Fetch], other: Fetch, names: dict[str, Any], line: Line
) -> Iterator[Compared]:
    """Give a comparison of names with one that stands for a function of a module."""
    module: Any = names.get(other[0].argval) if other[0].opname in GLOBAL else None
    for step in other[1:-1]:
        module = vars(module).get(step.argval) if is_module(module) else None
    name = other[-1].argval
    if not is_module(module) or name not in ANSWERS.get(module, ()):
        return
    original = vars(module)[name]
    if code_holder(original) is not None:
        return  # it stays the object that it is
    path = ".".join(str(step.argval) for step in other)
    for first, *rest in parts:
        known = UNKNOWN if first.opname in LOCAL else names.get(first.argval)
        if known is UNKNOWN or rest or known is original:
            yield Compared(str(first.argval), not rest, path, original, line)


def is_module(value: Any) -> bool:
    """Whether a value is a module."""
    return isinstance(value, ModuleType)
