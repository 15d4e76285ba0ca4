"""What elements depend on, carried along a tape by the forms of its operations.

An array of sets, one an element, goes the way of the numbers: `Influence` carries it
through one operation.  What a set is of is not its affair: `derive.sparsity` has sets
of inputs for first derivatives, and sets of products of inputs for second ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from wengert.core.forms import Contract, Map, Move, Reduce, Routine, Scan
from wengert.core.operation import Operation
from wengert.core.types import Type
from wengert.derive.sets import Array, Sets
from wengert.ops.index import decode, follow
from wengert.ops.products import split_subscripts

#: Sets of the operands, None where they are all empty; a tuple of several results.
Given = Sequence[Any]


class Influence:
    """The way of sets through operations.

    Parameters
    ----------
    sets : Sets
        Where the sets are kept.
    """

    def __init__(self, sets: Sets) -> None:
        self.sets = sets

    def through(
        self,
        operation: Operation,
        given: Given,
        values: Sequence[Any],
        settings: dict[str, Any],
        like: Any,
    ) -> Any:
        """Return the sets of a result's elements: an array, or one a result."""
        given = [as_array(sets) for sets in given]
        if type(like) is tuple and not isinstance(operation.form, Move):
            parts = [self.through(operation, given, values, settings, t) for t in like]
            return tuple(parts)
        form = operation.form
        if isinstance(form, Map):
            return self.at_place(given, like.shape)
        if isinstance(form, Move):
            return self.moved(form, operation, given, values, settings, like)
        if isinstance(form, Reduce):
            return self.folded(given, settings, like)
        if isinstance(form, Scan):
            return self.scanned(given, settings, like)
        if isinstance(form, Contract):
            return self.contracted(form, given, values, settings, like)
        if isinstance(form, Routine):
            return self.called(form, given, values, settings, like)
        return self.whole(given, like)

    def whole(self, given: Given, like: Type) -> Array:
        """Return the union of all for every element: nothing is known."""
        parts = [np.unique(part) for operand in given for part in flat_parts(operand)]
        every = np.concatenate([np.zeros(1, np.int64), *parts])
        found = self.sets.merge(np.zeros(len(every), np.int64), every, 1)
        return np.full(like.shape, found[0])

    def at_place(self, given: Given, shape: tuple[int, ...]) -> Array:
        """Return the unions element by element; operands broadcast."""
        found = None
        for sets in given:
            if sets is None:
                continue
            if np.shape(sets) != shape:
                sets = np.broadcast_to(sets, shape)
            found = sets if found is None else self.sets.unions(found, sets)
        return np.zeros(shape, np.int64) if found is None else found

    # Places

    def moved(
        self,
        form: Move,
        operation: Operation,
        given: Given,
        values: Sequence[Any],
        settings: dict[str, Any],
        like: Any,
    ) -> Any:
        """Return the sets where the operation moves their elements."""
        count = len(given) if form.moved is None else form.moved
        places = values[count:]
        if any(isinstance(place, Type) for place in places):
            return self.whole(given, like)
        filled = [
            empty_like(value) if sets is None else sets
            for sets, value in zip(given[:count], values, strict=False)
        ]
        # The parts of a complex number lie where it does; what is not written is kept.
        chain = settings.get("chain", ())
        plain = tuple(step for step in chain if step[0] not in ("real", "imag"))
        if chain != plain:
            settings = {**settings, "chain": plain}
        if form.adds:
            return self.added(filled, places, plain, settings["key"])
        found = operation.function(*filled, *places, **settings)
        keeps = chain != plain and like.dtype.kind == "c"
        return self.sets.unions(filled[0], found) if keeps else found

    def added(self, given: Given, places: Any, chain: Any, key: Any) -> Array:
        """Return the unions of sets and of those that are added at places."""
        base, value = given
        own = np.arange(base.size).reshape(base.shape)
        target = follow(own, chain)[decode(key, tuple(places))]
        value = np.broadcast_to(value, np.shape(target))
        groups = np.concatenate([own.ravel(), np.ravel(target)])
        sets = np.concatenate([base.ravel(), value.ravel()])
        return self.sets.merge(groups, sets, base.size).reshape(base.shape)

    # Folds

    def folded(self, given: Given, settings: dict[str, Any], like: Type) -> Array:
        """Return the unions along axes, or of stretches of one."""
        sets, *others = given
        found = np.zeros(like.shape, np.int64)
        if sets is not None and sets.size:
            groups, elements = folds(np.shape(sets), settings, like)
            merged = self.sets.merge(groups, np.ravel(sets)[elements], like.size)
            found = merged.reshape(like.shape)
        for other in others:
            if other is not None:
                found = self.sets.unions(found, self.whole([other], like))
        return found

    def scanned(self, given: Given, settings: dict[str, Any], like: Type) -> Array:
        """Return the unions up to every step along an axis."""
        sets = np.array(self.at_place(given, like.shape))
        steps = np.moveaxis(sets, settings["axis"], 0)
        for k in range(1, len(steps)):
            if steps.ndim == 1:
                steps[k] = self.sets.union(int(steps[k - 1]), int(steps[k]))
            else:
                steps[k] = self.sets.unions(steps[k - 1], steps[k])
        return sets

    # Products

    def contracted(
        self,
        form: Contract,
        given: Given,
        values: Sequence[Any],
        settings: dict[str, Any],
        like: Type,
    ) -> Array:
        """Return for every sum the union of what its products are of."""
        terms, output, sizes = letters(form, values, settings)
        if "+" in output:
            target, *places = sums_of_places(values, settings, like)
            return self.meeting(given, target, places, like)
        found = np.zeros(like.shape, np.int64)
        for sets, term in zip(given, terms, strict=True):
            if sets is None:
                continue
            own = "".join(dict.fromkeys(term))  # a letter twice: along the diagonal
            kept = "".join(c for c in output if c in own)
            full = np.broadcast_to(sets, tuple(sizes[c] for c in term))
            full = np.einsum(f"{term}->{own}", full) if own != term else full
            target = np.arange(count_of(kept, sizes)).reshape([sizes[c] for c in kept])
            to = np.broadcast_to(along(target, kept, own), full.shape)
            merged = self.sets.merge(to.ravel(), full.ravel(), target.size)
            spread = along(merged.reshape(target.shape), kept, output)
            found = self.sets.unions(found, np.broadcast_to(spread, like.shape))
        return found

    def meeting(
        self, given: Given, target: Array, places: Sequence[Array], like: Type
    ) -> Array:
        """Return the unions of the elements that meet in products, at their places."""
        groups, sets = [target[:0]], [target[:0]]
        for own, at in zip(given, places, strict=True):
            if own is not None and at is not None:
                groups.append(target)
                sets.append(np.ravel(own)[at])
        merged = self.sets.merge(
            np.concatenate(groups), np.concatenate(sets), like.size
        )
        return merged.reshape(like.shape)

    # Calls on whole buffers

    def called(
        self,
        form: Routine,
        given: Given,
        values: Sequence[Any],
        settings: dict[str, Any],
        like: Type,
    ) -> Array:
        """Return for every problem of a stack the union of what it is made of."""
        if form.products is not None:
            meets = places_of(form, values, settings)
            if meets is None:
                return self.whole(given, like)
            return self.meeting(given, meets[0], meets[1:], like)
        cores = cores_of(form, values, settings, like)
        if cores is None:
            return self.whole(given, like)
        batch, problems = cores
        found = np.zeros(batch, np.int64)
        for sets, problem in zip(given, problems, strict=True):
            if sets is None:
                continue
            moved = np.moveaxis(sets, problem, range(-len(problem), 0))
            lead = moved.shape[: moved.ndim - len(problem)]
            rows = moved.reshape(math.prod(lead), math.prod(moved.shape[len(lead) :]))
            groups = np.repeat(np.arange(len(rows)), rows.shape[1])
            merged = self.sets.merge(groups, rows.ravel(), len(rows))
            found = self.sets.unions(
                found, np.broadcast_to(merged.reshape(lead), batch)
            )
        if form.along:
            spread = np.expand_dims(found, settings["axis"] % len(like.shape))
        else:
            spread = found.reshape(batch + (1,) * (len(like.shape) - len(batch)))
        return np.array(np.broadcast_to(spread, like.shape))


def flat_parts(operand: Any) -> list[Array]:
    """Return the sets of an operand as flat arrays."""
    if operand is None:
        return []
    if type(operand) is tuple:
        return [flat for part in operand for flat in flat_parts(part)]
    return [np.ravel(operand)]


def empty_like(value: Any) -> Any:
    """Return empty sets for a value, or for its type."""
    if type(value) is tuple and not isinstance(value, Type):
        return tuple(empty_like(part) for part in value)
    return np.zeros(shape_of(value), np.int64)


def as_array(sets: Any) -> Any:
    """Return sets as NumPy has them: those of a number may be Python's."""
    return np.int64(sets) if type(sets) is int else sets


def shape_of(value: Any) -> tuple[int, ...]:
    """Return the shape of a value, or of its type."""
    return value.shape if isinstance(value, Type) else np.shape(value)


def folds(
    shape: tuple[int, ...], settings: dict[str, Any], like: Type
) -> tuple[Array, Array]:
    """Return the places of a fold's results, and of the elements folded into each."""
    own = np.arange(math.prod(shape)).reshape(shape)
    if "indices" in settings:
        axis = settings["axis"] % len(shape)
        target = np.arange(like.size).reshape(like.shape)
        starts = list(settings["indices"])
        groups, elements = [], []
        for k, (i, j) in enumerate(
            zip(starts, [*starts[1:], shape[axis]], strict=True)
        ):
            part = np.take(own, range(i, max(j, i + 1)), axis)
            to = np.take(target, [k], axis)
            groups.append(np.broadcast_to(to, part.shape).ravel())
            elements.append(part.ravel())
        return np.concatenate(groups), np.concatenate(elements)
    axis = settings.get("axis")
    axes = range(len(shape)) if axis is None else np.atleast_1d(axis).tolist()
    axes = {k % len(shape) for k in axes} if shape else set()
    kept = tuple(1 if k in axes else n for k, n in enumerate(shape))
    target = np.arange(like.size).reshape(kept)
    return np.broadcast_to(target, shape).ravel(), own.ravel()


def letters(
    form: Contract, values: Sequence[Any], settings: dict[str, Any]
) -> tuple[list[str], str, dict[str, int]]:
    """Return the axes of every operand, of the result, and how long each is."""
    shapes = [shape_of(v) for v in values]
    subscripts = form.of(tuple(map(len, shapes)), settings)
    terms, output = split_subscripts(subscripts)
    extra = [
        len(s) - len(t.replace("...", "")) for s, t in zip(shapes, terms, strict=True)
    ]
    dots = [
        "".join(str(9 - k) for k in reversed(range(n if "..." in t else 0)))
        for n, t in zip(extra, terms, strict=True)
    ]
    terms = [t.replace("...", d) for t, d in zip(terms, dots, strict=True)]
    output = output.replace("...", max(dots, key=len))
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, shapes, strict=True):
        for letter, n in zip(term, shape, strict=True):
            sizes[letter] = n if sizes.get(letter, 1) == 1 else sizes[letter]
    return terms, output, sizes


def count_of(term: str, sizes: dict[str, int]) -> int:
    """Return how many elements an array with some axes has."""
    return math.prod(sizes[c] for c in term)


def along(array: Array, own: str, axes: str) -> Array:
    """Return an array with the axes `own` as one along `axes`, to be broadcast."""
    ordered = np.transpose(array, [own.index(c) for c in axes if c in own])
    missing = tuple(k for k, c in enumerate(axes) if c not in own)
    return np.expand_dims(ordered, missing)


def sums_of_places(
    values: Sequence[Any], settings: dict[str, Any], like: Type
) -> list[Array]:
    """Return the places of the products of a convolution: in result and operands."""
    n, m = (math.prod(shape_of(v)) for v in values)
    i, j = (k.ravel() for k in np.indices((n, m)))
    first = {"full": 0, "same": (min(n, m) - 1) // 2, "valid": min(n, m) - 1}
    target = i + j - first[settings["mode"]]
    inside = (target >= 0) & (target < like.size)
    return [target[inside], i[inside], j[inside]]


def places_of(form: Routine, values: Sequence[Any], settings: dict[str, Any]) -> Any:
    """Return where the elements of products lie; None where that is not known."""
    if form.products is None or any(is_unknown_place(value) for value in values):
        return None
    return form.products(*values, **settings)


def is_unknown_place(value: Any) -> bool:
    """Whether whole numbers are not known, but their type alone."""
    return isinstance(value, Type) and value.dtype.kind in "iu"


def cores_of(
    form: Routine, values: Sequence[Any], settings: dict[str, Any], like: Type
) -> tuple[tuple[int, ...], list[tuple[int, ...]]] | None:
    """Return the shape of a stack of problems, and the axes of a problem an operand.

    None where the form does not say that there is a stack.
    """
    shapes = [shape_of(v) for v in values]
    if form.along:
        axis = settings.get("axis")
        if type(axis) is not int or len(shapes) != 1 or not like.shape:
            return None
        if len(shapes[0]) != len(like.shape):
            return None
        axis %= len(like.shape)
        kept = tuple(n for k, n in enumerate(like.shape) if k != axis)
        own = tuple(n for k, n in enumerate(shapes[0]) if k != axis)
        return (kept, [(axis,)]) if kept == own else None
    if form.core is None or len(form.core) != len(shapes):
        return None
    if any(len(s) < k for s, k in zip(shapes, form.core, strict=True)):
        return None
    leads = [s[: len(s) - k] for s, k in zip(shapes, form.core, strict=True)]
    batch = np.broadcast_shapes(*leads)
    if like.shape[: len(batch)] != batch:
        return None
    return batch, [tuple(range(-k, 0)) for k in form.core]
