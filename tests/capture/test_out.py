"""What `out=` takes: the casts that NumPy's functions do, and no others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert

X = np.array([-1.5, 0.5, 2.25])
TWICE = "np.stack([x, x])"
CALLS = f"""
np.take(x, [1, 0, 1], 0, out); np.take(x, [1, 0, 1], 0, out, 'clip')
np.choose([0, 1, 1], [x, x * 2], out); np.compress([1, 1, 1], x, 0, out)
np.argmax({TWICE}, 0, out); np.nanargmin({TWICE}, 0, out); x.argmax(keepdims=True)
np.cumsum(x, 0, None, out); np.cumprod(x, out=out); np.nancumsum(x, out=out)
np.sum({TWICE}, 0, None, out); np.prod({TWICE}, 0, out=out); np.max({TWICE}, 0, out)
np.mean({TWICE}, 0, out=out); np.std({TWICE}, 0, out=out); np.ptp({TWICE}, 0, out)
np.round(x, 1, out); np.clip(x, 0, 1, out); np.fix(x, out)
np.dot(np.stack([x, x, x]), x, out); np.matmul(np.stack([x, x, x]), x, out)
np.einsum('i,i->i', x, x, out=out)
np.einsum('i,i->i', x, x, out=out, casting='unsafe')
np.concatenate([x[:1], x[1:]], out=out); np.stack([x[0], x[1], x[2]], out=out)
np.concatenate([x[:1], x[1:]], out=out, casting='unsafe')
np.any({TWICE}, 0, out); np.median({TWICE}, 0, out)
np.percentile({TWICE}, 30, 0, out)
np.nanmax({TWICE}, 0, out); np.nanmean({TWICE}, 0, out=out)
np.add.accumulate(x, 0, None, out); np.add.reduce({TWICE}, 0, None, out)
np.add.reduceat(x, [0, 1, 2], 0, None, out); np.multiply.outer(x, x[0], out=out)
x.take([1, 0, 1], 0, out); x.compress([1, 1, 1], 0, out); x.clip(0, 1, out=out)
np.rint(np.abs(x)).astype(int).choose([x, x * 2, x * 3], out=out, mode='wrap')
np.rint(np.abs(x)).astype(int).choose(x, x * 2, x * 3, out=out)
x.round(1, out); np.stack([x, x, x]).dot(x, out); x.cumsum(0, None, out)
"""
EVERY = [call.strip() for line in CALLS.split("\n") for call in line.split(";") if line]


def outcome(call: Callable[[], Any]) -> Any:
    """Return what a call gives; where it raises, the class of the error."""
    try:
        return np.asarray(call())
    except wengert.UnsupportedError:
        return wengert.UnsupportedError
    except (TypeError, ValueError) as error:
        return TypeError if isinstance(error, TypeError) else ValueError


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("text", EVERY)
def test_out_is_cast_as_numpy_casts_it(text: str) -> None:
    call = eval(f"lambda x, out: {text}", {"np": np})
    refused = 0
    for given in "d f l b ? D".split():
        x = np.array([True, False, True]) if given == "?" else X.astype(given)
        for asked in "d f l b B ? D e".split():

            def f(x: Any, asked: str = asked) -> Any:
                out = np.zeros(3, asked)
                call(x, out)
                return out

            expected = outcome(lambda x=x, f=f: f(x))  # type: ignore[misc]
            found = outcome(lambda x=x, f=f: wengert.jit(f)(x))  # type: ignore[misc]

            if found is wengert.UnsupportedError:
                refused += 1
            elif isinstance(expected, type):
                assert found is expected, (given, asked)
            else:
                np.testing.assert_allclose(found, expected)
    assert refused < 30
