"""Random draws in a recording: refused, since a replay would repeat the same numbers.

A generator from outside the function is noticed by its state, which a draw advances; a
generator made without a seed is refused where it is made.  One that is seeded inside
gives the same numbers on every call: they are constants.
"""

from __future__ import annotations

import operator
import random
import sys
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any

import numpy as np
from numpy.random import bit_generator

from wengert.capture.reads.libraries import is_library_file
from wengert.capture.reads.walk import Walk
from wengert.capture.reads.watched import GENERATORS, ReadGenerator
from wengert.core.locks import Switch
from wengert.core.types import Recorded, is_array
from wengert.errors import Line, RecordingError, explain

#: Whether draws are refused in this context.
REFUSED: ContextVar[bool] = ContextVar("wengert_draws_refused", default=False)
INSTEAD = (
    "draw outside and pass the numbers as an argument, or seed a generator inside: "
    "rng = np.random.default_rng(seed)"
)
#: The two generators that everyone shares.
SHARED = (
    ReadGenerator("np.random", np.random.mtrand._rand, None),
    ReadGenerator("random", getattr(random, "_inst"), None),  # noqa: B009
)
_ENTROPY: Callable[[int], int] = bit_generator.randbits  # type: ignore[attr-defined]
_SEED = random.Random.seed
_RANDOM_STATE = np.random.RandomState


def state(generator: Any) -> Any:
    """Return what a draw from a generator advances."""
    if isinstance(generator, random.Random):
        try:
            return generator.getstate()
        except NotImplementedError:  # SystemRandom has none
            return None
    if isinstance(generator, np.random.RandomState):
        return flat(generator.get_state(legacy=False))
    held = getattr(generator, "bit_generator", generator).state
    return {key: flat(value) for key, value in held.items()}


def flat(value: Any) -> Any:
    """Return a part of a state in a form that == compares."""
    if isinstance(value, dict):
        return {key: flat(part) for key, part in value.items()}
    return value.tobytes() if is_array(value) else value


def refuse(what: str, line: Line | None = None) -> RecordingError:
    """Return the error of a random draw."""
    return RecordingError(
        explain(
            f"{what} while a function was recorded",
            "a recording is replayed: every call would repeat the same numbers",
            INSTEAD,
            line,
        )
    )


class DrawsRefused:
    """While entered, random draws are refused; at the end, states are compared.

    Parameters
    ----------
    reached : callable or sequence of ReadGenerator
        What is recorded, or the generators that it reaches: they are watched.
    arguments : values given to it, among which generators are watched too
    """

    def __init__(self, reached: Any, arguments: Iterable[Any] = ()) -> None:
        is_known = isinstance(reached, list)
        found = [*(reached if is_known else Walk(reached).generators.values())]
        for k, value in enumerate(arguments):
            if isinstance(value, GENERATORS):
                found.append(ReadGenerator(f"argument {k}", value, None))
        known = {id(part.generator) for part in found}
        found.extend(part for part in SHARED if id(part.generator) not in known)
        self.watched = found

    def __enter__(self) -> None:
        self.states = [state(part.generator) for part in self.watched]
        self.token = REFUSED.set(True)
        SWITCH.hold()

    def __exit__(self, kind: Any, *_: object) -> None:
        SWITCH.release()
        REFUSED.reset(self.token)
        if kind is not None:
            return
        for (path, generator, line), before in zip(
            self.watched, self.states, strict=True
        ):
            if state(generator) != before:
                raise refuse(f"{path} drew random numbers", line)


# Generators without a seed


def unseeded() -> RecordingError:
    """Return the error of a generator made without a seed, at the user's line."""
    frame = sys._getframe(1)
    while is_library_file(frame.f_code.co_filename):
        if frame.f_back is None:
            break
        frame = frame.f_back
    line = frame.f_code, frame.f_lasti
    return refuse("a random generator was made without a seed", line)


def entropy(bits: int) -> int:
    """Answer NumPy's question for fresh entropy: a generator is made without a seed."""
    if REFUSED.get():
        raise unseeded()
    return _ENTROPY(bits)


def seed_python(self: random.Random, a: Any = None, version: int = 2) -> None:
    """Seed a generator of Python's `random`."""
    if a is None and REFUSED.get():
        raise unseeded()
    _SEED(self, a, version)


class Seeded(type):
    """The class of a class that makes and knows instances of `np.random.RandomState`.

    `RandomState(seed)` asks for entropy before it takes its seed, so entropy alone does
    not tell the two cases apart.
    """

    def __call__(cls, seed: Any = None) -> np.random.RandomState:
        if seed is None and REFUSED.get():
            raise unseeded()
        token = REFUSED.set(False)
        try:
            is_recorded = isinstance(seed, Recorded)  # guarded, as a size is
            return _RANDOM_STATE(operator.index(seed) if is_recorded else seed)
        finally:
            REFUSED.reset(token)

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, _RANDOM_STATE)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, _RANDOM_STATE)


class RandomState(metaclass=Seeded):
    """What ``np.random.RandomState`` names while draws are refused."""


def refuse_draws() -> None:
    """Replace what seeds generators."""
    bit_generator.randbits = entropy  # type: ignore[attr-defined]
    random.Random.seed = seed_python  # type: ignore[method-assign]
    np.random.RandomState = RandomState  # type: ignore[misc,assignment]


def allow_draws() -> None:
    """Put the originals back."""
    bit_generator.randbits = _ENTROPY  # type: ignore[attr-defined]
    random.Random.seed = _SEED  # type: ignore[method-assign]
    np.random.RandomState = _RANDOM_STATE  # type: ignore[misc]


SWITCH = Switch(refuse_draws, allow_draws)
