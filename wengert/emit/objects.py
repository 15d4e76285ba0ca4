"""CPython's and NumPy's objects as they lie in memory, and builtins made of addresses.

`is_fast` holds what is stated here against live objects.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import platform
import sys
import sysconfig
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from wengert.emit import machine, settings
from wengert.emit.vocabulary import IN_MEMORY, SIZES
from wengert.lower.values import NARROW

# Offsets in bytes, CPython 3.11 to 3.14 and NumPy 1.x to 2.x on 64-bit machines.
TYPE = 8
VALUE = 16  # of a float, and of NumPy's scalars
DATA, RANK, SHAPE, STRIDES, DTYPE, FLAGS = 16, 24, 32, 40, 56, 64
ORDER, NUMBER = 26, 28  # of a dtype: byte order, type number
CODE, DEFAULTS, CONTENT = 48, 56, 16  # of a function (none is 0), and of a cell
VERSION, VALUES = 24, 40  # of a dictionary: see `counts_changes`
CONTIGUOUS_ALIGNED, FORTRAN, WRITEABLE = 0x101, 0x2, 0x400
# PyArray_New and PyArray_NewCopy in NumPy's table of functions, frozen since 1.7
NEW_ARRAY, NEW_COPY = 93, 85
COLLECTED = 1 << 14  # Py_TPFLAGS_HAVE_GC: making one may start the cyclic collector

#: LLVM's names of the numbers that a result may be, as they lie in memory.
WRITTEN = {
    "float64": "double",
    "float32": "float",
    "int64": "i64",
    "int32": "i32",
    "complex128": "<2 x double>",
    "complex64": "<2 x float>",
    **{name: IN_MEMORY[name] for name in NARROW},
}
_FASTCALL_KEYWORDS = 0x82

# CPython reads a builtin's definition while it frees the builtin, after what the
# builtin holds is gone; so definitions (40 bytes each) are never freed.
_DEFINITIONS: list[object] = []


def pointer(address: int) -> str:
    """IR constant of an address."""
    return f"inttoptr (i64 {address} to ptr)"


@functools.cache
def cpython(name: str) -> str:
    """IR constant of the address of one of CPython's functions."""
    return pointer(machine.address_of(getattr(ctypes.pythonapi, name)))


class _MethodDefinition(ctypes.Structure):
    """CPython's PyMethodDef."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


def builtin(address: int, owner: object, name: str) -> Callable[..., object]:
    """CPython builtin at an address, with `owner` as its first argument."""
    definition = _MethodDefinition(name.encode(), address, _FASTCALL_KEYWORDS, None)
    _DEFINITIONS.append(definition)
    make = ctypes.pythonapi.PyCFunction_NewEx
    make.restype = ctypes.py_object
    make.argtypes = [ctypes.c_void_p, ctypes.py_object, ctypes.py_object]
    made: Callable[..., object] = make(ctypes.addressof(definition), owner, __name__)
    return made


@functools.cache
def is_fast() -> bool:
    """Whether fast calls are made: objects in memory look as this module expects."""
    if not machine.available() or sys.implementation.name != "cpython":
        return False
    if "entry" in settings.missing():
        return False
    if sysconfig.get_config_var("Py_GIL_DISABLED") or sys.byteorder != "little":
        return False
    if ctypes.sizeof(ctypes.c_void_p) != 8 or platform.system() == "Windows":
        return False
    return _array_holds() and _scalars_hold() and _functions_hold() and _api_holds()


def _at(kind: type[Any], item: object, offset: int) -> object:
    """What lies in an object's memory at an offset."""
    return kind.from_address(id(item) + offset).value


def _array_holds() -> bool:
    """Whether an array and its dtype have their fields where they should be."""
    array = np.arange(6.0).reshape(2, 3)
    shape = _at(ctypes.c_void_p, array, SHAPE)
    strides = _at(ctypes.c_void_p, array, STRIDES)
    if not (isinstance(shape, int) and isinstance(strides, int)):
        return False
    lengths = (ctypes.c_int64 * 2).from_address(shape)
    steps = (ctypes.c_int64 * 2).from_address(strides)
    return (
        _at(ctypes.c_void_p, array, TYPE) == id(np.ndarray)
        and _at(ctypes.c_void_p, array, DATA) == array.ctypes.data
        and _at(ctypes.c_int, array, RANK) == 2
        and tuple(lengths) == (2, 3)
        and tuple(steps) == (24, 8)
        and _at(ctypes.c_void_p, array, DTYPE) == id(array.dtype)
        and _at(ctypes.c_int, array, FLAGS) == array.flags.num
        and _at(ctypes.c_int, array[:, 1:], FLAGS) == array[:, 1:].flags.num
        and _at(ctypes.c_char, np.dtype(">f8"), ORDER) == b">"
        and all(
            _at(ctypes.c_int, np.dtype(t), NUMBER) == np.dtype(t).num
            for t in {*SIZES, *WRITTEN}
        )
        and not np.ndarray.__flags__ & COLLECTED
    )


def _scalars_hold() -> bool:
    """Whether floats, NumPy's scalars and tuples hold what is in them as expected."""
    held = ("item",)
    return (
        _at(ctypes.c_void_p, held, tuple.__basicsize__) == id(held[0])
        and _at(ctypes.c_double, 1.25, VALUE) == 1.25
        and _at(ctypes.c_double, np.float64(1.25), VALUE) == 1.25
        and _at(ctypes.c_float, np.float32(1.25), VALUE) == 1.25
        and _at(ctypes.c_int64, np.int64(125), VALUE) == 125
        and _at(ctypes.c_int32, np.int32(125), VALUE) == 125
        and all(
            kind.__itemsize__ == 0 and not kind.__flags__ & COLLECTED
            for kind in [np.dtype(t).type for t in {*SIZES, *WRITTEN}]
        )
    )


def _functions_hold() -> bool:
    """Whether functions and cells hold what they should, where they should."""

    def plain() -> object:
        return held

    def with_default(x: object = 1.5) -> object:
        return x

    held, cells = object(), plain.__closure__ or ()
    return (
        _at(ctypes.c_void_p, plain, CODE) == id(plain.__code__)
        and _at(ctypes.c_void_p, plain, DEFAULTS) is None
        and _at(ctypes.c_void_p, with_default, DEFAULTS)
        == id(with_default.__defaults__)
        and [_at(ctypes.c_void_p, cell, CONTENT) for cell in cells] == [id(held)]
    )


def counts_changes(names: dict[str, object]) -> bool:
    """Whether a number in a dictionary's memory is another after each change of it.

    CPython counts changes up to version 3.13; not in dictionaries that keep their
    values in an object's memory.
    """
    return _counts_changes() and _at(ctypes.c_void_p, names, VALUES) is None


@functools.cache
def _counts_changes() -> bool:
    """Whether this Python counts the changes of dictionaries, and nothing else."""
    module = ModuleType("changed")
    names, values = vars(module), (object(), object())

    def by_attribute(value: object) -> None:
        module.x = value  # type: ignore[attr-defined]

    changes: list[Callable[[], object]] = [
        *[partial(by_attribute, value) for value in values * 40],
        *[partial(exec, "global x; x = y", names, {"y": y}) for y in values],
        lambda: names.update(x=values[0]),
        lambda: names.pop("x"),
        lambda: names.setdefault("x", values[1]),
        lambda: names.popitem(),
        names.clear,
    ]
    seen = {_at(ctypes.c_uint64, names, VERSION)}
    for number, change in enumerate(changes, 2):
        change()
        for _ in range(2):
            seen.add(_at(ctypes.c_uint64, names, VERSION))
            names.get("x")
        if len(seen) != number:
            return False
    return _shows_own_values()


def _shows_own_values() -> bool:
    """Whether it shows where a dictionary keeps its values in an object's memory."""

    class Owner:
        def __init__(self) -> None:
            self.x = 1

    own = vars(Owner())
    held = [_at(ctypes.c_void_p, names, VALUES) for names in ({"x": 1}, own)]
    return held[0] is None and held[1] is not None


@functools.cache
def of_numpy(place: int) -> int:
    """Address of a function in NumPy's table; 0 where that looks otherwise."""
    module = importlib.import_module("numpy._core._multiarray_umath")
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype = ctypes.c_void_p
    pointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    table = pointer(module._ARRAY_API, None)
    functions = ctypes.cast(table, ctypes.POINTER(ctypes.c_void_p))
    if functions[2] != id(np.ndarray):
        return 0
    return functions[place] or 0


def _api_holds() -> bool:
    """Whether NumPy's functions that make arrays are found and work."""
    try:
        address, of_copy = of_numpy(NEW_ARRAY), of_numpy(NEW_COPY)
    except (ImportError, AttributeError, ValueError):
        return False
    if not (address and of_copy):
        return False
    integer, pointer = ctypes.c_int, ctypes.c_void_p
    make = ctypes.PYFUNCTYPE(
        ctypes.py_object,
        *(ctypes.py_object, integer, pointer, integer, pointer, pointer),
        *(integer, integer, pointer),
    )(address)
    shape = (ctypes.c_int64 * 2)(2, 3)
    made = make(np.ndarray, 2, shape, np.dtype("f8").num, None, None, 0, 0, None)
    if type(made) is not np.ndarray or made.shape != (2, 3) or made.dtype != "f8":
        return False
    copy = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object, integer)(of_copy)
    turned = np.arange(6).reshape(2, 3).T
    copied = copy(turned, 0)
    return bool(copied.flags.c_contiguous and np.array_equal(copied, turned))
