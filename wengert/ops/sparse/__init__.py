"""`scipy.sparse`: products, matrices of recorded numbers, and linear equations."""

from wengert.ops.sparse import matrices, products, solving  # noqa: F401
