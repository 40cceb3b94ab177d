"""SparseAdam."""

from __future__ import annotations

from typing import Annotated

from zincir.errors import GradientError, explain
from zincir.graph.node import Node, describe, here
from zincir.operations.arithmetic import compare, where
from zincir.operations.elementwise import expm1, sqrt
from zincir.operations.indexing import few_rows, scatter, take
from zincir.operations.movement import expand, reshape
from zincir.operations.source import const, iota
from zincir.optim.adam import mean_of
from zincir.optim.formula import Formula, Nodes
from zincir.optim.hyper import Hyper
from zincir.optim.settings import Betas, Group, Params, Rate, Setting, Switch
from zincir.optim.state import STEP, StateSpec
from zincir.tensor import Tensor
from zincir.types import int64, size


class SparseAdam(Formula):
    """Adam for tables: rows that were not looked up keep their values and means.

    ```
    m = beta1 * m + (1 - beta1) * gradient         in rows that were looked up, and so below
    v = beta2 * v + (1 - beta2) * gradient**2
    p = p - lr * sqrt(1 - beta2**t) / (1 - beta1**t) * m / (sqrt(v) + eps)
    ```

    It is for the weights of `nn.Embedding(..., sparse=True)`, whose gradients know which rows
    were looked up since they began, be their gradient 0 or not. `t` counts all steps.

    Args:
        params: tensors, (name, tensor) pairs, or dictionaries of parameter groups.
        lr: the learning rate; a number or a tensor.
        betas: how much the two running means keep at each step.
        maximize: go up instead of down.

    Raises:
        GradientError: at a step, a gradient is not of that kind.

    Example:
        >>> import zincir
        >>> words = zincir.nn.Embedding(3, 1, sparse=True)
        >>> with zincir.no_grad():
        ...     _ = words.weight.fill_(4.0)
        >>> optimizer = SparseAdam(words.parameters(), lr=0.5)
        >>> words(zincir.tensor([2, 2])).sum().backward()
        >>> optimizer.step()
        >>> words.weight.flatten().tolist()
        [4.0, 4.0, 3.5]
    """

    def __init__(
        self,
        params: Params,
        lr: Rate = 1e-3,
        betas: Betas = (0.9, 0.999),
        eps: Annotated[float, Setting("a number, more than 0", lambda v: v > 0)] = 1e-8,
        maximize: Switch = False,
    ) -> None:
        super().__init__(params, locals())

    def init(self, p: Node, group: Group) -> dict[str, StateSpec]:
        """The step count and the two running means."""
        return {"step": STEP, "exp_avg": StateSpec.like(p), "exp_avg_sq": StateSpec.like(p)}

    def beside(self, p: Tensor) -> Nodes:
        """How often each row was looked up."""
        counts = p._touched
        if counts is None or counts.grad is None:
            raise GradientError(
                explain(
                    "SparseAdam does not support dense gradients",
                    where=describe(here()),
                    expected="a gradient of nn.Embedding(..., sparse=True)",
                    got=f"one of {p.dtype.name} {tuple(p.shape)} that is not known by rows",
                    try_="Adam",
                )
            )
        return {"count": counts.grad._node}

    def precompute(self, hyper: Hyper, t: Node) -> Nodes:
        """The step size."""
        log1, log2 = hyper.log_betas
        return {"step_size": hyper.lr * sqrt(-expm1(t * log2)) / -expm1(t * log1)}

    def update(self, p: Node, g: Node, state: Nodes, hyper: Hyper) -> tuple[Node, Nodes]:
        """One step of the equations above."""
        table = {"p": p, "g": g, **state}
        found, counted = few_rows(g), few_rows(state["count"])
        if found is None or counted is None or found[0] is not counted[0]:
            new = self._rows(table, hyper)
        else:
            # The rows that were looked up alone. One that was looked up twice is written twice.
            index, rows = found
            looked_up = {k: take(x, index) for k, x in table.items() if k != "g"}
            made = self._rows({**looked_up, "g": _summed(index, rows, p.shape[0])}, hyper)
            new = {k: scatter(table[k], index, x, "set") for k, x in made.items()}
        return new.pop("p"), new

    def _rows(self, old: Nodes, hyper: Hyper) -> Nodes:
        beta1, beta2 = hyper.betas
        p, g, m, v = (old[k] for k in ("p", "g", "exp_avg", "exp_avg_sq"))
        touched = compare("gt", old["count"], 0)
        m = where(touched, mean_of(m, g, beta1), m)
        v = where(touched, mean_of(v, g * g, beta2), v)
        moved = p - hyper.step_size * m / (sqrt(v) + hyper.eps)
        return {"p": where(touched, moved, p), "exp_avg": m, "exp_avg_sq": v}


def _summed(index: Node, rows: Node, count: int) -> Node:
    """For each row that was looked up, the sum of all `rows` at its number, of so many numbers.

    The sums lie where the last one of them was: there is no table of them.
    """
    places = reshape(iota((size(index.shape),), 0, int64), index.shape)
    last = scatter(expand(const(0, int64), (count,)), index, places, "set")
    where_last = take(last, index)
    zeros = expand(const(0.0, rows.dtype), (size(index.shape), *rows.shape[index.ndim :]))
    return take(scatter(zeros, where_last, rows, "add"), where_last)
