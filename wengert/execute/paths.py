"""What `jit` keeps: recorded paths, and the native calls that find the right one."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from wengert.capture import reads
from wengert.core.checked import Difference, Expected, Node, same
from wengert.core.tape import GUARD, Tape
from wengert.emit import machine
from wengert.emit.compile import Compiled, compile_program
from wengert.emit.entry import Parameter, Returned, Signature, bind
from wengert.emit.kernels import Lowered, has_chain_products, lower
from wengert.emit.refusal import NotLoweredError
from wengert.execute.arrays import native, parameter, returned
from wengert.execute.belief import Belief
from wengert.execute.interpret import left
from wengert.execute.plan import Plan
from wengert.execute.segments import mixed_plan

#: Set to switch the native engine off (the suite passes without it).
ENGINE_VARIABLE = "WENGERT_ENGINE"
MISS = object()


def native_engine() -> bool:
    """Whether native code is made: llvmlite is there and nobody switched it off."""
    return os.environ.get(ENGINE_VARIABLE, "native") != "interpreter" and (
        machine.available()
    )


@dataclass(slots=True, eq=False)
class Path:
    """One recorded path of a function for one kind of arguments."""

    tape: Tape
    captured: list[tuple[Any, int]]
    snapshot: Any
    plain_arrays: Any
    lowered: Lowered | None = None
    kernels: list[Compiled] = field(default_factory=list)
    reason: str = ""
    record_seconds: float = 0.0
    number: int = 0
    #: Whether two recordings agreed, so that it may be replayed; when, as a number.
    is_believed: bool = False
    order: int = 0
    #: How many nodes it has in common with the path it left, by that path's number.
    shared: dict[int, int] = field(default_factory=dict)
    #: Whether the first kernel multiplies zeros by what is not finite, and refuses
    #: where that NaN matters; a second one then absorbs, as the interpreter does.
    is_optimistic: bool = False
    #: How NumPy plays the tape, made when it first has to.
    plan: Plan | None = None
    #: The captures as native code reads them; see `read_natively`.
    contiguous: list[np.ndarray] | None = None

    def play(self, values: Sequence[Any]) -> list[Any]:
        """Return the outputs by NumPy, native in parts where the whole is not."""
        if self.plan is None:
            captured = [index for _, index in self.captured]
            if self.kernels or not native_engine():
                self.plan = Plan(self.tape, captured)
            else:
                self.plan = mixed_plan(self.tape, captured)
                if self.plan.groups:
                    self.reason += f" ({self.plan.groups} native parts)"
        return self.plan.run(values, [array for array, _ in self.captured])

    @property
    def expected(self) -> Expected:
        """What another recording of this path is compared with."""
        return Expected(self.tape, {index for _, index in self.captured})

    def leaves(self, other: Path, difference: Difference) -> None:
        """Note that it left another path where Python decided otherwise."""
        at = difference.node
        self.shared = {number: min(k, at) for number, k in other.shared.items()}
        self.shared[other.number] = at

    @property
    def read_natively(self) -> list[np.ndarray]:
        """The captures as native code reads them: copies of those in pieces."""
        if self.contiguous is None:
            self.contiguous = [native(array) for array, _ in self.captured]
        return self.contiguous

    @property
    def has_copies(self) -> bool:
        """Whether native code reads copies of captures, which `refresh` renews."""
        pairs = zip(self.captured, self.read_natively, strict=True)
        return any(copy is not array for (array, _), copy in pairs)

    def refresh(self) -> bool:
        """Copy the captures that do not lie as native code reads them.

        True if one has another shape or dtype now: the path holds no longer.
        """
        for array, index in self.captured:
            like = self.tape.types[index]
            if array.shape != like.shape or array.dtype != like.dtype:
                return True
        for (array, _), copy in zip(self.captured, self.contiguous or (), strict=False):
            if copy is not array and not np.may_share_memory(copy, array):
                np.copyto(copy, array)
        return False

    @property
    def guards(self) -> list[tuple[str, str, Any]]:
        """Line, kind and expected value of every guard, in order."""
        return [
            (
                self.tape.line(index),
                self.tape.settings[index]["kind"],
                self.tape.settings[index]["expected"],
            )
            for index, operation in enumerate(self.tape.operations)
            if operation is GUARD
        ]

    @property
    def result_structure(self) -> Any:
        """How the results nest."""
        assert self.tape.structure is not None
        return self.tape.structure[1]

    def returned(self) -> tuple[Returned, ...]:
        """Return what the native code hands out."""
        return tuple(
            returned(self.tape.types[index]) for index in self.tape.output_indices
        )


def compile_path(path: Path, level: int | None = None) -> None:
    """Make native code of a path; `reason` says why where there is none."""
    if not native_engine():
        path.reason = "the native engine is off"
        return
    captured = [index for _, index in path.captured]
    path.is_optimistic = has_chain_products(path.tape)
    try:
        path.lowered = lower(path.tape, not path.is_optimistic, captured)
        path.kernels = [compile_program(path.lowered.program, level=level)]
    except NotLoweredError as error:
        path.reason = str(error)


def add_absorbing_kernel(path: Path) -> None:
    """Add the kernel in which zeros absorb what is not finite, where it is needed."""
    captured = [index for _, index in path.captured]
    try:
        lowered = lower(path.tape, True, captured)
        first, second = path.kernels[0], compile_program(lowered.program)
        path.kernels[:] = [replace(first, gives_way=True), second]
    except NotLoweredError as error:
        path.reason = f"where zeros absorb: {error}"
        path.is_optimistic = False  # NumPy plays such calls


@dataclass(slots=True, eq=False)
class Entry:
    """What is known for one structure and one set of types of the arguments."""

    name: str
    leaf_types: tuple[Any, ...]
    paths: OrderedDict[int, Path] = field(default_factory=OrderedDict)
    #: Native calls by kind of result; None until they are asked for.
    groups: list[tuple[Callable[..., Any], Any]] | None = None
    #: The native call on the user's own arguments, with the fallback that it has.
    direct: tuple[Any, Any] | None = None
    recordings: int = 0
    belief: Belief = field(default_factory=Belief)

    @property
    def is_eager(self) -> bool:
        """Whether the function itself is called."""
        return bool(self.belief.reason)

    def rebuild(self) -> None:
        """Forget the native calls: the paths are others now."""
        self.groups = self.direct = None

    @property
    def believed(self) -> list[Path]:
        """The paths that may be replayed."""
        return [path for path in self.paths.values() if path.is_believed]

    @property
    def native(self) -> list[Path]:
        """The paths that have native code."""
        return [path for path in self.paths.values() if path.kernels]

    def bound(self) -> list[tuple[Callable[..., Any], Any]]:
        """Bind the kernels of all paths: one native call for every kind of result."""
        groups = []
        kinds: dict[Any, list[Path]] = {}
        for path in self.native:
            kinds.setdefault(path.result_structure, []).append(path)
        for structure, paths in kinds.items():
            count = len(paths[0].tape.output_indices)
            call = self.chain(paths, tuple(range(count)), miss)
            groups.append((call, structure))
        return groups

    def chain(
        self,
        paths: list[Path],
        nested: Any,
        fallback: Callable[..., Any],
        parameters: tuple[Parameter, ...] | None = None,
    ) -> Callable[..., Any]:
        """Return a native call that takes the first path whose guards hold.

        Its arguments are the numeric leaves, unless other `parameters` are given.
        """
        if parameters is None:
            parameters = tuple([parameter(like) for like in self.leaf_types])
        groups: list[tuple[Signature, list[Compiled]]] = []
        for path in paths:
            signature = self.signature(path, nested, parameters)
            if groups and groups[-1][0].is_same(signature):
                groups[-1][1].extend(path.kernels)
            else:
                groups.append((signature, list(path.kernels)))
        call = fallback
        for signature, kernels in reversed(groups):
            call = bind(kernels, signature, call, self.name)
        return call

    def signature(
        self, path: Path, nested: Any, parameters: tuple[Parameter, ...]
    ) -> Signature:
        """Return what native code takes and returns."""
        return Signature(
            parameters=parameters,
            results=path.returned(),
            structure=nested,
            captures=tuple(path.read_natively),
        )

    def guarded(
        self, call: Callable[..., Any], fallback: Callable[..., Any]
    ) -> Callable[..., Any]:
        """Return a call that is made while what the function read still holds.

        Paths whose reads have changed are dropped, so those of the last one stand for
        all; contents that plain code read are watched path by path.
        """
        paths = self.native
        last = paths[-1].snapshot
        plain = [path.plain_arrays for path in paths if path.plain_arrays.pairs]
        looks = [path.refresh for path in paths if path.has_copies]
        if last.is_empty and not (plain or looks):
            return call
        return reads.guarded(last, plain, looks, call, fallback)


class Follower:
    """Which known path of an entry a recording goes along.

    Parameters
    ----------
    entry : Entry
        With at least one path.
    is_strict : bool
        Whether leaving the path at a guard is an error.
    """

    def __init__(self, entry: Entry, is_strict: bool) -> None:
        self.entry, self.is_strict = entry, is_strict
        self.path = next(iter(entry.paths.values()))

    def branch(self, index: int, node: Node) -> Expected | None:
        """Return the path that left this one with the same node, if one is known."""
        for path in self.entry.paths.values():
            if path.shared.get(self.path.number) != index:
                continue
            tape = path.tape
            if (
                tape.operations[index] is node.operation
                and tape.operands[index] == node.operands
                and same(tape.settings[index], node.settings)
            ):
                self.path = path
                return path.expected
        if self.is_strict and node.operation is GUARD:
            tape = self.path.tape
            if index < len(tape) and tape.operations[index] is GUARD:
                raise left(tape, index, node.settings["expected"])
        return None


def miss(*_: Any) -> Any:
    """Say that no native path fits."""
    return MISS
