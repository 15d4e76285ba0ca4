"""The demo: the example programs run, and an HTML report of what they found."""

from __future__ import annotations

import html
import importlib.util
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize

import wengert as wg
from wengert.show import plots
from wengert.show.html import notebook_frame

#: Steps of the progress bar.
STEPS = 8
EPOCHS, QUICK_EPOCHS = 40, 8
#: Points of the likelihood surface along one axis, and arrows along one axis.
GRID, ARROWS = 80, 9
Rows = list[tuple[str, str, str, str]]

TITLES = {
    "hand_built_tape": "A tape built by hand",
    "digits": "A network reads handwritten digits",
    "nile": "A Kalman filter fits the Nile",
    "newton": "Through Newton's while loop",
}
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>wengert: the demo</title><style>
body {{ max-width: 920px; margin: 32px auto 80px; padding: 0 18px; color: #1d2328;
  background: #fbfaf7; font: 15px/1.55 system-ui, "Segoe UI", sans-serif; }}
h1 {{ font-size: 24px; }} h2 {{ font-size: 18px; margin: 40px 0 6px; }}
p {{ margin: 6px 0; }} svg {{ width: 100%; height: auto; }}
table {{ border-collapse: collapse; margin: 12px 0; font-size: 13.5px; }}
td, th {{ text-align: left; padding: 3px 18px 3px 0; vertical-align: top; }}
th {{ color: #69737d; font-weight: 500; border-bottom: 1px solid #e2ded6; }}
summary {{ cursor: pointer; color: #1f5fbf; margin: 10px 0; }}
figure {{ margin: 14px 0; background: #fff; border: 1px solid #e2ded6;
  border-radius: 7px; padding: 12px; }}
figcaption {{ color: #69737d; font-size: 13px; }}
</style></head><body>
<h1>Derivatives of plain NumPy programs</h1>
<p>Every program below is plain NumPy.  wengert recorded it and gave the exact gradient;
all figures were computed when this page was written, in {seconds:.1f} seconds.</p>
{body}
</body></html>
"""


def write(path: Path, advance: Callable[[], None], quick: bool = False) -> Rows:
    """Run the examples and write the report.

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
    parts = []
    for name, section in SECTIONS.items():
        found, content = section(advance, quick)
        label = TITLES[name]
        for row in found:
            rows.append((label, *row))
            label = ""
        heading = f"<h2>{html.escape(TITLES[name])}</h2>"
        parts.append(heading + result_table(found) + content)
        advance()
    seconds = time.perf_counter() - start
    path.write_text(PAGE.format(body="\n".join(parts), seconds=seconds), "utf-8")
    return rows


@cache
def example(name: str) -> Any:
    """Return an example program as a module."""
    package = Path(wg.__file__).parent
    folders = (package / "examples", package.parent / "examples")
    folder = next(folder for folder in folders if (folder / "nile.py").exists())
    full_name = f"wengert_examples_{name}"
    spec = importlib.util.spec_from_file_location(full_name, folder / f"{name}.py")
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


def figure(svg: str, caption: str) -> str:
    """Return a plot with its caption."""
    return f"<figure>{svg}<figcaption>{caption}</figcaption></figure>"


def tape_frame(tape: Any, words: str) -> str:
    """Return a tape's microscope, folded away."""
    frame = notebook_frame(tape).replace("<iframe ", '<iframe loading="lazy" ')
    count = f"{len(tape):,} nodes"
    return (
        f"<details><summary>{words}: {count}, step by step</summary>{frame}</details>"
    )


# One section a program


def hand_built_section(advance: Any, quick: bool) -> tuple[Any, str]:
    """Return the results and the tape of the program built by hand."""
    tape = wg.Tape()
    product = wg.Multiply(wg.ConstantNode(2, tape), wg.ConstantNode(3, tape), tape)
    wg.Multiply(wg.ConstantNode(5, tape), product, tape)
    tape.forward()
    tape.backward()
    return example("hand_built_tape").main(), tape_frame(tape, "The tape")


def digits_section(advance: Any, quick: bool) -> tuple[Any, str]:
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
    curve = plots.training_curve(losses, accuracies)
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
    return rows, figure(curve, caption) + tape_frame(tape, "The tape of one batch")


def nile_section(advance: Any, quick: bool) -> tuple[Any, str]:
    """Return the results, the plots and the tape of the Nile."""
    program = example("nile")
    rows = program.main()
    advance()
    objective, flows = program.negative_log_likelihood, program.FLOWS
    path = fit_path(objective, flows)
    level, deviation = smoothed(objective, path[-1], flows)
    years = np.arange(1871, 1871 + len(flows))
    series = plots.smoothed_level(years, flows, level, deviation)
    advance()
    surface = surface_plot(objective, flows, path)
    tape = wg.record(objective, path[-1], flows)
    advance()
    return rows, (
        figure(
            series,
            "The flow at Aswan and its smoothed level.  No smoother was written: the "
            "level is the flow minus the observations' variance times the gradient of "
            "minus the log-likelihood by the flows, its band comes from the Hessian.",
        )
        + figure(
            surface,
            "The log-likelihood below its maximum, its gradient at some points, and "
            "the path of the fit.",
        )
        + tape_frame(tape, "The tape of the likelihood")
    )


def newton_section(advance: Any, quick: bool) -> tuple[Any, str]:
    """Return the results and the tape of the loop that finds a root."""
    program = example("newton")
    tape = wg.record(program.eccentric_anomaly, np.array([0.6, 1.0]))
    return program.main(), tape_frame(tape, "The tape, its loop test as guards")


SECTIONS = {
    "hand_built_tape": hand_built_section,
    "digits": digits_section,
    "nile": nile_section,
    "newton": newton_section,
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


def surface_plot(objective: Any, flows: Any, path: Any) -> str:
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
    return plots.likelihood_surface(
        np.exp(x), np.exp(y), surface, np.exp(path), np.array(arrows)
    )
