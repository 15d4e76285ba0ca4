"""Sparse Jacobians and Hessians of Lagrangians, beside CasADi and asdex.

Run: ``python bench/sparse.py``; CasADi and asdex (with JAX) are left out where they are
not installed.  Every program is written once, as a plain Python loop or in arrays.
Set-up is all until a call is native, without imports, where that is waited for; the
first call is a part of it.  Calls are the best settled ones, which take turns, CasADi's
with its buffers bound: by its own machine, and as C where gcc compiles that within
``--gcc`` seconds.  IPOPT is given the same problem, start and options by both:
first with all set-up, and then again.  CasADi holds a newer one than the wheels of
cyipopt do, which is handed CasADi's functions too.  One thread.  With ``--sizes`` each
program in three sizes: what an entry takes stays the same.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy
import scipy.sparse

import page
import wengert as wg
from measure import interleaved
from sparse_programs import (
    before_cameras,
    bratu,
    bundle,
    cart_pole,
    chain,
    effort,
    flow,
    flow_cost,
    network_of,
    rosenbrock,
    total,
    views,
)

Program = Callable[..., Any]
#: Seconds of solutions after the first, of which the best counts: code is made beside;
#: a quarter of them after the code of a derivative that is wanted soon.
SETTLED = 4.0
#: What compiles the C that CasADi writes, and of how many instructions at most.
GCC, MOST_IN_C = ("gcc", "-O3", "-march=native", "-shared", "-fPIC"), 400_000


def optional(name: str) -> Any:
    """Return a module; None where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


# Ways


def with_wengert(case: Case) -> Any:
    """Return the seconds of set-up, the structure, and a call."""
    make = wg.hessian if case.is_second else wg.jacobian
    derivative: Any = make(case, sparse=True)
    start = time.perf_counter()
    out = derivative(*case.args)
    first = time.perf_counter() - start
    derivative(*case.args, out=out)  # the second recording, which agrees
    derivative.products.fast.wait()
    seconds = {"first call": first, "set-up": time.perf_counter() - start}
    return seconds, derivative.colored, lambda: derivative(*case.args, out=out)


def with_casadi(case: Case) -> Any:
    """Return set-up seconds, the number of entries, the function, and a call of it."""
    ca = optional("casadi")
    start = time.perf_counter()
    inputs = [ca.SX.sym("z", len(arg)) for arg in case.args]
    result = case.program(ca, *inputs)
    make = (lambda f, z: ca.hessian(f, z)[0]) if case.is_second else ca.jacobian
    matrix = make(result, inputs[0])
    function = ca.Function("f", inputs, [matrix])
    call = with_buffers(function, case.args)
    call()
    return time.perf_counter() - start, matrix.nnz(), function, call


def with_buffers(function: Any, args: Any) -> Callable[[], Any]:
    """Return a call of a function of CasADi's with bound buffers."""
    buffer, run = function.buffer()
    given = [numpy.ascontiguousarray(arg, float) for arg in args]
    out = numpy.zeros(function.nnz_out(0))
    for k, array in enumerate(given):
        buffer.set_arg(k, memoryview(array))
    buffer.set_res(0, memoryview(out))
    return lambda: (run(), buffer, function, given, out)


def in_c(function: Any, limit: float) -> Any:
    """Return a function of CasADi's as C that gcc compiled; None if not in time."""
    ca = optional("casadi")
    if shutil.which("gcc") is None or function.n_instructions() > MOST_IN_C:
        return None
    with tempfile.TemporaryDirectory() as folder:
        writer = ca.CodeGenerator("f.c")
        writer.add(function)
        writer.generate(f"{folder}/")
        library = f"{folder}/f.so"
        words = [*GCC, f"{folder}/f.c", "-o", library]
        try:
            subprocess.run(words, check=True, timeout=limit)
        except subprocess.TimeoutExpired:
            return None
        return ca.external("f", library)


def with_asdex(fun: Program, x: Any, is_second: bool) -> dict[str, float]:
    """Return the seconds of asdex for pattern and colouring."""
    asdex, jax = optional("asdex"), jax_on_one_core()
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


def jax_on_one_core() -> Any:
    """Return JAX with the threads of one core: there is no switch for that."""
    jax, every = optional("jax"), os.sched_getaffinity(0)
    if jax is not None:
        os.sched_setaffinity(0, {min(every)})
        jax.devices()
        os.sched_setaffinity(0, every)
    return jax


def by_asdex(case: Case) -> Any:
    """Return set-up seconds, and a compiled call of asdex's derivative."""
    asdex, jax = optional("asdex"), jax_on_one_core()
    jax.config.update("jax_enable_x64", True)
    args = [jax.numpy.asarray(arg) for arg in case.args]
    make = asdex.hessian if case.is_second else asdex.jacobian
    start = time.perf_counter()
    run = jax.jit(make(lambda *args: case.program(jax.numpy, *args), *args))

    def call() -> Any:
        return jax.block_until_ready(run(*args))

    call()
    return time.perf_counter() - start, call


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


@dataclass(frozen=True)
class Case:
    """A program of a module with NumPy's names and of arguments."""

    program: Program
    args: tuple[Any, ...]
    is_second: bool = False
    #: Whether JAX takes it, for its pattern.
    has_jax: bool = False

    def __call__(self, *args: Any) -> Any:
        """Return what it gives with NumPy."""
        return self.program(numpy, *args)


def cart_pole_case(nodes: int, is_second: bool) -> Case:
    """Return the defects of a cart-pole, or their Lagrangian."""

    def defects(np: Any, z: Any) -> Any:
        found = cart_pole(np, z, nodes)
        return np.array(found) if np is numpy else np.vertcat(*found)

    def lagrangian(np: Any, z: Any, w: Any) -> Any:
        return total(np, z[4::5] ** 2) + np.dot(w, defects(np, z))

    random = numpy.random.default_rng(0)
    z, w = random.normal(size=5 * nodes), random.normal(size=4 * nodes + 4)
    return Case(lagrangian, (z, w), True) if is_second else Case(defects, (z,))


def weighted(cost: Program | None, limits: Program, z: Any) -> list[Case]:
    """Return a program with its Lagrangian."""

    def lagrangian(np: Any, z: Any, w: Any) -> Any:
        found = np.dot(w, limits(np, z))
        return found if cost is None else found + cost(np, z)

    w = numpy.random.default_rng(1).normal(size=len(limits(numpy, z)))
    return [Case(limits, (z,)), Case(lagrangian, (z, w), is_second=True)]


def cases() -> dict[str, Callable[[], Case]]:
    """Return what makes the programs, by name."""
    found: dict[str, Callable[[], Case]] = {}
    kinds = ("Jacobian", "Hessian")
    for nodes in (50, 2000):
        for k, kind in enumerate(kinds):
            found[f"cart-pole {nodes}, {kind}"] = partial(cart_pole_case, nodes, k == 1)
    random = numpy.random.default_rng(0)

    def normal(size: int) -> Any:
        return (random.normal(size=size),)

    found["Rosenbrock 10^5, Hessian"] = lambda: Case(
        rosenbrock, normal(100_000), is_second=True, has_jax=True
    )
    found["Bratu 300 x 300, Jacobian"] = lambda: Case(
        bratu, normal(90_000), has_jax=True
    )
    for k, kind in enumerate(kinds):
        found[f"hanging chain 10^4, {kind}"] = lambda k=k: weighted(
            None, chain, *normal(40_000)
        )[k]
        if optional("pypower") is not None:
            found[f"power flow of 118 buses, {kind}"] = lambda k=k: flows()[k]
    found["bundle adjustment 31,843, Jacobian"] = bundles
    return found


def flows(buses: int = 118) -> list[Case]:
    """Return the equations of a network, near a flat start, and their Lagrangian."""
    network = network_of(buses)
    n, count = network.at.shape
    random = numpy.random.default_rng(0)
    flat = numpy.repeat([0.0, 1.0, 1.0], [n, n, 2 * count])
    z = flat + 0.1 * random.normal(size=len(flat))
    cost, limits = (partial(of_network, f, network) for f in (flow_cost, flow))
    return weighted(cost, limits, z)


def of_network(program: Program, network: Any, np: Any, z: Any) -> Any:
    """Return what a program of a network gives."""
    return program(np, z, network)


def bundles(*sizes: int) -> Case:
    """Return errors of views, points in front of all cameras."""
    of = views(*sizes)
    return Case(lambda np, z: bundle(np, z, of), (before_cameras(of),))


def series() -> dict[str, list[tuple[int, Callable[[], Case]]]]:
    """Return the same programs in three sizes each."""
    found: dict[str, list[tuple[int, Callable[[], Case]]]] = {}
    random = numpy.random.default_rng(0)
    for k, kind in enumerate(("Jacobian", "Hessian")):
        found[f"cart-pole, {kind}, nodes"] = [
            (n, partial(cart_pole_case, n, k == 1)) for n in (500, 2000, 8000)
        ]
        found[f"hanging chain, {kind}, numbers"] = [
            (n, lambda n=n, k=k: weighted(None, chain, random.normal(size=n))[k])
            for n in (10_000, 40_000, 160_000)
        ]
        if optional("pypower") is not None:
            found[f"power flow, {kind}, buses"] = [
                (n, lambda n=n, k=k: flows(n)[k]) for n in (57, 118, 300)
            ]
    found["Rosenbrock, Hessian, numbers"] = [
        (n, lambda n=n: Case(rosenbrock, (random.normal(size=n),), is_second=True))
        for n in (10_000, 100_000, 1_000_000)
    ]
    found["Bratu, Jacobian, points"] = [
        (n * n, lambda n=n: Case(bratu, (random.normal(size=n * n),)))
        for n in (150, 300, 600)
    ]
    found["bundle adjustment, Jacobian, views"] = [
        (31_843 // k, partial(bundles, 49, 7776 // k, 31_843 // k)) for k in (4, 2, 1)
    ]
    return found


def sizes(only: str, rounds: int) -> dict[str, Any]:
    """Print and return what sizes take, in all and an entry."""
    results: dict[str, Any] = {}
    head = f"{'entries':>12}{'first call':>12}{'set-up':>10}{'us an entry':>13}"
    head += f"{'call':>11}{'ns an entry':>13}"
    for name, ways in series().items():
        if only not in name:
            continue
        title, _, unit = name.rpartition(", ")
        print(f"{title}\n{unit:>12}{head}", flush=True)
        results[name] = {}
        for size, make in ways:
            seconds, colored, call = with_wengert(make())
            best = interleaved({"wengert": call}, rounds)["wengert"]["best"]
            entries, ready = colored.sparsity.nnz, seconds["set-up"]
            results[name][f"{size:,}"] = ready / entries, best / entries
            print(
                f"{size:12,}{entries:12,}{seconds['first call']:10.3g} s"
                f"{ready:8.3g} s{1e6 * ready / entries:13.3g}"
                f"{1e3 * best:8.3g} ms{1e9 * best / entries:13.3g}",
                flush=True,
            )
    return results


def measured(make: Callable[[], Case], rounds: int, gcc: float) -> dict[str, float]:
    """Return the figures of one program, in seconds."""
    case = make()
    seconds, colored, call = with_wengert(case)
    time.sleep(SETTLED / 4)
    calls = {"wengert": call}
    found = seconds | {"colours": float(colored.num_colors)}
    found["entries"] = float(colored.sparsity.nnz)
    found["worst error"] = worst(case, call())
    if optional("casadi") is not None:
        seconds, entries, function, calls["CasADi"] = with_casadi(case)
        found |= {"CasADi set-up": seconds, "CasADi entries": float(entries)}
        start = time.perf_counter()
        compiled = in_c(function, gcc)
        if compiled is not None:
            found["CasADi in C set-up"] = seconds + time.perf_counter() - start
            calls["CasADi in C"] = with_buffers(compiled, case.args)
        ours, theirs = call().tocsc(), calls["CasADi"]()[-1]
        ours.sort_indices()
        if entries == ours.nnz:
            numpy.testing.assert_allclose(ours.data, theirs, rtol=1e-9, atol=1e-9)
    has_jax = case.has_jax and None not in (optional("asdex"), optional("jax"))
    if has_jax:
        found["asdex set-up"], calls["asdex"] = by_asdex(case)
        random = numpy.random.default_rng(3).normal(size=len(case.args[0]))
        numpy.testing.assert_allclose(
            calls["asdex"]() @ random, call() @ random, rtol=1e-9, atol=1e-9
        )
    for name, times in interleaved(calls, rounds).items():
        found[f"{name} call"] = min(times.values())
    if has_jax:
        found |= patterns(case.program, case.args[0], case.is_second)
        found |= with_asdex(case.program, case.args[0], case.is_second)
    return found


def worst(case: Case, matrix: Any) -> float:
    """Return how far columns, and a sum of all, are from differences, relatively."""
    x, *others = case.args
    slopes = wg.grad(case) if case.is_second else case
    random = numpy.random.default_rng(2)
    columns = [numpy.eye(1, len(x), k)[0] for k in random.choice(len(x), 4)]
    found = 0.0
    for way in [*columns, random.normal(size=len(x))]:
        ends = [slopes(x + 1e-6 * sign * way, *others) for sign in (1, -1)]
        difference = (ends[0] - ends[1]) / 2e-6
        error = numpy.abs(matrix @ way - difference).max()
        found = max(found, float(error / (1.0 + numpy.abs(difference).max())))
    assert found < 1e-6
    return found


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
    parser.add_argument("--gcc", type=float, default=60.0, help="s of it, at most")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--read", type=Path, help="what --json wrote, not measured")
    parser.add_argument("--write", action="store_true", help="into the documents")
    parser.add_argument("--sizes", action="store_true", help="three of each program")
    given = parser.parse_args()
    if given.read:
        results = json.loads(given.read.read_text())
    elif given.sizes:
        results = sizes(given.only, given.rounds)
    else:
        results = programs(given.only, given.rounds, given.gcc)
    if given.json:
        given.json.write_text(json.dumps(results, indent=1) + "\n")
    if given.write and given.sizes:
        page.put("bench.sparse sizes", table_of_sizes(results))
    elif given.write:
        page.put("bench.sparse", tables(results))


def programs(only: str, rounds: int, gcc: float) -> dict[str, Any]:
    """Print and return what the programs take, and the solutions."""
    results = {}
    todo = {
        name: partial(measured, case, rounds, gcc) for name, case in cases().items()
    }
    u = numpy.random.default_rng(0).normal(size=450**2)
    todo["Bratu 450 x 450, pattern and colouring"] = lambda: (
        patterns(bratu, u, False) | with_asdex(bratu, u, False)
    )
    if optional("cyipopt") is not None:
        todo |= {f"cart-pole {n}, IPOPT": partial(solved, n) for n in (50, 2000)}
    for name, work in todo.items():
        if only not in name:
            continue
        results[name] = work()
        print(name, flush=True)
        for label, value in results[name].items():
            is_count = value >= 1 and value.is_integer()
            unit = "" if "error" in label else " s"
            shown = f"{value:,.0f}" if is_count else f"{value:.3g}{unit}"
            print(f"  {label:26}{shown}")
    return results


# In the documents

#: The heads of the tables, with what stands below each in the results.
OF_PROGRAMS = {
    "entries": "entries",
    "set-up": "set-up",
    "CasADi's": "CasADi set-up",
    "with gcc": "CasADi in C set-up",
    "asdex's": "asdex set-up",
    "call": "wengert call",
    "CasADi's call": "CasADi call",
    "as C": "CasADi in C call",
    "asdex's call": "asdex call",
}
OF_PATTERNS = {
    "entries": "entries",
    "pattern": "pattern",
    "asdex's": "asdex pattern",
    "colouring": "colouring",
    "asdex's colouring": "asdex colouring",
    "colours": "colours",
    "asdex's colours": "asdex colours",
}
OF_SOLUTIONS = {
    f"{name}, {when}": f"{name} {when}"
    for name in ("wengert", "CasADi, same IPOPT", "CasADi")
    for when in ("first", "again")
}
COUNTS = {"entries", "colours", "asdex colours"}


def tables(results: dict[str, Any]) -> str:
    """Return three tables: of derivatives, of patterns, and of solutions."""
    chosen = {
        "set-up": OF_PROGRAMS,
        "colouring": OF_PATTERNS,
        "wengert again": OF_SOLUTIONS,
    }
    return "\n\n".join(
        page.table(
            ["", *columns],
            [
                [name, *(cell(label, row.get(label)) for label in columns.values())]
                for name, row in results.items()
                if needed in row
            ],
        )
        for needed, columns in chosen.items()
    )


def cell(label: str, value: float | None) -> str:
    """Return a count or seconds as text."""
    if value is None:
        return ""
    return f"{value:,.0f}" if label in COUNTS else page.text_of(value)


def table_of_sizes(results: dict[str, Any]) -> str:
    """Return what set-up and a call take an entry, by size."""
    return page.table(
        ["", "sizes", "set-up, us an entry", "a call, ns an entry"],
        [
            [
                name,
                " / ".join(row),
                *(
                    " / ".join(f"{scale * found[k]:.3g}" for found in row.values())
                    for k, scale in enumerate((1e6, 1e9))
                ),
            ]
            for name, row in results.items()
        ],
    )


if __name__ == "__main__":
    main()
