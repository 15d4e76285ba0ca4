"""The key of a call: its numbers, how they nest, and everything that is no number.

Calls of one key are recorded, believed and compiled together; see `paths`.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from decimal import Decimal
from enum import Enum
from typing import Any

import numpy as np

from wengert.capture import reads, tree
from wengert.capture.array import check_class
from wengert.capture.labelled import without_labels
from wengert.capture.sparse import is_sparse
from wengert.core import locks
from wengert.core.guards import strides_of
from wengert.core.tape import Tape
from wengert.core.types import has_class, in_native_order, is_array, type_of
from wengert.emit.entry import Parameter
from wengert.errors import ArgumentError, explain
from wengert.execute.arrays import (
    FAST_SCALARS,
    TURNED,
    WRITEABLE,
    is_native,
    is_turned,
    parameter,
)

#: Values of a Python int at one place that are recorded apart; then it is an input.
MOST_INTEGERS = 8
#: Kinds of plain arguments whose key is kept.
MOST_PLAIN = 64
#: Containers inside containers that native code takes apart; its text is written by
#: recursion, and users' own calls may be deep already.
DEEPEST_NATIVE = 30
NO_LEAVES = range(0)
#: Beside the questions about an array's memory: a write into an argument.
WRITES = "writes"


class Keys:
    """How the calls of one function are told apart.

    Parameters
    ----------
    fun : callable
    name : str
    static_argnums : sequence of int
        Positional arguments that are hashable constants.
    """

    def __init__(
        self, fun: Callable[..., Any], name: str, static_argnums: Sequence[int]
    ) -> None:
        self.fun, self.name = fun, name
        self.static_argnums = tuple(static_argnums)
        #: What is asked of the arguments' memory: part of their types from then on.
        self.asked: frozenset[str] = frozenset()
        self.lock = locks.make()
        #: The values that ints had, and the places that have had too many to be static.
        self.integers: dict[Any, set[int]] = {}
        self.varying: set[Any] = set()
        #: By their classes, shapes and dtypes, how plain arguments nest, and their key.
        self.plain: dict[Any, tuple[Any, Any]] = {}
        #: Places whose ints cannot be recorded (`float(n)`): static all the same.
        self.settled: set[Any] = set()

    def describe(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[list[Any], Any, Any]:
        """Return the numeric leaves, how the arguments nest, and the key of both.

        A sparse array among them is its entries, and where they stand.
        """
        if kwargs or self.static_argnums or self.asked:
            return self.described(args, kwargs, tree.flatten)
        kinds = plain_kinds(args)
        known = None if kinds is None else self.plain.get(kinds)
        if known is not None:
            return list(args), *known
        leaves, structure, key = self.described(args, kwargs, tree.flatten)
        if kinds is not None and len(self.plain) < MOST_PLAIN:
            self.plain[kinds] = structure, key
        return leaves, structure, key

    def described(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], flatten: Callable[..., Any]
    ) -> tuple[list[Any], Any, Any]:
        """Return the same by one way to take arguments apart."""
        count, moving, fixed = len(args), args, ()
        if self.static_argnums:
            static = self.static(count)
            moving = tuple([arg for k, arg in enumerate(args) if k not in static])
            given = [arg for k, arg in enumerate(args) if k in static]
            fixed = tuple(map(tree.same_nan, given))
        leaves, structure = flatten((moving, kwargs))
        numeric, others, turned = list[Any](), list[Any](), set[int]()
        for k, leaf in enumerate(leaves):
            if has_class(leaf, tree.NUMERIC) and not (
                has_class(leaf, int) and self.is_static(leaf, structure, k, count)
            ):
                leaf = in_native_order(leaf)
                if type(leaf) is np.ndarray and not self.asked and is_turned(leaf):
                    turned.add(len(numeric))
                    leaf = leaf.T
                numeric.append(leaf)
            else:
                others.append((k, leaf))
        types = self.types(numeric, turned)
        _, nested = told_apart(structure)
        constants = tuple(others)
        kinds = kinds_of(fixed), kinds_of(constants), nested
        key = (structure, types, fixed, constants, count, kinds)
        try:
            hash(key)
        except TypeError as error:
            if flatten is tree.flatten and any(map(is_sparse, leaves)):
                return self.described(args, kwargs, tree.flatten_all)
            advice = [without_labels(leaf) for _, leaf in others]
            raise ArgumentError(
                explain(
                    f"an argument of {self.name} is neither numbers nor hashable",
                    "jit keeps one recording for every static value, and looks it up",
                    next(filter(None, advice), None)
                    or "pass arrays, numbers or nested containers of them; make other "
                    "arguments hashable",
                )
            ) from error
        return numeric, structure, key

    def filled(
        self, key: Any, structure: Any, leaves: Sequence[Any]
    ) -> tuple[list[Any], dict[str, Any]]:
        """Return the arguments that a key and numeric leaves describe."""
        fixed, others, count = iter(key[2]), dict(key[3]), key[4]
        static, pairs = self.static(count), zip(leaves, key[1], strict=True)
        numbers = iter([x.T if kind == TURNED else x for x, (kind, _) in pairs])
        total = len(leaves) + len(others)
        every = [others[k] if k in others else next(numbers) for k in range(total)]
        moving, kwargs = tree.unflatten(structure, every)
        rest = iter(moving)
        return [next(fixed if k in static else rest) for k in range(count)], kwargs

    def types(self, leaves: Sequence[Any], turned: Container[int]) -> tuple[Any, ...]:
        """Return the types of numeric leaves, as far as they are told apart."""
        return tuple(
            [
                (TURNED, type_of(leaf)) if k in turned else leaf_type(leaf, self.asked)
                for k, leaf in enumerate(leaves)
            ]
        )

    def static(self, count: int) -> set[int]:
        """Return which of so many positional arguments are static."""
        return {k if k >= 0 else k + count for k in self.static_argnums}

    def is_static(self, leaf: int, structure: Any, place: int, count: int) -> bool:
        """Whether a truth value, or an int, is a constant of its recordings.

        Python asks ints for more than numbers (``range(n)``, ``isinstance(n, int)``):
        each value is recorded apart, until there are too many of them.
        """
        if issubclass(type(self.fun), Tape) or place in self.wanted(structure, count):
            return False
        is_one_of_few = issubclass(type(leaf), (bool, Enum))
        return is_one_of_few or (structure, place) not in self.varying

    def wanted(self, structure: Any, count: int) -> range | set[int]:
        """Return the leaves that a derivative is taken by."""
        argnums = getattr(self.fun, "argnums", None)
        if argnums is None:
            return NO_LEAVES
        chosen = {argnums} if has_class(argnums, int) else set(argnums)
        chosen = {k if k >= 0 else k + count for k in chosen}
        static, found, at = self.static(count), set[int](), 0
        places = [k for k in range(count) if k not in static]
        for k, part in zip(places, structure.children[0].children, strict=True):
            size = len(tree.paths(part, ""))
            if k in chosen:
                found.update(range(at, at + size))
            at += size
        return found

    def varies(self, key: Any, known: Iterable[Any]) -> list[Any] | None:
        """Note the ints of a new key; where one has had too many values, they vary.

        Returns
        -------
        list of keys or None
            Those of the `known` ones that hold an int which varies now; None where none
            of the new key's does.
        """
        structure, others, found = key[0], key[3], None
        with self.lock:
            for k, leaf in others:
                kind = type(leaf)
                if not issubclass(kind, int) or issubclass(kind, (bool, Enum)):
                    continue
                if (structure, k) in self.settled:
                    continue
                values = self.integers.setdefault((structure, k), set())
                values.add(leaf)
                if len(values) > MOST_INTEGERS:
                    self.varying.add((structure, k))
                    found = [] if found is None else found
                    found += [
                        other
                        for other in known
                        if other[0] == structure and k in dict(other[3])
                    ]
        return found

    def settle(self, places: set[Any]) -> None:
        """Take ints as static again: they could not be recorded."""
        with self.lock:
            self.settled, self.varying = self.settled | places, self.varying - places

    def unsettle(self, places: set[Any]) -> None:
        """Take back what `settle` did."""
        with self.lock:
            self.settled, self.varying = self.settled - places, self.varying | places


def plain_kinds(args: Iterable[Any]) -> Any:
    """Return what tells apart arguments that are arrays in C order, or `float64`.

    None where one is something else.
    """
    found = []
    for arg in args:
        kind = type(arg)
        if kind is not np.float64 and not (kind is np.ndarray and is_native(arg)):
            return None
        found.append((kind, arg.shape, arg.dtype))
    return tuple(found)


def direct_parameters(key: Any) -> tuple[Any, ...] | None:
    """Return how native code takes a call's own arguments; None where it cannot."""
    structure, types, _, others, *_ = key
    moving, kwargs = structure.children
    if kwargs.keys or not is_built_in(moving):
        return None
    static, numeric = dict(others), iter(types)
    found: list[Parameter] = []
    for leaf in range(len(types) + len(others)):
        if leaf in static:
            kind, value = type(static[leaf]), static[leaf]
            if kind not in (bool, int, str) and not issubclass(kind, Enum):
                return None
            found.append(Parameter("static", kind.__qualname__, (), value))
        else:
            like = next(numeric)
            if like[0] not in (np.ndarray, WRITEABLE, *FAST_SCALARS):
                return None
            found.append(parameter(like))
    return tree.unflatten(moving, found)  # type: ignore[no-any-return]


def is_built_in(structure: Any, depth: int = 0) -> bool:
    """Whether native code takes apart and puts together the containers of a structure.

    Those are lists, tuples and dictionaries, not their subclasses, and None; keys are
    texts and ints, which are compared without calling Python.
    """
    if type(structure) is tree.Leaf:
        return True
    kind, keys, children, _ = structure
    if kind is dict and not all(type(key) in (str, int) for key in keys):
        return False
    if kind not in (list, tuple, dict, type(None)) or depth > DEEPEST_NATIVE:
        return False
    return all(is_built_in(child, depth + 1) for child in children)


def leaf_type(leaf: Any, asked: frozenset[str]) -> tuple[Any, Any]:
    """Return what must be the same for a recording to be used again.

    That is the class, shape and dtype; in place of an array's class its strides and
    whether it is a view, as far as that is asked and it is no plain array in C order;
    where arguments are written, whether it may be.
    """
    if is_array(leaf) and type(leaf) is not np.ndarray:
        check_class(leaf)
    like = type_of(leaf)
    if not is_array(leaf):
        return type(leaf), like
    is_view = "base" in asked and leaf.base is not None
    lies = "strides" in asked and not leaf.flags.c_contiguous
    kind = WRITEABLE if WRITES in asked and leaf.flags.writeable else np.ndarray
    if not (is_view or lies):
        return kind, like
    return (kind, strides_of(leaf) if lies else None, is_view), like


def told_apart(structure: Any) -> tuple[Any, Any]:
    """Return a structure with what tells it from others whose keys are equal."""
    return structure, None if is_plain(structure) else kinds_of(structure)


def is_plain(structure: Any) -> bool:
    """Whether a structure has no keys and no data, which may be equal to others."""
    if type(structure) is tree.Leaf:
        return True
    if type(structure) is not tree.Branch or type(structure.kind) is not type:
        return False
    keys = structure.keys
    has_none = keys is None or (type(keys) is tuple and not keys)
    return has_none and structure.carried is None and all(map(is_plain, structure[2]))


def kinds_of(value: Any) -> Any:
    """Return what tells static values apart that Python holds equal: 1, 1.0, True.

    An object of a class with an ``__eq__`` of its own, or with attributes that its base
    does not compare, is only equal to itself.
    """
    kind = type(value)
    if issubclass(kind, (tuple, frozenset)):
        return kind, tuple([kinds_of(part) for part in value])
    if not reads.is_user_class(kind):
        if issubclass(kind, (float, complex, np.inexact)):
            return kind, str(value)  # -0.0 == 0.0
        return (kind, value.as_tuple()) if kind is Decimal else kind
    compares = reads.raw_attribute(kind, "__eq__")
    if compares is object.__eq__:
        return kind
    fields = getattr(kind, "__dataclass_fields__", None)
    code = getattr(compares, "__code__", None)
    if fields and code is not None and code.co_filename == "<string>":
        parts = [getattr(value, name) for name in fields]
        return kind, tuple([(kinds_of(part), by_value(part)) for part in parts])
    return kind, id(value)


def by_value(value: Any) -> Any:
    """Return a value that can be looked up, another by its identity."""
    try:
        hash(value)
    except TypeError:
        return id(value)
    return value


def static_values(
    structure: Any,
    others: dict[int, Any],
    fixed: tuple[Any, ...],
    static: set[int],
    count: int,
) -> dict[int | str, Any]:
    """Return the arguments that are no numbers, by position or name."""
    moving, kwargs = structure.children
    constants, parts = iter(fixed), iter(moving.children)
    found: dict[int | str, Any] = {}
    at = 0
    for name in (*range(count), *kwargs.keys):
        if name in static:
            found[name] = next(constants)
            continue
        part = next(parts) if has_class(name, int) else None
        if part is None:
            part = kwargs.children[kwargs.keys.index(name)]
        size = len(tree.paths(part, ""))
        inside = [others[k] for k in range(at, at + size) if k in others]
        if inside:
            found[name] = inside[0] if part == tree.LEAF else inside
        at += size
    return found
