"""Both modes of a function at a point: it is recorded there, and its tape swept.

What the user's door names `vjp`, `jvp` and `linearize`; the rooms below it call these.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wengert.capture import tree
from wengert.capture.array import RecordedValue, handle, value_type
from wengert.capture.captures import CAPTURES
from wengert.capture.record import (
    Segment,
    finish,
    output_node,
    trace,
    tuple_structure,
)
from wengert.core.flags import depends_on
from wengert.core.tape import Tape
from wengert.core.types import FLOAT64, has_class, is_array
from wengert.derive import forward, reverse
from wengert.derive.modes import fit, zeros_like_type
from wengert.errors import ArgumentError, explain

Function = Callable[..., Any]
#: What pulls a gradient back: one gradient a primal.
Pull = Callable[[Any], tuple[Any, ...]]


def vjp(fun: Function, *primals: Any) -> tuple[Any, Pull]:
    """Return ``fun(*primals)`` and the function that pulls gradients back."""
    segment, structures = trace(fun, primals, range(len(primals)), {}, keeps=True)
    read = Read.of(segment, structures, lambda given: vjp(fun, *given)[1])
    pull = pullback(segment, structures, segment.result, read)
    return finish(segment, segment.result), pull


def jvp(
    fun: Function, primals: Sequence[Any], tangents: Sequence[Any]
) -> tuple[Any, Any]:
    """Return ``fun(*primals)`` and its derivative along the tangents."""
    value, push = linearize(fun, primals, keeps=False)
    return value, push(*tangents)


class Read:
    """What a linear map reads of the recording that it was made in.

    A function that is one node (a row of `vmap`, a step of `scan`, a checkpoint) runs
    while that recording is set aside.  There the map is made anew, of what it captures:
    the values at which it was made.

    Parameters
    ----------
    values : list
        Those values, recorded.
    structure
        How they nest as arguments.
    make : callable
        Gives the map at other arguments.
    """

    def __init__(self, values: list[Any], structure: Any, make: Function) -> None:
        self.values, self.structure, self.make = values, structure, make

    @classmethod
    def of(
        cls, segment: Segment, structures: Sequence[Any], make: Function
    ) -> Read | None:
        """Return what a map of a segment reads; None where it is all plain."""
        if not segment.nested:
            return None
        values = [handle(segment.tape, index) for index in segment.inputs]
        return cls(values, tuple_structure(structures), make)

    def apart(self) -> Function | None:
        """Return the map of what was captured where the recording is set aside."""
        captures = CAPTURES.get()
        if captures is None:
            return None
        is_captured = any(value._tape.is_aside for value in self.values)
        if not (is_captured or any(map(captures.knows, self.values))):
            return None
        given = [captures.of(value) for value in self.values]
        return self.make(tree.unflatten(self.structure, given))  # type: ignore[no-any-return]


def pullback(
    segment: Segment, structures: Sequence[Any], result: Any, read: Read | None = None
) -> Pull:
    """Return the function that pulls gradients of a segment's result back.

    `structures` are those of the arguments; `read` says what it is where the recording
    is set aside.
    """
    leaves, structure = tree.flatten(result)
    outputs = [output_node(segment, leaf) for leaf in leaves]
    types = [value_type(leaf) for leaf in leaves]
    tape, stop = segment.tape, len(segment.tape)
    arguments = tuple_structure(structures)
    active = depends_on(tape, segment.inputs, segment.start, stop)

    def vjp_fun(gradient: Any) -> tuple[Any, ...]:
        anew = None if read is None else read.apart()
        if anew is not None:
            return anew(gradient)  # type: ignore[no-any-return]
        given = tree.leaves_like(structure, gradient, "the gradient")
        seeds = [
            (index, fitting(g, like, "a gradient"))
            for index, g, like in zip(outputs, given, types, strict=True)
            if index is not None
        ]
        records = segment.nested and tape.thread is not None
        found = reverse.pull(
            tape, segment.start, stop, seeds, segment.inputs, records, active
        )
        found = as_arguments(tape, segment.inputs, found)
        found = own_gradients(segment, found, [seed for _, seed in seeds])
        return tree.unflatten(arguments, found)  # type: ignore[no-any-return]

    return vjp_fun


def linearize(
    fun: Function, primals: Sequence[Any], keeps: bool
) -> tuple[Any, Callable[..., Any]]:
    """Return ``fun(*primals)`` and the linear function of tangents.

    With `keeps` they may come later, when the caller has changed the primals.
    """
    segment, structures = trace(fun, primals, range(len(primals)), {}, keeps)
    leaves, structure = tree.flatten(segment.result)
    outputs = [output_node(segment, leaf) for leaf in leaves]
    types = [value_type(leaf) for leaf in leaves]
    tape, stop = segment.tape, len(segment.tape)
    arguments = tuple_structure(structures)
    read = None
    if keeps:
        read = Read.of(
            segment, structures, lambda given: linearize(fun, given, True)[1]
        )

    def jvp_fun(*tangents: Any) -> Any:
        anew = None if read is None else read.apart()
        if anew is not None:
            return anew(*tangents)
        given = tree.leaves_like(arguments, tangents, "the tangents")
        pushed = {
            index: fitting(t, tape.types[index], "a tangent")
            for index, t in zip(segment.inputs, given, strict=True)
        }
        records = segment.nested and tape.thread is not None
        of_inputs = list(pushed.values())
        forward.push(tape, segment.start, stop, pushed, records, outputs)
        found = []
        for index, like in zip(outputs, types, strict=True):
            t = None if index is None else pushed.get(index)
            found.append(zeros_like_type(like) if t is None else t)
        return tree.unflatten(structure, own_gradients(segment, found, of_inputs))

    return finish(segment, segment.result), jvp_fun


def as_arguments(tape: Tape, wanted: Sequence[int], found: list[Any]) -> list[Any]:
    """Return gradients in the dtypes of their arguments: a Python float's is double.

    On the way it may have met arrays of single precision.
    """
    double = FLOAT64.dtype
    return [
        g.astype(double) if g.dtype.kind == "f" and g.dtype != double and is_weak else g
        for g, is_weak in zip(found, (tape.types[k].weak for k in wanted), strict=True)
    ]


def own_gradients(
    segment: Segment, found: Sequence[Any], given: Sequence[Any] = ()
) -> list[Any]:
    """Return gradients, or tangents, each in memory of its own.

    `given` are those that the caller handed in.
    """
    if segment.nested:
        return list(found)
    taken = {id(g) for g in given}
    owned = []
    for g in found:
        if is_array(g):
            is_shared = g.base is not None or not g.flags.writeable or id(g) in taken
            g = g.copy() if is_shared else g
            taken.add(id(g))
        owned.append(g)
    return owned


def fitting(g: Any, like: Any, what: str) -> Any:
    """Return a gradient or tangent that a user gave; raise where it does not fit."""
    g = as_value(g)
    if np.shape(g) == like.shape and (g.dtype.kind != "c" or like.dtype.kind == "c"):
        return fit(g, like)
    raise ArgumentError(
        explain(
            f"{what} of type {value_type(g)} was given for a value of type {like}",
            f"{what} has the shape of the value that it belongs to, and is real where "
            "that is real",
            f"pass {what} of shape {like.shape}",
        )
    )


def as_value(g: Any) -> Any:
    """Return a number given by a user as NumPy has it."""
    return g if has_class(g, (np.ndarray, RecordedValue)) else np.asarray(g)[()]
