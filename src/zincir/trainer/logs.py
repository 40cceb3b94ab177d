"""The history as files that grow with it."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from zincir.tensor import Tensor
from zincir.trainer.callback import Callback
from zincir.trainer.training import Training
from zincir.utils.tensorboard import SummaryWriter


class CSVLog(Callback):
    """Writes the numbers of the history to a CSV file, anew after each epoch.

    Example:
        >>> import tempfile
        >>> log = CSVLog(tempfile.mkdtemp() + "/log.csv")
    """

    everywhere = False

    def __init__(self, path: Any) -> None:
        self.path = Path(path)

    def on_save(self, trainer: Training) -> None:
        names = [n for n in trainer.history.names if _is_column(trainer.history[n])]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(names)
            writer.writerows([[row.get(name, "") for name in names] for row in trainer.history])


class JSONLog(Callback):
    """Writes the history to a file with one JSON object in each line, anew after each epoch.

    Example:
        >>> import tempfile
        >>> log = JSONLog(tempfile.mkdtemp() + "/log.jsonl")
    """

    everywhere = False

    def __init__(self, path: Any) -> None:
        self.path = Path(path)

    def on_save(self, trainer: Training) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lines = [json.dumps(row, default=_listed) + "\n" for row in trainer.history]
        self.path.write_text("".join(lines))


def _is_column(values: list[Any]) -> bool:
    return all(value is None or isinstance(value, int | float | str) for value in values)


def _listed(x: Any) -> Any:
    """What JSON does not know: tensors and arrays as lists."""
    return x.tolist() if isinstance(x, Tensor) or hasattr(x, "tolist") else str(x)


class TensorBoardLog(Callback):
    """Writes the numbers of the history as event files for TensorBoard, an epoch as a step.

    Args:
        folder: of this run.
    """

    everywhere = False

    def __init__(self, folder: Any) -> None:
        self.folder = Path(folder)
        self._writer: SummaryWriter | None = None

    def on_epoch_end(self, trainer: Training, log: dict[str, Any]) -> None:
        if self._writer is None:
            self._writer = SummaryWriter(str(self.folder))
        for name, value in log.items():
            if isinstance(value, int | float) and name != "epoch":
                self._writer.add_scalar(name, value, log["epoch"])
        self._writer.flush()

    def on_fit_end(self, trainer: Training) -> None:
        self._close()

    def on_exception(self, trainer: Training, error: BaseException) -> None:
        self._close()

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
