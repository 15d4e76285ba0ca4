"""Jacobians of all directions at once: as one plain sweep each."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from wengert import (
    grad,
    hessian,
    jacfwd,
    jacobian,
    jacrev,
    jit,
    record,
    value_and_hessian,
)
from wengert.execute import directions
from wengert.execute import jit as jit_module
from wengert.execute.engine import native_engine
from wengert.execute.rows import Rows

X = np.linspace(0.1, 1.0, 40)
WEIGHTS = np.random.default_rng(2).standard_normal((30, 40))


def products(x: Any) -> Any:
    """A number, from scalars: one that sorts itself into two branches."""
    total = 0.0
    for k in range(len(x)):
        term = x[k] * x[k - 1] * np.sin(x[k - 2])
        total = total + (term if term > 0.1 else term * term)
    return total


def recurrence(x: Any) -> Any:
    """As many numbers as `x` has, each depending on those before."""
    y, found = 0.0, []
    for k in range(len(x)):
        y = np.sin(y) + x[k] * x[k - 1]
        found.append(y)
    return np.stack(found)


def written(x: Any) -> Any:
    """An array that is written into, and sorted."""
    y = np.zeros(len(x))
    for k in range(1, len(x)):
        y[k] = y[k - 1] * x[k] + x[k - 1]
    y[::3] *= x[::-3][: len(y[::3])]
    return np.sort(y)[np.argsort(-x)]


def network(x: Any) -> Any:
    """A matrix product, a reduction, a scan, and a selection."""
    h = np.tanh(WEIGHTS[:, : len(x)] @ x)
    return np.cumsum(h * np.max(h)) / np.sqrt(np.sum(h * h)) + np.where(h > 0, h, 0.0)


CASES: list[tuple[Callable[..., Any], Any]] = [
    (hessian, products),
    (hessian, lambda x: np.sum(network(x) ** 2)),
    *((t, f) for t in (jacobian, jacfwd, jacrev) for f in (recurrence, written)),
    *((t, network) for t in (jacobian, jacfwd, jacrev)),
]


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """All directions at once, also where sweeps are as fast."""
    monkeypatch.setattr(directions, "pays", lambda *_: True)


def by_sweeps(derivative: Callable[..., Any], *args: Any) -> Any:
    """Return a derivative by one sweep a direction."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(directions, "pays", lambda *_: False)
        return derivative(*args)


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize(("transform", "fun"), CASES)
def test_all_directions_give_what_sweeps_give(
    transform: Any, fun: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    derivative = transform(fun)
    found = [derivative(x) for x in (X, X[::-1].copy())]
    expected = [by_sweeps(derivative, x) for x in (X, X[::-1].copy())]

    assert_allclose(found, expected, rtol=1e-11, atol=1e-13)


@pytest.mark.usefixtures("always")
def test_a_jacobian_agrees_with_differences() -> None:
    found = jacobian(network)(X)

    step = 1e-6
    differences = [
        (network(X + step * e) - network(X - step * e)) / (2 * step) for e in np.eye(40)
    ]
    assert_allclose(found, np.stack(differences, axis=1), atol=1e-8)


@pytest.mark.usefixtures("always")
def test_several_arguments_and_results_of_several_shapes() -> None:
    def both(x: Any, y: Any) -> Any:
        return {"a": np.outer(x, y) * x[0], "b": (np.sin(x @ x), 3.0)}

    x, y = X[:5], X[5:8]
    derivative = jacobian(both, argnums=(1, 0))

    found, expected = derivative(x, y), by_sweeps(derivative, x, y)

    for part, like in (
        (found["a"], expected["a"]),
        (found["b"][0], expected["b"][0]),
        (found["b"][1], expected["b"][1]),
    ):
        for block, block_like in zip(part, like, strict=True):
            assert block.shape == block_like.shape
            assert_allclose(block, block_like)


def of_many(values: Any) -> Any:
    """Many numbers from a dictionary of many."""
    x = list(values.values())
    return {k: np.sin(a) * b for k, a, b in zip(values, x, x[1:] + x[:1], strict=True)}


NUMBERS = {f"p{k}": float(k) / 7 for k in range(12)}


@pytest.mark.parametrize("transform", [jacfwd, jacrev])
def test_many_numbers_are_as_one_array(transform: Any) -> None:
    """Directions of all arguments, or results, are played together."""
    derivative = transform(of_many)
    found, expected = derivative(NUMBERS), by_sweeps(derivative, NUMBERS)

    for name in NUMBERS:
        for other in NUMBERS:
            assert_allclose(found[name][other], expected[name][other], rtol=1e-14)


@pytest.fixture
def one_node(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jacobians inside a recording are one node, also small ones."""
    monkeypatch.setattr(directions, "MOST_WRITTEN_OUT", 0)
    monkeypatch.setattr(directions, "FEW_REACHED", 0)


@pytest.mark.usefixtures("one_node")
@pytest.mark.parametrize("transform", [jacfwd, jacrev])
def test_a_recorded_jacobian_of_many_numbers_is_one_node(transform: Any) -> None:
    tape = record(transform(of_many), NUMBERS)

    names = [operation.name for operation in tape.operations]
    assert names.count("directions_of_of_many") == 1
    expected = by_sweeps(transform(of_many), NUMBERS)
    assert_allclose(tape(NUMBERS)["p3"]["p4"], expected["p3"]["p4"])


@pytest.mark.usefixtures("always")
def test_single_precision_stays_single() -> None:
    found = jacobian(network)(X.astype(np.float32))
    like = by_sweeps(jacobian(network), X.astype(np.float32))

    assert found.dtype == like.dtype


@pytest.mark.usefixtures("always")
def test_holomorphic_functions() -> None:
    z = X[:6] * (1 + 0.3j)
    derivative = jacobian(lambda z: np.cumprod(z) * np.exp(z[0]), holomorphic=True)

    assert_allclose(derivative(z), by_sweeps(derivative, z), rtol=1e-12)


@pytest.mark.usefixtures("always")
def test_value_and_hessian_share_the_recording() -> None:
    value, matrix = value_and_hessian(products)(X)

    assert value == products(X)
    assert_allclose(matrix, by_sweeps(hessian(products), X), rtol=1e-12, atol=1e-14)


@pytest.mark.usefixtures("always")
def test_what_was_not_selected_is_absorbed() -> None:
    x = np.array([-1.0, 0.0, 4.0])

    found = jacrev(lambda t: np.where(t > 0, np.sqrt(np.abs(t)), 0.0) + 0 * t[::-1])(x)

    assert_allclose(found, np.diag([0.0, 0.0, 0.25]))


@pytest.mark.usefixtures("always")
def test_results_are_the_callers_own() -> None:
    derivative = jacobian(lambda x: x[::-1] * 2.0)
    first = derivative(X)
    first[:] = 0.0

    assert_allclose(derivative(X), 2.0 * np.eye(40)[::-1])


def test_small_jacobians_are_swept_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Any:
        raise AssertionError("a sweep was recorded")

    monkeypatch.setattr(directions, "record_direction", refuse)

    assert_allclose(jacobian(lambda x: x * x[0])(X[:3]).shape, (3, 3))


def test_nodes_grow_with_the_function_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """One tape of one direction, however many there are."""
    lengths = []
    known = directions.known_outputs

    def watched(tape: Any, starts: Any) -> Any:
        lengths.append(len(tape))
        return known(tape, starts)

    monkeypatch.setattr(directions, "known_outputs", watched)
    for count in (100, 200):
        jacobian(recurrence)(np.linspace(0.1, 1.0, count))

    assert len(lengths) == 2
    assert lengths[1] <= 2 * lengths[0]


# Inside a recording


def written_out(derivative: Callable[..., Any], *args: Any) -> Any:
    """Return a derivative whose Jacobians are written out inside recordings."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(directions, "MOST_WRITTEN_OUT", 10**9)
        return derivative(*args)


@pytest.mark.one_in(3)
@pytest.mark.usefixtures("one_node")
@pytest.mark.parametrize(("transform", "fun"), CASES)
def test_jitted_jacobians_of_one_node(transform: Any, fun: Any) -> None:
    fast, points = jit(transform(fun)), [X[:6], X[::-1][:6].copy(), X[3:9]]

    found = [fast(x) for x in points]

    expected = [by_sweeps(transform(fun), x) for x in points]
    assert_allclose(found, expected, rtol=1e-11, atol=1e-12)


@pytest.mark.usefixtures("one_node")
@pytest.mark.parametrize("transform", [jacobian, jacfwd, jacrev])
def test_jacobians_of_one_node_are_differentiated(transform: Any) -> None:
    """By the argument, and by what the function reads from around it."""

    def loss(w: Any, x: Any) -> Any:
        matrix = transform(lambda y: np.cumprod(np.sin(w[0] * y) + w[1] * y[0]))(x)
        return np.sum(matrix**2)

    w, x = np.array([0.7, 1.3]), X[10:14]
    for derivative in (grad(loss, (0, 1)), hessian(loss, (0, 1))):
        found, expected = derivative(w, x), written_out(derivative, w, x)
        for part, like in zip(found, expected, strict=True):
            for block, block_like in zip(part, like, strict=True):
                assert_allclose(block, block_like, rtol=1e-10, atol=1e-10)


@pytest.mark.usefixtures("one_node")
def test_a_captured_array_is_read_anew() -> None:
    table = np.array([1.0, 2.0, 3.0])
    fast = jit(jacobian(lambda x: np.cumsum(table * x * x[0])))
    x = X[:3]
    for _ in range(3):
        fast(x)
    table[:] = 5.0

    assert_allclose(fast(x), jacobian(lambda x: np.cumsum(table * x * x[0]))(x))


@pytest.mark.usefixtures("one_node")
def test_rows_of_a_table_are_constants_of_the_node() -> None:
    """Each was an operand, which native code cannot roll into a loop over the table."""
    table = WEIGHTS[:, :4].copy()

    def loss(x: Any) -> Any:
        total = 0.0
        for row in table:
            total = total + np.tanh(row @ x) ** 2
        return total

    fast, x = jit(hessian(loss)), X[:4]
    for _ in range(3):
        fast(x)
    tape = fast.paths()[0].tape
    node = next(
        k
        for k, operation in enumerate(tape.operations)
        if "directions" in str(operation)
    )
    before = len(tape.operands[node])
    table *= 0.5

    assert before == 2  # the directions, and the point
    assert_allclose(fast(x), by_sweeps(hessian(loss), x), rtol=1e-11)


def chain(x: Any) -> Any:
    """Joints of an arm that turn what comes after them, some points on it apart."""
    place, found = np.zeros(2), []
    for finger in range(3):
        turn = np.eye(2)
        for angle in x[2 * finger : 2 * finger + 2]:
            c, s = np.cos(angle), np.sin(angle)
            turn = turn @ np.array([[c, -s], [s, c]])
            place = place + turn @ np.array([1.0, 0.5])
            found.append(turn @ WEIGHTS[:2])
    table = WEIGHTS[:2].astype(int) % 3  # which numbers are read the data may decide
    return (
        np.concatenate(found, axis=1)[:, ::7] * x[np.argsort(x)[table[:, :1]]]
        + place[0]
    )


@pytest.mark.parametrize("transform", [jacfwd, hessian])
def test_directions_go_as_far_as_they_reach(
    transform: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written out, each with the nodes that it reaches."""
    monkeypatch.setattr(directions, "MOST_WRITTEN_OUT", 0)
    monkeypatch.setattr(directions, "FEW_REACHED", 10**9)
    for fun in (chain,) if transform is hessian else (chain, written):
        target = (lambda x, f=fun: np.sum(f(x) ** 2)) if transform is hessian else fun
        fast, points = jit(transform(target)), [X[:6], X[::-1][:6].copy(), X[3:9]]
        for x in points:
            expected = by_sweeps(transform(target), x)
            assert_allclose(fast(x), expected, rtol=1e-11, atol=1e-12)


def test_few_directions_reach_a_part_of_a_function() -> None:
    def apart(x: Any) -> Any:
        return np.stack([np.cumsum(np.tanh(WEIGHTS * a)) for a in x])

    def together(x: Any) -> Any:
        return apart(x * np.sum(x))

    x = X[:12]

    assert len(record(jacfwd(apart), x)) < 5 * len(record(apart, x))
    assert "directions_of_apart" not in str(record(jacfwd(apart), x).operations)
    assert "directions_of_together" in str(record(jacfwd(together), x).operations)


def test_a_recorded_jacobian_is_as_long_as_the_function() -> None:
    lengths = [
        len(record(jacobian(recurrence), np.linspace(0.1, 1.0, count)))
        for count in (100, 200)
    ]

    assert lengths[1] <= 2.2 * lengths[0]


def test_a_jacobian_that_would_be_long_is_one_node() -> None:
    """It would take too long to compile; written out where it does not."""
    assert len(record(jacobian(network), X)) < 2 * len(record(network, X))
    assert len(record(jacobian(recurrence), X[:8])) > 8 * 8


@pytest.mark.skipif(not native_engine(), reason="the native engine is off")
def test_functions_of_rows_on_a_tape_are_compiled_beside_the_calls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WENGERT_COMPILE", "background")
    made = []

    class Watched(Rows):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            made.append(self)

    monkeypatch.setattr(directions, "Rows", Watched)
    monkeypatch.setattr(jit_module, "inlined", lambda *tape: tape)
    fast = jit(jacobian(network))
    for _ in range(4):
        fast(X)
    fast.wait()

    paths = [
        p for rows in made for t in rows.entries.values() for p in t.paths.values()
    ]
    assert any(path.kernels for path in paths)
    (row,) = fast.report().rows
    assert any("directions_of" in text for text in row["asked of NumPy"])
    assert re.search(r"\n    directions_of\w+: .*\n.* lanes", str(fast.report()))
    assert_allclose(fast(X), jacobian(network)(X), rtol=1e-12, atol=1e-14)
