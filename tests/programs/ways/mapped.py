"""The calls of a program as rows of `vmap`."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

import wengert
from tests.programs.judge import Judge, MismatchError
from tests.programs.program import Function, Outcome, outcome

#: Calls: recorded, then checked and compiled, then replayed.
ROUNDS = 3
#: Widths.
LANES = (1, 2, 4, 8)


def check(judge: Judge) -> None:
    """Check the program of all rows at once; those that raise, each beside the rest."""
    instance = judge.program.load()
    rows = [instance.arguments(k) for k in judge.once]
    compare(judge, "vmap", instance.function, rows)


def check_gradient(judge: Judge) -> None:
    """Check value and gradient of many rows, at a width, against the eager ones."""
    instance = judge.program.load()
    rows = [instance.arguments(k) for k in judge.often]
    lanes = LANES[judge.program.seed % len(LANES)]
    compare(judge, "vmap(grad)", judge.gradient_of(instance), rows, lanes=lanes)


def compare(
    judge: Judge, way: str, function: Function, rows: list[Any], **options: int
) -> None:
    """Compare what rows give at once with what they give one by one."""
    axes, args = stacked(rows)
    if 0 not in axes:
        return
    every = [outcome(function, row(args, axes, k)) for k in range(len(rows))]
    fine = [k for k, one in enumerate(every) if one.error is None]
    failed = [k for k, one in enumerate(every) if one.error is not None]
    # Where types of results differ from row to row, they have no array.
    fine = [k for k in fine if are_alike(every[fine[0]].value, every[k].value)]
    expected = stack_results([every[k].value for k in fine])
    if expected is None:
        return
    mapped = wengert.vmap(function, in_axes=tuple(axes), **options)
    for n in range(ROUNDS):
        found = outcome(mapped, chosen(args, axes, fine))
        try:
            judge.agree(way, 0, found, Outcome(expected), where=f"call {n}")
        except MismatchError:
            given = {k: row(args, axes, k) for k in fine}
            if found.error is not None or not moves(judge, given, found.value, every):
                raise
    for k in failed[:1]:
        found = outcome(mapped, chosen(args, axes, [*fine, k]))
        judge.agree(way, k, found, every[k])


def moves(
    judge: Judge, given: dict[int, Any], found: Any, every: list[Outcome]
) -> bool:
    """Whether each row that differs moves as much by last digits of its arguments."""
    for at, k in enumerate(given):
        ours = Outcome(row_of(found, at))
        text = judge.difference(ours.value, stack_results([every[k].value]), False)
        if text is not None and not judge.is_ill_conditioned(
            k, text, ours, every[k], arguments=lambda k: copy.deepcopy(given[k])
        ):
            return False
    return True


def row_of(results: Any, k: int) -> Any:
    """Return one of the rows of what `vmap` gives, stacked alone."""
    if isinstance(results, dict):
        return {name: row_of(part, k) for name, part in results.items()}
    if isinstance(results, (list, tuple)):
        return type(results)([row_of(part, k) for part in results])
    return results[k : k + 1]


def chosen(
    args: tuple[Any, ...], axes: list[int | None], rows: list[int]
) -> tuple[Any, ...]:
    """Return the arguments of some rows; those that share memory go on doing so."""
    return copy.deepcopy(
        tuple(a[rows] if axis == 0 else a for a, axis in zip(args, axes, strict=True))
    )


def stacked(rows: list[tuple[Any, ...]]) -> tuple[list[int | None], tuple[Any, ...]]:
    """Return the axes and arguments of a `vmap` over the calls; 0 where rows differ."""
    axes: list[int | None] = []
    args: list[Any] = []
    for column in zip(*rows, strict=True):
        likes = {(np.asarray(a).dtype.str, np.shape(a)) for a in column if is_row(a)}
        if len(likes) == 1 and all(is_row(a) for a in column):
            axes.append(0)
            args.append(in_rows(np.stack([np.asarray(a) for a in column])))
        else:
            axes.append(None)
            args.append(in_rows(column[0]))
    return axes, tuple(args)


def row(args: tuple[Any, ...], axes: list[int | None], k: int) -> tuple[Any, ...]:
    """Return the arguments of one row, with arrays of its own."""
    return copy.deepcopy(
        tuple(a[k] if axis == 0 else a for a, axis in zip(args, axes, strict=True))
    )


def is_row(value: Any) -> bool:
    """Whether a value can be a row: an array or a number of floats."""
    if isinstance(value, (float, np.floating)):
        return True
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def are_alike(one: Any, other: Any) -> bool:
    """Whether two results can be stacked."""
    return stack_results([one, other]) is not None


def stack_results(rows: list[Any]) -> Any:
    """Return what `vmap` should give, or None where rows cannot be stacked."""
    if not rows:
        return None
    head = rows[0]
    if any(type(row) is not type(head) for row in rows):
        return None
    if isinstance(head, dict):
        if any(list(row) != list(head) for row in rows):
            return None
        parts = [stack_results([row[key] for row in rows]) for key in head]
        return (
            None
            if any(p is None for p in parts)
            else dict(zip(head, parts, strict=True))
        )
    if isinstance(head, (list, tuple)):
        if any(len(row) != len(head) for row in rows):
            return None
        parts = [stack_results(list(column)) for column in zip(*rows, strict=True)]
        return None if any(p is None for p in parts) else type(head)(parts)
    if isinstance(head, (float, np.ndarray, np.generic)):
        likes = {(np.asarray(row).dtype, np.shape(row)) for row in rows}
        return np.stack([np.asarray(row) for row in rows]) if len(likes) == 1 else None
    return None


def in_rows(value: Any) -> Any:
    """Return an argument, an array in C order, as `vmap` hands rows on: a limit."""
    return np.ascontiguousarray(value) if isinstance(value, np.ndarray) else value
