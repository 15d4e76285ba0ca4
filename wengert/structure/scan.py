"""Structured loops: one step of a function, done many times.

A plain Python loop needs none of this.  Where a loop has very many steps, or a program
comes from JAX, its step is recorded once: the loop is one node of the tape
(`derive.loops`), and so is its derivative.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy import (  # answered while something is recorded
    asarray,
    stack,
    zeros,
)

from wengert.capture import tree
from wengert.capture.array import plain, wrap_passive
from wengert.capture.captures import is_noting, noted
from wengert.capture.record import active_tape, own_array
from wengert.core.operation import apply
from wengert.core.tape import Tape, strong
from wengert.core.types import type_of
from wengert.derive.loops import SCAN
from wengert.derive.steps import Body
from wengert.errors import ArgumentError, GuardError, explain
from wengert.structure.nested import any_recorded, not_repeatable
from wengert.structure.subtapes import Subtapes, visit

Function = Callable[..., Any]
#: How often a carried value may get another type before that is an error.
MOST_TYPES = 3


def scan(
    f: Function,
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
    _split_transpose: bool = False,
) -> tuple[Any, Any]:
    """Do a step for every row of arrays, carrying values from step to step.

    Parameters
    ----------
    f : callable
        ``f(carry, x)`` returns the next `carry`, nested as before, and what is stacked,
        or None.  It computes alone: what it writes elsewhere is lost.
    init : number, array, or nested containers of them
        What the first step carries.
    xs : array of shape (n, ...), or nested containers of them, optional
        One row of each is handed to a step.
    length : int, optional
        Number of steps n, where there are no `xs`.
    reverse : bool
        Whether the last row is the first step.
    unroll, _split_transpose : int or bool
        Taken as JAX takes them, and without effect.

    Returns
    -------
    carry : as `init`
    ys : as what is stacked, with a first axis of length n

    Raises
    ------
    ArgumentError
        If the number of steps is not known, or what is carried changes its structure or
        shape.

    See Also
    --------
    fori_loop, checkpoint

    Notes
    -----
    Cost: Recorded, differentiated and compiled in the time of one step; the derivative
    keeps what it reads of every step.

    Examples
    --------
    >>> import numpy as np
    >>> from wengert import grad, scan
    >>> def last(rate):
    ...     return scan(lambda y, x: (rate * y + x, y), 1.0, np.ones(3))[0]
    >>> last(0.5), grad(last)(0.5)
    (np.float64(1.875), np.float64(2.75))
    """
    loop = Loop.of(f, init, xs, length, reverse)
    if not loop.steps:
        return loop.by_no_steps()
    recorded = active_tape()
    if recorded is None:
        return loop.by_steps()
    try:
        return loop.as_node(recorded)
    except GuardError:  # a step that takes another decision than the first one
        return loop.by_steps()


def map(f: Function, xs: Any, *, batch_size: int | None = None) -> Any:
    """Call a function for every row of arrays, and stack what it returns.

    Parameters
    ----------
    f : callable
        ``f(x)`` takes a row, nested as `xs`.
    xs : array of shape (n, ...), or nested containers of them
    batch_size : int, optional
        Taken as JAX takes it, and without effect.

    Returns
    -------
    What `f` returns, nested alike, with a first axis of length n.

    Raises
    ------
    ArgumentError
        If the arrays have different numbers of rows.

    See Also
    --------
    scan, vmap

    Notes
    -----
    Cost: That of a `scan` that carries nothing: one row after the other.

    Examples
    --------
    >>> import numpy as np
    >>> import wengert as wg
    >>> wg.map(lambda x: x * x, np.array([1.0, 2.0, 3.0]))
    array([1., 4., 9.])
    """

    def step(carry: tuple[()], x: Any) -> tuple[tuple[()], Any]:
        return carry, f(x)

    return scan(step, (), xs)[1]


class Shape(NamedTuple):
    """How what a step returns nests."""

    carry: Any
    ys: Any


class Loop(NamedTuple):
    """A loop that is to be done.

    Attributes
    ----------
    f : callable
    carry, rows : list
        Leaves of what is carried first, and of what is read row by row.
    carries, reads : how those nest
    steps : int
    reverse : bool
    """

    f: Function
    carry: list[Any]
    rows: list[Any]
    carries: Any
    reads: Any
    steps: int
    reverse: bool

    @classmethod
    def of(cls, f: Function, init: Any, xs: Any, length: Any, reverse: bool) -> Loop:
        """Return the loop of a call of `scan`."""
        carry, carries = tree.flatten(init)
        rows, reads = tree.flatten(xs)
        rows = [row if hasattr(row, "shape") else asarray(row) for row in rows]
        lengths: set[int | None] = {row.shape[0] if row.shape else None for row in rows}
        if length is not None:
            lengths.add(int(length))
        if len(lengths) != 1 or None in lengths:
            shown = ", ".join(str(type_of(plain(row))) for row in rows) or "no arrays"
            raise ArgumentError(
                explain(
                    f"scan was given {shown} and length={length}",
                    "a step reads one row of every array, so that all have the same "
                    "number of them",
                    "pass arrays with equally long first axes, or length=n without any",
                )
            )
        carry, rows = noted(([strong(leaf) for leaf in carry], rows))
        (steps,) = lengths
        assert steps is not None
        return cls(f, carry, rows, carries, reads, steps, bool(reverse))

    def call(
        self, carry: Sequence[Any], rows: Sequence[Any]
    ) -> tuple[list[Any], Shape]:
        """Return the leaves of what a step returns: carried, then stacked."""
        given = tree.unflatten(self.carries, list(carry))
        found = self.f(given, tree.unflatten(self.reads, list(rows)))
        if not (isinstance(found, (tuple, list)) and len(found) == 2):
            raise ArgumentError(
                explain(
                    f"a step of scan returned a {type(found).__name__}",
                    "it returns what is carried and what is stacked",
                    "return carry, y; or carry, None where nothing is stacked",
                )
            )
        after, carries = tree.flatten(found[0])
        stacked, ys = tree.flatten(found[1])
        check_carried("scan", carry, self.carries, after, carries)
        return [*[strong(leaf) for leaf in after], *stacked], Shape(carries, ys)

    def row(self, t: int) -> list[Any]:
        """Return what a step reads."""
        return [row[t] for row in self.rows]

    def by_steps(self) -> tuple[Any, Any]:
        """Do one step after the other."""
        carry, count = list(self.carry), len(self.carry)
        columns: list[list[Any]] = []
        shape = Shape(self.carries, tree.flatten(None)[1])
        order = range(self.steps)[:: -1 if self.reverse else 1]
        for t in order:
            found, shape = self.call(carry, self.row(t))
            carry = found[:count]
            columns.append(found[count:])
        stacks = zip(*columns[:: -1 if self.reverse else 1], strict=True)
        made = [
            np.stack(column) if any_recorded(column) else stack(column)
            for column in stacks
        ]
        return tree.unflatten(self.carries, carry), tree.unflatten(shape.ys, made)

    def by_no_steps(self) -> tuple[Any, Any]:
        """Return what is carried first, and stacks without rows.

        What is stacked, a step says that is visited at rows of zeros.
        """
        count, shapes = len(self.carry), list[Shape]()
        rows = [zeros(row.shape[1:], row.dtype) for row in self.rows]
        sample = [*[own_array(plain(leaf)) for leaf in self.carry], *rows]

        def step(*leaves: Any) -> list[Any]:
            found, shape = self.call(leaves[:count], leaves[count:])
            shapes.append(shape)
            return found[count:]

        def apart() -> list[Any]:
            if is_noting():  # what it reads from outside is part of a node to come
                return step(*sample)
            return Subtapes("a step of scan", sample).run(step)

        found = visit(apart)
        if found is None:  # nothing says
            return self.by_steps()
        likes = [type_of(plain(leaf)) for leaf in found]
        stacks = [zeros((0, *like.shape), like.dtype) for like in likes]
        return (
            tree.unflatten(self.carries, list(self.carry)),
            tree.unflatten(shapes[0].ys, stacks),
        )

    def as_node(self, recorded: Tape) -> tuple[Any, Any]:
        """Do it as one node of the tape that is being recorded."""
        loop = self
        for _ in range(MOST_TYPES):
            body, shape, read = loop.recorded_step()
            if not changing_types(body):
                break
            loop = loop._replace(carry=converted(loop.carry, body))
        else:
            raise not_repeatable("a step of scan", "carried numbers of another type")
        operands = [*loop.carry, *loop.rows, *read]
        how = {"body": body, "count": loop.steps, "reverse": loop.reverse}
        found = list(apply(SCAN, *operands, **how))
        if not any_recorded(operands):
            found = [wrap_passive(recorded, part) for part in found]
        count = len(loop.carry)
        return (
            tree.unflatten(shape.carry, found[:count]),
            tree.unflatten(shape.ys, found[count:]),
        )

    def recorded_step(self) -> tuple[Body, Shape, list[Any]]:
        """Return the first step on a tape of its own, and what it reads outside."""
        rows = self.row(self.steps - 1 if self.reverse else 0)
        sample = [plain(leaf) for leaf in (*self.carry, *rows)]
        sub, count, shapes = Subtapes("a step of scan", sample), len(self.carry), []

        def step(*leaves: Any) -> list[Any]:
            found, shape = self.call(leaves[:count], leaves[count:])
            shapes.append(shape)
            return found

        sub.run(step)
        (tape,), read = sub.record([step])
        return Body(tape, count, len(rows)), shapes[0], read


def check_carried(
    name: str, carry: Sequence[Any], carries: Any, after: Sequence[Any], found: Any
) -> None:
    """Raise unless what a step returns nests, and is shaped, as what it was given."""
    shapes = [np.shape(plain(leaf)) for leaf in after]
    expected = [np.shape(plain(leaf)) for leaf in carry]
    if found == carries and shapes == expected:
        return
    raise ArgumentError(
        explain(
            f"a step of {name} was given {tree.describe(carries)} of shapes "
            f"{expected} and returned {tree.describe(found)} of {shapes}",
            "what one step carries is what the next one is given",
            "return the carried values nested, and shaped, as init is",
        )
    )


def changing_types(body: Body) -> bool:
    """Whether a step gives carried numbers of other types than it is given."""
    pairs = zip(body.inputs, body.outputs[: body.carried], strict=False)
    return any(before.dtype != after.dtype for before, after in pairs)


def converted(carry: Sequence[Any], body: Body) -> list[Any]:
    """Return carried values of the types that a step returns."""
    types = body.outputs[: body.carried]
    return [
        leaf if plain(leaf).dtype == like.dtype else leaf.astype(like.dtype)
        for leaf, like in zip(carry, types, strict=True)
    ]


__all__ = ["map", "scan"]
