"""Mixed tapes: runs of nodes that have native kernels, and NumPy between them.

Nodes are gathered until one that NumPy plays needs one of them, or until a guard among
them has to be asked; then they are one native call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wengert.core.forms import Map, Move
from wengert.core.tape import (
    CONSTANT,
    GUARD,
    IDENTITY,
    INPUT,
    NO_SETTINGS,
    Tape,
    reaching,
)
from wengert.core.types import Type
from wengert.emit.entry import Parameter, Signature, bind
from wengert.emit.refusal import NotLoweredError
from wengert.execute.arrays import native, returned
from wengert.execute.costs import (
    COMPILE,
    FEWEST,
    FEWEST_LARGE,
    LARGE,
    MOST_NODES,
    MOST_SECONDS,
    seconds_of,
)
from wengert.execute.interpret import needed
from wengert.execute.loops import compile_loops
from wengert.execute.plan import Group, Plan, Step, step_of
from wengert.lower.lower import has_loops
from wengert.lower.needed import asked_about, laid_otherwise
from wengert.lower.values import NAMES
from wengert.ops.index import GETITEM, IN_PLACE

#: Nodes that cost nothing with NumPy either.
FREE = (IDENTITY, GETITEM)
MISS = object()


def mixed_plan(tape: Tape, captured: Sequence[int]) -> Plan:
    """Return the plan of a tape, parts of it native where that pays."""
    schedule: list[int | Group] = []
    if len(tape) > MOST_NODES:
        return Plan(tape, captured)
    found = runs(tape, captured)
    chosen = affordable(tape, found)
    for number, run in enumerate(found):
        if not isinstance(run, list):
            schedule.append(run)
            continue
        step = native_step(tape, captured, run) if number in chosen else None
        schedule.extend(run if step is None else [Group(tuple(run), step)])
    return Plan(tape, captured, schedule)


def affordable(tape: Tape, found: list[int | list[int]]) -> set[int]:
    """Return which runs pay and can be compiled in time, those of most nodes first."""
    lengths = {
        number: len(run)
        for number, run in enumerate(found)
        if isinstance(run, list) and pays(tape, run)
    }
    chosen, cost = set[int](), 0.0
    for number in sorted(lengths, key=lengths.__getitem__, reverse=True):
        run = found[number]
        assert isinstance(run, list)
        cost += COMPILE + seconds_of(tape, run)
        if cost > MOST_SECONDS:
            break
        chosen.add(number)
    return chosen


def elements(tape: Tape, index: int) -> int:
    """Return the number of elements of a node's output."""
    like = tape.types[index]
    return like.size if isinstance(like, Type) else 1


def runs(tape: Tape, captured: Sequence[int]) -> list[int | list[int]]:
    """Return the nodes that are played: single ones for NumPy, and native runs.

    A run is played where it ends; what does not need it may be played before.
    """
    found: list[int | list[int]] = []
    run: list[int] = []
    members: set[int] = set()
    asks = False
    otherwise = reaching(tape, laid_otherwise(tape))
    for index in needed(tape):
        operation = tape.operations[index]
        if not otherwise[index] and is_native(tape, index, captured):
            run.append(index)
            members.add(index)
            asks = asks or operation is GUARD
            continue
        needs = not members.isdisjoint(tape.operands[index])
        if run and (needs or asks or operation in IN_PLACE):
            found.append(run)
            run, members, asks = [], set(), False
        found.append(index)
    return [*found, run] if run else found


def is_native(tape: Tape, index: int, captured: Sequence[int]) -> bool:
    """Whether a node may be native; of an expression its types say so."""
    like, form = tape.types[index], tape.operations[index].form
    if isinstance(form, Map) and has_name(like):
        texts = form.texts(like.dtype.kind, tape.settings[index])
        return texts is not None and all(
            has_name(tape.types[k]) for k in tape.operands[index]
        )
    return has_loops(tape, index, captured)


def has_name(like: Any) -> bool:
    """Whether a node's output is one array of a type that native code has."""
    return isinstance(like, Type) and like.dtype in NAMES


def pays(tape: Tape, run: list[int]) -> bool:
    """Whether a run has so much work that one native call is cheaper."""
    work = [k for k in run if tape.operations[k] not in FREE]
    large = [k for k in work if largest(tape, k) >= LARGE and not moves(tape, k)]
    return len(work) >= FEWEST or len(large) >= FEWEST_LARGE


def largest(tape: Tape, index: int) -> int:
    """Return the most elements that a node reads or makes."""
    return max(elements(tape, k) for k in (index, *tape.operands[index]))


def moves(tape: Tape, index: int) -> bool:
    """Whether a node only moves elements."""
    return isinstance(tape.operations[index].form, Move)


def native_step(tape: Tape, captured: Sequence[int], run: list[int]) -> Step | None:
    """Return the native step of a run; None where it turns out to have none."""
    members = set(run)
    read_outside = set(tape.output_indices)
    for index, operands in enumerate(tape.operands):
        if index not in members:
            read_outside.update(operands)
    targets = [index for index in run if index in read_outside]
    part, sources = part_of(tape, captured, run, targets)
    about = asked_about(tape)
    asked = [k for k, target in enumerate(targets) if target in about]
    try:
        kernel = compile_loops(part, True, asked=asked)
    except NotLoweredError:
        return None
    signature = Signature(
        parameters=tuple(parameter(tape.types[k]) for k in sources),
        results=tuple(returned(tape.types[k]) for k in targets),
        structure=tuple(range(len(targets))),
    )
    call = bind([kernel], signature, miss, "segment")
    never = [-1] * len(tape)
    slowly = [step_of(tape, index, never, [len(tape)] * len(tape)) for index in run]
    return step_by(call, sources, targets, slowly)


def step_by(
    call: Callable[..., Any], sources: list[int], targets: list[int], slowly: list[Step]
) -> Step:
    """Return the step of a native call; where it refuses, NumPy says why."""

    def step(outputs: list[Any]) -> None:
        found = call(*[ready(outputs[k]) for k in sources])
        if found is MISS:
            for each in slowly:
                each(outputs)
            return
        for index, value in zip(targets, found, strict=True):
            outputs[index] = value

    return step


def miss(*_: Any) -> Any:
    """Say that the native call refuses."""
    return MISS


def part_of(
    tape: Tape, captured: Sequence[int], run: list[int], targets: list[int]
) -> tuple[Tape, list[int]]:
    """Return a run as a tape of its own, and the nodes that are its inputs."""
    part, place = Tape(), dict[int, int]()
    sources = []
    for index in run:
        for operand in tape.operands[index]:
            if operand in place:
                continue
            like, settings = tape.types[operand], tape.settings[operand]
            if tape.operations[operand] is CONSTANT and operand not in captured:
                place[operand] = part.append(CONSTANT, (), settings, like)
                continue
            place[operand] = part.append(INPUT, (), NO_SETTINGS, like)
            part.input_indices.append(place[operand])
            sources.append(operand)
        place[index] = part.append(
            tape.operations[index],
            tuple(place[operand] for operand in tape.operands[index]),
            tape.settings[index],
            tape.types[index],
        )
    part.chosen_outputs = [place[index] for index in targets]
    return part, sources


def parameter(like: Type) -> Parameter:
    """Return how native code takes an output of the play."""
    if like.shape == () and str(like.dtype) == "float64":
        return Parameter("real")
    return Parameter("array", str(like.dtype), like.shape)


def ready(value: Any) -> Any:
    """Return an output in the form that native code reads."""
    return value if type(value) in (float, np.float64) else native(value)
