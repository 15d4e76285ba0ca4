"""What answers each message: inputs read from JSON, and results written to it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

import wengert as wg
from bench.gradbench import functions as fs
from bench.gradbench import structured
from bench.gradbench.hand import Hand
from bench.gradbench.protocol import Task

Given = Mapping[str, Any]
Make = Callable[[Any], Task]
#: A module of functions: with plain loops, or with structured ones.
Form = Any


def jitted(function: Callable[..., Any], args: tuple[Any, ...], written: Any) -> Task:
    """Return the task of calling a function, compiled."""
    compiled = wg.jit(function, wait=True)
    return Task(partial(compiled, *args), written)


def listed(result: Any) -> Any:
    """Return an array as lists."""
    return np.asarray(result).tolist()


def of_vector(function: Callable[..., Any], *names: str) -> dict[str, Make]:
    """Return value and gradient of a function of ``x`` and of named settings."""

    def value(given: Given) -> Task:
        more = [given[name] for name in names]
        return jitted(lambda x: function(x, *more), (np.array(given["x"]),), float)

    def gradient(given: Given) -> Task:
        more = [given[name] for name in names]
        slope = wg.grad(lambda x: function(x, *more))
        return jitted(slope, (np.array(given["x"]),), listed)

    return {"primal": value, "gradient": gradient}


def of_number(function: Callable[..., Any]) -> Make:
    """Return a function of a number."""
    return lambda given: jitted(function, (float(given),), float)


def ode(function: Callable[..., Any], derived: bool) -> Make:
    """Return the end of a chain, or the gradient of its last state."""

    def make(given: Given) -> Task:
        x, steps, start = np.array(given["x"]), given["s"], given.get("start", 0.0)
        end = lambda x: function(x, steps, np.full_like(x, start))  # noqa: E731
        last = wg.grad(lambda x: end(x)[-1])
        return jitted(last if derived else end, (x,), listed)

    return make


def det(derived: bool) -> Make:
    """Return a determinant, or its gradient."""

    def make(given: Given) -> Task:
        a = np.array(given["A"]).reshape(given["ell"], given["ell"])
        if not derived:
            return jitted(fs.det, (a,), float)
        return jitted(wg.grad(fs.det), (a,), lambda g: listed(g.ravel()))

    return make


def kmeans(function: Callable[..., Any]) -> Make:
    """Return a function of centroids and points."""

    def make(given: Given) -> Task:
        args = np.array(given["centroids"]), np.array(given["points"])
        return jitted(function, args, listed)

    return make


def below_diagonal(d: int) -> tuple[Any, int]:
    """Return the places of a strictly lower triangle's elements, and their count."""
    count = d * (d - 1) // 2
    places = np.full((d, d), count)
    places.T[np.triu_indices(d, 1)] = np.arange(count)
    return places, count


def gmm(derived: bool) -> Make:
    """Return the posterior of a mixture, or its gradient."""

    def make(given: Given) -> Task:
        d, k = given["d"], given["k"]
        below, count = below_diagonal(d)
        args = [np.array(given[name]) for name in ("alpha", "mu", "q")]
        args += [np.array(given["l"]).reshape(k, count), np.array(given["x"])]
        gamma, m = given["gamma"], given["m"]

        def f(*args: Any) -> Any:
            return fs.gmm(*args, below, (gamma, m)) + constant(len(args[-1]))

        def constant(n: int) -> float:
            nu = d + m + 1
            gammas = sum(math.lgamma(0.5 * (nu + 1 - j)) for j in range(1, d + 1))
            wishart = nu * d * (math.log(gamma) - 0.5 * math.log(2))
            wishart -= 0.25 * d * (d - 1) * math.log(math.pi) + gammas
            return k * wishart - n * d * 0.5 * math.log(2 * math.pi)

        if not derived:
            return jitted(f, tuple(args), float)
        names = ("alpha", "mu", "q", "l")
        write = lambda g: dict(zip(names, map(listed, g), strict=True))  # noqa: E731
        return jitted(wg.grad(f, argnums=(0, 1, 2, 3)), tuple(args), write)

    return make


def lstm(function: Callable[..., Any], derived: bool) -> Make:
    """Return the loss of a text, or its gradient."""

    def make(given: Given) -> Task:
        names = ("main_params", "extra_params", "state", "sequence")
        args = tuple([np.array(given[name]) for name in names])
        if not derived:
            return jitted(function, args, float)
        write = lambda g: listed(np.concatenate([x.ravel() for x in g]))  # noqa: E731
        return jitted(wg.grad(function, argnums=(0, 1)), args, write)

    return make


# Bundle adjustment


def observations(given: Given) -> tuple[Any, ...]:
    """Return camera, point, weight and feature of each observation."""
    p = given["p"]
    every = [np.tile(np.array(given[name]), (p, 1)) for name in ("cam", "x", "feat")]
    return every[0], every[1], np.full(p, float(given["w"])), every[2]


def ba_objective(given: Given) -> Task:
    """Return the errors of all observations, which are alike."""
    args, mapped = observations(given), wg.jit(wg.vmap(fs.residuals), wait=True)

    def written(result: Any) -> Any:
        far, heavy = result
        first = {"elements": listed(far[0]), "repeated": len(far)}
        return {
            "reproj_error": first,
            "w_err": {"element": float(heavy[0]), "repeated": len(heavy)},
        }

    return Task(partial(mapped, *args), written)


def ba_jacobian(given: Given) -> Task:
    """Return the sparse Jacobian by cameras, points and weights, row by row."""
    n, m, p = given["n"], given["m"], given["p"]
    every = np.arange(p, dtype=np.int32)

    def packed(*args: Any) -> tuple[Any, Any, Any]:
        rows, slopes = wg.vmap(fs.observed)(*args)
        columns = np.empty(31 * p, np.int32)
        of_rows = columns[: 30 * p].reshape(p, 2, 15)
        of_rows[:, :, :11] = (11 * (every % n))[:, None, None] + np.arange(11)
        of_rows[:, :, 11:14] = (11 * n + 3 * (every % m))[:, None, None] + np.arange(3)
        of_rows[:, :, 14] = (11 * n + 3 * m + every)[:, None]
        columns[30 * p :] = 11 * n + 3 * m + every
        starts = np.append(np.arange(0, 30 * p, 15), np.arange(30 * p, 31 * p + 1))
        return starts, columns, np.concatenate((rows.ravel(), slopes))

    def written(result: Any) -> Any:
        parts = zip(("rows", "cols", "vals"), result, strict=True)
        return {name: listed(np.append(x[:30], x[-1])) for name, x in parts}

    return jitted(packed, observations(given), written)


# Hand tracking


def ht_objective(given: Given) -> Task:
    """Return how far all points are from the hand."""
    hand, theta, us = Hand(given["data"]), np.array(given["theta"]), given["us"]
    write = lambda r: listed(r.ravel())  # noqa: E731
    if us:
        return jitted(hand.of_triangles, (theta, np.array(us)), write)
    return jitted(hand.of_vertices, (theta,), write)


def ht_jacobian(given: Given) -> Task:
    """Return the Jacobian by the pose, behind two columns by the places if there are.

    Each point has places of its own, so that one step for all gives those columns.
    """
    hand, theta, us = Hand(given["data"]), np.array(given["theta"]), given["us"]
    write = lambda j: listed(j.reshape(-1, j.shape[-1]))  # noqa: E731
    if not us:
        return jitted(wg.jacobian(hand.of_vertices), (theta,), write)

    def moved(step: Any, theta: Any, us: Any) -> Any:
        return hand.of_triangles(theta, us + step)

    def columns(step: Any, theta: Any, us: Any) -> Any:
        parts = wg.jacobian(moved, argnums=(0, 1))(step, theta, us)
        return np.concatenate(parts, axis=-1)

    return jitted(columns, (np.zeros(2), theta, np.array(us)), write)


# Derivatives of what holds a derivative, outer mode first

#: What is asked in every step of a descent, compiled like what it descends along.
LENGTH = wg.jit(fs.length, wait=True)


def particle(form: Form, outer: Any, inner: Any) -> Make:
    """Return the charge's place at which a particle lands where it should."""

    def make(given: Given) -> Task:
        force = inner(fs.potential)

        def landing(w: Any) -> Any:
            return form.landing(w[0], force)

        start = np.array([given["w"]], float)
        descent = fs.descent(landing, outer(landing))
        return Task(partial(descent, start), lambda w: float(w[0]))

    return make


def saddle(form: Form, outer: Any, inner: Any) -> Make:
    """Return where the worst case of one player is best for the other."""

    def make(given: Given) -> Task:
        start = np.array(given["start"], float)

        def worst(x: Any, start: Any) -> Any:
            return fs.worst(x, start, inner, form.descend)

        def value(x: Any, start: Any) -> Any:
            return fs.saddle(x, worst(x, start))

        descent = fs.descent(value, outer(value))
        last = wg.jit(worst, wait=True)

        def call() -> Any:
            x = descent(start, start)
            return np.concatenate((x, last(x, start)))

        return Task(call, listed)

    return make


MODES = {"f": wg.jacfwd, "r": wg.grad}


def with_loops(form: Form) -> dict[str, dict[str, Make]]:
    """Return the evals that have loops, in one of both forms."""
    nested = [
        {i + j: make(form, MODES[i], MODES[j]) for i in MODES for j in MODES}
        for make in (particle, saddle)
    ]
    return {
        "llsq": of_vector(form.llsq, "n"),
        "ode": {"primal": ode(form.ode, False), "gradient": ode(form.ode, True)},
        "lstm": {
            "objective": lstm(form.lstm, False),
            "jacobian": lstm(form.lstm, True),
        },
        "particle": nested[0],
        "saddle": nested[1],
    }


EVALS: dict[str, dict[str, Make]] = {
    "hello": {"square": of_number(fs.square), "double": of_number(wg.grad(fs.square))},
    "lse": of_vector(fs.lse),
    "det": {"primal": det(False), "gradient": det(True)},
    "kmeans": {"cost": kmeans(fs.cost), "dir": kmeans(fs.newton)},
    "gmm": {"objective": gmm(False), "jacobian": gmm(True)},
    "ba": {"objective": ba_objective, "jacobian": ba_jacobian},
    "ht": {"objective": ht_objective, "jacobian": ht_jacobian},
    **with_loops(fs),
}
#: Plain NumPy answers every eval; those with loops have structured ones, too.
FORMS = {"plain": EVALS, "structured": with_loops(structured)}
