"""The printed tape: one line a node."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.tape import Tape
from wengert.show.watch import outputs_of

COLUMNS = ("", "operation", "inputs", "type", "output", "gradient", "line")
LONGEST_SETTING = 28


def listing(tape: Tape) -> str:
    """Return the tape as text: index, operation, inputs, type, numbers, line."""
    tape.resolve()
    texts = output_texts(tape)
    rows = [COLUMNS, *(row(tape, index, texts[index]) for index in range(len(tape)))]
    widths = [max(len(line[k]) for line in rows) for k in range(len(COLUMNS))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        for line in rows
    ]
    inputs = ", ".join(f"%{k}" for k in tape.input_indices)
    outputs = ", ".join(f"%{k}" for k in tape.output_indices)
    head = f"tape of {len(tape)} nodes: inputs ({inputs}) -> outputs ({outputs})"
    return "\n".join([head, *(line.rstrip() for line in lines)])


def output_texts(tape: Tape) -> list[str]:
    """Return the outputs of a tape's own play as text.

    A play does not keep every array, for one that was written over later: where one is
    missing the tape is played again, and every output is read when it is there.
    """
    outputs = tape.play.outputs
    is_played = all(outputs[k] is not None for k in tape.output_indices)
    is_closed = tape.thread is None
    if is_closed and is_played and any(output is None for output in outputs):
        return [describe_value(now[k]) for k, now in outputs_of(tape)]
    return [describe_value(output) for output in outputs]


def row(tape: Tape, index: int, output: str) -> tuple[str, ...]:
    """Return the cells of one node."""
    operation = tape.operations[index]
    play = tape.play
    gradient = play.gradients[index] if index < len(play.gradients) else None
    return (
        f"%{index}",
        operation.name + describe_settings(tape.settings[index]),
        ", ".join(f"%{k}" for k in tape.operands[index]),
        describe_type(tape.types[index]),
        output,
        describe_value(gradient),
        tape.line(index),
    )


def describe_settings(settings: dict[str, Any]) -> str:
    """Return the settings that say something, shortened."""
    parts = []
    for name, value in settings.items():
        if value is None or name in ("node", "value") or value == ():
            continue
        text = describe_key(value) if name == "key" else repr(value)
        parts.append(f"{name}={text}" if len(text) <= LONGEST_SETTING else f"{name}=..")
    return f"({', '.join(parts)})" if parts else ""


def describe_key(key: Any) -> str:
    """Return a key as a user writes it: ``[1:, None]``."""
    parts = []
    for part in key:
        if part is Ellipsis:
            parts.append("...")
        elif type(part).__name__ == "Slice":
            ends = ["" if end is None else str(end) for end in part[:2]]
            step = "" if part.step is None else f":{part.step}"
            parts.append(":".join(ends) + step)
        elif type(part).__name__ == "Placeholder":
            parts.append(f"<{part.position + 1}>")
        else:
            parts.append(str(part))
    return f"[{', '.join(parts)}]"


def describe_type(type_: Any) -> str:
    """Return ``float64[3, 4]``; several results side by side."""
    if type_ is None:
        return ""
    if isinstance(type_, tuple) and not hasattr(type_, "dtype"):
        return " ".join(map(str, type_))
    return str(type_)


def describe_value(value: Any) -> str:
    """Return a number shortened, or the first elements of an array."""
    if value is None:
        return ""
    if isinstance(value, (tuple, list)):
        return "(" + ", ".join(describe_value(part) for part in value) + ")"
    if hasattr(value, "_current"):
        value = value._current()
    if np.ndim(value) == 0:
        return f"{value:.6g}" if isinstance(value, (float, np.floating)) else str(value)
    flat = np.ravel(value)
    shown = " ".join(describe_value(part) for part in flat[:3])
    return f"[{shown}{' ...' if flat.size > 3 else ''}]"
