"""Sorting, searching and counting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.ops.judge import judge, judge_modes, judge_no_gradient, judge_value
from wengert import grad, jacobian, record
from wengert.errors import GuardError, UnsupportedError

Function = Callable[..., Any]

R = np.random.default_rng(5)
A = R.standard_normal((3, 4))
B = R.standard_normal((2, 3, 4))
V = R.standard_normal(5)
SINGLE = A.astype(np.float32)
INTEGERS = np.array([[3, 1, 2], [0, 5, 4]])
TIED = np.array([[1.0, 2.0, 1.0], [3.0, 2.0, 0.0]])


def sorted_in_place(x: Any) -> Any:
    """Return an array sorted in place."""
    y = x * 1
    y.sort(axis=0)
    return y


SORTS: dict[str, tuple[Function, Any]] = {
    "last_axis": (lambda x: np.sort(x), A),
    "first_axis": (lambda x: np.sort(x, axis=0), B),
    "flat": (lambda x: np.sort(x, axis=None), A),
    "stable": (lambda x: np.sort(x, axis=1, stable=True), SINGLE),
    "heapsort": (lambda x: np.sort(x, kind="heapsort"), A),
    "empty": (lambda x: np.sort(x, axis=1), np.zeros((2, 0))),
    "complex": (lambda x: np.sort(x, axis=1), A[:2] + 1j * A[1:]),
    "in_place": (sorted_in_place, A),
    "partition": (lambda x: np.partition(x, 2), A),
    "partition_axis": (lambda x: np.partition(x, [0, 1], axis=1), B),
    "partition_flat": (lambda x: np.partition(x, 3, axis=None), B),
}


@pytest.mark.parametrize("name", list(SORTS))
def test_sorted_arrays(name: str) -> None:
    function, operand = SORTS[name]
    judge(function, [operand])


POSITIONS: dict[str, tuple[Function, tuple[Any, ...]]] = {
    "argsort": (lambda x: np.argsort(x, axis=0), (A,)),
    "argsort_flat": (lambda x: np.argsort(x, axis=None), (A,)),
    "argsort_stable": (lambda x: np.argsort(x, stable=True), (TIED,)),
    "argsort_number": (lambda x: np.argsort(x), (np.float64(1.0),)),
    "sort_integers": (lambda x: np.sort(x), (INTEGERS,)),
    "argpartition": (lambda x: np.argpartition(x, 2), (A,)),
    "lexsort": (lambda x, y: np.lexsort((x, y)), (V, np.round(V))),
    "lexsort_array": (lambda x: np.lexsort(x), (TIED,)),
    "searchsorted": (lambda a, v: np.searchsorted(np.sort(a), v), (V, A)),
    "searchsorted_sorter": (
        lambda a, v: np.searchsorted(a, v, side="right", sorter=np.argsort(a)),
        (V, A),
    ),
    "nonzero": (lambda x: np.nonzero(x > 0), (A,)),
    "flatnonzero": (lambda x: np.flatnonzero(x > 0), (A,)),
    "argwhere": (lambda x: np.argwhere(x > 0), (A,)),
    "argwhere_number": (lambda x: np.argwhere(x), (np.float64(2),)),
    "where": (lambda x: np.where(x > 0), (A,)),
    "digitize": (lambda x: np.digitize(x, [-1, 0, 1]), (A,)),
    "digitize_right": (lambda x: np.digitize(x, [1, 0, -1], right=True), (A,)),
    "tally": (lambda i: np.bincount(i, minlength=8), (INTEGERS[0],)),
    "unique": (lambda x: np.unique(x, True, True, True)[1:], (TIED,)),
}


@pytest.mark.parametrize("name", list(POSITIONS))
def test_positions_are_data(name: str) -> None:
    function, operands = POSITIONS[name]
    judge_value(function, operands)
    if operands[0].dtype.kind == "f":
        judge_no_gradient(lambda *x: as_list(function(*x)), operands)


def as_list(results: Any) -> list[Any]:
    """Return one or several results as a list."""
    return list(results) if isinstance(results, tuple) else [results]


def test_equal_elements_keep_their_order() -> None:
    x = np.array([2.0, 1.0, 2.0, 1.0])
    expected = np.eye(4)[[1, 3, 0, 2]]

    np.testing.assert_array_equal(jacobian(np.sort)(x), expected)
    np.testing.assert_array_equal(jacobian(lambda x: np.partition(x, 3))(x), expected)


def test_nans_sort_to_the_end_with_their_gradients() -> None:
    x = np.array([2.0, np.nan, 1.0])

    judge_value(np.sort, [x])
    np.testing.assert_array_equal(jacobian(np.sort)(x), np.eye(3)[[2, 0, 1]])


def test_an_argument_order_indexes_other_recorded_values() -> None:
    judge(lambda x, y: np.take_along_axis(y, np.argsort(x), axis=1) * x, [A, A + 1])
    judge(lambda x, y: y[np.argmax(x)] * x, [V, V[::-1].copy()])
    judge(lambda x, y: y[np.searchsorted(np.sort(y), x)], [V[:2], np.arange(5.0)])


# Distinct elements


def test_unique_values_are_those_at_the_first_positions() -> None:
    for function in (
        lambda x: np.unique(x),
        lambda x: np.unique(x, True, True, True),
        lambda x: np.unique(x, axis=0, return_counts=True),
        lambda x: np.unique(x, axis=-1),
    ):
        judge_value(function, [TIED])
        judge_modes(function, [TIED])
    np.testing.assert_array_equal(
        jacobian(lambda x: np.unique(x))(TIED).reshape(4, 6),
        np.eye(6)[[5, 0, 1, 3]],
    )


def test_unique_nans() -> None:
    x = np.array([np.nan, 1.0, np.nan])
    judge_value(lambda x: np.unique(x), [x])
    judge_value(lambda x: np.unique(x, equal_nan=False), [x])


def test_counts_of_results_are_guarded() -> None:
    tape = record(lambda x: np.unique(x) * 2, TIED[0])
    found = record(lambda x: np.flatnonzero(x > 1), TIED[0])

    np.testing.assert_array_equal(tape(np.array([5.0, 5.0, 4.0])), [8, 10])
    np.testing.assert_array_equal(found(np.array([3.0, 0.0, 1.0])), [0])
    with pytest.raises(GuardError):
        tape(np.array([1.0, 2.0, 3.0]))
    with pytest.raises(GuardError):
        found(np.array([3.0, 3.0, 1.0]))


def test_recorded_sorts_replay_at_other_inputs() -> None:
    for function in (
        lambda x: np.sort(x, axis=1),
        lambda x: x[np.arange(3)[:, None], np.argsort(x, axis=1)],
        lambda x: np.partition(x, 1),
    ):
        tape = record(function, A)

        np.testing.assert_array_equal(tape(-A), function(-A))


# Counts


def test_weighted_counts() -> None:
    judge(lambda w: np.bincount([0, 2, 2, 1, 0], w), [V])
    judge(lambda w: np.bincount([0, 2], weights=w, minlength=6), [V[:2]])
    judge(lambda i, w: np.bincount(i, weights=w), [INTEGERS[0], V[:3]])
    judge(lambda x, w: np.bincount(np.argsort(x), w), [V, V])


def test_histograms() -> None:
    judge(lambda x: np.histogram(x, bins=4), [A])
    judge(lambda x: np.histogram(x, bins=3, density=True), [A])
    judge(lambda x: np.histogram(x, bins=[-1, 0, 2.0], density=True)[0], [A])
    judge_value(lambda x: np.histogram(x, bins="auto", range=(-1, 1)), [A])
    judge_value(lambda x: np.histogram(x, bins=[0, 1, 3]), [A])
    judge_value(lambda x: np.histogram(x), [np.ones(3)])
    judge_value(lambda x: np.histogram(x, 3), [INTEGERS])


def test_sorting_by_fields_names_the_way_out() -> None:
    with pytest.raises(UnsupportedError, match=r"np\.lexsort"):
        record(lambda x: np.sort(x, order="a"), V)


def test_a_sorted_sum_has_the_gradient_of_its_permutation() -> None:
    weights = np.array([1.0, 10.0, 100.0, 1000.0, 10000.0])
    rank = np.array([sorted(V.tolist()).index(value) for value in V])

    gradient = grad(lambda x: np.sort(x) @ weights)(V)
    np.testing.assert_array_equal(gradient, weights[rank])
