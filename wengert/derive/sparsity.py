"""Which entries of a Jacobian or a Hessian may be nonzero, found from a tape.

Every element has a set of the inputs that it depends on, carried by the forms of the
operations (`derive.influence`).  For second derivatives it has another set: of the
products of inputs that it is nonlinear in.  Where an operation is nonlinear is found
from its rule: a partial derivative that depends on an operand bends along it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wengert.capture.record import SetAside, record_apart
from wengert.core.forms import Contract, Map, Move, Routine, Scan, Subtapes
from wengert.core.operation import Operation
from wengert.core.tape import CONSTANT, GUARD, INPUT, Tape
from wengert.core.types import Type, type_of
from wengert.derive.branches import chosen
from wengert.derive.influence import (
    Influence,
    along,
    count_of,
    flat_parts,
    letters,
    places_of,
    shape_of,
    sums_of_places,
)
from wengert.derive.sets import Array, Sets, distinct, ranges
from wengert.ops.index import ITEM

#: Pairs of operands, by their positions, that an operation is nonlinear in.
Pairs = tuple[tuple[int, int], ...]
#: Sets of the elements of every node that has any.
Known = dict[int, Any]
#: Nodes that the data decide, which may be otherwise in another play; of one with
#: several results which of them.
Decided = dict[int, Any]
#: Of a value that goes into a step or out: its first and second sets, what it was, and
#: whether the data decide it.
Inward = tuple[Any, Any, Any, bool]
#: Products that are looked at one by one; of more of them the sums are.
MOST_PRODUCTS = 20_000_000


class Dependence:
    """What the elements of a tape depend on, to the first order or to the second.

    Parameters
    ----------
    is_second : bool
        Whether products of inputs are followed too.
    is_replayed : bool
        Whether whole numbers that the data decide may be others in another play.
    """

    def __init__(self, is_second: bool, is_replayed: bool = False) -> None:
        self.is_replayed = is_replayed
        self.first = Influence(Sets())
        self.second = Influence(Sets(1)) if is_second else None
        self.left: list[Array] = []
        self.right: list[Array] = []
        self.count = 0
        self.seen: dict[tuple[int, int], int] = {}

    def followed(
        self, tape: Tape, nodes: range, inputs: Sequence[int], decided: Decided
    ) -> tuple[Known, Known]:
        """Return the sets of some nodes, to both orders, by the elements of inputs."""
        tape.compute_all()
        if self.second is not None:
            fresh = set(tape.operations) - FOUND.keys()
            learn([each for each in fresh if each.kind == "elementwise"])
        known: Known = {}
        bent: Known = {}
        first = 0
        for index in inputs:
            like = tape.types[index]
            sets = self.first.sets.singles(first + np.arange(like.size))
            known[index] = sets.reshape(like.shape)
            first += like.size
        outputs, types = tape.play.outputs, tape.types

        def value_of(index: int) -> Any:
            value = outputs[index]
            return types[index] if value is None else value

        self.run(tape, nodes, known, bent, value_of, decided)
        return known, bent

    def run(
        self,
        tape: Tape,
        nodes: range,
        known: Known,
        bent: Known,
        value_of: Callable[[int], Any],
        decided: Decided,
    ) -> None:
        """Carry the sets of some nodes along a stretch of tape, into both."""
        for index in nodes:
            operation, operands = tape.operations[index], tape.operands[index]
            if self.is_replayed:
                decide(tape, index, known, decided)
            if operation is CONSTANT or operation is INPUT or index in known:
                continue
            given = [known.get(k) for k in operands]
            if operation.kind == "constant" or not any(s is not None for s in given):
                continue
            like = tape.types[index]
            if type(like) is not tuple and like.dtype.kind not in "fc":
                continue
            second = [bent.get(k) for k in operands]
            if type(like) is not tuple and not like.shape and is_map(operation):
                self.of_number(index, operation, given, second, known, bent)
                continue
            values = [value_of(k) for k in operands]
            settings = tape.settings[index]
            follow = self.way_through(operation, settings)
            if follow is not None:
                moves = [k in decided or k in known for k in operands]
                every = list(zip(given, second, values, moves, strict=True))
                known[index], bent[index], ends = follow(every, settings)
                if self.is_replayed:
                    decided[index] = ends
                continue
            if reads_places(operation.form):
                values = [
                    tape.types[k] if k in decided and k not in known else value
                    for k, value in zip(operands, values, strict=True)
                ]
            found = self.first.through(operation, given, values, settings, like)
            known[index] = found
            if self.second is None:
                continue
            parts = []
            if any(s is not None for s in second):
                parts.append(
                    self.second.through(operation, second, values, settings, like)
                )
            if pairs := curvature(operation, given, values, settings):
                parts.append(
                    self.products(pairs, operation, given, values, settings, found)
                )
            if parts:
                bent[index] = parts[0] if len(parts) == 1 else self.both(*parts)

    def of_number(
        self,
        index: int,
        operation: Operation,
        given: list[Any],
        second: list[Any],
        known: Known,
        bent: Known,
    ) -> None:
        """Carry the sets of numbers through an operation on elements."""
        found = 0
        for part in given:
            if part is not None:
                found = self.first.sets.union(found, int(part))
        known[index] = found
        if self.second is None:
            return
        total, sets = 0, self.second.sets
        for part in second:
            if part is not None:
                total = sets.union(total, int(part))
        for i, j in curvature(operation, given, (), {}):
            total = sets.union(total, self.product(int(given[i]), int(given[j])))
        if total:
            bent[index] = total

    # Products of inputs

    def product(self, a: int, b: int) -> int:
        """Return the set of the product of two sets of inputs."""
        if not (a and b):
            return 0
        key = (a, b) if a < b else (b, a)
        found = self.seen.get(key)
        if found is None:
            made = self.interact(np.array([key[0]]), np.array([key[1]]))
            found = self.seen[key] = int(made[0])
        return found

    def interact(self, a: Any, b: Any) -> Array:
        """Return the sets of products element by element."""
        assert self.second is not None
        a, b = np.broadcast_arrays(a, b)
        low, high = np.minimum(a, b).ravel(), np.maximum(a, b).ravel()
        width = self.first.sets.count
        keys, places = np.unique(low * width + high, return_inverse=True)
        low, high = np.divmod(keys, width)
        numbers = self.second.sets.singles(self.count + np.arange(len(keys)))
        self.left.append(low)
        self.right.append(high)
        self.count += len(keys)
        return np.where(low == 0, 0, numbers)[places].reshape(a.shape)

    def both(self, a: Any, b: Any) -> Any:
        """Return the unions of the sets of products of two ways."""
        assert self.second is not None
        if type(a) is tuple:
            return tuple(self.both(*parts) for parts in zip(a, b, strict=True))
        return self.second.sets.unions(a, b)

    def products(
        self,
        pairs: Pairs,
        operation: Operation,
        given: Sequence[Any],
        values: Sequence[Any],
        settings: dict[str, Any],
        found: Any,
    ) -> Any:
        """Return the sets of the products that an operation makes."""
        form = operation.form
        if type(found) is tuple:
            return tuple(
                self.products(pairs, operation, given, values, settings, part)
                for part in found
            )
        if isinstance(form, Map):
            parts = [
                np.broadcast_to(self.interact(given[i], given[j]), found.shape)
                for i, j in pairs
            ]
            return self.united(parts)
        if isinstance(form, Contract):
            meets: Any = meetings(form, values, settings, found)
        elif isinstance(form, Routine):
            meets = places_of(form, values, settings)
        else:
            meets = None
        if meets is not None:
            return self.meeting(pairs, given, meets, found)
        bent = self.interact(found, found)
        if isinstance(form, Scan):  # and what was nonlinear stays so in later steps
            assert self.second is not None
            return self.second.scanned([bent], settings, found)
        return bent

    def meeting(
        self, pairs: Pairs, given: Sequence[Any], meets: Sequence[Any], found: Array
    ) -> Array:
        """Return the sets of products of the operands' elements that meet."""
        assert self.second is not None
        target, *places = meets
        parts = [
            self.interact(np.ravel(given[i])[places[i]], np.ravel(given[j])[places[j]])
            for i, j in pairs
        ]
        groups = np.tile(target, len(parts))
        merged = self.second.sets.merge(groups, np.concatenate(parts), found.size)
        return merged.reshape(found.shape)

    def united(self, parts: list[Array]) -> Array:
        """Return the unions of several arrays of sets of products."""
        assert self.second is not None
        total = parts[0]
        for part in parts[1:]:
            total = self.second.sets.unions(total, part)
        return total

    # Tapes inside

    def way_through(self, operation: Operation, settings: dict[str, Any]) -> Any:
        """Return how sets are carried through the tapes of a node, if it has any."""
        if isinstance(operation.form, Subtapes):
            for name, follow in (
                ("count", self.of_loop),
                ("branches", self.of_branches),
                ("cond", self.of_unknown_steps),
            ):
                if name in settings:
                    return follow
        return None

    def of_branches(
        self, every: list[Inward], settings: dict[str, Any]
    ) -> tuple[Any, Any, tuple[bool, ...]]:
        """Return the sets of the branch taken; of all that a replay may take."""
        (_, _, choice, moves), *inputs = every
        bodies = settings["branches"]
        taken = chosen(choice, len(bodies))
        ends = self.of_step(bodies[taken].tape, inputs)
        if moves and self.is_replayed:
            others = [self.of_step(body.tape, inputs) for body in bodies]
            parts = zip(ends, *others, strict=True)
            ends = [(*self.united_sets(part), part[0][2], True) for part in parts]
        return self.results(ends, bodies[0].outputs)

    def of_unknown_steps(
        self, every: list[Inward], settings: dict[str, Any]
    ) -> tuple[Any, Any, tuple[bool, ...]]:
        """Carry sets through steps until they grow no more: of any number of them.

        Of products all that is carried is made of those of all.
        """
        body, was_replayed = settings["body"], self.is_replayed
        start, fixed = every[: body.carried], every[body.carried :]
        likes = body.outputs
        self.is_replayed = True  # what is carried is another number in every step
        state = [(first, None, value, True) for first, _, value, _ in start]
        while True:
            found = self.of_step(body.tape, [*state, *fixed])
            pairs = list(zip(state, found, strict=True))
            grown = [(self.united_sets(p)[0], None, p[0][2], True) for p in pairs]
            before, state = state, grown
            if all(map(self.are_same, before, state, likes)):
                break
        self.is_replayed = was_replayed
        second = None
        if self.second is not None:
            bent = [entry[1] for entry in (*start, *found) if entry[1] is not None]
            second = self.second.whole(bent, Type((), np.dtype(float)))
        ends = [(first, second, value, True) for first, _, value, _ in state]
        ends.append((None, None, None, True))
        return self.results(ends, [*likes, Type((), np.dtype(int))])

    def united_sets(self, entries: Sequence[Inward]) -> tuple[Any, Any]:
        """Return the unions of the sets of what may be one thing or another."""
        found = []
        for k, way in enumerate((self.first, self.second)):
            parts = [np.asarray(e[k]) for e in entries if e[k] is not None]
            total: Any = parts[0] if parts else None
            for part in parts[1:]:
                assert way is not None
                total = way.sets.unions(*np.broadcast_arrays(total, part))
            found.append(total)
        return found[0], found[1]

    def are_same(self, one: Inward, other: Inward, like: Type) -> bool:
        """Whether two values depend on the same inputs."""
        a, b = (np.ravel(sets_like(entry[0], like)) for entry in (one, other))
        if np.array_equal(a, b):
            return True
        return all(
            map(np.array_equal, self.first.sets.rows(a), self.first.sets.rows(b))
        )

    def results(
        self, entries: Sequence[Inward], types: Sequence[Type]
    ) -> tuple[Any, Any, tuple[bool, ...]]:
        """Return both orders of sets as arrays, and what data decide."""
        pairs = list(zip(entries, types, strict=True))
        first, second = (
            tuple([sets_like(entry[k], like) for entry, like in pairs]) for k in (0, 1)
        )
        return first, second, tuple([entry[3] for entry in entries])

    def of_loop(
        self, every: list[Inward], settings: dict[str, Any]
    ) -> tuple[Any, Any, tuple[bool, ...]]:
        """Carry sets through a loop, step by step.

        Returns those of its results, to both orders, and which results data decide.
        """
        body, tape = settings["body"], settings["body"].tape
        order = range(settings["count"])[:: -1 if settings["reverse"] else 1]
        state = every[: body.carried]
        columns: list[list[Inward]] = []
        for t in order:
            inputs = [
                row_of(entry, t) if is_row else entry
                for entry, is_row in zip(every, body.is_row, strict=True)
            ]
            inputs[: body.carried] = state
            found = self.of_step(tape, inputs)
            state = found[: body.carried]
            columns.append(found[body.carried :])
        stacks = list(zip(*columns[:: -1 if settings["reverse"] else 1], strict=True))
        types = body.outputs
        first, second = (
            tuple(
                [sets_like(entry[k], t) for entry, t in zip(state, types, strict=False)]
                + [
                    np.stack([sets_like(entry[k], t) for entry in column])
                    for column, t in zip(stacks, types[body.carried :], strict=True)
                ]
            )
            for k in (0, 1)
        )
        ends = [entry[3] for entry in state]
        ends += [any(entry[3] for entry in column) for column in stacks]
        return first, second, tuple(ends)

    def of_step(self, tape: Tape, inputs: list[Inward]) -> list[Inward]:
        """Return the same of what a step gives as of what it is given."""
        known: Known = {}
        bent: Known = {}
        values: dict[int, Any] = {}
        decided: Decided = {}
        for index, (first, second, value, moves) in zip(
            tape.input_indices, inputs, strict=True
        ):
            values[index] = value
            if moves and self.is_replayed:
                decided[index] = True
            if first is not None and tape.types[index].dtype.kind in "fc":
                known[index] = first
            if second is not None:
                bent[index] = second
        played: dict[int, Any] = play_step(tape, values)
        nodes = range(len(tape))
        self.run(tape, nodes, known, bent, played.__getitem__, decided)
        return [
            (known.get(k), bent.get(k), played[k], k in decided or k in known)
            for k in tape.output_indices
        ]

    # Results

    def entries(self, sets: Array) -> tuple[Array, Array]:
        """Return the pairs of inputs that sets of products are of."""
        assert self.second is not None
        numbers = distinct(self.second.sets.rows(distinct(sets))[0])
        if not numbers.size:
            return numbers, numbers
        a = np.concatenate(self.left)[numbers]
        b = np.concatenate(self.right)[numbers]
        keep = (a != 0) & (b != 0)
        a, b = a[keep], b[keep]
        rows, sizes = self.first.sets.rows(a)
        columns, widths = self.first.sets.rows(b)
        # Each member of one with each of the other.
        starts = np.cumsum(widths) - widths
        repeats = np.repeat(widths, sizes)
        at = ranges(np.repeat(starts, sizes), repeats)
        return np.repeat(rows, repeats), columns[at]


def is_map(operation: Operation) -> bool:
    """Whether an operation is stated by its partial derivatives, or keeps elements."""
    return operation.kind in ("elementwise", "linear") and isinstance(
        operation.form, Map
    )


def reads_places(form: Any) -> bool:
    """Whether operands of whole numbers say where elements lie."""
    return isinstance(form, Move) or (
        isinstance(form, Routine) and form.products is not None
    )


def decide(tape: Tape, index: int, known: Known, decided: Decided) -> None:
    """Note a node where data decide it; a guard lets no other value pass."""
    operation, operands = tape.operations[index], tape.operands[index]
    if operation is ITEM and type(decided.get(operands[0])) is tuple:
        moves = decided[operands[0]][tape.settings[index]["result"]]
    else:
        moves = any(k in decided or k in known for k in operands)
    if moves and operation is not GUARD:
        decided[index] = True


def row_of(entry: Inward, t: int) -> Inward:
    """Return one row of sets and of values; there may be no sets."""
    first, second = [part if part is None else part[t] for part in entry[:2]]
    value, moves = entry[2:]
    if isinstance(value, Type):
        return first, second, value._replace(shape=value.shape[1:]), moves
    return first, second, value[t], moves


def sets_like(sets: Any, like: Any) -> Any:
    """Return sets as an array of a type's shape."""
    if sets is None:
        return np.zeros(like.shape, np.int64)
    return np.broadcast_to(np.asarray(sets, np.int64), like.shape)


def play_step(tape: Tape, known: dict[int, Any]) -> dict[int, Any]:
    """Return the values of all nodes of one step; types where there are none."""
    with np.errstate(all="ignore"):
        for index, operation in enumerate(tape.operations):
            if index in known:
                continue
            settings = tape.settings[index]
            if operation is CONSTANT:
                known[index] = settings["value"]
            else:
                operands = [known[k] for k in tape.operands[index]]
                try:
                    known[index] = operation.function(*operands, **settings)
                except Exception:  # a branch that is not taken, or of unknown numbers
                    known[index] = tape.types[index]
    return known


def meetings(
    form: Contract, values: Sequence[Any], settings: dict[str, Any], found: Array
) -> list[Array] | None:
    """Return which elements meet in the products of a sum; None if there are many."""
    terms, output, sizes = letters(form, values, settings)
    if "+" in output:
        return sums_of_places(values, settings, type_of(found))
    axes = "".join(sizes)
    if count_of(axes, sizes) > MOST_PRODUCTS:
        return None
    shape = tuple(sizes.values())
    places = []
    shapes = [found.shape, *map(shape_of, values)]
    for term, lengths in zip([output, *terms], shapes, strict=True):
        own = "".join(dict.fromkeys(term))
        at = np.arange(int(np.prod(lengths))).reshape(lengths)
        at = np.broadcast_to(at, tuple(sizes[c] for c in term))
        at = np.einsum(f"{term}->{own}", at) if own != term else at
        places.append(np.broadcast_to(along(at, own, axes), shape).ravel())
    return places


# Where operations are nonlinear

#: What was found of operations, by themselves and by the types of their operands.
FOUND: dict[Any, Pairs] = {}


def curvature(
    operation: Operation, given: Sequence[Any], values: Sequence[Any], settings: Any
) -> Pairs:
    """Return the pairs of operands with sets that an operation is nonlinear in."""
    if operation.kind in ("linear", "constant") or isinstance(operation.form, Move):
        return ()
    count = len(given)
    if operation.kind == "multilinear" or isinstance(operation.form, Contract):
        pairs: Any = itertools.combinations(range(count), 2)
    elif operation.kind == "elementwise":
        if operation not in FOUND:
            learn([operation])
        pairs = FOUND[operation]
    elif operation.is_registered:
        key = operation, tuple([as_type(v) for v in values]), repr(settings)[:500]
        pairs = FOUND.get(key)
        if pairs is None:
            pairs = FOUND[key] = pairs_of_rule(operation, values, settings)
    else:
        pairs = every_pair(count)
    return tuple(
        [(i, j) for i, j in pairs if given[i] is not None and given[j] is not None]
    )


def every_pair(count: int) -> Pairs:
    """Return all pairs of operands, each with itself too."""
    return tuple(itertools.combinations_with_replacement(range(count), 2))


def learn(operations: Sequence[Operation]) -> None:
    """Find on which operands the partials of operations on elements depend.

    One recording tells of all of them.
    """
    if not operations:
        return
    rules: list[tuple[Operation, int, Any, slice]] = []
    sample: list[Any] = []
    for operation in operations:
        given = sample_of(operation)
        if given is None:
            FOUND[operation] = every_pair(len(operation.partials))
            continue
        own = slice(len(sample), len(sample) + len(given))
        sample += given
        rules += [
            (operation, k, part, own)
            for k, part in enumerate(operation.partials)
            if callable(part)
        ]

    def partials(*args: Any) -> tuple[Any, ...]:
        return tuple([part(*args[own]) for _, _, part, own in rules])

    each = depends(partials, sample)
    if each is None and len(operations) > 1:
        for operation in operations:
            learn([operation])
        return
    pairs: dict[Operation, set[tuple[int, int]]] = {
        operation: set() for operation in operations if operation not in FOUND
    }
    for (operation, k, _, own), found in zip(rules, each or (), strict=False):
        reads = {place - own.start - 1 for place in found}
        if -1 in reads:  # the result depends on all
            reads = set(range(len(operation.partials)))
        pairs[operation] |= {(min(k, j), max(k, j)) for j in reads}
    for operation, own_pairs in pairs.items():
        is_known = each is not None
        every = every_pair(len(operation.partials))
        FOUND[operation] = tuple(sorted(own_pairs)) if is_known else every


def sample_of(operation: Operation) -> list[Any] | None:
    """Return a result and operands of it; None where one is a whole number."""
    domain = operation.domain or ((1.0, 1.0),) * len(operation.partials)
    sample = [np.float64(low + 0.6 * (high - low)) for low, high in domain]
    try:
        with np.errstate(all="ignore"):
            return [operation.function(*sample), *sample]
    except TypeError:
        return None


def pairs_of_rule(operation: Operation, values: Sequence[Any], settings: Any) -> Pairs:
    """Return whether the rule of an operation depends on its operands, as pairs."""
    everything = every_pair(len(values))
    moving = [k for k, v in enumerate(values) if is_real(v)]
    try:
        with np.errstate(all="ignore"):
            result = operation.function(*values, **settings)
    except Exception:
        return everything
    if type(result) is tuple or not is_real(result):
        return everything
    seed = np.ones(np.shape(result))[()]

    def rule(z: Any, *operands: Any) -> Any:
        all_of = list(values)
        for k, operand in zip(moving, operands, strict=True):
            all_of[k] = operand
        if operation.vjp is not None:
            found = operation.vjp(seed, z, *all_of, **settings)
            found = found if isinstance(found, tuple) else (found,)
        else:
            ones = [
                np.ones(np.shape(v)) if k in moving else None
                for k, v in enumerate(values)
            ]
            found = (operation.jvp(ones, z, *all_of, **settings),)  # type: ignore[misc]
        return tuple([part for part in found if part is not None])

    found = depends(rule, [result, *[values[k] for k in moving]])
    return () if found is not None and not any(found) else everything


def as_type(value: Any) -> Any:
    """Return the type of a value, which may be known alone."""
    return value if isinstance(value, Type) else type_of(value)


def is_real(value: Any) -> bool:
    """Whether a value is of real numbers that are not whole."""
    like = as_type(value)
    return type(like) is not tuple and like.dtype.kind == "f"


def depends(
    function: Callable[..., Any], sample: Sequence[Any]
) -> list[set[int]] | None:
    """Return the arguments that each result of a function depends on, if it is known.

    None where it is not.
    """
    try:
        with np.errstate(all="ignore"):
            tape = record_apart(function, sample)
    except Exception:
        return None
    if GUARD in tape.operations:
        return None
    first = Dependence(is_second=False)
    sets = first.first.sets.singles(np.arange(len(sample)))
    known: Known = {
        index: np.full(tape.types[index].shape, number)
        for index, number in zip(tape.input_indices, sets, strict=True)
    }
    first.run(tape, range(len(tape)), known, {}, tape.play.outputs.__getitem__, {})
    found = []
    for index in tape.output_indices:
        read = set[int]()
        for part in flat_parts(known.get(index)):
            read |= set(first.first.sets.rows(np.unique(part))[0].tolist())
        found.append(read)
    return found


# Patterns of a tape


class Pattern:
    """A tape whose pattern is asked for.

    Parameters
    ----------
    tape : Tape
        Its numbers may be known.
    inputs : list of int
        The inputs that count.
    decided : dict of int, optional
        Which of the others data decide, where the places that they decide may be
        others in a replay.
    """

    def __init__(
        self, tape: Tape, inputs: Sequence[int], decided: Decided | None
    ) -> None:
        self.tape, self.inputs, self.decided = tape, inputs, decided
        self.outputs = tape.output_indices
        self.width = sum(tape.types[k].size for k in inputs)
        self.runs: dict[bool, tuple[Dependence, Known, Known]] = {}

    def part(self, *places: int) -> Pattern:
        """Return the same of some of the results; what was found is found for all."""
        made = Pattern(self.tape, self.inputs, self.decided)
        made.outputs = [self.outputs[k] for k in places]
        made.runs = self.runs
        return made

    def found(self, is_second: bool) -> tuple[Dependence, Known, Known]:
        """Return what the elements depend on, and both sets of all nodes.

        What was followed to the second order was followed to the first.
        """
        known = self.runs.get(True) or self.runs.get(is_second)
        if known is None:
            dependence = Dependence(is_second, self.decided is not None)
            nodes, decided = range(len(self.tape)), dict(self.decided or {})
            sets = dependence.followed(self.tape, nodes, self.inputs, decided)
            known = self.runs[is_second] = dependence, *sets
        return known

    def of_results(self, known: Known) -> Array:
        """Return the sets of the results' elements, one after another."""
        parts = [np.zeros(0, np.int64)]
        for index in self.outputs:
            sets, shape = known.get(index, 0), self.tape.types[index].shape
            parts.append(np.ravel(np.broadcast_to(np.asarray(sets), shape)))
        return np.concatenate(parts)

    def jacobian(self) -> Any:
        """Return the pattern of the Jacobian: a boolean array in CSR."""
        from scipy.sparse import csr_array

        with SetAside(None):
            dependence, known, _ = self.found(is_second=False)
            sets = self.of_results(known)
            columns, sizes = dependence.first.sets.rows(sets)
            indptr = np.concatenate([[0], np.cumsum(sizes)])
            data = np.ones(len(columns), bool)
            shape = (len(sets), self.width)
            return csr_array((data, columns, indptr), shape=shape)

    def hessian(self) -> Any:
        """Return the pattern of the Hessian of the sum: a boolean array in CSR."""
        from scipy.sparse import csr_array

        with SetAside(None):
            dependence, _, bent = self.found(is_second=True)
            a, b = dependence.entries(self.of_results(bent))
            keys = distinct(np.concatenate([a * self.width + b, b * self.width + a]))
            rows, columns = np.divmod(keys, max(self.width, 1))
            indptr = np.searchsorted(rows, np.arange(self.width + 1))
            data = np.ones(len(keys), bool)
            return csr_array((data, columns, indptr), shape=(self.width,) * 2)
