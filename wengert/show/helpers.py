"""Functions of an operation, as source that stands by itself."""

from __future__ import annotations

import ast
import builtins
import inspect
import textwrap
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from wengert.core.operation import Operation, apply
from wengert.errors import warn
from wengert.ops.join import as_array
from wengert.show.literals import NotPlainError, array_text


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
        if self.names.get(name) is function:
            return name
        if name in self.names or not inspect.isfunction(inspect.unwrap(function)):
            raise NotPlainError(name)
        self.names[name] = function
        self.write(function)
        return name

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

    def write(self, function: Any) -> None:
        """Write a function, after everything that it names."""
        function = inspect.unwrap(function)
        try:
            source = textwrap.dedent(inspect.getsource(function))
            tree = ast.parse(source)
        except (OSError, TypeError, SyntaxError) as error:
            raise NotPlainError(function) from error
        code = tree.body[0]
        if not isinstance(code, ast.FunctionDef):
            raise NotPlainError(function)
        code = strip(code)
        known = {**function.__globals__, **closure(function)}
        for name in free_names(code):
            if name in known:
                self.provide(name, known[name])
        self.sources.append(ast.unparse(code))

    def provide(self, name: str, value: Any) -> None:
        """Make a global name of a function known."""
        if isinstance(value, ModuleType):
            if not value.__name__.startswith(("numpy", "scipy", "math")):
                raise NotPlainError(name)
            self.add_import(f"import {value.__name__} as {name}")
        elif isinstance(value, FunctionType) and value in STAND_INS:
            self.define(name, value, STAND_INS[value].format(name=name))
        elif isinstance(value, Operation):
            self.define(name, value, f"{name} = {self.add(value.function)}")
        elif getattr(value, "__module__", None) in STANDARD_MODULES:
            self.add_import(f"from {value.__module__} import {name}")
        elif callable(value):
            found = self.add(value)
            if found != name:
                self.define(name, value, f"{name} = {found}")
        elif isinstance(value, np.ndarray):
            self.define(name, value, f"{name} = {array_text(value)}")
        elif isinstance(value, (int, float, complex, str, tuple, list, type(None))):
            self.define(name, value, f"{name} = {value!r}")
        else:
            raise NotPlainError(name)

    def define(self, name: str, value: Any, source: str) -> None:
        """Write a definition once."""
        if name not in self.names:
            self.names[name] = value
            self.sources.append(source)
        elif self.names[name] is not value:
            raise NotPlainError(name)


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
