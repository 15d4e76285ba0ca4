"""Equal programs are compiled once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from wengert.core import locks
from wengert.emit.compile import Compiled

#: Compiled programs that are kept for functions that are made anew.
MOST_KEPT = 64


class Kernels:
    """Compiled programs by content, the least recently used thrown away first."""

    def __init__(self) -> None:
        self.kept: OrderedDict[Any, Compiled] = OrderedDict()
        self.lock = locks.make()

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
