"""Nodes that do the same become one, and loops over the same operands one loop.

The sweeps backwards and forwards each ask for columns of the same steps, and the value
was computed by a loop of its own: together they are one step that stacks them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from wengert.core.repetitions import COLUMNS
from wengert.core.tape import CONSTANT, INPUT, Tape
from wengert.core.types import Type
from wengert.derive.loops import SCAN
from wengert.derive.repeats import setting_code
from wengert.derive.steps import Body, as_step
from wengert.ops.index import GETITEM, ITEM

#: How a step reads an operand of its loop, in the order of its inputs.
KINDS = ("carried", "row", "fixed")


def merged(tape: Tape, captured: Sequence[int]) -> tuple[Tape, list[int]]:
    """Return a tape with loops on which nothing is done twice; and its captures."""
    if SCAN not in tape.operations:
        return tape, list(captured)
    together = Together(tape, captured)
    made, places = together.written(), [together.at[k] for k in captured]
    if not hands_on(made):
        return made, places
    again = Together(made, places)  # what a loop in a step hands on, the step does
    return again.written(), [again.at[k] for k in places]


def hands_on(tape: Tape) -> bool:
    """Whether a loop of a tape carries what its step hands on as it is."""
    return any(
        settings["body"].tape.output_indices[k]
        == settings["body"].tape.input_indices[k]
        for operation, settings in zip(tape.operations, tape.settings, strict=True)
        if operation is SCAN
        for k in range(settings["body"].carried)
    )


class Writer:
    """A tape that is written node by node, each once."""

    def __init__(self) -> None:
        self.new = Tape()
        self.known: dict[Any, int] = {}

    def copy(self) -> Writer:
        """Return another that goes on from here."""
        other = Writer()
        for name in COLUMNS:
            getattr(other.new, name).extend(getattr(self.new, name))
        other.new.play.outputs = list(self.new.play.outputs)
        other.new.input_indices = list(self.new.input_indices)
        other.known = dict(self.known)
        return other

    def add(self, tape: Tape, index: int, places: tuple[int, ...], key: Any) -> int:
        """Return the node that does what one of a tape does; write it if it is new."""
        known = self.known.get(key)
        if known is None:
            operation = tape.operations[index]
            is_given = operation is CONSTANT or operation is INPUT
            known = self.known[key] = self.new.append(
                operation,
                places,
                tape.settings[index],
                tape.types[index],
                tape.play.outputs[index] if is_given else None,
                tape.lines[index],
            )
        return known


def as_one(
    tapes: Sequence[Tape], names: Sequence[Sequence[Any]]
) -> tuple[Tape, list[list[int]]]:
    """Return a tape that does what several do, each node once; and the outputs of each.

    Parameters
    ----------
    tapes : sequence of Tape
        Their constants stay as they are.
    names : sequence of sequence
        By tape what its inputs are called: those of one name are one.
    """
    writer, outputs = Writer(), []
    for tape, own in zip(tapes, names, strict=True):
        at = dict[int, int]()
        for index, name in zip(tape.input_indices, own, strict=True):
            at[index] = writer.add(tape, index, (), (INPUT, name))
        for index in range(len(tape)):
            if index not in at:
                places = tuple([at[k] for k in tape.operands[index]])
                key = key_of(tape, index, places)
                at[index] = writer.add(tape, index, places, key)
        outputs.append([at[k] for k in tape.output_indices])
    new = writer.new
    new.input_indices = [writer.known[INPUT, k] for k in dict.fromkeys(chain(*names))]
    new.chosen_outputs = list(chain(*outputs))
    new.keeps_guards = all(tape.keeps_guards for tape in tapes)
    return new, outputs


def key_of(tape: Tape, index: int, places: tuple[int, ...]) -> Any:
    """Return what a node is equal by, of operands at some places."""
    operation, settings = tape.operations[index], tape.settings[index]
    like = tape.types[index]
    if operation is INPUT:
        return INPUT, index
    if operation is CONSTANT:
        return CONSTANT, like, *contents(settings["value"])
    key = operation, places, like, *map(setting_code, settings.items())
    try:
        hash(key)
    except TypeError:  # the same settings are one object
        return operation, places, like, *map(id, settings.values())
    return key


def contents(value: Any) -> tuple[str, bytes]:
    """Return what numbers of one shape are equal by."""
    value = np.asarray(value)
    return value.dtype.str, value.tobytes()


class Input(NamedTuple):
    """What a step reads of an operand of its loop, and how."""

    kind: str  # "carried", "row" or "fixed"
    key: Any
    like: Type
    operand: int


class Union:
    """Steps over the same, as one step that gives what all of them give.

    Attributes
    ----------
    inputs : list of Input
    state : dict of int to int
        By carried input its node of the next step.
    stacked : list of int
        Its nodes that are stacked.
    results : dict of int to list of (bool, int)
        By loop its results: carried inputs, and others among what is stacked.
    same : set of int
        The carried inputs that are the same in every step, once all loops are known.
    """

    def __init__(self, first: int, body: Body) -> None:
        self.first, self.body = first, body
        self.writer, self.inputs = Writer(), list[Input]()
        self.state: dict[int, int] = {}
        self.stacked: list[int] = []
        self.results: dict[int, list[tuple[bool, int]]] = {}
        self.same: set[int] = set()

    def takes(self, loop: int, body: Body, inputs: Sequence[Input]) -> bool:
        """Take in a loop that carries some of the same, or the first one; whether."""
        options = [
            [n for n, known in enumerate(self.inputs) if known[:3] == given[:3]]
            for given in inputs
        ]
        while True:
            places = [option[0] if option else -1 for option in options]
            if self.results and max(places[: body.carried], default=-1) < 0:
                return False
            if self.tries(loop, body, inputs, places, options):
                return True

    def tries(
        self,
        loop: int,
        body: Body,
        inputs: Sequence[Input],
        places: list[int],
        options: list[list[int]],
    ) -> bool:
        """Take in a loop that carries what is there, if it goes on in the same way.

        What does not is no option any more.
        """
        writer, known, tape = self.writer.copy(), list(self.inputs), body.tape
        at = dict[int, int]()
        for k, index in enumerate(tape.input_indices):
            if places[k] < 0 and k >= body.carried:
                same = [
                    n for n, other in enumerate(known) if other[:3] == inputs[k][:3]
                ]
                places[k] = same[0] if same else -1
            if places[k] < 0:
                places[k] = len(known)
                known.append(inputs[k])
            at[index] = writer.add(tape, index, (), (INPUT, places[k]))
        for index in range(len(tape)):
            if index not in at:
                operands = tuple([at[k] for k in tape.operands[index]])
                key = key_of(tape, index, operands)
                at[index] = writer.add(tape, index, operands, key)
        outputs = [at[index] for index in tape.output_indices]
        ends = list(zip(places, outputs, strict=False))[: body.carried]
        wrong = [k for k, (n, end) in enumerate(ends) if self.state.get(n, end) != end]
        for k in wrong:
            options[k].pop(0)
        if wrong:
            return False
        self.writer, self.inputs = writer, known
        self.state.update(ends)
        self.stacked = list(dict.fromkeys([*self.stacked, *outputs[body.carried :]]))
        self.results[loop] = [
            *[(True, n) for n, _ in ends],
            *[(False, self.stacked.index(k)) for k in outputs[body.carried :]],
        ]
        return True

    def settle(self, tape: Tape) -> None:
        """Find what is carried, and handed on as it is by every step."""
        known = self.writer.known
        for n, end in self.state.items():
            is_own = tape.types[self.inputs[n].operand] == self.inputs[n].like
            if end == known[INPUT, n] and is_own:
                self.same.add(n)

    @property
    def kinds(self) -> list[str]:
        """How a step reads the inputs."""
        return [
            "fixed" if n in self.same else known.kind
            for n, known in enumerate(self.inputs)
        ]

    @property
    def order(self) -> list[int]:
        """The inputs in the order in which a step has them."""
        kinds = self.kinds
        return [n for kind in KINDS for n, own in enumerate(kinds) if own == kind]

    @property
    def is_alone(self) -> bool:
        """Whether it is one loop, which reads nothing twice and hands nothing on."""
        is_one = len(self.results) == 1 and not self.same
        return is_one and len(self.inputs) == len(self.body.inputs)

    @property
    def operands(self) -> list[int]:
        """The nodes that the loop reads."""
        return [self.inputs[n].operand for n in self.order]

    def whole(self) -> Body:
        """Return the step of all, on which loops are together too."""
        kinds, order = self.kinds, self.order
        carried, moving = kinds.count("carried"), kinds.count("row")
        tape = self.body.tape
        if not self.is_alone:
            tape = self.writer.new
            tape.input_indices = [self.writer.known[INPUT, n] for n in order]
            nexts = [self.state[n] for n in order if kinds[n] == "carried"]
            tape = as_step(tape, [*nexts, *self.stacked])
        return Body(merged(tape, ())[0], carried, moving)

    def place(self, loop: int, which: int) -> int:
        """Return where a result of a loop is among those of all."""
        if self.is_alone:
            return which
        is_carried, n = self.results[loop][which]
        return self.order.index(n) if is_carried else self.kinds.count("carried") + n

    def handed_on(self, loop: int, which: int) -> int | None:
        """Return the operand that a result of a loop is, if it is one."""
        is_carried, n = self.results[loop][which]
        return self.inputs[n].operand if is_carried and n in self.same else None


class Together:
    """A tape that is written again, each node once, loops over the same as one."""

    def __init__(self, tape: Tape, captured: Sequence[int]) -> None:
        self.tape, self.captured = tape, frozenset(captured)
        self.writer = Writer()
        self.at: dict[int, int] = {}
        #: By loop what it is part of, and the node of it.
        self.unions: dict[int, Union] = {}
        self.find_unions()
        self.made: dict[int, int] = {}

    def key(self, index: int, places: tuple[int, ...]) -> Any:
        """Return what a node is equal by."""
        if index in self.captured:
            return CONSTANT, index
        return key_of(self.tape, index, places)

    def inputs(self, index: int, like: Sequence[int]) -> list[Input]:
        """Return what a loop's step sees of its operands, by equal nodes.

        A step that was recorded of Python's numbers makes Python's numbers of others.
        """
        tape, body = self.tape, self.tape.settings[index]["body"]
        counts = body.carried, body.moving, len(body.inputs)
        kinds = [kind for kind, n in zip(KINDS, counts, strict=True) for _ in range(n)]
        found = []
        for operand, own, kind in zip(
            tape.operands[index], body.inputs, kinds, strict=False
        ):
            is_number = own.weak and tape.operations[operand] is CONSTANT
            key: Any = like[operand]
            if is_number and operand not in self.captured:
                key = contents(tape.settings[operand]["value"])
            found.append(Input(kind, key, own, operand))
        return found

    def find_unions(self) -> None:
        """Find for every loop the union that it is part of."""
        tape, first = self.tape, dict[Any, int]()
        like: list[int] = []
        groups: dict[Any, list[Union]] = {}
        for index, operation in enumerate(tape.operations):
            places = tuple([like[k] for k in tape.operands[index]])
            like.append(first.setdefault(self.key(index, places), index))
            if operation is not SCAN:
                continue
            settings, inputs = tape.settings[index], self.inputs(index, like)
            body: Body = settings["body"]
            known = groups.setdefault((settings["count"], settings["reverse"]), [])
            before = self.before(index)
            for union in known:
                if before.isdisjoint(union.results) and union.takes(
                    index, body, inputs
                ):
                    self.unions[index] = union
                    break
            else:
                union = self.unions[index] = Union(index, body)
                union.takes(index, body, inputs)
                known.append(union)
        for union in {id(union): union for union in self.unions.values()}.values():
            union.settle(tape)

    def before(self, index: int) -> set[int]:
        """Return the nodes that are written before another."""
        found, todo = set[int](), list(self.needs(index))
        while todo:
            node = todo.pop()
            if node not in found:
                found.add(node)
                todo += self.needs(node)
        return found

    def needs(self, index: int) -> Sequence[int]:
        """Return the nodes that one is written of."""
        union = self.unions.get(index)
        return self.tape.operands[index] if union is None else union.operands

    def written(self) -> Tape:
        """Return the new tape."""
        tape, new = self.tape, self.writer.new
        for index in range(len(tape)):
            todo = [index]
            while todo:  # a loop stands where the first of its parts stood
                missing = [k for k in self.needs(todo[-1]) if k not in self.at]
                if missing:
                    todo += missing
                    continue
                node = todo.pop()
                if node not in self.at:
                    self.at[node] = self.node(node)
        new.input_indices = [self.at[index] for index in tape.input_indices]
        new.chosen_outputs = [self.at[index] for index in tape.output_indices]
        new.structure, new.title = tape.structure, tape.title
        return new

    def node(self, index: int) -> int:
        """Write one node."""
        tape, operation = self.tape, self.tape.operations[index]
        places = tuple([self.at[k] for k in self.needs(index)])
        if operation is SCAN:
            return self.loop(index, places)
        if operation is ITEM and tape.operands[index][0] in self.unions:
            (loop,), which = tape.operands[index], tape.settings[index]["result"]
            return self.result(loop, which, index)
        if operation is GETITEM and (end := self.last_row(index)) is not None:
            return self.result(tape.operands[tape.operands[index][0]][0], end, index)
        return self.writer.add(tape, index, places, self.key(index, places))

    def last_row(self, index: int) -> int | None:
        """Return the carried result that a node reads as the last row of a stack."""
        tape, key = self.tape, self.tape.settings[index]["key"]
        stack = tape.operands[index][0]
        if (
            tape.operations[stack] is not ITEM
            or len(key) != 1
            or type(key[0]) is not int
        ):
            return None
        loop, result = tape.operands[stack][0], tape.settings[stack]["result"]
        if loop not in self.unions:
            return None
        settings = tape.settings[loop]
        body, last = (
            settings["body"],
            0 if settings["reverse"] else settings["count"] - 1,
        )
        ends = body.tape.output_indices
        if result < body.carried or key[0] % settings["count"] != last:
            return None
        found = [k for k in range(body.carried) if ends[k] == ends[result]]
        return found[0] if found else None

    def loop(self, index: int, places: tuple[int, ...]) -> int:
        """Write a loop, where the first of its union stands."""
        tape, union = self.tape, self.unions[index]
        if union.first not in self.made:
            body = union.whole()
            settings = {**tape.settings[index], "body": body}
            count = settings["count"]
            types = tuple(
                like._replace(shape=(count, *like.shape)) if k >= body.carried else like
                for k, like in enumerate(body.outputs)
            )
            line = tape.lines[index]
            node = self.writer.new.append(SCAN, places, settings, types, None, line)
            self.made[union.first] = node
        return self.made[union.first]

    def result(self, loop: int, which: int, index: int) -> int:
        """Write one result of a loop, which a node is; once."""
        tape, places, union = self.tape, (self.at[loop],), self.unions[loop]
        operand = union.handed_on(loop, which)
        if operand is not None:
            return self.at[operand]
        result = union.place(loop, which)
        key = ITEM, places, result
        known = self.writer.known.get(key)
        if known is None:
            settings, line = {"result": result}, tape.lines[index]
            known = self.writer.known[key] = self.writer.new.append(
                ITEM, places, settings, tape.types[index], None, line
            )
        return known
