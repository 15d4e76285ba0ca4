"""Products: sums over shared axes of what is multiplied element by element."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from wengert.core.forms import Contract
from wengert.core.types import Type
from wengert.lower.graph import Affine, Node
from wengert.lower.refusal import NotLoweredError
from wengert.lower.values import Value, step_of
from wengert.ops.products import starts_at_zero

if TYPE_CHECKING:
    from wengert.lower.lower import Lowering

#: Elements of every side from which a matrix product is left to BLAS.
BLAS = 256


def contracted(
    lowering: Lowering,
    index: int,
    form: Contract,
    operands: list[Value],
    settings: dict[str, Any],
    like: Type,
) -> Value:
    """Return a sum of products over shared axes."""
    subscripts = form.of(tuple([len(value.dims) for value in operands]), settings)
    inputs, output = subscripts.split("->")
    if "+" in output:
        raise NotLoweredError("sums of places")
    terms = [
        with_dots(term, len(value.dims))
        for term, value in zip(inputs.split(","), operands, strict=True)
    ]
    type_ = str(like.dtype)
    nodes, letters = lettered(lowering, index, terms, operands)
    leave_to_blas(lowering, terms, output, letters)
    output = spelled(output, terms)
    product = lowering.graph.map("x", (nodes[0],), type_)
    for node in nodes[1:]:
        product = lowering.graph.map("x * y", (product, node), type_)
    gone = [axis for letter, axis in letters.items() if letter not in output]
    shapes = [lowering.shape(k) for k in lowering.tape.operands[index]]
    is_from_zero = type_.startswith("float") and starts_at_zero(
        lowering.tape.operations[index], shapes, settings
    )
    step = step_of("x + y", type_)._replace(is_from_zero=is_from_zero)
    found = lowering.graph.reduce(step, product, gone)
    return Value(found, tuple([letters.get(letter) for letter in output]))


def lettered(
    lowering: Lowering, index: Any, terms: Sequence[str], operands: Sequence[Value]
) -> tuple[list[Node], dict[str, int]]:
    """Return operands along one axis a letter, and the axis of each letter."""
    axes, nodes = lowering.axes, []
    letters: dict[str, int] = {}
    for k, (term, value) in enumerate(zip(terms, operands, strict=True)):
        moved: dict[int, Affine] = {}
        for place, (letter, dim) in enumerate(zip(term, value.dims, strict=True)):
            if dim is None:
                continue
            axis = axes.find(dim)
            if letter not in letters:
                if axis in [axes.find(a) for a in letters.values()]:
                    extent = axes.extents[axis]
                    own = axes.of((index, "again", k, place), extent)
                    moved[axis] = Affine(0, ((own, 1),))
                    axis = own
                letters[letter] = axis
                axes.keep_apart(letters.values())
            elif not axes.unite(axis, letters[letter]):
                moved[axis] = Affine(0, ((axes.find(letters[letter]), 1),))
        nodes.append(lowering.graph.view(value.node, moved))
    letters = {letter: axes.find(axis) for letter, axis in letters.items()}
    if len(set(letters.values())) < len(letters):
        raise NotLoweredError("a product of an axis with itself")
    return nodes, letters


def leave_to_blas(
    lowering: Lowering, terms: Sequence[str], output: str, letters: dict[str, int]
) -> None:
    """Refuse a product of two large matrices, which BLAS does faster."""
    left, right = set(terms[0]), set(terms[-1])
    if len(terms) != 2 or left & right & set(output):
        return
    sides = [left & right, left - right, right - left]
    counts = [
        lowering.graph.count(letters[c] for c in side if c in letters) for side in sides
    ]
    if min(counts) >= BLAS:
        raise NotLoweredError("a product of large matrices")


def with_dots(term: str, ndim: int) -> str:
    """Return a term with a digit an axis of its ellipsis, the last axis being 9."""
    extra = ndim - len(term.replace("...", ""))
    return term.replace("...", "".join(str(9 - k) for k in reversed(range(extra))))


def spelled(output: str, terms: Sequence[str]) -> str:
    """Return the letters of a result, those of its ellipsis as digits."""
    dots = max(sum(c.isdigit() for c in term) for term in terms)
    return output.replace("...", "".join(str(9 - k) for k in reversed(range(dots))))
