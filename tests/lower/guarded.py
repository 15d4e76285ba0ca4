"""Arrays that end where memory must not be touched: native code beyond them dies.

What was not written holds no numbers: every byte of it is 0xFF.
"""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np

from wengert.emit import nests
from wengert.emit.compile import Compiled
from wengert.lower.memory import ALIGNED
from wengert.lower.nest import Nest

#: Bytes between scratch buffers that lie apart: more than a vector, or two.
GAP = 256
#: What every byte is before it is written.
POISON = 0xFF
PAGE = mmap.PAGESIZE
NOTHING, ALL = 0, 3  # PROT_NONE, PROT_READ | PROT_WRITE


class Guarded:
    """Memory of so many bytes between two pages that nobody may touch.

    It ends at the second one, or begins behind the first.
    """

    def __init__(self, size: int, at_end: bool) -> None:
        inner = max(PAGE, (size + PAGE - 1) // PAGE * PAGE)
        self.map = mmap.mmap(-1, inner + 2 * PAGE)
        self.first = ctypes.addressof(ctypes.c_char.from_buffer(self.map))
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.inner = inner
        ctypes.memset(self.first, POISON, inner + 2 * PAGE)
        self.protect(NOTHING)
        start = self.first + PAGE
        self.address = start + (inner - size if at_end else 0)

    def protect(self, how: int) -> None:
        """Say what may be done with the pages around."""
        for page in (self.first, self.first + PAGE + self.inner):
            if self.libc.mprotect(ctypes.c_void_p(page), PAGE, how):
                raise OSError(ctypes.get_errno(), "mprotect")

    def array(self, shape: Sequence[int], dtype: Any) -> np.ndarray:
        """Return the memory as an array."""
        count = int(np.prod(shape)) * np.dtype(dtype).itemsize
        raw = (ctypes.c_char * max(1, count)).from_address(self.address)
        return np.frombuffer(raw, dtype, int(np.prod(shape))).reshape(shape)


#: The bytes of scratch memory between its buffers, from and to.
Gaps = list[tuple[int, int]]


@contextmanager
def lying_apart() -> Iterator[Gaps]:
    """Let scratch buffers of what is compiled lie apart, each at a place of its own."""
    gaps: Gaps = []

    def apart(nest: Nest) -> tuple[list[int], int]:
        gaps.clear()
        places, end = [], 0
        for buffer in nest.scratch:
            places.append(-(-(end + GAP) // ALIGNED) * ALIGNED)
            gaps.append((end, places[-1]))
            end = places[-1] + buffer.size * np.dtype(buffer.type).itemsize
        last = -(-(end + GAP) // ALIGNED) * ALIGNED
        gaps.append((end, last))
        return places, last

    with patch.object(nests, "placed", apart):
        yield gaps


def call_guarded(
    kernel: Compiled,
    given: Sequence[np.ndarray],
    results: Sequence[Any],
    at_end: bool,
    gaps: Gaps | None = None,
) -> tuple[int, list[np.ndarray]]:
    """Return a kernel's answer and results, all its memory between guard pages.

    Nothing is written to the gaps in its scratch memory.
    """
    memory: list[Guarded] = []
    arrays = []
    for like in [*given, *results]:
        dtype = np.dtype(like.dtype)
        memory.append(Guarded(max(1, like.size * dtype.itemsize), at_end))
        arrays.append(memory[-1].array(like.shape, dtype))
    for array, value in zip(arrays, given, strict=False):
        array[...] = value
    scratch = Guarded(max(64, kernel.workspace), at_end)
    addresses = [part.address for part in memory]
    sources = (ctypes.c_void_p * max(1, len(given)))(*addresses[: len(given)])
    targets = (ctypes.c_void_p * max(1, len(results)))(*addresses[len(given) :])
    answer = kernel.function(sources, targets, scratch.address, 0, 1)
    found = [array.copy() for array in arrays[len(given) :]]
    for value, array in zip(given, arrays, strict=False):
        np.testing.assert_array_equal(array, value)
    inside = scratch.array((max(64, kernel.workspace),), np.uint8)
    for start, stop in gaps or ():
        assert (inside[start:stop] == POISON).all(), "a gap in scratch memory"
    for part in [*memory, scratch]:
        part.protect(ALL)
    return int(answer), found
