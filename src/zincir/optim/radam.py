"""RAdam."""

from __future__ import annotations

from zincir.graph.node import Node
from zincir.operations.arithmetic import compare, where
from zincir.operations.elementwise import exp, expm1, sqrt
from zincir.optim.adam import decayed, mean_of
from zincir.optim.formula import Formula, Nodes
from zincir.optim.hyper import Hyper
from zincir.optim.settings import Betas, Group, NotNegative, Params, Rate, Switch
from zincir.optim.state import STEP, StateSpec
from zincir.types import float64


class RAdam(Formula):
    """RAdam: Adam that does not divide by the mean square as long as too little is known of it.

    ```
    g = gradient + weight_decay * p                decoupled: p loses lr * weight_decay * p
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    r = r_inf - 2 * t * beta2**t / (1 - beta2**t)  r_inf = 2 / (1 - beta2) - 1
    c = sqrt((r - 4) * (r - 2) * r_inf / ((r_inf - 4) * (r_inf - 2) * r))
    p = p - lr / (1 - beta1**t) * m * (c * sqrt(1 - beta2**t) / (sqrt(v) + eps) if r > 5 else 1)
    ```

    From Liu et al. 2019 (https://arxiv.org/abs/1908.03265).

    Args:
        params: tensors, (name, tensor) pairs, or dictionaries of parameter groups.
        lr: the learning rate; a number or a tensor.
        betas: how much the two running means keep at each step.
        weight_decay: how much of the parameter is added to its gradient (an L2 penalty).
        decoupled_weight_decay: keep the decay apart from the gradient, as `AdamW` does.
        foreach: as well as capturable changes nothing: a step is one program in any case.
        maximize: go up instead of down.

    Example:
        >>> import zincir
        >>> w = zincir.tensor([4.0], requires_grad=True)
        >>> optimizer = RAdam([w], lr=0.25)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> round(w.item(), 4)
        2.0
    """

    def __init__(
        self,
        params: Params,
        lr: Rate = 1e-3,
        betas: Betas = (0.9, 0.999),
        eps: NotNegative = 1e-8,
        weight_decay: NotNegative = 0,
        decoupled_weight_decay: Switch = False,
        *,
        foreach: bool | None = None,
        maximize: Switch = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        super().__init__(params, locals())

    def init(self, p: Node, group: Group) -> dict[str, StateSpec]:
        """The step count and the two running means."""
        return {"step": STEP, "exp_avg": StateSpec.like(p), "exp_avg_sq": StateSpec.like(p)}

    def precompute(self, hyper: Hyper, t: Node) -> Nodes:
        """The step size, and by what the mean square counts: 0 while it does not."""
        log1, log2 = hyper.log_betas
        correction = -expm1(t * log2)
        most = (2.0 / (1.0 - hyper.betas[1]) - 1.0).rounded(float64)
        r = most - 2.0 * t * exp(t * log2) / correction
        c = (r - 4.0) * (r - 2.0) * most / ((most - 4.0) * (most - 2.0) * r)
        known = compare("gt", r, 5.0)
        return {
            "step_size": hyper.lr / -expm1(t * log1),
            "rectified": where(known, sqrt(where(known, c, 1.0)) * sqrt(correction), 0.0),
        }

    def update(self, p: Node, g: Node, state: Nodes, hyper: Hyper) -> tuple[Node, Nodes]:
        """One step of the equations above."""
        beta1, beta2 = hyper.betas
        p, g = decayed(p, g, hyper)
        m = mean_of(state["exp_avg"], g, beta1)
        v = beta2 * state["exp_avg_sq"] + (1 - beta2) * g * g
        scale = hyper.rectified.rounded(p.dtype)
        adaptive = where(compare("gt", scale, 0.0), scale / (sqrt(v) + hyper.eps), 1.0)
        return p - hyper.step_size * m * adaptive, {"exp_avg": m, "exp_avg_sq": v}
