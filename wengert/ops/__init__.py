"""The dictionary: every operation, each stated once, here and nowhere else."""

from wengert.ops import (  # noqa: F401
    chain,
    compare,
    constants,
    elementwise,
    index,
    products,
    questions,
    reduce,
    select,
    shape,
)
