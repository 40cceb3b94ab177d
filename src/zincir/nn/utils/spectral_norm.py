"""Weights divided by their largest singular value."""

from __future__ import annotations

from typing import Any, TypeVar

from zincir.autograd import no_grad
from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line
from zincir.nn.functional import normalize
from zincir.nn.layers.convolution import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from zincir.nn.module.module import Module
from zincir.nn.module.parameter import Parameter
from zincir.random import randn
from zincir.tensor import Tensor

M = TypeVar("M", bound=Module)


def spectral_norm(
    module: M,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> M:
    """Divide the parameter `name` by its largest singular value before each forward.

    From https://arxiv.org/abs/1802.05957. The value is followed by steps of power iteration in
    training; name_orig is the parameter, name_u and name_v are buffers.

    Args:
        n_power_iterations: steps at each forward.
        dim: the axis of outputs: 0, but 1 for transposed convolutions.

    >>> from zincir import nn
    >>> list(spectral_norm(nn.Linear(3, 2)).state_dict())
    ['bias', 'weight_orig', 'weight_u', 'weight_v']
    """
    if n_power_iterations <= 0:
        raise ArgumentError(
            explain(
                "spectral_norm: n_power_iterations is not positive",
                where=user_line(),
                got=str(n_power_iterations),
            )
        )
    if any(isinstance(hook, _Norm) and hook.name == name for hook in _hooks(module)):
        raise ArgumentError(explain(f"spectral_norm: {name!r} has one already", where=user_line()))
    if dim is None:
        transposed = (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)
        dim = 1 if isinstance(module, transposed) else 0
    weight: Parameter = getattr(module, name)
    norm = _Norm(name, n_power_iterations, eps, dim)
    with no_grad():
        rows, columns = norm.matrix(weight).shape
        u = normalize(randn(rows, dtype=weight.dtype), dim=0, eps=eps)
        v = normalize(randn(columns, dtype=weight.dtype), dim=0, eps=eps)
    delattr(module, name)
    module.register_parameter(f"{name}_orig", weight)
    setattr(module, name, weight.detach())
    module.register_buffer(f"{name}_u", u)
    module.register_buffer(f"{name}_v", v)
    norm.handle = module.register_forward_pre_hook(norm)
    return module


def remove_spectral_norm(module: M, name: str = "weight") -> M:
    """Undo `spectral_norm`: the weight as it is now becomes a parameter again.

    Raises:
        ArgumentError: there is no spectral norm of this name.

    >>> from zincir import nn
    >>> list(remove_spectral_norm(spectral_norm(nn.Linear(3, 2))).state_dict())
    ['bias', 'weight']
    """
    for norm in _hooks(module):
        if isinstance(norm, _Norm) and norm.name == name:
            with no_grad():
                weight = norm.weight(module, training=False)
            for part in (name, f"{name}_u", f"{name}_v", f"{name}_orig"):
                delattr(module, part)
            norm.handle.remove()
            module.register_parameter(name, Parameter(weight.detach()))
            return module
    raise ArgumentError(
        explain(f"remove_spectral_norm: there is none of {name!r}", where=user_line())
    )


class _Norm:
    """The hook that computes the weight."""

    handle: Any

    def __init__(self, name: str, steps: int, eps: float, dim: int) -> None:
        self.name = name
        self.steps = steps
        self.eps = eps
        self.dim = dim

    def matrix(self, weight: Tensor) -> Tensor:
        """The weight as a matrix, with an output in each row."""
        return weight.movedim(self.dim, 0).reshape(weight.shape[self.dim], -1)

    def weight(self, module: Module, *, training: bool) -> Tensor:
        weight = getattr(module, f"{self.name}_orig")
        u, v = getattr(module, f"{self.name}_u"), getattr(module, f"{self.name}_v")
        matrix = self.matrix(weight)
        if training:
            with no_grad():
                for _ in range(self.steps):
                    v.copy_(normalize(matrix.mT @ u, dim=0, eps=self.eps))
                    u.copy_(normalize(matrix @ v, dim=0, eps=self.eps))
        u, v = u.detach().clone(), v.detach().clone()
        return weight / (u @ (matrix @ v))

    def __call__(self, module: Module, args: Any) -> None:
        setattr(module, self.name, self.weight(module, training=module.training))


def _hooks(module: Module) -> list[Any]:
    return [hook for hook, _ in module._forward_pre_hooks.values()]
