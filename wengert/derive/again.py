"""What was derived once is played: a checked recording derives nothing again.

A derivative inside a recording appends a stretch of nodes to its tape.  Where a second
recording comes to the same place with the same question, the nodes of the first are
known already: their numbers are computed, and nothing is swept.  So it is in the steps
of a loop (`derive.alike`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

# By name: while recording, NumPy's own is answered.
from numpy import asarray

from wengert.capture.array import (
    PASSIVE,
    RecordedArray,
    RecordedScalar,
    handle,
    keep,
    wrap_passive,
)
from wengert.core.checked import CheckedTape
from wengert.core.tape import CONSTANT, GUARD, Derived, Tape, strong
from wengert.core.types import is_array
from wengert.derive.alike import Stretch
from wengert.ops.index import IN_PLACE
from wengert.ops.python import RAISES

Values = dict[int, Any]
#: Bytes up to which a stretch is played whose writes copy them: each copies the array
#: that is written into.
MOST_COPIED = 1 << 24


class Plain(NamedTuple):
    """A result that has no node: a number or an array that depends on no input."""

    value: Any
    is_passive: bool


def derived(
    tape: Tape,
    question: tuple[Any, ...],
    given: Sequence[tuple[int, Any]],
    derive: Callable[[], Values],
) -> Values:
    """Return the recorded values that `derive` gives, played where they are known.

    Parameters
    ----------
    tape : Tape
    question : tuple
        What is derived, comparable: the mode, the stretch, and the nodes asked for.
    given : sequence of (int, value)
        The seeds, or tangents, and the nodes that they belong to.
    derive : callable
        Appends to the tape.
    """
    places = [(index, place_of(value)) for index, value in given]
    if not tape.keeps_guards or any(place is None for _, place in places):
        return noted(tape, derive)
    asked = question
    question = (*asked, [(index, comparable(place)) for index, place in places])
    at = len(tape)
    if isinstance(tape, CheckedTape):
        known = tape.derived.get(at)
        if known is not None and known.question == question:
            for (_, value), (_, place) in zip(given, places, strict=True):
                if type(place) is int and is_to_be_kept(tape, place):
                    keep(value, value._current(), tape.play.outputs, place)
            if recall(tape, known) or postpone(tape, known) or play(tape, known.stop):
                return {k: value_at(tape, p) for k, p in known.places.items()}
    complete(tape)
    stretch = Stretch(tape, asked, question[-1])
    results = stretch.repeated()
    if results is not None:
        note_constants(tape, tape, at, len(tape))
        tape.derivatives[at] = len(tape)
        tape.derived[at] = Derived(question, len(tape), results)
        note_numbers(tape, at, results)
        return {k: value_at(tape, place) for k, place in results.items()}
    found = noted(tape, derive)
    results = {k: place_of(value) for k, value in found.items()}
    if None not in results.values() and is_playable(tape, at):
        note_constants(tape, tape, at, len(tape))
        tape.derived[at] = Derived(question, len(tape), results)
        stretch.learn(at, results)
        for k, place in results.items():
            if type(place) is int and is_to_be_kept(tape, place):
                keep(found[k], found[k]._current(), tape.play.outputs, place)
        note_numbers(tape, at, results)
        for k, place in results.items():
            if type(place) is Plain:  # as when it is played: an array of its own
                found[k] = value_at(tape, place)
    return found


def is_to_be_kept(tape: Tape, index: int) -> bool:
    """Whether the numbers of a node are there, and the tape does not keep them."""
    return tape.play.outputs[index] is None and index not in tape.deferred


def noted(tape: Tape, derive: Callable[[], Values]) -> Values:
    """Return what `derive` gives; the tape notes where it appended."""
    complete(tape)
    at = len(tape)
    found = derive()
    tape.derivatives[at] = len(tape)
    return found


def place_of(value: Any) -> int | Plain | None:
    """Return the node of a recorded value, or its numbers; None for a view."""
    if issubclass(type(value), RecordedScalar):
        return value._index  # type: ignore[no-any-return]
    if not issubclass(type(value), RecordedArray):
        return Plain(value, False)
    if value._storage is not None:
        return None
    return Plain(value._value, True) if value._index == PASSIVE else value._index


def comparable(place: int | Plain | None) -> Any:
    """Return a place in a form that == compares."""
    if type(place) is int:
        return place
    array = asarray(place.value)  # type: ignore[union-attr]
    return array.dtype, array.shape, array.tobytes()


def value_at(tape: Tape, place: int | Plain) -> Any:
    """Return the value at a place."""
    if not isinstance(place, Plain):
        return handle(tape, place)
    value = place.value.copy() if is_array(place.value) else place.value
    return wrap_passive(tape, value) if place.is_passive else value


def is_playable(tape: Tape, start: int) -> bool:
    """Whether a stretch holds known operations alone, and its writes copy little."""
    operations = tape.operations[start : len(tape)]
    pairs = zip(operations, tape.types[start : len(tape)], strict=True)
    written = [like for operation, like in pairs if operation in IN_PLACE]
    if sum([like.size * like.dtype.itemsize for like in written]) > MOST_COPIED:
        return False
    return all(known.is_registered for known in set(operations))


def play(tape: CheckedTape, stop: int) -> bool:
    """Compute the expected nodes up to `stop`; False where the path is left there."""
    outputs, expected = tape.play.outputs, tape.expected.tape
    start = len(outputs)
    if tape.evaluate is None or stop > len(expected.operations):
        return False
    from wengert.derive.roll import fill

    try:
        read = {k for each in expected.operands[start:stop] for k in each if k < start}
        fill(tape, sorted(read))
        for index in range(start, stop):
            outputs.append(strong(tape.evaluate(expected, index, outputs)))
    except Exception:  # a guard, or what Python raises: the sweep decides
        del outputs[start:]
        return False
    note_constants(tape, expected, start, stop)
    return True


def note_numbers(tape: Tape, at: int, results: dict[int, int | Plain | None]) -> None:
    """Note the results' numbers, for a recording of the same call again."""
    if tape.told is not None:
        ints = [place for place in results.values() if type(place) is int]
        places = [place for place in ints if place not in tape.deferred]
        tape.told[at] = {place: tape.play.outputs[place] for place in places}


def recall(tape: CheckedTape, known: Derived) -> bool:
    """Go on behind a stretch whose results are known; False where they are not.

    The same call was recorded before: its numbers are these.
    """
    outputs, at = tape.play.outputs, len(tape)
    told = None if tape.told is None else tape.told.get(at)
    if told is None or known.stop > len(tape.expected.tape):
        return False
    defer_as_before(tape, known.stop)
    outputs += [None] * (known.stop - at)
    for place, value in told.items():
        outputs[place] = value
    tape.unplayed.append((at, known.stop))
    note_constants(tape, tape.expected.tape, at, known.stop)
    return True


def defer_as_before(tape: CheckedTape, stop: int) -> None:
    """Defer the nodes up to `stop` that were deferred where they were recorded."""
    before = tape.expected.tape.deferred
    if tape.defers and before:
        nodes = range(len(tape), stop)
        tape.deferred |= {k: before[k] for k in nodes if k in before}


def postpone(tape: CheckedTape, known: Derived) -> bool:
    """Go on behind a stretch whose numbers are computed when somebody asks for them.

    False where it decides something, or held no deferred nodes.
    """
    at, stop, like = len(tape), known.stop, tape.expected.tape
    if not (tape.defers and like.deferred) or stop > len(like):
        return False
    if any(like.operations[k] in (GUARD, RAISES) for k in range(at, stop)):
        return False
    if not any(k in like.deferred for k in range(at, stop)):
        return False
    defer_as_before(tape, stop)
    tape.play.outputs += [None] * (stop - at)
    tape.unplayed.append((at, stop))
    note_constants(tape, like, at, stop)
    results = [p for p in known.places.values() if type(p) is int]
    tape.compute([p for p in results if p not in tape.deferred])
    return True


def complete(tape: Tape) -> None:
    """Compute the numbers of stretches that were recalled, and of what they read.

    Rules may read both.
    """
    if not tape.unplayed:
        return
    from wengert.derive.roll import fill

    nodes = {k for start, stop in tape.unplayed for k in range(start, stop)}
    nodes |= {k for node in nodes for k in tape.operands[node]}
    tape.unplayed = []
    fill(tape, sorted(nodes - tape.deferred.keys()))


def note_constants(tape: Tape, like: Tape, start: int, stop: int) -> None:
    """Note what constants hold that were derived, to be taken where it is met again.

    Rules are handed it as it stands on the tape, whether it was derived or played.
    """
    for index in range(start, stop):
        if like.operations[index] is CONSTANT and like.knows(index):
            value = like.settings[index]["value"]
            tape.note_constant(value, index, index in like.refillable)
