"""Laplace's approximation: exact for Gaussian effects, close for others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import integrate, sparse, stats

from wengert import grad, hessian, hvp, jit, laplace, value_and_grad
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
    curves = hessian(total)(p)
    ends = [
        [grad(total)(p + sign * step) for sign in (1, -1)] for step in 1e-4 * np.eye(2)
    ]
    np.testing.assert_allclose(curves, [(a - b) / 2e-4 for a, b in ends], atol=1e-5)


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


@pytest.mark.parametrize("random", [2, -1, "v", (1, 1), (1, "u"), 0.5, [], None])
def test_effects_that_are_no_argument_are_refused(random: Any) -> None:
    with pytest.raises(ArgumentError, match="random=0 or random=1"):
        laplace(wandering, random=random)


@pytest.mark.parametrize("argnums", [1, "u", (0, "p"), 2, "v"])
def test_parameters_that_are_no_argument_are_refused(argnums: Any) -> None:
    with pytest.raises(ArgumentError, match=r"argnums=.* of f\(p, u\)"):
        laplace(wandering, argnums=argnums)


@pytest.mark.parametrize("given", [(1.0,), (1.0, 2.0, 3.0), np.ones(2), 1.0])
def test_one_of_each_of_several_parameters_is_needed(given: Any) -> None:
    apart = laplace(lambda a, b, u: np.sum((u - a * b) ** 2), "u", ("a", "b"))

    with pytest.raises(ArgumentError, match="a tuple of 2"):
        apart(given, np.zeros(2))


def apart(
    level: Any, u: Any, sizes: Any, data: Any = DATA, *, v: Any, name: str = "both"
) -> Any:
    """Return `gaussian` of parameters and effects that are several arguments."""
    between, within = sizes["between"], sizes["within"][0]
    assert name == "both"
    effects = np.concatenate([u, np.reshape(v, (-1,))])
    squares = np.sum(effects**2) / 2 * np.exp(-2 * between) + 8 * between
    left = np.sum((data - level - effects[GROUP]) ** 2) / 2 * np.exp(-2 * within)
    return squares + left + 40 * within + 24 * np.log(2 * np.pi)


P = np.array([2.0, 0.3, -0.2])
OWN = 2.0, {"between": 0.3, "within": [-0.2]}
STARTS = np.ones(4), np.zeros((2, 2))


@pytest.mark.parametrize("argnums", [(0, 2), ("level", "sizes"), [0, "sizes"]])
@pytest.mark.parametrize("random", [(1, "v"), ["u", "v"]])
@pytest.mark.parametrize(
    "more", [{}, {"data": DATA}, {"name": "both", "data": DATA.tolist()}]
)
def test_parameters_and_effects_may_be_several_arguments(
    argnums: Any, random: Any, more: dict[str, Any]
) -> None:
    marginal = laplace(apart, random, argnums)

    value, (level, sizes) = marginal.value_and_gradient(OWN, STARTS, **more)
    like, slopes = laplace(gaussian).value_and_gradient(P, np.ones(8))
    assert value == marginal(OWN, STARTS, **more) == pytest.approx(like, rel=1e-13)
    found = level, sizes["between"], sizes["within"][0]
    np.testing.assert_allclose(found, slopes, rtol=1e-10)
    mode = marginal.mode(OWN, STARTS, **more)
    flat = laplace(gaussian).mode(P, np.ones(8))
    assert [np.shape(part) for part in mode] == [(4,), (2, 2)]
    np.testing.assert_allclose(np.concatenate([np.ravel(x) for x in mode]), flat)


def test_several_parameters_and_effects_are_fitted() -> None:
    marginal = laplace(apart, ("u", "v"), ("level", "sizes"))
    fit = marginal.fit(OWN, STARTS, kwargs={"data": DATA}, options={"gtol": 1e-7})
    like = laplace(gaussian).fit(P, np.ones(8), options={"gtol": 1e-7})

    for found, flat in ((fit.x, like.x), (fit.errors.parameters, None)):
        level, sizes = found
        own = [level, sizes["between"], sizes["within"][0]]
        expected = like.errors.parameters if flat is None else flat
        np.testing.assert_allclose(own, expected, rtol=1e-4)
    covariance = like.errors.covariance
    np.testing.assert_allclose(fit.errors.covariance, covariance, rtol=1e-4, atol=1e-8)
    effects = np.concatenate([fit.effects[0], fit.effects[1].ravel()])
    np.testing.assert_allclose(effects, like.effects, rtol=1e-4)
    assert fit.errors.effects[1].shape == (2, 2)

    def rate(p: Any, u: Any) -> Any:
        return np.exp(p[0] + p[1]["between"]) + u[1]

    found = marginal.delta(rate, fit.x, fit.effects, data=DATA)
    flat = laplace(gaussian).delta(
        lambda p, u: np.exp(p[0] + p[1]) + u[4:].reshape(2, 2), like.x, like.effects
    )
    np.testing.assert_allclose(found, flat, rtol=1e-4)
    errors = marginal.errors(fit.x, fit.effects, data=DATA)
    np.testing.assert_allclose(errors.covariance, covariance, rtol=1e-4, atol=1e-8)


def test_parameters_of_one_argument_may_be_nested() -> None:
    def joint(p: Any, u: Any) -> Any:
        return gaussian([p["level"], *p["sizes"]], u["means"])

    marginal, p = laplace(joint), {"level": 2.0, "sizes": np.array([0.3, -0.2])}
    value, slopes = marginal.value_and_gradient(p, {"means": np.zeros(8)})
    like = laplace(gaussian).value_and_gradient(P, np.zeros(8))
    assert value == pytest.approx(like[0], rel=1e-13)
    np.testing.assert_allclose([slopes["level"], *slopes["sizes"]], like[1], rtol=1e-10)


def test_shapes_of_one_size_are_told_apart() -> None:
    marginal = laplace(lambda p, u: np.sum((u - p[0]) ** 2) + np.sum(p[-1] ** 4))

    for shape in ((2, 3), (3, 2), (6,), (2, 3)):
        p = np.arange(6.0).reshape(shape)
        start = np.zeros(np.shape(p[0]))
        logs = np.size(start) * np.log(2.0 / (2.0 * np.pi)) / 2
        assert marginal(p, start) == pytest.approx(np.sum(p[-1] ** 4) + logs)


def exact_of_data(p: Any, data: Any) -> Any:
    """Return `exact` of other data."""
    together = np.equal.outer(GROUP, GROUP)
    covariance = np.exp(2 * p[1]) * together + np.exp(2 * p[2]) * np.eye(40)
    return -stats.multivariate_normal(np.full(40, p[0]), covariance).logpdf(data)


def test_what_is_given_besides_may_be_differentiated_by() -> None:
    marginal = laplace(apart, ("u", "v"), ("level", "sizes"))

    def total(p: Any, data: Any) -> Any:
        own = p[0], {"between": p[1], "within": [p[2]]}
        return marginal(own, STARTS, data=data)

    found = jit(value_and_grad(total, (0, 1)))
    for k in range(4):
        p, data = P + 0.1 * k, DATA - k
        value, (by_p, by_data) = found(p, data)
        assert value == pytest.approx(exact_of_data(p, data), rel=1e-12)
        steps = 1e-5 * np.eye(40)
        differences = [
            (exact_of_data(p, data + e) - exact_of_data(p, data - e)) / 2e-5
            for e in steps
        ]
        np.testing.assert_allclose(by_data, differences, atol=1e-7)
        np.testing.assert_allclose(by_p, grad(total)(p, data), rtol=1e-9)


def test_second_derivatives_are_those_of_the_exact_likelihood() -> None:
    marginal, start, h = laplace(gaussian), np.zeros(8), 1e-3
    found = hessian(lambda p: marginal(p, start))(P)

    def at(i: int, j: int) -> float:
        a, b = h * np.eye(3)[i], h * np.eye(3)[j]
        ends = exact(P + a + b) - exact(P + a - b) - exact(P - a + b) + exact(P - a - b)
        return float(ends / (4 * h * h))

    differences = [[at(i, j) for j in range(3)] for i in range(3)]
    np.testing.assert_allclose(found, differences, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found, found.T, atol=1e-8)
    product = hvp(lambda p: marginal(p, start), P, np.array([1.0, 2.0, 3.0]))
    np.testing.assert_allclose(product, found @ [1.0, 2.0, 3.0], rtol=1e-7)
    fit = marginal.fit(P, start)
    found = hessian(lambda p: marginal(p, start))(fit.x)
    covariance = fit.errors.covariance
    np.testing.assert_allclose(np.linalg.inv(found), covariance, rtol=1e-6, atol=1e-9)


def test_third_derivatives_are_refused() -> None:
    marginal = laplace(gaussian)

    def corner(x: Any) -> Any:
        return hessian(lambda p: marginal(x * p, np.zeros(8)))(P)[0, 0]

    with pytest.raises(DerivativeError, match=r"third derivative of laplace\(gaussian"):
        grad(corner)(1.0)


def test_functions_that_take_any_arguments_are_taken() -> None:
    def any_of(*args: Any, **more: Any) -> Any:
        return gaussian(args[0], more["u"])

    marginal = laplace(any_of, random="u")
    assert marginal(P, np.zeros(8)) == pytest.approx(exact(P), rel=1e-12)


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
