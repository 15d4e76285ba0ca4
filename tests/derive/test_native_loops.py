"""While a jitted function is recorded, native code does its long structured loops."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.derive import steps, while_loops
from wengert.execute import costs, engine, jit, native

ROWS = np.linspace(0.0, 1.0, 300)

pytestmark = pytest.mark.skipif(
    not engine.native_engine() or native.flags() is None,
    reason="native code is off, or what it raises is not known",
)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let short loops be long ones, and no call wait in vain."""
    monkeypatch.setattr(steps, "LONG", 1)
    monkeypatch.setattr(costs, "PLAYS", 0)
    monkeypatch.setattr(jit, "play_seconds", lambda tape: 60.0)
    native.KEPT.clear()


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Note for every loop that is no sweep whether native code did it."""
    found: list[bool] = []
    natively = steps.Body.natively

    def noted(self: steps.Body, *how: Any) -> Any:
        result = natively(self, *how)
        if not self.is_swept:
            found.append(result is not None)
        return result

    rest = while_loops.natively

    def noted_rest(cond: Any, body: steps.Body, *how: Any) -> Any:
        result = rest(cond, body, *how)
        if not body.is_swept:
            found.append(result is not None)
        return result

    monkeypatch.setattr(steps.Body, "natively", noted)
    monkeypatch.setattr(while_loops, "natively", noted_rest)
    return found


def of_numbers(x: Any) -> Any:
    return wg.scan(lambda c, t: (np.tanh(c * x) + np.sin(t) * c, c), x, ROWS)


def of_arrays(x: Any) -> Any:
    def step(c: Any, t: Any) -> Any:
        return {"y": c["y"] + 0.01 * np.sin(c["y"][::-1] * x) * t, "n": c["n"] + 1}, t

    return wg.scan(step, {"y": np.ones(3) * x, "n": 0}, ROWS, reverse=True)


def of_floats(x: Any) -> Any:
    rows = ROWS.astype(np.float32)
    return wg.scan(
        lambda c, t: (c * np.float32(0.5) + t, c), np.float32(1) + 0 * x, rows
    )


def of_places(x: Any) -> Any:
    return wg.fori_loop(0, 300, lambda i, c: 0.9 * c + np.cos(i * x), x)


def nested(x: Any) -> Any:
    def step(c: Any, t: Any) -> Any:
        return wg.fori_loop(0, 5, lambda i, c: 0.9 * c + t * np.cos(i * x), c), c

    return wg.scan(step, x, ROWS)


def deciding(x: Any) -> Any:
    def step(c: Any, t: Any) -> Any:
        return wg.cond(c > 0.5, lambda c: 0.9 * c, lambda c: c + x * t, c), None

    return wg.scan(step, x, ROWS)


def going_on(x: Any) -> Any:
    def step(carry: Any) -> Any:
        c, k = carry
        return np.tanh(c * x) + 0.1 * (k % 30), k + 1

    return wg.while_loop(lambda carry: carry[1] < 300, step, (x, 0))


def descending(x: Any) -> Any:
    """Return where a loop over loops, and over their derivatives, comes to rest."""

    def far(a: Any) -> Any:
        start = a, 0
        return wg.while_loop(
            lambda c: c[1] < 20,
            lambda c: (0.9 * c[0] + 0.1 * np.cos(x * a), c[1] + 1),
            start,
        )[0]

    def step(carry: Any) -> Any:
        a, k = carry
        down = wg.cond(far(a) > 0.2, wg.grad(far), lambda a: 0.5 * a, a)
        return a - 0.1 * down, k + 1

    return wg.while_loop(lambda carry: carry[1] < 40, step, (1.0 + 0 * x, 0))[0]


LOOPS = [
    of_numbers,
    of_arrays,
    of_floats,
    of_places,
    nested,
    deciding,
    going_on,
    descending,
]


def leaves(found: Any) -> list[Any]:
    if isinstance(found, dict):
        return [leaf for part in found.values() for leaf in leaves(part)]
    if isinstance(found, tuple):
        return [leaf for part in found for leaf in leaves(part)]
    return [] if found is None else [found]


@pytest.mark.parametrize("f", LOOPS, ids=lambda f: f.__name__)
def test_a_recording_has_the_numbers_of_plain_steps(f: Any, done: list[bool]) -> None:
    expected = leaves(f(0.7))
    jitted = wg.jit(f)
    for _ in range(4):
        found = leaves(jitted(0.7))
        assert [np.dtype(type(x)) if np.ndim(x) == 0 else x.dtype for x in found] == [
            np.dtype(type(x)) if np.ndim(x) == 0 else x.dtype for x in expected
        ]
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(
                one, other, rtol=1e-5 if f is of_floats else 1e-12
            )
    assert any(done)

    def total(x: Any) -> Any:
        return sum(np.sum(leaf * 1.0) for leaf in leaves(f(x)))

    if f is not of_floats:
        slope = wg.jit(wg.grad(total))
        for _ in range(3):
            np.testing.assert_allclose(slope(0.7), wg.grad(total)(0.7), rtol=1e-11)


#: Steps at which NumPy warns, though the last carried number is finite.
TELLING = {
    "overflow": lambda c, t: 1 / (1 + np.exp(800.0 + c * t)),
    "divide by zero": lambda c, t: 1 / (1 + 1 / (t * 0.0)) + 0 * c,
    "log of zero": lambda c, t: np.exp(np.log(t * (t > 0.5))) * 0.5 + 0 * c,
    "invalid": lambda c, t: np.fmax(np.sqrt(t - 0.5), 0.1 * c),
    "whole numbers": lambda c, t: c + 1 // np.asarray(100 * t - 50, np.int64),
}


def scanned(step: Any, x: Any) -> Any:
    return wg.scan(lambda c, t: (step(c, t), None), 0.5, x)[0]


def awaited(step: Any, x: Any) -> Any:
    return wg.while_loop(
        lambda c: c[1] < 300, lambda c: (step(c[0], x[c[1]]), c[1] + 1), (0.5, 0)
    )[0]


@pytest.mark.parametrize("loop", [scanned, awaited])
@pytest.mark.parametrize("name", TELLING)
def test_numpy_warns_where_it_does_without(
    name: str, loop: Any, monkeypatch: pytest.MonkeyPatch, done: list[bool]
) -> None:
    def f(x: Any) -> Any:
        return loop(TELLING[name], x)

    def warned() -> list[str]:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            assert np.isfinite(wg.jit(f)(ROWS))
        return sorted({str(w.message) for w in told})

    found = warned()
    assert done
    monkeypatch.setattr(steps, "LONG", 1 << 60)
    assert found
    assert found == warned()


def test_a_long_loop_is_native_from_its_third_call_on() -> None:
    jitted = wg.jit(wg.grad(lambda x: of_numbers(x)[0]))
    jitted(0.7), jitted(0.7)
    (path,) = jitted.paths()
    assert path.job is not None
    expected = wg.grad(lambda x: of_numbers(x)[0])(0.7)
    np.testing.assert_allclose(jitted(0.7), expected, rtol=1e-11)
    assert path.kernels
    assert not path.tier.tried


def test_a_loop_is_compiled_once_for_all_recordings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compiled: list[Any] = []
    original = native.compile_loops

    def noted(*given: Any) -> Any:
        compiled.append(given)
        return original(*given)

    monkeypatch.setattr(native, "compile_loops", noted)
    for _ in range(3):
        wg.jit(lambda x: of_numbers(x)[0])(0.7)
    assert len(compiled) == 1


def test_where_zeros_absorb_at_first_the_second_call_is_native() -> None:
    """A gradient whose adjoint overflows where what it is multiplied by is zero."""

    def last(x: Any) -> Any:
        return wg.scan(lambda c, t: (c * x, None), 0.0 * x, np.zeros(2000))[0]

    slope = wg.jit(wg.grad(last), wait=True)
    with np.errstate(all="ignore"):
        expected = wg.grad(last)(3.0)
    np.testing.assert_array_equal(slope(3.0), expected)
    (path,) = slope.paths()
    assert len(path.kernels) == 2
    spent = path.tier.spent
    np.testing.assert_array_equal(slope(3.0), expected)
    assert path.tier.spent == spent
