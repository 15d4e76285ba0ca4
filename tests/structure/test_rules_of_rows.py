"""Rules that take many rows are called once; others are slow, and it is said."""

from __future__ import annotations

import math
import re
import warnings
from collections import Counter
from typing import Any

import numpy as np
import pytest
from scipy import special

import wengert as wg
from wengert.structure import custom_rules

X = np.linspace(-1.5, 2.0, 300)
Y = np.linspace(0.5, 1.5, 300)
#: Of the sine and cosine of half turns, which are not recorded.
SLOPE = np.pi


Calls = dict[str, int]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """How often functions with rules, and rules, are called on plain values."""
    found: Calls = Counter()
    run = custom_rules.run_apart

    def counting(function: Any, args: Any, name: str, **keywords: Any) -> Any:
        found[name] += 1
        return run(function, args, name, **keywords)

    monkeypatch.setattr(custom_rules, "run_apart", counting)
    return found


def slope_of_erf(x: Any) -> Any:
    return 2 / np.sqrt(np.pi) * np.exp(-(x**2))


def erf_rule(**settings: Any) -> Any:
    """erf, calling SciPy, with a reverse rule."""
    return wg.rule(special.erf, vjp=lambda g, y, x: g * slope_of_erf(x), **settings)


@pytest.mark.parametrize("kind", ["elementwise", "vectorized"])
def test_a_function_of_elements_is_called_once_for_all_rows(
    kind: str, calls: Calls
) -> None:
    erf = erf_rule(**{kind: True})
    f = wg.vmap(lambda x: np.sin(x) + 2.0 * erf(x * x))
    f(X)
    calls.clear()

    found = f(X)

    np.testing.assert_allclose(found, np.sin(X) + 2.0 * special.erf(X * X), rtol=1e-14)
    assert 1 <= sum(calls.values()) <= 3


def test_gradients_of_rows_take_all_rows_at_once(calls: Calls) -> None:
    erf = erf_rule(elementwise=True)
    f = wg.vmap(wg.grad(lambda x: np.sin(erf(x)) * x))
    f(X)
    calls.clear()

    found = f(X)

    y = special.erf(X)
    np.testing.assert_allclose(
        found, np.cos(y) * slope_of_erf(X) * X + np.sin(y), rtol=1e-12
    )
    assert 1 <= sum(calls.values()) <= 3


def test_a_rule_that_calls_scipy_takes_all_rows_at_once_too(calls: Calls) -> None:
    sinpi = wg.rule(
        special._ufuncs._sinpi,
        vjp=lambda g, y, x: g * SLOPE * special._ufuncs._cospi(x),
        elementwise=True,
    )
    f = wg.vmap(wg.grad(lambda x: sinpi(x) ** 2))
    f(Y)
    calls.clear()

    found = f(Y)

    wanted = 2 * special._ufuncs._sinpi(Y) * SLOPE * special._ufuncs._cospi(Y)
    np.testing.assert_allclose(found, wanted, rtol=1e-12)
    assert 1 <= calls["the vjp of _sinpi"] <= 2


def test_the_sum_over_rows_is_differentiated() -> None:
    erf = erf_rule(elementwise=True)

    found = wg.grad(lambda a: np.sum(wg.vmap(lambda x: erf(a * x))(X)))(0.7)

    assert found == pytest.approx(np.sum(slope_of_erf(0.7 * X) * X), rel=1e-12)


def test_rows_of_other_ranks_are_lined_up() -> None:
    """A number for each row, an array for each, and an array that all share."""

    def slopes(g: Any, r: Any, x: Any, y: Any, z: Any) -> Any:
        return g * y, g * x, g * np.cos(z)

    mixed = wg.rule(lambda x, y, z: x * y + np.sin(z), vjp=slopes, elementwise=True)
    numbers, arrays = X[:20], np.outer(Y[:20], [1.0, 2.0, 3.0])
    shared = np.array([[0.1], [0.2]])

    def of_row(x: Any, y: Any, z: Any) -> Any:
        return np.sum(mixed(x, y, z) ** 2)

    rows = wg.vmap(wg.grad(of_row, argnums=(0, 1, 2)), in_axes=(0, 0, None))
    rows(numbers, arrays, shared)
    found = rows(numbers, arrays, shared)

    plain = lambda x, y, z: np.sum((x * y + np.sin(z)) ** 2)  # noqa: E731
    for k in range(20):
        wanted = wg.grad(plain, argnums=(0, 1, 2))(numbers[k], arrays[k], shared)
        for part, right in zip(found, wanted, strict=True):
            np.testing.assert_allclose(part[k], right, rtol=1e-12)


def test_functions_of_matrices_take_stacks_of_them(calls: Calls) -> None:
    def transposed(g: Any, y: Any, A: Any, b: Any) -> Any:
        s = np.linalg.solve(np.swapaxes(A, -1, -2), g)
        return -s @ np.swapaxes(y, -1, -2), s

    solve = wg.rule(np.linalg.solve, vjp=transposed, vectorized=True)
    random = np.random.default_rng(0)
    matrices = random.normal(size=(50, 3, 3)) + 4 * np.eye(3)
    sides = random.normal(size=(3, 1))

    def norm(A: Any, b: Any) -> Any:
        return np.sum(solve(A, b) ** 2)

    rows = wg.vmap(wg.grad(norm), in_axes=(0, None))
    rows(matrices, sides)
    calls.clear()
    found = rows(matrices, sides)

    assert 1 <= sum(calls.values()) <= 3
    for k in (0, 17, 49):
        inverse = np.linalg.inv(matrices[k])
        y = inverse @ sides
        np.testing.assert_allclose(found[k], -2 * inverse.T @ y @ y.T, rtol=1e-9)


def test_rows_that_branch_go_their_own_way() -> None:
    erf = erf_rule(elementwise=True)

    def f(x: Any) -> Any:
        return erf(x) if x > 0 else x**3

    rows = wg.vmap(f)
    for _ in range(3):
        np.testing.assert_allclose(
            rows(X), np.where(X > 0, special.erf(X), X**3), rtol=1e-14
        )


def test_the_gradient_of_a_broadcast_argument_is_summed() -> None:
    product = wg.rule(
        lambda x, y: x * y, vjp=lambda g, r, x, y: (g * y, g * x), elementwise=True
    )
    x, y = 2.0, np.array([1.0, 2.0, 3.0])

    found = wg.grad(lambda x, y: np.sum(product(x, y)), argnums=(0, 1))(x, y)

    np.testing.assert_array_equal(found[0], 6.0)
    np.testing.assert_array_equal(found[1], [2.0, 2.0, 2.0])


def test_a_function_that_does_not_take_rows_is_told() -> None:
    total = wg.rule(np.sum, vjp=lambda g, y, x: g * np.ones_like(x), elementwise=True)

    with pytest.raises(wg.RuleError, match="is called once with all rows"):
        wg.vmap(lambda x: total(x))(np.ones((40, 3)))


# Row by row


def test_many_rows_that_go_one_by_one_are_warned_of_once_at_the_line() -> None:
    erf = wg.rule(lambda x: math.erf(x), vjp=lambda g, y, x: g * slope_of_erf(x))

    def f(x: Any) -> Any:
        return 2.0 * erf(x)  # the line

    x = np.linspace(0.0, 1.0, 1500)
    rows = wg.vmap(f)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(4):
            rows(x)

    (warning,) = caught
    assert warning.filename == __file__
    assert warning.lineno == f.__code__.co_firstlineno + 1
    assert re.search(
        r"calls <lambda> row by row, \d+ times.*elementwise=True",
        str(warning.message),
        re.S,
    )


def test_few_rows_are_not_warned_of() -> None:
    erf = wg.rule(lambda x: math.erf(x), vjp=lambda g, y, x: g * slope_of_erf(x))
    rows = wg.vmap(lambda x: erf(x))

    for _ in range(3):
        rows(X[:100])


# Rules as they are declared, and under `jit`


def two(x: Any, y: Any, n: int = 2) -> Any:
    return x * y**n


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no function": ({"vjp": 3.0}, r"vjp= of a rule for two is a float"),
    "too few": ({"vjp": lambda g, x, y: g}, r"the vjp of two takes \(g, x, y\)"),
    "too many": ({"vjp": lambda g, r, x, y, n, m: g}, r"the vjp of two takes"),
    "jvp": ({"jvp": lambda t, x: t}, r"the jvp of two takes \(t, x\)"),
    "shape": ({"shape": lambda: ()}, r"the shape of two takes \(\)"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_rule_is_checked_where_it_is_declared(name: str) -> None:
    settings, message = WRONG[name]

    with pytest.raises(wg.RuleError, match=message) as caught:
        wg.rule(two, **settings)
    assert "instead: " in str(caught.value)


def test_rules_that_fit_are_taken() -> None:
    for vjp in (
        lambda g, r, x, y: (g, g),
        lambda g, r, x, y, n=2: (g, g, None),
        lambda g, r, *args: args,
    ):
        wg.rule(two, vjp=vjp)
        wg.rule(np.sin, vjp=vjp)


@pytest.mark.parametrize("settings", [{}, {"elementwise": True}])
@pytest.mark.parametrize("mode", ["vjp", "jvp"])
def test_rules_that_call_scipy_run_under_jit(
    mode: str, settings: dict[str, Any]
) -> None:
    rules = {
        "vjp": {"vjp": lambda g, y, x: g * SLOPE * special._ufuncs._cospi(x)},
        "jvp": {"jvp": lambda t, y, x: t[0] * SLOPE * special._ufuncs._cospi(x)},
    }
    sinpi = wg.rule(lambda x: special._ufuncs._sinpi(x), **rules[mode], **settings)

    def slope(x: Any) -> Any:
        if mode == "vjp":
            return wg.grad(lambda x: np.sum(np.sin(sinpi(x))))(x)
        return wg.jvp(lambda x: np.sin(sinpi(x)), (x,), (np.ones_like(x),))[1]

    fast = wg.jit(slope)
    for x in (Y[:5], Y[5:10], Y[10:15], Y[:5]):
        wanted = np.cos(special._ufuncs._sinpi(x)) * SLOPE * special._ufuncs._cospi(x)
        np.testing.assert_allclose(fast(x), wanted, rtol=1e-12)
    assert len(fast.paths()) == 1


def test_a_rule_that_cannot_be_recorded_has_no_second_derivative() -> None:
    sinpi = wg.rule(
        special._ufuncs._sinpi,
        vjp=lambda g, y, x: g * SLOPE * special._ufuncs._cospi(x),
    )

    with pytest.raises(wg.WengertError, match="the vjp of _sinpi"):
        wg.hessian(sinpi)(1.5)


def test_several_results_have_rows_each() -> None:
    @wg.rule(vjp=lambda g, y, x: g[0] * 2 + g[1])
    def both(x: Any) -> Any:
        return np.array([float(e) for e in x]) * 2, x + 1.0

    rows = np.arange(10.0).reshape(5, 2)
    found = wg.vmap(both)(rows)

    np.testing.assert_array_equal(found[0], rows * 2)
    np.testing.assert_array_equal(found[1], rows + 1)
