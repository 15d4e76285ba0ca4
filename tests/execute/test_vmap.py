"""`vmap`: as a loop of eager calls, at every width, in any order."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import wengert
from tests.programs.generate import generate
from tests.programs.judge import Judge
from tests.programs.ways import run
from tests.threads import at_once
from wengert import grad, hessian, jit, jvp, record, value_and_grad, vmap
from wengert.emit.refusal import NotLoweredError
from wengert.errors import ArgumentError, GuardError, RecordingError
from wengert.execute import turn
from wengert.execute.engine import native_engine
from wengert.execute.turn import MOST_MISSES

LANES = (1, 2, 4, 8)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(37, 3))
Y = RNG.normal(size=37)
# Sums in lanes and blocks are taken in another order: 1001 terms of size 1.
SUMMED: dict[str, Any] = {"rtol": 1e-12, "atol": 1e-12}


def three_paths(x: Any, s: Any) -> Any:
    """A function with three paths, each smooth."""
    t = np.sum(np.sin(x) * s)
    if t > 0.3:
        return t * t
    if x[0] > 0:
        return np.exp(-t)
    return x[1] * t


def newton(a: Any) -> Any:
    """The square root by Newton's method: as many paths as numbers of steps."""
    y, steps = 1.0 * a + 1, 0
    while abs(y * y - a) > 1e-12 * a and steps < 60:
        y, steps = 0.5 * (y + a / y), steps + 1
    return y


def by_loop(fun: Callable[..., Any], *arguments: Any) -> Any:
    """A Python loop of calls, stacked."""
    return np.stack([fun(*row) for row in zip(*arguments, strict=True)])


# Agreement


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("lanes", LANES)
def test_rows_agree_with_a_loop_at_every_width(lanes: int, threads: int) -> None:
    for fun in (three_paths, grad(three_paths)):
        found = vmap(fun, lanes=lanes, threads=threads)(X, Y)

        assert_allclose(found, by_loop(fun, X, Y), rtol=1e-12)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 9, 64, 65])
def test_every_number_of_rows_is_right(count: int) -> None:
    x = np.linspace(-2, 2, count)

    found = vmap(grad(lambda t: np.sin(t) * t), lanes=8)(x)

    assert_allclose(found, np.cos(x) * x + np.sin(x), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("part", range(2))
def test_random_programs_agree_with_a_loop(part: int) -> None:
    for number in range(10 * part, 10 * part + 10):
        judge = Judge(generate(number, "analytic"))
        assert run(judge, ("vmap", "vmap(grad)")) == []


def test_many_paths_are_each_right() -> None:
    a = RNG.uniform(0.01, 1e6, 500)
    batched = vmap(newton)

    for numbers in (a, a[::-1], a[:100]):
        assert_array_equal(batched(numbers), [newton(t) for t in numbers])


@pytest.mark.parametrize("max_paths", [0, 1, 3])
def test_rows_beyond_the_limit_of_paths_are_right(max_paths: int) -> None:
    a = RNG.uniform(0.01, 1e6, 50)

    found = vmap(newton, max_paths=max_paths)(a)

    assert_array_equal(found, [newton(t) for t in a])


def test_results_do_not_depend_on_threads() -> None:
    x = RNG.normal(size=50_000)

    def total(a: Any, threads: int) -> Any:
        fun = vmap(
            lambda a, t: np.sin(a * t) if t > -1 else a * t,
            (None, 0),
            threads=threads,
        )
        return np.sum(fun(a, x))

    one, many = (grad(total)(1.1, threads) for threads in (1, 4))
    assert one == many


def test_zeros_absorb_what_is_not_finite() -> None:
    x = np.array([-1.0, 0.0, 1.0, 4.0])
    slope = grad(lambda t: np.where(t > 0, np.sqrt(np.abs(t)), 0.0))

    assert_array_equal(vmap(slope)(x), by_loop(slope, x))


def test_results_that_are_nan_are_nan() -> None:
    x = np.array([-1.0, 4.0])

    with np.errstate(invalid="ignore"):
        assert_array_equal(vmap(np.sqrt)(x), np.sqrt(x))


# Arguments and results


def test_no_rows_give_no_results() -> None:
    value, slope = vmap(value_and_grad(lambda x: np.sum(x**2)))(X[:0])

    assert value.shape == (0,)
    assert slope.shape == (0, 3)


def test_memory_need_not_be_contiguous() -> None:
    assert_allclose(vmap(np.sum)(X[::2]), X[::2].sum(axis=1))
    assert_allclose(vmap(np.sum, in_axes=1)(X), X.sum(axis=0))
    assert_allclose(vmap(np.sum)(X.astype(">f8")), X.sum(axis=1))


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.int32, np.bool_])
def test_dtypes_are_those_of_numpy(dtype: Any) -> None:
    x = (X * 3).astype(dtype)

    found = vmap(lambda t: t[0] + t[1] * 2)(x)

    expected = by_loop(lambda t: t[0] + t[1] * 2, x)
    assert found.dtype == expected.dtype
    assert_allclose(found, expected, rtol=1e-6)


def test_integer_and_truth_results() -> None:
    place, sign = vmap(lambda t: (np.argmax(t), t > 0))(X)

    assert place.dtype == np.int64
    assert_array_equal(place, X.argmax(axis=1))
    assert_array_equal(sign, X > 0)


def test_arguments_and_results_nest() -> None:
    def fun(d: Any, k: Any, *, shift: Any) -> Any:
        return {"a": d["u"] * k, "b": (d["v"][0], d["v"][1] + shift, None)}

    found = vmap(fun, in_axes=({"u": 0, "v": [0, None]}, None))(
        {"u": X, "v": [Y, 2.0]}, 3, shift=Y
    )

    assert_allclose(found["a"], X * 3)
    assert_allclose(found["b"][0], Y)
    assert_allclose(found["b"][1], 2 + Y)
    assert found["b"][2] is None


def test_rows_go_out_along_any_axis() -> None:
    first, second = vmap(lambda t: (t, 2 * t), out_axes=(0, -1))(X)

    assert_array_equal(first, X)
    assert_array_equal(second, 2 * X.T)


def test_settings_that_are_not_numbers_are_shared() -> None:
    fun = vmap(lambda x, kind: np.sin(x) if kind == "sin" else np.cos(x), (0, None))

    assert_allclose(fun(Y, "sin"), np.sin(Y), rtol=1e-14)
    assert_allclose(fun(Y, "cos"), np.cos(Y), rtol=1e-14)


def test_results_of_several_shapes_are_an_error() -> None:
    with pytest.raises(ArgumentError, match="for some rows"):
        vmap(lambda x: x[x > 0])(X)


def test_wrong_axes_are_errors() -> None:
    with pytest.raises(ArgumentError, match="along axis 0 of float"):
        vmap(np.sin)(1.0)
    with pytest.raises(ArgumentError, match="37 and 38 rows"):
        vmap(np.add)(Y, np.ones(38))
    with pytest.raises(ArgumentError, match="no argument with rows"):
        vmap(np.add, in_axes=None)(Y, Y)
    with pytest.raises(ArgumentError, match="for 2 arguments"):
        vmap(np.add, in_axes=(0,))(Y, Y)
    with pytest.raises(ArgumentError, match="out_axes=None"):
        vmap(np.sin, out_axes=None)(Y)
    with pytest.raises(ArgumentError, match="3 lanes"):
        vmap(np.sin, lanes=3)(Y)
    with pytest.raises(ArgumentError, match="0 threads"):
        vmap(np.sin, threads=0)(Y)


def test_an_operation_without_a_rule_runs_row_by_row() -> None:
    """Of many rows that is said once, with the line."""

    def places(x: Any) -> Any:
        return np.unique(np.reshape(np.round(x), (2, -1)), axis=1)[0, 0]  # the line

    rows = vmap(places)
    many = np.resize(X, (1200, 2))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(60):
            found = rows(many)
            if caught:
                break
        rows(many)

    assert_array_equal(found, by_loop(places, many))
    (warning,) = caught
    assert warning.filename == __file__
    assert warning.lineno == places.__code__.co_firstlineno + 1
    assert "calls count_unique row by row, 1200 times" in str(warning.message)


def test_random_draws_are_refused() -> None:
    rng = np.random.default_rng(0)

    with pytest.raises(RecordingError, match="draw"):
        vmap(lambda x: x * rng.normal())(Y)


def test_what_is_read_from_outside_is_never_stale() -> None:
    scale, table = 2.0, np.ones(3)
    fun = vmap(lambda x: np.sum(x * table) * scale)

    assert_allclose(fun(X), 2 * X.sum(axis=1), rtol=1e-12)
    scale = 3.0
    assert_allclose(fun(X), 3 * X.sum(axis=1), rtol=1e-12)
    table[...] = 2.0
    assert_allclose(fun(X), 6 * X.sum(axis=1), rtol=1e-12)


def test_threads_may_call_one_function_at_once() -> None:
    fun = vmap(grad(newton))
    a = RNG.uniform(0.01, 1e3, 200)
    expected = by_loop(grad(newton), a)

    for result in at_once(*[lambda: fun(a)] * 8):
        assert_allclose(result, expected, rtol=1e-10)


def test_the_suite_knows_the_interpreter_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WENGERT_ENGINE", "interpreter")

    assert_allclose(vmap(three_paths)(X, Y), by_loop(three_paths, X, Y), rtol=1e-14)


def test_arguments_that_the_function_writes_into_stay_as_they_are() -> None:
    def fun(x: Any) -> Any:
        x[0] = 2.0 if x[1] > 0 else 3.0
        return np.sum(x)

    x = X.copy()
    for max_paths in (0, 9):
        found = vmap(fun, max_paths=max_paths)(x)

        assert_array_equal(x, X)
        assert_allclose(found, by_loop(fun, X.copy()), rtol=1e-14)


def test_a_tape_replays_rows_of_its_path() -> None:
    tape = record(lambda x: x * x if x > 0 else -x, 1.0)

    assert_array_equal(tape.batch(np.array([1.0, 2.0])), [1.0, 4.0])
    with pytest.raises(GuardError, match="left the recorded path"):
        tape.batch(np.array([1.0, -2.0]))


# Composition

W = np.array([0.4, -0.7, 1.2])


def shared(w: Any) -> Any:
    """A sum over rows that share an argument."""
    fun = vmap(lambda w, x, s: three_paths(x * w, s), in_axes=(None, 0, 0))
    return np.mean(fun(w, X, Y))


def captured(w: Any) -> Any:
    """The same, the shared value read from outside."""
    return np.mean(vmap(lambda x, s: three_paths(x * w, s))(X, Y))


def looped(w: Any) -> Any:
    """The same as a loop."""
    return np.mean(np.stack([three_paths(x * w, s) for x, s in zip(X, Y, strict=True)]))


@pytest.mark.parametrize("loss", [shared, captured])
def test_derivatives_of_vmap_are_those_of_a_loop(loss: Any) -> None:
    assert_allclose(loss(W), looped(W), **SUMMED)
    assert_allclose(grad(loss)(W), grad(looped)(W), **SUMMED)
    assert_allclose(jvp(loss, (W,), (X[0],)), jvp(looped, (W,), (X[0],)), **SUMMED)
    assert_allclose(hessian(loss)(W), hessian(looped)(W), **SUMMED)
    assert_allclose(grad(lambda w: grad(loss)(w) @ W)(W), hessian(looped)(W) @ W)


@pytest.mark.parametrize("loss", [shared, captured])
def test_vmap_inside_jit_and_record(loss: Any) -> None:
    slope, tape = jit(grad(loss), wait=True), record(loss, W)

    for w in (W, 2 * W, -W):
        assert_allclose(slope(w), grad(looped)(w), **SUMMED)
        assert_allclose(tape(w), looped(w), **SUMMED)


def test_gradients_by_rows_and_by_what_they_share() -> None:
    def total(w: Any, x: Any) -> Any:
        return np.sum(vmap(three_paths, in_axes=(0, None))(x, w))

    def loop(w: Any, x: Any) -> Any:
        return sum(three_paths(row, w) for row in x)

    found, expected = grad(total, (0, 1))(0.7, X), grad(loop, (0, 1))(0.7, X)

    assert_allclose(found[0], expected[0], **SUMMED)
    assert_allclose(found[1], expected[1], **SUMMED)


def test_gradients_of_what_rows_share_with_rows_on_several_paths() -> None:
    x = RNG.normal(size=1001)

    def row(a: Any, t: Any) -> Any:
        if t > 0.3:
            return a * t
        return np.where(t > -1, np.sqrt(np.maximum(t, 0)) * a, a * a)

    found = grad(lambda a: np.sum(vmap(row, (None, 0))(a, x)))(1.3)

    assert_allclose(found, sum(grad(row)(1.3, t) for t in x), **SUMMED)


def test_jit_and_vmap_in_either_order() -> None:
    expected = by_loop(grad(three_paths), X, Y)

    assert_allclose(jit(vmap(grad(three_paths)))(X, Y), expected, rtol=1e-12)
    assert_allclose(vmap(jit(grad(three_paths)))(X, Y), expected, rtol=1e-12)


@pytest.mark.parametrize("inner", [4, 40])
def test_vmap_of_vmap(inner: int) -> None:
    a, b = RNG.normal(size=(2, 5, inner))
    fun = vmap(vmap(lambda s, t: np.sin(s) * t))

    assert_allclose(fun(a, b), np.sin(a) * b, rtol=1e-14)
    slope = grad(lambda a: np.sum(fun(a, b) ** 2))(a)
    assert_allclose(slope, np.sin(2 * a) * b * b, rtol=1e-12)
    outer = vmap(vmap(np.multiply, in_axes=(0, None)), in_axes=(None, 0))
    assert_allclose(outer(a[0], b[:, 0]), np.outer(b[:, 0], a[0]))


def test_hessian_inside_vmap() -> None:
    fun = hessian(lambda x: np.sum(np.sin(x)) * x[0])

    assert_allclose(vmap(fun)(X), by_loop(fun, X), rtol=1e-12, atol=1e-14)


def test_vmap_inside_a_checkpoint_reads_recorded_values() -> None:
    def loss(w: Any) -> Any:
        step = wengert.checkpoint(
            lambda t: vmap(lambda x: x * t * w[0] if x > 0 else w[1] * x * t * t)(Y)
        )
        return np.sum(step(w[0]))

    def loop(w: Any) -> Any:
        return sum(x * w[0] * w[0] if x > 0 else w[1] * x * w[0] * w[0] for x in Y)

    assert_allclose(grad(loss)(W), grad(loop)(W), **SUMMED)
    assert_allclose(hessian(loss)(W), hessian(loop)(W), **SUMMED)


def test_rules_of_ones_own_run_inside_vmap() -> None:
    @wengert.rule(vjp=lambda g, y, x: g * 7.0)
    def odd(x: Any) -> Any:
        return float(x) * 2.0

    assert_array_equal(vmap(odd)(Y), 2 * Y)
    assert_array_equal(vmap(grad(odd))(Y), np.full(37, 7.0))


# Arguments that are more than their numbers


@dataclasses.dataclass
class Spring:
    """An argument whose method reads what its class holds."""

    stiffness: Any
    tilt: ClassVar[float] = 1.0

    def force(self, x: Any) -> Any:
        return self.stiffness * x + self.tilt


def test_what_methods_of_arguments_read_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mapped = vmap(lambda spring, x: spring.force(x))
    springs, x = Spring(np.arange(1.0, 5.0)), np.arange(4.0)
    before = [mapped(springs, x) for _ in range(2)]
    monkeypatch.setattr(Spring, "tilt", 7.0)

    for found in before:
        assert_allclose(found, springs.stiffness * x + 1.0)
    assert_allclose(mapped(springs, x), springs.stiffness * x + 7.0)


def hidden(x: Any) -> Any:
    """Its gradient is 0 times infinity at 0, which a comparison hides."""
    slope = grad(lambda x: np.sum(np.sqrt(x) ** 2))(x)
    return np.where(np.abs(slope) < 2.0, slope, 5.0)


@pytest.mark.skipif(not native_engine(), reason="the native engine is off")
def test_zeros_absorb_in_rows_where_they_have_to() -> None:
    """By a kernel of its own, which is the only one where it is always needed."""
    random = np.random.default_rng(0)
    plain = random.uniform(1.0, 2.0, (3000, 3))
    zeros = plain * (random.uniform(size=plain.shape) > 0.1)
    expected = np.stack([hidden(x) for x in zeros])
    rows = vmap(hidden)

    def kernels() -> int:
        (known,) = rows.batch.known.values()
        (entry,) = known.entries.values()
        return len(entry.root.kernels)

    found = []
    for x, right in [(plain, np.ones_like(plain)), (zeros, expected)]:
        for _ in range(MOST_MISSES):
            assert_allclose(rows(x), right, rtol=1e-15)
            found.append(kernels())
    assert_allclose(rows(plain), np.ones_like(plain), rtol=1e-15)

    assert found[MOST_MISSES - 1 : MOST_MISSES + 1] == [1, 2]
    assert found[-2:] == [2, 1]
    assert np.all(np.isfinite(expected))


@pytest.mark.skipif(not native_engine(), reason="the native engine is off")
def test_rows_are_played_where_no_kernel_absorbs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = turn.kernel_of

    def plain(block: Any, rows: Any, absorbs: bool) -> Any:
        if absorbs:
            raise NotLoweredError("a test")
        return made(block, rows, absorbs)

    monkeypatch.setattr(turn, "kernel_of", plain)
    x = np.ones((3000, 3))
    rows = vmap(hidden)
    for _ in range(3):
        rows(x)
    x[7] = 0.0

    assert_allclose(rows(x), np.stack([hidden(row) for row in x]), rtol=1e-15)
