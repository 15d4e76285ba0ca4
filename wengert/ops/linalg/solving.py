"""Linear equations: `solve`, `inv`, and what is made of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.linalg import LinAlgError

from wengert.core.forms import Routine
from wengert.core.operation import answers, apply, general
from wengert.ops.join import as_array
from wengert.ops.linalg.triangles import square, transposed

# Systems with matrices on the right


def solve_jvp(tangents: Any, x: Any, a: Any, b: Any) -> Any:
    """Return a^-1 (b_dot - a_dot x)."""
    return apply(SOLVE, a, right_side(tangents, np.matmul, x))


def right_side(tangents: Any, product: Any, x: Any) -> Any:
    """Return b_dot - a_dot x, with a product of matrices and the right kind of x."""
    a_dot, b_dot = tangents
    if a_dot is None:
        return b_dot
    moved = product(a_dot, x)
    return np.negative(moved) if b_dot is None else np.subtract(b_dot, moved)


def solve_vjp(g: Any, x: Any, a: Any, b: Any) -> Any:
    """Return the gradients by the matrix and by the right-hand side."""
    by_right = apply(SOLVE, transposed(a), g)
    return -np.matmul(by_right, transposed(x)), by_right


SOLVE = general(
    "solve",
    np.linalg.solve,
    form=Routine(core=(2, 2), native="solve(x, y)"),
    jvp=solve_jvp,
    vjp=solve_vjp,
    reads=(True, False),
)

# Systems with a vector on the right


def evaluate_solve_vector(a: Any, b: Any) -> Any:
    """Return ``np.linalg.solve`` of vectors along the last axis of `b`."""
    if b.ndim == 1:
        return np.linalg.solve(a, b)
    return np.linalg.solve(a, b[..., None])[..., 0]


def solve_vector_jvp(tangents: Any, x: Any, a: Any, b: Any) -> Any:
    """Return a^-1 (b_dot - a_dot x)."""
    return apply(SOLVE_VECTOR, a, right_side(tangents, np.matvec, x))


def solve_vector_vjp(g: Any, x: Any, a: Any, b: Any) -> Any:
    """Return the gradients by the matrix and by the right-hand side."""
    by_right = apply(SOLVE_VECTOR, transposed(a), g)
    return -np.multiply(by_right[..., None], x[..., None, :]), by_right


SOLVE_VECTOR = general(
    "solve_vector",
    evaluate_solve_vector,
    form=Routine(core=(2, 1), native="solve(x, y)"),
    jvp=solve_vector_jvp,
    vjp=solve_vector_vjp,
    reads=(True, False),
)


@answers(np.linalg.solve)
def solve(a: Any, b: Any) -> Any:
    """Answer ``np.linalg.solve``: a right-hand side with one axis is a vector."""
    a, b = square(a), as_array(b)
    return apply(SOLVE_VECTOR if b.ndim == 1 else SOLVE, a, b)


@answers(np.linalg.tensorsolve)
def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    """Answer ``np.linalg.tensorsolve``."""
    a, b = as_array(a), as_array(b)
    if axes is not None:
        order = list(range(a.ndim))
        for k in axes:
            order.remove(k)
            order.insert(a.ndim, k)
        a = np.transpose(a, order)
    shape = a.shape[-(a.ndim - b.ndim) :]
    count = int(np.prod(shape, dtype=np.int64))
    if a.size != count**2:
        raise LinAlgError(
            "Input arrays must satisfy the requirement "
            "prod(a.shape[b.ndim:]) == prod(a.shape[:b.ndim])"
        )
    found = solve(np.reshape(a, (count, count)), np.ravel(b))
    return np.reshape(found, shape)


# Inverses


def inv_jvp(tangents: Any, y: Any, a: Any) -> Any:
    """Return -y a_dot y."""
    return -np.matmul(np.matmul(y, tangents[0]), y)


def inv_vjp(g: Any, y: Any, a: Any) -> Any:
    """Return -y^T g y^T."""
    y = transposed(y)
    return (-np.matmul(np.matmul(y, g), y),)


INV = general(
    "inv",
    np.linalg.inv,
    form=Routine(core=(2,), native="inverse(x)"),
    jvp=inv_jvp,
    vjp=inv_vjp,
    numpy=(np.linalg.inv,),
)


@answers(np.linalg.tensorinv)
def tensorinv(a: Any, ind: int = 2) -> Any:
    """Answer ``np.linalg.tensorinv``."""
    a = as_array(a)
    if ind <= 0:
        raise ValueError("Invalid ind argument.")
    shape = a.shape[ind:] + a.shape[:ind]
    count = int(np.prod(a.shape[ind:], dtype=np.int64))
    return np.reshape(np.linalg.inv(np.reshape(a, (count, -1))), shape)
