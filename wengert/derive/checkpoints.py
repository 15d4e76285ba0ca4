"""A loop of numbers that is swept backwards from checkpoints, in memory and on disk."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from tempfile import TemporaryFile
from time import perf_counter
from typing import TYPE_CHECKING, Any, BinaryIO

from numpy import empty  # np.empty is answered while something is recorded

from wengert.derive.binomial import Part, parts
from wengert.derive.budget import Binomial, Costs
from wengert.derive.extract import trimmed_to_state
from wengert.derive.steps import looped, new_columns

if TYPE_CHECKING:
    from wengert.derive.loops_reverse import Pulled, Sweep

#: How often a step is timed; the least time counts.
TIMED = 3


class OnDisk:
    """States of a loop in a file without a name, which is gone when it is closed.

    Those that were written last are read first.
    """

    def __init__(self) -> None:
        # the system frees it, however the process ends
        self.file: BinaryIO = TemporaryFile(prefix="wengert-")  # noqa: SIM115
        self.places: list[int] = []

    def __enter__(self) -> OnDisk:
        return self

    def __exit__(self, *error: object) -> None:
        self.file.close()

    def push(self, state: Any) -> None:
        """Write a state."""
        self.places.append(self.file.tell())
        pickle.dump(state, self.file, protocol=5)

    def pop(self) -> Any:
        """Read the last state, and let its room be used again."""
        place = self.places.pop()
        self.file.seek(place)
        state = pickle.load(self.file)
        self.file.seek(place)
        self.file.truncate()
        return state


class Checkpoints:
    """A loop that is swept in segments, whose states are kept or done again.

    Parameters
    ----------
    sweep : Sweep
    g, operands : of the loop
    pulled : Pulled
    """

    def __init__(
        self, sweep: Sweep, g: Sequence[Any], operands: Sequence[Any], pulled: Pulled
    ) -> None:
        self.sweep, self.pulled = sweep, pulled
        self.g, self.operands = list(g), operands
        self.steps, self.carried = sweep.steps, sweep.body.carried
        self.is_row = sweep.body.is_row
        self.forward = trimmed_to_state(sweep.body)

    def rows(self, start: int, stop: int) -> slice:
        """Return the rows of some steps."""
        if self.sweep.is_back:
            return slice(self.steps - stop, self.steps - start)
        return slice(start, stop)

    def given(self, state: Sequence[Any], start: int, stop: int) -> list[Any]:
        """Return the operands of some steps."""
        rows, rest = self.rows(start, stop), self.operands[self.carried :]
        pairs = zip(rest, self.is_row[self.carried :], strict=True)
        return [*state, *[x[rows] if is_row else x for x, is_row in pairs]]

    def advanced(self, state: Sequence[Any], start: int, stop: int) -> list[Any]:
        """Return what is carried some steps later."""
        if not self.carried:
            return []
        given = self.given(state, start, stop)
        count, is_back = stop - start, self.sweep.is_back
        return list(looped(given, self.forward, count, is_back))

    def pull(self, schedule: Binomial) -> tuple[Any, ...]:
        """Return the gradients that the loop backwards gives."""
        length, carried = schedule.length, len(self.pulled.carried)
        g, sums, stop = list(self.g), None, carried + len(self.pulled.summed)
        stacks = [
            empty((self.steps, *like.shape), like.dtype)
            for like in self.pulled.backward.outputs[stop:]
        ]
        # one piece for all segments: states lie in the gaps that others would leave
        columns = new_columns(self.pulled.forward, length)
        for at, state in self.segments(schedule):
            start, end = at * length, min((at + 1) * length, self.steps)
            rows = self.rows(start, end)
            ends = [x if x is None else x[rows] for x in g[self.carried :]]
            found = self.sweep._replace(steps=end - start).pull(
                [*g[: self.carried], *ends],
                self.given(state, start, end),
                self.pulled,
                sums=sums,
                columns=[column[: end - start] for column in columns],
            )
            for k, part in zip(self.pulled.carried, found, strict=False):
                g[k] = part
            sums = found[carried:stop]
            for stack, part in zip(stacks, found[stop:], strict=True):
                stack[rows] = part
        return *[g[k] for k in self.pulled.carried], *(sums or ()), *stacks

    def segments(self, schedule: Binomial) -> Iterator[Part[list[Any]]]:
        """Give segments, last first, each with the state where it starts."""
        length, room, stretch = schedule
        count = -(-self.steps // length)
        state = list(self.operands[: self.carried])

        def advanced(state: list[Any], start: int, stop: int) -> list[Any]:
            return self.advanced(state, start * length, stop * length)

        if not stretch:
            yield from parts(state, count, room, advanced)
            return
        with OnDisk() as disk:
            starts = range(0, count, stretch)
            for start in starts[:-1]:
                if start:
                    disk.push(state)
                state = advanced(state, start, start + stretch)
            for start in reversed(starts):
                stop = min(start + stretch, count)
                yield from parts(state, stop, room, advanced, start)
                if start > stretch:
                    state = disk.pop()
                else:
                    state = list(self.operands[: self.carried])

    def costs(self) -> Costs:
        """Return what a step forward takes, and a state to disk and back."""
        state = list(self.operands[: self.carried])
        step = least_time(lambda: self.advanced(state, 0, 1))
        with OnDisk() as disk:

            def there_and_back() -> None:
                disk.push(state)
                disk.pop()

            return Costs(step, least_time(there_and_back))


def least_time(work: Any) -> float:
    """Return the seconds of the quickest of a few times."""
    found = []
    for _ in range(TIMED):
        started = perf_counter()
        work()
        found.append(perf_counter() - started)
    return min(found)
