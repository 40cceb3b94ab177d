"""LAMB."""

from __future__ import annotations

from zincir.graph.node import Node
from zincir.operations.arithmetic import bitwise, compare, where
from zincir.operations.composed import norm
from zincir.operations.elementwise import expm1, sqrt
from zincir.optim.adam import mean_of
from zincir.optim.formula import Formula, Nodes
from zincir.optim.hyper import Hyper
from zincir.optim.settings import Betas, Group, NotNegative, Params, Rate, Switch
from zincir.optim.state import STEP, StateSpec


class LAMB(Formula):
    """LAMB: Adam whose step is as long, beside each parameter's own length, as the rate says.

    ```
    m = beta1 * m + (1 - beta1) * gradient
    v = beta2 * v + (1 - beta2) * gradient**2
    r = m / (1 - beta1**t) / (sqrt(v / (1 - beta2**t)) + eps) + weight_decay * p
    p = p - lr * norm(p) / norm(r) * r             1 in place of the ratio, if either norm is 0
    ```

    From You et al. 2019 (https://arxiv.org/abs/1904.00962), algorithm 2, with the norm itself for
    phi. It is made for large batches.

    Args:
        params: tensors, (name, tensor) pairs, or dictionaries of parameter groups.
        lr: the learning rate; a number or a tensor.
        betas: how much the two running means keep at each step.
        weight_decay: how much of the parameter is added to its step.
        maximize: go up instead of down.

    Example:
        >>> import zincir
        >>> w = zincir.tensor([4.0], requires_grad=True)
        >>> optimizer = LAMB([w], lr=0.25, weight_decay=0)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> round(w.item(), 4)
        3.0
    """

    def __init__(
        self,
        params: Params,
        lr: Rate = 1e-3,
        betas: Betas = (0.9, 0.999),
        eps: NotNegative = 1e-6,
        weight_decay: NotNegative = 1e-2,
        *,
        maximize: Switch = False,
    ) -> None:
        super().__init__(params, locals())

    def init(self, p: Node, group: Group) -> dict[str, StateSpec]:
        """The step count and the two running means."""
        return {"step": STEP, "exp_avg": StateSpec.like(p), "exp_avg_sq": StateSpec.like(p)}

    def precompute(self, hyper: Hyper, t: Node) -> Nodes:
        """The corrections of means that began at zero."""
        log1, log2 = hyper.log_betas
        return {"of_mean": -expm1(t * log1), "of_square": -expm1(t * log2)}

    def update(self, p: Node, g: Node, state: Nodes, hyper: Hyper) -> tuple[Node, Nodes]:
        """One step of the equations above."""
        beta1, beta2 = hyper.betas
        m = mean_of(state["exp_avg"], g, beta1)
        v = beta2 * state["exp_avg_sq"] + (1 - beta2) * g * g
        r = m / hyper.of_mean / (sqrt(v / hyper.of_square) + hyper.eps)
        if hyper.weight_decay:
            r = r + hyper.weight_decay * p
        own, step = norm(p, 2.0), norm(r, 2.0)
        both = bitwise("and", compare("gt", own, 0.0), compare("gt", step, 0.0))
        ratio = where(both, own / where(both, step, 1.0), 1.0)
        return p - hyper.lr * ratio * r, {"exp_avg": m, "exp_avg_sq": v}
