"""What the transformations return is a function: it pickles, binds and shows itself."""

from __future__ import annotations

import copy
import doctest
import inspect
import pickle
import pydoc
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import cloudpickle
import numpy as np
import pytest

import wengert as wg

Function = Callable[..., Any]

#: Every transformation of a function into a function.
TRANSFORMATIONS: dict[str, Function] = {
    "grad": wg.grad,
    "value_and_grad": wg.value_and_grad,
    "jacobian": wg.jacobian,
    "jacrev": wg.jacrev,
    "jacfwd": wg.jacfwd,
    "value_and_jacobian": wg.value_and_jacobian,
    "hessian": wg.hessian,
    "value_and_hessian": wg.value_and_hessian,
    "value_grad_and_hessian": wg.value_grad_and_hessian,
    "jit": wg.jit,
    "vmap": wg.vmap,
    "checkpoint": wg.checkpoint,
    "rule": wg.rule,
    "custom_jvp": wg.custom_jvp,
    "custom_vjp": wg.custom_vjp,
    "jit of grad": lambda f: wg.jit(wg.grad(f)),
    "grad of jit": lambda f: wg.grad(wg.jit(f)),
    "grad of checkpoint": lambda f: wg.grad(wg.checkpoint(f)),
    "hessian of jit": lambda f: wg.hessian(wg.jit(f)),
    "vmap of grad": lambda f: wg.vmap(wg.grad(f)),
}
every = pytest.mark.parametrize("name", TRANSFORMATIONS)


def cubic(x: float, c: float = 1.0) -> float:
    """The cube of a number.

    >>> float(cubic(2.0))
    8.0
    """
    return c * x**3


def argument(name: str) -> Any:
    return np.array([1.0, 2.0]) if "vmap" in name else 2.0


def numbers(result: Any) -> list[float]:
    """The numbers in a result, flat."""
    if isinstance(result, tuple):
        return [number for part in result for number in numbers(part)]
    return [float(number) for number in np.ravel(result)]


def made_by(name: str) -> Function:
    """A function of this module under its own name, decorated."""

    def decorated(x: float) -> float:
        """The cube of a number."""
        return x**3

    decorated.__module__ = __name__
    decorated.__qualname__ = decorated.__name__ = f"decorated_{name.replace(' ', '_')}"
    return TRANSFORMATIONS[name](decorated)


DECORATED = {name: made_by(name) for name in TRANSFORMATIONS}
globals().update({f.__qualname__: f for f in DECORATED.values()})


class Holder:
    """A class with transformed methods."""

    scale = 2.0

    @wg.grad
    def plain(self, x: float) -> float:
        return self.scale * x**2

    slope = wg.grad(lambda self, x: self.scale * x**2, argnums=1)
    fast = wg.jit(lambda self, x: self * x**3)
    rows = wg.vmap(lambda self, x: self.scale * x, in_axes=(None, 0))


@every
@pytest.mark.parametrize("module", [pickle, cloudpickle])
def test_a_transformed_function_pickles_before_and_after_it_ran(
    name: str, module: Any
) -> None:
    function, x = TRANSFORMATIONS[name](cubic), argument(name)
    want = numbers(function(x))

    for _ in range(3):
        again = pickle.loads(module.dumps(function))
        assert numbers(again(x)) == want
        function(x)


@every
def test_a_transformed_function_is_small_when_pickled(name: str) -> None:
    """It is what it was given, not what it recorded or compiled."""
    function = TRANSFORMATIONS[name](cubic)
    function(argument(name))
    function(argument(name))

    assert len(pickle.dumps(function)) < 400


@every
@pytest.mark.parametrize("module", [pickle, cloudpickle])
def test_a_decorated_function_pickles_by_its_name(name: str, module: Any) -> None:
    function = DECORATED[name]
    function(argument(name))

    assert pickle.loads(module.dumps(function)) is function


@every
def test_a_transformation_of_a_decorated_function_pickles(name: str) -> None:
    """The function inside has lost its name to the decorator's result."""
    twice = TRANSFORMATIONS["jit"](DECORATED[name])
    x = argument(name)

    assert numbers(pickle.loads(pickle.dumps(twice))(x)) == numbers(twice(x))


@every
@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy])
def test_a_copy_is_the_function_itself_as_of_any_function(
    name: str, how: Function
) -> None:
    for function in (TRANSFORMATIONS[name](cubic), DECORATED[name]):
        assert how(function) is function


@every
def test_cloudpickle_takes_functions_without_a_name(name: str) -> None:
    factor = 3.0
    function, x = TRANSFORMATIONS[name](lambda x: factor * x**3), argument(name)

    again = pickle.loads(cloudpickle.dumps(function))

    assert numbers(again(x)) == numbers(function(x))


@every
def test_signature_and_documentation_are_the_functions_own(name: str) -> None:
    function = TRANSFORMATIONS[name](cubic)

    assert inspect.signature(function) == inspect.signature(cubic)
    assert inspect.unwrap(function) is cubic
    assert inspect.getdoc(function) == inspect.getdoc(cubic)
    assert "The cube of a number." in pydoc.render_doc(function)
    assert function.__module__ == __name__


@every
def test_doctest_finds_a_decorated_function(name: str) -> None:
    module = type(sys)(__name__)
    module.cube = TRANSFORMATIONS[name](cubic)  # type: ignore[attr-defined]

    finder = doctest.DocTestFinder(exclude_empty=True)
    found = finder.find(module, __name__, module=False)

    assert [len(test.examples) for test in found] == [1]


def test_transformed_methods_bind_to_their_instance() -> None:
    holder = Holder()

    assert holder.slope(3.0) == 12.0
    np.testing.assert_array_equal(holder.rows(np.ones(3)), [2.0, 2.0, 2.0])
    assert list(inspect.signature(holder.slope).parameters) == ["x"]


def test_a_rule_given_later_is_pickled_too() -> None:
    """`defjvp` and `defvjp` are part of what is remembered of a function."""
    forward = wg.custom_jvp(squashed)
    forward.defjvp(wrong_tangent)
    backward = wg.custom_vjp(squashed)
    backward.defvjp(save_nothing, wrong_gradient)

    for function in (forward, backward):
        again = pickle.loads(pickle.dumps(function))
        assert wg.grad(again)(0.5) == wg.grad(function)(0.5) == 7.0


def squashed(x: float) -> Any:
    return np.tanh(x)


def wrong_tangent(primals: Any, tangents: Any) -> Any:
    return np.tanh(primals[0]), 7.0 * tangents[0]


def save_nothing(x: float) -> Any:
    return np.tanh(x), None


def wrong_gradient(_: None, g: float) -> Any:
    return (7.0 * g,)


def test_a_bound_method_pickles() -> None:
    holder = Holder()

    again = pickle.loads(pickle.dumps(holder.plain.func))

    assert again is Holder.plain


SCRIPT = """
import pickle, sys
import cloudpickle
import wengert as wg

@wg.jit
@wg.grad
def slope(x):
    return x**3

slope(2.0)
sys.stdout.buffer.write(cloudpickle.dumps((slope, wg.hessian(slope))))
"""


def test_cloudpickle_takes_the_functions_of_a_script_along() -> None:
    """Another process has another script: a name would be found nowhere, or wrong."""
    sent = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, check=True
    ).stdout

    slope, curvature = pickle.loads(sent)

    assert slope(2.0) == 12.0
    assert curvature(2.0) == pytest.approx(6.0)
