"""The dictionary: every operation, each stated once, here and nowhere else."""

from wengert.ops import (  # noqa: F401
    chain,
    compare,
    constants,
    cumulative,
    elementwise,
    index,
    join,
    mean,
    methods,
    nan,
    numeric,
    products,
    quantile,
    questions,
    reduce,
    rounding,
    select,
    shape,
    sort,
    special,
)
