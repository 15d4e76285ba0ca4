"""When compiling pays: what calls, plays and compiling take, and what follows from it.

Measured on one core of a machine of 2025, what concerns whole tapes and plays by
``bench/costs.py``; a machine of twice the speed has all of it halved, and what pays
does not change.  Times are in seconds.

What an operation costs inside of a loop is on the page below (`lower.costs`); what
keeping code on disk costs is known where it is kept (`emit.disk`).  Numbers that only
bound how much is tried, held or looked at stand where they are used.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from wengert.core.forms import Subtapes
from wengert.core.tape import CONSTANT, GUARD, INPUT, Tape
from wengert.core.types import Type
from wengert.derive.steps import inside

#: What no play computes.
GIVEN = frozenset({INPUT, CONSTANT, GUARD})

# Compiling a whole tape.

#: What any nest takes to compile; a node of a tape on arrays more (0.25 to 2 ms, by
#: how much is written out), and one on numbers (``bench/costs.py``).
COMPILE, ARRAY_NODE, SCALAR_NODE = 20e-3, 0.5e-3, 60e-6
#: Nodes on arrays, and nodes at all, up to which a tape is compiled: that takes 1.4 KiB
#: a node meanwhile.
MOST_ARRAY_NODES, MOST_COMPILED = 30_000, 1_000_000
#: A native call, and a number that it makes.
NATIVE_CALL, NATIVE_NODE = 0.3e-6, 0.7e-9
#: Plays that take as long as compiling does, and it is done for one.
PLAYS = 2
#: What finding the path of a call costs where Python has to.
DISPATCH = 15e-6
#: A node that NumPy plays, at least; an element that it writes, and one of an array of
#: so many or more, whose memory is fresh.
PLAY_NODE, PLAY_ELEMENT, FRESH_ELEMENT, FRESH = 0.9e-6, 0.1e-9, 2e-9, 1 << 18
#: Planning the play of a node, and what planning a play may take: so many calls of the
#: function itself, or seconds.
PLAN_NODE, MOST_CALLS, MOST_PLANNED = 8e-6, 3, 0.1
#: Values up to which code compiled in haste is compiled again, for speed.
MOST_OPTIMISED = 400_000

# What is measured while a program runs, to choose what its calls do.

#: Calls of each kind, NumPy's play and the function itself, that are measured before
#: one is chosen.
TRIED = 2
#: Calls after which the slower kind is first tried again, and how much slower it may
#: have been.
AGAIN, FAR = 32, 3.0
#: Calls by which a kernel is measured, at most and at least, as another program may
#: hold one up; seconds after which that is enough, and after which one has to do.
ROUNDS, LEAST_ROUNDS, MOST_MEASURED, MOST_WAITED = 5, 3, 0.05, 0.5

# Rows.

#: Rows that must have left a path at one guard before the path they take is recorded:
#: that costs as much as playing some rows one by one.
FEWEST_ROWS = 4
#: Operations that one thread does at once, at least: some 20 microseconds, above the 5
#: that handing them to a thread costs; and at most, as Python hears nothing meanwhile.
PIECE, MOST_PIECE = 2**19, 2**29

#: A node that NumPy plays for a block of rows, and an element of one row in it.
ROWS_NODE, ROWS_ELEMENT = 5e-6, 1e-9

#: Calls of a function that take as long as recording it once, about.
CALLS_A_RECORDING = 10.0

#: Bytes from which an array in Fortran's order is read as it lies, by code of its own:
#: NumPy's copy of one takes as long as what Python does to find that code.
COPIED = 2**16

# Products of matrices.

#: Elements of every side up to which one thread multiplies matrices in tiles as fast as
#: BLAS does, or twice as fast: where registers have 8 numbers, and else.
TILES, SMALL_TILES = 1024, 256
#: What says how many threads BLAS has.
THREADS = "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"

# Jacobians (`directions`).

#: A node of a plain sweep; a sweep recorded, to be played for all directions, and a
#: node of it (``bench/jacobians.py``).
SWEEP, START_SWEEP, RECORD_SWEEP = 2e-6, 150e-6, 12e-6
#: Nodes of a recorded sweep for one of the function (1.4 to 3.4 were counted), and
#: what compiling the sweeps of all directions may take for a Jacobian inside a
#: recording to be written out: its native code is then quicker than a call for rows.
SWEEP_NODES, MOST_WRITTEN_OUT = 1.8, 0.25


def threads_of_blas() -> int:
    """Return how many threads NumPy's products of matrices may take."""
    for name in THREADS:
        given = os.environ.get(name, "")
        if given.isdigit() and int(given):
            return int(given)
    return os.cpu_count() or 1


def least_for_blas(lanes: int) -> int:
    """Return from how many elements of every side BLAS multiplies matrices faster."""
    return TILES if lanes == 8 and threads_of_blas() == 1 else SMALL_TILES


def is_of_numbers(like: Any) -> bool:
    """Whether a node's output is one number."""
    return type(like) is Type and not like.shape


def count_arrays(tape: Tape) -> int:
    """Return the number of nodes on arrays, those of steps of loops once."""
    total = 0
    for index, like in enumerate(tape.types):
        operation = tape.operations[index]
        if type(operation.form) is Subtapes:
            total += sum(map(count_arrays, operation.form.tapes(tape.settings[index])))
        elif not is_of_numbers(like) and operation is not GUARD:
            total += 1
    return total


def seconds_of(tape: Tape, nodes: Iterable[int]) -> float:
    """Return about what compiling some nodes takes."""
    return sum(
        SCALAR_NODE if is_of_numbers(tape.types[k]) else ARRAY_NODE for k in nodes
    )


def compile_seconds(tape: Tape) -> float:
    """Return about what compiling a tape takes."""
    arrays = count_arrays(tape)
    return COMPILE + ARRAY_NODE * arrays + SCALAR_NODE * (len(tape) - arrays)


def play_seconds(tape: Tape) -> float:
    """Return about what NumPy takes at least to play a tape, its loops step by step."""
    seconds = PLAY_NODE * len(tape) + inside(tape, play_seconds)
    for index, operation in enumerate(tape.operations):
        if not (operation.view or operation in GIVEN or operation.writes):
            like = tape.types[index]
            size = like.size if type(like) is Type else 0
            seconds += size * (PLAY_ELEMENT if size < FRESH else FRESH_ELEMENT)
    return seconds


def is_slow(tape: Tape) -> bool:
    """Whether NumPy takes longer to play a tape than it takes to compile it."""
    return play_seconds(tape) > PLAYS * compile_seconds(tape)


def native_seconds(tape: Tape) -> float:
    """Return about what one native call of a tape takes at least."""
    return NATIVE_CALL + NATIVE_NODE * (len(tape) - count_arrays(tape))
