"""Lion."""

from __future__ import annotations

from zincir.graph.node import Node
from zincir.operations.arithmetic import sign
from zincir.optim.formula import Formula, Nodes
from zincir.optim.hyper import Hyper
from zincir.optim.settings import Betas, Group, NotNegative, Params, Rate, Switch
from zincir.optim.state import StateSpec


class Lion(Formula):
    """Lion: steps of one size, where a mean of the gradients points.

    ```
    c = beta1 * m + (1 - beta1) * gradient
    p = p - lr * (sign(c) + weight_decay * p)
    m = beta2 * m + (1 - beta2) * gradient
    ```

    From Chen et al. 2023 (https://arxiv.org/abs/2302.06675).

    Args:
        params: tensors, (name, tensor) pairs, or dictionaries of parameter groups.
        lr: the learning rate, which is the size of a step; a number or a tensor.
        betas: how much the mean keeps where it is looked at, and where it is kept.
        weight_decay: the share of the parameter, times lr, that is lost at each step.
        maximize: go up instead of down.

    Example:
        >>> import zincir
        >>> w = zincir.tensor([4.0], requires_grad=True)
        >>> optimizer = Lion([w], lr=0.5)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w.item()
        3.5
    """

    def __init__(
        self,
        params: Params,
        lr: Rate = 1e-4,
        betas: Betas = (0.9, 0.99),
        weight_decay: NotNegative = 0,
        *,
        maximize: Switch = False,
    ) -> None:
        super().__init__(params, locals())

    def init(self, p: Node, group: Group) -> dict[str, StateSpec]:
        """The mean of gradients."""
        return {"exp_avg": StateSpec.like(p)}

    def update(self, p: Node, g: Node, state: Nodes, hyper: Hyper) -> tuple[Node, Nodes]:
        """One step of the equation above."""
        beta1, beta2 = hyper.betas
        m = state["exp_avg"]
        step = sign(beta1 * m + (1 - beta1) * g)
        if hyper.weight_decay:
            step = step + hyper.weight_decay * p
        return p - hyper.lr * step, {"exp_avg": beta2 * m + (1 - beta2) * g}
