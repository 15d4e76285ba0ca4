"""The environment says what native code is made for: other processors and systems."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wengert as wg
from tests.lower.programs import random_program
from tests.lower.test_nests import ILL_CONDITIONED, check_tape
from wengert.emit import machine, settings
from wengert.execute import loops
from wengert.execute.engine import native_engine
from wengert.execute.vmap import chosen_lanes

needs_llvm = pytest.mark.skipif(not native_engine(), reason="the native engine is off")
VARIABLES = settings.LANES_VARIABLE, settings.WITHOUT_VARIABLE


@pytest.fixture
def unread() -> Iterator[None]:
    """The environment as if nobody had read it yet."""
    settings.lanes.cache_clear()
    settings.missing.cache_clear()
    yield
    settings.lanes.cache_clear()
    settings.missing.cache_clear()


@pytest.mark.parametrize(
    ("variable", "text", "matched"),
    [
        ("WENGERT_LANES", "3", r"WENGERT_LANES=3 is in the environment"),
        ("WENGERT_LANES", "wide", r"WENGERT_LANES=wide is in .*\n.*1, 2, 4 or 8"),
        (
            "WENGERT_WITHOUT",
            "libmvec,blas",
            "'blas' is in .*\n.*libmvec, lapack, entry",
        ),
    ],
)
@needs_llvm
def test_what_is_not_known_is_an_error_of_the_call(
    variable: str, text: str, matched: str, unread: None, monkeypatch: Any
) -> None:
    """It is no reason to be without native code, which nobody would notice."""
    monkeypatch.setenv(variable, text)
    function = wg.jit(np.sin)

    function(0.0)  # is recorded
    with pytest.raises(wg.ArgumentError, match=matched):
        function(1.0)
    with pytest.raises(wg.ArgumentError, match=matched):
        wg.vmap(np.sin)(np.arange(9.0))
    assert wg.grad(np.sin)(0.0) == 1.0  # makes none


def test_words_have_commas_and_blanks_between_them(
    unread: None, monkeypatch: Any
) -> None:
    monkeypatch.setenv("WENGERT_WITHOUT", " entry, lapack,,")
    monkeypatch.setenv("WENGERT_LANES", " ")

    assert settings.missing() == {"entry", "lapack"}
    assert settings.lanes() is None


#: Prints what native code is made for and of, and a kernel's name on disk and results.
MADE = """
import numpy as np
import wengert as wg
from wengert.emit import machine
from wengert.emit.nests import written
from wengert.emit.objects import is_fast
from wengert.execute import loops
from wengert.execute.calls import caller
from wengert.execute.lanes import chosen_lanes

def function(x, a):
    return np.sum(np.exp(x[:, None] - x) * np.tanh(x)) + np.sum(np.linalg.inv(a))

def assembler(text):
    parsed = machine.llvm.parse_assembly(text, machine.llvm.create_context())
    return str(machine._target_machine(3).emit_assembly(parsed))

x, a = np.linspace(0.0, 1.0, 37), np.eye(20) * 3.0 + np.arange(400.0).reshape(20, 20)
tape = wg.record(wg.grad(function, (0, 1)), x, a)
nest, constants = loops.nest_of(tape, True)
functions = list(map(caller, nest.calls))
made = written(nest, constants, loops.vector_width(), {}, None, functions)
text = "".join(made.texts)
slopes = wg.jit(wg.grad(function, (0, 1)), wait=True)
for _ in range(3):
    found = slopes(x, a)
for one, other in zip(found, wg.grad(function, (0, 1))(x, a)):
    np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)
rows = wg.vmap(np.sin)(x)
np.testing.assert_allclose(rows, np.sin(x), rtol=1e-15)
print({
    "width": loops.vector_width(), "lanes": chosen_lanes(), "is_fast": is_fast(),
    "bits": machine.vector_bits(), "calls": len(nest.calls), "text": text,
    "code": "".join(map(assembler, made.texts)),
    "host": machine.host(), "name": loops.name_of(tape), "path": repr(slopes),
})
"""


def made(folder: Path, **environment: str) -> dict[str, Any]:
    """What `MADE` prints in an environment."""
    base = {k: v for k, v in os.environ.items() if k not in VARIABLES}
    done = subprocess.run(
        [sys.executable, "-c", MADE],
        env=base | {"WENGERT_CACHE": str(folder)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, done.stderr
    found: dict[str, Any] = ast.literal_eval(done.stdout)
    return found


@needs_llvm
def test_other_processors_and_systems_have_code_of_their_own(tmp_path: Path) -> None:
    """All of them in one folder on disk; of vectors, what the machine has at most."""
    folder = tmp_path / "code"
    plain = made(folder)
    found = {width: made(folder, WENGERT_LANES=str(width)) for width in settings.LANES}
    for width, one in found.items():
        assert one["width"] == one["lanes"] == width
        assert one["bits"] == min(64 * width, plain["bits"])
        assert "1 native" in one["path"]
        vectors = set(re.findall(r"<(\d+) x (?:double|i1)>", one["text"]))
        assert vectors == ({str(width)} if width > 1 else set())
        if re.search("%xmm", one["code"]):
            wide = {b for b, r in ((256, "ymm"), (512, "zmm")) if r in one["code"]}
            assert max(wide, default=one["bits"]) <= one["bits"]
    names = {one["name"] for one in (plain, *found.values())}
    assert len(names) == len(settings.LANES) + (plain["width"] not in found)

    bare = made(folder, WENGERT_WITHOUT="libmvec,lapack,entry")
    assert not bare["is_fast"]
    assert not re.search(r"_ZGV|lapack", bare["text"])
    assert bare["calls"] > plain["calls"] or "lapack" not in plain["text"]
    assert "1 native" in bare["path"]
    assert bare["name"] not in names
    assert bare["host"] != plain["host"]


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for guard pages")
@pytest.mark.parametrize("first", range(0, 40, 10))
@needs_llvm
def test_random_programs_without_vectors(first: int) -> None:
    """Of one element, as a processor without vectors has them."""
    for seed in range(first, first + 10):
        program = random_program(seed)
        every = tuple(range(len(program.arguments)))
        gradient = wg.value_and_grad(program.total, every)
        tape = wg.record(gradient, *program.arguments)
        check_tape(
            tape, (1, (1, 2, 16)[seed % 3]), seed % 2 == 0, ILL_CONDITIONED, True
        )


@needs_llvm
def test_lanes_are_as_many_as_a_vector_has_elements() -> None:
    assert chosen_lanes() == loops.vector_width() == machine.vector_width()
    assert machine.vector_bits() <= 64 * machine.vector_width()


def test_every_variable_is_a_row_of_the_reference() -> None:
    """And every row is a variable."""
    package = Path(wg.__file__).parent
    texts = [path.read_text() for path in package.rglob("*.py")]
    page = package.parent / "docs/reference/environment.md"
    named = {name for text in texts for name in re.findall(r'"(WENGERT_\w+)"', text)}
    assert set(re.findall(r"^\| `(\w+)`", page.read_text(), re.MULTILINE)) == named
