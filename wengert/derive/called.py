"""A derivative that is asked for in every step of a loop: its function runs in a few.

A function that does nothing but compute (`capture.pure`) is recorded as the same nodes
whenever it is given values of the same types, if no guard is asked; and so is what is
derived of it.  Where two calls in a row have appended the same, what further calls
append is known: neither the function nor a rule is asked, and numbers are computed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from types import CodeType, FunctionType
from typing import Any, NamedTuple

# By name: while recording, NumPy's own is answered.
from numpy import float64, ndarray, ufunc

from wengert.capture import tree
from wengert.capture.array import PASSIVE, RecordedArray, RecordedScalar, keep, wrap
from wengert.capture.pure import Fetch, ImpureError, reads_of
from wengert.capture.recall import NOTHING, UnknownError, key_of
from wengert.capture.record import active_tape
from wengert.core.checked import CheckedTape, same
from wengert.core.floating_point import Raising, Silent
from wengert.core.guards import strides_of
from wengert.core.tape import (
    CONSTANT,
    IDENTITY,
    INPUT,
    NO_SETTINGS,
    Derived,
    Tape,
    strong,
)
from wengert.core.transformed import Transformed
from wengert.core.types import FLOAT64, Type, is_array, type_of
from wengert.derive.again import note_numbers
from wengert.derive.alike import MOST_ELEMENTS, is_repeatable, of_operation
from wengert.derive.steps import BUDGET
from wengert.derive.tips import POWERS, ROOTS, around_tip
from wengert.errors import IS_LIBRARY
from wengert.ops.index import IN_PLACE

Function = Callable[..., Any]
#: Nodes up to which what a call appends is kept, and calls that are compared until it
#: is given up, or that more of them are where two were the same.
MOST_NODES, MOST_COMPARED, MORE = 512, 16, 8
RECORDED = frozenset((RecordedScalar, RecordedArray))


def called(
    made: Transformed, call: Function, args: Sequence[Any], keywords: Any
) -> Any:
    """Return what a derivative gives; its function does not run where that is known.

    Parameters
    ----------
    made : Transformed
        It is one of the derivatives that depend on nothing but the function, what they
        were given besides, and the arguments.
    call : callable
        Runs the function, and derives.
    args, keywords : sequence, dict
        With keywords, it always runs.
    """
    tape = active_tape()
    if keywords or tape is None or not tape.keeps_guards or tape.defers:
        return call(args, keywords)
    if BUDGET.get() is not None:  # it is told of every loop
        return call(args, keywords)
    calls = calls_of(tape, made)
    if calls is None or calls.left <= 0:
        return call(args, keywords)
    frame = sys._getframe(2)
    asked = calls.asked(args, (frame.f_code, frame.f_lasti))
    if asked is None:
        return call(args, keywords)
    found = calls.known(asked)
    return calls.compared(asked, call, args) if found is NOTHING else found


def calls_of(tape: Tape, made: Transformed) -> Calls | None:
    """Return what is known of the calls of a derivative; None of the first one."""
    key = type(made), made.settings, made.fun
    try:
        known = tape.called.get(key, NOTHING)
    except TypeError:  # settings in a list
        return None
    if known is NOTHING:  # most are called once
        tape.called[key] = None
        return None
    if known is None:
        known = tape.called[key] = Calls(tape, made)
    return known  # type: ignore[no-any-return]


class Asked(NamedTuple):
    """One call.

    Attributes
    ----------
    question : tuple
        What is the same where what is appended is, but for the nodes that are read.
    place : tuple
        Where it stands.
    nodes : tuple of int
        Those of recorded values, which the function is given or reads.
    parts : list
        These values.
    """

    question: tuple[Any, ...]
    place: tuple[CodeType, int]
    nodes: tuple[int, ...]
    parts: list[Any]


class Calls:
    """The calls of one derivative while a tape is recorded.

    Attributes
    ----------
    reads : list of callable
        Fetch what the function reads from outside.
    ways : dict of tuple to Way
        What was appended last, by question.
    left : int
        Calls that are still compared; none where the function may do more than compute.
    """

    def __init__(self, tape: Tape, made: Transformed) -> None:
        self.tape, self.reads = tape, list[Fetch]()
        self.ways: dict[Any, Way] = {}
        function: Any = made
        layers = []
        while issubclass(type(function), Transformed) and function.derives:
            layers.append((type(function), function.settings))
            function = function.fun
        self.left = 0
        if type(function) is not FunctionType:
            return
        self.of = tuple(layers), function.__code__
        functions = () if tape.recall is None else tape.recall.functions
        try:
            self.reads = reads_of(function, {f.standing: f.original for f in functions})
        except ImpureError:
            return
        self.left = MOST_COMPARED

    def asked(self, args: Sequence[Any], place: tuple[CodeType, int]) -> Asked | None:
        """Return what tells a call apart; None where nothing does."""
        if IS_LIBRARY[place[0].co_filename]:
            return None
        tape, kinds, nodes, parts = self.tape, list[Any](), list[int](), list[Any]()
        try:
            for part in (*args, *[fetch() for fetch in self.reads]):
                kind = type(part)
                if kind in RECORDED:
                    node = node_of(part, tape)
                    kinds.append((kind, tape.types[node]))
                    nodes.append(node)
                    parts.append(part)
                elif is_array(part) and len(kinds) < len(args):
                    return None
                else:
                    kinds.append(key_of(part, tape))
            question = self.of, place, tuple(map(nodes.index, nodes)), *kinds
            hash(question)
        except (UnknownError, TypeError, ValueError):
            return None
        return Asked(question, place, tuple(nodes), parts)

    def known(self, asked: Asked) -> Any:
        """Append what a call does, if that is known; return what it gives."""
        way, tape = self.ways.get(asked.question), self.tape
        if way is None or not way.is_sure:
            return NOTHING
        at, question = len(tape), (asked.question, asked.nodes)
        places = {k: at + place for k, place in enumerate(way.places)}
        before = tape.derived.get(at) if isinstance(tape, CheckedTape) else None
        is_expected = before is not None and before.question == question
        if is_expected and tape.told is not None and at in tape.told:
            values = tape.told[at]  # the same call was recorded before
            tape.play.outputs += [values.get(at + k) for k in range(len(way.kept))]
            tape.unplayed.append((at, len(tape.play.outputs)))
            return way.given(tape, places.values(), values)
        numbers = way.numbers(tape, asked.parts)
        if numbers is None:
            return NOTHING
        for part, node in zip(asked.parts, asked.nodes, strict=True):
            if part._storage is not None or tape.play.outputs[node] is None:
                keep(part, part._current(), tape.play.outputs, node)
        way.append(tape, asked.nodes, numbers, is_expected)
        if not is_expected:
            tape.derived[at] = Derived(question, len(tape), places)
        note_numbers(tape, at, dict(places))
        return way.given(
            tape, places.values(), {at + k: numbers[k] for k in way.places}
        )

    def compared(self, asked: Asked, call: Function, args: Sequence[Any]) -> Any:
        """Return what a call gives, which is compared with the one before."""
        tape, at = self.tape, len(self.tape)
        result = call(args, NO_SETTINGS)
        self.left -= 1
        again = self.asked(args, asked.place)
        if again is None or again[:3] != asked[:3]:  # it writes into what it is given
            self.left = 0
            return result
        before, way = (
            self.ways.get(asked.question),
            way_of(tape, at, asked.nodes, result),
        )
        if way is not None:
            self.ways[asked.question] = way
            if before is not None and way.is_like(before):
                way.is_sure = True
                self.left += MORE
        return result


def node_of(value: Any, tape: Tape) -> int:
    """Return the node of a recorded value that is none of a view's."""
    storage, node = value._storage, value._index
    if storage is not None:
        node = PASSIVE if value._chain else storage.index
    if value._tape is not tape or node == PASSIVE:
        raise UnknownError
    operation = tape.operations[node]
    if operation is CONSTANT or operation.of_powers or operation in ROOTS:
        raise UnknownError  # rules look at what these are
    if type(value) is RecordedArray and not value._current().flags.carray:
        raise UnknownError
    if tape.types[node].weak:
        raise UnknownError
    return node  # type: ignore[no-any-return]


class Way:
    """What a call appended.

    Places are those of a list: what is appended, and, from -1 down, what is read.

    Attributes
    ----------
    operations, settings, types, lines : list
        Of the nodes.
    operands : list of tuple of int
        Their places.
    fixed : list of int
        Nodes that are read besides those that were asked for.
    kept : list of bool
        Whether the tape keeps their numbers.
    places, structure : list of int, object
        Of the results, and how they nest.
    own : int
        How many nodes are of the function itself.
    is_sure : bool
        Whether two calls in a row have appended the same.
    """

    is_sure = False
    compute: Function | None = None

    def __init__(self, tape: Tape, at: int, nodes: Sequence[int], result: Any) -> None:
        stop = len(tape)
        self.operations, self.settings, self.types, self.lines = [
            list(getattr(tape, name)[at:stop])
            for name in ("operations", "settings", "types", "lines")
        ]
        operands = list(tape.operands[at:stop])
        read = dict.fromkeys([k for each in operands for k in each if k < at])
        self.fixed = [k for k in read if k not in nodes]
        outside = dict[int, int]()
        for place, node in enumerate([*nodes, *self.fixed]):
            outside.setdefault(node, ~place)
        self.operands = [
            tuple([k - at if k >= at else outside[k] for k in each])
            for each in operands
        ]
        self.kept = [value is not None for value in tape.play.outputs[at:stop]]
        leaves, self.structure = tree.flatten(result)
        self.places = [leaf._index - at for leaf in leaves]
        derived = [k - at for k in tape.derivatives if at < k < stop]
        self.own = min(derived, default=stop - at)
        #: Of what sums read.
        self.added = [
            place
            for operation, places in zip(self.operations, self.operands, strict=True)
            if operation.adds
            for place in places
        ]

    def is_like(self, other: Way) -> bool:
        """Whether another call appended the same."""
        return (
            self.operations == other.operations
            and self.operands == other.operands
            and self.types == other.types
            and self.fixed == other.fixed
            and (self.places, self.own) == (other.places, other.own)
            and self.structure == other.structure
            and all(map(same, self.settings, other.settings))
        )

    def numbers(self, tape: Tape, parts: Sequence[Any]) -> list[Any] | None:
        """Return the numbers of all nodes.

        None where one comes out as one of another kind, or NumPy would warn.
        """
        if self.compute is None:
            self.compute = computing(self, [number_at(tape, k) for k in self.fixed])
        try:
            return self.compute(*[part._current() for part in parts])  # type: ignore[no-any-return]
        except Exception:  # whatever it is, the function says
            return None

    def append(
        self, tape: Tape, nodes: Sequence[int], numbers: list[Any], is_there: bool
    ) -> None:
        """Append the nodes, of what they read and their numbers."""
        at, outside = len(tape), [*nodes, *self.fixed]
        kept = [x if k else None for x, k in zip(numbers, self.kept, strict=True)]
        for place in self.added:
            value = numbers[place] if place >= 0 else None
            if type(value) is ndarray and not value.flags.c_contiguous:
                tape.lying[at + place] = strides_of(value)
        if is_there:
            tape.play.outputs += kept
            return
        operands = [
            tuple([at + k if k >= 0 else outside[~k] for k in each])
            for each in self.operands
        ]
        how = self.settings, self.types, kept, self.lines
        tape.append_columns(self.operations, operands, *how)

    def given(
        self, tape: Tape, places: Iterable[int], values: Mapping[int, Any]
    ) -> Any:
        """Return the results at some nodes, recorded."""
        leaves = [wrap(tape, place, values[place]) for place in places]
        return tree.unflatten(self.structure, leaves)


def way_of(tape: Tape, at: int, nodes: Sequence[int], result: Any) -> Way | None:
    """Return what a call appended; None where it may be something else next time."""
    stop = len(tape)
    if not 0 < stop - at <= MOST_NODES:
        return None
    types = tape.types[at:stop]
    if any(type(like) is not Type or like.weak for like in types):
        return None
    if sum([like.size for like in types]) > MOST_ELEMENTS:
        return None
    if not all([is_known(tape, k, at) for k in range(at, stop)]):
        return None
    leaves, _ = tree.flatten(result)
    if not all([type(leaf) in RECORDED and is_new(leaf, tape, at) for leaf in leaves]):
        return None
    way = Way(tape, at, nodes, result)
    is_fixed = all([is_number(tape, k) for k in way.fixed])
    return way if is_fixed and not looks_back(tape, at, stop, nodes) else None


def is_known(tape: Tape, index: int, start: int) -> bool:
    """Whether a node of a call is its operation and nothing else."""
    operation, operands = tape.operations[index], tape.operands[index]
    if operation is CONSTANT:
        is_plain = is_array(tape.settings[index]["value"])
        return is_plain and index not in tape.refillable
    if operation in IN_PLACE:
        into = tape.operations[operands[0]]
        if into is IDENTITY or (operands[0] < start and into is not CONSTANT):
            return False
    return operation is not INPUT and is_repeatable(operation)


def is_new(value: Any, tape: Tape, start: int) -> bool:
    """Whether a result is a node of a call, and no view."""
    is_view = value._storage is not None
    return not is_view and value._tape is tape and value._index >= start


def is_number(tape: Tape, index: int) -> bool:
    """Whether a node is the same whenever it is read."""
    return tape.operations[index] is CONSTANT or (
        tape.operations[index] is INPUT and not tape.types[index].weak
    )


def number_at(tape: Tape, index: int) -> Any:
    """Return what is read of such a node."""
    if tape.operations[index] is CONSTANT:
        return tape.settings[index]["value"]
    return tape.play.outputs[index]


# Rules that look at what operands are made of


class Column:
    """A column of a tape, of which it is noted where it was looked at."""

    def __init__(self, column: Sequence[Any], seen: set[int]) -> None:
        self.column, self.seen = column, seen

    def __getitem__(self, index: int) -> Any:
        self.seen.add(index)
        return self.column[index]


class Watched:
    """A tape of which it is noted where it was looked at.

    Attributes
    ----------
    seen : set of int
        Nodes of which more than the operation was asked.
    """

    def __init__(self, tape: Tape) -> None:
        self.seen: set[int] = set()
        self.asked: set[int] = set()
        self.operations = Column(tape.operations, self.asked)
        self.operands = Column(tape.operands, self.seen)
        self.settings = Column(tape.settings, self.seen)
        self.types = Column(tape.types, self.seen)


def looks_back(tape: Tape, start: int, stop: int, nodes: Sequence[int]) -> bool:
    """Whether a rule may have looked at what is before a call.

    That of a power looks at what it is a power of: of nodes that are read it is known
    that they are neither constants nor roots.
    """
    watched: Any = Watched(tape)
    for index in range(start, stop):
        if tape.operations[index] in POWERS:
            kinds = [tape.operations[k] for k in tape.operands[index]]
            if tape.operations[index].name != "multiply" or kinds[0] is kinds[1]:
                around_tip(watched, index, tape.play.outputs)
    before = {k for k in watched.seen if k < start}
    before |= {k for k in watched.asked if k < start} - {*nodes}
    return any(tape.operations[k] is not CONSTANT for k in before)


# Numbers


class OtherError(Exception):
    """A number came out as one of another kind."""


@lru_cache(maxsize=256)
def code_of(source: str) -> CodeType:
    """Return compiled Python."""
    return compile(source, __file__, "exec")


def computing(way: Way, fixed: list[Any]) -> Function:
    """Return the function from numbers that are read to those of all nodes.

    It raises where one comes out as one of another kind, or where NumPy would warn of
    what the function itself does.
    """
    count = len(way.operations)
    names: dict[str, Any] = {"Raising": Raising, "Silent": Silent, "strong": strong}
    names |= {"ndarray": ndarray, "float64": float64, "OtherError": OtherError}
    names["type_of"] = type_of
    parts = 1 + max([~k for each in way.operands for k in each if k < 0], default=0)
    given = [f"r{k}" for k in range(parts - len(fixed))]
    names |= {f"r{k}": x for k, x in enumerate(fixed, len(given))}
    lines = [f"def compute({', '.join(given)}):"]
    for state, nodes in (
        ("Raising", range(way.own)),
        ("Silent", range(way.own, count)),
    ):
        if nodes:
            lines.append(f" with {state}():")
            for k in nodes:
                lines += ["  " + line for line in statements(way, k, names)]
    lines.append(f" return [{', '.join([f'n{k}' for k in range(count)])}]")
    exec(code_of("\n".join(lines)), names)
    return names["compute"]  # type: ignore[no-any-return]


def statements(way: Way, k: int, names: dict[str, Any]) -> Iterator[str]:
    """Give what computes a node, and checks that it is of its kind."""
    operation, settings, like = way.operations[k], way.settings[k], way.types[k]
    if operation is CONSTANT:
        names[f"n{k}"] = settings["value"]
        return
    operands = [f"n{j}" if j >= 0 else f"r{~j}" for j in way.operands[k]]
    if operation is IDENTITY:
        yield f"n{k} = {operands[0]}"
        return
    names[f"s{k}"], names[f"t{k}"] = settings, like
    function: Any = operation.function
    if operation.name == "power":
        function = partial(of_operation, operation)
        yield f"n{k} = f{k}([{', '.join(operands)}], s{k})"
    else:
        how = [f"**s{k}"] if settings else []
        yield f"n{k} = f{k}({', '.join([*operands, *how])})"
        if like.shape and not operation.view and type(function) is not ufunc:
            for operand in operands:
                yield f"if n{k} is {operand}: n{k} = n{k}.copy()"
    names[f"f{k}"] = function
    if like == FLOAT64:
        yield f"if type(n{k}) is not float64: raise OtherError"
    elif like.shape:
        names[f"h{k}"], names[f"d{k}"] = like.shape, like.dtype
        other = f"type(n{k}) is not ndarray or n{k}.shape != h{k} or n{k}.dtype != d{k}"
        yield f"if {other}: raise OtherError"
    else:
        yield f"if type_of(n{k}) != t{k}: raise OtherError"
        yield f"if type(n{k}) is not ndarray: n{k} = strong(n{k})"
