"""Functions in Python of libraries that are followed as a user's own code is.

They compute with NumPy alone: their code runs as it is, under names by which NumPy
answers it, so that values, types and errors are the library's own.
"""

from __future__ import annotations

from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from wengert.core.operation import DISPATCH, NAMED, Function

POLYNOMIALS = "polynomial chebyshev legendre hermite hermite_e laguerre polyutils"
DISPATCHING: Any = type(np.sum)
#: The modules of which every function is followed.
MODULES = frozenset(f"numpy.polynomial.{name}" for name in POLYNOMIALS.split())
for _name in MODULES:
    NAMED.setdefault(_name, {})


def rows_of(name: str, module: ModuleType) -> dict[str, Function]:
    """Return the answers to the functions of a module, those that are followed too."""
    if name not in MODULES:
        return NAMED[name]
    space = {**vars(module), "__name__": f"followed.{name}"}
    found: dict[str, Function] = {}
    for key, value in vars(module).items():
        if isinstance(value, FunctionType) and value.__module__ == name:
            found[key] = followed(value, space)
        elif isinstance(value, DISPATCHING):  # NumPy asks its arguments who answers
            DISPATCH[value] = followed(value._implementation, space)
    return found | NAMED[name]


def followed(function: FunctionType, space: dict[str, Any]) -> FunctionType:
    """Return a function of the same code, which reads its names from a space."""
    found = FunctionType(
        function.__code__,
        space,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    found.__kwdefaults__ = function.__kwdefaults__
    return found
