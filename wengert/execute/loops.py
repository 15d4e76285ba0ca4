"""Native code of a tape as loops over its arrays."""

from __future__ import annotations

import time
from collections.abc import Sequence

from wengert.core.tape import Tape
from wengert.emit import machine
from wengert.emit.compile import Compiled
from wengert.emit.nests import compile_nest
from wengert.emit.refusal import refuses
from wengert.lower.build import build
from wengert.lower.lower import lower


@refuses
def compile_loops(
    tape: Tape,
    absorbs: bool,
    captured: Sequence[int] = (),
    lanes: int | None = None,
    asked: Sequence[int] = (),
) -> Compiled:
    """Return native code of a tape as loops over its arrays.

    Parameters
    ----------
    tape, absorbs, captured, asked : as for `lower.lower`
    lanes : int, optional
        Elements of a vector; by the processor if not given.

    Raises
    ------
    NotLoweredError
        Where a node has none.
    """
    started = time.perf_counter()
    lowered = lower(tape, absorbs, captured, asked)
    drawn = time.perf_counter()
    width = lanes or machine.vector_bits() // 64
    nest, constants = build(lowered, width)
    seconds = {"graph": drawn - started, "nest": time.perf_counter() - drawn}
    return compile_nest(nest, constants, width, seconds)
