"""A tape becomes a graph: each operation by the form that it states.

A value is a node and its dimensions: an axis each, none where there is one element.
The tape is lowered until no two axes become one any more.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np

from wengert.core.flags import reaching
from wengert.core.forms import Contract, Map, Move, Reduce, Routine, Scan
from wengert.core.guards import QUESTIONS
from wengert.core.operation import REGISTRY, Operation
from wengert.core.tape import (
    CONSTANT,
    GUARD,
    IDENTITY,
    INPUT,
    Tape,
)
from wengert.core.types import Type, dtype_name
from wengert.derive.loops import COUNTED
from wengert.derive.while_loops import WHILE
from wengert.lower.axes import Axes
from wengert.lower.calls import called, results_of
from wengert.lower.check import after_pass, verify_graph
from wengert.lower.contract import contracted
from wengert.lower.empty import nothing, of_nothing
from wengert.lower.folds import reduced, scanned
from wengert.lower.gathers import pushed
from wengert.lower.graph import REAL, Affine, Graph, Node, Source, number_of, reached
from wengert.lower.hiding import PLAIN_PRODUCT
from wengert.lower.libraries import USUAL, Libraries
from wengert.lower.lines import Known
from wengert.lower.looped import (
    Done,
    Loops,
    loop,
    of_loop,
    results_asked,
    while_loop,
)
from wengert.lower.masks import nonzero
from wengert.lower.moves import chosen, joined, reshaped, taken, viewed
from wengert.lower.needed import (
    asked_about,
    is_asked_before,
    laid_otherwise,
    needed,
)
from wengert.lower.order import searched, sorted_
from wengert.lower.overlaps import side_by_side
from wengert.lower.parts import FINITE, in_parts
from wengert.lower.pieces import is_sum_of_pieces, pieces_of
from wengert.lower.python import imply, raised, require
from wengert.lower.refusal import BOUNDS, HIDDEN, NotLoweredError
from wengert.lower.rounding import are_exact, strict_nodes
from wengert.lower.selected import selected
from wengert.lower.systems import Factors, solved
from wengert.lower.taint import Taint, Tainted, is_nan, taint
from wengert.lower.values import (
    NAMES,
    NARROW,
    Dims,
    Lowered,
    Value,
    checked_type,
    kind_of,
    step_of,
    type_name,
    unrenamed,
)
from wengert.lower.views import c_strides
from wengert.lower.writes import written
from wengert.ops.chain import ABSORBING_PRODUCT, CHAIN_PRODUCT
from wengert.ops.index import GETITEM, INDEX_ADD, ITEM, STORE
from wengert.ops.join import CONCATENATE, STACK
from wengert.ops.numeric import INTERVAL
from wengert.ops.python import RAISES
from wengert.ops.select import CHOOSE
from wengert.ops.shape import RESHAPE
from wengert.ops.sort import ARGSORT, DIGITIZE, NONZERO, SEARCHSORTED, SORT

#: What is no view of NumPy's, and not all said by its form.
OWN: dict[Operation, Callable[..., Value]] = {
    CHOOSE: chosen,
    SORT: sorted_,
    ARGSORT: sorted_,
    SEARCHSORTED: searched,
    DIGITIZE: searched,
    INTERVAL: searched,
    RAISES: raised,
    RESHAPE: reshaped,
    GETITEM: taken,
    STACK: joined,
    CONCATENATE: joined,
    STORE: written,
    INDEX_ADD: written,
}
#: Pieces up to which a sum of what they make up is a sum of theirs.
MOST_PIECES = 64
#: Whether floats are written otherwise: zeros by their sign, NaN as NaN.
OTHER_TEXT = (
    "(x != y and (x == x or y == y)) or "
    "(x == 0 and y == 0 and copysign(1, x) != copysign(1, y))"
)
POWER = REGISTRY["power"]
#: How often a tape is lowered again because axes became one.
MOST_ROUNDS = 8


def lower(
    tape: Tape,
    absorbs: bool = True,
    captured: Sequence[int] = (),
    asked: Sequence[int] = (),
    calls: bool = False,
    libraries: Libraries = USUAL,
) -> Lowered:
    """Return the graph of a tape.

    Parameters
    ----------
    tape : Tape
    absorbs : bool
        Whether a zero absorbs what is not finite in products of the chain rule.
        Without, such a product is plain, and a play is refused where its NaN matters.
    captured : sequence of int
        Constant nodes whose arrays are arguments after the tape's inputs.
    asked : sequence of int
        Results that guards elsewhere ask about.
    calls : bool
        Whether NumPy computes an operation that has none.
    libraries : Libraries
        What is left to them.

    Raises
    ------
    NotLoweredError
        If a node has none.
    """
    tape, captured = in_parts(*selected(tape, captured), asked, calls)

    def start(axes: Axes) -> Lowering:
        lowering = Lowering(tape, absorbs, captured, axes, calls, libraries)
        lowering.asked_results = asked
        return lowering

    lowered = settled(start)
    after_pass(verify_graph, lowered)
    return lowered


def settled(start: Callable[[Axes], Lowering]) -> Lowered:
    """Return a graph, lowered again until no two axes become one any more."""
    axes = Axes()
    for _ in range(MOST_ROUNDS):
        before = axes.merges
        lowering = start(axes)
        outputs = lowering.run()
        if axes.merges == before:
            return lowering.finished(outputs)
    raise NotLoweredError("axes that go on becoming one")


class Lowering:
    """One round of lowering a tape."""

    def __init__(
        self,
        tape: Tape,
        absorbs: bool,
        captured: Sequence[int],
        axes: Axes,
        calls: bool,
        libraries: Libraries,
    ) -> None:
        self.tape = tape
        self.absorbs = absorbs
        self.calls, self.libraries = calls, libraries
        #: Whether any type of the tape is one of memory alone.
        types = list(chain(*map(results_of, tape.types)))
        self.has_narrow = has_narrow(types)
        #: Whether any node has no elements.
        self.has_nothing = any([type(t) is Type and not t.size for t in types])
        self.axes = axes
        self.graph = Graph(axes)
        #: The lines that were met.
        self.lines = Known()
        self.constants: list[np.ndarray] = []
        self.values: dict[int, Value] = {}
        #: Truth values that are false wherever a play may go on, by number.
        self.flags: list[tuple[int, Node]] = []
        #: How many of them were asked about together, and whether one of them is true.
        self.refusals: tuple[int, Node | None] = (0, None)
        self.guard_count = 0
        #: What guards ask about, and what that is made of, by nodes of the tape.
        self.asked_about: frozenset[int] = frozenset()
        #: Nodes that do not lie in C order, of those that guards ask the sums of.
        self.laid_otherwise = laid_otherwise(tape)
        #: What guards of the tape ask about.
        self.questioned: list[Node] = []
        #: Results that guards elsewhere ask about.
        self.asked_results: Sequence[int] = ()
        #: The operations that NumPy is asked for, by what they read, and their results.
        self.asked_for: dict[Any, list[tuple[Tape, list[Value]]]] = {}
        #: Whether what is returned, or asked about, is made of a node.
        self.is_read = bytearray()
        #: Conditions that are asked as NumPy would round what they ask about.
        self.implied: list[Node] = []
        self.sources = [*tape.input_indices, *captured]
        #: Where it is done many times: how its arguments lie.
        self.done: Done | None = None
        #: The loops that were met, and which results of each are read, by their nodes.
        self.loops: dict[int, Loops] = {}
        self.results_read: dict[int, set[int]] = {}
        #: What may be no number, of what loops read.
        self.tainted = Tainted()
        #: The factors of matrices, by their node, the axes of rows and of columns.
        self.factors: dict[tuple[int, int, int], Factors] = {}
        #: Of what the places in order are asked for, and along which axis.
        self.ordered: set[tuple[tuple[int, ...], int]] | None = None
        #: The results of nodes that have several.
        self.several: dict[int, list[Value]] = {}

    def finished(self, outputs: list[Value]) -> Lowered:
        """Return the graph with what refuses a play."""
        self.graph.lines = ()
        outputs = [unrenamed(self.graph, value) for value in outputs]
        outputs = self.rewritten(outputs)
        self.graph.lines = ()
        types, guards = self.tape.types, self.guards(outputs)
        asked = [outputs[k].node for k in self.asked_results]
        if not are_exact([*asked, *self.questioned]):
            raise NotLoweredError("a guard on a sum")
        decided = strict_nodes(outputs, guards, asked)
        return Lowered(
            self.graph,
            outputs,
            self.constants,
            [types[index] for index in self.tape.output_indices],
            [types[index] for index in self.sources],
            guards,
            decided | frozenset(reached(self.implied)),
            decided,
        )

    def rewritten(self, outputs: Sequence[Value]) -> list[Value]:
        """Return results as they are computed; what is asked follows them."""
        for rewrite in (pushed, side_by_side):
            roots = [value.node for value in outputs] + [f for _, f in self.flags]
            now = rewrite(self.graph, [*roots, *self.questioned, *self.implied])
            self.flags = [(number, now(flag)) for number, flag in self.flags]
            self.questioned = [now(node) for node in self.questioned]
            self.implied = [now(node) for node in self.implied]
            outputs = [Value(now(node), dims) for node, dims in outputs]
        return list(outputs)

    def run(self) -> list[Value]:
        """Lower every node that is needed; return the outputs."""
        self.arguments(self.sources)
        nodes = needed(self.tape)
        guards = [k for k in nodes if self.tape.operations[k] is GUARD]
        for k in nodes:
            if self.tape.operations[k] is ITEM:
                of = self.results_read.setdefault(self.tape.operands[k][0], set())
                of.add(self.tape.settings[k]["result"])
        self.is_read = reaching(self.tape, [*self.tape.output_indices, *guards])
        asked = self.asked_results if self.done is None else self.done.asked
        results = [self.tape.output_indices[k] for k in asked]
        carried = 0 if self.done is None else self.done.carried
        self.asked_about = asked_about(self.tape, results, carried)
        for index in nodes:
            if index not in self.values:
                self.step(index)
        return [self.values[index] for index in self.tape.output_indices]

    def inside(self, tape: Tape, done: Done) -> Lowered:
        """Return the graph of a step that is done many times."""

        def start(axes: Axes) -> Lowering:
            how = self.absorbs, (), axes, self.calls, self.libraries
            lowering = Lowering(tape, *how)
            lowering.done, lowering.lines = done, self.lines
            return lowering

        return settled(start)

    def arguments(self, sources: Sequence[int]) -> None:
        """Take nodes as arguments."""
        for number, index in enumerate(sources):
            like = checked_type(self.tape.types[index])
            if like.size == 0:
                self.values[index] = nothing(self, index, like)
                continue
            dims = self.fresh(index, like.shape)
            source = Source("argument", number)
            strides: Sequence[int] = c_strides(like.shape)
            if self.done is not None:
                known = self.done.given[number]
                if known.number is not None:
                    node = self.graph.number(known.number, dtype_name(like.dtype))
                    self.values[index] = Value(node, dims)
                    continue
                strides = known.strides
            node = self.in_memory(source, strides, dims, dtype_name(like.dtype))
            self.values[index] = Value(node, dims)

    def step(self, index: int) -> None:
        """Lower one node, or note what it asks."""
        operation, like = self.tape.operations[index], self.tape.types[index]
        self.graph.lines = self.lines.of(self.tape.lines[index])
        if operation is GUARD:
            if not is_asked_before(self.tape, index):
                self.asked(index)
        elif operation in COUNTED or operation is WHILE:
            self.loop(index)
        elif type(like) is tuple:
            self.several[index] = self.results(index)
        else:
            found, type_ = self.value(index), type_name(like)
            if found.node.type != type_:
                found = Value(self.graph.map("x", (found.node,), type_), found.dims)
            self.values[index] = found

    def loop(self, index: int) -> None:
        """Lower a loop, whose steps NumPy plays if need be."""
        lowered = while_loop if self.tape.operations[index] is WHILE else loop
        try:
            found = lowered(self, index)
            asked = results_asked(self, index, found.results)
            if self.calls and not asked <= found.repeated.exact:
                raise NotLoweredError("a guard on a sum")
            self.loops[index] = found
        except NotLoweredError as error:
            self.several[index] = self.called(index, error)
            return
        if not self.is_read[index]:  # it may raise
            first = self.loops[index].results[0]
            like = self.tape.types[index][first]
            self.compute(of_loop(self, index, first, like).node)

    def refused(self) -> Node | None:
        """Return whether what is lowered so far refuses a call; None if nothing can."""
        known, found = self.refusals
        if known > len(self.flags):
            known, found = 0, None
        for _, flag in self.flags[known:]:
            one = self.graph.reduce(step_of("x or y", "bool"), flag, tuple(flag.axes))
            pair = (one,) if found is None else (found, one)
            found = one if found is None else self.graph.map("x or y", pair, "bool")
        self.refusals = len(self.flags), found
        return found

    def compute(self, node: Node) -> None:
        """Have a node computed of which nothing is read."""
        never = self.graph.map("x == x and x != x", (node,), "bool")
        self.flags.append((BOUNDS, never))

    def value(self, index: int) -> Value:
        """Return one node of the tape as a value, computed by NumPy if need be."""
        flags = len(self.flags)
        try:
            found = self.node(index)
            self.check_order(index, [found])
            return found
        except NotLoweredError as error:
            del self.flags[flags:]
            return self.called(index, error)[0]

    def results(self, index: int) -> list[Value]:
        """Return the results of a node that has several."""
        flags = len(self.flags)
        try:
            found = self.nodes(index)
            self.check_order(index, found)
            return found
        except NotLoweredError as error:
            del self.flags[flags:]
            return self.called(index, error)

    def check_order(self, index: int, found: Sequence[Value]) -> None:
        """Have NumPy compute what guards ask about, and loops add in another order."""
        if not self.calls or index not in self.asked_about:
            return
        if self.tape.operations[index] is ITEM:  # asked of all results at once
            return
        operands = self.tape.operands[index]
        known = {self.values[k].node.number for k in operands if k in self.values}
        if not are_exact([value.node for value in found], known):
            raise NotLoweredError("a guard on a sum")

    def called(self, index: int, reason: NotLoweredError) -> list[Value]:
        """Return the results of a node that NumPy computes, if it may."""
        if not self.calls:
            raise reason
        return called(self, index, str(reason))

    def guards(self, outputs: Sequence[Value]) -> list[tuple[int, Node]]:
        """Return what refuses a play, each as one truth value."""
        results = [value.node for value in outputs]
        asked = [flag for _, flag in self.flags]
        found = self.taint(results, asked)
        suspects = found.hidden
        if self.done is None:  # what a step hands on is asked for where its loop ends
            suspects = suspects | {
                n.number: n for n in results if n.number in found.all
            }
        else:
            self.done.taints.update(
                k for k, node in enumerate(results) if node.number in found.all
            )
        for suspect in self.in_sums(suspects.values()):
            self.flags.append((HIDDEN, is_nan(self.graph, suspect)))
        step = step_of("x or y", "bool")
        together: dict[tuple[int, frozenset[int]], Node] = {}
        for number, flag in self.flags:
            key = number, flag.axes
            if key in together:
                flag = self.graph.map("x or y", (together[key], flag), "bool")
            together[key] = flag
        return [
            (number, self.graph.reduce(step, flag, axes))
            for (number, axes), flag in together.items()
        ]

    def in_sums(self, suspects: Iterable[Node]) -> Iterator[Node]:
        """Give what is no number where a suspect is none: a sum of all its elements.

        It is none, too, where infinities of both signs are added.
        """
        for suspect in suspects:
            if suspect.axes and suspect.type in REAL:
                yield self.sum_of(suspect)
            else:
                yield suspect

    def sum_of(self, node: Node) -> Node:
        """Return the sum of all elements; of pieces that all of is read, their sums."""
        graph = self.graph
        if not node.axes:
            return node
        if is_sum_of_pieces(graph, node) and len(node.data[2]) <= MOST_PIECES:
            sums = [self.sum_of(piece) for piece in pieces_of(node)[1]]
            return functools.reduce(
                lambda x, y: graph.map("x + y", (x, y), node.type), sums
            )
        step = step_of("x + y", node.type)._replace(is_from_zero=True)
        return graph.reduce(step, node, node.axes)

    def taint(self, results: Sequence[Node], asked: Sequence[Node]) -> Taint:
        """Return what a plain product of the chain rule may make no number.

        What a step carries is that in the next step.
        """
        while True:
            arguments = set() if self.done is None else self.done.tainted
            found = taint(results, asked, arguments)
            if self.done is None:
                return found
            carried = {
                k
                for k, node in enumerate(results[: self.done.carried])
                if node.number in found.all
            }
            if carried <= arguments:
                return found
            self.done.tainted.update(carried)

    def asked(self, index: int) -> None:
        """Note the guard that asks the recorded question."""
        settings = self.tape.settings[index]
        value = self.current(self.values[self.tape.operands[index][0]])
        question, expected = QUESTIONS.get(settings["kind"]), settings["expected"]
        self.questioned.append(value.node)
        if settings["kind"] == "text":
            self.asked_text(value, expected)
            return
        if question is None or value.dims:
            raise NotLoweredError(f"a guard on {settings['kind']}")
        node = value.node
        text = question.native.get(kind_of(node.type))
        if text is not None:
            node = self.graph.map(
                text, (node,), "bool" if type(expected) is bool else node.type
            )
        if expected != expected or isinstance(expected, (str, bytes, tuple)):
            raise NotLoweredError("a guard that no number passes")
        wanted = self.graph.number(expected, node.type)
        self.ask("x != y", node, wanted)

    def asked_text(self, value: Value, expected: Any) -> None:
        """Note the guard that numbers are those of a text."""
        node, shape = value.node, self.graph.shape(value.dims)
        if type(expected) is bytes:
            numbers = np.frombuffer(expected, node.type).reshape(shape)
        elif -(2**63) <= expected < 2**63:
            numbers = np.array(expected).reshape(shape)
        else:
            raise NotLoweredError("the text of an integer beyond 64 bits")
        wanted = self.array(numbers, value.dims).node
        self.ask(OTHER_TEXT if node.type[0] == "f" else "x != y", node, wanted)

    def ask(self, text: str, node: Node, wanted: Node) -> None:
        """Note a guard of its own that is refused where an expression is true."""
        self.guard_count += 1
        flag = self.graph.map(text, (node, wanted), "bool")
        self.flags.append((BOUNDS + self.guard_count, flag))

    # Dimensions

    def fresh(self, place: Any, shape: Sequence[int]) -> Dims:
        """Return the axes of a new value's dimensions."""
        dims = tuple(
            [
                None if n == 1 else self.axes.of((place, k), n)
                for k, n in enumerate(shape)
            ]
        )
        self.axes.keep_apart(dim for dim in dims if dim is not None)
        return dims

    def in_memory(
        self, source: Source, strides: Sequence[int], dims: Dims, type_: str
    ) -> Node:
        """Return what lies in a buffer, with a stride a dimension."""
        steps = {d: k for d, k in zip(dims, strides, strict=True) if d is not None}
        return self.graph.leaf(source, 0, steps, type_)

    def line_up(
        self, index: int, operands: Sequence[Value], shape: Sequence[int]
    ) -> tuple[list[Node], Dims]:
        """Return operands along the same axes, the last dimensions side by side.

        Those that cost most to read elsewhere keep their axes.
        """
        if not shape:
            return [value.node for value in operands], ()
        same = self.same_dims(operands, len(shape))
        if same:
            return [value.node for value in operands], same
        dims: list[int | None] = [None] * len(shape)
        nodes: list[Node | None] = [None] * len(operands)
        order = sorted(range(len(operands)), key=lambda k: operands[k].node.is_leafy)
        for k in order:
            node, own = operands[k]
            moved: dict[int, Affine] = {}
            first = len(shape) - len(own)
            for place, dim in enumerate(own, first):
                if dim is None:
                    continue
                axis = self.axes.find(dim)
                if dims[place] is None:
                    if axis in dims:
                        axis = self.axes.of((index, "again", k, place), shape[place])
                        moved[self.axes.find(dim)] = Affine(0, ((axis, 1),))
                    dims[place] = axis
                    self.axes.keep_apart(a for a in dims if a is not None)
                elif not self.axes.unite(axis, dims[place]):  # type: ignore[arg-type]
                    moved[axis] = Affine(0, ((self.axes.find(dims[place]), 1),))  # type: ignore[arg-type]
                dims = [a if a is None else self.axes.find(a) for a in dims]
            nodes[k] = self.graph.view(node, moved)
        self.axes.keep_apart(a for a in dims if a is not None)
        return nodes, tuple(dims)  # type: ignore[return-value]

    def same_dims(self, operands: Sequence[Value], count: int) -> Dims:
        """Return the axes of all operands that are arrays, where those are the same.

        Nothing is read elsewhere then.
        """
        dims: Dims = ()
        for _, own in operands:
            if own and own != dims:
                if dims:
                    return ()
                dims = own
        axes = [axis for axis in dims if axis is not None]
        if len(dims) != count or len(set(axes)) < len(axes):
            return ()
        return tuple([axis if axis is None else self.axes.find(axis) for axis in dims])

    # Nodes

    def node(self, index: int) -> Value:
        """Return one node of the tape as a value."""
        tape = self.tape
        operation, settings = tape.operations[index], tape.settings[index]
        if not isinstance(tape.types[index], Type):
            raise NotLoweredError(f"the operation {operation.name}")
        like = checked_type(tape.types[index])
        if operation is CONSTANT:
            return self.constant(index, settings["value"], like)
        if operation in (INPUT, GUARD):
            raise NotLoweredError(f"the operation {operation.name}")
        if operation is ITEM and tape.operands[index][0] in self.loops:
            return of_loop(self, tape.operands[index][0], settings["result"], like)
        if operation is ITEM and tape.operands[index][0] in self.several:
            results = self.several[tape.operands[index][0]]
            return self.current(results[settings["result"]])
        operands = [self.current(self.values[k]) for k in tape.operands[index]]
        read = tape.operands[index]
        if self.has_narrow and has_narrow([like, *[tape.types[k] for k in read]]):
            operands = self.widened(operation, like, operands)
        if operation is FINITE:
            self.refuse_infinite(operands[0].node)
        if operation in (IDENTITY, FINITE):
            return operands[0]
        form, own = operation.form, OWN.get(operation)
        if (
            self.has_nothing
            and (like.shape or not isinstance(form, Map))
            and (like.size == 0 or any(0 in self.shape(k) for k in read))
        ):
            found = of_nothing(self, index, like)
            if found is not None:
                return found
        if own is not None:
            return own(self, index, operation, operands, settings, like)
        if isinstance(form, Map):
            return self.mapped(index, operation, form, operands, like)
        if isinstance(form, Reduce):
            return reduced(self, index, form, operands, settings, like)
        if isinstance(form, Scan):
            return scanned(self, index, form, operands, settings, like)
        if isinstance(form, Contract):
            return contracted(self, index, form, operands, settings, like)
        if isinstance(form, Move):
            return viewed(self, index, operation, operands, settings, like)
        if isinstance(form, Routine):
            return solved(self, index, form, operands, settings, (like,))[0]
        raise NotLoweredError(f"the operation {operation.name}")

    def widened(
        self, operation: Operation, like: Type, operands: list[Value]
    ) -> list[Value]:
        """Return operands of which some, or the result, are of a narrow type.

        Elements are moved, and computed with one by one.
        """
        name, form = type_name(like), operation.form
        types = {name, *(value.node.type for value in operands)}
        is_moved = operation is IDENTITY or isinstance(form, Move)
        is_mapped = isinstance(form, Map) and "uint64" not in types
        if operation is INDEX_ADD or not (is_moved or is_mapped):
            raise NotLoweredError(f"{operation.name} of {' and '.join(sorted(types))}")
        if operation in (GETITEM, STORE):  # indices, and what is written
            return [operands[0], *[self.wide(value) for value in operands[1:]]]
        if is_mapped and name == "float16":  # Python's numbers too
            return [
                Value(self.graph.map("x", (node,), name), dims)
                if node.type.startswith("float")
                else Value(node, dims)
                for node, dims in operands
            ]
        return operands

    def wide(self, value: Value) -> Value:
        """Return a value of a narrow type in the one that it is computed with."""
        wide = NARROW.get(value.node.type)
        if wide is None:
            return value
        return Value(self.graph.map("x", (value.node,), wide), value.dims)

    def nodes(self, index: int) -> list[Value]:
        """Return the results of a node that has several, as loops."""
        operation, settings = self.tape.operations[index], self.tape.settings[index]
        read = [self.tape.types[k] for k in self.tape.operands[index]]
        if has_narrow([*results_of(self.tape.types[index]), *read]):
            raise NotLoweredError(f"{operation.name} of narrow types")
        operands = [self.current(self.values[k]) for k in self.tape.operands[index]]
        likes = [checked_type(like) for like in self.tape.types[index]]
        form = operation.form
        if all(like.size == 0 for like in likes):
            return [nothing(self, (index, k), like) for k, like in enumerate(likes)]
        if operation is NONZERO:
            return nonzero(self, index, operands, likes)
        if isinstance(form, Map):
            texts = form.texts(likes[0].dtype.kind, settings)
            if texts is not None:
                nodes, dims = self.line_up(index, operands, likes[0].shape)
                return [
                    Value(self.graph.map(text, nodes, dtype_name(like.dtype)), dims)
                    for text, like in zip(texts, likes, strict=True)
                ]
        if isinstance(form, Routine):
            return solved(self, index, form, operands, settings, likes)
        raise NotLoweredError(f"the operation {operation.name}")

    def current(self, value: Value) -> Value:
        """Return a value with the axes that its own have become."""
        if not value.dims:
            return value
        dims = tuple([d if d is None else self.axes.find(d) for d in value.dims])
        return Value(value.node, dims)

    def known(self, index: int) -> np.ndarray | None:
        """Return the numbers of a node that are the same in every play."""
        if self.tape.operations[index] is not CONSTANT or index in self.sources:
            return None
        return np.asarray(self.tape.settings[index]["value"])

    def shape(self, index: int) -> tuple[int, ...]:
        """Return the shape of a node of the tape."""
        return checked_type(self.tape.types[index]).shape

    def constant(self, index: Any, value: Any, like: Type) -> Value:
        """Return a constant: a number, or memory where its elements differ."""
        if like.size == 0:
            return nothing(self, index, like)
        array = np.ascontiguousarray(value, dtype=like.dtype).reshape(like.shape)
        return self.array(array, self.fresh(index, like.shape))

    def array(self, array: np.ndarray, dims: Dims) -> Value:
        """Return a plain array, along axes."""
        array = np.ascontiguousarray(array)
        type_ = NAMES.get(array.dtype) or dtype_name(array.dtype)
        if not array.size:
            return Value(self.graph.number(0, type_), dims)
        if is_even(array):
            return Value(self.graph.number(array.flat[0], type_), dims)
        source = Source("constant", len(self.constants))
        self.constants.append(array)
        strides = c_strides(array.shape)
        return Value(self.in_memory(source, strides, dims, type_), dims)

    def refuse_infinite(self, node: Node) -> None:
        """Refuse a play where a value is not finite."""
        flag = self.graph.map("not isfinite(x)", (node,), "bool")
        self.flags.append((HIDDEN, flag))

    def mapped(
        self,
        index: int,
        operation: Operation,
        form: Map,
        operands: list[Value],
        like: Type,
    ) -> Value:
        """Return an operation element by element."""
        texts = form.texts(kind_of(type_name(like)), self.tape.settings[index])
        if texts is None:
            raise NotLoweredError(f"the operation {operation.name}")
        (text,), type_ = texts, type_name(like)
        nodes, dims = self.line_up(index, operands, like.shape)
        if "nextafter" in text and "float16" in (type_, *(node.type for node in nodes)):
            raise NotLoweredError(f"{operation.name} of float16")
        if operation is POWER and type_.startswith("int"):
            require(self, "y >= 0", nodes)  # NumPy raises for all others
        if type_ == "bool":
            nodes = self.as_met(index, nodes)
        if operation is CHAIN_PRODUCT:
            return Value(self.chain_product(nodes, type_), dims)
        found = self.graph.map(text, nodes, type_)
        if like.weak:
            imply(self, operation.name, nodes, found)
        return Value(found, dims)

    def chain_product(self, nodes: Sequence[Node], type_: str) -> Node:
        """Return a product of the chain rule, in which a zero absorbs all."""
        for one, other in (nodes, nodes[::-1]):
            value = number_of(one)
            if value and math.isfinite(value):
                return self.graph.map("x * y", (one, other), type_)
        if self.absorbs or not type_.startswith("float"):
            return self.graph.map(ABSORBING_PRODUCT, nodes, type_)
        return self.graph.map(PLAIN_PRODUCT, nodes, type_)

    def as_met(self, index: int, nodes: list[Node]) -> list[Node]:
        """Return operands of a question, numbers of Python's in single precision."""
        types = [checked_type(self.tape.types[k]) for k in self.tape.operands[index]]
        others = {dtype_name(like.dtype) for like in types if not like.weak}
        if others not in ({"float32"}, {"float16"}):
            return nodes
        return [
            self.graph.map("x", (node,), *others) if like.weak else node
            for like, node in zip(types, nodes, strict=True)
        ]


def has_narrow(types: Iterable[Any]) -> bool:
    """Whether any of some nodes is of a type of memory alone."""
    return any(isinstance(t, Type) and NAMES.get(t.dtype) in NARROW for t in types)


def is_even(array: np.ndarray) -> bool:
    """Whether all elements of an array are the same to the bit."""
    flat = array.reshape(-1)
    if flat.size == 1:
        return True
    size = array.dtype.itemsize
    bits = flat.view(np.dtype(f"u{size}"))
    return bool((bits == bits[0]).all())
