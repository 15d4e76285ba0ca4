"""The ways of running a random program, a module each, behind one table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.programs.judge import Judge, MismatchError
from tests.programs.program import Program
from tests.programs.ways import (
    complex_step,
    differences,
    eager,
    forward,
    jitted,
    mapped,
    replayed,
    second_order,
    sparse,
)


def has_slopes(program: Program) -> bool:
    """Whether there is something to differentiate, and by something."""
    return bool(program.differentiated and program.total)


def is_alone(program: Program) -> bool:
    """Whether a program reads nothing from outside."""
    return not program.outside


def always(program: Program) -> bool:
    """Whether a way applies that applies to every program."""
    return True


@dataclass(frozen=True)
class Way:
    """A way of running: its check, and the programs to which it applies."""

    check: Callable[[Judge], None]
    applies: Callable[[Program], bool]
    #: The way whose gradients it compares its own with.
    after: str = ""


WAYS = {
    "eager": Way(eager.check, has_slopes),
    "differences": Way(differences.check, has_slopes, after="eager"),
    "forward": Way(forward.check, has_slopes, after="eager"),
    "jit": Way(jitted.check, always),
    "first call": Way(jitted.check_afresh, is_alone),
    "jit(grad)": Way(jitted.check_gradient, has_slopes, after="eager"),
    "replay": Way(replayed.check, is_alone),
    "vmap": Way(mapped.check, is_alone),
    "vmap(grad)": Way(mapped.check_gradient, lambda p: is_alone(p) and has_slopes(p)),
    "complex step": Way(complex_step.check, has_slopes, after="eager"),
    "second order": Way(second_order.check, has_slopes, after="eager"),
    "sparse": Way(sparse.check, has_slopes),
}


def usual(program: Program) -> tuple[str, ...]:
    """Return the ways of the programs of a style; what costs much, for some of them."""
    seed = program.seed
    if program.style == "numbers":
        return ("jit", "first call")
    if program.style == "floats":
        return ("vmap",)
    if program.style == "analytic":
        costly = ("second order", "jit", "jit(grad)", "vmap(grad)")
        costly = costly if seed % 5 == 0 else ()
        return ("eager", "complex step", "forward", "replay", *costly)
    compiled = ("jit(grad)",) if seed % 2 == 0 else ()
    return ("eager", "differences", "forward", "jit", *compiled, "replay", "vmap")


def run(judge: Judge, names: tuple[str, ...]) -> list[MismatchError]:
    """Return what is wrong in some ways: at most one mismatch a way."""
    found = []
    for name in names:
        if WAYS[name].applies(judge.program):
            try:
                WAYS[name].check(judge)
            except MismatchError as error:
                found.append(error)
    return found
