"""NumPy's storage semantics on a tape: views, writes, casts, and what is refused.

Every row of the table is a program that is judged against plain NumPy (value, bit for
bit, arguments untouched), the complex step (both modes, second order) and its replay.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wengert
from tests.programs.generate import by_hand
from tests.programs.judge import Judge
from tests.programs.ways import run
from wengert import grad, value_and_grad, vjp
from wengert.errors import RecordingError, UnsupportedError

WAYS = ("eager", "complex step", "forward", "second order", "replay")
TABLE = {
    "a slice is a view": "v = x[1:]; v[0] = s * s; return np.sum(x * x)",
    "a write to the owner is seen by a view": (
        "v = x[1:]; x[2] = s; return np.sum(v * v)"
    ),
    "a view of a view": "v = m[1:][0][::-1]; v[0] = s * s; return np.sum(m * m)",
    "a transpose is a view": "v = m.T; v[0] = x[:2]; return np.sum(m * m)",
    "a reshape is a view": "v = m.reshape(3, 2); v[:, 0] = x; return np.sum(m**2)",
    "a reshape of a transpose is a copy": (
        "v = m.T.reshape(-1); v[0] = s; return np.sum(m**2) + np.sum(v**3)"
    ),
    "ravel is a view": "v = m.ravel(); v[::2] = x; return np.sum(m**2)",
    "flatten is a copy": (
        "v = m.flatten(); v[:3] = x; return np.sum(m**2) + np.sum(v**2)"
    ),
    "a new axis is a view": "v = x[:, None]; v[1, 0] = s * s; return np.sum(x**2)",
    "swapaxes is a view": "v = m.swapaxes(0, 1); v[1] *= s; return np.sum(m**2)",
    "an ellipsis is a view": "v = x[...]; v[0] = s * s; return np.sum(x**2)",
    "squeeze is a view": "v = np.squeeze(x[None]); v[0] = s * s; return np.sum(x**2)",
    "expand_dims is a view": (
        "v = np.expand_dims(x, 0); v[0, 1] = s * s; return np.sum(x**2)"
    ),
    "flip is a view": "v = np.flip(x); v[0] = s * s; return np.sum(x**2)",
    "moveaxis is a view": "v = np.moveaxis(m, 0, 1); v[0] *= s; return np.sum(m**2)",
    "two aliases of one array": (
        "a = x[:2]; b = x[1:]; a[1] = s; b[0] *= s; return np.sum(a * b)"
    ),
    "a second name is the same array": "y = x; y[0] = s * s; return np.sum(x**2)",
    "a copy is apart": "y = x.copy(); y[0] = s * s; return np.sum(x**2) + np.sum(y**3)",
    "an index array gives a copy": (
        "y = x[[0, 1]]; y[0] = s * s; return np.sum(x**2) + np.sum(y**3)"
    ),
    "a mask gives a copy": (
        "y = x[np.array([True, False, True])]; y[0] = s; return"
        " np.sum(x) * np.sum(y**2)"
    ),
    "+= writes in place": "v = x[1:]; v += s; return np.sum(x**2)",
    "-= and *= and /= write in place": (
        "v = x[:2]; v -= s; v *= x[1:]; v /= 2 + s * s; return np.sum(x**2)"
    ),
    "**= writes in place": "v = x[:2]; v **= 2; return np.sum(x**3)",
    "x = x + y binds the name again": (
        "y = x; y = y + s; return np.sum(x**2) + np.sum(y**3)"
    ),
    "+= on a slice of a matrix": "m[:, 1:] += x[1:]; return np.sum(m**2)",
    "+= on one element": "x[1] += s * x[0]; return np.sum(x**2)",
    "a read before a write keeps its value": (
        "a = x[0] * 1; x[0] = s; return a * a + np.sum(x**2)"
    ),
    "an element read before a write is a number": (
        "a = x[0]; x[0] = s * s; return a**3 + np.sum(x**2)"
    ),
    "a write after a read by a rule": (
        "y = x * x; x[0] = s; return np.sum(y) * np.sum(x)"
    ),
    "a write into a result that a rule reads": (
        "y = np.exp(x); y[0] = s; return np.sum(y**2)"
    ),
    "a write into both factors": (
        "a = x * 1; b = x * 2; y = a * b; a[0] = s; b[1] = s; return np.sum(y + a * b)"
    ),
    "an overlapping assignment forward": "x[1:] = x[:-1]; return np.sum(x * x * x)",
    "an overlapping assignment backward": "x[:-1] = x[1:]; return np.sum(x * x * x)",
    "an overlapping assignment reversed": (
        "x[...] = x[::-1] * s; return np.sum(x[0] * x)"
    ),
    "an overlapping += ": "x[1:] += x[:-1]; return np.sum(x**3)",
    "an assignment of itself": "x[...] = x; return np.sum(x**2)",
    "a number fills": "x[1:] = s * s; return np.sum(x**2)",
    "a row fills a matrix": "m[...] = x; return np.sum(m**2 * x)",
    "a column fills a matrix": "m[...] = x[:2, None]; return np.sum(m**2)",
    "a plain list is stored": "x[:2] = [0.5, 2]; return np.sum(x**2) * s",
    "an int is stored": "x[0] = 2; return np.sum(x**2) * s",
    "a list of recorded numbers is stored": "x[:2] = [s, s * s]; return np.sum(x**2)",
    "a 0-d array is written": "y = np.zeros(()); y[()] = s * s; return y * y",
    "a 0-d array is a view": "y = x[0, ...]; y[...] = s; return np.sum(x**2)",
    "a 0-d array is added to": "y = np.zeros(()); y += s; y += s * s; return y * y",
    "repeated indices: the last wins": (
        "x[[0, 0, 1]] = np.array([s, s * s, s**3]); return np.sum(x**2)"
    ),
    "repeated indices from a view": (
        "v = x[::-1]; v[[0, 0]] = x[:2]; return np.sum(x**2)"
    ),
    "+= at repeated indices adds once": "x[[0, 0]] += s; return np.sum(x**2)",
    "add.at at repeated indices adds each": (
        "np.add.at(x, [0, 0, 1], s * s); return np.sum(x**2)"
    ),
    "a boolean mask of recorded values": "x[x > 0] = s * s; return np.sum(x**2 + x)",
    "a mask with one value an element": "x[x > 0] = x[x > 0] * s; return np.sum(x**2)",
    "+= under a mask": "x[x < 0.3] += s; return np.sum(x**2)",
    "a mask over rows": "m[x[:2] > -2] *= s; return np.sum(m**2)",
    "a mask of a view": "v = m[0]; v[v > 0] = s; return np.sum(m**2)",
    "np.where as an index": "x[np.where(x > 0)] = s; return np.sum(x**2)",
    "an integer result as an index": "x[np.argmax(x)] = s * s; return np.sum(x**2)",
    "a permutation as an index": "y = x[np.argsort(x)]; return np.sum(y * [1, 2, 3])",
    "a permutation as a place": (
        "x[np.argsort(x)] = x * s; return np.sum(x * [1, 2, 3])"
    ),
    "two index arrays": "m[[0, 1], [2, 0]] = x[:2] * s; return np.sum(m**2)",
    "an index array beside a slice": "m[[0, 0], 1:] = x[1:]; return np.sum(m**2)",
    "np.ix_": "m[np.ix_([1, 0], [0, 2])] *= s; return np.sum(m**2)",
    "negative indices": "x[-1] = s; m[-1, -2] = s * s; return np.sum(x) * np.sum(m**2)",
    "out= of a ufunc": "np.sin(x, out=x); return np.sum(x**2)",
    "out= into a view": "np.multiply(x[:2], s, out=m[:, 0]); return np.sum(m**2)",
    "out= of a sum": (
        "y = np.zeros(3); np.sum(m, axis=0, out=y); return np.sum(y**2 * x)"
    ),
    "out= of where": "np.exp(x, out=x, where=x > 0); return np.sum(x**2)",
    "out= returns what it was given": (
        "y = np.zeros(3); z = np.add(x, s, out=y); z[0] = 0; return np.sum(y**2)"
    ),
    "copyto": "np.copyto(x, m[0] * s); return np.sum(x**2)",
    "copyto with where": "np.copyto(x, s, where=x > 0); return np.sum(x**2)",
    "fill": "x.fill(s * s); return np.sum(x**2)",
    "sort in place": "x.sort(); return np.sum(x * [1, 2, 3])",
    "put": "np.put(x, [0, 2], s * s); return np.sum(x**2)",
    "a buffer filled element by element": (
        "y = np.empty(5); y[0] = s\n"
        "for i in range(1, 5): y[i] = np.sin(y[i - 1]) + x[i % n]\n"
        "return np.sum(y**2)"
    ),
    "a buffer filled row by row": (
        "y = np.zeros((4, 3)); y[0] = x\n"
        "for i in range(1, 4): y[i] = y[i - 1] * s + m[i % 2]\n"
        "return np.sum(y**2)"
    ),
    "iterating over rows gives views": ("for row in m: row *= s\nreturn np.sum(m**2)"),
    "zip and enumerate over rows": (
        "for i, (row, e) in enumerate(zip(m, x)): row[i] = e * s\nreturn np.sum(m**2)"
    ),
    "a tuple swap of elements": (
        "x[0], x[1] = x[1], x[0] * s; return np.sum(x * [1, 2, 3])"
    ),
    "unpacking gives numbers": "a, b, c = x; x[0] = s; return a * b * c + np.sum(x)",
    "a swap of rows": "m[[0, 1]] = m[[1, 0]] * s; return np.sum(m * x)",
    "a diagonal is read": "return np.sum(np.diagonal(m @ m.T) * x[:2])",
    "zeros_like is a new array": "y = np.zeros_like(x); y[1] = s; return np.sum(y * x)",
    "a nested function writes into a captured array": (
        "def f(i): x[i] = x[i - 1] * s\nf(1); f(2)\nreturn np.sum(x**2)"
    ),
    "a while loop counts in an array": (
        "k = np.zeros(1)\nwhile k[0] < 3:\n    k[0] += 1\n    x *= s\nreturn"
        " np.sum(x**2)"
    ),
}


def source(body: str) -> str:
    """Return a program with this body."""
    lines: list[str] = []
    for line in body.split("\n"):
        if line.startswith((" ", "for ", "while ", "def ")):
            lines.append(line)
        else:
            lines += line.split("; ")
    return "\n".join(["def program(x, m, s, n):", *[f"    {k}" for k in lines], ""])


@pytest.mark.one_in(3)
@pytest.mark.parametrize("claim", TABLE)
def test_storage(claim: str) -> None:
    judge = Judge(by_hand(source(TABLE[claim])))

    assert run(judge, WAYS) == []
    assert judge.counts["complex step: compared"]


# The caller's arrays


def test_the_callers_array_keeps_its_contents() -> None:
    x = np.array([1.0, 2.0])

    def f(y: Any) -> Any:
        y[0] = 5 * y[1]
        y += 1
        return np.sum(y**2)

    gradient = grad(f)(x)

    np.testing.assert_array_equal(x, [1.0, 2.0])
    np.testing.assert_allclose(gradient, [0.0, 2 * 5 * 11 + 2 * 3])


def test_the_callers_array_is_not_the_gradient() -> None:
    x = np.ones(2)

    gradient = grad(lambda y: np.sum(y * y) / 2)(x)
    gradient[0] = 7

    np.testing.assert_array_equal(x, [1.0, 1.0])


def test_an_argument_that_is_not_differentiated_may_be_written_to() -> None:
    buffer = np.zeros(2)

    def f(x: Any, work: Any) -> Any:
        work[0] = x * x
        work[1] = work[0] * x
        return np.sum(work)

    gradient = grad(f)(2.0, buffer)

    np.testing.assert_array_equal(buffer, [0.0, 0.0])
    assert gradient == pytest.approx(2 * 2 + 3 * 4)


def test_a_captured_plain_array_refuses_recorded_numbers() -> None:
    work = np.zeros(2)

    def f(x: Any) -> Any:
        work[0] = x
        return np.sum(work)

    with pytest.raises(wengert.RecordingError, match="instead: "):
        grad(f)(1.0)


def test_in_place_addition_into_a_captured_plain_array_is_refused() -> None:
    work = np.zeros(2)

    def f(x: Any) -> Any:
        y = work
        np.add(y, x, out=y)
        return np.sum(y)

    with pytest.raises(wengert.RecordingError, match="instead: "):
        grad(f)(np.ones(2))


def test_a_captured_array_that_changes_is_read_when_it_is_used() -> None:
    weights = np.array([1.0, 2.0])

    def f(x: Any) -> Any:
        first = np.sum(x * weights)
        weights[0] = 10.0
        return first + np.sum(x * weights)

    gradient = grad(f)(np.ones(2))

    np.testing.assert_array_equal(gradient, [11.0, 4.0])


# Read-only results


@pytest.mark.parametrize(
    "view",
    [lambda x: np.broadcast_to(x, (2, 3)), lambda x: np.diagonal(np.outer(x, x))],
)
def test_a_read_only_view_refuses_writes_as_in_numpy(view: Callable[..., Any]) -> None:
    def f(x: Any) -> Any:
        y = view(x)
        y[0] = 1.0
        return np.sum(y)

    with pytest.raises(ValueError, match="read-only"):
        f(np.ones(3))
    with pytest.raises(wengert.RecordingError, match="read-only"):
        grad(f)(np.ones(3))


@pytest.mark.parametrize(
    "write",
    [
        lambda y: np.fill_diagonal(y[:0], 1.0),
        lambda y: np.fill_diagonal(y, 1.0),
        lambda y: np.put(y, [], 1.0),
        lambda y: np.place(y, y > 9.0, [1.0]),
        lambda y: np.putmask(y, y > 9.0, [1.0]),
        lambda y: np.copyto(y[:0], 1.0),
        lambda y: np.put_along_axis(y, np.zeros((0, 3), int), 1.0, 0),
        lambda y: np.add.at(y, [], 1.0),
        lambda y: y[:0].fill(1.0),
        lambda y: y[:0].sort(),
    ],
)
def test_a_write_of_nothing_is_refused_too(write: Callable[..., Any]) -> None:
    def f(x: Any) -> Any:
        write(np.broadcast_to(x, (2, 3)))
        return np.sum(x)

    with pytest.raises(ValueError, match="read-only"):
        f(np.ones(3))
    with pytest.raises(wengert.RecordingError, match="read-only"):
        grad(f)(np.ones(3))


def test_that_an_array_is_read_only_is_found_first() -> None:
    def f(x: Any, value: Any, key: Any) -> Any:
        np.broadcast_to(x, (2, 3)).view()[key] = value
        return np.sum(x)

    for value, key in [(-1.5, 0), (2**70, 0), (1, 9), ("no number", 0)]:
        with pytest.raises(ValueError, match="read-only"):
            f(np.ones(3, "uint8"), value, key)
        with pytest.raises(wengert.RecordingError, match="read-only"):
            wengert.record(lambda x, v=value, k=key: f(x, v, k), np.ones(3, "uint8"))


def test_a_read_only_argument_refuses_writes_as_in_numpy() -> None:
    x = np.ones(2)
    x.flags.writeable = False

    def f(y: Any) -> Any:
        y[0] = 2.0
        return np.sum(y)

    with pytest.raises(wengert.RecordingError, match="read-only"):
        grad(f)(x)


# Casts


def test_a_float64_is_stored_into_float32_rounded() -> None:
    def f(x: Any) -> Any:
        y = np.zeros(2, np.float32)
        y[0] = x / 3
        return y[0] * x

    value, gradient = value_and_grad(f)(1.0)

    assert value == f(np.float64(1.0))
    assert gradient == pytest.approx(2 / 3, rel=1e-6)


def test_a_float_is_stored_into_int_cut_off_and_has_no_gradient() -> None:
    def f(x: Any) -> Any:
        y = np.zeros(2, int)
        y[0] = x
        return y[0] * x

    value, gradient = value_and_grad(f)(2.7)

    assert value == 2 * 2.7
    assert gradient == 2.0


@pytest.mark.parametrize("dtype", [int, np.int32, bool])
def test_in_place_arithmetic_refuses_the_cast_that_numpy_refuses(dtype: Any) -> None:
    def f(x: Any) -> Any:
        y = np.ones(2, dtype)
        y += x
        return np.sum(y)

    with pytest.raises(TypeError, match="Cannot cast"):
        f(np.float64(0.5))
    with pytest.raises(TypeError, match="Cannot cast"):
        grad(f)(0.5)


def test_a_shape_that_does_not_broadcast_is_refused_as_in_numpy() -> None:
    def f(x: Any) -> Any:
        y = np.zeros(3)
        y[:] = x
        return np.sum(y)

    with pytest.raises(ValueError, match="broadcast"):
        f(np.ones(2))
    with pytest.raises(ValueError, match="broadcast"):
        grad(f)(np.ones(2))


def test_an_index_out_of_bounds_is_refused_as_in_numpy() -> None:
    with pytest.raises(IndexError, match="out of bounds"):
        grad(lambda x: x[3])(np.ones(3))


# Repeated indices read by gradients


def test_elements_read_twice_gather_both_gradients() -> None:
    gradient = grad(lambda x: np.sum(x[[0, 0, 1]] * np.array([1.0, 10.0, 100.0])))(
        np.zeros(3)
    )

    np.testing.assert_array_equal(gradient, [11.0, 100.0, 0.0])


def test_an_overwritten_value_has_no_gradient() -> None:
    def f(x: Any) -> Any:
        y = np.zeros(1)
        y[[0, 0]] = x
        return y[0]

    np.testing.assert_array_equal(grad(f)(np.array([3.0, 4.0])), [0.0, 1.0])


# Values that leave their recording


def test_a_leaked_value_keeps_its_number() -> None:
    kept = []

    def f(x: Any) -> Any:
        kept.append(x * 2)
        return x * x

    grad(f)(3.0)

    assert float(kept[0]) == 6.0
    assert f"{kept[0]:.1f}" == "6.0"


def test_a_leaked_value_is_refused_by_operations() -> None:
    kept = []

    def f(x: Any) -> Any:
        kept.append(x)
        return np.sum(x * x)

    grad(f)(np.ones(2))

    with pytest.raises(wengert.RecordingError, match="after its recording ended"):
        kept[0] * 2
    with pytest.raises(wengert.RecordingError, match="after its recording ended"):
        grad(f)(np.ones(2) * kept[0])


def test_recorded_integers_and_masks_index_plain_arrays() -> None:
    """What carries no derivative may become a plain index; a replay guards it."""
    labels, table = np.array([10.0, 20.0, 30.0]), np.arange(6.0).reshape(3, 2)

    def fun(x):
        chosen = np.sum(x[x > 0]) * np.sum(labels[x > 0])
        return chosen + np.sum(table[np.argsort(x)][0])

    x = np.array([1.0, -2.0, 3.0])
    tape = wengert.record(fun, x)

    np.testing.assert_array_equal(wengert.grad(fun)(x), [40.0, 0.0, 40.0])
    assert tape(x * 2) == fun(x * 2)
    with pytest.raises(wengert.GuardError):
        tape(-x)


# Subclasses of arrays

MASKED: Any = np.ma.masked_equal([1.0, 2.0], 2.0)
MATRIX: Any = np.array([[1.0, 2.0], [3.0, 4.0]]).view(np.matrix)


@pytest.mark.parametrize(
    ("f", "x", "way_out"),
    [
        (lambda x: np.sum(x), MASKED, "where="),
        (lambda x: np.sum(x * x), MATRIX, "np.asarray"),
        (lambda x: np.sum(x * MASKED), np.ones(2), "where="),
        (lambda x: np.sum(x * MATRIX), np.ones((2, 2)), "np.asarray"),
        (lambda x: np.sum(x + np.add(x, MATRIX)), np.ones((2, 2)), "np.asarray"),
    ],
)
def test_a_masked_array_is_not_summed_whole(f: Any, x: Any, way_out: str) -> None:
    with pytest.raises(UnsupportedError, match=way_out):
        wengert.grad(f)(x)


def test_a_masked_array_that_is_not_differentiated_is_refused_too() -> None:
    with pytest.raises(UnsupportedError, match="where="):
        wengert.grad(lambda x, y: x * np.sum(y))(1.0, MASKED)


def test_a_memory_mapped_array_is_an_array(tmp_path: Path) -> None:
    data: Any = np.memmap(tmp_path / "data", dtype=float, shape=(3,), mode="w+")
    data[:] = [1.0, 2.0, 3.0]

    np.testing.assert_array_equal(
        wengert.grad(lambda x: np.sum(x * data))(np.ones(3)), [1.0, 2.0, 3.0]
    )
    np.testing.assert_array_equal(
        wengert.grad(lambda x: np.sum(x * x))(data), [2.0, 4.0, 6.0]
    )


# Plain views of arrays that nothing recorded has met yet


@pytest.mark.parametrize(
    "make",
    [
        lambda v: v.view(np.int64),
        lambda v: np.lib.stride_tricks.as_strided(v, (2, 2), (8, 8))[0],
    ],
)
def test_a_plain_view_never_misses_a_recorded_write(make: Callable[[Any], Any]) -> None:
    def written(x: Any) -> Any:
        v = np.zeros(5)
        view = make(v)
        v[1] = 2.0
        total = np.sum(view)
        v[:] = x
        return total + np.sum(view)

    def closed(x: Any) -> Any:
        v = np.zeros(5)
        view = make(v)
        v[1] = 2.0
        total = np.sum(view)
        del view
        v[:] = x
        return total + np.sum(v)

    with pytest.raises(RecordingError, match="plain view is in use"):
        vjp(written, 0.75)
    assert vjp(closed, 0.75)[0] == closed(0.75)


def test_a_view_without_a_dtype_is_one() -> None:
    def f(x: Any) -> Any:
        v = x * 1.0
        view = v.view()
        view[0] = 3.0
        counts = np.zeros(3, dtype=int)
        same = counts.view(int)
        same += 2
        same *= same[::-1]
        return np.sum(v) * counts[0]

    x = np.array([0.5, 0.75, 2.0])

    assert vjp(f, x)[0] == f(x)


@pytest.mark.parametrize("is_array", [False, True])
@pytest.mark.parametrize("divisor", [2, 0, -3])
def test_what_a_plain_array_of_integers_takes_is_cast_as_numpy_casts(
    divisor: int, is_array: bool
) -> None:
    """An array's elements are cast, also infinity; a number has to be an integer."""

    def f(a: Any, b: Any) -> Any:
        counts = np.atleast_1d(a)
        ratio = 1 / np.true_divide(float(b), 0.17)
        counts.real[0] = (
            np.where(ratio > 3.0, ratio, 1.0 * ratio) if is_array else ratio
        )
        return counts

    def answer(fun: Any) -> Any:
        with np.errstate(all="ignore"):
            try:
                return fun(1, divisor).tolist()
            except (OverflowError, ValueError) as error:
                return type(error)

    expected, jitted = answer(f), wengert.jit(f)

    assert [answer(jitted) for _ in range(4)] == [expected] * 4


@pytest.mark.parametrize("into", ["element", "row", "view", "fill"])
@pytest.mark.parametrize("value", [1e30, np.inf, -np.inf, 3.75])
def test_an_array_without_axes_is_cast_in_a_replay(value: float, into: str) -> None:
    """A tape that was recorded with one casts as NumPy does; a number would raise."""

    def f(x: Any, y: Any) -> Any:
        x = np.copy(x)
        if into == "element":
            x[0, 1] = y
        elif into == "row":
            x[1] = y
        elif into == "view":
            x.T[:1].ravel()[...] = y
        else:
            x.fill(y)
        return x

    x, y = np.arange(4).reshape(2, 2), np.array(value, np.float32)
    with np.errstate(invalid="ignore"):
        tape = wengert.record(f, x, np.array(2.0, np.float32))
        np.testing.assert_array_equal(tape(x, y), f(x, y))


@pytest.mark.parametrize("dtype", [bool, int, float, complex])
@pytest.mark.parametrize("key", [(0, 0), (0, ...), 0, (slice(1), 0), ..., (5, 0), [1]])
@pytest.mark.parametrize("value", [(1, 0), [], [[0]], [[[1, 0]]], (0,), [0.0, 1.0]])
def test_a_list_is_written_as_numpy_writes_it(dtype: Any, key: Any, value: Any) -> None:
    """It nests no deeper than what is written; a truth value is whether it is empty."""

    def f(x: Any) -> Any:
        table = x.astype(dtype)
        table[key] = value
        return table

    def answer(fun: Any) -> Any:
        try:
            return fun(np.array([[0.0, 1.0], [2.0, 3.0]])).tolist()
        except (ValueError, IndexError, TypeError) as error:
            return type(error)

    expected, jitted = answer(f), wengert.jit(f)

    assert [answer(jitted) for _ in range(4)] == [expected] * 4
