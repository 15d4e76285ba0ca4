"""The printed tape has every node's output."""

from __future__ import annotations

import json

import numpy as np
import pytest

import wengert as wg
from tests.ops.examples import Example, examples
from tests.show.programs import PROGRAMS
from wengert.core.names import variable_names
from wengert.show.html import page_data
from wengert.show.listing import output_texts


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("is_played", [False, True])
def test_no_output_of_a_printed_tape_is_blank(name: str, is_played: bool) -> None:
    """Writes into an array printed nothing: the play keeps the array once."""
    program = PROGRAMS[name]
    tape = wg.record(program.function, *program.args)
    if is_played:
        tape.forward()
        tape.backward()
    texts = output_texts(tape)

    assert len(texts) == len(tape)
    assert all(texts)


def test_a_write_prints_the_array_as_it_was_then() -> None:
    def writes(x: np.ndarray) -> np.ndarray:
        y = np.zeros(2)
        y[0] = x[0]
        y[1] = x[1] * y[0]
        return y

    tape = wg.record(writes, np.array([2.0, 3.0]))
    tape.forward()
    stores = [k for k in range(len(tape)) if tape.operations[k].name == "store"]

    assert [output_texts(tape)[k] for k in stores] == ["[2 0]", "[2 6]"]


def test_a_tape_by_hand_names_its_lines_and_variables() -> None:
    tape = wg.Tape()
    a = wg.ConstantNode(2, tape)
    square = wg.Multiply(a, a, tape)
    tape.forward()

    assert square.output == 4
    assert "test_listing.py" in tape.line(1)
    assert variable_names(tape) == {0: "a", 1: "square"}


@pytest.mark.one_in(3)
@pytest.mark.parametrize("example", examples(), ids=str)
def test_every_operation_is_printed_and_shown(example: Example) -> None:
    """No node is blank, in the printed tape and in the microscope's data."""
    operands = example.operands
    with np.errstate(all="ignore"):
        tape = wg.record(example.function, *operands)
        data = page_data(tape, "")

    json.dumps(data, allow_nan=False)
    assert all(output_texts(tape))
    assert all(shown is not None for shown in data["output"])
