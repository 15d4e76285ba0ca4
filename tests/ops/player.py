"""A player of forms: what an operation's form says, done with NumPy element by element.

It reads the form as data; of the operation's own function it asks only what the form
leaves to it, one element at a time, or where elements go.
"""

from __future__ import annotations

import ast
import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.core.forms import Contract, Map, Move, Reduce, Scan
from wengert.core.operation import REGISTRY, Operation

Function = Callable[..., Any]
NAMES: dict[str, Any] = {
    **{name: getattr(np, name) for name in "sqrt cbrt exp exp2 expm1 log log2".split()},
    **{name: getattr(np, name) for name in "log10 log1p sin cos tan sinh".split()},
    **{name: getattr(np, name) for name in "cosh tanh asin acos atan asinh".split()},
    **{name: getattr(np, name) for name in "acosh atanh atan2 hypot fmod".split()},
    **{name: getattr(np, name) for name in "maximum minimum fmax fmin sign".split()},
    **{name: getattr(np, name) for name in "floor ceil trunc rint isnan isinf".split()},
    **{name: getattr(np, name) for name in "isfinite copysign ldexp".split()},
    **{name: getattr(np, name) for name in "nextafter pi inf nan".split()},
    "fabs": np.absolute,
    **{name: getattr(math, name) for name in "erf erfc lgamma".split()},
    "tgamma": math.gamma,
    "select": lambda condition, x, y: x if condition else y,
}


def expression(text: str) -> Function:
    """Return the function of elements that an expression is."""
    code = compile(ast.parse(text, mode="eval"), text, "eval")

    def function(*elements: Any) -> Any:
        with np.errstate(all="ignore"):
            return eval(code, NAMES | dict(zip("xyzw", elements, strict=False)))

    return function


def play_form(
    operation: Operation, operands: list[Any], settings: dict[str, Any], likes: Any
) -> Any:
    """Return what a form makes of operands: results of the given types."""
    form = operation.form
    if isinstance(form, Map):
        return play_map(operation, form, operands, settings, likes)
    if isinstance(form, Reduce):
        return play_reduce(form, operands, settings, likes)
    if isinstance(form, Scan):
        return play_scan(form, operands, settings, likes)
    if isinstance(form, Move):
        return play_move(operation, form, operands, settings, likes)
    if isinstance(form, Contract):
        return play_contract(form, operands, settings, likes)
    return operation.function(*operands, **settings)


def step_of(text: str | None, settings: dict[str, Any]) -> Function:
    """Return the step of a fold; the setting `ufunc` may name the operation it is."""
    if text is not None:
        return expression(text)
    operation = REGISTRY[settings["ufunc"]]
    return expression(operation.native) if operation.native else operation.function


def is_complex(*values: Any) -> bool:
    """Whether a complex number is among some values."""
    return any(np.iscomplexobj(value) for value in values)


# Element by element


def play_map(
    operation: Operation, form: Map, operands: list[Any], settings: Any, likes: Any
) -> Any:
    """Return each element from the elements at its place."""
    parts = [np.asarray(operand) for operand in operands]
    shape = np.broadcast_shapes(*(part.shape for part in parts))
    rows = [np.broadcast_to(part, shape) for part in parts]
    several = type(likes) is tuple
    results = [np.empty(shape, like.dtype) for like in (likes if several else [likes])]
    of_elements = element_function(operation, form, operands, settings, likes)
    for place in np.ndindex(shape):
        found = of_elements(*(row[place] for row in rows))
        for result, number in zip(results, found if several else [found], strict=True):
            result[place] = number
    return tuple(results) if several else results[0]


def element_function(
    operation: Operation, form: Map, operands: list[Any], settings: Any, likes: Any
) -> Function:
    """Return the function of elements: the text's, or the operation's own."""
    first = likes[0] if type(likes) is tuple else likes
    texts = form.texts(first.dtype.kind, settings)
    if texts is None or is_complex(*operands):
        kinds = [
            type(x) if type(x) in (int, float, complex) else None for x in operands
        ]

        def own(*elements: Any) -> Any:
            given = [k(e) if k else e for k, e in zip(kinds, elements, strict=True)]
            return operation.function(*given, **settings)

        return own
    if type(likes) is tuple:
        every = [expression(text) for text in texts]
        return lambda *elements: [function(*elements) for function in every]
    function = expression(texts[0])
    if likes.dtype == bool and set(texts[0]) & set("^&|~"):
        return lambda *elements: function(*(bool(e) for e in elements))
    # Numbers are converted to the result's type, unless it is the answer to a question.
    kind = likes.dtype.type
    if likes.dtype.kind not in "fc" or operation.name == "where":
        return function
    return lambda *elements: function(
        *(e if operation.name == "ldexp" else kind(e) for e in elements)
    )


# Folds


def fold(form: Reduce, step: Function, row: list[Any], start: Any, kind: Any) -> Any:
    """Return what a row folds to."""
    of = expression(form.of)
    if form.place:
        best = functools.reduce(step, row)
        same = [e == best or (e != e and best != best) for e in row]
        return same.index(True)
    if form.of != "x":
        row = [kind(of(element)) for element in row]
    if start is None:
        start = form.start if not row else row.pop(0)
    for element in row:
        start = step(start, element)
    return start


def play_reduce(form: Reduce, operands: list[Any], settings: Any, like: Any) -> Any:
    """Return the folds of all rows along the axes."""
    x = np.asarray(operands[0])
    if form.of == "x" and not form.place:  # folded in the type of the result
        x = x.astype(like.dtype)
    mask = np.broadcast_to(operands[1], x.shape) if len(operands) > 1 else None
    start = like.dtype.type(operands[2]) if len(operands) > 2 else None
    step = step_of(form.text, settings)
    axis = settings["axis"]
    if "indices" in settings:
        return play_stretches(form, step, x, settings, like)
    axes = range(x.ndim) if axis is None else np.atleast_1d(axis).tolist()
    axes = [k % x.ndim for k in axes]
    kept = [k for k in range(x.ndim) if k not in axes]
    lead = tuple(x.shape[k] for k in kept)
    order = [*kept, *axes]
    result = np.empty(lead, like.dtype)
    for place in np.ndindex(lead):
        row = x.transpose(order)[place].ravel()
        if mask is not None:
            row = row[mask.transpose(order)[place].ravel()]
        result[place] = fold(form, step, list(row), start, like.dtype.type)
    shape = [1 if k in axes else n for k, n in enumerate(x.shape)]
    return result.reshape(shape) if settings["keepdims"] else result


def play_stretches(
    form: Reduce, step: Function, x: Any, settings: Any, like: Any
) -> Any:
    """Return the folds of stretches along an axis."""
    moved = np.moveaxis(x, settings["axis"], -1)
    starts = list(settings["indices"])
    stops = [*starts[1:], moved.shape[-1]]
    result = np.empty((*moved.shape[:-1], len(starts)), like.dtype)
    for place in np.ndindex(moved.shape[:-1]):
        for k, (i, j) in enumerate(zip(starts, stops, strict=True)):
            stretch = list(moved[place][i : max(j, i + 1)])
            result[(*place, k)] = fold(form, step, stretch, None, like.dtype.type)
    return np.moveaxis(result, -1, settings["axis"])


def play_scan(form: Scan, operands: list[Any], settings: Any, like: Any) -> Any:
    """Return every step of the folds along an axis."""
    axis = settings["axis"]
    rows = [np.moveaxis(np.asarray(x).astype(like.dtype), axis, -1) for x in operands]
    step = step_of(form.text, settings)
    result = np.empty(rows[0].shape, like.dtype)
    for place in np.ndindex(result.shape[:-1]):
        last = None if form.start is None else like.dtype.type(form.start)
        for k in range(result.shape[-1]):
            elements = [row[place][k] for row in rows]
            last = elements[0] if last is None else step(last, *elements)
            result[(*place, k)] = last
    return np.moveaxis(result, -1, axis)


# Places


def play_move(
    operation: Operation, form: Move, operands: list[Any], settings: Any, like: Any
) -> Any:
    """Return the elements where the operation moves their numbers to."""
    if operation.name == "item":
        return operands[0][settings["result"]]
    count = len(operands) if form.moved is None else form.moved
    parts = [np.asarray(operand) for operand in operands[:count]]
    if form.adds:
        return play_add(operation, parts, operands[count:], settings, like)
    places, numbers = number_places(parts, like)
    # Laid out as the elements are: an order may depend on it.
    places = [
        np.asfortranarray(place) if part.flags.fnc else place
        for place, part in zip(places, parts, strict=True)
    ]
    given = [p[()] if np.ndim(p) == 0 else p for p in places]
    found = np.asarray(operation.function(*given, *operands[count:], **settings))
    if like.dtype.kind != "c":
        return numbers[found].astype(like.dtype)
    real, imag = found.real.astype(int), np.imag(found).astype(int)
    return (numbers[real] + 1j * numbers[imag]).astype(like.dtype)


def number_places(parts: list[Any], like: Any) -> tuple[list[Any], Any]:
    """Return a number for every place of some arrays, and what lies there.

    A complex number lies at two places, the first number of all is that of a zero.
    """
    places, numbers, start = [], [np.zeros(1, like.dtype)], 1
    for part in parts:
        if part.dtype.kind != "c":
            numbers.append(part.ravel())
            places.append(np.arange(start, start + part.size).reshape(part.shape))
            start += part.size
            continue
        flat = np.ravel(part)
        numbers.append(np.stack([flat.real, flat.imag], axis=1).ravel())
        first = start + 2 * np.arange(part.size)
        places.append((first + 1j * (first + 1)).reshape(part.shape))
        start += 2 * part.size
    if like.dtype.kind == "c":
        return places, np.concatenate(numbers).real
    return places, np.concatenate([number.astype(like.dtype) for number in numbers])


def play_add(
    operation: Operation, parts: list[Any], places: list[Any], settings: Any, like: Any
) -> Any:
    """Return the first operand with each element of the second added at its places."""
    base, value = parts
    result = base.astype(like.dtype)
    zeros = np.zeros(base.shape, np.int64)
    for place in np.ndindex(value.shape):
        one = np.zeros(value.shape, np.int64)
        one[place] = 1
        given = one[()] if one.ndim == 0 else one
        counts = operation.function(zeros, given, *places, **settings)
        result = result + (counts * value[place]).astype(like.dtype)
    return result.astype(like.dtype)


# Products


def play_contract(form: Contract, operands: list[Any], settings: Any, like: Any) -> Any:
    """Return the sums of products, one loop a letter."""
    parts = [np.asarray(operand) for operand in operands]
    if form.conjugated is not None:
        parts[form.conjugated] = np.conjugate(parts[form.conjugated])
    subscripts = form.of(tuple(part.ndim for part in parts), settings)
    inputs, output = subscripts.split("->")
    if "+" in output:
        return play_sums_of_places(parts, settings["mode"], like)
    terms = [
        with_dots(t, p.ndim) for t, p in zip(inputs.split(","), parts, strict=True)
    ]
    dots = max(sum(c.isdigit() for c in term) for term in terms)
    output = output.replace("...", "".join(str(9 - k) for k in reversed(range(dots))))
    sizes: dict[str, int] = {}
    for term, part in zip(terms, parts, strict=True):
        for letter, n in zip(term, part.shape, strict=True):
            sizes[letter] = n if sizes.get(letter, 1) == 1 else sizes[letter]
    letters = list(sizes)
    result = np.zeros([sizes[c] for c in output], like.dtype)
    for place in np.ndindex(*sizes.values()):
        at = dict(zip(letters, place, strict=True))
        factors = [
            part[
                tuple(
                    0 if n == 1 else at[c] for c, n in zip(t, part.shape, strict=True)
                )
            ]
            for t, part in zip(terms, parts, strict=True)
        ]
        result[tuple(at[c] for c in output)] += like.dtype.type(math.prod(factors))
    return result


def with_dots(term: str, ndim: int) -> str:
    """Return a term with a digit an axis of its ellipsis, the last axis being 9."""
    extra = ndim - len(term.replace("...", ""))
    return term.replace("...", "".join(str(9 - k) for k in reversed(range(extra))))


def play_sums_of_places(parts: list[Any], mode: str, like: Any) -> Any:
    """Return a sum of products over all pairs of places with the same sum."""
    a, v = parts
    whole = np.zeros(a.size + v.size - 1, like.dtype)
    for i in range(a.size):
        for j in range(v.size):
            whole[i + j] += a[i] * v[j]
    n = min(a.size, v.size)
    start = {"full": 0, "same": (n - 1) // 2, "valid": n - 1}[mode]
    return whole[start : start + like.shape[0]]
