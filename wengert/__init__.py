"""Write plain NumPy.  Record it once.  Play it forward and backward."""

from wengert import ops  # noqa: F401  (states the operations)
from wengert.api import *  # noqa: F403
from wengert.core.tape import CompNode, ConstantNode, Tape, node_class
from wengert.core.operation import REGISTRY
from wengert.api import grad, value_and_grad, record, jvp, vjp, hessian, jacobian, jacfwd, jacrev, hvp, linearize, stop_gradient
Multiply = node_class(REGISTRY["multiply"])
