"""Loops over arrays give what the interpreter does: operations, random programs."""

from __future__ import annotations

import math
import re
import sys
import warnings
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest

import wengert as wg
from tests.lower.guarded import call_guarded, lying_apart
from tests.lower.programs import random_program
from tests.ops.examples import Example, examples
from tests.ops.test_forms import tapes
from tests.programs.gradients import flat
from wengert import Tape
from wengert.core.types import Type
from wengert.derive.shortened import shortened
from wengert.emit import settings
from wengert.emit.compile import Compiled
from wengert.emit.refusal import NotLoweredError
from wengert.execute.engine import native_engine
from wengert.execute.loops import compile_loops
from wengert.execute.plan import Left, Plan
from wengert.lower import schedule
from wengert.lower.axes import Axes
from wengert.lower.build import build
from wengert.lower.graph import Graph, number_of
from wengert.lower.lower import lower
from wengert.lower.refusal import BOUNDS
from wengert.lower.values import NAMES
from wengert.show.watch import kept_outputs

pytestmark = pytest.mark.skipif(not native_engine(), reason="the native engine is off")

#: Lanes of a vector, and elements up to which an axis is written out: with one, every
#: axis is a loop.  Lanes are those that the environment asks for, if it does.
WAYS = [(settings.lanes() or lanes, most) for lanes, most in [(2, 1), (4, 2), (8, 16)]]
SOME = [WAYS[0], *(pytest.param(way, marks=pytest.mark.slow) for way in WAYS[1:])]
PROGRAMS = 500
#: Ulps of the largest number that a random program may be off by: its sums cancel.
ILL_CONDITIONED = 1e5


def compiled(
    tape: Tape, way: tuple[int, int], absorbs: bool = True, calls: bool = False
) -> Compiled | None:
    """Return a tape's loops, None where it is refused; errors are none."""
    lanes, most = way
    before, schedule.MOST_UNROLLED = schedule.MOST_UNROLLED, most
    try:
        return compile_loops(shortened(tape, ())[0], absorbs, (), lanes, calls=calls)
    except NotLoweredError as error:
        if "of the compiler" in str(error):
            raise
        return None
    finally:
        schedule.MOST_UNROLLED = before


def given_to(tape: Tape) -> list[Any]:
    """Return a tape's recorded inputs as native code reads them."""
    return [
        np.ascontiguousarray(tape.play.outputs[k], tape.types[k].dtype).reshape(
            tape.types[k].shape
        )
        for k in tape.input_indices
    ]


def parts_of(z: Any) -> np.ndarray:
    """Return the real and imaginary parts of complex numbers."""
    return np.stack([z.real, z.imag])


#: Ulps of the largest number that a tape holds: what is left of its like is as wrong.
OF_LARGEST = 64


def largest(tape: Tape) -> float:
    """Return the largest finite number that a tape holds."""
    with np.errstate(all="ignore"):
        outputs = [flat(x) for x in kept_outputs(tape)]
    numbers = np.abs(np.concatenate([np.zeros(1), *outputs]))
    return float(np.max(numbers, where=np.isfinite(numbers), initial=0))


def assert_close(found: Any, expected: Any, ulps: float, held: float = 0.0) -> None:
    """Numbers agree to so many ulps of the largest one; all others exactly."""
    expected = np.asarray(expected)
    assert found.shape == expected.shape
    if expected.dtype.kind == "c":
        found, expected = parts_of(found), parts_of(expected)
    if expected.dtype.kind != "f":
        np.testing.assert_array_equal(found, expected)
        return
    finite = np.abs(expected[np.isfinite(expected)])
    tolerance = ulps * np.finfo(expected.dtype).eps
    most = max(1.0, float(finite.max())) if finite.size else 1.0
    least = OF_LARGEST * np.finfo(expected.dtype).eps * held
    atol = max(tolerance * most, least)
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=atol)


def check_tape(
    tape: Tape,
    way: tuple[int, int],
    at_end: bool = True,
    ulps: float = 200,
    calls: bool = False,
    is_apart: bool = False,
) -> None:
    """A tape has loops, and they give what the interpreter does.

    Their scratch buffers lie apart if asked, else they share places.
    """
    with lying_apart() if is_apart else nullcontext() as gaps:
        kernel = compiled(tape, way, calls=calls)
    assert kernel is not None, "no loops"
    given = given_to(tape)
    with np.errstate(all="ignore"):
        expected = Plan(tape).run(given)
    assert not isinstance(expected, Left)
    likes = [tape.types[k] for k in tape.output_indices]
    answer, found = call_guarded(kernel, given, likes, at_end, gaps)
    assert answer == 0
    for one, other in zip(found, expected, strict=True):
        assert_close(one, other, ulps, largest(tape))


def of_arrays(example: Example) -> bool:
    """Whether native code has the types of an example's operands, and plays it.

    A determinant of a singular matrix is left to NumPy.
    """
    if example.operation == "det" and example.label == "singular":
        return False
    kinds = [np.asarray(x).dtype for x in example.operands]
    return all(kind in NAMES or kind.kind == "c" for kind in kinds)


EVERY = [example for example in examples() if of_arrays(example)]
#: What is refused as a whole: NumPy would be called with arrays without elements.
REFUSED = {"lstsq-wide"}
#: What native code leaves to NumPy when it is called: in which order equal ones come.
LEFT_TO_NUMPY = {"intersect1d"}
REFUSED_OF_NOTHING = {"prod-complex", "lstsq-complex", "scipy_qr"}


def check_unless(
    refused: Collection[str], example: Example, tape: Tape, way: tuple[int, int]
) -> None:
    """An example's tape is one call that gives what it should, or is known not to."""
    if str(example) in refused:
        assert compiled(tape, way, calls=True) is None
    elif str(example) in LEFT_TO_NUMPY and tape.types[tape.input_indices[0]].size:
        kernel = compiled(tape, way, calls=True)
        assert kernel is not None
        likes = [tape.types[k] for k in tape.output_indices]
        assert call_guarded(kernel, given_to(tape), likes, True)[0] == BOUNDS
    else:
        check_tape(tape, way, calls=True)


@pytest.mark.one_in(4)
@pytest.mark.parametrize("way", SOME, ids=str)
@pytest.mark.parametrize("example", EVERY, ids=str)
def test_an_operation_in_loops_is_the_operation(
    example: Example, way: tuple[int, int]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, tape = next(tapes(example))
    check_unless(REFUSED, example, tape, way)


@pytest.mark.slow
@pytest.mark.parametrize("example", EVERY, ids=str)
def test_an_operation_on_nothing_in_loops_is_the_operation(example: Example) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for cast, tape in tapes(example):
            if cast == "empty":
                check_unless(REFUSED_OF_NOTHING, example, tape, WAYS[1])


@pytest.mark.parametrize("name", ["svd", "qr", "modf"])
def test_results_of_nothing_may_have_elements(name: str) -> None:
    def function(x: Any) -> Any:
        found = np.modf(x) if name == "modf" else getattr(np.linalg, name)(x)
        return tuple(part * 1.0 for part in found)

    check_tape(wg.record(function, np.ones((3, 0))), WAYS[1], calls=True)


#: What has no loops, of arrays without elements.
OF_NOTHING = {
    "unique": lambda x: np.sum(x) * np.unique(x[x > 9.0]).size + 1.0,
    "histogram": lambda x: x[0] * np.histogram(x[:0], bins=3, range=(0, 1))[0],
    "svd": lambda x: x[0] * np.linalg.svd(np.reshape(x[:0], (0, 3)))[2],
    "interp": lambda x: np.sum(x) + np.interp(x[:0], x, x),
    "percentile": lambda x: x[0] + np.percentile(np.reshape(x[:0], (3, 0)).T, 5, 1),
}


@pytest.mark.parametrize("name", OF_NOTHING)
def test_what_is_called_of_nothing_is_known(name: str) -> None:
    function, x = OF_NOTHING[name], np.linspace(1.0, 2.0, 7)
    fast = wg.jit(function, wait=True)

    for _ in range(3):
        np.testing.assert_array_equal(fast(x), function(x), strict=True)
    (path,) = fast.paths()
    assert path.kernels, path.reason


def judge(seed: int) -> None:
    """A random program and its gradient, in loops between guard pages.

    Every other one's scratch buffers lie apart.
    """
    program, way = random_program(seed), WAYS[seed % len(WAYS)]
    at_end, is_apart = bool(seed // len(WAYS) % 2), bool(seed % 2)
    how: Any = (way, at_end, ILL_CONDITIONED, True, is_apart)
    check_tape(wg.record(program, *program.arguments), *how)
    every = tuple(range(len(program.arguments)))
    gradient = wg.value_and_grad(program.total, every)
    check_tape(wg.record(gradient, *program.arguments), *how)


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for guard pages")
@pytest.mark.parametrize("first", range(0, PROGRAMS, 10))
def test_random_programs_touch_nothing_outside(first: int) -> None:
    for seed in range(first, first + 10):
        judge(seed)


@pytest.mark.one_in(3)
@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for guard pages")
@pytest.mark.parametrize("first", range(0, 60, 10))
def test_random_programs_of_which_much_is_stored_at_once(
    first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of programs of very many values."""
    monkeypatch.setattr(schedule, "MOST_ONE_BY_ONE", 0)
    for seed in range(first, first + 10):
        judge(seed)


def zigzag(count: int) -> Any:
    """A function of many arrays that are read in several nests."""
    random = np.random.default_rng(2)
    picks = random.integers(1, 8, size=(count, 3))

    def function(x: Any) -> Any:
        made = [x * (1 + 0.1 * k) for k in range(8)]
        for i, j, kind in picks:
            a, b = made[-i], made[-j]
            steps = (np.sin(a) - b, np.tanh(a + b), a - np.mean(b), a[::-1] + b * 0.3)
            made.append(steps[kind % 4])
        return np.sum(made[-1] * made[-2])

    return function


def test_many_arrays_are_scheduled_as_few_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their number of nests grows no faster, and they give the same."""
    x = np.linspace(-0.5, 0.5, 40)
    tape = wg.record(zigzag(150), x)
    expected = tape(x)
    loops = []
    for most in (10**9, 0):
        monkeypatch.setattr(schedule, "MOST_ONE_BY_ONE", most)
        nest, _ = build(lower(tape), 4)
        loops.append(str(nest).count("for "))
        check_tape(tape, WAYS[1], ulps=1e4)
    assert loops[1] <= 1.2 * loops[0]
    assert np.isfinite(expected)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for guard pages")
@pytest.mark.parametrize("first", range(PROGRAMS, 10_000, 380))
def test_many_random_programs_touch_nothing_outside(first: int) -> None:
    for seed in range(first, first + 380):
        judge(seed)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("first", range(0, 60, 10))
def test_random_mixed_programs_are_one_call(first: int) -> None:
    for seed in range(first, first + 10):
        program = random_program(seed, is_mixed=True)
        tape = wg.record(wg.value_and_grad(program.total), *program.arguments)
        check_tape(
            tape, WAYS[seed % len(WAYS)], seed % 2 == 0, ILL_CONDITIONED, calls=True
        )


@pytest.mark.parametrize("seed", [1803, 1804, 4170, 8164])
def test_random_programs_that_were_wrong(seed: int) -> None:
    """Parts joined along an axis that another has beside it; sums of turned sums."""
    judge(seed)


# Refusals


@pytest.mark.parametrize("n", [2, 40])
def test_a_number_made_of_all_elements_is_read_beside_them(n: int) -> None:
    """What is stored is there as a whole before a number is made of parts of it."""

    def function(x: Any) -> Any:
        y = np.copy(x)
        np.add(y[1:], y[:-1], out=y[1:])
        floors = np.floor_divide(y, 1.5)
        total = 1.0 + floors[0] + floors[1] * floors[-1]
        return floors * total

    x = np.random.default_rng(n).uniform(1.0, 9.0, n)
    for way in WAYS:
        check_tape(wg.record(function, x), way, ulps=0)


@pytest.mark.parametrize("n", [3, 20])
def test_a_diagonal_beside_a_row_is_no_other_name(n: int) -> None:
    """It runs along the row's axis, and along that of the rows at once."""

    def function(x: Any) -> Any:
        x = np.copy(x)
        y = np.log1p(np.square(x))
        z, diagonal = np.matmul(x, x, out=x), np.diagonal(y)
        z[-1] += np.nan_to_num(diagonal)
        return z, diagonal

    x = np.random.default_rng(n).normal(size=(n, n))
    for way in WAYS:
        check_tape(wg.record(function, x), way)


def refused(function: Any, *at: Any, absorbs: bool = True) -> int:
    """Return the number by which loops refuse a call, which were recorded elsewhere."""
    first, then = at[: len(at) // 2], at[len(at) // 2 :]
    tape = wg.record(function, *first)
    kernel = compiled(tape, WAYS[0], absorbs)
    assert kernel is not None
    likes: list[Type] = [tape.types[k] for k in tape.output_indices]
    given = [np.ascontiguousarray(x) for x in then]
    answer, _ = call_guarded(kernel, given, likes, True)
    return answer


def test_an_index_out_of_bounds_is_refused() -> None:
    x, near, far = np.ones(5), np.array([0, 4, -5]), np.array([0, 5, 1])

    assert refused(lambda x, i: x[i] * 2.0, x, near, x, near) == 0
    assert refused(lambda x, i: x[i] * 2.0, x, near, x, far) == BOUNDS
    assert refused(lambda x, i: x[i] * 2.0, x, near, x, -far - 1) == BOUNDS


def test_a_branch_taken_otherwise_is_refused() -> None:
    def function(x: Any) -> Any:
        return x * 2.0 if np.all(x > 0) else -x

    x = np.ones(40)

    assert refused(function, x, x) == 0
    assert refused(function, x, np.where(np.arange(40) == 37, -1.0, x)) > BOUNDS


def test_a_product_that_a_zero_absorbs_is_refused_where_it_is_plain() -> None:
    gradient = wg.grad(lambda x: np.sum(np.sqrt(x) ** 2))
    x, zero = np.ones(20), np.where(np.arange(20) == 7, 0.0, 1.0)

    assert refused(gradient, x, x, absorbs=False) == 0
    assert refused(gradient, x, zero, absorbs=False) == 1
    assert refused(gradient, x, zero) == 0


@pytest.mark.parametrize(
    ("function", "fine", "bad"),
    [
        (lambda x, y: x / y, (3.0, 2.0), (3.0, 0.0)),
        (lambda x, y: x // y + x % y, (3, 2), (3, 0)),
        (lambda x, y: x * y + 1, (3, 2), (2**62, 2)),
        (lambda x, y: x**y, (3, 2), (3, 200)),
        (lambda x, y: x**y, (3.0, 2.0), (-3.0, 0.5)),
        (lambda x, y: math.log(x) + math.exp(y), (3.0, 2.0), (0.0, 2.0)),
        (lambda x, y: math.log(x) + math.exp(y), (3.0, 2.0), (3.0, 2000.0)),
        (lambda x, y: np.arange(2) ** x, (np.array([1, 0]), 0), (np.array([1, -1]), 0)),
    ],
)
def test_what_raises_is_refused(function: Any, fine: Any, bad: Any) -> None:
    assert refused(function, *fine, *fine) == 0
    assert refused(function, *fine, *bad) == BOUNDS


def test_an_error_that_was_caught_is_asked_for() -> None:
    def function(x: Any, y: Any) -> Any:
        try:
            return x / y
        except ZeroDivisionError:
            return x * 2.0

    assert refused(function, 3.0, 0.0, 2.0, 0.0) == 0
    assert refused(function, 3.0, 0.0, 2.0, 1.0) > BOUNDS


@pytest.mark.parametrize(
    ("unread", "fine", "bad"),
    [
        (lambda x, s: math.sqrt(s), 2.0, -2.0),
        (lambda x, s: 1 / s, 2.0, 0.0),
        (lambda x, s: x[s], np.array([1, 0]), np.array([700, 0])),
        (lambda x, s: np.add.at(x * 2, s, 1), np.array([1, 0]), np.array([700, 0])),
        (lambda x, s: np.linalg.inv(s), np.eye(3), np.ones((3, 3))),
        (lambda x, s: np.arange(2) ** s, np.array([1, 0]), np.array([-1, 0])),
    ],
)
def test_what_nobody_reads_raises_all_the_same(
    unread: Any, fine: Any, bad: Any
) -> None:
    def function(x: Any, s: Any) -> Any:
        unread(x, s)
        return np.sum(np.exp(x) * x)

    fast, x = wg.jit(wg.grad(function), wait=True), np.linspace(0.0, 1.0, 400)
    for _ in range(3):
        fast(x, fine)
    try:
        function(x, bad)
    except Exception as error:
        kind, text = type(error), re.escape(str(error))

    with pytest.raises(kind, match=text):
        fast(x, bad)


def test_a_branch_on_such_a_product_is_refused() -> None:
    """As plain Python would answer a NaN: by no, where a zero that absorbs says yes."""

    def function(x: Any) -> Any:
        slope = wg.grad(lambda x: np.sum(np.sqrt(x) ** 2))(x)
        return x * 2.0 if np.all(slope < 0.5) else x * 3.0

    x, zeros = np.ones(20), np.zeros(20)

    assert refused(function, x, x, absorbs=False) == 0
    assert refused(function, x, zeros, absorbs=False) != 0


@pytest.mark.filterwarnings("ignore:.*encountered")
@pytest.mark.parametrize(
    "function", [lambda x: np.sqrt(x) ** 2, lambda x: np.where(x > 0, x / x, 0.0)]
)
def test_compiled_gradients_at_holes_are_eager_ones(function: Any) -> None:
    gradient = wg.grad(lambda x: np.sum(np.where(np.abs(x) < 1, function(x), x)))
    fast = wg.jit(gradient, wait=True)
    x = np.linspace(0.0, 2.0, 2001)
    fast(x + 0.25)
    for _ in range(6):
        np.testing.assert_allclose(fast(x), gradient(x), rtol=1e-12)


@pytest.mark.parametrize("exponent", [np.int64(0), np.int64(1), np.int64(2), 2.0])
def test_powers_that_are_known_are_products(exponent: Any) -> None:
    """That of a second derivative of a square took a call of `pow` an element."""
    edges = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e200, -3.0, 5e-324]
    x = np.concatenate([edges, np.random.default_rng(1).normal(size=200)])
    with np.errstate(all="ignore"):
        tape = wg.record(lambda x: np.power(x, exponent) * 1.0, x)
        expected = np.power(x, exponent)
    kernel = compiled(tape, (4, 2))

    assert kernel is not None
    assert "**" not in kernel.nest
    found = np.empty_like(x)
    assert kernel.call([x], [found]) == 0
    np.testing.assert_array_equal(found, expected)
    assert np.array_equal(np.signbit(found), np.signbit(expected))


def test_a_report_shows_the_loops() -> None:
    fast = wg.jit(wg.grad(lambda x: np.sum(np.exp(x) * x)), wait=True)
    fast(np.ones(4000))
    (row,) = fast.report().rows

    assert "loop i0 to 4000 in lanes" in row["nest"]
    assert "1 loops over arrays" in str(fast.report())


def swing(p: Any) -> Any:
    x, v = p[0], p[1]
    for _ in range(300):
        x, v = x + 0.01 * v, v - 0.01 * p[2] * np.sin(x)
    return x * x + v


def fade(p: Any) -> Any:
    x, total = p[0], 0.0
    for _ in range(300):
        x = x * 0.99 + 0.001 * p[1]
        total = total + np.exp(-x * p[2])
    return total


def guarded(p: Any) -> Any:
    x, found = p[0], []
    for _ in range(300):
        x = 0.99 * x + 0.01 * np.tanh(x)
        found.append(np.log(x))
        if found[-1] > 5.0:
            x = x + 1.0
    return found[-1] * found[0]


@pytest.mark.parametrize("function", [swing, fade, guarded])
def test_functions_of_what_a_loop_stacks(function: Any) -> None:
    """They are computed behind the loop, in lanes, as if they were in it."""
    slope, p = wg.value_and_grad(function), np.array([0.7, 0.2, 1.3])
    fast = wg.jit(slope, wait=True)
    for _ in range(3):
        found = fast(p)

    for one, other in zip(found, slope(p), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13)
    (row,) = fast.report().rows
    if function is swing:
        _, behind = row["nest"].split("300 in lanes")
        assert "cos(x)" in behind
        assert row["nest"].count("cos(x)") == 1


@pytest.mark.parametrize("size", [1, 40, 400])
def test_long_chains_are_loops(size: int) -> None:
    """As deep as they are, nothing recurses."""

    def chain(x: Any) -> Any:
        for _ in range(500):
            x = np.sin(x) * 1.01 + 0.1
        return np.sum(x)

    x = np.linspace(0.0, 1.0, size)
    check_tape(wg.record(chain, x), WAYS[0])


@pytest.mark.parametrize("adds", [True, False])
@pytest.mark.parametrize("shape", [(40,), (3, 17), (17, 3)])
def test_of_equal_places_the_last_write_wins(shape: Any, adds: bool) -> None:
    index = np.random.default_rng(0).integers(0, 9, shape)

    def function(x: Any, y: Any) -> Any:
        new = np.sin(x)
        if adds:
            np.add.at(new, index, y)
        else:
            new[index] = y
        return new

    x, y = np.linspace(0.0, 1.0, 50), np.arange(1.0, 1.0 + index.size).reshape(shape)
    fast = wg.jit(function, wait=True)
    for _ in range(3):
        np.testing.assert_allclose(fast(x, y), function(x, y), rtol=1e-14)
    check_tape(wg.record(function, x, y), WAYS[0])


# Precision, threads


@pytest.mark.parametrize("n", [1, 7, 64, 1000, 100_003])
def test_sums_are_as_exact_as_numpys(n: int) -> None:
    x = np.random.default_rng(n).uniform(0.5, 1.5, n)
    exact = np.sum(x.astype(np.longdouble))
    tape = wg.record(np.sum, x)
    kernel = compile_loops(tape, True)
    found = np.empty(())
    assert kernel.call([x], [found]) == 0

    error = abs(float(found - exact))
    assert error <= 2 * abs(float(np.sum(x) - exact)) + 4 * np.spacing(float(exact))


@pytest.mark.parametrize("n", [3, 9, 33])
@pytest.mark.parametrize(
    "function",
    [
        lambda x, y: np.cross(x[:3], x[:3]),
        lambda x, y: x[0] * y[1] - y[1] * x[0],
        lambda x, y: -(x * y) + (y * x)[::-1][::-1],
        lambda x, y: (x * y - np.abs(y * x[::-1]))[x.size // 2],
        lambda x, y: np.where(x > 2, x, x * y) - np.maximum(y * x, 0.1),
        lambda x, y: np.reshape(x * y, (3, -1)).T - np.reshape(y * x, (3, -1)).T,
    ],
)
def test_equal_products_cancel(function: Any, n: int) -> None:
    """As a multiply-add would not let them: it does not round its product."""
    x, y = np.random.default_rng(n).uniform(1.1, 1.9, (2, n))
    fast, tape = wg.jit(function, wait=True), wg.record(function, x, y)
    assert not np.any(function(x, y))

    for _ in range(3):
        assert not np.any(fast(x, y))
    kernel = compiled(tape, (4, 2))
    if kernel is not None:
        likes = [tape.types[k] for k in tape.output_indices]
        assert not np.any(call_guarded(kernel, [x, y], likes, True)[1][0])


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("fold", [np.sum, np.prod, np.count_nonzero, np.max])
@pytest.mark.parametrize("rows", [4, 8])
def test_folds_of_whole_numbers_side_by_side(
    rows: int, fold: Any, way: tuple[int, int]
) -> None:
    """Which LLVM's code generation took for others, at eight lanes."""
    x = np.random.default_rng(0).integers(1, 4, (rows, 20))
    tape = wg.record(lambda x: (fold(x, axis=1), fold(x, axis=1) * 2), x)
    check_tape(tape, way)


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("dtype", ["bool", "int32", "float32"])
@pytest.mark.parametrize("source", ["float64", "int64"])
def test_what_is_left_over_is_narrowed_in_bounds(
    source: str, dtype: str, way: tuple[int, int]
) -> None:
    """Where one element is left over, between pages that nobody may touch."""
    x = np.arange(33).astype(source)
    tape = wg.record(lambda x: (x[::2].astype(dtype), x.astype(dtype)[::-1]), x)
    check_tape(tape, way, at_end=True)
    check_tape(tape, way, at_end=False)


def quotients(x: Any, y: Any) -> list[Any]:
    """Return folds of what is not finite where there are no elements."""
    parts = (x, y), (x[::2], y[::2]), (x[::-1], y[::-1]), (x[[0, 1, 1]], y[[1, 0, 1]])
    return [
        fold(function(u, v))
        for u, v in parts
        for fold in (np.sum, np.max)
        for function in (
            np.divide,
            np.fmod,
            lambda u, v: u / u,
            lambda u, v: (v - v) / (u * v),
        )
    ]


@pytest.mark.one_in(2)
@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("size", [2, 3, 5, 18])
def test_lanes_without_elements_are_seen_nowhere(
    size: int, dtype: str, way: tuple[int, int]
) -> None:
    """LLVM took quotients of lanes that hold zeros for zeros, and hid them no more."""
    random = np.random.default_rng(size)
    x, y = random.uniform(1.0, 2.0, (2, size)).astype(dtype)
    check_tape(wg.record(quotients, x, y), way)


@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (3, 1), (2, 20)])
@pytest.mark.parametrize(
    "function",
    [
        np.sum,
        lambda x: np.sum(x, axis=0),
        lambda x: np.mean(x, axis=1, keepdims=True),
        lambda x: np.sum(np.broadcast_to(x[0], (3, *x[0].shape)), axis=0),
        lambda x: np.trace(x),
        lambda x: np.cumsum(x, axis=0),
        lambda x: x + x,
        lambda x: np.einsum("ij->i", x),
        lambda x: np.einsum("ij,ij->ij", x, np.abs(x)),
        lambda x: np.einsum("ij->ji", x),
        lambda x: np.matmul(x, np.ones(x.shape[1])),
        lambda x: np.inner(x, np.ones(x.shape)),
        lambda x: np.dot(x[0], np.ones(x.shape[1])),
        lambda x: np.vecdot(x, np.ones(x.shape)),
        lambda x: (y := np.negative(np.abs(x)), np.add.at(y, [0, 0], -0.0))[0],
    ],
)
def test_sums_of_negative_zeros_have_numpys_sign(function: Any, shape: Any) -> None:
    x = np.full(shape, -0.0)
    fast, expected = wg.jit(function, wait=True), np.signbit(function(x))

    for _ in range(3):
        np.testing.assert_array_equal(np.signbit(fast(x)), expected)
    tape = wg.record(function, x)
    kernel = compiled(tape, WAYS[1])
    if kernel is not None:
        likes = [tape.types[k] for k in tape.output_indices]
        found = call_guarded(kernel, [x], likes, True)[1][0]
        np.testing.assert_array_equal(np.signbit(found), expected)


@pytest.mark.parametrize("dtype", ["bool", "int32", "int64", "float32", "float64"])
@pytest.mark.parametrize("source", ["float64", "float32", "int64"])
@pytest.mark.filterwarnings("ignore:invalid value")
def test_numbers_are_converted_as_numpy_converts_them(source: str, dtype: str) -> None:
    graph = Graph(Axes())
    for value in np.array([0.216, -0.1, 3e9, -2.5, 2.0**53 + 2, np.nan]):
        number = value.astype(source)
        node = graph.map("x", (graph.number(number, source),), dtype)

        np.testing.assert_equal(number_of(node), number.astype(dtype).item())


def test_a_number_written_into_truth_values_is_one() -> None:
    def function(x: Any) -> Any:
        x[1:3] = np.full(2, 0.216)
        return x

    tape = wg.record(function, np.zeros(5, bool))
    check_tape(tape, WAYS[0])


@pytest.mark.parametrize("dtype", ["float32", "int32", "bool", "float64"])
def test_an_item_is_a_number_of_pythons(dtype: str) -> None:
    """Of twice the bits: all of them are written."""
    tape = wg.record(lambda x: (x.item(1), x[1:] * 2), np.array([0, 1.7, 3], dtype))
    check_tape(tape, WAYS[0])


@pytest.mark.parametrize(("kept", "added"), [("int64", "float64"), ("bool", "bool")])
def test_what_is_added_is_converted_at_once(kept: str, added: str) -> None:
    """As NumPy converts after every addition to an equal place."""

    def function(x: Any, y: Any) -> Any:
        new = np.multiply(x, x)
        np.add.at(new, [0, 0, 2], y)
        return new

    x, y = np.array([6, 12, 0], kept), np.asarray(-1.81, added)
    fast, expected = wg.jit(function, wait=True), function(x, y)

    for _ in range(3):
        np.testing.assert_array_equal(fast(x, y), expected)
    check_tape(wg.record(function, x, y), WAYS[0], calls=True)


def test_threads_may_call_at_once() -> None:
    gradient = wg.grad(lambda x: np.sum(np.exp(x - np.max(x)) * np.sin(x)[::-1]))
    fast = wg.jit(gradient, wait=True)
    x = np.random.default_rng(0).normal(size=3000)
    fast(x)
    inputs = [x * (1 + 0.01 * k) for k in range(64)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(fast, inputs))

    for one, at in zip(found, inputs, strict=True):
        np.testing.assert_allclose(one, gradient(at), rtol=1e-11, atol=1e-13)


EXTREME = [1.0, -3.0, 0.0, 1e-310, -5e-324, 1e-200, 1e200, 1.7e308, np.inf, np.nan]


@pytest.mark.filterwarnings("ignore:invalid", "ignore:divide", "ignore:overflow")
@pytest.mark.parametrize("y", EXTREME)
def test_what_is_divided_again_is_as_by_numpy(y: float) -> None:
    """The derivatives of quotients divide by the same number twice."""

    def function(x: Any, y: Any) -> Any:
        return np.sum(x / y), np.sum(1 / x) + 1 / y

    def slopes(x: Any, y: Any) -> Any:
        return [
            wg.value_and_grad(lambda *a, k=k: function(*a)[k], (0, 1))(x, y)
            for k in range(2)
        ]

    x, number = np.array(EXTREME * 3), np.float64(y)
    jitted = wg.jit(slopes, wait=True)

    for _ in range(3):
        pairs = zip(jitted(x, number), slopes(x, number), strict=True)
        for (one, few), (other, like) in pairs:
            np.testing.assert_allclose(one, other, rtol=1e-14)
            for slope, expected in zip(few, like, strict=True):
                np.testing.assert_allclose(slope, expected, rtol=1e-14)


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "int8", "bool"])
@pytest.mark.parametrize("lanes", [2, 4, 8])
@pytest.mark.parametrize("at_end", [True, False])
def test_every_second_element_is_read_and_written_in_bounds(
    dtype: str, lanes: int, at_end: bool
) -> None:
    def program(x: Any) -> Any:
        y = x.copy()
        y[::2] = x[1::2]
        y[1::2] = x[-2::-2]
        return y, x[::2] * x[1::2], x[-1::-2]

    for n in (32, 64, 70, 100):
        x = np.random.default_rng(n).integers(-3, 4, n).astype(dtype)
        check_tape(wg.record(program, x), (lanes, 4), at_end)


@pytest.mark.parametrize("dtype", ["complex128", "complex64"])
@pytest.mark.parametrize("lanes", [2, 4, 8])
def test_complex_numbers_side_by_side(dtype: str, lanes: int) -> None:
    def program(z: Any, w: Any) -> Any:
        return z * w + 1.5, np.conj(z) - w, (z * np.conj(z)).real

    random = np.random.default_rng(0).standard_normal((4, 100))
    z, w = (random[:2] + 1j * random[2:]).astype(dtype)
    check_tape(wg.record(program, z, w), (lanes, 4))
