"""A new operation is stated in one place, and is native with its derivatives."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from wengert.execute.engine import native_engine

#: What is stated is known to its process from then on: it gets one of its own.
HEAD = """
import numpy as np
import wengert as wg
from wengert.core.forms import Reduce, Routine
from wengert.core.operation import apply, general
from wengert.ops.reduce import spread

def judge(f, *args):
    for g in (f, wg.grad(f)):
        fast = wg.jit(g, wait=True)
        fast(*args)
        (row,) = fast.report().rows
        assert not row["reason"] and not row["asked of NumPy"], row
        assert row["loops"] > 0, row["nest"]
        np.testing.assert_allclose(fast(*args), g(*args), rtol=1e-12, atol=1e-12)
    slope, x = wg.grad(f)(*args), args[0]
    for k in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[k] = 1e-6
        rise = f(x + step, *args[1:]) - f(x - step, *args[1:])
        np.testing.assert_allclose(slope[k], rise / 2e-6, rtol=1e-6, atol=1e-8)
"""

REDUCTION = """
def evaluate(x, *, axis, keepdims):
    return np.sum(x * x, axis=axis, keepdims=keepdims)

def vjp(g, y, x, *, axis, keepdims):
    return (2.0 * x * spread(g, x, axis, keepdims),)

energy = general(
    "energy", evaluate, form=Reduce("x + y", start=0, of="x * x"), vjp=vjp,
    reads=(True,), numpy=(),
)
x = np.random.default_rng(0).normal(size=(20, 7))
judge(lambda x: np.sum(np.sin(apply(energy, x, axis=(0,), keepdims=False))), x)
"""

WITH_LAPACK = """
def evaluate(a, b):
    return np.linalg.solve(np.linalg.cholesky(a), b)

def vjp(g, y, a, b):
    return None, np.linalg.solve(np.swapaxes(np.linalg.cholesky(a), -1, -2), g)

whitened = general(
    "whitened", evaluate, vjp=vjp, numpy=(),
    form=Routine(core=(2, 2), native="lower(cholesky(x), y)"),
)
for n in (5, 20):  # code of our own, and LAPACK
    a, b = np.eye(n) * 3.0 + 1.0, np.random.default_rng(n).normal(size=(n, 2))
    judge(lambda b: np.sum(apply(whitened, a, b) ** 3), b)
"""


@pytest.mark.skipif(not native_engine(), reason="the native engine is off")
@pytest.mark.parametrize(
    "program", [REDUCTION, WITH_LAPACK], ids=["reduction", "LAPACK"]
)
def test_an_operation_that_is_stated_once_is_native(program: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", HEAD + program],
        env=os.environ | {"WENGERT_COMPILE": "now"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stderr
