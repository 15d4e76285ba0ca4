"""Which nodes of a stretch of tape each direction reaches, and each result is made of.

A direction is one element of one input.  Elements are followed by the forms of the
operations (`derive.influence`): the angle of one joint does not reach a matrix that is
made of another's, though both are elements of one array.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wengert.capture.record import SetAside
from wengert.core.tape import CONSTANT, INPUT, Tape
from wengert.derive.influence import as_array, flat_parts
from wengert.derive.sets import Array, Sets, distinct
from wengert.derive.sparsity import Decided, Dependence, Known


class Reach:
    """What the elements of some nodes reach in the stretch of tape behind them.

    Parameters
    ----------
    tape : Tape
    start, stop : int
    inputs : sequence of int
        Nodes whose elements, one after another, are the directions.
    """

    def __init__(
        self, tape: Tape, start: int, stop: int, inputs: Sequence[int]
    ) -> None:
        self.stop = stop
        #: By node, the directions that reach it.
        self.directions: dict[int, set[int]] = {}
        decided = {k: True for k in range(stop) if may_differ(tape, start, k)}
        dependence = Dependence(is_second=False, is_replayed=True)
        with SetAside(None):
            nodes = range(start, stop)
            known, _ = dependence.followed(tape, nodes, inputs, decided)
            for index, sets in known.items():
                numbers = distinct(np.concatenate(flat_parts(sets)))
                members, _ = dependence.first.sets.rows(numbers)
                self.directions[index] = set(members.tolist())

    def of_direction(self, direction: int) -> bytes:
        """Return for every node whether a direction reaches it."""
        found = bytearray(self.stop)
        for index, directions in self.directions.items():
            found[index] = direction in directions
        return bytes(found)


class Sources:
    """What the elements of some outputs of a stretch of tape are made of.

    Parameters
    ----------
    tape : Tape
    start, stop : int
    inputs, outputs : sequence of int
        Nodes; a row is an element of an output, one after another.
    """

    def __init__(
        self,
        tape: Tape,
        start: int,
        stop: int,
        inputs: Sequence[int],
        outputs: Sequence[int],
    ) -> None:
        tape.compute_all()
        self.start, self.stop = start, stop
        #: By row, the nodes that it is made of, all that vary with an input.
        self.rows: list[list[int]] = []
        decided: Decided = {k: True for k in range(stop) if may_differ(tape, start, k)}
        dependence = Dependence(is_second=False, is_replayed=True)
        sets, values = dependence.first.sets, tape.play.outputs
        known: Known = {k: np.zeros(tape.types[k].shape, np.int64) for k in inputs}

        def value_of(index: int) -> Any:
            value = values[index]
            return tape.types[index] if value is None else value

        with SetAside(None):
            for index in range(start, stop):
                where = range(index, index + 1)
                dependence.run(tape, where, known, {}, value_of, decided)
                found = None if index in inputs else known.get(index)
                if found is not None:
                    own = sets.singles(np.array([index - start]))
                    known[index] = with_own(sets, found, own)
            for index in outputs:
                like = tape.types[index]
                numbers = known.get(index, np.zeros(like.shape, np.int64))
                for number in np.ravel(as_array(numbers)):
                    members, _ = sets.rows(np.array([number]))
                    self.rows.append([start + k for k in members.tolist()])

    def of_row(self, row: int) -> bytes:
        """Return for every node whether a row is made of it, or may be."""
        found = bytearray(self.stop)
        found[: self.start] = b"\1" * self.start
        for index in self.rows[row]:
            found[index] = 1
        return bytes(found)


def with_own(sets: Sets, found: Any, own: Array) -> Any:
    """Return sets of elements, each with a number more."""
    if type(found) is tuple:
        return tuple([with_own(sets, part, own) for part in found])
    if found is None:
        return None
    found = as_array(found)
    return sets.unions(found, np.full(found.shape, own[0]))


def may_differ(tape: Tape, start: int, index: int) -> bool:
    """Whether what a stretch of tape reads may differ in another play."""
    operation = tape.operations[index]
    if operation is CONSTANT:
        return index in tape.refillable
    return index < start or operation is INPUT
