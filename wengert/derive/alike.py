"""What is derived of the same nodes in every step of a loop is derived in the first.

A derivative inside a loop is asked for in each step, of nodes that are those of the
step before with other numbers.  What was appended then is appended again: its numbers
are computed, and no rule is asked.  The nodes that it was derived of tell it apart, so
a rule must have asked a guard where it looked at numbers, as every tape demands.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

# By name: while recording, NumPy's own is answered.
from numpy import float64, ndarray

from wengert.capture.layout import note_lying
from wengert.core.checked import same
from wengert.core.forms import Subtapes
from wengert.core.operation import Operation
from wengert.core.tape import CONSTANT, GUARD, Tape, strong
from wengert.core.types import Type, is_array, type_of
from wengert.ops.python import RAISES

#: Nodes of a stretch up to which it is compared (in longer ones loops are found), and
#: elements of what is appended up to which deriving takes longer than computing.
MOST_NODES, MOST_ELEMENTS = 256, 1 << 10
#: What is derived of a stretch: its tangents, or its gradients.
SWEEPS = ("forward", "reverse")
#: What is kept as it is.
SIMPLE = frozenset({float64, ndarray})
#: Derivatives kept that have the same operations.
MOST_KEPT = 8


class Known(NamedTuple):
    """What was appended for a stretch.

    Places are those of a list: what is appended, then the stretch, what lies around it,
    and the constants in `fixed`.

    Attributes
    ----------
    stretch : Stretch
    operations, settings, types, lines : list
        Of the nodes.
    operands : list of tuple of int
        Their places.
    read : list of int
        Places of what is not appended, and read.
    fixed : list of int
    results : dict
        The results' places, or what they are.
    """

    stretch: Stretch
    operations: list[Operation]
    settings: list[dict[str, Any]]
    types: list[Type]
    lines: list[Any]
    operands: list[tuple[int, ...]]
    read: list[int]
    fixed: list[int]
    results: dict[int, Any]


class Stretch:
    """Nodes of a tape that something is derived of, comparable wherever they lie.

    Attributes
    ----------
    codes : list
        The operands of each node, and then the nodes that are asked for or given: their
        places in the stretch, or below zero in `others`.
    others : list of int
        Nodes around the stretch.
    given : list
        What is given of plain numbers.
    known : list of Known
        What was derived of the same operations; None where that is not looked for.
    """

    start: int
    stop: int

    def __init__(
        self, tape: Tape, question: Sequence[Any], given: Iterable[tuple[int, Any]]
    ) -> None:
        self.tape = tape
        self.known: list[Known] | None = None
        if question[0] not in SWEEPS:
            return
        kind, self.start, self.stop, asked = question
        if self.stop - self.start > MOST_NODES:
            return
        key = kind, tuple(tape.operations[self.start : self.stop])
        self.known = tape.alike.get(key)
        if self.known is None:  # most are met once
            tape.alike[key] = []
            return
        self.codes, self.others, self.given = list[Any](), list[int](), list[Any]()
        self.describe(asked, given)

    def describe(
        self, asked: Iterable[int | None], given: Iterable[tuple[int, Any]]
    ) -> None:
        """Note what the nodes read, what is asked for and what is given."""
        start, stop, others = self.start, self.stop, dict[int, int]()

        def code(index: int) -> int:
            if start <= index < stop:
                return index - start
            return others.setdefault(index, -1 - len(others))

        codes = self.codes
        for operands in self.tape.operands[start:stop]:
            codes.append(len(operands))
            codes += map(code, operands)
        codes += [None if index is None else code(index) for index in asked]
        for index, place in given:
            codes.append(code(index))
            if type(place) is int:
                codes.append(code(place))
            else:
                self.given.append(place)
        self.others += others

    def is_like(self, other: Stretch) -> bool:
        """Whether two stretches of the same operations are the same but for numbers."""
        if self.codes != other.codes or self.given != other.given:
            return False
        tape, pair = self.tape, (self.start, self.stop, other.start)
        if tape.alike_last != pair:
            if not self.has_nodes_of(other):
                return False
            tape.alike_last = pair  # in another direction it is asked once more
        around = zip(self.others, other.others, strict=True)
        return all([k == j or are_alike(tape, k, j) for k, j in around])

    def has_nodes_of(self, other: Stretch) -> bool:
        """Whether nodes have the types, lines, settings and constants of others."""
        tape, read_anew = self.tape, self.tape.refillable
        here, there = slice(self.start, self.stop), slice(other.start, other.stop)
        if tape.types[here] != tape.types[there]:
            return False
        if tape.lines[here] != tape.lines[there]:
            return False
        steps = range(self.stop - self.start) if read_anew else ()
        if any(
            [
                (self.start + k in read_anew) is not (other.start + k in read_anew)
                for k in steps
            ]
        ):
            return False
        pairs = zip(tape.settings[here], tape.settings[there], strict=True)
        return all([now is before or same(now, before) for now, before in pairs])

    def learn(self, at: int, results: dict[int, Any]) -> None:
        """Keep what was appended from a node on, where it depends on nothing else.

        Constants are those that stand there.
        """
        tape, known = self.tape, self.known
        if known is None or len(known) >= MOST_KEPT:
            return
        if not all(map(is_stated, tape.operations[self.start : self.stop])):
            return
        operations = enumerate(tape.operations[at:], at)
        new = [index for index, operation in operations if operation is not CONSTANT]
        types = [tape.types[index] for index in new]
        if not all(is_repeatable(tape.operations[k]) for k in new) or any(
            type(like) is not Type or like.weak for like in types
        ):
            return
        if sum([like.size for like in types]) > MOST_ELEMENTS:
            return
        nodes = [*new, *range(self.start, self.stop), *self.others]
        places = {index: place for place, index in enumerate(nodes)}
        read = [k for index in new for k in tape.operands[index]]
        fixed = [k for k in dict.fromkeys(read) if k not in places]
        if any(tape.operations[k] is not CONSTANT for k in fixed):
            return
        places |= {index: len(nodes) + k for k, index in enumerate(fixed)}
        if any(type(p) is int and p not in places for p in results.values()):
            return
        known.append(
            Known(
                self,
                [tape.operations[k] for k in new],
                [tape.settings[k] for k in new],
                types,
                [tape.lines[k] for k in new],
                [tuple([places[k] for k in tape.operands[index]]) for index in new],
                sorted({places[k] for k in read} - set(range(len(new)))),
                fixed,
                {k: places[p] if type(p) is int else p for k, p in results.items()},
            )
        )

    def repeated(self) -> dict[int, Any] | None:
        """Append what is derived, if it is known; return where its results are."""
        for way in self.known or ():
            if self.is_like(way.stretch):
                return self.append(way)
        return None

    def append(self, way: Known) -> dict[int, Any] | None:
        """Append what is known; return where its results are.

        None where a number is not there, or comes out as one of another kind.
        """
        tape, at, count = self.tape, len(self.tape), len(way.operations)
        places = [*range(at, at + count), *range(self.start, self.stop)]
        places += self.others + way.fixed
        values = numbers(tape, places, way)
        if values is None:
            return None
        operands = [tuple([places[k] for k in each]) for each in way.operands]
        for operation, nodes, parts in zip(
            way.operations, operands, way.operands, strict=True
        ):
            if operation.adds:
                note_lying(tape, nodes, [values[k] for k in parts])
        how = way.settings, way.types, values[:count], way.lines
        tape.append_columns(way.operations, operands, *how)
        results = way.results.items()
        return {k: places[p] if type(p) is int else p for k, p in results}


def numbers(tape: Tape, places: list[int], way: Known) -> list[Any] | None:
    """Return the numbers of what is to be appended, and of what it reads.

    None where one is not there, or comes out as one of another kind.
    """
    outputs = tape.play.outputs
    values: list[Any] = [None] * len(places)
    for place in way.read:
        index = places[place]
        value = outputs[index]
        if tape.operations[index] is CONSTANT:
            value = tape.settings[index]["value"]
        elif value is None:
            return None
        values[place] = value
    nodes = zip(way.operations, way.operands, way.settings, way.types, strict=True)
    for place, (operation, operands, settings, like) in enumerate(nodes):
        given = [values[k] for k in operands]
        try:
            found = of_operation(operation, given, settings)
        except Exception:  # whatever it is, deriving it says
            return None
        if type_of(found) != like:
            return None
        values[place] = found if type(found) in SIMPLE else strong(found)
    return values


def are_alike(tape: Tape, one: int, other: int) -> bool:
    """Whether two nodes around a stretch are the same to those who read numbers."""
    return tape.types[one] == tape.types[other] and not any(
        tape.operations[k] is CONSTANT or tape.operations[k].of_powers
        for k in (one, other)
    )


def is_stated(operation: Operation) -> bool:
    """Whether what is derived of an operation depends on its nodes alone."""
    return operation.is_registered and not isinstance(operation.form, Subtapes)


def is_repeatable(operation: Operation) -> bool:
    """Whether an operation is its function and nothing else."""
    return is_stated(operation) and operation not in (GUARD, RAISES)


def of_operation(operation: Operation, values: list[Any], settings: Any) -> Any:
    """Return the result of an operation in memory of its own, unless it is a view."""
    if operation.name == "power" and not any(map(is_array, values)):
        return values[0] ** values[1]  # np.power differs in the last bit
    found = operation.function(*values, **settings)
    if type(found) is float64:
        return found
    if not operation.view and is_array(found) and any([found is x for x in values]):
        return found.copy()
    return found
