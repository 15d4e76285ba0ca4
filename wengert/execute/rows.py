"""Functions of rows: one row is recorded, all rows are replayed side by side.

`Rows` takes flat operands, some with a value for each row and some shared by all, and
gives flat results, some with a value for each row and some added up over the rows.
Both derivatives of such a function are functions of the same kind, which is all that
it takes to be one node of a tape and to be differentiated any number of times.

Rows whose guards fail are grouped by the guard: one row of a group is recorded along
its own path, and that path's kernel computes the others of the group.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from wengert.capture import tree
from wengert.capture.array import RecordedValue
from wengert.capture.captures import CAPTURES, Captures
from wengert.capture.layout import share_memory
from wengert.capture.reads import PlainArrays, Reads, Snapshot, Written, split
from wengert.capture.reads.randomness import DrawsRefused
from wengert.capture.record import SetAside, active_tape, record_onto
from wengert.core.checked import CheckedTape, Expected
from wengert.core.guards import strides_of
from wengert.core.operation import Operation, apply
from wengert.core.tape import Play, Tape
from wengert.core.types import Array, Type, array_type, has_class, is_array, type_of
from wengert.emit.cache import compile_once
from wengert.emit.kernels import has_chain_products, lower
from wengert.emit.refusal import NotLoweredError
from wengert.errors import (
    ArgumentError,
    RecordingError,
    UnsupportedError,
    explain,
    warn,
)
from wengert.execute.all_rows import play_all, rows_seconds
from wengert.execute.arrays import native
from wengert.execute.background import compiles_now
from wengert.execute.belief import MOST_TRIES, warn_eager
from wengert.execute.costs import FEWEST_ROWS
from wengert.execute.engine import native_engine
from wengert.execute.lanes import chosen_lanes, chosen_threads, run_kernel
from wengert.execute.paths import Path, Tree
from wengert.execute.tier import PLAY
from wengert.structure.custom_rules import Call as RuleCall

Function = Callable[..., Any]
#: Paths kept for one function and types of operands; rows beyond are played one by one.
MOST_PATHS = 512
#: Rows from which on a call of Python's for each is worth a warning: some 40 ms.
MANY_ROWS = 1000
#: Whether a row is being recorded in this context.
RECORDS_ROW: ContextVar[bool] = ContextVar("wengert_records_row", default=False)


@dataclass(frozen=True, slots=True)
class Options:
    """How rows are replayed: lanes, threads and paths, None for this machine's own."""

    lanes: int | None = None
    threads: int | None = None
    max_paths: int = MOST_PATHS


def lower_path(path: Path, rows: Rows) -> None:
    """Make the kernel of a path; `reason` says why where there is none."""
    tape = path.recording
    absorbs = path.absorbs or not has_chain_products(tape)
    captured = [index for _, index in path.captured]
    sums = rows.summed(len(path.types))
    try:
        if not (rows.compiles and native_engine()):
            raise NotLoweredError("the native engine is off")
        lowered = lower(tape, absorbs, captured, rows.mapped, sums)
        lanes = chosen_lanes(rows.options.lanes)
        path.kernels = [compile_once(lowered.program, lanes=lanes, has_rows=True)]
        path.nan_guards = lowered.nan_guards
        path.tape = None
    except NotLoweredError as error:
        path.reason = str(error)


class Recorded(NamedTuple):
    """One row as it was recorded: its path, its results, and what it wrote outside.

    `unwatched` is what it came to that cannot be watched.
    """

    path: Path
    structure: Any
    results: list[Any]
    wrote: Written | None
    unwatched: str | None = None


class Collected:
    """The results of all rows as they come in, in groups."""

    def __init__(self, rows: Rows, count: int) -> None:
        self.rows, self.count = rows, count
        self.structure: Any = None
        self.parts: list[Any] = []

    def put(
        self,
        structure: Any,
        types: Sequence[Type],
        places: Array | None,
        parts: Sequence[Any],
    ) -> None:
        """Take the results of some rows, or of all rows where `places` is None."""
        sums = self.rows.summed(len(types))
        if self.structure is None:
            self.structure = structure
            self.parts = [
                None if is_sum or places is None else empty(self.count, like)
                for like, is_sum in zip(types, sums, strict=True)
            ]
        parts = tree.arranged(self.structure, structure, parts)
        for k, (part, is_sum) in enumerate(zip(parts, sums, strict=True)):
            known = self.parts[k]
            if known is None:
                self.parts[k] = part
            elif is_sum:
                self.parts[k] = known + part
            else:
                self.parts[k] = self.write(known, places, part)

    def write(self, known: Array, places: Any, part: Any) -> Array:
        """Return results with those of some rows put in."""
        shape = np.shape(part)[1:]
        if known.shape[1:] != shape:
            raise ArgumentError(
                explain(
                    f"{self.rows.name} returned shape {known.shape[1:]} for some rows "
                    f"and {shape} for others",
                    "the results of all rows are stacked into one array",
                    "return arrays of one shape, padded where rows differ",
                )
            )
        dtype = np.result_type(known.dtype, np.asarray(part).dtype)
        if dtype != known.dtype:
            known = known.astype(dtype)
        known[places] = part
        return known


def empty(count: int, like: Type) -> Array:
    """Return an array for a result of so many rows."""
    return np.empty((count, *like.shape), like.dtype)


class OtherCaptureError(RecordingError):
    """A row read a recorded value from outside that is not among the operands."""

    def __init__(self, message: str, value: Any = None) -> None:
        super().__init__(message)
        self.value = value


def other_capture(value: Any) -> Exception:
    """Return the error of a recorded value that no operand stands for."""
    text = explain(
        "a function of rows read another recorded value when it ran again",
        "what it reads from around it is found when it is first called",
        "pass the value as an argument, with in_axes=None",
    )
    return OtherCaptureError(text, value)


class Rows:
    """A function of rows; see the module.

    Parameters
    ----------
    name : str
    body : callable
        Takes the operands of one row, returns nested containers of numbers and arrays.
    mapped : sequence of bool
        Which operands have a value for each row, along their first axis.
    sums : sequence of bool or None
        Which results are added up over the rows; None for none.
    source : callable
        The user's function, whose reads from outside are watched.
    """

    def __init__(
        self,
        name: str,
        body: Function,
        mapped: Sequence[bool],
        sums: Sequence[bool] | None,
        source: Function,
        options: Options,
    ) -> None:
        self.name, self.body, self.source = name, body, source
        self.mapped, self.sums = tuple(mapped), sums
        self.options = options
        self.entries: dict[Any, Tree] = {}
        self.derived: dict[Any, Rows] = {}
        #: Arguments that are no numbers, and the classes in which arguments nest: what
        #: they hold, and what their methods read, is read from outside too.
        self.given: dict[int | str, Any] = {}
        self.kinds: tuple[type, ...] = ()
        #: What must live as long as this function.
        self.keep: Any = None
        #: Whether it was said that it is slow.
        self.is_told = False
        #: Whether its paths are compiled where that is possible.
        self.compiles = True

    def reads(self) -> Snapshot:
        """Return what the user's function reads from outside, as it is now."""
        return Reads.of(self.source).snapshot(self.given, self.kinds)

    def summed(self, count: int) -> Sequence[bool]:
        """Return which of `count` results are added up."""
        return (False,) * count if self.sums is None else self.sums

    # Calling

    def __call__(self, operands: Sequence[Any]) -> tuple[list[Any], Any]:
        """Return the flat results, and how they nest; one node where recorded."""
        if not any(isinstance(operand, RecordedValue) for operand in operands):
            return self.evaluate(operands)
        plain = [
            operand._current() if isinstance(operand, RecordedValue) else operand
            for operand in operands
        ]
        results, structure = self.evaluate(plain)
        return list(apply(Node(self, tuple(results)).operation, *operands)), structure

    def evaluate(self, operands: Sequence[Any]) -> tuple[list[Any], Any]:
        """Return the flat results of plain operands, and how they nest."""
        if active_tape() is None and CAPTURES.get() is None:
            return self.play(operands)
        with SetAside(Captures({}, other_capture)):
            return self.play(operands)

    def play(self, operands: Sequence[Any]) -> tuple[list[Any], Any]:
        """Replay all rows along the paths they take."""
        operands = [
            native(operand) if has_rows else operand
            for operand, has_rows in zip(operands, self.mapped, strict=True)
        ]
        count = next(
            len(operand)
            for operand, has_rows in zip(operands, self.mapped, strict=True)
            if has_rows
        )
        entry = self.entry(operands)
        if not count:
            return self.no_rows(entry, operands)
        return Turn(self, entry, operands, count).play()

    def entry(self, operands: Sequence[Any]) -> Tree:
        """Return what is known for operands of these types."""
        types = tuple(
            (operand.shape[1:], operand.dtype)
            if has_rows
            else (type(operand), type_of(operand))
            for operand, has_rows in zip(operands, self.mapped, strict=True)
        )
        pairs = zip(operands, self.mapped, strict=True)
        lies = [strides_of(x) for x, has_rows in pairs if is_array(x) and not has_rows]
        is_native = native_engine()
        key = (
            types,
            *lies,
            share_memory(operands),
            is_native and chosen_lanes(self.options.lanes),
        )
        entry = self.entries.get(key)
        if entry is None:
            entry = self.entries.setdefault(key, Tree())
        with entry.lock:
            if entry.drop_changed():
                entry.clear()
        return entry

    def no_rows(self, entry: Tree, operands: Sequence[Any]) -> tuple[list[Any], Any]:
        """Return empty results; their types come from a row of ones."""
        with entry.lock:
            path = entry.root
            if path is None:  # not kept: its guards were answered by made-up numbers
                row = [
                    np.ones(operand.shape[1:], operand.dtype)[()]
                    if has_rows
                    else operand
                    for operand, has_rows in zip(operands, self.mapped, strict=True)
                ]
                path = self.record(row).path
        sums = self.summed(len(path.types))
        results = [
            np.zeros(like.shape if is_sum else (0, *like.shape), like.dtype)
            for like, is_sum in zip(path.types, sums, strict=True)
        ]
        return results, path.structure

    def record(self, row: Sequence[Any], absorbs: bool = False) -> Recorded:
        """Record one row along its own path."""
        snapshot = self.reads()
        try:
            tape = self.write(Tape(), row, snapshot)
        except UnsupportedError as error:  # plain NumPy may do what a tape cannot
            plain = PlainArrays([], {})
            path = Path(None, [], [], None, [], [], snapshot, plain, reason=str(error))
            return Recorded(path, None, [], None)
        return self.recorded(tape, snapshot, absorbs)

    def check(self, path: Path, row: Sequence[Any]) -> Recorded:
        """Record one row, compared with a path; it is that path where they agree."""
        assert path.tape is not None
        snapshot = self.reads()
        captured = {index for _, index in path.captured}
        expected = CheckedTape(Expected(path.tape, captured))
        tape = self.write(expected, row, snapshot)
        agreed = path if isinstance(tape, CheckedTape) else None
        return self.recorded(tape, snapshot, path.absorbs, agreed)

    def write(self, tape: Tape, row: Sequence[Any], snapshot: Snapshot) -> Tape:
        """Record one row on a tape."""
        token = RECORDS_ROW.set(True)
        try:
            with (
                DrawsRefused(self.source, row),
                np.errstate(all="ignore"),
                snapshot.noticing(),
            ):
                return record_onto(tape, self.body, row)
        finally:
            RECORDS_ROW.reset(token)

    def recorded(
        self,
        tape: Tape,
        snapshot: Snapshot,
        absorbs: bool,
        known: Path | None = None,
    ) -> Recorded:
        """Return what came of a recording: its path, and the results of its row."""
        assert tape.structure is not None
        for part in tree.fixed_in(tape.structure[1]):
            value_type(part)
        structure, wrote = tape.structure[1], snapshot.written()
        results = [tape.play.outputs[index] for index in tape.output_indices]
        if known is None:
            on_tape, plain_arrays = split(snapshot, tape)
            known = Path.of(tape, on_tape, snapshot, plain_arrays)
            known.absorbs = absorbs
            tape.play = Play(len(tape))
        return Recorded(known, structure, results, wrote, snapshot.eager_reason())

    # Derivatives

    def pushed(self, places: tuple[int, ...]) -> Rows:
        """Return the function of tangents of some operands, then the operands."""
        key = "jvp", places
        found = self.derived.get(key)
        if found is not None:
            return found

        def body(*leaves: Any) -> Any:
            from wengert.api import jvp

            dots, values = leaves[: len(places)], leaves[len(places) :]
            function = self.of_chosen(values, places)
            return jvp(function, tuple(values[k] for k in places), tuple(dots))[1]

        mapped = [self.mapped[k] for k in places] + list(self.mapped)
        name = f"{self.name}_jvp"
        made = Rows(name, body, mapped, self.sums, self.source, self.options)
        made.given, made.kinds, made.compiles = self.given, self.kinds, self.compiles
        return self.derived.setdefault(key, made)

    def pulled(
        self, given: tuple[int, ...], wanted: tuple[int, ...], count: int
    ) -> Rows:
        """Return the function of gradients of some results, then the operands."""
        key = "vjp", given, wanted
        found = self.derived.get(key)
        if found is not None:
            return found

        def body(*leaves: Any) -> Any:
            from wengert.api import vjp

            seeds, values = leaves[: len(given)], leaves[len(given) :]
            function = self.of_chosen(values, wanted, given)
            _, pull = vjp(function, *[values[k] for k in wanted])
            return pull(tuple(seeds))

        sums = self.summed(count)
        mapped = [not sums[j] for j in given] + list(self.mapped)
        shared = [not self.mapped[k] for k in wanted]
        name = f"{self.name}_vjp"
        made = Rows(name, body, mapped, shared, self.source, self.options)
        made.given, made.kinds, made.compiles = self.given, self.kinds, self.compiles
        return self.derived.setdefault(key, made)

    def of_chosen(
        self,
        values: Sequence[Any],
        places: Sequence[int],
        results: Sequence[int] | None = None,
    ) -> Function:
        """Return one row's flat results as a function of some of the operands."""

        def function(*chosen: Any) -> Any:
            given = list(values)
            for k, value in zip(places, chosen, strict=True):
                given[k] = value
            leaves = tree.flatten(self.body(*given))[0]
            return tuple(leaves if results is None else [leaves[j] for j in results])

        return function


class Turn:
    """One replay of all rows of some operands."""

    def __init__(
        self, rows: Rows, entry: Tree, operands: Sequence[Any], count: int
    ) -> None:
        self.rows, self.entry = rows, entry
        self.operands, self.count = operands, count
        self.collected = Collected(rows, count)
        #: Rows recorded in this turn, whose results are the recorded ones where native
        #: code, an ulp away, finds their guards failing.
        self.recorded: dict[int, Recorded] = {}

    def row(self, number: int) -> list[Any]:
        """Return the operands of one row."""
        return [
            operand[number] if has_rows else operand
            for operand, has_rows in zip(self.operands, self.rows.mapped, strict=True)
        ]

    def play(self) -> tuple[list[Any], Any]:
        """Return the flat results of all rows, and how they nest."""
        root = self.root()
        if root is None:
            self.play_each(range(self.count))
        else:
            self.play_along(root)
        results = [
            part if is_array(part) else np.asarray(part)
            for part in self.collected.parts
        ]
        sums = self.rows.summed(len(results))
        results = [
            part[()] if is_sum else part
            for part, is_sum in zip(results, sums, strict=True)
        ]
        return results, self.collected.structure

    def play_along(self, root: Path) -> None:
        """Replay all rows along a path, and those that leave it along others."""
        todo: deque[tuple[Path, Array | None]] = deque([(root, None)])
        while todo:
            path, places = todo.popleft()
            if self.pays(path, self.count if places is None else len(places)):
                lower_path(path, self.rows)
            if not path.kernels:
                todo.extend(self.interpret(path, places))
            else:
                todo.extend(self.replay(path, places))

    def pays(self, path: Path, count: int) -> bool:
        """Whether so many rows take longer with NumPy than compiling their path."""
        if path.tape is None or not path.is_pending:
            return False
        known = path.tier.best.get(PLAY)
        seconds = rows_seconds(path.tape, count) if known is None else count * known
        path.tier.spent += seconds
        return path.tier.is_spent(path.tape)

    def root(self) -> Path | None:
        """Return the path that is tried first; None where no recording is believed."""
        entry = self.entry
        with entry.lock:
            if entry.belief.reason:
                return None
            if entry.root is None:
                entry.insert(self.record(0))
            assert entry.root is not None
            if entry.root.structure is None:
                return entry.root
            found = self.believed(entry.root, range(self.count))
            if found is not None and found is not entry.root:
                entry.clear()
                entry.insert(found)
            return found

    def record(self, number: int, absorbs: bool = False) -> Path:
        """Record a row along its own path."""
        found = self.recorded[number] = self.rows.record(self.row(number), absorbs)
        self.entry.belief.watch(found.unwatched)
        self.entry.belief.note(found.wrote, None)
        return found.path

    def believed(self, path: Path, numbers: Sequence[int]) -> Path | None:
        """Return a path that a recording of another row agrees with, ready to replay.

        None where there is none: every row goes along a path of its own, or the
        function does something else each time.  A row runs only once, unless all that
        were tried branched.
        """
        belief = self.entry.belief
        if path.is_believed:
            return path
        fresh = [k for k in numbers[: MOST_TRIES + 1] if k not in self.recorded]
        repeated = [numbers[0]] if len(numbers) > 1 or not self.recorded else []
        for number in [*fresh, *repeated]:
            if belief.reason:
                break
            found = self.rows.check(path, self.row(number))
            self.recorded[number] = found
            belief.watch(found.unwatched)
            difference = getattr(found.path.tape, "difference", None)
            agrees = found.path is path
            belief.note(found.wrote, None if agrees else difference)
            if agrees and not (found.wrote or belief.reason):
                belief.agree()
                path.is_believed = True
                if compiles_now():
                    lower_path(path, self.rows)
                return path
            if not agrees and (difference is None or not difference.is_branch):
                path = found.path
        if belief.reason:
            warn_eager(self.rows.name, belief)
        return None

    def play_each(self, numbers: Sequence[int]) -> None:
        """Call the function itself on each row that was not recorded in this turn."""
        for number in numbers:
            if number in self.recorded:
                self.put_recorded(number)
            else:
                self.play_eagerly(number)

    # Natively

    def replay(self, path: Path, places: Array | None) -> list[tuple[Path, Array]]:
        """Run a path's kernel on some rows; return what must be done for the others."""
        parts, failed = self.run(path, places)
        if failed is None or not failed.any():
            self.collected.put(path.structure, path.types, places, parts)
            return []
        everything = np.arange(self.count) if places is None else places
        held = np.flatnonzero(failed == 0)
        if held.size:
            self.put_held(path, places, everything[held], held, parts)
        todo: list[tuple[Path, Array]] = []
        for mark in np.unique(failed[failed != 0]).tolist():
            todo.extend(self.branch(path, mark, everything[failed == mark]))
        return todo

    def put_held(
        self,
        path: Path,
        places: Array | None,
        group: Array,
        held: Array,
        parts: list[Array],
    ) -> None:
        """Take the results of the rows that stayed on a path."""
        if any(self.rows.summed(len(parts))):
            # The kernel added up the rows whose guards failed as well.
            parts, _ = self.run(path, group)
        elif places is None:  # all at once: the other rows are written over
            self.collected.put(path.structure, path.types, None, parts)
            return
        else:
            parts = [part[held] for part in parts]
        self.collected.put(path.structure, path.types, group, parts)

    def run(self, path: Path, places: Array | None) -> tuple[list[Array], Any]:
        """Return the results of a path's kernel, and the guard each row failed."""
        mapped = self.rows.mapped
        given = [
            native(np.asarray(operand, like.dtype))
            if not has_rows
            else operand
            if places is None
            else operand[places]
            for operand, has_rows, like in zip(
                self.operands, mapped, path.inputs, strict=True
            )
        ]
        given += [native(array) for array, _ in path.captured]
        flags = [*mapped, *[False] * len(path.captured)]
        count = self.count if places is None else len(places)
        sums = self.rows.summed(len(path.types))
        threads = chosen_threads(self.rows.options.threads)
        kernel, types = path.kernels[0], path.types
        return run_kernel(kernel, given, flags, types, sums, count, threads)

    def branch(self, path: Path, mark: int, group: Array) -> list[tuple[Path, Array]]:
        """Return the path that rows take which failed a guard, or play them here."""
        known = [number for number in group.tolist() if number in self.recorded]
        for number in known:
            self.put_recorded(number)
        if known:
            group = np.setdiff1d(group, known)
        if not group.size:
            return []
        child = path.exits.get((0, mark))
        if child is None:
            child = self.grow(path, mark, group)
        if child is not None:
            return [(child, group)]
        self.play_each(group.tolist())
        return []

    def grow(self, path: Path, mark: int, group: Array) -> Path | None:
        """Add the path of rows that failed a guard; None where that is not worth it."""
        with self.entry.lock:
            if (0, mark) in path.exits:
                return path.exits[0, mark]
            seen = path.seen[mark] = path.seen.get(mark, 0) + len(group)
            known = self.entry.paths
            if seen < FEWEST_ROWS or len(known) >= self.rows.options.max_paths:
                return None
            number, is_nan = int(group[0]), mark in path.nan_guards
            child = self.record(number, absorbs=is_nan)
            if child.answers == path.answers and not is_nan:
                return None  # the path itself: native code is an ulp away
            if child.structure is not None:
                believed = self.believed(child, group.tolist())
                if believed is None:
                    return None
                child = believed
            self.entry.add(child)
            self.entry.link(path, [(0, mark)], child)
            return child

    def put_recorded(self, number: int) -> None:
        """Take the results of a row that was recorded."""
        found = self.recorded[number]
        if found.structure is None:
            self.play_eagerly(number)
        else:
            self.put_row(number, found.structure, found.results)

    def put_row(self, number: int, structure: Any, results: Sequence[Any]) -> None:
        """Take the results of one row."""
        types = [value_type(result) for result in results]
        sums = self.rows.summed(len(types))
        parts = [
            np.asarray(result) if is_sum else np.asarray(result)[None]
            for result, is_sum in zip(results, sums, strict=True)
        ]
        self.collected.put(structure, types, np.array([number]), parts)

    # With NumPy

    def interpret(self, path: Path, places: Array | None) -> list[tuple[Path, Array]]:
        """Play the tape of a path once for some rows; return what others need."""
        group = np.arange(self.count) if places is None else places
        if path.tape is None:
            self.play_each(group.tolist())
            return []
        self.warn_slow(path, len(group))
        mapped, sums = self.rows.mapped, self.rows.summed(len(path.types))
        operands = [
            operand[group] if has_rows and places is not None else operand
            for operand, has_rows in zip(self.operands, mapped, strict=True)
        ]
        started = time.perf_counter()
        parts, failed = play_all(
            path.tape, operands, mapped, path.captured, sums, len(group)
        )
        path.tier.best[PLAY] = (time.perf_counter() - started) / len(group)
        held = group[failed == 0]
        if held.size:
            where = None if held.size == self.count else held
            self.collected.put(path.structure, path.types, where, parts)
        todo: list[tuple[Path, Array]] = []
        for mark in np.unique(failed[failed != 0]).tolist():
            todo.extend(self.branch(path, mark, group[failed == mark]))
        return todo

    def warn_slow(self, path: Path, count: int) -> None:
        """Warn, once, of many rows for each of which Python calls a function."""
        if count < MANY_ROWS or self.rows.is_told:
            return
        for index, operation in enumerate(path.recording.operations):
            call = getattr(operation.function, "__self__", None)
            if isinstance(call, RuleCall) and not call.rules.takes_rows:
                self.rows.is_told = True
                line = path.recording.lines[index]
                text = explain(
                    f"{self.rows.name} calls {operation.name} row by row, "
                    f"{count} times",
                    "its rule does not say that it takes many rows at once",
                    "wengert.rule(..., elementwise=True), or vectorized=True where "
                    "function and rules take leading axes",
                    line,
                )
                warn(text, RuntimeWarning, line)
                return

    def play_eagerly(self, number: int) -> None:
        """Call the function itself on one row, which it may write into."""
        row = [part.copy() if is_array(part) else part for part in self.row(number)]
        with np.errstate(all="ignore"):
            results, structure = tree.flatten(self.rows.body(*row))
        self.put_row(number, structure, results)


def value_type(value: Any) -> Type:
    """Return the type of a plain value; arrays that look like results only."""
    if has_class(value, tree.NUMERIC):
        found = type_of(value)
        return array_type(found.shape, found.dtype)
    raise ArgumentError(
        explain(
            f"a function of rows returned a {type(value).__name__}",
            "the results of all rows are stacked into arrays",
            "return numbers, arrays, or nested containers of them",
        )
    )


class Node:
    """Rows as the operation of one node; its derivatives are functions of rows."""

    def __init__(self, rows: Rows, first: tuple[Any, ...] | None = None) -> None:
        self.rows = rows
        #: The results of its first run, which was done already.
        self.first = first
        self.operation = Operation(
            rows.name,
            self.evaluate,
            "general",
            jvp=self.push,
            vjp=self.pull,
            reads=(True,),
            reads_result=False,
            names_wanted=True,
            identity=("vmap", rows.name),
        )

    @property
    def compared_by(self) -> list[Any]:
        """What must be the same where two recordings agree."""
        rows = self.rows
        return [rows.name, rows.source, rows.mapped, rows.sums]

    def evaluate(self, *operands: Any) -> tuple[Any, ...]:
        """Return the results at plain operands."""
        if self.first is not None:
            found, self.first = self.first, None
            return found
        return tuple(self.rows.evaluate(operands)[0])

    def push(self, tangents: Any, result: Any, *operands: Any) -> tuple[Any, ...]:
        """Return the tangents of the results."""
        places = tuple(k for k, tangent in enumerate(tangents) if tangent is not None)
        dots = [tangents[k] for k in places]
        return tuple(self.rows.pushed(places)([*dots, *operands])[0])

    def pull(
        self,
        g: Any,
        result: Any,
        *operands: Any,
        wanted: Sequence[bool] | None = None,
    ) -> tuple[Any, ...]:
        """Return the gradients of the operands."""
        given = tuple(j for j, part in enumerate(g) if part is not None)
        places = tuple(
            k
            for k, operand in enumerate(operands)
            if (wanted is None or wanted[k]) and type_like(operand).dtype.kind in "fc"
        )
        gradients: list[Any] = [None] * len(operands)
        if given and places:
            rows = self.rows.pulled(given, places, len(g))
            found, _ = rows([*[g[j] for j in given], *operands])
            for k, part in zip(places, found, strict=True):
                gradients[k] = part
        return tuple(gradients)


def type_like(value: Any) -> Any:
    """Return what has the shape and dtype of a value."""
    return value if hasattr(value, "dtype") else type_of(value)
