"""Polynomials: roots, coefficients by roots, division and fits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.ops.judge import judge
from wengert import grad, jit, record

R = np.random.default_rng(11)
REAL_ROOTS = np.poly([-1.3, 0.4, 2.1])
COMPLEX_ROOTS = np.array([1.0, 0.3, 1.7, -0.2])
X = np.linspace(-1.0, 2.0, 7)
Y = np.sin(X) + 0.1 * R.standard_normal(7)
WEIGHTS = R.uniform(0.5, 1.5, 7)
SEVERAL = np.stack((Y, Y * Y), axis=1)

CALLS: dict[str, tuple[Callable[..., Any], list[Any]]] = {
    "poly": (np.poly, [np.array([0.3, -1.2, 2.0])]),
    "poly of nothing": (lambda x: np.poly(x[:0]), [np.ones(2)]),
    "poly of complex": (np.poly, [np.array([0.3 + 1j, -1.2, 2.0])]),
    "poly of pairs": (np.poly, [np.array([0.3 + 1j, 0.3 - 1j])]),
    "poly of a matrix": (np.poly, [np.diag([0.3, -1.2]) + 0.1]),
    "roots": (np.roots, [REAL_ROOTS]),
    "roots in pairs": (lambda p: np.abs(np.roots(p)), [COMPLEX_ROOTS]),
    "roots at 0": (
        lambda p: np.roots(np.concatenate(([0.0], p, [0.0, 0.0]))),
        [REAL_ROOTS],
    ),
    "no roots": (lambda p: np.roots(p[:1]), [REAL_ROOTS]),
    "polydiv": (np.polydiv, [REAL_ROOTS, np.array([1.5, -0.5])]),
    "polydiv without rest": (
        lambda p: np.polydiv(np.polymul(p, p), p)[0],
        [REAL_ROOTS],
    ),
    "polydiv by a longer one": (np.polydiv, [np.array([1.5, -0.5]), REAL_ROOTS]),
    "polyfit": (lambda x, y: np.polyfit(x, y, 2), [X, Y]),
    "polyfit of several": (lambda x, y: np.polyfit(x, y, 1), [X, SEVERAL]),
    "polyfit with weights": (
        lambda x, y, w: np.polyfit(x, y, 2, w=w),
        [X, Y, WEIGHTS],
    ),
    "polyfit in full": (lambda x, y: np.polyfit(x, y, 2, full=True)[:2], [X, Y]),
    "polyfit with covariance": (lambda x, y: np.polyfit(x, y, 1, cov=True), [X, Y]),
    "polyfit, unscaled": (
        lambda x, y: np.polyfit(x, y, 1, cov="unscaled"),
        [X, SEVERAL],
    ),
}
#: Steps of differences of what rounds more than they allow for at theirs: the residual
#: is small beside the sums that its gradient is the difference of.
STEPS = {"polyfit in full": {"eps": 2e-3, "atol": 2e-11}}


def close(found: Any, expected: Any) -> None:
    """Raise unless results are equal to rounding, with NumPy's types."""
    found, expected = (v if isinstance(v, tuple) else (v,) for v in (found, expected))
    for one, other in zip(found, expected, strict=True):
        assert np.shape(one) == np.shape(other)
        assert np.asarray(one).dtype == np.asarray(other).dtype
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", CALLS)
def test_polynomials(name: str) -> None:
    function, operands = CALLS[name]
    expected = function(*operands)
    jitted = jit(function)

    close(record(function, *operands)(*operands), expected)
    for _ in range(3):
        close(jitted(*operands), expected)
    judge(lambda *given: total(function(*given)), operands, allowed=STEPS.get(name))


def total(result: Any) -> Any:
    """Return a sum of the parts of a result, each element with another weight."""
    parts = result if isinstance(result, tuple) else (result,)
    found: Any = 0.0
    for part in parts:
        weights = np.cos(np.arange(np.size(part))).reshape(np.shape(part))
        found = found + np.sum(np.real(part) * weights)
    return found


def test_roots_move_as_the_coefficients_say() -> None:
    """Vieta: the sum of the roots is minus the second coefficient over the first."""
    slope = grad(lambda p: np.sum(np.real(np.roots(p))))(COMPLEX_ROOTS)

    np.testing.assert_allclose(slope, [0.3, -1.0, 0.0, 0.0], atol=1e-12)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.polyfit(x, x, -1),
        lambda x: np.polyfit(x, x[:-1], 1),
        lambda x: np.polyfit(x[:0], x[:0], 1),
        lambda x: np.polyfit(x, x, 1, w=x[:2]),
        lambda x: np.roots(x[:, None]),
        lambda x: np.poly(x[:, None]),
    ],
)
def test_what_numpy_refuses_is_refused(call: Callable[[Any], Any]) -> None:
    with pytest.raises((ValueError, TypeError)) as plain:
        call(X)
    with pytest.raises(plain.type, match=str(plain.value).split("(")[0]):
        jit(call)(X)
