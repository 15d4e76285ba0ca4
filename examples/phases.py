"""Phase retrieval: a complex signal from the sizes of a few Fourier transforms.

A detector counts light and loses its phase.  Seen through several known masks, the
signal is determined up to one phase: E. J. Candes, X. Li and M. Soltanolkotabi, "Phase
retrieval via Wirtinger flow", IEEE Transactions on Information Theory 61 (2015).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import fft
from scipy.optimize import minimize

import wengert as wg

COUNT, MASKS = 16, 6
RANDOM = np.random.default_rng(1)
TRUTH = RANDOM.standard_normal(COUNT) + 1j * RANDOM.standard_normal(COUNT)
MASK = np.exp(2j * np.pi * RANDOM.integers(0, 4, (MASKS, COUNT)) / 4)


def sizes(signal: Any) -> Any:
    """Return what the detector counts behind every mask."""
    return np.abs(fft.fft(MASK * signal, axis=1)) ** 2


COUNTED = sizes(TRUTH)


def misfit(signal: Any) -> Any:
    """Return the sum of the squares of what is counted too much or too little."""
    return np.sum((sizes(signal) - COUNTED) ** 2) / COUNT


def start() -> Any:
    """Return the signal that explains most of what was counted: Candes' start."""
    lines = np.conj(MASK)[:, :, None] * fft.ifft(np.eye(COUNT), axis=0)[None]
    matrix = np.einsum("mik,mk,mjk->ij", lines, COUNTED, np.conj(lines))
    _, vectors = np.linalg.eigh(matrix)
    scale = np.sqrt(np.sum(COUNTED) / (MASKS * COUNT))
    return vectors[:, -1] * scale


def retrieve() -> Any:
    """Return the signal of the least misfit, its real and imaginary parts unknown."""

    def of_parts(parts: Any) -> Any:
        return misfit(parts[:COUNT] + 1j * parts[COUNT:])

    first = start()
    found = minimize(
        wg.jit(wg.value_and_grad(of_parts)),
        np.concatenate([first.real, first.imag]),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 2000, "ftol": 1e-15, "gtol": 1e-10},
    )
    return found.x[:COUNT] + 1j * found.x[COUNT:]


def main() -> list[tuple[str, str]]:
    """Return what was found, up to the phase that no detector sees."""
    found = retrieve()
    phase = np.vdot(found, TRUTH)
    error = np.max(np.abs(found * phase / np.abs(phase) - TRUTH))
    return [("largest error of the signal", f"{error:.0e}")]


if __name__ == "__main__":
    for name, value in main():
        print(f"{name}: {value}")
