"""How far the inputs of a tape would have to move for a guard to answer otherwise.

To first order: what is missing to the edge of the guarded number, divided by the
derivative of that number by an input that moves alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, floor, inf, isfinite, nan
from typing import Any, NamedTuple

import numpy as np

from wengert.core.names import variable_names
from wengert.core.tape import Tape
from wengert.core.types import Type
from wengert.derive.reverse import sweep
from wengert.show.listing import describe_value
from wengert.show.watch import active_nodes, plain_mode

#: Nodes that the sweeps of all guards of one page may pass.
MOST_SWEPT = 400_000


class Move(NamedTuple):
    """What one input would have to do.

    Attributes
    ----------
    input : str
        The user's name of the input; of an array, of the element that is nearest.
    now : float
    by : float
        How far it would have to move; 0: by the least of moves, in the direction of
        `way`; NaN: no move is known.
    way : int
        1 up, -1 down, 0 either.
    why : str
        Why no move is known: ``flat`` or ``not finite``; else empty.
    """

    input: str
    now: float
    by: float
    way: int
    why: str

    def __str__(self) -> str:
        if self.why == "flat":
            return f"{self.input}: flat, the derivative by it is 0 here"
        if self.why:
            return f"{self.input}: not finite, no derivative says how far"
        if self.by == 0:
            way = {1: "up", -1: "down", 0: "up or down"}[self.way]
            return f"{self.input} by the least of moves, {way}"
        to = describe_value(self.now + self.by)
        return f"{self.input} by {self.by:+.6g}, to {to}"


class Missing(NamedTuple):
    """What is missing to the edge of a guarded number.

    Attributes
    ----------
    seeds : dict
        The derivatives of the number by nodes of the tape.
    by : float
        How far the number is from its edge, with the sign of the way there.
    way : int
        Where `by` is 0: the way on which the answer changes; 0 for either.
    """

    seeds: dict[int, float]
    by: float
    way: int


def edge_of(kind: str, expected: Any, value: float) -> tuple[float, int]:
    """Return how far a number is from answering otherwise, and the way if it is not.

    Parameters
    ----------
    kind : str
        ``bool``, ``int``, ``round`` or ``is_integer``.
    expected : the recorded answer
    value : float
    """
    if not isfinite(value):
        return nan, 0
    if kind == "bool":
        return (-value if expected else 0.0), 0
    if kind == "is_integer":
        return (0.0 if expected else nearest(floor(value), ceil(value), value)), 0
    low, high = interval(kind, expected)
    by = nearest(low, high, value)
    return by, (1 if value + by == high else -1)


def nearest(low: float, high: float, value: float) -> float:
    """Return how far the nearer one of two numbers is."""
    return min(low - value, high - value, key=abs)


def interval(kind: str, expected: int) -> tuple[float, float]:
    """Return between which numbers a number keeps its whole number."""
    if kind == "round":
        return expected - 0.5, expected + 0.5
    return (
        expected - 1.0 if expected <= 0 else float(expected),
        expected + 1.0 if expected >= 0 else float(expected),
    )


class Moves:
    """Finds the moves of every guard of one tape."""

    def __init__(self, tape: Tape, most_swept: float = inf) -> None:
        self.tape, self.left = tape, most_swept
        self.active = active_nodes(tape)
        self.names = variable_names(tape)
        #: The inputs that can move: real numbers with a fraction.
        self.inputs = [
            index
            for index in tape.input_indices
            if isinstance(tape.types[index], Type)
            and tape.types[index].dtype.kind == "f"
            and tape.types[index].size
        ]

    def of(self, missing: Missing, index: int, outputs: list[Any]) -> list[Move] | None:
        """Return the moves of the inputs; None where too much was swept already.

        Inputs that the guarded number is not made of are left out.
        """
        self.left -= index
        if self.left < 0:
            return None
        found = self.gradients(missing.seeds, index, outputs)
        return [
            move
            for k in self.inputs
            if found.get(k) is not None
            for move in self.move(k, missing, outputs[k], found[k])
        ]

    def gradients(
        self, seeds: dict[int, float], index: int, outputs: list[Any]
    ) -> dict[int, Any]:
        """Return the derivatives of a guarded number by the nodes before it."""
        mode = plain_mode(self.tape, outputs[:index])
        gradients: dict[int, Any] = {}
        for node, seed in seeds.items():
            like = self.tape.types[node]
            if self.active[node] and like.dtype.kind == "f":
                mode.add(gradients, node, np.full(like.shape, seed, like.dtype)[()])
        sweep(self.tape, 0, index, gradients, self.active, mode)
        return gradients

    def move(
        self, index: int, missing: Missing, value: Any, gradient: Any
    ) -> Iterator[Move]:
        """Give the move of an input; of an array, that of its nearest element."""
        shape = np.shape(value)
        now = np.asarray(value, np.float64).reshape(-1)
        slopes = np.broadcast_to(np.asarray(gradient, np.float64), shape).reshape(-1)
        with np.errstate(all="ignore"):
            by = missing.by / slopes
        known = np.isfinite(by) & np.isfinite(slopes)
        name = self.names.get(index) or f"%{index}"
        if not known.any():
            is_flat = isfinite(missing.by) and not slopes.any()
            yield Move(name, nan, nan, 0, "flat" if is_flat else "not finite")
            return
        # Where every move is 0, the steepest element.
        size = np.where(known, np.abs(by), inf)
        k = int(np.lexsort((-np.abs(slopes), size))[0])
        way = missing.way * (1 if slopes[k] > 0 else -1)
        place = ", ".join(map(str, np.unravel_index(k, shape)))
        yield Move(
            f"{name}[{place}]" if shape else name, now[k], by[k] + 0.0, int(way), ""
        )
