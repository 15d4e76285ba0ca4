"""Random programs of loops and branches, structured ones and in plain Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import wengert as wg

#: What changes a state of three numbers, given a number from outside.
CHANGES = (
    lambda s, k: np.sin(s) * k + s,
    lambda s, k: s * 0.7 + np.cos(k * s[::-1]),
    lambda s, k: np.tanh(s) - 0.3 * k,
    lambda s, k: s / (1.0 + s * s) + np.sum(s) * 0.1,
    lambda s, k: np.where(s > k, s, 0.5 * s) + 0.2,
)


#: What a statement is; and where most are loops that a condition ends.
KINDS = ("change", "cond", "switch", "fori", "while", "scan")
LOOPS = (*KINDS, "while", "while")


def program(
    rng: np.random.Generator, depth: int = 3, kinds: Sequence[str] = KINDS
) -> list[Any]:
    """Return random statements."""
    made: list[Any] = []
    for _ in range(rng.integers(1, 3)):
        kind = rng.choice(kinds) if depth else "change"
        if kind == "change":
            made.append((kind, CHANGES[rng.integers(len(CHANGES))]))
            continue
        count = {"cond": 2, "switch": 3}.get(kind, 1)
        blocks = [program(rng, depth - 1, kinds) for _ in range(count)]
        made.append((kind, blocks, float(rng.normal()), int(rng.integers(1, 4))))
    return made


def loops_inside(statements: list[Any], is_inside: bool = False) -> int:
    """Return how many loops that a condition ends are in other loops or branches."""
    found = 0
    for kind, *parts in statements:
        blocks = [] if kind == "change" else parts[0]
        found += kind == "while" and is_inside
        found += sum(loops_inside(block, True) for block in blocks)
    return found


def plain(statements: list[Any], s: Any, k: Any) -> Any:
    """Do them as plain Python."""
    for kind, *parts in statements:
        if kind == "change":
            s = parts[0](s, k)
            continue
        blocks, bound, number = parts
        if kind == "cond":
            s = plain(blocks[0 if np.sum(s) * k > bound else 1], s, k)
        elif kind == "switch":
            s = plain(blocks[min(max(int(np.floor(s[0])), 0), 2)], s, k)
        elif kind == "fori":
            for i in range(number):
                s = plain(blocks[0], s + 0.1 * i, k)
        elif kind == "scan":
            kept = []
            for x in np.linspace(0.0, 1.0, number):
                s = plain(blocks[0], s * k + x, k)
                kept.append(s[1])
            s = s + np.sum(np.stack(kept))
        else:
            n = 0
            while np.sum(s * s) > 0.3 and n < number:
                s, n = 0.6 * plain(blocks[0], s, k), n + 1
    return s


def structured(statements: list[Any], s: Any, k: Any) -> Any:
    """Do them as nodes of a tape."""
    for kind, *parts in statements:
        if kind == "change":
            s = parts[0](s, k)
            continue
        blocks, bound, number = parts
        run = [lambda s, block=block: structured(block, s, k) for block in blocks]
        if kind == "cond":
            s = wg.cond(np.sum(s) * k > bound, *run, s)
        elif kind == "switch":
            s = wg.switch(np.floor(s[0]).astype(int), run, s)
        elif kind == "fori":
            s = wg.fori_loop(0, number, lambda i, s, run=run: run[0](s + 0.1 * i), s)
        elif kind == "scan":

            def step(s: Any, x: Any, run: Any = run) -> Any:
                s = run[0](s * k + x)
                return s, s[1]

            s, kept = wg.scan(step, s, np.linspace(0.0, 1.0, number))
            s = s + np.sum(kept)
        else:
            s = wg.while_loop(
                lambda at, n=number: (np.sum(at[0] * at[0]) > 0.3) & (at[1] < n),
                lambda at, run=run: (0.6 * run[0](at[0]), at[1] + 1),
                (s, 0),
            )[0]
    return s
