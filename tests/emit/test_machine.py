"""The processor, its libraries, and what happens where they are missing."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from functools import partial

import numpy as np
import pytest

import wengert as wg
from tests.emit.kernels import compiled, run
from tests.threads import at_once
from wengert.emit import machine, nests, vocabulary
from wengert.execute.loops import compile_loops
from wengert.lower.build import build
from wengert.lower.lower import lower

needs_llvm = pytest.mark.skipif(not machine.available(), reason="needs llvmlite")


def forget():
    """Forget what was found out about the machine."""
    machine.vector_symbol.cache_clear()
    vocabulary.template.cache_clear()


@pytest.fixture
def fresh():
    """A machine whose features may be changed in the test."""
    forget()
    yield
    forget()


def hypotenuse(x, y):
    """sqrt(exp(x)**2 + hypot(x, y)**2)."""
    return np.sqrt(np.exp(x) ** 2 + np.hypot(x, y) ** 2)


def test_without_llvmlite_there_is_a_clear_error(monkeypatch):
    """It says what still works and what to install."""
    monkeypatch.setattr(machine, "llvm", None)

    assert not machine.available()
    with pytest.raises(machine.EngineMissingError, match="pip install llvmlite"):
        compile_loops(wg.record(np.sin, 1.0), True)


@needs_llvm
@pytest.mark.parametrize("lanes", [2, 4, 8])
@pytest.mark.parametrize("bits", [128, 256, 512, None])
def test_narrow_processors_and_a_missing_vector_library(
    fresh, monkeypatch, bits, lanes
):
    """Wide lanes are computed in parts, or one by one where there is no libmvec."""
    if bits is None:
        scalar, _ = machine._library()
        monkeypatch.setattr(machine, "_library", lambda: (scalar, None))
    elif bits > machine.vector_bits():
        pytest.skip("this processor has no such registers")
    else:
        monkeypatch.setattr(machine, "vector_bits", lambda: bits)
    x, y = np.random.default_rng(0).standard_normal((2, 21))
    result = np.zeros(21)

    compiled = compile_loops(wg.record(hypotenuse, x, y), True, (), lanes)
    compiled.call([x, y], [result])

    np.testing.assert_allclose(result, hypotenuse(x, y), rtol=2e-15)


@needs_llvm
def test_threads_compile_at_once():
    """One lock around LLVM."""
    failures = []

    def work(k):
        status, got = run(compiled(lambda x: x * float(k), 2.0), [2.0], 1)
        failures.extend([k] if (status, got[0]) != (0, 2.0 * k) else [])

    at_once(*[partial(work, k) for k in range(8)])

    assert not failures


def compile_and_run(k):
    """Twice a number, natively."""
    return run(compiled(lambda x: x + x, 1.0), [float(k)], 1)[1][0]


@needs_llvm
@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_processes_compile_their_own(method):
    """After a fork, with LLVM started in the parent, and in a new interpreter."""
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip("not on this system")
    assert compile_and_run(3) == 6.0

    with multiprocessing.get_context(method).Pool(1) as pool:
        assert pool.map(compile_and_run, [4, 5]) == [8.0, 10.0]


@needs_llvm
def test_machine_code_is_freed():
    """Compiling again and again does not fill the memory."""
    import gc
    import weakref

    kernel = nests.made(text_of(lambda x: np.exp(x) * 3.25, 1.0))
    alive = weakref.ref(kernel.module)
    del kernel
    gc.collect()

    assert alive() is None


RESIDENT = """
import gc, sys
import numpy as np
import wengert as wg

def resident():
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4.0

def warm(number):
    f = wg.jit(wg.grad(lambda x: np.sum(np.sin(x) * x * number)))
    for _ in range(3):
        f(np.ones(3))
    return f

def turn_over(count):
    for number in range(count):
        warm(float(number))
        if number % 20 == 0:
            gc.collect()

turn_over(50)
before = resident()
kept = [warm(float(number)) for number in range(200)]
print((resident() - before) / 200)
kept.clear()
turn_over(300)
before = resident()
turn_over(300)
print((resident() - before) / 300)
"""


@needs_llvm
@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_small_function_costs_little_memory_and_gives_it_back():
    """About 100 KiB each (757 KiB with an engine each), and nothing when dropped."""
    done = subprocess.run(
        [sys.executable, "-c", RESIDENT], capture_output=True, text=True, check=True
    )
    alive, left = map(float, done.stdout.split())

    assert alive < 200.0
    assert left < 10.0


@needs_llvm
def test_engines_are_freed_with_the_last_of_their_libraries():
    """LLVM keeps a part of each library until its engine goes."""
    import gc
    import weakref

    made = [compile_and_keep(k) for k in range(machine.MOST_LIBRARIES + 1)]
    first = weakref.ref(machine._ENGINES[2].linker)
    made += [compile_and_keep(k) for k in range(machine.MOST_LIBRARIES + 1)]
    assert first() is not None
    assert first() is not machine._ENGINES[2].linker

    made.clear()
    gc.collect()

    assert first() is None


def compile_and_keep(k):
    return nests.made(text_of(lambda x: x + float(k), 1.0))


def text_of(function, x):
    """The text of a function's kernel."""
    nest, constants = build(lower(wg.record(function, x)), 4)
    return nests.written(nest, constants, 4, {})


@needs_llvm
def test_functions_of_one_signature_share_their_entry():
    """Adding a path compiles its kernel alone."""
    from wengert.emit import entry

    x = np.ones(3)
    before = wg.jit(lambda x: x * 2.5, wait=True)
    before(x)
    known = len(entry._ENTRIES)
    after = wg.jit(lambda x: np.sin(x) + 1.5, wait=True)

    np.testing.assert_allclose(after(x), np.sin(x) + 1.5, rtol=1e-15)
    assert len(entry._ENTRIES) == known
