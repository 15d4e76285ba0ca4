"""Loops found on a tape before it is derived, beside the tape derived as it is.

Run: ``python bench/roll.py``, or with ``--cases lstm1024,garch``.  Values and gradients
of both must agree before anything is timed.
"""

from __future__ import annotations

import argparse
import gc
import json
from collections.abc import Callable
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import wengert as wg
from calls import shown
from measure import seconds_of
from wengert.derive import repeats
from wengert.derive.roll import rolled
from wengert.derive.shortened import shortened

Function = Callable[..., Any]
Case = tuple[Function, tuple[Any, ...]]
#: Nodes of a stretch from which its loops are found.
LEAST = 500
#: Relative difference of gradients that are added up in another order.
RTOL = 1e-10


def recurrent(steps: int, width: int = 14) -> Case:
    """An LSTM of two layers over a sequence, as in ADBench."""
    random = np.random.default_rng(7)
    sequence = random.standard_normal((steps, width))
    state = random.standard_normal((4, width))

    def layer(weight: Any, bias: Any, hidden: Any, cell: Any, x: Any) -> Any:
        def gate(k: int, z: Any) -> Any:
            part = slice(k * width, (k + 1) * width)
            return z * weight[part] + bias[part]

        forget = 1 / (1 + np.exp(-gate(0, x)))
        enter = 1 / (1 + np.exp(-gate(1, hidden)))
        leave = 1 / (1 + np.exp(-gate(2, x)))
        cell = cell * forget + enter * np.tanh(gate(3, hidden))
        return leave * np.tanh(cell), cell

    def loss(main: Any, extra: Any) -> Any:
        hidden, cell, total = [state[0], state[2]], [state[1], state[3]], 0.0
        for t in range(steps - 1):
            x = sequence[t] * extra[0]
            for k in range(2):
                weights = main[2 * k], main[2 * k + 1]
                hidden[k], cell[k] = layer(*weights, hidden[k], cell[k], x)
                x = hidden[k]
            y = x * extra[1] + extra[2]
            fit = y - np.log(np.sum(np.exp(y)) + 2)
            total = total + np.sum(sequence[t + 1] * fit)
        return -total / ((steps - 1) * width)

    main = random.standard_normal((4, 4 * width))
    return loss, (main, random.standard_normal((3, width)))


def heat(u: Any) -> Any:
    """1,000 steps of the heat equation, written in place."""
    u = u.copy()
    for _ in range(1000):
        u[1:-1] = u[1:-1] + 0.2 * (u[2:] - 2 * u[1:-1] + u[:-2])
    return np.sum(u * u)


def pendulum(p: Any) -> Any:
    """4,000 steps of a damped pendulum on scalars."""
    x, v = p[0], p[1]
    for _ in range(4000):
        v = v - 0.001 * (np.sin(x) * p[2] + p[3] * v)
        x = x + 0.001 * v
    return x * x + v


def garch(x: Any, w: Any) -> Any:
    """The likelihood of a volatility that depends on the one before."""
    h, total = w[0] / (1 - w[1] - w[2]), 0.0
    for t in range(len(x)):
        total = total + np.log(h) + x[t] * x[t] / h
        h = w[0] + w[1] * x[t] * x[t] + w[2] * h
    return total


def cases() -> dict[str, Callable[[], Case]]:
    """Return the programs by name, made when asked for."""
    random = np.random.default_rng(1)
    weights = np.array([0.1, 0.1, 0.8])
    return {
        "lstm1024": partial(recurrent, 1024),
        "lstm4096": partial(recurrent, 4096),
        "heat": lambda: (heat, (random.uniform(0.5, 1.5, 1000),)),
        "pendulum": lambda: (pendulum, (np.array([1.0, 0.2, 9.8, 0.1]),)),
        "garch": lambda: (garch, (random.standard_normal(4000), weights)),
    }


@contextmanager
def least_stretch(nodes: float) -> Any:
    """While entered, stretches of so many nodes are derived as loops."""
    before, repeats.LEAST_STRETCH = repeats.LEAST_STRETCH, nodes
    try:
        yield
    finally:
        repeats.LEAST_STRETCH = before


def best(call: Callable[[], Any], rounds: int) -> tuple[float, Any]:
    """Return the least seconds of a call, and what it gave."""
    found: list[Any] = []
    gc.collect()
    gc.disable()  # a recording is many objects of which none is garbage
    try:
        times = [
            seconds_of(lambda: found.append(call()), 1) for _ in range(max(rounds, 1))
        ]
    finally:
        gc.enable()
    return min(times), found[-1]


def largest_difference(one: Any, other: Any) -> float:
    """Return the largest relative difference of two nested results."""
    pairs = zip(one, other, strict=True)
    return max(
        float(np.max(np.abs(x - y)) / np.max(np.abs(y)))
        for a, b in pairs
        for x, y in (zip(a, b, strict=True) if isinstance(a, tuple) else [(a, b)])
    )


def measure(function: Function, args: tuple[Any, ...], rounds: int) -> dict[str, Any]:
    """Return nodes and seconds of one program."""
    both = wg.value_and_grad(function, argnums=tuple(range(len(args))))
    row: dict[str, Any] = {}
    row["record"], value = best(partial(wg.record, function, *args), rounds)
    row["find"], short_value = best(lambda: rolled(value)[0], rounds)
    with least_stretch(float("inf")):
        row["derive"], whole = best(partial(wg.record, both, *args), rounds)
    with least_stretch(LEAST):
        row["derive short"], short = best(partial(wg.record, both, *args), rounds)
        row["shorten"], compiled = best(lambda: shortened(short, [])[0], rounds)
    row["play"], found = best(partial(whole, *args), 1)
    row["play short"], other = best(partial(compiled, *args), 1)
    assert largest_difference(other, found) < RTOL
    nodes = {"value": value, "short value": short_value, "whole": whole}
    row |= {f"{name} nodes": len(tape) for name, tape in nodes.items()}
    return row | {"short nodes": len(compiled)}


HEADINGS = {
    "value nodes": "value",
    "short value nodes": "rolled",
    "whole nodes": "gradient",
    "short nodes": "rolled",
    "record": "record",
    "find": "find",
    "derive": "derive",
    "derive short": "rolled",
    "shorten": "shorten",
    "play": "play",
    "play short": "rolled",
}


def main() -> None:
    """Print a table, and keep it as JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", default=",".join(cases()))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    print(f"{'':9}" + "".join(f"{name:>10}" for name in HEADINGS.values()))
    rows = {}
    for name in options.cases.split(","):
        function, args = cases()[name]()
        row = rows[name] = measure(function, args, options.rounds)
        texts = [
            f"{row[key]:,}" if isinstance(row[key], int) else shown(row[key])
            for key in HEADINGS
        ]
        print(f"{name:9}" + "".join(f"{text:>10}" for text in texts), flush=True)
    if options.json:
        options.json.parent.mkdir(exist_ok=True)
        options.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
