"""The syntax of native expressions: text to a tree of Python's own node classes.

`ast.parse` would do, but CPython before 3.13 counts how deep trees nest for all threads
at once: a thread that compiles beside the user's must not call it.
"""

from __future__ import annotations

import ast
import re

_NUMBER, _OPERATOR = r"\d+\.?\d*(?:e[+-]?\d+)?", r"\*\*|//|<<|>>|[<>=!]=|\S"
_TOKEN = re.compile(rf"\s*(?:({_NUMBER})|(\w+)|({_OPERATOR}))")
_COMPARE: dict[str, type[ast.cmpop]] = {
    "<": ast.Lt,
    "<=": ast.LtE,
    ">": ast.Gt,
    ">=": ast.GtE,
    "==": ast.Eq,
    "!=": ast.NotEq,
}
#: How strongly operators bind, those of a row alike, from the loosest.
_BINARY: list[dict[str, type[ast.operator]]] = [
    {"|": ast.BitOr},
    {"^": ast.BitXor},
    {"&": ast.BitAnd},
    {"<<": ast.LShift, ">>": ast.RShift},
    {"+": ast.Add, "-": ast.Sub},
    {"*": ast.Mult, "/": ast.Div, "//": ast.FloorDiv, "%": ast.Mod},
]
_UNARY: dict[str, type[ast.unaryop]] = {
    "-": ast.USub,
    "+": ast.UAdd,
    "~": ast.Invert,
}
_RESERVED = {"and", "or", "not", "if", "else", "in", "is", "lambda"}


def parse(text: str) -> ast.expr:
    """Return the tree of an expression, as Python parses it.

    Raises
    ------
    SyntaxError
    """
    reader = _Reader(text)
    tree = reader.either()
    if reader.token:
        raise SyntaxError(f"{reader.token!r} follows an expression: {text!r}")
    return tree


def is_condition(text: str) -> bool:
    """Whether an expression is a truth value, whatever its operands are.

    Examples
    --------
    >>> is_condition("x != 0 and isfinite(x)"), is_condition("select(x > 0, x, -x)")
    (True, False)
    """
    return _is_truth(parse(text))


def _is_truth(tree: ast.expr) -> bool:
    """Whether an expression's tree is a truth value."""
    match tree:
        case ast.Compare() | ast.BoolOp() | ast.UnaryOp(op=ast.Not()):
            return True
        case ast.Constant(value=bool()):
            return True
        case ast.Call(func=ast.Name(id="select"), args=[_, *ways]):
            return all(map(_is_truth, ways))
        case ast.Call(func=ast.Name(id=name)):
            return name.startswith(("is", "overflows_"))
        case ast.BinOp(left, ast.BitAnd() | ast.BitOr() | ast.BitXor(), right):
            return _is_truth(left) and _is_truth(right)
    return False


class _Reader:
    """A text, read from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = [match.groups() for match in _TOKEN.finditer(text.strip())]
        self.place = 0

    @property
    def token(self) -> str:
        """The next token; empty at the end."""
        if self.place == len(self.tokens):
            return ""
        return next(part for part in self.tokens[self.place] if part is not None)

    def take(self, expected: str = "") -> str:
        """Return the next token, which must be the expected one, and go on."""
        token = self.token
        if not token or (expected and token != expected):
            raise SyntaxError(f"{expected or 'an operand'} is missing: {self.text!r}")
        self.place += 1
        return token

    def either(self) -> ast.expr:
        """Return terms joined by ``or``."""
        terms = [self.every()]
        while self.token == "or":
            self.take()
            terms.append(self.every())
        return terms[0] if len(terms) == 1 else ast.BoolOp(ast.Or(), terms)

    def every(self) -> ast.expr:
        """Return terms joined by ``and``."""
        terms = [self.denied()]
        while self.token == "and":
            self.take()
            terms.append(self.denied())
        return terms[0] if len(terms) == 1 else ast.BoolOp(ast.And(), terms)

    def denied(self) -> ast.expr:
        """Return a comparison, or ``not`` one."""
        if self.token == "not":
            self.take()
            return ast.UnaryOp(ast.Not(), self.denied())
        left = self.binary(0)
        operators, others = list[ast.cmpop](), list[ast.expr]()
        while self.token in _COMPARE:
            operators.append(_COMPARE[self.take()]())
            others.append(self.binary(0))
        return ast.Compare(left, operators, others) if others else left

    def binary(self, level: int) -> ast.expr:
        """Return operands joined by operators that bind so strongly, or more."""
        if level == len(_BINARY):
            return self.unary()
        tree = self.binary(level + 1)
        while self.token in _BINARY[level]:
            operator = _BINARY[level][self.take()]()
            tree = ast.BinOp(tree, operator, self.binary(level + 1))
        return tree

    def unary(self) -> ast.expr:
        """Return a sign and its operand, or a power: it binds more strongly."""
        if self.token in _UNARY:
            return ast.UnaryOp(_UNARY[self.take()](), self.unary())
        base = self.operand()
        if self.token != "**":
            return base
        self.take()
        return ast.BinOp(base, ast.Pow(), self.unary())

    def operand(self) -> ast.expr:
        """Return a number, a name, a call, or what stands in brackets."""
        if self.place == len(self.tokens):
            raise SyntaxError(f"an operand is missing: {self.text!r}")
        number, name, _ = self.tokens[self.place]
        token = self.take()
        if number is not None:
            is_whole = number.isdigit()
            return ast.Constant(int(number) if is_whole else float(number))
        if name in ("True", "False"):
            return ast.Constant(name == "True")
        if name is not None and name not in _RESERVED:
            called = ast.Name(name, ast.Load())
            return self.call(called) if self.token == "(" else called
        if token != "(":
            raise SyntaxError(f"an operand is missing at {token!r}: {self.text!r}")
        inner = self.either()
        self.take(")")
        return inner

    def call(self, function: ast.expr) -> ast.Call:
        """Return a call of a function."""
        self.take("(")
        arguments = []
        while self.token != ")":
            arguments.append(self.either())
            if self.token != ")":
                self.take(",")
        self.take(")")
        return ast.Call(function, arguments, [])
