"""Inverse heat conduction: what flows into one end of a rod, read at the other.

The rod conducts the better the hotter it is, and a time step writes into its array.
What flowed in is found from what a thermometer read, by least squares that prefer a
smooth flow (J. V. Beck, B. Blackwell and C. R. St. Clair, Inverse Heat Conduction,
1985, whose flow in the shape of a triangle it is).
"""

import numpy as np
from scipy.optimize import least_squares

import wengert as wg

Rows = list[tuple[str, str, str]]
CELLS, STEPS, EVERY = 8, 120, 5
DX, DT = 1.0 / CELLS, 1.0 / 200.0
#: A flow for every fifth step; the thermometer is in the last cell.
TIMES = np.arange(0.0, STEPS, EVERY)
TRUTH = np.maximum(0.0, 1.0 - np.abs(TIMES - 40.0) / 30.0)
NOISE, ROUGH = 1e-3, 0.03


def temperatures(flow: np.ndarray) -> np.ndarray:
    """What the thermometer reads, step by step, for the flow into the first cell."""
    u, read = np.zeros(CELLS), np.zeros(STEPS)
    for k in range(STEPS):
        conductivity = 1.0 + 0.25 * (u[1:] + u[:-1])
        across = conductivity * (u[:-1] - u[1:]) / DX
        u[0] += DT / DX * flow[k // EVERY]
        u[:-1] -= DT / DX * across
        u[1:] += DT / DX * across
        read[k] = u[-1]
    return read


MEASURED = temperatures(TRUTH) + NOISE * np.random.default_rng(2).normal(size=STEPS)


def residuals(flow: np.ndarray) -> np.ndarray:
    """By how much the readings are missed, and how rough the flow is."""
    missed = (temperatures(flow) - MEASURED) / NOISE
    return np.concatenate([missed, np.diff(flow, 2) / ROUGH])


def find() -> np.ndarray:
    """The flow that explains the readings."""
    return least_squares(residuals, np.zeros(len(TIMES)), jac=wg.jacobian(residuals)).x


def main() -> Rows:
    """Find the flow; rows of (quantity, result, expected)."""
    found = find()
    peaks = [TIMES[np.argmax(flow)] * DT for flow in (found, TRUTH)]
    left = np.std(temperatures(found) - MEASURED)
    return [
        ("time of the peak", f"{peaks[0]:.3f}", f"{peaks[1]:.3f}"),
        ("error of the flow", f"{np.std(found - TRUTH):.3f}", "(its peak is 1)"),
        ("error of the readings", f"{left:.1e}", f"{NOISE:.0e} (their noise)"),
    ]


if __name__ == "__main__":
    for row in main():
        print(*row, sep="\t")
