"""A tape on its way to native code, as text: the graph, the nest, LLVM's assembly."""

from __future__ import annotations

from collections.abc import Callable

from wengert.core.tape import Tape
from wengert.derive.ended import ended
from wengert.derive.opened import opened
from wengert.derive.shortened import shortened
from wengert.emit.nests import written
from wengert.errors import UnsupportedError, explain
from wengert.execute.costs import least_for_blas
from wengert.execute.engine import refuse_long
from wengert.execute.inlined import inlined
from wengert.execute.loops import vector_width
from wengert.lower.build import build
from wengert.lower.cut import cut
from wengert.lower.hiding import has_chain_products
from wengert.lower.lower import lower
from wengert.lower.refusal import NotLoweredError
from wengert.lower.values import Lowered


def graph_text(lowered: Lowered) -> str:
    """Return what is computed, values as functions of axes."""
    return str(lowered.graph)


def nest_text(lowered: Lowered) -> str:
    """Return how it is computed, loops over buffers."""
    return str(cut(build(lowered, vector_width())[0]))


def llvm_text(lowered: Lowered) -> str:
    """Return the assembly that LLVM is given."""
    nest, constants = build(lowered, vector_width())
    return "\n".join(written(cut(nest), constants, vector_width(), {}).texts)


#: How each stage is written, and how its remarks begin.
STAGES: dict[str, tuple[Callable[[Lowered], str], str]] = {
    "graph": (graph_text, "#"),
    "nest": (nest_text, "#"),
    "llvm": (llvm_text, ";"),
}
#: What stands below the code that goes first.
SECOND = "where this meets a NaN that a zero has to absorb, --absorbing shows what runs"


def stage_text(tape: Tape, stage: str, absorbs: bool = False) -> str:
    """Return a tape as it is at one stage, as `jit` compiles it; see `STAGES`.

    Parameters
    ----------
    tape : Tape
    stage : str
    absorbs : bool
        Whether it is the code in which zeros absorb what is not finite, to which a call
        goes on where that matters.  A tape without products of the chain rule has none.

    Raises
    ------
    UnsupportedError
        If there is no native code of it.
    """
    write, remark = STAGES[stage]
    compiled = as_compiled(tape)
    has_second = has_chain_products(compiled)
    try:
        refuse_long(compiled)
        is_first = has_second and not absorbs
        blas = least_for_blas(vector_width())
        lowered = lower(compiled, not is_first, calls=True, blas=blas)
        text = write(lowered)
    except NotLoweredError as error:
        raise UnsupportedError(
            explain(
                f"{tape.title or 'the tape'} has no {stage}: {error}",
                "what has no loops NumPy computes in the middle of native code, but "
                "not this",
                "--as text for the tape itself; report() of the jitted function says "
                "how it runs",
            )
        ) from error
    return f"{text}\n{remark} {SECOND}" if is_first else text


def as_compiled(tape: Tape) -> Tape:
    """Return a tape as native code is made of it, its loops as single nodes."""
    short = inlined(*opened(*shortened(tape, [])))
    end = ended(*short)
    return short[0] if end is None else end[0]
