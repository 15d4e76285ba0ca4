"""A pattern as a picture made of braille dots, for the terminal."""

from __future__ import annotations

from typing import Any

import numpy as np

#: The bit of each dot of a braille character, by row and column of its four by two.
DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])


def spy(pattern: Any, width: int = 40, height: int = 20) -> str:
    """Return a picture of a sparse array: a dot where entries are.

    Parameters
    ----------
    pattern : scipy.sparse array, shape (m, n)
    width, height : int
        Characters that the picture may take.
    """
    m, n = pattern.shape
    scale = max(m / (4 * height), n / (2 * width), 1.0)
    lines, places = max(int(-(-m // (4 * scale))), 1), max(int(-(-n // (2 * scale))), 1)
    dots = np.zeros((4 * lines, 2 * places), bool)
    coo = pattern.tocoo()
    rows = np.minimum((coo.row / scale).astype(int), 4 * lines - 1)
    columns = np.minimum((coo.col / scale).astype(int), 2 * places - 1)
    dots[rows, columns] = True
    blocks = dots.reshape(lines, 4, places, 2) * DOTS[None, :, None, :]
    return "\n".join(
        "".join(chr(0x2800 + int(code)) for code in line)
        for line in blocks.sum(axis=(1, 3))
    )
