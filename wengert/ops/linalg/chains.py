"""Products of matrices, and the array API's names of what NumPy has elsewhere."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.linalg import LinAlgError

from wengert.core.operation import answers
from wengert.ops.join import as_array, deliver
from wengert.ops.linalg.triangles import square
from wengert.ops.shape import lying


@answers(np.linalg.matrix_power)
def matrix_power(a: Any, n: Any) -> Any:
    """Answer ``np.linalg.matrix_power``: squares, and products of some of them."""
    a = square(a)
    try:
        n = operator.index(n)
    except TypeError as error:
        raise TypeError("exponent must be an integer") from error
    if n == 0:
        identity = np.zeros_like(a) + np.eye(a.shape[-1], dtype=a.dtype)
        return lying(identity, "K", a)
    if n < 0:
        a, n = np.linalg.inv(a), -n
    if n == 3:
        return np.matmul(np.matmul(a, a), a)
    power, result = None, None
    while n:
        power = a if power is None else np.matmul(power, power)
        n, bit = divmod(n, 2)
        if bit:
            result = power if result is None else np.matmul(result, power)
    return result


@answers(np.linalg.multi_dot)
def multi_dot(arrays: Any, *, out: Any = None) -> Any:
    """Answer ``np.linalg.multi_dot``, in NumPy's order."""
    arrays = [as_array(a) for a in arrays]
    if len(arrays) < 2:
        raise ValueError("Expecting at least two arrays.")
    if len(arrays) == 2:
        return deliver(np.dot(*arrays), out)
    first, last = arrays[0].ndim, arrays[-1].ndim
    if first == 1:
        arrays[0] = arrays[0][None, :]
    if last == 1:
        arrays[-1] = arrays[-1][:, None]
    for a in arrays:
        if a.ndim != 2:
            raise LinAlgError(
                f"{a.ndim}-dimensional array given. Array must be two-dimensional"
            )
    found = multiply(arrays, cheapest(arrays), 0, len(arrays) - 1)
    if first == 1 and last == 1:
        found = found[0, 0]
    elif first == 1 or last == 1:
        found = np.ravel(found)
    return deliver(found, out)


def cheapest(arrays: list[Any]) -> dict[tuple[int, int], int]:
    """Return where each stretch of a product is cut; the first of several best ones.

    Cormen et al., "Introduction to Algorithms" (2001), section 15.2.  Of three
    matrices NumPy takes the last.
    """
    sizes = [a.shape[0] for a in arrays] + [arrays[-1].shape[1]]
    count = len(arrays)
    cost = {(k, k): 0 for k in range(count)}
    cut: dict[tuple[int, int], int] = {}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            costs = [
                cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1]
                for k in range(i, j)
            ]
            best = min(costs)
            is_last = count == 3 and length == 2 and costs[0] == costs[1]
            cost[i, j], cut[i, j] = best, i if is_last else i + costs.index(best)
    return cut


def multiply(arrays: list[Any], cut: dict[tuple[int, int], int], i: int, j: int) -> Any:
    """Return the product of a stretch."""
    if i == j:
        return arrays[i]
    k = cut[i, j]
    return np.dot(multiply(arrays, cut, i, k), multiply(arrays, cut, k + 1, j))


# NumPy's functions of the array API


@answers(np.linalg.matmul)
def matmul(x1: Any, x2: Any, /) -> Any:
    """Answer ``np.linalg.matmul``."""
    return np.matmul(x1, x2)


@answers(np.linalg.matrix_transpose)
def matrix_transpose(x: Any, /) -> Any:
    """Answer ``np.linalg.matrix_transpose``."""
    return np.matrix_transpose(x)


@answers(np.linalg.tensordot)
def tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> Any:
    """Answer ``np.linalg.tensordot``."""
    return np.tensordot(x1, x2, axes=axes)


@answers(np.linalg.vecdot)
def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """Answer ``np.linalg.vecdot``."""
    return np.vecdot(x1, x2, axis=axis)  # type: ignore[call-overload]


@answers(np.linalg.trace)
def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    """Answer ``np.linalg.trace``: of matrices along the last axes."""
    return np.trace(x, offset, axis1=-2, axis2=-1, dtype=dtype)


@answers(np.linalg.diagonal)
def diagonal(x: Any, /, *, offset: int = 0) -> Any:
    """Answer ``np.linalg.diagonal``: of matrices along the last axes."""
    return np.diagonal(x, offset, axis1=-2, axis2=-1)


@answers(np.linalg.outer)
def outer(x1: Any, x2: Any, /) -> Any:
    """Answer ``np.linalg.outer``: of vectors alone."""
    x1, x2 = as_array(x1), as_array(x2)
    if x1.ndim != 1 or x2.ndim != 1:
        raise ValueError(
            "Input arrays must be one-dimensional, but they are "
            f"{x1.ndim=} and {x2.ndim=}."
        )
    return np.outer(x1, x2)


@answers(np.linalg.cross)
def cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """Answer ``np.linalg.cross``: of vectors of three elements."""
    x1, x2 = as_array(x1), as_array(x2)
    if x1.shape[axis] != 3 or x2.shape[axis] != 3:
        raise ValueError(
            "Both input arrays must be (arrays of) 3-dimensional vectors, "
            f"but they are {x1.shape[axis]} and {x2.shape[axis]} dimensional instead."
        )
    return np.cross(x1, x2, axis=axis)
