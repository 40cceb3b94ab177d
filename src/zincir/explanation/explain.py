"""`zincir.explain`: called with a loss; what belongs to it are its methods."""

from __future__ import annotations

from zincir.explanation.explanation import Explanation
from zincir.explanation.naming import Names
from zincir.explanation.stepping import step_taken
from zincir.explanation.trace import trace
from zincir.optim import Optimizer
from zincir.tensor import Tensor


class Explain:
    """The chain rule, seen: `zincir.explain(loss)`."""

    def __call__(
        self, loss: Tensor, *, names: Names | None = None, optimizer: Optimizer | None = None
    ) -> Explanation:
        """Every value on the way to a loss, every gradient on the way back, and what links them.

        dL/dx is the sum, over all y that are computed from x, of dL/dy * dy/dx (the chain rule).
        Nothing is changed: values, gradients and the graph are afterwards what they were, to the
        bit. It works before `backward()`, and after it as long as the graph is there: it is given
        up when the loss or a gradient is looked at after `backward()` without `retain_graph=True`.
        All is computed by NumPy, in the types of the graph, so that last digits may differ.

        Args:
            loss: one real number, computed from tensors that require gradients.
            names: tensors and modules by name. Without it the parameters of modules have the names
                that these give them, and other values those that the lines that made them assign
                to, such as `p = w * x`.
            optimizer: with one, also what its next step would make of these gradients, and the
                loss on the same data after it. It is taken by a copy, on copies.

        Raises:
            GradientError: the loss has no gradient, is no scalar, or its graph was given up.
            ArgumentError: a name, or the optimizer, belongs to nothing that the loss was computed
                from.

        Example:
            >>> import zincir
            >>> w, x = zincir.tensor(2.0, requires_grad=True), zincir.tensor(3.0)
            >>> page = zincir.explain((w * x - 10) ** 2, names={"w": w, "x": x})
            >>> page["w"].gradient.single
            -24.0
        """
        traced = trace(loss, names)
        step = None if optimizer is None else step_taken(traced, optimizer)
        return Explanation(traced.chain, step)


explain = Explain()
