"""A tape played node by node, for those who look on.

Writes happen in place, as in any replay, so a long loop of writes into an array keeps
one array and not one a write; what a node's output was is to be noted when it is shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from wengert.core.flags import depends_on
from wengert.core.tape import CONSTANT, GUARD, INPUT, Tape, strong
from wengert.derive.modes import PlainMode
from wengert.derive.reverse import sweep
from wengert.derive.tapes import input_values
from wengert.execute.interpret import PYTHON_OPERATORS, evaluate_write, last_uses
from wengert.ops.index import IN_PLACE

Outputs = list[Any]


def outputs_of(tape: Tape, keep: bool = False) -> Iterator[tuple[int, Outputs]]:
    """Play a tape forward; give every node's index, and all outputs that still exist.

    An output is dropped after its last use, unless `keep`: then those that a rule reads
    stay for the reverse sweep.
    """
    tape.resolve()
    outputs: Outputs = [None] * len(tape)
    for index, value in zip(tape.input_indices, input_values(tape), strict=True):
        outputs[index] = value
    last = last_uses(tape)
    if keep:
        keep_what_rules_read(tape, last)
    with np.errstate(all="ignore"):
        for index in range(len(tape)):
            if outputs[index] is None:
                outputs[index] = evaluate(tape, index, outputs, last)
            yield index, outputs
            for operand in tape.operands[index]:
                if last[operand] == index and not keep:
                    outputs[operand] = None


def kept_outputs(tape: Tape) -> Outputs:
    """Return the outputs that the reverse sweep reads, and those not written over."""
    outputs: Outputs = []
    for _, outputs in outputs_of(tape, keep=True):  # noqa: B007
        pass
    return outputs


def keep_what_rules_read(tape: Tape, last: list[int]) -> None:
    """Mark the outputs that the reverse sweep reads as used until the end."""
    for index, operation in enumerate(tape.operations):
        for k, operand in enumerate(tape.operands[index]):
            if operation.reads_operand(k):
                last[operand] = len(tape)
        if operation.reads_result:
            last[index] = len(tape)


def evaluate(tape: Tape, index: int, outputs: Outputs, last: list[int]) -> Any:
    """Return the output of one node; guards are not asked."""
    operation, settings = tape.operations[index], tape.settings[index]
    if operation is CONSTANT:
        return settings["value"]
    if operation is INPUT:
        return tape.play.outputs[index]
    operands = tape.operands[index]
    if operation is GUARD:
        return outputs[operands[0]]
    if operation in IN_PLACE:
        return evaluate_write(tape, index, outputs, last)
    values = [outputs[operand] for operand in operands]
    if len(values) == 2 and all(type(v) in (int, float) for v in values):
        by_python = PYTHON_OPERATORS.get(operation.name)
        if by_python is not None:  # ints stay ints by hand
            return by_python(*values)
    value = operation.function(*values, **settings)
    shares = operation.view and tape.operations[operands[0]] in IN_PLACE
    return value.copy() if shares and isinstance(value, np.ndarray) else value


def gradients_of(
    tape: Tape, outputs: Outputs, gradient: Any = None
) -> Iterator[tuple[int, dict[int, Any], PlainMode]]:
    """Sweep a played tape in reverse; give every node once its gradient is final.

    What is given is the node, the gradients that exist so far, and the mode of the
    sweep; when the iteration goes on, the node's gradient is pushed to its operands.
    Zeros absorb what is not finite, as in the gradients that `wengert.grad` returns.
    """
    count = len(tape)
    mode = plain_mode(tape, outputs)
    active = active_nodes(tape)
    gradients: dict[int, Any] = {}
    seeds = seeds_for(tape, outputs, gradient)
    for index, seed in zip(tape.output_indices, seeds, strict=True):
        mode.add(gradients, index, seed)
    with np.errstate(all="ignore"):
        for index in range(count - 1, -1, -1):
            yield index, gradients, mode
            if gradients.get(index) is not None:
                sweep(tape, index, index + 1, gradients, active, mode)


def plain_mode(tape: Tape, outputs: Outputs) -> PlainMode:
    """Return the mode of a sweep over outputs that were looked at, as NumPy's numbers.

    With Python's numbers a rule may raise, as ``1 / 0.0`` does.
    """
    mode = PlainMode(tape, absorb=True)
    mode.outputs = [strong(output) for output in outputs]
    return mode


def active_nodes(tape: Tape) -> bytearray:
    """Return which nodes depend on an input; all of them on a tape without inputs."""
    if not tape.input_indices:
        return bytearray(b"\1" * len(tape))
    return depends_on(tape, tape.input_indices, 0, len(tape))


def seeds_for(tape: Tape, outputs: Outputs, gradient: Any) -> list[Any]:
    """Return the seed of every output; ones for all of them unless given."""
    places = tape.output_indices
    if gradient is None:
        return [np.ones_like(seed_like(outputs[index])) for index in places]
    return [gradient] if len(places) == 1 else list(gradient)


def seed_like(output: Any) -> Any:
    """Return an output as a floating-point value of its shape."""
    value = np.asarray(output)
    return value[()] if value.dtype.kind in "fc" else value.astype(np.float64)[()]
