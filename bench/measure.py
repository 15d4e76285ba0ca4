"""Time and memory of a call, measured so that the engines can be compared."""

import gc
import os
import resource
import statistics
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

# What is measured is compiled here, not read from disk.
os.environ.setdefault("WENGERT_CACHE", "off")

Thunk = Callable[[], Any]

# One timed batch of calls lasts about this long: far above the clock's resolution,
# short enough that a slow spell of the machine meets every engine alike.
BATCH_SECONDS = 0.1


def seconds_of(call: Thunk, repeats: int) -> float:
    """Mean seconds of `repeats` calls in a row."""
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - start) / repeats


def repeats_for(call: Thunk) -> int:
    """How many calls make one timed batch; the call is warm afterwards."""
    call()
    once = seconds_of(call, 1)
    return max(1, round(BATCH_SECONDS / max(once, 1e-7)))


def interleaved(calls: dict[str, Thunk], rounds: int) -> dict[str, dict[str, float]]:
    """Best and median seconds a call, the engines taking turns in every round."""
    repeats = {name: repeats_for(call) for name, call in calls.items()}
    samples: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            samples[name].append(seconds_of(call, repeats[name]))
    return {
        name: {"best": min(times), "median": statistics.median(times)}
        for name, times in samples.items()
    }


def resident_bytes() -> int:
    """Bytes of memory this process occupies now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def peak_bytes() -> int:
    """Most bytes this process has occupied since `reset_peak`."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def reset_peak() -> None:
    """Forget the process's highest memory use so far (Linux: proc(5), clear_refs)."""
    Path("/proc/self/clear_refs").write_text("5")


def peak_of(call: Thunk) -> dict[str, int]:
    """Bytes that one call needs at its peak, above what the process held before.

    ``resident`` is what the operating system saw (all allocators, in whole pages,
    less what earlier work left free for reuse); ``traced`` what Python's and NumPy's
    allocators handed out (exact, blind to PyTorch's own).  Two calls are made, as
    tracing itself takes memory.
    """
    gc.collect()
    reset_peak()
    before = resident_bytes()
    call()
    resident = peak_bytes() - before
    gc.collect()
    tracemalloc.start()
    call()
    traced = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return {"resident": max(resident, 0), "traced": traced}
