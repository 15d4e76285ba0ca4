"""The reference: a tape played with NumPy, node by node."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wengert.capture import tree
from wengert.capture.array import RecordedValue
from wengert.capture.layout import share_memory, writes_arguments
from wengert.capture.record import active_tape
from wengert.core.flags import reaching
from wengert.core.floating_point import Told, plays
from wengert.core.guards import answer
from wengert.core.tape import CONSTANT, GUARD, INPUT, CompNode, Tape, strong
from wengert.core.types import WEAK, Type, has_class, is_array, type_of
from wengert.errors import (
    ArgumentError,
    GuardError,
    RecordingError,
    TapeError,
    WengertError,
    code_of,
    explain,
)
from wengert.ops.index import GETITEM, IN_PLACE, Placeholder
from wengert.ops.leaving import leaving
from wengert.ops.python import (
    PYTHON,
    PYTHON_KINDS,
    RAISES,
    as_python,
    is_weak,
)
from wengert.ops.python import evaluate as evaluate_python


@plays
def evaluate_node(tape: Tape, index: int, outputs: list[Any]) -> Any:
    """Return the output of one node, given the outputs before it."""
    operation, settings = tape.operations[index], tape.settings[index]
    if operation is CONSTANT:
        return settings["value"]
    values = [outputs[operand] for operand in tape.operands[index]]
    if operation is GUARD:
        check_guard(tape, index, values[0])
        return values[0]
    if is_weak(tape.types[index]) and tape.structure is not None:
        return evaluate_by_python(tape, index, values)
    if operation is RAISES:
        types = [tape.types[operand] for operand in tape.operands[index]]
        values = [as_weak(*pair) for pair in zip(types, values, strict=True)]
    is_by_hand = tape.structure is None
    if is_by_hand and len(values) == 2 and all(type(v) in (int, float) for v in values):
        by_python = PYTHON_OPERATORS.get(operation.name)
        if by_python is not None:  # ints stay ints by hand
            return by_python(*values)
    function: Callable[..., Any] = functools.partial(operation.function, **settings)
    if operation.name == "power" and not any(is_array(v) for v in values):
        function = operator.pow  # np.power differs in the last bit
    found = function(*values)
    expected = tape.types[index]
    is_one = type(expected) is Type and not expected.weak
    if is_one and getattr(found, "dtype", expected.dtype) != expected.dtype:
        # A Python number must not widen what it meets, unless a rule met it: rules
        # compute with NumPy's numbers.
        types = [tape.types[operand] for operand in tape.operands[index]]
        values = [as_weak(*pair) for pair in zip(types, values, strict=True)]
        found = function(*values)
        if getattr(found, "dtype", expected.dtype) != expected.dtype:
            found = function(*map(strong, values))
    return found


def evaluate_by_python(tape: Tape, index: int, values: list[Any]) -> Any:
    """Return a Python number as Python computes it, of the recorded kind.

    Raises
    ------
    GuardError
        Where Python raises, or computes a number of another kind.
    """
    operation, settings = tape.operations[index], tape.settings[index]
    like = tape.types[index]
    try:
        if operation.name not in PYTHON:
            found = as_python(operation.function(*values, **settings))
            return PYTHON_KINDS[like.dtype.kind](found)
        found = evaluate_python(operation.name, values, settings)
    except (ArithmeticError, ValueError, TypeError) as error:
        raise left_path(tape, index, f"{operation.name} raises {error!r}") from None
    if WEAK.get(type(found)) != like:
        kind = PYTHON_KINDS[like.dtype.kind].__name__
        what = f"{operation.name} gave a {kind} and gives a {type(found).__name__}"
        raise left_path(tape, index, what)
    return found


def left_path(tape: Tape, index: int, what: str) -> GuardError:
    """Return the error of a replay that cannot go on as it was recorded."""
    return GuardError(
        explain(
            f"a replay left the recorded path: {what}",
            "a recorded tape holds the one path that was taken, and here Python "
            "takes another",
            "record again at these inputs, or call the function itself",
            tape.lines[index],
        )
    )


def as_weak(type_: Any, value: Any) -> Any:
    """Return a value as the Python number that it was when the tape was recorded."""
    return as_python(value) if is_weak(type_) else value


#: What a replay raises where the function itself must decide what then.
LEAVES_PATH = (GuardError, ArithmeticError, LookupError, ValueError, TypeError)

PYTHON_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
}


def check_guard(tape: Tape, index: int, value: Any) -> None:
    """Raise `GuardError` where a replay leaves the recorded path."""
    settings = tape.settings[index]
    expected = settings["expected"]
    found = answer(settings, value)
    if found != expected:
        raise left(tape, index, found)


def left(tape: Tape, index: int, found: Any) -> GuardError:
    """Return the error of a replay that leaves the recorded path at a guard."""
    kind, expected = (tape.settings[index][name] for name in ("kind", "expected"))
    return GuardError(
        explain(
            f"a replay left the recorded path: {kind}(%{tape.operands[index][0]}) "
            f"was {expected} and is {found}",
            "a recorded tape holds the one path that was taken, and here Python "
            "took a decision on a number",
            "record again at these inputs, or call the function itself",
            tape.lines[index],
        )
    )


def run(
    tape: Tape, values: Sequence[Any], captured: Sequence[tuple[int, Any]] = ()
) -> list[Any]:
    """Return all outputs of a play for given values of the inputs.

    `captured` gives the present contents of constants that the function read from
    outside its arguments.
    """
    outputs: list[Any] = [None] * len(tape)
    for index, value in captured:
        outputs[index] = value
    for index, value in zip(tape.input_indices, values, strict=True):
        outputs[index] = value
    with Told():
        play_nodes(tape, outputs, last_uses(tape))
    return outputs


def play_nodes(tape: Tape, outputs: list[Any], last: list[int]) -> None:
    """Compute every output that is not given; writes drop the output of their base."""
    for index, operation in enumerate(tape.operations):
        if operation is INPUT or (operation is CONSTANT and outputs[index] is not None):
            continue
        try:
            if operation in IN_PLACE:
                outputs[index] = evaluate_write(tape, index, outputs, last)
            else:
                outputs[index] = evaluate_node(tape, index, outputs)
        except LEAVES_PATH as error:
            if isinstance(error, WengertError) or not may_catch(tape):
                raise
            what = f"{operation.name} raises {error!r}"
            raise left_path(tape, index, what) from None


def needed(tape: Tape) -> list[int]:
    """Return the nodes that a play computes, in order.

    They are those that an output needs, or what may leave the path; the functions that
    a Jacobian was made of, say, leave nodes behind that nothing reads.
    """
    keep = reaching(tape, [*tape.output_indices, *leaving(tape)])
    given = (INPUT, CONSTANT)
    return [k for k, op in enumerate(tape.operations) if keep[k] and op not in given]


def may_catch(tape: Tape) -> bool:
    """Whether the recorded code has a place where an exception may be caught."""
    codes = map(code_of, tape.lines)
    return any(code is not None and code.co_exceptiontable for code in codes)


def last_uses(
    tape: Tape, by_rules: bool = False, when: Sequence[int] | None = None
) -> list[int]:
    """Return for every node the last node that reads it, or a view of it.

    With `by_rules`, what a derivative's rule reads stays to the end.  With `when`, the
    places at which nodes are played, it is the last such place.
    """
    last, end = [-1] * len(tape), len(tape)
    for index, operands in enumerate(tape.operands):
        operation = tape.operations[index]
        place = index if when is None else when[index]
        for k, operand in enumerate(operands):
            stays = by_rules and operation.reads_operand(k)
            last[operand] = end if stays else max(place, last[operand])
    for index in tape.output_indices:
        last[index] = end
    for index in reversed(range(end)):
        if gives_view(tape, index):
            owner = tape.operands[index][0]
            last[owner] = max(last[owner], last[index])
    return last


def gives_view(tape: Tape, index: int) -> bool:
    """Whether a node's output may be a view of its first operand's buffer."""
    operation = tape.operations[index]
    if operation is not GETITEM:
        return operation.view
    key = tape.settings[index]["key"]
    is_element = all(type(part) in (int, Placeholder) for part in key)
    return not (is_element and getattr(tape.types[index], "shape", None) == ())


def evaluate_write(tape: Tape, index: int, outputs: list[Any], last: list[int]) -> Any:
    """Return the output of a write, done in its base's buffer where that is free.

    A buffer is free when a write made it and nothing reads it, or a view of it, later.
    """
    base = tape.operands[index][0]
    if tape.operations[base] in IN_PLACE and last[base] == index:
        return overwrite(tape, index, outputs)
    return evaluate_node(tape, index, outputs)


def overwrite(tape: Tape, index: int, outputs: list[Any]) -> Any:
    """Do a write in its base's buffer, and give that buffer to the new node."""
    base, *others = tape.operands[index]
    buffer = outputs[base]
    values = [outputs[operand] for operand in others]
    IN_PLACE[tape.operations[index]](buffer, *values, **tape.settings[index])
    outputs[base] = None
    return buffer


def forward(tape: Tape) -> None:
    """Run every node in order on the tape's own play.

    An array that was written into element by element is kept once, not once a write:
    `recompute` gives the outputs that were overwritten, and views of them.
    """
    tape.resolve()
    outputs: list[Any] = [None] * len(tape)
    for index in tape.input_indices:
        outputs[index] = tape.play.outputs[index]
        if outputs[index] is None and tape.operations[index] is INPUT:
            raise TapeError(
                explain(
                    f"input {index} of a tape to be played has no value",
                    "a tape that was loaded or derived holds operations and "
                    "constants, not the numbers of a run",
                    "tape(*args); or tape.inputs[0].output = ... before forward()",
                )
            )
    last = last_uses(tape, by_rules=True)
    with Told():
        play_nodes(tape, outputs, last)
    is_recorded = tape.structure is not None  # its types are those of the recording
    for index, output in enumerate(outputs):
        if output is not None and not (is_recorded and tape.types[index] is not None):
            tape.types[index] = type_of(output)
    for index in range(len(tape)):
        if gives_view(tape, index) and outputs[tape.operands[index][0]] is None:
            outputs[index] = None
    for index in reversed(range(len(tape))):
        if tape.operations[index] in IN_PLACE:  # its base may have been overwritten
            base = tape.operands[index][0]
            tape.types[base] = tape.types[base] or tape.types[index]
    tape.play.outputs = outputs
    tape.play.is_complete = True


def recompute(tape: Tape, index: int) -> Any:
    """Return an output that the tape's own play does not hold."""
    if tape.operations[index] is INPUT or not tape.play.is_complete:
        return None
    return tape_function(tape, tape.inputs, tape.node(index))(
        *(tape.play.outputs[k] for k in tape.input_indices)
    )


def forward_node(node: CompNode) -> None:
    """Run one node (a person stepping by hand)."""
    node.tape.resolve()
    with Told():
        node.output = evaluate_node(node.tape, node.index, node.tape.play.outputs)
    node.tape.types[node.index] = type_of(node.output)


def replay(tape: Tape, args: Sequence[Any]) -> Any:
    """Return the results of a tape at new arguments, nested as the recorded ones."""
    if tape.structure is None:
        for k, arg in enumerate(args):
            if not has_class(arg, tree.NUMERIC):
                raise ArgumentError(
                    explain(
                        f"argument {k} of a tape is a {type(arg).__name__}",
                        "a tape that was built by hand takes one number or array an "
                        "input",
                        "pass numbers and arrays, in the order of tape.inputs",
                    )
                )
        result = tape_function(tape, tape.inputs, tape.outputs)(*args)
        return result[0] if len(tape.outputs) == 1 else result
    leaves = tree.leaves_like(tape.structure[0], args, "the arguments of the tape")
    if share_memory(leaves) and writes_arguments(tape):
        raise ArgumentError(
            explain(
                "arguments that share memory, and a tape that writes into one of them",
                "recorded arguments are arrays of their own: the other one would not "
                "see what is written",
                "pass a copy: tape(x.copy(), x)",
            )
        )
    if any(isinstance(leaf, RecordedValue) for leaf in leaves):
        found = inline(tape, leaves)
    else:
        outputs = run(tape, check_inputs(tape, leaves))
        found = [own(outputs[index]) for index in tape.output_indices]
    return tree.unflatten(tape.structure[1], found)


def own(value: Any) -> Any:
    """Return an output in memory of its own."""
    return value.copy() if is_array(value) else value


def check_inputs(tape: Tape, leaves: Sequence[Any]) -> list[Any]:
    """Return the arguments of a replay as the tape's inputs expect them."""
    checked = []
    for index, leaf in zip(tape.input_indices, leaves, strict=True):
        type_ = tape.types[index]
        value = np.asarray(leaf)
        if type_.weak and np.ndim(leaf) == 0:
            value = as_recorded(leaf, type_)
        if np.shape(value) != type_.shape:
            raise ArgumentError(
                explain(
                    f"an argument has shape {np.shape(value)} where {type_.shape} "
                    "was recorded",
                    "a tape's shapes are fixed when it is recorded",
                    "wengert.record(f, ...) again with the new shape",
                )
            )
        if not type_.weak and value.dtype != type_.dtype:
            if not np.can_cast(value.dtype, type_.dtype, "same_kind"):
                raise ArgumentError(
                    explain(
                        f"an argument is of {value.dtype} where {type_.dtype} was "
                        "recorded",
                        "a tape's types are fixed when it is recorded",
                        "wengert.record(f, ...) again with numbers of that kind",
                    )
                )
            value = value.astype(type_.dtype)
        checked.append(value[()] if np.ndim(value) == 0 and not type_.weak else value)
    return checked


def as_recorded(number: Any, like: Type) -> Any:
    """Return a number for an input that was a Python number, of that kind."""
    number = as_python(number)
    ranks = "bifc"
    if ranks.find(type_of(number).dtype.kind) < ranks.find(like.dtype.kind):
        return PYTHON_KINDS[like.dtype.kind](number)
    return number


def inline(tape: Tape, leaves: Sequence[Any]) -> list[Any]:
    """Replay a tape on recorded values: its nodes are appended to their tape."""
    target = active_tape()
    if target is None:
        raise RecordingError(
            explain(
                "a recorded value was used after its recording ended",
                "its tape is closed",
                "call the tape inside the function that is recorded",
            )
        )
    values: dict[int, Any] = dict(zip(tape.input_indices, leaves, strict=True))
    for index, operation in enumerate(tape.operations):
        if index in values:
            continue
        settings = tape.settings[index]
        if operation is CONSTANT:
            values[index] = settings["value"]
            continue
        operands = tuple(values[k] for k in tape.operands[index])
        if operation is GUARD:
            ask(operands[0], settings)
        elif any(isinstance(operand, RecordedValue) for operand in operands):
            recorded = next(v for v in operands if isinstance(v, RecordedValue))
            values[index] = recorded.record(operation, operands, settings)
        else:
            values[index] = operation.function(*operands, **settings)
    return [values[index] for index in tape.output_indices]


def ask(value: Any, settings: dict[str, Any]) -> None:
    """Ask a guard's question of a recorded value, which guards it anew."""
    found = answer(settings, value)
    if found != settings["expected"]:
        raise GuardError(
            explain(
                "a replay left the recorded path",
                f"a guard expected {settings['expected']} and found {found}",
                "call the function itself instead of its tape",
            )
        )


def tape_function(
    tape: Tape, inputs: Sequence[CompNode], outputs: Sequence[CompNode] | CompNode
) -> Callable[..., Any]:
    """Return the function from some nodes to others that a tape computes.

    Parameters
    ----------
    inputs : nodes whose outputs become arguments
    outputs : one node, or several for a tuple of results
    """
    tape.resolve()
    several = not isinstance(outputs, CompNode)
    chosen = [outputs] if isinstance(outputs, CompNode) else list(outputs)
    targets = [tape._own(node).index for node in chosen]
    sources = [tape._own(node).index for node in inputs]
    wanted = reaching(tape, targets, known=sources)
    for index in sources:
        wanted[index] = 0
    needed = [index for index, flag in enumerate(wanted) if flag]

    def function(*args: Any) -> Any:
        if len(args) != len(sources):
            raise ArgumentError(
                explain(
                    f"a function of {len(sources)} nodes was given {len(args)} values",
                    "every input node needs one",
                    "pass one value a node, in the order of `inputs`",
                )
            )
        values: dict[int, Any] = dict(zip(sources, args, strict=True))
        for index in needed:
            operation, settings = tape.operations[index], tape.settings[index]
            if operation is CONSTANT:
                values[index] = settings["value"]
            elif operation is INPUT:
                values[index] = tape.play.outputs[index]
            else:
                operands = tuple(values[k] for k in tape.operands[index])
                values[index] = evaluate_or_record(operation, operands, settings)
        results = tuple(values[index] for index in targets)
        return results if several else results[0]

    return function


def evaluate_or_record(operation: Any, operands: Any, settings: Any) -> Any:
    """Evaluate an operation, recorded where an operand is."""
    for operand in operands:
        if isinstance(operand, RecordedValue):
            return operand.record(operation, operands, settings)
    return operation.function(*operands, **settings)
