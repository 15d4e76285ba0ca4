"""How recorded arrays lie in memory: asked where NumPy decides by it, then guarded.

Whether a `reshape` or `ravel` is a view matters once something is written, and the
order of the elements matters where it is asked for (``order="K"``, `strides`).  What
is asked of any value is guarded for the arguments that the value is made of.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations, islice
from typing import Any

# By name: while recording, NumPy's own is answered.
from numpy import may_share_memory, ndarray, shares_memory
from numpy.exceptions import TooHardError

from wengert.core.forms import Reduce
from wengert.core.guards import OF_MEMORY, strides_of
from wengert.core.repetitions import Repetition, repetition_of, repetitions_on
from wengert.core.tape import GUARD, IDENTITY, INPUT, Tape
from wengert.core.types import Array, Type, is_array
from wengert.errors import Line, RecordingError, explain

#: What finding a common element of two arrays may cost, as NumPy counts it.
MOST_WORK = 10_000


def guard_layout(tape: Tape, nodes: list[int], line: Line | None) -> None:
    """Append a guard on the layout of every argument that nodes are made of."""
    if not tape.keeps_guards:
        return
    for index in arguments_of(tape, nodes):
        kind = {"kind": "strides", "expected": strides_of(tape.play.outputs[index])}
        tape.append(GUARD, (index,), kind, tape.types[index], None, line)


def guard_order(tape: Tape, index: int, line: Line | None) -> None:
    """Append guards on the order in which the sums behind a question are added.

    It is that of memory: the layout of every argument that they are made of, and that
    of what they add, where it is not C order.
    """
    added = added_behind(tape, index)
    if not added:
        return
    guard_layout(tape, added, line)
    for index in dict.fromkeys(added):
        if index in tape.lying:
            kind = {"kind": "strides", "expected": tape.lying[index]}
            tape.append(GUARD, (index,), kind, tape.types[index], None, line)


def note_lying(tape: Tape, nodes: Sequence[int], values: Sequence[Any]) -> None:
    """Note how operands lie, those in C order aside."""
    for index, value in zip(nodes, values, strict=True):
        if type(value) is ndarray and not value.flags.c_contiguous:
            tape.lying[index] = strides_of(value)


def added_behind(tape: Tape, index: int) -> list[int]:
    """Return the arrays whose sums a node is made of, save those found before."""
    seen, todo, found = tape.asked_about, [index], []
    operations, operands = tape.operations, tape.operands
    repeats = bool(repetitions_on(operations))
    while todo:
        index = todo.pop()
        if index in seen:
            continue
        whole = repetition_of(operations, index) if repeats else None
        if whole is not None and adds_in_one_order(tape, whole):
            if ~whole.start not in seen:  # all steps at once
                seen.add(~whole.start)
                todo += whole.outside or ()
            continue
        seen.add(index)
        todo += operands[index]
        if operations[index].adds:
            found += [k for k in operands[index] if has_order(tape, index, k)]
    return found


def adds_in_one_order(tape: Tape, whole: Repetition) -> bool:
    """Whether steps add what has one order alone, and read nothing that moves on."""
    if whole.has_order is None:
        whole.has_order = any(
            has_order(tape, index, k)
            for index, node in enumerate(whole.nodes, whole.start)
            if node.operation.adds
            for k in node.first
        )
    return not whole.has_order and whole.outside is not None


def has_order(tape: Tape, index: int, operand: int) -> bool:
    """Whether a sum may add an operand in several orders.

    A vector is summed from first to last, and multiplied as it lies.
    """
    like = tape.types[operand]
    axes = sum(n > 1 for n in like.shape) if isinstance(like, Type) else 0
    return axes > isinstance(tape.operations[index].form, Reduce)


def arguments_of(tape: Tape, nodes: list[int]) -> list[int]:
    """Return the inputs of a tape that have a layout and that nodes are made of.

    What was looked through before is left out: its layout is guarded already.
    """
    seen = tape.laid_out
    todo = [index for index in set(nodes) if index not in seen]
    seen.update(todo)
    found = []
    while todo:
        index = todo.pop()
        if tape.operations[index] is INPUT:
            found.append(index)
        for operand in tape.operands[index]:
            if operand not in seen and has_layout(tape.types[operand]):
                seen.add(operand)
                todo.append(operand)
    return sorted(found)


def has_layout(like: Any) -> bool:
    """Whether a node's output may lie in memory in several ways."""
    return not isinstance(like, Type) or bool(like.shape)


def asked_of_memory(tape: Tape) -> dict[str, set[int]]:
    """Return of which inputs a tape asks how they lie, by the kind of question."""
    found: dict[str, set[int]] = {kind: set() for kind in OF_MEMORY}
    # a tape that is checked has more nodes to come
    for index, operation in enumerate(islice(tape.operations, len(tape))):
        if operation is GUARD and tape.settings[index]["kind"] in found:
            of = tape.operands[index][0]
            if tape.operations[of] is INPUT:
                found[tape.settings[index]["kind"]].add(of)
    return found


# Arguments that share memory


def share_memory(arrays: Iterable[Any]) -> bool:
    """Whether any two of some values are arrays that share memory."""
    plain = [array for array in arrays if is_array(array) and array.size]
    if len({id(array) for array in plain}) == len(plain) and all(
        array.base is None for array in plain
    ):
        return False
    return any(overlap(one, other) for one, other in combinations(plain, 2))


def overlap(one: Array, other: Array) -> bool:
    """Whether two arrays have an element in common."""
    if not may_share_memory(one, other):
        return False
    try:
        return bool(shares_memory(one, other, max_work=MOST_WORK))  # type: ignore[arg-type]
    except TooHardError:
        return True


def check_alone(tape: Tape, index: int) -> None:
    """Raise if an argument that is written to shares memory with another one."""
    given = tape.given.get(index)
    if given is None:
        return
    mine = given[index]
    for k, other in given.items():
        if k != index and overlap(mine, other):
            raise RecordingError(
                explain(
                    "a write into an argument that shares memory with another one",
                    "recorded arguments are arrays of their own: the other one would "
                    "not see what is written",
                    "pass a copy (f(x.copy(), x)), or write into a copy inside the "
                    "function: y = np.copy(x)",
                )
            )


def writes_arguments(tape: Tape) -> bool:
    """Whether a tape writes into the memory of an argument."""
    for index, operation in enumerate(tape.operations):
        if operation.writes:
            base = tape.operands[index][0]
            while tape.operations[base] is IDENTITY:
                base = tape.operands[base][0]
            if tape.operations[base] is INPUT:
                return True
    return False
