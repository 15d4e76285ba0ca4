"""Functions made of functions: small objects that pickle, bind and show a signature."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import FunctionType
from typing import Any

from wengert.errors import is_library

Function = Callable[..., Any]


class Transformed:
    """A function made of a function by one of the transformations.

    It takes over the other's documentation, signature and place in its module, binds to
    instances as a function does, and is copied and pickled as one: by its name where a
    module holds it under that name, else as the transformation and what it was given.

    Parameters
    ----------
    verb : str
        What its name begins with; none if empty.
    fun : callable
    *settings : what a subclass takes besides the function, by position
    """

    __name__: str
    #: Whether it is sure to write into no argument, whatever the function does.
    spares_arguments = False
    #: Whether nobody else holds the arrays among its results.
    owns_results = False
    #: Whether it calls the function, derives, and does nothing else.
    derives = False

    def __init__(self, verb: str, fun: Function, *settings: Any) -> None:
        functools.update_wrapper(self, fun, updated=())
        name = getattr(fun, "__name__", "f")
        self.__name__ = f"{verb}_{name}" if verb else name
        self.fun, self.settings = fun, settings

    @property
    def compared_by(self) -> list[Any]:
        """What must be the same where two recordings agree: one is made for each."""
        return [self.fun, *self.settings]

    def remade(self, fun: Function, *settings: Any) -> Transformed:
        """Return one that is compared by other parts."""
        return type(self)(fun, *settings)  # type: ignore[arg-type]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function that was made."""
        raise NotImplementedError

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def __copy__(self) -> Transformed:
        return self

    def __deepcopy__(self, _: dict[int, Any]) -> Transformed:
        return self

    def __reduce__(self) -> Any:
        return reduced(self, type(self), self.fun, *self.settings)

    def __dir__(self) -> list[str]:
        return shown(self, ())

    def __repr__(self) -> str:
        return f"<{self.__name__}>"


def shown(made: Any, names: tuple[str, ...]) -> list[str]:
    """Return what `dir` lists of a made function: what Python asks, and some names."""
    pythons = [name for name in object.__dir__(made) if name.startswith("__")]
    return sorted([*pythons, *names])


def reduced(made: Any, make: Function, fun: Any, *settings: Any) -> Any:
    """Return what pickle is told of an object that was made of a function."""
    name = getattr(made, "__qualname__", None)
    is_named = name is not None and found(made.__module__, name) is made
    if is_named and not is_sent_with_code(made.__module__):
        return name
    return make, (held(fun), *settings)


def found(module: str, name: str) -> Any:
    """Return what a module holds under a dotted name; None where there is none."""
    value: Any = sys.modules.get(module)
    for part in name.split("."):
        value = getattr(value, part, None)
    return value


def is_sent_with_code(module: str) -> bool:
    """Whether what a module holds travels as code: cloudpickle does so for scripts.

    It asks for no name, since the other process may run another script.
    """
    if module != "__main__":
        return False
    frame: Any = sys._getframe(1)
    while is_library(frame.f_code.co_filename) and frame.f_back is not None:
        frame = frame.f_back
    return "cloudpickle" in str(frame.f_globals.get("__name__"))


class Inner:
    """A function whose name a decorator's result has taken, as pickle finds it."""

    def __init__(self, module: str, name: str, depth: int) -> None:
        self.place = module, name, depth

    def __reduce__(self) -> Any:
        return inner, self.place


def inner(module: str, name: str, depth: int) -> Any:
    """Return what was decorated so many times, of a function of a module."""
    __import__(module)
    value = found(module, name)
    for _ in range(depth):
        value = value.__wrapped__
    return value


def held(fun: Any) -> Any:
    """Return a function in a form that pickle takes."""
    if type(fun) is not FunctionType or is_sent_with_code(fun.__module__):
        return fun
    value, depth = found(fun.__module__, fun.__qualname__), 0
    while value is not None and value is not fun:
        value, depth = getattr(value, "__wrapped__", None), depth + 1
    if value is None or not depth:
        return fun
    return Inner(fun.__module__, fun.__qualname__, depth)
