"""Every node of a tape that came from elsewhere, tried once before it is used.

Each operation is evaluated on stand-ins: arrays of its operands' types, or the tape's
own constants.  What it gives must have the node's type.  So a play, a derivative, the
compiler and the printers meet no setting, shape or type that its operation refuses.
Containers of arguments and results are put together once, too.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from wengert.capture import tree
from wengert.core.forms import Subtapes
from wengert.core.guards import answer
from wengert.core.operation import Operation
from wengert.core.tape import CONSTANT, GUARD, INPUT, Tape
from wengert.core.types import Type, has_class, type_of
from wengert.core.verify import illegal, verify
from wengert.errors import TapeError, WengertError
from wengert.execute.interpret import evaluate_node
from wengert.ops.families import check_orders

#: Elements of a node beyond which it is not tried, and of all that are.
MOST_ELEMENTS, MOST_TRIED = 1 << 20, 1 << 26
#: What an operation may raise because of the numbers of its stand-ins.
BY_NUMBERS = (np.linalg.LinAlgError, FloatingPointError, ZeroDivisionError)


def admit(tape: Tape) -> Tape:
    """Verify and rehearse a tape that came from elsewhere; return it.

    Raises
    ------
    TapeError
        If it is not legal.
    """
    try:
        verify(tape)
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            Rehearsal(tape).run()
    except (WengertError, MemoryError):
        raise
    except Exception as error:
        raise illegal(f"a part of the tape is not what it should be: {error}") from None
    return tape


class Rehearsal:
    """The stand-ins of one tape, and what was tried already."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.values: dict[int, Any] = {}
        self.stand_ins: dict[Any, Any] = {}
        self.known: set[Any] = set()
        self.room = MOST_TRIED

    def run(self) -> None:
        """Try every node, and the containers of arguments and results."""
        for structure in self.tape.structure or ():
            try_structure(structure)
        for index, operation in enumerate(self.tape.operations):
            if operation is INPUT:
                if type(self.tape.types[index]) is not Type:
                    raise illegal(f"input {index} has no type")
            elif operation is CONSTANT:
                self.constant(index)
            elif operation.is_registered:
                self.node(index)

    def constant(self, index: int) -> None:
        """Compare a constant with its type."""
        value, like = self.tape.settings[index]["value"], self.tape.types[index]
        self.values[index] = value
        if like is not None and type_of(value) != like:
            raise illegal(f"constant {index} is {type_of(value)}, and of type {like}")

    def value(self, index: int) -> Any:
        """Return what stands for the output of a node."""
        if index in self.values:
            return self.values[index]
        like = self.tape.types[index]
        if self.tape.operations[index] is CONSTANT:
            return self.tape.settings[index]["value"]
        if like is None or elements(like) > MOST_ELEMENTS:
            return None
        if like not in self.stand_ins:
            self.stand_ins[like] = stand_in(like)
        return self.stand_ins[like]

    def node(self, index: int) -> None:
        """Try one node, unless one like it was tried."""
        tape = self.tape
        operation, operands = tape.operations[index], tape.operands[index]
        like = tape.types[index]
        types = [tape.types[operand] for operand in operands]
        if not ends(operation, tape.settings[index]):
            return
        if "orders" in tape.settings[index]:  # closed forms double with every order
            check_orders(operation.name, tape.settings[index]["orders"])
        self.room -= sum(map(elements, (*types, like)))
        if max(map(elements, (*types, like)), default=0) > MOST_ELEMENTS:
            return
        if self.room < 0:
            return
        constants = tuple(k for k in operands if k in self.values)
        items = tuple(tape.settings[index].items())
        key = operation.name, items, repr(items), tuple(types), like, constants
        if key in self.known:
            return
        self.known.add(key)
        values = {operand: self.value(operand) for operand in operands}
        if operation is GUARD:
            self.guard(index, values[operands[0]])
            return
        found = self.tried(index, operation, values)
        if like is None:
            self.values[index] = found
        elif found is not None and not fits(found, like, self.is_counted(index)):
            raise illegal(f"node {index} ({operation.name}) gives no {like}")

    def is_counted(self, index: int) -> bool:
        """Whether the length of a node's result depends on the numbers."""
        tape = self.tape
        name = tape.operations[index].name
        return name in COUNTED or (name == "getitem" and self.has_mask(index))

    def has_mask(self, index: int) -> bool:
        """Whether an operand after the first is of truth values."""
        types = [self.tape.types[operand] for operand in self.tape.operands[index]]
        if "key" not in self.tape.settings[index]:
            return False
        return any(type(t) is Type and t.dtype.kind == "b" for t in types[1:])

    def guard(self, index: int, value: Any) -> None:
        """Ask a guard's question."""
        found = answer(self.tape.settings[index], value)
        if type(found) is not type(self.tape.settings[index]["expected"]):
            raise illegal(f"guard {index} expects another kind of answer")

    def tried(self, index: int, operation: Operation, values: Any) -> Any:
        """Return what an operation gives; None where that depends on the numbers."""
        try:
            return evaluate_node(self.tape, index, values)
        except TapeError:
            raise
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            is_by_shape = any(part in text for part in BY_SHAPE)
            if isinstance(error, (WengertError, *BY_NUMBERS)) and not is_by_shape:
                return None
            if self.has_mask(index) and any(part in text for part in BY_COUNT):
                return None  # as many elements as the mask says
            raise illegal(
                f"node {index} ({operation.name}) cannot be evaluated",
                f"NumPy refuses its operands or its settings ({text:.200})",
            ) from None


def ends(operation: Operation, settings: dict[str, Any]) -> bool:
    """Whether a node is played to its end at any numbers."""
    form = operation.form
    if not isinstance(form, Subtapes):
        return True
    return form.ends and all(
        ends(own, how)
        for tape in form.tapes(settings)
        for own, how in zip(tape.operations, tape.settings, strict=True)
    )


def try_structure(structure: Any) -> None:
    """Put the containers of a structure together, each with numbers for its parts."""
    if isinstance(structure, tree.Leaf):
        return
    for child in structure.children:
        try_structure(child)
    try_container(structure)


def try_container(structure: tree.Branch) -> None:
    """Put one container together, as far as that runs no code of a user."""
    flat = structure._replace(children=(tree.LEAF,) * len(structure.children))
    tree.paths(flat, "")
    tree.describe(flat)
    kind, kept = structure.kind, structure.carried
    if tree.is_registered(kind) or (kept is not None and kept.setters):
        return
    made = tree.put_together(flat, (0.0,) * len(flat.children))
    if kind is not tree.Fixed and tree.children_of(made) is None:
        raise illegal(f"a structure is of {kind.__name__}, which is no container")


def elements(like: Any) -> int:
    """Return the number of elements of a type."""
    if type(like) is tuple:
        return sum(map(elements, like))
    return 0 if like is None else like.size


def stand_in(like: Any) -> Any:
    """Return a value of a type: unit matrices, ones, and whole zeros."""
    if type(like) is tuple:
        return tuple(map(stand_in, like))
    kind = like.dtype.kind
    if kind not in "fc":
        value = np.zeros(like.shape, like.dtype)
    elif len(like.shape) < 2:
        value = np.ones(like.shape, like.dtype)
    else:
        value = np.empty(like.shape, like.dtype)
        value[...] = np.eye(*like.shape[-2:], dtype=like.dtype)
    if like.weak and not like.shape:
        return value.item()
    return value if like.shape else value[()]


#: What NumPy says of matrices that are none, in the class of errors of numbers.
BY_SHAPE = ("LinAlgError: Last 2 dim", "-dimensional array given")
#: What NumPy says of a mask that is true at too few places, or too many.
BY_COUNT = ("NumPy boolean array indexing assignment", "not broadcastable")
#: Operations whose results have as many elements as the numbers say.
COUNTED = frozenset({"nonzero", "unique"})
VALUES = (np.ndarray, np.generic, bool, int, float, complex)


def fits(found: Any, like: Any, is_counted: bool) -> bool:
    """Whether what an operation gave on stand-ins has the type of its node."""
    if type(like) is tuple:
        same = isinstance(found, tuple) and len(found) == len(like)
        return same and all(
            fits(part, of, is_counted) for part, of in zip(found, like, strict=True)
        )
    if not has_class(found, VALUES):
        return False
    given = type_of(found)
    if is_counted:
        return bool(given.dtype == like.dtype and given.ndim == like.ndim)
    return bool(given == like)
