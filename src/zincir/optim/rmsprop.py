"""RMSprop."""

from __future__ import annotations

from typing import Annotated

from zincir.graph.node import Node
from zincir.operations.elementwise import sqrt
from zincir.optim.formula import Formula, Nodes
from zincir.optim.hyper import Hyper
from zincir.optim.settings import Group, NotNegative, Params, Rate, Switch, between
from zincir.optim.state import STEP, StateSpec


class RMSprop(Formula):
    """RMSprop: steps scaled by a running mean of the gradient's square.

    ```
    g = gradient + weight_decay * p
    v = alpha * v + (1 - alpha) * g**2
    m = alpha * m + (1 - alpha) * g                centered: v - m**2 is used below instead of v
    d = g / (sqrt(v) + eps)
    b = momentum * b + d                           without momentum: b = d
    p = p - lr * b
    ```

    From Hinton 2012 (https://www.cs.toronto.edu/~hinton/coursera/lecture6/lec6.pdf); centered from
    Graves 2013 (https://arxiv.org/abs/1308.0850).

    Args:
        params: tensors, (name, tensor) pairs, or dictionaries of parameter groups.
        lr: the learning rate; a number or a tensor.
        alpha: how much the running means keep at each step, from 0 to 1.
        weight_decay: how much of the parameter is added to its gradient (an L2 penalty).
        centered: divide by the gradient's deviation from its mean, not by its size.
        capturable: as well as foreach changes nothing: a step is one program in any case.
        maximize: go up instead of down.

    Example:
        >>> import zincir
        >>> w = zincir.tensor([4.0], requires_grad=True)
        >>> optimizer = RMSprop([w], lr=0.5, alpha=0.75)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> round(w.item(), 4)
        3.0
    """

    def __init__(
        self,
        params: Params,
        lr: Rate = 1e-2,
        alpha: Annotated[float, between(0, 1)] = 0.99,
        eps: NotNegative = 1e-8,
        weight_decay: NotNegative = 0,
        momentum: NotNegative = 0,
        centered: Switch = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: Switch = False,
        differentiable: bool = False,
    ) -> None:
        super().__init__(params, locals())

    def init(self, p: Node, group: Group) -> dict[str, StateSpec]:
        """The step count, the mean of squares, and what momentum and centering remember."""
        state = {"step": STEP, "square_avg": StateSpec.like(p)}
        if group["momentum"]:
            state["momentum_buffer"] = StateSpec.like(p)
        if group["centered"]:
            state["grad_avg"] = StateSpec.like(p)
        return state

    def update(self, p: Node, g: Node, state: Nodes, hyper: Hyper) -> tuple[Node, Nodes]:
        """One step of the equation above."""
        alpha = hyper.alpha
        if hyper.weight_decay:
            g = g + hyper.weight_decay * p
        v = alpha * state["square_avg"] + (1 - alpha) * g * g
        new: Nodes = {"square_avg": v}
        if hyper.centered:
            m = state["grad_avg"]
            # alpha * m + (1 - alpha) * g, rounded as PyTorch does: its "lerp".
            m = new["grad_avg"] = m + (1 - alpha) * (g - m)
            v = v - m * m
        d = g / (sqrt(v) + hyper.eps)
        if hyper.momentum:
            d = new["momentum_buffer"] = hyper.momentum * state["momentum_buffer"] + d
        return p - hyper.lr * d, new
