"""Loops of a tape: a step as a graph of its own, and what it reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from wengert.core.types import Type, dtype_name
from wengert.derive.extract import trimmed
from wengert.derive.loops import PART
from wengert.derive.steps import Body
from wengert.lower.costs import CHEAP, own_cost
from wengert.lower.graph import Node, number_of, reached
from wengert.lower.needed import asked_of, decided_by
from wengert.lower.refusal import BOUNDS, NotLoweredError
from wengert.lower.repeated import Given, Repeated
from wengert.lower.rounding import are_exact, arguments_of
from wengert.lower.values import Lowered, Value, type_name
from wengert.lower.views import axis_strides
from wengert.ops.index import ITEM

if TYPE_CHECKING:
    from wengert.lower.lower import Lowering


class Done(NamedTuple):
    """What is known of a step that is done many times.

    Attributes
    ----------
    given : list of Given
        How its arguments lie.
    carried : int
        Number of carried values.
    tainted : set of int
        Arguments that a plain product of the chain rule may make no number.
    taints : set of int
        Results that are so.
    asked : frozenset of int
        Results that say whether a step follows, or on which a guard stands.
    """

    given: Sequence[Given]
    carried: int
    tainted: set[int]
    taints: set[int]
    asked: frozenset[int] = frozenset()


class Loops(NamedTuple):
    """A loop that was met: its step, what it reads, and the results that it gives.

    Of what a step stacks, `behind` has functions that are computed of all rows at once.
    """

    repeated: Repeated
    operands: list[Node]
    results: list[int]
    behind: Mapping[int, str] = MappingProxyType({})


def loop(lowering: Lowering, index: int) -> Loops:
    """Return a loop: its step as a graph of its own, and what it reads."""
    settings = lowering.tape.settings[index]
    if not settings["count"]:
        raise NotLoweredError("a loop of no steps")
    read = lowering.results_read.get(index, {0})  # one, at least
    body, kept, results = trimmed(settings["body"], read)
    operands, done = given_to(lowering, index, body, kept)
    done = done._replace(asked=results_asked(lowering, index, results))

    lowered = lowering.inside(body.tape, done)
    guards = [node for number, node in lowered.guards if number > BOUNDS]
    deciding = asked_of(body)
    check_decided(lowered, guards, deciding, operands, body.carried)
    strict = [n for n in lowered.graph.nodes if n.number in lowered.strict]
    if any(is_carried(node, body) for node in strict):  # rounded the step before
        lowered = all_strict(lowered)
    is_part = lowering.tape.operations[index] is PART
    behind: dict[int, str] = {}
    exact, made_of = rounding_of(lowered, body.carried)
    if not (is_part or index in lowering.asked_about):
        lowered, behind = without_functions(lowered, body.carried)
    how = settings["count"], settings["reverse"], body.carried, done.given
    if is_part:
        steps = lowering.values[lowering.tape.operands[index][0]]
        made_of = [every | {len(operands)} for every in made_of]
        operands.append(lowering.current(steps).node)
    taints = frozenset(done.taints)
    repeated = Repeated(lowered, *how, exact, made_of, taints, is_part)
    return gated(lowering, Loops(repeated, operands, results, behind))


def results_asked(
    lowering: Lowering, index: int, results: Sequence[int]
) -> frozenset[int]:
    """Return which results of a loop are asked about, by their place among some."""
    if index not in lowering.asked_about:
        return frozenset()
    tape = lowering.tape
    asked = {
        tape.settings[k]["result"]
        for k in lowering.asked_about
        if tape.operations[k] is ITEM and tape.operands[k][0] == index
    }
    return frozenset(place for place, result in enumerate(results) if result in asked)


def check_decided(
    lowered: Lowered,
    guards: Sequence[Node],
    deciding: Iterable[int],
    operands: Sequence[Node],
    carried: int,
) -> None:
    """Refuse a step whose guards ask about sums that are added in another order."""
    own = [lowered.outputs[k].node for k in deciding if k < carried]
    given = [operands[k] for k in deciding]
    if not are_exact((*guards, *own, *given)):
        raise NotLoweredError("a guard in a loop with a sum")


def rounding_of(
    lowered: Lowered, carried: int
) -> tuple[frozenset[int], list[frozenset[int]]]:
    """Return which results of a step are exact, and which operands each is made of.

    What a step carries is made of what the steps before it read.
    """
    read = [arguments_of(value.node) for value in lowered.outputs]
    known = [are_exact([value.node]) for value in lowered.outputs]
    while True:
        more = [every.union(*[read[k] for k in every if k < carried]) for every in read]
        if more == read:
            break
        read = more
    exact = [
        flag and all(known[k] for k in every if k < carried)
        for flag, every in zip(known, read, strict=True)
    ]
    return frozenset(k for k, flag in enumerate(exact) if flag), read


def without_functions(lowered: Lowered, carried: int) -> tuple[Lowered, dict[int, str]]:
    """Return a step that stacks what costly functions are of; and those, by result.

    They have lanes behind the loop; a step, of numbers, has none.
    """
    outputs, behind = list(lowered.outputs), dict[int, str]()
    nodes = reached([value.node for value in outputs] + [x for _, x in lowered.guards])
    read = Counter(x.number for node in nodes.values() for x in node.operands)
    read.update(value.node.number for value in outputs)
    for k, (node, dims) in enumerate(outputs[carried:], carried):
        is_function = node.kind == "map" and len(node.operands) == 1 and not node.axes
        if not is_function or read[node.number] > 1 or node.number in lowered.strict:
            continue
        (operand,) = node.operands
        if own_cost(node) > CHEAP and operand.type == node.type:
            outputs[k], behind[k] = Value(operand, dims), node.data
    return replace(lowered, outputs=outputs), behind


def while_loop(lowering: Lowering, index: int) -> Loops:
    """Return a loop that a condition ends.

    What its condition reads is rounded as NumPy rounds it, where that can be done: the
    last digit may decide whether a step follows.
    """
    settings = lowering.tape.settings[index]
    body, cond = settings["body"], settings["cond"]
    if settings.get("is_close"):
        return within_tolerance(lowering, index, body, cond)
    every = range(len(lowering.tape.operands[index]))
    operands, done = given_to(lowering, index, body, every)
    read = frozenset(decided_by(cond, body))
    asked = results_asked(lowering, index, range(len(body.outputs)))
    done = done._replace(asked=asked | read.intersection(range(body.carried)))

    lowered = lowering.inside(body.tape, done)
    first = done._replace(carried=0, taints=set(), asked=frozenset([0]))
    asks = lowering.inside(cond.tape, first)
    own = [value.node for value in lowered.outputs]
    ends = [asks.outputs[0].node, *(own[k] for k in read if k < body.carried)]
    guards = [node for n, node in (*lowered.guards, *asks.guards) if n > BOUNDS]
    deciding = [operands[k] for k in sorted(read) if operands[k].type != "bool"]
    is_sure = are_exact((*deciding, *ends, *guards))
    if guards and not is_sure:
        raise NotLoweredError("a guard in a loop with a sum")
    lowering.implied += deciding
    ends += guards
    strict, decided = (
        s | reached(ends).keys() for s in (lowered.strict, lowered.decided)
    )
    lowered = replace(lowered, strict=strict, decided=decided)
    asks = all_strict(asks)
    exact, made_of = rounding_of(lowered, body.carried)
    exact = exact | {len(own)} if is_sure else frozenset()
    made_of = [*[each | read for each in made_of], read]
    room, taints = settings.get("room", 0), frozenset(done.taints)
    how = room, False, body.carried, done.given, exact, made_of, taints
    repeated = Repeated(lowered, *how, asks=asks)
    return gated(lowering, Loops(repeated, operands, list(range(len(own) + 1))))


def within_tolerance(lowering: Lowering, index: int, body: Body, cond: Body) -> Loops:
    """Return a loop whose condition may be rounded otherwise, and so its results."""
    every = range(len(lowering.tape.operands[index]))
    operands, done = given_to(lowering, index, body, every)
    lowered = lowering.inside(body.tape, done)
    asks = lowering.inside(cond.tape, done._replace(carried=0, taints=set()))
    results = range(len(body.outputs) + 1)
    exact, made_of = frozenset(results), [frozenset[int]() for _ in results]
    how = 0, False, body.carried, done.given, exact, made_of, frozenset(done.taints)
    repeated = Repeated(lowered, *how, asks=asks)
    return gated(lowering, Loops(repeated, operands, list(results)))


def gated(lowering: Lowering, loop: Loops) -> Loops:
    """Return a loop that does nothing where the call has been refused before it.

    The numbers need not be those that its condition is for: it might never end.
    """
    refused = lowering.refused() if loop.repeated.may_go_on else None
    if refused is None:
        return loop
    repeated = replace(loop.repeated, is_gated=True)
    return loop._replace(repeated=repeated, operands=[*loop.operands, refused])


def given_to(
    lowering: Lowering, index: int, body: Body, kept: Sequence[int]
) -> tuple[list[Node], Done]:
    """Return what a step reads, of the operands of its loop, and how that lies."""
    ends = [*body.tape.input_indices, *body.tape.output_indices]
    if any(body.tape.types[k].size == 0 for k in ends):
        raise NotLoweredError("a loop over arrays without elements")
    operands, given = [], []
    places = lowering.tape.operands[index]
    if lowering.tape.operations[index] is PART:
        places = places[1:]
    for k, position in enumerate(kept):
        place = places[position]
        value = lowering.current(lowering.values[place])
        node, known = operand_of(lowering, index, k, value, body)
        if node.type != type_name(body.tape.types[body.tape.input_indices[k]]):
            raise NotLoweredError("steps on values of another type")
        operands.append(node)
        given.append(known)
    taints = lowering.tainted.among(operands)
    tainted = {k for k, node in enumerate(operands) if node.number in taints}
    done = Done(given, body.carried, tainted, set())
    return operands, done


def all_strict(lowered: Lowered) -> Lowered:
    """Return a step of which everything is rounded as NumPy rounds it."""
    every = frozenset(reached(lowered.graph.nodes))
    return replace(lowered, strict=every, decided=every)


def operand_of(
    lowering: Lowering, index: int, k: int, value: Value, body: Body
) -> tuple[Node, Given]:
    """Return what a step reads of one operand of its loop, and how it lies."""
    node, dims = value
    is_carried = k < body.carried
    is_row = not is_carried and k < body.carried + body.moving
    number = number_of(node)
    if number is not None and not is_carried:
        return node, Given(number, ())
    axes = [d for d in dims if d is not None]
    if not axes or not (node.axes or is_carried):  # one number, however often
        return node, Given(None, (0,) * (len(dims) - is_row))
    if node.kind == "leaf" and not is_carried:
        steps = dict(node.data[2])
    elif node.kind == "loop" and not is_carried:
        steps = axis_strides(node.data[2], lowering.graph.shape(node.data[2]))
    else:
        data = dims, (index, k) if is_carried else ()
        node = lowering.graph.make("copy", data, (node,), axes, node.type)
        steps = axis_strides(dims, lowering.graph.shape(dims))
    strides = tuple([0 if d is None else steps.get(d, 0) for d in dims])
    if is_row:
        return node, Given(None, strides[1:], strides[0])
    return node, Given(None, strides)


def of_loop(lowering: Lowering, index: int, result: int, like: Type) -> Value:
    """Return one result of a loop."""
    loop = lowering.loops[index]
    place = loop.results.index(result)
    dims = lowering.fresh((index, place), like.shape)
    axes = [d for d in dims if d is not None]
    data = loop.repeated, place, dims
    type_ = dtype_name(like.dtype)
    node = lowering.graph.make("loop", data, loop.operands, axes, type_)
    if place in loop.behind:
        node = lowering.graph.map(loop.behind[place], (node,), type_)
    return Value(node, dims)


def is_carried(node: Node, body: Body) -> bool:
    """Whether a node of a step is what the step before has given."""
    if node.kind != "leaf" or node.data[0].kind != "argument":
        return False
    return bool(node.data[0].number < body.carried)
