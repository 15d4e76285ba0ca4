"""SciPy's special functions against mpmath's, over their stated ranges.

The derivative that is expected is a difference of mpmath's values with some twenty
digits to spare; what is allowed is 1e-10 of it, 1e-13 of the value, and ten times
SciPy's own error in the value.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from itertools import product
from typing import Any

import mpmath as mp
import numpy as np
import pytest
from scipy import special

from tests.ops.examples import EXAMPLES, FATAL, ROUGH
from tests.ops.special_table import ROWS, Row
from wengert import (
    DerivativeError,
    Tape,
    UnsupportedError,
    grad,
    jacobian,
    jit,
    jvp,
    record,
    vmap,
)

Function = Callable[..., Any]
Point = tuple[float, ...]
#: What is allowed of the derivative and of the value, by order.
ALLOWED = {1: (1e-10, 1e-13), 2: (1e-8, 1e-11)}


EVERY = [
    pytest.param(row, marks=pytest.mark.slow if row.is_slow else ()) for row in ROWS
]


class Exact:
    """A function of mpmath's at one point, moved by small steps."""

    def __init__(self, row: Row, given: Point) -> None:
        self.row, self.given = row, given
        mp.mp.dps = row.digits
        moving = row.moving
        self.point = [mp.mpf(x) if k in moving else x for k, x in enumerate(given)]
        step = mp.mpf(10) ** (-row.digits // 3)
        self.steps = [step * (abs(x) or 1) for x in self.point]
        self.values: dict[tuple[tuple[int, int], ...], Any] = {}

    def value(self, *moves: tuple[int, int]) -> Any:
        """The value, with some arguments moved by so many steps."""
        moves = tuple(sorted(moves))
        if moves not in self.values:
            moved = list(self.point)
            for k, count in moves:
                moved[k] += count * self.steps[k]
            self.values[moves] = mp.re(self.row.exact(*moved))
        return self.values[moves]

    def slope(self, k: int) -> Any:
        """The derivative by an argument."""
        return (self.value((k, 1)) - self.value((k, -1))) / (2 * self.steps[k])

    def curvature(self, k: int, j: int) -> Any:
        """The second derivative by two arguments."""
        if k == j:
            total = self.value((k, 1)) - 2 * self.value() + self.value((k, -1))
            return total / self.steps[k] ** 2
        total = sum(a * b * self.value((k, a), (j, b)) for a, b in SIGNS)
        return total / (4 * self.steps[k] * self.steps[j])

    @cached_property
    def own_error(self) -> Any:
        """SciPy's relative error in the value."""
        value = self.value()
        error = abs(float(self.row.ours(*self.given)) - value)
        assert error <= SAME * abs(value) + SMALLEST, (self.given, mp.nstr(value))
        return error / abs(value) if value else 0


#: By what values may differ of functions that are the same: SciPy's ``itairy`` has some
#: five digits.
SAME = 1e-3
#: Below, a number may as well be 0.
SMALLEST = 1e-300
#: Beyond, a number may as well be infinite.
LARGEST = 1e300
SIGNS = list(product((1, -1), repeat=2))


def judge(exact: Exact, found: Any, expected: Any, order: int) -> None:
    """Raise unless a derivative is as close as the function's values allow."""
    of_derivative, of_value = ALLOWED[order]
    allowed = (of_derivative + 10 * exact.own_error) * abs(expected)
    allowed += of_value * abs(exact.value())
    if abs(expected) > LARGEST:
        expected, allowed = mp.sign(expected) * mp.inf, 0
        found = found if np.isinf(found) else found * np.inf

    if expected == float(found):
        return
    error = abs(float(found) - expected)
    assert error <= allowed, (exact.given, found, mp.nstr(expected))


def first(row: Row, points: list[Point]) -> None:
    """Judge the first derivatives in both modes."""
    moving = row.moving
    with np.errstate(all="ignore"):
        for point in points:
            exact = Exact(row, point)
            reverse = grad(row.ours, tuple(moving))(*point)
            for place, k in enumerate(moving):
                tangents = tuple(float(j == k) for j in range(len(point)))
                forward = jvp(row.ours, point, tangents)[1]
                expected = exact.slope(k)
                judge(exact, reverse[place], expected, 1)
                judge(exact, forward, expected, 1)


def second(row: Row, points: list[Point]) -> None:
    """Judge the second derivatives."""
    moving = tuple(row.moving)
    with np.errstate(all="ignore"):
        for point in points:
            exact = Exact(row, point)
            found = jacobian(grad(row.ours, moving), moving)(*point)
            for i, k in enumerate(moving):
                for j, m in enumerate(moving):
                    judge(exact, found[i][j], exact.curvature(k, m), 2)


@pytest.mark.one_in(2)
@pytest.mark.parametrize("row", EVERY, ids=str)
def test_first_derivatives(row: Row) -> None:
    first(row, row.points(1))


@pytest.mark.one_in(3)
@pytest.mark.parametrize("row", EVERY, ids=str)
def test_second_derivatives(row: Row) -> None:
    second(row, row.points(1)[-1:])


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_first_derivatives_all_over_the_range(row: Row) -> None:
    first(row, row.points(2 if row.is_slow else 50))


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_second_derivatives_all_over_the_range(row: Row) -> None:
    second(row, row.points(1 if row.is_slow else 10)[-10:])


@pytest.mark.one_in(4)
@pytest.mark.parametrize("count", [0, 3])
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_compiled_is_eager(row: Row, count: int) -> None:
    """What is played again, compiled or called back, is what a recording gives."""
    points = row.points(max(count, 1))[-max(count, 1) :]
    arrays = [np.array(column)[:count] for column in zip(*points, strict=True)]
    gradient = grad(lambda *x: np.sum(row.ours(*x)), tuple(row.moving))
    expected = gradient(*arrays)
    again = jit(gradient)
    for _ in range(3):
        found = again(*arrays)

    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_what_differences_judge_roughly_is_judged_here() -> None:
    judged = {row.name.partition("-")[0] for row in ROWS}

    assert sorted(ROUGH - judged) == []


# Sums of exponentials, which SciPy has in Python


def test_large_numbers_neither_overflow_nor_vanish() -> None:
    x = np.array([1000.0, 999.0, -1000.0])
    shares = np.exp(x - 1000.0) / np.sum(np.exp(x - 1000.0))

    np.testing.assert_allclose(grad(special.logsumexp)(x), shares, rtol=1e-12)
    np.testing.assert_allclose(
        grad(special.logsumexp)(-x[:2]), shares[1::-1], rtol=1e-12
    )
    np.testing.assert_allclose(
        jacobian(special.log_softmax)(x), np.eye(3) - shares, atol=1e-15
    )


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        ([-np.inf, 0.0], [0.0, 1.0]),
        ([np.inf, 0.0], [1.0, 0.0]),
        ([-np.inf, -np.inf], [0.5, 0.5]),
        ([np.inf, np.inf, 1.0], [0.5, 0.5, 0.0]),
    ],
)
def test_infinite_terms_have_shares(x: Any, expected: Any) -> None:
    """As those of ``np.logaddexp``: an infinite sum is that of its largest terms."""
    with np.errstate(all="ignore"):
        found = grad(special.logsumexp)(np.array(x))

    np.testing.assert_array_equal(found, expected)


def test_a_weight_of_zero_hides_its_term() -> None:
    x, b = np.array([0.3, np.inf, -0.2]), np.array([1.0, 0.0, 2.0])

    found = grad(lambda x: special.logsumexp(x, b=b))(x)

    weights = b[[0, 2]] * np.exp(x[[0, 2]])
    np.testing.assert_allclose(found[[0, 2]], weights / np.sum(weights), rtol=1e-14)
    assert found[1] == 0.0


@pytest.mark.parametrize("name", ["logsumexp", "softmax", "log_softmax"])
def test_sums_of_exponentials_run_compiled_and_in_rows(name: str) -> None:
    function = getattr(special, name)
    x = np.random.default_rng(0).standard_normal((4, 5))
    gradient = grad(lambda x: np.sum(np.sin(function(x))))
    expected = np.stack([gradient(row) for row in x])

    np.testing.assert_allclose(vmap(gradient)(x), expected, rtol=1e-12, atol=1e-15)
    fast = jit(gradient)
    for _ in range(2):
        for row, wanted in zip(x, expected, strict=True):
            np.testing.assert_allclose(fast(row), wanted, rtol=1e-12, atol=1e-15)
    assert len(fast.paths()) == 1


def test_numbers_of_choices_are_zero_outside_the_triangle() -> None:
    for function in (special.comb, special.perm):
        assert function(2.0, 3.0) == 0.0
        assert grad(function)(2.0, 3.0) == 0.0
        with pytest.raises(UnsupportedError, match="exact=True"):
            grad(lambda x, f=function: f(x, 2, exact=True))(5.0)


@pytest.mark.filterwarnings("ignore:floating point number truncated")
@pytest.mark.parametrize("function", [special.expn, special.kn, special.yn])
@pytest.mark.parametrize("order", [0.3, 1.7, 2.4])
def test_orders_that_are_cut_off_have_the_derivative_of_what_is_left(
    function: Function, order: float
) -> None:
    x, step = 0.7, 1e-6
    slope = (function(order, x + step) - function(order, x - step)) / (2 * step)

    assert grad(lambda x: function(order, x))(x) == pytest.approx(slope, rel=1e-7)


@pytest.mark.filterwarnings("ignore:floating point number truncated")
@pytest.mark.filterwarnings("ignore:non-integer arg n:DeprecationWarning")
@pytest.mark.parametrize("name", ["bdtr", "bdtrc", "nbdtr", "nbdtrc"])
@pytest.mark.parametrize("counts", [(1.3, 1.6), (1.2, 4.7)])
def test_counts_are_cut_off_in_the_derivative_too(
    name: str, counts: tuple[float, float]
) -> None:
    """At as many successes as trials the value is 1, whatever their probability."""
    function = getattr(special, name)
    p, step = 0.37, 1e-6
    slope = (function(*counts, p + step) - function(*counts, p - step)) / (2 * step)

    found = grad(function, (0, 1, 2))(*counts, p)

    np.testing.assert_allclose(found, (0.0, 0.0, slope), rtol=1e-7)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    ("name", "point"),
    [
        ("pdtrik", (0.1, 1.0)),
        ("bdtrik", (0.1, 4.0, 0.3)),
        ("nbdtrik", (0.1, 3.0, 0.6)),
        ("fdtridfd", (2.0, 0.9, 0.3)),
        ("stdtridf", (0.3, 1.0)),
        ("stdtridf", (0.9, 1.0)),
    ],
)
def test_the_bound_at_which_a_search_ends_does_not_move(
    name: str, point: Point, dtype: Any
) -> None:
    function = getattr(special, name)
    values = tuple(map(dtype, point))
    near = product((0.99, 1.0, 1.01), repeat=len(point))
    assert len({float(function(*np.multiply(values, scales))) for scales in near}) == 1

    every = tuple(range(len(point)))
    assert grad(function, every)(*values) == (0.0,) * len(point)
    assert jvp(function, values, values)[1] == 0.0
    assert not np.any(jacobian(grad(function, every), every)(*values))


@pytest.mark.parametrize("name", ["elliprf", "elliprd", "elliprg"])
def test_complex_symmetric_integrals_curve_as_they_should(name: str) -> None:
    """Differences in 40 digits; at wide angles their integrands are near a pole."""
    function, exact = getattr(special, name), getattr(mp, name)
    for angle in (0.3, 1.2, 2.6):
        given = [0.7 * np.exp(1j * angle), np.complex128(0.9), 0.5 * np.exp(-0.2j)]

        def first(x: Any, given: Any = given) -> Any:
            return jacobian(function, holomorphic=True)(x, *given[1:])

        found = jacobian(first, holomorphic=True)(given[0])
        with mp.workdps(40):
            parts = [mp.mpc(number) for number in given]
            expected = mp.diff(lambda x, rest=parts[1:]: exact(x, *rest), parts[0], 2)
        np.testing.assert_allclose(found, complex(expected), rtol=1e-12)


@pytest.mark.parametrize("lost", [np.nan, np.inf, 1e308])
@pytest.mark.parametrize("name", sorted(FATAL))
def test_what_scipys_code_has_no_room_for_is_nan(name: str, lost: float) -> None:
    """In a recording, which may meet such numbers where the function does not."""
    for example in (EXAMPLES[name][0], EXAMPLES[f"{name}_derivative"][0]):
        parameter, *rest = example.operands
        tape = record(example.function, parameter, *rest)

        found = tape(np.full_like(parameter, lost), *rest)

        parts = found if isinstance(found, tuple) else (found,)
        assert all(np.all(np.isnan(part)) for part in parts)


def test_a_derivative_of_very_high_order_is_refused() -> None:
    """Closed forms double with every order; a damaged tape may ask for any."""
    derivative: Any = partial(special.exprel)
    for _ in range(12):
        derivative = grad(derivative)
    derivative(0.5)
    with pytest.raises(DerivativeError, match="order 12"):
        grad(derivative)(0.5)

    state = record(grad(partial(special.struve, 0.5)), 1.3).__getstate__()
    (settings,) = [each for each in state["settings"] if "orders" in each]
    settings["orders"] = (0, 10**9)
    with pytest.raises(DerivativeError, match="order 12"):
        Tape.__new__(Tape).__setstate__(state)
