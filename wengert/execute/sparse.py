"""Sparse Jacobians and Hessians: all colours in one sweep, into a fixed structure.

The first call finds the pattern and colours it.  What is compiled computes the products
of all colours and picks every entry out of them; the pattern is looked at again only
where a new path is recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from wengert.capture import tree
from wengert.capture.record import (
    Segment,
    SetAside,
    active_tape,
    record_apart,
    record_onto,
    split_aux,
    trace,
    tuple_structure,
)
from wengert.core.tape import Tape
from wengert.core.transformed import Transformed
from wengert.core.types import Type, has_class, is_array, is_whole_number, type_of
from wengert.derive import forward, reverse
from wengert.derive.again import derived
from wengert.derive.merged import as_one
from wengert.derive.modes import zeros_like_type
from wengert.derive.sets import Array
from wengert.derive.shortened import shortened
from wengert.derive.sparsity import Pattern
from wengert.emit.refusal import NotLoweredError
from wengert.errors import ArgumentError, DerivativeError, explain
from wengert.execute.blocks import BlockPlay
from wengert.execute.colouring import (
    ColoredPattern,
    as_pattern,
    color_bidirectional,
    color_cols,
    color_rows,
    color_symmetric,
)
from wengert.execute.interpret import as_weak
from wengert.execute.jit import jit
from wengert.execute.stretch import (
    OtherAnswerError,
    Stretch,
    node_of,
    play,
    result_of,
)
from wengert.lower.schedule import MOST_UNROLLED

Function = Callable[..., Any]
FORMATS = ("csr", "csc", "coo")
#: Entries up to which they are read of the products themselves, and more colours than
#: so many are a loop in native code: that is as fast, and compiled in less time; with
#: more of them memory is read once for all.
SMALL, UNROLLED = 50_000, 4
#: Colours up to which one way is taken: two sweeps take longer than one.
MANY = 16


class OutsideError(DerivativeError):
    """A call takes a path whose entries stand outside of the fixed structure."""

    def __init__(self, pattern: Any, name: str, is_second: bool) -> None:
        self.pattern, self.is_second = pattern, is_second
        text = explain(
            f"the sparse derivative of {name} met a path with other nonzero entries",
            "its structure is fixed by pattern=, or by the first call on another path",
            'pattern="grow", or the pattern of all paths: pattern=color_cols(union)',
        )
        super().__init__(text)


class Sparse(Transformed):
    """The Jacobian or the Hessian of a function as a sparse array.

    Parameters
    ----------
    fun : callable
    argnums : int or tuple of int
    is_second : bool
        Whether it is the Hessian.
    beside : sequence of "value", "gradient" and "aux"
        What is returned beside it.
    output_format : {"csr", "csc", "coo"}
    pattern : ColoredPattern, array of bools, "grow" or None
        The structure, which is coloured if it is not; where it is not given, found by
        the first call with arguments of such shapes.
    """

    def __init__(
        self,
        fun: Function,
        argnums: int | tuple[int, ...],
        is_second: bool,
        beside: tuple[str, ...],
        output_format: str,
        pattern: Any,
    ) -> None:
        settings = argnums, is_second, beside, output_format, pattern
        super().__init__("hessian" if is_second else "jacobian", fun, *settings)
        if output_format not in FORMATS:
            raise ArgumentError(
                explain(
                    f"a sparse derivative was asked for as {output_format!r}",
                    "there is no such output_format",
                    " or ".join(map(repr, FORMATS)),
                )
            )
        self.argnums, self.is_second, self.beside = argnums, is_second, beside
        self.output_format = output_format
        self.grows = type(pattern) is str and pattern == "grow"
        self.given = None if self.grows else coloured(pattern, is_second)
        #: By the shapes of arguments; and those that were asked last.
        self.made: dict[tuple[Any, ...], Products] = {}
        self.products = self.fixed(self.given)

    @property
    def colored(self) -> ColoredPattern | None:
        """The structure and its colours; None before the first call."""
        return self.products.colored

    def __call__(self, *args: Any, out: Any = None, **kwargs: Any) -> Any:
        """Return the derivative, or `out` with its data refilled."""
        shapes = tuple([getattr(arg, "shape", None) for arg in args])
        products = self.made.get(shapes) or self.made.setdefault(shapes, self.of_new())
        self.products = products
        try:
            others, data = products.at(*args, **kwargs)
        except OutsideError as error:
            if not self.grows:
                raise
            known = products.structure.colored.sparsity
            grown = (known + error.pattern).astype(bool)
            self.made[shapes] = self.fixed(colour(grown, self.is_second))
            return self(*args, out=out, **kwargs)
        matrix = products.structure.matrix(data, out)
        if not others:
            return matrix
        return (matrix, *others) if self.beside == ("aux",) else (*others, matrix)

    def of_new(self) -> Products:
        """Return the products for arguments of other shapes than before."""
        is_first = not self.made or self.given is not None
        return self.products if is_first else self.fixed(None)

    def fixed(self, colored: ColoredPattern | None) -> Products:
        """Return products for a structure, or for the one that a first call finds."""
        how = self.is_second, self.beside, self.output_format
        return Products(self.fun, self.argnums, *how, colored)


def colour(pattern: Any, is_second: bool) -> ColoredPattern:
    """Return a pattern with the fewest colours: of columns, of rows or of both."""
    if is_second:
        return color_symmetric(pattern)
    best = min(color_cols(pattern), color_rows(pattern), key=lambda c: c.num_colors)
    if best.num_colors > MANY:
        both = color_bidirectional(pattern)
        return both if 2 * both.num_colors <= best.num_colors else best
    return best


def coloured(pattern: Any, is_second: bool) -> ColoredPattern | None:
    """Return the structure that a user gives, if any, with colours."""
    if pattern is None or isinstance(pattern, ColoredPattern):
        return pattern
    from scipy import sparse

    if sparse.issparse(pattern) or is_array(pattern):
        return colour(as_pattern(pattern), is_second)
    raise ArgumentError(
        explain(
            f"a sparse derivative was asked for with pattern={pattern!r}",
            "it says where there are entries",
            'jacobian_sparsity(f, x), one that is coloured, "grow", or none',
        )
    )


def unrolled(*structures: Structure | None) -> int:
    """Return up to how many colours each has code of its own."""
    sizes = [known.colored.sparsity.nnz for known in structures if known is not None]
    return UNROLLED if max(sizes, default=0) < SMALL else MOST_UNROLLED


class Structure:
    """Where the entries of a sparse array stand, and where each is found.

    Parameters
    ----------
    colored : ColoredPattern
    output_format : {"csr", "csc", "coo"}

    Attributes
    ----------
    found : array of int
        The place of every entry among the elements of all products.
    sums : scipy.sparse.csr_array or None
        What entries are of these, where some are not found by themselves.
    """

    def __init__(self, colored: ColoredPattern, output_format: str) -> None:
        self.colored, self.output_format = colored, output_format
        pattern = colored.sparsity
        counts = np.diff(pattern.indptr)
        self.rows = np.repeat(np.arange(len(counts)), counts)
        self.columns, self.indptr = pattern.indices, pattern.indptr
        self.found, self.sums = colored.found, colored.sums
        if output_format == "csc":
            order = np.lexsort((self.rows, self.columns))
            self.found = self.found[order]
            self.sums = None if self.sums is None else self.sums[order]
            self.rows, self.columns = self.rows[order], self.columns[order]
            sizes = np.bincount(self.columns, minlength=pattern.shape[1])
            self.indptr = np.concatenate([[0], np.cumsum(sizes)])

    def entries(self, products: Sequence[Any]) -> Any:
        """Return the entries, of the elements of all products in turn.

        Few of one sweep are read where they lie; of many, two indices each are more to
        read than a copy in one row.
        """
        if self.sums is None and len(products) == 1 and len(self.found) < SMALL:
            (rows,) = products
            return rows[np.divmod(self.found, rows.shape[1])]
        flat = joined(products)
        if self.sums is None:
            return flat[self.found]
        return self.sums.astype(flat.dtype) @ flat

    def covers(self, pattern: Any) -> bool:
        """Whether it has all entries of a pattern."""
        return not (pattern > self.colored.sparsity).nnz

    def matrix(self, data: Any, out: Any) -> Any:
        """Return the sparse array of the entries, or `out` with them."""
        output_format = self.output_format
        if out is not None:
            kind = getattr(out, "format", type(out).__name__)
            if kind != output_format or out.data.shape != np.shape(data):
                raise ArgumentError(
                    explain(
                        f"out= is a {kind} array of {np.size(out)} entries",
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


class Products:
    """The products that give a sparse derivative of one structure, compiled.

    Parameters
    ----------
    fun, argnums, is_second, beside, output_format
        As `Sparse` has them.
    colored : ColoredPattern or None
        None where the first call finds it.
    """

    def __init__(
        self,
        fun: Function,
        argnums: int | tuple[int, ...],
        is_second: bool,
        beside: tuple[str, ...],
        output_format: str,
        colored: ColoredPattern | None,
    ) -> None:
        self.fun, self.argnums = fun, argnums
        several = (argnums,) if is_whole_number(argnums) else argnums
        self.chosen = tuple(sorted(several))
        self.is_second, self.beside = is_second, beside
        self.output_format = output_format
        #: Whether it holds wherever data may have places that they decide.
        self.is_replayed = True
        self.known: Structure | None = None
        if colored is not None:
            self.known = Structure(colored, output_format)
        self.stretch: Stretch | None = None
        self.sweeps: Sweeps | None = None

        def entries(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
            return self.entries(args, kwargs)

        entries.__name__ = f"entries_of_{getattr(fun, '__name__', 'f')}"
        entries.records_itself = True  # type: ignore[attr-defined]
        entries.is_called_often = True  # type: ignore[attr-defined]  # by a solver
        entries.__wrapped__ = fun  # type: ignore[attr-defined]  # what is read is its own
        self.fast = jit(entries)

    @property
    def colored(self) -> ColoredPattern | None:
        """The structure and its colours; None before the first call."""
        return None if self.known is None else self.known.colored

    @property
    def structure(self) -> Structure:
        """The structure, once there is one."""
        assert self.known is not None
        return self.known

    def at(self, *args: Any, **kwargs: Any) -> tuple[tuple[Any, ...], Any]:
        """Return what is given beside the matrix, and its entries."""
        if active_tape() is None:
            found: tuple[tuple[Any, ...], Any] = self.fast(*args, **kwargs)
            return found
        return self.entries(args, kwargs)

    def entries(
        self, args: Sequence[Any], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], Any]:
        """Return the same of a recording; the sweeps are recorded, whoever calls."""
        if active_tape() is None:
            return self.recorded(args, kwargs)
        segment, structures = trace(self.fun, args, self.chosen, kwargs, keeps=True)
        has_aux = "aux" in self.beside
        result, aux = split_aux(segment.result, has_aux)
        leaves, structure = tree.flatten(result)
        outputs = [node_of(segment.tape, leaf) for leaf in leaves]
        entries, values = self.played(segment, outputs)
        others: list[Any] = []
        if "value" in self.beside:
            value = tree.unflatten(structure, values[: len(leaves)])
            others.append((value, aux) if has_aux else value)
        elif has_aux:
            others.append(aux)
        if "gradient" in self.beside:
            others.append(self.nested(values[len(leaves) :], structures))
        return tuple(others), entries

    def nested(self, parts: list[Any], structures: Sequence[Any]) -> Any:
        """Return the parts of a gradient nested as the arguments that it is by."""
        own = tree.unflatten(tuple_structure(structures), parts)
        if is_whole_number(self.argnums):
            return own[0]
        by_place = dict(zip(self.chosen, own, strict=True))
        return tuple([by_place[k] for k in self.argnums])

    def played(self, segment: Segment, outputs: list[int]) -> tuple[Any, list[Any]]:
        """Return the entries and the values; derived once."""
        if self.stretch is not None and self.stretch.is_again(segment, outputs):
            with suppress(OtherAnswerError):
                return self.swept(self.stretch, segment.tape)
        self.stretch = Stretch(segment, segment.inputs, outputs)
        with SetAside(None):
            self.derive(self.stretch)
        return self.swept(self.stretch, segment.tape)

    def swept(self, stretch: Stretch, tape: Tape) -> tuple[Any, list[Any]]:
        """Return the same, recorded behind the stretch on a tape; played again."""

        def derive() -> dict[int, Any]:
            assert self.sweeps is not None
            products, values = self.sweeps.played(stretch.operands(tape))
            return dict(enumerate([self.structure.entries(products), *values]))

        entries, *values = derived(tape, ("sparse", stretch), (), derive).values()
        return entries, values

    def derive(self, stretch: Stretch) -> None:
        """Make the sweeps of a stretch of tape, whose entries the structure covers."""
        short = stretch.short()
        asked = stretch.pattern(short, self.is_replayed)
        name = getattr(self.fun, "__name__", "f")
        self.known = structure_of(
            asked, self.is_second, self.known, self.output_format, name
        )
        self.fast.fun.unrolled = unrolled(self.known)  # type: ignore[attr-defined]
        chosen = range(len(stretch.inputs))
        own, given = partial(play, short), given_of(short)
        found = sweeps_of(own, given, chosen, self.is_second, self.known)
        gradient = None
        if "gradient" in self.beside:
            gradient = recorded(partial(with_slopes, own, chosen), given)
        self.sweeps = Sweeps(found, gradient)

    def recorded(
        self, args: Sequence[Any], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], Any]:
        """Return what `entries` gives, of a recording of its own."""

        def call(*given: Any) -> tuple[Any, Any]:
            return self.entries(given, kwargs)

        tape = record_as_jit(call, args, self.chosen)
        assert tape.structure is not None
        outputs = [tape.play.outputs[k] for k in tape.output_indices]
        found: tuple[tuple[Any, ...], Any] = tree.unflatten(tape.structure[1], outputs)
        return found


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


def given_of(tape: Tape) -> list[Any]:
    """Return the numbers of a tape's inputs, those of Python's as they were."""
    types, numbers = tape.types, tape.play.outputs
    return [as_weak(types[k], numbers[k]) for k in tape.input_indices]


def structure_of(
    asked: Pattern,
    is_second: bool,
    known: Structure | None,
    output_format: str,
    name: str,
) -> Structure:
    """Return the structure that is known, or that of a first call.

    Raises
    ------
    OutsideError
        Where the pattern has entries that are not in it.
    DerivativeError
        Where it has another shape.
    """
    pattern = asked.hessian() if is_second else asked.jacobian()
    if known is None:
        known = Structure(colour(pattern, is_second), output_format)
    if pattern.shape != known.colored.sparsity.shape:
        raise DerivativeError(
            explain(
                f"the sparse derivative of {name} has the shape {pattern.shape}",
                f"its structure has {known.colored.sparsity.shape}, by pattern= or by "
                "the first call with such arguments",
                "a function whose results have one size, or the pattern of this one",
            )
        )
    if not known.covers(pattern):
        raise OutsideError(pattern, name, is_second)
    return known


class Sweep(NamedTuple):
    """One sweep of a function, recorded once.

    Attributes
    ----------
    tape : Tape
        Takes a vector and what the function takes; gives the derivative's product with
        the vector, and what the function gives.
    seeds : array
        The vectors, a row each.
    """

    tape: Tape
    seeds: Array

    def one_by_one(self, operands: Sequence[Any]) -> tuple[Any, list[Any]]:
        """Return the products, one behind the other, and what the function gives."""
        each = [play(self.tape, seed, *operands) for seed in self.seeds]
        return np.stack([found[0] for found in each]), list(each[0][1:])


class Sweeps:
    """Sweeps, and what is computed beside them, played as one tape.

    What a vector has no part in is computed once; the rest for all vectors of a sweep.

    Parameters
    ----------
    sweeps : sequence of Sweep
    beside : Tape, optional
        Takes what the first sweep's function takes.
    """

    def __init__(self, sweeps: Sequence[Sweep], beside: Tape | None = None) -> None:
        self.sweeps, self.beside = sweeps, beside
        tapes, names = [sweep.tape for sweep in sweeps], list[list[Any]]()
        for k, tape in enumerate(tapes):
            names.append([f"seed {k}", *range(len(tape.input_indices) - 1)])
        if beside is not None:
            tapes.append(beside)
            names.append(list(range(len(beside.input_indices))))
        if len(tapes) == 1:
            self.tape, self.ends = tapes[0], [tapes[0].output_indices]
        else:
            self.tape, self.ends = as_one(tapes, names)
        self.names = list(dict.fromkeys(chain(*names)))

    def played(self, operands: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """Return the products of each sweep, recorded; and what is given besides them.

        That is what the first function gives, or what is computed beside the sweeps.

        Raises
        ------
        OtherAnswerError
            Where a sweep was recorded at numbers of which it asked something else.
        """
        # Plain vectors: what is made of them alone is constant.
        given = dict(enumerate(operands)) | {
            f"seed {k}": sweep.seeds for k, sweep in enumerate(self.sweeps)
        }
        inputs = zip(self.tape.input_indices, self.names, strict=True)
        rows = Directions(self.tape)
        try:
            rows.run(
                {index: given[name] for index, name in inputs},
                [type(name) is str for name in self.names],
            )
            if any(np.any(failed != 0) for failed in rows.fails.values()):
                raise NotLoweredError("a direction that leaves the path")
        except NotLoweredError:  # one sweep behind the other
            return self.one_by_one(operands)
        products = [
            rows.product(ends[0], len(sweep.seeds))
            for ends, sweep in zip(self.ends, self.sweeps, strict=False)
        ]
        others = self.ends[0][1:] if self.beside is None else self.ends[-1]
        return products, [rows.values[k] for k in others]

    def one_by_one(self, operands: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """Return the same, one direction behind the other."""
        each = [
            sweep.one_by_one(operands[: len(sweep.tape.input_indices) - 1])
            for sweep in self.sweeps
        ]
        products = [found[0] for found in each]
        if self.beside is None:
            return products, each[0][1]
        count = len(self.beside.input_indices)
        return products, list(play(self.beside, *operands[:count]))


def sweeps_of(
    function: Function,
    given: Sequence[Any],
    chosen: Sequence[int],
    is_second: bool,
    structure: Structure,
) -> list[Sweep]:
    """Return the sweeps of a function by its chosen arguments: one each way."""
    found = []
    for seeds, is_pulled in structure.colored.ways:

        def sweep(seed: Any, *given: Any, is_pulled: bool = is_pulled) -> Any:
            segment, _ = trace(function, given, chosen, {}, keeps=True)
            return swept(segment, seed, is_second, is_pulled), segment.result

        tape = record_apart(sweep, [np.zeros(seeds.shape[1]), *given])
        found.append(Sweep(shortened(tape, ())[0], seeds))
    return found


class Directions(BlockPlay):
    """Sweeps for rows of directions; what is the same for all is played as ever.

    No node is made of two kinds of directions: each belongs to one sweep.
    """

    def __init__(self, tape: Tape) -> None:
        super().__init__(tape, 0)
        #: By node that has rows, the input whose rows they are.
        self.rows_of: dict[int, int] = {}
        #: By such an input, which rows have failed.
        self.fails: dict[int, Any] = {}

    def run(self, given: dict[int, Any], flags: Sequence[bool]) -> None:
        pairs = zip(given, flags, strict=True)
        self.rows_of = {index: index for index, flag in pairs if flag}
        super().run(given, flags)

    def node(self, index: int) -> None:
        """Play one node; its guards ask again, of the recorded value."""
        operands = self.tape.operands[index]
        for k in operands:
            source = self.rows_of.get(k)
            if source is not None:
                break
        else:
            values = tuple([self.values[k] for k in operands])
            self.values[index] = result_of(self.tape, index, values)
            self.has_rows[index] = False
            return
        self.rows_of[index], self.count = source, len(self.values[source])
        self.failed = self.fails.get(source)
        super().node(index)
        if self.failed is not None:
            self.fails[source] = self.failed

    def product(self, index: int, count: int) -> Any:
        """Return a product, a row a direction."""
        self.count = count
        return self.repeated(index)


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


def joined(parts: Sequence[Any]) -> Any:
    """Return the elements of several values as one vector."""
    flat = [x if np.ndim(x) == 1 else np.reshape(x, (-1,)) for x in parts]
    return flat[0] if len(flat) == 1 else np.concatenate(flat)


def parts_of(seed: Array, likes: Sequence[Type]) -> list[Any]:
    """Return a vector as values of some types, one after another."""
    stops = np.cumsum([like.size for like in likes]).tolist()
    return [
        seed[stop - like.size : stop].reshape(like.shape)[()]
        for like, stop in zip(likes, stops, strict=True)
    ]


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
    return [node_of(tape, part) for part in slopes_of(segment, index)]


def slopes_of(segment: Segment, index: int) -> list[Any]:
    """Append the gradient of a node of one number; return its parts."""
    tape = segment.tape
    seed = np.ones(tape.types[index].shape)[()]
    where = tape, segment.start, len(tape)
    return reverse.pull(*where, [(index, seed)], segment.inputs, True)


def with_slopes(
    function: Function, chosen: Sequence[int], *given: Any
) -> tuple[Any, ...]:
    """Return what a function gives, and the gradient of the first number of it."""
    segment, _ = trace(function, given, chosen, {}, keeps=True)
    first = node_of(segment.tape, segment.result[0])
    return (*segment.result, *slopes_of(segment, first))


def recorded(function: Function, given: Sequence[Any]) -> Tape:
    """Return the short tape of a function, recorded apart."""
    with np.errstate(all="ignore"):
        return shortened(record_apart(function, given), ())[0]
