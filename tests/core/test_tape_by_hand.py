"""The tape built by hand: the program that the package starts from, and beyond."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert
from tests.ops.examples import examples
from wengert import Add, CompNode, ConstantNode, Exp, MatMul, Multiply, Sin, Sum, Tape
from wengert.core.operation import REGISTRY
from wengert.core.tape import node_class


def example() -> tuple[Tape, Any, Any, Any, Any]:
    """Return the tape of o = a * b, f = 5 * o, and its nodes."""
    tape = Tape()
    a = ConstantNode(2, tape)
    b = ConstantNode(3, tape)
    o = Multiply(a, b, tape)
    f = Multiply(ConstantNode(5, tape), o, tape)
    return tape, a, b, o, f


def test_the_example_gives_5_15_10() -> None:
    tape, a, b, o, f = example()

    tape.forward()
    tape.backward()

    assert (o.gradient, a.gradient, b.gradient) == (5, 15, 10)
    assert f.output == 30
    assert {type(n.gradient) for n in (o, a, b)} == {int}


@pytest.mark.parametrize("sweeps", ["ffbb", "fbfbfb", "fbb", "ffffb", "b", "bbfb"])
def test_sweeps_may_be_repeated_in_any_order(sweeps: str) -> None:
    tape, a, b, o, f = example()

    for sweep in sweeps:
        tape.forward() if sweep == "f" else tape.backward()

    assert (o.gradient, a.gradient, b.gradient, f.output) == (5, 15, 10, 30)


def test_two_tapes_never_mix() -> None:
    first, a, b, *_ = example()
    second, c, d, o, _ = example()
    c.value, d.value = 7, 11

    for tape in (first, second, first):
        tape.forward()
        tape.backward()

    assert (a.gradient, b.gradient) == (15, 10)
    assert (c.gradient, d.gradient, o.output) == (55, 35, 77)
    assert (len(first), len(second)) == (5, 5)


def test_nodes_of_two_tapes_are_refused_in_one_node() -> None:
    _first, a, *_ = example()
    second, b, *_ = example()

    with pytest.raises(wengert.TapeError, match="another tape"):
        Multiply(a, b, second)


def test_a_changed_constant_gives_new_numbers() -> None:
    tape, a, b, o, f = example()
    tape.forward()
    tape.backward()

    a.value = 7
    tape.forward()
    tape.backward()

    assert a.value == 7
    assert (o.gradient, a.gradient, b.gradient, f.output) == (5, 15, 35, 105)


def test_arrays_flow_through_the_same_nodes() -> None:
    tape, a, b, _o, f = example()
    x = np.arange(6.0).reshape(2, 3)

    a.value, b.value = x, np.ones(3)
    tape.forward()
    tape.backward()

    np.testing.assert_array_equal(f.output, 5 * x)
    np.testing.assert_array_equal(a.gradient, np.full((2, 3), 5.0))
    np.testing.assert_array_equal(b.gradient, 5 * x.sum(axis=0))


def test_computations_lists_the_nodes_in_order() -> None:
    tape, a, b, o, f = example()

    assert list(tape.computations)[:3] == [a, b, o]
    assert tape.computations[-1] is f
    assert tape.computations[1:3] == [b, o]
    assert [type(node).__name__ for node in tape.computations] == (
        ["ConstantNode"] * 2 + ["Multiply", "ConstantNode", "Multiply"]
    )


def test_stepping_by_hand_is_the_sweep() -> None:
    tape, a, b, o, f = example()

    for node in tape.computations:
        node.forward()
    for node in tape.computations:
        node.set_gradient(0)
    f.set_gradient(1)
    for node in reversed(list(tape.computations)):
        node.backward()

    assert (o.gradient, a.gradient, b.gradient) == (5, 15, 10)


def test_an_operand_used_twice_gathers_both_gradients() -> None:
    tape = Tape()
    a = ConstantNode(3.0, tape)
    Multiply(a, a, tape)

    tape.backward()

    assert a.gradient == 6.0


def test_a_node_that_reaches_no_output_ends_with_zeros() -> None:
    tape = Tape()
    a = ConstantNode(np.ones(2), tape)
    unused = Sin(a, tape)
    Sum(Exp(a, tape), tape, axis=None, keepdims=False, dtype=None)

    tape.backward()

    np.testing.assert_array_equal(unused.gradient, [0.0, 0.0])


def test_numbers_may_stand_for_nodes_and_the_tape_for_itself() -> None:
    tape = Tape()
    a = ConstantNode(2.0, tape)
    b = Add(Multiply(a, 5.0), 1.0)

    tape.backward()

    assert (b.output, a.gradient) == (11.0, 5.0)


def test_a_node_of_numbers_alone_needs_a_tape() -> None:
    with pytest.raises(wengert.TapeError, match="no tape"):
        Multiply(2.0, 3.0)


def test_several_outputs_need_seeds() -> None:
    tape, a, _b, o, f = example()
    tape.outputs = [o, f]

    with pytest.raises(wengert.DerivativeError, match="2 outputs"):
        tape.backward()
    tape.backward([1, 10])

    assert (o.gradient, a.gradient) == (51, 153)


def test_a_seed_scales_the_gradient() -> None:
    tape, a, *_ = example()

    tape.backward(2)

    assert a.gradient == 30


def test_a_division_by_zero_has_the_gradients_of_numpy() -> None:
    """It raised ZeroDivisionError: the rule divided Python's numbers."""
    tape = Tape()
    a, b = ConstantNode(1.0, tape), ConstantNode(0, tape)
    wengert.Divide(a, b, tape)
    with np.errstate(all="ignore"):
        tape.forward()
        tape.backward()
        recorded = wengert.record(lambda x: x / 0.0, np.float64(1.0))
        recorded.backward()

    assert (a.gradient, b.gradient) == (np.inf, -np.inf)
    assert recorded.inputs[0].gradient == np.inf


def test_the_function_of_a_tape_built_by_hand() -> None:
    tape, a, b, o, f = example()

    of_both = tape.function([a, b], f)
    of_middle = tape.function([o], [f, o])

    assert of_both(7, 11) == 385
    assert of_middle(2) == (10, 2)
    assert wengert.grad(of_both, (0, 1))(7.0, 11.0) == (55.0, 35.0)
    assert wengert.hessian(of_both, (0, 1))(7.0, 11.0)[0][1] == 5.0


def test_a_function_of_a_tape_counts_its_arguments() -> None:
    tape, a, b, _o, f = example()

    with pytest.raises(wengert.ArgumentError, match="2 nodes was given 1 values"):
        tape.function([a, b], f)(1)


def test_the_gradient_of_every_intermediate_node_of_a_recording() -> None:
    def f(x: Any) -> Any:
        y = np.zeros(3)
        y[1:] = np.sin(x)
        z = y * 2
        y[0] = z[1]
        return np.sum(y * z)

    x = np.array([0.4, 1.1])
    tape = wengert.record(f, x)
    tape.backward()

    for node in tape.computations:
        if node.output is None or np.asarray(node.output).dtype.kind != "f":
            continue
        after = tape.function([node], tape.outputs[0])
        expected = wengert.grad(after)(node.output)
        np.testing.assert_allclose(node.gradient, expected, atol=1e-12)


def test_a_recorded_tape_plays_again_by_hand() -> None:
    tape = wengert.record(lambda x: np.sum(x * x), np.array([1.0, 2.0]))

    tape.inputs[0].output = np.array([3.0, 4.0])
    tape.forward()
    tape.backward()

    assert tape.outputs[0].output == 25.0
    np.testing.assert_array_equal(tape.inputs[0].gradient, [6.0, 8.0])


# Every operation by hand


def rebuild(recorded: Tape, operands: list[Any]) -> tuple[Tape, list[CompNode]]:
    """Return the tape of a recording built by hand, and its input nodes."""
    tape, nodes, inputs = Tape(), {}, []
    for index, operation in enumerate(recorded.operations):
        settings = recorded.settings[index]
        if operation.name == "guard":
            continue
        if operation.name in ("input", "constant"):
            is_input = operation.name == "input"
            value = operands[len(inputs)] if is_input else settings["value"]
            nodes[index] = ConstantNode(value, tape)
            inputs += [nodes[index]] if is_input else []
        else:
            parts = [nodes[k] for k in recorded.operands[index]]
            nodes[index] = node_class(operation)(*parts, tape, **settings)
    tape.outputs = [nodes[k] for k in recorded.output_indices]
    return tape, inputs


def numbers_only(operands: list[Any]) -> bool:
    """Whether every operand is a number or an array of numbers."""
    return all(np.asarray(operand).dtype.kind in "biufc" for operand in operands)


EXAMPLES = [e for e in examples() if numbers_only(e.operands)]


@pytest.mark.one_in(3)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("example_", EXAMPLES, ids=str)
def test_every_operation_plays_by_hand(example_: Any) -> None:
    operands = [np.asarray(operand) for operand in example_.operands]
    recorded = wengert.record(example_.function, *operands)
    tape, inputs = rebuild(recorded, operands)
    expected = [node.output for node in recorded.outputs]
    seeds = [np.ones_like(output) for output in expected]

    tape.verify().forward()
    found = [node.output for node in tape.outputs]
    tape.backward(seeds if len(seeds) != 1 else seeds[0])

    for output, wanted in zip(found, expected, strict=True):
        np.testing.assert_array_equal(output, wanted)
    if example_.order:
        recorded.backward(seeds if len(seeds) != 1 else seeds[0])
        for node, other in zip(inputs, recorded.inputs, strict=True):
            np.testing.assert_array_equal(node.gradient, other.gradient)


def test_every_operation_was_played_by_hand() -> None:
    played = {
        operation.name
        for e in EXAMPLES
        for operation in wengert.record(e.function, *e.operands).operations
    }

    assert set(REGISTRY) - played <= set(
        "identity guard input stop_gradient raises".split()
    )


def test_a_matrix_product_by_hand() -> None:
    tape = Tape()
    A, B = np.arange(6.0).reshape(2, 3), np.arange(3.0)
    left, right = ConstantNode(A, tape), ConstantNode(B, tape)
    product = MatMul(left, right, tape)

    tape.backward(np.array([1.0, 10.0]))

    np.testing.assert_array_equal(product.output, A @ B)
    np.testing.assert_array_equal(left.gradient, np.outer([1.0, 10.0], B))
    np.testing.assert_array_equal(right.gradient, A.T @ np.array([1.0, 10.0]))


# Nodes of the user's


class Square(CompNode):
    """A node in the style of the first program."""

    def __init__(self, x: CompNode, tape: Tape) -> None:
        self.x = x
        super().__init__(tape)

    def forward(self) -> None:
        self.output = self.x.output**2

    def backward(self) -> None:
        self.x.add_gradient(self.gradient * 2 * self.x.output)


class Mix(CompNode):
    """A node with a list of inputs, a setting, and an attribute set in forward."""

    def __init__(self, parts: list[CompNode], power: int, tape: Tape) -> None:
        self.parts, self.power = parts, power
        super().__init__(tape)

    def forward(self) -> None:
        self.total = sum(np.sin(part.output) for part in self.parts)
        self.output = self.total**self.power

    def backward(self) -> None:
        outer = self.gradient * self.power * self.total ** (self.power - 1)
        for part in self.parts:
            part.add_gradient(outer * np.cos(part.output))


def test_a_users_node_plays_and_nests() -> None:
    tape = Tape()
    x = ConstantNode(3.0, tape)
    y = Square(Multiply(Square(x, tape), 2.0, tape), tape)

    tape.forward()
    tape.backward()

    assert y.output == 324.0
    assert x.gradient == 4 * 4 * 27


def test_a_users_node_is_differentiated_twice_and_more() -> None:
    tape = Tape()
    x = ConstantNode(1.0, tape)
    f = tape.function([x], Square(Square(x, tape), tape))

    derivatives = [f(2.0)]
    for _ in range(4):
        f = wengert.grad(f)
        derivatives.append(float(f(2.0)))

    assert derivatives == [16.0, 32.0, 48.0, 48.0, 24.0]
    assert wengert.jvp(tape.function([x], tape.computations[-1]), (2.0,), (1.0,)) == (
        16.0,
        32.0,
    )


def test_a_users_node_with_a_list_of_inputs() -> None:
    tape = Tape()
    x, y = ConstantNode(np.array([0.3, 0.5]), tape), ConstantNode(0.7, tape)
    mix = Mix([x, y, x], 3, tape)
    tape.outputs = [Sum(mix, tape, axis=None, keepdims=False, dtype=None)]

    def f(x: Any, y: Any) -> Any:
        return np.sum((2 * np.sin(x) + np.sin(y)) ** 3)

    tape.backward()
    expected = wengert.grad(f, (0, 1))(x.value, y.value)

    np.testing.assert_allclose(x.gradient, expected[0])
    np.testing.assert_allclose(y.gradient, expected[1])
    by_tape = wengert.hessian(tape.function([x, y], tape.outputs[0]), (0, 1))
    by_f = wengert.hessian(f, (0, 1))
    for found, wanted in zip(by_tape(x.value, 0.7), by_f(x.value, 0.7), strict=True):
        np.testing.assert_allclose(found[0], wanted[0])
        np.testing.assert_allclose(found[1], wanted[1])


def test_add_gradient_does_not_work_in_place() -> None:
    class Twice(Square):
        def forward(self) -> None:
            self.output = self.x.output + self.x.output

        def backward(self) -> None:
            self.x.add_gradient(self.gradient)
            self.x.add_gradient(self.gradient)

    tape = Tape()
    x = ConstantNode(np.ones(2), tape)
    y = Twice(x, tape)

    tape.backward()

    np.testing.assert_array_equal(x.gradient, [2.0, 2.0])
    np.testing.assert_array_equal(y.gradient, [1.0, 1.0])


def test_a_users_node_without_an_output_is_refused() -> None:
    class Forgetful(Square):
        def forward(self) -> None:
            pass

    tape = Tape()
    Forgetful(ConstantNode(1.0, tape), tape)

    with pytest.raises(wengert.RuleError, match="set no output"):
        tape.forward()


def test_a_tape_with_users_nodes_is_recorded() -> None:
    tape = Tape()
    x = ConstantNode(1.0, tape)
    f = tape.function([x], Square(Sin(x, tape), tape))

    recorded = wengert.record(lambda z: f(z) * 2, 0.5).verify()

    assert recorded(0.7) == pytest.approx(2 * np.sin(0.7) ** 2)
    assert "Square" in str(recorded)
