"""The native calls of a tree of paths: failing guards lead from path to path."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

import numpy as np

from wengert.emit.compile import Compiled
from wengert.emit.entry import Signature, bind, handed_out
from wengert.emit.objects import is_fast
from wengert.emit.watch import is_best, watched
from wengert.execute.arrays import parameter
from wengert.execute.calls import raise_interrupts
from wengert.execute.costs import COPIED
from wengert.execute.keys import told_apart
from wengert.execute.paths import Path, Tree
from wengert.lower.refusal import HIDDEN, LONG

MISS = object()
#: Whether calls are made to look at them: where none is known, they give `MISS`.
LOOKING: ContextVar[bool] = ContextVar("wengert_looking", default=False)


@dataclass(slots=True, eq=False)
class Entry:
    """What is known for one key: the paths, and the native calls that take them.

    Attributes
    ----------
    groups : list of (call, structure)
        Native calls by kind of result; None until they are asked for.
    direct : (call, fallback) or None
        The native call on the user's own arguments, with the fallback that it has.
    """

    name: str
    leaf_types: tuple[Any, ...]
    tree: Tree = field(default_factory=Tree)
    groups: list[tuple[Callable[..., Any], Any]] | None = None
    direct: tuple[Any, Any] | None = None
    recordings: int = 0
    #: Whether its first native call is wanted soon: one that is faster follows.
    is_hurried: bool = False
    #: Whether a native call was bound in haste, that call or while somebody compiled.
    is_slow: bool = False

    @property
    def is_eager(self) -> bool:
        """Whether the function itself is called."""
        return self.tree.is_eager

    def rebuild(self) -> None:
        """Forget the native calls: the paths are others now."""
        self.groups = self.direct = None
        self.is_slow = False

    @property
    def native(self) -> list[Path]:
        """The paths that have native code."""
        return [path for path in self.tree.believed if path.kernels]

    def bound(self, waits: bool) -> list[tuple[Callable[..., Any], Any]]:
        """Bind the kernels of all paths: one native call for every kind of result."""
        groups = []
        kinds: dict[Any, list[Path]] = {}
        for path in self.native:
            kinds.setdefault(told_apart(path.structure), []).append(path)
        for (structure, _), paths in kinds.items():
            count = len(paths[0].types)
            call = self.chain(paths, tuple(range(count)), miss, waits)
            groups.append((call, structure))
        return groups

    def chain(
        self,
        paths: list[Path],
        nested: Any,
        fallback: Callable[..., Any],
        waits: bool,
        parameters: tuple[Any, ...] | None = None,
        is_copied: bool = False,
        is_apart: bool = False,
    ) -> Callable[..., Any]:
        """Return a native call that takes the path whose guards hold.

        Its arguments are the numeric leaves, unless other `parameters` are given, and
        numbers from outside that are inputs; arrays that lie otherwise than in C order
        may be copied, or those that share memory be handed back.
        """
        if parameters is None:
            parameters = tuple([parameter(like) for like in self.leaf_types])
        numbers = self.tree.lifting.types
        parameters = (*parameters, *[parameter(like) for like in numbers])
        groups: dict[Any, list[Path]] = {}
        for path in paths:
            same = path.returned, tuple(map(id, path.read_natively))
            groups.setdefault(same, []).append(path)
        call = fallback
        for members in reversed(groups.values()):
            signature = self.signature(
                members[0], nested, parameters, is_copied, is_apart
            )
            kernels, exits = table(members)
            call = bind(kernels, signature, call, self.name, exits=exits, waits=waits)
            self.is_slow |= isinstance(call, FunctionType) and is_fast()
        return call

    def signature(
        self,
        path: Path,
        nested: Any,
        parameters: tuple[Any, ...],
        is_copied: bool,
        is_apart: bool,
    ) -> Signature:
        """Return what native code takes and returns."""
        return Signature(
            parameters=parameters,
            results=path.returned,
            structure=nested,
            captures=tuple(path.read_natively),
            is_copied=is_copied,
            most_copied=COPIED,
            is_apart=is_apart,
        )

    def guarded(
        self, call: Callable[..., Any], fallback: Callable[..., Any], waits: bool
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
        fixed = [pair for path in paths for pair in path.unvaried.items()]
        watch = last.watch(plain, looks, fixed)
        thunk = watch.thunk(call, fallback)
        watching = watched(watch, call, thunk, self.name, waits, self.is_hurried)
        is_slow = watching is thunk or (self.is_hurried and not is_best())
        self.is_slow |= is_slow and is_fast()
        return watching


def table(paths: list[Path]) -> tuple[list[Compiled], list[dict[int, int]]]:
    """Return the kernels of paths, and by failing guard the kernel that is tried then.

    Under 0 stands the one that is tried where a guard leads to none: the kernel in
    which zeros absorb, or else a path that no other one leads to.
    """
    inside = {id(path) for path in paths}
    roots = [path for path in paths if id(path.entered_from) not in inside]
    kernels, places, owners = list[Compiled](), dict[int, int](), list[int]()
    for owner, root in enumerate(roots):
        todo = [root]
        while todo:
            path = todo.pop()
            if id(path) in inside and id(path) not in places:
                places[id(path)] = len(kernels)
                kernels += path.kernels
                owners += [owner] * len(path.kernels)
                todo.extend(path.exits.values())
    exits: list[dict[int, int]] = [{} for _ in kernels]
    for path in paths:
        start, count = places[id(path)], len(path.kernels)
        for (number, guard), to in path.exits.items():
            if id(to) in inside:
                exits[start + number][guard] = places[id(to)]
        for at in range(start, start + count - 1):
            exits[at][0] = at + 1
        if owners[start] + 1 < len(roots):
            exits[start + count - 1][0] = places[id(roots[owners[start] + 1])]
    return kernels, exits


def run(path: Path, given: Sequence[Any]) -> tuple[Any, list[tuple[int, int]]]:
    """Run the kernels of a path from Python: the results, or where they were left.

    Returns
    -------
    results : tuple, or MISS
    ways : list of (kernel, guard), both by number; none where NumPy has to decide
    """
    raise_interrupts()
    sources = [np.asarray(value) for value in [*given, *path.read_natively]]
    if any(type(x) is int and not -(2**63) <= x < 2**63 for x in given):
        return MISS, []  # no number of native code
    kinds, ways = path.returned, []
    taken = [np.empty(kind.shape, kind.type) for kind in kinds]
    for number, kernel in enumerate(path.kernels):
        guard = kernel.call(sources, taken)
        if guard == LONG:
            path.is_long = path.ended is None
            return MISS, []
        if not guard:
            return handed_out(tuple(range(len(kinds))), kinds, taken), []
        if number or guard != HIDDEN:
            ways.append((number, guard))
    return MISS, ways


def without_numbers(call: Callable[..., Any], count: int) -> Callable[..., Any]:
    """Return a call without the numbers from outside behind its arguments."""
    if not count:
        return call

    def shorter(*args: Any, **kwargs: Any) -> Any:
        return call(*args[:-count], **kwargs)

    return shorter


def miss(*_: Any) -> Any:
    """Say that no native path fits."""
    return MISS
