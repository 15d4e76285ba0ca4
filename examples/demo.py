"""Runs the example programs, prints what they found, and writes a report of them.

The report shows each program beside its results, its plots and its tape.
"""

import sys
from pathlib import Path

from wengert.cli import main

if __name__ == "__main__":
    page = Path("build") / "demo.html"
    page.parent.mkdir(exist_ok=True)
    main(["demo", "--output", str(page), *sys.argv[1:]])
