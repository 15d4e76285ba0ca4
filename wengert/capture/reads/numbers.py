"""Numbers that a function reads from outside, and that can be inputs of a path.

A number is one if every place that reads it gives it, or what arithmetic and functions
of numbers make of such numbers, to an operator beside a recorded value (see
`expressions`), and if a recording shows that the operator put it on the tape whenever
it ran.  What goes another way (a test, an index, a call of the user's) is a constant of
the path, which is compared.
"""

from __future__ import annotations

import math
import os
import re
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import get_ident
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from wengert.capture.reads.bytecode import analyse, uses
from wengert.capture.reads.expressions import Known
from wengert.core.locks import make as make_lock
from wengert.core.operation import Operation, find_answer
from wengert.core.tape import Tape

if TYPE_CHECKING:
    from wengert.capture.reads.expressions import Use
    from wengert.capture.reads.walk import Walk
    from wengert.capture.reads.watched import Cursor

#: Whether Python notes instructions that run without a trace.
IS_MONITORED = sys.version_info >= (3, 13)
_TOOLS = make_lock()
#: The classes of numbers that can be inputs: those that native code takes as they are.
LIFTED = (float, np.float64, int)
#: Names of code that reads local names of functions by other ways than their name.
SEES_LOCALS = frozenset({"locals", "vars", "f_locals"})
#: Names of code that may make arrays of objects: their operators work element by
#: element, so that one place puts one element on the tape, and computes with another.
MAKES_OBJECTS = frozenset(
    {"object", "object_", "O", "frompyfunc", "vectorize", "astype"}
)
PACKAGE = str(Path(__file__).parents[2]) + os.sep
#: What the expressions of a walk call the objects that they start from.
NAME = re.compile(r"(?<![\w.'\"])v\d+\b")
#: Functions that compute with numbers, and do nothing else, by ``id``.
FUNCTIONS = {
    id(function): function
    for function in [*vars(math).values(), abs, float, int, max, min, pow, round]
    if callable(function)
}


class ReadNumbers(NamedTuple):
    """What one run of code reads: numbers, functions of numbers that it calls.

    Both by the place of the access.
    """

    numbers: dict[int, Cursor]
    functions: dict[int, Cursor]


class Place(NamedTuple):
    """An operator that takes a number: the offsets of its instruction (bytes).

    `is_once` says whether one call of the function comes here at most once.
    """

    code: CodeType
    first: int
    last: int
    is_once: bool


@dataclass(frozen=True, slots=True, eq=False)
class Input:
    """Arithmetic of numbers from outside that is an input of a path.

    Attributes
    ----------
    key : str
        The same for every walk that finds it.
    text : str
        The expression that gives its value.
    path : str
        The same for people.
    numbers : tuple of str
        The expressions that fetch the numbers in it.
    places : tuple of Place
    """

    key: str
    text: str
    path: str
    numbers: tuple[str, ...]
    places: tuple[Place, ...]


class Numbers:
    """The numbers that can be inputs, of all that one walk found."""

    def __init__(self, walk: Walk, repeated: Collection[CodeType]) -> None:
        self.names, self.claims = walk.names, walk.claims
        self.found, self.repeated = walk.read_numbers, repeated
        self.elements, self.sites = walk.elements, walk.sites
        arrays = [found.array for found in walk.arrays.values()]
        self.holds_objects = any(array.dtype.hasobject for array in arrays)
        self._made: tuple[list[Input], dict[str, str]] | None = None

    @property
    def inputs(self) -> list[Input]:
        """What operators take."""
        return self.made()[0]

    @property
    def liftable(self) -> dict[str, str]:
        """By what fetches them, the keys of the numbers that operators alone take."""
        return self.made()[1]

    def made(self) -> tuple[list[Input], dict[str, str]]:
        """Return both; they are found when they are first asked for."""
        if self._made is None:
            self._made = self.find()
        return self._made

    def find(self) -> tuple[list[Input], dict[str, str]]:
        """Return what operators take, and the numbers that they alone take."""
        codes = [code for code, _ in self.found]
        if self.holds_objects or any(map(is_opaque, codes)):
            return [], {}
        followed: dict[str, int] = {}
        inputs: dict[str, Input] = {}
        for code, read in self.found:
            if not read.numbers or codes.count(code) > 1:
                continue  # code of several functions: which one runs is not seen
            called = {
                number: Known(number, is_operator(cursor.value))
                for number, cursor in read.functions.items()
            }
            taken = uses(code, read.numbers, called)
            for number in read.numbers.keys() - taken.lost:
                fetch = read.numbers[number].fetch
                followed[fetch] = followed.get(fetch, 0) + 1
            for use in taken.found:
                found = self.input(code, read, use)
                known = inputs.get(found.text)
                if known is not None:
                    found = replace(found, places=known.places + found.places)
                inputs[found.text] = found
        return list(inputs.values()), self.alone(followed)

    def input(self, code: CodeType, read: ReadNumbers, use: Use) -> Input:
        """Return what an operator takes, given what its code reads and calls."""
        expression, first, last = use
        numbers, cursors = read.numbers, read.numbers | read.functions
        text, path = (
            expression.text.format_map(
                {f"r{k}": getattr(found, part) for k, found in cursors.items()}
            )
            for part in ("fetch", "path")
        )
        fetches = tuple(numbers[read].fetch for read in expression.reads)
        is_once = code not in self.repeated and not is_in_loop(code, first)
        shown = path[1:-1] if path[0] == "(" else path
        where = (Place(code, first, last, is_once),)
        return Input(self.key(text), text, shown, fetches, where)

    def alone(self, followed: dict[str, int]) -> dict[str, str]:
        """Return the keys of numbers all of whose reads were followed, by fetch.

        The elements of an array are numbers where all that is read of it is such an
        element; otherwise its contents are compared.
        """
        found = {
            fetch: self.key(fetch)
            for fetch, count in followed.items()
            if self.claims.get(fetch) == count
        }
        for array, elements in self.elements.items():
            is_alone = len(self.sites[array]) == len(elements)
            if not (is_alone and found.keys() >= set(elements)):
                for element in elements:
                    found.pop(element, None)
        return found

    def of_array(self, array: Any) -> set[str]:
        """Return the keys of all that is read of an array; nothing if it is more."""
        found = [self.liftable.get(fetch) for fetch in self.elements.get(id(array), ())]
        return set() if None in found else {key for key in found if key is not None}

    def key(self, text: str) -> str:
        """Return an expression with the objects that it starts from told by ``id``."""
        return NAME.sub(lambda name: str(id(self.names[name[0]])), text)

    def lift(self, keys: Collection[str]) -> list[Input] | None:
        """Return the inputs of some numbers; None where one of them can be none."""
        if not set(self.liftable.values()).issuperset(keys):
            return None
        return [
            found
            for found in self.inputs
            if any(self.liftable.get(fetch) in keys for fetch in found.numbers)
        ]

    def values(self, inputs: Sequence[Input]) -> list[Any] | None:
        """Return the values of inputs; None where one is no number any more."""
        try:
            found = [eval(part.text, self.names) for part in inputs]
        except Exception:
            return None
        return found if all(type(value) in LIFTED for value in found) else None


def is_function_of_numbers(value: Any) -> bool:
    """Whether a value is a function that computes with numbers, and nothing else."""
    if type(value) is np.ufunc:
        is_own = getattr(np, value.__name__, None) is value
        return is_own and value.nout == 1 and value.signature is None
    return id(value) in FUNCTIONS


def is_operator(function: Any) -> bool:
    """Whether a function records its two operands as an operator does."""
    if type(function) is not np.ufunc or function.nin != 2:
        return False
    return isinstance(find_answer(function), Operation)


def is_opaque(code: CodeType) -> bool:
    """Whether code may do what its operators do not show."""
    texts = {part for part in code.co_consts if type(part) is str}
    return not (SEES_LOCALS | MAKES_OBJECTS).isdisjoint(texts.union(code.co_names))


def is_in_loop(code: CodeType, offset: int) -> bool:
    """Whether an instruction is in a loop."""
    return any(start <= offset <= end for start, end in analyse(code).loops)


def same_number(one: Any, other: Any) -> bool:
    """Whether two numbers are of one class and equal; zeros by their sign."""
    return one is other or (type(one) is type(other) and repr(one) == repr(other))


def free_tool(monitoring: Any) -> int | None:
    """Take a number that no other tool has with Python's monitoring."""
    with _TOOLS:
        for tool in range(6):
            if monitoring.get_tool(tool) is None:
                monitoring.use_tool_id(tool, "wengert")
                return tool
    return None


class Operator:
    """One place in one recording: how often it ran, and gave a number to the tape."""

    __slots__ = ("input", "place", "ran", "taken", "is_missed")

    def __init__(self, number: int, place: Place) -> None:
        self.input, self.place = number, place
        self.ran = self.taken = 0
        self.is_missed = False

    def runs(self) -> None:
        """Note that the operator runs; what it took before must be on the tape."""
        self.is_missed |= self.ran != self.taken
        self.ran += 1

    def takes(self, is_traced: bool) -> None:
        """Note that it gives its number to the tape."""
        if not is_traced:
            self.ran = 1
        self.is_missed |= self.ran == 0
        self.taken = self.ran

    def is_sure(self, is_traced: bool) -> bool:
        """Whether it gave its number to the tape whenever it ran."""
        if self.is_missed or self.ran != self.taken:
            return False
        return is_traced or (self.ran == 1 and self.place.is_once)


class Evidence:
    """Whether what reads some numbers puts them on the tape of a recording.

    Where nobody else traces the program, every run of an operator is seen; else those
    alone pass that run once.

    Parameters
    ----------
    inputs : sequence of Input
    values : sequence of number
    """

    def __init__(self, inputs: Sequence[Input], values: Sequence[Any]) -> None:
        self.values = list(values)
        self.nodes: list[int] = []
        self.at: dict[CodeType, list[Operator]] = {}
        for number, found in enumerate(inputs):
            for place in found.places:
                operators = self.at.setdefault(place.code, [])
                operators.append(Operator(number, place))
        self.shown = {(type(value), repr(value)) for value in values}
        self.is_traced = False
        #: Whether the program has set a trace of its own meanwhile.
        self.is_lost = False

    @contextmanager
    def watching(self, tape: Tape, nodes: Sequence[int]) -> Iterator[None]:
        """While entered, the numbers that operators take are the tape's inputs."""
        self.nodes = list(nodes)
        tape.lifted = self.node
        with self.monitored() if IS_MONITORED else self.traced():
            try:
                yield
            finally:
                tape.lifted = None

    @contextmanager
    def traced(self) -> Iterator[None]:
        """While entered, the operators that run are noted, by a trace."""
        self.is_traced = sys.gettrace() is None
        if self.is_traced:
            sys.settrace(self.trace)
        try:
            yield
        finally:
            if self.is_traced:
                self.is_lost = sys.gettrace() != self.trace
                sys.settrace(None)

    def trace(self, frame: FrameType, event: str, _: Any) -> Any:
        """Note the operators that run."""
        if frame.f_code not in self.at:
            return None
        if event == "opcode":
            self.note(frame.f_code, frame.f_lasti)
        elif event == "call":
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return self.trace

    @contextmanager
    def monitored(self) -> Iterator[None]:
        """While entered, the operators that run are noted, by `sys.monitoring`.

        A trace that begins with a call sees no instruction of it since Python 3.13.
        """
        monitoring: Any = sys.monitoring  # type: ignore[attr-defined]
        thread, event = get_ident(), monitoring.events.INSTRUCTION

        def ran(code: CodeType, offset: int) -> None:
            if get_ident() == thread:
                self.note(code, offset)

        tool = None if sys.gettrace() is not None else free_tool(monitoring)
        if tool is None:
            yield
            return
        monitoring.register_callback(tool, event, ran)
        for code in self.at:
            monitoring.set_local_events(tool, code, event)
        self.is_traced = True
        try:
            yield
        finally:
            for code in self.at:
                monitoring.set_local_events(tool, code, 0)
            monitoring.register_callback(tool, event, None)
            monitoring.free_tool_id(tool)

    def note(self, code: CodeType, offset: int) -> None:
        """Note that the operators at an instruction run."""
        for operator in self.at.get(code, ()):
            if operator.place.first == offset:
                operator.runs()

    def node(self, value: Any) -> int | None:
        """Return the input that a plain operand is; None where it is a constant."""
        if (type(value), repr(value)) not in self.shown:
            return None
        frame: FrameType | None = sys._getframe(2)
        while frame is not None and frame.f_code.co_filename.startswith(PACKAGE):
            frame = frame.f_back
        operators = () if frame is None else self.at.get(frame.f_code, ())
        for operator in operators:
            place = operator.place
            is_there = place.first <= frame.f_lasti <= place.last  # type: ignore[union-attr]
            if is_there and same_number(self.values[operator.input], value):
                operator.takes(self.is_traced)
                return self.nodes[operator.input]
        return None

    def missing(self) -> set[int]:
        """Return the inputs, by number, that Python code may have read otherwise."""
        if self.is_lost:
            return set(range(len(self.values)))
        return {
            operator.input
            for operators in self.at.values()
            for operator in operators
            if not operator.is_sure(self.is_traced)
        }
