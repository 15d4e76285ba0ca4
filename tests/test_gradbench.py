"""The adapter to GradBench answers its protocol, in JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.transform import Rotation

from bench.gradbench import functions, ode_started
from bench.gradbench.answers import EVALS, FORMS, below_diagonal
from bench.gradbench.hand import Hand
from bench.gradbench.judged import apart
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


# Against complex steps, differences, SciPy and formulas that are known

STEP = 1e-100


def complex_step(function: Callable[..., Any], *args: Any) -> list[Any]:
    """Return the derivatives of a function by each argument, whose axes come last."""
    found = []
    for k, x in enumerate(args):
        ways = 1j * STEP * np.eye(np.size(x)).reshape(-1, *np.shape(x))
        ends = [function(*args[:k], x + way, *args[k + 1 :]) for way in ways]
        slopes = np.stack([np.imag(end) / STEP for end in ends], axis=-1)
        found.append(slopes.reshape(slopes.shape[:-1] + np.shape(x)))
    return found


def test_newton_moves_centroids_into_the_middle_of_what_is_near() -> None:
    points = np.random.default_rng(0).random((12, 2))
    centroids = points[-3:]
    given = {"points": points.tolist(), "centroids": centroids.tolist()}
    nearest = np.linalg.norm(points[:, None] - centroids, axis=2).argmin(axis=1)
    middles = [points[nearest == k].mean(axis=0) for k in range(3)]
    far = points - centroids[nearest]

    np.testing.assert_allclose(output("kmeans", "cost", given), np.sum(far**2))
    np.testing.assert_allclose(output("kmeans", "dir", given), centroids - middles)


def test_a_mixture_has_the_densities_of_scipy() -> None:
    rng, d, k, n = np.random.default_rng(0), 3, 2, 5
    alpha, mu, q, low, x = (
        rng.normal(size=size) for size in (k, (k, d), (k, d), (k, 3), (n, d))
    )
    given = {"d": d, "k": k, "m": 1, "gamma": 0.8, "x": x.tolist()}
    given |= {"alpha": alpha.tolist(), "mu": mu.tolist()}
    given |= {"q": q.tolist(), "l": low.tolist()}
    expected, likelihood = 0.0, np.zeros(n)
    for a, middle, logs, rest in zip(alpha, mu, q, low, strict=True):
        factor = np.diag(np.exp(logs))
        factor.T[np.triu_indices(d, 1)] = rest
        precision = factor.T @ factor
        normal = stats.multivariate_normal(middle, np.linalg.inv(precision))
        likelihood += np.exp(a) / np.sum(np.exp(alpha)) * normal.pdf(x)
        wishart = stats.wishart(d + 1 + 1, np.eye(d) / 0.8**2)
        expected += wishart.logpdf(precision)
    expected += np.sum(np.log(likelihood))
    below, _ = below_diagonal(d)
    slopes = complex_step(
        lambda *args: functions.gmm(*args, x, below, (0.8, 1)), alpha, mu, q, low
    )

    assert output("gmm", "objective", given) == pytest.approx(expected, rel=1e-12)
    answer = output("gmm", "jacobian", given)
    for found, slope in zip(answer.values(), slopes, strict=True):
        np.testing.assert_allclose(found, slope, rtol=1e-12, atol=1e-12)


def test_the_gradient_of_a_text_is_that_of_complex_steps() -> None:
    main, extra, *rest = (np.array(part) for part in TEXT.values())
    slopes = complex_step(lambda *both: functions.lstm(*both, *rest), main, extra)
    expected = np.concatenate([slope.ravel() for slope in slopes])

    found = output("lstm", "jacobian", TEXT)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


def test_views_are_turned_as_by_scipy_and_derived_as_by_complex_steps() -> None:
    camera = np.array([0.2, -0.1, 0.3, 0.1, 0.2, -4.0, 1.2, 0.01, 0.02, 0.03, 0.04])
    point, weight, feature = np.array([0.3, -0.2, 1.0]), 0.7, np.array([0.05, -0.1])
    given = {"n": 2, "m": 3, "p": 4, "cam": camera.tolist(), "x": point.tolist()}
    given |= {"w": weight, "feat": feature.tolist()}
    x, y, z = Rotation.from_rotvec(camera[:3]).apply(point - camera[3:6])
    seen = np.array([x, y]) / z
    bent = seen * (1 + 0.03 * np.sum(seen**2) + 0.04 * np.sum(seen**2) ** 2)
    parts = complex_step(
        lambda *args: functions.project(*args, feature), camera, point, weight
    )
    rows = np.concatenate((parts[0], parts[1], parts[2][:, None]), axis=1)
    columns = [*range(11), 22, 23, 24, 31]

    found = output("ba", "objective", given)
    np.testing.assert_allclose(
        found["reproj_error"]["elements"],
        weight * (1.2 * bent + camera[7:9] - feature),
        rtol=1e-12,
    )
    assert found["w_err"] == {"element": 1 - weight**2, "repeated": 4}
    found = output("ba", "jacobian", given)
    np.testing.assert_allclose(found["vals"][:30], rows.ravel(), rtol=1e-12, atol=1e-15)
    assert found["vals"][-1] == -2 * weight
    assert found["cols"] == [*columns, *columns, 34]


@pytest.mark.parametrize("has_triangles", [False, True])
def test_the_pose_of_a_hand_is_derived_as_by_differences(has_triangles: bool) -> None:
    rng, bones, vertices, points = np.random.default_rng(0), 22, 6, 4
    affine = np.broadcast_to(np.eye(4), (2, bones, 4, 4)).copy()
    affine[:, :, :3] += 0.1 * rng.normal(size=(2, bones, 3, 4))
    model = {
        "parents": [-1, *rng.integers(0, np.arange(1, bones)).tolist()],
        "base_relatives": affine[0].tolist(),
        "inverse_base_absolutes": affine[1].tolist(),
        "base_positions": [[*rng.normal(size=3), 1.0] for _ in range(vertices)],
        "weights": rng.random((vertices, bones)).tolist(),
        "is_mirrored": True,
        "triangles": [[0, 1, 2], [3, 4, 5]],
    }
    which = rng.integers(0, 2 if has_triangles else vertices, points)
    data = {"model": model, "correspondences": which.tolist()}
    data["points"] = rng.normal(size=(points, 3)).tolist()
    theta, us = 0.3 * rng.normal(size=26), rng.random((points, 2))
    given = {"data": data, "theta": theta.tolist()}
    given["us"] = us.tolist() if has_triangles else []
    hand = Hand(data)

    def errors(theta: Any, step: Any) -> Any:
        if not has_triangles:
            return hand.of_vertices(theta).ravel()
        return hand.of_triangles(theta, us + step).ravel()

    ways = [(np.zeros(26), step) for step in np.eye(2)] * has_triangles
    ways += [(turn, np.zeros(2)) for turn in np.eye(26)]
    columns = [
        errors(theta + 1e-6 * turn, 1e-6 * step)
        - errors(theta - 1e-6 * turn, -1e-6 * step)
        for turn, step in ways
    ]
    expected = np.transpose(columns) / 2e-6

    found = output("ht", "objective", given)
    np.testing.assert_allclose(found, errors(theta, 0.0), rtol=1e-12)
    found = output("ht", "jacobian", given)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


def descended(value: Callable[[Any], Any], start: Any) -> Any:
    """Return where plain NumPy descends to by complex steps."""
    return functions.descend(value, lambda x: complex_step(value, x)[0], start)


#: The outer derivative's mode and the inner one's.
MODES = ["ff", *(pytest.param(m, marks=pytest.mark.slow) for m in ("rr", "fr", "rf"))]


@pytest.mark.parametrize("modes", MODES)
def test_a_charge_is_put_where_the_particle_lands_right(modes: str) -> None:
    def push(z: Any, w: Any) -> Any:
        a, b = z - np.array([10.0, 10.0 - w]), z - np.array([10.0, 0.0])
        return -a / np.sum(a**2) ** 1.5 - b / np.sum(b**2) ** 1.5

    expected = descended(lambda w: functions.landing(w[0], push), np.zeros(1))

    found = output("particle", modes, {"w": 0.0}, "structured")
    assert found == pytest.approx(expected[0], rel=1e-12)


@pytest.mark.parametrize("modes", MODES)
def test_a_saddle_is_found_where_complex_steps_lead(modes: str) -> None:
    start = np.ones(2)

    def worst(x: Any) -> Any:
        return functions.descend(
            lambda y: np.sum(y**2) - np.sum(x**2), lambda y: 2 * y, start
        )

    x = descended(lambda x: functions.saddle(x, worst(x)), start)

    found = output("saddle", modes, {"start": [1.0, 1.0]})
    np.testing.assert_allclose(found, [*x, *worst(x)], rtol=1e-12)


def test_how_far_answers_are_apart_is_told_of_each_arrays_largest_element() -> None:
    expected = {"elements": [1e-8, -4e-6], "repeated": 2}

    assert apart(expected, expected) == 0.0
    assert apart(expected, expected | {"elements": [2e-8, -4e-6]}) == 1e-8 / 4e-6
    assert apart([[0.0, 0.0]], [[0.0, 1e-9]]) == 1e-9
