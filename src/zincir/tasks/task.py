"""What a task knows: how data become arrays, which nets fit, and what outputs mean."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, ClassVar, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from zincir import nn
from zincir.errors import ArgumentError, DataError, explain
from zincir.tasks import pictures
from zincir.tasks.options import Options
from zincir.tensor import Tensor

TASKS: dict[str, type[Task]] = {}
"""By name."""
Models: TypeAlias = Mapping[str, Callable[[Any], nn.Module]]
"""By name, what makes a net for a task; the first is the default."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Split:
    """Inputs and targets to train on, and to try the net on."""

    train: tuple[Any, Any]
    validation: tuple[Any, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """Items that a net is asked about: what they are called, and its inputs."""

    names: list[str]
    inputs: Any
    sizes: Any = None
    """Heights and widths that images had, where it is asked for places in them."""


@dataclass(frozen=True)
class Answer:
    """What a net says of one item."""

    item: str
    value: str | None
    """A class by its name, or a number; None: nothing was found."""
    probability: float | None = None

    def line(self) -> str:
        """For people and for `cut`: columns, with tabs between."""
        share = "" if self.probability is None else f"\t{self.probability:.3f}"
        return f"{self.item}\t{self.value}{share}"


class Task(ABC):
    """A kind of training. It is made from training data and remembers what it has learnt of them.

    A subclass has a `name`, and is in `TASKS` by being defined.
    """

    name: ClassVar[str]
    models: ClassVar[Models]
    usual: ClassVar[Mapping[str, Any]] = {
        "batch_size": 64,
        "lr": 1e-3,
        "weight_decay": 1e-2,
        "augment": False,
    }
    """What options are that were left open."""
    updates: ClassVar[int] = 0
    """So many updates are made, if nothing else is said, in so many epochs as `epochs` allows."""
    epochs: ClassVar[tuple[int, int]] = 20, 20
    """The least and the most."""
    monitor: ClassVar[str | None] = None
    """The measure by which epochs are compared; None: the loss of what is held back."""
    notes: Sequence[str] = ()
    """What is worth knowing about the data that it was made from."""

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
    def inputs(self, items: Sequence[str]) -> Asked:
        """Items that are asked about, as the net's inputs."""

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """What was learnt, for JSON."""

    @classmethod
    @abstractmethod
    def from_state_dict(cls, state: Mapping[str, Any]) -> Task:
        """The task that `state_dict` came from."""

    def labels_of(self, classes: Sequence[str]) -> npt.NDArray[np.int64]:
        """The labels that classes have here, for data that may have them in another order.

        Raises:
            DataError: the training did not have one of them.
        """
        own = self.classes or []
        other = [name for name in classes if name not in own]
        if other:
            raise DataError(
                explain(
                    f"{self.name}: classes that the training did not have",
                    expected=", ".join(own),
                    got=", ".join(other),
                )
            )
        return np.array([own.index(name) for name in classes], np.int64)

    def completed(self, options: Options, samples: int) -> Options:
        """Options of which none that matters is open, for a training on so many samples."""
        left = {k: v for k, v in self.usual.items() if getattr(options, k) is None}
        options = replace(options, **left)
        if options.epochs is not None:
            return options
        passes = round(self.updates * known(options.batch_size) / samples)
        return replace(options, epochs=min(max(passes, self.epochs[0]), self.epochs[1]))

    def changes(self, options: Options) -> Any:
        """What changes inputs at random while it is trained, of complete options; None: nothing."""
        return None

    @property
    def classes(self) -> list[str] | None:
        """The names of the classes; None where numbers are predicted."""
        return None

    def pictures(self, inputs: Any, targets: Any, outputs: Any, folder: str) -> None:
        """Write pictures of how well the net does on data into a folder.

        Args:
            inputs: what it was asked.
            targets: what is true.
            outputs: what it said.
        """
        if self.classes is None:
            predicted, true = outputs[:, 0].numpy(), np.asarray(targets).reshape(-1)
            pictures.save(pictures.told(predicted, true), folder, "numbers.png")
            return
        shares = nn.functional.softmax(outputs, 1).numpy()
        figure = pictures.confusion(shares, np.asarray(targets), self.classes)
        pictures.save(figure, folder, "confusion.png")

    def draw(self, answers: Sequence[Answer], folder: str) -> None:
        """Write pictures of what was found in images.

        Raises:
            ArgumentError: nothing is looked for in images.
        """
        raise ArgumentError(
            explain(f"{self.name}: answers are no pictures", expected="a run of `train detect`")
        )

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

    def loss(self, options: Options) -> Callable[[Any, Any], Tensor]:
        """What is trained for."""
        return nn.CrossEntropyLoss() if self.classes is not None else nn.MSELoss()

    def metrics(self, *, closely: bool = False) -> list[Any]:
        """What is measured besides.

        Args:
            closely: whether a net is judged, and not each epoch: by class, say.
        """
        return ["accuracy"] if self.classes is not None else ["mae", "r2"]

    def answers(self, asked: Asked, outputs: Any, score: float) -> Sequence[Answer]:
        """What outputs mean.

        Args:
            score: from which on something counts as found, where things are looked for.
        """
        names = asked.names
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


def check_parts(name: str, lengths: Sequence[int]) -> None:
    """Raise unless there is something to train on, and something held back.

    Raises:
        DataError: there is not.
    """
    if 0 in lengths:
        raise DataError(
            explain(f"{name}: there is nothing to train on, or nothing is held back",
                    got=f"{lengths[0]} samples and {lengths[1]}",
                    try_="more data, or another --validation")
        )  # fmt: skip


def known(value: T | None) -> T:
    """An option that `completed` has filled.

    >>> known(3)
    3
    """
    assert value is not None
    return value
