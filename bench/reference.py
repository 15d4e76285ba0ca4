"""Which public functions of NumPy and SciPy are differentiated, here and by the peers.

Run: ``python bench/reference.py`` in an environment that has the peers; each is judged
in the same way, and what is found is written into ``reference.json``, from which the
page of functions is made.  A library that is not installed keeps its column.

Every function is called once, as `reference_calls.txt` says.  Its derivative by every
operand is compared with differences of the plain call.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import importlib.metadata
import json
import re
import signal
import subprocess
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
CALLS = HERE / "reference_calls.txt"
FOUND = HERE / "reference.json"
LIBRARIES = ("wengert", "autograd", "jax", "advect")
#: Names in the calls: the module, and where the peers that have their own keep theirs.
MODULES = {
    "np": "numpy",
    **{
        name: f"scipy.{name}"
        for name in (
            "linalg special fft signal ndimage interpolate integrate optimize stats "
            "sparse"
        ).split()
    },
    "distance": "scipy.spatial.distance",
}
STEP = 1e-6
TOLERANCE = 5e-4
SECONDS = 60
random = np.random.default_rng(7)
A, B = (np.eye(3) * 2 + random.uniform(-0.5, 0.5, (3, 3)) for _ in range(2))
OPERANDS = {
    "x": np.array([0.31, 0.62, 0.47, 0.73, 0.22]),
    "y": np.array([0.55, 0.29, 0.68, 0.41, 0.77]),
    "u": random.uniform(0.2, 0.8, 8),
    "v": random.uniform(0.2, 0.8, 8),
    "b": np.array([0.93, 0.37, 0.21]),
    "c": np.array([1.21, 0.26, 0.45]),
    "A": A,
    "B": B,
    "a": 0.71,
    "s": 0.43,
}
CONSTANTS = {
    "z": np.array([0.3 + 0.4j, -0.2 + 0.7j, 0.5 - 0.1j]),
    "R": random.uniform(-0.5, 0.5, (4, 4)),
    "i": np.array([0, 2, 1, 0, 2]),
    "k": np.arange(5.0),
    "t": np.linspace(0.0, 1.0, 5),
    "t8": np.array([0.0, 0.0, 0.0, 1.5, 2.5, 4.0, 4.0, 4.0]),
    "mask": np.array([True, False, True, True, False]),
}


@dataclass(frozen=True)
class Call:
    """One call of a public function: its name in full, its text, its operands."""

    name: str
    text: str
    operands: dict[str, Any]

    @cached_property
    def code(self) -> Any:
        """The compiled text."""
        return compile(self.text, self.name, "eval")

    @property
    def wanted(self) -> list[str]:
        """The operands by which a derivative is taken."""
        names = {n.id for n in ast.walk(ast.parse(self.text)) if type(n) is ast.Name}
        return [
            name
            for name, value in self.operands.items()
            if name in names and np.asarray(value).dtype.kind == "f"
        ]

    def total(self, modules: dict[str, Any], *values: Any) -> Any:
        """Return the sum of all floats in the result, each with a weight of its own."""
        own = {name: copied(value) for name, value in self.operands.items()}
        own.update(zip(self.wanted, values, strict=True))
        result = eval(self.code, {**CONSTANTS, **modules, **own})
        total: Any = 0.0
        for number, leaf in enumerate(leaves(result)):
            weights = np.cos(np.arange(np.size(leaf)) + number).reshape(np.shape(leaf))
            xp = modules["np"]
            total = total + xp.sum(xp.real(leaf) * weights)
            if np.dtype(leaf.dtype).kind == "c":
                total = total + xp.sum(xp.imag(leaf) * weights**2)
        return total


def copied(value: Any) -> Any:
    """Return a copy of an operand, since some functions write into theirs."""
    return value.copy() if isinstance(value, np.ndarray) else value


def leaves(result: Any) -> Iterator[Any]:
    """Give the floating-point arrays and numbers in a result."""
    if isinstance(result, dict):
        result = [value for key, value in sorted(result.items()) if key != "time"]
    if isinstance(result, (list, tuple)) or type(result).__name__ == "SequenceBox":
        for part in result:
            yield from leaves(part)
    elif isinstance(result, (float, complex)) and not hasattr(result, "dtype"):
        yield np.asarray(result)
    elif hasattr(result, "dtype"):
        if result.dtype == object:
            raise TypeError("an array of a library's own objects")
        if np.dtype(result.dtype).kind in "fc":
            yield result
    elif hasattr(result, "__dict__") and not callable(result):
        yield from leaves({k: v for k, v in vars(result).items() if k[0] != "_"})


# The calls


@cache
def calls() -> list[Call]:
    """Return all calls, in the order of their names."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = [*written(), *of_ufuncs(), *of_distributions()]
    unique = {call.name: call for call in reversed(found)}
    return [unique[name] for name in sorted(unique) if unique[name].operands]


def written() -> Iterator[Call]:
    """Give the calls of the file."""
    for line in CALLS.read_text().splitlines():
        if line and line[0] not in "#-":
            head = re.match(r"\(?((\w+)\.[\w.]+)", line)
            assert head is not None, line
            module = MODULES[head[2]]
            yield Call(head[1].replace(head[2], module, 1), line, OPERANDS)


#: Operands of ufuncs, of which the first are taken that give finite values.
TRIES = [(0.0, 1.0), (1.0, 1.0), (0.0, 0.3), (2.0, 1.0), (3.0, 0.5), (-0.9, 0.3)]


def of_ufuncs() -> Iterator[Call]:
    """Give a call of every ufunc: of integers where it takes nothing else."""
    for short in ("np", "special"):
        module = importlib.import_module(MODULES[short])
        for name, ufunc in sorted(vars(module).items()):
            if type(ufunc) is not np.ufunc or ufunc.__name__ != name:
                continue
            if ufunc.signature is not None:
                continue
            names = "p q r w m o l".split()[: ufunc.nin]
            text = f"{short}.{name}({', '.join(names)})"
            yield Call(f"{MODULES[short]}.{name}", text, of_ufunc(ufunc, names))


def of_ufunc(ufunc: Any, names: list[str]) -> dict[str, Any]:
    """Return operands at which a ufunc is finite, or those of integers."""
    for shift, scale in TRIES:
        values = [OPERANDS["x"], OPERANDS["y"], *[OPERANDS["x"]] * (ufunc.nin - 2)]
        values = [shift * (k == 0) + scale * v + 0.01 * k for k, v in enumerate(values)]
        operands = dict(zip(names, values, strict=False))
        try:
            with np.errstate(all="ignore"):
                results = ufunc(*operands.values())
        except TypeError:
            break
        if all(np.isfinite(part).all() for part in np.atleast_1d(results)):
            return operands
    return dict.fromkeys(names, CONSTANTS["i"]) if ufunc.types[0][0] in "?b" else {}


def of_distributions() -> Iterator[Call]:
    """Give calls of the methods of SciPy's distributions, at three quantiles."""
    from scipy import stats

    for name, value in sorted(vars(stats).items()):
        is_continuous = isinstance(value, stats.rv_continuous)
        if not (is_continuous or isinstance(value, stats.rv_discrete)):
            continue
        if name == "poisson_binom":  # takes any number of shapes
            continue
        shapes = SHAPES.get(name, (0.8, 1.3, 0.6, 0.9)[: value.numargs])
        names = "p q r w".split()[: value.numargs]
        ways = ("logpdf", "cdf", "ppf") if is_continuous else ("logpmf", "cdf")
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            points = value.ppf(QUANTILES, *shapes)
        if not np.isfinite(points).all():
            continue
        for way in ways:
            at = np.asarray(QUANTILES if way == "ppf" else points, float)
            operands = dict(zip(["x", *names], [at, *shapes], strict=True))
            if not is_continuous:
                del operands["x"]
            first = "x" if is_continuous else repr(at.tolist())
            text = f"stats.{name}.{way}({', '.join([first, *names])})"
            yield Call(f"scipy.stats.{name}.{way}", text, operands)


QUANTILES = [0.2, 0.45, 0.8]
#: Shapes of distributions that have to be in a range of their own.
SHAPES = {
    "truncnorm": (-1.0, 2.0),
    "truncpareto": (1.5, 4.0),
    "triang": (0.4,),
    "studentized_range": (3.0, 10.0),
    "levy_stable": (1.8, -0.5),
    "argus": (1.0,),
    "hypergeom": (20.0, 7.0, 12.0),
    "binom": (10.0, 0.4),
    "nbinom": (4.0, 0.4),
    "betabinom": (8.0, 1.2, 0.9),
    "zipf": (3.5,),
    "randint": (2.0, 9.0),
    "poisson": (3.3,),
    "logser": (0.6,),
    "geom": (0.4,),
    "bernoulli": (0.4,),
    "truncweibull_min": (2.5, 0.25, 1.75),
    "loguniform": (0.5, 2.0),
    "reciprocal": (0.5, 2.0),
    "trapezoid": (0.25, 0.65),
    "kappa4": (0.1, 0.2),
    "wrapcauchy": (0.3,),
    "dgamma": (1.3,),
    "dweibull": (1.3,),
    "jf_skew_t": (8.0, 4.0),
}


# Judging


@contextmanager
def limited() -> Iterator[None]:
    """Raise where something takes too long."""

    def stop(*_: Any) -> None:
        raise TimeoutError(f"not done after {SECONDS} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def plain_modules() -> dict[str, Any]:
    """Return NumPy and SciPy by the names in the calls."""
    return {short: importlib.import_module(name) for short, name in MODULES.items()}


def differences(call: Call) -> list[Any] | None:
    """Return the derivative by every operand, of plain calls; None where there is none.

    There is none where steps of two sizes disagree (a jump, or a value that SciPy
    finds by a search), or where a step is lost in the rounding of a large value.
    """
    modules = plain_modules()
    values = [np.asarray(call.operands[name], float) for name in call.wanted]

    def at(number: int, place: Any, step: float) -> float:
        """Return the value with one element of one operand moved."""
        moved = [value.copy() for value in values]
        moved[number][place] += step
        given = [float(v) if not v.ndim else v for v in moved]
        return float(call.total(modules, *given))

    found = []
    for number, value in enumerate(values):
        slopes = np.zeros(value.shape)
        for place in np.ndindex(value.shape):
            one, other = (
                (at(number, place, h) - at(number, place, -h)) / (2 * h)
                for h in (STEP, 3 * STEP)
            )
            lost = np.spacing(abs(at(number, place, 0.0))) / STEP
            if not abs(one - other) + lost <= TOLERANCE * (1 + abs(one)):
                return None
            slopes[place] = one
        found.append(slopes)
    return found


def gradient_of(library: str) -> tuple[dict[str, Any], Callable[..., Any]]:
    """Return a library's modules, and its gradient by all operands."""
    import_module = importlib.import_module
    if library in ("wengert", "advect"):
        return plain_modules(), import_module(library).grad
    if library == "autograd":
        modules, grad = {"np": "autograd.numpy"}, import_module("autograd").grad
    else:
        jax = import_module("jax")
        jax.config.update("jax_enable_x64", True)
        modules, grad = {"np": "jax.numpy"}, jax.grad
    root = "autograd.scipy" if library == "autograd" else "jax.scipy"
    for short in MODULES:
        if short != "np":
            modules[short] = f"{root}.{short}"
    found = {}
    for short, name in modules.items():
        try:
            found[short] = import_module(name)
        except ImportError:
            continue
    return found, grad


def state(call: Call, library: str) -> str:
    """Return what a library makes of a call.

    "derivative", "constant" (the right value, nothing to differentiate), "value" (but
    no derivative), "wrong", "no"; "unknown" where differences say nothing.
    """
    modules, grad = gradient_of(library)
    values = [call.operands[name] for name in call.wanted]
    try:
        plain = call.total(plain_modules(), *[copied(v) for v in values])
    except Exception as error:
        if library != "wengert":
            return "no"  # not in the version of NumPy and SciPy that it runs with
        raise RuntimeError(f"{call.text} is no call: {error!r}") from error
    expected = differences(call) if np.ndim(plain) == 0 else None
    has_slope = expected is not None and any(np.any(part) for part in expected)
    if library == "jax":
        values = [modules["np"].asarray(value) for value in values]
    try:
        with limited():
            value = call.total(modules, *[copied(v) for v in values])
    except Exception:
        value = None
    if values and library in ("wengert", "advect"):
        value = None  # it was NumPy's own
    is_right = value is not None and bool(np.allclose(value, plain, 1e-6, 1e-9))
    if not values:
        return "constant" if is_right else "no"
    try:
        with limited():
            function = lambda *given: call.total(modules, *given)  # noqa: E731
            found = grad(function, tuple(range(len(values))))(*map(copied, values))
    except Exception:
        if not is_right:
            return "no"
        return "value" if has_slope else "constant"
    if expected is None:
        return "unknown"
    close = all(
        np.allclose(one, other, TOLERANCE, TOLERANCE)
        for one, other in zip(found, expected, strict=True)
    )
    if not close:
        return "wrong"
    if library == "wengert" and has_slope:
        return further(function, values, found)
    return "derivative" if has_slope else "constant"


def further(function: Callable[..., Any], values: list[Any], found: Any) -> str:
    """Return "derivative" where forward mode and second derivatives agree too."""
    import wengert

    argnums = tuple(range(len(values)))
    steps = [np.cos(np.arange(np.size(v)) + 1.0).reshape(np.shape(v)) for v in values]
    steps = [
        s if isinstance(v, np.ndarray) else float(s)
        for s, v in zip(steps, values, strict=True)
    ]
    try:
        with limited():
            slope = wengert.jvp(function, tuple(map(copied, values)), tuple(steps))[1]
    except Exception:
        return "derivative, reverse mode alone"
    expected = sum(np.sum(g * s) for g, s in zip(found, steps, strict=True))
    if not np.isclose(slope, expected, 1e-6, 1e-9):
        return "wrong"
    gradient = wengert.grad(function, argnums)
    try:
        with limited():
            tangents = wengert.jvp(gradient, tuple(map(copied, values)), tuple(steps))[
                1
            ]
            ends = [
                gradient(
                    *[v + sign * 1e-5 * s for v, s in zip(values, steps, strict=True)]
                )
                for sign in (1, -1)
            ]
    except Exception:
        return "derivative, first order alone"
    for tangent, ahead, behind in zip(tangents, *ends, strict=True):
        if not np.allclose(tangent, (ahead - behind) / 2e-5, 1e-3, 1e-3):
            return "derivative, first order alone"
    return "derivative"


def is_called_back(call: Call) -> bool:
    """Whether a compiled call goes back through NumPy or SciPy for an operation."""
    import wengert
    from wengert.lower.graph import reached
    from wengert.lower.lower import lower
    from wengert.lower.refusal import NotLoweredError

    values = [call.operands[name] for name in call.wanted]
    tape = wengert.record(lambda *v: call.total(plain_modules(), *v), *values)
    try:
        lowered = lower(tape, calls=True)
    except NotLoweredError:
        return True
    found = reached(value.node for value in lowered.outputs)
    return any(node.kind == "call" for node in found.values())


def judge(library: str, names: Collection[str] | None = None) -> dict[str, str]:
    """Return the state of every call, or of some, in a library."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return {
            call.name: state(call, library)
            for call in calls()
            if names is None or call.name in names
        }


def called_back(states: dict[str, str]) -> list[str]:
    """Return the differentiated functions for which a compiled call leaves its code."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return [
            call.name
            for call in calls()
            if states[call.name].startswith("derivative") and is_called_back(call)
        ]


def main() -> None:
    """Judge libraries, each in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "libraries", nargs="*", help="by default all that are installed"
    )
    parser.add_argument("--call", help="judge this function alone")
    parser.add_argument("--print", action="store_true", help="what is found, as JSON")
    options = parser.parse_args()
    installed = [name for name in LIBRARIES if importlib.util.find_spec(name)]
    found = json.loads(FOUND.read_text()) if FOUND.exists() else {"states": {}}
    for library in options.libraries or installed:
        if options.call:
            print(library, judge(library, [options.call]))
        elif options.print:
            states = judge(library)
            through = called_back(states) if library == "wengert" else []
            print(json.dumps({"states": states, "called back": through}))
        else:
            enter(library, found)
    if not (options.call or options.print):
        FOUND.write_text(json.dumps(found, indent=1) + "\n")


def enter(library: str, found: dict[str, Any]) -> None:
    """Judge a library in a process of its own, and put down what was found."""
    command = [sys.executable, "-W", "ignore", __file__, library, "--print"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    result = json.loads(done.stdout.splitlines()[-1])
    states = found["states"][library] = result["states"]
    found.setdefault("versions", {})[library] = importlib.metadata.version(library)
    if library == "wengert":
        found["called back"] = result["called back"]
        found["calls"] = {call.name: call.text for call in calls()}
    print(library, dict(sorted(Counter(states.values()).items())))


if __name__ == "__main__":
    main()
