"""A Kalman smoother finds a way back: positions and speeds behind noisy measurements.

The filter runs forward, the pass of H. E. Rauch, F. Tung and C. T. Striebel (AIAA
Journal 3, 1965) back, both as loops that fill arrays.  The two noises are fitted by the
gradient of the likelihood; the derivative of the smoothed path by the measurements is
known: the covariance of the path over the variance of a measurement.
"""

import numpy as np
from scipy.optimize import minimize

import wengert as wg

Rows = list[tuple[str, str, str]]
Arrays = tuple[np.ndarray, ...]

COUNT, STEP = 40, 0.5
#: Position and speed move on; the position is measured.
MOVE, SEEN = np.array([[1.0, STEP], [0.0, 1.0]]), np.array([1.0, 0.0])
#: How an acceleration at random spreads over a step, and what is known before.
SPREAD = np.array([[STEP**3 / 3.0, STEP**2 / 2.0], [STEP**2 / 2.0, STEP]])
FIRST = np.diag([25.0, 4.0])
#: Variances of the acceleration (m^2/s^3) and of a measurement (m^2).
TRUTH = np.array([0.2, 2.0])


def simulate() -> Arrays:
    """A path at random, with a seed, and its measurements."""
    rng = np.random.default_rng(8)
    state, path = rng.multivariate_normal(np.zeros(2), FIRST), []
    for _ in range(COUNT):
        path.append(state)
        state = MOVE @ state + rng.multivariate_normal(np.zeros(2), TRUTH[0] * SPREAD)
    return np.array(path), np.array(path)[:, 0] + rng.normal(
        0.0, TRUTH[1] ** 0.5, COUNT
    )


PATH, MEASURED = simulate()


def filtered(log_variances: np.ndarray, measured: np.ndarray) -> Arrays:
    """Minus the log-likelihood; means and covariances before and after each step."""
    q, r = np.exp(log_variances)
    means, covs = np.zeros((2, COUNT, 2)), np.zeros((2, COUNT, 2, 2))
    mean, cov, total = np.zeros(2), FIRST, 0.0
    for t in range(COUNT):
        means[0, t], covs[0, t] = mean, cov
        error = measured[t] - SEEN @ mean
        variance = SEEN @ cov @ SEEN + r
        gain = cov @ SEEN / variance
        total += 0.5 * (np.log(2.0 * np.pi * variance) + error**2 / variance)
        means[1, t] = mean + gain * error
        covs[1, t] = cov - np.outer(gain, SEEN @ cov)
        mean = MOVE @ means[1, t]
        cov = MOVE @ covs[1, t] @ MOVE.T + q * SPREAD
    return total, means, covs


def smoothed(log_variances: np.ndarray, measured: np.ndarray) -> Arrays:
    """Means and covariances of position and speed given all measurements."""
    _, means, covs = filtered(log_variances, measured)
    mean, cov = means[1].copy(), covs[1].copy()
    for t in range(COUNT - 2, -1, -1):
        gain = np.linalg.solve(covs[0, t + 1], MOVE @ covs[1, t]).T
        mean[t] += gain @ (mean[t + 1] - means[0, t + 1])
        cov[t] += gain @ (cov[t + 1] - covs[0, t + 1]) @ gain.T
    return mean, cov


def fit() -> np.ndarray:
    """The logarithms of the most likely variances."""
    likelihood = wg.value_and_grad(lambda v: filtered(v, MEASURED)[0])
    return minimize(likelihood, np.zeros(2), jac=True).x


def weights(log_variances: np.ndarray) -> np.ndarray:
    """How every smoothed position depends on every measurement."""
    return wg.jacobian(lambda y: smoothed(log_variances, y)[0][:, 0])(MEASURED)


def main() -> Rows:
    """Fit and smooth; rows of (quantity, result, expected)."""
    found = fit()
    mean, cov = smoothed(found, MEASURED)
    at = COUNT // 2
    error, raw = np.std(mean[:, 0] - PATH[:, 0]), np.std(MEASURED - PATH[:, 0])
    weight, variance = weights(found)[at, at], cov[at, 0, 0]
    return [
        ("variances", str(np.round(np.exp(found), 2)), f"{TRUTH} (simulated)"),
        ("error of the path", f"{error:.2f} m", f"{raw:.2f} m (of the measurements)"),
        (
            "weight of a measurement",
            f"{weight:.6f}",
            f"{variance / np.exp(found[1]):.6f} (its variance)",
        ),
    ]


if __name__ == "__main__":
    for row in main():
        print(*row, sep="\t")
