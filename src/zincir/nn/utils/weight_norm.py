"""Weights as a direction and a length, each trained by itself."""

from __future__ import annotations

from typing import Any, TypeVar

from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line
from zincir.nn.module.module import Module
from zincir.nn.module.parameter import Parameter
from zincir.tensor import Tensor

M = TypeVar("M", bound=Module)


def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """Make the parameter `name` g * v / |v|, with parameters name_g and name_v in its place.

    From https://arxiv.org/abs/1602.07868. The weight is computed before each forward.

    Args:
        dim: |v| is taken over all other axes; None: over all.

    >>> from zincir import nn
    >>> sorted(dict(weight_norm(nn.Linear(3, 2)).named_parameters()))
    ['bias', 'weight_g', 'weight_v']
    """
    if any(isinstance(hook, _Norm) and hook.name == name for hook in _hooks(module)):
        raise ArgumentError(
            explain(f"weight_norm: {name!r} has one already", where=user_line(), got=repr(module))
        )
    weight: Parameter = getattr(module, name)
    norm = _Norm(name, -1 if dim is None else dim)
    delattr(module, name)
    module.register_parameter(f"{name}_g", Parameter(length(weight, norm.dim).detach()))
    module.register_parameter(f"{name}_v", Parameter(weight.detach()))
    setattr(module, name, norm.weight(module))
    norm.handle = module.register_forward_pre_hook(norm)
    return module


def remove_weight_norm(module: M, name: str = "weight") -> M:
    """Undo `weight_norm`: the weight as it is now becomes a parameter again.

    Raises:
        ArgumentError: there is no weight norm of this name.

    >>> from zincir import nn
    >>> layer = remove_weight_norm(weight_norm(nn.Linear(3, 2)))
    >>> sorted(dict(layer.named_parameters()))
    ['bias', 'weight']
    """
    for norm in _hooks(module):
        if isinstance(norm, _Norm) and norm.name == name:
            weight = norm.weight(module).detach()
            for part in (name, f"{name}_g", f"{name}_v"):
                delattr(module, part)
            norm.handle.remove()
            setattr(module, name, Parameter(weight))
            return module
    raise ArgumentError(
        explain(f"remove_weight_norm: there is none of {name!r}", where=user_line())
    )


class _Norm:
    """The hook that computes the weight."""

    handle: Any

    def __init__(self, name: str, dim: int) -> None:
        self.name = name
        self.dim = dim

    def weight(self, module: Module) -> Tensor:
        g, v = getattr(module, f"{self.name}_g"), getattr(module, f"{self.name}_v")
        return v * (g / length(v, self.dim))

    def __call__(self, module: Module, args: Any) -> None:
        setattr(module, self.name, self.weight(module))


def length(v: Tensor, dim: int) -> Tensor:
    """The norm over all axes but `dim`, which are kept; over all, as a scalar, if it is -1."""
    if dim == -1:
        return v.norm()
    others = [k for k in range(v.ndim) if k != dim % v.ndim]
    return v.norm(2, others, keepdim=True) if others else v.abs()


def _hooks(module: Module) -> list[Any]:
    return [hook for hook, _ in module._forward_pre_hooks.values()]
