"""Stochastic gradient descent."""

from __future__ import annotations

from zincir.errors import ArgumentError, explain
from zincir.graph.node import Node, describe, here
from zincir.operations.arithmetic import cast
from zincir.operations.source import const
from zincir.optim.formula import Formula, Nodes
from zincir.optim.hyper import Hyper
from zincir.optim.settings import Group, NotNegative, Number, Params, Rate, Switch
from zincir.optim.state import StateSpec
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
        params: Params,
        lr: Rate = 1e-3,
        momentum: NotNegative = 0,
        dampening: Number = 0,
        weight_decay: NotNegative = 0,
        nesterov: Switch = False,
        *,
        maximize: Switch = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(params, locals())

    def check(self, owner: str, group: Group) -> None:
        """Raise if a setting is out of range, or Nesterov's momentum has none, or is dampened."""
        super().check(owner, group)
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            raise ArgumentError(
                explain(
                    f"{owner}: Nesterov momentum requires a momentum and zero dampening",
                    where=describe(here()),
                    got=f"momentum={group['momentum']}, dampening={group['dampening']}",
                    try_="momentum=0.9, nesterov=True",
                )
            )

    def init(self, p: Node, group: Group) -> dict[str, StateSpec]:
        """The momentum; with dampening, also whether it is the first step."""
        if not group["momentum"]:
            return {}
        state = {"momentum_buffer": StateSpec.like(p, lazy=True)}
        if group["dampening"]:
            state["_fresh"] = StateSpec((), float32, 1.0, lazy=True)
        return state

    def update(self, p: Node, g: Node, state: Nodes, hyper: Hyper) -> tuple[Node, Nodes]:
        """One step of the equation above."""
        if hyper.weight_decay:
            g = g + hyper.weight_decay * p
        if not hyper.momentum:
            return p - hyper.lr * g, {}
        new: Nodes = {}
        added = g
        if hyper.dampening:
            # The whole gradient at the first step: dampening counts only when not fresh.
            added = g * (1.0 - hyper.dampening * (1.0 - cast(state["_fresh"], p.dtype)))
            new["_fresh"] = const(0.0, float32)
        b = new["momentum_buffer"] = hyper.momentum * state["momentum_buffer"] + added
        step = g + hyper.momentum * b if hyper.nesterov else b
        return p - hyper.lr * step, new
