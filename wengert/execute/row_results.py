"""The results of rows: of one that was recorded, and of all as they come in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from wengert.capture import tree
from wengert.capture.reads import Written
from wengert.core.types import Array, Type, array_type, has_class, type_of
from wengert.errors import ArgumentError, explain
from wengert.execute.paths import Path

if TYPE_CHECKING:
    from wengert.execute.rows import Rows


class Recorded(NamedTuple):
    """One row as it was recorded: its path, its results, and what it wrote outside.

    `unwatched` is what it came to that cannot be watched; `is_kept` whether other rows
    may go along the path.
    """

    path: Path
    structure: Any
    results: list[Any]
    wrote: Written | None
    unwatched: str | None = None
    is_kept: bool = True


class Collected:
    """The results of all rows as they come in, in groups."""

    def __init__(self, rows: Rows, count: int) -> None:
        self.rows, self.count = rows, count
        self.structure: Any = None
        self.parts: list[Any] = []

    def put(
        self,
        structure: Any,
        types: Sequence[Type],
        places: Array | None,
        parts: Sequence[Any],
    ) -> None:
        """Take the results of some rows, or of all rows where `places` is None."""
        sums = self.rows.summed(len(types))
        if self.structure is None:
            self.structure = structure
            self.parts = [
                None if is_sum or places is None else empty(self.count, like)
                for like, is_sum in zip(types, sums, strict=True)
            ]
        parts = tree.arranged(self.structure, structure, parts)
        for k, (part, is_sum) in enumerate(zip(parts, sums, strict=True)):
            known = self.parts[k]
            if known is None:
                self.parts[k] = part
            elif is_sum:
                self.parts[k] = known + part
            else:
                self.parts[k] = self.write(known, places, part)

    def write(self, known: Array, places: Any, part: Any) -> Array:
        """Return results with those of some rows put in."""
        shape = np.shape(part)[1:]
        if known.shape[1:] != shape:
            raise ArgumentError(
                explain(
                    f"{self.rows.name} returned shape {known.shape[1:]} for some rows "
                    f"and {shape} for others",
                    "the results of all rows are stacked into one array",
                    "return arrays of one shape, padded where rows differ",
                )
            )
        dtype = np.result_type(known.dtype, np.asarray(part).dtype)
        if dtype != known.dtype:
            known = known.astype(dtype)
        known[places] = part
        return known


def empty(count: int, like: Type) -> Array:
    """Return an array for a result of so many rows."""
    return np.empty((count, *like.shape), like.dtype)


def value_type(value: Any) -> Type:
    """Return the type of a plain value; arrays that look like results only."""
    if has_class(value, tree.NUMERIC):
        found = type_of(value)
        return array_type(found.shape, found.dtype)
    raise ArgumentError(
        explain(
            f"a function of rows returned a {type(value).__name__}",
            "the results of all rows are stacked into arrays",
            "return numbers, arrays, or nested containers of them",
        )
    )
