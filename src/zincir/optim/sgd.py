"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from zincir.graph.node import Node
from zincir.ops.arithmetic import cast
from zincir.ops.source import const
from zincir.optim.arithmetic import add, mul, sub
from zincir.optim.formula import Formula, Nodes, Start
from zincir.optim.groups import Group, refuse_differentiable
from zincir.types import float32


class SGD(Formula):
    """Stochastic gradient descent, with momentum.

    ```
    g = gradient + weight_decay * p
    b = momentum * b + (1 - dampening) * g         b = g at the first step
    p = p - lr * b                                 nesterov: p - lr * (g + momentum * b)
    ```

    Momentum as in Sutskever et al. 2013 (http://proceedings.mlr.press/v28/sutskever13.html), in
    the form that PyTorch uses.

    Args:
        params: tensors, (name, tensor) pairs, or dictionaries of parameter groups.
        lr: the learning rate; a number or a tensor.
        weight_decay: how much of the parameter is added to its gradient (an L2 penalty).
        maximize: go up instead of down.
        foreach: and fused change nothing: a step is one program in any case.

    Example:
        >>> import zincir
        >>> w = zincir.tensor([4.0], requires_grad=True)
        >>> optimizer = SGD([w], lr=0.25)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w.item()
        2.0
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        refuse_differentiable(type(self).__name__, differentiable)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def init(self, param: Node, group: Group) -> Start:
        """The momentum; with dampening, also whether it is the first step."""
        if not group["momentum"]:
            return {}
        start: Start = {"momentum_buffer": (param.shape, param.dtype, 0.0)}
        return {**start, "fresh": ((), float32, 1.0)} if group["dampening"] else start

    def numbers(self, group: Group) -> dict[str, float]:
        """The settings as they are."""
        return {k: group[k] for k in ("lr", "momentum", "dampening", "weight_decay")}

    def update(self, param: Node, grad: Node, state: Nodes, now: Nodes, group: Group) -> Nodes:
        """One step of the equation above."""
        rate = now["lr"]
        if group["weight_decay"]:
            grad = add(grad, mul(param, now["weight_decay"]))
        if not group["momentum"]:
            return {"param": sub(param, mul(grad, rate))}
        new: Nodes = {}
        added = grad
        if group["dampening"]:
            # The whole gradient at the first step: dampening counts only when not fresh.
            fresh = cast(state["fresh"], param.dtype)
            added = mul(grad, 1.0 - now["dampening"] * (1.0 - fresh))
            new["fresh"] = const(0.0, float32)
        momentum = new["momentum_buffer"] = add(
            mul(state["momentum_buffer"], now["momentum"]), added
        )
        step = add(grad, mul(momentum, now["momentum"])) if group["nesterov"] else momentum
        return {**new, "param": sub(param, mul(step, rate))}
