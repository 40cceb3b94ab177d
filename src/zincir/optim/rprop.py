"""Rprop."""

from __future__ import annotations

from typing import Annotated

from zincir.graph.node import Node
from zincir.operations.arithmetic import compare, maximum, minimum, sign, where
from zincir.optim.formula import Formula, Nodes
from zincir.optim.hyper import Hyper
from zincir.optim.settings import Group, Kind, Params, Rate, Setting, Switch
from zincir.optim.state import STEP, StateSpec, number_in
from zincir.tensor import Tensor


class Rprop(Formula):
    """Rprop: each number has a step of its own, which grows while its gradient keeps its sign.

    ```
    s = s * (eta+ if g * before > 0, eta- if g * before < 0, else 1), within step_sizes
    g = 0 where g * before < 0
    p = p - s * sign(g)
    before = g                                     s = lr and before = 0 at first
    ```

    From Riedmiller and Braun 1993 (https://ieeexplore.ieee.org/document/298623). It is for
    gradients of all samples, not of batches.

    Args:
        params: tensors, (name, tensor) pairs, or dictionaries of parameter groups.
        lr: the size of the first step; a number or a tensor. Later it changes nothing.
        etas: by what steps shrink and grow; 0 < eta- < 1 < eta+.
        step_sizes: the smallest and the largest step.
        capturable: as well as foreach changes nothing: a step is one program in any case.
        maximize: go up instead of down.

    Example:
        >>> import zincir
        >>> w = zincir.tensor([4.0], requires_grad=True)
        >>> optimizer = Rprop([w], lr=0.5)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w.item()
        3.5
    """

    def __init__(
        self,
        params: Params,
        lr: Rate = 1e-2,
        etas: Annotated[
            tuple[float, float],
            Setting("two numbers, 0 < eta- < 1 < eta+", lambda v: 0 < v[0] < 1 < v[1], Kind.PAIR),
        ] = (0.5, 1.2),
        step_sizes: Annotated[
            tuple[float, float], Setting("two numbers", lambda v: len(v) == 2, Kind.PAIR)
        ] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: Switch = False,
        differentiable: bool = False,
    ) -> None:
        super().__init__(params, locals())

    def init(self, p: Node, group: Group) -> dict[str, StateSpec]:
        """The step count, the gradient before, and the size of each number's step."""
        lr = group["lr"]
        first = float(number_in(lr).item() if isinstance(lr, Tensor) else lr)
        return {"step": STEP, "prev": StateSpec.like(p), "step_size": StateSpec.like(p, first)}

    def update(self, p: Node, g: Node, state: Nodes, hyper: Hyper) -> tuple[Node, Nodes]:
        """One step of the equations above."""
        smaller, larger = (eta.rounded(p.dtype) for eta in hyper.etas)
        least, most = (size.rounded(p.dtype) for size in hyper.step_sizes)
        agrees = sign(g * state["prev"])
        turned = compare("lt", agrees, 0.0)
        grown = where(compare("gt", agrees, 0.0), larger, where(turned, smaller, agrees + 1.0))
        size = minimum(maximum(state["step_size"] * grown, least), most)
        g = where(turned, 0.0, g)
        return p - size * sign(g), {"prev": g, "step_size": size}
