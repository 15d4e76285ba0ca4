"""Branches as one node: a tape for each, of which the one that is chosen is played.

All of them read the same operands.  The derivatives of such a node are such nodes: of
each branch a tape is derived, and the branch that was taken is differentiated alone.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

from wengert.capture.array import place, plain
from wengert.capture.record import Recording
from wengert.core.flags import depends_on
from wengert.core.forms import Subtapes
from wengert.core.operation import Operation, apply, general
from wengert.core.tape import Tape
from wengert.core.types import is_array, type_of
from wengert.derive import forward, reverse
from wengert.derive.extract import (
    Extract,
    Flags,
    active,
    add_input,
    derived,
    sample_of,
    started,
)
from wengert.derive.functions import linearize, vjp
from wengert.derive.modes import RecordedMode, zeros_like_type
from wengert.derive.places import chosen_of, of_places, spread
from wengert.derive.steps import Body, misfit
from wengert.errors import GuardError
from wengert.ops.python import as_python

Bodies = tuple[Body, ...]


def chosen(choice: Any, count: int) -> int:
    """Return the branch that a truth value or a whole number chooses: the nearest."""
    is_truth = type_of(plain(choice)).dtype.kind == "b"
    place = int(bool(choice)) if is_truth else operator.index(choice)
    return min(max(place, 0), count - 1)


def take(functions: Sequence[Callable[..., Any]], choice: Any, *operands: Any) -> Any:
    """Return what the chosen function gives of operands, as plain NumPy."""
    return functions[min(max(int(choice), 0), len(functions) - 1)](*operands)


def play_switch(choice: Any, *operands: Any, branches: Bodies) -> tuple[Any, ...]:
    """Return the results of the chosen branch.

    Parameters
    ----------
    choice : truth value or whole number
    *operands
        What every branch reads.
    branches : tuple of Body
        They carry nothing and read no rows.
    """
    body = branches[chosen(choice, len(branches))]
    pairs = zip(operands, body.is_weak, strict=True)
    found = body.step([as_python(x) if is_weak else x for x, is_weak in pairs])
    return tuple([value.copy() if is_array(value) else value for value in found])


def push_switch(
    tangents: Sequence[Any], result: Any, choice: Any, *operands: Any, branches: Bodies
) -> tuple[Any, ...]:
    """Return the tangents of the results: those of the branch that was taken."""
    given = [tangent is not None for tangent in tangents[1:]]
    into, out = passing(branches, given)
    dots: list[Any] = [None] * len(out)
    if not any(out):
        return tuple(dots)
    tangents = [t for t, flag in zip(tangents[1:], into, strict=True) if flag]
    try:
        sample = sample_of(operands, branches[0], 0, False)
        pushed = all_derived(branches, ("jvp", into, out), sample, push_branch)
    except GuardError:  # a branch that has no derivative at these numbers
        taken = of_places(taken_branch(choice, operands, branches), operands, into, out)
        _, push = linearize(taken, chosen_of(operands, into), keeps=True)
        found = tuple(push(*tangents))
    else:
        found = apply(SWITCH, choice, *operands, *tangents, branches=pushed)
    return spread(found, out)


def pull_switch(
    g: Sequence[Any],
    result: Any,
    choice: Any,
    *operands: Any,
    branches: Bodies,
    wanted: Sequence[bool],
) -> tuple[Any, ...]:
    """Return the gradients of the operands, of the branch that was taken."""
    seeded = [part is not None for part in g]
    into, out = passing(branches, wanted[1:], seeded)
    if not any(out):
        return (None,) * (len(operands) + 1)
    seeds = [part for part, flag in zip(g, out, strict=True) if flag]
    try:
        sample = sample_of(operands, branches[0], 0, False)
        pulled = all_derived(branches, ("vjp", into, out), sample, pull_branch)
    except GuardError:
        taken = of_places(taken_branch(choice, operands, branches), operands, into, out)
        _, pull = vjp(taken, *chosen_of(operands, into))
        found = tuple(pull(seeds))
    else:
        found = apply(SWITCH, choice, *operands, *seeds, branches=pulled)
    return None, *spread(found, into)


def passing(
    branches: Bodies, given: Sequence[bool], wanted: Sequence[bool] | None = None
) -> tuple[Flags, Flags]:
    """Return which operands and results a derivative passes through in some branch."""
    flags = [active(body, given) for body in branches]
    into = flags[0][0]
    out = tuple(
        [any(column) for column in zip(*[own for _, own in flags], strict=True)]
    )
    if wanted is not None:
        out = tuple([a and b for a, b in zip(out, wanted, strict=True)])
    return into, out


def all_derived(
    branches: Bodies, question: Any, sample: Sequence[Any], derive: Callable[..., Body]
) -> Bodies:
    """Return what is derived of every branch."""
    return tuple([derived(body, question, sample, derive) for body in branches])


def push_branch(body: Body, into: Flags, out: Flags, sample: Sequence[Any]) -> Body:
    """Return the branch that gives tangents: of its operands, and of their tangents."""
    tape = started(body, sample)
    stop, ends, inputs = len(tape), list(tape.output_indices), list(tape.input_indices)
    with Recording(tape):
        pushed = {
            inputs[k]: add_input(tape, body.inputs[k])
            for k, flag in enumerate(into)
            if flag
        }
        forward.push(tape, 0, stop, pushed, records=True)
        found = [
            place(tape, pushed.get(ends[k], zeros_like_type(body.outputs[k])))
            for k, flag in enumerate(out)
            if flag
        ]
    return whole(tape, found)


def pull_branch(body: Body, into: Flags, out: Flags, sample: Sequence[Any]) -> Body:
    """Return the branch that gives gradients: of its operands, and those of results."""
    tape = started(body, sample)
    stop, ends, inputs = len(tape), list(tape.output_indices), list(tape.input_indices)
    with Recording(tape):
        seeds = [
            (ends[k], add_input(tape, body.outputs[k]))
            for k, flag in enumerate(out)
            if flag
        ]
        wanted = [inputs[k] for k, flag in enumerate(into) if flag]
        flags = depends_on(tape, wanted, 0, stop)
        mode = RecordedMode(tape)
        pulled = reverse.collect(tape, 0, stop, seeds, wanted, flags, mode)
        found = [place(tape, part) for part in pulled]
    return whole(tape, found)


def whole(tape: Tape, outputs: Sequence[int]) -> Body:
    """Return a branch that gives some nodes of a tape, of all its inputs."""
    made = Extract(tape, tape.input_indices)
    return Body(made.outputs(outputs, lambda index: True), 0, 0)


# The branch that was taken, recorded as it stands


def taken_branch(
    choice: Any, operands: Sequence[Any], branches: Bodies
) -> Callable[..., tuple[Any, ...]]:
    """Return the function that the chosen branch is; the choice is guarded."""
    tape = branches[chosen(choice, len(branches))].tape
    function: Callable[..., tuple[Any, ...]] = tape.function(tape.inputs, tape.outputs)
    return function


def wrong_switch(tape: Tape, index: int) -> str:
    """Return what is wrong with a loaded tape's branches; empty if nothing."""
    branches, operands = tape.settings[index]["branches"], tape.operands[index]
    if type(branches) is not tuple or not branches:
        return "it has no branches"
    if any(type(body) is not Body or body.carried or body.moving for body in branches):
        return "a branch is no tape"
    first = branches[0]
    if len(operands) != len(first.inputs) + 1:
        return "its branches have other inputs"
    likes = [body.inputs for body in branches], [body.outputs for body in branches]
    if any(part != parts[0] for parts in likes for part in parts):
        return "its branches have other inputs and outputs than one another"
    return misfit(tape, operands[1:], first.inputs)


SWITCH: Operation = general(
    "switch",
    play_switch,
    form=Subtapes(wrong_switch, lambda how: [body.tape for body in how["branches"]]),
    jvp=push_switch,
    vjp=pull_switch,
    reads=(True,),
)
