"""The user's names of nodes: read off the bytecode that recorded them."""

from __future__ import annotations

import dis
import linecache
import re
from functools import lru_cache
from itertools import pairwise
from types import CodeType
from typing import TYPE_CHECKING

from wengert.errors import Line, Place

if TYPE_CHECKING:
    from wengert.core.tape import Tape

IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
#: Since Python 3.12 an assignment to a slice has an instruction of its own.
WRITES = "STORE_SUBSCR", "STORE_SLICE"


def variable_names(tape: Tape) -> dict[int, str]:
    """Return the names of the nodes that the user's program gave one.

    A node is named after the variable that its line assigns its value to, a write after
    the array that is written, an input after the parameter.
    """
    if tape.names is not None:
        return tape.names
    names: dict[int, str] = {}
    for index in range(len(tape)):
        if tape.operations[index].name == "input":
            name = tape.settings[index].get("name")
            if name:
                names[index] = identifier(name)
            continue
        line = tape.lines[index]
        if line is not None and is_result(tape, index):
            name = assigned_name(line)
            if name is not None:
                names[index] = name
    return names


def identifier(name: str) -> str:
    """Return a path such as ``layers[0]['w']`` as a Python name."""
    text = re.sub(r"\W+", "_", name).strip("_")
    return text if text and not text[0].isdigit() else f"x_{text}"


def is_result(tape: Tape, index: int) -> bool:
    """Whether a node is the result of its instruction, not a step on the way to it.

    A repeated instruction (a loop of one line) records the same operation again.
    """
    following = index + 1
    if following == len(tape) or tape.lines[following] != tape.lines[index]:
        return True
    return tape.operations[following] is tape.operations[index]


def assigned_name(line: Line) -> str | None:
    """Return the variable that the result of an instruction is assigned to."""
    return None if isinstance(line, Place) else assigned_names(line[0]).get(line[1])


@lru_cache(maxsize=1024)
def assigned_names(code: CodeType) -> dict[int, str]:
    """Return instruction offset -> variable, for results that are assigned."""
    names: dict[int, str] = {}
    instructions = [
        instruction
        for instruction in dis.get_instructions(code)
        if instruction.opname not in ("CACHE", "NOP")
    ]
    for this, following in pairwise(instructions):
        if this.opname in WRITES:
            name = written_name(code, this)
        elif following.opname.startswith("STORE_") and following.opname not in WRITES:
            value = following.argval
            name = value[0] if isinstance(value, tuple) else value
            if following.opname == "STORE_ATTR":
                name = None
        else:
            name = None
        if isinstance(name, str) and name.isidentifier():
            names[this.offset] = name
    return names


def written_name(code: CodeType, instruction: dis.Instruction) -> str | None:
    """Return the array that an assignment to elements writes to."""
    position = instruction.positions
    if position is None or position.lineno is None or position.col_offset is None:
        return None
    text = linecache.getline(code.co_filename, position.lineno)
    found = IDENTIFIER.match(text.encode()[position.col_offset :].decode())
    return found.group() if found else None
