"""Flags that spread over a tape along operands: what nodes are made of, or make.

In steps that are written once they are found step by step, until a step has those of
the steps before it; then all that follow have them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from wengert.core.repetitions import Repetition, repetitions_on


class Part(NamedTuple):
    """Nodes that follow each other; whole steps where there is a repetition."""

    low: int
    high: int
    whole: Repetition | None


def parts(operations: Any, start: int, stop: int) -> Iterator[Part]:
    """Give the nodes of a stretch of tape in order."""
    for whole in repetitions_on(operations):
        period = whole.period
        low = whole.start + -(-max(start - whole.start, 0) // period) * period
        high = low + (min(whole.start + whole.size, stop) - low) // period * period
        if low < high:
            if start < low:
                yield Part(start, low, None)
            yield Part(low, high, whole)
            start = high
    if start < stop:
        yield Part(start, stop, None)


def depends_on(tape: Any, wanted: Iterable[int], start: int, stop: int) -> bytearray:
    """Return for every node whether it depends on a wanted one, through derivatives."""
    active = bytearray(stop)
    for index in wanted:
        active[index] = 1
    operands = tape.operands
    operations = tape.operations
    for low, high, whole in parts(operations, start, stop):
        if whole is not None and active.find(1, low, high) < 0:
            low = settled(whole, active, low, high)
        for index in range(low, high):
            for operand in operands[index]:
                if active[operand]:
                    if operations[index].kind != "constant":
                        active[index] = 1
                    break
    return active


def settled(whole: Repetition, active: bytearray, low: int, high: int) -> int:
    """Find which nodes of steps are active; return the first of which it is not known.

    No node of the steps is active by itself.
    """
    back, period = whole.back, whole.period
    if back is None:
        return low
    seen = (back + 1) * period
    first = (low - whole.start) // period
    for step, at in enumerate(range(low, high, period), first):
        for index, node in enumerate(whole.nodes, at):
            if node.operation.kind != "constant":
                active[index] = any([active[k] for k in node.operands_at(step)])
        done = at + period
        if step > first + back and active[done - seen : done] == (
            active[at:done] * (back + 1)
        ):
            active[done:high] = active[at:done] * ((high - done) // period)
            break
    return high


def reaching(
    tape: Any,
    targets: Iterable[int],
    start: int = 0,
    stop: int | None = None,
    known: Iterable[int] = (),
    is_kept: Callable[[int], bool] | None = None,
) -> bytearray:
    """Return which nodes some targets are made of, the targets included.

    Parameters
    ----------
    tape : Tape
    targets : indices of nodes
    start, stop : int
        Only nodes of this stretch are looked behind; the flags end at `stop`.
    known : nodes that are not looked behind either
    is_kept : callable, optional
        Whether a node counts as a target too.
    """
    stop, known = len(tape) if stop is None else stop, frozenset(known)
    wanted, operands = bytearray(stop), tape.operands
    for index in targets:
        wanted[index] = 1
    is_plain = not known and is_kept is None
    for low, high, whole in reversed(list(parts(tape.operations, start, stop))):
        if whole is not None and is_plain:
            high = asked(whole, wanted, low, high)
        for index in range(high - 1, low - 1, -1):
            if not wanted[index] and is_kept is not None and is_kept(index):
                wanted[index] = 1
            if wanted[index] and index not in known:
                for operand in operands[index]:
                    wanted[operand] = 1
    return wanted


def asked(whole: Repetition, wanted: bytearray, low: int, high: int) -> int:
    """Find which nodes steps are made of; return where what is left to look at ends.

    The steps before one that has the flags of those after it have them, too, where
    what is flagged in them from outside is the same.
    """
    back, period, given = whole.back, whole.period, bytes(wanted[low:high])
    stop = high
    if back is None:
        return high
    seen = (back + 1) * period
    # the first steps are looked at one by one: they read what is before all
    first, end = low + seen, low + seen + back * period
    for at in range(high - period, end, -period):
        step, here = (at - whole.start) // period, at - low
        for position in range(period - 1, -1, -1):
            if wanted[at + position]:
                for operand in whole.nodes[position].operands_at(step):
                    wanted[operand] = 1
        own = given[here : here + period]
        if (
            at + seen <= stop
            and wanted[at : at + seen] == wanted[at : at + period] * (back + 1)
            and given[: here + seen] == own * ((here + seen) // period)
        ):
            wanted[first:at] = wanted[at : at + period] * ((at - first) // period)
            return end
        high = at
    return high
