"""Under `jit` arrays of no and of one element, of every dtype, are as in NumPy."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import wengert as wg
from tests.ops.examples import Example, examples

FEW = (np.float64, np.int64)
OTHERS = (np.float32, np.int32, np.uint8, np.bool_)
EXAMPLES = examples()


#: What they carry is of one type from the first step on; step by step NumPy computes
#: the first one of whole numbers, in half precision.
LOOPS = frozenset({"while_loop", "scan"})


def cut(operand: Any, size: int, dtype: Any) -> Any:
    """Return at most so many elements an axis, in another dtype."""
    if not isinstance(operand, (np.ndarray, np.generic)):
        return operand
    part = np.asarray(operand)[(slice(size),) * np.ndim(operand)]
    return part.astype(dtype)[()] if part.dtype.kind in "biuf" else part[()]


def plain(example: Example, operands: list[Any]) -> Any:
    """Return what NumPy gives."""
    copies = [np.copy(x) if isinstance(x, np.ndarray) else x for x in operands]
    return example.function(*copies)


def parts(result: Any) -> list[Any]:
    return list(result) if isinstance(result, (tuple, list)) else [result]


def agree(found: Any, expected: Any) -> None:
    for one, other in zip(parts(found), parts(expected), strict=True):
        assert np.shape(one) == np.shape(other)
        assert np.result_type(one) == np.result_type(other)
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def cases() -> Iterator[Any]:
    for example in EXAMPLES:
        for size in (0, 1):
            yield pytest.param(example, size, id=f"{example}-{size}")


@pytest.mark.one_in(4)
@pytest.mark.parametrize(
    "dtypes", [FEW, pytest.param(OTHERS, marks=pytest.mark.slow)], ids=["few", "others"]
)
@pytest.mark.parametrize(("example", "size"), list(cases()))
@pytest.mark.filterwarnings("ignore")
def test_an_array_of_so_few_elements_is_as_in_numpy(
    example: Example, size: int, dtypes: tuple[Any, ...]
) -> None:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for dtype in dtypes:
            if np.dtype(dtype).kind != "f" and example.operation in LOOPS:
                continue
            operands = [cut(operand, size, dtype) for operand in example.operands]
            try:
                expected = plain(example, operands)
            except Exception:
                continue
            jitted = wg.jit(example.function)
            for _ in range(3):
                with contextlib.suppress(wg.WengertError):  # refused, with advice
                    agree(jitted(*operands), expected)
            for path in jitted.paths():
                assert "of the compiler" not in path.reason
