"""The table and the chart of what `python -m bench.peers` measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import page
from page import put, text_of

ROOT = Path(__file__).parents[2]
FIGURES = Path(__file__).with_name("measured.json")
BLOCK = "bench.peers"
PICTURE = ROOT / "docs" / "pictures" / "peers.svg"
#: How peers are marked in the chart.
MARKS = {
    "autograd": "o",
    "advect": "s",
    "PyTorch": "^",
    "PyTorch, compiled": "v",
    "JAX": "D",
    "Enzyme": "P",
    "CasADi": "x",
}


def table(found: dict[str, Any]) -> str:
    """The medians as Markdown, why some are missing, and the machine."""
    peers = list(dict.fromkeys(peer for row in found["rows"].values() for peer in row))
    rows = []
    reasons: dict[tuple[str, str], list[str]] = {}
    for name, row in found["rows"].items():
        cells = [name]
        for peer in peers:
            if "median" in row[peer]:
                cells.append(text_of(row[peer]["median"]))
                continue
            reasons.setdefault((peer, row[peer]["why"]), []).append(name)
            cells.append(f"[{list(reasons).index((peer, row[peer]['why'])) + 1}]")
        rows.append(cells)
    notes = [f"{peer}: {why}" for peer, why in reasons]
    numbered = [f"{k}. {note}" for k, note in enumerate(notes, 1)]
    return "\n".join([page.table(["", *peers], rows), "", *numbered, "", about(found)])


def about(found: dict[str, Any]) -> str:
    """What the figures were measured with."""
    every = {
        f"{name} {number}"
        for versions in found["versions"].values()
        for name, number in versions.items()
        if name != "wengert"
    }
    how = f"{found['rounds']} rounds, first calls of at most {found['limit']:g} s"
    return f"{found['machine']}; {how}; {', '.join(sorted(every))}."


def chart(found: dict[str, Any]) -> str:
    """The peers' medians over wengert's, as SVG."""
    import matplotlib as mpl

    from wengert.show.plots import BLUE, GREY, RED, STYLE, new_figure, svg

    rows = found["rows"]
    with mpl.rc_context(STYLE):
        figure, axes = new_figure(7.0, 0.28 * len(rows) + 1.2)
        for peer, mark in MARKS.items():
            ratios = {
                place: row[peer]["median"] / row["wengert"]["median"]
                for place, row in enumerate(rows.values())
                if "median" in row.get(peer, ())
            }
            colour = RED if peer in ("JAX", "Enzyme") else GREY
            x, y = list(ratios.values()), list(ratios)
            axes.plot(x, y, mark, color=colour, label=peer, markersize=5)
        axes.axvline(1.0, color=BLUE)
        axes.set_xscale("log")
        axes.set_yticks(range(len(rows)), list(rows))
        axes.invert_yaxis()
        axes.set_xlabel("time of a value and gradient over wengert's")
        where: Any = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0), "ncols": 4}
        axes.legend(frameon=False, **where)
        return svg(figure)


def write() -> None:
    """Put the table into its page; `make pictures` makes the chart."""
    put(BLOCK, table(json.loads(FIGURES.read_text())))
