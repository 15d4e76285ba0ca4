"""Functions of an operation, as source that stands by itself."""

from __future__ import annotations

import ast
import builtins
import inspect
import re
import textwrap
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from wengert.core.floating_point import Undefined
from wengert.core.operation import Operation, apply
from wengert.errors import warn
from wengert.ops.join import as_array
from wengert.show.literals import NotPlainError, array_text, literal


class Helpers:
    """The helper functions of one module of source, each with what it needs.

    Attributes
    ----------
    imports, sources : lists of str
    names : dict from a name to the object it stands for
    """

    def __init__(self) -> None:
        self.imports: list[str] = []
        self.sources: list[str] = []
        self.names: dict[str, Any] = {}

    def add(self, function: Callable[..., Any]) -> str:
        """Return the name by which a function can be called, its source added."""
        if isinstance(function, np.ufunc):
            return self.ufunc(function)
        name = getattr(function, "__name__", "")
        module = getattr(function, "__module__", "") or ""
        if module.split(".")[0] in ("numpy", "scipy"):
            return self.library_function(function, module, name)
        known = self.name_of(name, function)
        if known is not None:
            return known
        if not inspect.isfunction(inspect.unwrap(function)):
            raise NotPlainError(name)
        free = self.free_name(name)
        self.names[free] = function
        self.write(function, free)
        return free

    def name_of(self, name: str, value: Any) -> str | None:
        """Return the name that a value has already; None if it has none.

        Other functions may use the same name for something else.
        """
        own = re.compile(rf"{re.escape(name)}(_\d+)?")
        return next(
            (
                k
                for k, v in self.names.items()
                if is_same(v, value) and own.fullmatch(k)
            ),
            None,
        )

    def free_name(self, name: str) -> str:
        """Return a name that no helper has."""
        wanted, k = name, 1
        while wanted in self.names:
            k += 1
            wanted = f"{name}_{k}"
        return wanted

    def ufunc(self, function: np.ufunc) -> str:
        """Return the name of a ufunc of NumPy or SciPy."""
        name = function.__name__
        if getattr(np, name, None) is function:
            return f"np.{name}"
        return self.library_function(function, "scipy.special", name)

    def library_function(self, function: Any, module: str, name: str) -> str:
        """Return the public name of a function of NumPy or SciPy."""
        for space in (np, np.linalg, np.fft):
            if getattr(space, name, None) is function:
                return "np." + ("" if space is np else space.__name__[6:] + ".") + name
        parts = module.split(".")
        public = ".".join(part for part in parts if not part.startswith("_"))
        imported = __import__(public, fromlist=[name])
        if getattr(imported, name, None) is not function:
            private = getattr(getattr(imported, "_ufuncs", None), name, None)
            if private is not function:
                raise NotPlainError(name)
            public = f"{public}._ufuncs"
        self.add_import(f"import {public}")
        return f"{public}.{name}"

    def add_import(self, line: str) -> None:
        """Add an import once."""
        if line not in self.imports and line != "import numpy as np":
            self.imports.append(line)

    def write(self, function: Any, name: str) -> None:
        """Write a function by a name, after everything that it names."""
        function = inspect.unwrap(function)
        try:
            source = textwrap.dedent(inspect.getsource(function))
            tree = ast.parse(source)
        except (OSError, TypeError, SyntaxError) as error:
            raise NotPlainError(function) from error
        code = tree.body[0]
        if not isinstance(code, ast.FunctionDef):
            raise NotPlainError(function)
        code, given = strip(code), {code.name: name}
        known = {**function.__globals__, **closure(function)}
        for free in free_names(code):
            if free in known:
                given[free] = self.provide(free, known[free])
        code.name = name
        self.sources.append(ast.unparse(Renamed(given).visit(code)))

    def provide(self, name: str, value: Any) -> str:
        """Make a global name of a function known; return the name that it gets."""
        if isinstance(value, ModuleType):
            if not value.__name__.startswith(("numpy", "scipy", "math")):
                raise NotPlainError(name)
            self.add_import(f"import {value.__name__} as {name}")
            return name
        if isinstance(value, FunctionType | type) and value in STAND_INS:
            return self.define(name, value, STAND_INS[value])
        if isinstance(value, Operation):
            return self.define(name, value, f"{{name}} = {self.add(value.function)}")
        if getattr(value, "__module__", None) in STANDARD_MODULES:
            self.add_import(f"from {value.__module__} import {name}")
            return name
        if callable(value):
            return self.add(value)
        if isinstance(value, np.ndarray):
            return self.define(name, value, f"{{name}} = {array_text(value)}")
        if isinstance(value, PLAIN):
            return self.define(name, value, f"{{name}} = {literal(value)}")
        raise NotPlainError(name)

    def define(self, name: str, value: Any, source: str) -> str:
        """Write a definition once; return the name that it gets."""
        known = self.name_of(name, value)
        if known is not None:
            return known
        free = self.free_name(name)
        self.names[free] = value
        self.sources.append(source.replace("{name}", free))
        return free


#: What is written as Python writes it.
PLAIN = (int, float, complex, str, tuple, list, type(None))


def is_same(known: Any, value: Any) -> bool:
    """Whether a name may stand for a value as well."""
    if known is value:
        return True
    return isinstance(value, PLAIN) and repr(known) == repr(value)


class Renamed(ast.NodeTransformer):
    """Gives names other ones."""

    def __init__(self, given: dict[str, str]) -> None:
        self.given = given

    def visit_Name(self, node: ast.Name) -> ast.Name:
        """Rename one."""
        node.id = self.given.get(node.id, node.id)
        return node


#: Modules of the standard library that rules take functions from.
STANDARD_MODULES = ("itertools", "math", "functools")


class WithoutAnnotations(ast.NodeTransformer):
    """Turns annotated assignments into plain ones."""

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.Assign | None:
        """Drop the annotation; a bare one has nothing else."""
        if node.value is None:
            return None
        assignment = ast.Assign([node.target], node.value)
        return ast.copy_location(assignment, node)


#: What stands for functions of the recorder where nothing is recorded.
STAND_INS: dict[Any, str] = {
    apply: """def {name}(operation, *operands, **settings):
    return operation(*operands, **settings)""",
    warn: """def {name}(text, category=RuntimeWarning):
    import warnings
    warnings.warn(text, category, stacklevel=3)""",
    as_array: "{name} = np.asarray",
    Undefined: """def {name}():
    return np.errstate(invalid="ignore")""",
}


def closure(function: Any) -> dict[str, Any]:
    """Return what a function's free variables hold."""
    cells = function.__closure__ or ()
    values = (cell.cell_contents for cell in cells)
    return dict(zip(function.__code__.co_freevars, values, strict=True))


def strip(code: ast.FunctionDef) -> ast.FunctionDef:
    """Return a function definition without annotations; of decorators, with NumPy's."""
    decorators = code.decorator_list
    code.decorator_list = [d for d in decorators if ast.unparse(d).startswith("np.")]
    code.returns = None
    for node in ast.walk(code):
        if isinstance(node, ast.arg):
            node.annotation = None
        if isinstance(node, ast.FunctionDef):
            node.returns = None
    return WithoutAnnotations().visit(code)  # type: ignore[no-any-return]


def free_names(code: ast.FunctionDef) -> list[str]:
    """Return the names that a function reads from outside, in order."""
    loaded: list[str] = []
    bound = {code.name}
    for node in ast.walk(code):
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Load):
                loaded.append(node.id)
            else:
                bound.add(node.id)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
    return [
        name
        for name in dict.fromkeys(loaded)
        if name not in bound and not hasattr(builtins, name)
    ]
