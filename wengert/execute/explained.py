"""What the native code of a path does, told of its nest: its loops, and their time."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from wengert.core.tape import Tape
from wengert.derive.loops import COUNTED
from wengert.derive.while_loops import WHILE
from wengert.emit.compile import addresses
from wengert.emit.nests import MOST_SHOWN, compile_apart
from wengert.emit.refusal import NotLoweredError
from wengert.execute.calls import caller
from wengert.execute.engine import arrays_of
from wengert.execute.loops import nest_of, vector_width
from wengert.execute.paths import Path
from wengert.lower.cut import apart, cut
from wengert.lower.hiding import has_chain_products
from wengert.lower.lines import said
from wengert.lower.nest import (
    Call,
    Let,
    Loop,
    Nest,
    Order,
    Part,
    Product,
    Routine,
    Statement,
    Store,
    While,
    everything,
    lines_of,
    touched,
)
from wengert.lower.work import totals

#: Values of a nest, and seconds that compiling it took, up to which it is made again to
#: be explained, and its loops compiled apart to be measured.
MOST_DRAWN, MOST_COMPILED = 20_000, 1.0
#: Calls by which loops are measured, at most, and seconds after which that is enough.
ROUNDS, MOST_MEASURED = 30, 0.05


class Explained(NamedTuple):
    """What the native code of a path does.

    Attributes
    ----------
    nest : str
        Its nest, with the user's lines.
    stored, in_registers, recomputed : int
        Values that loops hand on in memory; that stay in registers, fused into the
        loop that computes them; and that several loops compute.
    rolled : list of dict
        Its loops over steps: ``steps`` (None where a condition ends it), ``nodes`` of
        their body, and ``line``.
    nests : list of dict
        What is done in turn: ``what``, ``lines``, ``operations``, ``bytes``, and
        ``seconds`` that were measured, None where they were not.
    """

    nest: str = ""
    stored: int = 0
    in_registers: int = 0
    recomputed: int = 0
    rolled: Sequence[dict[str, Any]] = ()
    nests: Sequence[dict[str, Any]] = ()


def explained(path: Path) -> Explained:
    """Return what the native code of a path does.

    Equal code of other lines is the same, so that it is made again to tell of them.
    """
    kernel = path.kernels[0] if path.kernels else None
    if kernel is None:
        return Explained()
    if kernel.nodes > MOST_DRAWN:
        return Explained(kernel.nest, rolled=list(rolled(path.compiled[0])))
    tape, captured = path.compiled
    absorbs = not has_chain_products(path.short[0])
    tally = Counter[Any]()
    nest, constants = nest_of(
        tape, absorbs, captured, unrolled=path.unrolled, tally=tally
    )
    every = list(everything(nest.body))
    memory = {b for x in every for b in touched(x) if b.kind == "scratch"}
    inside = everything([x for x in every if isinstance(x, Loop | While)])
    kinds = {id(x): isinstance(x, Let) for x in inside if is_made(x)}
    made = sum(kinds.values())
    pieces = apart(nest)
    is_quick = sum(kernel.seconds.values()) < MOST_COMPILED
    seconds = seconds_apart(path, pieces, constants) if is_quick else None
    parts = [part for part in pieces.body if isinstance(part, Part)]
    return Explained(
        cut(nest).shown(MOST_SHOWN, has_lines=True),
        len(memory),
        max(0, made - (len(kinds) - made)),
        sum(count > 1 for count in tally.values()),
        list(rolled(tape)),
        [
            piece_of(part, None if seconds is None else seconds[k])
            for k, part in enumerate(parts)
        ],
    )


def is_made(statement: Statement) -> bool:
    """Whether a statement makes a value, or writes one to memory."""
    return isinstance(statement, Let) or (
        isinstance(statement, Store) and not statement.fold
    )


def rolled(tape: Tape) -> Iterator[dict[str, Any]]:
    """Give the loops of a tape, those in their steps too."""
    for index, operation in enumerate(tape.operations):
        if operation in COUNTED or operation is WHILE:
            settings = tape.settings[index]
            body, line = settings["body"].tape, tape.line(index)
            steps = settings["count"] if operation in COUNTED else None
            yield {"steps": steps, "nodes": len(body), "line": line}
            yield from rolled(body)


def piece_of(part: Part, seconds: float | None) -> dict[str, Any]:
    """Return the facts of what is done in turn."""
    operations, moved = totals(part.body)
    what = [text for text in map(described, part.body) if text]
    return {
        "what": ", ".join(what) or "numbers",
        "lines": said(lines_of(part.body)),
        "operations": operations,
        "bytes": moved,
        "seconds": seconds,
    }


def described(statement: Statement) -> str:
    """Return what a statement does, in words; nothing of single numbers."""
    match statement:
        case Loop(_, extent, is_lanes):
            inner = next(filter(None, map(described, statement.body)), "")
            is_loop = inner.startswith("loop ")
            how = f" x {inner.removeprefix('loop ')}" if is_loop else f": {inner}"
            return f"loop {extent}{' in lanes' * is_lanes}{how * bool(inner)}"
        case While():
            return "loop while a condition holds"
        case Product(_, _, _, (rows, columns, depth)):
            return f"product {rows} x {depth} x {columns}"
        case Routine(name, _, _, (rows, _)):
            return f"{name} of {rows} rows"
        case Order(_, _, count):
            return f"{count} put in order"
        case Call(_, _, name):
            return f"{name} by NumPy"
    return ""


def seconds_apart(
    path: Path, nest: Nest, constants: list[np.ndarray]
) -> list[float] | None:
    """Return what each part of a nest takes where a path was recorded.

    They run one after another, as in a call.  None where a call is refused there.
    """
    try:
        width, calls = vector_width(), list(map(caller, nest.calls))
        made = compile_apart(nest, constants, width, calls)
    except NotLoweredError:
        return None
    arrays = arrays_of(path)
    given, taken = map(addresses, arrays)
    workspace = np.zeros(made.workspace + 64, np.uint8)
    at = (workspace.ctypes.data + 63) // 64 * 64
    best = [float("inf")] * len(made.parts)
    idle, started = float("inf"), time.perf_counter()
    for _ in range(ROUNDS):
        for k, part in enumerate([*made.parts, made.nothing]):
            before = time.perf_counter()
            refused = part(given, taken, at, 0, 1)
            spent = time.perf_counter() - before
            if refused:
                return None
            if k < len(best):
                best[k] = min(best[k], spent)
            else:
                idle = min(idle, spent)
        if time.perf_counter() - started > MOST_MEASURED:
            break
    return [max(0.0, seconds - idle) for seconds in best]
