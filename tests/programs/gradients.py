"""Gradients of plain programs by differences, where these can be relied on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

STEPS = (1e-5, 2e-6)
#: Differences of two steps, and of two sides, agree to this where they are believed.
RELIABLE = 1e-4
LARGEST = 1e5

Place = tuple[int, tuple[Any, ...], int]


def leaves(
    value: Any, path: tuple[Any, ...] = ()
) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Give every number or array in nested containers, with the way to it."""
    if isinstance(value, dict):
        for key in value:
            yield from leaves(value[key], (*path, key))
    elif isinstance(value, (list, tuple)):
        for key, inner in enumerate(value):
            yield from leaves(inner, (*path, key))
    else:
        yield path, value


def follow(value: Any, path: tuple[Any, ...]) -> Any:
    """Return what a way leads to."""
    for key in path:
        value = value[key]
    return value


def replaced(value: Any, path: tuple[Any, ...], leaf: Any) -> Any:
    """Return nested containers with one leaf replaced."""
    if not path:
        return leaf
    inner = replaced(value[path[0]], path[1:], leaf)
    if isinstance(value, dict):
        return {k: inner if k == path[0] else v for k, v in value.items()}
    return type(value)(inner if k == path[0] else v for k, v in enumerate(value))


def moved(args: tuple[Any, ...], place: Place, step: float) -> tuple[Any, ...] | None:
    """Return arguments with one element moved; None where it cannot be written."""
    position, path, element = place
    leaf = follow(args[position], path)
    if isinstance(leaf, np.ndarray):
        if not leaf.flags.writeable:
            return None
        leaf[np.unravel_index(element, leaf.shape)] += step
        return args
    new = replaced(args[position], path, type(leaf)(leaf + step))
    return (*args[:position], new, *args[position + 1 :])


def places(args: tuple[Any, ...], argnums: tuple[int, ...]) -> Iterator[Place]:
    """Give every element of float64 in the differentiated arguments."""
    for position in argnums:
        for path, leaf in leaves(args[position]):
            if np.asarray(leaf).dtype == np.float64:
                # At whole numbers programs have kinks that no difference shows.
                for element in np.flatnonzero(
                    np.isfinite(leaf) & (leaf != np.round(leaf))
                ):
                    yield position, path, int(element)


def slope(
    total: Callable[[tuple[Any, ...]], float],
    arguments: Callable[[], tuple[Any, ...]],
    place: Place,
) -> float | None:
    """Return the derivative by one element; None where differences say nothing."""
    middle = total(arguments())
    central = []
    for step in STEPS:
        values = []
        for sign in (1, -1):
            args = moved(arguments(), place, sign * step)
            if args is None:
                return None
            values.append(total(args))
        ahead, behind = values
        if not np.all(np.isfinite([middle, ahead, behind])) or abs(middle) > LARGEST:
            return None
        sides = (ahead - middle) / step, (middle - behind) / step
        scale = 1 + abs(sides[0]) + abs(middle)
        if abs(sides[0] - sides[1]) > 100 * step * scale or scale > LARGEST:
            return None
        central.append((ahead - behind) / (2 * step))
    if abs(central[0] - central[1]) > RELIABLE * (1 + abs(central[0])):
        return None
    return central[0]


def ones_like(value: Any) -> Any:
    """Return a tangent of ones, nested as a value."""
    if isinstance(value, dict):
        return {key: ones_like(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(ones_like(inner) for inner in value)
    return np.ones_like(value) if isinstance(value, np.ndarray) else type(value)(1)


def is_steep(function: Callable[..., Any], values: list[Any], place: int) -> bool:
    """Whether a function has no slope by one of its operands.

    Differences grow without bound, or there is nothing beside it: ``(-2.0)**y``.
    """
    slopes = []
    for step in (1e-6, 1e-12):
        nearby = list(values)
        nearby[place] = values[place] + step
        here = np.asarray(function(*values))
        slopes.append(np.abs(function(*nearby) - here)[np.isfinite(here)] / step)
    far, near = (np.max(found, initial=0.0) for found in slopes)
    return not near <= 100 * far
