"""One replay of all rows: path by path, natively, with NumPy, or by calls.

Rows whose guards fail are grouped by the guard: one row of a group is recorded along
its own path, and that path's kernel computes the others of the group.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wengert.capture import tree
from wengert.core.tape import Tape
from wengert.core.types import Array, is_array, type_of
from wengert.emit.compile import Compiled
from wengert.emit.refusal import NotLoweredError
from wengert.errors import explain, warn
from wengert.execute.all_rows import play_all, rows_seconds
from wengert.execute.arrays import native
from wengert.execute.background import compiles_now
from wengert.execute.belief import MOST_TRIES, warn_eager
from wengert.execute.blocks import Block, block_of
from wengert.execute.costs import FEWEST_ROWS
from wengert.execute.engine import native_engine
from wengert.execute.lanes import chosen_lanes, chosen_threads, run_blocks
from wengert.execute.loops import compile_loops
from wengert.execute.paths import MOST_GROWN, Path, Tree
from wengert.execute.row_results import Collected, Recorded, value_type
from wengert.execute.tier import PLAY
from wengert.lower.hiding import has_chain_products
from wengert.lower.refusal import LONG
from wengert.lower.schedule import MOST_UNROLLED
from wengert.structure.custom_rules import Call as RuleCall

if TYPE_CHECKING:
    from wengert.execute.rows import Rows

#: Rows from which on a call of Python's for each is worth a warning: some 40 ms.
MANY_ROWS = 1000
#: Calls that a kernel whose zeros absorb nothing may refuse.
MOST_MISSES = 16


def lower_path(path: Path, rows: Rows) -> None:
    """Make the kernel of a path; `reason` says why where there is none."""
    if path.tape is None:  # another thread has made it
        return
    tape, captured = path.short
    sums = rows.summed(len(path.types))
    try:
        if not (rows.compiles and native_engine()):
            raise NotLoweredError("the native engine is off")
        mapped = with_numbers(rows.mapped, len(path.inputs))
        row = [path.tape.play.outputs[k] for k in path.tape.input_indices]
        row += [array for array, _ in path.captured]
        block = block_of(tape, captured, mapped, sums, row)
        path.is_optimistic = has_chain_products(tape)
        path.kernels = [kernel_of(block, rows, not path.is_optimistic)]
        path.block = block if path.is_optimistic else block._replace(tape=Tape())
        is_read = path.unvaried or path.kernels[0].has_guards or rows.is_node
        if not (is_read or block.is_alone):  # whose loops may need more room
            path.tape = None  # no recording must agree with it, and no play go on
        path.compiled_as = None
    except NotLoweredError as error:
        path.reason = str(error)


def kernel_of(block: Block, rows: Rows, absorbs: bool) -> Compiled:
    """Return native code of a block of rows, whose axis is a loop if it fills vectors.

    Raises
    ------
    NotLoweredError
        Where there is none.
    """
    lanes = chosen_lanes(rows.options.lanes)
    how = (), lanes, block.asked, block.steps()
    shorter = block.rows - 1 if block.rows >= lanes else MOST_UNROLLED
    unrolled = min(shorter, MOST_UNROLLED)
    return compile_loops(block.tape, absorbs, *how, unrolled=unrolled)


def with_numbers(mapped: Sequence[bool], count: int) -> tuple[bool, ...]:
    """Return which inputs have rows, given those among the operands that have.

    The inputs behind the operands are numbers from outside.
    """
    return (*mapped, *[False] * (count - len(mapped)))


def marks_in(failed: Array) -> list[int]:
    """Return which guards rows have failed, each once.

    NumPy's `unique` is C++ that ends the process where it waits for the interpreter
    lock in a daemon thread at exit.
    """
    return sorted(set(failed[failed != 0].tolist()))


class Turn:
    """One replay of all rows of some operands.

    `numbers` are those from outside that are inputs, behind the operands.
    """

    def __init__(
        self,
        rows: Rows,
        entry: Tree,
        operands: Sequence[Any],
        numbers: Sequence[Any],
        count: int,
    ) -> None:
        self.rows, self.entry = rows, entry
        self.operands, self.count = [*operands, *numbers], count
        self.mapped = with_numbers(rows.mapped, len(self.operands))
        #: Whether numbers turned out to be no inputs: the rows are called one by one.
        self.is_void = False
        self.collected = Collected(rows, count)
        #: Rows recorded in this turn, whose results are the recorded ones where native
        #: code, an ulp away, finds their guards failing.
        self.recorded: dict[int, Recorded] = {}

    def row(self, number: int) -> list[Any]:
        """Return the operands of one row."""
        return [
            operand[number] if has_rows else operand
            for operand, has_rows in zip(self.operands, self.mapped, strict=True)
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
        tape = path.tape
        if tape is None or not path.is_pending:
            return False
        known = path.tier.best.get(PLAY)
        seconds = rows_seconds(tape, count) if known is None else count * known
        path.tier.spent += seconds
        return path.tier.is_spent(tape)

    def root(self) -> Path | None:
        """Return the path that is tried first; None where no recording is believed."""
        entry = self.entry
        with entry.lock:
            if entry.belief.reason:
                return None
            if entry.root is None:
                path = self.record(0)
                if self.is_void:
                    return None
                entry.insert(path)
            assert entry.root is not None
            if entry.root.structure is None:
                return entry.root
            if not self.fits(entry.root):
                return None
            found = self.believed(entry.root, range(self.count))
            if found is not None and found is not entry.root:
                entry.clear()
                entry.insert(found)
            return found

    def fits(self, path: Path) -> bool:
        """Whether a path is for these operands; another thread may have recorded it."""
        count = len(self.rows.mapped)
        numbers = self.operands[count:]
        if [type_of(number) for number in numbers] != path.inputs[count:]:
            self.entry.clear()
            return False
        return not path.is_believed or path.is_tried(numbers)

    def record(self, number: int) -> Path:
        """Record a row along its own path."""
        row, lifting = self.row(number), self.entry.lifting
        found = self.recorded[number] = self.rows.record(row, lifting)
        self.entry.belief.watch(found.unwatched)
        self.entry.belief.note(found.wrote, None)
        self.note(found)
        return found.path

    def note(self, found: Recorded) -> None:
        """Forget all paths where numbers turned out to be no inputs."""
        if not found.is_kept:
            self.is_void = True
            self.entry.clear()

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
            found = self.rows.check(path, self.row(number), self.entry.lifting)
            self.recorded[number] = found
            belief.watch(found.unwatched)
            self.note(found)
            if self.is_void:
                break
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
        found = self.run(path, places)
        if found is None:
            return self.interpret(path, places)
        parts, failed = found
        if failed is None or not failed.any():
            self.collected.put(path.structure, path.types, places, parts)
            return []
        everything = np.arange(self.count) if places is None else places
        held = np.flatnonzero(failed == 0)
        if held.size:
            self.put_held(path, places, everything[held], held, parts)
        todo: list[tuple[Path, Array]] = []
        for mark in marks_in(failed):
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
        sums = self.rows.summed(len(parts))
        if places is None and not any(sums):  # all: the others are written over
            self.collected.put(path.structure, path.types, None, parts)
            return
        parts = [x if adds else x[held] for x, adds in zip(parts, sums, strict=True)]
        self.collected.put(path.structure, path.types, group, parts)

    def run(
        self, path: Path, places: Array | None
    ) -> tuple[list[Array], Array | None] | None:
        """Return the results of a path's kernel, and the guard each row failed.

        None where it refuses some of them.
        """
        given = [
            native(np.asarray(operand, like.dtype))
            if not has_rows
            else operand
            if places is None
            else operand[places]
            for operand, has_rows, like in zip(
                self.operands, self.mapped, path.inputs, strict=True
            )
        ]
        given += [native(array) for array, _ in path.captured]
        count = self.count if places is None else len(places)
        sums = self.rows.summed(len(path.types))
        threads = chosen_threads(self.rows.options.threads)
        block, how = path.block, (path.types, sums, count, threads)
        assert block is not None
        found = run_blocks(path.kernels[0], block, given, *how)
        if found.refused == LONG and path.growth < MOST_GROWN:
            with self.entry.lock:
                path.grow()
                lower_path(path, self.rows)
            return self.run(path, places)
        if found.refused and path.is_optimistic:
            kernel = self.absorbing(path, block)
            if kernel is not None:
                found = run_blocks(kernel, block, given, *how)
        return None if found.refused else (found.parts, found.failed)

    def absorbing(self, path: Path, block: Block) -> Compiled | None:
        """Return the kernel of a path in which zeros absorb what is not finite.

        Where it is needed again and again it is the path's only one; None where it
        can't be made.
        """
        with self.entry.lock:
            if len(path.kernels) == 1 and path.is_optimistic:
                try:
                    path.kernels.append(kernel_of(block, self.rows, True))
                except NotLoweredError:
                    path.is_optimistic = False  # NumPy plays such calls
                    return None
            path.misses += 1
            if path.misses == MOST_MISSES:
                del path.kernels[0]
                path.is_optimistic, path.block = False, block._replace(tape=Tape())
            return path.kernels[-1]

    def branch(self, path: Path, mark: int, group: Array) -> list[tuple[Path, Array]]:
        """Return the path that rows take which failed a guard, or play them here."""
        known = [number for number in group.tolist() if number in self.recorded]
        for number in known:
            self.put_recorded(number)
        if known:
            group = np.delete(group, np.searchsorted(group, known))
        if not group.size:
            return []
        child = path.exits.get((0, mark))
        if child is None:
            child = self.grow(path, mark, group)
        elif not child.is_believed and child.structure is not None:
            with self.entry.lock:
                agreed = self.believed(child, group.tolist())
            child = child if agreed is child else None
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
            child = self.record(int(group[0]))
            if self.is_void:
                return None
            if child.answers == path.answers:
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
        tape = path.tape  # it may be let go meanwhile, for native code
        if tape is None:
            if path.kernels:
                return self.replay(path, places)
            self.play_each(group.tolist())
            return []
        mapped, sums = self.mapped, self.rows.summed(len(path.types))
        operands = [
            operand[group] if has_rows and places is not None else operand
            for operand, has_rows in zip(self.operands, mapped, strict=True)
        ]
        started = time.perf_counter()
        parts, failed, by_rows = play_all(
            tape, operands, mapped, path.captured, sums, len(group)
        )
        path.tier.best[PLAY] = (time.perf_counter() - started) / len(group)
        self.warn_slow(path, by_rows, len(group))
        held = group[failed == 0]
        if held.size:
            where = None if held.size == self.count else held
            self.collected.put(path.structure, path.types, where, parts)
        todo: list[tuple[Path, Array]] = []
        for mark in marks_in(failed):
            todo.extend(self.branch(path, mark, group[failed == mark]))
        return todo

    def warn_slow(self, path: Path, by_rows: Sequence[int], count: int) -> None:
        """Warn, once, of a node that many rows compute one after another.

        Not of one that native code may still compute.
        """
        if count < MANY_ROWS or self.rows.is_told or path.tape is None:
            return
        tape = path.tape
        for index in by_rows:
            operation, line = tape.operations[index], tape.lines[index]
            is_rule = isinstance(
                getattr(operation.function, "__self__", None), RuleCall
            )
            if path.is_pending and not is_rule:
                continue
            self.rows.is_told = True
            text = explain(
                f"{self.rows.name} calls {operation.name} row by row, {count} times",
                "its rule does not say that it takes many rows at once"
                if is_rule
                else "it is computed for one row at a time, and there is no native "
                f"code of them all: {path.reason}",
                "wengert.rule(..., elementwise=True), or vectorized=True where "
                "function and rules take leading axes"
                if is_rule
                else "operations that have an axis, or a wengert.rule(..., "
                "vectorized=True) of a function that takes leading axes",
                line,
            )
            warn(text, RuntimeWarning, line)
            return

    def play_eagerly(self, number: int) -> None:
        """Call the function itself on one row, which it may write into."""
        operands = self.row(number)[: len(self.rows.mapped)]
        row = [part.copy() if is_array(part) else part for part in operands]
        with np.errstate(all="ignore"):
            results, structure = tree.flatten(self.rows.body(*row))
        self.put_row(number, structure, results)
