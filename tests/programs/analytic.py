"""Hypothesis writes programs in plain NumPy, as source text.

A program is a function ``program(x, m, s, n)`` of a vector, a matrix, a number and an
int, and returns one number.  Its variables and their shapes are known while it is
written, so every program runs.  All of its functions are analytic along the path that
it takes, so a complex step gives its derivative.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

Shape = tuple[int, ...]
Draw = Callable[[Any], Any]

INPUT_SHAPES: dict[str, Shape] = {"x": (3,), "m": (2, 3), "s": ()}
CONSTANTS = ("0.17", "0.31", "-0.23", "0.45", "0.6")
UNARY = (
    "np.sin({a})",
    "np.cos({a})",
    "np.tanh({a})",
    "-{a}",
    "{a} * {c}",
    "{a} - {c}",
    "{a} * n",
    "{a} ** 2 * {c}",
    "np.square({a}) * {c}",
    "np.sqrt(1.0 + {a} * {a})",
    "np.log(2.0 + np.sin({a}))",
    "np.exp(-{a} * {a})",
    "np.maximum({a}, {c})",
    "np.where({a} > {c}, {a}, {c} * {a})",
    "1 / (2 + np.cos({a}))",
    "np.arctan({a}) + n // 2",
)
BINARY = (
    "{a} + {b}",
    "{a} - {c} * {b}",
    "{a} * {b}",
    "{b} * {c} - {a}",
    "{a} / (2.0 + np.cos({b}))",
    "np.tanh({a}) * {b}",
    "np.where({a} > {c}, {a}, {c} * {b})",
    "np.minimum({a}, {b} + {c})",
    "np.multiply({a}, np.sin({b}))",
)
#: What gives a view of an array with one or two axes (reshape: sometimes a copy).
VIEWS: dict[int, list[str]] = {
    1: "[1:] [:-1] [::-1] [::2] [:] [None] [:,None] .T .reshape(1,-1) "
    ".reshape(-1)".split(),
    2: ".T [0] [-1] [:,0] [1:] [:,::-1] [:,1:] [::-1] .reshape(-1) .ravel() [...,0] "
    ".swapaxes(0,1) .T.reshape(-1)".split(),
}
#: What an assignment may name.
PLACES: dict[int, list[str]] = {
    1: "[0] [-1] [:] [...] [1:] [::2] [::-1] [:-1]".split(),
    2: "[0] [0,0] [:] [:,0] [-1] [...,-1] [:,::-1] [1:]".split(),
}
REDUCTIONS: dict[int, list[str]] = {
    1: "np.sum({a}); {a}.mean(); np.max({a}); np.min({a}); np.prod({a}); np.sort({a}); "
    "np.cumsum({a}); np.dot({a}, {a}); np.sum({a}, keepdims=True); {a} @ {a}; "
    "np.concatenate([{a}, {a} * 2]); np.stack([{a}, {a}])".split("; "),
    2: "np.sum({a}); {a}.sum(axis=0); np.mean({a}, axis=-1); np.max({a}, axis=1); "
    "np.sum({a}, axis=1, keepdims=True); {a} @ {a}.T; np.prod({a}, axis=0); "
    "np.min({a}); {a}.T @ {a}; np.cumsum({a}, axis=1); np.sort({a}, axis=0)".split(
        "; "
    ),
}
FANCY: dict[int, list[str]] = {
    1: "[[-1, 0, -1]]; [np.array([0, -1])]; [np.argsort({a})]; [[0, 0]]".split("; "),
    2: "[:, [-1, 0]]; [[0, -1], [-1, 0]]; [[-1, 0, 0]]; "
    "[np.array([[0], [-1]]), [0]]".split("; "),
}


@dataclass(frozen=True)
class Variable:
    """A name in the program, and the shape of what it holds."""

    name: str
    shape: Shape
    is_writable: bool = True


@dataclass
class Program:
    """A program's source, what it features, and its function."""

    source: str
    features: set[str] = field(default_factory=set)

    def function(self, numpy: Any = np) -> Callable[..., Any]:
        """Return the program as a function that knows `numpy` as ``np``."""
        scope: dict[str, Any] = {"np": numpy}
        exec(compile(self.source, "<program>", "exec"), scope)
        return scope["program"]  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"\n{self.source}"


INTEGERS = [st.integers(0, max(k - 1, 0)) for k in range(64)]


def dummy_shape(expression: str, **arrays: Shape) -> Shape:
    """Return the shape of an expression in arrays of given shapes."""
    scope = {name: np.ones(shape) for name, shape in arrays.items()}
    return tuple(np.shape(eval(expression, {"np": np, "n": 2}, scope)))


class Writer:
    """Writes one program, statement by statement."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw
        self.lines: list[str] = []
        self.variables = [Variable(k, shape) for k, shape in INPUT_SHAPES.items()]
        self.features: set[str] = set()
        self.count = 0

    # Choices

    def below(self, count: int) -> int:
        """Return a number under `count`."""
        return int(self.draw(INTEGERS[count])) if count > 1 else 0

    def pick(self, options: Any) -> Any:
        """Return one of some options."""
        return options[self.below(len(options))]

    def arrays(self, writable: bool = False) -> list[Variable]:
        """Return the variables with one or two axes; newest first."""
        found = [v for v in self.variables if 1 <= len(v.shape) <= 2]
        return [v for v in found[::-1] if v.is_writable or not writable][:40]

    def fresh(self) -> str:
        """Return a new name."""
        self.count += 1
        return f"v{self.count}"

    # Expressions

    def fits(self, shape: Shape) -> list[Variable]:
        """Return the variables that broadcast to a shape without growing it."""
        return [v for v in self.variables[::-1] if broadcasts(v.shape, shape)][:40]

    def expression(self, shape: Shape) -> str:
        """Return an expression that broadcasts to a shape."""
        choices = self.fits(shape)
        a, b, c = self.pick(choices), self.pick(choices), self.pick(CONSTANTS)
        template = self.pick(UNARY + BINARY)
        return str(template.format(a=a.name, b=b.name, c=c))

    def scalar(self) -> str:
        """Return an expression of one number to branch on."""
        v = self.pick(self.variables)
        forms = {
            0: ("{v}",),
            1: ("np.sum({v})", "{v}[0]", "np.max({v})", "{v}[-1] * 2"),
            2: ("np.sum({v})", "{v}[0, 0]", "np.min({v})", "{v}[-1, -1]"),
        }
        return str(self.pick(forms.get(len(v.shape), forms[1][:1])).format(v=v.name))

    def condition(self) -> str:
        """Return a condition on values."""
        form = self.below(5)
        if form == 0:
            v = self.pick(self.arrays())
            return f"np.any({v.name} > {self.pick(CONSTANTS)})"
        if form == 1:
            return f"not {self.scalar()} > {self.scalar()} - {self.pick(CONSTANTS)}"
        sign = self.pick(("<", ">"))
        return f"{self.scalar()} {sign} {self.pick(CONSTANTS)}"

    # Statements

    def say(self, line: str, *features: str) -> None:
        """Write one line."""
        self.lines.append(f"    {line}")
        self.features.update(features)

    def define(self, expression: str, shape: Shape, writable: bool = True) -> None:
        """Write the assignment of an expression to a new name."""
        name = self.fresh()
        self.say(f"{name} = {expression}")
        if len(shape) <= 2 and 0 not in shape:
            self.variables.append(Variable(name, shape, writable))

    def compute(self) -> None:
        """Write a new variable."""
        v = self.pick(self.variables)
        choices = self.fits(v.shape)
        b, c = self.pick(choices), self.pick(CONSTANTS)
        template = self.pick(UNARY + BINARY)
        self.define(template.format(a=v.name, b=b.name, c=c), v.shape)

    def reduce(self) -> None:
        """Write a reduction, a product, a sort or a join."""
        v = self.pick(self.arrays())
        template = self.pick(REDUCTIONS[len(v.shape)])
        shape = dummy_shape(template.format(a="a"), a=v.shape)
        if int(np.prod(shape)) <= 9:
            self.define(template.format(a=v.name), shape)

    def view(self) -> None:
        """Write a view, a copy, a broadcast view or new storage."""
        v = self.pick(self.arrays())
        form = self.below(8)
        if form == 0:
            self.define(f"{v.name}.copy()", v.shape)
        elif form == 1:
            self.define(f"np.zeros({v.shape})", v.shape)
        elif form == 2:
            filled = self.expression(v.shape)
            self.define(f"np.empty_like({v.name})", v.shape)
            self.say(f"{self.variables[-1].name}[...] = {filled}")
        elif form == 3 and len(v.shape) == 1:
            shape = (2, *v.shape)
            self.define(f"np.broadcast_to({v.name}, {shape})", shape, False)
        elif form == 4:
            a, b = self.scalar(), self.scalar()
            self.define(f"np.array([{a}, {b}, 0.5])", (3,))
        else:
            self.alias(v)

    def alias(self, v: Variable) -> Variable | None:
        """Write a view of a variable under a new name."""
        suffix = self.pick(VIEWS[len(v.shape)])
        shape = dummy_shape(f"a{suffix}", a=v.shape)
        if 0 in shape or len(shape) > 2:
            return None
        self.define(f"{v.name}{suffix}", shape, v.is_writable)
        self.features.add("view")
        return self.variables[-1]

    def store(self, indent: str = "") -> None:
        """Write an assignment to elements, plain or augmented."""
        v = self.pick(self.arrays(writable=True))
        place = self.pick(PLACES[len(v.shape)])
        shape = dummy_shape(f"a{place}", a=v.shape)
        if 0 in shape:
            return
        sign = self.pick(("=", "=", "+=", "*=", "-="))
        self.say(f"{indent}{v.name}{place} {sign} {self.expression(shape)}", "store")
        if sign != "=":
            self.features.add("augmented store")

    def view_store(self) -> None:
        """Write a store through a view, named or in passing."""
        v = self.pick(self.arrays(writable=True))
        self.features.add("store through a view")
        if self.below(3):
            w = self.alias(v)
            if w is not None and self.below(2):
                place = self.pick(PLACES[len(w.shape)])
                shape = dummy_shape(f"a{place}", a=w.shape)
                if 0 not in shape:
                    self.say(f"{w.name}{place} = {self.expression(shape)}")
                    return
            if w is not None:
                sign = self.pick(("+=", "*=", "-="))
                self.say(f"{w.name} {sign} {self.expression(w.shape)}")
                return
        suffix = self.pick((".T", "[::-1]", "[:]", ".reshape(-1)"))
        between = dummy_shape(f"a{suffix}", a=v.shape)
        place = self.pick(PLACES[len(between)])
        shape = dummy_shape(f"a{suffix}{place}", a=v.shape)
        value = self.pick(CONSTANTS) if 0 in shape else self.expression(shape)
        sign = self.pick(("=", "+="))
        self.say(f"{v.name}{suffix}{place} {sign} {value}")

    def overlap(self) -> None:
        """Write a store whose value reads the same storage."""
        v = self.pick(self.arrays(writable=True))
        form = self.pick(("[1:] = {v}[:-1]", "[:-1] += {v}[1:]", "[...] = {v}[::-1]"))
        self.say(f"{v.name}{form.format(v=v.name)}", "overlapping store")

    def mask(self) -> None:
        """Write a store under a mask, or a read under one."""
        v = self.pick(self.arrays(writable=True))
        c, place = self.pick(CONSTANTS), f"{v.name} > {self.pick(CONSTANTS)}"
        form = self.below(4)
        self.features.add("mask")
        if form == 0:
            self.define(f"np.sum({v.name}[{place}])", ())
        elif form == 1:
            self.say(f"{v.name}[{place}] = {self.expression(())}")
        elif form == 2:
            self.say(f"{v.name}[{place}] *= {c}")
        else:
            self.say(f"{v.name}[{place}] = {v.name}[{place}] * {c}")

    def fancy(self) -> None:
        """Write a read or a store with index arrays."""
        v = self.pick(self.arrays(writable=True))
        place = self.pick(FANCY[len(v.shape)])
        shape = dummy_shape(f"a{place.format(a='a')}", a=v.shape)
        place = place.format(a=v.name)
        self.features.add("fancy index")
        form = self.below(4)
        if form == 0 and len(v.shape) == 1:
            name = self.fresh()
            self.say(f"{name} = np.argmax({v.name})")
            self.say(f"{v.name}[{name}] = {self.expression(())}")
        elif form <= 1:
            self.define(f"{v.name}{place}", shape)
        else:
            sign = self.pick(("=", "+="))
            self.say(f"{v.name}{place} {sign} {self.expression(shape)}")

    def out(self) -> None:
        """Write a ufunc with ``out=``."""
        v = self.pick(self.arrays(writable=True))
        a = self.pick([w for w in self.fits(v.shape) if w.shape == v.shape])
        b = self.pick(self.fits(v.shape))
        forms = ("np.sin({a}, out={v})", "np.multiply({a}, {b}, out={v})")
        form = self.pick((*forms, "np.add({a}, {b}, out={v}[...])"))
        self.say(form.format(a=a.name, b=b.name, v=v.name), "out=")

    def body(self, indent: str) -> None:
        """Write what a branch or a loop does: a store, or a name bound again."""
        if self.below(2):
            before = len(self.lines)
            self.store(indent)
            if len(self.lines) > before:
                return
        v = self.pick(self.variables)
        self.say(f"{indent}{v.name} = {v.name} * {self.expression(v.shape)}")

    def branch(self) -> None:
        """Write an if on values."""
        self.say(f"if {self.condition()}:", "branch")
        self.body("    ")
        if self.below(2):
            self.say("else:")
            self.body("    ")

    def repeat(self) -> None:
        """Write a while loop on values."""
        name = self.fresh()
        self.say(f"{name} = 0")
        self.say(f"while {name} < 3 and {self.condition()}:", "branch", "while")
        self.body("    ")
        self.say(f"    {name} += 1")

    def loop(self) -> None:
        """Write a for loop over a range or over an array."""
        vectors = [v for v in self.arrays(writable=True) if v.shape == (3,)]
        v, e = self.pick(vectors), self.expression(())
        self.features.add("for")
        if self.below(2):
            self.say("for i in range(n):")
            self.say(f"    {v.name}[i] = {v.name}[i - 1] * 0.5 + {e}")
        else:
            name = self.fresh()
            self.say(f"{name} = 0")
            self.say(f"for e in {v.name}:")
            self.say(f"    {name} = {name} * 0.5 + e * {e}")
            self.variables.append(Variable(name, ()))

    def nested(self) -> None:
        """Write a function inside the function, and call it."""
        v = self.pick(self.arrays())
        b, name = self.pick(self.fits(v.shape)), f"f{self.count}"
        self.say(f"def {name}(a, b={self.pick(CONSTANTS)}):", "nested function")
        self.say("    c = a * b")
        if self.below(2):
            self.say(f"    c[0] = {self.expression(v.shape[1:])}")
        self.say(f"    return c + {self.expression(v.shape)}")
        self.define(f"{name}({v.name}, {b.name})", v.shape)

    # The whole

    def write(self) -> Program:
        """Write a program of ten statements or more."""
        statements = (
            [self.compute] * 4
            + [self.reduce] * 2
            + [self.view] * 2
            + [self.store] * 2
            + [self.view_store] * 2
            + [self.branch] * 2
            + [self.overlap, self.mask, self.fancy, self.out]
            + [self.repeat, self.loop, self.nested]
        )
        for _ in range(10 + self.below(5)):
            self.pick(statements)()
        while len(self.lines) < 10:
            self.compute()
        observed = self.variables[-8:] + self.variables[:2]
        terms = [
            f"np.sum({v.name}) * {0.3 + 0.1 * k:.1f}" for k, v in enumerate(observed)
        ]
        self.say(f"return {' + '.join(terms)}")
        source = "\n".join(["def program(x, m, s, n):", *self.lines, ""])
        return Program(source, self.features)


def broadcasts(shape: Shape, to: Shape) -> bool:
    """Whether an array broadcasts to a shape."""
    if len(shape) > len(to):
        return False
    return all(n in (1, k) for n, k in zip(shape[::-1], to[::-1], strict=False))


@st.composite
def programs(draw: Draw) -> Program:
    """Return a strategy that writes programs."""
    return Writer(draw).write()
