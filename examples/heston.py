"""All of Heston's model is calibrated to option prices, integrals by `quad`.

The price of a call by its characteristic function (Albrecher et al., 2007), integrated
by `scipy.integrate.quad`; the Jacobian of all prices is by Leibniz's rule.
"""

import numpy as np
from scipy.integrate import quad

from wengert.scipy.optimize import least_squares

Rows = list[tuple[str, str, str]]
SPOT, RATE = 100.0, 0.02
#: Strikes and expiries: short and long ones tell the speed of the variance from its
#: level, low and high strikes its volatility from its correlation.
OPTIONS = [(strike, expiry) for expiry in (0.25, 1.0, 3.0) for strike in (90.0, 115.0)]
#: Variance now, the speed with which it returns to which level, its volatility, and its
#: correlation with the price.
NAMES = ("variance", "speed", "level", "volatility", "correlation")
TRUTH = np.array([0.04, 1.5, 0.06, 0.4, -0.6])
START = np.array([0.05, 1.0, 0.05, 0.5, -0.5])


def characteristic(u: complex, expiry: float, model: np.ndarray) -> complex:
    """The characteristic function of the logarithm of the forward price's change."""
    variance, speed, level, volatility, correlation = model
    slope = speed - correlation * volatility * 1j * u
    root = np.sqrt(slope**2 + volatility**2 * (1j * u + u**2))
    ratio = (slope - root) / (slope + root)
    decay = np.exp(-root * expiry)
    mean = (slope - root) * expiry - 2 * np.log((1 - ratio * decay) / (1 - ratio))
    return np.exp(
        speed * level / volatility**2 * mean
        + variance / volatility**2 * (slope - root) * (1 - decay) / (1 - ratio * decay)
    )


def call(strike: float, expiry: float, model: np.ndarray) -> float:
    """The price of a call (Lewis, 2001)."""
    forward = SPOT * np.exp(RATE * expiry)
    k = np.log(forward / strike)

    def integrand(u: float) -> float:
        wave = np.exp(1j * u * k) * characteristic(u - 0.5j, expiry, model)
        return np.real(wave) / (u**2 + 0.25)

    integral = quad(integrand, 0, np.inf, epsabs=1e-5, epsrel=1e-5)[0]
    return np.exp(-RATE * expiry) * (
        forward - np.sqrt(forward * strike) / np.pi * integral
    )


def prices(model: np.ndarray) -> np.ndarray:
    """The prices of all options."""
    return np.array([call(strike, expiry, model) for strike, expiry in OPTIONS])


def calibrate(quotes: np.ndarray) -> np.ndarray:
    """The model whose prices are nearest to the quotes."""
    return least_squares(
        lambda model: prices(model) - quotes, START, x_scale="jac", gtol=1e-5
    ).x


def main() -> Rows:
    """Calibrate to prices of a model that is known; (quantity, result, expected)."""
    found = calibrate(prices(TRUTH))
    return [
        (name, f"{value:.5f}", f"{truth:.5f}")
        for name, value, truth in zip(NAMES, found, TRUTH, strict=True)
    ]


if __name__ == "__main__":
    for row in main():
        print(*row, sep="\t")
