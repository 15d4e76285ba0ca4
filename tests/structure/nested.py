"""Random programs of structured loops and branches, each inside others.

A step or a branch reads any values around it, whether they are its own or not, and
need not read those that it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np


class Plain:
    """What structured loops and branches do, in plain Python."""

    @staticmethod
    def scan(
        f: Callable[..., Any], init: Any, xs: Any, reverse: bool = False
    ) -> tuple[Any, Any]:
        carry, ys = init, []
        for t in range(len(xs))[:: -1 if reverse else 1]:
            carry, y = f(carry, xs[t])
            ys.append(y)
        return carry, np.stack(ys[:: -1 if reverse else 1])

    @staticmethod
    def fori_loop(lower: int, upper: int, body: Callable[..., Any], init: Any) -> Any:
        for i in range(lower, upper):
            init = body(i, init)
        return init

    @staticmethod
    def while_loop(cond: Callable[..., Any], body: Callable[..., Any], s: Any) -> Any:
        while cond(s):
            s = body(s)
        return s

    @staticmethod
    def cond(pred: Any, one: Any, other: Any, *operands: Any) -> Any:
        return one(*operands) if pred else other(*operands)

    @staticmethod
    def switch(index: Any, branches: Sequence[Any], *operands: Any) -> Any:
        return branches[min(max(int(index), 0), len(branches) - 1)](*operands)

    @staticmethod
    def map(f: Callable[..., Any], xs: Any) -> Any:
        return np.stack([f(x) for x in xs])

    @staticmethod
    def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
        return f


#: What makes a value of two.
CHANGES = (
    lambda x, y: np.sin(x) * y,
    lambda x, y: np.tanh(x - y) + 0.1,
    lambda x, y: x + 0.5 * y[::-1],
    lambda x, y: np.where(x > y, x, 0.3 * y * y),
    lambda x, y: np.cumsum(x) * 0.3,
)
#: What a statement is, and how many blocks it has.
BLOCKS = {
    "change": 0,
    "scan": 1,
    "fori_loop": 1,
    "while_loop": 1,
    "cond": 2,
    "switch": 3,
    "map": 1,
    "checkpoint": 1,
}


def program(rng: np.random.Generator, depth: int = 2, size: int = 2) -> list[Any]:
    """Return random statements: what each does, to which values, and its blocks."""
    made = []
    for _ in range(size):
        kind = str(rng.choice(list(BLOCKS))) if depth else "change"
        size = int(rng.integers(1, 3))
        blocks = [program(rng, depth - 1, size) for _ in range(BLOCKS[kind])]
        made.append((kind, rng.integers(0, 1 << 20, 4).tolist(), blocks))
    return made


def run(do: Any, statements: Sequence[Any], *around: Any) -> Any:
    """Do statements one after the other, each of values before it; return the last."""
    known = list(around)
    for statement in statements:
        known.append(np.tanh(done(do, statement, known)))
    return known[-1]


def done(do: Any, statement: Any, known: list[Any]) -> Any:
    """Return what one statement gives of the values that are known."""
    kind, numbers, blocks = statement
    x, y = (known[k % len(known)] for k in numbers[:2])
    count, is_odd = 1 + numbers[2] % 3, bool(numbers[3] % 2)
    parts = [partial(run, do, block, *known) for block in blocks]
    if kind == "change":
        return CHANGES[numbers[2] % len(CHANGES)](x, y)
    if kind == "scan":
        rows = np.stack([y * (k + 1.0) for k in range(count)])
        last, all_of = do.scan(
            lambda c, row: (parts[0](c, row), np.sum(row) + c), x, rows, reverse=is_odd
        )
        return last + np.sum(all_of, axis=0)
    if kind == "fori_loop":
        stop = 1 + (count if is_odd else np.argmax(x))
        return do.fori_loop(1, stop, lambda i, c: parts[0](c) + 0.1 * i, x)
    if kind == "while_loop":

        def goes_on(state: Any) -> Any:
            return (np.sum(state[0] * state[0]) < 1.5) & (state[2] < count)

        def step(state: Any) -> Any:
            return parts[0](state[0]) * 1.0, state[1], state[2] + 1

        return sum(do.while_loop(goes_on, step, (x, y, 0))[:2])
    if kind == "cond":
        return do.cond(np.sum(x) > 0.2, *parts, y)
    if kind == "switch":
        return do.switch(np.argmax(x), parts, y)
    if kind == "map":
        return np.sum(do.map(parts[0], np.stack([x, y])), axis=0)
    return do.checkpoint(parts[0])(y)
