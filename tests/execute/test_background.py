"""No call waits for the compiler: what runs meanwhile, and when it is swapped."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import wengert as wg
from tests.execute.test_processes import run
from wengert.emit import entry as module_of_entries
from wengert.emit import machine, nests
from wengert.emit import watch as module_of_watches
from wengert.execute import background, engine, tier
from wengert.execute import jit as jit_
from wengert.execute.background import COMPILE_VARIABLE, Job, Progress, Worker
from wengert.execute.engine import native_engine
from wengert.execute.paths import Path
from wengert.execute.tier import CALL, PLAY, Tier

needs_engine = pytest.mark.skipif(not native_engine(), reason="the engine is off")


@pytest.fixture(autouse=True)
def in_background(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compile beside the calls, as users do."""
    monkeypatch.setenv(COMPILE_VARIABLE, "background")


class Gate:
    """A compiler that is held until it is let go, and counts what it compiled."""

    def __init__(self) -> None:
        self.begun, self.open = threading.Event(), threading.Event()
        self.compiled: list[Any] = []

    def __call__(self, path: Any, told: Any) -> None:
        self.begun.set()
        assert self.open.wait(60)
        self.compiled.append(path)
        engine.compile_path(path, told)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """Hold the compiler; nothing is left running after the test."""
    made = Gate()
    monkeypatch.setattr(jit_, "compile_path", made)
    yield made
    made.open.set()
    drain()


def drain() -> None:
    """Wait until the thread has done all that was asked."""
    background.WORKER.finish(background.WORKER.submit(Job("nothing", lambda _: None)))


def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take compiling for free, and native code for fast."""
    monkeypatch.setattr(tier, "compile_seconds", lambda tape: 0.0)
    monkeypatch.setattr(Tier, "loses", lambda *_: "")


def wave(x: Any) -> Any:
    return np.sum(np.sin(x) * x)


def bend(x: Any) -> Any:
    return x**2 if x > 0.0 else -3.0 * x


def kernels(jitted: Any) -> list[bool]:
    """Return which paths have native code."""
    return [bool(path.kernels) for path in jitted.paths()]


@needs_engine
def test_calls_go_on_while_the_compiler_is_held(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once(monkeypatch)
    jitted, x = wg.jit(wg.grad(wave)), np.linspace(0.0, 1.0, 7)
    want = wg.grad(wave)(x)
    for _ in range(3):
        np.testing.assert_allclose(jitted(x), want)
    assert gate.begun.wait(60)
    for _ in range(20):
        np.testing.assert_allclose(jitted(x), want)
    assert kernels(jitted) == [False]
    assert "compiling" in str(jitted.report())

    gate.open.set()
    jitted.wait()

    assert kernels(jitted) == [True]
    assert "compiling" not in str(jitted.report())
    np.testing.assert_allclose(jitted(x), want, rtol=1e-12)


@needs_engine
def test_nothing_is_compiled_before_the_calls_have_taken_as_long(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tier, "compile_seconds", lambda tape: 0.5)
    monkeypatch.setattr(Tier, "loses", lambda *_: "")
    jitted, x = wg.jit(wave), np.ones(3)
    for _ in range(6):
        jitted(x)
    (path,) = jitted.paths()
    assert not path.is_asked
    assert "compiled once calls have taken 0.5 s" in str(jitted.report())

    path.tier.spent = 0.5
    jitted(x)

    assert path.is_asked
    assert gate.begun.wait(60)


def test_what_cannot_pay_is_not_compiled(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tier, "compile_seconds", lambda tape: 0.0)
    monkeypatch.setattr(tier, "native_seconds", lambda tape: 1e3)
    jitted, x = wg.jit(wave), np.ones(3)
    for _ in range(8):
        assert jitted(x) == wave(x)

    assert not gate.begun.is_set()
    if native_engine():
        assert "native code would take 1e+03 s" in str(jitted.report())


@needs_engine
def test_native_code_that_turns_out_slower_is_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine, "kernel_seconds", lambda path: 1e3)
    jitted, x = wg.jit(wave), np.ones(3)
    for _ in range(4):
        jitted(x)
    jitted.wait()

    assert kernels(jitted) == [False]
    assert "native code took 1e+03 s" in str(jitted.report())
    assert jitted(x) == wave(x)


@needs_engine
def test_slower_native_code_is_dropped_where_the_first_call_waits_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine, "kernel_seconds", lambda path: 1e3)
    jitted, x = wg.jit(wave, wait=True), np.ones(3)
    jitted(x)

    assert kernels(jitted) == [False]
    assert "NumPy takes" in str(jitted.report())
    assert jitted(x) == wave(x)


def test_a_guess_stands_until_it_is_near() -> None:
    for guess, tried_again in ((1.0, False), (0.15, True)):
        measured, chosen = Tier(), set()
        measured.guess(CALL, guess)
        for _ in range(100):
            kind = measured.choose()
            chosen.add(kind)
            measured.note(kind, 0.1 if kind == PLAY else 0.2)

        assert chosen == ({CALL, PLAY} if tried_again else {PLAY})


def test_the_faster_of_both_first_tiers_is_chosen() -> None:
    measured = Tier()
    order = []
    for seconds in (0.3, 0.2, 0.1, 0.4, 0.5):
        order.append(measured.choose())
        measured.note(order[-1], seconds)

    assert order == [CALL, CALL, PLAY, PLAY, PLAY]
    measured.best[PLAY] = 0.25
    assert measured.choose() == CALL
    assert measured.spent == pytest.approx(1.5)


def test_the_play_of_a_very_long_tape_is_not_planned() -> None:
    """Planning it would take longer than the first calls may."""
    measured = Tier()
    for _ in range(2):
        assert measured.choose(10**6) == CALL
        measured.note(CALL, 0.5)

    assert measured.choose(10**6) == CALL
    assert measured.choose(10**4) == PLAY


def test_the_function_itself_answers_where_it_is_faster(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    played: list[None] = []
    play = Path.play
    monkeypatch.setattr(
        Path, "play", lambda *args: (played.append(None), play(*args))[1]
    )
    jitted, x = wg.jit(wave), np.ones(3)
    jitted(x), jitted(x)
    (path,) = jitted.paths()
    path.tier.tried = {PLAY: 2, CALL: 2}
    for seconds, plays in ((1e-9, 0), (1.0, 1)):
        path.tier.best = {PLAY: 0.5, CALL: seconds}
        assert jitted(x) == wave(x)
        assert len(played) == plays


@pytest.mark.parametrize("kind", [PLAY, CALL])
def test_results_of_the_first_tier_are_the_callers_own(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No result is an argument, or an array from outside; no argument is written."""
    monkeypatch.setattr(Tier, "choose", lambda *_: kind)
    monkeypatch.setattr(tier, "compile_seconds", lambda tape: 1e9)
    table = np.arange(3.0)

    def fun(x: Any) -> Any:
        x[0] = 5.0
        return x, table, x[1:]

    jitted, x = wg.jit(fun), np.ones(3)
    for _ in range(4):
        for found in jitted(x):
            found += 1.0
        np.testing.assert_array_equal(jitted(x)[1], np.arange(3.0))
    np.testing.assert_array_equal(x, np.ones(3))
    np.testing.assert_array_equal(table, np.arange(3.0))


@needs_engine
def test_every_branch_is_right_before_and_after_the_swap(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once(monkeypatch)
    jitted = wg.jit(bend)
    points = [2.0, -1.0, 3.0, -4.0, 0.5]
    for _ in range(6):
        assert [jitted(x) for x in points] == [bend(x) for x in points]
    gate.open.set()
    for _ in range(6):
        assert [jitted(x) for x in points] == [bend(x) for x in points]
        jitted.wait()

    assert kernels(jitted) == [True, True]


@needs_engine
def test_wait_compiles_what_was_believed_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Tier, "choose", lambda *_: PLAY)
    jitted = wg.jit(bend)
    jitted(1.0), jitted(1.0), jitted(-1.0)
    assert kernels(jitted) == [False, False]

    jitted.wait()

    assert [path.is_believed for path in jitted.paths()] == [True, False]
    assert kernels(jitted) == [True, False]


@needs_engine
def test_wait_true_and_compile_have_native_code_after_the_first_call() -> None:
    for jitted in (wg.jit(wave, wait=True), wg.record(wave, np.ones(3)).compile()):
        x = np.array([0.1, 0.2, 0.4])
        assert jitted(x) == pytest.approx(wave(x))
        assert kernels(jitted) == [True]


@needs_engine
def test_who_waits_is_told_after_a_while(
    gate: Gate, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line a time; the compiler is let go once the first was printed."""
    monkeypatch.setattr(background, "PATIENCE", 1e-3)
    told = Progress.__str__

    def tell(self: Progress) -> str:
        gate.open.set()
        return told(self)

    monkeypatch.setattr(Progress, "__str__", tell)
    wg.jit(wave, wait=True)(np.ones(3))

    assert capsys.readouterr().err.startswith("compiling wave: ")


def test_progress_names_the_parts() -> None:
    progress = Progress("f")
    assert str(progress) == "compiling f: others are compiled first"
    progress.started, progress.done, progress.total = (
        time.perf_counter() - 3.1,
        120,
        205,
    )
    assert str(progress) == "compiling f: 120 of 205 parts, 3.1 s"


def test_what_is_urgent_is_done_first() -> None:
    worker, order = Worker(), list[str]()
    held = threading.Event()
    worker.submit(Job("first", lambda _: held.wait(60)))
    jobs = [
        Job(name, lambda _, name=name: order.append(name)) for name in ("one", "two")
    ]
    for job in jobs:
        worker.submit(job)
    worker.submit(jobs[1], is_urgent=True)
    held.set()
    assert all(job.done.wait(60) for job in jobs)

    assert order == ["two", "one"]


def test_a_thread_that_fails_goes_on() -> None:
    """Whoever waits sees no error of another's; the next one is done."""
    worker = Worker()
    failed = worker.submit(Job("fails", lambda _: [][1]))
    done = worker.submit(Job("works", lambda _: None))
    worker.finish(done)

    assert failed.done.is_set()


def test_the_interpreter_lock_is_let_go_often_and_only_meanwhile() -> None:
    worker, before = Worker(), sys.getswitchinterval()
    seen = list[float]()
    worker.finish(
        worker.submit(Job("f", lambda _: seen.append(sys.getswitchinterval())))
    )
    worker.finish(worker.submit(Job("g", lambda _: None)))

    assert seen[0] <= background.SWITCH * 1.01
    assert sys.getswitchinterval() in (before, pytest.approx(background.SWITCH))


def test_nothing_begins_while_the_interpreter_exits() -> None:
    """Who waits all the same does the work itself."""
    worker, ran = Worker(), list[Any]()
    worker.close()
    job = worker.submit(Job("f", lambda _: ran.append(threading.current_thread())))
    assert worker.thread is None
    worker.finish(job)

    assert ran == [threading.current_thread()]


@needs_engine
@pytest.mark.parametrize("kind", ["exits", "forks"])
def test_a_held_compiler_holds_nothing_up(kind: str) -> None:
    """The process ends at once, and a forked child asks again."""
    program = f"""
    import os, signal, sys, threading, warnings
    import numpy as np
    import wengert as wg
    from wengert.execute import engine, tier
    from wengert.execute import jit as jit_

    begun = threading.Event()

    def held(path, told):
        begun.set()
        threading.Event().wait()

    jit_.compile_path = held
    tier.compile_seconds = lambda tape: 0.0
    tier.Tier.loses = lambda *_: ""
    jitted = wg.jit(lambda x: np.sum(np.sin(x) * x))
    x = np.ones(3)
    for _ in range(6):
        jitted(x)
    assert begun.wait(30)
    if {kind == "forks"}:
        jit_.compile_path = engine.compile_path
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks, since 3.12
        child = os.fork()
        if child == 0:
            signal.alarm(30)
            jitted(x)
            jitted.wait()
            os._exit(0 if [bool(p.kernels) for p in jitted.paths()] == [True] else 3)
        assert os.waitpid(child, 0)[1] == 0
    print("done")
    """
    started = time.monotonic()
    code, printed, errors = run(program)

    assert (code, printed, errors) == (0, "done\n", "")
    assert time.monotonic() - started < 30


@needs_engine
def test_vmap_plays_few_rows_and_compiles_for_many() -> None:
    mapped = wg.vmap(lambda x: np.sum(np.sin(x) * x))
    few, many = np.ones((3, 4)), np.ones((200_000, 4))
    np.testing.assert_allclose(mapped(few), [wave(row) for row in few])
    (entry,) = next(iter(mapped.batch.known.values())).entries.values()
    assert entry.root.kernels == []
    assert "(float64[4]): 0 guards; by NumPy, all at once; compiled once" in str(
        mapped.report()
    )

    np.testing.assert_allclose(mapped(many), np.full(len(many), wave(many[0])))
    (entry, *_) = next(iter(mapped.batch.known.values())).entries.values()
    assert entry.root.kernels
    assert "lanes, graph " in str(mapped.report())


@needs_engine
def test_equal_programs_are_compiled_once() -> None:
    def make(number: float) -> Callable[[Any], Any]:
        return lambda x: np.sum(np.cos(x) * x * number)

    made = [wg.jit(make(0.125), wait=True) for _ in range(2)]
    for jitted in made:
        jitted(np.ones(5))
    one, other = (jitted.paths()[0].kernels[0] for jitted in made)

    assert one.address == other.address


@pytest.fixture
def levels(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Take every text for long; return the levels at which code is made."""
    found: list[int] = []

    def made(text: Any, level: int, told: Any) -> Any:
        found.append(level)
        return make(text, level, told)

    make = nests.made
    monkeypatch.setattr(nests, "made", made)
    monkeypatch.setattr(nests, "LONG_TEXT", 0)
    return found


@needs_engine
@pytest.mark.parametrize("waits", [False, True])
def test_long_code_comes_soon_and_better_code_behind_it(
    monkeypatch: pytest.MonkeyPatch, levels: list[int], waits: bool
) -> None:
    monkeypatch.setattr(Tier, "loses", lambda *_: "")
    number = 0.375 + waits  # nothing else has compiled it

    def bent(x: Any) -> Any:
        return np.sum(np.sin(x) * np.sqrt(x + number))

    x = np.linspace(0.0, 2.0, 9)
    for _ in range(2):  # better code of the same is there the second time
        jitted = wg.jit(wg.grad(bent), wait=waits)
        jitted(x), jitted(x)
        jitted.wait()
        soon = jitted(x)
        drain()

        slopes = np.cos(x) * np.sqrt(x + number) + np.sin(x) / np.sqrt(x + number) / 2
        np.testing.assert_allclose(soon, slopes, rtol=1e-14)
        np.testing.assert_allclose(jitted(x), slopes, rtol=1e-14)
        assert jitted.paths()[0].kernels[0].level == 2
    assert levels == ([2] if waits else [0, 2])


@needs_engine
def test_code_that_is_slow_as_it_comes_soon_is_made_better_at_once(
    monkeypatch: pytest.MonkeyPatch, levels: list[int]
) -> None:
    losses = iter(["slower", ""])
    monkeypatch.setattr(Tier, "loses", lambda *_: next(losses))
    jitted, x = wg.jit(lambda x: np.sum(np.tanh(x) * x) * 0.625), np.ones(3)
    jitted(x), jitted(x)
    jitted.wait()

    assert [path.kernels[0].level for path in jitted.paths()] == levels[1:] == [2]


@needs_engine
def test_the_suite_itself_looks_at_native_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `conftest` sets it: the call that believes a path compiles it."""
    monkeypatch.setenv(COMPILE_VARIABLE, "now")
    jitted = wg.jit(wave)
    jitted(np.ones(3)), jitted(np.ones(3))

    assert kernels(jitted) == [True]
    assert os.environ[COMPILE_VARIABLE] == "now"


@needs_engine
@pytest.mark.parametrize("made", ["entry", "watch"])
def test_a_call_does_not_wait_to_be_bound(
    monkeypatch: pytest.MonkeyPatch, made: str
) -> None:
    """While somebody else compiles, native code is called from Python."""
    scale = np.ones(2)
    fun = wave if made == "entry" else lambda x: wave(x) * scale.sum()
    jitted, x = wg.jit(fun), np.ones(3)
    jitted(x), jitted(x)
    jitted.wait()
    (entry,) = jitted.entries.values()
    busy = threading.Event()
    free = threading.Event()

    def hold() -> None:
        with machine._LOCK:
            busy.set()
            assert free.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    assert busy.wait(60)
    if made == "entry":
        monkeypatch.setattr(module_of_entries, "_ENTRIES", {})
    else:
        monkeypatch.setattr(module_of_watches, "_MADE", {})
    with jitted.lock:
        entry.rebuild()
        jitted.reinstall()
    assert entry.is_slow
    assert jitted(x) == pytest.approx(fun(x))
    scale[0] = 3.0
    assert jitted(x) == pytest.approx(fun(x))
    free.set()
    thread.join()
    drain()

    assert not entry.is_slow
    assert jitted(x) == pytest.approx(fun(x))
    scale[0] = 5.0
    assert jitted(x) == pytest.approx(fun(x))


@needs_engine
def test_what_a_sparse_derivative_reads_is_asked_in_haste_at_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its first native call asks by code that is soon made; better code follows."""
    while background.WORKER.waiting:  # what other tests have asked for
        time.sleep(0.01)
    drain()
    monkeypatch.setattr(module_of_watches, "_MADE", {})
    scale = [2.0]
    slopes = wg.jacobian(lambda x: scale[0] * x**2 + scale[0], sparse=True)
    x, rebuilt = np.arange(1.0, 4.0), list[int]()
    kept = jit_.Jitted.bind_later

    def counted(self: Any) -> None:
        rebuilt.append(max(module_of_watches._MADE))
        kept(self)

    monkeypatch.setattr(jit_.Jitted, "bind_later", counted)
    slopes(x), slopes(x)
    slopes.products.fast.wait()
    (entry,) = slopes.products.fast.entries.values()
    end = time.perf_counter() + 60.0
    while (entry.is_slow or not rebuilt) and time.perf_counter() < end:
        time.sleep(0.01)

    assert list(module_of_watches._MADE) == [0, 2]
    assert rebuilt == [2]
    assert not entry.is_slow
    for now in (2.0, 3.0, 3.0):
        scale[0] = now
        assert slopes(x).diagonal().tolist() == (2 * now * x).tolist()
