"""Random programs in plain NumPy: value, both derivatives, second order, replay."""

from __future__ import annotations

import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tests.programs import distribution
from tests.programs.analytic import Program, programs
from tests.programs.complex_step import judge

EXAMPLES = int(os.environ.get("WENGERT_EXAMPLES", "200"))
#: The programs are shared out, so that several processes can take a part each.
PARTS = 4
#: Of so many programs one is also differentiated twice.
SECOND_ORDER_EVERY = 5

options = settings(
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    print_blob=False,
)


@pytest.mark.parametrize("part", range(PARTS))
def test_random_programs_agree_with_numpy_and_the_complex_step(part: int) -> None:
    counts: Counter[str] = Counter()

    @seed(part)
    @settings(options, max_examples=EXAMPLES // PARTS)
    @given(programs(), st.integers(0, 999))
    def check(program: Program, number: int) -> None:
        distribution.count(program, counts)
        judge(program, number, counts[distribution.TOTAL] % SECOND_ORDER_EVERY == 0)

    check()

    distribution.COUNTS.update(counts)
    assert distribution.share(counts, "store through a view") >= 0.3
    assert distribution.share(counts, "branch") >= 0.3


@settings(options, max_examples=100)
@given(programs())
def test_every_program_has_at_least_ten_statements(program: Program) -> None:
    assert len(program.source.splitlines()) >= 12  # with its def and its return
