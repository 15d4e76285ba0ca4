"""Where scratch memory lies: buffers that are not in use at once share a place."""

from __future__ import annotations

import numpy as np

from wengert.lower.nest import Buffer, Nest, spans_of

#: Bytes that the places of buffers are multiples of: a line of the cache.
ALIGNED = 64


def placed(nest: Nest) -> tuple[list[int], int]:
    """Return where each scratch buffer begins, and the end of all, in bytes.

    A buffer is in use from the first to the last statement that touches it, a loop and
    a part being one.  The largest ones are placed first, each as low as it can be
    (R. Sekiyama and others, Profile-guided memory optimization for deep neural
    networks, 2018, call that best fit).
    """
    spans = spans_of(nest.body)
    places = [0] * len(nest.scratch)
    done: list[tuple[int, int, int, int]] = []  # start, end, first, last
    end = 0
    for buffer in sorted(nest.scratch, key=lambda b: (-bytes_of(b), b.number)):
        first, last = spans.get(buffer, (0, len(nest.body)))
        size, place = bytes_of(buffer), 0
        for start, stop, one, other in sorted(done):
            if one <= last and first <= other and start < place + size:
                place = max(place, stop)
        places[buffer.number] = place
        done.append((place, place + size, first, last))
        end = max(end, place + size)
    return places, end


def bytes_of(buffer: Buffer) -> int:
    """Return the bytes of a buffer, rounded up."""
    size = buffer.size * np.dtype(buffer.type).itemsize
    return -(-size // ALIGNED) * ALIGNED
