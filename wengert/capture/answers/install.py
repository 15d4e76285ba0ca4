"""Replacing functions in their modules while some recording is active."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np

from wengert.capture.answers import lists, loops, makers, math, modes, named  # noqa: F401
from wengert.capture.answers.leading import code_holder
from wengert.capture.answers.table import ANSWERS, Function
from wengert.capture.array import RecordedArray
from wengert.core.locks import Switch
from wengert.errors import UnsupportedError, explain

#: NumPy's own modules in C, whose calls into NumPy have no frame that shows them.
COMPILED: list[Any] = [
    module
    for name, module in vars(np.random).items()
    if isinstance(module, ModuleType) and getattr(module, "np", None) is np
]
#: Where NumPy's shuffles are: they ask whether what they shuffle is a sequence.
SHUFFLERS = [module for module in COMPILED if hasattr(module, "Sequence")]
PLAIN_NUMPY = ModuleType("numpy")
PLAIN_NUMPY.__dict__.update(np.__dict__)


def recording_class(module: ModuleType, replaced: dict[str, Any]) -> type[ModuleType]:
    """Return a class of modules whose attributes are the replacements.

    A property of its class goes before what a module holds, so that replacing all of
    the functions, and putting them back, is one assignment.  Its attributes are looked
    up as those of any object: from Python 3.14 on, code that has run may read those of
    a module's lookup past its class.
    """
    properties = {
        name: property({module: function}.__getitem__)
        for name, function in replaced.items()
    }
    for name in properties.keys() & CLASSES:
        properties[name] = class_or_answer(getattr(module, name), replaced[name])
    lookup = {
        "__getattribute__": object.__getattribute__,
        "__getattr__": ModuleType.__getattribute__,
    }
    return type("module", (ModuleType,), {"__slots__": (), **lookup, **properties})


#: NumPy's classes in C that a function stands for while recording.
CLASSES = frozenset({"broadcast", "nditer"})


def class_or_answer(original: Any, answer: Function) -> property:
    """Return a property that is the class for a module in C that is being imported."""

    def getter(_: ModuleType) -> Any:
        importer = sys._getframe(1).f_globals.get("__name__", "")
        return original if "importlib" in importer else answer

    return property(getter)


def replace() -> None:
    """Replace the functions."""
    named.STATE.begin()
    for replaced, kind in RECORDING_CLASSES:
        replaced.__class__ = kind
    for module in COMPILED:
        module.np = PLAIN_NUMPY
    for module in SHUFFLERS:
        module.Sequence = Shuffled


def put_back() -> None:
    """Put the originals back."""
    named.STATE.end()
    for replaced, _ in RECORDING_CLASSES:
        replaced.__class__ = ModuleType
    for module in COMPILED:
        module.np = np
    for module in SHUFFLERS:
        module.Sequence = Sequence


_SWITCH = Switch(replace, put_back)
#: Called at the start and at the end of every recording.
install, remove = _SWITCH.hold, _SWITCH.release


class AsksWhatIsShuffled(type):
    """The class of `Shuffled`."""

    def __instancecheck__(cls, values: Any) -> bool:
        """Answer NumPy, which swaps views of what is no `ndarray` of its own."""
        if not isinstance(values, RecordedArray):
            return isinstance(values, Sequence)
        if values.ndim > 1:
            raise UnsupportedError(
                explain(
                    f"a shuffle in place of a recorded {values.dtype}"
                    f"[{', '.join(map(str, values.shape))}]",
                    "NumPy swaps the rows of an array through its memory, which a tape "
                    "does not follow",
                    "x = x[rng.permutation(len(x))]",
                )
            )
        return True


class Shuffled(metaclass=AsksWhatIsShuffled):
    """What a shuffle asks for in place of `Sequence`: a row is no copy."""


ORIGINALS = {
    module: {name: vars(module)[name] for name in replaced}
    for module, replaced in ANSWERS.items()
}
#: Those without code in Python that could lead to their answers.
REPLACED = {
    module: {
        name: answer
        for name, answer in answers.items()
        if code_holder(ORIGINALS[module][name]) is None
    }
    for module, answers in ANSWERS.items()
}
RECORDING_CLASSES = [
    (module, recording_class(module, replaced)) for module, replaced in REPLACED.items()
]
