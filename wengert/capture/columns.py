"""Columns of pandas' objects that hold recorded arrays.

pandas computes with arrays that answer its extension interface; this is one, around a
recorded array.  Alignment, labels and selections are pandas' own.  What asks for the
numbers themselves (a comparison, an order, whether one is missing) is guarded.  pandas
is imported here alone, and this module only by who has met one of its objects.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionArray, ExtensionDtype
from pandas.api.indexers import check_array_indexer

from wengert.capture.answers.table import RECORDING
from wengert.capture.array import wrap_passive
from wengert.core.types import (
    Recorded,
    exact_value,
    has_class,
    is_array,
    plain_example,
)
from wengert.errors import UnsupportedError, explain
from wengert.ops.join import as_array

HOLDERS = (pd.Series, pd.Index, pd.DataFrame)
#: What has its numbers in one array.
ARRAYS = (ExtensionArray, np.ndarray, Recorded)


class RecordedDtype(ExtensionDtype):  # type: ignore[misc]
    """The type of recorded columns: numbers, of which a missing one is NaN."""

    name = "recorded"
    type = np.float64
    kind = "f"
    na_value = np.nan
    _is_numeric = True
    _metadata = ()

    @classmethod
    def construct_array_type(cls) -> Any:
        """Return the class of columns."""
        return RecordedColumn

    def _get_common_dtype(self, dtypes: list[Any]) -> Any:
        numeric = [isinstance(d, RecordedDtype) or d.kind in "biufc" for d in dtypes]
        return self if all(numeric) else None


def array_of(value: Any) -> Any:
    """Return the array of a column, and anything else as it is."""
    if isinstance(value, RecordedColumn):
        return value.array
    if isinstance(value, pd.arrays.NumpyExtensionArray):
        return value.to_numpy()
    if isinstance(value, ExtensionArray):
        return value.to_numpy(np.float64)
    return value


def is_type(value: Any, kind: type) -> bool:
    """Whether a value is an array of a type."""
    dtype = getattr(value, "dtype", None)
    return isinstance(dtype, np.dtype) and dtype == np.dtype(kind)


def opened(value: Any) -> Any:
    """Return nested arguments with arrays in place of columns."""
    if isinstance(value, (tuple, list)):
        return type(value)(map(opened, value))
    return array_of(value)


def closed(value: Any) -> Any:
    """Return a result of one axis as a column."""
    has_axes = has_class(value, ARRAYS[1:])
    return RecordedColumn(value) if has_axes and len(value.shape) == 1 else value


def binary(name: str, reflected: bool = False) -> Callable[[Any, Any], Any]:
    """Return an operator of columns."""
    function = getattr(operator, name)

    def method(self: Any, other: Any) -> Any:
        if isinstance(other, HOLDERS):
            return NotImplemented
        other = array_of(as_array(other) if isinstance(other, list) else other)
        x, y = (other, self.array) if reflected else (self.array, other)
        if name in DIVISIONS and divides_by_nothing(x, y):
            y = y * 1.0
        return closed(function(x, y))

    return method


#: What pandas gives as of real numbers where a whole number is divided by 0.
DIVISIONS = ("floordiv", "mod")


def divides_by_nothing(x: Any, y: Any) -> bool:
    """Whether a whole number is divided by 0."""
    is_whole = np.result_type(*map(plain_example, (x, y))).kind in "iu"
    return is_whole and bool(np.any(np.equal(y, 0)))


def comparison(name: str) -> Callable[[Any, Any], Any]:
    """Return a comparison of columns: plain truth values, which are guarded."""
    compare = binary(name)

    def method(self: Any, other: Any) -> Any:
        found = compare(self, other)
        return found if found is NotImplemented else plain(found)

    return method


def plain(column: Any) -> Any:
    """Return the numbers of a column, guarded, to ask with."""
    return np.array(exact_value(array_of(column)))


def unary(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return an operator of one column."""

    def method(self: Any) -> Any:
        return RecordedColumn(function(self.array))

    return method


class RecordedColumn(ExtensionArray):  # type: ignore[misc]
    """A recorded array of one axis, as pandas wants its arrays."""

    __array_priority__ = 1000
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, array: Any) -> None:
        tape = RECORDING.get()
        if is_array(array) and tape is not None:
            array = wrap_passive(tape, array)
        self.array = array

    # What pandas asks of every array

    @classmethod
    def _from_sequence(
        cls, scalars: Any, *, dtype: Any = None, copy: bool = False
    ) -> Any:
        if has_class(scalars, ARRAYS) and not is_type(scalars, object):
            array = array_of(scalars)
        else:
            array = as_array([np.nan if part is pd.NA else part for part in scalars])
        if not array.size:
            array = np.zeros(0)
        return cls(np.copy(array) if copy else array)

    @classmethod
    def _empty(cls, shape: Any, dtype: Any) -> Any:
        return cls(np.zeros(shape))

    @classmethod
    def _concat_same_type(cls, to_concat: Sequence[Any]) -> Any:
        return cls(np.concatenate([part.array for part in to_concat]))

    @property
    def dtype(self) -> RecordedDtype:
        """The one type of columns."""
        return RecordedDtype()

    @property
    def nbytes(self) -> int:
        """How much memory the numbers take, in bytes."""
        return int(self.array.size * self.array.dtype.itemsize)

    def __len__(self) -> int:
        return int(self.array.shape[0])

    def __getitem__(self, item: Any) -> Any:
        found = self.array[check_array_indexer(self, item)]
        return RecordedColumn(found) if np.ndim(found) else found

    def __setitem__(self, key: Any, value: Any) -> None:
        value = as_array(value) if isinstance(value, list) else array_of(value)
        self.array[check_array_indexer(self, key)] = value

    def isna(self) -> Any:
        """Return where a number is missing: one guard where none is."""
        if not np.isnan(self.array).any():
            return np.zeros(len(self), bool)
        return plain(np.isnan(self.array))

    def take(
        self, indices: Any, *, allow_fill: bool = False, fill_value: Any = None
    ) -> Any:
        """Return the numbers at some places; -1 is a missing one where asked for."""
        places = np.asarray(indices, np.intp)
        if not allow_fill or not (places < 0).any():
            return RecordedColumn(self.array[places])
        if (places < -1).any():
            raise ValueError("places below -1")
        missing = np.nan if fill_value is None or fill_value is pd.NA else fill_value
        if not len(self):
            return RecordedColumn(np.full(places.shape, missing))
        found = self.array[np.where(places < 0, 0, places)]
        return RecordedColumn(np.where(places < 0, missing, found))

    def copy(self) -> Any:
        """Return a copy."""
        return RecordedColumn(np.copy(self.array))

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        """Return another type of numbers; of anything else there is none."""
        if isinstance(dtype, RecordedDtype):
            return self.copy() if copy else self
        if isinstance(dtype, np.dtype) and dtype.kind in "fc":
            return RecordedColumn(np.astype(self.array, dtype))
        if isinstance(dtype, np.dtype) and dtype.kind in "biu":
            return plain(self).astype(dtype)
        if np.dtype(dtype) == np.dtype(object):
            found = np.empty(len(self), object)
            for k, part in enumerate(self.array):
                found[k] = part
            return found
        raise unsupported(f"astype({dtype})")

    def to_numpy(
        self, dtype: Any = None, copy: bool = False, na_value: Any = None
    ) -> Any:
        """Return the recorded array."""
        return np.copy(self.array) if copy else self.array

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        if dtype is not None and np.dtype(dtype) == np.dtype(object):
            return self.astype(object)
        raise unsupported("the plain array")

    def map(self, mapper: Any, na_action: Any = None) -> Any:
        """Return a function of each number; or plain values by a guarded number."""
        if callable(mapper):
            return RecordedColumn(as_array([mapper(part) for part in self.array]))
        return pd.Series(plain(self)).map(mapper, na_action=na_action).array

    def _quantile(self, qs: Any, interpolation: str) -> Any:
        missing = self.isna()
        array = self.array[~missing] if missing.any() else self.array
        how: Any = {"method": interpolation}
        return RecordedColumn(np.quantile(array, np.asarray(qs), **how))

    # NumPy

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, **settings: Any
    ) -> Any:
        if any(isinstance(part, HOLDERS) for part in inputs):
            return NotImplemented
        found = getattr(ufunc, method)(*opened(inputs), **settings)
        if isinstance(found, tuple):
            return tuple(map(closed, found))
        is_truth = is_type(found, bool) and np.ndim(found) == 1
        return plain(found) if is_truth else closed(found)

    def __array_function__(
        self, function: Any, types: Any, args: Any, kwargs: Any
    ) -> Any:
        settings = {name: opened(value) for name, value in kwargs.items()}
        return function(*opened(args), **settings)

    __neg__ = unary(operator.neg)
    __pos__ = unary(operator.pos)
    __abs__ = unary(np.abs)

    # Along the column

    def _reduce(
        self, name: str, *, skipna: bool = True, keepdims: bool = False, **settings: Any
    ) -> Any:
        if name not in REDUCTIONS:
            raise unsupported(name)
        missing = self.isna() if skipna else np.zeros(len(self), bool)
        array = self.array[~missing] if missing.any() else self.array
        least = settings.get("ddof", 1) + 1 if name in SPREADS else LEAST.get(name, 0)
        is_few = array.size < max(settings.pop("min_count", 0), least)
        found = np.nan if is_few else REDUCTIONS[name](array, **settings)
        return RecordedColumn(as_array([found])) if keepdims else found

    def _accumulate(self, name: str, *, skipna: bool = True, **settings: Any) -> Any:
        function, start = ACCUMULATIONS[name]
        missing = self.isna() if skipna else np.zeros(len(self), bool)
        if not missing.any():
            return RecordedColumn(function(self.array))
        found = function(np.where(missing, start, self.array))
        return RecordedColumn(np.where(missing, np.nan, found))

    def _groupby_op(
        self, *, how: str, ngroups: int, ids: Any, min_count: int, **settings: Any
    ) -> Any:
        settings.pop("has_dropped_na", None)
        groups = [np.flatnonzero(ids == k) for k in range(ngroups)]
        columns = [self.take(places) for places in groups]
        if how in ACCUMULATIONS:
            found = self._concat_same_type([c._accumulate(how) for c in columns])
            places = np.full(len(self), -1)  # what is in no group is missing
            order = np.concatenate(groups)
            places[order] = np.arange(order.size)
            return found.take(places, allow_fill=True)
        if min_count > 0:
            settings["min_count"] = min_count
        parts = [column._reduce(how, **settings) for column in columns]
        return RecordedColumn(as_array(parts))

    def _values_for_argsort(self) -> Any:
        return plain(self)

    def _values_for_factorize(self) -> Any:
        raise unsupported("what numbers there are")

    def _formatter(self, boxed: bool = False) -> Any:
        return str


OPERATORS = "add sub mul truediv floordiv mod pow matmul".split()
for operation in OPERATORS:
    setattr(RecordedColumn, f"__{operation}__", binary(operation))
    setattr(RecordedColumn, f"__r{operation}__", binary(operation, reflected=True))
for operation in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(RecordedColumn, f"__{operation}__", comparison(operation))


def unsupported(name: str) -> UnsupportedError:
    """Return the error of what pandas does with plain numbers alone."""
    return UnsupportedError(
        explain(
            f"{name} of a recorded column of pandas'",
            "pandas computes it with code of its own, which no tape follows",
            "NumPy's functions of np.asarray(x), which is the recorded array",
        )
    )


# Sums and their kin, as pandas defines them


#: Reductions of the numbers that are there; pandas divides by one less than there are.
REDUCTIONS: dict[str, Callable[..., Any]] = {
    "sum": lambda array, **_: np.sum(array),
    "prod": lambda array, **_: np.prod(array),
    "mean": lambda array, **_: np.mean(array),
    "median": lambda array, **_: np.median(array),
    "min": lambda array, **_: np.min(array),
    "max": lambda array, **_: np.max(array),
    "var": lambda array, ddof=1, **_: np.var(array, ddof=ddof),
    "std": lambda array, ddof=1, **_: np.std(array, ddof=ddof),
    "sem": lambda array, ddof=1, **_: np.std(array, ddof=ddof) / np.sqrt(array.size),
}
#: Of how many numbers at least; of fewer it is missing.
LEAST = {"mean": 1, "median": 1, "min": 1, "max": 1}
#: Of more than their ``ddof`` numbers.
SPREADS = ("var", "std", "sem")
ACCUMULATIONS: dict[str, tuple[Callable[..., Any], float]] = {
    "cumsum": (np.cumsum, 0.0),
    "cumprod": (np.cumprod, 1.0),
    "cummax": (np.maximum.accumulate, -np.inf),
    "cummin": (np.minimum.accumulate, np.inf),
}


# Containers


class Labels:
    """The axes of a series or of a frame, its name and its attributes.

    Two are equal where every label is.
    """

    __slots__ = ("attrs", "axes", "kind", "name")

    def __init__(self, kind: Any, axes: list[Any], name: Any, attrs: Any) -> None:
        self.kind, self.axes, self.name, self.attrs = kind, axes, name, attrs

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Labels)
            and (self.kind, self.name) == (other.kind, other.name)
            and self.attrs == other.attrs
            and all(map(pd.Index.identical, self.axes, other.axes))
        )

    def __hash__(self) -> int:
        return hash((self.kind, *map(len, self.axes)))

    def __reduce__(self) -> Any:
        return Labels, (self.kind, self.axes, self.name, self.attrs)


def is_number(dtype: Any) -> bool:
    """Whether a column of a type holds numbers, recorded or plain."""
    if isinstance(dtype, np.dtype):
        return dtype.kind in "iufc"
    return isinstance(dtype, RecordedDtype)


def columns_of(value: Any) -> list[Any] | None:
    """Return the arrays of all columns; None unless all are of numbers."""
    if isinstance(value, pd.Series):
        return [array_of(value.array)] if is_number(value.dtype) else None
    if not len(value.columns) or not all(map(is_number, value.dtypes)):
        return None
    return [array_of(value.iloc[:, k].array) for k in range(len(value.columns))]


def taken_apart(value: Any) -> tuple[tuple[Any, ...], Labels] | None:
    """Return the columns and the labels; None where they are not all of numbers."""
    columns = columns_of(value)
    if columns is None:
        return None
    name = value.name if isinstance(value, pd.Series) else None
    labels = Labels(type(value), list(value.axes), name, dict(value.attrs))
    return tuple(columns), labels


def recorded_in(value: Any) -> Any:
    """Return the recorded array of an object; None where no column is recorded."""
    if isinstance(value, RecordedColumn):
        return value.array
    columns = columns_of(value) if isinstance(value, HOLDERS[::2]) else None
    if not any(isinstance(column, Recorded) for column in columns or ()):
        return None
    assert columns is not None
    is_series = isinstance(value, pd.Series)
    return columns[0] if is_series else np.stack(columns, axis=1)


def labelled(labels: Labels, children: tuple[Any, ...]) -> Any:
    """Return an object with labels; what has another shape, as a Jacobian, has none.

    A frame's are then in a dictionary, by column.
    """
    rows, *columns = labels.axes
    if not all(is_column(child, len(rows)) for child in children):
        return dict(zip(*columns, children, strict=True)) if columns else children[0]
    arrays = [RecordedColumn(x) if isinstance(x, Recorded) else x for x in children]
    if columns:
        made = labels.kind(dict(enumerate(arrays)), rows)
        made.columns = columns[0]
    else:
        made = labels.kind(arrays[0], rows, name=labels.name)
    made.attrs = dict(labels.attrs)
    return made


def is_column(array: Any, count: int) -> bool:
    """Whether a value is an array of one axis with so many numbers."""
    is_numeric = has_class(array, (np.ndarray, np.generic, Recorded))
    return is_numeric and array.shape == (count,)
