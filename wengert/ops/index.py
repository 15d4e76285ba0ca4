"""Reading and writing elements: `getitem`, `store`, `index_add`, `item`.

A key is plain data: a tuple of ints, `Slice`, ``None``, ``Ellipsis`` and `Placeholder`,
which stands for an index array among the operands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from wengert.core.forms import Move
from wengert.core.operation import REGISTRY, apply, general
from wengert.core.types import Recorded, is_array

Key = tuple[Any, ...]
Chain = tuple[tuple[str, tuple[tuple[str, Any], ...]], ...]
WHOLE: Key = (Ellipsis,)


class Slice(NamedTuple):
    """A slice as hashable data."""

    start: int | None
    stop: int | None
    step: int | None


class Placeholder(NamedTuple):
    """The place in a key of an index array that is an operand."""

    position: int


def decode(key: Key, indices: tuple[Any, ...]) -> Key:
    """Return the key as NumPy takes it."""
    if not indices:
        if len(key) == 1 and type(key[0]) is int:
            return key  # an element: every one has a key of its own
        return decode_basic(key)
    return tuple([decode_part(part, indices) for part in key])


@lru_cache(maxsize=4096)
def decode_basic(key: Key) -> Key:
    """Return a key without index arrays as NumPy takes it."""
    return tuple([decode_part(part, ()) for part in key])


def decode_part(part: Any, indices: tuple[Any, ...]) -> Any:
    """Return one part of a key as NumPy takes it."""
    if type(part) is Slice:
        return slice(*part)
    if type(part) is Placeholder:
        return indices[part.position]
    return part


def follow(value: Any, chain: Chain) -> Any:
    """Return the view of a buffer that a chain of view operations leads to."""
    for name, settings in chain:
        value = REGISTRY[name].function(value, **dict(settings))
    return value


def write_through(base: Any, chain: Chain, write: Callable[[Any], None]) -> None:
    """Do a write on the view of a buffer that a chain of view operations leads to.

    A gradient's buffer may be laid out otherwise than the array that it belongs to:
    where its reshape is a copy, the copy is written back.
    """
    if not chain:
        write(base)
        return
    (name, settings), rest = chain[0], chain[1:]
    view = REGISTRY[name].function(base, **dict(settings))
    write_through(view, rest, write)
    if name == "reshape" and not np.may_share_memory(view, base):
        base[...] = view.reshape(base.shape, order=dict(settings).get("order", "C"))


def getitem(x: Any, *indices: Any, key: Key) -> Any:
    """Return ``x[key]``."""
    return x[decode(key, indices)]


def getitem_jvp(tangents: Any, result: Any, x: Any, *indices: Any, key: Key) -> Any:
    """Return the same elements of the tangent."""
    return apply(GETITEM, tangents[0], *indices, key=key)


def getitem_vjp(g: Any, result: Any, x: Any, *indices: Any, key: Key) -> Any:
    """Return zeros to which the gradient is added where elements were read."""
    zeros = np.zeros(x.shape, g.dtype)
    return (apply(INDEX_ADD, zeros, g, *indices, chain=(), key=key),)


GETITEM = general(
    "getitem",
    getitem,
    form=Move(moved=1),
    jvp=getitem_jvp,
    vjp=getitem_vjp,
    reads=(False, True),
    view=True,
)


def store(base: Any, value: Any, *indices: Any, chain: Chain, key: Key) -> Any:
    """Return a copy of `base` in which ``view[key] = value`` was done."""
    new = np.array(base, order="K")
    store_in_place(new, value, *indices, chain=chain, key=key)
    return new


def store_in_place(
    base: Any, value: Any, *indices: Any, chain: Chain, key: Key
) -> None:
    """Do ``view[key] = value`` in the buffer itself."""
    where = decode(key, indices)

    def write(target: Any) -> None:
        target[where] = value

    if is_array(base) and base.dtype.kind in "iu":
        value = np.asarray(value)  # a number that is no integer would raise
    write_through(base, chain, write)


def region(base: Any, indices: tuple[Any, ...], chain: Chain, key: Key) -> Any:
    """Return the elements of a gradient that a write replaces."""
    for name, settings in chain:
        base = apply(REGISTRY[name], base, **dict(settings))
        if name == "imag":  # a gradient is du/dx - i du/dy
            base = -base
    return apply(GETITEM, base, *indices, key=key)


def last_writer(shape: Any, written: Any, indices: Any, chain: Chain, key: Key) -> Any:
    """Return where a written element is the last one at its place, or None for all.

    Repeated indices in an assignment: the last write wins, the others have no effect.
    `written` is what was written, of which the shape counts.  Where the indices are
    recorded the answer is, too: it is found anew for those of a replay.
    """
    if all(index.dtype == bool for index in indices if np.ndim(index)):
        return None
    # The parts of complex numbers lie where the numbers do.
    chain = tuple(step for step in chain if step[0] not in ("real", "imag"))
    # Plain arrays: a recording that is under way would answer np.zeros and np.arange.
    places = np.ndarray(shape, dtype=np.int64)
    places.fill(0)
    ones = np.ndarray(np.size(written), dtype=np.int64)
    ones.fill(1)
    order = np.add.accumulate(ones).reshape(np.shape(written))
    if any(isinstance(index, Recorded) for index in indices):
        places = apply(STORE, places, order, *indices, chain=chain, key=key)
        return np.equal(region(places, indices, chain, key), order)
    store_in_place(places, order, *indices, chain=chain, key=key)
    kept = follow(places, chain)[decode(key, indices)]
    return None if np.array_equal(kept, order) else kept == order


def store_jvp(
    tangents: Any, result: Any, base: Any, value: Any, *indices: Any, **where: Any
) -> Any:
    """Return the base's tangent in which the value's tangent was stored."""
    base_dot, value_dot = tangents[:2]
    if base_dot is None:
        # In the dtype of the result: a real number written into a complex array.
        base_dot = np.zeros(result.shape, np.result_type(result.dtype, value_dot))
    return apply(
        STORE, base_dot, 0.0 if value_dot is None else value_dot, *indices, **where
    )


def store_vjp(
    g: Any, result: Any, base: Any, value: Any, *indices: Any, **where: Any
) -> Any:
    """Return the gradient without the replaced elements, and those elements."""
    written = region(g, indices, **where)
    last = last_writer(result.shape, written, indices, **where)
    if last is not None:
        written = np.where(last, written, 0)
    return apply(STORE, g, 0.0, *indices, **where), written


STORE = general(
    "store",
    store,
    form=Move(moved=2),
    jvp=store_jvp,
    vjp=store_vjp,
    reads=(False, False, True),
    writes=True,
)


def index_add(base: Any, value: Any, *indices: Any, chain: Chain, key: Key) -> Any:
    """Return a copy of `base` with ``np.add.at(view, key, value)`` done."""
    new = np.array(base, order="C")
    add_in_place(new, value, *indices, chain=chain, key=key)
    return new


def add_in_place(base: Any, value: Any, *indices: Any, chain: Chain, key: Key) -> None:
    """Add `value` to the elements at `key` of the buffer itself, repeats included."""
    where = decode(key, indices)
    repeats = indices and any(is_array(index) for index in indices)

    def write(target: Any) -> None:
        if repeats:
            np.add.at(target, where, value)
        else:
            target[where] += value

    write_through(base, chain, write)


def casts_sums(type_: str, added: str) -> bool:
    """Whether ``np.add.at`` converts after every addition.

    It makes an integer of a float, and a bool of any number.
    """
    is_float = type_.startswith("float")
    return type_ == "bool" or (added.startswith("float") and not is_float)


def index_add_jvp(
    tangents: Any, result: Any, base: Any, value: Any, *indices: Any, **where: Any
) -> Any:
    """Return the base's tangent plus the value's tangent where it was added."""
    base_dot, value_dot = tangents[:2]
    if value_dot is None:
        return base_dot
    if base_dot is None:
        # In the dtype of the result: a real number written into a complex array.
        base_dot = np.zeros(result.shape, np.result_type(result.dtype, value_dot))
    return apply(INDEX_ADD, base_dot, value_dot, *indices, **where)


def index_add_vjp(
    g: Any, result: Any, base: Any, value: Any, *indices: Any, **where: Any
) -> Any:
    """Return the gradient itself, and its elements where the value was added."""
    return g, region(g, indices, **where)


INDEX_ADD = general(
    "index_add",
    index_add,
    form=Move(moved=2, adds=True),
    jvp=index_add_jvp,
    vjp=index_add_vjp,
    reads=(False, False, True),
    writes=True,
)

IN_PLACE = {STORE: store_in_place, INDEX_ADD: add_in_place}


def item(results: Any, *, result: int) -> Any:
    """Return one result of a node with several."""
    return results[result]


def item_jvp(tangents: Any, _: Any, results: Any, *, result: int) -> Any:
    """Return one tangent of a node with several results."""
    return tangents[0][result]


#: The reverse sweep collects its gradients into a list, one entry a result.
ITEM = general("item", item, form=Move(), jvp=item_jvp, reads=(False,))


# Keys that move from step to step of a loop

KEYED = frozenset((GETITEM, STORE, INDEX_ADD))
#: The key of one element, the whole number taken out.
ELEMENT = ("whole",)


def key_shape(key: tuple[Any, ...]) -> tuple[tuple[Any, ...], tuple[int, ...]]:
    """Return a key with its whole numbers taken out, and those.

    Of a slice that keeps its length the start is taken out.
    """
    if len(key) == 1 and type(key[0]) is int:
        return ELEMENT, key
    shape: list[Any] = []
    numbers = []
    for part in key:
        if type(part) is int:
            shape += ELEMENT
            numbers.append(part)
        elif is_window(part):
            shape.append(("window", part.stop - part.start, part.step))
            numbers.append(part.start)
        else:
            shape.append((type(part), part))
    return tuple(shape), tuple(numbers)


def is_same_key(one: Key, other: Key) -> bool:
    """Whether two keys are the same; of what == finds equal, True is not 1."""
    return one == other and list(map(type, one)) == list(map(type, other))


def is_window(part: Any) -> bool:
    """Whether a part of a key is a slice that may move without changing its length."""
    if type(part) is not Slice or part.start is None or part.stop is None:
        return False
    return (part.start < 0) == (part.stop < 0)


def with_numbers(key: Key, numbers: Sequence[int]) -> Key:
    """Return a key with other whole numbers in the places of its own."""
    if len(key) == 1 and type(key[0]) is int:
        return (numbers[0],)
    parts, left = list(key), iter(numbers)
    for k, part in enumerate(key):
        if type(part) is int:
            parts[k] = next(left)
        elif is_window(part):
            start = next(left)
            parts[k] = Slice(start, start + part.stop - part.start, part.step)
    return tuple(parts)
