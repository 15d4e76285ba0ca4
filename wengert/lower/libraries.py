"""What native code leaves to libraries that are there."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

#: Elements of every side from which a matrix product is left to BLAS, if nobody says.
BLAS = 256


class Libraries(NamedTuple):
    """What is left to libraries.

    Attributes
    ----------
    blas : int
        Elements of every side from which a matrix product is left to BLAS.
    has_lapack : callable
        Whether routines of LAPACK can be called; asked where there is one to call.
    """

    blas: int = BLAS
    has_lapack: Callable[[], bool] = lambda: True


#: What is left to them if nobody says.
USUAL = Libraries()
