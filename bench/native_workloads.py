"""What the native benchmark runs, written for each engine as its user would."""

from collections.abc import Callable
from typing import Any

import numpy

STEPS = 4_000
DAYS = 252
PATHS = 16_384
BARRIER = 130.0
PARAMETERS = numpy.array([100.0, 0.04, 1.5, 0.04, 0.3, -0.6, 0.02])
PENDULUM = numpy.array([1.0, 0.0, 9.81, 0.1])


# Rosenbrock's function


def rosenbrock(x: Any) -> Any:
    """Rosenbrock's function of a vector."""
    return numpy.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def rosenbrock_by_hand() -> Callable[..., Any]:
    """Value and gradient written out by hand and compiled by numba."""
    import numba

    @numba.njit(
        numba.types.Tuple((numba.float64, numba.float64[::1]))(numba.float64[::1])
    )
    def both(x: Any) -> Any:  # pragma: no cover - compiled
        g = numpy.zeros(x.size)
        value = 0.0
        for i in range(x.size - 1):
            t = x[i + 1] - x[i] * x[i]
            s = 1.0 - x[i]
            value += 100.0 * t * t + s * s
            g[i] += -400.0 * t * x[i] - 2.0 * s
            g[i + 1] += 200.0 * t
        return value, g

    return both


def casadi_call(make: Callable[[Any, Any], Any], count: int) -> Callable[[Any], Any]:
    """Value and gradient by a CasADi function with bound buffers.

    `make` gets CasADi and its symbols, and returns the value.
    """
    import casadi

    x = casadi.SX.sym("x", count)
    value = make(casadi, x)
    function = casadi.Function("f", [x], [value, casadi.gradient(value, x)])
    buffer, evaluate = function.buffer()
    given = numpy.zeros(count)
    found, slope = numpy.zeros(1), numpy.zeros(count)
    buffer.set_arg(0, memoryview(given))
    buffer.set_res(0, memoryview(found))
    buffer.set_res(1, memoryview(slope))

    def call(point: Any) -> Any:
        given[:] = point
        evaluate()
        return found[0], slope

    # CasADi's call does not keep what it works on.
    call.keep = function, buffer  # type: ignore[attr-defined]
    return call


def casadi_rosenbrock(casadi: Any, x: Any) -> Any:
    """Rosenbrock's function in CasADi's symbols."""
    terms = [
        100 * (x[i + 1] - x[i] ** 2) ** 2 + (1 - x[i]) ** 2
        for i in range(x.numel() - 1)
    ]
    return sum(terms)


def jax_module() -> Any:
    """JAX with doubles, on the processor."""
    import os

    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    import jax

    jax.config.update("jax_enable_x64", True)
    return jax


def jax_rosenbrock() -> Callable[..., Any]:
    """Value and gradient by JAX."""
    jax = jax_module()
    np = jax.numpy

    def f(x: Any) -> Any:
        return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)

    return ready(jax, jax.jit(jax.value_and_grad(f)))


def ready(jax: Any, function: Callable[..., Any]) -> Callable[..., Any]:
    """A JAX function that waits for its results."""
    return lambda *args: jax.block_until_ready(function(*args))


# A long loop of scalars


def pendulum(p: Any, steps: int = STEPS) -> Any:
    """A damped pendulum stepped in a plain scalar loop."""
    x, v = p[0], p[1]
    for _ in range(steps):
        a = -p[2] * numpy.sin(x) - p[3] * v
        x, v = x + 0.001 * v, v + 0.001 * a
    return x * x + v * v


def casadi_pendulum(casadi: Any, p: Any) -> Any:
    """The pendulum unrolled in CasADi's symbols."""
    x, v = p[0], p[1]
    for _ in range(STEPS):
        a = -p[2] * casadi.sin(x) - p[3] * v
        x, v = x + 0.001 * v, v + 0.001 * a
    return x * x + v * v


def jax_pendulum(is_unrolled: bool = False) -> Callable[..., Any]:
    """Value and gradient by JAX: a scan, or the plain loop unrolled by tracing."""
    jax = jax_module()

    def step(p: Any, x: Any, v: Any) -> Any:
        a = -p[2] * jax.numpy.sin(x) - p[3] * v
        return x + 0.001 * v, v + 0.001 * a

    def unrolled(p: Any) -> Any:
        x, v = p[0], p[1]
        for _ in range(STEPS):
            x, v = step(p, x, v)
        return x * x + v * v

    def scanned(p: Any) -> Any:
        (x, v), _ = jax.lax.scan(
            lambda state, _: (step(p, *state), None), (p[0], p[1]), length=STEPS
        )
        return x * x + v * v

    return ready(jax, jax.jit(jax.value_and_grad(unrolled if is_unrolled else scanned)))


def rolled_pendulum() -> Callable[..., Any]:
    """The pendulum's value alone compiled by numba, a loop that stays a loop."""
    import numba

    def value(p: Any) -> Any:
        x, v = p[0], p[1]
        for _ in range(4_000):
            a = -p[2] * numpy.sin(x) - p[3] * v
            x, v = x + 0.001 * v, v + 0.001 * a
        return x * x + v * v

    compiled: Callable[..., Any] = numba.njit(numba.float64(numba.float64[::1]))(value)
    return compiled


# A straight line of scalars without repetition


def straight_line(count: int) -> Callable[[Any], Any]:
    """A function of `count` sums, differences and products in random order.

    Every result is used, and numbers stay between 0 and 1.  It draws by a linear
    congruential generator of its own: a list of draws would be read from outside, and
    a call compares what is read from outside with what it was.
    """

    def function(x: Any) -> Any:
        pool = [x[k] for k in range(32)]
        state, done = 1, 0
        while done < count:
            state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
            kind, j, k = (state >> 61), (state >> 50) % 32, (state >> 40) % 32
            if kind < 3:
                pool[k] = pool[k] * pool[j]
            elif kind < 5:
                pool[k] = 1.0 - pool[k]
            else:
                pool[k] = (pool[k] + pool[j]) * 0.5
            done += 1 + (kind >= 5)
        total = pool[0]
        for value in pool[1:]:
            total = total + value
        return total

    return function


# Options under Heston's model


def heston(p: Any, z: Any) -> Any:
    """Payoff of an Asian call under Heston's model along one path of normals."""
    s, v, kappa, theta, sigma, rho, r = p
    dt = 1 / DAYS
    root, rest, total = dt**0.5, numpy.sqrt(1 - rho * rho), 0.0
    for i in range(DAYS):
        w = numpy.maximum(v, 0.0)
        u = numpy.sqrt(w + 1e-12)
        s = s * numpy.exp((r - 0.5 * w) * dt + u * z[i, 0] * root)
        v = v + kappa * (theta - w) * dt
        v = v + sigma * u * (rho * z[i, 0] + rest * z[i, 1]) * root
        total = total + s
    return numpy.maximum(total * (1 / DAYS) - 100.0, 0.0)


def barrier_at_end(p: Any, z: Any) -> Any:
    """The same, worth nothing if the price was ever above a barrier: one `if`."""
    s, v, kappa, theta, sigma, rho, r = p
    dt = 1 / DAYS
    root, rest, total, top = dt**0.5, numpy.sqrt(1 - rho * rho), 0.0, s
    for i in range(DAYS):
        w = numpy.maximum(v, 0.0)
        u = numpy.sqrt(w + 1e-12)
        s = s * numpy.exp((r - 0.5 * w) * dt + u * z[i, 0] * root)
        top = numpy.maximum(top, s)
        v = v + kappa * (theta - w) * dt
        v = v + sigma * u * (rho * z[i, 0] + rest * z[i, 1]) * root
        total = total + s
    if top > BARRIER:
        return 0.0
    return numpy.maximum(total * (1 / DAYS) - 100.0, 0.0)


def barrier_in_loop(p: Any, z: Any) -> Any:
    """The same with an `if` a day that leaves the loop: some 200 paths."""
    s, v, kappa, theta, sigma, rho, r = p
    dt = 1 / DAYS
    root, rest, total = dt**0.5, numpy.sqrt(1 - rho * rho), 0.0
    for i in range(DAYS):
        w = numpy.maximum(v, 0.0)
        u = numpy.sqrt(w + 1e-12)
        s = s * numpy.exp((r - 0.5 * w) * dt + u * z[i, 0] * root)
        if s > BARRIER:
            return 0.0
        v = v + kappa * (theta - w) * dt
        v = v + sigma * u * (rho * z[i, 0] + rest * z[i, 1]) * root
        total = total + s
    return numpy.maximum(total * (1 / DAYS) - 100.0, 0.0)


def normals(count: int) -> numpy.ndarray:
    """Normal draws, shape (count, days, 2)."""
    return numpy.random.default_rng(0).standard_normal((count, DAYS, 2))


def jax_heston() -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Payoffs of all paths, and payoffs with gradients of each path, by JAX."""
    jax = jax_module()
    np = jax.numpy

    def payoff(p: Any, z: Any) -> Any:
        s, v, kappa, theta, sigma, rho, r = p
        dt = 1 / DAYS
        root, rest = dt**0.5, np.sqrt(1 - rho * rho)

        def step(state: Any, draw: Any) -> Any:
            s, v, total = state
            w = np.maximum(v, 0.0)
            u = np.sqrt(w + 1e-12)
            s = s * np.exp((r - 0.5 * w) * dt + u * draw[0] * root)
            v = v + kappa * (theta - w) * dt
            v = v + sigma * u * (rho * draw[0] + rest * draw[1]) * root
            return (s, v, total + s), None

        (s, v, total), _ = jax.lax.scan(step, (s, v, 0.0 * s), z)
        return np.maximum(total * (1 / DAYS) - 100.0, 0.0)

    value = jax.jit(jax.vmap(payoff, in_axes=(None, 0)))
    both = jax.jit(jax.vmap(jax.value_and_grad(payoff), in_axes=(None, 0)))
    return ready(jax, value), ready(jax, both)


# Functions with many paths


def newton(a: Any) -> Any:
    """The square root by Newton's method, to a tolerance."""
    y = 0.5 * (1.0 + a)
    while abs(y * y - a) > 1e-12 * a:
        y = 0.5 * (y + a / y)
    return y


def branching(x: Any) -> Any:
    """Eight steps of a map with two branches."""
    for _ in range(8):
        x = 1.9 * x if x < 0.5 else 1.9 * (1.0 - x)
    return x


def masked(x: Any) -> Any:
    """Sums over what a mask selects, of six elements."""
    y = numpy.exp(x[x > 0.3])
    return numpy.sum(y * y) + numpy.sum(x)


def many_paths() -> dict[str, tuple[Callable[..., Any], list[Any]]]:
    """Functions with many paths, and 200 random inputs for each."""
    rng = numpy.random.default_rng(0)
    return {
        "Newton's while": (newton, [float(a) for a in 10 ** rng.uniform(-4, 6, 200)]),
        "branching loop": (branching, [float(a) for a in rng.uniform(0, 1, 200)]),
        "mask": (masked, list(rng.uniform(-1, 1, (200, 6)))),
    }
