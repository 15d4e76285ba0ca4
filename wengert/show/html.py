"""The tape microscope: one self-contained HTML page that steps through a tape."""

from __future__ import annotations

import html
import inspect
import json
import linecache
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
from wengert.core.tape import INPUT, Tape
from wengert.core.types import Type
from wengert.derive.modes import PlainMode
from wengert.derive.reverse import sweep
from wengert.errors import Line, line_number
from wengert.ops.index import GETITEM, IN_PLACE, ITEM
from wengert.show.listing import describe_settings, describe_type
from wengert.show.nonfinite import NonFinite, first_nonfinite, is_finite
from wengert.show.watch import gradients_of, outputs_of

#: Elements of arrays that a page holds in all, and at most for one array.
ALL_ELEMENTS = 200_000
MOST_ELEMENTS = 256
#: Significant digits of the numbers on a page.
DIGITS = 7
NOTEBOOK_HEIGHT = 640


def page(tape: Tape, title: str = "") -> str:
    """Return the microscope of a tape as one HTML page without any reference outside.

    Parameters
    ----------
    tape : Tape
        Shown at the numbers of its own play.
    title : str, default the name of the user's function
    """
    data = json.dumps(page_data(tape, title), separators=(",", ":"), allow_nan=False)
    folder = files("wengert.show")
    text = folder.joinpath("microscope.html").read_text("utf-8")
    for mark, content in (
        ("/*STYLE*/", folder.joinpath("microscope.css").read_text("utf-8")),
        ("/*SCRIPT*/", folder.joinpath("microscope.js").read_text("utf-8")),
        # "<" is written so that no content can end the script element.
        ("/*DATA*/", data.replace("<", "\\u003c")),
    ):
        before, after = text.split(mark)
        text = before + content + after
    return text


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
    operations, types, places, sources = Table(), Table(), Table(), Sources()
    place_of = cache(lambda line: places.place(sources.place(line)))
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
        "line": [-1 if line is None else place_of(line) for line in tape.lines],
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
        "sources": sources.files,
        "title": title or sources.title(tape),
    }
    return data


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


class Sources:
    """The user's files: the stretches of them that a tape's lines are in."""

    def __init__(self) -> None:
        self.files: list[dict[str, Any]] = []
        self.known: dict[Any, int] = {}

    def place(self, line: Line) -> tuple[int, int]:
        """Return the stretch that a line is in, and its number."""
        code = line[0]
        found = self.known.get(code)
        if found is None:
            found = self.known[code] = self.enter(code)
        return found, line_number(line)

    def enter(self, code: Any) -> int:
        """Enter the source of one function."""
        lines = linecache.getlines(code.co_filename)
        first = code.co_firstlineno
        if code.co_name == "<module>" or not lines:
            block, first = lines, 1
        else:
            block = inspect.getblock(lines[first - 1 :])
        self.files.append(
            {
                "file": os.path.basename(code.co_filename),
                "function": code.co_name,
                "first": first,
                "text": [text.rstrip("\n") for text in block],
            }
        )
        return len(self.files) - 1

    def title(self, tape: Tape) -> str:
        """Return the name of the function that was recorded, as far as it is known."""
        names = [file["function"] for file in self.files]
        return names[0] if names and not names[0].startswith("<") else "tape"


def sweep_data(tape: Tape) -> dict[str, Any]:
    """Return outputs, gradients and partials, and where the first bad number arose."""
    count = len(tape)
    arrays = sum(isinstance(t, Type) and t.shape != () for t in tape.types)
    elements = max(3, min(MOST_ELEMENTS, ALL_ELEMENTS // (2 * max(arrays, 1))))
    shown: list[Any] = [None] * count
    outputs: list[Any] = []
    for index, outputs in outputs_of(tape, keep=True):
        shown[index] = entry(outputs[index], elements)
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
        "nonfinite": None if bad is None else nonfinite_entry(bad),
    }


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
    flat = array.reshape(-1)
    data: dict[str, Any] = {
        "first": [number(part) for part in flat[:elements].tolist()],
        "size": array.size,
    }
    if array.size > elements:
        data["shape"] = list(array.shape)
    if array.dtype.kind in "fiu" and array.size:
        finite = flat if is_finite(array) else flat[np.isfinite(flat)]
        if finite.size:
            data["low"], data["high"] = number(finite.min()), number(finite.max())
        if finite.size < flat.size:
            data["bad"] = int(flat.size - finite.size)
    return data


def number(value: Any) -> Any:
    """Return a number with few digits; what JSON does not have as text."""
    if isinstance(value, float):  # np.float64 is one: the common case
        return float(f"{value:.{DIGITS}g}") if isfinite(value) else str(float(value))
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (complex, np.complexfloating)):
        return f"{complex(value):.4g}"
    if isinstance(value, (int, np.integer)):
        return int(value) if abs(int(value)) < 2**53 else str(value)
    return number(float(value))


def is_bad(shown: Any) -> bool:
    """Whether an entry has a number that is not finite."""
    if isinstance(shown, dict):
        return "bad" in shown or any(map(is_bad, shown.get("parts", ())))
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
