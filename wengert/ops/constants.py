"""Operations through which no derivative passes on purpose."""

from __future__ import annotations

from typing import Any

from wengert.core.forms import Map
from wengert.core.operation import apply, constant_of


def stop(x: Any) -> Any:
    """Return `x` itself."""
    return x


STOP_GRADIENT = constant_of("stop_gradient", stop, form=Map("x"), numpy=())


def unmoved(value: Any) -> Any:
    """Return a value, recorded or not, without its derivative."""
    return apply(STOP_GRADIENT, value)
