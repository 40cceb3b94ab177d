"""AdamW."""

from __future__ import annotations

from typing import Any

from zincir.graph.node import Node
from zincir.optim.adam import adam_numbers, adam_step, corrected, moments
from zincir.optim.arithmetic import mul
from zincir.optim.formula import Formula, Nodes, Start
from zincir.optim.groups import Group, refuse_differentiable


class AdamW(Formula):
    """Adam with weight decay that is kept apart from the gradient.

    ```
    p = p - lr * weight_decay * p
    m = beta1 * m + (1 - beta1) * gradient
    v = beta2 * v + (1 - beta2) * gradient**2       amsgrad: the largest v so far is used below
    p = p - lr / (1 - beta1**t) * m / (sqrt(v) / sqrt(1 - beta2**t) + eps)
    ```

    From Loshchilov and Hutter 2017 (https://arxiv.org/abs/1711.05101).

    Args:
        params: tensors, (name, tensor) pairs, or dictionaries of parameter groups.
        lr: the learning rate; a number or a tensor.
        betas: how much the two running means keep at each step.
        weight_decay: the share of the parameter, times lr, that is lost at each step.
        maximize: go up instead of down.
        foreach: as well as capturable and fused change nothing: a step is one program in any case.

    Example:
        >>> import zincir
        >>> w = zincir.tensor([4.0], requires_grad=True)
        >>> optimizer = AdamW([w], lr=0.5, weight_decay=0.1)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> round(w.item(), 4)
        3.3
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        refuse_differentiable(type(self).__name__, differentiable)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def init(self, param: Node, group: Group) -> Start:
        """The step count and the two running means."""
        return moments(param, group)

    def numbers(self, group: Group) -> dict[str, float]:
        """The settings, and what depends on them alone."""
        return adam_numbers(group)

    def shared(self, numbers: Nodes, step: Node | None) -> Nodes:
        """The corrections for means that began at zero, and what the decay leaves."""
        kept = 1.0 - numbers["lr"] * numbers["weight_decay"]
        return {**corrected(numbers, step), "kept": kept}

    def update(self, param: Node, grad: Node, state: Nodes, now: Nodes, group: Group) -> Nodes:
        """One step of the equation above."""
        if group["weight_decay"]:
            param = mul(param, now["kept"])
        return adam_step(param, grad, state, now)
