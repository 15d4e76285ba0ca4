"""What is legal of graphs and nests, their fingerprints, and that they are data."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import wengert as wg
from tests.lower.test_nests import given_to
from wengert import Tape
from wengert.core.types import Type
from wengert.emit import vocabulary
from wengert.emit.nests import compile_written, written
from wengert.execute.calls import caller
from wengert.execute.engine import native_engine
from wengert.lower import build as passes
from wengert.lower import check
from wengert.lower.axes import Axes
from wengert.lower.build import build
from wengert.lower.check import FUNCTIONS, KINDS, IllegalError, verify_graph, wrong_in
from wengert.lower.check_nest import STATEMENTS, verify_nest
from wengert.lower.cut import cut
from wengert.lower.graph import Affine, Graph, Node, Source, Step
from wengert.lower.lower import lower
from wengert.lower.nest import (
    Address,
    Buffer,
    Count,
    Fill,
    Fold,
    Guard,
    Let,
    Load,
    Loop,
    Nest,
    Number,
    Part,
    Product,
    Read,
    Start,
    Statement,
    Store,
    Sum,
    Where,
    While,
)
from wengert.lower.values import Lowered, Value

LANES = 4


def network(x: Any, w: Any) -> Any:
    """Products, sums, a maximum, rows that are read at places, and a sort."""
    hidden = np.tanh(x @ w)
    total = np.sum(hidden * hidden, axis=1)
    scaled = np.exp(total - np.max(total))[np.array([3, 0, 0, 7])]
    return np.sum(np.log(scaled)) + np.sort(total)[1] + np.cumsum(total)[-1]


def steps(x: Any, w: Any) -> Any:
    """Steps that are done many times, and a call of NumPy's between."""

    def step(carried: Any, row: Any) -> Any:
        carried = 0.5 * np.sin(carried) + row
        return carried, np.sum(carried)

    last, sums = wg.scan(step, w[:, 0], x)
    return np.sum(np.linalg.eigvalsh(np.outer(last, last) + np.eye(5))) + np.sum(sums)


RNG = np.random.default_rng(3)
ARGUMENTS = RNG.normal(size=(30, 5)), RNG.normal(size=(5, 4))
FUNCTIONS_OF_ARRAYS = [network, steps]


def tape_of(function: Callable[..., Any]) -> Tape:
    """Return the tape of a value and gradient."""
    return wg.record(wg.value_and_grad(function, (0, 1)), *ARGUMENTS)


# Data


@pytest.mark.parametrize("function", FUNCTIONS_OF_ARRAYS)
def test_graphs_and_nests_are_pickled(function: Callable[..., Any]) -> None:
    """They print as before then, have the fingerprint, and the nest of the graph."""
    lowered = lower(tape_of(function), calls=True)
    nest, constants = build(lowered, LANES)
    graph_again, nest_again = pickle.loads(pickle.dumps((lowered, nest)))

    assert str(graph_again.graph) == str(lowered.graph)
    assert graph_again.fingerprint() == lowered.fingerprint()
    assert graph_again.graph.fingerprint() == lowered.graph.fingerprint()
    assert str(nest_again) == str(nest)
    assert nest_again.fingerprint() == nest.fingerprint()
    verify_graph(graph_again)
    verify_nest(nest_again, LANES)
    built, same = build(graph_again, LANES)
    assert built.fingerprint() == nest.fingerprint()
    for one, other in zip(same, constants, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.skipif(not native_engine(), reason="the native engine is off")
@pytest.mark.parametrize("function", FUNCTIONS_OF_ARRAYS)
def test_a_pickled_nest_computes_the_same(function: Callable[..., Any]) -> None:
    tape = tape_of(function)
    nest, constants = pickle.loads(pickle.dumps(build(lower(tape, calls=True), LANES)))
    functions = list(map(caller, nest.calls))
    kernel = compile_written(written(nest, constants, LANES, {}, calls=functions))
    given = given_to(tape)
    results = [
        np.empty(tape.types[k].shape, tape.types[k].dtype) for k in tape.output_indices
    ]

    assert kernel.call(given, results) == 0
    expected = wg.value_and_grad(function, (0, 1))(*ARGUMENTS)
    for found, wanted in zip(results, [expected[0], *expected[1]], strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-12)


#: Functions that differ in little.
ALIKE: dict[str, Callable[..., Any]] = {
    "itself": lambda x: np.sum(np.sin(x[1:]) * 2.0),
    "another number": lambda x: np.sum(np.sin(x[1:]) * np.nextafter(2.0, 3.0)),
    "another place": lambda x: np.sum(np.sin(x[:-1]) * 2.0),
    "another function": lambda x: np.sum(np.cos(x[1:]) * 2.0),
    "another fold": lambda x: np.prod(np.sin(x[1:]) * 2.0),
    "another constant": lambda x: np.sum(np.sin(x[1:]) * np.arange(4.0)),
    "one more": lambda x: np.sum(np.sin(x[1:]) * np.array([0.0, 1, 2, 4])),
}


def prints_of(function: Callable[..., Any]) -> list[str]:
    """Return the fingerprints of a graph and of a nest."""
    lowered = lower(wg.record(function, np.arange(5.0)))
    return [lowered.fingerprint(), build(lowered, LANES)[0].fingerprint()]


def test_fingerprints_tell_graphs_and_nests_apart() -> None:
    """Constants belong to the graph; a nest reads them as any memory."""
    found = {name: prints_of(function) for name, function in ALIKE.items()}

    assert len({graph for graph, _ in found.values()}) == len(ALIKE)
    assert len({nest for _, nest in found.values()}) == len(ALIKE) - 1
    assert prints_of(ALIKE["itself"]) == found["itself"]


def test_a_longer_axis_has_another_fingerprint() -> None:
    tapes = [wg.record(lambda x: np.sin(x) + 1.0, np.arange(n)) for n in (5.0, 6.0)]
    one, other = (lower(tape) for tape in tapes)

    assert str(one.graph) == str(other.graph)
    assert one.graph.fingerprint() != other.graph.fingerprint()


def test_fingerprints_are_the_same_in_every_process() -> None:
    program = (
        "from tests.lower.test_check import *\n"
        "for f in FUNCTIONS_OF_ARRAYS:\n"
        "    lowered = lower(tape_of(f), calls=True)\n"
        "    print(lowered.fingerprint(), build(lowered, LANES)[0].fingerprint())\n"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }

    assert len(found) == 1


# Expressions


def test_the_functions_of_expressions_are_those_of_the_vocabulary() -> None:
    assert FUNCTIONS.keys() == vocabulary.FUNCTIONS
    for name, count in FUNCTIONS.items():
        whole = name.startswith("overflows")
        type_ = "int64" if whole else "float64"
        for given in (count - 1, count, count + 1):
            text = f"{name}({', '.join('xyzw'[:given])})"
            is_legal = not wrong_in(text, (type_,) * given, "bool" if whole else type_)
            assert is_legal == (given == count)


@pytest.mark.parametrize(
    ("text", "types", "type_"),
    [
        ("x + y", ("float64",), "float64"),
        ("x +", ("float64",), "float64"),
        ("spam(x)", ("float64",), "float64"),
        ("x & y", ("float64", "float64"), "float64"),
        ("-(x << y)", ("int64", "int64"), "float64"),
        ("v", ("float64",), "float64"),
    ],
)
def test_an_illegal_expression_is_named(
    text: str, types: tuple[str, ...], type_: str
) -> None:
    assert wrong_in(text, types, type_)


# Graphs


def graph_of() -> tuple[Graph, Node, int, int]:
    """Return a graph of a table of 3 rows and 4 columns, the table and its axes."""
    axes = Axes()
    i, j = axes.of("rows", 3), axes.of("columns", 4)
    graph = Graph(axes)
    return graph, graph.leaf(Source("argument", 0), 0, {i: 4, j: 1}, "float64"), i, j


def lowered_as(graph: Graph, node: Node, *dims: int) -> Lowered:
    """Return a graph of one argument and one result."""
    like = Type((3, 4), np.dtype("float64"))
    shape = tuple(graph.shape(dims))
    known = "float64" if node.type == "text" else node.type
    result = Type(shape, np.dtype(known))
    return Lowered(graph, [Value(node, dims)], [], [result], [like], [], frozenset())


SUM = Step("x + y", 0.0)
#: Nodes that are illegal, made of a graph, its table and the axes; and what is said.
GRAPHS: dict[str, tuple[Callable[[Graph, Node, int, int], Node], str]] = {
    "a kind": (lambda g, x, i, j: g.make("sing", 0, (x,), x.axes, x.type), "no such"),
    "a type": (lambda g, x, i, j: g.make("map", "x", (x,), x.axes, "text"), "no type"),
    "operands": (
        lambda g, x, i, j: g.make("map", "x + y", (x,), x.axes, x.type),
        "of 1 operands",
    ),
    "too many operands": (
        lambda g, x, i, j: g.make("map", "x", (x,) * 5, x.axes, x.type),
        "5 operands",
    ),
    "a function": (
        lambda g, x, i, j: g.make("map", "sinus(x)", (x,), x.axes, x.type),
        "of sinus",
    ),
    "axes": (lambda g, x, i, j: g.make("map", "x", (x,), [i], x.type), "it is over"),
    "an axis that is none": (
        lambda g, x, i, j: g.make("index", 7, (), [7], "int64"),
        "no axis a7",
    ),
    "a number": (
        lambda g, x, i, j: g.make("number", 1.5, (), (), "float64"),
        "is no float64",
    ),
    "a whole number": (
        lambda g, x, i, j: g.make("number", 1 << 40, (), (), "int32"),
        "is no int32",
    ),
    "a fold over another axis": (
        lambda g, x, i, j: g.make(
            "reduce", (SUM, frozenset({5})), (x,), x.axes, x.type
        ),
        "no axes of what",
    ),
    "a fold to another type": (
        lambda g, x, i, j: g.make("reduce", (SUM, frozenset({i})), (x,), [j], "int64"),
        "folded to int64",
    ),
    "a start": (
        lambda g, x, i, j: g.make(
            "reduce",
            (Step("maximum(x, y)", -np.inf), frozenset({i})),
            (g.map("x", (x,), "int64"),),
            [j],
            "int64",
        ),
        "no int64",
    ),
    "a view past the end": (
        lambda g, x, i, j: g.make(
            "view", ((i, Affine(1, ((i, 1),))),), (x,), x.axes, x.type
        ),
        "from 1 to 3, of 3",
    ),
    "a view before the start": (
        lambda g, x, i, j: g.make(
            "view", ((i, Affine(1, ((i, -1),))),), (x,), x.axes, x.type
        ),
        "from -1 to 1, of 3",
    ),
    "a leaf past the end": (
        lambda g, x, i, j: g.leaf(Source("argument", 0), 1, {i: 4, j: 1}, x.type),
        "1 to 12",
    ),
    "a leaf of another type": (
        lambda g, x, i, j: g.leaf(Source("argument", 0), 0, {i: 4, j: 1}, "int64"),
        "float64",
    ),
    "a leaf of another argument": (
        lambda g, x, i, j: g.leaf(Source("argument", 1), 0, {i: 4, j: 1}, x.type),
        "of 1",
    ),
    "a place that is no whole number": (
        lambda g, x, i, j: g.gather(x, {i: g.number(0.0, "float64")}),
        "is float64",
    ),
    "a piece past the end": (
        lambda g, x, i, j: g.make(
            "place",
            ((i, j), False, ((Affine(2, ((i, 1),)), Affine(0, ((j, 1),))),)),
            (x,),
            x.axes,
            x.type,
        ),
        "from 2 to 4, of 3",
    ),
    "a piece without its places": (
        lambda g, x, i, j: g.make(
            "place", ((i, j), False, ((0, Affine(0, ((j, 1),))),)), (x,), x.axes, x.type
        ),
        "place 0 of 0",
    ),
    "several elements for a place": (
        lambda g, x, i, j: g.make(
            "place", ((j,), False, ((Affine(0, ((j, 1),)),),)), (x,), [j], x.type
        ),
        "several elements",
    ),
    "a sum of what is not in memory": (
        lambda g, x, i, j: g.make(
            "sum", (i, j), (g.map("-x", (x,), x.type),), (), x.type
        ),
        "no memory",
    ),
    "a sort along another axis": (
        lambda g, x, i, j: g.make("sort", (9, False), (x,), x.axes, x.type),
        "no axis of what",
    ),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_an_illegal_graph_is_named(name: str) -> None:
    make, said = GRAPHS[name]
    graph, table, i, j = graph_of()
    verify_graph(lowered_as(graph, table, i, j))

    node = make(graph, table, i, j)
    with pytest.raises(IllegalError, match=said):
        verify_graph(lowered_as(graph, node, *sorted(node.axes & {i, j})))


def test_a_node_that_reads_a_later_one_is_named() -> None:
    graph, table, i, j = graph_of()
    first = graph.map("-x", (table,), table.type)
    second = graph.map("sin(x)", (table,), table.type)
    first.operands = (second,)

    with pytest.raises(IllegalError, match="which is made later"):
        verify_graph(lowered_as(graph, first, i, j))


def test_results_and_guards_that_are_illegal_are_named() -> None:
    graph, table, i, j = graph_of()
    legal = lowered_as(graph, table, i, j)
    other = Type((4, 3), np.dtype("float64"))

    for illegal, said in (
        (replace(legal, types=[other]), "result 0"),
        (
            replace(
                legal, types=[other._replace(shape=(3, 4), dtype=np.dtype("int64"))]
            ),
            "is float64",
        ),
        (replace(legal, guards=[(3, table)]), "guard 3"),
        (replace(legal, outputs=[Value(graph_of()[1], (i, j))]), "another graph"),
    ):
        with pytest.raises(IllegalError, match=said):
            verify_graph(illegal)


def test_every_kind_of_nodes_and_of_statements_has_its_rule() -> None:
    assert set(Statement.__args__) == STATEMENTS.keys()
    for function in FUNCTIONS_OF_ARRAYS:
        lowered = lower(tape_of(function), calls=True)
        assert {node.kind for node in lowered.graph.nodes} <= KINDS.keys()


# Nests


X, Y = Buffer("argument", 0, "float64", 12), Buffer("result", 0, "float64", 12)
S, TRUE = Buffer("scratch", 0, "float64", 12), Number(True, "bool")
ONE = Number(1.0, "float64")


def along(buffer: Buffer, offset: int = 0, stride: int = 1, loop: int = 0) -> Address:
    """Return an element by a loop."""
    return Address(buffer, offset, ((loop, stride),))


def nest_of(*more: Statement) -> Nest:
    """Return a nest that copies its argument, in a loop, and does more."""
    copy = [Load(0, along(X), "float64"), Store(along(Y), 0, "float64")]
    body = [Loop(0, 12, True, body=[*copy]), *more]
    return Nest([X], [], [Y], [S], body, 50, [])


def loop_of(*body: Statement, extent: int = 12) -> Loop:
    """Return another loop."""
    return Loop(1, extent, False, body=[*body])


#: Statements that are illegal behind a loop, and what is said.
NESTS: dict[str, tuple[list[Statement], str]] = {
    "a value of nowhere": ([Store(Address(Y, 0), 9, "float64")], "v9 is not known"),
    "a value of a loop": ([Store(Address(Y, 0), 0, "float64")], "v0 is not known"),
    "a value of a where": (
        [
            Where(TRUE, [Let(1, "x", (ONE,), "float64")]),
            Store(Address(Y, 0), 1, "float64"),
        ],
        "v1 is not known",
    ),
    "a value that is made twice": (
        [Let(0, "x", (ONE,), "float64")],
        "v0 is made twice",
    ),
    "operands": ([Let(1, "x + y", (ONE,), "float64")], "of 1 operands"),
    "a loop that is not open": ([Load(1, along(X), "float64")], "i0 is not open"),
    "a count of no loop": ([Count(1, 7)], "i7 is not open"),
    "past the end": (
        [loop_of(Load(1, along(X, 1, loop=1), "float64"))],
        "elements 1 to 12 of 12",
    ),
    "before the start": (
        [loop_of(Load(1, along(X, 10, -1, 1), "float64"))],
        "elements -1 to 10",
    ),
    "lanes past the end": (
        [Load(1, Address(X, 9, is_wide=True), "float64")],
        "elements 9 to 12",
    ),
    "another buffer": (
        [Load(1, Address(X._replace(size=99), 50), "float64")],
        "there is no argument0",
    ),
    "an argument": ([Store(Address(X, 0), ONE, "float64")], "argument0 is written"),
    "another type": ([Load(1, Address(X, 0), "float32")], "is read as float32"),
    "memory of nothing": (
        [Load(1, Address(S, 0), "float64")],
        "read before it is written",
    ),
    "elements of nothing": (
        [
            Store(Address(S, 3), ONE, "float64"),
            Load(1, Address(S, 4), "float64"),
        ],
        "are read",
    ),
    "elements of the next step": (
        [
            loop_of(
                Store(along(S, loop=1), ONE, "float64"),
                Load(1, along(S, 1, loop=1), "float64"),
                extent=11,
            )
        ],
        "are read",
    ),
    "elements of the first step": (
        [
            loop_of(
                Load(1, along(S, loop=1), "float64"),
                Store(along(S, loop=1), 1, "float64"),
            )
        ],
        "read before it is written",
    ),
    "what is folded into": (
        [Store(Address(S, 0), ONE, "float64", "x + y")],
        "read before it is written",
    ),
    "an index": (
        [
            Let(1, "x", (ONE,), "float64"),
            Load(2, Address(X, 0, picks=((1, 1),)), "float64"),
        ],
        "an index, is float64",
    ),
    "a register": ([Fold(4, "x + y", ONE)], "r4 is not started"),
    "a register of a loop": (
        [loop_of(Start(4, "float64", 0.0, False)), Read(1, 4, "y", "float64", False)],
        "r4 is not started",
    ),
    "a register of another type": (
        [Start(4, "int64", 0, False), Read(1, 4, "y", "float64", False)],
        "r4 is int64",
    ),
    "a start": ([Start(4, "int64", np.inf, False)], "no int64"),
    "a fill": ([Fill(X, 0.0)], "argument0 is written"),
    "a guard": ([Guard(3, ONE)], "guard 3, float64"),
    "a condition": ([While(5, [], ONE, [])], "condition is float64"),
    "a sum past the end": (
        [Sum(1, Address(X, 1), 12, "float64")],
        "elements 1 to 12",
    ),
    "a product past the end": (
        [
            Product(
                *(Address(Y, 0), Address(X, 0), Address(X, 4)),
                (3, 3, 3),
                ((3, 1), (3, 1), (3, 1)),
                "float64",
                False,
            )
        ],
        "elements 4 to 12",
    ),
    "a loop of no steps": ([loop_of(extent=0)], "0 steps"),
    "a loop twice open": ([loop_of(loop_of())], "i1 is open"),
}


@pytest.mark.parametrize("name", NESTS)
def test_an_illegal_nest_is_named(name: str) -> None:
    more, said = NESTS[name]
    verify_nest(nest_of(), LANES)

    with pytest.raises(IllegalError, match=said):
        verify_nest(nest_of(*more), LANES)


def test_a_result_that_is_not_written_is_named() -> None:
    nest = nest_of()
    nest.body[0].extent = 11  # type: ignore[union-attr]

    with pytest.raises(IllegalError, match="result0 is not written as a whole"):
        verify_nest(nest, LANES)


def test_parts_know_the_values_of_no_other() -> None:
    whole, _ = build(lower(tape_of(network), calls=True), LANES)
    verify_nest(cut(whole, 20, 10), LANES)
    nest = nest_of()
    one, other = Part(0, [Let(1, "x", (ONE,), "float64")]), Part(1, [])
    nest.body += [one, other]
    verify_nest(nest, LANES)
    other.body.append(Store(Address(Y, 0), 1, "float64"))

    with pytest.raises(IllegalError, match="v1 is not known here"):
        verify_nest(nest, LANES)


@pytest.mark.skipif(not native_engine(), reason="the native engine is off")
def test_a_pass_that_makes_an_illegal_nest_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While tests run every pass is checked, whoever takes the error for a refusal."""
    found: list[IllegalError] = []
    monkeypatch.setattr(check, "FOUND", found)
    monkeypatch.setattr(passes, "share_results", lambda nest: nest.body.pop())
    function = wg.jit(lambda x: np.sin(x) + 1.0, wait=True)
    for _ in range(3):
        function(np.arange(20.0))

    said = [str(error) for error in found]
    found.clear()  # or this test is said to have failed

    assert said
    assert all("not written as a whole" in text for text in said)


def test_a_place_along_no_elements_is_none() -> None:
    """Whatever it would be: nothing is read."""
    axes = Axes()
    empty, some = axes.of("empty", 0), axes.of("some", 3)
    graph = Graph(axes)

    assert not list(check.in_place(graph, Affine(0, ((empty, 1),)), 0))
    assert list(check.in_place(graph, Affine(0, ((some, 1),)), 0))
