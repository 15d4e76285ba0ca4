"""Imports run one way, and only `emit` knows the compiler library."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import NamedTuple, get_args

import numpy as np
import pytest

PACKAGE = Path(__file__).parents[1] / "wengert"
#: In the order of the data; a module imports from its own layer and those before it.
LAYERS = (
    "errors core ops capture derive structure lower emit execute api sensitivity "
    "problems random_effects nodes checks show numpy scipy cli"
).split()
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__main__.py")
#: The methods of `Tape` that are one line with a local import of a later layer.
DELEGATIONS = set(
    (
        "__call__ __setstate__ __str__ _repr_html_ backward batch compile compute "
        "first_nonfinite forward function grad_tape gradient guards jacobian_tape "
        "native_player player profile save settle show tangent_tape to_html to_numpy "
        "verify"
    ).split()
)


def layer(name: str) -> int | None:
    """Return the place of a dotted module name; None for the package itself.

    What the package itself exports counts as the user's door.
    """
    parts = name.split(".")
    if parts[0] != "wengert" or len(parts) == 1:
        return None
    return LAYERS.index(parts[1] if parts[1] in LAYERS else "api")


def dotted(path: Path) -> str:
    """Return the dotted name of a module of the package."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(node: ast.AST) -> list[str]:
    """Return the dotted names that a statement imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module:
        if node.module == "wengert":
            return [f"wengert.{alias.name}" for alias in node.names]
        return [node.module]
    return []


class Facts(NamedTuple):
    """What the tests ask of a module, found in one walk over its text."""

    #: What it imports, and what of it when it is itself imported.
    imports: list[str]
    imports_at_once: list[str]
    #: Its calls of `isinstance`, and its attributes of the names that are asked about.
    asks: list[ast.Call]
    attributes: list[ast.Attribute]


INNER = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
APPENDS = "append", "extend", "insert"


@cache
def facts(path: Path) -> Facts:
    """Return what the tests ask of a module."""
    found = Facts([], [], [], [])
    stack: list[tuple[ast.AST, bool]] = [(ast.parse(path.read_text()), True)]
    while stack:
        node, is_at_once = stack.pop()
        names = imported(node)
        found.imports.extend(names)
        found.imports_at_once.extend(names if is_at_once else ())
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "isinstance":
            found.asks.append(node)
        if isinstance(node, ast.Attribute) and node.attr in ("__class__", *APPENDS):
            found.attributes.append(node)
        is_at_once = is_at_once and not isinstance(node, INNER)
        stack.extend((child, is_at_once) for child in ast.iter_child_nodes(node))
    return found


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_imports_run_one_way(path: Path) -> None:
    own = layer(dotted(path))
    if own is None:
        pytest.skip("the package collects from all layers")

    upward = [
        name
        for name in facts(path).imports_at_once
        if name.split(".")[0] == "wengert" and (layer(name) or 0) > own
    ]

    assert upward == []


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_only_emit_imports_llvmlite(path: Path) -> None:
    uses_it = any(name.split(".")[0] == "llvmlite" for name in facts(path).imports)

    assert not uses_it or dotted(path).startswith("wengert.emit")


def test_every_layer_is_known() -> None:
    found = {
        dotted(path).split(".")[1]
        for path in MODULES
        if layer(dotted(path)) is not None
    }

    assert found <= set(LAYERS)


def test_core_imports_numpy_and_errors_only() -> None:
    allowed = {"wengert.errors", "wengert.core", "numpy"}
    foreign = {
        name
        for path in PACKAGE.glob("core/*.py")
        for name in facts(path).imports_at_once
        if not any(name == a or name.startswith(a + ".") for a in allowed)
        and name.split(".")[0] in ("wengert", "scipy", "llvmlite")
    }

    assert foreign == set()


def looking_ahead() -> Iterator[ast.FunctionDef]:
    """Give the methods of `Tape` that import a later layer."""
    path = PACKAGE / "core" / "tape.py"
    for kind in ast.parse(path.read_text()).body:
        if isinstance(kind, ast.ClassDef) and kind.name == "Tape":
            for method in kind.body:
                names = [name for node in ast.walk(method) for name in imported(node)]
                later = [name for name in names if (layer(name) or 0) > 1]
                if isinstance(method, ast.FunctionDef) and later:
                    yield method


def test_methods_of_a_tape_that_look_ahead_are_listed() -> None:
    assert {method.name for method in looking_ahead()} <= DELEGATIONS


def test_methods_of_a_tape_that_look_ahead_are_one_line() -> None:
    """A docstring, an import, and one statement that calls what was imported."""
    for method in looking_ahead():
        assert len(method.body) <= 3, method.name


#: Where `isinstance` may name arrays and numbers, since no value there is recorded.
SEES_PLAIN_VALUES = {
    "emit": "finished tapes, their settings and syntax trees",
    "show": "finished tapes and what plays of them gave",
    "cli": "results",
}
#: Where `x.__class__` is what is wanted: the name of what a recorded value stands for.
NAMES_WHAT_IT_STANDS_FOR = {"wengert.capture.statement"}
PLAIN_CLASSES = (np.ndarray, np.generic, bool, int, float, complex)


def classes_of(kinds: ast.expr, module: str) -> tuple[type, ...]:
    """Return the classes that the second argument of `isinstance` names."""
    try:
        found = eval(ast.unparse(kinds), dict(vars(import_module(module))))
    except NameError:  # a class that a function was handed
        return ()
    flat = found if isinstance(found, tuple) else get_args(found) or (found,)
    return tuple(part for part in flat if isinstance(part, type))


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_what_a_value_is_is_asked_of_its_type(path: Path) -> None:
    """`isinstance` would take a recorded value for the plain one that it stands for."""
    name = dotted(path)
    folder = name.split(".")[1] if "." in name else ""
    asked = [
        ast.unparse(node)
        for node in facts(path).asks
        if any(
            issubclass(kind, PLAIN_CLASSES) for kind in classes_of(node.args[1], name)
        )
    ]

    assert asked == [] or folder in SEES_PLAIN_VALUES


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_the_class_that_a_value_claims_is_not_read(path: Path) -> None:
    """`x.__class__` is what a recorded value stands for; `type(x)` is its own."""
    read = [
        ast.unparse(node)
        for node in facts(path).attributes
        if node.attr == "__class__" and isinstance(node.ctx, ast.Load)
    ]

    assert read == [] or dotted(path) in NAMES_WHAT_IT_STANDS_FOR


#: Who appends to lists of these names.
WRITES_LISTS = {"wengert.core.tape"}


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_nodes_go_onto_a_tape_through_append_alone(path: Path) -> None:
    written = [
        ast.unparse(node)
        for node in facts(path).attributes
        if node.attr in APPENDS
        and getattr(node.value, "attr", "")
        in ("operations", "operands", "settings", "types")
    ]

    assert written == [] or dotted(path) in WRITES_LISTS


#: Who reads the plain contents of recorded values besides the door, and what for.
READS_CONTENTS = {
    "ops.questions.answer_of_memory": "where a buffer lies",
    "capture.answers.makers.answer_like": "shape, dtype and layout of a new array",
    "capture.answers.table.number": "whether `math` raises, which is guarded",
    "capture.captures.of": "what a function that is one node computes with",
    "capture.captures.stand_in": "a recording that has ended",
    "capture.keys.plain": "the places of a write as it is done",
    "capture.ufunc_methods.at": "plain values that are written",
    "capture.ufunc_methods.apply_by_rounds": "plain places",
    "capture.recall.contents_of": "arrays that depend on no input",
    "capture.python.record_python": "operands of what Python has computed",
    "capture.python.as_float": "the same number in another class",
    "capture.python.as_item": "the same number in another class",
    "capture.python.attribute": "the same number",
    "capture.python.conjugate": "what Python has computed",
    "capture.methods.other_attribute": "the class of the contents",
    "capture.python.exact": "the door",
    "derive.extract.sample_of": "where a step is derived, guarded in every step",
    "derive.again.derived": "seeds, kept as rules keep what they read",
    "derive.called.known": "what a known call reads, kept as rules keep it",
    "derive.called.node_of": "how arguments lie",
    "derive.called.numbers": "what a known call computes with",
    "derive.again.place_of": "arrays that depend on no input",
    "capture.ufuncs.deliver": "arrays that depend on no input",
    "capture.refusals.as_numpy": "NumPy's own error",
    "capture.record.identity": "the argument of an identity node",
    "capture.record.leave": "results",
    "capture.record.plain_result": "results",
}
#: The recorder itself, which evaluates what it records.
RECORDER = {"capture.array", "capture.deferred", "capture.operators"}
#: How contents are reached, besides a function `plain`.
ATTRIBUTES = {"_current", "_present", "_value"}
#: Functions that ask for the class of a value and not for its numbers.
FACTS = {"type", "type_of", "hasattr"}


@cache
def readers(path: Path) -> set[str]:
    """Return module and function of everything that reads plain contents."""
    found = set()
    module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    tree = ast.parse(path.read_text())
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "wengert.capture.array"
        for alias in node.names
    }
    for name, code in functions_of(tree):
        asked = {
            argument
            for node in ast.walk(code)
            if isinstance(node, ast.Call) and ast.unparse(node.func) in FACTS
            for part in node.args
            for argument in (part, getattr(part, "func", part))
        }
        for node in ast.walk(code):
            is_read = isinstance(node, ast.Attribute) and node.attr in ATTRIBUTES
            is_read = is_read and node not in asked
            is_call = isinstance(node, ast.Call) and (
                ast.unparse(node.func) == "keys.plain"
                or (ast.unparse(node.func) == "plain" and "plain" in imported)
            )
            if is_read or (is_call and node not in asked):
                found.add(f"{module}.{name}")
    return found


def functions_of(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """Give the functions of a module, and the methods of its classes, by name."""
    for part in tree.body:
        for inner in part.body if isinstance(part, ast.ClassDef) else [part]:
            yield getattr(inner, "name", ""), inner


RULES = [
    path
    for folder in ("ops", "derive", "capture")
    for path in sorted((PACKAGE / folder).rglob("*.py"))
]


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_no_rule_reads_numbers_by_a_back_door(path: Path) -> None:
    module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)

    assert module in RECORDER or readers(path) <= READS_CONTENTS.keys()


def test_every_exception_is_one() -> None:
    read = set().union(*map(readers, RULES))

    assert READS_CONTENTS.keys() <= read
