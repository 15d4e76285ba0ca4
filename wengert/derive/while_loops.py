"""A loop that goes on while a condition holds, as one node.

How many steps it did is one of its results.  A loop of so many steps (`derive.loops`)
does the same, and has the same derivatives: a derivative is a node that makes that loop
for the number of steps at hand, and derives it, as often as was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
from numpy import zeros  # np.zeros is answered while something is recorded

from wengert.capture.answers.table import RECORDING
from wengert.capture.array import plain
from wengert.capture.record import SetAside
from wengert.core.forms import Subtapes
from wengert.core.operation import Operation, apply, general
from wengert.core.tape import INPUT, NO_SETTINGS, Tape
from wengert.core.types import Type, is_array, type_of
from wengert.derive.budget import under
from wengert.derive.extract import active
from wengert.derive.functions import linearize, vjp
from wengert.derive.places import Flags, Function, chosen_of, of_places, spread
from wengert.derive.steps import BUDGET, Body, looped, misfit, with_results
from wengert.errors import GuardError
from wengert.ops.python import as_python

#: How many steps a loop may do here, where nothing says that it ends.
MOST_STEPS: ContextVar[int | None] = ContextVar("wengert_most_steps", default=None)
#: Steps that are tried of a loop that the numbers do not call for.
FEW_STEPS = 20_000

#: "jvp" or "vjp", the operands that it is taken by, and the results of which.
Mode = tuple[str, Flags, Flags]


def play_while(
    *operands: Any, cond: Body, body: Body, room: int = 0, is_close: bool = False
) -> tuple[Any, ...]:
    """Return the carried values at the end, what was stacked, and the number of steps.

    Parameters
    ----------
    *operands
        The carried values at the start, then what is the same in every step.
    cond : Body
        Whether a step follows.
    body : Body
        The step, which reads no rows.
    room : int
        Rows of the stacks, of which those of the steps are written.
    is_close : bool
        Whether what the condition asks about may be rounded otherwise, as whoever
        compares has a tolerance.
    """
    pairs = zip(operands, body.is_weak, strict=True)
    values = [as_python(x) if is_weak else x for x, is_weak in pairs]
    state, fixed = values[: body.carried], values[body.carried :]
    stacks = [zeros((room, *x.shape), x.dtype) for x in body.outputs[body.carried :]]
    steps, looks = 0, 0 if room else 1
    while cond.step([*state, *fixed])[0]:
        check_steps(steps)
        if steps == looks > 0:
            looks *= 2
            body.done = max(body.done, steps)
            rest = natively(cond, body, [*state, *fixed], is_close)
            if rest is not None:
                steps += int(rest[-1])
                body.done = max(body.done, steps)
                return *rest[:-1], np.int64(steps)
        found = body.step([*state, *fixed])
        state = found[: body.carried]
        for stack, row in zip(stacks, found[body.carried :], strict=True):
            stack[steps] = row
        steps += 1
    body.done = max(body.done, steps)
    ends = [x.copy() if is_array(x) else x for x in state]
    return *ends, *stacks, np.int64(steps)


def natively(
    cond: Body, body: Body, operands: Sequence[Any], is_close: bool
) -> tuple[Any, ...] | None:
    """Return what the rest of a loop gives in native code; None where NumPy plays it.

    It does while what is compiled later is recorded, as of a loop of so many steps,
    once playing the steps so far once more would take longer than compiling.
    """
    here = RECORDING.get()
    if here is None or not here.is_jitted:
        return None
    if MOST_STEPS.get() is not None or BUDGET.get() is not None:
        return None
    if not body.is_for(operands):
        return None
    question = "natively", cond, is_close
    player = body.derived.get(question)
    if player is None:
        from wengert.derive.opened import opened  # what derives such loops

        tape = while_tape(cond, body, operands, is_close)
        player = tape.native_player(not body.is_swept, lambda tape: opened(tape, ())[0])
        body.derived[question] = player
    found = None if player is None else player(operands)
    return None if found is None else tuple(found)


def while_tape(cond: Body, body: Body, operands: Sequence[Any], is_close: bool) -> Tape:
    """Return a tape of a loop and its results alone, with values of its operands."""
    tape = Tape()
    for like, value in zip(body.inputs, operands, strict=True):
        tape.input_indices.append(tape.append(INPUT, (), NO_SETTINGS, like, value))
    types = (*body.outputs, Type((), np.dtype(np.int64)))
    how = {"cond": cond, "body": body, "is_close": is_close}
    return with_results(tape, WHILE, how, types)


class ManyStepsError(GuardError):
    """A loop that the numbers do not call for does many steps, and may never end."""


def check_steps(steps: int) -> None:
    """Raise `ManyStepsError` where a loop is tried that has done many steps."""
    if steps == MOST_STEPS.get():
        raise ManyStepsError("a loop that need not be done goes on and on")


@contextmanager
def few_steps() -> Iterator[None]:
    """Let loops raise `ManyStepsError` that the numbers do not call for."""
    token = MOST_STEPS.set(FEW_STEPS)
    try:
        yield
    finally:
        MOST_STEPS.reset(token)


def go_on(
    cond: Callable[..., Any],
    step: Callable[..., Any],
    carried: int,
    *operands: Any,
) -> tuple[Any, ...]:
    """Return what the loop gives as plain NumPy."""
    state, steps = list(operands[:carried]), 0
    while cond(*state, *operands[carried:])[0]:
        state = list(step(*state, *operands[carried:]))
        steps += 1
    return *state, np.int64(steps)


def push_while(
    tangents: Sequence[Any],
    result: Any,
    *operands: Any,
    cond: Body,
    body: Body,
    is_close: bool = False,
) -> tuple[Any, ...]:
    """Return the tangents of the results."""
    into, out = passing(body, [tangent is not None for tangent in tangents])
    if not any(out):
        return (None,) * (len(out) + 1)
    dots = chosen_of(tangents, into)
    found = derivative(result[-1], (*dots, *operands), body, (("jvp", into, out),))
    return *spread(found, out), None


def pull_while(
    g: Sequence[Any],
    result: Any,
    *operands: Any,
    cond: Body,
    body: Body,
    wanted: Sequence[bool],
    is_close: bool = False,
) -> tuple[Any, ...]:
    """Return the gradients of the operands."""
    into, out = passing(body, wanted)
    out = tuple([a and b is not None for a, b in zip(out, g, strict=False)])
    if not any(out):
        return (None,) * len(operands)
    seeds = chosen_of(g[:-1], out)
    found = derivative(result[-1], (*seeds, *operands), body, (("vjp", into, out),))
    return spread(found, into)


def passing(body: Body, given: Sequence[bool]) -> tuple[Flags, Flags]:
    """Return which of the chosen operands have derivatives, and of which results.

    Where there is no step, what is carried is what it was.
    """
    pairs = zip(given, body.inputs, strict=True)
    into = tuple([flag and like.dtype.kind in "fc" for flag, like in pairs])
    reached, out = active(body, into)
    return into, tuple([a or b for a, b in zip(out, reached, strict=False)])


# Derivatives, of any order


def derivative(
    steps: Any, operands: Sequence[Any], body: Body, modes: tuple[Mode, ...]
) -> Any:
    """Return the results of a derivative of a loop, as one node."""
    return apply(WHILE_DERIVATIVE, steps, *operands, body=body, modes=modes)


def play_derivative(
    steps: Any, *operands: Any, body: Body, modes: tuple[Mode, ...]
) -> tuple[Any, ...]:
    """Return a derivative of a loop of so many steps.

    Parameters
    ----------
    steps : int
    *operands
        Of a derivative: the tangents or gradients that it is given, then the operands
        of what it is the derivative of.
    body : Body
    modes : tuple of Mode
        The first is of the loop, each other one of the one before it.
    """
    plan = BUDGET.get()
    if plan is not None and plan.is_open:  # it stands for loops around this one
        plan = None
    with SetAside(None), under(plan):
        return tuple(function_of(body, modes, int(steps))(*operands))


def function_of(body: Body, modes: Sequence[Mode], steps: int) -> Function:
    """Return a derivative of a loop of so many steps, as a function."""

    def function(*values: Any) -> Sequence[Any]:
        return looped(values, body, steps, False)

    made: Function = function
    for mode, into, out in modes:
        made = DERIVED[mode](made, into, out)
    return made


def pushed(function: Function, into: Flags, out: Flags) -> Function:
    """Return the function of tangents, and of operands, that gives tangents."""
    count = sum(into)

    def push(*given: Any) -> Sequence[Any]:
        values = given[count:]
        chosen = of_places(function, values, into, out)
        _, along = linearize(chosen, chosen_of(values, into), keeps=True)
        found: Sequence[Any] = along(*given[:count])
        return found

    return push


def pulled(function: Function, into: Flags, out: Flags) -> Function:
    """Return the function of gradients, and of operands, that gives gradients."""
    count = sum(out)

    def pull(*given: Any) -> Sequence[Any]:
        values = given[count:]
        chosen = of_places(function, values, into, out)
        return vjp(chosen, *chosen_of(values, into))[1](list(given[:count]))

    return pull


DERIVED: dict[str, Callable[[Function, Flags, Flags], Function]] = {
    "jvp": pushed,
    "vjp": pulled,
}


def push_derivative(
    tangents: Sequence[Any],
    result: Any,
    steps: Any,
    *operands: Any,
    body: Body,
    modes: tuple[Mode, ...],
) -> tuple[Any, ...]:
    """Return the tangents of a derivative."""
    into = tuple([t is not None for t in tangents[1:]])
    out = tuple([True] * len(result))
    given = (*chosen_of(tangents[1:], into), *operands)
    return tuple(derivative(steps, given, body, (*modes, ("jvp", into, out))))


def pull_derivative(
    g: Sequence[Any],
    result: Any,
    steps: Any,
    *operands: Any,
    body: Body,
    modes: tuple[Mode, ...],
    wanted: Sequence[bool],
) -> tuple[Any, ...]:
    """Return the gradients of what a derivative was given, and of its operands."""
    kinds = [type_of(plain(operand)).dtype.kind for operand in operands]
    pairs = zip(wanted[1:], kinds, strict=True)
    into = tuple([flag and kind in "fc" for flag, kind in pairs])
    out = tuple([part is not None for part in g])
    given = (*chosen_of(g, out), *operands)
    found = derivative(steps, given, body, (*modes, ("vjp", into, out)))
    return None, *spread(found, into)


# What is wrong with such nodes of a tape that was loaded


def wrong_while(tape: Tape, index: int) -> str:
    """Return what is wrong with a loop; empty if nothing."""
    cond, body = tape.settings[index]["cond"], tape.settings[index]["body"]
    if type(cond) is not Body or type(body) is not Body:
        return "it has no step, or no condition"
    inputs, outputs = body.inputs, body.outputs
    if body.moving or type(body.carried) is not int or body.carried != len(outputs):
        return "its step gives other values than it carries"
    if len(tape.operands[index]) != len(inputs) or cond.inputs != inputs:
        return "its step or its condition has other inputs"
    if [like.shape for like in cond.outputs] != [()]:
        return "its condition is no truth value"
    for before, after in zip(inputs, outputs, strict=False):
        if before.shape != after.shape:
            return f"it carries {before} and then {after}"
    return misfit(tape, tape.operands[index], inputs)


def wrong_derivative(tape: Tape, index: int) -> str:
    """Return what is wrong with a derivative of a loop; empty if nothing."""
    body, modes = tape.settings[index]["body"], tape.settings[index]["modes"]
    if type(body) is not Body or body.moving or body.carried != len(body.outputs):
        return "it has no step of a loop"
    operands, results = len(body.inputs), len(body.outputs)
    if type(modes) is not tuple or not modes:
        return "it says no derivative"
    for mode in modes:
        if type(mode) is not tuple or len(mode) != 3 or mode[0] not in DERIVED:
            return "it says a derivative that there is not"
        kind, into, out = mode
        flags = type(into) is tuple and type(out) is tuple
        if not flags or (len(into), len(out)) != (operands, results):
            return "a derivative has other operands and results"
        operands += sum(into if kind == "jvp" else out)
        results = sum(out if kind == "jvp" else into)
    if len(tape.operands[index]) != operands + 1:
        return "it has another number of operands"
    return misfit(tape, tape.operands[index][-len(body.inputs) :], body.inputs)


WHILE: Operation = general(
    "while_loop",
    play_while,
    form=Subtapes(
        wrong_while, lambda how: [how["cond"].tape, how["body"].tape], ends=False
    ),
    jvp=push_while,
    vjp=pull_while,
    reads=(True,),
)
WHILE_DERIVATIVE: Operation = general(
    "while_loop_derivative",
    play_derivative,
    form=Subtapes(wrong_derivative, lambda how: [how["body"].tape], ends=False),
    jvp=push_derivative,
    vjp=pull_derivative,
    reads=(True,),
)
