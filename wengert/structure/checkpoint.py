"""Checkpoints: a function as one node, run again where its derivative is needed.

Its intermediate values are not kept.  What the function reads from outside its
arguments is made explicit: recorded values from around it become operands, and take the
place of those values when it runs again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

import numpy as np

from wengert.capture import tree
from wengert.capture.array import wrap_passive
from wengert.capture.captures import CAPTURES, Captures, read_only
from wengert.capture.record import SetAside, active_tape
from wengert.core.operation import Operation, apply
from wengert.core.transformed import Transformed
from wengert.core.types import type_of
from wengert.derive.functions import jvp, vjp
from wengert.derive.modes import zeros_like_type
from wengert.errors import DerivativeError, explain
from wengert.structure.call import (
    Arguments,
    any_recorded,
    operands_of,
    own_leaf,
    value_type,
)

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
            return self.fun(*args, **keywords)
        return record_checkpoint(self.fun, self.__name__, tape, (args, keywords))


remat = checkpoint


def record_checkpoint(fun: Function, name: str, tape: Any, call: Any) -> Any:
    """Run a function as one node of a tape; return its recorded result."""
    arguments, operands = Arguments(call), operands_of(call)
    captures = Captures()
    values = [read_only(present(operand)) for operand in operands]
    with SetAside(captures):
        args, keywords = arguments.fill(values)
        result = fun(*args, **keywords)
    leaves, structure = tree.flatten(result)
    leaves = [own_leaf(leaf, name) for leaf in leaves]
    places = [id(value) for value, _ in captures.found]
    operands += [around for _, around in captures.found]
    if not any_recorded(operands):
        return tree.unflatten(structure, [wrap_passive(tape, leaf) for leaf in leaves])

    def run(*given: Any) -> tuple[Any, ...]:
        count = len(arguments.places)
        stand_ins = dict(zip(places, given[count:], strict=True))
        token = CAPTURES.set(Captures(stand_ins, refuse_other(name)))
        try:
            args, keywords = arguments.fill(given[:count])
            return tuple(tree.flatten(fun(*args, **keywords))[0])
        finally:
            CAPTURES.reset(token)

    parts = [fun, arguments.leaves, arguments.structure]
    node = Rerun(f"checkpoint_{name}", run, fun, parts, tuple(leaves))
    node.keep = captures.found  # the values, so that no other gets the same id
    return tree.unflatten(structure, list(apply(node.operation, *operands)))


def present(value: Any) -> Any:
    """Return the plain contents of an operand."""
    return value._current() if hasattr(value, "_current") else value


def refuse_other(name: str) -> Callable[[Any], Exception]:
    """Return what makes the error of a recorded value that was not read before."""

    def refuse(value: Any) -> Exception:
        return not_repeatable(name, "read another recorded value")

    return refuse


def not_repeatable(name: str, what: str) -> DerivativeError:
    """Return the error of a function that does something else when it runs again."""
    return DerivativeError(
        explain(
            f"{name} {what} when the checkpoint ran it again",
            "a checkpoint keeps no intermediate values: its function must repeat",
            "pass what changes (random draws, counters, rebound names) as an argument",
        )
    )


class Rerun:
    """A function as the operation of one node; its derivatives run it again.

    Parameters
    ----------
    name : str
    run : callable
        Takes the operands, returns a flat tuple of results.
    source : callable
        The user's function, whose reads from outside are watched for rows.
    parts : list
        What it is made of, for a recording that is checked.
    first : tuple or None
        The results of its first run, which was done already.
    """

    def __init__(
        self,
        name: str,
        run: Function,
        source: Function,
        parts: list[Any],
        first: tuple[Any, ...] | None = None,
    ) -> None:
        self.name, self.run, self.source, self.parts = name, run, source, parts
        self.first = first
        self.keep: Any = None
        #: The function of rows that it is, by which operands have rows (`execute`).
        self.of_rows: dict[tuple[bool, ...], Any] = {}
        self.operation = Operation(
            name,
            self.evaluate,
            "general",
            jvp=self.push,
            vjp=self.pull,
            reads=(True,),
            identity=("checkpoint", name),
        )

    @property
    def compared_by(self) -> list[Any]:
        """What must be the same where two recordings agree."""
        return self.parts

    def evaluate(self, *operands: Any) -> tuple[Any, ...]:
        """Return the results at plain operands."""
        if self.first is not None:
            found, self.first = self.first, None
            return found
        with SetAside(None):
            results = self.run(*[read_only(operand) for operand in operands])
        return tuple(own_leaf(leaf, self.name) for leaf in results)

    def body(self, *operands: Any) -> tuple[Any, ...]:
        """Return the results, recorded as if there were no checkpoint."""
        return self.run(*operands)  # type: ignore[no-any-return]

    def push(self, tangents: Any, result: Any, *operands: Any) -> tuple[Any, ...]:
        """Return the tangents of the results."""
        places = [k for k, tangent in enumerate(tangents) if tangent is not None]

        def pushed(*given: Any) -> tuple[Any, ...]:
            dots, values = given[: len(places)], given[len(places) :]
            chosen = tuple(values[k] for k in places)
            function = self.of_chosen(values, places)
            return tuple(jvp(function, chosen, tuple(dots))[1])

        node = Rerun(f"{self.name}_jvp", pushed, self.source, [places, *self.parts])
        return node.apply(*[tangents[k] for k in places], *operands)

    def pull(self, g: Any, result: Any, *operands: Any) -> tuple[Any, ...]:
        """Return the gradients of the operands."""
        places = [
            k
            for k, operand in enumerate(operands)
            if value_type(operand).dtype.kind in "fc"
        ]
        seeds = [
            zeros_like_type(value_type(value)) if part is None else part
            for part, value in zip(g, result, strict=True)
        ]
        expected = None if any_recorded((*seeds, *operands)) else result

        def pulled(*given: Any) -> tuple[Any, ...]:
            values = given[len(seeds) :]
            chosen = [values[k] for k in places]
            again, back = vjp(self.of_chosen(values, places), *chosen)
            if expected is not None:
                self.compare(again, expected)
            return back(tuple(given[: len(seeds)]))

        node = Rerun(f"{self.name}_vjp", pulled, self.source, [places, *self.parts])
        found = node.apply(*seeds, *operands)
        gradients: list[Any] = [None] * len(operands)
        for k, part in zip(places, found, strict=True):
            gradients[k] = part
        return tuple(gradients)

    def of_chosen(self, values: Sequence[Any], places: Sequence[int]) -> Function:
        """Return the function of some operands, the others at their values."""

        def function(*chosen: Any) -> Any:
            given = list(values)
            for k, value in zip(places, chosen, strict=True):
                given[k] = value
            return self.run(*given)

        return function

    def apply(self, *operands: Any) -> tuple[Any, ...]:
        """Return the results: one node where an operand is recorded."""
        return tuple(apply(self.operation, *operands))

    def compare(self, again: tuple[Any, ...], before: tuple[Any, ...]) -> None:
        """Raise unless a second run gave the numbers of the first."""
        name = self.name.removeprefix("checkpoint_")
        if len(again) != len(before):
            raise not_repeatable(name, f"gave {len(again)} results after {len(before)}")
        for new, old in zip(again, before, strict=True):
            new, old = np.asarray(new), np.asarray(old)
            if type_of(new) != type_of(old) or new.tobytes() != old.tobytes():
                raise not_repeatable(name, "gave other numbers")
