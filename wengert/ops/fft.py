"""Discrete Fourier transforms: one axis is an operation, several are one after another.

The matrix of a transform is symmetric, so that a transform is its own transpose, up to
the elements that it leaves out or fills up with zeros, and to the half of a spectrum
that it reads or gives.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.core.forms import Routine
from wengert.core.operation import Operation, answers, apply, linear
from wengert.ops.axes import axis_index, integer
from wengert.ops.cumulative import along
from wengert.ops.elements import into
from wengert.ops.join import as_array
from wengert.ops.shape import as_numpys

#: The scale of a transform is that of the other direction under the other name.
SWAPPED: dict[Any, Any] = {
    "backward": "forward",
    "ortho": "ortho",
    "forward": "backward",
}


def resized(x: Any, count: int, axis: int) -> Any:
    """Return `x` with so many elements along an axis: the first, or zeros added."""
    missing = count - x.shape[axis]
    if missing == 0:
        return x
    if missing < 0:
        return x[along(axis, slice(None, count))]
    shape = tuple(missing if k == axis else n for k, n in enumerate(x.shape))
    return np.concatenate([x, np.zeros(shape, x.dtype)], axis=axis)


def real_part(name: str, g: Any, n: int, axis: int, norm: Any) -> Any:
    """Return the real part of a transform or its inverse, by one of half as much.

    It is that of the part of `g` that is the mirror image of its own conjugate.
    """
    count = n // 2 + 1
    first, behind = along(axis, slice(1)), along(axis, slice(n - 1, n - count, -1))
    mirrored = np.conj(np.concatenate([g[first], g[behind]], axis=axis))
    half = (g[along(axis, slice(count))] + mirrored) * 0.5
    if name == "ifft":
        return np.fft.irfft(half, n, axis, norm)
    return np.fft.irfft(np.conj(half), n, axis, SWAPPED[norm])


def sided(half: Any, n: int, axis: int, factor: float) -> Any:
    """Return half a spectrum times a factor where an element stands for two.

    The first element has no other side, nor has the last one where `n` is even.
    """
    factors = np.full(half.shape[axis], factor, np.real(half).dtype)
    factors[0] = 1
    if n % 2 == 0:
        factors[-1] = 1
    shape = tuple(-1 if k == axis else 1 for k in range(half.ndim))
    return half * np.reshape(factors, shape)


def evaluated(function: Any, x: Any, n: int, axis: int, norm: Any, dtype: Any) -> Any:
    """Return a transform as NumPy does it for a result of a dtype; None: its choice."""
    if dtype is None:
        return function(x, n, axis, norm)
    size = n // 2 + 1 if function is np.fft.rfft else n
    shape = tuple(size if k == axis else m for k, m in enumerate(x.shape))
    return function(x, n, axis, norm, np.empty(shape, dtype))


def whole_transform(name: str) -> Operation:
    """State ``np.fft.fft`` or its inverse along one axis."""
    function = getattr(np.fft, name)

    def evaluate(x: Any, *, n: int, axis: int, norm: Any, dtype: Any) -> Any:
        return evaluated(function, x, n, axis, norm, dtype)

    def transpose(g: Any, x: Any, *, n: int, axis: int, norm: Any, dtype: Any) -> Any:
        if x.dtype.kind == "c":
            return resized(function(g, n, axis, norm), x.shape[axis], axis)
        return resized(real_part(name, g, n, axis, norm), x.shape[axis], axis)

    return linear(name, evaluate, transpose, form=Routine(along=True))


FFT = whole_transform("fft")
IFFT = whole_transform("ifft")


def evaluate_rfft(x: Any, *, n: int, axis: int, norm: Any, dtype: Any) -> Any:
    """Return ``np.fft.rfft``."""
    return evaluated(np.fft.rfft, x, n, axis, norm, dtype)


def rfft_transpose(g: Any, x: Any, *, n: int, axis: int, norm: Any, dtype: Any) -> Any:
    """Return the real part of the transform of the half, filled up with zeros."""
    half = np.conj(sided(g, n, axis, 0.5))
    return resized(np.fft.irfft(half, n, axis, SWAPPED[norm]), x.shape[axis], axis)


RFFT = linear("rfft", evaluate_rfft, rfft_transpose, form=Routine(along=True))


def evaluate_irfft(x: Any, *, n: int, axis: int, norm: Any, dtype: Any) -> Any:
    """Return ``np.fft.irfft``."""
    return evaluated(np.fft.irfft, x, n, axis, norm, dtype)


def irfft_transpose(g: Any, x: Any, *, n: int, axis: int, norm: Any, dtype: Any) -> Any:
    """Return the transform of the real gradient; the half stands for both sides."""
    half = sided(np.conj(np.fft.rfft(g, n, axis, SWAPPED[norm])), n, axis, 2.0)
    half = resized(half, x.shape[axis], axis)
    return half if x.dtype.kind == "c" else np.real(half)


IRFFT = linear("irfft", evaluate_irfft, irfft_transpose, form=Routine(along=True))


# One axis


def transformed(
    operation: Operation, a: Any, n: Any, axis: Any, norm: Any, out: Any = None
) -> Any:
    """Return a transform along one axis; left out, `n` is what the axis has."""
    a = as_array(a)
    axis = axis_index(axis, a.ndim)
    if n is None:
        n = a.shape[axis]
        n = 2 * (n - 1) if operation is IRFFT else n
    norm = "backward" if norm is None else norm
    dtype = None if out is None else out.dtype
    how = {"n": integer(n), "axis": axis, "norm": norm, "dtype": dtype}
    return into(out, apply(operation, a, **how))


def answer_along(name: str, operation: Operation) -> None:
    """Answer a transform along one axis."""

    @answers(getattr(np.fft, name))
    def answer(
        a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None
    ) -> Any:
        return transformed(operation, a, n, axis, norm, out)


for _operation in (FFT, IFFT, RFFT, IRFFT):
    answer_along(_operation.name, _operation)


def swapped(norm: Any) -> Any:
    """Return the name of a scale in the other direction; one that is none as it is."""
    return SWAPPED.get("backward" if norm is None else norm, norm)


@functools.cache
def writes(name: str) -> bool:
    """Whether NumPy's transform writes its ``out``: some versions' do not."""
    transform, zeros = getattr(np.fft, name), np.zeros((2, 2))
    out = np.ones_like(transform(zeros))
    transform(zeros, out=out)
    return not out.any()


def written_by(name: str, out: Any) -> Any:
    """Return ``out`` where NumPy's transform writes it."""
    return out if out is not None and writes(name) else None


@answers(np.fft.hfft)
def hfft(
    a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None
) -> Any:
    """Answer ``np.fft.hfft``."""
    out = written_by("hfft", out)
    return transformed(IRFFT, np.conj(as_array(a)), n, axis, swapped(norm), out)


@answers(np.fft.ihfft)
def ihfft(
    a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None
) -> Any:
    """Answer ``np.fft.ihfft``."""
    return into(out, np.conj(transformed(RFFT, a, n, axis, swapped(norm), out)))


# Several axes


def sizes_and_axes(
    a: Any, s: Any, axes: Any, halved: bool = False
) -> tuple[list[Any], list[int]]:
    """Return the numbers of points and the axes of a transform over several axes."""
    if axes is None:
        axes = range(a.ndim) if s is None else range(-len(s), 0)
    axes = [operator.index(axis) for axis in axes]
    if s is None:
        s = [a.shape[axis] for axis in axes]
        if halved:
            s[-1] = 2 * (s[-1] - 1)
    else:
        s = list(s)
    if len(s) != len(axes):
        raise ValueError("Shape and axes have different lengths.")
    pairs = zip(s, axes, strict=True)
    return [a.shape[axis] if n == -1 else n for n, axis in pairs], axes


def over_axes(
    operation: Operation,
    a: Any,
    sizes: list[Any],
    axes: list[int],
    norm: Any,
    out: Any = None,
) -> Any:
    """Return a transform along one axis after another, each written into ``out``."""
    for n, axis in zip(sizes, axes, strict=True):
        a = transformed(operation, a, n, axis, norm, out)
    return a


def whole_over_axes(operation: Operation) -> Callable[..., Any]:
    """Return ``np.fft.fftn`` or its inverse."""

    def answer(
        a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None
    ) -> Any:
        a = as_numpys(as_array(a))
        sizes, axes = sizes_and_axes(a, s, axes)
        return over_axes(operation, a, sizes[::-1], axes[::-1], norm, out)

    return answer


def rfftn(
    a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None
) -> Any:
    """Answer ``np.fft.rfftn``: the last axis is halved first."""
    a = as_array(a)
    sizes, axes = sizes_and_axes(a, s, axes)
    half = transformed(RFFT, a, sizes[-1], axes[-1], norm, out)
    return over_axes(FFT, half, sizes[-2::-1], axes[-2::-1], norm, out)


def irfftn(
    a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None
) -> Any:
    """Answer ``np.fft.irfftn``: the halved axis is the last one."""
    a = as_array(a)
    sizes, axes = sizes_and_axes(a, s, axes, halved=True)
    whole = over_axes(IFFT, a, sizes[:-1], axes[:-1], norm)
    return transformed(IRFFT, whole, sizes[-1], axes[-1], norm, out)


OVER_AXES = {
    "fft": whole_over_axes(FFT),
    "ifft": whole_over_axes(IFFT),
    "rfft": rfftn,
    "irfft": irfftn,
}


def answer_over_axes(name: str, code: Callable[..., Any]) -> None:
    """Answer a transform over all axes, and over the last two."""
    answers(getattr(np.fft, f"{name}n"))(code)

    @answers(getattr(np.fft, f"{name}2"))
    def answer(
        a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None, out: Any = None
    ) -> Any:
        return code(a, s, axes, norm, written_by(f"{name}2", out))


for _name, _code in OVER_AXES.items():
    answer_over_axes(_name, _code)


# Shifts


def halves(x: Any, axes: Any) -> tuple[list[int], tuple[int, ...]]:
    """Return half the number of elements of each axis, and the axes."""
    if axes is None:
        axes = range(x.ndim)
    elif np.ndim(axes) == 0:
        axes = (axes,)
    axes = tuple(operator.index(axis) for axis in axes)
    return [x.shape[axis] // 2 for axis in axes], axes


@answers(np.fft.fftshift)
def fftshift(x: Any, axes: Any = None) -> Any:
    """Answer ``np.fft.fftshift``."""
    x = as_array(x)
    shifts, axes = halves(x, axes)
    return np.roll(x, shifts, axes)


@answers(np.fft.ifftshift)
def ifftshift(x: Any, axes: Any = None) -> Any:
    """Answer ``np.fft.ifftshift``."""
    x = as_array(x)
    shifts, axes = halves(x, axes)
    return np.roll(x, [-shift for shift in shifts], axes)
