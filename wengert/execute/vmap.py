"""`vmap`: a function of one row becomes a function of many."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wengert.capture import tree
from wengert.capture.array import check_class
from wengert.capture.captures import CAPTURES
from wengert.capture.reads import kinds_in
from wengert.capture.record import active_tape
from wengert.core.transformed import Transformed, shown
from wengert.core.types import has_class
from wengert.errors import ArgumentError, explain
from wengert.execute.keys import kinds_of
from wengert.execute.lanes import chosen_lanes, chosen_threads
from wengert.execute.report import RowsReport
from wengert.execute.rows import (
    MOST_PATHS,
    RECORDS_ROW,
    Options,
    OtherCapture,
    Rows,
)
from wengert.structure.nested import Captured

Function = Callable[..., Any]
Axes = Any
#: Rows of a `vmap` inside another one up to which they are written out in the outer
#: recording, so that the outer rows run in lanes.
MOST_WRITTEN_OUT = 16


def vmap(
    fun: Function,
    in_axes: Axes = 0,
    out_axes: Axes = 0,
    *,
    lanes: int | None = None,
    threads: int | None = None,
    max_paths: int = MOST_PATHS,
) -> Function:
    """Return the function that computes `fun` for many rows at once.

    One row is recorded and compiled; the rows then run natively side by side, over
    threads.  Rows that take other branches are grouped by the branch, and each group
    runs along a recorded path of its own.  What is read from outside is watched as by
    `jit`.  A row is an array in C order, whatever the order of the array of rows.

    Parameters
    ----------
    fun : callable
        Of numbers, arrays and nested containers of them.
    in_axes : int, None, or nested containers of them, default 0
        The axis of each argument along which rows lie; None shares it with all rows.  A
        number stands for all of a nested argument.  Keyword arguments have axis 0.
    out_axes : int or nested containers of ints, default 0
        Where the rows' axis is in each result.
    lanes : 1, 2, 4 or 8
        Rows computed side by side in native code; by default the environment's
        ``WENGERT_LANES``, or as many numbers as the processor's registers hold.
    threads : int
        By default ``WENGERT_THREADS``, or the number of processors.  Results do not
        depend on it.
    max_paths : int, default 512
        Paths compiled for one kind of arguments; rows on others are played one by one,
        as are paths that fewer than four rows have taken.

    Returns
    -------
    callable
        Its results have one axis more, of NumPy's dtypes.  It records as one operation,
        and is differentiated by every transformation.

    Raises
    ------
    ArgumentError
        If axes do not fit the arguments, rows differ in number, or results differ in
        shape between rows.

    See Also
    --------
    jit, jacobian, rule

    Notes
    -----
    Cost: One recording for every path that rows take, then native code over all
    rows, or one NumPy call an operation for all of them while that takes less than
    compiling.

    Examples
    --------
    >>> import numpy as np
    >>> from wengert import grad, vmap
    >>> vmap(grad(np.sin))(np.zeros(3))
    array([1., 1., 1.])
    """
    return Mapped(fun, in_axes, out_axes, lanes, threads, max_paths)


class Mapped(Transformed):
    """A function of many rows."""

    def __init__(
        self, fun: Function, in_axes: Axes, out_axes: Axes, *options: Any
    ) -> None:
        super().__init__("vmap", fun, in_axes, out_axes, *options)
        self.batch = Batch(fun, in_axes, out_axes, Options(*options))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.batch(args, kwargs)

    def report(self) -> RowsReport:
        """Return which paths rows took, and what is compiled of them."""
        return RowsReport(self.batch.name, list(self.batch.known.values()))

    def __dir__(self) -> list[str]:
        return shown(self, ("report",))


class Batch:
    """A function, its axes, and what was recorded of it, by kinds of arguments."""

    def __init__(
        self, fun: Function, in_axes: Axes, out_axes: Axes, options: Options
    ) -> None:
        if not callable(fun):
            raise ArgumentError(
                explain(
                    f"vmap was given a {type(fun).__name__}",
                    "it repeats a function over rows",
                    "wengert.vmap(f)",
                )
            )
        if options.lanes is not None:
            chosen_lanes(options.lanes)
        if options.threads is not None:
            chosen_threads(options.threads)
        self.fun, self.in_axes, self.out_axes = fun, in_axes, out_axes
        self.options = options
        self.name = f"vmap_{getattr(fun, '__name__', type(fun).__name__)}"
        self.known: dict[Any, Rows] = {}

    def __call__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        leaves, structure = tree.flatten((args, kwargs))
        for leaf in leaves:
            check_class(leaf)
        axes = self.leaf_axes(args, kwargs)
        moved = [row_first(leaf, axis) for leaf, axis in zip(leaves, axes, strict=True)]
        count = count_rows(moved, axes, self.name)
        places = [k for k, leaf in enumerate(leaves) if has_class(leaf, tree.NUMERIC)]
        fixed = {k: leaf for k, leaf in enumerate(leaves) if k not in set(places)}
        mapped = tuple(axes[k] is not None for k in places)
        operands = [moved[k] for k in places]
        call = Call(self, structure, places, fixed, mapped)
        nested = active_tape() is not None and RECORDS_ROW.get()
        # At the interpreter's end a frozen thread may hold a lock for ever.
        if (nested and 0 < count <= MOST_WRITTEN_OUT) or sys.is_finalizing():
            results, found = call.written_out(operands, count)
        else:
            results, found = call.run(operands)
        return self.deliver(results, found)

    def leaf_axes(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
        """Return the axis of every leaf of the arguments."""
        axes = self.in_axes
        if axes is None or has_class(axes, int):
            axes = (axes,) * len(args)
        if not isinstance(axes, (tuple, list)) or len(axes) != len(args):
            raise ArgumentError(
                explain(
                    f"{self.name} has in_axes={axes!r} for {len(args)} arguments",
                    "in_axes is one axis for all arguments, or lists one entry each",
                    "in_axes=(0, None) for a function of two arguments",
                )
            )
        found = [spread(axis, arg) for axis, arg in zip(axes, args, strict=True)]
        found.append(spread(0, kwargs))
        return [axis for part in found for axis in part]

    def deliver(self, results: list[Any], structure: Any) -> Any:
        """Return flat results nested, with the rows' axis in its place."""
        apart = tree.rows_apart(structure)
        nested = tree.unflatten(apart, results)
        if apart != structure:
            self.check_rows(nested)
            return nested
        axes = spread(self.out_axes, nested)
        if all(axis == 0 for axis in axes):
            return nested
        for axis in axes:
            if axis is None:
                raise ArgumentError(
                    explain(
                        f"{self.name} has out_axes=None",
                        "every row has a result of its own",
                        "out_axes=0, and take one row of what is the same in all",
                    )
                )
        moved = [
            part if axis == 0 else np.moveaxis(part, 0, axis)
            for part, axis in zip(results, axes, strict=True)
        ]
        return tree.unflatten(structure, moved)

    def check_rows(self, nested: Any) -> None:
        """Raise where the rows of sparse arrays were to lie along another axis."""
        if any(axis != 0 for axis in spread(self.out_axes, nested)):
            raise ArgumentError(
                explain(
                    f"{self.name} has out_axes={self.out_axes!r} for sparse arrays",
                    "their rows are a list of sparse arrays, which has no axes",
                    "out_axes=0, or dense rows: lambda x: f(x).toarray()",
                )
            )


def spread(axes: Axes, value: Any) -> list[Any]:
    """Return one axis a leaf of a value; an axis stands for all of a container."""
    if axes is None or has_class(axes, int):
        return [axes] * len(tree.flatten(value)[0])
    found = None if has_class(value, tree.NUMERIC) else tree.children_of(value)
    given = None if found is None else axes_of_children(axes, type(value), found)
    if found is None or given is None:
        raise ArgumentError(
            explain(
                f"axes {axes!r} were given for {tree.describe(tree.flatten(value)[1])}",
                "axes nest as the value does, or stop at one number for all of it",
                "an int, None, or containers like the value's",
            )
        )
    pairs = zip(given, found[1], strict=True)
    return [axis for part, inner in pairs for axis in spread(part, inner)]


def axes_of_children(axes: Any, kind: type, found: tree.Parts) -> Any:
    """Return the axes of a container's children; None where they nest otherwise."""
    keys, children, _ = found
    if tree.is_dictionary(kind):
        return tree.children_like(tree.Branch(kind, keys, children), axes)
    given = tree.children_of(axes)
    return None if given is None or len(given[1]) != len(children) else given[1]


def row_first(leaf: Any, axis: int | None) -> Any:
    """Return an argument with its rows along the first axis."""
    if axis is None:
        return leaf
    count = np.ndim(leaf) if has_class(leaf, tree.NUMERIC) else 0
    if not -count <= axis < count:
        shown = getattr(leaf, "shape", type(leaf).__name__)
        raise ArgumentError(
            explain(
                f"vmap was to take rows along axis {axis} of {shown}",
                "only an array has rows, along one of its own axes",
                "in_axes=None shares an argument with all rows",
            )
        )
    return leaf if axis in (0, -count) else np.moveaxis(leaf, axis, 0)


def count_rows(leaves: Sequence[Any], axes: Sequence[Any], name: str) -> int:
    """Return the number of rows, the same in all arguments that have any."""
    counts = {
        leaf.shape[0]
        for leaf, axis in zip(leaves, axes, strict=True)
        if axis is not None
    }
    if len(counts) == 1:
        return int(counts.pop())
    if counts:
        what = f"{name} was given {' and '.join(map(str, sorted(counts)))} rows"
        why = "all arguments with rows have the same number of them"
    else:
        what = f"{name} was given no argument with rows"
        why = "the number of rows is that of an argument"
    raise ArgumentError(explain(what, why, "in_axes says where each argument has rows"))


class Call:
    """One kind of call: how arguments nest, which leaves are numbers, have rows."""

    def __init__(
        self,
        batch: Batch,
        structure: Any,
        places: Sequence[int],
        fixed: dict[int, Any],
        mapped: tuple[bool, ...],
    ) -> None:
        self.batch, self.structure = batch, structure
        self.places, self.fixed, self.mapped = places, fixed, mapped

    def row(self, fun: Function, leaves: Sequence[Any]) -> Any:
        """Call a function on one row."""
        given = dict(zip(self.places, leaves, strict=True)) | self.fixed
        args, kwargs = tree.unflatten(
            self.structure, [given[k] for k in range(len(given))]
        )
        return fun(*args, **kwargs)

    def rows(self, captured: Captured, fun: Function) -> Rows:
        """Return a function of rows for this kind of call.

        Behind the operands are the captured values.
        """
        count, batch = len(self.places), self.batch

        def body(*leaves: Any) -> Any:
            if not captured.found:
                return self.row(fun, leaves)
            with captured.replaced(leaves[count:]):
                return self.row(fun, leaves[:count])

        mapped = self.mapped + (False,) * len(captured.found)
        made = Rows(batch.name, body, mapped, None, fun, batch.options)
        made.given = {f"leaf {k}": value for k, value in self.fixed.items()}
        made.kinds = kinds_in(self.structure)
        made.of_function = functools.partial(self.rows, captured)
        return made

    def known(self) -> Rows:
        """Return the function of rows, the same for every call of this kind."""
        fixed = tuple(self.fixed.items())
        key = self.structure, self.mapped, fixed, kinds_of(fixed)
        try:
            found = self.batch.known.get(key)
        except TypeError:  # an argument that is not hashable: it may change
            return self.capturing([])
        if found is None:
            found = self.batch.known.setdefault(key, self.capturing([]))
        return found

    def run(self, operands: list[Any]) -> tuple[list[Any], Any]:
        """Return flat results of all rows, and how they nest."""
        rows = self.known()
        if active_tape() is None and CAPTURES.get() is None:
            return rows(operands)
        found: list[tuple[Any, Any]] = []
        while True:
            given = [*operands, *[around for _, around in found]]
            try:
                return (self.capturing(found) if found else rows)(given)
            except OtherCapture as other:
                if any(value is other.value for value, _ in found):
                    if is_row():
                        raise  # the rows around these are to read it
                    raise other.as_error() from None
                found.append((other.value, around(other.value)))

    def capturing(self, found: list[tuple[Any, Any]]) -> Rows:
        """Return the function of rows whose last operands are captured values."""
        return self.rows(Captured(found, OtherCapture), self.batch.fun)

    def written_out(self, operands: list[Any], count: int) -> tuple[list[Any], Any]:
        """Return flat results of rows recorded one after another."""
        found, structure = [], None
        for number in range(count):
            row = [
                operand[number] if has_rows else operand
                for operand, has_rows in zip(operands, self.mapped, strict=True)
            ]
            leaves, nested = tree.flatten(self.row(self.batch.fun, row))
            structure = nested if structure is None else structure
            found.append(tree.arranged(structure, nested, leaves))
        return [np.stack(parts) for parts in zip(*found, strict=True)], structure


def is_row() -> bool:
    """Whether a row is being recorded that may say what it reads."""
    captures = CAPTURES.get()
    return captures is not None and captures.refuse is OtherCapture


def around(value: Any) -> Any:
    """Return what a captured value is in the recording that is going on."""
    captures = CAPTURES.get()
    if captures is not None and id(value) in captures.stand_ins:
        return captures.stand_ins[id(value)]
    return value
