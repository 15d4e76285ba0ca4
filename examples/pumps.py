"""Laplace's approximation: unknown rates of ten pumps are integrated out.

Failures of ten pumps of a nuclear plant in thousands of hours (D. P. Gaver and I. G.
O'Muircheartaigh, Technometrics 29, 1987).  The logarithm of each pump's rate is normal
around a level that all share; the likelihood of level and spread is an integral over
ten rates, which the mode of the integrand and the determinant of its Hessian give to
the first order (L. Tierney and J. B. Kadane, Journal of the American Statistical
Association 81, 1986).  The gradient of that is one of third derivatives.
"""

import numpy as np
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.stats import norm, poisson

import wengert as wg

Rows = list[tuple[str, str, str]]
FAILURES = np.array([5.0, 1.0, 5.0, 14.0, 3.0, 19.0, 1.0, 1.0, 4.0, 22.0])
HOURS = np.array(
    [94.320, 15.720, 62.880, 125.760, 5.240, 31.440, 1.048, 1.048, 2.096, 10.480]
)


def energy(effects: np.ndarray, model: np.ndarray) -> np.ndarray:
    """Minus the log density of the failures and of the pumps' normal effects."""
    level, log_spread = model
    rates = np.exp(level + np.exp(log_spread) * effects)
    return -np.sum(poisson.logpmf(FAILURES, HOURS * rates) + norm.logpdf(effects))


def mode(model: np.ndarray) -> np.ndarray:
    """The effects of the least energy, by Newton's method."""
    effects = np.zeros(len(FAILURES))
    for _ in range(8):
        curvature = wg.hessian(energy)(effects, model)
        effects = effects - np.linalg.solve(curvature, wg.grad(energy)(effects, model))
    return effects


def negative_log_marginal(model: np.ndarray) -> np.ndarray:
    """Minus the log-likelihood of level and spread, the effects integrated out."""
    effects = mode(model)
    log_det = np.linalg.slogdet(wg.hessian(energy)(effects, model))[1]
    constant = len(effects) / 2.0 * np.log(2.0 * np.pi)
    return energy(effects, model) + 0.5 * log_det - constant


def exact(model: np.ndarray) -> float:
    """Minus the log-likelihood of level and spread, by an integral a pump."""
    level, log_spread = model

    def likelihood(failures: float, hours: float) -> float:
        def integrand(u: float) -> float:
            rate = np.exp(level + np.exp(log_spread) * u)
            return poisson.pmf(failures, hours * rate) * norm.pdf(u)

        return quad(integrand, -8.0, 8.0, epsabs=0.0, epsrel=1e-8)[0]

    return -sum(np.log(likelihood(*pump)) for pump in zip(FAILURES, HOURS, strict=True))


def fit() -> np.ndarray:
    """The most likely level and logarithm of the spread, by the approximation."""
    slope = wg.value_and_grad(negative_log_marginal)
    return minimize(slope, np.zeros(2), jac=True).x


def main() -> Rows:
    """Fit; rows of (quantity, result, expected)."""
    found = fit()
    level, spread = found[0], np.exp(found[1])
    likelihood = -negative_log_marginal(found)
    return [
        ("level and spread", f"{level:.3f}, {spread:.3f}", ""),
        ("log-likelihood", f"{likelihood:.3f}", f"{-exact(found):.3f} (ten integrals)"),
    ]


if __name__ == "__main__":
    for row in main():
        print(*row, sep="\t")
