"""Systems of equations: factors of matrices, and what is solved with them.

An operation says what it is by the functions of `FUNCTIONS`.  A matrix is factored
once, whoever solves with it or with its transpose.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from wengert.core.forms import Routine
from wengert.core.types import Type
from wengert.lower.contract import lettered, with_dots
from wengert.lower.expressions import parse
from wengert.lower.graph import Affine, Graph, Node
from wengert.lower.refusal import BOUNDS, NotLoweredError
from wengert.lower.values import Value, step_of

if TYPE_CHECKING:
    from wengert.lower.lower import Lowering

#: Columns of a matrix of LU factors behind its own: of each row of the factors the row
#: of the matrix, the inverse of that, and the sign of both in the first row.
ROW_OF, PLACE_OF, SIGN, BEHIND = 0, 1, 2, 3
#: Rows up to which a matrix is one for code of our own; others are left to LAPACK.
MOST_OWN = 16
#: A pivot so many times as large as others are is rounding: NumPy says what follows.
ROUNDING = 4


class Call(NamedTuple):
    """What is done with matrices.

    Attributes
    ----------
    name : str
        ``lu``, ``cholesky``, or a solve with the ``lower``, ``upper``, ``unit lower``
        or ``unit upper`` triangle of the first operand.
    rows : int
    core : tuple of (int, int or None)
        The axes of an operand's matrices; None where there is one column.
    result : (int, int or None)
        Those of the result.
    """

    name: str
    rows: int
    core: tuple[tuple[int, int | None], ...]
    result: tuple[int, int | None]

    @property
    def axes(self) -> frozenset[int]:
        """The axes of the result's matrices."""
        return frozenset(a for a in self.result if a is not None)

    @property
    def is_own(self) -> bool:
        """Whether it is code of our own; else a routine of LAPACK."""
        return self.rows <= MOST_OWN


class Factors(NamedTuple):
    """The factors of a matrix: their node, the axes of their rows and columns."""

    node: Node
    rows: int
    columns: int


def solved(
    lowering: Lowering,
    index: int,
    form: Routine,
    operands: list[Value],
    settings: dict[str, Any],
    like: Type,
) -> Value:
    """Return an operation that its form says by functions of matrices."""
    text, type_ = form.text(settings), str(like.dtype)
    if text is None or type_ not in ("float64", "float32"):
        raise NotLoweredError(f"the operation {lowering.tape.operations[index].name}")
    given = [
        Value(lowering.graph.map("x", (node,), type_), dims) for node, dims in operands
    ]
    return Systems(lowering, index, type_, form.core == (2, 1)).value(
        parse(text), dict(zip("xy", given, strict=False))
    )


class Systems:
    """The functions of one operation's text."""

    def __init__(
        self, lowering: Lowering, index: int, type_: str, is_vector: bool
    ) -> None:
        self.lowering = lowering
        self.graph: Graph = lowering.graph
        self.type = type_
        self.is_vector = is_vector
        self.places = (f"{index} {k}" for k in itertools.count())

    def value(self, tree: ast.expr, operands: dict[str, Value]) -> Value:
        """Return an expression of operands."""
        if isinstance(tree, ast.Name):
            return operands[tree.id]
        assert isinstance(tree, ast.Call), "a function of matrices"
        assert isinstance(tree.func, ast.Name), "a function of matrices"
        given = [self.value(x, operands) for x in tree.args]
        return FUNCTIONS[tree.func.id](self, *given)

    # Functions

    def transposed(self, x: Value) -> Value:
        """Return matrices transposed."""
        *stack, i, j = x.dims
        return Value(x.node, (*stack, j, i))

    def solve(self, a: Value, b: Value) -> Value:
        """Return the solution of a x = b."""
        ends = ("...ij", "...i") if self.is_vector else ("...ij", "...iq")
        (a_node, b_node), letters, dots = self.lined_up(ends, a, b)
        i, j, q = (letters.get(letter) for letter in "ijq")
        dims = tuple([letters.get(letter) for letter in dots])
        dims = (*dims, j) if self.is_vector else (*dims, j, q)
        if i is None or j is None:
            self.check_pivots(a_node, ())
            return Value(self.graph.map("x / y", (b_node, a_node), self.type), dims)
        return Value(self.solution(a_node, i, j, b_node, q), dims)

    def inverse(self, a: Value) -> Value:
        """Return the solutions for unit vectors."""
        *_, n = self.graph.shape(a.dims[-1:])
        rows, columns = (
            None if n == 1 else self.lowering.axes.of((next(self.places), "unit"), n)
            for _ in range(2)
        )
        if rows is None or columns is None:
            node = self.graph.number(1, self.type)
        else:
            pair = self.graph.index(rows), self.graph.index(columns)
            node = self.graph.map("x == y", pair, "bool")
            node = self.graph.map("x", (node,), self.type)
        self.is_vector = False
        return self.solve(a, Value(node, (rows, columns)))

    def cholesky(self, a: Value) -> Value:
        """Return the lower factors."""
        (node,), letters, dots = self.lined_up(("...ij",), a)
        i, j = letters.get("i"), letters.get("j")
        dims = (*[letters.get(letter) for letter in dots], i, j)
        if i is None or j is None:
            root = self.graph.map("sqrt(x)", (node,), self.type)
            self.check_roots(root, node)
            return Value(root, dims)
        call = Call("cholesky", self.graph.extent(i), ((i, j),), (i, j))
        found = self.routine(call, node)
        diagonal = {j: Affine(0, ((i, 1),))}
        self.check_roots(
            self.graph.view(found, diagonal), self.graph.view(node, diagonal)
        )
        return Value(found, dims)

    # Parts

    def lined_up(
        self, ends: tuple[str, ...], *values: Value
    ) -> tuple[list[Node], dict[str, int], str]:
        """Return operands, the axes of letters, and the letters of stacks."""
        terms = [
            with_dots(term, len(value.dims))
            for term, value in zip(ends, values, strict=True)
        ]
        nodes, letters = lettered(self.lowering, next(self.places), terms, values)
        most = max(terms, key=lambda term: sum(c.isdigit() for c in term))
        return nodes, letters, "".join(c for c in most if c.isdigit())

    def solution(self, a: Node, i: int, j: int, b: Node, q: int | None) -> Node:
        """Return what solves a system with rows along `i` and columns along `j`."""
        graph = self.graph
        if a.kind == "routine" and a.data.name == "cholesky":
            name = "lower" if a.data.result == (i, j) else "upper"
            return self.triangle(name, Factors(a, i, j), b, i, j, q)
        f = self.factored(a, i, j)
        if f.rows == i:
            b = graph.gather(b, {i: self.places_in(f, ROW_OF)})
            b = self.triangle("unit lower", f, b, i, i, q)
            return self.triangle("upper", f, b, i, j, q)
        turned = Factors(f.node, f.columns, f.rows)
        b = self.triangle("lower", turned, b, i, j, q)
        b = self.triangle("unit upper", turned, b, j, j, q)
        return graph.gather(b, {j: self.places_in(f, PLACE_OF)})

    def factored(self, a: Node, i: int, j: int) -> Factors:
        """Return the LU factors of a matrix, or of its transpose if those are known."""
        known, axes, graph = self.lowering.factors, self.lowering.axes, self.graph
        for rows, columns in ((i, j), (j, i)):
            if (a.number, rows, columns) in known:
                return known[a.number, rows, columns]
        n = graph.extent(i)
        columns = axes.of(("factors", i, j), n + BEHIND)
        call = Call("lu", n, ((i, j),), (i, columns))
        node = self.routine(call, a)
        f = known[a.number, i, j] = Factors(node, i, columns)
        pivots = graph.view(node, {columns: Affine(0, ((i, 1),))})
        self.check_pivots(pivots, (i,))
        return f

    def places_in(self, f: Factors, column: int) -> Node:
        """Return a column of places behind LU factors."""
        at = Affine(self.graph.extent(f.rows) + column, ())
        return self.graph.map("x", (self.graph.view(f.node, {f.columns: at}),), "int64")

    def triangle(
        self, name: str, f: Factors, b: Node, at: int, to: int, q: int | None
    ) -> Node:
        """Return what solves a triangular system, from one axis of rows to another."""
        q = q if q in b.axes else None
        core = (f.rows, f.columns), (at, q)
        call = Call(name, self.graph.extent(at), core, (to, q))
        return self.routine(call, f.node, b)

    def routine(self, call: Call, *operands: Node) -> Node:
        """Return a call, whose operands lie in memory."""
        found, axes = [], call.axes
        for node, core in zip(operands, call.core, strict=True):
            dims = tuple([a for a in core if a is not None])
            axes |= node.axes.difference(dims)
            if not node.axes or node.kind == "index":
                node = self.graph.make("copy", (dims, ()), (node,), dims, self.type)
            found.append(node)
        self.lowering.axes.keep_apart(axes)
        return self.graph.make("routine", call, found, axes, self.type)

    # What refuses a call

    def check_pivots(self, pivots: Node, along: tuple[int, ...]) -> None:
        """Refuse a matrix that is singular, or is so but for rounding."""
        size = self.graph.map("fabs(x)", (pivots,), self.type)
        most = self.graph.reduce(step_of("maximum(x, y)", self.type), size, along)
        self.refuse_unless("x > y * z", size, most)

    def check_roots(self, roots: Node, numbers: Node) -> None:
        """Refuse a matrix that is not positive definite, or is so but for rounding."""
        self.refuse_unless("x * x > y * z", roots, numbers)

    def refuse_unless(self, text: str, one: Node, other: Node) -> None:
        """Refuse a call where something is not so by more than rounding."""
        least = self.graph.number(ROUNDING * np.finfo(self.type).eps, self.type)
        flag = self.graph.map(f"not ({text})", (one, other, least), "bool")
        self.lowering.flags.append((BOUNDS, flag))


#: What the text of a `Routine` may call.
FUNCTIONS: dict[str, Callable[..., Value]] = {
    "transposed": Systems.transposed,
    "solve": Systems.solve,
    "inverse": Systems.inverse,
    "cholesky": Systems.cholesky,
}
