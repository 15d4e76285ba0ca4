"""`black_box`: code that cannot be recorded, with a Jacobian by other means."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest
from scipy import special

import wengert as wg
from wengert import DerivativeError, RuleError, black_box

X = np.array([0.3, -0.4, 0.7])
#: SciPy's own derivative of erf.
SLOPES = 2 / np.sqrt(np.pi) * np.exp(-(X**2))


def table(x: Any) -> Any:
    """Compute element by element with the plain numbers alone."""
    return np.array([math.erf(float(e)) for e in np.ravel(x)]).reshape(np.shape(x))[()]


def analytic(x: Any, w: Any) -> Any:
    """Compute what the complex step can follow: its arguments' last axis is summed."""
    return np.sum(special.erf(np.asarray(x)) * np.exp(w), axis=-1)


def slopes(x: Any) -> Any:
    """Return the Jacobian of `table`, which can be recorded."""
    return np.diag(2 / np.sqrt(np.pi) * np.exp(-(x**2)))


def hidden(x: Any) -> Any:
    """Return the Jacobian of `table`, which cannot be recorded."""
    return np.array([[2 / math.sqrt(math.pi) * math.exp(-(float(e) ** 2))] for e in x])[
        :, 0
    ] * np.eye(len(x))


@pytest.mark.parametrize("jacobian", ["finite-differences", slopes, hidden])
class TestBothModes:
    def test_jacobians(self, jacobian: Any) -> None:
        f = black_box(table, jacobian)

        np.testing.assert_allclose(wg.jacrev(f)(X), np.diag(SLOPES), rtol=1e-9)
        np.testing.assert_allclose(wg.jacfwd(f)(X), np.diag(SLOPES), rtol=1e-9)

    def test_under_jit_and_vmap(self, jacobian: Any) -> None:
        f = black_box(table, jacobian)
        gradient = wg.grad(lambda x: np.sum(f(x)))
        jitted, mapped = wg.jit(gradient), wg.vmap(gradient)
        rows = np.stack([X, X + 1, X - 2])
        expected = 2 / np.sqrt(np.pi) * np.exp(-(rows**2))

        for _ in range(2):
            for row, slope in zip(rows, expected, strict=True):
                np.testing.assert_allclose(jitted(row), slope, rtol=1e-8)
        np.testing.assert_allclose(mapped(rows), expected, rtol=1e-8)


def test_the_complex_step_is_exact_in_several_arguments() -> None:
    w = X * 2
    f = black_box(analytic, "complex-step")

    found = wg.grad(f, (0, 1))(X, w)

    np.testing.assert_allclose(found[0], SLOPES * np.exp(w), rtol=1e-14)
    np.testing.assert_allclose(found[1], special.erf(X) * np.exp(w), rtol=1e-14)
    wg.check_grads(f, (X, w), order=1)


def test_a_jacobian_in_numpy_is_differentiated_itself() -> None:
    hessian = wg.hessian(lambda x: np.sum(black_box(table, slopes)(x)))(X)

    np.testing.assert_allclose(hessian, np.diag(-2 * X * SLOPES), rtol=1e-12)


def test_a_tape_says_that_it_is_a_black_box() -> None:
    tape = wg.record(black_box(table), X)

    assert "black_box_table" in str(tape)
    np.testing.assert_array_equal(tape(X + 1), table(X + 1))


@pytest.mark.parametrize("how", ["complex-step", "finite-differences"])
def test_what_takes_rows_is_called_once_for_all(how: str) -> None:
    calls = []

    @black_box(jacobian=how, vectorized=True)
    def f(x: Any, w: Any) -> Any:
        calls.append(np.shape(x))
        return analytic(x, w) if how == "complex-step" else np.sum(x * w, axis=-1)

    found = wg.grad(f)(X, X)
    assert calls[1:] == ([(3, 3)] if how == "complex-step" else [(3, 3)] * 2)
    expected = SLOPES * np.exp(X) if how == "complex-step" else X
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("vectorized", [False, True])
def test_rows_of_a_function_of_several_arguments(vectorized: bool) -> None:
    f = black_box(analytic, "complex-step", vectorized=vectorized)
    rows = np.stack([X, X + 1, X - 2, X / 2, X * 3])

    found = wg.vmap(wg.grad(f), in_axes=(0, None))(rows, X)

    expected = 2 / np.sqrt(np.pi) * np.exp(-(rows**2)) * np.exp(X)
    np.testing.assert_allclose(found, expected, rtol=1e-13)
    np.testing.assert_allclose(
        wg.vmap(f, in_axes=(0, None))(rows, X), analytic(rows, X), rtol=1e-15
    )


def test_keywords_are_passed_on_and_whole_numbers_have_no_derivative() -> None:
    f = black_box(
        lambda x, n, *, scale: float(x) ** int(n) * scale, "finite-differences"
    )

    assert wg.grad(lambda x: f(x, 3, scale=2.0))(2.0) == pytest.approx(24.0)


def test_numbers_in_single_precision_and_none_at_all() -> None:
    f = black_box(table, "finite-differences")
    single = wg.grad(lambda x: np.sum(f(x)))(X.astype(np.float32))

    assert single.dtype == np.float32
    np.testing.assert_allclose(single, SLOPES, rtol=1e-2)
    assert wg.grad(lambda x: np.sum(f(x)))(np.zeros(0)).shape == (0,)


def test_it_pickles() -> None:
    again = pickle.loads(pickle.dumps(PICKLED))

    np.testing.assert_array_equal(wg.jacobian(again)(X), wg.jacobian(PICKLED)(X))


PICKLED = black_box(table, "finite-differences")


def test_an_argument_that_is_not_differentiated_costs_nothing() -> None:
    calls = []

    @black_box(jacobian="finite-differences")
    def f(x: Any, data: Any) -> Any:
        calls.append(x)
        return float(np.sum(np.exp(x * data)))

    data = np.linspace(0.0, 1.0, 50)
    found = wg.grad(f)(0.3, data), wg.jacfwd(f)(0.3, data)

    np.testing.assert_allclose(found, np.sum(data * np.exp(0.3 * data)), rtol=1e-9)
    assert len(calls) == 2 * (1 + 2)


# Refusals


def test_without_a_jacobian_a_derivative_is_an_error() -> None:
    f = black_box(table)

    assert f(0.3) == table(0.3)
    for derive in (wg.grad, wg.jacfwd):
        with pytest.raises(
            DerivativeError, match=r"table .* without a jacobian"
        ) as told:
            derive(lambda x: f(x) * 2)(0.3)
        assert 'jacobian=...), with a function, "complex-step"' in str(told.value)


@pytest.mark.parametrize("jacobian", ["finite-differences", hidden])
def test_a_second_derivative_of_numbers_is_an_error(jacobian: Any) -> None:
    f = black_box(table, jacobian)

    with pytest.raises(DerivativeError, match="second derivative of table"):
        wg.hessian(lambda x: np.sum(f(x)))(X)


def test_the_complex_step_of_real_code_is_an_error() -> None:
    f = black_box(lambda x: np.abs(x), "complex-step")

    with pytest.raises(RuleError, match="float64 at a complex argument"):
        wg.grad(f)(1.0)


def test_steps_along_complex_numbers_are_an_error() -> None:
    f = black_box(lambda z: abs(complex(z)), "finite-differences")

    with pytest.raises(RuleError, match="has a complex argument"):
        wg.grad(f)(1.0 + 1j)


def test_a_jacobian_of_another_shape_is_an_error() -> None:
    with pytest.raises(RuleError, match=r"is \(3,\), where \(3, 3\) belongs"):
        wg.jacobian(black_box(table, lambda x: x))(X)
    with pytest.raises(RuleError, match="a tuple of 2 belongs"):
        wg.grad(black_box(analytic, lambda x, w: x))(X, X)


def test_an_unknown_way_is_an_error() -> None:
    with pytest.raises(RuleError, match='"complex-step", "finite-differences"'):
        black_box(table, "complex")


def test_containers_are_an_error() -> None:
    f = black_box(lambda p: float(p["a"]), "finite-differences")

    with pytest.raises(RuleError, match=r"argument of the black box .* is a dict"):
        wg.grad(f)({"a": 1.0})
