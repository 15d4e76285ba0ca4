"""Forms: how the elements of an operation's result depend on those of its operands.

An operation states its form beside its rule, as data.  Batching over leading axes
follows from it (`execute.batching`), and what is compiled will.  A text is an
expression of real numbers in our small vocabulary; complex ones have formulas in their
parts (`lower.parts`), or are left to the operation's own function.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from wengert.core.expressions import is_condition


@dataclass(frozen=True, slots=True)
class Map:
    """An element of the result from the elements at the same place.

    Operands broadcast.

    Parameters
    ----------
    text : str, tuple of str, or callable, optional
        The result in terms of the operands `x`, `y`, `z`, `w`; each of several
        results; or what gives it, ``text(kind, **settings)`` with the kind of the
        first result's dtype.  Without it the operation's function is asked.
    """

    text: str | tuple[str, ...] | Callable[..., str | None] | None = None

    def texts(self, kind: str, settings: dict[str, Any]) -> tuple[str, ...] | None:
        """Return the expression of each result, None where there is none."""
        text = self.text(kind, **settings) if callable(self.text) else self.text
        return text if text is None or isinstance(text, tuple) else (text,)


@dataclass(frozen=True, slots=True)
class Reduce:
    """An axis, or several, folded: those that the setting `axis` names, None for all.

    A second operand is a mask of the elements that count, a third one what the fold
    starts from; the setting `indices` has the starts of stretches that are folded each.

    Parameters
    ----------
    text : str or None
        What the total `x` and the next element `y` become; None for the operation
        that the setting `ufunc` names.
    start : number, optional
        What nothing is folded to; without it there must be an element.
    of : str
        What is folded of an element `x`, computed in the result's type unless it is a
        condition.
    place : bool
        Whether the result is the place of the first element that is what all of them
        fold to; the fold then is one of two elements.
    """

    text: str | None
    start: float | None = None
    of: str = "x"
    place: bool = False


@dataclass(frozen=True, slots=True)
class Scan:
    """An axis folded, the one that the setting `axis` names, and every step kept.

    Parameters
    ----------
    text : str or None
        What the step before, `x`, and the next element, `y`, become; with two operands
        their elements are `y` and `z`.  None for the operation that the setting
        `ufunc` names.
    start : number, optional
        The step before the first; without it the first element is the first step.
    """

    text: str | None
    start: float | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """Elements that go elsewhere, or are read at places.

    Parameters
    ----------
    moved : int, optional
        How many of the first operands have elements that move, all by default; the
        others are places.
    adds : bool
        Whether the second operand's elements are added to what is at their places.
    """

    moved: int | None = None
    adds: bool = False


@dataclass(frozen=True, slots=True)
class Contract:
    """A sum of products over shared axes.

    Parameters
    ----------
    subscripts : str, or a function of the operands' ranks and the settings
        Those of ``np.einsum``; an axis ``i+j`` of the result is indexed by a sum, and
        the setting `mode` says as in ``np.convolve`` which of it is kept.
    conjugated : int, optional
        The operand of which the conjugate is taken.
    """

    subscripts: str | Callable[..., str]
    conjugated: int | None = None

    def of(self, ranks: tuple[int, ...], settings: dict[str, object]) -> str:
        """Return the subscripts for operands of these ranks."""
        if isinstance(self.subscripts, str):
            return self.subscripts
        return self.subscripts(*ranks, **settings)


@dataclass(frozen=True, slots=True)
class Routine:
    """A call on whole buffers.

    Parameters
    ----------
    along : bool
        Whether it works along the axis that the setting `axis` names, all others alike.
    each : int, optional
        The operand of which it treats every element alike, the others being whole.
    core : tuple of int, one an operand, optional
        How many last axes of an operand are one problem, where the function takes
        stacks of problems, whose axes before those broadcast.
    stacks : bool
        Whether the function takes stacks along a first axis, which all operands have.
    rows : callable, optional
        What does it for operands that all have rows, along their first axis; it raises
        a ValueError or a TypeError where results differ in shape or there is none.
    native : str, or a tuple of them, or a function of the settings
        The result, or each one, in terms of the operands `x`, `y`, by the functions of
        matrices of `lower.systems`; without it NumPy is asked.
    products : callable, optional
        Where it is a sum of products of elements that lie at places of their own:
        ``products(*operands, **settings)`` returns for every product the place in the
        result, and those in the operands; None for an operand that is none of numbers.
    """

    along: bool = False
    each: int | None = None
    stacks: bool = False
    core: tuple[int, ...] | None = None
    rows: Callable[..., Any] | None = None
    native: str | tuple[str, ...] | Callable[..., str] | None = None
    products: Callable[..., tuple[Any, ...]] | None = None

    def texts(self, settings: dict[str, Any]) -> tuple[str, ...]:
        """Return the native text of every result, for these settings; () if none."""
        found = self.native(**settings) if callable(self.native) else self.native
        return (found,) if isinstance(found, str) else found or ()


@dataclass(frozen=True, slots=True)
class Subtapes:
    """Tapes of its own, which are played: a step that is done many times, branches.

    Parameters
    ----------
    check : callable
        ``check(tape, index)`` says what is wrong with such a node, or is empty.
    tapes : callable
        ``tapes(settings)`` gives its tapes.
    ends : bool
        Whether a play of it ends whatever the numbers are, unless one in it does not.
    """

    check: Callable[[Any, int], str]
    tapes: Callable[[dict[str, Any]], list[Any]]
    ends: bool = True


Form = Map | Reduce | Scan | Move | Contract | Routine | Subtapes


def adds_as_it_lies(form: Form | None) -> bool:
    """Whether the last bits of a result depend on how the operands lie in memory.

    NumPy adds up in the order of memory, and so may whatever works on whole arrays.
    """
    if isinstance(form, Reduce):
        text = form.text or "+"
        return not is_condition(form.of) and ("+" in text or "*" in text)
    return not isinstance(form, Map | Move | Scan)
