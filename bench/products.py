"""Products of matrices under `jit`, value and gradient, beside JAX and NumPy by hand.

Run: ``python bench/products.py``; JAX and PyTorch are left out where they are not
installed.  A network of three layers at batches of 1, 32 and 128, by its weights and
biases, and a step of its training, which moves them in place; the sum of the tangents
of a product, by both matrices.  ``numpy value`` has no gradient.  First calls, what it
takes until wengert's are native, and the best settled ones, which take turns; one
thread.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any

from arrays import Own, main  # before NumPy: it asks for one thread

# isort: split
import numpy

SIZES = (64, 64, 32, 10)
LAYERS = range(len(SIZES) - 1)


def network(np: Any, inputs: Any, targets: Any, *parameters: Any) -> Any:
    """The cross entropy of a network; its weights come first, then its biases."""
    weights, biases = parameters[:3], parameters[3:]
    h = inputs
    for k in LAYERS:
        z = h @ weights[k] + biases[k]
        h = np.tanh(z)
    top = np.max(z, axis=1)
    each = top + np.log(np.sum(np.exp(z - top[:, None]), axis=1))
    return np.mean(each - np.sum(targets * z, axis=1))


def network_by_hand(inputs: Any, targets: Any, *parameters: Any) -> Any:
    """The same with its gradient, as one writes it with NumPy."""
    weights, biases = parameters[:3], parameters[3:]
    hidden = [inputs]
    for k in LAYERS:
        z = hidden[k] @ weights[k]
        z += biases[k]
        hidden.append(numpy.tanh(z))
    z -= numpy.max(z, axis=1, keepdims=True)
    powers = numpy.exp(z)
    total = numpy.sum(powers, axis=1)
    value = numpy.mean(numpy.log(total) - numpy.sum(targets * z, axis=1))
    slope = (powers / total[:, None] - targets) / len(inputs)
    by_weights, by_biases = [], []
    for k in reversed(LAYERS):
        by_weights.append(hidden[k].T @ slope)
        by_biases.append(numpy.sum(slope, axis=0))
        if k:
            slope = slope @ weights[k].T
            slope *= 1 - hidden[k] * hidden[k]
    return value, (*by_weights[::-1], *by_biases[::-1])


def network_in_torch(inputs: Any, targets: Any, *parameters: Any) -> Any:
    """The same with its gradient, as one writes it with PyTorch."""
    import torch

    torch.set_num_threads(1)
    leaves = [torch.from_numpy(array).requires_grad_() for array in parameters]
    weights, biases = leaves[:3], leaves[3:]
    h = torch.from_numpy(inputs)
    for k in LAYERS:
        z = torch.addmm(biases[k], h, weights[k])
        h = torch.tanh(z)
    each = torch.logsumexp(z, 1) - (torch.from_numpy(targets) * z).sum(1)
    value = each.mean()
    value.backward()
    return value.item(), [leaf.grad.numpy() for leaf in leaves]


EVERY, RATE = tuple(range(6)), 0.1


def trained_by_wengert(inputs: Any, targets: Any, *parameters: Any) -> Any:
    """A step down the gradient, in place; what is given to `jit` stays as it is."""
    import wengert

    loss = partial(network, numpy, inputs, targets)
    value, slopes = wengert.value_and_grad(loss, argnums=EVERY)(*parameters)
    for array, slope in zip(parameters, slopes, strict=True):
        array -= RATE * slope
    return value, parameters


def trained_by_jax(inputs: Any, targets: Any, *parameters: Any) -> Any:
    """The same."""
    import jax
    from jax import numpy as jnp

    loss = partial(network, jnp, inputs, targets)
    value, slopes = jax.value_and_grad(loss, argnums=EVERY)(*parameters)
    pairs = zip(parameters, slopes, strict=True)
    return value, [array - RATE * slope for array, slope in pairs]


def trained_by_hand(inputs: Any, targets: Any, *parameters: Any) -> Any:
    """The same, of copies, as those under `jit` have them."""
    value, slopes = network_by_hand(inputs, targets, *parameters)
    pairs = zip(parameters, slopes, strict=True)
    return value, [array - RATE * slope for array, slope in pairs]


def trained_in_torch(inputs: Any, targets: Any, *parameters: Any) -> Any:
    """The same."""
    value, slopes = network_in_torch(inputs, targets, *parameters)
    pairs = zip(parameters, slopes, strict=True)
    return value, [array - RATE * slope for array, slope in pairs]


def product(np: Any, a: Any, b: Any) -> Any:
    """The sum of the hyperbolic tangents of a product."""
    return np.sum(np.tanh(a @ b))


def product_by_hand(a: Any, b: Any) -> Any:
    """The same with its gradient."""
    c = numpy.tanh(a @ b)
    slope = 1 - c * c
    return numpy.sum(c), (slope @ b.T, a.T @ slope)


def product_value(a: Any, b: Any) -> Any:
    """The same, with no gradient."""
    return product(numpy, a, b), ()


def rows() -> dict[str, Any]:
    """Each row's programs, what they are given before the arguments, and those."""
    random = numpy.random.default_rng(7)
    normal = random.standard_normal
    found: dict[str, Any] = {}
    networks = {
        "wengert": network,
        "jax": network,
        "torch": network_in_torch,
        "numpy": network_by_hand,
        "numpy value": lambda *given: (network(numpy, *given), ()),
    }
    steps = {
        "wengert": Own(trained_by_wengert),
        "jax": Own(trained_by_jax),
        "torch": trained_in_torch,
        "numpy": trained_by_hand,
    }
    pairs = list(pairwise(SIZES))
    weights = [normal(pair) / 8 for pair in pairs]
    biases = [normal(n) / 8 for _, n in pairs]
    for batch in (1, 32, 128):
        targets = numpy.eye(10)[random.integers(0, 10, batch)]
        given = normal((batch, SIZES[0])), targets
        found[f"network, batch {batch}"] = networks, given, (*weights, *biases)
        found[f"training, batch {batch}"] = steps, given, (*weights, *biases)
    products = {
        "wengert": product,
        "jax": product,
        "numpy": product_by_hand,
        "numpy value": product_value,
    }
    for n in (2, 4, 8, 16, 32, 64, 128, 256, 500):
        found[f"product {n} x {n}"] = products, (), (normal((n, n)) / n, normal((n, n)))
    return found


if __name__ == "__main__":
    main(rows(), __doc__, ("numpy", "numpy value", "jax", "torch"))
