"""Write plain NumPy.  Record it once.  Play it forward and backward.

Transformations of functions (`grad`, `jacobian`, `hessian`, `jvp`, `vjp`, ...), tapes
(`record`, `Tape`), rules of your own (`rule`, `custom_jvp`, `custom_vjp`), and checks
(`check_grads`).  The node class of every operation (`Multiply`, `Sin`, ...) is here
too, and listed in `wengert.nodes`.
"""

import typing

from wengert import nodes
from wengert.api import (
    grad,
    hessian,
    hessian_sparsity,
    hvp,
    jacfwd,
    jacobian,
    jacobian_sparsity,
    jacrev,
    jvp,
    linearize,
    record,
    stop_gradient,
    value_and_grad,
    value_and_hessian,
    value_and_jacobian,
    value_grad_and_hessian,
    vjp,
)
from wengert.capture.answers.named import STATE as _ANSWERS
from wengert.capture.guards import strict
from wengert.capture.tree import register_pytree_node
from wengert.checks import check_grads, taylor_test
from wengert.core.tape import CompNode, ConstantNode, Tape
from wengert.errors import (
    ArgumentError,
    CheckError,
    DerivativeError,
    GuardError,
    RecordingError,
    RuleError,
    TapeError,
    UnsupportedError,
    WengertError,
)
from wengert.execute.colouring import (
    ColoredPattern,
    color_bidirectional,
    color_cols,
    color_rows,
    color_symmetric,
)
from wengert.execute.jit import jit
from wengert.execute.saved import load
from wengert.execute.vmap import vmap
from wengert.problems import Problem, problem
from wengert.random_effects import Laplace, laplace
from wengert.sensitivity import Sensitivity
from wengert.structure import ode as _ode  # noqa: F401
from wengert.structure import optimize as _optimize  # noqa: F401
from wengert.structure import quadrature as _quadrature  # noqa: F401
from wengert.structure.black_box import black_box
from wengert.structure.branches import cond, switch
from wengert.structure.checkpoint import checkpoint, remat
from wengert.structure.custom_rules import custom_jvp, custom_vjp, rule
from wengert.structure.fori_loop import fori_loop
from wengert.structure.scan import map, scan
from wengert.structure.while_loop import while_loop

__version__ = "0.1.0.dev0"

__all__ = [
    "ArgumentError",
    "CheckError",
    "ColoredPattern",
    "CompNode",
    "ConstantNode",
    "DerivativeError",
    "GuardError",
    "Laplace",
    "Problem",
    "RecordingError",
    "RuleError",
    "Sensitivity",
    "Tape",
    "TapeError",
    "UnsupportedError",
    "WengertError",
    "black_box",
    "check_grads",
    "checkpoint",
    "cond",
    "color_bidirectional",
    "color_cols",
    "color_rows",
    "color_symmetric",
    "custom_jvp",
    "custom_vjp",
    "fori_loop",
    "grad",
    "hessian",
    "hessian_sparsity",
    "hvp",
    "jacfwd",
    "jacobian",
    "jacobian_sparsity",
    "jacrev",
    "jit",
    "jvp",
    "laplace",
    "linearize",
    "load",
    "map",
    "problem",
    "record",
    "register_pytree_node",
    "remat",
    "rule",
    "scan",
    "stop_gradient",
    "strict",
    "switch",
    "taylor_test",
    "value_and_grad",
    "value_and_hessian",
    "value_and_jacobian",
    "value_grad_and_hessian",
    "vjp",
    "vmap",
    "while_loop",
]

_ANSWERS.prepare()

# One node class an operation; they are made from the registry, not written out.
globals().update(nodes.node_classes())


def __dir__() -> list[str]:
    """Return the names that users need; `dir(wengert.nodes)` has the node classes."""
    modules = ["nodes", "__version__", "__doc__", "__name__", "__file__"]
    return sorted([*__all__, *modules])


if typing.TYPE_CHECKING:
    from wengert.core.tape import OperationNode

    def __getattr__(name: str) -> type[OperationNode]: ...
else:
    __getattr__ = nodes.__getattr__
