"""What is written and not read again is not computed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as wg
from tests.lower.test_nests import WAYS, check_tape
from wengert.execute.engine import native_engine
from wengert.lower.build import build
from wengert.lower.lower import lower
from wengert.lower.nest import Nest, Store, everything

pytestmark = pytest.mark.skipif(not native_engine(), reason="the native engine is off")

#: Of a matrix of 4 x 4, the places below the diagonal in a row; 6 stands for a zero.
BELOW = np.full((4, 4), 6)
BELOW[np.tril_indices(4, -1)] = np.arange(6)


def triangles(low: Any, x: Any) -> Any:
    """Return products with lower triangles, of which the elements are in a row."""
    padded = np.concatenate([low, np.zeros((len(low), 1))], axis=1)[:, BELOW]
    return np.sum(np.sin(np.einsum("kij,nj->nki", padded, x)))


def stores(nest: Nest) -> int:
    """Return how many sums are kept in memory."""
    return sum(isinstance(s, Store) and bool(s.fold) for s in everything(nest.body))


def test_gradients_that_nobody_reads_are_not_added_up() -> None:
    rng = np.random.default_rng(0)
    low, x = rng.normal(size=(20, 6)), rng.normal(size=(50, 4))
    tape = wg.record(wg.grad(triangles), low, x)
    nest, _ = build(lower(tape), lanes=4)

    assert stores(nest) == 6  # of 16 elements of a matrix
    check_tape(tape, WAYS[1])
