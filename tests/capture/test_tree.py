"""Nested arguments: what the transformations look into, and how they nest results."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict, defaultdict, namedtuple
from dataclasses import InitVar, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pytest

import wengert
from wengert import grad, hessian, jacobian, jit, jvp, linearize, record, vjp, vmap
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


def test_dictionaries_keep_the_order_of_their_keys() -> None:
    assert tree.flatten({"b": 1.0, "a": 2.0})[0] == [1.0, 2.0]


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


# Dictionaries

DICTIONARIES = [
    {"b": 2.0, "a": 3.0},
    {1: 2.0, "one": 3.0, (0, 1): 5.0, None: 7.0},
    OrderedDict(z=2.0, a=3.0),
    defaultdict(float, z=2.0, a=3.0),
    Counter(z=2, a=3),
]


@pytest.mark.parametrize("make", [grad, lambda f: jit(grad(f)), lambda f: grad(jit(f))])
@pytest.mark.parametrize("given", DICTIONARIES, ids=repr)
def test_a_dictionary_keeps_order_class_and_factory(given: Any, make: Any) -> None:
    def weighted(d: Any) -> Any:
        return sum(10.0**k * v for k, v in enumerate(d.values()))

    slope = make(weighted)
    for _ in range(3):
        found = slope(given)

        assert list(found.items()) == [(key, 10.0**k) for k, key in enumerate(given)]
        assert type(found) is type(given)
        assert getattr(found, "default_factory", 0) is getattr(
            given, "default_factory", 0
        )


def test_an_ordered_dict_keeps_an_order_that_was_changed() -> None:
    given = OrderedDict(a=1.0, b=2.0)
    given.move_to_end("a")

    found = grad(lambda d: next(iter(d.values())) ** 2)(given)

    assert list(found.items()) == [("b", 4.0), ("a", 0.0)]


def test_jit_tells_dictionaries_of_another_order_apart() -> None:
    first = jit(lambda d: next(iter(d.values())))

    for given in ({"a": 1.0, "b": 2.0}, {"b": 3.0, "a": 4.0}) * 3:
        assert first(given) == next(iter(given.values()))


def test_gradients_and_tangents_are_matched_by_key() -> None:
    point = {"a": 2.0, "b": 5.0}
    value, pull = vjp(lambda p: {"x": 3.0 * p["a"], "y": p["b"]}, point)
    _, tangent = jvp(
        lambda p: p["a"] + 10.0 * p["b"], (point,), ({"b": 1.0, "a": 2.0},)
    )

    assert list(value) == ["x", "y"]
    assert pull(OrderedDict(y=1.0, x=10.0)) == ({"a": 30.0, "b": 1.0},)
    assert tangent == 12.0


def test_out_and_arguments_of_a_tape_are_matched_by_key() -> None:
    out = {"y": np.zeros(2), "x": np.zeros(2)}
    x = np.array([1.0, 2.0])
    compiled = jit(lambda x: {"x": x, "y": 2.0 * x})
    tape = record(lambda p: p["a"] - p["b"], {"a": 5.0, "b": 2.0})

    for _ in range(3):
        compiled(x, out=out)
        np.testing.assert_array_equal(out["y"], 2.0 * x)
        np.testing.assert_array_equal(out["x"], x)
    assert tape({"b": 1.0, "a": 10.0}) == 9.0


def test_rows_whose_dictionaries_differ_in_order_are_one_result() -> None:
    def row(x: Any) -> Any:
        return {"a": x, "b": -x} if x > 0 else {"b": -x, "a": x}

    found = vmap(row)(np.array([1.0, -2.0, 3.0]))

    np.testing.assert_array_equal(found["a"], [1.0, -2.0, 3.0])
    np.testing.assert_array_equal(found["b"], [-1.0, 2.0, -3.0])


def test_axes_of_a_dictionary_are_matched_by_key() -> None:
    given = {"x": np.array([1.0, 2.0]), "k": 3.0}

    found = vmap(lambda d: d["x"] * d["k"], in_axes=({"k": None, "x": 0},))(given)

    np.testing.assert_array_equal(found, [3.0, 6.0])


# Objects, rebuilt without their constructors


class Refusing:
    """A class none of whose code may run."""

    def __init__(self, *_: Any) -> None:
        raise AssertionError("the constructor ran")

    def __post_init__(self, *_: Any) -> None:
        raise AssertionError("the constructor ran")


@dataclass
class Checked(Refusing):
    """A dataclass that was made once and is never made again."""

    x: Any
    area: Any = field(init=False)
    scale: InitVar[float] = 1.0


@dataclass(frozen=True)
class Frozen(Refusing):
    """A frozen one."""

    x: Any
    area: Any = field(init=False)


@dataclass(slots=True)
class Slotted:
    """One with slots."""

    x: Any
    area: Any = field(init=False)

    def __post_init__(self) -> None:
        raise AssertionError("the constructor ran")


@dataclass(frozen=True, slots=True, kw_only=True)
class Both:
    """A frozen one with slots, whose constructor takes keywords alone."""

    x: Any
    area: Any = field(init=False)

    def __post_init__(self) -> None:
        raise AssertionError("the constructor ran")


class Shares(namedtuple("Shares", "x area")):
    """A named tuple with a constructor of its own."""

    def __new__(cls, *_: Any) -> Any:
        raise AssertionError("the constructor ran")


class Table(dict):  # type: ignore[type-arg]
    """A dictionary whose methods are its own."""

    def __init__(self) -> None:
        raise AssertionError("the constructor ran")

    def __setitem__(self, key: Any, value: Any) -> None:
        raise AssertionError("the method ran")

    @property
    def x(self) -> Any:
        return dict.__getitem__(self, "x")

    @property
    def area(self) -> Any:
        return dict.__getitem__(self, "area")


class Row(list):  # type: ignore[type-arg]
    """A list with names."""

    def __init__(self, *_: Any) -> None:
        raise AssertionError("the constructor ran")

    x = property(lambda self: self[0])
    area = property(lambda self: self[1])


class Cells(tuple):  # type: ignore[type-arg]
    """A tuple with names."""

    x = property(lambda self: self[0])
    area = property(lambda self: self[1])


def instance(kind: type, x: float, area: float) -> Any:
    """Return an instance that no constructor made."""
    if issubclass(kind, tuple):
        return tuple.__new__(kind, (x, area))
    if issubclass(kind, list):
        made = list.__new__(kind)
        list.extend(made, (x, area))
        return made
    made = dict.__new__(kind) if issubclass(kind, dict) else object.__new__(kind)
    for name, value in (("x", x), ("area", area)):
        if issubclass(kind, dict):
            dict.__setitem__(made, name, value)
        else:
            object.__setattr__(made, name, value)
    return made


KINDS = [Checked, Frozen, Slotted, Both, Shares, Table, Row, Cells]


@pytest.mark.parametrize("make", [grad, lambda f: jit(grad(f)), lambda f: grad(jit(f))])
@pytest.mark.parametrize("kind", KINDS)
def test_an_object_is_rebuilt_without_its_constructor(kind: Any, make: Any) -> None:
    given, slope = instance(kind, 3.0, 9.0), make(lambda s: s.x * s.area)

    for _ in range(3):
        found = slope(given)

        assert type(found) is kind
        assert (found.x, found.area) == (9.0, 3.0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_result_is_rebuilt_without_its_constructor(kind: Any) -> None:
    compiled = jit(lambda x: instance(kind, x, x * x))

    for x in (3.0, 4.0, 5.0):
        found = compiled(x)

        assert type(found) is kind
        assert (found.x, found.area) == (x, x * x)


@pytest.mark.parametrize("kind", [Checked, Frozen, Table, Row, Cells])
def test_other_attributes_are_carried_over_and_compared(kind: Any) -> None:
    given = instance(kind, 2.0, 1.0)
    vars(given).update(power=3, table=np.array([5.0]))
    compiled = jit(lambda s: s.table[0] * s.x**s.power)

    assert grad(lambda s: s.x**s.power)(given).power == 3
    assert [compiled(given) for _ in range(3)] == [40.0] * 3
    vars(given).update(power=2)
    assert [compiled(given) for _ in range(3)] == [20.0] * 3
    given.table[0] = 7.0
    assert [compiled(given) for _ in range(3)] == [28.0] * 3


def test_a_recorded_attribute_of_a_result_gives_its_number() -> None:
    def solved(x: Any) -> Any:
        found = instance(Checked, x, x)
        found.history = [x, 2.0 * x]
        return found

    compiled = jit(solved)

    for x in (3.0, 4.0, 5.0):
        assert compiled(x).history == [x, 2.0 * x]


@dataclass
class Box:
    """A dataclass that keeps what it computed."""

    side: Any

    @cached_property
    def area(self) -> Any:
        return self.side**2


def test_what_a_dataclass_computed_and_kept_is_computed_again() -> None:
    box = Box(3.0)

    assert box.area == 9.0
    assert grad(lambda b: b.area)(box).side == 6.0


@dataclass
class Celsius:
    """A dataclass with a field that a property keeps elsewhere."""

    degrees: Any

    @property  # type: ignore[no-redef]
    def degrees(self) -> Any:
        return self._kelvin - 273.0

    @degrees.setter
    def degrees(self, value: Any) -> None:
        self._kelvin = value + 273.0


def test_a_field_that_is_a_property_is_set_by_its_setter() -> None:
    assert grad(lambda t: t.degrees**2)(Celsius(4.0)).degrees == 8.0


def test_a_field_that_is_not_set_is_no_leaf() -> None:
    given = object.__new__(Checked)
    given.x = 2.0

    assert vars(grad(lambda s: s.x**2)(given)) == {"x": 4.0}


def test_a_class_written_in_c_is_a_leaf() -> None:
    assert tree.flatten(time.gmtime(0))[1] is tree.LEAF


# Depth


def nested(depth: int, kind: Any) -> Any:
    """Return containers inside containers around one number."""
    value: Any = 2.0
    for _ in range(depth):
        value = kind(value)
    return value


@pytest.mark.parametrize(
    "kind", [lambda v: [v], lambda v: (v,), lambda v: {"k": v}, lambda v: Box(v)]
)
def test_deep_containers_are_answered_or_refused(kind: Any) -> None:
    def inner(value: Any) -> Any:
        while tree.children_of(value) is not None:
            value = tree.children_of(value)[1][0]  # type: ignore[index]
        return value

    found = grad(lambda v: inner(v) ** 2)(nested(250, kind))

    assert inner(found) == 4.0
    for depth in (1000, 100_000):
        with pytest.raises(wengert.ArgumentError, match="300 deep"):
            grad(lambda v: inner(v) ** 2)(nested(depth, kind))


def test_containers_that_contain_themselves_are_refused() -> None:
    around: Any = [1.0]
    around.insert(0, {"again": around, "more": around})

    for call in (grad, jit, vmap):
        with pytest.raises(wengert.ArgumentError, match="contains itself"):
            call(lambda v: v[1])(around)
