"""What is computed again and again stands once.

Recursive code computes the same of the same numbers many times: minors of minors.  A
tape of it has few nodes that differ, and a sweep goes through those alone.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from itertools import islice
from typing import Any

from wengert.core.flags import reaching
from wengert.core.repetitions import since
from wengert.core.tape import INPUT, Loops, Tape
from wengert.core.types import Type
from wengert.derive.merged import Writer, key_of

#: Nodes of which those that differ are counted first, and by how many times they must
#: be less than all for the rest to be looked at.
LOOKED_AT, TIMES = 2048, 2
#: The same after a quarter of them: code that repeats little repeats nothing there.
TIMES_AT_FIRST = 1.1


class Numbered:
    """Which nodes of a stretch of tape do the same.

    Parameters
    ----------
    tape : Tape
    nodes : iterable of int
        In order; others that they read are like no others.
    kept : nodes
        Constants that are like no others either.

    Attributes
    ----------
    first : dict of int to int
        By node the first one that does the same.
    repeats : bool
        Whether those that differ are far less than all.
    """

    def __init__(
        self, tape: Tape, nodes: Iterable[int], kept: Container[int] = ()
    ) -> None:
        self.first: dict[int, int] = {}
        known: dict[Any, int] = {}
        count = 0
        for done, index in enumerate(nodes, 1):
            operands = tape.operands[index]
            places = tuple([self.first.get(k, k) for k in operands])
            is_leaf = tape.operations[index] is INPUT or index in kept
            key = index if is_leaf else key_of(tape, index, places)
            first = self.first[index] = known.setdefault(key, index)
            count += first == index
            if done == LOOKED_AT // 4 and TIMES_AT_FIRST * count > done:
                break
            if done == LOOKED_AT and TIMES * count > done:
                break
        self.repeats = TIMES * count <= len(self.first)


def appended(
    tape: Tape, start: int, stop: int, roots: Sequence[int], given: Container[int]
) -> dict[int, int] | None:
    """Append what roots are made of, each node once; None where little repeats.

    The stretch itself stays as it is; `Tape.loops` notes what is there twice.

    Returns
    -------
    dict of int to int
        Where the nodes are.
    """
    wanted = reaching(tape, roots, start, stop)
    types = islice(since(tape.types, start), stop - start)
    nodes = (
        k
        for k, like in enumerate(types, start)
        if wanted[k] and k not in given and type(like) is Type
    )
    numbered = Numbered(tape, nodes, tape.refillable)
    if not numbered.repeats or len(numbered.first) < LOOKED_AT // 4:
        return None
    at, places = len(tape), dict[int, int]()
    for index, first in numbered.first.items():
        is_leaf = not tape.operands[first]
        if index == first and not is_leaf:
            places[index] = tape.append(
                tape.operations[index],
                tuple([places.get(k, k) for k in tape.operands[index]]),
                tape.settings[index],
                tape.types[index],
                tape.play.outputs[index],
                tape.lines[index],
            )
        else:
            places[index] = first if is_leaf else places[first]
    same = {index: place for index, place in places.items() if index != place}
    tape.loops[at] = Loops(len(tape), same, [])
    return places


def distinct(tape: Tape, captured: Sequence[int]) -> tuple[Tape, list[int]]:
    """Return a tape with each node once, where there are far less of those."""
    nodes = range(len(tape))
    if len(tape) < LOOKED_AT or set(map(type, tape.types)) != {Type}:
        return tape, list(captured)
    if not Numbered(tape, nodes, captured).repeats:
        return tape, list(captured)
    writer, at = Writer(), dict[int, int]()
    for index in nodes:
        places = tuple([at[k] for k in tape.operands[index]])
        is_own = index in captured or tape.operations[index] is INPUT
        key = index if is_own else key_of(tape, index, places)
        at[index] = writer.add(tape, index, places, key)
    new = writer.new
    new.input_indices = [at[k] for k in tape.input_indices]
    new.chosen_outputs = [at[k] for k in tape.output_indices]
    new.structure, new.title = tape.structure, tape.title
    return new, [at[k] for k in captured]
