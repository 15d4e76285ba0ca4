"""Random programs of Python's numbers: integers, floats, `math`, exceptions, texts.

What is expected is what Python itself does with the same source.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

FLOATS = (
    *(0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.0, 1e-320, 1e308, -1e308, 1e200, 709.0),
    *(1000.0, math.inf, -math.inf, math.nan, 0.1, 2.675, 1e16, 0.75, -0.25, 9.0),
)
INTEGERS = (
    *(0, 1, -1, 2, 3, -2, 7, 10, 64, 12345, 2**31, -(2**31), 2**53 + 1, 2**62),
    *(2**63 - 1, -(2**63), 2**63, 3 * 2**61, 2**40),
)
OF_ONE = "sqrt exp expm1 log log2 log10 log1p sin cos tan sinh cosh tanh".split()
OF_ONE += "asin acos atan asinh acosh atanh degrees radians fabs".split()
OF_TWO = "pow atan2 hypot".split()
ERRORS = "ZeroDivisionError ValueError OverflowError ArithmeticError Exception".split()
OPERATORS = "+ - * / // %".split()
COMPARISONS = "< <= > >= == !=".split()


class Writer:
    """Writes one program.

    Parameters
    ----------
    seed : int
    has_integers : bool
        Whether its arguments are floats and integers, or floats alone.
    """

    def __init__(self, seed: int, has_integers: bool = True) -> None:
        self.random = random.Random(seed)
        self.has_integers = has_integers
        self.floats, self.integers = ["a", "b"], ["n", "m"] if has_integers else []
        self.lines: list[str] = []
        self.count = 0

    def source(self) -> str:
        """Return the program: a function `f` of its arguments."""
        for _ in range(self.random.randint(2, 5)):
            self.statement()
        names = ", ".join((self.floats + self.integers)[-3:])
        arguments = "a, b, n, m" if self.has_integers else "a, b"
        body = "\n".join(f"    {line}" for line in self.lines)
        return f"def f({arguments}):\n{body}\n    return {names}\n"

    def statement(self) -> None:
        """Write one statement: plain, caught, or behind a branch."""
        self.count += 1
        name, kind = f"v{self.count}", self.random.random()
        is_integer = self.has_integers and self.random.random() < 0.5
        value, other = (
            (self.integer, self.small) if is_integer else (self.real, self.real)
        )
        if kind < 0.4:
            self.lines.append(f"{name} = {value(2)}")
        elif kind < 0.7:
            error = self.random.choice(ERRORS)
            self.lines += ["try:", f"    {name} = {value(2)}", f"except {error}:"]
            self.lines.append(f"    {name} = {other(0)}")
        else:
            self.lines.append(f"if {self.condition()}:")
            self.lines += [
                f"    {name} = {value(1)}",
                "else:",
                f"    {name} = {other(0)}",
            ]
        (self.integers if is_integer else self.floats).append(name)

    def choose(self, *ways: Callable[[], str]) -> str:
        """Return what one of several writes."""
        return self.random.choice(ways)()

    def real(self, depth: int) -> str:
        """Return an expression that is a float, mostly."""
        pick = self.random.choice
        if not depth:
            return self.choose(
                lambda: pick(self.floats),
                lambda: pick(self.floats),
                lambda: repr(round(self.random.uniform(-3, 3), 2)),
            )
        left, right = self.real(depth - 1), self.real(depth - 1)
        number = self.small(0) if self.has_integers else "2"
        # A remainder of what is an ulp away, as in a vector's lanes, may be any.
        operators = OPERATORS if self.has_integers else OPERATORS[:4]
        functions = [*OF_TWO, "fmod", "copysign"] if self.has_integers else OF_TWO
        return self.choose(
            lambda: f"({left} {pick(operators)} {right})",
            lambda: f"({left} {pick(operators)} {number})",
            lambda: f"math.{pick(OF_ONE)}({left})",
            lambda: f"math.{pick(functions)}({left}, {right})",
            lambda: f"({left}) ** {pick(['2', '3', '-1', '0.5', '-2', right])}",
            lambda: f"{pick(['-', '+', 'abs'])}({left})",
            lambda: f"math.log({left}, {right})",
            lambda: f"float(len(str({left} > {right})))",
        )

    def integer(self, depth: int) -> str:
        """Return an expression that is an integer, mostly."""
        pick = self.random.choice
        if not depth:
            return self.choose(lambda: pick(self.integers), lambda: self.small(0))
        left, right = self.integer(depth - 1), self.integer(depth - 1)
        return self.choose(
            lambda: f"({left} {pick(OPERATORS)} {right})",
            lambda: f"({left} {pick(['&', '|', '^'])} {right})",
            lambda: f"({left}) ** {pick(['2', '3', '-1', '(n % 5)', '(m % 4 - 1)'])}",
            lambda: f"({left} << {pick(['3', '(n % 70)', '(m % 9 - 2)'])})",
            lambda: f"({left} >> {pick(['3', '(n % 70)', '(m % 9 - 2)'])})",
            lambda: f"{pick(['-', '+', 'abs', '~'])}({left})",
            lambda: f"({left} {pick(COMPARISONS)} {right}) + {right}",
            lambda: f"-({left} < {right})",
            lambda: f"len(str({left}))",
        )

    def small(self, _: int) -> str:
        """Return a small integer."""
        return str(self.random.randint(-3, 9))

    def condition(self) -> str:
        """Return a comparison."""
        value = (
            self.integer
            if self.has_integers and self.random.random() < 0.5
            else self.real
        )
        return f"{value(1)} {self.random.choice(COMPARISONS)} {self.real(0)}"


def inputs(seed: int, has_integers: bool, count: int) -> list[tuple[Any, ...]]:
    """Return some arguments of a program, edges among them."""
    chosen = random.Random(seed + 1)
    pools = [FLOATS, FLOATS] + [INTEGERS, INTEGERS] * has_integers
    ordinary = [(1.5, 0.25), (2.0, 0.5), (0.5, 3.0)]
    rows: list[tuple[Any, ...]] = []
    for k in range(count):
        row = [chosen.choice(pool) for pool in pools]
        if k < 2:
            row[:2] = chosen.choice(ordinary)
            row[2:] = [chosen.randint(1, 9) for _ in row[2:]]
        rows.append(tuple(row))
    return rows


def outcome(function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """Return what a call gives, or the exception that it raises."""
    try:
        return function(*args)
    except Exception as error:
        return error


def difference(expected: Any, found: Any) -> str:
    """Return how an outcome differs from the one expected; an empty text if not."""
    if isinstance(expected, Exception) or isinstance(found, Exception):
        same = type(expected) is type(found)
        return "" if same else f"{expected!r} expected, {found!r} found"
    if isinstance(expected, tuple):
        parts = [difference(*pair) for pair in zip(expected, found, strict=True)]
        return "; ".join(part for part in parts if part)
    if type(expected) is not type(found):
        return f"{expected!r} expected, {found!r} of {type(found)} found"
    if expected == found or (expected != expected and found != found):
        return ""
    is_close = isinstance(expected, float) and math.isclose(
        expected, found, rel_tol=1e-13
    )
    return "" if is_close else f"{expected!r} expected, {found!r} found"


def compiled(source: str) -> Callable[..., Any]:
    """Return the function of a program."""
    names: dict[str, Any] = {"math": math}
    exec(source, names)
    function: Callable[..., Any] = names["f"]
    return function
