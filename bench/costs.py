"""The constants of `wengert.execute.costs`, measured on this machine.

Run: ``python bench/costs.py``.  Prints the seconds that each program takes to lower, to
write and to generate, a scalar node of it, and a call with and without native code;
then how many scalar nodes a recorded sweep has for one of its function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

import first_call
import wengert as wg
from calls import shown
from measure import interleaved, seconds_of
from wengert.emit.compile import compile_program
from wengert.emit.kernels import count_scalars, has_chain_products, lower
from wengert.emit.refusal import NotLoweredError
from wengert.execute import costs, directions
from wengert.execute.plan import Plan

Function = Callable[..., Any]
ROUNDS = 3
HEADINGS = (
    "scalars lower write generate node estimate native native/node play play/node"
).split()


def programs() -> Iterator[tuple[str, Function, tuple[Any, ...]]]:
    """Give programs of several kinds and sizes."""
    for size in (10, 1000, 10_000):
        x = np.linspace(0.5, 1.5, size)
        yield f"elementwise {size}", first_call.elementwise, (x,)
        yield f"neighbours {size}", wg.grad(first_call.energy), (x,)
    for side in (4, 16, 32):
        square = np.random.default_rng(0).normal(size=(side, side))
        yield f"A @ B {side}", first_call.product, (square, square)
    for count in (100, 3000):
        steps = wg.grad(partial(first_call.loop, count=count))
        yield f"loop {count}", steps, (0.7,)


def measure(function: Function, args: tuple[Any, ...]) -> dict[str, float]:
    """Return the seconds of every stage of one program."""
    tape = wg.record(function, *args)
    found: list[Any] = []

    def lowered() -> None:
        found[:] = [lower(tape, not has_chain_products(tape))]

    scalars = count_scalars(tape)
    row = {"scalars": float(scalars), "lower": seconds_of(lowered, 1)}
    row |= compile_program(found[0].program).seconds
    total = row["lower"] + row["write"] + row["generate"]
    row |= {"node": total / scalars, "estimate": costs.compile_seconds(tape)}
    jitted, plan = wg.jit(function, wait=True), Plan(tape)
    jitted(*args)
    leaves = [tape.play.outputs[index] for index in tape.input_indices]
    calls = {"native": partial(jitted, *args), "play": partial(plan.run, leaves)}
    for name, times in interleaved(calls, ROUNDS).items():
        row[name] = times["best"]
    row["native/node"] = row["native"] / scalars
    row["play/node"] = row["play"] / len(tape)
    return row


def running(x: Any) -> Any:
    """Running sums."""
    return np.cumsum(np.sin(x) * x)


def chained(x: Any) -> Any:
    """Rosenbrock's function."""
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def sweeps() -> Iterator[tuple[str, Function, Function, Any]]:
    """Give a Jacobian or Hessian, what is swept for it, and the point."""
    for size in (10, 40):
        x = np.linspace(0.5, 1.5, size)
        matrix = np.random.default_rng(0).normal(size=(size, size))

        def layers(x: Any, matrix: Any = matrix) -> Any:
            return np.tanh(matrix @ np.tanh(matrix @ x))

        for function in (first_call.pulled, running, layers):
            name = f"Jacobian of {function.__name__} {size}"
            yield name, wg.jacobian(function), function, x
        for number in (first_call.energy, chained):
            name = f"Hessian of {number.__name__} {size}"
            yield name, wg.hessian(number), wg.grad(number), x


def written_out(derivative: Function, swept: Function, x: Any) -> float:
    """Return the scalar nodes of a recorded sweep for one of what is swept."""
    limits = costs.MOST_UNROLLED, directions.MOST_WRITTEN_OUT
    costs.MOST_UNROLLED = directions.MOST_WRITTEN_OUT = 2**60
    try:
        tape, function = wg.record(derivative, x), wg.record(swept, x)
    finally:
        costs.MOST_UNROLLED, directions.MOST_WRITTEN_OUT = limits
    count = min(x.size, np.size(function.play.outputs[function.output_indices[0]]))
    return count_scalars(tape) / (count * count_scalars(function))


def main() -> None:
    """Print a row for each program."""
    print(f"{'program':18}" + "".join(f"{name:>13}" for name in HEADINGS))
    for name, function, args in programs():
        try:
            row = measure(function, args)
        except NotLoweredError as error:
            print(f"{name:18} {error}")
            continue
        parts = [f"{row['scalars']:.0f}", *(shown(row[k]) for k in HEADINGS[1:])]
        print(f"{name:18}" + "".join(f"{part:>13}" for part in parts), flush=True)
    print("scalar nodes of a recorded sweep for one of the function")
    for name, *case in sweeps():
        print(f"{name:26}{written_out(*case):>8.2f}", flush=True)


if __name__ == "__main__":
    main()
