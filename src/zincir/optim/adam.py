"""Adam."""

from __future__ import annotations

from typing import Any

from zincir.errors import ArgumentError, explain
from zincir.graph.node import Node, describe, here
from zincir.operations.arithmetic import maximum
from zincir.operations.elementwise import expm1, sqrt
from zincir.optim.formula import Formula, Nodes
from zincir.optim.hyper import Hyper
from zincir.optim.settings import Betas, Group, NotNegative, Params, Rate, Switch
from zincir.optim.state import STEP, StateSpec
from zincir.tensor import Tensor


class Adam(Formula):
    """Adam: steps scaled by running means of the gradient and of its square.

    ```
    g = gradient + weight_decay * p                 decoupled: p loses lr * weight_decay * p
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
        foreach: as well as capturable and fused changes nothing: a step is one program in any case.
        decoupled_weight_decay: as `AdamW` does.

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
        params: Params,
        lr: Rate = 1e-3,
        betas: Betas = (0.9, 0.999),
        eps: NotNegative = 1e-8,
        weight_decay: NotNegative = 0,
        amsgrad: Switch = False,
        *,
        foreach: bool | None = None,
        maximize: Switch = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: Switch = False,
    ) -> None:
        super().__init__(params, locals())

    def check(self, owner: str, group: Group) -> None:
        """Raise if a setting is out of range, or tensors among them do not go with the others."""
        super().check(owner, group)
        kinds = {isinstance(beta, Tensor) for beta in group["betas"]}
        tensors = True in kinds or isinstance(group["lr"], Tensor)
        if len(kinds) > 1 or (tensors and group["foreach"] and not group["capturable"]):
            raise ArgumentError(
                explain(
                    f"{owner}: betas are both numbers or both tensors, and foreach=True goes with "
                    "tensors only if capturable=True",
                    where=describe(here()),
                    got=f"betas={group['betas']}, lr={group['lr']}, foreach={group['foreach']}",
                    try_="numbers: schedules may change them between steps",
                )
            )

    def init(self, p: Node, group: Group) -> dict[str, StateSpec]:
        """The step count and the two running means."""
        like = StateSpec.like(p)
        state = {"step": STEP, "exp_avg": like, "exp_avg_sq": like}
        return {**state, "max_exp_avg_sq": like} if group["amsgrad"] else state

    def precompute(self, hyper: Hyper, t: Node) -> Nodes:
        """The step size and what roots are multiplied by, for means that began at zero.

        1 - beta**t is -expm1(t * log(beta)), which has all its digits for betas near 1 too.
        """
        log1, log2 = hyper.log_betas
        return {
            "step_size": hyper.lr / -expm1(t * log1),
            "scale": 1.0 / sqrt(-expm1(t * log2)),
        }

    def update(self, p: Node, g: Node, state: Nodes, hyper: Hyper) -> tuple[Node, Nodes]:
        """One step of the equation above."""
        beta1, beta2 = hyper.betas
        p, g = decayed(p, g, hyper)
        m = mean_of(state["exp_avg"], g, beta1)
        v = beta2 * state["exp_avg_sq"] + (1 - beta2) * g * g
        new = {"exp_avg": m, "exp_avg_sq": v}
        if "max_exp_avg_sq" in state:
            v = new["max_exp_avg_sq"] = maximum(state["max_exp_avg_sq"], v)
        # The root times 1 / sqrt(1 - beta2**t): one slow operation fewer for each element.
        return p - hyper.step_size * m / (sqrt(v) * hyper.scale + hyper.eps), new


def decayed(p: Node, g: Node, hyper: Hyper) -> tuple[Node, Node]:
    """A parameter that has lost lr * weight_decay of itself, or a gradient with weight_decay * p.

    Which of both is for `decoupled_weight_decay` to say.
    """
    if hyper.weight_decay and hyper.decoupled_weight_decay:
        return (1 - hyper.lr * hyper.weight_decay) * p, g
    return p, g + hyper.weight_decay * p if hyper.weight_decay else g


def mean_of(m: Node, g: Node, beta: Any) -> Node:
    """Beta * m + (1 - beta) * g, rounded as PyTorch does: its "lerp"."""
    return m + (1 - beta) * (g - m)
