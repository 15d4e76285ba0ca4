"""The dictionary: every operation, each stated once, here and nowhere else."""

from wengert.core.operation import ROOMS
from wengert.ops import (  # noqa: F401
    chain,
    compare,
    constants,
    cumulative,
    distances,
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
    sparse,
    special,
    special_python,
    stats,
    write,
)

ROOMS["scipy.special"] = "wengert.ops.scipy_special"
ROOMS["scipy.stats"] = "wengert.ops.stats.formulas"
