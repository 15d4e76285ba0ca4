"""Functions in Python whose code leads elsewhere, however they were imported.

What is replaced is a function's code, not a name of it: it stays the object that it is.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from inspect import CO_GENERATOR
from types import CellType, CodeType, FunctionType
from typing import Any

Function = Callable[..., Any]


def copy_of(
    function: FunctionType, cells: tuple[CellType, ...] | None = None
) -> FunctionType:
    """Return a function of the same code, which stays as it is; with other cells."""
    copy = FunctionType(
        function.__code__,
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__ if cells is None else cells,
    )
    copy.__kwdefaults__ = function.__kwdefaults__
    copy.__module__ = function.__module__
    copy.__qualname__ = function.__qualname__
    return copy


def code_holder(function: Any) -> FunctionType | None:
    """Return whose code a function runs: its own, or the one NumPy dispatches to.

    None where that is in C.
    """
    found = getattr(function, "_implementation", function)
    return found if type(found) is FunctionType else None


@cache
def plain(function: Any) -> Any:
    """Return a function as it is without us, wherever its code leads."""
    holder = code_holder(function)
    return function if holder is None else copy_of(holder)


#: A function of any arguments, inside of one whose variables are its closure; what
#: follows its result is never run, and says what the closure is.
TEMPLATE = """
def outer({names}):
    def template(*args, **settings):
        call = "what is called"
        {answer}
        {names}
    return template
"""
#: How it answers, of a plain function and of a generator.
PLAINLY = "return call(args, settings)"
IN_TURN = "return (yield from call(args, settings))"


def leading_to(call: Function, own: CodeType) -> CodeType:
    """Return code of any arguments that calls a function with them.

    It stands for other code of a function, whose closure it takes and leaves alone.
    Code of a generator is that of one.
    """
    answer = IN_TURN if own.co_flags & CO_GENERATOR else PLAINLY
    code, before, after = template_of(own.co_freevars, answer)
    return code.replace(
        co_consts=(*before, call, *after),
        co_name=own.co_name,
        co_qualname=own.co_qualname,
        co_filename=own.co_filename,
        co_firstlineno=own.co_firstlineno,
    )


@cache
def template_of(names: tuple[str, ...], answer: str) -> tuple[CodeType, Any, Any]:
    """Return the code of the template with variables of these names, and an answer.

    Its constants are returned, too: those before and behind what is called.
    """
    made: dict[str, Any] = {}
    exec(TEMPLATE.format(names=", ".join(names), answer=answer), made)
    code: CodeType = made["outer"](*names).__code__
    at = code.co_consts.index("what is called")
    return code, code.co_consts[:at], code.co_consts[at + 1 :]
