"""The whole of a random program: arguments, outside, statements, results."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

import numpy as np

from tests.programs import analytic, arguments, controlling, outside, storing
from tests.programs.program import Block, Program
from tests.programs.writer import EVERYTHING, EXPRESSIONS, Vocabulary, Writer, is_number

#: Arguments at which every program is called.
INPUTS = 6
COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
Statements = tuple[tuple[int, Callable[[Writer], bool]], ...]
STATEMENTS: Statements = (
    (9, Writer.compute),
    (3, storing.store),
    (1, storing.fresh_array),
    (1, storing.overlap),
    (3, storing.output),
    (2, storing.alias),
    (3, controlling.branch),
    (1, controlling.early_return),
    (1, controlling.repeat),
    (2, controlling.loop),
    (2, controlling.attempt),
    (1, controlling.bare),
    (1, controlling.recursion),
    (2, controlling.nested),
    (1, controlling.keyed),
)


@dataclass(frozen=True)
class Style:
    """What the programs of a style are made of."""

    name: str = "any"
    kinds: tuple[Callable[[Random], arguments.Kind], ...] = arguments.KINDS
    statements: Statements = STATEMENTS
    vocabulary: Vocabulary = EVERYTHING
    #: Fewest and most arguments, and statements.
    parameters: tuple[int, int] = (1, 4)
    lengths: tuple[int, int] = (2, 12)
    #: What may be outside, and numbers of it, of which one is chosen.
    outsides: tuple[str, ...] = tuple(outside.OUTSIDES)
    counts: tuple[int, ...] = (0, 0, 1, 1, 2, 3)
    #: How many of the last variables are summed up.
    totalled: int = 4


def of_numbers(*topics: str) -> Vocabulary:
    """Return a vocabulary of numbers of any size; all of it may raise."""
    templates = {topic: EXPRESSIONS[topic] for topic in topics}
    templates["raising"] = [text for texts in templates.values() for text in texts]
    templates["condition"] = [f"{{S}} {sign} {{S}}" for sign in COMPARISONS]
    return Vocabulary(dict.fromkeys(topics, 1), templates, largest=math.inf)


ANY = Style()
#: Programs of which a complex step gives the gradient: long ones that write a lot.
ANALYTIC = Style(
    "analytic",
    kinds=(
        *((arguments.vector_kind,) * 5),
        *(arguments.python_float, arguments.python_float, arguments.python_int),
    ),
    statements=tuple(
        (weight, statement)
        for weight, statement in STATEMENTS
        if statement
        not in (controlling.early_return, controlling.attempt, controlling.bare)
    ),
    vocabulary=analytic.vocabulary(),
    parameters=(2, 4),
    lengths=(8, 14),
    outsides=("global array",),
    counts=(0, 0, 1),
    totalled=8,
)
#: Programs of Python's numbers, of any size.
NUMBERS = Style(
    "numbers",
    kinds=(arguments.any_float, arguments.any_int),
    statements=(
        (4, Writer.compute),
        (3, controlling.branch),
        (3, controlling.attempt),
        (1, controlling.bare),
    ),
    vocabulary=of_numbers("floats", "remainders", "integers"),
    parameters=(3, 4),
    lengths=(2, 6),
    counts=(0,),
    totalled=0,
)
#: Those of floats alone, whose calls are rows of `vmap`: the remainder of what is an
#: ulp away may be any.
FLOATS = replace(
    NUMBERS,
    name="floats",
    kinds=(arguments.any_float,),
    vocabulary=of_numbers("floats"),
)


STYLES = {style.name: style for style in (ANY, ANALYTIC, NUMBERS, FLOATS)}


def generate(seed: int, name: str = "any") -> Program:
    """Return the program of a number, in a style."""
    style = STYLES[name]
    random = Random(seed)
    w = Writer(random, style.vocabulary)
    kinds = [
        random.choice(style.kinds)(random)
        for _ in range(random.randint(*style.parameters))
    ]
    texts, features = arguments.calls(random, kinds, INPUTS)
    w.features |= features
    parameters = [f"a{k}" for k in range(len(kinds))]
    w.scope.run(f"{', '.join(parameters)}, = {texts[0]}")
    w.names += parameters
    w.moving.update(parameters)
    w.bounded.update(
        p for p, kind in zip(parameters, kinds, strict=True) if kind.name == "int"
    )
    chosen = outside.prepare(w, style.outsides, style.counts)
    statements(w, chosen, style)
    return Program(
        seed=seed,
        parameters=tuple(parameters),
        outside=tuple(line for o in chosen for line in o.lines),
        changes=tuple(line for o in chosen for line in o.changes),
        blocks=tuple(Block(*block) for block in w.blocks),
        total=totalled(w, style.totalled),
        results=observed(w),
        calls=tuple(texts),
        differentiated=tuple(k for k, kind in enumerate(kinds) if kind.is_float),
        style=name,
        features=frozenset(w.features),
    )


def by_hand(source: str) -> Program:
    """Return the program of a function of a vector, a matrix, a number and an int.

    Its last line returns the number that is differentiated.
    """
    lines = source.strip().split("\n")[1:]
    lines[-1] = lines[-1].replace("return ", "result = ", 1)
    random = Random(0)
    texts = [
        f"({arguments.array(random, (3,), 'float64')}, "
        f"{arguments.array(random, (2, 3), 'float64')}, "
        f"{arguments.number(random, 'float64')}, 3)"
        for _ in range(INPUTS)
    ]
    return Program(
        seed=0,
        parameters=("x", "m", "s", "n"),
        outside=(),
        changes=(),
        blocks=(Block(tuple(line.removeprefix("    ") for line in lines)),),
        total=("result",),
        results=("result", "x", "m"),
        calls=tuple(texts),
        differentiated=(0, 1, 2),
        style="analytic",
    )


def statements(w: Writer, chosen: list[outside.Outside], style: Style) -> None:
    """Write the statements of a style; some read and write outside."""
    weights = [weight for weight, _ in style.statements]
    writers = [writer for _, writer in style.statements]
    if chosen:
        weights += [7, 2]
        writers += [functools.partial(outside.read, chosen=chosen)]
        writers += [functools.partial(outside.write, chosen=chosen)]
    wanted = w.random.randint(*style.lengths)
    for _ in range(4 * wanted):
        if len(w.blocks) >= wanted or w.is_over:
            return
        w.random.choices(writers, weights)[0](w)


def totalled(w: Writer, count: int) -> tuple[str, ...]:
    """Return the variables that are summed to the number that is differentiated."""
    names = [n for n in w.names if is_floating(w.scope.values.get(n))]
    return tuple(names[max(len(names) - count, 0) :])


def is_floating(value: object) -> bool:
    """Whether a value has a slope: a float or an array of floats or complex numbers."""
    if isinstance(value, float) and is_number(value):
        return True
    return isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "fc"


def observed(w: Writer) -> tuple[str, ...]:
    """Return the variables whose values are compared."""
    names = [n for n in w.names if n in w.scope.values]
    made = [n for n in names if not n.startswith("a")]
    return tuple(made[-6:] + [n for n in names if n.startswith("a")][:2])
