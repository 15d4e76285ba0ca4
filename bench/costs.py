"""What compiling and playing take, beside what `wengert.execute.costs` expects.

Run: ``python bench/costs.py``.  Prints the nodes on arrays and on numbers of each
program, the seconds of each stage of compiling it, all of them a node, what is expected
of them (`COMPILE`, `ARRAY_NODE`, `SCALAR_NODE`), and a call with native code
(`NATIVE_CALL`, `NATIVE_NODE`) and without (`PLAY_NODE`, `PLAY_ELEMENT`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

import first_call
import native_workloads
import wengert as wg
from calls import shown
from measure import interleaved
from wengert.emit.refusal import NotLoweredError
from wengert.execute import costs
from wengert.execute.loops import compile_loops
from wengert.execute.plan import Plan
from wengert.lower.hiding import has_chain_products

Function = Callable[..., Any]
ROUNDS = 3
COUNTS = ("arrays", "numbers")
HEADINGS = "graph nest write generate node estimate native play play/node".split()


def programs() -> Iterator[tuple[str, Function, tuple[Any, ...]]]:
    """Give programs of several kinds and sizes."""
    for size in (10, 1000, 10_000):
        x = np.linspace(0.5, 1.5, size)
        yield f"elementwise {size}", first_call.elementwise, (x,)
        yield f"neighbours {size}", wg.grad(first_call.energy), (x,)
    for side in (4, 16, 32):
        square = np.random.default_rng(0).normal(size=(side, side))
        yield f"A @ B {side}", first_call.product, (square, square)
    for count in (100, 1000, 10_000):
        line = native_workloads.straight_line(count)
        yield f"line {count}", wg.grad(line), (np.linspace(0.1, 0.9, 32),)
    for count in (100, 3000):
        steps = wg.grad(partial(first_call.loop, count=count))
        yield f"loop {count}", steps, (0.7,)


def measure(function: Function, args: tuple[Any, ...]) -> dict[str, float]:
    """Return the seconds of every stage of one program."""
    tape = wg.record(function, *args)
    arrays = costs.count_arrays(tape)
    found = dict(compile_loops(tape, not has_chain_products(tape)).seconds)
    total = sum(found.values())
    row = {"arrays": float(arrays), "numbers": float(len(tape) - arrays), **found}
    row |= {"node": total / len(tape), "estimate": costs.compile_seconds(tape)}
    jitted, plan = wg.jit(function, wait=True), Plan(tape)
    jitted(*args)
    leaves = [tape.play.outputs[index] for index in tape.input_indices]
    calls = {"native": partial(jitted, *args), "play": partial(plan.run, leaves)}
    for name, times in interleaved(calls, ROUNDS).items():
        row[name] = times["best"]
    row["play/node"] = row["play"] / len(tape)
    return row


def main() -> None:
    """Print a row for each program."""
    print(f"{'program':18}" + "".join(f"{name:>13}" for name in [*COUNTS, *HEADINGS]))
    for name, function, args in programs():
        try:
            row = measure(function, args)
        except NotLoweredError as error:
            print(f"{name:18} {error}")
            continue
        parts = [f"{row[k]:.0f}" for k in COUNTS]
        parts += [shown(row.get(k, 0.0)) for k in HEADINGS]
        print(f"{name:18}" + "".join(f"{part:>13}" for part in parts), flush=True)


if __name__ == "__main__":
    main()
