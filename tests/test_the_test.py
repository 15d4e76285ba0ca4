"""The judge is judged: rules that are wrong by 0.1 % are caught, every one of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.ops.examples import Example, examples
from tests.ops.judge import judge, judge_modes, judge_value
from wengert import check_grads, custom_jvp, custom_vjp, stop_gradient, taylor_test
from wengert.core.operation import REGISTRY
from wengert.derive.straight import known
from wengert.errors import CheckError

WRONG = 1.001


def scaled(rule: Any) -> Any:
    """Return a rule (partial, transpose, jvp or vjp) that is 0.1 % too large."""
    if not callable(rule):
        return lambda *args: WRONG * rule

    def wrong(*args: Any, **settings: Any) -> Any:
        return enlarge(rule(*args, **settings))

    return wrong


def enlarge(value: Any) -> Any:
    """Return a derivative, or several, multiplied; None stays."""
    if isinstance(value, tuple | list):
        return type(value)(enlarge(part) for part in value)
    return None if value is None else value * WRONG


#: Rules that the sweeps have a loop of their own for, and which only nested rules use.
UNUSED = {("getitem", "vjp"), ("store", "vjp")}
#: The derivative is zero, and so is 1.001 times it.
ZERO = {
    ("copysign", 1),
    ("heaviside", 0),
    ("heaviside", 1),
    ("ldexp", 1),
    ("nextafter", 1),
    ("kn", 0),
    ("yn", 0),
    ("expn", 0),
    ("eval_hermite", 0),
    ("eval_hermitenorm", 0),
    *((f"spherical_{kind}n{of}", 0) for kind in "jyik" for of in ("", "_slope")),
    ("lambertw", 1),
    ("lambertw", 2),
    *((name, k) for name in ("pdtr", "pdtrc", "pdtri") for k in range(1)),
    *((name, k) for name in ("bdtr", "bdtrc", "bdtri") for k in range(2)),
    *((name, k) for name in ("nbdtr", "nbdtrc", "nbdtri") for k in range(2)),
    ("_binom_pmf", 0),
    ("_nbinom_pmf", 0),
    *((name, 0) for name in "mathieu_a mathieu_b smirnov smirnovi lpmv".split()),
    *((name, k) for name in ("pro_cv", "obl_cv") for k in range(2)),
}


def faults() -> Iterator[tuple[str, str, int]]:
    """Give every rule of every operation: operation, field, position in the field."""
    for name, operation in REGISTRY.items():
        if not operation.is_differentiable or name == "identity":
            continue
        for field in ("partials", "transposes"):
            for k in range(len(getattr(operation, field))):
                if (name, k) not in ZERO:
                    yield name, field, k
        for field in ("jvp", "vjp"):
            if getattr(operation, field) and (name, field) not in UNUSED:
                yield name, field, 0


@pytest.fixture(autouse=True)
def no_sweep_is_kept() -> Iterator[None]:
    """Forget written sweeps: they keep the rules that they were written with."""
    known.cache_clear()
    yield
    known.cache_clear()


EXAMPLES: dict[str, list[Example]] = {}
for _example in examples():
    EXAMPLES.setdefault(_example.operation, []).append(_example)


@pytest.mark.one_in(4)
@pytest.mark.parametrize(("name", "field", "k"), list(faults()))
def test_a_rule_of_the_registry_wrong_by_a_thousandth_is_caught(
    name: str, field: str, k: int
) -> None:
    operation = REGISTRY[name]
    right = getattr(operation, field)
    if field in ("jvp", "vjp"):
        wrong = scaled(right)
    else:
        wrong = (*right[:k], scaled(right[k]), *right[k + 1 :])
    object.__setattr__(operation, field, wrong)
    try:
        assert any(is_caught(example) for example in EXAMPLES.get(name, []))
    finally:
        object.__setattr__(operation, field, right)


def is_caught(example: Example) -> bool:
    """Whether the judge finds the example's derivatives wrong."""
    try:
        judge(example.function, example.operands, order=1)
    except AssertionError:
        return True
    return False


@pytest.mark.parametrize("name", ["sin", "multiply", "exp", "power", "tanh"])
def test_a_wrong_second_derivative_is_caught_where_the_first_is_right(
    name: str,
) -> None:
    """The rule is right in value, and its own derivative is not."""
    operation = REGISTRY[name]

    def only_nested(partial: Any) -> Any:
        def wrong(z: Any, *operands: Any) -> Any:
            exact = partial(z, *operands)
            slope = (WRONG - 1) * (operands[0] - stop_gradient(operands[0]))
            return exact * (1 + slope)

        return wrong

    right, reads = operation.partials, operation.reads
    wrong = tuple(only_nested(p) if callable(p) else p for p in right)
    object.__setattr__(operation, "partials", wrong)
    object.__setattr__(operation, "reads", (True,) * len(right))
    try:
        example = EXAMPLES[name][0]
        judge(example.function, example.operands, order=1)
        with pytest.raises(CheckError, match=r"of (forward|reverse) derivative"):
            judge(example.function, example.operands, order=2)
    finally:
        object.__setattr__(operation, "partials", right)
        object.__setattr__(operation, "reads", reads)


# Values, types, and the two modes against each other


def test_a_value_that_is_not_numpy_s_is_caught() -> None:
    operation = REGISTRY["sin"]
    object.__setattr__(operation, "function", lambda x: np.sin(x) * (1 + 1e-15))
    try:
        with pytest.raises(AssertionError, match="not equal"):
            judge_value(np.sin, [np.array([0.5, 1.0])])
    finally:
        object.__setattr__(operation, "function", np.sin)


def test_a_result_of_another_type_is_caught() -> None:
    operation = REGISTRY["sin"]
    object.__setattr__(operation, "function", lambda x: np.asarray(np.sin(x)))
    try:
        with pytest.raises(AssertionError, match="where NumPy has"):
            judge_value(np.sin, [np.float64(0.5)])
    finally:
        object.__setattr__(operation, "function", np.sin)


def test_a_transpose_of_another_map_is_caught_by_the_dot_product() -> None:
    operation = REGISTRY["transpose"]
    right = operation.transposes
    object.__setattr__(
        operation, "transposes", (lambda g, x, axes: np.reshape(g, x.shape),)
    )
    try:
        with pytest.raises(AssertionError):
            judge_modes(np.transpose, [np.arange(6.0).reshape(2, 3)])
    finally:
        object.__setattr__(operation, "transposes", right)


def wrong_cube(factor: float) -> Any:
    """Return the cube with a forward rule that is wrong by a factor."""

    @custom_jvp
    def cube(x: Any) -> Any:
        return x**3

    @cube.defjvp
    def cube_jvp(primals: Any, tangents: Any) -> Any:
        (x,), (t,) = primals, tangents
        return x**3, factor * 3 * x**2 * t

    return cube


def wrong_cube_vjp(factor: float) -> Any:
    """Return the cube with a reverse rule that is wrong by a factor."""

    @custom_vjp
    def cube(x: Any) -> Any:
        return x**3

    cube.defvjp(lambda x: (x**3, x), lambda x, g: (factor * 3 * x**2 * g,))
    return cube


@pytest.mark.parametrize("make", [wrong_cube, wrong_cube_vjp])
def test_check_grads_judges_a_user_s_rule(make: Any) -> None:
    x = np.array([0.5, -1.5])
    modes = ("fwd", "rev") if make is wrong_cube else ("rev",)

    assert check_grads(make(1.0), (x,), modes=modes).passed
    with pytest.raises(CheckError, match="is wrong"):
        check_grads(make(WRONG), (x,), modes=modes)


def test_the_error_names_function_argument_and_both_values() -> None:
    cube = wrong_cube(WRONG)

    def energy(weights: Any, scale: Any) -> Any:
        return scale * cube(weights["w"])

    with pytest.raises(CheckError) as caught:
        check_grads(energy, ({"b": 1.0, "w": np.array([2.0, 3.0])}, 2.0))
    message = str(caught.value)
    found = re.search(r"analytic (\S+), numeric (\S+)\n", message)

    assert "the forward derivative of energy by argument 0['w'] is wrong" in message
    assert "at result [" in message
    assert found
    assert float(found[1]) / float(found[2]) == pytest.approx(WRONG)


def test_a_kink_is_reported_as_uncertain() -> None:
    with pytest.raises(CheckError, match="uncertain"):
        check_grads(lambda x: np.abs(x), (3e-5,), order=1)


def test_the_error_names_the_operation_and_the_line_that_are_wrong() -> None:
    """Among others that are right, in either mode and at either order."""
    wrong, right = wrong_cube(WRONG), wrong_cube_vjp(1.0)

    def energy(x: Any) -> Any:
        y = np.sin(right(x)) * x
        z = wrong(y) + y  # here
        return np.sum(z * z)

    line = energy.__code__.co_firstlineno + 2
    with pytest.raises(CheckError) as caught:
        check_grads(energy, (np.array([0.5, -1.5]),))

    suspect = (
        f"; suspect: cube, recorded at test_the_test.py:{line}, whose own is wrong"
    )
    assert suspect in str(caught.value)


def test_an_operation_of_ours_that_is_wrong_is_named() -> None:
    operation = REGISTRY["tanh"]
    right = operation.partials
    object.__setattr__(operation, "partials", (lambda y, x: 1.01 * right[0](y, x),))
    try:
        with pytest.raises(
            CheckError, match=r"suspect: tanh, recorded at test_the_test"
        ):
            check_grads(lambda x: np.exp(np.tanh(np.sin(x))), (0.4,), modes=("rev",))
    finally:
        object.__setattr__(operation, "partials", right)


def test_a_kink_is_found_where_it_is() -> None:
    with pytest.raises(
        CheckError, match=r"suspect: absolute, recorded at test_the_test"
    ):
        check_grads(lambda x: np.exp(np.abs(np.sin(x))), (3e-5,), order=1)


def test_no_operation_is_suspected_of_what_the_function_does() -> None:
    """It draws other numbers on every call."""
    random = np.random.default_rng(0)

    with pytest.raises(CheckError) as caught:
        check_grads(lambda x: x * float(random.random()), (1.0,))

    assert "suspect" not in str(caught.value)


def test_tolerances_and_step_can_be_given() -> None:
    cube = wrong_cube(WRONG)

    assert check_grads(cube, (2.0,), order=1, rtol=0.01, eps=1e-3).passed
    with pytest.raises(CheckError):
        check_grads(cube, (2.0,), order=1, rtol=1e-5)


def test_the_complex_step_is_used_only_where_it_holds() -> None:
    analytic = check_grads(lambda x: np.exp(x) * x, (0.7,), order=1)
    kinked = check_grads(lambda x: np.abs(x) * x, (0.7,), order=1)

    assert {c.method for c in analytic.comparisons} == {"complex step"}
    assert {c.method for c in kinked.comparisons} == {"differences"}


def test_every_mode_and_order_is_compared() -> None:
    found = check_grads(lambda x: x**3, (1.5,), order=2)
    names = [comparison.derivative for comparison in found.comparisons]

    assert names == [
        "forward",
        "reverse",
        "forward of forward",
        "reverse of forward",
        "forward of reverse",
        "reverse of reverse",
    ]
    assert "check_grads of <lambda>" in str(found)


def test_what_a_zero_absorbed_is_listed_with_its_line() -> None:
    def masked(x: Any) -> Any:
        return np.where(x > 0, np.log(np.where(x > 0, x, 0.0)), x * 2)

    with np.errstate(divide="ignore"):
        found = check_grads(masked, (np.array([-1.0, 2.0]),), order=1)

    assert len(found.absorbed) == 1
    assert re.match(r"log at test_the_test.py:\d+$", found.absorbed[0])
    assert "absorbed by a zero: log" in str(found)


def test_arguments_without_derivative_are_passed_on() -> None:
    assert check_grads(lambda x, n, name: x**n, (2.0, 3, "cube")).passed
    with pytest.raises(TypeError, match="arguments as ndarray"):
        check_grads(np.sin, np.ones(2))
    with pytest.raises(TypeError, match="no floating-point argument"):
        check_grads(lambda n: n, (3,))
    with pytest.raises(TypeError, match="mode 'sideways'"):
        check_grads(lambda x: x, (3.0,), modes=("sideways",))


def test_check_grads_leaves_arguments_as_they_are() -> None:
    def doubled(x: Any, n: Any) -> Any:
        x *= 2
        n += 1
        return x * n

    x, n = np.ones(3), np.array([1, 2, 3])
    check_grads(doubled, (x, n))

    np.testing.assert_array_equal(x, np.ones(3))
    np.testing.assert_array_equal(n, [1, 2, 3])


# taylor_test


def wave(x: Any) -> Any:
    """Return a function whose third derivatives do not vanish."""
    return np.sum(np.exp(x) * np.sin(2 * x))


@pytest.mark.parametrize("order", [1, 2])
def test_taylor_test_finds_the_order(order: int) -> None:
    found = taylor_test(wave, np.array([0.3, -0.8, 1.1]), order=order)

    assert found.order == pytest.approx(order + 1, abs=0.1)
    assert found.passed
    assert f"expected {order + 1}" in str(found)


def test_taylor_test_finds_a_gradient_wrong_by_a_thousandth() -> None:
    cube = wrong_cube(WRONG)
    steps = (1e-4, 5e-5, 2.5e-5)
    found = taylor_test(lambda x: np.sum(cube(x)), np.array([1.0, 2.0]), steps=steps)

    assert not found.passed
    assert found.order == pytest.approx(1, abs=0.2)


def test_taylor_test_of_a_linear_function_has_no_remainder() -> None:
    found = taylor_test(lambda x: np.sum(3 * x), np.ones(2), direction=np.ones(2))

    assert found.order == float("inf")
    assert found.passed


def test_taylor_test_refuses_a_third_derivative() -> None:
    with pytest.raises(TypeError, match="order=3"):
        taylor_test(wave, np.ones(2), order=3)
