"""Figures of the demo, as SVG text."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

Array = np.ndarray[Any, Any]

BLUE, RED, GREY = "#1f5fbf", "#b3471d", "#69737d"
#: What the page around a figure gives in light and dark colours of its own.
INKS = {GREY: "currentColor", BLUE: "var(--blue)", RED: "var(--red)"}
STYLE: Any = {
    "text.color": GREY,
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.labelcolor": GREY,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "svg.hashsalt": "wengert",
}


def svg(figure: Figure) -> str:
    """Return a figure as an SVG element."""
    stream = StringIO()
    figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    for colour, name in INKS.items():
        text = text.replace(colour, name)
    return text


def new_figure(width: float = 5.4, height: float = 3.0) -> tuple[Figure, Any]:
    """Return an empty figure and its axes; sizes in inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def training_curve(losses: Sequence[float], accuracies: Sequence[float]) -> str:
    """Plot the loss and the held-out error of every epoch.

    Parameters
    ----------
    losses : mean cross-entropy of each epoch
    accuracies : fraction right of the held-out images after each epoch
    """
    with mpl.rc_context(STYLE):
        figure, axes = new_figure()
        epochs = np.arange(1, len(losses) + 1)
        axes.semilogy(epochs, losses, color=BLUE, label="training loss (nats)")
        wrong = 1.0 - np.asarray(accuracies)
        axes.semilogy(epochs, wrong, color=RED, label="held-out images misread (share)")
        axes.set_xlabel("epoch")
        axes.legend(frameon=False, labelcolor="linecolor")
        return svg(figure)


def lines(
    series: Sequence[tuple[str, Array, Array, str]], x_label: str, y_label: str = ""
) -> str:
    """Plot a few lines, or dots, over one axis.

    Parameters
    ----------
    series : sequence of (name, x, y, style)
        `x` and `y` are arrays of shape (n,), the style is one of matplotlib.  From the
        third on they are grey; a name that begins with an underline is not shown.
    x_label, y_label : str
    """
    with mpl.rc_context(STYLE):
        figure, axes = new_figure()
        for place, (name, x, y, style) in enumerate(series):
            colour = (BLUE, RED, GREY)[min(place, 2)]
            size = {"*": 13, ".": 3}.get(style, 4)
            above = 2 if style == "-" else 3
            axes.plot(
                x, y, style, color=colour, label=name, markersize=size, zorder=above
            )
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        # Above the axes, where no line can run through it.
        where: Any = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0), "ncols": 3}
        axes.legend(frameon=False, labelcolor="linecolor", **where)
        return svg(figure)


def smoothed_level(years: Array, flows: Array, level: Array, deviation: Array) -> str:
    """Plot a series, its smoothed level and a band of 90 percent.

    Parameters
    ----------
    years, flows, level, deviation : arrays, shape (n,)
        `deviation` is the standard deviation of the level, in the flows' unit.
    """
    quantile = 1.645  # of the normal distribution, 5 percent above
    with mpl.rc_context(STYLE):
        figure, axes = new_figure()
        low, high = level - quantile * deviation, level + quantile * deviation
        axes.fill_between(years, low, high, color=BLUE, alpha=0.16, linewidth=0)
        axes.plot(years, flows, "o", color=GREY, markersize=3, label="flow")
        axes.plot(years, level, color=BLUE, label="smoothed level, 90 % band")
        axes.set_ylabel("$10^8\\,$m$^3$ a year")
        axes.legend(frameon=False)
        return svg(figure)


def likelihood_surface(
    x: Array, y: Array, surface: Array, path: Array, slopes: Array
) -> str:
    """Plot contours of a log-likelihood, a fit's path, and gradients.

    Parameters
    ----------
    x : array, shape (n,), variances on the horizontal axis
    y : array, shape (m,), variances on the vertical axis
    surface : array, shape (m, n), log-likelihood below its maximum, at most 0
    path : array, shape (steps, 2)
        Variances that the fit went through.
    slopes : array, shape (k, 4)
        Points and uphill directions, as logarithms of variances.
    """
    levels = [-50, -20, -10, -5, -3, -2, -1, -0.5, -0.1]
    with mpl.rc_context(STYLE):
        figure, axes = new_figure(height=4.0)
        shades = [(0.35, 0.55, 0.85, a) for a in np.linspace(0.0, 0.6, len(levels) + 1)]
        bands = [-np.finfo(float).max, *levels, 1.0]
        axes.contourf(x, y, surface, bands, colors=shades)
        lines = axes.contour(x, y, surface, levels, colors=GREY, linewidths=0.5)
        axes.clabel(lines, fontsize=7, fmt="%g")
        axes.set_xscale("log")
        axes.set_yscale("log")
        at, direction = np.exp(slopes[:, :2]), slopes[:, 2:]
        unit = direction / np.linalg.norm(direction, axis=1, keepdims=True)
        axes.quiver(*at.T, *unit.T, color=GREY, width=0.002, scale=38)
        axes.plot(*path.T, "-o", color=RED, markersize=3, label="BFGS, exact gradient")
        axes.plot(*path[-1], "*", color=RED, markersize=13)
        axes.set_xlim(x[0], x[-1])
        axes.set_ylim(y[0], y[-1])
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(LogLocator(10, (1, 2, 5)))
            axis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
            axis.set_minor_locator(NullLocator())
        axes.set_xlabel("variance of the observations")
        axes.set_ylabel("variance of the level's steps")
        axes.legend(frameon=False, loc="lower left")
        return svg(figure)
