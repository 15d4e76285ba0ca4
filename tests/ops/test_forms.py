"""The form that an operation states says what its own function does."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.ops.examples import BY_RECORDING, Example, examples
from tests.ops.judge import is_float, noted
from tests.ops.player import play_form
from tests.ops.test_registry import (
    complex_,
    empty,
    fortran,
    numpy_takes,
    single,
)
from wengert import record
from wengert.core.forms import Form, Map, Reduce, Routine, Scan
from wengert.core.operation import REGISTRY
from wengert.core.tape import CONSTANT, GUARD, INPUT, Tape
from wengert.core.types import type_of

EVERY = examples()


def same(x: Any) -> Any:
    """Return the operand itself."""
    return x


def nodes(tape: Tape) -> list[tuple[int, list[Any], Any]]:
    """Return every node with its operands and its result, by its own function."""
    outputs: list[Any] = []
    found = []
    for index, operation in enumerate(tape.operations):
        settings = tape.settings[index]
        operands = [outputs[k] for k in tape.operands[index]]
        if operation is INPUT:
            outputs.append(tape.play.outputs[index])
        elif operation is CONSTANT:
            outputs.append(settings["value"])
        elif operation is GUARD:
            outputs.append(operands[0])
        else:
            with np.errstate(all="ignore"):
                outputs.append(operation.function(*operands, **settings))
            found.append((index, operands, outputs[-1]))
    return found


def tapes(example: Example) -> Iterator[tuple[str, Tape]]:
    """Give the tapes of an example with its floats cast, where NumPy takes them."""
    for cast in (same, single, complex_, fortran, empty):
        operands = [cast(np.asarray(x)) if is_float(x) else x for x in example.operands]
        if cast is same or numpy_takes(example, operands):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tape = record(example.function, *operands)
            yield cast.__name__, tape


def assert_same(found: Any, expected: Any) -> None:
    """Numbers of one form agree with another's, types included."""
    if isinstance(expected, tuple):
        for part, like in zip(found, expected, strict=True):
            assert_same(part, like)
        return
    expected = np.asarray(expected)

    assert np.shape(found) == expected.shape
    assert np.asarray(found).dtype == expected.dtype
    if expected.dtype.kind not in "fc":
        np.testing.assert_array_equal(found, expected)
    elif not np.array_equal(found, expected, equal_nan=True):  # a tenth of the time
        tolerance = 50 * np.finfo(expected.dtype).eps
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.one_in(2)
@pytest.mark.parametrize("example", EVERY, ids=str)
def test_the_form_is_what_the_function_does(example: Example) -> None:
    for name, tape in tapes(example):
        for index, values, expected in nodes(tape):
            operation, likes = tape.operations[index], type_of(expected)
            with noted(f"operands: {name}"):
                found = play_form(operation, values, tape.settings[index], likes)
                assert_same(found, expected)


@pytest.mark.parametrize("name", sorted(set(REGISTRY) - BY_RECORDING))
def test_every_operation_states_a_form(name: str) -> None:
    assert isinstance(REGISTRY[name].form, Form)


def texts(form: Any) -> list[str | None]:
    """Return the expressions that a form holds, but those that settings decide."""
    if isinstance(form, Reduce):
        return [form.text, form.of]
    if isinstance(form, Map):
        return [] if callable(form.text) else [*(form.texts("f", {}) or ())]
    return [form.text] if isinstance(form, Scan) else []


@pytest.mark.parametrize("operation", REGISTRY.values(), ids=lambda o: o.name)
def test_expressions_are_of_the_vocabulary(operation: Any) -> None:
    vocabulary = pytest.importorskip("wengert.emit.vocabulary")
    for text in texts(operation.form):
        if text is not None:
            kind = "int64" if re.search(r"[&|^~]|<<|>>", text) else "float64"
            assert vocabulary.template(text, (kind,) * 4, kind)


def test_a_wrong_form_is_found() -> None:
    """The player is no mirror: a form that says something else does something else."""
    wrong = {
        "exp": Map("exp(x) + 1e-3"),
        "sum": Reduce("x + y + 1e-3", start=0),
        "cumsum": Scan("x + 2 * y"),
        "argmax": Reduce("minimum(x, y)", place=True),
    }
    for name, form in wrong.items():
        operation = REGISTRY[name]
        example = next(e for e in EVERY if e.operation == name)
        tape = record(example.function, *example.operands)
        index, values, expected = next(
            found for found in nodes(tape) if tape.operations[found[0]] is operation
        )
        right = operation.form
        object.__setattr__(operation, "form", form)
        try:
            found = play_form(
                operation, values, tape.settings[index], type_of(expected)
            )
        finally:
            object.__setattr__(operation, "form", right)

        assert not np.allclose(found, expected), name


def test_what_is_made_at_run_time_is_called_back() -> None:
    from wengert import rule

    double = rule(lambda x: 2.0 * x, vjp=lambda g, y, x: 2.0 * g)
    tape = record(double, np.ones(2))

    assert [o.form for o in tape.operations if o.name not in REGISTRY] == [Routine()]
