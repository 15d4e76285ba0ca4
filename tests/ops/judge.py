"""What must hold of every operation; the same functions judge rules wrong on purpose.

A judge takes a function of NumPy calls and the operands of one example, and raises an
AssertionError where the function's recorded value or derivatives are wrong.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from wengert import jvp, record, vjp
from wengert.capture.tree import flatten
from wengert.checks import check_grads

Function = Callable[..., Any]
Operands = Sequence[Any]


@contextmanager
def noted(text: str) -> Iterator[None]:
    """Say at which of a test's cases an error came."""
    try:
        yield
    except Exception as error:
        error.add_note(text)
        raise


def judge(
    function: Function,
    operands: Operands,
    order: int = 2,
    allowed: dict[str, float] | None = None,
) -> None:
    """Judge the value, and both modes up to an order.

    `allowed` says what differences may be off by, ``atol=`` and ``rtol=``.
    """
    judge_value(function, operands)
    if not floats(operands):
        return
    judge_modes(function, operands)
    if has_float_result(function, operands):
        check_grads(function, tuple(operands), order=order, **(allowed or {}))
        if order > 1:
            judge_symmetry(function, operands)


# Values


def judge_value(function: Function, operands: Operands) -> None:
    """Recorded and replayed, the value is plain NumPy's: bits, type, dtype, shape."""
    expected = plain_call(function, operands)
    kept = copies(operands)
    tape = record(function, *operands)
    tape.verify()

    found = vjp_value(function, operands)
    same(found, expected)
    same(tape(*operands), expected)
    for operand, before in zip(operands, kept, strict=True):
        np.testing.assert_array_equal(operand, before, "an operand was changed")


def plain_call(function: Function, operands: Operands) -> Any:
    """Return the function's value on plain NumPy."""
    return function(*copies(operands))


def vjp_value(function: Function, operands: Operands) -> Any:
    """Return the value that a first-order recording computes."""
    chosen = floats(operands)

    def of_floats(*moved: Any) -> Any:
        return function(*replaced(operands, chosen, moved))

    return vjp(of_floats, *[operands[k] for k in chosen])[0]


def same(found: Any, expected: Any) -> None:
    """Raise unless two results are the same numbers of the same types."""
    leaves, structure = flatten(found)
    other_leaves, other_structure = flatten(expected)
    assert structure == other_structure
    for value, other in zip(leaves, other_leaves, strict=True):
        assert isinstance(value, np.ndarray) == isinstance(other, np.ndarray), (
            f"{type(value)} where NumPy has {type(other)}"
        )
        np.testing.assert_array_equal(value, other, strict=True)
        if np.asarray(value).dtype.kind == "f":
            np.testing.assert_array_equal(np.signbit(value), np.signbit(other))


# Derivatives


def judge_modes(function: Function, operands: Operands) -> None:
    """Forward and reverse are transposes: <w, J v> = <J^T w, v>; types are kept."""
    chosen = floats(operands)
    random = np.random.default_rng(1)

    def of_floats(*moved: Any) -> list[Any]:
        results = flatten(function(*replaced(operands, chosen, moved)))[0]
        return [result for result in results if is_float(result)]

    primals = tuple(operands[k] for k in chosen)
    values, pull = vjp(of_floats, *primals)
    weights = [random_like(value, random) for value in values]
    directions = tuple(random_like(primal, random) for primal in primals)
    tangents = jvp(of_floats, primals, directions)[1]
    gradients = pull(weights)

    for gradient, primal in zip(gradients, primals, strict=True):
        assert_like(gradient, primal)
    for tangent, value in zip(tangents, values, strict=True):
        assert_like(tangent, value)
    left = pairing(weights, tangents)
    right = pairing(gradients, directions)
    # A thousand roundings of the sum of the terms' sizes.
    size = pairing_size(weights, tangents) + pairing_size(gradients, directions)
    eps = max([np.finfo(np.asarray(p).dtype).eps for p in (*primals, *values)])
    assert abs(left - right) <= 1000 * eps * size, (left, right)


def judge_symmetry(function: Function, operands: Operands) -> None:
    """The second derivative of a weighted sum is symmetric: <u, H v> = <v, H u>."""
    chosen = floats(operands)
    random = np.random.default_rng(2)
    primals = tuple(operands[k] for k in chosen)

    def of_floats(*moved: Any) -> list[Any]:
        results = flatten(function(*replaced(operands, chosen, moved)))[0]
        return [result for result in results if is_float(result)]

    weights = [random_like(value, random) for value in of_floats(*primals)]

    def gradient(*moved: Any) -> Any:
        return vjp(of_floats, *moved)[1](weights)

    u = tuple(random_like(primal, random) for primal in primals)
    v = tuple(random_like(primal, random) for primal in primals)
    along_u, along_v = jvp(gradient, primals, u)[1], jvp(gradient, primals, v)[1]
    # A thousand roundings of the terms and of the gradient they are made from.
    size = pairing_size(u, along_v) + pairing_size(v, along_u)
    size += pairing_size(u, gradient(*primals))
    eps = max(np.finfo(np.asarray(primal).dtype).eps for primal in primals)
    assert abs(pairing(u, along_v) - pairing(v, along_u)) <= 1000 * eps * size


def judge_no_gradient(function: Function, operands: Operands) -> None:
    """Nothing passes: the gradient of the result's sum is exactly zero."""
    chosen = floats(operands)

    def total(*moved: Any) -> Any:
        results = flatten(function(*replaced(operands, chosen, moved)))[0]
        return [result * 1.0 for result in results]

    primals = [operands[k] for k in chosen]
    values, pull = vjp(total, *primals)
    for gradient, primal in zip(
        pull([np.ones_like(value) for value in values]), primals, strict=True
    ):
        np.testing.assert_array_equal(gradient, np.zeros_like(primal))


# Parts


def floats(operands: Operands) -> list[int]:
    """Return the positions of the floating-point operands."""
    return [k for k, operand in enumerate(operands) if is_float(operand)]


def is_float(value: Any) -> bool:
    """Whether a value is made of real or complex floating-point numbers."""
    if isinstance(value, (float, complex)):
        return True
    dtype = getattr(value, "dtype", None)
    return dtype is not None and dtype.kind in "fc"


def has_float_result(function: Function, operands: Operands) -> bool:
    """Whether any result is of floating point."""
    return any(is_float(leaf) for leaf in flatten(plain_call(function, operands))[0])


def replaced(operands: Operands, chosen: Sequence[int], moved: Any) -> list[Any]:
    """Return the operands with the chosen ones replaced."""
    given = list(copies(operands))
    for k, value in zip(chosen, moved, strict=True):
        given[k] = value
    return given


def copies(operands: Operands) -> list[Any]:
    """Return the operands with arrays copied: a function may write into them."""
    return [x.copy("K") if isinstance(x, np.ndarray) else x for x in operands]


def assert_like(derivative: Any, value: Any) -> None:
    """Raise unless a derivative has its value's shape, dtype, and kind of number."""
    value = np.asarray(value)
    assert np.shape(derivative) == value.shape
    assert derivative.dtype == value.dtype, f"{derivative.dtype} of {value.dtype}"
    assert isinstance(derivative, np.ndarray) == bool(value.ndim)


def random_like(value: Any, random: np.random.Generator) -> Any:
    """Return normal numbers in the shape and dtype of a value."""
    value = np.asarray(value)
    drawn = np.asarray(random.standard_normal(value.shape))
    if value.dtype.kind == "c":
        drawn = drawn + 1j * random.standard_normal(value.shape)
    return drawn.astype(value.dtype)[()]


def pairing(left: Any, right: Any) -> float:
    """Return the real part of the sum of products, the pairing of the convention."""
    return float(sum(np.sum(np.real(a * b)) for a, b in zip(left, right, strict=True)))


def pairing_size(left: Any, right: Any) -> float:
    """Return the sum of the sizes of the products."""
    return float(sum(np.sum(np.abs(a * b)) for a, b in zip(left, right, strict=True)))


def quietly(function: Function) -> Function:
    """Return a function that gives no floating-point warnings."""

    def quiet(*args: Any) -> Any:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            return function(*args)

    return quiet


def judge_refusal(function: Any, *operands: Any) -> None:
    """Judge that a recording raises what the plain call does."""
    with pytest.raises(Exception) as plain:  # noqa: PT011
        function(*operands)
    with pytest.raises(plain.type) as found:
        record(function, *operands)
    assert str(found.value) == str(plain.value)
