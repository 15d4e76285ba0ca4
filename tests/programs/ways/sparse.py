"""Sparse derivatives: entries are the dense ones, and the pattern has all of them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

import wengert
from tests.programs import gradients
from tests.programs.judge import Judge, MismatchError
from tests.programs.program import Outcome, outcome

TOLERANCE = 1e-8
#: Calls that are differentiated, and by how many numbers at most.
CALLS, MOST, MOST_TWICE = 2, 24, 12
#: Calls until one is native, and of how many programs one is called so often.
NATIVE, SHARE = 2, 4
#: Differences that are no zero with a rounding error.
LEAST = 1e-2
#: Operations that rise, or move elements: what they give of rising operands does not
#: cancel, and has no derivatives that are zero.
RISING = frozenset(
    """add arcsinh arctan cbrt concatenate copy cumsum exp expand_dims expm1 flip
    getitem identity index_add log log1p mean moveaxis ravel reshape roll sinh sqrt
    squeeze stack store sum tile transpose broadcast_to""".split()
)
#: Those that do, too, where no operand has a zero, and no constant falls below it.
PRODUCTS = frozenset(
    "cumprod dot einsum inner matmul multiply outer prod square vdot".split()
)
#: Sizes of numbers whose differences do not get lost in others, and steps from them.
USUAL, AHEAD = (1e-3, 1e3), (0.3, 1e-3, -0.2)


def check(judge: Judge) -> None:
    """Check Jacobians of all results, and Hessians of the total."""
    if judge.is_stateful or judge.is_single:
        return
    for k in judge.once[:CALLS]:
        if judge.expected[k].error is None and not judge.is_shared(k):
            check_call(judge, k)


def is_real(value: Any) -> bool:
    """Whether a value has real numbers that a derivative may be taken by, or of."""
    is_number = isinstance(value, (np.ndarray, float))
    return is_number and np.asarray(value).dtype == np.float64 and np.size(value) > 0


def check_call(judge: Judge, k: int) -> None:
    """Check the derivatives of one call."""
    instance = judge.program.load()
    args, found = instance.arguments(k), judge.expected[k].value[1]
    chosen = tuple([j for j in judge.program.differentiated if is_real(args[j])])
    kept = [place for place, value in enumerate(found) if is_real(value)]
    sizes = [np.size(args[j]) for j in chosen]
    if not kept or not 0 < sum(sizes) <= MOST:
        return

    def results(*args: Any) -> Any:
        found = instance.function(*args)[1]
        return np.concatenate([np.reshape(found[place], (-1,)) for place in kept])

    def total(*args: Any) -> Any:
        return instance.function(*args)[0]

    def asked(make: Callable[..., Any], of: Any, **how: Any) -> Outcome:
        derivative = make(of, chosen, **how)
        for _ in range(NATIVE if how and judge.program.seed % SHARE == 0 else 0):
            outcome(derivative, instance.arguments(k))
        return outcome(derivative, instance.arguments(k))

    def pattern(of: Any, argnums: Any) -> Any:
        return lambda *args: wengert.jacobian_sparsity(of, *args, argnums=argnums)

    dense = asked(wengert.jacobian, results)
    if dense.error is None:
        rows = [np.reshape(part, (len(part), -1)) for part in dense.value]
        whole = np.hstack(rows)
        compare(judge, k, "Jacobian", whole, asked(wengert.jacobian, results, **SPARSE))
        has = asked(pattern, results)
        if has.error is None:
            check_pattern(judge, k, has.value.toarray(), whole, results, chosen)
            check_exact(judge, k, has.value.toarray(), kept, chosen)
    dense = asked(wengert.hessian, total) if sum(sizes) <= MOST_TWICE else dense
    if sum(sizes) <= MOST_TWICE and dense.error is None:
        parts = [
            [np.reshape(part, (size, -1)) for part in row]
            for size, row in zip(sizes, dense.value, strict=True)
        ]
        whole = np.block(parts)
        compare(judge, k, "Hessian", whole, asked(wengert.hessian, total, **SPARSE))


SPARSE: dict[str, Any] = {"sparse": True, "pattern": "grow"}


def compare(judge: Judge, k: int, what: str, dense: Any, found: Outcome) -> None:
    """Compare a sparse matrix with a dense one; a Hessian with its transpose."""
    if isinstance(found.error, wengert.WengertError):
        judge.counts["sparse: refused"] += 1
        return
    if found.error is not None:
        text = f"call {k}: {what}: {type(found.error).__name__}: {found.error}"
        raise MismatchError("sparse", "error", text)
    sparse = found.value.toarray()
    others = [dense, sparse.T] if what == "Hessian" else [dense]
    for other in others:
        is_known = np.isfinite(sparse) & np.isfinite(other)
        scale = 1 + np.max(np.abs(other), initial=0, where=is_known)
        off = np.zeros(sparse.shape)
        np.subtract(sparse, other, where=is_known, out=off)
        if not np.max(np.abs(off)) < TOLERANCE * scale and not judge.is_far_from_one(k):
            text = f"call {k}: {what} {sparse.tolist()}, not {other.tolist()}"
            raise MismatchError("sparse", what, text)
    judge.counts[f"sparse: {what} compared"] += 1


def check_pattern(
    judge: Judge, k: int, pattern: Any, dense: Any, results: Any, chosen: Any
) -> None:
    """Check that a pattern has what is not zero, by derivatives and by differences."""
    instance, column = judge.program.load(), 0
    lacks = [np.isfinite(dense) & (dense != 0) & ~pattern]
    for position in chosen:
        for element in range(np.size(instance.arguments(k)[position])):
            found = differences(instance, k, results, (position, (), element))
            missing = np.zeros(pattern.shape, bool)
            if found is not None and len(found) == len(pattern):
                judge.counts["sparse: differences"] += 1
                missing[:, column] = (np.abs(found) > LEAST) & ~pattern[:, column]
            lacks.append(missing)
            column += 1
    places = np.argwhere(np.any(lacks, axis=0)).tolist()
    if places:
        text = f"call {k}: the pattern lacks {places}"
        raise MismatchError("sparse", "pattern", text)


def check_exact(judge: Judge, k: int, pattern: Any, kept: Any, chosen: Any) -> None:
    """Check that a pattern has nothing else, where nothing cancels or vanishes."""
    instance, row = judge.program.load(), 0
    for place in kept:

        def result(*args: Any, place: int = place) -> Any:
            return np.ravel(instance.function(*args)[1][place])

        size = np.size(judge.expected[k].value[1][place])
        has, row = pattern[row : row + size], row + size
        if has.any() and is_rising(result, instance.arguments(k), chosen):
            judge.counts["sparse: exact"] += 1
            if not np.array_equal(has, has & moving(instance, k, result, chosen)):
                text = f"call {k}: of result {place} {has.tolist()} has more than is"
                raise MismatchError("sparse", "wider pattern", text)


def is_rising(function: Any, args: Any, chosen: Any) -> bool:
    """Whether what is recorded rises with its inputs, in numbers of usual sizes."""

    def moved(*values: Any) -> Any:
        every = list(args)
        for position, value in zip(chosen, values, strict=True):
            every[position] = value
        return function(*every)

    values = [copy.copy(args[position]) for position in chosen]
    found = outcome(lambda: wengert.record(moved, *values), ())
    if found.error is not None:
        return False
    tape, todo, reached = found.value, list(found.value.output_indices), set()
    for node, position in zip(tape.inputs, chosen, strict=True):
        node.output = copy.copy(args[position])
    while todo:
        index = todo.pop()
        if index not in reached:
            reached.add(index)
            todo += tape.operands[index]
    with np.errstate(all="ignore"):  # of sizes that are not usual, too
        tape.forward()
        return all(is_rising_node(tape, index) for index in reached)


def is_rising_node(tape: Any, index: int) -> bool:
    """Whether a node rises with its operands, and gives numbers of usual sizes."""
    name = tape.operations[index].name
    sizes = np.abs(np.asarray(tape.node(index).output))
    if name in ("input", "constant"):
        return True
    if not np.all((sizes == 0) | ((sizes > USUAL[0]) & (sizes < USUAL[1]))):
        return False
    if name not in PRODUCTS:
        return name in RISING
    operands = tape.operands[index]
    values = [np.asarray(tape.node(operand).output) for operand in operands]
    return all(
        np.all(value > 0 if tape.operations[operand].name == "constant" else value != 0)
        for operand, value in zip(operands, values, strict=True)
    )


def moving(instance: Any, k: int, result: Any, chosen: Any) -> Any:
    """Return which elements of a result are others where one of an argument is."""
    found = []
    here = outcome(result, instance.arguments(k)).value
    for position in chosen:
        for element in range(np.size(instance.arguments(k)[position])):
            moves = np.zeros(np.shape(here), bool)
            for step in AHEAD:
                place = position, (), element
                args = gradients.moved(instance.arguments(k), place, step)
                there = None if args is None else outcome(result, args).value
                is_other = np.shape(there) != np.shape(here) or there != here
                moves |= True if args is None else is_other
            found.append(moves)
    return np.stack(found, axis=1)


def differences(instance: Any, k: int, results: Any, place: Any) -> Any:
    """Return differences of all results; zero where they say nothing, or None."""
    found = []
    for step in gradients.STEPS:
        ends = []
        for moved_by in (step, 0.0, -step):
            args = gradients.moved(instance.arguments(k), place, moved_by)
            end = outcome(results, args) if args is not None else None
            if end is None or end.error is not None:
                return None
            ends.append(end.value)
        if len({end.shape for end in ends}) > 1:
            return None
        with np.errstate(all="ignore"):
            found += [(one - other) / step for one, other in pairwise(ends)]
    with np.errstate(all="ignore"):
        low, high = np.min(found, axis=0), np.max(found, axis=0)
        is_same = high - low <= gradients.RELIABLE * (1 + np.abs(high))
        is_small = np.maximum(np.abs(ends[1]), np.abs(high)) < gradients.LARGEST
    return np.where(is_same & is_small, high, 0.0)
