"""Each question is stated once, and all that read it agree."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert
from wengert.core.guards import OF_MEMORY, QUESTIONS

#: How a function asks, by the kind of guard.
ASKS: dict[str, Callable[[Any], Any]] = {
    "bool": lambda x: 1 if x else 0,
    "int": lambda x: int(x),
    "round": lambda x: round(x),
    "is_integer": lambda x: int(x.is_integer()),
    "text": lambda x: int.from_bytes(str(x).encode()[:6], "big"),
}
NUMBERS = (0.0, -0.0, 0.4, 0.5, 1.0, 1.5, 2.5, -0.5, -1.0, -1.5, 3.0, 1e9, 2**40 + 0.5)


def asking(kind: str) -> Callable[[Any], Any]:
    """Return a function whose path is decided by one question."""

    def f(x: Any) -> Any:
        return x * ASKS[kind](x)

    return f


def test_every_question_has_a_way_to_ask_it() -> None:
    assert ASKS.keys() | set(OF_MEMORY) == QUESTIONS.keys()


@pytest.mark.parametrize("kind", ASKS)
def test_replay_compiled_code_and_source_leave_the_path_together(kind: str) -> None:
    f = asking(kind)
    for at in NUMBERS:
        tape = wengert.record(f, at)
        (asked,) = [s["kind"] for s in tape.settings if "expected" in s]
        namespace: dict[str, Any] = {}
        exec(tape.to_numpy(), namespace)
        compiled = tape.compile()

        assert asked == kind
        for x in NUMBERS:
            stays = ASKS[kind](x) == ASKS[kind](at)
            for play in (tape, compiled, namespace["f"]):
                if stays:
                    assert play(x) == f(x)
                else:
                    with pytest.raises((wengert.GuardError, AssertionError)):
                        play(x)


@pytest.mark.parametrize("kind", ASKS)
def test_jit_takes_the_path_of_the_answer(kind: str) -> None:
    f = asking(kind)
    compiled = wengert.jit(f, max_paths=len(NUMBERS))

    for x in (*NUMBERS, *NUMBERS):
        assert compiled(x) == f(x)


@pytest.mark.parametrize("kind", ASKS)
def test_strict_says_what_was_asked(kind: str) -> None:
    with wengert.strict(), pytest.raises(wengert.GuardError) as caught:
        wengert.grad(asking(kind))(1.0)

    assert QUESTIONS[kind].words in str(caught.value)


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.float32, np.float64])
@pytest.mark.parametrize("kind", ASKS)
def test_a_question_of_another_type(kind: str, dtype: Any) -> None:
    compiled = wengert.jit(asking(kind))

    for x in (1, 1, 2, 0, 1):
        assert compiled(dtype(x)) == asking(kind)(dtype(x))
        assert math.isclose(compiled(dtype(x)), x * ASKS[kind](dtype(x)))
