"""What compiled code costs in memory: by function, by path, when dropped, and by call.

    python bench/memory.py [--count 1000] [--calls 1000000]

Resident memory (Linux), read after a collection; each figure in a fresh process.
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

import wengert

X = np.array([1.0, 2.0, 3.0])


def resident() -> float:
    """Return the resident memory of this process, in KiB."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4.0


def small_function(number: float) -> Callable[..., Any]:
    """Return a small function of its own, differentiated, compiled and warm."""
    function = wengert.jit(wengert.grad(lambda x: np.sum(np.sin(x) * x * number)))
    function(X), function(X)
    function.wait()
    return function


def branching(x: Any) -> Any:
    """Take another path for every whole number in the first element."""
    return np.sum(np.sin(x) * x) * int(x[0])


def by_function(count: int) -> tuple[float, float]:
    """Return the KiB of a function, and those that a dropped one leaves behind."""
    for number in range(count // 10):
        small_function(float(number))
    before = resident()
    kept = [small_function(float(number)) for number in range(count)]
    alive = resident()
    kept.clear()
    left = []
    for _ in range(2):  # the first time, what was freed is used again
        start = resident()
        for number in range(count):
            small_function(float(number))
            if number % 20 == 0:
                gc.collect()
        left.append(resident() - start)
    return (alive - before) / count, left[1] / count


def by_path(count: int) -> tuple[float, float, float]:
    """Return the KiB of a path; the seconds of the first hundred, and of the last."""
    function = wengert.jit(branching, max_paths=count + 1)
    x = X.copy()
    small_function(1.0)  # LLVM itself takes memory when it is first used
    before, seconds = resident(), []
    for number in range(1, count + 1):
        x[0] = float(number)
        started = time.perf_counter()
        function(x), function(x)
        function.wait()
        seconds.append(time.perf_counter() - started)
    used = resident() - before
    part = min(100, count // 2)
    return used / count, sum(seconds[:part]) / part, sum(seconds[-part:]) / part


def by_call(calls: int) -> tuple[float, float]:
    """Return the bytes and the nanoseconds of a call."""
    function = small_function(1.0)
    for _ in range(1000):
        function(X)
    before, started = resident(), time.perf_counter()
    for _ in range(calls):
        function(X)
    seconds = time.perf_counter() - started
    return (resident() - before) * 1024 / calls, seconds / calls * 1e9


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--calls", type=int, default=1_000_000)
    arguments = parser.parse_args()
    alive, left = apart(by_function, arguments.count)
    print(f"a function of one path: {alive:.1f} KiB, {left:.1f} KiB left when dropped")
    path, first, last = apart(by_path, arguments.count)
    print(f"a path more of one function: {path:.1f} KiB")
    print(f"its two calls: {first * 1e3:.2f} ms at first, {last * 1e3:.2f} ms at last")
    size, nanoseconds = apart(by_call, arguments.calls)
    print(f"a call: {size:.3f} bytes, {nanoseconds:.0f} ns")


def apart(measure: Callable[[int], Any], count: int) -> Any:
    """Return what is measured in a process of its own."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(measure, count).result()


if __name__ == "__main__":
    main()
