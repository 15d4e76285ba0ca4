"""Functions of matrices: exponential, logarithm, square root; Sylvester's equation.

Of a block triangular matrix [[a, t], [0, a]] a function has its derivative at `a` along
`t` in the corner: Mathias, "A chain rule for matrix functions and applications" (1996),
theorem 2.1.  So every further derivative is one of a larger matrix.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.forms import Routine
from wengert.core.operation import Function, answers_named, apply, general
from wengert.ops.join import as_array
from wengert.ops.linalg.triangles import adjoint, matrices, transposed

# Matrices of blocks


def doubled(a: Any, corner: Any) -> Any:
    """Return the block matrix [[a, corner], [0, a]]."""
    zeros = np.zeros_like(a)
    top = np.concatenate([a, corner], axis=-1)
    return np.concatenate([top, np.concatenate([zeros, a], axis=-1)], axis=-2)


def corner_of(x: Any) -> Any:
    """Return the upper right block."""
    n = x.shape[-1] // 2
    return x[..., :n, n:]


def in_corner(g: Any) -> Any:
    """Return a block matrix of zeros but the upper right block."""
    zeros = np.zeros_like(g)
    top = np.concatenate([zeros, g], axis=-1)
    return np.concatenate([top, np.zeros_like(top)], axis=-2)


def common(a: Any, t: Any) -> tuple[Any, Any]:
    """Return a matrix and a tangent in one shape, as blocks have to be."""
    shape = np.broadcast_shapes(a.shape, t.shape)
    a = a if a.shape == shape else np.broadcast_to(a, shape)
    return a, t if t.shape == shape else np.broadcast_to(t, shape)


def state(name: str, evaluate: Function, evaluate_along: Function) -> Any:
    """State a function of matrices, and its derivative along a tangent; return both.

    ``evaluate_along(a, t)`` is the derivative of ``evaluate(a)``.
    """

    def jvp(tangents: Any, y: Any, a: Any) -> Any:
        return apply(along, a, tangents[0])

    def vjp(g: Any, y: Any, a: Any) -> Any:
        return (apply(along, transposed(a), g),)

    def along_jvp(tangents: Any, y: Any, a: Any, t: Any) -> Any:
        a_dot, t_dot = tangents
        total = None if t_dot is None else apply(along, a, t_dot)
        if a_dot is None:
            return total
        a, t = common(a, t)
        zeros = np.zeros_like(t)
        second = apply(along, doubled(a, t), doubled(common(a_dot, t)[0], zeros))
        second = corner_of(second)
        return second if total is None else total + second

    def along_vjp(g: Any, y: Any, a: Any, t: Any) -> Any:
        a, t = common(a, t)
        found = apply(along, transposed(doubled(a, t)), in_corner(g))
        n = a.shape[-1]
        return found[..., :n, :n] + found[..., n:, n:], corner_of(found)

    function = general(name, evaluate, form=Routine(core=(2,)), jvp=jvp, vjp=vjp)
    along = general(
        f"{name}_frechet",
        evaluate_along,
        form=Routine(core=(2, 2)),
        jvp=along_jvp,
        vjp=along_vjp,
    )
    return function, along


# Exponentials


def evaluate_expm(a: Any) -> Any:
    """Return ``scipy.linalg.expm``."""
    from scipy import linalg

    return linalg.expm(a)


def evaluate_expm_frechet(a: Any, t: Any) -> Any:
    """Return the derivative of the exponential along a tangent."""
    from scipy import linalg

    if 0 in a.shape[:-2]:  # SciPy takes no empty stacks; the exponential does
        return np.zeros(a.shape, np.result_type(a, t, np.float32))
    return linalg.expm_frechet(a, t, compute_expm=False, check_finite=False)


EXPM, EXPM_FRECHET = state("expm", evaluate_expm, evaluate_expm_frechet)


def evaluate_expm_beside(a: Any, t: Any) -> Any:
    """Return the exponential that SciPy finds beside its derivative."""
    from scipy import linalg

    return linalg.expm_frechet(a, t, check_finite=False)[0]


def expm_beside_jvp(tangents: Any, y: Any, a: Any, t: Any) -> Any:
    """Return the exponential's tangent."""
    if tangents[0] is None:
        return np.zeros_like(y)
    return apply(EXPM_FRECHET, a, tangents[0])


def expm_beside_vjp(g: Any, y: Any, a: Any, t: Any) -> Any:
    """Return the exponential's gradient."""
    return apply(EXPM_FRECHET, transposed(a), g), None


EXPM_BESIDE = general(
    "expm_beside",
    evaluate_expm_beside,
    form=Routine(core=(2, 2)),
    jvp=expm_beside_jvp,
    vjp=expm_beside_vjp,
)


@answers_named("scipy.linalg.expm")
def expm(A: Any) -> Any:
    """Answer ``scipy.linalg.expm``."""
    return apply(EXPM, at_least_matrix(A))


def at_least_matrix(a: Any) -> Any:
    """Return an argument as matrices: one number is one of them."""
    a = as_array(a)
    return np.reshape(a, (1, 1)) if a.size == 1 and a.ndim < 2 else matrices(a)


@answers_named("scipy.linalg.expm_frechet")
def expm_frechet(
    A: Any,
    E: Any,
    method: Any = None,
    compute_expm: bool = True,
    check_finite: bool = True,
) -> Any:
    """Answer ``scipy.linalg.expm_frechet``, by SciPy's own choice of a method."""
    if method not in (None, "SPS", "blockEnlarge"):
        raise ValueError(f"Unknown implementation {method}")
    a, t = matrices(A), matrices(E)
    if a.shape != t.shape:
        raise ValueError("expected A and E to be the same shape")
    if 0 in a.shape[:-2]:
        raise ValueError("`expm_frechet` does not support zero-size batches.")
    found = apply(EXPM_FRECHET, a, t)
    return (apply(EXPM_BESIDE, a, t), found) if compute_expm else found


# Logarithms, and square roots, which are complex where a number has no real one


def complex_result(x: Any) -> Any:
    """Return a result as complex numbers, whatever its type depends on."""
    return x.astype(np.result_type(x, np.complex64))


def evaluate_logm(a: Any) -> Any:
    """Return ``scipy.linalg.logm``, complex in any case.

    It estimates a norm with NumPy's global generator, whose numbers are the user's.
    """
    from scipy import linalg

    before = np.random.get_state(legacy=False)
    try:
        return complex_result(linalg.logm(a))
    finally:
        np.random.set_state(before)


def evaluate_logm_frechet(a: Any, t: Any) -> Any:
    """Return the derivative of the logarithm along a tangent."""
    return corner_of(evaluate_logm(doubled(*common(a, t))))


LOGM, _ = state("logm", evaluate_logm, evaluate_logm_frechet)


def real_if_all(found: Any, a: Any) -> Any:
    """Return the real part of a result where that is all of it, which is guarded."""
    if a.dtype.kind != "c" and bool(np.all(np.imag(found) == 0)):
        return np.real(found)
    return found


@answers_named("scipy.linalg.logm")
def logm(A: Any) -> Any:
    """Answer ``scipy.linalg.logm``: whether the result is real is guarded."""
    a = matrices(A)
    return real_if_all(apply(LOGM, a), a)


def evaluate_sqrtm(a: Any) -> Any:
    """Return ``scipy.linalg.sqrtm``, complex in any case."""
    from scipy import linalg

    return complex_result(linalg.sqrtm(a))


def sqrtm_jvp(tangents: Any, y: Any, a: Any) -> Any:
    """Return the solution of y x + x y = a_dot."""
    return apply(SOLVE_SYLVESTER, y, y, as_complex(tangents[0]))


def sqrtm_vjp(g: Any, y: Any, a: Any) -> Any:
    """Return the solution of y^T x + x y^T = g."""
    y = transposed(y)
    return (apply(SOLVE_SYLVESTER, y, y, g),)


def as_complex(x: Any) -> Any:
    """Return an array as complex numbers."""
    return x if x.dtype.kind == "c" else x + 0j


SQRTM = general(
    "sqrtm",
    evaluate_sqrtm,
    form=Routine(core=(2,)),
    jvp=sqrtm_jvp,
    vjp=sqrtm_vjp,
    reads=(False,),
)


@answers_named("scipy.linalg.sqrtm")
def sqrtm(A: Any) -> Any:
    """Answer ``scipy.linalg.sqrtm``: whether the result is real is guarded."""
    a = at_least_matrix(A)
    found = real_if_all(apply(SQRTM, a), a)
    if a.shape[-2:] == (1, 1) and np.sqrt(np.ones(1, a.dtype)).dtype == np.float16:
        return found.astype(np.float16)  # SciPy asks NumPy for roots of numbers
    return found


# Sylvester's equation, a x + x b = q


def evaluate_solve_sylvester(a: Any, b: Any, q: Any) -> Any:
    """Return ``scipy.linalg.solve_sylvester``."""
    from scipy import linalg

    if 0 in q.shape[:-2]:  # SciPy takes no stack of nothing
        return np.zeros(q.shape, np.result_type(a, b, q))
    return linalg.solve_sylvester(a, b, q)


def solve_sylvester_jvp(tangents: Any, x: Any, a: Any, b: Any, q: Any) -> Any:
    """Return the solution for q_dot - a_dot x - x b_dot."""
    a_dot, b_dot, right = tangents
    if a_dot is not None:
        moved = np.matmul(a_dot, x)
        right = -moved if right is None else right - moved
    if b_dot is not None:
        moved = np.matmul(x, b_dot)
        right = -moved if right is None else right - moved
    return apply(SOLVE_SYLVESTER, a, b, right)


def solve_sylvester_vjp(g: Any, x: Any, a: Any, b: Any, q: Any) -> Any:
    """Return the gradients by both factors and by the right-hand side."""
    v = apply(SOLVE_SYLVESTER, transposed(a), transposed(b), g)
    x = transposed(x)
    return -np.matmul(v, x), -np.matmul(x, v), v


SOLVE_SYLVESTER = general(
    "solve_sylvester",
    evaluate_solve_sylvester,
    form=Routine(core=(2, 2, 2)),
    jvp=solve_sylvester_jvp,
    vjp=solve_sylvester_vjp,
    reads=(True, True, False),
)


@answers_named("scipy.linalg.solve_sylvester")
def solve_sylvester(a: Any, b: Any, q: Any) -> Any:
    """Answer ``scipy.linalg.solve_sylvester``."""
    return apply(SOLVE_SYLVESTER, matrices(a), matrices(b), matrices(q))


# Polar decompositions: a = u p, or p u


def evaluate_polar(a: Any, *, side: str) -> Any:
    """Return ``scipy.linalg.polar``."""
    from scipy import linalg

    return tuple(linalg.polar(a, side=side))


def unitary_tangent(moved: Any, u: Any, p: Any) -> Any:
    """Return the tangent of u in a = u p, for a matrix that is not wide."""
    inner = np.matmul(adjoint(u), moved)
    turn = apply(SOLVE_SYLVESTER, p, p, inner - adjoint(inner))
    found = np.matmul(u, turn)
    if u.shape[-2] == u.shape[-1]:
        return found
    rest = moved - np.matmul(u, inner)
    return found + adjoint(np.linalg.solve(p, adjoint(rest)))


def polar_jvp(tangents: Any, results: Any, a: Any, *, side: str) -> Any:
    """Return the tangents of both factors."""
    (u, p), moved = results, tangents[0]
    is_tall = a.shape[-2] >= a.shape[-1]
    if is_tall:
        own = p if side == "right" else np.matmul(adjoint(u), a)
        u_dot = unitary_tangent(moved, u, own)
    else:
        own = p if side == "left" else np.matmul(a, adjoint(u))
        u_dot = adjoint(unitary_tangent(adjoint(moved), adjoint(u), own))
    if side == "right":
        p_dot = np.matmul(adjoint(u_dot), a) + np.matmul(adjoint(u), moved)
    else:
        p_dot = np.matmul(moved, adjoint(u)) + np.matmul(a, adjoint(u_dot))
    return u_dot, p_dot


POLAR = general(
    "polar", evaluate_polar, form=Routine(core=(2,)), jvp=polar_jvp, results=2
)


@answers_named("scipy.linalg.polar")
def polar(a: Any, side: str = "right") -> Any:
    """Answer ``scipy.linalg.polar``."""
    if side not in ("right", "left"):
        raise ValueError("`side` must be either 'right' or 'left'")
    return apply(POLAR, matrices(a), side=side)
