"""Which nodes of a stretch of tape each direction reaches.

A direction is one element of one input.  Elements are followed by the forms of the
operations (`derive.influence`): the angle of one joint does not reach a matrix that is
made of another's, though both are elements of one array.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wengert.capture.record import SetAside
from wengert.core.tape import CONSTANT, INPUT, Tape
from wengert.derive.influence import flat_parts
from wengert.derive.sets import distinct
from wengert.derive.sparsity import Dependence


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


def may_differ(tape: Tape, start: int, index: int) -> bool:
    """Whether what a stretch of tape reads may differ in another play."""
    operation = tape.operations[index]
    if operation is CONSTANT:
        return index in tape.refillable
    return index < start or operation is INPUT
