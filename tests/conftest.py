"""Sums up random programs."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.programs import distribution

#: Counts that the processes of pytest-xdist sent.
RECEIVED: Counter[str] = Counter()


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
    """Listen to pytest-xdist where it is in use."""
    if config.pluginmanager.hasplugin("xdist"):
        config.pluginmanager.register(Receiver())
