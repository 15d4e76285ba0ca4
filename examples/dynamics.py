"""An ODE is fitted to data, and a PDE is differentiated through its loop.

Both are loops as one writes them: Runge-Kutta steps of predator and prey, and Burgers'
equation with upwind differences, assigned into slices.
"""

import numpy as np
from scipy.optimize import least_squares

import wengert as wg

Rows = list[tuple[str, str, str]]
TRUTH = np.array([1.1, 0.4, 0.1, 0.4])
TIMES, STEP = 60, 0.1
CELLS, PDE_STEPS = 60, 80


def change(y: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """Lotka and Volterra's equations."""
    prey, predators = y
    a, b, c, d = rates
    return np.array(
        [a * prey - b * prey * predators, c * prey * predators - d * predators]
    )


def trajectory(rates: np.ndarray) -> np.ndarray:
    """Prey and predators over time, by the classical Runge-Kutta method."""
    y = np.array([10.0, 5.0])
    found = np.zeros((TIMES, 2))
    for k in range(TIMES):
        k1 = change(y, rates)
        k2 = change(y + STEP / 2.0 * k1, rates)
        k3 = change(y + STEP / 2.0 * k2, rates)
        k4 = change(y + STEP * k3, rates)
        y = y + STEP / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
        found[k] = y
    return found


def fit(data: np.ndarray) -> np.ndarray:
    """The rates whose trajectory is nearest to data."""

    def residuals(rates: np.ndarray) -> np.ndarray:
        return np.ravel(trajectory(rates) - data)

    jacobian = wg.jacfwd(residuals)  # four inputs, 120 outputs
    return least_squares(residuals, 0.9 * TRUTH, jac=jacobian, xtol=1e-12).x


def burgers(u: np.ndarray) -> np.ndarray:
    """A wave that steepens: u_t + u u_x = 0 for u > 0, on a ring."""
    for _ in range(PDE_STEPS):
        new = u.copy()
        flux = u * u / 2.0
        new[1:] -= 0.4 * (flux[1:] - flux[:-1])
        new[0] -= 0.4 * (flux[0] - flux[-1])
        u = new
    return u


def influence(u: np.ndarray, cell: int) -> np.ndarray:
    """How one cell at the end depends on every cell at the start."""
    return wg.grad(lambda u: burgers(u)[cell])(u)


def main() -> Rows:
    """Fit and differentiate; rows of (quantity, result, expected)."""
    rates = fit(trajectory(TRUTH))
    u = 1.0 + 0.5 * np.sin(np.linspace(0.0, 2.0 * np.pi, CELLS, endpoint=False))
    slope = influence(u, 30)
    direction = np.cos(np.arange(CELLS))
    h = 1e-6
    ends = [burgers(u + side * h * direction)[30] for side in (1, -1)]
    total = np.sum([influence(u, k) for k in range(CELLS)], axis=0)
    return [
        ("fitted rates", np.array2string(rates, precision=6), str(TRUTH)),
        (
            "slope of cell 30",
            f"{slope @ direction:.6f}",
            f"{(ends[0] - ends[1]) / (2 * h):.6f}",
        ),
        ("influences add up to 1, but for", f"{np.max(np.abs(total - 1.0)):.1e}", "0"),
    ]


if __name__ == "__main__":
    for row in main():
        print(*row, sep="\t")
