"""Derivatives at zeros, ones, ties, whole numbers and even spacings.

Every example of every operation is put at such numbers, and differentiated twice along
a random line.  Where plain NumPy is smooth along the line, seen by differences from
both sides, both modes have its slope and its curvature.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
import pytest

from tests.ops.examples import EXAMPLES, Example
from tests.ops.judge import noted
from wengert import grad, jvp
from wengert.capture.tree import flatten

Curve = Callable[[Any], Any]
#: At ties these follow a permutation, or change their shape or a choice.
CHOICES = (
    "sort partition unique median quantile percentile where select piecewise interp "
    "interval polymul accumulate argsort isreal iscomplex union intersect Akima"
).split()
#: Sums of numbers that cancel, which differences cannot follow.
CANCELS = ("fsum",)

#: Without a derivative at singular matrices, or at equal eigenvalues, where the vectors
#: are LAPACK's choice, though their values may be smooth along one line; third
#: derivatives of a determinant (those of cofactors) take an inverse.
DEGENERATE = (
    "eigvals scipy_eigvals qr scipy_qr-r scipy_qr_full lu lu_factor logm logm_frechet "
    "cofactors cofactors_tangent norm-matrix_nuc"
).split()


def is_judged(example: Example) -> bool:
    """Whether an operation is smooth wherever it looks smooth from both sides."""
    name = example.operation
    if name in CANCELS or name in DEGENERATE or str(example) in DEGENERATE:
        return False
    return not any(choice in name for choice in CHOICES)


EVERY = [
    example
    for examples in EXAMPLES.values()
    for example in examples
    if is_judged(example) and example.order
]
SPECIAL: dict[str, Callable[[Any, Any], Any]] = {
    "zeros": lambda shape, random: np.zeros(shape),
    "ones": lambda shape, random: np.ones(shape),
    "ties": lambda shape, random: np.full(shape, 0.75),
    "whole": lambda shape, random: random.integers(-1, 3, shape) * 1.0,
    "even": lambda shape, random: np.arange(np.prod(shape)).reshape(shape) * 0.5,
    "some": lambda shape, random: random.choice([0.0, 0.3, 0.7], shape),
}
#: The last operand alone, beside general numbers.
BESIDE = ("zeros beside", "ones beside")
SPECIAL |= {"zeros beside": SPECIAL["zeros"], "ones beside": SPECIAL["ones"]}


def is_real(value: Any) -> bool:
    """Whether a value is a real number or an array of such."""
    return np.asarray(value).dtype == np.float64


def curve_of(example: Example, kind: str) -> Curve | None:
    """Return an example's weighted results along a random line; None without any."""
    random = np.random.default_rng(crc32(f"{example} {kind}".encode()))
    operands = example.operands
    moved = [k for k, operand in enumerate(operands) if is_real(operand)]
    chosen = moved[-1:] if kind in BESIDE else moved
    for k in chosen:
        operands[k] = np.asarray(SPECIAL[kind](np.shape(operands[k]), random))[()]
    line = {k: random.standard_normal(np.shape(operands[k])) for k in moved}

    def results(t: Any) -> list[Any]:
        given = [
            (operand + t * line[k])[()] if k in line else operand
            for k, operand in enumerate(operands)
        ]
        return [part for part in flatten(example.function(*given))[0] if counts(part)]

    weights = [random.standard_normal(np.shape(part)) for part in results(0.0)]
    if not (moved and weights):
        return None
    return lambda t: sum(
        np.sum(np.real(part) * weight)
        for part, weight in zip(results(t), weights, strict=True)
    )


def counts(part: Any) -> bool:
    """Whether a result is a real or complex one."""
    dtype = part.dtype if hasattr(part, "dtype") else np.asarray(part).dtype
    return bool(dtype.kind in "fc")


class Side(NamedTuple):
    """Slope and curvature from one side."""

    slope: float
    curvature: float


def side(curve: Curve, sign: int, h: float) -> Side:
    """Return one-sided differences, of third and second order."""
    a, b, c, d = (float(curve(sign * h * k)) for k in range(4))
    slope = sign * (-11 * a + 18 * b - 9 * c + 2 * d) / (6 * h)
    return Side(slope, (2 * a - 5 * b + 4 * c - d) / h**2)


def smooth(curve: Curve) -> tuple[float | None, float | None]:
    """Return slope and curvature at 0, as far as all differences agree on them."""
    sides = [side(curve, sign, h) for sign in (1, -1) for h in (2e-3, 1e-3)]
    found: list[float | None] = []
    for values in zip(*sides, strict=True):
        spread = np.ptp(values)
        agrees = np.isfinite(spread) and spread <= 3e-3 * (1 + abs(values[1]))
        found.append(values[1] if agrees and None not in found else None)
    return found[0], found[1]


def along(curve: Curve) -> Curve:
    """Return the derivative of a curve by forward mode."""
    return lambda t: jvp(curve, (t,), (1.0,))[1]


@pytest.mark.one_in(4)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("example", EVERY, ids=str)
def test_what_is_smooth_has_its_slope_and_curvature(example: Example) -> None:
    judged = 0
    for kind in SPECIAL:
        with np.errstate(all="ignore"), noted(f"numbers: {kind}"):
            curve, expected = expected_at(example, kind)
            for order, value in enumerate(expected):
                for mode in (grad, along):
                    slope = mode(curve) if order == 0 else mode(mode(curve))
                    judged += 1

                    assert slope(0.0) == pytest.approx(value, rel=1e-2, abs=1e-2), mode
    if not judged:
        pytest.skip("smooth at none of these numbers, or NumPy takes none")


def expected_at(example: Example, kind: str) -> tuple[Any, list[float]]:
    """Return the curve through special numbers, its slope and its curvature.

    As far as it has them; NumPy, or SciPy, may not take the numbers.
    """
    try:
        curve = curve_of(example, kind)
        found = () if curve is None else smooth(curve)
    except (ValueError, TypeError, ArithmeticError, IndexError, RuntimeError):
        return None, []
    return curve, [value for value in found if value is not None]
