"""The end of a loop in lanes: its last vectors begin earlier, and do some steps again.

Otherwise they have statements of their own, for the lanes that exist, and a long body
takes twice as long to write and to compile.
"""

from __future__ import annotations

from wengert.lower.nest import (
    Buffer,
    Count,
    Fold,
    Let,
    Load,
    Loop,
    Read,
    Start,
    Statement,
    Store,
    everything,
)

#: Statements of a body from which it is not written twice: where it is shorter, that
#: takes no time, and the index of a step is found sooner.
LONG_BODY = 16
#: What an access to elements that lie apart is in such statements.
APART = 4
#: What gives the same once more, as long as nothing that it reads was written.
SAME_AGAIN = Let, Load, Store, Count, Start, Fold, Read, Loop


def ends_earlier(loop: Loop, step: int) -> bool:
    """Whether the last `step` elements are done at once, though some were done before.

    No register goes on from one step of the loop to the next.
    """
    is_longer = loop.extent > step and loop.extent % step > 0
    return is_longer and length_of(loop) >= LONG_BODY and is_same_again(loop)


def length_of(loop: Loop) -> int:
    """Return how long the body of a loop in lanes is, in statements."""
    return sum(APART if is_apart(s, loop) else 1 for s in everything(loop.body))


def is_apart(statement: Statement, loop: Loop) -> bool:
    """Whether a statement reads or writes elements that do not lie side by side."""
    return isinstance(statement, Load | Store) and stride_of(statement, loop) not in (
        0,
        1,
    )


def stride_of(statement: Load | Store, loop: Loop) -> int:
    """Return by how many elements a lane is on from the one before, by its index."""
    terms = statement.address.terms
    return sum(stride for number, stride in terms if number == loop.loop)


def is_same_again(loop: Loop) -> bool:
    """Whether the statements of a loop in lanes may be done twice for an element.

    They read nothing that they write.  What they fold into memory is left out the
    second time, which a vector of places side by side can be.
    """
    ways: dict[Buffer, set[str]] = {}
    for statement in everything(loop.body):
        if not isinstance(statement, SAME_AGAIN):
            return False
        if isinstance(statement, Load):
            ways.setdefault(statement.address.buffer, set()).add("read")
        if isinstance(statement, Store):
            way = "folded" if statement.fold else "written"
            ways.setdefault(statement.address.buffer, set()).add(way)
            if statement.fold and not is_one_a_lane(statement, loop):
                return False
    return all(len(way) == 1 for way in ways.values())


def is_one_a_lane(store: Store, loop: Loop) -> bool:
    """Whether each lane writes to a place of its own, by its index alone."""
    address = store.address
    is_by_index = not address.picks and not address.is_wide
    return is_by_index and stride_of(store, loop) != 0


def folds(loop: Loop) -> bool:
    """Whether a loop folds into memory."""
    return any(isinstance(s, Store) and s.fold for s in everything(loop.body))
