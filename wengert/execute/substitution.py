"""Acyclic colourings: fewer colours, and entries that are found one after another.

Columns next to each other differ, and no circle has two colours: the pairs of columns
that two colours have in common are trees.  At an end of a tree an entry is alone of its
colour in its row; it is subtracted from what it was added to, and so on inwards.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from wengert.derive.sets import Array

#: Pairs of a tree at most, unless it is a star: so many elements an entry is a sum of.
MOST_ADDED = 12
#: The hub of a single pair, which either end may be, and of what is no star.
EITHER, NONE = -1, -2


class Trees:
    """The trees of pairs of colours, while columns are coloured one after another.

    Parameters
    ----------
    pattern : scipy.sparse.csr_array of bools, shape (n, n)
        A symmetric one.
    """

    def __init__(self, pattern: Any) -> None:
        count, ends = pattern.shape[0], pattern.indptr.tolist()
        rows = np.repeat(np.arange(count), np.diff(pattern.indptr))
        columns = pattern.indices.astype(np.int64)
        keys = np.minimum(rows, columns) * count + np.maximum(rows, columns)
        pairs = np.unique(keys, return_inverse=True)[1].tolist()
        entries = list(zip(columns.tolist(), pairs, strict=True))
        #: Of each column those next to it, with the number of the pair.
        self.near = [
            [(w, pair) for w, pair in entries[ends[v] : ends[v + 1]] if w != v]
            for v in range(count)
        ]
        size = max(pairs, default=-1) + 1
        self.parents, self.sizes, self.hubs = list(range(size)), size * [1], size * [-1]
        self.colors = count * [-1]

    def tree(self, pair: int) -> int:
        """Return the pair that stands for the tree which a pair is in."""
        parents = self.parents
        while parents[pair] != pair:
            parents[pair] = pair = parents[parents[pair]]
        return pair

    def forbidden(self, v: int) -> int:
        """Return the colours that a column may not have, a bit each."""
        colors, used = self.colors, 0
        near = [(w, colors[w]) for w, _ in self.near[v] if colors[w] >= 0]
        for _, color in near:
            used |= 1 << color
        #: By colours of pairs next to it: their trees, and where each is reached.
        reached: dict[tuple[int, int], dict[int, int]] = {}
        for w, color in near:
            for x, pair in self.near[w]:
                if colors[x] >= 0 and not used >> colors[x] & 1:
                    trees = reached.setdefault((color, colors[x]), {})
                    if trees.setdefault(self.tree(pair), w) != w:  # a circle
                        used |= 1 << colors[x]
        spokes = Counter([color for _, color in near])
        for (color, other), trees in reached.items():
            size = spokes[color] + sum([self.sizes[tree] for tree in trees])
            tree, w = next(iter(trees.items()))
            is_star = spokes[color] == 1 and self.hubs[tree] in (EITHER, w)
            used |= (size > MOST_ADDED and not is_star) << other
        return used

    def add(self, v: int, color: int) -> None:
        """Give a column its colour; the trees that it joins become one."""
        self.colors[v] = color
        spokes: dict[int, int] = {}
        for w, pair in self.near[v]:
            if self.colors[w] >= 0:
                self.join(pair, spokes.setdefault(self.colors[w], pair), v)
                for x, other in self.near[w]:
                    if x != v and self.colors[x] == color:
                        self.join(pair, other, w)

    def join(self, one: int, other: int, hub: int) -> None:
        """Make the trees of two pairs, which have a column in common, one tree."""
        a, b = self.tree(one), self.tree(other)
        if a != b:
            is_star = {self.hubs[a], self.hubs[b]} <= {EITHER, hub}
            self.parents[b], self.hubs[a] = a, hub if is_star else NONE
            self.sizes[a] += self.sizes[b]


def acyclic(pattern: Any, order: Array) -> Array:
    """Return an acyclic colouring of a symmetric pattern, in some order."""
    trees = Trees(pattern)
    for v in order.tolist():
        used = trees.forbidden(v)
        trees.add(v, (~used & (used + 1)).bit_length() - 1)
    return np.array(trees.colors, np.int64)


def substituted(rows: Array, columns: Array, colors: Array) -> Any:
    """Return what entries are of the elements of products with the sums of columns.

    Parameters
    ----------
    rows, columns : array of int, shape (entries,)
        Those of a symmetric pattern, row by row.
    colors : array of int, shape (n,)

    Returns
    -------
    scipy.sparse.csr_array, shape (entries, products * n), or None
        An entry is a row of it times all products in turn; None where some entries
        cannot be found.
    """
    count, n = len(rows), len(colors)
    size = n * (int(colors.max(initial=-1)) + 1)
    #: The element that an entry is added into, and where its mirror image is.
    element, mirror = colors[columns] * n + rows, np.lexsort((rows, columns))
    members = ones_at(element, np.arange(count), (size, count))
    found = ones_at(element[:0], element[:0], (count, size))
    is_known, left = np.zeros(count, bool), np.bincount(element, minlength=size)
    while not is_known.all():
        own = np.flatnonzero(~is_known & (left[element] == 1))
        if not len(own):
            return None
        turn = np.arange(len(own))
        others = members[element[own]] @ found
        values = ones_at(turn, element[own], (len(own), size)) - others
        is_copied = ~np.isin(mirror[own], own)
        turn = np.concatenate([turn, turn[is_copied]])
        own = np.concatenate([own, mirror[own[is_copied]]])
        found = found + ones_at(own, turn, (count, values.shape[0])) @ values
        is_known[own] = True
        left -= np.bincount(element[own], minlength=size)
    return found


def ones_at(rows: Array, columns: Array, shape: tuple[int, int]) -> Any:
    """Return a sparse matrix of ones at some places."""
    from scipy.sparse import csr_array

    return csr_array((np.ones(len(rows)), (rows, columns)), shape)
