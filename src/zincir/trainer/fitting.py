"""One `fit`: epochs, steps and what comes between them."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any, Protocol

from zincir.errors import explain
from zincir.random import get_rng_state, set_rng_state
from zincir.trainer.callback import Callbacks
from zincir.trainer.errors import NotFinite
from zincir.trainer.feed import Batch, Feed
from zincir.trainer.passes import Loss, Totals, mode, training_step
from zincir.trainer.stopping_signals import Signals
from zincir.trainer.training import Training

BETWEEN_LOOKS = 0.1
"""Seconds after which what people see is brought up to date."""


class Trained(Training, Protocol):
    """What a fit needs of the `Trainer` besides."""

    callbacks: Callbacks
    precision: str | None
    accumulate: int

    @property
    def loss(self) -> Loss:
        """What is trained for."""
        ...

    def validated(self, feed: Feed) -> dict[str, Any]:
        """The measures of the validation."""
        ...

    def end_step(self) -> None:
        """Step a schedule that counts updates."""

    def end_epoch(self, log: dict[str, Any]) -> None:
        """Count an epoch, and step a schedule that counts epochs."""


class Fitting:
    """The training of a `Trainer` on one feed, up to an epoch."""

    def __init__(
        self, trainer: Trained, feed: Feed, validation: Feed | None, until: int, *, allow_nan: bool
    ) -> None:
        self.trainer, self.feed, self.validation, self.until = trainer, feed, validation, until
        self.allow_nan = allow_nan
        self.totals = Totals(trainer.metrics)
        self.position = 0
        """Batches of this epoch that are done."""
        self.order_state: Any = None
        """The state of the default generator when this epoch began."""
        self.signals = Signals()
        self._callbacks = trainer.callbacks
        self._step = training_step(
            trainer.model, trainer.loss, trainer.optimizer, trainer.callbacks, self.totals, feed,
            trainer.precision,
        )  # fmt: skip
        self._looked = 0.0

    def run(self) -> None:
        """Train, with the model in training mode; whatever happens, it is put back after."""
        trainer, callbacks = self.trainer, self._callbacks
        with self.signals, mode(trainer.model, training=True):
            try:
                while trainer.epoch < self.until and not trainer.stop:
                    self._epoch()
            except BaseException as error:
                callbacks.tell("on_exception", trainer, error)
                raise

    def _epoch(self) -> None:
        trainer, callbacks, began = self.trainer, self._callbacks, time.perf_counter()
        resumed = self.position > 0
        if not resumed:
            self.totals.reset()
            self.order_state = get_rng_state()
            callbacks.tell("on_epoch_begin", trainer)
        for group in self._groups(resumed):
            self._update(group)
            if trainer.stop:
                break
        log: dict[str, Any] = {"epoch": trainer.epoch + 1, **self.totals.log()}
        self._refuse_nan(log["loss"])
        log["lr"] = float(trainer.optimizer.param_groups[0]["lr"])
        if self.validation is not None:
            log |= trainer.validated(self.validation)
        log["seconds"] = time.perf_counter() - began
        trainer.end_epoch(log)
        self.position = 0
        trainer.history.rows.append(log)
        callbacks.tell("on_epoch_end", trainer, log)
        callbacks.tell("on_save", trainer)
        self._stop_if_asked()

    def _groups(self, resumed: bool) -> Iterator[list[Batch]]:
        """The batches of each update, from where the epoch stands."""
        now = get_rng_state()
        if resumed:  # what a loader draws at the beginning, and for what is done, again
            set_rng_state(self.order_state)
        batches = iter(self.feed.batches(self.trainer.epoch))
        for _ in islice(batches, self.position):
            pass
        if resumed:
            set_rng_state(now)
        while group := list(islice(batches, self.trainer.accumulate)):
            yield group

    def _update(self, group: list[Batch]) -> None:
        trainer, last = self.trainer, len(group) - 1
        everything = sum(count for _, count in group)
        for number, (given, count) in enumerate(group):
            seen, trainer.observed = self._step(
                given, count / everything, number == 0, number == last
            )
            self.totals.see(seen, count)
        self.position += len(group)
        trainer.steps += 1
        trainer.end_step()
        for end in self._callbacks.each_step:
            end(trainer)
        now = time.perf_counter()
        if now - self._looked > BETWEEN_LOOKS:
            self._looked = now
            self._refuse_nan(self.totals.mean())
            self._callbacks.tell("on_look", trainer)
        self._stop_if_asked()

    def _refuse_nan(self, loss: float) -> None:
        if math.isfinite(loss) or self.allow_nan:
            return
        trainer = self.trainer
        raise NotFinite(
            explain(
                f"Trainer.fit: the loss is {loss}, in epoch {trainer.epoch + 1}, in or before "
                f"batch {self.position}",
                expected="a finite number",
                try_="a lower learning rate, ClipGradients(norm=1.0), or "
                "zincir.autograd.set_detect_anomaly(True), which says where it is born; "
                "allow_nan=True goes on",
            )
        )

    def _stop_if_asked(self) -> None:
        if self.signals.received is not None:
            raise self.signals.error()

    @property
    def batches(self) -> int | None:
        try:
            return len(self.feed)
        except TypeError:
            return None

    def loss(self) -> float:
        return self.totals.mean()

    def state_dict(self) -> dict[str, Any]:
        """Where in the epoch it stands."""
        return {
            "position": self.position,
            "totals": self.totals.state_dict() if self.position else None,
            "order_state": self.order_state if self.position else None,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.position = state["position"]
        if self.position:
            self.totals.load_state_dict(state["totals"])
            self.order_state = state["order_state"]


def every_step(scheduler: Any) -> bool:
    """Whether a schedule counts steps, and not epochs."""
    return type(scheduler).__name__ in ("OneCycleLR", "CyclicLR")
