"""The example programs reach the published answers."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture(autouse=True)
def examples_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test import an example as the demo does."""
    monkeypatch.setattr(sys, "path", [str(EXAMPLES), *sys.path])


def test_every_program_is_on_the_page_of_examples() -> None:
    page = (EXAMPLES.parent / "docs" / "examples.md").read_text()

    names = {path.name for path in EXAMPLES.glob("*.py")} - {"demo.py"}
    assert {name for name in names if f"(../examples/{name})" in page} == names


def test_hand_built_tape_gives_5_15_10() -> None:
    import hand_built_tape

    results = [row[1] for row in hand_built_tape.main()]

    assert results == ["30", "5, 15, 10", "35"]


def test_digits_network_learns_in_a_few_epochs() -> None:
    """Ten epochs reach 97 % (plain seeds, no luck: 40 reach 98.3 %)."""
    import digits

    accuracy = digits.main(epochs=10)[-1][1]

    assert float(accuracy.rstrip("%")) > 96.0


def test_nile_estimates_are_the_published_ones() -> None:
    """Durbin and Koopman print five figures; their optimiser stopped 6e-5 early."""
    import nile
    import wengert as wg

    result, _ = nile.fit(wg.value_and_grad(nile.negative_log_likelihood), True)

    published = [nile.PUBLISHED_EPS, nile.PUBLISHED_ETA]
    np.testing.assert_allclose(np.exp(result.x), published, rtol=2e-4)
    assert -result.fun == pytest.approx(-633.4646, abs=1e-4)


def test_nile_flows_are_the_published_series() -> None:
    import nile

    assert len(nile.FLOWS) == 100
    assert nile.FLOWS.mean() == 919.35
    assert nile.FLOWS[:3].tolist() == [1120, 1160, 963]
    assert nile.FLOWS[-2:].tolist() == [714, 740]


def test_newton_gradient_is_that_of_the_implicit_function() -> None:
    """The last Newton step squares the error of the one before: rounding is left."""
    import newton
    import wengert as wg

    orbit = np.array([0.6, 1.0])
    gradient = wg.grad(newton.eccentric_anomaly)(orbit)

    np.testing.assert_allclose(gradient, newton.implicit_gradient(orbit), rtol=1e-12)


# Four kinds of programs, as people of four professions write them


def test_a_smile_is_calibrated_to_its_parameters() -> None:
    import calibration

    found = calibration.calibrate(
        calibration.smile(calibration.TRUTH, calibration.STRIKES)
    )

    np.testing.assert_allclose(found, calibration.TRUTH, rtol=1e-8)


def test_the_greeks_of_a_simulated_option_are_those_of_bumps() -> None:
    import calibration

    market = np.array([100.0, 0.25, 0.03])
    slopes = calibration.greeks(market)[1].mean(axis=0)

    for k, h in enumerate([1e-2, 1e-4, 1e-4]):
        bump = h * np.eye(3)[k]
        ends = [calibration.greeks(market + s * bump)[0].mean() for s in (1, -1)]
        assert slopes[k] == pytest.approx((ends[0] - ends[1]) / (2 * h), rel=2e-3)


def test_a_free_move_has_the_known_least_effort() -> None:
    """Torque 6 - 12 t, effort 12: the rule of trapezoids is off by its own order."""
    import collocation

    found = collocation.solve(0.0, 1.0)
    middle = collocation.split(found.x)[2][1:-1]
    times = np.linspace(0.0, 1.0, collocation.KNOTS)[1:-1]

    assert found.fun == pytest.approx(12.0, rel=0.01)
    np.testing.assert_allclose(middle, 6.0 - 12.0 * times, atol=0.3)


def test_the_pendulum_is_swung_up() -> None:
    import collocation

    found = collocation.solve(5.0, np.pi)
    angle, speed, _ = collocation.split(found.x)

    assert found.success
    assert np.max(np.abs(collocation.defects(found.x, 5.0, np.pi))) < 1e-8
    np.testing.assert_allclose([angle[-1], speed[-1]], [np.pi, 0.0], atol=1e-8)


def test_the_mode_of_a_poisson_regression_has_no_slope() -> None:
    """Its equations are the features times the counts' residuals, written by hand."""
    import counts

    mode, covariance = counts.newton()
    means = np.exp(counts.FEATURES @ mode)
    slope = counts.FEATURES.T @ (means - counts.COUNTS) + mode / 100.0
    curvature = counts.FEATURES.T @ (means[:, None] * counts.FEATURES)

    np.testing.assert_allclose(slope, 0.0, atol=1e-9)
    np.testing.assert_allclose(
        np.linalg.inv(covariance), curvature + np.eye(3) / 100.0, rtol=1e-10
    )


def test_draws_agree_with_the_curvature_at_the_mode() -> None:
    import counts

    mode, covariance = counts.newton()
    spread = np.sqrt(np.diag(covariance))
    draws = counts.hmc(mode, spread)

    assert np.max(np.abs(draws.mean(axis=0) - mode) / spread) < 0.3
    np.testing.assert_allclose(draws.std(axis=0), spread, rtol=0.15)


def test_a_process_is_as_likely_as_scikit_learn_says() -> None:
    """Its gradient is by the logarithms of variances, twice those of deviations."""
    kernels = pytest.importorskip("sklearn.gaussian_process.kernels")
    from sklearn.gaussian_process import GaussianProcessRegressor

    import process
    import wengert as wg

    theta = np.array([0.3, 2.0, -0.4])
    amplitude, length, noise = np.exp(theta)
    kernel = kernels.ConstantKernel(amplitude**2) * kernels.Matern(length, nu=1.5)
    theirs = GaussianProcessRegressor(
        kernel + kernels.WhiteKernel(noise**2), optimizer=None
    ).fit(process.T[:, None], process.Y)
    value, slope = theirs.log_marginal_likelihood(
        theirs.kernel_.theta, eval_gradient=True
    )
    mine, own = wg.value_and_grad(process.negative_log_marginal)(theta)
    years = np.array([1890.0, 1950.0])
    mean, _ = process.predict(years, theta)

    assert -mine == pytest.approx(value, rel=1e-8)
    np.testing.assert_allclose(-own * [0.5, 1.0, 0.5], slope, rtol=1e-6)
    predicted = theirs.predict((years - process.YEARS.mean())[:, None])
    np.testing.assert_allclose((mean - process.CENTRE) / process.SCALE, predicted)


def test_draws_of_hyperparameters_have_the_moments_of_a_grid() -> None:
    import process

    mode, cov = process.fit()
    draws = process.hmc(mode, cov)
    mean, spread = process.integrate()

    assert np.max(np.abs(draws.mean(axis=0) - mean) / spread) < 0.3
    np.testing.assert_allclose(draws.std(axis=0), spread, rtol=0.25)


def test_rates_of_an_ode_are_found_again() -> None:
    import dynamics

    found = dynamics.fit(dynamics.trajectory(dynamics.TRUTH))

    np.testing.assert_allclose(found, dynamics.TRUTH, rtol=1e-8)


def test_a_pde_is_differentiated_through_its_loop() -> None:
    """What is conserved: the influences of a cell on all others add up to one."""
    import dynamics

    u = 1.0 + 0.3 * np.cos(np.linspace(0.0, 6.0, dynamics.CELLS))
    total = sum(dynamics.influence(u, k) for k in range(dynamics.CELLS))
    h, e = 1e-6, np.eye(dynamics.CELLS)[7]
    ends = [dynamics.burgers(u + s * h * e)[20] for s in (1, -1)]

    np.testing.assert_allclose(total, 1.0, atol=1e-12)
    numeric = (ends[0] - ends[1]) / (2 * h)
    assert dynamics.influence(u, 20)[7] == pytest.approx(numeric, abs=1e-9)


def test_hares_and_lynxes_are_fitted_with_the_jacobian_of_the_solver() -> None:
    """The same fit by differences of SciPy's own runs, which takes more calls."""
    from scipy.optimize import least_squares

    import predators

    found = predators.least_squares(predators.residuals, predators.START)
    expected = least_squares(predators.residuals, found.x, jac="3-point", xtol=1e-12)

    assert found.nfev < 15
    np.testing.assert_allclose(found.x, expected.x, atol=1e-4)
    assert found.cost == pytest.approx(expected.cost, rel=1e-6)


def test_heston_is_calibrated_through_its_integrals() -> None:
    """All five parameters; the gradient by differences of sums over Gauss's places."""
    import heston
    import wengert as wg

    found = heston.calibrate(heston.prices(heston.TRUTH))
    np.testing.assert_allclose(found, heston.TRUTH, atol=1e-6)

    forward = heston.SPOT * np.exp(heston.RATE)
    places, weights = np.polynomial.legendre.leggauss(500)
    u = 60.0 * (places + 1.0)

    def price(model: Any) -> Any:
        """A call at 100 in a year."""
        wave = heston.characteristic(u - 0.5j, 1.0, model)
        wave = np.real((forward / 100.0) ** (1j * u) * wave) / (u**2 + 0.25)
        integral = 60.0 * weights @ wave
        return np.exp(-heston.RATE) * (
            forward - 10.0 * np.sqrt(forward) / np.pi * integral
        )

    assert heston.call(100.0, 1.0, found) == pytest.approx(price(found), abs=1e-7)
    slopes = [(price(found + e) - price(found - e)) / 2e-5 for e in 1e-5 * np.eye(5)]
    gradient = wg.grad(lambda model: heston.call(100.0, 1.0, model))(found)
    np.testing.assert_allclose(gradient, slopes, rtol=1e-6)


# States that are not seen


def test_a_filter_and_a_smoother_are_those_of_all_measurements_at_once() -> None:
    """One normal distribution of all positions and measurements, by SciPy and NumPy."""
    from scipy.stats import multivariate_normal

    import smoother
    import wengert as wg

    q, r = variances = np.exp(smoother.fit())
    covs = [smoother.FIRST]
    for _ in range(smoother.COUNT - 1):
        covs.append(smoother.MOVE @ covs[-1] @ smoother.MOVE.T + q * smoother.SPREAD)
    together = np.array(
        [
            [
                (np.linalg.matrix_power(smoother.MOVE, abs(s - t)) @ covs[min(s, t)])[
                    0, 0
                ]
                for t in range(smoother.COUNT)
            ]
            for s in range(smoother.COUNT)
        ]
    )
    seen = together + r * np.eye(smoother.COUNT)
    mean, cov = smoother.smoothed(np.log(variances), smoother.MEASURED)
    value, slope = wg.value_and_grad(
        lambda v: smoother.filtered(v, smoother.MEASURED)[0]
    )(np.log(variances))

    expected = multivariate_normal(np.zeros(smoother.COUNT), seen)
    assert -value == pytest.approx(expected.logpdf(smoother.MEASURED), rel=1e-12)
    np.testing.assert_allclose(slope, 0.0, atol=1e-4)
    weights = together @ np.linalg.inv(seen)
    np.testing.assert_allclose(mean[:, 0], weights @ smoother.MEASURED, rtol=1e-9)
    np.testing.assert_allclose(cov[:, 0, 0], r * np.diag(weights), rtol=1e-9)
    np.testing.assert_allclose(
        smoother.weights(np.log(variances)), weights, atol=1e-12, rtol=1e-9
    )


def test_earthquakes_are_as_likely_as_published() -> None:
    import earthquakes

    for states, published in earthquakes.PUBLISHED.items():
        assert earthquakes.fit(states).fun == pytest.approx(published, abs=6e-5)


def test_a_gradient_is_the_backward_algorithm() -> None:
    """Against all sequences of states of the first seven years, one by one."""
    from itertools import product

    import earthquakes
    import wengert as wg

    moves = np.array([[0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.5, 0.1, 0.4]])
    values, vectors = np.linalg.eig(moves.T)
    stationary = np.real(vectors[:, np.argmax(np.real(values))])
    stationary = stationary / stationary.sum()
    density = np.random.default_rng(0).uniform(0.1, 1.0, (7, 3))
    weights = np.zeros((7, 3))
    for states in product(range(3), repeat=7):
        weight = stationary[states[0]] * density[0, states[0]]
        for t in range(1, 7):
            weight *= moves[states[t - 1], states[t]] * density[t, states[t]]
        weights[range(7), states] += weight
    value, found = wg.value_and_grad(earthquakes.forward, 1)(
        np.log(moves), np.log(density)
    )

    total = weights[0].sum()
    assert value == pytest.approx(np.log(total), rel=1e-12)
    np.testing.assert_allclose(found, weights / total, rtol=1e-10)


# Structures, heat, integrals over what is not known


def test_a_truss_is_as_stiff_as_a_linear_program_says() -> None:
    import truss

    found = truss.optimise()
    stretched = truss.STRETCH @ truss.moves(found.x) / truss.LENGTHS

    assert found.success
    assert found.fun == pytest.approx(truss.least_work(), rel=1e-4)
    carrying = np.abs(stretched[found.x > 1e-2])  # every bar as much as all others
    np.testing.assert_allclose(carrying, carrying.mean(), rtol=1e-2)


def test_a_flow_of_heat_is_found_from_the_other_end() -> None:
    """Differences of the rod as NumPy runs it."""
    import furnace
    import wengert as wg

    found = furnace.find()
    jacobian = wg.jacobian(furnace.temperatures)(found)
    push = 1e-5 * np.eye(len(found))[7]
    ends = [furnace.temperatures(found + side * push) for side in (1, -1)]

    np.testing.assert_allclose(jacobian[:, 7], (ends[0] - ends[1]) / 2e-5, atol=1e-9)
    assert np.std(found - furnace.TRUTH) < 0.06
    assert np.argmax(found) == np.argmax(furnace.TRUTH)


def test_laplaces_approximation_is_near_the_integrals() -> None:
    """The gradient through mode and determinant, by differences of plain NumPy runs."""
    import pumps
    import wengert as wg

    found = pumps.fit()
    model = np.array([-0.7, 0.5])
    slopes = [
        (
            pumps.negative_log_marginal(model + step)
            - pumps.negative_log_marginal(model - step)
        )
        / 2e-5
        for step in 1e-5 * np.eye(2)
    ]

    gradient = wg.grad(pumps.negative_log_marginal)(model)
    np.testing.assert_allclose(gradient, slopes, rtol=1e-6)
    exact = pumps.exact(found)
    assert pumps.negative_log_marginal(found) == pytest.approx(exact, abs=0.1)
    for step in 0.1 * np.eye(2):  # the most likely model by the integrals is near
        assert exact < min(pumps.exact(found + step), pumps.exact(found - step))


# Signals


def test_a_signal_is_retrieved_from_sizes_up_to_one_phase() -> None:
    import phases

    found = phases.retrieve()
    phase = np.vdot(found, phases.TRUTH)

    np.testing.assert_allclose(
        found * phase / np.abs(phase), phases.TRUTH, rtol=0, atol=1e-5
    )


def test_the_knots_of_a_regression_find_the_step() -> None:
    """The noise is 0.02; knots gather at the step."""
    import knots
    import wengert as wg

    steps = 1e-6 * np.eye(knots.EVEN.size)
    moved = knots.EVEN + 0.01
    expected = [
        (knots.misfit(moved + h) - knots.misfit(moved - h)) / 2e-6 for h in steps
    ]
    np.testing.assert_allclose(wg.grad(knots.misfit)(moved), expected, rtol=1e-5)
    found = knots.fit()

    assert np.sqrt(knots.misfit(found)) < 0.025 < np.sqrt(knots.misfit(knots.EVEN)) / 2
    assert np.sum(np.abs(found - 0.6) < 0.03) == 2
