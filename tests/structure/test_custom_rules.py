"""Rules of a user's own: `rule`, `custom_jvp`, `custom_vjp`, and black boxes."""

from __future__ import annotations

import math
import pickle
from functools import partial
from typing import Any

import numpy as np
import pytest
from scipy import special

import wengert
from wengert import (
    DerivativeError,
    RuleError,
    custom_jvp,
    custom_vjp,
    grad,
    hessian,
    hvp,
    jacfwd,
    jacobian,
    jvp,
    record,
    rule,
    value_and_grad,
    vjp,
)

X = np.array([0.3, -0.4, 0.7])


def table_of_sines(x: Any) -> Any:
    """Compute element by element, in a way that cannot be recorded."""
    if type(x) is not np.ndarray:
        return math.sin(float(x))
    return np.array([math.sin(float(e)) for e in x.ravel()]).reshape(x.shape)


def cosine(x: Any) -> Any:
    """Return the derivative, itself recordable."""
    return np.cos(x)


BY_VJP = rule(vjp=lambda g, y, x: g * cosine(x))(table_of_sines)
BY_JVP = rule(jvp=lambda dots, y, x: dots[0] * cosine(x))(table_of_sines)
BY_BOTH = rule(
    jvp=lambda dots, y, x: dots[0] * cosine(x), vjp=lambda g, y, x: (g * cosine(x),)
)(table_of_sines)


@custom_jvp
def jvp_sine(x: Any) -> Any:
    """A sine with JAX's forward rule."""
    return table_of_sines(x)


@jvp_sine.defjvp
def jvp_sine_rule(primals: Any, tangents: Any) -> Any:
    """Return the sine, and its tangent."""
    return jvp_sine(primals[0]), tangents[0] * cosine(primals[0])


@custom_vjp
def vjp_sine(x: Any) -> Any:
    """A sine with JAX's reverse rule."""
    return table_of_sines(x)


vjp_sine.defvjp(lambda x: (vjp_sine(x), x), lambda x, g: (g * cosine(x),))

SINES = {
    "rule by vjp": BY_VJP,
    "rule by jvp": BY_JVP,
    "rule by both": BY_BOTH,
    "custom_jvp": jvp_sine,
    "custom_vjp": vjp_sine,
}


@pytest.mark.parametrize("name", SINES)
class TestEveryKindOfRule:
    def test_a_plain_call_is_the_function(self, name: str) -> None:
        np.testing.assert_array_equal(SINES[name](X), table_of_sines(X))

    def test_both_modes(self, name: str) -> None:
        sine = SINES[name]

        np.testing.assert_allclose(grad(lambda x: np.sum(sine(x) * x))(X), by_hand(X))
        pushed = jvp(lambda x: np.sum(sine(x) * x), (X,), (np.ones(3),))[1]
        assert pushed == pytest.approx(np.sum(by_hand(X)))
        np.testing.assert_allclose(jacfwd(sine)(X), np.diag(np.cos(X)))

    def test_higher_orders(self, name: str) -> None:
        sine = SINES[name]

        np.testing.assert_allclose(
            hessian(lambda x: np.sum(sine(x)))(X), np.diag(-np.sin(X)), atol=1e-15
        )
        assert grad(grad(grad(sine)))(0.3) == pytest.approx(-np.cos(0.3))
        twice = hvp(lambda x: np.sum(sine(x) ** 2), (X,), (np.ones(3),))[0]
        np.testing.assert_allclose(twice, 2 * np.cos(2 * X))

    def test_a_tape_replays_it(self, name: str) -> None:
        tape = record(lambda x: SINES[name](x) * 2, X).verify()

        np.testing.assert_array_equal(tape(X + 1), table_of_sines(X + 1) * 2)

    def test_gradients_of_recorded_writes_flow_through(self, name: str) -> None:
        def f(x: Any) -> Any:
            y = np.zeros(3)
            y[:2] = SINES[name](x[1:])
            y[1:] *= x[0]
            return np.sum(y**2)

        def plain(x: Any) -> Any:
            y = np.zeros(3)
            y[:2] = np.sin(x[1:])
            y[1:] *= x[0]
            return np.sum(y**2)

        np.testing.assert_allclose(grad(f)(X), grad(plain)(X))

    def test_float32_stays(self, name: str) -> None:
        x = X.astype(np.float32)

        assert grad(lambda x: np.sum(SINES[name](x)))(x).dtype == np.float32


def by_hand(x: Any) -> Any:
    """Return the gradient of ``sum(sin(x) * x)``."""
    return np.cos(x) * x + np.sin(x)


# Several arguments and results, nested


def nested_vjp(g: Any, y: Any, p: Any, k: Any) -> Any:
    """Return nested gradients, and None for an argument without one."""
    return {"a": np.sum(g["s"] * p["b"]), "b": g["s"] * p["a"]}, None


@rule(vjp=nested_vjp)
def nested(p: Any, k: Any) -> Any:
    """Return nested results of nested arguments."""
    return {"s": p["a"] * p["b"], "k": k * 2.0}


def test_nested_arguments_and_results() -> None:
    point = {"a": 2.0, "b": np.array([3.0, 4.0])}

    found = grad(lambda p: np.sum(nested(p, 5.0)["s"] ** 2))(point)
    _, push = wengert.linearize(lambda p: nested(p, 5.0)["s"], point)

    assert found["a"] == pytest.approx(2 * 2 * 25)
    np.testing.assert_allclose(found["b"], 2 * 4 * point["b"])
    np.testing.assert_allclose(push({"a": 1.0, "b": np.ones(2)}), [5.0, 6.0])


def test_an_unused_result_has_a_zero_gradient() -> None:
    seen = []

    @rule(vjp=lambda g, y, x: seen.append(g) or g[0])
    def two(x: Any) -> Any:
        return x * 2, x * np.ones(2)

    assert grad(lambda x: two(x)[0])(3.0) == 1.0
    np.testing.assert_array_equal(seen[0][1], [0.0, 0.0])


def test_a_result_of_several_by_jvp_is_transposed() -> None:
    @rule(jvp=lambda dots, y, x: (dots[0] * 2, dots[0] * np.ones(2)))
    def two(x: Any) -> Any:
        return x * 2, x * np.ones(2)

    assert grad(lambda x: np.sum(two(x)[1] * np.array([3.0, 4.0])))(1.0) == 7.0
    assert grad(lambda x: two(x)[0] ** 2)(1.0) == 4.0 * 2


def test_numbers_and_strings_reach_the_function_as_they_are() -> None:
    seen = []

    @rule(vjp=lambda g, y, x, n, name: (g * n, None, None))
    def scale(x: Any, n: int, name: str) -> Any:
        seen.append((n, name))
        return x * n

    assert grad(lambda x: scale(x, 3, "k"))(2.0) == 3.0
    assert seen == [(3, "k")]


def test_keywords_reach_the_rule() -> None:
    @rule(vjp=lambda g, y, x, power=2: g * power * x ** (power - 1))
    def power_of(x: Any, power: int = 2) -> Any:
        return x**power

    assert grad(lambda x: power_of(x, power=3))(2.0) == 12.0
    assert grad(power_of)(2.0) == 4.0


def test_a_recorded_keyword_is_refused() -> None:
    @rule(vjp=lambda g, y, x, k=1.0: g)
    def f(x: Any, k: Any = 1.0) -> Any:
        return x * k

    with pytest.raises(RuleError, match="by position"):
        grad(lambda x: f(1.0, k=x))(2.0)


def test_none_is_a_zero_gradient() -> None:
    @rule(vjp=lambda g, y, a, b: (None, g))
    def second(a: Any, b: Any) -> Any:
        return a * 0 + b

    assert grad(second, (0, 1))(1.0, 2.0) == (0.0, 1.0)


def test_a_method_may_have_a_rule() -> None:
    class Spring:
        k = 3.0

        @rule(vjp=lambda g, y, self, x: (None, g * self.k * x))
        def energy(self, x: Any) -> Any:
            return float(self.k * x**2 / 2)

    assert grad(Spring().energy)(2.0) == 6.0


# JAX's forms


def test_nondiff_argnums_come_first_in_the_rules() -> None:
    @partial(custom_jvp, nondiff_argnums=(0,))
    def apply(f: Any, x: Any) -> Any:
        return f(x)

    @apply.defjvp
    def apply_jvp(f: Any, primals: Any, tangents: Any) -> Any:
        return apply(f, *primals), tangents[0] * 7

    @partial(custom_vjp, nondiff_argnums=(1,))
    def power(x: Any, n: int) -> Any:
        return x**n

    power.defvjp(lambda x, n: (power(x, n), x), lambda n, x, g: (g * n * x ** (n - 1),))

    assert grad(lambda x: apply(math.sin, x))(1.0) == 7.0
    assert grad(lambda x: power(x, 3))(2.0) == 12.0
    assert grad(lambda x: power(n=3, x=x))(2.0) == 12.0


def test_a_recorded_value_in_nondiff_argnums_is_refused() -> None:
    @partial(custom_vjp, nondiff_argnums=(1,))
    def power(x: Any, n: Any) -> Any:
        return x**n

    power.defvjp(lambda x, n: (power(x, n), x), lambda n, x, g: (g,))

    with pytest.raises(RuleError, match="nondiff_argnums"):
        grad(lambda x: power(x, x))(2.0)


def test_defjvps_has_one_rule_an_argument() -> None:
    @custom_jvp
    def f(x: Any, y: Any) -> Any:
        return x * y

    f.defjvps(lambda t, ans, x, y: t * y, None)

    assert grad(f, (0, 1))(2.0, 3.0) == (3.0, 0.0)


def test_residuals_may_be_anything() -> None:
    class Kept:
        x = 0.0

    @custom_vjp
    def square(x: Any) -> Any:
        return x * x

    def forward(x: Any) -> Any:
        kept = Kept()
        kept.x = x
        return x * x, kept

    square.defvjp(forward, lambda kept, g: (g * 2 * kept.x,))

    assert grad(square)(3.0) == 6.0
    assert grad(grad(square))(3.0) == 2.0


def test_the_forward_function_runs_once_in_a_first_derivative() -> None:
    calls = []

    @custom_vjp
    def f(x: Any) -> Any:
        raise AssertionError("the fwd takes its place")

    f.defvjp(lambda x: (calls.append(1), (x * x, x))[1], lambda x, g: (g * 2 * x,))

    assert grad(f)(3.0) == 6.0
    assert calls == [1]


def test_a_rule_replaces_the_derivative_of_numpy_code() -> None:
    @custom_vjp
    def clipped(x: Any) -> Any:
        return x

    clipped.defvjp(lambda x: (x, None), lambda _, g: (np.clip(g, -1, 1),))

    np.testing.assert_array_equal(
        grad(lambda x: np.sum(clipped(x) * np.array([5.0, -0.5, -9.0])))(X),
        [1.0, -0.5, -1.0],
    )


# Black boxes


def test_a_black_box_gives_its_value() -> None:
    box = rule(table_of_sines)

    value, gradient = value_and_grad(lambda x: x * 2 + 0 * 1.0)(1.0)
    tape = record(lambda x: box(x) + 1, X)

    assert (value, gradient) == (2.0, 2.0)
    np.testing.assert_array_equal(tape(X), table_of_sines(X) + 1)


@pytest.mark.parametrize("derive", [grad, jacfwd])
def test_a_black_box_raises_when_its_derivative_is_needed(derive: Any) -> None:
    box = rule(table_of_sines)

    with pytest.raises(DerivativeError, match=r"table_of_sines.*no rule"):
        derive(lambda x: box(x) * x)(1.0)


def test_a_black_box_off_the_way_of_the_gradient_is_allowed() -> None:
    box = rule(table_of_sines)

    assert grad(lambda x: box(wengert.stop_gradient(x)) * x)(1.0) == np.sin(1.0)


def test_a_compiled_function_with_a_rule() -> None:
    gamma = rule(vjp=lambda g, y, x: g * y * rule(special.digamma)(x))(special.gammaln)

    found = grad(lambda x: gamma(x) * 1.0)(3.0)

    assert found == pytest.approx(special.gammaln(3.0) * special.digamma(3.0))


def test_the_function_does_not_see_the_recording() -> None:
    kinds = []

    @rule(vjp=lambda g, y, x: g)
    def f(x: Any) -> Any:
        made = np.zeros(3)
        kinds.append((type(x), type(made)))
        return x + made

    grad(lambda x: np.sum(f(x)))(X)

    assert kinds == [(np.ndarray, np.ndarray)]


def test_a_result_may_be_written_to() -> None:
    buffer = np.zeros(3)

    @rule(vjp=lambda g, y, x: g)
    def f(x: Any) -> Any:
        buffer[...] = x
        return buffer

    def program(x: Any) -> Any:
        first = f(x)
        first[0] = 0
        second = f(2 * x)
        return np.sum(first * second)

    np.testing.assert_allclose(value_and_grad(program)(X)[0], np.sum(X[1:] * 2 * X[1:]))


# Refusals

WRONG_VJPS = {
    "2 gradients for 1 argument": lambda g, y, x: (g, g),
    r"shape \(\) for a value of shape \(3,\)": lambda g, y, x: np.sum(g),
    r"shape \(3, 1\)": lambda g, y, x: g[:, None],
    "complex128 for a real value": lambda g, y, x: g * 1j,
    r"\[\*, \*\] where \* belongs": lambda g, y, x: ([g, g],),
    "a str where a number": lambda g, y, x: ("wrong",),
}


@pytest.mark.parametrize("message", WRONG_VJPS)
def test_a_reverse_rule_that_does_not_fit_is_refused(message: str) -> None:
    f = rule(vjp=WRONG_VJPS[message])(table_of_sines)

    with pytest.raises(RuleError, match=message) as error:
        grad(lambda x: np.sum(f(x)))(X)
    assert "why: " in str(error.value)
    assert "instead: " in str(error.value)


WRONG_JVPS = {
    r"shape \(3, 3\) for a value of shape \(3,\)": lambda d, y, x: np.outer(x, d[0]),
    "complex128 for a real value": lambda d, y, x: d[0] * 1j,
    r"\(\*, \*\) where \* belongs": lambda d, y, x: (d[0], d[0]),
}


@pytest.mark.parametrize("message", WRONG_JVPS)
def test_a_forward_rule_that_does_not_fit_is_refused(message: str) -> None:
    f = rule(jvp=WRONG_JVPS[message])(table_of_sines)

    with pytest.raises(RuleError, match=message):
        jvp(f, (X,), (X,))


def test_a_gradient_of_a_nested_argument_must_nest_as_it() -> None:
    f = rule(vjp=lambda g, y, p: ([g, g],))(lambda p: p["a"] * p["b"])

    with pytest.raises(RuleError, match=r"\[\*, \*\] where \{'a': \*, 'b': \*\}"):
        grad(f)({"a": 1.0, "b": 2.0})


def test_a_stated_shape_is_checked() -> None:
    f = rule(vjp=lambda g, y, x: g, shape=lambda x: (2,))(table_of_sines)

    with pytest.raises(RuleError, match=r"shape= gave \(2,\)"):
        grad(lambda x: np.sum(f(x)))(X)


@pytest.mark.parametrize("result", ["text", np.array(["a"]), object()])
def test_a_result_that_is_not_a_number_is_refused(result: Any) -> None:
    f = rule(vjp=lambda g, y, x: g)(lambda x: result)

    with pytest.raises(RuleError, match="returned"):
        grad(f)(1.0)


def test_a_write_into_an_argument_is_refused() -> None:
    @rule(vjp=lambda g, y, x: g)
    def f(x: Any) -> Any:
        x[0] = 9
        return x * 1

    with pytest.raises(RuleError, match="wrote into its argument"):
        grad(lambda x: np.sum(f(x)))(X)


def test_a_recorded_value_from_outside_is_refused() -> None:
    def outer(x: Any) -> Any:
        f = rule(vjp=lambda g, y, z: g)(lambda z: z * x)
        return f(x)

    with pytest.raises(RuleError, match="outside its arguments"):
        grad(outer)(2.0)


def test_a_forward_function_that_returns_one_thing_is_refused() -> None:
    f = custom_vjp(lambda x: x)
    f.defvjp(lambda x: x, lambda r, g: (g,))

    with pytest.raises(RuleError, match="return result, residuals"):
        grad(f)(1.0)


def test_a_forward_rule_that_returns_one_thing_is_refused() -> None:
    f = custom_jvp(lambda x: x)
    f.defjvp(lambda primals, tangents: tangents[0])

    with pytest.raises(RuleError, match="return result, tangent"):
        grad(f)(1.0)


def test_both_modes_of_a_custom_function_agree_by_dot_product() -> None:
    rng = np.random.default_rng(0)
    x, u, v = rng.normal(size=(3, 4))

    for sine in SINES.values():
        pushed = jvp(sine, (x,), (u,))[1]
        pulled = vjp(sine, x)[1](v)[0]

        assert v @ pushed == pytest.approx(u @ pulled)


def test_a_jacobian_of_a_custom_function() -> None:
    for sine in SINES.values():
        np.testing.assert_allclose(jacobian(sine)(X), np.diag(np.cos(X)))


def test_a_tape_with_a_custom_function_pickles_without_its_code() -> None:
    tape = record(lambda x: BY_VJP(x) * 2, X)

    data = pickle.dumps(tape)

    assert b"table_of_sines" in data
    loaded = pickle.loads(data)
    assert "table_of_sines" in str(loaded)
    with pytest.raises(wengert.TapeError, match="table_of_sines"):
        loaded(X)
