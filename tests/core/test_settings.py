"""Nodes made by hand take NumPy's defaults, and say which settings they lack."""

from __future__ import annotations

import numpy as np
import pytest

from wengert import ConstantNode, Tape, TapeError, nodes


def test_a_reduction_by_hand_needs_no_settings() -> None:
    tape = Tape()
    x = ConstantNode(np.arange(6.0).reshape(2, 3), tape)
    total = nodes.Sum(nodes.Multiply(x, x, tape), tape)

    tape.forward()
    tape.backward()

    assert total.output == 55.0
    np.testing.assert_array_equal(x.gradient, 2 * x.output)


def test_a_setting_without_a_default_is_asked_for() -> None:
    tape = Tape()
    x = ConstantNode(np.arange(6.0), tape)

    with pytest.raises(TapeError, match=r"Reshape\(\.\.\., tape, shape=\.\.\.\)"):
        nodes.Reshape(x, tape)
