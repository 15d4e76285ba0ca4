"""From a schedule to a nest: statements in the loops that the schedule chose.

A value is asked for by whoever reads it, and computed in the outermost loop that it
varies along.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from wengert.core.types import Type, dtype_name
from wengert.lower.blocked import block
from wengert.lower.calls import Called
from wengert.lower.check import after_pass
from wengert.lower.check_nest import verify_nest
from wengert.lower.graph import (
    POWERS,
    Affine,
    Graph,
    Node,
    Source,
    Step,
    is_disjoint,
    number_of,
    reached,
    unsigned,
    whole_of,
)
from wengert.lower.hiding import PLAIN_PRODUCT
from wengert.lower.nest import (
    Across,
    Address,
    Asked,
    Buffer,
    Call,
    Count,
    Fill,
    Fold,
    Guard,
    Laid,
    Let,
    Load,
    Loop,
    Nest,
    Number,
    Operand,
    Order,
    Product,
    Read,
    Routine,
    Start,
    Statement,
    Store,
    Sum,
    Where,
    While,
)
from wengert.lower.refusal import BOUNDS, LONG, NotLoweredError
from wengert.lower.repeated import Repeated, is_steps
from wengert.lower.schedule import MOST_UNROLLED, Root, Schedule, Wanted, lies_along
from wengert.lower.sharing import share_results, write_into_results
from wengert.lower.strips import strip
from wengert.lower.tiles import Piece, Sides, first_with_unit_stride, pieces, sides_of
from wengert.lower.unread import leave_out_unread
from wengert.lower.values import Dims, Lowered
from wengert.lower.views import axis_strides, c_strides

#: How many vectors a loop takes at once, and statements of its body up to which it
#: does: where it folds, which holds up a short one, and where it does not.
FOLDING, OTHER = (4, 60), (2, 20)
#: Texts of some 30 instructions, which no fold holds up.
CIRCULAR = frozenset(("sin(x)", "cos(x)"))
#: Products, whatever they are of.
PRODUCTS = ("x * y", PLAIN_PRODUCT)
#: Sums from which it pays to ask whether anything is added.
LEAST_LEFT_OUT = 8
#: Registers that may be folded into at once.
MOST_REGISTERS = 16


class Index(NamedTuple):
    """The index of an axis inside its loop."""

    loop: int


#: Where every axis stands: in its loop, or at one of its steps that are written out.
Places = Mapping[int, "Index | int"]


@dataclass(slots=True)
class Scope:
    """The body of a loop that is being written, and the values that it holds."""

    parent: Scope | None = None
    axis: int | None = None
    body: list[Statement] = field(default_factory=list)
    #: The axis that runs in lanes here.
    lane: int | None = None
    known: dict[Any, Operand] = field(default_factory=dict)


@dataclass(slots=True)
class Memory:
    """Where a value lies: a buffer, with a stride an axis.

    In a step of a loop it moves with the loop, or with numbers that were computed.
    """

    buffer: Buffer
    strides: Mapping[int, int]
    is_block: bool = False  # of one block of lanes
    offset: int = 0
    terms: tuple[tuple[int, int], ...] = ()
    picks: tuple[tuple[Operand, int], ...] = ()


def build(
    lowered: Lowered,
    lanes: int,
    unrolled: int = MOST_UNROLLED,
    tally: Counter[Any] | None = None,
) -> tuple[Nest, list[np.ndarray]]:
    """Return the nest of a graph, and the arrays of its constants.

    Parameters
    ----------
    lowered : Lowered
    lanes : int
        How many elements a vector has.
    unrolled : int
        Elements of an axis up to which its steps are written out.
    tally : Counter, optional
        Takes how often each expression is computed, in loops of its own.
    """
    builder = Builder(lowered, lanes, unrolled=unrolled)
    builder.tally = tally
    return builder.build()


#: Elements of carried arrays that may be in registers.
MOST_IN_REGISTERS = 12


class Builder:
    """A nest that is being made."""

    def __init__(
        self,
        lowered: Lowered,
        lanes: int,
        outer: Builder | None = None,
        unrolled: int = MOST_UNROLLED,
    ) -> None:
        self.lowered = lowered
        self.unrolled: int = unrolled if outer is None else outer.unrolled
        self.graph = lowered.graph
        self.lanes = lanes
        self.outer = outer
        self.memory: dict[int, Memory] = {}
        #: Registers by root and by the steps that are written out.
        self.folding: dict[Any, int] = {}
        #: What a scan has come to: rows of memory, where loops lie inside of its own.
        self.rows: dict[int, Memory] = {}
        #: Wide buffers of folds over lanes, by root.
        self.wide: dict[Root, Memory] = {}
        self.packed: dict[Any, tuple[Source, dict[int, int]]] = {}
        #: Of a step: arguments that are one number, results that are, and the
        #: registers of its guards.
        self.numbers: dict[int, Operand] = {}
        self.carried: dict[int, int] = {}
        #: Of a step: small arrays that are carried, element by element; the registers
        #: that they are in, and what is in those next.
        self.elements: dict[int, list[int]] = {}
        self.carries: dict[int, list[int]] = {}
        self.later: dict[tuple[int, int], Operand] = {}
        self.flags: dict[int, int] = {}
        #: Whether the call is refused before the step; None where nothing says so.
        self.refused: Operand | None = None
        self.next: dict[int, Operand] = {}
        self.is_strict = False
        #: How often each expression is computed, where that is counted.
        self.tally: Counter[Any] | None = outer.tally if outer else None
        #: Places that add to what their step is given, where that lies.
        self.in_place: set[int] = set()
        #: Where everything is that varies along no axis, and what has been computed.
        self.top = Scope()
        self.settled: set[int] = set()
        if outer is None:
            self.constants: list[np.ndarray] = []
            self.calls: list[Asked] = []
            self.scratch: list[Buffer] = []
            self.values = itertools.count()
            self.loops = itertools.count()
            self.registers = itertools.count()
        else:
            self.constants, self.scratch = outer.constants, outer.scratch
            self.calls = outer.calls
            self.values, self.loops = outer.values, outer.loops
            self.registers = outer.registers
        #: What a step would stack, and nothing reads.
        self.unread: set[int] = set()
        self.first_constant = len(self.constants)
        self.constants += lowered.constants
        self.arguments = [
            Memory(Buffer("argument", k, dtype_name(like.dtype), like.size), {})
            for k, like in enumerate(lowered.arguments)
        ]
        self.results = [
            Memory(Buffer("result", k, dtype_name(like.dtype), like.size), {})
            for k, like in enumerate(lowered.types)
        ]

    def build(self) -> tuple[Nest, list[np.ndarray]]:
        """Return the nest and the arrays of its constants."""
        self.plan()
        self.fill(self.top)
        constants = [
            Buffer("constant", k, dtype_name(array.dtype), array.size)
            for k, array in enumerate(self.constants)
        ]
        nest = Nest(
            [memory.buffer for memory in self.arguments],
            constants,
            [memory.buffer for memory in self.results],
            self.scratch,
            self.top.body,
            next(self.values),
            self.calls,
        )
        for _ in passes(nest, self.lanes):
            after_pass(verify_nest, nest, self.lanes)
        return nest, self.constants

    def plan(self) -> None:
        """Decide what is a loop."""
        wanted = [
            Wanted(value.node, axis_strides(value.dims, like.shape), k)
            for k, (value, like) in enumerate(
                zip(self.lowered.outputs, self.lowered.types, strict=True)
            )
            if k not in self.unread and like.size
        ]
        guards, in_place = self.lowered.guards, frozenset(self.in_place)
        is_step = self.outer is not None
        how = self.lanes, in_place, self.unrolled, is_step
        self.schedule = Schedule(self.graph, wanted, guards, *how)

    def fill(self, top: Scope) -> None:
        """Write all that the graph computes, as planned."""
        self.top = top
        self.place_values(top)
        self.group(self.schedule.roots, 0, top, {})

    # Memory

    def place_values(self, top: Scope) -> None:
        """Give memory to the roots that need it."""
        self.place_in_results()
        for roots in self.schedule.of_node.values():
            node = roots[0].node
            if node.number in self.memory or all(r.kept is None for r in roots):
                continue
            if node.kind == "copy":
                self.memory[node.number] = self.copied(node)
                continue
            kept = min(r.kept for r in roots if r.kept is not None)
            outside = {a for a, phase in roots[0].home[:kept] if phase % 2}
            self.memory[node.number] = self.new_memory(roots[0], outside)
        for roots in self.schedule.of_node.values():
            node = roots[0].node
            if node.number in self.in_place:
                continue
            if node.kind == "place" and not self.is_covered(node):
                self.clear(node, top)

    def clear(self, node: Node, top: Scope) -> None:
        """Write zeros to the memory of a value."""
        memory = self.memory[node.number]
        if memory.buffer.size == self.graph.count(node.axes):
            top.body.append(Fill(memory.buffer, 0.0))
            return
        unrolled = self.schedule.unrolled

        def write(inner: Scope, places: Places) -> None:
            address, zero = self.address(memory, places), Number(0.0, node.type)
            inner.body.append(Store(address, zero, node.type))

        lanes = [a for a, k in memory.strides.items() if k == 1 and a not in unrolled]
        self.over(node.axes, lanes[0] if lanes else None, top, {}, write)

    def copied(self, node: Node) -> Memory:
        """Return memory in C order; what is carried lies there twice."""
        dims, tag = node.data
        strides = axis_strides(dims, self.graph.shape(dims))
        size = self.graph.count(node.axes)
        return Memory(self.new_buffer(node.type, 2 * size if tag else size), strides)

    def place_in_results(self) -> None:
        """Let what lies in memory as a whole be written into the result that it is."""
        for root in list(self.schedule.roots):
            node = root.node
            if root.kind != "result" or node.number in self.memory:
                continue
            if root.number in self.carries:
                continue
            if self.may_be_result(node, root.target.strides):
                memory = self.results[root.number]
                self.memory[node.number] = replace(memory, strides=root.target.strides)
                self.schedule.roots.remove(root)

    def may_be_result(self, node: Node, strides: Mapping[int, int]) -> bool:
        """Whether a value may be written into a result that lies so."""
        if strides.keys() != node.axes or not node.axes:
            return False
        if node.number not in self.schedule.stored:
            return False
        if node.kind == "loop":
            repeated, result, dims = node.data
            own = axis_strides(dims, self.graph.shape(dims))
            return result >= repeated.carried and own == strides
        if node.kind == "call":
            dims = node.data[2]
            return axis_strides(dims, self.graph.shape(dims)) == strides
        return node.kind in ("place", "product", "sort")

    def new_memory(self, root: Root, outside: set[int]) -> Memory:
        """Return memory for the value of a root inside some loops."""
        node, unit = root.node, self.schedule.unit.get(root.node.number)
        place = {axis: k for k, axis in enumerate(self.schedule.order)}
        is_block = root.lane in outside
        axes = sorted(
            node.axes - outside,
            key=lambda a: (a == unit, place.get(a, len(place)), a),
        )
        if node.kind == "routine":  # columns side by side, as LAPACK has them
            stack = [a for a in axes if a not in node.data.axes]
            axes = stack + [a for a in reversed(node.data.result) if a is not None]
        strides, stride = {}, self.lanes if is_block else 1
        for axis in reversed(axes):
            strides[axis] = stride
            stride *= self.graph.extent(axis)
        return Memory(self.new_buffer(node.type, stride), strides, is_block)

    def new_buffer(self, type_: str, size: int) -> Buffer:
        """Return scratch memory."""
        buffer = Buffer("scratch", len(self.scratch), type_, size)
        self.scratch.append(buffer)
        return buffer

    def is_covered(self, node: Node) -> bool:
        """Whether the pieces of a place write all of it."""
        specs = node.data[2]
        if is_whole(node):
            return True
        if not is_disjoint(self.graph, node):
            return False
        if any(type(s) is int for spec in specs for s in spec):
            return False
        sizes = [
            self.graph.count(a for s in spec if s is not None for a, _ in s.terms)
            for spec in specs
        ]
        return sum(sizes) == self.graph.count(node.axes)

    # Loops

    def group(self, roots: list[Root], depth: int, scope: Scope, at: Places) -> None:
        """Write roots that are in the same loops so far."""
        if not roots:
            return
        if len(roots[0].path) == depth:
            for mask, alike in itertools.groupby(roots, self.schedule.only_where):
                self.write_where(mask, list(alike), scope, at)
            return
        axis = roots[0].path[depth][0]
        for phase in sorted({root.path[depth][1] for root in roots}):
            members = [root for root in roots if root.path[depth][1] == phase]
            if phase % 2:
                self.loop(axis, members, depth, scope, at)
            else:
                self.group(members, depth + 1, scope, at)

    def loop(
        self, axis: int, roots: list[Root], depth: int, scope: Scope, at: Places
    ) -> None:
        """Write a loop with the folds that it does."""
        starts = [r for r in roots if r.kind == "reduce" and len(r.home) == depth]
        for root in starts:
            self.start(root, scope, at)
        for root in roots:
            if root.node.kind == "scan" and root.node.data[1] == axis:
                self.start_scan(root, depth, scope)
        is_lanes = roots[0].path[: depth + 1] in self.schedule.in_lanes
        index = Index(next(self.loops))
        inner = Scope(scope, axis, lane=axis if is_lanes else scope.lane)
        self.group(roots, depth + 1, inner, {**at, axis: index})
        extent = self.graph.extent(axis)
        loop = Loop(index.loop, extent, is_lanes, body=inner.body)
        if is_lanes:
            loop.unroll = self.unroll(inner.body, index.loop, extent, starts)
        scope.body.append(loop)
        for root in starts:
            self.finish(root, scope, at)

    def unroll(
        self, body: list[Statement], loop: int, extent: int, starts: list[Root]
    ) -> int:
        """Return how many vectors a loop takes at once."""
        if any(isinstance(x, Loop | Routine) or is_circular(x) for x in body):
            return 1
        registers = sum(self.register_count(root) for root in starts)
        times, most = FOLDING if registers else OTHER
        is_long = extent >= 2 * times * self.lanes
        is_short = len(body) <= most and registers * times <= MOST_REGISTERS
        gains = registers or not any(is_apart(statement, loop) for statement in body)
        return times if is_long and is_short and gains else 1

    def register_count(self, root: Root) -> int:
        """Return how many registers a fold takes."""
        if self.schedule.is_buffered(root):
            return 0
        return self.graph.count(root.node.axes & self.schedule.unrolled)

    def steps(self, axes: Iterable[int]) -> Iterator[dict[int, int]]:
        """Give every combination of steps of the axes that are written out."""
        found = sorted(axis for axis in axes if axis in self.schedule.unrolled)
        for place in itertools.product(*(range(self.graph.extent(a)) for a in found)):
            yield dict(zip(found, place, strict=True))

    # Folds

    def is_wide(self, root: Root) -> bool:
        """Whether a fold is over lanes."""
        return root.lane in root.node.data[1]

    def start(self, root: Root, scope: Scope, at: Places) -> None:
        """Begin a fold, in registers or in memory."""
        step: Step = root.node.data[0]
        if self.schedule.is_buffered(root):
            memory = self.memory[root.node.number]
            if self.is_wide(root):
                size = memory.buffer.size * self.lanes
                memory = Memory(
                    self.new_buffer(root.node.type, size),
                    {axis: k * self.lanes for axis, k in memory.strides.items()},
                    True,
                )
                self.wide[root] = memory
            nothing = Number(step.start, root.node.type)

            def begin(inner: Scope, places: Places) -> None:
                address = self.address(memory, places)
                inner.body.append(Store(address, nothing, root.node.type))

            if at.keys().isdisjoint(memory.strides):
                scope.body.append(Fill(memory.buffer, step.start))
            else:
                self.over(root.node.axes - at.keys(), root.lane, scope, at, begin)
            return
        is_vector = root.lane is not None
        for steps in self.steps(root.node.axes):
            register = next(self.registers)
            self.folding[root, tuple(sorted(steps.items()))] = register
            scope.body.append(Start(register, root.node.type, step.start, is_vector))

    def finish(self, root: Root, scope: Scope, at: Places) -> None:
        """End a fold: its value is there."""
        step: Step = root.node.data[0]
        if self.schedule.is_buffered(root):
            if self.is_wide(root):
                self.fold_lanes(root, scope, at)
            return
        for steps in self.steps(root.node.axes):
            register = self.folding[root, tuple(sorted(steps.items()))]
            value = next(self.values)
            across = self.is_wide(root)
            scope.body.append(Read(value, register, step.text, root.node.type, across))
            places = {**at, **steps}
            scope.known[self.key(root.node, places)] = value
            if root.kept is not None:
                self.store(scope, root.node, places, value)

    def fold_lanes(self, root: Root, scope: Scope, at: Places) -> None:
        """Fold the lanes of a wide buffer, element by element."""
        step: Step = root.node.data[0]
        wide, memory = self.wide[root], self.memory[root.node.number]
        type_ = root.node.type

        def end(inner: Scope, places: Places) -> None:
            read, found = next(self.values), next(self.values)
            inner.body += [
                Load(read, self.address(wide, places), type_),
                Across(found, step.text, read, type_),
                Store(self.address(memory, places), found, type_),
            ]

        self.over(root.node.axes - at.keys(), None, scope, at, end)

    def over(
        self,
        axes: Iterable[int],
        lane: int | None,
        scope: Scope,
        at: Places,
        body: Callable[[Scope, Places], None],
    ) -> None:
        """Write statements for every place along some axes, one of them in lanes."""
        places = dict(at)
        for axis in self.schedule.order:
            if axis in axes:
                index = Index(next(self.loops))
                loop = Loop(index.loop, self.graph.extent(axis), axis == lane)
                scope.body.append(loop)
                here = axis if axis == lane else scope.lane
                scope = Scope(scope, axis, loop.body, lane=here)
                places[axis] = index
        for steps in self.steps(axes):
            body(scope, {**places, **steps})

    # Scans

    def start_scan(self, root: Root, depth: int, scope: Scope) -> None:
        """Begin a scan whose loop comes next, in registers or in a row of memory."""
        node = root.node
        step: Step = node.data[0]
        if any(phase % 2 for _, phase in root.path[depth + 1 :]):
            outside = {a for a, phase in root.path[: depth + 1] if phase % 2}
            memory = self.rows[node.number] = self.new_memory(root, outside)
            scope.body.append(Fill(memory.buffer, step.start))
            return
        is_vector = root.lane is not None
        for steps in self.steps(node.axes):
            register = next(self.registers)
            self.folding[node.number, tuple(sorted(steps.items()))] = register
            scope.body.append(Start(register, node.type, step.start, is_vector))

    def scanned(self, node: Node, scope: Scope, places: Places) -> Operand:
        """Return one step of a scan, from the step before."""
        step, axis = node.data
        type_ = node.type
        operands = [self.value(x, scope, places) for x in node.operands]
        value, place = next(self.values), places[axis]
        if not isinstance(place, Index):
            before: Operand = Number(step.start, type_)
            if place:
                before = self.value(node, scope, {**places, axis: place - 1})
            scope.body.append(
                Let(value, step.text, (before, *operands), type_, True, node.lines)
            )
            return value
        before = next(self.values)
        if node.number in self.rows:
            address = self.address(self.rows[node.number], places)
            scope.body += [
                Load(before, address, type_),
                Let(value, step.text, (before, *operands), type_, True, node.lines),
                Store(address, value, type_),
            ]
            return value
        steps = {a: places[a] for a in node.axes & self.schedule.unrolled}
        register = self.folding[node.number, tuple(sorted(steps.items()))]
        scope.body += [
            Read(before, register, "y", type_, False),
            Let(value, step.text, (before, *operands), type_, True, node.lines),
            Fold(register, "y", value),
        ]
        return value

    # Roots

    def write(self, root: Root, scope: Scope, at: Places) -> None:
        """Write what a root does at one place.

        What it is made of is computed in its order, so that long chains of operations
        are no deep recursion.
        """
        self.settle(root.alone)
        for node in root.direct:
            if node.axes <= at.keys() and node.kind == "map":
                self.value(node, scope, at)
        if root.kind == "guard":
            self.guard(root.number, self.value(root.node, scope, at), scope, root.node)
        elif root.kind == "reduce":
            self.write_fold(root, scope, at)
        elif root.kind == "loop":
            self.write_loop(root, scope)
        elif root.kind == "call":
            self.write_call(root, scope)
        elif root.kind == "product":
            self.write_product(root, scope)
        elif root.kind == "sum":
            self.write_sum(root.node, scope)
        elif root.kind == "routine":
            self.write_routine(root, scope, at)
        elif root.kind == "sort":
            self.write_order(root.node, scope)
        elif root.kind == "store":
            for steps in self.steps(root.domain):
                places = {**at, **steps}
                value = self.value(root.node, scope, places, is_own=True)
                if root.kept is not None:
                    self.store(scope, root.node, places, value)
        elif root.kind == "result":
            for steps in self.steps(root.domain):
                places = {**at, **steps}
                value = self.value(root.node, scope, places)
                if root.number in self.carried:
                    self.next[root.number] = value
                    continue
                memory = replace(self.results[root.number], strides=root.target.strides)
                address = self.address(memory, places)
                if root.number in self.carries:
                    self.later[root.number, address.offset] = value
                    continue
                scope.body.append(Store(address, value, root.node.type))
        else:
            self.write_piece(root, scope, at)

    def write_where(
        self, mask: Node | None, roots: list[Root], scope: Scope, at: Places
    ) -> None:
        """Write roots, those that add something only where a mask is true so."""
        unrolled = self.schedule.unrolled
        count = sum(self.graph.count(root.domain & unrolled) for root in roots)
        if mask is None or count < LEAST_LEFT_OUT:
            for root in roots:
                self.write(root, scope, at)
            return
        inner = Scope(scope, scope.axis, lane=scope.lane)
        condition = self.value(mask, scope, at)
        for root in roots:
            self.write(root, inner, at)
        scope.body.append(Where(condition, inner.body))

    def guard(self, number: int, operand: Operand, scope: Scope, node: Node) -> None:
        """Refuse the call where an operand is true, in a step when its loop ends."""
        if self.outer is None:
            scope.body.append(Guard(number, operand, node.lines))
        else:
            flag = self.flag(number)
            scope.body.append(Fold(flag, "x or y", operand, node.lines))

    def settle(self, nodes: Iterable[Node]) -> None:
        """Compute what varies along no axis, each value once, in the graph's order."""
        settled, stored = self.settled, self.schedule.stored
        found, todo = dict[int, Node](), list(nodes)
        while todo:
            node = todo.pop()
            if node.number in settled or node.number in stored:
                continue
            settled.add(node.number)
            todo += node.operands
            if not node.axes and node.kind == "map":
                found[node.number] = node
        known, places = self.top.known, dict[int, Index | int]()
        for number in sorted(found):
            if number not in known:
                known[number] = self.let(found[number], self.top, places)

    def write_fold(self, root: Root, scope: Scope, at: Places) -> None:
        """Fold the elements at one place."""
        step, _ = root.node.data
        type_, lines = root.node.type, root.node.lines
        for steps in self.steps(root.node.axes):
            places = {**at, **steps}
            value = self.folded(root.node, root.argument, scope, places)
            if not self.schedule.is_buffered(root):
                register = self.folding[root, tuple(sorted(steps.items()))]
                scope.body.append(Fold(register, step.text, value, lines))
                continue
            memory = self.wide.get(root, self.memory[root.node.number])
            address = self.address(memory, places)
            how = type_, step.text, step.start, lines
            scope.body.append(Store(address, value, *how))

    def write_piece(self, root: Root, scope: Scope, at: Places) -> None:
        """Write a piece of a place at one place."""
        node = root.node
        dims, adds, specs = node.data
        memory = self.memory[node.number]
        is_set = (
            not adds
            or (root.number == 0 and is_whole(node))
            or (
                is_disjoint(self.graph, node)
                and not any(type(s) is int for s in specs[root.number])
            )
        )
        picked = node.operands[len(specs) :]
        to = {
            dim: picked[spec] if type(spec) is int else spec
            for dim, spec in zip(dims, root.target, strict=True)
            if dim is not None
        }
        for steps in self.steps(root.domain):
            places = {**at, **steps}
            address = self.moved_address(memory, places, to, scope)
            value = self.value(root.argument, scope, places)
            fold = "" if is_set else "x + y"
            store = Store(address, value, node.type, fold, lines=node.lines)
            scope.body.append(store)

    def store(self, scope: Scope, node: Node, places: Places, value: Operand) -> None:
        """Write a value into its memory."""
        address = self.address(self.memory[node.number], places)
        scope.body.append(Store(address, value, node.type))

    def address(self, memory: Memory, places: Places, offset: int = 0) -> Address:
        """Return where the element of a place lies."""
        offset, terms = offset + memory.offset, [*memory.terms]
        for axis, stride in memory.strides.items():
            place = places[axis]
            if isinstance(place, Index):
                terms.append((place.loop, stride))
            else:
                offset += place * stride
        return Address(
            memory.buffer, offset, merged(terms), memory.picks, memory.is_block
        )

    def write_sum(self, node: Node, scope: Scope) -> None:
        """Write a sum in NumPy's order."""
        at, value = self.memory_of(node.operands[0]), next(self.values)
        address = first_of(at)
        extent = self.graph.count(node.data)
        scope.body.append(Sum(value, address, extent, node.type, node.lines))
        scope.known[self.key(node, {})] = value

    def write_order(self, node: Node, scope: Scope) -> None:
        """Write elements in order, in loops over all other axes."""
        (axis, has_places), (read,) = node.data, node.operands
        to, source = self.memory[node.number], self.memory_of(read)
        count, body = self.graph.extent(axis), scope.body
        terms: tuple[list[tuple[int, int]], ...] = [], []
        for other in sorted(node.axes - {axis}, key=lambda a: -source.strides[a]):
            loop = Loop(next(self.loops), self.graph.extent(other), False)
            body.append(loop)
            body = loop.body
            for found, memory in zip(terms, (to, source), strict=True):
                found.append((loop.loop, memory.strides[other]))
        result, first = (
            Address(m.buffer, m.offset, merged([*m.terms, *t]), m.picks)
            for m, t in zip((to, source), terms, strict=True)
        )
        types = [read.type] * 2 + ["int64"] * (2 * has_places)
        rooms = tuple([self.new_buffer(type_, count) for type_ in types])
        strides = to.strides[axis], source.strides[axis]
        how = read.type, has_places, rooms, node.lines
        body.append(Order(result, first, count, strides, *how))

    def write_call(self, root: Root, scope: Scope) -> None:
        """Write a call of NumPy's, and what follows where it fails."""
        call: Called = root.node.data[0]
        found = {node.data[1]: self.result_of_call(node) for node in root.target}
        written = [
            found.get(k)
            or Memory(self.new_buffer(dtype_name(like.dtype), like.size), {})
            for k, like in enumerate(call.laid)
        ]
        read = [self.memory_of(node) for node in root.node.operands]
        operands = [
            Laid(memory.buffer.type, strides_along(memory, dims))
            for memory, dims in zip(read, call.dims, strict=True)
        ]
        results = [
            Laid(dtype_name(x.dtype), tuple(c_strides(x.shape))) for x in call.laid
        ]
        value, number = next(self.values), len(self.calls)
        self.calls.append(Asked(call, operands, results))
        given, taken = (tuple(map(first_of, x)) for x in (read, written))
        how = call.operation.name, given, taken, root.node.lines
        scope.body.append(Call(value, number, *how))
        self.guard(BOUNDS, value, scope, root.node)

    def result_of_call(self, node: Node) -> Memory:
        """Return where a result of a call lies, in C order."""
        if node.number not in self.memory:
            strides = axis_strides(node.data[2], self.graph.shape(node.data[2]))
            buffer = self.new_buffer(node.type, self.graph.count(node.axes))
            self.memory[node.number] = Memory(buffer, strides)
        return self.memory[node.number]

    # Products

    def write_product(self, root: Root, scope: Scope) -> None:
        """Write sums of products: a tile's axes, and loops around it for all others."""
        left, right = root.node.operands
        sides = sides_of(left, right, root.node.data[1])
        result = self.memory[root.node.number]
        one, two = self.memory_of(left), self.memory_of(right)
        if self.is_turned(sides, one, two, result):
            one, two, sides = two, one, sides.turned
        if self.is_apart(sides, two, None):
            two = self.laid_anew(two, sides, result, scope)
        rows = pieces(self.graph, sides.rows, one.strides, result.strides)
        rows = rows or [Piece(1, (0, 0))]
        columns = pieces(self.graph, sides.columns, two.strides, result.strides)
        folded = pieces(self.graph, sides.folded, one.strides, two.strides)
        row, column = rows[0], first_with_unit_stride(columns)[0]
        rows.remove(row)
        columns.remove(column)
        depth, *deeper = folded
        adds = bool(deeper)
        if adds:
            self.clear(root.node, scope)
        body = scope.body
        terms: tuple[list[tuple[int, int]], ...] = [], [], []
        around = [
            *[(p.extent, p.strides[1], p.strides[0], 0) for p in rows],
            *[(p.extent, p.strides[1], 0, p.strides[0]) for p in columns],
            *[(p.extent, 0, *p.strides) for p in deeper],
            *[
                (
                    self.graph.extent(a),
                    result.strides[a],
                    one.strides[a],
                    two.strides[a],
                )
                for a in sorted(sides.both)
            ],
        ]
        for count, *steps in sorted(around, key=lambda each: -each[1]):
            loop = Loop(next(self.loops), count, False)
            body.append(loop)
            body = loop.body
            for found, step in zip(terms, steps, strict=True):
                found.append((loop.loop, step))
        to, first, second = (
            Address(m.buffer, m.offset, merged([*m.terms, *t]), m.picks)
            for m, t in zip((result, one, two), terms, strict=True)
        )
        strides = (
            (row.strides[1], column.strides[1]),
            (row.strides[0], depth.strides[0]),
            (depth.strides[1], column.strides[0]),
        )
        counts = row.extent, column.extent, depth.extent
        how = root.node.type, adds, root.node.lines
        body.append(Product(to, first, second, counts, strides, *how))

    def is_turned(self, sides: Sides, one: Memory, two: Memory, result: Memory) -> bool:
        """Whether the columns of a product are what the left operand has.

        They are where they lie side by side as they are, or else in the result.
        """
        if not sides.columns or not sides.rows:
            return not sides.columns
        is_apart = self.is_apart(sides, two, result)
        if is_apart != self.is_apart(sides.turned, one, result):
            return is_apart
        return is_apart and self.is_apart(sides, result, None)

    def is_apart(self, sides: Sides, memory: Memory, result: Memory | None) -> bool:
        """Whether no columns lie side by side where the right operand is, and there."""
        return not any(
            memory.strides[axis] == 1 and (result is None or result.strides[axis] == 1)
            for axis in sides.columns
        )

    def laid_anew(
        self, memory: Memory, sides: Sides, result: Memory, scope: Scope
    ) -> Memory:
        """Write an operand anew, columns side by side as in the result."""
        type_, extent = memory.buffer.type, self.graph.extent
        last = max(sides.columns, key=lambda a: (result.strides[a] == 1, extent(a)))
        rest = sorted(memory.strides.keys() - {last}, key=lambda a: -memory.strides[a])
        strides, stride = dict[int, int](), 1
        for axis in [last, *reversed(rest)]:
            strides[axis] = stride
            stride *= self.graph.extent(axis)
        made = Memory(self.new_buffer(type_, stride), strides)
        body, places = scope.body, dict[int, Index | int]()
        outer = [axis for axis in rest if axis in sides.both]
        for axis in [*outer, last, *(a for a in rest if a not in outer)]:
            loop = Loop(next(self.loops), self.graph.extent(axis), axis == last)
            body.append(loop)
            body, places[axis] = loop.body, Index(loop.loop)
        value = next(self.values)
        body += [
            Load(value, self.address(memory, places), type_),
            Store(self.address(made, places), value, type_),
        ]
        return made

    # Systems of equations

    def write_routine(self, root: Root, scope: Scope, at: Places) -> None:
        """Write what is done with one matrix of each stack, or with one a lane."""
        node, call = root.node, root.node.data
        memories = [self.memory[node.number], *map(self.memory_of, node.operands)]
        core = [call.result, *call.core]
        strides = [
            (memory.strides.get(row, 0), memory.strides.get(column, 0))
            for memory, (row, column) in zip(memories, core, strict=True)
        ]
        result, *operands = (
            self.address(
                replace(
                    memory,
                    strides={a: k for a, k in memory.strides.items() if a not in axes},
                ),
                at,
            )
            for memory, axes in zip(memories, core, strict=True)
        )
        columns = self.graph.count(a for a in call.result[1:] if a is not None)
        if not call.is_own:
            if call.name in ("lu", "cholesky"):
                columns = call.rows
            elif 1 not in strides[1]:
                operands[0], strides[1] = self.in_columns(
                    operands[0], strides[1], call.rows, node.type, scope
                )
            self.copy(
                (operands[-1], strides[-1]),
                (result, strides[0]),
                (call.rows, columns),
                scope,
                call.name == "cholesky",
            )
        counts = call.rows, columns
        how = tuple(strides), node.type, call.is_own, node.lines
        scope.body.append(Routine(call.name, result, tuple(operands), counts, *how))

    def in_columns(
        self,
        address: Address,
        strides: tuple[int, int],
        rows: int,
        type_: str,
        scope: Scope,
    ) -> tuple[Address, tuple[int, int]]:
        """Write a matrix anew, columns side by side."""
        made = Address(self.new_buffer(type_, rows * rows), 0), (1, rows)
        self.copy((address, strides), made, (rows, rows), scope)
        return made

    def copy(
        self,
        source: tuple[Address, tuple[int, int]],
        target: tuple[Address, tuple[int, int]],
        counts: tuple[int, int],
        scope: Scope,
        is_lower: bool = False,
    ) -> None:
        """Copy a matrix column by column, zeros above a lower triangle."""
        rows, columns = counts
        outer = Loop(next(self.loops), columns, False)
        inner = Loop(next(self.loops), rows, True)
        scope.body.append(outer)
        outer.body.append(inner)
        one, other = (
            address._replace(
                terms=merged([*address.terms, (inner.loop, down), (outer.loop, across)])
            )
            for address, (down, across) in (source, target)
        )
        type_ = one.buffer.type
        value, row, column, found = (next(self.values) for _ in range(4))
        inner.body.append(Load(value, one, type_))
        if is_lower:
            inner.body += [Count(row, inner.loop), Count(column, outer.loop)]
            given = row, column, value, Number(0.0, type_)
            inner.body.append(Let(found, "select(x >= y, z, w)", given, type_))
            value = found
        inner.body.append(Store(other, value, type_))

    # Steps that are done many times

    def write_loop(self, root: Root, scope: Scope) -> None:
        """Write a step, and the loop that does it."""
        repeated: Repeated = root.node.data[0]
        loop = next(self.loops)
        step = Builder(repeated.lowered, self.lanes, self)
        strict = self.lowered.strict
        step.is_strict = self.is_strict or any(n.number in strict for n in root.target)
        step.refused = self.refused_before(root, scope)
        body = first = step.top
        if repeated.is_open:
            first = Scope()  # a condition is asked before the step
        steps = self.steps_of(root, scope) if repeated.is_part else None
        ends = self.last_of(steps, scope) if repeated.is_back else None
        stacked = range(repeated.carried, len(step.results))
        step.unread = set(stacked) - {node.data[1] for node in root.target}
        asker = self.asker(repeated, step)
        arrays = {
            k: self.memory[node.number]
            for k, node in enumerate(root.node.operands[: repeated.carried])
            if node.kind == "copy"
        }
        in_place = {k for k, memory in arrays.items() if step.adds_in_place(k, memory)}
        step.plan()
        small = step.in_registers(arrays.keys() - in_place, ends=True)
        if asker is not None:
            small &= asker.in_registers(small, ends=False)
        halves: tuple[int, int] | None = None
        for k, node in enumerate(root.node.operands[: len(repeated.given)]):
            known, like = repeated.given[k], repeated.lowered.arguments[k]
            if known.number is not None or k in in_place:
                continue
            if k in small:
                step.results[k] = arrays[k]
                self.carry_elements(step, k, arrays[k], like, scope, first)
            elif k in arrays:
                memory, size = arrays[k], like.size
                halves = halves or self.halves(loop, first)
                step.arguments[k] = replace(memory, picks=((halves[0], size),))
                step.results[k] = replace(memory, picks=((halves[1], size),))
            elif k < repeated.carried:
                self.carry(step, k, node, like, scope, first)
            elif node.axes:
                memory = self.memory_of(node)
                if known.row:
                    memory = moved_by(memory, loop, known.row, repeated, ends)
                step.arguments[k] = memory
            else:
                step.numbers[k] = self.value(node, scope, {})
        is_odd = next(self.values) if halves else None
        for node in root.target:
            self.place_result(node, step, loop, is_odd, ends)
        step.fill(body)
        for k, register in step.carried.items():
            body.body.append(Fold(register, "y", step.next[k]))
        for k, registers in step.carries.items():
            for place, register in enumerate(registers):
                body.body.append(Fold(register, "y", step.later[k, place]))
        if repeated.is_open:
            follows = self.follows(root, step, asker, loop, first, steps)
            self.write_while(root, step, loop, scope, (first, follows, body), is_odd)
        else:
            self.start_flags(step, scope)
            scope.body.append(Loop(loop, repeated.count, False, body=body.body))
        self.end_loop(root, step, scope)

    def refused_before(self, root: Root, scope: Scope) -> Operand | None:
        """Return whether the call is refused before a loop; None if nothing says so."""
        if not root.node.data[0].is_gated:
            return self.refused
        given = self.value(root.node.operands[-1], scope, {})
        if self.refused is None:
            return given
        either = next(self.values)
        scope.body.append(Let(either, "x or y", (self.refused, given), "bool"))
        return either

    def start_flags(self, step: Builder, scope: Scope) -> None:
        """Begin the registers of a step's guards."""
        for register in step.flags.values():
            scope.body.append(Start(register, "bool", 0.0, False))

    def steps_of(self, root: Root, scope: Scope) -> Operand:
        """Return how many steps are done, where an operand says so."""
        repeated: Repeated = root.node.data[0]
        given = self.value(root.node.operands[len(repeated.given)], scope, {})
        most = Number(repeated.count, "int64")
        is_long, steps = next(self.values), next(self.values)
        scope.body += [
            Let(is_long, "x > y", (given, most), "bool"),
            Guard(LONG, is_long)
            if self.outer is None
            else Fold(self.flag(LONG), "x or y", is_long),
            Let(steps, "select(x, y, z)", (is_long, most, given), "int64"),
        ]
        return steps

    def last_of(self, steps: Operand | None, scope: Scope) -> Operand | None:
        """Return the last row of those of so many steps."""
        if steps is None:
            return None
        last = next(self.values)
        scope.body.append(Let(last, "x - y", (steps, Number(1, "int64")), "int64"))
        return last

    def asker(self, repeated: Repeated, step: Builder) -> Builder | None:
        """Return what asks whether a step follows, where a condition says so."""
        if repeated.asks is None:
            return None
        asker = Builder(repeated.asks, self.lanes, self)
        asker.is_strict, asker.flags = step.is_strict, step.flags
        asker.carried = {0: next(self.registers)}  # no register: the condition itself
        asker.plan()
        return asker

    def follows(
        self,
        root: Root,
        step: Builder,
        asker: Builder | None,
        loop: int,
        first: Scope,
        steps: Operand | None,
    ) -> Operand:
        """Write whether a step follows, as a number or a condition says."""
        repeated: Repeated = root.node.data[0]
        if steps is not None:
            return self.compared(loop, "x < y", steps, first)
        assert asker is not None, "a condition says so"
        asker.arguments, asker.numbers = list(step.arguments), dict(step.numbers)
        asker.elements = step.elements
        asker.fill(first)
        found = asker.next[0]
        if step.refused is not None:
            given, found = (step.refused, Number(0.0, "bool"), found), next(self.values)
            first.body.append(Let(found, "select(x, y, z)", given, "bool"))
        if repeated.count:
            is_full = self.compared(
                loop, "x >= y", Number(repeated.count, "int64"), first
            )
            is_long = next(self.values)
            first.body += [
                Let(is_long, "x and y", (is_full, found), "bool"),
                Fold(step.flag(LONG), "x or y", is_long),
            ]
        return found

    def compared(self, loop: int, text: str, other: Operand, scope: Scope) -> int:
        """Write how the number of steps that are done compares."""
        done, value = next(self.values), next(self.values)
        scope.body += [Count(done, loop), Let(value, text, (done, other), "bool")]
        return value

    def write_while(
        self,
        root: Root,
        step: Builder,
        loop: int,
        scope: Scope,
        written: tuple[Scope, Operand, Scope],
        is_odd: int | None,
    ) -> None:
        """Write the loop that does a step as long as one follows.

        It ends where a guard fails, too.
        """
        repeated: Repeated = root.node.data[0]
        first, follows, body = written
        for register in step.flags.values():
            failed, value = next(self.values), next(self.values)
            given = failed, Number(0.0, "bool"), follows
            first.body += [
                Read(failed, register, "x or y", "bool", False),
                Let(value, "select(x, y, z)", given, "bool"),
            ]
            follows = value
        self.start_flags(step, scope)
        scope.body.append(While(loop, first.body, follows, body.body))
        steps = next(self.values)
        scope.body.append(Count(steps, loop))
        if is_odd is not None:
            one = Number(1, "int64")
            scope.body.append(Let(is_odd, "x & y", (steps, one), "int64"))
        for node in root.target:
            if is_steps(repeated, node.data[1]):
                scope.known[self.key(node, {})] = steps

    def adds_in_place(self, k: int, memory: Memory) -> bool:
        """Whether a step only adds to what it carries, which is then done in place."""
        place = self.lowered.outputs[k].node
        if place.kind != "place" or not place.data[1]:
            return False
        dims = place.data[0]
        strides = axis_strides(dims, self.graph.shape(dims))
        first = place.operands[0]
        if not is_whole(place) or first.kind != "leaf":
            return False
        if first.data != (Source("argument", k), 0, tuple(sorted(strides.items()))):
            return False
        results = [value.node for value in self.lowered.outputs]
        live = reached([*results, *(node for _, node in self.lowered.guards)])
        readers = [
            node.number
            for node in live.values()
            for x in node.operands
            if x.kind == "leaf" and x.data[0] == first.data[0]
        ]
        if readers != [place.number] or results.count(place) > 1 or first in results:
            return False
        self.arguments[k] = self.results[k] = memory
        self.memory[place.number] = replace(memory, strides=strides)
        self.in_place.add(place.number)
        return True

    def halves(self, loop: int, body: Scope) -> tuple[int, int]:
        """Return which half of its memory a carried value is in, and will be in."""
        count, now, then = (next(self.values) for _ in range(3))
        one = Number(1, "int64")
        body.body += [
            Count(count, loop),
            Let(now, "x & y", (count, one), "int64"),
            Let(then, "x - y", (one, now), "int64"),
        ]
        return now, then

    def carry(
        self, step: Builder, k: int, node: Node, like: Type, scope: Scope, body: Scope
    ) -> None:
        """Let a number be carried in a register."""
        register, now, type_ = (
            next(self.registers),
            next(self.values),
            dtype_name(like.dtype),
        )
        first = self.value(node, scope, {})
        scope.body += [Start(register, type_, 0.0, False), Fold(register, "y", first)]
        body.body.append(Read(now, register, "y", type_, False))
        step.numbers[k], step.carried[k] = now, register

    def in_registers(self, arguments: Iterable[int], ends: bool) -> set[int]:
        """Return which carried arrays are few elements, each read where it is named.

        `ends` says whether results by the same numbers are what they will be.
        """
        unrolled, live = self.schedule.unrolled, self.schedule.live.values()
        leaves = {
            node.number: node
            for node in live
            if node.kind == "leaf" and node.data[0].kind == "argument"
        }
        wrong = {
            leaves[x.number].data[0].number
            for node in live
            for x in node.operands
            if x.number in leaves
            and (node.kind not in ("map", "reduce", "place") or x.axes - unrolled)
        }
        if ends:
            wrong |= {
                result.number
                for result in self.schedule.results
                if (result.node.axes | result.strides.keys()) - unrolled
            }
        found, room = set[int](), MOST_IN_REGISTERS
        for k in sorted(set(arguments) - wrong):
            size = self.lowered.arguments[k].size
            if size <= room:
                found.add(k)
                room -= size
        return found

    def carry_elements(
        self,
        step: Builder,
        k: int,
        memory: Memory,
        like: Type,
        scope: Scope,
        body: Scope,
    ) -> None:
        """Let the elements of an array be carried in registers."""
        type_ = dtype_name(like.dtype)
        step.elements[k], step.carries[k] = [], []
        for place in range(like.size):
            register, now = next(self.registers), next(self.values)
            first = self.load(scope, Address(memory.buffer, place), type_)
            scope.body += [
                Start(register, type_, 0.0, False),
                Fold(register, "y", first),
            ]
            body.body.append(Read(now, register, "y", type_, False))
            step.elements[k].append(now)
            step.carries[k].append(register)

    def memory_of(self, node: Node) -> Memory:
        """Return where a value lies that is read in place."""
        if node.kind != "leaf":
            return self.memory[node.number]
        source: Source = node.data[0]
        offset: int = node.data[1]
        strides: dict[int, int] = dict(node.data[2])
        if source.kind == "constant":
            return Memory(self.constant(source), strides, offset=offset)
        memory = self.arguments[source.number]
        offset += memory.offset
        return replace(memory, strides=strides, offset=offset)

    def place_result(
        self,
        node: Node,
        step: Builder,
        loop: int,
        is_odd: int | None,
        ends: Operand | None,
    ) -> None:
        """Give memory to what a loop stacks, and say where what it carries ends.

        Where the number of steps is another in every play, `is_odd` says whether it
        is, and `ends` which row the last one has.
        """
        repeated, k, dims = node.data
        if is_steps(repeated, k):
            return
        like = repeated.lowered.types[k]
        strides = axis_strides(dims, self.graph.shape(dims))
        if k < repeated.carried:
            if k not in step.carried:
                memory = step.results[k]
                end = repeated.count % 2 * like.size if memory.picks else 0
                ended = replace(memory, strides=strides, picks=(), offset=end)
                if is_odd is not None and repeated.is_open and memory.picks:
                    ended = replace(ended, offset=0, picks=((is_odd, like.size),))
                self.memory[node.number] = ended
            return
        if node.number not in self.memory:
            buffer = self.new_buffer(node.type, repeated.count * like.size)
            self.memory[node.number] = Memory(buffer, strides)
        memory = moved_by(self.memory[node.number], loop, like.size, repeated, ends)
        step.results[k] = replace(memory, strides={})

    def end_loop(self, root: Root, step: Builder, scope: Scope) -> None:
        """Read what a loop carried in registers, and whether a guard failed."""
        for node in root.target:
            k = node.data[1]
            for place, register in enumerate(step.carries.get(k, ())):
                value, buffer = next(self.values), step.results[k].buffer
                scope.body += [
                    Read(value, register, "y", node.type, False),
                    Store(Address(buffer, place), value, node.type),
                ]
            if k in step.carried:
                value = next(self.values)
                scope.body.append(Read(value, step.carried[k], "y", node.type, False))
                scope.known[self.key(node, {})] = value
        for number, register in step.flags.items():
            value = next(self.values)
            scope.body.append(Read(value, register, "x or y", "bool", False))
            if self.outer is None:
                scope.body.append(Guard(min(number, BOUNDS), value))
            else:
                scope.body.append(Fold(self.flag(number), "x or y", value))

    def flag(self, number: int) -> int:
        """Return the register that says whether a guard of a step failed."""
        if number not in self.flags:
            self.flags[number] = next(self.registers)
        return self.flags[number]

    # Values

    def key(self, node: Node, places: Places) -> Any:
        """Return what a value is known by."""
        if not node.axes:
            return node.number
        return node.number, tuple([(a, places[a]) for a in sorted(node.axes)])

    def value(
        self, node: Node, scope: Scope, places: Places, is_own: bool = False
    ) -> Operand:
        """Return the operand of a node at a place, computed where it is not known."""
        look: Scope | None = scope
        if not node.axes:
            look, scope, places = self.top, self.top, {}
        key = self.key(node, places)
        while look is not None:
            if key in look.known:
                return look.known[key]
            look = look.parent
        home = scope
        while home.parent is not None and home.axis not in node.axes:
            home = home.parent
        if node.number in self.schedule.stored and not is_own:
            found = self.read_memory(node, home, places)
        else:
            found = self.computed(node, home, places)
        home.known[key] = found
        return found

    def read_memory(
        self, node: Node, scope: Scope, places: Places, moved: Any = None
    ) -> Operand:
        """Return a value read from where it lies, or from elsewhere there."""
        memory = self.memory[node.number]
        address = self.moved_address(memory, places, moved or {}, scope)
        return self.load(scope, address, node.type)

    def moved_address(
        self,
        memory: Memory,
        places: Places,
        moved: Mapping[int, Affine | Node],
        scope: Scope,
        offset: int = 0,
    ) -> Address:
        """Return where an element lies whose places along some axes are others."""
        offset += memory.offset
        terms, picks = [*memory.terms], [*memory.picks]
        for axis, stride in memory.strides.items():
            place = moved.get(axis, Affine(0, ((axis, 1),)))
            if isinstance(place, Node):
                index = self.value(place, scope, places)
                if isinstance(index, Number):
                    offset += int(index.value) * stride
                else:
                    picks.append((index, stride))
                continue
            offset += place.offset * stride
            for to, k in place.terms:
                where = places[to]
                if isinstance(where, Index):
                    terms.append((where.loop, k * stride))
                else:
                    offset += where * k * stride
        return Address(
            memory.buffer, offset, merged(terms), tuple(picks), memory.is_block
        )

    def load(self, scope: Scope, address: Address, type_: str) -> Operand:
        """Return a value read from memory; a constant that is known as a number."""
        buffer = address.buffer
        if buffer.kind == "constant" and not address.terms and not address.picks:
            number = self.constants[buffer.number].reshape(-1)[address.offset]
            return Number(number.item(), type_)
        value = next(self.values)
        scope.body.append(Load(value, address, type_))
        return value

    def computed(self, node: Node, scope: Scope, places: Places) -> Operand:
        """Return a value that is computed here."""
        if node.kind == "map":
            return self.let(node, scope, places)
        number = number_of(node)
        if number is not None:
            return Number(number, node.type)
        if node.kind == "copy":
            return self.value(node.operands[0], scope, places)
        if node.kind == "leaf":
            source = node.data[0]
            if source.kind == "argument" and source.number in self.numbers:
                return self.numbers[source.number]
            if source.kind == "argument" and source.number in self.elements:
                return self.elements[source.number][element_at(node, places)]
            memory, offset = self.of_leaf(node, scope.lane, places)
            address = self.moved_address(memory, places, {}, scope, offset)
            return self.load(scope, address, node.type)
        if node.kind == "index":
            place = places[node.data]
            if not isinstance(place, Index):
                return Number(place, node.type)
            value = next(self.values)
            scope.body.append(Count(value, place.loop))
            return value
        if node.kind == "reduce":
            step, _ = node.data
            start = Number(0.0, node.type) if step.is_from_zero else None
            return self.folded(node, node.operands[0], scope, places, start)
        if node.kind == "scan":
            return self.scanned(node, scope, places)
        if node.kind == "view":
            return self.viewed(node, scope, places)
        if node.kind == "gather":
            return self.gathered(node, scope, places)
        if node.kind == "place":
            return self.put(node, scope, places)
        raise NotLoweredError(f"a {node.kind} that is not stored")

    def let(self, node: Node, scope: Scope, places: Places) -> Operand:
        """Return an expression of operands."""
        is_strict = self.is_strict or node.number in self.lowered.strict
        is_decided = self.is_strict or node.number in self.lowered.decided
        if node.data in POWERS and not is_decided:
            found = self.power(node, scope, places, is_strict)
            if found is not None:
                return found
        if not is_strict and is_divided_again(node):
            return self.divided_again(node, scope, places)
        operands = tuple([self.value(x, scope, places) for x in node.operands])
        if self.tally is not None:
            steps = frozenset((a, p) for a, p in places.items() if type(p) is int)
            self.tally[id(self.graph), node.number, steps] += 1
        if node.data in PRODUCTS:
            for k, one in enumerate(operands):
                is_one = type(one) is Number and one.value == 1
                if is_one and node.operands[1 - k].type == node.type:
                    return operands[1 - k]  # a constant's element, of a unit vector's
        value = next(self.values)
        how = node.type, is_strict, node.lines
        scope.body.append(Let(value, node.data, operands, *how))
        return value

    def divided_again(self, node: Node, scope: Scope, places: Places) -> Operand:
        """Return a quotient of a quotient by the same number, as derivatives have them.

        An inverse is multiplied with itself.  Where the number is one for all elements
        so is its inverse, which must be no infinity.
        """
        x, y = node.operands
        quotient = unsigned(x)
        if number_of(quotient.operands[0]) == 1:
            factor = self.value(quotient, scope, places)
        elif node.axes and not y.axes:
            factor = self.inverse(y)
        else:
            given = self.value(x, scope, places), self.value(y, scope, places)
            return self.made(scope, "x / y", given, node)
        given = self.value(x, scope, places), factor
        return self.made(scope, "x * y", given, node)

    def inverse(self, node: Node) -> Operand:
        """Return the inverse of a number; where it has none the call is refused."""
        key, top = ("inverse", node.number), self.top
        if key not in top.known:
            one = self.graph.number(1.0, node.type)
            quotient = self.graph.map("x / y", (one, node), node.type)
            found = self.value(quotient, top, {})
            flag = self.made(top, "not (fabs(x) < inf)", (found,), node, "bool")
            self.guard(BOUNDS, flag, top, node)
            top.known[key] = found
        return top.known[key]

    def made(
        self,
        scope: Scope,
        text: str,
        operands: tuple[Operand, ...],
        node: Node,
        type_: str = "",
    ) -> Operand:
        """Return the value of an expression that is written here, of a node's type."""
        value = next(self.values)
        how = type_ or node.type, False, node.lines
        scope.body.append(Let(value, text, operands, *how))
        return value

    def power(
        self, node: Node, scope: Scope, places: Places, is_strict: bool
    ) -> Operand | None:
        """Return a power by a small whole number as products; else nothing."""
        base, exponent = node.operands
        number = number_of(exponent)
        if number not in (-1, 2, 3, 4) or not node.type.startswith("f"):
            return None

        def made(text: str, *operands: Operand) -> Operand:
            value = next(self.values)
            how = node.type, is_strict, node.lines
            scope.body.append(Let(value, text, operands, *how))
            return value

        x = self.value(base, scope, places)
        if number == -1:
            return made("1 / x", x)
        square = made("x * y", x, x)
        if number == 2:
            return square
        return made("x * y", square, x if number == 3 else square)

    def folded(
        self,
        node: Node,
        x: Node,
        scope: Scope,
        places: Places,
        found: Operand | None = None,
    ) -> Operand:
        """Return what the steps that are written out fold to, from a start on."""
        step, axes = node.data
        for steps in self.steps(axes):
            operand = self.value(x, scope, {**places, **steps})
            if found is None:
                found = operand
                continue
            value = next(self.values)
            how = x.type, False, node.lines
            scope.body.append(Let(value, step.text, (found, operand), *how))
            found = value
        assert found is not None
        return found

    def viewed(self, node: Node, scope: Scope, places: Places) -> Operand:
        """Return a value read elsewhere."""
        read, moved = node.operands[0], dict(node.data)
        if read.number in self.schedule.stored or read.kind == "leaf":
            return self.read_memory(read, scope, places, moved)
        inner = dict(places)
        for axis, place in moved.items():
            at = place.offset
            for to, k in place.terms:
                step = places[to]
                assert not isinstance(step, Index)
                at += step * k
            inner[axis] = at
        return self.value(read, scope, inner)

    def put(self, node: Node, scope: Scope, places: Places) -> Operand:
        """Return an element of a place, of the pieces that are written to it."""
        found: list[Operand] = []
        _, adds, specs = node.data
        for k in reversed(range(len(specs))):
            at = place_in(node, k, places, self.graph)
            if at is None:
                continue
            found.append(self.value(node.operands[k], scope, {**places, **at}))
            if not adds:
                return found[0]
        if not is_whole(node):
            found.append(Number(0.0, node.type))
        total = found.pop()
        while found:
            value = next(self.values)
            given = total, found.pop()
            how = node.type, True, node.lines
            scope.body.append(Let(value, "x + y", given, *how))
            total = value
        return total

    def gathered(self, node: Node, scope: Scope, places: Places) -> Operand:
        """Return a value read where whole numbers say."""
        read = node.operands[0]
        moved = dict(zip(node.data, node.operands[1:], strict=True))
        if read.number in self.schedule.stored:
            return self.read_memory(read, scope, places, moved)
        memory, offset = self.of_leaf(read, scope.lane, places, moved.keys())
        address = self.moved_address(memory, places, moved, scope, offset)
        return self.load(scope, address, node.type)

    def of_leaf(
        self, node: Node, lane: int | None, places: Places, moved: Iterable[int] = ()
    ) -> tuple[Memory, int]:
        """Return where a leaf lies; a constant across the lanes is laid out anew."""
        source, offset, strides = node.data
        if source.kind == "argument":
            return replace(self.arguments[source.number], strides=dict(strides)), offset
        steps: dict[int, int] = dict(strides)
        if lane is None or steps.get(lane, 1) == 1 or lane in moved:
            return Memory(self.constant(source), steps), offset
        if isinstance(places.get(lane), Index):
            source, steps = self.laid_out(node, lane)
            offset = 0
        return Memory(self.constant(source), steps), offset

    def constant(self, source: Source) -> Buffer:
        """Return the buffer of a constant."""
        number = source.number + self.first_constant
        array = self.constants[number]
        return Buffer("constant", number, dtype_name(array.dtype), array.size)

    def laid_out(self, node: Node, last: int) -> tuple[Source, dict[int, int]]:
        """Return a constant with one axis last, so that lanes read side by side."""
        key = node.number, last
        if key not in self.packed:
            source, offset, strides = node.data
            steps = dict(strides)
            axes = [axis for axis in steps if axis != last] + [last]
            array = self.constants[source.number + self.first_constant]
            shape = [self.graph.extent(axis) for axis in axes]
            size = array.dtype.itemsize
            view = np.lib.stride_tricks.as_strided(
                array.reshape(-1)[offset:], shape, [steps[a] * size for a in axes]
            )
            packed = np.ascontiguousarray(view)
            self.constants.append(packed)
            number = len(self.constants) - 1 - self.first_constant
            found = Source("constant", number)
            made = {axis: packed.strides[k] // size for k, axis in enumerate(axes)}
            self.packed[key] = found, made
        return self.packed[key]


def passes(nest: Nest, lanes: int) -> Iterator[None]:
    """Make a nest one that takes less time and memory, pass by pass."""
    yield
    leave_out_unread(nest, lanes)
    yield
    if block(nest, lanes):
        yield
        leave_out_unread(nest, lanes)
    strip(nest, lanes)
    yield
    write_into_results(nest, lanes)
    yield
    share_results(nest)
    yield


def element_at(leaf: Node, places: Places) -> int:
    """Return which element of its argument a leaf is at a place."""
    _, offset, strides = leaf.data
    found: int = offset
    for axis, stride in strides:
        place = places[axis]
        assert type(place) is int  # those axes are written out
        found += place * stride
    return found


def moved_by(
    memory: Memory, loop: int, row: int, repeated: Repeated, ends: Operand | None
) -> Memory:
    """Return memory that moves a row a step; from the last one, `ends`, on or back."""
    sign = -1 if repeated.is_back else 1
    memory = replace(memory, terms=(*memory.terms, (loop, sign * row)))
    if ends is not None:
        return replace(memory, picks=(*memory.picks, (ends, row)))
    start = (repeated.count - 1) * row if repeated.is_back else 0
    return replace(memory, offset=memory.offset + start)


def strides_along(memory: Memory, dims: Dims) -> tuple[int, ...]:
    """Return how far elements lie from each other along dimensions."""
    return tuple([0 if d is None else memory.strides.get(d, 0) for d in dims])


def first_of(memory: Memory) -> Address:
    """Return where the first element of a value lies."""
    return Address(memory.buffer, memory.offset, merged(memory.terms), memory.picks)


def is_divided_again(node: Node) -> bool:
    """Whether a value is a quotient, or its negative, divided by the same again."""
    if node.data != "x / y":
        return False
    x, y = unsigned(node.operands[0]), node.operands[1]
    is_quotient = x.kind == "map" and x.data == "x / y" and x.type == node.type
    return is_quotient and x.operands[1] is y


def place_in(
    node: Node, number: int, places: Places, graph: Graph
) -> dict[int, int] | None:
    """Return where in a piece an element of a place lies; None where it does not."""
    dims, _, specs = node.data
    found: dict[int, int] = {}
    for dim, spec in zip(dims, specs[number], strict=True):
        if lies_along(dim, spec):
            continue
        place = places[dim]
        assert type(place) is int  # that axis is written out
        offset = place - spec.offset
        if not spec.terms:
            if offset:
                return None
            continue
        ((axis, stride),) = spec.terms
        at, rest = divmod(offset, stride)
        if rest or not 0 <= at < graph.extent(axis) or found.get(axis, at) != at:
            return None
        found[axis] = at
    return found


def is_whole(node: Node) -> bool:
    """Whether the first piece of a place goes to all of it; the others come after."""
    dims, _, specs = node.data
    return bool(specs[0] == whole_of(dims))


def is_circular(statement: Statement) -> bool:
    """Whether a statement is a sine or a cosine."""
    return isinstance(statement, Let) and statement.text in CIRCULAR


def is_apart(statement: Statement, loop: int) -> bool:
    """Whether a statement reads or writes elements that are apart along a loop."""
    if not isinstance(statement, Load | Store):
        return False
    address = statement.address
    return any(k != 1 for at, k in address.terms if at == loop) or bool(address.picks)


def merged(terms: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Return the strides of loops, each loop once."""
    found: dict[int, int] = {}
    for loop, stride in terms:
        found[loop] = found.get(loop, 0) + stride
    return tuple(sorted((loop, k) for loop, k in found.items() if k))
