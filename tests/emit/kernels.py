"""Kernels of small functions, called by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import wengert as wg
from wengert.emit.compile import Compiled
from wengert.execute.loops import compile_loops


def compiled(function: Callable[..., Any], *operands: Any) -> Compiled:
    """Return the kernel of a function on the path that it takes for operands."""
    return compile_loops(wg.record(function, *operands), True)


def run(kernel: Compiled, arguments: Sequence[Any], size: int) -> tuple[int, Any]:
    """Return the guard that failed, and the one result of a kernel, of float64."""
    result = np.full(size, np.nan)
    arrays = [np.asarray(argument) for argument in arguments]
    return kernel.call(arrays, [result]), result
