"""How arguments lie in memory, and whose memory it is, is part of a recorded path."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.capture.layout import share_memory
from wengert.core.types import copy_as_it_lies
from wengert.errors import GuardError, RecordingError

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

#: What reads, or makes a view of, an array by the way it lies.
BY_LAYOUT = """
x.ravel() ; x.ravel("F") ; x.ravel("K") ; x.ravel("A") ; np.ravel(x) ; x.flatten("K")
x.flatten("A") ; x.reshape(-1) ; x.reshape(-1, order="F") ; x.reshape(-1, order="A")
x.reshape(x.shape[::-1]) ; np.asfortranarray(x) ; np.ascontiguousarray(x)
np.asarray(x, order="F") ; np.require(x, requirements="F") ; x.conj() ; x.real
x.astype(float, order="F", copy=False) ; np.array(x, copy=None, order="C")
np.copy(x).ravel("K") ; x.copy().ravel("K") ; (x * 2.0).ravel("K") ; x[::-1].ravel("K")
x[:, 0].ravel() ; x[:, :2].reshape(-1) ; x[1:].ravel() ; x.T.ravel() ; x.T.ravel("K")
np.zeros(2) + x.strides ; np.zeros(2) + x.flags.c_contiguous ; x.mT.reshape(-1)
"""
CALLS = [c.strip() for line in BY_LAYOUT.split("\n") for c in line.split(";") if line]


def layouts() -> Iterator[Any]:
    """Yield arrays of the same numbers that lie in different ways."""
    whole = np.random.default_rng(0).uniform(0.5, 2.0, (8, 12))
    x = np.ascontiguousarray(whole[:4, :6])
    yield x
    yield np.asfortranarray(x)
    yield whole[:4, :6]
    apart = np.zeros((8, 18))[::2, ::3]
    apart[...] = x
    yield apart
    yield np.ascontiguousarray(x[::-1])[::-1]
    yield np.asfortranarray(whole)[:4, :6]


def written(call: Callable[[Any], Any], into: str) -> Callable[[Any], Any]:
    """Return what an array and a call's result hold after a write into one."""

    def function(x: Any) -> Any:
        table = x * 1.0 if into == "product" else x
        result = call(table)
        target = table if into == "operand" else result
        target[(0,) * target.ndim] = 7.0
        return table * 1.0, result * 1.0

    return function


@pytest.mark.one_in(4)
@pytest.mark.parametrize("into", ["result", "operand", "product"])
@pytest.mark.parametrize("text", CALLS)
def test_a_path_belongs_to_a_layout_where_that_is_asked(text: str, into: str) -> None:
    function = written(eval(f"lambda x: {text}", {"np": np}), into)
    jitted = wg.jit(function)

    for _ in range(3):
        for x in layouts():
            expected = function(copy_as_it_lies(x))
            before = x.copy()
            for found, right in zip(jitted(x), expected, strict=True):
                np.testing.assert_array_equal(found, right)
            np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.sum(x.reshape(-1) ** 2),
        lambda x: x.reshape(3, -1) @ x.ravel()[:8],
        lambda x: np.sum(np.ascontiguousarray(x)),
        lambda x: (x * 2.0).T,
    ],
)
def test_a_layout_that_decides_nothing_is_not_asked(function: Any) -> None:
    jitted = wg.jit(function)

    for _ in range(3):
        for x in layouts():
            np.testing.assert_allclose(jitted(x), function(x), rtol=1e-13)
    assert len(jitted.paths()) == 1


def first_in_memory(x: Any) -> Any:
    return x.ravel("K")[1] * 2.0


def test_a_tape_is_of_the_layout_that_it_was_recorded_at() -> None:
    x = np.arange(6.0).reshape(2, 3)
    tape = wg.record(first_in_memory, x)

    assert tape(x + 1.0) == first_in_memory(x + 1.0)
    with pytest.raises(GuardError, match=r"test_memory\.py"):
        tape(np.asfortranarray(x))
    namespace: dict[str, Any] = {}
    exec(tape.to_numpy(), namespace)
    assert namespace["f"](x) == first_in_memory(x)
    with pytest.raises(AssertionError):
        namespace["f"](np.asfortranarray(x))


def test_rows_and_what_they_share_have_layouts() -> None:
    table = np.arange(6.0).reshape(2, 3)

    def function(x: Any, y: Any) -> Any:
        return x * y.ravel("K")[1]

    rows = wg.vmap(function, in_axes=(0, None))
    x = np.arange(4.0)
    for _ in range(2):
        for y in (table, np.asfortranarray(table)):
            np.testing.assert_array_equal(rows(x, y), x * y.ravel("K")[1])


def test_whether_an_argument_is_a_view_is_asked() -> None:
    def function(x: Any) -> Any:
        return x * (1.0 if x.base is None else 2.0)

    jitted, x = wg.jit(function), np.ones(3)
    for _ in range(3):
        np.testing.assert_array_equal(jitted(x), x)
        with pytest.raises(RecordingError, match="view of another array"):
            jitted(x[:])
    assert wg.grad(lambda x: np.sum(x[1:].base))(x).tolist() == [1.0, 1.0, 1.0]


# Arguments that share memory


def shift(a: Any, b: Any) -> Any:
    a[0] = 10.0 * a[1]
    return b[0] + b[1]


def aliases() -> Iterator[tuple[Any, Any]]:
    x = np.arange(1.0, 7.0)
    yield x, x
    yield x[:2], x
    yield x, x[1:]
    yield x[::2], x[2:]
    yield x[:], x[:]


@pytest.mark.parametrize("transform", [wg.jit, wg.grad, lambda f: wg.jit(wg.grad(f))])
def test_a_write_into_what_is_shared_is_refused(transform: Any) -> None:
    function = transform(shift)
    apart = np.arange(1.0, 7.0), np.arange(1.0, 7.0)

    for _ in range(3):
        function(*apart)
        for a, b in aliases():
            with pytest.raises(RecordingError, match="shares memory") as error:
                function(a, b)
            assert "x.copy()" in str(error.value)
            function(a.copy(), b)  # the way out works


def test_a_write_into_what_only_lies_side_by_side_is_as_in_numpy() -> None:
    jitted, slope = wg.jit(shift), wg.grad(shift, argnums=1)
    for _ in range(3):
        x = np.arange(1.0, 9.0)
        assert jitted(x[::2], x[1::2]) == shift(x.copy()[::2], x.copy()[1::2])
        assert slope(x[:4], x[4:]).tolist() == [1.0, 1.0, 0.0, 0.0]


def test_arguments_that_are_only_read_may_share_memory() -> None:
    jitted = wg.jit(lambda a, b: np.sum(a * b))
    x = np.arange(3.0)
    for _ in range(3):
        assert jitted(x, x) == 5.0
    assert len(jitted.paths()) == 1


def test_rows_that_share_memory_are_not_written() -> None:
    rows = wg.vmap(shift)
    x = np.arange(1.0, 7.0).reshape(3, 2)
    for _ in range(2):
        np.testing.assert_array_equal(rows(x, x.copy()), x.sum(axis=1))
        with pytest.raises(RecordingError, match="shares memory"):
            rows(x, x)


def test_memory_is_found_to_be_shared() -> None:
    x = np.arange(6.0)
    assert share_memory([x, x])
    assert share_memory([x, 1.0, x[2:]])
    assert not share_memory([x, x.copy(), 1.0])
    assert not share_memory([x[::2], x[1::2]])
    assert not share_memory([x[:0], x[:0]])


def test_a_copy_lies_as_the_array_does() -> None:
    for x in layouts():
        copy = copy_as_it_lies(x)
        assert copy.strides == x.strides
        assert not np.shares_memory(copy, x)
        np.testing.assert_array_equal(copy, x)


def test_a_layout_that_is_asked_in_every_step_is_guarded_once() -> None:
    def function(x: Any) -> Any:
        y = x * 1.0
        for k in range(300):
            y.reshape(-1)[k % y.size] += y.ravel("K")[0]
        return y

    x = np.arange(6.0).reshape(2, 3)
    tape = wg.record(function, x)

    assert [s["kind"] for s in tape.settings if "expected" in s] == ["strides"]
    np.testing.assert_array_equal(tape(x), function(x))


def test_a_tape_that_writes_refuses_arguments_that_share_memory() -> None:
    def function(a: Any, b: Any) -> Any:
        a[0] = 5.0
        return np.sum(a * b)

    tape = wg.record(function, np.ones(3), np.ones(3))
    x = np.arange(3.0)
    with pytest.raises(TypeError, match=r"share memory.*\n.*\n.*tape\(x.copy\(\), x\)"):
        tape(x, x)

    assert tape(x.copy(), x) == function(x.copy(), x)
    assert wg.record(lambda a, b: a @ b, x, x)(x, x) == 5.0


SCALE = 1.0


def test_a_path_of_arguments_that_share_memory_leaves_nothing_stale(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is recorded, not replayed; the paths beside it read the outside as it was."""

    def function(a: Any, b: Any) -> Any:
        if np.sum(a) < 5.0:
            a[1:] *= SCALE
        return a * SCALE + b

    jitted = wg.jit(function, wait=True)
    small, large = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    for scale, is_shared in [(2.0, False), (2.0, True), (1.0, True), (1.0, False)]:
        monkeypatch.setattr(sys.modules[__name__], "SCALE", scale)
        args = (large, large) if is_shared else (small, large)
        for _ in range(2):
            expected = function(*map(np.copy, args))
            np.testing.assert_array_equal(jitted(*args), expected)


def writes(a: Any) -> Any:
    b = a.reshape(-1)
    if np.sum(b) < 100.0:
        b[...] = 2.0
    return np.sum(a)


READ_ONLY = {
    "an array": np.arange(3.0),
    "nothing": np.zeros(0),
    "a number for all": np.broadcast_to(np.array(1.0), (3,)),
    "a number for nothing": np.broadcast_to(np.array(1.0), (0,)),
    "integers": np.arange(3),
}


@pytest.mark.parametrize("name", READ_ONLY)
@pytest.mark.parametrize("warm", [0, 4])
def test_a_write_into_a_read_only_argument_is_refused(name: str, warm: int) -> None:
    held = READ_ONLY[name].view()
    held.flags.writeable = False
    own = np.array(held)
    jitted = wg.jit(writes)
    for _ in range(warm):
        assert jitted(own) == writes(own.copy())
    for _ in range(3):
        with pytest.raises(TypeError, match="read-only"):
            jitted(held)
    with pytest.raises(TypeError, match="read-only"):
        wg.record(writes, held)

    for _ in range(3):
        assert jitted(own) == writes(own.copy())
    large = np.full(3, 50.0)
    large.flags.writeable = False
    assert [jitted(large) for _ in range(3)] == [150.0] * 3
