"""The columns of a tape on which steps repeat themselves: a step is written once.

While a loop is recorded, further steps of it are compared and not written again
(`capture.repetition` finds them).  To every reader a column stays a sequence with one
entry a node.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from itertools import chain, count, islice, repeat
from operator import attrgetter, eq
from sys import maxsize
from typing import Any, NamedTuple, Protocol

from wengert.core.operation import Operation
from wengert.errors import Line, is_same_place

#: Steps from which values are carried; what is farther back lies elsewhere.
MOST_BACK = 16


class Changing(Protocol):
    """The settings of a node, in every step."""

    @property
    def is_fixed(self) -> bool:
        """Whether they are the same in every step so far."""

    def takes(self, settings: dict[str, Any], step: int) -> bool:
        """Whether a step may have these settings; they are noted."""

    def at(self, step: int) -> dict[str, Any]:
        """Return the settings in a step."""

    def first(self, steps: int) -> Changing:
        """Return those of the first steps, which may go on in another way."""


class StepNode:
    """A node of a step, and what the next step is to have in its place.

    Attributes
    ----------
    operation, type, line : of the node in every step
    other_line : Line or None
        The same, as it was met last.
    first, operands : tuple of int
        The operands in the first step, and in the next one.
    move : callable
        Returns the operands in the step after that.
    strides : tuple of int
        By what operands move from step to step; empty where none does.
    settings : dict
        In the first step.
    fixed : dict or None
        The same where it is so in all steps so far.
    following : StepNode
    """

    __slots__ = (
        "changing",
        "first",
        "fixed",
        "following",
        "line",
        "move",
        "operands",
        "operation",
        "other_line",
        "settings",
        "strides",
        "type",
    )

    following: StepNode
    operands: tuple[int, ...]
    move: Callable[[], tuple[int, ...]]

    def __init__(
        self,
        operation: Operation,
        operands: tuple[int, ...],
        strides: tuple[int, ...],
        settings: dict[str, Any],
        changing: Changing | None,
        type_: Any,
        line: Line | None,
    ) -> None:
        self.operation, self.type, self.line = operation, type_, line
        self.other_line = line
        self.first, self.strides = operands, strides if any(strides) else ()
        self.begin(0)
        self.settings, self.changing = settings, changing
        is_fixed = changing is None or changing.is_fixed
        self.fixed = settings if is_fixed else None

    def begin(self, step: int) -> None:
        """Let a step be the next one."""
        self.move = self.operands_since(step).__next__
        self.operands = self.move()

    def stands_at(self, line: Line | None) -> bool:
        """Whether a line is of the same expression, its instruction counted anew."""
        if line != self.other_line:
            if not is_same_place(line, self.line):
                return False
            self.other_line = line
        return True

    def takes(self, settings: dict[str, Any], step: int) -> bool:
        """Whether a step may have these settings; they are noted."""
        how = self.changing
        if how is None or not how.takes(settings, step):
            return False
        self.fixed = self.settings if how.is_fixed else None
        return True

    def first_steps(self, steps: int) -> StepNode:
        """Return the node in the first steps, which may go on in another way."""
        new = copy(self)
        if new.changing is not None:
            new.changing = new.changing.first(steps)
            new.fixed = new.settings if new.changing.is_fixed else None
        return new

    def operands_at(self, step: int) -> tuple[int, ...]:
        """Return the operands in a step."""
        if not self.strides:
            return self.first
        return tuple([k + step * m for k, m in zip(self.first, self.strides)])  # noqa: B905

    def operands_since(self, step: int) -> Iterator[tuple[int, ...]]:
        """Give the operands in a step and in all after it."""
        pairs = zip(self.operands_at(step), self.strides, strict=False)
        moves = [count(operand, stride) for operand, stride in pairs]
        return zip(*moves, strict=False) if moves else repeat(self.first)

    def settings_since(self, step: int) -> Iterator[dict[str, Any]]:
        """Give the settings in a step and in all after it."""
        if self.fixed is not None:
            return repeat(self.fixed)
        return map(self.settings_at, count(step))

    def settings_at(self, step: int) -> dict[str, Any]:
        """Return the settings in a step."""
        return self.settings if self.changing is None else self.changing.at(step)


class Repetition:
    """Nodes that repeat themselves, of which one step is written.

    Attributes
    ----------
    start, size : int
        The first node, and how many there are.
    nodes : list of StepNode
    most : int
        How many there may be.
    has_order : bool or None
        Whether a sum of a step may be added in several orders; None: not asked yet.
    back : int or None
        Steps that operands go back at most; None where some lie elsewhere.
    outside : set of int or None
        The operands of all steps before the first one; None where some lie elsewhere.
    """

    __slots__ = (
        "ahead",
        "back",
        "has_order",
        "most",
        "nodes",
        "outside",
        "size",
        "start",
    )

    def __init__(
        self, start: int, nodes: list[StepNode], steps: int, most: int = maxsize
    ) -> None:
        self.start, self.nodes = start, nodes
        self.size, self.most = steps * len(nodes), most * len(nodes)
        for node, following in zip(nodes, [*nodes[1:], nodes[0]], strict=True):
            node.following = following
            node.begin(steps)
        #: What the next node is to be.
        self.ahead = nodes[0]
        self.has_order: bool | None = None
        self.back = self.steps_back()
        self.outside = None if self.back is None else self.before(self.back + 1)

    @property
    def period(self) -> int:
        """Nodes of a step."""
        return len(self.nodes)

    @property
    def steps(self) -> int:
        """Number of whole steps."""
        return self.size // len(self.nodes)

    def steps_back(self) -> int | None:
        """Return how many steps operands go back; None where some lie elsewhere."""
        found = 0
        for node in self.nodes:
            for operand, stride in zip(node.first, node.strides, strict=False):
                back = -((operand - self.start) // self.period)
                if stride and (stride != self.period or back > MOST_BACK):
                    return None
                found = max(found, back if stride else 0)
        return found

    def before(self, steps: int) -> set[int]:
        """Return the operands of the first steps that are before them."""
        return {
            operand
            for node in self.nodes
            for step in range(steps)
            for operand in node.operands_at(step)
            if operand < self.start
        }

    def takes(
        self,
        operation: Operation,
        operands: tuple[int, ...],
        settings: dict[str, Any],
        type_: Any,
        line: Line | None,
    ) -> bool:
        """Whether the next node is this one; it is noted."""
        node = self.ahead
        if (
            operation is node.operation
            and operands == node.operands
            and (type_ is node.type or type_ == node.type)
            and (line == node.line or node.stands_at(line))
            and (settings is node.fixed or node.takes(settings, self.steps))
            and self.size < self.most
        ):
            node.operands = node.move()
            self.size += 1
            self.ahead = node.following
            return True
        return False

    def takes_first(self, nodes: Iterable[tuple[Any, ...]]) -> int:
        """Return how many of some nodes are the next ones; these are noted."""
        taken = 0
        for node in nodes:
            if not self.takes(*node):
                break
            taken += 1
        return taken

    def first(self, size: int) -> Repetition:
        """Return the first nodes, which may go on in another way."""
        steps, rest = divmod(size, self.period)
        nodes = [
            node.first_steps(steps + (position < rest))
            for position, node in enumerate(self.nodes)
        ]
        new = Repetition(self.start, nodes, steps, self.most // self.period)
        new.size, new.ahead = size, nodes[rest]
        for node in nodes[:rest]:
            node.begin(steps + 1)
        return new


class Kind(NamedTuple):
    """What one column has of a node: in a step, and in a step and all after it."""

    at: Callable[[StepNode, int], Any]
    since: Callable[[StepNode, int], Iterator[Any]]


def constant(name: str) -> Kind:
    """Return what is the same in every step."""
    of = attrgetter(name)
    return Kind(lambda node, step: of(node), lambda node, step: repeat(of(node)))


#: By the name of a tape's column.
COLUMNS = {
    "operations": constant("operation"),
    "operands": Kind(StepNode.operands_at, StepNode.operands_since),
    "settings": Kind(StepNode.settings_at, StepNode.settings_since),
    "types": constant("type"),
    "lines": constant("line"),
}


class RepeatedColumn(Sequence[Any]):
    """A column of a tape with repetitions.

    Parameters
    ----------
    plain : list
        What stands outside of them.
    kind : Kind
    """

    __slots__ = ("before", "kind", "other", "plain", "repetitions", "starts")

    def __init__(self, plain: list[Any], kind: Kind) -> None:
        self.plain, self.kind = plain, kind
        self.repetitions: list[Repetition] = []
        #: Of every repetition its first node, and how many plain ones are before it.
        self.starts: list[int] = []
        self.before: list[int] = []
        #: What was written over since.
        self.other: dict[int, Any] = {}

    def begin(self, repetition: Repetition) -> None:
        """Go on with a repetition."""
        self.repetitions.append(repetition)
        self.starts.append(repetition.start)
        self.before.append(len(self.plain))

    def __len__(self) -> int:
        if not self.starts:
            return len(self.plain)
        hidden = self.starts[-1] + self.repetitions[-1].size - self.before[-1]
        return hidden + len(self.plain)

    def __getitem__(self, index: Any) -> Any:
        if type(index) is slice:
            return list(map(self.__getitem__, range(*index.indices(len(self)))))
        if index < 0:
            index += len(self)
            if index < 0:
                raise IndexError("a node before the first one")
        which = bisect_right(self.starts, index) - 1
        if which < 0:
            return self.plain[index]
        repetition, at = self.repetitions[which], index - self.starts[which]
        if at >= repetition.size:
            return self.plain[self.before[which] + at - repetition.size]
        if self.other and index in self.other:
            return self.other[index]
        step, position = divmod(at, len(repetition.nodes))
        return self.kind.at(repetition.nodes[position], step)

    def __setitem__(self, index: int, value: Any) -> None:
        which = bisect_right(self.starts, index) - 1
        if which < 0:
            self.plain[index] = value
            return
        repetition, at = self.repetitions[which], index - self.starts[which]
        if at >= repetition.size:
            self.plain[self.before[which] + at - repetition.size] = value
        else:
            self.other[index] = value

    def __iter__(self) -> Iterator[Any]:
        return self.since(0)

    def since(self, start: int) -> Iterator[Any]:
        """Give the entries from a node on."""
        if self.other:
            return map(self.__getitem__, range(start, len(self)))
        return chain.from_iterable(self.pieces(start))

    def pieces(self, start: int) -> Iterator[Iterator[Any]]:
        """Give the entries from a node on, those of each repetition together."""
        at = index = 0
        for whole, before in zip(self.repetitions, self.before, strict=True):
            yield islice(self.plain, at + max(start - index, 0), before)
            if start < whole.start + whole.size:
                yield self.repeated(whole, max(start - whole.start, 0))
            at, index = before, whole.start + whole.size
        yield islice(self.plain, at + max(start - index, 0), None)

    def repeated(self, whole: Repetition, start: int) -> Iterator[Any]:
        """Give the entries of a repetition from one of its nodes on."""
        nodes, kind = whole.nodes, self.kind
        step, skipped = divmod(start, len(nodes))
        steps = zip(*[kind.since(node, step) for node in nodes], strict=False)
        rest = [kind.at(node, whole.steps) for node in nodes[: whole.size % len(nodes)]]
        every = chain.from_iterable(islice(steps, whole.steps - step))
        return islice(chain(every, rest), skipped, None)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (list, RepeatedColumn)):
            return NotImplemented
        return len(self) == len(other) and all(map(eq, self, other))

    __hash__ = None  # type: ignore[assignment]

    def append(self, value: Any) -> None:
        """Append the entry of a node outside of repetitions."""
        self.plain.append(value)

    def __iadd__(self, values: list[Any]) -> RepeatedColumn:
        self.plain += values
        return self

    def __repr__(self) -> str:
        return repr(list(self))

    def __reduce__(self) -> Any:
        return list, (list(self),)


def since(column: Sequence[Any], start: int) -> Iterator[Any]:
    """Give the entries of a column from a node on."""
    if type(column) is RepeatedColumn:
        return column.since(start)
    return map(column.__getitem__, range(start, len(column)))


def written(column: Sequence[Any]) -> Iterator[Any]:
    """Give the entries of a column as they are written: those of a step once."""
    if type(column) is not RepeatedColumn:
        return iter(column)
    nodes = chain.from_iterable(whole.nodes for whole in column.repetitions)
    first = map(column.kind.at, nodes, repeat(0))
    return chain(column.plain, first, column.other.values())


def repetitions_on(column: Sequence[Any]) -> list[Repetition]:
    """Return what is written once in a column of a tape."""
    return column.repetitions if type(column) is RepeatedColumn else []


def repetition_of(column: Sequence[Any], index: int) -> Repetition | None:
    """Return the repetition that a node is of; None where it is written itself."""
    which = (
        bisect_right(column.starts, index) - 1 if type(column) is RepeatedColumn else -1
    )
    if which < 0:
        return None
    whole = column.repetitions[which]  # type: ignore[attr-defined]
    return whole if index < whole.start + whole.size else None


def first_nodes(
    columns: Sequence[Any], stop: int
) -> tuple[list[Any], Repetition | None]:
    """Return the entries before a node, as columns of their own.

    The repetition that the last of them is of is returned, too.
    """
    whole = repetition_of(columns[0], stop - 1)
    last = None if whole is None else whole.first(stop - whole.start)
    return [first_entries(column, stop, last) for column in columns], last


def first_entries(column: Any, stop: int, last: Repetition | None) -> Any:
    """Return the entries before a node, the last ones those of a repetition."""
    which = bisect_left(column.starts, stop) if type(column) is RepeatedColumn else 0
    if not which:
        return column[:stop]
    new = RepeatedColumn([], column.kind)
    for whole, before in zip(column.repetitions[:which], column.before, strict=False):
        new.plain += column.plain[len(new.plain) : before]
        new.begin(last if last and whole.start == last.start else whole)
    new.plain += column.plain[len(new.plain) :][: stop - len(new)]
    new.other = {k: value for k, value in column.other.items() if k < stop}
    return new
