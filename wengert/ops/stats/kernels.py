"""Sums of kernels at points, which `scipy.stats.gaussian_kde` leaves to Cython."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def log_kernels(data: Any, points: Any, factor: Any) -> Any:
    """Return the logarithm of every kernel at every point: a row a point."""
    from scipy import linalg

    data, points = (
        linalg.solve_triangular(factor, np.astype(x, np.float64).T, lower=True)
        for x in (data, points)
    )
    squares = np.sum((points[:, :, None] - data[:, None, :]) ** 2, axis=0)
    scale = np.log(np.diagonal(factor)) + np.log(2 * np.pi) / 2
    return -squares / 2 - np.sum(scale)


def estimate(data: Any, values: Any, points: Any, factor: Any, dtype: Any) -> Any:
    """Return the sums of the kernels times values: a row a point."""
    return np.astype(np.exp(log_kernels(data, points, factor)) @ values, dtype)


def log_estimate(data: Any, values: Any, points: Any, factor: Any, dtype: Any) -> Any:
    """Return the logarithms of these sums."""
    from scipy import special

    logs = log_kernels(data, points, factor)[:, :, None]
    return np.astype(special.logsumexp(logs, axis=1, b=values), dtype)


class ByType:
    """A function that is asked for by the name of a type in C, as Cython's are."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __getitem__(self, name: str) -> Callable[..., Any]:
        return self.function


#: What stands for functions of Cython's, by their names.
SUMS = {
    "gaussian_kernel_estimate": ByType(estimate),
    "gaussian_kernel_estimate_log": ByType(log_estimate),
}
