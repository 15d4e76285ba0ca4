"""Selecting and sorting."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.operation import answers, apply, general


def where_jvp(tangents: Any, result: Any, condition: Any, x: Any, y: Any) -> Any:
    """Return each tangent where its operand was selected."""
    _, x_dot, y_dot = tangents
    return np.where(
        condition, 0.0 if x_dot is None else x_dot, 0.0 if y_dot is None else y_dot
    )


def where_vjp(g: Any, result: Any, condition: Any, x: Any, y: Any) -> Any:
    """Return the gradient where the operand was selected, exactly zero elsewhere."""
    return None, np.where(condition, g, 0.0), np.where(condition, 0.0, g)


def evaluate_where(condition: Any, x: Any, y: Any) -> Any:
    """Return ``np.where``; a scalar for scalars."""
    return np.where(condition, x, y)[()]


WHERE = general("where", evaluate_where, jvp=where_jvp, vjp=where_vjp)


@answers(np.where)
def where(condition: Any, x: Any = None, y: Any = None, /) -> Any:
    """Answer ``np.where``."""
    if x is None and y is None:
        return np.nonzero(condition)
    return apply(WHERE, condition, x, y)
