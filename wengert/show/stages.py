"""A tape on its way to native code, as text: the graph, the nest, LLVM's assembly."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from wengert.core.tape import Tape
from wengert.derive.ended import ended
from wengert.derive.opened import opened
from wengert.derive.shortened import shortened
from wengert.emit.nests import written
from wengert.emit.refusal import NotLoweredError, refuses
from wengert.errors import UnsupportedError, explain
from wengert.execute.engine import native_engine, refuse_long
from wengert.execute.explained import described
from wengert.execute.inlined import inlined
from wengert.execute.loops import libraries, nest_of, vector_width
from wengert.lower.build import build
from wengert.lower.cut import apart, cut
from wengert.lower.hiding import has_chain_products
from wengert.lower.lines import Known, Spot, remark
from wengert.lower.lower import lower
from wengert.lower.nest import Part, lines_of, shown_body
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
    return written(cut(nest), constants, vector_width(), {}).module()


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
        left = libraries(vector_width())
        lowered = lower(compiled, not is_first, calls=True, libraries=left)
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


class Framed(NamedTuple):
    """One of the nests that a tape's native code does in turn.

    Attributes
    ----------
    what : str
        What it does, in words.
    text : str
        Its statements.
    nodes : list of int
        The nodes of the tape that it comes from, by their lines.
    """

    what: str
    text: str
    nodes: list[int]


#: Nodes of a tape up to which it is made native code of to be looked at.
MOST_FRAMED = 5000


def nests_over(tape: Tape) -> list[Framed]:
    """Return the nests of a tape's native code, over the nodes that they come from.

    There are none where a tape has no native code, or is long.
    """
    if len(tape) > MOST_FRAMED or not native_engine():
        return []
    try:
        return framed(tape)
    except NotLoweredError:
        return []


@refuses
def framed(tape: Tape) -> list[Framed]:
    """Return the same of a tape that has native code."""
    known, nodes = Known(), dict[Spot, list[int]]()
    for index, line in enumerate(tape.lines):
        for spot in known.of(line):
            nodes.setdefault(spot, []).append(index)
    compiled = as_compiled(tape)
    nest, _ = nest_of(compiled, not has_chain_products(compiled))
    found = []
    for part in apart(nest).body:
        assert isinstance(part, Part)
        what = [text for text in map(described, part.body) if text]
        own = {k for spot in lines_of(part.body) for k in nodes.get(spot, ())}
        text = "\n".join(shown_body(part.body, 0, remark))
        found.append(Framed(", ".join(what) or "numbers", text, sorted(own)))
    return found
