"""Sparse Jacobians and Hessians of Lagrangians, beside CasADi and asdex.

Run: ``python bench/sparse.py``; CasADi and asdex (with JAX) are left out where they are
not installed.  Every program is written once, as a plain Python loop or in arrays.
Set-up is all until a call is native, without imports, and the first call a part of it;
calls are the best settled ones, which take turns, CasADi's with its buffers bound.
IPOPT is given the same problem, start and options by both: first with all set-up, and
then again.  CasADi holds a newer one than the wheels of cyipopt do, which is handed
CasADi's functions too.  One thread.
"""

from __future__ import annotations

import argparse
import importlib
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy
import scipy.sparse

import wengert as wg
from measure import interleaved

Program = Callable[..., Any]


def optional(name: str) -> Any:
    """Return a module; None where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


# Programs, of a module with NumPy's names


def cart_pole(np: Any, z: Any, nodes: int) -> list[Any]:
    """Return the defects of a cart with a pole, by trapezoids: a plain loop."""
    h, found = 2.0 / (nodes - 1), []
    states = [[z[5 * k + i] for i in range(4)] for k in range(nodes)]
    slopes = [slope(np, states[k], z[5 * k + 4]) for k in range(nodes)]
    for k in range(nodes - 1):
        for i in range(4):
            step = 0.5 * h * (slopes[k][i] + slopes[k + 1][i])
            found.append(states[k + 1][i] - states[k][i] - step)
    ends = [1.0, numpy.pi, 0.0, 0.0]
    return [*found, *states[0], *[states[-1][i] - ends[i] for i in range(4)]]


def slope(np: Any, y: Any, u: Any) -> list[Any]:
    """Return the slopes of place, angle and their speeds."""
    m, pole, length, g = 1.0, 0.3, 0.5, 9.81
    s, c = np.sin(y[1]), np.cos(y[1])
    d = m + pole * s * s
    pull = length * pole * s * y[3] * y[3]
    cart = (pull + u + pole * g * c * s) / d
    swing = -(pull * c + u * c + (m + pole) * g * s) / (length * d)
    return [y[2], y[3], cart, swing]


def effort(z: Any) -> Any:
    """Return the sum of the squared forces."""
    return (z[4::5] ** 2).sum()


def rosenbrock(np: Any, x: Any) -> Any:
    """Return Rosenbrock's chained function."""
    return (100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2).sum()


def bratu(np: Any, u: Any) -> Any:
    """Return Bratu's equation on a square, zero around it."""
    n = round(u.shape[0] ** 0.5)
    u = u.reshape(n, n)
    around = np.pad(u, 1)
    near = around[2:, 1:-1] + around[:-2, 1:-1] + around[1:-1, 2:] + around[1:-1, :-2]
    return (4.0 * u - near - np.exp(u) / (n + 1) ** 2).ravel()


# Ways


def settled(call: Callable[[], Any], done: Callable[[], bool], most: float) -> float:
    """Return the seconds until calls are native, or `most`."""
    start = time.perf_counter()
    while time.perf_counter() - start < most:
        call()
        if done():
            break
    return time.perf_counter() - start


def is_settled(derivative: Any) -> bool:
    """Whether native code answers, made or loaded, or was found to be no faster."""
    if derivative.products is None:
        return False
    report = str(derivative.products.fast.report())
    return any(word in report for word in (", generate ", ", load ", "without native"))


def with_wengert(fun: Program, is_second: bool, args: Any, most: float) -> Any:
    """Return the seconds of set-up, the structure, and a call."""
    make = wg.hessian if is_second else wg.jacobian
    derivative: Any = make(fun, sparse=True)
    start = time.perf_counter()
    out = derivative(*args)
    first = time.perf_counter() - start
    rest = settled(
        lambda: derivative(*args, out=out), lambda: is_settled(derivative), most
    )
    seconds = {"first call": first, "set-up": first + rest}
    return seconds, derivative.colored, lambda: derivative(*args, out=out)


def with_casadi(kind: str, size: int, args: Any) -> Any:
    """Return set-up seconds, the number of entries, and a call with bound buffers."""
    ca = optional("casadi")
    start = time.perf_counter()
    z, inputs = ca.SX.sym("z", size), []
    if kind == "rosenbrock":
        a, b = z[:-1], z[1:]
        matrix = ca.hessian(ca.sum1(100 * (b - a**2) ** 2 + (1 - a) ** 2), z)[0]
    elif kind == "bratu":
        matrix = ca.jacobian(bratu_casadi(ca, z, size), z)
    else:
        g = ca.vertcat(*cart_pole(ca, z, size // 5))
        matrix = ca.jacobian(g, z)
        if kind == "lagrangian":
            weights = ca.SX.sym("w", g.shape[0])
            cost = ca.sumsqr(z[4::5]) + ca.dot(weights, g)
            matrix, inputs = ca.hessian(cost, z)[0], [weights]
    function = ca.Function("f", [z, *inputs], [matrix])
    buffer, run = function.buffer()
    given = [numpy.ascontiguousarray(arg, float) for arg in args]
    out = numpy.zeros(matrix.nnz())
    for k, array in enumerate(given):
        buffer.set_arg(k, memoryview(array))
    buffer.set_res(0, memoryview(out))
    run()
    seconds = time.perf_counter() - start
    return seconds, matrix.nnz(), lambda: (run(), buffer, given, out)


def bratu_casadi(ca: Any, z: Any, size: int) -> Any:
    """Return Bratu's equation in CasADi's matrices."""
    n = round(size**0.5)
    u = ca.reshape(z, n, n)
    row, column = ca.SX(1, n), ca.SX(n, 1)
    near = ca.vertcat(u[1:, :], row) + ca.vertcat(row, u[:-1, :])
    near += ca.horzcat(u[:, 1:], column) + ca.horzcat(column, u[:, :-1])
    return ca.vec(4.0 * u - near - ca.exp(u) / (n + 1) ** 2)


def with_asdex(fun: Program, x: Any, is_second: bool) -> dict[str, float]:
    """Return the seconds of asdex for pattern and colouring."""
    asdex, jax = optional("asdex"), optional("jax")
    if asdex is None or jax is None:
        return {}
    find = asdex.hessian_sparsity if is_second else asdex.jacobian_sparsity
    make = asdex.color_symmetric if is_second else asdex.color_cols

    def pattern_at(x: Any) -> Any:
        return find(lambda x: fun(jax.numpy, x), numpy.asarray(x, "float32"))

    make(pattern_at(x[:4]))  # what it compiles is not counted
    start = time.perf_counter()
    pattern = pattern_at(x)
    middle = time.perf_counter()
    found = make(pattern)
    return {
        "asdex pattern": middle - start,
        "asdex colouring": time.perf_counter() - middle,
        "asdex colours": float(found[1]),
    }


def patterns(fun: Program, x: Any, is_second: bool) -> dict[str, float]:
    """Return the seconds of ours for the same."""
    wg.color_cols(scipy.sparse.eye_array(20_000))  # what it compiles is not counted
    find = wg.hessian_sparsity if is_second else wg.jacobian_sparsity
    start = time.perf_counter()
    pattern = find(lambda x: fun(numpy, x), x)
    middle = time.perf_counter()
    found = wg.color_symmetric(pattern) if is_second else wg.color_cols(pattern)
    return {
        "pattern": middle - start,
        "colouring": time.perf_counter() - middle,
        "colours": float(found.num_colors),
        "entries": float(pattern.nnz),
    }


def cases() -> dict[str, Any]:
    """Return programs by name: function, kind, whether second, arguments."""
    random = numpy.random.default_rng(0)
    found: dict[str, Any] = {}
    for nodes in (50, 2000):
        z, w = random.normal(size=5 * nodes), random.normal(size=4 * nodes + 4)

        def defects(z: Any, nodes: int = nodes) -> Any:
            return numpy.array(cart_pole(numpy, z, nodes))

        def lagrangian(z: Any, w: Any, defects: Any = defects) -> Any:
            return effort(z) + w @ defects(z)

        found[f"cart-pole {nodes}, Jacobian"] = defects, "defects", False, (z,), None
        found[f"cart-pole {nodes}, Hessian"] = (
            lagrangian,
            "lagrangian",
            True,
            (z, w),
            None,
        )
    x, u = random.normal(size=100_000), random.normal(size=90_000)
    found["Rosenbrock 10^5, Hessian"] = (
        lambda x: rosenbrock(numpy, x),
        "rosenbrock",
        True,
        (x,),
        rosenbrock,
    )
    found["Bratu 300 x 300, Jacobian"] = (
        lambda u: bratu(numpy, u),
        "bratu",
        False,
        (u,),
        bratu,
    )
    return found


def measured(case: Any, rounds: int, most: float) -> dict[str, float]:
    """Return the figures of one program, in seconds."""
    fun, kind, is_second, args, in_arrays = case
    seconds, colored, call = with_wengert(fun, is_second, args, most)
    calls = {"wengert": call}
    found = seconds | {"colours": float(colored.num_colors)}
    if optional("casadi") is not None:
        found["CasADi set-up"], entries, calls["CasADi"] = with_casadi(
            kind, len(args[0]), args
        )
        found["CasADi entries"] = float(entries)
        ours, theirs = call().tocsc(), calls["CasADi"]()[-1]
        ours.sort_indices()
        if entries == ours.nnz:
            numpy.testing.assert_allclose(ours.data, theirs, rtol=1e-9, atol=1e-9)
    for name, times in interleaved(calls, rounds).items():
        found[f"{name} call"] = min(times.values())
    if in_arrays is not None:
        found |= patterns(in_arrays, args[0], is_second)
        found |= with_asdex(in_arrays, args[0], is_second)
    found["entries"] = float(colored.sparsity.nnz)
    return found


#: Seconds of solutions after the first, of which the best counts: code is made beside.
SETTLED = 4.0
#: Of IPOPT, whoever hands it the derivatives.
OPTIONS = {"tol": 1e-8, "print_level": 0, "max_iter": 500, "sb": "yes"}


def by_wengert(nodes: int, start: Any) -> Callable[[], float]:
    """Return what solves the cart-pole with IPOPT, and gives its effort."""

    def defects(z: Any) -> Any:
        return numpy.array(cart_pole(numpy, z, nodes))

    problem = wg.problem(effort, (defects, 0.0, 0.0), (-50.0, 50.0))

    def solve() -> float:
        _, info = problem.ipopt(start, **OPTIONS)
        assert info["status"] == 0
        return float(info["obj_val"])

    return solve


def by_casadi(nodes: int, start: Any) -> Callable[[], float]:
    """Return what does the same with CasADi's derivatives."""
    ca = optional("casadi")
    z = ca.SX.sym("z", len(start))
    defects = ca.vertcat(*cart_pole(ca, z, nodes))
    given = {"x": z, "f": ca.sumsqr(z[4::5]), "g": defects}
    options = {"ipopt": OPTIONS, "print_time": False}
    solver = ca.nlpsol("solver", "ipopt", given, options)

    def solve() -> float:
        found = solver(x0=start, lbg=0, ubg=0, lbx=-50, ubx=50)
        assert solver.stats()["success"]
        return float(found["f"])

    return solve


class Handed:
    """CasADi's functions with bound buffers, as cyipopt calls them."""

    def __init__(self, nodes: int) -> None:
        ca = optional("casadi")
        z, weight = ca.SX.sym("z", 5 * nodes), ca.SX.sym("weight")
        g = ca.vertcat(*cart_pole(ca, z, nodes))
        f, multipliers = ca.sumsqr(z[4::5]), ca.SX.sym("multipliers", g.shape[0])
        slopes = ca.jacobian(g, z)
        curves = ca.tril(ca.hessian(weight * f + ca.dot(multipliers, g), z)[0])
        places = [numpy.array(m.sparsity().get_triplet()) for m in (slopes, curves)]
        self.jacobianstructure, self.hessianstructure = (
            partial(tuple, place) for place in places
        )
        self.objective = self.bound([z], f)
        self.gradient = self.bound([z], ca.densify(ca.gradient(f, z)))
        self.constraints = self.bound([z], g)
        self.jacobian = self.bound([z], slopes)
        self.hessian = self.bound([z, multipliers, weight], curves)

    def bound(self, inputs: list[Any], result: Any) -> Callable[..., Any]:
        """Return a call of a function of CasADi's, which gives its entries."""
        function = optional("casadi").Function("f", inputs, [result])
        buffer, run = function.buffer()
        out = numpy.zeros(result.nnz())
        buffer.set_res(0, memoryview(out))

        def call(*args: Any) -> Any:
            given = [numpy.ascontiguousarray(arg, float).reshape(-1) for arg in args]
            for k, array in enumerate(given):
                buffer.set_arg(k, memoryview(array))
            run()
            return out if len(out) > 1 else out[0]

        return call


def by_cyipopt(nodes: int, start: Any) -> Callable[[], float]:
    """Return what hands CasADi's derivatives to the same IPOPT as ours."""
    handed, n, m = Handed(nodes), len(start), 4 * nodes + 4

    def solve() -> float:
        limits = {"lb": n * [-50.0], "ub": n * [50.0], "cl": m * [0.0], "cu": m * [0.0]}
        solver = optional("cyipopt").Problem(n=n, m=m, problem_obj=handed, **limits)
        for name, value in OPTIONS.items():
            solver.add_option(name, value)
        _, info = solver.solve(start)
        assert info["status"] == 0
        return float(info["obj_val"])

    return solve


def solved(nodes: int) -> dict[str, float]:
    """Return the seconds of a first solution, set-up included, and of another."""
    at = numpy.linspace(0.0, 1.0, nodes)
    start = numpy.stack([at, numpy.pi * at, 0 * at, 0 * at, 0 * at], 1).ravel()
    found, efforts = {}, []
    ways = {"wengert": by_wengert}
    if optional("casadi") is not None:
        ways |= {"CasADi": by_casadi, "CasADi, same IPOPT": by_cyipopt}
    for name, make in ways.items():
        begin = time.perf_counter()
        solve = make(nodes, start)
        efforts.append(solve())
        found[f"{name} first"] = time.perf_counter() - begin
        times, end = [], time.perf_counter() + SETTLED
        while len(times) < 3 or time.perf_counter() < end:
            begin = time.perf_counter()
            efforts.append(solve())
            times.append(time.perf_counter() - begin)
        found[f"{name} again"] = min(times)
    numpy.testing.assert_allclose(efforts, efforts[0], rtol=1e-6)
    return found


def main() -> None:
    """Measure, print, and write what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="a part of the names of programs")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--most", type=float, default=60.0, help="seconds of set-up")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    results = {}
    todo = {
        name: partial(measured, case, given.rounds, given.most)
        for name, case in cases().items()
    }
    u = numpy.random.default_rng(0).normal(size=450**2)
    todo["Bratu 450 x 450, pattern and colouring"] = lambda: (
        patterns(bratu, u, False) | with_asdex(bratu, u, False)
    )
    if optional("cyipopt") is not None:
        todo |= {f"cart-pole {n}, IPOPT": partial(solved, n) for n in (50, 2000)}
    for name, work in todo.items():
        if given.only not in name:
            continue
        results[name] = work()
        print(name, flush=True)
        for label, value in results[name].items():
            shown = (
                f"{value:,.0f}"
                if value >= 1 and value.is_integer()
                else f"{value:.3g} s"
            )
            print(f"  {label:26}{shown}")
    if given.json:
        given.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
