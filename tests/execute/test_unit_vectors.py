"""Jacobians whose rows or columns run in lanes: as one plain sweep each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from wengert import hessian, jacfwd, jacobian, jacrev
from wengert.execute import unit_vectors

X = np.linspace(0.1, 1.0, 40)


def products(x: Any) -> Any:
    """A number, from scalars: one that sorts itself into two branches."""
    total = 0.0
    for k in range(len(x)):
        term = x[k] * x[k - 1] * np.sin(x[k - 2])
        total = total + (term if term > 0.1 else term * term)
    return total


def recurrence(x: Any) -> Any:
    """As many numbers as `x` has, each depending on those before."""
    y, found = 0.0, []
    for k in range(len(x)):
        y = np.sin(y) + x[k] * x[k - 1]
        found.append(y)
    return np.stack(found)


CASES: list[tuple[Callable[..., Any], Any]] = [
    (hessian, products),
    (jacobian, recurrence),
    (jacfwd, recurrence),
    (jacrev, recurrence),
]


@pytest.mark.parametrize(("transform", "fun"), CASES)
def test_lanes_give_what_sweeps_give(
    transform: Any, fun: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unit_vectors, "LEAST_SWEEP", 0.0)
    monkeypatch.setattr(unit_vectors, "RECORD", 0.0)
    monkeypatch.setattr(unit_vectors, "COMPILE_SWEEP", 0.0)
    ran = []
    run_kernel = unit_vectors.run_kernel

    def watched(*args: Any) -> Any:
        ran.append(args)
        return run_kernel(*args)

    monkeypatch.setattr(unit_vectors, "run_kernel", watched)
    derivative = transform(fun)

    found = derivative(X), derivative(X[::-1])

    monkeypatch.setattr(unit_vectors, "RECORD", 1e9)
    assert len(ran) == 2 or not unit_vectors.native_engine()
    assert_allclose(found[0], derivative(X), rtol=1e-12, atol=1e-14)
    assert_allclose(found[1], derivative(X[::-1]), rtol=1e-12, atol=1e-14)


def test_small_jacobians_are_swept_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Any:
        raise AssertionError("lanes were compiled")

    monkeypatch.setattr(unit_vectors, "run_basis", refuse)

    assert_allclose(jacobian(np.square)(X[:10]), np.diag(2 * X[:10]))


def test_lanes_absorb_what_was_not_selected(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LEAST_SWEEP", "RECORD", "COMPILE_SWEEP"):
        monkeypatch.setattr(unit_vectors, name, 0.0)
    x = np.array([-1.0, 0.0, 4.0])

    found = jacrev(lambda t: np.where(t > 0, np.sqrt(np.abs(t)), 0.0))(x)

    assert_allclose(found, np.diag([0.0, 0.0, 0.25]))
