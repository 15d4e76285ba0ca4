"""A function that is one node writes captured values into arrays of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as wg

X = np.array([0.3, 0.7, 1.1])
ROWS = np.array([[0.2, 0.9, 0.4], [1.0, 0.5, 0.1]])


def diagonal(z: Any, x: Any) -> None:
    table = np.zeros((3, 3))
    np.fill_diagonal(table, x)
    z += table.sum(axis=0)


#: Ways to write what was captured into a new array.
WRITES: dict[str, Callable[[Any, Any], Any]] = {
    "copyto": lambda z, x: np.copyto(z, x),
    "copyto where": lambda z, x: np.copyto(z, x, where=[True, False, True]),
    "add.at": lambda z, x: np.add.at(z, [0, 0, 1], x),
    "multiply.at": lambda z, x: np.multiply.at(z, [2], x[0]),
    "put": lambda z, x: np.put(z, [0, 2], x[:2]),
    "method put": lambda z, x: z.put([0, 2], x[:2]),
    "place": lambda z, x: np.place(z, z < 1.0, x),
    "putmask": lambda z, x: np.putmask(z, z < 1.0, x),
    "fill_diagonal": diagonal,
    "put_along_axis": lambda z, x: np.put_along_axis(z, np.array([0, 1]), x[:2], 0),
    "fill": lambda z, x: z.fill(x[1]),
    "elements": lambda z, x: z.__setitem__(slice(1, None), x[1:]),
    "a mask": lambda z, x: z.__setitem__(z < 1.0, x),
    "flat": lambda z, x: z.flat.__setitem__(1, x[1]),
    "a list": lambda z, x: z.__setitem__(slice(None), [x[0], x[1], 1.0]),
    "out": lambda z, x: np.multiply(x, x, out=z),
    "out where": lambda z, x: np.add(z, x, out=z, where=np.array([True, False, True])),
    "out of a sum": lambda z, x: np.cumsum(x, out=z),
    "out of a join": lambda z, x: np.concatenate([x[:1], x[1:]], out=z),
    "in place": lambda z, x: z.__iadd__(x),
}
#: How the function is called for all rows.
CALLS: dict[str, Callable[[Any], Any]] = {
    "vmap": lambda row: np.sum(wg.vmap(row)(ROWS)),
    "scan": lambda row: wg.scan(lambda c, e: (c + row(e), None), 0.0, ROWS)[0],
    "checkpoint": lambda row: sum(wg.checkpoint(row)(e) for e in ROWS),
    "cond": lambda row: sum(wg.cond(e[0] > 0.0, row, np.sum, e) for e in ROWS),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("write", WRITES)
def test_what_was_captured_is_written(write: str, call: str) -> None:
    def row(x: Any, e: Any) -> Any:
        z = np.zeros(3)
        WRITES[write](z, x)
        return np.sum(z * e) + np.sum(z**2)

    def plain(x: Any) -> Any:
        return sum(row(x, e) for e in ROWS)

    def apart(x: Any) -> Any:
        return CALLS[call](lambda e: row(x, e))

    value, gradient = wg.value_and_grad(apart)(X)

    assert value == pytest.approx(plain(X))
    steps = 1e-6 * np.eye(3)
    differences = [(plain(X + h) - plain(X - h)) / 2e-6 for h in steps]
    np.testing.assert_allclose(gradient, differences, rtol=1e-6, atol=1e-8)
    jitted = wg.jit(wg.grad(apart))
    for _ in range(3):
        np.testing.assert_allclose(jitted(X), gradient)
