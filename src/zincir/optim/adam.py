"""Adam."""

from __future__ import annotations

import math
from typing import Any

from zincir.graph.node import Node
from zincir.ops import elementwise
from zincir.optim.arithmetic import add, div, maximum, mul, sqrt, sub
from zincir.optim.formula import Formula, Nodes, Start
from zincir.optim.groups import Group, refuse_differentiable
from zincir.types import float32


class Adam(Formula):
    """Adam: steps scaled by running means of the gradient and of its square.

    ```
    g = gradient + weight_decay * p
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2              amsgrad: the largest v so far is used below
    p = p - lr / (1 - beta1**t) * m / (sqrt(v) / sqrt(1 - beta2**t) + eps)
    ```

    From Kingma and Ba 2014 (https://arxiv.org/abs/1412.6980); amsgrad from Reddi et al. 2018
    (https://openreview.net/forum?id=ryQu7f-RZ).

    Args:
        params: tensors, (name, tensor) pairs, or dictionaries of parameter groups.
        lr: the learning rate; a number or a tensor.
        betas: how much the two running means keep at each step.
        weight_decay: how much of the parameter is added to its gradient; see `AdamW` for the
            decay that is kept apart from it.
        maximize: go up instead of down.
        foreach: as well as capturable and fused change nothing: a step is one program in any case.

    Example:
        >>> import zincir
        >>> w = zincir.tensor([4.0], requires_grad=True)
        >>> optimizer = Adam([w], lr=0.5)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> round(w.item(), 4)
        3.5
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
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
        """The corrections for means that began at zero."""
        return corrected(numbers, step)

    def update(self, param: Node, grad: Node, state: Nodes, now: Nodes, group: Group) -> Nodes:
        """One step of the equation above."""
        if group["weight_decay"]:
            grad = add(grad, mul(param, now["weight_decay"]))
        return adam_step(param, grad, state, now)


def moments(param: Node, group: Group) -> Start:
    """The state of Adam and AdamW."""
    like = (param.shape, param.dtype, 0.0)
    start: Start = {"step": ((), float32, 0.0), "exp_avg": like, "exp_avg_sq": like}
    return {**start, "max_exp_avg_sq": like} if group["amsgrad"] else start


def adam_numbers(group: Group) -> dict[str, float]:
    """The numbers of Adam and AdamW, worked out in double precision."""
    beta1, beta2 = group["betas"]
    return {
        "lr": group["lr"],
        "eps": group["eps"],
        "weight_decay": group["weight_decay"],
        "1 - beta1": 1.0 - beta1,
        "beta2": beta2,
        "1 - beta2": 1.0 - beta2,
        "log beta1": math.log(beta1) if beta1 else -math.inf,
        "log beta2": math.log(beta2) if beta2 else -math.inf,
    }


def corrected(numbers: Nodes, step: Node | None) -> Nodes:
    """What corrects means that began at zero; 1 - b**t is -expm1(t * log(b))."""
    assert step is not None
    numbers = dict(numbers)
    log1, log2 = numbers.pop("log beta1"), numbers.pop("log beta2")
    numbers["rate"] = numbers["lr"] / -elementwise.expm1(step * log1)
    numbers["scale"] = 1.0 / elementwise.sqrt(-elementwise.expm1(step * log2))
    return numbers


def adam_step(param: Node, grad: Node, state: Nodes, now: Nodes) -> Nodes:
    """New means, and the parameter moved by them.

    The root is multiplied by 1 / sqrt(1 - beta2**t), not divided: one slow operation fewer for
    each element.
    """
    mean, square = state["exp_avg"], state["exp_avg_sq"]
    mean = add(mean, mul(sub(grad, mean), now["1 - beta1"]))
    square = add(mul(square, now["beta2"]), mul(mul(grad, now["1 - beta2"]), grad))
    new: Nodes = {"exp_avg": mean, "exp_avg_sq": square}
    if "max_exp_avg_sq" in state:
        square = new["max_exp_avg_sq"] = maximum(state["max_exp_avg_sq"], square)
    size = add(mul(sqrt(square), now["scale"]), now["eps"])
    new["param"] = sub(param, div(mul(mean, now["rate"]), size))
    return new
