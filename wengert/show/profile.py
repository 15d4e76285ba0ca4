"""Time and bytes of a tape: by node, by operation and by the user's line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any

import numpy as np

from wengert.core.tape import CONSTANT, INPUT, Tape
from wengert.errors import source_line
from wengert.execute.report import readable
from wengert.ops.index import GETITEM, IN_PLACE
from wengert.show.watch import active_nodes, gradients_of, outputs_of

#: Rows of the printed tables.
SHOWN = 12


@dataclass(frozen=True, slots=True)
class Cost:
    """What a node, an operation or a line costs.

    Attributes
    ----------
    name : str
        ``"%12 multiply"``, an operation, or ``file.py:12``.
    source : str
        The text of the line; empty for an operation.
    nodes : int
    forward, reverse : float
        Seconds in each sweep of the interpreter.
    output_bytes : int
        Bytes of the outputs.
    kept_bytes : int
        Bytes of those outputs that the reverse sweep reads, and that must be kept.
    """

    name: str
    source: str
    nodes: int
    forward: float
    reverse: float
    output_bytes: int
    kept_bytes: int

    @property
    def seconds(self) -> float:
        """Seconds in both sweeps."""
        return self.forward + self.reverse


@dataclass(frozen=True, slots=True)
class Profile:
    """The profile of a tape; printing it gives the dearest lines and operations.

    Attributes
    ----------
    total : Cost
    by_node, by_operation, by_line : tuples of Cost, the slowest first
    """

    total: Cost
    by_node: tuple[Cost, ...]
    by_operation: tuple[Cost, ...]
    by_line: tuple[Cost, ...]

    def __str__(self) -> str:
        from wengert.show.tables import as_text

        return "\n".join(as_text(table) for table in self.tables())

    def tables(self) -> list[Any]:
        """Return what is printed, as `rich` tables."""
        total = self.total
        head = (
            f"{total.nodes} nodes: forward {time_text(total.forward)}, reverse "
            f"{time_text(total.reverse)}; outputs {bytes_text(total.output_bytes)}, "
            f"kept for the reverse sweep {bytes_text(total.kept_bytes)}"
        )
        return [
            cost_table(head, "line", self.by_line, total),
            cost_table("", "operation", self.by_operation, total),
            cost_table("", "node", self.by_node, total),
        ]


def profile(tape: Tape, repeats: int = 5) -> Profile:
    """Return the time and bytes of every node in both sweeps.

    Parameters
    ----------
    tape : Tape
        Played by the interpreter at the numbers of its own play.
    repeats : int
        Sweeps that are timed; the fastest counts for every node.

    Returns
    -------
    Profile
        Times are the interpreter's: native code fuses nodes and has no such list.
    """
    count = len(tape)
    forward, reverse = np.full(count, np.inf), np.full(count, np.inf)
    for _ in range(max(1, repeats)):
        outputs = time_forward(tape, forward)
        time_reverse(tape, outputs, reverse)
    sizes = np.array([bytes_of(type_) for type_ in tape.types])
    is_given = [operation in (INPUT, CONSTANT) for operation in tape.operations]
    forward[is_given] = reverse[is_given] = 0
    columns = (forward * 1e-9, reverse * 1e-9, sizes, np.where(kept(tape), sizes, 0))
    nodes = range(count)
    return Profile(
        summed(columns, {("tape", ""): list(nodes)})[0],
        summed(columns, {(f"%{k} {tape.operations[k].name}", ""): [k] for k in nodes}),
        summed(columns, grouped((tape.operations[k].name, "") for k in nodes)),
        summed(columns, grouped(line_key(tape, k) for k in nodes)),
    )


def time_forward(tape: Tape, fastest: Any) -> list[Any]:
    """Play a tape forward; note the nanoseconds of every node where they are less."""
    before = perf_counter_ns()
    outputs: list[Any] = []
    for index, outputs in outputs_of(tape, keep=True):  # noqa: B007
        now = perf_counter_ns()
        fastest[index] = min(fastest[index], now - before)
        before = perf_counter_ns()
    return outputs


def time_reverse(tape: Tape, outputs: list[Any], fastest: Any) -> None:
    """Sweep a tape in reverse, and note the nanoseconds of every node likewise."""
    previous = None
    before = 0
    for index, gradients, _ in gradients_of(tape, outputs):
        now = perf_counter_ns()
        if previous is not None:
            fastest[previous] = min(fastest[previous], now - before)
        previous = None if gradients.get(index) is None else index
        fastest[index] = fastest[index] if previous is not None else 0
        before = perf_counter_ns()
    if previous is not None:
        fastest[previous] = min(fastest[previous], perf_counter_ns() - before)


def bytes_of(type_: Any) -> int:
    """Return the bytes of an output of a type."""
    if type_ is None:
        return 0
    if isinstance(type_, tuple) and not hasattr(type_, "dtype"):
        return sum(bytes_of(part) for part in type_)
    return int(type_.size * type_.dtype.itemsize)


def kept(tape: Tape) -> Any:
    """Return for every node whether the reverse sweep reads its output."""
    active = active_nodes(tape)
    read = np.zeros(len(tape), dtype=bool)
    for index, operation in enumerate(tape.operations):
        if not active[index] or not operation.is_differentiable:
            continue
        # A rule of reading or writing elements asks the result for its shape alone.
        if operation is not GETITEM and operation not in IN_PLACE:
            read[index] |= operation.reads_result
        for k, operand in enumerate(tape.operands[index]):
            read[operand] |= operation.reads_operand(k)
    return read


def grouped(keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], list[int]]:
    """Return the nodes of every key."""
    groups: dict[tuple[str, str], list[int]] = {}
    for index, key in enumerate(keys):
        groups.setdefault(key, []).append(index)
    return groups


def line_key(tape: Tape, index: int) -> tuple[str, str]:
    """Return a node's line and the text of that line."""
    return tape.line(index) or "(no line)", source_line(tape.lines[index]).strip()


def summed(
    columns: tuple[Any, ...], groups: dict[tuple[str, str], list[int]]
) -> tuple[Cost, ...]:
    """Return the cost of every group of nodes, the slowest first."""
    costs = []
    for (name, source), nodes in groups.items():
        forward, reverse, size, kept_size = (column[nodes].sum() for column in columns)
        costs.append(
            Cost(
                name,
                source,
                len(nodes),
                float(forward),
                float(reverse),
                int(size),
                int(kept_size),
            )
        )
    return tuple(sorted(costs, key=lambda cost: -cost.seconds))


def cost_table(title: str, heading: str, costs: tuple[Cost, ...], total: Cost) -> Any:
    """Return a table of costs, the rest summed in a last row."""
    from wengert.show.tables import table

    shown = costs[:SHOWN]
    rows = [row(cost, total) for cost in shown]
    rest = costs[SHOWN:]
    if rest:
        rows.append(row(rest_of(rest), total))
    headings = [heading, "nodes", "forward", "reverse", "share", "outputs", "kept", ""]
    return table(title, headings, rows)


def row(cost: Cost, total: Cost) -> list[str]:
    """Return the cells of one cost."""
    share = cost.seconds / total.seconds if total.seconds else 0.0
    return [
        cost.name,
        str(cost.nodes),
        time_text(cost.forward),
        time_text(cost.reverse),
        f"{share:.0%}",
        bytes_text(cost.output_bytes),
        bytes_text(cost.kept_bytes),
        cost.source,
    ]


def rest_of(costs: tuple[Cost, ...]) -> Cost:
    """Return the sum of costs that have no row of their own."""
    return Cost(
        f"({len(costs)} more)",
        "",
        sum(cost.nodes for cost in costs),
        sum(cost.forward for cost in costs),
        sum(cost.reverse for cost in costs),
        sum(cost.output_bytes for cost in costs),
        sum(cost.kept_bytes for cost in costs),
    )


def time_text(seconds: float) -> str:
    """Return a duration with its unit."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} us"


def bytes_text(count: int) -> str:
    """Return a number of bytes with its unit."""
    return f"{readable(count)}B"
