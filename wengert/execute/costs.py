"""When compiling pays: every measured constant of it, and what follows from them.

Measured by ``bench/costs.py``, on one core of a machine of 2025; a machine of twice the
speed has all of them halved, and what pays does not change.  Times are in seconds.
"""

from __future__ import annotations

import os

from wengert.core.forms import Routine
from wengert.core.operation import Operation
from wengert.core.tape import Tape
from wengert.core.types import Type
from wengert.derive.branches import SWITCH
from wengert.derive.loops import SCAN
from wengert.derive.while_loops import WHILE
from wengert.emit.kernels import count_scalars
from wengert.emit.lowering import MOST_UNROLLED
from wengert.lower.parts import has_complex

#: From how many scalar nodes of arrays on a tape becomes a nest; for tests of nests.
NESTS_VARIABLE = "WENGERT_NESTS"

# Compiling a whole tape.

#: What any program takes to compile, and a scalar node more: lowered, written, and
#: generated, where most are repetitions that become loops.
COMPILE, COMPILE_NODE = 12e-3, 14e-6
#: Scalar nodes of arrays from which a tape becomes a nest of loops; what a nest takes
#: to compile, and a node of its tape (0.25 to 2 ms, by how much is written out); nodes
#: up to which one is tried (``bench/arrays.py``).
ARRAYS = 1000
NEST, NEST_NODE, MOST_NEST_NODES = 20e-3, 0.5e-3, 3000
#: A native call, and a scalar node in it.
NATIVE_CALL, NATIVE_NODE = 0.3e-6, 0.7e-9
#: What finding the path of a call costs where Python has to.
DISPATCH = 15e-6
#: A node that NumPy plays, at least.
PLAY_NODE = 0.9e-6
#: Planning the play of a node, and what planning a play may take: so many calls of the
#: function itself, or seconds.
PLAN_NODE, MOST_CALLS, MOST_PLANNED = 8e-6, 3, 0.1
#: Scalar nodes up to which code compiled in haste is compiled again, for speed.
MOST_OPTIMISED = 400_000

# Native parts of a tape that is not lowered as a whole (`segments`).

#: Elements up to which an array's node may be native: each becomes a scalar node.
SMALL = 64
#: Nodes from which a native call pays: it costs as much as two of NumPy's.
FEWEST = 8
#: The same where arrays are larger, in nodes that do not only move elements.
FEWEST_LOOPS = 2
#: Nodes up to which a tape is looked through for native parts.
MOST_NODES = 20_000
#: What the parts of one tape may take to compile, and what a part and a node take.
MOST_SECONDS, PART, PART_NODE = 1.0, 20e-3, 60e-6

# Rows.

#: Rows that must have left a path at one guard before the path they take is recorded:
#: that costs as much as playing some rows one by one.
FEWEST_ROWS = 4
#: Operations that one thread does at once: some 100 microseconds, far above the 5 that
#: handing them to a thread costs.
PIECE = 2**19

#: A node that NumPy plays for a block of rows, and an element of one row in it.
ROWS_NODE, ROWS_ELEMENT = 5e-6, 1e-9

# Jacobians (`directions`).

#: A node of a plain sweep; a sweep recorded, to be played for all directions, and a
#: node of it (``bench/jacobians.py``).
SWEEP, START_SWEEP, RECORD_SWEEP = 2e-6, 150e-6, 12e-6
#: Nodes of a function times directions up to which a Jacobian inside a recording is
#: written out: its native code is then quicker than a call for rows.
MOST_WRITTEN_OUT = 4000
#: Scalar nodes of a recorded sweep for one of the function: 1.4 to 3.4 were counted.
SWEEP_SCALARS = 1.8


def is_of_arrays(tape: Tape) -> bool:
    """Whether a tape is better a nest of loops than a line of scalars.

    It has loops of its own, systems of equations, complex numbers, or many elements and
    arrays that are more than a few numbers.
    """
    if len(tape) > MOST_NEST_NODES:
        return False
    if (
        SCAN in tape.operations
        or WHILE in tape.operations
        or SWITCH in tape.operations
        or any(map(is_of_matrices, tape.operations))
        or has_complex(tape)
    ):
        return True
    least = int(os.environ.get(NESTS_VARIABLE, ARRAYS))
    if count_scalars(tape, 0) <= least:
        return False
    sizes = [like.size for like in tape.types if isinstance(like, Type)]
    return max(sizes, default=0) > min(least, SMALL)


def is_of_matrices(operation: Operation) -> bool:
    """Whether an operation has native code as a routine on matrices."""
    form = operation.form
    return isinstance(form, Routine) and form.native is not None


def compile_seconds(tape: Tape) -> float:
    """Return about what compiling a tape takes; where it is refused, its parts."""
    if is_of_arrays(tape):
        return NEST + NEST_NODE * len(tape)
    if count_scalars(tape, 0) > MOST_UNROLLED:
        return min(MOST_SECONDS, PART + PART_NODE * len(tape))
    return COMPILE + COMPILE_NODE * count_scalars(tape)


def is_too_large(scalars: int, count: int) -> bool:
    """Whether so many sweeps over a function have no native code when written out."""
    return SWEEP_SCALARS * scalars * count > MOST_UNROLLED


def native_seconds(tape: Tape) -> float:
    """Return about what one native call of a tape takes, if it can be made."""
    if is_of_arrays(tape) or count_scalars(tape, 0) > MOST_UNROLLED:
        return 0.0  # refused with a better reason, and played in native parts
    return NATIVE_CALL + NATIVE_NODE * count_scalars(tape)
