"""A nest compiled: its kernel, how to call it, what it cost."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wengert.core.types import Array
from wengert.emit import machine
from wengert.emit.written import Written

KERNEL_TYPE = ctypes.CFUNCTYPE(
    ctypes.c_int64,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_int64,
    ctypes.c_int64,
)


def addresses(arrays: Sequence[Array]) -> ctypes.Array[ctypes.c_void_p]:
    """Return a table of where arrays lie, which have to outlive its use."""
    places = [array.ctypes.data for array in arrays]
    return (ctypes.c_void_p * max(1, len(places)))(*places)


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """Native code of one nest.

    Attributes
    ----------
    address : int
        The kernel's address; its arguments stand in `emit.nests`.
    workspace : int
        Bytes of workspace a call needs, aligned to 64 bytes.
    lanes, level, parts, loops : int
        How it was compiled.
    nodes : int
        Values that its statements make: those of loops count once.
    has_guards, has_blocks : bool
        Whether a call may be refused; whether it is done for many blocks of rows.
    gives_way : bool
        Whether the next kernel is the same one, in which zeros absorb what is not
        finite: it goes first once this one has failed for that often enough.
    seconds : dict of str to float
        Compile time by stage: ``write``, ``parse``, ``generate``.
    """

    address: int
    workspace: int
    lanes: int
    level: int
    parts: int
    loops: int
    nodes: int
    has_guards: bool
    has_blocks: bool
    seconds: dict[str, float]
    module: machine.Module
    function: Callable[..., int]
    gives_way: bool = False
    #: What the code reads besides its arguments.
    data: tuple[np.ndarray, ...] = ()
    #: What it asks NumPy to compute: the functions, and texts.
    calls: tuple[Any, ...] = ()
    asked: tuple[str, ...] = ()
    #: The nest that it is, as text.
    nest: str = ""
    #: Operations of a call of such loops, and bytes that their statements move.
    flops: int = 0
    moved: int = 0
    #: What is compiled again, for speed, where it was compiled in haste.
    again: Written | None = None

    def call(
        self,
        arguments: Sequence[Array],
        results: Sequence[Array],
        begin: int = 0,
        end: int = 1,
    ) -> int:
        """Run the kernel on arrays; releases the interpreter lock.

        Parameters
        ----------
        arguments, results : sequence of numpy.ndarray
            Laid out as the kernel was compiled for.
        begin, end : int
            Range of blocks, for a kernel that is done for many.

        Returns
        -------
        int
            0, or the number of the first guard that failed.
        """
        workspace = ctypes.create_string_buffer(self.workspace + 64)
        aligned = (ctypes.addressof(workspace) + 63) // 64 * 64
        given, taken = addresses(arguments), addresses(results)
        return int(self.function(given, taken, aligned, begin, end))
