"""A tape on its way to native code, as text: the graph, the nest, LLVM's assembly."""

from __future__ import annotations

from collections.abc import Callable

from wengert.core.tape import Tape
from wengert.derive.shortened import shortened
from wengert.emit import machine
from wengert.emit.nests import written
from wengert.errors import UnsupportedError, explain
from wengert.lower.build import build
from wengert.lower.cut import cut
from wengert.lower.lower import lower
from wengert.lower.refusal import NotLoweredError
from wengert.lower.values import Lowered


def graph_text(lowered: Lowered) -> str:
    """Return what is computed, values as functions of axes."""
    return str(lowered.graph)


def nest_text(lowered: Lowered) -> str:
    """Return how it is computed, loops over buffers."""
    return str(cut(build(lowered, lanes())[0]))


def llvm_text(lowered: Lowered) -> str:
    """Return the assembly that LLVM is given."""
    nest, constants = build(lowered, lanes())
    return "\n".join(written(cut(nest), constants, lanes(), {}).texts)


def lanes() -> int:
    """Return the elements of a vector of this processor."""
    return machine.vector_bits() // 64 if machine.available() else 4


#: How each stage is written.
STAGES: dict[str, Callable[[Lowered], str]] = {
    "graph": graph_text,
    "nest": nest_text,
    "llvm": llvm_text,
}


def stage_text(tape: Tape, stage: str) -> str:
    """Return a tape as it is at one stage; see `STAGES`.

    Raises
    ------
    UnsupportedError
        If a node is not lowered to loops.
    """
    short, _ = shortened(tape, [])
    try:
        return STAGES[stage](lower(short))
    except NotLoweredError as error:
        raise UnsupportedError(
            explain(
                f"{tape.title or 'the tape'} has no {stage}: {error}",
                "a tape becomes loops as a whole, where all of its operations do",
                "--as text for the tape itself; report() of the jitted function says "
                "how it runs",
            )
        ) from error
