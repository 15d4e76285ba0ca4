"""Binomial checkpointing takes the fewest steps there are, by trying all."""

from __future__ import annotations

from functools import cache

import pytest

from wengert.derive.binomial import fewest, parts


@cache
def by_trying(count: int, room: int) -> int:
    """The fewest segments forward, over all places of the next kept state."""
    if count == 1:
        return 0
    if room == 1:
        return count - 1 + by_trying(count - 1, 1)
    return min(
        k + by_trying(count - k, room - 1) + by_trying(k, room) for k in range(1, count)
    )


@pytest.mark.parametrize("room", range(1, 9))
def test_no_schedule_does_fewer_segments_again(room: int) -> None:
    for count in range(1, 70):
        done = []

        def advanced(state: int, start: int, stop: int, done: list[int] = done) -> int:
            assert state == start < stop
            done.append(stop - start)
            return stop

        swept = [(at, state) for at, state in parts(0, count, room, advanced)]

        assert swept == [(k, k) for k in reversed(range(count))]
        assert sum(done) == fewest(count, room) == by_trying(count, room)


def test_many_segments_are_counted_at_once() -> None:
    assert fewest(10**6, 10**6) == 10**6 - 1
    assert fewest(10**6, 2000) < 2 * 10**6
    assert fewest(1000, 1) == 1000 * 999 // 2
