"""Jacobians on a fresh recording: one sweep is recorded, and played for all directions.

The sweep of one unit vector is appended to the function's own tape, as long as the
function; one NumPy call a node then does it for all unit vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any, TypeGuard

import numpy as np

from wengert.capture.array import place, plain, wrap
from wengert.capture.record import Recording, Segment, output_node
from wengert.core.forms import Subtapes
from wengert.core.repetitions import since
from wengert.core.tape import INPUT, NO_SETTINGS, Tape
from wengert.core.types import Array, Type, type_of
from wengert.derive import forward, reverse
from wengert.derive.functions import jvp, vjp
from wengert.derive.jacobians import (
    Blocks,
    diagonal_block,
    forward_blocks,
    is_diagonal,
    reverse_blocks,
    unit_vectors,
)
from wengert.derive.modes import zeros_like_type
from wengert.derive.reach import Reach, Sources
from wengert.execute.all_rows import RowsPlay, block_rows, largest, steps_of
from wengert.execute.costs import (
    ARRAY_NODE,
    MOST_WRITTEN_OUT,
    RECORD_SWEEP,
    ROWS_NODE,
    START_SWEEP,
    SWEEP,
    SWEEP_NODES,
    seconds_of,
)
from wengert.execute.rows import Options, Rows
from wengert.execute.stretch import Stretch
from wengert.ops.chain import has_nan

#: Directions up to which a sweep for each is written out where the function is loops.
FEW = 8
#: Directions that reach a node, on average, up to which their sweeps are written out;
#: and nodes up to which that is asked; the same of rows and what they are made of, of
#: which each node has a set of its own.
FEW_REACHED, MOST_ASKED = 4, 20_000
MOST_MADE_OF = 2_000
Derive = Callable[[list[Any]], list[Any]]


def jacobian_blocks(
    segment: Segment,
    inputs: Sequence[int],
    leaves: Sequence[Any],
    direction: str,
    fun: Any,
) -> Blocks:
    """Return the block of every output leaf and input leaf.

    `direction` is ``"forward"``, ``"reverse"``, or ``"chosen"`` by their sizes.
    """
    outputs = [output_node(segment, leaf) for leaf in leaves]
    types = [type_of(plain(leaf)) for leaf in leaves]
    input_types = [segment.tape.types[index] for index in inputs]
    if direction == "chosen":
        columns = sum(like.size for like in input_types)
        direction = "forward" if columns < sum(t.size for t in types) else "reverse"
    stop = len(segment.tape)
    if len(inputs) == len(outputs) == 1 and is_diagonal(
        segment, stop, *inputs, *outputs
    ):
        return [[diagonal_block(segment, stop, *inputs, *outputs)]]
    where = segment, stop, inputs, input_types, outputs
    if direction == "forward":
        reach = few_reached(segment, stop, inputs, input_types)
        columns_ = None if reach else forward_columns(*where, fun)
        if columns_ is None:
            return forward_blocks(*where, types, reach)
        return [
            [
                np.reshape(
                    np.copy(np.moveaxis(parts[j], 0, -1), order="C"),
                    to.shape + like.shape,
                )
                for parts, like in zip(columns_, input_types, strict=True)
            ]
            for j, to in enumerate(types)
        ]
    sources = few_sources(segment, stop, inputs, outputs, types)
    rows = None
    if sources is None:
        rows = reverse_rows(segment, stop, inputs, outputs, types, fun)
    if rows is None:
        return reverse_blocks(*where, types, sources)
    return [
        [
            np.reshape(part, like.shape + to.shape)
            for part, to in zip(parts, input_types, strict=True)
        ]
        for parts, like in zip(rows, types, strict=True)
    ]


def pays(length: int, count: int, size: int) -> bool:
    """Whether all directions at once are faster than one sweep each.

    `length` is that of the function's tape, `size` that of its largest array.
    """
    blocks = -(-count // block_rows(size))
    at_once = START_SWEEP + length * (RECORD_SWEEP + blocks * ROWS_NODE)
    return length * count * SWEEP > at_once


def reverse_rows(
    segment: Segment,
    stop: int,
    inputs: Sequence[int],
    outputs: Sequence[int | None],
    types: Sequence[Type],
    fun: Any,
) -> Blocks | None:
    """Return the gradients of every element of every output.

    For each output one array an input, shape ``(elements of the output,) + shape``;
    recorded ones inside a recording.  None where one sweep an element does better.
    """
    if not are_recorded(outputs):
        return None
    if is_one_node(segment, stop, types):
        return reverse_node(segment, inputs, outputs, types, fun)

    def derive(seeds: list[Any]) -> list[Any]:
        pairs = list(zip(outputs, seeds, strict=True))
        return reverse.pull(
            segment.tape, segment.start, stop, pairs, inputs, records=True
        )

    return in_all_directions(segment, stop, derive, types)


def forward_columns(
    segment: Segment,
    stop: int,
    inputs: Sequence[int],
    input_types: Sequence[Type],
    outputs: Sequence[int | None],
    fun: Any,
) -> Blocks | None:
    """Return the tangents of the outputs along every element of every input.

    For each input one array an output, shape ``(elements of the input,) + shape``;
    recorded ones inside a recording.  None where one sweep an element does better.
    """
    if not are_recorded(outputs):
        return None
    if is_one_node(segment, stop, input_types):
        return forward_node(segment, inputs, input_types, outputs, fun)

    def derive(seeds: list[Any]) -> list[Any]:
        tape, tangents = segment.tape, dict(zip(inputs, seeds, strict=True))
        forward.push(tape, segment.start, stop, tangents, True, outputs)
        return [tangents.get(k, zeros_like_type(tape.types[k])) for k in outputs]

    return in_all_directions(segment, stop, derive, input_types)


def are_recorded(outputs: Sequence[int | None]) -> TypeGuard[Sequence[int]]:
    """Whether no output is a plain constant."""
    return None not in outputs


def in_all_directions(
    segment: Segment, stop: int, derive: Derive, likes: Sequence[Type]
) -> Blocks | None:
    """Return what is linear in seeds of some types for all of their unit vectors."""
    tape, count = segment.tape, sum(like.size for like in likes)
    if segment.nested or any(like.dtype.kind not in "fc" for like in likes):
        return None
    if not pays(stop - segment.start, count, largest(tape)):
        return None
    starts, results = record_direction(tape, derive, likes)
    given = known_outputs(tape, starts)
    size = block_rows(largest(tape))
    for absorbs in (False, True):
        blocks = []
        for first in range(0, count, size):
            seeds = unit_vectors(likes, first, min(first + size, count))
            seeded = dict(zip(starts, seeds, strict=True))
            found = play_block(tape, given, seeded, results, absorbs)
            if found is None:
                return None
            if not absorbs and any(has_nan(part) for part in found):
                break
            blocks.append(found)
        else:
            break
    parts = zip(*blocks, strict=True)
    whole = [np.concatenate(part) if len(part) > 1 else part[0] for part in parts]
    return apart(whole, likes)


def apart(found: list[Any], likes: Sequence[Type]) -> Blocks:
    """Return the results for the directions of each of several values."""
    stops = np.cumsum([like.size for like in likes]).tolist()
    return [
        [part[stop - like.size : stop] for part in found]
        for like, stop in zip(likes, stops, strict=True)
    ]


def record_direction(
    tape: Tape, derive: Derive, likes: Sequence[Type]
) -> tuple[list[int], list[int]]:
    """Append what is derived along one direction; return its seeds and the results."""
    keeps = tape.keeps_guards
    seeds = [seed[0] for seed in unit_vectors(likes, 0, 1)]
    starts = [
        tape.append(INPUT, (), NO_SETTINGS, like, seed)
        for like, seed in zip(likes, seeds, strict=True)
    ]
    with Recording(tape), np.errstate(all="ignore"):
        tape.keeps_guards = True
        try:
            pairs = zip(starts, seeds, strict=True)
            found = derive([wrap(tape, index, seed) for index, seed in pairs])
            results = [place(tape, value) for value in found]
        finally:
            tape.keeps_guards = keeps
    return starts, results


def known_outputs(tape: Tape, starts: Sequence[int]) -> dict[int, Any]:
    """Return the outputs that are the same in all directions."""
    depends = bytearray(len(tape))
    for index in starts:
        depends[index] = 1
    for index in range(starts[-1] + 1, len(tape)):
        depends[index] = any([depends[k] for k in tape.operands[index]])
    outputs = tape.play.outputs
    return {
        index: outputs[index]
        for index in range(len(tape))
        if not depends[index] and outputs[index] is not None
    }


def play_block(
    tape: Tape,
    given: dict[int, Any],
    seeds: dict[int, Array],
    results: Sequence[int],
    absorbs: bool,
) -> list[Array] | None:
    """Return the results for some directions; None where they do not go one way."""
    chosen, tape.chosen_outputs = tape.chosen_outputs, list(results)
    try:
        nodes, last = steps_of(tape)
    finally:
        tape.chosen_outputs = chosen
    known = {**given, **seeds}
    nodes = [index for index in nodes if index not in known]
    count = len(next(iter(seeds.values())))
    play = RowsPlay(tape, known, [*seeds], count, nodes, last, absorbs)
    with np.errstate(all="ignore"):
        play.run()
    if play.failed.any():
        return None
    return play.results(results, [False] * len(results))


# Inside a recording: all directions are one node


def is_one_node(segment: Segment, stop: int, likes: Sequence[Type]) -> bool:
    """Whether a Jacobian inside a recording is one node instead of a sweep a row."""
    if not segment.nested or any(like.dtype.kind != "f" for like in likes):
        return False
    count, tape = sum([like.size for like in likes]), segment.tape
    if count * SWEEP_NODES * ARRAY_NODE * (stop - segment.start) <= MOST_WRITTEN_OUT:
        return False  # whatever the nodes are
    nodes: Iterable[int] = range(segment.start, stop)
    if count <= FEW:  # loops become single nodes: of those, what stands on one line
        columns = [since(x, segment.start) for x in (tape.lines, tape.operations)]
        pairs = islice(zip(*columns, strict=True), stop - segment.start)
        nodes = dict(zip(pairs, nodes, strict=True)).values()
    return count * SWEEP_NODES * seconds_of(tape, nodes) > MOST_WRITTEN_OUT


def few_reached(
    segment: Segment, stop: int, inputs: Sequence[int], likes: Sequence[Type]
) -> Reach | None:
    """Return what each direction reaches, if that is little; else nothing.

    The sweeps of all directions are then written out, each as far as it goes.
    """
    if not is_one_node(segment, stop, likes):
        return None
    tape, nodes = segment.tape, range(segment.start, stop)
    if len(nodes) > MOST_ASKED or any(
        isinstance(tape.operations[k].form, Subtapes) for k in nodes
    ):
        return None
    reach = Reach(tape, segment.start, stop, inputs)
    once = seconds_of(tape, reach.directions)
    total = sum(len(of) * seconds_of(tape, [k]) for k, of in reach.directions.items())
    return reach if total <= FEW_REACHED * once else None


def few_sources(
    segment: Segment,
    stop: int,
    inputs: Sequence[int],
    outputs: Sequence[int | None],
    likes: Sequence[Type],
) -> Sources | None:
    """Return what each row is made of, if it is worth a sweep of its own.

    That goes as far back as the row does.
    """
    is_many = sum(like.size for like in likes) > 1
    if not (segment.nested and is_many and are_recorded(outputs)):
        return None
    tape, nodes = segment.tape, range(segment.start, stop)
    if any(like.dtype.kind != "f" for like in likes) or len(nodes) > MOST_MADE_OF:
        return None
    if any(isinstance(tape.operations[k].form, Subtapes) for k in nodes):
        return None
    sources = Sources(tape, segment.start, stop, inputs, outputs)
    if not is_one_node(segment, stop, likes):
        return sources  # each has a sweep in any case
    once = seconds_of(tape, set().union(*sources.rows))
    total = sum(seconds_of(tape, row) for row in sources.rows)
    return sources if total <= FEW_REACHED * once else None


def of_unit_vectors(
    segment: Segment,
    body: Callable[..., Any],
    operands: list[Any],
    likes: Sequence[Type],
    fun: Any,
) -> Blocks:
    """Return a function's results for all unit vectors of some types, as one node."""
    seeds = unit_vectors(likes, 0, sum(like.size for like in likes))
    mapped = [True] * len(seeds) + [False] * len(operands)
    name = f"directions_of_{getattr(fun, '__name__', type(fun).__name__)}"
    rows = Rows(name, body, mapped, None, fun, Options())
    # What is recorded afresh on every call is not worth a compiler's time.
    rows.compiles = segment.tape.keeps_guards
    return apart(rows([*seeds, *operands])[0], likes)


def reverse_node(
    segment: Segment,
    inputs: Sequence[int],
    outputs: Sequence[int],
    types: Sequence[Type],
    fun: Any,
) -> Blocks:
    """Return what `reverse_rows` does, recorded as one node."""
    stretch = Stretch(segment, inputs, outputs)

    def pulled(*leaves: Any) -> Any:
        seeds, values = leaves[: len(outputs)], leaves[len(outputs) :]
        given, around = values[: len(inputs)], values[len(inputs) :]
        _, pull = vjp(lambda *chosen: tuple(stretch(*chosen, *around)), *given)
        return pull(seeds)

    return of_unit_vectors(segment, pulled, stretch.operands(segment.tape), types, fun)


def forward_node(
    segment: Segment,
    inputs: Sequence[int],
    input_types: Sequence[Type],
    outputs: Sequence[int],
    fun: Any,
) -> Blocks:
    """Return what `forward_columns` does, recorded as one node."""
    stretch = Stretch(segment, inputs, outputs)

    def pushed(*leaves: Any) -> Any:
        seeds, values = leaves[: len(inputs)], leaves[len(inputs) :]
        given, around = values[: len(inputs)], values[len(inputs) :]
        return jvp(lambda *chosen: stretch(*chosen, *around), given, seeds)[1]

    return of_unit_vectors(
        segment, pushed, stretch.operands(segment.tape), input_types, fun
    )
