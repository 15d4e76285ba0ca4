"""Computing the numbers of what was recorded without them: natively, or by NumPy.

Native code does not warn as NumPy does.  It says, in the processor's flags, that
nothing happened of which NumPy would warn; else NumPy computes what may be warned of.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from wengert.core.flags import reaching
from wengert.core.floating_point import As, Silent, plays
from wengert.core.forms import Map, Move, Reduce
from wengert.core.tape import Tape
from wengert.derive.extract import Extract
from wengert.derive.roll import fill
from wengert.execute.interpret import LEAVES_PATH, last_uses, play_nodes
from wengert.execute.native import may_warn, native_player, quietly
from wengert.execute.plan import Player
from wengert.lower.hiding import hides
from wengert.ops.chain import has_nan
from wengert.ops.index import INDEX_ADD
from wengert.ops.shape import BROADCAST_TO, RESHAPE


def compute(tape: Tape, nodes: Sequence[int]) -> None:
    """Compute the numbers of nodes that were appended without them."""

    def play(extract: Extract, values: list[Any]) -> Sequence[Any]:
        warned_of = loud_nodes(tape)
        loud = {place for k, place in extract.at.items() if k in warned_of}
        with Silent():
            found = natively(extract.new, values, loud)
            if found is None:
                found = played(extract.new, values, loud, tape.error_state)
        return found

    fill(tape, nodes, play)


def settle(tape: Tape, results: Sequence[int]) -> None:
    """Compute the results of a recording, and what else NumPy may warn of."""
    compute(tape, [*[k for k in results if k in tape.deferred], *unread(tape, results)])


def unread(tape: Tape, results: Sequence[int]) -> list[int]:
    """Return what NumPy may warn of and no result is made of: it was computed, too."""
    read = reaching(tape, results)
    return [k for k in loud_nodes(tape) if not read[k]]


def loud_nodes(tape: Tape) -> set[int]:
    """Return the nodes without numbers of which NumPy may warn."""
    return {
        k
        for k, node in tape.deferred.items()
        if not node.is_quiet and may_warn(tape.operations[k])
    }


def natively(tape: Tape, values: list[Any], loud: set[int]) -> list[Any] | None:
    """Return the outputs of a tape by native code; None where there is none.

    Nor where NumPy may warn of a loud node, or zeros have to absorb what is not finite.
    """
    play = native_player(tape) if loud <= told_of(tape) else None
    if play is None:
        return None
    if not loud:
        return play(values)

    def is_right(found: list[Any] | None) -> bool:
        shown = found is not None and not any(map(has_nan, found))
        return shown and loud <= reached_back(tape, hands_on)

    return quietly(lambda: play(values), is_right)


Asked = Callable[[Tape, int, int], bool]


def reached_back(tape: Tape, passes: Asked) -> set[int]:
    """Return outputs, and operands of such nodes that ``passes(tape, node, place)``."""
    found = set(tape.output_indices)
    for index in reversed(range(len(tape))):
        if index in found:
            for k, operand in enumerate(tape.operands[index]):
                if operand not in found and passes(tape, index, k):
                    found.add(operand)
    return found


def told_of(tape: Tape) -> set[int]:
    """Return the nodes of which native code computes all elements, come what may.

    It leaves out what nobody reads, and what a selection does not take.
    """
    whole = reached_back(tape, reads_all)
    found = set(tape.output_indices)
    for index in whole:
        for k, operand in enumerate(tape.operands[index]):
            if reads_all(tape, index, k) and not may_leave_out(tape, index, k):
                found.add(operand)
    return found


def reads_all(tape: Tape, index: int, position: int) -> bool:
    """Whether a node reads all elements of an operand."""
    operation = tape.operations[index]
    is_moved = isinstance(operation.form, Move)
    return not is_moved or operation in (RESHAPE, BROADCAST_TO, INDEX_ADD)


def may_leave_out(tape: Tape, index: int, position: int) -> bool:
    """Whether a node selects elements of an operand by something else."""
    form = tape.operations[index].form
    if not isinstance(form, Map):
        return False
    texts = form.texts("f", tape.settings[index]) or ("select",)
    is_selection = any("select" in text for text in texts)
    return is_selection and not hides(tape, index, [position])


def hands_on(tape: Tape, index: int, position: int) -> bool:
    """Whether each NaN of an operand makes one of a node's output."""
    operation, form = tape.operations[index], tape.operations[index].form
    if isinstance(form, Map):
        texts = form.texts("f", tape.settings[index]) or ("select",)
        if any("select" in text for text in texts):
            return False
    elif not isinstance(form, Reduce) and operation not in (RESHAPE, BROADCAST_TO):
        return False
    return not hides(tape, index, [position])


@plays
def played(tape: Tape, values: list[Any], loud: set[int], state: Any) -> list[Any]:
    """Return the outputs of a tape by NumPy; nodes that are loud in an error state."""
    player = Player(tape)
    outputs = player.plan.given(values)
    try:
        for index, step in player.steps:
            with As(state) if index in loud else Silent():
                step(outputs)
    except LEAVES_PATH:  # node by node it is known why
        outputs = player.plan.given(values)
        play_nodes(tape, outputs, last_uses(tape))
    return [outputs[k] for k in player.plan.outputs]
