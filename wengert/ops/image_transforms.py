"""Images read at other places: `scipy.ndimage.map_coordinates` and its kin.

The value is SciPy's.  The derivatives, in the elements and in the places, are those of
the same sum of B-splines written in NumPy.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from wengert.core.forms import Routine
from wengert.core.operation import (
    Operation,
    apply,
    constant_of,
    linear,
)
from wengert.ops.axes import sizes_of
from wengert.ops.image_filters import (
    as_numbers,
    axes_of,
    delivered,
    extended,
    floating,
    is_type,
    sequence,
    type_written,
    written_as,
)
from wengert.ops.join import as_array
from wengert.ops.numeric import VALUED_AS
from wengert.ops.scipys import answers_arrays

#: So many elements beyond the ends SciPy adds to what goes on as a constant.
BEYOND = 12
PADDED = {"nearest": "nearest", "grid-constant": "constant"}

# Coefficients of splines


def evaluate_spline_filter1d(x: Any, *, order: int, axis: int, mode: str) -> Any:
    """Return ``scipy.ndimage.spline_filter1d``, in double precision."""
    from scipy import ndimage

    kind = np.complex128 if np.iscomplexobj(x) else np.float64
    return ndimage.spline_filter1d(x, order, axis, kind, mode)


#: What goes on as in a mirror at the last element: the matrix of the equations is then
#: symmetric up to its first and last row.
MIRRORED = ("mirror", "constant", "grid-constant", "wrap")
#: Of so few elements SciPy's start of the recursion shows: the matrix is asked for.
FEW = 64


def spline_filter1d_transpose(
    g: Any, x: Any, *, order: int, axis: int, mode: str
) -> Any:
    """Return the transpose: the filter itself, up to the ends."""
    count = g.shape[axis]
    shape = [-1 if k == axis else 1 for k in range(g.ndim)]
    how: dict[str, Any] = {"order": order, "mode": mode}
    if mode in MIRRORED:
        ends = np.ones(count)
        ends[[0, -1]] = 0.5 if count > 1 else 1.0
        ends = np.reshape(ends, shape)
        return apply(SPLINE_FILTER1D, g / ends, axis=axis, **how) * ends
    if count <= FEW:
        matrix = evaluate_spline_filter1d(np.eye(count), axis=0, **how)
        found = np.tensordot(g, matrix, axes=((axis,), (0,)))
        return np.moveaxis(found, -1, axis)
    return apply(SPLINE_FILTER1D, g, axis=axis, **how)


SPLINE_FILTER1D = linear(
    "spline_filter1d",
    evaluate_spline_filter1d,
    spline_filter1d_transpose,
    form=Routine(along=True),
)


def check_order(order: Any) -> int:
    """Return the order of a spline; raise where SciPy has none."""
    found = operator.index(order)
    if not 0 <= found <= 5:
        raise ValueError("spline order not supported")
    return found


def coefficients(x: Any, order: int, mode: str, axes: Sequence[int]) -> Any:
    """Return the coefficients of the splines along axes through an array."""
    if order > 1:
        for axis in axes:
            x = apply(SPLINE_FILTER1D, x, order=order, axis=axis, mode=mode)
    return x


@answers_arrays("scipy.ndimage.spline_filter1d")
def spline_filter1d(
    input: Any,
    order: Any = 3,
    axis: Any = -1,
    output: Any = np.float64,
    mode: str = "mirror",
) -> Any:
    """Answer ``scipy.ndimage.spline_filter1d``."""
    x = floating(as_array(input))
    found = coefficients(x, check_order(order), mode, axes_of(axis, x.ndim))
    return delivered(found * 1 if found is x else found, output, x)


@answers_arrays("scipy.ndimage.spline_filter")
def spline_filter(
    input: Any, order: Any = 3, output: Any = np.float64, mode: str = "mirror"
) -> Any:
    """Answer ``scipy.ndimage.spline_filter``."""
    x = found = floating(as_array(input))
    order = check_order(order)
    for axis in range(x.ndim):
        found = coefficients(floating(found), order, mode, (axis,))
        found = written_as(found, x, output)
    return delivered(found * 1 if found is x else found, output, x)


# Sums of splines at places


def inside(place: Any, count: int, mode: str) -> tuple[Any, Any]:
    """Return places brought between the ends of an axis, and whether they are there."""
    last = count - 1
    if mode == "constant":
        is_there = (place >= 0) & (place <= last)
        return np.where(is_there, place, 0.0), is_there
    if mode == "grid-constant" or (mode == "wrap" and last == 0):
        return place, True
    if mode == "nearest":
        return np.clip(place, 0.0, last), True
    if mode == "wrap":
        is_beside = (place < 0) | (place > last)
        return np.where(is_beside, np.mod(place, last), place), True
    if mode == "grid-wrap":
        is_beside = (place < 0) | (place > last)
        return np.where(is_beside, np.mod(place, count), place), True
    half = 0.0 if mode == "mirror" else 0.5
    length = last + 2 * half
    if length == 0:
        return place * 0.0, True
    turned = np.mod(place + half, 2 * length)
    turned = np.where(turned > length, 2 * length - turned, turned)
    is_beside = (place < 0) | (place > last)
    return np.where(is_beside, turned - half, place), True


#: How the coefficients go on beyond the ends.
GOES_ON = {
    "mirror": "mirror",
    "constant": "mirror",
    "wrap": "mirror",
    "reflect": "reflect",
    "grid-mirror": "reflect",
    "nearest": "nearest",
    "grid-wrap": "grid-wrap",
    "grid-constant": "nearest",
}


def neighbours(place: Any, order: int) -> tuple[Any, list[Any]]:
    """Return the first element that a spline takes, and the weights of all it takes.

    The weights are B-splines at whole numbers, each degree from the one below it.
    """
    # A whole number: which elements they are is data, and moves with no derivative.
    low = np.floor(place if order % 2 else place + 0.5)
    t = place - low if order % 2 else place + 0.5 - low
    weights = [t * 0.0 + 1.0]
    for k in range(1, order + 1):
        raised = [(1 - t) / k * weights[0]]
        for j in range(1, k):
            up, down = (t + k - j) / k, (1 - t + j) / k
            raised.append(up * weights[j - 1] + down * weights[j])
        weights = [*raised, t / k * weights[-1]]
    return np.astype(low, np.intp) - order // 2, weights


def interpolated(
    c: Any, places: Sequence[Any], order: int, mode: str, cval: Any
) -> Any:
    """Return the sum of splines with coefficients `c`, at places along first axes."""
    from wengert.ops.image_filters import places_beyond

    rest = c.ndim - len(places)
    known: Any = True
    indices, weights, inner = [], [], []
    for count, place in zip(c.shape, places, strict=False):
        place, is_there = inside(place, count, mode)
        known = known & is_there
        start, found = neighbours(place, order)
        reach = order + 1
        if mode == "grid-constant":
            start = np.clip(start, -reach, count)
        beyond = places_beyond(count, reach, reach, GOES_ON[mode])
        at = [start + (j + reach) for j in range(order + 1)]
        at = [np.clip(part, 0, len(beyond) - 1) for part in at]
        indices.append([np.asarray(beyond)[part] for part in at])
        inner.append([(reach <= part) & (part < reach + count) for part in at])
        weights.append(found)
    total: Any = 0.0
    for chosen in itertools.product(range(order + 1), repeat=len(places)):
        key = tuple(index[j] for index, j in zip(indices, chosen, strict=True))
        element = c[key]
        if mode == "grid-constant":
            is_in = True
            for part, j in zip(inner, chosen, strict=True):
                is_in = is_in & part[j]
            element = np.where(spread(is_in, rest), element, cval)
        weight = 1.0
        for part, j in zip(weights, chosen, strict=True):
            weight = weight * part[j]
        total = total + element * spread(weight, rest)
    return total if known is True else np.where(spread(known, rest), total, cval)


def spread(x: Any, count: int) -> Any:
    """Return an array with so many more axes at its end."""
    return np.reshape(x, (*x.shape, *(1,) * count)) if count else x


def at_places(
    x: Any, places: Sequence[Any], order: int, mode: str, cval: Any, prefilter: bool
) -> Any:
    """Return an array at places along its first axes, whose splines are made first."""
    axes = range(len(places))
    if prefilter and order > 1:
        if mode in PADDED:
            for axis in axes:
                x = extended(x, axis, BEYOND, BEYOND, PADDED[mode], cval)
            places = [place + BEYOND for place in places]
        x = coefficients(x, order, mode, axes)
    return interpolated(x, places, order, mode, cval)


# SciPy's functions


def constant(name: str) -> Operation:
    """State the value of one of SciPy's functions of an image and numbers."""

    def evaluate(x: Any, *numbers: Any, output: Any, **settings: Any) -> Any:
        from scipy import ndimage

        output = None if output is None else np.dtype(output)
        return getattr(ndimage, name)(x, *numbers, output=output, **settings)

    return constant_of(f"{name}_value", evaluate, form=Routine(), numpy=())


MAP, AFFINE, SHIFT, ZOOM, ROTATE = map(
    constant, ("map_coordinates", "affine_transform", "shift", "zoom", "rotate")
)


def moved(
    operation: Operation,
    x: Any,
    numbers: tuple[Any, ...],
    places: Sequence[Any],
    output: Any,
    order: Any,
    mode: str,
    cval: Any,
    prefilter: bool,
    plane: tuple[int, ...] = (),
    **settings: Any,
) -> Any:
    """Return SciPy's value, whose derivatives are those of the sum of splines.

    The places are those along the axes of `plane`, by default along all.
    """
    order, cval = check_order(order), as_numbers(cval)
    given = {"order": order, "mode": mode, "cval": cval, "prefilter": bool(prefilter)}
    kind = None if output is None else type_written(x, output)
    given["output"] = None if kind is None else kind.str
    found = apply(operation, x, *numbers, **given, **settings)
    if found.dtype.kind in "fc":
        front = range(len(plane))
        real = np.moveaxis(floating(x), plane, front) if plane else floating(x)
        sums = at_places(real, places, order, mode, cval, bool(prefilter))
        sums = np.moveaxis(sums, front, plane) if plane else sums
        sums = np.broadcast_to(sums, found.shape)
        found = apply(VALUED_AS, written_as(sums, x, kind), found)
    return delivered(found, output, x)


@answers_arrays("scipy.ndimage.map_coordinates")
def map_coordinates(
    input: Any,
    coordinates: Any,
    output: Any = None,
    order: Any = 3,
    mode: str = "constant",
    cval: Any = 0.0,
    prefilter: Any = True,
) -> Any:
    """Answer ``scipy.ndimage.map_coordinates``."""
    x, coordinates = as_array(input), as_array(coordinates)
    if coordinates.shape[0] != x.ndim or coordinates.ndim < 2:
        raise ValueError("invalid shape for coordinate array")
    places = [coordinates[k] for k in range(x.ndim)]
    how = (output, order, mode, cval, prefilter)
    return moved(MAP, x, (coordinates,), places, *how)


def grid(shape: Sequence[int]) -> list[Any]:
    """Return the places of the elements of a result, an axis each."""
    return list(np.indices(shape, np.float64, sparse=True))


def affine_places(matrix: Any, offset: Any, shape: Sequence[int]) -> list[Any]:
    """Return where the elements of a result are read: one axis each if diagonal."""
    lines = grid(shape)
    if matrix.ndim == 1:
        return [matrix[k] * lines[k] + offset[k] for k in range(len(lines))]
    found = []
    for k in range(matrix.shape[0]):
        terms = [matrix[k, j] * lines[j] for j in range(len(lines))]
        found.append(sum(terms[1:], terms[0]) + offset[k])
    return found


@answers_arrays("scipy.ndimage.affine_transform")
def affine_transform(
    input: Any,
    matrix: Any,
    offset: Any = 0.0,
    output_shape: Any = None,
    output: Any = None,
    order: Any = 3,
    mode: str = "constant",
    cval: Any = 0.0,
    prefilter: Any = True,
) -> Any:
    """Answer ``scipy.ndimage.affine_transform``."""
    x, matrix = as_array(input), as_array(matrix)
    n = x.ndim
    if output_shape is None:
        given = output is not None and not is_type(output)
        output_shape = output.shape if given else x.shape
    shape = tuple(operator.index(k) for k in output_shape)
    if matrix.ndim == 2 and matrix.shape[1] == n + 1:
        if matrix.shape[0] == n + 1 and not np.all(matrix[n] == [0] * n + [1]):
            raise ValueError("Expected homogeneous transformation matrix")
        offset, matrix = matrix[:n, n], matrix[:n, :n]
    if matrix.ndim not in (1, 2) or matrix.shape[0] != n:
        raise ValueError("affine matrix has wrong number of rows")
    offset = as_array(sequence(offset, n))
    places = affine_places(matrix, offset, shape)
    how = (output, order, mode, cval, prefilter)
    return moved(AFFINE, x, (matrix, offset), places, *how, output_shape=shape)


@answers_arrays("scipy.ndimage.shift")
def shift(
    input: Any,
    shift: Any,
    output: Any = None,
    order: Any = 3,
    mode: str = "constant",
    cval: Any = 0.0,
    prefilter: Any = True,
) -> Any:
    """Answer ``scipy.ndimage.shift``."""
    x = as_array(input)
    steps = as_array(sequence(shift, x.ndim))
    places = [line - steps[k] for k, line in enumerate(grid(x.shape))]
    return moved(SHIFT, x, (steps,), places, output, order, mode, cval, prefilter)


@answers_arrays("scipy.ndimage.zoom")
def zoom(
    input: Any,
    zoom: Any,
    output: Any = None,
    order: Any = 3,
    mode: str = "constant",
    cval: Any = 0.0,
    prefilter: Any = True,
    *,
    grid_mode: bool = False,
) -> Any:
    """Answer ``scipy.ndimage.zoom``: the factors say how many elements there are."""
    x = as_array(input)
    factors = [float(factor) for factor in sequence(zoom, x.ndim)]
    pairs = zip(x.shape, factors, strict=True)
    shape = [round(count * factor) for count, factor in pairs]
    if all(factor == 1 for factor in factors) and prefilter:
        return delivered(x * 1, output, x)
    less = 0 if grid_mode else 1
    places = []
    for line, count, n in zip(grid(shape), x.shape, shape, strict=True):
        step = (count - less) / (n - less) if n != less else 1.0
        places.append((line + 0.5) * step - 0.5 if grid_mode else line * step)
    how = (output, order, mode, cval, prefilter)
    flag = bool(grid_mode)
    return moved(ZOOM, x, (np.array(factors),), places, *how, grid_mode=flag)


@answers_arrays("scipy.ndimage.rotate")
def rotate(
    input: Any,
    angle: Any,
    axes: Any = (1, 0),
    reshape: Any = True,
    output: Any = None,
    order: Any = 3,
    mode: str = "constant",
    cval: Any = 0.0,
    prefilter: Any = True,
) -> Any:
    """Answer ``scipy.ndimage.rotate``; how large the result is is guarded."""
    x = as_array(input)
    one, two = sorted(axes_of(sizes_of(axes), x.ndim))
    if x.ndim < 2:
        raise ValueError("input array should be at least 2D")
    radians = np.deg2rad(angle)
    c, s = np.cos(radians), np.sin(radians)
    rows, columns = x.shape[one], x.shape[two]
    plane = (rows, columns)
    if reshape:
        ends = np.array([[0, 0, rows, rows], [0, columns, 0, columns]])
        plane = (
            int(np.ptp(c * ends[0] + s * ends[1]) + 0.5),
            int(np.ptp(c * ends[1] - s * ends[0]) + 0.5),
        )
    middle = ((plane[0] - 1) / 2, (plane[1] - 1) / 2)
    u, v = (line - m for line, m in zip(grid(plane), middle, strict=True))
    places = [
        c * u + s * v + (rows - 1) / 2,
        c * v - s * u + (columns - 1) / 2,
    ]
    how = (output, order, mode, cval, prefilter, (one, two))
    settings: dict[str, Any] = {"axes": (one, two), "reshape": bool(reshape)}
    return moved(ROTATE, x, (angle,), places, *how, **settings)
