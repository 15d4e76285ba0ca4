"""Random programs of arrays: broadcasts, folds, moves, gathers, writes, products.

Some hold what data decide: masks, orders, places in tables.  Such data are arguments,
so that no rounding decides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from wengert.lower.libraries import BLAS
from wengert.lower.order import MANY

Step = Callable[[list[Any]], Any]
SIZES = (1, 2, 3, 5, 7, 8, 9, 16, 17, 24, 33)
UNARY = (np.sin, np.tanh, np.abs, np.negative, np.square, np.cos, np.arctan)
BINARY = (np.add, np.subtract, np.multiply, np.maximum, np.minimum, np.hypot)
FOLDS = (np.sum, np.max, np.min, np.mean)


@dataclass
class Program:
    """Arguments, and steps of which each makes a value of those before it."""

    arguments: list[np.ndarray]
    steps: list[Step] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def __call__(self, *arguments: Any) -> Any:
        values = list(arguments)
        for step in self.steps:
            values.append(step(values))
        return tuple(values[-3:])

    def total(self, *arguments: Any) -> Any:
        """A number of all that the program returns."""
        total = 0.0
        for k, value in enumerate(self(*arguments)):
            total = total + np.sum(np.tanh(value) * (0.5 + k))
        return total

    def __str__(self) -> str:
        shapes = [f"{a.dtype}{list(a.shape)}" for a in self.arguments]
        return "\n".join([f"of {', '.join(shapes)}", *self.texts])


class Writer:
    """A random program that is being written."""

    def __init__(self, seed: int, is_mixed: bool, is_path: bool) -> None:
        self.is_mixed = is_mixed
        self.has_more = seed % 5 in MORE
        self.has_data = seed % 10 in DATA and not is_path
        self.rng = np.random.default_rng(seed)
        n, m = (int(self.rng.choice(SIZES)) for _ in range(2))
        shapes = [(n, m), (m,), (n,), (n, 1), (m, n), ()]
        kept = self.rng.permutation(len(shapes))[: self.rng.integers(1, 4)]
        arguments = [self.rng.normal(size=shapes[k]) for k in kept]
        self.program = Program(arguments)
        self.values = list(arguments)

    def pick(self, fits: Callable[[Any], bool] = lambda x: True) -> int | None:
        """Return a value that fits, later ones rather."""
        found = [k for k, value in enumerate(self.values) if fits(value)]
        if not found:
            return None
        weights = np.arange(1.0, len(found) + 1)
        return int(self.rng.choice(found, p=weights / weights.sum()))

    def add(self, text: str, step: Step) -> None:
        """Append a step."""
        with np.errstate(all="ignore"):
            value = step(self.values)
        if np.size(value) > 4000 or np.size(value) == 0:
            return
        self.values.append(value)
        self.program.steps.append(step)
        self.program.texts.append(
            f"v{len(self.values) - 1} = {text}: {np.shape(value)}"
        )

    def write(self, count: int) -> Program:
        """Return a program of some steps."""
        kinds = [
            self.unary, self.binary, self.binary, self.fold, self.move, self.part,
            self.join, self.gather, self.choose, self.product, self.store, self.spread,
        ]  # fmt: skip
        if self.is_mixed:
            kinds += [self.foreign] * 3
        if self.has_more:
            kinds += [self.scan, self.scan, self.best, self.nothing]
        if self.has_data:
            kinds += [
                self.masked, self.under, self.under, self.grid, self.slide, self.order,
                self.ranked, self.table, self.some, self.parts, self.chosen,
            ]  # fmt: skip
        while len(self.program.steps) < count:
            self.rng.choice(kinds)()  # type: ignore[operator]
        return self.program

    def unary(self) -> None:
        a, f = self.pick(), self.rng.choice(UNARY)  # type: ignore[arg-type]
        self.add(f"{f.__name__}(v{a})", lambda v: f(v[a]))

    def binary(self) -> None:
        a, f = self.pick(), self.rng.choice(BINARY)  # type: ignore[arg-type]
        b = self.pick(lambda x: fits(x, self.values[a]))
        self.add(f"tanh({f.__name__}(v{a}, v{b}))", lambda v: np.tanh(f(v[a], v[b])))

    def fold(self) -> None:
        a, f = self.pick(np.ndim), self.rng.choice(FOLDS)  # type: ignore[arg-type]
        if a is None:
            return
        axis = self.rng.choice([None, *range(np.ndim(self.values[a]))])
        keep = bool(self.rng.integers(2))
        self.add(
            f"{f.__name__}(v{a}, axis={axis}, keepdims={keep})",
            lambda v: f(v[a], axis=axis, keepdims=keep),
        )

    def move(self) -> None:
        a = self.pick(np.ndim)
        if a is None:
            return
        text, f = self.rng.choice(MOVES)
        self.add(f"{text}(v{a})", lambda v: f(v[a]))

    def part(self) -> None:
        a = self.pick(lambda x: np.ndim(x) and np.shape(x)[0] > 1)
        if a is None:
            return
        n = self.values[a].shape[0]
        keys = [slice(1, None), slice(None, None, -1), slice(None, None, 2), n - 1]
        keys += [slice(n - 1, 0, -2), (slice(None), None), (Ellipsis, -1)]
        key = keys[self.rng.integers(len(keys))]
        self.add(f"v{a}[{key}]", lambda v: v[a][key])

    def join(self) -> None:
        a = self.pick(np.ndim)
        if a is None:
            return
        shape = self.values[a].shape
        b = self.pick(lambda x: np.shape(x) == shape)
        axis = int(self.rng.integers(len(shape)))
        f = (np.concatenate, np.stack)[self.rng.integers(2)]
        self.add(
            f"{f.__name__}([v{a}, v{b}], {axis})", lambda v: f([v[a], v[b]], axis=axis)
        )

    def gather(self) -> None:
        a = self.pick(np.ndim)
        if a is None:
            return
        n = self.values[a].shape[0]
        index = self.rng.integers(-n, n, size=int(self.rng.choice((2, 5, 9, 17))))
        self.add(f"v{a}[{index.tolist()}]", lambda v: v[a][index])

    def choose(self) -> None:
        a = self.pick()
        b = self.pick(lambda x: fits(x, self.values[a]))
        limit = float(self.rng.normal())
        self.add(
            f"where(v{a} > {limit:.2f}, v{a}, v{b})",
            lambda v: np.where(v[a] > limit, v[a], v[b]),
        )

    def product(self) -> None:
        a = self.pick(np.ndim)
        if a is None:
            return
        n = self.values[a].shape[-1]
        if n >= BLAS:
            return
        b = self.pick(lambda x: np.ndim(x) in (1, 2) and np.shape(x)[0] == n)
        if b is not None:
            self.add(f"tanh(v{a} @ v{b})", lambda v: np.tanh(v[a] @ v[b]))

    def store(self) -> None:
        a = self.pick(lambda x: np.ndim(x) and np.shape(x)[0] > 2)
        if a is None:
            return
        n = self.values[a].shape[0]
        index = self.rng.integers(0, n, size=5)
        key = [slice(1, None), slice(0, n - 1), slice(None, None, 2), index, n // 2][
            self.rng.integers(5)
        ]
        adds = bool(self.rng.integers(2))

        def step(v: list[Any]) -> Any:
            new = np.sin(v[a])
            if adds:
                new[key] += new[0] * 0.5
            else:
                new[key] = new[-1] * 0.5
            return new

        self.add(f"v{a} with [{key}] {'+=' if adds else '='} ...", step)

    def foreign(self) -> None:
        a = self.pick(np.ndim)
        if a is not None:
            self.add(f"partition(v{a})", lambda v: np.partition(v[a], 0, axis=0))

    def scan(self) -> None:
        a = self.pick(np.ndim)
        if a is None:
            return
        name, f = self.rng.choice(SCANS)
        axis = int(self.rng.integers(np.ndim(self.values[a])))
        self.add(f"{name}(v{a}, {axis})", lambda v: np.tanh(f(v[a], axis=axis)))

    def best(self) -> None:
        a = self.pick(np.ndim)
        if a is None:
            return
        f = (np.argmax, np.argmin)[self.rng.integers(2)]
        axis = self.rng.choice([None, *range(np.ndim(self.values[a]))])

        def step(v: list[Any]) -> Any:
            found = f(np.floor(3.7 * v[a] + 0.31), axis=axis, keepdims=True)
            return v[a] * (1.0 + found / np.size(v[a]))

        self.add(f"v{a} times {f.__name__}(v{a}, {axis})", step)

    def nothing(self) -> None:
        a = self.pick(np.ndim)
        if a is None:
            return

        def step(v: list[Any]) -> Any:
            none = v[a][:0] * 2.0
            return np.concatenate([none, v[a], none]) * np.prod(none) + np.sum(none)

        self.add(f"v{a} beside nothing", step)

    def given(self, count: int = 0) -> int | None:
        """Return an argument that has axes, so many if that is said."""
        found = [
            k
            for k, x in enumerate(self.program.arguments)
            if (x.ndim == count if count else x.ndim)
        ]
        return int(self.rng.choice(found)) if found else None

    def mask(self) -> tuple[int, float, int] | None:
        """Return an argument, a limit, and a value that its mask takes parts of."""
        a = self.given()
        if a is None:
            return None
        x = self.values[a]
        b = self.pick(lambda y: np.shape(y)[: x.ndim] == x.shape)
        assert b is not None
        return a, float(np.median(x)) - 0.01, b

    def masked(self) -> None:
        if (found := self.mask()) is not None:
            a, limit, b = found
            self.add(f"v{b}[v{a} > {limit:.2f}]", lambda v: v[b][v[a] > limit])

    def under(self) -> None:
        if (found := self.mask()) is None:
            return
        a, limit, b = found
        how = self.rng.choice(["number", "rows", "add", "where"])

        def step(v: list[Any]) -> Any:
            new, mask = np.sin(v[b]), v[a] > limit
            if how == "number":
                new[mask] = 0.25
            elif how == "rows":
                new[mask] = np.tanh(v[b][mask][::-1])
            elif how == "add":
                new[mask] += new[mask][:1] * 0.5
            else:
                places = np.nonzero(mask)
                np.add.at(new, places, v[b][places] * 0.5)
            return new

        self.add(f"v{b} under v{a} > {limit:.2f}, {how}", step)

    def grid(self) -> None:
        a = self.pick(lambda x: np.ndim(x) and np.shape(x)[0] > 1)
        if a is None:
            return
        shape = self.values[a].shape
        sizes = tuple(self.rng.choice((2, 3, 9), 2))
        keys = [self.rng.integers(0, n, sizes) for n in shape[:2]]
        key = tuple(keys[: self.rng.integers(1, len(keys) + 1)])
        adds = bool(self.rng.integers(2))
        ends = (*sizes, *(1,) * (len(shape) - len(key)))
        taken = self.rng.integers(0, self.values[a].size, ends)

        def step(v: list[Any]) -> Any:
            new, value = np.sin(v[a]), np.cos(v[a]).reshape(-1)[taken]
            if adds:
                np.add.at(new, key, value)
            else:
                new[key] = value
            return new

        self.add(f"v{a} with {len(key)} indices of {sizes}, {adds}", step)

    def slide(self) -> None:
        a, b = (self.pick(lambda x: np.ndim(x) == 1) for _ in range(2))
        mode = str(self.rng.choice(["full", "same", "valid"]))
        if a is not None and b is not None:
            self.add(
                f"tanh(convolve(v{a}, v{b}, {mode}))",
                lambda v: np.tanh(np.convolve(v[a], v[b], mode)),  # type: ignore[call-overload]
            )

    def order(self) -> None:
        a = self.pick(np.ndim)
        if a is None:
            return
        axis = int(self.rng.integers(np.ndim(self.values[a])))
        f = self.rng.choice([np.sort, np.median])  # type: ignore[arg-type]
        is_short = self.values[a].shape[axis] <= 16
        if self.values[a].size <= MANY and (is_short or f is np.sort):
            self.add(f"{f.__name__}(v{a}, {axis})", lambda v: f(v[a], axis=axis))

    def ranked(self) -> None:
        a = self.given(1)
        if a is None:
            return
        n = self.values[a].size
        b = self.pick(lambda x: np.ndim(x) and np.shape(x)[0] == n)
        kind = str(self.rng.choice(["stable", "quicksort"]))
        self.add(f"v{b}[argsort(v{a})]", lambda v: v[b][np.argsort(v[a], kind=kind)])

    def table(self) -> None:
        a, b = self.pick(), self.pick(lambda x: np.ndim(x) == 1)
        if b is None:
            return
        n = self.values[b].size
        knots = np.linspace(-1.03, 1.07, n)
        self.add(f"interp(v{a}, knots, v{b})", lambda v: np.interp(v[a], knots, v[b]))

    def some(self) -> None:
        if (found := self.mask()) is None or self.values[found[2]].shape[2:]:
            return
        a, limit, b = found
        if self.values[a].shape != self.values[b].shape:
            return
        f = self.rng.choice([np.sum, np.prod, np.max])  # type: ignore[arg-type]
        axis = self.rng.choice([None, *range(np.ndim(self.values[b]))])
        self.add(
            f"{f.__name__}(v{b}, {axis}, where=v{a} > {limit:.2f}",
            lambda v: np.tanh(f(v[b], axis=axis, initial=0.5, where=v[a] > limit)),
        )

    def parts(self) -> None:
        a = self.given()
        if a is None:
            return
        name, f = PARTS[self.rng.integers(len(PARTS))]
        self.add(f"{name} of v{a}", lambda v: f(3.7 * v[a] + 0.03))

    def chosen(self) -> None:
        a = self.given()
        if a is None:
            return
        b = self.pick(lambda x: fits(x, self.values[a]))
        c = self.pick(lambda x: np.shape(x) == np.shape(self.values[b]))
        self.add(
            f"choose(v{a} > 0, (v{b}, v{c}))",
            lambda v: np.choose(v[a] > 0.01, (v[b], np.sin(v[c]))),
        )

    def spread(self) -> None:
        a = self.pick(lambda x: np.ndim(x) == 1)
        if a is None:
            return
        f = (np.subtract, np.multiply)[self.rng.integers(2)]
        self.add(f"{f.__name__}(v{a}[:, None], v{a})", lambda v: f(v[a][:, None], v[a]))


MOVES: Any = np.empty((5, 2), dtype=object)
MOVES[:] = [
    ("transpose", lambda x: x.T),
    ("ravel", lambda x: x.reshape(-1)),
    ("add axis", lambda x: x[None]),
    ("reversed rows", lambda x: x[::-1]),
    ("halves", lambda x: x.reshape(2, -1) if x.size % 2 == 0 else x.reshape(1, -1)),
]

SCANS: Any = np.empty((4, 2), dtype=object)
SCANS[:] = [
    ("cumsum", np.cumsum),
    ("cumprod", np.cumprod),
    ("maximum.accumulate", np.maximum.accumulate),
    ("fmin.accumulate", np.fmin.accumulate),
]
#: Seeds, modulo 5, of programs that hold scans, extremes' places and arrays without
#: elements; all others are what they were before.
MORE = (1, 2)
#: Seeds, modulo 10, of programs of which data decide the places.
DATA = (5, 8)
PARTS: Any = [
    ("fraction", lambda x: np.modf(x)[0]),
    ("round", lambda x: np.round(x, 1)),
    ("whole and rest", lambda x: np.modf(x)[1] * x),
    ("subtract.reduce", lambda x: np.subtract.reduce(x, axis=0)),
    ("hypot.accumulate", lambda x: np.hypot.accumulate(x, axis=-1)),
    ("sinc", np.sinc),
    ("reduceat", lambda x: np.add.reduceat(x, [0, x.shape[0] // 2, 0])),
]


def fits(x: Any, y: Any) -> bool:
    """Whether two values broadcast."""
    try:
        return bool(np.prod(np.broadcast_shapes(np.shape(x), np.shape(y))) <= 4000)
    except ValueError:
        return False


def random_program(seed: int, is_mixed: bool = False, is_path: bool = False) -> Program:
    """Return the random program of a seed.

    Mixed ones hold what has no loops; those that are one path ask nothing.
    """
    writer = Writer(seed, is_mixed, is_path)
    return writer.write(int(writer.rng.integers(3, 12)))
