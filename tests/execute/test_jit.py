"""A jitted function gives what the function itself gives, whatever it is given."""

from __future__ import annotations

import multiprocessing
import pickle
import sys
import threading
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest

import wengert as wg
from tests.threads import at_once
from wengert.emit.objects import is_fast
from wengert.errors import GuardError, RecordingError, UnsupportedError
from wengert.execute.engine import native_engine
from wengert.execute.jit import Jitted


def rosenbrock(x: Any) -> Any:
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def steps(x: Any) -> Any:
    total = 0.0
    while total < x:
        total = total + 1.5
    return total * x if x > 2 else x - total


def newton(a: Any) -> Any:
    x = 1.0 + 0.5 * a
    while abs(x * x - a) > 1e-12 * a:
        x = 0.5 * (x + a / x)
    return x


def mask_sum(x: Any) -> Any:
    return np.sum(x[x > 0] ** 2)


def kinked(x: Any) -> Any:
    s = x[0] * 0.0
    for value in x:
        if value > 0.5:
            s = s + value * value
        elif value < -0.5:
            s = s - 3 * value
        else:
            s = s + np.sin(value)
    return s


def largest_first(x: Any) -> Any:
    return x[np.argmax(x)] * 2 + x[0]


def whole_number(x: Any) -> Any:
    return sum(x**k for k in range(int(x)))


def broken(x: Any) -> Any:
    y = x
    for _ in range(100):
        y = np.sqrt(y)
        if y < 1.01:
            break
    return y * x


def recursive(x: Any) -> Any:
    return x if x < 1 else recursive(x * 0.5) + x


SCALAR = [steps, newton, whole_number, broken, recursive]
VECTOR = [rosenbrock, mask_sum, kinked, largest_first]


def same(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-13)
    assert np.shape(found) == np.shape(expected)
    assert np.result_type(found) == np.result_type(expected)


@pytest.mark.parametrize("fun", SCALAR, ids=lambda f: f.__name__)
def test_scalar_functions_follow_every_path(fun: Callable[..., Any]) -> None:
    jitted, slope = wg.jit(fun), wg.jit(wg.value_and_grad(fun))
    points = np.random.default_rng(0).uniform(0.3, 9.0, 60)

    for x in [*points, *points[::-1]]:
        same(jitted(x), fun(x))
        value, g = slope(x)
        expected = wg.value_and_grad(fun)(x)
        same(value, expected[0])
        same(g, expected[1])


@pytest.mark.parametrize("fun", VECTOR, ids=lambda f: f.__name__)
def test_array_functions_follow_every_path(fun: Callable[..., Any]) -> None:
    jitted, slope = wg.jit(fun), wg.jit(wg.value_and_grad(fun))
    generator = np.random.default_rng(1)

    for _ in range(40):
        x = generator.normal(size=5)
        same(jitted(x), fun(x))
        value, g = slope(x)
        expected = wg.value_and_grad(fun)(x)
        same(value, expected[0])
        same(g, expected[1])


def test_paths_that_come_back_are_not_recorded_again() -> None:
    jitted = wg.jit(steps)
    points = [1.0, 2.5, 4.0, 7.0]
    for x in points:
        jitted(x)
    (entry,) = jitted.entries.values()
    recordings = entry.recordings

    for x in points * 5:
        same(jitted(x + 0.01), steps(x + 0.01))

    assert entry.recordings == recordings


def test_guards_one_ulp_away_decide_as_python_does() -> None:
    def fun(x: Any) -> Any:
        return x * 2 if x * 1.1 + 0.3 > 3.7 else -x

    jitted = wg.jit(fun)
    x = 3.4 / 1.1
    points = [x]
    for _ in range(20):
        points.append(np.nextafter(points[-1], 10.0))
    for _ in range(40):
        points.insert(0, np.nextafter(points[0], 0.0))

    for point in points * 2:
        assert jitted(float(point)) == fun(float(point))


def test_beyond_the_limit_the_function_runs_eagerly_with_one_warning() -> None:
    jitted = wg.jit(steps, max_paths=2)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for x in [*np.arange(1.0, 20.0), *np.arange(1.0, 20.0)]:
            same(jitted(x), steps(x))

    assert [w.category for w in caught] == [RuntimeWarning]
    assert "max_paths" in str(caught[0].message)


def test_an_exception_inside_is_the_callers_and_nothing_is_lost() -> None:
    def fun(x: Any) -> Any:
        if x < 0:
            raise ValueError("negative")
        return np.sqrt(x)

    jitted = wg.jit(fun)

    assert jitted(4.0) == 2.0
    with pytest.raises(ValueError, match="negative"):
        jitted(-1.0)
    assert jitted(9.0) == 3.0


def test_strict_refuses_a_second_path() -> None:
    jitted = wg.jit(steps).strict()
    jitted(1.0)

    with pytest.raises(GuardError, match=r"test_jit\.py"):
        jitted(5.0)


def test_paths_name_the_lines_that_split_them() -> None:
    jitted = wg.jit(steps)
    jitted(1.0)
    jitted(3.0)

    text = str(jitted.paths())

    assert "2 paths" in text
    assert "test_jit.py" in text


def test_what_no_gradient_reaches_contributes_nothing_natively() -> None:
    def fun(x: Any) -> Any:
        return np.sum(np.where(x != 0, 1 / np.where(x != 0, x, x), 0.0))

    def plain(x: Any) -> Any:
        with np.errstate(all="ignore"):
            return fun(x)

    jitted = wg.jit(wg.grad(plain))

    for x in (np.array([1.0, 2.0]), np.array([0.0, 2.0]), np.array([0.0, 0.0])):
        same(jitted(x), wg.grad(plain)(x))


def test_static_arguments_are_recorded_apart() -> None:
    jitted = wg.jit(lambda x, n: x**n, static_argnums=1)

    assert [jitted(3.0, n) for n in (1, 2, 3, 2)] == [3.0, 9.0, 27.0, 9.0]
    assert len(jitted.entries) == 3


def test_a_cleared_function_records_anew() -> None:
    """Also one that ran eagerly: what made it so may be gone."""
    calls = []

    def fun(x: float) -> Any:
        if noisy:
            calls.append(x)
        return x * x

    noisy = False
    jitted = wg.jit(fun)
    assert [jitted(x) for x in (2.0, 3.0, 4.0)] == [4.0, 9.0, 16.0]
    assert len(jitted.paths()) == 1

    jitted.clear()

    assert len(jitted.paths()) == 0
    assert [jitted(x) for x in (2.0, 3.0, 4.0)] == [4.0, 9.0, 16.0]
    assert len(jitted.paths()) == 1
    noisy = True
    with pytest.warns(RuntimeWarning, match="eager"):
        assert [jitted(x) for x in (2.0, 3.0, 4.0, 5.0)] == [4.0, 9.0, 16.0, 25.0]
    assert len(jitted.paths()) == 0

    noisy = False
    jitted.clear()

    assert [jitted(x) for x in (2.0, 3.0, 4.0)] == [4.0, 9.0, 16.0]
    assert len(jitted.paths()) == 1


class Pair(NamedTuple):
    first: Any
    second: Any


def test_nested_arguments_and_results() -> None:
    def fun(params: Any, *, scale: Any) -> Any:
        total = params["w"] @ params["pair"].first * scale
        return {"total": total, "list": [total * 2, None], "pair": params["pair"]}

    jitted = wg.jit(fun)
    params = {"w": np.arange(3.0), "pair": Pair(np.ones(3), 2.0)}

    for scale in (1.0, 2.0, 3.0):
        found, expected = jitted(params, scale=scale), fun(params, scale=scale)
        assert found["total"] == expected["total"]
        assert found["list"] == expected["list"]
        assert isinstance(found["pair"], Pair)
        assert found["pair"].second == 2.0


class Model:
    def __init__(self, gain: float) -> None:
        self.gain = gain
        self.bias = np.ones(2)

    @wg.jit
    def decorated(self, x: Any) -> Any:
        return x * 2

    def run(self, x: Any) -> Any:
        return np.sum(x * self.gain + self.bias)


def test_methods_and_attributes_are_never_stale() -> None:
    model = Model(2.0)
    run = wg.jit(model.run)
    x = np.arange(2.0)

    for change in range(4):
        model.gain = 2.0 + change
        model.bias[:] = change
        assert run(x) == model.run(x)
    model.bias = np.full(2, 7.0)
    assert run(x) == model.run(x)


def test_arrays_refilled_in_place_are_read_and_results_stay() -> None:
    table = np.ones(3)
    jitted = wg.jit(lambda x: table * x)

    first = jitted(2.0)
    kept = first.copy()
    table[:] = 5.0
    second = jitted(2.0)

    np.testing.assert_array_equal(first, kept)
    np.testing.assert_array_equal(second, [10.0, 10.0, 10.0])


def test_out_receives_the_result() -> None:
    jitted = wg.jit(lambda x: x * 2)
    x, out = np.arange(3.0), np.empty(3)

    assert jitted(x, out=out) is out
    assert jitted(x, out=out) is out
    np.testing.assert_array_equal(out, [0.0, 2.0, 4.0])
    assert jitted(x, out=x) is x
    np.testing.assert_array_equal(x, [0.0, 2.0, 4.0])


@pytest.mark.parametrize("wrong", [np.empty(4), [1, 2, 3], "text"])
def test_out_that_does_not_fit_is_refused(wrong: Any) -> None:
    jitted = wg.jit(lambda x: x * 2)

    with pytest.raises(TypeError):
        jitted(np.arange(3.0), out=wrong)


def test_pickle_keeps_the_function() -> None:
    jitted = pickle.loads(pickle.dumps(wg.jit(rosenbrock)))

    assert jitted(np.ones(4)) == 0.0


def test_transformations_compose_in_either_order() -> None:
    jitted, x = wg.jit(rosenbrock), np.linspace(-1, 1, 4)

    same(wg.grad(jitted)(x), wg.grad(rosenbrock)(x))
    same(wg.jit(wg.grad(jitted))(x), wg.grad(rosenbrock)(x))
    same(wg.hessian(jitted)(x), wg.hessian(rosenbrock)(x))
    same(wg.jit(wg.hessian(rosenbrock))(x), wg.hessian(rosenbrock)(x))
    same(wg.grad(lambda y: jitted(y) * 3)(x), 3 * wg.grad(rosenbrock)(x))
    same(wg.jvp(jitted, (x,), (x,))[1], wg.jvp(rosenbrock, (x,), (x,))[1])


# Robustness

ODD = [
    np.arange(5.0)[::-1],
    np.arange(10.0)[::2],
    np.arange(5, dtype=np.float32),
    np.arange(5),
    np.arange(5, dtype=">f8"),
    np.arange(6.0).reshape(2, 3),
    np.arange(6.0).reshape(2, 3).T,
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.zeros(0),
    np.float64(2.0),
    np.float32(2.0),
    np.array(2.0),
    2.0,
    2,
    True,
    np.bool_(True),
    np.int32(3),
    1j,
    np.array([1 + 2j]),
    [1.0, 2.0],
    (1.0, 2.0),
    {"a": 1.0},
    None,
    "text",
    b"bytes",
    np.array(["a", "b"]),
    np.array([1.0, None], dtype=object),
    np.ma.masked_array(np.arange(3.0)),
    np.array([(1.0, 2)], dtype=[("a", float), ("b", int)]),
    np.array(["2020-01-01"], dtype="datetime64[D]"),
    np.arange(40, dtype=np.uint8).view(np.uint8)[1:33].view(np.float64),
    object(),
    np.lib.stride_tricks.as_strided(np.arange(5.0), (3,), (0,)),
    np.arange(5, dtype=np.longdouble),
    np.arange(5, dtype=np.float16),
]
ODD[0].flags.writeable = False


def outcome(fun: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """Return what a call gives, or the word for an error."""
    try:
        with np.errstate(all="ignore"):
            return fun(*args)
    except (TypeError, ValueError, NotImplementedError, AttributeError):
        return "error"


def double(x: Any) -> Any:
    return x * 2 + 1


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "calls", [10_000, pytest.param(100_000, marks=pytest.mark.slow)]
)
def test_odd_calls_never_crash(calls: int) -> None:
    jitted = wg.jit(double)
    generator = np.random.default_rng(2)
    expected = [outcome(double, (value,)) for value in ODD]
    picks = generator.integers(len(ODD), size=calls)
    counts = generator.choice(3, p=[0.01, 0.98, 0.01], size=picks.size)

    for k, pick in enumerate(picks):
        if counts[k] != 1:
            args = (ODD[pick],) * counts[k]
            with pytest.raises((TypeError, NotImplementedError)):
                jitted(*args)
            continue
        found = outcome(jitted, (ODD[pick],))
        if isinstance(found, str):
            continue  # a clear error: what has no numbers cannot be recorded
        assert not isinstance(expected[pick], str)
        if k < 5000:
            np.testing.assert_array_equal(np.asarray(found), np.asarray(expected[pick]))


@pytest.mark.parametrize(
    "value", [v for v in ODD if isinstance(v, np.ndarray)], ids=str
)
def test_an_odd_array_gives_the_right_result_or_an_error(value: Any) -> None:
    jitted = wg.jit(double)

    for _ in range(3):
        found, expected = outcome(jitted, (value,)), outcome(double, (value,))
        if not isinstance(found, str):
            assert np.asarray(found).dtype == np.asarray(expected).dtype.newbyteorder(
                "="
            )
            np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))


OF_OLD_FILES = {
    "copy": lambda x: x.copy(),
    "rows": lambda x: x[::2],
    "sorted": lambda x: np.sort(x, axis=0),
    "written": lambda x: written(x.copy()),
    "flat": lambda x: x.ravel()[x.ravel() > 1],
    "joined": lambda x: np.concatenate([x, x[::-1]]),
    "chain": lambda x: np.sin(x) * x + 1,
}


def written(y: Any) -> Any:
    y[0] = y[-1] * 2
    return y


@pytest.mark.parametrize("name", OF_OLD_FILES)
@pytest.mark.parametrize("kind", ["f8", "f4", "i4", "c16"])
def test_results_do_not_depend_on_the_order_of_bytes(name: str, kind: str) -> None:
    function = OF_OLD_FILES[name]
    if kind == "c16" and name == "flat":
        pytest.skip("complex numbers have no order")
    x = np.arange(6.0).reshape(3, 2).astype(kind)
    foreign = x.astype(">" + kind)
    expected = function(x)
    jitted = wg.jit(function)

    for round_ in range(4):
        for given in (foreign, x):
            found = jitted(given)
            assert found.dtype == expected.dtype
            np.testing.assert_allclose(found, expected, rtol=1e-6)
        if round_ == 2:
            jitted.wait()
    assert wg.vmap(function)(foreign[None]).dtype == expected.dtype


@pytest.mark.parametrize("kind", ["f8", "f4"])
def test_derivatives_do_not_depend_on_the_order_of_bytes(kind: str) -> None:
    x = np.arange(1.0, 5.0).astype(kind)
    foreign = x.astype(">" + kind)

    def bent(x: Any) -> Any:
        return np.sum(x.copy()[::2] ** 3)

    for transform in (wg.grad, wg.hessian, lambda f: wg.jit(wg.grad(f))):
        found, expected = transform(bent)(foreign), transform(bent)(x)
        assert found.dtype == x.dtype
        np.testing.assert_array_equal(found, expected)
    _, pull = wg.vjp(np.square, foreign)
    tangent = wg.jvp(np.square, (foreign,), (foreign,))[1]
    for part in (pull(foreign)[0], tangent, wg.hvp(bent, foreign, foreign)):
        assert part.dtype == x.dtype


def test_eight_threads_call_one_function_at_once() -> None:
    jitted = wg.jit(wg.value_and_grad(kinked))
    generator = np.random.default_rng(3)
    points = generator.normal(size=(8, 50, 4))
    expected = [[wg.value_and_grad(kinked)(x) for x in part] for part in points]
    wrong: list[Any] = []

    def work(k: int) -> None:
        for x, (value, g) in zip(points[k], expected[k], strict=True):
            found = jitted(x)
            if abs(found[0] - value) > 1e-12 or np.abs(found[1] - g).max() > 1e-12:
                wrong.append(x)

    at_once(*[partial(work, k) for k in range(8)])

    assert wrong == []


@pytest.mark.parametrize("transform", [wg.jit, wg.vmap])
def test_a_report_while_another_thread_records(transform: Any) -> None:
    """A path that comes meanwhile does not disturb it."""
    function = transform(lambda x: x * x if x[0] > 0.0 else x + 1.0)
    for size in range(1, 9):
        function(np.ones((1, size)) if transform is wg.vmap else np.ones(size))
    is_done = threading.Event()
    failed: list[Exception] = []

    def look() -> None:
        while not is_done.is_set():
            try:
                str(function.report())
                if transform is wg.jit:
                    function.paths()
            except Exception as error:
                failed.append(error)
                return

    looking = threading.Thread(target=look)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    looking.start()
    try:
        for size in range(9, 60):
            x = np.full(size, -1.0 if size % 2 else 1.0)
            function(x[None] if transform is wg.vmap else x)
    finally:
        sys.setswitchinterval(before)
        is_done.set()
        looking.join()

    assert failed == []


FORKED = wg.jit(rosenbrock)


def call_in_child(x: Any) -> float:
    return float(FORKED(x))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_child_process_replays(method: str) -> None:
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system has no {method}")
    x = np.linspace(-1, 1, 4)
    expected = float(FORKED(x))

    with multiprocessing.get_context(method).Pool(1) as pool:
        found = pool.apply(call_in_child, (x,))

    assert found == pytest.approx(expected, rel=1e-13)


@pytest.mark.skipif(not native_engine(), reason="the native engine is off")
def test_the_report_names_what_is_native() -> None:
    jitted = wg.jit(rosenbrock, wait=True)
    jitted(np.ones(4))

    assert "1 native" in repr(jitted)
    assert "nodes" in str(jitted.report())


def test_static_values_that_python_holds_equal_are_told_apart() -> None:
    kinds = wg.jit(lambda x, k: x if isinstance(k, float) else -x, static_argnums=1)
    signed = wg.jit(lambda x, k: np.copysign(x, k), static_argnums=1)
    chosen = wg.jit(lambda x, k: x if k[0] is True else 2 * x, static_argnums=1)

    assert [kinds(1.5, 1), kinds(1.5, 1.0)] == [-1.5, 1.5]
    assert [signed(1.0, 0.0), signed(1.0, -0.0)] == [1.0, -1.0]
    assert [chosen(1.0, (1,)), chosen(1.0, (True,))] == [2.0, 1.0]


def test_a_static_argument_that_is_left_out_makes_no_other_static() -> None:
    def fun(x: Any, n: int = 2) -> Any:
        return x**n

    jitted, x = wg.jit(fun, static_argnums=1), np.arange(3.0)
    same(jitted(x), fun(x))
    same(jitted(x, 3), fun(x, 3))


class Scale:
    def __init__(self, factor: float) -> None:
        self.factor = factor

    @wg.jit
    def scaled(self, x: Any) -> Any:
        return self.factor * x


def test_attributes_of_arguments_are_read_again() -> None:
    x = np.arange(3.0)
    scales = [Scale(2.0), Scale(3.0)]
    slope = wg.jit(wg.grad(lambda x, scale: np.sum(scale.factor * x)))
    static = wg.jit(lambda x, scale: scale.factor * x, static_argnums=1)
    for _ in range(3):
        for scale in scales:
            same(scale.scaled(x), scale.factor * x)
            same(static(x, scale), scale.factor * x)
            same(slope(x, scale), np.full(3, scale.factor))
            scale.factor += 1.0


def test_a_function_given_as_an_argument_is_read_again() -> None:
    rate = 2.0

    def helper(x: Any) -> Any:
        return rate * x

    jitted = wg.jit(lambda f, x: f(x))
    assert jitted(helper, 3.0) == 6.0
    rate = 4.0
    assert jitted(helper, 3.0) == 12.0


def test_captures_in_pieces_are_read_where_they_lie() -> None:
    held = np.arange(12.0).reshape(3, 4).T
    jitted = wg.jit(lambda x: held @ x)
    slope = wg.jit(wg.grad(lambda x: np.sum(np.sin(held @ x))))
    x = np.arange(1.0, 4.0)
    for k in range(4):
        same(jitted(x), held @ x)
        same(jitted(x=x), held @ x)
        same(slope(x), held.T @ np.cos(held @ x))
        held[k] = k - 0.5
    assert len(jitted.paths()) == 2  # by position and by name


def test_out_is_written_while_recording_too() -> None:
    doubled = wg.jit(lambda x: 2 * x)

    def total(x: Any) -> Any:
        kept = np.zeros(3)
        doubled(x, out=kept)
        return np.sum(kept)

    np.testing.assert_array_equal(wg.grad(total)(np.ones(3)), np.full(3, 2.0))


# Plain containers, which native code takes apart and puts together


def doubled(value: Any) -> Any:
    """The same containers with twice each number in them, and a few of its own."""
    if type(value) is dict:
        return {"of": len(value), **{key: doubled(x) for key, x in value.items()}}
    if type(value) in (list, tuple):
        return type(value)([doubled(x) for x in value]), [{}]
    return None if value is None else np.sin(value) * 2.0


def in_containers(generator: Any, depth: int = 0) -> Any:
    """Nested containers of arrays and numbers, some of them the same array."""
    shared = np.ones(2)
    leaves = [1.5, np.float64(0.5), np.arange(3.0), shared, shared, np.ones(()), None]
    count = generator.integers(0, 4)
    items = [
        in_containers(generator, depth + 1)
        if depth < 3 and generator.random() < 0.4
        else leaves[generator.integers(len(leaves))]
        for _ in range(count)
    ]
    kind = [list, tuple, dict][generator.integers(3)]
    if kind is dict:
        names = generator.permutation(["a", "b", "c", "d"]).tolist()
        return dict(zip([*names[:2], 7, 70_000], items, strict=False))
    return kind(items)


def same_nest(found: Any, expected: Any) -> None:
    """The same classes, keys in their order, and numbers."""
    assert type(found) is type(expected)
    if isinstance(found, (list, tuple, dict)):
        assert len(found) == len(expected)
        if type(found) is dict:
            assert [*found] == [*expected]
            found, expected = found.values(), expected.values()
        for pair in zip(found, expected, strict=True):
            same_nest(*pair)
    elif expected is not None:
        same(found, expected)


def test_containers_of_many_kinds_are_as_in_python() -> None:
    generator = np.random.default_rng(0)
    jitted = wg.jit(doubled, wait=True)
    values = [in_containers(generator) for _ in range(9)]
    for value in [*values, *values[::-1]]:
        expected = doubled(value)
        first, second = jitted(value), jitted(value)
        same_nest(first, expected)
        if type(first) is dict:
            first.clear()
        elif type(first[0]) is list:
            first[0].append(1.0)
        same_nest(second, expected)


def handed_back(jitted: Any) -> list[Any]:
    """The arguments of calls that no native code took, from now on."""
    seen: list[Any] = []
    dispatch = jitted._positional

    def look(*args: Any, **kwargs: Any) -> Any:
        seen.append(args)
        return dispatch(*args, **kwargs)

    jitted._positional = look
    for entry in jitted.entries.values():
        entry.direct = None
    jitted.reinstall()
    return seen


@pytest.mark.skipif(not native_engine(), reason="the native engine is off")
@pytest.mark.skipif(not is_fast(), reason="the native entry is not made here")
def test_native_code_takes_containers_apart_by_itself() -> None:
    def loss(weights: Any, shifts: Any, mode: Any, x: Any) -> Any:
        kept = [w * s for w, s in zip(weights, shifts["all"], strict=True)]
        return np.sum(kept[0] * x) * mode["scale"] + np.sum(kept[-1])

    plain = wg.value_and_grad(loss, argnums=(0, 1))
    jitted = wg.jit(plain, wait=True)
    weights = [np.arange(3.0), np.ones(3)]
    shifts = {"all": (np.ones(3), np.full(3, 2.0)), "none": None}
    mode = {"scale": 3, 1: True, "name": "fast"}
    jitted(weights, shifts, mode, 2.0)
    seen = handed_back(jitted)

    for k in range(3):
        weights[0] = weights[1] if k == 2 else weights[0] + 1.0
        fresh = pickle.loads(pickle.dumps(mode))
        same_nest(
            jitted(weights, shifts, fresh, 2.0), plain(weights, shifts, mode, 2.0)
        )
    assert seen == []
    others = [
        (weights, {**shifts, "more": 1.0}, mode, 2.0),
        (weights, dict([*shifts.items()][::-1]), mode, 2.0),
        (weights, {"all": [*shifts["all"]], "none": None}, mode, 2.0),
        (weights, {"all": Pair(*shifts["all"]), "none": None}, mode, 2.0),
        (weights, shifts, {**mode, "scale": 4}, 2.0),
        (weights, shifts, {**mode, 1: False}, 2.0),
        ([np.ones((2, 3))] * 2, shifts, mode, 2.0),
        ([np.ones(6)[::2]] * 2, shifts, mode, 2.0),
        ([weights[0], 2.0], shifts, mode, 2.0),
        (tuple(weights), shifts, mode, 2.0),
    ]
    for number, args in enumerate(others, 1):
        same_nest(jitted(*args), plain(*args))
        assert len(seen) == number


def test_equal_keys_of_results_are_told_apart() -> None:
    def fun(x: Any) -> Any:
        return {1: x} if x > 0 else {True: x} if x < -1 else {1.0: x}

    jitted = wg.jit(fun, wait=True)
    for x in (1.0, -1.0, -2.0, 2.0, -0.5, -3.0):
        (found,), (expected,) = jitted(x), fun(x)
        assert type(found) is type(expected)


def test_arrays_in_a_list_are_written_as_ever() -> None:
    """Into a copy that the call has; the same array twice is refused."""

    def fun(parts: Any) -> Any:
        parts[0][0] = 5.0
        return np.sum(parts[0] * parts[-1])

    jitted = wg.jit(fun, wait=True)
    frozen = np.ones(2)
    frozen.flags.writeable = False
    for _ in range(3):
        x, y = np.ones(2), np.ones(2)
        assert jitted([x]) == 26.0
        assert jitted([x, y]) == jitted([y, x]) == 6.0
        with pytest.raises(RecordingError, match="shares memory with another"):
            jitted([y, y])
        with pytest.raises(ValueError, match="read-only"):
            jitted([frozen])


def test_numbers_from_outside_stay_inputs_beside_containers() -> None:
    class Model:
        rate = 1.0

    jitted = wg.jit(lambda parts: [parts["x"] * Model.rate, {"y": parts["y"]}])
    for k in range(8):
        Model.rate = 1.0 + k
        found = jitted({"x": np.ones(2), "y": 0.5})
        same_nest(found, [np.ones(2) * Model.rate, {"y": 0.5}])


def test_out_and_keywords_beside_containers() -> None:
    jitted = wg.jit(lambda parts: [2.0 * x for x in parts], wait=True)
    parts, out = [np.ones(2), np.ones(3)], [np.empty(2), np.empty(3)]
    for _ in range(3):
        same_nest(jitted(parts), [np.full(2, 2.0), np.full(3, 2.0)])
        same_nest(jitted(parts=parts), [np.full(2, 2.0), np.full(3, 2.0)])
        assert jitted(parts, out=out) is out
        same_nest(out, [np.full(2, 2.0), np.full(3, 2.0)])


@pytest.mark.parametrize("depth", [20, 100])
def test_containers_as_deep_as_you_like(depth: int) -> None:
    deep: Any = 1.5
    for _ in range(depth):
        deep = [deep]
    jitted = wg.jit(lambda x: x, wait=True)
    for _ in range(3):
        assert jitted(deep) == deep


def test_many_shapes_cost_the_same_each() -> None:
    from wengert.execute.jit import MOST_DIRECT

    jitted = wg.jit(lambda x: x[0] * 2.0)
    for size in [*range(1, 3 * MOST_DIRECT)] * 2:
        same(jitted(np.full(size, 1.5)), np.float64(3.0))
    if native_engine():
        direct = [entry.direct is not None for entry in jitted.entries.values()]
        assert sum(direct) == MOST_DIRECT


def test_captures_reshaped_or_moved_in_place_are_read_as_they_are() -> None:
    held = np.ones(3)
    jitted, x = wg.jit(lambda x: held * x), np.arange(1.0, 4.0)
    same(jitted(x), x)

    held.resize(30_000, refcheck=False)  # its memory moves
    held.resize(3, refcheck=False)
    held[:] = 2.0
    same(jitted(x), 2 * x)
    held.resize((2, 3), refcheck=False)
    same(jitted(x), held * x)


@pytest.mark.parametrize("dtype", [">f8", "f4", "i8", "c16"])
def test_captures_of_any_type_keep_their_path(dtype: str) -> None:
    held = np.arange(3).astype(dtype)
    jitted, x = wg.jit(lambda x: held * x), np.arange(1.0, 4.0)
    for _ in range(4):
        same(jitted(x), held * x)
    (entry,) = jitted.entries.values()
    assert entry.recordings == 1


@pytest.mark.parametrize("dtype", ["f2", "f4", "c8"])
def test_replayed_python_numbers_do_not_widen(dtype: str) -> None:
    def fun(n: Any, x: Any) -> Any:
        return x * n + n / 3

    jitted, x = wg.jit(fun), np.arange(3).astype(dtype)
    for n in [3, 2.5, True, 3, 2.5, True]:
        assert jitted(n, x).dtype == fun(n, x).dtype
        assert wg.record(fun, n, x)(n, x).dtype == fun(n, x).dtype


def test_a_tape_compiles_and_keeps_its_path() -> None:
    tape = wg.record(lambda x, y: np.sin(x) * y if y > 0 else x, 1.5, 2.0)
    compiled = tape.compile()
    for y in [1.0, 2.5, 3.0]:
        assert compiled(0.5, y) == pytest.approx(np.sin(0.5) * y, rel=1e-15)
    with pytest.raises(GuardError):
        compiled(0.5, -1.0)


# Arguments that are more than their numbers


@pytest.fixture
def warm() -> Any:
    """Return a jitted sum and product that has been called with plain arrays."""
    jitted = wg.jit(lambda x: np.sum(x * x))
    for _ in range(3):
        jitted(np.ones((2, 2)))
    return jitted


@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_a_warm_function_refuses_arrays_with_an_arithmetic_of_their_own(
    warm: Any,
) -> None:
    masked = np.ma.array(np.ones((2, 2)), mask=np.eye(2))
    with pytest.raises(UnsupportedError, match="MaskedArray"):
        warm(masked)
    with pytest.raises(UnsupportedError, match="matrix"):
        warm(np.matrix(np.ones((2, 2))))
    with pytest.raises(UnsupportedError, match="MaskedArray"):
        wg.vmap(np.sum)(masked)
    with pytest.raises(UnsupportedError, match="MaskedArray"):
        wg.vmap(lambda x, y: np.sum(x) + np.sum(y), in_axes=(0, None))(
            np.ones((2, 2)), masked
        )


def test_a_file_in_memory_is_an_array_like_any_other(warm: Any, tmp_path: Any) -> None:
    """Also one that may only be read, as an argument and as a value from outside."""
    path = tmp_path / "data.bin"
    np.arange(4.0).tofile(path)
    table = np.memmap(path, dtype=float, mode="r", shape=(2, 2))
    assert warm(table) == 14.0

    scaled = wg.jit(lambda x: np.sum(table * x))
    for factor in (1.0, 2.0, 3.0):
        assert scaled(factor) == 6.0 * factor
    written = np.memmap(path, dtype=float, mode="r+", shape=(2, 2))
    written[0, 0] = 10.0
    assert scaled(2.0) == 32.0


def weighted(x: Any, out: Any = None) -> Any:
    """Return a sum in which `out` is an argument like any other."""
    return x + 1.0 if out is None else x + 10.0 * out


def collected(x: Any, **parts: Any) -> Any:
    """Return a sum over keywords of any name."""
    return x + sum(parts.values())


@pytest.mark.parametrize("fun", [weighted, collected])
def test_a_parameter_named_out_belongs_to_the_function(fun: Any) -> None:
    x, share = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    for jitted in (wg.jit(fun), wg.jit(wg.jacobian(fun))):
        expected = jitted.fun(x, out=share)
        for _ in range(3):
            np.testing.assert_array_equal(jitted(x, out=share), expected)
        np.testing.assert_array_equal(share, [3.0, 4.0])


def test_out_of_another_function_is_where_the_result_goes() -> None:
    jitted, place = wg.jit(lambda x: x * 2.0), np.empty(2)
    for _ in range(3):
        assert jitted(np.array([1.0, 2.0]), out=place) is place
        np.testing.assert_array_equal(place, [2.0, 4.0])


@pytest.mark.parametrize(
    "make",
    [
        lambda: float("nan"),
        lambda: np.float64("nan"),
        lambda: np.float32("nan"),
        lambda: complex("nan"),
        lambda: (1.0, (float("nan"), 2)),
    ],
)
def test_a_static_nan_is_found_again(make: Callable[[], Any]) -> None:
    jitted = wg.jit(lambda x, setting: x * 2.0, static_argnums=1)
    for _ in range(4):
        assert jitted(1.5, make()) == 3.0
    assert len(jitted.paths()) == 1


def test_static_nans_of_other_classes_are_others() -> None:
    jitted = wg.jit(
        lambda x, setting: x * (2.0 if type(setting) is float else 3.0),
        static_argnums=1,
    )
    for _ in range(2):
        assert jitted(1.0, float("nan")) == 2.0
        assert jitted(1.0, np.float64("nan")) == 3.0


def test_what_native_code_leaves_to_numpy_is_played_and_not_recorded_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The order of equal elements, which is NumPy's."""
    x = np.array([3.0, 1.0, 2.0, 0.5, 5.0, 4.0])
    fast = wg.jit(lambda x: x[np.argsort(x)] * 2.0, wait=True)
    for _ in range(3):
        np.testing.assert_array_equal(fast(x), np.sort(x) * 2.0)

    monkeypatch.setattr(Jitted, "record", None)

    for count in (1, 3, 6):
        x[:count] = 1.0
        np.testing.assert_array_equal(fast(x), np.sort(x) * 2.0)
