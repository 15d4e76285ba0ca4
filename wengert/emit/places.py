"""Places that are known at replay only: every candidate is compared, and one selected.

That is for small arrays: an index among so many elements, a sort of so many.  Each
lowering here costs as many scalar nodes as there are pairs of places and elements.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from wengert.core.types import Type
from wengert.emit.lowering import (
    Elements,
    Lowering,
    converted,
    count_scalars,
    truth,
)
from wengert.emit.refusal import NotLoweredError
from wengert.ops.index import Placeholder, casts_sums, decode, follow

#: Places among which an index may choose by comparison.
MOST_CHOICES = 64
#: Elements a sorting network may have: it compares all pairs.
MOST_SORTED = 16

#: NumPy's order, in which NaN is last.
LESS = "x < y or (isnan(y) and not isnan(x))"

Special = Callable[[Lowering, list[Elements], dict[str, Any], Type, str], Elements]


def select(lowering: Lowering, test: int, one: int, other: int, name: str) -> int:
    """Return the node of one value where a test holds, of another elsewhere."""
    return lowering.emit("select(x, y, z)", (test, one, other), name)


def both(lowering: Lowering, tests: list[int]) -> int:
    """Return the node that says whether all tests hold."""
    result = tests[0]
    for test in tests[1:]:
        result = lowering.emit("x and y", (result, test), "bool")
    return result


def as_elements(nodes: list[int], like: Type) -> Elements:
    """Return nodes as the elements of an array."""
    return np.array(nodes, dtype=np.int64).reshape(like.shape)


# Indices


def constant_indices(lowering: Lowering, index: Elements) -> Any:
    """Return index elements as numbers where all are constants."""
    numbers = [lowering.number(node) for node in index.ravel().tolist()]
    if any(number is None for number in numbers):
        return None
    kind = lowering.types[int(index.ravel()[0])] if index.size else "int64"
    dtype = np.dtype(bool) if kind == "bool" else np.dtype(np.int64)
    return np.array(numbers, dtype=dtype).reshape(index.shape)


def axis_of(key: Any, number: int, ndim: int) -> int:
    """Return the axis that an index array of a key is about."""
    taken = sum(part is not None and part is not Ellipsis for part in key)
    axis = 0
    for part in key:
        if isinstance(part, Placeholder) and part.position == number:
            return axis
        axis += ndim - taken if part is Ellipsis else part is not None
    raise NotLoweredError("an index array that the key does not name")


def within(lowering: Lowering, index: Elements, length: int) -> list[int]:
    """Return index elements counted from the front, guarded against leaving the bounds.

    A guard that fails sends the call back to NumPy, which raises.
    """
    nodes = []
    for node in index.ravel().tolist():
        type_ = lowering.types[node]
        if type_ == "bool":
            raise NotLoweredError("a mask that is known at replay only")
        zero, end = lowering.constant(0, type_), lowering.constant(length, type_)
        low = lowering.constant(-length, type_)
        tests = [
            lowering.emit("x >= y", (node, low), "bool"),
            lowering.emit("x < y", (node, end), "bool"),
        ]
        lowering.guard(both(lowering, tests), 1)
        negative = lowering.emit("x < y", (node, zero), "bool")
        turned = lowering.emit("x + y", (node, end), type_)
        nodes.append(select(lowering, negative, turned, node, type_))
    return nodes


def candidates(
    lowering: Lowering, positions: Elements, key: Any, indices: list[Elements]
) -> Iterator[tuple[Elements, list[int]]]:
    """Yield the positions that a key may lead to, with the test of each."""
    known = [constant_indices(lowering, index) for index in indices]
    unknown = [k for k, numbers in enumerate(known) if numbers is None]
    axes = {k: axis_of(key, k, positions.ndim) for k in unknown}
    lengths = [positions.shape[axes[k]] for k in unknown]
    if any(numbers is not None and numbers.dtype == bool for numbers in known):
        raise NotLoweredError("a mask beside an index that is known at replay only")
    if int(np.prod(lengths)) > MOST_CHOICES or 0 in lengths:
        raise NotLoweredError("an index that is known at replay only")

    def filled(numbers: dict[int, Any]) -> tuple[Any, ...]:
        return tuple(
            np.broadcast_to(numbers[k], index.shape) if k in numbers else known[k]
            for k, index in enumerate(indices)
        )

    tests = {}
    for k, length in zip(unknown, lengths, strict=True):
        inside = within(lowering, indices[k], length)
        # Which element of the index array each selected element belongs to.
        shape, size = list(positions.shape), indices[k].size
        shape[axes[k]] = size
        own = np.arange(size).reshape(
            [-1 if j == axes[k] else 1 for j in range(len(shape))]
        )
        counted = dict.fromkeys(unknown, 0) | {
            k: np.arange(size).reshape(indices[k].shape)
        }
        elements = np.broadcast_to(own, shape)[decode(key, filled(counted))]
        tests[k] = [inside[j] for j in np.ravel(elements).tolist()]
    for places in itertools.product(*(range(length) for length in lengths)):
        numbers = dict(zip(unknown, places, strict=True))
        found = positions[decode(key, filled(numbers))]
        count_scalars(lowering, found.size)
        rows = []
        for j in range(found.size):
            equal = []
            for k, place in numbers.items():
                node = tests[k][j]
                number = lowering.constant(place, lowering.types[node])
                equal.append(lowering.emit("x == y", (node, number), "bool"))
            rows.append(both(lowering, equal))
        yield found, rows


def lower_getitem(
    lowering: Lowering, parts: list[Elements], settings: Any, like: Type, name: str
) -> Elements:
    """Return the elements that a key takes; a recorded index chooses by comparison."""
    base, *indices = parts
    key = settings["key"]
    constants = [constant_indices(lowering, index) for index in indices]
    if all(constant is not None for constant in constants):
        return np.asarray(base[decode(key, tuple(constants))])
    if is_mask(lowering, indices[0]):
        check_mask(key, indices[0])
        return lower_masked(lowering, base, indices[0], like, name)
    positions = np.arange(base.size).reshape(base.shape)
    flat, result = base.ravel(), None
    for places, tests in candidates(lowering, positions, key, indices):
        taken = flat[places].ravel().tolist()
        if result is None:
            result = taken
            continue
        result = [
            select(lowering, test, one, other, name)
            for test, one, other in zip(tests, taken, result, strict=True)
        ]
    return as_elements(result or [], like)


def writes(
    lowering: Lowering, parts: list[Elements], settings: Any, name: str
) -> Iterator[tuple[int, int, int | None]]:
    """Yield place, value and test (None: always) of every element that is written."""
    base, value, *indices = parts
    positions = follow(np.arange(base.size).reshape(base.shape), settings["chain"])
    key = settings["key"]
    constants = [constant_indices(lowering, index) for index in indices]
    value = converted(lowering, value, name)
    if all(constant is not None for constant in constants):
        places = np.asarray(positions[decode(key, tuple(constants))])
        spread = np.broadcast_to(value, places.shape).ravel().tolist()
        for place, node in zip(places.ravel().tolist(), spread, strict=True):
            yield place, node, None
        return
    if is_mask(lowering, indices[0]):
        check_mask(key, indices[0])
        yield from masked_writes(lowering, positions, value, indices[0])
        return
    found = list(candidates(lowering, positions, key, indices))
    spread = np.broadcast_to(value, found[0][0].shape).ravel().tolist()
    ways = [(places.ravel().tolist(), tests) for places, tests in found]
    for k, node in enumerate(spread):  # the last write wins: element by element
        for flat, tests in ways:
            yield flat[k], node, tests[k]


def lower_store(
    lowering: Lowering, parts: list[Elements], settings: Any, like: Type, name: str
) -> Elements:
    """Return the elements after a write."""
    new = parts[0].ravel().tolist()
    for place, node, test in writes(lowering, parts, settings, name):
        if test is not None:
            node = select(lowering, test, node, new[place], name)
        new[place] = node
    return as_elements(new, like)


def lower_index_add(
    lowering: Lowering, parts: list[Elements], settings: Any, like: Type, name: str
) -> Elements:
    """Return the elements after an addition to some of them.

    Only gradients are added up so: a term zero that was never written is dropped.
    """
    added = {lowering.types[node] for node in parts[1].ravel().tolist()}
    if any(casts_sums(name, type_) for type_ in added):
        raise NotLoweredError("np.add.at that makes integers or bools of its sums")
    new = parts[0].ravel().tolist()
    for place, node, test in writes(lowering, parts, settings, name):
        total = node
        if lowering.number(new[place]) != 0:
            total = lowering.emit("x + y", (new[place], node), name)
        if test is not None:
            total = select(lowering, test, total, new[place], name)
        new[place] = total
    return as_elements(new, like)


def lower_choose(
    lowering: Lowering, parts: list[Elements], settings: Any, like: Type, name: str
) -> Elements:
    """Return the element of the choice that each index names."""
    index, *choices = (np.broadcast_to(part, like.shape) for part in parts)
    if settings["mode"] != "raise" or len(choices) > MOST_CHOICES:
        raise NotLoweredError("a choice by wrapped indices")
    result = converted(lowering, choices[0], name).ravel().tolist()
    nodes = index.ravel().tolist()
    for node in nodes:
        type_ = lowering.types[node]
        bounds = (
            node,
            lowering.constant(0, type_),
            lowering.constant(len(choices), type_),
        )
        lowering.guard(lowering.emit("x >= y and x < z", bounds, "bool"), 1)
    for k, choice in enumerate(choices[1:], 1):
        for j, other in enumerate(converted(lowering, choice, name).ravel().tolist()):
            place = lowering.constant(k, lowering.types[nodes[j]])
            test = lowering.emit("x == y", (nodes[j], place), "bool")
            result[j] = select(lowering, test, other, result[j], name)
    return as_elements(result, like)


# Masks: what they take is counted by a guard before


def is_mask(lowering: Lowering, index: Elements) -> bool:
    """Whether an index is a mask that is known at replay only."""
    nodes = index.ravel().tolist()
    return bool(nodes) and (
        lowering.types[nodes[0]] == "bool" and constant_indices(lowering, index) is None
    )


def check_mask(key: Any, mask: Elements) -> None:
    """Raise `NotLoweredError` unless a mask is the whole key, and small."""
    if key != (Placeholder(0),) or not 0 < mask.size <= MOST_CHOICES:
        raise NotLoweredError("a large mask, or one beside other indices")


def ranked(lowering: Lowering, mask: Elements) -> list[tuple[int, int]]:
    """Return for every element whether it is not zero, and how many were up to it."""
    rank, found = lowering.constant(0, "int64"), []
    for node in mask.ravel().tolist():
        flag = truth(lowering, node)
        one = lowering.emit("x", (flag,), "int64")
        rank = lowering.emit("x + y", (rank, one), "int64")
        found.append((flag, rank))
    return found


def hits(lowering: Lowering, mask: Elements, count: int) -> list[list[int]]:
    """Return for every place in the result which element of the mask it is."""
    count_scalars(lowering, mask.size * count)
    rows = []
    elements = ranked(lowering, mask)
    for place in range(count):
        number, tests = lowering.constant(place + 1, "int64"), []
        for flag, rank in elements:
            same = lowering.emit("x == y", (rank, number), "bool")
            tests.append(both(lowering, [flag, same]))
        rows.append(tests)
    return rows


def chosen(
    lowering: Lowering, tests: list[int], values: list[list[int]], name: str
) -> list[int]:
    """Return the row of values whose test holds, the first if none does."""
    result = values[0]
    for test, row in zip(tests[1:], values[1:], strict=True):
        pairs = zip(row, result, strict=True)
        result = [select(lowering, test, one, other, name) for one, other in pairs]
    return result


def lower_masked(
    lowering: Lowering, base: Elements, mask: Elements, like: Type, name: str
) -> Elements:
    """Return the elements under a mask."""
    width = int(np.prod(base.shape[mask.ndim :]))
    rows = base.reshape(mask.size, width).tolist()
    count_scalars(lowering, like.size * mask.size)
    taken = [
        chosen(lowering, tests, rows, name)
        for tests in hits(lowering, mask, like.shape[0])
    ]
    return as_elements([node for row in taken for node in row], like)


def masked_writes(
    lowering: Lowering, positions: Elements, value: Elements, mask: Elements
) -> Iterator[tuple[int, int, int | None]]:
    """Yield place, value and test of every element that may be written."""
    rest = positions.shape[mask.ndim :]
    width = int(np.prod(rest))
    rows = positions.reshape(mask.size, width).tolist()
    count = value.shape[0] if value.ndim > len(rest) else 1
    spread = np.broadcast_to(value, (count, *rest)).reshape(count, width).tolist()
    if count == 1:
        ways = [[flag for flag, _ in ranked(lowering, mask)]]
    else:
        ways = hits(lowering, mask, count)
    for tests, nodes in zip(ways, spread, strict=True):
        for test, places in zip(tests, rows, strict=True):
            for place, node in zip(places, nodes, strict=True):
                yield place, node, test


def lower_nonzero(
    lowering: Lowering, parts: list[Elements], settings: Any, likes: tuple[Type, ...]
) -> list[Elements]:
    """Return the places of what is not zero; their number was guarded before."""
    (x,), count = parts, likes[0].size
    if x.size > MOST_CHOICES or not x.size:
        raise NotLoweredError("a mask of many elements that is known at replay only")
    where = np.stack(np.unravel_index(np.arange(x.size), x.shape), axis=1)
    rows = [[lowering.constant(k, "int64") for k in row] for row in where.tolist()]
    found = [
        chosen(lowering, tests, rows, "int64") for tests in hits(lowering, x, count)
    ]
    columns = np.array(found, dtype=np.int64).reshape(count, x.ndim)
    return [columns[:, k] for k in range(x.ndim)]


# Order


def ordered(lowering: Lowering, row: list[int]) -> tuple[list[int], list[int]]:
    """Return a row's values in order, and their places; equal ones stay in order."""
    if len(row) > MOST_SORTED:
        raise NotLoweredError(f"a sort of more than {MOST_SORTED} elements")
    values = list(row)
    places = [lowering.constant(k, "int64") for k in range(len(row))]
    for end in range(1, len(row)):
        for k in range(end, 0, -1):
            name = lowering.types[values[k]]
            swaps = lowering.emit(LESS, (values[k], values[k - 1]), "bool")
            for line, type_ in ((values, name), (places, "int64")):
                low = select(lowering, swaps, line[k], line[k - 1], type_)
                high = select(lowering, swaps, line[k - 1], line[k], type_)
                line[k - 1], line[k] = low, high
    count_scalars(lowering, 2 * len(row) ** 2)
    return values, places


def lower_order(position: int) -> Special:
    """Return the lowering of ``sort`` (0) and ``argsort`` (1)."""

    def lower_rows(
        lowering: Lowering, parts: list[Elements], settings: Any, like: Type, name: str
    ) -> Elements:
        if position == 1 and settings["kind"] != "stable":
            raise NotLoweredError("an argsort that need not be stable")
        moved = np.moveaxis(parts[0], settings["axis"], -1)
        rows = moved.reshape(-1, moved.shape[-1]).tolist()
        found = [ordered(lowering, row)[position] for row in rows]
        whole = np.array(found, dtype=np.int64).reshape(moved.shape)
        return np.moveaxis(whole, -1, settings["axis"])

    return lower_rows


def count_before(
    lowering: Lowering, table: list[int], node: int, is_right: bool, name: str
) -> int:
    """Return how many numbers of a sorted table come before a number."""
    total = lowering.constant(0, name)
    for entry in table:
        if is_right:
            after = lowering.emit(LESS, (node, entry), "bool")
            flag = lowering.emit("not x", (after,), "bool")
        else:
            flag = lowering.emit(LESS, (entry, node), "bool")
        one = lowering.emit("x", (flag,), name)
        total = lowering.emit("x + y", (total, one), name)
    return total


def search(
    lowering: Lowering,
    table: Elements,
    x: Elements,
    is_right: bool,
    like: Type,
    name: str,
) -> Elements:
    """Return the places of numbers in a sorted table."""
    if table.ndim != 1 or table.size > MOST_CHOICES:
        raise NotLoweredError(f"a search among more than {MOST_CHOICES} numbers")
    count_scalars(lowering, table.size * x.size)
    entries = table.tolist()
    nodes = [
        count_before(lowering, entries, n, is_right, name) for n in x.ravel().tolist()
    ]
    return as_elements(nodes, like)


def lower_searchsorted(
    lowering: Lowering, parts: list[Elements], settings: Any, like: Type, name: str
) -> Elements:
    """Return ``np.searchsorted`` by counting."""
    if len(parts) > 2:
        raise NotLoweredError("a search by a sorter")
    return search(lowering, parts[0], parts[1], settings["side"] == "right", like, name)


def increases(lowering: Lowering, table: Elements) -> None:
    """Guard that a table is sorted; one that is not goes to NumPy, which judges it."""
    for one, other in itertools.pairwise(table.ravel().tolist()):
        lowering.guard(lowering.emit("x <= y", (one, other), "bool"), 1)


def lower_digitize(
    lowering: Lowering, parts: list[Elements], settings: Any, like: Type, name: str
) -> Elements:
    """Return ``np.digitize`` for bins that increase."""
    x, bins = parts
    numbers = [lowering.number(node) for node in bins.ravel().tolist()]
    if None not in numbers and numbers != sorted(numbers):  # type: ignore[type-var]
        raise NotLoweredError("bins that decrease")
    increases(lowering, bins)
    return search(lowering, bins, x, not settings["right"], like, name)


def lower_interval(
    lowering: Lowering, parts: list[Elements], settings: Any, like: Type, name: str
) -> Elements:
    """Return the interval of a table that each number lies in."""
    x, table = parts
    increases(lowering, table)
    found = search(lowering, table, x, True, like, name)
    ends = [lowering.constant(k, name) for k in (1, 0, max(table.size - 2, 0))]
    nodes = [
        lowering.emit("minimum(maximum(x - y, z), w)", (node, *ends), name)
        for node in found.ravel().tolist()
    ]
    return as_elements(nodes, like)
