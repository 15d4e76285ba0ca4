"""QR decompositions.

Walter and Lehmann, "On the derivatives of the QR decomposition" (2012); LAPACK's r has
a real diagonal, which its signs leave as they are.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.forms import Routine
from wengert.core.operation import answers, apply, general
from wengert.errors import UnsupportedError, explain
from wengert.ops.elements import conjugate
from wengert.ops.linalg.singular import outside_of, turning
from wengert.ops.linalg.triangles import (
    adjoint,
    diagonal,
    matrices,
    on_diagonal,
    triangle,
)
from wengert.ops.results import QRResult


def evaluate_qr(a: Any) -> Any:
    """Return ``np.linalg.qr``."""
    return tuple(np.linalg.qr(a))


def right_divided(x: Any, r: Any) -> Any:
    """Return x r^-1 for upper triangles r."""
    return adjoint(np.linalg.solve(adjoint(r), adjoint(x)))


def skew(inner: Any) -> Any:
    """Return how the columns of q turn among themselves, for q^H a_dot r^-1."""
    below = triangle(inner, diagonal=0.0)
    found = below - adjoint(below)
    if inner.dtype.kind == "c":
        found = found + on_diagonal(1j * np.imag(diagonal(inner)))
    return found


def qr_jvp(tangents: Any, results: Any, a: Any) -> Any:
    """Return the tangents; those of a wide matrix follow from its first columns."""
    (q, r), moved = results, tangents[0]
    k = r.shape[-2]
    first = right_divided(moved[..., :k], r[..., :k])
    inner = np.matmul(adjoint(q), first)
    turn = skew(inner)
    q_dot = np.matmul(q, turn)
    if q.shape[-2] > k:
        q_dot = q_dot + outside_of(q, first)
    r_dot = np.matmul(adjoint(q), moved) - np.matmul(turn, r)
    return q_dot, upper_part(r_dot)


def upper_part(x: Any) -> Any:
    """Return the upper triangle, with its diagonal."""
    return np.triu(x)


def qr_vjp(gradients: Any, results: Any, a: Any) -> Any:
    """Return the gradient by the matrix."""
    (by_q, by_r), (q, r) = gradients, results
    k, n = r.shape[-2:]
    by_q = None if by_q is None else conjugate(by_q)
    rest = None
    if by_r is not None:
        by_r = np.triu(conjugate(by_r))
        if n > k:
            rest = np.matmul(q, by_r[..., k:])
            more = np.matmul(a[..., k:], adjoint(by_r[..., k:]))
            by_q = more if by_q is None else by_q + more
            by_r = by_r[..., :k]
    r = r[..., :k]
    found = first_columns(by_q, by_r, q, r)
    if rest is not None:
        found = np.concatenate([found, rest], axis=-1)
    elif n > k:
        zeros = np.zeros((*found.shape[:-1], n - k), found.dtype)
        found = np.concatenate([found, zeros], axis=-1)
    return (conjugate(found),)


def first_columns(by_q: Any, by_r: Any, q: Any, r: Any) -> Any:
    """Return the gradient by as many columns as there are in q."""
    inner = None if by_r is None else np.matmul(r, adjoint(by_r))
    if by_q is not None:
        part = np.matmul(adjoint(by_q), q)
        inner = -part if inner is None else inner - part
    below = triangle(inner, diagonal=0.0)
    inner = below + adjoint(below) + on_diagonal(np.real(diagonal(inner)))
    total = np.matmul(q, inner)
    total = total if by_q is None else by_q + total
    return adjoint(np.linalg.solve(r, adjoint(total)))


QR = general(
    "qr",
    evaluate_qr,
    form=Routine(core=(2,)),
    jvp=qr_jvp,
    vjp=qr_vjp,
    results=2,
)


def evaluate_qr_complete(a: Any) -> Any:
    """Return ``np.linalg.qr`` with columns that belong to nothing in the matrix."""
    return tuple(np.linalg.qr(a, "complete"))


def qr_complete_jvp(tangents: Any, results: Any, a: Any) -> Any:
    """Return the tangents; other columns turn only as orthogonality has them turn."""
    (q, r), moved = results, tangents[0]
    k = r.shape[-1]
    first = right_divided(np.matmul(adjoint(q), moved), r[..., :k, :])
    turn = turning(skew(first[..., :k, :]), first[..., k:, :])
    r_dot = np.matmul(adjoint(q), moved) - np.matmul(turn, r)
    return np.matmul(q, turn), upper_part(r_dot)


QR_COMPLETE = general(
    "qr_complete",
    evaluate_qr_complete,
    form=Routine(core=(2,)),
    jvp=qr_complete_jvp,
    results=2,
    reads=(False,),
)


@answers(np.linalg.qr)
def qr(a: Any, mode: str = "reduced") -> Any:
    """Answer ``np.linalg.qr``."""
    if mode not in ("reduced", "complete", "r"):
        if mode in ("raw", "f", "full", "e", "economic"):
            raise UnsupportedError(
                explain(
                    f"np.linalg.qr(a, mode={mode!r})",
                    "it hands out LAPACK's reflectors, or is deprecated",
                    "mode='reduced', 'complete' or 'r'",
                )
            )
        raise ValueError(f"Unrecognized mode '{mode}'")
    a = matrices(a)
    is_complete = mode == "complete" and a.shape[-2] > a.shape[-1]
    found = apply(QR_COMPLETE if is_complete else QR, a)
    return found[1] if mode == "r" else QRResult(*found)
