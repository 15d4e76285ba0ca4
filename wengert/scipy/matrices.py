"""What SciPy's solvers are handed: compiled functions, and matrices sparse or dense."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.sparse.linalg import LinearOperator, splu

from wengert.api import hessian_sparsity, jacobian, jacobian_sparsity
from wengert.capture.captures import CAPTURES
from wengert.capture.record import active_tape
from wengert.execute.jit import jit
from wengert.execute.sparse import Sparse

Array = np.ndarray[Any, Any]
Function = Callable[..., Any]
#: Columns from which on, and shares of entries up to which, a matrix is sparse: for
#: smaller or fuller ones SciPy's dense solvers are faster.
LEAST, SHARE = 50, 0.1


def is_apart() -> bool:
    """Whether nothing is being recorded, so that plain numbers come in."""
    return active_tape() is None and CAPTURES.get() is None


def compiled(function: Function) -> Function:
    """Return a function that is compiled, but for when it is itself recorded."""
    fast = jit(function)

    def call(*args: Any, **keywords: Any) -> Any:
        return (fast if is_apart() else function)(*args, **keywords)

    return call


def matrix_of(
    derivative: Function, fun: Function, args: Sequence[Any], argnum: int = 0
) -> Function:
    """Return the Jacobian or the Hessian of a function, sparse where that pays."""
    dense = compiled(derivative(fun, argnum))
    if not is_apart() or np.size(args[argnum]) < LEAST:
        return dense
    find = jacobian_sparsity if derivative is jacobian else hessian_sparsity
    pattern = find(fun, *args, argnums=argnum)
    if pattern.nnz > SHARE * np.prod(pattern.shape):
        return dense
    return derivative(fun, argnum, sparse=True, pattern="grow")  # type: ignore[no-any-return]


class Factors(LinearOperator):  # type: ignore[misc]
    """The inverse of a sparse Jacobian at the last step, for an iterative method.

    SciPy calls `update` after each step.  A singular matrix has no inverse: it stands
    aside there.

    Parameters
    ----------
    jac : Sparse
    x : array, shape (n,)
        Where the first step starts.
    args : tuple
        What `jac` takes besides.
    """

    def __init__(self, jac: Sparse, x: Array, args: tuple[Any, ...]) -> None:
        super().__init__(float, (x.size, x.size))
        self.jac, self.args = jac, args
        self.update(x, None)

    def update(self, x: Array, _: Any) -> None:
        """Factor the Jacobian at x."""
        try:
            self.solve = splu(self.jac(x.ravel(), *self.args).tocsc()).solve
        except RuntimeError:
            self.solve = np.copy

    def _matvec(self, v: Array) -> Array:
        return self.solve(np.ravel(v))  # type: ignore[no-any-return]
