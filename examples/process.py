"""A Gaussian process of the Nile's flow: its hyperparameters fitted, and sampled.

The log marginal likelihood is that of C. E. Rasmussen and C. K. I. Williams (2006),
Gaussian Processes for Machine Learning, algorithm 2.1: a Cholesky factor, two solves
and a determinant, in NumPy and SciPy.  `scipy.optimize` takes its gradient, Hamiltonian
Monte Carlo the same one, in coordinates that the Hessian at the mode makes round; a sum
over a grid confirms the draws.
"""

from pathlib import Path

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.optimize import minimize

import wengert as wg

Rows = list[tuple[str, str, str]]
Moments = tuple[np.ndarray, np.ndarray]

SERIES = np.loadtxt(
    Path(__file__).parent / "data" / "nile.csv", delimiter=",", skiprows=6
)
#: Two years each: half as many numbers, an eighth of the work.
YEARS, FLOWS = SERIES.reshape(50, 2, 2).mean(axis=1).T
#: Flows as deviations from their mean, in standard deviations; years since the middle.
CENTRE, SCALE = FLOWS.mean(), FLOWS.std()
Y, T = (FLOWS - CENTRE) / SCALE, YEARS - YEARS.mean()
#: Prior mean of the logarithms of amplitude, length in years, and noise; spread 1.
PRIOR = np.log([1.0, 10.0, 1.0])


def covariance(a: np.ndarray, b: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """The Matern covariance, once differentiable, of the flows of two sets of years."""
    amplitude, length = np.exp(theta[0]), np.exp(theta[1])
    r = np.sqrt(3.0) * np.abs(a[:, None] - b) / length
    return amplitude**2 * (1.0 + r) * np.exp(-r)


def factor(theta: np.ndarray) -> tuple[np.ndarray, bool]:
    """The Cholesky factor of the covariance of all flows with their noise."""
    noise = np.exp(2.0 * theta[2]) * np.eye(len(T))
    return cho_factor(covariance(T, T, theta) + noise, lower=True)


def negative_log_marginal(theta: np.ndarray) -> np.ndarray:
    """Minus the log density of all flows given the hyperparameters."""
    c = factor(theta)
    half_log_det = np.sum(np.log(np.diag(c[0])))
    return 0.5 * Y @ cho_solve(c, Y) + half_log_det + len(Y) / 2 * np.log(2.0 * np.pi)


def energy(theta: np.ndarray) -> np.ndarray:
    """Minus the log density of hyperparameters given the flows, up to a constant."""
    return negative_log_marginal(theta) + np.sum((theta - PRIOR) ** 2) / 2.0


def fit() -> tuple[np.ndarray, np.ndarray]:
    """The most likely hyperparameters, and the covariance of their curvature."""
    mode = minimize(wg.jit(wg.value_and_grad(energy)), PRIOR, jac=True).x
    return mode, np.linalg.inv(wg.hessian(energy)(mode))


def predict(years: np.ndarray, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of the flow without noise, in its own units."""
    c, cross = factor(theta), covariance(T, years - YEARS.mean(), theta)
    explained = solve_triangular(c[0], cross, lower=True)
    variance = np.exp(2.0 * theta[0]) - np.sum(explained**2, axis=0)
    return CENTRE + SCALE * cross.T @ cho_solve(c, Y), SCALE * np.sqrt(variance)


def hmc(theta: np.ndarray, cov: np.ndarray, draws: int = 300) -> np.ndarray:
    """Draws of the hyperparameters, in coordinates in which the mode is round."""
    rng = np.random.default_rng(6)
    root = np.linalg.cholesky(cov)
    slope = wg.jit(wg.value_and_grad(lambda z: energy(theta + root @ z)))
    z = np.zeros(3)
    found, (e, f) = [], slope(z)
    for _ in range(draws):
        p = rng.normal(size=3)
        at, push, here, there = z, p, e, f
        for _ in range(6):
            push = push - 0.15 * there
            at = at + 0.3 * push
            here, there = slope(at)
            push = push - 0.15 * there
        if np.log(rng.random()) < e + p @ p / 2.0 - here - push @ push / 2.0:
            z, e, f = at, here, there
        found.append(theta + root @ z)
    return np.array(found)


def integrate(side: int = 13) -> Moments:
    """Mean and spread of the hyperparameters, by a sum over a grid."""
    axes = [
        np.linspace(*ends, side) for ends in ((-1.8, 1.8), (-1.5, 6.0), (-2.8, 0.6))
    ]
    grid = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 3)
    energies = wg.vmap(energy)(grid)
    weights = np.exp(energies.min() - energies)
    weights = weights / weights.sum()
    mean = weights @ grid
    return mean, np.sqrt(weights @ (grid - mean) ** 2)


def main() -> Rows:
    """Fit, sample and predict; rows of (quantity, result, expected)."""
    mode, cov = fit()
    draws = hmc(mode, cov)
    mean, spread = integrate()
    (before, after), deviations = predict(np.array([1885.0, 1915.0]), mode)
    means = [FLOWS[np.abs(YEARS - year) < 6].mean() for year in (1885.0, 1915.0)]
    return [
        ("amplitude, length, noise", str(np.round(np.exp(mode), 2)), ""),
        (
            "their logarithms, sampled",
            str(np.round(draws.mean(axis=0), 1)),
            f"{np.round(mean, 1)} (integrated)",
        ),
        (
            "their spread",
            str(np.round(draws.std(axis=0), 1)),
            f"{np.round(spread, 1)} (integrated)",
        ),
        (
            "flow in 1885, in 1915",
            f"{before:.0f}, {after:.0f} +- {deviations.mean():.0f}",
            f"{means[0]:.0f}, {means[1]:.0f} (means of twelve years)",
        ),
    ]


if __name__ == "__main__":
    for row in main():
        print(*row, sep="\t")
