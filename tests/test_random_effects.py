"""Laplace's approximation: exact for Gaussian effects, close for others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import integrate, sparse, stats

from wengert import hessian, jit, laplace, value_and_grad
from wengert.errors import ArgumentError, DerivativeError
from wengert.random_effects import Factor

RANDOM = np.random.default_rng(0)
GROUP = np.repeat(np.arange(8), 5)
DATA = RANDOM.normal(size=40) + 1.5 * RANDOM.normal(size=8)[GROUP] + 3.0
COUNTS = RANDOM.poisson(40.0, size=6).astype(float)


def gaussian(p: Any, u: Any) -> Any:
    """Return the joint negative log-likelihood of means of groups, and their data."""
    level, between, within = p[0], p[1], p[2]
    effects = np.sum(u**2) / 2 * np.exp(-2 * between) + 8 * between
    errors = np.sum((DATA - level - u[GROUP]) ** 2) / 2 * np.exp(-2 * within)
    return effects + errors + 40 * within + 24 * np.log(2 * np.pi)


def exact(p: Any) -> Any:
    """Return the same without the means, by the covariance of the data."""
    together = np.equal.outer(GROUP, GROUP)
    covariance = np.exp(2 * p[1]) * together + np.exp(2 * p[2]) * np.eye(40)
    mean = np.full(40, p[0])
    return -stats.multivariate_normal(mean, covariance).logpdf(DATA)


def counted(p: Any, u: Any) -> Any:
    """Return that of counts whose logarithmic rates are Gaussian, up to a constant."""
    rates = p[0] + np.exp(p[1]) * u
    return np.sum(np.exp(rates) - COUNTS * rates) + np.sum(u**2) / 2


def test_gaussian_effects_are_integrated_exactly() -> None:
    marginal, p, start = laplace(gaussian), np.array([2.0, 0.3, -0.2]), np.ones(8)

    value, slopes = marginal.value_and_gradient(p, start)
    assert value == pytest.approx(exact(p), rel=1e-12)
    steps = 1e-6 * np.eye(3)
    differences = [(exact(p + step) - exact(p - step)) / 2e-6 for step in steps]
    np.testing.assert_allclose(slopes, differences, rtol=1e-7)


def test_effects_may_be_the_first_argument() -> None:
    p, start = np.array([2.0, 0.3, -0.2]), np.zeros(8)

    turned = laplace(lambda u, p: gaussian(p, u), random=0)
    assert turned(p, start) == pytest.approx(exact(p), rel=1e-12)


def test_errors_are_those_of_the_covariance_of_all_that_is_unknown() -> None:
    def known(p: Any, u: Any) -> Any:
        return gaussian([p[0], 0.4, 0.1], u)

    marginal = laplace(known)
    fit = marginal.fit(np.zeros(1), np.zeros(8), options={"gtol": 1e-9})
    value, errors = marginal.delta(lambda p, u: p[0] + u, fit.x, fit.effects)

    members = np.equal.outer(np.arange(8), GROUP).sum(1)
    precision, own = np.exp(-0.2), np.exp(-0.8)
    whole = np.zeros((9, 9))
    whole[0, 0] = precision * 40
    whole[0, 1:] = whole[1:, 0] = precision * members
    whole[1:, 1:] = np.diag(precision * members + own)
    covariance = np.linalg.inv(whole)
    expected = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(fit.errors.parameters, expected[:1], rtol=1e-6)
    np.testing.assert_allclose(fit.errors.effects, expected[1:], rtol=1e-6)
    moved = np.hstack([np.ones((8, 1)), np.eye(8)])
    of_sums = np.sqrt(np.diag(moved @ covariance @ moved.T))
    np.testing.assert_allclose(errors, of_sums, rtol=1e-6)
    np.testing.assert_allclose(value, fit.x[0] + fit.effects)


def test_other_effects_are_close_to_their_integral() -> None:
    marginal, p, start = laplace(counted), np.array([3.5, -1.0]), np.zeros(6)

    def integral(k: int) -> float:
        def density(u: float) -> float:
            rate = p[0] + np.exp(p[1]) * u
            at_most = COUNTS[k] * np.log(COUNTS[k]) - COUNTS[k]
            return float(np.exp(COUNTS[k] * rate - np.exp(rate) - u * u / 2 - at_most))

        found = integrate.quad(density, -8, 8, epsabs=1e-12)[0]
        top = COUNTS[k] * np.log(COUNTS[k]) - COUNTS[k]
        return float(np.log(found / np.sqrt(2 * np.pi)) + top)

    whole = -sum(integral(k) for k in range(6))
    value, slopes = marginal.value_and_gradient(p, start)
    value += 6 * np.log(2 * np.pi) / 2  # `counted` leaves it out
    assert value == pytest.approx(whole, abs=0.02)
    steps = 1e-5 * np.eye(2)
    differences = [
        (marginal(p + step, start) - marginal(p - step, start)) / 2e-5 for step in steps
    ]
    np.testing.assert_allclose(slopes, differences, rtol=1e-7)


def test_inverse_has_its_entries_where_the_factor_has() -> None:
    for size in (0, 1, 2, 30):
        made = sparse.random_array((size, size), density=0.1, rng=RANDOM)
        matrix = (made @ made.T + 2.0 * sparse.eye_array(size)).tocsc()
        factor = Factor.of(matrix, 0.0)

        assert factor is not None
        inverse = factor.inverse().tocoo()
        dense = np.linalg.inv(matrix.toarray())
        np.testing.assert_allclose(inverse.data, dense[inverse.coords], atol=1e-13)
        half = np.linalg.slogdet(matrix.toarray())[1] / 2
        assert factor.half_log() == pytest.approx(half)
        assert inverse.nnz >= matrix.nnz


def test_effects_without_a_likeliest_value_are_refused() -> None:
    with pytest.raises(DerivativeError, match=r"were not found|not positive definite"):
        laplace(lambda p, u: np.sum(p[0] - u**2))(np.ones(1), np.ones(2))


def test_parameters_that_nothing_determines_have_no_errors() -> None:
    marginal = laplace(lambda p, u: np.sum((u - 1.0) ** 2) + 0.0 * p[0])

    with pytest.raises(DerivativeError, match="no standard errors"):
        marginal.errors(np.ones(1), np.ones(2))


def wandering(p: Any, u: Any) -> Any:
    """Return a joint density, of parameters that may be an array of any shape."""
    level, size = np.reshape(p, (-1,))[:2]
    walk = np.sum((u[1:] - u[:-1]) ** 2) * np.exp(-2 * size) + 2 * len(u) * size
    return walk / 2 + np.sum(u**2) / 8 + np.sum(np.exp(level + u) - FEW * (level + u))


FEW = np.array([1.0, 0.0, 2.0, 4.0, 3.0, 3.0, 6.0, 5.0])


def test_function_without_its_effects_is_differentiated_inside_others() -> None:
    marginal, start = laplace(wandering), np.zeros(8)

    def total(p: Any) -> Any:
        return np.sin(marginal(2.0 * p, start)) * p[0]

    value_and_slope = jit(value_and_grad(total))
    for k in range(4):
        p = np.array([0.3, -0.4 + 0.1 * k])
        found, slope = value_and_slope(p)
        ends = [
            [total(p + sign * step) for sign in (1, -1)] for step in 1e-5 * np.eye(2)
        ]
        differences = [(up - down) / 2e-5 for up, down in ends]
        assert found == pytest.approx(total(p), rel=1e-12)
        np.testing.assert_allclose(slope, differences, rtol=1e-6, atol=1e-8)
    with pytest.raises(DerivativeError, match="slope_of_value"):
        hessian(total)(p)


@pytest.mark.parametrize("shape", [(3, 1), (1, 3, 1)])
def test_parameters_may_have_any_shape(shape: tuple[int, ...]) -> None:
    marginal = laplace(lambda p, u: gaussian(np.reshape(p, (-1,)), u))
    start = np.zeros(8)
    fit = marginal.fit(np.zeros(shape), start)
    plain = laplace(gaussian).fit(np.zeros(3), start)

    assert fit.x.shape == fit.errors.parameters.shape == shape
    np.testing.assert_allclose(fit.x.ravel(), plain.x, rtol=1e-6)
    errors = fit.errors.parameters.ravel()
    np.testing.assert_allclose(errors, plain.errors.parameters, rtol=1e-6)


def test_parameter_may_be_a_number() -> None:
    """The mean of numbers with a variance of 1 and effects with one of 1 / 2."""
    data = np.array([1.0, 2.0, 6.0])
    fit = laplace(lambda p, u: np.sum((data - p - u) ** 2) / 2 + np.sum(u**2)).fit(
        0.0, np.zeros(3)
    )

    assert fit.x == pytest.approx(3.0)
    assert fit.errors.parameters == pytest.approx(np.sqrt(1.5 / 3.0), rel=1e-6)


@pytest.mark.parametrize("random", [2, -1, "u"])
def test_effects_that_are_no_argument_are_refused(random: Any) -> None:
    with pytest.raises(ArgumentError, match="random=0 or random=1"):
        laplace(wandering, random=random)


def test_delta_of_a_function_that_writes_into_its_arguments() -> None:
    marginal = laplace(lambda p, u: np.sum((p[0] + u - 2.0) ** 2 + u**2) / 2)

    def spoiling(p: Any, u: Any) -> Any:
        p *= 2.0
        u += p[0]
        return p[0] * u

    p, u = np.array([2.0]), np.zeros(3)
    found = marginal.delta(spoiling, p, u)
    like = marginal.delta(lambda p, u: 2 * p[0] * (u + 2 * p[0]), p, u)
    np.testing.assert_allclose(found, like)
