"""Hosking's kappa distribution of four parameters, smooth where a shape is 0."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special, stats

from wengert.ops.stats.formulas import formulas, has_none, over_shape


def log_power(x: Any, k: Any) -> Any:
    """Return ``log(1 - k x) / k``, and ``-x`` where k is 0."""
    return -over_shape(x, -k, 1.0)


def box_cox(x: Any, k: Any) -> Any:
    """Return ``(1 - exp(k x)) / k``, and ``-x`` where k is 0."""
    return -x * special.exprel(k * x)


@formulas(stats.kappa4)
def kappa4_support(h: Any, k: Any) -> Any:
    """Return the ends of the support."""
    has_k, has_h = k != 0, h > 0
    one, some = np.where(has_h, h, 1.0), np.where(has_k, k, 1.0)
    low = np.where(has_k, (1 - one**-some) / some, np.log(one))
    open_low = np.where(k < 0, 1 / some, -np.inf)
    return np.where(has_h, low, open_low), np.where(k > 0, 1 / some, np.inf)


@formulas(stats.kappa4)
def kappa4_logcdf(x: Any, h: Any, k: Any) -> Any:
    """Return the logarithm of the probability below."""
    return log_power(np.exp(log_power(x, k)), h)


@formulas(stats.kappa4)
def kappa4_cdf(x: Any, h: Any, k: Any) -> Any:
    """Return the probability below."""
    return np.exp(kappa4_logcdf(x, h, k))


@formulas(stats.kappa4)
def kappa4_sf(x: Any, h: Any, k: Any) -> Any:
    """Return the probability above."""
    return -np.expm1(kappa4_logcdf(x, h, k))


@formulas(stats.kappa4)
def kappa4_logpdf(x: Any, h: Any, k: Any) -> Any:
    """Return the logarithm of the density."""
    log_y = log_power(x, k)
    y = np.exp(log_y)
    return (1 - k) * log_y + (1 - h) * log_power(y, h)


@formulas(stats.kappa4)
def kappa4_pdf(x: Any, h: Any, k: Any) -> Any:
    """Return the density."""
    return np.exp(kappa4_logpdf(x, h, k))


@formulas(stats.kappa4)
def kappa4_ppf(q: Any, h: Any, k: Any) -> Any:
    """Return the quantile; SciPy has none where k is 0 and h below."""
    found = box_cox(np.log(box_cox(np.log(q), h)), k)
    return np.where((k == 0) & (h < 0), np.nan, found)


has_none(stats.kappa4, "stats")
