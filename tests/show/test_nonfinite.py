"""The first number that is not finite is found in either sweep."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert import CompNode, ConstantNode, Tape


def recorded(function: Any, *args: Any) -> Tape:
    """Record without NumPy's own warnings."""
    with np.errstate(all="ignore"):
        return wg.record(function, *args)


def test_a_finite_tape_has_none() -> None:
    assert wg.record(np.sin, 1.0).first_nonfinite() is None


def test_the_forward_sweep_names_operation_line_operands_and_readers() -> None:
    def f(x: Any) -> Any:
        y = np.log(x)
        return np.sum(y * 2.0)

    found = recorded(f, np.array([1.0, 0.0])).first_nonfinite()

    assert found is not None
    assert (found.sweep, found.node.operation.name) == ("forward", "log")
    assert found.source == "y = np.log(x)"
    assert found.line.startswith("test_nonfinite.py:")
    np.testing.assert_array_equal(found.value, [0.0, -np.inf])
    np.testing.assert_array_equal(found.operands[0][1], [1.0, 0.0])
    assert [node.operation.name for node in found.consumers] == ["multiply"]


def test_the_reverse_sweep_names_the_rule_that_gave_it() -> None:
    def f(x: Any) -> Any:
        r = np.sqrt(np.sum(x**2))
        return 3.0 * r

    found = recorded(f, np.zeros(2)).first_nonfinite()

    assert found is not None
    assert (found.sweep, found.node.operation.name) == ("reverse", "sqrt")
    assert found.source == "r = np.sqrt(np.sum(x**2))"
    assert found.receiver is not None
    assert found.receiver.operation.name == "sum"
    assert found.gradient == 3.0
    assert found.value == np.inf


def test_the_rule_behind_a_write_is_found() -> None:
    """A write's rule takes its gradient over: it is asked of a copy."""

    def f(x: Any) -> Any:
        y = x * 0.0
        y[...] = np.cbrt(y)
        return np.sum(y)

    found = recorded(f, np.array([1.0, -2.0])).first_nonfinite()

    assert found is not None
    assert (found.sweep, found.node.operation.name) == ("reverse", "cbrt")
    assert np.array_equal(found.value, [np.inf, np.inf])


def test_a_constant_that_masks_is_not_blamed() -> None:
    mask = np.array([0.0, -np.inf])

    assert wg.record(lambda x: np.max(x + mask), np.ones(2)).first_nonfinite() is None


def test_a_difference_of_infinities_is_found_behind_a_mask() -> None:
    mask = np.array([0.0, -np.inf])

    found = recorded(lambda x: np.sum((x + mask) - mask), np.ones(2)).first_nonfinite()

    assert found is not None
    assert found.node.operation.name == "subtract"


def test_an_input_that_is_not_finite_is_named() -> None:
    found = wg.record(lambda x: np.sum(x), np.array([1.0, np.nan])).first_nonfinite()

    assert found is not None
    assert found.node.operation.name == "input"


def test_what_no_result_shows_does_not_hide_the_gradient_that_is_not_finite() -> None:
    def f(x: Any) -> Any:
        hidden = np.where(x > 0.0, 1.0 / x, 1.0)
        return np.sum(hidden * np.sqrt(x))

    with np.errstate(all="ignore"):
        found = recorded(f, np.array([0.0, 1.0])).first_nonfinite()
        hidden = recorded(lambda x: np.where(x > 0.0, 1.0 / x, 1.0), np.zeros(1))

    assert found is not None
    assert (found.sweep, found.node.operation.name) == ("reverse", "sqrt")
    assert hidden.first_nonfinite().node.operation.name == "divide"


def test_a_tape_built_by_hand_is_searched() -> None:
    class Inverse(CompNode):
        def __init__(self, x: CompNode, tape: Tape) -> None:
            self.x = x
            super().__init__(tape)

        def forward(self) -> None:
            self.output = np.float64(1.0) / self.x.output

        def backward(self) -> None:
            self.x.add_gradient(-self.gradient / self.x.output**2)

    tape = Tape()
    Inverse(ConstantNode(0.0, tape), tape)
    found = tape.first_nonfinite()

    assert found is not None
    assert str(found).splitlines()[0] == (
        "first number that is not finite: forward sweep, %1 Inverse"
    )


@pytest.mark.parametrize("sweep", ["forward", "reverse"])
def test_the_story_reads_like_one(sweep: str) -> None:
    def forward(x: Any) -> Any:
        return 2.0 / x

    def reverse(x: Any) -> Any:
        return np.sqrt(x)

    chosen = forward if sweep == "forward" else reverse
    found = recorded(chosen, np.float64(0.0)).first_nonfinite()
    story = str(found)

    assert f"{sweep} sweep" in story
    assert "line: test_nonfinite.py:" in story
    assert "operand: %0 input, float64" in story
