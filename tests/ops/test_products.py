"""Products: value, both modes, second order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert
from tests.ops.judge import judge

random = np.random.default_rng(0)
V, W = random.standard_normal(4), random.standard_normal(4)
M, N = random.standard_normal((3, 4)), random.standard_normal((4, 2))
T, U = random.standard_normal((2, 3, 4)), random.standard_normal((2, 4, 3))
Q = random.standard_normal((3, 3))
C, D = V + 1j * W, W - 2j * V
CM = M + 1j * M[::-1]
S = np.float64(0.3)
F = M.astype(np.float32)
LONG, SHORT = random.standard_normal(7), random.standard_normal(3)
CROSS, OTHER = random.standard_normal((2, 3)), random.standard_normal(3)

CALLS: dict[str, tuple[Any, ...]] = {
    "dot_scalars": (np.dot, S, V[0]),
    "dot_scalar_array": (np.dot, S, M),
    "dot_array_scalar": (np.dot, M, S),
    "dot_vectors": (np.dot, V, W),
    "dot_matrix_vector": (np.dot, M, V),
    "dot_vector_matrix": (np.dot, V, N),
    "dot_matrices": (np.dot, M, N),
    "dot_single": (np.dot, F, F.T.copy()),
    "dot_nd": (np.dot, T, U),
    "dot_nd_vector": (np.dot, T, V),
    "dot_vector_nd": (np.dot, V, U),
    "dot_nd_matrix": (np.dot, T, N),
    "dot_complex": (np.dot, C, D),
    "dot_complex_real": (np.dot, CM, N),
    "dot_empty": (np.dot, np.zeros((2, 0)), np.zeros((0, 3))),
    "dot_method": (lambda x, y: x.dot(y), M, N),
    "matmul_operator": (lambda x, y: x @ y, T, U),
    "vdot": (np.vdot, C, D),
    "vdot_real": (np.vdot, M, M),
    "inner_vectors": (np.inner, V, W),
    "inner_matrices": (np.inner, M, T),
    "inner_scalar": (np.inner, S, V),
    "outer": (np.outer, M, V),
    "outer_complex": (np.outer, C, W),
    "vecdot": (np.vecdot, T, V),
    "vecdot_complex": (np.vecdot, C, D),
    "vecdot_axis": (lambda x, y: np.vecdot(x, y, axis=1), T, T),
    "matvec": (np.matvec, T, V),
    "matvec_complex": (np.matvec, CM, D),
    "vecmat_broadcast": (np.vecmat, T[:, 0, :3].copy(), T),
    "vecmat": (np.vecmat, D, CM.T.copy()),
    "tensordot": (lambda x, y: np.tensordot(x, y, 1), T, N),
    "tensordot_axes": (lambda x, y: np.tensordot(x, y, ([1, 2], [2, 1])), T, U),
    "tensordot_zero": (lambda x, y: np.tensordot(x, y, 0), V, M),
    "tensordot_one": (lambda x, y: np.tensordot(x, y, (-1, 0)), T, N),
    "kron": (np.kron, M, N),
    "kron_vectors": (np.kron, V, W),
    "kron_mixed": (np.kron, V, T),
    "kron_scalar": (np.kron, S, M),
    "cross": (np.cross, CROSS, OTHER),
    "cross_axes": (
        lambda x, y: np.cross(x, y, axisa=0, axisc=0),
        CROSS.T.copy(),
        OTHER,
    ),
    "einsum_matmul": (lambda x, y: np.einsum("ij,jk->ik", x, y), M, N),
    "einsum_implicit": (lambda x, y: np.einsum("ij,jk", x, y), M, N),
    "einsum_implicit_sorted": (lambda x: np.einsum("ba", x), M),
    "einsum_trace": (lambda x: np.einsum("ii", x), Q),
    "einsum_diagonal": (lambda x: np.einsum("ii->i", x), Q),
    "einsum_diagonal_product": (lambda x, y: np.einsum("ii,ij->j", x, y), Q, M),
    "einsum_sum": (lambda x: np.einsum("ij->", x), M),
    "einsum_row_sums": (lambda x, y: np.einsum("ij,kl->ki", x, y), M, N),
    "einsum_hadamard": (lambda x, y: np.einsum("ij,ij->ij", x, y), M, M),
    "einsum_ellipsis": (lambda x, y: np.einsum("...ij,...jk->...ik", x, y), T, U),
    "einsum_ellipsis_broadcast": (
        lambda x, y: np.einsum("...ij,...j->i...", x, y),
        T,
        V,
    ),
    "einsum_ellipsis_implicit": (lambda x: np.einsum("...ij", x), T),
    "einsum_size_one": (lambda x, y: np.einsum("ij,ij->i", x, y), M, M[:, :1].copy()),
    "einsum_three": (
        lambda x, y, z: np.einsum("ij,jk,k->i", x, y, z),
        M,
        N,
        np.array([1.0, 2.0]),
    ),
    "einsum_optimize": (
        lambda x, y, z: np.einsum("ij,jk,k->i", x, y, z, optimize=True),
        M,
        N,
        np.array([1.0, 2.0]),
    ),
    "einsum_interleaved": (lambda x, y: np.einsum(x, [0, 1], y, [1, 2], [2, 0]), M, N),
    "einsum_interleaved_implicit": (lambda x, y: np.einsum(x, [0, 1], y, [1, 2]), M, N),
    "einsum_interleaved_ellipsis": (
        lambda x: np.einsum(x, [Ellipsis, 0, 1], [Ellipsis, 1, 0]),
        T,
    ),
    "einsum_same_twice": (lambda x: np.einsum("i,i", x, x), V),
    "einsum_complex": (lambda x, y: np.einsum("i,i->", x, y), C, D),
    "einsum_scalar": (lambda x, y: np.einsum(",i->i", x, y), S, V),
    "convolve_full": (np.convolve, LONG, SHORT),
    "convolve_same": (lambda x, y: np.convolve(x, y, "same"), LONG, V),
    "convolve_valid": (lambda x, y: np.convolve(x, y, "valid"), SHORT, LONG),
    "convolve_same_swapped": (lambda x, y: np.convolve(x, y, "same"), V, LONG),
    "convolve_complex": (np.convolve, C, D),
    "convolve_number": (np.convolve, LONG, S),
    "correlate": (np.correlate, LONG, SHORT),
    "correlate_full": (lambda x, y: np.correlate(x, y, "full"), SHORT, LONG),
    "correlate_same": (lambda x, y: np.correlate(x, y, "same"), LONG, V),
    "correlate_same_swapped": (lambda x, y: np.correlate(x, y, "same"), V, LONG),
    "correlate_complex": (lambda x, y: np.correlate(x, y, "full"), C, D),
}


@pytest.mark.parametrize("name", CALLS)
def test_values_are_numpys_and_modes_agree(name: str) -> None:
    function, *operands = CALLS[name]

    judge(function, operands)


@pytest.mark.skipif(
    np.lib.NumpyVersion(np.__version__) >= "2.5.0",
    reason="NumPy 2.5 has no cross product of plane vectors",
)
@pytest.mark.filterwarnings("ignore:Arrays of 2-dimensional vectors")
def test_cross_of_plane_vectors_as_numpy_has_it() -> None:
    judge(np.cross, [CROSS[:, :2].copy(), OTHER[:2].copy()])
    judge(np.cross, [CROSS[:, :2].copy(), OTHER])
    judge(np.cross, [OTHER, CROSS[:, :2].copy()])


def test_products_of_a_recorded_array_with_plain_lists() -> None:
    judge(lambda x: np.dot([1.0, 2.0, 3.0, 4.0], x), [V])
    judge(lambda x: np.einsum("i,i->i", [1.0, 2.0, 3.0, 4.0], x), [V])
    judge(lambda x: x @ np.ones(4), [M])


def test_out_takes_the_result() -> None:
    def function(x: Any, y: Any) -> Any:
        z = np.zeros((3, 2))
        np.dot(x, y, out=z)
        np.matmul(x, y, out=z[:, :])
        w = np.zeros(3)
        np.einsum("ij,jk->i", x, y, out=w)
        return z * w[:, None]

    judge(function, [M, N])


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.dot(x, x),
        lambda x: np.matmul(x, x),
        lambda x: np.tensordot(x, x, 1),
        lambda x: np.cross(x, x),
        lambda x: np.einsum("ij,jk", x, x),
        lambda x: np.convolve(x[0], x[0, :0]),
    ],
)
def test_wrong_shapes_raise_as_numpy_does(call: Any) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        call(M)
    with pytest.raises(ValueError, match=r"\w"):
        wengert.grad(lambda x: np.sum(call(x)))(M)
