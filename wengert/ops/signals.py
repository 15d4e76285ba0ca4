"""Convolutions and filters of `scipy.signal`, with SciPy's own values."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from wengert.core.forms import Routine
from wengert.core.operation import (
    apply,
    constant_of,
    general,
    linear,
    multilinear,
)
from wengert.ops.axes import axis_index
from wengert.ops.cumulative import along
from wengert.ops.elements import conjugate
from wengert.ops.image_filters import (
    as_numbers,
    axes_of,
    convolve1d,
    extended,
)
from wengert.ops.join import as_array
from wengert.ops.numeric import VALUED_AS
from wengert.ops.scipy_fft import transformed
from wengert.ops.scipys import answers_arrays

Axes = tuple[int, ...] | None


def stretch(x: Any, axis: int, start: Any, stop: Any, step: Any = None) -> Any:
    """Return a stretch of the elements along an axis."""
    return x[along(axis, slice(start, stop, step))]


def reversed_along(x: Any, axis: int) -> Any:
    """Return the elements along an axis the other way round."""
    return stretch(x, axis, None, None, -1)


# Convolutions


def turned(x: Any, axes: Sequence[int]) -> Any:
    """Return the elements along axes the other way round."""
    return x[tuple(slice(None, None, -1 if k in axes else 1) for k in range(x.ndim))]


def whole(g: Any, a: Any, v: Any, mode: str, axes: Sequence[int]) -> Any:
    """Return the gradient of the whole convolution, of which `mode` kept the middle."""
    widths = [(0, 0)] * g.ndim
    for k in axes:
        m, n = a.shape[k], v.shape[k]
        starts = {"full": 0, "same": (n - 1) // 2, "valid": min(m, n) - 1}
        start = starts[mode]
        widths[k] = (start, m + n - 1 - start - g.shape[k])
    return np.pad(g, widths) if any(map(any, widths)) else g


def sliding(a: Any, axes: Axes) -> Sequence[int]:
    """Return along which axes a convolution sums; along others elements multiply."""
    return range(a.ndim) if axes is None else axes


def sliding_or_one(a: Any, v: Any, axes: Axes) -> Sequence[int]:
    """Return these axes and those where one element is slid: that is the same.

    Of these too SciPy keeps the middle alone.
    """
    over = sliding(a, axes)
    pairs = enumerate(zip(a.shape, v.shape, strict=True))
    return [k for k, shapes in pairs if k in over or 1 in shapes]


def evaluate_convolve(a: Any, v: Any, *, by: str, mode: str, axes: Axes) -> Any:
    """Return a convolution by one of SciPy's ways."""
    from scipy import signal

    if by in ("fftconvolve", "oaconvolve"):
        return getattr(signal, by)(a, v, mode, axes)
    return signal.convolve(a, v, mode, by)


def convolve_by_first(g: Any, a: Any, v: Any, *, by: str, mode: str, axes: Axes) -> Any:
    """Return the gradient slid along the second operand."""
    g = whole(g, a, v, mode, sliding_or_one(a, v, axes))
    v = turned(v, sliding(a, axes))
    return apply(CONVOLVE, g, v, by=by, mode="valid", axes=axes)


def convolve_by_second(
    g: Any, a: Any, v: Any, *, by: str, mode: str, axes: Axes
) -> Any:
    """Return the gradient slid along the first operand."""
    g = whole(g, a, v, mode, sliding_or_one(a, v, axes))
    a = turned(a, sliding(a, axes))
    return apply(CONVOLVE, g, a, by=by, mode="valid", axes=axes)


CONVOLVE = multilinear(
    "signal_convolve",
    evaluate_convolve,
    (convolve_by_first, convolve_by_second),
    form=Routine(),
)


def evaluate_correlate(a: Any, v: Any, *, mode: str) -> Any:
    """Return SciPy's correlation by its definition, without its conjugate."""
    from scipy import signal

    return signal.correlate(a, np.conjugate(v), mode, "direct")


def correlate_by_first(g: Any, a: Any, v: Any, *, mode: str) -> Any:
    """Return the gradient slid along the second operand."""
    g = whole(g, a, v, mode, range(a.ndim))
    return apply(CONVOLVE, g, v, by="direct", mode="valid", axes=None)


def correlate_by_second(g: Any, a: Any, v: Any, *, mode: str) -> Any:
    """Return the gradient slid along the first operand, turned round."""
    over = range(a.ndim)
    g = whole(g, a, v, mode, over)
    how = {"by": "direct", "mode": "valid", "axes": None}
    return turned(apply(CONVOLVE, g, turned(a, over), **how), over)


CORRELATE = multilinear(
    "signal_correlate",
    evaluate_correlate,
    (correlate_by_first, correlate_by_second),
    form=Routine(),
)
MODES = ("full", "same", "valid")


def check_pair(a: Any, v: Any, mode: Any, axes: Sequence[int]) -> None:
    """Raise what SciPy raises for operands or a mode that it does not take."""
    if mode not in MODES:
        raise ValueError("acceptable mode flags are 'valid', 'same', or 'full'")
    if a.ndim != v.ndim:
        raise ValueError("in1 and in2 should have the same dimensionality")
    pairs = [(a.shape[k], v.shape[k]) for k in axes]
    if mode == "valid" and not (
        all(m >= n for m, n in pairs) or all(m <= n for m, n in pairs)
    ):
        raise ValueError(
            "For 'valid' mode, one must be at least as large as the other in every "
            "dimension"
        )


def convolved(a: Any, v: Any, by: str, mode: Any, axes: Axes) -> Any:
    """Return a convolution by one of SciPy's ways."""
    check_pair(a, v, mode, sliding(a, axes))
    if a.ndim == 0:
        return a * v
    if a.size == 0 or v.size == 0:
        raise ValueError("an operand is empty")
    return apply(CONVOLVE, a, v, by=by, mode=mode, axes=axes)


METHODS = ("auto", "direct", "fft")


@answers_arrays("scipy.signal.convolve")
def convolve(in1: Any, in2: Any, mode: Any = "full", method: Any = "auto") -> Any:
    """Answer ``scipy.signal.convolve``."""
    if method not in METHODS:
        raise ValueError("Acceptable method flags are 'auto', 'direct', or 'fft'.")
    return convolved(as_array(in1), as_array(in2), method, mode, None)


@answers_arrays("scipy.signal.correlate")
def correlate(in1: Any, in2: Any, mode: Any = "full", method: Any = "auto") -> Any:
    """Answer ``scipy.signal.correlate``."""
    a, v = as_array(in1), conjugate(as_array(in2))
    if method != "direct" or a.ndim == 0:
        return convolve(a, turned(v, range(v.ndim)), mode, method)
    check_pair(a, v, mode, range(a.ndim))
    return apply(CORRELATE, a, v, mode=mode)


def answer_by_transforms(name: str) -> None:
    """Answer a convolution by Fourier transforms."""

    @answers_arrays(f"scipy.signal.{name}")
    def answer(in1: Any, in2: Any, mode: Any = "full", axes: Any = None) -> Any:
        a, v = as_array(in1), as_array(in2)
        over = None if axes is None else axes_of(axes, a.ndim)
        return convolved(a, v, name, mode, over)


answer_by_transforms("fftconvolve")
answer_by_transforms("oaconvolve")


# Convolutions of two matrices, with what lies beyond the ends


def evaluate_in_2d(
    a: Any, v: Any, *, name: str, mode: str, boundary: str, fillvalue: Any
) -> Any:
    """Return ``scipy.signal.convolve2d`` or ``correlate2d``."""
    from scipy import signal

    return getattr(signal, name)(a, v, mode, boundary, fillvalue)


IN_2D = constant_of("convolve2d_value", evaluate_in_2d, form=Routine(), numpy=())
BOUNDARIES = {"fill": "constant", "pad": "constant", "wrap": "wrap", "symm": "reflect"}
BOUNDARIES |= {"circular": "wrap", "symmetric": "reflect"}


def slid_in_2d(
    a: Any, v: Any, mode: str, boundary: str, fillvalue: Any, middles: list[int]
) -> Any:
    """Return the convolution of a matrix that goes on beyond its ends."""
    pairs = zip(v.shape, middles, strict=True)
    starts = [{"full": 0, "same": m, "valid": n - 1}[mode] for n, m in pairs]
    shapes = zip(a.shape, v.shape, strict=True)
    lengths = [
        {"full": m + n - 1, "same": m, "valid": m - n + 1}[mode] for m, n in shapes
    ]
    for axis, n in enumerate(v.shape):
        a = extended(a, axis, n - 1, n - 1, BOUNDARIES[boundary], fillvalue)
    found = convolved(a, v, "direct", "valid", None)
    rows, columns = (
        slice(start, start + count)
        for start, count in zip(starts, lengths, strict=True)
    )
    return found[rows, columns]


def answer_in_2d(name: str) -> None:
    """Answer the convolution or the correlation of two matrices."""

    @answers_arrays(f"scipy.signal.{name}")
    def answer(
        in1: Any,
        in2: Any,
        mode: Any = "full",
        boundary: Any = "fill",
        fillvalue: Any = 0,
    ) -> Any:
        a, v = as_array(in1), as_array(in2)
        if a.ndim != 2 or v.ndim != 2 or boundary not in BOUNDARIES:
            raise ValueError(f"{name} inputs must both be 2-D arrays")
        check_pair(a, v, mode, range(2))
        fill = as_numbers(fillvalue)
        how = {"mode": mode, "boundary": boundary, "fillvalue": fill}
        value = apply(IN_2D, a, v, name=name, **how)
        is_swapped = mode == "valid" and any(np.less(a.shape, v.shape))
        middles = [(n - 1) // 2 for n in v.shape]
        if name == "correlate2d":
            middles = [n // 2 for n in v.shape]
            v = turned(conjugate(v), range(2))
            if is_swapped:  # SciPy slides the first one, and turns what it finds
                fill = np.conjugate(fill)
        a, v = (v, a) if is_swapped else (a, v)
        found = slid_in_2d(a, v, mode, boundary, fill, middles)
        return apply(VALUED_AS, found, value)


answer_in_2d("convolve2d")
answer_in_2d("correlate2d")


# Filters that feed back: a * y = b * x


def evaluate_lfilter(b: Any, a: Any, x: Any, *, axis: int) -> Any:
    """Return ``scipy.signal.lfilter``."""
    from scipy import signal

    return signal.lfilter(b, a, x, axis)


def lfilter_jvp(tangents: Any, y: Any, b: Any, a: Any, x: Any, *, axis: int) -> Any:
    """Return the moved input, filtered, less the moved feedback of the output."""
    b_dot, a_dot, x_dot = tangents
    parts = []
    if b_dot is not None:
        parts.append(apply(LFILTER, b_dot, a, x, axis=axis))
    if x_dot is not None:
        parts.append(apply(LFILTER, b, a, x_dot, axis=axis))
    if a_dot is not None:
        parts.append(-apply(LFILTER, a_dot, a, y, axis=axis))
    return sum(parts[1:], parts[0])


def lfilter_vjp(
    g: Any,
    y: Any,
    b: Any,
    a: Any,
    x: Any,
    *,
    axis: int,
    wanted: Any = (True, True, True),
) -> Any:
    """Return the gradients, filtered from the end to the beginning."""
    late = reversed_along(g, axis)
    fed = None
    if wanted[0] or wanted[1]:
        one = np.ones(1, a.dtype)
        fed = reversed_along(apply(LFILTER, one, a, late, axis=axis), axis)
    return (
        lags(fed, x, b.shape[0], axis) if wanted[0] else None,
        -lags(fed, y, a.shape[0], axis) if wanted[1] else None,
        reversed_along(apply(LFILTER, b, a, late, axis=axis), axis)
        if wanted[2]
        else None,
    )


def lags(g: Any, x: Any, count: int, axis: int) -> Any:
    """Return the sums of the products of `g` and of `x` so many steps before."""
    n = x.shape[axis]
    if x.ndim == 1 and n:
        late = extended(g, 0, 0, count - 1, "constant", 0.0)
        return np.correlate(late, conjugate(x), "valid")
    sums = []
    for k in range(count):
        late, early = stretch(g, axis, k, None), stretch(x, axis, None, max(n - k, 0))
        sums.append(np.sum(late * early))
    return np.stack(sums)


LFILTER = general(
    "lfilter",
    evaluate_lfilter,
    form=Routine(),
    jvp=lfilter_jvp,
    vjp=lfilter_vjp,
    reads=(True, True, True),
)


def evaluate_from_state(
    b: Any, a: Any, x: Any, zi: Any, *, axis: int
) -> tuple[Any, Any]:
    """Return ``scipy.signal.lfilter`` from a state, and the state after it."""
    from scipy import signal

    return tuple(signal.lfilter(b, a, x, axis, zi))


FROM_STATE = constant_of(
    "lfilter_value", evaluate_from_state, form=Routine(), results=2, numpy=()
)


def filled_to(x: Any, count: int, axis: int) -> Any:
    """Return the first elements along an axis, or zeros after them."""
    missing = count - x.shape[axis]
    if missing <= 0:
        return stretch(x, axis, None, count)
    return extended(x, axis, 0, missing, "constant", 0.0)


def from_state(b: Any, a: Any, x: Any, zi: Any, axis: int) -> tuple[Any, Any]:
    """Return a filtered signal from a state, and the state after it."""
    count = max(b.shape[0], a.shape[0])
    n, states = x.shape[axis], count - 1
    y = apply(LFILTER, b, a, x, axis=axis)
    if not states:
        return y, zi
    shape = tuple(states if k == axis else m for k, m in enumerate(x.shape))
    zi = np.broadcast_to(zi, shape)
    one = np.ones(1, a.dtype)
    left = filled_to(a[0] * zi, n, axis)
    y = y + apply(LFILTER, one, a, left, axis=axis)
    coming = [still_given(c, s, states, axis) for c, s in ((b, x), (a, y))]
    state = (coming[0] - coming[1]) / a[0]
    rest = stretch(zi, axis, n, None)
    return y, state + filled_to(rest, states, axis)


def still_given(c: Any, x: Any, count: int, axis: int) -> Any:
    """Return what the last elements give after the end, by how many steps later."""
    silent = extended(last(x, count, axis), axis, 0, count, "constant", 0.0)
    found = apply(LFILTER, c, np.ones(1, c.dtype), silent, axis=axis)
    return stretch(found, axis, count, None)


def last(x: Any, count: int, axis: int) -> Any:
    """Return so many last elements along an axis, zeros before them."""
    missing = count - x.shape[axis]
    if missing <= 0:
        return stretch(x, axis, x.shape[axis] - count, None)
    return extended(x, axis, missing, 0, "constant", 0.0)


def coefficients(b: Any) -> Any:
    """Return the coefficients of a filter."""
    b = np.atleast_1d(as_array(b))
    if b.ndim != 1 or not b.size:
        raise ValueError("Parameter b is not a non-empty 1d array")
    return b


@answers_arrays("scipy.signal.lfilter")
def lfilter(b: Any, a: Any, x: Any, axis: Any = -1, zi: Any = None) -> Any:
    """Answer ``scipy.signal.lfilter``, by the coefficients and the state too."""
    b, a, x = coefficients(b), coefficients(a), as_array(x)
    axis = axis_index(axis, x.ndim)
    if zi is None:
        return apply(LFILTER, b, a, x, axis=axis)
    zi = as_array(zi)
    value = apply(FROM_STATE, b, a, x, zi, axis=axis)
    pairs = zip(from_state(b, a, x, zi, axis), value, strict=True)
    return tuple(apply(VALUED_AS, found, like) for found, like in pairs)


def evaluate_sosfilt(sos: Any, x: Any, zi: Any, *, axis: int) -> tuple[Any, Any]:
    """Return ``scipy.signal.sosfilt`` from a state, and the state after it."""
    from scipy import signal

    return tuple(signal.sosfilt(np.array(sos), x, axis, zi))  # it may be read-only


SOSFILT = constant_of(
    "sosfilt_value", evaluate_sosfilt, form=Routine(), results=2, numpy=()
)


def sections_of(sos: Any) -> Any:
    """Return a filter in sections; raise what SciPy raises where it is none."""
    sos = np.atleast_2d(as_array(sos))
    if sos.ndim != 2 or sos.shape[1] != 6:
        raise ValueError("sos array must be shape (n_sections, 6)")
    if not np.all(sos[:, 3] == 1):
        raise ValueError("sos[:, 3] should be all ones")
    return sos


@answers_arrays("scipy.signal.sosfilt")
def sosfilt(sos: Any, x: Any, axis: Any = -1, zi: Any = None) -> Any:
    """Answer ``scipy.signal.sosfilt``: one section after another."""
    sos, x = sections_of(sos), as_array(x)
    axis = axis_index(axis, x.ndim)
    count = sos.shape[0]
    shape = (count, *(2 if k == axis else n for k, n in enumerate(x.shape)))
    if zi is None:
        state = np.zeros(shape, np.result_type(sos.dtype, x.dtype))
    else:
        state = as_array(zi)
        if state.shape != shape:
            raise ValueError("Invalid zi shape.")
    values = apply(SOSFILT, sos, x, state, axis=axis)
    found, states = x, []
    for k in range(count):
        found, after = from_state(sos[k, :3], sos[k, 3:], found, state[k], axis)
        states.append(after)
    y = apply(VALUED_AS, found, values[0])
    return y if zi is None else (y, apply(VALUED_AS, np.stack(states), values[1]))


# Smoothing, trends, envelopes


def evaluate_savgol(
    x: Any, *, window: int, order: int, deriv: int, delta: float, axis: int
) -> Any:
    """Return ``scipy.signal.savgol_filter`` with polynomials at the ends."""
    from scipy import signal

    return signal.savgol_filter(x, window, order, deriv, delta, axis)


SAVGOL = constant_of(
    "savgol_value", evaluate_savgol, form=Routine(along=True), numpy=()
)


@answers_arrays("scipy.signal.savgol_filter")
def savgol_filter(
    x: Any,
    window_length: Any,
    polyorder: Any,
    deriv: Any = 0,
    delta: Any = 1.0,
    axis: Any = -1,
    mode: Any = "interp",
    cval: Any = 0.0,
) -> Any:
    """Answer ``scipy.signal.savgol_filter``."""
    from scipy import signal

    x = as_array(x)
    x = x if x.dtype in (np.float64, np.float32) else np.astype(x, np.float64)
    axis = axis_index(axis, x.ndim)
    window, order = operator.index(window_length), operator.index(polyorder)
    deriv, delta = operator.index(deriv), float(delta)
    if mode not in ("mirror", "constant", "nearest", "interp", "wrap"):
        raise ValueError("mode must be 'mirror', 'constant', 'nearest' 'wrap'")
    weights = signal.savgol_coeffs(window, order, deriv=deriv, delta=delta)
    if mode != "interp":
        return convolve1d(x, weights, axis, mode=mode, cval=cval)
    how = {"window": window, "order": order, "deriv": deriv, "delta": delta}
    value = apply(SAVGOL, x, axis=axis, **how)
    half, n = window // 2, x.shape[axis]
    matrix = evaluate_savgol(np.eye(window), axis=0, **how)
    ends = [
        np.moveaxis(np.tensordot(rows, part, (1, axis)), 0, axis)
        for rows, part in (
            (matrix[:half], stretch(x, axis, None, window)),
            (matrix[window - half :], stretch(x, axis, n - window, None)),
        )
    ]
    middle = convolve1d(x, weights, axis, mode="constant")
    middle = stretch(middle, axis, half, n - half)
    found = np.concatenate([ends[0], middle, ends[1]], axis=axis)
    return apply(VALUED_AS, np.astype(found, value.dtype, copy=False), value)


def evaluate_detrend(x: Any, *, axis: int, type: str, bp: tuple[int, ...]) -> Any:
    """Return ``scipy.signal.detrend``."""
    from scipy import signal

    return signal.detrend(x, axis, type, list(bp))


def detrend_transpose(g: Any, x: Any, *, axis: int, type: str, bp: Any) -> Any:
    """Return the gradient without its trend: to leave it out is a projection."""
    return apply(DETREND, g, axis=axis, type=type, bp=bp)


DETREND = linear(
    "detrend", evaluate_detrend, detrend_transpose, form=Routine(along=True)
)


@answers_arrays("scipy.signal.detrend")
def detrend(
    data: Any,
    axis: Any = -1,
    type: Any = "linear",
    bp: Any = 0,
    overwrite_data: bool = False,
) -> Any:
    """Answer ``scipy.signal.detrend``."""
    x = as_array(data)
    axis = axis_index(axis, x.ndim)
    breaks = tuple(operator.index(k) for k in np.ravel(np.asarray(bp)))
    return apply(DETREND, x, axis=axis, type=type, bp=breaks)


@answers_arrays("scipy.signal.hilbert")
def hilbert(x: Any, N: Any = None, axis: Any = -1) -> Any:
    """Answer ``scipy.signal.hilbert``: the spectrum of one side, doubled."""
    x = as_array(x)
    if x.dtype.kind == "c":
        raise ValueError("x must be real.")
    axis = axis_index(axis, x.ndim)
    count = x.shape[axis] if N is None else operator.index(N)
    if count <= 0:
        raise ValueError("N must be positive.")
    spectrum = transformed("fftn", x, (count,), (axis,), None, None)
    half = (count + 1) // 2
    parts = [
        stretch(spectrum, axis, 0, 1),
        stretch(spectrum, axis, 1, half) * 2.0,
        stretch(spectrum, axis, half, count // 2 + 1 if count > 1 else half),
    ]
    found = filled_to(np.concatenate(parts, axis=axis), count, axis)
    return transformed("ifftn", found, None, (axis,), None, None)
