"""Results that are written after everything else are written in loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.execute.engine import native_engine

pytestmark = pytest.mark.skipif(not native_engine(), reason="the engine is off")

X = np.random.default_rng(3).uniform(0.5, 2.0, (12, 10))
FUNCTIONS: dict[str, Any] = {
    "computed": lambda x: x * 2.0,
    "moved": lambda x: x[::-1],
    "moved by two axes": lambda x: x[::2, ::-3].T,
    "repeated": lambda x: np.repeat(x, 3, axis=1),
    "spread": lambda x: np.broadcast_to(np.sum(x, axis=0), x.shape) * 1.0,
    "numbers": lambda x: x * 0.0 + np.arange(10.0),
    "the same number": lambda x: (np.zeros((12, 10)), x[0] * 2.0),
    "on the diagonal": lambda x: np.diag(np.sin(x[:, 0])),
    "truth": lambda x: x > 1.0,
    "whole numbers": lambda x: np.astype(x * 10.0, np.int32),
    "single precision": lambda x: np.astype(x, np.float32) * np.float32(2),
    "some at places": lambda x: np.where(np.arange(10) % 3 == 0, x, x * 2.0),
    "a run": lambda x: np.cumsum(np.sin(x), axis=1),
    "several": lambda x: (x + 1.0, x[::-1] * 3.0, np.sum(x), x),
    "a slope": wg.grad(lambda x: np.sum(np.sin(x) * x[::-1])),
}


def agree(found: Any, expected: Any) -> None:
    found = found if isinstance(found, tuple) else (found,)
    expected = expected if isinstance(expected, tuple) else (expected,)
    for one, other in zip(found, expected, strict=True):
        assert np.asarray(one).dtype == np.asarray(other).dtype
        close = 1e-6 if one.dtype == "f4" else 1e-13
        np.testing.assert_allclose(one, other, rtol=close, atol=close)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_result_comes_to_its_place(name: str) -> None:
    function = FUNCTIONS[name]
    jitted = wg.jit(function, wait=True)

    for x in (X, X + 1.0, X):
        agree(jitted(x), function(x))
    assert all(path.kernels for path in jitted.paths())


@pytest.mark.one_in(4)
@pytest.mark.parametrize("lanes", [1, 2, 4, 8])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_row_comes_to_its_place(name: str, lanes: int) -> None:
    function = FUNCTIONS[name]
    mapped = wg.vmap(function, lanes=lanes)

    for count in (1, 3, 19):
        rows = X + 0.1 * np.arange(count)[:, None, None]
        expected = [function(row) for row in rows]
        found = mapped(rows)

        if isinstance(expected[0], tuple):
            agree(found, tuple(np.stack(part) for part in zip(*expected, strict=True)))
        else:
            agree(found, np.stack(expected))
