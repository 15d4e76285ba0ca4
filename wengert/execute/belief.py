"""When a recording is believed: what `jit` and `vmap` have in common.

A path is replayed once two recordings of it agree.  A function that does something else
each time, or writes outside itself whenever it runs, is called itself instead.
"""

from __future__ import annotations

from dataclasses import dataclass

from wengert.capture.reads import Written
from wengert.core.checked import Difference
from wengert.core.tape import CONSTANT
from wengert.errors import describe_line, explain, warn

#: Recordings in a row that may differ, and that may write outside the function, until
#: it runs eagerly: caches that are filled at first are done by then.
MOST_TRIES = 4
MOST_WRITING = 2
#: What to write instead where a recording does something else each time, or writes.
PASS = "pass what changes as an argument, and return what is to be kept"
#: What to write instead where the shapes of a node's results depend on the numbers.
ONE_SHAPE = (
    "have it return arrays of the same shapes for all numbers (solve_ivp: t_eval=...), "
    "or leave jit out"
)


@dataclass(slots=True)
class Belief:
    """How the recordings of one function came out so far, for one kind of arguments.

    Attributes
    ----------
    differed, wrote : int
        Recordings since the last two that agreed: those that did something else, and
        those that wrote outside the function.
    reason : str
        Why the function runs eagerly; empty while it is recorded.
    advice : str
        What to write instead.
    is_told : bool
        Whether the reason was warned of where it was found.
    """

    differed: int = 0
    wrote: int = 0
    reason: str = ""
    advice: str = PASS
    is_told: bool = False

    def watch(self, unwatched: str | None) -> None:
        """Take in what a recording came to that cannot be watched, if anything."""
        if unwatched is not None:
            self.reason, self.is_told = f"{unwatched} cannot be watched", True

    def note(self, wrote: Written | None, difference: Difference | None) -> None:
        """Take in one recording: what it wrote, and how it differed from another.

        A branch of the program is no difference.
        """
        self.wrote = self.wrote + 1 if wrote else 0
        if difference is not None and not difference.is_branch:
            self.differed += 1
        if self.reason:
            return
        if self.wrote >= MOST_WRITING:
            self.reason = f"it changes {wrote} whenever it runs"
        elif self.differed >= MOST_TRIES and difference is not None:
            what = describe_difference(difference)
            self.reason = f"it computed something else each time: {what}"
            self.advice = ONE_SHAPE if difference.is_of_types else PASS

    def agree(self) -> None:
        """Take in two recordings that agree."""
        self.differed = 0


def describe_difference(difference: Difference) -> str:
    """Return what two recordings differ in, and the line that did it."""
    before, now = difference.before, difference.now
    where = describe_line(difference.line)
    at = f" at {where}" if where else ""
    if before is None or now is None:
        return f"it recorded more or fewer operations{at}"
    if before.operation is CONSTANT and now.operation is CONSTANT:
        shown = [repr(node.settings["value"])[:40] for node in (before, now)]
        return f"a number was {shown[0]} and is {shown[1]}{at}"
    if difference.is_of_types:
        one, other = next(
            pair
            for pair in zip(before.types, now.types, strict=False)
            if pair[0] != pair[1]
        )
        return f"{before.operation.name} gave {one} and then {other}{at}"
    return f"{before.operation.name} was recorded, and then {now.operation.name}{at}"


def warn_eager(name: str, belief: Belief) -> None:
    """Warn that a function runs eagerly from now on, and why, unless that is told."""
    if belief.is_told:
        return
    belief.is_told = True
    warn(
        explain(
            f"{name} runs eagerly from now on: {belief.reason}",
            "a replay does what was recorded, and nothing else",
            belief.advice,
        )
    )
