"""Where values lie that outlive the chunk that computes them: the workspace's plan."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from wengert.emit.program import CONSTANT, INPUT, Program
from wengert.emit.roll import Carried, Column, Fixed, Loop, Segment, Straight


@dataclass(frozen=True, slots=True)
class ColumnSlots:
    """Slots of one position of a loop's body.

    `is_whole`: one slot a repetition from `base` on; else one slot, for the last value.
    """

    base: int
    is_whole: bool


@dataclass(frozen=True, slots=True)
class Copies:
    """Outputs written after everything else, of which each lies a step further on.

    Attributes
    ----------
    node, result, element : int
        The first output.
    source_step, element_step : int
        From one to the next: slots, or elements of an argument, and of the result.
    count : int
    """

    node: int
    result: int
    element: int
    source_step: int
    element_step: int
    count: int


#: Outputs from which a loop that copies them is shorter than the copies.
FEWEST_COPIES = 32


def in_steps(
    program: Program, slots: Slots
) -> tuple[list[Copies], list[tuple[int, int, int]]]:
    """Return the late outputs as loops of copies, and those that make no loop."""
    loops: list[Copies] = []
    rest: list[tuple[int, int, int]] = []
    late, at = slots.late, 0
    while at < len(late):
        step, end = None, at + 1
        while end < len(late):
            found = _step(program, slots, late[end - 1], late[end])
            if found is None or (step is not None and found != step):
                break
            step, end = found, end + 1
        if step is None or end - at < FEWEST_COPIES:
            rest.extend(late[at : max(at + 1, end - 1)])
            at = max(at + 1, end - 1)
            continue
        loops.append(Copies(*late[at], *step, end - at))
        at = end
    return loops, rest


def _step(
    program: Program,
    slots: Slots,
    one: tuple[int, int, int],
    other: tuple[int, int, int],
) -> tuple[int, int] | None:
    """Return the steps from one output to another; None where they are of two kinds."""
    (node, result, element), (next_node, next_result, next_element) = one, other
    if result != next_result:
        return None
    kind, place = _source(program, slots, node)
    next_kind, next_place = _source(program, slots, next_node)
    if kind != next_kind:
        return None
    return next_place - place, next_element - element


def _source(program: Program, slots: Slots, node: int) -> tuple[tuple[str, int], int]:
    """Return where a late output comes from, and at which place there it lies."""
    operation = program.operations[node]
    if operation == INPUT:
        argument, element = program.operands[node]
        return (INPUT, argument), element
    if operation == CONSTANT:
        return (CONSTANT, node), 0
    return ("slot", 0), slots.nodes[node]


@dataclass(slots=True)
class Slots:
    """The workspace's plan.

    Attributes
    ----------
    nodes : dict of int to int
        Slot of each node that another chunk reads.
    columns : dict
        Slots of loop positions, by (first node of the loop, position).
    stores : dict
        Results, as (result, element), that each straight node is written to.
    late : list
        Outputs (node, result, element) written after everything else.
    count : int
        Number of slots.
    """

    nodes: dict[int, int] = field(default_factory=dict)
    columns: dict[tuple[int, int], ColumnSlots] = field(default_factory=dict)
    stores: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    late: list[tuple[int, int, int]] = field(default_factory=list)
    count: int = 0

    def take(self, number: int = 1) -> int:
        """The first of some slots never used by another value."""
        self.count += number
        return self.count - number


def assign(program: Program, segments: list[Segment]) -> Slots:
    """The workspace's plan for a program cut into segments.

    Parameters
    ----------
    program : Program
    segments : list of Segment

    Returns
    -------
    Slots
    """
    slots = Slots()
    segment_of = _segment_of(program, segments)
    _sort_outputs(program, segments, segment_of, slots)
    last, whole = _last_reads(program, segments, segment_of, slots)
    _assign_columns(segments, segment_of, last, whole, slots)
    _assign_straight(segments, segment_of, last, slots)
    return slots


def _segment_of(program: Program, segments: list[Segment]) -> list[int]:
    """Segment of each node; -1 for leaves."""
    found = np.full(len(program.operations), -1, np.int64)
    for k, segment in enumerate(segments):
        nodes = segment.nodes if isinstance(segment, Straight) else segment.rows
        found[nodes] = k
    listed: list[int] = found.tolist()
    return listed


def _sort_outputs(
    program: Program, segments: list[Segment], segment_of: list[int], slots: Slots
) -> None:
    """Outputs written where they are made, and those of loops and leaves afterwards."""
    for node, result, element in program.outputs:
        k = segment_of[node]
        if k >= 0 and isinstance(segments[k], Straight):
            slots.stores.setdefault(node, []).append((result, element))
        else:
            slots.late.append((node, result, element))


def _last_reads(
    program: Program, segments: list[Segment], segment_of: list[int], slots: Slots
) -> tuple[dict[int, int], set[tuple[int, int]]]:
    """The last other segment that reads each node, and columns read as such."""
    last: dict[int, int] = {}
    whole: set[tuple[int, int]] = set()
    for k, segment in enumerate(segments):
        if isinstance(segment, Loop):
            for node in _outside_nodes(segment, whole):
                if segment_of[node] >= 0:
                    last[node] = k
            continue
        for i in segment.nodes:
            for a in program.operands[i]:
                if segment_of[a] != k and segment_of[a] >= 0:
                    last[a] = k
    for node, _, _ in slots.late:
        if segment_of[node] >= 0:
            last[node] = len(segments)
    return last, whole


def _outside_nodes(loop: Loop, whole: set[tuple[int, int]]) -> list[int]:
    """Nodes a loop reads one by one; columns it reads are noted."""
    nodes: list[int] = []
    for read in (read for reads in loop.reads for read in reads):
        if isinstance(read, Column):
            whole.add((read.loop, read.position))
        elif isinstance(read, Fixed):
            nodes.append(read.node)
        elif isinstance(read, Carried):
            nodes.extend(read.initial)
    return nodes


def _assign_columns(
    segments: list[Segment],
    segment_of: list[int],
    last: dict[int, int],
    whole: set[tuple[int, int]],
    slots: Slots,
) -> None:
    """Slots of loop positions: all repetitions, or the last if that is enough."""
    places: dict[tuple[int, int], list[tuple[int, int]]] = {key: [] for key in whole}
    tables: dict[int, dict[int, int]] = {}
    for node in last:
        k = segment_of[node]
        loop = segments[k]
        if isinstance(loop, Straight):
            continue
        if k not in tables:
            tables[k] = {n: at for at, n in enumerate(loop.rows.ravel().tolist())}
        repetition, position = divmod(tables[k][node], len(loop.nodes))
        places.setdefault((k, position), []).append((node, repetition))
    for (k, position), found in sorted(places.items()):
        loop = segments[k]
        assert isinstance(loop, Loop)
        ends = all(repetition == loop.count - 1 for _, repetition in found)
        is_whole = (k, position) in whole or not ends
        base = slots.take(loop.count if is_whole else 1)
        slots.columns[loop.nodes[0], position] = ColumnSlots(base, is_whole)
        for node, repetition in found:
            slots.nodes[node] = base + repetition * is_whole


def _assign_straight(
    segments: list[Segment], segment_of: list[int], last: dict[int, int], slots: Slots
) -> None:
    """Slots of straight nodes, used again when their last reader is past."""
    born: list[list[int]] = [[] for _ in segments]
    for node in sorted(last):
        if isinstance(segments[segment_of[node]], Straight):
            born[segment_of[node]].append(node)
    dying: list[list[int]] = [[] for _ in range(len(segments) + 1)]
    free: list[int] = []
    for k in range(len(segments)):
        for node in born[k]:
            slots.nodes[node] = free.pop() if free else slots.take()
            dying[last[node]].append(slots.nodes[node])
        # A slot read in this segment may be rewritten only in a later one.
        free.extend(dying[k])
