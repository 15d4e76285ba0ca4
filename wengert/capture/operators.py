"""The operators of recorded values.

The scalar methods are the inner loop of every recording of scalar code: they do at once
what `record_operation` does in general.
"""

from __future__ import annotations

import dis
import operator
import sys
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from threading import get_ident
from types import CodeType
from typing import Any

import numpy as np
from numpy import float64, ndarray

from wengert.capture.array import (
    DEFERRED,
    PASSIVE,
    RecordedArray,
    RecordedScalar,
    RecordedValue,
    is_stale,
    plain,
    record_operation,
    record_unary,
    save,
)
from wengert.capture.captures import stand_in
from wengert.capture.deferred import DeferredArray, DeferredScalar
from wengert.capture.labelled import bases_of_xarray, recorded_in
from wengert.capture.layout import note_lying
from wengert.capture.python import WEAK_FLOAT, note_raise, record_python
from wengert.capture.refusals import RAW, as_numpy
from wengert.core.operation import REGISTRY, Operation
from wengert.core.tape import NO_SETTINGS, strong
from wengert.core.types import (
    FLOAT64,
    array_type,
    builtin,
    has_class,
    plain_example,
    type_of,
)
from wengert.errors import user_line
from wengert.ops.elements import as_cast
from wengert.ops.numeric import VALUED_AS

BinaryFunction = Callable[[Any, Any], Any]
PLAIN_NUMBERS = frozenset({float, int, np.float64})
#: Python's numbers, of which Python computes.
PYTHON_NUMBERS = frozenset({float, int, bool, complex})
SIMPLE_NUMBERS = PLAIN_NUMBERS | PYTHON_NUMBERS


def scalar_binary(name: str, evaluate: BinaryFunction, reflected: bool) -> Any:
    """Return an operator method of recorded scalars."""
    operation = REGISTRY[name]

    def method(self: RecordedScalar, other: Any) -> Any:
        tape = self._tape
        kind = type(other)
        if tape.thread != get_ident() or (
            kind is RecordedScalar and other._tape is not tape
        ):
            own, stand = stand_in(self), stand_in(other)
            if own is self and stand is other:
                return general_binary(operation, self, other, reflected)
            return evaluate(stand, own) if reflected else evaluate(own, stand)
        if kind is RecordedScalar:
            second, number = other._index, other._value
        elif kind in SIMPLE_NUMBERS:
            second, number = tape.number(other), other
        else:
            return general_binary(operation, self, other, reflected)
        try:
            if reflected:
                operands = (second, self._index)
                value = evaluate(number, self._value)
            else:
                operands = (self._index, second)
                value = evaluate(self._value, number)
        except Exception as error:
            note_raise(error, name, (other, self) if reflected else (self, other))
            raise
        kind = type(value)
        if kind is float64:
            like, kept = FLOAT64, value
        elif kind is float:  # what rules read is NumPy's: they do not raise
            like, kept = WEAK_FLOAT, float64(value)
        else:
            like, kept = type_of(value), strong(value)
        line = (tape.line_here or user_line(2)) if tape.keeps_lines else None
        index = tape.append(operation, operands, NO_SETTINGS, like, kept, line)
        return RecordedScalar(tape, index, value)

    return method


def scalar_comparison(name: str, evaluate: BinaryFunction) -> Any:
    """Return a comparison of recorded scalars.

    That of Python's numbers is a recorded truth value, so that ``np.where`` keeps both
    sides; in code that asks ``is True`` it is a plain one, guarded.
    """
    compare = scalar_binary(name, evaluate, False)
    orders = name not in EQUALITIES

    def method(self: RecordedScalar, other: Any) -> Any:
        if orders and are_complex_scalars(self, other):
            return in_order(evaluate, self, other)
        found = compare(self, other)
        if (
            type(found) is RecordedScalar
            and type(found._value) is bool
            and asks_identity(sys._getframe(1).f_code)
        ):
            return bool(found)
        return found

    return method


def are_complex_scalars(x: RecordedScalar, y: Any) -> bool:
    """Whether two values are numbers, one at least a complex one of NumPy's."""
    if type(y) is RecordedScalar:
        y = y._value
    elif not (type(y) in SIMPLE_NUMBERS or has_class(y, (np.number, np.bool_))):
        return False
    kind = np.complexfloating
    return has_class(x._value, kind) or has_class(y, kind)


def in_order(evaluate: BinaryFunction, x: Any, y: Any) -> Any:
    """Record how NumPy orders complex numbers, where they are no elements of arrays.

    Of those it also asks whether a part is NaN.
    """
    is_tied = x.real == y.real
    return (is_tied & evaluate(x.imag, y.imag)) | (~is_tied & evaluate(x.real, y.real))


@lru_cache(maxsize=4096)
def asks_identity(code: CodeType) -> bool:
    """Whether code, or code inside it, asks whether a value is True or False itself."""
    inner = [part for part in code.co_consts if type(part) is CodeType]
    return any(map(asks_identity, inner)) or any(
        this.argval is True or this.argval is False
        for this, then in pairwise(dis.get_instructions(code))
        if then.opname == "IS_OP"
    )


def scalar_unary(name: str, evaluate: Callable[[Any], Any]) -> Any:
    """Return a unary operator method of recorded scalars."""
    operation = REGISTRY[name]

    def method(self: RecordedScalar) -> Any:
        if self._tape.thread != get_ident() and (own := stand_in(self)) is not self:
            return evaluate(own)
        if type(self._value) in PYTHON_NUMBERS and self._tape.thread == get_ident():
            return record_python(operation, (self,), evaluate(self._value))
        return record_unary(operation, self, NO_SETTINGS)

    return method


def general_binary(op: Operation, left: Any, right: Any, reflected: bool) -> Any:
    """Record a binary operator, or hand it to the other operand."""
    is_equality = op.name in EQUALITIES and issubclass(type(left), RecordedArray)
    if is_equality and is_another_kind(right):
        return EQUALITIES[op.name](left._current(), right)
    if type(right) not in MET and defers(right):
        return NotImplemented
    if isinstance(right, (list, tuple)) and leaves_lists(op, left):
        return NotImplemented
    number = builtin(right)
    if number is not right:
        method = getattr(type(left), SPECIAL_NAMES[op.name, reflected])
        return method(left, number)
    if reflected:
        left, right = right, left
    return record_operation(op, (left, right), NO_SETTINGS)


def leaves_lists(operation: Operation, number: Any) -> bool:
    """Whether an operator of a number and a list is Python's.

    All those of its own numbers are: of ``n * [x]`` it asks `n` for a whole number.
    """
    return issubclass(type(number), RecordedScalar) and (
        operation.name == "multiply" or type(number._value) in PYTHON_NUMBERS
    )


#: Operands that no other class's operators are asked for.
MET = frozenset(
    {RecordedArray, RecordedScalar, *DEFERRED, ndarray, list, tuple, *PLAIN_NUMBERS}
)
#: What never counts as equal to a number, so that the answer is data.
OTHER_KINDS = (type(None), str, bytes, dict, set)
EQUALITIES: dict[str, BinaryFunction] = {"equal": operator.eq, "not_equal": operator.ne}


def is_another_kind(value: Any) -> bool:
    """Whether no number is equal to a value: None, texts, times, and arrays of them."""
    if has_class(value, (ndarray, np.generic)):
        return value.dtype.kind not in "biufcO"  # type: ignore[attr-defined]
    return has_class(value, OTHER_KINDS)


def defers(other: Any) -> bool:
    """Whether NumPy leaves an operator to the other operand, or has no answer."""
    kind = type(other)
    if issubclass(kind, OTHER_KINDS):
        return True
    if issubclass(kind, (ndarray, np.generic)):
        return False
    if hasattr(kind, "__array_ufunc__"):
        if kind.__array_ufunc__ is None or bases_of_xarray(kind):
            return True
        return recorded_in(other) is not None
    priority = getattr(kind, "__array_priority__", 0.0)
    return has_class(priority, (int, float)) and priority > 0.0


def array_binary(name: str, reflected: bool) -> Any:
    """Return an operator method of recorded arrays.

    The common cases (a second array on the same tape, a number, a scalar) are written
    out; `record_operation` does the rest.
    """
    operation = REGISTRY[name]
    evaluate = operation.function
    reads = (operation.reads_operand(0), operation.reads_operand(1))
    reads_self, reads_other = reads[::-1] if reflected else reads
    reads_result, adds = operation.reads_result, operation.adds

    def method(self: RecordedArray, other: Any) -> Any:
        tape = self._tape
        kind = type(other)
        first = self._index
        if first == PASSIVE or tape.thread != get_ident():
            return general_binary(operation, self, other, reflected)
        storage = self._storage
        if storage is not None and self._version != storage.version:
            return general_binary(operation, self, other, reflected)
        if kind is RecordedArray or kind is RecordedScalar:
            second, number = other._index, other._value
            if second == PASSIVE or other._tape is not tape or is_stale(other):
                return general_binary(operation, self, other, reflected)
        elif kind in PLAIN_NUMBERS:
            second, number = tape.number(other), other
        else:
            return general_binary(operation, self, other, reflected)
        own = self._value
        outputs = tape.play.outputs
        try:
            value = evaluate(number, own) if reflected else evaluate(own, number)
        except Exception as error:
            note_raise(error, name, (other, self) if reflected else (self, other))
            raise
        if reads_self and outputs[first] is None:
            save(self, own, tape, first)
        if reads_other and outputs[second] is None:
            save(other, number, tape, second)
        operands = (second, first) if reflected else (first, second)
        if adds and tape.keeps_guards:
            note_lying(tape, (first, second), (own, number))
        line = (tape.line_here or user_line(2)) if tape.keeps_lines else None
        if type(value) is ndarray:
            like = array_type(value.shape, value.dtype)
            kept = value if reads_result and not tape.forgets else None
            index = tape.append(operation, operands, NO_SETTINGS, like, kept, line)
            return RecordedArray(tape, index, value)
        like = type_of(value)
        index = tape.append(operation, operands, NO_SETTINGS, like, value, line)
        return RecordedScalar(tape, index, value)

    return method


#: NumPy's own operators do these powers of arrays by simpler ufuncs.
SIMPLE_POWERS = {
    2: REGISTRY["square"],
    1: REGISTRY["positive"],
    -1: REGISTRY["reciprocal"],
    0.5: REGISTRY["sqrt"],
}
#: Those of which `power` itself comes to another dtype, or to other numbers at
#: infinities and zeros: by the kind of the array and the type of the exponent.
OTHER_POWERS: dict[str, dict[type, tuple[float, ...]]] = {
    "?": {int: (2,)},
    "e": {int: (2, -1), float: (0.5,)},
    "F": {int: (2, -1), float: (0.5,)},
    "D": {int: (2, -1), float: (0.5,)},
}


def array_power(self: RecordedArray, exponent: Any) -> Any:
    """Record ``x**n`` as NumPy evaluates it."""
    dtype = self.dtype
    if dtype.char in OTHER_POWERS:
        return power_of_kind(self, exponent, OTHER_POWERS[dtype.char])
    if type(exponent) in (int, float) and dtype.kind == "f":
        operation = SIMPLE_POWERS.get(exponent)
        if operation is not None:
            return self.record(operation, (self,), NO_SETTINGS)
    return general_binary(REGISTRY["power"], self, exponent, False)


def power_of_kind(
    x: RecordedArray, exponent: Any, simple: dict[type, tuple[float, ...]]
) -> Any:
    """Record ``x**n``, of a recorded exponent with the derivative by it."""
    power = REGISTRY["power"]
    is_recorded = type(exponent) is RecordedScalar
    kind = type(exponent._value if is_recorded else exponent)
    for number in simple.get(kind, ()):
        if exponent == number:
            value = record_unary(SIMPLE_POWERS[number], x, NO_SETTINGS)
            if not is_recorded or value.dtype.kind not in "fc":
                return value
            with np.errstate(all="ignore"):
                general = general_binary(power, x, exponent, False)
            return record_operation(VALUED_AS, (general, value), NO_SETTINGS)
    return general_binary(power, x, exponent, False)


def in_place(name: str) -> Any:
    """Return an in-place operator method of recorded arrays, with NumPy's casting.

    NumPy asks first whether the array may be written, then for a loop of its type, and
    for fitting shapes at last.
    """
    operation = REGISTRY[name]
    ufunc = getattr(np, name)

    def general(self: RecordedArray, other: Any) -> Any:
        return general_binary(operation, self, other, False)

    compute = array_power if name == "power" else general

    def method(self: RecordedArray, other: Any) -> Any:
        self.check_writeable()
        try:
            result = compute(self, other)
            if result is not NotImplemented:
                write_whole(self, result, operation.name)
                return self
        except RAW as error:
            raise as_numpy(ufunc, (self, other, self), {}, error) from error.__cause__
        return result

    return method


def write_whole(
    target: RecordedArray, result: Any, name: str, casting: Any = "same_kind"
) -> None:
    """Replace all elements of an array: ``out=``, ``+=``; shapes and casts as NumPy."""
    shape, dtype = np.shape(result), plain(result).dtype
    if (
        shape != target.shape
        and np.broadcast_shapes(shape, target.shape) != target.shape
    ):
        raise ValueError(
            f"non-broadcastable output operand with shape {target.shape} "
            f"doesn't match the broadcast shape {shape}"
        )
    if not np.can_cast(dtype, target.dtype, casting):
        raise TypeError(
            f"Cannot cast ufunc '{name}' output from {dtype!r} to {target.dtype!r} "
            f"with casting rule {casting!r}"
        )
    target._write(Ellipsis, as_cast(result))


def unary(name: str) -> Any:
    """Return a unary operator method."""
    operation = REGISTRY[name]

    def method(self: RecordedValue) -> Any:
        return record_unary(operation, self, NO_SETTINGS)

    return method


BINARY: dict[str, tuple[str, BinaryFunction]] = {
    "add": ("add", operator.add),
    "sub": ("subtract", operator.sub),
    "mul": ("multiply", operator.mul),
    "truediv": ("divide", operator.truediv),
    "floordiv": ("floor_divide", operator.floordiv),
    "mod": ("remainder", operator.mod),
    "pow": ("power", operator.pow),
    "and": ("bitwise_and", operator.and_),
    "or": ("bitwise_or", operator.or_),
    "xor": ("bitwise_xor", operator.xor),
    "lshift": ("left_shift", operator.lshift),
    "rshift": ("right_shift", operator.rshift),
}
COMPARISONS: dict[str, tuple[str, BinaryFunction]] = {
    "lt": ("less", operator.lt),
    "le": ("less_equal", operator.le),
    "gt": ("greater", operator.gt),
    "ge": ("greater_equal", operator.ge),
    "eq": ("equal", operator.eq),
    "ne": ("not_equal", operator.ne),
}
#: The method of each operator, reflected or not.
SPECIAL_NAMES = {
    **{(name, False): f"__{short}__" for short, (name, _) in BINARY.items()},
    **{(name, True): f"__r{short}__" for short, (name, _) in BINARY.items()},
    **{(name, False): f"__{short}__" for short, (name, _) in COMPARISONS.items()},
    ("matmul", False): "__matmul__",
    ("matmul", True): "__rmatmul__",
}
UNARY: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "neg": ("negative", operator.neg),
    "pos": ("positive", operator.pos),
    "abs": ("absolute", operator.abs),
    "invert": ("invert", operator.invert),
}


def scalar_power(power: Any) -> Any:
    """Return ``__pow__``, which may be asked for a power modulo a number."""

    def method(self: RecordedScalar, other: Any, modulo: Any = None) -> Any:
        if modulo is None:
            return power(self, other)
        examples = [plain_example(part) for part in (self, other, modulo)]
        if not all(has_class(part, int) for part in examples):
            return pow(*examples)  # which raises what Python raises
        return pow(*map(operator.index, (self, other, modulo)))

    return method


def deferring_binary(name: str, reflected: bool) -> Any:
    """Return an operator method of values whose numbers may not be there."""
    operation = REGISTRY[name]

    def method(self: RecordedValue, other: Any) -> Any:
        return general_binary(operation, self, other, reflected)

    return method


def deferring_unary(name: str) -> Any:
    """Return a unary operator method of values whose numbers may not be there."""
    operation = REGISTRY[name]

    def method(self: RecordedValue) -> Any:
        return record_operation(operation, (self,), NO_SETTINGS)

    return method


def _install_deferring_operators() -> None:
    names = [
        ("matmul", "matmul"),
        *((short, name) for short, (name, _) in BINARY.items()),
    ]
    for short, name in names:
        for prefix, reflected in (("", False), ("r", True)):
            if (short, reflected) != ("pow", False):
                method = deferring_binary(name, reflected)
                setattr(DeferredArray, f"__{prefix}{short}__", method)
            if short in ("add", "sub", "mul", "truediv"):
                setattr(DeferredScalar, f"__{prefix}{short}__", method)
    for short, (name, _) in COMPARISONS.items():
        setattr(DeferredArray, f"__{short}__", deferring_binary(name, False))
    for short, (name, _) in UNARY.items():
        setattr(DeferredArray, f"__{short}__", deferring_unary(name))
    setattr(DeferredScalar, "__neg__", deferring_unary("negative"))  # noqa: B010


def _install_operators() -> None:
    for short, (name, evaluate) in BINARY.items():
        for prefix, reflected in (("", False), ("r", True)):
            method = scalar_binary(name, evaluate, reflected)
            setattr(RecordedScalar, f"__{prefix}{short}__", method)
            method = array_binary(name, reflected)
            setattr(RecordedArray, f"__{prefix}{short}__", method)
        setattr(RecordedArray, f"__i{short}__", in_place(name))
    extra = {
        "__matmul__": array_binary("matmul", False),
        "__rmatmul__": array_binary("matmul", True),
        "__imatmul__": in_place("matmul"),
        "__pow__": array_power,
    }
    for method_name, method in extra.items():
        setattr(RecordedArray, method_name, method)
    setattr(RecordedScalar, "__pow__", scalar_power(vars(RecordedScalar)["__pow__"]))  # noqa: B010
    for short, (name, evaluate) in COMPARISONS.items():
        setattr(RecordedScalar, f"__{short}__", scalar_comparison(name, evaluate))
        setattr(RecordedArray, f"__{short}__", array_binary(name, False))
    for short, (name, evaluate_one) in UNARY.items():
        setattr(RecordedScalar, f"__{short}__", scalar_unary(name, evaluate_one))
        setattr(RecordedArray, f"__{short}__", unary(name))


_install_operators()
_install_deferring_operators()
