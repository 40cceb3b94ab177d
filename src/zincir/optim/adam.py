"""Adam."""

from __future__ import annotations

from zincir.graph.node import Node
from zincir.ops.arithmetic import maximum
from zincir.ops.elementwise import expm1, sqrt
from zincir.optim.formula import Formula, Nodes
from zincir.optim.hyper import Hyper
from zincir.optim.settings import Betas, Group, NotNegative, Params, Rate, Switch
from zincir.optim.state import STEP, StateSpec


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
        params: Params,
        lr: Rate = 1e-3,
        betas: Betas = (0.9, 0.999),
        eps: NotNegative = 1e-8,
        weight_decay: NotNegative = 0.0,
        amsgrad: Switch = False,
        *,
        maximize: Switch = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(params, locals())

    def init(self, p: Node, group: Group) -> dict[str, StateSpec]:
        """The step count and the two running means."""
        return adam_state(p, group)

    def precompute(self, hyper: Hyper, t: Node) -> Nodes:
        """The corrections of means that began at zero."""
        return adam_corrections(hyper, t)

    def update(self, p: Node, g: Node, state: Nodes, hyper: Hyper) -> tuple[Node, Nodes]:
        """One step of the equation above."""
        if hyper.weight_decay:
            g = g + hyper.weight_decay * p
        return adam_update(p, g, state, hyper)


def adam_state(p: Node, group: Group) -> dict[str, StateSpec]:
    """The state of Adam and AdamW."""
    like = StateSpec.like(p)
    state = {"step": STEP, "exp_avg": like, "exp_avg_sq": like}
    return {**state, "max_exp_avg_sq": like} if group["amsgrad"] else state


def adam_corrections(hyper: Hyper, t: Node) -> Nodes:
    """The step size and what roots are multiplied by, for means that began at zero.

    1 - beta**t is -expm1(t * log(beta)), which has all its digits for betas near 1 too.
    """
    log1, log2 = hyper.log_betas
    return {
        "step_size": hyper.lr / -expm1(t * log1),
        "scale": 1.0 / sqrt(-expm1(t * log2)),
    }


def adam_update(p: Node, g: Node, state: Nodes, hyper: Hyper) -> tuple[Node, Nodes]:
    """The parameter moved by the new means."""
    beta1, beta2 = hyper.betas
    m, v = state["exp_avg"], state["exp_avg_sq"]
    # beta1 * m + (1 - beta1) * g, rounded as PyTorch does: its "lerp".
    m = m + (1 - beta1) * (g - m)
    v = beta2 * v + (1 - beta2) * g * g
    new = {"exp_avg": m, "exp_avg_sq": v}
    if "max_exp_avg_sq" in state:
        v = new["max_exp_avg_sq"] = maximum(state["max_exp_avg_sq"], v)
    # The root times 1 / sqrt(1 - beta2**t): one slow operation fewer for each element.
    return p - hyper.step_size * m / (sqrt(v) * hyper.scale + hyper.eps), new
