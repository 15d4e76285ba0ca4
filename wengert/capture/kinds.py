"""``type(x) is float`` in a recorded function: what `isinstance` cannot mend.

A recorded value answers `isinstance` as what it stands for, but its type is its own.
So a comparison of ``type(...)`` with a class of numbers or arrays takes the wrong way;
it is found in the bytecode, once a code object, and warned of.
"""

from __future__ import annotations

import builtins
import dis
import inspect
from collections.abc import Iterator
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from wengert.capture import tree
from wengert.capture.reads.bytecode import CELL, GLOBAL, LOCAL, SKIPPED
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
WARNED: set[Question] = set()
MOST_REMEMBERED = 10_000


class Question(NamedTuple):
    """A comparison of ``type(root...)`` with a class of numbers or arrays."""

    root: str
    kind: str
    line: Line


#: The questions of every function that was recorded, by the id of its code, which is
#: kept so that the id stays its own.
KNOWN: dict[int, tuple[CodeType, tuple[Question, ...]]] = {}


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
        if question not in WARNED and may_be_recorded(question, code, args):
            WARNED.add(question)
            text = explain(
                f"type({question.root}) is compared with {question.kind}",
                "while a function is recorded the type of a value is wengert's own, "
                "and the comparison is false",
                f"isinstance({question.root}, {question.kind}), which holds",
                question.line,
            )
            warn(text, UserWarning)


def may_be_recorded(question: Question, code: CodeType, args: Any) -> bool:
    """Whether a value may be recorded: not a parameter that was handed plain things."""
    names = code.co_varnames[: code.co_argcount]
    if question.line[0] is not code or question.root not in names:
        return True
    place = names.index(question.root)
    if place >= len(args):
        return False
    return any(isinstance(leaf, Recorded) for leaf in tree.flatten(args[place])[0])


def questions_of(function: Any) -> Iterator[Question]:
    """Give the questions of a function and of the user's functions that it names."""
    waiting, seen = [function], set()
    while waiting:
        function = waiting.pop()
        if type(function) is MethodType:
            function = function.__func__
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
            waiting += [names[name] for name in code.co_names if name in names]
            waiting += [names[name] for name in code.co_freevars if name in names]


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
