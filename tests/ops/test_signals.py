"""Convolutions and filters: modes, ways, states, coefficients, ends, trends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import signal
from scipy.signal import lfilter

import wengert
from tests.ops.judge import judge, judge_refusal, judge_value
from wengert import ArgumentError, vjp

R = np.random.default_rng(7)
A, V = R.standard_normal((4, 5)), R.standard_normal((3, 2))
LONG, SHORT = R.standard_normal(6), R.standard_normal(4)
LINES = R.standard_normal((2, 7))
B, FEED = np.array([0.3, 0.2, 0.5]), np.array([1.2, -0.4, 0.2, 0.1])
STATE = R.standard_normal((2, 3))
MODES = ("full", "same", "valid")


@pytest.mark.parametrize("method", ["auto", "direct", "fft"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["convolve", "correlate"])
def test_convolutions(name: str, mode: str, method: str) -> None:
    function = getattr(signal, name)
    for x, y in ((A, V), (V, A), (LONG, SHORT), (SHORT, LONG)):
        judge(lambda x, y: function(x, y, mode, method), [x, y], 1)
    z = V + 1j * V[::-1]
    judge(lambda x, y: function(x, y, mode, method), [A + 1j, z], 1)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["fftconvolve", "oaconvolve"])
def test_convolutions_by_transforms(name: str, mode: str) -> None:
    function = getattr(signal, name)
    judge(lambda x, y: function(x, y, mode), [A, V])
    judge(lambda x, y: function(x, y, mode, axes=1), [A, V[:1]], 1)
    judge(lambda x, y: function(x, y, mode, axes=(0,)), [A[:, :1], V], 1)


@pytest.mark.parametrize("boundary", ["fill", "wrap", "symm"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["convolve2d", "correlate2d"])
def test_convolutions_of_matrices(name: str, mode: str, boundary: str) -> None:
    function, fill = getattr(signal, name), 0.3 if boundary == "fill" else 0
    for x, y in ((A, V), (V, A), (A + 1j * A[::-1], V + 1j)):
        judge(lambda x, y: function(x, y, mode, boundary, fill), [x, y], 1)


def test_a_filter_that_feeds_back_by_everything() -> None:
    judge(lfilter, [B, FEED, LINES])
    judge(lambda b, a, x: lfilter(b, a, x, axis=0), [B, FEED, LINES.T], 1)
    judge(lfilter, [B, FEED[:1], LINES])
    judge(lfilter, [B + 0.1j, FEED, LINES], 1)


def test_a_filter_from_a_state() -> None:
    def filtered(b: Any, a: Any, x: Any, z: Any) -> Any:
        return lfilter(b, a, x, zi=z)

    judge(filtered, [B, FEED, LINES, STATE])
    judge(filtered, [B, FEED, LINES, STATE[:1]], 1)
    judge(filtered, [B, FEED, LINES[:, :2], STATE], 1)
    judge(filtered, [B, FEED[:1], LINES, STATE[:, :2]], 1)
    judge(signal.lfilter_zi, [B, FEED])
    for feed in (FEED / FEED[0], np.append(1.0, FEED)):  # SciPy does not divide by 1
        judge(signal.lfilter_zi, [B, feed])
        judge(lambda b, a: signal.lfiltic(b, a, [0.3, 0.2], [0.4]), [B, feed])


SECTIONS = np.delete(signal.butter(3, 0.3, output="sos"), 3, axis=1)


def sections(p: Any) -> Any:
    """Return sections whose feedback begins with 1."""
    return np.concatenate([p[:, :3], np.ones((len(p), 1)), p[:, 3:]], axis=1)


def test_filters_in_sections() -> None:
    judge(lambda p, x: signal.sosfilt(sections(p), x), [SECTIONS, LINES])
    judge(
        lambda p, x, z: signal.sosfilt(sections(p), x, axis=0, zi=z),
        [SECTIONS, LINES.T, R.standard_normal((2, 2, 2))],
        1,
    )
    judge(lambda p: signal.sosfilt_zi(sections(p)), [SECTIONS])
    judge(
        lambda p, x: signal.sosfiltfilt(sections(p), x, padlen=3), [SECTIONS, LINES], 1
    )


@pytest.mark.parametrize("padtype", ["odd", "even", "constant", None])
def test_filters_forward_and_back(padtype: Any) -> None:
    b, a = signal.butter(2, 0.3)
    judge(
        lambda b, a, x: signal.filtfilt(b, a, x, padtype=padtype, padlen=4),
        [b, a, LINES],
        1,
    )


READS_TWO = "reflect", "antireflect", "smooth"
BEYOND = "constant symmetric antisymmetric reflect antireflect edge wrap line smooth"


@pytest.mark.parametrize("mode", BEYOND.split())
def test_filters_at_another_rate(mode: str) -> None:
    """Samples beyond the ends are SciPy's, however far, and move with the signal."""
    x = LINES[:, :4]
    for taps, up, down in ((1, 2, 1), (4, 3, 2), (9, 1, 3), (12, 2, 5)):
        h = R.standard_normal(taps)
        judge(
            lambda h, x, up=up, down=down: signal.upfirdn(
                h, x, up, down, mode=mode, cval=0.7
            ),
            [h, x],
            1,
        )
    judge(lambda h, x: signal.upfirdn(h, x, 2, 3, axis=0), [h, x + 1j])


@pytest.mark.parametrize("mode", BEYOND.split())
@pytest.mark.parametrize("count", [0, 1])
def test_a_signal_of_too_few_samples_does_not_end_the_process(
    mode: str, count: int
) -> None:
    """SciPy divides by 0, or reads what lies behind the signal."""
    x, h = np.full(count, 1.5), np.array([1.0, 2.0, 3.0])

    def at_another_rate(x: Any, mode: str = mode) -> Any:
        return signal.upfirdn(h, x, 2, mode=mode)

    if mode != "constant" and (count == 0 or mode in READS_TWO):
        advice = r"of (1|no) samples?(.|\n)*instead: mode=\"constant\""
        with pytest.raises(ArgumentError, match=advice):
            vjp(at_another_rate, x)
    else:
        judge_value(at_another_rate, [x])
    judge_value(lambda x: at_another_rate(x, "constant"), [x])


@pytest.mark.parametrize("mode", ["interp", "mirror", "constant", "nearest", "wrap"])
def test_smoothing_by_polynomials(mode: str) -> None:
    judge(lambda x: signal.savgol_filter(x, 5, 2, mode=mode), [LINES], 1)
    judge(
        lambda x: signal.savgol_filter(x, 4, 2, 1, 0.5, axis=0, mode=mode), [LINES.T], 1
    )


def test_trends_and_envelopes() -> None:
    judge(lambda x: signal.detrend(x), [LINES])
    judge(lambda x: signal.detrend(x, 0, "constant"), [LINES.T + 1j])
    judge(lambda x: signal.detrend(x, bp=[4]), [LINES])
    for count in (None, 5, 8, 12, 1, 2):
        judge(lambda x: signal.hilbert(x, count), [LINES], 1)  # noqa: B023


def test_a_filter_is_fitted_by_its_coefficients() -> None:
    """Jitted and eager gradients agree with differences."""
    heard = lfilter(B, FEED, LINES)

    def misfit(a: Any) -> Any:
        return np.sum((lfilter(B, a, LINES) - heard) ** 2)

    jitted, point = wengert.jit(wengert.grad(misfit)), FEED + 0.1
    steps = 1e-6 * np.eye(4)
    expected = [(misfit(point + h) - misfit(point - h)) / 2e-6 for h in steps]
    for _ in range(3):
        np.testing.assert_allclose(jitted(point), expected, rtol=1e-6)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: signal.convolve(x, V, "other"),
        lambda x: signal.convolve(x, LONG),
        lambda x: signal.convolve(x, np.ones((5, 2)), "valid"),
        lambda x: signal.convolve2d(x, V, boundary="other"),
        lambda x: lfilter([], [1.0], x),
        lambda x: signal.filtfilt([1.0], [1.0], x, padtype="other"),
        lambda x: signal.sosfilt(np.ones((1, 5)), x),
        lambda x: signal.savgol_filter(x, 9, 2),
        lambda x: signal.detrend(x, type="other"),
        lambda x: signal.hilbert(x + 1j),
    ],
)
def test_what_scipy_refuses_is_refused(call: Any) -> None:
    judge_refusal(call, A)
