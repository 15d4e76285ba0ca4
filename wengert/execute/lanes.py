"""A native kernel run over many rows: SIMD lanes, blocks of rows, threads.

Rows are cut into blocks whose size depends on the kernel alone; sums are added up
block by block in order.  So a result does not depend on the number of threads.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from wengert.core import locks
from wengert.core.types import Array, Type
from wengert.emit import machine
from wengert.emit.compile import Compiled
from wengert.errors import ArgumentError, explain
from wengert.execute.costs import BLOCK_NODES, MOST_BLOCK_ROWS

#: Rows computed side by side, and threads, where the caller does not say.
LANES_VARIABLE = "WENGERT_LANES"
THREADS_VARIABLE = "WENGERT_THREADS"
LANES = (1, 2, 4, 8)


def chosen_lanes(given: int | None = None) -> int:
    """Return the number of lanes: given, from the environment, or this machine's.

    Raises
    ------
    ArgumentError
        If it is not 1, 2, 4 or 8.
    """
    text = os.environ.get(LANES_VARIABLE)
    lanes = given if given is not None else int(text) if text else None
    if lanes is None:
        return {512: 8, 256: 4}.get(machine.vector_bits(), 2)
    if lanes not in LANES:
        raise ArgumentError(
            explain(
                f"{lanes} lanes were asked for",
                "a processor computes 1, 2, 4 or 8 rows side by side",
                "lanes=8, or leave it to the machine",
            )
        )
    return lanes


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


def run_kernel(
    kernel: Compiled,
    operands: Sequence[Array],
    mapped: Sequence[bool],
    types: Sequence[Type],
    sums: Sequence[bool],
    count: int,
    threads: int,
) -> tuple[list[Array], Array | None]:
    """Return a kernel's results for all rows, and the guard that each row failed.

    Parameters
    ----------
    kernel : Compiled
    operands : sequence of arrays, C-contiguous, of the program's types
    mapped : sequence of bool
        Whether an operand has a value for each row, along its first axis.
    types : sequence of Type
        Types of the results of one row.
    sums : sequence of bool
        Whether a result is added up over the rows.
    count : int
        Number of rows, at least 1.
    threads : int

    Returns
    -------
    results : list of arrays, shape ``(count,) + shape``, or ``shape`` for sums
    failed : int32 array, shape (count,), 0 where all guards held; None without guards
    """
    room = max(count, kernel.lanes)
    if room > count:
        operands = pad(operands, mapped, room)
    size = block_rows(kernel)
    blocks = -(-count // size)
    results = [
        np.zeros((blocks if is_sum else room, *like.shape), like.dtype)
        if is_sum
        else np.empty((room, *like.shape), like.dtype)
        for like, is_sum in zip(types, sums, strict=True)
    ]
    failed = np.zeros(room, np.int32) if kernel.has_guards else None
    steps = [
        result[0].nbytes if is_sum else 0
        for result, is_sum in zip(results, sums, strict=True)
    ]
    written = [*results, failed] if failed is not None else results
    given = addresses([operand.ctypes.data for operand in operands])
    starts = [array.ctypes.data for array in written]
    steps += [0] * (len(written) - len(steps))

    same = None if any(steps) else addresses(starts)

    def work(block: int) -> None:
        taken = same or addresses(
            [start + block * step for start, step in zip(starts, steps, strict=True)]
        )
        end = min(count, (block + 1) * size)
        kernel.function(given, taken, workspace(kernel), block * size, end)

    share(work, blocks, threads)
    final = [
        add_blocks(result) if is_sum else result[:count]
        for result, is_sum in zip(results, sums, strict=True)
    ]
    return final, None if failed is None else failed[:count]


def add_blocks(parts: Array) -> Array:
    """Return the sum over blocks, in their order."""
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return np.asarray(total, parts.dtype)


def block_rows(kernel: Compiled) -> int:
    """Return the number of rows of a block: a multiple of every number of lanes."""
    rows = BLOCK_NODES // max(1, kernel.nodes)
    return min(MOST_BLOCK_ROWS, max(64, rows // 64 * 64))


def pad(operands: Sequence[Array], mapped: Sequence[bool], room: int) -> list[Array]:
    """Return operands with their last row repeated: a kernel reads full lanes."""
    places = np.arange(room)
    return [
        operand[np.minimum(places, len(operand) - 1)] if has_rows else operand
        for operand, has_rows in zip(operands, mapped, strict=True)
    ]


def addresses(numbers: Sequence[int]) -> ctypes.Array[ctypes.c_void_p]:
    """Return a table of pointers."""
    return (ctypes.c_void_p * max(1, len(numbers)))(*numbers)


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


def share(work: Callable[[int], None], count: int, threads: int) -> None:
    """Do pieces of work 0, 1, ... `count` - 1, shared out over threads."""
    helpers = min(threads, count) - 1
    if helpers < 1:
        for piece in range(count):
            work(piece)
        return
    turns = itertools.count()

    def drain() -> None:
        for turn in turns:
            if turn >= count:
                return
            work(turn)

    executor = POOL.get()
    waiting = [executor.submit(drain) for _ in range(helpers)]
    drain()
    for helper in waiting:
        if not helper.cancel():
            helper.result()
