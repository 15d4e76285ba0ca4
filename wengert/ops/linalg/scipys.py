"""SciPy's own functions of NumPy's names: their values are SciPy's, the rules NumPy's.

SciPy brings a library of its own, whose roundings and signs may be others.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.forms import Routine
from wengert.core.operation import (
    Function,
    Operation,
    answers_named,
    apply,
    constant_of,
    general,
)
from wengert.errors import UnsupportedError, explain
from wengert.ops.elements import conjugate
from wengert.ops.join import as_array
from wengert.ops.linalg.determinants import det_jvp, det_vjp
from wengert.ops.linalg.eigen import (
    eig_jvp,
    eigh_jvp,
    eigh_vjp,
    eigvals_jvp,
    eigvals_vjp,
    eigvalsh_jvp,
    eigvalsh_vjp,
    is_real,
    turned,
)
from wengert.ops.linalg.functions import complex_result
from wengert.ops.linalg.gaps import inverse_gaps
from wengert.ops.linalg.orthogonal import qr_complete_jvp, qr_jvp, qr_vjp
from wengert.ops.linalg.singular import (
    LSTSQ_VALUES,
    lstsq_jvp,
    pinv_jvp,
    pinv_vjp,
    svd_full_jvp,
    svd_jvp,
    svd_vjp,
    svdvals_jvp,
    svdvals_vjp,
)
from wengert.ops.linalg.triangles import (
    adjoint,
    diagonal,
    from_triangle,
    matrices,
    on_diagonal,
    onto_triangle,
    plain,
    real_type,
    transposed,
    triangle,
)
from wengert.ops.linalg.triangular import with_columns


def evaluated(name: str) -> Function:
    """Return a function of plain numbers that calls SciPy's, which is loaded then."""

    def evaluate(*operands: Any, **settings: Any) -> Any:
        from scipy import linalg

        found = getattr(linalg, name)(*operands, **settings)
        return tuple(found) if isinstance(found, list) else found

    return evaluate


def of(rule: Function, **given: Any) -> Function:
    """Return a rule of NumPy's for an operation with SciPy's settings."""

    def of_scipys(*args: Any, **_: Any) -> Any:
        return rule(*args, **given)

    return of_scipys


def state(
    name: str,
    function: Function,
    jvp: Function,
    vjp: Function | None = None,
    results: int = 1,
    core: tuple[int, ...] = (2,),
) -> Operation:
    """State an operation of SciPy's whose rules read operands and results."""
    return general(
        f"scipy_{name}",
        function,
        form=Routine(core=core),
        jvp=jvp,
        vjp=vjp,
        results=results,
    )


def refuse(what: str, instead: str) -> UnsupportedError:
    """Return the error of a setting that no rule is for."""
    return UnsupportedError(explain(what, "no rule is stated for it", instead))


# Equations; of a matrix that is said to have a structure, only a part is read

#: By structure: which transpose of the matrix it is, by what is read.
SAME = frozenset({"sym", "symmetric", "her", "hermitian", "pos", "positive definite"})
FLIPPED = {
    "upper triangular": "lower triangular",
    "lower triangular": "upper triangular",
}


def part_read(a: Any, assume: str | None, lower: bool) -> Any:
    """Return the matrix that is meant by the part that is read: linear in it."""
    if assume in ("sym", "symmetric"):
        half = triangle(a, not lower, 0.5)
        return half + transposed(half)
    if assume in SAME:
        return from_triangle(a, not lower)
    return masked(a, assume)


def onto_part(g: Any, assume: str | None, lower: bool) -> Any:
    """Return the gradient of `part_read` by the whole matrix: its transpose."""
    if assume in ("sym", "symmetric"):
        return triangle(g + transposed(g), not lower, 0.5)
    if assume in SAME:
        return onto_triangle(g, not lower)
    return masked(g, assume)


def masked(a: Any, assume: str | None) -> Any:
    """Return the part of a matrix that is read as it stands."""
    if assume in FLIPPED:
        return triangle(a, assume.startswith("upper"))
    if assume in ("diagonal", "tridiagonal"):
        kind, n = real_type(a.dtype), a.shape[-1]
        width = 0 if assume == "diagonal" else 1
        band = np.tri(n, k=width, dtype=kind) * np.tri(n, k=width, dtype=kind).T
        return np.multiply(a, band)
    return a


def solve_jvp(
    tangents: Any, x: Any, a: Any, b: Any, *, check_finite: bool, **how: Any
) -> Any:
    """Return the solution for b_dot - a_dot x."""
    a_dot, right = tangents
    if a_dot is not None:
        moved = part_read(a_dot, how["assume_a"], how["lower"])
        moved = np.matmul(transposed(moved) if how["transposed"] else moved, x)
        right = -moved if right is None else right - moved
    return apply(SOLVE, a, right, check_finite=False, **how)


def solve_vjp(g: Any, x: Any, a: Any, b: Any, *, check_finite: bool, **how: Any) -> Any:
    """Return the gradients by the matrix and by the right-hand side."""
    assume, lower, flips = how["assume_a"], how["lower"], how["transposed"]
    how["check_finite"] = False
    if assume in SAME:  # the transpose is itself, or its conjugate
        turn = as_array if assume in ("sym", "symmetric") else conjugate
        v = turn(apply(SOLVE, a, turn(g), **how))
    elif flips:
        v = apply(SOLVE, a, g, **how | {"transposed": False})
    else:
        other = FLIPPED.get(assume, assume)
        v = apply(SOLVE, transposed(a), g, **how | {"assume_a": other})
    outer = np.matmul(x, transposed(v)) if flips else np.matmul(v, transposed(x))
    return -onto_part(outer, assume, lower), v


SOLVE = general(
    "scipy_solve",
    evaluated("solve"),
    form=Routine(core=(2, 2)),
    jvp=solve_jvp,
    vjp=solve_vjp,
    reads=(True, False),
)


@answers_named("scipy.linalg.solve")
def solve(
    a: Any,
    b: Any,
    lower: bool = False,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    assume_a: str | None = None,
    transposed: bool = False,
) -> Any:
    """Answer ``scipy.linalg.solve``."""
    a = np.atleast_2d(as_array(a))
    if transposed and a.dtype.kind == "c":
        raise NotImplementedError(
            "scipy.linalg.solve can currently not solve a^T x = b or a^H x = b for "
            "complex matrices."
        )
    how = {
        "lower": bool(lower),
        "assume_a": assume_a,
        "transposed": bool(transposed),
    }
    checked = bool(check_finite)
    return with_columns(lambda b: apply(SOLVE, a, b, check_finite=checked, **how), b)


def inv_jvp(
    tangents: Any, y: Any, a: Any, *, assume_a: str | None, lower: bool, **_: Any
) -> Any:
    """Return -y a_dot y."""
    moved = part_read(tangents[0], assume_a, lower)
    return -np.matmul(np.matmul(y, moved), y)


def inv_vjp(
    g: Any, y: Any, a: Any, *, assume_a: str | None, lower: bool, **_: Any
) -> Any:
    """Return -y^T g y^T, of the part that was read."""
    y = transposed(y)
    return (-onto_part(np.matmul(np.matmul(y, g), y), assume_a, lower),)


INV = state("inv", evaluated("inv"), inv_jvp, inv_vjp)


@answers_named("scipy.linalg.inv")
def inv(
    a: Any,
    overwrite_a: bool = False,
    check_finite: bool = True,
    *,
    assume_a: str | None = None,
    lower: bool = False,
) -> Any:
    """Answer ``scipy.linalg.inv``."""
    how = {"assume_a": assume_a, "lower": bool(lower)}
    return apply(INV, matrices(a), check_finite=bool(check_finite), **how)


DET = state("det", evaluated("det"), of(det_jvp), of(det_vjp))


@answers_named("scipy.linalg.det")
def det(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """Answer ``scipy.linalg.det``."""
    return apply(DET, matrices(a), check_finite=bool(check_finite))


# Singular values

SVD = state("svd", evaluated("svd"), of(svd_jvp), of(svd_vjp), results=3)
SVD_FULL = state("svd_full", evaluated("svd"), of(svd_full_jvp), results=3)
SVDVALS = state("svdvals", evaluated("svdvals"), of(svdvals_jvp), of(svdvals_vjp))


@answers_named("scipy.linalg.svd")
def svd(
    a: Any,
    full_matrices: bool = True,
    compute_uv: bool = True,
    overwrite_a: bool = False,
    check_finite: bool = True,
    lapack_driver: str = "gesdd",
) -> Any:
    """Answer ``scipy.linalg.svd``."""
    a = matrices(a)
    checked = bool(check_finite)
    if not compute_uv:
        return apply(SVDVALS, a, check_finite=checked)
    is_full = bool(full_matrices) and a.shape[-1] != a.shape[-2]
    how = {"full_matrices": is_full, "lapack_driver": lapack_driver}
    return apply(SVD_FULL if is_full else SVD, a, check_finite=checked, **how)


@answers_named("scipy.linalg.svdvals")
def svdvals(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """Answer ``scipy.linalg.svdvals``."""
    return apply(SVDVALS, matrices(a), check_finite=bool(check_finite))


PINV = state(
    "pinv", evaluated("pinv"), of(pinv_jvp, rcond=None), of(pinv_vjp, rcond=None)
)


def evaluate_rank_of_pinv(a: Any, **settings: Any) -> Any:
    """Return the rank that ``scipy.linalg.pinv`` finds."""
    from scipy import linalg

    return np.asarray(linalg.pinv(a, return_rank=True, **settings)[1])[()]


RANK_OF_PINV = constant_of(
    "rank_of_pinv", evaluate_rank_of_pinv, form=Routine(core=(2,)), numpy=()
)


@answers_named("scipy.linalg.pinv")
def pinv(
    a: Any,
    *,
    atol: Any = None,
    rtol: Any = None,
    return_rank: bool = False,
    check_finite: bool = True,
) -> Any:
    """Answer ``scipy.linalg.pinv``."""
    a = matrices(a)
    how = {
        name: None if value is None else float(plain(value, name))
        for name, value in (("atol", atol), ("rtol", rtol))
    }
    checked = bool(check_finite)
    found = apply(PINV, a, check_finite=checked, **how)
    if not return_rank:
        return found
    return found, apply(RANK_OF_PINV, a, check_finite=checked, **how)


def evaluate_lstsq(a: Any, b: Any, **settings: Any) -> Any:
    """Return ``scipy.linalg.lstsq``."""
    from scipy import linalg

    x, residuals, rank, s = linalg.lstsq(a, b, **settings)
    return x, residuals, np.asarray(rank, np.intp)[()], s


def scipy_lstsq_jvp(
    tangents: Any, results: Any, a: Any, b: Any, *, cond: Any, **_: Any
) -> Any:
    """Return the tangents as NumPy's, at constant rank."""
    x, residuals, rank, s = results
    cut = float(np.finfo(s.dtype).eps) if cond is None else cond
    is_vector = b.ndim == 1
    if is_vector:
        x, b, right = (v if v is None else v[..., None] for v in (x, b, tangents[1]))
        tangents = tangents[0], right
    results = (x, residuals, rank, s)
    x_dot, sums, *rest = lstsq_jvp(tangents, results, a, b, rcond=cut)
    if is_vector:
        x_dot, sums = x_dot[..., 0], sums[..., 0] if residuals.size else sums
    return x_dot, np.astype(sums, residuals.dtype, copy=False), *rest


LSTSQ = general(
    "scipy_lstsq",
    evaluate_lstsq,
    form=Routine(),
    jvp=scipy_lstsq_jvp,
    results=4,
    reads=(True,),
)


@answers_named("scipy.linalg.lstsq")
def lstsq(
    a: Any,
    b: Any,
    cond: Any = None,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    lapack_driver: str | None = None,
) -> Any:
    """Answer ``scipy.linalg.lstsq``: the rank of a matrix is guarded."""
    if lapack_driver == "gelsy":
        raise refuse(
            "scipy.linalg.lstsq with lapack_driver='gelsy'", "lapack_driver='gelsd'"
        )
    a, b = matrices(a), as_array(b)
    how = {
        "cond": None if cond is None else float(plain(cond, "cond")),
        "check_finite": bool(check_finite),
        "lapack_driver": lapack_driver,
    }
    x, residuals, rank, s = apply(LSTSQ, a, b, **how)
    rank = rank if a.ndim > 2 else rank.__index__()
    return x, residuals, rank, apply(LSTSQ_VALUES, a, s)


# Eigenvalues


def evaluate_eigh(a: Any, **settings: Any) -> Any:
    """Return ``scipy.linalg.eigh``."""
    from scipy import linalg

    return tuple(linalg.eigh(a, **settings))


def by_lower(rule: Function) -> Function:
    """Return a rule of NumPy's by the triangle that SciPy reads."""

    def of_scipys(*args: Any, lower: bool, **_: Any) -> Any:
        return rule(*args, upper=not lower)

    return of_scipys


SCIPY_EIGH = state("eigh", evaluate_eigh, by_lower(eigh_jvp), by_lower(eigh_vjp), 2)
EIGVALSH = state(
    "eigvalsh", evaluated("eigvalsh"), by_lower(eigvalsh_jvp), by_lower(eigvalsh_vjp)
)


def evaluate_eigh_general(a: Any, b: Any, **settings: Any) -> Any:
    """Return ``scipy.linalg.eigh`` of two matrices."""
    from scipy import linalg

    return tuple(linalg.eigh(a, b, **settings))


def eigh_general_jvp(
    tangents: Any, results: Any, a: Any, b: Any, *, lower: bool, **_: Any
) -> Any:
    """Return the tangents: a v = b v diag(w), and v^H b v is the identity."""
    (w, v), (a_dot, b_dot) = results, tangents
    inner = None if a_dot is None else turned(v, from_triangle(a_dot, not lower))
    norms = None if b_dot is None else turned(v, from_triangle(b_dot, not lower))
    if norms is None:
        both = inner
    else:
        moved = np.multiply(norms, w[..., None, :])
        both = -moved if inner is None else inner - moved
    assert both is not None
    turn = np.multiply(inverse_gaps(w), both)
    if norms is not None:
        turn = turn - on_diagonal(np.real(diagonal(norms)) / 2)
    return np.real(diagonal(both)), np.matmul(v, turn)


def eigh_general_vjp(
    gradients: Any, results: Any, a: Any, b: Any, *, lower: bool, **_: Any
) -> Any:
    """Return the gradients of the triangles that were read."""
    (by_w, by_v), (w, v) = gradients, results
    inner: Any = 0.0 if by_w is None else on_diagonal(by_w)
    turn: Any = None
    if by_v is not None:
        turn = np.matmul(adjoint(v), conjugate(by_v))
        inner = inner + np.multiply(inverse_gaps(w), turn)
    norms = -np.multiply(inner, w[..., None, :])
    if turn is not None:
        norms = norms - on_diagonal(np.real(diagonal(turn)) / 2)
    return tuple(
        onto_triangle(conjugate(np.matmul(np.matmul(v, x), adjoint(v))), not lower)
        for x in (inner, norms)
    )


EIGH_GENERAL = state(
    "eigh_general",
    evaluate_eigh_general,
    eigh_general_jvp,
    eigh_general_vjp,
    results=2,
    core=(2, 2),
)


@answers_named("scipy.linalg.eigh")
def eigh(
    a: Any,
    b: Any = None,
    *,
    lower: bool = True,
    eigvals_only: bool = False,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    type: int = 1,
    check_finite: bool = True,
    subset_by_index: Any = None,
    subset_by_value: Any = None,
    driver: str | None = None,
) -> Any:
    """Answer ``scipy.linalg.eigh``, for all eigenvalues of a v = w b v."""
    if subset_by_index is not None or subset_by_value is not None:
        raise refuse(
            "scipy.linalg.eigh of a subset of the eigenvalues",
            "all of them, and a slice",
        )
    how = {"lower": bool(lower), "check_finite": bool(check_finite), "driver": driver}
    a = matrices(a)
    if b is None:
        if eigvals_only:
            return apply(EIGVALSH, a, **how)
        return apply(SCIPY_EIGH, a, **how)
    if type != 1:
        raise refuse(
            f"scipy.linalg.eigh with type={type}",
            "type=1, with the product for a or b",
        )
    found = apply(EIGH_GENERAL, a, matrices(b), **how)
    return found[0] if eigvals_only else found


@answers_named("scipy.linalg.eigvalsh")
def eigvalsh(a: Any, b: Any = None, **settings: Any) -> Any:
    """Answer ``scipy.linalg.eigvalsh``."""
    return eigh(a, b, eigvals_only=True, **settings)


def evaluate_eig(a: Any, **settings: Any) -> Any:
    """Return ``scipy.linalg.eig``, complex in any case."""
    from scipy import linalg

    w, v = linalg.eig(a, **settings)
    return complex_result(w), complex_result(v)


def evaluate_eigvals(a: Any, **settings: Any) -> Any:
    """Return ``scipy.linalg.eigvals``."""
    from scipy import linalg

    return linalg.eigvals(a, **settings)


SCIPY_EIG = state("eig", evaluate_eig, of(eig_jvp), results=2)
EIGVALS = state("eigvals", evaluate_eigvals, of(eigvals_jvp), of(eigvals_vjp))


@answers_named("scipy.linalg.eig")
def eig(
    a: Any,
    b: Any = None,
    left: bool = False,
    right: bool = True,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    homogeneous_eigvals: bool = False,
) -> Any:
    """Answer ``scipy.linalg.eig`` of one matrix, with right vectors or none."""
    if b is not None or left or homogeneous_eigvals:
        raise refuse(
            "scipy.linalg.eig of two matrices, or with left vectors",
            "eig(a), eigh(a, b)",
        )
    if not right:
        return eigvals(a, check_finite=check_finite)
    a = matrices(a)
    w, v = apply(SCIPY_EIG, a, check_finite=bool(check_finite))
    return w, np.real(v) if is_real(w, a) else v


@answers_named("scipy.linalg.eigvals")
def eigvals(
    a: Any,
    b: Any = None,
    overwrite_a: bool = False,
    check_finite: bool = True,
    homogeneous_eigvals: bool = False,
) -> Any:
    """Answer ``scipy.linalg.eigvals`` of one matrix."""
    if b is not None or homogeneous_eigvals:
        raise refuse(
            "scipy.linalg.eigvals of two matrices", "eigvals(a), or eigh(a, b)"
        )
    return apply(EIGVALS, matrices(a), check_finite=bool(check_finite))


# QR decompositions, with columns in an order that is taken as constant


def evaluate_qr(a: Any, *, pivoting: bool, mode: str, check_finite: bool) -> Any:
    """Return ``scipy.linalg.qr`` with an order of the columns in any case."""
    from scipy import linalg

    how = {"mode": mode, "pivoting": pivoting, "check_finite": check_finite}
    found = linalg.qr(a, **how)
    if pivoting:
        return tuple(found)
    order = np.empty((*a.shape[:-2], a.shape[-1]), np.int32)
    order[...] = np.arange(a.shape[-1])
    return *found, order


def columns(x: Any, order: Any) -> Any:
    """Return matrices with their columns in an order."""
    return np.take_along_axis(x, order[..., None, :], axis=-1)


def ordered_jvp(rule: Function) -> Function:
    """Return a forward rule for a matrix whose columns are in an order."""

    def jvp(tangents: Any, results: Any, a: Any, *, pivoting: bool, **_: Any) -> Any:
        q, r, order = results
        moved, a = tangents[0], a
        if pivoting:
            moved, a = columns(moved, order), columns(a, order)
        return *rule((moved,), (q, r), a), None

    return jvp


def ordered_vjp(
    gradients: Any, results: Any, a: Any, *, pivoting: bool, **_: Any
) -> Any:
    """Return the gradient by a matrix whose columns are in an order."""
    q, r, order = results
    if not pivoting:
        return qr_vjp(gradients[:2], (q, r), a)
    (found,) = qr_vjp(gradients[:2], (q, r), columns(a, order))
    return (columns(found, np.argsort(order, axis=-1)),)


QR = state("qr", evaluate_qr, ordered_jvp(qr_jvp), ordered_vjp, results=3)
QR_FULL = state("qr_full", evaluate_qr, ordered_jvp(qr_complete_jvp), results=3)


@answers_named("scipy.linalg.qr")
def qr(
    a: Any,
    overwrite_a: bool = False,
    lwork: int | None = None,
    mode: str = "full",
    pivoting: bool = False,
    check_finite: bool = True,
) -> Any:
    """Answer ``scipy.linalg.qr``."""
    if mode == "raw":
        raise refuse("scipy.linalg.qr with mode='raw'", "mode='full' or 'economic'")
    if mode not in ("full", "r", "economic"):
        raise ValueError(
            "Mode argument should be one of ['full', 'r', 'economic', 'raw']"
        )
    a = matrices(a)
    more = max(a.shape[-2] - a.shape[-1], 0)
    is_full = mode == "full" and more > 0
    how = {"pivoting": bool(pivoting), "check_finite": bool(check_finite)}
    how["mode"] = "full" if is_full else "economic"  # type: ignore[assignment]
    q, r, order = apply(QR_FULL if is_full else QR, a, **how)
    if mode == "r" and more:
        below = np.zeros((*a.shape[:-2], more, a.shape[-1]), r.dtype)
        r = np.concatenate([r, below], axis=-2)
    found = (r,) if mode == "r" else (q, r)
    return (*found, order) if pivoting else found


# Norms: BLAS's of one vector, else NumPy's


def evaluate_nrm2(x: Any) -> Any:
    """Return BLAS's norm of a vector."""
    from scipy import linalg

    return np.float64(linalg.norm(x, check_finite=False))


def nrm2_jvp(tangents: Any, y: Any, x: Any) -> Any:
    """Return the part of the tangent along the vector; 0 at its tip."""
    return np.real(np.dot(conjugate(direction(x, y)), tangents[0]))


def nrm2_vjp(g: Any, y: Any, x: Any) -> Any:
    """Return the conjugated direction of the vector; 0 at its tip."""
    return (np.multiply(g, conjugate(direction(x, y))),)


def direction(x: Any, y: Any) -> Any:
    """Return a vector over its norm; 0 at its tip."""
    return np.divide(x, np.where(y == 0, y.dtype.type(1), y))


NRM2 = general("scipy_nrm2", evaluate_nrm2, form=Routine(), jvp=nrm2_jvp, vjp=nrm2_vjp)


@answers_named("scipy.linalg.norm")
def norm(
    a: Any,
    ord: Any = None,
    axis: Any = None,
    keepdims: bool = False,
    check_finite: bool = True,
) -> Any:
    """Answer ``scipy.linalg.norm``."""
    a = as_array(a)
    is_vector = a.ndim == 1 and a.size and a.dtype.kind in "fc"
    if is_vector and axis is None and not keepdims and (ord is None or ord == 2):
        return apply(NRM2, a)
    return np.linalg.norm(a, ord=ord, axis=axis, keepdims=keepdims)
