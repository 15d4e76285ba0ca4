"""A volatility smile is calibrated, and an option on it gets its Greeks.

The smile is Hagan's formula for the SABR model (Wilmott, 2002): the implied volatility
of an option in closed form.  `least_squares` finds the parameters with the Jacobian of
the residuals; the price of an Asian option, simulated, is differentiated path by path.
"""

import numpy as np
from scipy.optimize import least_squares

import wengert as wg

Rows = list[tuple[str, str, str]]
FORWARD, EXPIRY = 100.0, 1.0
STRIKES = np.array([70.0, 80.0, 90.0, 95.0, 99.0, 105.0, 110.0, 120.0, 135.0])
#: Level, correlation and volatility of volatility of the made-up market.
TRUTH = np.array([0.25, -0.4, 0.6])
STEPS, PATHS = 50, 4000


def smile(parameters: np.ndarray, strikes: np.ndarray) -> np.ndarray:
    """Implied volatilities of the lognormal SABR model."""
    alpha, rho, nu = parameters
    z = nu / alpha * np.log(FORWARD / strikes)
    x = np.log((np.sqrt(1.0 - 2.0 * rho * z + z * z) + z - rho) / (1.0 - rho))
    time = rho * nu * alpha / 4.0 + (2.0 - 3.0 * rho**2) * nu**2 / 24.0
    return alpha * z / x * (1.0 + time * EXPIRY)


def calibrate(quotes: np.ndarray) -> np.ndarray:
    """The parameters whose smile is nearest to quoted volatilities."""

    def residuals(parameters: np.ndarray) -> np.ndarray:
        return smile(parameters, STRIKES) - quotes

    jacobian = wg.jit(wg.jacobian(residuals))
    start = np.array([0.2, 0.0, 0.3])
    return least_squares(residuals, start, jac=jacobian, xtol=1e-14, ftol=1e-14).x


def asian_call(market: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """The discounted payoff of one path: its average above 100."""
    spot, volatility, rate = market
    dt = EXPIRY / STEPS
    price, total = spot, 0.0
    for z in normals:
        drift = (rate - volatility**2 / 2.0) * dt
        price = price * np.exp(drift + volatility * np.sqrt(dt) * z)
        total = total + price
    payoff = total / STEPS - 100.0
    return np.exp(-rate * EXPIRY) * (payoff if payoff > 0.0 else 0.0)


def greeks(market: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Price, and its derivatives by spot, volatility and rate: one a path."""
    normals = np.random.default_rng(1).normal(size=(PATHS, STEPS))
    return wg.vmap(wg.value_and_grad(asian_call), in_axes=(None, 0))(market, normals)


def main() -> Rows:
    """Calibrate, then price; rows of (quantity, result, expected)."""
    found = calibrate(smile(TRUTH, STRIKES))
    market = np.array([100.0, found[0], 0.03])
    prices, slopes = greeks(market)
    bump = np.array([0.01, 0.0, 0.0])
    ends = [greeks(market + side * bump)[0].mean() for side in (1, -1)]
    return [
        ("SABR parameters", np.array2string(found, precision=6), str(TRUTH)),
        ("Asian call", f"{prices.mean():.3f}", ""),
        (
            "its delta",
            f"{slopes[:, 0].mean():.4f}",
            f"{(ends[0] - ends[1]) / 0.02:.4f}",
        ),
    ]


if __name__ == "__main__":
    for row in main():
        print(*row, sep="\t")
