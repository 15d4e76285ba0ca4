"""`numpy.polynomial`, whose code is followed: functions and classes of six bases."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
from numpy import polynomial

import wengert
from tests.ops.judge import judge

R = np.random.default_rng(7)
C, D = R.standard_normal(4), R.standard_normal(3)
X = np.array([0.3, -0.2, 0.8, 0.55, -0.7])
TABLE = X[:4].reshape(2, 2)
#: Coefficients whose roots lie apart.
APART = np.array([-0.05, 0.1, 0.4, 1.2])
BASES = {
    "polynomial": "poly",
    "chebyshev": "cheb",
    "legendre": "leg",
    "hermite": "herm",
    "hermite_e": "herme",
    "laguerre": "lag",
}


@pytest.mark.parametrize("base", BASES)
def test_functions_of_a_basis(base: str) -> None:
    module = importlib.import_module(f"numpy.polynomial.{base}")

    def of(name: str) -> Any:
        return getattr(module, BASES[base] + name)

    for name in ("add", "sub", "mul", "div"):
        judge(of(name), [C, D], 1)
    judge(of("val"), [TABLE, C])
    judge(lambda x, y, c: of("val2d")(x, y, c), [X, X[::-1], C.reshape(2, 2)], 1)
    judge(lambda c: of("der")(c, 2), [C], 1)
    judge(lambda c, k: of("int")(c, 1, [k]), [C, np.float64(0.5)], 1)
    judge(lambda c: of("pow")(c, 2), [C], 1)
    judge(lambda x: of("vander")(x, 3), [X], 1)
    judge(of("fromroots"), [X[:3]], 1)
    judge(lambda x, y: of("fit")(x, y, 2), [X, R.standard_normal(5)], 1)
    if base != "laguerre":
        judge(of("roots"), [APART], 1)


@pytest.mark.parametrize(
    "name", ["Polynomial", "Chebyshev", "Legendre", "Hermite", "HermiteE", "Laguerre"]
)
def test_classes(name: str) -> None:
    kind = getattr(polynomial, name)
    judge(lambda c, x: kind(c)(x), [C, TABLE])
    judge(lambda c, d, x: (kind(c) * kind(d) + 2 * kind(c) - 1)(x), [C, D, X], 1)
    judge(lambda a: (a * kind(C) - a)(0.3), [np.float64(0.4)], 1)
    judge(lambda c: kind(c, domain=[0, 2]).deriv()(X), [C], 1)
    judge(lambda c: kind(c).integ()(X), [C], 1)
    judge(lambda x, y: kind.fit(x, y, 2)(0.4), [X, R.standard_normal(5)], 1)
    judge(lambda c: kind(c).convert(kind=polynomial.Polynomial).coef, [C], 1)
    judge(lambda c: kind(c).roots(), [np.array([-0.1, 0.2, 1.4])], 1)
    judge(lambda x: kind(C)(x), [X])


def test_old_polynomials() -> None:
    judge(lambda c, x: np.poly1d(c)(x), [C, TABLE])
    judge(lambda c: (np.poly1d(c) * np.poly1d([1, 2.0])).coeffs, [C], 1)
    judge(lambda c: np.poly1d(c).deriv()(2.0) + np.poly1d(c).integ(k=1.0)(0.5), [C], 1)
    judge(lambda c: (1 - np.poly1d(c) / 2.0 + np.poly1d(c) ** 2)(0.5), [C], 1)
    judge(lambda c: np.poly1d(c).roots, [np.array([1.0, -3, 1.5])], 1)


def test_a_fit_is_jitted() -> None:
    def misfit(c: Any) -> Any:
        return np.sum((polynomial.Chebyshev(c)(X) - np.exp(X)) ** 2)

    jitted, steps = wengert.jit(wengert.grad(misfit)), 1e-6 * np.eye(4)
    expected = [(misfit(C + h) - misfit(C - h)) / 2e-6 for h in steps]
    for _ in range(3):
        np.testing.assert_allclose(jitted(C), expected, rtol=1e-6)


def test_plain_polynomials_stay_plain_while_recording() -> None:
    def function(x: Any) -> Any:
        made = polynomial.Polynomial([1.0, 2.0]) * polynomial.Polynomial([0.0, 1.0])
        assert type(made.coef) is np.ndarray
        assert type(polynomial.polynomial.polyval(2.0, [1.0, 2.0])) is np.float64
        return made(x)

    assert wengert.grad(function)(3.0) == 1 + 4 * 3.0


def test_errors_are_numpys() -> None:
    for call in (
        lambda c: polynomial.polynomial.polyder(c, -1),
        lambda c: polynomial.Polynomial([c, c]),
        lambda c: polynomial.Polynomial.fit(c, c[:2], 1),
        lambda c: polynomial.Chebyshev(c) + polynomial.Legendre(c),
    ):
        with pytest.raises(Exception) as plain:  # noqa: PT011
            call(C)
        with pytest.raises(plain.type) as found:
            wengert.record(lambda c, call=call: [call(c), c][1], C)
        assert str(found.value) == str(plain.value)
