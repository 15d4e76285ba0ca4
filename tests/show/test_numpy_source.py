"""The written NumPy source runs by itself and agrees with its tape."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from scipy import linalg, special

import wengert as wg
from tests.ops.examples import Example, examples
from tests.show.programs import PROGRAMS, loop_of_writes, newton
from wengert import CompNode, ConstantNode, Multiply, Tape
from wengert.capture import tree
from wengert.errors import UnsupportedError


def run_source(source: str, args: Any, name: str = "f") -> Any:
    """Execute written source and call its function."""
    space: dict[str, Any] = {}
    exec(compile(source, "<written source>", "exec"), space)
    return space[name](*args)


def leaves(value: Any) -> list[Any]:
    """Return the numbers and arrays of a nested result."""
    return tree.flatten(value)[0]


def assert_agrees(tape: Tape, args: Any) -> None:
    """Assert that the written source gives what the tape gives, dtypes included."""
    found = leaves(run_source(tape.to_numpy(), args))
    expected = leaves(tape(*[copy.deepcopy(arg) for arg in args]))  # share nothing

    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert np.shape(one) == np.shape(other)
        assert np.asarray(one).dtype == np.asarray(other).dtype
        # Operators and ufuncs may round powers differently in the last place.
        tight = 1e-6 if np.asarray(one).dtype == np.float32 else 1e-13
        np.testing.assert_allclose(one, other, rtol=tight, atol=tight)


@pytest.mark.parametrize("name", PROGRAMS)
def test_source_of_a_program_agrees_with_plain_numpy(name: str) -> None:
    program = PROGRAMS[name]
    source = wg.record(program.function, *program.args).to_numpy()

    expected = program.function(*program.args)
    found = run_source(source, program.args)
    rtol = 1e-6 if np.asarray(expected).dtype == np.float32 else 1e-13
    np.testing.assert_allclose(found, expected, rtol=rtol)


@pytest.mark.parametrize("name", PROGRAMS)
def test_source_of_the_derived_tapes_agrees(name: str) -> None:
    program = PROGRAMS[name]
    tape = wg.record(program.function, *program.args)
    tangents = tree.map_leaves(
        lambda leaf: np.sin(leaf + np.ones_like(leaf)), program.args
    )

    assert_agrees(tape.grad_tape(), program.args)
    assert_agrees(tape.tangent_tape(), (*program.args, *tangents))


#: Loops of as many steps as there are, made for that number or for native code alone.
OPEN = ("while_loop_derivative", "scan_part")


@pytest.mark.one_in(4)
@pytest.mark.parametrize("case", examples(), ids=str)
def test_source_of_every_operation_agrees(case: Example) -> None:
    operands = case.operands
    tape = wg.record(case.function, *operands)

    if case.operation in OPEN:
        with pytest.raises(UnsupportedError, match=case.operation):
            tape.to_numpy()
        return
    assert_agrees(tape, operands)
    if case.operation == "while_loop":
        return
    if all(np.asarray(operand).dtype.kind == "f" for operand in operands):
        assert_agrees(tape.tangent_tape(), [*operands, *operands])


def test_functions_and_constants_of_one_name_stand_side_by_side() -> None:
    def f(x: Any) -> Any:
        every = special.jv(1.5, x) + special.kv(0.5, x) + special.exprel(x)
        return np.sum(every * special.gammainc(x, 1.5) * np.sinc(x)) + (
            np.sum(linalg.inv(x)) * linalg.det(x)
        )

    x = np.array([[1.1, 0.4], [0.3, 0.9]])
    assert_agrees(wg.record(f, x), [x])
    assert_agrees(wg.record(f, x).grad_tape(), [x])


def test_a_variable_that_is_assigned_often_is_numbered() -> None:
    def steps(x: Any) -> Any:
        for _ in range(300):
            x = x + 0.01 * np.sin(x)
        return x

    gradient = wg.record(steps, 1.0).grad_tape()

    assert "x_300 = x_299 + " in gradient.to_numpy()
    assert_agrees(gradient, (1.0,))


def test_source_reads_like_the_program() -> None:
    source = wg.record(loop_of_writes, np.arange(1.0, 5.0), 3.0).to_numpy("program")
    text = [line.split("  #")[0].strip() for line in source.splitlines()]

    assert "def program(x, n):" in text
    assert "y[2] = y[1] * np.sin(x[2])" in text
    assert "assert not y[3] > 5" in text
    assert text[-1] == "return np.sum(np.square(z)) / n"


def test_gradients_are_named_after_the_users_variables() -> None:
    source = wg.record(loop_of_writes, np.arange(1.0, 5.0), 3.0).grad_tape().to_numpy()

    assert "d_z = " in source
    assert "d_y[2] = 0.0" in source
    assert "return (d_x, d_n)" in source


def test_source_needs_numpy_alone() -> None:
    program = PROGRAMS["views"]
    source = wg.record(program.function, *program.args).grad_tape().to_numpy()
    code = source + "\nimport sys\nassert 'wengert' not in sys.modules\n"
    code += f"print(f(np.array({program.args[0].tolist()})).tolist())"

    done = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True
    )

    expected = wg.grad(program.function)(*program.args)
    np.testing.assert_allclose(eval(done.stdout), expected, rtol=1e-13)


def test_a_guard_is_an_assertion_at_replay() -> None:
    source = wg.record(newton, 2.0).to_numpy()

    with pytest.raises(AssertionError):
        run_source(source, (50.0,))


def test_written_arguments_are_left_alone() -> None:
    def overwrite(x: Any) -> Any:
        x[0] = 5.0
        return np.sum(x)

    x = np.ones(3)
    value = run_source(wg.record(overwrite, x).to_numpy(), (x,))

    assert value == 7.0
    assert x[0] == 1.0


def test_a_tape_built_by_hand_is_written() -> None:
    tape = Tape()
    a, b = ConstantNode(2, tape), ConstantNode(3, tape)
    Multiply(ConstantNode(5, tape), Multiply(a, b, tape), tape)

    assert run_source(tape.to_numpy(), ()) == 30


def test_array_constants_of_every_size_come_back() -> None:
    small = np.array([1.0, np.nan, -np.inf])
    large = np.random.default_rng(0).normal(size=(50, 60))

    def shifted(x: Any) -> Any:
        return x[:3] + small, x[0] * large, x[0] + np.full((2, 2), 7.0)

    assert_agrees(wg.record(shifted, np.arange(4.0)), (np.arange(4.0),))


@wg.custom_vjp
def cubed(x: Any) -> Any:
    """A function with a rule of its own."""
    return x * x * x


cubed.defvjp(lambda x: (x * x * x, x), lambda x, g: (3.0 * x * x * g,))


def test_functions_with_rules_and_checkpoints_become_helpers() -> None:
    again = wg.checkpoint(lambda x: np.sin(x) * 2.0)

    def both(x: Any) -> Any:
        return np.sum(cubed(x) + again(x))

    x = np.array([0.5, 1.5])
    tape = wg.record(both, x)

    assert "def cubed(x0):" in tape.to_numpy()
    assert_agrees(tape, (x,))
    assert_agrees(tape.grad_tape(), (x,))


def test_integer_arguments_may_be_python_ints() -> None:
    tape = wg.record(wg.jacobian(lambda x, k: x * k, (0, 1)), np.ones(2), 3)

    assert_agrees(tape, (np.ones(2), 3))


def test_a_loaded_tape_keeps_the_names() -> None:
    tape = wg.record(loop_of_writes, np.arange(1.0, 5.0), 3.0)
    source = pickle.loads(pickle.dumps(tape)).to_numpy()

    assert "y[2] = y[1] * np.sin(x[2])" in source
    args = (np.arange(1.0, 5.0), 3.0)
    assert run_source(source, args) == pytest.approx(loop_of_writes(*args))


def test_a_users_node_is_refused_with_advice() -> None:
    class Cube(CompNode):
        def __init__(self, x: CompNode, tape: Tape) -> None:
            self.x = x
            super().__init__(tape)

        def forward(self) -> None:
            self.output = self.x.output**3

        def backward(self) -> None:
            self.x.add_gradient(self.gradient * 3 * self.x.output**2)

    tape = Tape()
    Cube(ConstantNode(2.0, tape), tape)

    with pytest.raises(UnsupportedError, match=r"(?s)Cube cannot .*show"):
        tape.to_numpy()
