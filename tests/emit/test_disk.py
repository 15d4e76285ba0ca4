"""Code that is kept on disk is read again, or made anew where it is not ours."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from wengert.emit import disk, machine
from wengert.execute.engine import native_engine

pytestmark = [
    pytest.mark.skipif(not native_engine(), reason="the native engine is off"),
    pytest.mark.skipif(not hasattr(os, "getuid"), reason="nothing is kept here"),
]

TEXT = """
define double @kernel(double %x) {
  %y = fmul double %x, 3.0
  ret double %y
}
"""
PROGRAM = """
import numpy as np, wengert as wg
f = wg.jit(lambda x: np.sum(np.exp(-x * x) * np.tanh(x)), wait=True)
x = np.linspace(0.0, 2.0, 5000)
f(x); f(x)
print("load" in f.report().__str__(), float(f(x)).hex())
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for code, in which all is worth keeping."""
    monkeypatch.setenv(disk.VARIABLE, str(tmp_path / "kept"))
    monkeypatch.setattr(disk, "WORTH", 0.0)
    return tmp_path / "kept"


def file_in(folder: Path) -> Path:
    """Where the code of `TEXT` is; there may be other code, of the background's."""
    return folder / disk.name_of(TEXT, *machine._generated_for(0))


def stage() -> str:
    """Make the code of `TEXT`; return whether it was generated or loaded."""
    module = machine.compile_parts((TEXT,), ("kernel",), 0)
    (found,) = module.seconds
    return found


def test_the_next_process_reads_what_the_first_one_has_written(tmp_path: Path) -> None:
    environment = {**os.environ, disk.VARIABLE: str(tmp_path / "kept")}
    command = [sys.executable, "-c", PROGRAM]
    answers = [
        subprocess.run(
            command, env=environment, check=True, capture_output=True, text=True
        ).stdout.split()
        for _ in range(2)
    ]
    assert [answer[0] for answer in answers] == ["False", "True"]
    assert answers[0][1] == answers[1][1]


def test_code_is_loaded_where_it_was_generated_before(folder: Path) -> None:
    assert stage() == "generate"
    assert stage() == "load"
    assert file_in(folder).exists()
    assert folder.stat().st_mode & 0o077 == 0


def test_another_level_or_text_is_other_code() -> None:
    names = {
        disk.name_of(text, str(level))
        for text in (TEXT, TEXT + " ")
        for level in (0, 2)
    }
    assert len(names) == 4
    assert disk.name_of("ab", "c") != disk.name_of("a", "bc")


@pytest.mark.parametrize("seed", range(12))
def test_a_damaged_file_is_made_anew(folder: Path, seed: int) -> None:
    stage()
    path = file_in(folder)
    whole, rng = path.read_bytes(), np.random.default_rng(seed)
    content = bytearray(whole)
    if seed % 3 == 0:
        content[rng.integers(len(content))] ^= 1 << rng.integers(8)
    elif seed % 3 == 1:
        del content[rng.integers(len(content)) :]
    else:
        content = bytearray(rng.bytes(100))
    path.write_bytes(content)
    assert stage() == "generate"
    assert path.read_bytes() == whole
    assert stage() == "load"


def test_a_file_that_is_no_code_is_made_anew(folder: Path) -> None:
    stage()
    path = file_in(folder)
    path.write_bytes(disk.digest(b"no code") + b"no code")
    assert stage() == "generate"
    assert stage() == "load"


@pytest.mark.parametrize("mode", [0o701, 0o720, 0o750, 0o777])
def test_a_folder_that_others_may_enter_is_not_used(folder: Path, mode: int) -> None:
    stage()
    folder.chmod(mode)
    assert stage() == "generate"
    folder.chmod(0o700)
    assert stage() == "load"


def test_a_link_to_a_folder_is_not_used(folder: Path) -> None:
    elsewhere = folder.parent / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    folder.symlink_to(elsewhere)
    assert stage() == stage() == "generate"
    assert not list(elsewhere.iterdir())


def test_off_keeps_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(disk.VARIABLE, "off")
    assert stage() == stage() == "generate"
    assert not folder.exists()


def test_without_a_name_it_is_the_users_folder_of_caches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(disk.VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert disk.folder_named() == tmp_path / "wengert"
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert disk.folder_named() == tmp_path / ".cache" / "wengert"


def test_what_was_not_used_for_longest_goes_first(folder: Path) -> None:
    folder.mkdir()
    for k in range(10):
        (folder / f"{k}").write_bytes(bytes(100))
        os.utime(folder / f"{k}", (k, k))
    disk.shrink(folder, 450)
    assert sorted(path.name for path in folder.iterdir()) == ["6", "7", "8", "9"]


def test_many_write_at_once(folder: Path) -> None:
    codes = [bytes([k]) * (1 + 5000 * k) for k in range(8)]

    def work(k: int) -> set[bytes | None]:
        found = set()
        for turn in range(50):
            disk.write("same", codes[(k + turn) % 8])
            found.add(disk.read("same"))
        return found

    with ThreadPoolExecutor(8) as pool:
        found = set().union(*pool.map(work, range(8)))
    assert found <= set(codes)
    assert [path.name for path in folder.iterdir() if path.suffix != ".o"] == ["same"]
