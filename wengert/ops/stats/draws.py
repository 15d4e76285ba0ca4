"""Random draws of SciPy's distributions, which move with the parameters.

The numbers are those that SciPy draws.  By the location and the scale they move as
``loc + scale * z``; by a shape parameter as the quantile of the probability that was
drawn (implicit reparametrisation: Figurnov, Mohamed and Mnih, 2018, equation 5); those
of the normal distribution of vectors by Cholesky's factor of the covariance.  How many
random numbers a draw takes may depend on a shape parameter: it is guarded.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.operation import answers_named, apply
from wengert.core.types import Recorded, exact_value
from wengert.errors import UnsupportedError, explain
from wengert.ops.numeric import VALUED_AS
from wengert.ops.stats.multivariate import HELD, held, normal_parameters


def is_recorded(values: Any) -> bool:
    """Whether any of some values is recorded."""
    return any(isinstance(value, Recorded) for value in values)


@answers_named("scipy.stats:rv_continuous.rvs")
def rvs(self: Any, *args: Any, random_state: Any = None, **kwds: Any) -> Any:
    """Answer the method ``rvs`` of a continuous distribution."""
    shapes, loc, scale, size = self._parse_args_rvs(*args, **kwds)
    if np.any(scale < 0):
        raise ValueError("Domain error in arguments.")
    at = [exact_value(shape) for shape in shapes]
    drawn = self.rvs(*at, size=size, random_state=random_state)
    moved = drawn
    if is_recorded(shapes):
        p = self.cdf(drawn, *at)
        low, high = self.ppf(p, *shapes), self.isf(self.sf(drawn, *at), *shapes)
        moved = apply(VALUED_AS, np.where(p < 0.5, low, high), np.asarray(drawn))
    found = moved * scale + loc
    return found[()] if size == () else found


@answers_named("scipy.stats:rv_discrete.rvs")
def rvs_of_counts(self: Any, *args: Any, **kwds: Any) -> Any:
    """Refuse the method ``rvs`` of a discrete distribution."""
    raise UnsupportedError(
        explain(
            f"scipy.stats.{self.name}.rvs with a recorded parameter",
            "whole numbers do not move with it: the derivative of their mean is none "
            "of theirs",
            f"numbers k drawn outside of the function, and np.mean(f(k) * "
            f"scipy.stats.{self.name}.logpmf(k, ...)), whose derivative is that of "
            "the mean of f(k)",
        )
    )


@answers_named("scipy.stats._multivariate:multivariate_normal_gen.rvs")
def rvs_of_vectors(
    self: Any,
    mean: Any = None,
    cov: Any = 1,
    size: Any = 1,
    random_state: Any = None,
) -> Any:
    """Answer the method ``rvs`` of the normal distribution of vectors."""
    mean, cov = normal_parameters(mean, cov)
    at, spread = exact_value(mean), exact_value(cov)
    drawn = np.asarray(self.rvs(at, spread, size, random_state))
    moved = drawn - at
    if is_recorded([cov]):
        rows = np.reshape(moved, (-1, len(at)))
        z = np.linalg.solve(np.linalg.cholesky(spread), rows.T)
        moved = np.reshape((np.linalg.cholesky(cov) @ z).T, drawn.shape)
    found = apply(VALUED_AS, moved + mean, drawn)
    return found if found.ndim else found[()]


@answers_named(
    "scipy.stats._multivariate:multivariate_normal_frozen.rvs", looks_into=held
)
def rvs_of_frozen_vectors(self: Any, size: Any = 1, random_state: Any = None) -> Any:
    """Answer the method ``rvs`` of a frozen normal distribution of vectors."""
    from scipy.stats import multivariate_normal

    return rvs_of_vectors(multivariate_normal, *vars(self)[HELD], size, random_state)
