"""The demo: the example programs run, and an HTML report of what they found."""

from __future__ import annotations

import html
import importlib.util
import keyword
import sys
import time
import tokenize
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from io import StringIO
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import minimize

import wengert as wg
from wengert.core.tape import Tape
from wengert.show.html import fragment

#: Steps of the progress bar.
STEPS = 13
EPOCHS, QUICK_EPOCHS = 40, 8
#: Points of the likelihood surface along one axis, and arrows along one axis.
GRID, ARROWS = 80, 9
Rows = list[tuple[str, str, str, str]]

TITLES = {
    "hand_built_tape": "A tape built by hand",
    "digits": "A network reads handwritten digits",
    "nile": "A Kalman filter fits the Nile",
    "newton": "Through Newton's while loop",
    "calibration": "A smile calibrated, an option and its Greeks",
    "collocation": "A pendulum is swung up",
    "counts": "A Poisson regression, its mode and its posterior",
    "process": "A Gaussian process, fitted and sampled",
    "dynamics": "An ODE is fitted, a wave differentiated",
}
WORDS = {
    "hand_built_tape": "Five nodes, made one by one: play them, or step.",
    "digits": "The training loop is plain NumPy; the gradient of a batch is one call.",
    "nile": "The filter is a loop over the years; SciPy fits it with exact gradients.",
    "newton": "The loop runs until its step is small; its derivative goes through it.",
    "calibration": "SciPy fits the smile with its exact Jacobian; every simulated "
    "path gives the price's derivatives besides its payoff.",
    "collocation": "The path of an optimal control is found with the Jacobian of its "
    "constraints.",
    "counts": "One log density: Newton's method takes its Hessian, Hamiltonian Monte "
    "Carlo its gradient.",
    "process": "The marginal likelihood is a Cholesky factor and its solves; the fit "
    "and the sampler take its gradient.",
    "dynamics": "Loops as one writes them, Runge-Kutta and upwind differences in "
    "slices, differentiated as they stand.",
}
#: Packages that the demo can do without, and what is left out then.
EXTRAS = {
    "matplotlib": "draws the plots",
    "sklearn": "brings 1,797 pictures of handwritten digits",
}
INSTALLED_AS = {"sklearn": "scikit-learn"}


class Found(NamedTuple):
    """What one program gave.

    Attributes
    ----------
    rows : list of (quantity, result, expected)
    figures : str, plots as HTML
    tape : the tape to look at, or None
    words : what the tape is
    """

    rows: Sequence[tuple[str, str, str]]
    figures: str
    tape: Tape | None
    words: str


def write(path: Path, advance: Callable[[], None], quick: bool = False) -> Rows:
    """Run the examples and write the report.

    What needs a package that is not installed is left out, and the page says so.

    Parameters
    ----------
    path : where to write the page
    advance : called after each of the `STEPS` steps
    quick : train the network for fewer epochs

    Returns
    -------
    list of (program, quantity, result, expected)
    """
    start = time.perf_counter()
    rows: Rows = []
    parts: list[str] = []
    for name, section in SECTIONS.items():
        found = attempt(section, advance, quick)
        label = TITLES[name]
        for row in found.rows:
            rows.append((label, *row))
            label = ""
        parts.append(section_html(name, found, opens=not parts))
        advance()
    seconds = time.perf_counter() - start
    folder = files("wengert.show")
    template = Template(folder.joinpath("report.html").read_text("utf-8"))
    page = template.substitute(
        body="\n".join(parts), links=links(), seconds=f"{seconds:.1f}"
    )
    path.write_text(page, "utf-8")
    return rows


def attempt(section: Any, advance: Callable[[], None], quick: bool) -> Found:
    """Run one program; say in words which package it lacks."""
    try:
        return section(advance, quick)  # type: ignore[no-any-return]
    except ImportError as error:
        lacking = missing(error)
        return Found([("left out", lacking, "")], note(lacking), None, "")


def missing(error: ImportError) -> str:
    """Return what a package would bring, and how to install it; or raise again."""
    name = (error.name or "").partition(".")[0]
    if name not in EXTRAS:
        raise error
    return describe_extra(name)


def absent() -> list[str]:
    """Return what the packages that are not installed would bring."""
    return [
        describe_extra(name)
        for name in EXTRAS
        if importlib.util.find_spec(name) is None
    ]


def describe_extra(name: str) -> str:
    """Return what a package that is not installed would bring, and how to have it."""
    package = INSTALLED_AS.get(name, name)
    return f"{package} {EXTRAS[name]} and is not installed: pip install {package}"


def note(text: str) -> str:
    """Return a remark in the place of what is left out."""
    return f'<p class="note">Left out here: {html.escape(text)}</p>'


def links() -> str:
    """Return a link to every program's section."""
    return " ".join(
        f'<a href="#{name}">{html.escape(TITLES[name])}</a>' for name in SECTIONS
    )


def section_html(name: str, found: Found, opens: bool) -> str:
    """Return a program's title, its code beside what it found, and its tape."""
    source = Path(example_path(name)).read_text("utf-8")
    parts = [
        f'<section id="{name}"><h2>{html.escape(TITLES[name])}</h2>',
        f"<p>{html.escape(WORDS[name])}</p>",
        f'<div class="pair"><div class="code"><h3>{name}.py</h3>',
        f'<pre tabindex="0"><code>{highlighted(source)}</code></pre></div>',
        f'<div class="found">{result_table(found.rows)}{found.figures}</div></div>',
    ]
    if found.tape is not None:
        count = f"{len(found.tape):,} nodes"
        parts += [
            f"<details{' open' if opens else ''}>",
            f"<summary>{html.escape(found.words)}: {count}, step by step</summary>",
            fragment(found.tape),
            "</details>",
        ]
    return "\n".join([*parts, "</section>"])


#: How tokens of Python are shown, by their kind.
CLASSES = {tokenize.STRING: "string", tokenize.COMMENT: "comment"}


def highlighted(source: str) -> str:
    """Return Python source as HTML: its words, texts and remarks in colours."""
    lines = source.splitlines(keepends=True)
    parts: list[str] = []
    row, column = 1, 0

    def copy(to: tuple[int, int]) -> None:
        nonlocal row, column
        while row < to[0]:
            parts.append(html.escape(lines[row - 1][column:]))
            row, column = row + 1, 0
        parts.append(
            html.escape(lines[row - 1][column : to[1]] if lines[row - 1 :] else "")
        )
        column = to[1]

    for token in tokenize.generate_tokens(StringIO(source).readline):
        is_word = token.type == tokenize.NAME and keyword.iskeyword(token.string)
        kind = "word" if is_word else CLASSES.get(token.type)
        if kind is None:
            continue
        copy(token.start)
        parts.append(f'<span class="{kind}">')
        copy(token.end)
        parts.append("</span>")
    copy((len(lines) + 1, 0))
    return "".join(parts)


def example_path(name: str) -> Path:
    """Return where an example program lies: in the package, or beside it in a clone."""
    package = Path(wg.__file__).parent
    folders = (package / "examples", package.parent / "examples")
    return next(path for f in folders if (path := f / f"{name}.py").exists())


@cache
def example(name: str) -> Any:
    """Return an example program as a module."""
    full_name = f"wengert_examples_{name}"
    spec = importlib.util.spec_from_file_location(full_name, example_path(name))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[full_name] = module
    spec.loader.exec_module(module)
    return module


def result_table(rows: Any) -> str:
    """Return rows of (quantity, result, expected) as an HTML table."""
    cells = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    head = "<tr><th>quantity</th><th>result</th><th>expected</th></tr>"
    return f"<table>{head}{cells}</table>"


def figure(plot: Callable[[Any], str], caption: str) -> str:
    """Return a plot with its caption; a remark where plots cannot be drawn."""
    try:
        from wengert.show import plots
    except ImportError as error:
        return note(missing(error))
    return f"<figure>{plot(plots)}<figcaption>{caption}</figcaption></figure>"


# One section a program


def hand_built_section(advance: Any, quick: bool) -> Found:
    """Return the results and the tape of the program built by hand."""
    program = example("hand_built_tape")
    return Found(program.main(), "", program.build()[0], "The tape")


def digits_section(advance: Any, quick: bool) -> Found:
    """Return the results, the training curve and the tape of the network."""
    program = example("digits")
    images, labels = program.load_digits(return_X_y=True)
    images = images / 16.0
    rng = np.random.default_rng(0)
    order = rng.permutation(len(images))
    test, training = order[: program.HELD_OUT], order[program.HELD_OUT :]
    layers = program.new_layers(rng)
    losses: list[float] = []
    accuracies: list[float] = []

    def watch(loss: float, now: Any) -> None:
        losses.append(loss)
        accuracies.append(program.accuracy(now, images[test], labels[test]))

    epochs = QUICK_EPOCHS if quick else EPOCHS
    start = time.perf_counter()
    program.train(layers, images[training], labels[training], epochs, watch)
    seconds = time.perf_counter() - start
    advance()
    batch = training[: program.BATCH]
    tape = wg.record(program.loss, layers, images[batch], labels[batch])
    rows = [
        ("training images, epochs", f"{len(training)}, {epochs}", ""),
        ("time, evaluation included", f"{seconds:.1f} s", ""),
        (
            f"accuracy on {len(test)} held-out images",
            f"{accuracies[-1]:.1%}",
            "over 95%" if quick else "over 97%",
        ),
    ]
    caption = "Training by stochastic gradient descent; the gradient is one call."
    curve = figure(lambda plots: plots.training_curve(losses, accuracies), caption)
    return Found(rows, curve, tape, "The tape of one batch")


def nile_section(advance: Any, quick: bool) -> Found:
    """Return the results, the plots and the tape of the Nile."""
    program = example("nile")
    rows = program.main()
    advance()
    objective, flows = program.negative_log_likelihood, program.FLOWS
    path = fit_path(objective, flows)
    level, deviation = smoothed(objective, path[-1], flows)
    years = np.arange(1871, 1871 + len(flows))
    series = figure(
        lambda plots: plots.smoothed_level(years, flows, level, deviation),
        "The flow at Aswan and its smoothed level.  No smoother was written: the "
        "level is the flow minus the observations' variance times the gradient of "
        "minus the log-likelihood by the flows, its band comes from the Hessian.",
    )
    advance()
    surface = figure(
        lambda plots: surface_plot(plots, objective, flows, path),
        "The log-likelihood below its maximum, its gradient at some points, and "
        "the path of the fit.",
    )
    tape = wg.record(objective, path[-1], flows)
    advance()
    return Found(rows, series + surface, tape, "The tape of the likelihood")


def newton_section(advance: Any, quick: bool) -> Found:
    """Return the results and the tape of the loop that finds a root."""
    program = example("newton")
    tape = wg.record(program.eccentric_anomaly, np.array([0.6, 1.0]))
    return Found(program.main(), "", tape, "The tape, its loop test as guards")


def calibration_section(advance: Any, quick: bool) -> Found:
    """Return the results of the smile and the tape of one path of the option."""
    program = example("calibration")
    strikes, grid = program.STRIKES, np.linspace(65.0, 140.0, 100)
    quotes = program.smile(program.TRUTH, strikes)
    fitted = program.smile(program.calibrate(quotes), grid)
    series = [("quoted", strikes, quotes, "o"), ("calibrated", grid, fitted, "-")]
    plot = figure(
        lambda plots: plots.lines(series, "strike", "implied volatility"),
        "The quoted volatilities and the calibrated smile.",
    )
    market = np.array([100.0, program.TRUTH[0], 0.03])
    normals = np.random.default_rng(1).normal(size=program.STEPS)
    tape = wg.record(program.asian_call, market, normals)
    words = "The tape of one path, its payoff as a guard"
    return Found(program.main(), plot, tape, words)


def collocation_section(advance: Any, quick: bool) -> Found:
    """Return the results of the swing-up and the tape of its constraints."""
    program = example("collocation")
    found = program.solve(5.0, np.pi).x
    times = np.linspace(0.0, program.DURATION, program.KNOTS)
    labels = ("angle (rad)", "speed (rad/s)", "torque (rad/s\u00b2)")
    parts = program.split(found)
    series = [(*part, "-") for part in zip(labels, [times] * 3, parts, strict=True)]
    plot = figure(
        lambda plots: plots.lines(series, "time (s)"),
        "The swing-up: angle, speed and the torque of the least effort.",
    )
    tape = wg.record(program.defects, found, 5.0, np.pi)
    return Found(program.main(), plot, tape, "The tape of the constraints")


def counts_section(advance: Any, quick: bool) -> Found:
    """Return the results of the regression and the tape of its log density."""
    program = example("counts")
    mode, covariance = program.newton()
    draws = program.hmc(mode, np.sqrt(np.diag(covariance)), 600)
    series = [
        ("draws", draws[:, 1], draws[:, 2], "."),
        ("mode", mode[1:2], mode[2:], "*"),
    ]
    plot = figure(
        lambda plots: plots.lines(series, "second weight", "third weight"),
        "Draws of Hamiltonian Monte Carlo around the mode that Newton's method found.",
    )
    tape = wg.record(program.energy, mode)
    return Found(program.main(), plot, tape, "The tape of the log density")


def process_section(advance: Any, quick: bool) -> Found:
    """Return the results of the process and the tape of its likelihood."""
    program = example("process")
    mode, _ = program.fit()
    years = np.linspace(1865.0, 1980.0, 231)
    mean, deviation = program.predict(years, mode)
    series = [
        ("flow, two years each", program.YEARS, program.FLOWS, "o"),
        ("process", years, mean, "-"),
        ("one deviation from it", years, mean - deviation, ":"),
        ("_above", years, mean + deviation, ":"),
    ]
    plot = figure(
        lambda plots: plots.lines(series, "year"),
        "The Nile's flow, and the Gaussian process of the most likely hyperparameters.",
    )
    tape = wg.record(program.negative_log_marginal, mode)
    return Found(program.main(), plot, tape, "The tape of the marginal likelihood")


def dynamics_section(advance: Any, quick: bool) -> Found:
    """Return the results of the fit and the wave, and the tape of the wave."""
    program = example("dynamics")
    cells = np.arange(program.CELLS)
    wave = 1.0 + 0.5 * np.sin(2.0 * np.pi * cells / program.CELLS)
    series = [
        ("wave at the start", cells, wave, "-"),
        ("at the end", cells, program.burgers(wave), "-"),
        ("10 times the influence", cells, 10.0 * program.influence(wave, 30), "-"),
    ]
    plot = figure(
        lambda plots: plots.lines(series, "cell"),
        "A wave that steepens, and the influence of each cell of the start on cell 30 "
        "of the end: one gradient through all steps.",
    )
    tape = wg.record(program.burgers, wave)
    return Found(program.main(), plot, tape, "The tape of the wave")


SECTIONS = {
    "hand_built_tape": hand_built_section,
    "digits": digits_section,
    "nile": nile_section,
    "newton": newton_section,
    "calibration": calibration_section,
    "collocation": collocation_section,
    "counts": counts_section,
    "process": process_section,
    "dynamics": dynamics_section,
}


# The Nile: everything from derivatives of one likelihood


def fit_path(objective: Any, flows: Any) -> Any:
    """Return the points, shape (steps, 2), that a fit by gradients goes through."""
    guess = np.full(2, np.log(np.var(flows)))
    points = [guess]
    gradient = wg.value_and_grad(objective)
    minimize(
        gradient,
        guess,
        args=(flows,),
        jac=True,
        method="BFGS",
        callback=lambda point: points.append(np.array(point)),
    )
    return np.array(points)


def smoothed(objective: Any, log_variances: Any, flows: Any) -> tuple[Any, Any]:
    """Return the smoothed level and its standard deviation, both of shape (n,).

    Notes
    -----
    With u the gradient and H the Hessian of minus the log-likelihood by the
    observations, the smoothed error of observation t is s_eps u_t and its variance
    s_eps - s_eps^2 H_tt (J. Durbin and S. J. Koopman, 2012, section 2.5: the smoothing
    error u_t and its variance D_t).
    """
    s_eps = np.exp(log_variances[0])
    u = wg.grad(objective, 1)(log_variances, flows)
    h = wg.hessian(objective, 1)(log_variances, flows)
    return flows - s_eps * u, np.sqrt(s_eps - s_eps**2 * np.diag(h))


def surface_plot(plots: Any, objective: Any, flows: Any, path: Any) -> str:
    """Return the plot of the likelihood surface around a fit."""
    best = path[-1]
    x = np.linspace(best[0] - 1.2, best[0] + 1.5, GRID)
    y = np.linspace(best[1] - 3.5, best[1] + 3.2, GRID)
    # The likelihood is plain NumPy: it takes a grid of variances at once.
    surface = objective(best, flows) - objective(np.stack(np.meshgrid(x, y)), flows)
    gradient = wg.grad(objective)
    arrows = [
        [p, q, *-gradient(np.array([p, q]), flows)]
        for p in np.linspace(x[4], x[-5], ARROWS)
        for q in np.linspace(y[4], y[-5], ARROWS)
    ]
    plot: str = plots.likelihood_surface(
        np.exp(x), np.exp(y), surface, np.exp(path), np.array(arrows)
    )
    return plot
