"""What is compiled: the step of training, that of evaluation, and prediction."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import Any, cast

import numpy as np

from zincir.autograd import no_grad
from zincir.creation import as_tensor, zeros
from zincir.distributed import Comm, gather
from zincir.errors import ArgumentError, ShapeError, explain
from zincir.graph.node import user_line
from zincir.metrics import Metric, named
from zincir.nn import Module
from zincir.nn.module.calls import called
from zincir.recording import EPOCH
from zincir.step import compile
from zincir.tensor import Tensor
from zincir.trainer.callback import Callbacks, Step
from zincir.trainer.feed import Feed
from zincir.trainer.together import Together
from zincir.trees import flatten
from zincir.types import DType, float32, float64

Loss = Callable[[Any, Any], Tensor]


@contextmanager
def mode(model: Module, training: bool) -> Generator[None]:
    """Set a model and all below it to training or evaluation, and each back to what it was."""
    before = [(module, module.training) for module in model.modules()]
    if all(was is training for _, was in before):
        yield
        return
    model.train(training)
    try:
        yield
    finally:
        for module, was in before:
            if module.training is not was:
                module.training = was


@contextmanager
def _naming(metric: Metric) -> Generator[None]:
    """Errors say which metric raised them."""
    try:
        yield
    except Exception as error:
        error.add_note(f"Trainer: in the metric {metric.name!r}")
        raise


class Totals:
    """What a pass adds up: the loss and the metrics, in tensors that its steps change in place."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self.loss = zeros((), dtype=float64)
        self.samples = 0
        self.metrics = metrics
        self.inside = [m for m in metrics if m.in_step]
        self.outside = [m for m in metrics if not m.in_step]

    def reset(self) -> None:
        self.loss.zero_()
        self.samples = 0
        for metric in self.metrics:
            metric.reset()

    def add(self, loss: Tensor, count: int, outputs: Any, targets: Any) -> Any:
        """Add a batch, inside a step.

        Returns:
            what metrics want to see that are computed outside.
        """
        self.loss.add_(loss.detach().to(float64) * count)
        leaves, build = flatten(outputs)
        outputs = build([x.detach() if isinstance(x, Tensor) else x for x in leaves])
        for metric in self.inside:
            with _naming(metric):
                metric.update(outputs, targets)
        return (outputs, targets) if self.outside else None

    def see(self, seen: Any, count: int) -> None:
        """Note, outside of a step, what it gave."""
        self.samples += count
        if seen is not None:
            for metric in self.outside:
                with _naming(metric):
                    metric.update(*seen)

    def mean(self) -> float:
        """The loss per sample until now."""
        return self.loss.item() / self.samples if self.samples else float("nan")

    def log(self, prefix: str = "") -> dict[str, Any]:
        """The loss and the metrics by name."""
        found: dict[str, Any] = {f"{prefix}loss": self.mean()}
        for metric in self.metrics:
            with _naming(metric):
                value = metric.compute()
            several = {metric.name: value}
            if isinstance(value, dict):
                several = cast("dict[str, Any]", value)
            for name, one in several.items():
                number = isinstance(one, Tensor) and one.numel() == 1
                found[f"{prefix}{name}"] = one.item() if number else one
        return found

    def merged(self, comm: Comm) -> Totals:
        """What all processes have added up, together."""
        if comm.size == 1:
            return self
        own = self.state_dict()
        own["loss"] = own["loss"].numpy()
        own["metrics"] = [{k: v.numpy() for k, v in each.items()} for each in own["metrics"]]
        whole, other = Totals(deepcopy(self.metrics)), Totals(deepcopy(self.metrics))
        whole.reset()
        for state in gather(comm, own):
            other.reset()
            other.load_state_dict({**state, "loss": as_tensor(state["loss"])})
            whole.loss.add_(other.loss)
            whole.samples += other.samples
            for metric, more in zip(whole.metrics, other.metrics, strict=True):
                metric.merge(more)
        return whole

    def state_dict(self) -> dict[str, Any]:
        states = [metric.state_dict() for metric in self.metrics]
        return {"loss": self.loss.clone(), "samples": self.samples, "metrics": states}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.loss.copy_(state["loss"])
        self.samples = state["samples"]
        for metric, held in zip(self.metrics, state["metrics"], strict=True):
            metric.load_state_dict(held)


def loss_of(loss: Loss, outputs: Any, targets: Any) -> Tensor:
    """The loss of a batch.

    Raises:
        ShapeError: it is not one number.
    """
    value = loss(outputs, targets)
    if value.numel() != 1:
        raise ShapeError(
            explain(
                "Trainer: the loss of a batch is one number, its mean",
                where=user_line(),
                got=f"a tensor of shape {tuple(value.shape)}",
                try_="reduction='mean', or lambda out, y: loss(out, y).mean()",
            )
        )
    return value


def training_step(
    model: Module, loss: Loss, optimizer: Any, callbacks: Callbacks, totals: Totals, feed: Feed,
    precision: str | None, together: Together | None = None,
) -> Callable[..., Any]:  # fmt: skip
    """A step on a batch of `feed`: called with the batch, its share of the update, and whether it
    is the first and the last batch of this update; it gives what was observed.

    With several processes the share is the number of samples: `together` divides by all of them.
    """
    parameters = list(model.parameters())
    alone = together is None

    @compile(precision=precision)
    def step(given: Any, share: float, first: bool, last: bool) -> Any:
        x, y = feed.take(given)
        if first:
            optimizer.zero_grad()
        outputs = called(model, x)
        value = loss_of(loss, outputs, y)
        (value if first and last and alone else value * share).backward()
        noted = Step(model, optimizer, x, y, outputs, value)
        if last:
            if together is not None:
                together.exchange(parameters)
            _refuse_nothing(optimizer)
            for after in callbacks.after_backward:
                after(noted)
            optimizer.step()
            for after in callbacks.after_update:
                after(noted)
        return totals.add(value, samples_of(x), outputs, y), noted.observed

    return step


def _refuse_nothing(optimizer: Any) -> None:
    """Raise if there is nothing that an update would change."""
    groups: Any = optimizer.param_groups
    if any(p.grad is not None for group in groups for p in group["params"]):
        return
    raise ArgumentError(
        explain(
            "Trainer.fit: the loss depends on no parameter that the optimizer has",
            where=user_line(),
            try_="an optimizer over model.parameters() of the model that is trained, made after "
            "the last parameter was replaced",
        )
    )


def samples_of(x: Any) -> int:
    """The number of samples in inputs."""
    return len(flatten(x)[0][0])


def evaluation_step(
    model: Module, loss: Loss | None, totals: Totals, feed: Feed, precision: str | None
) -> Callable[[Any], Any]:
    """A step that adds a batch to `totals`, without gradients; the caller sets the mode."""

    @compile(precision=precision)
    @no_grad()
    def step(given: Any) -> Any:
        x, y = feed.take(given)
        outputs = called(model, x)
        value = zeros(()) if loss is None else loss_of(loss, outputs, y)
        return totals.add(value, samples_of(x), outputs, y)

    return step


class Prediction:
    """What a model gives for inputs, in evaluation mode and without gradients.

    Modes are switched behind the back of what watches modules, and are back when the call ends:
    recordings are good for the mode in which they were made, and would have to look at each call.
    """

    def __init__(self, model: Module, precision: str | None) -> None:
        @compile(precision=precision)
        @no_grad()
        def ask(x: Any) -> Any:
            return called(model, x)

        self._model, self._ask = model, ask
        self._training: list[dict[str, Any]] = []
        """The attributes of modules that are in training mode."""
        self._dtype: DType = float32
        self._seen = -1

    def is_input(self, x: Any) -> bool:
        """Whether `x` is one tensor or array as the model wants it."""
        if self._seen != EPOCH.count:
            self._look()
        if x.__class__ is Tensor:
            return x.dtype is self._dtype or not x.is_floating_point()
        return x.__class__ is _ARRAY and x.dtype == self._dtype.memory and x.ndim > 0

    def _look(self) -> None:
        modules = self._model.modules()
        self._training = [m.__dict__ for m in modules if m.__dict__.get("training")]
        self._dtype = floating(self._model)
        self._seen = EPOCH.count

    def __call__(self, x: Any) -> Any:
        if self._seen != EPOCH.count:
            self._look()
        for fields in self._training:
            fields["training"] = False
        try:
            return self._ask(x)
        finally:
            for fields in self._training:
                fields["training"] = True


_ARRAY: Any = np.ndarray  # a name that checks without narrowing


def floating(model: Module) -> DType:
    """The type of a model's parameters, in which it gets its inputs."""
    return next((p.dtype for p in model.parameters() if p.is_floating_point()), float32)


def metrics_of(given: Sequence[Any]) -> list[Metric]:
    """Metrics, of which some may be named.

    Raises:
        ArgumentError: something is no metric.
    """
    found: list[Metric] = []
    for metric in given:
        metric = named(metric) if isinstance(metric, str) else metric
        if not isinstance(metric, Metric):
            raise ArgumentError(
                explain(
                    "Trainer: this is no metric",
                    where=user_line(),
                    expected="a zincir.metrics.Metric, or the name of one",
                    got=repr(metric),
                )
            )
        found.append(metric)
    return found
