"""Signals at another rate: `scipy.signal.upfirdn`, of which resampling is made."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from wengert.core.forms import Routine
from wengert.core.operation import answers_named, apply, constant_of, multilinear
from wengert.errors import ArgumentError, explain
from wengert.ops.axes import axis_index
from wengert.ops.join import as_array
from wengert.ops.numeric import VALUED_AS
from wengert.ops.signals import filled_to, stretch

# Without a sample beyond its ends: y[n] is the sum of h[n down - k up] x[k]


def evaluate_upfirdn(h: Any, x: Any, *, up: int, down: int, axis: int) -> Any:
    """Return ``scipy.signal.upfirdn``."""
    from scipy import signal

    return signal.upfirdn(h, x, up, down, axis)


def upfirdn_by_filter(g: Any, h: Any, x: Any, *, up: int, down: int, axis: int) -> Any:
    """Return the gradient correlated with the samples that each one met."""
    taps, count = h.shape[0], g.shape[axis]
    g, x = (np.moveaxis(v, axis, -1).reshape(-1, v.shape[axis]) for v in (g, x))
    between = np.zeros((*x.shape, up - 1), x.dtype)
    spread = np.concatenate([x[..., None], between], axis=-1)
    before = np.zeros((len(x), taps - 1), x.dtype)
    spread = np.concatenate([before, np.reshape(spread, (len(x), -1))], axis=-1)
    spread = filled_to(spread, (count - 1) * down + taps, 1)
    met = sliding_window_view(spread, taps, axis=-1)[:, ::down]
    return np.einsum("rn,rni->i", g, met)[::-1]


def upfirdn_by_signal(g: Any, h: Any, x: Any, *, up: int, down: int, axis: int) -> Any:
    """Return the gradient at the signal's rate, by the filter turned round."""
    delay = -(-(h.shape[0] - 1) // up)
    turned = filled_to(h, delay * up + 1, 0)[::-1]
    found = apply(UPFIRDN, turned, g, up=down, down=up, axis=axis)
    stop = delay + x.shape[axis]
    return stretch(filled_to(found, stop, axis), axis, delay, stop)


UPFIRDN = multilinear(
    "upfirdn",
    evaluate_upfirdn,
    (upfirdn_by_filter, upfirdn_by_signal),
    form=Routine(),
)

# With samples beyond the ends


def evaluate_extended(
    h: Any, x: Any, *, up: int, down: int, axis: int, mode: str, cval: float
) -> Any:
    """Return ``scipy.signal.upfirdn`` of a signal that goes on beyond its ends."""
    from scipy import signal

    return signal.upfirdn(h, x, up, down, axis, mode, cval)


EXTENDED = constant_of("upfirdn_value", evaluate_extended, form=Routine(), numpy=())
#: Modes that read two samples; of one SciPy reads what lies behind, or divides by 0,
#: which ends the process.
READS_TWO = ("reflect", "antireflect", "smooth")
#: SciPy's names of what NumPy pads with.
PADDED: dict[str, Any] = {"antisymmetric": "symmetric"} | {
    mode: mode for mode in ("symmetric", "reflect", "edge", "wrap")
}


def through_ends(x: Any, axis: int, before: int, after: int) -> Any:
    """Return a signal that is turned round through each of its ends, as often as asked.

    Two turns are the signal again, risen by twice what it rises.
    """
    n = x.shape[axis]
    shape = [-1 if k == axis else 1 for k in range(x.ndim)]
    turns, place = np.divmod(np.arange(-before, n + after), max(2 * (n - 1), 1))
    is_turned = place >= n
    first, last = stretch(x, axis, 0, 1), stretch(x, axis, -1, None)
    found = np.take(x, np.where(is_turned, 2 * (n - 1) - place, place), axis)
    found = np.where(is_turned.reshape(shape), 2 * last - found, found)
    return found + (2.0 * turns).reshape(shape) * (last - first)


def beyond(x: Any, axis: int, before: int, after: int, mode: str, cval: Any) -> Any:
    """Return a signal and so many samples before and after it."""
    n = x.shape[axis]
    widths = [(before, after) if k == axis else (0, 0) for k in range(x.ndim)]
    if mode == "constant":
        return np.pad(x, widths, constant_values=cval)
    shape = [-1 if k == axis else 1 for k in range(x.ndim)]
    if mode == "antireflect":
        return through_ends(x, axis, before, after)
    if mode in PADDED:
        found = np.pad(x, widths, mode=PADDED[mode])
        turns = np.arange(-before, n + after) // n
        signs = np.where(turns % 2, -1.0, 1.0).reshape(shape)
        return found * signs if mode == "antisymmetric" else found
    first, last = stretch(x, axis, 0, 1), stretch(x, axis, -1, None)
    rise = fall = (last - first) / max(n - 1, 1)
    if mode == "smooth" and n > 1:
        rise, fall = stretch(x, axis, 1, 2) - first, last - stretch(x, axis, -2, -1)
    left = first + np.arange(-before, 0).reshape(shape) * rise
    right = last + np.arange(1, after + 1).reshape(shape) * fall
    return np.concatenate([left, x, right], axis=axis)


def check_samples(count: int, mode: str) -> None:
    """Raise where a signal has too few samples to say what lies beyond its ends."""
    if mode == "constant" or count >= 1 + (mode in READS_TWO):
        return
    raise ArgumentError(
        explain(
            f"scipy.signal.upfirdn of {count or 'no'} sample{'s' * (count != 1)} "
            f"with mode={mode!r}",
            f"what lies beyond the ends follows from {1 + (mode in READS_TWO)}, and "
            "SciPy's own code ends the process",
            'mode="constant"' + ', or mode="edge"' * count,
        )
    )


@answers_named("scipy.signal.upfirdn")
def upfirdn(
    h: Any,
    x: Any,
    up: Any = 1,
    down: Any = 1,
    axis: Any = -1,
    mode: Any = "constant",
    cval: Any = 0,
) -> Any:
    """Answer ``scipy.signal.upfirdn``."""
    h, x = as_array(h), as_array(x)
    up, down, axis = int(up), int(down), axis_index(axis, x.ndim)
    how = {"up": up, "down": down, "axis": axis}
    check_samples(x.shape[axis], mode)
    if not h.size or not x.size:
        return apply(EXTENDED, h, x, mode=mode, cval=float(cval), **how)
    if mode == "constant" and cval == 0:
        return apply(UPFIRDN, h, x, **how)
    value = apply(EXTENDED, h, x, mode=mode, cval=float(cval), **how)
    count = value.shape[axis]
    reach = -(-(h.shape[0] - 1) // up)
    before = -(-reach // down) * down
    after = max((count - 1) * down // up + 1 - x.shape[axis], 0)
    longer = beyond(x, axis, before, after, mode, cval)
    shift = before * up // down
    found = stretch(apply(UPFIRDN, h, longer, **how), axis, shift, shift + count)
    return apply(VALUED_AS, np.astype(found, value.dtype, copy=False), value)
