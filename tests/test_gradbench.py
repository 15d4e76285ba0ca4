"""The adapter to GradBench answers its protocol, in JSON."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from bench.gradbench import ode_started
from bench.gradbench.answers import EVALS, FORMS
from bench.gradbench.protocol import answered


def output(module: str, function: str, given: Any, form: str = "plain") -> Any:
    """Return what is answered, through JSON."""
    message = {"id": 7, "kind": "evaluate", "module": module, "function": function}
    message["input"] = json.loads(json.dumps(given))
    response = answered(message, FORMS[form])
    assert response["success"], response.get("error")
    assert {t["name"] for t in response["timings"]} == {"compile", "evaluate"}
    return json.loads(json.dumps(response))["output"]


def test_every_eval_is_answered() -> None:
    names = "hello llsq lse ode det kmeans gmm lstm ba ht particle saddle"
    assert set(EVALS) == set(names.split())
    assert answered({"id": 0, "kind": "start"}, EVALS)["tool"] == "wengert"
    assert not answered({"id": 1, "kind": "define", "module": "x"}, EVALS)["success"]


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


TEXT = {
    "main_params": np.linspace(-1.0, 1.0, 48).reshape(4, 12).tolist(),
    "extra_params": np.cos(np.arange(9.0)).reshape(3, 3).tolist(),
    "state": np.sin(np.arange(12.0)).reshape(4, 3).tolist(),
    "sequence": [[0, 1, 1], [1, 0, 1], [1, 1, 0], [0, 0, 1], [1, 0, 0]],
}
LOOPS = {
    "llsq": {"x": [0.3, -0.4, 0.8], "n": 9},
    "ode": {"x": [0.3, 0.9, 0.4], "s": 3, "start": 1.0},
    "lstm": TEXT,
    "particle": {"w": 0.0},
    "saddle": {"start": [1.0, 1.0]},
}


@pytest.mark.parametrize(
    ("module", "function"),
    [
        (module, function)
        for module in ("llsq", "ode", "lstm")
        for function in EVALS[module]
    ]
    + [("particle", "fr"), ("saddle", "rr")],
)
def test_structured_loops_answer_as_plain_ones(module: str, function: str) -> None:
    plain, found = (output(module, function, LOOPS[module], form) for form in FORMS)

    np.testing.assert_allclose(found, plain, rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("modes", ["rr", "ff", "fr", "rf"])
def test_saddles_are_found_in_all_modes(modes: str) -> None:
    found = output("saddle", modes, {"start": [1.0, 1.0]})

    np.testing.assert_allclose(found, np.zeros(4), atol=1e-3)
