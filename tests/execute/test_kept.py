"""Loops of a tape that were compiled before are read from disk, or made anew."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.core.tape import Tape
from wengert.emit import disk, machine
from wengert.emit.cache import KERNELS
from wengert.emit.compile import Compiled
from wengert.execute import loops
from wengert.execute.costs import least_for_blas
from wengert.execute.engine import native_engine
from wengert.lower.schedule import MOST_UNROLLED

pytestmark = [
    pytest.mark.skipif(not native_engine(), reason="the native engine is off"),
    pytest.mark.skipif(not hasattr(os, "getuid"), reason="nothing is kept here"),
]
X = np.linspace(0.1, 2.0, 50)
TABLE = np.random.default_rng(0).normal(size=(50, 3))


def program(x: Any) -> Any:
    """A function with a constant array, a guard, and functions of the C library."""
    return np.sum(np.sin(x) * (x @ TABLE)[1] if x[0] < 3.0 else x)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for code, in which all is worth keeping."""
    monkeypatch.setenv(disk.VARIABLE, str(tmp_path / "kept"))
    monkeypatch.setattr(disk, "WORTH", 0.0)
    return tmp_path / "kept"


def taped() -> Tape:
    """Return a tape that has been recorded anew."""
    return wg.record(wg.value_and_grad(program), X)


def results(kernel: Compiled, tape: Tape) -> list[np.ndarray]:
    """Return what native code gives where a tape was recorded."""
    likes = [tape.types[k] for k in tape.output_indices]
    found = [np.empty(like.shape, like.dtype) for like in likes]
    assert kernel.call([X], found) == 0
    return found


def stages(make: Callable[[], Compiled]) -> tuple[set[str], Compiled]:
    """Return which stages making a kernel went through, and the kernel."""
    KERNELS.kept.clear()  # as another process has none
    kernel = make()
    return set(kernel.seconds), kernel


def test_equal_tapes_are_compiled_in_one_process_alone(folder: Path) -> None:
    first, made = stages(lambda: loops.compile_loops(taped(), False))
    second, read = stages(lambda: loops.compile_loops(taped(), False))
    assert first == {"graph", "nest", "write", "generate"}
    assert second == {"read", "load"}
    tape = taped()
    for one, other in zip(results(made, tape), results(read, tape), strict=True):
        assert one.tobytes() == other.tobytes()
    for name in ("nest", "workspace", "lanes", "loops", "nodes", "has_guards"):
        assert getattr(made, name) == getattr(read, name)
    assert read.nest
    assert read.has_guards


def test_functions_of_c_are_found_by_a_process_that_did_not_ask_for_them(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stages(lambda: loops.compile_loops(taped(), False))
    monkeypatch.setattr(machine, "_SYMBOLS", {})
    found, kernel = stages(lambda: loops.compile_loops(taped(), False))
    assert found == {"read", "load"}
    value, gradient = results(kernel, taped())
    expected = wg.value_and_grad(program)(X)
    np.testing.assert_allclose(value, expected[0])
    np.testing.assert_allclose(gradient, expected[1])


def test_what_is_asked_otherwise_is_another_file(folder: Path) -> None:
    tape = taped()
    ways = [(True,), (False,), (False, (), 2), (False, (), 4), (False, (), 4, (0,))]
    names = {loops.name_of(tape, *way) for way in ways}
    names.add(loops.name_of(wg.record(program, X), True))
    assert len(names) == 6


@pytest.mark.parametrize("seed", range(9))
def test_a_damaged_text_is_made_anew(folder: Path, seed: int) -> None:
    stages(lambda: loops.compile_loops(taped(), False))
    lanes = machine.vector_width()
    how = (), (), lanes, None, MOST_UNROLLED, least_for_blas(lanes)
    name = loops.name_of(taped(), False, *how)
    whole, rng = disk.read(name), np.random.default_rng(seed)
    assert whole is not None
    if seed % 3 == 0:
        content = bytearray((folder / name).read_bytes())
        content[rng.integers(len(content))] ^= 1 << rng.integers(8)
        (folder / name).write_bytes(content)
    else:  # with a hash that is right
        end = rng.integers(len(whole))
        disk.write(name, whole[:end] if seed % 3 == 1 else rng.bytes(end))
    found, kernel = stages(lambda: loops.compile_loops(taped(), False))
    assert "read" not in found
    assert disk.read(name) is not None
    expected = wg.value_and_grad(program)(X)
    np.testing.assert_allclose(results(kernel, taped())[1], expected[1])


def test_what_a_text_does_not_say_is_not_kept(folder: Path) -> None:
    double = wg.rule(lambda x: 2.0 * x, vjp=lambda g, y, x: 2.0 * g)
    assert not loops.name_of(wg.record(lambda x: double(x) + 1.0, X))
    assert loops.name_of(wg.record(lambda x: x + 1.0, X))


def test_large_constants_are_not_kept(folder: Path) -> None:
    table = np.random.default_rng(0).normal(size=1_500_000)
    stages(lambda: loops.compile_loops(wg.record(lambda x: x + table, table), False))
    assert not [path for path in folder.iterdir() if path.stat().st_size > 1 << 23]


def test_settings_that_hold_arrays_are_told_apart() -> None:
    def moved(place: np.ndarray) -> Tape:
        return wg.record(lambda x: x[place, place], np.ones((3, 3)))

    long = np.zeros(2000, dtype=np.int64)
    other = long.copy()
    other[1000] = 1
    assert moved(long).fingerprint() != moved(other).fingerprint()
    assert moved(long).fingerprint() == moved(long.copy()).fingerprint()
