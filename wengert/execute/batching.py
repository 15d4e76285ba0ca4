"""One operation for all rows: batching over leading axes, as the form says.

An operand has rows, along its first axis, or is shared by all of them.  What a form
does not tell is refused here, and done row by row.
"""

from __future__ import annotations

import math
import string
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from wengert.capture.array import plain
from wengert.core.forms import Contract, Map, Move, Reduce, Routine, Scan, Subtapes
from wengert.core.operation import REGISTRY, Operation
from wengert.core.tape import Tape
from wengert.core.types import Array
from wengert.ops.index import (
    GETITEM,
    INDEX_ADD,
    ITEM,
    STORE,
    Chain,
    Key,
    Placeholder,
    Slice,
    add_in_place,
    decode,
    decode_basic,
    decode_part,
    store_in_place,
    write_through,
)
from wengert.ops.join import as_array
from wengert.ops.products import EINSUM
from wengert.ops.python import is_weak

#: A whole axis, as NumPy takes it and in a key.
WHOLE, EVERY = slice(None), Slice(None, None, None)
Settings = dict[str, Any]


class NotBatchedError(Exception):
    """There is no rule for all rows at once."""


class Operands:
    """The operands of one node: values, and which of them have rows."""

    __slots__ = ("count", "has_rows", "values")
    #: Whether an operation is done at once, by any function of NumPy's.
    is_plain = True

    def __init__(
        self, values: Sequence[Any], has_rows: Sequence[Any], count: int
    ) -> None:
        self.values, self.has_rows, self.count = values, has_rows, count

    def call(self, operation: Operation, *given: Any, **settings: Any) -> Any:
        """Return an operation's result."""
        return operation.function(*given, **settings)

    def rank(self, k: int) -> int:
        """Return the number of axes of a row of operand k."""
        return getattr(self.values[k], "ndim", 0) - bool(self.has_rows[k])

    def aligned(self, k: int, ndim: int) -> Any:
        """Return operand k so that its rows broadcast against rows of `ndim` axes."""
        value = self.values[k]
        if not self.has_rows[k] or value.ndim == ndim + 1:
            return value
        missing = ndim + 1 - value.ndim
        return value.reshape(value.shape[0], *(1,) * missing, *value.shape[1:])

    def copied(self, value: Any) -> Any:
        """Return a copy that is written to."""
        return np.array(value, order="C")

    def repeated(self, k: int) -> Any:
        """Return operand k with rows: what is shared is repeated."""
        value = self.values[k]
        if self.has_rows[k]:
            return value
        return np.broadcast_to(value, (self.count, *np.shape(value)))


def narrowed(
    tape: Tape, index: int, values: Sequence[Any], flags: Sequence[Any]
) -> list[Any]:
    """Return a node's operands; Python's numbers take the type of what they meet."""
    types = [tape.types[k] for k in tape.operands[index]]
    weak = [flag and is_weak(like) for flag, like in zip(flags, types, strict=True)]
    if not any(weak) or all(is_weak(like) for like in types):
        return list(values)
    known = [like.dtype for like in types if not is_weak(like)]
    numbers = [like.dtype.type(0).item() for like in types if is_weak(like)]
    dtype = np.result_type(*known, *numbers)
    return [
        value.astype(dtype) if is_narrow and dtype.kind in "fc" else value
        for value, is_narrow in zip(values, weak, strict=True)
    ]


def row_of(value: Any, number: int) -> Any:
    """Return one row of a value, or of every part of a tuple of values."""
    if isinstance(value, tuple):
        return tuple(part[number] for part in value)
    return value[number]


def batch(
    operation: Operation,
    values: Sequence[Any],
    has_rows: Sequence[Any],
    settings: Settings,
    count: int,
) -> Any:
    """Return the results of an operation for all rows, along a first axis.

    Parameters
    ----------
    operation : Operation
    values : its operands; one with rows is an array of shape ``(count,) + row``
    has_rows : a flag an operand, of which one at least is set
    settings : dict
    count : int, at least 1

    Raises
    ------
    NotBatchedError
        Where the rows are computed one after another.
    """
    operands = Operands(values, has_rows, count)
    rule = BATCHED.get(type(operation.form))
    assert rule is not None
    return rule(operation, operands, settings)


def stacked(rows: list[Any]) -> Any:
    """Return the results of rows as one array, or as one for each of several."""
    if isinstance(rows[0], tuple):
        return tuple(stacked(list(parts)) for parts in zip(*rows, strict=True))
    return np.stack([np.asarray(row) for row in rows])


def batch_map(operation: Operation, operands: Operands, settings: Settings) -> Any:
    """Return the elements at every place: rows are one more axis to broadcast over."""
    ndim = max([operands.rank(k) for k in range(len(operands.values))])
    given = [operands.aligned(k, ndim) for k in range(len(operands.values))]
    found = operands.call(operation, *given, **settings)
    if len(given) == 1 or isinstance(found, tuple):
        return found
    shapes, whole = [getattr(value, "shape", ()) for value in given], found.shape
    if len(whole) == ndim + 1 and all([s == whole or fits(s, whole) for s in shapes]):
        return found
    return np.broadcast_to(found, np.broadcast_shapes(*shapes))


def fits(shape: tuple[int, ...], whole: tuple[int, ...]) -> bool:
    """Whether a shape broadcasts to another, of as many axes or more."""
    pairs = zip(reversed(shape), reversed(whole), strict=False)
    return all([n in (1, m) for n, m in pairs])


def behind_rows(axis: Any, ndim: int) -> Any:
    """Return axes of a row as axes of all rows; None is all of them."""
    if axis is None:
        return tuple(range(1, ndim + 1))
    if isinstance(axis, tuple):
        return tuple(behind_rows(k, ndim) for k in axis)
    return axis + 1 if axis >= 0 else axis


def batch_reduce(operation: Operation, operands: Operands, settings: Settings) -> Any:
    """Return the folds of all rows: their axes come after that of the rows."""
    if any(operands.has_rows[2:]):
        raise NotBatchedError
    ndim, axis = operands.rank(0), settings["axis"]
    x = operands.repeated(0)
    masks = [operands.aligned(k, ndim) for k in range(1, len(operands.values))]
    form = operation.form
    if isinstance(form, Reduce) and form.place and (axis is None or not ndim):
        flat = x.reshape(x.shape[0], -1)
        how = settings | {"axis": 1, "keepdims": False}
        found = operands.call(operation, flat, **how)
        return found.reshape(-1, *(1,) * ndim) if settings["keepdims"] else found
    shifted = settings | {"axis": behind_rows(axis if ndim else None, ndim)}
    return operands.call(operation, x, *masks, **shifted)


def batch_along(operation: Operation, operands: Operands, settings: Settings) -> Any:
    """Return what an operation along an axis does in all rows."""
    given = [operands.repeated(k) for k in range(len(operands.values))]
    axis = behind_rows(settings["axis"], operands.rank(0))
    return operands.call(operation, *given, **settings | {"axis": axis})


def batch_routine(operation: Operation, operands: Operands, settings: Settings) -> Any:
    """Return what a routine gives for all rows."""
    form = operation.form
    assert isinstance(form, Routine)
    if form.along:
        return batch_along(operation, operands, settings)
    if form.core is not None:
        return batch_stacks(operation, operands, settings, form.core)
    alone = [bool(flag) == (k == form.each) for k, flag in enumerate(operands.has_rows)]
    if all(alone):
        return operands.call(operation, *operands.values, **settings)
    if operands.is_plain and (form.stacks or form.rows is not None):
        given = [operands.repeated(k) for k in range(len(operands.values))]
        return (form.rows or operation.function)(*given, **settings)
    raise NotBatchedError


def batch_stacks(
    operation: Operation, operands: Operands, settings: Settings, core: tuple[int, ...]
) -> Any:
    """Return what a routine that takes stacks gives: rows are one more axis of them.

    Where no operand has a stack's axes that broadcast, the results have rows in front.
    """
    lead = max(operands.rank(k) - n for k, n in enumerate(core))
    given = [operands.aligned(k, lead + n) for k, n in enumerate(core)]
    return operands.call(operation, *given, **settings)


# Products


def batch_contract(operation: Operation, operands: Operands, settings: Settings) -> Any:
    """Return sums of products with one more axis."""
    terms, output, values = with_rows(operation, operands, settings)
    if "+" in output:
        return convolved(operands, settings["mode"])
    if operands.is_plain:
        return contract(terms, output, list(map(np.asarray, values)))
    subscripts = f"{','.join(terms)}->{output}"
    return operands.call(EINSUM, *values, subscripts=subscripts, optimize=False)


def with_rows(
    operation: Operation, operands: Operands, settings: Settings
) -> tuple[list[str], str, list[Any]]:
    """Return a product's subscripts with a letter for the rows, and what it takes."""
    form = operation.form
    assert isinstance(form, Contract)
    ranks = tuple(operands.rank(k) for k in range(len(operands.values)))
    inputs, output = form.of(ranks, settings).split("->")
    values = list(operands.values)
    if form.conjugated is not None:
        values[form.conjugated] = np.conjugate(values[form.conjugated])
    *terms, output = without_dots(inputs.split(","), ranks, output)
    free = next(c for c in string.ascii_letters if c not in "".join([*terms, output]))
    terms = [
        free + term if flag else term
        for term, flag in zip(terms, operands.has_rows, strict=True)
    ]
    return terms, free + output, values


def convolved(operands: Operands, mode: str) -> Any:
    """Return ``np.convolve`` of all rows: windows of the longer, times the shorter."""
    x, y = (operands.repeated(k) for k in range(2))
    if x.shape[1] < y.shape[1]:
        x, y = y, x
    m = y.shape[1]
    if operands.is_plain and m > operands.count:
        raise NotBatchedError
    before, after = {
        "full": (m - 1, m - 1),
        "same": (m // 2, (m - 1) // 2),
        "valid": (0, 0),
    }[mode]
    sides = [np.zeros((operands.count, k), x.dtype) for k in (before, after)]
    wide = np.concatenate([sides[0], x, sides[1]], axis=1)
    windows = sliding_window_view(wide, m, axis=1)
    products = np.multiply(windows, y[:, None, ::-1])
    if mode != "valid":  # what is beyond an end is not zero: infinity times it is none
        places = np.arange(wide.shape[1])
        inside = np.logical_and(places >= before, places < before + x.shape[1])
        products = np.where(sliding_window_view(inside, m), products, 0)
    return np.sum(products, axis=2)


def without_dots(terms: list[str], ranks: Sequence[int], output: str) -> list[str]:
    """Return subscripts, those of the result last, with letters for ellipses."""
    used = set("".join([*terms, output]))
    dots = [c for c in string.ascii_letters if c not in used]
    extra = [
        rank - len(term.replace("...", "")) if "..." in term else 0
        for term, rank in zip(terms, ranks, strict=True)
    ]
    most = max(extra)
    letters = "".join(dots[:most])
    found = [
        term.replace("...", letters[most - n :])
        for term, n in zip(terms, extra, strict=True)
    ]
    return [*found, output.replace("...", letters)]


def contract(terms: list[str], output: str, values: list[Array]) -> Array:
    """Return a sum of products, two matrices by ``np.matmul``.

    Axes of length 1 broadcast.
    """
    sizes: dict[str, int] = {}
    for term, value in zip(terms, values, strict=True):
        for c, n in zip(term, value.shape, strict=True):
            sizes[c] = n if sizes.get(c, 1) == 1 else sizes[c]
    is_plain = len(terms) == 2 and all(len(set(term)) == len(term) for term in terms)
    if is_plain:
        is_plain = all(
            n == sizes[c]
            for term, value in zip(terms, values, strict=True)
            for c, n in zip(term, value.shape, strict=True)
        )
    summed = [c for c in sizes if c not in output]
    if not (is_plain and summed and all(c in t for c in summed for t in terms)):
        subscripts = f"{','.join(terms)}->{output}"
        return np.einsum(subscripts, *values, optimize=len(terms) > 2)  # type: ignore[no-any-return]
    left, right = terms
    both = [c for c in output if c in left and c in right]
    rows = [c for c in output if c in left and c not in right]
    columns = [c for c in output if c in right and c not in left]
    x = matrices(values[0], left, both, rows, summed, sizes)
    y = matrices(values[1], right, both, summed, columns, sizes)
    found = np.matmul(x, y).reshape([sizes[c] for c in (*both, *rows, *columns)])
    order = "".join((*both, *rows, *columns))
    result: Array = found.transpose([order.index(c) for c in output])
    return result


def matrices(
    value: Array,
    term: str,
    both: list[str],
    rows: list[str],
    columns: list[str],
    sizes: dict[str, int],
) -> Array:
    """Return an operand as matrices, with the axes of both operands in front."""
    order = [term.index(c) for c in (*both, *rows, *columns)]
    lengths = [[sizes[c] for c in part] for part in (rows, columns)]
    shape = [int(np.prod(part, dtype=np.int64)) for part in lengths]
    found: Array = value.transpose(order)
    return found.reshape(*(sizes[c] for c in both), *shape)


# Moves


def batch_move(operation: Operation, operands: Operands, settings: Settings) -> Any:
    """Return the elements of all rows where one row's elements go."""
    if operation is ITEM:
        return operands.values[0][settings["result"]]
    if operation is GETITEM:
        return batch_getitem(operands, settings["key"])
    if operation in (STORE, INDEX_ADD):
        return batch_write(operation, operands, settings)
    if operation.name in ("stack", "concatenate"):
        return batch_along(operation, operands, settings)
    x, rank = operands.values[0], operands.rank(0)
    if settings.get("order", "C") != "C":
        return gathered(operation.function, x, settings)
    if operation.name == "broadcast_to":
        rank = len(settings["shape"])
        x = operands.aligned(0, rank)
    how = shifted(operation.name, settings, rank, operands.count)
    return operands.call(operation, x, **how)


def shifted(name: str, settings: Settings, ndim: int, count: int) -> Settings:
    """Return the settings of a view for all rows."""
    if name in ("reshape", "broadcast_to") and settings.get("order", "C") == "C":
        return settings | {"shape": (count, *settings["shape"])}
    if name == "transpose":
        return {"axes": (0, *along_rows(settings["axes"], ndim))}
    if name == "sliding_window_view":
        return settings | {"over": along_rows(settings["over"], ndim)}
    if name == "diagonal":
        return settings | {"axes": along_rows(settings["axes"], ndim)}
    raise NotBatchedError


def along_rows(axes: Sequence[int], ndim: int) -> tuple[int, ...]:
    """Return axes of a row of `ndim` as axes of all rows."""
    return tuple([k % ndim + 1 for k in axes])


def gathered(function: Callable[..., Any], x: Any, settings: Settings) -> Any:
    """Return for every row the elements at the places where a function takes them."""
    shape = x.shape[1:]
    size = math.prod(shape)
    places = np.asarray(function(np.arange(size).reshape(shape), **settings))
    return x.reshape(x.shape[0], size)[:, places]


def batch_getitem(operands: Operands, key: Key) -> Any:
    """Return the elements at a key in all rows."""
    x, *indices = operands.values
    if is_alone(operands, key, 1):
        found = operands.call(GETITEM, x, *indices, key=(EVERY, *key))
    else:
        places = Places(operands, 1, key)
        view = places.view(x, operands.has_rows[0])
        found = places.in_order(view[places.index(operands.has_rows[0])])
    # An element of one row is a number of its own, which no later write changes.
    is_view = operands.is_plain and found.ndim == 1 and found.base is not None
    return found.copy() if is_view else found


def is_alone(operands: Operands, key: Key, start: int) -> bool:
    """Whether a key is for each row what it is for one: it is the same for all.

    What arrays that stand apart take comes in front of the rows.
    """
    at = [k for k, part in enumerate(key) if type(part) in (Placeholder, int)]
    is_close = len(operands.values) == start or at[-1] - at[0] + 1 == len(at)
    return is_close and operands.has_rows[0] and not any(operands.has_rows[start:])


def batch_write(operation: Operation, operands: Operands, settings: Settings) -> Any:
    """Return copies of all rows, with elements replaced or added to."""
    base, (_, _, *indices) = operands.repeated(0), operands.values
    flags = [True, *operands.has_rows[1:]]
    is_same = is_alone(Operands(operands.values, flags, 0), settings["key"], 2)
    if is_same and not operands.is_plain:
        chain, target = views_of_rows(settings["chain"], np.shape(base))
        key = (EVERY, *settings["key"])
        ndim = target[decode(key, tuple(map(plain, indices)))].ndim
        value = fitting(operands, 1, ndim - 1)
        return operands.call(operation, base, value, *indices, chain=chain, key=key)
    new = operands.copied(base)
    write_rows(operation, new, operands, settings)
    return new


def views_of_rows(chain: Chain, shape: tuple[int, ...]) -> tuple[Chain, Array]:
    """Return the views of all rows of an array for those of one, and a like array."""
    target, found = np.broadcast_to(False, shape), []
    for name, given in chain:
        how = dict(given)
        if name == "getitem":
            how = {"key": (EVERY, *how["key"])}
        elif not isinstance(REGISTRY[name].form, Map):
            how = shifted(name, how, target.ndim - 1, shape[0])
        found.append((name, tuple(how.items())))
        target = REGISTRY[name].function(target, **how)
    return tuple(found), target


def write_rows(
    operation: Operation, new: Any, operands: Operands, settings: Settings
) -> None:
    """Do the write of every row in its row of an array."""
    chain, target = views_of_rows(settings["chain"], np.shape(new))
    places = Places(operands, 2, settings["key"])
    if places.is_basic:
        key = (EVERY, *settings["key"])
        value = fitting(operands, 1, target[decode_basic(key)].ndim - 1)
        in_place = add_in_place if operation is INDEX_ADD else store_in_place
        in_place(new, value, chain=chain, key=key)
        return

    def write(view: Any) -> None:
        view, index = places.view(view, True), places.index(True)
        value = fitting(operands, 1, places.rank(view))
        value = places.as_view(value, places.rank(view))
        if operation is INDEX_ADD:
            np.add.at(view, index, value)
        else:
            view[index] = value

    write_through(new, chain, write)


def fitting(operands: Operands, k: int, ndim: int) -> Any:
    """Return what is written, its rows broadcasting against regions of `ndim` axes."""
    extra = operands.rank(k) - ndim
    if extra <= 0:
        return operands.aligned(k, ndim)
    value = as_array(operands.values[k])  # NumPy drops leading axes of length 1
    lead = value.shape[:1] if operands.has_rows[k] else ()
    return value.reshape(*lead, *value.shape[len(lead) + extra :])


class Places:
    """A key with index arrays, for all rows.

    Slices are taken first; the axes that are indexed by numbers then lie behind that
    of the rows.
    """

    def __init__(self, operands: Operands, start: int, key: Key) -> None:
        self.count = operands.count
        self.is_basic = len(operands.values) == start
        if self.is_basic:
            return
        self.key = key
        #: Arrays of numbers, and whether they have rows, by axis that they index.
        self.numbers: list[tuple[Any, Any]] = []
        self.operands, self.start = operands, start

    def view(self, x: Array, has_rows: Any) -> Array:
        """Return what the slices take of an array, indexed axes in front."""
        lead = 1 if has_rows else 0
        parts = self.expanded(x.ndim - lead)
        basic: list[Any] = [WHOLE] * lead
        axes: list[int] = []
        at, axis = [], lead
        self.numbers = []
        for position, part in enumerate(parts):
            if type(part) is Placeholder or type(part) is int:
                found = self.numbers_of(part)
                self.numbers += found
                axes += range(axis, axis + len(found))
                basic += [WHOLE] * len(found)
                axis += len(found)
                at.append(position)
            else:
                basic.append(decode_part(part, ()))
                axis += 1
        adjacent = at[-1] - at[0] + 1 == len(at)
        #: Axes before the indexed ones, where these stay at their place.
        self.before = axes[0] - lead if adjacent else 0
        self.broadcast = max(np.ndim(n) - bool(flag) for n, flag in self.numbers)
        kept = [k for k in range(axis) if k not in axes and k >= lead]
        view: Array = x[tuple(basic)]
        return view.transpose([*range(lead), *axes, *kept])

    def expanded(self, ndim: int) -> list[Any]:
        """Return the key with a slice for every axis that it does not name."""
        taken = sum(self.axes_of(part) for part in self.key)
        whole = [Slice(None, None, None)] * (ndim - taken)
        if Ellipsis in self.key:
            k = self.key.index(Ellipsis)
            return [*self.key[:k], *whole, *self.key[k + 1 :]]
        return [*self.key, *whole]

    def axes_of(self, part: Any) -> int:
        """Return how many axes a part of the key takes."""
        if part is None or part is Ellipsis:
            return 0
        if type(part) is not Placeholder:
            return 1
        k = self.start + part.position
        is_mask = as_array(self.operands.values[k]).dtype == bool
        return self.operands.rank(k) if is_mask else 1

    def numbers_of(self, part: Any) -> list[tuple[Any, Any]]:
        """Return the numbers that a part stands for: those of a mask are several."""
        if type(part) is int:
            return [(part, False)]
        k = self.start + part.position
        value, flag = self.operands.values[k], self.operands.has_rows[k]
        if as_array(value).dtype != bool:
            return [(value, flag)]
        if not self.operands.rank(k):
            raise IndexError("a key of truth values without axes")
        found = np.nonzero(value)
        if not flag:
            return [(places, False) for places in found]
        return [(places.reshape(self.count, -1), True) for places in found[1:]]

    def index(self, has_rows: Any) -> tuple[Any, ...]:
        """Return the index of the view, whose result has rows in front."""
        if not any(flag for _, flag in self.numbers):
            return (WHOLE, *(number for number, _ in self.numbers))
        rank = self.broadcast
        found = []
        for number, flag in self.numbers:
            missing = rank + 1 - np.ndim(number) if flag else 0
            if missing:
                number = number.reshape(self.count, *(1,) * missing, *number.shape[1:])
            found.append(number)
        if has_rows:
            found.insert(0, np.arange(self.count).reshape(-1, *(1,) * rank))
        return tuple(found)

    def rank(self, view: Array) -> int:
        """Return the number of axes of what is taken from one row of a view."""
        return view.ndim - 1 - len(self.numbers) + self.broadcast

    def in_order(self, found: Array) -> Array:
        """Return what was taken with its axes in NumPy's order."""
        own, before = range(1, 1 + self.broadcast), self.before
        rest = range(1 + self.broadcast, found.ndim)
        return found.transpose([0, *rest[:before], *own, *rest[before:]])

    def as_view(self, value: Any, rank: int) -> Any:
        """Return what is written with its axes in the view's order."""
        if not np.ndim(value) or not self.before:
            return value
        value = as_array(value)
        value = value.reshape(*(1,) * (rank + 1 - value.ndim), *value.shape)
        start = 1 + self.before
        own = range(start, start + self.broadcast)
        rest = [k for k in range(1, value.ndim) if k not in own]
        return value.transpose([0, *own, *rest])


def batch_subtapes(operation: Operation, operands: Operands, settings: Settings) -> Any:
    """Refuse: steps are played, each for all rows, by who plays a tape."""
    raise NotBatchedError


BATCHED: dict[type, Callable[[Operation, Operands, Settings], Any]] = {
    Map: batch_map,
    Reduce: batch_reduce,
    Scan: batch_along,
    Move: batch_move,
    Contract: batch_contract,
    Routine: batch_routine,
    Subtapes: batch_subtapes,
}
