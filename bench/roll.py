"""Loops found on a tape before it is derived, beside the tape derived as it is.

Run: ``python bench/roll.py``, or with ``--cases "lstm 1024,garch 4000"``.  Values and
gradients of both must agree before anything is timed.
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
from loops import rows
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


def cases() -> dict[str, Case]:
    """Return the programs by name, and their arguments."""
    return {
        name: (partial(programs["wengert"], np, *given), arguments)
        for name, (programs, given, arguments) in rows().items()
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
    print(f"{'':24}" + "".join(f"{name:>10}" for name in HEADINGS.values()))
    found = {}
    for name in options.cases.split(","):
        function, args = cases()[name]
        row = found[name] = measure(function, args, options.rounds)
        texts = [
            f"{row[key]:,}" if isinstance(row[key], int) else shown(row[key])
            for key in HEADINGS
        ]
        print(f"{name:24}" + "".join(f"{text:>10}" for text in texts), flush=True)
    if options.json:
        options.json.parent.mkdir(exist_ok=True)
        options.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
