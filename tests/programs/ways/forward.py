"""Tangents, as forward mode computes them, against the gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

import wengert
from tests.programs import gradients, noise
from tests.programs.judge import Judge, MismatchError
from tests.programs.program import Outcome, outcome
from wengert.capture.record import record_onto
from wengert.core.forms import Contract
from wengert.core.tape import INPUT, Tape
from wengert.show.watch import outputs_of


def check(judge: Judge) -> None:
    """Compare a value and its tangent along one direction."""
    if judge.is_stateful or not judge.slopes:
        return
    k = max(judge.slopes)
    plain = judge.expected[k]
    if plain.error is not None or not np.isfinite(plain.value[0]):
        return
    total, chosen = judge.of_floats(k)
    direction = tuple(gradients.ones_like(value) for value in chosen)
    result = outcome(lambda: wengert.jvp(total, chosen, direction), ())
    if result.error is not None:
        judge.agree("forward", k, result, plain)
        return
    value, tangent = result.value
    here = Outcome(plain.value[0])
    judge.agree("forward", k, Outcome(value), here, is_bitwise=True)
    expected = gradients.along(judge.slopes[k], direction)
    found = float(np.real(tangent))
    is_large = not abs(expected) < gradients.LARGEST
    judge.counts["tangent: not compared" if is_large else "tangent: compared"] += 1
    away = abs(found - expected) / (1 + abs(expected))
    if is_large or away <= 1e-8 or (judge.is_single and away <= 1e-3):
        return
    if np.isnan(found) and adds_products(total, chosen, direction):
        judge.counts["tangent: a sum of products hands a NaN on"] += 1
        return
    limit = noise.rounding(tangent_tape(total, chosen, direction))
    if abs(found - expected) <= limit:
        judge.counts["rounding of a tangent's larger numbers"] += 1
    elif not judge.is_far_from_one(k):
        text = f"call {k}: tangent {found}, gradient {expected}"
        raise MismatchError("forward", "tangent", text)


def tangent_tape(total: Any, chosen: Any, direction: Any) -> Tape:
    """Return the tape of a tangent along a direction."""
    with np.errstate(all="ignore"):
        return record_onto(
            Tape(), lambda *given: wengert.jvp(total, given, direction)[1], chosen
        )


def adds_products(total: Any, chosen: Any, direction: Any) -> bool:
    """Whether the first NaN of a tangent is that of a sum of products, 0 * inf."""
    tape = tangent_tape(total, chosen, direction)
    is_nan: list[bool] = []
    for index, outputs in outputs_of(tape):
        is_nan.append(bool(np.isnan(gradients.flat(outputs[index])).any()))
        is_first = is_nan[-1] and not any(is_nan[k] for k in tape.operands[index])
        if is_first and tape.operations[index] is not INPUT:
            return isinstance(tape.operations[index].form, Contract)
    return False
