"""Nested arguments (pytrees): containers, None, dataclasses, and your classes.

A container is taken apart and put together again by what it holds, never by its
constructor: no code of its class runs, and what is no leaf is carried over.
"""

from __future__ import annotations

import dataclasses
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Hashable, Sequence
from enum import Enum
from functools import lru_cache
from types import MemberDescriptorType
from typing import Any, NamedTuple

import numpy as np

from wengert.capture import labelled, sparse
from wengert.capture.reads.frozen import freeze, has_contents, is_same
from wengert.core.checked import same
from wengert.core.types import Recorded, by_class, has_class
from wengert.errors import ArgumentError, explain

NUMERIC: tuple[type[Any], ...] = (
    np.ndarray,
    np.generic,
    float,
    int,
    complex,
    bool,
    Recorded,
)
#: Containers inside containers, up to which anything is looked at.
DEEPEST = 300
#: `Py_TPFLAGS_HEAPTYPE`: set for the classes that a ``class`` statement made.
WRITTEN_IN_PYTHON = 1 << 9


class Leaf(NamedTuple):
    """The structure of a single value."""


class Branch(NamedTuple):
    """The structure of a container.

    Attributes
    ----------
    kind : type
    keys : the keys of a dictionary, the names of fields, the data of your classes
    children : tuple of structures
    carried : Carried or None
        What the object has besides its items or fields.
    """

    kind: Any
    keys: Any
    children: tuple[Any, ...]
    carried: Any = None


LEAF = Leaf()
Unflatten = Callable[[Any, tuple[Any, ...]], Any]
Flatten = Callable[[Any], tuple[tuple[Any, ...], Any]]
_CLASSES: dict[type, tuple[Flatten, Unflatten]] = {}


def register_pytree_node(kind: type, flatten: Flatten, unflatten: Unflatten) -> None:
    """Teach the transformations to look into a class of yours, as in JAX.

    Parameters
    ----------
    kind : type
    flatten : callable, ``flatten(object) -> (children, data)``, `data` hashable
    unflatten : callable, ``unflatten(data, children) -> object``

    See Also
    --------
    grad, jit
    """
    _CLASSES[kind] = (flatten, unflatten)


register_pytree_node(sparse.Opened, sparse.entries_of, sparse.made)
register_pytree_node(sparse.Apart, sparse.entries_of, sparse.rows_made)


def is_registered(kind: type) -> bool:
    """Whether `register_pytree_node` was told how to look into a class."""
    return kind in _CLASSES


@by_class
def is_labelled(kind: Any) -> bool:
    """Whether a class is of arrays with labels, or sparse; it is registered then."""
    way = labelled.way_into(kind) or sparse.way_into(kind)
    if way is not None:
        _CLASSES.setdefault(kind, way)  # type: ignore[arg-type]
    return way is not None


def contents(value: Any) -> Any:
    """Return the array of one of xarray's objects, or a recorded one of pandas'.

    Anything else is returned as it is.
    """
    if has_class(value, NUMERIC):
        return value
    if wraps_array(type(value)):
        return value.data
    found = labelled.recorded_in(value) if is_of_pandas(type(value)) else None
    return value if found is None else found


@by_class
def wraps_array(kind: Any) -> bool:
    """Whether a class is one of xarray's around one array."""
    return bool(labelled.bases_of_xarray(kind)) and hasattr(kind, "data")


@by_class
def is_of_pandas(kind: Any) -> bool:
    """Whether a class is pandas' series or frames, or one of them."""
    return labelled.is_of_pandas(kind)


# What an object has besides its items


class Carried:
    """The attributes of an object that are no items or fields of it.

    Two are equal where the attributes are the same, arrays by their contents.
    """

    __slots__ = ("_before", "leaves", "setters", "values")

    def __init__(
        self, values: dict[str, Any], leaves: tuple[str, ...], setters: tuple[str, ...]
    ) -> None:
        #: Attributes that stay as they are, and those that hold recorded values.
        self.values, self.leaves = values, leaves
        #: Fields that a property keeps elsewhere.
        self.setters = setters
        self._before: dict[str, Any] | None = None

    def before(self) -> dict[str, Any]:
        """Return the attributes as they were when they were first asked for."""
        if self._before is None:
            self._before = {name: as_it_is(part) for name, part in self.values.items()}
        return self._before

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Carried):
            return NotImplemented
        mine, theirs = self.before(), other.values
        return (
            (self.leaves, self.setters) == (other.leaves, other.setters)
            and mine.keys() == theirs.keys()
            and all(is_as_it_was(theirs[name], mine[name]) for name in mine)
        )

    def __hash__(self) -> int:
        self.before()  # a key is kept, and compared when the attributes may be others
        return hash((self.leaves, self.setters, frozenset(self.values)))

    def __reduce__(self) -> Any:
        return Carried, (self.values, self.leaves, self.setters)


def as_it_is(value: Any) -> Any:
    """Return what shows later whether an attribute is still the same."""
    return value.copy() if type(value) is np.ndarray else freeze(value)


def is_as_it_was(value: Any, before: Any) -> bool:
    """Whether an attribute is the same as one that `as_it_is` was asked of."""
    if type(before) is np.ndarray:
        return type(value) is np.ndarray and has_contents(value, before)
    return is_same(value, before)


@lru_cache(maxsize=1024)
def slots_of(kind: Hashable) -> dict[str, MemberDescriptorType]:
    """Return the slots of a class and its bases by name."""
    return {
        name: member
        for base in reversed(kind.__mro__)  # type: ignore[attr-defined]
        for name, member in vars(base).items()
        if type(member) is MemberDescriptorType
    }


def state_of(value: Any) -> dict[str, Any]:
    """Return what an object keeps, in its dictionary and in its slots.

    What a class computes on demand and keeps (`cached_property`) is left out: it is
    computed again from the new fields.
    """
    kind: Any = type(value)
    state = {
        name: part
        for name, part in getattr(value, "__dict__", {}).items()
        if not is_cached(getattr_of(kind, name))
    }
    for name, member in slots_of(kind).items():
        try:
            state[name] = member.__get__(value)
        except AttributeError:  # a slot that is empty
            continue
    return state


def getattr_of(kind: type, name: str) -> Any:
    """Return what a class has under a name, without asking its descriptors."""
    for base in kind.__mro__:
        if name in vars(base):
            return vars(base)[name]
    return None


def is_cached(attribute: Any) -> bool:
    """Whether a class attribute fills the instance's attribute of its name."""
    kind = type(attribute)
    asks = hasattr(kind, "__get__") and not hasattr(kind, "__set__")
    return asks and not callable(attribute)


def carried(
    state: dict[str, Any], setters: tuple[str, ...] = ()
) -> tuple[Carried | None, tuple[Any, ...]]:
    """Return the attributes that are carried over, and those that are leaves after all.

    A recorded value is a leaf wherever it stands.
    """
    if not state and not setters:
        return None, ()
    names = tuple(name for name, part in state.items() if holds_recorded(part))
    rest = {name: part for name, part in state.items() if name not in names}
    return Carried(rest, names, setters), tuple(state[name] for name in names)


def holds_recorded(value: Any, depth: int = 3) -> bool:
    """Whether a value is recorded, or a list, tuple or dictionary of such."""
    kind = type(value)
    if kind not in (list, tuple, dict):
        return isinstance(value, Recorded)
    parts = value.values() if kind is dict else value
    return depth > 0 and any(holds_recorded(part, depth - 1) for part in parts)


def put(made: Any, name: str, value: Any) -> None:
    """Set an attribute of an object where the object keeps it."""
    kind: Any = type(made)
    slot = slots_of(kind).get(name)
    if slot is None:
        made.__dict__[name] = value
    else:
        slot.__set__(made, value)


def put_carried(made: Any, carried: Carried | None, parts: tuple[Any, ...]) -> Any:
    """Give an object the attributes that were carried over; return it."""
    if carried is not None:
        for name, value in carried.values.items():
            put(made, name, value)
        for name, value in zip(carried.leaves, parts, strict=True):
            put(made, name, value)
    return made


# Taking apart


@by_class
def container_base(kind: Any) -> Any:
    """Return the built-in container that a class is made of; None for other classes."""
    bases: tuple[Any, ...] = (OrderedDict, defaultdict, dict, list, tuple)
    base = next((base for base in bases if issubclass(kind, base)), None)
    if base is None:
        return None
    try:
        base.__new__(kind)
    except TypeError:  # a class written in C, such as time.struct_time
        return None
    return None if issubclass(kind, Enum) else base


Parts = tuple[Any, tuple[Any, ...], Carried | None]


def children_of(value: Any) -> Parts | None:
    """Return a container's keys, its children, and what is carried; None for a leaf."""
    kind: Any = type(value)
    if kind is tuple or kind is list:
        return None, tuple(value), None
    if kind is dict:
        return tuple(value), tuple(value.values()), None
    if value is None:
        return None, (), None
    if kind in _CLASSES or is_labelled(kind):
        found: Any = _CLASSES[kind][0](value)
        if found is None and is_labelled(kind):
            return None
        children, data = found
        return data, tuple(children), None
    base = container_base(kind)
    if base is not None:
        return items_of(value, base)
    return fields_of(value) if dataclasses.is_dataclass(kind) else None


def items_of(value: Any, base: Any) -> Parts:
    """Return the parts of an instance of a subclass of a built-in container."""
    keys: Any = None
    if issubclass(base, dict):
        keys, children = tuple(base.keys(value)), tuple(base.values(value))
    else:
        children = tuple(base.__iter__(value))
    kept, more = carried(state_of(value))
    return keys, children + more, kept


def fields_of(value: Any) -> Parts | None:
    """Return the parts of a dataclass: its fields, as far as they are set."""
    if not all(
        base is object or base.__flags__ & WRITTEN_IN_PYTHON
        for base in type(value).__mro__
    ):
        return None  # an exception, say: `object` cannot make one
    state = state_of(value)
    names, children, setters = [], [], []
    for field in dataclasses.fields(value):
        name = field.name
        if name in state:
            child = state.pop(name)
        elif hasattr(value, name):  # a default of the class, or a property
            child = getattr(value, name)
            if hasattr(type(getattr_of(type(value), name)), "__set__"):
                setters.append(name)
        else:
            continue
        names.append(name)
        children.append(child)
    kept, more = carried(state, tuple(setters))
    return tuple(names), (*children, *more), kept


def flatten(
    value: Any, is_whole: Callable[[type], bool] | None = None
) -> tuple[list[Any], Any]:
    """Return the leaves of nested containers and their structure.

    Classes that `is_whole` says yes to are leaves.
    """
    if has_class(value, NUMERIC):
        return [value], LEAF
    leaves: list[Any] = []
    return leaves, _flatten_into(value, leaves, 0, is_whole)


def _flatten_into(
    value: Any, leaves: list[Any], depth: int, is_whole: Any = None
) -> Any:
    found = None if has_class(value, NUMERIC) else children_of(value)
    if found is None or (is_whole is not None and is_whole(type(value))):
        leaves.append(value)
        return LEAF
    if depth > DEEPEST:
        raise too_deep(value)
    keys, children, kept = found
    parts = []
    for child in children:
        parts.append(_flatten_into(child, leaves, depth + 1, is_whole))
    return Branch(type(value), keys, tuple(parts), kept)


def flatten_all(value: Any) -> tuple[list[Any], Any]:
    """Return the same, sparse arrays of plain numbers by their entries."""
    leaves, structure = flatten(value)
    if all(has_class(leaf, NUMERIC) for leaf in leaves):
        return leaves, structure
    return flatten(unflatten(structure, list(map(sparse.opened, leaves))))


def rows_apart(structure: Any) -> Any:
    """Return a structure in which a sparse array is a list of one for each row."""
    if isinstance(structure, Leaf):
        return structure
    if type(structure.keys) is sparse.Places:
        return structure._replace(kind=sparse.Apart)
    children = tuple([rows_apart(part) for part in structure.children])
    return structure._replace(children=children)


def shown(value: Any, depth: int = 0) -> list[Any]:
    """Return the leaves that a value has whether it is recorded or not.

    Attributes of a container are leaves only where they are recorded.
    """
    found = None if has_class(value, NUMERIC) else children_of(value)
    if found is None:
        return [value]
    if depth > DEEPEST:
        raise too_deep(value)
    _, children, kept = found
    count = len(children) - (len(kept.leaves) if kept is not None else 0)
    return [leaf for child in children[:count] for leaf in shown(child, depth + 1)]


def too_deep(value: Any) -> ArgumentError:
    """Return the error of containers that nest too deep, or for ever."""
    seen: set[int] = set()
    found = children_of(value)
    while found is not None and found[1] and id(value) not in seen:
        seen.add(id(value))
        value = found[1][0]
        found = None if has_class(value, NUMERIC) else children_of(value)
    itself = id(value) in seen
    return ArgumentError(
        explain(
            f"a {type(value).__name__} contains itself"
            if itself
            else f"containers nest more than {DEEPEST} deep",
            "every number and array in an argument is found by walking through it",
            "pass the numbers without the reference back"
            if itself
            else "a flat list, or one array of all numbers",
        )
    )


# Putting together


def unflatten(structure: Any, leaves: list[Any]) -> Any:
    """Return the containers of a structure filled with leaves."""
    if structure is LEAF:
        return leaves[0]
    return _unflatten_from(structure, iter(leaves))


def _unflatten_from(structure: Any, leaves: Any) -> Any:
    if isinstance(structure, Leaf):
        return next(leaves)
    children = []
    for part in structure.children:
        children.append(_unflatten_from(part, leaves))
    return put_together(structure, tuple(children))


def put_together(structure: Branch, children: tuple[Any, ...]) -> Any:
    """Return a container with new children."""
    kind, keys, _, kept = structure
    if kind is tuple:
        return children
    if kind is Fixed:
        return keys.value
    if kind is list:
        return list(children)
    if kind is dict:
        return dict(zip(keys, children, strict=True))
    if kind is type(None):
        return None
    if kind in _CLASSES or is_labelled(kind):
        return _CLASSES[kind][1](keys, children)
    more: tuple[Any, ...] = ()
    if kept is not None and kept.leaves:
        count = len(kept.leaves)
        children, more = children[:-count], children[-count:]
    base = container_base(kind)
    if base is not None:
        return put_carried(filled(base, kind, keys, children), kept, more)
    made = put_carried(object.__new__(kind), kept, more)
    for name, child in zip(keys, children, strict=True):
        if kept is not None and name in kept.setters:
            object.__setattr__(made, name, child)
        else:
            put(made, name, child)
    return made


def filled(base: Any, kind: type, keys: Any, children: tuple[Any, ...]) -> Any:
    """Return an instance of a subclass of a built-in container with items."""
    if base is tuple:
        return tuple.__new__(kind, children)
    made = base.__new__(kind)
    if base is list:
        list.extend(made, children)
        return made
    for key, child in zip(keys, children, strict=True):
        base.__setitem__(made, key, child)
    return made


def map_leaves(function: Callable[[Any], Any], value: Any) -> Any:
    """Return nested containers with `function` applied to every leaf."""
    leaves, structure = flatten(value)
    return unflatten(structure, [function(leaf) for leaf in leaves])


# Results that are no numbers


class Fixed:
    """A part of a result that is no number: a text, say, or an object."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fixed) and same(self.value, other.value)

    def __hash__(self) -> int:
        return hash(type(self.value))

    def __reduce__(self) -> Any:
        return Fixed, (self.value,)


#: Arrays of these kinds (texts, dates, records, objects) are no numbers.
NOT_NUMBERS = frozenset("SUMmVO")


def is_fixed(leaf: Any) -> bool:
    """Whether a leaf is no number and no array of numbers."""
    if not has_class(leaf, NUMERIC):
        return True
    return type(leaf) is np.ndarray and leaf.dtype.kind in NOT_NUMBERS


def with_fixed(structure: Any, leaves: Sequence[Any]) -> tuple[list[Any], Any]:
    """Return the leaves that are numbers, and a structure that holds the others."""
    if not any(is_fixed(leaf) for leaf in leaves):
        return list(leaves), structure
    remaining, left = iter(leaves), []

    def build(part: Any) -> Any:
        if not isinstance(part, Leaf):
            return part._replace(children=tuple(build(p) for p in part.children))
        leaf = next(remaining)
        if is_fixed(leaf):
            return Branch(Fixed, Fixed(leaf), ())
        left.append(leaf)
        return part

    structure = build(structure)
    return left, structure


def fixed_in(structure: Any) -> list[Any]:
    """Return what a structure holds that is no number."""
    if isinstance(structure, Leaf):
        return []
    if structure.kind is Fixed:
        return [structure.keys.value]
    return [value for part in structure.children for value in fixed_in(part)]


# Two values of one structure


def children_like(structure: Branch, value: Any) -> Sequence[Any] | None:
    """Return a container's children in the order of a structure's; None if it differs.

    Dictionaries are matched by key, whatever their order and class.
    """
    kind, keys, parts, _ = structure
    if kind is sparse.Opened:
        value = sparse.opened(value)
    found = None if has_class(value, NUMERIC) else children_of(value)
    if found is None:
        return None
    given, children, _ = found
    if len(children) != len(parts):
        return None
    if is_dictionary(kind) and is_dictionary(type(value)):
        by_key = dict(zip(given, children, strict=False))
        if by_key.keys() != set(keys):
            return None
        return [by_key[key] for key in keys] + list(children[len(keys) :])
    return children if type(value) is kind and given == keys else None


def is_dictionary(kind: type) -> bool:
    """Whether instances of a class are taken apart as dictionaries."""
    return issubclass(kind, dict) and kind not in _CLASSES


def arranged(structure: Any, given: Any, leaves: Sequence[Any]) -> list[Any]:
    """Return leaves of one structure in the order of another, of another row."""
    if given == structure:
        return list(leaves)
    order = unflatten(given, list(range(len(leaves))))
    found = leaves_like(structure, order, "the result of one of the rows")
    return [leaves[k] for k in found]


def leaves_like(structure: Any, value: Any, what: str) -> list[Any]:
    """Return a value's leaves in the order of a structure.

    Raises
    ------
    ArgumentError
        If the value nests differently.
    """
    leaves, given = flatten(value)
    if given == structure:
        return leaves
    found: list[Any] = []
    if _gather(structure, value, found):
        return found
    given = flatten_all(value)[1]
    raise ArgumentError(
        explain(
            f"the structure of {what} differs",
            f"{describe(given)} was given where {describe(structure)} is needed",
            f"pass {describe(structure)}",
        )
    )


def _gather(structure: Any, value: Any, found: list[Any]) -> bool:
    if isinstance(structure, Leaf):
        found.append(value)
        return has_class(value, NUMERIC) or children_of(value) is None
    children = children_like(structure, value)
    if children is None:
        return False
    pairs = zip(structure.children, children, strict=True)
    return all(_gather(part, child, found) for part, child in pairs)


# In words


def paths(structure: Any, name: str) -> list[str]:
    """Return how each leaf is reached from a variable: ``layers[0]['w']``."""
    if isinstance(structure, Leaf):
        return [name]
    pairs = zip(structure.children, steps_of(structure), strict=True)
    return [path for child, step in pairs for path in paths(child, name + step)]


def steps_of(structure: Branch) -> list[str]:
    """Return how each child is reached from a container."""
    kind, keys, children, kept = structure
    names = () if kept is None else kept.leaves
    count = len(children) - len(names)
    if kind is Fixed:
        steps = []
    elif is_dictionary(kind):
        steps = [f"[{key!r}]" for key in keys]
    elif type(keys) is sparse.Places:
        steps = [".data"]
    elif kind in _CLASSES or issubclass(kind, (list, tuple)):
        fields = getattr(kind, "_fields", None) if kind not in _CLASSES else None
        steps = (
            [f".{f}" for f in fields] if fields else [f"[{k}]" for k in range(count)]
        )
    else:
        steps = [f".{field}" for field in keys or ()]
    return steps + [f".{name}" for name in names]


def describe(structure: Any) -> str:
    """Return a structure as a person would write it: ``{'w': *, 'b': *}``."""
    if isinstance(structure, Leaf):
        return "*"
    kind, keys, parts, _ = structure
    inner = [describe(part) for part in parts]
    if type(keys) is sparse.Places:
        return f"{keys.kind.__name__}({inner[0]} at {len(keys.arrays[0])} places)"
    if kind is type(None):
        return "None"
    if kind is Fixed:
        return repr(keys.value)
    if kind is list:
        return f"[{', '.join(inner)}]"
    if kind is tuple:
        return f"({', '.join(inner)}{',' if len(inner) == 1 else ''})"
    if is_dictionary(kind):
        pairs = zip(keys, inner, strict=False)
        return "{" + ", ".join(f"{key!r}: {part}" for key, part in pairs) + "}"
    return f"{kind.__name__}({', '.join(inner)})"


#: One NaN of every class and spelling: it is not equal to itself, only the same.
NANS: dict[tuple[type, str], Any] = {}


def same_nan(value: Any) -> Any:
    """Return a static value whose NaNs are found again in a dictionary."""
    if type(value) is tuple:
        return tuple([same_nan(part) for part in value])
    if has_class(value, (float, complex, np.inexact)) and value != value:
        return NANS.setdefault((type(value), str(value)), value)
    return value
