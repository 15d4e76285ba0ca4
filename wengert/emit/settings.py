"""What the environment says that native code is made for: other processors, systems.

Each is read once, before the first native code is made, and stands for the process.
"""

from __future__ import annotations

import functools
import os

from wengert.errors import ArgumentError, explain

#: Elements computed side by side: numbers of 64 bits in a register.
LANES_VARIABLE = "WENGERT_LANES"
LANES = (1, 2, 4, 8)
#: What native code does without, as where it is not there; words with commas between.
WITHOUT_VARIABLE = "WENGERT_WITHOUT"
#: glibc's vector math library, SciPy's routines of LAPACK, and calls without ctypes.
PARTS = ("libmvec", "lapack", "entry")


def check() -> None:
    """Read all that the environment says.

    Raises
    ------
    ArgumentError
        If it says what is not known.
    """
    lanes()
    missing()


@functools.cache
def lanes() -> int | None:
    """Return how many elements are computed side by side; None to leave it open.

    Raises
    ------
    ArgumentError
        If the environment says another number than 1, 2, 4 or 8.
    """
    text = os.environ.get(LANES_VARIABLE, "").strip()
    if not text:
        return None
    if text not in map(str, LANES):
        raise ArgumentError(
            explain(
                f"{LANES_VARIABLE}={text} is in the environment",
                "a processor computes 1, 2, 4 or 8 elements side by side",
                f"{LANES_VARIABLE}=4, or none to leave it to the machine",
            )
        )
    return int(text)


@functools.cache
def missing() -> frozenset[str]:
    """Return what native code does without, of `PARTS`.

    Raises
    ------
    ArgumentError
        If the environment names something else.
    """
    words = os.environ.get(WITHOUT_VARIABLE, "").split(",")
    found = frozenset(word.strip() for word in words) - {""}
    for word in sorted(found.difference(PARTS)):
        raise ArgumentError(
            explain(
                f"{word!r} is in {WITHOUT_VARIABLE} in the environment",
                f"what native code can do without is {', '.join(PARTS)}",
                f"{WITHOUT_VARIABLE}={','.join(PARTS[:2])}",
            )
        )
    return found
