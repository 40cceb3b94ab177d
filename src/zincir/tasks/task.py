"""What a task knows: how data become arrays, which nets fit, and what outputs mean."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, ClassVar, TypeAlias

import numpy as np

from zincir import nn
from zincir.errors import ArgumentError, explain
from zincir.tasks.options import Options
from zincir.tensor import Tensor

TASKS: dict[str, type[Task]] = {}
"""By name."""
Models: TypeAlias = Mapping[str, Callable[[Any], nn.Module]]
"""By name, what makes a net for a task; the first is the default."""


@dataclass(frozen=True, slots=True)
class Split:
    """Inputs and targets to train on, and to try the net on."""

    train: tuple[Any, Any]
    validation: tuple[Any, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a net says of one item."""

    item: str
    value: str
    """A class by its name, or a number."""
    probability: float | None = None


class Task(ABC):
    """A kind of training. It is made from training data and remembers what it has learnt of them.

    A subclass has a `name`, and is in `TASKS` by being defined.
    """

    name: ClassVar[str]
    models: ClassVar[Models]
    augment: Any = None
    """What changes inputs at random, if that was asked for."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "name" in cls.__dict__:
            TASKS[cls.name] = cls

    @classmethod
    @abstractmethod
    def begin(cls, data: str, options: Options) -> tuple[Task, Split]:
        """Read the data to train on, and learn from them what the net has to know.

        Raises:
            DataError, DataNotFound: they are not what the task wants; says what, and where.
        """

    @abstractmethod
    def load(self, data: str) -> tuple[Any, Any]:
        """Inputs and targets of other data, as those that were trained on."""

    @abstractmethod
    def inputs(self, items: Sequence[str]) -> tuple[list[str], Any]:
        """What to call each item that is asked about, and the net's inputs."""

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """What was learnt, for JSON."""

    @classmethod
    @abstractmethod
    def from_state_dict(cls, state: Mapping[str, Any]) -> Task:
        """The task that `state_dict` came from."""

    @property
    def classes(self) -> list[str] | None:
        """The names of the classes; None where numbers are predicted."""
        return None

    def model(self, name: str | None) -> nn.Module:
        """A new net.

        Raises:
            ArgumentError: there is none of that name.
        """
        chosen = name or next(iter(self.models))
        if chosen not in self.models:
            near = get_close_matches(chosen, self.models, 1)
            raise ArgumentError(
                explain(
                    f"{self.name}: there is no model {chosen!r}",
                    expected=", ".join(self.models),
                    try_=near[0] if near else "",
                )
            )
        return self.models[chosen](self)

    @property
    def loss(self) -> nn.Module:
        """What is trained for."""
        return nn.CrossEntropyLoss() if self.classes is not None else nn.MSELoss()

    @property
    def metrics(self) -> list[str]:
        """What is measured besides."""
        return ["accuracy"] if self.classes is not None else ["mae", "r2"]

    def answers(self, names: Sequence[str], outputs: Tensor) -> list[Answer]:
        """What outputs mean."""
        if self.classes is None:
            values: list[float] = outputs[:, 0].tolist()
            pairs = zip(names, values, strict=True)
            return [Answer(name, f"{value:.6g}") for name, value in pairs]
        shares = nn.functional.softmax(outputs, 1).numpy()
        found: list[int] = np.argmax(shares, 1).tolist()
        return [
            Answer(name, self.classes[k], float(row[k]))
            for name, row, k in zip(names, shares, found, strict=True)
        ]
