"""Many sets of whole numbers, each a number itself: what elements depend on.

Equal dependences are mostly the same set, so that an array of a million elements needs
as many sets as it has kinds of them.  A union of a few members is made at once; a large
one is kept as what it is a union of, until its members are asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
#: Members up to which a union is made at once.
MOST_AT_ONCE = 256
#: Sets up to which Python's lists are faster than arrays.
SHORT = 16


class Sets:
    """Sets by number; 0 is the empty one.

    Parameters
    ----------
    most_at_once : int
        Members up to which a union is made at once.
    """

    def __init__(self, most_at_once: int = MOST_AT_ONCE) -> None:
        self.most_at_once = most_at_once
        #: Members one after another: of a union that waits, the sets it is made of.
        self.flat = np.zeros(1024, np.int64)
        self.used = 0
        self.starts = np.zeros(1024, np.int64)
        self.sizes = np.zeros(1024, np.int64)
        self.waits = np.zeros(1024, bool)
        self.count = 1
        self.known: dict[Any, int] = {}

    def append(self, members: Any, sizes: Array, waits: bool) -> Array:
        """Add sets whose members stand one after another; return their numbers."""
        total, many = len(members), len(sizes)
        if self.used + total > len(self.flat):
            grown = np.zeros(2 * (self.used + total), np.int64)
            grown[: self.used] = self.flat[: self.used]
            self.flat = grown
        if self.count + many > len(self.starts):
            for name in ("starts", "sizes", "waits"):
                old = getattr(self, name)
                new = np.zeros(2 * (self.count + many), old.dtype)
                new[: self.count] = old[: self.count]
                setattr(self, name, new)
        self.flat[self.used : self.used + total] = members
        own = slice(self.count, self.count + many)
        self.sizes[own] = sizes
        self.starts[own] = self.used + np.cumsum(sizes) - sizes
        self.waits[own] = waits
        self.used += total
        self.count += many
        return np.arange(own.start, own.stop)

    def singles(self, numbers: Array) -> Array:
        """Return one set for each number."""
        return self.append(numbers, np.ones(len(numbers), np.int64), False)

    def union(self, a: int, b: int) -> int:
        """Return the union of two sets."""
        if a == b or not b:
            return a
        if not a:
            return b
        key = (a, b) if a < b else (b, a)
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = self.make_union(*key)
        return found

    def make_union(self, a: int, b: int) -> int:
        """Return the union of two different sets."""
        sizes = int(self.sizes[a]), int(self.sizes[b])
        if self.waits[a] or self.waits[b] or sum(sizes) > self.most_at_once:
            return int(self.append([a, b], np.array([2]), True)[0])
        left, right = self.members(a), self.members(b)
        both = frozenset(left).union(right)
        for number, size in zip((a, b), sizes, strict=True):
            if len(both) == size:
                return number
        found = self.known.get(both)
        if found is None:
            made = self.append(sorted(both), np.array([len(both)]), False)
            found = self.known[both] = int(made[0])
        return found

    def members(self, number: int) -> list[int]:
        """Return what stands in a set."""
        start = int(self.starts[number])
        return self.flat[start : start + int(self.sizes[number])].tolist()  # type: ignore[no-any-return]

    def unions(self, a: Array, b: Array) -> Array:
        """Return the unions of sets, element by element."""
        if a is b:
            return a
        found = np.array(np.where(a == 0, b, a), order="C")
        differ = np.flatnonzero((a != b) & (a != 0) & (b != 0))
        if not differ.size:
            return found
        left, right = a.ravel()[differ], b.ravel()[differ]
        pairs = np.minimum(left, right) * self.count + np.maximum(left, right)
        keys, places = np.unique(pairs, return_inverse=True)
        members = np.stack(np.divmod(keys, self.count), axis=1).ravel()
        made = self.make_unions(members, np.full(len(keys), 2))
        found.ravel()[differ] = made[places]
        return found

    def merge(self, groups: Array, sets: Array, count: int) -> Array:
        """Return the union of the sets of each of `count` groups."""
        filled = sets != 0
        keys = distinct(groups[filled] * self.count + sets[filled])
        groups, sets = np.divmod(keys, self.count)
        sizes = np.bincount(groups, minlength=count)
        found = np.zeros(count, np.int64)
        alone = sizes[groups] == 1
        found[groups[alone]] = sets[alone]
        if alone.all():
            return found
        several = np.flatnonzero(sizes > 1)
        sets, sizes = sets[~alone], sizes[several]
        kept, places = same_rows(sets, sizes)
        sets, sizes = take_rows(sets, sizes, kept)
        found[several] = self.make_unions(sets, sizes)[places]
        return found

    def make_unions(self, sets: Array, sizes: Array) -> Array:
        """Return the unions of sets that stand one after another, `sizes` at a time."""
        groups = np.repeat(np.arange(len(sizes)), sizes)
        lengths = np.where(self.waits[sets], self.most_at_once + 1, self.sizes[sets])
        waits = np.bincount(groups, lengths, len(sizes)) > self.most_at_once
        found = np.zeros(len(sizes), np.int64)
        if waits.any():
            members, counts = take_rows(sets, sizes, np.flatnonzero(waits))
            found[waits] = self.append(members, counts, True)
        if waits.all():
            return found
        now = ~waits[groups]
        groups, sets = groups[now], sets[now]
        owners, members = self.spread(groups, sets)
        width = int(members.max()) + 1
        owners, members = np.divmod(distinct(owners * width + members), width)
        counts = np.bincount(owners, minlength=len(sizes))
        # One of the sets may hold all the others.
        whole = self.sizes[sets] == counts[groups]
        found[groups[whole]] = sets[whole]
        new = (found == 0) & ~waits
        found[new] = self.append(members[new[owners]], counts[new], False)
        return found

    def spread(self, owners: Array, sets: Array) -> tuple[Array, Array]:
        """Return the members of sets that wait for nothing, each with its owner."""
        sizes = self.sizes[sets]
        return np.repeat(owners, sizes), self.flat[ranges(self.starts[sets], sizes)]

    def finish(self, wanted: Iterable[int]) -> None:
        """Make the unions that wait among some sets."""
        waiting = [number for number in sorted(wanted) if self.waits[number]]
        seen = np.zeros(self.count if waiting else 0, np.int64)
        for number in waiting:
            sets = self.parts(number, seen)
            members = distinct(self.spread(sets, sets)[1])
            made = self.append(members, np.array([len(members)]), False)[0]
            self.starts[number] = self.starts[made]
            self.sizes[number] = len(members)
            self.waits[number] = False

    def parts(self, number: int, seen: Array) -> Array:
        """Return the sets that wait for nothing, of which a union is made.

        What was looked at for this number is marked in `seen`.
        """
        found, front = [], np.array([number])
        while front.size:
            if front.size < SHORT:
                parts = [p for k in front.tolist() for p in self.members(k)]
                parts = [p for p in dict.fromkeys(parts) if seen[p] != number]
                fresh = np.array(parts, np.int64)
            else:
                fresh = distinct(self.spread(front, front)[1])
                fresh = fresh[seen[fresh] != number]
            seen[fresh] = number
            waits = self.waits[fresh]
            found.append(fresh[~waits])
            front = fresh[waits]
        return np.concatenate(found)

    def rows(self, sets: Array) -> tuple[Array, Array]:
        """Return the members of sets, one after another, and how many each has."""
        self.finish(distinct(sets).tolist())
        sizes = self.sizes[sets]
        return self.flat[ranges(self.starts[sets], sizes)], sizes


def distinct(numbers: Array) -> Array:
    """Return the different ones of some numbers, in order.

    `np.unique` hashes first, which takes ten times as long where most differ.
    """
    ordered = np.sort(numbers, axis=None)
    is_new = np.ones(len(ordered), bool)
    np.not_equal(ordered[1:], ordered[:-1], out=is_new[1:])
    return ordered[is_new]


def ranges(starts: Array, sizes: Array) -> Array:
    """Return ``start, start + 1, ...`` for each start, `sizes` numbers each."""
    before = np.cumsum(sizes) - sizes
    return np.repeat(starts - before, sizes) + np.arange(int(sizes.sum()))


def take_rows(members: Array, sizes: Array, rows: Array) -> tuple[Array, Array]:
    """Return some of the rows that stand one after another, and their sizes."""
    starts = np.cumsum(sizes) - sizes
    return members[ranges(starts[rows], sizes[rows])], sizes[rows]


def same_rows(members: Array, sizes: Array) -> tuple[Array, Array]:
    """Return the first of every kind of row, and for each row which of those it is."""
    starts = np.cumsum(sizes) - sizes
    mixed = members * np.int64(-7046029254386353131)  # a mixer; it may overflow
    mixed ^= mixed >> 29
    mixed *= np.int64(-4658895280553007687)
    sums = np.add.reduceat(mixed, starts) * 1_000_003 + sizes
    _, first, places = np.unique(sums, return_index=True, return_inverse=True)
    own, twins = take_rows(members, sizes, np.arange(len(sizes))), first[places]
    if np.array_equal(sizes, sizes[twins]):
        like = take_rows(members, sizes, twins)
        if np.array_equal(own[0], like[0]):
            return first, places
    return np.arange(len(sizes)), np.arange(len(sizes))
