"""ASGD."""

from __future__ import annotations

from zincir.graph.node import Node
from zincir.operations.arithmetic import cast, compare, maximum, where
from zincir.operations.elementwise import exp, log
from zincir.optim.formula import Formula, Nodes
from zincir.optim.hyper import Hyper
from zincir.optim.settings import Group, NotNegative, Number, Params, Rate, Switch
from zincir.optim.state import STEP, StateSpec
from zincir.types import float32, float64


class ASGD(Formula):
    """Averaged stochastic gradient descent: steps that shrink, and the mean of where they led.

    ```
    g = gradient + weight_decay * p
    p = (1 - lambd * eta) * p - eta * g            eta = lr at first
    a = a + mu * (p - a)                           mu = 1 at first; a is kept as state["ax"]
    eta = lr / (1 + lambd * lr * t)**alpha
    mu = 1 / max(1, t - t0)
    ```

    From Polyak and Juditsky 1992 (https://dl.acm.org/doi/10.1137/0330046).

    Args:
        params: tensors, (name, tensor) pairs, or dictionaries of parameter groups.
        lr: the learning rate; a number or a tensor. It counts from the next step on.
        lambd: how fast steps shrink, and how much of the parameter is lost at each.
        alpha: the power by which steps shrink.
        t0: the step at which averaging begins.
        weight_decay: how much of the parameter is added to its gradient (an L2 penalty).
        foreach: as well as capturable changes nothing: a step is one program in any case.
        maximize: go up instead of down.

    Example:
        >>> import zincir
        >>> w = zincir.tensor([4.0], requires_grad=True)
        >>> optimizer = ASGD([w], lr=0.25, lambd=0.0)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w.item()
        2.0
    """

    def __init__(
        self,
        params: Params,
        lr: Rate = 1e-2,
        lambd: Number = 1e-4,
        alpha: Number = 0.75,
        t0: Number = 1e6,
        weight_decay: NotNegative = 0,
        foreach: bool | None = None,
        maximize: Switch = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        super().__init__(params, locals())

    def init(self, p: Node, group: Group) -> dict[str, StateSpec]:
        """The step count, the size of the next step, its share in the mean, and the mean."""
        eta, mu = StateSpec((), float32, 0.0, True), StateSpec((), float32, 1.0, True)
        return {"step": STEP, "eta": eta, "mu": mu, "ax": StateSpec.like(p)}

    def precompute(self, hyper: Hyper, t: Node) -> Nodes:
        """The size of this step and of the next; both are rounded to float32, as PyTorch's are."""
        lr = hyper.lr.rounded(float64)
        first = compare("eq", t, 1.0)
        return {
            "rate": where(first, cast(cast(lr, float32), float64), hyper.eta.rounded(float64)),
            "share": hyper.mu.rounded(float64),
            "eta": lr / exp(hyper.alpha * log(1 + hyper.lambd * lr * t)),
            "mu": 1.0 / maximum(t - hyper.t0, 1.0),
        }

    def update(self, p: Node, g: Node, state: Nodes, hyper: Hyper) -> tuple[Node, Nodes]:
        """One step of the equations above."""
        if hyper.weight_decay:
            g = g + hyper.weight_decay * p
        if hyper.lambd:
            p = (1 - hyper.lambd * hyper.rate) * p
        p = p - hyper.rate * g
        a, share = state["ax"], hyper.share.rounded(p.dtype)
        return p, {"ax": where(compare("eq", share, 1.0), p, a + share * (p - a))}
