"""Each peer: a call of its value and gradient of a row, as its user would make it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy

import arrays
from bench.peers.programs import bound, with_gradient
from sparse_programs import Views

Thunk = Callable[[], Any]


def places(row: Any) -> tuple[int, ...]:
    """The places of the arguments."""
    return tuple(range(len(row[2])))


def by_numpy(row: Any) -> Thunk:
    """The value alone."""
    call = partial(bound(row, numpy), *row[2])
    return lambda: (call(), None)


def by_wengert(row: Any) -> Thunk:
    """Recorded once, compiled."""
    import wengert

    return arrays.call_of("wengert", *with_gradient(row, wengert.grad))


def by_wengert_eager(row: Any) -> Thunk:
    """Recorded afresh in every call."""
    import wengert

    function = bound(with_gradient(row, wengert.grad), numpy)
    both = wengert.value_and_grad(function, argnums=places(row))
    return partial(both, *row[2])


def by_autograd(row: Any) -> Thunk:
    """Recorded afresh in every call."""
    import autograd
    from autograd import numpy as np

    function = bound(with_gradient(row, autograd.grad), np)
    both = autograd.value_and_grad(function, argnum=places(row))
    return partial(both, *row[2])


def by_advect(row: Any) -> Thunk:
    """Recorded afresh in every call."""
    import advect

    function = bound(with_gradient(row, advect.grad), numpy)
    return partial(advect.value_and_grad(function, argnums=places(row)), *row[2])


def by_jax(row: Any) -> Thunk:
    """Compiled by XLA; long loops are JAX's own."""
    import jax

    return arrays.call_of("jax", *with_gradient(row, jax.grad))


def by_enzyme(row: Any) -> Thunk:
    """JAX's program, differentiated by Enzyme and compiled by XLA."""
    import jax
    from enzyme_ad.jax import enzyme_jax_ir

    jax.config.update("jax_enable_x64", True)
    own = with_gradient(row, jax.grad)
    function = enzyme_jax_ir()(bound(own, jax.numpy, own_loops=True))
    compiled = jax.jit(jax.value_and_grad(function, argnums=places(row)))
    return lambda: jax.block_until_ready(compiled(*row[2]))


# PyTorch


class Torch:
    """PyTorch under NumPy's names, where they differ."""

    def __init__(self) -> None:
        import torch

        torch.set_num_threads(1)
        torch.set_default_dtype(torch.float64)
        self.torch = torch

    def __getattr__(self, name: str) -> Any:
        return getattr(self.torch, name)

    def max(self, x: Any, axis: Any = (), keepdims: bool = False) -> Any:
        """Greatest elements."""
        return self.torch.amax(x, axis, keepdims)

    def min(self, x: Any, axis: Any = (), keepdims: bool = False) -> Any:
        """Least elements."""
        return self.torch.amin(x, axis, keepdims)

    def maximum(self, x: Any, least: float) -> Any:
        """Elements, or a number that is greater."""
        return self.torch.clamp(x, min=least)


def by_torch(row: Any, compiles: bool = False) -> Thunk:
    """Recorded afresh in every call."""
    np = Torch()
    function = bound(with_gradient(row, np.func.grad), np, put=as_tensor)
    leaves = [as_tensor(x).requires_grad_() for x in row[2]]
    if compiles:
        function = np.compile(function)

    def call() -> Any:
        value = function(*leaves)
        slopes = np.autograd.grad(value, leaves)
        return value.item(), [slope.numpy() for slope in slopes]

    return call


def as_tensor(x: Any) -> Any:
    """An array or a number as a tensor; other things as they are."""
    import torch

    if isinstance(x, Views):
        return replace(x, seen=torch.tensor(x.seen))
    return torch.tensor(x) if isinstance(x, numpy.ndarray | float) else x


# CasADi


class OfScalars:
    """NumPy for arrays of CasADi's scalars, where it must be told how to choose."""

    def __init__(self, casadi: Any) -> None:
        self.larger = numpy.frompyfunc(casadi.fmax, 2, 1)
        self.smaller = numpy.frompyfunc(casadi.fmin, 2, 1)

    def __getattr__(self, name: str) -> Any:
        return getattr(numpy, name)

    def max(self, x: Any, axis: int = 0, keepdims: bool = False) -> Any:
        """Greatest elements."""
        return self.larger.reduce(x, axis=axis, keepdims=keepdims)

    def min(self, x: Any, axis: int = 0, keepdims: bool = False) -> Any:
        """Least elements."""
        return self.smaller.reduce(x, axis=axis, keepdims=keepdims)

    def maximum(self, x: Any, least: float) -> Any:
        """Elements, or a number that is greater."""
        return self.larger(x, least)


def by_casadi(row: Any) -> Thunk:
    """Written out as scalars once, played by CasADi's own machine, bound buffers."""
    import casadi

    casadi.GlobalOptions.setNumpyMode(-1)
    arguments = [numpy.asarray(x) for x in row[2]]
    x = casadi.SX.sym("x", sum(a.size for a in arguments))
    scalars = numpy.empty(x.numel(), object)
    scalars[:] = x.elements()
    value = bound(row, OfScalars(casadi))(*split(scalars, arguments))
    function = casadi.Function("f", [x], [value, casadi.gradient(value, x)])
    buffer, evaluate = function.buffer()
    given = numpy.concatenate([a.ravel() for a in arguments]).astype(float)
    found, slope = numpy.zeros(1), numpy.zeros(given.size)
    buffer.set_arg(0, memoryview(given))
    buffer.set_res(0, memoryview(found))
    buffer.set_res(1, memoryview(slope))

    def call() -> Any:
        evaluate()
        return found[0], split(slope, arguments)

    call.keep = function, buffer, given  # type: ignore[attr-defined]
    return call


def split(flat: Any, arguments: list[Any]) -> list[Any]:
    """A flat array cut up into the shapes of arguments; elements of no shape."""
    ends = numpy.cumsum([a.size for a in arguments])[:-1]
    parts = zip(numpy.split(flat, ends), arguments, strict=True)
    return [part.reshape(a.shape) if a.shape else part[0] for part, a in parts]


class Engine(NamedTuple):
    """A peer.

    Attributes
    ----------
    make : callable
        The call of a row.
    packages : tuple of str
        What it is made of.
    """

    make: Callable[[Any], Thunk]
    packages: tuple[str, ...]


ENGINES = {
    "wengert": Engine(by_wengert, ("wengert",)),
    "wengert, eager": Engine(by_wengert_eager, ("wengert",)),
    "autograd": Engine(by_autograd, ("autograd",)),
    "advect": Engine(by_advect, ("advect",)),
    "PyTorch": Engine(by_torch, ("torch",)),
    "PyTorch, compiled": Engine(partial(by_torch, compiles=True), ("torch",)),
    "JAX": Engine(by_jax, ("jax",)),
    "Enzyme": Engine(by_enzyme, ("enzyme_ad", "jax")),
    "CasADi": Engine(by_casadi, ("casadi",)),
    "NumPy, value alone": Engine(by_numpy, ("numpy",)),
}
