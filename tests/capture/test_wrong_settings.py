"""What NumPy takes for no size, axis or place is none as a recorded value either."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert

CALLS = """
x.reshape(s, -1) ; x.reshape(-1, s) ; x.reshape((s, -1)) ; x.reshape(s) ; x.sum(s)
np.reshape(x, (s, -1)) ; np.reshape(x, s) ; np.broadcast_to(x, (s, 3, 3))
np.resize(x, (s, 2)) ; np.resize(x, s) ; np.tile(x, (s, 2)) ; np.zeros((s, -1))
x.transpose(s, 1) ; x.transpose((s, 1)) ; x.transpose(s)
np.transpose(x, (s, 1)) ; np.moveaxis(x, (s, 1), (0, 1))
np.roll(x, (s, 1)) ; np.roll(x, 1, axis=(s, 1)) ; np.sum(x, axis=s) ; np.sort(x, s)
np.sum(x, axis=(s, 1)) ; np.max(x, axis=(s, 1)) ; np.mean(x, axis=(s, 1))
np.expand_dims(x, (s, 1)) ; np.squeeze(x, (s,)) ; np.flip(x, (s, 1)) ; x.swapaxes(0, s)
np.rot90(x, 1, (s, 1)) ; np.repeat(x, s) ; np.concatenate([x, x], axis=s)
np.linalg.norm(x, axis=(s, 1)) ; np.gradient(x, axis=(s, 1))
np.average(x, axis=(s, 0))
np.quantile(x, 0.5, axis=(s, 1)) ; np.count_nonzero(x, axis=(s, 0)) ; np.diff(x, n=s)
np.insert(x, s, 1.0) ; np.insert(x, s, 1.0, axis=0) ; np.delete(x, s)
np.delete(x, [s, 1]) ; np.unravel_index(s, (3, 3)) ; np.round(x, s) ; x.round(s)
np.ravel_multi_index((s, 1), (3, 3)) ; np.pad(x, s) ; np.trace(x, s) ; x[s, 0] ; x[s:]
s + [1] ; s - [1] ; s == [1] ; s < [1] ; s * [1] ; [1] * s ; [1] + s ; s + (1, 2)
"""
EVERY = [call.strip() for line in CALLS.split("\n") for call in line.split(";") if line]
#: Where a truth value is no number.
OF_TRUTHS = """
np.zeros(s) ; np.ones((s, 2)) ; np.identity(s) ; np.full(s, 2.0) ; np.zeros(min(s, 9))
np.cumsum(x, s) ; np.ptp(x, s) ; np.any(x, s) ; np.sum(x, axis=s)
np.argmax(x, s) ; np.argmin(x, axis=s)
"""
TRUTHS = [c.strip() for line in OF_TRUTHS.split("\n") for c in line.split(";") if line]
VALUES = [2.5, 1 + 2j, 1, np.float64(-0.7), np.array(0.6), np.array([0.6])]
VALUES += [np.array([0.6, -0.7, 0.1]), np.array([1, 1]), np.zeros(0), [1.0, 2.0]]


def kind(call: Any, *args: Any) -> Any:
    """Return the type of an error, or the shape of an answer."""
    try:
        return np.shape(call(*args))
    except Exception as error:
        return type(error)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("text", "values"),
    [*((text, VALUES) for text in EVERY), *((text, [True]) for text in TRUTHS)],
)
def test_numpys_error_is_ours(text: str, values: list[Any]) -> None:
    call = eval(f"lambda x, s: {text}", {"np": np})
    x = np.arange(9.0).reshape(3, 3)
    for value in values:
        found: list[Any] = []

        def recorded(x: Any, s: Any, found: list[Any] = found) -> float:
            found.append(kind(call, x, s))
            return 0.0

        expected = kind(call, x, value)
        wengert.record(recorded, x, value)

        is_refused = isinstance(found[0], type)
        is_refused = is_refused and issubclass(found[0], wengert.WengertError)
        assert is_refused or found == [expected]


#: Where an array, whose dtype NumPy does not take it for, is no dtype.
OF_DTYPES = """
np.zeros(3, dtype=x) ; np.ones((2,), dtype=x) ; np.empty(3, dtype=x)
np.eye(3, dtype=x) ; np.full(3, 1.0, dtype=x) ; np.arange(3, dtype=x)
np.linspace(0, 1, 3, dtype=x)
np.array([1, 2], dtype=x) ; np.asarray(x, dtype=x) ; np.dtype(x) ; x.view(x)
x.astype(x) ; np.ones(2).astype(x) ; np.zeros_like(x, dtype=x) ; x.sum(dtype=x)
np.sum(x, dtype=x) ; np.add(x, x, dtype=x) ; np.cumsum(x, dtype=x) ; np.mean(x, dtype=x)
np.stack([x, x], dtype=x) ; np.promote_types(x, float) ; np.tri(3, dtype=x)
"""
DTYPES = [c.strip() for line in OF_DTYPES.split("\n") for c in line.split(";") if line]


@pytest.mark.skipif(
    np.lib.NumpyVersion(np.__version__) < "2.4.0", reason="NumPy takes what has a dtype"
)
@pytest.mark.parametrize("text", DTYPES)
def test_an_array_is_no_dtype(text: str) -> None:
    """Nor is a recorded one, by a text that does not speak of sizes."""
    call = eval(f"lambda x: {text}", {"np": np})
    for run in (call, lambda x: wengert.record(call, x), wengert.jit(call)):
        with pytest.raises(TypeError, match="Cannot construct a dtype from an array"):
            run(np.arange(3.0))
