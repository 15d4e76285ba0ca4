"""Tapes played in native code while what holds them is recorded.

Native code does not warn as NumPy does.  It says, in the processor's flags, that
nothing happened of which NumPy would warn; else NumPy plays, and warns.
"""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np

from wengert.core import locks
from wengert.core.forms import Subtapes
from wengert.core.operation import Operation
from wengert.core.tape import Tape
from wengert.core.types import Type
from wengert.emit.compile import Compiled
from wengert.emit.refusal import NotLoweredError
from wengert.execute.arrays import native
from wengert.execute.costs import GIVEN, is_slow
from wengert.execute.engine import native_engine
from wengert.execute.interpret import as_weak
from wengert.execute.loops import compile_loops
from wengert.execute.saved import content_of
from wengert.lower.hiding import has_chain_products
from wengert.lower.refusal import HIDDEN

R = TypeVar("R")
#: Operations of which NumPy never warns.
SILENT = frozenset(
    "identity copy item positive negative absolute where equal not_equal less "
    "less_equal greater greater_equal logical_and logical_or logical_not maximum "
    "minimum max min any all sign isnan isfinite isinf".split()
)
#: Those on whole numbers, of which the processor says nothing.
SILENT_WHOLE = SILENT | {"getitem", "add", "subtract"}
#: The flags of what NumPy warns of (invalid, divided by zero, overflow), by processor.
FLAGS = {"x86_64": 0x0D, "AMD64": 0x0D, "aarch64": 0x07, "arm64": 0x07}
UNDEFINED = 0x01
#: Loops that are kept for the recordings to come; the one asked for longest ago goes.
MOST_KEPT = 32
KEPT: dict[tuple[str, bool], Compiled] = {}
LOCK = locks.make()


# Whether NumPy would warn


def may_warn(operation: Operation) -> bool:
    """Whether NumPy may warn of an operation on numbers of double precision."""
    return not (operation.view or operation.name in SILENT)


@lru_cache(maxsize=1)
def flags() -> tuple[Any, int] | None:
    """Return what asks for the processor's flags, and which; None if nothing does."""
    which = FLAGS.get(platform.machine())
    try:
        library: Any = ctypes.CDLL(None)
        asked = library.feclearexcept, library.fetestexcept
    except (AttributeError, OSError, TypeError):
        return None
    return (asked, which) if which else None


def quietly(
    compute: Callable[[], R], is_right: Callable[[R], bool] = lambda found: False
) -> R | None:
    """Return what native code gives; None where NumPy may warn.

    What is undefined happens in lanes that nobody reads, too: ``is_right(found)`` says
    that it cannot have happened elsewhere.
    """
    known = flags()
    if known is None:
        return None
    (clear, test), which = known
    clear(which)
    found = compute()
    raised = test(which)
    is_silent = not raised or (raised == UNDEFINED and is_right(found))
    return found if is_silent else None


def is_told(tape: Tape) -> bool:
    """Whether the processor's flags say whatever NumPy may warn of.

    They say nothing of whole numbers.  What nobody reads is left out, as the value of
    what is derived: of that nobody is warned.
    """
    for index, operation in enumerate(tape.operations):
        if operation in GIVEN:
            continue
        if isinstance(operation.form, Subtapes):
            if not all(map(is_told, operation.form.tapes(tape.settings[index]))):
                return False
            continue
        like = tape.types[index]
        likes = like if type(like) is tuple else (like,)
        is_whole = any(part is None or part.dtype.kind in "iu" for part in likes)
        is_silent = operation.view or operation.name in SILENT_WHOLE
        if is_whole and not (is_silent or is_silent_by_constant(tape, index)):
            return False
    return True


def is_silent_by_constant(tape: Tape, index: int) -> bool:
    """Whether NumPy cannot warn of a node on whole numbers, whatever the other one is.

    It neither divides by zero nor gives what is larger.
    """
    given = [tape.settings[k].get("value") for k in tape.operands[index]]
    if tape.operations[index].name == "multiply":
        return any(value is not None and np.all(abs(value) <= 1) for value in given)
    if tape.operations[index].name in ("remainder", "floor_divide"):
        return given[1] is not None and bool(np.all(given[1] > 0))
    return False


# Playing


def native_player(tape: Tape) -> Player | None:
    """Return the function from a tape's inputs' values to its outputs', in native code.

    It gives None where a guard fails, or a zero has to absorb what is not finite.  None
    where there is no such code, or compiling takes longer than some plays.
    """
    return player_of(tape) if is_worth_it(tape) else None


def is_worth_it(tape: Tape) -> bool:
    """Whether native code takes its values, and compiling less than some plays."""
    ends = [tape.types[k] for k in (*tape.input_indices, *tape.output_indices)]
    is_plain = all(type(like) is Type and like.dtype.kind in "biuf" for like in ends)
    return is_plain and is_slow(tape) and native_engine()


def player_of(tape: Tape) -> Player | None:
    """Return a tape's native code; None where there is none."""
    try:
        return Player(tape)
    except NotLoweredError:
        return None


def loop_player(
    tape: Tape, warns: bool, made: Callable[[Tape], Tape]
) -> Callable[[Sequence[Any]], list[Any] | None] | None:
    """Return that of a loop, which does what has to absorb, and is kept.

    If asked to, it also gives None where NumPy may warn.  What is compiled is made of
    the tape where that is worth it.
    """
    if not is_worth_it(tape):
        return None
    tape = made(tape)
    if warns and not (flags() and is_told(tape)):
        return None
    player = player_of(tape)
    if player is None or not warns:
        return player

    def play(values: Sequence[Any]) -> list[Any] | None:
        found = quietly(lambda: player(values))
        # Not all code that gives what is not finite says so.
        return found if found is not None and all(map(is_finite, found)) else None

    return play


def is_finite(value: Any) -> bool:
    """Whether a value is of finite numbers."""
    return bool(np.all(np.isfinite(value)))


class Player:
    """Native code of a tape, from the inputs' values to the outputs'.

    Raises
    ------
    NotLoweredError
        If there is none.
    """

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.absorbs = not has_chain_products(tape)
        self.kernel = kernel_of(tape, self.absorbs)
        self.inputs = [tape.types[k] for k in tape.input_indices]
        self.outputs = [tape.types[k] for k in tape.output_indices]

    def __call__(self, values: Sequence[Any]) -> list[Any] | None:
        """Return the outputs; None where NumPy is to play."""
        pairs = zip(values, self.inputs, strict=True)
        given = [native(np.asarray(value, like.dtype)) for value, like in pairs]
        found: list[Any] = [np.empty(like.shape, like.dtype) for like in self.outputs]
        refused = self.kernel.call(given, found)
        if refused == HIDDEN and not self.absorbs:
            try:
                self.kernel, self.absorbs = kernel_of(self.tape, True), True
            except NotLoweredError:
                return None
            refused = self.kernel.call(given, found)
        if refused:
            return None
        ends = zip(self.outputs, found, strict=True)
        return [as_weak(like, x if like.shape else x[()]) for like, x in ends]


def kernel_of(tape: Tape, absorbs: bool) -> Compiled:
    """Return native code of a tape, which is kept where it is a loop alone."""
    is_loop = not any(settings.get("value") is not None for settings in tape.settings)
    name = content_of(tape) if is_loop else "", absorbs
    with LOCK:
        kernel = KEPT.pop(name, None)
    if kernel is None:
        kernel = compile_loops(tape, absorbs)
    with LOCK:
        if name[0]:
            KEPT[name] = kernel
        if len(KEPT) > MOST_KEPT:
            del KEPT[next(iter(KEPT))]
    return kernel
