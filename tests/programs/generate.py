"""The whole of a random program: arguments, outside, statements, results."""

from __future__ import annotations

import functools
from collections.abc import Callable
from random import Random

import numpy as np

from tests.programs import arguments, controlling, outside, storing
from tests.programs.program import Block, Program
from tests.programs.writer import Writer, is_number

#: Arguments at which every program is called.
INPUTS = 6
STATEMENTS: tuple[tuple[int, Callable[[Writer], bool]], ...] = (
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


def generate(seed: int) -> Program:
    """Return the program of a number."""
    random = Random(seed)
    w = Writer(random)
    kinds = [
        random.choice(arguments.KINDS)(random) for _ in range(random.randint(1, 4))
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
    chosen = outside.prepare(w)
    statements(w, chosen)
    return Program(
        seed=seed,
        parameters=tuple(parameters),
        outside=tuple(line for o in chosen for line in o.lines),
        changes=tuple(line for o in chosen for line in o.changes),
        blocks=tuple(Block(*block) for block in w.blocks),
        total=totalled(w),
        results=observed(w),
        calls=tuple(texts),
        differentiated=tuple(k for k, kind in enumerate(kinds) if kind.is_float),
        features=frozenset(w.features),
    )


def statements(w: Writer, chosen: list[outside.Outside]) -> None:
    """Write two to twelve statements; some read and write outside."""
    weights = [weight for weight, _ in STATEMENTS]
    writers = [writer for _, writer in STATEMENTS]
    if chosen:
        weights += [7, 2]
        writers += [functools.partial(outside.read, chosen=chosen)]
        writers += [functools.partial(outside.write, chosen=chosen)]
    wanted = w.random.randint(2, 12)
    for _ in range(4 * wanted):
        if len(w.blocks) >= wanted or w.is_over:
            return
        w.random.choices(writers, weights)[0](w)


def totalled(w: Writer) -> tuple[str, ...]:
    """Return the variables that are summed to the number that is differentiated."""
    names = [n for n in w.names if is_floating(w.scope.values.get(n))]
    return tuple(names[-4:])


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
