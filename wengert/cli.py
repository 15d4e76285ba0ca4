"""The command line: ``wengert show model.py:loss --at "np.ones(3)"``."""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import inspect
import json
import math
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import numpy as np
from click.shell_completion import CompletionItem, get_completion_class
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

import wengert
from wengert.checks import frozen_numbers
from wengert.core.operation import DISPATCH, REGISTRY, Operation, state_rooms
from wengert.core.tape import Tape
from wengert.errors import CheckError, WengertError
from wengert.show.listing import describe_value
from wengert.show.profile import time_text
from wengert.show.stages import stage_text
from wengert.show.tables import WIDTH, table

Function = Callable[..., Any]
#: Exit codes beside click's own (2: the command was not written correctly).
FAILED = 1
#: Seconds that `bench` spends on one way of calling.
BENCH_SECONDS = 0.5
#: Remainders, relative to the value, below which rounding is all that is seen.
ROUNDING = 100 * float(np.finfo(np.float64).eps)


def console() -> Console:
    """Return where results go; wide enough for a table when it is not a terminal."""
    made = Console(highlight=False, soft_wrap=False)
    return made if made.is_terminal else Console(width=WIDTH, highlight=False)


@contextmanager
def progress(
    description: str, total: int | None = None
) -> Iterator[Callable[[], None]]:
    """Show a bar on the error stream while something long runs."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    with bar:
        task = bar.add_task(description, total=total)
        yield lambda: bar.advance(task)


# Functions named on the command line


class FunctionType(click.ParamType[Function]):
    """A function of a file, ``model.py:loss``, or of a module, ``model:loss``."""

    name = "FILE:FUNCTION"

    def convert(self, value: Any, param: Any, ctx: Any) -> Function:
        """Load the file and return its function."""
        where, colon, name = str(value).rpartition(":")
        if not colon:
            self.fail(f"{value!r} names no function: write FILE:FUNCTION", param, ctx)
        module = self.load(where, param, ctx)
        found: Any = module
        for part in name.split("."):
            found = getattr(found, part, None)
        if callable(found):
            return found  # type: ignore[no-any-return]
        names = ", ".join(function_names(module)) or "none"
        raise click.BadParameter(
            f"{where} has no function {name!r}; it has {names}", ctx, param
        )

    def load(self, where: str, param: Any, ctx: Any) -> Any:
        """Import a file or a module."""
        path = Path(where)
        if path.suffix != ".py":
            sys.path.insert(0, "")
            try:
                return importlib.import_module(where)
            except ModuleNotFoundError as error:
                self.fail(str(error), param, ctx)
        if not path.exists():
            self.fail(f"there is no file {where}", param, ctx)
        sys.path.insert(0, str(path.resolve().parent))
        spec = importlib.util.spec_from_file_location(path.stem, path.resolve())
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = module
        with users_code(where):
            spec.loader.exec_module(module)
        return module

    def shell_complete(self, ctx: Any, param: Any, incomplete: str) -> Any:
        """Complete files, and the functions of a file."""
        where, colon, start = incomplete.rpartition(":")
        if not colon:
            return [CompletionItem(incomplete, type="file")]
        try:
            tree = compile(Path(where).read_text(), where, "exec", 1024)
        except (OSError, SyntaxError):
            return []
        names = [getattr(part, "name", "") for part in tree.body]  # type: ignore[attr-defined]
        return [
            CompletionItem(f"{where}:{n}") for n in names if n and n.startswith(start)
        ]


def function_names(module: Any) -> list[str]:
    """Return the functions that a module itself defines."""
    return [
        name
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__
    ]


def arguments(function: Function, texts: tuple[str, ...]) -> tuple[Any, ...]:
    """Return the arguments written in ``--at``, in the words of the function's file."""
    names = {"np": np, "math": math, **getattr(function, "__globals__", {})}
    values = []
    for text in texts:
        try:
            value = builtins.eval(text, names)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            raise click.BadParameter(
                f"{text!r}: {reason}", param_hint="--at"
            ) from error
        values.append(np.asarray(value, float) if is_numbers(value) else value)
    check_count(function, values)
    return tuple(values)


def is_numbers(value: Any) -> bool:
    """Whether a list is an array as a person writes it."""
    if not isinstance(value, list) or not value:
        return False
    return all(isinstance(part, (int, float)) or is_numbers(part) for part in value)


def check_count(function: Function, values: list[Any]) -> None:
    """Refuse arguments that do not fit the function's signature."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(*values)
    except TypeError as error:
        name = getattr(function, "__name__", "the function")
        text = f"{name}{signature} was given {len(values)} arguments: {error}"
        raise click.BadParameter(text, param_hint="--at") from error


@contextmanager
def users_code(name: str) -> Iterator[None]:
    """Turn what goes wrong in the user's code into a message and exit code 1."""
    try:
        with np.errstate(all="ignore"):
            yield
    except (WengertError, click.ClickException) as error:
        if isinstance(error, click.ClickException):
            raise
        raise click.ClickException(str(error)) from error
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        package = str(Path(wengert.__file__).parent)
        own = [frame for frame in frames if not frame.filename.startswith(package)]
        last = own[-1] if own else frames[-1]
        where = f"{Path(last.filename).name}:{last.lineno}"
        text = f"{where}: {name} raised {type(error).__name__}: {error}"
        raise click.ClickException(text) from error


def name_of(function: Function) -> str:
    """Return what a function is called."""
    return str(getattr(function, "__name__", "f"))


def recorded(function: Function, at: tuple[str, ...]) -> Tape:
    """Return the tape of a function at the arguments of the command line."""
    args = arguments(function, at)
    with users_code(name_of(function)):
        return wengert.record(function, *args)


FUNCTION = click.argument("function", type=FunctionType(), metavar="FILE:FUNCTION")
AT = click.option(
    "--at",
    "at",
    multiple=True,
    metavar="VALUE",
    help="An argument, in Python, once for each: 2.0, '[1, 2]', 'np.ones(3)', "
    "or a name of the file.",
)
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 96}


@click.group(context_settings=CONTEXT)
@click.version_option(wengert.__version__, prog_name="wengert")
def main() -> None:
    """Derivatives of plain NumPy programs, recorded on a tape.

    Exit codes: 0 done, 1 a check failed or the function raised, 2 wrong usage.
    """


# Looking at a tape


@main.command()
@FUNCTION
@AT
@click.option(
    "--as",
    "form",
    type=click.Choice(["text", "html", "numpy", "graph", "nest", "llvm", "spy"]),
    default="text",
    show_default=True,
    help="A listing, the microscope, NumPy source that runs by itself; or what native "
    "code is made of: values over axes, loops over buffers, LLVM's assembly; or which "
    "entries of its Jacobian may be nonzero, an SVG where the file's name ends so.",
)
@click.option("--html", "as_html", is_flag=True, help="The microscope: --as html.")
@click.option(
    "--absorbing",
    "absorbs",
    is_flag=True,
    help="Of graph, nest and llvm those in which a zero absorbs what is not finite: a "
    "call goes on there where that matters.",
)
@click.option(
    "--of",
    "what",
    type=click.Choice(["function", "gradient", "tangent", "jacobian"]),
    default="function",
    show_default=True,
    help="Which tape: of the function, or of a derivative of it.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write to a file, not to the screen.",
)
@click.option(
    "--open/--no-open", "opens", default=False, help="Open the microscope in a browser."
)
def show(
    function: Function,
    at: tuple[str, ...],
    form: str,
    as_html: bool,
    absorbs: bool,
    what: str,
    output: Path | None,
    opens: bool,
) -> None:
    """Record a function and show its tape.

    \b
    wengert show model.py:loss --at "np.ones(3)"
    wengert show model.py:loss --at "np.ones(3)" --open
    wengert show model.py:loss --at "np.ones(3)" --html -o loss.html
    wengert show model.py:loss --at 2.0 --of gradient --as numpy
    wengert show model.py:loss --at "np.ones(3)" --of gradient --as nest
    wengert show model.py:loss --at "np.ones(3)" --of gradient --as spy
    """
    if form == "spy":
        written(spied(function, at, what, output), output)
        return
    tape = recorded(function, at)
    with users_code(name_of(function)):
        if what != "function":
            makers = {
                "gradient": tape.grad_tape,
                "tangent": tape.tangent_tape,
                "jacobian": tape.jacobian_tape,
            }
            tape = makers[what]()
        if form == "html" or as_html or opens:
            with progress("writing the microscope"):
                path = tape.show(output, open_browser=opens)
            click.echo(str(path))
            return
        text = text_of(tape, form, name_of(function), absorbs)
    written(text, output)


def written(text: str, output: Path | None) -> None:
    """Print a text, or write it to a file."""
    if output is None:
        click.echo(text.rstrip("\n"))
    else:
        output.write_text(text, "utf-8")
        click.echo(str(output))


def spied(
    function: Function, at: tuple[str, ...], what: str, output: Path | None
) -> str:
    """Return the pattern of a function's Jacobian, or of its gradient's, coloured."""
    args = arguments(function, at)
    places = differentiable(args)
    is_second = what == "gradient"
    find = wengert.hessian_sparsity if is_second else wengert.jacobian_sparsity
    with users_code(name_of(function)):
        pattern = find(function, *args, argnums=places)
    colored = (wengert.color_symmetric if is_second else wengert.color_cols)(pattern)
    is_svg = output is not None and output.suffix == ".svg"
    return colored._repr_svg_() if is_svg else str(colored)


def text_of(tape: Tape, form: str, name: str, absorbs: bool) -> str:
    """Return a tape in one of the forms that are text."""
    if form == "numpy":
        return tape.to_numpy(name)
    return listing(tape) if form == "text" else stage_text(tape, form, absorbs)


def listing(tape: Tape) -> str:
    """Return the printed tape and its guards in words.

    With gradients where it has one real scalar output.
    """
    outputs = [tape.types[index] for index in tape.output_indices]
    tape.forward()
    if len(outputs) == 1 and outputs[0].shape == () and outputs[0].dtype.kind == "f":
        tape.backward()
    guards = tape.guards()
    return f"{tape}\n\n{guards}\n" if guards else f"{tape}\n"


@main.command()
@FUNCTION
@AT
@click.option("--repeats", default=5, show_default=True, help="Sweeps that are timed.")
def profile(function: Function, at: tuple[str, ...], repeats: int) -> None:
    """Time and bytes of a tape, by line, operation and node."""
    tape = recorded(function, at)
    with users_code(name_of(function)), progress("timing"):
        found = tape.profile(repeats)
    for part in found.tables():
        console().print(part)


# Derivatives


@main.command()
@FUNCTION
@AT
@click.option("--json", "as_json", is_flag=True, help="Print plain JSON.")
def grad(function: Function, at: tuple[str, ...], as_json: bool) -> None:
    """Value and gradient of a function that returns one number.

    \b
    wengert grad model.py:loss --at "[0.5, 1.5]" --at 2.0
    """
    args = arguments(function, at)
    places = differentiable(args)
    with users_code(name_of(function)):
        value, found = wengert.value_and_grad(function, places)(*args)
    names = argument_names(function, args)
    if as_json:
        gradient = {names[k]: plain(g) for k, g in zip(places, found, strict=True)}
        click.echo(json.dumps({"value": plain(value), "gradient": gradient}))
        return
    rows = []
    for k, g in zip(places, found, strict=True):
        for path, leaf, part in leaves_of(names[k], args[k], g):
            rows.append([path, shown(leaf), shown(part)])
    title = f"{name_of(function)} = {shown(value)}"
    console().print(table(title, ["argument", "value", "gradient"], rows))


def differentiable(args: tuple[Any, ...]) -> tuple[int, ...]:
    """Return the arguments that are numbers to differentiate by: floats, and nests."""
    from wengert.capture import tree

    def is_float(leaf: Any) -> bool:
        kind = getattr(getattr(leaf, "dtype", None), "kind", None)
        return kind in ("f", "c") or isinstance(leaf, (float, complex))

    places = tuple(
        k for k, arg in enumerate(args) if any(map(is_float, tree.flatten(arg)[0]))
    )
    if places or not args:
        return places
    return tuple(range(len(args)))  # integers alone: they are taken as floats


def argument_names(function: Function, args: tuple[Any, ...]) -> list[str]:
    """Return the names of a function's arguments."""
    from wengert.capture.record import parameter_names

    names = parameter_names(function)
    return [names[k] if k < len(names) else f"x{k}" for k in range(len(args))]


def leaves_of(name: str, arg: Any, g: Any) -> list[tuple[str, Any, Any]]:
    """Return the path, value and gradient of every leaf of an argument."""
    from wengert.capture import tree

    leaves, structure = tree.flatten(arg)
    paths = tree.paths(structure, name)
    return list(zip(paths, leaves, tree.flatten(g)[0], strict=True))


def shown(value: Any) -> str:
    """Return a number, or a short array, as text."""
    array = np.asarray(value)
    if array.ndim == 0:
        return f"{array[()]:.10g}" if array.dtype.kind in "fc" else str(array[()])
    if array.size <= 8:
        return np.array2string(array, precision=6, separator=" ").replace("\n", "")
    return f"{array.dtype}{list(array.shape)} {describe_value(array)}"


def plain(value: Any) -> Any:
    """Return nested results as plain Python data."""
    from wengert.capture import tree

    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    leaves, structure = tree.flatten(value)
    if structure is tree.LEAF:
        return value
    return tree.unflatten(structure, [plain(leaf) for leaf in leaves])


@main.command()
@FUNCTION
@AT
@click.option("--order", default=2, show_default=True, help="Highest order checked.")
def check(function: Function, at: tuple[str, ...], order: int) -> None:
    """Compare derivatives with numeric ones; a verdict for each argument.

    The table says how the remainder of a Taylor polynomial shrinks with the step h:
    a right gradient leaves h^2, a wrong one h.  The function is also recorded again, at
    the same arguments and a little further: a number that one tape keeps and another
    has otherwise is listed with its line.  Exit code 1 if anything is wrong.
    """
    args = arguments(function, at)
    places = differentiable(args)
    if not places:
        raise click.BadParameter("no argument is a number", param_hint="--at")
    names = argument_names(function, args)
    wrong: list[str] = []
    rows, steps = [], []
    with progress("checking", len(places)) as advance:
        for k in places:
            with users_code(name_of(function)):
                verdict, problem = judge(function, args, k, order)
                steps += remainders(function, args, k, names[k])
            if problem:
                wrong.append(f"{names[k]}: {problem}")
            rows.append([names[k], *verdict])
            advance()
    out = console()
    headings = ["argument", "verdict", "largest error", "tolerance", "comparisons"]
    out.print(table(f"check of {name_of(function)}", headings, rows, words=2))
    for name, tests, scale in steps:
        out.print(convergence_table(name, tests, scale))
    with users_code(name_of(function)):
        wrong += map(str, frozen_numbers(function, args))
    for problem in wrong:
        click.echo(problem, err=True)
    if wrong:
        raise click.exceptions.Exit(FAILED)


def judge(
    function: Function, args: tuple[Any, ...], k: int, order: int
) -> tuple[list[str], str]:
    """Return the verdict on the derivatives by one argument, and what is wrong."""

    def of_one(x: Any) -> Any:
        return function(*args[:k], x, *args[k + 1 :])

    of_one.__name__ = name_of(function)
    try:
        found = wengert.check_grads(of_one, (args[k],), order=order)
    except CheckError as error:
        return ["WRONG", "", "", ""], str(error)
    worst = max(found.comparisons, key=lambda c: c.error / max(c.tolerance, 1e-300))
    numbers = [f"{worst.error:.1e}", f"{worst.tolerance:.1e}"]
    return ["right", *numbers, str(len(found.comparisons))], ""


def remainders(
    function: Function, args: tuple[Any, ...], k: int, name: str
) -> list[tuple[str, Any, float]]:
    """Return the Taylor tests by one argument; none unless the result is a number."""

    def of_one(x: Any) -> Any:
        return function(*args[:k], x, *args[k + 1 :])

    value = of_one(args[k])
    if not isinstance(value, (float, np.floating)):
        return []
    tests = [wengert.taylor_test(of_one, args[k], order=order) for order in (1, 2)]
    return [(name, tests, abs(float(value)))]


def convergence_table(name: str, tests: Any, scale: float) -> Any:
    """Return the table of remainders and of the orders between the steps."""
    rows = []
    for j, h in enumerate(tests[0].steps):
        row = [f"{h:.2e}"]
        for test in tests:
            row += [f"{test.remainders[j]:.2e}", order_between(test, j, scale)]
        rows.append(row)
    headings = ["step h", "f - value - h g", "order", "... - h^2 H / 2", "order"]
    return table(f"remainders by {name}: orders near 2 and 3 are right", headings, rows)


def order_between(test: Any, j: int, scale: float) -> str:
    """Return the observed order between a step and the one before it."""
    if j == 0:
        return ""
    before, here = test.remainders[j - 1], test.remainders[j]
    if here <= ROUNDING * scale:
        return "(rounding)"
    return (
        f"{math.log(before / here) / math.log(test.steps[j - 1] / test.steps[j]):.2f}"
    )


# The dictionary


@main.command()
@click.argument("word", required=False, default="")
@click.option("--json", "as_json", is_flag=True, help="Print plain JSON.")
def ops(word: str, as_json: bool) -> None:
    """The table of operations; with WORD, those whose name has it."""
    from wengert.core.tape import class_name

    state_rooms(everything=True)
    answered = functions_of_operations()
    rows = []
    for name, operation in REGISTRY.items():
        if word.lower() in name or any(word in text for text in answered.get(name, [])):
            functions = ", ".join(answered.get(name, []))
            derivative = derivatives_of(operation)
            native = operation.native or ""
            rows.append([name, class_name(operation), functions, derivative, native])
    if as_json:
        keys = ("name", "class", "functions", "derivative", "native")
        click.echo(json.dumps([dict(zip(keys, row, strict=True)) for row in rows]))
        return
    if not rows:
        raise click.ClickException(f"no operation has {word!r} in its name")
    headings = ["operation", "node class", "answers", "derivative", "native code"]
    title = f"{len(rows)} of {len(REGISTRY)} operations; answered functions: "
    title += str(len(DISPATCH))
    console().print(table(title, headings, rows, words=5))


def functions_of_operations() -> dict[str, list[str]]:
    """Return the NumPy and SciPy functions that are one operation each."""
    found: dict[str, list[str]] = {}
    for function, operation in DISPATCH.items():
        if isinstance(operation, Operation):
            found.setdefault(operation.name, []).append(
                getattr(function, "__name__", "")
            )
    return found


def derivatives_of(operation: Operation) -> str:
    """Return how an operation states its derivative."""
    if not operation.is_differentiable:
        return "none"
    if operation.kind != "general":
        return operation.kind
    rules = [name for name in ("jvp", "vjp") if getattr(operation, name) is not None]
    return " and ".join(rules)


# Speed


@main.command()
@FUNCTION
@AT
def bench(function: Function, at: tuple[str, ...]) -> None:
    """Time the function, its eager gradient and its compiled forms."""
    args = arguments(function, at)
    places = differentiable(args)
    both = wengert.value_and_grad(function, places)
    ways: dict[str, Function] = {
        "plain NumPy, value": function,
        "jit, value": wengert.jit(function, wait=True),
        "eager, value and gradient": both,
        "jit, value and gradient": wengert.jit(both, wait=True),
    }
    rows, base = [], 0.0
    with progress("timing", len(ways)) as advance:
        for name, way in ways.items():
            with users_code(name_of(function)):
                first, seconds = timed(way, args)
            base = base or seconds
            rows.append(
                [name, time_text(first), time_text(seconds), f"{seconds / base:.2f}"]
            )
            advance()
    headings = ["way of calling", "first call", "a call", "over plain NumPy"]
    console().print(table(name_of(function), headings, rows))


def timed(way: Function, args: tuple[Any, ...]) -> tuple[float, float]:
    """Return the seconds of a first call, and the least of many later ones."""
    start = time.perf_counter()
    way(*args)
    first = time.perf_counter() - start
    best, end = math.inf, time.perf_counter() + BENCH_SECONDS
    while time.perf_counter() < end:
        start = time.perf_counter()
        way(*args)
        best = min(best, time.perf_counter() - start)
    return first, best


# The demo, and completion


@main.command()
@click.option(
    "-o",
    "--output",
    default="wengert-demo.html",
    show_default=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The report to write.",
)
@click.option("--quick", is_flag=True, help="Train for fewer epochs.")
@click.option(
    "--open/--no-open", "opens", default=False, help="Open it in the browser."
)
def demo(output: Path, quick: bool, opens: bool) -> None:
    """Run the example programs; write a report with their code, plots and tapes.

    Without matplotlib the plots are left out, without scikit-learn the network.
    """
    from wengert.show import report

    with progress("running the examples", report.STEPS) as advance:
        rows = report.write(output, advance, quick=quick)
    headings = ["program", "quantity", "result", "expected"]
    title = "derivatives of plain NumPy programs"
    console().print(table(title, headings, rows, words=4))
    for text in report.absent():
        click.echo(text, err=True)
    click.echo(str(output))
    if opens:
        click.launch(str(output.resolve()))


@main.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of a shell.

    \b
    eval "$(wengert completion bash)"
    """
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(main, {}, "wengert", "_WENGERT_COMPLETE").source())


if __name__ == "__main__":
    main()
