"""A recording that is checked, node by node, against one that was made before.

A tape is believed when two recordings agree.  While the function does what it did
before, `CheckedTape.append` compares and appends nothing; the first difference turns
the check into a recording of its own, which shares the nodes before it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterator
from itertools import islice
from types import CodeType, FunctionType, MethodType
from typing import Any, NamedTuple

import numpy as np

from wengert.core.operation import Operation
from wengert.core.repetitions import COLUMNS, first_nodes, repetitions_on, since
from wengert.core.tape import (
    CONSTANT,
    GUARD,
    NO_SETTINGS,
    CompNode,
    Tape,
    same_contents,
)
from wengert.core.types import Recorded, Type
from wengert.errors import Line, user_line

#: The operation that asks whether Python raises: where it does, no result follows.
RAISES = "raises"
#: Values of these types are the same where they are equal.
BY_VALUE = (bool, int, str, bytes, type, CodeType, np.dtype, range)
#: Numbers that are the same where their text is: NaN is itself, -0.0 is not 0.0.
BY_TEXT = (float, complex)


#: Nodes up to which those of steps that are written once are passed over one by one.
NEAR = 512
#: What is expected behind the last node.
NOTHING = (None, None, None, None)


class Expected(NamedTuple):
    """What a recording is compared with: a tape, and its constants that are read anew.

    The contents of those are arrays from outside, which anyone may have refilled.
    """

    tape: Tape
    captured: Collection[int] = ()


class Node(NamedTuple):
    """One node as it is recorded, or as it was."""

    operation: Operation
    operands: tuple[int, ...]
    settings: dict[str, Any]
    type: Any

    @property
    def types(self) -> tuple[Any, ...]:
        """What it gives: one type a result."""
        is_one = isinstance(self.type, Type)
        return (self.type,) if is_one else tuple(self.type)


def node_of(tape: Tape, index: int) -> Node:
    """Return a node of a tape."""
    operation, operands = tape.operations[index], tape.operands[index]
    return Node(operation, operands, tape.settings[index], tape.types[index])


#: Another tape that shares the nodes before an index and has this node there, if any.
Branch = Callable[[int, Node], Expected | None]


class Difference(NamedTuple):
    """Where a recording left the tape that it was compared with.

    Attributes
    ----------
    node : int
        Its index.
    before, now : Node or None
        None where there was no further node.
    line : the user's line that recorded the node
    """

    node: int
    before: Node | None
    now: Node | None
    line: Line | None

    @property
    def is_branch(self) -> bool:
        """Whether Python took another decision on a number: a path of its own."""
        before, now = self.before, self.now
        if before is None or now is None:
            return False
        if RAISES in (before.operation.name, now.operation.name):
            return True
        if before.operation is not now.operation or before.operands != now.operands:
            return False
        if now.operation is GUARD:
            return bool(before.settings["kind"] == now.settings["kind"])
        # The same node with a result of another kind: a power that left the integers.
        return same(before.settings, now.settings)

    @property
    def is_of_types(self) -> bool:
        """Whether a function that is one node gave results of other shapes or types."""
        before, now = self.before, self.now
        if before is None or now is None or before.operands != now.operands:
            return False
        is_same = agree(before.operation, now.operation)
        return is_same and before.types != now.types


class CheckedTape(Tape):
    """A tape that compares what is recorded with what is expected.

    Parameters
    ----------
    expected : Expected
    branch : callable
        Finds the tape that goes on where the expected one does not.
    evaluate : callable
        ``evaluate(tape, index, outputs)`` plays one node; without, what was derived is
        derived again.
    """

    def __init__(
        self,
        expected: Expected,
        branch: Branch | None = None,
        evaluate: Callable[[Tape, int, list[Any]], Any] | None = None,
    ) -> None:
        super().__init__()
        self.branch, self.evaluate = branch, evaluate
        self.follow(expected)
        #: Where it became a recording of its own; None while it agrees.
        self.difference: Difference | None = None

    def follow(self, expected: Expected) -> None:
        """Compare with this tape from here on."""
        self.expected = expected
        #: The nodes that are expected, and the index of the next one.
        self.nodes: Iterator[Any] = iter(())
        self.ahead = -1
        #: Nodes behind which calls are recalled, as they were.
        self.looks = [k for k in expected.tape.recalled if k >= len(self)]
        for name in COLUMNS:
            setattr(self, name, getattr(expected.tape, name))
        self.derived, self.loops = expected.tape.derived, expected.tape.loops
        self.derivatives, self.lying = expected.tape.derivatives, expected.tape.lying

    def __len__(self) -> int:
        return len(self.play.outputs)

    def append(
        self,
        operation: Operation,
        operands: tuple[int, ...],
        settings: dict[str, Any],
        type_: Any,
        output: Any = None,
        line: Line | None = None,
    ) -> int:
        """Compare one node with the expected one and return its index."""
        outputs = self.play.outputs
        index = len(outputs)
        if index != self.ahead:
            self.expect(index)
        self.ahead = index + 1
        expected, nodes, how, like = next(self.nodes, NOTHING)
        if (
            expected is operation
            and nodes == operands
            and (settings is NO_SETTINGS or same(how, settings))
            and like == type_
        ):
            outputs.append(output)
            return index
        if self.looks and index == self.looks[0]:
            self.looks = [k for k in self.looks if k > index]
            self.ahead = -1
            index = self.append(operation, operands, settings, type_, output, line)
            if self.look is not None:
                self.look(self)
            return index
        node = Node(operation, operands, settings, type_)
        if self.agrees(index, node):
            outputs.append(output)
            return index
        other = None if self.branch is None else self.branch(index, node)
        if other is None:
            line = user_line()
            self.leave(node, line)
        else:
            self.follow(other)
        return self.append(operation, operands, settings, type_, output, line)

    def expect(self, index: int) -> None:
        """Have the node at an index be the next one, some of which were known."""
        known = index - self.ahead
        is_near = 0 < known <= NEAR and self.ahead >= 0
        if is_near and repetitions_on(self.operations):
            next(islice(self.nodes, known - 1, known), None)
            return
        columns = (self.operations, self.operands, self.settings, self.types)
        self.nodes = zip(*[since(x, index) for x in columns], strict=True)
        if self.looks:
            self.nodes = islice(self.nodes, self.looks[0] - index)

    def agrees(self, index: int, node: Node) -> bool:
        """Whether a node is the expected one all the same.

        Operations that are made anew for every call agree where what they are made of
        does; a constant that is read again before a replay may have other contents.
        """
        if index >= len(self.operations) or self.operands[index] != node.operands:
            return False
        if self.types[index] != node.type:
            return False
        operation, settings = self.operations[index], self.settings[index]
        if operation is CONSTANT and node.operation is CONSTANT:
            return index in self.expected.captured
        return agree(operation, node.operation) and same(settings, node.settings)

    def leave(self, node: Node | None, line: Line | None) -> None:
        """Become a recording of its own, which shares the nodes so far."""
        index = len(self)
        before = None
        if index < len(self.operations):
            before = node_of(self, index)
        self.difference = Difference(index, before, node, line)
        whole = [getattr(self, name) for name in COLUMNS]
        parts, self.repetition = first_nodes(whole, index)
        for name, column in zip(COLUMNS, parts, strict=True):
            setattr(self, name, column)
        self.derived = {k: p for k, p in self.derived.items() if p.stop <= index}
        known = self.derivatives.items()
        self.derivatives = {k: stop for k, stop in known if stop <= index}
        self.loops = {k: p for k, p in self.loops.items() if p.stop <= index}
        self.lying = {k: strides for k, strides in self.lying.items() if k < index}
        self.keeps_lines = True
        self.__class__ = Tape  # type: ignore[assignment]  # appending costs as ever

    def close(self) -> None:
        """Compare what was recorded at the end: the outputs, and how they nest."""
        expected = self.expected.tape
        if (
            len(self) != len(self.operations)
            or self.chosen_outputs != expected.chosen_outputs
            or self.structure != expected.structure
        ):
            self.leave(None, None)


def agree(one: Operation, other: Operation) -> bool:
    """Whether two operations do the same: one made for each call, of the same parts."""
    if one is other:
        return True
    is_made = one.identity is not None and one.identity == other.identity
    return is_made and same(one.function, other.function)


def same(one: Any, other: Any, around: tuple[int, ...] = ()) -> bool:
    """Whether two settings, constants or functions are the same to every reader."""
    if one is other:
        return True
    kind = type(one)
    if kind is not type(other):
        return issubclass(kind, Recorded) and issubclass(type(other), Recorded)
    if issubclass(kind, BY_VALUE):
        return bool(one == other)
    if issubclass(kind, BY_TEXT):
        return repr(one) == repr(other)
    if issubclass(kind, np.generic):
        return bool(one.dtype == other.dtype and one.tobytes() == other.tobytes())
    if issubclass(kind, np.ndarray):
        return same_contents(one, other)
    if issubclass(kind, Recorded) or id(one) in around:
        return True  # recorded values are compared as operands
    parts, others = parts_of(one), parts_of(other)
    if parts is None or others is None or len(parts) != len(others):
        return False
    around = (*around, id(one))
    pairs = zip(parts, others, strict=True)
    return all(same(part, like, around) for part, like in pairs)


def parts_of(value: Any) -> list[Any] | None:
    """Return what a value is made of; None where only its identity is known."""
    kind = type(value)
    if issubclass(kind, (tuple, list)):
        return list(value)
    if issubclass(kind, dict):
        return [part for pair in value.items() for part in pair]
    if issubclass(kind, (set, frozenset)):
        return sorted(value, key=repr)
    if kind is slice:
        return [value.start, value.stop, value.step]
    if kind is FunctionType:
        cells = [cell_contents(cell) for cell in value.__closure__ or ()]
        return [value.__code__, value.__defaults__, value.__kwdefaults__, *cells]
    if kind is MethodType:
        return [value.__func__, value.__self__]
    if kind is functools.partial:
        return [value.func, value.args, value.keywords]
    if issubclass(kind, CompNode):
        held = vars(value)
        return [
            part
            for name in sorted(held.keys() - {"tape", "index"})
            for part in (name, None if isinstance(held[name], CompNode) else held[name])
        ]
    compared = getattr(kind, "compared_by", None)
    return compared.fget(value) if type(compared) is property else None  # type: ignore[misc]


def cell_contents(cell: Any) -> Any:
    """Return what a cell holds; the cell itself where it is empty."""
    try:
        return cell.cell_contents
    except ValueError:
        return None
