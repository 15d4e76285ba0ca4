"""The programs of `sparse.py`, of a module with NumPy's names: NumPy, JAX or CasADi."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import numpy
from scipy import sparse

# What CasADi spells otherwise


def join(np: Any, parts: list[Any]) -> Any:
    """Return vectors one after another."""
    return np.vertcat(*parts) if hasattr(np, "vertcat") else np.concatenate(parts)


def take(np: Any, x: Any, places: Any) -> Any:
    """Return the elements at some places."""
    return x[places.tolist() if hasattr(np, "vertcat") else places]


def times(np: Any, matrix: Any, x: Any) -> Any:
    """Return the product of a constant sparse matrix and a vector."""
    return np.mtimes(np.DM(matrix), x) if hasattr(np, "vertcat") else matrix @ x


def total(np: Any, x: Any) -> Any:
    """Return the sum."""
    return np.sum1(x) if hasattr(np, "vertcat") else x.sum()


# A plain loop over numbers


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


# Arrays


def rosenbrock(np: Any, x: Any) -> Any:
    """Return Rosenbrock's chained function."""
    terms = 100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2
    return total(np, terms)


def bratu(np: Any, u: Any) -> Any:
    """Return Bratu's equation on a square, zero around it."""
    n = round(u.shape[0] ** 0.5)
    if hasattr(np, "vertcat"):
        return bratu_casadi(np, u, n)
    u = u.reshape(n, n)
    around = np.pad(u, 1)
    near = around[2:, 1:-1] + around[:-2, 1:-1] + around[1:-1, 2:] + around[1:-1, :-2]
    return (4.0 * u - near - np.exp(u) / (n + 1) ** 2).ravel()


def bratu_casadi(ca: Any, u: Any, n: int) -> Any:
    """Return Bratu's equation in CasADi's matrices."""
    u, row, column = ca.reshape(u, n, n), ca.SX(1, n), ca.SX(n, 1)
    near = ca.vertcat(u[1:, :], row) + ca.vertcat(row, u[:-1, :])
    near += ca.horzcat(u[:, 1:], column) + ca.horzcat(column, u[:, :-1])
    return ca.vec(4.0 * u - near - ca.exp(u) / (n + 1) ** 2)


def chain(np: Any, z: Any) -> Any:
    """Return the equations of a hanging chain: height, energy, length and slope."""
    n = z.shape[0] // 4
    x, energy, length, u = (z[k * n : (k + 1) * n] for k in range(4))
    h, arc = 1.0 / (n - 1), np.sqrt(1.0 + u**2)
    found = [
        y[1:] - y[:-1] - 0.5 * h * (rate[1:] + rate[:-1])
        for y, rate in ((x, u), (energy, x * arc), (length, arc))
    ]
    ends = [x[:1] - 1.0, x[-1:] - 3.0, energy[:1], length[:1], length[-1:] - 4.0]
    return join(np, [*found, *ends])


# A network


@dataclass(frozen=True)
class Network:
    """Buses, generators and branches, in units of the network.

    Attributes
    ----------
    buses, ends : Admittances
        Of all buses, and of both ends of all branches.
    demand : array, shape (2, buses)
        Power that is taken, active and reactive.
    at : csc_array
        Which generators stand at which bus.
    cost : array, shape (2, generators)
        Of the square of a generator's power, and of it.
    """

    buses: Admittances
    ends: Admittances
    demand: Any
    at: Any
    cost: Any


@dataclass(frozen=True)
class Admittances:
    """Nonzero admittances, and the sums of what flows through them."""

    one: Any
    other: Any
    g: Any
    b: Any
    sums: Any


def admittances(matrix: Any, at: Any) -> Admittances:
    """Return those of a complex matrix whose rows stand at some buses."""
    coo = sparse.coo_array(matrix)
    rows, columns = coo.coords
    count = len(coo.data)
    sums = sparse.csc_array(
        (numpy.ones(count), (rows, numpy.arange(count))), (matrix.shape[0], count)
    )
    return Admittances(at[rows], columns, coo.data.real, coo.data.imag, sums)


def network_of(buses: int) -> Network:
    """Return the IEEE network of so many buses, as PYPOWER has it."""
    from pypower.ext2int import ext2int
    from pypower.makeYbus import makeYbus

    name = f"case{buses}"
    found = ext2int(getattr(importlib.import_module(f"pypower.{name}"), name)())
    base, bus, gen = found["baseMVA"], found["bus"], found["gen"]
    branch, cost = found["branch"], found["gencost"]
    whole, first, last = makeYbus(base, bus, branch)
    starts, stops = branch[:, 0].astype(int), branch[:, 1].astype(int)
    ends = sparse.vstack([first, last])
    gens = numpy.arange(len(gen))
    at = sparse.csc_array(
        (numpy.ones(len(gen)), (gen[:, 0].astype(int), gens)), (len(bus), len(gen))
    )
    return Network(
        admittances(whole, numpy.arange(len(bus))),
        admittances(ends, numpy.concatenate([starts, stops])),
        bus[:, 2:4].T / base,
        at,
        numpy.stack([cost[:, 4] * base**2, cost[:, 5] * base]),
    )


def powers(np: Any, angle: Any, size: Any, lines: Admittances) -> tuple[Any, Any]:
    """Return the active and the reactive power that flows from every row."""
    turn = take(np, angle, lines.one) - take(np, angle, lines.other)
    product = take(np, size, lines.one) * take(np, size, lines.other)
    c, s = np.cos(turn), np.sin(turn)
    active = times(np, lines.sums, product * (lines.g * c + lines.b * s))
    reactive = times(np, lines.sums, product * (lines.g * s - lines.b * c))
    return active, reactive


def flow(np: Any, z: Any, network: Network) -> Any:
    """Return what is wrong with the power at all buses, and the squares of flows."""
    n, count = network.at.shape
    angle, size = z[:n], z[n : 2 * n]
    made = z[2 * n : 2 * n + count], z[2 * n + count :]
    found = [
        power + demand - times(np, network.at, own)
        for power, demand, own in zip(
            powers(np, angle, size, network.buses), network.demand, made, strict=True
        )
    ]
    active, reactive = powers(np, angle, size, network.ends)
    return join(np, [*found, active**2 + reactive**2, angle[68:69]])


def flow_cost(np: Any, z: Any, network: Network) -> Any:
    """Return what the generators cost."""
    n, count = network.at.shape
    own = z[2 * n : 2 * n + count]
    return total(np, network.cost[0] * own**2 + network.cost[1] * own)


# Cameras


@dataclass(frozen=True)
class Views:
    """Which camera saw which point, and where in its picture."""

    cameras: int
    points: int
    camera: Any
    point: Any
    seen: Any


def views(cameras: int = 49, points: int = 7776, count: int = 31843) -> Views:
    """Return random views, each of another camera or point."""
    random = numpy.random.default_rng(0)
    pairs = random.choice(cameras * points, count, replace=False)
    seen = random.normal(size=(2, count))
    return Views(cameras, points, pairs // points, pairs % points, seen)


def before_cameras(of: Views) -> Any:
    """Return cameras, points in front of all of them, and weights, as one vector."""
    random = numpy.random.default_rng(0)
    camera = numpy.repeat([0.1, 0.0, 1.0, 0.0, 0.01], [3, 3, 1, 2, 2])
    cameras = camera + 0.01 * random.normal(size=(of.cameras, 11))
    points = [0.0, 0.0, 5.0] + random.normal(size=(of.points, 3)) / 2
    weights = 1.0 + 0.1 * random.normal(size=len(of.camera))
    return numpy.concatenate([cameras.T.ravel(), points.T.ravel(), weights])


def bundle(np: Any, z: Any, of: Views) -> Any:
    """Return the errors of all views, and of their weights.

    A camera has a rotation, a place, a focal length, a centre and two distortions.
    """
    n, m = of.cameras, of.points
    camera = [take(np, z[k * n : (k + 1) * n], of.camera) for k in range(11)]
    rest = z[11 * n :]
    x = [take(np, rest[k * m : (k + 1) * m], of.point) for k in range(3)]
    weights = rest[3 * m :]
    r, moved = camera[:3], [a - b for a, b in zip(x, camera[3:6], strict=True)]
    angle = np.sqrt(r[0] ** 2 + r[1] ** 2 + r[2] ** 2)
    axis = [part / angle for part in r]
    c, s = np.cos(angle), np.sin(angle)
    along = sum(a * b for a, b in zip(axis, moved, strict=True)) * (1.0 - c)
    turned = [
        moved[k] * c
        + s * (axis[k - 2] * moved[k - 1] - axis[k - 1] * moved[k - 2])
        + axis[k] * along
        for k in range(3)
    ]
    u, v = turned[0] / turned[2], turned[1] / turned[2]
    square = u**2 + v**2
    spread = camera[6] * (1.0 + camera[9] * square + camera[10] * square**2)
    errors = [
        weights * (spread * place + camera[7 + k] - of.seen[k])
        for k, place in enumerate((u, v))
    ]
    return join(np, [*errors, 1.0 - weights**2])
