"""Patient: what a cure needs of a training that can be tried out: `Trainer` gives it."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from zincir.doctor.course import Course
from zincir.doctor.exam import Exam
from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line
from zincir.nn import Module
from zincir.tensor import Tensor


@functools.singledispatch
def patient_of(training: Any, train: Any, validation: Any, batch_size: int, steps: int) -> Patient:
    """A training as a patient, with the batches that it would be trained on next.

    Whoever has trainings of another kind registers how theirs are tried.

    Args:
        training: a `Trainer`.
        train, validation, batch_size: as for its `fit`.
        steps: how many updates are to be tried.

    Raises:
        ArgumentError: nobody knows how such a thing is trained.
    """
    raise ArgumentError(
        explain("cure: the first argument is a Trainer", where=user_line(),
                got=type(training).__name__)
    )  # fmt: skip


class Patient(ABC):
    """A training with the batches that come next, and with some that are held out."""

    course: Course | None = None
    """What was measured in the run without any change, once that has been made."""

    @property
    @abstractmethod
    def model(self) -> Module:
        """The model; remedies change it in place."""

    @property
    @abstractmethod
    def loss(self) -> Callable[[Any, Any], Tensor]:
        """The loss of a batch."""

    @property
    @abstractmethod
    def optimizer(self) -> Any:
        """The optimizer."""

    @property
    @abstractmethod
    def scheduler(self) -> Any:
        """The learning rate schedule, or None."""

    @property
    @abstractmethod
    def epoch_steps(self) -> int:
        """Updates in an epoch, as far as that is known."""

    @property
    @abstractmethod
    def sample(self) -> tuple[Any, Any]:
        """Inputs and targets of a few hundred samples to be trained on."""

    @property
    @abstractmethod
    def batch(self) -> tuple[Any, Any]:
        """The batch that comes next."""

    @property
    @abstractmethod
    def held(self) -> Sequence[tuple[Any, Any]]:
        """Batches that no trial is trained on."""

    @abstractmethod
    def take(self, *, loss: Any = None, optimizer: Any = None, scheduler: Any = None) -> None:
        """Go on with another loss, optimizer or schedule, which is stepped after each update."""

    @abstractmethod
    def clip(self, norm: float) -> None:
        """Clip gradients to a norm from now on, in place of any clipping there was."""

    @abstractmethod
    def predict(self, x: Any) -> Any:
        """Outputs in evaluation mode."""

    @abstractmethod
    def train(self, exam: Exam, steps: int, each: Callable[[int], None], order: int) -> None:
        """Train for so many steps on the batches that come next, while an exam watches.

        Args:
            each: called after each step with its number, from 1 on.
            order: other numbers than 0 are other orders of the same samples.
        """

    @abstractmethod
    def shielded(self) -> AbstractContextManager[Callable[[], None]]:
        """A context in which Ctrl-C acts between two steps, or where what it gives is called."""

    @abstractmethod
    def undone(self) -> AbstractContextManager[None]:
        """A context after which everything is what it was before, to the bit."""

    @abstractmethod
    def unless_failing(self) -> AbstractContextManager[None]:
        """A context whose changes stay, if nothing is raised in it."""
