"""What NumPy is told to do about floating-point errors, answered as outside."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.capture.answers.leading import plain
from wengert.capture.answers.table import answered
from wengert.core.floating_point import TELLER

numpy_geterr, numpy_geterrcall = plain(np.geterr), plain(np.geterrcall)


@answered("geterr")
def geterr() -> dict[str, str]:
    """Answer ``np.geterr``: what the teller is told is a warning all the same."""
    modes: Any = numpy_geterr()
    if numpy_geterrcall() is not TELLER:
        return modes  # type: ignore[no-any-return]
    return {kind: "warn" if how == "log" else how for kind, how in modes.items()}


@answered("geterrcall")
def geterrcall() -> Any:
    """Answer ``np.geterrcall``: the teller is nobody of the user's."""
    told = numpy_geterrcall()
    return None if told is TELLER else told
