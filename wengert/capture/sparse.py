"""Sparse arrays as containers of their entries; where those stand is the structure.

As results they are that once their entries are recorded.  A sparse array of plain
numbers is one where it is differentiated by, or an argument of a function that is
compiled (`Opened`); elsewhere it stays what it is, for all that SciPy does with it.
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
    return (value.data,), places_of(value)


def places_of(value: Any) -> Places:
    """Return where the entries of a sparse array stand now."""
    is_coo = value.format == "coo"
    arrays = value.coords if is_coo else (value.indices, value.indptr)
    places = tuple([np.array(array) for array in arrays])
    return Places(type(value), is_coo, value.shape, places)


class Opened:
    """A sparse array of plain numbers that is a container too."""

    __slots__ = ("array",)

    def __init__(self, array: Any) -> None:
        self.array = array


def is_sparse(value: Any) -> bool:
    """Whether a value is a sparse array of plain numbers."""
    is_one = way_into(type(value)) is not None
    return is_one and not isinstance(getattr(value, "data", None), Recorded)


def opened(value: Any) -> Any:
    """Return a sparse array as a container of its entries; anything else as it is."""
    if not is_sparse(value):
        return value
    if value.format not in FORMATS:
        raise UnsupportedError(
            explain(
                f"a {type(value).__name__} as an argument by which is differentiated, "
                "or of a function that is compiled",
                "only entries that stand one behind the other, as those of CSR, CSC "
                "and COO do, are one array",
                "A.tocsr(); or A read from outside of the function, as a constant",
            )
        )
    return Opened(value)


def entries_of(value: Opened) -> Parts:
    """Return the entries of a sparse array, and where they stand now."""
    return (value.array.data,), places_of(value.array)


def made(places: Places, children: tuple[Any, ...]) -> Any:
    """Return a sparse array of entries; its places are its own."""
    (data,) = children
    if not has_class(data, NUMBERS):
        return data
    if np.ndim(data) != 1:
        name = places.kind.__name__
        raise UnsupportedError(
            explain(
                f"a Jacobian, or the steps of a loop, of a {name} or by one",
                "with an axis more it is no sparse array; all have one structure",
                "the entries alone: lambda x: f(x).data; by them, "
                f"lambda data: f(scipy.sparse.{name}((data, *places), shape))",
            )
        )
    own = tuple([array.copy() for array in places.arrays])
    given = (data, own) if places.is_coo else (data, *own)
    return places.kind(given, shape=places.shape)


class Apart:
    """The sparse arrays of rows, as `vmap` gives them: a list."""


def rows_made(places: Places, children: tuple[Any, ...]) -> Any:
    """Return a sparse array for each row of entries."""
    (data,) = children
    if not has_class(data, NUMBERS):
        return data
    return [made(places, (row,)) for row in data]
