"""Cross-entropy over very many classes, the rare ones in clusters of their own."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from zincir.errors import ArgumentError, IndexOutOfRange, ShapeError, explain
from zincir.functional import cat
from zincir.graph.node import user_line
from zincir.nn import functional as F
from zincir.nn.layers.linear import Linear
from zincir.nn.module.container import ModuleList, Sequential
from zincir.nn.module.module import Module
from zincir.tensor import Tensor
from zincir.types import DType


class ASMOutput(NamedTuple):
    """What `AdaptiveLogSoftmaxWithLoss` returns."""

    output: Tensor
    """The log probability of each target."""
    loss: Tensor
    """The mean of its negative."""


class AdaptiveLogSoftmaxWithLoss(Module):
    """Log probabilities of very many classes of which a few are frequent, and their loss.

    ```
    log p(c) = log_softmax(head(x))[c]                                           c < cutoffs[0]
    log p(c) = log_softmax(head(x))[cluster] + log_softmax(tail[cluster](x))[c]  otherwise
    ```

    Classes are numbered from the most frequent on. A tail is computed for the rows whose target
    lies in it alone, through a smaller space; so a compiled function cannot call it, only
    `log_prob` and `predict`. From https://arxiv.org/abs/1609.04309.

    Shape: input (batch, in_features), target (batch,) -> output (batch,), loss ().

    Args:
        cutoffs: where clusters begin: classes below cutoffs[0] belong to the head.
        div_value: cluster i goes through in_features // div_value**(i + 1) numbers.
        head_bias: whether the head has a bias.

    Raises:
        ArgumentError: cutoffs are not rising numbers between 1 and n_classes - 1.

    Example:
        >>> import zincir
        >>> layer = AdaptiveLogSoftmaxWithLoss(8, 20, [5, 10])
        >>> out = layer(zincir.randn(3, 8), zincir.tensor([0, 7, 19]))
        >>> out.output.shape, layer.log_prob(zincir.randn(3, 8)).shape
        ((3,), (3, 20))
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        ends = [0, *cutoffs, n_classes]
        if len(ends) == 2 or any(a >= b or int(a) != a for a, b in pairwise(ends)):
            raise ArgumentError(
                explain(
                    "AdaptiveLogSoftmaxWithLoss: cutoffs do not cut the classes",
                    where=user_line(),
                    expected=f"rising whole numbers between 1 and {n_classes - 1}",
                    got=str(list(cutoffs)),
                )
            )
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = ends[1:]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(self.cutoffs) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, head_bias, device, dtype)
        self.tail = ModuleList()
        for i, (low, high) in enumerate(pairwise(self.cutoffs)):
            width = int(in_features // div_value ** (i + 1))
            into = Linear(in_features, width, False, device, dtype)
            self.tail.append(Sequential(into, Linear(width, high - low, False, device, dtype)))

    def reset_parameters(self) -> None:
        """New first values for all layers."""
        for layer in self.modules():
            if isinstance(layer, Linear):
                layer.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> ASMOutput:  # PyTorch's names
        input, target = input_, target_
        self._check(input, target)
        if target.ndim == 0:
            output, loss = self(input.unsqueeze(0), target.unsqueeze(0))
            return ASMOutput(output.squeeze(0), loss)
        found, output = target, input.new_zeros(target.shape[0])
        for i, (low, high) in enumerate(pairwise(self.cutoffs)):
            inside = (target >= low) & (target < high)
            rows = inside.nonzero()[:, 0]
            if rows.numel():
                scores = F.log_softmax(self.tail[i](input.index_select(0, rows)), 1)
                places = (target[rows] - low).unsqueeze(1)
                output = output.index_copy(0, rows, scores.gather(1, places).squeeze(1))
                found = found.masked_fill(inside, self.shortlist_size + i)
        head = F.log_softmax(self.head(input), 1)
        output = output + head.gather(1, found.unsqueeze(1)).squeeze(1)
        return ASMOutput(output, (-output).mean())

    def _check(self, input: Tensor, target: Tensor) -> None:
        fits = target.ndim <= 1 and input.ndim == target.ndim + 1
        if not fits or (target.ndim and input.shape[0] != target.shape[0]):
            raise ShapeError(
                explain(
                    "AdaptiveLogSoftmaxWithLoss: input and target do not fit",
                    where=user_line(),
                    expected="(batch, in_features) and (batch,), or (in_features,) and ()",
                    got=f"{input.shape} and {target.shape}",
                )
            )
        if target.numel() and bool(((target < 0) | (target >= self.n_classes)).any()):
            raise IndexOutOfRange(
                explain(
                    "AdaptiveLogSoftmaxWithLoss: a target is no class",
                    where=user_line(),
                    expected=f"from 0 to {self.n_classes - 1}",
                    got=f"from {target.min().item()} to {target.max().item()}",
                )
            )

    def log_prob(self, input: Tensor) -> Tensor:
        """The log probabilities of all classes: (batch, in_features) -> (batch, n_classes)."""
        head = F.log_softmax(self.head(input), 1)
        parts = [head[:, : self.shortlist_size]]
        for i in range(self.n_clusters):
            cluster = head[:, self.shortlist_size + i].unsqueeze(1)
            parts.append(F.log_softmax(self.tail[i](input), 1) + cluster)
        return cat(parts, 1)

    def predict(self, input: Tensor) -> Tensor:
        """The class that is chosen for each row: (batch, in_features) -> (batch,).

        As in PyTorch the head decides first: a frequent class that it prefers to all clusters is
        taken, and else the most probable of all classes.
        """
        best = self.head(input).argmax(1)
        return best.where(best < self.shortlist_size, self.log_prob(input).argmax(1))
