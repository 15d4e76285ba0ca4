"""Where the first number that is not finite arose, in either sweep."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from wengert.core.tape import CONSTANT, CompNode, Tape
from wengert.derive.reverse import sweep
from wengert.errors import source_line
from wengert.show.listing import describe_type, describe_value
from wengert.show.watch import active_nodes, gradients_of, kept_outputs, outputs_of


@dataclass(frozen=True, slots=True)
class NonFinite:
    """The first number that is not finite; printing it tells the story.

    Attributes
    ----------
    sweep : str
        ``"forward"``, or ``"reverse"`` where all outputs are finite.
    node : CompNode
        The node whose operation made the number: its output in the forward sweep, in
        the reverse sweep the gradient that its rule gave to an operand.
    line : str
        ``file.py:12``, the user's line; empty where none was recorded.
    source : str
        The text of that line.
    value : the output, or in the reverse sweep the gradient that is not finite
    operands : tuple of (node, output)
        What the node read.
    gradient : the node's own gradient in the reverse sweep, finite; else None
    receiver : CompNode or None
        The operand whose gradient it is, in the reverse sweep.
    consumers : tuple of CompNode
        The nodes that read the number: forward, those with the node as an operand;
        reverse, those that the receiver passes its gradient on to.
    """

    sweep: str
    node: CompNode
    line: str
    source: str
    value: Any
    operands: tuple[tuple[CompNode, Any], ...]
    gradient: Any
    receiver: CompNode | None
    consumers: tuple[CompNode, ...]

    def __str__(self) -> str:
        where = f"%{self.node.index} {self.node.operation.name}"
        lines = [f"first number that is not finite: {self.sweep} sweep, {where}"]
        if self.line:
            lines.append(f"  line: {self.line}: {self.source}".rstrip(": "))
        if self.receiver is None:
            lines.append(f"  output: {describe_value(self.value)}")
        else:
            lines.append(f"  gradient of the node: {describe_value(self.gradient)}")
            receiver = f"%{self.receiver.index} {self.receiver.operation.name}"
            lines.append(f"  gradient of {receiver}: {describe_value(self.value)}")
        for node, value in self.operands:
            type_ = describe_type(node.tape.types[node.index])
            name = f"%{node.index} {node.operation.name}"
            lines.append(f"  operand: {name}, {type_} {describe_value(value)}")
        readers = ", ".join(f"%{n.index} {n.operation.name}" for n in self.consumers)
        lines.append(f"  goes on to: {readers or 'nothing'}")
        return "\n".join(lines)


def is_finite(value: Any) -> bool:
    """Whether every number of a value is finite; so is what has no numbers."""
    if value is None:
        return True
    if type(value) is np.float64:
        return isfinite(value)
    if isinstance(value, (tuple, list)):
        return all(is_finite(part) for part in value)
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    if not kind:
        return not isinstance(value, (float, complex)) or bool(np.isfinite(value))
    return kind not in "fc" or bool(np.isfinite(value).all())


def has_nan(value: Any) -> bool:
    """Whether a value has a NaN."""
    if isinstance(value, (tuple, list)):
        return any(has_nan(part) for part in value)
    return not is_finite(value) and bool(np.isnan(value).any())


def first_nonfinite(tape: Tape, gradient: Any = None) -> NonFinite | None:
    """Return where the first number that is not finite arose; None if none did.

    The forward sweep is searched for an output that is not finite although what its
    node read is; constants count only where nothing else explains an output.  If every
    output of the tape is finite, the reverse sweep is searched for a gradient first.

    Parameters
    ----------
    tape : Tape
        Its own play is looked at: the numbers it was recorded with, unless changed.
    gradient : seed of the reverse sweep, as for ``tape.backward``; default ones
    """
    found = in_forward_sweep(tape)
    if found is not None and not has_finite_results(tape):
        return found
    return in_reverse_sweep(tape, gradient) or found


def has_finite_results(tape: Tape) -> bool:
    """Whether every output of a tape is finite."""
    outputs = kept_outputs(tape)
    return all(is_finite(outputs[index]) for index in tape.output_indices)


def in_forward_sweep(tape: Tape) -> NonFinite | None:
    """Return the first output that is not finite."""
    finite = bytearray(len(tape))
    constant: NonFinite | None = None
    for index, outputs in outputs_of(tape):
        value = outputs[index]
        finite[index] = is_finite(value)
        if finite[index]:
            continue
        operands = tape.operands[index]
        if tape.operations[index] is CONSTANT:
            constant = constant or forward_report(tape, index, outputs)
        elif all(finite[k] for k in operands) or (
            has_nan(value) and not any(has_nan(outputs[k]) for k in operands)
        ):
            return forward_report(tape, index, outputs)
    if all(finite[index] for index in tape.output_indices):
        return None
    return constant


def forward_report(tape: Tape, index: int, outputs: list[Any]) -> NonFinite:
    """Return the report of an output."""
    return NonFinite(
        "forward",
        tape.node(index),
        tape.line(index),
        source_line(tape.lines[index]).strip(),
        outputs[index],
        operand_values(tape, index, outputs),
        None,
        None,
        tuple(tape.node(k) for k in readers(tape, index)),
    )


def operand_values(
    tape: Tape, index: int, outputs: list[Any]
) -> tuple[tuple[CompNode, Any], ...]:
    """Return the operands of a node with their outputs."""
    return tuple((tape.node(k), outputs[k]) for k in tape.operands[index])


def readers(tape: Tape, index: int) -> list[int]:
    """Return the nodes that read a node."""
    return [k for k in range(index + 1, len(tape)) if index in tape.operands[k]]


def in_reverse_sweep(tape: Tape, gradient: Any) -> NonFinite | None:
    """Return the first gradient that is not finite.

    A first sweep finds the node that has it, a second one which rule gave it.
    """
    outputs = kept_outputs(tape)
    receiver = None
    for index, gradients, _ in gradients_of(tape, outputs, gradient):
        if not is_finite(gradients.get(index)):
            receiver = index
            break
    if receiver is None:
        return None
    active = active_nodes(tape)
    for index, gradients, mode in gradients_of(tape, outputs, gradient):
        if receiver not in tape.operands[index] or gradients.get(index) is None:
            continue
        own = gradients[index]
        given = {index: deepcopy(own)}  # a write's rule takes its gradient over
        sweep(tape, index, index + 1, given, active, mode)
        if not is_finite(given.get(receiver)):
            return reverse_report(tape, index, receiver, own, given[receiver], outputs)
    # A sum of finite gradients that overflowed, or a seed.
    return reverse_report(tape, receiver, receiver, None, np.inf, outputs)


def reverse_report(
    tape: Tape, index: int, receiver: int, own: Any, value: Any, outputs: list[Any]
) -> NonFinite:
    """Return the report of a gradient."""
    return NonFinite(
        "reverse",
        tape.node(index),
        tape.line(index),
        source_line(tape.lines[index]).strip(),
        value,
        operand_values(tape, index, outputs),
        own,
        tape.node(receiver),
        tuple(tape.node(k) for k in dict.fromkeys(tape.operands[receiver])),
    )
