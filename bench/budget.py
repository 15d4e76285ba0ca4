"""A gradient over very many steps within a budget of memory: plan, time, peak.

    python bench/budget.py --steps 1000000 --size 10000 --memory "1 GB"

With --plain the loop is Python's: its plan records all steps, too, and is left out.
With --jit the gradient is a jitted function's, recorded twice and called once more.
The peak is that of the process, less what it held before the gradient.
"""

from __future__ import annotations

import argparse
import resource
import time
from typing import Any

import numpy as np

import wengert as wg


def peak() -> int:
    """Return the most bytes that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    """Print the plan of one gradient, and what was measured of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--size", type=int, default=10_000)
    parser.add_argument("--memory", default="1 GB")
    parser.add_argument("--disk")
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--jit", action="store_true")
    given = parser.parse_args()

    def plain(rate: Any) -> Any:
        y = 0.1 + 0.5 * rate
        for _ in range(given.steps):
            y = y + rate * (y - y * y)
        return np.sum(y * y)

    def loss(rate: Any) -> Any:
        def step(y: Any, _: Any) -> Any:
            return y + rate * (y - y * y), None

        last, _ = wg.scan(step, 0.1 + 0.5 * rate, length=given.steps)
        return np.sum(last * last)

    rate = np.linspace(1e-6, 3e-6, given.size)
    gradient: Any = wg.grad(
        plain if given.plain else loss, memory=given.memory, disk=given.disk
    )
    if given.jit:
        gradient = wg.jit(gradient)
    if not given.plain:
        started = time.perf_counter()
        print(gradient.plan(rate), flush=True)
        print(f"planned in {time.perf_counter() - started:.2f} s", flush=True)
    before = peak()
    for _ in range(3 if given.jit else 1):
        started = time.perf_counter()
        found = gradient(rate)
        seconds = time.perf_counter() - started
        held = (peak() - before) / 1e6
        print(f"{seconds:.1f} s, {held:.0f} MB, {np.sum(found):.9g}", flush=True)


if __name__ == "__main__":
    main()
