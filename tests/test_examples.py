"""The example programs reach the published answers."""

import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture(autouse=True)
def examples_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test import an example as the demo does."""
    monkeypatch.setattr(sys, "path", [str(EXAMPLES), *sys.path])


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
    import heston
    import wengert as wg

    found = heston.calibrate(heston.prices(heston.TRUTH))
    np.testing.assert_allclose(found, heston.TRUTH, atol=1e-6)

    step = 1e-4 * np.eye(3)
    slopes = [
        (heston.call(100.0, 1.0, found + e) - heston.call(100.0, 1.0, found - e)) / 2e-4
        for e in step
    ]
    gradient = wg.grad(lambda model: heston.call(100.0, 1.0, model))(found)
    np.testing.assert_allclose(gradient, slopes, rtol=1e-4)


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
