"""A tape in, the same tape with its loops as single nodes out.

A recorded loop is a tape that repeats itself.  Every repetition that `derive.repeats`
finds becomes one `SCAN` node, whose body is one step as a tape of its own: values are
carried from step to step, read a row a step, or the same in all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

# By name: while recording, NumPy's own is answered.
from numpy import arange, array, cumsum, diff, flatnonzero, ones, zeros

from wengert.core.operation import Operation
from wengert.core.repetitions import since
from wengert.core.tape import CONSTANT, INPUT, NO_SETTINGS, Loops, Steps, Tape, strong
from wengert.core.types import Type, array_type, type_of
from wengert.derive.extract import Extract
from wengert.derive.found import Carried, Fixed, Grids, Here, Ints, Loop, Read, Rows
from wengert.derive.loops import SCAN
from wengert.derive.repeats import find_loops
from wengert.derive.steps import Body, as_step
from wengert.errors import Line
from wengert.ops.index import GETITEM, ITEM, Placeholder, Slice, is_window
from wengert.ops.join import CONCATENATE, STACK
from wengert.ops.leaving import may_leave
from wengert.ops.python import as_python, is_weak
from wengert.ops.shape import BROADCAST_TO, RESHAPE

#: Loops inside loops that are looked for.
DEEPEST = 3
#: Arrays whose rows are taken in turn, each as a slice.
MOST_TURN = 8


def rolled(tape: Tape, captured: Sequence[int] = ()) -> tuple[Tape, list[int]]:
    """Return a tape whose loops are single nodes; the tape itself where it has none.

    Parameters
    ----------
    tape : Tape
    captured : indices of nodes
        Constants whose contents may be others at a replay; where they are then is
        returned, too.
    """
    places = list(captured)
    if None in tape.types:  # built by hand, and never played
        return tape, places
    for _ in range(DEEPEST):
        refilled = frozenset(places)
        roll = Roll(tape, Tape(), 0, len(tape), refilled, tape.output_indices)
        if not roll.loops:
            break
        tape, places = whole(roll), [roll.place(index) for index in places]
    return tape, places


def whole(roll: Roll) -> Tape:
    """Return a tape with its loops as single nodes."""
    tape, new = roll.tape, roll.target
    for index in tape.input_indices:
        settings = tape.settings[index] if tape.operations[index] is INPUT else {}
        roll.at[index] = new.append(INPUT, (), settings, tape.types[index])
        new.play.outputs[-1] = tape.play.outputs[index]
        new.input_indices.append(roll.at[index])
    roll.write()
    new.chosen_outputs = [roll.place(index) for index in tape.output_indices]
    new.structure, new.title = tape.structure, tape.title
    names = tape.names or {}
    new.names = {roll.at[k]: name for k, name in names.items() if k in roll.at}
    return new


def roll_stretch(
    tape: Tape, start: int, stop: int, roots: Sequence[int], given: Collection[int]
) -> Roll | None:
    """Append what roots are made of, with loops as single nodes; None without loops.

    The stretch itself stays as it is; `Tape.loops` notes what is there twice.

    Parameters
    ----------
    tape : Tape
        It is being recorded.
    start, stop : int
    roots : indices of nodes
    given : indices of nodes
        Those that are as inputs are.
    """
    if None in islice(since(tape.types, start), stop - start):
        return None
    roll = Roll(tape, tape, start, stop, tape.refillable, roots, given)
    if not roll.has_loops:
        return None
    at = len(tape)
    roll.write()
    for index in roots:
        roll.place(index)
    same = {index: place for index, place in roll.at.items() if index != place}
    steps = [step.noted() for step in roll.steps.values()]
    tape.loops[at] = Loops(len(tape), same, steps)
    return roll


#: Takes a tape of nodes without numbers and what its inputs are, and plays it.
Play = Callable[[Extract, list[Any]], Sequence[Any]]


def played(extract: Extract, values: list[Any]) -> Sequence[Any]:
    """Return the numbers of nodes, as NumPy computes them."""
    return extract.new.player()(values)


def fill(tape: Tape, nodes: Sequence[int], play: Play = played) -> None:
    """Compute the numbers of nodes that a recording has not kept."""
    outputs = tape.play.outputs
    missing = [k for k in dict.fromkeys(nodes) if outputs[k] is None]
    if not missing:
        return
    extract, values = made_of(tape, missing)
    for k, value in zip(missing, play(extract, values), strict=True):
        outputs[k] = strong(value) if is_one(tape.types[k]) else value


def made_of(tape: Tape, missing: list[int]) -> tuple[Extract, list[Any]]:
    """Return the tape of nodes that have no numbers, and those of what they are of."""
    outputs, operands = tape.play.outputs, tape.operands
    todo, found, known = list(missing), set(missing), dict[int, None]()
    while todo:
        for k in operands[todo.pop()]:
            if outputs[k] is not None and not is_made_anew(tape, k):
                known[k] = None
            elif k not in found:
                found.add(k)
                todo.append(k)
    extract = Extract(tape, list(known))
    extract.nodes(sorted(found))
    extract.finished([extract.at[k] for k in missing])
    return extract, [
        as_python(outputs[k]) if is_weak(tape.types[k]) else outputs[k] for k in known
    ]


def is_made_anew(tape: Tape, index: int) -> bool:
    """Whether a node is played anew although its numbers are there.

    What repeats would be written out to be read; numbers stand in the code.
    """
    operation = tape.operations[index]
    return operation is BROADCAST_TO or (
        operation is CONSTANT and not tape.types[index].shape
    )


def is_statable(tape: Tape, loop: Loop) -> bool:
    """Whether keys move as index arrays can, and Python's integers fit into rows."""
    for position in loop.numbers:
        if key_moves(tape, loop, position) is None:
            return False
    for read in {read for each in loop.reads for read in each}:
        if type(read) is Carried and not is_one(tape.types[read.initial[0]]):
            return False
        if type(read) is Rows and not fits_rows(tape, read.nodes):
            return False
    return True


def is_one(like: Any) -> bool:
    """Whether a node has one result."""
    return type(like) is Type


def fits_rows(tape: Tape, nodes: Sequence[int]) -> bool:
    """Whether nodes can be the rows of an array: Python's integers have no limit."""
    like = tape.types[nodes[0]]
    if not is_boundless(like):
        return is_one(like)
    return all(
        tape.operations[k] is CONSTANT and abs(tape.settings[k]["value"]) < 2**63
        for k in nodes
    )


def is_row(like: Any) -> bool:
    """Whether values of a type can be the rows of an array."""
    return is_one(like) and not is_boundless(like)


def is_boundless(like: Any) -> bool:
    """Whether a type is that of Python's integers."""
    return is_one(like) and bool(like.weak) and like.dtype.kind == "i"


# Keys that change from step to step


def changing_parts(loop: Loop, position: int, key: tuple[Any, ...]) -> dict[int, Ints]:
    """Return the whole numbers that change, by their place in a key."""
    places = [k for k, part in enumerate(key) if type(part) is int or is_window(part)]
    columns = dict(zip(places, loop.numbers[position].T, strict=True))
    return {k: each for k, each in columns.items() if (each != each[0]).any()}


def key_moves(tape: Tape, loop: Loop, position: int) -> dict[int, Ints] | None:
    """Return index arrays, a row a step, for the parts of a key that change.

    None where they cannot stand for them: of a slice at one of its ends, or beside
    other parts that would move its axis.
    """
    node = loop.grid.at(0, position)
    settings, source = tape.settings[node], tape.types[tape.operands[node][0]]
    key = settings["key"]
    moves = changing_parts(loop, position, key)
    windows = [place for place in moves if type(key[place]) is Slice]
    if not windows:
        return moves
    (place, *others), around = windows, [*key[: windows[0]], *key[windows[0] + 1 :]]
    is_alone = all(type(part) is Slice for part in around)
    is_first = gives_rows(loop, position, key, moves)
    if others or settings.get("chain") or not (is_alone or is_first):
        return None
    length, part = source.shape[place], key[place]
    span = arange(0, part.stop - part.start, part.step or 1)
    indices = (moves[place] % length)[:, None] + span
    if not len(span) or indices.min() < 0 or indices.max() >= length:
        return None
    return {place: indices}


def gives_rows(
    loop: Loop, position: int, key: tuple[Any, ...], moves: dict[int, Ints]
) -> bool:
    """Whether what is read is a row of an array that is there before the loop.

    What moves comes first in the key, so that its axis is the first of the rows.
    """
    reads, first = loop.reads[position], min(moves)
    is_read = len(reads) == 1 and type(reads[0]) is Fixed
    has_one = len(moves) == 1 or all(type(key[place]) is int for place in moves)
    return is_read and has_one and all(type(part) is int for part in key[:first])


# Writing


class Roll:
    """A tape that is written again, with loops as single nodes.

    Parameters
    ----------
    tape : Tape
    target : Tape
        Another tape, for the whole; or the same, for what some roots are made of.
    start, stop : int
        The stretch whose loops are found.
    refilled : indices of nodes
        Constants whose contents may be others at a replay.
    roots : indices of nodes
        What is read in the end.
    given : indices of nodes
        Those that are as inputs are.
    """

    def __init__(
        self,
        tape: Tape,
        target: Tape,
        start: int,
        stop: int,
        refilled: Container[int],
        roots: Sequence[int],
        given: Collection[int] = (),
    ) -> None:
        self.tape, self.target, self.refilled = tape, target, refilled
        self.start, self.stop, self.roots = start, stop, roots
        #: Where the nodes are in the target.
        self.at: dict[int, int] = {}
        self.stacks: dict[tuple[int, ...], int] = {}
        #: Of arrays whose rows are taken in turn, the arrays that they are taken of.
        self.turns: dict[int, Sequence[int]] = {}
        self.indices: dict[Any, int] = {}
        self.steps: dict[int, Step] = {}
        loops = find_loops(tape, start, stop, given)
        self.loops = [loop for loop in loops if is_statable(tape, loop)]
        while True:  # what is no loop may read more of those that are
            self.items, self.read = self.reading()
            loops = [loop for loop in self.loops if self.gives_rows(loop)]
            if len(loops) == len(self.loops):
                break
            self.loops = loops

    @property
    def is_whole(self) -> bool:
        """Whether all of the tape is written, and not only what roots are made of."""
        return self.target is not self.tape

    def reading(self) -> tuple[list[int], Any]:
        """Return what is written, from the last to the first; and which nodes are read.

        A loop is written at its first node; what its own steps read does not count.
        Constants are written where they are read.
        """
        operands, start = self.tape.operands, self.start
        self.grids = Grids([loop.grid for loop in self.loops])
        read = zeros(self.stop, bool)
        read[list(self.roots)] = True
        firsts = {loop.grid.start: loop for loop in self.loops}
        is_item = ones(self.stop - start, bool)
        for each in self.loops:
            each.grid.clear(is_item, start)
        is_item[[first - start for first in firsts]] = True
        items = []
        self.has_loops = False
        for index in reversed((flatnonzero(is_item) + start).tolist()):
            if self.tape.operations[index] is CONSTANT:
                continue
            loop = firsts.get(index)
            is_read = read[index] if loop is None else loop.grid.flags(read).any()
            if is_read or (self.is_whole and self.may_leave(index, loop)):
                items.append(index)
                nodes = operands[index] if loop is None else outside(loop)
                for node in nodes:
                    read[node] = True
                self.has_loops |= loop is not None
        return items, read

    def may_leave(self, index: int, loop: Loop | None) -> bool:
        """Whether a node, or a step of a loop, may leave the recorded path."""
        nodes = [index] if loop is None else loop.grid.first
        return any(may_leave(self.tape, k) for k in nodes)

    def gives_rows(self, loop: Loop) -> bool:
        """Whether what is read of a loop can be carried, or be rows of an array."""
        read = loop.grid.flags(self.read)
        types = [self.tape.types[k] for k in loop.grid.first]
        at_end, before = read.any(axis=0), read[:-1].any(axis=0)
        return all(is_one(types[k]) for k in flatnonzero(at_end).tolist()) and not any(
            is_boundless(types[k]) for k in flatnonzero(before).tolist()
        )

    def write(self) -> None:
        """Write what the roots are made of, in order."""
        for index in reversed(self.items):
            owner = self.grids.place(index)[0]
            if owner < 0:
                self.place(index)
            else:
                self.steps[owner] = Step(self, self.loops[owner], self.read)
                self.steps[owner].write()

    def place(self, index: int) -> int:
        """Return where a node of the tape is in the target."""
        known = self.at.get(index)
        if known is None:
            owner, step, position = self.grids.place(index)
            if owner < 0:
                known = self.copy(index)
            else:
                known = self.result(index, owner, step, position)
            self.note(index, known)
        return known

    def note(self, index: int, place: int) -> None:
        """Note where a node is in the target; its numbers are kept where it had them.

        Rules read them of the node, and will of what stands for it.
        """
        self.at[index] = place
        outputs = self.target.play.outputs
        if not self.is_whole and outputs[place] is None:
            outputs[place] = self.tape.play.outputs[index]

    def copy(self, index: int) -> int:
        """Write a node that stands alone."""
        operands, settings = self.tape.operands[index], self.tape.settings[index]
        operation = self.tape.operations[index]
        if operation is STACK and settings["axis"] == 0 and self.is_joined(operands):
            return self.rows(operands)
        if not self.is_whole and index < self.start:
            return index
        return self.written(index, tuple([self.place(k) for k in operands]))

    def written(self, index: int, places: tuple[int, ...]) -> int:
        """Write a node of the tape, of operands in the target."""
        tape = self.tape
        if not self.is_whole and places == tape.operands[index]:
            return index
        is_known = not self.is_whole or tape.operations[index] is CONSTANT
        return self.target.append(
            tape.operations[index],
            places,
            tape.settings[index],
            tape.types[index],
            tape.play.outputs[index] if is_known else None,
            tape.lines[index],
        )

    def append(
        self,
        operation: Operation,
        places: Sequence[int],
        settings: dict[str, Any],
        like: Any,
        line: Line | None = None,
    ) -> int:
        """Write a new node."""
        if operation is SCAN and not self.is_whole:  # its rules read all operands
            fill(self.tape, places)
        return self.target.append(operation, tuple(places), settings, like, None, line)

    def is_joined(self, nodes: Sequence[int]) -> bool:
        """Whether nodes are of loops, and can be the rows of an array."""
        types = self.tape.types
        return (
            bool((self.grids.find(nodes)[0] >= 0).any())
            and all(types[k] == types[nodes[0]] for k in nodes)
            and fits_rows(self.tape, nodes)
        )

    def result(self, index: int, owner: int, step: int, position: int) -> int:
        """Write the reading of one step of a loop."""
        column = self.steps[owner].columns[position]
        settings, like = {"key": (step,)}, self.tape.types[index]
        return self.append(GETITEM, [column], settings, like, self.tape.lines[index])

    def constant(self, value: Any) -> int:
        """Write a constant."""
        settings, like = {"value": value}, type_of(value)
        return self.target.append(CONSTANT, (), settings, like, strong(value))

    def numbers(self, rows: Ints) -> int:
        """Write whole numbers, a row a step; once."""
        key = (rows.shape, rows.tobytes())
        if key not in self.indices:
            self.indices[key] = self.constant(rows)
        return self.indices[key]

    def is_settled(self, index: int) -> bool:
        """Whether a node is a constant that stays what it is."""
        return self.tape.operations[index] is CONSTANT and index not in self.refilled

    def rows(self, nodes: tuple[int, ...]) -> int:
        """Write an array whose rows are some nodes."""
        known = self.stacks.get(nodes)
        if known is None:
            known = self.stacks[nodes] = self.joined(nodes)
        return known

    def joined(self, nodes: tuple[int, ...]) -> int:
        """Join columns of loops, and what stands alone, to one array."""
        like = self.tape.types[nodes[0]]
        if all(map(self.is_settled, nodes)):
            settings = [self.tape.settings[k] for k in nodes]
            values = array([each["value"] for each in settings], like.dtype)
            return self.constant(values)
        indices, of = array(nodes), stack_type(like, len(nodes))
        owner, step, position = self.grids.find(indices)
        places = list(zip(owner.tolist(), position.tolist(), strict=True))
        column = {place: self.column(*place) for place in set(places)}
        columns = array([column[place] for place in places])
        changes = flatnonzero(diff(columns)) + 1
        if 4 * len(changes) <= len(nodes):
            parts = [self.part(group) for group in np.split(indices, changes)]
            return self.concatenated(parts, of)
        alone = columns < 0
        steps = np.where(alone, cumsum(alone) - 1, step)
        turn = turn_of(columns, steps)
        if turn:
            return self.in_turn([self.part(indices[k::turn]) for k in range(turn)], of)
        kinds, which = np.unique(columns, return_inverse=True)
        sources = kinds.tolist()
        if alone.any():
            sources[0] = self.part(indices[alone])
        starts = cumsum([0, *[self.target.types[k].shape[0] for k in sources]])
        source = self.concatenated(sources, stack_type(like, int(starts[-1])))
        return self.take(source, starts[which] + steps)

    def concatenated(self, parts: Sequence[int], of: Type) -> int:
        """Write rows one after another."""
        if len(parts) == 1:
            return parts[0]
        return self.append(CONCATENATE, parts, {"axis": 0}, of)

    def in_turn(self, parts: Sequence[int], of: Type) -> int:
        """Write rows that are taken of several arrays in turn."""
        pairs = array_type(
            (of.shape[0] // len(parts), len(parts), *of.shape[1:]), of.dtype
        )
        both = self.append(STACK, parts, {"axis": 1}, pairs)
        made = self.append(RESHAPE, [both], {"shape": of.shape}, of)
        self.turns[made] = parts
        return made

    def column(self, owner: int, position: int) -> int:
        """Return the node of the column of a loop's position; -1 where it has none."""
        if owner < 0 or owner not in self.steps:
            return -1
        return self.steps[owner].columns.get(position, -1)

    def part(self, nodes: Ints) -> int:
        """Write rows that are all of one column, or stand alone."""
        first, *others = nodes.tolist()
        owner, step, position = self.grids.find(nodes)
        column = self.column(int(owner[0]), int(position[0]))
        if column >= 0:
            return self.take(column, step)
        like = stack_type(self.tape.types[first], len(nodes))
        places = [self.place(k) for k in (first, *others)]
        return self.append(STACK, places, {"axis": 0}, like)

    def take(self, source: int, rows: Ints) -> int:
        """Write the reading of some rows of an array, given as 0 ... n - 1."""
        like = self.target.types[source]
        part = as_slice(rows)
        if part == Slice(0, like.shape[0], 1):
            return source
        parts = self.turns.get(source, ())
        if parts and (rows % len(parts) == rows[0] % len(parts)).all():
            return self.take(parts[rows[0] % len(parts)], rows // len(parts))
        of = array_type((len(rows), *like.shape[1:]), like.dtype)
        if part is not None:
            return self.append(GETITEM, [source], {"key": (part,)}, of)
        turn = turn_of(zeros(len(rows), int), rows)
        if turn:
            return self.in_turn(
                [self.take(source, rows[k::turn]) for k in range(turn)], of
            )
        operands = source, self.numbers(rows)
        return self.append(GETITEM, operands, {"key": (Placeholder(0),)}, of)

    def read_rows(
        self, source: int, key: Any, moves: dict[int, Ints], like: Any
    ) -> int:
        """Write the reading of what a key reads in each step, as rows of an array."""
        (first, *more), each = moves, next(iter(moves.values()))
        if not more and each.ndim == 1:
            rows = each % self.target.types[source].shape[first]
            if len(key) == 1:
                return self.take(source, rows)
            part = as_slice(rows)
            if part is not None:
                settings = {"key": (*key[:first], part, *key[first + 1 :])}
                of = stack_type(like, len(each))
                return self.append(GETITEM, [source], settings, of)
        moved, arrays = with_places(key, moves, 0)
        operands = (source, *[self.numbers(part) for part in arrays])
        of = stack_type(like, len(each))
        return self.append(GETITEM, operands, {"key": moved}, of)


def outside(loop: Loop) -> Iterator[int]:
    """Give the nodes that a loop reads."""
    for each in loop.reads:
        for read in each:
            if type(read) is Fixed:
                yield read.node
            elif type(read) is Carried:
                yield from read.initial
            elif type(read) is Rows:
                yield from read.nodes


def stack_type(like: Type, count: int) -> Type:
    """Return the type of an array with rows of a type."""
    return array_type((count, *like.shape), like.dtype)


def as_slice(rows: Ints) -> Slice | None:
    """Return the slice that reads some rows, given as 0 ... n - 1; None for none."""
    strides = diff(rows)
    stride = int(strides[0]) if len(strides) else 1
    if stride == 0 or (strides != stride).any():
        return None
    stop = int(rows[-1]) + (1 if stride > 0 else -1)
    return Slice(int(rows[0]), None if stop < 0 else stop, stride)


def turn_of(columns: Ints, rows: Ints) -> int:
    """Return after how many rows the columns are the same and all rows move on.

    0 where that is not so, or after more than `MOST_TURN`.
    """
    for turn in range(2, MOST_TURN + 1):
        if len(rows) % turn or len(rows) < 4 * turn:
            continue
        moves = rows[turn:] - rows[:-turn]
        if (
            (columns[turn:] == columns[:-turn]).all()
            and moves.all()
            and (moves[turn:] == moves[:-turn]).all()
        ):
            return turn
    return 0


def with_places(
    key: tuple[Any, ...], moves: dict[int, Ints], first: int
) -> tuple[tuple[Any, ...], list[Ints]]:
    """Return a key in which operands stand for what moves, and those operands."""
    parts, arrays = list(key), list[Ints]()
    for place, rows in moves.items():
        parts[place] = Placeholder(first + len(arrays))
        arrays.append(rows)
    return tuple(parts), arrays


class Ref(NamedTuple):
    """What a node of a body reads.

    Attributes
    ----------
    kind : str
        "node": a position of the loop.  "carried": a position, its initial nodes, and
        the steps back.  "row" or "fixed": a node of the target.  "constant": one of the
        tape.
    which : int or tuple
    like : Type
        Of one step.
    """

    kind: str
    which: Any
    like: Any


class Step:
    """A loop that becomes a node.

    Attributes
    ----------
    columns : dict of int to int
        By position the node of the target that has it of all steps.
    """

    def __init__(self, roll: Roll, loop: Loop, read: Any) -> None:
        self.roll, self.loop = roll, loop
        #: Which nodes are read from outside.
        self.read = loop.grid.flags(read)
        self.columns: dict[int, int] = {}
        self.nodes = loop.grid.first
        self.types = [roll.tape.types[k] for k in self.nodes]
        #: What positions are that have no node in the body.
        self.known: dict[int, Ref] = {}
        self.inputs: dict[str, dict[Ref, None]] = {
            kind: {} for kind in ("carried", "row", "fixed")
        }
        self.statements: list[tuple[int, dict[str, Any], list[Ref]]] = []
        #: The node that it becomes, its body, and where the positions are on that.
        self.made: int | None = None
        self.tape = Tape()
        self.places: dict[int, int] = {}

    def write(self) -> None:
        """Write the loop as a node, and what is read of it."""
        for position in range(len(self.nodes)):
            self.take(position)
        chains = self.chains()
        self.carry(chains)
        for position in range(len(self.nodes)):
            if position not in self.known:
                self.state(position, chains)
        ends, stacked = self.results(chains)
        if not self.statements:
            return
        self.node(ends, stacked)

    def noted(self) -> Steps:
        """Return what is to be known of it when its own nodes are dropped."""
        known = self.known.items()
        fixed = {k: ref.which for k, ref in known if ref.kind == "fixed"}
        return Steps(
            self.loop.grid, fixed, self.columns, self.made, self.tape, self.places
        )

    # What is no node of the body

    def take(self, position: int) -> None:
        """Take a position out of the body: it is fixed, or a row of what is fixed."""
        roll, loop, node = self.roll, self.loop, self.nodes[position]
        reads, like = loop.reads[position], self.types[position]
        operands = [self.fixed(read) for read in reads]
        if None in operands:
            return
        settings = roll.tape.settings[node]
        if position not in loop.numbers:
            places = tuple([place for place in operands if place is not None])
            made = roll.written(node, places)
            self.known[position] = Ref("fixed", made, like)
            nodes = loop.grid.column(position)[self.read[:, position]]
            for index in nodes.tolist():
                roll.note(index, made)
            return
        moves = key_moves(roll.tape, loop, position)
        assert moves is not None
        if gives_rows(loop, position, settings["key"], moves):
            (source,) = operands
            assert source is not None
            made = roll.read_rows(source, settings["key"], moves, like)
            self.known[position] = Ref("row", made, like)
            self.columns[position] = made

    def fixed(self, read: Read) -> int | None:
        """Return the node of the target that is read in every step, if it is one."""
        if type(read) is Fixed:
            return self.roll.place(read.node)
        if type(read) is Here and read.position in self.known:
            known = self.known[read.position]
            return known.which if known.kind == "fixed" else None
        return None

    # What is carried

    def chains(self) -> dict[int, list[tuple[int, ...]]]:
        """Return by position the initial nodes of values that are carried.

        A value that is read one and two steps later is carried once, where it begins
        with the same nodes.
        """
        chains: dict[int, list[tuple[int, ...]]] = {}
        reads = [
            read
            for position, each in enumerate(self.loop.reads)
            if position not in self.known
            for read in each
            if type(read) is Carried
        ]
        for read in sorted(reads, key=lambda read: -len(read.initial)):
            known = chains.setdefault(read.position, [])
            if not any(ends_with(chain, read.initial) for chain in known):
                known.append(read.initial)
        return chains

    def carry(self, chains: dict[int, list[tuple[int, ...]]]) -> None:
        """Make carried values inputs of the body."""
        for position, each in chains.items():
            for chain in each:
                for back in range(1, len(chain) + 1):
                    self.register(position, chain, back)

    def register(self, position: int, chain: tuple[int, ...], back: int) -> Ref:
        """Return the input that is a position's value some steps ago."""
        which = (position, chain, back)
        return self.input(Ref("carried", which, self.types[position]))

    # The body

    def input(self, ref: Ref) -> Ref:
        """Return a reading of an input, noted."""
        self.inputs[ref.kind].setdefault(ref)
        return ref

    def reading(self, read: Read, chains: dict[int, list[tuple[int, ...]]]) -> Ref:
        """Return what a node of the body reads."""
        roll = self.roll
        if type(read) is Here:
            known = self.known.get(read.position)
            if known is None:
                return Ref("node", read.position, self.types[read.position])
            return self.input(known)
        if type(read) is Carried:
            initial = read.initial
            chain = next(c for c in chains[read.position] if ends_with(c, initial))
            return self.register(read.position, chain, len(initial))
        if type(read) is Fixed:
            like = roll.tape.types[read.node]
            is_number = type(like) is Type and not like.shape
            if is_number and roll.is_settled(read.node):
                return Ref("constant", read.node, like)
            return self.input(Ref("fixed", roll.place(read.node), like))
        assert type(read) is Rows
        like = roll.tape.types[read.nodes[0]]
        return self.input(Ref("row", roll.rows(read.nodes), like))

    def state(self, position: int, chains: dict[int, list[tuple[int, ...]]]) -> None:
        """State one node of the body."""
        tape, node = self.roll.tape, self.nodes[position]
        settings = tape.settings[node]
        refs = [self.reading(read, chains) for read in self.loop.reads[position]]
        if position in self.loop.numbers:
            moves = key_moves(tape, self.loop, position)
            assert moves is not None
            before = len(refs) - (1 if tape.operations[node] is GETITEM else 2)
            key, arrays = with_places(settings["key"], moves, before)
            settings = {**settings, "key": key}
            for rows in arrays:
                like = array_type(rows.shape[1:], rows.dtype)
                ref = Ref("row", self.roll.numbers(rows), like)
                refs.append(self.input(ref))
        self.statements.append((position, settings, refs))

    def results(
        self, chains: dict[int, list[tuple[int, ...]]]
    ) -> tuple[dict[int, Ref], list[int]]:
        """Return what is read of the loop: values at the end, and of all steps.

        Returns
        -------
        dict of int to Ref
            By node the carried value that it is after the last step.
        list of int
            Positions that are stacked.
        """
        ends, stacked = {}, []
        stated = [position for position, _, _ in self.statements]
        for position in [k for k in stated if self.read[:, k].any()]:
            chain = max(chains.get(position, ()), key=len, default=())
            read = flatnonzero(self.read[:, position])
            if read[0] < self.loop.count - max(len(chain), 1):
                stacked.append(position)
                continue
            for step in read.tolist():
                back = self.loop.count - step
                ref = self.register(position, chain, back)
                ends[self.loop.grid.at(step, position)] = ref
        return ends, stacked

    def body(self, stacked: list[int]) -> Tape:
        """Return the tape of one step."""
        tape, body = self.roll.tape, Tape()
        at: dict[Any, int] = {}
        for inputs in self.inputs.values():
            for ref in inputs:
                at[ref] = body.append(INPUT, (), NO_SETTINGS, ref.like)
        body.input_indices = list(range(len(body)))
        for position, settings, refs in self.statements:
            for ref in refs:
                if ref.kind == "constant" and ref not in at:
                    given = tape.settings[ref.which]
                    at[ref] = body.append(CONSTANT, (), given, ref.like, given["value"])
            node = self.nodes[position]
            own = Ref("node", position, self.types[position])
            at[own] = body.append(
                tape.operations[node],
                tuple([at[ref] for ref in refs]),
                settings,
                own.like,
                None,
                tape.lines[node],
            )
            self.places[position] = at[own]
        nexts = [self.after(ref) for ref in self.inputs["carried"]]
        stacks = [Ref("node", k, self.types[k]) for k in stacked]
        return as_step(body, [at[ref] for ref in (*nexts, *stacks)])

    def after(self, ref: Ref) -> Ref:
        """Return what a carried value becomes in a step."""
        position, chain, back = ref.which
        if back > 1:
            return ref._replace(which=(position, chain, back - 1))
        return self.known.get(position, Ref("node", position, ref.like))

    # The node

    def node(self, ends: dict[int, Ref], stacked: list[int]) -> None:
        """Write the node, and the readings of its results."""
        append, count = self.roll.append, self.loop.count
        carried, rows, fixed = self.inputs.values()
        for ref in map(self.after, carried):
            if ref.kind in ("row", "fixed"):
                self.input(ref)
        tape = self.body(stacked)
        operands = [self.start(ref) for ref in carried]
        operands += [ref.which for ref in (*rows, *fixed)]
        types = [ref.like for ref in carried]
        types += [stack_type(self.types[k], count) for k in stacked]
        body = Body(rolled(tape)[0], len(carried), len(rows))
        self.tape = tape
        settings = {"body": body, "count": count, "reverse": False}
        line = self.roll.tape.lines[self.nodes[0]]
        node = self.made = append(SCAN, operands, settings, tuple(types), line)
        places = {ref: k for k, ref in enumerate(carried)}
        results = {k: len(places) + n for n, k in enumerate(stacked)}

        def item(result: int) -> int:
            given = {"result": result}
            return append(ITEM, [node], given, types[result], line)

        for index, ref in ends.items():
            self.roll.note(index, item(places[ref]))
        for position, result in results.items():
            self.columns[position] = item(result)

    def start(self, ref: Ref) -> int:
        """Return the node that a carried value is at the start."""
        _, chain, back = ref.which
        if chain:
            return self.roll.place(chain[len(chain) - back])
        value = zeros(ref.like.shape, ref.like.dtype)[()]
        return self.roll.constant(as_python(value) if ref.like.weak else value)


def ends_with(chain: tuple[int, ...], initial: tuple[int, ...]) -> bool:
    """Whether a chain of initial nodes serves a value carried over fewer steps."""
    return chain[len(chain) - len(initial) :] == initial
