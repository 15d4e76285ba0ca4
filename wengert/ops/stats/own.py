"""All formulas of distributions that take the place of SciPy's own."""

from wengert.ops.stats import bessel, ends, kappa, landau, pearson, sums  # noqa: F401
from wengert.ops.stats.formulas import FORMULAS

__all__ = ["FORMULAS"]
