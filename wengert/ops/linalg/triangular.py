"""SciPy's triangular solves, and the factors that are kept to solve with.

A factor is an operation's result, which solving reads: what was factored once is used
in every sweep.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from wengert.core.forms import Routine
from wengert.core.operation import answers_named, apply, constant_of, general
from wengert.ops.elements import conjugate
from wengert.ops.join import as_array
from wengert.ops.linalg.cholesky import (
    cholesky_jvp,
    cholesky_text,
    cholesky_vjp,
)
from wengert.ops.linalg.triangles import (
    adjoint,
    matrices,
    real_type,
    transposed,
    triangle,
)

#: What ``trans=`` may be, and which transpose it means: none, plain, conjugated.
TRANS = {0: 0, 1: 1, 2: 2, "N": 0, "T": 1, "C": 2}


def with_columns(solution: Any, b: Any) -> Any:
    """Return a solution for columns, or for one vector."""
    b = as_array(b)
    return solution(b) if b.ndim > 1 else solution(b[:, None])[..., 0]


# Triangular systems


def evaluate_solve_triangular(a: Any, b: Any, **settings: Any) -> Any:
    """Return ``scipy.linalg.solve_triangular``."""
    from scipy import linalg

    return linalg.solve_triangular(a, b, **settings)


def checked(check_finite: bool, *texts: str) -> list[str]:
    """Return native operands, which SciPy may ask to be finite."""
    return [f"finite({text})" for text in texts] if check_finite else [*texts]


def triangular_text(
    *, trans: int, lower: bool, unit_diagonal: bool, check_finite: bool
) -> str:
    """Return what a triangular solve is natively."""
    a, b = checked(check_finite, "x", "y")
    if trans:
        a, lower = f"transposed({a})", not lower
    name = "unit_" * unit_diagonal + ("lower" if lower else "upper")
    return f"{name}({a}, {b})"


def kept(x: Any, lower: bool, unit_diagonal: bool) -> Any:
    """Return the triangle that is read."""
    return triangle(x, not lower, 0.0 if unit_diagonal else 1.0)


def solve_triangular_jvp(
    tangents: Any, x: Any, a: Any, b: Any, *, trans: int, **settings: Any
) -> Any:
    """Return the solution for b_dot - a_dot x."""
    a_dot, b_dot = tangents
    right = b_dot
    if a_dot is not None:
        a_dot = kept(a_dot, settings["lower"], settings["unit_diagonal"])
        moved = np.matmul(transposed(a_dot) if trans else a_dot, x)
        right = -moved if b_dot is None else b_dot - moved
    settings["check_finite"] = False
    return apply(SOLVE_TRIANGULAR, a, right, trans=trans, **settings)


def solve_triangular_vjp(
    g: Any, x: Any, a: Any, b: Any, *, trans: int, **settings: Any
) -> Any:
    """Return the gradients by the triangle and by the right-hand side."""
    settings["check_finite"] = False
    v = apply(SOLVE_TRIANGULAR, a, g, trans=1 - trans, **settings)
    outer = np.matmul(x, transposed(v)) if trans else np.matmul(v, transposed(x))
    return -kept(outer, settings["lower"], settings["unit_diagonal"]), v


SOLVE_TRIANGULAR = general(
    "solve_triangular",
    evaluate_solve_triangular,
    form=Routine(core=(2, 2), native=triangular_text),
    jvp=solve_triangular_jvp,
    vjp=solve_triangular_vjp,
    reads=(True, False),
)


@answers_named("scipy.linalg.solve_triangular")
def solve_triangular(
    a: Any,
    b: Any,
    trans: Any = 0,
    lower: bool = False,
    unit_diagonal: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> Any:
    """Answer ``scipy.linalg.solve_triangular``."""
    how, a = TRANS[trans], matrices(a)
    settings: dict[str, Any] = {
        "trans": min(how, 1),
        "lower": bool(lower),
        "unit_diagonal": bool(unit_diagonal),
        "check_finite": bool(check_finite),
    }

    def solution(b: Any) -> Any:
        if how == 2 and a.dtype.kind == "c":
            right = np.conjugate(b)
            return np.conjugate(apply(SOLVE_TRIANGULAR, a, right, **settings))
        return apply(SOLVE_TRIANGULAR, a, b, **settings)

    return with_columns(solution, b)


# Cholesky factors


def evaluate_scipy_cholesky(a: Any, **settings: Any) -> Any:
    """Return ``scipy.linalg.cholesky``."""
    from scipy import linalg

    return linalg.cholesky(a, **settings)


def scipy_cholesky_jvp(
    tangents: Any, c: Any, a: Any, *, lower: bool, check_finite: bool
) -> Any:
    """Return the tangent as that of NumPy's factor."""
    return cholesky_jvp(tangents, c, a, upper=not lower)


def scipy_cholesky_vjp(
    g: Any, c: Any, a: Any, *, lower: bool, check_finite: bool
) -> Any:
    """Return the gradient as that of NumPy's factor."""
    return cholesky_vjp(g, c, a, upper=not lower)


def scipy_cholesky_text(*, lower: bool, check_finite: bool) -> str:
    """Return what it is natively: that of NumPy, of a finite matrix."""
    (a,) = checked(check_finite, "x")
    return cholesky_text(upper=not lower).replace("x", a)


SCIPY_CHOLESKY = general(
    "scipy_cholesky",
    evaluate_scipy_cholesky,
    form=Routine(core=(2,), native=scipy_cholesky_text),
    jvp=scipy_cholesky_jvp,
    vjp=scipy_cholesky_vjp,
    reads=(False,),
)


@answers_named("scipy.linalg.cholesky")
def scipy_cholesky(
    a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> Any:
    """Answer ``scipy.linalg.cholesky``."""
    settings = {"lower": bool(lower), "check_finite": bool(check_finite)}
    return apply(SCIPY_CHOLESKY, as_array(a), **settings)


def evaluate_cho_factor(a: Any, **settings: Any) -> Any:
    """Return the matrix of ``scipy.linalg.cho_factor``."""
    from scipy import linalg

    return linalg.cho_factor(a, **settings)[0]


@cache
def keeps_other_triangle() -> bool:
    """Whether a factor's other triangle is the matrix's; 0 from SciPy 1.18 on."""
    return bool(evaluate_cho_factor(np.ones((2, 2)) + np.eye(2))[1, 0])


def cho_factor_jvp(
    tangents: Any, c: Any, a: Any, *, lower: bool, check_finite: bool
) -> Any:
    """Return the factor's tangent; the other triangle may be that of the matrix."""
    factor = triangle(c, not lower)
    found = cholesky_jvp(tangents, factor, a, upper=not lower)
    return found + passed_through(tangents[0], lower)


def cho_factor_vjp(g: Any, c: Any, a: Any, *, lower: bool, check_finite: bool) -> Any:
    """Return the gradient of the factor, and of the triangle that passes through."""
    factor = triangle(c, not lower)
    (found,) = cholesky_vjp(triangle(g, not lower), factor, a, upper=not lower)
    return (found + passed_through(g, lower),)


def passed_through(x: Any, lower: bool) -> Any:
    """Return the triangle that a factor has of its matrix, 0.0 if it has none."""
    return triangle(x, lower, 0.0) if keeps_other_triangle() else 0.0


def cho_factor_text(*, lower: bool, check_finite: bool) -> str:
    """Return what it is natively: a factor beside what is passed through."""
    (a,) = checked(check_finite, "x")
    if not lower:
        a = f"transposed({a})"
    found = (
        f"beside(cholesky({a}), {a})" if keeps_other_triangle() else f"cholesky({a})"
    )
    return found if lower else f"transposed({found})"


CHO_FACTOR = general(
    "cho_factor",
    evaluate_cho_factor,
    form=Routine(core=(2,), native=cho_factor_text),
    jvp=cho_factor_jvp,
    vjp=cho_factor_vjp,
    reads=(False,),
)


@answers_named("scipy.linalg.cho_factor")
def cho_factor(
    a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> tuple[Any, bool]:
    """Answer ``scipy.linalg.cho_factor``."""
    settings = {"lower": bool(lower), "check_finite": bool(check_finite)}
    return apply(CHO_FACTOR, as_array(a), **settings), lower


def evaluate_cho_solve(c: Any, b: Any, *, lower: bool, check_finite: bool) -> Any:
    """Return ``scipy.linalg.cho_solve``."""
    from scipy import linalg

    return linalg.cho_solve((c, lower), b, check_finite=check_finite)


def cho_solve_jvp(
    tangents: Any, x: Any, c: Any, b: Any, *, lower: bool, check_finite: bool
) -> Any:
    """Return the solution for b_dot less what the moved factors do to x."""
    c_dot, right = tangents
    if c_dot is not None:
        factor, moved = triangle(c, not lower), triangle(c_dot, not lower)
        if not lower:
            factor, moved = adjoint(factor), adjoint(moved)
        first = np.matmul(moved, np.matmul(adjoint(factor), x))
        second = np.matmul(factor, np.matmul(adjoint(moved), x))
        right = -(first + second) if right is None else right - first - second
    return apply(CHO_SOLVE, c, right, lower=lower, check_finite=False)


def cho_solve_vjp(
    g: Any, x: Any, c: Any, b: Any, *, lower: bool, check_finite: bool
) -> Any:
    """Return the gradients by the factor and by the right-hand side."""
    v = apply(CHO_SOLVE, c, conjugate(g), lower=lower, check_finite=False)
    factor = triangle(c, not lower)
    if lower:
        found = np.matmul(v, np.matmul(adjoint(x), factor))
        found = found + np.matmul(x, np.matmul(adjoint(v), factor))
    else:
        found = np.matmul(np.matmul(factor, v), adjoint(x))
        found = found + np.matmul(np.matmul(factor, x), adjoint(v))
    return -conjugate(triangle(found, not lower)), conjugate(v)


def cho_solve_text(*, lower: bool, check_finite: bool) -> str:
    """Return what it is natively: solves with the factor and with its transpose."""
    c, b = checked(check_finite, "x", "y")
    if lower:
        return f"upper(transposed(x), lower({c}, {b}))"
    return f"upper(x, lower(transposed({c}), {b}))"


CHO_SOLVE = general(
    "cho_solve",
    evaluate_cho_solve,
    form=Routine(core=(2, 2), native=cho_solve_text),
    jvp=cho_solve_jvp,
    vjp=cho_solve_vjp,
    reads=(True, False),
)


@answers_named("scipy.linalg.cho_solve")
def cho_solve(
    c_and_lower: Any, b: Any, overwrite_b: bool = False, check_finite: bool = True
) -> Any:
    """Answer ``scipy.linalg.cho_solve``."""
    c, lower = c_and_lower
    settings = {"lower": bool(lower), "check_finite": bool(check_finite)}
    c = matrices(c)
    return with_columns(lambda b: apply(CHO_SOLVE, c, b, **settings), b)


# LU factors


def permuted(x: Any, order: Any) -> Any:
    """Return matrices with their rows in an order."""
    return np.take_along_axis(x, order[..., None], axis=-2)


def evaluate_order_of_pivots(pivots: Any, *, count: int) -> Any:
    """Return the order of rows that LAPACK's exchanges make."""
    order = np.empty((*pivots.shape[:-1], count), np.intp)
    order[...] = np.arange(count)
    for place in np.ndindex(pivots.shape[:-1]):
        for k, j in enumerate(pivots[place]):
            order[place][[k, j]] = order[place][[j, k]]
    return order


ORDER_OF_PIVOTS = constant_of(
    "order_of_pivots", evaluate_order_of_pivots, form=Routine(core=(1,)), numpy=()
)


def solved(a: Any, b: Any, lower: bool, trans: int = 0) -> Any:
    """Return the solution with one triangle, of which a lower one has ones."""
    settings = {"lower": lower, "unit_diagonal": lower, "check_finite": False}
    return apply(SOLVE_TRIANGULAR, a, b, trans=trans, **settings)


def solved_right(b: Any, a: Any, lower: bool) -> Any:
    """Return b a^-1 for a triangle."""
    return transposed(solved(a, transposed(b), lower, 1))


def lu_tangents(moved: Any, low: Any, high: Any) -> tuple[Any, Any]:
    """Return the tangents of both factors, for a tangent whose rows are in order.

    The factors may be given in one matrix; what is not theirs is not read.
    """
    k = min(low.shape[-1], high.shape[-2])
    first, square = low[..., :k, :k], high[..., :k, :k]
    inner = solved(first, moved[..., :k, :k], True)
    inner = solved_right(inner, square, False)
    below, above = triangle(inner, diagonal=0.0), triangle(inner, True)
    unit = triangle(first, diagonal=0.0) + np.eye(k, dtype=real_type(inner.dtype))
    low_dot = np.matmul(unit, below)
    high_dot = np.matmul(above, triangle(square, True))
    if low.shape[-2] > k:
        rest = moved[..., k:, :] - np.matmul(low[..., k:, :k], high_dot)
        low_dot = np.concatenate([low_dot, solved_right(rest, square, False)], axis=-2)
    elif high.shape[-1] > k:
        rest = moved[..., k:] - np.matmul(low_dot, high[..., :k, k:])
        high_dot = np.concatenate([high_dot, solved(first, rest, True)], axis=-1)
    return low_dot, high_dot


def lu_gradient(by_low: Any, by_high: Any, low: Any, high: Any) -> Any:
    """Return the gradient by the matrix whose rows are in order; not conjugated."""
    k = min(low.shape[-1], high.shape[-2])
    first, square = low[..., :k, :k], high[..., :k, :k]
    below, right = None, None
    if low.shape[-2] > k:
        below = transposed(solved(square, transposed(by_low[..., k:, :k]), False))
        more = np.matmul(transposed(low[..., k:, :k]), below)
        by_high = by_high[..., :k, :k] - more
    elif high.shape[-1] > k:
        right = solved(first, by_high[..., :k, k:], True, 1)
        more = np.matmul(right, transposed(high[..., :k, k:]))
        by_low = by_low[..., :k, :k] - more
    by_low = triangle(by_low[..., :k, :k], diagonal=0.0)
    by_high = triangle(by_high[..., :k, :k], True)
    unit = triangle(first, diagonal=0.0) + np.eye(k, dtype=real_type(by_low.dtype))
    inner = triangle(np.matmul(transposed(unit), by_low), diagonal=0.0)
    upper = triangle(square, True)
    inner = inner + triangle(np.matmul(by_high, transposed(upper)), True)
    found = solved(first, inner, True, 1)
    found = transposed(solved(square, transposed(found), False))
    if below is not None:
        return np.concatenate([found, below], axis=-2)
    return found if right is None else np.concatenate([found, right], axis=-1)


def evaluate_lu_factor(a: Any, *, check_finite: bool) -> Any:
    """Return ``scipy.linalg.lu_factor``."""
    from scipy import linalg

    return tuple(linalg.lu_factor(a, check_finite=check_finite))


def lu_factor_jvp(tangents: Any, results: Any, a: Any, *, check_finite: bool) -> Any:
    """Return the tangent of the factors in one matrix."""
    lu, pivots = results
    order = apply(ORDER_OF_PIVOTS, pivots, count=a.shape[-2])
    low, high = lu_tangents(permuted(tangents[0], order), lu, lu)
    return in_one(low, high), None


def in_one(low: Any, high: Any) -> Any:
    """Return a strict lower and an upper triangle as one matrix."""
    m, n, k = low.shape[-2], high.shape[-1], low.shape[-1]
    if m > k:
        rest = np.zeros((*high.shape[:-2], m - k, n), high.dtype)
        high = np.concatenate([high, rest], axis=-2)
    if n > k:
        rest = np.zeros((*low.shape[:-1], n - k), low.dtype)
        low = np.concatenate([low, rest], axis=-1)
    return low + high


def lu_factor_vjp(gradients: Any, results: Any, a: Any, *, check_finite: bool) -> Any:
    """Return the gradient by the matrix."""
    lu, pivots = results
    order = apply(ORDER_OF_PIVOTS, pivots, count=a.shape[-2])
    found = lu_gradient(gradients[0], gradients[0], lu, lu)
    return (permuted(found, np.argsort(order, axis=-1)),)


LU_FACTOR = general(
    "lu_factor",
    evaluate_lu_factor,
    form=Routine(core=(2,)),
    jvp=lu_factor_jvp,
    vjp=lu_factor_vjp,
    results=2,
    reads=(False,),
)


@answers_named("scipy.linalg.lu_factor")
def lu_factor(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """Answer ``scipy.linalg.lu_factor``."""
    return apply(LU_FACTOR, as_array(a), check_finite=bool(check_finite))


def evaluate_lu_solve(
    lu: Any, pivots: Any, b: Any, *, trans: int, check_finite: bool
) -> Any:
    """Return ``scipy.linalg.lu_solve``."""
    from scipy import linalg

    return linalg.lu_solve((lu, pivots), b, trans=trans, check_finite=check_finite)


def lu_solve_jvp(
    tangents: Any,
    x: Any,
    lu: Any,
    pivots: Any,
    b: Any,
    *,
    trans: int,
    check_finite: bool,
) -> Any:
    """Return the solution for b_dot less what the moved factors do to x."""
    lu_dot, _, right = tangents
    if lu_dot is not None:
        order = apply(ORDER_OF_PIVOTS, pivots, count=lu.shape[-2])
        unit, upper = both_factors(lu)
        moved = np.matmul(triangle(lu_dot, diagonal=0.0), upper)
        moved = moved + np.matmul(unit, triangle(lu_dot, True))
        moved = permuted(moved, np.argsort(order, axis=-1))
        part = np.matmul(transposed(moved) if trans else moved, x)
        right = -part if right is None else right - part
    return apply(LU_SOLVE, lu, pivots, right, trans=trans, check_finite=False)


def both_factors(lu: Any) -> tuple[Any, Any]:
    """Return the two triangles that lie in one matrix."""
    identity = np.eye(lu.shape[-1], dtype=real_type(lu.dtype))
    return triangle(lu, diagonal=0.0) + identity, triangle(lu, True)


def lu_solve_vjp(
    g: Any, x: Any, lu: Any, pivots: Any, b: Any, *, trans: int, check_finite: bool
) -> Any:
    """Return the gradients by the factors and by the right-hand side."""
    v = apply(LU_SOLVE, lu, pivots, g, trans=1 - trans, check_finite=False)
    outer = np.matmul(x, transposed(v)) if trans else np.matmul(v, transposed(x))
    order = apply(ORDER_OF_PIVOTS, pivots, count=lu.shape[-2])
    outer, (unit, upper) = permuted(outer, order), both_factors(lu)
    found = triangle(np.matmul(outer, transposed(upper)), diagonal=0.0)
    found = found + triangle(np.matmul(transposed(unit), outer), True)
    return -found, None, v


LU_SOLVE = general(
    "lu_solve",
    evaluate_lu_solve,
    form=Routine(core=(2, 1, 2)),
    jvp=lu_solve_jvp,
    vjp=lu_solve_vjp,
    reads=(True, True, False),
)


@answers_named("scipy.linalg.lu_solve")
def lu_solve(
    lu_and_piv: Any,
    b: Any,
    trans: int = 0,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> Any:
    """Answer ``scipy.linalg.lu_solve``."""
    lu, pivots = map(as_array, lu_and_piv)
    settings = {"trans": min(trans, 1), "check_finite": bool(check_finite)}

    def solution(b: Any) -> Any:
        if trans == 2 and lu.dtype.kind == "c":
            right = np.conjugate(b)
            return np.conjugate(apply(LU_SOLVE, lu, pivots, right, **settings))
        return apply(LU_SOLVE, lu, pivots, b, **settings)

    return with_columns(solution, b)


def evaluate_lu(a: Any, *, check_finite: bool) -> Any:
    """Return ``scipy.linalg.lu``, the permutation as places."""
    from scipy import linalg

    return tuple(linalg.lu(a, p_indices=True, check_finite=check_finite))


def lu_jvp(tangents: Any, results: Any, a: Any, *, check_finite: bool) -> Any:
    """Return the tangents of both factors."""
    places, low, high = results
    moved = permuted(tangents[0], np.argsort(places, axis=-1))
    return None, *lu_tangents(moved, low, high)


def lu_vjp(gradients: Any, results: Any, a: Any, *, check_finite: bool) -> Any:
    """Return the gradient by the matrix."""
    places, low, high = results
    _, by_low, by_high = gradients
    by_low = np.zeros_like(low) if by_low is None else by_low
    by_high = np.zeros_like(high) if by_high is None else by_high
    return (permuted(lu_gradient(by_low, by_high, low, high), places),)


LU = general(
    "lu",
    evaluate_lu,
    form=Routine(core=(2,)),
    jvp=lu_jvp,
    vjp=lu_vjp,
    results=3,
    reads=(False,),
)


@answers_named("scipy.linalg.lu")
def lu(
    a: Any,
    permute_l: bool = False,
    overwrite_a: bool = False,
    check_finite: bool = True,
    p_indices: bool = False,
) -> Any:
    """Answer ``scipy.linalg.lu``."""
    a = as_array(a)
    places, low, high = apply(LU, a, check_finite=bool(check_finite))
    if permute_l:
        return permuted(low, places), high
    if not p_indices:
        places = np.eye(a.shape[-2], dtype=real_type(low.dtype))[places]
    return places, low, high
