"""Which cases of a test `make test` runs; the sums over random programs."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from typing import Any
from zlib import crc32

import pytest

from tests.programs import distribution
from wengert.core.tape import Tape
from wengert.derive import continued
from wengert.lower import check

#: Counts that the processes of pytest-xdist sent.
RECEIVED: Counter[str] = Counter()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[Any]) -> None:
    """Call slow what a test marked `one_in(n)` has beyond every n-th of its cases.

    They are drawn, of each test others, so that a row of a table that one test leaves
    out is run by another.
    """
    cases = defaultdict(list)
    for item in items:
        if item.get_closest_marker("one_in") and not item.get_closest_marker("slow"):
            cases[item.nodeid.partition("[")[0]].append(item)
    for found in cases.values():
        (n,) = found[0].get_closest_marker("one_in").args
        found.sort(key=lambda item: crc32(item.nodeid.encode()))
        for item in found[-(-len(found) // n) :]:
            item.add_marker(pytest.mark.slow)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Any:
    """Fail a test in which a pass of lowering made what is illegal.

    The error itself may have been met beside it, and been taken for a refusal.
    """
    result = yield
    if check.FOUND:
        found, check.FOUND = check.FOUND, []
        raise found[0]
    return result


def pytest_sessionfinish(session: Any) -> None:
    """Send this process's counts to the one that prints."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["programs"] = dict(distribution.COUNTS)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print what the random programs had in them."""
    counts = distribution.COUNTS + RECEIVED
    if counts[distribution.TOTAL]:
        terminalreporter.section(f"{counts[distribution.TOTAL]} random programs")
        for line in distribution.lines(counts):
            terminalreporter.write_line(line)


class Receiver:
    """Takes the counts of the processes of pytest-xdist."""

    def pytest_testnodedown(self, node: Any) -> None:
        """Add the counts of a process that ended."""
        RECEIVED.update(getattr(node, "workeroutput", {}).get("programs", {}))


def pytest_configure(config: Any) -> None:
    """Listen to pytest-xdist where it is in use; look for loops where it is said.

    Every pass of lowering is checked.
    """
    check.FOUND = []
    if "WENGERT_LOOKS_FROM" in os.environ:
        Tape.looks_from = int(os.environ["WENGERT_LOOKS_FROM"])
        continued.FEWEST_LEFT_OUT = 1
    if config.pluginmanager.hasplugin("xdist"):
        config.pluginmanager.register(Receiver())
