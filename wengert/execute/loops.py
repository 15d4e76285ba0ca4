"""Native code of a tape as loops, kept on disk by what the tape says."""

from __future__ import annotations

import functools
import os
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

import wengert
from wengert.core.tape import Tape
from wengert.emit import disk, lapack, machine
from wengert.emit.compile import Compiled
from wengert.emit.nests import compile_written, written
from wengert.emit.refusal import refuses
from wengert.emit.written import Written, loaded
from wengert.execute.calls import caller
from wengert.execute.costs import least_for_blas
from wengert.execute.saved import content_of
from wengert.lower.build import build
from wengert.lower.cut import cut
from wengert.lower.libraries import Libraries
from wengert.lower.lower import lower
from wengert.lower.nest import Nest
from wengert.lower.schedule import MOST_UNROLLED

#: Bytes of constants up to which what a tape becomes is kept on disk.
MOST_WRITTEN = 1 << 23


@refuses
def compile_loops(
    tape: Tape,
    absorbs: bool,
    captured: Sequence[int] = (),
    lanes: int | None = None,
    asked: Sequence[int] = (),
    steps: Sequence[int] | None = None,
    told: machine.Told | None = None,
    calls: bool = False,
    unrolled: int = MOST_UNROLLED,
    is_hurried: bool = False,
) -> Compiled:
    """Return native code of a tape as loops over its arrays.

    Parameters
    ----------
    tape, absorbs, captured, asked, calls : as for `lower.lower`
    lanes : int, optional
        Elements of a vector; by the processor if not given.
    steps : sequence of int, optional
        Where it is done for many blocks, as for `nests.written`.
    told : callable, optional
        Called with the number of parts that are compiled, and of all.
    unrolled : int
        Elements of an axis up to which its steps are written out.
    is_hurried : bool
        Whether code is wanted soon, and better code later.

    Raises
    ------
    NotLoweredError
        Where a node has none.
    """
    machine.require()
    width = lanes or vector_width()
    blas = least_for_blas(width)
    name = name_of(tape, absorbs, captured, asked, width, steps, unrolled, blas)
    found = kept(name)
    if found is not None:
        try:
            return compile_written(found, told=told, is_hurried=is_hurried)
        except Exception:  # whatever it is, it is no text of ours
            disk.forget(name)
    seconds: dict[str, float] = {}
    how = captured, width, asked, calls, unrolled
    nest, constants = nest_of(tape, absorbs, *how, seconds)
    nest = cut(nest)
    functions = list(map(caller, nest.calls))
    found = written(nest, constants, width, seconds, steps, functions)
    size = sum(array.nbytes for array in constants)
    if (
        name
        and not functions
        and size <= MOST_WRITTEN
        and sum(found.seconds.values()) > disk.WORTH
    ):
        disk.write(name, found.dumped())
    return compile_written(found, told=told, is_hurried=is_hurried)


def nest_of(
    tape: Tape,
    absorbs: bool,
    captured: Sequence[int] = (),
    width: int | None = None,
    asked: Sequence[int] = (),
    calls: bool = True,
    unrolled: int = MOST_UNROLLED,
    seconds: dict[str, float] | None = None,
    tally: Counter[Any] | None = None,
) -> tuple[Nest, list[np.ndarray]]:
    """Return the nest that native code of a tape is, whole, and its constants.

    `width` is the elements of a vector, by the processor if not given; `seconds` takes
    what the graph and the nest took, `tally` is that of `build`.
    """
    started = time.perf_counter()
    width = width or vector_width()
    lowered = lower(tape, absorbs, captured, asked, calls, libraries(width))
    drawn = time.perf_counter()
    nest, constants = build(lowered, width, unrolled, tally)
    if seconds is not None:
        seconds["graph"] = drawn - started
        seconds["nest"] = time.perf_counter() - drawn
    return nest, constants


def vector_width() -> int:
    """Return the doubles of a vector, also where no native code is made."""
    return machine.vector_width() if machine.available() else 4


def libraries(width: int) -> Libraries:
    """Return what native code with so many elements a vector leaves to libraries."""
    return Libraries(least_for_blas(width), lapack.is_there)


def kept(name: str) -> Written | None:
    """Return the text under a name on disk, if there is one."""
    started = time.perf_counter()
    content = disk.read(name) if name else None
    if content is None:
        return None
    try:
        found = loaded(content)
    except (ValueError, TypeError, EOFError):
        disk.forget(name)
        return None
    found.seconds.clear()
    found.seconds["read"] = time.perf_counter() - started
    return found


def name_of(tape: Tape, *how: Any) -> str:
    """Return the name of what a tape becomes, by all that it depends on.

    There is none for a tape that user's code is a part of.
    """
    content = content_of(tape) if disk.folder_named() is not None else ""
    if not content:
        return ""
    return disk.name_of(content, str(how), *machine.host(), version())


@functools.cache
def version() -> str:
    """Return what tells this wengert from others: its files, sizes and times."""
    folder = os.path.dirname(wengert.__file__)
    found = []
    for place, _, _ in os.walk(folder):
        with os.scandir(place) as entries:
            files = [entry for entry in entries if entry.name.endswith(".py")]
        for file in files:
            state = file.stat()
            found.append((file.path, state.st_size, state.st_mtime_ns))
    return str(sorted(found))
