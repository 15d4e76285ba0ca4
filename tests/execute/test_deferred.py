"""Large results of a recording, whose numbers are computed when somebody asks."""

from __future__ import annotations

import tracemalloc
import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as wg
from tests.programs.fuzz import judge
from wengert.capture import array, deferred
from wengert.execute import jit
from wengert.execute.engine import native_engine

#: Elements whose results are not computed at once.
MANY = 1 << 18
POINTS = np.linspace(-2.0, 3.0, MANY)
#: Ways to call a function for the first time.
WAYS = pytest.mark.parametrize("waits", [False, True])


def distances(centres: Any, points: Any) -> Any:
    apart = points[:, None, :] - centres[None, :, :]
    return np.sum(np.min(np.sum(apart**2, axis=2), axis=1))


def direction(centres: Any, points: Any) -> Any:
    slope = wg.grad(lambda c: distances(c, points))
    first, second = wg.jvp(slope, (centres,), (np.ones_like(centres),))
    return first / second


def clouds(n: int, k: int, d: int = 4) -> tuple[Any, Any]:
    random = np.random.default_rng(3)
    points = random.random((n, d))
    return points[:k] + 0.01 * random.random((k, d)), points


def written(x: Any) -> Any:
    y = x * 2.0
    view = y[3:10]
    view[...] = 7.0
    y[0] = 5.0
    rows = y.reshape(4, -1)
    rows[1, :2] = x[:2]
    return y + 1.0, view, rows


def branching(x: Any) -> Any:
    y = np.exp(x) - 1.0
    return y * 2.0 if np.sum(y) > 0 else y * 3.0


def kinds(x: Any) -> Any:
    where = np.where(x > 0.5, x, 0.0)
    root = np.sqrt(np.abs(where)) + x.real
    total = np.sum(root) + np.max(root)
    return root[::2], root.reshape(2, -1).T, total, root > 0.3, np.sum(x > 0), x[5]


def columns(x: Any) -> Any:
    table = (x * 1.5).reshape(512, -1)
    return table.sum(axis=0), table.max(axis=1, keepdims=True), table[3], table[:, 1]


PROGRAMS: dict[str, Callable[[Any], Any]] = {
    "elementwise": lambda x: np.sin(x) * x + 0.5 * np.exp(-x * x),
    "written": written,
    "branching": branching,
    "kinds": kinds,
    "columns": columns,
    "mean": lambda x: np.mean((x - np.mean(x)) ** 2),
    "in place": lambda x: [x.__imul__(2.0) + 1.0, x],
    "single": lambda x: np.sum(x.astype(np.float32) * 2),
    "sorted": lambda x: np.sort(-x * 2.0)[:10],
    "cumulative": lambda x: np.cumsum(x * 2.0)[-3:],
    "product": lambda x: (x * 2.0).reshape(512, -1) @ np.ones(MANY // 512),
    "complex": lambda x: np.abs(x * 2.0 + 1j * x),
    "itself": lambda x: (x, +x, x * 1.0),
    "same twice": lambda x: [x * 2.0] * 2,
}


def leaves(value: Any) -> list[Any]:
    if isinstance(value, (list, tuple)):
        return [leaf for part in value for leaf in leaves(part)]
    return [value]


@WAYS
@pytest.mark.parametrize("name", PROGRAMS)
def test_every_call_answers_as_numpy_does(name: str, waits: bool) -> None:
    f = PROGRAMS[name]
    fast = wg.jit(f, wait=waits)
    with np.errstate(all="ignore"):
        for k in range(3):
            x = POINTS + 0.1 * k
            expected, before = leaves(f(x.copy())), x.copy()
            found = leaves(fast(x))
            assert np.array_equal(x, before)
            for own, like in zip(found, expected, strict=True):
                assert type(own) is type(like)
                assert own.dtype == like.dtype
                rtol = 1e-12 if like.dtype.itemsize != 4 else 1e-6
                np.testing.assert_allclose(own, like, rtol=rtol, atol=1e-13)


@WAYS
@pytest.mark.parametrize("name", ["elementwise", "mean", "branching", "kinds"])
def test_gradients_are_those_of_the_complex_step(name: str, waits: bool) -> None:
    def total(x: Any) -> Any:
        return sum(np.sum(part) for part in leaves(PROGRAMS[name](x))[:1])

    fast = wg.jit(wg.grad(total), wait=waits)
    for k in range(3):
        x = POINTS + 0.1 * k
        np.testing.assert_allclose(fast(x), wg.grad(total)(x), rtol=1e-11, atol=1e-13)
        at, h = 1000 * k + 77, 1e-6
        ends = [total(x + h * sign * np.eye(1, MANY, at)[0]) for sign in (1, -1)]
        slope = (ends[0] - ends[1]) / (2 * h)
        assert np.isclose(fast(x)[at], slope, rtol=1e-3, atol=1e-3)


@WAYS
def test_a_direction_of_many_distances_is_newtons(waits: bool) -> None:
    centres, points = clouds(3000, 40)
    nearest = np.argmin(((points[:, None] - centres) ** 2).sum(axis=2), axis=1)
    fast = wg.jit(direction, wait=waits)

    for _ in range(3):
        found = fast(centres, points)

        means = np.stack([points[nearest == k].mean(axis=0) for k in range(40)])
        np.testing.assert_allclose(found, centres - means, rtol=1e-9, atol=1e-12)


@pytest.mark.skipif(not native_engine(), reason="the engine is off")
@WAYS
def test_a_first_call_holds_no_array_of_all_distances(waits: bool) -> None:
    centres, points = clouds(4000, 500)
    fast = wg.jit(direction, wait=waits)

    for _ in range(3):
        tracemalloc.start()
        fast(centres, points)
        held = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

        assert held < 8 * 4000 * 500 * 4 / 2  # half of one such array


LOUD: dict[str, tuple[Callable[[Any], Any], str]] = {
    "divide": (lambda x: 1.0 / (x * 0.0), "divide by zero"),
    "log": (lambda x: np.log(np.abs(x - x[7])), "divide by zero"),
    "overflow": (lambda x: np.exp(x * 1e3), "overflow"),
    "product": (lambda x: np.sum((x * 1e200) * (x * 1e200)), "overflow"),
    "invalid": (lambda x: np.sqrt(x * 1.0), "invalid value"),
    "hidden": (lambda x: np.where(x > 0, np.sqrt(x), 0.0), "invalid value"),
    "swallowed": (lambda x: np.minimum(np.exp(x * 1e3), 1.0), "overflow"),
    "unread": (lambda x: [x * 2.0, np.log(x * 0.0)][0], "divide by zero"),
    "few of many": (lambda x: (2.0 * np.sqrt(x))[-3:], "invalid value"),
    "with a gradient": (lambda x: wg.grad(lambda y: np.sum(1 / y))(x - x[7]), "divide"),
}


@WAYS
@pytest.mark.parametrize("name", LOUD)
def test_a_first_call_warns_as_numpy_does(name: str, waits: bool) -> None:
    f, text = LOUD[name]
    with pytest.warns(RuntimeWarning, match=text) as caught:
        wg.jit(f, wait=waits)(POINTS)

    assert {warning.filename for warning in caught} == {__file__}


@WAYS
@pytest.mark.parametrize("name", LOUD)
def test_nobody_is_warned_who_asked_for_silence(name: str, waits: bool) -> None:
    f, _ = LOUD[name]

    def quiet(x: Any) -> Any:
        with np.errstate(all="ignore"):
            return f(x)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        wg.jit(quiet, wait=waits)(POINTS)


@WAYS
def test_numpy_raises_where_a_function_asks_for_it(waits: bool) -> None:
    def checked(x: Any) -> Any:
        with np.errstate(divide="raise"):
            return 1.0 / (x * 0.0)

    with pytest.raises(FloatingPointError):
        wg.jit(checked, wait=waits)(POINTS)


@WAYS
def test_shapes_that_do_not_fit_are_numpys_error(waits: bool) -> None:
    with pytest.raises(ValueError, match="could not be broadcast") as error:
        wg.jit(lambda x: x * 2.0 + x[1:] * 3.0, wait=waits)(POINTS)

    assert str(MANY - 1) in str(error.value)


@WAYS
def test_zeros_absorb_what_is_not_finite(waits: bool) -> None:
    def f(x: Any) -> Any:
        return np.sum(np.where(x != 0, np.sqrt(np.abs(x)), 0.0))

    x = POINTS.copy()
    x[:5] = 0.0
    fast = wg.jit(wg.grad(f), wait=waits)
    with np.errstate(all="ignore"):
        for _ in range(3):
            found = fast(x)
            assert np.all(found[:5] == 0.0)
            assert np.all(np.isfinite(found))


def test_a_write_after_a_result_was_deferred_does_not_change_it() -> None:
    def f(x: Any) -> Any:
        y = x * 2.0
        x[:] = 0.0
        z = y * x
        y[:3] = 1.0
        return z, y

    fast = wg.jit(f, wait=True)
    for _ in range(2):
        z, y = fast(POINTS.copy())
        assert not z.any()
        assert np.array_equal(y[3:], 2.0 * POINTS[3:])
        assert np.array_equal(y[:3], np.ones(3))


@pytest.fixture
def all_deferred(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let results of any size be computed when somebody asks for them."""
    monkeypatch.setattr(deferred, "LARGE", 1)
    monkeypatch.setattr(array, "MOSTLY", 1)
    monkeypatch.setattr(jit, "MOSTLY", 1)


@pytest.mark.one_in(2)
@pytest.mark.usefixtures("all_deferred")
@pytest.mark.parametrize("seed", range(7000, 7040))
def test_random_programs_answer_as_numpy_does(seed: int) -> None:
    counts: Counter[str] = Counter()

    _, found = judge(seed, counts)

    assert not found, found


def test_a_write_through_a_view_is_not_seen_by_what_was_deferred_before() -> None:
    def f(x: Any) -> Any:
        y = np.sin(x)
        view = y[None]
        before = y * 3.0
        view[0] = y * 2.0
        return before, y, view

    fast = wg.jit(f)
    for _ in range(3):
        for own, factor in zip(fast(POINTS), (3.0, 2.0, 2.0), strict=True):
            np.testing.assert_allclose(own.ravel(), factor * np.sin(POINTS), rtol=1e-14)


def test_a_loop_that_asks_in_every_step_defers_nothing_for_long() -> None:
    def heat(x: Any) -> Any:
        y = x * 1.0
        for _ in range(30):
            y[1:-1] = y[1:-1] + 0.1 * (y[2:] - 2.0 * y[1:-1] + y[:-2])
        return y

    fast = wg.jit(heat)
    np.testing.assert_allclose(fast(POINTS), heat(POINTS), rtol=1e-12)

    tape = fast.paths()[0].recording
    assert tape.asked == deferred.MOST_ASKED
    assert len(tape.deferred) < len(tape) / 2


def of_eigh(a: Any) -> Any:
    w, v = np.linalg.eigh(a + a.T)
    return np.sum(w**2) + np.sum(v**4 * a)


def of_svd(a: Any) -> Any:
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    return np.sum(s**2) + np.sum((u * vh) ** 2 * a)


@pytest.mark.parametrize("f", [of_eigh, of_svd])
def test_what_is_computed_late_may_have_several_results(f: Any) -> None:
    """Their types were asked for a dtype where arrays were large."""
    a = np.random.default_rng(0).normal(size=(500, 500))
    jitted = wg.jit(wg.grad(f))

    for _ in range(3):
        found = jitted(a)
    np.testing.assert_allclose(found, wg.grad(f)(a), rtol=1e-9, atol=1e-9)
