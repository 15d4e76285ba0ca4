"""What the eager benchmark runs, written for each engine as its user would write it.

A workload function returns a `Call`: no arguments in, (value, gradient) out, with
everything that a user prepares once (parameters, data, the transformed function)
already prepared.  The NumPy text is one and the same for wengert and for autograd,
which only differ in the module that answers to the name ``np``.
"""

import itertools
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy

Call = Callable[[], tuple[float, list[numpy.ndarray]]]

ENGINES = ("wengert", "autograd", "torch")
STEPS = 4_000
LAYERS = (64, 256, 256, 10)
BATCH = 128


def rosenbrock(np: ModuleType, x: Any) -> Any:
    """Rosenbrock's function of a vector, with slices and one sum."""
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def pendulum(np: ModuleType, p: Any, steps: int) -> Any:
    """A damped pendulum stepped in a plain scalar loop."""
    x, v = p[0], p[1]
    for _ in range(steps):
        a = -p[2] * np.sin(x) - p[3] * v
        x, v = x + 0.001 * v, v + 0.001 * a
    return x * x + v * v


def network(np: ModuleType, parameters: Any, images: Any, wanted: Any) -> Any:
    """Mean softmax cross-entropy of a network with two hidden tanh layers."""
    w1, b1, w2, b2, w3, b3 = parameters
    hidden = np.tanh(images @ w1 + b1)
    hidden = np.tanh(hidden @ w2 + b2)
    scores = hidden @ w3 + b3
    scores = scores - np.max(scores, axis=1, keepdims=True)
    normaliser = np.log(np.sum(np.exp(scores), axis=1))
    return np.mean(normaliser - np.sum(scores * wanted, axis=1))


def torch_network(torch: ModuleType, parameters: Any, images: Any, labels: Any) -> Any:
    """The same network with PyTorch's own loss."""
    w1, b1, w2, b2, w3, b3 = parameters
    hidden = torch.tanh(images @ w1 + b1)
    hidden = torch.tanh(hidden @ w2 + b2)
    return torch.nn.functional.cross_entropy(hidden @ w3 + b3, labels)


def network_data() -> tuple[list[numpy.ndarray], numpy.ndarray, numpy.ndarray]:
    """Parameters, images and integer labels, drawn with a fixed seed."""
    rng = numpy.random.default_rng(0)
    parameters = []
    for rows, columns in itertools.pairwise(LAYERS):
        parameters.append(rng.normal(size=(rows, columns)) / numpy.sqrt(rows))
        parameters.append(numpy.zeros(columns))
    images = rng.random((BATCH, LAYERS[0]))
    return parameters, images, rng.integers(LAYERS[-1], size=BATCH)


def numpy_call(
    engine: str, function: Callable[..., Any], argument: Any, *others: Any
) -> Call:
    """A call of `function` differentiated by an engine that reads NumPy code."""
    if engine == "wengert":
        import wengert

        np, transform = numpy, wengert.value_and_grad
    else:
        import autograd
        import autograd.numpy as np

        transform = autograd.value_and_grad
    evaluate = transform(lambda x: function(np, x, *others))

    def call() -> tuple[float, list[numpy.ndarray]]:
        value, gradient = evaluate(argument)
        return value, list(gradient) if isinstance(argument, list) else [gradient]

    return call


def torch_call(
    function: Callable[..., Any],
    leaves: Sequence[numpy.ndarray],
    one: bool,
    *others: Any,
) -> Call:
    """A call of `function` differentiated by PyTorch, eager, on the CPU."""
    import torch

    tensors = [torch.tensor(leaf, requires_grad=True) for leaf in leaves]
    argument = tensors[0] if one else tensors

    def call() -> tuple[float, list[numpy.ndarray]]:
        value = function(torch, argument, *others)
        return value.item(), [g.numpy() for g in torch.autograd.grad(value, tensors)]

    return call


def rosenbrock_call(engine: str) -> Call:
    """Value and gradient of the 10-variable Rosenbrock function."""
    x = numpy.linspace(-1.0, 1.5, 10)
    if engine == "torch":
        return torch_call(rosenbrock, [x], True)
    return numpy_call(engine, rosenbrock, x)


def pendulum_call(engine: str, steps: int = STEPS) -> Call:
    """Value and gradient of the scalar loop."""
    p = numpy.array([1.0, 0.0, 9.81, 0.1])
    if engine == "torch":
        return torch_call(pendulum, [p], True, steps)
    return numpy_call(engine, pendulum, p, steps)


def network_call(engine: str) -> Call:
    """Value and gradient of the network on one batch."""
    parameters, images, labels = network_data()
    if engine == "torch":
        import torch

        data = torch.tensor(images), torch.tensor(labels)
        return torch_call(torch_network, parameters, False, *data)
    wanted = numpy.eye(LAYERS[-1])[labels]
    return numpy_call(engine, network, parameters, images, wanted)


WORKLOADS: dict[str, Callable[[str], Call]] = {
    "rosenbrock": rosenbrock_call,
    "loop": pendulum_call,
    "network": network_call,
}

TITLES = {
    "rosenbrock": "(i) Rosenbrock, 10 variables",
    "loop": f"(ii) scalar loop, {STEPS:,} steps",
    "network": f"(iii) 3-layer network, batch {BATCH}",
}


def element_loop(x: numpy.ndarray) -> Any:
    """Sum of a recurrence that fills an array element by element."""
    y = numpy.zeros(len(x))
    for i in range(len(x)):
        y[i] = 0.5 * y[i - 1] ** 2 + x[i]
    return numpy.sum(y)


def element_loop_input(n: int) -> numpy.ndarray:
    """Forcing small enough that the recurrence stays bounded, shape (n,)."""
    return numpy.random.default_rng(0).uniform(0.1, 0.4, n)


def chain(x: Any, nodes: int) -> Any:
    """A scalar program of about `nodes` operations."""
    y = x
    for _ in range(nodes // 4):
        y = numpy.sin(y) * 0.9 + x * y
    return y
