"""The Nile's flow from 1871 to 1970: a Kalman filter fitted by its exact gradient.

The local level model ``y_t = level_t + eps_t``, ``level_{t+1} = level_t + eta_t`` with
variances s_eps and s_eta (10^16 m^6) is the running example of J. Durbin and S. J.
Koopman (2012), Time Series Analysis by State Space Methods, chapter 2.  Its likelihood
is a plain loop over the years; SciPy maximises it once with the gradient from wengert
(as Python runs it, and compiled) and once with finite differences.
"""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.optimize import OptimizeResult, minimize

import wengert as wg

Rows = list[tuple[str, str, str]]

FLOWS = np.loadtxt(
    Path(__file__).parent / "data" / "nile.csv", delimiter=",", skiprows=6, usecols=1
)

# Durbin and Koopman (2012), section 2.10.3, reached from the same diffuse likelihood.
PUBLISHED_EPS = 15099.0
PUBLISHED_ETA = 1469.1
# The exact diffuse value, as statsmodels 0.15 computes it (use_exact_diffuse=True);
# without the first year's 2 pi it reads -632.55.
DIFFUSE_LIKELIHOOD = -633.46


def negative_log_likelihood(log_variances: np.ndarray, flows: np.ndarray) -> np.ndarray:
    """Minus the diffuse log-likelihood of the local level model.

    `log_variances` : array, shape (2,), log s_eps and log s_eta.  Nothing is known of
    the level before the first year, so that year only starts the filter (Durbin and
    Koopman 2012, section 2.9: level = y_1, its variance = s_eps + s_eta).
    """
    s_eps, s_eta = np.exp(log_variances)
    level = flows[0]
    p = s_eps + s_eta
    total = np.log(2.0 * np.pi)  # of the first year, which Durbin and Koopman count
    for y in flows[1:]:
        error = y - level
        f = p + s_eps
        total += np.log(2.0 * np.pi * f) + error**2 / f
        gain = p / f
        level = level + gain * error
        p = p * (1.0 - gain) + s_eta
    return 0.5 * total


def fit(
    objective: Callable[..., object], with_gradient: bool
) -> tuple[OptimizeResult, float]:
    """SciPy's optimum from the series' own variance, and the seconds it took."""
    guess = np.full(2, np.log(np.var(FLOWS)))
    start = time.perf_counter()
    result = minimize(objective, guess, args=(FLOWS,), jac=with_gradient, method="BFGS")
    return result, time.perf_counter() - start


def fit_rows(name: str, result: OptimizeResult, seconds: float) -> Rows:
    """What one fit cost, where it ended, and how far that is from the optimum."""
    s_eps, s_eta = np.exp(result.x)
    exact = wg.grad(negative_log_likelihood)(result.x, FLOWS)
    slope = np.max(np.abs(exact))
    return [
        (f"{name}: calls, time", f"{result.nfev}, {1e3 * seconds:.1f} ms", ""),
        (
            f"{name}: s_eps, s_eta",
            f"{s_eps:.0f}, {s_eta:.1f}",
            f"{PUBLISHED_EPS:.0f}, {PUBLISHED_ETA} (published)",
        ),
        (f"{name}: slope left", f"{slope:.0e}", "0"),
    ]


def main() -> Rows:
    """Fit the model all three ways; rows of (quantity, result, expected)."""
    exact, seconds = fit(wg.value_and_grad(negative_log_likelihood), True)
    compiled = wg.jit(wg.value_and_grad(negative_log_likelihood), wait=True)
    compiled(np.zeros(2), FLOWS)  # recorded and compiled here, once
    again, compiled_seconds = fit(compiled, True)
    rough, rough_seconds = fit(negative_log_likelihood, False)
    return [
        *fit_rows("gradient", exact, seconds),
        *fit_rows("compiled", again, compiled_seconds),
        *fit_rows("differences", rough, rough_seconds),
        ("log-likelihood", f"{-exact.fun:.2f}", f"{DIFFUSE_LIKELIHOOD} (statsmodels)"),
    ]


if __name__ == "__main__":
    for row in main():
        print(*row, sep=" | ")
