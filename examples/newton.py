"""The derivative of a root, straight through the loop that finds it.

Kepler's equation ``E - e sin E = M`` gives the eccentric anomaly E of an orbit from its
eccentricity e and its mean anomaly M (radians).  It has no closed solution; Newton's
method finds E in a loop that runs until its step is small.
"""

import numpy as np

import wengert as wg

Rows = list[tuple[str, str, str]]


def eccentric_anomaly(orbit: np.ndarray) -> np.ndarray:
    """The root E for ``orbit = (e, M)``."""
    e, m = orbit
    x = m
    step = 1.0
    while abs(step) > 1e-10:
        step = (x - e * np.sin(x) - m) / (1.0 - e * np.cos(x))
        x = x - step
    return x


def implicit_gradient(orbit: np.ndarray) -> np.ndarray:
    """dE/d(e, M) from the implicit function theorem, at the root."""
    e = orbit[0]
    x = eccentric_anomaly(orbit)
    return np.array([np.sin(x), 1.0]) / (1.0 - e * np.cos(x))


def difference_gradient(orbit: np.ndarray) -> np.ndarray:
    """dE/d(e, M) from central differences; their best step is near eps**(1/3)."""
    h = 6e-6
    return np.array(
        [
            (eccentric_anomaly(orbit + d) - eccentric_anomaly(orbit - d)) / (2 * h)
            for d in h * np.eye(2)
        ]
    )


def main() -> Rows:
    """Differentiate the loop; rows of (quantity, result, expected)."""
    orbit = np.array([0.6, 1.0])
    root, gradient = wg.value_and_grad(eccentric_anomaly)(orbit)
    implicit = implicit_gradient(orbit)
    error = np.max(np.abs(gradient - implicit))
    rough = np.max(np.abs(difference_gradient(orbit) - implicit))
    residual = root - orbit[0] * np.sin(root) - orbit[1]
    return [
        ("root E at e=0.6, M=1", f"{root:.12f}", f"residual {residual:.0e}"),
        (
            "dE/de, dE/dM",
            f"{gradient[0]:.10f}, {gradient[1]:.10f}",
            f"{implicit[0]:.10f}, {implicit[1]:.10f} (implicit)",
        ),
        ("error of that gradient", f"{error:.0e}", f"{rough:.0e} (differences)"),
    ]


if __name__ == "__main__":
    for row in main():
        print(*row, sep=" | ")
