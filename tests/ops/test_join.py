"""Joining and splitting: value, both modes, second order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert
from tests.ops.judge import judge

V = np.random.default_rng(0).standard_normal(6)
M = np.random.default_rng(1).standard_normal((3, 4))
T = np.random.default_rng(2).standard_normal((2, 4, 6))
C = V + 1j * V[::-1]
F = V.astype(np.float32)
E = np.zeros((0, 4))

CALLS: dict[str, tuple[Any, ...]] = {
    "stack": (lambda x, y: np.stack([x, y, x]), V, V),
    "stack_axis": (lambda x: np.stack([x, 2 * x], axis=-1), M),
    "stack_plain": (lambda x: np.stack([x, np.ones((3, 4))]), M),
    "stack_scalars": (lambda x: np.stack([x[0], x[1] * x[2], 1.0]), V),
    "stack_single": (lambda x, y: np.stack([x, y]), F, V),
    "stack_dtype": (lambda x: np.stack([x, x], dtype=np.float64), F),
    "concatenate": (lambda x, y: np.concatenate([x, y]), V, V[:2]),
    "concatenate_axis": (lambda x: np.concatenate((x, x[:, :1], x), axis=1), M),
    "concatenate_flat": (lambda x, y: np.concatenate([x, y], axis=None), M, V),
    "concatenate_empty": (lambda x, y: np.concatenate([x, y]), E, M),
    "concatenate_complex": (lambda x, y: np.concatenate([x, y]), C, V),
    "concatenate_lists": (lambda x: np.concatenate([[x[0], 1.0], x, [2]]), V),
    "concatenate_only_lists": (lambda x: np.concatenate([[x[0]], [x[1], x[2]]]), V),
    "vstack": (lambda x, y: np.vstack([x, y]), V[:4], M),
    "hstack": (lambda x, y: np.hstack([x, y, 1.0]), V, V[:1]),
    "hstack_columns": (lambda x: np.hstack((x, x)), M),
    "dstack": (lambda x: np.dstack([x, x * x]), V),
    "column_stack": (lambda x, y: np.column_stack([x, y]), V[:3], M),
    "block": (lambda x: np.block([[x, x * 2], [x * x, np.ones((3, 1)), x[:, 1:]]]), M),
    "block_flat": (lambda x: np.block([x, 1.0, x[0]]), V),
    "block_one": (lambda x: np.block(x), M),
    "append": (lambda x, y: np.append(x, y), M, V),
    "append_axis": (lambda x: np.append(x, x[:1], axis=0), M),
    "append_number": (lambda x: np.append(x, 1), V),
    "split": (lambda x: np.split(x, 3), V),
    "split_places": (lambda x: np.split(x, [1, 3], axis=1), M),
    "array_split": (lambda x: np.array_split(x, 4), V),
    "hsplit": (lambda x: np.hsplit(x, 2), M),
    "hsplit_vector": (lambda x: np.hsplit(x, 2), V),
    "vsplit": (lambda x: np.vsplit(x, 3), M),
    "dsplit": (lambda x: np.dsplit(x, [2]), T),
    "unstack": (lambda x: np.unstack(x, axis=1), M),
    "insert": (lambda x: np.insert(x, 2, x[0] * x[1]), V),
    "insert_many": (lambda x: np.insert(x, [1, 1, 4], x[:3]), V),
    "insert_one_of_many": (lambda x: np.insert(x, [1, 4], x[3]), V),
    "insert_row": (lambda x: np.insert(x, 1, x[2], axis=0), M),
    "insert_column": (lambda x, y: np.insert(x, 3, y, axis=1), M, V[:3]),
    "insert_columns": (lambda x, y: np.insert(x, [1, 3], y[:, None], axis=1), M, V[:3]),
    "insert_slice": (lambda x: np.insert(x, slice(0, 4, 2), 7.0), V),
    "insert_negative": (lambda x: np.insert(x, -1, [1.0, 2.0]), V),
    "delete": (lambda x: np.delete(x, [1, 3]), V),
    "delete_axis": (lambda x: np.delete(x, -1, axis=1), M),
    "delete_slice": (lambda x: np.delete(x, slice(None, None, 2)), M),
    "delete_mask": (lambda x: np.delete(x, V > 0), V),
}


@pytest.mark.parametrize("name", CALLS)
def test_values_are_numpys_and_modes_agree(name: str) -> None:
    function, *operands = CALLS[name]

    judge(function, operands)


def test_out_takes_the_result() -> None:
    def function(x: Any) -> Any:
        y = np.zeros(12)
        np.concatenate([x, 2 * x], out=y)
        z = np.zeros((2, 6))
        np.stack([x, x * x], out=z)
        return y[:6] * z[1]

    judge(function, [V])


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.stack([x, x[:2]]),
        lambda x: np.stack([]),
        lambda x: np.concatenate([x, x[None]]),
        lambda x: np.split(x, 4),
        lambda x: np.hsplit(x[0], 2),
        lambda x: np.vsplit(x, 2),
        lambda x: np.dsplit(x, 2),
        lambda x: np.block([x, [x]]),
    ],
)
def test_wrong_arguments_raise_as_numpy_does(call: Any) -> None:
    with pytest.raises((ValueError, TypeError)) as plain:
        call(V)
    with pytest.raises(type(plain.value)):
        wengert.grad(lambda x: np.sum(call(x)))(V)


@pytest.mark.parametrize("shape", [(2, 3), (2, 1, 1), (4,), (1, 1)])
@pytest.mark.parametrize("name", ["stack", "concatenate"])
def test_out_of_another_shape_is_refused_as_by_numpy(name: str, shape: Any) -> None:
    def join(x: Any) -> Any:
        out = np.zeros(shape)
        getattr(np, name)([x, x], out=out)
        return np.sum(out)

    with pytest.raises(ValueError, match="Output array") as plain:
        join(np.ones(1))
    with pytest.raises(ValueError, match=str(plain.value)):
        wengert.grad(join)(np.ones(1))
