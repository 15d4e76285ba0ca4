"""How much a nest does: operations, and bytes that its statements read and write."""

from __future__ import annotations

import ast
import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from wengert.core.expressions import parse
from wengert.lower.nest import (
    Across,
    Call,
    Fill,
    Fold,
    Let,
    Load,
    Loop,
    Nest,
    Order,
    Part,
    Product,
    Routine,
    Statement,
    Store,
    Sum,
    Where,
    While,
)


class Work(NamedTuple):
    """What one call does.

    Attributes
    ----------
    flops : int
        Operations on numbers: an addition, a comparison, a choice and a sine are one.
    bytes : int
        Read and written by statements, from caches as from memory.
    scratch : int
        Bytes of memory for what is neither argument nor result.
    """

    flops: int
    bytes: int
    scratch: int


def work_of(nest: Nest) -> Work:
    """Return how much a nest does."""
    flops, moved = totals(nest.body)
    scratch = sum(buffer.size * size_of(buffer.type) for buffer in nest.scratch)
    return Work(flops, moved, scratch)


def totals(body: Sequence[Statement]) -> tuple[int, int]:
    """Return the operations of statements, and the bytes that they move."""
    flops = moved = 0
    for statement in body:
        times, (one, other) = 1, (0, 0)
        match statement:
            case Let(_, text, _, _, _):
                one = operations(text)
            case Fold(_, text, _) | Across(_, text, _, _):
                one = operations(text)
            case Load(_, _, type_):
                other = size_of(type_)
            case Store(_, _, type_, fold):
                one, other = operations(fold or "x"), (1 + bool(fold)) * size_of(type_)
            case Loop(_, extent, _, _, inner):
                times, (one, other) = extent, totals(inner)
            case Part(_, inner) | Where(_, inner):
                one, other = totals(inner)
            case While(_, asks, _, inner):  # one step: who knows how many there are
                one, other = totals([*asks, *inner])
            case Sum(_, _, count, type_):
                one, other = count, count * size_of(type_)
            case Fill(buffer, _):
                other = buffer.size * size_of(buffer.type)
            case Product(_, _, _, (rows, columns, depth), _, type_, _):
                one = 2 * rows * columns * depth
                elements = rows * columns + rows * depth + depth * columns
                other = elements * size_of(type_)
            case Order(_, _, count, _, type_, _, _):  # compared once in every merge
                one = count * (count - 1).bit_length()
                other = 2 * one * size_of(type_)
            case Call(_, _, _, operands, results):
                buffers = {address.buffer for address in (*operands, *results)}
                other = sum(b.size * size_of(b.type) for b in buffers)
            case Routine(name, _, _, (rows, columns), _, type_, _):
                one = of_system(name, rows, columns)
                other = 2 * rows * columns * size_of(type_)
        flops, moved = flops + times * one, moved + times * other
    return flops, moved


def of_system(name: str, rows: int, columns: int) -> int:
    """Return the operations of a factorization, or of a triangular solve.

    They are those of G. Golub and C. Van Loan, Matrix Computations, chapters 3 and 4.
    """
    if name == "lu":
        return 2 * rows**3 // 3
    return rows**3 // 3 if name == "cholesky" else rows**2 * columns


@functools.lru_cache(maxsize=4096)
def operations(text: str) -> int:
    """Return how many operations an expression has."""
    kinds = ast.BinOp, ast.UnaryOp, ast.Call, ast.Compare, ast.BoolOp
    return sum(isinstance(node, kinds) for node in ast.walk(parse(text)))


@functools.cache
def size_of(type_: str) -> int:
    """Return the bytes of one element."""
    return np.dtype(type_).itemsize
