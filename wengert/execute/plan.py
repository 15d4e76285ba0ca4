"""A tape's play with NumPy, decided once: what is called, in place, and let go when.

The interpreter decides the same at every node of every play; a plan is for tapes that
are replayed again and again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import length_hint
from typing import Any, NamedTuple

import numpy as np

# By name: while recording, NumPy's own is answered.
from numpy import multiply

from wengert.core.floating_point import plays
from wengert.core.tape import CONSTANT, GUARD, Play, Tape
from wengert.core.types import Type, has_class, is_array
from wengert.execute.interpret import (
    LEAVES_PATH,
    check_guard,
    evaluate_node,
    gives_view,
    last_uses,
    needed,
    overwrite,
    own,
    play_nodes,
)
from wengert.lower.hiding import handing_on
from wengert.ops.chain import CHAIN_PRODUCT, has_nan
from wengert.ops.index import GETITEM, IN_PLACE, INDEX_ADD, ITEM, decode
from wengert.ops.python import RAISES, is_weak

#: What one step does to the outputs of a play.
Step = Callable[[list[Any]], None]
#: What a Python number widens nothing to.
WIDEST = np.dtype(np.float64), np.dtype(np.complex128)
#: Bytes from which an array is let go after its last use, and not copied in vain.
LARGE = 8192


class Left(NamedTuple):
    """Where a play left the recorded path: Python decides otherwise at this node."""

    node: int


class Plan:
    """The steps of a tape's play.

    Parameters
    ----------
    tape : Tape
        Nothing is appended to it any more.
    captured : sequence of int
        Constant nodes whose contents are given at every play.
    """

    def __init__(self, tape: Tape, captured: Sequence[int] = ()) -> None:
        self.captured = tuple(captured)
        self.inputs = tuple(tape.input_indices)
        self.outputs = tuple(tape.output_indices)
        self.blank: list[Any] = [None] * len(tape)
        for index, operation in enumerate(tape.operations):
            if operation is CONSTANT and index not in self.captured:
                self.blank[index] = tape.settings[index]["value"]
        #: Buffers of constants, and which outputs are computed by operations of ours.
        self.held = held_by(tape)
        self.is_made = [is_made(tape, index) for index in self.outputs]
        nodes = needed(tape)
        when = places(tape, nodes)
        last = last_uses(tape, when=when)
        dead = released(tape, when, last)
        self.steps: list[Step] = []
        #: The node of each step.
        self.nodes: list[int] = []
        for place, node in enumerate(nodes):
            self.add(step_of(tape, node, when, last), node)
            if place in dead:
                self.add(release(dead[place]), node)
        self.tape = tape
        #: The steps with plain products, from the first run on; none where they fail.
        self.hopeful: list[Step] | None = None
        #: The outputs of which one is NaN where such a product is.
        self.asked: list[int] = []

    def hope(self) -> list[Step]:
        """Return the steps with plain products for those of the chain rule.

        That no product is NaN, so that zeros have nothing to absorb, is asked of the
        outputs alone: not of each.
        """
        marked = handing_on(self.tape, dict.fromkeys(self.nodes))
        if not marked:
            return []
        self.asked = [index for index in self.outputs if index in marked]
        steps, before = list(self.steps), -1
        for place, node in enumerate(self.nodes):
            if node != before and is_plain_product(self.tape, node):
                steps[place] = binary_step(multiply, node, *self.tape.operands[node])
            before = node
        return steps

    def add(self, step: Step, node: int) -> None:
        """Append a step."""
        self.steps.append(step)
        self.nodes.append(node)

    def run(
        self, values: Sequence[Any], captures: Sequence[Any] = ()
    ) -> list[Any] | Left:
        """Return the tape's outputs for given inputs and contents of captures.

        Where the play leaves the recorded path, that says where.  NumPy is not to warn.
        """
        hopeful = self.hopeful
        if hopeful is None:
            hopeful = self.hopeful = self.hope()
        outputs = self.given(values, captures)
        if hopeful:
            left = self.done(hopeful, outputs)
            if left is not None:
                return left
            if not any(has_nan(outputs[k]) for k in self.asked):
                return self.owned(outputs)
            self.hopeful, outputs = [], self.given(values, captures)
        left = self.done(self.steps, outputs)
        return self.owned(outputs) if left is None else left

    def done(self, steps: Sequence[Step], outputs: list[Any]) -> Left | None:
        """Do some steps; return where they left the recorded path, if they did."""
        todo = iter(steps)
        try:
            for step in todo:
                step(outputs)
        except LEAVES_PATH:
            return Left(self.nodes[len(self.nodes) - length_hint(todo) - 1])
        return None

    def given(self, values: Sequence[Any], captures: Sequence[Any] = ()) -> list[Any]:
        """Return the outputs of a play before its first step."""
        outputs = self.blank.copy()
        for index, value in zip(self.inputs, values, strict=True):
            outputs[index] = value
        if captures:
            for index, value in zip(self.captured, captures, strict=True):
                outputs[index] = value
        return outputs

    def owned(self, outputs: list[Any]) -> list[Any]:
        """Return the tape's outputs, each in memory that nothing else holds."""
        found = [outputs[index] for index in self.outputs]
        given = [outputs[index] for index in (*self.inputs, *self.captured)]
        return owned(found, given, self.held, self.is_made)


class Player:
    """A tape that is played many times by others, as the step of a loop is.

    What it gives may be a view of what it was given, or of a constant.
    """

    def __init__(self, tape: Tape) -> None:
        self.tape, self.plan, self.last = tape, Plan(tape), last_uses(tape)
        self.steps = list(zip(self.plan.nodes, self.plan.steps, strict=True))

    def __call__(self, values: Sequence[Any]) -> list[Any]:
        """Return the outputs at values of the inputs."""
        outputs = self.plan.given(values)
        try:
            play_steps(self.tape, self.steps, outputs)
        except LEAVES_PATH:  # node by node it is known why
            outputs = self.plan.given(values)
            play_nodes(self.tape, outputs, self.last)
        return [outputs[index] for index in self.plan.outputs]


@plays
def play_steps(
    tape: Tape, steps: Sequence[tuple[int, Step]], outputs: list[Any]
) -> None:
    """Do the steps of a play, each with its node."""
    for index, step in steps:  # noqa: B007 (read where NumPy warns)
        step(outputs)


def owned(
    found: list[Any], given: Sequence[Any], held: set[int], is_made: Sequence[bool]
) -> list[Any]:
    """Return outputs of a run, each in memory that nothing else holds.

    A large array is copied only where its buffer is that of an input, of a constant (of
    those that are `held`) or of another output.
    """
    if not any(map(is_large, found)):
        return [own(value) for value in found]
    taken = held | {id(owner_of(value)) for value in given}
    for place, value in enumerate(found):
        owner = owner_of(value)
        if not (is_made[place] and is_whole(value, owner)) or id(owner) in taken:
            found[place] = own(value)
        taken.add(id(owner))
    return found


def results_of(tape: Tape) -> list[Any]:
    """Return the outputs of a run that was recorded, and let its numbers go.

    Only the inputs are kept, for measurements; Python's numbers stay Python's.
    """
    outputs = tape.play.outputs
    given = {index: outputs[index] for index in tape.input_indices}
    found = [as_returned(tape, index) for index in tape.output_indices]
    is_made_here = [is_made(tape, index) for index in tape.output_indices]
    tape.play = Play(len(tape))
    for index, value in given.items():
        tape.play.outputs[index] = value
    return owned(found, list(given.values()), held_by(tape), is_made_here)


def as_returned(tape: Tape, index: int) -> Any:
    """Return an output of the recorded run; Python's numbers stay Python's."""
    output = tape.play.outputs[index]
    is_weak = tape.types[index].weak and has_class(output, np.generic)
    return output.item() if is_weak else output


def held_by(tape: Tape) -> set[int]:
    """Return the buffers of a tape's constants."""
    return {
        id(owner_of(tape.settings[index]["value"]))
        for index, operation in enumerate(tape.operations)
        if operation is CONSTANT
    }


def is_large(value: Any) -> bool:
    """Whether a value is an array that is worth a look before it is copied."""
    return is_array(value) and value.nbytes >= LARGE


def is_whole(value: Any, owner: Any) -> bool:
    """Whether an array is all of a buffer, in C order, and may be written into."""
    flags = value.flags if is_large(value) else None
    return flags is not None and (
        is_array(owner)
        and value.size == owner.size
        and flags.c_contiguous
        and flags.writeable
    )


def owner_of(value: Any) -> Any:
    """Return the object whose buffer an array is a view of."""
    while getattr(value, "base", None) is not None:
        value = value.base
    return value


def is_made(tape: Tape, index: int) -> bool:
    """Whether a node's output is made anew in every play, or a view of such a one.

    A user's own node may hand out an array that it keeps.
    """
    while tape.operations[index] is ITEM or gives_view(tape, index):
        index = tape.operands[index][0]
    operation = tape.operations[index]
    kind = operation.identity
    is_vmap = isinstance(kind, tuple) and kind[0] == "vmap"
    return is_vmap or operation.is_registered


def places(tape: Tape, nodes: Sequence[int]) -> list[int]:
    """Return for every node the place at which it is played; -1 where it is not."""
    when = [-1] * len(tape)
    for place, node in enumerate(nodes):
        when[node] = place
    return when


def released(tape: Tape, when: list[int], last: list[int]) -> dict[int, list[int]]:
    """Return for each place the large arrays that nothing reads after it."""
    dead: dict[int, list[int]] = {}
    for index, type_ in enumerate(tape.types):
        if when[index] < 0 or not isinstance(type_, Type):
            continue
        is_large = type_.size * type_.dtype.itemsize >= LARGE
        if is_large and when[index] <= last[index] < len(tape):
            dead.setdefault(last[index], []).append(index)
    return dead


def release(indices: list[int]) -> Step:
    """Return the step that lets arrays go."""

    def step(outputs: list[Any]) -> None:
        for index in indices:
            outputs[index] = None

    return step


def step_of(tape: Tape, index: int, when: list[int], last: list[int]) -> Step:
    """Return the step of one node."""
    operation, operands = tape.operations[index], tape.operands[index]
    settings, function = tape.settings[index], tape.operations[index].function
    if operation is GUARD:
        return lambda outputs: check_guard(tape, index, outputs[operands[0]])
    if operation in IN_PLACE:
        base = operands[0]
        if tape.operations[base] in IN_PLACE and last[base] == when[index]:
            return write_step(tape, index)
    elif widens(tape, index) or is_weak(tape.types[index]) or operation is RAISES:
        return evaluate_step(tape, index)
    if operation is GETITEM and len(operands) == 1:
        return taking_step(index, operands[0], decode(settings["key"], ()))
    if settings or not 1 <= len(operands) <= 2:
        return general_step(function, index, operands, settings)
    if len(operands) == 1:
        return unary_step(function, index, operands[0])
    return binary_step(function, index, *operands)


def is_plain_product(tape: Tape, index: int) -> bool:
    """Whether a node is a product of the chain rule of arrays of NumPy's numbers."""
    if tape.operations[index] is not CHAIN_PRODUCT or not tape.types[index].shape:
        return False
    return not (widens(tape, index) or is_weak(tape.types[index]))


def widens(tape: Tape, index: int) -> bool:
    """Whether it matters if a Python number came as Python's or as NumPy's."""
    types = [tape.types[k] for k in tape.operands[index]]
    others = [like for like in types if not is_weak(like)]
    if not others or len(others) == len(types):
        return False
    return not all(
        isinstance(like, Type) and like.dtype in WIDEST
        for like in (*others, tape.types[index])
    )


def write_step(tape: Tape, index: int) -> Step:
    """Return the step of a write into its base's own buffer."""
    settings, (base, value, *places) = tape.settings[index], tape.operands[index]
    if tape.operations[index] is INDEX_ADD and not (places or settings["chain"]):
        return adding_step(index, base, value, decode(settings["key"], ()))

    def step(outputs: list[Any]) -> None:
        outputs[index] = overwrite(tape, index, outputs)

    return step


def adding_step(index: int, base: int, value: int, key: Any) -> Step:
    """Return the step that adds to elements of its base's own buffer."""

    def step(outputs: list[Any]) -> None:
        buffer = outputs[index] = outputs[base]
        buffer[key] += outputs[value]
        outputs[base] = None

    return step


def taking_step(index: int, x: int, key: Any) -> Step:
    """Return the step of ``x[key]``."""

    def step(outputs: list[Any]) -> None:
        outputs[index] = outputs[x][key]

    return step


def evaluate_step(tape: Tape, index: int) -> Step:
    """Return the step that leaves everything to the interpreter."""

    def step(outputs: list[Any]) -> None:
        outputs[index] = evaluate_node(tape, index, outputs)

    return step


def general_step(
    function: Callable[..., Any], index: int, operands: Any, settings: Any
) -> Step:
    """Return the step of an operation with settings, or of many operands."""
    if len(operands) == 1:
        (only,) = operands

        def step(outputs: list[Any]) -> None:
            outputs[index] = function(outputs[only], **settings)

        return step

    def step_of_many(outputs: list[Any]) -> None:
        outputs[index] = function(*[outputs[k] for k in operands], **settings)

    return step_of_many


def unary_step(function: Callable[..., Any], index: int, x: int) -> Step:
    """Return the step of a function of one operand."""

    def step(outputs: list[Any]) -> None:
        outputs[index] = function(outputs[x])

    return step


def binary_step(function: Callable[..., Any], index: int, x: int, y: int) -> Step:
    """Return the step of a function of two operands."""

    def step(outputs: list[Any]) -> None:
        outputs[index] = function(outputs[x], outputs[y])

    return step
