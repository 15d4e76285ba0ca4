"""The text of a kernel and what goes with it, as data that can be kept on disk."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

from wengert.core.verify import content

#: A function, a declaration or a global of a module, and its name.
_AT_THE_TOP = re.compile(
    r"^(?:define [^@]*@([\w.$]+)(?:.*\n)+?\}|(?:declare [^@\n]*)?@([\w.$]+).*)$",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """A nest as text.

    Attributes
    ----------
    texts : tuple of str
        LLVM's IR, in which memory is a symbol: the parts, and what calls them.
    constants : tuple of array
        What the symbols ``c0``, ``c1`` and so on name.
    shown : str
        The nest, for people.
    workspace : int
        Bytes of scratch memory that a call needs.
    lanes, level, loops, nodes : int
        Elements of a vector; how it is compiled at first; loops, and values that are
        computed.
    flops, moved : int
        Operations of a call, and bytes that its statements read and write.
    has_guards : bool
    has_blocks : bool
        Whether it is done for many blocks, of which each has memory of its own.
    asked : tuple of str
        What NumPy is asked to compute.
    seconds : dict of str to float
        What each stage took.
    calls : tuple of callable
        What the symbols ``call0``, ``call1`` and so on name; with any of them there is
        nothing that can be kept on disk.
    """

    texts: tuple[str, ...]
    constants: tuple[np.ndarray, ...]
    shown: str
    workspace: int
    lanes: int
    level: int
    loops: int
    nodes: int
    flops: int
    moved: int
    has_guards: bool
    has_blocks: bool
    asked: tuple[str, ...]
    seconds: dict[str, float]
    calls: tuple[Callable[[int], int], ...] = ()

    def module(self) -> str:
        """Return all texts as one module: what several declare stands once."""
        found: dict[str, str] = {}
        for item in _AT_THE_TOP.finditer("\n".join(self.texts)):
            function, other = item.groups()
            if function:
                found[function] = item[0]
            else:
                found.setdefault(other, item[0])
        return "\n".join(found.values())

    def fingerprint(self) -> bytes:
        """Return a hash of the texts and of the numbers that they read."""
        found = hashlib.blake2b(digest_size=16)
        for text in self.texts:
            found.update(text.encode())
        for array in self.constants:
            found.update(content(array))
        return found.digest()

    def dumped(self) -> bytes:
        """Return all of it as bytes."""
        names = [f.name for f in fields(self) if f.name not in ("constants", "calls")]
        facts = {name: getattr(self, name) for name in names}
        head, body = json.dumps(facts).encode(), io.BytesIO()
        for array in self.constants:
            np.save(body, array, allow_pickle=False)
        return len(head).to_bytes(8, "little") + head + body.getvalue()


def loaded(content: bytes) -> Written:
    """Return what was dumped, by a version of wengert that is this one.

    Raises
    ------
    ValueError, TypeError, EOFError
        If that is something else.
    """
    end = 8 + int.from_bytes(content[:8], "little")
    facts, body, constants = json.loads(content[8:end]), io.BytesIO(content[end:]), []
    while body.tell() < len(content) - end:
        constants.append(np.load(body, allow_pickle=False))
    facts |= {name: tuple(facts[name]) for name in ("texts", "asked")}
    return Written(constants=tuple(constants), **facts)
