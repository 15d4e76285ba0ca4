"""Some of the results of a recorded function, compiled without the others.

The function is recorded, and believed, as a whole; a part has the same paths with fewer
outputs, so that what only the others are made of is not computed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from wengert.capture import tree
from wengert.capture.reads import Evidence
from wengert.core.tape import Tape
from wengert.derive.shortened import cut
from wengert.execute.entries import MISS, Entry
from wengert.execute.jit import Call, Exit, Jitted
from wengert.execute.paths import Path
from wengert.execute.plan import results_of
from wengert.execute.tier import Tier


class Whole(Jitted[..., Any]):
    """A jitted function of a tuple of numbers and arrays, of which parts are called."""

    def __init__(self, fun: Callable[..., tuple[Any, ...]]) -> None:
        super().__init__(fun)
        self.parts: list[Part] = []
        #: By path, what its outputs are made of, and where that is on it.
        self.short: list[tuple[Path, tuple[Tape, dict[int, int]]]] = []

    def part(self, places: Sequence[int]) -> Part:
        """Return the function of the results at some places."""
        kind = type("Part", (Part,), {})  # so that its call can be the native function
        made: Part = kind(self, places)
        self.parts.append(made)
        return made

    def rebind(self, entry: Entry) -> None:
        """Have all parts take up the paths anew."""
        super().rebind(entry)
        self.short.clear()
        for part in self.parts:
            part.clear()

    def cut(self, path: Path) -> tuple[Tape, dict[int, int]]:
        """Return the tape of a path without what nothing needs, and its nodes."""
        for of, made in self.short:
            if of is path:
                return made
        made = cut(path.recording, [index for _, index in path.captured])
        self.short.append((path, made))
        return made

    def known(self, key: Any) -> Entry:
        """Return what is known for a key, without what has changed outside."""
        entry = self.entries.setdefault(key, Entry(self.name, key[1]))
        self.renew(entry)
        return entry


class Part(Jitted[..., Any]):
    """Some of the results of a `Whole`, which records for it.

    Parameters
    ----------
    whole : Whole
    places : sequence of int
        Of the results that it returns, as a tuple.
    """

    def __init__(self, whole: Whole, places: Sequence[int]) -> None:
        def chosen(*args: Any) -> tuple[Any, ...]:
            found = whole.fun(*args)
            return tuple([found[k] for k in places])

        chosen.__name__ = whole.name
        chosen.records_itself = True  # type: ignore[attr-defined]
        super().__init__(chosen)
        self.whole, self.places = whole, places
        self.keys = whole.keys
        self.structure = tree.flatten(tuple(places))[1]
        #: Paths of the whole, and what was made of them.
        self.taken: list[tuple[Path, Path]] = []

    def clear(self) -> None:
        """Forget what was taken up."""
        with self.lock:
            self.entries.clear()
            self.taken.clear()
            self.reinstall()

    def record(
        self, key: Any, leaves: list[Any], structure: Any, end: Exit | None
    ) -> Any:
        """Take up what the whole has recorded, or have it record this call."""
        whole = self.whole
        with whole.lock, self.lock:
            known = whole.known(key)
            call = Call(known, key, leaves, structure)
            if known.is_eager:
                self.entry(key, known)
                tape = Tape()
                whole.record_onto(tape, call, Evidence([], []))
                return self.chosen(tape)
            if self.take_up(key, known):
                found, end = self.replay(self.entries[key], leaves, None)
                if found is not MISS:
                    return found
            path, tape = whole.record_first(call)
            whole.learn(path.recording, key, known, leaves)
            self.take_up(key, known)
            mine = self.mine(path)
            if end is not None and mine is not None:
                self.entries[key].tree.link(*end, mine)
            return self.chosen(tape)

    def chosen(self, tape: Tape) -> tuple[Any, ...]:
        """Return these results of a recording."""
        found = results_of(tape)
        return tuple([found[k] for k in self.places])

    def entry(self, key: Any, known: Entry) -> Entry:
        """Return the entry of a key, which believes what the whole does."""
        entry = self.entries.get(key)
        if entry is None:
            entry = self.entries[key] = Entry(self.name, key[1])
            entry.tree.lifting, entry.tree.belief = (
                known.tree.lifting,
                known.tree.belief,
            )
        return entry

    def take_up(self, key: Any, known: Entry) -> bool:
        """Keep these parts of the paths that the whole believes; whether any is new."""
        entry, before = self.entry(key, known), len(self.taken)
        for path in known.tree.believed:
            if self.mine(path) is None:
                made = self.part_of(path)
                self.taken.append((path, made))
                parent = None if path.parent is None else self.mine(path.parent)
                if parent is None or path.parent is None:
                    entry.tree.insert(made)
                else:
                    places = self.whole.cut(path.parent)[1]
                    entry.tree.leave(parent, places[path.at], made)
                self.believe(entry, made)
        if len(self.taken) == before:
            return False
        entry.rebuild()
        return True

    def mine(self, path: Path) -> Path | None:
        """Return what was made of a path of the whole, if it was taken up."""
        return next((made for of, made in self.taken if of is path), None)

    def part_of(self, path: Path) -> Path:
        """Return a path with these results alone."""
        tape, at = self.whole.cut(path)
        outputs = [tape.output_indices[k] for k in self.places]
        return replace(
            path,
            tape=with_outputs(tape, outputs),
            types=[tape.types[k] for k in outputs],
            structure=self.structure,
            captured=[(array, at[index]) for array, index in path.captured],
            kernels=[],
            exits={},
            entered_from=None,
            reason="",
            parent=None,
            left={},
            seen={},
            tier=Tier(),
            job=None,
            plan=None,
            handed_out=None,
            compiled_as=None,
            ending="unasked",
            answered_by=None,
            is_long=False,
            growth=1,
            contiguous=None,
        )


def with_outputs(tape: Tape, outputs: Sequence[int]) -> Tape:
    """Return a tape, of the same nodes, that gives others of them."""
    made = object.__new__(Tape)
    vars(made).update(vars(tape), chosen_outputs=list(outputs))
    return made
