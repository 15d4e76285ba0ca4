"""What NumPy returns: named tuples without public names, and of which type."""

from __future__ import annotations

from typing import Any

import numpy as np

_ONE = np.ones((1, 1))
EighResult: Any = type(np.linalg.eigh(_ONE))
EigResult: Any = type(np.linalg.eig(_ONE))
QRResult: Any = type(np.linalg.qr(_ONE))
SlogdetResult: Any = type(np.linalg.slogdet(_ONE))
SVDResult: Any = type(np.linalg.svd(_ONE))
UniqueAllResult: Any = type(np.unique_all(_ONE))
UniqueCountsResult: Any = type(np.unique_counts(_ONE))
UniqueInverseResult: Any = type(np.unique_inverse(_ONE))
#: All of them by their full names.
NUMPYS = {
    f"{kind.__module__}.{kind.__qualname__}": kind
    for kind in (
        *(EighResult, EigResult, QRResult, SlogdetResult, SVDResult),
        *(UniqueAllResult, UniqueCountsResult, UniqueInverseResult),
    )
}
#: Whether eigenvalues that are all real are real numbers: NumPy has complex ones from
#: version 2.5 on.
REAL_EIGENVALUES = np.linalg.eigvals(_ONE).dtype.kind == "f"
