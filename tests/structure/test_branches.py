"""Structured branches, against the same branches in plain Python."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import wengert as wg
from tests.structure.structured import plain, program, structured
from wengert.derive.branches import SWITCH
from wengert.execute.engine import native_engine

X = np.array([0.4, -0.7, 1.1])


def halved(x: Any) -> Any:
    """A function of two branches that read a number from outside."""
    k = np.sum(x * x)
    return wg.cond(
        x[0] > 0.3,
        lambda pair: {"a": pair[0] * k, "b": (pair[1], 1.0)},
        lambda pair: {"a": np.exp(pair[1]), "b": (pair[0] * 0.0, 2)},
        (x, x * x),
    )


def halved_by_hand(x: Any) -> Any:
    k = np.sum(x * x)
    if x[0] > 0.3:
        return {"a": x * k, "b": (x * x, 1.0)}
    return {"a": np.exp(x * x), "b": (x * 0.0, 2.0)}


def number(f: Any) -> Any:
    return lambda x: np.sum(f(x)["a"] ** 3) + np.sum(f(x)["b"][0]) * f(x)["b"][1]


@pytest.mark.parametrize("x", [X, -X])
def test_it_is_the_plain_branch(x: Any) -> None:
    one, other = number(halved), number(halved_by_hand)
    assert one(x) == other(x)
    for derivative in (wg.grad, wg.jacfwd, wg.hessian):
        np.testing.assert_allclose(
            derivative(one)(x), derivative(other)(x), rtol=1e-13, atol=1e-14
        )
    third = lambda f: wg.jacrev(wg.hessian(f))(x)  # noqa: E731
    np.testing.assert_allclose(third(one), third(other), rtol=1e-12, atol=1e-12)


def test_a_replay_takes_the_branch_that_its_numbers_choose() -> None:
    tape = wg.record(halved, X)
    assert SWITCH in tape.operations
    assert not tape.guards()
    for x in (X, -X, X):
        np.testing.assert_array_equal(tape(x)["a"], halved_by_hand(x)["a"])
    f = wg.jit(wg.grad(number(halved)), wait=True)
    for x in (X, -X, X, -X):
        np.testing.assert_allclose(f(x), wg.grad(number(halved_by_hand))(x), rtol=1e-13)
    assert len(f.paths()) == 1


def test_only_the_chosen_branch_is_evaluated() -> None:
    def root(x: Any) -> Any:
        return wg.cond(x > 0, np.sqrt, lambda x: 0.0 * x, x)

    assert wg.grad(root)(-1.0) == 0.0  # no warning of a root of -1, and no NaN
    assert wg.grad(root)(4.0) == 0.25
    assert wg.hessian(root)(-1.0) == 0.0


@pytest.mark.parametrize("k", [-3, 0, 1, 2, 7])
def test_an_index_is_clamped(k: int) -> None:
    waves = [np.sin, np.cos, lambda x: x * x]
    chosen = waves[min(max(k, 0), 2)]
    assert wg.switch(k, waves, 0.7) == chosen(0.7)
    found = wg.grad(lambda x: wg.switch(k, waves, x))(0.7)
    assert found == wg.grad(chosen)(0.7)
    f = wg.jit(lambda i, x: wg.switch(i, waves, x) * 2.0, wait=True)
    for _ in range(3):
        assert f(np.int64(k), 0.7) == chosen(0.7) * 2.0


def test_the_only_operand_is_given_by_name() -> None:
    def both(x: Any) -> Any:
        one = wg.cond(x > 0, lambda x: x * x, lambda x: -x, operand=x)
        return one + wg.switch(1, [np.sin, np.cos], operand=x)

    assert wg.grad(both)(2.0) == 4.0 - np.sin(2.0)
    assert wg.cond(False, lambda x: 1, lambda x: x, operand=None) is None


def test_a_number_is_true_unless_it_is_zero() -> None:
    f = wg.jit(lambda p, x: wg.cond(p, lambda x: x, lambda x: -x, x), wait=True)
    for p in (0.5, 0.0, -2.0, 0.0):
        assert f(p, 3.0) == (3.0 if p else -3.0)
        assert wg.cond(p, lambda x: x, lambda x: -x, 3.0) == (3.0 if p else -3.0)


def test_what_python_raises_in_the_other_branch_is_not_raised() -> None:
    def inverse(x: Any) -> Any:
        return wg.cond(x == 0.0, lambda: 0.0, lambda: 1.0 / float_of(x))

    def float_of(x: Any) -> Any:
        return x * 1

    assert wg.grad(inverse)(4.0) == -1 / 16
    assert wg.grad(inverse)(0.0) == 0.0
    f = wg.jit(inverse, wait=True)
    assert [f(x) for x in (4.0, 0.0, 2.0, 0.0)] == [0.25, 0.0, 0.5, 0.0]


def test_small_branches_are_native() -> None:
    def f(x: Any) -> Any:
        def step(y: Any, t: Any) -> Any:
            waves = [np.sin, lambda y: y * x[1], np.sqrt, lambda y: y * y + x]
            y = wg.switch(np.floor(3.0 * y[0]).astype(int), waves, y)
            y = wg.cond(np.sum(y) > t, lambda y: y / (1.0 + y * y), lambda y: y + t, y)
            return y, y[1]

        y, kept = wg.scan(step, x, np.linspace(0.0, 1.0, 30))
        return np.sum(y) + np.sum(kept * kept)

    native = wg.jit(wg.value_and_grad(f), wait=True)
    for x in (np.abs(X), np.abs(X[::-1]), np.abs(X) * 0.1, np.abs(X) * 4.0):
        value, g = native(x)
        np.testing.assert_allclose(value, f(x), rtol=1e-12)
        np.testing.assert_allclose(g, wg.grad(f)(x), rtol=1e-11)
    assert len(native.paths()) == 1
    report = str(native.report())
    assert "the operation switch" not in report


def test_guards_inside_a_branch_are_asked_where_it_is_taken() -> None:
    def f(x: Any) -> Any:
        def one(x: Any) -> Any:
            return x * x if x < 2.0 else 3.0 * x

        return wg.cond(x > 0.0, one, lambda x: -x, x)

    def by_hand(x: Any) -> Any:
        return (x * x if x < 2.0 else 3.0 * x) if x > 0.0 else -x

    for x in (1.0, 3.0, -1.0):
        assert wg.grad(f)(x) == wg.grad(by_hand)(x)
    g = wg.jit(wg.grad(f), wait=True)
    for x in (1.0, -1.0, 3.0, 1.5, -2.0, 4.0):
        assert g(x) == wg.grad(by_hand)(x)


def test_a_tape_with_branches_is_saved(tmp_path: Any) -> None:
    tape = wg.record(halved, X)
    tape.save(tmp_path / "tape")
    for other in (pickle.loads(pickle.dumps(tape)), wg.load(tmp_path / "tape")):
        assert other.fingerprint() == tape.fingerprint()
        for x in (X, -X):
            np.testing.assert_array_equal(other(x)["a"], halved_by_hand(x)["a"])


def test_arrays_from_outside_are_read_anew() -> None:
    weights, biases = np.ones(3), np.zeros(3)
    f = wg.jit(
        lambda x: wg.cond(x[0] > 0, lambda x: x * weights, lambda x: x + biases, x),
        wait=True,
    )
    for _ in range(3):
        np.testing.assert_array_equal(f(X), X)
    weights[1], biases[2] = 5.0, 7.0
    np.testing.assert_array_equal(f(X), X * weights)
    np.testing.assert_array_equal(f(-X), -X + biases)


TABLE = np.linspace(-1.0, 1.0, 9000)
#: Branches that are no selections in native code: large, a routine, one that asks.
LARGE: dict[str, list[Any]] = {
    "elements": [np.sin, lambda x: np.cumsum(x) * 0.01, lambda x: x * TABLE],
    "a solve": [np.exp, lambda x: np.linalg.solve(np.diag(x[:5] + 3.0), x[:5])[0] * x],
    "a guard": [np.cos, lambda x: x * 2.0 if x[0] < 3.0 else x[::-1] * x],
}


@pytest.mark.parametrize("name", LARGE)
def test_branches_that_are_no_selections_are_native(name: str) -> None:
    branches = LARGE[name]
    f = wg.jit(lambda x, k: wg.switch(np.sum(k), branches, x), wait=True)
    slope = wg.jit(
        wg.grad(lambda x, k: np.sum(wg.switch(np.sum(k), branches, x))), wait=True
    )
    for k in (1, 1, 0, 2, 7, -3):
        x, taken = TABLE + 0.1, branches[min(max(k, 0), len(branches) - 1)]
        np.testing.assert_allclose(f(x, np.array([k])), taken(x), rtol=1e-12)
        expected = wg.grad(lambda x, taken=taken: np.sum(taken(x)))(x)
        np.testing.assert_allclose(slope(x, np.array([k])), expected, rtol=1e-12)
    (path,) = f.paths()
    assert path.kernels or not native_engine()


@pytest.mark.parametrize("compiled", [False, True])
def test_an_index_of_a_branch_raises_where_it_is_taken(compiled: bool) -> None:
    f: Any = lambda x, k: wg.cond(k[0] > 0, lambda x: x[k[0]] * x, lambda x: -x, x)  # noqa: E731
    f = wg.jit(f, wait=True) if compiled else f
    for _ in range(3):
        np.testing.assert_array_equal(f(X, np.array([2])), X[2] * X)
        np.testing.assert_array_equal(f(X, np.array([-9])), -X)
        with pytest.raises(IndexError, match="index 9 is out of bounds"):
            f(X, np.array([9]))


@pytest.mark.one_in(3)
@pytest.mark.parametrize("seed", range(12))
def test_random_programs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    statements = program(rng)
    one = lambda s: np.sum(structured(statements, s, s[0] * 0.5))  # noqa: E731
    other = lambda s: np.sum(plain(statements, s, s[0] * 0.5))  # noqa: E731
    for scale in (1.0, -1.5):
        x = X * scale
        assert one(x) == other(x)
        assert wg.record(one, x)(x) == other(x)
        for derivative in (wg.grad, wg.jacfwd, wg.hessian):
            np.testing.assert_allclose(
                derivative(one)(x), derivative(other)(x), rtol=1e-11, atol=1e-12
            )
    f, g = wg.jit(one, wait=True), wg.jit(wg.grad(one), wait=True)
    for x in (X, X, -X, 2 * X, X[::-1]):
        np.testing.assert_allclose(f(x), other(x), rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(g(x), wg.grad(other)(x), rtol=1e-11, atol=1e-12)
    assert not native_engine() or all(path.kernels for path in f.paths())
    rows = rng.normal(size=(5, 3))
    found = wg.vmap(wg.grad(one))(rows)
    for row, g in zip(rows, found, strict=True):
        np.testing.assert_allclose(g, wg.grad(other)(row), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (lambda x: wg.cond(x, lambda x: x, lambda x: -x, x), r"float64\[3\] to decide"),
        (lambda x: wg.switch(x[0], [abs], x), "one whole number"),
        (
            lambda x: wg.cond(x[0] > 0, abs, abs, x, operand=x),
            "cond was given operands, and operand= besides",
        ),
        (lambda x: wg.switch(0, [], x), "no branches"),
        (
            lambda x: wg.cond(x[0] > 0, lambda x: x, lambda x: (x, x), x),
            r"false_fun returned \(\*, \*\) and true_fun returned \*",
        ),
        (
            lambda x: wg.cond(x[0] > 0, lambda x: x, lambda x: x[0], x),
            r"false_fun returned float64 and true_fun returned float64\[3\]",
        ),
        (
            lambda x: wg.switch(
                (x[0] > 0).astype(int), [lambda x: x, lambda x: x.astype("f4")], x
            ),
            r"branch 0 of switch returned float64\[3\] and branch 1 float32\[3\]",
        ),
    ],
)
def test_errors_say_what_to_write(call: Any, what: str) -> None:
    with pytest.raises(wg.ArgumentError, match=what) as error:
        wg.record(call, X)
    assert "instead:" in str(error.value)
    assert "test_branches.py" in str(error.value)
