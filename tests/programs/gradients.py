"""Gradients of plain programs by differences, where these can be relied on."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

STEPS = (1e-5, 2e-6)
#: The same within a tooth of ``x % y`` that those steps go beyond.
FINE_STEPS, FINE = (1e-10, 1e-11, 1e-12, 1e-13, 1e-14), 1e-2
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
                for element in np.flatnonzero(has_slope(leaf)):
                    yield position, path, int(element)


def slope(
    total: Callable[[tuple[Any, ...]], float],
    moved_by: Callable[[float], tuple[Any, ...] | None],
) -> float | None:
    """Return the derivative along a way; None where differences say nothing.

    `moved_by` returns new arguments, moved by a step; None where they cannot be.
    """
    central = []
    for step in STEPS:
        values = []
        for moved_to in (0.0, step, -step):
            args = moved_by(moved_to)
            if args is None:
                return None
            values.append(total(args))
        middle, ahead, behind = values
        if not np.all(np.isfinite(values)) or abs(middle) > LARGEST:
            return None
        sides = (ahead - middle) / step, (middle - behind) / step
        scale = 1 + abs(sides[0]) + abs(middle)
        if abs(sides[0] - sides[1]) > 100 * step * scale or scale > LARGEST:
            return None
        central.append((ahead - behind) / (2 * step))
    if abs(central[0] - central[1]) > RELIABLE * (1 + abs(central[0])):
        return None
    return central[0]


def is_tooth(
    total: Callable[[tuple[Any, ...]], float],
    moved_by: Callable[[float], tuple[Any, ...] | None],
    slope: float,
) -> bool:
    """Whether the differences of much smaller steps, of both sides, are a slope."""
    here = total(moved_by(0.0))  # type: ignore[arg-type]
    for step in FINE_STEPS:
        sides = [(total(moved_by(s)) - here) / s for s in (step, -step)]  # type: ignore[arg-type]
        if all(abs(side - slope) < FINE * abs(slope) for side in sides):
            return True
    return False


def ones_like(value: Any) -> Any:
    """Return a tangent of ones, nested as a value."""
    if isinstance(value, dict):
        return {key: ones_like(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(ones_like(inner) for inner in value)
    return np.ones_like(value) if isinstance(value, np.ndarray) else type(value)(1)


def has_slope(leaf: Any) -> Any:
    """Whether elements are finite and not whole.

    At whole numbers programs have kinks that no difference shows.
    """
    return np.isfinite(leaf) & (leaf != np.round(leaf))


def direction(value: Any, random: Any) -> Any:
    """Return a tangent of random numbers, nested as a value; 0 at whole numbers."""
    if isinstance(value, dict):
        return {key: direction(inner, random) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(direction(inner, random) for inner in value)
    tangent = random.uniform(-1, 1, np.shape(value)) * has_slope(value)
    if isinstance(value, np.ndarray):
        return tangent.astype(value.dtype)
    return type(value)(tangent)


def stepped(value: Any, tangent: Any, step: complex) -> Any:
    """Return a value a step along a tangent; it has the same layout."""
    if isinstance(value, dict):
        return {key: stepped(value[key], tangent[key], step) for key in value}
    if isinstance(value, (list, tuple)):
        return type(value)(map(functools.partial(stepped, step=step), value, tangent))
    is_real = not isinstance(step, complex)
    if not isinstance(value, np.ndarray):
        kind = type(value) if is_real else np.complex128
        return kind(value + step * tangent)
    moved = value if is_real else value.astype(complex)
    moved += step * tangent
    return moved


def moved_along(
    args: tuple[Any, ...], argnums: tuple[int, ...], tangents: Any, step: complex
) -> tuple[Any, ...] | None:
    """Return arguments a step along tangents; None where they cannot be written."""
    moved = list(args)
    for position, tangent in zip(argnums, tangents, strict=True):
        for _, leaf in leaves(args[position]):
            if isinstance(leaf, np.ndarray) and not leaf.flags.writeable:
                return None
        moved[position] = stepped(args[position], tangent, step)
    return tuple(moved)


def along(slopes: Any, tangents: Any) -> float:
    """Return the derivative in a direction, by the gradient."""
    pairs = zip(leaves(slopes), leaves(tangents), strict=True)
    return sum(float(np.sum(np.real(g[1]) * v[1])) for g, v in pairs)


def flat(value: Any) -> Any:
    """Return all numbers of a result in one array."""
    parts = [
        np.ravel(leaf).astype(complex)
        for _, leaf in leaves(value)
        if np.asarray(leaf).dtype.kind in "biufc"
    ]
    return np.concatenate(parts) if parts else np.zeros(0, complex)


def size(value: Any) -> float:
    """Return the largest absolute number of a result."""
    return float(np.max(np.abs(flat(value)), initial=0.0))


def is_steep(function: Callable[..., Any], values: list[Any], place: int) -> bool:
    """Whether a function has no slope by one of its operands.

    Differences grow without bound, or there is nothing beside it: ``(-2.0)**y``.  The
    last step shows it of ``x**0.99`` at 0; other numbers are too large for it.
    """
    slopes = []
    for step in (1e-6, 1e-12, 1e-280):
        nearby = list(values)
        nearby[place] = values[place] + step
        here = np.asarray(function(*values))
        slopes.append(np.abs(function(*nearby) - here)[np.isfinite(here)] / step)
    far, *near = (np.max(found, initial=0.0) for found in slopes)
    return not all(found <= 4 * far for found in near)
