"""The public names of `wengert`."""

import inspect
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
    "hvp",
    "jvp",
    "vjp",
    "linearize",
    "stop_gradient",
    "checkpoint",
    "custom_jvp",
    "custom_vjp",
    "rule",
    "record",
    "check_grads",
    "taylor_test",
]


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
