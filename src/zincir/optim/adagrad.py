"""Adagrad."""

from __future__ import annotations

from zincir.graph.node import Node
from zincir.operations.elementwise import sqrt
from zincir.optim.formula import Formula, Nodes
from zincir.optim.hyper import Hyper
from zincir.optim.settings import Group, NotNegative, Params, Rate, Switch
from zincir.optim.state import STEP, StateSpec


class Adagrad(Formula):
    """Adagrad: steps that shrink as the sum of all squares of the gradient grows.

    ```
    g = gradient + weight_decay * p
    s = s + g**2                                   s = initial_accumulator_value at first
    p = p - lr / (1 + (t - 1) * lr_decay) * g / (sqrt(s) + eps)
    ```

    From Duchi, Hazan and Singer 2011 (https://jmlr.org/papers/v12/duchi11a.html).

    Args:
        params: tensors, (name, tensor) pairs, or dictionaries of parameter groups.
        lr: the learning rate; a number or a tensor.
        lr_decay: how fast the learning rate falls with the number of steps t.
        weight_decay: how much of the parameter is added to its gradient (an L2 penalty).
        initial_accumulator_value: what the sum of squares begins with.
        foreach: as well as fused changes nothing: a step is one program in any case.
        maximize: go up instead of down.

    Example:
        >>> import zincir
        >>> w = zincir.tensor([4.0], requires_grad=True)
        >>> optimizer = Adagrad([w], lr=0.5)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> round(w.item(), 4)
        3.5
    """

    def __init__(
        self,
        params: Params,
        lr: Rate = 1e-2,
        lr_decay: NotNegative = 0,
        weight_decay: NotNegative = 0,
        initial_accumulator_value: NotNegative = 0,
        eps: NotNegative = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: Switch = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(params, locals())
        for group in self.param_groups:  # the sums are there before the first step, as in PyTorch
            self._begin([p for p in group["params"] if not hasattr(p, "materialize")], group, set())

    def init(self, p: Node, group: Group) -> dict[str, StateSpec]:
        """The step count, and the sum of squares."""
        return {"step": STEP, "sum": StateSpec.like(p, group["initial_accumulator_value"])}

    def precompute(self, hyper: Hyper, t: Node) -> Nodes:
        """The learning rate of this step."""
        return {"lr": hyper.lr / (1 + (t - 1) * hyper.lr_decay)}

    def update(self, p: Node, g: Node, state: Nodes, hyper: Hyper) -> tuple[Node, Nodes]:
        """One step of the equation above."""
        if hyper.weight_decay:
            g = g + hyper.weight_decay * p
        s = state["sum"] + g * g
        return p - hyper.lr * g / (sqrt(s) + hyper.eps), {"sum": s}
