"""Binomial checkpointing: which states of a loop are kept while it is swept backwards.

A sweep over `count` segments needs the states where they start, last first; with room
for some of them, those between are computed again.  Griewank and Walther's schedule
does so with the fewest segments forward.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import comb
from typing import Generic, NamedTuple, TypeVar

State = TypeVar("State")


def fewest(count: int, room: int) -> int:
    """Return how many segments are done forward, besides those that are swept.

    Parameters
    ----------
    count : int
        Segments, from 1 on.
    room : int
        States that are kept at most, from 1 on, the first one counted.

    Notes
    -----
    ``r * count - comb(room + r, r - 1)`` for the least r with ``count <= comb(room + r,
    r)``: A. Griewank and A. Walther, Algorithm 799: Revolve, ACM TOMS 26 (2000), eq. 4.
    """
    if room == 1:
        return count * (count - 1) // 2
    times = repetitions(count, room)
    return times * count - comb(room + times, times - 1) if times else 0


def repetitions(count: int, room: int) -> int:
    """Return how often a segment is done forward at most."""
    times, reach = 0, 1
    while reach < count:
        times += 1
        reach = reach * (room + times) // times
    return times


def ahead(count: int, room: int) -> int:
    """Return after how many of the segments the next state is kept: fewer than all."""
    if room == 1:
        return count - 1
    times = repetitions(count, room)
    least = count - comb(room - 1 + times, times)
    shorter = comb(room + times - 2, times - 2) if times > 1 else 1
    return max(least, shorter, 1)


class Part(NamedTuple, Generic[State]):
    """A segment whose turn it is to be swept, and the state where it starts."""

    at: int
    state: State


def parts(
    state: State,
    stop: int,
    room: int,
    advanced: Callable[[State, int, int], State],
    start: int = 0,
) -> Iterator[Part[State]]:
    """Give segments, last first, each with the state where it starts.

    Parameters
    ----------
    state : any
        That where the segment `start` starts.
    stop : int
        Segments, `start` counted.
    room : int
        States that are held at most, `state` counted.
    advanced : callable
        ``advanced(state, start, stop)`` is the state some segments later.
    start : int
    """
    held = [Part(start, state)]
    while held:
        at, state = held[-1]
        while at < stop - 1:
            free = room - len(held)
            step = ahead(stop - at, free + 1)
            state, at = advanced(state, at, at + step), at + step
            if free:
                held.append(Part(at, state))
        yield Part(at, state)
        stop = at
        if held[-1].at == at:
            held.pop()
