"""A function of rows under `jit` is compiled with what is around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

import wengert as wg
from tests.lower.programs import random_program
from wengert.execute.engine import native_engine

needs_engine = pytest.mark.skipif(not native_engine(), reason="the engine is off")
X = np.random.default_rng(0).normal(size=(7, 3))
W = np.array([0.3, -0.7, 1.1])
TABLE = np.array([1.0, 2.0, 3.0])


def one_by_one(function: Callable[..., Any], *rows: Any) -> Any:
    return np.stack([function(*row) for row in zip(*rows, strict=True)])


def is_whole(jitted: Any) -> bool:
    """Whether all paths are native as a whole."""
    return all(path.kernels for path in jitted.paths())


@needs_engine
def test_values_and_gradients_of_shared_operands() -> None:
    def loss(w: Any, x: Any) -> Any:
        return np.mean(wg.vmap(lambda row: np.tanh(row @ w) * row[0])(x))

    jitted = wg.jit(wg.value_and_grad(loss, (0, 1)), wait=True)

    for shift in (0.0, 0.5, -1.0):
        w, x = W + shift, X * (1 + shift)
        value, (by_w, by_x) = jitted(w, x)
        each = [np.tanh(row @ w) * row[0] for row in x]
        slopes = np.array([(1 - np.tanh(row @ w) ** 2) * row[0] for row in x]) / 7
        assert_allclose(value, np.mean(each), rtol=1e-13)
        assert_allclose(by_w, slopes @ x, rtol=1e-12)
        unit = np.outer(np.tanh(x @ w) / 7, [1.0, 0.0, 0.0])
        assert_allclose(by_x, np.outer(slopes, w) + unit, rtol=1e-11, atol=1e-14)
    assert is_whole(jitted)


@pytest.mark.one_in(3)
@needs_engine
@pytest.mark.parametrize("seed", range(12))
def test_random_programs_over_rows(seed: int) -> None:
    program = random_program(seed)
    rng = np.random.default_rng(seed)
    rows = [
        np.stack([a + 0.01 * rng.normal(size=a.shape) for _ in range(3)])
        if a.dtype.kind == "f"
        else np.stack([a] * 3)
        for a in program.arguments
    ]
    jitted = wg.jit(lambda *rows: wg.vmap(program.total)(*rows), wait=True)
    for _ in range(3):
        found = jitted(*rows)

    assert_allclose(found, one_by_one(program.total, *rows), rtol=1e-9, atol=1e-10)


def test_rows_that_decide_are_grouped_as_before() -> None:
    def row(x: Any) -> Any:
        return x[0] * 2.0 if x[1] > 0 else np.sum(x)

    jitted = wg.jit(lambda x: wg.vmap(row)(x) * 1.0, wait=True)

    for sign in (1.0, -1.0, 1.0, -1.0):
        assert_allclose(jitted(sign * X), one_by_one(row, sign * X), rtol=1e-15)


def test_pythons_errors_are_those_of_a_row() -> None:
    def row(x: Any) -> Any:
        return 1.0 / x.item()

    jitted = wg.jit(lambda x: wg.vmap(row)(x) * 1.0, wait=True)
    for _ in range(3):
        assert_array_equal(jitted(np.array([1.0, 4.0])), [1.0, 0.25])

    with pytest.raises(ZeroDivisionError):
        jitted(np.array([1.0, 0.0]))


@pytest.mark.parametrize("plain", [False, True])
def test_what_rows_read_from_outside_is_read_again(plain: bool) -> None:
    def row(x: Any) -> Any:
        return x * float(TABLE.sum()) if plain else x @ TABLE

    jitted, before = wg.jit(lambda x: wg.vmap(row)(x) * 1.0, wait=True), TABLE.copy()
    try:
        for k in range(5):
            TABLE[:] = before * (k // 2 + 1)
            assert_allclose(jitted(X), one_by_one(row, X), rtol=1e-14)
    finally:
        TABLE[:] = before


def test_what_rows_read_by_attributes_is_read_again() -> None:
    class Model:
        slope = 2.0

        def row(self, x: Any) -> Any:
            return np.sin(x) * self.slope

    model = Model()
    jitted = wg.jit(lambda x: wg.vmap(model.row)(x) * 1.0, wait=True)
    for k in range(12):
        model.slope = float(k // 3)
        assert_allclose(jitted(X), np.sin(X) * model.slope, rtol=1e-14)


@needs_engine
def test_rows_of_rows_and_jacobians_are_one_nest() -> None:
    def pairs(x: Any) -> Any:
        return wg.vmap(lambda a: wg.vmap(lambda b: np.exp(-((a - b) @ (a - b))))(x))(x)

    slope = wg.jacobian(lambda row: np.sin(row) * row[0])

    def slopes(x: Any) -> Any:
        return wg.vmap(slope)(x)

    for function, x in ((pairs, np.tile(X, (3, 1))), (slopes, X)):
        jitted = wg.jit(function, wait=True)
        for scale in (1.0, 0.5, 2.0):
            assert_allclose(jitted(scale * x), function(scale * x), rtol=1e-12)
        assert is_whole(jitted)


@pytest.mark.parametrize("count", [0, 1, 5])
def test_any_number_of_rows(count: int) -> None:
    jitted = wg.jit(lambda x: wg.vmap(lambda row: np.sum(row**2))(x) + 1.0, wait=True)
    x = np.ones((count, 3))

    for _ in range(3):
        assert_array_equal(jitted(x), np.full(count, 4.0))


@needs_engine
@pytest.mark.parametrize("steps", [2, 50])
def test_many_rows_stay_a_function_of_rows_where_they_compute_much(steps: int) -> None:
    """Then they run over threads; else what is moved in and out decides."""

    def row(x: Any) -> Any:
        y = x
        for _ in range(steps):
            y = np.sin(y + x)
        return y

    jitted = wg.jit(lambda x: wg.vmap(row)(x) * 2.0, wait=True)
    x = np.linspace(0.0, 1.0, 300_000)
    for _ in range(3):
        found = jitted(x)

    assert_allclose(found, row(x) * 2.0, rtol=1e-12)
    (report,) = jitted.report().rows
    asked = [text.split()[0] for text in report["asked of NumPy"]]
    assert asked == ([] if steps == 2 else ["vmap_row"])


@needs_engine
@pytest.mark.parametrize("width", [None, 0, 3])
@pytest.mark.parametrize("size", [0, 1, 7])
def test_products_with_sparse_matrices_are_compiled_with_the_rest(
    size: int, width: int | None
) -> None:
    random = np.random.default_rng(size)
    matrix = sparse.random_array((5, size), density=0.4, rng=random)

    def f(x: Any) -> Any:
        return np.sum(np.sin(matrix @ x) ** 2)

    x = random.normal(size=size if width is None else (size, width))
    fast = wg.jit(wg.value_and_grad(f), wait=True)
    value, slopes = fast(x)
    y = matrix.toarray() @ x
    assert_allclose(value, np.sum(np.sin(y) ** 2), rtol=1e-13)
    expected = matrix.toarray().T @ np.sin(2 * y)
    assert_allclose(slopes, expected, rtol=1e-12, atol=1e-14)
    assert all(path.kernels for path in fast.paths())
