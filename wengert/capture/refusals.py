"""What recorded values refuse, and what to write instead."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from copy import deepcopy
from operator import is_not
from typing import Any

import numpy as np

from wengert.capture import keys
from wengert.capture.answers.leading import plain as without_us
from wengert.capture.scipy_ways import name_of, nearest_way
from wengert.core.types import has_class, is_array, type_of
from wengert.errors import RecordingError, UnsupportedError, WengertError, explain


def shortly(value: Any) -> str:
    """Return a value's type for a message: ``number`` or ``float64[3, 4]``."""
    like = type_of(value)
    return str(like) if like.shape else "number"


def full_name(kind: type) -> str:
    """Return a class's name as Python's own errors have it."""
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return f"{module}{kind.__name__}"


def mixed_tapes() -> WengertError:
    """Return the error of two tapes that meet in one operation."""
    return RecordingError(
        explain(
            "values of two tapes meet in one operation",
            "each wengert.record writes a tape of its own",
            "pass the outer value as an argument of the inner function",
        )
    )


def unsupported(function: Any) -> WengertError:
    """Return the error of a function without an operation."""
    name = getattr(function, "__name__", str(function))
    full = f"{module_of(function, name)}.{name}"
    return UnsupportedError(
        explain(
            f"{full} cannot be recorded",
            "it has no rule in wengert",
            f"{nearest_way(full) or GENERAL_WAY}, or wengert.stop_gradient(x) for its "
            "arguments to leave the tape",
        )
    )


GENERAL_WAY = "another NumPy function, a rule of your own (wengert.rule)"


def has_function(*values: Any) -> bool:
    """Whether one of some arguments is to be called; a class says a kind (`dtype=`)."""
    return any(callable(value) and not has_class(value, type) for value in values)


#: What code that was not written for its arguments raises.
RAW = (TypeError, ValueError, AttributeError, LookupError, NotImplementedError)


def as_numpy(
    function: Any, args: Any, settings: dict[str, Any], error: Exception
) -> Exception:
    """Return the error of a call that the code which answers a function could not take.

    NumPy is asked with copies of the plain contents: its own error if it has one, else
    ours, since NumPy would answer.  What calls a user's function is not called again.
    """
    if isinstance(error, WengertError) or has_function(*args, *settings.values()):
        return error
    try:
        plain = keys.plain(tuple(args)), {k: keys.plain(v) for k, v in settings.items()}
        # Copied at once: what is given twice stays one array, as the function may ask.
        given, named = copied = deepcopy(plain)
        keep_read_only(plain, copied)
        without_us(function)(*given, **named)
    except RecursionError:  # lists that nest too deep to be copied
        return error
    except Exception as of_numpy:
        return of_numpy.with_traceback(None)
    name = getattr(function, "__name__", str(function))
    module = module_of(function, name)
    library, short = (
        ("SciPy", name_of(function)) if module.startswith("scipy") else ("NumPy", None)
    )
    return UnsupportedError(
        explain(
            f"{short or f'{module}.{name}'} of these arguments is not recorded",
            f"{library} takes them, its rule in wengert does not ({error})",
            f"arrays and whole numbers for what {short or f'np.{name}'} takes, or "
            "wengert.stop_gradient(x) for arguments to leave the tape",
        )
    )


def with_integers(
    args: tuple[Any, ...], settings: dict[str, Any]
) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
    """Give a call's arguments with one of them as the whole number that it equals.

    Here and there NumPy takes ``2.0`` for a count; the code that answers does not.
    """
    for place, value in enumerate(args):
        for whole in whole_number(value):
            yield (*args[:place], whole, *args[place + 1 :]), settings
    for name, value in settings.items():
        for whole in whole_number(value):
            yield args, {**settings, name: whole}


def whole_number(value: Any) -> list[Any]:
    """Return the integers that a plain value equals, in a list; none where it is some.

    A list of numbers becomes one of integers.
    """
    if type(value) in (list, tuple):
        found = [whole_number(part) or [part] for part in value]
        whole = type(value)(part for (part,) in found)
        return [whole] if any(map(is_not, whole, value)) else []
    if not has_class(value, (float, np.generic, np.ndarray)):
        return []
    numbers = np.asarray(value)
    if numbers.size != 1 or numbers.ndim > 1 or numbers.dtype.kind not in "bf":
        return []
    number = numbers.item()
    return [int(number)] if np.isfinite(number) and number == int(number) else []


def keep_read_only(given: Any, copied: Any) -> None:
    """Make copies of read-only arrays read-only: NumPy asks before it does the rest."""
    if is_array(given):
        copied.flags.writeable = given.flags.writeable
    elif isinstance(given, dict):
        keep_read_only(list(given.values()), list(copied.values()))
    elif isinstance(given, (tuple, list)):
        for part, copy in zip(given, copied, strict=True):
            keep_read_only(part, copy)


def module_of(function: Any, name: str) -> str:
    """Return the module of a function; a ufunc does not say where it is."""
    module = getattr(function, "__module__", None)
    if module or getattr(np, name, None) is function:
        return module or "numpy"
    public = [key for key in sys.modules if not re.search(r"\b_", key)]
    homes = [key for key in public if vars(sys.modules[key]).get(name) is function]
    return min(homes, key=len, default="numpy")


class MissingAttributeError(UnsupportedError, AttributeError):
    """An attribute that plain values have and recorded ones have not.

    Whoever asks with `hasattr` is told that it is not there.
    """


def no_attribute(name: str, like: Any) -> MissingAttributeError:
    """Return the error of an attribute that works on memory, or makes plain numbers."""
    return MissingAttributeError(
        explain(
            f"x.{name} of a recorded {like}",
            "it hands out the memory or the number of a value, which a tape does not "
            "follow",
            "a NumPy function that does the same, or wengert.stop_gradient(x) to leave "
            "the tape",
        )
    )


def check_mask(mask: Any, target: Any) -> None:
    """Raise if a mask lies in the memory that is written by it, and not just there.

    NumPy reads such a mask while it writes.
    """
    same = (
        mask.__array_interface__["data"] == target.__array_interface__["data"]
        and mask.strides == target.strides
    )
    if mask.dtype != bool or mask.ndim != target.ndim or same:
        return
    raise RecordingError(
        explain(
            "x[mask] = ... where the mask is another view of x",
            "NumPy reads such a mask while it changes it: what comes of it depends on "
            "the order in which it goes",
            "x[np.copy(mask)] = ...",
        )
    )


def lent_out() -> RecordingError:
    """Return the error of a write that a plain view of its memory would not see."""
    return RecordingError(
        explain(
            "a recorded value is written into an array of which a plain view is in use",
            "a function that is not recorded made the view, of memory that a tape does "
            "not follow: it would keep the old numbers",
            "make the view of a copy, np.copy(x), or after the array is written",
        )
    )


def write_outside() -> WengertError:
    """Return the error of a write from a function that is run as one node."""
    return RecordingError(
        explain(
            "a write into an array from outside the function",
            "a checkpointed function, or one with its own rule, is one node of the "
            "tape: it has arguments and results, and no other effect",
            "make the array inside the function and return it",
        )
    )


class ReadOnlyError(RecordingError, ValueError):
    """A write into a read-only array, for which NumPy raises a `ValueError`."""


def read_only(target: Any) -> WengertError:
    """Return the error of a write into a read-only array."""
    return ReadOnlyError(
        explain(
            f"a write into a read-only {type_of(target)}",
            "assignment destination is read-only: NumPy made it a view of shared "
            "elements (broadcast_to, diagonal), or the caller made it read-only",
            "y = x.copy(), then write into y",
        )
    )
