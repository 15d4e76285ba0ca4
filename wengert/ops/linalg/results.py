"""The named tuples that NumPy returns, whose names it does not hand out."""

from __future__ import annotations

from typing import Any

import numpy as np

_ONE = np.ones((1, 1))
EighResult: Any = type(np.linalg.eigh(_ONE))
EigResult: Any = type(np.linalg.eig(_ONE))
QRResult: Any = type(np.linalg.qr(_ONE))
SlogdetResult: Any = type(np.linalg.slogdet(_ONE))
SVDResult: Any = type(np.linalg.svd(_ONE))
