"""Rounding, and numbers taken apart: `round`, `fix`, `frexp`."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.operation import answers, apply, constant_of, general
from wengert.ops.reduce import as_array, into


def evaluate_round(x: Any, *, decimals: int) -> Any:
    """Return ``np.round``."""
    return np.round(x, decimals)


ROUND = constant_of("round", evaluate_round, numpy=())


@answers(np.round, np.around)
def round_(a: Any, decimals: int = 0, out: Any = None) -> Any:
    """Answer ``np.round``: flat wherever it has a derivative."""
    return into(out, apply(ROUND, as_array(a), decimals=int(decimals)))


@answers(np.fix)
def fix(x: Any, out: Any = None) -> Any:
    """Answer ``np.fix``."""
    return into(out, np.trunc(x))


def frexp_jvp(tangents: Any, result: Any, x: Any) -> Any:
    """Return the tangent over the power of two, zeros for the exponent."""
    exponent = np.frexp(x)[1]
    return np.ldexp(tangents[0], np.negative(exponent)), np.zeros(x.shape)


def frexp_vjp(g: Any, result: Any, x: Any) -> Any:
    """Return the gradient of the mantissa over the power of two."""
    if g[0] is None:
        return (None,)
    return (np.ldexp(g[0], np.negative(np.frexp(x)[1])),)


FREXP = general(
    "frexp",
    np.frexp,
    jvp=frexp_jvp,
    vjp=frexp_vjp,
    results=2,
    reads=(True,),
    numpy=(np.frexp,),
)
