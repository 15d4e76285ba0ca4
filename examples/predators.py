"""Hares and lynxes: the equations of Lotka and Volterra are fitted to counted furs.

The Hudson's Bay Company's furs, in thousands, from 1900 to 1920.  `solve_ivp` is called
as ever; the fit gets the exact Jacobian of the steps that it takes.
"""

import numpy as np
from scipy.integrate import solve_ivp

from wengert.scipy.optimize import least_squares

Rows = list[tuple[str, str, str]]
HARES = np.array(
    "30.0 47.2 70.2 77.4 36.3 20.6 18.1 21.4 22.0 25.4 27.1 40.3 57.0 76.6 52.3 19.5 "
    "11.2 7.6 14.6 16.2 24.7".split(),
    float,
)
LYNXES = np.array(
    "4.0 6.1 9.8 35.2 59.4 41.7 19.0 13.0 8.3 9.1 7.4 8.0 12.3 19.5 45.7 51.1 29.7 "
    "15.8 9.7 10.1 8.6".split(),
    float,
)
YEARS = np.arange(21.0)
#: Logarithms of birth, predation, death and conversion a year, and of both in 1900.
START = np.log([0.5, 0.03, 0.8, 0.03, 30.0, 4.0])


def populations(parameters: np.ndarray) -> np.ndarray:
    """Hares and lynxes, year by year."""
    birth, predation, death, conversion, hares, lynxes = np.exp(parameters)

    def rates(t: float, y: np.ndarray) -> list[float]:
        return [
            y[0] * (birth - predation * y[1]),
            y[1] * (conversion * y[0] - death),
        ]

    found = solve_ivp(rates, (0, 20), [hares, lynxes], t_eval=YEARS, rtol=1e-6)
    return found.y


def residuals(parameters: np.ndarray) -> np.ndarray:
    """By how much the logarithms of the counts are missed."""
    hares, lynxes = populations(parameters)
    return np.concatenate([np.log(hares / HARES), np.log(lynxes / LYNXES)])


def main() -> Rows:
    """Fit, and return what was found."""
    fit = least_squares(residuals, START)
    birth, predation, death, conversion = np.exp(fit.x[:4])
    return [
        ("birth of hares", f"{birth:.3f}", "a year"),
        ("predation", f"{predation:.4f}", "a year and a thousand lynxes"),
        ("death of lynxes", f"{death:.3f}", "a year"),
        ("conversion", f"{conversion:.4f}", "a year and a thousand hares"),
        ("calls", f"{fit.nfev} and {fit.njev}", "of the equations and their Jacobian"),
    ]


if __name__ == "__main__":
    for row in main():
        print(*row, sep="\t")
