"""Other processes, and the end of this one: no call hangs, crashes or is lost."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.execute.engine import native_engine

ROOT = Path(__file__).parents[2]
METHODS = [
    method
    for method in ("fork", "forkserver", "spawn")
    if method in multiprocessing.get_all_start_methods()
]
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")

#: Threads that record, compile and map without a break while the rest runs.
BUSY = """
    import os, signal, sys, threading, time
    import numpy as np
    import wengert as wg

    def busy(number):
        factor = float(number)
        while True:
            factor += 1.0
            f = wg.jit(wg.grad(lambda x: factor * np.sum(np.cos(x) * x)))
            f(np.ones(3)), f(np.ones(3))
            wg.vmap(lambda x: np.sin(x) * factor)(np.ones(64))

    for number in range(2):
        threading.Thread(target=busy, args=(number,), daemon=True).start()
    time.sleep(0.2)
"""


def run(program: str, seconds: float = 60.0) -> tuple[int, str, str]:
    """Run a program in a process of its own; its code, and what it printed."""
    quiet = "-W", "ignore:This process:DeprecationWarning"  # of forks, since 3.12
    done = subprocess.run(
        [sys.executable, *quiet, "-c", textwrap.dedent(program)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def slope(x: Any) -> float:
    """The derivative of x sin x, recorded, compiled and called a second time."""
    compiled = wg.jit(wg.grad(lambda x: x * np.sin(x)))
    compiled(x)
    return float(compiled(x))


def right(x: float) -> float:
    return float(np.sin(x) + x * np.cos(x))


@needs_fork
def test_a_child_compiles_whatever_the_threads_of_its_parent_were_doing():
    """Locks, half-done recordings and engines of other threads are not inherited."""
    program = """
    for number in range(12):
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            x = np.full(2, 1.0 + number)
            compiled = wg.jit(lambda x: np.sum(x * np.sin(x)))
            want = 2 * x[0] * np.sin(x[0])
            got = [compiled(x), compiled(x), wg.vmap(compiled)(np.stack([x] * 8))[7]]
            plain = type(np) is type(sys) and type(np.zeros(1)) is np.ndarray
            os._exit(0 if plain and np.allclose(got, want) else 3)
        _, status = os.waitpid(child, 0)
        assert status == 0, (number, status)
    os._exit(0)
    """
    assert run(BUSY + program) == (0, "", "")


@needs_fork
def test_a_fork_does_not_wait_for_a_long_compilation():
    """The child makes its own engine though the parent's is in the middle of a call."""
    program = """
    import os, signal, threading, time
    import numpy as np
    import wengert as wg

    def chain(x):
        for k in range(8000):
            x = np.sin(x) * (k + 0.5) + x
        return x

    from wengert.execute.loops import compile_loops
    tape = wg.record(chain, 0.5)
    work = threading.Thread(target=compile_loops, args=(tape, True), daemon=True)
    work.start()
    time.sleep(0.3)
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        compiled = wg.jit(lambda x: x * np.sin(x))
        got = compiled(2.0), compiled(2.0)
        os._exit(0 if np.allclose(got, 2.0 * np.sin(2.0)) else 3)
    under_way = work.is_alive()
    assert os.waitpid(child, 0)[1] == 0
    assert under_way
    os._exit(0)
    """
    assert run(program) == (0, "", "")


@pytest.mark.parametrize("method", METHODS)
def test_a_pool_of_processes_differentiates(method: str):
    """Jitted functions and transformations go to workers, and work there."""
    points = [0.5, 1.0, 2.0]
    context = multiprocessing.get_context(method)

    with ProcessPoolExecutor(2, mp_context=context) as pool:
        assert list(pool.map(slope, points)) == pytest.approx([*map(right, points)])


@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_joblib_workers_differentiate(backend: str):
    """loky's processes, which outlive the call; threads; forked processes."""
    from joblib import Parallel, delayed

    points = [0.5, 1.0, 2.0, 3.0]

    found = Parallel(2, backend=backend)(delayed(slope)(x) for x in points)

    assert list(found) == pytest.approx([*map(right, points)])


#: An object whose `__del__` calls functions that were, or were not, called before.
LAST_CALLS = """
    import atexit, sys
    import numpy as np
    import wengert as wg

    def f(x):
        return np.sum(np.sin(x) * x)

    x, rows = np.ones(3), np.ones((5, 3))
    calls = {"jit": wg.jit(f), "grad": wg.grad(f), "both": wg.jit(wg.grad(f))}
    mapped = wg.vmap(f)

    def warm():
        for call in calls.values():
            call(x), call(x)
        mapped(rows), mapped(rows)

    class Last:
        def __del__(self):
            total = sum(float(np.sum(call(x))) for call in calls.values())
            total += float(np.sum(mapped(rows)))
            want = np.sum(x * np.sin(x)) * 6 + 2 * np.sum(np.sin(x) + x * np.cos(x))
            print("right" if abs(total - want) < 1e-12 else "wrong", flush=True)

    last = Last()
"""


@pytest.mark.parametrize(
    ("before", "times"),
    [
        ("", 1),
        ("warm()", 1),
        ("last.cycle = last", 1),
        ("warm(); last.cycle = last", 1),
        ("atexit.register(last.__del__)", 2),
        ("warm(); atexit.register(last.__del__)", 2),
    ],
)
def test_calls_at_the_interpreters_end_are_answered(before: str, times: int):
    """In `__del__` and at exit, by themselves and in a cycle, cold and warm."""
    program = f"{LAST_CALLS}\n    {before}\n"

    assert run(program) == (0, "right\n" * times, "")


def test_an_object_that_dies_with_a_function_may_call_it():
    """The collector frees machine code after every `__del__`, not before."""
    program = """
    import gc
    import numpy as np
    import wengert as wg

    answers = []

    class Owner:
        def __init__(self, k):
            self.function = wg.jit(lambda x: np.sum(x * x) * k)
            self.function(np.ones(3)), self.function(np.ones(3))
            self.cycle = self

        def __del__(self):
            answers.append(self.function(np.ones(3)))

    for k in range(20):
        Owner(float(k))
        gc.collect()
    print(sum(answers))
    """
    assert run(program) == (0, f"{3.0 * sum(range(20))}\n", "")


@pytest.mark.parametrize("code", [0, 3])
def test_daemon_threads_that_compile_do_not_disturb_the_exit(code: int):
    """The process ends at once, with its own code and no message."""
    for _ in range(3):
        assert run(f"{BUSY}\n    sys.exit({code})\n", 20.0) == (code, "", "")


@pytest.mark.skipif(not native_engine(), reason="the native engine is off")
def test_better_code_in_the_making_does_not_hold_up_the_exit():
    """Code compiled in haste is optimised in the background for many seconds."""
    program = """
    import random, sys, threading, time
    import numpy as np
    import wengert as wg

    def straight(x):
        draws, values = random.Random(1), [x * k for k in range(1, 9)]
        for _ in range(20_000):
            i, j = draws.randrange(8), draws.randrange(8)
            f = draws.choice([np.sin, np.cos, np.tanh])
            values[i] = f(values[j]) + values[i] * 0.5
        return sum(values)

    compiled = wg.jit(straight)
    compiled(0.5), compiled(0.5)
    names = [thread.name.split()[0] for thread in threading.enumerate()]
    print("wengert" in names, time.time(), flush=True)
    sys.exit(4)
    """
    code, printed, errors = run(program)
    ended = time.time()

    optimised, started = printed.split()
    assert (code, optimised, errors) == (4, "True", "")
    assert ended - float(started) < 3.0
