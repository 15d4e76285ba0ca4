"""Distributions of SciPy's: values, derivatives in both modes, edges, frozen ones."""

from __future__ import annotations

from typing import Any

import mpmath as mp
import numpy as np
import pytest
from scipy import stats
from scipy.stats import gamma, norm

from tests.ops.special_table import Row
from tests.ops.stats_table import ROWS
from tests.ops.test_special_functions import first, second
from wengert import (
    UnsupportedError,
    grad,
    hessian,
    jacobian,
    jit,
    value_and_grad,
    vjp,
    vmap,
)
from wengert.checks import check_grads

CONTINUOUS = "pdf logpdf cdf logcdf sf logsf ppf isf".split()
DISCRETE = "pmf logpmf cdf logcdf sf logsf".split()
#: Shape parameters that are good, and that are bad.
SHAPES: dict[str, tuple[tuple[float, ...], ...]] = {
    "norm": ((),),
    "t": ((3.5,), (np.inf,), (-1.0,)),
    "gamma": ((2.5,), (1.0,), (-0.5,)),
    "beta": ((2.5, 1.5), (0.5, 1.0), (-1.0, 1.0)),
    "lognorm": ((0.7,), (-0.7,)),
    "expon": ((),),
    "uniform": ((),),
    "chi2": ((3.5,), (0.0,)),
    "f": ((3.5, 4.5), (-1.0, 2.0)),
    "weibull_min": ((1.7,), (-1.7,)),
    "laplace": ((),),
    "logistic": ((),),
    "cauchy": ((),),
    "vonmises": ((1.5,), (-1.0,)),
    "truncnorm": ((-1.0, 2.0), (3.0, 6.0), (-np.inf, -2.0), (2.0, 1.0)),
    "gumbel_r": ((),),
    "pareto": ((2.5,), (-1.0,)),
    "genpareto": ((0.1,), (-0.4,), (0.0,), (np.inf,)),
    "invgauss": ((0.8,), (-1.0,)),
    "skewnorm": ((1.3,), (-0.7,), (np.inf,)),
    "cosine": ((),),
    "pearson3": ((0.7,), (-0.3,), (-2.0,), (0.2,), (1e-6,), (0.0,)),
    "kappa4": ((0.3, 0.2), (-0.4, 0.3), (0.0, -0.4), (-0.5, 0.0), (0.0, 0.0)),
    "irwinhall": ((3.0,), (1.0,), (2.5,), (-1.0,)),
    "landau": ((),),
    "geninvgauss": ((2.3, 1.5), (-1.2, 0.4), (0.5, -1.0)),
    "genhyperbolic": ((0.5, 1.5, -0.5), (-1.3, 0.8, 0.3), (0.5, 1.0, 2.0)),
    "poisson": ((2.5,), (0.0,), (-1.0,)),
    "binom": ((5.0, 0.3), (5.5, 0.3), (5.0, 1.0)),
    "nbinom": ((2.5, 0.3), (2.5, 1.3)),
    "bernoulli": ((0.3,), (1.3,)),
}
NUMBERS = np.array([-np.inf, -3.0, -0.5, 0.0, 0.5, 1.0, 2.0, 7.3, np.inf, np.nan])


@pytest.mark.one_in(3)
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_derivatives(row: Row) -> None:
    """By the number, the shape parameters, the location and the scale; in the tails."""
    first(row, list(row.at) or row.points(1))


@pytest.mark.one_in(4)
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_second_derivatives(row: Row) -> None:
    second(row, [*row.at, *row.points(1)][:1])


@pytest.mark.one_in(2)
@pytest.mark.filterwarnings("ignore:Infinite values:RuntimeWarning")
@pytest.mark.parametrize("name", SHAPES)
def test_values_are_scipys(name: str) -> None:
    """In and outside of the support, at its ends, and of bad parameters too."""
    dist = getattr(stats, name)
    is_discrete = hasattr(dist, "pmf")
    for method in DISCRETE if is_discrete else CONTINUOUS:
        at = np.array([-0.1, 0.0, 0.2, 0.5, 1.0, 1.1, np.nan])
        at = at if method in ("ppf", "isf") else NUMBERS
        for shapes in SHAPES[name]:
            for place in ((0.0,), (1.0,)) if is_discrete else ((0.3, 1.4), (0.0, -1.0)):
                with np.errstate(all="ignore"):
                    expected = getattr(dist, method)(at, *shapes, *place)
                    found, pull = vjp(getattr(dist, method), at, *shapes, *place)
                    pull(np.ones_like(found))

                np.testing.assert_allclose(found, expected, rtol=1e-12)
                assert found.dtype == expected.dtype


def gamma_entropy(skew: Any) -> Any:
    """Return the entropy of a gamma distribution of unit variance, of this skew."""
    a = 4 / skew**2
    return a + mp.loggamma(a) + (1 - a) * mp.psi(0, a) - mp.log(a) / 2


@pytest.mark.parametrize("skew", [1.3, -0.4, 0.05])
def test_the_entropy_of_pearsons_is_that_of_a_gamma_distribution(skew: float) -> None:
    value, slope = value_and_grad(stats.pearson3.entropy)(skew)

    with mp.workdps(60):
        assert value == pytest.approx(float(gamma_entropy(mp.mpf(skew))), rel=1e-13)
        expected = float(mp.diff(gamma_entropy, mp.mpf(skew)))
    assert slope == pytest.approx(expected, rel=1e-10)
    assert grad(grad(stats.pearson3.entropy))(0.0) == pytest.approx(-1 / 6, rel=1e-12)


def landau_by_fourier(x: float, order: int) -> float:
    """Return a derivative of Landau's distribution function by its characteristic."""
    nodes, weights = np.polynomial.legendre.leggauss(300)
    t = (3.25 * (nodes + 1)) ** 2
    phase = x * t + 2 / np.pi * t * np.log(t)
    terms = (1j * t) ** order * np.exp(1j * phase - t) / (1j * t)
    return float((terms * weights * 6.5 * np.sqrt(t)).sum().real / np.pi)


@pytest.mark.parametrize("x", [-2.2, -0.6, 0.9, 6.0])
def test_landau_moves_as_its_fourier_integral(x: float) -> None:
    """An integral of its own each: SciPy has numbers alone."""
    slopes: list[Any] = [stats.landau.pdf]
    for order in (2, 3):
        slopes.append(grad(slopes[-1]))
        expected = landau_by_fourier(x, order)

        found = float(slopes[-1](x))
        assert found == pytest.approx(expected, rel=1e-10, abs=1e-14)
    log, quantile = (getattr(stats.landau, name) for name in ("logpdf", "ppf"))
    p, f = stats.landau.cdf(x), stats.landau.pdf(x)
    assert grad(log)(x) == pytest.approx(slopes[1](x) / f, rel=1e-12)
    assert grad(quantile)(p) == pytest.approx(1 / f, rel=1e-10)
    assert grad(grad(quantile))(p) == pytest.approx(-slopes[1](x) / f**3, rel=1e-9)
    assert grad(stats.landau.sf)(x) == -f
    rows = stats.landau.pdf(np.array([x, 60.0, 1e6, -40.0]))
    moved = grad(lambda x: np.sum(stats.landau.pdf(x)))(np.array([x, 60.0, 1e6, -40.0]))
    np.testing.assert_allclose(moved[0], slopes[1](x), rtol=1e-13)
    np.testing.assert_allclose(moved[2], -2 * rows[2] / 1e6, rtol=1e-4)
    assert moved[3] == 0.0


@pytest.mark.parametrize("shapes", [(0.3, 0.0), (0.0, 0.2), (0.0, 0.0)])
def test_kappa_is_smooth_where_a_shape_is_0(shapes: Any) -> None:
    """By differences of logarithms beside 0, where SciPy has other formulas."""
    for method, x in (("logpdf", 0.6), ("logcdf", 0.6), ("ppf", 0.3)):
        f = getattr(stats.kappa4, method)
        for k in (0, 1):

            def moved(step: float, k: int = k, f: Any = f, x: float = x) -> float:
                at = list(shapes)
                at[k] += step
                with np.errstate(all="ignore"):
                    return float(f(x, *at))

            h = 1e-3
            near = [moved(h * step) for step in (-2, -1, 1, 2)]
            if not np.isfinite(near).all():  # SciPy has no quantile there
                continue
            slope = (near[0] - 8 * near[1] + 8 * near[2] - near[3]) / (12 * h)
            found = grad(f, k + 1)(x, *shapes)
            assert found == pytest.approx(slope, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("geninvgauss", (2.3, 1.5)),
        ("geninvgauss", (-1.2, 0.4)),
        ("genhyperbolic", (0.5, 1.5, -0.5)),
        ("genhyperbolic", (-1.3, 0.8, 0.3)),
    ],
)
def test_probabilities_that_scipy_integrates_move_as_by_differences(
    name: str, shapes: Any
) -> None:
    """By the number it is the density; in the tails too."""
    dist = getattr(stats, name)
    for method, at in (("cdf", 0.2), ("sf", 0.9), ("cdf", 1e-5), ("ppf", 0.7)):
        f = getattr(dist, method)
        x = at if method == "ppf" else float(dist.ppf(at, *shapes))
        given = np.array([x, *shapes])
        slopes = grad(f, tuple(range(len(given))))(*given)

        for k, slope in enumerate(slopes):
            step = 1e-3 * np.eye(len(given))[k] * (given if k == 0 else 1.0)
            values = [f(*(given + place * step)) for place in (-2, -1, 1, 2)]
            numeric = np.dot([1, -8, 8, -1], values) / (12 * step[k])
            assert slope == pytest.approx(numeric, rel=1e-6, abs=1e-11)
        sign = {"cdf": 1.0, "sf": -1.0}.get(method)
        density = dist.pdf(x, *shapes)
        if sign is not None:
            assert slopes[0] == pytest.approx(sign * density, rel=1e-12)
            assert grad(grad(f))(*given) == pytest.approx(
                sign * grad(dist.pdf)(*given), rel=1e-9
            )


def test_outside_of_the_support_nothing_moves() -> None:
    x = np.array([-1.0, 0.5])

    found = grad(lambda x, a: np.sum(gamma.pdf(x, a)), (0, 1))(x, 2.0)

    assert found[0][0] == 0.0
    assert grad(gamma.logpdf)(-1.0, 2.0) == 0.0
    np.testing.assert_allclose(found[0][1], np.exp(-0.5) * (1 - 0.5), rtol=1e-14)


def test_bad_parameters_are_not_a_number() -> None:
    assert np.isnan(vjp(lambda s: norm.logpdf(1.0, 0.0, s), -1.0)[0])
    assert np.isnan(vjp(lambda a: gamma.cdf(1.0, a), -1.0)[0])


@pytest.mark.parametrize("name", ["norm", "gamma", "truncnorm", "poisson"])
def test_shapes_and_types_are_scipys(name: str) -> None:
    dist = getattr(stats, name)
    shapes = [np.full((2, 1), v) for v in SHAPES[name][0]]
    for x in (2, 2.0, np.arange(3), np.float32([1, 2, 3]), [1.0, 2.0], np.zeros(0)):
        for given in (SHAPES[name][0], shapes):
            if np.shape(x) == (2,) and given is shapes:
                continue
            for method in "cdf", "logpmf" if name == "poisson" else "logpdf":
                call = getattr(dist, method)
                expected = call(x, *given, loc=0.5)
                found = vjp(lambda loc: call(x, *given, loc=loc), 0.5)[0]  # noqa: B023
                assert type(found) is type(expected)
                np.testing.assert_allclose(found, expected, rtol=1e-13, strict=True)


def test_a_frozen_distribution_is_the_distribution() -> None:
    x = np.array([0.3, 1.2])

    def free(x: Any, a: Any, s: Any) -> Any:
        return np.sum(gamma.logpdf(x, a, scale=s)) + gamma.cdf(0.7, a, 0.0, s)

    def frozen(x: Any, a: Any, s: Any) -> Any:
        dist = gamma(a, scale=s)
        return np.sum(dist.logpdf(x)) + dist.cdf(0.7)

    for one, other in zip(
        hessian(frozen, (0, 1, 2))(x, 2.5, 1.4),
        hessian(free, (0, 1, 2))(x, 2.5, 1.4),
        strict=True,
    ):
        for found, expected in zip(one, other, strict=True):
            np.testing.assert_array_equal(found, expected)
    outside = gamma(2.5, scale=1.4)
    found = jacobian(lambda x: outside.logpdf(x))(x)
    np.testing.assert_array_equal(
        found, jacobian(lambda x: gamma.logpdf(x, 2.5, scale=1.4))(x)
    )


def test_they_run_compiled_and_in_rows() -> None:
    """Points that leave the support are no other path."""
    x = np.array([[0.3, 1.2, -1.0], [2.0, -0.1, 0.5], [1.0, 1.0, 1.0]])
    gradient = grad(lambda x, a: np.sum(gamma.logpdf(x + 2, a) + gamma.cdf(x, a)), 1)
    expected = np.array([gradient(row, 2.5) for row in x])

    np.testing.assert_allclose(vmap(gradient, (0, None))(x, 2.5), expected, rtol=1e-12)
    fast = jit(gradient)
    for _ in range(2):
        found = [fast(row, 2.5) for row in x]
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert len(fast.paths()) == 1


# Distributions of vectors

RANDOM = np.random.default_rng(0)
MEAN, FACTOR = RANDOM.standard_normal(3), RANDOM.standard_normal((3, 3))
POINTS = RANDOM.standard_normal((4, 3))
VECTORS: dict[str, tuple[Any, ...]] = {
    "normal": (
        lambda x, m, a: stats.multivariate_normal.logpdf(x, m, a @ a.T + np.eye(3)),
        POINTS,
        MEAN,
        FACTOR,
    ),
    "normal, one point": (
        lambda x, m: stats.multivariate_normal.pdf(x, m, np.diag([1.0, 2.0, 3.0])),
        POINTS[0],
        MEAN,
    ),
    "normal, one number": (
        lambda x, s: stats.multivariate_normal.logpdf(x, cov=s),
        POINTS[:, 0],
        2.0,
    ),
    "normal, frozen": (
        lambda x, m, a: stats.multivariate_normal(m, a @ a.T + np.eye(3)).logpdf(x),
        POINTS,
        MEAN,
        FACTOR,
    ),
    "dirichlet": (
        stats.dirichlet.logpdf,
        np.array([0.2, 0.3]),
        np.array([1.5, 2.0, 3.0]),
    ),
    "dirichlet, several": (
        lambda x, a: stats.dirichlet(a).pdf(np.stack([x, x / 2], axis=-1)),
        np.array([0.2, 0.3]),
        np.array([1.5, 2.0, 3.0]),
    ),
    "multinomial": (
        lambda p: stats.multinomial.logpmf([[1, 2, 3], [2, 2, 2]], 6, p / np.sum(p)),
        np.array([0.25, 0.25, 0.5]),
    ),
    "multinomial, frozen": (
        lambda p: stats.multinomial(6, p / np.sum(p)).pmf([1, 2, 3]),
        np.array([0.25, 0.25, 0.5]),
    ),
}


@pytest.mark.parametrize("name", VECTORS)
def test_distributions_of_vectors(name: str) -> None:
    function, *args = VECTORS[name]
    expected, found = function(*args), vjp(function, *args)[0]

    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert type(found) is type(expected)
    check_grads(function, tuple(args), order=2, atol=1e-6, rtol=1e-6)


def test_a_frozen_distribution_of_vectors_from_outside() -> None:
    outside = stats.multivariate_normal(MEAN, FACTOR @ FACTOR.T + np.eye(3))
    inverse = np.linalg.inv(FACTOR @ FACTOR.T + np.eye(3))

    np.testing.assert_allclose(
        grad(outside.logpdf)(POINTS[0]), -inverse @ (POINTS[0] - MEAN), rtol=1e-12
    )


def test_vectors_that_are_none_of_the_distribution_raise() -> None:
    with pytest.raises(ValueError, match="simplex"):
        grad(stats.dirichlet.logpdf)(np.array([0.2, 0.3, 0.6]), np.ones(3))
    with pytest.raises(ValueError, match="positive"):
        grad(lambda c: stats.multivariate_normal.logpdf(MEAN, MEAN, c))(-np.eye(3))


# Moments

#: Distributions of which SciPy integrates, or sums, the entropy.
INTEGRATED = (
    "vonmises skewnorm invgauss poisson binom nbinom pearson3 irwinhall kappa4 "
    "geninvgauss genhyperbolic"
).split()


@pytest.mark.parametrize("name", SHAPES)
def test_moments(name: str) -> None:
    """Values are SciPy's, derivatives those of differences."""
    dist, shapes = getattr(stats, name), SHAPES[name][0]
    shapes = (4.5, 9.5) if name == "f" else tuple(np.float64(v) for v in shapes)
    methods = ["mean", "var", "std", "entropy"]
    if name in INTEGRATED:
        methods.remove("entropy")
    if name in ("vonmises", "kappa4"):
        methods = []
    moving = (0.3,) if hasattr(dist, "pmf") else (0.3, 1.4)
    for method in methods:
        call = getattr(dist, method)
        if name == "binom":
            given, f = (0.3,), lambda p, call=call: call(5, p)
        elif name == "irwinhall":
            given, f = moving, lambda *place, call=call: call(3, *place)
        else:
            given, f = (*shapes, *moving), call
        expected = f(*given)
        with np.errstate(all="ignore"):
            found, pull = vjp(f, *given)
            slopes = pull(1.0)

        np.testing.assert_allclose(found, expected, rtol=1e-13)
        if not np.isfinite(expected):
            continue
        for k, slope in enumerate(slopes):
            step = 1e-5 * np.eye(len(given))[k]
            numeric = (f(*(given + step)) - f(*(given - step))) / 2e-5
            np.testing.assert_allclose(slope, numeric, rtol=1e-7, atol=1e-8)


def one_sided(f: Any, at: float, side: float, step: float = 1e-4) -> Any:
    """The derivative at an end, by values on one side of it."""
    values = [f(at + side * step * k) for k in range(4)]
    weights = np.array([-11.0, 18.0, -9.0, 2.0]) / 6.0
    return side * (weights @ np.array(values)) / step


@pytest.mark.parametrize("end", [0.0, 1.0])
@pytest.mark.parametrize("method", ["pmf", "cdf", "sf"])
def test_probabilities_of_0_and_1_move_as_their_neighbours(
    method: str, end: float
) -> None:
    """They moved half as much: SciPy clips what rounding brings beyond 0 and 1."""
    for k in range(4):
        calls = [
            lambda p, k=k: getattr(stats.binom, method)(k, 3, p),
            lambda p, k=k: getattr(stats.bernoulli, method)(k, p),
        ]
        if end == 1.0:
            calls.append(lambda p, k=k: getattr(stats.nbinom, method)(k, 2.0, p))
        for f in calls:
            expected = one_sided(f, end, 1.0 - 2.0 * end)
            assert grad(f)(end) == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize(
    ("dist", "shapes", "end"),
    [
        (stats.uniform, (), 0.0),
        (stats.uniform, (), 1.0),
        (stats.expon, (), 0.0),
        (stats.pareto, (2.0,), 0.0),
        (stats.beta, (1.0, 2.0), 0.0),
        (stats.lomax, (2.0,), 0.0),
    ],
)
def test_quantiles_at_the_ends_move_as_their_neighbours(
    dist: Any, shapes: Any, end: float
) -> None:
    """They were constants, and so did not move."""
    given = (*shapes, 0.3, 1.4)
    expected = one_sided(lambda q: dist.ppf(q, *given), end, 1.0 - 2.0 * end)
    by_q, *by_rest = grad(dist.ppf, tuple(range(len(given) + 1)))(end, *given)

    assert by_q == pytest.approx(expected, rel=1e-6)
    upper = dist.isf(1.0 - end, *given)
    assert grad(dist.isf)(1.0 - end, *given) == pytest.approx(-expected, rel=1e-6)
    for k, slope in enumerate(by_rest):
        step = 1e-5 * np.eye(len(given))[k]
        ends = [dist.ppf(end, *(given + side * step)) for side in (1, -1)]
        assert slope == pytest.approx((ends[0] - ends[1]) / 2e-5, abs=1e-8)
    assert upper == dist.ppf(end, *given)


def test_a_density_of_beta_moves_at_the_ends() -> None:
    """It was NaN: 0 times infinity."""
    for shapes in ((2.0, 3.0), (3.0, 2.0), (1.0, 2.0), (2.0, 1.0), (4.0, 4.0)):
        for end in (0.0, 1.0):
            f = lambda x, s=shapes: stats.beta.pdf(x, *s)  # noqa: E731
            expected = one_sided(f, end, 1.0 - 2.0 * end)
            assert grad(f)(end) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("gamma", (1.0,)),
        ("gamma", (2.0,)),
        ("gamma", (3.0,)),
        ("erlang", (2,)),
        ("chi2", (2.0,)),
        ("chi2", (4.0,)),
        ("chi", (2.0,)),
        ("f", (2.0, 5.0)),
        ("f", (4.0, 5.0)),
        ("f", (4000.0, 4000.0)),
        ("nakagami", (1.0,)),
        ("gengamma", (2.0, 1.0)),
        ("gengamma", (2.0, -1.0)),
        ("exponweib", (2.0, 1.0)),
        ("burr", (2.0, 1.0)),
        ("burr12", (2.0, 2.0)),
        ("fisk", (1.0,)),
    ],
)
def test_a_density_moves_at_0_as_beside_it(name: str, shapes: Any) -> None:
    """It was constant: SciPy's is the exponential of a logarithm, infinite there."""
    f = lambda x: getattr(stats, name).pdf(x, *shapes)  # noqa: E731
    weights = np.array([2.0, -5.0, 4.0, -1.0])
    beside = np.array([f(1e-4 * k) for k in range(4)])

    assert grad(f)(0.0) == pytest.approx(one_sided(f, 0.0, 1.0), abs=1e-6)
    assert grad(grad(f))(0.0) == pytest.approx(weights @ beside / 1e-8, abs=0.1)
    assert vjp(f, 0.0)[0] == pytest.approx(f(0.0), rel=1e-14)


def test_other_densities_at_their_ends() -> None:
    assert grad(lambda x: stats.gamma.pdf(x, 1.5))(0.0) == np.inf
    assert grad(lambda x: stats.gamma.pdf(x, 0.5))(0.0) == -np.inf
    assert grad(lambda x: stats.argus.pdf(x, 1.0))(1.0) == -np.inf
    for end in (-1.0, 1.0):
        f = lambda x: stats.rdist.pdf(x, 4.0)  # noqa: E731
        assert grad(f)(end) == pytest.approx(one_sided(f, end, -end), rel=1e-7)
    f = lambda x: stats.genpareto.pdf(x, -0.5)  # noqa: E731
    assert grad(f)(2.0) == pytest.approx(one_sided(f, 2.0, -1.0), rel=1e-7)
    f = lambda x: stats.argus.pdf(x, 1.0)  # noqa: E731
    assert grad(f)(0.0) == pytest.approx(one_sided(f, 0.0, 1.0), rel=1e-7)


@pytest.mark.parametrize("method", CONTINUOUS)
def test_a_pareto_moves_with_a_shape_of_0(method: str) -> None:
    """There SciPy's is the exponential distribution, whatever is beside it."""

    def at(c: Any) -> Any:
        return getattr(stats.genpareto, method)(0.7, c)

    high, low, middle = at(1e-4), at(-1e-4), at(0.0)
    assert grad(at)(0.0) == pytest.approx((high - low) / 2e-4, rel=1e-6)
    curvature = (high + low - 2 * middle) / 1e-8
    assert grad(grad(at))(0.0) == pytest.approx(curvature, rel=1e-4)


@pytest.mark.parametrize("p", [0.3, 1e-3])
@pytest.mark.parametrize("method", ["ppf", "isf"])
def test_quantiles_of_compiled_code(method: str, p: float) -> None:
    for dist, shape in ((stats.skewnorm, 1.3), (stats.invgauss, 0.8)):
        settings = {"rtol": 1e-6, "atol": 1e-11, "eps": 1e-4}
        check_grads(getattr(dist, method), (p, shape), order=2, **settings)


def test_median_and_interval_are_quantiles() -> None:
    assert grad(lambda s: norm.median(0.5, s))(2.0) == 0.0
    low, high = jacobian(lambda s: np.stack(norm.interval(0.95, 0.5, s)))(2.0)
    expected = norm.ppf([0.025, 0.975])
    np.testing.assert_allclose((low, high), expected, rtol=1e-13)


def test_what_has_no_formula_says_what_to_write() -> None:
    class Own(stats.rv_continuous):  # type: ignore[misc]
        def _pdf(self, x: Any, a: Any) -> Any:
            return a * x ** (a - 1)

    own = Own(a=0.0, b=1.0, name="own", shapes="a")

    np.testing.assert_allclose(grad(own.logpdf, 1)(0.5, 3.0), 1 / 3 + np.log(0.5))
    with pytest.raises(UnsupportedError, match="has no formula"):
        grad(own.cdf)(0.5, 3.0)


# Draws

#: Distributions by their shape parameters.
DRAWN = {
    "norm": (),
    "expon": (),
    "t": (3.5,),
    "gamma": (2.5,),
    "beta": (2.5, 1.5),
    "lognorm": (0.7,),
    "f": (3.5, 4.5),
    "vonmises": (1.5,),
    "truncnorm": (-1.0, 2.0),
}


@pytest.mark.parametrize("name", DRAWN)
def test_draws_are_scipys_and_move_as_quantiles(name: str) -> None:
    dist, parameters = getattr(stats, name), (*DRAWN[name], 0.3, 1.4)
    u = np.array([0.4, -1.0, 0.7])

    def draw(*given: Any) -> Any:
        return dist.rvs(*given, size=3, random_state=np.random.default_rng(1))

    drawn = draw(*parameters)
    value, found = value_and_grad(
        lambda *given: np.sum(draw(*given) * u), tuple(range(len(parameters)))
    )(*parameters)

    assert value == np.sum(drawn * u)
    p = dist.cdf(drawn, *parameters)
    for k, part in enumerate(found):
        high, low = ([*parameters] for _ in range(2))
        high[k] += 1e-5
        low[k] -= 1e-5
        moved = (dist.ppf(p, *high) - dist.ppf(p, *low)) / 2e-5
        np.testing.assert_allclose(part, np.sum(moved * u), rtol=1e-5)


def test_draws_of_arrays_of_parameters_frozen_ones_and_single_ones() -> None:
    shapes, scales = np.array([2.5, 1.0]), np.array([[1.0], [2.0], [0.5]])

    def draw(make: Any) -> Any:
        return make.rvs(random_state=np.random.RandomState(3))

    found = vjp(lambda a: draw(gamma(a)), 2.5)[0]
    every = vjp(lambda a, s: gamma.rvs(a, 0.1, s, random_state=3), shapes, scales)[0]

    assert type(found) is np.float64
    assert found == draw(gamma(2.5))
    np.testing.assert_array_equal(every, gamma.rvs(shapes, 0.1, scales, random_state=3))
    with pytest.raises(ValueError, match="Domain error"):
        grad(lambda s: gamma.rvs(2.0, scale=s, random_state=3))(-1.0)


def test_draws_of_vectors_have_the_covariance_that_they_move_with() -> None:
    """The mean of their squares moves with the covariance as their factor says."""
    cov = np.array([[2.0, 0.6], [0.6, 1.0]])

    def squares(mean: Any, cov: Any) -> Any:
        x = stats.multivariate_normal(mean, cov).rvs(4, np.random.default_rng(1))
        return x[:, 0] ** 2 + 3 * x[:, 1]

    mean = np.array([0.0, 0.0])
    found = jacobian(squares, (0, 1))(mean, cov)
    x = stats.multivariate_normal.rvs(mean, cov, 4, np.random.default_rng(1))

    assert (squares(mean, cov) == x[:, 0] ** 2 + 3 * x[:, 1]).all()
    np.testing.assert_allclose(found[0], np.stack([2 * x[:, 0], np.full(4, 3.0)], 1))
    # x_0 is the first factor times a standard number: its square grows as the variance
    np.testing.assert_allclose(
        found[1][:, 0, 0] * 2.0
        + found[1][:, 1, 0] * 0.6
        + found[1][:, 0, 1] * 0.6
        + found[1][:, 1, 1],
        x[:, 0] ** 2 + 1.5 * x[:, 1],
    )


def test_draws_under_jit_are_those_of_every_parameter() -> None:
    def draw(a: Any) -> Any:
        return np.sum(gamma.rvs(a, size=3, random_state=np.random.default_rng(3)))

    compiled = jit(draw)
    for a in (1.0, 2.5, 1.0, 0.4, 2.5):
        assert compiled(a) == draw(a)
