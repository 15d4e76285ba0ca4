"""Runs the example programs and prints what they found in one table."""

import sys
import time

from rich.console import Console
from rich.table import Table

import digits
import hand_built_tape
import newton
import nile

PROGRAMS = {
    "Hand-built tape": hand_built_tape.main,
    "Handwritten digits": digits.main,
    "Nile, Kalman filter": nile.main,
    "Newton's while loop": newton.main,
}


def main() -> None:
    """Run every program in turn, then print the summary."""
    # rich takes a pipe for 80 columns, too few for the longest row.
    console = Console(width=None if sys.stdout.isatty() else 118, highlight=False)
    table = Table(title="wengert: derivatives of plain NumPy programs")
    for heading in ("program", "quantity", "result", "expected"):
        table.add_column(heading)

    start = time.perf_counter()
    for title, program in PROGRAMS.items():
        console.print(f"{title} ...")
        began = time.perf_counter()
        rows = program()
        seconds = time.perf_counter() - began
        for name, row in zip([title, f"({seconds:.1f} s)"], rows, strict=False):
            table.add_row(name, *row)
        for row in rows[2:]:
            table.add_row("", *row)
        table.add_section()

    console.print(table)
    console.print(f"All of it took {time.perf_counter() - start:.1f} s.")


if __name__ == "__main__":
    main()
