"""The recorded paths of a function: a tree, for `jit` and for rows alike.

A path is one sequence of outcomes of the guards.  Another path leaves it at a node; in
native code it leaves a kernel at a guard, whose number chooses what is tried next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from wengert.capture.reads import same_number
from wengert.core import locks
from wengert.core.checked import Expected, Node, agree, node_of, same
from wengert.core.tape import GUARD, Tape
from wengert.core.types import Type
from wengert.derive.ended import Ended, ended
from wengert.derive.opened import opened
from wengert.derive.shortened import shortened
from wengert.emit.compile import Compiled
from wengert.emit.entry import Returned
from wengert.execute.arrays import native, returned
from wengert.execute.background import Job
from wengert.execute.belief import Belief
from wengert.execute.blocks import Block
from wengert.execute.interpret import left
from wengert.execute.lifting import Lifting
from wengert.execute.plan import Left, Plan
from wengert.execute.tier import Tier
from wengert.lower.schedule import MOST_UNROLLED

#: By what the room for steps of a loop grows where it did not do, and how far.
GROWTH, MOST_GROWN = 8, 8**4


@dataclass(slots=True, eq=False)
class Path:
    """One recorded path of a function for one kind of arguments.

    Attributes
    ----------
    tape : Tape or None
        None where there are rows, once they have a kernel.
    inputs : list of Type
    types, structure : of the results, and how they nest
    answers : list of (kind, expected), one a guard
    captured : list of (array, node)
        Constants whose present contents are read at replay.
    kernels : list of Compiled
        None where the tape is not lowered, for the `reason` given.  Where there are
        two, zeros absorb what is not finite in the second one.
    exits : dict of (kernel, guard) to Path
        By number: where a replay goes on whose guard fails; `entered_from` is the
        path that leads here.
    parent, at, left : Path or None, int, dict of int to Path
        The path that it left, the node at which, and the paths that left it.
    is_believed : bool
        Whether two recordings agreed, so that it may be replayed; `order` is when.
    is_optimistic : bool
        Whether the first kernel multiplies zeros by what is not finite, and refuses
        where that NaN matters; a second one then absorbs, as the interpreter does.
    """

    tape: Tape | None
    inputs: list[Type]
    types: list[Type]
    structure: Any
    answers: list[tuple[str, Any]]
    captured: list[tuple[Any, int]]
    snapshot: Any
    plain_arrays: Any
    kernels: list[Compiled] = field(default_factory=list)
    exits: dict[tuple[int, int], Path] = field(default_factory=dict)
    entered_from: Path | None = None
    reason: str = ""
    record_seconds: float = 0.0
    number: int = 0
    is_believed: bool = False
    order: int = 0
    parent: Path | None = None
    at: int = 0
    left: dict[int, Path] = field(default_factory=dict)
    is_optimistic: bool = False
    #: Rows that failed a guard before there was a path that goes on there.
    seen: dict[int, int] = field(default_factory=dict)
    #: What its calls took without native code, and the compilation that was asked for.
    tier: Tier = field(default_factory=Tier)
    job: Job | None = None
    #: Whether a call has waited for it.
    is_awaited: bool = False
    #: How NumPy plays the tape, made when it first has to.
    plan: Plan | None = None
    handed_out: tuple[Returned, ...] | None = None
    #: Whether a loop did more steps than its native code has room for, and how much
    #: more room than for the recorded steps there is.
    is_long: bool = False
    growth: int = 1
    #: Inputs behind the arguments whose values were the same at all recordings so far,
    #: by number: numbers from outside that it was not recorded at others of.
    unvaried: dict[int, Any] = field(default_factory=dict)
    #: The tape as it is compiled, and its captures; see `short`.
    compiled_as: tuple[Tape, list[int]] | None = None
    #: The tape of a loop that a guard ends; see `ended`.  None: there is no such loop.
    ending: Ended | Literal["unasked"] | None = "unasked"
    #: The path that answers for this one, from which only the number of steps differs.
    answered_by: Path | None = None
    #: Elements of an axis up to which its steps are written out in native code.
    unrolled: int = MOST_UNROLLED
    #: Whether native code is wanted soon: calls go on without it meanwhile.
    is_hurried: bool = False
    #: Whether NumPy's plays take longer than compiling does: calls wait for it then.
    is_slow: bool = False
    #: Of rows: how its kernel takes them.
    block: Block | None = None
    #: How often some of them needed the kernel in which zeros absorb.
    misses: int = 0
    #: The captures as native code reads them; see `read_natively`.
    contiguous: list[np.ndarray] | None = None

    @property
    def recording(self) -> Tape:
        """The tape of a path that keeps it."""
        assert self.tape is not None
        return self.tape

    @property
    def short(self) -> tuple[Tape, list[int]]:
        """The tape as it is compiled, its loops as single nodes; and its captures."""
        if self.compiled_as is None:
            captured = [index for _, index in self.captured]
            short = shortened(self.recording, captured)
            self.compiled_as = opened(*short, self.growth)
        return self.compiled_as

    @property
    def ended(self) -> Ended | None:
        """The short tape with a loop that does as many steps as a condition says."""
        if self.ending == "unasked":
            self.ending = ended(*self.short)
        return self.ending

    @property
    def compiled(self) -> tuple[Tape, list[int]]:
        """The tape that native code is made of, and its captures."""
        return self.short if self.ended is None else self.ended[:2]

    @property
    def known_steps(self) -> list[int]:
        """The numbers of steps that its loop was recorded with, if a guard ends it."""
        if not isinstance(self.ending, Ended):
            return []
        found: list[int] = np.flatnonzero(self.ending.counts).tolist()
        return found

    @property
    def is_answered(self) -> bool:
        """Whether another path answers for it."""
        other = self.answered_by
        return other is not None and other.is_believed and bool(other.known_steps)

    def answers_for(self, other: Path) -> bool:
        """Take in a path that differs in the number of steps alone; whether it does."""
        own = self.ending
        if not isinstance(own, Ended) or other.ended is None:
            return False
        steps = other.ended.steps
        if own.key != other.ended.key or steps >= len(own.counts):
            return False
        reads = [[id(array) for array, _ in path.captured] for path in (self, other)]
        compares = [path.plain_arrays.pairs for path in (self, other)]
        if reads[0] != reads[1] or any(compares):
            return False
        own.counts[steps] = True
        other.answered_by = self
        return True

    @classmethod
    def of(cls, tape: Tape, *read: Any) -> Path:
        """Return the path that a tape recorded, and what it read from outside."""
        assert tape.structure is not None
        inputs = [tape.types[index] for index in tape.input_indices]
        types = [tape.types[index] for index in tape.output_indices]
        return cls(tape, inputs, types, tape.structure[1], answers(tape), *read)

    def play(self, values: Sequence[Any]) -> list[Any] | Left:
        """Return the outputs by NumPy."""
        if self.plan is None:
            self.plan = Plan(self.recording, [index for _, index in self.captured])
        return self.plan.run(values, [array for array, _ in self.captured])

    def next_of(self, way: Left) -> Path | None:
        """Return the path that goes on where a play left this one, if it is known."""
        return self.left.get(way.node)

    @property
    def is_pending(self) -> bool:
        """Whether native code may still be made of it."""
        is_done = self.kernels or self.reason or self.is_answered
        return self.is_believed and not is_done

    @property
    def is_asked(self) -> bool:
        """Whether a compilation was asked for that is not done."""
        job = self.job
        return job is not None and not (job.is_lost or job.done.is_set())

    @property
    def expected(self) -> Expected:
        """What another recording of this path is compared with."""
        return Expected(self.recording, {index for _, index in self.captured})

    def is_tried(self, numbers: Sequence[Any]) -> bool:
        """Whether it may be replayed at these numbers from outside.

        Two recordings at other numbers have agreed, or these are those it was made at.
        """
        return all(same_number(numbers[k], x) for k, x in self.unvaried.items())

    def takes(self, leaves: Sequence[Any], count: int) -> bool:
        """Whether it has these inputs, the last ones numbers from outside."""
        if len(leaves) != len(self.inputs):
            return False
        return not self.unvaried or self.is_tried(leaves[len(leaves) - count :])

    def grow(self) -> None:
        """Have its next native code do more steps of a loop."""
        self.is_long, self.compiled_as = False, None
        self.growth *= GROWTH

    def agreed(self, numbers: Sequence[Any]) -> None:
        """Take in that a recording at these numbers from outside agrees."""
        self.unvaried = {
            k: x for k, x in self.unvaried.items() if same_number(numbers[k], x)
        }

    def doubt(self) -> None:
        """Replay it no more until another recording agrees."""
        self.is_believed, self.kernels = False, []

    def has(self, index: int, node: Node) -> bool:
        """Whether a node of the path is this one."""
        tape = self.recording
        return (
            index < len(tape)
            and agree(tape.operations[index], node.operation)
            and tape.operands[index] == node.operands
            and tape.types[index] == node.type
            and same(tape.settings[index], node.settings)
        )

    @property
    def read_natively(self) -> list[np.ndarray]:
        """The captures as native code reads them: copies of those in pieces.

        Behind them is which numbers of steps are known, where a loop asks that.
        """
        if self.contiguous is None:
            self.contiguous = [native(array) for array, _ in self.captured]
            if isinstance(self.ending, Ended):
                self.contiguous.append(self.ending.counts)
        return self.contiguous

    @property
    def has_copies(self) -> bool:
        """Whether native code reads copies of captures, which `refresh` renews."""
        pairs = zip(self.captured, self.read_natively, strict=False)
        return any(copy is not array for (array, _), copy in pairs)

    def refresh(self) -> bool:
        """Copy the captures that do not lie as native code reads them.

        True if one has another shape or dtype now: the path holds no longer.
        """
        for array, index in self.captured:
            like = self.recording.types[index]
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
                self.recording.line(index),
                self.recording.settings[index]["kind"],
                self.recording.settings[index]["expected"],
            )
            for index, operation in enumerate(self.recording.operations)
            if operation is GUARD
        ]

    @property
    def returned(self) -> tuple[Returned, ...]:
        """What the native code hands out."""
        if self.handed_out is None:
            self.handed_out = tuple(map(returned, self.types))
        return self.handed_out


def answers(tape: Tape) -> list[tuple[str, Any]]:
    """Return what the guards of a tape ask and expect."""
    return [
        (settings["kind"], settings["expected"])
        for operation, settings in zip(tape.operations, tape.settings, strict=True)
        if operation is GUARD
    ]


@dataclass(slots=True, eq=False)
class Tree:
    """The paths that are known for one structure and types of the arguments."""

    root: Path | None = None
    #: By number, in the order in which they were recorded.
    paths: dict[int, Path] = field(default_factory=dict)
    belief: Belief = field(default_factory=Belief)
    lock: Any = field(default_factory=locks.make)
    #: Of the paths that were kept so far.
    count: int = 0
    lifting: Lifting = field(default_factory=Lifting)
    #: Whether its paths stand and fall together, as those that rows lead to.
    is_of_rows: bool = False

    @property
    def is_eager(self) -> bool:
        """Whether the function itself is called."""
        return bool(self.belief.reason)

    @property
    def kept(self) -> list[Path]:
        """The paths at this moment, which another thread may be adding to."""
        return list(self.paths.values())

    @property
    def believed(self) -> list[Path]:
        """The paths that may be replayed."""
        return [path for path in self.kept if path.is_believed]

    def add(self, path: Path) -> None:
        """Keep a path, that exits alone lead to."""
        self.count += 1
        path.number = self.count
        self.paths[path.number] = path

    def insert(self, path: Path, beside: Path | None = None, node: int = 0) -> None:
        """Keep a path, which has the nodes before one in common with another path."""
        self.add(path)
        if self.root is None:
            self.root = path
            return
        beside = beside or self.root
        node = common(beside, path, node)
        while (other := beside.left.get(node)) is not None:
            beside, node = other, common(other, path, node)
        self.leave(beside, node, path)

    def leave(self, parent: Path, node: int, path: Path) -> None:
        """Note that a path leaves another at a node."""
        if path.number not in self.paths:
            self.add(path)
        parent.left[node], path.parent, path.at = path, parent, node

    def remove(self, path: Path) -> None:
        """Forget a path; one that left it latest takes its place."""
        self.paths.pop(path.number, None)
        for other in self.kept:
            if other.answered_by is path:
                other.answered_by = None
        heir = path.left.pop(max(path.left)) if path.left else None
        if heir is not None:
            for node, child in path.left.items():  # what the heir has in common too
                heir.left[node], child.parent = child, heir
            heir.parent, heir.at = path.parent, path.at
        if path is self.root:
            self.root = heir
        if path.parent is not None:
            del path.parent.left[path.at]
            if heir is not None:
                path.parent.left[path.at] = heir
        for other in path.exits.values():
            other.entered_from = None
        before = path.entered_from
        if before is not None:
            before.exits = {k: to for k, to in before.exits.items() if to is not path}

    def clear(self) -> None:
        """Forget all paths."""
        self.root = None
        self.paths.clear()

    def renew(self) -> tuple[tuple[Any, ...] | None, bool]:
        """Forget the paths that are stale, and doubt those that were tried elsewhere.

        Returns
        -------
        numbers : tuple, or None where one is of another class now
            From outside that are inputs.
        is_changed : bool
            Whether there was any such path.
        """
        numbers = self.lifting.values()
        is_changed = self.drop_changed(numbers)
        return numbers, self.doubt_untried(numbers or ()) or is_changed

    def drop_changed(self, numbers: Sequence[Any] | None) -> bool:
        """Forget the paths that what the function reads has made stale; whether any.

        Every path that is there was recorded with the same numbers outside, so that the
        last one stands for all; contents of arrays belong to each.
        """
        if self.root is None:
            return False
        newest = next(reversed(self.paths.values()))
        if numbers is None:
            self.lifting.turn()
            self.clear()
            return True
        if newest.snapshot.changed() is not None:
            self.lifting.note(newest.snapshot)
            self.clear()
            return True
        stale = [
            path
            for path in self.paths.values()
            if (path.plain_arrays.pairs and path.plain_arrays.changed() is not None)
            or (path.captured and path.tape is not None and path.refresh())
        ]
        for path in stale:
            self.lifting.note_elements(path.snapshot, path.plain_arrays)
            self.remove(path)
        if stale and self.is_of_rows:
            self.clear()
        return bool(stale)

    def doubt_untried(self, numbers: Sequence[Any]) -> bool:
        """Doubt the paths that were tried at other numbers alone; whether any."""
        doubtful = [path for path in self.believed if not path.is_tried(numbers)]
        for path in doubtful:
            path.doubt()
        return bool(doubtful)

    def link(self, path: Path, ways: list[tuple[int, int]], to: Path) -> None:
        """Note where a replay goes on whose guard fails.

        Only one path leads to another, and none back: a replay comes to an end.
        """
        before: Path | None = path
        while before is not None and before is not to:
            before = before.entered_from
        if before is to or (to.entered_from or path) is not path:
            return
        for way in ways:
            if path.exits.setdefault(way, to) is to:
                to.entered_from = path


def common(one: Path, other: Path, start: int) -> int:
    """Return how many nodes two paths have in common, given that some are."""
    tape, like = one.recording, other.recording
    for index in range(start, min(len(tape.operations), len(like.operations))):
        if not one.has(index, node_of(like, index)):
            return index
    return min(len(tape.operations), len(like.operations))


class Follower:
    """Which known path of a tree a recording goes along.

    Parameters
    ----------
    tree : Tree
        With at least one path.
    is_strict : bool
        Whether leaving the path at a guard is an error.
    """

    def __init__(self, tree: Tree, is_strict: bool) -> None:
        assert tree.root is not None
        self.path, self.is_strict = tree.root, is_strict

    def branch(self, index: int, node: Node) -> Expected | None:
        """Return the path that left this one with the same node, if one is known."""
        path: Path | None = self.path
        while path is not None and (path := path.left.get(index)) is not None:
            if path.has(index, node):
                self.path = path
                return path.expected
        tape = self.path.recording
        is_guard = node.operation is GUARD and index < len(tape)
        if self.is_strict and is_guard and tape.operations[index] is GUARD:
            raise left(tape, index, node.settings["expected"])
        return None
