"""`quad` while recording: Leibniz's rule, beside mpmath and differences of SciPy's."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest
from scipy.integrate import dblquad, fixed_quad, quad

import wengert as wg
from wengert import DerivativeError, UnsupportedError

P = np.array([0.5, 2.0, 1.5])


def decay(p: Any) -> Any:
    """An integral by parameters of the integrand and by a limit."""
    return quad(lambda x: np.exp(-p[0] * x) * np.sin(p[1] * x), 0, p[2])[0]


def exact(a: Any, b: Any, c: Any) -> Any:
    """Return the same integral to many digits."""
    return mpmath.quad(lambda x: mpmath.exp(-a * x) * mpmath.sin(b * x), [0, c])


def derivative(*orders: int) -> float:
    """Return a derivative of the exact integral."""
    with mpmath.workdps(30):
        return float(mpmath.diff(exact, tuple(map(mpmath.mpf, P)), orders))


UNITS = np.eye(3, dtype=int)


def test_a_gradient_in_both_modes() -> None:
    expected = [derivative(*unit.tolist()) for unit in UNITS]

    np.testing.assert_allclose(wg.grad(decay)(P), expected, rtol=1e-12)
    np.testing.assert_allclose(wg.jacfwd(decay)(P), expected, rtol=1e-12)
    assert wg.value_and_grad(decay)(P)[0] == decay(P)


def test_second_derivatives() -> None:
    found = wg.hessian(decay)(P)

    np.testing.assert_allclose(found, found.T, rtol=1e-12)
    for i, j in ((0, 0), (0, 1), (1, 2), (2, 2)):
        expected = derivative(*(UNITS[i] + UNITS[j]).tolist())
        assert found[i, j] == pytest.approx(expected, rel=1e-11)


def test_under_jit_and_vmap() -> None:
    gradient = wg.grad(decay)
    rows = P + 0.1 * np.arange(5.0)[:, None]
    expected = [gradient(row) for row in rows]
    jitted = wg.jit(gradient)

    for _ in range(2):
        np.testing.assert_allclose([jitted(row) for row in rows], expected, rtol=1e-13)
    np.testing.assert_allclose(wg.vmap(gradient)(rows), expected, rtol=1e-13)


def test_infinite_limits_arguments_and_a_weight() -> None:
    def bell(s: Any) -> Any:
        return quad(lambda x, a: np.exp(-a * x * x), -np.inf, np.inf, args=(s,))[0]

    def weighted(s: Any) -> Any:
        return quad(lambda x: np.cos(s * x), 0, 1, weight="sin", wvar=2.0)[0]

    def written_out(s: Any) -> Any:
        return mpmath.quad(lambda x: mpmath.cos(s * x) * mpmath.sin(2 * x), [0, 1])

    assert wg.grad(bell)(2.0) == pytest.approx(-np.sqrt(np.pi) * 2**-2.5, rel=1e-12)
    expected = float(mpmath.diff(written_out, 0.7))
    assert wg.grad(weighted)(0.7) == pytest.approx(expected, rel=1e-12)


def test_sums_and_double_integrals() -> None:
    def double(s: Any) -> Any:
        return dblquad(
            lambda y, x: np.exp(-s * x * y) * s, 0, s, lambda x: x, lambda x: 1 + s * x
        )[0]

    def summed(s: Any) -> Any:
        return fixed_quad(lambda x: np.exp(-s * x), 0, s, n=4)[0]

    expected = (double(0.701) - double(0.699)) / 0.002
    assert wg.grad(double)(0.7) == pytest.approx(expected, rel=1e-6)
    wg.check_grads(summed, (0.7,), order=2)


def test_nothing_recorded_goes_in_and_a_plain_result_comes_out() -> None:
    def f(p: Any) -> Any:
        found = quad(np.cos, 0, 1)
        assert type(found[0]) is float
        return p * found[0]

    assert wg.grad(f)(3.0) == pytest.approx(np.sin(1.0))


def test_what_has_no_derivative_is_an_error() -> None:
    with pytest.raises(DerivativeError, match="error that quad estimates"):
        wg.grad(lambda s: quad(lambda x: s * x, 0, 1)[1])(1.0)
    with pytest.raises(DerivativeError, match=r"by a limit with weight="):
        wg.grad(lambda s: quad(np.cos, 0, s, weight="sin", wvar=1.0)[0])(1.0)
    with pytest.raises(UnsupportedError, match=r"with full_output="):
        wg.grad(lambda s: quad(lambda x: s * x, 0, 1, full_output=1)[0])(1.0)
