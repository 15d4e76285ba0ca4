"""Functions of a user's that do nothing but compute with their arguments."""

from __future__ import annotations

import builtins
import cmath
import dis
import inspect
import itertools
import math
import operator
from collections.abc import Callable, Iterator
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from wengert.capture.reads.bytecode import Access, analyse, inner_codes
from wengert.core.types import Recorded, has_class, is_array
from wengert.errors import IS_LIBRARY

#: Modules whose functions compute, but for those of a few names.
MODULES = frozenset((np, np.linalg, np.fft, math, cmath, operator, itertools))
IMPURE = frozenset(
    (
        "count cycle fromfile fromregex genfromtxt geterr load loadtxt lib memmap "
        "nditer open_memmap print random save savetxt savez savez_compressed seterr "
        "seterrcall set_printoptions setbufsize show_config testing tofile vectorize "
        "frompyfunc attrgetter methodcaller"
    ).split()
)
#: Python's own functions that compute.
BUILTINS = frozenset(
    (
        "abs all any bool complex dict divmod enumerate filter float frozenset int "
        "isinstance len list map max min pow range reversed round set slice sorted "
        "str sum tuple zip"
    ).split()
)
#: Instructions that reach outside, or stop halfway.
REFUSED = frozenset(
    (
        "STORE_ATTR DELETE_ATTR STORE_GLOBAL DELETE_GLOBAL STORE_NAME DELETE_NAME "
        "IMPORT_NAME IMPORT_STAR LOAD_BUILD_CLASS BEFORE_WITH BEFORE_ASYNC_WITH "
        "LOAD_SPECIAL SEND GET_AWAITABLE LOAD_LOCALS"
    ).split()
)
#: Flags of code that stops halfway.
STOPPING = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
#: Where functions say that they are of.
PYTHONS = frozenset(("math", "cmath", "_operator", "itertools"))
NUMPYS = frozenset(("numpy", "numpy.linalg", "numpy.fft"))
DISPATCHING: Any = type(np.sum)
NUMBERS = (bool, int, float, complex, np.generic)
#: What a function reads from outside: returns it as it is now.
Fetch = Callable[[], Any]


class ImpureError(Exception):
    """A function may do more than compute, or reads what may change unseen."""


def reads_of(
    function: FunctionType, originals: dict[CodeType, FunctionType]
) -> list[Fetch]:
    """Return what a function reads from outside that may change; raise `ImpureError`.

    Functions that it calls are looked through; those whose code was replaced are known
    by it.  What it does to its arguments is not asked: who calls it sees that.
    """
    look = Look(originals)
    look.through(function)
    return look.found


class Look:
    """What functions read, collected."""

    def __init__(self, originals: dict[CodeType, FunctionType]) -> None:
        self.originals = originals
        self.found: list[Fetch] = []
        self.seen: set[CodeType] = set()

    def through(self, function: FunctionType) -> None:
        """Collect what a function reads."""
        function = self.originals.get(function.__code__, function)
        code = function.__code__
        if code in self.seen:
            return
        self.seen.add(code)
        if IS_LIBRARY[code.co_filename] or code.co_flags & STOPPING:
            raise ImpureError
        given = {"": function.__defaults__ or (), **(function.__kwdefaults__ or {})}
        if not all(is_constant(value) for value in given.values()):
            raise ImpureError
        cells = dict(zip(code.co_freevars, function.__closure__ or (), strict=True))
        for part in codes_in(code):
            if any(step.opname in REFUSED for step in dis.get_instructions(part)):
                raise ImpureError
            for access in analyse(part).accesses:
                for fetch in fetched(access, function, cells):
                    self.follow(fetch, access)

    def follow(self, fetch: Fetch, access: Access) -> None:
        """Collect what is read at a place, or in the function that is there."""
        try:
            value = fetch()
        except ValueError:  # an empty cell
            raise ImpureError from None
        names = [step for kind, step in access.steps if kind == "attribute"]
        if has_class(value, ModuleType):
            if value not in MODULES or IMPURE.intersection(names) or not names:
                raise ImpureError
        elif type(value) is FunctionType and not is_numpys(value):
            if access.steps:
                raise ImpureError
            is_known = value.__code__ in self.seen
            self.through(value)
            if not is_known:
                self.found.append(fetch)
        elif isinstance(value, Recorded) or is_constant(value) or is_array(value):
            self.found.append(fetch)
        elif not (is_errors(value) or is_functions(value) or is_numpys(value)):
            raise ImpureError


def codes_in(code: CodeType) -> Iterator[CodeType]:
    """Give a code object, and those of the functions that it makes."""
    yield code
    for part in inner_codes(code):
        yield from codes_in(part)


def fetched(
    access: Access, function: FunctionType, cells: dict[str, Any]
) -> Iterator[Fetch]:
    """Give what fetches the value that an access starts from, if it is outside."""
    kind, name = access.root
    if access.is_store or kind == "super":
        raise ImpureError
    if kind == "global":
        names = function.__globals__
        if name in names:
            yield lambda: names[name]
        elif name not in BUILTINS and not is_errors(getattr(builtins, name, None)):
            raise ImpureError
    elif name in cells:
        cell = cells[name]
        yield lambda: cell.cell_contents


def is_constant(value: Any) -> bool:
    """Whether a value never changes, and is made of numbers and texts."""
    if type(value) in (tuple, frozenset):
        return all(is_constant(part) for part in value)
    return value is None or has_class(value, (str, bytes, *NUMBERS))


def is_errors(value: Any) -> bool:
    """Whether a value is the class of an error."""
    return has_class(value, type) and issubclass(value, BaseException)


def is_functions(value: Any) -> bool:
    """Whether a value is a function of a module of Python's that computes."""
    name, module = getattr(value, "__name__", ""), getattr(value, "__module__", "")
    is_function = has_class(value, (type, BuiltinFunctionType))
    return is_function and module in PYTHONS and name not in IMPURE


def is_numpys(value: Any) -> bool:
    """Whether a value is a function or a type of NumPy's that computes."""
    if has_class(value, type):
        return issubclass(value, np.generic)
    if has_class(value, np.ufunc):
        return value.__name__ in dir(np)
    is_function = has_class(value, (FunctionType, BuiltinFunctionType, DISPATCHING))
    name, module = getattr(value, "__name__", ""), getattr(value, "__module__", "")
    return is_function and module in NUMPYS and name not in IMPURE
