"""Programs that were once wrong: the smallest ones that showed each fault."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest

import wengert
from tests.programs.analytic import Program
from tests.programs.complex_step import judge

PROGRAMS = {
    "a store under a mask made of recorded values has a derivative": """
def program(x, m, s, n):
    v3 = m.T
    v3[v3 > 0.45] = 1 / (2 + np.cos(s))
    return np.sum(m)
""",
    "a replayed sum over a transposed view adds in the same order": """
def program(x, m, s, n):
    v1 = m.T
    v1[0] = np.sin(np.max(x))
    return np.sum(v1) * 0.9
""",
    "a replayed store keeps the layout that an index array made": """
def program(x, m, s, n):
    v1 = m[::-1]
    v2 = v1[:, [-1, 0]]
    v2[...] = v2[::-1]
    return np.sum(v2) * 0.8
""",
    "a method's copy is in C order": """
def program(x, m, s, n):
    v1 = m.T.copy() * s - 0.17
    return np.sum(v1) * 0.6
""",
    "a store through a reshape clears a gradient of any layout": """
def program(x, m, s, n):
    m.reshape(-1)[::2] = s * 0.45 - s
    v1 = m.T.reshape(-1)
    v1[::-1] = s * s
    return np.sum(m * x) + np.sum(np.cos(m.T)) + np.sum(v1)
""",
    "a replayed power of numbers is Python's": """
def program(x, m, s, n):
    x[x > 0.45] *= 0.17
    x[1:] *= s ** 2 * 0.6
    return np.sum(x) * 0.3
""",
    "a scale in place by a selected number keeps both derivatives": """
def program(x, m, s, n):
    x[...] *= np.where(s > -0.23, s, -0.23 * s)
    m[0] = np.where(s > 0.6, s, 0.6 * s) + s
    np.add(x, s, out=x[...])
    return np.sum(x) * 0.3 + np.sum(m) * 0.4
""",
    "a sort whose view is scaled in place keeps its permutation": """
def program(x, m, s, n):
    v1 = np.sort(m, axis=0)
    v1[-1][:-1] = np.arctan(s) + n // 2
    v1[..., -1] *= np.minimum(np.mean(m, axis=-1), 0.6)
    return np.sum(v1) * 0.6
""",
}


@pytest.mark.parametrize("claim", PROGRAMS)
@pytest.mark.parametrize("number", range(4))
def test_regression(claim: str, number: int) -> None:
    program = Program(PROGRAMS[claim].lstrip())

    judge(program, number, second_order=True)

    assert "return" in program.source


TYPES = {
    "truth values squared are bytes": (lambda a: a**2, np.array([True, False])),
    "truth values cubed are not": (lambda a: a**3, np.array([True, False])),
    "a product keeps NumPy's type": (lambda a: math.prod([a, a]), np.float32(-0.22)),
    "a product of Python's numbers": (lambda a: math.prod([a, a, 2]), 0.25),
    "dtype= makes a number NumPy's": (lambda a: np.add(a, a, dtype="f8"), 0.22),
}


@pytest.mark.parametrize("name", TYPES)
def test_types_of_results_are_numpys(name: str) -> None:
    function, value = TYPES[name]
    expected = function(value)
    jitted = wengert.jit(function)
    found = [jitted(value) for _ in range(3)]
    found.append(wengert.record(function, value)(value))
    for one in found:
        assert type(one) is type(expected)
        assert np.asarray(one).dtype == np.asarray(expected).dtype
        np.testing.assert_array_equal(one, expected)


@pytest.mark.parametrize("value", [np.float64(2.0), np.float32(-1.0), 2.0])
@pytest.mark.parametrize(
    "key", ["v > 0", "v > 5", "None", "0", ":", "[True]", "0, ..."]
)
def test_numbers_are_indexed_as_numpys_and_pythons_are(value: Any, key: str) -> None:
    def function(v: Any) -> Any:
        return np.sum(eval(f"v[{key}]", {"v": v}))

    try:
        expected = function(value)
    except (TypeError, IndexError) as error:
        with pytest.raises(type(error), match=re.escape(str(error))):
            wengert.value_and_grad(function)(value)
    else:
        assert wengert.value_and_grad(function)(value)[0] == expected


def test_numpy_is_asked_with_one_array_where_one_was_given_twice() -> None:
    """Two arrays without axes, of which one is ``out=``, end NumPy's process."""

    def function(x: Any) -> Any:
        v = np.empty_like(0)
        v[...] = 2
        np.cumprod(v, axis=-1, out=v)
        return x

    with pytest.raises(ValueError, match="not a valid axis"):
        wengert.grad(function)(1.0)
