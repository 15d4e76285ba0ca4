"""Functions in Python of libraries that are followed as a user's own code is.

They compute with NumPy and with functions that are answered: their code runs as it is,
under names by which NumPy answers it, so that values, types, results and errors are the
library's own.  What they call in their library is followed too, unless it is answered.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterable
from functools import cache
from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from wengert.capture.answers.leading import code_holder
from wengert.capture.answers.table import ANSWERS
from wengert.core.operation import DISPATCH, NAMED, Function
from wengert.core.types import Recorded, has_class, plain_example
from wengert.ops.stats.kernels import SUMS

POLYNOMIALS = "polynomial chebyshev legendre hermite hermite_e laguerre polyutils"
DISPATCHING: Any = type(np.sum)
#: The modules of which every function is followed.
MODULES = frozenset(f"numpy.polynomial.{name}" for name in POLYNOMIALS.split())
#: The functions and methods of other modules that are followed.
FOLLOWED = {
    "scipy._lib.array_api_extra._lib._at": "at._op",
    "scipy._external.array_api_extra._lib._at": "at._op",  # from SciPy 1.18 on
    "scipy.linalg": """
        cdf2rdf companion convolution_matrix coshm cosm diagsvd expm_cond
        fiedler fiedler_companion khatri_rao leslie matmul_toeplitz null_space
        orth orthogonal_procrustes pinvh sinhm sinm solve_discrete_lyapunov
        subspace_angles tanhm tanm
    """,
    "scipy.ndimage": """
        black_tophat center_of_mass extrema grey_closing grey_dilation
        grey_erosion grey_opening maximum mean median minimum
        morphological_gradient morphological_laplace standard_deviation sum
        sum_labels variance white_tophat
    """,
    "scipy.optimize": """
        rosen rosen_der rosen_hess rosen_hess_prod
    """,
    "scipy.signal": """
        bilinear chirp coherence csd cspline1d cspline1d_eval czt CZT.__call__ decimate
        deconvolve filtfilt freqs freqz group_delay hilbert2 istft lfilter_zi lfiltic
        lombscargle medfilt minimum_phase order_filter periodogram qspline1d
        qspline1d_eval resample resample_poly sawtooth ShortTimeFFT.__init__
        ShortTimeFFT._fft_func ShortTimeFFT._ifft_func ShortTimeFFT._x_slices
        ShortTimeFFT.istft ShortTimeFFT.spectrogram ShortTimeFFT.stft
        ShortTimeFFT.stft_detrend sosfilt_zi sosfiltfilt spectrogram square stft tf2zpk
        vectorstrength welch wiener zoom_fft
    """,
    "scipy.spatial.distance": """
        braycurtis cityblock euclidean mahalanobis minkowski seuclidean sqeuclidean
    """,
    "scipy.stats": """
        boxcox boxcox_llf chisquare circmean circstd circvar describe
        differential_entropy directional_stats energy_distance entropy expectile
        f_oneway gaussian_kde.__init__ gaussian_kde._compute_covariance
        gaussian_kde.evaluate gaussian_kde.integrate_box_1d
        gaussian_kde.integrate_gaussian gaussian_kde.logpdf
        gaussian_kde.integrate_kde gaussian_kde.marginal
        gaussian_kde.set_bandwidth gmean gstd gzscore hmean iqr jarque_bera
        kstat kstatvar kurtosis linregress lmoment median_abs_deviation mode
        moment pearsonr pmean pointbiserialr power_divergence quantile rankdata
        scoreatpercentile sem sigmaclip skew spearmanr theilslopes tmax tmean
        tmin trim1 trim_mean trimboth tsem tstd ttest_1samp ttest_ind
        ttest_ind_from_stats ttest_rel tvar variation wasserstein_distance
        yeojohnson yeojohnson_llf zmap zscore
    """,
    "scipy.stats._continuous_distns": """
        alpha_gen._ppf dpareto_lognorm_gen._logcdf dpareto_lognorm_gen._logpdf
        exponweib_gen._ppf genhalflogistic_gen._cdf genhalflogistic_gen._pdf
        genpareto_gen._get_support truncpareto_gen._cdf truncpareto_gen._isf
        truncpareto_gen._logcdf truncpareto_gen._logpdf truncpareto_gen._logsf
        truncpareto_gen._pdf truncpareto_gen._ppf truncpareto_gen._sf
    """,
}
#: Functions of a filter that divide by the first feedback coefficient unless it is 1,
#: and would have no derivative by one that is: theirs is divided by it before.
DIVIDING = frozenset(("lfilter_zi", "lfiltic"))
for _name in (*MODULES, *FOLLOWED):
    NAMED.setdefault(_name, {})


def rows_of(name: str, module: ModuleType) -> dict[str, Function]:
    """Return the answers to the functions of a module, those that are followed too."""
    found: dict[str, Function] = {}
    if name in MODULES:
        for key, value in vars(module).items():
            if isinstance(value, FunctionType) and value.__module__ == name:
                found[key] = later(value)
            elif isinstance(value, DISPATCHING):  # NumPy asks its arguments who answers
                DISPATCH[value] = later(value._implementation)
    for key in FOLLOWED.get(name, "").split():
        function = member(module, key)
        if isinstance(function, FunctionType):  # else this version has none
            found[key] = later(function)
            if key in DIVIDING:
                found[key] = of_divided(found[key])
            if "." in key:
                found[key].looks_into = held_by_owner  # type: ignore[attr-defined]
    return found | NAMED[name]


def member(module: Any, path: str) -> Any:
    """Return what a module has under a name, or a class of it; None if it has none."""
    for name in path.split("."):
        module = getattr(module, name, None)
    return module


def held_by_owner(args: Any) -> Iterable[Any]:
    """Return what an object holds whose method is called."""
    owner = args[0]
    names = getattr(owner, "__slots__", ()) or vars(owner)
    return [getattr(owner, name) for name in names]


def of_divided(function: Function) -> Function:
    """Return a function of a filter that divides it by a first coefficient of 1."""

    def divided(b: Any, a: Any, *args: Any, **settings: Any) -> Any:
        b, a = np.atleast_1d(b), np.atleast_1d(a)
        if b.ndim == a.ndim == 1:  # any other is refused
            first = next((c for c in a if c != 0), 0.0)
            if first == 1:
                b, a = b / first, a / first
        return function(b, a, *args, **settings)

    return divided


#: What stands for a function in code that is followed: itself where it is answered.
SEEN: dict[Any, Any] = {}
SPACES: dict[int, Space] = {}


def later(function: FunctionType) -> Function:
    """Return a function that follows another from its first call on: few are called."""
    own, made = function.__code__, list[FunctionType]()

    def answer(*args: Any, **settings: Any) -> Any:
        if not made:  # the function's code may lead here by now
            made.append(followed(function, own))
        return made[0](*args, **settings)

    return answer


def followed(function: FunctionType, code: CodeType) -> FunctionType:
    """Return a function of its own code, under names by which NumPy answers it."""
    names = function.__globals__
    space = SPACES.setdefault(id(names), Space(names))
    cells = function.__closure__
    found = FunctionType(
        code,
        space,
        function.__name__,
        function.__defaults__,
        None if cells is None else tuple(CellType() for _ in cells),
    )
    found.__kwdefaults__ = function.__kwdefaults__
    found.__dict__.update(vars(function))
    SEEN.setdefault(function, found)
    for cell, own in zip(found.__closure__ or (), cells or (), strict=True):
        value = own.cell_contents
        cell.cell_contents = seen(value, getattr(value, "__name__", ""))
    return found


def seen(value: Any, name: str) -> Any:
    """Return what stands for a value of a name in code that is followed."""
    if isinstance(value, ModuleType) and in_scipy(value.__name__):
        return np if value.__name__.endswith("array_api_compat.numpy") else Names(value)
    if not callable(value) or name in AS_THEY_ARE:
        return value
    own = OWN.get(name) or answers_in_place().get(value) or SEEN.get(value)
    if own is not None or not isinstance(value, FunctionType):
        return value if own is None else own
    return (
        followed(value, value.__code__)
        if in_scipy(value.__globals__.get("__name__"))
        else value
    )


@cache
def answers_in_place() -> dict[Any, Function]:
    """Return what answers in place of functions in C that code has imported by name.

    One in Python is led to its answer by its own code, once NumPy has asked its
    arguments who answers.
    """
    rows = [answer for module in ANSWERS.values() for answer in module.values()]
    found = {getattr(answer, "__wrapped__", answer): answer for answer in rows}
    return {key: row for key, row in found.items() if code_holder(key) is None}


def in_scipy(name: Any) -> bool:
    """Whether a module is one of SciPy's."""
    return str(name).partition(".")[0] == "scipy"


def namespace(*_: Any, **__: Any) -> ModuleType:
    """Return NumPy: it is where recorded arrays are computed with."""
    return np


def is_writeable(x: Any) -> bool:
    """Whether elements can be assigned to: a number has none."""
    return hasattr(x, "__setitem__") and bool(x.flags.writeable)


def is_array_object(x: Any) -> bool:
    """Whether something is an array, or a number of NumPy's."""
    return isinstance(x, Recorded) or has_class(x, (np.ndarray, np.generic))


#: What makes filters of plain numbers, and knows functions by themselves.
AS_THEY_ARE = frozenset(("iirfilter",))
#: What SciPy asks of arrays of any library: recorded ones are NumPy's.  And its sums.
OWN: dict[str, Any] = {
    "array_namespace": namespace,
    "is_array_api_obj": is_array_object,
    "is_writeable_array": is_writeable,
    **SUMS,
}


def as_float(x: Any) -> Any:
    """Return a number in double precision; a recorded one stays so."""
    number = float(plain_example(x))
    is_recorded = isinstance(x, Recorded)
    return np.reshape(x, ()) * 1.0 if is_recorded else number


#: The modules whose functions make numbers of their parameters with ``float``.
MAKE_FLOATS = frozenset(("scipy.signal._waveforms",))


class Space(dict[str, Any]):
    """The names of a module as code that is followed sees them, made when asked for."""

    def __init__(self, names: dict[str, Any]) -> None:
        super().__init__(__builtins__=builtins, __spec__=names.get("__spec__"))
        #: No library's name: its code is answered.
        self["__name__"] = f"followed.{names['__name__']}"
        if names["__name__"] in MAKE_FLOATS:
            self["float"] = as_float
        self.names = names

    def __missing__(self, name: str) -> Any:
        if name not in self.names:
            raise KeyError(name)  # a builtin
        self[name] = found = seen(self.names[name], name)
        return found


class Names:
    """A module of SciPy's as code that is followed sees it."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return seen(getattr(self._module, name), name)
