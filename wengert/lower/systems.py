"""Systems of equations: factors of matrices, and what is solved with them.

An operation says what it is by the functions of `FUNCTIONS`.  A matrix is factored
once, whoever solves with it or with its transpose.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from wengert.core.expressions import parse
from wengert.core.forms import Routine
from wengert.core.types import Type, dtype_name
from wengert.lower.contract import lettered, with_dots
from wengert.lower.graph import Affine, Graph, Node
from wengert.lower.refusal import BOUNDS, NotLoweredError
from wengert.lower.values import Dims, Value, step_of

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
    likes: Sequence[Type],
) -> list[Value]:
    """Return the results that a form says by functions of matrices."""
    texts, types = form.texts(settings), {dtype_name(like.dtype) for like in likes}
    if not texts or not types <= {"float64", "float32"}:
        raise NotLoweredError(f"the operation {lowering.tape.operations[index].name}")
    (type_,) = types
    given = [
        Value(lowering.graph.map("x", (node,), type_), dims) for node, dims in operands
    ]
    systems = Systems(lowering, index, type_, form.core == (2, 1))
    names = dict(zip("xy", given, strict=False))
    return [systems.value(parse(text), names) for text in texts]


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

    def triangular(self, a: Value, b: Value, name: str) -> Value:
        """Return the solution with a triangle of a."""
        (a_node, b_node), letters, dots = self.lined_up(("...ij", "...iq"), a, b)
        i, j, q = (letters.get(letter) for letter in "ijq")
        dims = (*[letters.get(letter) for letter in dots], j, q)
        if i is not None and j is not None:
            f = Factors(a_node, i, j)
            pivots = self.graph.view(a_node, {j: Affine(0, ((i, 1),))})
            node = self.triangle(name, f, b_node, i, j, q)
        elif name.startswith("unit"):
            node = b_node
        else:
            pivots = a_node
            node = self.graph.map("x / y", (b_node, a_node), self.type)
        if not name.startswith("unit"):
            least = self.graph.number(np.finfo(self.type).tiny, self.type)
            self.refuse_unless("fabs(x) >= y", pivots, least)
        return Value(node, dims)

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

    def beside(self, factor: Value, a: Value) -> Value:
        """Return lower factors, and above them what is there in other matrices."""
        nodes, letters, dots = self.lined_up(("...ij", "...ij"), factor, a)
        i, j = letters.get("i"), letters.get("j")
        dims = (*[letters.get(letter) for letter in dots], i, j)
        if i is None or j is None:
            return Value(nodes[0], dims)
        pair = self.graph.index(i), self.graph.index(j)
        text = "select(x >= y, z, w)"
        return Value(self.graph.map(text, (*pair, *nodes), self.type), dims)

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
        if not (call.is_own or self.lowering.libraries.has_lapack()):
            raise NotLoweredError(f"{call.name} of {call.rows} rows, without LAPACK")
        found, axes = [], call.axes
        for node, core in zip(operands, call.core, strict=True):
            dims = tuple([a for a in core if a is not None])
            axes |= node.axes.difference(dims)
            if not node.axes or node.kind == "index":
                node = self.graph.make("copy", (dims, ()), (node,), dims, self.type)
            found.append(node)
        self.lowering.axes.keep_apart(axes)
        return self.graph.make("routine", call, found, axes, self.type)

    # Determinants

    def determinant(self, a: Value) -> Value:
        """Return the product of the pivots, with the sign of their order."""
        sign, pivots, along, dims = self.pivots(a)
        step = step_of("x * y", self.type)
        product = self.graph.reduce(step, pivots, along)
        return Value(self.graph.map("x * y", (sign, product), self.type), dims)

    def sign(self, a: Value) -> Value:
        """Return the determinant's sign."""
        sign, pivots, along, dims = self.pivots(a)
        signs = self.graph.map("copysign(1, x)", (pivots,), self.type)
        product = self.graph.reduce(step_of("x * y", self.type), signs, along)
        return Value(self.graph.map("x * y", (sign, product), self.type), dims)

    def log_size(self, a: Value) -> Value:
        """Return the logarithm of the determinant's size."""
        _, pivots, along, dims = self.pivots(a)
        logs = self.graph.map("log(fabs(x))", (pivots,), self.type)
        return Value(self.graph.reduce(step_of("x + y", self.type), logs, along), dims)

    def cofactors(self, a: Value) -> Value:
        """Return the inverse, transposed, times a determinant that is not 0."""
        inverse, determinant = self.transposed(self.inverse(a)), self.determinant(a)
        self.refuse_unless("x != 0 and fabs(x) < inf", determinant.node)
        pair = inverse.node, determinant.node
        return Value(self.graph.map("x * y", pair, self.type), inverse.dims)

    def pivots(self, a: Value) -> tuple[Node, Node, tuple[int, ...], Dims]:
        """Return the sign of their order, pivots and their axis; the stack's axes."""
        if 0 in self.graph.shape(a.dims[-1:]):
            one = self.graph.number(1, self.type)
            return one, one, (), a.dims[:-2]
        (node,), letters, dots = self.lined_up(("...ij",), a)
        i, j = letters.get("i"), letters.get("j")
        dims = tuple([letters.get(letter) for letter in dots])
        if i is None or j is None:
            self.check_pivots(node, ())
            return self.graph.number(1, self.type), node, (), dims
        f = self.factored(node, i, j)
        at = {f.columns: Affine(self.graph.extent(f.rows) + SIGN, ())}
        sign = self.graph.view(f.node, at | {f.rows: Affine(0, ())})
        pivots = self.graph.view(f.node, {f.columns: Affine(0, ((f.rows, 1),))})
        return sign, pivots, (f.rows,), dims

    # Eigenvalues and singular values

    def inverse_gaps(self, w: Value, text: str = "1 / (x - y)") -> Value:
        """Return what the columns' values less the rows' are divided by: all distinct.

        Of two that are equal NumPy's play says so.
        """
        *stack, i = w.dims
        if i is None:
            raise NotLoweredError("the gaps of one value")
        n = self.graph.extent(i)
        j = self.lowering.axes.of((next(self.places), "columns"), n)
        self.lowering.axes.keep_apart([*(a for a in stack if a is not None), i, j])
        other = self.graph.view(w.node, {i: Affine(0, ((j, 1),))})
        places = self.graph.index(i), self.graph.index(j)
        is_same = self.graph.map("x == y", places, "bool")
        gap = self.graph.map("x - y", (other, w.node), self.type)
        least = self.rounding_of(w.node, i)
        self.refuse_unless("fabs(x) > y or (z and x == 0)", gap, least, is_same)
        inverse = self.graph.map(text, (other, w.node), self.type)
        zero = self.graph.number(0, self.type)
        found = self.graph.map("select(x, y, z)", (is_same, zero, inverse), self.type)
        return Value(found, (*stack, i, j))

    def inverse_values(self, s: Value) -> Value:
        """Return the inverses of values, none of them 0 but for rounding."""
        *_, i = s.dims
        if i is None:
            raise NotLoweredError("the inverse of one value")
        self.refuse_unless("x > y", s.node, self.rounding_of(s.node, i))
        return Value(self.graph.map("1 / x", (s.node,), self.type), s.dims)

    def rounding_of(self, values: Node, axis: int) -> Node:
        """Return what values may differ by without being distinct: a rounding each."""
        size = self.graph.map("fabs(x)", (values,), self.type)
        most = self.graph.reduce(step_of("maximum(x, y)", self.type), size, (axis,))
        each = self.graph.extent(axis) * np.finfo(self.type).eps
        scale = self.graph.number(each, self.type)
        return self.graph.map("x * y", (most, scale), self.type)

    # What refuses a call

    def finite(self, x: Value) -> Value:
        """Return what must be finite."""
        self.refuse_unless("fabs(x) < inf", x.node)
        return x

    def check_pivots(self, pivots: Node, along: tuple[int, ...]) -> None:
        """Refuse a matrix that is singular, or is so but for rounding."""
        size = self.graph.map("fabs(x)", (pivots,), self.type)
        most = self.graph.reduce(step_of("maximum(x, y)", self.type), size, along)
        self.refuse_unless("x > y * z", size, most, self.rounding())

    def check_roots(self, roots: Node, numbers: Node) -> None:
        """Refuse a matrix that is not positive definite, or is so but for rounding."""
        self.refuse_unless("x * x > y * z", roots, numbers, self.rounding())

    def rounding(self) -> Node:
        """Return what a pivot may be of others, and be nothing but rounding."""
        return self.graph.number(ROUNDING * np.finfo(self.type).eps, self.type)

    def refuse_unless(self, text: str, *nodes: Node) -> None:
        """Refuse a call where something is not so."""
        flag = self.graph.map(f"not ({text})", nodes, "bool")
        self.lowering.flags.append((BOUNDS, flag))


#: What the text of a `Routine` may call.
FUNCTIONS: dict[str, Callable[..., Value]] = (
    {
        name: getattr(Systems, name)
        for name in (
            "transposed solve inverse cholesky beside determinant sign log_size"
            " cofactors finite inverse_gaps inverse_values"
        ).split()
    }
    | {
        "inverse_square_gaps": partial(
            Systems.inverse_gaps, text="1 / ((x - y) * (x + y))"
        ),
    }
    | {
        name.replace(" ", "_"): partial(Systems.triangular, name=name)
        for name in ("lower", "upper", "unit lower", "unit upper")
    }
)
