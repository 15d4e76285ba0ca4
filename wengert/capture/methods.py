"""The methods of `ndarray` on recorded values: the NumPy functions of their names."""

from __future__ import annotations

import inspect
import operator
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from wengert.capture import keys
from wengert.capture import python as of_python
from wengert.capture.array import (
    RecordedArray,
    RecordedScalar,
    RecordedValue,
    is_active,
    wrap_passive,
)
from wengert.capture.refusals import full_name, no_attribute
from wengert.core.types import has_class, is_array, plain_example, type_of
from wengert.errors import RecordingError, UnsupportedError, explain, is_library
from wengert.ops.elements import check_elements
from wengert.ops.join import gather_recorded as gather
from wengert.ops.join import holds_recorded, is_list
from wengert.ops.shape import in_order

#: Methods that are the function of the same name with the array in front.
FUNCTIONS = (
    "all any argmax argmin argsort cumprod cumsum diagonal max mean min nonzero "
    "prod ravel repeat round searchsorted squeeze std sum swapaxes take trace var"
)
#: Methods that would hand out plain memory, or change it in place beyond the tape.
REFUSED = {
    "resize": "np.resize(x, shape) returns a new array",
    "tobytes": "return x from the function and convert the result",
    "tofile": "return x from the function and save the result",
    "dump": "return x from the function and save the result",
    "dumps": "return x from the function and save the result",
    "byteswap": "x.astype(dtype)",
    "getfield": "x.astype(dtype), x.real or x.imag",
    "setfield": "x[...] = value",
    "setflags": "x.copy(), which may be written into",
    "__dlpack__": "return x from the function and convert the result",
    "__dlpack_device__": "return x from the function and convert the result",
}


#: Those that change an array, and are refused of passive ones too.
IN_PLACE = frozenset({"resize", "setfield", "setflags"})


def function_method(name: str) -> Any:
    """Return a method that calls the NumPy function of its name."""
    function = getattr(np, name)

    def method(self: RecordedValue, *args: Any, **settings: Any) -> Any:
        return function(self, *args, **settings)

    method.__name__ = name
    method.__doc__ = f"Return ``np.{name}`` of this array."
    return method


def refused_method(name: str, instead: str) -> Any:
    """Return a method that raises."""

    def method(self: RecordedValue, *args: Any, **settings: Any) -> Any:
        if name not in IN_PLACE and not is_active(self):
            return wrap_passive(
                self._tape, getattr(self.lend(), name)(*args, **settings)
            )
        raise UnsupportedError(
            explain(
                f"x.{name}(...) of a recorded {self.dtype}{list(self.shape)}",
                "it works on the memory of an array, which a tape does not follow",
                instead,
            )
        )

    method.__name__ = name
    method.__doc__ = "Raise: the memory of a recorded array is not handed out."
    return method


def view(self: RecordedArray, *args: Any, **settings: Any) -> Any:
    """Return a view; of a recorded array only in its own dtype."""
    for asked in (*args, *settings.values()):
        if asked is not np.ndarray and np.dtype(asked) != self.dtype:
            return reinterpreted(self, *args, **settings)
    return self[...]


reinterpreted = refused_method(
    "view", "x.astype(dtype) converts, x[:] and x.view() are views"
)


def reshape(self: RecordedValue, *shape: Any, **settings: Any) -> Any:
    """Return ``np.reshape``; the shape may be given as several integers."""
    sizes = shape[0] if len(shape) == 1 else shape
    return np.reshape(self, sizes, **settings)


def transpose(self: RecordedValue, *axes: Any) -> Any:
    """Return ``np.transpose``; the axes may be given as several integers."""
    if not axes or (len(axes) == 1 and axes[0] is None):
        return np.transpose(self)
    return np.transpose(self, axes[0] if len(axes) == 1 else axes)


def astype(
    self: RecordedValue,
    dtype: Any,
    order: str = "K",
    casting: Any = "unsafe",
    subok: bool = True,
    copy: bool = True,
) -> Any:
    """Return ``np.astype``."""
    if not np.can_cast(self.dtype, dtype, casting):
        raise TypeError(
            f"Cannot cast array data from {self.dtype!r} to {np.dtype(dtype)!r} "
            f"according to the rule {casting!r}"
        )
    result = np.astype(self, dtype, copy=copy)  # type: ignore[call-overload]
    return in_order(result, order)


def conjugate(self: RecordedValue, out: Any = None) -> Any:
    """Return ``np.conjugate``; a real array is its own conjugate."""
    if out is None and self.dtype.kind != "c":
        return self
    return np.conjugate(self, out=out)


def compress(
    self: RecordedValue, condition: Any, axis: Any = None, out: Any = None
) -> Any:
    """Return ``np.compress``, of which the condition is the first argument."""
    return np.compress(condition, self, axis, out)


def choose(self: RecordedValue, *choices: Any, **settings: Any) -> Any:
    """Return ``np.choose``; the choices may be given one by one."""
    every = choices[0] if len(choices) == 1 else choices
    return np.choose(self, gather(every), **settings)


def copy(self: RecordedValue, order: str = "C") -> Any:
    """Return ``np.copy``, whose default order is another."""
    return np.copy(self, order=order)  # type: ignore[call-overload]


def flatten(self: RecordedValue, order: str = "C") -> Any:
    """Return a one-dimensional copy."""
    return np.copy(np.ravel(self, order=order))  # type: ignore[call-overload]


def clip(self: RecordedValue, min: Any = None, max: Any = None, **settings: Any) -> Any:
    """Return ``np.clip``; either bound may be left out."""
    return np.clip(self, gather(min), gather(max), **settings)


def put(self: RecordedArray, indices: Any, values: Any, mode: Any = "raise") -> None:
    """Do ``np.put``, which calls its arguments otherwise."""
    np.put(self, indices, values, mode)  # type: ignore[arg-type]


def fill(self: RecordedArray, value: Any) -> None:
    """Write one value into all elements: what NumPy takes for one, by its dtype."""
    one = np.ndarray((), self.dtype)
    one.fill(examples(value))
    if has_class(value, RecordedValue):
        self[...] = np.reshape(value, ()) if value.ndim else value
    else:
        self[...] = one


def sort(
    self: RecordedArray, axis: int = -1, kind: Any = None, **settings: Any
) -> None:
    """Sort in place."""
    self[...] = np.sort(self, axis=axis, kind=kind, **settings)


def partition(self: RecordedArray, kth: Any, axis: int = -1, **settings: Any) -> None:
    """Partition in place."""
    self[...] = np.partition(self, kth, axis=axis, **settings)


def item(self: RecordedArray, *args: Any) -> Any:
    """Return one element, recorded; a single integer counts along the flat array."""
    if len(args) == 1 and np.ndim(args[0]) == 0:
        place = operator.index(args[0])
        if not -self.size <= place < self.size:
            raise IndexError(
                f"index {place} is out of bounds for axis 0 with size {self.size}"
            )
        places = np.unravel_index(place % self.size, self.shape)
        return of_python.as_item(self[tuple(int(k) for k in places)])
    if args:
        return of_python.as_item(self[args[0] if len(args) == 1 else args])
    if self.size != 1:
        raise ValueError("can only convert an array of size 1 to a Python scalar")
    return of_python.as_item(self[(0,) * self.ndim])


def item_of_number(self: RecordedScalar, *args: Any) -> Any:
    """Return the number as Python's."""
    return of_python.as_item(self)


def to_device(self: RecordedArray, device: Any, /, *, stream: Any = None) -> Any:
    """Return the array itself, which is on the CPU."""
    if device != "cpu":
        raise ValueError(f"Unsupported device: {device!r}")
    return self


class Flat:
    """``x.flat``: the elements in C order, readable and writable by place."""

    def __init__(self, array: RecordedArray) -> None:
        self.base = array
        #: The same with an axis: one element, too, has a place.
        self.whole = array if array.ndim else np.reshape(array, 1)

    def __len__(self) -> int:
        return self.base.size

    def __iter__(self) -> Iterator[Any]:
        return (self.whole[place] for place in np.ndindex(self.whole.shape))

    def _key(self, key: Any) -> Any:
        """Return the key of the array that stands for one of its elements in a row.

        NumPy's own iterator says which elements they are.
        """
        shape, key = self.whole.shape, known(key)
        places = np.arange(self.base.size).reshape(shape).flat[key]
        if np.ndim(places) == 0:
            return tuple(int(k) for k in np.unravel_index(places, shape))
        return np.unravel_index(places, shape)

    def __getitem__(self, key: Any) -> Any:
        return self.whole[self._key(key)]

    def __setitem__(self, key: Any, value: Any) -> None:
        key = known(key)
        plain = plain_example(self.base).copy()
        plain.flat[key] = examples(value)  # what NumPy refuses, it refuses here
        if np.size(gather(value)) == 0:
            return
        place = self._key(key)
        if not holds_recorded([value]):
            value = plain.flat[key]
        elif is_array(place[0]):
            check_elements(value, self.base.dtype, alone=True)
            value = np.reshape(gather(value), np.shape(value))
            value = np.resize(value, place[0].shape) if np.ndim(value) else value
        elif not has_class(key, (bool, np.ndarray)):
            check_single(value, self.base.dtype)
        self.whole[place] = value

    def copy(self) -> Any:
        """Return the elements as a one-dimensional array."""
        return flatten(self.base)


def known(key: Any) -> Any:
    """Return a key in plain numbers; those of a recorded one are guarded."""
    if has_class(key, RecordedArray):
        return np.asarray(key.exact())
    if has_class(key, RecordedScalar):
        return operator.index(key)
    if type(key) is slice:
        return slice(*(keys.bound(part) for part in (key.start, key.stop, key.step)))
    return type(key)(map(known, key)) if type(key) in (tuple, list) else key


def check_single(value: Any, dtype: np.dtype[Any]) -> None:
    """Raise what `flat` raises where a number does not fit at one place."""
    try:
        check_elements(value, dtype)
    except (OverflowError, ValueError):
        raise ValueError("Error setting single item of array.") from None


def examples(value: Any) -> Any:
    """Return a value, or a list of them, with plain ones in place of recorded ones."""
    if is_list(value):
        return [examples(part) for part in value]
    return plain_example(value)


def get_flat(self: RecordedArray) -> Flat:
    """Return the elements in C order."""
    return Flat(self)


def set_flat(self: RecordedArray, value: Any) -> None:
    """Write elements in C order, repeating what is too short."""
    Flat(self)[:] = value


def get_part(name: str) -> Any:
    """Return the getter of ``x.real`` or ``x.imag``."""
    function = getattr(np, name)

    def getter(self: RecordedValue) -> Any:
        return function(self)

    return getter


def set_real(self: RecordedArray, value: Any) -> None:
    """Write the real part."""
    self[...] = value + 1j * np.imag(self) if self.dtype.kind == "c" else value


def set_imag(self: RecordedArray, value: Any) -> None:
    """Write the imaginary part."""
    if self.dtype.kind != "c":
        raise TypeError("array does not have imaginary part to set")
    if not isinstance(value, RecordedValue):
        value = np.asarray(value)
    self[...] = np.real(self) + 1j * value


def set_shape(self: RecordedArray, shape: Any) -> None:
    """Refuse to change the shape in place."""
    raise RecordingError(
        explain(
            "x.shape = ... of a recorded array",
            "the shape of a recorded array does not change in place",
            "x = x.reshape(shape)",
        )
    )


def get_transposed(self: RecordedValue) -> Any:
    """Return ``np.transpose``."""
    return np.transpose(self)


def get_matrix_transposed(self: RecordedArray) -> Any:
    """Return ``np.matrix_transpose``."""
    return np.matrix_transpose(self)


def itself(self: RecordedScalar, *args: Any, **settings: Any) -> Any:
    """Return the number: rearranging one changes nothing."""
    return self


def contents(name: str) -> property:
    """Return an attribute of the memory that the present contents lie in."""

    def getter(self: RecordedValue) -> Any:
        return getattr(self.as_it_lies(), name)

    return property(getter)


def get_base(self: RecordedArray) -> Any:
    """Return the array that it is a view of, None where it has memory of its own."""
    return self.owner()


def refuse_data(self: RecordedValue) -> Any:
    """Refuse to hand out memory; that of a passive array is read-only."""
    if not is_active(self):
        return self.__array__().data
    raise no_attribute("data", type_of(self._current()))


def no_deletion(self: RecordedArray, key: Any) -> None:
    """Raise as NumPy does: the size of an array does not change."""
    raise ValueError("cannot delete array elements")


def set_dtype(self: RecordedArray, dtype: Any) -> None:
    """Refuse to read the memory as another type."""
    raise RecordingError(
        explain(
            "x.dtype = ... of a recorded array",
            "it reads the same memory in another way, which a tape does not follow",
            "x = x.astype(dtype), which converts",
        )
    )


def set_strides(self: RecordedArray, strides: Any) -> None:
    """Refuse to read the memory in another order."""
    raise RecordingError(
        explain(
            "x.strides = ... of a recorded array",
            "it reads the same memory in another way, which a tape does not follow",
            "slices of x, or np.transpose(x)",
        )
    )


# What Python's own functions ask of numbers


def divide_with_remainder(self: Any, other: Any) -> Any:
    """Return ``divmod``."""
    return self // other, self % other


def divided_with_remainder(self: Any, other: Any) -> Any:
    """Return ``divmod`` with the operands exchanged."""
    return other // self, other % self


def whole(rounding: Any) -> Any:
    """Return ``__floor__`` and its relatives: a plain integer, guarded."""

    def method(self: RecordedValue) -> int:
        return int(rounding(self))

    return method


def cut_off(self: RecordedValue) -> int:
    """Return ``math.trunc``, which few of NumPy's numbers have."""
    self.check_defined("__trunc__")
    return int(np.trunc(self))


VALUES: dict[str, Any] = {
    **{name: function_method(name) for name in FUNCTIONS.split()},
    **{name: refused_method(name, instead) for name, instead in REFUSED.items()},
    **{name: contents(name) for name in ("flags", "strides")},
    "reshape": reshape,
    "transpose": transpose,
    "astype": astype,
    "clip": clip,
    "choose": choose,
    "compress": compress,
    "copy": copy,
    "conj": conjugate,
    "conjugate": conjugate,
    "flatten": flatten,
    "T": property(get_transposed),
    "data": property(refuse_data),
    "device": property(lambda self: "cpu"),
    "__divmod__": divide_with_remainder,
    "__rdivmod__": divided_with_remainder,
    "__floor__": whole(np.floor),
    "__ceil__": whole(np.ceil),
    "__trunc__": cut_off,
}
ARRAYS: dict[str, Any] = {
    **{name: function_method(name) for name in ("argpartition", "dot")},
    "view": view,
    "fill": fill,
    "sort": sort,
    "partition": partition,
    "put": put,
    "item": item,
    "to_device": to_device,
    "base": property(get_base),
    "flat": property(get_flat, set_flat),
    "mT": property(get_matrix_transposed),
    "real": property(get_part("real"), set_real),
    "imag": property(get_part("imag"), set_imag),
    "shape": RecordedArray.shape.setter(set_shape),  # type: ignore[attr-defined]
    "dtype": RecordedArray.dtype.setter(set_dtype),  # type: ignore[attr-defined]
    "strides": VALUES["strides"].setter(set_strides),
    "__delitem__": no_deletion,
}
SCALARS: dict[str, Any] = {
    "view": reinterpreted,
    **dict.fromkeys(("copy", "squeeze", "transpose"), itself),
    "item": item_of_number,
    "T": property(itself),
    "real": property(get_part("real")),
    "imag": property(get_part("imag")),
    "base": None,
    "conjugate": of_python.conjugate,
    "__iter__": None,
}
for _class, _attributes in (
    (RecordedValue, VALUES),
    (RecordedArray, ARRAYS),
    (RecordedScalar, SCALARS),
):
    for _name, _attribute in _attributes.items():
        setattr(_class, _name, _attribute)


def other_attribute(name: str) -> property:
    """Return an attribute that some plain values have, and recorded ones have not.

    No `__getattr__`: with one, every attribute of a recorded value is slower to reach.
    """

    def getter(self: RecordedValue) -> Any:
        plain = self._current()
        if not hasattr(type(plain), name):
            raise lacks(type(plain), name)
        if not is_active(self):
            return getattr(self.lend(), name)
        found = of_python.attribute(self, name)
        if found is None:
            raise no_attribute(name, type_of(plain))
        return found

    return property(getter)


def lacks(kind: type, name: str) -> AttributeError:
    """Return the error of an attribute that a kind of plain values has not."""
    return AttributeError(f"{full_name(kind)!r} object has no attribute {name!r}")


def attribute_of(name: str, kinds: Any, attribute: Any) -> property:
    """Return an attribute of recorded numbers that only some kinds of plain ones have.

    Ours and NumPy's own code finds it at all of them.
    """

    def getter(self: RecordedScalar) -> Any:
        kind = type(self._value)
        if kind not in kinds and not is_library(sys._getframe(1).f_code.co_filename):
            raise lacks(kind, name)
        return attribute.__get__(self) if hasattr(attribute, "__get__") else attribute

    return property(getter)


NUMBERS = (bool, int, float, complex, *np.sctypeDict.values())
for _class, _kinds in ((RecordedArray, (np.ndarray,)), (RecordedScalar, NUMBERS)):
    _names = {name for kind in (*_kinds, np.ndarray) for name in dir(kind)}
    for _name in {name for name in _names if not name.startswith("_")}:
        _attribute = inspect.getattr_static(_class, _name, None)
        if not hasattr(_class, _name):
            _attribute = other_attribute(_name)
            setattr(_class, _name, _attribute)
        _having = frozenset(kind for kind in _kinds if hasattr(kind, _name))
        if len(_having) < len({*_kinds}):
            setattr(_class, _name, attribute_of(_name, _having, _attribute))
