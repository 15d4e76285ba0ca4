"""Functions answered while recording: NumPy's makers of arrays, lists, and `math`.

They take no recorded argument that NumPy's protocols would see, so they are replaced in
their modules while some recording is active (counted under a lock).  A replacement
answers only when its own context is recording and the calling frame is not inside
NumPy, SciPy or wengert; else it calls the original.
"""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from threading import get_ident
from types import ModuleType
from typing import Any

import numpy as np

from wengert.capture import keys
from wengert.capture.array import RecordedArray, wrap_passive
from wengert.core.operation import DISPATCH, Operation, answers
from wengert.core.types import Recorded
from wengert.errors import UnsupportedError, explain
from wengert.ops.join import gather, holds_recorded
from wengert.ops.shape import is_number

Function = Callable[..., Any]

#: The tape that this context is recording on.
RECORDING: ContextVar[Any] = ContextVar("wengert_recording", default=None)
LIBRARIES = frozenset({"numpy", "scipy", "wengert"})
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
_LOCK = threading.Lock()
_COUNT = 0
_NUMPY: dict[str, Any] = {}
_MATH: dict[str, Any] = {}


def tape_here() -> Any:
    """Return the tape of this context if the caller's caller is user code."""
    tape = RECORDING.get()
    if tape is None or tape.thread != get_ident():
        return None
    frame = sys._getframe(2)
    if frame.f_code.co_name == "<module>" and is_imported_now(frame.f_globals):
        return None
    module = frame.f_globals.get("__name__", "")
    return None if module.partition(".")[0] in LIBRARIES else tape


def is_imported_now(names: dict[str, Any]) -> bool:
    """Whether names are those of a module that a recorded function imports.

    What its body makes stays plain: it outlives the recording.
    """
    return getattr(names.get("__spec__"), "_initializing", False)


def is_foreign() -> bool:
    """Whether the caller's caller is NumPy's or SciPy's own code."""
    module = sys._getframe(2).f_globals.get("__name__", "")
    return module.partition(".")[0] in ("numpy", "scipy")


def answered(name: str, module: Any = np) -> Callable[[Function], Function]:
    """Make the decorated code the replacement of a function while recording."""

    def register(code: Function) -> Function:
        code.__name__ = code.__qualname__ = name
        original = getattr(module, name)
        code.__wrapped__ = original  # type: ignore[attr-defined]
        code.__doc__ = original.__doc__  # numpy.ma, when imported, reads it
        (_NUMPY if module is np else _MATH)[name] = code
        return code

    return register


def passive(tape: Any, value: Any) -> Any:
    """Return fresh plain arrays as passive recorded ones; all else stays plain.

    An array of objects stays plain too: recorded numbers are put into it as they are.
    """
    if isinstance(value, np.ndarray) and value.dtype.kind not in "biufc":
        return value
    return wrap_passive(tape, value)


def recording_class(module: ModuleType, replaced: dict[str, Any]) -> type[ModuleType]:
    """Return a class of modules whose attributes are the replacements.

    A property of its class goes before what a module holds, so that replacing all of
    the functions, and putting them back, is one assignment.
    """
    properties = {
        name: property({module: function}.__getitem__)
        for name, function in replaced.items()
    }
    for name in properties.keys() & CLASSES:
        properties[name] = class_or_answer(getattr(module, name), replaced[name])
    return type("module", (ModuleType,), {"__slots__": (), **properties})


#: NumPy's classes in C that a function stands for while recording.
CLASSES = frozenset({"broadcast", "nditer"})


def class_or_answer(original: Any, answer: Function) -> property:
    """Return a property that is the class for a module in C that is being imported."""

    def getter(_: ModuleType) -> Any:
        importer = sys._getframe(1).f_globals.get("__name__", "")
        return original if "importlib" in importer else answer

    return property(getter)


def install() -> None:
    """Count one more recording; replace the functions for the first."""
    global _COUNT
    with _LOCK:
        _COUNT += 1
        if _COUNT == 1:
            np.__class__ = _RECORDING_NUMPY
            math.__class__ = _RECORDING_MATH
            for module in COMPILED:
                module.np = PLAIN_NUMPY
            for module in SHUFFLERS:
                module.Sequence = Shuffled


def remove() -> None:
    """Count one recording less; put the originals back after the last."""
    global _COUNT
    with _LOCK:
        _COUNT -= 1
        if _COUNT == 0:
            np.__class__ = ModuleType
            math.__class__ = ModuleType
            for module in COMPILED:
                module.np = np
            for module in SHUFFLERS:
                module.Sequence = Sequence


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


# Makers of arrays from sizes: passive until a recorded value is written into them

MAKERS = (
    "zeros ones empty eye identity tri indices fromfunction linspace logspace "
    "geomspace zeros_like ones_like empty_like hamming hanning bartlett blackman kaiser"
)


def answer_maker(name: str) -> None:
    """Answer a function that makes a fresh array."""
    original = getattr(np, name)
    is_like = name.endswith("_like")

    @answered(name)
    def maker(*args: Any, **settings: Any) -> Any:
        tape = tape_here()
        if is_like and args and holds(args[0]):
            args = (gather(args[0]), *args[1:])
        try:
            result = original(*args, **settings)
        except TypeError:
            keys.check_whole(*args, *settings.values())
            raise
        return result if tape is None else passive(tape, result)


for _name in MAKERS.split():
    answer_maker(_name)


@answered("broadcast")
def broadcast(*args: Any) -> Any:
    """Answer ``np.broadcast``: of recorded arrays, the shapes alone."""
    if not any(holds(arg) for arg in args):
        return np_broadcast(*args)
    zero = np.zeros(())
    return np_broadcast(*(np.broadcast_to(zero, np.shape(gather(arg))) for arg in args))


np_broadcast = broadcast.__wrapped__  # type: ignore[attr-defined]


@answered("nditer")
def nditer(op: Any, *args: Any, **settings: Any) -> Any:
    """Answer ``np.nditer``: recorded arrays have no memory to walk through."""
    if not holds(op):
        return np_nditer(op, *args, **settings)
    raise UnsupportedError(
        explain(
            "np.nditer of a recorded array",
            "it walks through the memory of an array, which a tape does not follow",
            "a loop over np.ndindex(x.shape), np.ndenumerate(x) or x.flat",
        )
    )


np_nditer = nditer.__wrapped__  # type: ignore[attr-defined]


def answer_like(name: str) -> None:
    """Answer ``np.zeros_like`` and its relatives of a recorded prototype."""
    original = getattr(np, name)

    @answers(original)
    def like(prototype: Any, *args: Any, **settings: Any) -> Any:
        if not isinstance(prototype, Recorded):  # only the number to fill with is one
            return filled_like(np.empty_like(prototype, **settings), *args)
        if name == "full_like":
            fill_value, *args = args if args else (settings.pop("fill_value"),)  # type: ignore[assignment]
            if holds(fill_value):
                shape = np_empty_like(prototype._current(), *args, **settings)  # type: ignore[attr-defined]
                return filled_like(shape, fill_value)
            args = (fill_value, *args)
        result = original(prototype._current(), *args, **settings)  # type: ignore[attr-defined]
        return passive(prototype._tape, result)  # type: ignore[attr-defined]


def filled_like(like: Any, value: Any) -> Any:
    """Return one recorded value in the shape and dtype of an array."""
    return filled(like.shape, gather(value), like.dtype)


np_empty_like = np.empty_like
for _name in ("zeros_like", "ones_like", "empty_like", "full_like"):
    answer_like(_name)


@answered("arange")
def arange(*args: Any, **settings: Any) -> Any:
    """Answer ``np.arange``; bounds may be recorded, the count is guarded."""
    tape = tape_here()
    if tape is None:
        return np_arange(*args, **settings)
    if not any(is_float(part) for part in args):
        return passive(tape, np_arange(*args, **settings))
    start, stop, step = (0, *args, 1) if len(args) == 1 else (*args, 1)[:3]
    count = max(int(np.ceil((stop - start) / step)), 0)
    expected = np_arange(*(number(part) for part in args), **settings)
    delta = (start + step) - start
    result = start + np_arange(count) * delta
    if not isinstance(result, Recorded):  # only the count was recorded
        return passive(tape, expected)
    return np.astype(result, expected.dtype, copy=False)  # type: ignore[call-overload]


np_arange = np.arange


def is_float(value: Any) -> bool:
    """Whether a value is recorded and no whole number."""
    return isinstance(value, Recorded) and value.dtype.kind in "fc"  # type: ignore[attr-defined]


@answered("full")
def full(shape: Any, fill_value: Any, dtype: Any = None, **settings: Any) -> Any:
    """Answer ``np.full``; the number may be recorded."""
    tape = tape_here()
    if tape is None:
        return np_full(shape, fill_value, dtype, **settings)
    fill_value = gather(fill_value)
    if isinstance(fill_value, Recorded):
        return filled(shape, fill_value, dtype)
    return passive(tape, np_full(shape, fill_value, dtype, **settings))


np_full = np.full


@answered("full_like")
def full_like(a: Any, fill_value: Any, *args: Any, **settings: Any) -> Any:
    """Answer ``np.full_like``; the number may be recorded."""
    tape = tape_here()
    if tape is None or isinstance(a, Recorded):
        return np_full_like(a, fill_value, *args, **settings)
    fill_value = gather(fill_value)
    if isinstance(fill_value, Recorded):
        like = np.empty_like(a, *args, **settings)
        return filled(like.shape, fill_value, like.dtype)
    return passive(tape, np_full_like(a, fill_value, *args, **settings))


np_full_like = np.full_like


def filled(shape: Any, value: Any, dtype: Any) -> Any:
    """Return an array of one recorded value."""
    result = np.copy(np.broadcast_to(value, shape))
    return result if dtype is None else np.astype(result, dtype, copy=False)


# Makers of arrays from values


@answered("array")
def array(
    object: Any,
    dtype: Any = None,
    *,
    copy: bool | None = True,
    order: Any = "K",
    subok: bool = False,
    ndmin: int = 0,
    like: Any = None,
    **settings: Any,
) -> Any:
    """Answer ``np.array``: lists of recorded values are gathered."""
    tape = tape_here()
    recorded = holds(object) and not is_foreign()
    if tape is None and not recorded:
        return np_array(
            object, dtype, copy=copy, order=order, subok=subok, ndmin=ndmin, **settings
        )
    if not recorded:
        result = np_array(
            object, dtype, copy=copy, order=order, ndmin=ndmin, **settings
        )
        return result if shares(result, object) else passive(tape, result)
    if dtype is not None and np.dtype(dtype) == np.dtype(np_object):
        return object_array(object)
    result = converted(object, dtype)
    if result is object and copy:
        result = np.copy(result)
    shape = np.shape(result)
    return (
        result
        if len(shape) >= ndmin
        else np.reshape(result, (1,) * (ndmin - len(shape)) + shape)
    )


np_array = np.array
np_object = object


def holds(value: Any) -> bool:
    """Whether a value is recorded, or a list with recorded values."""
    if isinstance(value, Recorded):
        return True
    return value.__class__ in (list, tuple) and holds_recorded(value)


def shares(result: Any, source: Any) -> bool:
    """Whether a result is the caller's own memory, which stays plain."""
    return result is source or (
        isinstance(source, np.ndarray) and np.may_share_memory(result, source)
    )


def converted(value: Any, dtype: Any = None) -> Any:
    """Return a recorded value, or a list of them, as a recorded array of a dtype."""
    from wengert.capture.array import RecordedArray

    result = gather(value)
    if not isinstance(result, RecordedArray):
        result = np.reshape(result, ())
    return result if dtype is None else np.astype(result, dtype, copy=False)


def object_array(value: Any) -> Any:
    """Return a plain array of Python objects that holds recorded numbers."""
    if isinstance(value, Recorded) and is_number(value):
        parts, shape = [value], ()
    else:
        shape = np.shape(gather(value))
        gathered = gather(value)
        parts = [gathered[k] for k in np.ndindex(shape)]
    result = np_empty(len(parts), dtype=np_object)
    for k, part in enumerate(parts):
        result[k] = part
    return result.reshape(shape)


np_empty = np.empty


def answer_converter(name: str, fresh: bool) -> None:
    """Answer ``np.asarray`` and its relatives: a recorded value stays itself."""
    original = getattr(np, name)

    @answered(name)
    def converter(a: Any, dtype: Any = None, *args: Any, **settings: Any) -> Any:
        tape = tape_here()
        if holds(a) and not is_foreign():
            if dtype is not None and np.dtype(dtype) == np.dtype(np_object):
                return object_array(a)
            result = converted(a, dtype)
            return np.atleast_1d(result) if fresh else result
        result = original(a, dtype, *args, **settings)
        if tape is None or shares(result, a):
            return result
        return passive(tape, result)


for _name in ("asarray", "asanyarray", "require"):
    answer_converter(_name, fresh=False)
for _name in ("ascontiguousarray", "asfortranarray"):
    answer_converter(_name, fresh=_name == "ascontiguousarray")


@answered("asarray_chkfinite")
def asarray_chkfinite(a: Any, dtype: Any = None, order: Any = None) -> Any:
    """Answer ``np.asarray_chkfinite``."""
    if not holds(a) or is_foreign():
        return np_asarray_chkfinite(a, dtype, order)
    result = converted(a, dtype)
    if not np.isfinite(result).all():
        raise ValueError("array must not contain infs or NaNs")
    return result


np_asarray_chkfinite = np.asarray_chkfinite


@answered("copy")
def copy(a: Any, *args: Any, **settings: Any) -> Any:
    """Answer ``np.copy``: a copy of a plain array may take recorded values."""
    tape = tape_here()
    result = np_copy(gather(a) if holds(a) else a, *args, **settings)
    return result if tape is None or holds(result) else passive(tape, result)


np_copy = np.copy


@answered("isscalar")
def isscalar(element: Any) -> bool:
    """Answer ``np.isscalar``: a recorded number is one."""
    if isinstance(element, Recorded):
        return is_number(element)
    return np_isscalar(element)


np_isscalar = np.isscalar


@answered("ndenumerate")
class ndenumerate:  # noqa: N801 - NumPy's name
    """Answer ``np.ndenumerate``: pairs of place and element."""

    def __new__(cls, arr: Any) -> Any:
        """Return an iterator; NumPy's own for a plain array."""
        if not holds(arr):
            return np_ndenumerate(arr)
        arr = gather(arr)
        return ((place, arr[place]) for place in np.ndindex(np.shape(arr)))


np_ndenumerate = ndenumerate.__wrapped__  # type: ignore[attr-defined]


@answered("vectorize")
class vectorize:  # noqa: N801 - NumPy's name
    """Answer ``np.vectorize``: a loop over recorded elements."""

    def __init__(self, pyfunc: Any, *args: Any, **settings: Any) -> None:
        self.pyfunc = pyfunc
        self.original = np_vectorize(pyfunc, *args, **settings)
        self.__name__ = getattr(pyfunc, "__name__", "vectorize")

    def __call__(self, *args: Any, **settings: Any) -> Any:
        """Return the function's results at every element, as one array."""
        values = (*args, *settings.values())
        if not any(holds(value) for value in values):
            return self.original(*args, **settings)
        if self.original.signature is not None or self.original.excluded:
            raise UnsupportedError(
                explain(
                    "np.vectorize with signature or excluded, of recorded arrays",
                    "it is not recorded",
                    "a loop, or np.apply_along_axis",
                )
            )
        arrays = np.broadcast_arrays(*(converted(value) for value in values))
        names = list(settings)
        found = []
        for place in np.ndindex(np.shape(arrays[0])):
            parts = [a[place] for a in arrays]
            keywords = dict(zip(names, parts[len(args) :], strict=True))
            found.append(self.pyfunc(*parts[: len(args)], **keywords))
        return in_shape(found, np.shape(arrays[0]))


np_vectorize = vectorize.__wrapped__  # type: ignore[attr-defined]


def in_shape(found: list[Any], shape: Any) -> Any:
    """Return listed results in a shape; tuples of results become several arrays."""
    if not found:
        raise ValueError("cannot call `vectorize` on size 0 inputs")
    if isinstance(found[0], tuple):
        return tuple(in_shape(list(part), shape) for part in zip(*found, strict=True))
    return np.reshape(gather(found), shape)


class Concatenator:
    """``np.r_`` and ``np.c_`` while recording: keys with recorded parts are joined."""

    def __init__(self, name: str) -> None:
        self.original = getattr(np, name)
        self.is_columns = name == "c_"

    def __getitem__(self, key: Any) -> Any:
        parts = key if isinstance(key, tuple) else (key,)
        if not holds(parts):
            return self.original[key]
        if any(isinstance(part, str) for part in parts):
            raise UnsupportedError(
                explain(
                    "np.r_ with a string directive and recorded arrays",
                    "it is not recorded",
                    "np.concatenate, np.stack or np.column_stack",
                )
            )
        return np.concatenate(
            [self._piece(part) for part in parts], axis=-1 if self.is_columns else 0
        )

    def _piece(self, part: Any) -> Any:
        piece = (
            self.original[part]
            if isinstance(part, slice)
            else np.atleast_1d(gather(part))
        )
        if self.is_columns and np.ndim(piece) == 1:
            return np.reshape(piece, (-1, 1))
        return piece

    def __getattr__(self, name: str) -> Any:
        return getattr(self.original, name)


_NUMPY["r_"] = Concatenator("r_")
_NUMPY["c_"] = Concatenator("c_")


# Functions of arrays, given lists of recorded values: lists do not dispatch

LISTED = (
    "sum prod mean average var std max min amax amin ptp median argmax argmin any all "
    "cumsum cumprod sort argsort dot vdot inner outer kron cross trapezoid diff "
    "polyval interp where clip reshape ravel transpose tile repeat flip roll "
    "diag array_equal allclose isclose nansum nanmean nanmax nanmin searchsorted "
    "convolve correlate tensordot matrix_transpose squeeze expand_dims pad "
    "put putmask place copyto compress extract"
)
SEQUENCES = "concatenate stack vstack hstack dstack column_stack block append"


def answer_lists(name: str) -> None:
    """Answer a function whose array arguments may be lists of recorded values."""
    original = getattr(np, name)
    code = DISPATCH.get(original)
    answer = original if isinstance(code, Operation) or code is None else code

    @answered(name)
    def of_lists(*args: Any, **settings: Any) -> Any:
        for arg in args:
            if arg.__class__ in (list, tuple) and holds_recorded(arg):
                args = tuple(gather(a) if holds(a) else a for a in args)
                break
        if args and args[0].__class__ is RecordedArray:
            return answer(*args, **settings)  # at once what NumPy's dispatch leads to
        return original(*args, **settings)


def answer_sequence(name: str) -> None:
    """Answer a function of a sequence of arrays, which may nest lists."""
    original = getattr(np, name)
    answer = DISPATCH[original]
    assert callable(answer)

    @answered(name)
    def of_sequence(*args: Any, **settings: Any) -> Any:
        if any(holds(arg) for arg in args):
            return answer(*args, **settings)
        return original(*args, **settings)


for _name in LISTED.split():
    answer_lists(_name)
for _name in SEQUENCES.split():
    answer_sequence(_name)


@answered("take")
def take(a: Any, indices: Any, *args: Any, **settings: Any) -> Any:
    """Answer ``np.take``, which does not dispatch on its indices."""
    if holds(a) or holds(indices):
        return DISPATCH[np_take](gather(a), gather(indices), *args, **settings)  # type: ignore[operator]
    return np_take(a, indices, *args, **settings)


@answered("fromiter")
def fromiter(iter: Any, dtype: Any, count: int = -1, **settings: Any) -> Any:
    """Answer ``np.fromiter``: what it yields may be recorded."""
    tape = tape_here()
    if tape is None:
        return np_fromiter(iter, dtype, count, **settings)
    values = (
        [value for value, _ in zip(iter, range(count), strict=False)]
        if count >= 0
        else list(iter)
    )
    if holds(values):
        return converted(values, dtype)
    return passive(tape, np_fromiter(values, dtype, count, **settings))


np_fromiter = fromiter.__wrapped__  # type: ignore[attr-defined]
np_take = take.__wrapped__  # type: ignore[attr-defined]


# math: functions of numbers


def answer_math(name: str, function: Function) -> None:
    """Answer a `math` function by the NumPy function that is the same.

    The original is asked first, of the plain numbers: it raises what `math` raises.
    """
    original = getattr(math, name, None)
    if original is None:  # a later Python's
        return

    @answered(name, math)
    def of_numbers(*args: Any) -> Any:
        for arg in args:
            if isinstance(arg, Recorded):
                break
        else:
            return original(*args)
        original(*(number(arg) for arg in args))
        return function(*(as_double(arg) for arg in args))


def number(value: Any) -> Any:
    """Return the plain number of an argument of `math`."""
    if not isinstance(value, Recorded):
        return value
    plain = value._current()  # type: ignore[attr-defined]
    if isinstance(plain, np.ndarray) and plain.size != 1:
        raise TypeError("only 0-dimensional arrays can be converted to Python scalars")
    return plain.item() if hasattr(plain, "item") else plain


def as_double(value: Any) -> Any:
    """Return an argument in double precision, as `math` computes."""
    if not isinstance(value, Recorded):
        return value
    if hasattr(value, "__setitem__"):
        value = np.reshape(value, ())[()]  # type: ignore[call-overload]
    if value.dtype != np.float64:
        return value.astype(np.float64)
    return value


def logarithm(x: Any, base: Any = None) -> Any:
    """Return ``math.log``."""
    return np.log(x) if base is None else np.log(x) / np.log(base)


def ieee_remainder(x: Any, y: Any) -> Any:
    """Return ``math.remainder``: the quotient is rounded to the nearest integer."""
    return x - np.rint(x / y) * y


def hypotenuse(*coordinates: Any) -> Any:
    """Return ``math.hypot`` of any number of coordinates."""
    result: Any = np.abs(coordinates[0])
    for coordinate in coordinates[1:]:
        result = np.hypot(result, coordinate)
    return result


def special(name: str) -> Function:
    """Return a function of SciPy's, looked up when it is needed."""

    def function(x: Any) -> Any:
        import scipy.special

        return getattr(scipy.special, name)(x)

    return function


for _name, _function in {
    **{
        name: getattr(np, name)
        for name in (
            "sqrt cbrt exp exp2 expm1 log2 log10 log1p sin cos tan sinh cosh tanh "
            "degrees radians fabs copysign fmod ldexp nextafter"
        ).split()
    },
    **{
        short: getattr(np, f"arc{short[1:]}")
        for short in "asin acos atan asinh acosh atanh atan2".split()
    },
    "pow": np.power,
    "log": logarithm,
    "remainder": ieee_remainder,
    "hypot": hypotenuse,
    "fma": lambda x, y, z: x * y + z,
    "modf": lambda x: (x - np.trunc(x), np.trunc(x)),
    "ulp": lambda x: np.spacing(np.abs(x)),
    "erf": special("erf"),
    "erfc": special("erfc"),
    "gamma": special("gamma"),
    "lgamma": special("gammaln"),
}.items():
    answer_math(_name, _function)

# Questions and whole numbers: what Python decides on is guarded

for _name, _function in {
    "isnan": lambda x: bool(np.isnan(x)),
    "isinf": lambda x: bool(np.isinf(x)),
    "isfinite": lambda x: bool(np.isfinite(x)),
    "floor": lambda x: int(np.floor(x)),
    "ceil": lambda x: int(np.ceil(x)),
    "trunc": lambda x: int(np.trunc(x)),
}.items():
    answer_math(_name, _function)


@answered("isclose", math)
def isclose(a: Any, b: Any, *, rel_tol: float = 1e-09, abs_tol: float = 0.0) -> bool:
    """Answer ``math.isclose``."""
    if not (isinstance(a, Recorded) or isinstance(b, Recorded)):
        return math_isclose(a, b, rel_tol=rel_tol, abs_tol=abs_tol)
    if a == b:
        return True
    largest = np.maximum(abs(a), abs(b))
    return bool(abs(a - b) <= np.maximum(rel_tol * largest, abs_tol))


math_isclose = math.isclose


def over_numbers(name: str, function: Function) -> None:
    """Answer a `math` function of iterables of numbers."""
    original = getattr(math, name, None)
    if original is None:
        return

    @answered(name, math)
    def of_iterables(*args: Any, **settings: Any) -> Any:
        args = tuple(listed(arg) for arg in args)
        if not any(holds(arg) for arg in (*args, *settings.values())):
            return original(*args, **settings)
        return function(*args, **settings)


def listed(values: Any) -> Any:
    """Return an iterable as a list."""
    if isinstance(values, (list, tuple)) or not isinstance(values, Iterable | Recorded):
        return values
    return list(values)  # type: ignore[arg-type]


def product(values: Any, *, start: Any = 1) -> Any:
    """Return ``math.prod``: factor by factor."""
    for value in values:
        start = start * value
    return start


def distance(p: Any, q: Any) -> Any:
    """Return ``math.dist``."""
    if len(p) != len(q):
        raise ValueError("both points must have the same number of dimensions")
    return hypotenuse(*(x - y for x, y in zip(p, q, strict=True)))


def sum_of_products(p: Any, q: Any) -> Any:
    """Return ``math.sumprod``."""
    return np.dot(gather(p), gather(q))


over_numbers("fsum", lambda values: np.sum(gather(values)))
over_numbers("prod", product)
over_numbers("dist", distance)
over_numbers("sumprod", sum_of_products)


@answered("frexp", math)
def frexp(x: Any) -> Any:
    """Answer ``math.frexp``; the exponent is guarded."""
    if not isinstance(x, Recorded):
        return math_frexp(x)
    exponent = math_frexp(number(x))[1]
    lower, upper = 2.0 ** (exponent - 1), 2.0**exponent
    size: Any = np.abs(x)  # type: ignore[call-overload]
    assert number(x) == 0 or bool((size >= lower) & (size < upper))
    return x / upper, exponent  # type: ignore[operator]


math_frexp = math.frexp

_NUMPY_ORIGINALS: dict[str, Any] = {name: np.__dict__[name] for name in _NUMPY}
_RECORDING_NUMPY = recording_class(np, _NUMPY)
_RECORDING_MATH = recording_class(math, _MATH)


def gather_list(value: Any) -> Any:
    """Return a list of recorded numbers and arrays as one recorded array."""
    return gather(value)
