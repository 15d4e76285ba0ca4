"""Equations of matrices: Lyapunov's and Riccati's.

A solution is an implicit function: its tangent solves an equation of Lyapunov's, which
is linear.  Gradients are that solution transposed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.forms import Routine
from wengert.core.operation import answers_named, apply, general
from wengert.ops.elements import conjugate
from wengert.ops.join import as_array
from wengert.ops.linalg.triangles import adjoint, transposed

# Lyapunov's: a x + x a^H = q


def evaluate_lyapunov(a: Any, q: Any) -> Any:
    """Return ``scipy.linalg.solve_continuous_lyapunov``; of a stack of nothing too.

    SciPy takes the real Schur form of a real matrix for a triangle where the other one
    is complex.
    """
    from scipy import linalg

    kind = np.result_type(a, q)
    if 0 in (*a.shape[:-2], *q.shape[:-2]):
        stack = np.broadcast_shapes(a.shape[:-2], q.shape[:-2])
        return np.zeros((*stack, *q.shape[-2:]), kind)
    a = a.astype(kind) if kind.kind == "c" else a
    return linalg.solve_continuous_lyapunov(a, q)


def lyapunov(a: Any, q: Any) -> Any:
    """Return the solution for a right-hand side."""
    return apply(LYAPUNOV, a, q)


def lyapunov_jvp(tangents: Any, x: Any, a: Any, q: Any) -> Any:
    """Return the solution for q_dot - a_dot x - x a_dot^H."""
    a_dot, right = tangents
    if a_dot is not None:
        moved = np.matmul(a_dot, x) + np.matmul(x, adjoint(a_dot))
        right = -moved if right is None else right - moved
    return lyapunov(a, right)


def lyapunov_vjp(g: Any, x: Any, a: Any, q: Any) -> Any:
    """Return the gradients by the factor, which stands there twice, and by q."""
    v = lyapunov(transposed(a), g)
    twice = np.matmul(v, transposed(x)) + conjugate(np.matmul(transposed(v), x))
    return -twice, v


LYAPUNOV = general(
    "solve_continuous_lyapunov",
    evaluate_lyapunov,
    form=Routine(core=(2, 2)),
    jvp=lyapunov_jvp,
    vjp=lyapunov_vjp,
    reads=(True, False),
)


def as_matrices(a: Any) -> Any:
    """Return an argument as matrices, a number as one too."""
    a = as_array(a)
    return a if a.ndim > 1 else np.atleast_2d(a)


@answers_named("scipy.linalg.solve_continuous_lyapunov")
def solve_continuous_lyapunov(a: Any, q: Any) -> Any:
    """Answer ``scipy.linalg.solve_continuous_lyapunov``."""
    return lyapunov(as_matrices(a), as_matrices(q))


def stein(a: Any, q: Any) -> Any:
    """Return the solution of a x a^H - x + q = 0, by Cayley's transform of a.

    Kitagawa, "An algorithm for solving the matrix equation X = F X F^T + S" (1977).
    """
    eye = np.eye(a.shape[-1])
    inverse = np.linalg.inv(a + eye)
    right = np.matmul(np.matmul(inverse, q), adjoint(inverse))
    return lyapunov(np.matmul(inverse, a - eye), -2 * right)


# Riccati's
#
# Of the solution x, the gain k and what is left of a under it, c = a - b k, the tangent
# solves c^H x_dot e + e^H x_dot c = -w, or c^H x_dot c - e^H x_dot e = -w.


def moved(first: Any, x: Any, tangent: Any) -> Any:
    """Return ``first^H x tangent``; 0 where nothing moves."""
    return 0.0 if tangent is None else np.matmul(np.matmul(adjoint(first), x), tangent)


def with_adjoint(x: Any) -> Any:
    """Return a matrix and its adjoint in one sum."""
    return x + adjoint(x)


def riccati_jvp(tangents: Any, x: Any, *operands: Any, is_discrete: bool) -> Any:
    """Return the solution of the equation for the tangent."""
    a, b, _, r, e, s = operands
    a_dot, b_dot, q_dot, r_dot, e_dot, s_dot = tangents
    xb = np.matmul(x, b)
    weight = r + np.matmul(adjoint(b), xb) if is_discrete else r
    mixed = np.matmul(adjoint(a if is_discrete else e), xb) + s
    k = np.linalg.solve(weight, adjoint(mixed))
    c = a - np.matmul(b, k)
    near, far = (c, e) if is_discrete else (e, c)
    half = moved(near, x, a_dot)
    half = half + (-moved(far, x, e_dot) if is_discrete else moved(far, x, e_dot))
    if b_dot is not None:
        half = half - np.matmul(moved(near, x, b_dot), k)
    if s_dot is not None:
        half = half - np.matmul(s_dot, k)
    if q_dot is not None:
        half = half + 0.5 * q_dot
    if r_dot is not None:
        half = half + 0.5 * np.matmul(np.matmul(adjoint(k), r_dot), k)
    inverse = np.linalg.inv(e)
    c = adjoint(np.matmul(c, inverse))
    w = np.matmul(np.matmul(adjoint(inverse), with_adjoint(half)), inverse)
    x_dot = stein(c, w) if is_discrete else lyapunov(c, -w)
    return np.astype(0.5 * with_adjoint(x_dot), x.dtype, copy=False)


def riccati(name: str) -> None:
    """State and answer a solver of Riccati's equation."""

    def evaluate(*operands: Any, has: Any, balanced: bool) -> Any:
        """Return what SciPy solves for, without what there is not of e and s."""
        from scipy import linalg

        last = (
            x if there else None for x, there in zip(operands[4:], has, strict=True)
        )
        return getattr(linalg, name)(*operands[:4], *last, balanced)

    def jvp(tangents: Any, x: Any, *operands: Any, has: Any, balanced: bool) -> Any:
        return riccati_jvp(tangents, x, *operands, is_discrete="discrete" in name)

    operation = general(name, evaluate, form=Routine(), jvp=jvp)

    @answers_named(f"scipy.linalg.{name}")
    def solve(
        a: Any,
        b: Any,
        q: Any,
        r: Any,
        e: Any = None,
        s: Any = None,
        balanced: bool = True,
    ) -> Any:
        a, b, q, r = map(as_matrices, (a, b, q, r))
        how = {"has": (e is not None, s is not None), "balanced": bool(balanced)}
        e = np.eye(a.shape[-1]) if e is None else as_matrices(e)
        s = np.zeros(b.shape[-2:]) if s is None else as_matrices(s)
        return apply(operation, a, b, q, r, e, s, **how)


for _name in ("solve_continuous_are", "solve_discrete_are"):
    riccati(_name)
