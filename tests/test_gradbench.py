"""The adapter to GradBench answers its protocol, in JSON."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from bench.gradbench import ode_started
from bench.gradbench.answers import ANSWERS, EVALS
from bench.gradbench.protocol import answered


def output(module: str, function: str, given: Any) -> Any:
    """Return what is answered, through JSON."""
    message = {"id": 7, "kind": "evaluate", "module": module, "function": function}
    response = answered(message | {"input": json.loads(json.dumps(given))}, ANSWERS)
    assert response["success"], response.get("error")
    assert {t["name"] for t in response["timings"]} == {"compile", "evaluate"}
    return json.loads(json.dumps(response))["output"]


def test_every_eval_is_answered() -> None:
    assert " ".join(EVALS) == (
        "hello llsq lse ode det kmeans gmm lstm ba ht particle saddle"
    )
    assert answered({"id": 0, "kind": "start"}, ANSWERS)["tool"] == "wengert"
    assert not answered({"id": 1, "kind": "define", "module": "x"}, ANSWERS)["success"]


def test_gradients_are_those_of_differences() -> None:
    x, h = np.array([0.3, -0.4, 0.8]), 1e-6
    for name, more in (("llsq", {"n": 9}), ("lse", {})):
        found = output(name, "gradient", {"x": x.tolist(), **more})
        ends = [
            [
                output(name, "primal", {"x": (x + s * h * e).tolist(), **more})
                for s in (1, -1)
            ]
            for e in np.eye(3)
        ]
        expected = [(up - down) / (2 * h) for up, down in ends]
        np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9)
    assert output("hello", "double", 3) == 6.0


def test_a_determinant_by_minors_has_the_adjugate_as_gradient() -> None:
    a = np.array([[2.0, -1.0, 0.5], [0.3, 1.5, -0.7], [1.0, 0.2, 3.0]])
    given = {"A": a.ravel().tolist(), "ell": 3}
    adjugate = np.linalg.det(a) * np.linalg.inv(a).T

    np.testing.assert_allclose(output("det", "primal", given), np.linalg.det(a))
    np.testing.assert_allclose(output("det", "gradient", given), adjugate.ravel())


def test_an_equation_may_start_elsewhere() -> None:
    given = {"x": [0.3, 0.9, 0.4], "s": 3, "start": ode_started.START}
    for function in ("primal", "gradient"):
        found = output("ode", function, given)
        ode_started.check(function, given, found)
    with pytest.raises(AssertionError):
        ode_started.check("gradient", given, np.multiply(found, 1 + 1e-9))


@pytest.mark.slow
@pytest.mark.parametrize("modes", ["rr", "ff", "fr", "rf"])
def test_saddles_are_found_in_all_modes(modes: str) -> None:
    found = output("saddle", modes, {"start": [1.0, 1.0]})

    np.testing.assert_allclose(found, np.zeros(4), atol=1e-3)
