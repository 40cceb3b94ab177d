"""Checkpoints while a model is trained."""

from __future__ import annotations

import math
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from zincir.errors import ArgumentError, NotFinite, explain
from zincir.graph.node import user_line
from zincir.trainer.callback import Callback
from zincir.trainer.checkpoint import frozen, write
from zincir.trainer.training import Training


class Checkpoint(Callback):
    """Saves the state of the training into a folder, as `last.ckpt` and `best.ckpt`.

    A file is written beside the old one and takes its place when it is complete: whatever happens,
    the last one can be loaded. The numbers are copied when it begins, and written by a thread while
    training goes on. When training is stopped (Ctrl-C, SIGTERM, an error in the middle), the state
    is saved as well, unless the loss is not finite. Of several processes, the first one writes.

    Args:
        folder: it is made if it is not there.
        monitor: the measure of the history by which the best is found: by default `val_loss`, or
            `loss` without a validation. Names of losses and errors are better when they are small.
        largest: whether a larger number is better; None: found from the name.
        seconds: to save in the middle of an epoch too, whenever so many have passed.

    Attributes:
        last, best: the paths.
        best_value: the best number so far.

    Example:
        >>> import tempfile
        >>> Checkpoint(tempfile.mkdtemp()).last.name
        'last.ckpt'
    """

    def __init__(
        self,
        folder: Any,
        *,
        monitor: str | None = None,
        largest: bool | None = None,
        seconds: float | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.last, self.best = self.folder / "last.ckpt", self.folder / "best.ckpt"
        self.monitor, self.largest, self.seconds = monitor, largest, seconds
        self.best_value: float | None = None
        self._saved_at = math.inf
        self._writer: ThreadPoolExecutor | None = None
        self._written: Future[None] | None = None
        self._at_step = -1

    def on_fit_begin(self, trainer: Training) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._saved_at = _clock(trainer)

    def on_look(self, trainer: Training) -> None:
        if self.seconds is not None and _clock(trainer) - self._saved_at > self.seconds:
            self._save(trainer, [self.last])

    def on_save(self, trainer: Training) -> None:
        log = trainer.history[-1]
        name, largest = monitored(self.monitor, self.largest, log, "Checkpoint")
        paths = [self.last]
        if is_better(log[name], self.best_value, largest):
            self.best_value = float(log[name])
            paths.append(self.best)
        self._save(trainer, paths)

    def on_exception(self, trainer: Training, error: BaseException) -> None:
        if not isinstance(error, NotFinite) and self._at_step != trainer.steps:
            self._save(trainer, [self.last])
        self._finish()

    def on_fit_end(self, trainer: Training) -> None:
        self._finish()

    def _save(self, trainer: Training, paths: list[Path]) -> None:
        """Copy the state, and write it while training goes on.

        Raises:
            OSError: the one before could not be written.
        """
        self._wait()
        taken = frozen(trainer.state_dict())
        self._saved_at, self._at_step = _clock(trainer), trainer.steps
        if trainer.ranks.rank != 0:
            return
        if self._writer is None:
            self._writer = ThreadPoolExecutor(1)

        def work() -> None:
            for path in paths:
                write(taken, path)

        self._written = self._writer.submit(work)

    def _wait(self) -> None:
        written, self._written = self._written, None
        if written is not None:
            written.result()

    def _finish(self) -> None:
        try:
            self._wait()
        finally:
            if self._writer is not None:
                self._writer.shutdown()
                self._writer = None

    def state_dict(self) -> dict[str, Any]:
        return {"best_value": self.best_value}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.best_value = state["best_value"]


def _clock(trainer: Training) -> float:
    return 0.0 if trainer.running is None else trainer.running.clock


_SMALL = ("loss", "error", "mae", "mse", "rmse", "mape", "perplexity", "calibration")


def monitored(
    name: str | None, largest: bool | None, log: dict[str, Any], who: str
) -> tuple[str, bool]:
    """The measure by which epochs are compared, and whether a larger one is better.

    Raises:
        ArgumentError: the history has no such measure, or it is no number.
    """
    found = name or ("val_loss" if "val_loss" in log else "loss")
    if not isinstance(log.get(found), int | float):
        numbers = [k for k, v in log.items() if isinstance(v, int | float)]
        raise ArgumentError(
            explain(
                f"{who}: the history has no number {found!r}",
                where=user_line(),
                expected=", ".join(numbers),
                got=repr(log.get(found)),
            )
        )
    return found, not found.removeprefix("val_").endswith(_SMALL) if largest is None else largest


def is_better(value: float, best: float | None, largest: bool, by: float = 0.0) -> bool:
    """Whether a number is better than the best so far; NaN never is."""
    if math.isnan(value):
        return False
    if best is None:
        return True
    return value > best + by if largest else value < best - by
