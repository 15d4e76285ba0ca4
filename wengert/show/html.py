"""The tape microscope: one self-contained HTML page that steps through a tape."""

from __future__ import annotations

import html
import json
import os
import sys
import tempfile
import webbrowser
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from wengert.core.names import variable_names
from wengert.core.sources import placed
from wengert.core.tape import GUARD, INPUT, Tape
from wengert.core.types import Type
from wengert.derive.modes import PlainMode
from wengert.derive.reverse import sweep
from wengert.errors import Source
from wengert.ops.index import GETITEM, IN_PLACE, ITEM
from wengert.show.listing import describe_settings, describe_type
from wengert.show.moves import MOST_SWEPT
from wengert.show.nonfinite import NonFinite, first_nonfinite, is_finite
from wengert.show.questions import Asked, Questions
from wengert.show.stages import nests_over
from wengert.show.watch import gradients_of, outputs_of

#: Elements of arrays that a page holds in all, and at most for one array.
ALL_ELEMENTS = 200_000
MOST_ELEMENTS = 256
#: Significant digits of the numbers on a page.
DIGITS = 7
NOTEBOOK_HEIGHT = 720
#: Nodes of a tape that is printed where no script runs.
MOST_PRINTED = 200
#: Rows and columns of the sample that stands for a large array.
HEAT_ROWS, HEAT_COLUMNS = 12, 48
HEAT_DIGITS = 3
#: Elements from which on an array's mean and deviation are given.
LEAST_MEAN = 3
#: Numbers that are shorter as whole ones.
SMALL = frozenset(map(float, range(1, 10)))


def page(tape: Tape, title: str = "") -> str:
    """Return the microscope of a tape as one HTML page without any reference outside.

    Parameters
    ----------
    tape : Tape
        Shown at the numbers of its own play.
    title : str, default the name of the user's function
    """
    data = page_data(tape, title)
    head = f"{data['title']}: tape of {len(tape):,} nodes"
    return PAGE.format(title=html.escape(head), body=element(tape, data, " data-page"))


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>:root {{ color-scheme: light dark; }}
body {{ margin: 0; background: light-dark(#fbfaf7, #14171b); }}</style>
</head><body>
{body}
</body></html>
"""


def fragment(tape: Tape, title: str = "") -> str:
    """Return the microscope of a tape as an element for any HTML page.

    Everything that it needs is inside: style, script and numbers.  It lives in a shadow
    tree, so it neither takes nor gives styles and names, and a page may hold several.
    It is light or dark as the CSS property ``color-scheme`` of the page around it says,
    stacks its panels where it is given less than 1,000 pixels, and listens to keys only
    while it has the focus.  Where no script runs, the printed tape is seen.

    Parameters
    ----------
    tape : Tape
        Shown at the numbers of its own play.
    title : str, default the name of the user's function

    Returns
    -------
    str
        A ``div`` of the class ``wengert-microscope`` and a script.

    Examples
    --------
    >>> import wengert as wg
    >>> from wengert.show.html import fragment
    >>> fragment(wg.record(lambda x: x * x, 3.0))[:32]
    '<div class="wengert-microscope">'
    """
    return element(tape, page_data(tape, title))


def element(tape: Tape, data: dict[str, Any], attributes: str = "") -> str:
    """Return the element that holds a microscope, and the script that fills it."""
    texts = {kind: asset(f"microscope.{kind}") for kind in ("css", "html", "js")}
    # "<" is written so that no content can end the script element.
    numbers = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return (
        f'<div class="wengert-microscope"{attributes}>'
        f"<pre>{html.escape(printed(tape))}</pre>"
        f"<template><style>{texts['css']}</style>{texts['html']}</template>"
        f'<script type="application/json">{numbers.replace("<", LESS)}</script></div>\n'
        f"<script>(() => {{ {texts['js']}\n"
        "microscope(document.currentScript.previousElementSibling); })();</script>"
    )


#: How "<" is written in JSON inside of HTML.
LESS = "\\u003c"


@cache
def asset(name: str) -> str:
    """Return one of the files that a microscope is made of."""
    return files("wengert.show").joinpath(name).read_text("utf-8")


def printed(tape: Tape) -> str:
    """Return what is seen where no script runs: the printed tape, if it is short."""
    if len(tape) > MOST_PRINTED:
        return f"A tape of {len(tape):,} nodes; the microscope needs JavaScript."
    return str(tape)


def notebook_frame(tape: Tape) -> str:
    """Return the microscope in a frame of its own, for a notebook cell."""
    return (
        f'<iframe srcdoc="{html.escape(page(tape))}" width="100%" '
        f'height="{NOTEBOOK_HEIGHT}" sandbox="allow-scripts" '
        'style="border:1px solid #8884;border-radius:6px"></iframe>'
    )


def show(
    tape: Tape, path: str | Path | None = None, *, open_browser: bool | None = None
) -> Path:
    """Write the microscope of a tape and open it in the browser.

    Parameters
    ----------
    tape : Tape
    path : where to write; default a temporary file
    open_browser : bool
        Whether to open it; default only where no path is given.

    Returns
    -------
    Path
        The file that was written.
    """
    if path is None:
        handle, name = tempfile.mkstemp(".html", "wengert-tape-")
        os.close(handle)
        target = Path(name)
    else:
        target = Path(path)
    target.write_text(page(tape), "utf-8")
    if open_browser or (open_browser is None and path is None):
        webbrowser.open(target.resolve().as_uri())
    return target


# What a page holds: one entry a node in every list


class Table:
    """Values that repeat, each kept once."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self.places: dict[Any, int] = {}

    def place(self, key: Any, entry: Callable[[Any], Any] | None = None) -> int:
        """Return the place of what `entry` gives for a key, entered if it is new."""
        found = self.places.get(key)
        if found is None:
            found = self.places[key] = len(self.values)
            self.values.append(key if entry is None else entry(key))
        return found


def page_data(tape: Tape, title: str) -> dict[str, Any]:
    """Return everything that a page shows, as plain data."""
    tape.resolve()
    if any(type_ is None for type_ in tape.types):  # built by hand, never played
        tape.forward()
    operations, types, places, sources = Table(), Table(), Table(), Table()
    place_of = cache(lambda line: places.place((sources.place(line[0]), *line[1:])))
    settings = {}
    for index, setting in enumerate(tape.settings):
        is_input = tape.operations[index] is INPUT
        text = describe_settings(setting) if setting and not is_input else ""
        if text:
            settings[index] = text
    data = {
        "count": len(tape),
        "operation": [
            operations.place(o, lambda o: [o.name, o.kind]) for o in tape.operations
        ],
        "type": [types.place(t, type_entry) for t in tape.types],
        "operands": [list(operands) for operands in tape.operands],
        "line": [-1 if line is None else place_of(line) for line in placed(tape.lines)],
        "settings": settings,
        "names": variable_names(tape) | parameter_paths(tape),
        "inputs": tape.input_indices,
        "outputs": tape.output_indices,
    }
    data |= sweep_data(tape)
    data |= {
        "operations": operations.values,
        "types": types.values,
        "lines": places.values,
        "sources": [source._asdict() for source in sources.values],
        "title": title or tape.title or builder(sources.values),
        "nests": [framed._asdict() for framed in nests_over(tape)],
    }
    return data


def builder(sources: list[Source]) -> str:
    """Return the name of the function that built a tape by hand."""
    name = sources[0].function if sources else "<module>"
    return "tape" if name.startswith("<") or not name else name


def parameter_paths(tape: Tape) -> dict[int, str]:
    """Return how every input is reached from the parameters: ``layers[0]['w']``."""
    paths = {k: tape.settings[k].get("name", "") for k in tape.input_indices}
    return {index: path for index, path in paths.items() if path}


def type_entry(type_: Any) -> list[Any]:
    """Return a type as text, its shape and its bytes."""
    if not isinstance(type_, Type):
        parts = type_ if isinstance(type_, tuple) else ()
        size = sum(part.size * part.dtype.itemsize for part in parts)
        return [describe_type(type_), [], size]
    return [str(type_), list(type_.shape), type_.size * type_.dtype.itemsize]


def sweep_data(tape: Tape) -> dict[str, Any]:
    """Return outputs, gradients and partials, and where the first bad number arose."""
    count = len(tape)
    arrays = sum(isinstance(t, Type) and t.shape != () for t in tape.types)
    elements = max(3, min(MOST_ELEMENTS, ALL_ELEMENTS // (2 * max(arrays, 1))))
    shown: list[Any] = [None] * count
    outputs: list[Any] = []
    questions, guards = Questions(tape, MOST_SWEPT), {}
    for index, outputs in outputs_of(tape, keep=True):
        shown[index] = entry(outputs[index], elements)
        if tape.operations[index] is GUARD:
            guards[index] = guard_entry(questions.ask(index, outputs))
    gradients: list[Any] = [None] * count
    partials: list[Any] = [0] * count
    every = bytearray(b"\1" * count)
    for index, found, mode in gradients_of(tape, outputs):
        g = found.get(index)
        if g is None:
            continue
        gradients[index] = entry(g, elements)
        local = local_partials(tape, index, mode, every)
        if local:
            partials[index] = [entry(partial, min(elements, 16)) for partial in local]
    every_entry = (*shown, *gradients)
    bad = first_nonfinite(tape) if any(map(is_bad, every_entry)) else None
    return {
        "output": shown,
        "gradient": gradients,
        "partial": partials,
        "guards": guards,
        "nonfinite": None if bad is None else nonfinite_entry(bad),
    }


def guard_entry(asked: Asked) -> dict[str, Any]:
    """Return a guard in words as plain data."""
    if asked.moves is None:
        return asked._asdict()
    moves = [
        {
            "input": move.input,
            "by": number(move.by),
            "to": number(move.now + move.by),
            "why": move.why,
            "words": str(move),
        }
        for move in asked.moves
    ]
    return asked._asdict() | {"moves": moves}


def local_partials(
    tape: Tape, index: int, mode: PlainMode, every: bytearray
) -> list[Any] | None:
    """Return the derivative of a node's output by each of its operands.

    Known as numbers for elementwise operations, element by element, and for every
    operation with a scalar output; None otherwise.
    """
    operation, operands = tape.operations[index], tape.operands[index]
    if not operands or operation.kind == "constant":
        return None
    if operation.partials:
        values = [mode.read(k) for k in operands]
        result = mode.read(index)
        return [
            partial if isinstance(partial, int) else partial(result, *values)
            for partial in operation.partials
        ]
    type_ = tape.types[index]
    if not isinstance(type_, Type) or type_.shape or operation in (GETITEM, ITEM):
        return None
    if operation in IN_PLACE:
        return None
    given: dict[int, Any] = {index: np.ones((), np.float64)[()]}
    sweep(tape, index, index + 1, given, every, mode)
    return [given.get(k) for k in operands]


def entry(value: Any, elements: int) -> Any:
    """Return a value as plain data: a number, or elements and range of an array."""
    if value is None:
        return None
    if isinstance(value, (tuple, list)):
        return {"parts": [entry(part, elements) for part in value]}
    if type(value) is np.float64:
        return number(value)
    array = np.asarray(value)
    if array.ndim == 0:
        return number(array[()])
    data = {
        "first": [number(part) for part in array.reshape(-1)[:elements].tolist()],
        "size": array.size,
        "shape": list(array.shape),
    }
    if array.size > elements:
        data["heat"] = heat(array, elements)
    return data | statistics(array)


def heat(array: Any, elements: int) -> dict[str, Any]:
    """Return a sample of an array's elements, in the order in which they lie."""
    table = array.reshape(-1, array.shape[-1])
    rows = min(len(table), HEAT_ROWS)
    columns = max(1, min(table.shape[1], HEAT_COLUMNS, elements // rows))
    if len(table) == 1 or columns < 2:
        table, rows, columns = array.reshape(1, -1), 1, min(HEAT_COLUMNS, elements)
    places = (spread(len(table), rows), spread(table.shape[1], columns))
    sample = table[np.ix_(*places)].reshape(-1)
    numbers = [number(part, HEAT_DIGITS) for part in sample.tolist()]
    return {"rows": rows, "columns": columns, "numbers": numbers}


def spread(count: int, wanted: int) -> Any:
    """Return whole numbers below a count, evenly spread."""
    return np.arange(wanted) * count // wanted


def statistics(array: Any) -> dict[str, Any]:
    """Return range, mean and deviation of an array; of moduli if it is complex."""
    kind = array.dtype.kind
    if kind == "b":
        return {"true": int(np.count_nonzero(array))}
    if kind not in "fiuc" or not array.size:
        return {}
    data: dict[str, Any] = {"complex": True} if kind == "c" else {}
    finite = array if is_finite(array) else array[np.isfinite(array)]
    if finite.size < array.size:
        data["bad"] = int(array.size - finite.size)
    if not finite.size:
        return data
    sizes = np.abs(finite) if kind == "c" else finite
    data["low"], data["high"] = number(sizes.min()), number(sizes.max())
    if array.size >= LEAST_MEAN:
        with np.errstate(all="ignore"):
            mean, deviation = finite.mean(), finite.std()
        if np.isfinite(mean) and np.isfinite(deviation):
            data["mean"], data["deviation"] = number(mean), number(deviation)
    zeros = int(array.size - np.count_nonzero(array))
    return data | ({"zeros": zeros} if zeros else {})


def number(value: Any, digits: int = DIGITS) -> Any:
    """Return a number with few digits; a pair if it is complex.

    What JSON does not have is a text.
    """
    if isinstance(value, float):  # np.float64 is one: the common case
        found = float(f"{value:.{digits}g}") if isfinite(value) else str(float(value))
        return int(found) if found in SMALL else found
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (complex, np.complexfloating)):
        value = complex(value)
        return [number(value.real, digits), number(value.imag, digits)]
    if isinstance(value, (int, np.integer)):
        return int(value) if abs(int(value)) < 2**53 else str(value)
    if isinstance(value, (str, bytes)):
        return {"text": str(value)}
    return number(float(value))


def is_bad(shown: Any) -> bool:
    """Whether an entry has a number that is not finite."""
    if isinstance(shown, dict):
        return "bad" in shown or any(map(is_bad, shown.get("parts", ())))
    if isinstance(shown, list):
        return any(map(is_bad, shown))
    return isinstance(shown, str)


def nonfinite_entry(bad: NonFinite) -> dict[str, Any]:
    """Return the first number that is not finite as plain data."""
    return {
        "sweep": bad.sweep,
        "node": bad.node.index,
        "receiver": None if bad.receiver is None else bad.receiver.index,
        "story": str(bad),
    }


if __name__ == "__main__":  # pragma: no cover
    from wengert import record

    tape = record(lambda x: np.sum(np.log(x) * np.sin(x)), np.linspace(0.5, 2.0, 5))
    print(show(tape, sys.argv[1] if len(sys.argv) > 1 else None))
