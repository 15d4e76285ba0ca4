"""What must hold of every random program: each way of running it is plain NumPy's.

A way (`tests.programs.ways`) runs the program at all its arguments, some several times
so that it is recorded, checked, compiled and replayed; what it reads from outside
changes in between.
"""

from __future__ import annotations

import re
import traceback
from collections import Counter
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

import wengert
from tests.programs import gradients, noise
from tests.programs.compare import (
    FEW_BITS,
    HALF_AND_SINGLE,
    RELATIVE,
    SINGLE,
    TOLERANCE,
    difference,
)
from tests.programs.program import Function, Instance, Outcome, Program, outcome
from wengert.capture.record import record_onto
from wengert.core.tape import Tape

#: How often last digits are moved before a difference counts: those of the inputs, then
#: also those of arrays that are written, which are more.
NUDGES, SHAKES = 16, 100
#: What asks for the sign also of a NaN, which is nobody's business.
SIGNS = "signbit", "copysign"
#: What takes the one or the other of two zeros by where in an array they are.
ZEROS = "np.fmin", "np.fmax", "np.nanmin", "np.nanmax"
#: Where NumPy reads an index that it has written meanwhile.
SELF_INDEXED = re.compile(r"\b(\w+)\.flat\[(\w+)\]")
#: What NumPy does not say of an ``out=`` that shares memory with what it reads.
OVERLAPPING = "wrong size for the accumulation"
#: What NumPy says of its own arrays alone, where they hold no index.
EMPTY_INDEX = "arrays used as indices must be of integer"
STATEFUL = {"write outside", "outside: state"}


def is_empty_index(error: Exception | None) -> bool:
    """Whether NumPy refused an index where there is an empty array of floats."""
    if EMPTY_INDEX not in str(error):
        return False
    assert error is not None
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    arrays = [x for x in frame.f_locals.values() if isinstance(x, np.ndarray)]
    return any(x.size == 0 and x.dtype.kind == "f" for x in arrays)


class MismatchError(AssertionError):
    """A way of running a program gave something else than plain NumPy."""

    def __init__(self, way: str, kind: str, text: str) -> None:
        super().__init__(f"{way}: {text}")
        self.way = way
        self.kind = kind


class Judge:
    """Compares what the ways of running a program gave; counts what it met."""

    def __init__(self, program: Program, counts: Counter[str] | None = None) -> None:
        self.program = program
        #: Whether no rounding but the last excuses a difference.
        self.is_strict = program.style == "numbers"
        self.counts: Counter[str] = Counter() if counts is None else counts
        count = len(program.calls)
        #: Every call once; and twice in a row, as a path is believed at its second use,
        #: then once more.
        self.once = list(range(count))
        self.often = [k for k in self.once for _ in (1, 2)] + self.once
        self.expected = self.plain(self.once)
        self.is_stateful = any(
            block.features & STATEFUL for block in program.blocks
        ) or any(self.depends_on_others(k) for k in self.once)
        self.slopes: dict[int, Any] = {}

    @cached_property
    def is_single(self) -> bool:
        """Whether the program computes with single numbers, or those of few bits."""
        if any(name in self.program.source for name in FEW_BITS):
            return True
        instance = self.program.load()
        return any(
            noise.variables(instance.function, instance.arguments(k)).dtypes
            & HALF_AND_SINGLE
            for k in self.once
        )

    def depends_on_others(self, k: int) -> bool:
        """Whether a call gives something else where it is the only one, or the next."""
        alone, again = self.plain([k]), self.plain([k, k])
        return any(differs(one, self.expected[k]) for one in (*alone, *again))

    def plain(self, order: list[int]) -> list[Outcome]:
        """Return what plain NumPy gives in calls one after the other."""
        instance = self.program.load()
        return [outcome(instance.function, instance.arguments(k)) for k in order]

    # Comparing

    def is_lost(self, result: Outcome) -> bool:
        """Whether what a call was to leave outside is missing: it was refused."""
        return self.is_stateful and isinstance(result.error, wengert.WengertError)

    def is_shared(self, k: int) -> bool:
        """Whether arguments of a call share memory."""
        return "shared" in self.program.calls[k]

    def gradient_of(self, instance: Instance) -> Function:
        """Return value, other results and gradient of a program."""
        argnums = self.program.differentiated
        return wengert.value_and_grad(instance.function, argnums, has_aux=True)

    def slopes_of(self, instance: Instance) -> Function:
        """Return the gradient of a program alone."""
        function = self.gradient_of(instance)
        return lambda *args: function(*args)[1]

    def of_floats(self, k: int) -> tuple[Function, tuple[Any, ...]]:
        """Return the total of a call as a function of the differentiated arguments."""
        instance, argnums = self.program.load(), self.program.differentiated
        args = instance.arguments(k)

        def total(*moving: Any) -> Any:
            every = list(args)
            for position, value in zip(argnums, moving, strict=True):
                every[position] = value
            return instance.function(*every)[0]

        return total, tuple(args[position] for position in argnums)

    def agree(
        self,
        way: str,
        k: int,
        found: Outcome,
        expected: Outcome,
        is_bitwise: bool = False,
        where: str = "",
        again: Callable[[Instance], Function] | None = None,
    ) -> None:
        """Raise unless a call gave what it should, or refused with a way out.

        `again` gives the expected of a loaded program, by default its function.
        """
        where = where or f"call {k}"
        self.counts[f"call: {way}"] += 1
        error = found.error
        if isinstance(error, wengert.WengertError):
            self.refused(way, error)
        elif is_empty_index(expected.error):
            self.counts["an empty array of floats as an index"] += 1
        elif error is not None:
            # NumPy's own classes of errors are private: one that they extend will do.
            if OVERLAPPING in str(error) and expected.error is None:
                self.counts["out= of a wrong shape, which overlaps"] += 1
                return
            if expected.error is None or not isinstance(expected.error, type(error)):
                raise self.raised(way, where, found, expected)
            self.counts[f"raised: {way}"] += 1
        elif expected.error is not None:
            raise self.raised(way, where, found, expected)
        else:
            text = self.difference(found.value, expected.value, is_bitwise)
            if text is not None and not (
                self.is_self_indexed(k)
                or (again and self.is_rounding(k, text, found, expected))
                or self.is_ill_conditioned(k, text, found, expected, again)
                or (not is_bitwise and self.is_small(way, k, text, found, expected))
            ):
                kind = text.split(" (")[0] if text.startswith("type") else text
                kind = kind if kind != text else text.split(":")[0]
                kind = f"gradient {kind}" if "gradient" in where else kind
                raise MismatchError(way, kind, f"{where}: {text}")

    def difference(self, found: Any, expected: Any, is_bitwise: bool) -> str | None:
        """Return what is different in two results; None if nothing is.

        Whether the program has single numbers is asked where it matters: it costs more
        than the comparison.
        """
        tolerance = RELATIVE if self.is_strict else TOLERANCE
        text = difference(found, expected, None if is_bitwise else tolerance)
        if text is None or is_bitwise or self.is_strict or not self.is_single:
            return text
        return difference(found, expected, SINGLE)

    def raised(
        self, way: str, where: str, found: Outcome, expected: Outcome
    ) -> MismatchError:
        """Return the mismatch of an exception that one side alone raised."""
        kinds = [
            "answers" if o.error is None else f"raises {type(o.error).__name__}"
            for o in (found, expected)
        ]
        kind = f"{kinds[0]}, plain {kinds[1]}"
        kind += "" if found.error is None else f": {shortened(str(found.error))}"
        ours, plain = (o.error or o.value for o in (found, expected))
        text = f"{where}: {ours!r}; plain {plain!r}"
        return MismatchError(way, kind, text)

    def refused(self, way: str, error: Exception) -> None:
        """Count a refusal; one without a way out is a mismatch."""
        if isinstance(error, wengert.GuardError) and way == "replay":
            self.counts["replay: on another path"] += 1
            return
        text = str(error)
        if "instead:" not in text:
            raise MismatchError(way, f"refusal without advice: {shortened(text)}", text)
        self.counts[f"refused: {way}"] += 1
        self.counts[f"refusal: {type(error).__name__}: {shortened(text)}"] += 1

    def untouched(self, way: str, instance: Instance, k: int, args: Any) -> None:
        """Raise if the caller's arguments were written."""
        if self.is_shared(k):
            return  # a documented limit
        text = difference(list(args), list(instance.calls[k]()))
        if text is not None:
            raise MismatchError(way, "argument written", f"call {k}: {text}")

    def is_far_from_one(self, k: int) -> bool:
        """Whether sums of products of a call's numbers lose all their digits."""
        instance = self.program.load()
        held = noise.variables(instance.function, instance.arguments(k))
        if "np.spacing" in self.program.source:
            return True
        if held.smallest < 1 / noise.FAR or held.largest > noise.FAR:
            return True
        with np.errstate(all="ignore"):
            tape = record_onto(Tape(), *self.of_floats(k))
        sizes = [abs(x) for value in tape.play.outputs for x in gradients.flat(value)]
        return any(0 < x < 1 / noise.FAR or noise.FAR < x < np.inf for x in sizes)

    def is_small(
        self, way: str, k: int, text: str, found: Outcome, expected: Outcome
    ) -> bool:
        """Whether a difference is rounding of the largest variable of the program."""
        if not text.startswith("value") or self.is_stateful or self.is_strict:
            return False
        instance = self.program.load()
        calls = self.once if way.startswith("vmap") else [k]
        held = [
            noise.variables(instance.function, instance.arguments(j)) for j in calls
        ]
        has_nan = any(one.has_nan for one in held)
        if has_nan and any(name in self.program.source for name in SIGNS):
            self.counts["the sign of a NaN"] += 1
            return True
        if any(name in self.program.source for name in ZEROS) and any(
            one.has_zeros for one in held
        ):
            self.counts["the sign of a zero"] += 1
            return True
        scale = max(one.largest for one in held)
        if noise.differ_by(found.value, expected.value) > TOLERANCE["d"] * scale:
            return False
        self.counts["rounding of a larger variable"] += 1
        return True

    def is_rounding(self, k: int, text: str, found: Outcome, expected: Outcome) -> bool:
        """Whether a gradient differs by rounding of what the sweeps went through."""
        if not text.startswith("value") or self.is_strict or self.is_stateful:
            return False
        total, chosen = self.of_floats(k)
        slopes = wengert.grad(total, tuple(range(len(chosen))))
        with np.errstate(all="ignore"):
            limit = noise.rounding(record_onto(Tape(), slopes, chosen))
        is_less = noise.differ_by(found.value, expected.value) <= limit
        self.counts["rounding of a gradient's larger numbers"] += is_less
        return is_less

    def is_self_indexed(self, k: int) -> bool:
        """Whether the program writes into what it indexes with meanwhile."""
        pairs = SELF_INDEXED.findall(self.program.source)
        instance = self.program.load()
        found = bool(pairs) and noise.written_indices(
            instance.function, instance.arguments(k), pairs
        )
        self.counts["an index that is written by what it indexes"] += found
        return found

    def is_ill_conditioned(
        self,
        k: int,
        text: str,
        found: Outcome,
        expected: Outcome,
        again: Callable[[Instance], Function] | None = None,
        arguments: Callable[[int], tuple[Any, ...]] | None = None,
    ) -> bool:
        """Whether NumPy's own answer moves as much by last digits.

        `arguments` gives those of a call, by default those of the program.  First by
        those of its inputs, then also by those of every array that it writes.  That of
        a gradient jumps at the last digit where the program is at a kink.
        """
        if not text.startswith("value") or self.is_strict:
            return False
        random = np.random.default_rng(k)
        instance, function = self.before(k, again)
        plain = outcome(function, (arguments or instance.arguments)(k))
        if self.is_stateful and differs(plain, expected):
            return False  # calls in another order
        for nudge in range(NUDGES + SHAKES):
            instance, function = self.before(k, again)
            if nudge >= NUDGES:
                path = instance.function.__code__.co_filename
                function = noise.shaken(function, path, random, nudge % 2 == 0)
            args = (arguments or instance.arguments)(k)
            for position, arg in enumerate(args):
                for way, leaf in gradients.leaves(arg):
                    args = noise.nudged(args, position, way, leaf, random)
            moved = outcome(function, args)
            if moved.error is None and noise.spread(
                moved.value, plain.value, found.value, self.is_single
            ):
                self.counts["ill-conditioned"] += 1
                return True
        return False

    def before(
        self, k: int, again: Callable[[Instance], Function] | None
    ) -> tuple[Instance, Function]:
        """Return a loaded program as it is before a call, and what is called."""
        instance = self.program.load()
        function = again(instance) if again else instance.function
        if self.is_stateful:
            for earlier in range(k):
                outcome(function, instance.arguments(earlier))
        return instance, function


def differs(one: Outcome, other: Outcome) -> bool:
    """Whether two calls in plain NumPy gave different things."""
    if one.error is not None or other.error is not None:
        return type(one.error) is not type(other.error)
    return difference(one.value, other.value) is not None


def shortened(text: str) -> str:
    """Return the first sentence of an error without names and numbers."""
    line = text.strip().splitlines()[0] if text.strip() else ""
    return re.sub(r"\b[av]\d+\b|\d+(\.\d+)?", "#", line)[:90]
