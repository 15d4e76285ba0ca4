"""`scipy.stats`: distributions and statistics of samples."""

from wengert.ops.stats import methods, multivariate  # noqa: F401
