"""One peer on one row, in a process of its own: ``worker.py PEER ROW``.

It says what came of the first call, and then the seconds of a batch for each line that
it is sent: pickled, on the standard output.
"""

from __future__ import annotations

import importlib
import os
import pickle
import sys
import time
import warnings
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

import numpy

import arrays
from bench.peers.engines import ENGINES
from bench.peers.programs import rows
from measure import repeats_for, seconds_of


class Start(NamedTuple):
    """What came of the first call.

    Attributes
    ----------
    first : float
        Seconds, importing the peer not counted.
    result : tuple
        The value, and the gradients or None.
    versions : dict of str to str
    """

    first: float
    result: tuple[float, list[Any] | None]
    versions: dict[str, str]


def plain(result: Any) -> tuple[float, list[Any] | None]:
    """A result as NumPy has it."""
    value, slopes = result
    return float(value), None if slopes is None else [numpy.array(s) for s in slopes]


def versions(packages: tuple[str, ...]) -> dict[str, str]:
    """The versions of packages and of Python."""
    found = {"Python": sys.version.split()[0]}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "from the source tree"
    return found


def why(error: Exception) -> str:
    """The first sentence of what a peer says against a program."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0].split('. ')[0] if lines else ''}"[:160]


def main() -> None:
    """Answer until there are no more lines."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    warnings.simplefilter("ignore")

    def say(what: Any) -> None:
        pickle.dump(what, out)
        out.flush()

    peer, name = sys.argv[1:]
    engine, row = ENGINES[peer], rows()[name]
    try:
        for package in engine.packages:
            importlib.import_module(package)
        started = time.perf_counter()
        call = engine.make(row)
        result = plain(call())
        first = time.perf_counter() - started
        call()
        arrays.settle(peer, call)
        repeats = repeats_for(call)
    except Exception as error:
        say(why(error))
        return
    say(Start(first, result, versions(engine.packages)))
    for _ in sys.stdin:
        say(seconds_of(call, repeats))


if __name__ == "__main__":
    main()
