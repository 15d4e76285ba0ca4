"""A pattern as a picture: of braille dots, for the terminal, or as an SVG."""

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


#: Squares that a side of an SVG may have, and its longer side in pixels.
MOST_SQUARES, PIXELS = 200, 320


def spy_svg(pattern: Any, numbers: Any = None) -> str:
    """Return a picture of a sparse array as an SVG: a square where entries are.

    Parameters
    ----------
    pattern : scipy.sparse array, shape (m, n)
    numbers : array of int, optional
        Colours of the entries, row by row; shown where every entry has its own square.
    """
    m, n = pattern.shape
    scale = max(m / MOST_SQUARES, n / MOST_SQUARES, 1.0)
    coo = pattern.tocoo()
    squares = np.stack([coo.row, coo.col], 1)
    if numbers is None or scale > 1.0:
        squares = np.unique((squares / scale).astype(int), axis=0)
        numbers = None
    paths = []
    for number in [None] if numbers is None else np.unique(numbers):
        own = squares if numbers is None else squares[numbers == number]
        text = "".join([f"M{column} {row}h1v1h-1z" for row, column in own.tolist()])
        # The golden angle keeps the hues of few colours apart.
        fill = (
            "currentColor"
            if number is None
            else f"hsl({number * 137.5 % 360:.0f} 60% 50%)"
        )
        paths.append(f'<path fill="{fill}" d="{text}"/>')
    wide, high = max(n / scale, 1.0), max(m / scale, 1.0)
    unit = PIXELS / max(wide, high)
    frame = f'<rect width="{wide:g}" height="{high:g}" fill="none" stroke="gray"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:g} {high:g}" '
        f'width="{wide * unit:.0f}" height="{high * unit:.0f}">'
        f'{frame} stroke-width="{1 / unit:.3g}"/>{"".join(paths)}</svg>'
    )
