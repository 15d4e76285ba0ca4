"""Index maps: where the elements of a view lie, read off NumPy's own view."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from wengert.lower.refusal import NotLoweredError

#: What NumPy answers by a view.
View = Callable[[np.ndarray], np.ndarray]


class LayoutError(NotLoweredError):
    """A view of memory that lies otherwise: dimensions as if they were one, a copy."""


def c_strides(shape: Sequence[int]) -> list[int]:
    """Return the strides of an array in C order, in elements."""
    strides, stride = [], 1
    for n in reversed(shape):
        strides.append(stride)
        stride *= n
    return strides[::-1]


def axis_strides(dims: Sequence[int | None], shape: Sequence[int]) -> dict[int, int]:
    """Return the stride of each dimension's axis in an array in C order."""
    pairs = zip(dims, c_strides(shape), strict=True)
    return {dim: stride for dim, stride in pairs if dim is not None}


def strides_of_view(
    shape: tuple[int, ...], view: Callable[[np.ndarray], np.ndarray]
) -> tuple[np.ndarray, int]:
    """Return a view of an array of bytes of that shape, and where it starts.

    The array is never written, so that it costs no memory; a copy of it is refused.
    """
    base = np.empty(shape, np.uint8)
    try:
        made = np.asarray(view(base))
    except Exception as error:
        raise NotLoweredError(f"a view: {error}") from error
    if made.size and not np.may_share_memory(made, base):
        raise LayoutError("a copy, not a view")
    first = made.__array_interface__["data"][0]
    return made, first - base.__array_interface__["data"][0]


def places_of(offset: int, strides: Sequence[int]) -> list[int]:
    """Return the index along each dimension of an offset into an array in C order."""
    found = []
    for stride in strides:
        place, offset = divmod(offset, stride)
        found.append(place)
    return found


def steps_of(
    stride: int,
    n: int,
    start: Sequence[int],
    shape: Sequence[int],
    strides: Sequence[int],
) -> list[tuple[int, int]]:
    """Return along which dimensions, and how far, a step of a view goes.

    Raises
    ------
    NotLoweredError
        Where a step goes over the end of a dimension: axes are merged.
    """
    found, left = [], stride
    for at, (length, own) in enumerate(zip(shape, strides, strict=True)):
        if length == 1:
            continue
        # The nearest whole number of steps that leaves less than one of them.
        step = round(left / own) if abs(left) >= own else 0
        later = sum(
            (m - 1) * s for m, s in zip(shape[at + 1 :], strides[at + 1 :], strict=True)
        )
        if abs(left - step * own) > later:
            step = int(left / own)
        left -= step * own
        if step:
            last = start[at] + step * (n - 1)
            if not 0 <= last < length:
                raise LayoutError("dimensions that become one")
            found.append((at, step))
    if left:
        raise NotLoweredError("a view between the elements")
    return found


def is_identity(
    steps: Sequence[tuple[int, int]], start: Sequence[int], shape: Sequence[int], n: int
) -> bool:
    """Whether steps go over a whole dimension, one by one."""
    (at, step), *_ = steps
    return step == 1 and start[at] == 0 and shape[at] == n
