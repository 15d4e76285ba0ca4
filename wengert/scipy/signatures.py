"""SciPy's own signatures, which depend on its version, for functions that call it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])
Keywords = Sequence[inspect.Parameter]


def signed(original: Callable[..., Any], more: Keywords = ()) -> Callable[[F], F]:
    """Give a function the signature of SciPy's, and more keywords."""
    like = inspect.signature(original)
    known = list(like.parameters.values())
    count = len(known) - (known[-1].kind is inspect.Parameter.VAR_KEYWORD)
    signature = like.replace(parameters=[*known[:count], *more, *known[count:]])

    def sign(function: F) -> F:
        function.__signature__ = signature  # type: ignore[attr-defined]
        return function

    return sign


def bound(
    function: Callable[..., Any], args: Sequence[Any], keywords: dict[str, Any]
) -> inspect.BoundArguments:
    """Return the arguments of a call by their names in a signature that was given."""
    signature: inspect.Signature = function.__signature__  # type: ignore[attr-defined]
    return signature.bind(*args, **keywords)
