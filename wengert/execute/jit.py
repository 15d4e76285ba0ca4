"""`jit`: a function is recorded once a path, compiled, and replayed under guards.

A `Jitted` function keeps one `Entry` for every structure and type of its arguments.  An
entry keeps the paths that were met; native code finds the one whose guards hold, and
where none does the call is recorded along its own path, which is kept too.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import itertools
import sys
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from types import FunctionType
from typing import Any, Generic, ParamSpec, TypeVar, overload

import numpy as np

from wengert.capture import reads, tree
from wengert.capture.answers.table import RECORDING
from wengert.capture.array import MOSTLY, RecordedValue
from wengert.capture.layout import (
    asked_of_memory,
    share_memory,
    writes_arguments,
)
from wengert.capture.record import active_tape, own_array, record_onto
from wengert.core import locks
from wengert.core.checked import CheckedTape
from wengert.core.tape import FoundNumbers, Tape
from wengert.core.transformed import reduced, shown
from wengert.core.types import has_class, is_array
from wengert.derive.budget import Plan
from wengert.derive.steps import has_long_loops
from wengert.emit import watch
from wengert.emit.machine import Told
from wengert.emit.objects import is_fast
from wengert.errors import ArgumentError, explain
from wengert.execute.arrays import TURNED, WRITEABLE, argument
from wengert.execute.background import PATIENCE, WORKER, Job, Progress, compiles_now
from wengert.execute.belief import MOST_TRIES, warn_eager
from wengert.execute.costs import (
    CALLS_A_RECORDING,
    MOST_OPTIMISED,
    is_slow,
    play_seconds,
)
from wengert.execute.deferred import loud_nodes, told_of
from wengert.execute.engine import (
    add_absorbing_kernel,
    compile_path,
    is_off,
    measure_play,
    native_engine,
    optimise,
    why_given_up,
)
from wengert.execute.entries import LOOKING, MISS, Entry, run, without_numbers
from wengert.execute.inlined import inlined
from wengert.execute.interpret import as_weak, evaluate_node, own
from wengert.execute.keys import (
    WRITES,
    Keys,
    direct_parameters,
    is_built_in,
    static_values,
    told_apart,
)
from wengert.execute.native import quietly
from wengert.execute.out import deliver, has_keyword
from wengert.execute.paths import MOST_GROWN, Follower, Path
from wengert.execute.plan import Left, results_of
from wengert.execute.report import PathList, Report
from wengert.execute.rows import compile_inside
from wengert.execute.tier import CALL, PLAY
from wengert.lower.refusal import BOUNDS
from wengert.structure.budget import Budgeted, tried, within

P = ParamSpec("P")
R = TypeVar("R")
MOST_PATHS = 64
#: Signatures that native code tells apart by itself; further ones are looked up.
MOST_DIRECT = 8
#: Arrays of which native code asks whether any two share memory.
MOST_APART = 16
#: Signatures that one function keeps; the one recorded longest ago goes.
MOST_ENTRIES = 512


@contextlib.contextmanager
def collector_paused() -> Iterator[None]:
    """Stop the cyclic collector for the length of a recording.

    A tape is many small objects of which none is garbage: looking at them again and
    again took a quarter of the time of a first call.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def is_sizeable(leaf: Any) -> bool:
    """Whether operations on an argument may have results that are deferred."""
    return is_array(leaf) and leaf.size >= MOSTLY


#: Makes native code of a path, and tells how far it is.
Work = Callable[[Path, Told], None]
#: Where a replay ended that no known path takes up: the path, and the ways out of it.
Exit = tuple[Path, list[tuple[int, int]]]


@dataclass(frozen=True, slots=True)
class Call:
    """A call that is to be recorded.

    Attributes
    ----------
    entry : Entry
        What is known of calls of its key.
    key : hashable
    leaves : list
        Its numeric arguments.
    structure : object
        Of all of its arguments.
    told : dict or None
        Numbers that a recording notes for the next one of the same call.
    """

    entry: Entry
    key: Any
    leaves: list[Any]
    structure: Any
    told: FoundNumbers | None = None


class Jitted(Generic[P, R]):
    """A function that is recorded once a path and replayed natively; see `jit`."""

    def __init__(
        self,
        fun: Callable[P, R],
        static_argnums: Sequence[int] = (),
        max_paths: int = MOST_PATHS,
        is_strict: bool = False,
        wait: bool = False,
    ) -> None:
        functools.update_wrapper(self, fun, updated=())
        self.fun = fun
        self.static_argnums = tuple(static_argnums)
        self.max_paths = max_paths
        self.is_strict = is_strict
        self.waits = wait
        self.name = getattr(fun, "__name__", type(fun).__name__)
        self.owns_out = not has_keyword(fun, "out")
        self.keys = Keys(fun, self.name, self.static_argnums)
        self.entries: dict[Any, Entry] = {}
        self.lock = locks.make()
        self._counter = 0
        self._positional = self.dispatch_positional

    @property
    def compared_by(self) -> list[Any]:
        """What must be the same where two recordings agree: one is made for each."""
        how = self.static_argnums, self.max_paths, self.is_strict, self.waits
        return [self.fun, *how]

    def remade(self, *parts: Any) -> Jitted[P, R]:
        """Return one that is compared by other parts."""
        return Jitted(*parts)

    # Calling

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.dispatch(args, kwargs)  # type: ignore[no-any-return]

    def dispatch(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], is_tried: bool = False
    ) -> Any:
        """Answer a call that no native entry took, though they may be tried."""
        if LOOKING.get():
            return self.known_answer(args, kwargs, is_tried)
        out = kwargs.pop("out", None) if self.owns_out else None
        if sys.is_finalizing():  # a frozen thread may hold a lock for ever
            return deliver(self.fun(*args, **kwargs), out)
        keys = self.keys
        leaves, structure, key = keys.describe(args, kwargs)
        if RECORDING.get() is not None and active_tape() is not None:
            return deliver(self.fun(*args, **kwargs), out)
        if any(isinstance(leaf, RecordedValue) for leaf in leaves):
            return deliver(self.fun(*args, **kwargs), out)
        entry = self.entries.get(key)
        if entry is None and self.varies(key):
            leaves, structure, key = keys.describe(args, kwargs)
            entry = self.entries.get(key)
        end: Exit | None = None
        if entry is not None:
            if entry.is_eager:
                return deliver(self.call_itself(args, kwargs, leaves), out)
            found = MISS
            if WRITES not in keys.asked or not share_memory(leaves):
                call = functools.partial(self.call_itself, args, kwargs, leaves)
                found, end = self.replay(entry, leaves, call, is_tried)
            if found is not MISS:
                return deliver(found, out)
        try:
            return deliver(self.record(key, leaves, structure, end), out)
        except Exception:  # also a TypeError of code that takes no recorded int
            places = {place for place in keys.varying if place[0] == structure}
            if not places:
                raise
        return self.with_settled(places, args, kwargs, out)

    def known_answer(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], is_tried: bool
    ) -> Any:
        """Answer a call by what is known, neither recording it nor calling `fun`."""
        leaves, _, key = self.keys.describe(args, kwargs)
        entry = self.entries.get(key)
        if entry is None or entry.is_eager:
            return MISS
        return self.replay(entry, leaves, None, is_tried)[0]

    def with_settled(
        self, places: set[Any], args: tuple[Any, ...], kwargs: dict[str, Any], out: Any
    ) -> Any:
        """Answer a call whose ints could not be recorded: they are static again.

        Where the function raises all the same, they go on as they were.
        """
        self.keys.settle(places)
        try:
            return self.dispatch(
                args, kwargs if out is None else {**kwargs, "out": out}
            )
        except Exception:
            self.keys.unsettle(places)
            raise

    def call_itself(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], leaves: list[Any]
    ) -> Any:
        """Return what the function gives, which may write into copies as ever.

        Arguments that share memory are given as they are: copies would not share it.
        """
        is_spared = getattr(self.fun, "spares_arguments", False)
        has_arrays = not is_spared and any(is_array(leaf) for leaf in leaves)
        if has_arrays and not share_memory(leaves):
            static = self.keys.static(len(args))
            args = tuple(
                arg if k in static else tree.map_leaves(own_array, arg)
                for k, arg in enumerate(args)
            )
            kwargs = {
                name: tree.map_leaves(own_array, arg) for name, arg in kwargs.items()
            }
        return self.fun(*args, **kwargs)

    def varies(self, key: Any) -> bool:
        """Note the ints of a new key; whether they are inputs from now on."""
        with self.lock:
            found = self.keys.varies(key, self.entries)
            for other in found or ():
                del self.entries[other]
        return found is not None

    def learn(self, tape: Tape, key: Any, entry: Entry, leaves: list[Any]) -> Any:
        """Note what a tape asks of its arguments' memory; return the key with it."""
        asked = {kind for kind, inputs in asked_of_memory(tape).items() if inputs}
        if writes_arguments(tape):
            asked.add(WRITES)
        if asked <= self.keys.asked:
            return key
        self.keys.asked |= asked
        turned = [k for k, (kind, _) in enumerate(key[1]) if kind == TURNED]
        types = self.keys.types(leaves, turned)
        self.entries.pop(key, None)
        key = (key[0], types, *key[2:])
        self.entries[key], entry.leaf_types = entry, types
        for other in self.entries.values():
            other.rebuild()
        self.reinstall()
        return key

    def replay(
        self,
        entry: Entry,
        leaves: list[Any],
        call: Callable[[], Any] | None,
        is_tried: bool = False,
    ) -> tuple[Any, Exit | None]:
        """Return the result of the path that fits, or MISS and where it ended.

        Without native code it may also be that of the call itself.
        """
        groups = None
        with self.lock:
            numbers = self.renew(entry)
            root = entry.tree.root
            if root is None or numbers is None:
                return MISS, None
            if not (is_tried and entry.direct is not None and entry.direct[0]):
                groups = entry.groups
                if groups is None:
                    groups = entry.groups = entry.bound(compiles_now())
        leaves = [*leaves, *numbers]
        given = [argument(leaf) for leaf in leaves] if groups else []
        for native, structure in groups or ():
            found = native(*given)
            if found is not MISS:
                return tree.unflatten(structure, list(found)), None
        return self.descend(entry, root, leaves, call, len(numbers))

    def renew(self, entry: Entry) -> tuple[Any, ...] | None:
        """Forget what is stale of an entry; return its numbers from outside, as now."""
        numbers, is_changed = entry.tree.renew()
        if is_changed:
            self.rebind(entry)
        return numbers

    def descend(
        self,
        entry: Entry,
        root: Path,
        leaves: list[Any],
        call: Callable[[], Any] | None,
        count: int,
    ) -> tuple[Any, Exit | None]:
        """Go from path to path where native calls did not arrive, or do not go.

        The last `count` leaves are numbers from outside.
        """
        path: Path | None = root
        end: Exit | None = None
        while path is not None and (path.is_believed or path.left):
            if not path.takes(leaves, count):  # another thread has recorded it since
                break
            ways: list[tuple[int, int]] = []
            if path.kernels and path.is_believed:
                found, ways = run(path, [argument(leaf) for leaf in leaves])
                if found is not MISS:
                    return tree.unflatten(path.structure, list(found)), None
                end = path, ways
            if ways:
                to = (path.exits.get(way) for way in ways)
                other = next((other for other in to if other is not None), None)
                # Of equal elements, and what is out of bounds, NumPy knows more.
                if other is not None or ways[-1][1] != BOUNDS:
                    path = other
                    continue
            if self.awaits(path):
                continue
            if call is not None and self.prefers_call(path):
                found = self.timed(path, CALL, functools.partial(self.owned, call))
                self.ask(entry, path)
                return found, None
            played = self.timed(path, PLAY, functools.partial(path.play, leaves))
            if isinstance(played, Left):
                path = path.next_of(played)
            elif not path.is_believed:
                path = None
            else:
                self.ask(entry, path)
                return tree.unflatten(path.structure, played), None
        return MISS, end

    # Without native code

    def awaits(self, path: Path) -> bool:
        """Wait for native code that is there sooner than a play; whether it is there.

        One call does, and not for much longer than a play takes.
        """
        job = path.job
        if path.kernels or not path.is_slow or job is None or not path.is_asked:
            return False
        if not path.is_awaited:
            path.is_awaited = True
            seconds = PATIENCE + play_seconds(path.recording)
            WORKER.hasten(job, seconds, lambda: bool(path.kernels))
        return bool(path.kernels) and path.is_believed

    def prefers_call(self, path: Path) -> bool:
        """Whether the function itself is called: it is faster, or to be measured.

        A function whose call is a recording is never faster.
        """
        if not path.is_believed or path.kernels or self.is_strict or compiles_now():
            return False
        if getattr(self.fun, "records_itself", False):
            return False
        to_plan = len(path.recording) if path.plan is None else 0
        return path.tier.choose(to_plan) == CALL

    def owned(self, call: Callable[[], Any]) -> Any:
        """Return what a call of the function gives, in memory of its own."""
        found = call()
        if getattr(self.fun, "owns_results", False):
            return found
        return tree.map_leaves(own, found)

    def timed(self, path: Path, kind: str, work: Callable[[], Any]) -> Any:
        """Return what NumPy or the function itself gives, and note what it took."""
        started = time.perf_counter()
        with np.errstate(all="ignore"):  # as native code, it does not warn
            found = work()
        path.tier.note(kind, time.perf_counter() - started)
        return found

    def ask(self, entry: Entry, path: Path) -> None:
        """Have native code made of a path, once its calls have taken as long."""
        if path.is_long and path.growth < MOST_GROWN and not path.is_asked:
            path.grow()
            self.submit(entry, path, compile_path)
            return
        if path.kernels:
            is_first = path.is_optimistic and len(path.kernels) == 1
            if is_first and not path.is_asked:
                self.submit(entry, path, add_absorbing_kernel)
            return
        if path.is_asked or not path.is_pending:
            return
        if path.tier.is_spent(path.short[0]):
            path.reason = path.tier.why_not(path.short[0])
            if not path.reason:
                self.submit(entry, path, compile_path)

    def submit(
        self, entry: Entry, path: Path, work: Callable[[Path, Told], None]
    ) -> None:
        """Have something compiled beside the calls, or within this one."""
        beside = functools.partial(compile_beside, weakref.ref(self), entry, path, work)
        path.job = Job(self.name, beside)
        if compiles_now():
            path.job.run()
        else:
            WORKER.submit(path.job)

    def wait(self) -> None:
        """Wait until all that is believed has native code, or a reason for none.

        What takes longer than a second is told on the standard error stream.
        """
        self.submit_all()
        for entry in list(self.entries.values()):
            for path in entry.tree.kept:
                if path.job is not None:
                    WORKER.finish(path.job)

    def submit_all(self) -> None:
        """Have native code made of all that is believed."""
        for entry in list(self.entries.values()):
            for path in entry.tree.kept:
                if path.is_pending and not path.is_asked:
                    self.submit(entry, path, compile_path)

    @property
    def is_called_often(self) -> bool:
        """Whether it is compiled as soon as it is believed."""
        return bool(getattr(self.fun, "is_called_often", False))

    def record(
        self, key: Any, leaves: list[Any], structure: Any, end: Exit | None
    ) -> Any:
        """Record the call along its own path, keep the path, return its values.

        The path is compiled when a second recording agrees; see `judge`.  A replay that
        ended where `end` says goes on along this path the next time.
        """
        with self.lock:
            entry = self.entries.get(key)
            is_new = entry is None
            if entry is None:
                entry = Entry(self.name, key[1])
                self.entries[key] = entry
                entry.is_hurried = self.is_called_often and not compiles_now()
                if len(self.entries) > MOST_ENTRIES:
                    self.entries.pop(next(iter(self.entries)))
            self.renew(entry)  # paths of one entry stand for each other's reads
            told: FoundNumbers | None = {} if self.waits else None
            call = Call(entry, key, leaves, structure, told)
            path, tape = self.record_first(call)
            learnt = self.learn(path.recording, key, entry, leaves)
            call = replace(call, key=learnt)
            is_late = any(tape.play.outputs[k] is None for k in tape.output_indices)
            found = [] if is_late else results_of(tape)
            for _ in range(MOST_TRIES if self.waits else 0):
                if path.is_believed or entry.is_eager:
                    break
                path, _ = self.record_once(call)
            is_kept = entry.tree.paths.get(path.number) is path
            if end is not None and is_kept and path.answered_by is None:
                entry.tree.link(*end, path)
                if path.kernels:
                    entry.rebuild()
                    self.reinstall()
        if self.waits:
            self.wait()
        elif is_new and entry.is_hurried:
            # Not before: the compiler's thread would take turns with this one.
            WORKER.submit(Job(self.name, get_ready))
        if is_late:
            found = self.late_results(entry, path, leaves, tape)
        assert tape.structure is not None
        return tree.unflatten(tape.structure[1], found)

    def late_results(
        self, entry: Entry, path: Path, leaves: list[Any], tape: Tape
    ) -> list[Any]:
        """Return the results of a call that was recorded without its numbers.

        Where there is no native code, or NumPy may warn, NumPy computes them.
        """
        if path.is_believed and path.kernels and loud_nodes(tape) <= told_of(tape):
            with self.lock:
                numbers = self.renew(entry)
            if numbers is not None:
                given = [argument(leaf) for leaf in (*leaves, *numbers)]
                found = quietly(lambda: run(path, given)[0])
                if found is not None and found is not MISS:
                    return list(found)
        tape.settle(tape.output_indices)
        return results_of(tape)

    def record_first(self, call: Call) -> tuple[Path, Tape]:
        """Record one call; where numbers from outside make it fail, without them.

        Where the function raises all the same, they go on as they were.
        """
        lifting = call.entry.tree.lifting
        try:
            return self.record_once(call)
        except Exception:
            if not lifting.keys:
                raise
        self.record_onto(Tape(), call, reads.Evidence([], []))
        lifting.settled |= lifting.keys
        lifting.keys.clear()
        return self.record_once(call)

    def record_once(self, call: Call) -> tuple[Path, Tape]:
        """Record one call, compared with the paths that are known."""
        entry, known = call.entry, call.entry.tree
        with collector_paused():
            started = time.perf_counter()
            snapshot = self.snapshot(call.key, call.structure)
            numbers = self.lift(entry, snapshot)
            evidence = reads.Evidence(snapshot.inputs, numbers)
            follower = Follower(known, self.is_strict) if known.paths else None
            tape = Tape()
            if follower is not None:
                expected = follower.path.expected
                tape = CheckedTape(expected, follower.branch, evaluate_node)
            tape.refilled = snapshot.contents
            tape.told, tape.is_jitted = call.told, not isinstance(self.fun, Budgeted)
            is_deferring = tape.is_jitted and not self.is_called_often
            tape.defers = is_deferring and any(map(is_sizeable, call.leaves))
            tape.is_awaited = call.told is None
            with snapshot.noticing():
                self.record_onto(tape, call, evidence, snapshot.generators)
            wrote = snapshot.written()
            entry.tree.belief.watch(snapshot.eager_reason())
            if follower is not None and isinstance(tape, CheckedTape):
                path = follower.path
                path.agreed(numbers)
            else:
                path = Path.of(tape, *self.split(snapshot, tape))
                path.record_seconds = time.perf_counter() - started
                path.unvaried = dict(enumerate(numbers))
                path.unrolled = getattr(self.fun, "unrolled", path.unrolled)
            if known.lifting.takes_back(tape, snapshot, evidence):
                self.start_over(entry)
            else:
                self.judge(entry, path, follower, wrote)
        return path, tape

    def lift(self, entry: Entry, snapshot: reads.Snapshot) -> list[Any]:
        """Return the numbers from outside that are inputs of a recording."""
        lifting = entry.tree.lifting
        before = lifting.inputs
        numbers = lifting.lift(snapshot)
        if lifting.inputs is not before:  # the paths so far have other inputs
            self.start_over(entry)
        return numbers

    def start_over(self, entry: Entry) -> None:
        """Forget the paths of an entry, and their native code."""
        entry.tree.clear()
        self.rebind(entry)

    def rebind(self, entry: Entry) -> None:
        """Have calls go by the paths that an entry has now."""
        entry.rebuild()
        self.reinstall()

    def judge(
        self,
        entry: Entry,
        path: Path,
        follower: Follower | None,
        wrote: reads.Written | None,
    ) -> None:
        """Believe a path whose recordings agree; keep one that is new.

        A function that did something else each time, or that writes outside itself
        whenever it runs, is eager: a replay would not do what the function does.
        """
        difference = getattr(path.tape, "difference", None)
        agrees = follower is not None and follower.path is path
        entry.tree.belief.note(wrote, None if agrees else difference)
        if entry.tree.belief.reason:
            self.run_eagerly(entry)
        elif agrees and not wrote:
            entry.tree.belief.agree()
            if not path.is_believed:
                self.believe(entry, path)
        elif not agrees:
            beside, node = None, 0
            if follower is not None and difference is not None:
                if difference.is_branch:
                    beside, node = follower.path, difference.node
                else:  # in place of the one that it should have been
                    self.forget(entry, follower.path)
            self.keep(entry, path, beside, node, wrote)

    def believe(self, entry: Entry, path: Path) -> None:
        """Replay a path; the one believed longest goes when there are too many."""
        self._counter += 1
        path.is_believed, path.order = True, self._counter
        believed = entry.tree.believed
        if len(believed) > self.max_paths:
            oldest = min(believed, key=lambda p: p.order)
            self.forget(entry, oldest)
        if is_off():
            path.reason = "the native engine is off"
            return
        tape = path.recording
        path.is_slow = bool(tape.deferred or has_long_loops(tape)) and is_slow(tape)
        if path.is_slow or compiles_now() or self.is_called_often:
            self.submit(entry, path, compile_path)

    def run_eagerly(self, entry: Entry) -> None:
        """Give up recording for an entry, with one warning."""
        self.start_over(entry)
        warn_eager(self.name, entry.tree.belief)

    def snapshot(self, key: Any, structure: Any) -> reads.Snapshot:
        """Return what the function reads from outside, as it is now."""
        fixed, others, count = key[2], dict(key[3]), key[4]
        static = self.keys.static(count)
        given = static_values(structure, others, fixed, static, count)
        return reads.Reads.of(self.fun).snapshot(given, reads.kinds_in(structure))

    def split(self, snapshot: reads.Snapshot, tape: Tape) -> tuple[Any, Any, Any]:
        """Return the arrays read at replay, the snapshot, and arrays to compare."""
        on_tape, plain_arrays = reads.split(snapshot, tape)
        return on_tape, snapshot, plain_arrays

    def record_onto(
        self,
        tape: Tape,
        call: Call,
        evidence: reads.Evidence,
        generators: list[reads.ReadGenerator] | None = None,
    ) -> None:
        """Record a call on a tape whose inputs are the numeric leaves.

        Behind them are the numbers from outside that are inputs.  `generators` are
        those that the function reaches, where that is known.
        """

        leaves = call.leaves

        def flat(*numbers: Any) -> Any:
            given, kwargs = self.keys.filled(
                call.key, call.structure, numbers[: len(leaves)]
            )
            outside = [number._index for number in numbers[len(leaves) :]]
            if not outside:
                return self.fun(*given, **kwargs)
            with evidence.watching(tape, outside):
                return self.fun(*given, **kwargs)

        given = [*leaves, *evidence.values]
        record_onto(tape, flat, given, generators=generators)

    def join(self, entry: Entry, path: Path) -> bool:
        """Have a path answered for by one that differs in the number of steps alone.

        All that it does was recorded twice then, and it may be replayed.
        """
        for other in entry.tree.believed:
            if other is not path and other.answers_for(path):
                self._counter += 2
                path.is_believed, path.order = True, self._counter - 1
                other.order = self._counter
                return True
        return False

    def keep(
        self,
        entry: Entry,
        path: Path,
        beside: Path | None,
        node: int,
        wrote: reads.Written | None,
    ) -> None:
        """Keep a path that was recorded once; of too many the oldest goes."""
        entry.tree.insert(path, beside, node)
        if not wrote and self.join(entry, path):
            if path.answered_by is not None and path.answered_by.kernels:
                entry.tree.remove(path)  # native code does not need it
            return
        entry.recordings += 1
        unsure = [p for p in entry.tree.kept if not p.is_believed]
        if len(unsure) > self.max_paths:
            entry.tree.remove(unsure[0])
        if entry.recordings > 4 * self.max_paths:
            entry.tree.belief.reason = (
                f"it took more than {4 * self.max_paths} different paths "
                "(jit(f, max_paths=...) raises the limit)"
            )
            self.run_eagerly(entry)

    def forget(self, entry: Entry, path: Path) -> None:
        """Forget a path, and its native code if it has any."""
        entry.tree.remove(path)
        self.rebind(entry)

    def install(self, entry: Entry, path: Path) -> None:
        """Bind the native code of a path; have it optimised where that pays."""
        if not compiles_now():
            self.prepare(entry)  # what is compiled for it is kept, and found below
        with self.lock:
            entry.rebuild()
            self.reinstall(waits=True)
        first = path.kernels[0] if path.kernels else None
        if first is not None and first.level < 2 and first.nodes <= MOST_OPTIMISED:
            self.optimise_later(entry, path)

    def prepare(self, entry: Entry) -> None:
        """Compile the native call that an entry will have, while calls go on."""
        for key, other in list(self.entries.items())[:MOST_DIRECT]:
            if other is entry and self.direct_call(key, entry, self._positional, True):
                return
        entry.bound(waits=True)

    def optimise_later(self, entry: Entry, path: Path) -> None:
        """Compile a path again, for speed, beside the calls."""
        beside = functools.partial(
            compile_beside, weakref.ref(self), entry, path, optimise
        )
        WORKER.submit(Job(self.name, beside))

    def bind_later(self) -> None:
        """Bind anew what was bound in haste."""
        with self.lock:
            for entry in self.entries.values():
                if entry.is_slow:
                    entry.is_hurried = False
                    entry.rebuild()
            self.reinstall(waits=True)

    # The native entry as the object's own call

    def reinstall(self, waits: bool | None = None) -> None:
        """Chain the native calls of all entries that Python need not prepare.

        A call does not wait for what compiles meanwhile: it binds in haste then.
        """
        waits = compiles_now() if waits is None else waits
        call: Callable[..., Any] | None = None
        for key, entry in itertools.islice(self.entries.items(), MOST_DIRECT):
            fallback = call or self._positional
            if entry.direct is None or entry.direct[1] is not fallback:
                entry.direct = self.direct_call(key, entry, fallback, waits), fallback
            call = entry.direct[0] or call
        if any(entry.is_slow for entry in self.entries.values()):
            beside = functools.partial(bind_again, weakref.ref(self))
            WORKER.submit(Job(self.name, beside))
        kind = type(self)
        if kind is not Jitted:
            # What is called has no `self`: a builtin does not bind by itself.
            bound = staticmethod(call) if isinstance(call, FunctionType) else call
            # CPython forgets a type's old attribute only after it has freed it: a
            # thread that calls meanwhile would find what is gone.
            kept = kind.__dict__.get("__call__")
            setattr(kind, "__call__", bound or Jitted.__call__)  # noqa: B010
            del kept

    def dispatch_positional(self, *args: Any, **kwargs: Any) -> Any:
        """Answer a call that the native entry handed back."""
        return self.dispatch(args, kwargs, True)

    def direct_call(
        self, key: Any, entry: Entry, fallback: Callable[..., Any], waits: bool
    ) -> Callable[..., Any] | None:
        """Return one entry's native call on the user's own arguments, if it can be."""
        parameters = None if self.static_argnums else direct_parameters(key)
        arrays = sum(kind in (np.ndarray, WRITEABLE) for kind, _ in key[1])
        asked = self.keys.asked
        is_apart = WRITES in asked and arrays > 1
        if "base" in asked or (is_apart and arrays > MOST_APART):
            return None  # native code does not ask whose memory it is
        paths = entry.native
        if parameters is None or not paths:
            return None
        structures = {told_apart(path.structure) for path in paths}
        if len(structures) > 1 or not is_built_in(paths[0].structure):
            return None
        nested = tree.unflatten(paths[0].structure, list(range(len(paths[0].types))))
        plain = without_numbers(fallback, len(entry.tree.lifting.types))
        how = waits, parameters, not asked, is_apart
        call = entry.chain(paths, nested, plain, *how)
        return entry.guarded(call, fallback, waits)

    def transformed(self, fun: Callable[..., Any]) -> Jitted[..., Any]:
        """Return a derivative of the function, jitted as it is."""
        how = self.static_argnums, self.max_paths, self.is_strict, self.waits
        return jit(fun, *how)

    # Looking at it

    def plan(self, *args: P.args, **kwargs: P.kwargs) -> Plan:
        """Return what a call holds of loops, and does again, for its derivatives.

        Of each loop one step is done.  It prints; the budget is `memory`.
        """
        fun: Any = self.fun
        budget = None
        if isinstance(fun, Budgeted):
            fun, budget = fun.fun, fun.budget
        return tried(Plan(budget, is_trial=True), fun, args, kwargs, records=True)

    def paths(self) -> PathList:
        """Return the paths that are kept, with the lines that split them."""
        return PathList(
            [path for entry in list(self.entries.values()) for path in entry.tree.kept]
        )

    def recorded_at(self, args: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        """Return the arguments at which the paths of calls like one were recorded."""
        _, _, key = self.keys.describe(args, {})
        entry = self.entries.get(key)
        paths = [] if entry is None else entry.tree.kept
        return [tuple(self.arguments_of(key, path)[0]) for path in paths]

    def arguments_of(self, key: Any, path: Path) -> tuple[list[Any], dict[str, Any]]:
        """Return the arguments at which a path of a key was recorded."""
        structure, types, *_ = key
        tape = path.recording
        numbers = [
            as_weak(tape.types[k], tape.play.outputs[k])
            for k in tape.input_indices[: len(types)]
        ]
        return self.keys.filled(key, structure, numbers)

    def strict(self) -> Jitted[P, R]:
        """Return the same function, for which leaving the recorded path is an error."""
        return jit(self.fun, self.static_argnums, self.max_paths, True, self.waits)

    def clear(self) -> None:
        """Forget every recording: the next calls are recorded and compiled anew."""
        with self.lock:
            self.entries.clear()
            self.keys = Keys(self.fun, self.name, self.static_argnums)
            self.reinstall()

    def report(self) -> Report:
        """Return what is compiled, and what it cost."""
        return Report(self)

    def __repr__(self) -> str:
        paths = self.paths()
        missing = sorted({path.reason for path in paths if path.reason})
        state = f"{len(self.entries)} signatures, {len(paths)} paths"
        native = sum(bool(path.kernels) for path in paths)
        tail = f"; without native code: {', '.join(missing)}" if missing else ""
        return f"<jit {self.name}: {state}, {native} native{tail}>"

    @overload
    def __get__(self, instance: None, owner: Any = None) -> Jitted[P, R]: ...

    @overload
    def __get__(self, instance: Any, owner: Any = None) -> Callable[..., R]: ...

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        return functools.partial(self, instance)

    def __dir__(self) -> list[str]:
        return shown(self, ("report", "paths", "plan", "clear", "strict", "wait"))

    def __reduce__(self) -> Any:
        return reduced(self, jit, *self.compared_by)

    def __copy__(self) -> Jitted[P, R]:
        return self

    def __deepcopy__(self, _: dict[int, Any]) -> Jitted[P, R]:
        return self


def compile_beside(
    reference: weakref.ref[Jitted[..., Any]],
    entry: Entry,
    path: Path,
    work: Work,
    progress: Progress,
) -> None:
    """Compile a path, unless nobody needs it any more, and put the code in place."""
    jitted = reference()
    if jitted is None or entry.tree.paths.get(path.number) is not path:
        return
    try:
        if work is not compile_path:
            work(path, progress.tell)
        elif not compile_first(jitted, entry, path, progress.tell):
            return
    except Exception as error:  # nobody is there to see it
        path.kernels = []
        path.reason = f"{type(error).__name__} of the compiler: {error}"
    jitted.install(entry, path)


def compile_first(
    jitted: Jitted[..., Any], entry: Entry, path: Path, told: Told
) -> bool:
    """Compile a path that has no code yet; whether it did not join another one."""
    with jitted.lock:
        if jitted.join(entry, path):
            return False
    path.compiled_as = inlined(*path.short)
    path.is_hurried = not (jitted.waits or compiles_now())
    compile_path(path, told)
    compile_inside(path.recording)
    if path.kernels:
        path.reason = why_given_up(path, told)
        path.kernels = [] if path.reason else path.kernels
    else:
        path.tier.forget(PLAY)
        if jitted.waits:  # no call is spent on finding out which one is faster
            measure_play(path)
            path.tier.guess(CALL, path.record_seconds / CALLS_A_RECORDING)
    return True


def get_ready(_: Progress | None = None, is_hurried: bool = True) -> None:
    """Make the machine code that all functions share, before there is any."""
    if native_engine() and is_fast():
        watch.module(is_hurried=is_hurried)


def bind_again(reference: weakref.ref[Jitted[..., Any]], _: Progress) -> None:
    """Bind anew what was bound in haste, unless nobody needs it any more."""
    get_ready(is_hurried=False)  # no call waits for what is compiled here
    jitted = reference()
    if jitted is not None:
        jitted.bind_later()


def jit(
    fun: Callable[P, R],
    static_argnums: Sequence[int] | int = (),
    max_paths: int = MOST_PATHS,
    is_strict: bool = False,
    wait: bool = False,
    memory: str | float | None = None,
) -> Jitted[P, R]:
    """Return `fun` recorded, and replayed natively once two recordings agree.

    The function keeps plain Python semantics: branches on values are guards, and a call
    that leaves the recorded paths is recorded along its own.  The first call along a
    path is recorded; the second runs the function again and checks it against the
    first.  What differs each time, or writes outside itself, runs eagerly.  No call
    waits for the compiler, unless for less than a play of its long loops would take:
    native code is made beside the calls, and swapped in.

    Parameters
    ----------
    fun : callable
        Of arrays, numbers and nested containers of them.  Truth values, texts, None and
        Python ints are constants of a recording, one for each value; an int becomes an
        input once it has had eight.
    static_argnums : int or sequence of int
        Positional arguments that are hashable constants; each value is recorded apart.
    max_paths : int
        Paths kept for one structure and types of arguments; beyond four times as many
        recordings the function runs eagerly, with one warning.
    is_strict : bool
        Whether leaving the first path raises `GuardError`.
    wait : bool
        Whether a first call records, checks and compiles before it returns.
    memory : str or number, optional
        Bytes that sweeps over loops may hold in the derivatives that `fun` takes; see
        `grad`.  ``jit(f, memory=...).plan(x)`` prints what will be held.

    See Also
    --------
    record, vmap, grad

    Notes
    -----
    Cost: The first two calls along a path record.  The next ones play the tape with
    NumPy, or call the function, until the native code is there; then a call of small
    scalar code takes a fraction of a microsecond.  ``f.report()`` has the seconds of
    every path.

    Examples
    --------
    >>> import numpy as np
    >>> from wengert import grad, jit
    >>> slope = jit(grad(lambda x: np.sum(x**2)))
    >>> slope(np.array([1.0, 2.0]))
    array([2., 4.])
    """
    numbers = (static_argnums,) if has_class(static_argnums, int) else static_argnums
    if isinstance(fun, Jitted):
        fun = fun.fun
    if not callable(fun):
        raise ArgumentError(
            explain(
                f"jit was given a {type(fun).__name__}",
                "it compiles functions",
                "wengert.jit(f)",
            )
        )
    # A class of its own, so that its call can be the native function itself.
    kind = type("Jitted", (Jitted,), {"__doc__": Jitted.__doc__})
    fun = within(fun, memory)
    made: Jitted[P, R] = kind(fun, tuple(numbers), max_paths, is_strict, wait)
    return made
