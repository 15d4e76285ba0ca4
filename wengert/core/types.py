"""Shapes and dtypes of nodes, the weakness of Python numbers included."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from functools import lru_cache
from math import inf, prod
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TypeVar

import numpy as np

# By name: while recording, NumPy's own and those of `math` are answered.
from numpy import empty, ndarray, uint8

from wengert.errors import RecordingError, explain

if TYPE_CHECKING:
    from typing_extensions import TypeIs

Array = np.ndarray[Any, Any]
Kind = TypeVar("Kind")


# What a value is.  A recorded value answers `isinstance` as what it stands for, as a
# user's function expects; what it is itself is asked here and nowhere else.


def has_class(
    value: object, kinds: type[Kind] | tuple[type[Kind], ...]
) -> TypeIs[Kind]:
    """Whether a value is of a class itself, and does not only stand for one."""
    return issubclass(type(value), kinds)


def is_array(value: object) -> TypeIs[Array]:
    """Whether a value is a plain array; a recorded one is none."""
    return issubclass(type(value), np.ndarray)


def is_whole_number(value: object) -> TypeIs[int]:
    """Whether a value is a plain whole number, Python's or NumPy's."""
    return issubclass(type(value), (int, np.integer))


def by_class(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a function of a class that keeps what it found while the class lives."""
    known: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()

    @functools.wraps(function)
    def answer(kind: Any) -> Any:
        found = known.get(kind, known)
        if found is known:
            found = known[kind] = function(kind)
        return found

    return answer


class Type(NamedTuple):
    """Shape and dtype of a node's output.

    `weak` marks a Python number, which takes the dtype of what it meets (NEP 50).
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    weak: bool = False

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    def __str__(self) -> str:
        name = f"{self.dtype}*" if self.weak else str(self.dtype)
        return f"{name}[{', '.join(map(str, self.shape))}]" if self.shape else name


WEAK: dict[type, Type] = {
    kind: Type((), np.dtype(kind), weak=True) for kind in (bool, int, float, complex)
}


@lru_cache(maxsize=65536)
def array_type(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Type:
    """Return the type of an array; the same object for the same shape and dtype."""
    return Type(shape, dtype)


@lru_cache(maxsize=1024)
def dtype_name(dtype: np.dtype[Any]) -> str:
    """Return what a dtype is called, which NumPy makes anew every time."""
    return str(dtype)


def builtin(value: Any) -> Any:
    """Return a number of a subclass of Python's (an enumeration's) as Python's."""
    if type(value) in WEAK or has_class(value, np.generic):
        return value
    kinds = [kind for kind in WEAK if issubclass(type(value), kind)]
    return kinds[0](value) if kinds else value


FLOAT64 = array_type((), np.dtype(np.float64))


def type_of(value: Any) -> Any:
    """Return the `Type` of a plain value; a tuple of them for a tuple."""
    kind = type(value)
    if kind is np.float64:
        return FLOAT64
    if kind in WEAK:
        return WEAK[kind]
    if kind is ndarray:
        return array_type(value.shape, value.dtype)
    if has_class(value, ARRAYS):
        return array_type(value.shape, value.dtype)
    if isinstance(value, tuple):
        return tuple(type_of(part) for part in value)
    number = builtin(value)
    return WEAK[type(number)] if type(number) in WEAK else no_number(value)


def no_number(value: Any) -> NoReturn:
    """Refuse what is neither a number nor an array of NumPy's.

    Another library's array may hold a recorded one, which would be lost.
    """
    raise RecordingError(
        explain(
            f"a {type(value).__name__} stands among recorded numbers",
            "a tape holds numbers and arrays of numbers",
            "numbers alone in an array; a list, tuple or dictionary takes anything",
        )
    )


class Recorded:
    """Base of the recorded values, so that every folder can recognise one.

    `capture.array` has the two concrete classes.
    """

    __slots__ = ()

    def record(
        self, operation: Any, operands: tuple[Any, ...], settings: dict[str, Any]
    ) -> Any:
        """Append an operation to this value's tape and return its recorded result."""
        raise NotImplementedError

    def exact(self) -> Any:
        """Return the plain contents; a guard keeps that they are these."""
        raise NotImplementedError

    def example(self) -> Any:
        """Return a plain value of the same class, shape and dtype, and other numbers.

        What is asked of it cannot depend on the numbers.
        """
        raise NotImplementedError

    def check_writeable(self) -> None:
        """Raise if NumPy would not write into it."""
        raise NotImplementedError


#: What has a shape and a dtype.
ARRAYS: tuple[type[Any], ...] = (np.ndarray, np.generic, Recorded)


def plain_example(value: Any) -> Any:
    """Return a plain value to ask about shapes and dtypes in a value's place."""
    return value.example() if isinstance(value, Recorded) else value


def exact_value(value: Any) -> Any:
    """Return a plain value; a recorded one gives its contents, which are guarded."""
    return value.exact() if isinstance(value, Recorded) else value


#: Bytes of a copy for one of its elements' up to which gaps between them are kept.
MOST_GAPS = 4


def in_native_order(value: Any) -> Any:
    """Return a value with the machine's order of bytes: an array of another is copied.

    So a recording, and its results, are those of the same numbers in any order.
    """
    if not is_array(value) or value.dtype.isnative:
        return value
    copy = value.astype(value.dtype.newbyteorder("="))
    copy.flags.writeable = value.flags.writeable
    return copy


def copy_as_it_lies(array: Array, most: float = inf) -> Array:
    """Return a copy of the same strides, gaps between the elements included.

    What is a view of an array depends on them, and the order in which it is added up.
    Where gaps are more than `most` times the elements, they are left out.
    """
    copy = array.copy(order="K")
    if copy.strides == array.strides or type(copy) is not ndarray or not array.size:
        return copy
    if reach(array.shape, array.strides, array.itemsize)[1] > most * array.nbytes:
        return copy
    return copy_with_strides(array, array.strides)


def copy_with_strides(array: Array, strides: tuple[int, ...]) -> Array:
    """Return a copy of an array with elements, of these strides."""
    before, size = reach(array.shape, strides, array.itemsize)
    copy: Array = ndarray(array.shape, array.dtype, empty(size, uint8), before, strides)
    copy[...] = array
    return copy


def reach(
    shape: tuple[int, ...], strides: tuple[int, ...], itemsize: int
) -> tuple[int, int]:
    """Return the bytes of an array before its first element, and all of them."""
    ends = [(n - 1) * stride for n, stride in zip(shape, strides, strict=True)]
    before = -sum(end for end in ends if end < 0)
    return before, before + sum(end for end in ends if end > 0) + itemsize
