"""Nested arguments (pytrees): containers, None, dataclasses, and your classes."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from wengert.core.types import Recorded
from wengert.errors import ArgumentError, explain

NUMERIC = (np.ndarray, np.generic, float, int, complex, bool, Recorded)


class Leaf(NamedTuple):
    """The structure of a single value."""


class Branch(NamedTuple):
    """The structure of a container: its kind, what rebuilds it, and its children."""

    kind: Any
    keys: Any
    children: tuple[Any, ...]


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
    """
    _CLASSES[kind] = (flatten, unflatten)


def children_of(value: Any) -> tuple[Any, tuple[Any, ...]] | None:
    """Return what rebuilds a container and its children; None for a leaf."""
    kind = type(value)
    if kind in (list, tuple):
        return None, tuple(value)
    if value is None:
        return None, ()
    if isinstance(value, dict):
        keys = tuple(value) if isinstance(value, OrderedDict) else tuple(sorted(value))
        return keys, tuple(value[key] for key in keys)
    if kind in _CLASSES:
        children, data = _CLASSES[kind][0](value)
        return data, tuple(children)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return None, tuple(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = tuple(field.name for field in dataclasses.fields(value))
        return names, tuple(getattr(value, name) for name in names)
    return None


def flatten(value: Any) -> tuple[list[Any], Any]:
    """Return the leaves of nested containers and their structure."""
    if isinstance(value, NUMERIC):
        return [value], LEAF
    leaves: list[Any] = []
    return leaves, _flatten_into(value, leaves)


def _flatten_into(value: Any, leaves: list[Any]) -> Any:
    found = None if isinstance(value, NUMERIC) else children_of(value)
    if found is None:
        leaves.append(value)
        return LEAF
    keys, children = found
    parts = tuple(_flatten_into(child, leaves) for child in children)
    return Branch(type(value), keys, parts)


def unflatten(structure: Any, leaves: list[Any]) -> Any:
    """Return the containers of a structure filled with leaves."""
    if structure is LEAF:
        return leaves[0]
    return _unflatten_from(structure, iter(leaves))


def _unflatten_from(structure: Any, leaves: Any) -> Any:
    if isinstance(structure, Leaf):
        return next(leaves)
    kind, keys, parts = structure
    children = tuple(_unflatten_from(part, leaves) for part in parts)
    if kind in (list, tuple):
        return kind(children)
    if kind is type(None):
        return None
    if kind in _CLASSES:
        return _CLASSES[kind][1](keys, children)
    if issubclass(kind, dict):
        made = kind.__new__(kind)  # a defaultdict cannot be made from pairs
        made.update(zip(keys, children, strict=True))
        return made
    if hasattr(kind, "_fields"):
        return kind(*children)
    return kind(**dict(zip(keys, children, strict=True)))


def map_leaves(function: Callable[[Any], Any], value: Any) -> Any:
    """Return nested containers with `function` applied to every leaf."""
    leaves, structure = flatten(value)
    return unflatten(structure, [function(leaf) for leaf in leaves])


def check_same(structure: Any, other: Any, what: str) -> None:
    """Raise `ArgumentError` unless two structures are the same."""
    if structure != other:
        raise ArgumentError(
            explain(
                f"the structure of {what} differs",
                f"{describe(other)} was given where {describe(structure)} is needed",
                f"pass {describe(structure)}",
            )
        )


def paths(structure: Any, name: str) -> list[str]:
    """Return how each leaf is reached from a variable: ``layers[0]['w']``."""
    if isinstance(structure, Leaf):
        return [name]
    kind, keys, children = structure
    if kind in (list, tuple) or kind in _CLASSES:
        steps = [f"[{k}]" for k in range(len(children))]
    elif isinstance(kind, type) and issubclass(kind, dict):
        steps = [f"[{key!r}]" for key in keys]
    else:
        fields = getattr(kind, "_fields", None) or keys or ()
        steps = [f".{field}" for field in fields]
    pairs = zip(children, steps, strict=True)
    return [path for child, step in pairs for path in paths(child, name + step)]


def describe(structure: Any) -> str:
    """Return a structure as a person would write it: ``{'w': *, 'b': *}``."""
    if isinstance(structure, Leaf):
        return "*"
    kind, keys, parts = structure
    inner = [describe(part) for part in parts]
    if kind is type(None):
        return "None"
    if kind is list:
        return f"[{', '.join(inner)}]"
    if kind is tuple:
        return f"({', '.join(inner)}{',' if len(inner) == 1 else ''})"
    pairs = zip(keys or range(len(inner)), inner, strict=False)
    if issubclass(kind, dict):
        return "{" + ", ".join(f"{key!r}: {part}" for key, part in pairs) + "}"
    return f"{kind.__name__}({', '.join(inner)})"
