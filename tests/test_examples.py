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
