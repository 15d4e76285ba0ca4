"""Compiling beside the calls: one thread that works through what was asked of it.

A call never waits for it, unless the user asked for that.  It lets go of the
interpreter lock every millisecond, holds up no exit, and does not outlive a fork: what
a child needs it asks for again.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

#: When native code is made: "background", or "now", within the call that believes.
COMPILE_VARIABLE = "WENGERT_COMPILE"
#: Seconds after which the interpreter lock is let go while something is compiled.
SWITCH = 1e-3
#: Seconds after which somebody who waits is told so, and then after twice as many.
PATIENCE = 1.0


def compiles_now() -> bool:
    """Whether the call that believes a path compiles it."""
    return os.environ.get(COMPILE_VARIABLE, "background") == "now"


class Progress:
    """How far a compilation is; what it is made of is not known at first."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.started: float | None = None
        self.done = self.total = 0

    def tell(self, done: int, total: int) -> None:
        """Take in how many parts are done, and how many there are."""
        self.done, self.total = done, total

    def __str__(self) -> str:
        if self.started is None:
            return f"compiling {self.name}: others are compiled first"
        seconds = time.perf_counter() - self.started
        parts = f"{self.done} of {self.total} parts, " if self.total else ""
        return f"compiling {self.name}: {parts}{seconds:.1f} s"


class Job:
    """Something to be compiled.

    Parameters
    ----------
    name : str
        What is compiled, for those who wait.
    work : callable
        Takes a `Progress`.
    """

    def __init__(self, name: str, work: Callable[[Progress], Any]) -> None:
        self.work, self.progress = work, Progress(name)
        self.done = threading.Event()
        #: Threads do not outlive a fork.
        self.process = os.getpid()

    @property
    def is_lost(self) -> bool:
        """Whether a fork has left its thread behind."""
        return self.process != os.getpid()

    def run(self) -> None:
        """Do the work in this thread."""
        self.progress.started = time.perf_counter()
        try:
            self.work(self.progress)
        finally:
            self.done.set()


class Worker:
    """The thread, made when it is first needed, and anew after a fork."""

    def __init__(self) -> None:
        self.forget()
        self.is_closed = False

    def forget(self) -> None:
        """Start with nothing to do, as a forked child does."""
        self.waiting: deque[Job] = deque()
        self.changed = threading.Condition()
        self.thread: threading.Thread | None = None

    def close(self) -> None:
        """Begin nothing new: the interpreter exits."""
        self.is_closed = True

    def submit(self, job: Job, is_urgent: bool = False) -> Job:
        """Have something done, before all else if it is urgent."""
        if self.is_closed:
            return job
        with self.changed:
            if job in self.waiting:
                self.waiting.remove(job)
            if is_urgent:
                self.waiting.appendleft(job)
            else:
                self.waiting.append(job)
            self.changed.notify()
            if self.thread is None or not self.thread.is_alive():
                self.thread = threading.Thread(
                    target=self.loop, name="wengert compiles", daemon=True
                )
                self.thread.start()
        return job

    def loop(self) -> None:
        """Do what is asked, one after another."""
        while True:
            with self.changed:
                while not self.waiting:
                    self.changed.wait()
                job = self.waiting.popleft()
            if self.is_closed:
                return
            with letting_go(), contextlib.suppress(Exception):  # it tells its own
                job.run()
            del job  # it holds what it compiled

    def hurry(self, job: Job) -> None:
        """Have something done before all else that waits."""
        with self.changed:
            if job in self.waiting:
                self.submit(job, is_urgent=True)

    def hasten(self, job: Job, seconds: float, is_there: Callable[[], bool]) -> None:
        """Wait until something is there that a job makes, or some time is over."""
        if threading.current_thread() is self.thread or job.is_lost:
            return
        self.hurry(job)
        until = time.perf_counter() + seconds
        while not (is_there() or time.perf_counter() > until):
            if self.is_closed or job.done.wait(SWITCH):
                break

    def finish(self, job: Job) -> None:
        """Wait until something is done, and say so after a while."""
        if threading.current_thread() is not self.thread:
            self.hurry(job)
            patience = PATIENCE
            while not (job.is_lost or self.is_closed) and not job.done.wait(patience):
                print(job.progress, file=sys.stderr, flush=True)
                patience *= 2
        if not job.done.is_set():  # its thread is this one, gone, or about to go
            job.run()


@contextlib.contextmanager
def letting_go() -> Iterator[None]:
    """Let go of the interpreter lock every millisecond, where others want it."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(min(before, SWITCH))
    chosen = sys.getswitchinterval()
    try:
        yield
    finally:
        if sys.getswitchinterval() == chosen:  # nobody else has chosen since
            sys.setswitchinterval(before)


WORKER = Worker()
atexit.register(WORKER.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=WORKER.forget)
