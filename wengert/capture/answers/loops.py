"""Functions that call a user's function element by element, answered while recording.

What the function returns may be recorded although the elements are plain.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from wengert.capture.answers.leading import plain
from wengert.capture.answers.makers import converted
from wengert.capture.answers.table import answered, holds, passive, tape_here
from wengert.core.operation import DISPATCH
from wengert.ops.join import gather


@answered("vectorize")
class vectorize:  # noqa: N801 - NumPy's name
    """Answer ``np.vectorize``: a loop over elements."""

    def __init__(self, pyfunc: Any = None, *args: Any, **settings: Any) -> None:
        self.pyfunc, self.settings = pyfunc, settings
        if pyfunc is None:  # it is to decorate one
            return
        self.original = np_vectorize(pyfunc, *args, **settings)
        self.__name__ = getattr(pyfunc, "__name__", "vectorize")

    def __call__(self, *args: Any, **settings: Any) -> Any:
        """Return the function's results at every element, as one array."""
        if self.pyfunc is None:
            return vectorize(*args, **self.settings)
        tape = tape_here()
        if tape is None:
            return self.original(*args, **settings)
        excluded = self.original.excluded
        given: dict[Any, Any] = {**dict(enumerate(args)), **settings}
        varied = {name: given[name] for name in given if name not in excluded}
        if not varied:
            return self.pyfunc(*args, **settings)
        shape, elements = self._elements(list(varied.values()))
        found = []
        for parts in elements:
            now = given | dict(zip(varied, parts, strict=True))
            positional = [now[k] for k in range(len(args))]
            found.append(self.pyfunc(*positional, **{k: now[k] for k in settings}))
        return self._joined(tape, found, shape)

    def _elements(self, values: list[Any]) -> tuple[Any, Iterator[list[Any]]]:
        """Return the shape of the loop, and the elements that each step takes."""
        inner = [0] * len(values)
        if self.original.signature is not None:
            takes = self.original.signature.partition("->")[0]
            cores = re.findall(r"\(([^)]*)\)", takes)
            inner = [len(re.findall(r"\w+", core)) for core in cores]
        arrays = [as_elements(v, n > 0) for v, n in zip(values, inner, strict=True)]
        outer = [len(np.shape(a)) - n for a, n in zip(arrays, inner, strict=True)]
        shape = np.broadcast_shapes(
            *(np.shape(a)[:n] for a, n in zip(arrays, outer, strict=True))
        )
        spread = [
            np.broadcast_to(a, (*shape, *np.shape(a)[n:]))
            for a, n in zip(arrays, outer, strict=True)
        ]
        return shape, ([a[place] for a in spread] for place in np.ndindex(shape))

    def _joined(self, tape: Any, found: list[Any], shape: Any) -> Any:
        """Return listed results as arrays of the dtypes asked for, or of the first."""
        if not found:
            raise ValueError("cannot call `vectorize` on size 0 inputs")
        kinds = self.original.otypes
        if not isinstance(found[0], tuple):
            return in_shape(tape, found, shape, kinds[0] if kinds else None)
        kinds = kinds or [None] * len(found[0])
        return tuple(
            in_shape(tape, list(part), shape, kind)
            for part, kind in zip(zip(*found, strict=True), kinds, strict=True)
        )


np_vectorize = vectorize.__wrapped__  # type: ignore[attr-defined]


def as_elements(value: Any, are_arrays: bool) -> Any:
    """Return an argument as an array; its elements are Python's, as NumPy gives them.

    Functions of arrays (`are_arrays`) get them as they are.
    """
    if holds(value):
        return converted(value)
    return np.asarray(value) if are_arrays else np.asarray(value, dtype=object)


def in_shape(tape: Any, found: list[Any], shape: Any, kind: Any) -> Any:
    """Return listed results in a shape, in the dtype of the first unless one is asked.

    The letter of a dtype, so that texts may be longer than the first.
    """
    first = found[0]
    kind = kind or (first if hasattr(first, "dtype") else np.asarray(first)).dtype.char
    if not holds(found):
        return passive(
            tape, np.reshape(np.array(found, dtype=kind), shape_of(found, shape))
        )
    joined = gather(found)
    joined = np.reshape(joined, shape_of(joined, shape))
    return np.astype(joined, np.dtype(kind), copy=False)


def shape_of(found: Any, shape: Any) -> tuple[int, ...]:
    """Return the shape of a loop followed by that of each result."""
    return (*shape, *np.shape(found)[1:])


@answered("piecewise")
def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    """Answer ``np.piecewise``, whose functions may return recorded values."""
    tape = tape_here()
    if tape is None and not holds(x):
        return np_piecewise(x, condlist, funclist, *args, **kw)
    x = gather(x) if holds(x) else passive(tape, np.array(x))
    return DISPATCH[np.piecewise](x, condlist, funclist, *args, **kw)  # type: ignore[operator]


np_piecewise = plain(np.piecewise)


@answered("apply_along_axis")
def apply_along_axis(func1d: Any, axis: int, arr: Any, *args: Any, **kw: Any) -> Any:
    """Answer ``np.apply_along_axis``, whose function may return recorded values."""
    tape = tape_here()
    if tape is None and not holds(arr):
        return np_apply_along_axis(func1d, axis, arr, *args, **kw)
    answer = DISPATCH[np.apply_along_axis]
    return passive(tape, answer(func1d, axis, arr, *args, **kw))  # type: ignore[operator]


np_apply_along_axis = plain(np.apply_along_axis)
