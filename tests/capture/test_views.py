"""What is a view, and of what: as NumPy decides for the layout of the operand.

A function's result is written into, or its operand is; what the other one holds then
must be what it holds in plain NumPy.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import wengert
from tests.capture.test_numpy_sweep import ARGUMENTS, FUNCTIONS
from wengert import record, vjp
from wengert.capture.array import plain
from wengert.capture.record import own_array
from wengert.capture.tree import flatten
from wengert.errors import GuardError, RecordingError

CALLS = """
x.ravel() ; x.ravel("F") ; x.ravel("K") ; x.ravel("A") ; np.ravel(x) ; x.flatten()
x.reshape(-1) ; x.reshape(-1, order="F") ; x.reshape(-1, order="A")
x.reshape(x.shape[::-1]) ; x.reshape(x.shape[::-1], order="F")
np.reshape(x, -1, copy=True) ; x.conj() ; x.conjugate() ; np.conj(x) ; x.real ; x.imag
np.real(x) ; np.imag(x) ; x.T ; x.mT ; x.squeeze() ; x.swapaxes(0, -1) ; x.transpose()
x.astype(float) ; x.astype(float, copy=False) ; np.astype(x, x.dtype, copy=False)
np.asarray(x) ; np.asarray(x, order="C") ; np.asarray(x, order="F")
np.asarray(x, copy=True) ; np.asarray(x, order="F", copy=False) ; np.asanyarray(x)
np.array(x) ; np.array(x, copy=None) ; np.array(x, copy=None, ndmin=3)
np.array(x, copy=None, order="F") ; np.array(x, copy=False, order="C")
np.ascontiguousarray(x) ; np.asfortranarray(x) ; np.require(x, requirements=["C"])
np.require(x, requirements=["F_CONTIGUOUS"]) ; np.atleast_1d(x) ; np.atleast_3d(x)
np.broadcast_to(x, x.shape) ; np.broadcast_to(x, (2, *x.shape))
np.nan_to_num(x, copy=False) ; np.nan_to_num(x) ; np.diag(x) ; np.diagonal(x)
np.moveaxis(x, 0, -1) ; np.rollaxis(x, -1) ; np.flip(x) ; np.rot90(x, 0) ; np.rot90(x)
np.split(x, 1) ; np.array_split(x, 2) ; np.unstack(x) ; np.expand_dims(x, 0) ; x[...]
x[()] ; x[None] ; x[[0]] ; x[x > 0] ; np.take(x, [0]) ; np.diff(x, n=0)
np.concatenate([x]) ; np.stack([x]) ; np.block([x]) ; np.tile(x, 1) ; np.repeat(x, 1)
np.roll(x, 0) ; np.pad(x, 0) ; np.resize(x, x.shape) ; np.clip(x, -9, 9) ; +x
np.round(x, 9) ; np.positive(x) ; np.delete(x, [], axis=0) ; np.append(x, [])
np.where(True, x, x) ; np.copy(x) ; np.sum(x, axis=()) ; np.max(x, axis=())
np.mean(x, axis=()) ; np.polyder(np.ravel(x), 0) ; np.apply_over_axes(np.sum, x, [])
np.meshgrid(x, copy=False) ; np.meshgrid(x) ; np.einsum("...->...", x)
np.einsum("ij->ji", x) ; np.einsum("ii->i", x) ; np.triu(x) ; np.multiply(x, 1) ; x**1
np.lib.stride_tricks.sliding_window_view(x, 1, 0)
np.column_stack([x]) ; np.compress([True] * len(x), x, axis=0) ; np.abs(x) ; np.sort(x)
"""
#: Binary ufuncs that NumPy reduces without an identity of the operand.
REDUCED = (
    "subtract divide power fmod remainder hypot logaddexp copysign maximum float_power"
)
EVERY = [call.strip() for line in CALLS.split("\n") for call in line.split(";") if line]
EVERY += [f"np.{name}.reduce(x[:1], axis=0)" for name in REDUCED.split()]
EVERY += [f"np.{name}.reduce(x[:1], axis=0, keepdims=True)" for name in REDUCED.split()]
EVERY += [f"np.{name}.reduce(x, axis=())" for name in REDUCED.split()]
EVERY += [f"np.{name}.accumulate(x[:1])" for name in REDUCED.split()]
SHAPES = [(4,), (3, 3), (1, 3), (3, 1), (2, 1, 3), (1,)]


def layouts(shape: tuple[int, ...]) -> Iterator[Any]:
    """Give arrays of a shape that lie in memory in different ways."""
    x = np.random.default_rng(0).uniform(0.5, 2.0, shape)
    yield x
    yield np.asfortranarray(x)
    apart = np.zeros([2 * n for n in shape])[tuple(slice(None, None, 2) for _ in shape)]
    apart[...] = x
    yield apart
    back = tuple(slice(None, None, -1) for _ in shape)
    yield np.ascontiguousarray(x[back])[back]
    yield x.astype(complex)


def written(call: Callable[[Any], Any], x: Any, into_result: bool) -> Any:
    """Return what an array and the results of a call hold after a write into one."""
    results = [part for part in flatten(call(x))[0] if np.ndim(part)]
    targets = results if into_result else [x]
    refused = 0
    for target in targets:
        try:
            target[...] = 7.0
        except (ValueError, wengert.RecordingError):  # read-only
            refused += 1
    return [np.copy(part) for part in (x, *results)], refused


@pytest.mark.one_in(3)
@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
@pytest.mark.parametrize("into_result", [True, False], ids=["result", "operand"])
@pytest.mark.parametrize("text", EVERY)
def test_a_result_is_a_view_where_numpy_has_one(text: str, into_result: bool) -> None:
    call = eval(f"lambda x: {text}", {"np": np})
    judged = 0
    for x in (x for shape in SHAPES for x in layouts(shape)):
        refusals: list[int] = []

        def recorded(x: Any, refusals: list[int] = refusals) -> Any:
            found, refused = written(call, x, into_result)
            refusals.append(refused)
            return found

        try:
            expected, refused = written(call, own_array(x), into_result)
        except (ValueError, TypeError):  # not for this shape, layout or dtype
            with pytest.raises((ValueError, TypeError, wengert.UnsupportedError)):
                vjp(recorded, x)
            continue
        judged += 1
        found = vjp(recorded, x)[0]

        assert refusals == [refused]
        for value, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(value, other)
    assert judged


# How results lie in memory decides which later reshapes are views of them

CUBE = np.arange(24.0).reshape(2, 3, 4)
CUBES = [(CUBE,), (CUBE, 1), (CUBE, CUBE), (CUBE, 0, 2), (CUBE, (2, 0, 1)), (CUBE, [1])]
CUBES += [(CUBE, 0.5, 0), (CUBE, 0.5, 1), (CUBE, [0.2, 0.5], 2)]
#: Their second argument is ``out``, whose layout no result follows.
INTO_SECOND = {"np.modf", "np.frexp"}


def laid_out(value: Any) -> list[Any]:
    """Return an argument in the layouts that it may have; others as they are."""
    if not isinstance(value, np.ndarray) or value.ndim < 2:
        return [value]
    back = (slice(None, None, -1),) * value.ndim
    turned = np.moveaxis(np.ascontiguousarray(np.moveaxis(value, 0, -1)), -1, 0)
    return [
        *([turned] if value.ndim > 2 else []),
        value,
        np.asfortranarray(value),
        np.ascontiguousarray(value[back])[back],
        np.broadcast_to(value[:1], value.shape),
    ]


def lies(result: Any) -> list[Any]:
    """Return the order and direction of the axes in memory of a call's results."""
    found = []
    for part in result if isinstance(result, (tuple, list)) else [result]:
        array = np.asarray(plain(part))
        steps = [s for s, n in zip(array.strides, array.shape, strict=True) if n > 1]
        distinct = array.size and len({*map(abs, steps)}) == len(steps)
        found.append([(s > 0, *[abs(s) > abs(t) for t in steps]) for s in steps])
        if not distinct:
            found[-1] = []
    return found


def misplaced(name: str, **settings: Any) -> list[Any]:
    """Return arguments of which a recorded result lies otherwise than NumPy's."""
    function = FUNCTIONS[name]
    wrong = []
    for arguments in [*ARGUMENTS, *CUBES]:
        if name in INTO_SECOND and len(arguments) > 1:
            continue
        for given in itertools.product(*map(laid_out, arguments)):
            if not any(isinstance(a, np.ndarray) and a.ndim > 1 for a in given):
                continue
            found: list[Any] = []

            def recorded(*args: Any, found: list[Any] = found) -> float:
                found.append(lies(function(*args, **settings)))
                return 0.0

            try:
                expected = lies(function(*[own_array(a) for a in given], **settings))
            except Exception:  # no case
                continue
            try:
                wengert.record(recorded, *given)
            except (wengert.WengertError, TypeError):  # the sweep judges which
                continue
            if found != [expected]:
                wrong.append((given, found, expected))
    return wrong


@pytest.mark.one_in(3)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_result_lies_in_memory_as_numpys(name: str) -> None:
    assert misplaced(name) == []


@pytest.mark.one_in(3)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(
    "settings",
    [{"order": "F"}, {"order": "C"}, {"order": "A"}, {"dtype": "complex128"}],
    ids=["F", "C", "A", "complex"],
)
def test_a_result_of_an_order_or_a_dtype_lies_as_numpys(
    name: str, settings: dict[str, Any]
) -> None:
    assert misplaced(name, **settings) == []


def test_a_cast_to_the_dtype_of_a_result_does_not_lay_it_out_anew() -> None:
    """NumPy casts operands piece by piece: the sum of these lies in C order."""

    def f(x: Any, y: Any, p: Any) -> Any:
        total = np.add(x, y, dtype="float64")
        total.reshape(-1)[:] **= p
        return total

    x = np.broadcast_to(np.array([[4, 4, -1], [4, 3, 4]], "int8"), (2, 2, 3))
    y = np.array([4, 2, 1], "int8")
    expected = f(x, y, 1.5)

    np.testing.assert_array_equal(wengert.record(f, x, y, 1.5)(x, y, 1.5), expected)
    np.testing.assert_allclose(wengert.jit(f, wait=True)(x, y, 1.5), expected, 1e-14)


@pytest.mark.parametrize("settings", [{"dtype": complex}, {"order": "F"}, {}])
def test_einsum_of_one_operand_is_a_view_whatever_is_asked_for(settings: Any) -> None:
    """NumPy hands out a view before it looks at ``dtype`` and ``order``."""

    def f(x: Any) -> Any:
        y = np.copy(x)
        moved = np.einsum("ij->ji", y, casting="unsafe", **settings)
        moved[0] = 7.0
        return y, moved

    x = np.arange(6.0).reshape(2, 3)

    for found, expected in zip(wengert.record(f, x)(x), f(x), strict=True):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "made",
    [
        "np.tile(x, (3, 1))",
        "np.take(x, 1, axis=1)",
        "np.repeat(x, 1)",
        "np.select([x > 0], [x])",
    ],
)
def test_a_result_that_numpy_copies_may_be_written_into(made: str) -> None:
    call = eval(f"lambda x: {made}", {"np": np})

    def f(x: Any) -> Any:
        y = call(x)
        y.reshape(-1)[0] = 5.0
        return np.sum(x**2) + np.sum(y)

    x = np.asfortranarray([[0.5, 0.7], [1.5, 2.0]])

    assert vjp(f, x)[0] == f(x)


def into_a_view(x: Any) -> Any:
    """Return a view of an array of its own, which was written through it."""
    y = x * 1.0
    view = y[1:]
    view[:] = 2.0 * x[1:]
    return view


@pytest.mark.parametrize(
    "leave", [lambda v: v.tolist(), np.asarray, list], ids=["tolist", "asarray", "list"]
)
def test_a_view_that_was_written_is_not_taken_for_a_constant(leave: Any) -> None:
    """Its numbers depend on the arguments: they do not leave the tape unseen."""
    x = np.array([0.5, 1.5, 2.5])
    try:
        tape = record(lambda x: leave(into_a_view(x)), x)
    except RecordingError:
        return  # refused, with advice

    np.testing.assert_array_equal(tape(x + 1.0), leave(into_a_view(x + 1.0)))


def test_an_element_of_a_written_view_decides_anew() -> None:
    """A branch on the only element of a view that was written has a guard."""

    def branching(x: Any) -> Any:
        y = np.atleast_1d(x)
        y[...] = x - 1.0
        return x if y > 0.0 and bool(y) else -x

    tape = record(branching, 2.0)

    with pytest.raises(GuardError):
        tape(0.5)
