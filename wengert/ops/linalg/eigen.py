"""Eigenvalues and their vectors.

Giles, "Collected matrix derivative results for forward and reverse mode algorithmic
differentiation" (2008), section 3.1.  A vector is known up to a phase, and the
derivative is that of the vectors which do not turn; of a real matrix it is unique.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.forms import Routine
from wengert.core.operation import answers, apply, general
from wengert.ops.elements import conjugate
from wengert.ops.linalg.gaps import inverse_gaps
from wengert.ops.linalg.triangles import (
    adjoint,
    diagonal,
    from_triangle,
    on_diagonal,
    onto_triangle,
    square,
)
from wengert.ops.results import REAL_EIGENVALUES, EighResult, EigResult

# Hermitian matrices, of which one triangle is read


def evaluate_eigh(a: Any, *, upper: bool) -> Any:
    """Return ``np.linalg.eigh``."""
    return tuple(np.linalg.eigh(a, "U" if upper else "L"))


def turned(v: Any, a: Any) -> Any:
    """Return v^H a v."""
    return np.matmul(np.matmul(adjoint(v), a), v)


def eigh_jvp(tangents: Any, results: Any, a: Any, *, upper: bool) -> Any:
    """Return the diagonal of v^H a_dot v, and v times the rest over the gaps."""
    w, v = results
    inner = turned(v, from_triangle(tangents[0], upper))
    moved = np.multiply(inverse_gaps(w), inner)
    return np.real(diagonal(inner)), np.matmul(v, moved)


def eigh_vjp(gradients: Any, results: Any, a: Any, *, upper: bool) -> Any:
    """Return the gradient of the triangle that was read."""
    (by_w, by_v), (w, v) = gradients, results
    return (onto_triangle(eigen_gradient(by_w, by_v, w, v), upper),)


def eigen_gradient(by_w: Any, by_v: Any, w: Any, v: Any) -> Any:
    """Return conj(v (diag(by_w) + f * v^H by_v) v^H) with the gaps' inverses f."""
    if by_v is None:
        left = np.multiply(conjugate(v), by_w[..., None, :])
        return np.matmul(left, np.swapaxes(v, -1, -2))
    inner = np.matmul(adjoint(v), conjugate(by_v))
    inner = np.multiply(inverse_gaps(w), inner)
    if by_w is not None:
        inner = inner + on_diagonal(by_w)
    return conjugate(np.matmul(np.matmul(v, inner), adjoint(v)))


EIGH = general(
    "eigh",
    evaluate_eigh,
    form=Routine(core=(2,)),
    jvp=eigh_jvp,
    vjp=eigh_vjp,
    results=2,
    reads=(False,),
)


def is_upper(triangle: str) -> bool:
    """Return whether ``UPLO`` is the upper triangle."""
    triangle = triangle.upper()
    if triangle not in ("L", "U"):
        raise ValueError("UPLO argument must be 'L' or 'U'")
    return triangle == "U"


@answers(np.linalg.eigh)
def eigh(a: Any, UPLO: str = "L") -> Any:
    """Answer ``np.linalg.eigh``."""
    return EighResult(*apply(EIGH, square(a), upper=is_upper(UPLO)))


def evaluate_eigvalsh(a: Any, *, upper: bool) -> Any:
    """Return ``np.linalg.eigvalsh``."""
    return np.linalg.eigvalsh(a, "U" if upper else "L")


def eigvalsh_jvp(tangents: Any, w: Any, a: Any, *, upper: bool) -> Any:
    """Return the diagonal of v^H a_dot v."""
    v = apply(EIGH, a, upper=upper)[1]
    return np.real(diagonal(turned(v, from_triangle(tangents[0], upper))))


def eigvalsh_vjp(g: Any, w: Any, a: Any, *, upper: bool) -> Any:
    """Return the gradient of the triangle that was read."""
    v = apply(EIGH, a, upper=upper)[1]
    return (onto_triangle(eigen_gradient(g, None, w, v), upper),)


EIGVALSH = general(
    "eigvalsh",
    evaluate_eigvalsh,
    form=Routine(core=(2,)),
    jvp=eigvalsh_jvp,
    vjp=eigvalsh_vjp,
)


@answers(np.linalg.eigvalsh)
def eigvalsh(a: Any, UPLO: str = "L") -> Any:
    """Answer ``np.linalg.eigvalsh``."""
    return apply(EIGVALSH, square(a), upper=is_upper(UPLO))


# Other matrices: the results are complex, and their real parts where that is all


def evaluate_eig(a: Any) -> Any:
    """Return ``np.linalg.eig``, complex in any case."""
    w, v = np.linalg.eig(a)
    kind = np.result_type(w, np.complex64)
    return w.astype(kind), v.astype(kind)


def eig_jvp(tangents: Any, results: Any, a: Any) -> Any:
    """Return the diagonal of v^-1 a_dot v, and v times the rest over the gaps.

    LAPACK's vectors have length 1, and the largest element of each is real.
    """
    w, v = results
    inner = np.linalg.solve(v, np.matmul(tangents[0], v))
    moved = np.matmul(v, np.multiply(inverse_gaps(w), inner))
    return diagonal(inner), in_gauge(moved, v)


def in_gauge(moved: Any, v: Any) -> Any:
    """Return tangents of vectors that keep their length and their real element."""
    longer = np.real(np.sum(np.multiply(np.conjugate(v), moved), -2, keepdims=True))
    at = np.argmax(np.abs(v), axis=-2)[..., None, :]
    largest = np.take_along_axis(v, at, axis=-2)
    moving = np.take_along_axis(moved, at, axis=-2)
    turning = np.imag(np.divide(moving, largest))
    return moved - np.multiply(v, longer + 1j * turning)


EIG = general(
    "eig",
    evaluate_eig,
    form=Routine(core=(2,)),
    jvp=eig_jvp,
    results=2,
    reads=(False,),
)


def evaluate_eigvals(a: Any) -> Any:
    """Return ``np.linalg.eigvals``, complex in any case."""
    w = np.linalg.eigvals(a)
    return w.astype(np.result_type(w, np.complex64))


def eigvals_jvp(tangents: Any, w: Any, a: Any) -> Any:
    """Return the diagonal of v^-1 a_dot v."""
    v = apply(EIG, a)[1]
    return diagonal(np.linalg.solve(v, np.matmul(tangents[0], v)))


def eigvals_vjp(g: Any, w: Any, a: Any) -> Any:
    """Return v^-T diag(g) v^T."""
    v = np.swapaxes(apply(EIG, a)[1], -1, -2)
    return (np.linalg.solve(v, np.multiply(g[..., :, None], v)),)


EIGVALS = general(
    "eigvals",
    evaluate_eigvals,
    form=Routine(core=(2,)),
    jvp=eigvals_jvp,
    vjp=eigvals_vjp,
)


def is_real(w: Any, a: Any) -> bool:
    """Whether all eigenvalues of a real matrix are real, which is guarded."""
    return a.dtype.kind != "c" and bool(np.all(np.imag(w) == 0))


@answers(np.linalg.eig)
def eig(a: Any) -> Any:
    """Answer ``np.linalg.eig``: whether all eigenvalues are real is guarded."""
    a = square(a)
    w, v = apply(EIG, a)
    if REAL_EIGENVALUES and is_real(w, a):
        w, v = np.real(w), np.real(v)
    return EigResult(w, v)


@answers(np.linalg.eigvals)
def eigvals(a: Any) -> Any:
    """Answer ``np.linalg.eigvals``: whether all are real is guarded."""
    a = square(a)
    w = apply(EIGVALS, a)
    return np.real(w) if REAL_EIGENVALUES and is_real(w, a) else w
