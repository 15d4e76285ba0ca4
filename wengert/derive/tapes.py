"""A tape in, a tape of its derivatives out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wengert.capture import tree
from wengert.capture.array import handle, place
from wengert.capture.record import Recording
from wengert.core.flags import depends_on, reaching
from wengert.core.names import identifier, variable_names
from wengert.core.tape import GUARD, INPUT, NO_SETTINGS, CompNode, Tape
from wengert.core.types import Type, has_class
from wengert.derive import forward, reverse
from wengert.derive.modes import RecordedMode, fit, zeros_like_type
from wengert.errors import ArgumentError, DerivativeError, explain


def grad_tape(tape: Tape) -> Tape:
    """Return the tape of the gradient of a tape's one real output by its inputs.

    Returns
    -------
    Tape
        Takes the arguments of `tape`; gives the gradient in the structure of the
        argument, a tuple for several arguments.
    """
    output = scalar_output(tape)
    new = continued(tape)
    with Recording(new):
        stop = len(new)
        active = depends_on(new, new.input_indices, 0, stop)
        gradients: dict[int, Any] = {}
        if active[output]:
            seed = fit(np.float64(1.0), new.types[output])
            mode = RecordedMode(new)
            gradients[output] = seed
            reverse.sweep(new, 0, stop, gradients, active, mode, keep=True)
        found = [
            zeros_like_type(new.types[index])
            if gradients.get(index) is None
            else gradients[index]
            for index in new.input_indices
        ]
        new.chosen_outputs = [place(new, g) for g in found]
    new.title = f"gradient of {tape.title}".removesuffix(" of ")
    name_derivatives(tape, new, gradients, "d_{}")
    if tape.structure is not None:
        arguments = tape.structure[0]
        one = len(arguments.children) == 1
        new.structure = (arguments, arguments.children[0] if one else arguments)
    return without_unused(new)


def tangent_tape(tape: Tape) -> Tape:
    """Return the tape of the derivative along tangents of the inputs.

    Returns
    -------
    Tape
        Takes the arguments of `tape` and then one tangent an argument, in the same
        structures; gives the tangents of the results.
    """
    new = continued(tape)
    tangents: dict[int, Any] = {}
    with Recording(new):
        stop = len(new)
        for index in list(new.input_indices):
            zero = zeros_like_type(new.types[index])
            like = Type(zero.shape, zero.dtype)
            name = tape.settings[index].get("name")
            settings = {"name": f"{name}_dot"} if name else NO_SETTINGS
            tangent = new.append(INPUT, (), settings, like, zero)
            new.input_indices.append(tangent)
            tangents[index] = handle(new, tangent)
        given = dict(tangents)
        forward.push(new, 0, stop, tangents, records=True)
        found = [
            zeros_like_type(new.types[index])
            if tangents.get(index) is None
            else tangents[index]
            for index in tape.output_indices
        ]
        new.chosen_outputs = [place(new, t) for t in found]
    reached = {index: t for index, t in tangents.items() if index not in given}
    new.title = f"tangent of {tape.title}".removesuffix(" of ")
    name_derivatives(tape, new, reached, "{}_dot")
    if tape.structure is not None:
        arguments, results = tape.structure
        both = tree.Branch(tuple, None, arguments.children * 2)
        new.structure = (both, results)
    return without_unused(new)


def jacobian_tape(tape: Tape) -> Tape:
    """Return the tape of the Jacobian of a tape's outputs by its inputs.

    Returns
    -------
    Tape
        Takes the arguments of `tape`; gives what `wengert.jacobian` gives of it, by all
        arguments (a tuple for several).
    """
    from wengert.api import jacobian, record

    inputs = input_values(tape)
    if tape.structure is None:
        args: tuple[Any, ...] = tuple(inputs)
    else:
        args = tree.unflatten(tape.structure[0], inputs)
    argnums = 0 if len(args) == 1 else tuple(range(len(args)))
    new = record(jacobian(tape, argnums), *args)
    new.title = f"jacobian of {tape.title}".removesuffix(" of ")
    return new


def gradient(tape: Tape, wrt: CompNode | Sequence[CompNode] | None = None) -> Any:
    """Return the gradient of a tape's one real output by any of its nodes.

    Parameters
    ----------
    wrt : a node, or a sequence of nodes; default the inputs
        Intermediate nodes are taken as if they were inputs of what follows them.

    Returns
    -------
    The gradient in the shape of the node; a list for several.
    """
    output = scalar_output(tape)
    played(tape)
    nodes = tape.inputs if wrt is None else wrt
    several = not isinstance(nodes, CompNode)
    chosen: list[Any] = list(nodes) if several else [nodes]  # type: ignore[arg-type]
    seed = fit(np.float64(1.0), tape.types[output])
    found = []
    for node in chosen:
        index = tape._own(node).index
        pulled = reverse.pull(
            tape, 0, len(tape), [(output, seed)], [index], records=False
        )
        found.append(pulled[0])
    return found if several else found[0]


def scalar_output(tape: Tape) -> int:
    """Return the node of a tape's one real scalar output."""
    played(tape)
    outputs = tape.output_indices
    types = [tape.types[index] for index in outputs]
    if len(outputs) == 1 and types[0].size == 1 and types[0].dtype.kind in "fiub":
        return outputs[0]
    shown = ", ".join(str(type_) for type_ in types)
    raise DerivativeError(
        explain(
            f"the gradient of a tape whose output is {shown or 'nothing'}",
            "a gradient is defined for one real number",
            "tape.jacobian_tape(), or record a function that returns one number",
        )
    )


def played(tape: Tape) -> None:
    """Play a tape forward unless its own play holds what the rules read."""
    tape.resolve()
    play = tape.play
    if play.is_complete or (len(tape) and play.outputs[-1] is not None):
        return
    if (
        tape.lines
        and tape.structure is not None
        and any(play.outputs[index] is not None for index in tape.output_indices)
    ):
        return
    input_values(tape)
    tape.forward()


def input_values(tape: Tape) -> list[Any]:
    """Return the inputs of the tape's own play."""
    values = [tape.play.outputs[index] for index in tape.input_indices]
    if any(value is None for value in values):
        raise ArgumentError(
            explain(
                "a tape without numbers was to be played",
                "it was loaded, or built by hand, and its inputs have no values yet",
                "set node.output of every node of tape.inputs",
            )
        )
    return values


def continued(tape: Tape) -> Tape:
    """Return a new tape that begins with the nodes of another."""
    played(tape)
    new = Tape()
    new.operations = list(tape.operations)
    new.operands = list(tape.operands)
    new.settings = list(tape.settings)
    new.types = list(tape.types)
    new.lines = list(tape.lines)
    new.input_indices = list(tape.input_indices)
    new.play.outputs = list(tape.play.outputs)
    for index in new.input_indices:
        if new.operations[index] is not INPUT:
            new.operations[index] = INPUT
            new.settings[index] = NO_SETTINGS
    new.title = tape.title
    new.keeps_lines = new.keeps_guards = True
    return new


def name_derivatives(
    original: Tape, tape: Tape, derivatives: dict[int, Any], form: str
) -> None:
    """Name the nodes that hold derivatives of named nodes."""
    known = variable_names(original)
    tape.names = dict(known)
    stop = len(original)
    for index in tape.input_indices:
        if index >= stop and "name" in tape.settings[index]:
            tape.names[index] = identifier(tape.settings[index]["name"])
    for index, derivative in derivatives.items():
        place_ = getattr(derivative, "_index", None)
        if index in known and has_class(place_, int) and place_ >= stop:
            tape.names[place_] = form.format(known[index])


def needed_by_results(tape: Tape) -> bytearray:
    """Return which nodes some output, guard or input needs."""
    return reaching(
        tape,
        (*tape.input_indices, *tape.output_indices),
        is_kept=lambda index: tape.operations[index] is GUARD,
    )


def without_unused(tape: Tape) -> Tape:
    """Return a tape without the nodes that no output, guard or input needs."""
    kept = needed_by_results(tape)
    places = [index for index in range(len(tape)) if kept[index]]
    at = {index: k for k, index in enumerate(places)}
    new = Tape()
    new.operations = [tape.operations[index] for index in places]
    new.operands = [tuple(at[k] for k in tape.operands[index]) for index in places]
    new.settings = [tape.settings[index] for index in places]
    new.types = [tape.types[index] for index in places]
    new.lines = [tape.lines[index] for index in places]
    new.play.outputs = [tape.play.outputs[index] for index in places]
    new.input_indices = [at[index] for index in tape.input_indices]
    new.chosen_outputs = [at[index] for index in tape.output_indices]
    new.structure, new.title = tape.structure, tape.title
    known = tape.names or {}
    new.names = {at[k]: name for k, name in known.items() if k in at}
    return new
