"""Colourings: which columns, or rows, of a sparse matrix one sweep can find at once.

Columns that share no row have one colour: the product of the matrix and the sum of
their unit vectors holds the entries of all of them.  The colours that the entries of a
row have are the bits of one whole number, so that a greedy colouring takes time that
grows with the entries; that of a large pattern is a loop in machine code.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from zipfile import BadZipFile

import numpy as np

from wengert.derive.sets import Array
from wengert.derive.spy import spy, spy_svg
from wengert.emit.colours import greedy_colours, star_colours
from wengert.errors import ArgumentError, explain
from wengert.execute.engine import native_engine
from wengert.execute.substitution import acyclic, substituted

ORDERS = ("natural", "largest_first", "smallest_last", "random")
#: The orders that are tried where none is asked for, until one is sure to be best.
TRIED = ("natural", "largest_first")
#: The same of rows and columns together: none of them shall all come first.
MIXED = ("random", "largest_first")
#: Entries from which on the greedy loop is machine code.
LARGE = 20_000
#: Counts of keys are a table where it is at most so many times as long as the keys.
DENSE = 16


@dataclass(frozen=True, eq=False)
class ColoredPattern:
    """A pattern with a colour a column or a row, and how entries are read off.

    Attributes
    ----------
    sparsity : scipy.sparse.csr_array of bools, shape (m, n)
    colors : array of int, shape (n,), or (m,) for rows, (m + n,) for both
    kind : "cols", "rows", "symmetric" or "bidirectional"
        What has the colours; of a symmetric matrix the columns, of which an entry may
        be found in the place of its mirror image, or by substitution; or rows, then
        columns, where -1 is none, and those of columns are the lower ones.
    """

    sparsity: Any
    colors: Array
    kind: str

    @cached_property
    def num_colors(self) -> int:
        """Number of colours: of products that give the matrix."""
        return int(self.colors.max(initial=-1)) + 1

    @cached_property
    def seeds(self) -> Array:
        """The sum of the unit vectors of each colour, a row each."""
        return np.equal.outer(np.arange(self.num_colors), self.colors) * 1.0

    @cached_property
    def forward(self) -> int:
        """Number of colours of columns, which are the lower ones."""
        if self.kind == "bidirectional":
            return int(self.colors[self.sparsity.shape[0] :].max(initial=-1)) + 1
        return 0 if self.kind == "rows" else self.num_colors

    @property
    def ways(self) -> list[tuple[Array, bool]]:
        """The seeds that the matrix is multiplied by, and whether from the left."""
        if self.kind != "bidirectional":
            return [(self.seeds, self.kind == "rows")]
        m, count = self.sparsity.shape[0], self.forward
        ways = [(self.seeds[:count, m:], False), (self.seeds[count:, :m], True)]
        return [way for way in ways if len(way[0])] or ways[:1]

    @cached_property
    def places(self) -> tuple[Array, Array]:
        """For every entry, row by row, the product and the element where it is found.

        Raises
        ------
        ArgumentError
            If an entry cannot be read off: the colouring is not one of this pattern.
        """
        rows, columns = coordinates(self.sparsity)
        none = np.full(len(rows), -1)
        across = none if self.kind == "rows" else self.colors[columns]
        down = none if self.kind == "cols" else self.colors[rows]
        if self.kind == "bidirectional":
            across = self.colors[self.sparsity.shape[0] + columns]
        is_across, is_down = is_alone(rows, across), is_alone(columns, down)
        if not (is_across | is_down).all() and self.sums is None:
            raise ArgumentError(
                explain(
                    f"a colouring of {self.num_colors} colours of a pattern of "
                    f"{self.sparsity.nnz} entries",
                    "two entries of one row have the same colour, and are added up",
                    f"color_{self.kind}(pattern)",
                )
            )
        # An entry of a row's colour is found in its column.
        is_down &= ~is_across
        return np.where(is_down, down, across), np.where(is_down, columns, rows)

    @property
    def found(self) -> Array:
        """For every entry the place among the elements of all products, in turn."""
        (product, element), (m, n) = self.places, self.sparsity.shape
        before = np.minimum(product, self.forward)
        found: Array = before * m + (product - before) * n + element
        return found

    @cached_property
    def sums(self) -> Any:
        """Where entries are found by substitution: what they are, a row of it each.

        A `scipy.sparse.csr_array` whose product with the elements of all products in
        turn is the entries; None where every entry is one of those elements.
        """
        if self.kind != "symmetric":
            return None
        rows, columns = coordinates(self.sparsity)
        across, down = self.colors[columns], self.colors[rows]
        if (is_alone(rows, across) | is_alone(columns, down)).all():
            return None
        return substituted(rows, columns, self.colors)

    def save(self, path: Any) -> None:
        """Write it to a file in NumPy's format `npz`, of whatever name."""
        with nullcontext(path) if hasattr(path, "write") else open(path, "wb") as file:
            np.savez(
                file,
                colors=self.colors,
                kind=self.kind,
                shape=self.sparsity.shape,
                indices=self.sparsity.indices,
                indptr=self.sparsity.indptr,
            )

    @classmethod
    def load(cls, path: Any) -> ColoredPattern:
        """Return what was saved.

        Raises
        ------
        ArgumentError
            If it is not such a file.
        """
        from scipy.sparse import csr_array

        found = arrays_of(path)
        try:
            data = np.ones(len(found["indices"]), bool)
            parts = data, found["indices"], found["indptr"]
            pattern = csr_array(parts, shape=tuple(found["shape"].tolist()))
            made = cls(pattern, found["colors"], str(found["kind"]))
        except KeyError as error:
            raise foreign(path, f"it has no array {error}") from None
        except (TypeError, ValueError) as error:
            raise foreign(path, f"its arrays are no pattern ({error})") from None
        m, n = pattern.shape
        sizes = {"cols": n, "rows": m, "symmetric": n, "bidirectional": m + n}
        if made.colors.shape != (sizes.get(made.kind),):
            why = f"it has colors {made.colors.shape} of {made.kind!r} of {m} x {n}"
            raise foreign(path, why)
        return made

    def __str__(self) -> str:
        m, n = self.sparsity.shape
        head = f"{m} x {n}, {self.sparsity.nnz} nonzeros, {self.num_colors} colors"
        return f"{head} ({self.kind})\n{spy(self.sparsity)}"

    def _repr_svg_(self) -> str:
        """Return the picture that a notebook shows, each entry in its colour."""
        return spy_svg(self.sparsity, self.places[0])

    def __repr__(self) -> str:
        return f"<ColoredPattern {str(self).splitlines()[0]}>"


def arrays_of(path: Any) -> dict[str, Array]:
    """Return the arrays of a file in NumPy's format `npz`."""
    try:
        with (
            nullcontext(path) if hasattr(path, "read") else open(path, "rb") as file,
            np.load(file) as arrays,
        ):
            return dict(arrays)
    except (AttributeError, EOFError, TypeError, ValueError, BadZipFile):
        raise foreign(path, "it is no file in NumPy's format npz") from None


def foreign(path: Any, why: str) -> ArgumentError:
    """Return the error of a file that is not a saved pattern."""
    return ArgumentError(
        explain(
            f"ColoredPattern.load was given {path}",
            f"{why}, as those have that save writes",
            "a file of colored.save(path); of a matrix that is read in another way, "
            "color_cols(matrix)",
        )
    )


def color_cols(pattern: Any, order: str | None = None) -> ColoredPattern:
    """Return a pattern with its columns coloured: those of a colour share no row.

    Parameters
    ----------
    pattern : scipy.sparse array, shape (m, n)
    order : {"natural", "largest_first", "smallest_last", "random"}, optional
        In which order columns are coloured; by default several, and the best is kept.

    Returns
    -------
    ColoredPattern

    See Also
    --------
    color_rows, color_symmetric

    Notes
    -----
    Cost: Time that grows with the entries, and for ``"smallest_last"`` with the pairs
    of columns that share a row.

    Examples
    --------
    >>> from scipy import sparse
    >>> from wengert import color_cols
    >>> band = sparse.diags_array([1.0, 1.0], offsets=[0, 1], shape=(100, 100))
    >>> color_cols(band).num_colors
    2
    """
    pattern = as_pattern(pattern)
    colors = best(pattern, pattern.T.tocsr(), order)
    return ColoredPattern(pattern, colors, "cols")


def color_rows(pattern: Any, order: str | None = None) -> ColoredPattern:
    """Return a pattern with its rows coloured: those of a colour share no column.

    Parameters, returns and cost as of `color_cols`.

    See Also
    --------
    color_cols, color_symmetric
    """
    pattern = as_pattern(pattern)
    colors = best(pattern.T.tocsr(), pattern, order)
    return ColoredPattern(pattern, colors, "rows")


def color_symmetric(
    pattern: Any, order: str | None = None, method: str = "star"
) -> ColoredPattern:
    """Return a symmetric pattern with its columns coloured: fewer colours do.

    Parameters
    ----------
    pattern : scipy.sparse array, shape (n, n)
    order : {"natural", "largest_first", "smallest_last", "random"}, optional
        As of `color_cols`.
    method : {"star", "acyclic"}
        By a star colouring an entry or its mirror image is alone of its colour in its
        row.  An acyclic one has fewer colours yet, and some entries are what is left
        when others are subtracted: they are as exact as those others, and no number
        where one of them is none.

    Returns
    -------
    ColoredPattern

    See Also
    --------
    color_cols, color_rows

    Notes
    -----
    Columns next to each other differ; no path over four of them has two colours, or no
    circle: Gebremedhin, Manne and Pothen, "What color is your Jacobian?", SIAM Review
    47 (2005), section 6.  An entry is the sum of a dozen elements at most.

    Cost: As of `color_cols`; of acyclic colourings time that grows with the pairs of
    columns that share a row, in Python.

    Examples
    --------
    >>> from scipy import sparse
    >>> from wengert import color_symmetric
    >>> line = sparse.diags_array([1.0, 1.0, 1.0], offsets=[-1, 0, 1], shape=(9, 9))
    >>> grid = sparse.kronsum(line, line)
    >>> color_symmetric(grid).num_colors
    6
    >>> color_symmetric(grid, method="acyclic").num_colors
    4
    """
    pattern = as_pattern(pattern)
    if not is_symmetric(pattern):
        raise ArgumentError(
            explain(
                f"color_symmetric of a pattern of shape {pattern.shape}",
                "it is not symmetric",
                "color_cols(pattern)",
            )
        )
    if method not in METHODS:
        raise unknown(f"a symmetric colouring by the method {method!r}", METHODS)
    tried = [
        METHODS[method](pattern, ordered(pattern, pattern, name))
        for name in ((order,) if order else TRIED)
    ]
    colors = min(tried, key=lambda found: found.max(initial=-1))
    return ColoredPattern(pattern, colors, "symmetric")


def color_bidirectional(pattern: Any, order: str | None = None) -> ColoredPattern:
    """Return a pattern with rows and columns coloured, as many as are needed.

    An entry is alone of its column's colour in its row, or of its row's colour in its
    column, so that a dense row and a dense column take one colour each.

    Parameters, returns and cost as of `color_cols`.

    See Also
    --------
    color_cols, color_rows

    Notes
    -----
    A star colouring of the graph of rows and columns, without the colours that no entry
    needs: Gebremedhin, Manne and Pothen, "What color is your Jacobian?", SIAM Review 47
    (2005), section 3.7.

    Examples
    --------
    >>> import numpy as np
    >>> from wengert import color_bidirectional, color_cols
    >>> arrow = np.eye(100)
    >>> arrow[0] = arrow[:, 0] = 1.0
    >>> color_cols(arrow).num_colors, color_bidirectional(arrow).num_colors
    (100, 4)
    """
    from scipy.sparse import block_array

    pattern = as_pattern(pattern)
    m = pattern.shape[0]
    graph = as_pattern(block_array([[None, pattern], [pattern.T, None]], format="csr"))
    tried = [
        needed_alone(pattern, *np.split(star(graph, ordered(graph, graph, name)), [m]))
        for name in ((order,) if order else MIXED)
    ]
    colors = min(tried, key=lambda found: found.max(initial=-1))
    return ColoredPattern(pattern, colors, "bidirectional")


def needed_alone(pattern: Any, down: Array, across: Array) -> Array:
    """Return colours of rows and columns without those that no entry needs."""
    rows, columns = coordinates(pattern)
    count = int(max(down.max(initial=-1), across.max(initial=-1))) + 1
    # Of an entry: its column's colour, and that of its row behind all of those.
    either = np.stack([across[columns], count + down[rows]])
    able = np.stack([is_alone(rows, either[0]), is_alone(columns, either[1] - count)])
    kept = np.zeros(2 * count, bool)
    kept[either[able & ~able[::-1]]] = True
    left = np.flatnonzero(~(able & kept[either]).any(axis=0))
    while len(left):
        covers = np.bincount(either[:, left].ravel(), minlength=2 * count)
        kept[covers.argmax()] = True
        left = left[~kept[either[:, left]].any(axis=0)]
    numbers = np.where(kept, np.cumsum(kept) - 1, -1)
    return np.concatenate([numbers[count + down], numbers[across]])


def as_pattern(pattern: Any) -> Any:
    """Return a pattern in CSR, with sorted indices, each once."""
    from scipy.sparse import csr_array

    found = csr_array(pattern).astype(bool)
    found.sum_duplicates()
    found.eliminate_zeros()
    return found


def is_alone(lines: Array, colors: Array) -> Array:
    """Whether an entry is the only one of its colour in its line; -1 is none."""
    keys = lines * (int(colors.max(initial=-1)) + 2) + colors + 1
    if keys.max(initial=0) < DENSE * len(keys):
        counts: Array = np.bincount(keys)[keys]
    else:
        _, where, sizes = np.unique(keys, return_inverse=True, return_counts=True)
        counts = sizes[where]
    is_one: Array = (counts == 1) & (colors >= 0)
    return is_one


def is_symmetric(pattern: Any) -> bool:
    """Whether a pattern is its own transpose."""
    if pattern.shape[0] != pattern.shape[1]:
        return False
    other = pattern.T.tocsr()
    return all(
        np.array_equal(getattr(pattern, name), getattr(other, name))
        for name in ("indptr", "indices")
    )


def coordinates(pattern: Any) -> tuple[Array, Array]:
    """Return the row and the column of every entry of a CSR array."""
    counts = np.diff(pattern.indptr)
    return np.repeat(np.arange(len(counts)), counts), pattern.indices.astype(np.int64)


def best(lines: Any, coloured: Any, order: str | None) -> Array:
    """Return the colours of the rows of `coloured`, by the best of some orders.

    `lines` is its transpose: as many entries as a line has, as many colours are needed.
    """
    least = int(np.diff(lines.indptr).max(initial=0))
    found: Array | None = None
    for name in (order,) if order else TRIED:
        colors = greedy(coloured, ordered(lines, coloured, name))
        if found is None or colors.max(initial=-1) < found.max(initial=-1):
            found = colors
        if found.max(initial=-1) < least:
            break
    assert found is not None
    return found


def is_native(pattern: Any) -> bool:
    """Whether the greedy loop of a pattern is machine code."""
    return pattern.nnz >= LARGE and native_engine()


def greedy(coloured: Any, order: Array) -> Array:
    """Return the lowest colour that each row may have, in some order."""
    if is_native(coloured):
        return greedy_colours(coloured, order)
    indptr, indices = coloured.indptr.tolist(), coloured.indices.tolist()
    taken = [0] * coloured.shape[1]  # colours in each line, a bit each
    colors = np.zeros(coloured.shape[0], np.int64)
    for v in order.tolist():
        lines = indices[indptr[v] : indptr[v + 1]]
        used = 0
        for k in lines:
            used |= taken[k]
        bit = ~used & (used + 1)
        for k in lines:
            taken[k] |= bit
        colors[v] = bit.bit_length() - 1
    return colors


def star(pattern: Any, order: Array) -> Array:
    """Return a star colouring of a symmetric pattern, in some order.

    No path over four columns has two colours.  Of a column: the colours of its
    neighbours, those of several of them, and those of the neighbours that have its own
    colour among several of theirs, the hubs of stars.
    """
    if is_native(pattern):
        return star_colours(pattern, order)
    count, indptr = pattern.shape[0], pattern.indptr.tolist()
    indices = pattern.indices.tolist()
    own, around, twice, hubs = ([0] * count for _ in range(4))
    for v in order.tolist():
        near = [w for w in indices[indptr[v] : indptr[v + 1]] if w != v]
        used = 0
        for w in near:
            if bit := own[w]:
                used |= bit | hubs[w] | (around[w] if bit & twice[v] else 0)
        color = own[v] = ~used & (used + 1)
        for x in near:
            if not around[x] & color:
                around[x] |= color
                continue
            if not twice[x] & color:
                twice[x] |= color
                for w in indices[indptr[x] : indptr[x + 1]]:
                    hubs[w] |= own[x] if own[w] == color else 0
            hubs[v] |= own[x]
        for w in near:
            hubs[w] |= color if own[w] & twice[v] else 0
    return np.array([bit.bit_length() - 1 for bit in own], np.int64)


#: Colourings of symmetric patterns, by name.
METHODS = {"star": star, "acyclic": acyclic}


def ordered(lines: Any, coloured: Any, name: str) -> Array:
    """Return the rows of `coloured` in an order."""
    count = coloured.shape[0]
    if name == "natural":
        return np.arange(count)
    if name == "random":
        return np.random.default_rng(0).permutation(count)
    if name == "largest_first":
        # Neighbours, those in several lines counted as often.
        sizes = np.concatenate(
            [[0], np.cumsum(np.diff(lines.indptr)[coloured.indices])]
        )
        degrees = sizes[coloured.indptr[1:]] - sizes[coloured.indptr[:-1]]
        return np.argsort(-degrees, kind="stable")
    if name == "smallest_last":
        graph = coloured.astype(np.int64) @ lines.astype(np.int64)
        return np.array(smallest_last(graph.tocsr()), np.int64)
    raise unknown(f"a colouring in the order {name!r}", ORDERS)


def unknown(what: str, names: Iterable[str]) -> ArgumentError:
    """Return the error of a name that is none of these."""
    return ArgumentError(
        explain(what, "there is none of that name", " or ".join(map(repr, names)))
    )


def smallest_last(graph: Any) -> list[int]:
    """Return vertices so that each has the fewest neighbours among those before it."""
    indptr, indices = graph.indptr.tolist(), graph.indices.tolist()
    degrees = np.diff(graph.indptr).tolist()
    buckets: list[list[int]] = [[] for _ in range(max(degrees, default=0) + 1)]
    for v, degree in enumerate(degrees):
        buckets[degree].append(v)
    done, low = [False] * len(degrees), 0
    found: list[int] = []
    while len(found) < len(degrees):
        while not buckets[low]:
            low += 1
        v = buckets[low].pop()
        if done[v] or degrees[v] != low:
            continue
        done[v] = True
        found.append(v)
        for w in indices[indptr[v] : indptr[v + 1]]:
            if not done[w]:
                degrees[w] -= 1
                buckets[degrees[w]].append(w)
        low = max(low - 1, 0)
    return found[::-1]
