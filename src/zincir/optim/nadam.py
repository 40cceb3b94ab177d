"""NAdam."""

from __future__ import annotations

import math

from zincir.graph.node import Node
from zincir.operations.arithmetic import cast
from zincir.operations.elementwise import exp, expm1, sqrt
from zincir.optim.adam import decayed, mean_of
from zincir.optim.formula import Formula, Nodes
from zincir.optim.hyper import Hyper
from zincir.optim.settings import Betas, Group, NotNegative, Params, Rate, Switch
from zincir.optim.state import STEP, StateSpec
from zincir.types import float32, float64


class NAdam(Formula):
    """NAdam: Adam with Nesterov's momentum.

    ```
    g = gradient + weight_decay * p                decoupled: p loses lr * weight_decay * p
    mu(t) = beta1 * (1 - 0.96**(t * momentum_decay) / 2)
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    d = sqrt(v / (1 - beta2**t)) + eps
    p = p - lr * (1 - mu(t)) / (1 - mu(1) ... mu(t)) * g / d
          - lr * mu(t + 1) / (1 - mu(1) ... mu(t + 1)) * m / d
    ```

    From Dozat 2016 (https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ).

    Args:
        params: tensors, (name, tensor) pairs, or dictionaries of parameter groups.
        lr: the learning rate; a number or a tensor.
        betas: how much the two running means keep at each step.
        weight_decay: how much of the parameter is added to its gradient (an L2 penalty).
        momentum_decay: how fast momentum grows to all of beta1.
        decoupled_weight_decay: keep the decay apart from the gradient, as `AdamW` does.
        foreach: as well as capturable changes nothing: a step is one program in any case.
        maximize: go up instead of down.

    Example:
        >>> import zincir
        >>> w = zincir.tensor([4.0], requires_grad=True)
        >>> optimizer = NAdam([w], lr=0.5)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> round(w.item(), 4)
        3.4718
    """

    def __init__(
        self,
        params: Params,
        lr: Rate = 2e-3,
        betas: Betas = (0.9, 0.999),
        eps: NotNegative = 1e-8,
        weight_decay: NotNegative = 0,
        momentum_decay: NotNegative = 4e-3,
        decoupled_weight_decay: Switch = False,
        *,
        foreach: bool | None = None,
        maximize: Switch = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        super().__init__(params, locals())

    def init(self, p: Node, group: Group) -> dict[str, StateSpec]:
        """The step count, the product of all momenta, and the two running means."""
        product = StateSpec((), float32, 1.0, True)
        like = StateSpec.like(p)
        return {"step": STEP, "mu_product": product, "exp_avg": like, "exp_avg_sq": like}

    def precompute(self, hyper: Hyper, t: Node) -> Nodes:
        """The shares of gradient and mean in this step."""
        beta1, lr = hyper.betas[0], hyper.lr
        now, then = (
            beta1 * (1.0 - 0.5 * exp((at * hyper.momentum_decay) * math.log(0.96)))
            for at in (t, t + 1.0)
        )
        # The product is rounded to float32 at each step, as PyTorch does.
        product = hyper.mu_product.rounded(float32) * cast(now, float32)
        exact = cast(product, float64)
        return {
            "mu_product": product,
            "of_gradient": lr * (1.0 - now) / (1.0 - exact),
            "of_mean": lr * then / (1.0 - exact * then),
            "correction": -expm1(t * hyper.log_betas[1]),
        }

    def update(self, p: Node, g: Node, state: Nodes, hyper: Hyper) -> tuple[Node, Nodes]:
        """One step of the equations above."""
        beta1, beta2 = hyper.betas
        p, g = decayed(p, g, hyper)
        m = mean_of(state["exp_avg"], g, beta1)
        v = beta2 * state["exp_avg_sq"] + (1 - beta2) * g * g
        d = sqrt(v / hyper.correction) + hyper.eps
        new = p - hyper.of_gradient * g / d - hyper.of_mean * m / d
        return new, {"exp_avg": m, "exp_avg_sq": v}
