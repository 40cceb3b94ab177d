"""Adadelta."""

from __future__ import annotations

from typing import Annotated

from zincir.graph.node import Node
from zincir.operations.elementwise import sqrt
from zincir.optim.formula import Formula, Nodes
from zincir.optim.hyper import Hyper
from zincir.optim.settings import Group, NotNegative, Params, Rate, Switch, between
from zincir.optim.state import STEP, StateSpec


class Adadelta(Formula):
    """Adadelta: steps in the parameter's own unit, from running means of both squares.

    ```
    g = gradient + weight_decay * p
    v = rho * v + (1 - rho) * g**2
    d = sqrt(u + eps) / sqrt(v + eps) * g
    u = rho * u + (1 - rho) * d**2
    p = p - lr * d
    ```

    From Zeiler 2012 (https://arxiv.org/abs/1212.5701).

    Args:
        params: tensors, (name, tensor) pairs, or dictionaries of parameter groups.
        lr: what the steps are multiplied by; a number or a tensor.
        rho: how much the running means keep at each step, from 0 to 1.
        weight_decay: how much of the parameter is added to its gradient (an L2 penalty).
        foreach: as well as capturable changes nothing: a step is one program in any case.
        maximize: go up instead of down.

    Example:
        >>> import zincir
        >>> w = zincir.tensor([4.0], requires_grad=True)
        >>> optimizer = Adadelta([w], eps=1.0, rho=0.0)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> round(w.item(), 4)
        3.0077
    """

    def __init__(
        self,
        params: Params,
        lr: Rate = 1.0,
        rho: Annotated[float, between(0, 1)] = 0.9,
        eps: NotNegative = 1e-6,
        weight_decay: NotNegative = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: Switch = False,
        differentiable: bool = False,
    ) -> None:
        super().__init__(params, locals())

    def init(self, p: Node, group: Group) -> dict[str, StateSpec]:
        """The step count, and the means of squares of gradients and of steps."""
        return {"step": STEP, "square_avg": StateSpec.like(p), "acc_delta": StateSpec.like(p)}

    def update(self, p: Node, g: Node, state: Nodes, hyper: Hyper) -> tuple[Node, Nodes]:
        """One step of the equations above."""
        rho, eps = hyper.rho, hyper.eps
        if hyper.weight_decay:
            g = g + hyper.weight_decay * p
        v = rho * state["square_avg"] + (1 - rho) * g * g
        u = state["acc_delta"]
        d = sqrt(u + eps) / sqrt(v + eps) * g
        return p - hyper.lr * d, {"square_avg": v, "acc_delta": rho * u + (1 - rho) * d * d}
