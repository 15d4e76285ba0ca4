"""`scipy.stats`: distributions and statistics of samples."""

from wengert.ops.stats import draws, methods, multivariate  # noqa: F401
