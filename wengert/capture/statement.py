"""What the user's line was doing when it was refused, for errors that name the repair.

Everything here runs only when an error is about to be raised.  The instruction that the
user's frame has reached says where in the source its expression stands (PEP 657).
"""

from __future__ import annotations

import ast
import builtins
import dis
import linecache
import math
import re
import sys
import sysconfig
import textwrap
from dataclasses import dataclass
from itertools import islice
from types import FrameType, TracebackType
from typing import Any

import numpy as np

from wengert.capture.scipy_ways import called_from, explained, is_scipys, name_of
from wengert.core.types import Recorded, has_class
from wengert.errors import (
    Line,
    RecordingError,
    WengertError,
    describe_line,
    explain,
    is_library,
)

MISSING = object()


@dataclass(frozen=True)
class Statement:
    """The instruction that a frame of the user has reached.

    Attributes
    ----------
    frame : the frame
    instruction : str
        The name of the instruction.
    source : str
        The expression as the user wrote it; empty where there is no source.
    """

    frame: FrameType
    instruction: str
    source: str

    @property
    def is_store(self) -> bool:
        """Whether it is an assignment to an element or a slice."""
        return self.instruction.startswith(("STORE_SUBSCR", "STORE_SLICE"))

    def called(self) -> Any:
        """Return the function that is called; MISSING where that is not known."""
        tree = parsed(self.source)
        if not isinstance(tree, ast.Call):
            return MISSING
        return self.find(tree.func)

    def target(self) -> str:
        """Return the name that ``name[...] = value`` or ``name += value`` changes."""
        tree = parsed(self.source)
        if isinstance(tree, ast.Subscript):
            return ast.unparse(tree.value)
        if isinstance(tree, ast.AugAssign):
            part = isinstance(tree.target, ast.Subscript)
            return ast.unparse(tree.target.value if part else tree.target)  # type: ignore[union-attr]
        return ""

    def assigned(self, name: str) -> ast.expr | None:
        """Return what a variable was last assigned above, in the same function."""
        code = self.frame.f_code
        lines = linecache.getlines(code.co_filename, self.frame.f_globals)
        try:
            tree = ast.parse("".join(lines))
        except SyntaxError:
            return None
        found = [
            value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            and code.co_firstlineno <= node.lineno <= self.frame.f_lineno
            for target, value in pairs(node)
            if ast.unparse(target) == name
        ]
        return max(found, key=lambda value: value.lineno) if found else None

    def numpy(self) -> str:
        """Return what the user's module calls NumPy."""
        names = self.frame.f_globals.items()
        return next((name for name, value in names if value is np), "np")

    def find(self, expression: ast.expr) -> Any:
        """Return what a name or a dotted name stands for in the frame."""
        if isinstance(expression, ast.Attribute):
            return getattr(self.find(expression.value), expression.attr, MISSING)
        if not isinstance(expression, ast.Name):
            return MISSING
        for scope in (self.frame.f_locals, self.frame.f_globals, vars(builtins)):
            if expression.id in scope:
                return scope[expression.id]
        return MISSING

    def is_local(self, name: str) -> bool:
        """Whether the function made a variable, or the list it is in, itself."""
        code = self.frame.f_code
        root = name.partition("[")[0]
        return root in (*code.co_varnames, *code.co_cellvars)

    def is_answered(self, name: str) -> bool:
        """Whether a function of `math` is answered, called as its attribute."""
        from wengert.capture.answers.install import ORIGINALS

        return name in ORIGINALS[math]

    def imported_makers(self) -> list[str]:
        """Return NumPy's makers of arrays that the user's module imported by name."""
        from wengert.capture.answers.install import ORIGINALS

        originals = list(ORIGINALS[np].values())
        return [
            name
            for name, value in self.frame.f_globals.items()
            if any(value is original for original in originals)
        ]


def pairs(node: ast.Assign) -> list[tuple[ast.expr, ast.expr]]:
    """Return the targets of an assignment, each with its value."""
    found: list[tuple[ast.expr, ast.expr]] = []
    for target in node.targets:
        several = isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple)
        if several and len(target.elts) == len(node.value.elts):  # type: ignore[attr-defined]
            found += zip(target.elts, node.value.elts, strict=True)  # type: ignore[attr-defined]
        else:
            found.append((target, node.value))
    return found


def parsed(source: str) -> ast.AST | None:
    """Return an expression, or a statement, as a tree; None where it is neither."""
    try:
        tree = ast.parse(source.strip()).body
    except SyntaxError:
        return None
    if len(tree) != 1:
        return None
    return tree[0].value if isinstance(tree[0], ast.Expr) else tree[0]


def users_frame() -> FrameType | None:
    """Return the innermost frame of the user."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and is_library(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


def users_statement() -> Statement | None:
    """Return what the innermost frame of the user is doing."""
    frame = users_frame()
    return None if frame is None else statement_at(frame, frame.f_lasti)


def statement_at(frame: FrameType, at: int) -> Statement:
    """Return what a frame is doing at an instruction."""
    code = frame.f_code
    position = next(islice(code.co_positions(), at // 2, None), None)
    source = segment(code.co_filename, position, frame) if position else ""
    return Statement(frame, dis.opname[code.co_code[at]], source)


def is_writing(frame: FrameType) -> bool:
    """Whether a frame is writing into elements: ``x[key] = value``, ``x.fill(value)``.

    Of the array, a plain one of integers, nothing is known: it asks for an integer.
    """
    code, at = frame.f_code, frame.f_lasti
    if dis.opname[code.co_code[at]].startswith("STORE"):
        return True
    if "fill" not in code.co_names:
        return False
    starts = [(line, column) for line, _, column, _ in code.co_positions()]
    return any(
        step.argval == "fill" and starts[step.offset // 2] == starts[at // 2]
        for step in dis.get_instructions(code)
        if step.offset < at
    )


def segment(filename: str, position: Any, frame: FrameType) -> str:
    """Return the source text at a position; empty where there is none."""
    first, last, start, end = position
    if None in (first, last, start, end):
        return ""
    lines = [
        linecache.getline(filename, number, frame.f_globals).encode()
        for number in range(first, last + 1)
    ]
    if not all(lines):
        return ""
    lines[-1] = lines[-1][:end]
    lines[0] = lines[0][start:]
    return textwrap.dedent(b"".join(lines).decode())


# Errors of others


def taught(error: Exception) -> WengertError | None:
    """Return our error for one of Python's or NumPy's that a recorded value caused.

    NumPy's setitem gives what a recorded value raised as its cause; compiled code that
    refuses a recorded value names its class.
    """
    if isinstance(error, IndexError):
        return masked_flat(error)
    if not isinstance(error, (TypeError, ValueError, SystemError)):
        return None
    if isinstance(error.__cause__, WengertError):
        return error.__cause__
    text = str(error)
    kind = named_kind(text) or refused_kind(error, text)
    if kind is None or text.startswith("unsupported operand"):
        return None
    return RecordingError(
        explain(
            f"a recorded value met a function that takes plain ones ({text})",
            f"{kind} stands for NumPy's {PLAIN[kind]} while a function is recorded",
            "a NumPy function that does the same, wengert.rule around this one, or "
            "wengert.stop_gradient(x) to leave the tape on purpose",
            users_line(error.__traceback__),
        )
    )


def masked_flat(error: IndexError) -> WengertError | None:
    """Return our error for a recorded mask that indexes ``flat`` of a plain array."""
    line, frame = users_line(error.__traceback__), innermost(error)
    is_told = "boolean indices for iterators" in str(error)
    if not (is_told and is_users(frame) and line is not None):
        return None
    statement = statement_at(frame, line[1])
    tree = parsed(statement.source)
    flat, mask = "y.flat", "mask"
    if isinstance(tree, ast.Subscript):
        found = statement.find(tree.slice)
        if type(found) is list or isinstance(tree.slice, ast.List):
            return None  # NumPy takes none of those either
        flat, mask = ast.unparse(tree.value), ast.unparse(tree.slice)
    return RecordingError(
        explain(
            f"{flat}[{mask}] with a recorded mask, of a plain array",
            "there NumPy takes its own masks alone",
            f"{flat}[{statement.numpy()}.flatnonzero({mask})]",
            line,
        )
    )


def swallowed(error: Exception, refusal: Exception | None) -> WengertError | None:
    """Return what a recorded value raised in compiled code that hid it.

    That of SciPy goes on regardless, and what Python then does, with an error pending,
    is anything; that of NumPy raises an error of its own at the same line.
    """
    if not has_class(refusal, WengertError):
        return None
    trace = error.__traceback__
    while trace is not None:
        if is_scipys(trace.tb_frame):
            return refusal
        trace = trace.tb_next
    frame = innermost(error)
    line = describe_line(users_line(error.__traceback__))
    is_here = is_users(frame) and str(refusal).startswith(f"{line}:")
    return refusal if is_here else None


def of_scipy(error: Exception) -> WengertError | None:
    """Return our error for one that a function of SciPy's made of a recorded value.

    None where it was not SciPy's, or names the function already.
    """
    users, inside = None, list[FrameType]()
    trace = error.__traceback__
    while trace is not None:
        if is_scipys(trace.tb_frame):
            inside.append(trace.tb_frame)
        elif is_users(trace.tb_frame):
            users, inside = trace, []
        trace = trace.tb_next
    if users is None:
        return None
    statement = statement_at(users.tb_frame, users.tb_lasti)
    name = scipys_name(statement, inside)
    what = str(error).partition("\n")[0]
    if name is None or name in what:
        return None
    found = re.sub(r"^\S+:\d+: ", "", what)
    line = users.tb_frame.f_code, users.tb_lasti
    return RecordingError(explain(*explained(name, found), line))


def scipys_name(statement: Statement, inside: list[FrameType]) -> str | None:
    """Return the name of SciPy's function that the user's line calls.

    Where the line does not say it, the frames inside of SciPy's, outermost first, do.
    """
    return name_of(statement.called()) or called_from(inside)


def innermost(error: BaseException) -> FrameType:
    """Return the frame that raised."""
    trace = error.__traceback__
    assert trace is not None
    while trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_frame


STANDARD = sysconfig.get_path("stdlib")
PLAIN = {"RecordedArray": "arrays", "RecordedScalar": "numbers"}


def named_kind(text: str) -> str | None:
    """Return the class of a recorded value that an error's text names."""
    found = re.search(r"\bRecorded(Array|Scalar)\b", text)
    return found[0] if found else None


def refused_kind(error: Exception, text: str) -> str | None:
    """Return the class of a recorded value that the standard library refused.

    Its text names what the value stands for (``x.__class__``), as `json` does.
    """
    frame = innermost(error)
    if not frame.f_code.co_filename.startswith(STANDARD):
        return None
    for value in frame.f_locals.values():
        if isinstance(value, Recorded) and value.__class__.__name__ in text:
            return type(value).__name__
    return None


def is_users(frame: FrameType) -> bool:
    """Whether code is the user's: not a library's, and nothing compiled.

    SciPy writes some of its wrappers as text, which has no file.
    """
    name = frame.f_code.co_filename
    is_known = is_library(name) or name.startswith(STANDARD) or is_scipys(frame)
    return not (is_known or name.endswith(".pyx"))


def users_line(trace: TracebackType | None) -> Line | None:
    """Return the innermost line of the user in a traceback."""
    found = None
    while trace is not None:
        if is_users(trace.tb_frame):
            found = trace.tb_frame.f_code, trace.tb_lasti
        trace = trace.tb_next
    return found


def users_part(trace: TracebackType | None) -> TracebackType | None:
    """Return a traceback that ends at the user's line: our own last frames are cut."""
    frames = []
    while trace is not None:
        frames.append(trace)
        trace = trace.tb_next
    while len(frames) > 1 and not is_users(frames[-1].tb_frame):
        frames.pop()
    frames[-1].tb_next = None
    return frames[0]
