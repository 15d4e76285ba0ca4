"""A tape becomes a graph: each operation by the form that it states.

A value is a node and its dimensions: an axis each, none where there is one element.
The tape is lowered until no two axes become one any more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from wengert.core.forms import Contract, Map, Move, Reduce
from wengert.core.guards import OF_MEMORY, QUESTIONS
from wengert.core.operation import Operation
from wengert.core.tape import CONSTANT, GUARD, IDENTITY, INPUT, Tape, reaching
from wengert.core.types import Type
from wengert.derive.loops import SCAN, Body, stand_ins, trimmed
from wengert.lower.axes import Axes
from wengert.lower.graph import (
    STARTS,
    Affine,
    Graph,
    Node,
    Source,
    Step,
    is_disjoint,
    number_of,
    reached,
    whole_of,
)
from wengert.lower.hiding import PLAIN_PRODUCT, hidden
from wengert.lower.keys import key_parts, split_key
from wengert.lower.products import has_sum_of, is_product
from wengert.lower.refusal import NotLoweredError
from wengert.lower.repeated import Given, Repeated
from wengert.lower.views import (
    MergedError,
    axis_strides,
    c_strides,
    is_identity,
    places_of,
    steps_of,
    strides_of_view,
)
from wengert.ops.chain import ABSORBING_PRODUCT, CHAIN_PRODUCT
from wengert.ops.index import (
    GETITEM,
    INDEX_ADD,
    ITEM,
    STORE,
    Placeholder,
    casts_sums,
    follow,
)
from wengert.ops.join import CONCATENATE, STACK
from wengert.ops.leaving import may_leave
from wengert.ops.products import starts_at_zero
from wengert.ops.python import NOTHING, conditions
from wengert.ops.shape import RESHAPE

Dims = tuple[int | None, ...]
#: Where a write goes along one dimension: a place, or the number of an index array.
Place = Affine | int | None
#: The types that native code has.
TYPES = frozenset({"float64", "float32", "int64", "int32", "bool"})
#: Elements of every side from which a matrix product is left to BLAS.
BLAS = 32
#: How often a tape is lowered again because axes became one.
MOST_ROUNDS = 8
#: The number by which a play is refused whose indices are out of bounds.
BOUNDS = 2
#: The number by which it is refused where a plain product of the chain rule is not a
#: number and that would be hidden, or handed out.
HIDDEN = 1


class Value(NamedTuple):
    """A node, and the axis of each dimension."""

    node: Node
    dims: Dims


class Region(NamedTuple):
    """Where a write goes.

    Attributes
    ----------
    spec : tuple of Place
        For each dimension.
    gathered : list of Node
        Index arrays.
    dims : Dims
        The axes of what is written.
    """

    spec: tuple[Place, ...]
    gathered: list[Node]
    dims: Dims


@dataclass(frozen=True, slots=True)
class Lowered:
    """A tape's graph.

    Attributes
    ----------
    outputs : list of Value
        One a result, the dimensions in the order of the result's.
    constants : list of array
    types, arguments : list of Type
        Of the results, and of the arguments: the tape's inputs, then its captures.
    guards : list of (number, Node)
        What refuses a play where it is true.
    strict : frozenset of int
        Nodes that are rounded as NumPy rounds them: those that guards ask about, or
        results that are no floats; and sums of two products.
    """

    graph: Graph
    outputs: list[Value]
    constants: list[np.ndarray]
    types: list[Type]
    arguments: list[Type]
    guards: list[tuple[int, Node]]
    strict: frozenset[int]


def lower(tape: Tape, absorbs: bool = True, captured: Sequence[int] = ()) -> Lowered:
    """Return the graph of a tape.

    Parameters
    ----------
    tape : Tape
    absorbs : bool
        Whether a zero absorbs what is not finite in products of the chain rule.
        Without, such a product is plain, and a play is refused where its NaN matters.
    captured : sequence of int
        Constant nodes whose arrays are arguments after the tape's inputs.

    Raises
    ------
    NotLoweredError
        If a node has none.
    """
    return settled(lambda axes: Lowering(tape, absorbs, captured, axes))


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


def has_loops(tape: Tape, index: int, captured: Sequence[int] = ()) -> bool:
    """Whether a node alone can be loops."""
    if tape.operations[index] is SCAN:
        return False  # its results are nodes of their own
    given = [
        k
        for k in tape.operands[index]
        if tape.operations[k] is not CONSTANT or k in captured
    ]
    lowering = Lowering(tape, True, given, Axes())
    try:
        lowering.arguments(given)
        for k in tape.operands[index]:
            if k not in lowering.values:
                lowering.values[k] = lowering.node(k)
        lowering.step(index)
    except NotLoweredError:
        return False
    return True


class Done(NamedTuple):
    """What is known of a step that is done many times.

    Attributes
    ----------
    given : list of Given
        How its arguments lie.
    carried : int
        Number of carried values.
    tainted : set of int
        Arguments that a plain product of the chain rule may make no number.
    taints : set of int
        Results that are so.
    """

    given: Sequence[Given]
    carried: int
    tainted: set[int]
    taints: set[int]


class Loops(NamedTuple):
    """A loop that was met: its step, what it reads, and the results that it gives."""

    repeated: Repeated
    operands: list[Node]
    results: list[int]


class Lowering:
    """One round of lowering a tape."""

    def __init__(
        self, tape: Tape, absorbs: bool, captured: Sequence[int], axes: Axes
    ) -> None:
        self.tape = tape
        self.absorbs = absorbs
        self.axes = axes
        self.graph = Graph(axes)
        self.constants: list[np.ndarray] = []
        self.values: dict[int, Value] = {}
        #: Truth values that are false wherever a play may go on, by number.
        self.flags: list[tuple[int, Node]] = []
        self.guard_count = 0
        self.sources = [*tape.input_indices, *captured]
        #: Where it is done many times: how its arguments lie.
        self.done: Done | None = None
        #: The loops that were met, by their nodes.
        self.loops: dict[int, Loops] = {}
        #: For each of them the one that does all that it does.
        self.stand_ins: dict[int, int] = {}

    def finished(self, outputs: list[Value]) -> Lowered:
        """Return the graph with what refuses a play."""
        types, guards = self.tape.types, self.guards(outputs)
        return Lowered(
            self.graph,
            outputs,
            self.constants,
            [types[index] for index in self.tape.output_indices],
            [types[index] for index in self.sources],
            guards,
            strict_nodes(outputs, guards),
        )

    def run(self) -> list[Value]:
        """Lower every node that is needed; return the outputs."""
        self.arguments(self.sources)
        nodes = needed(self.tape)
        self.stand_ins = stand_ins(self.tape, nodes, self.sources)
        for index in nodes:
            if index not in self.values:
                self.step(index)
        return [self.values[index] for index in self.tape.output_indices]

    def arguments(self, sources: Sequence[int]) -> None:
        """Take nodes as arguments."""
        for number, index in enumerate(sources):
            like = checked_type(self.tape.types[index])
            if like.size == 0:
                raise NotLoweredError("an array without elements")
            dims = self.fresh(index, like.shape)
            source = Source("argument", number)
            strides: Sequence[int] = c_strides(like.shape)
            if self.done is not None:
                known = self.done.given[number]
                if known.number is not None:
                    node = self.graph.number(known.number, str(like.dtype))
                    self.values[index] = Value(node, dims)
                    continue
                strides = known.strides
            node = self.in_memory(source, strides, dims, str(like.dtype))
            self.values[index] = Value(node, dims)

    def step(self, index: int) -> None:
        """Lower one node, or note what it asks."""
        if is_asked_before(self.tape, index):
            return
        if self.tape.operations[index] is GUARD:
            self.asked(index)
        elif self.tape.operations[index] is SCAN:
            done_by = self.stand_ins.get(index, index)
            if done_by not in self.loops:
                self.loops[done_by] = self.loop(done_by)
            self.loops[index] = self.loops[done_by]
        else:
            node, dims = self.node(index)
            type_ = str(checked_type(self.tape.types[index]).dtype)
            self.values[index] = Value(self.graph.map("x", (node,), type_), dims)

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
        for suspect in suspects.values():
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
        if question is None or value.dims:
            raise NotLoweredError(f"a guard on {settings['kind']}")
        node = value.node
        text = question.native.get(node.type[0])
        if text is not None:
            node = self.graph.map(
                text, (node,), "bool" if type(expected) is bool else node.type
            )
        if expected != expected or isinstance(expected, (str, bytes, tuple)):
            raise NotLoweredError("a guard that no number passes")
        if not is_exact(node):
            raise NotLoweredError("a guard on a sum")
        wanted = self.graph.number(expected, node.type)
        self.guard_count += 1
        flag = self.graph.map("x != y", (node, wanted), "bool")
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
            return self.of_loop(index, self.loops[tape.operands[index][0]], like)
        operands = [self.current(self.values[k]) for k in tape.operands[index]]
        if operation is IDENTITY:
            return operands[0]
        if like.size == 0 or any(0 in self.shape(k) for k in tape.operands[index]):
            raise NotLoweredError("an array without elements")
        if like.weak:
            self.refuse_conditions(index, operation)
        form = operation.form
        if isinstance(form, Map):
            return self.mapped(index, operation, form, operands, like)
        if isinstance(form, Reduce):
            return self.reduced(index, form, operands, settings, like)
        if isinstance(form, Contract):
            return self.contracted(index, form, operands, settings, like)
        if isinstance(form, Move):
            move: Callable[..., Value] = MOVES.get(operation, Lowering.viewed)
            return move(self, index, operation, operands, settings, like)
        raise NotLoweredError(f"the operation {operation.name}")

    def current(self, value: Value) -> Value:
        """Return a value with the axes that its own have become."""
        dims = tuple([d if d is None else self.axes.find(d) for d in value.dims])
        return Value(value.node, dims)

    def shape(self, index: int) -> tuple[int, ...]:
        """Return the shape of a node of the tape."""
        return checked_type(self.tape.types[index]).shape

    def constant(self, index: int, value: Any, like: Type) -> Value:
        """Return a constant: a number, or memory where its elements differ."""
        array = np.ascontiguousarray(value, dtype=like.dtype).reshape(like.shape)
        dims = self.fresh(index, like.shape)
        if array.size and is_even(array):
            return Value(self.graph.number(array.flat[0], str(like.dtype)), dims)
        if like.size == 0:
            raise NotLoweredError("an array without elements")
        source = Source("constant", len(self.constants))
        self.constants.append(array)
        strides = c_strides(like.shape)
        return Value(self.in_memory(source, strides, dims, str(like.dtype)), dims)

    def refuse_conditions(self, index: int, operation: Operation) -> None:
        """Refuse a number of Python's whose computation may raise."""
        types = [self.tape.types[k] for k in self.tape.operands[index]]
        kinds = [like.dtype.kind for like in types]
        result = self.tape.types[index].dtype.kind
        if conditions(operation.name, kinds, result) is not NOTHING:
            raise NotLoweredError(f"{operation.name} of Python's numbers")

    def mapped(
        self,
        index: int,
        operation: Operation,
        form: Map,
        operands: list[Value],
        like: Type,
    ) -> Value:
        """Return an operation element by element."""
        text = form.text
        if text is None or operation.results != 1:
            raise NotLoweredError(f"the operation {operation.name}")
        type_ = str(like.dtype)
        if operation.name == "power" and not type_.startswith("float"):
            raise NotLoweredError("powers of whole numbers")
        nodes, dims = self.line_up(index, operands, like.shape)
        if type_ == "bool":
            nodes = self.as_met(index, nodes)
        if operation is CHAIN_PRODUCT:
            return Value(self.chain_product(nodes, type_), dims)
        return Value(self.graph.map(text, nodes, type_), dims)

    def chain_product(self, nodes: Sequence[Node], type_: str) -> Node:
        """Return a product of the chain rule, in which a zero absorbs all."""
        for one, other in (nodes, nodes[::-1]):
            value = number_of(one)
            if value and np.isfinite(value):
                return self.graph.map("x * y", (one, other), type_)
        if self.absorbs or not type_.startswith("float"):
            return self.graph.map(ABSORBING_PRODUCT, nodes, type_)
        return self.graph.map(PLAIN_PRODUCT, nodes, type_)

    def as_met(self, index: int, nodes: list[Node]) -> list[Node]:
        """Return operands of a question, numbers of Python's in single precision."""
        types = [checked_type(self.tape.types[k]) for k in self.tape.operands[index]]
        others = {str(like.dtype) for like in types if not like.weak}
        if others != {"float32"}:
            return nodes
        return [
            self.graph.map("x", (node,), "float32") if like.weak else node
            for like, node in zip(types, nodes, strict=True)
        ]

    # Folds and products

    def reduced(
        self,
        index: int,
        form: Reduce,
        operands: list[Value],
        settings: dict[str, Any],
        like: Type,
    ) -> Value:
        """Return axes folded."""
        known = form.text in STARTS and not form.place and "indices" not in settings
        if not known or len(operands) != 1:
            raise NotLoweredError(f"the operation {self.tape.operations[index].name}")
        node, dims = operands[0]
        if form.of != "x":
            node = self.graph.map(
                form.of, (node, self.graph.number(0, node.type)), "bool"
            )
        axis = settings["axis"]
        folded = range(len(dims)) if axis is None else np.atleast_1d(axis).tolist()
        places = {k % len(dims) for k in folded} if dims else set()
        type_ = str(like.dtype)
        assert form.text is not None
        is_from_zero = form.text == "x + y" and type_.startswith("float")
        step = step_of(form.text, type_)._replace(is_from_zero=is_from_zero)
        node = self.graph.map("x", (node,), type_)
        gone = [d for k, d in enumerate(dims) if k in places and d is not None]
        kept = [
            None if k in places else d
            for k, d in enumerate(dims)
            if settings["keepdims"] or k not in places
        ]
        return Value(self.graph.reduce(step, node, gone), tuple(kept))

    def contracted(
        self,
        index: int,
        form: Contract,
        operands: list[Value],
        settings: dict[str, Any],
        like: Type,
    ) -> Value:
        """Return a sum of products over shared axes."""
        subscripts = form.of(tuple([len(value.dims) for value in operands]), settings)
        inputs, output = subscripts.split("->")
        if "+" in output:
            raise NotLoweredError("sums of places")
        terms = [
            with_dots(term, len(value.dims))
            for term, value in zip(inputs.split(","), operands, strict=True)
        ]
        type_ = str(like.dtype)
        axes, nodes = self.axes, []
        letters: dict[str, int] = {}
        for k, (term, value) in enumerate(zip(terms, operands, strict=True)):
            moved: dict[int, Affine] = {}
            for place, (letter, dim) in enumerate(zip(term, value.dims, strict=True)):
                if dim is None:
                    continue
                axis = axes.find(dim)
                if letter not in letters:
                    if axis in [axes.find(a) for a in letters.values()]:
                        extent = axes.extents[axis]
                        own = axes.of((index, "again", k, place), extent)
                        moved[axis] = Affine(0, ((own, 1),))
                        axis = own
                    letters[letter] = axis
                    axes.keep_apart(letters.values())
                elif not axes.unite(axis, letters[letter]):
                    moved[axis] = Affine(0, ((axes.find(letters[letter]), 1),))
            nodes.append(self.graph.view(value.node, moved))
        letters = {letter: axes.find(axis) for letter, axis in letters.items()}
        self.leave_to_blas(terms, output, letters)
        if len(set(letters.values())) < len(letters):
            raise NotLoweredError("a product of an axis with itself")
        output = spelled(output, terms)
        product = self.graph.map("x", (nodes[0],), type_)
        for node in nodes[1:]:
            product = self.graph.map("x * y", (product, node), type_)
        gone = [axis for letter, axis in letters.items() if letter not in output]
        shapes = [self.shape(k) for k in self.tape.operands[index]]
        is_from_zero = type_.startswith("float") and starts_at_zero(
            self.tape.operations[index], shapes, settings
        )
        step = step_of("x + y", type_)._replace(is_from_zero=is_from_zero)
        found = self.graph.reduce(step, product, gone)
        return Value(found, tuple([letters.get(letter) for letter in output]))

    def leave_to_blas(
        self, terms: Sequence[str], output: str, letters: dict[str, int]
    ) -> None:
        """Refuse a product of two large matrices, which BLAS does faster."""
        left, right = set(terms[0]), set(terms[-1])
        if len(terms) != 2 or left & right & set(output):
            return
        sides = [left & right, left - right, right - left]
        counts = [
            self.graph.count(letters[c] for c in side if c in letters) for side in sides
        ]
        if min(counts) >= BLAS:
            raise NotLoweredError("a product of large matrices")

    # Loops

    def loop(self, index: int) -> Loops:
        """Return a loop: its step as a graph of its own, and what it reads."""
        tape, settings = self.tape, self.tape.settings[index]
        if not settings["count"]:
            raise NotLoweredError("a loop of no steps")
        read = {
            tape.settings[k]["result"]
            for k in needed(tape)
            if tape.operations[k] is ITEM
            and self.stand_ins.get(tape.operands[k][0]) == index
        }
        if not read:
            raise NotLoweredError("a loop that may raise, of which nothing is read")
        body, kept, results = trimmed(settings["body"], read)
        operands, given = [], []
        for k, position in enumerate(kept):
            operand = tape.operands[index][position]
            if operand not in self.values:  # a constant that stands further on
                self.values[operand] = self.node(operand)
            value = self.current(self.values[operand])
            node, known = self.operand(index, k, value, body)
            operands.append(node)
            given.append(known)

        taints = taint(operands, [], set()).all
        tainted = {k for k, node in enumerate(operands) if node.number in taints}
        done = Done(given, body.carried, tainted, set())

        def start(axes: Axes) -> Lowering:
            lowering = Lowering(body.tape, self.absorbs, (), axes)
            lowering.done = done
            return lowering

        lowered = settled(start)
        own = [node for _, node in lowered.guards]
        own += [value.node for value in lowered.outputs]
        is_sure = all(map(is_exact, own))
        is_asking = any(number > BOUNDS for number, _ in lowered.guards)
        if is_asking and not (is_sure and all(map(is_exact, operands))):
            raise NotLoweredError("a guard in a loop with a sum")
        strict = [n for n in lowered.graph.nodes if n.number in lowered.strict]
        if any(is_carried(node, body) for node in strict):  # rounded the step before
            lowered = replace(lowered, strict=frozenset(reached(lowered.graph.nodes)))
        how = settings["count"], settings["reverse"], body.carried, given, is_sure
        repeated = Repeated(lowered, *how, frozenset(done.taints))
        return Loops(repeated, operands, results)

    def operand(
        self, index: int, k: int, value: Value, body: Body
    ) -> tuple[Node, Given]:
        """Return what a step reads of one operand of its loop, and how it lies."""
        node, dims = value
        is_carried = k < body.carried
        is_row = not is_carried and k < body.carried + body.moving
        number = number_of(node)
        if number is not None and not is_carried:
            return node, Given(number, ())
        axes = [d for d in dims if d is not None]
        if not axes or not (node.axes or is_carried):  # one number, however often
            return node, Given(None, (0,) * (len(dims) - is_row))
        if node.kind == "leaf" and not is_carried:
            steps = dict(node.data[2])
        elif node.kind == "loop" and not is_carried:
            steps = axis_strides(node.data[2], self.graph.shape(node.data[2]))
        else:
            data = dims, (index, k) if is_carried else ()
            node = self.graph.make("copy", data, (node,), axes, node.type)
            steps = axis_strides(dims, self.graph.shape(dims))
        strides = tuple([0 if d is None else steps.get(d, 0) for d in dims])
        if is_row:
            return node, Given(None, strides[1:], strides[0])
        return node, Given(None, strides)

    def of_loop(self, index: int, loop: Loops, like: Type) -> Value:
        """Return one result of a loop."""
        place = loop.results.index(self.tape.settings[index]["result"])
        node = self.tape.operands[index][0]
        dims = self.fresh((self.stand_ins.get(node, node), place), like.shape)
        axes = [d for d in dims if d is not None]
        data = loop.repeated, place, dims
        type_ = str(like.dtype)
        return Value(self.graph.make("loop", data, loop.operands, axes, type_), dims)

    # Moves

    def viewed(
        self,
        index: int,
        operation: Operation,
        operands: list[Value],
        settings: dict[str, Any],
        like: Type,
    ) -> Value:
        """Return what NumPy answers by a view: its strides are the index map."""
        if not operation.view or len(operands) != 1:
            raise NotLoweredError(f"the operation {operation.name}")
        shape = self.shape(self.tape.operands[index][0])

        def view(x: np.ndarray) -> np.ndarray:
            return operation.function(x, **settings)  # type: ignore[no-any-return]

        try:
            return self.through(index, operands[0], shape, view)
        except MergedError:
            flat = self.flattened(index, operands[0], shape)
            size = (like.size,)
            return self.through(index, flat, size, lambda x: view(x.reshape(shape)))

    def flattened(self, index: int, value: Value, shape: Sequence[int]) -> Value:
        """Return a value written along one axis, its elements in C order."""
        terms = [
            (self.axes.find(dim), stride)
            for dim, stride in zip(value.dims, c_strides(shape), strict=True)
            if dim is not None
        ]
        size = math.prod(shape)
        dims = (self.axes.of((index, "flat"), size),)
        spec = (Affine(0, tuple(sorted(terms))),)
        node = placed(self.graph, dims, False, [spec], [value.node], value.node.type)
        return Value(node, dims)

    def through(
        self,
        index: int,
        value: Value,
        shape: tuple[int, ...],
        view: Callable[[np.ndarray], np.ndarray],
    ) -> Value:
        """Return a value read as a view of an array of its shape would be."""
        places, dims = self.index_map(index, value.dims, shape, view)
        return Value(self.graph.view(value.node, places), dims)

    def index_map(
        self,
        index: int,
        dims: Dims,
        shape: tuple[int, ...],
        view: Callable[[np.ndarray], np.ndarray],
    ) -> tuple[dict[int, Affine], Dims]:
        """Return where a view reads along each axis, and the view's dimensions."""
        made, offset = strides_of_view(shape, view)
        strides = c_strides(shape)
        start = places_of(offset, strides)
        found: list[int | None] = []
        terms: dict[int, list[tuple[int, int]]] = {}
        for place, (n, stride) in enumerate(zip(made.shape, made.strides, strict=True)):
            if n == 1:
                found.append(None)
            elif stride == 0:
                found.append(self.axes.of((index, place), n))
            else:
                steps = steps_of(stride, n, start, shape, strides)
                is_whole = len(steps) == 1 and is_identity(steps, start, shape, n)
                axis = dims[steps[0][0]] if is_whole else None
                if axis is None or axis in found:
                    axis = self.axes.of((index, place), n)
                axis = self.axes.find(axis)
                for at, step in steps:
                    terms.setdefault(at, []).append((axis, step))
                found.append(axis)
        places = {
            dims[at]: Affine(start[at], tuple(sorted(terms.get(at, ()))))
            for at in range(len(shape))
            if dims[at] is not None
        }
        self.axes.keep_apart(axis for axis in found if axis is not None)
        return places, tuple(found)  # type: ignore[return-value]

    def taken(
        self,
        index: int,
        operation: Operation,
        operands: list[Value],
        settings: dict[str, Any],
        like: Type,
    ) -> Value:
        """Return ``x[key]``."""
        shape = self.shape(self.tape.operands[index][0])
        parts = key_parts(settings["key"], len(shape))
        basic, slots, front = split_key(parts, self.ranks(index, 1))
        value = self.through(index, operands[0], shape, lambda x: x[basic])
        if not slots:
            return value
        found, chosen = self.chosen(index, 1, operands[1:], parts, shape)
        dims = list(value.dims)
        gathered: dict[int, Node] = {}
        for place, position in slots:
            axis = dims[place]
            if axis is not None:
                gathered[axis] = chosen[position]
        for place, _ in reversed(slots):
            del dims[place]
        node = self.graph.gather(value.node, gathered)
        return self.beside(node, dims, front, found)

    def ranks(self, index: int, first: int) -> list[int]:
        """Return the number of dimensions of the index arrays of a node."""
        return [len(self.shape(k)) for k in self.tape.operands[index][first:]]

    def beside(
        self, node: Node, dims: list[int | None], front: int, found: Dims
    ) -> Value:
        """Return what was read at indices, their dimensions put among the others."""
        axes = [a for a in found if a is not None]
        if any(a in dims for a in axes):
            raise NotLoweredError("indices along the axis that they read beside")
        dims[front:front] = found
        self.axes.keep_apart(a for a in dims if a is not None)
        return Value(node, tuple(dims))

    def chosen(
        self,
        index: int,
        first: int,
        operands: list[Value],
        parts: list[Any],
        shape: Sequence[int],
    ) -> tuple[Dims, dict[int, Node]]:
        """Return the dimensions of index arrays, and the places that each one says.

        Places before the start count from the end; what lies outside raises, so that
        such a play is refused.
        """
        indices = self.tape.operands[index][first:]
        wide = np.broadcast_shapes(*(self.shape(k) for k in indices))
        nodes, dims = self.line_up(index, operands, wide)
        found: dict[int, Node] = {}
        at = 0
        for part in parts:
            if type(part) is Placeholder:
                length, k = shape[at], part.position
                like = self.tape.types[indices[k]]
                if like.dtype.kind != "i":
                    raise NotLoweredError("masks")
                operand = indices[k]
                if (
                    self.tape.operations[operand] is CONSTANT
                    and operand not in self.sources
                ):
                    numbers = np.asarray(self.tape.settings[operand]["value"])
                    if numbers.min() < -length or numbers.max() >= length:
                        raise NotLoweredError("an index out of bounds")
                    found[k] = self.graph.wrapped(nodes[k], length, numbers.min() < 0)
                else:
                    found[k] = self.bounded(nodes[k], length)
            at += part is not None
        return dims, found

    def bounded(self, node: Node, length: int) -> Node:
        """Return recorded places within bounds; what is outside refuses the play."""
        graph = self.graph
        n, least = graph.number(length, node.type), graph.number(-length, node.type)
        outside = graph.map("x < y or x >= z", (node, least, n), "bool")
        self.flags.append((BOUNDS, outside))
        node = graph.wrapped(node, length, True)
        zero, last = graph.number(0, node.type), graph.number(length - 1, node.type)
        return graph.map("minimum(maximum(x, y), z)", (node, zero, last), node.type)

    def reshaped(
        self,
        index: int,
        operation: Operation,
        operands: list[Value],
        settings: dict[str, Any],
        like: Type,
    ) -> Value:
        """Return another shape: axes of one element come and go, axes are split."""
        shape = self.shape(self.tape.operands[index][0])
        value = operands[0]
        old = [(n, d) for n, d in zip(shape, value.dims, strict=True) if n != 1]
        if [n for n, _ in old] == [n for n in like.shape if n != 1]:
            rest = iter(d for _, d in old)
            dims = tuple([None if n == 1 else next(rest) for n in like.shape])
            return Value(value.node, dims)
        return self.viewed(index, operation, operands, settings, like)

    def joined(
        self,
        index: int,
        operation: Operation,
        operands: list[Value],
        settings: dict[str, Any],
        like: Type,
    ) -> Value:
        """Return parts side by side, along an axis that is there or a new one."""
        axis = settings["axis"] % max(1, len(like.shape))
        rest_shape = [n for k, n in enumerate(like.shape) if k != axis]
        rests, along = [], []
        for value in operands:
            own_dims = list(value.dims)
            along.append(own_dims.pop(axis) if operation is CONCATENATE else None)
            rests.append(Value(value.node, tuple(own_dims)))
        # Along the axis itself parts may have any number of elements, and axes of
        # their own: those beside it are lined up.
        others = {self.axes.find(d) for v in rests for d in v.dims if d is not None}
        for k, dim in enumerate(along):
            if dim is None:
                continue
            mine = self.axes.find(dim)
            if mine in others:
                own = self.axes.of((index, "part", k), self.axes.extents[mine])
                moved = {mine: Affine(0, ((own, 1),))}
                node = self.graph.view(rests[k].node, moved)
                rests[k], mine = rests[k]._replace(node=node), own
            along[k] = mine
            self.axes.keep_apart([mine, *others])
        nodes, rest = self.line_up(index, rests, rest_shape)
        n = like.shape[axis]
        whole = None if n == 1 else self.axes.of((index, axis), n)
        dims = (*rest[:axis], whole, *rest[axis:])
        self.axes.keep_apart(d for d in dims if d is not None)
        if whole is None:
            return Value(nodes[0], dims)
        specs: list[tuple[Place, ...]] = []
        start = 0
        for dim in along:
            dim = None if dim is None else self.axes.find(dim)
            spec: list[Place] = [
                Affine(0, ((d, 1),)) if d is not None else None for d in dims
            ]
            spec[axis] = Affine(start, () if dim is None else ((dim, 1),))
            start += 1 if dim is None else self.axes.extents[dim]
            specs.append(tuple(spec))
        return Value(
            placed(self.graph, dims, False, specs, nodes, str(like.dtype)), dims
        )

    def written(
        self,
        index: int,
        operation: Operation,
        operands: list[Value],
        settings: dict[str, Any],
        like: Type,
    ) -> Value:
        """Return a value in which some elements are others, or have something added."""
        base, value = operands[:2]
        type_, adds = str(like.dtype), operation is INDEX_ADD
        if adds and casts_sums(type_, value.node.type):
            raise NotLoweredError("np.add.at that makes integers or bools of its sums")
        region = self.region(index, base.dims, operands[2:], settings, like)
        order = {axis for chosen in region.gathered for axis in chosen.axes}
        if len(order) > 1 and not adds:  # the last of equal places would have to win
            raise NotLoweredError("a write at indices of several dimensions")
        node = self.fitted(index, value, region.dims, type_)
        node = self.once(node, region, adds)
        whole = whole_of(base.dims)
        if region.spec == whole:
            done = self.graph.map("x + y", (base.node, node), type_) if adds else node
            return Value(done, base.dims)
        return Value(self.put(index, base, whole, region, node, adds, type_), base.dims)

    def region(
        self,
        index: int,
        dims: Dims,
        operands: list[Value],
        settings: dict[str, Any],
        like: Type,
    ) -> Region:
        """Return where a write goes."""
        chain = settings["chain"]
        seen = follow(np.empty(like.shape, np.uint8), chain)
        parts = key_parts(settings["key"], seen.ndim)
        basic, slots, front = split_key(parts, self.ranks(index, 2))
        if chain and slots:
            raise NotLoweredError("index arrays that write through views")
        places, around = self.index_map(
            index, dims, like.shape, lambda x: follow(x, chain)[basic]
        )
        spec: list[Place] = [None if d is None else places[d] for d in dims]
        if not slots:
            return Region(tuple(spec), [], around)
        found, chosen = self.chosen(index, 2, operands, parts, like.shape)
        gathered: list[Node] = []
        left = list(around)
        kept = [part for part in parts if part is not None]
        sources = [k for k, part in enumerate(kept) if type(part) is Placeholder]
        for at, (_, position) in zip(sources, slots, strict=True):
            if spec[at] is not None:
                spec[at] = len(gathered)
                gathered.append(chosen[position])
        for place, _ in reversed(slots):
            del left[place]
        nothing = self.graph.number(0, "int64")
        lined = self.beside(nothing, left, front, found).dims
        return Region(tuple(spec), gathered, lined)

    def fitted(self, index: int, value: Value, dims: Dims, type_: str) -> Node:
        """Return what is written, along the axes of where it goes."""
        if len(value.dims) > len(dims):
            raise NotLoweredError("a write of more dimensions than are written")
        shape = self.graph.shape(dims)
        region = Value(self.graph.number(0, type_), dims)
        (_, node), lined = self.line_up(index, [region, value], shape)
        back = {
            a: Affine(0, ((self.axes.find(d), 1),))
            for a, d in zip(lined, dims, strict=True)
            if a is not None and d is not None
        }
        return self.graph.map("x", (self.graph.view(node, back),), type_)

    def around(
        self, index: int, base: Value, whole: tuple[Place, ...], spec: tuple[Place, ...]
    ) -> tuple[list[tuple[Place, ...]], list[Node]]:
        """Return what a write leaves of memory, as pieces; all of it where it may."""
        apart = [
            k for k, (one, to) in enumerate(zip(whole, spec, strict=True)) if one != to
        ]
        place = spec[apart[0]] if len(apart) == 1 else None
        if not isinstance(place, Affine) or any(k != 1 for _, k in place.terms):
            return [whole], [base.node]
        at, axis = apart[0], base.dims[apart[0]]
        assert axis is not None
        stop = place.offset + self.graph.count(a for a, _ in place.terms)
        ends = (0, place.offset), (stop, self.axes.extents[axis])
        specs, nodes = list[tuple[Place, ...]](), list[Node]()
        for k, (start, end) in enumerate(ends):
            if start == end:
                continue
            rest = Affine(start, ())
            if end - start > 1:
                own = self.axes.of((index, "rest", k), end - start)
                self.axes.keep_apart(
                    [own, *(d for d in base.dims if d not in (None, axis))]
                )
                rest = Affine(start, ((own, 1),))
            specs.append((*whole[:at], rest, *whole[at + 1 :]))
            nodes.append(self.graph.view(base.node, {axis: rest}))
        return specs, nodes

    def put(
        self,
        index: int,
        base: Value,
        whole: tuple[Place, ...],
        region: Region,
        node: Node,
        adds: bool,
        type_: str,
    ) -> Node:
        """Return a base with a piece written over it, or added."""
        old = base.node
        specs: list[tuple[Place, ...]] = []
        nodes: list[Node] = []
        indices: list[Node] = []
        if adds and old.kind == "place" and old.data[:2] == (base.dims, True):
            specs, nodes, indices = pieces_of(old)
        elif (
            adds and old.data[:1] == (base.dims,) and is_sum_of_pieces(self.graph, old)
        ):
            specs, nodes, _ = pieces_of(old)
            kept = [k for k, piece in enumerate(nodes) if number_of(piece) != 0]
            specs, nodes = [specs[k] for k in kept], [nodes[k] for k in kept]
        elif not adds and old.kind == "leaf":
            specs, nodes = self.around(index, base, whole, region.spec)
        elif not adds or number_of(old) != 0:
            specs, nodes = [whole], [old]
        at: dict[int, int] = {}
        if adds and not region.gathered and is_sum_of_pieces(self.graph, node):
            dims = enumerate(node.data[0])
            at = {self.axes.find(dim): k for k, dim in dims if dim is not None}
        places = [p for p in region.spec if isinstance(p, Affine)]
        if at and all(axis in at for p in places for axis, _ in p.terms):
            inner, pieces, _ = pieces_of(node)
            specs += [
                tuple([through(p, at, spec) for p in region.spec]) for spec in inner
            ]
            nodes += pieces
        else:
            count = len(indices)
            specs.append(
                tuple([s + count if type(s) is int else s for s in region.spec])
            )
            nodes.append(node)
            indices += region.gathered
        return placed(self.graph, base.dims, adds, specs, nodes, type_, indices)

    def once(self, node: Node, region: Region, adds: bool) -> Node:
        """Return what is written where several elements go to the same place.

        They are added; or the last one stands.
        """
        apart = {axis for index in region.gathered for axis in index.axes}
        for place in region.spec:
            if isinstance(place, Affine):
                apart.update(axis for axis, _ in place.terms)
        same = {self.axes.find(d) for d in region.dims if d is not None} - apart
        if adds:
            return self.graph.reduce(step_of("x + y", node.type), node, same)
        last = {axis: Affine(self.graph.extent(axis) - 1, ()) for axis in same}
        return self.graph.view(node, last)


def pieces_of(node: Node) -> tuple[list[Any], list[Node], list[Node]]:
    """Return where the pieces of a place go, the pieces, and their index arrays."""
    specs = list(node.data[2])
    return specs, list(node.operands[: len(specs)]), list(node.operands[len(specs) :])


def is_sum_of_pieces(graph: Graph, node: Node) -> bool:
    """Whether a value is pieces added to zeros, at places that are known."""
    if node.kind != "place" or any(
        type(s) is int for spec in node.data[2] for s in spec
    ):
        return False
    return bool(node.data[1]) or is_disjoint(graph, node)


def through(place: Place, at: dict[int, int], spec: tuple[Place, ...]) -> Place:
    """Return where a piece goes that is written into what goes to a place.

    `at` says which dimension of it an axis is, `spec` where the piece goes there.
    """
    if not isinstance(place, Affine):
        return place
    offset, terms = place.offset, dict[int, int]()
    for axis, stride in place.terms:
        inner = spec[at[axis]]
        assert isinstance(inner, Affine)
        offset += stride * inner.offset
        for to, step in inner.terms:
            terms[to] = terms.get(to, 0) + stride * step
    return Affine(offset, tuple(sorted(terms.items())))


MOVES: dict[Operation, Callable[..., Value]] = {
    RESHAPE: Lowering.reshaped,
    GETITEM: Lowering.taken,
    STACK: Lowering.joined,
    CONCATENATE: Lowering.joined,
    STORE: Lowering.written,
    INDEX_ADD: Lowering.written,
}


def placed(
    graph: Graph,
    dims: Dims,
    adds: bool,
    specs: Sequence[tuple[Place, ...]],
    pieces: Sequence[Node],
    type_: str,
    indices: Sequence[Node] = (),
) -> Node:
    """Return pieces written into zeros in their order, or added.

    Where a piece goes is said for every dimension: a place, or the number of an index
    array that says it.
    """
    if not any(d is not None for d in dims):
        raise NotLoweredError("a write into one element")
    data = dims, adds, tuple(specs)
    axes = [d for d in dims if d is not None]
    nodes = [graph.map("x", (node,), type_) for node in pieces]
    return graph.make("place", data, [*nodes, *indices], axes, type_)


class Taint(NamedTuple):
    """What may be no number because a plain product of the chain rule is none.

    Attributes
    ----------
    all : dict of int to Node
    hidden : dict of int to Node
        Those of which something makes another answer; see `emit.absorption`.
    """

    all: dict[int, Node]
    hidden: dict[int, Node]


def taint(
    results: Sequence[Node], asked_of: Sequence[Node], arguments: set[int]
) -> Taint:
    """Return what is NaN where a plain product is.

    Arithmetic and selections hand a NaN on.  What guards ask about hides it.

    Parameters
    ----------
    results, asked_of : sequence of Node
    arguments : set of int
        Those that may be no numbers themselves.
    """
    found: dict[int, Node] = {}
    asked: dict[int, Node] = {}
    for node in reached([*results, *asked_of]).values():
        if node.kind == "map" and node.data == PLAIN_PRODUCT:
            found[node.number] = node
        is_argument = node.kind == "leaf" and node.data[0].kind == "argument"
        if is_argument and node.data[0].number in arguments:
            found[node.number] = node
        if node.kind == "loop":  # its step has asked for what it hides
            if node.data[1] in node.data[0].taints:
                found[node.number] = node
            continue
        for place, operand in enumerate(node.operands):
            if operand.number not in found:
                continue
            hides = node.kind == "map" and place in hidden(node.data, node.type)
            if hides or not node.type.startswith("float"):
                asked[operand.number] = operand
            else:
                found[node.number] = node
    return Taint(found, asked)


def is_carried(node: Node, body: Body) -> bool:
    """Whether a node of a step is what the step before has given."""
    if node.kind != "leaf" or node.data[0].kind != "argument":
        return False
    return bool(node.data[0].number < body.carried)


def is_nan(graph: Graph, node: Node) -> Node:
    """Return whether an element is not a number."""
    return graph.map("x != x", (node,), "bool")


def is_exact(node: Node) -> bool:
    """Whether a value is rounded as NumPy rounds it, whatever the order of its sums."""
    return not any(map(is_rounded_in_order, reached([node]).values()))


def is_rounded_in_order(node: Node) -> bool:
    """Whether a value depends on the order of a sum."""
    if node.kind == "loop":
        return not node.data[0].is_exact
    if node.kind == "place" and node.data[1]:
        return len(node.data[2]) > 1 and node.type.startswith("float")
    is_sum = node.kind == "reduce" and node.data[0].text in ("x + y", "x * y")
    return is_sum and node.type.startswith("float")


def strict_nodes(
    outputs: Sequence[Value], guards: Sequence[tuple[int, Node]]
) -> frozenset[int]:
    """Return the numbers of nodes that are rounded as NumPy rounds them."""
    results = [value.node for value in outputs]
    asked = [node for number, node in guards if number > BOUNDS]
    decided = [node for node in results if not node.type.startswith("float")]
    return frozenset(reached([*asked, *decided])) | sums_of_products(
        reached([*results, *asked]).values()
    )


def sums_of_products(nodes: Iterable[Node]) -> frozenset[int]:
    """Return the numbers of nodes that add two products, wherever those are read."""
    products: set[int] = set()
    sums: set[int] = set()
    for node in nodes:
        if not node.type.startswith("float"):
            continue
        read = [operand.number for operand in node.operands]
        if node.kind == "map":
            if is_product(node.data, read, products):
                products.add(node.number)
            elif has_sum_of(node.data, read, products):
                sums.add(node.number)
            elif node.data == "x + y" and any(number_of(x) == 0 for x in node.operands):
                products.update({node.number} if products & {*read} else ())
        elif node.kind != "reduce" and not products.isdisjoint(read):
            products.add(node.number)
    return frozenset(sums)


def step_of(text: str, type_: str) -> Step:
    """Return a fold in a type."""
    start = STARTS[text]
    if np.isinf(start) and type_.startswith("int"):
        ends = np.iinfo(type_)
        start = ends.min if start < 0 else ends.max
    if np.isinf(start) and type_ == "bool":
        start = start > 0
    return Step(text, start)


def is_asked_before(tape: Tape, index: int) -> bool:
    """Whether a node is a question that a replay is asked before it starts."""
    return tape.operations[index] is GUARD and tape.settings[index]["kind"] in OF_MEMORY


def needed(tape: Tape) -> list[int]:
    """Return the nodes that outputs and guards need, and those that may raise."""
    wanted = reaching(
        tape,
        tape.output_indices,
        is_kept=lambda k: may_leave(tape, k) and not is_asked_before(tape, k),
    )
    return [index for index, flag in enumerate(wanted) if flag]


def checked_type(like: Any) -> Type:
    """Return the type of an array that native code has."""
    if not isinstance(like, Type) or str(like.dtype) not in TYPES:
        raise NotLoweredError(f"values of type {like}")
    return like


def is_even(array: np.ndarray) -> bool:
    """Whether all elements of an array are the same to the bit."""
    flat = array.reshape(-1)
    if flat.size == 1:
        return True
    size = array.dtype.itemsize
    bits = flat.view(np.dtype(f"u{size}"))
    return bool((bits == bits[0]).all())


def with_dots(term: str, ndim: int) -> str:
    """Return a term with a digit an axis of its ellipsis, the last axis being 9."""
    extra = ndim - len(term.replace("...", ""))
    return term.replace("...", "".join(str(9 - k) for k in reversed(range(extra))))


def spelled(output: str, terms: Sequence[str]) -> str:
    """Return the letters of a result, those of its ellipsis as digits."""
    dots = max(sum(c.isdigit() for c in term) for term in terms)
    return output.replace("...", "".join(str(9 - k) for k in reversed(range(dots))))
