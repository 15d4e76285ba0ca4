"""Checkpoints: one node, run again for derivatives, closures made explicit."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import root

import wengert
from wengert import (
    checkpoint,
    grad,
    hessian,
    hvp,
    jacfwd,
    jacrev,
    jvp,
    record,
    remat,
    value_and_grad,
    vjp,
)
from wengert.errors import WengertError

X, W = np.array([0.3, -0.4]), np.array([1.0, 2.0])


def layer(x: Any, w: Any) -> Any:
    """Compute with intermediate values and a write."""
    y = np.sin(x * w)
    y[0] *= w[1]
    return y + np.zeros(2)


def closing(wrap: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function whose wrapped part closes over recorded values."""

    def f(x: Any, w: Any) -> Any:
        bias = np.zeros(2)
        bias[1] = w[0] * 3
        inner = wrap(lambda y: np.tanh(y * w[::-1] + bias) * w)
        y = inner(x)
        w2 = w * 2
        return np.sum(inner(y) * w2)

    return f


def chained(wrap: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of several wrapped layers."""

    def f(x: Any, w: Any) -> Any:
        for _ in range(3):
            x = wrap(layer)(x, w)
        return np.sum(x**2)

    return f


def nested(wrap: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function with a wrapped part inside a wrapped part."""

    def f(x: Any, w: Any) -> Any:
        inner = wrap(lambda y: np.sin(y * w))
        outer = wrap(lambda y: inner(inner(y)) * x)
        return np.sum(outer(w))

    return f


def branching(wrap: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function whose wrapped part branches on closed-over values."""

    def f(x: Any, w: Any) -> Any:
        s = np.sum(w)

        def part(y: Any) -> Any:
            return y * s if s > 1 else y

        return np.sum(wrap(part)(x))

    return f


def differentiating(wrap: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function whose wrapped part takes a gradient itself."""

    def f(x: Any, w: Any) -> Any:
        part = wrap(lambda y: grad(lambda z: np.sum(np.sin(z * w) ** 2))(y))
        return np.sum(part(x) * w)

    return f


FUNCTIONS = [closing, chained, nested, branching, differentiating]


@pytest.mark.parametrize("make", FUNCTIONS)
class TestCheckpointedFunctions:
    def test_value_and_gradient(self, make: Any) -> None:
        value, found = value_and_grad(make(checkpoint), (0, 1))(X, W)
        expected_value, expected = value_and_grad(make(lambda f: f), (0, 1))(X, W)

        assert value == expected_value == make(lambda f: f)(X, W)
        np.testing.assert_allclose(found, expected, rtol=1e-14)

    def test_forward_mode(self, make: Any) -> None:
        found = jvp(make(checkpoint), (X, W), (W, X))[1]

        assert found == pytest.approx(jvp(make(lambda f: f), (X, W), (W, X))[1])

    def test_second_order(self, make: Any) -> None:
        found = hessian(make(checkpoint), (0, 1))(X, W)

        expected = hessian(make(lambda f: f), (0, 1))(X, W)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)

    def test_reverse_over_reverse_over_reverse(self, make: Any) -> None:
        def third(wrap: Any) -> Any:
            f = make(wrap)
            first = grad(lambda x: f(x, W))
            second = grad(lambda x: np.sum(first(x) * W))
            return grad(lambda x: np.sum(second(x) * X))(X)

        found, expected = third(checkpoint), third(lambda f: f)

        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-13)

    def test_a_tape_replays_at_other_inputs(self, make: Any) -> None:
        tape = record(make(checkpoint), X, W).verify()

        assert tape(X + 0.1, W + 0.2) == make(lambda f: f)(X + 0.1, W + 0.2)


def test_remat_is_checkpoint() -> None:
    assert remat is checkpoint


def test_a_plain_call_is_the_function() -> None:
    f = checkpoint(layer)

    np.testing.assert_array_equal(f(X, W), layer(X, W))
    assert f.__name__ == "layer"


def test_a_call_is_one_node() -> None:
    tape = record(lambda x: np.sum(checkpoint(layer)(x, x)), X)

    names = [operation.name for operation in tape.operations]
    assert names == ["input", "checkpoint_layer", "item", "sum"]


def test_nested_arguments_results_and_keywords() -> None:
    @checkpoint
    def f(p: Any, scale: Any = 1.0, name: str = "") -> Any:
        return {"y": p["a"] * scale, "n": [p["b"] ** 2]}

    def loss(p: Any, k: Any) -> Any:
        r = f(p, scale=k, name="k")
        return np.sum(r["y"]) * r["n"][0]

    p = {"a": X, "b": 3.0}
    found, by_k = grad(loss, (0, 1))(p, 2.0)

    np.testing.assert_allclose(found["a"], [18.0, 18.0])
    assert found["b"] == pytest.approx(2 * np.sum(X) * 6)
    assert by_k == pytest.approx(np.sum(X) * 9)


def test_a_captured_array_counts_as_it_was_at_the_call() -> None:
    def f(w: Any) -> Any:
        w = w * 1
        y = checkpoint(lambda x: x * w**2)(X)
        w[0] = 100.0
        return np.sum(y)

    np.testing.assert_allclose(grad(f)(W), 2 * X * W)


def test_ints_index_inside() -> None:
    def f(x: Any) -> Any:
        return checkpoint(lambda y, k: y[k] ** 2)(x, np.argmax(x))

    np.testing.assert_allclose(grad(f)(np.array([1.0, 3.0])), [0.0, 6.0])


def test_intermediate_values_are_not_kept() -> None:
    def deep(x: Any) -> Any:
        for _ in range(50):
            x = np.sin(x)
        return x

    def peak(part: Any) -> int:
        tracemalloc.start()
        grad(lambda x: np.sum(part(part(part(part(x))))))(np.ones(20_000))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    # 4 parts of 50 arrays: with checkpoints one part at a time.
    assert peak(checkpoint(deep)) < 0.5 * peak(deep)


def test_a_function_that_changes_is_refused() -> None:
    rng = np.random.default_rng(0)
    noisy = checkpoint(lambda x: x * rng.normal())

    with pytest.raises(wengert.DerivativeError, match="gave other numbers"):
        grad(noisy)(2.0)


def test_what_is_jitted_may_differ_in_its_last_digits() -> None:
    def chaotic(x: Any) -> Any:
        y = x
        for k in range(30):
            y = np.sin(y) * x + np.exp(-y * y) / (1 + k) - np.cos(y) * np.tanh(x)
        return y

    x = np.random.default_rng(0).normal(size=500)
    jitted = wengert.jit(chaotic, wait=True)
    for _ in range(3):
        jitted(x)
    found = grad(lambda x: np.sum(checkpoint(jitted)(x)))(x)
    np.testing.assert_array_equal(found, grad(lambda x: np.sum(chaotic(x)))(x))


def test_what_has_a_budget_may_differ_in_its_last_digits() -> None:
    def descent(x: Any) -> Any:
        for _ in range(20):
            x = x - 0.1 * grad(lambda y: np.sum(np.sin(y) * y * y[::-1]))(x)
        return np.sum(x * x)

    x = np.array([0.3, -0.4, 0.8, 0.1, -0.2])
    bound = grad(descent, memory="1 GB")
    found = grad(lambda x: np.sum(checkpoint(bound)(x)))(x)
    expected = grad(lambda x: np.sum(grad(descent)(x)))(x)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_name_bound_again_is_what_it_was() -> None:
    def f(x: Any) -> Any:
        factor = x * 2
        part = checkpoint(lambda y: y * factor)
        y = part(x)
        factor = x * 3
        return y

    assert grad(f)(2.0) == 8.0


def test_a_write_into_an_array_from_outside_is_refused() -> None:
    def f(x: Any) -> Any:
        y = np.zeros(2)

        def part(z: Any) -> Any:
            y[0] = z
            return z

        return checkpoint(part)(x) + y[0]

    with pytest.raises(wengert.RecordingError, match="outside the function"):
        grad(f)(2.0)


def test_a_write_into_a_recorded_array_from_outside_is_refused() -> None:
    def f(x: Any) -> Any:
        y = x * 1

        def part(z: Any) -> Any:
            y[0] = 1.0
            return z * y

        return np.sum(checkpoint(part)(x))

    with pytest.raises(wengert.RecordingError, match="outside the function"):
        grad(f)(X)


def test_float_of_a_captured_value_is_refused() -> None:
    def f(x: Any) -> Any:
        s = x * 2
        return checkpoint(lambda y: y * float(s))(x)

    with pytest.raises(wengert.RecordingError, match=r"float\(x\)"):
        grad(f)(2.0)


@pytest.mark.parametrize("derive", [jacfwd, jacrev])
def test_jacobians(derive: Any) -> None:
    f = checkpoint(lambda x: np.outer(x, x).ravel())

    expected = derive(lambda x: np.outer(x, x).ravel())(X)
    np.testing.assert_allclose(derive(f)(X), expected)


def test_products_with_the_hessian() -> None:
    found = hvp(closing(checkpoint), (X, W), (W, X))

    expected = hvp(closing(lambda f: f), (X, W), (W, X))
    np.testing.assert_allclose(found, expected)


def test_a_pulled_back_function_is_used_many_times() -> None:
    _, pull = vjp(checkpoint(layer), X, W)
    _, plain_pull = vjp(layer, X, W)

    for g in np.eye(2):
        np.testing.assert_allclose(pull(g), plain_pull(g))


def test_float32_stays() -> None:
    x = X.astype(np.float32)

    found = grad(lambda x: np.sum(checkpoint(lambda y: y * 2.5)(x)))(x)

    assert found.dtype == np.float32


def writing(x: Any) -> Any:
    x[0] = 2.0
    return np.sum(x**2)


NODES: dict[str, Any] = {
    "checkpoint": lambda x: checkpoint(writing)(x),
    "solve_ivp": lambda x: solve_ivp(lambda t, y: (writing(y), -y)[1], (0, 1), x).y[-1],
    "root": lambda x: root(lambda y: (writing(y), y - x)[1], x).x[0],
    "black_box": lambda x: wengert.black_box(writing, jacobian="complex-step")(x),
}


@pytest.mark.parametrize("name", NODES)
def test_a_write_into_an_operand_is_refused(name: str) -> None:
    with pytest.raises(
        WengertError, match=r"(?s)wrote into.*instead: .*copy"
    ) as caught:
        grad(lambda x: np.sum(NODES[name](x * 1.0)))(X.copy())

    assert "test_checkpoint.py" in str(caught.value)
