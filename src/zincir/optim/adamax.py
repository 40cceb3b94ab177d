"""Adamax."""

from __future__ import annotations

from zincir.graph.node import Node
from zincir.operations.arithmetic import abs as absolute, maximum
from zincir.operations.elementwise import expm1
from zincir.optim.adam import mean_of
from zincir.optim.formula import Formula, Nodes
from zincir.optim.hyper import Hyper
from zincir.optim.settings import Betas, Group, NotNegative, Params, Rate, Switch
from zincir.optim.state import STEP, StateSpec


class Adamax(Formula):
    """Adamax: Adam with the largest gradient so far, which fades, in place of the mean square.

    ```
    g = gradient + weight_decay * p
    m = beta1 * m + (1 - beta1) * g
    u = max(beta2 * u, abs(g) + eps)
    p = p - lr / (1 - beta1**t) * m / u
    ```

    From Kingma and Ba 2014 (https://arxiv.org/abs/1412.6980), section 7.1.

    Args:
        params: tensors, (name, tensor) pairs, or dictionaries of parameter groups.
        lr: the learning rate; a number or a tensor.
        betas: how much the mean and the largest gradient keep at each step.
        weight_decay: how much of the parameter is added to its gradient (an L2 penalty).
        foreach: as well as capturable changes nothing: a step is one program in any case.
        maximize: go up instead of down.

    Example:
        >>> import zincir
        >>> w = zincir.tensor([4.0], requires_grad=True)
        >>> optimizer = Adamax([w], lr=0.5)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> round(w.item(), 4)
        3.5
    """

    def __init__(
        self,
        params: Params,
        lr: Rate = 2e-3,
        betas: Betas = (0.9, 0.999),
        eps: NotNegative = 1e-8,
        weight_decay: NotNegative = 0,
        foreach: bool | None = None,
        *,
        maximize: Switch = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        super().__init__(params, locals())

    def init(self, p: Node, group: Group) -> dict[str, StateSpec]:
        """The step count, the mean, and the largest gradient."""
        return {"step": STEP, "exp_avg": StateSpec.like(p), "exp_inf": StateSpec.like(p)}

    def precompute(self, hyper: Hyper, t: Node) -> Nodes:
        """The step size, for a mean that began at zero."""
        return {"step_size": hyper.lr / -expm1(t * hyper.log_betas[0])}

    def update(self, p: Node, g: Node, state: Nodes, hyper: Hyper) -> tuple[Node, Nodes]:
        """One step of the equations above."""
        beta1, beta2 = hyper.betas
        if hyper.weight_decay:
            g = g + hyper.weight_decay * p
        m = mean_of(state["exp_avg"], g, beta1)
        u = maximum(beta2 * state["exp_inf"], absolute(g) + hyper.eps)
        return p - hyper.step_size * m / u, {"exp_avg": m, "exp_inf": u}
