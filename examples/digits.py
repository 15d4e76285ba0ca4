"""A neural network in plain NumPy learns the 1,797 handwritten digits of scikit-learn.

The forward pass fills buffers and works in place, the training loop updates the
parameters in place; the gradient is one call.
"""

import itertools
import time
from collections.abc import Callable

import numpy as np
from sklearn.datasets import load_digits

import wengert as wg

Rows = list[tuple[str, str, str]]
Layers = list[tuple[np.ndarray, np.ndarray]]

SIZES = (64, 128, 64, 10)
HELD_OUT = 360
BATCH = 64
EPOCHS = 40
RATE = 0.05
MOMENTUM = 0.9


def new_layers(rng: np.random.Generator) -> Layers:
    """Weights of shape (inputs, outputs), scaled for rectified units, and biases."""
    return [
        (rng.normal(size=(n, m)) * np.sqrt(2.0 / n), np.zeros(m))
        for n, m in itertools.pairwise(SIZES)
    ]


def scores(layers: Layers, images: np.ndarray) -> np.ndarray:
    """Unnormalised log-probabilities, shape (images, 10)."""
    signal = images
    for number, (weights, bias) in enumerate(layers):
        sums = np.empty((len(images), len(bias)))
        np.matmul(signal, weights, out=sums)
        sums += bias
        if number < len(layers) - 1:
            np.maximum(sums, 0.0, out=sums)
        signal = sums
    return signal


def loss(layers: Layers, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Mean cross-entropy of the softmax of the scores."""
    logits = scores(layers, images)
    logits -= np.max(logits, axis=1, keepdims=True)
    chosen = logits[np.arange(len(labels)), labels]
    return np.mean(np.log(np.sum(np.exp(logits), axis=1)) - chosen)


def accuracy(layers: Layers, images: np.ndarray, labels: np.ndarray) -> float:
    """Fraction of images whose highest score is at their label."""
    return float(np.mean(np.argmax(scores(layers, images), axis=1) == labels))


def train(
    layers: Layers,
    images: np.ndarray,
    labels: np.ndarray,
    epochs: int,
    watch: Callable[[float, Layers], None] | None = None,
) -> float:
    """Change the layers in place by stochastic gradient descent; the last loss.

    ``watch(loss, layers)`` is called after every epoch with its mean loss.
    """
    rng = np.random.default_rng(1)
    value_and_gradient = wg.value_and_grad(loss)
    speeds = [(np.zeros_like(w), np.zeros_like(b)) for w, b in layers]
    value = np.inf
    for epoch in range(epochs):
        rate = RATE * (1.0 - epoch / epochs)
        order = rng.permutation(len(images))
        losses = []
        for start in range(0, len(images), BATCH):
            rows = order[start : start + BATCH]
            value, gradient = value_and_gradient(layers, images[rows], labels[rows])
            losses.append(value)
            for layer, speed, slope in zip(layers, speeds, gradient, strict=True):
                for p, s, g in zip(layer, speed, slope, strict=True):
                    s *= MOMENTUM
                    s -= rate * g
                    p += s
        if watch is not None:
            watch(float(np.mean(losses)), layers)
    return float(value)


def main(epochs: int = EPOCHS) -> Rows:
    """Train and test the network; rows of (quantity, result, expected)."""
    rng = np.random.default_rng(0)
    images, labels = load_digits(return_X_y=True)
    images = images / 16.0
    order = rng.permutation(len(images))
    test, training = order[:HELD_OUT], order[HELD_OUT:]
    layers = new_layers(rng)

    start = time.perf_counter()
    train(layers, images[training], labels[training], epochs)
    seconds = time.perf_counter() - start
    updates = epochs * -(-len(training) // BATCH)
    held_out = accuracy(layers, images[test], labels[test])
    return [
        ("training images, updates", f"{len(training)}, {updates}", ""),
        ("time per update", f"{1e3 * seconds / updates:.2f} ms", ""),
        (f"accuracy on {HELD_OUT} held out", f"{held_out:.1%}", "over 97%"),
    ]


if __name__ == "__main__":
    for row in main():
        print(*row, sep=" | ")
