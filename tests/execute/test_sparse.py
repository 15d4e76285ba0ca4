"""Sparse Jacobians and Hessians equal the dense ones, in a structure that is kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse

from tests.derive.test_sparsity import POINT, PROGRAMS
from wengert import (
    color_cols,
    grad,
    hessian,
    jacobian,
    jit,
    value_and_hessian,
    value_and_jacobian,
)
from wengert.errors import ArgumentError, DerivativeError

FORMATS = ("csr", "csc", "coo")


@pytest.mark.parametrize("name", PROGRAMS)
def test_sparse_jacobian_equals_the_dense_one(name: str) -> None:
    f = jacobian(PROGRAMS[name], sparse=True)

    for k in range(3):
        x = POINT + 1e-4 * k
        dense = jacobian(PROGRAMS[name])(x).reshape(-1, POINT.size)
        np.testing.assert_allclose(f(x).toarray(), dense, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("name", PROGRAMS)
def test_sparse_hessian_equals_the_dense_one(name: str) -> None:
    def total(x: Any) -> Any:
        y = np.ravel(PROGRAMS[name](x))
        return np.sum(y * np.linspace(0.7, 1.9, y.size))

    f = hessian(total, sparse=True)

    for k in range(3):
        x = POINT + 1e-4 * k
        found = f(x)
        np.testing.assert_allclose(
            found.toarray(), hessian(total)(x), rtol=1e-12, atol=1e-13
        )


def chain(x: Any) -> Any:
    """Return the terms of Rosenbrock's chained function."""
    return 100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2


@pytest.mark.parametrize("output_format", FORMATS)
def test_result_has_the_format_that_was_asked_for(output_format: Any) -> None:
    x = np.linspace(0.5, 1.5, 8)
    found = jacobian(chain, sparse=True, output_format=output_format)(x)

    assert found.format == output_format
    assert found.nnz == 14
    np.testing.assert_allclose(found.toarray(), jacobian(chain)(x), rtol=1e-14)


@pytest.mark.parametrize("output_format", FORMATS)
def test_out_is_refilled(output_format: Any) -> None:
    f = jacobian(chain, sparse=True, output_format=output_format)
    first, x = f(np.ones(6)), np.linspace(0.5, 1.5, 6)

    assert f(x, out=first) is first
    np.testing.assert_allclose(first.toarray(), jacobian(chain)(x), rtol=1e-14)


def test_out_of_another_structure_is_refused() -> None:
    f = jacobian(chain, sparse=True)

    with pytest.raises(ArgumentError, match="out= of an earlier call"):
        f(np.ones(6), out=sparse.csr_array((5, 6)))


def test_value_comes_with_the_sparse_derivatives() -> None:
    x = np.linspace(0.5, 1.5, 6)
    value, matrix = value_and_jacobian(chain, sparse=True)(x)
    total, second = value_and_hessian(lambda x: np.sum(chain(x)), sparse=True)(x)

    np.testing.assert_allclose(value, chain(x))
    assert matrix.shape == (5, 6)
    assert total == pytest.approx(np.sum(chain(x)))
    assert second.shape == (6, 6)


def either(x: Any) -> Any:
    """Return what depends on another element on another path."""
    return x[:1] * 2.0 if x[0] > 0.0 else x[1:2] * 3.0


def test_path_outside_of_the_structure_is_an_error_that_names_the_way_out() -> None:
    f = jacobian(either, sparse=True)
    f(np.array([1.0, 2.0]))

    with pytest.raises(DerivativeError, match='pattern="grow"'):
        f(np.array([-1.0, 2.0]))


def test_structure_grows_where_it_may() -> None:
    f = jacobian(either, sparse=True, pattern="grow")

    first, second = f(np.array([1.0, 2.0])), f(np.array([-1.0, 2.0]))
    again = f(np.array([1.0, 2.0]))
    assert (first.nnz, second.nnz, again.nnz) == (1, 2, 2)
    assert np.array_equal(second.toarray(), [[0.0, 3.0]])
    assert np.array_equal(again.toarray(), [[2.0, 0.0]])


def test_structure_of_all_paths_may_be_given() -> None:
    f = jacobian(either, sparse=True, pattern=color_cols(np.ones((1, 2))))

    assert np.array_equal(f(np.array([1.0, 2.0])).toarray(), [[2.0, 0.0]])
    assert np.array_equal(f(np.array([-1.0, 2.0])).toarray(), [[0.0, 3.0]])


def test_hessian_of_a_lagrangian_moves_with_its_multipliers() -> None:
    def lagrangian(x: Any, multipliers: Any) -> Any:
        return multipliers @ chain(x)

    f, x = hessian(lagrangian, sparse=True), np.linspace(0.5, 1.5, 6)

    for k in range(4):
        multipliers = np.arange(5.0) - k
        dense = hessian(lagrangian)(x, multipliers)
        np.testing.assert_allclose(
            f(x, multipliers).toarray(), dense, rtol=1e-12, atol=1e-12
        )


def test_several_arguments_stand_side_by_side() -> None:
    def f(a: Any, b: Any) -> Any:
        return a * b

    found = jacobian(f, argnums=(0, 1), sparse=True)(np.ones(2), np.full(2, 3.0))

    assert np.array_equal(found.toarray(), [[3, 0, 1, 0], [0, 3, 0, 1]])


def test_sparse_jacobian_inside_a_compiled_function_is_recorded() -> None:
    f = jacobian(chain, sparse=True)

    def product(x: Any) -> Any:
        return f(x) @ x

    x = np.linspace(0.5, 1.5, 6)
    expected = jacobian(chain)(x) @ x
    np.testing.assert_allclose(jit(product)(x), expected, rtol=1e-13)
    np.testing.assert_allclose(product(x), expected, rtol=1e-13)


@pytest.mark.parametrize("settings", [{"has_aux": True}, {"argnums": -1}])
def test_what_sparse_derivatives_do_not_know_is_refused(settings: Any) -> None:
    with pytest.raises(ArgumentError, match="it is one real matrix"):
        jacobian(chain, sparse=True, **settings)


def test_unknown_format_is_refused() -> None:
    with pytest.raises(ArgumentError, match="'csr' or 'csc' or 'coo'"):
        jacobian(chain, sparse=True, output_format="dok")  # type: ignore[arg-type]


def test_hessian_of_several_numbers_is_refused() -> None:
    with pytest.raises(DerivativeError, match="a Hessian is that of one number"):
        hessian(chain, sparse=True)(np.ones(4))


def test_second_derivative_of_a_loop_with_one_last_row_is_compiled() -> None:
    """`as_slice` asked for the stride of a single row."""

    def terms(x: Any) -> Any:
        y = [x[k + 1] - x[k] - 0.1 * np.sin(x[k]) for k in range(40)]
        return np.array([*y, x[0], x[40]])

    def lagrangian(x: Any, multipliers: Any) -> Any:
        return multipliers @ terms(x)

    x, multipliers = np.linspace(0.0, 1.0, 41), np.linspace(1.0, 2.0, 42)
    f = hessian(lagrangian, sparse=True)
    slopes = grad(lagrangian)
    step = 1e-6 * np.eye(41)[3]
    column = (slopes(x + step, multipliers) - slopes(x - step, multipliers)) / 2e-6

    np.testing.assert_allclose(f(x, multipliers).toarray()[3], column, atol=1e-8)


def test_place_that_the_data_decide_may_be_another_in_a_replay() -> None:
    def f(x: Any) -> Any:
        return x[np.argmin(x)] * x

    derivative = jacobian(f, sparse=True)
    for k in (0, 0, 0, 0, 2):
        x = np.arange(1.0, 5.0)
        x[k] = 0.5
        np.testing.assert_allclose(derivative(x).toarray(), jacobian(f)(x))
