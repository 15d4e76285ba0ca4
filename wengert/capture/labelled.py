"""Arrays with labels: containers of their array.

The dimensions, coordinates, name and attributes of an ``xarray.DataArray`` are its
structure, and so are the axes of a ``pandas.Series`` or ``DataFrame`` of numbers.
xarray computes with any array that answers NumPy's functions, so a recorded one stands
inside; pandas with columns (`capture.columns`).  Neither is imported here: whoever has
such an object has done so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.core.types import ARRAYS, has_class

Parts = tuple[tuple[Any, ...], Any]
NUMBERS: tuple[type[Any], ...] = (*ARRAYS, float, int, complex)


class Labels:
    """What a labelled array has besides its numbers.

    Two are equal where every label is.
    """

    __slots__ = ("blank",)

    def __init__(self, blank: Any) -> None:
        #: An array with the labels, and no numbers.
        self.blank = blank

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Labels) and bool(self.blank.identical(other.blank))

    def __hash__(self) -> int:
        return hash((self.blank.dims, self.blank.shape))

    def __reduce__(self) -> Any:
        return Labels, (self.blank,)


Way = tuple[Callable[[Any], Parts | None], Callable[..., Any]]


def way_into(kind: type) -> Way | None:
    """Return how to take a labelled array apart, and how to make it; None of others.

    What is taken apart to None is none of numbers.
    """
    if is_of_pandas(kind):
        from wengert.capture import columns

        return columns.taken_apart, columns.labelled
    return (taken_apart, labelled) if is_labelled(kind) else None


def is_of_pandas(kind: type) -> bool:
    """Whether a class is pandas' series or frames, or one of them."""
    return any(
        base.__name__ in ("Series", "DataFrame") for base in bases_of("pandas", kind)
    )


def bases_of(library: str, kind: type) -> list[type]:
    """Return which bases of a class are a library's."""
    return [b for b in kind.__mro__ if b.__module__.partition(".")[0] == library]


def recorded_in(value: Any) -> Any:
    """Return the recorded array of one of pandas' objects; None of others."""
    if not bases_of("pandas", type(value)):
        return None
    from wengert.capture import columns

    return columns.recorded_in(value)


def is_labelled(kind: type) -> bool:
    """Whether a class is xarray's arrays, or one of them."""
    return any(base.__name__ == "DataArray" for base in bases_of_xarray(kind))


def bases_of_xarray(kind: type) -> list[type]:
    """Return which bases of a class are xarray's: their operators go first."""
    return bases_of("xarray", kind)


def taken_apart(value: Any) -> Parts:
    """Return the array, and the labels as they are now."""
    nothing = np.broadcast_to(np.int8(0), value.shape)
    return (value.data,), Labels(value.copy(deep=True, data=nothing))


def labelled(labels: Labels, children: tuple[Any, ...]) -> Any:
    """Return an array with labels; one of another shape, as a Jacobian's, has none."""
    (array,) = children
    if has_class(array, NUMBERS) and np.shape(array) == labels.blank.shape:
        return labels.blank.copy(deep=True, data=array)
    return array


def without_labels(value: Any) -> str | None:
    """Return what to write in place of one of pandas' objects; None of others."""
    if type(value).__module__.partition(".")[0] != "pandas":
        return None
    if not is_of_pandas(type(value)):
        return "pass a pandas.Series of numbers, or x.to_numpy()"
    return (
        "pass numbers alone, x.astype(float) or x[[...]] with some of its columns: "
        "texts, times and truth values have no derivatives"
    )
