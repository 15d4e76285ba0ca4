"""Faults put into the package on purpose are found by the check of random programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.programs.analytic import Program, programs
from tests.programs.complex_step import judge
from tests.programs.faults import (
    change,
    drop_stores,
    fault,
    ignore_guards,
    keep_gradients_of_overwritten,
    keep_stale_views,
    lose_repeated_indices,
    swap_partials,
)

Put = Callable[[pytest.MonkeyPatch], None]


def transpose_sum(patch: pytest.MonkeyPatch) -> None:
    """Spread the gradient of a sum along the axes in the wrong order."""

    def wrong(g: Any, x: Any, **settings: Any) -> Any:
        return np.reshape(g, x.shape)

    change("transpose", "transposes", (wrong,))


FAULTS = [
    drop_stores,
    keep_stale_views,
    keep_gradients_of_overwritten,
    swap_partials,
    transpose_sum,
    lose_repeated_indices,
    ignore_guards,
]


@pytest.mark.parametrize("put", FAULTS)
def test_a_seeded_fault_is_found(put: Put) -> None:
    @seed(0)
    @settings(
        deadline=None,
        database=None,
        max_examples=300,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    @given(programs(), st.integers(0, 999))
    def check(program: Program, number: int) -> None:
        judge(program, number)

    with fault(put), pytest.raises(AssertionError):
        check()
