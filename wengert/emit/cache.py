"""Equal programs are compiled once."""

from __future__ import annotations

import hashlib
import marshal
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from wengert.core import locks
from wengert.emit.compile import Compiled, compile_program
from wengert.emit.machine import Told
from wengert.emit.program import Program

#: Compiled programs that are kept for functions that are made anew.
MOST_KEPT = 64


class Kernels:
    """Compiled programs by content, the least recently used thrown away first."""

    def __init__(self) -> None:
        self.kept: OrderedDict[Any, Compiled] = OrderedDict()
        self.lock = locks.make()

    def get(self, program: Program, told: Told | None = None, **how: Any) -> Compiled:
        """Return a program compiled as `compile_program` is told."""
        key = fingerprint(program), *sorted(how.items())
        return self.kept_or_made(
            key, lambda: compile_program(program, told=told, **how)
        )

    def kept_or_made(self, key: Any, make: Callable[[], Compiled]) -> Compiled:
        """Return what was compiled under a key, or make it."""
        with self.lock:
            found = self.kept.get(key)
            if found is not None:
                self.kept.move_to_end(key)
                return found
        made = make()
        with self.lock:
            self.kept[key] = made
            if len(self.kept) > MOST_KEPT:
                self.kept.popitem(last=False)
        return made


KERNELS = Kernels()
compile_once = KERNELS.get


def fingerprint(program: Program) -> bytes:
    """Return a hash of everything that a program says."""
    parts = (
        list(program.operations),
        list(program.operands),
        list(program.types),
        list(program.values.items()),
        list(program.arguments),
        list(program.results),
        list(program.outputs),
    )
    # Version 2 writes equal numbers equally; later ones refer back by identity.
    return hashlib.blake2b(marshal.dumps(parts, 2), digest_size=16).digest()
