"""Distances of `scipy.spatial.distance`: values, derivatives, and coinciding points."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.spatial import distance
from scipy.spatial.distance import cdist, euclidean, pdist, squareform

from wengert import UnsupportedError, grad, jacobian, jit, record, vjp
from wengert.checks import check_grads

RANDOM = np.random.default_rng(0)
A, B = RANDOM.standard_normal((4, 3)), RANDOM.standard_normal((5, 3))
W = np.array([0.5, 1.0, 2.0])
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("euclidean", {}),
    ("euclidean", {"w": W}),
    ("sqeuclidean", {}),
    ("sqeuclidean", {"w": W}),
    ("cityblock", {}),
    ("cityblock", {"w": W}),
    ("chebyshev", {}),
    ("chebyshev", {"w": np.array([1.0, 0.0, 2.0])}),
    ("minkowski", {}),
    ("minkowski", {"p": 3.5, "w": W}),
    ("minkowski", {"p": 1, "w": W}),
    ("minkowski", {"p": np.inf}),
    ("cosine", {}),
    ("cosine", {"w": W}),
    ("correlation", {}),
    ("correlation", {"w": W}),
    ("seuclidean", {}),
    ("seuclidean", {"V": W}),
    ("mahalanobis", {}),
    ("mahalanobis", {"VI": np.diag(W) + 0.1}),
    ("canberra", {}),
    ("canberra", {"w": W}),
    ("braycurtis", {}),
    ("braycurtis", {"w": W}),
]


@pytest.mark.parametrize(("metric", "how"), CALLS)
def test_distances_of_all_pairs(metric: str, how: dict[str, Any]) -> None:
    def both(a: Any, b: Any) -> tuple[Any, Any]:
        return cdist(a, b, metric, **how), pdist(b, metric, **how)

    for found, expected in zip(vjp(both, A, B)[0], both(A, B), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    check_grads(both, (A, B), order=2, atol=1e-8, rtol=1e-7)


@pytest.mark.parametrize(("metric", "how"), CALLS)
def test_a_distance_of_two_vectors(metric: str, how: dict[str, Any]) -> None:
    if metric in ("seuclidean", "mahalanobis") and not how:
        return
    single = getattr(distance, metric)
    expected = single(A[0], B[0], **how)

    np.testing.assert_allclose(
        vjp(lambda u, v: single(u, v, **how), A[0], B[0])[0], expected, rtol=1e-13
    )
    for found, wanted in zip(
        grad(lambda u, v: single(u, v, **how), (0, 1))(A[0], B[0]),
        grad(lambda a, b: cdist(a, b, metric, **how)[0, 0], (0, 1))(A[:1], B[:1])
        if how or metric not in ("seuclidean", "mahalanobis")
        else (),
        strict=True,
    ):
        np.testing.assert_allclose(found, wanted[0], rtol=1e-12)
    check_grads(lambda u, v: single(u, v, **how), (A[0], B[0]), order=1)


def test_distributions_diverge() -> None:
    p, q = np.abs(A), np.abs(B[:4])
    for how in ({}, {"axis": 1, "base": 2.0, "keepdims": True}):
        call = lambda p, q, how=how: distance.jensenshannon(p, q, **how)  # noqa: E731
        np.testing.assert_allclose(vjp(call, p, q)[0], call(p, q), rtol=1e-13)
        check_grads(call, (p, q), order=1)


@pytest.mark.parametrize("metric", ["euclidean", "cityblock", "chebyshev", "canberra"])
def test_points_that_coincide_do_not_move_apart(metric: str) -> None:
    """As the norm at 0; every other pair has its derivative."""
    x = np.array([[0.0, 1.0], [2.0, 3.0], [0.0, 1.0]])

    found = jacobian(lambda x: pdist(x, metric))(x)

    assert np.isfinite(found).all()
    np.testing.assert_array_equal(found[1], np.zeros((3, 2)))
    assert grad(euclidean)(x[0], x[2]).tolist() == [0.0, 0.0]


def test_a_matrix_of_distances_and_its_vector() -> None:
    v = np.array([1.0, 2.0, 3.0])
    matrix = squareform(v)

    np.testing.assert_array_equal(vjp(squareform, v)[0], matrix)
    np.testing.assert_array_equal(vjp(squareform, matrix)[0], v)
    np.testing.assert_array_equal(
        jacobian(squareform)(v), np.moveaxis([squareform(e) for e in np.eye(3)], 0, -1)
    )
    with pytest.raises(ValueError, match="symmetric"):
        record(squareform, np.arange(4.0).reshape(2, 2) * (1 - np.eye(2)))


def test_a_metric_of_ones_own() -> None:
    def metric(u: Any, v: Any) -> Any:
        return np.sum((u - v) ** 4)

    np.testing.assert_allclose(
        vjp(lambda a: cdist(a, B, metric), A)[0], cdist(A, B, metric)
    )
    check_grads(lambda a: pdist(a, metric), (A,), order=1)


def test_what_only_counts_says_so() -> None:
    with pytest.raises(UnsupportedError, match="hamming"):
        record(lambda a: cdist(a, B, "hamming"), A)


def test_kernels_of_points_run_compiled() -> None:
    fast = jit(grad(lambda a: np.sum(np.exp(-cdist(a, B, "sqeuclidean")))))
    eager = grad(lambda a: np.sum(np.exp(-cdist(a, B, "sqeuclidean"))))
    for scale in (1.0, 1.1, 1.2):
        np.testing.assert_allclose(fast(scale * A), eager(scale * A), rtol=1e-12)
