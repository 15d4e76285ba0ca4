"""Native code of recorded paths: whether it is made, and making it."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from wengert.emit import machine
from wengert.emit.compile import compile_program
from wengert.emit.kernels import has_chain_products, lower
from wengert.emit.refusal import NotLoweredError
from wengert.execute.segments import mixed_plan

if TYPE_CHECKING:
    from wengert.execute.paths import Path

#: Set to switch the native engine off (the suite passes without it).
ENGINE_VARIABLE = "WENGERT_ENGINE"


def native_engine() -> bool:
    """Whether native code is made: llvmlite is there and nobody switched it off."""
    return os.environ.get(ENGINE_VARIABLE, "native") != "interpreter" and (
        machine.available()
    )


def compile_path(path: Path, level: int | None = None) -> None:
    """Make native code of a path; `reason` says why where there is none."""
    if not native_engine():
        path.reason = "the native engine is off"
        return
    captured = [index for _, index in path.captured]
    path.is_optimistic = has_chain_products(path.recording)
    try:
        path.lowered = lower(path.recording, not path.is_optimistic, captured)
        path.nan_guards = path.lowered.nan_guards
        path.kernels = [compile_program(path.lowered.program, level=level)]
    except NotLoweredError as error:
        path.reason = str(error)
        path.plan = mixed_plan(path.recording, captured)
        if path.plan.groups:
            path.reason += f" ({path.plan.groups} native parts)"


def add_absorbing_kernel(path: Path) -> None:
    """Add the kernel in which zeros absorb what is not finite, where it is needed."""
    captured = [index for _, index in path.captured]
    try:
        lowered = lower(path.recording, True, captured)
        first, second = path.kernels[0], compile_program(lowered.program)
        path.kernels[:] = [replace(first, gives_way=True), second]
    except NotLoweredError as error:
        path.reason = f"where zeros absorb: {error}"
        path.is_optimistic = False  # NumPy plays such calls
