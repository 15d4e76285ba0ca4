"""The processor, its libraries, and what happens where they are missing."""

from __future__ import annotations

import multiprocessing
import threading

import numpy as np
import pytest

from tests.emit.builder import Builder, run
from wengert.emit import machine, vocabulary
from wengert.emit.compile import compile_program
from wengert.emit.program import Argument, Result

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


def hypotenuse():
    """sqrt(exp(x)**2 + hypot(x, y)**2), a row a lane."""
    b = Builder()
    x, y = b.input(0), b.input(1)
    first, second = b.add("exp(x)", x), b.add("hypot(x, y)", x, y)
    squares = b.add("x * x + y * y", first, second)
    b.add("sqrt(x)", squares)
    return b.program([Argument("float64", 2)], [Result("float64", 1)])


def test_without_llvmlite_there_is_a_clear_error(monkeypatch):
    """It says what still works and what to install."""
    monkeypatch.setattr(machine, "llvm", None)

    assert not machine.available()
    with pytest.raises(machine.EngineMissingError, match="pip install llvmlite"):
        compile_program(hypotenuse())


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
    data, result = np.random.default_rng(0).standard_normal((21, 2)), np.zeros(21)

    compiled = compile_program(hypotenuse(), lanes)
    compiled.call([data.ctypes.data], [result.ctypes.data], 0, 21)

    want = np.sqrt(np.exp(data[:, 0]) ** 2 + (data**2).sum(axis=1))
    np.testing.assert_allclose(result, want, rtol=2e-15)


@needs_llvm
def test_threads_compile_at_once():
    """One lock around LLVM."""
    failures = []

    def work(k):
        b = Builder()
        b.add("x * y", b.input(0), b.constant(float(k)))
        status, got = run(compile_program(b.program()), [np.array([2.0])], 1)
        failures.extend([k] if (status, got[0]) != (0, 2.0 * k) else [])

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not failures


def compile_and_run(k):
    """Twice a number, natively."""
    b = Builder()
    b.add("x + y", b.input(0), b.input(0))
    return run(compile_program(b.program()), [np.array([float(k)])], 1)[1][0]


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

    compiled = compile_program(hypotenuse(), 4)
    alive = weakref.ref(compiled.module)
    del compiled
    gc.collect()

    assert alive() is None
