"""Second derivatives: both orders of modes agree, and differences of gradients do."""

from __future__ import annotations

from typing import Any

import numpy as np

import wengert
from tests.programs import gradients
from tests.programs.judge import Judge, MismatchError
from tests.programs.program import outcome

TOLERANCE = 1e-9
#: Differences of gradients of two steps agree to this where they are believed.
RELIABLE = 1e-4
#: Central differences with a step of 1e-5: its square times a third derivative.
OF_DIFFERENCES = 1e-3
#: Calls that are differentiated twice.
CALLS = 2


def check(judge: Judge) -> None:
    """Check a product of the Hessian with a direction."""
    if judge.is_stateful or judge.is_single:
        return
    random = np.random.default_rng(0)
    for k in [k for k in judge.slopes if not judge.is_shared(k)][:CALLS]:
        _, chosen = judge.of_floats(k)
        check_call(judge, k, gradients.direction(chosen, random))


def check_call(judge: Judge, k: int, tangents: Any) -> None:
    """Check a product of the Hessian of one call."""
    places = tuple(range(len(tangents)))

    def of_reverse() -> Any:
        total, chosen = judge.of_floats(k)
        return wengert.hvp(total, chosen, tangents)

    def of_forward() -> Any:
        total, chosen = judge.of_floats(k)

        def along(*moving: Any) -> Any:
            return wengert.jvp(total, moving, tangents)[1]

        return wengert.grad(along, places)(*chosen)

    results = [outcome(of_reverse, ()), outcome(of_forward, ())]
    for result in results:
        if result.error is not None:
            judge.agree("second order", k, result, judge.expected[k])
            return
    found, expected = (gradients.flat(result.value) for result in results)
    scale = 1 + gradients.size(results[0].value) + gradients.size(judge.slopes[k])
    if not scale < gradients.LARGEST:
        judge.counts["second order: not compared"] += 1
        return
    judge.counts["second order: compared"] += 1
    numeric = differences(judge, k, tangents)
    for other, tolerance in ((expected, TOLERANCE), (numeric, OF_DIFFERENCES)):
        if (
            other is not None
            and not np.max(np.abs(found - other), initial=0) < tolerance * scale
            and not judge.is_far_from_one(k)
        ):
            text = f"call {k}: {found}, not {other}, along {tangents}"
            raise MismatchError("second order", "Hessian", text)


def differences(judge: Judge, k: int, tangents: Any) -> Any:
    """Return differences of the gradient along a direction; None off the path."""
    instance, argnums = judge.program.load(), judge.program.differentiated
    gradient = judge.gradient_of(instance)
    found = []
    for step in gradients.STEPS:
        sides = []
        for moved_to in (step, -step):
            args = gradients.moved_along(
                instance.arguments(k), argnums, tangents, moved_to
            )
            result = outcome(gradient, args) if args is not None else None
            if result is None or result.error is not None:
                return None
            sides.append(gradients.flat(result.value[1]))
        found.append((sides[0] - sides[1]) / (2 * step))
    scale = 1 + np.max(np.abs(found[0]), initial=0)
    is_reliable = np.max(np.abs(found[0] - found[1]), initial=0) < RELIABLE * scale
    judge.counts["second order: by differences"] += bool(is_reliable)
    return found[0] if is_reliable else None
