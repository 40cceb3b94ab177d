"""Callbacks: what takes part in training without being the model, the loss or the optimizer."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, ClassVar

from zincir.nn import Module
from zincir.optim import Optimizer
from zincir.tensor import Tensor
from zincir.trainer.training import Training


@dataclass
class Step:
    """A training step while it is recorded: tensor operations on it become part of the program."""

    model: Module
    optimizer: Optimizer
    inputs: Any
    targets: Any
    outputs: Any
    loss: Tensor
    observed: dict[str, Tensor] = field(default_factory=dict[str, Tensor])

    def observe(self, name: str, value: Tensor) -> None:
        """Let the step give `value` too: it is in `trainer.observed` after each step."""
        self.observed[name] = value.detach()


class Callback:
    """Does nothing; a subclass overrides what it wants to take part in.

    `after_backward` and `after_update` run while a step is recorded, once for each kind of batch,
    and work on tensors: what they do becomes part of the compiled step. All others run in Python.
    Only where `on_step_begin` or `on_step_end` is overridden does training come back to Python for
    it at each step.

    Example:
        >>> class Norms(Callback):
        ...     def after_backward(self, step):
        ...         for name, p in step.model.named_parameters():
        ...             step.observe(name, p.grad.norm())
    """

    everywhere: ClassVar[bool] = True
    """Whether it takes part in each of several processes that train together; False: in the first
    alone, since it writes or shows something.
    """

    def after_backward(self, step: Step) -> None:
        """Gradients are there, parameters are as they were: clip here, or look at gradients."""

    def after_update(self, step: Step) -> None:
        """Parameters are new."""

    def on_fit_begin(self, trainer: Training) -> None:
        """Before the first epoch of a `fit`, and before a checkpoint is loaded."""

    def on_epoch_begin(self, trainer: Training) -> None:
        """Before each epoch."""

    def on_step_begin(self, trainer: Training, batches: Sequence[Any]) -> None:
        """Before each update.

        Args:
            batches: what it will be made of, as the feed gave them: `trainer.running.taken(batch)`
                gives inputs and targets.
        """

    def on_step_end(self, trainer: Training) -> None:
        """After each update."""

    def on_look(self, trainer: Training) -> None:
        """About ten times a second, for what people see."""

    def on_epoch_end(self, trainer: Training, log: dict[str, float]) -> None:
        """After each epoch and its validation; what is added to `log` is in the history."""

    def on_save(self, trainer: Training) -> None:
        """After each epoch, when `on_epoch_end` of all is done, and after each update: whoever
        saves states does it here.
        """

    def on_exception(self, trainer: Training, error: BaseException) -> None:
        """Training stops since something was raised, Ctrl-C included; `error` is raised after."""

    def on_fit_end(self, trainer: Training) -> None:
        """After the last epoch."""

    @contextmanager
    def evaluation(self, trainer: Training) -> Generator[None]:
        """Around each validation, `evaluate` and `predict`."""
        yield

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint has to hold: numbers, text, tensors, in dictionaries and lists."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict()`."""


class Callbacks:
    """Several callbacks, called in their order."""

    def __init__(self, callbacks: Sequence[Callback]) -> None:
        self.all = list(callbacks)
        self.before_step = self._with("on_step_begin")
        self.each_step = self._with("on_step_end")
        self.after_backward = self._with("after_backward")
        self.after_update = self._with("after_update")

    def _with(self, name: str) -> list[Any]:
        """The methods of that name, of those that override it."""
        own = (c for c in self.all if getattr(type(c), name) is not getattr(Callback, name))
        return [getattr(c, name) for c in own]

    def tell(self, event: str, *args: Any) -> None:
        """Call a method of every callback."""
        for callback in self.all:
            getattr(callback, event)(*args)

    def tell_of(self, error: BaseException, trainer: Training) -> None:
        """Tell every callback of an error; what they raise themselves is noted."""
        for callback in self.all:
            try:
                callback.on_exception(trainer, error)
            except Exception as another:
                error.add_note(f"{type(callback).__name__}.on_exception: {another!r:.400}")

    def evaluation(self, trainer: Training) -> AbstractContextManager[None]:
        """Around an evaluation: what all callbacks put around it."""
        own = self._with("evaluation")
        return self._around(own, trainer) if own else nullcontext()

    @contextmanager
    def _around(self, own: list[Any], trainer: Training) -> Generator[None]:
        with ExitStack() as stack:
            for evaluation in own:
                stack.enter_context(evaluation(trainer))
            yield

    def state_dict(self) -> list[dict[str, Any]]:
        return [{"class": type(c).__name__, **c.state_dict()} for c in self.all]

    def load_state_dict(self, states: Sequence[dict[str, Any]]) -> None:
        """Give every callback its state: the first of its class that is left."""
        left = list(states)
        for callback in self.all:
            for state in left:
                if state["class"] == type(callback).__name__:
                    callback.load_state_dict({k: v for k, v in state.items() if k != "class"})
                    left.remove(state)
                    break
