"""Random programs under `jit`: as eager at other inputs, on other paths, refilled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, seed, settings
from hypothesis import strategies as st

import wengert
from tests.programs.analytic import Program, programs
from tests.programs.native import judge_native
from tests.programs.test_programs import EXAMPLES, options
from wengert.core.operation import REGISTRY
from wengert.emit.lowering import Lowering, lower_native
from wengert.emit.special import SPECIAL, lower_store
from wengert.execute import entries
from wengert.execute.engine import native_engine

#: A jitted program costs some 100 ms, most of it compiling: one of so many is jitted.
NATIVE_EVERY = 10
PARTS = 2


@pytest.mark.parametrize("part", range(PARTS))
def test_jitted_programs_agree_with_eager(part: int) -> None:
    count = 0

    @seed(100 + part)
    @settings(options, max_examples=max(1, EXAMPLES // NATIVE_EVERY // PARTS))
    @given(programs(), st.integers(0, 999))
    def check(program: Program, number: int) -> None:
        nonlocal count
        count += 1
        judge_native(program, number)

    check()

    assert count >= EXAMPLES // NATIVE_EVERY // PARTS


REGRESSIONS = {
    "a tie of truth values is counted, not or-ed": """
def program(x, m, s, n):
    x[[-1, 0]] = s
    return np.sum(x.min()) * 0.7
""",
}


@pytest.mark.parametrize("claim", REGRESSIONS)
@pytest.mark.parametrize("number", [0, 303])
def test_regression(claim: str, number: int) -> None:
    program = Program(REGRESSIONS[claim].lstrip())

    judge_native(program, number)

    assert "return" in program.source


# Faults put into the native engine on purpose


def drop_guards(patch: pytest.MonkeyPatch) -> None:
    """Compile a path without its guards."""
    patch.setattr(Lowering, "guard", lambda self, node, expected: None)


def swap_selection(patch: pytest.MonkeyPatch) -> None:
    """Lower a selection the wrong way round."""

    def wrong(lowering: Any, parts: Any, settings: Any, like: Any, name: str) -> Any:
        parts = [parts[0], parts[2], parts[1]]
        return lower_native(lowering, "select(x, y, z)", parts, like, name)

    patch.setitem(SPECIAL, "where", wrong)


def forget_a_term(patch: pytest.MonkeyPatch) -> None:
    """Write gradients over each other where they add up."""
    patch.setitem(SPECIAL, "index_add", lower_store)


def lower_sine_as_cosine(patch: pytest.MonkeyPatch) -> None:
    """State a wrong native expression."""
    object.__setattr__(REGISTRY["sin"], "native", "cos(x)")


def keep_old_captures(patch: pytest.MonkeyPatch) -> None:
    """Read the contents that a captured array had when it was compiled."""
    bind = entries.bind

    def stale(kernels: Any, signature: Any, *rest: Any, **keywords: Any) -> Any:
        copies = tuple(np.copy(array) for array in signature.captures)
        return bind(kernels, replace(signature, captures=copies), *rest, **keywords)

    patch.setattr(entries, "bind", stale)


FAULTS = [
    drop_guards,
    swap_selection,
    forget_a_term,
    lower_sine_as_cosine,
    keep_old_captures,
]


@pytest.mark.skipif(not native_engine(), reason="the native engine is off")
@pytest.mark.parametrize("put", FAULTS)
def test_a_seeded_native_fault_is_found(
    put: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    @seed(0)
    @settings(
        options, max_examples=100, phases=[Phase.generate], report_multiple_bugs=False
    )
    @given(programs(), st.integers(0, 999))
    def check(program: Program, number: int) -> None:
        judge_native(program, number)

    native = REGISTRY["sin"].native
    put(monkeypatch)

    try:
        with pytest.raises(AssertionError):
            check()
    finally:
        object.__setattr__(REGISTRY["sin"], "native", native)


# Guards of every kind


def by_integer(x: Any) -> Any:
    return x * int(x * 3)


def by_rounding(x: Any) -> Any:
    return x * round(x * 3)


def by_wholeness(x: Any) -> Any:
    y = x * 3
    return y if y.is_integer() else y * y


GUARDED = [by_integer, by_rounding, by_wholeness]


@pytest.mark.parametrize("fun", GUARDED, ids=lambda f: f.__name__)
@pytest.mark.parametrize("kind", [float, np.float64, np.float32])
def test_guards_on_numbers_hold_just_where_python_says(fun: Any, kind: Any) -> None:
    jitted = wengert.jit(fun, wait=True)
    edges = [k / 6 for k in range(-12, 13)]
    one = kind(1)
    points = [kind(edge) for edge in edges]
    points += [kind(np.nextafter(p, p + one)) for p in points]
    points += [kind(np.nextafter(p, p - one)) for p in points]

    for point in points * 2:
        assert jitted(point) == fun(point)
    assert len(jitted.paths()) > 1
    if native_engine():
        assert all(path.kernels for path in jitted.paths())
