"""The gradient to all its digits, against a complex step.

A complex step needs no difference, so its error is rounding alone; it holds where all
that a program does is analytic, which differences say.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.programs import gradients
from tests.programs.analytic import COMPLEX, STEP
from tests.programs.judge import Judge, MismatchError
from tests.programs.program import outcome

#: A program of a few dozen operations on numbers of size 1 loses less than this.
TOLERANCE = 1e-9


def check(judge: Judge) -> None:
    """Compare the gradient along one direction of every call."""
    if judge.is_stateful or judge.is_single:
        return
    random = np.random.default_rng(0)
    for k in judge.slopes:
        if judge.expected[k].error is not None:  # and no gradient may be there
            continue
        total = judge.expected[k].value[0]
        if judge.is_shared(k) or not abs(total) < gradients.LARGEST:
            continue
        _, chosen = judge.of_floats(k)
        tangents = gradients.direction(chosen, random)
        expected = complex_slope(judge, k, tangents)
        slopes = judge.slopes[k]
        scale = 1 + gradients.size(slopes)
        if expected is None or not scale < gradients.LARGEST:
            continue
        error = abs(gradients.along(slopes, tangents) - expected)
        if not error < TOLERANCE * scale and not holds(judge, k, tangents, expected):
            judge.counts["complex step: does not hold"] += 1
            continue
        judge.counts["complex step: compared"] += 1
        if not error < TOLERANCE * scale and not judge.is_far_from_one(k):
            text = f"call {k}: gradient {slopes}, {error} off along {tangents}"
            raise MismatchError("complex step", "gradient", text)


def complex_slope(judge: Judge, k: int, tangents: Any) -> float | None:
    """Return the derivative of a call along a direction; None where it raises."""
    instance = judge.program.load(part="")
    args = gradients.moved_along(
        instance.arguments(k), judge.program.differentiated, tangents, STEP * 1j
    )
    if args is None:
        return None
    instance.scope.update(COMPLEX)
    found = outcome(instance.function, args, np.exceptions.ComplexWarning)
    if found.error is not None or not np.isfinite(found.value[0]):
        judge.counts["complex step: raises"] += 1
        return None
    return float(np.imag(found.value[0]) / STEP)


def holds(judge: Judge, k: int, tangents: Any, expected: float) -> bool:
    """Whether differences agree that a complex step holds."""
    instance = judge.program.load()

    def moved_by(step: float) -> Any:
        args = instance.arguments(k)
        return gradients.moved_along(args, judge.program.differentiated, tangents, step)

    numeric = gradients.slope(instance.total, moved_by)
    return numeric is not None and abs(numeric - expected) < gradients.RELIABLE * (
        1 + abs(expected)
    )
