"""Functions of SciPy's whose own code is followed: settings, results, errors."""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from scipy import signal, stats

import wengert
from tests.ops.judge import judge_modes, judge_refusal, judge_value
from wengert.capture.answers.followed import FOLLOWED
from wengert.capture.tree import shown
from wengert.checks import check_grads

R = np.random.default_rng(5)
#: What the letters in the calls stand for; derivatives are taken by those of OPERANDS.
OPERANDS: dict[str, Any] = {
    "x": R.uniform(0.2, 0.9, 6),
    "y": R.uniform(0.2, 0.9, 6),
    "u": R.normal(size=8),
    "v": R.normal(size=8),
    "b": np.array([1.2, -0.4, 0.7]),
    "c": np.array([0.9, 0.3, -0.5]),
    "A": R.uniform(0.2, 1.4, (3, 4)),
    "S": R.normal(size=(3, 3)),
    "T": R.normal(size=(3, 3)),
    "a": 0.7,
}
CONSTANTS: dict[str, Any] = {
    "np": np,
    "k": np.arange(6.0),
    "L": np.array([[1, 1, 2, 2], [1, 2, 2, 3], [3, 3, 1, 1]]),
    "mask": np.array([True, False, True, True, False, False]),
    "of_blocks": lambda w, v: v @ w @ np.linalg.inv(v),
    "abs2": lambda z: np.real(z) ** 2 + np.imag(z) ** 2,
}
for _name in "linalg ndimage optimize signal special stats".split():
    CONSTANTS[_name] = import_module(f"scipy.{_name}")
CONSTANTS["distance"] = import_module("scipy.spatial.distance")

CONSTANTS["KERNELS"] = stats.gaussian_kde([0.2, 0.5, 0.9, 0.4])
CONSTANTS["STFT"] = signal.ShortTimeFFT(np.ones(3), 2, 1.0)

CALLS = """distance.braycurtis(b, c)
distance.cityblock(b, c)
distance.mahalanobis(b, c, np.eye(3) + S @ S.T)
distance.euclidean(b, c, np.array([1.0, 2.0, 0.5]))
distance.minkowski(b, c, 3)
distance.seuclidean(b, c, np.array([1.0, 2.0, 0.5]))
distance.sqeuclidean(b, c)
linalg.cdf2rdf(np.exp(1j * np.array([a, -a])), np.array([[1, 1], [1j, -1j]]))
of_blocks(*linalg.cdf2rdf(*linalg.eig(S - S.T + np.eye(3))))
linalg.companion(b)
linalg.companion(S)
linalg.convolution_matrix(b, 4)
linalg.convolution_matrix(b, 4, mode="valid")
linalg.convolution_matrix(b, 2, mode="same")
linalg.coshm(S[:2, :2])
linalg.cosm(S[:2, :2])
linalg.diagsvd(b, 3, 4)
linalg.expm_cond(S[:2, :2])
linalg.fiedler(b)
linalg.fiedler(S)
linalg.fiedler_companion(b)
linalg.fiedler_companion(u)
linalg.fiedler_companion(u[:2])
linalg.khatri_rao(S, T)
linalg.leslie(b, c[:2])
linalg.matmul_toeplitz(b, c)
linalg.matmul_toeplitz((b, c), S)
abs2(linalg.null_space(S[:2]))
linalg.orth(S[:, :2]) @ linalg.orth(S[:, :2]).T
linalg.orthogonal_procrustes(S, T)
linalg.pinvh(S + S.T)
linalg.sinhm(S[:2, :2])
linalg.sinm(S[:2, :2])
linalg.solve_discrete_lyapunov(0.1 * S, T)
linalg.solve_discrete_lyapunov(0.1 * S, T, method="bilinear")
linalg.subspace_angles(S[:, :2], T[:, :1])
linalg.tanhm(S[:2, :2])
linalg.tanm(S[:2, :2])

ndimage.black_tophat(A, size=2)
ndimage.white_tophat(A, size=(2, 3), mode="wrap")
ndimage.grey_closing(A, size=2)
ndimage.grey_opening(A, size=(1, 2))
ndimage.grey_dilation(A, size=2)
ndimage.grey_erosion(A, size=2, mode="constant", cval=0.3)
ndimage.morphological_gradient(A, size=2)
ndimage.morphological_laplace(A, size=2)
ndimage.center_of_mass(A)
ndimage.center_of_mass(A, L, [1, 3])
ndimage.extrema(A, L, [1, 2])
ndimage.maximum(A, L, [1, 2])
ndimage.mean(A, L)
ndimage.mean(A, L, [3, 1])
ndimage.median(A, L, [1, 2, 3])
ndimage.minimum(A)
ndimage.standard_deviation(A, L, [1, 2])
ndimage.sum(A, L, 2)
ndimage.sum_labels(A, L, [1, 2])
ndimage.variance(A, L, [1, 2])

optimize.rosen(x)
optimize.rosen_der(x)
optimize.rosen_hess(x)
optimize.rosen_hess_prod(x, y)

signal.bilinear(b, c, fs=2.0)
signal.chirp(x, a, 2.0 * a, 3.0 * a, "logarithmic", 30.0 * a)
signal.chirp(x, a, 2.0, 1.3 * a, "linear")
signal.chirp(x, a, 2.0 * a, 1.3, "quadratic", vertex_zero=False)
signal.chirp(x, a, 2.0, 1.3, "hyperbolic")
signal.csd(u, v, nperseg=4)
signal.csd(u, v, fs=2.0, nperseg=4, noverlap=1, average="median", scaling="spectrum")
signal.coherence(u, v, nperseg=4)
signal.cspline1d(u)
signal.cspline1d_eval(signal.cspline1d(u), np.array([1.2, -0.6, 3.4]))
signal.qspline1d(u)
signal.qspline1d_eval(signal.qspline1d(u), np.array([1.2, 3.4]))
signal.czt(u, 5)
signal.CZT(8, 5)(u)
signal.decimate(np.tile(u, 4), 2)
signal.decimate(u, 2, ftype="fir")
signal.decimate(A, 2, n=2, axis=0, zero_phase=False)
signal.decimate(u, 3, ftype="fir", zero_phase=False)
signal.deconvolve(u, b)
signal.filtfilt(b, c, u, padlen=2)
signal.filtfilt(b, c, u, method="gust")
signal.filtfilt(b, c, A, axis=1, padtype="even", padlen=2)
signal.freqs(b, c, [0.3, 0.7])[1]
signal.freqz(b, c, worN=5)[1]
signal.group_delay((b, c), [0.3, 0.7])[1]
signal.hilbert2(A)
signal.istft(signal.stft(u, nperseg=4)[2], nperseg=4)[1]
signal.istft(signal.stft(A, nperseg=2, axis=0)[2], nperseg=2, freq_axis=0)[1]
signal.lfiltic(b, c, x[:2])
signal.lfilter_zi(b, c)
signal.lombscargle(k, x, [0.5, 1.0])
signal.lombscargle(k, x, [0.5, 1.0], normalize=True, weights=y)
signal.medfilt(u, 5)
signal.medfilt(A, 3)
signal.minimum_phase(u)
signal.order_filter(A, np.ones((3, 3)), 2)
signal.periodogram(u)
signal.periodogram(A, window="hann", nfft=5, detrend="linear", axis=0)
signal.resample(u, 5)
signal.resample(A, 6, axis=1, window="hann")
signal.resample_poly(u, 3, 2)
signal.resample_poly(A, 2, 3, axis=1, padtype="median")
signal.resample_poly(u, 2, 3, window=b, padtype="line")
signal.sawtooth(x, 0.8)
signal.sosfilt_zi(np.append(b, [1.0, 0.4, 0.2])[None])
signal.sosfiltfilt(np.append(b, [1.0, 0.4, 0.2])[None], u, padlen=2)
signal.square(x)
signal.spectrogram(u, nperseg=4)[2]
signal.spectrogram(u, nperseg=4, mode="magnitude", return_onesided=False)[2]
signal.stft(u, nperseg=4)[2]
signal.stft(A, nperseg=2, axis=0, boundary=None, padded=False)[2]
signal.stft(A, nperseg=3, boundary="odd", detrend="constant", scaling="psd")[2]
signal.ShortTimeFFT(np.ones(3), 2, 1.0).stft(u)
signal.ShortTimeFFT(np.ones(3), 2, 1.0).spectrogram(u, v, detr="linear")
STFT.istft(STFT.stft(u))
signal.tf2zpk(b, c)
signal.vectorstrength(x, 1.0)
signal.vectorstrength(x, [1.0, 2.0])
signal.welch(u, nperseg=4)
signal.welch(A, nperseg=3, noverlap=2, axis=1, detrend=False, average="median")
signal.wiener(u, 3)
signal.zoom_fft(u, [0.1, 0.5], 4)

special.diric(x, 3)
special.factorial(x)
special.factorial(a)
special.factorial(x, extend="complex")

stats.boxcox(x, 0.3)
stats.boxcox(x, 0.0)
stats.boxcox_llf(a, x)
stats.boxcox_llf(a, A, axis=1, keepdims=True)
stats.yeojohnson(u, 0.3)
stats.yeojohnson_llf(a, u)
stats.chisquare(x, np.sum(x) / 6)
stats.power_divergence(x, y * np.sum(x) / np.sum(y), lambda_="log-likelihood", ddof=1)
stats.circmean(x)
stats.circmean(A, high=np.pi, low=-np.pi, axis=1)
stats.circstd(A, axis=0, normalize=True)
stats.circvar(x)
stats.describe(x)
stats.describe(A, axis=1, ddof=0, bias=False)
stats.differential_entropy(np.append(u, v))
stats.differential_entropy(np.append(u, v), window_length=3, base=2, method="vasicek")
stats.directional_stats(A).mean_direction
stats.directional_stats(A, axis=1, normalize=False).mean_resultant_length
stats.energy_distance(x, y)
stats.wasserstein_distance(x, u)
stats.wasserstein_distance(k, 1.5 * k + 0.2, x, y)
stats.entropy(x)
stats.entropy(A, base=2, axis=1)
stats.entropy(x, y, keepdims=True)
stats.expectile(u, 0.7)
stats.f_oneway(x, y, u)
stats.f_oneway(A[:1], A[1:], axis=1)
stats.gaussian_kde(x).integrate_box_1d(0.1, 0.6)
stats.gaussian_kde(x, "silverman").integrate_gaussian(0.1, 0.6)
stats.gaussian_kde(A, 0.5, weights=x[:4]).covariance
stats.gaussian_kde(x).integrate_kde(stats.gaussian_kde(y, a))
stats.gaussian_kde(A).marginal([0, 2]).covariance
stats.gmean(x)
stats.gmean(A, axis=1, weights=np.arange(1.0, 5.0))
stats.gmean(x, weights=y)
stats.gstd(x)
stats.gstd(A, axis=None, ddof=0)
stats.gzscore(x)
stats.hmean(x, weights=y)
stats.hmean(A, axis=(0, 1))
stats.iqr(x)
stats.iqr(A, axis=1, rng=(20, 60), scale="normal", keepdims=True)
stats.jarque_bera(u)
stats.kstat(x, 3)
stats.kstat(A, 4, axis=1)
stats.kstatvar(x, 1)
stats.kurtosis(x)
stats.kurtosis(A, axis=1, fisher=False, bias=False)
stats.linregress(k, x)
stats.linregress(x, y, alternative="less")
stats.lmoment(x)
stats.lmoment(A, [2, 3], axis=1, standardize=False)
stats.median_abs_deviation(u)
stats.median_abs_deviation(A, axis=1, scale="normal", center=np.mean)
stats.mode(x)
stats.mode(A, axis=1, keepdims=True)
stats.moment(x, 3)
stats.moment(A, [1, 2, 3], axis=1, center=0.4, keepdims=True)
stats.pearsonr(x, y)[:2]
stats.pearsonr(A[:2], A[1:], axis=1, alternative="greater")[:2]
stats.pointbiserialr(mask, x)[:2]
stats.spearmanr(x, y)[:1]
stats.pmean(x, 2)
stats.pmean(A, -1.5, axis=1, weights=A)
stats.quantile(x, [0.3, 0.8])
stats.quantile(A, 0.3, axis=1, method="weibull", keepdims=True)
stats.rankdata(x) * x
stats.rankdata(A, "min", axis=1) * A
stats.scoreatpercentile(u, 30)
stats.sem(x)
stats.sem(A, axis=None, ddof=0, keepdims=True)
stats.sigmaclip(np.append(u, 100.0))[0]
stats.skew(x)
stats.skew(A, axis=1, bias=False, keepdims=True)
stats.theilslopes(x)
stats.theilslopes(x, k, alpha=0.9)
stats.tmax(x, 0.8)
stats.tmean(x, (0.25, 0.8))
stats.tmean(A, (0.1, 0.9), inclusive=(False, True), axis=0)
stats.tmin(A, 0.3, axis=1)
stats.trim1(x, 0.2)
stats.trim_mean(A, 0.34, axis=0)
stats.trimboth(x, 0.2)
stats.tsem(x, (0.25, 0.8))
stats.tstd(x, (0.25, 0.8))
stats.tvar(A, axis=1, ddof=0)
stats.ttest_1samp(x, 0.5)
stats.ttest_1samp(A, a, axis=1, alternative="less")
stats.ttest_ind(x, u)
stats.ttest_ind(A[:2], A[1:], equal_var=False, axis=1, keepdims=True)
stats.ttest_ind(u, v, trim=0.2)
stats.ttest_ind_from_stats(a, 1.1, 6, 0.9 * a, 0.8, 7)
stats.ttest_rel(x, y)
stats.variation(x, ddof=1)
stats.variation(A, axis=1)
stats.alpha.ppf(x, 1.0 + a)
stats.dpareto_lognorm.logcdf(1.0 + x, 3.0, 1.2, 1.5, 1.0 + a)
stats.dpareto_lognorm.logpdf(1.0 + x, 3.0, 1.2, 1.5, 1.0 + a)
stats.exponweib.ppf(x, 2.9, 1.0 + a)
stats.genhalflogistic.cdf(x, a)
stats.genhalflogistic.pdf(x, a)
stats.genpareto.ppf(x, -a)
stats.truncpareto.cdf(1.0 + x, 1.0 + a, 5.3)
stats.truncpareto.isf(x, 1.8, 5.0 + a)
stats.truncpareto.logcdf(1.0 + x, 1.0 + a, 5.3)
stats.truncpareto.logpdf(1.0 + x, 1.0 + a, 5.3)
stats.truncpareto.logsf(1.0 + x, 1.0 + a, 5.3)
stats.truncpareto.pdf(1.0 + x, 1.8, 5.0 + a)
stats.truncpareto.ppf(x, 1.0 + a, 5.3)
stats.truncpareto.sf(1.0 + x, -1.0 - a, 5.3)
stats.zmap(x, y, ddof=1)
stats.zscore(x)
stats.zscore(A, axis=None, ddof=1)
stats.zscore(A, axis=1)
"""
#: Calls of samples with a number that is none, and of too small ones.
UNUSUAL = """
stats.zscore(n, nan_policy="omit")
stats.zscore(n, nan_policy="propagate")
stats.gmean(N, axis=1, nan_policy="omit")
stats.gmean(n, weights=n, nan_policy="omit")
stats.skew(n)
stats.skew(N, axis=1, keepdims=True)
stats.kurtosis(n, nan_policy="omit", bias=False)
stats.sem(N, axis=None, nan_policy="omit")
stats.variation(N, nan_policy="omit")
stats.iqr(n, nan_policy="omit")
stats.ttest_1samp(N, 0.5, axis=1, nan_policy="omit")
stats.ttest_ind(n, N, axis=None, nan_policy="omit")
stats.mode(n, nan_policy="omit")
stats.tmean(n, nan_policy="omit")
stats.zscore(n[:1])
stats.zscore(0.0 * n[2:])
stats.skew(n[:0])
stats.sem(n[:1])
stats.ttest_1samp(N[:1, 1:], 0.5, axis=0)
"""
WITH_NAN = {"n": np.array([0.3, np.nan, 0.9, 0.4, 0.6]), "N": R.uniform(0.2, 1, (2, 4))}
WITH_NAN["N"][1, 0] = np.nan

REFUSED = """
linalg.companion(np.append(0.0, x))
linalg.convolution_matrix(x, 3, mode="other")
linalg.convolution_matrix(x, -1)
linalg.hankel(a)
linalg.leslie(x, x)
np.ix_(A)
signal.czt(x[:0])
signal.istft(A, nperseg=9)
signal.filtfilt(b, c, x, padlen=6)
signal.filtfilt(b, c, x, method="other")
signal.filtfilt(b, c, x, padtype="other")
signal.lfilter_zi(A, b)
signal.periodogram(x, scaling="other")
signal.sosfilt_zi(A)
signal.chirp(x, a, 1.0, -a, "log")
signal.chirp(x, a, 1.0, x)
signal.decimate(u, 2, ftype="other")
signal.resample(A, 3, window=np.ones(2))
signal.resample_poly(u, 2, 3, padtype="other")
signal.upfirdn(A, u)
signal.upfirdn(b, u, 0)
signal.upfirdn(b, u, mode="other")
signal.stft(x, nperseg=4, noverlap=4)
signal.stft(x, nperseg=4, boundary="other")
signal.welch(x, average="other", nperseg=2)
special.factorial(x, exact=True)
special.factorial(x, extend="other")
stats.boxcox(-x)
stats.entropy(x, A)
stats.gaussian_kde(A.T)
stats.gaussian_kde(x)(A)
stats.gaussian_kde(x, "other")
stats.gmean(x, weights=x[:2])
stats.iqr(x, rng=(20, 120))
stats.kstat(x, 5)
stats.linregress(0.0 * x, x)
stats.linregress(x, x[1:])
stats.lmoment(x, 0)
stats.moment(x, 1.5)
stats.pearsonr(x, x[1:])
stats.pmean(x, "other")
stats.quantile(x, 0.5, method="other")
stats.sem(x, nan_policy="other")
stats.skew(n, nan_policy="raise")
stats.tmean(x, (5.0, 6.0))
stats.trim_mean(x, 0.6)
stats.ttest_ind(x, x, alternative="other")
stats.ttest_rel(x, x[1:])
stats.zscore(n, nan_policy="raise")
"""
LINES = [line for line in CALLS.splitlines() if line]


def quickly() -> list[Any]:
    """Return the calls, of which `make test` has the first of a function alone."""
    seen: set[str] = set()
    found = []
    for line in LINES:
        name = line.partition("(")[0]
        marks = [pytest.mark.slow] if name in seen else []
        found.append(pytest.param(line, marks=marks))
        seen.add(name)
    return found


#: What other functions call, with the names of those in calls.
INNER = {
    "alpha_gen._ppf": "alpha.ppf",
    "dpareto_lognorm_gen._logcdf": "dpareto_lognorm.logcdf",
    "dpareto_lognorm_gen._logpdf": "dpareto_lognorm.logpdf",
    "exponweib_gen._ppf": "exponweib.ppf",
    "genhalflogistic_gen._cdf": "genhalflogistic.cdf",
    "genhalflogistic_gen._pdf": "genhalflogistic.pdf",
    "genpareto_gen._get_support": "genpareto.ppf",
    **{
        f"truncpareto_gen._{method}": f"truncpareto.{method}"
        for method in "cdf isf logcdf logpdf logsf pdf ppf sf".split()
    },
    "at._op": "zscore",
    "CZT.__call__": "CZT",
    "ShortTimeFFT.__init__": "ShortTimeFFT",
    "ShortTimeFFT._fft_func": "stft",
    "ShortTimeFFT._ifft_func": "istft",
    "ShortTimeFFT._x_slices": "stft",
    "ShortTimeFFT.stft_detrend": "spectrogram",
    "gaussian_kde.__init__": "gaussian_kde",
    "gaussian_kde.evaluate": "gaussian_kde",
    "gaussian_kde.logpdf": "gaussian_kde",
    "gaussian_kde._compute_covariance": "gaussian_kde",
    "gaussian_kde.set_bandwidth": "gaussian_kde",
}


def function_of(text: str, operands: dict[str, Any] = OPERANDS) -> tuple[Any, Any]:
    """Return a call as a function of the operands in it, and these."""
    words = re.findall(r"\b\w+\b", text)
    names = list(dict.fromkeys(word for word in words if word in operands))
    function = eval(f"lambda {', '.join(names)}: {text}", CONSTANTS)
    return function, [operands[name] for name in names]


@pytest.mark.one_in(3)
@pytest.mark.parametrize("text", quickly())
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_code_that_is_followed(text: str) -> None:
    function, operands = function_of(text)
    judge_value(function, operands)
    judge_modes(function, operands)
    check_grads(function, tuple(operands), order=1, rtol=1e-7, atol=1e-9)


def test_all_that_is_followed_is_called() -> None:
    names = [name for names in FOLLOWED.values() for name in names.split()]
    called = {name: INNER.get(name, name.rpartition(".")[2]) for name in names}

    assert [n for n in names if f".{called[n]}(" not in CALLS] == []


@pytest.mark.parametrize(
    "text",
    [
        "stats.gaussian_kde(x[:3])(y[:2])",
        "stats.gaussian_kde(x[:3], a, weights=y[:3]).logpdf(u[:2])",
        "stats.gaussian_kde(A[:2], 'silverman').evaluate(A[:2, 0])",
        "KERNELS.pdf(x)",
    ],
)
def test_sums_of_kernels(text: str) -> None:
    function, operands = function_of(text)

    value = wengert.vjp(function, *operands)[0]
    np.testing.assert_allclose(value, function(*operands), rtol=1e-13)
    assert value.dtype == function(*operands).dtype
    judge_modes(function, operands)
    check_grads(function, tuple(operands), order=1)


@pytest.mark.parametrize("text", UNUSUAL.split("\n")[1:-1])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_samples_without_numbers(text: str) -> None:
    function, operands = function_of(text, WITH_NAN)
    judge_value(function, operands)


def test_what_is_left_out_has_no_gradient() -> None:
    n = WITH_NAN["n"]
    there = ~np.isnan(n)

    found = wengert.grad(lambda n: stats.gmean(n, nan_policy="omit"))(n)

    np.testing.assert_array_equal(found[~there], 0.0)
    np.testing.assert_allclose(found[there], wengert.grad(stats.gmean)(n[there]))


@pytest.mark.parametrize("text", REFUSED.split("\n")[1:-1])
def test_what_scipy_refuses_is_refused(text: str) -> None:
    function, operands = function_of(text, OPERANDS | WITH_NAN)
    judge_refusal(function, *operands)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: stats.zscore(x)[0] + stats.ttest_1samp(x, 0.5).pvalue,
        lambda x: np.sum(signal.welch(x, nperseg=4)[1] ** 2),
        lambda x: stats.gaussian_kde(x)(0.4)[0],
    ],
)
def test_followed_code_is_compiled(call: Any) -> None:
    jitted, eager = wengert.jit(wengert.grad(call)), wengert.grad(call)
    for scale in (1.0, 1.1, 1.2, 1.3):
        x = scale * OPERANDS["x"]
        np.testing.assert_allclose(jitted(x), eager(x), rtol=1e-11)


def test_a_line_of_the_user_is_named() -> None:
    tape = wengert.record(stats.zscore, OPERANDS["x"])
    assert "site-packages" not in str(tape)

    with pytest.raises(wengert.RecordingError, match=r"scipy\.stats\.describe met"):
        wengert.record(lambda x: stats.describe(x, nan_policy="omit"), WITH_NAN["n"])


@pytest.mark.parametrize("call", [stats.boxcox, stats.yeojohnson])
def test_a_parameter_that_is_searched_for_is_an_implicit_function(call: Any) -> None:
    x, step = OPERANDS["x"], 1e-3

    found = wengert.grad(lambda x: call(x)[1])(x)

    ends = [(call(x + h)[1] - call(x - h)[1]) / (2 * step) for h in step * np.eye(6)]
    np.testing.assert_allclose(found, ends, rtol=1e-3, atol=1e-3)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_arrays_that_are_made_inside_are_taken() -> None:
    """They depend on no input: SciPy computes with their numbers."""

    def with_all(t: Any) -> Any:
        for text in LINES:
            function, operands = function_of(text)
            made = [np.array(x) if np.ndim(x) else x for x in operands]
            found, expected = shown(function(*made)), shown(function(*operands))
            for value, other in zip(found, expected, strict=True):
                np.testing.assert_array_equal(np.asarray(value), other, text)
        return t

    wengert.record(with_all, 1.0)
