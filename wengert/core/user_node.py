"""A user's node class as a first-class operation.

Its `forward` and `backward` run on a shallow copy of the node (a shadow) whose inputs
give the operands' values, plain or recorded: so the same two methods play, nest and are
differentiated again.  `backward` runs after a `forward` of its own shadow, therefore
`forward` must be repeatable (draw random numbers in ``__init__``).
"""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

from wengert.core.operation import Operation
from wengert.core.tape import CompNode, Play
from wengert.errors import RuleError, explain


class ShadowTape:
    """What a shadow has instead of a tape: a play of its own."""

    def __init__(self, length: int) -> None:
        self.play = Play(length)


@cache
def user_operation(kind: type[CompNode]) -> Operation:
    """Return the operation of a user's node class."""
    return Operation(
        kind.__name__,
        user_forward,
        "general",
        vjp=user_backward,
        reads=(True,),
        reads_result=False,
        identity=("user node", kind.__module__, kind.__qualname__),
    )


def make_shadow(node: CompNode, values: tuple[Any, ...]) -> tuple[CompNode, list[Any]]:
    """Return a copy of a node whose inputs give `values`, and those inputs."""
    tape = ShadowTape(len(values) + 1)
    stand_ins: list[Any] = []
    for index, value in enumerate(values):
        stand_in = object.__new__(CompNode)
        stand_in.tape, stand_in.index = tape, index  # type: ignore[assignment]
        tape.play.outputs[index] = value
        stand_ins.append(stand_in)
    remaining = iter(stand_ins)
    shadow = copy.copy(node)
    for name, part in vars(node).items():
        if isinstance(part, CompNode):
            setattr(shadow, name, next(remaining))
        elif isinstance(part, (list, tuple)):
            changed = [next(remaining) if isinstance(p, CompNode) else p for p in part]
            if isinstance(part, tuple):
                setattr(shadow, name, tuple.__new__(type(part), changed))
                continue
            setattr(shadow, name, copy.copy(part))
            getattr(shadow, name)[:] = changed
    shadow.tape, shadow.index = tape, len(values)  # type: ignore[assignment]
    return shadow, stand_ins


def user_forward(*operands: Any, node: CompNode) -> Any:
    """Return the output of a user's `forward`."""
    shadow, _ = make_shadow(node, operands)
    shadow.forward()
    if shadow.output is None:
        raise RuleError(
            explain(
                f"{type(node).__name__}.forward set no output",
                "the output of a node is what the next nodes read",
                "self.output = ... at the end of forward",
            )
        )
    return shadow.output


def user_backward(g: Any, result: Any, *operands: Any, node: CompNode) -> Any:
    """Return what a user's `backward` adds to each of its inputs."""
    shadow, stand_ins = make_shadow(node, operands)
    shadow.forward()
    shadow.set_gradient(g)
    shadow.backward()
    gradients = shadow.tape.play.gradients
    return tuple(gradients[part.index] for part in stand_ins)
