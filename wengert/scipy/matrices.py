"""What SciPy's solvers are handed: compiled functions, and matrices sparse or dense."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wengert.api import hessian_sparsity, jacobian, jacobian_sparsity
from wengert.capture.captures import CAPTURES
from wengert.capture.record import active_tape
from wengert.execute.jit import jit

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
