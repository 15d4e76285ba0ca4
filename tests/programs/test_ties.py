"""Branches on sums that equal their threshold to the bit, or miss it by one.

What decides is the order in which NumPy adds: that of memory, in blocks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as wg


def turned(x: Any) -> Any:
    """Return the same numbers in Fortran's order."""
    return np.ascontiguousarray(x.T).T


def reversed_(x: Any) -> Any:
    """Return the same numbers, the first axis backwards in memory."""
    return x[::-1].copy()[::-1]


def apart(x: Any) -> Any:
    """Return the same numbers with gaps between them."""
    wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1]))
    wide[..., ::2] = x
    return wide[..., ::2]


LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "C": np.ascontiguousarray,
    "Fortran": turned,
    "reversed": reversed_,
    "apart": apart,
}
SHAPES = [(3, 3), (9,), (2, 5), (4, 4, 3), (40, 7), (200,)]
TABLE = np.asfortranarray(np.random.default_rng(0).normal(size=(40, 7)))
QUESTIONS: dict[str, Callable[[Any], Any]] = {
    "sum": lambda x: np.sum(x),
    "sum of what is computed": lambda x: np.sum(x * 1.1 + 0.3),
    "mean": np.mean,
    "sum of the transpose": lambda x: np.sum(x.T * 0.7),
    "backwards": lambda x: np.sum(x + x[::-1]),
    "over the first axis": lambda x: np.max(np.sum(x, axis=0)),
    "over the last axis": lambda x: np.min(np.sum(x, axis=-1) * 1.7),
    "norm": lambda x: np.sqrt(np.sum(x**2)),
    "inner product": lambda x: np.vdot(x, x * 1.3),
    "product": lambda x: np.max(x.T @ x) if x.ndim < 3 else np.max(x @ x.mT),
    "singular value": lambda x: np.max(np.linalg.svdvals(np.atleast_2d(x))),
    "variance": np.var,
    "deviations": lambda x: np.max(np.std(x, axis=0)),
    "product of all": np.prod,
    "last step": lambda x: np.cumsum(x)[-1],
    "masked": lambda x: np.sum(x[x > 0.2]),
    "reshaped": lambda x: np.sum(x.reshape(-1)[1:]),
    "of a table outside": lambda x: np.sum(TABLE[: len(x), :1].T * x[..., :1]),
    "gradient": lambda x: np.sum(wg.grad(lambda y: np.sum(np.sin(y) * y))(x)),
}


@pytest.mark.one_in(4)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", QUESTIONS)
def test_branches_on_sums_are_numpys(name: str, layout: str) -> None:
    question, lay = QUESTIONS[name], LAYOUTS[layout]

    def function(x: Any, limit: Any) -> Any:
        return x * 2.0 if question(x) > limit else x

    random = np.random.default_rng(sum(map(ord, name + layout)))
    fast = wg.jit(function)
    for shape in SHAPES:
        for _ in range(2):
            scale = 10 ** random.uniform(-1, 1, shape)
            x = lay(random.normal(size=shape) * scale)
            limit = float(question(x))
            for near in (limit, np.nextafter(limit, -np.inf)):
                np.testing.assert_array_equal(fast(x, near), function(x, near))


def test_a_path_of_one_layout_is_not_replayed_for_another() -> None:
    fast = wg.jit(lambda x, limit: x * 2.0 if np.sum(x) > limit else x)
    random = np.random.default_rng(3)
    wrong = 0
    for _ in range(40):
        x = random.normal(size=(5, 9)) * 10 ** random.uniform(-1, 1, (5, 9))
        for lay in LAYOUTS.values():
            limit = float(np.sum(lay(x)))
            near = np.nextafter(limit, -np.inf)
            wrong += not np.array_equal(fast(lay(x), limit), x)
            wrong += not np.array_equal(fast(lay(x), near), x * 2.0)

    assert wrong == 0


@pytest.mark.parametrize("name", QUESTIONS)
def test_branches_of_rows_on_sums_are_numpys(name: str) -> None:
    """Each row has a threshold of its own, which its sum meets or misses by a bit."""
    question = QUESTIONS[name]

    def function(x: Any, limit: Any) -> Any:
        return x * 2.0 if question(x) > limit else x

    random = np.random.default_rng(sum(map(ord, name)))
    mapped = wg.vmap(function)
    for shape in [(3, 3), (9,), (40, 7)]:
        x = random.normal(size=(70, *shape)) * 10 ** random.uniform(-1, 1, (70, *shape))
        limit = np.array([float(question(row)) for row in x])
        limit[::2] = np.nextafter(limit[::2], -np.inf)
        expected = [function(*row) for row in zip(x, limit, strict=True)]
        for _ in range(3):
            np.testing.assert_array_equal(mapped(x, limit), expected)
