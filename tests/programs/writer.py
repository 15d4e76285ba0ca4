"""Writes a random program by running it: what a statement made decides the next one.

Everything follows from the number of the seed.  While it is written a program runs in
plain NumPy at its first arguments, so the kinds, shapes and dtypes of its variables are
known; a statement that raises is nearly always taken back.

A hole of a template is a letter in braces that a variable of its kind fills: ``{F}``
any number or array, ``{A}`` an array, ``{V}`` one axis, ``{M}`` two, ``{S}`` a real
number, ``{I}`` a Python int, ``{N}`` an array of integers, ``{B}`` one of bools,
``{T}`` a text, ``{D}`` a dictionary, ``{L}`` a list or tuple; ``{c}`` is a constant,
``{x}`` an axis, ``{K}`` a count: an int that is small at all arguments, so that every
program ends.  A hole with a digit is filled with one variable throughout.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import numpy as np

from tests.programs.program import HEADER
from tests.programs.templates import sections

HOLE = re.compile(r"\{([FAVMSINBTDLKcx])(\d?)\}")
WORD = re.compile(r"[A-Za-z_]\w*")
EXPRESSIONS = sections("expressions.txt")
#: Topics of expressions, with the weights that they have in a program.
TOPICS = {
    "elementwise": 4,
    "binary": 5,
    "reduction": 3,
    "array": 5,
    "view": 3,
    "fancy index": 2,
    "number": 4,
    "python": 4,
}
SIGNS = ("=", "=", "=", "+=", "*=", "-=", "/=", "**=", "//=", "%=")
#: What a store goes through.
BASES = (
    "",
    "",
    "",
    ".T",
    "[::-1]",
    "[:]",
    ".reshape(-1)",
    ".ravel()",
    ".flat",
    ".real",
)
CONSTANTS = ("0.17", "0.5", "-0.23", "1.0", "2", "0.6", "1.5")
#: Larger arrays and numbers say nothing more, and cost.
MOST_ELEMENTS, MOST_AXES, MOST_TIMES = 60, 3, 9
TRIES = 12


@dataclass(frozen=True)
class Vocabulary:
    """What a writer chooses from."""

    topics: dict[str, int]
    templates: dict[str, list[str]]
    signs: tuple[str, ...] = SIGNS
    bases: tuple[str, ...] = BASES
    #: Larger numbers are not gone on with.
    largest: float = 1e5


EVERYTHING = Vocabulary(TOPICS, EXPRESSIONS)


def is_number(value: Any) -> bool:
    """Whether a value is a real number, of Python or NumPy, and not a bool."""
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(
        value, (bool, np.bool_)
    )


def is_array(value: Any) -> bool:
    """Whether a value is an array of one axis or more."""
    return isinstance(value, np.ndarray) and value.ndim > 0


FITS: dict[str, Callable[[Any], bool]] = {
    "F": lambda v: is_number(v) or isinstance(v, (np.ndarray, np.generic)),
    "A": is_array,
    "V": lambda v: is_array(v) and v.ndim == 1,
    "M": lambda v: is_array(v) and v.ndim == 2,
    "S": lambda v: is_number(v) or (isinstance(v, np.ndarray) and v.ndim == 0),
    "I": lambda v: type(v) is int,
    "N": lambda v: is_array(v) and v.dtype.kind in "iu",
    "B": lambda v: is_array(v) and v.dtype.kind == "b",
    "T": lambda v: type(v) is str,
    "D": lambda v: isinstance(v, dict),
    "L": lambda v: isinstance(v, (list, tuple)),
}


def is_small(value: Any, largest: float) -> bool:
    """Whether a value is of a kind and size that programs go on with."""
    if isinstance(value, (list, tuple)):
        return len(value) <= 8 and all(is_small(v, largest) for v in value)
    if isinstance(value, dict):
        return is_small(list(value.values()), largest)
    if isinstance(value, str):
        return len(value) <= 20
    if isinstance(value, (bool, int, float)):
        return not abs(value) > largest
    if isinstance(value, (np.ndarray, np.generic)):
        array = np.asarray(value)
        if array.dtype.kind not in "fiubc" or array.ndim > MOST_AXES:
            return False
        sizes = np.abs(array.astype(complex))
        return array.size <= MOST_ELEMENTS and not np.any(sizes > largest)
    return False


@dataclass
class Scope:
    """What a program's names hold at its first arguments."""

    values: dict[str, Any] = field(default_factory=dict)

    def run(self, text: str) -> Exception | None:
        """Run a statement; return what it raised, with the names as before."""
        kept = dict(self.values)
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                warnings.simplefilter("error", np.exceptions.ComplexWarning)
                warnings.simplefilter("error", DeprecationWarning)
                exec(text, self.values)
        except Exception as error:
            self.values.clear()
            self.values.update(kept)
            return error
        return None

    def ask(self, expression: str) -> Any:
        """Return the value of an expression; `NotImplemented` where it raises."""
        if self.run(f"_ = {expression}") is not None:
            return NotImplemented
        return self.values.pop("_")


class Writer:
    """Chooses; fills holes; adds statements that run."""

    def __init__(self, random: Random, vocabulary: Vocabulary = EVERYTHING) -> None:
        self.random = random
        self.vocabulary = vocabulary
        self.templates = vocabulary.templates
        self.scope = Scope()
        self.names: list[str] = []
        #: Names whose values follow from the arguments, or from outside.
        self.moving: set[str] = set()
        #: Names of ints that are small at all arguments.
        self.bounded: set[str] = set()
        self.blocks: list[tuple[tuple[str, ...], frozenset[str]]] = []
        self.features: set[str] = set()
        self.count = 0
        self.is_over = False
        self.scope.run(HEADER)

    def is_small(self, value: Any) -> bool:
        """Whether a value is one that the program goes on with."""
        return is_small(value, self.vocabulary.largest)

    # Choices

    def fresh(self, letter: str = "v") -> str:
        """Return a new name."""
        self.count += 1
        return f"{letter}{self.count}"

    def variable(self, kind: str, writable: bool = False) -> str | None:
        """Return a variable of a kind, later ones more often; None without one."""
        fits = FITS[kind]
        found = [n for n in self.names if fits(self.scope.values.get(n))]
        if writable:
            found = [n for n in found if self.scope.values[n].flags.writeable]
        if not found:
            return None
        if self.random.random() < 0.8:
            found = [n for n in found if n in self.moving] or found
        if self.random.random() < 0.5:
            found = found[-4:]
        return self.random.choice(found)

    def fill(self, template: str) -> str | None:
        """Return a template with its holes filled; None where a kind is missing."""
        chosen: dict[str, str] = {}

        def name(match: re.Match[str]) -> str:
            kind, number = match.groups()
            if number and kind + number in chosen:
                return chosen[kind + number]
            if kind == "c":
                found: str | None = self.random.choice(CONSTANTS)
            elif kind == "x":
                found = self.random.choice(("0", "-1", "1", "0"))
            elif kind == "K":
                found = self.times()
            else:
                found = self.variable(kind)
            if found is None:
                raise LookupError(kind)
            chosen[kind + number] = found
            return found

        try:
            return HOLE.sub(name, template)
        except LookupError:
            return None

    def times(self) -> str | None:
        """Return how often something may be repeated; None without an int."""
        name = self.variable("I")
        if name is None or name in self.bounded:
            return name
        return f"min({name}, {MOST_TIMES})"

    def expression(self, *topics: str) -> tuple[str, str]:
        """Return an expression whose value is small, and its topic."""
        weighted = self.vocabulary.topics
        names = [name for name in topics if name in weighted] or list(weighted)
        weights = [weighted[name] for name in names]
        for _ in range(TRIES):
            topic = self.random.choices(names, weights)[0]
            text = self.fill(self.random.choice(self.templates[topic]))
            if text is None:
                continue
            value = self.scope.ask(text)
            if value is not NotImplemented and self.is_small(value):
                return text, topic
        return self.random.choice(CONSTANTS), "constant"

    def fitting(self, target: str, *topics: str) -> str:
        """Return an expression that can be stored where `target` is."""
        for _ in range(TRIES):
            text, _ = self.expression(*(topics or ("elementwise", "binary", "number")))
            shape = self.scope.ask(
                f"np.broadcast({target}, {text}).shape == np.shape({target})"
            )
            if shape is True:
                return text
        return self.random.choice(CONSTANTS)

    def condition(self) -> str:
        """Return a condition."""
        for _ in range(TRIES):
            text = self.fill(self.random.choice(self.templates["condition"]))
            if (
                text is not None
                and self.scope.ask(f"bool({text})") is not NotImplemented
            ):
                return text
        return "True"

    # Statements

    def add(
        self, lines: list[str], *features: str, names: tuple[str, ...] = ()
    ) -> bool:
        """Add a statement if it runs; one that raises ends a program, and seldom stays.

        `names` are the variables that it makes.
        """
        error = self.scope.run("\n".join(lines))
        if error is not None:
            if (
                isinstance(error, (NameError, SyntaxError))
                or self.random.random() > 0.02
            ):
                return False
            self.is_over = True
            features += ("raises",)
        elif not all(self.is_small(self.scope.values.get(n)) for n in names):
            return False
        self.blocks.append((tuple(lines), frozenset(features)))
        self.features.update(features)
        self.names += [n for n in names if n not in self.names]
        if not self.moving.isdisjoint(WORD.findall("\n".join(lines))):
            self.moving.update(names)
        return True

    def compute(self) -> bool:
        """Write a new variable."""
        text, topic = self.expression()
        name = self.fresh()
        return self.add([f"{name} = {text}"], topic, names=(name,))
