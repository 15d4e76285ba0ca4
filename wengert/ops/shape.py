"""Shape and data movement."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.operation import answers, apply, linear

Shape = tuple[int, ...]


# Shapes without moving data


def evaluate_reshape(x: Any, *, shape: Shape, order: str = "C") -> Any:
    """Return ``np.reshape``."""
    return np.asarray(x).reshape(shape, order=order)


def reshape_transpose(g: Any, x: Any, *, shape: Shape, order: str = "C") -> Any:
    """Return the gradient in the operand's shape."""
    return np.reshape(g, x.shape, order=order)


RESHAPE = linear("reshape", evaluate_reshape, reshape_transpose, view=True)


@answers(np.reshape)
def reshape(a: Any, /, shape: Any, order: str = "C", *, copy: bool | None = None) -> Any:
    """Answer ``np.reshape``."""
    size = np.size(a)
    shape = (shape,) if np.ndim(shape) == 0 else tuple(shape)
    shape = tuple(int(n) for n in shape)
    if -1 in shape:
        known = int(np.prod([n for n in shape if n != -1], dtype=np.int64))
        if known > 0 and size % known == 0 and shape.count(-1) == 1:
            shape = tuple(size // known if n == -1 else n for n in shape)
    result = apply(RESHAPE, a, shape=shape, order=order)
    return np.copy(result) if copy else result


def evaluate_transpose(x: Any, *, axes: Shape) -> Any:
    """Return ``np.transpose``."""
    return np.asarray(x).transpose(axes)


def transpose_transpose(g: Any, x: Any, *, axes: Shape) -> Any:
    """Return the gradient with the inverse permutation."""
    return np.transpose(g, tuple(int(k) for k in np.argsort(axes)))


TRANSPOSE = linear("transpose", evaluate_transpose, transpose_transpose, view=True)


@answers(np.transpose, np.permute_dims)
def transpose(a: Any, axes: Any = None) -> Any:
    """Answer ``np.transpose``."""
    ndim = np.ndim(a)
    if axes is None:
        return apply(TRANSPOSE, a, axes=tuple(range(ndim))[::-1])
    axes = np.lib.array_utils.normalize_axis_tuple(tuple(axes), ndim)
    return apply(TRANSPOSE, a, axes=axes)


def evaluate_broadcast_to(x: Any, *, shape: Shape) -> Any:
    """Return ``np.broadcast_to``."""
    return np.broadcast_to(x, shape)


def broadcast_to_transpose(g: Any, x: Any, *, shape: Shape) -> Any:
    """Return the gradient summed over the repeated axes."""
    extra = len(shape) - len(x.shape)
    axes = tuple(range(extra)) + tuple(
        k + extra for k, n in enumerate(x.shape) if n == 1 and shape[k + extra] != 1
    )
    return np.reshape(np.sum(g, axis=axes), x.shape) if axes else np.reshape(g, x.shape)


BROADCAST_TO = linear(
    "broadcast_to", evaluate_broadcast_to, broadcast_to_transpose, view=True
)


@answers(np.broadcast_to)
def broadcast_to(array: Any, shape: Any, subok: bool = False) -> Any:
    """Answer ``np.broadcast_to``."""
    shape = (shape,) if np.ndim(shape) == 0 else tuple(int(n) for n in shape)
    return apply(BROADCAST_TO, array, shape=shape)


# Copies and dtypes


def evaluate_copy(x: Any) -> Any:
    """Return ``np.copy``."""
    return np.array(x)[()]


COPY = linear("copy", evaluate_copy, lambda g, x: g, native="x")


@answers(np.copy)
def copy(a: Any, order: str = "K", subok: bool = False) -> Any:
    """Answer ``np.copy``."""
    return apply(COPY, a)


def evaluate_astype(x: Any, *, dtype: Any) -> Any:
    """Return ``x.astype(dtype)``."""
    return np.asarray(x).astype(dtype)[()]


def astype_transpose(g: Any, x: Any, *, dtype: Any) -> Any:
    """Return the gradient; no gradient passes through an integer result."""
    return g if dtype.kind in "fc" else np.zeros(x.shape)


ASTYPE = linear("astype", evaluate_astype, astype_transpose)


@answers(np.astype)
def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    """Answer ``np.astype``."""
    return apply(ASTYPE, x, dtype=np.dtype(dtype))
