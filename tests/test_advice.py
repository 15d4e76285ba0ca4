"""Every error's advice, followed: the program that fails, and the one it names.

A row says where in the package the error is written, what fails, what its advice names,
and the program that follows the advice, whose result is known.
"""

from __future__ import annotations

import ast
import gc
import runpy
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import leastsq

import wengert
from wengert import errors

PACKAGE = Path(wengert.__file__).parent
HEAD = """
import numpy as np
import scipy.optimize
import wengert
from wengert import grad, jacobian, jit, record, vmap
x = np.array([3.0, 1.0, 2.0])
A = np.array([[1.0, 2.0], [3.0, 4.0]])
"""
#: (where the error is written, what fails, what is advised, what then works, its value)
ROWS: list[tuple[str, str, str, str, Any]] = []


def row(where: str, fails: str, advice: str, works: str, value: Any) -> None:
    """Enter a program that fails and the one that its error names."""
    ROWS.append((where, fails, advice, works, value))


# Leaving the tape, and writing into plain arrays

row(
    "wengert.capture.refusals:lent_out",
    "def f(s):\n"
    "    v = np.zeros(3)\n"
    "    pairs = np.lib.stride_tricks.as_strided(v, (2, 2), (8, 8))\n"
    "    v[:] = s\n"
    "    return np.sum(pairs)\n"
    "result = grad(f)(2.0)",
    "or after the array is written",
    "def f(s):\n"
    "    v = np.zeros(3)\n"
    "    v[:] = s\n"
    "    return np.sum(v[:-1]) + np.sum(v[1:])\n"
    "result = grad(f)(2.0)",
    4.0,
)
row(
    "wengert.capture.sparse:made",
    "from scipy import sparse\n"
    "f = lambda x: sparse.csr_array((x * 2.0, [0, 1], [0, 1, 2]), shape=(2, 2))\n"
    "result = jacobian(f)(x[:2])",
    "the entries alone: lambda x: f(x).data",
    "from scipy import sparse\n"
    "f = lambda x: sparse.csr_array((x * 2.0, [0, 1], [0, 1, 2]), shape=(2, 2))\n"
    "result = jacobian(lambda x: f(x).data)(x[:2])",
    [[2.0, 0.0], [0.0, 2.0]],
)
row(
    "wengert.capture.sparse:opened",
    "from scipy import sparse\n"
    "result = grad(lambda a: np.sum(a @ x))(sparse.lil_array(np.diag(x))).toarray()",
    "A.tocsr()",
    "from scipy import sparse\n"
    "a = sparse.lil_array(np.diag(x)).tocsr()\n"
    "result = grad(lambda a: np.sum(a @ x))(a).toarray()",
    [[3.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 2.0]],
)
row(
    "wengert.ops.stats.draws:rvs_of_counts",
    "from scipy import stats\n"
    "result = grad(lambda mu: stats.poisson.rvs(mu, random_state=1))(3.0)",
    "numbers k drawn outside of the function, and np.mean(f(k) * "
    "scipy.stats.poisson.logpmf(k, ...))",
    "from scipy import stats\n"
    "k = np.array([2.0, 5.0])\n"
    "result = grad(lambda mu: np.mean(k * stats.poisson.logpmf(k, mu)))(3.0)",
    (2 * (2 / 3 - 1) + 5 * (5 / 3 - 1)) / 2,
)
row(
    "wengert.capture.array:RecordedValue._refuse",
    "rng = np.random.default_rng(1)\n"
    "result = grad(lambda m: np.sum(rng.normal(m, 2.0, size=3)))(1.0)",
    "scipy.stats.norm.rvs(loc, scale, size=n, random_state=rng), which is recorded",
    "from scipy import stats\n"
    "rng = np.random.default_rng(1)\n"
    "draw = lambda m: np.sum(stats.norm.rvs(m, 2.0, size=3, random_state=rng))\n"
    "result = grad(draw)(1.0)",
    3.0,
)
row(
    "wengert.capture.refusals:check_mask",
    "def f(x):\n"
    "    low = x < 2.5\n"
    "    low[::-1][low] = False\n"
    "    return np.sum(x[low])\n"
    "result = grad(f)(x)",
    "x[np.copy(mask)] = ...",
    "def f(x):\n"
    "    low = x < 2.5\n"
    "    low[::-1][np.copy(low)] = False\n"
    "    return np.sum(x[low])\n"
    "result = grad(f)(x)",
    [0.0, 0.0, 1.0],
)

row(
    "wengert.capture.record:check_states",
    "def f(x):\n"
    "    with np.errstate(divide='raise'):\n"
    "        return 6.0 / x\n"
    "result = record(f, 3.0)(2.0)",
    "wengert.jit, which runs",
    "def f(x):\n"
    "    with np.errstate(divide='raise'):\n"
    "        return 6.0 / x\n"
    "result = jit(f)(2.0)",
    3.0,
)

row(
    "wengert.capture.array:RecordedValue._refuse",
    "table = np.zeros(3)\n"
    "def f(s):\n"
    "    table.flat[1] = s\n"
    "    return np.sum(table)\n"
    "result = grad(f)(2.0)",
    "new = np.array(table.flat) inside the function",
    "table = np.zeros(3)\n"
    "def f(s):\n"
    "    new = np.array(table.flat)\n"
    "    new[1] = s\n"
    "    return np.sum(new)\n"
    "result = grad(f)(2.0)",
    1.0,
)

row(
    "wengert.capture.array:RecordedArray.check_related",
    "f = lambda x, y: np.sum(x * y) if np.shares_memory(x, y) else np.sum(x)\n"
    "result = jit(f)(x, x[::-1])",
    "pass the answer on as a bool",
    "f = lambda x, y, same: np.sum(x * y) if same else np.sum(x)\n"
    "result = jit(f)(x, x[::-1], np.shares_memory(x, x[::-1]))",
    13.0,
)

LEAVING = "wengert.capture.array:RecordedValue._refuse"
TO_ARRAY = LEAVING
SLOPES = [4.0, 6.0]

row(
    LEAVING,
    "result = grad(lambda x: float(x) ** 2)(3.0)",
    "leave float() out",
    "result = grad(lambda x: x**2)(3.0)",
    6.0,
)
row(
    LEAVING,
    "result = grad(lambda x: {'%.1f' % x: x**2}['3.0'])(3.0)",
    'f"{x:.1f}"',
    "result = grad(lambda x: {f'{x:.1f}': x**2}['3.0'])(3.0)",
    6.0,
)
row(
    LEAVING,
    "result = grad(lambda x: abs(complex(x)))(3.0)",
    "write x + 0j",
    "result = grad(lambda x: abs(x + 0j))(3.0)",
    1.0,
)
row(
    LEAVING,
    "import cmath\nresult = grad(lambda x: cmath.exp(1j * x).real)(0.0)",
    "np.exp(x) and its kin in place of cmath's",
    "result = grad(lambda x: np.exp(1j * x).real)(0.0)",
    0.0,
)
row(
    LEAVING,
    "result = grad(lambda x: sum(x.tolist()))(x)",
    "list(x) gives recorded numbers",
    "result = grad(lambda x: sum(list(x)))(x)",
    [1.0, 1.0, 1.0],
)
row(
    TO_ARRAY,
    "result = grad(lambda x: np.float32(x) ** 2)(3.0)",
    "np.asarray(x, np.float32)",
    "result = grad(lambda x: np.asarray(x, np.float32) ** 2)(3.0)",
    6.0,
)
row(
    LEAVING,
    "from math import asin\nresult = grad(lambda x: asin(x))(0.0)",
    "np.arcsin(...), or import math and math.asin(...)",
    "import math\nresult = grad(lambda x: np.arcsin(x) * math.asin(x) + x)(0.0)",
    1.0,
)
row(
    TO_ARRAY,
    "result = grad(lambda x: np.sum(A.dot(x)))(np.ones(2))",
    "A @ x, or np.dot(A, x)",
    "result = grad(lambda x: np.sum(A @ x + np.dot(A, x)) / 2)(np.ones(2))",
    SLOPES,
)
row(
    TO_ARRAY,
    "B = A[0]\nresult = grad(lambda x: B.searchsorted(x) * np.sum(x))(np.ones(2))",
    "np.searchsorted(B, x)",
    "B = A[0]\nresult = grad(lambda x: np.sum(np.searchsorted(B, x) + x))(np.ones(2))",
    [1.0, 1.0],
)
row(
    TO_ARRAY,
    "result = grad(lambda x: np.sum(np.sqrt([x, 4.0 * x])))(1.0)",
    "np.sqrt(np.array([x, 4.0 * x]))",
    "result = grad(lambda x: np.sum(np.sqrt(np.array([x, 4.0 * x]))))(1.0)",
    1.5,
)
row(
    TO_ARRAY,
    "pair = lambda x: [x, x * x]\ndef f(x):\n    both = pair(x)\n"
    "    return np.maximum(both, 0.5)[1]\nresult = grad(f)(3.0)",
    "np.maximum(np.array(both), 0.5)",
    "result = grad(lambda x: np.maximum(np.array([x, x * x]), 0.5)[1])(3.0)",
    6.0,
)
for make, repaired in {
    "A.copy()": "np.array(A)",
    "A * 1.0": "np.array(A * 1.0)",
    "A.astype(float)": "np.array(A, dtype=float)",
    "np.exp(A)": "np.array(np.exp(A))",
    "copy.deepcopy(A)": "np.array(A)",
}.items():
    program = (
        "import copy\ndef f(x):\n    work = {}\n    {}\n"
        "    return work[0, 1] * 2.0\nresult = grad(f)(3.0)"
    )
    row(
        LEAVING,
        program.format(make, "work[0, 1] = x * x"),
        f"work = {repaired}, ",
        program.format(repaired, "work[0, 1] = x * x"),
        12.0,
    )
    row(
        "wengert.capture.ufuncs:check_out",
        program.format(make, "work += x"),
        f"work = work + x, or work = {repaired}, ",
        program.format(repaired, "work += x"),
        2.0,
    )
row(
    LEAVING,
    "def f(x):\n    A[0, 0] = x\n    return A.sum()\nresult = grad(f)(1.0)",
    "new = np.array(A) inside the function, then write into new",
    "def f(x):\n    new = np.array(A)\n    new[0, 0] = x\n    return new.sum()\n"
    "result = grad(f)(1.0)",
    1.0,
)
row(
    LEAVING,
    "def fill(y, x):\n    y[0] = x\ndef f(x):\n    y = A[0] * 1.0\n    fill(y, x)\n"
    "    return y[0] ** 2\nresult = grad(f)(3.0)",
    "y = np.array(y) first",
    "def fill(y, x):\n    y = np.array(y)\n    y[0] = x\n    return y\n"
    "result = grad(lambda x: fill(A[0] * 1.0, x)[0] ** 2)(3.0)",
    6.0,
)
row(
    LEAVING,
    "from numpy import zeros\ndef f(x):\n    y = zeros(2)\n    y[0] = x\n"
    "    return y[0] ** 2\nresult = grad(f)(3.0)",
    "y = np.zeros(2)",
    "def f(x):\n    y = np.zeros(2)\n    y[0] = x\n    return y[0] ** 2\n"
    "result = grad(f)(3.0)",
    6.0,
)
row(
    LEAVING,
    "def root(a):\n"
    "    return scipy.optimize.leastsq(lambda t: t**3 - a, 1.0)[0][0]\n"
    "result = grad(root)(8.0)",
    "one step of Newton's",
    "def root(a):\n"
    "    now = wengert.stop_gradient(a)\n"
    "    solve = lambda t: np.asarray(float(t[0]) ** 3 - float(now))\n"
    "    t = scipy.optimize.leastsq(solve, 1.0, xtol=1e-14)[0][0]\n"
    "    return t - (t**3 - a) / (3.0 * t**2)\n"
    "result = grad(root)(8.0)",
    1.0 / 12.0,
)
row(
    LEAVING,
    "result = grad(lambda a: scipy.optimize.leastsq(lambda t: t**3 - a, 1.0)[0][0])"
    "(8.0)",
    "scipy.optimize.root, brentq, newton, minimize or least_squares",
    "result = grad(lambda a: scipy.optimize.root(lambda t: t**3 - a, 1.0).x[0])(8.0)",
    1.0 / 12.0,
)
row(
    "wengert.capture.statement:of_scipy",
    "solve = scipy.optimize.broyden1\n"
    "result = grad(lambda a: solve(lambda t: t**3 - a, [1.0])[0])(8.0)",
    "one step of Newton's",
    "def root(a):\n"
    "    now = wengert.stop_gradient(a)\n"
    "    solve = lambda t: np.asarray(float(t[0]) ** 3 - float(now))\n"
    "    t = scipy.optimize.fsolve(solve, 1.0, xtol=1e-14)[0]\n"
    "    return t - (t**3 - a) / (3.0 * t**2)\n"
    "result = grad(root)(8.0)",
    1.0 / 12.0,
)
row(
    "wengert.capture.statement:taught",
    "from json import dumps\nresult = grad(lambda x: len(dumps(x)) * np.sum(x))(x)",
    "wengert.stop_gradient(x) to leave the tape",
    "from json import dumps\n"
    "length = lambda x: len(dumps(wengert.stop_gradient(x).tolist()))\n"
    "result = grad(lambda x: length(x) * np.sum(x))(x)",
    [15.0, 15.0, 15.0],
)
row(
    TO_ARRAY,
    "scaled = np.vectorize(lambda t, s: s * t)\n"
    "result = grad(lambda s: np.sum(scaled(x, s)))(2.0)",
    "np.vectorize(scaled.pyfunc)(x, s) inside the function",
    "scaled = np.vectorize(lambda t, s: s * t)\n"
    "result = grad(lambda s: np.sum(np.vectorize(scaled.pyfunc)(x, s)))(2.0)",
    6.0,
)
row(
    "wengert.capture.statement:masked_flat",
    "counts = np.arange(3)\n"
    "def f(x):\n"
    "    counts.flat[x > 1.5] *= 2\n"
    "    return np.sum(counts * x)\n"
    "result = grad(f)(x)",
    "counts.flat[np.flatnonzero(x > 1.5)]",
    "counts = np.arange(3)\n"
    "def f(x):\n"
    "    counts.flat[np.flatnonzero(x > 1.5)] *= 2\n"
    "    return np.sum(counts * x)\n"
    "result = grad(f)(x)",
    [0.0, 1.0, 4.0],
)
for place, name in (("rows[0][1]", "rows[0]"), ("table['u'][1]", "table['u']")):
    program = (
        "def f(x):\n    rows = [A[0].copy()]\n    table = {{'u': A[0].copy()}}\n"
        "    {}\n    {} = x * x\n    return np.sum({})\nresult = grad(f)(3.0)"
    )
    repair = f"{name} = np.array({name})"
    row(
        LEAVING,
        program.format("pass", place, name),
        f"{repair} first",
        program.format(repair, place, name),
        6.0,
    )
row(
    LEAVING,
    "def f(x):\n    u, v = A[0].copy(), 2.0\n    u[1] = x * v\n"
    "    return np.sum(u)\nresult = grad(f)(3.0)",
    "u = np.array(A[0]), ",
    "def f(x):\n    u, v = np.array(A[0]), 2.0\n    u[1] = x * v\n"
    "    return np.sum(u)\nresult = grad(f)(3.0)",
    2.0,
)
for written in ("u[1:] += x * x", "np.multiply(x, x, u)", "np.add.at(u, [0], x * x)"):
    program = (
        "def f(x):\n    u = {}\n    {}\n    return u[1] + u[0]\nresult = grad(f)(3.0)"
    )
    row(
        "wengert.capture.ufuncs:check_out",
        program.format("A[0].copy()", written),
        "u = np.array(A[0]), ",
        program.format("np.array(A[0])", written),
        12.0 if "multiply" in written else 6.0,
    )
row(
    TO_ARRAY,
    "from scipy.signal import symiirorder1\n"
    "result = grad(lambda x: np.sum(symiirorder1(x, 1.0, 0.0)))(x)",
    "where it is linear in x, wengert.rule(f, jvp=lambda t, y, x: f(t[0])",
    "from scipy.signal import symiirorder1\n"
    "same = wengert.rule(jvp=lambda t, y, x: symiirorder1(t[0], 1.0, 0.0))(\n"
    "    lambda x: symiirorder1(x, 1.0, 0.0))\n"
    "result = wengert.jvp(lambda x: np.sum(same(x)), (x,), (np.ones(3),))[1]",
    3.0,
)
row(
    "wengert.capture.keys:not_whole",
    "result = grad(lambda x, n: x * np.zeros(n).size, argnums=(0, 1))(2.0, 5.0)",
    "grad(f, argnums=1)), or int(x)",
    "result = grad(lambda n, x: x * np.zeros(n).size, argnums=1)(5, 2.0)\n"
    "result += grad(lambda x, n: x * np.zeros(int(n)).size)(2.0, 5.0)",
    10.0,
)

# What has no rule

row(
    "wengert.capture.refusals:unsupported",
    "result = grad(lambda x: np.packbits(x > 2.0).sum() * x[0])(x)",
    "wengert.stop_gradient(x) for its arguments to leave the tape",
    "from wengert import stop_gradient\n"
    "result = grad(lambda x: np.packbits(stop_gradient(x) > 2.0).sum() * x[0])(x)[0]",
    128.0,
)
row(
    "wengert.capture.refusals:as_numpy",
    "result = grad(lambda x: np.sum(np.roll(x, 1.5)))(x)",
    "arrays and whole numbers",
    "result = grad(lambda x: np.sum(np.roll(x, 1)))(x)",
    [1.0, 1.0, 1.0],
)
row(
    "wengert.capture.refusals:no_attribute",
    "result = grad(lambda x: x.ctypes.shape[0] * x[0])(x)",
    "wengert.stop_gradient(x) to leave the tape",
    "from wengert import stop_gradient\n"
    "result = grad(lambda x: stop_gradient(x).ctypes.shape[0] * x[0])(x)",
    [3.0, 0.0, 0.0],
)
row(
    "wengert.capture.refusals:read_only",
    "def f(x):\n    y = np.broadcast_to(x, (2, 3))\n    y[0] = 0.0\n"
    "    return y.sum()\nresult = grad(f)(x)",
    "y = x.copy(), then write into y",
    "def f(x):\n    y = np.broadcast_to(x, (2, 3)).copy()\n    y[0] = 0.0\n"
    "    return y.sum()\nresult = grad(f)(x)",
    [1.0, 1.0, 1.0],
)
row(
    "wengert.capture.answers.lists:nditer",
    "result = grad(lambda x: sum(v * v for v in np.nditer(x)))(x)",
    "np.ndindex(x.shape), np.ndenumerate(x) or x.flat",
    "result = grad(lambda x: sum(x[k] * v * w for (k, v), w in\n"
    "    zip(np.ndenumerate(x), x.flat)) / 3 * len(list(np.ndindex(x.shape))))(x)",
    [27.0, 3.0, 12.0],
)
row(
    "wengert.capture.answers.lists:Concatenator.__getitem__",
    "result = grad(lambda x: np.sum(np.r_['0,2', x, x]))(x)",
    "np.concatenate, np.stack or np.column_stack",
    "result = grad(lambda x: np.sum(np.stack((x, x))))(x)",
    [2.0, 2.0, 2.0],
)
row(
    "wengert.capture.answers.install:AsksWhatIsShuffled.__instancecheck__",
    "def f(x):\n    np.random.default_rng(0).shuffle(x)\n    return x.sum()\n"
    "result = grad(f)(A)",
    "x = x[rng.permutation(len(x))]",
    "def f(x):\n    rng = np.random.default_rng(0)\n"
    "    x = x[rng.permutation(len(x))]\n    return x.sum()\nresult = grad(f)(A)",
    [[1.0, 1.0], [1.0, 1.0]],
)
row(
    "wengert.capture.array:check_time",
    "result = grad(lambda x: np.sum(x * np.timedelta64(6, 's') / 3))(x)",
    "t / np.timedelta64(1, 's')",
    "t = np.timedelta64(6, 's') / np.timedelta64(1, 's')\n"
    "result = grad(lambda x: np.sum(x * t / 3))(x)",
    [2.0, 2.0, 2.0],
)
row(
    "wengert.capture.array:check_class",
    "m = np.ma.array(A, mask=A > 3.0)\n"
    "result = grad(lambda x: np.sum(x * m))(np.ones(2))",
    "x.data and ~np.ma.getmaskarray(x), and np.sum(..., where=...)",
    "m = np.ma.array(A, mask=A > 3.0)\nkept = ~np.ma.getmaskarray(m)\n"
    "result = grad(lambda x: np.sum(x * m.data, where=kept))(np.ones(2))",
    [4.0, 2.0],
)
row(
    "wengert.capture.methods:set_shape",
    "def f(x):\n    x.shape = (3, 1)\n    return np.sum(x)\nresult = grad(f)(x)",
    "x = x.reshape(shape)",
    "result = grad(lambda x: np.sum(x.reshape((3, 1))))(x)",
    [1.0, 1.0, 1.0],
)
row(
    "wengert.capture.methods:set_dtype",
    "def f(x):\n    x.dtype = np.float32\n    return np.sum(x)\nresult = grad(f)(x)",
    "x = x.astype(dtype)",
    "result = grad(lambda x: np.sum(x.astype(np.float32)))(x)",
    [1.0, 1.0, 1.0],
)
row(
    "wengert.capture.methods:set_strides",
    "def f(x):\n    x.strides = (16,)\n    return np.sum(x)\nresult = grad(f)(x)",
    "slices of x",
    "result = grad(lambda x: np.sum(x[::2]))(x)",
    [1.0, 0.0, 1.0],
)
for method, given, advice, repaired in (
    ("view", "'f4'", "x.astype(dtype) converts", "x.astype('f4')"),
    ("resize", "5", "np.resize(x, shape)", "np.resize(x, 3)"),
    ("setflags", "write=True", "x.copy()", "x.copy()"),
    ("byteswap", "", "x.astype(dtype)", "x.astype(float)"),
):
    row(
        "wengert.capture.methods:refused_method.method",
        f"result = grad(lambda x: np.sum(x.{method}({given})))(x)",
        advice,
        f"result = grad(lambda x: np.sum({repaired}))(x)",
        [1.0, 1.0, 1.0],
    )
row(
    "wengert.capture.ufuncs:deliver",
    "result = grad(lambda x: np.sum(np.exp(x, where=x > 9.0)))(x)",
    "np.exp(..., where=mask, out=np.zeros(...))",
    "result = grad(lambda x: np.sum(np.exp(x, where=x > 9.0, out=np.zeros(3))))(x)",
    [0.0, 0.0, 0.0],
)
row(
    "wengert.capture.guards:refused",
    "with wengert.strict():\n    result = grad(lambda x: x if x > 0 else -x)(-2.0)",
    "np.where(condition, a, b)",
    "with wengert.strict():\n    result = grad(lambda x: np.where(x > 0, x, -x))(-2.0)",
    -1.0,
)
row(
    "wengert.capture.refusals:mixed_tapes",
    "result = grad(lambda x: record(lambda y: x * y, 2.0)(2.0))(3.0)",
    "pass the outer value as an argument",
    "result = grad(lambda x: record(lambda x, y: x * y, 3.0, 2.0)(x, 2.0))(3.0)",
    2.0,
)

# The transformations

row(
    "wengert.api:positions",
    "result = grad(lambda x, y: x * y, argnums=2)(2.0, 3.0)",
    "grad(f, argnums=1) for the last one",
    "result = grad(lambda x, y: x * y, argnums=1)(2.0, 3.0)",
    2.0,
)
row(
    "wengert.api:scalar_output",
    "result = grad(np.sin)(np.zeros(2))",
    "wengert.jacobian(f), or f = lambda x: np.sum(...)",
    "result = np.diag(jacobian(np.sin)(np.zeros(2)))\n"
    "result = result + grad(lambda x: np.sum(np.sin(x)))(np.zeros(2))",
    [2.0, 2.0],
)
row(
    "wengert.capture.record:split_aux",
    "result = grad(lambda x: x * x, has_aux=True)(3.0)",
    "return value, aux",
    "result = grad(lambda x: (x * x, 1), has_aux=True)(3.0)[0]",
    6.0,
)
row(
    "wengert.capture.record:check_number",
    "result = grad(lambda x, name: x * len(name), argnums=(0, 1))(2.0, 'ab')",
    "choose the arguments to differentiate with argnums=",
    "result = grad(lambda x, name: x * len(name), argnums=0)(2.0, 'ab')",
    2.0,
)
row(
    "wengert.execute.interpret:left",
    "f = lambda x: x if x > 0 else -x\nresult = record(f, 1.0)(-2.0)",
    "record again at these inputs, or call the function itself",
    "f = lambda x: x if x > 0 else -x\nresult = record(f, -2.0)(-2.0) + f(-2.0)",
    4.0,
)
row(
    "wengert.structure.custom_rules:no_derivative",
    "f = wengert.rule(lambda x: x * x)\nresult = grad(f)(3.0)",
    "wengert.rule(vjp=...)",
    "f = wengert.rule(vjp=lambda g, y, x: g * 2 * x)(lambda x: x * x)\n"
    "result = grad(f)(3.0)",
    6.0,
)
row(
    "wengert.capture.results:check_results",
    "result = jit(lambda x: {x * 2})(3.0)",
    "list(result) or the numbers themselves",
    "result = jit(lambda x: list([x * 2]))(3.0)",
    [6.0],
)
row(
    "wengert.capture.answers.makers:converted",
    "result = grad(lambda x: np.array([(x, 1)], dtype=[('a', float), ('b', int)])"
    "['a'][0])(3.0)",
    "an array, or an entry of a dictionary, for each field",
    "result = grad(lambda x: {'a': np.array([x]), 'b': np.array([1])}['a'][0])(3.0)",
    1.0,
)
row(
    "wengert.ops.write:check_target",
    "def f(x):\n    np.put(A, [0], x)\n    return A.sum()\nresult = grad(f)(1.0)",
    "np.zeros, np.empty or np.array",
    "def f(x):\n    B = np.array(A)\n    np.put(B, [0], x)\n    return B.sum()\n"
    "result = grad(f)(1.0)",
    1.0,
)
row(
    "wengert.problems:parts_of",
    "result = wengert.problem(np.sum, lambda x: x[:1] * x[1:]).jacobian(x)",
    "(g, lower, upper), where g(x) is an array",
    "g = lambda x: x[:1] * x[1:]\n"
    "result = wengert.problem(np.sum, (g, 0.0, 1.0)).jacobian(x).toarray()",
    [[1.0, 3.0, 0.0], [2.0, 0.0, 3.0]],
)
row(
    "wengert.problems:limits_of",
    "p = wengert.problem(np.sum, bounds=[(0.0, 1.0)] * 4)\nresult = p.limits(x)[1]",
    "or a list of pairs",
    "p = wengert.problem(np.sum, bounds=[(0.0, 1.0)] * 3)\nresult = p.limits(x)[1]",
    [1.0, 1.0, 1.0],
)
row(
    "wengert.problems:between",
    "p = wengert.problem(np.sum, bounds=(1.0, 0.0))\nresult = p.limits(x)[1]",
    "scipy.optimize.Bounds(low, high)",
    "from scipy.optimize import Bounds\n"
    "p = wengert.problem(np.sum, bounds=Bounds(0.0, 1.0))\nresult = p.limits(x)[1]",
    [1.0, 1.0, 1.0],
)
row(
    "wengert.problems:pairs_of",
    "p = wengert.problem(np.sum, bounds=[[0.0, 1.0], [0.0, 1.0]])\n"
    "result = p.limits(x[:2])[1]",
    "pairs that are tuples: [(low, high), (low, high)]",
    "p = wengert.problem(np.sum, bounds=[(0.0, 1.0), (0.0, 1.0)])\n"
    "result = p.limits(x[:2])[1]",
    [1.0, 1.0],
)
row(
    "wengert.api:is_sparse",
    "result = jacobian(np.square, pattern=np.eye(3, dtype=bool))(x)",
    "jacobian(f, sparse=True, ...)",
    "f = jacobian(np.square, sparse=True, pattern=np.eye(3, dtype=bool))\n"
    "result = f(x).toarray()",
    [[6.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 4.0]],
)
row(
    "wengert.api:is_sparse",
    "result = jacobian(np.square, sparse='csc')(x)",
    'jacobian(f, sparse=True, output_format="csc")',
    "result = jacobian(np.square, sparse=True, output_format='csc')(x).toarray()",
    [[6.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 4.0]],
)
row(
    "wengert.api:is_sparse",
    "result = jacobian(np.square, holomorphic=True, sparse=True)(x * 1j)",
    "jacobian(f, holomorphic=True)",
    "result = jacobian(np.square, holomorphic=True)(x * 1j).imag",
    [[6.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 4.0]],
)
row(
    "wengert.api:made_sparse",
    "result = jacobian(np.square, -1, sparse=True)(x)",
    "argnums=0 for the first one",
    "result = jacobian(np.square, 0, sparse=True)(x).toarray()",
    [[6.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 4.0]],
)
row(
    "wengert.execute.colouring:foreign",
    "import io\nfrom scipy import sparse\nfile = io.BytesIO()\n"
    "sparse.save_npz(file, sparse.csr_array(np.eye(3)))\nfile.seek(0)\n"
    "result = wengert.ColoredPattern.load(file)",
    "color_cols(matrix)",
    "import io\nfrom scipy import sparse\nfile = io.BytesIO()\n"
    "sparse.save_npz(file, sparse.csr_array(np.eye(3)))\nfile.seek(0)\n"
    "result = wengert.color_cols(sparse.load_npz(file)).num_colors",
    1,
)
row(
    "wengert.problems:Problem.ipopt",
    "import sys\nfrom unittest import mock\n"
    "p = wengert.problem(lambda x: np.sum((x - 1.0) ** 2))\n"
    "with mock.patch.dict(sys.modules, cyipopt=None):\n"
    "    result = p.ipopt(x)",
    "problem.minimize(x0)",
    "p = wengert.problem(lambda x: np.sum((x - 1.0) ** 2))\nresult = p.minimize(x).x",
    [1.0, 1.0, 1.0],
)
row(
    "wengert.problems:between",
    "p = wengert.problem(np.sum, (lambda x: x[:1], 1.0, None))\n"
    "result = p.limits(x)[3]",
    "(g, lower, upper), numbers or arrays, -np.inf and np.inf where there is none",
    "p = wengert.problem(np.sum, (lambda x: x[:1], 1.0, np.inf))\n"
    "result = p.limits(x)[3]",
    [np.inf],
)
row(
    "wengert.problems:as_numbers",
    "p = wengert.problem(np.sum, parameters='two')\nresult = 0.0",
    "numbers, or arrays of them",
    "p = wengert.problem(lambda x, p: np.sum(x) * p, parameters=2.0)\n"
    "result = p.objective(x)",
    12.0,
)
row(
    "wengert.problems:vector",
    "p = wengert.problem(np.sum)\nresult = p.gradient(np.ones((2, 2)))",
    "np.ravel(x), and np.reshape(x, shape) in the functions",
    "p = wengert.problem(lambda x: np.sum(np.reshape(x, (2, 2))))\n"
    "result = p.gradient(np.ravel(np.ones((2, 2))))",
    [1.0] * 4,
)
row(
    "wengert.problems:started",
    "p = wengert.problem(np.sum, (lambda x: x, 0.0, 1.0))\n"
    "import sys\nfrom unittest import mock\n"
    "with mock.patch.dict(sys.modules, cyipopt=mock.Mock()):\n"
    "    result = p.ipopt(x, [0.0])",
    'multipliers=info["mult_g"]',
    "from wengert.problems import started\n"
    "info = {'mult_g': np.zeros(3)}\n"
    "result = started(info['mult_g'], None, 3, 3)['lagrange']",
    [0.0] * 3,
)
row(
    "wengert.problems:fitting",
    "p = wengert.problem(lambda x: np.sum(x**2), bounds=(1.0, 2.0))\n"
    "result = p.minimize(x, 'BFGS').x",
    "'L-BFGS-B'",
    "p = wengert.problem(lambda x: np.sum(x**2), bounds=(1.0, 2.0))\n"
    "result = p.minimize(x, 'L-BFGS-B').x",
    [1.0] * 3,
)
row(
    "wengert.problems:parts_of",
    "p = wengert.problem(np.sum, {'type': 'le', 'fun': np.sum})\n"
    "result = p.limits(x)[3]",
    '{"type": "ineq", "fun": g} for g(x) >= 0',
    "p = wengert.problem(np.sum, {'type': 'ineq', 'fun': np.sum})\n"
    "result = p.limits(x)[3]",
    [np.inf],
)
row(
    "wengert.problems:Problem.sensitivity",
    "p = wengert.problem(lambda x, p: np.sum((x - p['a']) ** 2), parameters={'a': 1.0})"
    "\nresult = p.sensitivity(np.ones(2)).x",
    "parameters=one array of them all, which the functions take apart",
    "f = lambda x, p: np.sum((x - p[0]) ** 2)\n"
    "p = wengert.problem(f, parameters=np.array([1.0]))\n"
    "result = p.sensitivity(np.ones(2)).x",
    [[1.0], [1.0]],
)
row(
    "wengert.problems:filled",
    "p = wengert.problem(np.sum, bounds=(np.zeros(2), 1.0))\nresult = p.limits(x)[1]",
    "an array of shape (3,)",
    "p = wengert.problem(np.sum, bounds=(np.zeros(3), 1.0))\nresult = p.limits(x)[1]",
    [1.0, 1.0, 1.0],
)
row(
    "wengert.random_effects:Arguments.no_such",
    "f = wengert.laplace(lambda p, u: np.sum((u - p) ** 2), random=2)\n"
    "result = f.mode(np.ones(1), np.zeros(1))",
    "random=0 or random=1",
    "f = wengert.laplace(lambda p, u: np.sum((u - p) ** 2), random=1)\n"
    "result = f.mode(np.ones(1), np.zeros(1))",
    1.0,
)
row(
    "wengert.random_effects:Arguments.of_call",
    "f = wengert.laplace(lambda p, q, u: np.sum((u - p * q) ** 2), 2, (0, 1))\n"
    "result = f.mode(np.ones(1), np.zeros(1))",
    "a tuple of 2",
    "f = wengert.laplace(lambda p, q, u: np.sum((u - p * q) ** 2), 2, (0, 1))\n"
    "result = f.mode((0.5, 2.0), np.zeros(1))",
    1.0,
)
row(
    "wengert.random_effects:Core.box.third",
    "f = wengert.laplace(lambda p, u: np.sum((u - p[0]) ** 2 + p[0] ** 4 / 12))\n"
    "h = lambda p: wengert.hessian(lambda p: f(p, np.zeros(1)))(p)[0, 0]\n"
    "result = grad(h)(np.ones(1))",
    "its formula in NumPy",
    "h = lambda p: wengert.hessian(lambda p: p[0] ** 4 / 12)(p)[0, 0]\n"
    "result = grad(h)(np.ones(1))",
    2.0,
)
row(
    "wengert.random_effects:Mode.__init__",
    "f = wengert.laplace(lambda p, u: np.sum((u**2 - p[0]) ** 2))\n"
    "result = f.mode(np.ones(1), np.zeros(1))",
    "another start",
    "f = wengert.laplace(lambda p, u: np.sum((u**2 - p[0]) ** 2))\n"
    "result = f.mode(np.ones(1), np.full(1, 0.9))",
    1.0,
)
row(
    "wengert.random_effects:Core.at",
    "f = wengert.laplace(lambda p, u: np.sum(p[0] * u + (1 - p[0]) * u**2))\n"
    "result = f.mode(np.ones(1), np.ones(1))",
    "other parameters",
    "f = wengert.laplace(lambda p, u: np.sum(p[0] * u + (1 - p[0]) * u**2))\n"
    "result = 1 + f.mode(np.zeros(1), np.ones(1))",
    1.0,
)
row(
    "wengert.random_effects:Core.covariance",
    "f = wengert.laplace(lambda p, u: np.sum(u**2) + (p[0] ** 2 - 1) ** 2)\n"
    "result = f.errors(np.zeros(1), np.zeros(1))",
    "the parameters of laplace(f).fit(...)",
    "f = wengert.laplace(lambda p, u: np.sum(u**2) + (p[0] ** 2 - 1) ** 2)\n"
    "fit = f.fit(np.full(1, 0.5), np.zeros(1))\n"
    "result = np.round(f.errors(fit.x, np.zeros(1)).parameters, 4)",
    0.3536,
)

#: Where an error is written whose advice is no code, or is followed in another test.
ELSEWHERE: dict[str, str] = {
    "wengert.core.verify:illegal": "a corrupt tape has no repair",
    "wengert.capture.columns:unsupported": "needs pandas, in capture/test_columns",
    "wengert.capture.kinds:Question.text": "a warning, in capture/test_classes",
    "wengert.capture.kinds:Compared.text": "a warning, in capture/test_classes",
    "wengert.capture.reads.snapshot:warn": "a warning, in capture/test_ways",
    "wengert.emit.settings:lanes": "of the environment, in emit/test_settings",
    "wengert.emit.settings:missing": "of the environment, in emit/test_settings",
    "wengert.execute.belief:warn_eager": "a warning, in execute/test_belief",
    "wengert.problems:add_option": "needs cyipopt, in test_problems",
    "wengert.sensitivity:Sensitivity.__init__": "in test_sensitivity",
    "wengert.sensitivity:Sensitivity.check_minimum": "in test_sensitivity",
    "wengert.sensitivity:Sensitivity.check_solved": "in test_sensitivity",
    "wengert.sensitivity:check_signs": "in test_sensitivity",
    "wengert.sensitivity:check_within": "in test_sensitivity",
    "wengert.sensitivity:factored": "in test_sensitivity",
}
#: Folders whose errors are about arguments alone: the advice names the right ones.
ARGUMENTS = (
    *("wengert.api", "wengert.checks", "wengert.core", "wengert.derive"),
    *("wengert.execute", "wengert.show", "wengert.structure", "wengert.ops"),
    "wengert.scipy",
    *("wengert.capture.tree", "wengert.capture.layout", "wengert.capture.refusals"),
    *("wengert.capture.ufunc", "wengert.capture.array:RecordedArray.owner"),
    "wengert.capture.reads.randomness",
)


def sites() -> set[str]:
    """Return where the package calls `explain`."""
    found = set().union(*map(sites_in, PACKAGE.rglob("*.py")))
    return found - {"wengert.errors:explain"}


def sites_in(path: Path) -> set[str]:
    """Return where a module calls `explain`: its name and that of the function."""
    text = path.read_text()
    if "explain(" not in text:
        return set()
    module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    found = set()

    def visit(node: ast.AST, name: tuple[str, ...]) -> None:
        for child in ast.iter_child_nodes(node):
            is_scope = isinstance(child, (ast.FunctionDef, ast.ClassDef))
            inner = (*name, child.name) if is_scope else name
            called = getattr(getattr(child, "func", None), "id", "")
            if isinstance(child, ast.Call) and called == "explain":
                found.add(f"{module}:{'.'.join(name)}")
            visit(child, inner)

    visit(ast.parse(text), ())
    return found


def run(path: Path, program: str) -> Any:
    """Return the result of a program that is a file of the user."""
    path.write_text(HEAD + program + "\n")
    return runpy.run_path(str(path))["result"]


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect where the errors are written."""
    found: list[str] = []
    original = errors.describe_line

    def describe_line(line: Any) -> str:
        frame = sys._getframe(2)
        name = frame.f_code.co_qualname.replace(".<locals>", "")
        found.append(f"{frame.f_globals['__name__']}:{name}")
        return original(line)

    monkeypatch.setattr(errors, "describe_line", describe_line)
    return found


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("number", range(len(ROWS)))
def test_an_advice_that_is_followed_works(
    number: int, tmp_path: Path, written: list[str]
) -> None:
    where, fails, advice, works, value = ROWS[number]

    with pytest.raises(wengert.WengertError) as caught:
        run(tmp_path / "fails.py", fails)
    result = run(tmp_path / "works.py", works)

    assert advice in str(caught.value).partition("instead:")[2]
    assert where in written
    np.testing.assert_allclose(result, value, rtol=1e-12)


def test_every_error_has_its_advice_followed() -> None:
    followed = {where for where, *_ in ROWS} | ELSEWHERE.keys()
    every = sites()

    left = {site for site in every - followed if not site.startswith(ARGUMENTS)}

    assert left == set()
    assert followed <= every


#: Errors of arguments, and of replays and sweeps, which no line of the user raises.
OUTSIDE = (
    *("wengert.api", "wengert.execute", "wengert.structure", "wengert.problems"),
    "wengert.random_effects",
    *("wengert.capture.rec", "wengert.capture.results", "wengert.capture.sparse"),
)
INSIDE = [n for n, (where, *_) in enumerate(ROWS) if not where.startswith(OUTSIDE)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("number", INSIDE)
def test_a_traceback_ends_at_the_users_line(number: int, tmp_path: Path) -> None:
    """The innermost frame is the user's, and no other error is shown before it."""
    path = tmp_path / "fails.py"
    with pytest.raises(wengert.WengertError) as caught:
        run(path, ROWS[number][1])
    error: BaseException = caught.value
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next

    assert trace is not None
    assert trace.tb_frame.f_code.co_filename == str(path)
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None


@pytest.mark.parametrize(
    "outer",
    [
        "grad(grad(f))(3.0)",
        "jit(grad(f))(3.0)",
        "vmap(f)(x)",
        "wengert.hessian(f)(x)",
        "grad(lambda x: grad(f)(x) * x)(3.0)",
        "grad(lambda x: np.sum(np.vectorize(f)(x)))(x)",
        "grad(wengert.checkpoint(f))(3.0)",
    ],
)
def test_a_traceback_ends_at_the_users_line_in_nested_calls(
    outer: str, tmp_path: Path
) -> None:
    path = tmp_path / "fails.py"
    with pytest.raises(wengert.WengertError) as caught:
        run(path, f"def f(x):\n    return float(x[0] if np.ndim(x) else x)\n{outer}")
    error: BaseException = caught.value
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next

    assert trace is not None
    assert trace.tb_frame.f_code.co_name == "f"
    assert error.__cause__ is None


@pytest.mark.filterwarnings("ignore")
def test_what_compiled_code_swallows_is_told_all_the_same() -> None:
    """SciPy's `leastsq` goes on with an error pending; the collector meets it then."""
    before = gc.get_threshold()
    gc.set_threshold(1, 1, 1)
    try:
        for _ in range(3):
            with pytest.raises(wengert.RecordingError, match="leastsq met a recorded"):
                wengert.grad(lambda a: leastsq(lambda t: t**3 - a, 1.0)[0][0])(8.0)
    finally:
        gc.set_threshold(*before)
