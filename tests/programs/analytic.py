"""What is analytic: where a complex step gives the derivative."""

from __future__ import annotations

import copy
import math
import warnings
from dataclasses import replace
from typing import Any

import numpy as np

from tests.programs import gradients
from tests.programs.compare import FEW_BITS
from tests.programs.writer import EVERYTHING, HOLE, Vocabulary

STEP = 1e-30
#: Differences of a step of 1e-6 are right to about this.
DIFFERENCE, RELIABLE = 1e-6, 1e-6


class ComplexNumpy:
    """NumPy whose new arrays are complex."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def zeros(self, shape: Any, dtype: Any = complex) -> Any:
        """Return complex zeros."""
        return np.zeros(shape, dtype)

    def empty(self, shape: Any, dtype: Any = complex) -> Any:
        """Return a complex array."""
        return np.empty(shape, dtype)

    def ones(self, shape: Any, dtype: Any = complex) -> Any:
        """Return complex ones."""
        return np.ones(shape, dtype)

    def full(self, shape: Any, value: Any) -> Any:
        """Return complex numbers that are the same."""
        return np.full(shape, value, complex)


class ComplexMath:
    """`math` by NumPy's functions of complex numbers."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)


#: What computes with complex numbers where a program has ``np`` and ``math``.
COMPLEX = {"np": ComplexNumpy(), "math": ComplexMath()}
#: What the holes of a template are tried with, and what is moved of it.
TRIED = {"V": "v", "F": "v", "A": "m", "M": "m", "S": "s", "D": "d", "L": "l"}
TRIED |= {"I": "2", "N": "n", "B": "b", "T": "'sum'", "K": "2", "c": "0.5", "x": "0"}
MOVED = {
    "v": np.array([0.31, 0.87, 0.56]),
    "m": np.array([[0.42, 0.75, 0.23], [0.91, 0.12, 0.66], [0.37, 0.58, 0.84]]),
    "o": np.array([[0.63, 0.28, 0.49], [0.17, 0.95, 0.71], [0.52, 0.34, 0.88]]),
    "s": 0.43,
    "d": {"w": np.array([0.2, 0.8]), "b": 0.7},
    "l": [0.7, 0.25],
}
FIXED = {"n": np.array([2, 0, 1]), "b": np.array([True, False, True])}
TANGENTS = gradients.direction(MOVED, np.random.default_rng(0))


def is_analytic(template: str) -> bool:
    """Whether a complex step agrees with differences in what a template computes."""
    if any(name in template for name in FEW_BITS):
        return False
    text = HOLE.sub(lambda hole: TRIED[hole[1]], template).replace("{o}", "o")
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            behind, middle, ahead, complex_ = (
                moved(text, step) for step in (-DIFFERENCE, 0.0, DIFFERENCE, STEP * 1j)
            )
    except Exception:
        return False
    if not middle.shape == complex_.shape == ahead.shape == behind.shape:
        return False
    slope = np.real(ahead - behind) / (2 * DIFFERENCE)
    return np.allclose(complex_.real, middle, 1e-12, 0, True) and np.allclose(
        complex_.imag / STEP, slope, RELIABLE, RELIABLE, True
    )


def moved(text: str, step: complex) -> Any:
    """Return the numbers that a template gives and writes a step along tangents."""
    numpy_and_math = COMPLEX if isinstance(step, complex) else {"np": np, "math": math}
    names = gradients.stepped(copy.deepcopy(MOVED), TANGENTS, step)
    scope = {**numpy_and_math, **copy.deepcopy(FIXED), **names}
    exec(f"found = {text}", scope)
    return gradients.flat([scope["found"], names])


def vocabulary() -> Vocabulary:
    """Return the part of the vocabulary that is analytic."""
    templates = {
        topic: [template for template in texts if is_analytic(template)]
        for topic, texts in EVERYTHING.templates.items()
    }
    signs = tuple(s for s in EVERYTHING.signs if s not in ("**=", "//=", "%="))
    bases = tuple(base for base in EVERYTHING.bases if base != ".real")
    return replace(EVERYTHING, templates=templates, signs=signs, bases=bases)
