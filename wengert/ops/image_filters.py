"""Linear and selecting filters of `scipy.ndimage`.

A linear filter extends an array beyond its ends and slides weights along it.  The value
is SciPy's; the transpose slides the weights the other way, and folds what lies beyond
the ends back to where it came from.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from wengert.core.forms import Routine
from wengert.core.operation import Function, apply, general
from wengert.ops.axes import axis_index, integer, sizes_of
from wengert.ops.elements import conjugate
from wengert.ops.index import INDEX_ADD, Placeholder, Slice
from wengert.ops.join import as_array
from wengert.ops.scipys import answers_arrays

WHOLE = Slice(None, None, None)
#: NumPy's names of how an array goes on beyond its ends.
EXTENSIONS = {
    "reflect": "symmetric",
    "grid-mirror": "symmetric",
    "mirror": "reflect",
    "nearest": "edge",
    "wrap": "wrap",
    "grid-wrap": "wrap",
    "constant": "constant",
    "grid-constant": "constant",
}


def sequence(value: Any, count: int) -> list[Any]:
    """Return one setting for each of so many axes."""
    if isinstance(value, str) or np.ndim(value) == 0:
        return [value] * count
    found = list(value)
    if len(found) != count:
        raise ValueError("sequence argument must have length equal to input rank")
    return found


def axes_of(axes: Any, ndim: int) -> tuple[int, ...]:
    """Return axes as numbers from 0 on; None is all of them."""
    if axes is None:
        return tuple(range(ndim))
    axes = (axes,) if np.ndim(axes) == 0 else axes
    return tuple(axis_index(axis, ndim) for axis in axes)


# Beyond the ends


def places_beyond(count: int, left: int, right: int, mode: str) -> Any:
    """Return which elements an extended axis has; -1 where it has a number."""
    how: dict[str, Any] = {"mode": EXTENSIONS[mode]}
    if how["mode"] == "constant":
        how["constant_values"] = -1
    return np.pad(np.arange(count), (left, right), **how)


def extended(x: Any, axis: int, left: int, right: int, mode: str, cval: Any) -> Any:
    """Return `x` with so many more elements at the ends of an axis."""
    if not left and not right:
        return x
    if EXTENSIONS[mode] == "constant":
        widths = [(left, right) if k == axis else (0, 0) for k in range(x.ndim)]
        return np.pad(x, widths, constant_values=cval)
    return np.take(x, places_beyond(x.shape[axis], left, right, mode), axis=axis)


def folded(g: Any, axis: int, left: int, right: int, mode: str) -> Any:
    """Return the gradient of what was extended: its parts added where they are from."""
    count = g.shape[axis] - left - right
    before = (WHOLE,) * axis
    if EXTENSIONS[mode] == "constant":
        return g[(*(slice(None),) * axis, slice(left, left + count))]
    shape = tuple(count if k == axis else n for k, n in enumerate(g.shape))
    places = places_beyond(count, left, right, mode)
    key = (*before, Placeholder(0))
    return apply(INDEX_ADD, np.zeros(shape, g.dtype), g, places, chain=(), key=key)


def before_and_after(size: int, origin: int) -> tuple[int, int]:
    """Return how many elements of a window lie before its middle, and after."""
    left = size // 2 + origin
    return left, size - 1 - left


# Correlations: of real numbers the sum of x[i + k] w[k], without a conjugate


def slid(g: Any, weights: Any, axes: Sequence[int], modes: Any, origins: Any) -> Any:
    """Return the gradient of an array by which weights slid along axes."""
    n = len(axes)
    sizes = weights.shape
    widths = [(0, 0)] * g.ndim
    for axis, size in zip(axes, sizes, strict=True):
        widths[axis] = (size - 1, size - 1)
    padded = np.pad(g, widths)
    turned = weights[(slice(None, None, -1),) * n]
    how = {"axis": tuple(axes), "mode": ("constant",) * n, "cval": 0.0}
    starts = tuple(-(size // 2) for size in sizes)
    found = apply(CORRELATIONS[n > 1], padded, turned, origin=starts, **how)
    ends = {k: g.shape[k] + w - 1 for k, w in zip(axes, sizes, strict=True)}
    found = found[tuple(slice(None, ends.get(k)) for k in range(g.ndim))]
    for axis, size, mode, origin in zip(axes, sizes, modes, origins, strict=True):
        found = folded(found, axis, *before_and_after(size, origin), mode)
    return found


def by_weights(
    g: Any, x: Any, sizes: Any, axes: Any, modes: Any, o: Any, c: Any
) -> Any:
    """Return the gradient of weights that slid along axes of an array."""
    counts = {axis: x.shape[axis] for axis in axes}
    for axis, size, mode, origin in zip(axes, sizes, modes, o, strict=True):
        x = extended(x, axis, *before_and_after(size, origin), mode, c)
    sums = []
    for place in np.ndindex(*sizes):
        starts = dict(zip(axes, place, strict=True))
        key = tuple(
            slice(starts[k], starts[k] + counts[k]) if k in starts else slice(None)
            for k in range(x.ndim)
        )
        sums.append(np.sum(g * x[key]))
    return np.reshape(np.stack(sums), sizes)


def correlation(name: str, evaluate: Function) -> Any:
    """State a correlation of an array and weights along axes."""

    def jvp(
        tangents: Any,
        y: Any,
        x: Any,
        weights: Any,
        *,
        axis: Any,
        mode: Any,
        cval: Any,
        origin: Any,
    ) -> Any:
        x_dot, w_dot = tangents
        how = {"axis": axis, "mode": mode, "origin": origin}
        total = None
        if x_dot is not None:
            total = apply(operation, x_dot, weights, cval=0.0, **how)
        if w_dot is not None:
            part = apply(operation, x, w_dot, cval=cval, **how)
            total = part if total is None else total + part
        return total

    def vjp(
        g: Any,
        y: Any,
        x: Any,
        weights: Any,
        *,
        axis: Any,
        mode: Any,
        cval: Any,
        origin: Any,
        wanted: Any = (True, True),
    ) -> Any:
        return (
            slid(g, weights, axis, mode, origin) if wanted[0] else None,
            by_weights(g, x, weights.shape, axis, mode, origin, cval)
            if wanted[1]
            else None,
        )

    operation = general(name, evaluate, form=Routine(), jvp=jvp, vjp=vjp)
    return operation


def evaluate_correlate1d(
    x: Any, weights: Any, *, axis: Any, mode: Any, cval: Any, origin: Any
) -> Any:
    """Return ``scipy.ndimage.correlate1d`` without its conjugate."""
    from scipy import ndimage

    how = {"mode": mode[0], "cval": cval, "origin": origin[0]}
    return ndimage.correlate1d(x, np.conjugate(weights), axis[0], **how)


def evaluate_correlate(
    x: Any, weights: Any, *, axis: Any, mode: Any, cval: Any, origin: Any
) -> Any:
    """Return ``scipy.ndimage.correlate`` without its conjugate."""
    from scipy import ndimage

    how = {"mode": mode[0], "cval": cval, "origin": list(origin)}
    return ndimage.correlate(x, np.conjugate(weights), **how)


CORRELATE1D = correlation("correlate1d", evaluate_correlate1d)
CORRELATE = correlation("ndimage_correlate", evaluate_correlate)
#: Along one axis, and along several.
CORRELATIONS = (CORRELATE1D, CORRELATE)


def check_mode(mode: Any) -> str:
    """Return a mode; raise where SciPy has none of the name."""
    if mode not in EXTENSIONS:
        raise ValueError("boundary mode not supported")
    return str(mode)


def check_origin(size: int, origin: int) -> None:
    """Raise unless a window that is moved by `origin` holds its own element."""
    if not 0 <= size // 2 + origin < size:
        raise ValueError("invalid origin")


def as_numbers(cval: Any) -> Any:
    """Return a number beyond the ends as a plain one."""
    return complex(cval) if np.iscomplexobj(cval) else float(cval)


def is_type(output: Any) -> bool:
    """Whether the type of a result was named, and no array given for it."""
    return isinstance(output, (str, type, np.dtype))


def type_written(x: Any, output: Any) -> np.dtype[Any]:
    """Return the type of what SciPy writes a result into."""
    dtype: np.dtype[Any] = np.dtype(x.dtype)
    if is_type(output):
        dtype = np.dtype(output)
    elif output is not None:
        dtype = np.dtype(output.dtype)
    if isinstance(output, str) and not issubclass(dtype.type, np.number):
        raise RuntimeError("output must have numeric dtype")
    return dtype


def written_as(result: Any, x: Any, output: Any) -> Any:
    """Return a result in the type of what SciPy writes it into, for its next pass.

    SciPy writes truth values as bytes, and reads those.
    """
    dtype = type_written(x, output)
    if result.dtype.kind == "c" and dtype.kind != "c":
        dtype = np.promote_types(dtype, np.complex64)
    if dtype.kind == "b" and result.dtype.kind != "b":
        dtype = np.dtype(np.uint8)
    return np.astype(result, dtype, copy=False)


def finished(result: Any, x: Any, output: Any) -> Any:
    """Return the result of the last pass in the type of what SciPy writes it into."""
    result = written_as(result, x, output)
    is_truth = type_written(x, output).kind == "b" and result.dtype.kind != "c"
    return np.astype(result, bool, copy=False) if is_truth else result


def delivered(result: Any, output: Any, x: Any) -> Any:
    """Return a result in the type it is asked in, in an array where one was given."""
    result = finished(result, x, output)
    if output is None or is_type(output):
        return result
    if output.shape != result.shape:
        raise ValueError("output shape not correct")
    output[...] = result
    return output


def floating(x: Any) -> Any:
    """Return an array that a filter works on; whole numbers in double precision."""
    return x if x.dtype.kind in "fc" else np.astype(x, np.float64)


def along_axis(x: Any, weights: Any, axis: int, mode: Any, cval: Any, o: Any) -> Any:
    """Return the correlation with weights along an axis."""
    origin = operator.index(o)
    check_origin(weights.shape[0], origin)
    settings = {"mode": (check_mode(mode),), "cval": as_numbers(cval)}
    return apply(
        CORRELATE1D,
        floating(x),
        weights,
        axis=(axis_index(axis, x.ndim),),
        origin=(origin,),
        **settings,
    )


@answers_arrays("scipy.ndimage.correlate1d")
def correlate1d(
    input: Any,
    weights: Any,
    axis: Any = -1,
    output: Any = None,
    mode: Any = "reflect",
    cval: Any = 0.0,
    origin: Any = 0,
) -> Any:
    """Answer ``scipy.ndimage.correlate1d``."""
    x, weights = as_array(input), conjugate(as_array(weights))
    axis = operator.index(axis)
    return delivered(along_axis(x, weights, axis, mode, cval, origin), output, x)


def turned_origin(size: int, origin: Any) -> int:
    """Return the origin of weights that are turned round."""
    return -operator.index(origin) - (size % 2 == 0)


@answers_arrays("scipy.ndimage.convolve1d")
def convolve1d(
    input: Any,
    weights: Any,
    axis: Any = -1,
    output: Any = None,
    mode: Any = "reflect",
    cval: Any = 0.0,
    origin: Any = 0,
) -> Any:
    """Answer ``scipy.ndimage.convolve1d``."""
    x, weights = as_array(input), as_array(weights)[::-1]
    origin = turned_origin(weights.shape[0], origin)
    axis = operator.index(axis)
    return delivered(along_axis(x, weights, axis, mode, cval, origin), output, x)


def over_axes(
    x: Any, weights: Any, mode: Any, cval: Any, origin: Any, axes: Any, turned: bool
) -> Any:
    """Return the correlation with weights over axes, or their convolution."""
    axes = axes_of(axes, x.ndim)
    origins = dict(zip(axes, sequence(origin, len(axes)), strict=True))
    others = tuple(k for k in range(x.ndim) if k not in axes)
    if weights.ndim != len(axes):
        raise ValueError("weights.ndim must match len(axes)")
    weights = np.expand_dims(weights, others) if others else weights
    starts = [operator.index(origins.get(k, 0)) for k in range(x.ndim)]
    if turned:
        weights = weights[(slice(None, None, -1),) * x.ndim]
        pairs = zip(weights.shape, starts, strict=True)
        starts = [turned_origin(size, start) for size, start in pairs]
    for size, start in zip(weights.shape, starts, strict=True):
        check_origin(size, start)
    return apply(
        CORRELATE if x.ndim > 1 else CORRELATE1D,
        floating(x),
        weights if turned else conjugate(weights),
        axis=tuple(range(x.ndim)),
        mode=(check_mode(mode),) * x.ndim,
        cval=as_numbers(cval),
        origin=tuple(starts),
    )


def answer_over_axes(name: str, turned: bool) -> None:
    """Answer a correlation or a convolution over axes."""

    @answers_arrays(f"scipy.ndimage.{name}")
    def answer(
        input: Any,
        weights: Any,
        output: Any = None,
        mode: Any = "reflect",
        cval: Any = 0.0,
        origin: Any = 0,
        *,
        axes: Any = None,
    ) -> Any:
        x, weights = as_array(input), as_array(weights)
        found = over_axes(x, weights, mode, cval, origin, axes, turned)
        return delivered(found, output, x)


answer_over_axes("correlate", turned=False)
answer_over_axes("convolve", turned=True)

# Means


def evaluate_uniform1d(
    x: Any, *, size: int, axis: int, mode: str, cval: Any, origin: int
) -> Any:
    """Return ``scipy.ndimage.uniform_filter1d``."""
    from scipy import ndimage

    return ndimage.uniform_filter1d(x, size, axis, None, mode, cval, origin)


def uniform1d_jvp(
    tangents: Any,
    y: Any,
    x: Any,
    *,
    size: int,
    axis: int,
    mode: str,
    cval: Any,
    origin: int,
) -> Any:
    """Return the means of the tangents, which are 0 beyond the ends."""
    how = {"size": size, "axis": axis, "mode": mode, "origin": origin}
    return apply(UNIFORM1D, tangents[0], cval=0.0, **how)


def uniform1d_vjp(
    g: Any, y: Any, x: Any, *, size: int, axis: int, mode: str, cval: Any, origin: int
) -> Any:
    """Return the means of the gradients, slid the other way."""
    return (slid(g, np.full(size, 1 / size), (axis,), (mode,), (origin,)),)


UNIFORM1D = general(
    "uniform_filter1d",
    evaluate_uniform1d,
    form=Routine(along=True),
    jvp=uniform1d_jvp,
    vjp=uniform1d_vjp,
    reads=(False,),
)


def mean_along(x: Any, size: Any, axis: int, mode: Any, cval: Any, origin: Any) -> Any:
    """Return the means of windows along an axis."""
    size, origin = operator.index(size), operator.index(origin)
    if size < 1:
        raise ValueError("incorrect filter size")
    check_origin(size, origin)
    how = {"mode": check_mode(mode), "cval": as_numbers(cval), "origin": origin}
    return apply(UNIFORM1D, floating(x), size=size, axis=axis, **how)


@answers_arrays("scipy.ndimage.uniform_filter1d")
def uniform_filter1d(
    input: Any,
    size: Any,
    axis: Any = -1,
    output: Any = None,
    mode: Any = "reflect",
    cval: Any = 0.0,
    origin: Any = 0,
) -> Any:
    """Answer ``scipy.ndimage.uniform_filter1d``."""
    x = as_array(input)
    axis = axis_index(axis, x.ndim)
    return delivered(mean_along(x, size, axis, mode, cval, origin), output, x)


@answers_arrays("scipy.ndimage.uniform_filter")
def uniform_filter(
    input: Any,
    size: Any = 3,
    output: Any = None,
    mode: Any = "reflect",
    cval: Any = 0.0,
    origin: Any = 0,
    *,
    axes: Any = None,
) -> Any:
    """Answer ``scipy.ndimage.uniform_filter``: one axis after another."""
    x = found = as_array(input)
    axes = axes_of(axes, x.ndim)
    settings = [sequence(value, len(axes)) for value in (size, mode, origin)]
    for axis, n, how, start in zip(axes, *settings, strict=True):
        if n > 1:
            found = mean_along(found, n, axis, how, cval, start)
            found = written_as(found, x, output)
    return delivered(found * 1 if found is x else found, output, x)


# Gaussians and differences


def gaussian_weights(sigma: Any, order: int, radius: int) -> Any:
    """Return the weights of a Gaussian or of a derivative of one, as SciPy has them."""
    powers, x = np.arange(order + 1), np.arange(-radius, radius + 1)
    square = sigma * sigma
    phi = np.exp(-0.5 / square * x**2)
    phi = phi / phi.sum()
    if order == 0:
        return phi
    # The polynomial before the Gaussian: q' = (D + P) q.
    up = np.diag(powers[1:], 1)
    down = np.diag(np.ones(order), -1) / -square
    q = np.zeros(order + 1)
    q[0] = 1
    step = up + down
    for _ in range(order):
        q = np.dot(step, q)
    return np.dot(x[:, None] ** powers, q) * phi


def gaussian_along(
    x: Any,
    sigma: Any,
    axis: int,
    order: Any,
    mode: Any,
    cval: Any,
    truncate: Any,
    radius: Any,
) -> Any:
    """Return `x` smoothed along an axis; how far a Gaussian reaches is guarded."""
    reach = int(truncate * sigma + 0.5) if radius is None else operator.index(radius)
    order = 0 if order is False else integer(order)
    if reach < 0 or order < 0:
        raise ValueError("Radius must be a nonnegative integer.")
    weights = gaussian_weights(sigma, order, reach)[::-1]
    return along_axis(x, weights, axis, mode, cval, 0)


@answers_arrays("scipy.ndimage.gaussian_filter1d")
def gaussian_filter1d(
    input: Any,
    sigma: Any,
    axis: Any = -1,
    order: Any = 0,
    output: Any = None,
    mode: Any = "reflect",
    cval: Any = 0.0,
    truncate: Any = 4.0,
    *,
    radius: Any = None,
) -> Any:
    """Answer ``scipy.ndimage.gaussian_filter1d``, by `sigma` too."""
    x, axis = as_array(input), operator.index(axis)
    found = gaussian_along(x, sigma, axis, order, mode, cval, truncate, radius)
    return delivered(found, output, x)


def smoothed(
    x: Any,
    sigma: Any,
    order: Any,
    mode: Any,
    cval: Any,
    truncate: Any,
    radius: Any,
    axes: Any,
    output: Any,
) -> Any:
    """Return `x` smoothed along one axis after another, each written into a result."""
    axes, first = axes_of(axes, x.ndim), x
    settings = [sequence(value, len(axes)) for value in (sigma, order, mode, radius)]
    for axis, s, n, how, reach in zip(axes, *settings, strict=True):
        if s > 1e-15:
            x = gaussian_along(x, s, axis, n, how, cval, truncate, reach)
            x = written_as(x, first, output)
    return x


@answers_arrays("scipy.ndimage.gaussian_filter")
def gaussian_filter(
    input: Any,
    sigma: Any,
    order: Any = 0,
    output: Any = None,
    mode: Any = "reflect",
    cval: Any = 0.0,
    truncate: Any = 4.0,
    *,
    radius: Any = None,
    axes: Any = None,
) -> Any:
    """Answer ``scipy.ndimage.gaussian_filter``."""
    x = as_array(input)
    found = smoothed(x, sigma, order, mode, cval, truncate, radius, axes, output)
    return delivered(found * 1 if found is x else found, output, x)


def answer_differences(name: str, across: Sequence[float]) -> None:
    """Answer differences along an axis, smoothed along all others."""

    @answers_arrays(f"scipy.ndimage.{name}")
    def answer(
        input: Any,
        axis: Any = -1,
        output: Any = None,
        mode: Any = "reflect",
        cval: Any = 0.0,
    ) -> Any:
        x = as_array(input)
        axis = axis_index(axis, x.ndim)
        modes = sequence(mode, x.ndim)
        found = along_axis(x, np.array([-1, 0, 1]), axis, modes[axis], cval, 0)
        found = written_as(found, x, output)
        for k in range(x.ndim):
            if k != axis:
                found = along_axis(found, np.array(across), k, modes[k], cval, 0)
                found = written_as(found, x, output)
        return delivered(found, output, x)


answer_differences("prewitt", [1, 1, 1])
answer_differences("sobel", [1, 2, 1])


@answers_arrays("scipy.ndimage.laplace")
def laplace(
    input: Any,
    output: Any = None,
    mode: Any = "reflect",
    cval: Any = 0.0,
    *,
    axes: Any = None,
) -> Any:
    """Answer ``scipy.ndimage.laplace``."""
    x = as_array(input)
    axes = axes_of(axes, x.ndim)
    second = np.array([1, -2, 1])
    pairs = zip(axes, sequence(mode, len(axes)), strict=True)
    parts = [along_axis(x, second, axis, how, cval, 0) for axis, how in pairs]
    parts = [finished(part, x, output) for part in parts]
    return delivered(total(parts) if parts else x * 1, output, x)


def total(parts: Sequence[Any]) -> Any:
    """Return the sum of some arrays, of which there is one."""
    return sum(parts[1:], parts[0])


def smoothed_differences(
    x: Any,
    sigma: Any,
    mode: Any,
    cval: Any,
    axes: Any,
    order: int,
    rest: Any,
    output: Any,
) -> list[Any]:
    """Return derivatives of an order along each axis of `x` smoothed along all."""
    axes = axes_of(axes, x.ndim)
    sigmas = dict(zip(axes, sequence(sigma, len(axes)), strict=True))
    given = [sigmas.get(k, 0) for k in range(x.ndim)]
    found = []
    for axis, how in zip(axes, sequence(mode, len(axes)), strict=True):
        orders = [order if k == axis else 0 for k in range(x.ndim)]
        settings = {"truncate": 4.0, "radius": None, "axes": None, **rest}
        part = smoothed(x, given, orders, how, cval, output=output, **settings)
        found.append(finished(part, x, output))
    return found


def answer_smoothed_differences(name: str, order: int, join: Function) -> None:
    """Answer what is made of derivatives of an order along each axis."""

    @answers_arrays(f"scipy.ndimage.{name}")
    def answer(
        input: Any,
        sigma: Any,
        output: Any = None,
        mode: Any = "reflect",
        cval: Any = 0.0,
        *,
        axes: Any = None,
        **kwargs: Any,
    ) -> Any:
        x = as_array(input)
        how = (mode, cval, axes, order, kwargs, output)
        parts = smoothed_differences(x, sigma, *how)
        return delivered(join(parts) if parts else x * 1, output, x)


def length(parts: Sequence[Any]) -> Any:
    """Return the length of vectors of which the parts are given."""
    return np.sqrt(total([part * part for part in parts]))


answer_smoothed_differences("gaussian_laplace", 2, total)
answer_smoothed_differences("gaussian_gradient_magnitude", 1, length)


# Filters that select one element of every window


def windows(x: Any, sizes: Any, modes: Any, cval: Any, origins: Any) -> Any:
    """Return the elements of every window along a last axis."""
    shape = x.shape
    for axis, (size, mode, origin) in enumerate(
        zip(sizes, modes, origins, strict=True)
    ):
        check_origin(size, origin)
        x = extended(x, axis, *before_and_after(size, origin), check_mode(mode), cval)
    places = np.arange(x.size).reshape(x.shape)
    views = np.lib.stride_tricks.sliding_window_view(np.asarray(places), sizes)
    return np.ravel(x)[np.reshape(views, (*shape, -1))]


def window_settings(
    x: Any, size: Any, footprint: Any, mode: Any, origin: Any, axes: Any
) -> tuple[Any, list[Any], list[int]]:
    """Return which elements of a window count, and modes and origins of all axes."""
    axes = axes_of(axes, x.ndim)
    if footprint is None:
        if size is None:
            raise ValueError("no footprint or filter size provided")
        sizes = [operator.index(n) for n in sequence(size, len(axes))]
        footprint = np.ones(sizes, bool)
    footprint = np.asarray(footprint, bool)
    if footprint.ndim != len(axes) or not footprint.any():
        raise ValueError("footprint.ndim must match len(axes)")
    others = tuple(k for k in range(x.ndim) if k not in axes)
    modes = dict(zip(axes, sequence(mode, len(axes)), strict=True))
    origins = dict(zip(axes, sequence(origin, len(axes)), strict=True))
    return (
        np.expand_dims(footprint, others) if others else footprint,
        [modes.get(k, "reflect") for k in range(x.ndim)],
        [operator.index(origins.get(k, 0)) for k in range(x.ndim)],
    )


def selected(
    x: Any,
    size: Any,
    footprint: Any,
    mode: Any,
    cval: Any,
    origin: Any,
    axes: Any,
    choose: Function,
) -> Any:
    """Return what `choose` takes from the elements of every window."""
    if x.dtype.kind == "c":
        raise TypeError("Complex type not supported")
    footprint, *settings = window_settings(x, size, footprint, mode, origin, axes)
    modes, origins = settings
    found = windows(x, footprint.shape, modes, cval, origins)
    if not footprint.all():
        found = found[..., np.flatnonzero(footprint)]
    return choose(found)


def answer_extreme(name: str, choose: Function) -> None:
    """Answer the filter of the greatest or of the least elements."""

    @answers_arrays(f"scipy.ndimage.{name}1d")
    def along(
        input: Any,
        size: Any,
        axis: Any = -1,
        output: Any = None,
        mode: Any = "reflect",
        cval: Any = 0.0,
        origin: Any = 0,
    ) -> Any:
        x = as_array(input)
        found = selected(x, size, None, mode, cval, origin, axis, choose)
        return delivered(found, output, x)

    @answers_arrays(f"scipy.ndimage.{name}")
    def over(
        input: Any,
        size: Any = None,
        footprint: Any = None,
        output: Any = None,
        mode: Any = "reflect",
        cval: Any = 0.0,
        origin: Any = 0,
        *,
        axes: Any = None,
    ) -> Any:
        x = as_array(input)
        found = selected(x, size, footprint, mode, cval, origin, axes, choose)
        return delivered(found, output, x)


answer_extreme("maximum_filter", lambda found: np.max(found, axis=-1))
answer_extreme("minimum_filter", lambda found: np.min(found, axis=-1))


def at_rank(rank: Function) -> Function:
    """Return a function that takes the element of a rank, by how many there are."""

    def choose(found: Any) -> Any:
        count = found.shape[-1]
        place = rank(count)
        place += count if place < 0 else 0
        if not 0 <= place < count:
            raise ValueError("rank not within filter footprint size")
        return np.sort(found, axis=-1)[..., place]

    return choose


def rank_of_percentile(percentile: float, count: int) -> int:
    """Return the rank of a percentile of so many elements."""
    percentile += 100.0 if percentile < 0.0 else 0.0
    if not 0 <= percentile <= 100:
        raise ValueError("invalid percentile")
    return count - 1 if percentile == 100.0 else int(count * percentile / 100.0)


def ranked(
    x: Any,
    rank: Function,
    size: Any,
    footprint: Any,
    output: Any,
    settings: tuple[Any, ...],
) -> Any:
    """Return the filter of the elements of a rank."""
    mode, cval, origin, axes = settings
    if size is not None:
        sizes_of(size)
    found = selected(x, size, footprint, mode, cval, origin, axes, at_rank(rank))
    return delivered(found, output, x)


@answers_arrays("scipy.ndimage.median_filter")
def median_filter(
    input: Any,
    size: Any = None,
    footprint: Any = None,
    output: Any = None,
    mode: Any = "reflect",
    cval: Any = 0.0,
    origin: Any = 0,
    *,
    axes: Any = None,
) -> Any:
    """Answer ``scipy.ndimage.median_filter``."""
    how = (mode, cval, origin, axes)
    return ranked(
        as_array(input), lambda count: count // 2, size, footprint, output, how
    )


@answers_arrays("scipy.ndimage.rank_filter")
def rank_filter(
    input: Any,
    rank: Any,
    size: Any = None,
    footprint: Any = None,
    output: Any = None,
    mode: Any = "reflect",
    cval: Any = 0.0,
    origin: Any = 0,
    *,
    axes: Any = None,
) -> Any:
    """Answer ``scipy.ndimage.rank_filter``."""
    place, how = operator.index(rank), (mode, cval, origin, axes)
    return ranked(as_array(input), lambda _: place, size, footprint, output, how)


@answers_arrays("scipy.ndimage.percentile_filter")
def percentile_filter(
    input: Any,
    percentile: Any,
    size: Any = None,
    footprint: Any = None,
    output: Any = None,
    mode: Any = "reflect",
    cval: Any = 0.0,
    origin: Any = 0,
    *,
    axes: Any = None,
) -> Any:
    """Answer ``scipy.ndimage.percentile_filter``."""
    share, how = float(percentile), (mode, cval, origin, axes)
    return ranked(
        as_array(input),
        lambda count: rank_of_percentile(share, count),
        size,
        footprint,
        output,
        how,
    )
