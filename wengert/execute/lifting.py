"""Numbers read from outside that are inputs of the paths of a tree.

A number that has changed is recorded as an input behind the arguments, if all that
reads it are operators of recorded values; see `wengert.capture.reads.numbers`.  What it
is at each call then goes into the path.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from wengert.capture.reads import (
    Evidence,
    Input,
    PlainArrays,
    Snapshot,
    same_number,
)
from wengert.core.tape import Tape
from wengert.core.types import type_of
from wengert.execute.keys import MOST_INTEGERS

#: Numbers that one function has as inputs; and changes of their classes until they are
#: constants for good.
MOST_LIFTED = 64
MOST_TURNS = 4


@dataclass(slots=True, eq=False)
class Lifting:
    """Which numbers are inputs.

    Attributes
    ----------
    keys : set of str
        The numbers that are, by what fetches them.
    settled : set of str
        Those that are none for good: Python code may read them.
    inputs : list of Input
        Behind the arguments of every path, in order.
    types : tuple of (class, Type)
        Of the inputs, as the types of arguments.
    """

    keys: set[str] = field(default_factory=set)
    settled: set[str] = field(default_factory=set)
    inputs: list[Input] = field(default_factory=list)
    types: tuple[Any, ...] = ()
    #: The values that whole numbers had.
    integers: dict[str, set[int]] = field(default_factory=dict)
    turns: int = 0
    read: Callable[[], tuple[Any, ...]] = tuple
    #: By key the objects that its expression starts from: it holds while they live.
    kept: dict[str, dict[str, Any]] = field(default_factory=dict)

    def note(self, snapshot: Snapshot) -> None:
        """Take in that what a function reads has changed: numbers become inputs.

        They do where nothing else has changed, a whole number after many values.
        """
        found = snapshot.changed_numbers()
        if not found or not self.settled.isdisjoint(found):
            return
        for key, values in found.items():
            self.kept.setdefault(key, snapshot.names)
            if type(values[0]) is int:
                self.integers.setdefault(key, set()).update(values)
        counts = [len(self.integers[k]) for k in found if k in self.integers]
        is_many = all(count > MOST_INTEGERS for count in counts)
        if is_many and len(self.keys | found.keys()) <= MOST_LIFTED:
            self.keys |= found.keys()

    def note_elements(self, snapshot: Snapshot, plain: PlainArrays) -> None:
        """Take in that arrays have other contents: the elements read become inputs."""
        found = snapshot.changed_elements(plain)
        if self.settled.isdisjoint(found) and len(self.keys | found) <= MOST_LIFTED:
            self.keys |= found
            for key in found:
                self.kept.setdefault(key, snapshot.names)

    def lift(self, snapshot: Snapshot) -> list[Any]:
        """Make the inputs of a recording; return their values.

        Where they are others than those of the paths so far, `inputs` is another list.
        """
        values = snapshot.lift(self.keys) if self.keys else []
        if values is None:
            self.keys.clear()
            values = []
        types = tuple((type(value), type_of(value)) for value in values)
        found = [part.key for part in snapshot.inputs]
        if found != [part.key for part in self.inputs] or types != self.types:
            self.inputs, self.types = snapshot.inputs, types
        texts = "".join(f"{part.text}, " for part in snapshot.inputs)
        self.read = eval(f"lambda: ({texts})", snapshot.names) if texts else tuple
        return values

    def values(self) -> tuple[Any, ...] | None:
        """Return what the inputs are now; None where one is of another class."""
        if not self.inputs:
            return ()
        try:
            found = self.read()
        except Exception:
            return None
        pairs = zip(found, self.types, strict=True)
        return found if all(type(x) is kind for x, (kind, _) in pairs) else None

    def turn(self) -> None:
        """Take in that a number is of another class: all are constants again."""
        self.turns += 1
        if self.turns > MOST_TURNS:
            self.settled |= self.keys
        self.keys.clear()

    def evidence(self, snapshot: Snapshot, numbers: Sequence[Any]) -> Evidence:
        """Return what is to show that numbers are inputs of one more recording.

        It is of no inputs where they have changed meanwhile.
        """
        values = snapshot.lift(self.keys) if numbers else []
        same = [part.key for part in snapshot.inputs] == [p.key for p in self.inputs]
        if not (numbers and values and same and all(map(same_number, values, numbers))):
            return Evidence([], [])
        return Evidence(snapshot.inputs, values)

    def takes_back(self, tape: Tape, snapshot: Snapshot, evidence: Evidence) -> bool:
        """Whether numbers were inputs that Python code may have read as well.

        They are constants from then on, and what was recorded with them is void.
        """
        difference = getattr(tape, "difference", None)
        unsure = evidence.missing()
        if difference is not None and not difference.is_branch:
            unsure = set(range(len(evidence.values)))
        for number in unsure:
            for fetch in snapshot.inputs[number].numbers:
                key = snapshot.numbers.key(fetch)
                self.settled.add(key)
                self.kept.setdefault(key, snapshot.names)
        self.keys -= self.settled
        return bool(unsure)
