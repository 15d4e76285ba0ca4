"""Structured loops that end by a condition, against the same loop in plain Python."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import wengert as wg
from tests.lower.guarded import call_guarded
from tests.structure.structured import LOOPS, loops_inside, plain, program, structured
from wengert.derive.while_loops import WHILE
from wengert.execute.engine import native_engine
from wengert.execute.loops import compile_loops
from wengert.execute.paths import Path
from wengert.lower.refusal import LONG


def root(a: Any) -> Any:
    """A square root by Newton's method."""
    at = wg.while_loop(
        lambda at: abs(at[0] * at[0] - a) > 1e-12,
        lambda at: (0.5 * (at[0] + a / at[0]), at[1] + 1),
        (a, 0),
    )
    return at[0]


def root_by_hand(a: Any) -> Any:
    x = a
    while abs(x * x - a) > 1e-12:
        x = 0.5 * (x + a / x)
    return x


def spread(x: Any) -> Any:
    """A loop of an array whose step reads one from outside, and is done n times."""
    k = np.cos(x)
    return wg.while_loop(
        lambda y: np.sum(y * y) < 20.0, lambda y: y * 1.3 + k * np.sin(y), x
    )


def spread_by_hand(x: Any) -> Any:
    y, k = x, np.cos(x)
    while np.sum(y * y) < 20.0:
        y = y * 1.3 + k * np.sin(y)
    return y


@pytest.mark.parametrize("a", [7.0, 0.3, 1.0])
def test_it_is_the_plain_loop(a: float) -> None:
    assert root(a) == root_by_hand(a)
    for derivative in (
        wg.grad,
        wg.jacfwd,
        wg.hessian,
        lambda f: wg.grad(wg.grad(f)),
        lambda f: wg.grad(wg.grad(wg.grad(f))),
        lambda f: wg.jacfwd(wg.jacfwd(f)),
    ):
        np.testing.assert_allclose(
            derivative(root)(a), derivative(root_by_hand)(a), rtol=1e-11, atol=1e-14
        )


@pytest.mark.parametrize("scale", [1.0, 0.1, 30.0])
def test_a_loop_of_arrays(scale: float) -> None:
    x = np.array([0.4, -0.9, 1.3]) * scale
    np.testing.assert_array_equal(spread(x), spread_by_hand(x))
    np.testing.assert_array_equal(wg.record(spread, x)(x), spread_by_hand(x))
    one = lambda x: np.sum(spread(x) ** 2)  # noqa: E731
    other = lambda x: np.sum(spread_by_hand(x) ** 2)  # noqa: E731
    for derivative in (wg.grad, wg.jacfwd, wg.hessian, lambda f: wg.jacrev(wg.grad(f))):
        np.testing.assert_allclose(derivative(one)(x), derivative(other)(x), rtol=1e-11)
    h = 1e-30  # the complex step
    steps = [spread_by_hand(x + 1j * h * e).imag / h for e in np.eye(3)]
    np.testing.assert_allclose(wg.jacobian(spread)(x), np.stack(steps).T, rtol=1e-11)


def test_the_number_of_steps_is_that_of_each_replay() -> None:
    f = wg.jit(wg.grad(root), wait=True)
    for a in (7.0, 7.0, 0.3, 1e6, 1.0, 2.0):
        np.testing.assert_allclose(f(a), wg.grad(root_by_hand)(a), rtol=1e-13)
    assert len(f.paths()) == 1
    tape = wg.record(root, 7.0)
    assert WHILE in tape.operations
    assert [tape(a) for a in (1.0, 1e6)] == [root_by_hand(a) for a in (1.0, 1e6)]


def test_guards_in_a_step_are_asked_in_every_step() -> None:
    def f(x: Any) -> Any:
        def step(y: Any) -> Any:
            return y * 2.0 if y < 4.0 else y + 3.0

        return wg.while_loop(lambda y: y < 20.0, step, x)

    def by_hand(x: Any) -> Any:
        while x < 20.0:
            x = x * 2.0 if x < 4.0 else x + 3.0
        return x

    for x in (1.0, 3.0, 10.0, 30.0):
        assert f(x) == by_hand(x)
        assert wg.grad(f)(x) == wg.grad(by_hand)(x)
    g = wg.jit(wg.grad(f), wait=True)
    for x in (10.0, 10.0, 1.0, 30.0, 3.0, 11.0):
        assert g(x) == wg.grad(by_hand)(x)


def collatz(n: Any) -> Any:
    """A loop of whole numbers."""
    return wg.while_loop(
        lambda at: at[0] != 1,
        lambda at: (np.where(at[0] % 2 == 0, at[0] // 2, 3 * at[0] + 1), at[1] + 1),
        (n, 0),
    )[1]


def turned(m: Any, limit: Any) -> Any:
    """A matrix that is carried, read across, and read after the loop."""
    end, steps = wg.while_loop(
        lambda at: at[1] < np.floor(limit),
        lambda at: (at[0].T * 0.5 + at[0][::-1], at[1] + 1.0),
        (m, 0.0),
    )
    return end * steps + end.T, end[1]


def dominant(m: Any, limit: Any) -> Any:
    """The power method, whose steps are products of matrices."""
    v = np.ones(len(m))

    def step(at: Any) -> Any:
        w = m @ at[0]
        return w / np.sqrt(np.sum(w * w)), at[0], at[2] + 1

    ends = lambda at: (np.sum((at[0] - at[1]) ** 2) > 1e-20) & (at[2] < limit)  # noqa: E731
    return wg.while_loop(ends, step, (v, v * 0.0, 0))[0]


SQUARE = np.arange(16.0).reshape(4, 4) * 0.1
NATIVE: dict[str, tuple[Any, list[Any]]] = {
    "numbers": (root, [(7.0,), (0.3,), (1.0,), (1e6,)]),
    "an array": (spread, [(np.arange(k, k + 9.0) / 50.0,) for k in range(-9, 9)]),
    "whole numbers": (collatz, [(np.int64(n),) for n in (27, 1, 97, 6)]),
    "matrices": (turned, [(SQUARE, 0.9), (SQUARE, 1.0), (SQUARE, 2.1), (SQUARE, 7.5)]),
    "products": (dominant, [(SQUARE + SQUARE.T, 90.5), (SQUARE + 1.0, 0.5)]),
}

#: What a sine, or a sum of products, is rounded to otherwise.
ROUNDED = {"an array": 1e-14, "products": 1e-9}


@pytest.mark.skipif(not native_engine(), reason="the native engine is off")
@pytest.mark.parametrize("name", NATIVE)
def test_it_is_native_and_touches_nothing_outside(name: str) -> None:
    function, points = NATIVE[name]
    tape = wg.record(function, *points[0])
    kernel = compile_loops(tape, True)

    for point in points:
        expected = function(*point)
        expected = expected if isinstance(expected, tuple) else (expected,)
        given = [np.asarray(x) for x in point]
        for at_end in (True, False):
            likes = [np.asarray(x) for x in expected]
            answer, found = call_guarded(kernel, given, likes, at_end)

            assert answer == 0
            for one, other in zip(found, expected, strict=True):
                np.testing.assert_allclose(one, other, rtol=ROUNDED.get(name, 0.0))


@pytest.mark.skipif(not native_engine(), reason="the native engine is off")
def test_a_native_loop_ends_where_a_guard_fails() -> None:
    """Without its guard it would go on for ever: nothing is added any more."""

    def f(x: Any, start: Any) -> Any:
        def step(y: Any) -> Any:
            return y + x[0] if x[0] > 0.0 else y

        return wg.while_loop(lambda y: y < 5.0, step, start)

    kernel = compile_loops(wg.record(f, np.array([1.0]), 0.5), True)
    for x, passes in ((1.0, True), (0.0, False)):
        given = [np.array([x]), np.array(0.5)]
        answer, found = call_guarded(kernel, given, [np.array(0.0)], True)

        assert (answer == 0) == passes
        assert not passes or found[0] == 5.5


def behind_branch(x: Any) -> Any:
    """A loop that ends for what Python's branch lets through."""
    return wg.while_loop(lambda y: y < 5.0, lambda y: y + x, 0.0) if x > 0.0 else x


def behind_branch_in_loop(x: Any) -> Any:
    """The same in the steps of another loop, whose number is known."""

    def step(total: Any, row: Any) -> Any:
        return wg.while_loop(lambda y: y < row, lambda y: y + x, total), None

    return wg.scan(step, 0.0, np.array([2.0, 5.0]))[0] if x > 0.0 else x


def behind_place(x: Any) -> Any:
    """The same where NumPy knows no such place."""
    known = np.array([0.25, 1.0])[np.asarray(x, dtype=np.int64)]
    return wg.while_loop(lambda y: y < 5.0, lambda y: y + x, known)


@pytest.mark.skipif(not native_engine(), reason="the native engine is off")
@pytest.mark.parametrize("f", [behind_branch, behind_branch_in_loop, behind_place])
def test_no_step_is_done_of_a_loop_behind_what_refuses(f: Any) -> None:
    """It would go on for ever, as its numbers are not what its condition is for."""
    kernel = compile_loops(wg.record(f, 1.0), True)
    for x, passes in ((1.0, True), (-3.0, False)):
        answer, found = call_guarded(kernel, [np.array(x)], [np.array(0.0)], True)

        assert (answer == 0) == passes
        assert not passes or found[0] == f(x)


def norm(f: Any) -> Any:
    return lambda x, *more: np.sum(f(x, *more) ** 2)


def growing(x: Any, limit: Any) -> Any:
    """A loop of two values, of which an array is read at a computed place."""
    m, k = np.outer(x, x), np.cos(x)
    step = lambda at: (at[0] * 1.1 + m @ k * at[0][0], at[1] + 1.0)  # noqa: E731
    return wg.while_loop(lambda at: at[1] < np.floor(limit), step, (x, 0.0))[0]


def growing_by_hand(x: Any, limit: Any) -> Any:
    m, k, y, n = np.outer(x, x), np.cos(x), x, 0.0
    while n < np.floor(limit):
        y, n = y * 1.1 + m @ k * y[0], n + 1.0
    return y


DERIVED: dict[str, tuple[Any, Any, list[Any]]] = {
    "numbers": (root, root_by_hand, [(a,) for a in (7.0, 0.3, 1.0, 1e6)]),
    "an array": (
        norm(spread),
        norm(spread_by_hand),
        [(np.array([0.4, -0.9, 1.3]) * 0.1**k,) for k in (0, 30, 3, -2)],
    ),
    "two values": (
        norm(growing),
        norm(growing_by_hand),
        [(np.array([0.4, -0.3]), float(k)) for k in (3, 0, 70, 1)],
    ),
}


@pytest.mark.skipif(not native_engine(), reason="the native engine is off")
@pytest.mark.parametrize("name", DERIVED)
@pytest.mark.parametrize(
    "derivative", [wg.grad, wg.jacfwd, wg.hessian], ids=lambda f: f.__name__
)
def test_derivatives_are_native_and_do_as_many_steps(
    name: str, derivative: Any
) -> None:
    """From the second point on there is more to do than was recorded, or nothing."""
    f, by_hand, points = DERIVED[name]
    path = Path.of(wg.record(derivative(f), *points[0]), [], None, None)
    kernels = {}
    for growth in (1, 64):
        path.growth, path.compiled_as = growth, None
        kernels[growth] = compile_loops(*path.short[:1], True)

    for point in points:
        expected = derivative(by_hand)(*point)
        given = [np.asarray(x) for x in point]
        for growth, kernel in kernels.items():
            likes = [np.asarray(expected)]
            answer, found = call_guarded(kernel, given, likes, at_end=True)

            assert answer == 0 or (answer == LONG and growth == 1)
            if answer == 0:
                np.testing.assert_allclose(found[0], expected, rtol=1e-10, atol=1e-300)


@pytest.mark.skipif(not native_engine(), reason="the native engine is off")
def test_native_code_grows_with_the_steps() -> None:
    f = wg.jit(wg.grad(norm(spread)), wait=True)
    small = np.array([0.4, -0.9, 1.3]) * 1e-200
    for x in (np.ones(3), small, small, small):
        np.testing.assert_allclose(f(x), wg.grad(norm(spread_by_hand))(x), rtol=1e-9)
    f.wait()
    (path,) = f.paths()
    assert path.growth > 1
    assert not kernel_refuses(path, small)


def kernel_refuses(path: Path, x: Any) -> int:
    """What the first kernel answers, 0 where it computes."""
    found = np.empty_like(x)
    return path.kernels[0].call([x], [found])


def test_loops_in_loops() -> None:
    def f(xs: Any, k: Any) -> Any:
        def step(total: Any, x: Any) -> Any:
            inner = wg.while_loop(lambda y: y < 5.0, lambda y: y * k + x, x)
            return total + np.sin(inner), inner

        total, ys = wg.scan(step, k, xs)
        n = wg.while_loop(
            lambda at: at[0] < 3.0,
            lambda at: (
                at[0] + wg.fori_loop(0, 3, lambda i, y: y * k + 0.1, 0.2),
                at[1] * k,
            ),
            (total, k),
        )
        return n[0] * n[1] + np.sum(ys * ys)

    def by_hand(xs: Any, k: Any) -> Any:
        total, squares = k, 0.0
        for x in xs:
            y = x
            while y < 5.0:
                y = y * k + x
            total, squares = total + np.sin(y), squares + y * y
        factor = k
        while total < 3.0:
            y = 0.2
            for _ in range(3):
                y = y * k + 0.1
            total, factor = total + y, factor * k
        return total * factor + squares

    xs = np.array([0.7, 2.0, 6.0, 1.1])
    np.testing.assert_allclose(f(xs, 1.4), by_hand(xs, 1.4), rtol=1e-14)
    for derivative in (wg.grad, wg.jacfwd, wg.hessian):
        for argnum in (0, 1):
            np.testing.assert_allclose(
                derivative(f, argnum)(xs, 1.4),
                derivative(by_hand, argnum)(xs, 1.4),
                rtol=1e-11,
                atol=1e-12,
            )
    g = wg.jit(wg.grad(f, (0, 1)), wait=True)
    for k in (1.4, 1.4, 1.7):
        for one, other in zip(g(xs, k), wg.grad(by_hand, (0, 1))(xs, k), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12)


def in_rows(x: Any, k: Any) -> Any:
    """A loop of an array in every step of a scan."""

    def step(y: Any, row: Any) -> Any:
        y = wg.while_loop(
            lambda y: np.sum(y * y) < k, lambda y: y * 1.3 + np.sin(x) * row, y * 0.4
        )
        return y, y[0]

    y, firsts = wg.scan(step, x, np.linspace(0.3, 1.0, 4))
    return np.sum(y * y) + np.sum(firsts * firsts)


def in_rows_by_hand(x: Any, k: Any) -> Any:
    y, total = x, 0.0
    for row in np.linspace(0.3, 1.0, 4):
        y = y * 0.4
        while np.sum(y * y) < k:
            y = y * 1.3 + np.sin(x) * row
        total = total + y[0] * y[0]
    return np.sum(y * y) + total


def in_loops(x: Any, k: Any) -> Any:
    """Three loops in one another, of which every condition ends its own."""

    def inner(y: Any) -> Any:
        return wg.while_loop(lambda z: z * z < k, lambda z: z * 1.5 + x[0], y)

    def middle(at: Any) -> Any:
        step = lambda at: (at[0] * 0.5 + np.sin(inner(at[1])), at[1] + x[1])  # noqa: E731
        return wg.while_loop(lambda at: at[1] < 0.5 * k, step, at)

    outer = lambda at: (*middle((at[0], at[1] * 0.1)), at[2] + 1.0)  # noqa: E731
    return wg.while_loop(lambda at: at[2] < 3.0, outer, (x[0], x[1], 0.0))[0]


def in_loops_by_hand(x: Any, k: Any) -> Any:
    total, at, n = x[0], x[1], 0.0
    while n < 3.0:
        at = at * 0.1
        while at < 0.5 * k:
            z = at
            while z * z < k:
                z = z * 1.5 + x[0]
            total, at = total * 0.5 + np.sin(z), at + x[1]
        n = n + 1.0
    return total


def in_branches(x: Any, k: Any) -> Any:
    """A loop in a branch in a loop."""
    k = k * 1.0

    def risen(y: Any) -> Any:
        return wg.while_loop(lambda y: np.sum(y) < k, lambda y: y + np.exp(x), y)

    def step(_: Any, y: Any) -> Any:
        return wg.cond(y[0] < 1.0, risen, lambda y: y * x * 0.1, y)

    return np.sum(np.cos(wg.fori_loop(0, 4, step, x)))


def in_branches_by_hand(x: Any, k: Any) -> Any:
    y = x
    for _ in range(4):
        if y[0] < 1.0:
            while np.sum(y) < k:
                y = y + np.exp(x)
        else:
            y = y * x * 0.1
    return np.sum(np.cos(y))


NESTED: dict[str, tuple[Any, Any]] = {
    "in rows": (in_rows, in_rows_by_hand),
    "in loops": (in_loops, in_loops_by_hand),
    "in branches": (in_branches, in_branches_by_hand),
}


@pytest.mark.skipif(not native_engine(), reason="the native engine is off")
@pytest.mark.parametrize("name", NESTED)
@pytest.mark.parametrize(
    "derivative",
    [wg.grad, wg.jacfwd, wg.hessian, lambda f: wg.jacrev(wg.grad(f))],
    ids=["grad", "jacfwd", "hessian", "reverse twice"],
)
def test_derivatives_of_loops_in_loops_are_native(name: str, derivative: Any) -> None:
    """Recorded where the inner loops do few steps, or none, and called where many."""
    f, by_hand = NESTED[name]
    x = np.array([0.4, 0.3])
    for recorded in (4.0, 0.01):
        path = Path.of(wg.record(derivative(f), x, recorded), [], None, None)
        kernel = compile_loops(*path.short[:1], True)
        assert not kernel.asked

        for k in (4.0, 0.01, 30.0, 1.0):
            expected = derivative(by_hand)(x, k)
            given = [x, np.asarray(k)]
            answer, found = call_guarded(kernel, given, [expected], at_end=True)
            assert answer == 0
            np.testing.assert_allclose(found[0], expected, rtol=1e-11, atol=1e-14)


@pytest.mark.skipif(not native_engine(), reason="the native engine is off")
def test_native_code_grows_with_the_steps_of_a_loop_inside() -> None:
    def f(x: Any, n: Any) -> Any:
        def step(y: Any, row: Any) -> Any:
            done = lambda at: (np.sin(at[0]) * x + row, at[1] + 1.0)  # noqa: E731
            return wg.while_loop(lambda at: at[1] < n, done, (y, 0.0))[0], None

        return wg.scan(step, x, np.linspace(0.0, 1.0, 3))[0]

    def by_hand(x: Any, n: Any) -> Any:
        y = x
        for row in np.linspace(0.0, 1.0, 3):
            for _ in range(int(n)):
                y = np.sin(y) * x + row
        return y

    g = wg.jit(wg.grad(f), wait=True)
    for n in (3.0, 3.0, 0.0, 1000.0, 1000.0, 1000.0, 7.0):
        expected = wg.grad(by_hand)(0.7, n)
        np.testing.assert_allclose(g(0.7, n), expected, rtol=1e-11)
    g.wait()
    (path,) = g.paths()
    assert path.growth > 1
    assert not path.kernels[0].asked


@pytest.mark.parametrize("seed", range(16))
def test_random_loops_in_loops(seed: int) -> None:
    rng = np.random.default_rng(100 + seed)
    statements = program(rng, kinds=LOOPS)
    while not 0 < loops_inside(statements) < 6:
        statements = program(rng, kinds=LOOPS)
    one = lambda s: np.sum(structured(statements, s, s[0] * 0.5))  # noqa: E731
    other = lambda s: np.sum(plain(statements, s, s[0] * 0.5))  # noqa: E731
    g = wg.jit(wg.grad(one), wait=True)
    x = np.array([0.4, -0.7, 1.1])
    for at in (x, x, -1.5 * x, 0.3 * x, x[::-1]):
        expected = wg.grad(other)(at)
        np.testing.assert_allclose(wg.grad(one)(at), expected, rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(g(at), expected, rtol=1e-11, atol=1e-12)
    if native_engine():
        assert not any(row["asked of NumPy"] for row in g.report().rows)


def test_what_need_not_be_done_need_not_end() -> None:
    """Where no step of the outer loop is done, the inner one would go on for ever."""

    def inside(x: Any, k: Any) -> Any:
        def step(at: Any) -> Any:
            y = wg.while_loop(lambda y: y < 5.0, lambda y: y * at[0], at[0] * 0.0 + 1.0)
            return at[0] + 1.0, at[1] + y

        return wg.while_loop(lambda at: at[0] > k, step, (x, x))[1]

    def chosen(x: Any, k: Any) -> Any:
        rise = lambda x: wg.while_loop(lambda y: y < 5.0, lambda y: y * 1.5, x)  # noqa: E731
        return wg.cond(x > k, rise, lambda x: x, x)

    for f in (inside, chosen):
        assert f(-0.5, 1.0) == -0.5
        assert wg.record(f, -0.5, 1.0)(-0.5, 1.0) == -0.5
        assert wg.grad(f)(-0.5, 1.0) == 1.0
        assert wg.jit(wg.grad(f), wait=True)(-0.5, 1.0) == 1.0


def test_a_loop_of_no_steps_reads_what_its_step_reads() -> None:
    def f(x: Any) -> Any:
        outer = x * 3.0
        step = lambda c, t: (  # noqa: E731
            wg.while_loop(lambda y: y > t, lambda y: y * outer, c),
            None,
        )
        return wg.scan(step, x, np.array([9.0, 0.1]))[0]

    # at 0.2 the first step of scan multiplies nothing, and the second one twice
    expected = wg.grad(lambda x: x * (x * 3.0) ** 2)(0.2)
    np.testing.assert_allclose(wg.grad(f)(0.2), expected, rtol=1e-14)


def test_a_carried_number_takes_the_type_that_a_step_gives() -> None:
    f = lambda x: wg.while_loop(lambda y: y < 9.0, lambda y: y * 1.5 + x, 1)  # noqa: E731
    assert wg.grad(f)(0.5) == pytest.approx(1 + 1.5 + 1.5**2 + 1.5**3)


def test_a_tape_with_a_loop_is_saved(tmp_path: Any) -> None:
    for f in (root, wg.grad(root)):
        tape = wg.record(f, 7.0)
        tape.save(tmp_path / "tape")
        for other in (pickle.loads(pickle.dumps(tape)), wg.load(tmp_path / "tape")):
            assert other.fingerprint() == tape.fingerprint()
            assert other(3.0) == tape(3.0)


def test_a_loaded_loop_need_not_end(tmp_path: Any) -> None:
    """Its stand-ins are no numbers at which a user calls it."""
    tape = wg.record(
        lambda x: wg.while_loop(lambda y: y > 0.5, lambda y: y * x, x), 0.5
    )
    tape.save(tmp_path / "tape")
    assert wg.load(tmp_path / "tape")(0.9) == tape(0.9)


@pytest.mark.parametrize(
    ("cond", "body", "what"),
    [
        (lambda y: y, lambda y: y, r"the condition of while_loop is float64"),
        (lambda y: np.array([True]), lambda y: y, r"condition of while_loop is bool\["),
        (lambda y: y < 9.0, lambda y: (y, y), "returned"),
        (lambda y: y < 9.0, lambda y: np.ones(2) * y, r"shapes \[\(\)\]"),
    ],
)
def test_errors_say_what_to_write(cond: Any, body: Any, what: str) -> None:
    for run in (lambda f: f(1.0), lambda f: wg.record(f, 1.0)):
        with pytest.raises(wg.ArgumentError, match=what) as error:
            run(lambda x: wg.while_loop(cond, body, x))
        assert "instead:" in str(error.value)
        assert "test_while_loop.py" in str(error.value)


@pytest.mark.parametrize("of", [spread, wg.grad(lambda x: np.sum(spread(x)))])
def test_a_tape_whose_loop_is_given_another_shape_is_illegal(of: Any) -> None:
    tape = wg.record(of, np.array([0.5, -0.3]))
    names = [operation.name for operation in tape.operations]
    loop = next(k for k, name in enumerate(names) if name.startswith("while"))
    steps = [k for k in tape.operands[loop] if tape.types[k].shape == (2,)]
    tape.types[steps[-1]] = tape.types[steps[-1]]._replace(shape=(1,))
    with pytest.raises(wg.TapeError, match="an operand is"):
        tape.verify()
