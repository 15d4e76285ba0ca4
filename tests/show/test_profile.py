"""Profiles count nodes, bytes and time."""

from __future__ import annotations

from typing import Any

import numpy as np

import wengert as wg


def two_lines(x: Any) -> Any:
    """One dear line and one cheap line."""
    y = np.tanh(x)
    return np.sum(y * 3.0)


def test_bytes_and_nodes_are_summed_by_operation_and_line() -> None:
    profile = wg.record(two_lines, np.ones(1000)).profile(repeats=1)
    by_operation = {cost.name: cost for cost in profile.by_operation}
    by_source = {cost.source: cost for cost in profile.by_line}

    assert profile.total.nodes == sum(cost.nodes for cost in profile.by_operation)
    assert by_operation["tanh"].output_bytes == 8000
    assert by_source["y = np.tanh(x)"].nodes == 1
    assert profile.total.output_bytes == sum(c.output_bytes for c in profile.by_node)


def test_kept_bytes_are_those_that_rules_read() -> None:
    """The rule of tanh reads its result, that of the product by 3 reads no more."""
    profile = wg.record(two_lines, np.ones(1000)).profile(repeats=1)
    kept = {cost.name: cost.kept_bytes for cost in profile.by_operation}

    assert kept["tanh"] == 8000
    assert kept["multiply"] == 0
    assert kept["input"] == 0


def test_the_slowest_operation_comes_first() -> None:
    profile = wg.record(two_lines, np.linspace(0.0, 1.0, 200_000)).profile()

    assert profile.by_operation[0].name in ("tanh", "multiply")
    assert profile.by_operation[0].forward > 10e-6
    assert profile.total.reverse > 0.0


def test_printing_gives_lines_operations_and_nodes() -> None:
    text = str(wg.record(two_lines, np.ones(10)).profile(repeats=1))

    assert "kept for the reverse sweep" in text
    assert "y = np.tanh(x)" in text
    assert "%1 tanh" in text
    assert max(map(len, text.splitlines())) <= 110
