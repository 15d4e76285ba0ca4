"""What the evals compute, as a user of NumPy writes it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import wengert as wg


def square(x: Any) -> Any:
    """Return a square."""
    return x * x


# Least squares of a sign by a polynomial


def llsq(x: Any, n: int) -> Any:
    """Return half the sum of squares at n points."""
    t = np.linspace(-1.0, 1.0, n)
    residual, power = np.sign(t), np.ones(n)
    for coefficient in x:
        residual = residual - coefficient * power
        power = power * t
    return 0.5 * np.sum(residual**2)


def lse(x: Any) -> Any:
    """Return the logarithm of a sum of exponentials."""
    top = np.max(x)
    return np.log(np.sum(np.exp(x - top))) + top


# A chain of differential equations, by Runge and Kutta's method of fourth order


def slope(x: Any, y: Any) -> Any:
    """Return the right-hand side: each state drives the next one."""
    z = np.empty_like(y)
    z[0] = x[0]
    z[1:] = x[1:] * y[:-1]
    return z


def advanced(x: Any, y: Any, h: float) -> Any:
    """Return the state a step later."""
    k1 = slope(x, y)
    k2 = slope(x, y + h * k1 / 2)
    k3 = slope(x, y + h * k2 / 2)
    k4 = slope(x, y + h * k3)
    return y + h * (k1 + 2 * k2 + 2 * k3 + k4) / 6


def ode(x: Any, steps: int, start: Any) -> Any:
    """Return the state at time 2."""
    h, y = 2.0 / steps, start
    for _ in range(steps):
        y = advanced(x, y, h)
    return y


# A determinant by minors


def minor(a: Any, row: int, columns: Sequence[int]) -> Any:
    """Return the determinant of some columns of the rows from one on."""
    if len(columns) == 1:
        return a[row, columns[0]]
    total = 0.0
    for k, column in enumerate(columns):
        rest = [other for other in columns if other != column]
        term = a[row, column] * minor(a, row + 1, rest)
        total = total - term if k % 2 else total + term
    return total


def det(a: Any) -> Any:
    """Return a determinant."""
    return minor(a, 0, range(len(a)))


# The cost of k means


def cost(centroids: Any, points: Any) -> Any:
    """Return the sum of the squared distances to the nearest centroids."""
    apart = points[:, None, :] - centroids[None, :, :]
    return np.sum(np.min(np.sum(apart**2, axis=2), axis=1))


def newton(centroids: Any, points: Any) -> Any:
    """Return Newton's direction: the Hessian is diagonal."""
    gradient = wg.grad(lambda c: cost(c, points))
    g, h = wg.jvp(gradient, (centroids,), (np.ones_like(centroids),))
    return g / h


# A mixture of normal distributions


def gmm(
    alpha: Any,
    mu: Any,
    q: Any,
    low: Any,
    x: Any,
    below: Any,
    prior: Any,
) -> Any:
    """Return the logarithm of the posterior, but for a constant.

    `below` says which of `low`, or of a zero behind it, an element of a strictly lower
    triangle is; `prior` are the two numbers of Wishart's distribution.
    """
    gamma, m = prior
    diagonal, sums = np.exp(q), np.sum(q, axis=1)
    lower = np.concatenate((low, np.zeros((len(low), 1))), axis=1)[:, below]
    apart = x[:, None, :] - mu
    scaled = diagonal * apart + np.einsum("kij,nkj->nki", lower, apart)
    inner = alpha + sums - 0.5 * np.sum(scaled**2, axis=2)
    top = np.max(inner, axis=1)
    likelihood = np.sum(top + np.log(np.sum(np.exp(inner - top[:, None]), axis=1)))
    wishart = 0.5 * gamma**2 * (np.sum(diagonal**2) + np.sum(low**2)) - m * np.sum(sums)
    return likelihood - len(x) * lse(alpha) - wishart


# A long short-term memory


def sigmoid(z: Any) -> Any:
    """Return the logistic function."""
    return 1 / (1 + np.exp(-z))


def remember(weight: Any, bias: Any, hidden: Any, cell: Any, x: Any) -> Any:
    """Return what a layer hands on, and what it keeps."""
    w, b = weight.reshape(4, -1), bias.reshape(4, -1)
    forget = sigmoid(x * w[0] + b[0])
    ingate = sigmoid(hidden * w[1] + b[1])
    outgate = sigmoid(x * w[2] + b[2])
    cell = cell * forget + ingate * np.tanh(hidden * w[3] + b[3])
    return outgate * np.tanh(cell), cell


def read(main: Any, extra: Any, state: Any, now: Any, following: Any) -> Any:
    """Return the next state of all layers, and what a letter adds to the loss."""
    x, found = now * extra[0], []
    for k in range(0, len(state), 2):
        found += remember(main[k], main[k + 1], state[k], state[k + 1], x)
        x = found[k]
    y = x * extra[1] + extra[2]
    return found, np.sum(following * (y - np.log(np.sum(np.exp(y)) + 2)))


def lstm(main: Any, extra: Any, state: Any, sequence: Any) -> Any:
    """Return the loss of a text, letter by letter."""
    state, total = list(state), 0.0
    for now, following in itertools.pairwise(sequence):
        state, added = read(main, extra, state, now, following)
        total = total + added
    return -total / ((len(sequence) - 1) * extra.shape[1])


# Bundle adjustment: one observation


def project(camera: Any, point: Any, weight: Any, feature: Any) -> Any:
    """Return how far a point is seen from where it was."""
    r, x = camera[:3], point - camera[3:6]
    angle = np.sqrt(np.sum(r**2))
    v = r / angle
    turned = x * np.cos(angle) + np.cross(v, x) * np.sin(angle)
    turned = turned + v * np.dot(v, x) * (1.0 - np.cos(angle))
    seen = turned[:2] / turned[2]
    far = np.sum(seen**2)
    bent = 1.0 + camera[9] * far + camera[10] * far**2
    return weight * (seen * bent * camera[6] + camera[7:9] - feature)


def weight_error(weight: Any) -> Any:
    """Return how far a weight is from 1."""
    return 1.0 - weight**2


def residuals(camera: Any, point: Any, weight: Any, feature: Any) -> Any:
    """Return both errors of an observation."""
    return project(camera, point, weight, feature), weight_error(weight)


def observed(camera: Any, point: Any, weight: Any, feature: Any) -> Any:
    """Return the derivatives of both errors, by camera, point and weight."""
    parts = wg.jacobian(project, argnums=(0, 1, 2))(camera, point, weight, feature)
    rows = np.concatenate((parts[0], parts[1], parts[2][:, None]), axis=1)
    return rows, wg.grad(weight_error)(weight)


# A descent, and two functions that have one inside


def length(x: Any) -> Any:
    """Return how long a vector is."""
    return np.sqrt(np.sum(x**2))


def descend(
    f: Callable[[Any], Any],
    gradient: Callable[[Any], Any],
    x: Any,
    length: Callable[[Any], Any] = length,
) -> Any:
    """Return a least point by steps down, whose length doubles and halves."""
    value, down, done, eta = f(x), gradient(x), 0, 1e-5
    while length(down) > 1e-5:
        if done == 10:
            eta, done = eta * 2, 0
            continue
        trial = x - eta * down
        if length(x - trial) <= 1e-5:
            break
        at = f(trial)
        if at < value:
            x, value, down, done = trial, at, gradient(trial), done + 1
        else:
            eta, done = eta / 2, 0
    return x


#: What is asked in every step of a descent, compiled like what it descends along.
LENGTH = wg.jit(length, wait=True)


def descent(f: Callable[..., Any], gradient: Callable[..., Any]) -> Callable[..., Any]:
    """Return the descent from a point along a compiled function and its derivative."""
    at, down = wg.jit(f, wait=True), wg.jit(gradient, wait=True)

    def call(x: Any, *more: Any) -> Any:
        return descend(lambda x: at(x, *more), lambda x: down(x, *more), x, LENGTH)

    return call


def potential(z: Any, w: Any) -> Any:
    """Return that of two charges, of which one is moved."""
    a, b = z - np.array([10.0, 10.0 - w]), z - np.array([10.0, 0.0])
    return 1 / np.sqrt(np.sum(a**2)) + 1 / np.sqrt(np.sum(b**2))


def landing(w: Any, force: Callable[..., Any]) -> Any:
    """Return the squared place where a particle comes to the ground."""
    z, v, dt = np.array([0.0, 8.0]), np.array([0.75, 0.0]), 0.1
    while True:
        push = force(z, w)
        z = z + dt * v
        if z[1] <= 0.0:
            return (z[0] - z[1] / v[1] * v[0]) ** 2
        v = v - dt * push


def saddle(x: Any, y: Any) -> Any:
    """Return a function with a saddle point."""
    return np.sum(x**2) - np.sum(y**2)


def worst(
    x: Any,
    start: Any,
    derivative: Callable[..., Any],
    descend: Callable[..., Any] = descend,
) -> Any:
    """Return where the saddle is highest along its second argument."""

    def f(y: Any) -> Any:
        return -saddle(x, y)

    return descend(f, derivative(f), start)
