"""Makes the pictures of the documents: ``make pictures``.

Screenshots are taken of the microscope in a headless chromium, light and dark; plots
are those of the demo.  The same machine makes the same files again.
"""

from __future__ import annotations

import base64
import io
import json
import re
import runpy
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import wengert as wg  # noqa: E402
from bench.peers import report as peers  # noqa: E402
from tests.show.browser import SCHEMES, Scope, headless  # noqa: E402
from wengert.show import report  # noqa: E402

FOLDER = ROOT / "docs" / "pictures"
#: What a plot takes from the page around it, where it is a file of its own.
STYLE = """<style>
svg { color: #5f6973; --blue: #1f5fbf; --red: #a8401a; }
@media (prefers-color-scheme: dark) {
  svg { color: #97a2ad; --blue: #7db0ff; --red: #f0976c; }
}
</style>"""


class Shot(NamedTuple):
    """A picture of a microscope.

    Attributes
    ----------
    tape : callable, gives the tape
    step : int, the step that is shown
    width, height : int, pixels
    """

    tape: Callable[[], Any]
    step: int
    width: int
    height: int


HOOKS = runpy.run_path(str(ROOT / "docs" / "hooks.py"))


def first_example() -> Any:
    """Return the tape of the README's first lines."""
    return HOOKS["first_tape"]()


def walk() -> Any:
    """Return the tape of the chapter on looking at tapes, with its guard."""
    names = HOOKS["first_block"](ROOT / "docs" / "explanation" / "show.md")
    return wg.record(names["f"], names["x"])


SHOTS = {
    "microscope": Shot(first_example, 8, 1000, 640),
    "microscope-narrow": Shot(first_example, 8, 480, 1050),
    "guard": Shot(walk, 11, 1400, 660),
}
#: The demo's plots, by the name of the program.
PLOTS = ("calibration", "counts", "dynamics")
#: Films that are the last value of a notebook's cell, under its name for it.
FILMS = {"swing-up": ("swing_up", "film")}


def names() -> set[str]:
    """Return the names of all pictures."""
    shots = {f"{name}-{scheme}.png" for name in SHOTS for scheme in SCHEMES}
    return shots | {f"{name}.svg" for name in (*PLOTS, *FILMS, "peers")}


def screenshots() -> Iterator[tuple[str, bytes]]:
    """Give the pictures of microscopes."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "tape.html"
        with headless(Path(folder) / "browser") as driver:
            for name, shot in SHOTS.items():
                shot.tape().show(page)
                scope = Scope(driver, page)
                for scheme in SCHEMES:
                    yield f"{name}-{scheme}.png", screenshot(scope, shot, scheme)


def screenshot(scope: Scope, shot: Shot, scheme: str) -> bytes:
    """Return one picture of a microscope."""
    scope.look(shot.width, scheme, shot.height)
    scope.go_to(shot.step)
    hide = "document.activeElement.blur(); document.documentElement.style.overflow"
    scope.driver.execute_script(f"{hide} = 'hidden'")
    found = scope.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
    return small(base64.b64decode(found["data"]))


def small(data: bytes) -> bytes:
    """Return a screenshot in its 256 most frequent colours."""
    from PIL import Image

    image = Image.open(io.BytesIO(data)).convert("RGB")
    colours = sorted(image.getcolors(image.width * image.height), reverse=True)[:256]
    palette = Image.new("P", (1, 1))
    palette.putpalette([part for _, colour in colours for part in colour])
    stream = io.BytesIO()
    few = image.quantize(palette=palette, dither=Image.Dither.NONE)
    few.save(stream, "png", optimize=True)
    return stream.getvalue()


def plots() -> Iterator[tuple[str, bytes]]:
    """Give the plots, each with its colours for light and dark pages."""
    for name in PLOTS:
        figures = report.SECTIONS[name](lambda: None, True).figures
        found = re.search(r"<svg.*?</svg>", figures, re.S)
        assert found is not None
        yield f"{name}.svg", styled(found[0])


def films() -> Iterator[tuple[str, bytes]]:
    """Give the films of notebooks."""
    for name, (notebook, value) in FILMS.items():
        scope: dict[str, Any] = {}
        path = ROOT / "docs" / "notebooks" / f"{notebook}.ipynb"
        for cell in json.loads(path.read_text())["cells"]:
            if cell["cell_type"] == "code":
                exec("".join(cell["source"]), scope)
        yield f"{name}.svg", styled(scope[value]._repr_svg_())


def charts() -> Iterator[tuple[str, bytes]]:
    """Give the chart of what benchmarks measured."""
    yield "peers.svg", styled(peers.chart(json.loads(peers.FIGURES.read_text())))


def styled(svg: str) -> bytes:
    """Return a plot with its colours for light and dark pages."""
    return re.sub(r"(<svg[^>]*>)", rf"\1{STYLE}", svg, count=1).encode()


def main() -> None:
    """Write all pictures."""
    FOLDER.mkdir(exist_ok=True)
    for makes in (charts, plots, films, screenshots):
        for name, data in makes():
            (FOLDER / name).write_bytes(data)
            print(f"{name}: {len(data) / 1000:.0f} kB")


if __name__ == "__main__":
    main()
