"""Sparse arrays of recorded entries as results: containers of their entries.

Where the entries stand is the structure.  A sparse array of plain numbers is no
container: as an argument it stays what it is, for all that SciPy does with it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.capture.labelled import NUMBERS, Parts, Way, bases_of
from wengert.core.types import Recorded, has_class
from wengert.errors import UnsupportedError, explain

FORMATS = frozenset({"csr", "csc", "coo"})


class Places:
    """Where the entries of a sparse array stand."""

    __slots__ = ("arrays", "is_coo", "kind", "shape")

    def __init__(
        self, kind: Any, is_coo: bool, shape: Any, arrays: tuple[Any, ...]
    ) -> None:
        self.kind, self.is_coo = kind, is_coo
        self.shape, self.arrays = shape, arrays

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Places)
            and (self.kind, self.shape) == (other.kind, other.shape)
            and all(map(np.array_equal, self.arrays, other.arrays))
        )

    def __hash__(self) -> int:
        return hash((self.kind, self.shape))

    def __reduce__(self) -> Any:
        return Places, (self.kind, self.is_coo, self.shape, self.arrays)


def way_into(kind: type) -> Way | None:
    """Return how to take a sparse array apart, and how to make it; None of others."""
    is_sparse = any(base.__name__ == "_spbase" for base in bases_of("scipy", kind))
    return (taken_apart, made) if is_sparse else None


def taken_apart(value: Any) -> Parts | None:
    """Return the entries, and where they stand now; None where they are plain."""
    if value.format not in FORMATS or not isinstance(value.data, Recorded):
        return None
    is_coo = value.format == "coo"
    arrays = value.coords if is_coo else (value.indices, value.indptr)
    places = tuple([np.array(array) for array in arrays])
    return (value.data,), Places(type(value), is_coo, value.shape, places)


def made(places: Places, children: tuple[Any, ...]) -> Any:
    """Return a sparse array of entries; its places are its own."""
    (data,) = children
    if not has_class(data, NUMBERS):
        return data
    if np.ndim(data) != 1:
        raise UnsupportedError(
            explain(
                f"vmap, or a Jacobian, of a function that gives a "
                f"{places.kind.__name__}",
                "a row each is no sparse array; all of them have one structure",
                "the entries alone: vmap(lambda x: f(x).data)",
            )
        )
    own = tuple([array.copy() for array in places.arrays])
    given = (data, own) if places.is_coo else (data, *own)
    return places.kind(given, shape=places.shape)
