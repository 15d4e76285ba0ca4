"""Arrays as sets: values, places, counts; derivatives of what is kept."""

from __future__ import annotations

import numpy as np
import pytest

from tests.ops.judge import judge, judge_value
from wengert import jit

A = np.array([3.0, 1.0, 2.0, 1.0, 5.0])
B = np.array([2.0, 7.0, 1.0, 2.0])


@pytest.mark.parametrize("name", "intersect1d union1d setdiff1d setxor1d isin".split())
def test_sets(name: str) -> None:
    function = getattr(np, name)
    judge_value(function, [A, B])
    judge_value(lambda a: function(a, [2.0, 5.0]), [A])
    judge_value(lambda a: function(a, a[:0]), [A])
    judge_value(function, [np.array([[3, 1], [2, 9]]), np.array([9, 3])])
    if name != "union1d":
        judge_value(lambda a, b: function(a, b, assume_unique=True), [A[:3], B[:3]])
    if name in ("union1d", "setdiff1d", "setxor1d"):
        judge(lambda a, b: np.sum(function(a, b) ** 2), [A[[0, 1, 2, 4]], B[:2] + 0.25])


def test_places_and_counts_of_sets() -> None:
    judge_value(lambda a, b: np.intersect1d(a, b, return_indices=True), [A, B])
    judge_value(lambda a: np.isin(a, B, invert=True), [A])
    for name in "unique_all unique_inverse unique_counts".split():
        function = getattr(np, name)
        for x in (A, A.reshape(5, 1)):
            found, expected = jit(lambda x, f=function: tuple(f(x)))(x), function(x)
            for one, other in zip(found, expected, strict=True):
                np.testing.assert_array_equal(one, other, strict=True)
    judge_value(np.sort_complex, [A])
    judge_value(np.sort_complex, [A + 1j * A[::-1]])
