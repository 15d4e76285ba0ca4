"""Products: dot, matmul and what is made of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.operation import multilinear


def swap(x: Any) -> Any:
    """Return `x` with its last two axes exchanged."""
    return np.swapaxes(x, -1, -2)


def matmul_by_left(g: Any, x: Any, y: Any) -> Any:
    """Return g y^T; extra axes are summed by the sweep."""
    if y.ndim == 1:
        return np.multiply(g[..., None], y) if x.ndim > 1 else np.multiply(g, y)
    if x.ndim == 1:
        return np.matmul(y, g[..., None])[..., 0]
    return np.matmul(g, swap(y))


def matmul_by_right(g: Any, x: Any, y: Any) -> Any:
    """Return x^T g; extra axes are summed by the sweep."""
    if x.ndim == 1:
        return np.multiply(x[:, None], g[..., None, :]) if y.ndim > 1 else np.multiply(g, x)
    if y.ndim == 1:
        return np.matmul(swap(x), g[..., None])[..., 0]
    return np.matmul(swap(x), g)


MATMUL = multilinear(
    "matmul", np.matmul, (matmul_by_left, matmul_by_right), numpy=(np.matmul,)
)
