"""Comparisons, logic and bits: not differentiable."""

from __future__ import annotations

import numpy as np

from wengert.core.operation import constant_of

PAIR = ((-3.0, 3.0), (-3.0, 3.0))
SINGLE = ((-3.0, 3.0),)

for _ufunc, _native in (
    (np.less, "x < y"),
    (np.less_equal, "x <= y"),
    (np.greater, "x > y"),
    (np.greater_equal, "x >= y"),
    (np.equal, "x == y"),
    (np.not_equal, "x != y"),
    (np.logical_and, "x != 0 and y != 0"),
    (np.logical_or, "x != 0 or y != 0"),
    (np.logical_xor, "(x != 0) != (y != 0)"),
):
    constant_of(_ufunc.__name__, _ufunc, native=_native, domain=PAIR)

for _ufunc, _native in (
    (np.logical_not, "x == 0"),
    (np.isnan, "isnan(x)"),
    (np.isinf, "isinf(x)"),
    (np.isfinite, "isfinite(x)"),
    (np.signbit, "signbit(x)"),
):
    constant_of(_ufunc.__name__, _ufunc, native=_native, domain=SINGLE)

for _ufunc in (
    np.bitwise_and,
    np.bitwise_or,
    np.bitwise_xor,
    np.invert,
    np.left_shift,
    np.right_shift,
    np.gcd,
    np.lcm,
    np.bitwise_count,
):
    constant_of(_ufunc.__name__, _ufunc)
