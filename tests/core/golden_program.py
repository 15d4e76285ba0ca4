"""The program whose printed tape is a golden file (its lines are part of it)."""

from __future__ import annotations

from typing import Any

import numpy as np


def program(x: Any, w: Any) -> Any:
    """Write through a view, branch, and reduce."""
    y = np.zeros(3)
    y[1:] = np.sin(x) * w
    if y[1] > 0:
        y[::-1][0] += 2
    return np.sum(y @ y)
