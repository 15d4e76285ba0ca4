"""Linear algebra: `numpy.linalg`, whole, over stacks of matrices as NumPy has them.

Rules are for the pairing ``sum(g * x_dot)``, whose gradients are not conjugated; where
a formula is written for the other one, both ends of it are conjugated.  A factorization
is an operation whose results its rules read: nothing is factored again in reverse.
"""

from wengert.ops.linalg import (  # noqa: F401
    chains,
    cholesky,
    determinants,
    eigen,
    equations,
    functions,
    norms,
    orthogonal,
    scipys,
    singular,
    solving,
    structured,
    triangles,
    triangular,
)
