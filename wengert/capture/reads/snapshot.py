"""What a function reads from outside its arguments, and whether it still holds.

`Reads.of(function)` follows the access paths that the bytecode of a function names
(cells, defaults, globals, attributes, constant keys), through the user's functions that
it calls.  `snapshot()` notes what they hold just before a recording; `changed()` says
later which of them holds something else.  A value that ends a path counts as read as a
whole: containers and objects are compared deeply.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import CodeType
from typing import Any, NamedTuple

import numpy as np

from wengert.capture.reads.bytecode import repeated_codes
from wengert.capture.reads.frozen import Contents, is_same
from wengert.capture.reads.met import Met
from wengert.capture.reads.numbers import Input, Numbers
from wengert.capture.reads.walk import Walk
from wengert.capture.reads.watch import PlainArrays, Watch, compiled
from wengert.capture.reads.watched import (
    Guard,
    ReadArray,
    ReadGenerator,
    Site,
    Unresolved,
)
from wengert.core.tape import REFILLED, Tape, same_contents
from wengert.errors import Line, Place, describe_line, explain, file_of, line_number

#: Conditions that are compared whether or not the recording came to what reads them.
MOST_UNNOTICED = 100


class Written(NamedTuple):
    """What a recording itself changed outside, and the line that reads or writes it."""

    path: str
    line: Line | None

    def __str__(self) -> str:
        where = describe_line(self.line)
        return f"{self.path} ({where})" if where else self.path


@dataclass(slots=True, eq=False)
class Snapshot:
    """What a function read from outside, as it was just before a recording.

    Attributes
    ----------
    arrays : list of (path, array)
    generators : list of (path, generator, line)
    unresolved : list of Unresolved
        What may not be replayed; `noticing` keeps what the recording met.
    """

    arrays: list[ReadArray]
    generators: list[ReadGenerator]
    unresolved: list[Unresolved]
    guards: list[Guard]
    names: dict[str, Any] = field(repr=False)
    sites: dict[int, list[Site | None]] = field(repr=False)
    repeated: set[CodeType] = field(repr=False)
    contents: dict[int, Contents] = field(repr=False)
    #: Where what a guard watches is written, or read, by its path.
    lines: dict[str, Line | None] = field(repr=False)
    #: The code that reads what a test, or an array by its ``id``, is about.
    readers: dict[Any, set[CodeType | None]] = field(repr=False)
    #: Tests that alone are no reason to test anything.
    free: set[str] = field(repr=False)
    #: The numbers that can be inputs of a path, and the inputs that were made of them.
    numbers: Numbers = field(repr=False)
    inputs: list[Input] = field(default_factory=list)
    _check: Callable[[], int] | None = field(default=None, repr=False)

    @property
    def check(self) -> Callable[[], int]:
        """Gives the number of the first guard that fails, or -1."""
        if self._check is None:
            self._check = make_check(self.guards, self.names)
        return self._check

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to check before a replay.

        Conditions on the function's own code, on builtins and on NumPy's error state
        alone are no reason to.
        """
        if self.arrays or self.inputs:
            return False
        return all(g.test in self.free for g in self.guards)

    @contextmanager
    def noticing(self) -> Iterator[None]:
        """While entered, notice what of all this the function comes to.

        A print under a condition that did not hold, the file that a method reads which
        nobody called, and an attribute that no code asked for are no reason to run
        eagerly; and what only such code reads is not compared.
        """
        if not self.unresolved and len(self.guards) <= MOST_UNNOTICED:
            yield
            return
        met = Met(self.unresolved)
        with met.profiled():
            yield
        self.unresolved = [found for found in self.unresolved if met.has_met(found)]
        self.guards = [g for g in self.guards if met.enters(self.readers[g.test])]
        self.arrays = [a for a in self.arrays if met.enters(self.readers[id(a.array)])]
        self._check = None

    def watch(
        self,
        plain: list[PlainArrays],
        looks: list[Callable[[], Any]],
        fixed: Sequence[tuple[int, Any]] = (),
    ) -> Watch:
        """Return what must hold before a replay; see `Watch`."""
        tests = [guard.test for guard in self.guards]
        values = [part.text for part in self.inputs]
        return Watch(self.names, tests, self.check, plain, looks, values, fixed)

    def written(self) -> Written | None:
        """Return what changed since the snapshot; None if all holds.

        Asked right after a recording it says what the function itself wrote: a replay
        would not write it.
        """
        path = self.changed()
        if path is None:
            contents = (
                (found.path, self.contents[id(found.array)]) for found in self.arrays
            )
            path = next((path for path, held in contents if not held.hold()), None)
            if path is None:
                return None
        return Written(path, self.lines.get(path))

    def eager_reason(self) -> str | None:
        """Warn of what is unresolved, once a line; None if everything is watched."""
        for found in self.unresolved:
            warn(found)
        if not self.unresolved:
            return None
        found = self.unresolved[0]
        where = describe_line(found.line)
        return f"{where}: {found.path}" if where else found.path

    def changed(self) -> str | None:
        """Return the path of the first thing that changed; None if all holds.

        Contents of arrays are not compared here: see `split`.
        """
        found = self.check()
        if found < 0:
            return None
        if found == len(self.guards):
            return self.broken()
        return self.describe(self.guards[found])

    def broken(self) -> str:
        """Return the first path that leads nowhere any more."""
        for guard in self.guards:
            try:
                if not self.holds(guard):
                    return self.describe(guard)
            except Exception:
                return guard.path
        return "what the function reads"

    def holds(self, guard: Guard) -> bool:
        """Whether a condition holds; raises where its path leads nowhere."""
        return bool(eval(guard.test, self.names)) or is_same(
            eval(guard.fetch, self.names), guard.frozen
        )

    def changed_numbers(self) -> dict[str, tuple[Any, Any]] | None:
        """Return numbers that can be inputs, by key, as they were and as they are.

        None where anything else has changed too.
        """
        found: dict[str, tuple[Any, Any]] = {}
        try:
            for guard in self.guards:
                if self.holds(guard):
                    continue
                key = self.numbers.liftable.get(guard.fetch)
                before, now = guard.frozen.value, eval(guard.fetch, self.names)
                if key is None or type(before) is not type(now):
                    return None
                found[key] = before, now
        except Exception:
            return None
        return found

    def changed_elements(self, plain: PlainArrays) -> set[str]:
        """Return what is read of arrays with other contents, by key.

        Nothing where one of them is not read element by element alone.
        """
        found = [self.numbers.of_array(array) for array in plain.changed_arrays()]
        return set().union(*found) if all(found) else set()

    def lift(self, keys: Collection[str]) -> list[Any] | None:
        """Make inputs of some numbers, told by their keys; return their values.

        They are not compared any more.  None where one of them can be none.
        """
        inputs = self.numbers.lift(keys)
        values = None if inputs is None else self.numbers.values(inputs)
        if inputs is None or values is None:
            return None
        lifted = {f for f, key in self.numbers.liftable.items() if key in keys}
        self.inputs = inputs
        self.guards = [guard for guard in self.guards if guard.fetch not in lifted]
        self.arrays = [
            part
            for part in self.arrays
            if not (of := self.numbers.of_array(part.array)) or not of.issubset(keys)
        ]
        self._check = None
        return values

    def describe(self, guard: Guard) -> str:
        """Return the path of what a failed guard watches, with the key if known."""
        value, (_, parts, _) = eval(guard.fetch, self.names), guard.frozen
        path = guard.path.removesuffix(".")
        if not guard.fetch.startswith(("[*", "{**")) or len(value) != len(parts):
            return path
        if isinstance(value, dict):
            for (key, part), (k, before) in zip(value.items(), parts, strict=True):
                if is_same(key, k) and not is_same(part, before):
                    dotted = guard.path.endswith(".")
                    return f"{path}.{key}" if dotted else f"{path}[{key!r}]"
            return path
        for k, (part, before) in enumerate(zip(value, parts, strict=True)):
            if not is_same(part, before):
                return f"{path}[{k}]"
        return path


def make_check(guards: list[Guard], names: dict[str, Any]) -> Callable[[], int]:
    """Return a function that gives the number of the first guard that fails, or -1.

    It is compiled from text, as a call of a closure for every guard costs more than
    the whole comparison.
    """
    frozen = [guard.frozen for guard in guards]
    names["holds"] = lambda k, value: is_same(value, frozen[k])
    lines = ["def check():", "    try:"]
    for k, guard in enumerate(guards):
        lines.append(
            f"        if not ({guard.test}) and not holds({k}, {guard.fetch}):"
        )
        lines.append(f"            return {k}")
    # An attribute, a key or a global is gone.
    lines += ["    except Exception:", f"        return {len(guards)}", "    return -1"]
    exec(compiled("\n".join(lines)), names)
    made: Callable[[], int] = names["check"]
    return made


class Reads:
    """What a function reads from outside its arguments.

    Examples
    --------
    >>> from wengert.capture.reads import Reads
    >>> rate = [2.0]
    >>> def make():
    ...     scale = 3.0
    ...     def f(x):
    ...         return scale * x
    ...     def change(value):
    ...         nonlocal scale
    ...         scale = value
    ...     return f, change
    >>> f, change = make()
    >>> snapshot = Reads.of(f).snapshot()
    >>> snapshot.changed()
    >>> change(4.0)
    >>> snapshot.changed()
    'cell scale'
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    @classmethod
    def of(cls, function: Callable[..., Any]) -> Reads:
        """Return what a function reads; nothing is looked up yet."""
        return cls(function)

    def snapshot(
        self,
        given: dict[int | str, Any] | None = None,
        kinds: tuple[type, ...] = (),
    ) -> Snapshot:
        """Note what everything holds now.

        `given` are arguments that are no numbers, by position or name: what they hold
        is read from outside too.  `kinds` are the classes in which arguments nest: what
        their methods read counts.
        """
        walk = Walk(self.function, given, kinds)
        repeated = repeated_codes(walk.calls)
        return Snapshot(
            list(walk.arrays.values()),
            list(walk.generators.values()),
            list(walk.unresolved.values()),
            list(walk.guards.values()),
            walk.names,
            walk.sites,
            repeated,
            walk.contents,
            walk.lines,
            walk.readers,
            walk.free,
            Numbers(walk, repeated),
        )

    def generators(self) -> list[ReadGenerator]:
        """Return the random generators that the function reaches."""
        return list(Walk(self.function).generators.values())


def warn(found: Unresolved) -> None:
    """Warn that something cannot be watched, once a line."""
    key = found.path, describe_line(found.line)
    if key in WARNED:
        return
    WARNED.add(key)
    text = explain(
        f"{found.path} is read from outside and cannot be watched",
        f"{found.why}; the function runs eagerly, a replay would not notice a change",
        "pass it as an argument",
        found.line,
    )
    if found.line is None:
        warnings.warn(text, UserWarning, stacklevel=3)
        return
    file, number = file_of(found.line), line_number(found.line)
    warnings.warn_explicit(text, UserWarning, file, number)


#: What was warned of already: a warning is shown once.
WARNED: set[tuple[str, str]] = set()


# Arrays


def split(
    snapshot: Snapshot, tape: Tape
) -> tuple[list[tuple[np.ndarray, int]], PlainArrays]:
    """Return the arrays whose contents are read at replay, and all others.

    An array is read at replay, through its constant node, if every place that reads it
    put it on the tape, at most once each.  An array that plain code may have read as
    well, or whose contents changed while the function ran, is guarded by its contents.
    """
    on_tape: list[tuple[np.ndarray, int]] = []
    others: list[ReadArray] = []
    if not snapshot.arrays:
        return on_tape, PlainArrays(others, snapshot.contents)
    users: dict[int, list[tuple[CodeType, int]]] = {}
    for operands, line in zip(tape.operands, tape.lines, strict=True):
        if line is not None and not isinstance(line, Place):
            for node in operands:
                users.setdefault(node, []).append(line)
    for found in snapshot.arrays:
        index = tape_index(snapshot, tape, found.array, users)
        if index is None:
            others.append(found)
        else:
            on_tape.append((found.array, index))
    return on_tape, PlainArrays(others, snapshot.contents)


def tape_index(
    snapshot: Snapshot,
    tape: Tape,
    array: np.ndarray,
    users: dict[int, list[tuple[CodeType, int]]],
) -> int | None:
    """Return the constant node of an array that only the tape read, or None."""
    known = tape._arrays.get(id(array))
    contents = snapshot.contents[id(array)]
    if known is None or known[0] is not array or array.dtype.kind not in REFILLED:
        return None
    if not contents.hold() or not same_contents(known[1], contents.copy):
        return None
    for site in snapshot.sites[id(array)]:
        if site is None or site.code in snapshot.repeated:
            return None
        code, access = site
        if access.is_repeated or access.consumer is None:
            return None
        first, last = access.consumer
        if not any(
            where is code and first <= offset <= last
            for where, offset in users.get(known[2], ())
        ):
            return None
    return known[2]
