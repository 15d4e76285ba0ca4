"""Some of the operands of a function, and some of its results, by their flags."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Flags = tuple[bool, ...]
Function = Callable[..., Sequence[Any]]


def chosen_of(values: Sequence[Any], flags: Flags) -> list[Any]:
    """Return the values that have a flag."""
    return [value for value, flag in zip(values, flags, strict=True) if flag]


def spread(found: Sequence[Any], flags: Flags) -> tuple[Any, ...]:
    """Return values at the places that have a flag, None at the others."""
    rest = iter(found)
    return tuple([next(rest) if flag else None for flag in flags])


def of_places(
    function: Function, operands: Sequence[Any], into: Flags, out: Flags
) -> Callable[..., list[Any]]:
    """Return the function of some operands that gives some results."""

    def chosen(*given: Any) -> list[Any]:
        rest = iter(given)
        pairs = zip(operands, into, strict=True)
        return chosen_of(function(*[next(rest) if f else x for x, f in pairs]), out)

    return chosen
