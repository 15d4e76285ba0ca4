"""What wengert raises.

Every error has three parts: what happened (operation, shapes, the user's line), why it
cannot work, and what to write instead.

    WengertError
    ├── RecordingError (TypeError)      a value that cannot be recorded
    ├── UnsupportedError (NotImplementedError)  a function or an argument without a rule
    ├── DerivativeError (ValueError)    a derivative that does not exist as asked for
    ├── ArgumentError (TypeError)       wrong arguments to a transformation
    ├── RuleError (ValueError)          a custom rule that does not fit its function
    ├── CheckError (AssertionError)     a derivative that a check found wrong
    ├── TapeError (ValueError)          a tape that is not legal, or misused
    └── GuardError (ValueError)         a replay left the path that was recorded
"""

from __future__ import annotations

import linecache
import os
import sys
import warnings
from itertools import islice
from types import CodeType
from typing import Any, NamedTuple

__all__ = [
    "WengertError",
    "RecordingError",
    "UnsupportedError",
    "DerivativeError",
    "ArgumentError",
    "RuleError",
    "CheckError",
    "TapeError",
    "GuardError",
]


class Source(NamedTuple):
    """A stretch of a user's file: a function, or a file as a whole.

    Attributes
    ----------
    file : str, without its folder
    function : str
    first : int, the number of its first line
    text : tuple of str, its lines; empty where they are not known
    """

    file: str
    function: str
    first: int
    text: tuple[str, ...]


class Place(NamedTuple):
    """The line of a node as plain data, where its code itself is elsewhere.

    Attributes
    ----------
    source : Source
    number : int, of the line in its file
    start, stop : int, the columns of the expression in its line; -1: not known
    """

    source: Source
    number: int
    start: int
    stop: int


#: Where a node was recorded: code and the place of an instruction in it, or plain data.
Line = tuple[CodeType, int] | Place

PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep
#: Frames of these libraries are never "the user's line".
LIBRARIES = (
    PACKAGE,
    *(f"{os.sep}{name}{os.sep}" for name in ("numpy", "scipy", "pandas", "xarray")),
)
#: Where an installed package has the example programs, which are as a user's.
EXAMPLES = os.path.join(PACKAGE, "examples", "")


class WengertError(Exception):
    """Root of every error that wengert raises on purpose."""


class RecordingError(WengertError, TypeError):
    """A recorded value was asked for something a tape cannot follow.

    Fails:

        slope = wengert.grad(lambda x: float(x) ** 2)
        slope(3.0)

    Repair:

        slope = wengert.grad(lambda x: x**2)
        slope(3.0)
    """


class UnsupportedError(WengertError, NotImplementedError):
    """A function, or one of its arguments, has no rule.

    Fails:

        from scipy import special

        wengert.grad(lambda p: special.nctdtrinc(5.0, p, 1.0))(0.3)

    Repair:

        from scipy import special

        @wengert.rule(jvp=lambda t, y, p: t[0] * slope(p))
        def noncentrality(p):
            return special.nctdtrinc(5.0, p, 1.0)

        def slope(p, h=1e-4):
            above = special.nctdtrinc(5.0, p + h, 1.0)
            return (above - special.nctdtrinc(5.0, p - h, 1.0)) / (2 * h)

        wengert.grad(noncentrality)(0.3)
    """


class DerivativeError(WengertError, ValueError):
    """The derivative asked for does not exist.

    Fails:

        wengert.grad(np.sin)(np.ones(3))

    Repair:

        wengert.jacobian(np.sin)(np.ones(3))
    """


class ArgumentError(WengertError, TypeError):
    """A transformation was called with arguments that do not fit.

    Fails:

        wengert.grad(lambda x, y: x * y, argnums=2)(1.0, 2.0)

    Repair:

        wengert.grad(lambda x, y: x * y, argnums=1)(1.0, 2.0)
    """


class RuleError(WengertError, ValueError):
    """A custom rule does not fit its function.

    Fails:

        product = wengert.rule(np.dot, vjp=lambda g, y, a, b: g * b)
        wengert.grad(product)(np.ones(3), np.ones(3))

    Repair:

        product = wengert.rule(np.dot, vjp=lambda g, y, a, b: (g * b, g * a))
        wengert.grad(product)(np.ones(3), np.ones(3))
    """


class CheckError(WengertError, AssertionError):
    """A derivative does not agree with the numeric one.

    Fails:

        cube = wengert.rule(lambda x: x**3, vjp=lambda g, y, x: g * x**2)
        wengert.check_grads(cube, (2.0,))

    Repair:

        cube = wengert.rule(lambda x: x**3, vjp=lambda g, y, x: g * 3 * x**2)
        wengert.check_grads(cube, (2.0,))
    """


class TapeError(WengertError, ValueError):
    """A tape is not legal, or is used against its meaning.

    Fails:

        one, other = wengert.Tape(), wengert.Tape()
        a, b = wengert.ConstantNode(2, one), wengert.ConstantNode(3, other)
        wengert.Multiply(a, b, one)

    Repair:

        one = wengert.Tape()
        a, b = wengert.ConstantNode(2, one), wengert.ConstantNode(3, one)
        wengert.Multiply(a, b, one)
    """


class GuardError(WengertError, ValueError):
    """A replay met a value that leads away from the recorded path.

    Fails:

        tape = wengert.record(lambda x: x if x > 0 else -x, 1.0)
        tape(-1.0)

    Repair:

        tape = wengert.record(lambda x: np.where(x > 0, x, -x), 1.0)
        tape(-1.0)
    """


class Files(dict[str, bool]):
    """Whether files belong to wengert or a library rather than to the user, by name."""

    def __missing__(self, filename: str) -> bool:
        if len(self) >= MOST_FILES:
            self.clear()
        is_example = filename.startswith(EXAMPLES)
        found = not is_example and any(part in filename for part in LIBRARIES)
        self[filename] = found
        return found


MOST_FILES = 4096
IS_LIBRARY = Files()


def is_library(filename: str) -> bool:
    """Whether a file belongs to wengert or a library rather than to the user."""
    return IS_LIBRARY[filename]


def user_line(depth: int = 1) -> Line | None:
    """Return the code object and instruction of the innermost frame of the user.

    The innermost `depth` frames are known to be ours.
    """
    frame = sys._getframe(depth)
    while frame is not None and IS_LIBRARY[frame.f_code.co_filename]:
        frame = frame.f_back  # type: ignore[assignment]
    return None if frame is None else (frame.f_code, frame.f_lasti)


def is_same_place(one: Line | None, other: Line | None) -> bool:
    """Whether two lines are of one expression.

    Its instruction is counted otherwise once Python has made it quick.
    """
    if type(one) is not tuple or type(other) is not tuple:
        return one == other
    return one[0] is other[0] and position_of(*one) == position_of(*other)


def position_of(code: CodeType, instruction: int) -> Any:
    """Return the first and the last line and column of an instruction's expression."""
    return next(islice(code.co_positions(), instruction // 2, None), None)


def line_number(line: Line) -> int:
    """Return the source line that an instruction of a code object came from."""
    if isinstance(line, Place):
        return line.number
    code, instruction = line
    number = code.co_firstlineno
    for start, end, candidate in code.co_lines():
        if start <= instruction < end and candidate is not None:
            return candidate
    return number


def source_line(line: Line | None) -> str:
    """Return the text of a recorded line; empty where it is not known."""
    if line is None:
        return ""
    number = line_number(line)
    if isinstance(line, Place):
        source = line.source
        return source.text[number - source.first] if source.text else ""
    return linecache.getline(line[0].co_filename, number).rstrip("\n")


def source_span(line: Line) -> tuple[int, int, str]:
    """Return the columns of an instruction's expression in its line, and its text.

    The columns count characters of the line that `line_number` gives; an expression
    of several lines ends with the first.  Both are -1 where there is no source.
    """
    if isinstance(line, Place):
        return line.start, line.stop, source_line(line)[max(line.start, 0) : line.stop]
    code, instruction = line
    positions = position_of(code, instruction)
    number, text = line_number(line), source_line(line)
    if positions is None or positions[0] != number or None in positions or not text:
        return -1, -1, ""
    _, last, start, end = positions
    raw = text.encode()
    stop = len(raw) if last != number else end
    before, inside = raw[:start].decode(), raw[start:stop].decode()
    return len(before), len(before) + len(inside), inside


def describe_line(line: Line | None) -> str:
    """Return ``file.py:12`` for a recorded line, or an empty string."""
    if line is None:
        return ""
    return f"{os.path.basename(file_of(line))}:{line_number(line)}"


def file_of(line: Line) -> str:
    """Return the file of a recorded line."""
    return line.source.file if isinstance(line, Place) else line[0].co_filename


def code_of(line: Line | None) -> CodeType | None:
    """Return the code of a recorded line, where it is at hand."""
    return None if line is None or isinstance(line, Place) else line[0]


#: Warnings given at lines whose frames are gone, by file; see `warnings`.
REGISTRIES: dict[str, dict[Any, Any]] = {}


def warn(
    text: str, category: type[Warning] = RuntimeWarning, line: Line | None = None
) -> None:
    """Warn at a recorded line, by default at the one that the user's code has reached.

    As with every warning, Python's filters say whether it is shown again.
    """
    frame: Any = sys._getframe(1)
    while frame.f_back is not None and is_library(frame.f_code.co_filename):
        frame = frame.f_back
    if line is None:
        name, number = frame.f_code.co_filename, frame.f_lineno
        module = frame.f_globals.get("__name__", "<unknown>")
        registry = frame.f_globals.setdefault("__warningregistry__", {})
    else:
        name, number = file_of(line), line_number(line)
        module = name.removesuffix(".py")
        registry = REGISTRIES.setdefault(name, {})
    warnings.warn_explicit(text, category, name, number, module, registry)


def explain(what: str, why: str, instead: str, line: Line | None = None) -> str:
    """Return a message of three parts; the line defaults to the user's own."""
    where = describe_line(line or user_line())
    head = f"{where}: {what}" if where else what
    return f"{head}\n  why: {why}\n  instead: {instead}"
