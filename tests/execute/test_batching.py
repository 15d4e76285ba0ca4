"""Every operation for all rows at once is what NumPy computes row by row."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest

from tests.ops.examples import Example, examples
from tests.ops.judge import noted
from tests.ops.test_forms import assert_same, nodes, tapes
from tests.ops.test_registry import (
    ELEMENTWISE,
    operands_of,
    shapes_of,
)
from wengert import checkpoint, grad, hessian, vmap
from wengert.core.operation import Operation
from wengert.core.types import is_array
from wengert.execute import all_rows, turn
from wengert.execute.batching import NotBatchedError, batch, stacked
from wengert.ops.python import RAISES

EVERY = examples()


def varied(value: Any, number: int) -> Any:
    """Return another operand of the same kind: a row of its own."""
    if isinstance(value, tuple):
        return tuple(varied(part, number) for part in value)
    array = np.asarray(value)
    if array.dtype.kind in "fc":
        return (array * array.dtype.type(1 + 0.01 * number))[()]
    return np.roll(array.ravel(), number).reshape(array.shape)[()]


def assert_batched(
    operation: Operation, operands: list[Any], settings: Any, count: int
) -> None:
    """All ways in which operands have rows, or are shared, agree with a loop."""
    varying = [
        k for k, x in enumerate(operands) if hasattr(x, "dtype") or type(x) is tuple
    ]
    for chosen in {tuple(varying), *((k,) for k in varying)} - {()}:
        flags = [k in chosen for k in range(len(operands))]
        rows = [
            [
                varied(x, number) if flag else x
                for x, flag in zip(operands, flags, strict=True)
            ]
            for number in range(count)
        ]
        try:
            with np.errstate(all="ignore"):
                expected = stacked(
                    [operation.function(*row, **settings) for row in rows]
                )
        except Exception:  # rows that NumPy does not take, or of several shapes
            continue
        values = [
            stacked([row[k] for row in rows]) if flag else x
            for k, (x, flag) in enumerate(zip(operands, flags, strict=True))
        ]
        before = [x.copy() if is_array(x) else x for x in values]
        try:
            with np.errstate(all="ignore"):
                found = batch(operation, values, flags, settings, count)
        except NotBatchedError:  # these are computed one by one
            continue

        assert_same(found, expected)
        for value, kept in zip(values, before, strict=True):
            if is_array(value):
                assert_same(value, kept)


@pytest.mark.one_in(4)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("example", EVERY, ids=str)
def test_all_rows_at_once_are_a_loop_over_rows(example: Example) -> None:
    for name, tape in tapes(example):
        for index, values, _ in nodes(tape):
            operation, settings = tape.operations[index], tape.settings[index]
            if operation is RAISES:
                continue
            for count in (1, 3):
                with noted(f"operands: {name}, rows: {count}"):
                    assert_batched(operation, values, settings, count)


@pytest.mark.parametrize("operation", ELEMENTWISE, ids=lambda o: o.name)
def test_maps_of_all_ranks(operation: Operation) -> None:
    for shapes in shapes_of(operation):
        assert_batched(operation, operands_of(operation, shapes), {}, 3)


#: Every kind of key, of an array of shape (3, 4, 5).
KEYS: dict[str, Any] = {
    "array": lambda i, j: (i,),
    "array behind a slice": lambda i, j: (slice(1, None), i),
    "array at the end": lambda i, j: (..., i),
    "two arrays": lambda i, j: (i, j),
    "two arrays apart": lambda i, j: (i, slice(None), j),
    "arrays that broadcast": lambda i, j: (i[:, None], slice(None, None, -1), j[:2]),
    "array and number": lambda i, j: (1, i),
    "array and number apart": lambda i, j: (1, slice(None), i),
    "new axis between": lambda i, j: (i, None, j),
    "new axis before": lambda i, j: (None, slice(None), i, j),
    "mask": lambda i, j: (i > 0,),
    "mask of two axes": lambda i, j: (np.arange(12).reshape(3, 4) % 3 == i[0],),
    "mask behind a number": lambda i, j: (0, np.arange(4) % 2 == i[0] % 2),
    "element": lambda i, j: (i[0], slice(None), j[1]),
}


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("shared", ["nothing", "array", "places"])
@pytest.mark.parametrize("verb", ["read", "write", "add"])
def test_keys_of_all_kinds(name: str, shared: str, verb: str) -> None:
    """Places may differ between rows, or be those of all."""
    x = np.random.default_rng(3).standard_normal((6, 3, 4, 5))
    i = np.array([[0, 1, 2], [2, 0, 1], [1, 1, 0], [2, 2, 0], [0, 2, 1], [1, 0, 2]])
    j = i[:, ::-1] + (i == 2)
    if shared == "array":
        x = x[0]
    if shared == "places":
        i, j = i[0], j[0]

    def function(x: Any, i: Any, j: Any) -> Any:
        key = KEYS[name](i, j)
        if verb == "read":
            return x[key]
        y = x * 1.0
        if verb == "write":
            y[key] = 2.0 * x[key]
        else:
            np.add.at(y, key, x[key])
        return y

    axes = (None if shared == "array" else 0, *(None if shared == "places" else 0,) * 2)

    def row(k: int) -> Any:
        given = zip((x, i, j), axes, strict=True)
        return function(*(part if axis is None else part[k] for part, axis in given))

    expected = [row(k) for k in range(6)]
    if len({part.shape for part in expected}) > 1:
        pytest.skip("rows of several shapes")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(turn, "native_engine", lambda: False)
        found = vmap(function, in_axes=axes)(x, i, j)

    np.testing.assert_allclose(found, np.stack(expected), rtol=1e-14)


# A tape for all rows


@pytest.fixture
def without_native_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are played with NumPy."""
    monkeypatch.setattr(turn, "native_engine", lambda: False)


ROWS = np.random.default_rng(5).standard_normal((50, 4))


def branching(x: Any) -> Any:
    """A row takes a branch, a number of turns, and an element by its numbers."""
    y = x * 1.0
    for _ in range(int(abs(x[0])) + 1):
        y[1:] += np.sin(y[:-1])
    if y[0] > y[3]:
        y = y[::-1]
    return y[np.argmax(x)] + np.cumsum(y) * math.exp(x[1])


@pytest.mark.usefixtures("without_native_code")
def test_rows_that_branch_are_put_together_again() -> None:
    found = vmap(branching)(ROWS)

    np.testing.assert_allclose(found, [branching(x) for x in ROWS], rtol=1e-13)


@pytest.mark.usefixtures("without_native_code")
@pytest.mark.parametrize("transform", [grad, hessian])
def test_derivatives_of_rows_that_branch(transform: Any) -> None:
    derivative = transform(lambda x: np.sum(branching(x) ** 2))

    found = vmap(derivative)(ROWS)

    expected = [derivative(x) for x in ROWS]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.usefixtures("without_native_code")
def test_what_is_shared_gets_the_sum_over_rows_that_branch() -> None:
    def loss(w: Any) -> Any:
        return np.sum(vmap(lambda x: branching(w * x))(ROWS) ** 2)

    def one_by_one(w: Any) -> Any:
        return sum(np.sum(branching(w * x) ** 2) for x in ROWS)

    w = np.array([0.9, 1.1, 0.8, 1.2])

    np.testing.assert_allclose(grad(loss)(w), grad(one_by_one)(w), rtol=1e-10)


@pytest.mark.usefixtures("without_native_code")
def test_a_node_is_one_call_for_all_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def counted(*args: Any) -> Any:
        calls.append(args[0].name)
        return batch(*args)

    monkeypatch.setattr(all_rows, "batch", counted)
    vmap(lambda x: np.sum(np.sin(x) * x))(ROWS)

    assert calls == ["sin", "multiply", "sum"]


@pytest.mark.usefixtures("without_native_code")
def test_blocks_of_rows_give_what_all_give(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = vmap(branching)(ROWS)
    monkeypatch.setattr(all_rows, "BLOCK", 30)

    np.testing.assert_array_equal(vmap(branching)(ROWS), expected)


@pytest.mark.usefixtures("without_native_code")
@pytest.mark.parametrize("at", [1, [1, 2, 0]], ids=["shared", "by row"])
@pytest.mark.parametrize(
    "taken",
    [
        lambda x, k: x[0],
        lambda x, k: x[-3],
        lambda x, k: x[k],
        lambda x, k: x[k - 1],
        lambda x, k: x[1:][k - 1],
        lambda x, k: x.reshape(1, -1)[0, k],
        lambda x, k: np.take(x, k),
        lambda x, k: x[k:][0] if isinstance(k, int) else x[0],
    ],
)
def test_an_element_that_was_read_stays_when_its_place_is_written(
    taken: Any, at: Any
) -> None:
    def rotated(x: Any, k: Any) -> Any:
        y = x * 1.0
        y[:] = y * 2.0
        first, rest = taken(y, k), y[1:]
        y[0] = y[3]
        y[1:3] = x[0] > 0.0
        y[3] = first
        return y + rest[0], first

    rows = vmap(rotated, in_axes=(0, None if type(at) is int else 0))
    ints = [at] * len(ROWS) if type(at) is int else np.resize(at, len(ROWS))
    expected = [rotated(x, k) for x, k in zip(ROWS, ints, strict=True)]
    for _ in range(3):
        found = rows(ROWS, at if type(at) is int else ints)
        for one, right in zip(found, zip(*expected, strict=True), strict=True):
            np.testing.assert_allclose(one, right)


@pytest.mark.usefixtures("without_native_code")
def test_a_row_that_raises_raises_as_in_a_loop() -> None:
    with pytest.raises(ValueError) as plain:  # noqa: PT011
        math.log(-1.0)
    with pytest.raises(ValueError, match=re.escape(str(plain.value))):
        vmap(lambda x: math.log(x))(np.array([1.0, 2.0, -1.0]))


@pytest.mark.usefixtures("without_native_code")
def test_rows_of_whole_numbers_that_decide() -> None:
    """Large ones too, and such as are no whole numbers at all."""

    def scaled(x: Any) -> Any:
        return x * (int(x) % 7)

    x = np.array([1e18, 1e18, 3.5, 1e300, 1e300, 3.2, -2.9, 1e18, 1e18])

    np.testing.assert_array_equal(vmap(scaled)(x), [scaled(each) for each in x])
    with pytest.raises(ValueError, match="NaN"):
        vmap(scaled)(np.array([1.0, 1.5, 1.2, np.nan, 1.7]))


@pytest.mark.usefixtures("without_native_code")
def test_a_python_number_does_not_widen_single_precision() -> None:
    single = ROWS.astype(np.float32)

    found = vmap(lambda x: x * math.exp(x[0]))(single)

    assert found.dtype == np.float32
    expected = np.stack([x * math.exp(x[0]) for x in single])
    np.testing.assert_allclose(found, expected, rtol=1e-6)


# Functions within rows


def slopes_by_complex_step(function: Any, *args: Any) -> list[Any]:
    """Return the gradient of an analytic function by every argument."""
    found = []
    for k, arg in enumerate(args):
        g = np.empty(np.shape(arg))
        for place in np.ndindex(g.shape):
            moved = np.array(arg, complex)
            moved[place] += 1e-30j
            value = function(*args[:k], moved, *args[k + 1 :])
            g[place] = np.imag(value) / 1e-30
        found.append(g)
    return found


def one(x: Any, w: Any) -> Any:
    """A number of a row and of weights that all rows share."""
    return np.sum(np.sin(x * w) * np.exp(w)) * x[0]


def within(x: Any, w: Any) -> Any:
    """A number of rows of rows."""
    return np.sum(vmap(one, in_axes=(0, None))(x, w) ** 2)


def looped(x: Any, w: Any) -> Any:
    """The same by a loop."""
    return sum(one(row, w) ** 2 for row in x)


def again(x: Any, w: Any) -> Any:
    """The same by a loop over a function that is run again for its derivative."""
    row = checkpoint(one)
    return sum(row(part, w) ** 2 for part in x)


@pytest.fixture
def no_row_by_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """No node is computed row by row."""

    def refuse(*_: Any) -> Any:
        raise AssertionError("row by row")

    monkeypatch.setattr(all_rows.RowsPlay, "one_by_one", refuse)


@pytest.mark.usefixtures("without_native_code", "no_row_by_row")
@pytest.mark.parametrize("function", [within, again])
@pytest.mark.parametrize("axes", [(0, 0), (0, None), (None, 0)])
def test_functions_within_rows_are_played_for_all_rows(
    function: Any, axes: tuple[int | None, int | None]
) -> None:
    generator = np.random.default_rng(6)
    x, w = generator.standard_normal((5, 18, 3)), generator.standard_normal((5, 3))
    pairs = list(zip((x, w), axes, strict=True))
    given = [part[0] if axis is None else part for part, axis in pairs]
    rows = [[part[0 if axis is None else k] for part, axis in pairs] for k in range(5)]

    found = vmap(function, in_axes=axes)(*given)
    slopes = vmap(grad(function, (0, 1)), in_axes=axes)(*given)

    np.testing.assert_allclose(found, [looped(*row) for row in rows], rtol=1e-12)
    expected = [slopes_by_complex_step(looped, *row) for row in rows]
    for part, like in zip(slopes, zip(*expected, strict=True), strict=True):
        np.testing.assert_allclose(part, np.stack(like), rtol=1e-11, atol=1e-12)


NUMBERS = np.random.default_rng(7).integers(0, 4, (50, 9))
NUMBERS[:, 0] = 3

#: Functions of a row of floats and of one of whole numbers.
FOR_ALL_ROWS: dict[str, Any] = {
    "convolve": lambda x, k: np.convolve(x, x[:3]),
    "convolve with all": lambda x, k: np.convolve([1.0, 2.0], x, "valid"),
    "convolve in the middle": lambda x, k: np.convolve(x, x[::-1], "same"),
    "correlate": lambda x, k: np.correlate(x, x[1:]),
    "bincount": lambda x, k: np.bincount(k),
    "bincount of more": lambda x, k: np.bincount(k[:4], x, 7),
    "nonzero": lambda x, k: np.nonzero(np.sort(x) >= np.sort(x)[1])[0],
    "searchsorted": lambda x, k: np.searchsorted(np.sort(x), x[:3] * 0.9, "right"),
    "searchsorted by a sorter": lambda x, k: np.searchsorted(
        k, [1, 3, 2], sorter=np.argsort(k)
    ),
    "searchsorted of one": lambda x, k: np.searchsorted(np.sort(k), x[0]),
    "digitize": lambda x, k: np.digitize(k, np.sort(x), right=True),
    "histogram": lambda x, k: np.histogram(x, 4)[0],
    "histogram in a range": lambda x, k: np.histogram(k, 3, (0, 2))[0],
    "histogram with edges": lambda x, k: np.histogram(x, [-1.0, 0.0, 0.2, 2.0])[0],
    "histogram with edges of each": lambda x, k: np.histogram(k, np.sort(x))[0],
    "edges": lambda x, k: np.histogram(k, 3)[1],
    "unique": lambda x, k: np.unique(k)[0],
    "places of what is unique": lambda x, k: np.unique(k, True, True, True)[1][0],
    "inverse of what is unique": lambda x, k: np.unique(k, True, True, True)[2],
}


@pytest.mark.usefixtures("without_native_code", "no_row_by_row")
@pytest.mark.parametrize("name", FOR_ALL_ROWS)
def test_what_is_computed_for_all_rows(name: str) -> None:
    function = FOR_ALL_ROWS[name]

    found = vmap(function)(ROWS, NUMBERS)

    expected = [function(x, k) for x, k in zip(ROWS, NUMBERS, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-14)
    assert found.dtype == np.asarray(expected).dtype


@pytest.mark.usefixtures("without_native_code")
def test_bins_that_differ_between_rows() -> None:
    """The longest row decides alone how long its result is."""
    numbers = np.array([[0, 1, 1], [2, 0, 0], [1, 1, 1], [2, 2, 2]])

    found = vmap(lambda k: np.bincount(k).sum())(numbers)

    np.testing.assert_array_equal(found, [3, 3, 3, 3])
    with pytest.raises(ValueError, match="negative"):
        vmap(lambda k: np.bincount(k, minlength=4))(numbers - 1)
