"""Whose code something is, and which functions of libraries are harmless.

Code of NumPy, SciPy, the standard library and wengert is not entered: a function of
theirs is on a positive list (what it gives depends on its arguments alone) or it is
not, and then what calls it is not replayed.  All other code is the user's, installed
packages included.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import sys
import sysconfig
import types
from collections import OrderedDict, deque, namedtuple
from collections.abc import Callable
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, cast

import numpy as np

from wengert.core.types import by_class

OWN = "wengert"


def folder_of(package: str) -> str:
    """Return the folder of an installed package, with a separator at its end."""
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return os.path.dirname(os.path.realpath(spec.origin)) + os.sep


CONSTANT_PACKAGES = "numpy", "scipy", OWN
CONSTANT_FOLDERS = tuple(map(folder_of, CONSTANT_PACKAGES))
STANDARD_FOLDERS = tuple(
    os.path.realpath(path) + os.sep
    for path in {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}
)
INSTALLED = f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}"

#: Modules of the standard library whose functions depend on their arguments alone.
PURE_MODULES = frozenset(
    (
        "builtins math cmath operator _operator itertools functools _functools "
        "collections _collections collections.abc _collections_abc dataclasses enum "
        "abc _abc typing types numbers fractions decimal _decimal _pydecimal "
        "statistics _statistics contextlib copy copyreg string _string re _sre "
        "textwrap bisect _bisect heapq _heapq struct _struct array datetime _datetime "
        "calendar json json.encoder json.decoder _json hashlib _hashlib base64 "
        "binascii zlib keyword colorsys difflib reprlib posixpath ntpath genericpath "
        "graphlib __future__ random _random cython_runtime"
    ).split()
)
#: What is not harmless in them, by name.
IMPURE_NAMES = {
    "builtins": "open input print eval exec compile globals __import__ breakpoint exit "
    "quit help copyright credits license",
    "datetime": "now today utcnow fromtimestamp astimezone",
    "_datetime": "now today utcnow fromtimestamp astimezone",
    "decimal": "setcontext",
    "_decimal": "setcontext",
    "json": "load dump",
    "hashlib": "file_digest",
    "contextlib": "redirect_stdout redirect_stderr chdir",
    "calendar": "calendar prmonth prcal timegm",
    "posixpath": "abspath realpath expanduser expandvars exists lexists ismount "
    "relpath samefile",
    "ntpath": "abspath realpath expanduser expandvars exists lexists ismount relpath",
    "genericpath": "exists isfile isdir getsize getmtime getatime getctime samefile "
    "sameopenfile islink",
    "operator": "setitem delitem iadd",
    "numpy": "load loadtxt genfromtxt fromfile fromregex save savez savez_compressed "
    "savetxt memmap open_memmap DataSource tofile seterr geterr seterrcall geterrcall "
    "errstate_call setbufsize getbufsize set_printoptions get_printoptions datetime64 "
    "array2string array_repr array_str show_config show_runtime get_include frompyfunc "
    "info load_library test set_numeric_ops",
    "scipy": "seterr geterr whosmat loadmat savemat mmread mmwrite mminfo readsav "
    "netcdf_file hb_read hb_write show_config get_workers test load_npz save_npz "
    "arff_loadarff wavfile",
    OWN: "load save main show check",
}  # fmt: skip
IMPURE = {name: frozenset(text.split()) for name, text in IMPURE_NAMES.items()}
IMPURE_PACKAGES = "scipy.io", "scipy.datasets", "scipy.misc", "numpy.ctypeslib"


# Classes, asked without running code of the user's

_MRO: Any = type.__dict__["__mro__"].__get__
_MEMBERS: Any = type.__dict__["__dict__"].__get__
_BASE: Any = type.__dict__["__base__"].__get__
_SIZE: Any = type.__dict__["__basicsize__"].__get__
_MODULE: Any = type.__dict__["__module__"].__get__
_NAME: Any = type.__dict__["__qualname__"].__get__
_IN_MODULE: Any = cast(Any, ModuleType.__dict__)["__dict__"].__get__
MISSING: Any = object()
#: `Py_TPFLAGS_HEAPTYPE`.
HEAP_TYPE = 1 << 9


def mro_of(kind: type) -> tuple[type, ...]:
    """Return the classes that an attribute of a class is looked up in."""
    found: tuple[type, ...] = _MRO(kind)
    return found


def members_of(kind: type) -> types.MappingProxyType[str, Any]:
    """Return what a class itself holds, as it holds it."""
    found: types.MappingProxyType[str, Any] = _MEMBERS(kind)
    return found


def holder_of(kind: Any, name: str) -> Any:
    """Return the class that an attribute comes from."""
    for part in mro_of(kind):
        if name in members_of(part):
            return part
    return None


def raw_attribute(kind: type, name: str) -> Any:
    """Return an attribute as its class holds it, descriptors not called, or MISSING."""
    part = holder_of(kind, name)
    return MISSING if part is None else members_of(part)[name]


def has(kind: type, name: str) -> bool:
    """Whether a class has an attribute."""
    return holder_of(kind, name) is not None


def instance_dict(value: Any) -> dict[str, Any] | None:
    """Return the dictionary of an object's attributes, where it is an ordinary one."""
    slot = raw_attribute(type(value), "__dict__")
    if type(slot) not in (types.GetSetDescriptorType, types.MemberDescriptorType):
        return None
    try:
        held = slot.__get__(value)
    except (AttributeError, TypeError):
        return None
    return held if type(held) is dict else None


#: C classes that keep nothing but what is compared.
SEEN_BASES = (
    object, dict, list, tuple, set, frozenset, int, float, complex, str, bytes, type,
    np.ndarray, np.generic, BaseException, OrderedDict, deque,
    types.SimpleNamespace,
)  # fmt: skip


@by_class
def hides_state(kind: Any) -> bool:
    """Whether objects of a class keep something that no attribute shows."""
    return not all(
        part in SEEN_BASES or is_made_by_python(part) or is_plain_exception(part)
        for part in mro_of(kind)
    )


@by_class
def is_made_by_python(kind: Any) -> bool:
    """Whether a class was made by a class statement or a call of `type`.

    Such a class adds its slots, a dictionary and a list of weak references to what its
    base needs; a class that is larger was written in C.
    """
    base = _BASE(kind)
    if base is None or not kind.__flags__ & HEAP_TYPE:
        return False
    held = members_of(kind)
    slots = sum(type(part) is types.MemberDescriptorType for part in held.values())
    spare = [name in held for name in ("__dict__", "__weakref__")]
    sizes = {8 * (slots + a + b) for a in {0, spare[0]} for b in {0, spare[1]}}
    return _SIZE(kind) - _SIZE(base) in sizes


def is_plain_exception(kind: type) -> bool:
    """Whether a class of Python's own exceptions adds nothing but named members."""
    base = _BASE(kind)
    if not issubclass(kind, BaseException) or kind.__flags__ & HEAP_TYPE:
        return False
    members = members_of(kind).values()
    shown = sum(type(held) is types.MemberDescriptorType for held in members)
    return bool(_SIZE(kind) - _SIZE(base) == 8 * shown)


# Files and modules


def top_level(name: Any) -> str:
    """Return the first part of a dotted name."""
    return name.partition(".")[0] if type(name) is str else ""


@functools.lru_cache(maxsize=4096)
def is_library_file(filename: str) -> bool:
    """Whether code of a file is not entered: of a library, not the user's."""
    if filename.startswith(("<frozen", "<__array_function__")):
        return True
    if filename.startswith("<"):
        return False
    path = os.path.realpath(filename)
    if path.startswith(CONSTANT_FOLDERS):
        return True
    return path.startswith(STANDARD_FOLDERS) and not any(p in path for p in INSTALLED)


@functools.lru_cache(maxsize=4096)
def is_installed_file(filename: str) -> bool:
    """Whether a file belongs to an installed package other than NumPy and SciPy."""
    return any(part in filename for part in INSTALLED) and not is_library_file(filename)


@functools.lru_cache(maxsize=4096)
def is_own_file(filename: str) -> bool:
    """Whether a file is wengert's."""
    return os.path.realpath(filename).startswith(CONSTANT_FOLDERS[-1])


def is_library_module(module: Any) -> bool:
    """Whether a module belongs to NumPy, SciPy, wengert or the standard library."""
    held = members(module)
    origin = held.get("__file__")
    name = held.get("__name__")
    if type(origin) is str:
        return is_library_file(origin)
    is_standard = top_level(name) in sys.stdlib_module_names
    return is_standard and sys.modules.get(str(name)) is module


def members(module: Any) -> dict[str, Any]:
    """Return what a module holds."""
    found: dict[str, Any] = _IN_MODULE(module)
    return found


def is_pure_module(module: Any) -> bool:
    """Whether a module is taken as constant, its functions as harmless."""
    if not issubclass(type(module), ModuleType) or not is_library_module(module):
        return False
    return is_pure_name(members(module).get("__name__"))


def is_pure_name(name: Any) -> bool:
    """Whether functions of a library's module depend on their arguments alone."""
    if type(name) is not str or name.startswith(IMPURE_PACKAGES):
        return False
    return name in PURE_MODULES or top_level(name) in CONSTANT_PACKAGES


def is_user_function(function: FunctionType) -> bool:
    """Whether the bytecode of a function is followed."""
    return not is_library_file(function.__code__.co_filename)


@by_class
def is_user_class(kind: Any) -> bool:
    """Whether a class is looked into."""
    if not is_made_by_python(kind):
        return False
    module = sys.modules.get(str(_MODULE(kind)))
    if module is None or not is_library_module(module):
        return True
    return str(_NAME(kind)).partition(".")[0] not in members(module)


def is_own(value: Any) -> bool:
    """Whether a function, an object or a class is wengert's."""
    kind = type(value)
    if kind is FunctionType:
        return is_own_file(value.__code__.co_filename)
    part = value if issubclass(kind, type) else kind
    return top_level(_MODULE(part)) == OWN and not is_user_class(part)


# Functions of libraries


def origin_of(value: Any) -> tuple[Any, str]:
    """Return the module and the name of a callable of a library."""
    kind = type(value)
    if kind is FunctionType:
        return value.__globals__.get("__name__"), str(value.__name__)
    if issubclass(kind, type):
        return _MODULE(value), str(_NAME(value)).rpartition(".")[2]
    if kind is MethodType:
        return origin_of(value.__func__)
    if kind is LRU_CACHE:  # what it keeps are results that it would give again
        return origin_of(value.__wrapped__)
    if issubclass(kind, BuiltinFunctionType):
        source = value.__self__
        if issubclass(type(source), type):
            return _MODULE(source), value.__name__
        if source is None or issubclass(type(source), ModuleType):
            held = None if source is None else members(source).get("__name__")
            return value.__module__ or held, str(value.__name__)
        return _MODULE(type(source)), value.__name__
    if kind in DESCRIBED:
        return _MODULE(value.__objclass__), value.__name__
    if top_level(_MODULE(kind)) in CONSTANT_PACKAGES:
        return _MODULE(kind), getattr(value, "__name__", "")
    return compiled_origin(value, kind)


def compiled_origin(value: Any, kind: type) -> tuple[Any, str]:
    """Return the module and the name of a function that a module says is its own.

    Cython compiled it, or it is one of `scipy.fft`, which asks its backends.
    """
    if _NAME(kind) not in ("cython_function_or_method", "_Function"):
        return None, ""
    module = sys.modules.get(value.__module__)
    name = str(value.__name__)
    if module is None or members(module).get(name) is not value:
        return None, ""
    return value.__module__, name


LRU_CACHE: Any = type(functools.lru_cache(origin_of))

#: Methods that a C class holds.
DESCRIBED = (
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.ClassMethodDescriptorType,
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
    type(vars(namedtuple("Pair", "first"))["first"]),
)


def is_harmless(value: Any) -> bool:
    """Whether what a callable of a library gives depends on its arguments alone."""
    if issubclass(type(value), np.ufunc):
        return is_known_ufunc(value)
    module, name = origin_of(value)
    if name in IMPURE.get(top_level(module), ()) or name in IMPURE.get(module, ()):
        return False
    return is_pure_name(module)


#: Modules that hold ufuncs, where they are loaded.
HAVE_UFUNCS = (
    "numpy.strings",
    "scipy.special",
    "scipy.special._ufuncs",
    "scipy.special._special_ufuncs",
)


def is_known_ufunc(value: Any) -> bool:
    """Whether a ufunc is NumPy's or SciPy's, and no function of Python's inside."""
    if members(np).get(value.__name__) is value:
        return True
    if id(value) not in known_ufuncs():
        known_ufuncs.cache_clear()
    return id(value) in known_ufuncs()


@functools.lru_cache(maxsize=1)
def known_ufuncs() -> frozenset[int]:
    """Return the identities of the ufuncs of NumPy and SciPy."""
    modules = [np, np._core.umath, np.linalg._umath_linalg, np._core._multiarray_umath]  # type: ignore[attr-defined]
    modules += map(sys.modules.get, HAVE_UFUNCS)
    return frozenset(
        id(value)
        for module in modules
        if module is not None
        for value in members(module).values()
        if isinstance(value, np.ufunc)
    )


def is_library_constant(value: Any, path: str) -> bool:
    """Whether a value is what a module of NumPy or SciPy holds under a name."""
    package = sys.modules.get(str(_MODULE(type(value))))
    if package is None or not is_pure_module(package):
        return False
    name = members(package).get("__name__", "")
    if top_level(name) not in CONSTANT_PACKAGES:
        return False
    return any(held is value for held in members(package).values())


# What is asked again before every replay


def lacks(value: Any, name: str) -> bool:
    """Whether an object has no attribute of a name, asked without the user's code."""
    if issubclass(type(value), type) and has(value, name):
        return False
    held = instance_dict(value)
    return not has(type(value), name) and (held is None or name not in held)


def plain_members(kind: type) -> dict[str, Any]:
    """Return what a class holds, without what Python itself puts there."""
    return {
        name: held
        for name, held in members_of(kind).items()
        if not name.startswith("__") or callable(held)
    }


def raising() -> tuple[tuple[str, str], ...]:
    """Return the floating-point errors that NumPy raises or hands on now."""
    return tuple(
        (name, mode)
        for name, mode in np.geterr().items()
        if mode in ("raise", "call", "print", "log")
    )


QUESTIONS: dict[str, Callable[..., Any]] = {
    "lacks": lacks,
    "plain_members": plain_members,
    "raising": raising,
}
