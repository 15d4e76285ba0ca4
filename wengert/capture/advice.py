"""What to say of a recorded value that the user's line would take off the tape.

The same refusal stands behind different mistakes, and each has its own repair, written
with the user's own names.
"""

from __future__ import annotations

import ast
import sys
from types import FrameType
from typing import Any

import numpy as np
from numpy import vectorize  # the class itself, also while recording

from wengert.capture.scipy_ways import explained, is_scipys
from wengert.capture.statement import (
    MISSING,
    Statement,
    parsed,
    scipys_name,
    users_statement,
)
from wengert.ops.join import holds_recorded

#: What happened, why it cannot work, and what to write instead.
Parts = tuple[str, str, str]

# Writing into a plain array


def explain_store(statement: Statement, shown: str) -> Parts:
    """Return the three parts for a recorded value written into a plain array."""
    name = statement.target()
    written = statement.source if statement.is_store else f"{name or 'y'}[...]"
    what = f"{written or 'y[...]'} = a recorded {shown}, and "
    what += f"{name} is a plain array" if name else "the array is plain"
    return (what, *explain_plain(statement, name))


def explain_plain(statement: Statement, name: str) -> tuple[str, str]:
    """Return why an array is plain, and how to make one that takes recorded values."""
    numpy = statement.numpy()
    value = statement.assigned(name) if name else None
    makers = statement.imported_makers()
    maker = value.func if isinstance(value, ast.Call) else None
    if isinstance(maker, ast.Name) and maker.id in makers:
        assert isinstance(value, ast.Call)
        made = ", ".join(map(ast.unparse, value.args))
        return (
            f"{maker.id}, imported by name, makes plain arrays: while recording it is "
            "NumPy's attribute that makes arrays which can hold a derivative",
            f"import numpy as np, and {name} = np.{maker.id}({made})",
        )
    if value is not None:
        return (
            f"{shortened(value)} makes a plain array, which holds numbers alone",
            f"{name} = {recording(value, numpy)}, which can hold a derivative",
        )
    if name and statement.is_local(name):
        return (
            "it was made by other code: it holds numbers alone",
            f"{name} = {numpy}.array({name}) first, which can hold a derivative",
        )
    if name:
        return (
            f"{name} was made outside the function: it holds numbers alone",
            f"new = {numpy}.array({name}) inside the function, then write into new",
        )
    return (
        "it was not made by NumPy's functions here: it holds numbers alone",
        f"y = {numpy}.array(...) of it inside the function, then write into y",
    )


def shortened(value: ast.expr) -> str:
    """Return an expression for a message; a long one by its beginning."""
    text = ast.unparse(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def recording(value: ast.expr, numpy: str) -> str:
    """Return the code that makes the same array as one that can hold a derivative."""
    source, dtype = value, ""
    if isinstance(value, ast.Call):
        name = ast.unparse(value.func).rpartition(".")[2]
        is_method = isinstance(value.func, ast.Attribute)
        if name == "copy" and is_method and not value.args:
            source = value.func.value  # type: ignore[attr-defined]
        elif name in ("copy", "deepcopy") and len(value.args) == 1:
            source = value.args[0]
        elif name == "astype" and is_method and len(value.args) == 1:
            source = value.func.value  # type: ignore[attr-defined]
            dtype = f", dtype={ast.unparse(value.args[0])}"
    return f"{numpy}.array({shortened(source)}{dtype})"


# Other ways to leave the tape

#: Why a recorded float cannot be an index, and what to write instead.
WHOLE_NUMBERS = (
    "arguments that are differentiated become floats, and only whole numbers count",
    "leave that argument out of argnums (grad(f, argnums=1)), or int(x)",
)


def explain_index(statement: Statement, shown: str) -> Parts | None:
    """Return the three parts for a plain array that is indexed by a recorded float."""
    if not isinstance(parsed(statement.source), ast.Subscript):
        return None
    return (f"{statement.source} with a recorded {shown} as index", *WHOLE_NUMBERS)


def explain_text(statement: Statement, shown: str) -> Parts | None:
    """Return the three parts for a number that ``"%.1f" % x`` writes as text."""
    tree = parsed(statement.source)
    is_text = isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Mod)
    if not is_text or not isinstance(tree.left, ast.Constant | ast.JoinedStr):  # type: ignore[union-attr]
        return None
    return (
        f"{statement.source} of a recorded {shown}",
        "% asks for a plain number, and what is decided by its text would not be seen",
        'f"{x:.1f}" or format(x, ".1f"): their texts belong to the recorded path',
    )


def explain_call(statement: Statement, shown: str) -> Parts | None:
    """Return the three parts for a call that is known to take plain values alone."""
    tree = parsed(statement.source)
    if not isinstance(tree, ast.Call):
        return None
    function = statement.called()
    return (
        explain_type(statement, function, shown)
        or explain_math(statement, function, shown)
        or explain_list(statement, tree)
        or explain_method(statement, tree, shown)
        or explain_draw(statement, tree, shown)
        or explain_vectorized(statement, tree)
    )


def explain_type(statement: Statement, function: Any, shown: str) -> Parts | None:
    """Return the three parts for one of NumPy's dtypes that is called."""
    if not isinstance(function, type) or not issubclass(function, np.generic):
        return None
    return (
        f"{statement.source} of a recorded {shown}",
        "NumPy's types make plain numbers, which carry no derivative",
        f"np.asarray(x, np.{function.__name__}), which is recorded, or x alone",
    )


#: NumPy's names of the functions of `math` that it calls otherwise; empty where its
#: function of that name computes something else.
NUMPYS = {"pow": "power", "fabs": "abs", "fsum": "sum", "atan2": "arctan2"}
NUMPYS |= {f"a{of}": f"arc{of}" for of in ("sin", "cos", "tan", "sinh", "cosh", "tanh")}
NUMPYS |= {"remainder": "", "isclose": ""}


def explain_math(statement: Statement, function: Any, shown: str) -> Parts | None:
    """Return the three parts for a function of `math` that was imported by name."""
    if getattr(function, "__module__", None) != "math":
        return None
    name = function.__name__
    numpys = NUMPYS.get(name, name)
    ways = [f"np.{numpys}(...)"] if hasattr(np, numpys) else []
    ways += [f"import math and math.{name}(...)"] if statement.is_answered(name) else []
    return (
        f"{statement.source} of a recorded {shown}: math's {name}, imported by name",
        "it takes plain Python numbers, which carry no derivative; while recording it "
        "is math's attribute that is answered",
        ", or ".join(ways) or "wengert.stop_gradient(x) around the argument",
    )


def explain_list(statement: Statement, call: ast.Call) -> Parts | None:
    """Return the three parts for a function that is given a list of recorded values."""
    lists = [arg for arg in call.args if is_list_of_recorded(statement, arg)]
    if not lists:
        return None
    numpy = statement.numpy()
    text = ast.unparse(call)
    for arg in lists:
        text = text.replace(ast.unparse(arg), f"{numpy}.array({ast.unparse(arg)})", 1)
    return (
        f"{ast.unparse(call.func)} of a list of recorded values",
        "it makes an array of a list itself, and asks the elements for plain numbers: "
        "their derivatives would be lost",
        f"{text}, an array that is recorded",
    )


def is_list_of_recorded(statement: Statement, arg: ast.expr) -> bool:
    """Whether an argument is a list, in brackets or by a name, of recorded values."""
    if isinstance(arg, ast.Name):
        value = statement.find(arg)
        return type(value) in (list, tuple) and holds_recorded(value)
    if not isinstance(arg, (ast.List, ast.Tuple, ast.ListComp)):
        return False
    names = [node for node in ast.walk(arg) if isinstance(node, ast.Name)]
    return holds_recorded([statement.find(name) for name in names])


def explain_method(statement: Statement, call: ast.Call, shown: str) -> Parts | None:
    """Return the three parts for a method of a plain array, as ``A.dot(x)``."""
    if not isinstance(call.func, ast.Attribute):
        return None
    owner, method = statement.find(call.func.value), call.func.attr
    if not (type(owner) is np.ndarray or (owner is MISSING and method == "dot")):
        return None
    name, numpy = shortened(call.func.value), statement.numpy()
    given = ", ".join(map(ast.unparse, call.args))
    what = f"{ast.unparse(call)} of a recorded {shown}, and {name} is a plain array"
    why = "the methods of plain arrays take plain arrays: NumPy asks nobody else"
    if method == "dot":
        return what, why, f"{name} @ {given}, or {numpy}.dot({name}, {given})"
    if hasattr(np, method) and method != "put":
        return what, why, f"{numpy}.{method}({name}, {given})"
    why, instead = explain_plain(statement, name)
    return what, why, instead


#: SciPy's calls that draw as a generator of NumPy's does, by its method.
DRAWS = {
    "beta": "beta.rvs(a, b",
    "chisquare": "chi2.rvs(df",
    "exponential": "expon.rvs(scale=scale",
    "gamma": "gamma.rvs(shape, scale=scale",
    "gumbel": "gumbel_r.rvs(loc, scale",
    "laplace": "laplace.rvs(loc, scale",
    "logistic": "logistic.rvs(loc, scale",
    "lognormal": "lognorm.rvs(sigma, scale=np.exp(mean)",
    "multivariate_normal": "multivariate_normal.rvs(mean, cov",
    "normal": "norm.rvs(loc, scale",
    "standard_gamma": "gamma.rvs(shape",
    "standard_t": "t.rvs(df",
    "uniform": "uniform.rvs(low, high - low",
    "vonmises": "vonmises.rvs(kappa, mu",
    "weibull": "weibull_min.rvs(a",
}


def explain_draw(statement: Statement, call: ast.Call, shown: str) -> Parts | None:
    """Return the three parts for a draw of NumPy's with a recorded parameter."""
    if not isinstance(call.func, ast.Attribute):
        return None
    owner, method = statement.find(call.func.value), call.func.attr
    is_generator = isinstance(owner, (np.random.Generator, np.random.RandomState))
    is_made_here = owner is MISSING and method in DRAWS
    if not (is_generator or is_made_here or owner is np.random):
        return None
    instead = "numbers drawn outside of the function, or wengert.stop_gradient(x)"
    if method in DRAWS:
        instead = f"scipy.stats.{DRAWS[method]}, size=n, random_state=rng)"
        instead += ", which is recorded and moves with its parameters"
    return (
        f"{shortened(call)} with a recorded {shown}",
        "NumPy's generators draw with plain parameters: how the numbers move with "
        "them would be lost",
        instead,
    )


def explain_scipy(statement: Statement, shown: str) -> Parts | None:
    """Return the three parts for a function of SciPy's, which may call the user's.

    Code in C that calls the user's function goes on after an error: what is raised then
    says nothing of where it arose.
    """
    inside: list[FrameType] = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame is not statement.frame:
        inside = [frame, *inside] if is_scipys(frame) else inside
        frame = frame.f_back
    name = scipys_name(statement, inside)
    return explained(name, f"a {shown} was to become a plain one") if name else None


def explain_vectorized(statement: Statement, call: ast.Call) -> Parts | None:
    """Return the three parts for an `np.vectorize` that was made before recording."""
    if type(statement.called()) is not vectorize:
        return None
    name, numpy = ast.unparse(call.func), statement.numpy()
    given = ", ".join(map(ast.unparse, call.args))
    return (
        f"{name} of recorded values was made by {numpy}.vectorize before recording",
        "it takes plain values, and makes a plain array of what its function returns",
        f"{numpy}.vectorize({name}.pyfunc)({given}) inside the function, or a loop",
    )


def explain_leaving(shown: str) -> Parts | None:
    """Return the three parts for a value that a known mistake took off the tape."""
    statement = users_statement()
    if statement is None:
        return None
    if statement.is_store:
        return explain_store(statement, shown)
    return (
        explain_index(statement, shown)
        or explain_text(statement, shown)
        or explain_call(statement, shown)
        or explain_scipy(statement, shown)
    )


def explain_out() -> tuple[str, str]:
    """Return why ``out=y`` and ``y += x`` fail with a plain y, and the repair."""
    statement = users_statement()
    if statement is None:
        return "the array is plain: it holds numbers alone", "np.array(...) of it"
    tree = parsed(statement.source)
    if isinstance(tree, ast.Call):
        given = [word.value for word in tree.keywords if word.arg == "out"]
        given += positional(tree, statement.called())
        return explain_plain(statement, ast.unparse(given[0]) if given else "")
    name = statement.target()
    why, instead = explain_plain(statement, name)
    if not isinstance(tree, ast.AugAssign) or isinstance(tree.target, ast.Subscript):
        return why, instead
    operation = OPERATORS[type(tree.op)]
    right = shortened(tree.value)
    return why, f"{name} = {name} {operation} {right}, or {instead}"


def positional(call: ast.Call, function: Any) -> list[ast.expr]:
    """Return the arguments by position that a ufunc, or its ``at``, writes into."""
    if type(function) is np.ufunc:
        return call.args[function.nin :]
    return call.args[:1] if ast.unparse(call.func).endswith(".at") else []


OPERATORS = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
    ast.MatMult: "@",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.BitXor: "^",
    ast.LShift: "<<",
    ast.RShift: ">>",
}
