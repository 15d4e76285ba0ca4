"""Native code of recorded paths: whether it is made, and making it."""

from __future__ import annotations

import contextlib
import math
import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from wengert.emit import machine
from wengert.emit.compile import Compiled
from wengert.emit.machine import Told
from wengert.emit.nests import BEST, compile_written
from wengert.emit.refusal import NotLoweredError
from wengert.execute.arrays import native
from wengert.execute.background import compiles_now
from wengert.execute.costs import (
    LEAST_ROUNDS,
    MOST_ARRAY_NODES,
    MOST_COMPILED,
    MOST_MEASURED,
    MOST_WAITED,
    ROUNDS,
    TRIED,
    count_arrays,
    play_seconds,
)
from wengert.execute.loops import compile_loops
from wengert.execute.plan import Left
from wengert.execute.tier import PLAY
from wengert.lower.hiding import has_chain_products
from wengert.lower.refusal import HIDDEN

if TYPE_CHECKING:
    from wengert.core.tape import Tape
    from wengert.execute.paths import Path

#: Set to switch the native engine off (the suite passes without it).
ENGINE_VARIABLE = "WENGERT_ENGINE"


def is_off() -> bool:
    """Whether somebody switched native code off, or llvmlite is not there."""
    is_switched = os.environ.get(ENGINE_VARIABLE, "native") == "interpreter"
    return is_switched or not machine.installed()


def native_engine() -> bool:
    """Whether native code is made: llvmlite is there and nobody switched it off."""
    return not is_off() and machine.available()


def compile_path(path: Path, told: Told | None = None) -> None:
    """Make native code of a path; `reason` says why where there is none."""
    if not native_engine():
        path.reason = "the native engine is off"
        return
    path.is_optimistic = has_chain_products(path.short[0])
    try:
        absorbs = not path.is_optimistic
        kernel = kernel_of(path, absorbs, told, path.is_hurried)
        kernels = [kernel]
        if path.is_optimistic and kernel.call(*arrays_of(path)) == HIDDEN:
            with contextlib.suppress(NotLoweredError):
                kernels = absorbing(path, kernel, told)
        path.kernels = kernels
    except NotLoweredError as error:
        path.reason, path.ending, path.contiguous = str(error), None, None


def kernel_of(
    path: Path, absorbs: bool, told: Told | None, is_hurried: bool = False
) -> Compiled:
    """Return native code of a path, soon or at its best.

    Raises
    ------
    NotLoweredError
        Where there is none.
    """
    how: dict[str, Any] = {
        "told": told, "unrolled": path.unrolled, "is_hurried": is_hurried
    }  # fmt: skip
    tape, captured = path.compiled
    refuse_long(tape)
    return compile_loops(tape, absorbs, captured, calls=True, **how)


def refuse_long(tape: Tape) -> None:
    """Raise `NotLoweredError` where compiling would take too long."""
    if count_arrays(tape) > MOST_ARRAY_NODES:
        raise NotLoweredError(f"more than {MOST_ARRAY_NODES} nodes on arrays")
    if len(tape) > MOST_COMPILED:
        raise NotLoweredError(f"more than {MOST_COMPILED} nodes")


def add_absorbing_kernel(path: Path, told: Told | None = None) -> None:
    """Add the kernel in which zeros absorb what is not finite, where it is needed."""
    try:
        path.kernels[:] = absorbing(path, path.kernels[0], told)
    except NotLoweredError as error:
        path.reason = f"where zeros absorb: {error}"
        path.is_optimistic = False  # NumPy plays such calls


def absorbing(path: Path, kernel: Compiled, told: Told | None) -> list[Compiled]:
    """Return a kernel, and the one in which zeros absorb what is not finite."""
    return [replace(kernel, gives_way=True), kernel_of(path, True, told)]


def optimise(path: Path, told: Told | None = None) -> None:
    """Compile a path again, for speed, where its code was made in haste."""
    first = path.kernels[0]
    if first.again is not None:
        kernel = compile_written(first.again, BEST, told)
        path.kernels[0] = replace(kernel, gives_way=path.kernels[0].gives_way)


def why_given_up(path: Path, told: Told | None = None) -> str:
    """Return why the native code of a path is not used; nothing where it is.

    Where no call was measured, because the first one waits for the compiler, plays are
    that may be faster.
    """
    seconds = kernel_seconds(path)
    if seconds is None:
        return ""
    is_long = seconds > play_seconds(path.recording)
    if is_long and not path.tier.best and not compiles_now():
        measure_play(path)
    lost = path.tier.loses(seconds, "took")
    if lost and path.kernels[0].again is not None:
        optimise(path, told)
        return why_given_up(path, told)
    return lost


def measure_play(path: Path) -> None:
    """Note what a play by NumPy takes where a path was recorded."""
    outputs = path.recording.play.outputs
    given = [outputs[index] for index in path.recording.input_indices]
    for _ in range(TRIED):
        started = time.perf_counter()
        with np.errstate(all="ignore"):
            found = path.play(given)
        if isinstance(found, Left):
            return
        path.tier.note(PLAY, time.perf_counter() - started)


def kernel_seconds(path: Path) -> float | None:
    """Return what a call of a path's first kernel takes where it was recorded.

    None where its guards fail there: native code is an ulp away.
    """
    kernel = path.kernels[0]
    given, taken = arrays_of(path)
    best, started = math.inf, time.perf_counter()
    for count in range(1, ROUNDS + 1):
        before = time.perf_counter()
        if kernel.call(given, taken):
            return None
        now = time.perf_counter()
        best = min(best, now - before)
        spent = now - started
        if spent > MOST_WAITED or (spent > MOST_MEASURED and count >= LEAST_ROUNDS):
            break
    return best


def arrays_of(path: Path) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return what native code reads where a path was recorded, and room for results."""
    tape = path.recording
    inputs = [native(tape.play.outputs[index]) for index in tape.input_indices]
    taken = [np.empty(kind.shape, kind.type) for kind in path.returned]
    return [*inputs, *path.read_natively], taken
