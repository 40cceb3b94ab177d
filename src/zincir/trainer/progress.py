"""What people see while a model is trained."""

from __future__ import annotations

import sys
from typing import Any

from zincir.trainer.callback import Callback
from zincir.trainer.training import Training


class Progress(Callback):
    """A bar for the epoch that runs (rich, extra `zincir[demo]`), and a line for each that is done.

    Without rich, or where nobody looks at a terminal, there are the lines alone.

    Args:
        shown: None for: if the output is a terminal or a notebook.
    """

    everywhere = False

    def __init__(self, shown: bool | None = None) -> None:
        self.shown = shown
        self._bar: Any = None
        self._task: Any = None
        self._lines = False

    @property
    def speaks(self) -> bool:
        """Whether lines are written."""
        return _is_seen() if self.shown is None else self.shown

    def on_fit_begin(self, trainer: Training) -> None:
        seen = _is_seen()
        self._lines = self.speaks
        self._bar = _bar() if self._lines and seen else None

    def on_epoch_begin(self, trainer: Training) -> None:
        fit = trainer.running
        if self._bar is not None and fit is not None:
            title = f"epoch {trainer.epoch + 1}/{fit.until}"
            self._task = self._bar.add_task(title, total=fit.batches, measures="")
            self._bar.start()

    def on_look(self, trainer: Training) -> None:
        fit = trainer.running
        if self._task is None or fit is None:
            return
        rate = float(trainer.optimizer.param_groups[0]["lr"])
        measures = f"loss {fit.loss():.4g}  lr {rate:.3g}"
        self._bar.update(self._task, completed=fit.position, measures=measures)

    def on_epoch_end(self, trainer: Training, log: dict[str, Any]) -> None:
        self._close()
        if self._lines and trainer.running is not None:
            sys.stderr.write(f"{line(log, trainer.running.until)}\n")
            sys.stderr.flush()

    def on_exception(self, trainer: Training, error: BaseException) -> None:
        self._close()

    def _close(self) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.remove_task(self._task)
            self._bar.stop()
            self._task = None


def _is_seen() -> bool:
    return sys.stderr.isatty() or "ipykernel" in sys.modules


def _bar() -> Any:
    """The bar, if rich is installed."""
    try:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress as Bar,
            TextColumn,
            TimeRemainingColumn,
        )
    except ImportError:
        return None
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[measures]}"),
        TimeRemainingColumn(),
    )
    return Bar(*columns, console=Console(stderr=True), transient=True)


def line(log: dict[str, Any], until: int) -> str:
    """An epoch as a line of text."""
    measures = [
        f"{name} {value:.4g}"
        for name, value in log.items()
        if isinstance(value, int | float) and name not in ("epoch", "seconds")
    ]
    return f"epoch {log['epoch']}/{until}: {', '.join(measures)} ({log['seconds']:.1f} s)"
