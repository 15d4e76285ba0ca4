"""An optimal control problem by direct collocation: a pendulum is swung up.

States and torque at the knots are the unknowns; the trapezoidal rule between two knots
is a constraint.  `scipy.optimize` gets the gradient of the cost and the Jacobian of the
constraints; both are of plain NumPy functions.
"""

import numpy as np
from scipy.optimize import OptimizeResult, minimize

import wengert as wg

Rows = list[tuple[str, str, str]]
KNOTS, DURATION = 25, 1.0
STEP = DURATION / (KNOTS - 1)


def split(z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Angle, speed and torque at the knots."""
    return z[:KNOTS], z[KNOTS : 2 * KNOTS], z[2 * KNOTS :]


def cost(z: np.ndarray) -> np.ndarray:
    """The integral of the torque squared."""
    torque = split(z)[2]
    return STEP * np.sum((torque[1:] ** 2 + torque[:-1] ** 2) / 2.0)


def defects(z: np.ndarray, gravity: float, end: float) -> np.ndarray:
    """What the trapezoidal rule and the ends leave: all zero for a solution."""
    angle, speed, torque = split(z)
    push = torque - gravity * np.sin(angle)
    between = [
        angle[1:] - angle[:-1] - STEP / 2.0 * (speed[1:] + speed[:-1]),
        speed[1:] - speed[:-1] - STEP / 2.0 * (push[1:] + push[:-1]),
    ]
    ends = np.array([angle[0], speed[0], angle[-1] - end, speed[-1]])
    return np.concatenate([*between, ends])


def solve(gravity: float, end: float) -> OptimizeResult:
    """Move from rest at 0 to rest at an angle with the least effort."""

    def constraint(z: np.ndarray) -> np.ndarray:
        return defects(z, gravity, end)

    start = np.concatenate([np.linspace(0.0, end, KNOTS), np.zeros(2 * KNOTS)])
    return minimize(
        wg.jit(wg.value_and_grad(cost)),
        start,
        jac=True,
        method="SLSQP",
        constraints={
            "type": "eq",
            "fun": constraint,
            "jac": wg.jit(wg.jacobian(constraint)),
        },
        options={"maxiter": 200, "ftol": 1e-10},
    )


def main() -> Rows:
    """Without gravity the answer is known; rows of (quantity, result, expected)."""
    free, swung = solve(0.0, 1.0), solve(5.0, np.pi)
    torque = split(free.x)[2]
    left = np.max(np.abs(defects(swung.x, 5.0, np.pi)))
    return [
        ("effort of a free move", f"{free.fun:.2f}", "12.00"),
        ("its first torque", f"{torque[0]:.2f}", "6.00"),
        ("swing-up, defects", f"{left:.1e}", "0"),
    ]


if __name__ == "__main__":
    for row in main():
        print(*row, sep="\t")
