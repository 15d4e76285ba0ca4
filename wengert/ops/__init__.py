"""The dictionary: every operation, each stated once, here and nowhere else."""

from wengert.core.operation import ROOMS
from wengert.ops import (  # noqa: F401
    chain,
    compare,
    constants,
    cumulative,
    elementwise,
    fft,
    image_filters,
    image_transforms,
    index,
    integrals,
    join,
    linalg,
    mean,
    methods,
    nan,
    numeric,
    polynomials,
    products,
    python,
    quantile,
    questions,
    reduce,
    rounding,
    scipy_fft,
    select,
    sets,
    shape,
    signals,
    sort,
    special,
    special_python,
    write,
)

ROOMS["scipy.special"] = "wengert.ops.scipy_special"
