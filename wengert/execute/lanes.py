"""A native kernel run over many rows: SIMD lanes, blocks of rows, threads.

Rows are cut into blocks whose size depends on the kernel alone; sums are added up
block by block in order.  So a result does not depend on the number of threads.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from wengert.core import locks
from wengert.core.types import Array, Type
from wengert.emit import machine
from wengert.emit.compile import Compiled, addresses
from wengert.emit.settings import LANES
from wengert.errors import ArgumentError, explain
from wengert.execute.blocks import Block
from wengert.execute.costs import MOST_PIECE, PIECE

#: Threads, where the caller does not say.
THREADS_VARIABLE = "WENGERT_THREADS"


def chosen_lanes(given: int | None = None) -> int:
    """Return the number of lanes: given, or those of all native code.

    Raises
    ------
    ArgumentError
        If it is not 1, 2, 4 or 8.
    """
    if given is None:
        return machine.vector_width()
    if given not in LANES:
        raise ArgumentError(
            explain(
                f"{given} lanes were asked for",
                "a processor computes 1, 2, 4 or 8 rows side by side",
                "lanes=8, or leave it to the machine",
            )
        )
    return given


def chosen_threads(given: int | None = None) -> int:
    """Return the number of threads: given, from the environment, or the processors'.

    Raises
    ------
    ArgumentError
        If it is less than 1.
    """
    text = os.environ.get(THREADS_VARIABLE)
    threads = given if given is not None else int(text) if text else None
    if threads is None:
        return available_processors()
    if threads < 1:
        raise ArgumentError(
            explain(
                f"{threads} threads were asked for",
                "at least the calling thread works",
                "threads=1, or leave it to the machine",
            )
        )
    return threads


def available_processors() -> int:
    """Return the number of processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


# Running


class Ran(NamedTuple):
    """What a kernel gave.

    Attributes
    ----------
    parts : list of arrays, shape ``(count,) + shape``, or ``shape`` for sums
    failed : int32 array, shape (count,), 0 where all guards held; None without guards
    refused : int
        Why it refuses a block; 0 where it does not.
    """

    parts: list[Array]
    failed: Array | None
    refused: int = 0


def run_blocks(
    kernel: Compiled,
    block: Block,
    operands: Sequence[Array],
    types: Sequence[Type],
    sums: Sequence[bool],
    count: int,
    threads: int,
) -> Ran:
    """Return a kernel's results for all rows, and the guard that each row failed.

    Parameters
    ----------
    kernel : Compiled
        Of a block of rows.
    block : Block
    operands : sequence of arrays, C-contiguous, of the types of the block's inputs
        Those with rows have them along their first axis.
    types : sequence of Type
        Types of the results of one row.
    sums : sequence of bool
        Whether a result is added up over the rows.
    count : int
        Number of rows, at least 1.
    threads : int

    Returns
    -------
    Ran
    """
    given, likes = [*operands], [*types]
    if block.has_sums:
        given.append(np.ones(count, bool))
    whole, rest = divmod(count, block.rows)
    blocks = whole + (rest > 0)
    is_sum = [*sums, False] if block.has_guards else [*sums]
    if block.has_guards:
        likes.append(Type((), np.dtype(np.int32)))
    results = [
        np.empty((blocks if adds else count, *like.shape), like.dtype)
        for like, adds in zip(likes, is_sum, strict=True)
    ]
    refused = run(kernel, given, results, whole, threads)
    if refused:
        return Ran([], None, refused)
    if rest:
        flags = block.has_rows
        last = [
            padded(x[whole * block.rows :], block.rows) if flag else x
            for x, flag in zip(given, flags, strict=True)
        ]
        if block.has_sums:
            last[-1][rest:] = False
        found = [
            np.empty((1 if adds else block.rows, *like.shape), like.dtype)
            for like, adds in zip(likes, is_sum, strict=True)
        ]
        refused = run(kernel, last, found, 1, 1)
        if refused:
            return Ran([], None, refused)
        for result, part, adds in zip(results, found, is_sum, strict=True):
            if adds:
                result[whole] = part[0]
            else:
                result[whole * block.rows :] = part[:rest]
    failed = results.pop() if block.has_guards else None
    parts = [
        add_blocks(result) if adds else result
        for result, adds in zip(results, sums, strict=True)
    ]
    return Ran(parts, failed)


def run(
    kernel: Compiled,
    given: Sequence[Array],
    results: Sequence[Array],
    blocks: int,
    threads: int,
) -> int:
    """Do so many blocks, shared out over threads; return 0, or why one is refused."""
    sources, targets = addresses(given), addresses(results)
    answers = [0]

    def work(start: int, stop: int) -> None:
        answers.append(
            kernel.function(sources, targets, workspace(kernel), start, stop)
        )

    share(work, pieces(blocks, kernel.flops, threads), threads)
    return max(answers)


def pieces(blocks: int, flops: int, threads: int) -> list[tuple[int, int]]:
    """Return which blocks a thread does at once, first many, then fewer.

    Going from one piece to the next takes the interpreter lock, for which threads wait;
    the last pieces are short, so that all threads end together.
    """
    least, most = (max(1, k // max(1, flops)) for k in (PIECE, MOST_PIECE))
    found, start = [], 0
    while start < blocks:
        size = min(max(least, (blocks - start) // (2 * threads)), most)
        found.append((start, min(start + size, blocks)))
        start += size
    return found


def padded(array: Array, count: int) -> Array:
    """Return a copy of some rows, the last one again up to a number of them."""
    return array[np.minimum(np.arange(count), len(array) - 1)]


def add_blocks(parts: Array) -> Array:
    """Return the sum over blocks, in their order."""
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return np.asarray(total, parts.dtype)


class Scratch(threading.local):
    """Each thread's workspace, kept between blocks."""

    memory: Array = np.empty(0, np.uint8)


SCRATCH = Scratch()


def workspace(kernel: Compiled) -> int:
    """Return the address of a workspace, a multiple of 64, for this thread alone."""
    memory = SCRATCH.memory
    if memory.nbytes < kernel.workspace + 64:
        memory = SCRATCH.memory = np.empty(kernel.workspace + 64, np.uint8)
    return (memory.ctypes.data + 63) // 64 * 64


# Threads


class Pool:
    """Threads that wait for work; made when first needed, and anew after a fork."""

    def __init__(self) -> None:
        self.executor: ThreadPoolExecutor | None = None
        self.lock = locks.make()

    def get(self) -> ThreadPoolExecutor:
        """Return the executor."""
        with self.lock:
            if self.executor is None:
                self.executor = ThreadPoolExecutor(64, "wengert")
            return self.executor

    def forget(self) -> None:
        """Drop the threads, which a child process does not inherit."""
        self.executor = None


POOL = Pool()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=POOL.forget)


def share(
    work: Callable[[int, int], None], pieces: Sequence[tuple[int, int]], threads: int
) -> None:
    """Do pieces of work, shared out over threads."""
    helpers = min(threads, len(pieces)) - 1
    turns = iter(pieces)

    def drain() -> None:
        for start, stop in turns:
            work(start, stop)

    if helpers < 1:
        drain()
        return

    executor = POOL.get()
    waiting = [executor.submit(drain) for _ in range(helpers)]
    drain()
    for helper in waiting:
        if not helper.cancel():
            helper.result()
