"""SciPy's special functions; stated when somebody asks for one of them."""

from wengert.ops.scipy_special import (  # noqa: F401
    airy,
    bessel,
    distributions,
    elementary,
    elliptic,
    equations,
    error,
    gamma,
    hypergeometric,
    incomplete,
    integrals,
    legendre,
    noncentral,
    orthogonal,
)
