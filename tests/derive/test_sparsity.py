"""Patterns cover every entry that differences find, and on most programs no other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from scipy import sparse

from tests.ops.examples import examples
from wengert import (
    checkpoint,
    cond,
    fori_loop,
    hessian,
    hessian_sparsity,
    jacobian,
    jacobian_sparsity,
    jit,
    scan,
    vmap,
    while_loop,
)
from wengert.capture import tree
from wengert.capture.record import SetAside
from wengert.core.operation import REGISTRY
from wengert.derive import sparsity

Function = Callable[..., Any]


def flat_results(value: Any) -> Any:
    """Return the numbers of a result, one after another."""
    leaves, _ = tree.flatten(value)
    return np.concatenate([np.zeros(0), *[np.ravel(leaf) for leaf in leaves]])


def moved_entries(function: Function, operands: list[Any], chosen: list[int]) -> Any:
    """Return which results change as each element of some operands does: (m, n)."""
    base, columns = flat_results(function(*operands)), []
    size = 1e-9 * (1 + np.abs(base))
    for k in chosen:
        for place in np.ndindex(np.shape(operands[k])):
            changes = np.zeros(base.shape, bool)
            for step in (1e-3, -1e-3):
                near = np.array(operands[k])
                near[place] += step
                given = [*operands[:k], near[()], *operands[k + 1 :]]
                changes |= np.abs(flat_results(function(*given)) - base) > size
            columns.append(changes)
    return np.stack(columns, axis=1) if columns else np.zeros((base.size, 0), bool)


def curved_entries(function: Function, x: Any) -> Any:
    """Return which second differences of a function are not zero: shape (n, n)."""
    step, n = 1e-2, x.size
    units = step * np.eye(n)

    def at(*moves: Any) -> Any:
        return function(x + sum(moves).reshape(x.shape))

    found = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            a, b = units[i], units[j]
            found[i, j] = at(a, b) - at(a, -b) - at(-a, b) + at(-a, -b)
    return np.abs(found) > 1e-11


def is_real(value: Any) -> bool:
    """Whether an operand is of real numbers in double precision."""
    return type(value) is float or getattr(value, "dtype", None) == np.float64


def real_operands(example: Any) -> list[int]:
    """Return which operands of an example are of such numbers."""
    return [k for k, value in enumerate(example.operands) if is_real(value)]


@pytest.mark.one_in(3)
@pytest.mark.parametrize("example", examples(), ids=str)
@pytest.mark.filterwarnings("ignore")
def test_pattern_of_every_operation_covers_its_differences(example: Any) -> None:
    operands, chosen = example.operands, real_operands(example)
    if not chosen or example.order == 0:
        pytest.skip("no derivative by real numbers")

    with np.errstate(all="ignore"):
        pattern = jacobian_sparsity(example.function, *operands, argnums=chosen)
        try:
            moved = moved_entries(example.function, operands, chosen)
        except (ValueError, np.linalg.LinAlgError):
            pytest.skip("no differences here")

    assert not (moved & ~pattern.toarray()).any()


@pytest.mark.one_in(5)
@pytest.mark.parametrize("example", examples(), ids=str)
@pytest.mark.filterwarnings("ignore")
def test_hessian_pattern_of_every_operation_covers_the_hessian(example: Any) -> None:
    operands, chosen = example.operands, real_operands(example)
    count = sum(np.size(operands[k]) for k in chosen)
    if example.order < 2 or not 0 < count <= 40:
        pytest.skip("no second derivative by a few real numbers")

    def total(*operands: Any) -> Any:
        found = flat_results(example.function(*operands))
        weights = np.linspace(0.7, 1.9, found.size)
        return np.sum(np.real(found) * weights + np.imag(found))

    with np.errstate(all="ignore"):
        pattern = hessian_sparsity(total, *operands, argnums=chosen).toarray()
        rows = hessian(total, chosen)(*operands)
    sizes = [np.size(operands[k]) for k in chosen]
    dense = np.block(
        [
            [np.reshape(part, (m, n)) for part, n in zip(row, sizes, strict=True)]
            for row, m in zip(rows, sizes, strict=True)
        ]
    )
    size = 1 + np.max(np.abs(dense), initial=0.0, where=np.isfinite(dense))

    assert np.array_equal(pattern, pattern.T)
    assert not (np.isfinite(dense) & (np.abs(dense) > 1e-9 * size) & ~pattern).any()


# Programs without cancellation: no other entries either


def loop(x: Any) -> Any:
    """Return what a plain loop carries, of which every step reads one element."""
    y, found = np.float64(1.0), []
    for k in range(5):
        y = np.sin(y) * x[k]
        found.append(y + x[0])
    return np.array(found)


def scanned(x: Any) -> Any:
    """Return what a loop that is one node stacks."""
    return scan(lambda y, row: (y + row[0], y * row[1]), 0.5, x[:8].reshape(4, 2))[1]


def stored(x: Any) -> Any:
    """Return an array that was written through views."""
    y = np.zeros((3, 3))
    y[0] = x[:3]
    y.T[1] += x[3:6] ** 2
    y[np.array([2, 2]), np.array([0, 1])] = x[6:8]
    return y


def stored_as_real(x: Any) -> Any:
    """Return an array of which parts were written: of real numbers, that is all."""
    y = x * x
    y.real[np.array([0, 1, 0])] = 3.0
    y.real[4:6] = x[:2]
    return y


LAPLACE = sparse.diags_array([1.0, -2.0, 1.0], offsets=[-1, 0, 1], shape=(9, 9)).tocsr()

#: Functions of nine numbers.
PROGRAMS: dict[str, Function] = {
    "loop": loop,
    "scan": scanned,
    "fori_loop": lambda x: fori_loop(0, 3, lambda k, y: y[::-1] * x[:4], x[4:8]),
    "stored": stored,
    "stored as real": stored_as_real,
    "gathered": lambda x: x[np.array([3, 0, 3])] * x[x > 0.5][0],
    "windows": lambda x: np.prod(sliding_window_view(x, 3), axis=1),
    "matmul": lambda x: x.reshape(3, 3) @ np.exp(x[:6].reshape(3, 2)),
    "einsum": lambda x: np.einsum("ii->i", x.reshape(3, 3)) * x[:3],
    "convolve": lambda x: np.convolve(x[:4], x[6:], "same"),
    "cumsum": lambda x: np.cumsum(x.reshape(3, 3), axis=0) ** 2,
    "cumprod": lambda x: np.cumprod(x[:4]),
    "add_at": lambda x: np.add.reduceat(x, [0, 4, 4, 7]),
    "sparse": lambda x: LAPLACE @ x - np.exp(x),
    "selected": lambda x: np.where(x > 1.0, x[::-1], 2.0),
    "max": lambda x: np.max(x[:4].reshape(2, 2), axis=0, keepdims=True) * x[7:],
    "rounded": lambda x: np.floor(x) + x[0],
    "solve": lambda x: np.linalg.solve(
        np.eye(2) + 0.1 * x[:8].reshape(2, 2, 2), np.ones((2, 1))
    ),
    "branch": lambda x: x[:2] if x[0] > 0 else x[2:4],
    "jit": jit(lambda x: x[1:] * x[:-1]),
    "checkpoint": checkpoint(lambda x: np.sin(x[1:]) * x[:-1]),
    "vmap": lambda x: vmap(lambda row: row[1:] * row[0])(x.reshape(3, 3)),
    "cond": lambda x: cond(
        x[0] > 0.0, lambda y: y[1:] * y[:-1], lambda y: y[:8] ** 2, x
    ),
    "while_loop": lambda x: while_loop(
        lambda carry: carry[0] < 3,
        lambda carry: (carry[0] + 1, np.sin(carry[1])),
        (0, x),
    )[1],
}
#: Some in which data choose what is read.
CHOSEN: dict[str, Function] = {
    "argsort": lambda x: x[np.argsort(x)] ** 2,
    "sort": lambda x: np.sort(x.reshape(3, 3), axis=0) * x[:3],
    "argmax": lambda x: x[np.argmax(x)] * x[:4],
    "searchsorted": lambda x: x[1:4] * x[np.searchsorted(x[:2], x[5:8] - 0.2)],
    "taken along": lambda x: np.take_along_axis(
        x.reshape(3, 3), np.argmin(x.reshape(3, 3), axis=1)[:, None], axis=1
    ),
}
POINT = np.array([0.4, 1.3, 0.9, 1.1, 0.7, 1.6, 0.8, 1.2, 0.6])
#: Selections depend on all that is selected from, on paths that are not taken too, and
#: what data choose on all that they may choose.
WIDER = {"max", "selected", "gathered"}


def weighted(function: Function) -> Function:
    """Return one number that all results of a function are part of."""

    def total(x: Any) -> Any:
        y = np.ravel(function(x))
        return np.sum(y * np.linspace(0.7, 1.9, y.size))

    return total


@pytest.mark.parametrize("name", PROGRAMS)
def test_jacobian_pattern_is_what_differences_find(name: str) -> None:
    found = jacobian_sparsity(PROGRAMS[name], POINT)

    moved = moved_entries(PROGRAMS[name], [POINT], [0])
    covers = found.toarray() >= moved
    assert found.dtype == bool
    assert covers.all() if name in WIDER else np.array_equal(found.toarray(), moved)


@pytest.mark.parametrize("name", [*PROGRAMS, *CHOSEN])
def test_local_patterns_are_what_differences_find(name: str) -> None:
    function = (PROGRAMS | CHOSEN)[name]
    total = weighted(function)

    first = jacobian_sparsity(function, POINT, local=True)
    second = hessian_sparsity(total, POINT, local=True)

    np.testing.assert_array_equal(
        first.toarray(), moved_entries(function, [POINT], [0])
    )
    np.testing.assert_array_equal(second.toarray(), curved_entries(total, POINT))


@pytest.mark.parametrize("name", CHOSEN)
def test_a_pattern_holds_for_whatever_data_choose(name: str) -> None:
    function = CHOSEN[name]
    pattern = jacobian_sparsity(function, POINT)
    curves = hessian_sparsity(weighted(function), POINT)
    first = jacobian(function, sparse=True, pattern=pattern)
    second = hessian(weighted(function), sparse=True, pattern=curves)

    for x in (POINT, POINT[::-1].copy(), POINT**2):
        dense = jacobian(function)(x).reshape(-1, x.size)
        np.testing.assert_allclose(first(x).toarray(), dense)
        np.testing.assert_allclose(
            second(x).toarray(), hessian(weighted(function))(x), atol=1e-14
        )


#: Products of all elements of a row are taken to bend along each of them, what is
#: carried over an unknown number of steps along all that is, and what another branch
#: gives as it would.
WIDER_SECOND = WIDER | {"windows", "cumprod", "while_loop", "cond"}


@pytest.mark.parametrize("name", PROGRAMS)
def test_hessian_pattern_is_what_second_differences_find(name: str) -> None:
    total = weighted(PROGRAMS[name])

    found = hessian_sparsity(total, POINT).toarray()

    curved = curved_entries(total, POINT)
    covers = found >= curved
    assert np.array_equal(found, found.T)
    assert covers.all() if name in WIDER_SECOND else np.array_equal(found, curved)


def test_branch_that_another_call_may_take_is_in_the_structure() -> None:
    def f(x: Any) -> Any:
        return cond(x[0] > 0.0, lambda y: y * 2.0, lambda y: y[::-1] ** 2, x)

    derivative = jacobian(f, sparse=True)
    for first in (1.0, 1.0, 1.0, -1.0):
        x = np.array([first, 2.0, 3.0, 4.0])
        found = derivative(x)
        assert np.array_equal(found.toarray(), jacobian(f)(x))
        assert found.nnz == 8


@pytest.mark.filterwarnings("ignore")
def test_operations_are_found_to_bend_at_once_as_each_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    every = [known for known in REGISTRY.values() if known.kind == "elementwise"]
    monkeypatch.setattr(sparsity, "FOUND", {})
    with SetAside(None):
        sparsity.learn(every)
        together = dict(sparsity.FOUND)
        for operation in every:
            sparsity.FOUND.clear()
            sparsity.learn([operation])
            assert sparsity.FOUND[operation] == together[operation], operation

    bends = {operation.name: pairs for operation, pairs in together.items()}
    assert bends["sin"] == ((0, 0),)
    assert bends["divide"] == ((0, 1), (1, 1))
    assert bends["add"] == ()

    monkeypatch.setattr(sparsity, "depends", lambda *_: None)
    sparsity.FOUND.clear()
    sparsity.learn(every[:3])
    assert [len(sparsity.FOUND[each]) for each in every[:3]] == [
        arity * (arity + 1) // 2 for arity in (len(each.partials) for each in every[:3])
    ]


def test_curvature_that_reaches_no_result_is_none() -> None:
    def first(x: Any) -> Any:
        return (x**2)[0]

    assert hessian_sparsity(first, np.ones(3)).nnz == 1


def test_patterns_of_several_arguments_stand_side_by_side() -> None:
    def f(a: Any, b: Any) -> Any:
        return {"sum": a["x"] + b, "first": b[0]}

    found = jacobian_sparsity(f, {"x": np.ones(2)}, np.ones(2), argnums=(1, 0))

    leaves = [np.eye(2, 4) + np.eye(2, 4, 2), np.array([[1, 0, 0, 0]])]
    assert np.array_equal(found.toarray(), np.vstack(leaves))


def test_long_plain_loop_takes_time_that_grows_with_it() -> None:
    def total(x: Any) -> Any:
        y = 0.0
        for k in range(2_000):
            y = y + x[k] * x[k + 1]
        return y

    found = hessian_sparsity(total, np.ones(2_001))

    assert found.nnz == 4_000


def test_local_patterns_leave_out_what_is_zero_there() -> None:
    x = np.array([0.0, 1.0, 2.0])

    def f(x: Any) -> Any:
        return np.array([x[0] * x[1], np.where(x[1] > 0.5, x[1], x[2]), x[2] ** 2])

    local = jacobian_sparsity(f, x, local=True)
    assert np.array_equal(local.toarray(), jacobian(f)(x) != 0)
    assert jacobian_sparsity(f, x).nnz > local.nnz

    def g(x: Any) -> Any:
        return x[0] ** 3 + x[0] * x[1] ** 2

    second = hessian_sparsity(g, x, local=True)
    assert np.array_equal(second.toarray(), hessian(g)(x) != 0)
