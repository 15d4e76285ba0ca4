"""The gradient against differences, element by element."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from tests.programs import gradients
from tests.programs.judge import Judge, MismatchError
from wengert.capture.record import record_onto
from wengert.core.tape import Tape
from wengert.show.nonfinite import first_nonfinite


def check(judge: Judge) -> None:
    """Compare the gradients of two calls with differences."""
    if not judge.is_stateful:
        for k in (0, 1):
            check_call(judge, k)


def check_call(judge: Judge, k: int) -> None:
    """Compare the gradient of one call with differences."""
    if k not in judge.slopes or judge.is_shared(k):
        return
    instance, argnums = judge.program.load(), judge.program.differentiated

    def moved_by(step: float) -> Any:
        return gradients.moved(instance.arguments(k), place, step)

    for place in gradients.places(instance.arguments(k), argnums):
        expected = gradients.slope(instance.total, moved_by)
        if expected is None:
            judge.counts["slope: unreliable"] += 1
            continue
        judge.counts["slope: compared"] += 1
        position, path, element = place
        ours = gradients.follow(judge.slopes[k][argnums.index(position)], path)
        ours = float(np.real(np.ravel(ours)[element]))
        if abs(ours - expected) < 2e-4 * (1 + abs(expected)):
            continue
        if judge.is_single or judge.is_far_from_one(k):
            judge.counts["slope: of single numbers, or numbers far from 1"] += 1
            return
        if not np.isfinite(ours) and is_steep(judge, k):
            judge.counts["slope: infinite on the way"] += 1
            continue
        if gradients.is_tooth(instance.total, moved_by, ours):
            judge.counts["slope: of a tooth, which differences step over"] += 1
            continue
        text = f"call {k}, element {place}: gradient {ours}, slope {expected}"
        raise MismatchError("differences", "gradient", text)


def is_steep(judge: Judge, k: int) -> bool:
    """Whether what made the gradient of a call infinite has an infinite slope.

    Judged by differences of the operation itself at the numbers that it read.
    """
    total, chosen = judge.of_floats(k)
    with np.errstate(all="ignore"):
        tape = record_onto(Tape(), total, chosen)
        found = first_nonfinite(tape)
        if found is None or found.sweep != "reverse":
            return False
        values = [value for _, value in found.operands]
        settings = tape.settings[found.node.index]
        function = partial(found.node.operation.function, **settings)
        return any(
            gradients.is_steep(function, values, place)
            for place, value in enumerate(values)
            if np.asarray(value).dtype.kind in "fc"
        )
