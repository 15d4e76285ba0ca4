"""Sparse Jacobians and Hessians: all colours in one sweep, into a fixed structure.

The first call finds the pattern and colours it.  What is compiled computes the products
of all colours and picks every entry out of them; the pattern is looked at again only
where a new path is recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wengert.capture import tree
from wengert.capture.array import is_active, place, plain, wrap, wrap_passive
from wengert.capture.record import Segment, SetAside, active_tape, record_onto, trace
from wengert.core.guards import answer
from wengert.core.tape import Tape
from wengert.core.transformed import Transformed
from wengert.core.types import Type, has_class, type_of
from wengert.derive import forward, reverse
from wengert.derive.colouring import (
    ColoredPattern,
    color_cols,
    color_rows,
    color_symmetric,
)
from wengert.derive.modes import zeros_like_type
from wengert.derive.sets import Array
from wengert.derive.shortened import shortened
from wengert.derive.sparsity import Pattern
from wengert.emit.refusal import NotLoweredError
from wengert.errors import ArgumentError, DerivativeError, RecordingError, explain
from wengert.execute.blocks import BlockPlay
from wengert.execute.jit import jit

Function = Callable[..., Any]
FORMATS = ("csr", "csc", "coo")


class OutsideError(DerivativeError):
    """A call takes a path whose entries stand outside of the fixed structure."""

    def __init__(self, pattern: Any, name: str) -> None:
        self.pattern = pattern
        text = explain(
            f"the sparse derivative of {name} met a path with other nonzero entries",
            "its structure is fixed by the first call, which took another path",
            'pattern="grow", or the pattern of all paths: pattern=color_cols(union)',
        )
        super().__init__(text)


class Sparse(Transformed):
    """The Jacobian or the Hessian of a function as a sparse array.

    Parameters
    ----------
    fun : callable
    argnums : tuple of int
    is_second : bool
        Whether it is the Hessian.
    has_value : bool
        Whether the function's value is returned beside it.
    output_format : {"csr", "csc", "coo"}
    pattern : ColoredPattern, "grow" or None
        The structure; found by the first call where it is not given.
    """

    def __init__(
        self,
        fun: Function,
        argnums: tuple[int, ...],
        is_second: bool,
        has_value: bool,
        output_format: str,
        pattern: Any,
    ) -> None:
        settings = argnums, is_second, has_value, output_format, pattern
        super().__init__("hessian" if is_second else "jacobian", fun, *settings)
        if output_format not in FORMATS:
            raise ArgumentError(
                explain(
                    f"a sparse derivative was asked for as {output_format!r}",
                    "there is no such output_format",
                    " or ".join(map(repr, FORMATS)),
                )
            )
        self.argnums = argnums
        self.is_second, self.has_value = is_second, has_value
        self.output_format, self.grows = output_format, pattern == "grow"
        self.products: Products | None = None
        if isinstance(pattern, ColoredPattern):
            self.fix(pattern)

    @property
    def colored(self) -> ColoredPattern | None:
        """The structure and its colours; None before the first call."""
        return None if self.products is None else self.products.colored

    def __call__(self, *args: Any, out: Any = None) -> Any:
        """Return the derivative, or `out` with its data refilled."""
        if self.products is None:
            pattern = find_pattern(self.fun, args, self.argnums, self.is_second)
            self.fix(colour(pattern, self.is_second))
        assert self.products is not None
        try:
            value, data = self.products.at(*args)
        except OutsideError as error:
            if not self.grows:
                raise
            known = self.products.colored.sparsity
            self.fix(colour((known + error.pattern).astype(bool), self.is_second))
            return self(*args, out=out)
        matrix = self.products.matrix(data, self.output_format, out)
        return (value, matrix) if self.has_value else matrix

    def fix(self, colored: ColoredPattern) -> None:
        """Take a structure, and compile anew."""
        self.products = Products(
            self.fun, self.argnums, self.is_second, self.output_format, colored
        )


def colour(pattern: Any, is_second: bool) -> ColoredPattern:
    """Return a pattern with the fewest colours: of columns or of rows."""
    if is_second:
        return color_symmetric(pattern)
    return min(color_cols(pattern), color_rows(pattern), key=lambda c: c.num_colors)


def find_pattern(
    fun: Function, args: Sequence[Any], chosen: Sequence[int], is_second: bool
) -> Any:
    """Return the pattern of a call."""
    found = []

    def look(*given: Any) -> Any:
        segment, _ = trace(fun, given, chosen, {}, keeps=True)
        found.append(pattern_of(segment, is_second))
        return ()

    if active_tape() is None:
        record_as_jit(look, args, chosen)
    else:
        look(*args)
    return found[0]


def record_as_jit(
    function: Function, args: Sequence[Any], chosen: Sequence[int]
) -> Tape:
    """Return the recording of a call, with the inputs that `jit` makes at first.

    Whole numbers of Python's are constants there, but for those of chosen arguments.
    """
    leaves, structure = tree.flatten(tuple(args))
    owners = [k for k, arg in enumerate(args) for _ in tree.flatten(arg)[0]]
    moving = [
        place
        for place, (owner, leaf) in enumerate(zip(owners, leaves, strict=True))
        if owner in chosen or is_input(leaf)
    ]

    def call(*given: Any) -> Any:
        filled = list(leaves)
        for k, value in zip(moving, given, strict=True):
            filled[k] = value
        return function(*tree.unflatten(structure, filled))

    return record_onto(Tape(), call, [leaves[k] for k in moving])


def is_input(leaf: Any) -> bool:
    """Whether `jit` has a leaf as an input at first."""
    return has_class(leaf, tree.NUMERIC) and not has_class(leaf, int)


def pattern_of(segment: Segment, is_second: bool) -> Any:
    """Return the pattern of a stretch of tape."""
    found = Pattern(segment, segment.inputs, tree.flatten(segment.result)[0])
    found.is_replayed = True
    return found.hessian() if is_second else found.jacobian()


class Products:
    """The products that give a sparse derivative of one structure, compiled.

    Parameters
    ----------
    fun, argnums, is_second, output_format
        As `Sparse` has them.
    colored : ColoredPattern
    """

    def __init__(
        self,
        fun: Function,
        argnums: tuple[int, ...],
        is_second: bool,
        output_format: str,
        colored: ColoredPattern,
    ) -> None:
        self.colored = colored
        pattern = colored.sparsity
        counts = np.diff(pattern.indptr)
        self.rows = np.repeat(np.arange(len(counts)), counts)
        self.columns, self.indptr = pattern.indices, pattern.indptr
        product, element = colored.places
        if output_format == "csc":
            order = np.lexsort((self.rows, self.columns))
            product, element = product[order], element[order]
            self.rows, self.columns = self.rows[order], self.columns[order]
            sizes = np.bincount(self.columns, minlength=pattern.shape[1])
            self.indptr = np.concatenate([[0], np.cumsum(sizes)])
        size = pattern.shape[1] if colored.kind == "rows" else pattern.shape[0]
        flat = product * size + element
        chosen = tuple(sorted(argnums))

        def entries(*args: Any) -> tuple[Any, Any]:
            return compressed(fun, args, chosen, is_second, colored, flat)

        entries.__name__ = f"entries_of_{getattr(fun, '__name__', 'f')}"
        self.plain = entries
        self.fast = jit(entries)

    def at(self, *args: Any) -> tuple[Any, Any]:
        """Return the function's value and the entries."""
        return (self.fast if active_tape() is None else self.plain)(*args)

    def matrix(self, data: Any, output_format: str, out: Any) -> Any:
        """Return the sparse array of the entries, or `out` with them."""
        if out is not None:
            if out.format != output_format or out.data.shape != np.shape(data):
                raise ArgumentError(
                    explain(
                        f"out= is a {out.format} array of {out.nnz} entries",
                        f"the derivative is {output_format} and has {len(data)}",
                        "out= of an earlier call",
                    )
                )
            out.data[...] = data
            return out
        from scipy import sparse

        shape = self.colored.sparsity.shape
        if output_format == "coo":
            places = self.rows.copy(), self.columns.copy()
            return sparse.coo_array((data, places), shape=shape)
        inner = self.columns if output_format == "csr" else self.rows
        make = sparse.csr_array if output_format == "csr" else sparse.csc_array
        return make((data, inner.copy(), self.indptr.copy()), shape=shape)


def compressed(
    fun: Function,
    args: Sequence[Any],
    chosen: Sequence[int],
    is_second: bool,
    colored: ColoredPattern,
    flat: Array,
) -> tuple[Any, Any]:
    """Return a function's value, and the entries out of the products of all colours."""
    if active_tape() is None:  # the sweeps are recorded, whoever calls
        return recorded_result(fun, args, chosen, is_second, colored, flat)
    segment, _ = trace(fun, args, chosen, {}, keeps=True)
    pattern = pattern_of(segment, is_second)
    known = colored.sparsity
    if pattern.shape != known.shape or (pattern > known).nnz:
        raise OutsideError(pattern, getattr(fun, "__name__", "f"))
    if not colored.num_colors:
        return segment.result, np.zeros(0)
    seeds = np.equal.outer(np.arange(colored.num_colors), colored.colors) * 1.0
    how = is_second, colored.kind == "rows"
    try:
        products = all_at_once(fun, args, chosen, seeds, *how)
    except (NotLoweredError, RecordingError):  # one sweep behind the other
        products = np.stack([swept(segment, seed, *how) for seed in seeds])
    return segment.result, np.reshape(products, (-1,))[flat]


def swept(segment: Segment, seed: Any, is_second: bool, is_pulled: bool) -> Any:
    """Return the product of a derivative with one vector, of a stretch of tape."""
    leaves, _ = tree.flatten(segment.result)
    if is_second:
        outputs = gradient_nodes(segment, leaves)
    else:
        outputs = [node_of(segment.tape, leaf) for leaf in leaves]
    stop = len(segment.tape)
    types = [segment.tape.types[k] for k in segment.inputs]
    results = [segment.tape.types[k] for k in outputs]
    where = segment.tape, segment.start, stop
    if is_pulled:
        pairs = list(zip(outputs, parts_of(seed, results), strict=True))
        return joined(reverse.pull(*where, pairs, segment.inputs, True))
    tangents = dict(zip(segment.inputs, parts_of(seed, types), strict=True))
    forward.push(*where, tangents, True, outputs)
    return joined(
        [
            tangents.get(k, zeros_like_type(like))
            for k, like in zip(outputs, results, strict=True)
        ]
    )


def all_at_once(
    fun: Function,
    args: Sequence[Any],
    chosen: Sequence[int],
    seeds: Array,
    is_second: bool,
    is_pulled: bool,
) -> Any:
    """Return the products with all vectors: the sweep of one, done for rows of them.

    Raises
    ------
    NotLoweredError, RecordingError
        Where a node has no form for all of them at once, or the function reads a
        recorded value that is no argument.
    """

    def sweep(seed: Any, *given: Any) -> Any:
        segment, _ = trace(fun, given, chosen, {}, keeps=True)
        return swept(segment, seed, is_second, is_pulled)

    leaves, structure = tree.flatten(tuple(args))
    with SetAside(None):
        given = tree.unflatten(structure, [plain(leaf) for leaf in leaves])
        tape, _ = shortened(record_onto(Tape(), sweep, [seeds[0], *given]), ())
    outer = active_tape()
    assert outer is not None
    rows, all_seeds = (
        Directions(tape, len(seeds)),
        wrap(outer, outer.array(seeds), seeds),
    )
    inputs = dict(zip(tape.input_indices, [all_seeds, *leaves], strict=True))
    rows.run(inputs, [True, *[False] * len(leaves)])
    if rows.failed is not None and np.any(rows.failed != 0):
        raise NotLoweredError("a direction that leaves the path")
    (product,) = tape.output_indices
    return rows.repeated(product)


class Directions(BlockPlay):
    """A sweep for rows of directions, whose guards ask what is the same for all."""

    def check(self, index: int, value: Any, has_rows: bool) -> None:
        """Ask again, of the recorded value."""
        if has_rows:
            super().check(index, value, has_rows)
        else:
            answer(self.tape.settings[index], value)


def recorded_result(
    fun: Function, args: Sequence[Any], chosen: Sequence[int], *rest: Any
) -> tuple[Any, Any]:
    """Return what `compressed` does, of a recording of its own."""
    tape = record_as_jit(
        lambda *given: compressed(fun, given, chosen, *rest), args, chosen
    )
    *value, data = [tape.play.outputs[k] for k in tape.output_indices]
    return value[0] if len(value) == 1 else tuple(value), data


def joined(parts: Sequence[Any]) -> Any:
    """Return the elements of several values as one vector."""
    flat = [np.reshape(part, (-1,)) for part in parts]
    return flat[0] if len(flat) == 1 else np.concatenate(flat)


def parts_of(seed: Array, likes: Sequence[Type]) -> list[Any]:
    """Return a vector as values of some types, one after another."""
    stops = np.cumsum([like.size for like in likes]).tolist()
    return [
        seed[stop - like.size : stop].reshape(like.shape)[()]
        for like, stop in zip(likes, stops, strict=True)
    ]


def node_of(tape: Tape, value: Any) -> int:
    """Return the node of a value; one of its own for a plain one."""
    return place(tape, value if is_active(value) else wrap_passive(tape, value))


def gradient_nodes(segment: Segment, leaves: Sequence[Any]) -> list[int]:
    """Append the gradient of a number; return the nodes of its parts."""
    if len(leaves) != 1 or type_of(leaves[0]).size != 1:
        raise DerivativeError(
            explain(
                "the sparse Hessian of a function of several results",
                "a Hessian is that of one number",
                "jacobian(f, sparse=True), or the Hessian of a weighted sum",
            )
        )
    tape, (index,) = segment.tape, [node_of(segment.tape, leaf) for leaf in leaves]
    seed = np.ones(tape.types[index].shape)[()]
    found = reverse.pull(
        tape, segment.start, len(tape), [(index, seed)], segment.inputs, True
    )
    return [node_of(tape, part) for part in found]
