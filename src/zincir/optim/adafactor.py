"""Adafactor."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from zincir.graph.node import Node
from zincir.limits import finfo
from zincir.operations.arithmetic import cast, maximum, minimum
from zincir.operations.composed import mean, norm
from zincir.operations.elementwise import exp, log, sqrt
from zincir.optim.adam import mean_of
from zincir.optim.formula import Formula, Nodes
from zincir.optim.hyper import Hyper
from zincir.optim.settings import Group, Kind, NotNegative, Params, Rate, Setting, Switch
from zincir.optim.state import STEP, StateSpec
from zincir.types import float64


class Adafactor(Formula):
    """Adafactor: mean squares of a matrix kept as one number for each row and each column.

    ```
    b = t**beta2_decay
    a = max(eps2, norm(p) / sqrt(n)) * min(lr, 1 / sqrt(t))
    p = (1 - lr * weight_decay) * p
    row = row + b * (mean of g**2 in each row - row), column likewise
    v = row * column / max(mean(row), eps1)        of vectors: v = v + b * (g**2 - v)
    u = g / sqrt(max(v, eps1**2))
    p = p - a * u / max(1, norm(u) / (sqrt(n) * d))
    ```

    n is how many numbers the parameter has. From Shazeer and Stern 2018
    (https://arxiv.org/abs/1804.04235), with the choices that PyTorch has made.

    Args:
        params: tensors, (name, tensor) pairs, or dictionaries of parameter groups.
        lr: the learning rate, which is a bound here; a number or a tensor.
        beta2_decay: the power of the step count by which new squares count less, 0 or less.
        eps: what keeps the division from being one by 0 (None: the precision of the parameter's
            type), and the least size of a parameter that steps are measured by.
        d: how large the mean step may be before it is cut, 1 or more.
        weight_decay: the share of the parameter, times lr, that is lost at each step.
        foreach: changes nothing: a step is one program in any case.
        maximize: go up instead of down.

    Example:
        >>> import zincir
        >>> w = zincir.tensor([4.0], requires_grad=True)
        >>> optimizer = Adafactor([w], lr=0.25)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w.item()
        3.0
    """

    def __init__(
        self,
        params: Params,
        lr: Rate = 1e-2,
        beta2_decay: Annotated[float, Setting("a number, 0 or less", lambda v: v <= 0)] = -0.8,
        eps: Annotated[
            tuple[float | None, float],
            Setting(
                "None or a number, and a number, 0 or more",
                lambda v: (v[0] is None or v[0] >= 0) and v[1] >= 0,
                Kind.CHOICE,
            ),
        ] = (None, 1e-3),
        d: Annotated[float, Setting("a number, 1 or more", lambda v: v >= 1)] = 1.0,
        weight_decay: NotNegative = 0.0,
        *,
        foreach: bool | None = None,
        maximize: Switch = False,
    ) -> None:
        super().__init__(params, locals())

    def init(self, p: Node, group: Group) -> dict[str, StateSpec]:
        """The step count, and the mean squares: of rows and columns, or one by one."""
        if len(p.shape) < 2:
            return {"step": STEP, "variance": StateSpec.like(p)}
        *first, rows, columns = p.shape
        row, column = (*first, rows, 1), (*first, 1, columns)
        return {
            "step": STEP,
            "row_var": StateSpec(row, p.dtype),
            "col_var": StateSpec(column, p.dtype),
        }

    def precompute(self, hyper: Hyper, t: Node) -> Nodes:
        """What new squares count, and the bound of the step."""
        return {
            "keep": 1.0 - exp(hyper.beta2_decay * log(t)),
            "rate": minimum(hyper.lr.rounded(float64), 1.0 / sqrt(t)),
        }

    def update(self, p: Node, g: Node, state: Nodes, hyper: Hyper) -> tuple[Node, Nodes]:
        """One step of the equations above."""
        least, smallest = hyper.eps
        if least is None:
            least = finfo(p.dtype).eps
        size = float(np.prod(p.shape)) ** 0.5
        alpha = maximum(cast(norm(p, 2.0), float64) / size, smallest) * hyper.rate
        if hyper.weight_decay:
            p = (1 - hyper.lr * hyper.weight_decay) * p
        square, new = g * g, dict[str, Node]()
        if "variance" in state:
            v = new["variance"] = mean_of(state["variance"], square, hyper.keep)
        else:
            row = new["row_var"] = mean_of(state["row_var"], mean(square, -1, True), hyper.keep)
            column = new["col_var"] = mean_of(state["col_var"], mean(square, -2, True), hyper.keep)
            v = row * column / maximum(mean(row, -2, True), least)
        u = g / sqrt(maximum(v, least * least))
        cut = maximum(cast(norm(u, 2.0), float64) / (size * hyper.d), 1.0)
        return p - cast(alpha / cut, p.dtype) * u, new
