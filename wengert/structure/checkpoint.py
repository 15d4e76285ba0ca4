"""Checkpoints: a function as one node, run again where its derivative is needed.

Its intermediate values are not kept.  What the function reads from outside its
arguments is made explicit: recorded values from around it become operands, and take the
place of those values when it runs again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from wengert.capture import tree
from wengert.capture.array import wrap_passive
from wengert.capture.captures import noted
from wengert.capture.record import active_tape
from wengert.core.transformed import Transformed
from wengert.structure.nested import Closed, Rerun, any_recorded, own_leaf

P = ParamSpec("P")
R = TypeVar("R")
Function = Callable[..., Any]
__all__ = ["checkpoint", "remat"]


def checkpoint(fun: Callable[P, R]) -> Callable[P, R]:
    """Return `fun` with its intermediate values computed again for derivatives.

    A call is one node of the tape.  Memory is that of the arguments and the result; the
    time of a gradient grows by one more evaluation of `fun`.

    Parameters
    ----------
    fun : callable
        Repeatable: it gives the same numbers when it is called again.

    Raises
    ------
    DerivativeError
        If `fun` gives other numbers, or reads other recorded values, when run again.
    RecordingError
        If `fun` writes into an array from outside.

    See Also
    --------
    grad, jit

    Notes
    -----
    Cost: One more evaluation of `fun` for every derivative that passes through it;
    in return none of its intermediate values is kept.

    Examples
    --------
    >>> import numpy as np
    >>> from wengert import checkpoint, grad
    >>> layer = checkpoint(lambda x: np.sin(np.sin(x)))
    >>> grad(layer)(0.0)
    np.float64(1.0)
    """
    made: Callable[P, R] = Checkpoint(fun)
    return made


class Checkpoint(Transformed):
    """A function whose calls are one node of the tape."""

    def __init__(self, fun: Function) -> None:
        super().__init__("", fun)

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        tape = active_tape()
        if tape is None:
            args, keywords = noted((args, keywords))
            return self.fun(*args, **keywords)
        return record_checkpoint(self.fun, self.__name__, tape, (args, keywords))


remat = checkpoint


def record_checkpoint(fun: Function, name: str, tape: Any, call: Any) -> Any:
    """Run a function as one node of a tape; return its recorded result."""
    closed = Closed(fun, call, name)
    leaves, structure = tree.flatten(closed.result)
    leaves = [own_leaf(leaf, name) for leaf in leaves]
    if not any_recorded(closed.operands):
        return tree.unflatten(structure, [wrap_passive(tape, leaf) for leaf in leaves])

    def run(*operands: Any) -> tuple[Any, ...]:
        return tuple(tree.flatten(closed(*operands))[0])

    node = Rerun(f"checkpoint_{name}", run, fun, closed.parts, tuple(leaves))
    return tree.unflatten(structure, list(node.apply(*closed.operands)))
