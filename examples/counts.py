"""A Poisson regression: its mode by Newton's method, its posterior by HMC.

The log density is written once, in NumPy.  Newton's method takes its gradient and
Hessian, Hamiltonian Monte Carlo its gradient, compiled; the two agree.
"""

import numpy as np

import wengert as wg

Rows = list[tuple[str, str, str]]
TRUTH = np.array([1.0, 0.5, -0.7])


def data() -> tuple[np.ndarray, np.ndarray]:
    """Counts that depend on two features, and the features."""
    rng = np.random.default_rng(4)
    features = np.column_stack([np.ones(200), rng.normal(size=(200, 2))])
    return features, rng.poisson(np.exp(features @ TRUTH))


FEATURES, COUNTS = data()


def energy(w: np.ndarray) -> np.ndarray:
    """The negative log density of the weights, up to a constant."""
    score = FEATURES @ w
    return np.sum(np.exp(score) - COUNTS * score) + np.sum(w**2) / 200.0


def newton() -> tuple[np.ndarray, np.ndarray]:
    """The mode, and the covariance that the curvature there stands for."""
    w, derivatives = np.zeros(3), wg.value_grad_and_hessian(energy)
    for _ in range(30):
        _, g, curvature = derivatives(w)
        step = np.linalg.solve(curvature, g)
        w = w - step
        if np.max(np.abs(step)) < 1e-12:
            break
    return w, np.linalg.inv(wg.hessian(energy)(w))


def hmc(w: np.ndarray, scale: np.ndarray, draws: int = 1500) -> np.ndarray:
    """Draws from the posterior: each leaps along the gradient, and may be refused."""
    rng = np.random.default_rng(5)
    slope = wg.jit(wg.value_and_grad(energy))
    found, (e, f) = [], slope(w)
    for _ in range(draws):
        p = rng.normal(size=3)
        at, push, here, there = w, p, e, f
        for _ in range(10):
            push = push - 0.1 * scale * there
            at = at + 0.2 * scale * push
            here, there = slope(at)
            push = push - 0.1 * scale * there
        if np.log(rng.random()) < e + p @ p / 2.0 - here - push @ push / 2.0:
            w, e, f = at, here, there
        found.append(w)
    return np.array(found)


def main() -> Rows:
    """Both answers; rows of (quantity, result, expected)."""
    mode, covariance = newton()
    spread = np.sqrt(np.diag(covariance))
    draws = hmc(mode, spread)
    return [
        ("weights at the mode", np.array2string(mode, precision=2), str(TRUTH)),
        (
            "posterior mean",
            str(np.round(draws.mean(axis=0), 2)),
            str(np.round(mode, 2)),
        ),
        ("its spread", str(np.round(draws.std(axis=0), 3)), str(np.round(spread, 3))),
    ]


if __name__ == "__main__":
    for row in main():
        print(*row, sep="\t")
