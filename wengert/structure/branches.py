"""Structured branches: one function of several is called, as data decide.

A plain `if` needs none of this: under `jit` it splits paths, one a decision.  Where
data decide anew in every step of a loop, or in every row, all branches are recorded,
and the call is one node of the tape (`derive.branches`) that evaluates the chosen one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from wengert.capture import tree
from wengert.capture.array import plain
from wengert.capture.captures import is_noting, noted, stand_in
from wengert.capture.record import active_tape
from wengert.core.operation import apply
from wengert.core.tape import Tape, strong
from wengert.core.types import Recorded, Type, type_of
from wengert.derive.branches import SWITCH, chosen
from wengert.derive.steps import Body
from wengert.errors import ArgumentError, explain
from wengert.structure.subtapes import Subtapes, scalar, visit

Function = Callable[..., Any]


#: Stands for an operand that was not given by name.
NOTHING = object()


def cond(
    pred: Any,
    true_fun: Function,
    false_fun: Function,
    *operands: Any,
    operand: Any = NOTHING,
) -> Any:
    """Call one function of two, as a truth value decides.

    Parameters
    ----------
    pred : truth value or number, of shape ()
        A number is true unless it is zero.
    true_fun, false_fun : callable
        They take the operands, and return values that nest alike, of the same shapes
        and dtypes.  They compute alone: what they write elsewhere is lost.
    *operands : numbers, arrays, or nested containers of them
    operand : number, array, or nested containers of them, optional
        The only one, by name.

    Returns
    -------
    What the chosen function returns.

    Raises
    ------
    ArgumentError
        If `pred` is no single value, the functions' results differ in structure, shape
        or dtype, or operands are given both ways.

    See Also
    --------
    switch, while_loop, scan

    Notes
    -----
    Cost: While recording, both functions are recorded; a replay evaluates the chosen
    one, and its derivative evaluates it once more.

    Examples
    --------
    >>> import numpy as np
    >>> from wengert import cond, grad
    >>> def root(x):
    ...     return cond(x > 0.0, np.sqrt, lambda x: 0.0 * x, x)
    >>> root(4.0), grad(root)(4.0), grad(root)(-1.0)
    (np.float64(2.0), np.float64(0.25), np.float64(0.0))
    """
    choice = decision(pred, "cond", "biuf", "one truth value or number")
    if type_of(plain(choice)).dtype.kind != "b":
        choice = choice != 0
    operands = all_of(operands, operand, "cond")
    return called(choice, (false_fun, true_fun), operands, "cond")


def switch(
    index: Any, branches: Sequence[Function], *operands: Any, operand: Any = NOTHING
) -> Any:
    """Call one function of several, by its number.

    Parameters
    ----------
    index : int, of shape ()
        One that is too small is the first function, one that is too large the last.
    branches : sequence of callable
        They take the operands, and return values that nest alike, of the same shapes
        and dtypes.
    *operands : numbers, arrays, or nested containers of them
    operand : number, array, or nested containers of them, optional
        The only one, by name.

    Returns
    -------
    What the chosen function returns.

    Raises
    ------
    ArgumentError
        If `index` is no whole number, there are no functions, or their results differ.

    See Also
    --------
    cond

    Notes
    -----
    Cost: As for `cond`: all are recorded, and the chosen one is evaluated.

    Examples
    --------
    >>> import numpy as np
    >>> from wengert import grad, switch
    >>> waves = [np.sin, np.cos, np.tanh]
    >>> switch(1, waves, 0.0), grad(lambda x: switch(9, waves, x))(0.0)
    (np.float64(1.0), np.float64(1.0))
    """
    choice = decision(index, "switch", "iu", "one whole number")
    functions = tuple(branches)
    if not functions:
        raise ArgumentError(
            explain(
                "switch was given no branches",
                "an index chooses one function of several",
                "pass at least one function",
            )
        )
    return called(choice, functions, all_of(operands, operand, "switch"), "switch")


def all_of(operands: tuple[Any, ...], operand: Any, name: str) -> tuple[Any, ...]:
    """Return the operands of a call, of which one may be given by name."""
    if operand is NOTHING:
        return operands
    if not operands:
        return (operand,)
    raise ArgumentError(
        explain(
            f"{name} was given operands, and operand= besides",
            "branches take the operands in their places, or the one of that name",
            "pass all of them in their places",
        )
    )


def decision(value: Any, name: str, kinds: str, what: str) -> Any:
    """Return what a branch is chosen by."""
    return scalar(
        value,
        kinds,
        f"{name} was given {{}} to decide by",
        f"a branch is chosen by {what}, for all of its operands",
        "reduce an array first (np.any(x), np.all(x)), or choose by element "
        "with np.where",
    )


def called(
    choice: Any, functions: Sequence[Function], operands: Sequence[Any], name: str
) -> Any:
    """Return what the chosen function gives; one node where the choice is recorded."""
    recorded = active_tape()
    choice, operands = stand_in(choice), noted(operands)
    if recorded is not None and isinstance(choice, Recorded):
        found = Branches(functions, operands, name).as_node(recorded, choice)
        if found is not None:
            return found
    place = chosen(choice, len(functions))
    if is_noting():  # what any branch reads from outside is part of the node to come
        for k, function in enumerate(functions):
            if k != place:
                visit(partial(function, *operands))
    return functions[place](*operands)


class Branches:
    """Functions of the same operands, of which one is called.

    Attributes
    ----------
    functions : sequence of callable
    leaves : list
        Leaves of the operands.
    structure : how those nest
    name : str
        The user's word for the call.
    """

    def __init__(
        self, functions: Sequence[Function], operands: Sequence[Any], name: str
    ) -> None:
        self.functions, self.name = functions, name
        leaves, self.structure = tree.flatten(tuple(operands))
        self.leaves = [strong(leaf) for leaf in leaves]

    def as_node(self, recorded: Tape, choice: Any) -> Any:
        """Call it as one node of the tape that is being recorded.

        None where some branch raises at these numbers: then it cannot be recorded, and
        the one that is called is.
        """
        sample = [plain(leaf) for leaf in self.leaves]
        sub = Subtapes(f"a branch of {self.name}", sample)
        place = chosen(plain(choice), len(self.functions))
        found = []
        for k, function in enumerate(self.functions):
            run = partial(sub.run, self.flat(function))
            given = run() if k == place else visit(run)
            if given is None:
                return None
            found.append(given)
        types, structure = self.results(found)
        with np.errstate(all="ignore"):
            tapes, read = sub.record([self.typed(f, types) for f in self.functions])
        operands = [*self.leaves, *read]
        bodies = tuple([Body(tape, 0, 0) for tape in tapes])
        results = apply(SWITCH, choice, *operands, branches=bodies)
        return tree.unflatten(structure, list(results))

    def flat(self, function: Function) -> Callable[..., list[Any]]:
        """Return a branch of leaves: it gives how its result nests, and leaves."""

        def branch(*leaves: Any) -> list[Any]:
            operands = tree.unflatten(self.structure, list(leaves))
            found, structure = tree.flatten(function(*operands))
            return [structure, *found]

        return branch

    def typed(
        self, function: Function, types: Sequence[Type]
    ) -> Callable[..., list[Any]]:
        """Return a branch whose Python numbers have the types of all branches."""
        flat = self.flat(function)

        def branch(*leaves: Any) -> list[Any]:
            pairs = zip(flat(*leaves)[1:], types, strict=True)
            return [of_type(value, like) for value, like in pairs]

        return branch

    def results(self, found: Sequence[Sequence[Any]]) -> tuple[list[Type], Any]:
        """Return the types of what all branches give, and how it nests."""
        structure = found[0][0]
        for k, (other, *_) in enumerate(found):
            if other != structure:
                shown = tree.describe(structure), tree.describe(other)
                raise self.differ(k, *shown)
        types = []
        for column in zip(*[leaves for _, *leaves in found], strict=True):
            likes = [type_of(plain(value)) for value in column]
            types.append(common := common_type(likes))
            for k, like in enumerate(likes):
                is_cast = like.weak or like.dtype == common.dtype
                if like.shape != common.shape or not is_cast:
                    raise self.differ(k, str(common), str(like))
        return types, structure

    def differ(self, k: int, one: str, other: str) -> ArgumentError:
        """Return the error of branches with different results."""
        if self.name == "cond":
            which = "false_fun returned", "true_fun returned"
        else:
            which = "branch 0 of switch returned", f"branch {k}"
        return ArgumentError(
            explain(
                f"{which[0]} {one} and {which[1]} {other}",
                "what follows reads one value, whichever branch is taken",
                "return values nested alike, of one shape and dtype: "
                "np.zeros_like(x), x.astype(...)",
            )
        )


def common_type(likes: Sequence[Type]) -> Type:
    """Return the type that values of branches have: Python numbers take the others'."""
    fixed = [like for like in likes if not like.weak]
    first = (fixed or likes)[0]
    if fixed:
        zeros = [np.zeros((), like.dtype).item() for like in likes if like.weak]
        wide = np.result_type(first.dtype, *zeros)
        return Type(first.shape, first.dtype if wide == first.dtype else wide)
    return Type(first.shape, np.result_type(*[like.dtype for like in likes]))


def of_type(value: Any, like: Type) -> Any:
    """Return a value that is no Python number; others are as they should be."""
    if not type_of(plain(value)).weak:
        return value
    return np.asarray(value, like.dtype)[()]


__all__ = ["cond", "switch"]
