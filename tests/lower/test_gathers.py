"""What is read at places is computed there: the same numbers, and no others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as wg
from tests.lower.test_nests import ILL_CONDITIONED, WAYS, check_tape
from wengert.execute.engine import native_engine
from wengert.lower import gathers
from wengert.lower.graph import Node, reached
from wengert.lower.lower import lower

pytestmark = pytest.mark.skipif(not native_engine(), reason="the native engine is off")

RNG = np.random.default_rng(0)
TABLE, WIDE = RNG.normal(size=(4, 300)), RNG.normal(size=(300, 5))
X, WHICH = RNG.normal(size=(3, 4)), RNG.integers(-300, 300, 20)


def nodes_of(fun: Callable[..., Any], *args: Any) -> list[Node]:
    """Return the nodes that a function's results are made of."""
    lowered = lower(wg.record(fun, *args))
    return list(reached([value.node for value in lowered.outputs]).values())


def elements(fun: Callable[..., Any], *args: Any) -> int:
    """Return how many elements a function's expressions and folds have, together."""
    axes = lower(wg.record(fun, *args)).graph
    kinds = ("map", "reduce", "product")
    return sum(axes.count(n.axes) for n in nodes_of(fun, *args) if n.kind in kinds)


@pytest.mark.parametrize(
    "fun",
    [
        lambda x: np.tanh(x @ TABLE * 2.0)[:, WHICH],
        lambda x: np.sum(np.sin(x)[:, :, None] * TABLE, axis=1)[:, WHICH],
        lambda x: (x @ TABLE + x[:, :1])[:2, WHICH[:, None]],
        lambda x: np.max(WIDE * x[0, 0], axis=1)[WHICH],
        lambda x: (np.cos(x[0] @ TABLE)[WHICH], np.cos(x[0] @ TABLE)[WHICH[:5]]),
    ],
)
def test_what_is_not_read_is_not_computed(fun: Any) -> None:
    assert elements(fun, X) < 20 * 40


def test_it_is_computed_where_more_is_read_than_there_is() -> None:
    def often(x: Any) -> Any:
        return np.tanh(x[0] @ TABLE)[np.tile(WHICH, 20)]

    def wholly(x: Any) -> Any:
        y = np.tanh(x[0] @ TABLE)
        return y[WHICH], np.sum(y)

    def by_itself(x: Any) -> Any:
        y = np.tanh(x[0] @ TABLE)
        return np.sum(y[:, None] * y[WHICH], axis=1)

    for fun in (often, wholly, by_itself):
        assert sum(node.data == "tanh(x)" for node in nodes_of(fun, X)) == 1
        assert any(node.kind == "gather" for node in nodes_of(fun, X))


def program(seed: int) -> tuple[Callable[..., Any], list[np.ndarray]]:
    """Return a random chain of operations whose values are read at places."""
    rng = np.random.default_rng(seed)
    n = int(rng.choice([1, 5, 30, 90]))
    kinds, second = rng.integers(0, 8, 4), rng.permutation(n)
    which = rng.integers(-n, n, int(rng.choice([1, 3, 9, 24])))
    where = [rng.integers(0, n, (2, 3)), slice(None), slice(n // 2, None)]
    key = where[rng.integers(3)]
    args = [rng.normal(size=(3, n)), rng.normal(size=n), rng.integers(0, n, 4)]

    def fun(a: Any, b: Any, k: Any) -> Any:
        y = a
        for kind in kinds:
            match kind:
                case 0:
                    y = np.sin(y) + b
                case 1:
                    y = y * np.sum(a * b, axis=1)[:, None]
                case 2:
                    y = np.tanh(np.array([[0.1, 1, 2], [3, 0.4, 5], [1, 0, 1]]) @ y)
                case 3:
                    y = y[::-1] - y[:, ::-1]
                case 4:
                    y = np.where(y > b, y, b[second])
                case 5:
                    y = np.cumsum(y, axis=1) / n
                case 6:
                    y = np.concatenate([y[1:], y[:1] * 2])
                case 7:
                    y = y[:, second] * y
            y = np.tanh(y)
        z = np.max(y, axis=0)
        return y[:, which], y[:, k] * b[k], z[which], np.sum(z[key] * b[k][0])

    return fun, args


@pytest.mark.parametrize("first", [0, 8, pytest.param(16, marks=pytest.mark.slow)])
def test_random_chains_that_are_read_at_places(first: int) -> None:
    for seed in range(first, first + (80 if first == 16 else 8)):
        fun, args = program(seed)

        def total(a: Any, b: Any, k: Any, fun: Any = fun) -> Any:
            found = fun(a, b, k)
            return sum(np.sum(np.tanh(part)) for part in found), found

        both = wg.value_and_grad(total, argnums=(0, 1), has_aux=True)
        check_tape(wg.record(both, *args), WAYS[seed % 3], ulps=ILL_CONDITIONED)


def test_places_are_computed_from_what_is_read_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An order decides where the values are read that it is the order of."""

    def fun(x: Any) -> Any:
        y = np.exp(-x) * x
        return np.tanh(y)[np.argsort(y, kind="stable")[:2]]

    x = np.linspace(0.1, 2.0, 9)
    monkeypatch.setattr(gathers, "LEAST_SPARED", 0)
    check_tape(wg.record(fun, x), WAYS[1])
