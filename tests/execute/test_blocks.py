"""Rows in blocks: every operation, every number of rows, and nothing beside them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as wg
from tests.lower.guarded import call_guarded
from tests.ops.examples import Example
from tests.ops.test_forms import EVERY
from wengert.core.tape import Tape
from wengert.emit.refusal import NotLoweredError
from wengert.errors import WengertError
from wengert.execute.blocks import Block, block_of
from wengert.execute.engine import native_engine
from wengert.execute.lanes import pieces, run_blocks
from wengert.execute.loops import compile_loops
from wengert.execute.plan import Plan

pytestmark = pytest.mark.skipif(not native_engine(), reason="the native engine is off")


def block_and_row(function: Any, row: list[Any]) -> tuple[Tape, Block]:
    """Return the tape of a row, and that of a block of rows."""
    tape = wg.record(function, *row)
    flat = [tape.play.outputs[index] for index in tape.input_indices]
    flags = [True] * len(flat)
    return tape, block_of(tape, (), flags, [False] * len(tape.output_indices), flat)


def varied(value: Any, number: int) -> np.ndarray:
    """Return an operand of another row."""
    array = np.asarray(value)
    if array.dtype.kind not in "fc":
        return array
    return array * array.dtype.type(1 + 0.003 * number)


@pytest.mark.one_in(4)
@pytest.mark.parametrize("example", EVERY, ids=str)
def test_a_block_is_its_rows(example: Example) -> None:
    """What has a form for all rows gives for each what the tape of one row gives."""
    row = [np.float64(x) if type(x) is float else x for x in example.operands]
    try:
        tape, block = block_and_row(example.function, row)
    except NotLoweredError as error:
        pytest.skip(str(error))
    except WengertError:
        pytest.skip("no tape of one row")
    flat = [tape.play.outputs[index] for index in tape.input_indices]
    rows = [[varied(x, k)[()] for x in flat] for k in range(block.rows)]
    given = [np.stack(column) for column in zip(*rows, strict=True)]
    if block.is_alone:
        given = rows[0]
    with np.errstate(all="ignore"):
        found = Plan(block.tape).run(given)
    if not isinstance(found, list):
        pytest.skip("a row that leaves takes the block with it")
    failed = found.pop() if block.has_guards else np.zeros(block.rows, np.int32)
    player = Plan(tape)
    for k, own in enumerate(rows):
        with np.errstate(all="ignore"):
            expected = player.run(own)
        if not isinstance(expected, list):
            assert failed[k]
        elif not failed[k]:
            for part, one in zip(found, expected, strict=True):
                if not np.array_equal(part[k], one):  # a tenth of the time
                    np.testing.assert_allclose(
                        part[k], one, rtol=1e-9, atol=1e-9, err_msg=f"row {k}"
                    )


def price(p: Any, z: Any) -> tuple[Any, Any]:
    """A branch, a vector and a loop."""
    total = p[0] * np.sum(z)
    for k in range(len(z)):
        total = total + np.sin(z[k] * p[1]) if total > 0.0 else total * 0.5
    return total, np.outer(z, p) * total


@pytest.mark.parametrize("lanes", [2, 4, 8])
@pytest.mark.parametrize("count", [1, 2, 15, 16, 17, 63, 64, 65, 200, 1000])
def test_any_number_of_rows(count: int, lanes: int) -> None:
    p, z = np.array([0.7, -1.3]), np.random.default_rng(count).normal(size=(count, 3))
    mapped = wg.vmap(price, (None, 0), lanes=lanes)

    for _ in range(3):
        value, table = mapped(p, z)

    for k in range(count):
        one, its_table = price(p, z[k])
        np.testing.assert_allclose(value[k], one, rtol=1e-13, atol=1e-14)
        np.testing.assert_allclose(table[k], its_table, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("count", [1, 63, 64, 65, 130, 5000])
def test_what_is_added_up_counts_each_row_once(count: int, threads: int) -> None:
    """Rows that leave by a guard are added by the path that they take."""
    z = np.random.default_rng(count).normal(size=(count, 2))

    def loss(p: Any) -> Any:
        inner = wg.vmap(lambda x: x[0] * p[0] if x[1] > p[1] else x[1] * p[0] ** 2)
        return np.sum(inner(z))

    p = np.array([0.4, 0.2])
    for _ in range(3):
        slope = wg.grad(loss)(p)

    takes = z[:, 1] > p[1]
    expected = z[takes, 0].sum() + (2 * p[0] * z[~takes, 1]).sum()
    np.testing.assert_allclose(slope, [expected, 0.0], rtol=1e-12)


@pytest.mark.parametrize("at_end", [True, False])
@pytest.mark.parametrize("lanes", [2, 4, 8])
def test_nothing_outside_is_touched(lanes: int, at_end: bool) -> None:
    tape, block = block_and_row(price, [np.array([0.7, -1.3]), np.ones(3)])
    kernel = compile_loops(block.tape, True, (), lanes, (), block.steps())
    rng = np.random.default_rng(0)
    given = [rng.normal(size=(block.rows, k)) for k in (2, 3)]
    likes = [block.tape.types[index] for index in block.tape.output_indices]
    results = [np.empty(like.shape, like.dtype) for like in likes]

    answer, found = call_guarded(kernel, given, results, at_end)

    assert answer == 0
    for k in range(block.rows):
        value, table = price(given[0][k], given[1][k])
        if not found[2][k]:
            np.testing.assert_allclose(found[0][k], value, rtol=1e-13)
            np.testing.assert_allclose(found[1][k], table, rtol=1e-13)
    assert 0 < np.count_nonzero(found[2]) < block.rows
    assert len(tape) > 0


def test_a_block_that_is_refused_is_played_by_numpy() -> None:
    """An index out of bounds refuses the kernel; which row it was, NumPy says."""

    def pick(x: Any, i: Any) -> Any:
        return x[i] * 2.0

    x, i = np.random.default_rng(0).normal(size=(200, 5)), np.arange(200) % 5
    mapped = wg.vmap(pick)
    for _ in range(3):
        np.testing.assert_array_equal(mapped(x, i), 2.0 * x[np.arange(200), i])

    i[77] = 9
    with pytest.raises(IndexError):
        mapped(x, i)


@pytest.mark.parametrize("threads", [1, 2, 7])
@pytest.mark.parametrize("flops", [0, 1000, 10**7, 10**12])
@pytest.mark.parametrize("blocks", [0, 1, 13, 1024])
def test_pieces_are_all_blocks_once(blocks: int, flops: int, threads: int) -> None:
    """The last ones are the shortest."""
    found = pieces(blocks, flops, threads)

    assert [k for piece in found for k in range(*piece)] == list(range(blocks))
    sizes = [stop - start for start, stop in found]
    assert sizes == sorted(sizes, reverse=True)


def test_results_do_not_depend_on_threads() -> None:
    tape, block = block_and_row(price, [np.array([0.7, -1.3]), np.ones(3)])
    kernel = compile_loops(block.tape, True, (), None, (), block.steps())
    rng = np.random.default_rng(0)
    given = [rng.normal(size=(20_000, k)) for k in (2, 3)]
    types = [tape.types[index] for index in tape.output_indices]
    found = [
        run_blocks(kernel, block, given, types, [False, False], 20_000, threads)
        for threads in (1, 2, 5)
    ]

    for one in found[1:]:
        assert one.refused == found[0].refused == 0
        for a, b in zip(found[0].parts, one.parts, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
def test_rows_of_infinities_meet_no_zeros_beyond_the_ends(mode: Any) -> None:
    x = np.random.default_rng(8).normal(size=(6, 5))
    x[1:5, 2] = np.inf, -np.inf, np.nan, 0.0
    x[3, 0] = np.nan

    def convolved(row: Any) -> Any:
        return np.convolve(row, row[:3] * 0.5, mode)

    found = wg.jit(wg.vmap(convolved), wait=True)
    expected = [convolved(row) for row in x]

    for _ in range(3):
        np.testing.assert_allclose(found(x), expected, rtol=1e-13, atol=1e-14)
        np.testing.assert_allclose(wg.vmap(convolved)(x), expected, rtol=1e-13)


def root_of(a: Any) -> Any:
    """Newton's method: each row does its own number of steps."""
    return wg.while_loop(lambda y: abs(y * y - a) > 1e-9, lambda y: (y + a / y) / 2, a)


def root_where_positive(a: Any) -> Any:
    """The same behind a branch: some rows leave the path."""
    return root_of(a) if a > 0.0 else -a


def halvings(a: Any) -> Any:
    """How often a number is halved, and what is left."""

    def step(at: Any) -> Any:
        return at[0] / 2, at[1] + 1

    return wg.while_loop(lambda at: at[0] > 1.0, step, (a, 0))


BY_STEPS = [root_of, root_where_positive, halvings, wg.grad(root_of)]


@pytest.mark.parametrize("f", BY_STEPS)
def test_rows_of_loops_that_a_condition_ends_are_native_one_by_one(f: Any) -> None:
    rows = np.random.default_rng(3).uniform(0.1, 9.0, 300)
    rows[::7] *= -1.0 if f is root_where_positive else 1.0
    mapped = wg.jit(wg.vmap(f), wait=True)
    expected = [
        np.array(part) for part in zip(*[np.ravel(f(row)) for row in rows], strict=True)
    ]

    for _ in range(3):
        found = mapped(rows)
        found = found if type(found) is tuple else (found,)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12)


@pytest.mark.parametrize("f", [root_of, root_where_positive, halvings])
def test_a_block_of_such_rows_is_one_row(f: Any) -> None:
    _, block = block_and_row(f, [np.float64(2.0)])

    assert (block.rows, block.is_alone) == (1, True)
    assert compile_loops(block.tape, True, (), 1, block.asked, block.steps())


def test_rows_may_do_more_steps_than_the_one_that_was_recorded() -> None:
    """There is room for some more; it grows where that does not do."""

    def total(a: Any) -> Any:
        def step(at: Any) -> Any:
            return at[0] + 1.0, at[1] * 1.001

        return wg.while_loop(lambda at: at[0] < a, step, (0.0, a))[1]

    rows = np.concatenate([np.full(40, 3.0), [5000.0, 20.0]])
    slope = wg.jit(wg.vmap(wg.grad(total)), wait=True)
    expected = 1.001 ** np.ceil(rows)

    for _ in range(3):
        np.testing.assert_allclose(slope(rows), expected, rtol=1e-10)
