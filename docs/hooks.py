"""Pages that are made rather than written: the front page, operations, notebooks.

MkDocs calls the functions whose names begin with ``on_``.
"""

from __future__ import annotations

import importlib
import json
import linecache
import math
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PICTURES = DOCS / "pictures"
PICTURE = re.compile(r"<picture>.*?</picture>\n+", re.S)
LIGHT = re.compile(r'<img [^>]*src="[^"]*-light\.png"[^>]*>')
LINK = re.compile(r"\[([^\]]+)\]\(([^)#:\s]+)(#[^)]*)?\)")


def on_files(files: Any, config: Any) -> Any:
    """Add the made pages to the site."""
    from mkdocs.structure.files import File

    made = {"index.md": readme()}
    made["reference/operations.md"] = operations_page()
    made["reference/functions.md"] = functions_page()
    made["recorded.md"] = recorded_page()
    for notebook in sorted(DOCS.glob("notebooks/*.ipynb")):
        made[f"notebooks/{notebook.stem}.md"] = notebook_page(notebook)
    for name, content in made.items():
        files.append(File.generated(config, name, content=content))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turn links out of the documentation into plain text; the site has no sources."""
    if page.file.src_uri == "index.md":
        # The live microscope takes the place of its picture.
        markdown = PICTURE.sub("", markdown.replace("](docs/", "]("))
    folder = (DOCS / page.file.src_uri).parent

    def inside(match: re.Match[str]) -> str:
        target = Path(os.path.normpath(folder / match[2]))
        is_kept = is_page(target) or target.parent == PICTURES
        return match[0] if target.is_relative_to(DOCS) and is_kept else match[1]

    return LINK.sub(inside, markdown)


def on_page_content(html: str, page: Any, **_: Any) -> str:
    """Put the microscope of the first example on the front page."""
    html = LIGHT.sub(both_schemes, html)
    if page.file.src_uri != "index.md":
        return html
    head, end, rest = html.partition("</p>")
    return f"{head}{end}\n{front_microscope()}\n{rest}"


def both_schemes(match: re.Match[str]) -> str:
    """Return a picture of a light page together with that of a dark one."""
    light = match[0]
    dark = light.replace("-light.png", "-dark.png")
    return "".join(
        part.replace("<img", f'<img class="{scheme}"')
        for part, scheme in ((light, "when-light"), (dark, "when-dark"))
    )


def front_microscope() -> str:
    """Return the live microscope of the README's three lines."""
    from wengert.show.html import fragment

    return fragment(first_tape())


def first_tape() -> Any:
    """Return the tape of the README's three lines."""
    import wengert as wg

    return wg.record(first_block(ROOT / "README.md")["f"], 2.0, 3.0)


def first_block(page: Path) -> dict[str, Any]:
    """Return what the first named block of a page defines, before it records."""
    pattern = r'```python title="(.*?)"\n(.*?)(?:\ntape = .*?)?\n```'
    found = re.search(pattern, page.read_text(), re.S)
    assert found is not None
    title, code = found.groups()
    scope: dict[str, Any] = {}
    linecache.cache[title] = (0, None, code.splitlines(True), title)
    exec(compile(code, title, "exec"), scope)
    return scope


def readme() -> str:
    """Return the text of the README."""
    return (ROOT / "README.md").read_text()


def is_page(target: Path) -> bool:
    """Whether a link leads to a page of the site."""
    return target.suffix == ".md" and (target.exists() or target in made_pages())


def made_pages() -> set[Path]:
    """Return the paths of the pages that are made."""
    notebooks = {path.with_suffix(".md") for path in DOCS.glob("notebooks/*.ipynb")}
    names = (
        "index.md",
        "recorded.md",
        "reference/operations.md",
        "reference/functions.md",
    )
    return notebooks | {DOCS / name for name in names}


# The table of operations

KINDS = {
    "elementwise": "on elements, by its partial derivatives",
    "linear": "linear, by its transpose",
    "multilinear": "linear in each operand, by its transposes",
    "general": "by a forward rule, a reverse rule, or both",
    "constant": "without derivative",
}


def operations_page() -> str:
    """Return the table of operations as Markdown, from the registry."""
    from wengert.core.operation import REGISTRY

    operations = sorted(REGISTRY.values(), key=lambda operation: operation.name)
    parts = [
        "# Operations",
        f"{len(operations)} operations, generated from the registry.",
        "Every operation that has a derivative has it in both modes and to any order.",
        "NumPy functions that are written in terms of these are recorded as these.",
    ]
    for kind, meaning in KINDS.items():
        rows = [row(operation) for operation in operations if operation.kind == kind]
        parts += ["", f"## {kind.capitalize()}: {meaning}", ""]
        parts += [
            "| operation | node class | native | tested on |",
            "|---|---|---|---|",
        ]
        parts += rows
    return "\n".join(parts) + "\n"


def row(operation: Any) -> str:
    """Return the row of one operation."""
    from wengert.core.tape import node_class

    native = f"`{operation.native}`" if operation.native else ""
    domain = ", ".join(f"[{low:g}, {high:g}]" for low, high in operation.domain)
    cells = (
        f"`{operation.name}`",
        f"`{node_class(operation).__name__}`",
        native,
        domain,
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


# The table of functions, beside the peers

FUNCTIONS = ROOT / "bench" / "reference.json"
#: What the states of a function are shown as.
SHOWN = {
    "derivative": "yes",
    "derivative, first order alone": "first order",
    "derivative, reverse mode alone": "reverse mode",
    "constant": "constant",
    "value": "value",
    "wrong": "**wrong**",
    "unknown": "?",
    "no": "",
}
PEERS = ("autograd", "jax", "advect")
INTEGRATED = "none: SciPy integrates numerically, and has no formula"
#: Why a function has no derivative here that could have one.
WHY = {
    "scipy.special.ellip_harm": "none: SciPy keeps the coefficients of Lamé's "
    "functions, and has no slopes of them",
    "scipy.special.ellip_harm_2": INTEGRATED,
    "scipy.special.obl_rad2": "none: SciPy's slopes are not those of its values",
    "scipy.special.pro_rad2": "none: SciPy's slopes are not those of its values",
    "scipy.stats.gausshyper.cdf": INTEGRATED,
    "scipy.stats.gausshyper.ppf": INTEGRATED,
    "scipy.stats.levy_stable.cdf": INTEGRATED,
    "scipy.stats.levy_stable.logpdf": INTEGRATED,
    "scipy.stats.levy_stable.ppf": INTEGRATED,
    "scipy.stats.studentized_range.cdf": INTEGRATED,
    "scipy.stats.studentized_range.logpdf": INTEGRATED,
    "scipy.stats.studentized_range.ppf": INTEGRATED,
}


def functions_page() -> str:
    """Return the table of NumPy's and SciPy's functions, from what was measured."""
    found = json.loads(FUNCTIONS.read_text())
    states, versions = found["states"], found["versions"]
    modules: dict[str, list[str]] = {}
    for name, call in found["calls"].items():
        short = call.lstrip("(").partition(".")[0]
        module = name.partition(".")[0] if short == "np" else f"scipy.{short}"
        if name.startswith(("numpy.linalg.", "numpy.fft.", "numpy.lib.")):
            module = name.rpartition(".")[0]
        modules.setdefault(module, []).append(name)
    beside = ", ".join(f"{peer} {versions[peer]}" for peer in PEERS if peer in versions)
    parts = [
        "# Functions of NumPy and SciPy",
        "",
        "Every function is called once, as `bench/reference_calls.txt` says, and its "
        "derivatives by all operands are compared with differences of the plain call; "
        f"for wengert in both modes, and once more.  Beside it: {beside}; the peers "
        "that have NumPy and SciPy of their own are called there.",
        "",
        "*yes*: the derivative is right; *constant*: so is the value, and there is no "
        "slope; *value*: the value alone; *wrong*: another derivative; empty, or a "
        "reason: an error.  *Compiled* says whether native code computes it, or calls "
        "NumPy back.",
    ]
    for module, names in sorted(modules.items()):
        parts += ["", f"## {module}", ""]
        columns = ("function", "wengert", "compiled", *PEERS)
        parts += [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
        parts += [function_row(found, states, name) for name in names]
    return "\n".join(parts) + "\n"


def function_row(found: dict[str, Any], states: dict[str, Any], name: str) -> str:
    """Return the row of one function."""
    own = states["wengert"].get(name, "no")
    compiled = ""
    if own.startswith("derivative"):
        compiled = "called back" if name in found["called back"] else "native"
    shown = WHY.get(name, "") if own == "no" else SHOWN[own]
    cells = [f"`{found['calls'][name]}`", shown, compiled]
    cells += [SHOWN[states.get(peer, {}).get(name, "no")] for peer in PEERS]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


# What can be recorded

#: What Python code does, and what becomes of it.
PYTHON = {
    "`+ - * / // % ** @`, comparisons, `abs`, `round`, `divmod`": "recorded, with "
    "Python's or NumPy's types and errors",
    "`if`, `while`, `for`, recursion, generators, closures, classes": "run as they "
    "are; a branch on a value is a guard of the tape",
    "`x[i]`, `x[a:b, mask]`, `x[i] = v`, `x += v`, unpacking": "recorded, with NumPy's "
    "views and copies",
    "lists, tuples, dictionaries, dataclasses of recorded values": "as they are",
    "`len(x)`, `x.shape`, `isinstance(x, np.ndarray)`": "answered",
    '`int(x)`, `bool(x)`, `str(x)`, `f"{x}"`': "answered, and guarded",
    "`float(x)`, `x.tolist()`, a write into an array from outside": "an error that "
    "says what to write",
}


def recorded_page() -> str:
    """Return the page of what can be recorded, and what not, from the package."""
    from wengert.capture.answers.table import ANSWERS
    from wengert.capture.array import RecordedArray
    from wengert.capture.scipy_ways import CALLS, MODULES

    recorded, refused = numpy_functions()
    answered = ANSWERS[math].keys()
    methods = [n for n in dir(RecordedArray) if n[0] != "_" and hasattr(np.ndarray, n)]
    others = [n for n in dir(math) if callable(getattr(math, n)) and n[0] != "_"]
    of_scipy = scipy_functions()
    ways = [
        f"| `{call}` | `{way}` |"
        for call, way in sorted(CALLS.items())
        if call.partition("(")[0] not in of_scipy
    ]
    modules = [f"| `{name}` | {way} |" for name, way in sorted(MODULES.items())]
    return "\n".join(
        [
            "# What can be recorded\n\nA function is run on recorded values, which "
            "stand for NumPy's arrays and numbers.",
            "What it does with them is written down, if it is one of these.",
            "The lists are generated from the package.",
            "\n## Python\n\n| code | while recording |\n|---|---|",
            *[f"| {code} | {meaning} |" for code, meaning in PYTHON.items()],
            "",
            f"## NumPy\n\n{len(recorded)} functions are recorded:\n",
            listed(recorded),
            "\nand of ufuncs `reduce`, `accumulate`, `reduceat`, `outer` and `at`, "
            "with `out=`, `where=` and `dtype=`.",
            "\nMethods and attributes of arrays:\n",
            listed(methods),
            f"\nThese {len(refused)} have no rule, and say so with the ways out:\n",
            listed(refused),
            "\n## math\n\nAnswered, called as attributes (`math.sin(x)`):\n",
            listed(answered),
            "\nOf whole numbers alone, as ever:\n",
            listed(set(others) - answered),
            f"\n## SciPy\n\n{len(of_scipy)} functions are recorded:\n"
            if of_scipy
            else "\n## SciPy\n\nNo function of SciPy's is recorded by itself.",
            listed(of_scipy),
            "\nA function that meets a recorded value is named, with the nearest way.",
            "These are tested to have the same value and derivative:\n",
            "| in place of | write |",
            "|---|---|",
            *ways,
            "\nOf other functions, by module:\n",
            "| module | write |",
            "|---|---|",
            *modules,
            "",
        ]
    )


def listed(names: Any) -> str:
    """Return names as code, in order."""
    return ", ".join(f"`{name}`" for name in sorted(names))


def numpy_functions() -> tuple[list[str], list[str]]:
    """Return the names of NumPy's functions of arrays that are recorded, and others."""
    from wengert.capture.answers.table import ANSWERS
    from wengert.core.operation import DISPATCH

    recorded, refused = [], []
    for prefix, module in (("", np), ("linalg.", np.linalg), ("fft.", np.fft)):
        for name in module.__all__:
            function = getattr(module, name)
            if isinstance(function, type) or not callable(function):
                continue
            asks = isinstance(function, np.ufunc) or hasattr(
                function, "_implementation"
            )
            if function in DISPATCH or name in ANSWERS.get(module, ()):
                recorded.append(prefix + name)
            elif asks and name not in UNNUMERIC:
                refused.append(prefix + name)
    return recorded, refused


SCIPY_MODULES = (
    "special linalg fft signal ndimage integrate interpolate stats"
).split()


def scipy_functions() -> set[str]:
    """Return SciPy's functions that are recorded: ``special.erf``."""
    from wengert.capture.answers.table import ANSWERS
    from wengert.core.operation import DISPATCH, NAMED

    found = set()
    for name in SCIPY_MODULES:
        module = importlib.import_module(f"scipy.{name}")
        held = vars(module).items()
        taken = {
            key for key, value in held if callable(value) and known(value, DISPATCH)
        }
        taken |= ANSWERS.get(module, {}).keys()
        for home, rows in NAMED.items():  # a row may be where a module has its code
            if f"{home}.".startswith(f"scipy.{name}."):
                names = {key.partition(".")[0] for key in rows}
                taken |= {key for key in names if hasattr(module, key)}
        found |= {f"{name}.{key}" for key in taken}
    return found


def known(function: Any, table: Any) -> bool:
    """Whether a function is in a table; some of them have no hash."""
    try:
        return function in table
    except TypeError:
        return False


#: NumPy's functions that write text, files and dates, or ask for none of the numbers.
UNNUMERIC = frozenset(
    "array2string array_repr array_str savetxt save savez savez_compressed loadtxt "
    "genfromtxt fromregex datetime_as_string datetime_data busday_count busday_offset "
    "is_busday can_cast isnat packbits unpackbits fromfile fromiter".split()
)


# Notebooks


def notebook_page(notebook: Path) -> str:
    """Return a notebook as Markdown: its text, its code, what it shows."""
    return "\n\n".join(notebook_parts(json.loads(notebook.read_text()))) + "\n"


def notebook_parts(content: dict[str, Any]) -> Iterator[str]:
    """Give the cells of a notebook as Markdown."""
    for cell in content["cells"]:
        source = "".join(cell["source"])
        yield source if cell["cell_type"] == "markdown" else fenced(source, "python")
        for output in cell.get("outputs", []):
            yield fenced("".join(output["text"]), "text")


def fenced(text: str, language: str) -> str:
    """Return text in a fence."""
    return f"```{language}\n{text.rstrip()}\n```"
