"""The public names of `wengert`."""

import inspect
import math
import re
import subprocess
import sys

import pytest

import wengert
from wengert import errors, nodes
from wengert.core.operation import REGISTRY
from wengert.core.tape import CompNode, node_class

TRANSFORMATIONS = [
    "grad",
    "value_and_grad",
    "jacobian",
    "jacrev",
    "jacfwd",
    "value_and_jacobian",
    "hessian",
    "value_and_hessian",
    "hessian_sparsity",
    "jacobian_sparsity",
    "hvp",
    "jvp",
    "vjp",
    "linearize",
    "stop_gradient",
    "black_box",
    "checkpoint",
    "scan",
    "map",
    "cond",
    "switch",
    "while_loop",
    "fori_loop",
    "custom_jvp",
    "custom_vjp",
    "rule",
    "record",
    "check_grads",
    "taylor_test",
    "value_grad_and_hessian",
    "jit",
    "vmap",
]
WITHOUT_COST = {"taylor_test"}


@pytest.mark.parametrize("name", wengert.__all__)
def test_every_exported_name_exists_and_is_documented(name: str) -> None:
    value = getattr(wengert, name)

    assert (inspect.getdoc(value) or "").strip()


def test_no_name_is_exported_twice() -> None:
    assert sorted(set(wengert.__all__)) == sorted(wengert.__all__)


@pytest.mark.parametrize("name", TRANSFORMATIONS)
def test_every_transformation_is_exported(name: str) -> None:
    assert name in wengert.__all__


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_is_exported_and_shows_its_repair(name: str) -> None:
    error = getattr(wengert, name)

    assert name in wengert.__all__
    assert error is wengert.WengertError or "Repair:" in (error.__doc__ or "")


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_every_operation_has_an_exported_node_class(name: str) -> None:
    kind = node_class(REGISTRY[name])

    assert issubclass(kind, CompNode)
    assert getattr(wengert, kind.__name__) is kind
    assert getattr(nodes, kind.__name__) is kind


def public(value: object) -> list[str]:
    """The names that a completion offers."""
    return [name for name in dir(value) if not name.startswith("_")]


def test_the_names_of_the_package_are_those_that_users_need() -> None:
    """Node classes are importable from there all the same, and listed in `nodes`."""
    classes = {kind._generated.name for kind in nodes.node_classes().values()}

    assert public(wengert) == sorted([*wengert.__all__, "nodes"])
    assert {"CompNode", "ConstantNode", "grad", "jit"} <= set(public(wengert))
    assert set(public(wengert)) & nodes.node_classes().keys() == {"ConstantNode"}
    assert public(nodes) == sorted(nodes.node_classes())
    assert classes == REGISTRY.keys()


def test_a_jitted_function_shows_what_a_user_asks_it() -> None:
    fast = wengert.jit(math.sin)

    assert sorted(public(fast)) == [
        "clear",
        "paths",
        "plan",
        "report",
        "strict",
        "wait",
    ]
    assert "__wrapped__" in dir(fast)


MADE = {
    "grad": wengert.grad,
    "jacobian": wengert.jacobian,
    "hessian": wengert.hessian,
    "value_and_hessian": wengert.value_and_hessian,
    "vmap": wengert.vmap,
    "black_box": wengert.black_box,
    "checkpoint": wengert.checkpoint,
    "rule": wengert.rule,
    "custom_jvp": wengert.custom_jvp,
    "custom_vjp": wengert.custom_vjp,
}


@pytest.mark.parametrize("name", MADE)
def test_a_transformed_function_hides_its_workings(name: str) -> None:
    verbs = {
        "custom_jvp": ["defjvp", "defjvps"],
        "custom_vjp": ["defvjp"],
        "vmap": ["report"],
    }

    assert public(MADE[name](math.sin)) == verbs.get(name, [])


FUNCTIONS = [
    name
    for name in wengert.__all__
    if inspect.isfunction(getattr(wengert, name)) or name.startswith("custom_")
]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_says_what_to_see_also(name: str) -> None:
    doc = inspect.getdoc(getattr(wengert, name)) or ""
    section = re.search(r"^See Also\n-+\n(.*)$", doc, re.M)
    assert section is not None

    others = section[1].split(", ")
    assert [other for other in others if other not in wengert.__all__] == []
    assert name not in others


@pytest.mark.parametrize("name", [n for n in TRANSFORMATIONS if n not in WITHOUT_COST])
def test_every_transformation_states_its_cost(name: str) -> None:
    doc = inspect.getdoc(getattr(wengert, name)) or ""

    assert re.search(r"^Cost: [A-Z].{20}", doc, re.M)


def test_no_two_operations_share_a_node_class_name() -> None:
    assert len(nodes.node_classes()) == len(REGISTRY)


def test_node_classes_have_the_numpy_name() -> None:
    from wengert import Add, Arctan2, BroadcastTo, MatMul, Multiply, Sin

    kinds = (Add, Arctan2, BroadcastTo, MatMul, Multiply, Sin)
    names = [kind._generated.name for kind in kinds]
    assert names == ["add", "arctan2", "broadcast_to", "matmul", "multiply", "sin"]


def test_importing_wengert_leaves_numpy_as_it_was() -> None:
    code = (
        "import numpy as np; before = dict(vars(np)); import wengert; "
        "print([k for k in before if vars(np)[k] is not before[k]])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert found.stdout == "[]\n"
