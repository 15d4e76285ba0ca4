"""Transforms of `scipy.fft`: over several axes at once, by SciPy's own code.

SciPy's functions ask their backends, of which its own is written in Python: the rows
are of that one, so that a backend of the user's is left alone.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.core.forms import Routine
from wengert.core.operation import Operation, answers_named, apply, linear
from wengert.core.types import Recorded
from wengert.errors import UnsupportedError, explain
from wengert.ops.axes import axis_index
from wengert.ops.fft import SWAPPED, resized
from wengert.ops.join import as_array

Axes = tuple[int, ...]


def resized_over(x: Any, sizes: Any, axes: Axes) -> Any:
    """Return `x` with so many elements along axes: the first, or zeros added."""
    for n, axis in zip(sizes, axes, strict=True):
        x = resized(x, n, axis)
    return x


def restored(g: Any, x: Any, axes: Axes) -> Any:
    """Return a gradient with the elements of an operand, real where that is."""
    g = resized_over(g, [x.shape[axis] for axis in axes], axes)
    return g if x.dtype.kind == "c" else np.real(g)


def scaled(x: Any, axes: Axes, first: float, last: float) -> Any:
    """Return `x` with its first and last elements along axes multiplied by numbers."""
    for axis in axes:
        factors = np.ones(x.shape[axis], np.real(x).dtype)
        factors[0] *= first
        factors[-1] *= last
        x = x * np.reshape(factors, [-1 if k == axis else 1 for k in range(x.ndim)])
    return x


# Fourier transforms: the matrix is symmetric, up to the half of a spectrum


def transform(name: str, transpose: Callable[..., Any]) -> Operation:
    """State one of SciPy's Fourier transforms over axes, of stated sizes."""

    def evaluate(x: Any, *, s: Axes, axis: Axes, norm: Any) -> Any:
        from scipy import fft

        return getattr(fft, name)(x, s, axis, norm)

    return linear(f"scipy_{name}", evaluate, transpose, form=Routine(along=True))


def whole_transpose(name: str) -> Callable[..., Any]:
    """Return the transpose of a transform of whole spectra: itself."""

    def transpose(g: Any, x: Any, *, s: Axes, axis: Axes, norm: Any) -> Any:
        found = apply(TRANSFORMS[name], g, s=s, axis=axis, norm=norm)
        return restored(found, x, axis)

    return transpose


def halving_transpose(whole: str) -> Callable[..., Any]:
    """Return the transpose of a transform that gives half of a spectrum."""

    def transpose(g: Any, x: Any, *, s: Axes, axis: Axes, norm: Any) -> Any:
        filled = resized(g, s[-1], axis[-1])
        found = apply(TRANSFORMS[whole], filled, s=s, axis=axis, norm=norm)
        return restored(found, x, axis)

    return transpose


def doubling_transpose(halving: str) -> Callable[..., Any]:
    """Return the transpose of a transform that takes half of a spectrum for both.

    The first element has no other side, nor has the last one where `n` is even.
    """

    def transpose(g: Any, x: Any, *, s: Axes, axis: Axes, norm: Any) -> Any:
        half = apply(TRANSFORMS[halving], g, s=s, axis=axis, norm=norm)
        last = 0.5 if s[-1] % 2 == 0 and s[-1] > 1 else 1.0
        both = scaled(half * 2, axis[-1:], 0.5, last)
        return restored(both, x, axis)

    return transpose


TRANSFORMS: dict[str, Operation] = {
    "fftn": transform("fftn", whole_transpose("fftn")),
    "ifftn": transform("ifftn", whole_transpose("ifftn")),
    "rfftn": transform("rfftn", halving_transpose("fftn")),
    "ihfftn": transform("ihfftn", halving_transpose("ifftn")),
    "hfftn": transform("hfftn", doubling_transpose("rfftn")),
    "irfftn": transform("irfftn", doubling_transpose("ihfftn")),
}
DOUBLING = ("hfftn", "irfftn")


def sizes_and_axes(x: Any, s: Any, axes: Any) -> tuple[list[int], Axes]:
    """Return the numbers of points and the axes of a transform over several axes."""
    if s is not None:
        s = [operator.index(n) for n in ((s,) if np.ndim(s) == 0 else s)]
    if axes is None:
        axes = range(x.ndim) if s is None else range(x.ndim - len(s), x.ndim)
    elif np.ndim(axes) == 0:
        axes = (axes,)
    axes = tuple(axis_index(axis, x.ndim) for axis in axes)
    if len(set(axes)) != len(axes):
        raise ValueError("all axes must be unique")
    s = [-1] * len(axes) if s is None else s
    pairs = zip(s, axes, strict=True)
    return [x.shape[axis] if n == -1 else n for n, axis in pairs], axes


def transformed(name: str, x: Any, s: Any, axes: Any, norm: Any, plan: Any) -> Any:
    """Return a transform over axes; a size left out is what the axis has."""
    if plan is not None:
        raise NotImplementedError("a plan")
    x = as_array(x)
    sizes, axes = sizes_and_axes(x, s, axes)
    if not axes:
        if name not in ("fftn", "ifftn"):
            raise ValueError("at least 1 axis must be transformed")
        return x
    if s is None and name in DOUBLING:
        sizes[-1] = 2 * (sizes[-1] - 1)
    if min(sizes) < 1:
        raise ValueError(f"invalid number of data points ({sizes}) specified")
    norm = "backward" if norm is None else norm
    return apply(TRANSFORMS[name], x, s=tuple(sizes), axis=axes, norm=norm)


HOME = "scipy.fft._basic_backend"


def answer_transform(name: str) -> None:
    """Answer a transform along one axis, over the last two and over several."""

    @answers_named(f"{HOME}.{name}")
    def along(
        x: Any,
        n: Any = None,
        axis: Any = -1,
        norm: Any = None,
        overwrite_x: bool = False,
        workers: Any = None,
        *,
        plan: Any = None,
    ) -> Any:
        s = None if n is None else (n,)
        return transformed(f"{name}n", x, s, (axis,), norm, plan)

    @answers_named(f"{HOME}.{name}2")
    def over_two(
        x: Any,
        s: Any = None,
        axes: Any = (-2, -1),
        norm: Any = None,
        overwrite_x: bool = False,
        workers: Any = None,
        *,
        plan: Any = None,
    ) -> Any:
        return transformed(f"{name}n", x, s, axes, norm, plan)

    @answers_named(f"{HOME}.{name}n")
    def over_several(
        x: Any,
        s: Any = None,
        axes: Any = None,
        norm: Any = None,
        overwrite_x: bool = False,
        workers: Any = None,
        *,
        plan: Any = None,
    ) -> Any:
        return transformed(f"{name}n", x, s, axes, norm, plan)


for _name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft"):
    answer_transform(_name)


# Cosine and sine transforms: the transpose of type 2 is type 3, up to the elements that
# have one side.  With `orthogonalize` they are scaled so that the matrix is orthogonal
# up to a number.

#: The type of the transpose, and of the inverse.
PARTNER = {1: 1, 2: 3, 3: 2, 4: 4}
#: Factors of the first and the last element: of what goes into the partner, and of what
#: comes out of it.
ENDS: dict[tuple[str, int], tuple[tuple[float, float], tuple[float, float]]] = {
    ("dctn", 1): ((2.0, 2.0), (0.5, 0.5)),
    ("dctn", 2): ((2.0, 1.0), (1.0, 1.0)),
    ("dctn", 3): ((1.0, 1.0), (0.5, 1.0)),
    ("dstn", 2): ((1.0, 2.0), (1.0, 1.0)),
    ("dstn", 3): ((1.0, 1.0), (1.0, 0.5)),
}
NO_ENDS = ((1.0, 1.0), (1.0, 1.0))


def real_transform(name: str) -> Operation:
    """State SciPy's cosine or sine transform over axes, of stated sizes."""

    def evaluate(
        x: Any, *, type: int, s: Axes, axis: Axes, norm: Any, orthogonalize: bool
    ) -> Any:
        from scipy import fft

        return getattr(fft, name)(x, type, s, axis, norm, orthogonalize=orthogonalize)

    def transpose(
        g: Any,
        x: Any,
        *,
        type: int,
        s: Axes,
        axis: Axes,
        norm: Any,
        orthogonalize: bool,
    ) -> Any:
        ends = NO_ENDS if orthogonalize else ENDS.get((name, type), NO_ENDS)
        how = {"s": s, "axis": axis, "norm": norm, "orthogonalize": orthogonalize}
        given = scaled(g, axis, *ends[0]) if ends[0] != (1.0, 1.0) else g
        found = apply(REAL_TRANSFORMS[name], given, type=PARTNER[type], **how)
        found = scaled(found, axis, *ends[1]) if ends[1] != (1.0, 1.0) else found
        return restored(found, x, axis)

    return linear(name, evaluate, transpose, form=Routine(along=True))


REAL_TRANSFORMS: dict[str, Operation] = {
    name: real_transform(name) for name in ("dctn", "dstn")
}


def real_transformed(
    name: str,
    x: Any,
    type: Any,
    s: Any,
    axes: Any,
    norm: Any,
    orthogonalize: Any,
    inverse: bool,
) -> Any:
    """Return a cosine or sine transform, or the inverse of one."""
    x, type = as_array(x), operator.index(type)
    sizes, axes = sizes_and_axes(x, s, axes)
    if not axes:
        return x
    norm = "backward" if norm is None else norm
    # SciPy passes over what is asked of complex numbers.
    if orthogonalize is None or x.dtype.kind == "c":
        orthogonalize = norm == "ortho"
    if inverse:
        type, norm = PARTNER[type], SWAPPED[norm]
    return apply(
        REAL_TRANSFORMS[name],
        x,
        type=type,
        s=tuple(sizes),
        axis=axes,
        norm=norm,
        orthogonalize=bool(orthogonalize),
    )


REAL_HOME = "scipy.fft._realtransforms_backend"


def answer_real_transform(name: str, inverse: bool) -> None:
    """Answer a cosine or sine transform along one axis and over several."""
    called = f"i{name}" if inverse else name

    @answers_named(f"{REAL_HOME}.{called}")
    def along(
        x: Any,
        type: Any = 2,
        n: Any = None,
        axis: Any = -1,
        norm: Any = None,
        overwrite_x: bool = False,
        workers: Any = None,
        orthogonalize: Any = None,
    ) -> Any:
        s = None if n is None else (n,)
        how = (norm, orthogonalize, inverse)
        return real_transformed(f"{name}n", x, type, s, (axis,), *how)

    @answers_named(f"{REAL_HOME}.{called}n")
    def over_several(
        x: Any,
        type: Any = 2,
        s: Any = None,
        axes: Any = None,
        norm: Any = None,
        overwrite_x: bool = False,
        workers: Any = None,
        orthogonalize: Any = None,
    ) -> Any:
        how = (norm, orthogonalize, inverse)
        return real_transformed(f"{name}n", x, type, s, axes, *how)


for _name in ("dct", "dst"):
    answer_real_transform(_name, inverse=False)
    answer_real_transform(_name, inverse=True)


# Hankel transforms: an element depends on the sum of two places, a symmetric matrix


def hankel_transform(name: str) -> Operation:
    """State SciPy's fast Hankel transform or its inverse: its own transpose."""

    def evaluate(a: Any, *, dln: float, mu: float, offset: float, bias: float) -> Any:
        from scipy import fft

        return getattr(fft, name)(a, dln, mu, offset, bias)

    def transpose(g: Any, a: Any, **settings: Any) -> Any:
        return apply(operation, g, **settings)

    operation = linear(name, evaluate, transpose, form=Routine(core=(1,)))
    return operation


def answer_hankel_transform(name: str, operation: Operation) -> None:
    """Answer a fast Hankel transform of plain parameters."""

    @answers_named(f"scipy.fft._fftlog_backend.{name}")
    def answer(a: Any, dln: Any, mu: Any, offset: Any = 0.0, bias: Any = 0.0) -> Any:
        given = {"dln": dln, "mu": mu, "offset": offset, "bias": bias}
        for key, value in given.items():
            if isinstance(value, Recorded):
                raise UnsupportedError(
                    explain(
                        f"scipy.fft.{name} with a recorded {key}",
                        "its derivative is known by the array alone",
                        f"a plain number for {key}",
                    )
                )
        numbers = {key: float(value) for key, value in given.items()}
        return apply(operation, as_array(a), **numbers)


for _name in ("fht", "ifht"):
    answer_hankel_transform(_name, hankel_transform(_name))
