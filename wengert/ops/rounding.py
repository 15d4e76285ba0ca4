"""Rounding, exact sums, and numbers taken apart: `round`, `fsum`, `fix`, `frexp`."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from wengert.core.forms import Map
from wengert.core.operation import answers, apply, constant_of, general
from wengert.core.types import has_class, is_array
from wengert.ops.elements import into
from wengert.ops.reduce import as_array


def evaluate_round(x: Any, *, decimals: int, dtype: Any) -> Any:
    """Return ``np.round``, which keeps its steps in the result's dtype."""
    out = None if dtype is None else np.empty(np.shape(x), dtype)
    return np.round(x, decimals, out=out)


#: Decimals up to which their power of ten is a number.
MOST_DECIMALS = 300


def text_of_round(kind: str, *, decimals: int, dtype: Any) -> str | None:
    """Return the expression of ``np.round``, which scales by a power of ten."""
    if kind != "f":
        return "x" if decimals >= 0 else None
    if decimals == 0:
        return "rint(x)"
    if abs(decimals) > MOST_DECIMALS:
        return None
    scale = 10.0 ** abs(decimals)
    if decimals > 0:
        return f"rint(x * {scale!r}) / {scale!r}"
    return f"rint(x / {scale!r}) * {scale!r}"


ROUND = constant_of("round", evaluate_round, form=Map(text_of_round), numpy=())


def evaluate_python_round(x: Any, *, decimals: int) -> Any:
    """Return Python's ``round``, which rounds the exact value of a number."""
    if is_array(x):
        rounded = [round(value, decimals) for value in x.ravel().tolist()]
        return np.array(rounded, x.dtype).reshape(x.shape)
    return type(x)(round(x.item() if has_class(x, np.generic) else x, decimals))


PYTHON_ROUND = constant_of("python_round", evaluate_python_round, form=Map(), numpy=())


@answers(np.round, np.around)
def round_(a: Any, decimals: int = 0, out: Any = None) -> Any:
    """Answer ``np.round``: flat wherever it has a derivative."""
    dtype = None if out is None else out.dtype
    return into(
        out, apply(ROUND, as_array(a), decimals=operator.index(decimals), dtype=dtype)
    )


def evaluate_fsum(*numbers: Any) -> Any:
    """Return the exact sum, rounded once; of arrays element by element."""
    if not any(is_array(number) for number in numbers):
        return np.float64(math.fsum(numbers))
    rows = np.broadcast_arrays(*numbers)
    sums = [math.fsum(parts) for parts in zip(*map(np.ravel, rows), strict=True)]
    return np.reshape(np.array(sums), rows[0].shape)


def fsum_jvp(tangents: Any, result: Any, *numbers: Any) -> Any:
    """Return the sum of the tangents."""
    return sum(tangent for tangent in tangents if tangent is not None)


def fsum_vjp(g: Any, result: Any, *numbers: Any) -> Any:
    """Return the gradient for each number."""
    return (g,) * len(numbers)


FSUM = general(
    "fsum", evaluate_fsum, form=Map(), jvp=fsum_jvp, vjp=fsum_vjp, reads=(False,)
)


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


general(
    "frexp",
    np.frexp,
    form=Map(),
    jvp=frexp_jvp,
    vjp=frexp_vjp,
    results=2,
    reads=(True,),
    numpy=(np.frexp,),
)
