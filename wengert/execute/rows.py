"""Functions of rows: one row is recorded, all rows are replayed side by side.

`Rows` takes flat operands, some with a value for each row and some shared by all, and
gives flat results, some with a value for each row and some added up over the rows.
Both derivatives of such a function are functions of the same kind, which is all that
it takes to be one node of a tape and to be differentiated any number of times.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np

from wengert.capture import tree
from wengert.capture.array import RecordedValue
from wengert.capture.captures import CAPTURES, Captures
from wengert.capture.layout import share_memory
from wengert.capture.reads import Evidence, PlainArrays, Reads, Snapshot, split
from wengert.capture.reads.randomness import DrawsRefused
from wengert.capture.record import SetAside, active_tape, record_onto
from wengert.core.checked import CheckedTape, Expected
from wengert.core.guards import strides_of
from wengert.core.operation import apply
from wengert.core.tape import Play, Tape
from wengert.core.types import is_array, type_of
from wengert.derive.functions import jvp, vjp
from wengert.errors import (
    RecordingError,
    UnsupportedError,
    explain,
)
from wengert.execute.arrays import native
from wengert.execute.engine import native_engine
from wengert.execute.lanes import chosen_lanes
from wengert.execute.lifting import Lifting
from wengert.execute.paths import Path, Tree
from wengert.execute.row_results import Recorded, value_type
from wengert.execute.turn import Turn, lower_path
from wengert.structure.as_called import AsCalled, as_called
from wengert.structure.nested import Node

Function = Callable[..., Any]
#: Paths kept for one function and types of operands; rows beyond are played one by one.
MOST_PATHS = 512
#: Whether a row is being recorded in this context.
RECORDS_ROW: ContextVar[bool] = ContextVar("wengert_records_row", default=False)


@dataclass(frozen=True, slots=True)
class Options:
    """How rows are replayed: lanes, threads and paths, None for this machine's own."""

    lanes: int | None = None
    threads: int | None = None
    max_paths: int = MOST_PATHS


class OtherCapture(BaseException):
    """A row read a recorded value from outside that is not among the operands.

    It is no error, which what the row calls might take for its own.
    """

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value

    def as_error(self) -> RecordingError:
        """Return the error where the value does not become an operand."""
        return RecordingError(
            explain(
                "a function of rows read another recorded value when it ran again",
                "what it reads from around it is found when it is first called",
                "pass the value as an argument, with in_axes=None",
            )
        )


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
        #: Makes rows of another function, where this one holds other values by now.
        self.of_function: Callable[[Function], Rows] | None = None
        self.entries: dict[Any, Tree] = {}
        self.derived: dict[Any, Rows] = {}
        #: Arguments that are no numbers, and the classes in which arguments nest: what
        #: they hold, and what their methods read, is read from outside too.
        self.given: dict[int | str, Any] = {}
        self.kinds: tuple[type, ...] = ()
        #: Whether it was said that it is slow.
        self.is_told = False
        #: Whether its paths are compiled where that is possible.
        self.compiles = True
        #: Whether it is a node of a tape, which may take its rows in.
        self.is_node = False

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
            return self.first(operands)
        plain = [
            operand._current() if isinstance(operand, RecordedValue) else operand
            for operand in operands
        ]
        self.is_node = True
        results, structure = self.first(plain)
        return list(
            apply(RowsNode(self, tuple(results)).operation, *operands)
        ), structure

    def evaluate(self, operands: Sequence[Any]) -> tuple[list[Any], Any]:
        """Return the flat results of plain operands, and how they nest."""
        try:
            return self.first(operands)
        except OtherCapture as other:
            raise other.as_error() from None

    def first(self, operands: Sequence[Any]) -> tuple[list[Any], Any]:
        """Do so where captures are still being found: `OtherCapture` is one."""
        if active_tape() is None and CAPTURES.get() is None:
            return self.play(operands)
        with SetAside(Captures({}, OtherCapture)):
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
        with entry.lock:
            numbers = self.numbers(entry)
        if not count:
            return self.no_rows(entry, operands)
        return Turn(self, entry, operands, numbers, count).play()

    def numbers(self, entry: Tree) -> Sequence[Any]:
        """Return the numbers from outside that are inputs, behind the operands.

        Paths that what is read has made stale are forgotten.
        """
        lifting = entry.lifting
        numbers, _ = entry.renew()
        if entry.root is None and (lifting.keys or lifting.inputs):
            numbers = tuple(lifting.lift(self.reads()))
        return numbers or ()

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
            entry = self.entries.setdefault(key, Tree(is_of_rows=True))
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
                path = self.record(row, Lifting()).path
        sums = self.summed(len(path.types))
        results = [
            np.zeros(like.shape if is_sum else (0, *like.shape), like.dtype)
            for like, is_sum in zip(path.types, sums, strict=True)
        ]
        return results, path.structure

    def record(self, row: Sequence[Any], lifting: Lifting) -> Recorded:
        """Record one row along its own path.

        Behind its operands are the numbers from outside that are inputs.
        """
        snapshot = self.reads()
        try:
            tape, evidence = self.write(Tape(), row, snapshot, lifting)
        except UnsupportedError as error:  # plain NumPy may do what a tape cannot
            plain = PlainArrays([], {})
            path = Path(None, [], [], None, [], [], snapshot, plain, reason=str(error))
            return Recorded(path, None, [], None)
        on_tape, plain_arrays = split(snapshot, tape)
        path = Path.of(tape, on_tape, snapshot, plain_arrays)
        path.unvaried = dict(enumerate(evidence.values))
        is_kept = self.is_kept(tape, row, snapshot, evidence, lifting)
        return self.recorded(path, tape, snapshot, is_kept)

    def check(self, path: Path, row: Sequence[Any], lifting: Lifting) -> Recorded:
        """Record one row, compared with a path; it is that path where they agree."""
        assert path.tape is not None
        snapshot = self.reads()
        captured = {index for _, index in path.captured}
        expected = CheckedTape(Expected(path.tape, captured))
        tape, evidence = self.write(expected, row, snapshot, lifting)
        if isinstance(tape, CheckedTape):
            path.agreed(evidence.values)
        else:
            on_tape, plain_arrays = split(snapshot, tape)
            path = Path.of(tape, on_tape, snapshot, plain_arrays)
            path.unvaried = dict(enumerate(evidence.values))
        is_kept = self.is_kept(tape, row, snapshot, evidence, lifting)
        return self.recorded(path, tape, snapshot, is_kept)

    def is_kept(
        self,
        tape: Tape,
        row: Sequence[Any],
        snapshot: Snapshot,
        evidence: Evidence,
        lifting: Lifting,
    ) -> bool:
        """Whether other rows may go along what was recorded."""
        if len(self.mapped) + len(evidence.values) != len(row):
            return False
        return not lifting.takes_back(tape, snapshot, evidence)

    def write(
        self, tape: Tape, row: Sequence[Any], snapshot: Snapshot, lifting: Lifting
    ) -> tuple[Tape, Evidence]:
        """Record one row on a tape; say what shows that its inputs are that alone."""
        count = len(self.mapped)
        evidence = lifting.evidence(snapshot, row[count:])

        def body(*leaves: Any) -> Any:
            outside = [number._index for number in leaves[count:]]
            if not outside:
                return self.body(*leaves)
            with evidence.watching(tape, outside):
                return self.body(*leaves[:count])

        tape.refilled = snapshot.contents
        token = RECORDS_ROW.set(True)
        try:
            with (
                DrawsRefused(snapshot.generators, row),
                np.errstate(all="ignore"),
                snapshot.noticing(),
            ):
                given = [*row[:count], *evidence.values]
                record_onto(tape, body, given, is_users=False)
        finally:
            RECORDS_ROW.reset(token)
        return tape, evidence

    def recorded(
        self, path: Path, tape: Tape, snapshot: Snapshot, is_kept: bool
    ) -> Recorded:
        """Return what came of a recording: its path, and the results of its row."""
        assert tape.structure is not None
        for part in tree.fixed_in(tape.structure[1]):
            value_type(part)
        structure, wrote = tape.structure[1], snapshot.written()
        results = [tape.play.outputs[index] for index in tape.output_indices]
        if path.tape is tape:
            given = [tape.play.outputs[index] for index in tape.input_indices]
            tape.play = Play(len(tape))
            for index, value in zip(tape.input_indices, given, strict=True):
                tape.play.outputs[index] = value
        reason = snapshot.eager_reason()
        return Recorded(path, structure, results, wrote, reason, is_kept)

    # Derivatives

    def pushed(self, places: tuple[int, ...]) -> Rows:
        """Return the function of tangents of some operands, then the operands."""
        key = "jvp", places
        found = self.derived.get(key)
        if found is not None:
            return found

        def body(*leaves: Any) -> Any:
            dots, values = leaves[: len(places)], leaves[len(places) :]
            function = self.of_chosen(values, places)
            return jvp(function, tuple(values[k] for k in places), tuple(dots))[1]

        mapped = [self.mapped[k] for k in places] + list(self.mapped)
        made = self.made(f"{self.name}_jvp", body, mapped, self.sums)
        made.of_function = self.then(lambda rows: rows.pushed(places))
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
            seeds, values = leaves[: len(given)], leaves[len(given) :]
            function = self.of_chosen(values, wanted, given)
            _, pull = vjp(function, *[values[k] for k in wanted])
            return pull(tuple(seeds))

        sums = self.summed(count)
        mapped = [not sums[j] for j in given] + list(self.mapped)
        shared = [not self.mapped[k] for k in wanted]
        made = self.made(f"{self.name}_vjp", body, mapped, shared)
        made.of_function = self.then(lambda rows: rows.pulled(given, wanted, count))
        return self.derived.setdefault(key, made)

    def made(
        self,
        name: str,
        body: Function,
        mapped: Sequence[bool],
        sums: Sequence[bool] | None,
    ) -> Rows:
        """Return a function of rows that is made of this one."""
        made = Rows(name, body, mapped, sums, self.source, self.options)
        made.given, made.kinds, made.compiles = self.given, self.kinds, self.compiles
        return made

    def then(
        self, derived: Callable[[Rows], Rows]
    ) -> Callable[[Function], Rows] | None:
        """Return what makes a derivative of rows of another function."""
        make = self.of_function
        return None if make is None else lambda fun: derived(make(fun))

    # Rows of rows

    def of_rows(
        self, values: Sequence[Any], flags: Sequence[bool], count: int
    ) -> tuple[Any, ...]:
        """Return the flat results of `count` calls, all rows of all of them at once.

        `flags` says which operands are others in each call: they have one axis more, in
        front.
        """
        inner = next(
            value.shape[int(flag)]
            for value, flag, has_rows in zip(values, flags, self.mapped, strict=True)
            if has_rows
        )
        key = "rows", tuple(flags)
        rows = self.derived.get(key)
        if rows is None:
            mapped = [a or b for a, b in zip(flags, self.mapped, strict=True)]
            made = self.made(self.name, self.body, mapped, None)
            rows = self.derived.setdefault(key, made)
        given = [
            repeated(value, flag, has_rows, count, inner)
            for value, flag, has_rows in zip(values, flags, self.mapped, strict=True)
        ]
        found = [
            np.reshape(part, (count, inner, *np.shape(part)[1:]))
            for part in rows.evaluate(given)[0]
        ]
        sums = self.summed(len(found))
        return tuple(
            np.add.reduce(part, axis=1) if is_sum else part
            for part, is_sum in zip(found, sums, strict=True)
        )

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


def repeated(value: Any, flag: bool, has_rows: bool, count: int, inner: int) -> Any:
    """Return an operand of calls, with rows, as one of all rows of all calls."""
    if not has_rows:
        return np.repeat(value, inner, axis=0) if flag else value
    if not flag:
        value = np.broadcast_to(value, (count, *value.shape))
    return value.reshape(count * inner, *value.shape[2:])


class RowsNode(Node):
    """Rows as the operation of one node; its derivatives are functions of rows."""

    def __init__(self, rows: Rows, first: tuple[Any, ...] | None = None) -> None:
        self.made, self.called = rows, AsCalled(rows.source)
        super().__init__(
            rows.name,
            [rows.name, self.called, rows.mapped, rows.sums],
            first,
            reads_result=False,
            names_wanted=True,
            identity=("vmap", rows.name),
        )

    @property
    def rows(self) -> Rows:
        """The function of rows, as it was when it was called."""
        made, (source,) = self.made, self.called.now
        if source is not made.source and made.of_function is not None:
            self.made = made.of_function(source)
        return self.made

    @as_called
    def values(self, *operands: Any) -> tuple[Any, ...]:
        """Return the results of all rows."""
        return tuple(self.rows.evaluate(operands)[0])

    @as_called
    def of_rows(
        self, values: Sequence[Any], flags: Sequence[bool], count: int
    ) -> tuple[Any, ...]:
        """Return the results of many calls, from one; see `Rows.of_rows`."""
        return self.rows.of_rows(values, flags, count)

    @as_called
    def push(self, tangents: Any, result: Any, *operands: Any) -> tuple[Any, ...]:
        """Return the tangents of the results."""
        places = tuple(k for k, tangent in enumerate(tangents) if tangent is not None)
        dots = [tangents[k] for k in places]
        return tuple(self.rows.pushed(places)([*dots, *operands])[0])

    @as_called
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


def rows_on(tape: Tape) -> list[Rows]:
    """Return the functions of rows that are nodes of a tape."""
    nodes = [getattr(known.function, "__self__", None) for known in tape.operations]
    return list({node.rows: None for node in nodes if isinstance(node, RowsNode)})


def compile_inside(tape: Tape) -> None:
    """Make native code of the functions of rows that are nodes of a tape."""
    for rows in rows_on(tape):
        for known in list(rows.entries.values()):
            for path in known.kept:
                if path.tape is not None and path.is_pending:
                    lower_path(path, rows)


def type_like(value: Any) -> Any:
    """Return what has the shape and dtype of a value."""
    return value if hasattr(value, "dtype") else type_of(value)
