"""Folds: axes of a value that become one element."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from wengert.core.forms import Reduce
from wengert.core.types import Type
from wengert.lower.graph import STARTS
from wengert.lower.refusal import NotLoweredError
from wengert.lower.values import Value, step_of

if TYPE_CHECKING:
    from wengert.lower.lower import Lowering


def reduced(
    lowering: Lowering,
    index: int,
    form: Reduce,
    operands: list[Value],
    settings: dict[str, Any],
    like: Type,
) -> Value:
    """Return axes folded."""
    known = form.text in STARTS and not form.place and "indices" not in settings
    if not known or len(operands) != 1:
        raise NotLoweredError(f"the operation {lowering.tape.operations[index].name}")
    node, dims = operands[0]
    if form.of != "x":
        node = lowering.graph.map(
            form.of, (node, lowering.graph.number(0, node.type)), "bool"
        )
    axis = settings["axis"]
    folded = range(len(dims)) if axis is None else np.atleast_1d(axis).tolist()
    places = {k % len(dims) for k in folded} if dims else set()
    type_ = str(like.dtype)
    assert form.text is not None
    is_from_zero = form.text == "x + y" and type_.startswith("float")
    step = step_of(form.text, type_)._replace(is_from_zero=is_from_zero)
    node = lowering.graph.map("x", (node,), type_)
    gone = [d for k, d in enumerate(dims) if k in places and d is not None]
    kept = [
        None if k in places else d
        for k, d in enumerate(dims)
        if settings["keepdims"] or k not in places
    ]
    return Value(lowering.graph.reduce(step, node, gone), tuple(kept))
