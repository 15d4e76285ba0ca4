"""Structured loops over whole numbers: scans, or by a condition where data decide."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import arange  # answered while something is recorded

from wengert.capture.array import plain
from wengert.core.types import Recorded
from wengert.structure.scan import scan
from wengert.structure.subtapes import scalar
from wengert.structure.while_loop import while_loop


def fori_loop(
    lower: int,
    upper: int,
    body_fun: Callable[..., Any],
    init_val: Any,
    *,
    unroll: int | bool | None = None,
) -> Any:
    """Do a step for every whole number from `lower` to below `upper`.

    Parameters
    ----------
    lower, upper : int
        Data may decide them: what an array says, arguments of a jitted function that
        vary.
    body_fun : callable
        ``body_fun(i, value)`` returns the next value, nested as before.
    init_val : number, array, or nested containers of them
    unroll : int or bool, optional
        Taken as JAX takes it, and without effect.

    Returns
    -------
    The last value.

    Raises
    ------
    ArgumentError
        If a bound is no whole number; and as `scan` does.

    See Also
    --------
    scan, while_loop

    Notes
    -----
    Cost: Recorded, differentiated and compiled in the time of one step: it is a `scan`,
    or where data decide its bounds a `while_loop`.

    Examples
    --------
    >>> import numpy as np
    >>> from wengert import fori_loop, vmap
    >>> fori_loop(1, 5, lambda i, product: product * i, 1.0)
    np.float64(24.0)
    >>> vmap(lambda n: fori_loop(0, n, lambda i, x: 2.0 * x, 1.0))(np.arange(4))
    array([1., 2., 4., 8.])
    """
    lower, upper = settled(lower), settled(upper)
    for bound in (lower, upper):
        scalar(
            bound,
            "iu",
            "fori_loop was given a bound that is {}",
            "it counts from one whole number to another",
            "pass whole numbers: np.argmax(x), np.int64(np.floor(x)); what is "
            "differentiated by is none (grad(f, argnums=...))",
        )
    if isinstance(lower, Recorded) or isinstance(upper, Recorded):
        return by_condition(lower, upper, body_fun, init_val)

    def step(value: Any, i: Any) -> tuple[Any, None]:
        return body_fun(i, value), None

    return scan(step, init_val, arange(lower, max(lower, upper)))[0]


def settled(bound: Any) -> Any:
    """Return a bound as a plain number, unless data decide it."""
    is_settled = isinstance(bound, Recorded) and bound.is_passive  # type: ignore[attr-defined]
    return operator.index(bound) if is_settled else bound


def by_condition(
    lower: Any, upper: Any, body_fun: Callable[..., Any], init_val: Any
) -> Any:
    """Do the steps as long as a bound that data decide is not reached."""
    first = lower + np.zeros((), np.result_type(*[plain(b) for b in (lower, upper)]))

    def goes_on(state: Any) -> Any:
        return state[0] < upper

    def step(state: Any) -> Any:
        return state[0] + 1, body_fun(*state)

    return while_loop(goes_on, step, (first, init_val))[1]


__all__ = ["fori_loop"]
