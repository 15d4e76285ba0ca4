"""Spline regression: where the knots of a smooth curve through noise belong.

The coefficients are those of least squares, the inner knots minimise what is left: the
gradient by the knots passes through the fit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.interpolate import make_lsq_spline
from scipy.optimize import minimize

import wengert as wg

DEGREE = 3
X = np.linspace(0.0, 1.0, 80)
#: A step that evenly spaced knots miss, and noise.
Y = np.tanh(25 * (X - 0.6)) + 0.02 * np.random.default_rng(1).standard_normal(80)
EVEN = np.linspace(0.0, 1.0, 7)[1:-1]


def curve(inner: Any) -> Any:
    """Return the spline of least squares with inner knots."""
    ends = np.zeros(DEGREE + 1), np.ones(DEGREE + 1)
    return make_lsq_spline(X, Y, np.concatenate([ends[0], inner, ends[1]]), DEGREE)


def misfit(inner: Any) -> Any:
    """Return the mean square of what the spline leaves."""
    return np.mean((curve(inner)(X) - Y) ** 2)


def knots_of(steps: Any) -> Any:
    """Return inner knots in order, by the logarithms of their distances."""
    lengths = np.exp(steps)
    return np.cumsum(lengths[:-1]) / np.sum(lengths)


def fit() -> Any:
    """Return the inner knots of the least misfit."""
    found = minimize(
        wg.value_and_grad(lambda steps: misfit(knots_of(steps))),
        np.zeros(EVEN.size + 1),
        jac=True,
        method="BFGS",
        options={"maxiter": 60},
    )
    return knots_of(found.x)


def main() -> list[tuple[str, str]]:
    """Return the deviations with even knots and with the knots that were found."""
    found = fit()
    left = [np.sqrt(misfit(inner)) for inner in (EVEN, found)]
    return [
        ("deviation with even knots", f"{left[0]:.3f}"),
        ("deviation with the best knots", f"{left[1]:.3f}"),
        ("knots", " ".join(f"{knot:.2f}" for knot in found)),
    ]


if __name__ == "__main__":
    for name, value in main():
        print(f"{name}: {value}")
