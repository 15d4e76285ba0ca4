"""The parser of native expressions gives the trees that Python's own gives."""

from __future__ import annotations

import ast
import random

import pytest

from wengert.core import expressions
from wengert.core.guards import QUESTIONS
from wengert.core.operation import REGISTRY
from wengert.emit import vocabulary

TEXTS = sorted(
    {operation.native for operation in REGISTRY.values() if operation.native}
    | set(vocabulary._DEFINED.values())
    | {text for question in QUESTIONS.values() for text in question.native.values()}
)
WORDS = "x y z 1 2.5 1e-3 pi ( ) ( ) + - * / // % ** < <= == != and or not & | ^ ~ <<"


def drawn(random: random.Random, depth: int) -> str:
    """Return an expression of the vocabulary."""
    if depth == 0:
        return random.choice(["x", "y", "1", "0.5", "2e-3", "inf", "True"])
    parts = [drawn(random, depth - 1) for _ in range(3)]
    form = random.choice(
        "{0} + {1};{0} - {1} * {2};-{0} ** {1};({0} / {1}) // {2};{0} ** -{1};not {0};"
        "{0} < {1};{0} and {1} or {2};~{0} & {1} | {2} ^ {0};{0} << {1} >> {2};f({0});"
        "select({0}, {1}, {2});+{0} % {1};{0} < {1} <= {2};({0});- - {0}".split(";")
    )
    return form.format(*parts)


def same(text: str) -> bool:
    """Whether both parsers give one tree."""
    expected = ast.parse(text, mode="eval").body
    return ast.dump(expressions.parse(text)) == ast.dump(expected)


@pytest.mark.parametrize("text", TEXTS)
def test_a_native_expression_has_pythons_tree(text: str) -> None:
    assert same(text)


def test_random_expressions_have_pythons_trees() -> None:
    source = random.Random(0)
    for _ in range(3000):
        text = drawn(source, source.randrange(1, 5))
        try:
            assert same(text), text
        except SyntaxError:  # as of x - not y
            with pytest.raises(SyntaxError):
                expressions.parse(text)


def test_what_is_no_expression_is_refused() -> None:
    source, refused = random.Random(1), 0
    for _ in range(3000):
        text = " ".join(source.choices(WORDS.split(), k=source.randrange(1, 6)))
        try:
            ast.parse(text, mode="eval")
        except SyntaxError:
            refused += 1
            with pytest.raises(SyntaxError):
                expressions.parse(text)
        else:
            # What Python calls and indexes besides names is not in the vocabulary.
            if ") (" not in text and "(" not in text:
                assert same(text), text
    assert refused > 1000
