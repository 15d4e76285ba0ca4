"""The programs of `bench/peers` are right, and its table says what was measured."""

from __future__ import annotations

import json
import os
from typing import Any
from unittest import mock

import numpy as np
import pytest

with mock.patch.dict(os.environ):  # they set how many threads there are
    from bench.peers import report
    from bench.peers.engines import ENGINES
    from bench.peers.programs import rows

ROWS = rows()


@pytest.mark.parametrize(
    "name", ["rosenbrock 10", "solve 100 x 100", "det 6", "newton"]
)
def test_wengert_agrees_with_numpy(name: str) -> None:
    program, given, arguments = ROWS[name]
    value, slopes = ENGINES["wengert, eager"].make(ROWS[name])()
    random, h = np.random.default_rng(0), 1e-5
    ways = [random.standard_normal(np.shape(x)) for x in arguments]

    def moved(step: float) -> Any:
        to = tuple(x + step * way for x, way in zip(arguments, ways, strict=True))
        return ENGINES["NumPy, value alone"].make((program, given, to))()[0]

    assert value == moved(0.0)
    found = sum(np.sum(s * way) for s, way in zip(slopes, ways, strict=True))
    assert found == pytest.approx((moved(h) - moved(-h)) / (2 * h), rel=1e-6)


def test_the_table_says_what_was_measured_and_why_something_was_not() -> None:
    why = {"why": "TypeError: there is no such loop"}
    found = {
        "machine": "a machine, 2 cores",
        "rounds": 3,
        "limit": 60.0,
        "versions": {"wengert": {"Python": "3.11.7", "wengert": "0.1"}},
        "rows": {
            "f": {"wengert": {"median": 0.0012}, "JAX": {"median": 2.5e-6}},
            "g": {"wengert": {"median": 3.0}, "JAX": why},
        },
    }

    assert report.table(found) == (
        "| | wengert | JAX |\n|---|---|---|\n"
        "| f | 1.2 ms | 2.5 us |\n| g | 3 s | [1] |\n\n"
        "1. JAX: TypeError: there is no such loop\n\n"
        "a machine, 2 cores; 3 rounds, first calls of at most 60 s; Python 3.11.7."
    )


def test_the_documents_show_the_figures_that_were_measured() -> None:
    found = report.page.block(report.BLOCK).search(report.page.PAGE.read_text())

    assert found is not None
    assert found[0].strip() == report.table(json.loads(report.FIGURES.read_text()))
