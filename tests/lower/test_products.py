"""Sums of products in tiles give what NumPy's products do."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

import wengert as wg
from tests.lower.test_nests import WAYS, check_tape
from wengert.core.tape import Tape
from wengert.execute import costs
from wengert.execute.engine import native_engine
from wengert.execute.loops import compile_loops
from wengert.lower.build import build
from wengert.lower.lower import lower
from wengert.lower.nest import Loop, Product, everything

pytestmark = pytest.mark.skipif(not native_engine(), reason="the native engine is off")

SIZES = (1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 24, 25, 31, 49)
#: What a product is of, and which axes of a third operand it is multiplied with.
SUBSCRIPTS = (
    "ij,jk->ik", "ji,jk->ik", "ij,kj->ik", "ji,kj->ki", "bij,jk->bik", "bij,bjk->bik",
    "ijk,jkl->il", "ijk,kjl->li", "bij,bik->jk", "ij,jk->", "aij,bjk->abik",
)  # fmt: skip
OPERANDS: tuple[Any, ...] = (
    lambda x: x,
    np.tanh,
    lambda x: 2.0 * x,
    lambda x: x[..., ::-1],
    lambda x: np.cumsum(x, axis=0)[::-1],
)
ULPS = 1e4  # of the largest number


def products_of(tape: Tape) -> int:
    """Return how many products the nest of a tape has."""
    found, todo = 0, [*build(lower(tape), WAYS[2][0])[0].body]
    while todo:
        statement = todo.pop()
        found += isinstance(statement, Product)
        todo += statement.body if isinstance(statement, Loop) else []
    return found


def random_product(seed: int) -> tuple[Any, list[np.ndarray]]:
    """Return a function of products of two arrays, and the arrays."""
    rng = np.random.default_rng(seed)
    subscripts = SUBSCRIPTS[rng.integers(len(SUBSCRIPTS))]
    sizes = {c: int(rng.choice(SIZES)) for c in "abijkl"}
    sizes["a"] = sizes["b"] = int(rng.integers(1, 4))
    if seed % 5 == 0:
        sizes["j"] = int(rng.choice((255, 256, 257, 600)))
    dtype = ("float64", "float32")[int(rng.integers(2))]
    left, right = subscripts.split("->")[0].split(",")
    arrays = [
        rng.normal(size=[sizes[c] for c in term]).astype(dtype)
        for term in (left, right)
    ]
    one, two = (OPERANDS[k] for k in rng.integers(len(OPERANDS) - 1, size=2))
    after = rng.integers(4)

    def function(x: Any, y: Any) -> Any:
        z = np.einsum(subscripts, one(x), two(y))
        if after == 1:
            return np.tanh(z), z
        if after == 2:
            return z.T + 1, np.sum(z, axis=0) if z.ndim else z
        if after == 3 and z.ndim == 2:
            return z, z @ np.cos(z * 0.01).T
        return z

    return function, arrays


def judge(seed: int) -> None:
    """A random product and its gradient, in tiles between guard pages."""
    function, arrays = random_product(seed)

    def total(x: Any, y: Any) -> Any:
        found = function(x, y)
        parts = found if isinstance(found, tuple) else (found,)
        return sum(np.sum(np.tanh(z * 0.1)) for z in parts)

    way, at_end = WAYS[seed % len(WAYS)], bool(seed // len(WAYS) % 2)
    check_tape(wg.record(function, *arrays), way, at_end, ULPS)
    gradient = wg.grad(total, (0, 1))
    check_tape(wg.record(gradient, *arrays), way, at_end, ULPS)


@pytest.mark.one_in(3)
@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for guard pages")
@pytest.mark.parametrize("first", range(0, 60, 10))
def test_random_products_are_einsum(first: int) -> None:
    for seed in range(first, first + 10):
        judge(seed)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for guard pages")
@pytest.mark.parametrize("first", range(60, 2000, 97))
def test_many_random_products_are_einsum(first: int) -> None:
    for seed in range(first, first + 97):
        judge(seed)


def network(x: Any, w: Any, b: Any) -> Any:
    """A layer: a product, an addition, a function."""
    return np.tanh(x @ w + b)


def test_a_layer_is_a_product_and_so_is_its_gradient() -> None:
    rng = np.random.default_rng(0)
    given = [rng.normal(size=shape) for shape in ((32, 64), (64, 24), (24,))]

    def total(*given: Any) -> Any:
        return np.sum(network(*given))

    tape = wg.record(wg.grad(total, (0, 1)), *given)
    assert products_of(tape) == 3
    check_tape(tape, WAYS[2])


@pytest.mark.parametrize("threads", ["1", "2"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_one_thread_multiplies_large_matrices_in_tiles(
    threads: str, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of double precision, where vectors have 8 numbers; all else is left to BLAS."""
    for name in costs.THREADS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    random = np.random.default_rng(0)
    a, b = random.standard_normal((2, 300, 300)).astype(dtype)
    tape = wg.record(lambda a, b: (a @ b, a.T @ b, a @ b.T), a, b)

    for lanes in (4, 8):
        kernel = compile_loops(tape, True, (), lanes, calls=True)
        results = [np.empty((300, 300), dtype) for _ in range(3)]
        kernel.call([a, b], results)

        is_own = threads == "1" and lanes == 8 and dtype == "float64"
        assert bool(kernel.asked) is not is_own
        for found, expected in zip(results, (a @ b, a.T @ b, a @ b.T), strict=True):
            tolerance = 300 * np.finfo(dtype).eps
            np.testing.assert_allclose(found, expected, tolerance, 20 * tolerance)


def products_in(f: Any, *args: Any) -> list[Product]:
    """Return the products of a nest, which gives what NumPy does."""
    tape = wg.record(f, *args)
    check_tape(tape, WAYS[-1], True, ULPS)
    nest, _ = build(lower(tape), lanes=8)
    return [s for s in everything(nest.body) if isinstance(s, Product)]


def test_matrices_of_a_stack_lie_in_one_piece_each() -> None:
    rng = np.random.default_rng(0)
    many, x = rng.normal(size=(100, 20, 20)), rng.normal(size=(300, 100, 20))

    (product,) = products_in(
        lambda a, x: np.einsum("kij,nkj->nki", np.sin(a), x), many, x
    )

    assert all(1 in pair and max(pair) <= 2000 for pair in product.strides)


def test_the_smaller_operand_is_laid_anew() -> None:
    rng = np.random.default_rng(0)
    few, x = rng.normal(size=(20, 30)), rng.normal(size=(500, 30))

    (product,) = products_in(lambda a, x: x @ a.T, few, x)

    assert product.left.buffer.kind == "argument"
    assert product.left.buffer.size == x.size
    assert product.right.buffer.size == few.size
    assert product.right.buffer.kind == "scratch"
