"""What must hold of every random program: each way of running it is plain NumPy's.

A way runs the program at all its arguments, some several times so that it is recorded,
checked, compiled and replayed; what it reads from outside changes in between.
"""

from __future__ import annotations

import copy
import re
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

import wengert
from tests.programs import gradients, noise, rows
from tests.programs.compare import (
    FEW_BITS,
    HALF_AND_SINGLE,
    SINGLE,
    TOLERANCE,
    Tolerance,
    difference,
)
from tests.programs.program import Instance, Program
from wengert.show.nonfinite import first_nonfinite

#: Rounds over all arguments: recorded, then checked and compiled, then replayed.
ROUNDS = 3
#: Gradients of numbers that are farther from 1 are not compared with differences.
FAR = 1e12
#: What asks for the sign also of a NaN, which is nobody's business.
SIGNS = "signbit", "copysign"
#: What NumPy does not say of an ``out=`` that shares memory with what it reads.
OVERLAPPING = "wrong size for the accumulation"
STATEFUL = {"write outside", "outside: state"}


class MismatchError(AssertionError):
    """A way of running a program gave something else than plain NumPy."""

    def __init__(self, way: str, kind: str, text: str) -> None:
        super().__init__(f"{way}: {text}")
        self.way = way
        self.kind = kind


@dataclass(frozen=True)
class Outcome:
    """What a call gave: a value, or what it raised."""

    value: Any = None
    error: Exception | None = None


def outcome(function: Callable[..., Any], args: tuple[Any, ...]) -> Outcome:
    """Call; the result is copied, as later calls may change what it shares."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return Outcome(copy.deepcopy(function(*args)))
    except Exception as error:
        return Outcome(error=error)


class Judge:
    """Runs one program in all its ways and compares; counts what it met."""

    def __init__(self, program: Program, counts: Counter[str] | None = None) -> None:
        self.program = program
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

    def ways(self) -> dict[str, Callable[[], None]]:
        """Return the ways that apply to the program."""
        program = self.program
        found: dict[str, Callable[[], None]] = {}
        if program.differentiated and program.total:
            found["eager"] = self.eager
            found["forward"] = self.forward
        found["jit"] = self.jitted
        if program.differentiated and program.total and program.seed % 2 == 0:
            found["jit(grad)"] = self.jitted_gradient
        if not program.outside:
            found["replay"] = self.replayed
            found["vmap"] = self.mapped
        return found

    def run(self, only: str | None = None) -> list[MismatchError]:
        """Return what is wrong: at most one mismatch a way."""
        found = []
        for name, way in self.ways().items():
            if only is None or only == name:
                try:
                    way()
                except MismatchError as error:
                    found.append(error)
        return found

    # Ways

    def eager(self) -> None:
        """Check value and gradient, recorded afresh in every call."""
        instance = self.program.load()
        function = self.gradient_of(instance)
        for k in self.once:
            args = instance.arguments(k)
            result = outcome(function, args)
            self.untouched("eager", instance, k, args)
            if result.error is None:
                value, self.slopes[k] = result.value
                result = Outcome(value)
            self.agree("eager", k, result, self.expected[k], None)
            if self.is_lost(result):
                return
        if not self.is_stateful:
            for k in (0, 1):
                self.check_slopes(k)

    def check_slopes(self, k: int) -> None:
        """Compare the gradient of one call with differences."""
        if k not in self.slopes or "shared" in self.program.calls[k] or self.is_single:
            return
        instance, argnums = self.program.load(), self.program.differentiated
        found = self.slopes[k]

        def total(args: tuple[Any, ...]) -> float:
            result = outcome(instance.function, args)
            return float("nan") if result.error is not None else float(result.value[0])

        for place in gradients.places(instance.arguments(k), argnums):
            expected = gradients.slope(total, lambda: instance.arguments(k), place)
            if expected is None:
                self.counts["slope: unreliable"] += 1
                continue
            self.counts["slope: compared"] += 1
            position, path, element = place
            ours = gradients.follow(found[argnums.index(position)], path)
            ours = float(np.real(np.ravel(ours)[element]))
            if self.is_far_from_one(k):
                self.counts["slope: of numbers far from 1"] += 1
                return
            if not np.isfinite(ours) and self.is_steep(k):
                self.counts["slope: infinite on the way"] += 1
                continue
            if not abs(ours - expected) < 2e-4 * (1 + abs(expected)):
                text = f"call {k}, element {place}: gradient {ours}, slope {expected}"
                raise MismatchError("eager", "gradient", text)

    def is_far_from_one(self, k: int) -> bool:
        """Whether sums of products of a call's numbers lose all their digits."""
        instance = self.program.load()
        held = noise.variables(instance.function, instance.arguments(k))
        if "np.spacing" in self.program.source:
            return True
        return held.smallest < 1 / FAR or held.largest > FAR

    def is_steep(self, k: int) -> bool:
        """Whether what made the gradient of a call infinite has an infinite slope.

        Judged by differences of the operation itself at the numbers that it read.
        """
        instance = self.program.load()
        args = list(instance.arguments(k))

        def total(*chosen: Any) -> Any:
            for position, value in zip(argnums, chosen, strict=True):
                args[position] = value
            return instance.function(*args)[0]

        argnums = self.program.differentiated
        with np.errstate(all="ignore"):
            tape = wengert.record(total, *[args[position] for position in argnums])
            found = first_nonfinite(tape)
            if found is None or found.sweep != "reverse":
                return False
            values = [value for _, value in found.operands]
            return any(
                gradients.is_steep(found.node.operation.function, values, place)
                for place in range(len(values))
            )

    def forward(self) -> None:
        """Compare tangents with the gradient along one direction."""
        if self.is_stateful or not self.slopes:
            return
        instance, argnums = self.program.load(), self.program.differentiated
        k = max(self.slopes)
        plain = self.expected[k]
        if plain.error is not None or not np.isfinite(plain.value[0]):
            return
        args = instance.arguments(k)

        def along(*moving: Any) -> Any:
            every = list(args)
            for position, value in zip(argnums, moving, strict=True):
                every[position] = value
            return instance.function(*every)[0]

        chosen = tuple(args[position] for position in argnums)
        direction = tuple(gradients.ones_like(value) for value in chosen)
        result = outcome(lambda: wengert.jvp(along, chosen, direction), ())
        if result.error is not None:
            self.agree("forward", k, result, self.expected[k])
            return
        expected = sum(
            float(np.sum(np.real(leaf)))
            for slope in self.slopes[k]
            for _, leaf in gradients.leaves(slope)
        )
        found = float(np.real(result.value[1]))
        tolerance = 1e-3 if self.is_single else 1e-8
        is_large = not abs(expected) < gradients.LARGEST
        self.counts["tangent: not compared" if is_large else "tangent: compared"] += 1
        if not is_large and not abs(found - expected) <= tolerance * (
            1 + abs(expected)
        ):
            if self.is_far_from_one(k):
                return
            text = f"call {k}: tangent {found}, gradient {expected}"
            raise MismatchError("forward", "tangent", text)

    def jitted(self) -> None:
        """Check the jitted program."""
        instance = self.program.load()
        function = wengert.jit(instance.function)
        plain = self.plain(self.often)
        for n, k in enumerate(self.often):
            args = instance.arguments(k)
            result = outcome(function, args)
            self.untouched("jit", instance, k, args)
            self.agree("jit", k, result, plain[n], where=f"call {n}")
            if self.is_lost(result):
                return
        self.count_paths("jit", function)

    def jitted_gradient(self) -> None:
        """Check the jitted gradient against the eager one."""
        instance = self.program.load()
        function = wengert.jit(self.gradient_of(instance))
        plain = self.plain(self.often)
        for n, k in enumerate(self.often):
            where = f"call {n}"
            result = outcome(function, instance.arguments(k))
            slopes = None
            if result.error is None:
                value, slopes = result.value
                result = Outcome(value)
            self.agree("jit(grad)", k, result, plain[n], where=where)
            if self.is_lost(result):
                return
            if slopes is not None and k in self.slopes and not self.is_stateful:
                found, expected = Outcome(slopes), Outcome(self.slopes[k])
                where = f"call {n}, gradient"
                self.agree("jit(grad)", k, found, expected, where=where)
        self.count_paths("jit(grad)", function)

    def replayed(self) -> None:
        """Check a recorded tape at all arguments; it may refuse other paths."""
        instance = self.program.load()
        args = instance.arguments(0)
        tapes: list[Any] = []
        made = outcome(
            lambda: tapes.append(wengert.record(instance.function, *args)), ()
        )
        if made.error is not None:
            self.agree("replay", 0, made, self.expected[0])
            return
        tape = tapes[0].verify()
        for k in self.once:
            result = outcome(tape, instance.arguments(k))
            self.agree("replay", k, result, self.expected[k])

    def mapped(self) -> None:
        """Check the program of all rows at once."""
        instance = self.program.load()
        axes, args = rows.stacked([instance.arguments(k) for k in self.once])
        if 0 not in axes:
            return
        every = [outcome(instance.function, rows.row(args, axes, k)) for k in self.once]
        if any(row.error is not None for row in every):
            return
        expected = rows.stack_results([row.value for row in every])
        if expected is None:
            return
        function = wengert.vmap(instance.function, in_axes=tuple(axes))
        for n in range(ROUNDS):
            result = outcome(function, copy.deepcopy(args))
            self.agree("vmap", 0, result, Outcome(expected), where=f"call {n}")

    # Comparing

    def is_lost(self, result: Outcome) -> bool:
        """Whether what a call was to leave outside is missing: it was refused."""
        return self.is_stateful and isinstance(result.error, wengert.WengertError)

    def gradient_of(self, instance: Instance) -> Callable[..., Any]:
        """Return value, other results and gradient of a program."""
        argnums = self.program.differentiated
        return wengert.value_and_grad(instance.function, argnums, has_aux=True)

    def agree(
        self,
        way: str,
        k: int,
        found: Outcome,
        expected: Outcome,
        tolerance: Tolerance = TOLERANCE,
        where: str = "",
    ) -> None:
        """Raise unless a call gave what it should, or refused with a way out."""
        tolerance = SINGLE if tolerance and self.is_single else tolerance
        where = where or f"call {k}"
        self.counts[f"call: {way}"] += 1
        error = found.error
        if isinstance(error, wengert.WengertError):
            self.refused(way, error)
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
            text = difference(found.value, expected.value, tolerance)
            if text is not None and not (
                self.is_ill_conditioned(k, text, found)
                or (tolerance and self.is_small(k, text, found, expected))
            ):
                kind = text.split(" (")[0] if text.startswith("type") else text
                kind = kind if kind != text else text.split(":")[0]
                kind = f"gradient {kind}" if "gradient" in where else kind
                raise MismatchError(way, kind, f"{where}: {text}")

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
        if "shared" in self.program.calls[k]:
            return  # a documented limit
        text = difference(list(args), list(instance.calls[k]()))
        if text is not None:
            raise MismatchError(way, "argument written", f"call {k}: {text}")

    def is_small(self, k: int, text: str, found: Outcome, expected: Outcome) -> bool:
        """Whether a difference is rounding of the largest variable of the program."""
        if not text.startswith("value") or self.is_stateful:
            return False
        instance = self.program.load()
        held = noise.variables(instance.function, instance.arguments(k))
        if held.has_nan and any(name in self.program.source for name in SIGNS):
            self.counts["the sign of a NaN"] += 1
            return True
        scale = held.largest
        if noise.differ_by(found.value, expected.value) > TOLERANCE["d"] * scale:
            return False
        self.counts["rounding of a larger variable"] += 1
        return True

    def is_ill_conditioned(self, k: int, text: str, found: Outcome) -> bool:
        """Whether NumPy's own answer moves as much by the last digit of its inputs."""
        if not text.startswith("value") or self.is_stateful:
            return False
        random = np.random.default_rng(k)
        instance = self.program.load()
        plain = outcome(instance.function, instance.arguments(k)).value
        for _ in range(4):
            args = instance.arguments(k)
            for position, arg in enumerate(args):
                for path, leaf in gradients.leaves(arg):
                    args = noise.nudged(args, position, path, leaf, random)
            moved = outcome(instance.function, args)
            if moved.error is None and noise.spread(moved.value, plain, found.value):
                self.counts["ill-conditioned"] += 1
                return True
        return False

    def count_paths(self, way: str, function: Any) -> None:
        """Count how the calls of a jitted function can be answered in the end."""
        paths = function.paths()
        self.counts[f"paths: {way}"] += len(paths)
        self.counts[f"native paths: {way}"] += sum(bool(p.kernels) for p in paths)
        if any(entry.is_eager for entry in function.entries.values()):
            self.counts[f"eager for good: {way}"] += 1


def differs(one: Outcome, other: Outcome) -> bool:
    """Whether two calls in plain NumPy gave different things."""
    if one.error is not None or other.error is not None:
        return type(one.error) is not type(other.error)
    return difference(one.value, other.value) is not None


def shortened(text: str) -> str:
    """Return the first sentence of an error without names and numbers."""
    line = text.strip().splitlines()[0] if text.strip() else ""
    return re.sub(r"\b[av]\d+\b|\d+(\.\d+)?", "#", line)[:90]
