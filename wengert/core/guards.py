"""The questions that Python asks of a number, each stated once.

A guard on a tape holds the kind of a question and the answer that the recording met; a
replay that answers otherwise has left the recorded path.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from wengert.core.types import Recorded, has_class

NONE: Mapping[str, str] = MappingProxyType({})
#: The first letters of NumPy's names of integer types.
WHOLE = ("i", "u")


class Question(NamedTuple):
    """One kind of guard.

    Attributes
    ----------
    ask : callable
        Gives the answer for a plain number; asked of a recorded one it guards anew.
    words : str
        What Python did, for errors.
    numpy : str
        The expression that asks in NumPy's source, ``{0}`` being the number.
    native : mapping
        By the first letter of the number's type: the text that asks in the native
        vocabulary.  Where there is none the number is its own answer.
    """

    ask: Callable[[Any], Any]
    words: str
    numpy: str
    native: Mapping[str, str] = NONE


def is_whole(value: Any) -> bool:
    """Whether a number is whole."""
    return bool(value.is_integer())


def strides_of(value: Any) -> tuple[int, ...]:
    """Return the strides of an array, in bytes.

    The stride of an axis of one element, which is never taken, is that of an array
    in C order; so are those of an array without elements.
    """
    if has_class(value, Recorded):
        return value.layout()  # type: ignore[attr-defined,no-any-return]
    found, after = [], value.itemsize
    for length, stride in zip(value.shape[::-1], value.strides[::-1], strict=True):
        found.append(after if length == 1 or not value.size else stride)
        after = found[-1] * length
    return tuple(found[::-1])


def bits_of(value: Any) -> Any:
    """Return what is the same where numbers are written alike: NaN, and -0.0."""
    if has_class(value, Recorded):
        value = value.exact()
    return value if type(value) is int else np.asarray(value).tobytes()


#: By the kind of guard.
QUESTIONS: dict[str, Question] = {
    "bool": Question(
        bool,
        "a branch (if, while, and, or, not)",
        "{0}",
        {"f": "x != 0", **dict.fromkeys(WHOLE, "x != 0")},
    ),
    "int": Question(
        int, "a whole number (an index, range, int)", "int({0})", {"f": "trunc(x)"}
    ),
    "round": Question(round, "round(x)", "round({0})", {"f": "rint(x)"}),
    "is_integer": Question(
        is_whole,
        "x.is_integer()",
        "float({0}).is_integer()",
        {"f": "floor(x) == x and fabs(x) < inf", **dict.fromkeys(WHOLE, "x == x")},
    ),
    "text": Question(
        bits_of,
        "the text or hash of a number (str, format, repr, a key)",
        "({0} if type({0}) is int else np.asarray({0}).tobytes())",
    ),
    "strides": Question(
        strides_of, "how an array lies in memory (order, strides)", "{0}.strides"
    ),
    "base": Question(
        lambda x: x.base is not None,
        "whether an array is a view",
        "({0}.base is not None)",
    ),
}


#: Questions about an array's memory, which its numbers do not answer.
OF_MEMORY = ("strides", "base")


def answer(settings: Mapping[str, Any], value: Any) -> Any:
    """Return the answer to a guard's question now."""
    return QUESTIONS[settings["kind"]].ask(value)


def assertion(settings: Mapping[str, Any], text: str) -> str:
    """Return a guard as a statement of NumPy's source."""
    question = QUESTIONS[settings["kind"]].numpy.format(text)
    expected = settings["expected"]
    if type(expected) is bool:
        return f"assert {question}" if expected else f"assert not {question}"
    return f"assert {question} == {expected!r}"
