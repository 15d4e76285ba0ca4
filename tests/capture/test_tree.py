"""Nested arguments: what the transformations look into, and how they nest results."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import wengert
from wengert import grad, hessian, jacobian, jvp, linearize, record, vjp
from wengert.capture import tree

Point = namedtuple("Point", "x y")


@dataclass
class Layer:
    """A dataclass of arrays."""

    w: Any
    b: Any


class Pair:
    """A class that the tests register."""

    def __init__(self, first: Any, second: Any, name: str) -> None:
        self.first, self.second, self.name = first, second, name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pair) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]


wengert.register_pytree_node(
    Pair, lambda p: ((p.first, p.second), p.name), lambda name, c: Pair(*c, name)
)

STRUCTURES = [
    (2.0, lambda p: p, 4.0),
    ([1.0, 2.0], lambda p: p[0] + p[1], [6.0, 6.0]),
    ((1.0, (2.0,)), lambda p: p[0] * p[1][0], (8.0, (4.0,))),
    ({"b": 1.0, "a": 3.0}, lambda p: p["a"] * p["b"] ** 2, {"b": 36.0, "a": 6.0}),
    (Point(1.0, 2.0), lambda p: p.x + 2 * p.y, Point(10.0, 20.0)),
    (Layer(1.0, 2.0), lambda p: p.w * p.b, Layer(8.0, 4.0)),
    (Pair(1.0, 2.0, "k"), lambda p: p.first * p.second, Pair(8.0, 4.0, "k")),
    ([None, 1.0, {}], lambda p: p[1], [None, 2.0, {}]),
    ((), lambda p: 3.0, ()),
    (OrderedDict(z=1.0, a=2.0), lambda p: p["z"] * p["a"], OrderedDict(z=8.0, a=4.0)),
]


@pytest.mark.parametrize(("tree_of", "inner", "expected"), STRUCTURES)
def test_grad_has_the_structure_of_its_argument(
    tree_of: Any, inner: Any, expected: Any
) -> None:
    found = grad(lambda p: inner(p) ** 2)(tree_of)

    assert found == expected
    assert type(found) is type(expected) or isinstance(found, float)


@pytest.mark.parametrize(("tree_of", "inner", "expected"), STRUCTURES)
def test_flatten_and_unflatten_are_inverse(
    tree_of: Any, inner: Any, expected: Any
) -> None:
    leaves, structure = tree.flatten(tree_of)

    assert tree.unflatten(structure, leaves) == tree_of


def test_dict_keys_are_sorted() -> None:
    assert tree.flatten({"b": 1.0, "a": 2.0})[0] == [2.0, 1.0]


def test_a_vjp_takes_a_gradient_nested_as_the_value() -> None:
    value, pull = vjp(lambda x: {"s": x * x, "c": [x, 3.0]}, 2.0)

    assert value == {"s": 4.0, "c": [2.0, 3.0]}
    assert pull({"s": 1.0, "c": [10.0, 5.0]}) == (14.0,)


def test_a_gradient_that_nests_otherwise_is_refused() -> None:
    _, pull = vjp(lambda x: [x, x], 2.0)

    with pytest.raises(wengert.ArgumentError, match=r"\(\*, \*\).*\[\*, \*\]"):
        pull((1.0, 1.0))


def test_tangents_nest_as_the_primals() -> None:
    point, direction = {"a": 2.0, "b": np.ones(2)}, {"a": 1.0, "b": np.ones(2)}

    value, tangent = jvp(lambda p: {"y": p["a"] * p["b"]}, (point,), (direction,))

    np.testing.assert_array_equal(value["y"], [2.0, 2.0])
    np.testing.assert_array_equal(tangent["y"], [3.0, 3.0])


def test_tangents_that_nest_otherwise_are_refused() -> None:
    _, push = linearize(lambda p: p["a"], {"a": 1.0})

    with pytest.raises(wengert.ArgumentError, match="of the tangents differs"):
        push([1.0])


def test_a_jacobian_has_outputs_outermost() -> None:
    found = jacobian(lambda p: {"y": p["a"] * p["b"]})({"a": 2.0, "b": np.ones(2)})

    assert set(found) == {"y"}
    np.testing.assert_array_equal(found["y"]["a"], [1.0, 1.0])
    np.testing.assert_array_equal(found["y"]["b"], 2 * np.eye(2))


def test_a_hessian_has_blocks() -> None:
    found = hessian(lambda p: p["a"] ** 2 * p["b"])({"a": 3.0, "b": 2.0})

    assert found["a"]["a"] == 4.0
    assert found["a"]["b"] == found["b"]["a"] == 6.0
    assert found["b"]["b"] == 0.0


def test_a_recorded_tape_takes_and_gives_nested_values() -> None:
    tape = record(lambda p, k: [p["a"] * k, (p["b"],)], {"a": 1.0, "b": 2.0}, 3.0)

    assert tape({"a": 5.0, "b": 6.0}, 7.0) == [35.0, (6.0,)]
    with pytest.raises(wengert.ArgumentError, match="arguments of the tape"):
        tape([5.0, 6.0], 7.0)


def test_a_string_leaf_cannot_be_differentiated() -> None:
    with pytest.raises(wengert.ArgumentError, match="a str"):
        grad(lambda p: p["x"])({"x": 1.0, "name": "k"})


def test_strings_may_stand_in_arguments_that_are_not_differentiated() -> None:
    options = {"power": 3, "name": "k", "w": np.array([2.0])}

    found = grad(lambda x, o: np.sum(o["w"] * x ** o["power"]))(2.0, options)

    assert found == 24.0


def test_the_same_array_twice_is_two_arguments() -> None:
    x = np.ones(2)

    left, right = grad(lambda a, b: np.sum(a * b**2), (0, 1))(x, x)

    np.testing.assert_array_equal(left, [1.0, 1.0])
    np.testing.assert_array_equal(right, [2.0, 2.0])
