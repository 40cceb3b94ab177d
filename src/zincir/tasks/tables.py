"""Tables: a column of a CSV file predicted from the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from zincir import nn
from zincir.data import Table, TableEncoder, load_auto_mpg, load_penguins
from zincir.data.splits import part_lengths
from zincir.errors import ArgumentError, explain
from zincir.tasks.options import Options
from zincir.tasks.task import Asked, Models, Split, Task, check_parts
from zincir.tensor import Tensor

WIDTH, DROPPED = 128, 0.1


class Tables(Task):
    """A CSV file, or the name of a table: penguins, auto-mpg.

    Numbers are standardised by the training part; a target of names is a class. Numbers that are
    predicted are standardised as well, and put back by the net's last layer.
    """

    name = "table"
    updates, epochs = 1000, (20, 200)

    def __init__(self, encoder: TableEncoder, centre: float = 0.0, spread: float = 1.0) -> None:
        self.encoder, self.centre, self.spread = encoder, centre, spread

    @classmethod
    def begin(cls, data: str, options: Options) -> tuple[Task, Split]:
        table = _read(data, options.target)
        shares = [1 - options.validation, options.validation]
        check_parts("table", part_lengths("table", shares, len(table)))
        parts = table.split(shares, options.seed)
        encoder = TableEncoder(parts[0], unknown="ignore")
        y = encoder.encode_target(parts[0])
        task = cls(encoder)
        if encoder.classes is None:
            task.centre, task.spread = float(y.mean()), float(y.std()) or 1.0
        return task, Split(task._arrays(parts[0]), task._arrays(parts[1]))

    def _arrays(self, table: Table) -> tuple[Any, Any]:
        return self.encoder.encode(table)[0], self.encoder.encode_target(table)

    def load(self, data: str) -> tuple[Any, Any]:
        return self._arrays(_read(data, self.encoder.target))

    def inputs(self, items: Sequence[str]) -> Asked:
        if len(items) != 1:
            raise ArgumentError(
                explain("table: predicts the rows of one CSV file", got=f"{len(items)} files")
            )
        table = Table.from_csv(items[0], missing="fill")
        return Asked([str(row) for row in table.rows.tolist()], self.encoder.encode(table)[0])

    def state_dict(self) -> dict[str, Any]:
        return {
            "encoder": self.encoder.state_dict(),
            "centre": self.centre,
            "spread": self.spread,
        }

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Any]) -> Tables:
        encoder = TableEncoder.from_state_dict(state["encoder"])
        return cls(encoder, state["centre"], state["spread"])

    @property
    def classes(self) -> list[str] | None:
        return self.encoder.classes

    models: ClassVar[Models] = {
        "mlp": lambda task: _net(task, (WIDTH, WIDTH)),
        "linear": lambda task: _net(task, ()),
        "wide": lambda task: _net(task, (4 * WIDTH, 2 * WIDTH)),
    }


def _net(task: Tables, hidden: Sequence[int]) -> nn.Module:
    width, layers = len(task.encoder.feature_names), list[nn.Module]()
    for size in hidden:
        layers += [nn.Linear(width, size), nn.BatchNorm1d(size), nn.ReLU(), nn.Dropout(DROPPED)]
        width = size
    layers.append(nn.Linear(width, 1 if task.classes is None else len(task.classes)))
    if task.classes is None:
        layers.append(Rescaled(task.centre, task.spread))
    return nn.Sequential(*layers)


class Rescaled(nn.Module):
    """x * spread + centre: standardised numbers as they were.

    Example:
        >>> import zincir
        >>> Rescaled(10.0, 2.0)(zincir.ones(1)).item()
        12.0
    """

    def __init__(self, centre: float, spread: float) -> None:
        super().__init__()
        self.centre, self.spread = centre, spread

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return x * self.spread + self.centre


_KNOWN: dict[str, Callable[[], Table]] = {"penguins": load_penguins, "auto-mpg": load_auto_mpg}


def _read(data: str, target: str | None) -> Table:
    if data in _KNOWN and not Path(data).is_file():
        table = _KNOWN[data]()
        if target not in (None, table.target):
            raise ArgumentError(
                explain(f"table: {data} is for {table.target!r}", got=f"target {target!r}")
            )
        return table
    if target is None:
        names = list(Table.from_csv(data, missing="fill").columns)
        target = names[-1]
    return Table.from_csv(data, target, missing="fill")
