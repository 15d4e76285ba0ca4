"""What a nest does is counted: by hand for programs whose counts are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.execute.engine import native_engine
from wengert.lower.build import build
from wengert.lower.lower import lower
from wengert.lower.work import Work, operations, work_of

N, M = 1000, 300
X, A = np.linspace(0.0, 1.0, N), np.ones((M, M))


def work(function: Any, *given: Any) -> Work:
    """Return what the nest of a function does."""
    return work_of(build(lower(wg.record(function, *given)), 4)[0])


@pytest.mark.parametrize(
    ("text", "count"),
    [("x", 0), ("x + y", 1), ("-x * sin(y) + 2", 4), ("select(x < y, x, y)", 2)],
)
def test_operations_of_an_expression(text: str, count: int) -> None:
    assert operations(text) == count


def test_elementwise_programs() -> None:
    assert work(lambda x: np.sin(x) + 2.0 * x, X) == Work(3 * N, 16 * N, 0)
    assert work(lambda x, y: x * y, X, X) == Work(N, 24 * N, 0)


def test_a_sort_compares_every_element_in_every_merge() -> None:
    assert work(np.sort, X[:64]).flops == 64 * 6


def test_a_fold_reads_all_and_writes_one() -> None:
    found = work(np.sum, X)
    assert found.bytes == 8 * (N + 1)
    assert N <= found.flops <= N + 2


def test_what_is_stored_in_between_is_scratch() -> None:
    """Or lies in the result, where each element is read before that is written."""
    found = work(lambda x: np.exp(x)[::-1] / np.sum(np.exp(x)), X)
    assert found.scratch == 8 * N
    found = work(lambda x: np.exp(x) / np.sum(np.exp(x)), X)
    assert found.scratch == 0
    assert found.flops == pytest.approx(3 * N, rel=0.01)
    assert found.bytes == pytest.approx(4 * 8 * N, rel=0.01)


def test_a_product_of_matrices() -> None:
    found = work(lambda a: a[:40] @ a[:, :50], A)
    assert found.flops == pytest.approx(2 * 40 * 50 * M, rel=0.01)


def test_a_loop_is_done_as_often_as_it_says() -> None:
    found = work(lambda y: wg.fori_loop(0, 500, lambda k, y: y * y + 0.1, y), 0.3)
    assert 2 * 500 <= found.flops <= 4 * 500


@pytest.mark.skipif(not native_engine(), reason="the native engine is off")
def test_the_report_tells_it() -> None:
    softmax = wg.jit(lambda x: np.exp(x)[::-1] / np.sum(np.exp(x)), wait=True)
    x = np.linspace(0.0, 1.0, 5000)
    softmax(x)
    (row,) = softmax.report().rows
    assert row["scratch"] == 8 * 5000
    assert row["bytes of all nodes"] >= 3 * 8 * 5000
    assert "15 k operations" in str(softmax.report())
    assert "40 kB of scratch" in str(softmax.report())
