"""`zincir.explain`: called with a loss; what belongs to it are its methods."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from zincir import errors
from zincir.doctor import Report
from zincir.errors import ArgumentError
from zincir.explanation.checking import GradientCheck, Parameters, check
from zincir.explanation.explanation import Explanation
from zincir.explanation.landscape import Landscape, Point, landscape
from zincir.explanation.naming import Names
from zincir.explanation.stepping import step_taken
from zincir.explanation.trace import trace
from zincir.graph.node import user_line
from zincir.nn import Module
from zincir.optim import Optimizer
from zincir.tensor import Tensor


class Explain:
    """The chain rule, seen: `zincir.explain(loss)`."""

    def __call__(
        self,
        loss: Tensor,
        *,
        names: Names | None = None,
        optimizer: Optimizer | None = None,
        report: Report | None = None,
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
            report: of `doctor.checkup` or `doctor.watch`: layers lead to its findings.

        Raises:
            GradientError: the loss has no gradient, is no scalar, or its graph was given up.
            ArgumentError: a name, or the optimizer, belongs to nothing that the loss was computed
                from; or the report is none.

        Example:
            >>> import zincir
            >>> w, x = zincir.tensor(2.0, requires_grad=True), zincir.tensor(3.0)
            >>> page = zincir.explain((w * x - 10) ** 2, names={"w": w, "x": x})
            >>> page["w"].gradient.single
            -24.0
        """
        given: object = report
        if given is not None and not isinstance(given, Report):
            raise ArgumentError(
                errors.explain(
                    "explain: report is no report of the doctor's",
                    where=user_line(),
                    got=type(given).__name__,
                    try_="report=zincir.doctor.checkup(model, loss, optimizer, (x, y))",
                )
            )
        traced = trace(loss, names)
        step = None if optimizer is None else step_taken(loss, traced, optimizer)
        return Explanation(traced.chain, step, report)

    def check(
        self, loss_function: Callable[[], Tensor], parameters: Parameters, *, most: int = 6
    ) -> GradientCheck:
        """Does a gradient hold? Back-propagation beside centred differences.

        (L(x + h) - L(x - h)) / 2h is compared with dL/dx for the element of each parameter where
        that is largest, and for some others. The loss function is called once; what it recorded is
        computed again in float64 for each element, so that random numbers are the same and float32
        is no excuse, nor are halves. A module given as `parameters` stays what it is.
        What gradients take as a constant is one: what was detached or computed without
        gradients, masks of one's own, and numbers that Python took out of tensors (`item()`).
        Functions whose forward pass leaves the graph are called again.

        Args:
            loss_function: takes nothing and returns the loss.
            parameters: a module, tensors by name, or a list of tensors.
            most: elements of each.

        Raises:
            GradientError: the loss has no gradient, or is no scalar; or a function would have to be
                called again that was called elsewhere.
            ArgumentError: it does not depend on the parameters.

        Example:
            >>> import zincir
            >>> w = zincir.tensor([2.0, 0.0], requires_grad=True)
            >>> found = zincir.explain.check(lambda: w.abs().sum() * 3, {"w": w})
            >>> [row.verdict for row in found.rows], found.ok
            (['holds', 'kink'], True)
        """
        return check(loss_function, parameters, most=most)

    def landscape(
        self,
        model: Module,
        loss_function: Callable[[Any, Any], Tensor],
        data: tuple[Any, Any],
        *,
        path: Sequence[Point] = (),
        directions: str = "random",
        points: int = 25,
        span: float = 1.0,
    ) -> Landscape:
        """The loss on a plane through the weights of a model, with the path of a training.

        L(w + a * d1 + b * d2) for places a and b. Random directions are normal numbers whose
        filters (rows of weights) are as long as those of the model, and 0 for biases (Li et al.
        2018, https://arxiv.org/abs/1712.09913); they are always the same. A model of one number has
        one direction, and its landscape is a curve. The model is run at each place, in the mode it
        is in and with the same random numbers, on copies of its weights; nothing of it is changed.

        Args:
            loss_function: of what the model gives and the target, such as `nn.MSELoss()`.
            data: inputs and targets.
            path: copies of `model.state_dict()` from a training; the plane is wide enough for it.
            directions: "random", or "path": those in which the path goes furthest.
            points: places in a row and in a column; the work is their square.
            span: how far the plane reaches at least, in lengths of random directions.

        Raises:
            ArgumentError: the path does not fit the model, or is too short for its directions; the
                model has no weights, or complex ones; the loss is not one real number.

        Example:
            >>> import zincir
            >>> net, x = zincir.nn.Linear(2, 1), zincir.ones(3, 2)
            >>> found = zincir.explain.landscape(net, zincir.nn.MSELoss(), (x, net(x)), points=5)
            >>> found.losses.shape, float(found.losses[2, 2])
            ((5, 5), 0.0)
        """
        return landscape(
            model, loss_function, data, path=path, directions=directions, points=points, span=span
        )


explain = Explain()
