"""What `wengert show` writes of native code is the code that runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.errors import UnsupportedError
from wengert.execute.engine import native_engine
from wengert.show.stages import SECOND, STAGES, stage_text

pytestmark = pytest.mark.skipif(not native_engine(), reason="the native engine is off")


def spread(a: Any) -> Any:
    w, v = np.linalg.eigh(a + a.T)
    return np.sum(np.exp(w)) + np.sum(v**4)


def logsumexp(x: Any) -> Any:
    return np.log(np.sum(np.exp(x)))


def smoothed(x: Any) -> Any:
    total = 0.0
    for k in range(len(x)):
        total = np.sin(total) * x[k] + np.exp(-x[k])
    return total


def root(a: Any) -> Any:
    x = 1.0 + 0.5 * a
    while abs(x * x - a) > 1e-12 * a:
        x = 0.5 * (x + a / x)
    return x


def of_rows(x: Any) -> Any:
    return np.sum(wg.vmap(lambda row: np.sin(row) * row)(x))


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (wg.grad(spread), np.diag([1.0, 2.0])),
        (wg.grad(logsumexp), np.ones(100)),
        (lambda a: np.sum(np.tanh(a @ a)), np.ones((600, 600))),
        (lambda x: np.sum(np.unique(x) ** 2), np.array([1.0, 2.0, 1.0])),
        (wg.grad(smoothed), np.ones(200)),
        (wg.grad(root), 1e5),
        (wg.grad(of_rows), np.ones(50)),
    ],
    ids=["eigh", "logsumexp", "large product", "unique", "loop", "while", "rows"],
)
def test_the_nest_is_the_one_that_a_jitted_function_runs(
    f: Callable[[Any], Any], x: Any
) -> None:
    fast = wg.jit(f, wait=True)
    fast(x)

    shown = stage_text(wg.record(f, x), "nest")

    assert shown.removesuffix(f"\n# {SECOND}") == fast.report().rows[0]["nest"]


def minors(a: Any) -> Any:
    if len(a) == 1:
        return a[0, 0]
    rest = [np.concatenate([a[1:, :j], a[1:, j + 1 :]], axis=1) for j in range(len(a))]
    return sum((-1) ** j * a[0, j] * minors(m) for j, m in enumerate(rest))


WEIGHTS = np.random.default_rng(0).normal(size=(40, 30))


def mixed(x: Any) -> Any:
    """Parts that read one constant, and call the same functions."""
    total = 0.0
    for k in range(30):
        y = WEIGHTS[k : k + 10, : 20 + k % 3] @ x[: 20 + k % 3]
        total += np.sum(np.sort(y) * np.exp(y)) + np.sum(np.power(np.abs(y), x[k]))
        x = np.roll(x, 1) * np.sin(total)
    return total


IN_PARTS = wg.grad(mixed)


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (wg.grad(minors), np.random.default_rng(0).random((5, 5))),
        (lambda x: np.sum(WEIGHTS @ x), np.ones(30)),
        (IN_PARTS, np.linspace(0.5, 1.0, 30)),
        (wg.grad(spread), np.diag([1.0, 2.0])),
        (wg.grad(root), 1e5),
        (wg.grad(of_rows), np.ones(50)),
    ],
    ids=["minors", "constant", "parts", "eigh", "while", "rows"],
)
@pytest.mark.parametrize("absorbs", [False, True])
def test_what_llvm_is_given_is_shown_as_one_module(
    f: Callable[[Any], Any], x: Any, absorbs: bool
) -> None:
    binding = pytest.importorskip("llvmlite.binding")
    text = stage_text(wg.record(f, x), "llvm", absorbs)

    module = binding.parse_assembly(text)

    defined = {each.name for each in module.functions if not each.is_declaration}
    parts = set(re.findall(r"call i64 @(part\d+)\(", text))
    assert parts | {"wengert.kernel"} <= defined
    assert parts or f is not IN_PARTS


@pytest.mark.parametrize("stage", STAGES)
def test_the_code_in_which_zeros_absorb_is_asked_for(stage: str) -> None:
    tape = wg.record(wg.grad(logsumexp), np.ones(100))

    first, second = (stage_text(tape, stage, absorbs) for absorbs in (False, True))

    assert first.endswith(SECOND)
    assert SECOND not in second
    if stage != "llvm":
        assert "x == 0 or y == 0" not in first
        assert "x == 0 or y == 0" in second


def test_a_tape_without_products_of_the_chain_rule_has_one_code() -> None:
    tape = wg.record(logsumexp, np.ones(100))

    assert stage_text(tape, "nest") == stage_text(tape, "nest", absorbs=True)


def test_what_has_no_native_code_says_why() -> None:
    tape = wg.record(np.sin, np.ones(3, np.longdouble))

    with pytest.raises(UnsupportedError, match="sin has no nest: values of type float"):
        stage_text(tape, "nest")
