"""A structured loop that goes on while a condition holds.

A plain `while` needs none of this: under `jit` every number of steps is recorded once.
Where it is another in most calls, the step is recorded once, and the loop is one node
of the tape (`derive.while_loops`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from wengert.capture import tree
from wengert.capture.array import plain, wrap_passive
from wengert.capture.captures import is_noting, noted
from wengert.capture.record import active_tape
from wengert.core.operation import apply
from wengert.core.tape import Tape, strong
from wengert.derive.steps import Body
from wengert.derive.while_loops import WHILE, check_steps
from wengert.errors import ArgumentError, GuardError, explain
from wengert.ops.constants import unmoved
from wengert.structure.nested import any_recorded
from wengert.structure.scan import MOST_TYPES, changing_types, check_carried, converted
from wengert.structure.subtapes import Subtapes, scalar, visit

Function = Callable[..., Any]


def while_loop(cond_fun: Function, body_fun: Function, init_val: Any) -> Any:
    """Do a step as long as a condition holds.

    Parameters
    ----------
    cond_fun : callable
        ``cond_fun(value)`` returns one truth value: whether a step follows.
    body_fun : callable
        ``body_fun(value)`` returns the next value, nested and shaped as before.  Both
        compute alone: what they write elsewhere is lost.
    init_val : number, array, or nested containers of them

    Returns
    -------
    The last value.

    Raises
    ------
    ArgumentError
        If the value changes its structure or shape, or the condition is no truth value.

    See Also
    --------
    fori_loop, scan, cond

    Notes
    -----
    Cost: Recorded in the time of one step, whatever the number of steps, which may be
    another in every replay.  Both modes; a gradient does the steps once more, and keeps
    what it reads of each.

    Examples
    --------
    >>> from wengert import grad, while_loop
    >>> def doubled(x):
    ...     return while_loop(lambda y: y < 10.0, lambda y: 2.0 * y, x)
    >>> doubled(3.0), grad(doubled)(3.0)
    (np.float64(12.0), np.float64(4.0))
    """
    leaves, structure = tree.flatten(init_val)
    carry = noted([strong(leaf) for leaf in leaves])
    loop = WhileLoop(cond_fun, body_fun, carry, structure)
    recorded = active_tape()
    if recorded is None:
        return loop.by_steps()
    try:
        found = loop.as_node(recorded)
    except GuardError:  # a step that takes another decision than the first one
        found = None
    return loop.by_steps() if found is None else found


def within_tolerance(
    cond_fun: Function, body_fun: Function, init_val: Any, has_derivative: bool
) -> Any:
    """Return what `while_loop` returns, whose condition may be rounded otherwise.

    None where the numbers make a step raise that need not be done.
    """
    leaves, structure = tree.flatten(init_val)
    loop = WhileLoop(cond_fun, body_fun, noted(list(map(strong, leaves))), structure)
    recorded = active_tape()
    assert recorded is not None, "it is called while something is recorded"
    return loop.as_node(recorded, has_derivative, is_close=True)


class WhileLoop(NamedTuple):
    """A loop that is to be done.

    Attributes
    ----------
    cond, body : callable
    carry : list
        Leaves of what is carried first.
    structure : how it nests
    """

    cond: Function
    body: Function
    carry: list[Any]
    structure: Any

    def asked(self, *carry: Any) -> list[Any]:
        """Return whether a step follows."""
        found = scalar(
            self.cond(tree.unflatten(self.structure, list(carry))),
            "b",
            "the condition of while_loop is {}",
            "a step follows, or does not",
            "return one truth value: np.any(x > 0), count < 10",
        )
        return [found]

    def step(self, *carry: Any) -> list[Any]:
        """Return the leaves of what is carried next."""
        found = self.body(tree.unflatten(self.structure, list(carry)))
        after, structure = tree.flatten(found)
        check_carried("while_loop", carry, self.structure, after, structure)
        return [strong(leaf) for leaf in after]

    def by_steps(self) -> Any:
        """Do one step after the other."""
        carry, steps = list(self.carry), 0
        if is_noting():  # what a step reads from outside is part of the node to come
            visit(lambda: self.step(*carry))
        while self.asked(*carry)[0]:
            check_steps(steps)
            carry, steps = self.step(*carry), steps + 1
        return tree.unflatten(self.structure, carry)

    def as_node(
        self, recorded: Tape, has_derivative: bool = True, is_close: bool = False
    ) -> Any:
        """Do it as one node of the tape that is being recorded.

        None where the numbers make a step raise that need not be done.
        """
        loop = self
        for _ in range(MOST_TYPES):
            found = loop.recorded_step()
            if found is None:
                return None
            cond, body, read = found
            if not changing_types(body):
                break
            loop = loop._replace(carry=converted(loop.carry, body))
        else:
            raise changed_types()
        operands = [*loop.carry, *read]
        if not has_derivative:
            operands = list(map(unmoved, operands))
        how = {"cond": cond, "body": body} | ({"is_close": True} if is_close else {})
        results = list(apply(WHILE, *operands, **how))
        if not any_recorded(operands):
            results = [wrap_passive(recorded, part) for part in results]
        return tree.unflatten(self.structure, results[: len(self.carry)])

    def recorded_step(self) -> tuple[Body, Body, list[Any]] | None:
        """Return condition and step on tapes of their own, and what they read."""
        sub = Subtapes("a step of while_loop", [plain(leaf) for leaf in self.carry])
        (follows,) = sub.run(self.asked)
        if follows:
            sub.run(self.step)
        elif visit(lambda: sub.run(self.step)) is None:
            return None
        with np.errstate(all="ignore"):
            tapes, read = sub.record([self.asked, self.step])
        cond, body = [Body(tape, len(self.carry), 0) for tape in tapes]
        return cond, body, read


def changed_types() -> ArgumentError:
    """Return the error of carried numbers whose type changes again and again."""
    return ArgumentError(
        explain(
            "a step of while_loop gives numbers of another type every time",
            "what one step carries is what the next one is given",
            "convert what the step returns: x.astype(np.float64)",
        )
    )


__all__ = ["while_loop"]
