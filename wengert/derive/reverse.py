"""The reverse sweep: gradients from a tape's outputs back to its inputs.

One loop reads a stretch of the tape backwards.  It runs on plain numbers when nobody
differentiates further, and on recorded values otherwise (`derive.modes`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import errstate

from wengert.core.flags import depends_on
from wengert.core.operation import Operation
from wengert.core.tape import CONSTANT, PYTHON_NUMBERS, CompNode, Tape, strong
from wengert.core.types import Type, is_array
from wengert.derive import repeats
from wengert.derive.again import derived
from wengert.derive.modes import (
    Gradients,
    Mode,
    PlainMode,
    RecordedMode,
    fit,
    operands_of,
    restore,
    widened,
    zeros_like_type,
)
from wengert.derive.straight import Sweep, find_sweep
from wengert.derive.tips import POWERS, around_tip
from wengert.errors import DerivativeError, explain
from wengert.ops.chain import chain_product, has_nan
from wengert.ops.index import GETITEM, ITEM, STORE, decode, last_writer, region

if TYPE_CHECKING:
    from collections.abc import Callable

NO_POWERS: frozenset[Operation] = frozenset()


def sweep(
    tape: Tape,
    start: int,
    stop: int,
    gradients: Gradients,
    active: bytearray,
    mode: Mode,
    keep: bool = False,
) -> None:
    """Push gradients from node ``stop - 1`` down to `start`.

    Gradients of nodes that were passed are dropped, unless `keep`; those of the wanted
    nodes (which have no active operand) stay.
    """
    operations, operands, types = tape.operations, tape.operands, tape.types
    settings, outputs = tape.settings, mode.outputs
    add, product, owned = mode.add, mode.product, mode.owned
    keeps_lines = mode.records and tape.keeps_lines
    powers = POWERS if mode.around_tips else NO_POWERS
    for index in range(stop - 1, start - 1, -1):
        g = gradients.get(index)
        if g is None or not active[index]:
            continue
        if keep:  # what is kept must not become the buffer of an operand's gradient
            owned.discard(index)
        inputs = operands[index]
        if not inputs:
            continue
        operation = operations[index]
        partials = operation.partials
        passed_on = False
        if keeps_lines:
            tape.line_here = tape.lines[index]
        if operation is GETITEM and len(inputs) == 1:
            passed_on = True
            mode.add_at(gradients, inputs[0], g, (), settings[index]["key"])
        elif not partials:
            push_general(tape, index, g, gradients, active, mode)
            passed_on = any(active[operand] for operand in inputs)
        else:
            like = types[index]
            if operation in powers:
                around = around_tip(tape, index, outputs)
                if around and any([active[operand] for operand in around[0]]):
                    inputs, partials = around
            for k, operand in enumerate(inputs):
                if not active[operand]:
                    continue
                passed_on = True
                partial = partials[k]
                if type(partial) is int:
                    c = g if partial == 1 else -g
                elif len(inputs) == 2:
                    x, y = inputs
                    a, b = outputs[x], outputs[y]
                    if types[x].dtype is not types[y].dtype:
                        a, b = widened(a, types[x], like), widened(b, types[y], like)
                    c = product(g, partial(outputs[index], a, b))  # type: ignore[operator]
                elif len(inputs) == 1:
                    c = product(g, partial(outputs[index], outputs[operand]))  # type: ignore[operator]
                else:
                    values = [widened(outputs[j], types[j], like) for j in inputs]
                    c = product(g, partial(outputs[index], *values))  # type: ignore[operator]
                to = types[operand]
                if to is not like or getattr(c, "dtype", None) is not to.dtype:
                    c = fit(c, to)
                if gradients.get(operand) is None:
                    gradients[operand] = c
                else:
                    add(gradients, operand, c)
        if passed_on and not keep:
            del gradients[index]
            if index in owned:
                owned.discard(index)


def push_general(
    tape: Tape,
    index: int,
    g: Any,
    gradients: Gradients,
    active: bytearray,
    mode: Mode,
) -> None:
    """Push the gradient of a node that is not elementwise to its operands."""
    operation, inputs = tape.operations[index], tape.operands[index]
    settings, types = tape.settings[index], tape.types
    if operation.kind == "constant":  # met by hand only: every node is active there
        return
    if operation is ITEM:
        parts = gradients.setdefault(inputs[0], [None] * len(types[inputs[0]]))
        position = settings["result"]
        parts[position] = g if parts[position] is None else parts[position] + g
        return
    if operation is GETITEM:
        if active[inputs[0]]:
            indices = tuple([mode.read(k) for k in inputs[1:]]) if inputs[1:] else ()
            mode.add_at(gradients, inputs[0], g, indices, settings["key"])
        return
    if operation is STORE:
        push_store(tape, index, g, gradients, active, mode)
        return
    g = strong(g)  # rules are NumPy, also for a seed given by hand
    pulled: Sequence[Any]
    if operation.transposes:
        pulled = pull_linear(tape, index, g, active, mode)
    else:
        values = operands_of(tape, index, inputs, mode)
        if operation.names_wanted:
            settings = {**settings, "wanted": [bool(active[k]) for k in inputs]}
        pulled = pull_rule(operation, g, mode.read(index), values, settings)
        if len(pulled) < len(inputs):
            pulled = (*pulled, *[None] * (len(inputs) - len(pulled)))
    for operand, c in zip(inputs, pulled, strict=True):
        if c is not None and active[operand]:
            mode.add(gradients, operand, fit(c, types[operand]))


def push_store(
    tape: Tape, index: int, g: Any, gradients: Gradients, active: bytearray, mode: Mode
) -> None:
    """Push the gradient of a write: the elements to the value, the rest to the base."""
    base, value, *places = tape.operands[index]
    where, like = tape.settings[index], tape.types[value]
    if not (mode.records or is_array(g)):
        g = np.asarray(g)  # written into in place
    indices = tuple(mode.read(k) for k in places)
    if not (places or where["chain"] or mode.records):
        push_element(tape, index, g, gradients, active, mode)
        return
    if active[value]:
        written = region(g, indices, **where)
        which = [settled(tape, k, i) for k, i in zip(places, indices, strict=True)]
        last = last_writer(np.shape(g), written, which, **where)
        if last is not None:
            written = np.where(last, written, 0)
        elif is_array(written):
            written = written.copy()
        mode.add(gradients, value, fit(written, like))
    if active[base]:
        owned = index in mode.owned
        g = mode.clear_written(index, g, indices, where)
        mode.add(gradients, base, g)
        if isinstance(mode, PlainMode) and gradients[base] is g:
            mode.owned.add(base)
            if owned:
                mode.owned.discard(index)


def push_element(
    tape: Tape, index: int, g: Any, gradients: Gradients, active: bytearray, mode: Mode
) -> None:
    """Do what `push_store` does for ``y[i] = v`` on plain numbers, at less cost."""
    base, value = tape.operands[index]
    key = decode(tape.settings[index]["key"], ())
    if active[value]:
        written = g[key]
        if type(written) is np.ndarray:
            written = written.copy()
        mode.add(gradients, value, fit(written, tape.types[value]))
    if active[base]:
        if index not in mode.owned or not g.flags.writeable:
            g = g.copy()
        g[key] = 0.0
        if base in gradients:
            mode.add(gradients, base, g)
        else:
            gradients[base] = g
            mode.owned.add(base)


def settled(tape: Tape, index: int, value: Any) -> Any:
    """Return an operand for a rule; a constant is plain, also while recording."""
    if tape.operations[index] is not CONSTANT:
        return value
    return tape.settings[index]["value"]


def pull_linear(
    tape: Tape, index: int, g: Any, active: bytearray, mode: Mode
) -> list[Any]:
    """Return the gradients of a linear or multilinear node's operands."""
    operation, inputs = tape.operations[index], tape.operands[index]
    settings = tape.settings[index]
    if operation.kind == "linear":
        return [operation.transposes[0](g, tape.types[inputs[0]], **settings)]
    values = [mode.read(operand) for operand in inputs]
    return [
        transpose(g, *values, **settings) if active[operand] else None
        for operand, transpose in zip(inputs, operation.transposes, strict=True)
    ]


def pull_rule(
    operation: Operation, g: Any, result: Any, values: list[Any], settings: Any
) -> Sequence[Any]:
    """Return what a general operation's rule gives its operands."""
    if operation.vjp is None:
        return transpose_jvp(operation, g, result, values, settings)
    pulled = operation.vjp(g, result, *values, **settings)
    return pulled if isinstance(pulled, tuple) else (pulled,)


def transpose_jvp(
    operation: Operation, g: Any, result: Any, values: list[Any], settings: Any
) -> Sequence[Any]:
    """Return the reverse rule of an operation that states its forward rule only.

    The forward rule is linear in the tangents: it is recorded at zero tangents, and
    that recording swept in reverse.
    """
    from wengert.core.types import type_of
    from wengert.derive.functions import vjp

    places = [
        k
        for k, value in enumerate(values)
        if getattr(as_type(value, type_of).dtype, "kind", "") in "fc"
    ]
    zeros = [zeros_like_type(as_type(values[k], type_of)) for k in places]

    def push(*tangents: Any) -> Any:
        all_tangents = [None] * len(values)
        for k, tangent in zip(places, tangents, strict=True):
            all_tangents[k] = tangent
        assert operation.jvp is not None
        moved = operation.jvp(tuple(all_tangents), result, *values, **settings)
        if not isinstance(g, list):
            return moved
        has_tangent[:] = [part is not None for part in moved]
        return [part for part in moved if part is not None]

    has_tangent: list[bool] = []  # of several results; integers have none
    pull_back = vjp(push, *zeros)[1]
    if isinstance(g, list):
        g = [
            zeros_like_type(as_type(value, type_of)) if part is None else part
            for part, value, moves in zip(g, result, has_tangent, strict=True)
            if moves
        ]
    pulled = pull_back(g)
    gradients: list[Any] = [None] * len(values)
    for k, part in zip(places, pulled, strict=True):
        gradients[k] = part
    return gradients


def as_type(value: Any, type_of: Any) -> Any:
    """Return the type of a value that may be a type already."""
    if isinstance(value, Type):
        return value
    return value if hasattr(value, "dtype") else type_of(value)


def pull(
    tape: Tape,
    start: int,
    stop: int,
    seeds: Sequence[tuple[int, Any]],
    wanted: Sequence[int],
    records: bool,
    active: bytearray | None = None,
) -> list[Any]:
    """Return the gradients of the wanted nodes for given seeds of the outputs.

    Unconnected ones are zeros.  The plain sweep first multiplies as NumPy does; only
    where a NaN reached a wanted gradient it runs again with zeros absorbing.
    """
    if not records:
        restore(tape, start, stop, [k for k, _ in seeds])
    if not records and start == 0 and stop == len(tape) and len(seeds) == 1:
        found = sweep_straight(tape, seeds[0], wanted)
        if found is not None:
            return found
    if active is None:
        active = depends_on(tape, wanted, start, stop)
    if records:
        question = ("reverse", start, stop, list(wanted))
        mode = RecordedMode(tape)

        def derive() -> Gradients:
            end, given, reached = stop, seeds, active
            place = written_once(tape, start, stop, seeds, wanted)
            if place is not None:
                end, given = len(tape), [(place(k), g) for k, g in seeds]
                reached = depends_on(tape, wanted, start, end)
            restore(tape, start, end, [k for k, _ in given])
            found = collect(tape, start, end, given, wanted, reached, mode)
            return dict(enumerate(found))

        line = tape.line_here
        try:
            # as in the plain sweep
            with errstate(all="ignore"), tape.not_looking():
                values = derived(tape, question, seeds, derive)
        finally:
            tape.line_here = line
        return [values[k] for k in range(len(wanted))]
    with errstate(all="ignore"):
        found = collect(tape, start, stop, seeds, wanted, active, PlainMode(tape))
        if any(has_nan(g) for g in found):
            absorbing = PlainMode(tape, absorb=True)
            found = collect(tape, start, stop, seeds, wanted, active, absorbing)
    return found


def written_once(
    tape: Tape,
    start: int,
    stop: int,
    seeds: Sequence[tuple[int, Any]],
    wanted: Sequence[int],
) -> Callable[[int], int] | None:
    """Append a long stretch without what repeats; return where its nodes are.

    What is computed again stands once, and loops are single nodes.  None where there is
    neither.
    """
    if stop - start < repeats.LEAST_STRETCH or not tape.keeps_guards:
        return None
    from wengert.derive.distinct import appended
    from wengert.derive.roll import roll_stretch

    tape.compute_all()
    roots, given = [index for index, _ in seeds], frozenset(wanted)
    places = appended(tape, start, stop, roots, given)
    if places is not None:
        return lambda index: places.get(index, index)
    roll = roll_stretch(tape, start, stop, roots, given)
    return None if roll is None else roll.place


@errstate(all="ignore")
def run_quietly(sweep: Sweep, tape: Tape, gradient: Any) -> list[Any] | None:
    """Run a written sweep; what NumPy would warn of, the gradient itself tells.

    None where a NaN reached a wanted gradient.
    """
    found = sweep(tape.play.outputs, tape.types, tape.settings, gradient)
    return None if any(map(has_nan, found)) else found


def sweep_straight(
    tape: Tape, seed: tuple[int, Any], wanted: Sequence[int]
) -> list[Any] | None:
    """Do what `collect` does on plain numbers, by a sweep that is written out.

    None where there is no such sweep, or a NaN reached a wanted gradient.
    """
    output, gradient = seed
    sweep = find_sweep(tape, output, wanted)
    if sweep is None:
        return None
    return run_quietly(sweep, tape, gradient)


def collect(
    tape: Tape,
    start: int,
    stop: int,
    seeds: Sequence[tuple[int, Any]],
    wanted: Sequence[int],
    active: bytearray,
    mode: Mode,
) -> list[Any]:
    """Sweep once and return the wanted gradients."""
    gradients: Gradients = {}
    for index, seed in seeds:
        if active[index]:
            mode.add(gradients, index, seed)
    sweep(tape, start, stop, gradients, active, mode)
    found = []
    for index in wanted:
        g = gradients.get(index)
        found.append(zeros_like_type(tape.types[index]) if g is None else g)
    return found


# The tape's own play


def backward(tape: Tape, gradient: Any = None) -> None:
    """Run the reverse sweep on the tape's own play, keeping every node's gradient."""
    tape.resolve()
    count = len(tape)
    if not tape.play.is_complete:
        from wengert.execute.interpret import forward

        forward(tape)
    outputs = tape.play.outputs
    try:
        gradients = sweep_by_hand(tape, gradient, outputs)
    except ArithmeticError:  # Python's numbers raise where NumPy's are inf or nan
        gradients = sweep_by_hand(tape, gradient, list(map(strong, outputs)))
    tape.play.gradients = [gradients.get(index) for index in range(count)]


def sweep_by_hand(tape: Tape, gradient: Any, outputs: list[Any]) -> Gradients:
    """Return the gradient of every node, given the outputs that the rules read."""
    active = bytearray(b"\1" * len(tape))
    gradients: Gradients = {}
    mode = PlainMode(tape)
    mode.outputs = outputs
    mode.product = product_by_hand
    for index, seed in zip(tape.output_indices, seeds_of(tape, gradient), strict=True):
        mode.add(gradients, index, seed)
    with errstate(all="ignore"):
        sweep(tape, 0, len(tape), gradients, active, mode, keep=True)
    return gradients


def product_by_hand(g: Any, partial: Any) -> Any:
    """Return gradient times partial, a zero absorbing; Python's ints stay ints."""
    if type(g) in PYTHON_NUMBERS and type(partial) in PYTHON_NUMBERS:
        return g * partial if g and partial else (partial if g else g)
    return chain_product(g, partial)


def seeds_of(tape: Tape, gradient: Any) -> list[Any]:
    """Return the seed of every output: ones for a single output unless given."""
    outputs = tape.output_indices
    if gradient is None:
        if len(outputs) != 1:
            raise DerivativeError(
                explain(
                    f"backward() of a tape with {len(outputs)} outputs",
                    "it is not clear which output's gradient is meant",
                    "tape.backward([...]) with one seed an output",
                )
            )
        output = tape.play.outputs[outputs[0]]
        return [1 if np.ndim(output) == 0 else np.ones_like(output)]
    seeds = [gradient] if len(outputs) == 1 else list(gradient)
    if len(seeds) != len(outputs):
        raise DerivativeError(
            explain(
                f"backward() was given {len(seeds)} seeds for {len(outputs)} outputs",
                "every output needs one",
                "tape.backward([...]) with one seed an output",
            )
        )
    return seeds


def backward_node(node: CompNode) -> None:
    """Push one node's gradient to its inputs (a person stepping by hand)."""
    tape, index = node.tape, node.index
    tape.resolve()
    gradients: Gradients = {index: node.gradient}
    active = bytearray(b"\1" * len(tape))
    mode = PlainMode(tape)
    mode.product = product_by_hand
    sweep(tape, index, index + 1, gradients, active, mode, keep=True)
    for operand in set(tape.operands[index]):
        if operand in gradients:
            tape.node(operand).add_gradient(gradients[operand])
